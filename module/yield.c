// SPDX-License-Identifier: GPL-2.0-only
/*
 * The CPU is given to a vCPU that has none.
 *
 * By the exit from a loop of PAUSE (SDM 3C "Changes to Instruction Behavior
 * in VMX Non-Root Operation", APM 2 "Pause Intercept Filtering"). PAUSE itself is
 * executed once the guest goes on: hardware counts anew from entry.
 */
#include <linux/sched.h>
#include <linux/sched/task.h>

#include "compat/compat.h"
#include "vm.h"
#include "yield.h"

/* The window grows to 64 times what it was. */
#define SPINS_IN_VAIN_MAX 6

/* Each takes the locks of two run queues. */
#define TRIES 3

/* The thread that runs @vcpu, if it is ready and has no CPU; to be put. */
static struct task_struct *ready_thread(const struct vcpu *vcpu)
{
	struct task_struct *task;

	/* It can't be gone before this ends: tasks are freed by RCU. */
	rcu_read_lock();
	task = READ_ONCE(vcpu->task);
	if (task && compat_task_ready(task))
		get_task_struct(task);
	else
		task = NULL;
	rcu_read_unlock();
	return task;
}

static bool yield_to_vcpu(const struct vcpu *vcpu, unsigned int *tries)
{
	struct task_struct *task = ready_thread(vcpu);
	int r;

	if (!task)
		return false;
	--*tries;
	r = yield_to(task, true);
	put_task_struct(task);
	return r > 0;
}

/* By turns, and those that wait themselves after all others. */
static bool help_another(struct vcpu *vcpu)
{
	struct vm *vm = vcpu->vm;
	u32 n = smp_load_acquire(&vm->nr_vcpus), start = READ_ONCE(vm->helped), i, k;
	unsigned int tries = TRIES;
	struct vcpu *other;
	int waits;

	for (waits = 0; waits < 2; waits++) {
		for (i = 1; i <= n && tries; i++) {
			k = (start + i) % n;
			other = vm->vcpus[k];
			if (other == vcpu || READ_ONCE(other->spins) != waits ||
			    !yield_to_vcpu(other, &tries))
				continue;
			WRITE_ONCE(vm->helped, k);
			return true;
		}
	}
	return false;
}

static void yield_as_told(struct vcpu *vcpu)
{
	unsigned int tries = TRIES;
	struct vcpu *to = vcpu->yield_to;

	vcpu->yield_to = NULL;
	if (to != vcpu && yield_to_vcpu(to, &tries))
		vcpu->stats.directed_yield_successful++;
}

void vcpu_yield(struct vcpu *vcpu)
{
	u8 before = vcpu->spins_in_vain;

	if (vcpu->yield_to) {
		yield_as_told(vcpu);
		return;
	}
	vcpu->stats.pause_exits++;
	WRITE_ONCE(vcpu->spins, true);
	if (help_another(vcpu)) {
		vcpu->stats.pause_yields++;
		vcpu->spins_in_vain = 0;
	} else if (before < SPINS_IN_VAIN_MAX) {
		vcpu->spins_in_vain++;
	}
	WRITE_ONCE(vcpu->spins, false);
	if (vcpu->spins_in_vain != before)
		vcpu->vm->ops->intercepts_changed(vcpu);
}
