// SPDX-License-Identifier: GPL-2.0-only
/*
 * Getting events into the guest: EVENTINJ for what can go now, a V_IRQ window
 * for an interrupt that can't yet; for an NMI that can't V_NMI_PENDING, or without
 * virtual NMIs the IRET intercept. APM 2 "Event Injection", "Virtual Interrupts",
 * "NMI Virtualization".
 */
#include <asm/processor-flags.h>

#include "../compat/compat.h"
#include "../inner.h"
#include "svm.h"

static void put_event(struct vcpu *vcpu, u32 type, u8 vector)
{
	svm_vmcb(vcpu)->c.event_inj = VMCB_EVENT_VALID | type | vector;
}

static void inject_exception(struct vcpu *vcpu)
{
	struct vmcb_page *vmcb = svm_vmcb(vcpu);
	u32 has_error = vcpu->event.exception.has_error ? VMCB_EVENT_HAS_ERROR : 0;

	event_begin_exception(vcpu);
	if (vcpu->event.exception.has_payload) {
		vcpu->event.exception.has_payload = false;
		if (vcpu->event.exception.vector == X86_PF) {
			vmcb->s.cr2 = vcpu->event.exception.payload;
			vmcb_dirty(vmcb, VMCB_CR2_GROUP);
		} else if (vcpu->event.exception.vector == 1) {
			vmcb->s.dr6 |= vcpu->event.exception.payload;
			vmcb_dirty(vmcb, VMCB_DRX);
		}
	}
	put_event(vcpu, VMCB_EVENT_EXCEPTION | has_error,
		  vcpu->event.exception.vector);
	vmcb->c.event_inj_err = vcpu->event.exception.error;
	trace_vintc_inject(vcpu->id, vcpu->event.exception.vector,
			   TRACE_INJECT_EXCEPTION);
}

static void inject_nmi(struct vcpu *vcpu)
{
	vcpu->event.nmi_injected = true;
	vcpu->event.nmi_masked = true;
	put_event(vcpu, VMCB_EVENT_NMI, 2);
	if (!svm_features.vnmi)
		svm_intercept(svm_vmcb(vcpu), INTERCEPT_IRET, true);
	trace_vintc_inject(vcpu->id, 2, TRACE_INJECT_NMI);
}

static void inject_interrupt(struct vcpu *vcpu, u8 vector, bool soft)
{
	vcpu->event.interrupt.injected = true;
	vcpu->event.interrupt.soft = soft;
	vcpu->event.interrupt.vector = vector;
	put_event(vcpu, soft ? VMCB_EVENT_SOFT : VMCB_EVENT_INTR, vector);
	trace_vintc_inject(vcpu->id, vector,
			   soft ? TRACE_INJECT_SOFT : TRACE_INJECT_IRQ);
}

/* ------------------------------------------------------------- windows */

static void close_window(struct vcpu *vcpu)
{
	struct vmcb_page *vmcb = svm_vmcb(vcpu);

	vcpu->svm->window = false;
	vmcb->c.int_ctl &= ~(VMCB_V_IRQ | VMCB_V_INTR_PRIO | VMCB_V_IGN_TPR);
	vmcb_dirty(vmcb, VMCB_TPR);
	svm_intercept(vmcb, INTERCEPT_VINTR, false);
}

/*
 * A virtual interrupt, intercepted: the guest exits as soon as IF is set and no
 * shadow is left. TPR has no part in it: CPUs and emulators differ in whether a
 * priority equal to V_TPR passes.
 */
static void open_window(struct vcpu *vcpu)
{
	struct vmcb_page *vmcb = svm_vmcb(vcpu);

	vcpu->svm->window = true;
	vmcb->c.int_ctl |= VMCB_V_IRQ | VMCB_V_INTR_PRIO | VMCB_V_IGN_TPR;
	vmcb_dirty(vmcb, VMCB_TPR);
	svm_intercept(vmcb, INTERCEPT_VINTR, true);
}

static void interrupt_window(struct vcpu *vcpu, bool open)
{
	if (open == vcpu->svm->window)
		return;
	if (open)
		open_window(vcpu);
	else
		close_window(vcpu);
}

/* A single step ends an interrupt shadow or an IRET that an NMI waits for. */
static void step(struct vcpu *vcpu)
{
	if (vcpu->svm->nmi_step)
		return;
	vcpu->svm->nmi_step = true;
	vcpu->svm->step_had_tf = vcpu->rflags & X86_EFLAGS_TF;
	vcpu->rflags |= X86_EFLAGS_TF;
}

/* It is over without a trap: TF must not be seen in what the NMI pushes. */
static void unstep(struct vcpu *vcpu)
{
	vcpu->svm->nmi_step = false;
	if (!vcpu->svm->step_had_tf)
		vcpu->rflags &= ~(u64)X86_EFLAGS_TF;
}

/*
 * The stepped instruction was one that is done in software: the trap that the
 * core has queued for TF is ours.
 */
static void software_step(struct vcpu *vcpu)
{
	struct svm_vcpu *svm = vcpu->svm;

	if (!vcpu->event.exception.pending || vcpu->event.exception.vector != 1 ||
	    !vcpu->event.exception.has_payload)
		return;
	svm->nmi_step = false;
	if (svm->step_had_tf)
		return;
	vcpu->rflags &= ~(u64)X86_EFLAGS_TF;
	vcpu->event.exception.pending = false;
	vcpu->event.exception.has_payload = false;
}

void svm_nmi_unmask(struct vcpu *vcpu)
{
	vcpu->svm->nmi_iret = false;
	vcpu->event.nmi_masked = false;
}

/* IRET is about to run; NMIs are masked until it is through. */
void svm_iret(struct vcpu *vcpu)
{
	svm_intercept(svm_vmcb(vcpu), INTERCEPT_IRET, false);
	vcpu->svm->nmi_iret = true;
	vcpu->svm->nmi_iret_rip = vcpu->rip;
	vcpu->stats.nmi_window_exits++;
}

/* ------------------------------------------------------------ before entry */

/* Return: false when EVENTINJ was free and still is. */
static bool inject_again(struct vcpu *vcpu)
{
	struct vcpu_event_state *ev = &vcpu->event;

	if (ev->exception.injected || ev->exception.pending)
		inject_exception(vcpu);
	else if (ev->nmi_injected)
		inject_nmi(vcpu);
	else if (ev->interrupt.injected)
		inject_interrupt(vcpu, ev->interrupt.vector, ev->interrupt.soft);
	else
		return false;
	return true;
}

static bool nmi_goes(struct vcpu *vcpu)
{
	struct vcpu_event_state *ev = &vcpu->event;

	if (!ev->nmi_pending)
		return false;
	if (!ev->nmi_masked && !vcpu->interrupt_shadow) {
		if (unlikely(vcpu->svm->nmi_step))
			unstep(vcpu);
		ev->nmi_pending--;
		vcpu->stats.nmi_injections++;
		inject_nmi(vcpu);
		return true;
	}
	/* The CPU keeps one; only for another behind it there is a window. */
	if (svm_features.vnmi && ev->nmi_pending == 1)
		return false;
	if (ev->nmi_masked && !vcpu->svm->nmi_iret)
		svm_intercept(svm_vmcb(vcpu), INTERCEPT_IRET, true);
	else
		step(vcpu);
	return false;
}

/* What the CPU has to know of NMIs, beside one that is injected. */
static void load_nmis(struct vcpu *vcpu)
{
	struct vmcb_page *vmcb = svm_vmcb(vcpu);
	u32 ctl = vmcb->c.int_ctl & ~(VMCB_V_NMI_PENDING | VMCB_V_NMI_MASK);

	if (vcpu->event.nmi_pending)
		ctl |= VMCB_V_NMI_PENDING;
	if (vcpu->event.nmi_masked)
		ctl |= VMCB_V_NMI_MASK;
	if (likely(ctl == vmcb->c.int_ctl))
		return;
	vmcb->c.int_ctl = ctl;
	vmcb_dirty(vmcb, VMCB_TPR);
}

/*
 * Something is in IRR, but not above PPR. If that is for TPR, a write of it by
 * MOV CR8 must exit (its other forms do); if it is for an interrupt in service,
 * its EOI is an exit anyway.
 */
static void watch_cr8(struct vcpu *vcpu, bool on)
{
	svm_intercept(svm_vmcb(vcpu), INTERCEPT_CR8_WRITE, on);
}

static void interrupts(struct vcpu *vcpu, bool busy)
{
	bool masked;
	int vector;

	if (!vcpu->has_lapic) {
		interrupt_window(vcpu, vcpu->run->request_interrupt_window);
		return;
	}
	if (vcpu->accelerated) {
		/* Hardware's; V_IRQ does nothing and CR8 is known to it. */
		watch_cr8(vcpu, false);
		interrupt_window(vcpu, false);
		return;
	}
	/* The hint isn't true of a page that other CPUs write to. */
	if (!vcpu->lapic.irr_words && !vcpu->lapic.accelerated) {
		interrupt_window(vcpu, false);
		return;
	}
	vector = inner_interrupt(vcpu, busy, &masked);
	watch_cr8(vcpu, masked);
	interrupt_window(vcpu, vector == INJECT_LATER);
	if (vector >= 0)
		inject_interrupt(vcpu, vector, false);
}

/* Return: false when there is nothing more to inject now: a window is open. */
static bool external(struct vcpu *vcpu, bool *busy)
{
	int vector = event_external_next(vcpu, *busy);

	if (vector == INJECT_LATER) {
		interrupt_window(vcpu, true);
		return false;
	}
	if (vector >= 0) {
		inject_interrupt(vcpu, vector, false);
		*busy = true;
	}
	return true;
}

void svm_inject(struct vcpu *vcpu)
{
	bool busy;

	if (unlikely(vcpu->svm->nmi_step))
		software_step(vcpu);
	busy = inject_again(vcpu);
	if (!busy)
		busy = nmi_goes(vcpu);
	if (svm_features.vnmi)
		load_nmis(vcpu);
	if (unlikely(vcpu->debug.control & KVM_GUESTDBG_BLOCKIRQ)) {
		interrupt_window(vcpu, false);
		return;
	}
	if (unlikely(vcpu->event.extint) && !external(vcpu, &busy))
		return;
	interrupts(vcpu, busy);
}

/* -------------------------------------------------------------- after exit */

/* The counterpart of load_nmis(). */
static void store_nmis(struct vcpu *vcpu)
{
	u32 ctl = svm_vmcb(vcpu)->c.int_ctl;

	vcpu->event.nmi_masked = ctl & VMCB_V_NMI_MASK;
	if (likely(!vcpu->event.nmi_pending) || (ctl & VMCB_V_NMI_PENDING))
		return;
	vcpu->event.nmi_pending--;
	vcpu->stats.nmi_injections++;
	trace_vintc_inject(vcpu->id, 2, TRACE_INJECT_NMI);
}

void svm_collect(struct vcpu *vcpu)
{
	struct vmcb_control *c = &svm_vmcb(vcpu)->c;
	struct vcpu_event_state *ev = &vcpu->event;
	u32 info = c->exit_int_info;

	/* Known as soon as it is through: a HLT may be what comes next. */
	if (unlikely(vcpu->svm->nmi_iret) &&
	    vcpu->rip != vcpu->svm->nmi_iret_rip)
		svm_nmi_unmask(vcpu);
	if (svm_features.vnmi)
		store_nmis(vcpu);
	ev->exception.injected = false;
	ev->nmi_injected = false;
	ev->interrupt.injected = false;
	if (likely(!(info & VMCB_EVENT_VALID)))
		return;

	vcpu->stats.reinjections++;
	switch (info & VMCB_EVENT_TYPE) {
	case VMCB_EVENT_EXCEPTION:
		/* INT3 and INTO begin again by themselves. */
		if ((info & 0xff) == 3 || (info & 0xff) == 4)
			break;
		ev->exception.injected = true;
		ev->exception.vector = info;
		ev->exception.has_error = info & VMCB_EVENT_HAS_ERROR;
		ev->exception.error = c->exit_int_info_err;
		break;
	case VMCB_EVENT_NMI:
		/* A virtual NMI's mask is clear again when its delivery fails. */
		ev->nmi_injected = true;
		ev->nmi_masked = true;
		break;
	case VMCB_EVENT_INTR:
		ev->interrupt.injected = true;
		ev->interrupt.soft = false;
		ev->interrupt.vector = info;
		break;
	default:
		/*
		 * INT n: RIP is still at the instruction, which begins again.
		 */
		break;
	}
}
