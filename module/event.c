// SPDX-License-Identifier: GPL-2.0-only
#include "compat/compat.h"
#include "event.h"
#include "isa.h"
#include "trace.h"
#include "vectors.h"
#include "vm.h"

enum {
	VEC_DE = 0, VEC_DF = 8, VEC_TS = 10, VEC_NP = 11, VEC_SS = 12,
	VEC_GP = 13, VEC_PF = 14,
};

enum exception_class { BENIGN, CONTRIBUTORY, PAGE_FAULT, DOUBLE_FAULT };

/* SDM 3A table "Interrupt and Exception Classes". */
static enum exception_class class_of(u8 vector)
{
	switch (vector) {
	case VEC_DE:
	case VEC_TS:
	case VEC_NP:
	case VEC_SS:
	case VEC_GP:
		return CONTRIBUTORY;
	case VEC_PF:
		return PAGE_FAULT;
	case VEC_DF:
		return DOUBLE_FAULT;
	default:
		return BENIGN;
	}
}

static void set_exception(struct vcpu *vcpu, u8 vector, bool has_error, u32 error)
{
	vcpu->event.exception.pending = true;
	vcpu->event.exception.injected = false;
	vcpu->event.exception.has_payload = false;
	vcpu->event.exception.vector = vector;
	vcpu->event.exception.has_error = has_error;
	vcpu->event.exception.error = error;
}

/* SDM 3A "Interrupt 8--Double Fault Exception (#DF)". */
void vcpu_queue_exception(struct vcpu *vcpu, u8 vector, bool has_error, u32 error)
{
	enum exception_class first, second = class_of(vector);

	if (!vcpu->event.exception.pending && !vcpu->event.exception.injected) {
		set_exception(vcpu, vector, has_error, error);
		return;
	}
	first = class_of(vcpu->event.exception.vector);
	if (first == DOUBLE_FAULT && second != BENIGN) {
		vcpu->event.exception.pending = false;
		vcpu->event.exception.injected = false;
		vcpu->event.shutdown = true;
	} else if ((first == CONTRIBUTORY && second == CONTRIBUTORY) ||
		   (first == PAGE_FAULT &&
		    (second == CONTRIBUTORY || second == PAGE_FAULT))) {
		set_exception(vcpu, VEC_DF, true, 0);
	} else {
		set_exception(vcpu, vector, has_error, error);
	}
}

#define DR6_BS 0x4000

void vcpu_trap_step(struct vcpu *vcpu)
{
	if (vcpu->debug.control & KVM_GUESTDBG_SINGLESTEP) {
		vcpu->event.stepped = true;
		return;
	}
	vcpu_queue_exception(vcpu, 1, false, 0);
	vcpu->event.exception.has_payload = true;
	vcpu->event.exception.payload = DR6_BS;
}

void event_nmi(struct vcpu *vcpu)
{
	struct vcpu_event_state *ev = &vcpu->event;
	u8 limit = ev->nmi_masked || ev->nmi_injected ? 1 : 2;

	ev->nmi_pending = min_t(u8, ev->nmi_pending + 1, limit);
}

static void take_init(struct vcpu *vcpu)
{
	vcpu_reset(vcpu, true);
	vcpu->mp_state = vcpu_is_bsp(vcpu) ? KVM_MP_STATE_RUNNABLE :
					     KVM_MP_STATE_INIT_RECEIVED;
}

/* SDM 3A "MP Initialization": execution begins at 000VV000H. */
static void take_sipi(struct vcpu *vcpu, u8 page)
{
	struct cpu_state st;

	if (vcpu->mp_state != KVM_MP_STATE_INIT_RECEIVED)
		return;
	vcpu->vm->ops->get_state(vcpu, &st, STATE_SEGS);
	st.seg[X86_CS].selector = page << 8;
	st.seg[X86_CS].base = page << 12;
	vcpu->vm->ops->set_state(vcpu, &st, STATE_SEGS);
	vcpu->rip = 0;
	WRITE_ONCE(vcpu->mp_state, KVM_MP_STATE_RUNNABLE);
	vcpu_request(vcpu, REQ_APICV_UPDATE);
}

void event_absorb(struct vcpu *vcpu)
{
	struct lapic_out out = { .effects = 0 };
	bool open = !vcpu->init_blocked;

	if (unlikely(!open) && vm_policy(vcpu->vm, VINTC_POLICY_INIT_BLOCKED))
		mailbox_drop_init(&vcpu->mailbox);
	if (!vcpu->has_lapic || !mailbox_takeable(&vcpu->mailbox, open))
		return;
	vectors_before(vcpu);
	lapic_absorb(&vcpu->lapic, &vcpu->mailbox, open, &out);
	vectors_after(vcpu);
	deliver_lapic(vcpu, &out);
	if (out.effects & LAPIC_OUT_NMI)
		event_nmi(vcpu);
	if (out.effects & LAPIC_OUT_EXTINT)
		vcpu->event.extint = true;
	if (out.effects & LAPIC_OUT_INIT)
		take_init(vcpu);
	if (out.effects & LAPIC_OUT_SIPI)
		take_sipi(vcpu, out.sipi_vector);
}

bool event_external(struct vcpu *vcpu)
{
	struct vm *vm = vcpu->vm;

	if (likely(!vcpu->event.extint))
		return false;
	if (vm->split)
		return vcpu->event.user_vector && vcpu->takes_pic;
	/*
	 * Forgotten before the wire is looked at: when it rises after that,
	 * an ExtINT comes into the mailbox.
	 */
	WRITE_ONCE(vcpu->event.extint, false);
	smp_mb();
	if (!vcpu->takes_pic || !READ_ONCE(vm->pic.output))
		return false;
	vcpu->event.extint = true;
	return true;
}

int event_external_take(struct vcpu *vcpu)
{
	int vector;

	if (!vcpu->vm->split)
		return isa_ack(vcpu->vm);
	vector = vcpu->event.user_vector & 0xff;
	vcpu->event.user_vector = 0;
	return vector;
}

int event_external_next(struct vcpu *vcpu, bool busy)
{
	int vector;

	if (!event_external(vcpu))
		return vcpu->vm->split && vcpu->run->request_interrupt_window &&
				       vcpu->takes_pic ?
			       INJECT_LATER : INJECT_NOTHING;
	if (busy || !event_interrupts_open(vcpu))
		return INJECT_LATER;
	vector = event_external_take(vcpu);
	if (vector < 0)
		return INJECT_NOTHING;
	vcpu->stats.irq_injections++;
	trace_vintc_extint(vcpu->id, vector);
	return vector;
}

bool event_wakes(struct vcpu *vcpu)
{
	const struct vcpu_event_state *ev = &vcpu->event;

	event_absorb(vcpu);
	if (READ_ONCE(vcpu->requests) & REQ_WAKES_MASK)
		return true;
	switch (vcpu->mp_state) {
	case KVM_MP_STATE_RUNNABLE:
		return true;
	case KVM_MP_STATE_HALTED:
		if (vcpu->pv_unhalted)
			return true;
		if (ev->exception.pending || ev->exception.injected ||
		    ev->nmi_injected || ev->interrupt.injected)
			return true;
		if (ev->nmi_pending && !ev->nmi_masked)
			return true;
		return (vcpu->rflags & RFLAGS_IF) && vcpu->has_lapic &&
		       (lapic_next(&vcpu->lapic) >= 0 || event_external(vcpu));
	default:
		return false;
	}
}
