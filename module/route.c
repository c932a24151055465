// SPDX-License-Identifier: GPL-2.0-only
/*
 * GSI routing: what a line of the machine, named by its GSI, turns into. A
 * GSI goes to a pin of the IOAPIC, to a pin of the PIC, to both, or to one MSI.
 *
 * The table is immutable; a change makes a new one and swaps it under RCU, so
 * that an interrupt from any context finds its routes without a lock. The
 * routes of one GSI, three at most, are linked by index. IOAPICs beyond KVM's have
 * the chips' numbers that follow it.
 */
#include <linux/mm.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "isa.h"
#include "request.h"
#include "trace.h"
#include "vm.h"

#define CHIP_PINS 8 /* of one of the two PICs */

enum route_kind {
	ROUTE_IOAPIC,
	ROUTE_PIC,
	ROUTE_MSI,
};

#define ROUTE_END U16_MAX
#define ROUTE_MAX 4096 /* KVM_CAP_IRQ_ROUTING */

struct route {
	u8 kind;
	u8 pin;
	u16 next; /* of the same GSI, or ROUTE_END */
	u32 data; /* of the MSI; the number of the IOAPIC */
	u64 address;
};

struct routing {
	u32 gsis;
	u32 n;
	u16 *first; /* by GSI, or ROUTE_END; lies behind the routes */
	struct route route[];
};

static_assert(ROUTE_MAX < ROUTE_END);

static struct routing *routing_alloc(u32 gsis, u32 n)
{
	struct routing *r;
	size_t size;

	size = struct_size(r, route, n) + gsis * sizeof(r->first[0]);
	r = kvzalloc(size, GFP_KERNEL_ACCOUNT);
	if (!r)
		return NULL;
	r->gsis = gsis;
	r->n = n;
	r->first = (u16 *)&r->route[n];
	memset(r->first, 0xff, gsis * sizeof(r->first[0])); /* ROUTE_END */
	return r;
}

/* One checked entry; -EINVAL for what this irqchip doesn't have. */
static int route_from_user(struct route *out, struct vm *vm,
			   const struct kvm_irq_routing_entry *e)
{
	u32 chip, pin, n;

	if (e->gsi >= VM_MAX_GSIS || e->pad)
		return -EINVAL;

	if (e->type == KVM_IRQ_ROUTING_MSI) {
		/* A device ID may come along; nothing on x86 looks at it. */
		if (e->flags & ~KVM_MSI_VALID_DEVID)
			return -EINVAL;
		out->kind = ROUTE_MSI;
		out->address = (u64)e->u.msi.address_hi << 32 |
			       e->u.msi.address_lo;
		out->data = e->u.msi.data;
		return 0;
	}
	if (e->type != KVM_IRQ_ROUTING_IRQCHIP || e->flags ||
	    READ_ONCE(vm->split))
		return -EINVAL;

	chip = e->u.irqchip.irqchip;
	pin = e->u.irqchip.pin;
	if (chip == KVM_IRQCHIP_PIC_MASTER || chip == KVM_IRQCHIP_PIC_SLAVE) {
		if (pin >= CHIP_PINS)
			return -EINVAL;
		out->kind = ROUTE_PIC;
		out->pin = chip == KVM_IRQCHIP_PIC_SLAVE ? pin + CHIP_PINS : pin;
		return 0;
	}
	n = chip - KVM_IRQCHIP_IOAPIC;
	if (n >= smp_load_acquire(&vm->nr_ioapics))
		return -EINVAL;
	n = array_index_nospec(n, VM_MAX_IOAPICS);
	if (pin >= vm->ioapics[n]->pins)
		return -EINVAL;
	out->kind = ROUTE_IOAPIC;
	out->pin = pin;
	out->data = n;
	return 0;
}

/*
 * May @new join the routes that a GSI has? An MSI wants the GSI alone; a chip
 * takes it once. Both PICs count as chips of their own.
 */
static bool route_compatible(const struct route *old, const struct route *new)
{
	if (old->kind == ROUTE_MSI || new->kind == ROUTE_MSI)
		return false;
	if (old->kind != new->kind)
		return true;
	return new->kind == ROUTE_PIC &&
	       old->pin / CHIP_PINS != new->pin / CHIP_PINS;
}

static int routing_add(struct routing *r, u32 i, struct vm *vm,
		       const struct kvm_irq_routing_entry *e)
{
	struct route *new = &r->route[i];
	int ret = route_from_user(new, vm, e);
	u16 j;

	if (ret)
		return ret;
	for (j = r->first[e->gsi]; j != ROUTE_END; j = r->route[j].next) {
		if (!route_compatible(&r->route[j], new))
			return -EINVAL;
	}
	new->next = r->first[e->gsi];
	r->first[e->gsi] = i;
	return 0;
}

static struct routing *routing_build(struct vm *vm,
				     const struct kvm_irq_routing_entry *e, u32 n)
{
	struct routing *r;
	u32 i, gsis = 0;
	int ret;

	for (i = 0; i < n; i++) {
		if (e[i].gsi >= VM_MAX_GSIS)
			return ERR_PTR(-EINVAL);
		gsis = max(gsis, e[i].gsi + 1);
	}
	r = routing_alloc(gsis, n);
	if (!r)
		return ERR_PTR(-ENOMEM);
	for (i = 0; i < n; i++) {
		ret = routing_add(r, i, vm, &e[i]);
		if (ret) {
			kvfree(r);
			return ERR_PTR(ret);
		}
	}
	return r;
}

/*
 * Puts @new, or NULL, in place. When it returns no interrupt is on its way by
 * the old routes any more: a VMM that has masked an MSI may give its vector to
 * someone else. Expedited, because guests do this a hundred times in a boot.
 */
static void routing_swap(struct vm *vm, struct routing *new)
{
	struct routing *old;

	old = rcu_replace_pointer(vm->routing, new,
				  lockdep_is_held(&vm->lock));
	/* An interrupt that the IOMMU posts has gone by the old routes, too. */
	bypass_update(vm);
	if (!old)
		return;
	synchronize_rcu_expedited();
	kvfree(old);
}

/* As a PC is wired: GSIs 0..15 to both chips, 16..23 to the IOAPIC alone. */
int route_init(struct vm *vm)
{
	const u32 n = IOAPIC_PINS + 2 * CHIP_PINS;
	struct kvm_irq_routing_entry *entries, *e;
	struct routing *r;
	u32 gsi;

	lockdep_assert_held(&vm->lock);
	entries = kcalloc(n, sizeof(*entries), GFP_KERNEL);
	if (!entries)
		return -ENOMEM;
	e = entries;
	for (gsi = 0; gsi < IOAPIC_PINS; gsi++) {
		e->gsi = gsi;
		e->type = KVM_IRQ_ROUTING_IRQCHIP;
		e->u.irqchip.irqchip = KVM_IRQCHIP_IOAPIC;
		e->u.irqchip.pin = gsi;
		e++;
		if (gsi >= 2 * CHIP_PINS)
			continue;
		e->gsi = gsi;
		e->type = KVM_IRQ_ROUTING_IRQCHIP;
		e->u.irqchip.irqchip = gsi < CHIP_PINS ? KVM_IRQCHIP_PIC_MASTER :
							KVM_IRQCHIP_PIC_SLAVE;
		e->u.irqchip.pin = gsi % CHIP_PINS;
		e++;
	}
	r = routing_build(vm, entries, n);
	kfree(entries);
	if (IS_ERR(r))
		return PTR_ERR(r);
	routing_swap(vm, r);
	return 0;
}

int route_add_ioapic(struct vm *vm, u32 n, u32 gsi, u32 pins)
{
	const struct routing *old =
		rcu_dereference_protected(vm->routing, lockdep_is_held(&vm->lock));
	u32 i, had = old ? old->n : 0, gsis = old ? old->gsis : 0;
	struct routing *r;

	for (i = gsi; i < min(gsis, gsi + pins); i++)
		if (old->first[i] != ROUTE_END)
			return -EEXIST;
	if (had + pins > ROUTE_MAX)
		return -ENOSPC;
	r = routing_alloc(max(gsis, gsi + pins), had + pins);
	if (!r)
		return -ENOMEM;
	if (old) {
		memcpy(r->route, old->route, had * sizeof(r->route[0]));
		memcpy(r->first, old->first, gsis * sizeof(r->first[0]));
	}
	for (i = 0; i < pins; i++) {
		r->route[had + i] = (struct route){
			.kind = ROUTE_IOAPIC,
			.pin = i,
			.next = ROUTE_END,
			.data = n,
		};
		r->first[gsi + i] = had + i;
	}
	routing_swap(vm, r);
	return 0;
}

/* The VM goes: nobody can raise an interrupt in it any more. */
void route_free(struct vm *vm)
{
	kvfree(rcu_dereference_protected(vm->routing, true));
	RCU_INIT_POINTER(vm->routing, NULL);
}

int route_set_entries(struct vm *vm, const struct kvm_irq_routing_entry *entries,
		      u32 n)
{
	struct routing *r = routing_build(vm, entries, n);
	int ret = 0;

	if (IS_ERR(r))
		return PTR_ERR(r);
	mutex_lock(&vm->lock);
	if (vm->irqchip)
		routing_swap(vm, r);
	else
		ret = -EINVAL;
	if (!ret)
		isa_rerouted(vm);
	mutex_unlock(&vm->lock);
	if (ret)
		kvfree(r);
	else
		/* A level route may have gone: exit maps anew (behaviour A). */
		vm_request_all(vm, REQ_SCAN_IOAPIC);
	return ret;
}

/**
 * route_set() - KVM_SET_GSI_ROUTING
 * @vm: the VM, with an in-kernel irqchip; vm->lock is taken here
 * @head: header, already copied
 * @entries: user's array behind it
 *
 * Return: 0; -EINVAL (no irqchip, count, flags, type, chip, pin, GSI, an MSI
 * beside another route), -EFAULT, -ENOMEM. On failure nothing has changed.
 */
int route_set(struct vm *vm, const struct kvm_irq_routing *head,
	      const struct kvm_irq_routing_entry __user *entries)
{
	struct kvm_irq_routing_entry *copy = NULL;
	int ret;

	if (head->nr > ROUTE_MAX || head->flags)
		return -EINVAL;
	if (head->nr) {
		copy = vmemdup_user(entries,
				    array_size(head->nr, sizeof(*copy)));
		if (IS_ERR(copy))
			return PTR_ERR(copy);
	}
	ret = route_set_entries(vm, copy, head->nr);
	kvfree(copy);
	return ret;
}

static int route_ioapic(struct vm *vm, u32 n, u32 pin, enum ioapic_source src,
			bool level)
{
	struct ioapic *io = vm->ioapics[n];
	struct ioapic_out out;
	enum ioapic_status status;
	unsigned long flags;

	out.n = 0;
	out.rescan = false;
	out.unmasked = false;
	out.delay = false;
	raw_spin_lock_irqsave(&vm->irq_lock, flags);
	status = ioapic_line(io, pin, src, level, &out);
	raw_spin_unlock_irqrestore(&vm->irq_lock, flags);

	switch (status) {
	case IOAPIC_SENT:
		return deliver_ioapic(vm, io, &out);
	case IOAPIC_IDLE:
		/* Lowering a line always succeeds; raising it twice is one. */
		return level ? 0 : 1;
	case IOAPIC_COALESCED:
	case IOAPIC_IGNORED:
		break;
	}
	return status;
}

static int route_pic(struct vm *vm, u32 pin, enum ioapic_source src, bool level)
{
	enum ioapic_status status = isa_line(vm, pin, src, level);

	if (status == IOAPIC_IDLE)
		return level ? 0 : 1;
	return status;
}

/* Return: as deliver(), or -EINVAL for reserved bits in @address. */
static int route_send_msi(struct vm *vm, u64 address, u32 data,
			  const u32 *gsi)
{
	struct irq_message msg;
	int ret;

	if (!msi_decode(address, data, vm->x2apic_ids, &msg))
		return -EINVAL;
	if (gsi)
		trace_vintc_route(*gsi, msg.dest, msg.vector, msg.delivery,
				  msg.logical, msg.level);
	vm_count(vm, msi_sent, 1);
	ret = deliver(vm, &msg);
	trace_vintc_msi(address, data, ret);
	return ret;
}

static int route_one(struct vm *vm, const struct route *route, u32 gsi,
		     enum ioapic_source src, bool level)
{
	switch (route->kind) {
	case ROUTE_IOAPIC:
		return route_ioapic(vm, route->data, route->pin, src, level);
	case ROUTE_PIC:
		return route_pic(vm, route->pin, src, level);
	case ROUTE_MSI:
		/* A message has no line that could fall. */
		if (!level)
			return -1;
		return route_send_msi(vm, route->address, route->data, &gsi);
	}
	return -1;
}

/**
 * route_line_from() - drive a GSI
 * @vm: the VM
 * @gsi: the line
 * @src: who does; a pin is asserted while one of them asserts it
 * @level: asserted or not; for an MSI each assertion is a message
 *
 * Context: any that may read RCU; interrupts on or off.
 * Return: what KVM_IRQ_LINE_STATUS reports: targets reached by all routes
 * together, 0 when all coalesced with what was pending, -1 when masked or
 * routed nowhere. -ENXIO without irqchip, -EINVAL for no possible GSI.
 */
int route_line_from(struct vm *vm, u32 gsi, enum ioapic_source src, bool level)
{
	const struct routing *r;
	int one, status = -1;
	u16 i;

	if (gsi >= VM_MAX_GSIS)
		return -EINVAL;
	if (!smp_load_acquire(&vm->irqchip))
		return -ENXIO;

	vm_count(vm, line_changes, 1);
	rcu_read_lock();
	r = rcu_dereference(vm->routing);
	if (r && gsi < r->gsis) {
		for (i = r->first[gsi]; i != ROUTE_END; i = r->route[i].next) {
			one = route_one(vm, &r->route[i], gsi, src, level);
			if (one >= 0)
				status = one + max(status, 0);
		}
	}
	rcu_read_unlock();
	trace_vintc_line(gsi, level, status);
	return status;
}

int route_line(struct vm *vm, u32 gsi, bool level)
{
	return route_line_from(vm, gsi, IOAPIC_SRC_USER, level);
}

static bool leads_to_pic(struct vm *vm, u32 gsi, u32 pin)
{
	const struct routing *r = rcu_dereference(vm->routing);
	u16 i;

	if (!r || gsi >= r->gsis)
		return false;
	for (i = r->first[gsi]; i != ROUTE_END; i = r->route[i].next)
		if (r->route[i].kind == ROUTE_PIC && r->route[i].pin == pin)
			return true;
	return false;
}

bool route_leads_to(struct vm *vm, u32 gsi, u32 chip, u32 pin)
{
	u32 n;

	if (chip >= KVM_IRQCHIP_IOAPIC)
		return route_ioapic_pin(vm, gsi, &n) == (int)pin &&
		       n == chip - KVM_IRQCHIP_IOAPIC;
	if (chip == KVM_IRQCHIP_PIC_SLAVE)
		pin += CHIP_PINS;
	return leads_to_pic(vm, gsi, pin);
}

int route_ioapic_pin(struct vm *vm, u32 gsi, u32 *n)
{
	const struct routing *r = rcu_dereference(vm->routing);
	u16 i;

	if (!r || gsi >= r->gsis)
		return -1;
	for (i = r->first[gsi]; i != ROUTE_END; i = r->route[i].next) {
		if (r->route[i].kind != ROUTE_IOAPIC)
			continue;
		*n = r->route[i].data;
		return r->route[i].pin;
	}
	return -1;
}

bool route_to_msi(struct vm *vm, u32 gsi, struct irq_message *msg)
{
	const struct routing *r;
	const struct route *one;
	bool found = false;

	rcu_read_lock();
	r = rcu_dereference(vm->routing);
	if (r && gsi < r->gsis && r->first[gsi] != ROUTE_END) {
		/* An MSI has the GSI alone. */
		one = &r->route[r->first[gsi]];
		found = one->kind == ROUTE_MSI &&
			msi_decode(one->address, one->data, vm->x2apic_ids, msg);
	}
	rcu_read_unlock();
	return found;
}

void route_exitmap(struct vm *vm, struct exitmap *map,
		   const struct dest_map *dests, u32 index)
{
	const struct routing *r = rcu_dereference(vm->routing);
	struct irq_message msg;
	u32 gsi;
	u16 i;

	for (gsi = 0; r && gsi < min(r->gsis, vm->split_pins); gsi++) {
		for (i = r->first[gsi]; i != ROUTE_END; i = r->route[i].next) {
			if (r->route[i].kind == ROUTE_MSI &&
			    msi_decode(r->route[i].address, r->route[i].data,
				       vm->x2apic_ids, &msg))
				exitmap_add_message(map, &msg, dests, index);
		}
	}
}

/**
 * route_msi() - KVM_SIGNAL_MSI
 * @vm: the VM
 * @msi: as given by user space, not yet checked
 *
 * Return: as deliver(): positive when delivered, 0 when it coalesced, -1 when
 * it addresses nobody; -EINVAL for no irqchip, flags, reserved bytes, or an
 * address with reserved bits.
 */
int route_msi(struct vm *vm, const struct kvm_msi *msi)
{
	static const u8 none[sizeof(msi->pad)];
	u64 address = (u64)msi->address_hi << 32 | msi->address_lo;
	int ret;

	/* devid means something only with a flag, which x86 doesn't have. */
	if (msi->flags || memcmp(msi->pad, none, sizeof(none)))
		return -EINVAL;
	if (!smp_load_acquire(&vm->irqchip))
		return -EINVAL;
	ret = route_send_msi(vm, address, msi->data, NULL);
	/* That nobody is there has no code of its own in KVM_SIGNAL_MSI. */
	return ret == -1 ? 0 : ret;
}
