// SPDX-License-Identifier: GPL-2.0-only
/* What the IOMMU is told of a posted interrupt; before 6.17 struct vcpu_data. */
#include <asm/irq_remapping.h>

extern const struct intel_iommu_pi_data probe;
const struct intel_iommu_pi_data probe = { .pi_desc_addr = 64, .vector = 32 };
