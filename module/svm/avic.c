// SPDX-License-Identifier: GPL-2.0-only
/* AVIC: tables, IsRunning, and the exits that are left. See avic.h. */
#define pr_fmt(fmt) "vintc: " fmt

#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/printk.h>
#include <linux/slab.h>
#include <asm/msr.h>
#include <asm/smp.h>

#include "../compat/compat.h"
#include "../event.h"
#include "../inhibit.h"
#include "../inner.h"
#include "../timer.h"
#include "svm.h"

/* --------------------------------------------------------------- VM, vCPU */

int avic_vm_create(struct vm *vm)
{
	struct svm_vm *svm;

	if (!svm_features.avic)
		return 0;
	svm = kzalloc(sizeof(*svm), GFP_KERNEL_ACCOUNT);
	if (!svm)
		return -ENOMEM;
	vm->svm = svm;
	svm->physical = (void *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	svm->logical = (void *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	if (svm->physical && svm->logical)
		return 0;
	avic_vm_free(vm);
	return -ENOMEM;
}

void avic_vm_free(struct vm *vm)
{
	if (!vm->svm)
		return;
	free_page((unsigned long)vm->svm->physical);
	free_page((unsigned long)vm->svm->logical);
	kfree(vm->svm);
	vm->svm = NULL;
}

void avic_vcpu_init(struct avic *avic)
{
	raw_spin_lock_init(&avic->lock);
	avic->id = -1;
}

/* ----------------------------------------------------------------- tables */

static_assert(AVIC_PHYSICAL_ENTRIES * sizeof(u64) == PAGE_SIZE);
static_assert(X2AVIC_MAX_ID < AVIC_PHYSICAL_ENTRIES);

/* avic->lock held. */
static void write_entry(struct vcpu *vcpu)
{
	struct avic *avic = &vcpu->svm->avic;
	u64 entry = AVIC_PHYSICAL_VALID | virt_to_phys(vcpu->apic_page);

	if (avic->id < 0)
		return;
	if (svm_features.avic_ipi)
		entry |= avic->running;
	WRITE_ONCE(vcpu->vm->svm->physical[avic->id], entry);
}

static void set_id(struct vcpu *vcpu, int id)
{
	struct avic *avic = &vcpu->svm->avic;

	raw_spin_lock(&avic->lock);
	if (avic->id >= 0)
		WRITE_ONCE(vcpu->vm->svm->physical[avic->id], 0);
	avic->id = id;
	write_entry(vcpu);
	raw_spin_unlock(&avic->lock);
}

/*
 * The tables hold what is simple. An IPI to whom they don't know fails with
 * "invalid target", and then goes the way of all others.
 */
static int table_id(const struct dest_map *map, const struct vcpu *vcpu)
{
	const struct dest_view *v = &map->view[vcpu->index];
	u32 max = v->mode == LAPIC_XAPIC ? AVIC_MAX_ID : X2AVIC_MAX_ID;

	/* Software sends nothing to an APIC that isn't enabled. */
	if (!v->present || !v->enabled || v->id > max || map->phys_shared ||
	    map->phys[v->id] != vcpu->index)
		return -1;
	/* Nobody else may touch IRR before that (avic_update()). */
	return READ_ONCE(vcpu->lapic.accelerated) ? v->id : -1;
}

static u32 logical_entry(const struct vm *vm, u16 index)
{
	int id;

	if (index == DEST_NONE)
		return 0;
	id = vm->vcpus[index]->svm->avic.id;
	return id < 0 || id > AVIC_MAX_ID ? 0 : AVIC_LOGICAL_VALID | id;
}

static void fill_logical(struct vm *vm, const struct dest_map *map)
{
	u32 i, entry;

	for (i = 0; i < AVIC_LOGICAL_ENTRIES; i++) {
		entry = 0;
		if (map->irregular)
			;
		else if (map->layout == DEST_LAYOUT_FLAT && i < 8)
			entry = logical_entry(vm, map->flat[i]);
		else if (map->layout == DEST_LAYOUT_CLUSTER)
			entry = logical_entry(vm, map->cluster[i / 4][i % 4]);
		WRITE_ONCE(vm->svm->logical[i], entry);
	}
}

void avic_dests_changed(struct vm *vm, const struct dest_map *map)
{
	struct vcpu *vcpu;
	u32 i;

	if (!vm->svm)
		return;
	/* First those go that go, as another may come to an ID of theirs. */
	vm_for_each_vcpu(i, vcpu, vm)
		if (i < map->n && table_id(map, vcpu) != vcpu->svm->avic.id)
			set_id(vcpu, -1);
	vm_for_each_vcpu(i, vcpu, vm)
		if (i < map->n && table_id(map, vcpu) != vcpu->svm->avic.id)
			set_id(vcpu, table_id(map, vcpu));
	fill_logical(vm, map);
}

/* -------------------------------------------------------------- on and off */

static enum avic_mode wanted(const struct vcpu *vcpu)
{
	if (!vcpu->vm->svm || vcpu->svm->avic.window ||
	    !vcpu_wants_acceleration(vcpu))
		return AVIC_OFF;
	if (lapic_mode(&vcpu->lapic) == LAPIC_XAPIC)
		return AVIC_XAPIC;
	return svm_features.x2avic ? AVIC_X2APIC : AVIC_HYBRID;
}

void avic_fill_vmcb(struct vcpu *vcpu)
{
	struct vmcb_page *vmcb = svm_vmcb(vcpu);
	struct vmcb_control *c = &vmcb->c;
	enum avic_mode mode = vcpu->svm->avic.mode;

	c->int_ctl &= ~(VMCB_AVIC_ENABLE | VMCB_X2AVIC_ENABLE);
	vmcb_dirty(vmcb, VMCB_TPR);
	svm_intercepts_changed(vcpu);
	if (mode == AVIC_OFF)
		return;
	c->int_ctl |= VMCB_AVIC_ENABLE;
	if (mode == AVIC_X2APIC)
		c->int_ctl |= VMCB_X2AVIC_ENABLE;
	/* No access is to be taken for one of a register where none is. */
	c->avic_bar = mode == AVIC_XAPIC ? vcpu->lapic.base & LAPIC_BASE_ADDRESS :
					   LAPIC_BASE_ADDRESS;
	c->avic_backing_page = virt_to_phys(vcpu->apic_page);
	c->avic_logical_id = virt_to_phys(vcpu->vm->svm->logical);
	c->avic_physical_id = virt_to_phys(vcpu->vm->svm->physical) |
			      (mode == AVIC_X2APIC ? X2AVIC_MAX_ID : AVIC_MAX_ID);
	vmcb_dirty(vmcb, VMCB_AVIC);
}

/* For good: other CPUs' IPIs find the page whether this vCPU is accelerated or
 * not. The map is built anew for the sake of table_id().
 */
static void share_page(struct vcpu *vcpu)
{
	struct lapic_config config = vcpu->lapic.config;

	if (svm_features.x2avic) {
		config.icr_split = true;
		lapic_configure(&vcpu->lapic, &config);
	}
	lapic_accelerate(&vcpu->lapic, true);
	vcpu_request(vcpu, REQ_DEST);
}

void avic_update(struct vcpu *vcpu)
{
	struct avic *avic = &vcpu->svm->avic;
	enum avic_mode mode = wanted(vcpu);

	if (mode == avic->mode)
		return;
	if (!vcpu->lapic.accelerated)
		share_page(vcpu);
	avic->mode = mode;
	/* Pairs with avic_notify(), which must find the APIC accelerated. */
	smp_store_release(&vcpu->accelerated, mode != AVIC_OFF);
	avic_fill_vmcb(vcpu);
	/* What was translated without AVIC is no register. */
	vcpu->svm->asid.flush = true;
}

/*
 * While AVIC is on V_IRQ does nothing. What comes from outside the local APIC
 * and can't go in now needs it.
 */
static bool external_waits(struct vcpu *vcpu)
{
	const struct vcpu_event_state *ev = &vcpu->event;

	if (!event_external(vcpu))
		return vcpu->event.extint && vcpu->vm->split &&
		       vcpu->run->request_interrupt_window && vcpu->takes_pic;
	return !event_interrupts_open(vcpu) || vcpu_delivering(vcpu) ||
	       ev->exception.pending || ev->nmi_pending;
}

bool avic_window(struct vcpu *vcpu)
{
	struct avic *avic = &vcpu->svm->avic;
	bool waits = external_waits(vcpu);

	if (waits == avic->window)
		return true;
	avic->window = waits;
	vcpu_request(vcpu, REQ_APICV_UPDATE);
	return false;
}

/* --------------------------------------------------------------- IsRunning */

static void set_running(struct vcpu *vcpu, u64 running)
{
	struct avic *avic = &vcpu->svm->avic;

	raw_spin_lock(&avic->lock);
	WRITE_ONCE(avic->running, running);
	write_entry(vcpu);
	raw_spin_unlock(&avic->lock);
}

static u64 running_on(int cpu)
{
	return AVIC_PHYSICAL_RUNNING | cpu_physical_id(cpu);
}

void avic_load(struct vcpu *vcpu)
{
	if (vcpu->svm->avic.mode != AVIC_OFF)
		set_running(vcpu, running_on(smp_processor_id()));
}

void avic_put(struct vcpu *vcpu)
{
	if (!vcpu->svm->avic.running)
		return;
	set_running(vcpu, 0);
	/* Before the owner looks at IRR, to sleep or not; see avic.h. */
	smp_mb();
}

/*
 * Preemption is off, so that a vCPU that runs on this CPU is not in the guest
 * now, and will look at IRR when it enters.
 */
static void ring(u64 running)
{
	if (running != running_on(smp_processor_id()))
		wrmsrl(MSR_AMD64_SVM_AVIC_DOORBELL, running & AVIC_PHYSICAL_HOST_ID);
}

/* It is not in the guest, or without AVIC: have its thread look at IRR. */
static void look_again(struct vcpu *vcpu)
{
	vcpu_request(vcpu, REQ_EVENT);
	vcpu_kick(vcpu);
}

void avic_notify(struct vcpu *vcpu)
{
	u64 running;

	preempt_disable();
	/* The locked write to IRR is a full barrier. */
	lapic_absorb_posted(&vcpu->lapic, &vcpu->mailbox);
	running = READ_ONCE(vcpu->svm->avic.running);
	if (likely(running))
		ring(running);
	else
		look_again(vcpu);
	preempt_enable();
}

/* ------------------------------------------------------------------ exits */

/* AVIC_INCOMPLETE_IPI, EXITINFO2[63:32] */
enum ipi_failure {
	IPI_TYPE, /* not fixed and edge */
	IPI_NOT_RUNNING, /* in every IRR; some target's IsRunning is clear */
	IPI_TARGET, /* no valid entry */
	IPI_PAGE, /* no valid backing page */
	IPI_VECTOR,
};

/* Behaviour B: the value is in the page; the engine reads it from there. */
static void write_done(struct vcpu *vcpu, u32 reg)
{
	struct lapic_out out = { .effects = 0 };

	vectors_before(vcpu);
	lapic_write_done(&vcpu->lapic, reg, timer_now_for(vcpu, reg), &out);
	vectors_after(vcpu);
	deliver_lapic(vcpu, &out);
}

/*
 * The interrupt is in all its targets' IRRs, as this CPU has written it, locked;
 * EXITINFO2 names only one of those that don't run.
 */
static void wake_targets(struct vcpu *from, u64 icr)
{
	struct irq_message msg;
	struct dest_set set;
	u64 running;
	int i;

	lapic_icr_message(&from->lapic, icr, &msg);
	deliver_targets(from->vm, &msg, &set);
	while ((i = dest_set_pop(&set)) >= 0) {
		struct vcpu *vcpu = from->vm->vcpus[i];

		if (vcpu == from)
			continue;
		running = READ_ONCE(vcpu->svm->avic.running);
		if (!running)
			look_again(vcpu);
		else if (!svm_features.avic_ipi)
			ring(running);
	}
}

int avic_exit_ipi(struct vcpu *vcpu)
{
	const struct vmcb_control *c = &svm_vmcb(vcpu)->c;
	u32 why = c->exit_info_2 >> 32;

	vcpu->stats.apic_exits++;
	if (why == IPI_NOT_RUNNING) {
		vcpu->stats.ipi_sent++;
		wake_targets(vcpu, c->exit_info_1);
		return INNER_FAST;
	}
	if (why == IPI_PAGE)
		pr_err_once("a CPU refuses an AVIC backing page\n");
	/* The CPU has done nothing with it. */
	write_done(vcpu, LAPIC_ICR);
	return INNER_FAST;
}

/* APM 2 "Guest vAPIC Register Access Behavior": written, then #VMEXIT. */
static bool write_traps(u32 reg)
{
	switch (reg) {
	case LAPIC_ID:
	case LAPIC_EOI:
	case LAPIC_RRD:
	case LAPIC_LDR:
	case LAPIC_DFR:
	case LAPIC_SVR:
	case LAPIC_ESR:
	case LAPIC_ICR:
	case LAPIC_LVT_TIMER:
	case LAPIC_LVT_THERMAL:
	case LAPIC_LVT_PERFMON:
	case LAPIC_LVT_LINT0:
	case LAPIC_LVT_LINT1:
	case LAPIC_LVT_ERROR:
	case LAPIC_TIMER_INITIAL:
	case LAPIC_TIMER_DIVIDE:
		return true;
	default:
		return false;
	}
}

int avic_exit_noaccel(struct vcpu *vcpu, enum vcpu_exit *why)
{
	const struct vmcb_control *c = &svm_vmcb(vcpu)->c;
	bool write = c->exit_info_1 & BIT_ULL(32);
	u32 reg = c->exit_info_1 & 0xff0;

	if (write && write_traps(reg)) {
		vcpu->stats.apic_exits++;
		if (reg == LAPIC_EOI) {
			lapic_refresh(&vcpu->lapic);
			vcpu_count_eoi(vcpu);
		}
		write_done(vcpu, reg);
		return INNER_FAST;
	}
	if (vcpu->svm->avic.mode == AVIC_X2APIC)
		return svm_do_msr(vcpu, write, why);
	/* The instruction is still to be done; bits 3:0 of its address aren't told. */
	vcpu->stats.apic_exits++;
	vcpu->exit.gpa_valid = false;
	return inner_emulate(vcpu, why);
}
