// SPDX-License-Identifier: GPL-2.0-only
/*
 * Getting events into the guest: the VM-entry interruption information for what
 * can go now, windows for what can't yet. While hardware delivers interrupts only
 * those from outside the local APIC come this way. SDM 3C "Event Injection",
 * "Interrupt-Window Exiting and Virtual-Interrupt Delivery".
 */
#include <asm/processor-flags.h>

#include "../compat/compat.h"
#include "../inner.h"
#include "vmx.h"

#define INFO_VALID INTR_INFO_VALID_MASK
#define INFO_ERROR INTR_INFO_DELIVER_CODE_MASK
#define INFO_TYPE INTR_INFO_INTR_TYPE_MASK

static void put_event(u32 type, u8 vector)
{
	vmx_write(VM_ENTRY_INTR_INFO_FIELD, INFO_VALID | type | vector);
}

static void inject_exception(struct vcpu *vcpu)
{
	struct vmx_vcpu *vmx = vcpu->vmx;
	u8 vector = vcpu->event.exception.vector;
	u32 type = vector == 3 || vector == 4 ? INTR_TYPE_SOFT_EXCEPTION :
						INTR_TYPE_HARD_EXCEPTION;

	event_begin_exception(vcpu);
	if (vcpu->event.exception.has_payload) {
		vcpu->event.exception.has_payload = false;
		if (vector == X86_PF)
			vmx->st.cr2 = vcpu->event.exception.payload;
		else if (vector == 1)
			vmx->st.dr6 |= vcpu->event.exception.payload;
	}
	/* In real mode there is no error code (SDM 3C "Checks on VM-Entry
	 * Control Fields").
	 */
	if (vcpu->event.exception.has_error && (vmx->st.cr0 & X86_CR0_PE)) {
		type |= INFO_ERROR;
		vmx_write(VM_ENTRY_EXCEPTION_ERROR_CODE,
			  vcpu->event.exception.error & 0xffff);
	}
	/* RIP is past INT3 and INTO, as user space has it. */
	if (vector == 3 || vector == 4)
		vmx_write(VM_ENTRY_INSTRUCTION_LEN, vmx_caps.soft_len0 ? 0 : 1);
	put_event(type, vector);
	trace_vintc_inject(vcpu->id, vector, TRACE_INJECT_EXCEPTION);
}

static void inject_nmi(struct vcpu *vcpu)
{
	vcpu->event.nmi_injected = true;
	/* Entry sets the blocking, and won't have it set. */
	vcpu->event.nmi_masked = false;
	put_event(INTR_TYPE_NMI_INTR, 2);
	trace_vintc_inject(vcpu->id, 2, TRACE_INJECT_NMI);
}

static void inject_interrupt(struct vcpu *vcpu, u8 vector, bool soft)
{
	vcpu->event.interrupt.injected = true;
	vcpu->event.interrupt.soft = soft;
	vcpu->event.interrupt.vector = vector;
	if (soft)
		vmx_write(VM_ENTRY_INSTRUCTION_LEN, vmx_caps.soft_len0 ? 0 : 1);
	put_event(soft ? INTR_TYPE_SOFT_INTR : INTR_TYPE_EXT_INTR, vector);
	trace_vintc_inject(vcpu->id, vector,
			   soft ? TRACE_INJECT_SOFT : TRACE_INJECT_IRQ);
}

/* ------------------------------------------------------------- windows */

static void interrupt_window(struct vcpu *vcpu, bool open)
{
	vmx_set_control(vcpu, VMX_CPU, CPU_BASED_INTR_WINDOW_EXITING, open);
}

static void nmi_window(struct vcpu *vcpu, bool open)
{
	vmx_set_control(vcpu, VMX_CPU, CPU_BASED_NMI_WINDOW_EXITING, open);
}

/* ------------------------------------------------------------ before entry */

/* Return: false when nothing is injected. */
static bool inject_again(struct vcpu *vcpu)
{
	struct vcpu_event_state *ev = &vcpu->event;

	vcpu->vmx->held = ev->interrupt.injected && !ev->interrupt.soft &&
			  !event_interrupts_open(vcpu);
	if (ev->exception.injected || ev->exception.pending)
		inject_exception(vcpu);
	else if (ev->nmi_injected)
		inject_nmi(vcpu);
	else if (ev->interrupt.injected && !vcpu->vmx->held)
		inject_interrupt(vcpu, ev->interrupt.vector, ev->interrupt.soft);
	else
		return false;
	return true;
}

static bool nmi(struct vcpu *vcpu, bool busy)
{
	struct vcpu_event_state *ev = &vcpu->event;
	bool goes = !busy && !ev->nmi_masked && !vcpu->interrupt_shadow;

	if (!ev->nmi_pending) {
		nmi_window(vcpu, false);
		return false;
	}
	if (goes) {
		ev->nmi_pending--;
		vcpu->stats.nmi_injections++;
		inject_nmi(vcpu);
	}
	nmi_window(vcpu, ev->nmi_pending);
	return goes;
}

/*
 * Something is in IRR, but not above PPR. If that is for TPR, lowering it below
 * the class of what waits must exit.
 */
static void watch_tpr(struct vcpu *vcpu, bool masked)
{
	u32 threshold = masked ? lapic_highest_irr(&vcpu->lapic) >> 4 : 0;

	if (vcpu->vmx->tpr_threshold == threshold)
		return;
	vcpu->vmx->tpr_threshold = threshold;
	vmx_write(TPR_THRESHOLD, threshold);
}

static void interrupts(struct vcpu *vcpu, bool busy)
{
	bool masked;
	int vector;

	if (!vcpu->has_lapic) {
		interrupt_window(vcpu, vcpu->run->request_interrupt_window);
		return;
	}
	if (!vcpu->lapic.irr_words) {
		interrupt_window(vcpu, false);
		return;
	}
	vector = inner_interrupt(vcpu, busy, &masked);
	if (vmx_caps.tpr_shadow)
		watch_tpr(vcpu, masked);
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

static __always_inline void put_interruptibility(struct vcpu *vcpu)
{
	struct vmx_vcpu *vmx = vcpu->vmx;
	u32 val = vcpu->event.nmi_masked ? GUEST_INTR_STATE_NMI : 0;

	/* STI's shadow needs IF (SDM 3C "Checks on Guest Non-Register State"). */
	if (unlikely(vcpu->interrupt_shadow)) {
		vmx_need_rip(vcpu);
		val |= vmx->shadow_mov_ss || !(vcpu->rflags & RFLAGS_IF) ?
			       GUEST_INTR_STATE_MOV_SS : GUEST_INTR_STATE_STI;
	}
	if (likely(val == vmx->interruptibility))
		return;
	vmx->interruptibility = val;
	vmx_write(GUEST_INTERRUPTIBILITY_INFO, val);
}

/* What most entries are like: nothing to inject, nothing that waits for a window. */
static bool nothing(const struct vcpu *vcpu)
{
	const struct vcpu_event_state *ev = &vcpu->event;

	return !(ev->exception.pending | ev->exception.injected |
		 ev->interrupt.injected | ev->nmi_pending | ev->nmi_injected |
		 ev->extint) &&
	       (vcpu->accelerated || (vcpu->has_lapic && !vcpu->lapic.irr_words)) &&
	       !vcpu->vm->split &&
	       !(vcpu->vmx->control[VMX_CPU] & (CPU_BASED_INTR_WINDOW_EXITING |
						CPU_BASED_NMI_WINDOW_EXITING));
}

void vmx_inject(struct vcpu *vcpu)
{
	bool busy;

	if (likely(nothing(vcpu))) {
		put_interruptibility(vcpu);
		return;
	}
	vmx_need_rip(vcpu);
	busy = inject_again(vcpu);
	busy |= nmi(vcpu, busy);
	if (unlikely(vcpu->vmx->held))
		interrupt_window(vcpu, true);
	else if (unlikely(vcpu->debug.control & KVM_GUESTDBG_BLOCKIRQ))
		interrupt_window(vcpu, false);
	else if (unlikely(vcpu->event.extint) && !external(vcpu, &busy))
		;
	else if (!vcpu->accelerated)
		interrupts(vcpu, busy);
	else
		interrupt_window(vcpu, false);
	put_interruptibility(vcpu);
}

/* -------------------------------------------------------------- after exit */

static void redeliver(struct vcpu *vcpu, u32 info)
{
	struct vcpu_event_state *ev = &vcpu->event;

	vcpu->stats.reinjections++;
	switch (info & INFO_TYPE) {
	case INTR_TYPE_HARD_EXCEPTION:
		ev->exception.injected = true;
		ev->exception.vector = info;
		ev->exception.has_error = info & INFO_ERROR;
		if (info & INFO_ERROR)
			ev->exception.error = vmx_read(IDT_VECTORING_ERROR_CODE);
		break;
	case INTR_TYPE_NMI_INTR:
		ev->nmi_injected = true;
		break;
	case INTR_TYPE_EXT_INTR:
		ev->interrupt.injected = true;
		ev->interrupt.soft = false;
		ev->interrupt.vector = info;
		break;
	default:
		/* INT n, INT3, INTO, INT1: RIP is still there; it begins again. */
		break;
	}
}

void vmx_collect(struct vcpu *vcpu)
{
	struct vcpu_event_state *ev = &vcpu->event;
	struct vmx_vcpu *vmx = vcpu->vmx;
	u32 state = vmx_read(GUEST_INTERRUPTIBILITY_INFO), info;

	vmx->interruptibility = state;
	vcpu->interrupt_shadow = state & (GUEST_INTR_STATE_STI |
					  GUEST_INTR_STATE_MOV_SS);
	vmx->shadow_mov_ss = state & GUEST_INTR_STATE_MOV_SS;
	ev->nmi_masked = state & GUEST_INTR_STATE_NMI;
	ev->exception.injected = false;
	ev->nmi_injected = false;
	ev->interrupt.injected = vmx->held;
	info = vmx_read(IDT_VECTORING_INFO_FIELD);
	if (unlikely(info & INFO_VALID))
		redeliver(vcpu, info);
	vmx->event_info = info;
}
