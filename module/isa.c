// SPDX-License-Identifier: GPL-2.0-only
/*
 * PIC and PIT in the VM.
 *
 * A LINT0 that is an NMI gets one at each tick of the PIT: the NMI watchdog,
 * whose PIC isn't acknowledged, so that the pin's request ends with the tick and
 * each one is an edge of the wire. What else makes the wire rise is an edge, too.
 * A LINT0 that is fixed, INIT or SMI takes nothing: no software asks for it, and
 * there is no SMM.
 *
 * The PIC's output is a wire to LINT0 of every local APIC. vm->pic.output is its
 * level; when it rises, the vCPUs whose LINT0 listens are told by an ExtINT in
 * their mailbox, and look at the wire (event.extint) until it is low. A vCPU
 * whose LINT0 begins to listen publishes that, then looks at the wire; the
 * other side raises the wire, then looks who listens: one of them sees it.
 *
 * The PIT has a lock of its own, outside irq_lock; lines are driven with neither
 * held.
 */
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "apic/pit.h"
#include "irqfd.h"
#include "inhibit.h"
#include "isa.h"
#include "request.h"
#include "vm.h"

/* As for the local APIC's timer: a guest can't keep the host in its timer. */
#define PIT_MIN_PERIOD_NS 200000
#define PIT_GSI 0

/**
 * struct vm_pit - a VM's PIT
 * @lock: @pit and the arming of @timer; interrupts off
 * @speaker_port: port 61H is ours too
 */
struct vm_pit {
	struct vm *vm;
	raw_spinlock_t lock; /* @pit; inside @line */
	raw_spinlock_t line; /* raised and lowered by one at a time */
	struct pit pit;
	struct vm_timer timer;
	bool speaker_port;
};

/* -------------------------------------------------------------------- PIC */

/* @nmi: an edge that LINT0s which are NMIs haven't been told of. */
static void raised(struct vm *vm, bool nmi)
{
	struct vcpu *vcpu;
	u32 i;

	/* The wire is high; then who listens. */
	smp_mb();
	vm_for_each_vcpu(i, vcpu, vm) {
		if (READ_ONCE(vcpu->takes_pic))
			deliver_lint0(vcpu, IRQ_EXTINT);
		else if (nmi && READ_ONCE(vcpu->lint0_nmi))
			deliver_lint0(vcpu, IRQ_NMI);
	}
}

static void pic_told(struct vm *vm, const struct pic_out *out)
{
	u32 pin;

	if (out->unmasked & BIT(0))
		isa_unmasked(vm);
	for (pin = 0; out->acked >> pin; pin++)
		if (out->acked >> pin & 1)
			isa_acked(vm, pin < 8 ? KVM_IRQCHIP_PIC_MASTER :
						KVM_IRQCHIP_PIC_SLAVE, pin & 7);
}

static void pic_effects(struct vm *vm, const struct pic_out *out)
{
	if (out->raised)
		raised(vm, true);
	pic_told(vm, out);
}

enum ioapic_status isa_line(struct vm *vm, u32 pin, enum ioapic_source src,
			    bool level)
{
	struct pic_out out = {};
	enum ioapic_status r;
	unsigned long flags;

	raw_spin_lock_irqsave(&vm->irq_lock, flags);
	r = pic_line(&vm->pic, pin, src, level, &out);
	raw_spin_unlock_irqrestore(&vm->irq_lock, flags);
	if (out.raised)
		raised(vm, src != IOAPIC_SRC_PIT);
	pic_told(vm, &out);
	return r;
}

void isa_lint0(struct vcpu *vcpu)
{
	struct vm *vm = vcpu->vm;
	bool takes = vcpu->has_lapic && lapic_takes_extint(&vcpu->lapic);

	WRITE_ONCE(vcpu->lint0_nmi,
		   vcpu->has_lapic && lapic_lint0_nmi(&vcpu->lapic));
	/* Listening is published; then the wire is looked at. */
	smp_store_mb(vcpu->takes_pic, takes);
	if (!vm->split)
		vcpu->event.extint = takes && READ_ONCE(vm->pic.output);
}

int isa_ack(struct vm *vm)
{
	struct pic_out out = {};
	unsigned long flags;
	int vector = -1;

	raw_spin_lock_irqsave(&vm->irq_lock, flags);
	if (vm->pic.output)
		vector = pic_ack(&vm->pic, &out);
	raw_spin_unlock_irqrestore(&vm->irq_lock, flags);
	pic_effects(vm, &out);
	return vector;
}

void isa_pic_save(struct vm *vm, u32 chip, struct pic_state *st)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&vm->irq_lock, flags);
	pic_save(&vm->pic, chip, st);
	raw_spin_unlock_irqrestore(&vm->irq_lock, flags);
}

void isa_pic_restore(struct vm *vm, u32 chip, const struct pic_state *st)
{
	struct pic_out out = {};
	unsigned long flags;

	raw_spin_lock_irqsave(&vm->irq_lock, flags);
	pic_restore(&vm->pic, chip, st, &out);
	raw_spin_unlock_irqrestore(&vm->irq_lock, flags);
	pic_effects(vm, &out);
}

/* -------------------------------------------------------------------- PIT */

static struct vm_pit *pit_of(struct vm *vm)
{
	return smp_load_acquire(&vm->pit);
}

/* lock held; what it returns is for pit_irq(), without it */
static u32 pit_arm(struct vm_pit *pit, u32 effects)
{
	if (effects & PIT_OUT_TIMER)
		vm_timer_arm(&pit->timer, pit->pit.deadline);
	return effects;
}

static void pit_irq(struct vm_pit *pit, u32 effects)
{
	struct vcpu *vcpu;
	unsigned long flags;
	u32 i;

	if (!(effects & PIT_OUT_IRQ))
		return;
	vm_for_each_vcpu(i, vcpu, pit->vm)
		if (READ_ONCE(vcpu->lint0_nmi))
			deliver_lint0(vcpu, IRQ_NMI);
	/*
	 * The guest may have served this one, on another CPU, before the line
	 * is low again: the next must not find it high, or it is no edge.
	 */
	raw_spin_lock_irqsave(&pit->line, flags);
	if (route_line_from(pit->vm, PIT_GSI, IOAPIC_SRC_PIT, true) < 0) {
		/* Masked everywhere: nobody will acknowledge it. */
		raw_spin_lock(&pit->lock);
		pit_forget(&pit->pit);
		raw_spin_unlock(&pit->lock);
	}
	route_line_from(pit->vm, PIT_GSI, IOAPIC_SRC_PIT, false);
	raw_spin_unlock_irqrestore(&pit->line, flags);
}

static void pit_expired(struct vm_timer *timer)
{
	struct vm_pit *pit = container_of(timer, struct vm_pit, timer);
	unsigned long flags;
	u32 effects;

	raw_spin_lock_irqsave(&pit->lock, flags);
	effects = pit_arm(pit, pit_tick(&pit->pit, vm_now(pit->vm)));
	raw_spin_unlock_irqrestore(&pit->lock, flags);
	pit_irq(pit, effects);
}

static void pit_served(struct vm_pit *pit)
{
	unsigned long flags;
	u32 effects;

	raw_spin_lock_irqsave(&pit->lock, flags);
	effects = pit_acked(&pit->pit);
	raw_spin_unlock_irqrestore(&pit->lock, flags);
	pit_irq(pit, effects);
}

void isa_acked(struct vm *vm, u32 chip, u32 pin)
{
	struct vm_pit *pit = pit_of(vm);
	bool timer;

	if (pit) {
		rcu_read_lock();
		timer = route_leads_to(vm, PIT_GSI, chip, pin);
		rcu_read_unlock();
		if (timer)
			pit_served(pit);
	}
	irqfd_acked(vm, chip, pin);
}

void isa_edge_eoi(struct vm *vm, u8 vector)
{
	u32 n, count = smp_load_acquire(&vm->nr_ioapics);
	unsigned long flags;
	int pin;

	for (n = 0; n < count; n++) {
		raw_spin_lock_irqsave(&vm->irq_lock, flags);
		pin = ioapic_tapped(vm->ioapics[n], vector);
		raw_spin_unlock_irqrestore(&vm->irq_lock, flags);
		if (pin >= 0)
			isa_acked(vm, KVM_IRQCHIP_IOAPIC + n, pin);
	}
}

void isa_unmasked(struct vm *vm)
{
	struct vm_pit *pit = pit_of(vm);
	unsigned long flags;

	/* What the timer has raised may have gone to a pin that was masked. */
	if (!pit)
		return;
	raw_spin_lock_irqsave(&pit->lock, flags);
	pit_forget(&pit->pit);
	raw_spin_unlock_irqrestore(&pit->lock, flags);
}

void isa_rerouted(struct vm *vm)
{
	unsigned long flags;
	u32 n, chip = 0;
	int pin = -1;

	if (!vm->pit)
		return;
	if (vm->pit->pit.policy == PIT_CATCH_UP) {
		rcu_read_lock();
		pin = route_ioapic_pin(vm, PIT_GSI, &chip);
		rcu_read_unlock();
	}
	raw_spin_lock_irqsave(&vm->irq_lock, flags);
	for (n = 0; n < vm->nr_ioapics; n++)
		vm->ioapics[n]->tapped = n == chip ? pin : -1;
	raw_spin_unlock_irqrestore(&vm->irq_lock, flags);
	WRITE_ONCE(vm->tapped, pin >= 0);
	vm_inhibit(vm, VINTC_INHIBIT_PIT, pin >= 0);
	isa_unmasked(vm);
	vm_request_all(vm, REQ_SCAN_IOAPIC);
}

/* ------------------------------------------------------------------ ports */

static bool pit_has_port(const struct vm_pit *pit, u16 port)
{
	return pit && ((port & ~3) == PIT_PORT ||
		       (port == PIT_SPEAKER_PORT && pit->speaker_port));
}

bool isa_has_port(struct vm *vm, u16 port, u32 size)
{
	u32 i;

	if (!vm->irqchip || vm->split)
		return false;
	for (i = 0; i < size; i++)
		if (!pic_has_port(port + i) &&
		    !pit_has_port(pit_of(vm), port + i))
			return false;
	return true;
}

static u8 read_port(struct vm *vm, u16 port)
{
	struct vm_pit *pit = pit_of(vm);
	struct pic_out out = {};
	unsigned long flags;
	u64 now;
	u8 val;

	if (pic_has_port(port)) {
		raw_spin_lock_irqsave(&vm->irq_lock, flags);
		val = pic_read(&vm->pic, port, &out);
		raw_spin_unlock_irqrestore(&vm->irq_lock, flags);
		pic_effects(vm, &out);
		return val;
	}
	now = vm_now(vm);
	raw_spin_lock_irqsave(&pit->lock, flags);
	val = port == PIT_SPEAKER_PORT ? pit_speaker_read(&pit->pit, now) :
					 pit_read(&pit->pit, port - PIT_PORT, now);
	raw_spin_unlock_irqrestore(&pit->lock, flags);
	return val;
}

static void write_port(struct vm *vm, u16 port, u8 val)
{
	struct vm_pit *pit = pit_of(vm);
	struct pic_out out = {};
	unsigned long flags;
	u64 now;

	if (pic_has_port(port)) {
		raw_spin_lock_irqsave(&vm->irq_lock, flags);
		pic_write(&vm->pic, port, val, &out);
		raw_spin_unlock_irqrestore(&vm->irq_lock, flags);
		pic_effects(vm, &out);
		return;
	}
	now = vm_now(vm);
	raw_spin_lock_irqsave(&pit->lock, flags);
	if (port == PIT_SPEAKER_PORT)
		pit_speaker_write(&pit->pit, val, now);
	else
		pit_arm(pit, pit_write(&pit->pit, port - PIT_PORT, val, now));
	raw_spin_unlock_irqrestore(&pit->lock, flags);
}

bool isa_read(struct vm *vm, u16 port, void *data, u32 size)
{
	u8 *bytes = data;
	u32 i;

	if (!isa_has_port(vm, port, size))
		return false;
	for (i = 0; i < size; i++)
		bytes[i] = read_port(vm, port + i);
	return true;
}

bool isa_write(struct vm *vm, u16 port, const void *data, u32 size)
{
	const u8 *bytes = data;
	u32 i;

	if (!isa_has_port(vm, port, size))
		return false;
	for (i = 0; i < size; i++)
		write_port(vm, port + i, bytes[i]);
	return true;
}

/* ----------------------------------------------------------------- ioctls */

static long create_pit(struct vm *vm, u32 flags)
{
	struct vm_pit *pit;
	int r = 0;

	if (flags & ~KVM_PIT_SPEAKER_DUMMY)
		return -EINVAL;
	pit = kzalloc(sizeof(*pit), GFP_KERNEL_ACCOUNT);
	if (!pit)
		return -ENOMEM;
	pit->vm = vm;
	pit->speaker_port = flags & KVM_PIT_SPEAKER_DUMMY;
	raw_spin_lock_init(&pit->lock);
	raw_spin_lock_init(&pit->line);
	pit_init(&pit->pit, PIT_MIN_PERIOD_NS, vm_now(vm));

	mutex_lock(&vm->lock);
	if (vm->pit)
		r = -EEXIST;
	else if (!vm->irqchip || vm->split)
		r = -ENOENT;
	if (!r) {
		vm_timer_init(&pit->timer, vm, VM_TIMER_PIT, pit_expired);
		smp_store_release(&vm->pit, pit);
		isa_rerouted(vm);
	}
	mutex_unlock(&vm->lock);
	if (r)
		kfree(pit);
	return r;
}

/* @size: of the old form, which ends before the flags, or of the new one */
static long get_pit(struct vm_pit *pit, void __user *arg, size_t size)
{
	struct pit_state st;
	unsigned long flags;

	raw_spin_lock_irqsave(&pit->lock, flags);
	pit_save(&pit->pit, &st);
	raw_spin_unlock_irqrestore(&pit->lock, flags);
	return copy_to_user(arg, &st, size) ? -EFAULT : 0;
}

static long set_pit(struct vm_pit *pit, void __user *arg, size_t size)
{
	struct pit_state st = {};
	unsigned long flags;
	u32 effects;
	bool ok;

	if (copy_from_user(&st, arg, size))
		return -EFAULT;
	if (st.flags & ~(PIT_STATE_HPET_LEGACY | PIT_STATE_SPEAKER) ||
	    memchr_inv(st.reserved, 0, sizeof(st.reserved)))
		return -EINVAL;
	raw_spin_lock_irqsave(&pit->lock, flags);
	ok = pit_restore(&pit->pit, &st, vm_now(pit->vm), &effects);
	if (ok)
		pit_arm(pit, effects);
	raw_spin_unlock_irqrestore(&pit->lock, flags);
	return ok ? 0 : -EINVAL;
}

static long reinject(struct vm *vm, struct vm_pit *pit,
		     const struct kvm_reinject_control __user *arg)
{
	struct kvm_reinject_control control;
	unsigned long flags;

	if (copy_from_user(&control, arg, sizeof(control)))
		return -EFAULT;
	if (memchr_inv(control.reserved, 0, sizeof(control.reserved)))
		return -EINVAL;
	mutex_lock(&vm->lock);
	raw_spin_lock_irqsave(&pit->lock, flags);
	pit_set_policy(&pit->pit, control.pit_reinject ? PIT_CATCH_UP : PIT_DROP);
	raw_spin_unlock_irqrestore(&pit->lock, flags);
	isa_rerouted(vm);
	mutex_unlock(&vm->lock);
	return 0;
}

long isa_pit_ioctl(struct vm *vm, unsigned int cmd, void __user *arg)
{
	struct vm_pit *pit = pit_of(vm);
	struct kvm_pit_config config;

	static_assert(sizeof(struct pit_state) == sizeof(struct kvm_pit_state2));

	switch (cmd) {
	case KVM_CREATE_PIT:
		return create_pit(vm, KVM_PIT_SPEAKER_DUMMY);
	case KVM_CREATE_PIT2:
		if (copy_from_user(&config, arg, sizeof(config)))
			return -EFAULT;
		if (memchr_inv(config.pad, 0, sizeof(config.pad)))
			return -EINVAL;
		return create_pit(vm, config.flags);
	}
	if (!pit)
		return -ENXIO;
	switch (cmd) {
	case KVM_GET_PIT:
		return get_pit(pit, arg, sizeof(struct kvm_pit_state));
	case KVM_SET_PIT:
		return set_pit(pit, arg, sizeof(struct kvm_pit_state));
	case KVM_GET_PIT2:
		return get_pit(pit, arg, sizeof(struct kvm_pit_state2));
	case KVM_SET_PIT2:
		return set_pit(pit, arg, sizeof(struct kvm_pit_state2));
	case KVM_REINJECT_CONTROL:
		return reinject(vm, pit, arg);
	}
	return -ENOTTY;
}

void isa_pit_free(struct vm *vm)
{
	if (!vm->pit)
		return;
	vm_timer_stop(&vm->pit->timer);
	kfree(vm->pit);
}
