// SPDX-License-Identifier: GPL-2.0-only
/*
 * What each #VMEXIT asks for. Interrupts are off; whatever doesn't sleep is
 * done here and the guest goes on. APM 2 appendix "SVM Intercept Exit Codes".
 */
#define pr_fmt(fmt) "vintc: " fmt

#include <linux/printk.h>
#include <linux/sched/task_stack.h>
#include <asm/msr.h>
#include <asm/processor-flags.h>

#include "../compat/compat.h"
#include "../fetch.h"
#include "../host_event.h"
#include "../inner.h"
#include "svm.h"

static int emulate(struct vcpu *vcpu, enum vcpu_exit *why)
{
	vcpu->exit.gpa_valid = false;
	return inner_leave(why, EXIT_EMULATE);
}

/* ------------------------------------------------------------- next RIP */

/*
 * RIP after the intercepted instruction, @opcode. Without NRIP save it is looked
 * at in guest memory. Return: false when that can't be read now.
 */
#define DECODE 0 /* instead of an opcode that says the length */

static bool next_rip(struct vcpu *vcpu, u16 opcode, u64 *rip)
{
	struct x86_fetch f;
	u8 len;

	*rip = svm_vmcb(vcpu)->c.next_rip;
	if (svm_features.nrip_save && *rip)
		return true;
	svm_paging(vcpu, &f);
	len = fetch_length(vcpu, &f, opcode);
	*rip = vcpu->rip + len;
	if (!svm_long64(vcpu))
		*rip = (u32)*rip;
	return len;
}

/* For what can't fail: go past it. */
static bool skip(struct vcpu *vcpu, u16 opcode)
{
	u64 rip;

	if (unlikely(!next_rip(vcpu, opcode, &rip)))
		return false;
	vcpu_finish_insn(vcpu, rip);
	return true;
}

/* ----------------------------------------------------- simple instructions */

static int exit_cpuid(struct vcpu *vcpu, enum vcpu_exit *why)
{
	if (unlikely(!skip(vcpu, 0x0fa2)))
		return inner_leave(why, EXIT_FETCH);
	vcpu->stats.cpuid_exits++;
	cpuid_emulate(vcpu);
	return INNER_FAST;
}

int svm_do_msr(struct vcpu *vcpu, bool write, enum vcpu_exit *why)
{
	u32 msr = vcpu->gpr[X86_RCX];
	u64 rip, val;
	int r;

	if (unlikely(!next_rip(vcpu, write ? 0x0f30 : 0x0f32, &rip)))
		return inner_leave(why, EXIT_FETCH);
	vcpu->stats.msr_exits++;
	r = inner_msr(vcpu, write, &val);
	/* The one switched MSR that hardware holds while the guest is loaded. */
	if (write && r == MSR_OK && msr == MSR_TSC_AUX && switch_features.tsc_aux)
		wrmsrl(MSR_TSC_AUX, vcpu->tsc_aux);
	if (likely(r == MSR_OK))
		vcpu_finish_insn(vcpu, rip);
	else if (msr_to_user(vcpu, msr, write, val, r, rip))
		return inner_leave(why, EXIT_USER);
	else
		vcpu_queue_gp(vcpu);
	return INNER_FAST;
}

static int exit_msr(struct vcpu *vcpu, enum vcpu_exit *why)
{
	return svm_do_msr(vcpu, svm_vmcb(vcpu)->c.exit_info_1, why);
}

static int exit_hlt(struct vcpu *vcpu, enum vcpu_exit *why)
{
	if (unlikely(!skip(vcpu, 0xf4)))
		return inner_leave(why, EXIT_FETCH);
	if (vcpu_halt_over(vcpu))
		return INNER_FAST;
	return inner_leave(why, EXIT_HALT);
}

/* Executed for the host's sake alone; to the guest it has happened. */
static int exit_skip(struct vcpu *vcpu, u16 opcode, enum vcpu_exit *why)
{
	return skip(vcpu, opcode) ? INNER_FAST : inner_leave(why, EXIT_FETCH);
}

static int exit_ud(struct vcpu *vcpu, enum vcpu_exit *why)
{
	vcpu_queue_ud(vcpu);
	return INNER_FAST;
}

static int exit_gp(struct vcpu *vcpu, enum vcpu_exit *why)
{
	vcpu_queue_gp(vcpu);
	return INNER_FAST;
}

static int exit_vmmcall(struct vcpu *vcpu, enum vcpu_exit *why)
{
	if (!skip(vcpu, DECODE))
		return inner_leave(why, EXIT_FETCH);
	return inner_hypercall(vcpu, svm_vmcb(vcpu)->s.cpl, why);
}

static int exit_xsetbv(struct vcpu *vcpu, enum vcpu_exit *why)
{
	u64 rip;

	if (!next_rip(vcpu, DECODE, &rip))
		return inner_leave(why, EXIT_FETCH);
	if (inner_xsetbv(vcpu, svm_vmcb(vcpu)->s.cpl))
		vcpu_finish_insn(vcpu, rip);
	return INNER_FAST;
}

/* ------------------------------------------------------------------- ports */

static int exit_io(struct vcpu *vcpu, enum vcpu_exit *why)
{
	const struct vmcb_control *c = &svm_vmcb(vcpu)->c;
	u32 info = c->exit_info_1;

	if (info & BIT(2)) /* INS, OUTS */
		return emulate(vcpu, why);
	return inner_port(vcpu, info >> 16, (info >> 4) & 7, info & BIT(0),
			  c->exit_info_2, why);
}

/* ------------------------------------------------------- nested page fault */

int svm_do_apic_access(struct vcpu *vcpu, enum vcpu_exit *why)
{
	struct x86_fetch f;

	vcpu->stats.apic_exits++;
	vcpu->exit.gpa_valid = true;
	svm_paging(vcpu, &f);
	return inner_apic(vcpu, &f, why);
}

static int exit_npf(struct vcpu *vcpu, enum vcpu_exit *why)
{
	const struct vmcb_control *c = &svm_vmcb(vcpu)->c;
	u64 error = c->exit_info_1;

	vcpu->exit.gpa = c->exit_info_2;
	vcpu->exit.access = (error & BIT(1) ? MEMORY_WRITE : 0) |
			    (error & BIT(4) ? MEMORY_EXEC : 0) |
			    (error & BIT_ULL(33) ? MEMORY_TABLE : 0);
	/* Unless AVIC is to have a page there. */
	if (inner_at_apic(vcpu) && !READ_ONCE(vcpu->vm->mem.hole_mapped))
		return svm_do_apic_access(vcpu, why);
	return inner_leave(why, EXIT_FAULT);
}

/* -------------------------------------------------------------- exceptions */

/* User space steps, or has breakpoints: every #DB is for it, as KVM has it. */
static int user_db(struct vcpu *vcpu, enum vcpu_exit *why)
{
	struct vmcb_page *vmcb = svm_vmcb(vcpu);

	vcpu_debug_exit(vcpu, 1, vmcb->s.dr6);
	vmcb->s.dr6 = 0xffff0ff0;
	vmcb_dirty(vmcb, VMCB_DRX);
	return inner_user(vcpu, why);
}

static int exit_db(struct vcpu *vcpu, enum vcpu_exit *why)
{
	struct svm_vcpu *svm = vcpu->svm;

	if (svm->nmi_step) {
		svm->nmi_step = false;
		if (!svm->step_had_tf)
			vcpu->rflags &= ~X86_EFLAGS_TF;
		if (svm->nmi_iret)
			svm_nmi_unmask(vcpu);
		/* Only our step, no breakpoint of the guest's. */
		if (!svm->step_had_tf && !(svm_vmcb(vcpu)->s.dr6 & 0xf)) {
			svm_vmcb(vcpu)->s.dr6 &= ~(u64)BIT(14);
			vmcb_dirty(svm_vmcb(vcpu), VMCB_DRX);
			return INNER_FAST;
		}
	}
	vcpu->stats.exception_exits++;
	if (vcpu->debug.control &
	    (KVM_GUESTDBG_SINGLESTEP | KVM_GUESTDBG_USE_HW_BP))
		return user_db(vcpu, why);
	vcpu_queue_exception(vcpu, 1, false, 0);
	return INNER_HOST;
}

/* INT3 where user space has set breakpoints: RIP is still at it. */
static int exit_bp(struct vcpu *vcpu, enum vcpu_exit *why)
{
	vcpu->stats.exception_exits++;
	if (!(vcpu->debug.control & KVM_GUESTDBG_USE_SW_BP))
		return INNER_FAST;
	vcpu_debug_exit(vcpu, 3, svm_vmcb(vcpu)->s.dr6);
	return inner_user(vcpu, why);
}

static int exit_ac(struct vcpu *vcpu, enum vcpu_exit *why)
{
	vcpu->stats.exception_exits++;
	vcpu_queue_exception(vcpu, X86_AC, true, 0);
	return INNER_HOST;
}

static int exit_undefined(struct vcpu *vcpu, enum vcpu_exit *why)
{
	vcpu->stats.exception_exits++;
	return inner_leave(why, EXIT_UD);
}

static int exit_mc(struct vcpu *vcpu, enum vcpu_exit *why)
{
	/* It happened while the guest ran, but it is the host's. */
	host_machine_check();
	return INNER_HOST;
}

static int exit_shutdown(struct vcpu *vcpu, enum vcpu_exit *why)
{
	/* The VMCB's contents are undefined now. */
	vcpu_reset(vcpu, true);
	return inner_user_for(vcpu, why, KVM_EXIT_SHUTDOWN);
}

static int exit_intr(struct vcpu *vcpu, enum vcpu_exit *why)
{
	vcpu->stats.irq_exits++;
	return INNER_HOST;
}

static int exit_nmi(struct vcpu *vcpu, enum vcpu_exit *why)
{
	/* The host has taken it at STGI. */
	vcpu->stats.nmi_exits++;
	return INNER_HOST;
}

static int exit_iret(struct vcpu *vcpu, enum vcpu_exit *why)
{
	svm_iret(vcpu);
	return INNER_FAST;
}

static int exit_invalid(struct vcpu *vcpu, enum vcpu_exit *why)
{
	vcpu->run->fail_entry.hardware_entry_failure_reason =
		svm_vmcb(vcpu)->c.exit_code;
	vcpu->run->fail_entry.cpu = vcpu->cpu;
	return inner_user_for(vcpu, why, KVM_EXIT_FAIL_ENTRY);
}

int svm_handle_exit(struct vcpu *vcpu, enum vcpu_exit *why)
{
	u64 code = svm_vmcb(vcpu)->c.exit_code;

	/* One switch, the common ones first to read; no table, no pointer. */
	switch (code) {
	case SVM_EXIT_INTR:
		return exit_intr(vcpu, why);
	case SVM_EXIT_NPF:
		return exit_npf(vcpu, why);
	case SVM_EXIT_MSR:
		return exit_msr(vcpu, why);
	case SVM_EXIT_IOIO:
		return exit_io(vcpu, why);
	case SVM_EXIT_HLT:
		return exit_hlt(vcpu, why);
	case SVM_EXIT_PAUSE:
		return inner_leave(why, EXIT_YIELD);
	case SVM_EXIT_CPUID:
		return exit_cpuid(vcpu, why);
	case SVM_EXIT_VINTR:
		return inner_window(vcpu, why);
	case SVM_EXIT_AVIC_INCOMPLETE_IPI:
		return avic_exit_ipi(vcpu);
	case SVM_EXIT_AVIC_UNACCELERATED_ACCESS:
		return avic_exit_noaccel(vcpu, why);
	case SVM_EXIT_NMI:
	case SVM_EXIT_SMI:
	case SVM_EXIT_INIT:
		return exit_nmi(vcpu, why);
	case SVM_EXIT_IRET:
		return exit_iret(vcpu, why);
	case SVM_EXIT_READ_CR0 ... SVM_EXIT_WRITE_CR8:
	case SVM_EXIT_CR0_SEL_WRITE:
		return svm_exit_cr(vcpu, why);
	case SVM_EXIT_READ_DR0 ... SVM_EXIT_WRITE_DR7:
		return svm_exit_dr(vcpu, why);
	case SVM_EXIT_EXCP_BASE + 1:
		return exit_db(vcpu, why);
	case SVM_EXIT_EXCP_BASE + 3:
		return exit_bp(vcpu, why);
	case SVM_EXIT_EXCP_BASE + X86_UD:
		return exit_undefined(vcpu, why);
	case SVM_EXIT_EXCP_BASE + X86_AC:
		return exit_ac(vcpu, why);
	case SVM_EXIT_EXCP_BASE + 18:
		return exit_mc(vcpu, why);
	case SVM_EXIT_INVD:
		return exit_skip(vcpu, 0x0f08, why);
	case SVM_EXIT_WBINVD:
		return exit_skip(vcpu, 0x0f09, why);
	case SVM_EXIT_RDPMC:
		return exit_gp(vcpu, why);
	case SVM_EXIT_VMMCALL:
		return exit_vmmcall(vcpu, why);
	case SVM_EXIT_XSETBV:
		return exit_xsetbv(vcpu, why);
	case SVM_EXIT_SHUTDOWN:
		return exit_shutdown(vcpu, why);
	case SVM_EXIT_VMRUN:
	case SVM_EXIT_VMLOAD:
	case SVM_EXIT_VMSAVE:
	case SVM_EXIT_STGI:
	case SVM_EXIT_CLGI:
	case SVM_EXIT_SKINIT:
	case SVM_EXIT_RDTSCP:
	case SVM_EXIT_MONITOR:
	case SVM_EXIT_MWAIT:
	case SVM_EXIT_MWAIT_COND:
	case SVM_EXIT_INVLPGA:
	case SVM_EXIT_RSM:
	case SVM_EXIT_RDPRU:
	case SVM_EXIT_INVPCID:
	case 0xa0: /* INVLPGB */
	case 0xa1: /* illegal INVLPGB */
	case 0xa3: /* MCOMMIT */
	case 0xa4: /* TLBSYNC */
		return exit_ud(vcpu, why);
	case SVM_EXIT_TASK_SWITCH:
		return emulate(vcpu, why);
	case (u64)-1:
	case (u32)-1:
		return exit_invalid(vcpu, why);
	default:
		return inner_unknown(vcpu, why, code);
	}
}
