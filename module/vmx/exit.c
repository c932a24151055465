// SPDX-License-Identifier: GPL-2.0-only
/*
 * What each VM exit asks for. Interrupts are off; whatever doesn't sleep is done
 * here and the guest goes on. SDM 3C "Basic VM-Exit Information", 3D appendix
 * "VMX Basic Exit Reasons".
 */
#include <linux/bitops.h>
#include <asm/msr.h>
#include <asm/processor-flags.h>

#include "../compat/compat.h"
#include "../host_event.h"
#include "../inner.h"
#include "vmx.h"

/* The core will want the registers: now they are cheap. */
static int emulate(struct vcpu *vcpu, enum vcpu_exit *why)
{
	vmx_need(vcpu, VMX_OWNED);
	vcpu->exit.gpa_valid = false;
	vcpu->exit.insn_len = 0;
	return inner_leave(why, EXIT_EMULATE);
}

/* ----------------------------------------------------- simple instructions */

static int exit_cpuid(struct vcpu *vcpu)
{
	vmx_skip(vcpu);
	vcpu->stats.cpuid_exits++;
	cpuid_emulate(vcpu);
	return INNER_FAST;
}

static int exit_msr(struct vcpu *vcpu, bool write, enum vcpu_exit *why)
{
	u32 msr = vcpu->gpr[X86_RCX];
	u64 val;
	int r;

	vcpu->stats.msr_exits++;
	if (!write)
		vmx_msr_read(vcpu, msr);
	r = inner_msr(vcpu, write, &val);
	if (unlikely(r != MSR_OK)) {
		if (msr_to_user(vcpu, msr, write, val, r, vmx_next_rip(vcpu)))
			return inner_leave(why, EXIT_USER);
		vcpu_queue_gp(vcpu);
		return INNER_FAST;
	}
	if (write) {
		vmx_msr_written(vcpu, msr);
		vmx_status(vcpu); /* by the APIC's own MSRs, or a deadline that has passed */
	}
	vmx_skip(vcpu);
	return INNER_FAST;
}

static int exit_hlt(struct vcpu *vcpu, enum vcpu_exit *why)
{
	vmx_skip(vcpu);
	if (vcpu_halt_over(vcpu)) {
		vmx_status(vcpu);
		return INNER_FAST;
	}
	return inner_leave(why, EXIT_HALT);
}

static int exit_ud(struct vcpu *vcpu)
{
	vcpu_queue_ud(vcpu);
	return INNER_FAST;
}

static int exit_gp(struct vcpu *vcpu)
{
	vcpu_queue_gp(vcpu);
	return INNER_FAST;
}

/* Executed for the host's sake alone; to the guest it has happened. */
static int exit_skip(struct vcpu *vcpu)
{
	vmx_skip(vcpu);
	return INNER_FAST;
}

static int exit_vmcall(struct vcpu *vcpu, enum vcpu_exit *why)
{
	bool user = vmx_cpl(vcpu);

	vmx_skip(vcpu);
	return inner_hypercall(vcpu, user, why);
}

static int exit_xsetbv(struct vcpu *vcpu)
{
	if (inner_xsetbv(vcpu, vmx_cpl(vcpu)))
		vmx_skip(vcpu);
	return INNER_FAST;
}

/* ------------------------------------------------------------------- ports */

/* SDM 3C table "Exit Qualification for I/O Instructions" */
static int exit_io(struct vcpu *vcpu, enum vcpu_exit *why)
{
	u64 q = vmx_read(EXIT_QUALIFICATION);

	if (q & BIT(4)) /* INS, OUTS */
		return emulate(vcpu, why);
	return inner_port(vcpu, q >> 16, (q & 7) + 1, q & BIT(3),
			  vmx_next_rip(vcpu), why);
}

/* ----------------------------------------------------------- EPT violation */

/*
 * An IRET that faulted has ended NMI blocking all the same (SDM 3C table "Exit
 * Qualification for EPT Violations"; "Information for VM Exits Due to Vectored
 * Events"): it starts again.
 */
static void iret_faulted(struct vcpu *vcpu)
{
	if (!(vcpu->vmx->event_info & INTR_INFO_VALID_MASK))
		vcpu->event.nmi_masked = true;
}

/* There is a linear address, and this is what it translates to. */
#define EPT_FINAL (BIT(7) | BIT(8))

static int exit_ept(struct vcpu *vcpu, enum vcpu_exit *why)
{
	u64 q = vmx_read(EXIT_QUALIFICATION);
	struct x86_fetch f;

	if (unlikely(q & BIT(12)))
		iret_faulted(vcpu);
	vcpu->exit.gpa = vmx_read(GUEST_PHYSICAL_ADDRESS);
	vcpu->exit.access = (q & BIT(1) ? MEMORY_WRITE : 0) |
			    (q & BIT(2) ? MEMORY_EXEC : 0) |
			    ((q & EPT_FINAL) != EPT_FINAL ? MEMORY_TABLE : 0);
	/* It may turn out to be a device; then these are wanted. */
	vmx_need(vcpu, VMX_OWNED);
	if (!vcpu->accelerated && inner_at_apic(vcpu)) {
		vcpu->stats.apic_exits++;
		vcpu->exit.gpa_valid = true;
		vmx_need_rsp(vcpu);
		vmx_paging(vcpu, &f);
		return inner_apic(vcpu, &f, why);
	}
	return inner_leave(why, EXIT_FAULT);
}

/* -------------------------------------------------------------- exceptions */

static int exit_db(struct vcpu *vcpu, enum vcpu_exit *why)
{
	/* SDM 3C table "Exit Qualification for Debug Exceptions" */
	u64 q = vmx_read(EXIT_QUALIFICATION) & 0x1e00f;

	if (vcpu->debug.control &
	    (KVM_GUESTDBG_SINGLESTEP | KVM_GUESTDBG_USE_HW_BP)) {
		vmx_need(vcpu, VMX_OWNED);
		vcpu_debug_exit(vcpu, 1, 0xffff0ff0 | q);
		return inner_user(vcpu, why);
	}
	vcpu->vmx->st.dr6 &= ~0xfULL;
	/* Delivery clears general detect (SDM 3B "Debug Control Register"). */
	if (vcpu->vmx->st.dr7 & BIT(13)) {
		vcpu->vmx->st.dr7 &= ~(u64)BIT(13);
		vcpu->vmx->dirty |= VMX_DRS;
	}
	vcpu_queue_exception(vcpu, 1, false, 0);
	vcpu->event.exception.has_payload = true;
	vcpu->event.exception.payload = q;
	return INNER_FAST;
}

static int exit_exception(struct vcpu *vcpu, enum vcpu_exit *why)
{
	u32 info = vmx_read(VM_EXIT_INTR_INFO);
	u8 vector = info;

	if ((info & INTR_INFO_INTR_TYPE_MASK) == INTR_TYPE_NMI_INTR) {
		vcpu->stats.nmi_exits++;
		host_nmi();
		return INNER_HOST;
	}
	if (vector != 18 && (info & INTR_INFO_UNBLOCK_NMI) && vector != 8)
		iret_faulted(vcpu);
	switch (vector) {
	case 1:
		vcpu->stats.exception_exits++;
		return exit_db(vcpu, why);
	case 3:
		vcpu->stats.exception_exits++;
		if (!(vcpu->debug.control & KVM_GUESTDBG_USE_SW_BP))
			return INNER_FAST;
		vmx_need(vcpu, VMX_OWNED);
		vcpu_debug_exit(vcpu, 3, vcpu->vmx->st.dr6);
		return inner_user(vcpu, why);
	case X86_UD:
		vcpu->stats.exception_exits++;
		return inner_leave(why, EXIT_UD);
	case X86_AC:
		vcpu->stats.exception_exits++;
		vcpu_queue_exception(vcpu, X86_AC, true, 0);
		return INNER_FAST;
	case 18:
		/* While the guest ran, but the host's. */
		host_machine_check();
		return INNER_HOST;
	default:
		return inner_unknown(vcpu, why, vcpu->vmx->reason);
	}
}

static int exit_interrupt(struct vcpu *vcpu)
{
	vcpu->stats.irq_exits++;
	vcpu->vmx->vector = vmx_read(VM_EXIT_INTR_INFO);
	return INNER_HOST;
}

static int exit_entry_failed(struct vcpu *vcpu, enum vcpu_exit *why)
{
	const struct vmx_vcpu *vmx = vcpu->vmx;

	if ((u16)vmx->reason == EXIT_REASON_MCE_DURING_VMENTRY &&
	    vmx->reason != VMX_REASON_VMFAIL) {
		host_machine_check();
		return INNER_HOST;
	}
	vcpu->run->fail_entry.hardware_entry_failure_reason =
		vmx->reason == VMX_REASON_VMFAIL ? vmx->qualification : vmx->reason;
	vcpu->run->fail_entry.cpu = vcpu->cpu;
	return inner_user_for(vcpu, why, KVM_EXIT_FAIL_ENTRY);
}

int vmx_handle_exit(struct vcpu *vcpu, enum vcpu_exit *why)
{
	u32 reason = vcpu->vmx->reason;

	if (unlikely(reason & VMX_EXIT_REASONS_FAILED_VMENTRY))
		return exit_entry_failed(vcpu, why);
	/* One switch, the common ones first to read; no table, no pointer. */
	switch ((u16)reason) {
	case EXIT_REASON_EXTERNAL_INTERRUPT:
		return exit_interrupt(vcpu);
	case EXIT_REASON_EPT_VIOLATION:
		return exit_ept(vcpu, why);
	case EXIT_REASON_MSR_READ:
		return exit_msr(vcpu, false, why);
	case EXIT_REASON_MSR_WRITE:
		return exit_msr(vcpu, true, why);
	case EXIT_REASON_IO_INSTRUCTION:
		return exit_io(vcpu, why);
	case EXIT_REASON_HLT:
		return exit_hlt(vcpu, why);
	case EXIT_REASON_PAUSE_INSTRUCTION:
		return inner_leave(why, EXIT_YIELD);
	case EXIT_REASON_CPUID:
		return exit_cpuid(vcpu);
	case EXIT_REASON_APIC_WRITE:
		return vmx_exit_apic_write(vcpu);
	case EXIT_REASON_APIC_ACCESS:
		return vmx_exit_apic_access(vcpu, why);
	case EXIT_REASON_EOI_INDUCED:
		return vmx_exit_eoi(vcpu);
	case EXIT_REASON_INTERRUPT_WINDOW:
		return inner_window(vcpu, why);
	case EXIT_REASON_NMI_WINDOW:
		vcpu->stats.nmi_window_exits++;
		return INNER_FAST;
	case EXIT_REASON_PREEMPTION_TIMER:
		vcpu->stats.deadline_exits++;
		vcpu_deadline_passed(vcpu);
		vmx_status(vcpu);
		return INNER_FAST;
	case EXIT_REASON_TPR_BELOW_THRESHOLD:
		return INNER_FAST;
	case EXIT_REASON_EXCEPTION_NMI:
		return exit_exception(vcpu, why);
	case EXIT_REASON_CR_ACCESS:
		return vmx_exit_cr(vcpu, why);
	case EXIT_REASON_DR_ACCESS:
		return vmx_exit_dr(vcpu, why);
	case EXIT_REASON_INVD:
	case EXIT_REASON_WBINVD:
		return exit_skip(vcpu);
	case EXIT_REASON_RDPMC:
		return exit_gp(vcpu);
	case EXIT_REASON_VMCALL:
		return exit_vmcall(vcpu, why);
	case EXIT_REASON_XSETBV:
		return exit_xsetbv(vcpu);
	case EXIT_REASON_TRIPLE_FAULT:
		return inner_user_for(vcpu, why, KVM_EXIT_SHUTDOWN);
	case EXIT_REASON_TASK_SWITCH:
		return emulate(vcpu, why);
	case EXIT_REASON_VMCLEAR ... EXIT_REASON_VMON:
	case EXIT_REASON_MWAIT_INSTRUCTION:
	case EXIT_REASON_MONITOR_INSTRUCTION:
	case EXIT_REASON_INVEPT:
	case EXIT_REASON_INVVPID:
	case EXIT_REASON_INVPCID:
	case EXIT_REASON_VMFUNC:
	case EXIT_REASON_ENCLS:
		return exit_ud(vcpu);
	default:
		return inner_unknown(vcpu, why, vcpu->vmx->reason);
	}
}
