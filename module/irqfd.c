// SPDX-License-Identifier: GPL-2.0-only
/*
 * KVM_IRQFD: whoever signals an eventfd raises a GSI, from his own context and
 * without a thread of the VMM's.
 *
 * The eventfd's wake-up calls us with its wait queue locked and interrupts off.
 * That is enough to drive the GSI at once, whatever it is routed to: routes and
 * destinations are read under RCU, the chips' lock is a raw spinlock. The routes
 * are looked up each time, so that a new table is used as soon as it is there.
 *
 * With RESAMPLE the GSI is a level: asserted by the wake-up, lowered by the EOI,
 * which signals the other eventfd so that the device looks at its line again.
 *
 * An irqfd ends by DEASSIGN, by the last close of its eventfd, or with the VM's
 * fd. Who takes it off the list, under irqfd_list_lock, queues its end, so that there
 * is one; a work item, because the wake-up can't leave the wait queue that calls
 * it.
 */
#include <linux/err.h>
#include <linux/file.h>
#include <linux/hashtable.h>
#include <linux/poll.h>
#include <linux/rculist.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

#include "bypass.h"
#include "compat/eventfd.h"
#include "irqfd.h"
#include "vm.h"

/**
 * struct irqfd - one of them
 * @list: in irqfds.list; empty once its end is queued
 * @taken: in irqfd_taken, while it is in that list
 * @level: in irqfds.levels, with @resample
 * @ctx: the eventfd that raises
 * @resample: the one that is told, or NULL
 * @wait, @poll: our place in the eventfd's wait queue
 * @end: leaves the wait queue and frees
 * @bypass: a device's interrupt that needs no eventfd; not with @resample
 */
struct irqfd {
	struct vm *vm;
	u32 gsi;
	struct list_head list;
	struct hlist_node taken;
	struct list_head level;
	struct eventfd_ctx *ctx;
	struct eventfd_ctx *resample;
	wait_queue_entry_t wait;
	poll_table poll;
	struct work_struct end;
	struct bypass bypass;
};

/* Ends only; flushed to know that they are done. */
static struct workqueue_struct *irqfd_ends;

/*
 * All VMs' live ones by their eventfd, and each VM's list. The lock is taken with an
 * eventfd's wait queue locked and interrupts off, and holds nothing inside.
 */
static DEFINE_SPINLOCK(irqfd_list_lock);
static DEFINE_HASHTABLE(irqfd_taken, 8);

static void irqfd_fire(struct irqfd *i)
{
	if (i->resample) {
		route_line_from(i->vm, i->gsi, IOAPIC_SRC_IRQFD, true);
		return;
	}
	route_line(i->vm, i->gsi, true);
	route_line(i->vm, i->gsi, false);
}

/* ------------------------------------------------------------------ end */

static bool level_shared(struct vm *vm, u32 gsi)
{
	struct irqfd *i;

	list_for_each_entry(i, &vm->irqfds.levels, level)
		if (i->gsi == gsi)
			return true;
	return false;
}

/* Nobody would lower the line after the last of its irqfds. */
static void irqfd_leave_level(struct irqfd *i)
{
	struct irqfds *fds = &i->vm->irqfds;

	mutex_lock(&fds->level_lock);
	list_del_rcu(&i->level);
	if (!level_shared(i->vm, i->gsi))
		route_line_from(i->vm, i->gsi, IOAPIC_SRC_IRQFD, false);
	mutex_unlock(&fds->level_lock);
	synchronize_rcu_expedited();
	eventfd_ctx_put(i->resample);
}

static void irqfd_end(struct work_struct *work)
{
	struct irqfd *i = container_of(work, struct irqfd, end);
	u64 count;

	/* While there is still one who takes what comes by the eventfd then. */
	bypass_end(&i->bypass);
	/* Waits for a wake-up that is under way; there is none after it. */
	eventfd_ctx_remove_wait_queue(i->ctx, &i->wait, &count);
	if (i->resample)
		irqfd_leave_level(i);
	eventfd_ctx_put(i->ctx);
	kfree(i);
}

/* irqfd_list_lock held */
static void irqfd_queue_end(struct irqfd *i)
{
	if (list_empty(&i->list))
		return;
	list_del_init(&i->list);
	hash_del(&i->taken);
	queue_work(irqfd_ends, &i->end);
}

/* -------------------------------------------------------------- wake-up */

static int irqfd_wake(wait_queue_entry_t *wait, unsigned int mode, int sync,
		      void *key)
{
	struct irqfd *i = container_of(wait, struct irqfd, wait);
	__poll_t events = key_to_poll(key);
	unsigned long flags;
	int taken = 0;
	u64 count;

	if (events & EPOLLIN) {
		eventfd_ctx_do_read(i->ctx, &count);
		irqfd_fire(i);
		taken = 1;
	}
	if (events & EPOLLHUP) {
		spin_lock_irqsave(&irqfd_list_lock, flags);
		irqfd_queue_end(i);
		spin_unlock_irqrestore(&irqfd_list_lock, flags);
	}
	return taken;
}

static void irqfd_join(struct file *file, wait_queue_head_t *head,
		       poll_table *poll)
{
	struct irqfd *i = container_of(poll, struct irqfd, poll);

	add_wait_queue_priority(head, &i->wait);
}

bool irqfd_level_pins(struct vm *vm, u32 ioapic, u64 *pins)
{
	struct irqfd *i;
	bool any = false;
	u32 n;
	int pin;

	rcu_read_lock();
	list_for_each_entry_rcu(i, &vm->irqfds.levels, level) {
		pin = route_ioapic_pin(vm, i->gsi, &n);
		if (pin < 0 || n != ioapic)
			continue;
		ioapic_pin_set(pins, pin, true);
		any = true;
	}
	rcu_read_unlock();
	return any;
}

void irqfd_acked(struct vm *vm, u32 chip, u32 pin)
{
	struct irqfd *i;

	rcu_read_lock();
	list_for_each_entry_rcu(i, &vm->irqfds.levels, level) {
		if (!route_leads_to(vm, i->gsi, chip, pin))
			continue;
		/* The GSI may lead to pins of both chips. */
		route_line_from(vm, i->gsi, IOAPIC_SRC_IRQFD, false);
		compat_eventfd_signal(i->resample);
	}
	rcu_read_unlock();
}

/* --------------------------------------------------------------- ioctls */

/* One eventfd can't raise two interrupts, of any VMs: the first would take its count. */
static int irqfd_list(struct irqfd *new)
{
	struct irqfd *i;
	int r = 0;

	spin_lock_irq(&irqfd_list_lock);
	hash_for_each_possible(irqfd_taken, i, taken, (unsigned long)new->ctx)
		if (i->ctx == new->ctx)
			r = -EBUSY;
	if (!r) {
		list_add_tail(&new->list, &new->vm->irqfds.list);
		hash_add(irqfd_taken, &new->taken, (unsigned long)new->ctx);
	}
	spin_unlock_irq(&irqfd_list_lock);
	return r;
}

/* @file keeps the eventfd from a last close until we wait for it. */
static int irqfd_start(struct irqfd *i, struct file *file)
{
	struct irqfds *fds = &i->vm->irqfds;
	int r;

	mutex_lock(&fds->lock);
	r = irqfd_list(i);
	if (r)
		goto out;
	if (i->resample) {
		mutex_lock(&fds->level_lock);
		list_add_tail_rcu(&i->level, &fds->levels);
		mutex_unlock(&fds->level_lock);
	}
	/* Signalled before we came? */
	if (vfs_poll(file, &i->poll) & EPOLLIN)
		irqfd_fire(i);
	if (!i->resample)
		bypass_begin(&i->bypass, i->vm, i->gsi, i->ctx);
out:
	mutex_unlock(&fds->lock);
	return r;
}

static void irqfd_free(struct irqfd *i)
{
	if (!IS_ERR_OR_NULL(i->ctx))
		eventfd_ctx_put(i->ctx);
	if (!IS_ERR_OR_NULL(i->resample))
		eventfd_ctx_put(i->resample);
	kfree(i);
}

static struct irqfd *irqfd_alloc(struct vm *vm, const struct kvm_irqfd *args,
				 struct file *file)
{
	struct irqfd *i = kzalloc(sizeof(*i), GFP_KERNEL_ACCOUNT);
	int r;

	if (!i)
		return ERR_PTR(-ENOMEM);
	i->vm = vm;
	i->gsi = args->gsi;
	INIT_LIST_HEAD(&i->list);
	INIT_LIST_HEAD(&i->level);
	INIT_WORK(&i->end, irqfd_end);
	init_waitqueue_func_entry(&i->wait, irqfd_wake);
	init_poll_funcptr(&i->poll, irqfd_join);
	i->ctx = eventfd_ctx_fileget(file);
	r = PTR_ERR_OR_ZERO(i->ctx);
	if (!r && (args->flags & KVM_IRQFD_FLAG_RESAMPLE)) {
		i->resample = eventfd_ctx_fdget(args->resamplefd);
		r = PTR_ERR_OR_ZERO(i->resample);
	}
	if (!r)
		return i;
	irqfd_free(i);
	return ERR_PTR(r);
}

static long irqfd_assign(struct vm *vm, const struct kvm_irqfd *args)
{
	struct file *file;
	struct irqfd *i;
	int r;

	if (!smp_load_acquire(&vm->irqchip))
		return -EINVAL;
	/* Whose IOAPIC would tell of the EOI? */
	if ((args->flags & KVM_IRQFD_FLAG_RESAMPLE) && vm->split)
		return -EINVAL;
	file = fget(args->fd);
	if (!file)
		return -EBADF;
	i = irqfd_alloc(vm, args, file);
	r = PTR_ERR_OR_ZERO(i);
	if (!r) {
		r = irqfd_start(i, file);
		if (r)
			irqfd_free(i);
	}
	fput(file);
	return r;
}

/* @ctx NULL: all. When it returns they raise nothing any more. */
static void irqfd_take_off(struct vm *vm, const struct eventfd_ctx *ctx, u32 gsi)
{
	struct irqfds *fds = &vm->irqfds;
	struct irqfd *i, *next;

	mutex_lock(&fds->lock);
	spin_lock_irq(&irqfd_list_lock);
	list_for_each_entry_safe(i, next, &fds->list, list)
		if (!ctx || (i->ctx == ctx && i->gsi == gsi))
			irqfd_queue_end(i);
	spin_unlock_irq(&irqfd_list_lock);
	mutex_unlock(&fds->lock);
	/* Also those that the last close of an eventfd has queued. */
	flush_workqueue(irqfd_ends);
}

static long irqfd_deassign(struct vm *vm, const struct kvm_irqfd *args)
{
	struct eventfd_ctx *ctx = eventfd_ctx_fdget(args->fd);

	if (IS_ERR(ctx))
		return PTR_ERR(ctx);
	irqfd_take_off(vm, ctx, args->gsi);
	eventfd_ctx_put(ctx);
	return 0;
}

/**
 * irqfd_ioctl() - KVM_IRQFD
 * @vm: the VM
 * @args: as given by user space, not yet checked
 *
 * Return: 0, also when there is none to take off; -EINVAL (flags, reserved
 * bytes, no possible GSI, no eventfd, no irqchip, resample with a split one),
 * -EBADF, -EBUSY when the eventfd raises another interrupt
 * of a VM, -ENOMEM.
 */
long irqfd_ioctl(struct vm *vm, const struct kvm_irqfd *args)
{
	if (args->flags & ~(KVM_IRQFD_FLAG_DEASSIGN | KVM_IRQFD_FLAG_RESAMPLE) ||
	    memchr_inv(args->pad, 0, sizeof(args->pad)) ||
	    args->gsi >= VM_MAX_GSIS)
		return -EINVAL;
	if (args->flags & KVM_IRQFD_FLAG_DEASSIGN)
		return irqfd_deassign(vm, args);
	return irqfd_assign(vm, args);
}

void irqfd_vm_init(struct vm *vm)
{
	mutex_init(&vm->irqfds.lock);
	mutex_init(&vm->irqfds.level_lock);
	INIT_LIST_HEAD(&vm->irqfds.list);
	INIT_LIST_HEAD(&vm->irqfds.levels);
}

void irqfd_vm_release(struct vm *vm)
{
	irqfd_take_off(vm, NULL, 0);
}

int irqfd_init(void)
{
	irqfd_ends = alloc_workqueue("vintc-irqfd", WQ_UNBOUND, 0);
	return irqfd_ends ? 0 : -ENOMEM;
}

void irqfd_exit(void)
{
	destroy_workqueue(irqfd_ends);
}
