/* SPDX-License-Identifier: GPL-2.0-only */
/* A vCPU that waits for another one, by a loop of PAUSE or KVM_HC_SCHED_YIELD, lets it have the CPU. */
#ifndef VINTC_YIELD_H
#define VINTC_YIELD_H

#include <linux/minmax.h>

#include "vcpu.h"

/**
 * spin_window() - how long this vCPU may loop before an exit
 * @vcpu: owner
 * @first: after a loop that could be helped, > 0, in the backend's unit
 * @last: the longest, in the same
 */
static inline u32 spin_window(const struct vcpu *vcpu, u32 first, u32 last)
{
	return min_t(u64, (u64)first << vcpu->spins_in_vain, last);
}

/**
 * vcpu_yield() - EXIT_YIELD: let a vCPU of this VM run that waits for a CPU
 *
 * vcpu->yield_to, if it is set; else any. Where there is none the window doubles, until
 * one has been helped.
 * Context: owner, sleeps; without the memory lock.
 */
void vcpu_yield(struct vcpu *vcpu);

#endif
