/* SPDX-License-Identifier: GPL-2.0-only */
/* The CPU's instructions: what the kernel calls them. */
#ifndef VINTC_COMPAT_CPU_H
#define VINTC_COMPAT_CPU_H

#include "vintc_probes.h"

#include <asm/msr.h>
#include <asm/processor.h>

#ifdef HAVE_CPUID_API_H
#include <asm/cpuid/api.h>
#endif

/* The older names are used throughout. */
#ifdef HAVE_RDMSRQ
#define rdmsrl(msr, val) rdmsrq(msr, val)
#define wrmsrl(msr, val) wrmsrq(msr, val)
#endif

#define COMPAT_MSR_FRED_CONFIG 0x1d4

/* Whether this kernel uses FRED; one that doesn't know it can't. */
static inline bool compat_fred(void)
{
#ifdef X86_FEATURE_FRED
	return cpu_feature_enabled(X86_FEATURE_FRED);
#else
	return false;
#endif
}

#endif
