/* SPDX-License-Identifier: GPL-2.0-only */
/* Memory management: what differs between kernels. */
#ifndef VINTC_COMPAT_MM_H
#define VINTC_COMPAT_MM_H

#include <linux/mm.h>
#include <linux/mmu_notifier.h>

#include "compat.h"

/* What clear_flush_young, clear_young and test_young return. */
#ifdef HAVE_NOTIFIER_YOUNG_BOOL
typedef bool mm_young_t;
#else
typedef int mm_young_t;
#endif

/*
 * Flags of a get_user_pages_unlocked() that stands for an access by the vCPU
 * itself: a signal gets a thread out of a long fault (userfaultfd), and NUMA
 * hinting sees the access. Where the second isn't there it is the default;
 * where the first isn't, only a fatal signal ends the fault.
 */
#ifdef HAVE_FOLL_INTERRUPTIBLE
#define MM_FOLL_INTERRUPTIBLE FOLL_INTERRUPTIBLE
#else
#define MM_FOLL_INTERRUPTIBLE 0
#endif

#ifdef HAVE_FOLL_HONOR_NUMA_FAULT
#define MM_FOLL_HONOR_NUMA_FAULT FOLL_HONOR_NUMA_FAULT
#else
#define MM_FOLL_HONOR_NUMA_FAULT 0
#endif

#define MM_FOLL_VCPU (MM_FOLL_INTERRUPTIBLE | MM_FOLL_HONOR_NUMA_FAULT)

#endif
