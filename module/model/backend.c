// SPDX-License-Identifier: GPL-2.0-only
/* The software CPU as a backend: creation, reset, registers. */
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "model.h"

static void features(u64 *present, u64 *used)
{
	*present = *used = 0;
}

static int create_vm(struct vm *vm)
{
	vm->model = kvzalloc(sizeof(*vm->model), GFP_KERNEL_ACCOUNT);
	if (!vm->model)
		return -ENOMEM;
	mutex_init(&vm->model->lock);
	/* The same on every machine: a tick of the TSC is a nanosecond. */
	vm->tsc_khz = 1000000;
	vm->tsc_offset = 0;
	vm->virtual_time = &vm->model->now;
	return 0;
}

static void free_vm(struct vm *vm)
{
	kvfree(vm->model);
}

static int create_vcpu(struct vcpu *vcpu)
{
	vcpu->model = kzalloc(sizeof(*vcpu->model), GFP_KERNEL_ACCOUNT);
	if (!vcpu->model)
		return -ENOMEM;
	vcpu->clock = &vcpu->vm->model->now;
	vcpu->model->vcpu = vcpu;
	return 0;
}

static void free_vcpu(struct vcpu *vcpu)
{
	kfree(vcpu->model);
}

/* Until KVM_SET_CPUID2 says otherwise: the whole APIC, on every machine. */
static void offer_all(struct vcpu *vcpu)
{
	struct lapic_config config = vcpu->lapic.config;

	config.x2apic = true;
	config.tsc_deadline = true;
	lapic_configure(&vcpu->lapic, &config);
}

static void load_eoi_exitmap(struct vcpu *vcpu)
{
	host_load_exitmap(&vcpu->model->host);
}

static void reset_vcpu(struct vcpu *vcpu, bool init)
{
	struct model_host *h = &vcpu->model->host;

	static_assert((int)MODEL_X2AVIC == VINTC_MODEL_X2AVIC);
	static_assert((int)MODEL_INSNS == VINTC_MODEL_GUEST_OPS);
	static_assert((int)MODEL_EV_TIMER == VINTC_MODEL_EV_TIMER);

	h->cpu.flavour = vcpu->vm->model->flavour;
	h->cpu.hlt_exits = !vcpu->vm->hlt_in_guest;
	h->cpu.avic.tables = &vcpu->vm->model->tables;
	h->lapic = &vcpu->lapic;
	h->mailbox = &vcpu->mailbox;
	h->handled = &vcpu->handled;
	h->calls = &model_calls;
	if (!init)
		offer_all(vcpu);
	host_reset(h);
	vcpu->in_l2 = false;
	vcpu->init_blocked = false;
	if (init)
		model_log(vcpu, MODEL_EV_INIT, 0, 0, 0);
}

/* ------------------------------------------------------------- registers */

static void get_state(struct vcpu *vcpu, struct cpu_state *st, u32 groups)
{
	*st = vcpu->model->state;
}

static void set_state(struct vcpu *vcpu, const struct cpu_state *st, u32 groups)
{
	struct cpu_state *to = &vcpu->model->state;

	if (groups & STATE_SEGS)
		to->segs = st->segs;
	if (groups & STATE_CRS)
		to->crs = st->crs;
	if (groups & STATE_MSRS)
		to->msrs = st->msrs;
	if (groups & STATE_DRS)
		to->drs = st->drs;
	vcpu->cr4 = to->cr4;
	vcpu->efer = to->efer;
}

static void paging(const struct vcpu *vcpu, struct x86_fetch *fetch)
{
	const struct cpu_state *st = &vcpu->model->state;

	memset(fetch, 0, sizeof(*fetch));
	fetch->paging.cr0 = st->cr0;
	fetch->paging.cr3 = st->cr3;
	fetch->paging.cr4 = st->cr4;
	fetch->paging.efer = st->efer;
	fetch->paging.rflags = vcpu->rflags;
	fetch->paging.phys_bits = vcpu->phys_bits;
	fetch->paging.nx = true;
	fetch->linear = st->seg[X86_CS].base + vcpu->rip;
	fetch->user = st->cpl == 3;
}

static void nothing(struct vcpu *vcpu)
{
}

/* Nobody reads these entries, but slots and their notifier are as ever. */
static const struct pt_format format = {
	.table = BIT_ULL(0) | BIT_ULL(1) | BIT_ULL(2),
	.leaf = BIT_ULL(0) | BIT_ULL(2),
	.present = BIT_ULL(0),
	.write = BIT_ULL(1),
	.accessed = BIT_ULL(5),
	.dirty = BIT_ULL(6),
	.huge = BIT_ULL(7),
	.levels = 4,
	.max_leaf = 2,
};

static const struct vintc_ops model_ops = {
	.name = "model",
	.backend = VINTC_BACKEND_MODEL,
	.pt_format = &format,
	.features = features,
	.vm_create = create_vm,
	.vm_free = free_vm,
	.vcpu_create = create_vcpu,
	.vcpu_free = free_vcpu,
	.vcpu_reset = reset_vcpu,
	.get_state = get_state,
	.set_state = set_state,
	.tsc_changed = nothing,
	.cpuid_changed = nothing,
	.paging = paging,
	.mce_cap = MSR_MCG_CMCI_P,
	.nested_format = KVM_STATE_NESTED_FORMAT_SVM,
	.vm_ioctl = model_vm_ioctl,
	.load_eoi_exitmap = load_eoi_exitmap,
};

const struct vintc_ops *model_probe(void)
{
	return &model_ops;
}
