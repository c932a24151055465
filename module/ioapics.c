// SPDX-License-Identifier: GPL-2.0-only
/*
 * A VM's IOAPICs: KVM's, and those that VINTC_CREATE_IOAPIC adds, with more pins
 * or at other addresses. They are there before the first vCPU and stay as long as
 * the VM.
 */
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "isa.h"
#include "vm.h"

static_assert(VM_MAX_IOAPICS == VINTC_MAX_IOAPICS);
static_assert(VINTC_IOAPIC_MAX_PINS == IOAPIC_MAX_PINS);
static_assert(sizeof_field(struct vintc_ioapic_state, irr) ==
	      sizeof_field(struct ioapic, irr));
static_assert(sizeof_field(struct vintc_ioapic_state, rte) ==
	      sizeof_field(struct ioapic, rte));

static void release(struct vm *vm, struct ioapic *io)
{
	struct ioapic_out out = {};
	unsigned long flags;

	do {
		out.n = 0;
		raw_spin_lock_irqsave(&vm->irq_lock, flags);
		ioapic_release(io, &out);
		raw_spin_unlock_irqrestore(&vm->irq_lock, flags);
		deliver_ioapic(vm, io, &out);
	} while (out.next);
}

static void storm_over(struct vm_timer *t)
{
	struct vm *vm = t->vm;
	u32 n;

	for (n = 0; n < vm->nr_ioapics; n++)
		release(vm, vm->ioapics[n]);
}

void ioapics_hold(struct vm *vm)
{
	vm_count(vm, level_storms, 1);
	/* The pin is held; then the timer looked at, whose end looks at the pin. */
	smp_mb();
	if (!READ_ONCE(vm->storm.deadline))
		vm_timer_arm(&vm->storm, vm_now(vm) + IOAPIC_STORM_NS);
}

/* As policies are now. */
static void init_one(struct vm *vm, struct ioapic *io)
{
	ioapic_init(io);
	io->version = vm_policy(vm, VINTC_POLICY_IOAPIC_VERSION);
	io->storm = vm_policy(vm, VINTC_POLICY_LEVEL_STORM);
}

void ioapics_init(struct vm *vm)
{
	lockdep_assert_held(&vm->lock);
	init_one(vm, &vm->ioapic);
	vm_timer_init(&vm->storm, vm, VM_TIMER_STORM, storm_over);
	vm->ioapics[0] = &vm->ioapic;
	smp_store_release(&vm->nr_ioapics, 1);
}

void ioapics_free(struct vm *vm)
{
	if (vm->nr_ioapics)
		vm_timer_stop(&vm->storm);
	while (vm->nr_ioapics > 1)
		kfree(vm->ioapics[--vm->nr_ioapics]);
}

static bool overlaps(u64 a, u64 a_size, u64 b, u64 b_size)
{
	return a < b + b_size && b < a + a_size;
}

static int check_new(const struct vm *vm, const struct vintc_ioapic *arg)
{
	u32 n;

	if (vm->split || !vm->irqchip)
		return -ENXIO;
	if (vm->nr_vcpus)
		return -EBUSY;
	if (vm->nr_ioapics == VM_MAX_IOAPICS)
		return -ENOSPC;
	if (overlaps(arg->address, IOAPIC_SIZE, LAPIC_BASE_DEFAULT, PAGE_SIZE))
		return -EEXIST;
	for (n = 0; n < vm->nr_ioapics; n++)
		if (overlaps(arg->address, IOAPIC_SIZE, vm->ioapics[n]->base,
			     IOAPIC_SIZE))
			return -EEXIST;
	return 0;
}

static int add(struct vm *vm, struct vintc_ioapic *arg)
{
	u32 n = vm->nr_ioapics;
	struct ioapic *io;
	int r = check_new(vm, arg);

	if (r)
		return r;
	io = kzalloc(sizeof(*io), GFP_KERNEL_ACCOUNT);
	if (!io)
		return -ENOMEM;
	init_one(vm, io);
	io->base = arg->address;
	io->pins = arg->pins;
	io->id = arg->id;
	vm->ioapics[n] = io;
	/* It is there before a route leads to it; nobody looks at it yet. */
	r = route_add_ioapic(vm, n, arg->gsi, arg->pins);
	if (r) {
		vm->ioapics[n] = NULL;
		kfree(io);
		return r;
	}
	smp_store_release(&vm->nr_ioapics, n + 1);
	arg->index = n;
	isa_rerouted(vm);
	return 0;
}

static long create(struct vm *vm, struct vintc_ioapic __user *user)
{
	struct vintc_ioapic arg;
	int r;

	if (copy_from_user(&arg, user, sizeof(arg)))
		return -EFAULT;
	if (arg.flags || arg.index ||
	    memchr_inv(arg.reserved, 0, sizeof(arg.reserved)) ||
	    arg.pins < VINTC_IOAPIC_MIN_PINS ||
	    arg.pins > VINTC_IOAPIC_MAX_PINS || arg.id > 15 ||
	    arg.address % IOAPIC_SIZE || arg.address >= BIT_ULL(52) ||
	    arg.gsi > VM_MAX_GSIS - arg.pins)
		return -EINVAL;
	mutex_lock(&vm->lock);
	r = add(vm, &arg);
	mutex_unlock(&vm->lock);
	if (r)
		return r;
	return put_user(arg.index, &user->index);
}

static void save(struct vm *vm, struct ioapic *io, struct vintc_ioapic_state *st)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&vm->irq_lock, flags);
	st->address = io->base;
	st->pins = io->pins;
	st->ioregsel = io->regsel;
	st->id = io->id;
	memcpy(st->irr, io->irr, sizeof(st->irr));
	memcpy(st->rte, io->rte, io->pins * sizeof(st->rte[0]));
	raw_spin_unlock_irqrestore(&vm->irq_lock, flags);
}

static long load(struct vm *vm, struct ioapic *io,
		 const struct vintc_ioapic_state *st)
{
	const struct ioapic_image im = {
		.regsel = st->ioregsel,
		.id = st->id,
		.irr = st->irr,
		.rte = st->rte,
	};
	struct ioapic_out out = {};
	unsigned long flags;

	if (st->reserved0 || st->pins != io->pins || st->address != io->base ||
	    memchr_inv(st->reserved, 0, sizeof(st->reserved)) ||
	    !ioapic_possible(io, &im))
		return -EINVAL;
	do {
		out.n = 0;
		raw_spin_lock_irqsave(&vm->irq_lock, flags);
		ioapic_load(io, &im, &out);
		raw_spin_unlock_irqrestore(&vm->irq_lock, flags);
		deliver_ioapic(vm, io, &out);
	} while (out.next);
	return 0;
}

static long state(struct vm *vm, struct vintc_ioapic_state __user *user, bool set)
{
	u32 n, count = smp_load_acquire(&vm->nr_ioapics);
	struct vintc_ioapic_state *st;
	long r = -EINVAL;

	if (!count)
		return -ENXIO;
	st = memdup_user(user, sizeof(*st));
	if (IS_ERR(st))
		return PTR_ERR(st);
	if (st->flags || st->index >= count)
		goto out;
	n = array_index_nospec(st->index, VM_MAX_IOAPICS);
	if (set) {
		r = load(vm, vm->ioapics[n], st);
	} else {
		memset(st, 0, sizeof(*st));
		st->index = n;
		save(vm, vm->ioapics[n], st);
		r = copy_to_user(user, st, sizeof(*st)) ? -EFAULT : 0;
	}
out:
	kfree(st);
	return r;
}

/**
 * ioapics_ioctl() - VINTC_CREATE_IOAPIC, VINTC_GET_IOAPIC, VINTC_SET_IOAPIC
 *
 * Return: 0; -EINVAL for what can't be; -ENXIO without an IOAPIC in the kernel;
 * -EBUSY when there is a vCPU; -EEXIST for an address or a GSI that is taken;
 * -ENOSPC, -ENOMEM, -EFAULT.
 */
long ioapics_ioctl(struct vm *vm, unsigned int cmd, void __user *arg)
{
	if (cmd == VINTC_CREATE_IOAPIC)
		return create(vm, arg);
	return state(vm, arg, cmd == VINTC_SET_IOAPIC);
}
