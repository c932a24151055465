// SPDX-License-Identifier: GPL-2.0-only
/* The same before. */
#include <asm/irq_remapping.h>

extern const struct vcpu_data probe;
const struct vcpu_data probe = { .pi_desc_addr = 64, .vector = 32 };
