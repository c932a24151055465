// SPDX-License-Identifier: GPL-2.0-only
/* Control and debug register exits. APM 2 "Instruction Intercepts". */
#include <asm/processor-flags.h>

#include "../compat/compat.h"
#include "../fetch.h"
#include "../inner.h"
#include "../x86/control.h"
#include "svm.h"

static unsigned int rm_gpr(const struct x86_insn *insn)
{
	return (insn->modrm & 7) | (insn->rex & 1) << 3;
}

static void finish(struct vcpu *vcpu, const struct x86_insn *insn)
{
	u64 rip = vcpu->rip + insn->len;

	vcpu_finish_insn(vcpu, svm_long64(vcpu) ? rip : (u32)rip);
}

static u64 mov_source(const struct vcpu *vcpu, const struct x86_insn *insn)
{
	u64 val = vcpu->gpr[rm_gpr(insn)];

	return svm_long64(vcpu) ? val : (u32)val;
}

static void mov_result(struct vcpu *vcpu, const struct x86_insn *insn, u64 val)
{
	vcpu->gpr[rm_gpr(insn)] = svm_long64(vcpu) ? val : (u32)val;
}

/* ------------------------------------------------------ control registers */

static bool set_cr0(struct vcpu *vcpu, u64 val)
{
	u64 efer;

	if (!control_cr0(vcpu, svm_get_cr0(vcpu), &val,
			 svm_vmcb(vcpu)->s.cs.attrib & BIT(9), &efer))
		return false;
	if (efer != vcpu->efer)
		svm_set_efer(vcpu, efer);
	svm_set_cr0(vcpu, val);
	return true;
}

static bool set_cr4(struct vcpu *vcpu, u64 val)
{
	if (!control_cr4(vcpu, svm_vmcb(vcpu)->s.cr3, val))
		return false;
	svm_set_cr4(vcpu, val);
	switch_osxsave(vcpu);
	return true;
}

/* Only intercepted while TPR holds an interrupt back. */
static bool set_cr8(struct vcpu *vcpu, u64 val)
{
	return !svm_vmcb(vcpu)->s.cpl && control_cr8(vcpu, val);
}

static int other_cr0(struct vcpu *vcpu, const struct x86_insn *insn,
		     enum vcpu_exit *why)
{
	bool ok;

	if (insn->opcode == 0x0f06) {
		ok = set_cr0(vcpu, svm_get_cr0(vcpu) & ~X86_CR0_TS);
	} else if (insn->opcode == 0x0f01 && (insn->modrm & 0xc0) == 0xc0 &&
		   (insn->modrm & 0x38) == 0x30) {
		ok = set_cr0(vcpu, control_lmsw(svm_get_cr0(vcpu),
						vcpu->gpr[rm_gpr(insn)]));
	} else if (insn->opcode == 0x0f01 && (insn->modrm & 0xc0) == 0xc0 &&
		   (insn->modrm & 0x38) == 0x20) {
		u64 *to = &vcpu->gpr[rm_gpr(insn)], cr0 = svm_get_cr0(vcpu);

		if (insn->opsize == 2)
			*to = (*to & ~0xffffULL) | (cr0 & 0xffff);
		else
			*to = insn->opsize == 4 ? (u32)cr0 : cr0;
		ok = true;
	} else {
		/* LMSW and SMSW with a memory operand. */
		vcpu->exit.gpa_valid = false;
		return inner_leave(why, EXIT_EMULATE);
	}
	if (ok)
		finish(vcpu, insn);
	else
		vcpu_queue_gp(vcpu);
	return INNER_FAST;
}

/*
 * All of them: QEMU's CPU exits at a read of any register when those of CR0 are
 * intercepted.
 */
static bool read_cr(const struct vcpu *vcpu, u8 cr, u64 *val)
{
	switch (cr) {
	case 0:
		*val = svm_get_cr0(vcpu);
		return true;
	case 2:
		*val = svm_vmcb(vcpu)->s.cr2;
		return true;
	case 3:
		*val = svm_vmcb(vcpu)->s.cr3;
		return true;
	case 4:
		*val = vcpu->cr4;
		return true;
	case 8:
		*val = control_get_cr8(vcpu);
		return true;
	default:
		return false;
	}
}

int svm_exit_cr(struct vcpu *vcpu, enum vcpu_exit *why)
{
	struct x86_insn insn;
	struct x86_fetch f;
	u8 cr;
	bool ok = true;

	vcpu->stats.cr_exits++;
	svm_paging(vcpu, &f);
	if (!fetch_insn(vcpu, &f, &insn))
		return inner_leave(why, EXIT_FETCH);
	if (insn.opcode != 0x0f20 && insn.opcode != 0x0f22)
		return other_cr0(vcpu, &insn, why);
	cr = ((insn.modrm >> 3) & 7) | (insn.rex & 4) << 1;
	/* AMD: LOCK MOV CR0 is CR8. */
	if (insn.lock && cr == 0)
		cr = 8;
	if (insn.opcode == 0x0f20) {
		u64 val;

		if (!read_cr(vcpu, cr, &val)) {
			vcpu_queue_ud(vcpu);
			return INNER_FAST;
		}
		mov_result(vcpu, &insn, val);
	} else {
		u64 val = mov_source(vcpu, &insn);

		switch (cr) {
		case 0:
			ok = set_cr0(vcpu, val);
			break;
		case 4:
			ok = set_cr4(vcpu, val);
			break;
		case 8:
			ok = set_cr8(vcpu, val);
			break;
		default:
			vcpu_queue_ud(vcpu);
			return INNER_FAST;
		}
	}
	if (ok)
		finish(vcpu, &insn);
	else
		vcpu_queue_gp(vcpu);
	return INNER_FAST;
}

/* ------------------------------------------------------- debug registers */

/* The guest's own, wherever they are. */
u64 *svm_dr6(struct vcpu *vcpu)
{
	struct svm_vcpu *svm = vcpu->svm;

	return svm->user_drs ? &svm->dr6 : &svm->vmcb->s.dr6;
}

u64 *svm_dr7(struct vcpu *vcpu)
{
	struct svm_vcpu *svm = vcpu->svm;

	return svm->user_drs ? &svm->dr7 : &svm->vmcb->s.dr7;
}

/* KVM_SET_GUEST_DEBUG, and after a reset. The vCPU doesn't run. */
void svm_debug_changed(struct vcpu *vcpu)
{
	struct vmcb_page *vmcb = svm_vmcb(vcpu);
	struct svm_vcpu *svm = vcpu->svm;
	bool user = vcpu->debug.control & KVM_GUESTDBG_USE_HW_BP;

	/* For KVM_GUESTDBG_BLOCKIRQ. */
	vcpu_request(vcpu, REQ_APICV_UPDATE);
	svm_intercept(vmcb, INTERCEPT_EXCEPTION + 3,
		      vcpu->debug.control & KVM_GUESTDBG_USE_SW_BP);
	if (user && !svm->user_drs) {
		svm->dr6 = vmcb->s.dr6;
		svm->dr7 = vmcb->s.dr7;
	} else if (!user && svm->user_drs) {
		vmcb->s.dr6 = svm->dr6;
		vmcb->s.dr7 = svm->dr7;
	}
	svm->user_drs = user;
	if (user) {
		vmcb->s.dr6 = 0xffff0ff0;
		vmcb->s.dr7 = (vcpu->debug.dr7 & 0xffff03ff) | 0x400;
	}
	vmcb_dirty(vmcb, VMCB_DRX);
}

int svm_exit_dr(struct vcpu *vcpu, enum vcpu_exit *why)
{
	struct vmcb_page *vmcb = svm_vmcb(vcpu);
	struct x86_insn insn;
	struct x86_fetch f;
	unsigned int n;
	bool write;
	u64 val;

	vcpu->stats.dr_exits++;
	svm_paging(vcpu, &f);
	if (!fetch_insn(vcpu, &f, &insn))
		return inner_leave(why, EXIT_FETCH);
	if (insn.opcode != 0x0f21 && insn.opcode != 0x0f23)
		return INNER_FAST; /* the guest has changed its code: look again */
	n = ((insn.modrm >> 3) & 7) | (insn.rex & 4) << 1;
	write = insn.opcode == 0x0f23;
	val = write ? mov_source(vcpu, &insn) : 0;
	switch (control_mov_dr(vcpu, n, write, &val, vmcb->s.cpl, svm_dr6(vcpu),
			       svm_dr7(vcpu),
			       vcpu->host.drs_loaded && !vcpu->svm->user_drs)) {
	case CONTROL_UD:
		vcpu_queue_ud(vcpu);
		return INNER_FAST;
	case CONTROL_GP:
		vcpu_queue_gp(vcpu);
		return INNER_FAST;
	case CONTROL_DB:
		vcpu_queue_exception(vcpu, 1, false, 0);
		break;
	case CONTROL_DEBUGGER:
		vcpu_debug_detect(vcpu);
		return inner_user(vcpu, why);
	case CONTROL_DONE:
		if (!write)
			mov_result(vcpu, &insn, val);
		finish(vcpu, &insn);
		break;
	}
	vmcb_dirty(vmcb, VMCB_DRX);
	return INNER_FAST;
}
