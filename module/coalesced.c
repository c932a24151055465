// SPDX-License-Identifier: GPL-2.0-only
/*
 * KVM_REGISTER_COALESCED_MMIO: guest writes to a zone, of memory or of ports,
 * are put into a ring that user space reads whenever it comes by. When the ring
 * is full the write goes to user space as any other.
 */
#include <linux/mm.h>
#include <linux/slab.h>

#include "vm.h"

#define ZONES_MAX 1000 /* as KVM; zones are gone through one by one */

struct coalesced_zone {
	u64 addr;
	u32 size;
	enum bus_space space;
};

struct coalesced_zones {
	u32 n;
	struct coalesced_zone zone[];
};

/* Does the zone hold all of the @len bytes at @addr? */
static bool holds(const struct coalesced_zone *z, enum bus_space space, u64 addr, u32 len)
{
	return z->space == space && addr >= z->addr && len <= z->size &&
	       addr - z->addr <= z->size - len;
}

bool coalesced_watches(struct vm *vm, enum bus_space space, u64 addr, u32 len)
{
	const struct coalesced_zones *t;
	bool found = false;
	u32 i;

	rcu_read_lock();
	t = rcu_dereference(vm->bus.zones);
	for (i = 0; t && i < t->n && !found; i++)
		found = holds(&t->zone[i], space, addr, len);
	rcu_read_unlock();
	return found;
}

/*
 * User space writes the whole page at any time: both indices are read once and
 * are only taken for what they are when they lie within it. The writer's index
 * is in the page, too, for user space may set up the ring anew.
 */
static bool ring_put(struct kvm_coalesced_mmio_ring *ring, enum bus_space space,
		     u64 addr, const void *data, u32 len)
{
	u32 at = READ_ONCE(ring->last), next;
	struct kvm_coalesced_mmio *e;

	if (at >= KVM_COALESCED_MMIO_MAX)
		return false;
	next = (at + 1) % KVM_COALESCED_MMIO_MAX;
	/* Pairs with the reader, which is done with the entry when it moves on. */
	if (next == smp_load_acquire(&ring->first))
		return false;
	e = &ring->coalesced_mmio[at];
	e->phys_addr = addr;
	e->len = len;
	memcpy(e->data, data, len);
	e->pio = space == BUS_PIO;
	/* The reader sees an entry that is complete. */
	smp_store_release(&ring->last, next);
	return true;
}

bool coalesced_write(struct vm *vm, enum bus_space space, u64 addr,
		     const void *data, u32 len)
{
	unsigned long flags;
	bool done;

	if (len > sizeof_field(struct kvm_coalesced_mmio, data) ||
	    !coalesced_watches(vm, space, addr, len))
		return false;
	raw_spin_lock_irqsave(&vm->bus.ring_lock, flags);
	done = ring_put(vm->bus.ring, space, addr, data, len);
	raw_spin_unlock_irqrestore(&vm->bus.ring_lock, flags);
	return done;
}

static struct coalesced_zones *zones_of(struct vm *vm)
{
	return rcu_dereference_protected(vm->bus.zones,
					 lockdep_is_held(&vm->bus.lock));
}

/* When it returns no vCPU writes to the ring by the old zones. */
static void zones_swap(struct vm *vm, struct coalesced_zones *new)
{
	struct coalesced_zones *old = zones_of(vm);

	rcu_assign_pointer(vm->bus.zones, new);
	synchronize_rcu_expedited();
	kvfree(old);
}

static int add(struct vm *vm, const struct coalesced_zone *z)
{
	struct coalesced_zones *old = zones_of(vm), *new;
	u32 n = old ? old->n : 0;

	if (n == ZONES_MAX)
		return -ENOSPC;
	new = kvmalloc(struct_size(new, zone, n + 1), GFP_KERNEL_ACCOUNT);
	if (!new)
		return -ENOMEM;
	if (n)
		memcpy(new->zone, old->zone, n * sizeof(*z));
	new->zone[n] = *z;
	new->n = n + 1;
	zones_swap(vm, new);
	return 0;
}

/* Each zone that holds the range goes; it is no error when there is none. */
static int take_off(struct vm *vm, const struct coalesced_zone *z)
{
	struct coalesced_zones *old = zones_of(vm), *new;
	u32 i, n = 0;

	for (i = 0; old && i < old->n; i++)
		n += !holds(&old->zone[i], z->space, z->addr, z->size);
	if (!old || n == old->n)
		return 0;
	new = kvmalloc(struct_size(new, zone, n), GFP_KERNEL_ACCOUNT);
	if (!new)
		return -ENOMEM;
	new->n = 0;
	for (i = 0; i < old->n; i++)
		if (!holds(&old->zone[i], z->space, z->addr, z->size))
			new->zone[new->n++] = old->zone[i];
	zones_swap(vm, new);
	return 0;
}

/**
 * coalesced_ioctl() - KVM_REGISTER_COALESCED_MMIO, KVM_UNREGISTER_...
 * @vm: the VM
 * @arg: as given by user space, not yet checked
 * @on: register
 *
 * Return: 0; -EINVAL (neither memory nor ports, a range past the end), -ENOSPC,
 * -ENOMEM.
 */
long coalesced_ioctl(struct vm *vm, const struct kvm_coalesced_mmio_zone *arg,
		     bool on)
{
	struct coalesced_zone z = {
		.addr = arg->addr,
		.size = arg->size,
		.space = arg->pio ? BUS_PIO : BUS_MMIO,
	};
	int r;

	if (arg->pio > 1 || arg->addr + arg->size < arg->addr)
		return -EINVAL;
	mutex_lock(&vm->bus.lock);
	r = on ? add(vm, &z) : take_off(vm, &z);
	mutex_unlock(&vm->bus.lock);
	return r;
}

bool bus_watches(struct vm *vm, enum bus_space space, u64 addr, u32 len)
{
	return ioeventfd_watches(vm, space, addr) ||
	       coalesced_watches(vm, space, addr, len);
}

bool bus_write(struct vm *vm, enum bus_space space, u64 addr, const void *data,
	       u32 len)
{
	return ioeventfd_write(vm, space, addr, data, len) ||
	       coalesced_write(vm, space, addr, data, len);
}

int bus_init(struct vm *vm)
{
	mutex_init(&vm->bus.lock);
	raw_spin_lock_init(&vm->bus.ring_lock);
	vm->bus.ring = (void *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	return vm->bus.ring ? 0 : -ENOMEM;
}

void bus_free(struct vm *vm)
{
	ioeventfd_free(vm);
	kvfree(rcu_dereference_protected(vm->bus.zones, true));
	free_page((unsigned long)vm->bus.ring);
}
