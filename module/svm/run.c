// SPDX-License-Identifier: GPL-2.0-only
/*
 * The inner loop: entry, exit, entry. Preemption is off and the guest's FPU and
 * its MSRs that the host doesn't use are loaded for as long as it lasts, so
 * that an exit that is handled here costs neither.
 */
#include <asm/msr.h>
#include <asm/special_insns.h>

#include "../compat/compat.h"
#include "../hardware.h"
#include "../inner.h"
#include "svm.h"

/* ----------------------------------------------------- debug registers */

static bool drs_in_use(const struct vcpu *vcpu)
{
	return svm_vmcb(vcpu)->s.dr7 & 0xff;
}

static const u64 *active_drs(const struct vcpu *vcpu)
{
	return vcpu->svm->user_drs ? vcpu->debug.dr : vcpu->dr;
}

/* ---------------------------------------------------------- load and put */

static void new_cpu(struct vcpu *vcpu, int cpu)
{
	WRITE_ONCE(vcpu->cpu, cpu);
	vcpu->svm->asid.generation = 0;
	svm_vmcb(vcpu)->c.clean = 0;
}

/*
 * The host's part of what VMLOAD replaces. When the machine goes down SVM is
 * taken away by an interrupt; svm_run() then finds that before it enters.
 */
static void save_host(struct svm_cpu *cpu)
{
	unsigned long flags;

	local_irq_save(flags);
	if (likely(__this_cpu_read(vintc_cpu_ready)))
		asm volatile("vmsave %0" :: "a"(cpu->host_pa) : "memory");
	local_irq_restore(flags);
}

static void load(struct vcpu *vcpu)
{
	switch_to_guest(vcpu);
	if (unlikely(vcpu->cpu != smp_processor_id()))
		new_cpu(vcpu, smp_processor_id());
	save_host(this_cpu_ptr(&svm_cpu));
	avic_load(vcpu);
}

/* ----------------------------------------------------------------- entry */

static void assign_asid(struct vcpu *vcpu, struct svm_cpu *cpu)
{
	struct vmcb_page *vmcb = svm_vmcb(vcpu);
	struct asid_vcpu *asid = &vcpu->svm->asid;

	vcpu->stats.tlb_flush += asid->flush;
	vmcb->c.tlb_control = asid_assign(&cpu->asids, asid,
					  svm_features.flush_by_asid);
	if (vmcb->c.asid != asid->asid) {
		vmcb->c.asid = asid->asid;
		vmcb_dirty(vmcb, VMCB_ASID_GROUP);
	}
}

/* CR8 is V_TPR while the guest runs. */
static void load_tpr(struct vcpu *vcpu)
{
	struct vmcb_page *vmcb = svm_vmcb(vcpu);
	u32 tpr = vcpu->has_lapic ? lapic_get(&vcpu->lapic, LAPIC_TPR) >> 4 :
				    vcpu->cr8;

	if (unlikely((vmcb->c.int_ctl & VMCB_V_TPR_MASK) != tpr)) {
		vmcb->c.int_ctl = (vmcb->c.int_ctl & ~VMCB_V_TPR_MASK) | tpr;
		vmcb_dirty(vmcb, VMCB_TPR);
	}
}

static void store_tpr(struct vcpu *vcpu)
{
	u8 tpr = svm_vmcb(vcpu)->c.int_ctl & VMCB_V_TPR_MASK;
	struct lapic_out out = { .effects = 0 };

	if (!vcpu->has_lapic)
		vcpu->cr8 = tpr;
	else if (unlikely(tpr != lapic_get(&vcpu->lapic, LAPIC_TPR) >> 4))
		lapic_set_cr8(&vcpu->lapic, tpr, &out);
}

/* Return: false when the core is needed first. */
static bool prepare(struct vcpu *vcpu)
{
	u32 done = inner_prepare(vcpu);

	if (unlikely(done & PREPARE_FLUSH))
		vcpu->svm->asid.flush = true;
	if (unlikely(done & PREPARE_LEAVE))
		return false;
	if (unlikely(vcpu->event.extint | vcpu->svm->avic.window) &&
	    vcpu->vm->svm && !avic_window(vcpu))
		return false;
	svm_inject(vcpu);
	if (mutant(MUTANT_MODE_LATE))
		inner_publish(vcpu);
	return true;
}

static void enter(struct vcpu *vcpu)
{
	struct svm_cpu *cpu = this_cpu_ptr(&svm_cpu);
	struct vmcb_page *vmcb = svm_vmcb(vcpu);
	struct vmcb_save *s = &vmcb->s;

	if (unlikely(!asid_current(&cpu->asids, &vcpu->svm->asid)))
		assign_asid(vcpu, cpu);
	if (unlikely(drs_in_use(vcpu) && !vcpu->host.drs_loaded))
		switch_load_drs(vcpu, active_drs(vcpu));
	load_tpr(vcpu);
	s->rax = vcpu->gpr[X86_RAX];
	s->rsp = vcpu->gpr[X86_RSP];
	s->rip = vcpu->rip;
	s->rflags = vcpu->rflags;
	vmcb->c.int_state = vcpu->interrupt_shadow;
	inner_offer_eoi(vcpu);
	trace_vintc_entry(vcpu->id, vcpu->rip);

	svm_enter(vcpu->gpr, vcpu->svm->vmcb_pa, cpu->host_pa);

	vcpu->gpr[X86_RAX] = s->rax;
	vcpu->gpr[X86_RSP] = s->rsp;
	vcpu->rip = s->rip;
	vcpu->rflags = s->rflags;
	vcpu->interrupt_shadow = vmcb->c.int_state & VMCB_INTERRUPT_SHADOW;
	vmcb->c.event_inj = 0;
	if (unlikely(vmcb->c.tlb_control != VMCB_TLB_NOTHING)) {
		if (vmcb->c.exit_code == SVM_EXIT_ERR)
			asid_not_entered(&cpu->asids, &vcpu->svm->asid,
					 vmcb->c.tlb_control);
		vmcb->c.tlb_control = VMCB_TLB_NOTHING;
	}
	if (svm_features.clean_bits)
		vmcb->c.clean = VMCB_ALL_CLEAN;
	store_tpr(vcpu);
	inner_take_eoi(vcpu);
	svm_collect(vcpu);
	vcpu->stats.exits++;
	trace_vintc_exit(vcpu->id, vmcb->c.exit_code, vmcb->c.exit_info_1,
			 vmcb->c.exit_info_2, vcpu->rip);
}

enum vcpu_exit svm_run(struct vcpu *vcpu)
{
	enum vcpu_exit why = EXIT_AGAIN;
	int r = INNER_HOST, budget;

	load(vcpu);
	if (unlikely(vcpu->pv_away) && !pv_back_atomic(vcpu))
		r = INNER_LEAVE;
	while (r != INNER_LEAVE) {
		if (inner_host_wants())
			break;
		/*
		 * A pending host interrupt ends the guest as soon as it is
		 * entered, unless an injected event exits before that, again
		 * and again: so there is an end to this loop by itself.
		 */
		budget = FAST_EXITS;
		local_irq_disable();
		do {
			if (unlikely(!__this_cpu_read(vintc_cpu_ready))) {
				vcpu->exit.error = -EIO;
				why = EXIT_USER;
				r = INNER_LEAVE;
				break;
			}
			if (!prepare(vcpu)) {
				r = INNER_LEAVE;
				break;
			}
			enter(vcpu);
			r = svm_handle_exit(vcpu, &why);
		} while (r == INNER_FAST && --budget);
		local_irq_enable();
		if (why == EXIT_HALT && vcpu_halt_briefly(vcpu)) {
			why = EXIT_AGAIN;
			r = INNER_HOST;
		}
	}
	smp_store_release(&vcpu->mode, OUTSIDE_GUEST);
	vcpu->at_boundary = inner_at_boundary(why);
	avic_put(vcpu);
	switch_to_host(vcpu);
	/* The host has taken SVM away (reboot): nothing runs any more. */
	if (unlikely(why == EXIT_USER && vcpu->exit.error == -EIO))
		vm_kill(vcpu->vm);
	return why;
}
