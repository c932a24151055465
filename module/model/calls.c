// SPDX-License-Identifier: GPL-2.0-only
/* What the software CPU and its hypervisor ask of the core. */
#include "../bus.h"
#include "../event.h"
#include "../isa.h"
#include "../timer.h"
#include "../vectors.h"
#include "model.h"

static struct vcpu *vcpu_of(struct model_host *h)
{
	return container_of(h, struct model_vcpu, host)->vcpu;
}

/* ----------------------------------------------------------------- state */

void model_load(struct vcpu *vcpu)
{
	struct vcpu_event_state *ev = &vcpu->event;
	struct model_host *h = &vcpu->model->host;
	struct model_cpu *cpu = &h->cpu;

	cpu->iflag = vcpu->rflags & RFLAGS_IF;
	cpu->shadow = vcpu->interrupt_shadow;
	cpu->nmi_masked = ev->nmi_masked;
	h->nmi_pending = ev->nmi_pending;
	if (ev->nmi_injected) {
		ev->nmi_injected = false;
		cpu->inject_nmi = true;
	}
	if (ev->interrupt.injected) {
		ev->interrupt.injected = false;
		cpu->inject = true;
		cpu->inject_vector = ev->interrupt.vector;
	}
	switch (vcpu->mp_state) {
	case KVM_MP_STATE_RUNNABLE:
		cpu->activity = ev->shutdown ? MODEL_WAITS : MODEL_RUNS;
		break;
	case KVM_MP_STATE_HALTED:
		cpu->activity = MODEL_HALTED;
		break;
	default:
		cpu->activity = MODEL_WAITS;
	}
}

static void shut_down(struct vcpu *vcpu)
{
	vcpu->event.shutdown = true;
	vcpu->mp_state = KVM_MP_STATE_RUNNABLE;
}

void model_store(struct vcpu *vcpu)
{
	struct vcpu_event_state *ev = &vcpu->event;
	const struct model_host *h = &vcpu->model->host;
	const struct model_cpu *cpu = &h->cpu;

	vcpu->rflags &= ~RFLAGS_IF;
	if (cpu->iflag)
		vcpu->rflags |= RFLAGS_IF;
	vcpu->interrupt_shadow = cpu->shadow;
	ev->nmi_masked = cpu->nmi_masked;
	ev->nmi_pending = h->nmi_pending;
	vcpu->in_l2 = cpu->l2;
	vcpu->init_blocked = host_init_blocked(h);
	if (cpu->activity == MODEL_HALTED)
		vcpu->mp_state = KVM_MP_STATE_HALTED;
	else if (cpu->activity == MODEL_RUNS)
		vcpu->mp_state = KVM_MP_STATE_RUNNABLE;
	else if (vcpu->mp_state == KVM_MP_STATE_RUNNABLE ||
		 vcpu->mp_state == KVM_MP_STATE_HALTED)
		shut_down(vcpu);
}

/* ------------------------------------------------------------------- log */

void model_log(struct vcpu *vcpu, enum model_event what, u32 code, u64 info0,
	       u64 info1)
{
	struct model_vm *mv = vcpu->vm->model;
	struct vintc_model_event *e;

	/* Other ioctls take over INITs and the like, too. */
	if (READ_ONCE(mv->owner) != current)
		return;
	if (mv->logged == mv->room) {
		if (mv->lost != U32_MAX)
			mv->lost++;
		return;
	}
	e = &mv->events[mv->logged++];
	e->time = mv->now;
	e->op = mv->op;
	e->vcpu = vcpu->id;
	e->kind = what;
	e->code = code;
	e->info[0] = info0;
	e->info[1] = info1;
}

static void log_event(struct model_host *h, enum model_event what, u32 code,
		      u64 info0, u64 info1)
{
	struct vcpu *vcpu = vcpu_of(h);

	switch (what) {
	case MODEL_EV_EXIT:
		vcpu->stats.exits++;
		break;
	case MODEL_EV_INTERRUPT:
		vcpu->stats.irq_injections++;
		vectors_accepted(vcpu, code);
		break;
	case MODEL_EV_NMI:
		vcpu->stats.nmi_injections++;
		break;
	default:
		break;
	}
	model_log(vcpu, what, code, info0, info1);
}

/* ----------------------------------------------------------------- calls */

static u64 now(struct model_host *h)
{
	return vcpu_now(vcpu_of(h));
}

static void effects(struct model_host *h, struct lapic_out *out)
{
	deliver_lapic(vcpu_of(h), out);
}

static bool msr(struct model_host *h, bool write, u32 index, u64 *val)
{
	struct vcpu *vcpu = vcpu_of(h);

	return (write ? msr_write(vcpu, index, *val, false) :
			msr_read(vcpu, index, val, false)) == MSR_OK;
}

static bool memory(struct model_host *h, bool write, u64 addr, void *data,
		   u32 size)
{
	struct vcpu *vcpu = vcpu_of(h);

	if (!write)
		return deliver_mmio_read(vcpu, addr, data, size);
	return deliver_mmio_write(vcpu, addr, data, size) ||
	       bus_write(vcpu->vm, BUS_MMIO, addr, data, size);
}

static bool port(struct model_host *h, bool write, u16 at, u32 *val, u32 size)
{
	struct vm *vm = vcpu_of(h)->vm;

	if (!write) {
		*val = 0;
		return isa_read(vm, at, val, size);
	}
	return isa_write(vm, at, val, size) ||
	       bus_write(vm, BUS_PIO, at, val, size);
}

/* Asked for by others, but for what the core leaves until L1 runs again. */
static unsigned long wanted(const struct vcpu *vcpu)
{
	unsigned long requests = READ_ONCE(vcpu->requests);

	requests &= ~(REQUEST_BIT(VM_DEAD) | REQUEST_BIT(SRCU) |
		      REQUEST_BIT(TLB_FLUSH));
	if (vcpu->model->host.cpu.l2)
		requests &= ~REQUEST_BIT(LOAD_EOI_EXITMAP);
	return requests;
}

static bool kicked(struct model_host *h)
{
	return wanted(vcpu_of(h));
}

static void requests(struct model_host *h)
{
	struct vcpu *vcpu = vcpu_of(h);
	int r, rounds = 4;

	/* Memory is nothing that a software CPU keeps hold of. */
	clear_bit(REQ_SRCU, &vcpu->requests);
	clear_bit(REQ_TLB_FLUSH, &vcpu->requests);
	while (wanted(vcpu) && rounds--) {
		/* A new destination map asks for a scan, which comes with it. */
		if (h->cpu.flavour == MODEL_APICV &&
		    (vcpu->requests &
		     (REQUEST_BIT(SCAN_IOAPIC) | REQUEST_BIT(DEST))))
			model_log(vcpu, MODEL_EV_SCAN, 0, 0, 0);
		model_store(vcpu);
		r = vcpu_handle_requests(vcpu);
		model_load(vcpu);
		if (r < 0) {
			vcpu->vm->model->error = r;
			return;
		}
	}
}

static void absorb(struct model_host *h)
{
	struct vcpu *vcpu = vcpu_of(h);
	bool waited = vcpu->mp_state == KVM_MP_STATE_INIT_RECEIVED;

	model_store(vcpu);
	event_absorb(vcpu);
	model_load(vcpu);
	if (waited && vcpu->mp_state == KVM_MP_STATE_RUNNABLE)
		model_log(vcpu, MODEL_EV_SIPI,
			  vcpu->model->state.seg[X86_CS].selector >> 8, 0, 0);
}

static bool external(struct model_host *h)
{
	return event_external(vcpu_of(h));
}

static int acknowledge(struct model_host *h)
{
	return event_external_take(vcpu_of(h));
}

const struct model_calls model_calls = {
	.now = now,
	.effects = effects,
	.msr = msr,
	.memory = memory,
	.port = port,
	.kicked = kicked,
	.requests = requests,
	.absorb = absorb,
	.external = external,
	.acknowledge = acknowledge,
	.log = log_event,
};
