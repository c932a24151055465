// SPDX-License-Identifier: GPL-2.0-only
/*
 * Control and debug register exits, and MSRs that are in the CPU while the guest
 * is. SDM 3C tables "Exit Qualification for Control-Register Accesses", "... for
 * MOV DR".
 */
#include <asm/msr.h>
#include <asm/processor-flags.h>

#include "../compat/compat.h"
#include "../inner.h"
#include "../x86/control.h"
#include "vmx.h"

static u64 source(struct vcpu *vcpu, unsigned int gpr)
{
	return vmx_long64(vcpu) ? vcpu->gpr[gpr] : (u32)vcpu->gpr[gpr];
}

static void result(struct vcpu *vcpu, unsigned int gpr, u64 val)
{
	vcpu->gpr[gpr] = vmx_long64(vcpu) ? val : (u32)val;
}

void vmx_msr_read(struct vcpu *vcpu, u32 msr)
{
	if (msr == MSR_KERNEL_GS_BASE)
		vcpu->vmx->st.kernel_gs_base = vmx_read_swapped_gs();
}

void vmx_msr_written(struct vcpu *vcpu, u32 msr)
{
	const struct cpu_state *st = &vcpu->vmx->st;

	if (msr == MSR_KERNEL_GS_BASE)
		vmx_write_swapped_gs(st->kernel_gs_base);
	else if (msr == MSR_TSC_AUX && switch_features.tsc_aux)
		wrmsrl(MSR_TSC_AUX, vcpu->tsc_aux);
	if (!vcpu->vmx->syscall)
		return;
	switch (msr) {
	case MSR_STAR:
		wrmsrl(MSR_STAR, st->star);
		break;
	case MSR_LSTAR:
		wrmsrl(MSR_LSTAR, st->lstar);
		break;
	case MSR_CSTAR:
		wrmsrl(MSR_CSTAR, st->cstar);
		break;
	case MSR_SYSCALL_MASK:
		wrmsrl(MSR_SYSCALL_MASK, st->sfmask);
		break;
	}
}

/* -------------------------------------------------------- control registers */

static enum vmx_cr set_cr0(struct vcpu *vcpu, u64 val)
{
	enum vmx_cr r;
	u64 efer;

	vmx_need(vcpu, VMX_SEGS);
	if (!control_cr0(vcpu, vcpu->vmx->st.cr0, &val,
			 vcpu->vmx->st.seg[X86_CS].l, &efer))
		return VMX_CR_GP;
	r = vmx_check_pdptes(vcpu, val, vcpu->cr4, efer);
	if (r != VMX_CR_GOOD)
		return r;
	if (efer != vcpu->efer)
		vmx_set_efer(vcpu, efer);
	vmx_set_cr0(vcpu, val);
	return VMX_CR_GOOD;
}

static enum vmx_cr set_cr4(struct vcpu *vcpu, u64 val)
{
	enum vmx_cr r;

	vmx_need(vcpu, VMX_CR3);
	if (!control_cr4(vcpu, vcpu->vmx->st.cr3, val))
		return VMX_CR_GP;
	r = vmx_check_pdptes(vcpu, vcpu->vmx->st.cr0, val, vcpu->efer);
	if (r != VMX_CR_GOOD)
		return r;
	vmx_set_cr4(vcpu, val);
	switch_osxsave(vcpu);
	return VMX_CR_GOOD;
}

static enum vmx_cr mov_to_cr(struct vcpu *vcpu, unsigned int cr, u64 val)
{
	switch (cr) {
	case 0:
		return set_cr0(vcpu, val);
	case 4:
		return set_cr4(vcpu, val);
	case 8:
		return control_cr8(vcpu, val) ? VMX_CR_GOOD : VMX_CR_GP;
	default:
		return VMX_CR_GP;
	}
}

int vmx_exit_cr(struct vcpu *vcpu, enum vcpu_exit *why)
{
	u64 q = vmx_read(EXIT_QUALIFICATION);
	unsigned int cr = q & 15, gpr = q >> 8 & 15;
	enum vmx_cr r = VMX_CR_GOOD;

	vcpu->stats.cr_exits++;
	vmx_need_rsp(vcpu);
	switch (q >> 4 & 3) {
	case 0:
		r = mov_to_cr(vcpu, cr, source(vcpu, gpr));
		break;
	case 1: /* CR8 alone */
		result(vcpu, gpr, control_get_cr8(vcpu));
		break;
	case 2: /* CLTS */
		r = set_cr0(vcpu, vcpu->vmx->st.cr0 & ~(u64)X86_CR0_TS);
		break;
	case 3: /* LMSW */
		r = set_cr0(vcpu, control_lmsw(vcpu->vmx->st.cr0, q >> 16));
		break;
	}
	switch (r) {
	case VMX_CR_LATER:
		return inner_leave(why, EXIT_AGAIN);
	case VMX_CR_GP:
		vcpu_queue_gp(vcpu);
		break;
	case VMX_CR_GOOD:
		vmx_skip(vcpu);
		break;
	}
	return INNER_FAST;
}

/* ------------------------------------------------------- debug registers */

int vmx_exit_dr(struct vcpu *vcpu, enum vcpu_exit *why)
{
	struct vmx_vcpu *vmx = vcpu->vmx;
	u64 q = vmx_read(EXIT_QUALIFICATION), val;
	unsigned int gpr = q >> 8 & 15;
	bool write = !(q & BIT(4));

	vcpu->stats.dr_exits++;
	vmx_need_rsp(vcpu);
	val = write ? source(vcpu, gpr) : 0;
	switch (control_mov_dr(vcpu, q & 7, write, &val, vmx_cpl(vcpu),
			       &vmx->st.dr6, &vmx->st.dr7,
			       vcpu->host.drs_loaded && !vmx->user_drs)) {
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
		vmx_need(vcpu, VMX_OWNED);
		vcpu_debug_detect(vcpu);
		return inner_user(vcpu, why);
	case CONTROL_DONE:
		if (!write)
			result(vcpu, gpr, val);
		vmx_skip(vcpu);
		break;
	}
	vmx->dirty |= VMX_DRS;
	return INNER_FAST;
}
