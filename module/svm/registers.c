// SPDX-License-Identifier: GPL-2.0-only
/* Control and debug register exits. APM 2 "Instruction Intercepts". */
#include <linux/percpu.h>
#include <linux/sched.h>
#include <asm/debugreg.h>
#include <asm/fpu/xcr.h>
#include <asm/processor-flags.h>

#include "../compat/compat.h"
#include "../fetch.h"
#include "../x86/cpuid.h"
#include "svm.h"

static int fetch_again(enum vcpu_exit *why)
{
	*why = EXIT_FETCH;
	return SVM_LEAVE;
}

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

void svm_write_xcr0(struct vcpu *vcpu, u64 val)
{
	/* Loaded now; run.c's put() compares with what is in vcpu->xcr0. */
	xsetbv(XCR_XFEATURE_ENABLED_MASK, val);
	vcpu->xcr0 = val;
}

/* ------------------------------------------------------------------ CR0 */

/*
 * SDM 3A "Initializing IA-32e Mode", "Leaving IA-32e Mode". Return: false for
 * #GP.
 */
static bool set_cr0(struct vcpu *vcpu, u64 val)
{
	u64 old = svm_get_cr0(vcpu), efer = vcpu->efer;
	bool cs_l = svm_vmcb(vcpu)->s.cs.attrib & BIT(9);

	if (val >> 32)
		return false;
	val &= X86_CR0_PE | X86_CR0_MP | X86_CR0_EM | X86_CR0_TS | X86_CR0_NE |
	       X86_CR0_WP | X86_CR0_AM | X86_CR0_NW | X86_CR0_CD | X86_CR0_PG;
	val |= X86_CR0_ET;
	if ((val & X86_CR0_PG) && !(val & X86_CR0_PE))
		return false;
	if ((val & X86_CR0_NW) && !(val & X86_CR0_CD))
		return false;
	if ((val & X86_CR0_PG) && !(old & X86_CR0_PG) && (efer & EFER_LME)) {
		if (!(vcpu->cr4 & X86_CR4_PAE) || cs_l)
			return false;
		svm_set_efer(vcpu, efer | EFER_LMA);
	} else if (!(val & X86_CR0_PG) && (old & X86_CR0_PG)) {
		if (vcpu->cr4 & X86_CR4_PCIDE)
			return false;
		if (efer & EFER_LMA) {
			if (cs_l)
				return false;
			svm_set_efer(vcpu, efer & ~EFER_LMA);
		}
	}
	svm_set_cr0(vcpu, val);
	return true;
}

static bool set_cr4(struct vcpu *vcpu, u64 val)
{
	u64 changed = val ^ vcpu->cr4;

	if (val & ~cpuid_cr4_allowed(vcpu))
		return false;
	if (vcpu->efer & EFER_LMA) {
		if (!(val & X86_CR4_PAE) || (changed & X86_CR4_LA57))
			return false;
	} else if (val & X86_CR4_PCIDE) {
		return false;
	}
	if ((val & changed & X86_CR4_PCIDE) && (svm_vmcb(vcpu)->s.cr3 & 0xfff))
		return false;
	svm_set_cr4(vcpu, val);
	return true;
}

/* Only intercepted while TPR holds an interrupt back. */
static bool set_cr8(struct vcpu *vcpu, u64 val)
{
	struct lapic_out out = { .effects = 0 };

	if (val > 0xf || svm_vmcb(vcpu)->s.cpl)
		return false;
	if (vcpu->has_lapic)
		lapic_set_cr8(&vcpu->lapic, val, &out);
	else
		vcpu->cr8 = val;
	return true;
}

/* LMSW: the low four bits; PE can be set but not cleared. */
static bool lmsw(struct vcpu *vcpu, u16 val)
{
	u64 cr0 = svm_get_cr0(vcpu);

	return set_cr0(vcpu, (cr0 & ~0xeULL) | (val & 0xf));
}

static int other_cr0(struct vcpu *vcpu, const struct x86_insn *insn,
		     enum vcpu_exit *why)
{
	bool ok;

	if (insn->opcode == 0x0f06) {
		ok = set_cr0(vcpu, svm_get_cr0(vcpu) & ~X86_CR0_TS);
	} else if (insn->opcode == 0x0f01 && (insn->modrm & 0xc0) == 0xc0 &&
		   (insn->modrm & 0x38) == 0x30) {
		ok = lmsw(vcpu, vcpu->gpr[rm_gpr(insn)]);
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
		*why = EXIT_EMULATE;
		return SVM_LEAVE;
	}
	if (ok)
		finish(vcpu, insn);
	else
		vcpu_queue_gp(vcpu);
	return SVM_FAST;
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
		*val = vcpu->has_lapic ? lapic_get_cr8(&vcpu->lapic) : vcpu->cr8;
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
		return fetch_again(why);
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
			return SVM_FAST;
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
			return SVM_FAST;
		}
	}
	if (ok)
		finish(vcpu, &insn);
	else
		vcpu_queue_gp(vcpu);
	return SVM_FAST;
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

static void reload_drs(struct vcpu *vcpu, unsigned int n)
{
	if (!vcpu->svm->drs_loaded || vcpu->svm->user_drs)
		return;
	switch (n) {
	case 0:
		set_debugreg(vcpu->dr[0], 0);
		break;
	case 1:
		set_debugreg(vcpu->dr[1], 1);
		break;
	case 2:
		set_debugreg(vcpu->dr[2], 2);
		break;
	case 3:
		set_debugreg(vcpu->dr[3], 3);
		break;
	}
}

/* Return: false for #GP. SDM 3B "Debug Registers". */
static bool write_dr(struct vcpu *vcpu, unsigned int n, u64 val)
{
	struct vmcb_page *vmcb = svm_vmcb(vcpu);

	switch (n) {
	case 0 ... 3:
		vcpu->dr[n] = val;
		reload_drs(vcpu, n);
		return true;
	case 6:
		if (val >> 32)
			return false;
		*svm_dr6(vcpu) = (val & 0xe00f) | 0xffff0ff0;
		break;
	case 7:
		if (val >> 32)
			return false;
		*svm_dr7(vcpu) = (val & 0xffff2bff) | 0x400;
		break;
	}
	vmcb_dirty(vmcb, VMCB_DRX);
	return true;
}

static u64 read_dr(struct vcpu *vcpu, unsigned int n)
{
	switch (n) {
	case 0 ... 3:
		return vcpu->dr[n];
	case 6:
		return *svm_dr6(vcpu);
	default:
		return *svm_dr7(vcpu);
	}
}

int svm_exit_dr(struct vcpu *vcpu, enum vcpu_exit *why)
{
	struct vmcb_page *vmcb = svm_vmcb(vcpu);
	struct x86_insn insn;
	struct x86_fetch f;
	unsigned int n;

	vcpu->stats.dr_exits++;
	svm_paging(vcpu, &f);
	if (!fetch_insn(vcpu, &f, &insn))
		return fetch_again(why);
	if (insn.opcode != 0x0f21 && insn.opcode != 0x0f23)
		return SVM_FAST; /* the guest has changed its code: look again */
	n = ((insn.modrm >> 3) & 7) | (insn.rex & 4) << 1;
	if (n > 7 || ((n == 4 || n == 5) && (vcpu->cr4 & X86_CR4_DE))) {
		vcpu_queue_ud(vcpu);
		return SVM_FAST;
	}
	if (vmcb->s.cpl) {
		vcpu_queue_gp(vcpu);
		return SVM_FAST;
	}
	if (*svm_dr7(vcpu) & BIT(13)) { /* general detect */
		*svm_dr7(vcpu) &= ~(u64)BIT(13);
		*svm_dr6(vcpu) |= BIT(13);
		vmcb_dirty(vmcb, VMCB_DRX);
		vcpu_queue_exception(vcpu, 1, false, 0);
		return SVM_FAST;
	}
	if (n == 4 || n == 5)
		n += 2;
	if (insn.opcode == 0x0f21) {
		mov_result(vcpu, &insn, read_dr(vcpu, n));
	} else if (!write_dr(vcpu, n, mov_source(vcpu, &insn))) {
		vcpu_queue_gp(vcpu);
		return SVM_FAST;
	}
	finish(vcpu, &insn);
	return SVM_FAST;
}
