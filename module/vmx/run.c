// SPDX-License-Identifier: GPL-2.0-only
/*
 * The inner loop: entry, exit, entry. Preemption is off and the guest's shared
 * registers are loaded for as long as it lasts; the CPU is in VMX operation at least
 * while interrupts are off (operation.c).
 */
#include <asm/apic.h>
#include <asm/desc.h>
#include <asm/mmu_context.h>
#include <asm/msr.h>

#include "../compat/compat.h"
#include "../hardware.h"
#include "../host_event.h"
#include "../inner.h"
#include "vmx.h"

/* ---------------------------------------------------------- load and put */

static u64 read_msr(u32 msr)
{
	u64 val;

	rdmsrl(msr, val);
	return val;
}

/*
 * They are the same on all CPUs and for good, but for what KVM leaves of its
 * guests' until the thread returns to user space (the flag says so): that must
 * be found again, as KVM doesn't write it twice.
 */
static void save_syscall_msrs(struct vmx_vcpu *vmx)
{
	bool lazy = test_thread_flag(TIF_USER_RETURN_NOTIFY);

	if (likely(vmx->host_known && !lazy))
		return;
	vmx->host_known = !lazy;
	vmx->star = read_msr(MSR_STAR);
	vmx->lstar = read_msr(MSR_LSTAR);
	vmx->cstar = read_msr(MSR_CSTAR);
	vmx->sfmask = read_msr(MSR_SYSCALL_MASK);
}

/* Without SCE a guest can't see them but by RDMSR and WRMSR, which exit. */
static void load_syscall_msrs(struct vmx_vcpu *vmx)
{
	const struct cpu_state *st = &vmx->st;

	if (vmx->syscall || !(st->efer & EFER_SCE))
		return;
	vmx->syscall = true;
	save_syscall_msrs(vmx);
	wrmsrl(MSR_STAR, st->star);
	wrmsrl(MSR_LSTAR, st->lstar);
	wrmsrl(MSR_CSTAR, st->cstar);
	wrmsrl(MSR_SYSCALL_MASK, st->sfmask);
}

static void restore_syscall_msrs(struct vmx_vcpu *vmx)
{
	if (!vmx->syscall)
		return;
	vmx->syscall = false;
	wrmsrl(MSR_STAR, vmx->star);
	wrmsrl(MSR_LSTAR, vmx->lstar);
	wrmsrl(MSR_CSTAR, vmx->cstar);
	wrmsrl(MSR_SYSCALL_MASK, vmx->sfmask);
}

/* An exit loads null selectors: what the thread has is put back at the end. */
static void save_host(struct vmx_vcpu *vmx)
{
	savesegment(fs, vmx->fs);
	savesegment(gs, vmx->gs);
	savesegment(ds, vmx->ds);
	savesegment(es, vmx->es);
	asm volatile("sldt %0" : "=r"(vmx->ldt));
	if (cpu_feature_enabled(X86_FEATURE_FSGSBASE))
		asm volatile("rdfsbase %0" : "=r"(vmx->fs_base));
	else
		vmx->fs_base = read_msr(MSR_FS_BASE);
	vmx->kernel_gs_base = vmx_read_swapped_gs();
	if (cpu_feature_enabled(X86_FEATURE_KERNEL_IBRS))
		vmx->spec_ctrl = read_msr(MSR_IA32_SPEC_CTRL);
}

static void restore_host(struct vmx_vcpu *vmx)
{
	vmx->st.kernel_gs_base = vmx_read_swapped_gs();
	restore_syscall_msrs(vmx);
	if (unlikely(vmx->ldt))
		asm volatile("lldt %0" :: "r"(vmx->ldt));
	if (unlikely(vmx->gs))
		load_gs_index(vmx->gs);
	if (unlikely(vmx->fs)) {
		loadsegment(fs, vmx->fs);
		wrmsrl(MSR_FS_BASE, vmx->fs_base);
	}
	if (unlikely(vmx->ds | vmx->es)) {
		loadsegment(ds, vmx->ds);
		loadsegment(es, vmx->es);
	}
	vmx_write_swapped_gs(vmx->kernel_gs_base);
	/* SDM 3C "Loading Host Segment and Descriptor-Table Registers": limits. */
	invalidate_tss_limit();
	load_fixmap_gdt(smp_processor_id());
}

/*
 * For devices; senders of ours look at vcpu->cpu. SDM 3C "Format of
 * Posted-Interrupt Descriptor": an 8-bit ID is in bits 15:8 of NDST.
 */
static void notify_here(struct vcpu *vcpu)
{
	u32 id = cpu_physical_id(smp_processor_id());

	mailbox_notify_at(&vcpu->mailbox, POSTED_INTR_VECTOR,
			  x2apic_mode ? id : id << 8);
}

static void load(struct vcpu *vcpu)
{
	struct vmx_vcpu *vmx = vcpu->vmx;
	bool other = switch_to_guest(vcpu);

	vmx_claim(vcpu);
	if (unlikely(vcpu->cpu != smp_processor_id())) {
		WRITE_ONCE(vcpu->cpu, smp_processor_id());
		notify_here(vcpu);
		/* What it has left in this TLB long ago. */
		vmx->dirty |= VMX_FLUSH_VPID | VMX_FLUSH_EPT;
	}
	if (unlikely(!vmx->ipi_awake) && vmx_caps.ipiv)
		vmx_ipi_runs(vcpu);
	/* A VPID may be another's, too. */
	if (unlikely(other))
		vmx->dirty |= VMX_FLUSH_VPID;
	save_host(vmx);
	vmx_write_swapped_gs(vmx->st.kernel_gs_base);
	load_syscall_msrs(vmx);
	if (unlikely(vmx_caps.l1d_flush))
		wrmsrl(MSR_IA32_FLUSH_CMD, L1D_FLUSH);
	vmx->dirty |= VMX_DRS;
	vmx_status(vcpu);
}

static void put(struct vcpu *vcpu)
{
	restore_host(vcpu->vmx);
	switch_to_host(vcpu);
}

/* ----------------------------------------------------------------- entry */

static void flush_tlb(struct vcpu *vcpu)
{
	struct vmx_vcpu *vmx = vcpu->vmx;

	if (vmx->dirty & VMX_FLUSH_EPT)
		vmx_invept(vmx_caps.invept, vmx->eptp);
	if ((vmx->dirty & VMX_FLUSH_VPID) && vmx_caps.vpid)
		vmx_invvpid(vmx_caps.invvpid, vmx->vpid);
	vcpu->stats.tlb_flush++;
}

static void load_drs(struct vcpu *vcpu)
{
	bool user = vcpu->vmx->user_drs;
	u64 dr7 = user ? vcpu->debug.dr7 : vcpu->vmx->st.dr7;

	if ((dr7 & 0xff) && !vcpu->host.drs_loaded)
		switch_load_drs(vcpu, user ? vcpu->debug.dr : vcpu->dr);
}

/*
 * SDM 3C "VMX-Preemption Timer": counts down from what entry loads, wherever the guest is.
 * Rounded up: a deadline is never early.
 */
static void count_to_deadline(struct vcpu *vcpu)
{
	u64 at = vcpu->deadline, now = guest_tsc(vcpu), left = 0;

	if (at > now)
		left = ((at - now - 1) >> vmx_caps.timer_shift) + 1;
	/* One that is farther is counted to in parts. */
	vmx_write(VMX_PREEMPTION_TIMER_VALUE, min_t(u64, left, U32_MAX));
}

/* All that has happened since the last entry and isn't in the VMCS yet. */
static bool settle(struct vcpu *vcpu)
{
	struct vmx_vcpu *vmx = vcpu->vmx;

	if ((vmx->dirty & VMX_PDPTES) && !vmx_write_pdptes(vcpu))
		return false;
	if (vmx->dirty & (VMX_FLUSH_EPT | VMX_FLUSH_VPID))
		flush_tlb(vcpu);
	if (vmx->dirty & VMX_CRS)
		load_syscall_msrs(vmx);
	if (vmx->dirty & VMX_STATE)
		vmx_write_state(vcpu);
	if (vmx->dirty & (VMX_APIC_MODE | VMX_EOI_BITMAP | VMX_STATUS))
		vmx_apicv_write(vcpu);
	if (vmx->dirty & VMX_DRS)
		load_drs(vcpu);
	vmx->dirty = 0;
	return true;
}

/*
 * Behaviour E: a notification that comes after inner_prepare() is taken by the
 * guest's own hardware, at entry or after it.
 * Return: false when the core is needed first.
 */
static bool look(struct vcpu *vcpu)
{
	u32 done = inner_prepare(vcpu);

	if (likely(!done))
		return true;
	if (done & PREPARE_FLUSH)
		vcpu->vmx->dirty |= VMX_FLUSH_EPT;
	if (done & PREPARE_ABSORBED)
		vmx_status(vcpu);
	return !(done & PREPARE_LEAVE);
}

/* Return: likewise. */
static bool prepare(struct vcpu *vcpu)
{
	if (mutant(MUTANT_INJECT_FIRST)) {
		if (vcpu->vmx->dirty && !settle(vcpu))
			return false;
		vmx_inject(vcpu);
		return look(vcpu);
	}
	if (!mutant(MUTANT_IRQS_ON) && !look(vcpu))
		return false;
	if (vcpu->vmx->dirty && !settle(vcpu))
		return false;
	vmx_inject(vcpu);
	if (vcpu->deadline)
		count_to_deadline(vcpu);
	if (mutant(MUTANT_MODE_LATE))
		inner_publish(vcpu);
	return true;
}

/* Registers that have a field: written only when they are not in it. */
static void write_registers(struct vcpu *vcpu)
{
	struct vmx_vcpu *vmx = vcpu->vmx;

	if (vcpu->rip != vmx->rip)
		vmx_write(GUEST_RIP, vcpu->rip);
	if (unlikely(vcpu->gpr[X86_RSP] != vmx->rsp)) {
		vmx->rsp = vcpu->gpr[X86_RSP];
		vmx_write(GUEST_RSP, vmx->rsp);
	}
	if (unlikely(vcpu->rflags != vmx->rflags)) {
		vmx_write(GUEST_RFLAGS, vcpu->rflags);
		/* A trap that TF left pending goes with it. */
		if (!(vcpu->rflags & X86_EFLAGS_TF))
			vmx_write(GUEST_PENDING_DBG_EXCEPTIONS, 0);
	}
	if (unlikely(vmx->st.cr2 != native_read_cr2()))
		native_write_cr2(vmx->st.cr2);
}

/* What follows a completed write of an APIC register doesn't look at the guest's own. */
static bool trap_like(u32 reason)
{
	return reason == EXIT_REASON_APIC_WRITE || reason == EXIT_REASON_EOI_INDUCED;
}

static void read_registers(struct vcpu *vcpu)
{
	struct vmx_vcpu *vmx = vcpu->vmx;

	if (unlikely(trap_like(vmx->reason))) {
		vmx->unread = VMX_UNREAD_RSP | VMX_UNREAD_RIP;
		/* What was entered with is no change of the core's. */
		vmx->rip = vcpu->rip;
		vmx->rflags = vcpu->rflags;
	} else {
		vmx->unread = VMX_UNREAD_RSP;
		vcpu->rip = vmx->rip = vmx_read(GUEST_RIP);
		vcpu->rflags = vmx->rflags = vmx_read(GUEST_RFLAGS);
	}
	vmx->st.cr2 = native_read_cr2();
	vmx->valid = 0;
}

static void enter(struct vcpu *vcpu)
{
	struct vmx_vcpu *vmx = vcpu->vmx;
	bool failed;

	write_registers(vcpu);
	inner_offer_eoi(vcpu);
	if (trace_vintc_entry_enabled()) {
		vmx_need_rip(vcpu);
		trace_vintc_entry(vcpu->id, vcpu->rip);
	}

	failed = vmx_enter(vcpu->gpr, vmx->launched, &vmx->host_rsp, vmx->spec_ctrl);
	inner_take_eoi(vcpu);
	if (unlikely(failed)) {
		vmx->reason = VMX_REASON_VMFAIL;
		vmx->qualification = vmx_read(VM_INSTRUCTION_ERROR);
		return;
	}
	vmx->reason = vmx_read(VM_EXIT_REASON);
	if (unlikely(vmx->reason & VMX_EXIT_REASONS_FAILED_VMENTRY))
		return;
	vmx->launched = true;
	read_registers(vcpu);
	vmx_collect(vcpu);
	vcpu->stats.exits++;
	if (trace_vintc_exit_enabled()) {
		vmx_need_rip(vcpu);
		trace_vintc_exit(vcpu->id, TRACE_VMX | vmx->reason,
				 vmx_read(EXIT_QUALIFICATION),
				 vmx_read(VM_EXIT_INTR_INFO), vcpu->rip);
	}
}

/* -------------------------------------------------------------- the loop */

/* Interrupts off. Return: INNER_HOST or INNER_LEAVE. */
static int run_guest(struct vcpu *vcpu, enum vcpu_exit *why)
{
	int r = INNER_FAST, budget = mutant(MUTANT_IRQS_ON) ? 1 : FAST_EXITS;

	if (unlikely(!vmx_begin(vcpu))) {
		vcpu->exit.error = -EIO;
		*why = EXIT_USER;
		return INNER_LEAVE;
	}
	vmx_host_state(vcpu);
	do {
		if (!prepare(vcpu)) {
			r = INNER_LEAVE;
			break;
		}
		enter(vcpu);
		r = vmx_handle_exit(vcpu, why);
	} while (r == INNER_FAST && --budget);
	vmx_need_rip(vcpu);
	vmx_need_rsp(vcpu);
	vmx_end(vcpu);
	return r == INNER_LEAVE ? r : INNER_HOST;
}

enum vcpu_exit vmx_run(struct vcpu *vcpu)
{
	enum vcpu_exit why = EXIT_AGAIN;
	int r = INNER_HOST;
	bool ready;

	if (unlikely((vcpu->vmx->dirty & VMX_PDPTES) || vcpu->vmx->touch_pdptes) &&
	    !vmx_touch_pdptes(vcpu)) {
		vcpu->exit.error = -EFAULT;
		return EXIT_USER;
	}
	ready = !mutant(MUTANT_IRQS_ON) || look(vcpu);
	load(vcpu);
	if (unlikely(vcpu->pv_away) && !pv_back_atomic(vcpu))
		r = INNER_LEAVE;
	while (r != INNER_LEAVE && ready) {
		if (inner_host_wants())
			break;
		local_irq_disable();
		vcpu->vmx->vector = 0;
		r = run_guest(vcpu, &why);
		if (vcpu->vmx->vector)
			host_interrupt(vcpu->vmx->vector);
		else
			local_irq_enable();
		if (why == EXIT_HALT && vcpu_halt_briefly(vcpu)) {
			vmx_status(vcpu);
			why = EXIT_AGAIN;
			r = INNER_HOST;
		}
		if (mutant(MUTANT_IRQS_ON))
			ready = look(vcpu);
	}
	smp_store_release(&vcpu->mode, OUTSIDE_GUEST);
	vcpu->at_boundary = inner_at_boundary(why);
	put(vcpu);
	/* The host has taken VMX away (reboot): nothing runs any more. */
	if (unlikely(why == EXIT_USER && vcpu->exit.error == -EIO))
		vm_kill(vcpu->vm);
	return why;
}
