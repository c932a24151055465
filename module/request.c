// SPDX-License-Identifier: GPL-2.0-only
/* Setting requests, and getting vCPUs out of the guest. */
#include <linux/cpumask.h>
#include <linux/smp.h>

#include "compat/compat.h"
#include "vm.h"

void vcpu_request(struct vcpu *vcpu, enum vintc_request req)
{
	/*
	 * What the request is about was written before; a full barrier also
	 * orders the bit before the look at vcpu->mode in a kick.
	 */
	smp_mb__before_atomic();
	set_bit(req, &vcpu->requests);
	smp_mb__after_atomic();
}

void vcpu_kick(struct vcpu *vcpu)
{
	struct task_struct *task;

	rcuwait_wake_up(&vcpu->wait);
	/* The wake-up has begun with a full barrier. */
	if (READ_ONCE(vcpu->mode) != IN_GUEST ||
	    cmpxchg(&vcpu->mode, IN_GUEST, EXITING) != IN_GUEST)
		return;
	/* Tasks are freed by RCU; a stale one takes a needless interrupt. */
	rcu_read_lock();
	task = READ_ONCE(vcpu->task);
	if (task)
		kick_process(task);
	rcu_read_unlock();
	vm_count(vcpu->vm, kicks, 1);
}

void vm_request_all(struct vm *vm, enum vintc_request req)
{
	struct vcpu *vcpu;
	u32 i;

	vm_for_each_vcpu(i, vcpu, vm) {
		vcpu_request(vcpu, req);
		vcpu_kick(vcpu);
	}
}

void vm_kick_all(struct vm *vm)
{
	vm_request_all(vm, REQ_SRCU);
}

static void left_guest(void *unused)
{
}

void vm_flush_tlb(struct vm *vm)
{
	cpumask_var_t cpus;
	struct vcpu *vcpu;
	bool masked;
	u32 i;

	vm_count(vm, remote_tlb_flush, 1);
	masked = zalloc_cpumask_var(&cpus, GFP_NOWAIT | __GFP_NOWARN);

	preempt_disable();
	vm_for_each_vcpu(i, vcpu, vm) {
		vcpu_request(vcpu, REQ_TLB_FLUSH);
		/*
		 * A vCPU that says IN_GUEST later than this sees the request.
		 * One that is being kicked may not have left yet.
		 */
		if (READ_ONCE(vcpu->mode) != OUTSIDE_GUEST && masked)
			cpumask_set_cpu(READ_ONCE(vcpu->cpu), cpus);
	}
	if (masked)
		smp_call_function_many(cpus, left_guest, NULL, true);
	else
		smp_call_function(left_guest, NULL, true);
	preempt_enable();
	if (masked)
		free_cpumask_var(cpus);
}
