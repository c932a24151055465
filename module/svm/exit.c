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
#include "../event.h"
#include "../fetch.h"
#include "../memory.h"
#include "../msr_filter.h"
#include "../pv.h"
#include "../switch.h"
#include "../trace.h"
#include "../x86/cpuid.h"
#include "svm.h"

static int leave(enum vcpu_exit *why, enum vcpu_exit to)
{
	*why = to;
	return SVM_LEAVE;
}

static int to_user(struct vcpu *vcpu, enum vcpu_exit *why, u32 reason)
{
	vcpu->run->exit_reason = reason;
	vcpu->exit.error = 0;
	return leave(why, EXIT_USER);
}

static int emulate(struct vcpu *vcpu, enum vcpu_exit *why)
{
	vcpu->exit.gpa_valid = false;
	return leave(why, EXIT_EMULATE);
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
		return leave(why, EXIT_FETCH);
	vcpu->stats.cpuid_exits++;
	cpuid_emulate(vcpu);
	return SVM_FAST;
}

int svm_do_msr(struct vcpu *vcpu, bool write, enum vcpu_exit *why)
{
	u32 msr = vcpu->gpr[X86_RCX];
	u64 rip, val = 0;
	int r;

	if (unlikely(!next_rip(vcpu, write ? 0x0f30 : 0x0f32, &rip)))
		return leave(why, EXIT_FETCH);
	vcpu->stats.msr_exits++;
	if (write) {
		val = (u32)vcpu->gpr[X86_RAX] | vcpu->gpr[X86_RDX] << 32;
		r = msr_guest_write(vcpu, msr, val);
	} else {
		r = msr_guest_read(vcpu, msr, &val);
		if (r == MSR_OK) {
			vcpu->gpr[X86_RAX] = (u32)val;
			vcpu->gpr[X86_RDX] = val >> 32;
		}
	}
	/* The one switched MSR that hardware holds while the guest is loaded. */
	if (write && r == MSR_OK && msr == MSR_TSC_AUX && switch_features.tsc_aux)
		wrmsrl(MSR_TSC_AUX, vcpu->tsc_aux);
	if (likely(r == MSR_OK))
		vcpu_finish_insn(vcpu, rip);
	else if (msr_to_user(vcpu, msr, write, val, r, rip))
		return leave(why, EXIT_USER);
	else
		vcpu_queue_gp(vcpu);
	return SVM_FAST;
}

static int exit_msr(struct vcpu *vcpu, enum vcpu_exit *why)
{
	return svm_do_msr(vcpu, svm_vmcb(vcpu)->c.exit_info_1, why);
}

static int exit_hlt(struct vcpu *vcpu, enum vcpu_exit *why)
{
	if (unlikely(!skip(vcpu, 0xf4)))
		return leave(why, EXIT_FETCH);
	return leave(why, EXIT_HALT);
}

/* Executed for the host's sake alone; to the guest it has happened. */
static int exit_skip(struct vcpu *vcpu, u16 opcode, enum vcpu_exit *why)
{
	return skip(vcpu, opcode) ? SVM_FAST : leave(why, EXIT_FETCH);
}

static int exit_ud(struct vcpu *vcpu, enum vcpu_exit *why)
{
	vcpu_queue_ud(vcpu);
	return SVM_FAST;
}

static int exit_gp(struct vcpu *vcpu, enum vcpu_exit *why)
{
	vcpu_queue_gp(vcpu);
	return SVM_FAST;
}

static int exit_vmmcall(struct vcpu *vcpu, enum vcpu_exit *why)
{
	if (!skip(vcpu, DECODE))
		return leave(why, EXIT_FETCH);
	pv_hypercall(vcpu, svm_vmcb(vcpu)->s.cpl);
	return SVM_FAST;
}

static int exit_xsetbv(struct vcpu *vcpu, enum vcpu_exit *why)
{
	u64 val = (u32)vcpu->gpr[X86_RAX] | vcpu->gpr[X86_RDX] << 32;
	u64 rip;

	if (!next_rip(vcpu, DECODE, &rip))
		return leave(why, EXIT_FETCH);
	if (svm_vmcb(vcpu)->s.cpl || (u32)vcpu->gpr[X86_RCX] ||
	    !cpuid_xcr0_valid(vcpu, val)) {
		vcpu_queue_gp(vcpu);
		return SVM_FAST;
	}
	switch_xcr0(vcpu, val);
	vcpu_finish_insn(vcpu, rip);
	return SVM_FAST;
}

/* ------------------------------------------------------------------- ports */

static int exit_io(struct vcpu *vcpu, enum vcpu_exit *why)
{
	const struct vmcb_control *c = &svm_vmcb(vcpu)->c;
	u32 info = c->exit_info_1;
	u8 size = (info >> 4) & 7;

	if (info & BIT(2)) /* INS, OUTS */
		return emulate(vcpu, why);
	vcpu->stats.io_exits++;
	if (info & BIT(0) ?
	    vcpu_pio_read(vcpu, info >> 16, size, c->exit_info_2) :
	    vcpu_pio_write(vcpu, info >> 16, size, c->exit_info_2))
		return SVM_FAST;
	vcpu_exit_to_pio(vcpu, info >> 16, size, info & BIT(0), c->exit_info_2);
	trace_vintc_pio(vcpu->id, !(info & BIT(0)), info >> 16, size, 1,
			vcpu->gpr[X86_RAX]);
	vcpu->exit.error = 0;
	return leave(why, EXIT_USER);
}

/* ------------------------------------------------------- nested page fault */

#define SVM_ENTER_SIZE 0x200 /* bytes of enter.S, more or less */

/*
 * QEMU's CPU now and then translates the host's first fetch after #VMEXIT by the
 * guest's nested tables: a second #VMEXIT saves the host's registers over the
 * guest's, which are lost.
 */
static bool host_saved(const struct vcpu *vcpu)
{
	return unlikely(vcpu->rip - (unsigned long)svm_enter < SVM_ENTER_SIZE) &&
	       object_is_on_stack((void *)vcpu->gpr[X86_RSP]);
}

static int exit_host_saved(struct vcpu *vcpu, enum vcpu_exit *why)
{
	pr_err_ratelimited("this CPU has saved the host's registers as the guest's, which are lost: a fault of its SVM\n");
	vcpu_internal_error(vcpu, KVM_INTERNAL_ERROR_UNEXPECTED_EXIT_REASON);
	vcpu->exit.error = 0;
	return leave(why, EXIT_USER);
}

/* No memory, and needs no sleep. */
int svm_do_apic_access(struct vcpu *vcpu, enum vcpu_exit *why)
{
	struct x86_fetch f;
	int r;

	vcpu->stats.apic_exits++;
	vcpu->exit.gpa_valid = true;
	svm_paging(vcpu, &f);
	if (likely(vcpu_apic_move(vcpu, &f)))
		return SVM_FAST;
	r = vcpu_emulate(vcpu, true);
	if (likely(r == 1))
		return SVM_FAST;
	if (r == -EAGAIN)
		return leave(why, EXIT_EMULATE);
	vcpu->exit.error = r;
	return leave(why, EXIT_USER);
}

static int exit_npf(struct vcpu *vcpu, enum vcpu_exit *why)
{
	const struct vmcb_control *c = &svm_vmcb(vcpu)->c;
	u64 error = c->exit_info_1;

	if (host_saved(vcpu))
		return exit_host_saved(vcpu, why);
	vcpu->exit.gpa = c->exit_info_2;
	vcpu->exit.access = (error & BIT(1) ? MEMORY_WRITE : 0) |
			    (error & BIT(4) ? MEMORY_EXEC : 0);
	/* The xAPIC page, unless AVIC is to have a page there. */
	if (vcpu->has_lapic && !((vcpu->exit.gpa ^ vcpu->lapic.base) & PAGE_MASK &
				 LAPIC_BASE_ADDRESS) &&
	    lapic_mode(&vcpu->lapic) == LAPIC_XAPIC &&
	    !(vcpu->exit.access & MEMORY_EXEC) && !vcpu_delivering(vcpu) &&
	    !READ_ONCE(vcpu->vm->mem.hole_mapped))
		return svm_do_apic_access(vcpu, why);
	return leave(why, EXIT_FAULT);
}

/* -------------------------------------------------------------- exceptions */

/* User space steps, or has breakpoints: every #DB is for it, as KVM has it. */
static int user_db(struct vcpu *vcpu, enum vcpu_exit *why)
{
	struct vmcb_page *vmcb = svm_vmcb(vcpu);

	vcpu_debug_exit(vcpu, 1, vmcb->s.dr6);
	vmcb->s.dr6 = 0xffff0ff0;
	vmcb_dirty(vmcb, VMCB_DRX);
	vcpu->exit.error = 0;
	return leave(why, EXIT_USER);
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
			return SVM_FAST;
		}
	}
	vcpu->stats.exception_exits++;
	if (vcpu->debug.control &
	    (KVM_GUESTDBG_SINGLESTEP | KVM_GUESTDBG_USE_HW_BP))
		return user_db(vcpu, why);
	vcpu_queue_exception(vcpu, 1, false, 0);
	return SVM_HOST;
}

/* INT3 where user space has set breakpoints: RIP is still at it. */
static int exit_bp(struct vcpu *vcpu, enum vcpu_exit *why)
{
	vcpu->stats.exception_exits++;
	if (!(vcpu->debug.control & KVM_GUESTDBG_USE_SW_BP))
		return SVM_FAST;
	vcpu_debug_exit(vcpu, 3, svm_vmcb(vcpu)->s.dr6);
	vcpu->exit.error = 0;
	return leave(why, EXIT_USER);
}

static int exit_ac(struct vcpu *vcpu, enum vcpu_exit *why)
{
	vcpu->stats.exception_exits++;
	vcpu_queue_exception(vcpu, X86_AC, true, 0);
	return SVM_HOST;
}

static int exit_mc(struct vcpu *vcpu, enum vcpu_exit *why)
{
	/* It happened while the guest ran, but it is the host's: its handler
	 * finds the reason in the banks.
	 */
	asm volatile("int $0x12");
	return SVM_HOST;
}

static int exit_shutdown(struct vcpu *vcpu, enum vcpu_exit *why)
{
	/* The VMCB's contents are undefined now. */
	vcpu_reset(vcpu, true);
	return to_user(vcpu, why, KVM_EXIT_SHUTDOWN);
}

static int exit_intr(struct vcpu *vcpu, enum vcpu_exit *why)
{
	vcpu->stats.irq_exits++;
	return SVM_HOST;
}

static int exit_nmi(struct vcpu *vcpu, enum vcpu_exit *why)
{
	/* The host has taken it at STGI. */
	vcpu->stats.nmi_exits++;
	return SVM_HOST;
}

static int exit_vintr(struct vcpu *vcpu, enum vcpu_exit *why)
{
	vcpu->stats.irq_window_exits++;
	/* Without a PIC of ours user space waits for this moment. */
	return vcpu->has_lapic && !vcpu->vm->split ? SVM_FAST :
						     leave(why, EXIT_AGAIN);
}

static int exit_iret(struct vcpu *vcpu, enum vcpu_exit *why)
{
	svm_iret(vcpu);
	return SVM_FAST;
}

static int exit_invalid(struct vcpu *vcpu, enum vcpu_exit *why)
{
	vcpu->run->fail_entry.hardware_entry_failure_reason =
		svm_vmcb(vcpu)->c.exit_code;
	vcpu->run->fail_entry.cpu = vcpu->cpu;
	return to_user(vcpu, why, KVM_EXIT_FAIL_ENTRY);
}

static int exit_unknown(struct vcpu *vcpu, enum vcpu_exit *why)
{
	const struct vmcb_control *c = &svm_vmcb(vcpu)->c;

	vcpu_internal_error(vcpu, KVM_INTERNAL_ERROR_UNEXPECTED_EXIT_REASON);
	vcpu->run->internal.ndata = 2;
	vcpu->run->internal.data[0] = c->exit_code;
	vcpu->run->internal.data[1] = vcpu->cpu;
	vcpu->exit.error = 0;
	return leave(why, EXIT_USER);
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
	case SVM_EXIT_CPUID:
		return exit_cpuid(vcpu, why);
	case SVM_EXIT_VINTR:
		return exit_vintr(vcpu, why);
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
		return exit_unknown(vcpu, why);
	}
}
