// SPDX-License-Identifier: GPL-2.0-only
/*
 * KVM_SET_GUEST_DEBUG: user space's breakpoints and its stepping.
 *
 * While it steps, TF is set in vcpu->rflags, so that what is done in software
 * traps as well; the guest's own TF is kept aside, and user space sees that one.
 */
#include <linux/sched.h>
#include <asm/debugreg.h>
#include <asm/processor-flags.h>

#include "vm.h"

static bool stepping(const struct vcpu *vcpu)
{
	return vcpu->debug.control & KVM_GUESTDBG_SINGLESTEP;
}

u64 vcpu_get_rflags(const struct vcpu *vcpu)
{
	if (stepping(vcpu) && !vcpu->debug.guest_tf)
		return vcpu->rflags & ~(u64)X86_EFLAGS_TF;
	return vcpu->rflags;
}

void vcpu_set_rflags(struct vcpu *vcpu, u64 rflags)
{
	vcpu->debug.guest_tf = rflags & X86_EFLAGS_TF;
	vcpu->rflags = rflags | (stepping(vcpu) ? X86_EFLAGS_TF : 0);
}

void vcpu_debug_exit(struct vcpu *vcpu, u8 exception, u64 dr6)
{
	struct kvm_debug_exit_arch *arch = &vcpu->run->debug.arch;
	struct cpu_state st;

	vcpu->vm->ops->get_state(vcpu, &st, STATE_SEGS | STATE_DRS);
	vcpu->run->exit_reason = KVM_EXIT_DEBUG;
	*arch = (struct kvm_debug_exit_arch){
		.exception = exception,
		.pc = st.seg[X86_CS].base + vcpu->rip,
		.dr6 = dr6,
		.dr7 = vcpu->debug.control & KVM_GUESTDBG_USE_HW_BP ?
			       vcpu->debug.dr7 : st.dr7,
	};
}

/**
 * vcpu_debug_detect() - KVM_EXIT_DEBUG at the guest's access to a debug register, where
 * user space's DR7 has GD
 * @vcpu: owner; its RIP is at the access
 *
 * SDM 3B "Debug Exception (#DB)", general detect.
 */
void vcpu_debug_detect(struct vcpu *vcpu)
{
	vcpu_debug_exit(vcpu, 1, DR6_RESERVED | BIT(13)); /* BD */
}

static int inject(struct vcpu *vcpu, u32 control)
{
	const struct vcpu_event_state *ev = &vcpu->event;

	if (!(control & (KVM_GUESTDBG_INJECT_DB | KVM_GUESTDBG_INJECT_BP)))
		return 0;
	if (ev->exception.pending || ev->exception.injected)
		return -EBUSY;
	vcpu_queue_exception(vcpu, control & KVM_GUESTDBG_INJECT_DB ? 1 : 3,
			     false, 0);
	return 0;
}

/**
 * vcpu_set_debug() - KVM_SET_GUEST_DEBUG
 * @vcpu: owner
 * @dbg: as given by user space, not yet checked
 *
 * Return: 0; -EINVAL for unknown flags or reserved bits, or where nothing runs;
 * -EBUSY when an exception is to be injected and there is one.
 */
long vcpu_set_debug(struct vcpu *vcpu, const struct kvm_guest_debug *dbg)
{
	u64 rflags;
	int r;

	if ((dbg->control & ~VCPU_DEBUG_FLAGS) || dbg->pad ||
	    !vcpu->vm->ops->debug_changed)
		return -EINVAL;
	if ((dbg->control & KVM_GUESTDBG_USE_HW_BP) &&
	    dbg->arch.debugreg[7] >> 32)
		return -EINVAL;
	r = inject(vcpu, dbg->control);
	if (r)
		return r;
	rflags = vcpu_get_rflags(vcpu);
	vcpu->debug.control = dbg->control & KVM_GUESTDBG_ENABLE ?
				      dbg->control : 0;
	if (vcpu->debug.control & KVM_GUESTDBG_USE_HW_BP) {
		memcpy(vcpu->debug.dr, dbg->arch.debugreg, sizeof(vcpu->debug.dr));
		vcpu->debug.dr7 = dbg->arch.debugreg[7];
	}
	vcpu_set_rflags(vcpu, rflags);
	vcpu->vm->ops->debug_changed(vcpu);
	return 0;
}
