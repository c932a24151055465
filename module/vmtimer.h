/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A VM's own timers: the PIT's, and that of level interrupts held in a storm. On
 * an hrtimer; in a VM whose time is virtual (vm->virtual_time) nothing is armed, and who
 * advances the clock calls vm_timers_expire() as deadlines pass.
 */
#ifndef VINTC_VMTIMER_H
#define VINTC_VMTIMER_H

#include <linux/hrtimer.h>
#include <linux/ktime.h>

struct vm;

/* In the order in which those due at the same time expire. */
enum vm_timers {
	VM_TIMER_PIT,
	VM_TIMER_STORM,
	VM_TIMERS,
};

/**
 * struct vm_timer - one of them
 * @fn: the time has come; in hard interrupt context, or that of a script
 * @deadline: engine ns, or 0 when it isn't armed
 */
struct vm_timer {
	struct vm *vm;
	void (*fn)(struct vm_timer *t);
	struct hrtimer timer;
	u64 deadline;
};

/* @which: from here on vm_timers_next() knows it. */
void vm_timer_init(struct vm_timer *t, struct vm *vm, enum vm_timers which,
		   void (*fn)(struct vm_timer *t));
/* @at 0: never. Callers of one timer take turns. Any context. */
void vm_timer_arm(struct vm_timer *t, u64 at);
/* The VM goes; waits for @fn. */
void vm_timer_stop(struct vm_timer *t);

/* The clock that all of this goes by. */
u64 vm_now(const struct vm *vm);
/* Virtual time: the earliest deadline, or U64_MAX. */
u64 vm_timers_next(const struct vm *vm);
void vm_timers_expire(struct vm *vm);

#endif
