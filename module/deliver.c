// SPDX-License-Identifier: GPL-2.0-only
/*
 * Performs what the engine asks for: posts messages, tells their targets, arms
 * timers, broadcasts EOIs. The only place that notifies a vCPU of an interrupt.
 */
#include <linux/ktime.h>
#include <linux/mm.h>

#include "apic/mutant.h"
#include "compat/compat.h"
#include "inhibit.h"
#include "isa.h"
#include "timer.h"
#include "trace.h"
#include "vectors.h"
#include "vm.h"

static void notify(struct vcpu *vcpu, bool event, bool in_irr)
{
	/*
	 * ON is set, by a full barrier; the vCPU publishes IN_GUEST by one and
	 * then looks at ON (behaviour E). If it is not in the guest it sees ON
	 * on its way in; if it sleeps, rcuwait's own barrier orders the two.
	 *
	 * A vCPU that has turned acceleration on or off since it was looked at
	 * is told in the other way, and leaves the guest for nothing.
	 */
	if (in_irr || (READ_ONCE(vcpu->accelerated) && !event))
		vcpu->vm->ops->post_notify(vcpu);
	else
		vcpu_kick(vcpu);
}

/*
 * Pairs with avic_update(): accelerated after its IRR has become everybody's. It may
 * cease to be at any time, after which post_notify() still makes it look at IRR.
 */
static bool takes_in_irr(const struct vcpu *vcpu, const struct irq_message *msg)
{
	return vcpu->vm->ops->shares_irr && msg->delivery <= IRQ_LOWEST &&
	       smp_load_acquire(&vcpu->accelerated);
}

/* Return: whether it was new, and not merged with one that is pending. */
static bool post(struct vcpu *vcpu, const struct irq_message *msg)
{
	bool unseen = mutant(MUTANT_LOOK_FIRST) && READ_ONCE(vcpu->mode) != IN_GUEST;
	bool in_irr = takes_in_irr(vcpu, msg);
	unsigned int r;

	vectors_posted(vcpu, msg);
	r = in_irr ? lapic_post(&vcpu->lapic, msg) :
		     mailbox_post(&vcpu->mailbox, msg);
	trace_vintc_post(vcpu->id, msg->vector, msg->delivery, msg->level,
			 r & MAILBOX_COALESCED);
	if (unseen)
		rcuwait_wake_up(&vcpu->wait);
	else if (r & (MAILBOX_NOTIFY | MAILBOX_EVENT) ||
		 unlikely(vm_policy(vcpu->vm, VINTC_POLICY_POST_NOTIFY)))
		notify(vcpu, r & MAILBOX_EVENT, in_irr);
	return !(r & MAILBOX_COALESCED);
}

void deliver_lint0(struct vcpu *vcpu, u8 delivery)
{
	const struct irq_message msg = { .delivery = delivery };

	post(vcpu, &msg);
}

/* What has become of a message at its targets. */
struct delivered {
	unsigned int accepted, merged;
};

static __always_inline void deliver_to(struct vm *vm, const struct vm_dests *dests,
				       u32 i, const struct irq_message *msg,
				       struct delivered *d)
{
	if (msg->delivery <= IRQ_LOWEST && !dests->map.view[i].enabled)
		return;
	d->accepted++;
	d->merged += !post(vm->vcpus[i], msg);
}

static noinline unsigned int deliver_all(struct vm *vm, const struct vm_dests *dests,
					 const struct irq_message *msg,
					 struct delivered *d)
{
	struct dest_set set;
	unsigned int n;
	int i;

	n = dest_match(&dests->map, msg, vm_policy(vm, VINTC_POLICY_LOWEST_PRIORITY), &set);
	while ((i = dest_set_pop(&set)) >= 0)
		deliver_to(vm, dests, i, msg, d);
	return n;
}

int deliver(struct vm *vm, const struct irq_message *msg)
{
	struct delivered d = {};
	struct vm_dests *dests;
	unsigned int n = 1;
	u16 only;

	rcu_read_lock();
	dests = rcu_dereference(vm->dests);
	only = dest_only(&dests->map, msg);
	if (likely(only != DEST_NONE))
		deliver_to(vm, dests, only, msg, &d);
	else
		n = deliver_all(vm, dests, msg, &d);
	rcu_read_unlock();

	if (!n) {
		vm_count(vm, no_target, 1);
		return -1;
	}
	vm_count(vm, posts, d.accepted);
	if (d.merged)
		vm_count(vm, coalesced, d.merged);
	return d.accepted;
}

void deliver_targets(struct vm *vm, const struct irq_message *msg,
		     struct dest_set *set)
{
	rcu_read_lock();
	dest_match(&rcu_dereference(vm->dests)->map, msg,
		   vm_policy(vm, VINTC_POLICY_LOWEST_PRIORITY), set);
	rcu_read_unlock();
}

struct vcpu *deliver_only_target(struct vm *vm, const struct irq_message *msg)
{
	struct vcpu *vcpu = NULL;
	struct vm_dests *dests;
	struct dest_set set;
	int i;

	rcu_read_lock();
	dests = rcu_dereference(vm->dests);
	if (dest_match(&dests->map, msg, vm_policy(vm, VINTC_POLICY_LOWEST_PRIORITY),
		       &set) == 1) {
		i = dest_set_pop(&set);
		if (dests->map.view[i].enabled)
			vcpu = vm->vcpus[i];
	}
	rcu_read_unlock();
	return vcpu;
}

/* Nobody will send an EOI for it. */
static void unaccepted(struct vm *vm, struct ioapic *io, unsigned int pin)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&vm->irq_lock, flags);
	ioapic_unaccepted(io, pin);
	raw_spin_unlock_irqrestore(&vm->irq_lock, flags);
}

int deliver_ioapic(struct vm *vm, struct ioapic *io, const struct ioapic_out *out)
{
	int taken = -1;
	u32 i;

	for (i = 0; i < out->n; i++) {
		const struct irq_message *msg = &out->msg[i];
		int r;

		trace_vintc_ioapic(out->pin[i], msg->dest, msg->vector,
				   msg->delivery, msg->logical, msg->level);
		r = deliver(vm, msg);
		if (r >= 0)
			taken = max(taken, 0) + r;
		if (r <= 0 && msg->level)
			unaccepted(vm, io, out->pin[i]);
	}
	if (out->n)
		vm_count(vm, ioapic_messages, out->n);
	if (out->rescan)
		vm_request_all(vm, REQ_SCAN_IOAPIC);
	if (out->unmasked)
		isa_unmasked(vm);
	if (unlikely(out->delay))
		ioapics_hold(vm);
	return taken;
}

static void eoi_to_user(struct vcpu *vcpu, u8 vector)
{
	if (!vcpu->vm->ops->run || !exitmap_has(&vcpu->handled, vector))
		return;
	vcpu->eoi_vector = vector;
	vcpu_request(vcpu, REQ_IOAPIC_EOI);
}

static void end_of(struct vm *vm, u32 n, u8 vector)
{
	struct ioapic *io = vm->ioapics[n];
	u64 pins[IOAPIC_WORDS] = {};
	bool level = irqfd_level_pins(vm, n, pins);
	struct ioapic_out out = {};
	unsigned long flags;
	int pin;

	do {
		out.n = 0;
		raw_spin_lock_irqsave(&vm->irq_lock, flags);
		if (level && !out.next)
			level = ioapic_resample(io, vector, pins);
		ioapic_eoi(io, vector, &out);
		raw_spin_unlock_irqrestore(&vm->irq_lock, flags);
		deliver_ioapic(vm, io, &out);
	} while (out.next);
	if (!level)
		return;
	for (pin = ioapic_pin_next(pins, 0); pin >= 0;
	     pin = ioapic_pin_next(pins, pin + 1))
		irqfd_acked(vm, KVM_IRQCHIP_IOAPIC + n, pin);
}

/* By a local APIC's broadcast, or by an IOAPIC's own EOI register. */
static void ioapic_ended(struct vm *vm, u8 vector)
{
	u32 n, count = smp_load_acquire(&vm->nr_ioapics);

	for (n = 0; n < count; n++)
		if (ioapic_serves(vm->ioapics[n]))
			end_of(vm, n, vector);
}

static void broadcast_eoi(struct vcpu *vcpu, u8 vector)
{
	struct vm *vm = vcpu->vm;

	vm_count(vm, ioapic_eoi, 1);
	if (vm->split)
		eoi_to_user(vcpu, vector);
	else
		ioapic_ended(vm, vector);
}

void deliver_lapic(struct vcpu *vcpu, struct lapic_out *out)
{
	u32 effects = out->effects;

	if (likely(!(effects & ~LAPIC_OUT_EVENT)))
		return;
	if (effects & LAPIC_OUT_IPI) {
		vcpu->stats.ipi_sent++;
		trace_vintc_ipi(vcpu->id, out->ipi.dest, out->ipi.vector,
				out->ipi.delivery, out->ipi.shorthand,
				out->ipi.logical);
		deliver(vcpu->vm, &out->ipi);
	}
	if (effects & LAPIC_OUT_EOI)
		broadcast_eoi(vcpu, out->eoi_vector);
	if (effects & (LAPIC_OUT_ARM | LAPIC_OUT_ARM_TSC | LAPIC_OUT_DISARM))
		vcpu_timer_arm(vcpu, out);
	if (effects & LAPIC_OUT_DEST) {
		vcpu_request(vcpu, REQ_DEST);
		/* The mode may be another: so may what hardware does. */
		vcpu_request(vcpu, REQ_APICV_UPDATE);
	}
	if (effects & (LAPIC_OUT_DEST | LAPIC_OUT_LINT0))
		isa_lint0(vcpu);
	if (effects & LAPIC_OUT_RESCAN)
		vcpu_request(vcpu, REQ_SCAN_IOAPIC);
}

/* ------------------------------------------------------------------ map */

int deliver_rebuild_locked(struct vm *vm)
{
	struct vm_dests *new, *old;
	struct vcpu *vcpu;
	u32 i;

	new = kvzalloc(sizeof(*new), GFP_KERNEL_ACCOUNT);
	if (!new)
		return -ENOMEM;
	vm_for_each_vcpu(i, vcpu, vm)
		if (vcpu->has_lapic)
			dest_view_of(&new->map.view[i], &vcpu->lapic);
	new->map.n = i;
	dest_map_build(&new->map);
	inhibit_from_dests(vm, &new->map);
	if (vm->ops->dests_changed)
		vm->ops->dests_changed(vm, &new->map);

	old = rcu_replace_pointer(vm->dests, new, lockdep_is_held(&vm->lock));
	if (old)
		kvfree_rcu(old, rcu);
	bypass_update(vm);
	if (vm->irqchip)
		vm_request_all(vm, REQ_SCAN_IOAPIC);
	return 0;
}

int deliver_rebuild(struct vm *vm)
{
	int r;

	mutex_lock(&vm->lock);
	r = deliver_rebuild_locked(vm);
	mutex_unlock(&vm->lock);
	return r;
}

/* ----------------------------------------------------------------- MMIO */

static struct ioapic *ioapic_at(struct vm *vm, u64 gpa, u32 len)
{
	u32 n, count = smp_load_acquire(&vm->nr_ioapics);

	for (n = 0; n < count; n++) {
		struct ioapic *io = vm->ioapics[n];

		if (gpa >= io->base && gpa + len <= io->base + IOAPIC_SIZE)
			return io;
	}
	return NULL;
}

static bool lapic_covers(struct vcpu *vcpu, u64 gpa)
{
	return vcpu->has_lapic && lapic_mode(&vcpu->lapic) == LAPIC_XAPIC &&
	       ((gpa ^ vcpu->lapic.base) & LAPIC_BASE_ADDRESS) == 0;
}

/*
 * Registers are 32 bits wide on 16-byte boundaries. SDM 3A "Local APIC
 * Register Address Map": other accesses are undefined; a load that lies within
 * one register gives its part, everything else reads as zero and is dropped.
 */
static void lapic_mmio_read(struct vcpu *vcpu, u64 gpa, void *data, u32 len)
{
	u32 reg = gpa & 0xff0, at = gpa & 0xf;
	u32 val;

	memset(data, 0, len);
	if (at + len > 4 && !(at == 0 && len == 8))
		return;
	if ((gpa & 0xfff) >= 0x400)
		return;
	val = lapic_read(&vcpu->lapic, reg, timer_now_for(vcpu, reg));
	memcpy(data, (u8 *)&val + at, min(len, 4u));
}

static void lapic_mmio_write(struct vcpu *vcpu, u64 gpa, const void *data,
			     u32 len)
{
	struct lapic_out out = { .effects = 0 };
	u32 reg = gpa & 0xff0, val;

	if ((gpa & 0xf) || len < 4 || (gpa & 0xfff) >= 0x400)
		return;
	memcpy(&val, data, 4);
	if (reg == LAPIC_EOI)
		vcpu_count_eoi(vcpu);
	vectors_before(vcpu);
	lapic_write(&vcpu->lapic, reg, val, timer_now_for(vcpu, reg), &out);
	vectors_after(vcpu);
	if (trace_vintc_ipi_enabled())
		vcpu_trace_self_ipi(vcpu, reg, val, &out);
	deliver_lapic(vcpu, &out);
}

/*
 * An IPI to the APIC itself is in IRR already and asks for nothing: without
 * this nobody would see it. @icr: ICR's lower half, or SELF_IPI's vector.
 */
void vcpu_trace_self_ipi(struct vcpu *vcpu, u32 reg, u32 icr,
			 const struct lapic_out *out)
{
	if ((reg == LAPIC_ICR || reg == LAPIC_SELF_IPI) &&
	    (out->effects & LAPIC_OUT_EVENT))
		trace_vintc_ipi(vcpu->id, vcpu->lapic.id, icr & 0xff,
				IRQ_FIXED, IRQ_SELF, false);
}

/* The engine tells of level EOIs alone. */
static void tapped_eoi(struct vcpu *vcpu)
{
	int vector = vcpu->lapic.isr_top;

	if (vector >= 0 && exitmap_has(&vcpu->handled, vector))
		isa_edge_eoi(vcpu->vm, vector);
}

void vcpu_count_eoi(struct vcpu *vcpu)
{
	vcpu->stats.eoi++;
	if (trace_vintc_eoi_enabled())
		trace_vintc_eoi(vcpu->id, vcpu->lapic.isr_top);
	if (unlikely(vcpu->eoi_tap))
		tapped_eoi(vcpu);
}

bool deliver_mmio_read(struct vcpu *vcpu, u64 gpa, void *data, u32 len)
{
	struct vm *vm = vcpu->vm;
	unsigned long flags;
	struct ioapic *io;
	u32 val;

	if (lapic_covers(vcpu, gpa)) {
		lapic_mmio_read(vcpu, gpa, data, len);
		return true;
	}
	io = ioapic_at(vm, gpa, len);
	if (!io)
		return false;
	raw_spin_lock_irqsave(&vm->irq_lock, flags);
	val = ioapic_read(io, (gpa - io->base) & ~3u);
	raw_spin_unlock_irqrestore(&vm->irq_lock, flags);
	memset(data, 0, len);
	memcpy(data, &val, min(len, 4u));
	return true;
}

bool deliver_mmio_write(struct vcpu *vcpu, u64 gpa, const void *data, u32 len)
{
	struct vm *vm = vcpu->vm;
	struct ioapic_out out = { .n = 0 };
	unsigned long flags;
	struct ioapic *io;
	u32 val = 0;

	if (lapic_covers(vcpu, gpa)) {
		lapic_mmio_write(vcpu, gpa, data, len);
		return true;
	}
	io = ioapic_at(vm, gpa, len);
	if (!io)
		return false;
	memcpy(&val, data, min(len, 4u));
	if (ioapic_is_eoi(io, gpa - io->base)) {
		ioapic_ended(vm, val);
		return true;
	}
	raw_spin_lock_irqsave(&vm->irq_lock, flags);
	ioapic_write(io, (gpa - io->base) & ~3u, val, &out);
	raw_spin_unlock_irqrestore(&vm->irq_lock, flags);
	deliver_ioapic(vm, io, &out);
	return true;
}
