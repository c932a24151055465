// SPDX-License-Identifier: GPL-2.0-only
/* KVM_GET/SET_VCPU_EVENTS and _MP_STATE. */
#include <linux/minmax.h>
#include <linux/string.h>

#include "event.h"
#include "state.h"
#include "vm.h"

#define EVENTS_FLAGS                                                        \
	(KVM_VCPUEVENT_VALID_NMI_PENDING | KVM_VCPUEVENT_VALID_SIPI_VECTOR | \
	 KVM_VCPUEVENT_VALID_SHADOW | KVM_VCPUEVENT_VALID_SMM)

#define VECTOR_NMI 2
#define VECTOR_BP 3
#define VECTOR_OF 4

/* INT3 and INTO are run again, not delivered again: their length isn't told. */
static bool exception_soft(u8 vector)
{
	return vector == VECTOR_BP || vector == VECTOR_OF;
}

void state_get_events(struct vcpu *vcpu, struct kvm_vcpu_events *out)
{
	const struct vcpu_event_state *ev = &vcpu->event;

	event_absorb(vcpu); /* NMIs that were posted count as pending */
	memset(out, 0, sizeof(*out));
	if (vcpu->vm->exception_payload) {
		out->exception.injected = ev->exception.injected &&
					  !exception_soft(ev->exception.vector);
		out->exception.pending = ev->exception.pending;
		out->exception_has_payload = ev->exception.has_payload;
		out->exception_payload = ev->exception.has_payload ?
						 ev->exception.payload : 0;
		out->flags |= KVM_VCPUEVENT_VALID_PAYLOAD;
	} else if (!exception_soft(ev->exception.vector)) {
		/* User space knows no pending one: it is reported as begun, too. */
		out->exception.injected = ev->exception.injected ||
					  ev->exception.pending;
		out->exception.pending = ev->exception.pending;
	}
	out->exception.nr = ev->exception.vector;
	out->exception.has_error_code = ev->exception.has_error;
	out->exception.error_code = ev->exception.error;
	out->interrupt.injected = ev->interrupt.injected && !ev->interrupt.soft;
	out->interrupt.nr = ev->interrupt.vector;
	if (vcpu->interrupt_shadow)
		out->interrupt.shadow = KVM_X86_SHADOW_INT_MOV_SS |
					KVM_X86_SHADOW_INT_STI;
	out->nmi.injected = ev->nmi_injected;
	out->nmi.pending = ev->nmi_pending;
	out->nmi.masked = ev->nmi_masked;
	if (vcpu->vm->triple_fault_event) {
		out->triple_fault.pending = ev->shutdown;
		out->flags |= KVM_VCPUEVENT_VALID_TRIPLE_FAULT;
	}
	out->flags |= KVM_VCPUEVENT_VALID_NMI_PENDING |
		      KVM_VCPUEVENT_VALID_SHADOW;
}

static bool events_valid(const struct vm *vm, const struct kvm_vcpu_events *in)
{
	u32 known = EVENTS_FLAGS;

	if (vm->exception_payload)
		known |= KVM_VCPUEVENT_VALID_PAYLOAD;
	if (vm->triple_fault_event)
		known |= KVM_VCPUEVENT_VALID_TRIPLE_FAULT;
	if (in->flags & ~known)
		return false;
	if ((in->exception.injected || in->exception.pending) &&
	    (in->exception.nr > 31 || in->exception.nr == VECTOR_NMI))
		return false;
	/* There is no SMM: only its absence can be restored. */
	if ((in->flags & KVM_VCPUEVENT_VALID_SMM) &&
	    (in->smi.smm || in->smi.pending || in->smi.smm_inside_nmi ||
	     in->smi.latched_init))
		return false;
	return true;
}

int state_set_events(struct vcpu *vcpu, const struct kvm_vcpu_events *in)
{
	struct vcpu_event_state *ev = &vcpu->event;

	if (!events_valid(vcpu->vm, in))
		return -EINVAL;
	event_absorb(vcpu);
	ev->exception.injected = in->exception.injected;
	ev->exception.pending = false;
	ev->exception.vector = in->exception.nr;
	ev->exception.has_error = in->exception.has_error_code;
	ev->exception.error = in->exception.error_code;
	ev->exception.has_payload = false;
	if (in->flags & KVM_VCPUEVENT_VALID_PAYLOAD) {
		ev->exception.pending = in->exception.pending;
		ev->exception.injected &= !in->exception.pending;
		ev->exception.has_payload = in->exception.pending &&
					    in->exception_has_payload;
		ev->exception.payload = in->exception_payload;
	}
	if (in->flags & KVM_VCPUEVENT_VALID_TRIPLE_FAULT)
		ev->shutdown = in->triple_fault.pending;
	ev->interrupt.injected = in->interrupt.injected;
	ev->interrupt.vector = in->interrupt.nr;
	ev->interrupt.soft = in->interrupt.soft;
	ev->nmi_injected = in->nmi.injected;
	ev->nmi_masked = in->nmi.masked;
	if (in->flags & KVM_VCPUEVENT_VALID_NMI_PENDING)
		ev->nmi_pending = min_t(u8, in->nmi.pending, 2);
	if (in->flags & KVM_VCPUEVENT_VALID_SHADOW)
		vcpu->interrupt_shadow = in->interrupt.shadow;
	if ((in->flags & KVM_VCPUEVENT_VALID_SIPI_VECTOR) && vcpu->has_lapic)
		vcpu->sipi_vector = in->sipi_vector;
	vcpu_request(vcpu, REQ_EVENT);
	return 0;
}

void state_get_mp_state(struct vcpu *vcpu, struct kvm_mp_state *mp)
{
	event_absorb(vcpu); /* an INIT or SIPI that was posted has happened */
	mp->mp_state = vcpu->mp_state;
	/* Kicked by another vCPU (KVM_HC_KICK_CPU): it goes on. */
	if (mp->mp_state == KVM_MP_STATE_HALTED &&
	    (vcpu->pv_unhalted || test_bit(REQ_UNHALT, &vcpu->requests)))
		mp->mp_state = KVM_MP_STATE_RUNNABLE;
}

int state_set_mp_state(struct vcpu *vcpu, const struct kvm_mp_state *mp)
{
	struct irq_message sipi = {
		.delivery = IRQ_STARTUP,
		.vector = vcpu->sipi_vector,
		.source = IRQ_SOURCE_NONE,
	};

	switch (mp->mp_state) {
	case KVM_MP_STATE_RUNNABLE:
		break;
	case KVM_MP_STATE_UNINITIALIZED:
	case KVM_MP_STATE_INIT_RECEIVED:
	case KVM_MP_STATE_HALTED:
	case KVM_MP_STATE_SIPI_RECEIVED:
		/* Without a local APIC user space waits, not the vCPU. */
		if (vcpu->has_lapic)
			break;
		return -EINVAL;
	default:
		return -EINVAL;
	}
	event_absorb(vcpu);
	if (mp->mp_state == KVM_MP_STATE_SIPI_RECEIVED) {
		vcpu->mp_state = KVM_MP_STATE_INIT_RECEIVED;
		mailbox_post(&vcpu->mailbox, &sipi);
	} else {
		WRITE_ONCE(vcpu->mp_state, mp->mp_state);
	}
	vcpu_request(vcpu, REQ_EVENT);
	vcpu_request(vcpu, REQ_APICV_UPDATE);
	return 0;
}
