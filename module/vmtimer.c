// SPDX-License-Identifier: GPL-2.0-only
#include "compat/compat.h"
#include "vm.h"
#include "vmtimer.h"

static void expire(struct vm_timer *t)
{
	/* Before @fn looks at what it is for: who sets it then arms it anew. */
	WRITE_ONCE(t->deadline, 0);
	smp_mb();
	t->fn(t);
}

static enum hrtimer_restart fired(struct hrtimer *timer)
{
	expire(container_of(timer, struct vm_timer, timer));
	return HRTIMER_NORESTART;
}

void vm_timer_init(struct vm_timer *t, struct vm *vm, enum vm_timers which,
		   void (*fn)(struct vm_timer *t))
{
	t->vm = vm;
	t->fn = fn;
	t->deadline = 0;
	compat_hrtimer_init(&t->timer, fired);
	smp_store_release(&vm->timers[which], t);
}

void vm_timer_arm(struct vm_timer *t, u64 at)
{
	WRITE_ONCE(t->deadline, at);
	if (t->vm->virtual_time)
		return;
	if (at)
		hrtimer_start(&t->timer, ns_to_ktime(min_t(u64, at, KTIME_MAX)),
			      HRTIMER_MODE_ABS_HARD);
	else
		hrtimer_try_to_cancel(&t->timer);
}

void vm_timer_stop(struct vm_timer *t)
{
	hrtimer_cancel(&t->timer);
}

u64 vm_now(const struct vm *vm)
{
	return unlikely(vm->virtual_time) ? READ_ONCE(*vm->virtual_time) : ktime_get_ns();
}

u64 vm_timers_next(const struct vm *vm)
{
	u64 next = U64_MAX, at;
	u32 i;

	for (i = 0; i < VM_TIMERS; i++) {
		struct vm_timer *t = smp_load_acquire(&vm->timers[i]);

		at = t ? READ_ONCE(t->deadline) : 0;
		if (at)
			next = min(next, at);
	}
	return next == U64_MAX ? next : max(next, vm_now(vm));
}

void vm_timers_expire(struct vm *vm)
{
	u32 i;

	for (i = 0; i < VM_TIMERS; i++) {
		struct vm_timer *t = smp_load_acquire(&vm->timers[i]);
		u64 at = t ? READ_ONCE(t->deadline) : 0;

		if (at && at <= vm_now(vm))
			expire(t);
	}
}
