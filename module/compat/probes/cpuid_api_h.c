// SPDX-License-Identifier: GPL-2.0-only
/* The CPUID instruction has a header of its own; it was in asm/processor.h. */
#include <asm/cpuid/api.h>
