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

#endif
