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
#include "../event.h"
#include "../memory.h"
#include "../msr_filter.h"
#include "../pv.h"
#include "../ops.h"
#include "../switch.h"
#include "../trace.h"
#include "../x86/cpuid.h"
#include "vmx.h"

static int leave(enum vcpu_exit *why, enum vcpu_exit to)
{
	*why = to;
	return VMX_LEAVE;
}

static int to_user(struct vcpu *vcpu, enum vcpu_exit *why, u32 reason)
{
	vcpu->run->exit_reason = reason;
	vcpu->exit.error = 0;
	return leave(why, EXIT_USER);
}

/* The core will want the registers: now they are cheap. */
static int emulate(struct vcpu *vcpu, enum vcpu_exit *why)
{
	vmx_need(vcpu, VMX_OWNED);
	vcpu->exit.gpa_valid = false;
	vcpu->exit.insn_len = 0;
	return leave(why, EXIT_EMULATE);
}

static int exit_unknown(struct vcpu *vcpu, enum vcpu_exit *why)
{
	vcpu_internal_error(vcpu, KVM_INTERNAL_ERROR_UNEXPECTED_EXIT_REASON);
	vcpu->run->internal.ndata = 2;
	vcpu->run->internal.data[0] = vcpu->vmx->reason;
	vcpu->run->internal.data[1] = vcpu->cpu;
	vcpu->exit.error = 0;
	return leave(why, EXIT_USER);
}

/* ----------------------------------------------------- simple instructions */

static int exit_cpuid(struct vcpu *vcpu)
{
	vmx_skip(vcpu);
	vcpu->stats.cpuid_exits++;
	cpuid_emulate(vcpu);
	return VMX_FAST;
}

static int exit_msr(struct vcpu *vcpu, bool write, enum vcpu_exit *why)
{
	u32 msr = vcpu->gpr[X86_RCX];
	u64 val = 0;
	int r;

	vcpu->stats.msr_exits++;
	if (write) {
		val = (u32)vcpu->gpr[X86_RAX] | vcpu->gpr[X86_RDX] << 32;
		r = msr_guest_write(vcpu, msr, val);
	} else {
		vmx_msr_read(vcpu, msr);
		r = msr_guest_read(vcpu, msr, &val);
		if (r == MSR_OK) {
			vcpu->gpr[X86_RAX] = (u32)val;
			vcpu->gpr[X86_RDX] = val >> 32;
		}
	}
	if (unlikely(r != MSR_OK)) {
		if (msr_to_user(vcpu, msr, write, val, r, vmx_next_rip(vcpu)))
			return leave(why, EXIT_USER);
		vcpu_queue_gp(vcpu);
		return VMX_FAST;
	}
	if (write) {
		vmx_msr_written(vcpu, msr);
		if (msr >= 0x800 && msr <= 0x8ff)
			vcpu->vmx->dirty |= VMX_STATUS;
	}
	vmx_skip(vcpu);
	return VMX_FAST;
}

static int exit_hlt(struct vcpu *vcpu, enum vcpu_exit *why)
{
	vmx_skip(vcpu);
	return leave(why, EXIT_HALT);
}

static int exit_ud(struct vcpu *vcpu)
{
	vcpu_queue_ud(vcpu);
	return VMX_FAST;
}

static int exit_gp(struct vcpu *vcpu)
{
	vcpu_queue_gp(vcpu);
	return VMX_FAST;
}

/* Executed for the host's sake alone; to the guest it has happened. */
static int exit_skip(struct vcpu *vcpu)
{
	vmx_skip(vcpu);
	return VMX_FAST;
}

static int exit_vmcall(struct vcpu *vcpu)
{
	pv_hypercall(vcpu, vmx_cpl(vcpu));
	vmx_skip(vcpu);
	return VMX_FAST;
}

static int exit_xsetbv(struct vcpu *vcpu)
{
	u64 val = (u32)vcpu->gpr[X86_RAX] | vcpu->gpr[X86_RDX] << 32;

	if (vmx_cpl(vcpu) || (u32)vcpu->gpr[X86_RCX] ||
	    !cpuid_xcr0_valid(vcpu, val)) {
		vcpu_queue_gp(vcpu);
		return VMX_FAST;
	}
	switch_xcr0(vcpu, val);
	vmx_skip(vcpu);
	return VMX_FAST;
}

/* ------------------------------------------------------------------- ports */

/* SDM 3C table "Exit Qualification for I/O Instructions" */
static int exit_io(struct vcpu *vcpu, enum vcpu_exit *why)
{
	u64 q = vmx_read(EXIT_QUALIFICATION), rip;
	u8 size = (q & 7) + 1;
	u16 port = q >> 16;
	bool in = q & BIT(3);

	if (q & BIT(4)) /* INS, OUTS */
		return emulate(vcpu, why);
	vcpu->stats.io_exits++;
	rip = vmx_next_rip(vcpu);
	if (in ? vcpu_pio_read(vcpu, port, size, rip) :
		 vcpu_pio_write(vcpu, port, size, rip))
		return VMX_FAST;
	vcpu_exit_to_pio(vcpu, port, size, in, rip);
	trace_vintc_pio(vcpu->id, !in, port, size, 1, vcpu->gpr[X86_RAX]);
	vcpu->exit.error = 0;
	return leave(why, EXIT_USER);
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

static int exit_ept(struct vcpu *vcpu, enum vcpu_exit *why)
{
	u64 q = vmx_read(EXIT_QUALIFICATION);
	struct x86_fetch f;
	int r;

	if (unlikely(q & BIT(12)))
		iret_faulted(vcpu);
	vcpu->exit.gpa = vmx_read(GUEST_PHYSICAL_ADDRESS);
	vcpu->exit.access = (q & BIT(1) ? MEMORY_WRITE : 0) |
			    (q & BIT(2) ? MEMORY_EXEC : 0);
	/* It may turn out to be a device; then these are wanted. */
	vmx_need(vcpu, VMX_OWNED);
	/* xAPIC page: no memory, and needs no sleep. */
	if (vcpu->has_lapic && !vcpu->accelerated &&
	    !((vcpu->exit.gpa ^ vcpu->lapic.base) & PAGE_MASK & LAPIC_BASE_ADDRESS) &&
	    lapic_mode(&vcpu->lapic) == LAPIC_XAPIC &&
	    !(vcpu->exit.access & MEMORY_EXEC) && !vcpu_delivering(vcpu)) {
		vcpu->stats.apic_exits++;
		vcpu->exit.gpa_valid = true;
		vmx_paging(vcpu, &f);
		if (likely(vcpu_apic_move(vcpu, &f)))
			return VMX_FAST;
		r = vcpu_emulate(vcpu, true);
		if (likely(r == 1))
			return VMX_FAST;
		if (r == -EAGAIN)
			return leave(why, EXIT_EMULATE);
		vcpu->exit.error = r;
		return leave(why, EXIT_USER);
	}
	return leave(why, EXIT_FAULT);
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
		vcpu->exit.error = 0;
		return leave(why, EXIT_USER);
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
	return VMX_FAST;
}

static int exit_exception(struct vcpu *vcpu, enum vcpu_exit *why)
{
	u32 info = vmx_read(VM_EXIT_INTR_INFO);
	u8 vector = info;

	if ((info & INTR_INFO_INTR_TYPE_MASK) == INTR_TYPE_NMI_INTR) {
		vcpu->stats.nmi_exits++;
		/* NMIs are blocked until the handler's IRET, as with any. */
		asm volatile("int $2");
		return VMX_HOST;
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
			return VMX_FAST;
		vmx_need(vcpu, VMX_OWNED);
		vcpu_debug_exit(vcpu, 3, vcpu->vmx->st.dr6);
		vcpu->exit.error = 0;
		return leave(why, EXIT_USER);
	case X86_AC:
		vcpu->stats.exception_exits++;
		vcpu_queue_exception(vcpu, X86_AC, true, 0);
		return VMX_FAST;
	case 18:
		/* While the guest ran, but the host's: its handler finds the
		 * reason in the banks.
		 */
		asm volatile("int $0x12");
		return VMX_HOST;
	default:
		return exit_unknown(vcpu, why);
	}
}

static int exit_interrupt(struct vcpu *vcpu)
{
	vcpu->stats.irq_exits++;
	vcpu->vmx->vector = vmx_read(VM_EXIT_INTR_INFO);
	return VMX_HOST;
}

static int exit_window(struct vcpu *vcpu, enum vcpu_exit *why)
{
	vcpu->stats.irq_window_exits++;
	/* Without a PIC of ours user space waits for this moment. */
	return vcpu->has_lapic && !vcpu->vm->split ? VMX_FAST :
						     leave(why, EXIT_AGAIN);
}

static int exit_shutdown(struct vcpu *vcpu, enum vcpu_exit *why)
{
	return to_user(vcpu, why, KVM_EXIT_SHUTDOWN);
}

static int exit_entry_failed(struct vcpu *vcpu, enum vcpu_exit *why)
{
	const struct vmx_vcpu *vmx = vcpu->vmx;

	if ((u16)vmx->reason == EXIT_REASON_MCE_DURING_VMENTRY &&
	    vmx->reason != VMX_REASON_VMFAIL) {
		asm volatile("int $0x12");
		return VMX_HOST;
	}
	vcpu->run->fail_entry.hardware_entry_failure_reason =
		vmx->reason == VMX_REASON_VMFAIL ? vmx->qualification : vmx->reason;
	vcpu->run->fail_entry.cpu = vcpu->cpu;
	return to_user(vcpu, why, KVM_EXIT_FAIL_ENTRY);
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
	case EXIT_REASON_CPUID:
		return exit_cpuid(vcpu);
	case EXIT_REASON_APIC_WRITE:
		return vmx_exit_apic_write(vcpu);
	case EXIT_REASON_APIC_ACCESS:
		return vmx_exit_apic_access(vcpu, why);
	case EXIT_REASON_EOI_INDUCED:
		return vmx_exit_eoi(vcpu);
	case EXIT_REASON_INTERRUPT_WINDOW:
		return exit_window(vcpu, why);
	case EXIT_REASON_NMI_WINDOW:
		vcpu->stats.nmi_window_exits++;
		return VMX_FAST;
	case EXIT_REASON_TPR_BELOW_THRESHOLD:
		return VMX_FAST;
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
		return exit_vmcall(vcpu);
	case EXIT_REASON_XSETBV:
		return exit_xsetbv(vcpu);
	case EXIT_REASON_TRIPLE_FAULT:
		return exit_shutdown(vcpu, why);
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
		return exit_unknown(vcpu, why);
	}
}
