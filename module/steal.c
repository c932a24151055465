// SPDX-License-Identifier: GPL-2.0-only
/*
 * Steal time: what a guest is told of the CPU that it doesn't have, by MSR_KVM_STEAL_TIME
 * (the kernel's Documentation/virt/kvm/x86/msr.rst): how long, and whether just now.
 */
#include <linux/sched.h>
#include <linux/uaccess.h>
#include <asm/kvm_para.h>
#include <linux/kvm_para.h>

#include "compat/compat.h"
#include "memory.h"
#include "pv.h"
#include "request.h"
#include "vm.h"

bool pv_steal_valid(u64 val)
{
	return !(val & KVM_STEAL_RESERVED_MASK);
}

/* ---------------------------------------------------------------- preempted */

/* Of the byte, and of the word that it is with its padding. */
static u64 preempted_gpa(const struct vcpu *vcpu)
{
	return (vcpu->pv_steal & KVM_STEAL_VALID_BITS) +
	       offsetof(struct kvm_steal_time, preempted);
}

/*
 * The thread has no CPU any more. Amid an instruction's emulation the guest isn't told: it
 * would take what was translated for flushed. Context: under the lock of its run queue.
 */
static void sched_out(struct compat_sched_watch *w)
{
	struct vcpu *vcpu = container_of(w, struct vcpu, sched_watch);
	struct memory *mem = &vcpu->vm->mem;
	u8 away = KVM_VCPU_PREEMPTED;
	int index;

	if (vcpu->pv_away || !vcpu->at_boundary || !(vcpu->pv_steal & KVM_MSR_ENABLED))
		return;
	index = srcu_read_lock(&mem->srcu);
	if (!memory_write_atomic(mem, preempted_gpa(vcpu), &away, sizeof(away)))
		vcpu->pv_away = true;
	srcu_read_unlock(&mem->srcu, index);
}

static void watch(struct vcpu *vcpu)
{
	if (vcpu->pv_watched)
		return;
	vcpu->pv_watched = true;
	vcpu->sched_watch.out = sched_out;
	compat_sched_watch(&vcpu->sched_watch);
}

void pv_unwatch(struct vcpu *vcpu)
{
	compat_sched_unwatch(&vcpu->sched_watch);
	vcpu->pv_watched = false;
}

/* KVM_VCPU_FLUSH_TLB: of a vCPU that doesn't run, another one asks for no more. */
static bool come_back(struct vcpu *vcpu)
{
	u32 state = 0;

	if (memory_xchg(&vcpu->vm->mem, preempted_gpa(vcpu), &state))
		return false;
	vcpu->pv_away = false;
	if (state & KVM_VCPU_FLUSH_TLB)
		vcpu_request(vcpu, REQ_TLB_FLUSH);
	return true;
}

bool pv_back_atomic(struct vcpu *vcpu)
{
	bool back;

	pagefault_disable();
	back = come_back(vcpu);
	pagefault_enable();
	return back;
}

void pv_back(struct vcpu *vcpu)
{
	/* A page that has gone is the guest's loss. */
	if (!come_back(vcpu))
		vcpu->pv_away = false;
}

/* -------------------------------------------------------------------- stolen */

/* A page that isn't there is the guest's loss. */
static void steal_write(struct vcpu *vcpu, u64 stolen)
{
	struct memory *mem = &vcpu->vm->mem;
	u64 gpa = vcpu->pv_steal & KVM_STEAL_VALID_BITS;
	struct kvm_steal_time st;

	if (memory_read(mem, gpa, &st, sizeof(st)))
		return;
	/* Odd while it changes; the guest reads again then. */
	st.version = (st.version | 1);
	if (memory_write(mem, gpa + offsetof(struct kvm_steal_time, version), &st.version,
			 sizeof(st.version)))
		return;
	smp_wmb();
	st.steal += stolen;
	memory_write(mem, gpa, &st.steal, sizeof(st.steal));
	smp_wmb();
	st.version++;
	memory_write(mem, gpa + offsetof(struct kvm_steal_time, version), &st.version,
		     sizeof(st.version));
}

void pv_steal_update(struct vcpu *vcpu)
{
	u64 now = compat_run_delay(), before = vcpu->steal_seen;

	/* Only what the thread has waited for since it had the vCPU. */
	vcpu->steal_seen = now;
	watch(vcpu);
	if (vcpu->steal_task != current) {
		vcpu->steal_task = current;
		return;
	}
	if (now != before && (vcpu->pv_steal & KVM_MSR_ENABLED))
		steal_write(vcpu, now - before);
}
