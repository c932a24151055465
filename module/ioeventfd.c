// SPDX-License-Identifier: GPL-2.0-only
/*
 * KVM_IOEVENTFD: a guest's write to an address signals an eventfd, without an
 * exit to user space.
 *
 * The writes of a space that do are an array sorted by address. A change makes
 * a new array and waits until nobody reads the old one, so that an eventfd that
 * was taken off is not signalled once the ioctl has returned.
 */
#include <linux/err.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "compat/eventfd.h"
#include "vm.h"

/**
 * struct ioeventfd - one registered write
 * @len: 1, 2, 4, 8, or 0 for any
 * @match: only @datamatch is meant
 */
struct ioeventfd {
	u64 addr;
	u64 datamatch;
	u32 len;
	bool match;
	struct eventfd_ctx *ctx;
};

struct ioeventfds {
	u32 n;
	struct ioeventfd e[];
};

static u32 first_at(const struct ioeventfds *t, u64 addr)
{
	u32 low = 0, high = t->n;

	while (low < high) {
		u32 mid = low + (high - low) / 2;

		if (t->e[mid].addr < addr)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static bool meant(const struct ioeventfd *e, const void *data, u32 len)
{
	u64 val = 0;

	if (!e->len)
		return true;
	if (e->len != len)
		return false;
	if (!e->match)
		return true;
	memcpy(&val, data, len);
	return val == e->datamatch;
}

bool ioeventfd_write(struct vm *vm, enum bus_space space, u64 addr,
		     const void *data, u32 len)
{
	const struct ioeventfds *t;
	bool found = false;
	u32 i;

	rcu_read_lock();
	t = rcu_dereference(vm->bus.fds[space]);
	for (i = t ? first_at(t, addr) : 0; t && i < t->n; i++) {
		if (t->e[i].addr != addr)
			break;
		if (!meant(&t->e[i], data, len))
			continue;
		compat_eventfd_signal(t->e[i].ctx);
		found = true;
		break;
	}
	rcu_read_unlock();
	return found;
}

bool ioeventfd_watches(struct vm *vm, enum bus_space space, u64 addr)
{
	const struct ioeventfds *t;
	bool found;
	u32 i;

	rcu_read_lock();
	t = rcu_dereference(vm->bus.fds[space]);
	i = t ? first_at(t, addr) : 0;
	found = t && i < t->n && t->e[i].addr == addr;
	rcu_read_unlock();
	return found;
}

/* May both be registered? A write must not mean two of them. */
static bool collide(const struct ioeventfd *a, const struct ioeventfd *b)
{
	if (a->addr != b->addr)
		return false;
	if (!a->len || !b->len)
		return true;
	return a->len == b->len &&
	       (!a->match || !b->match || a->datamatch == b->datamatch);
}

static struct ioeventfds *table_of(struct vm *vm, enum bus_space space)
{
	return rcu_dereference_protected(vm->bus.fds[space],
					 lockdep_is_held(&vm->bus.lock));
}

static struct ioeventfds *table_alloc(u32 n)
{
	struct ioeventfds *t;

	t = kvmalloc(struct_size(t, e, n), GFP_KERNEL_ACCOUNT);
	if (t)
		t->n = n;
	return t;
}

static void table_swap(struct vm *vm, enum bus_space space,
		       struct ioeventfds *new)
{
	struct ioeventfds *old = table_of(vm, space);

	rcu_assign_pointer(vm->bus.fds[space], new);
	synchronize_rcu_expedited();
	kvfree(old);
}

static int add(struct vm *vm, enum bus_space space, const struct ioeventfd *e)
{
	struct ioeventfds *old = table_of(vm, space), *new;
	u32 i, n = old ? old->n : 0, at = old ? first_at(old, e->addr) : 0;

	for (i = at; i < n && old->e[i].addr == e->addr; i++)
		if (collide(&old->e[i], e))
			return -EEXIST;
	new = table_alloc(n + 1);
	if (!new)
		return -ENOMEM;
	if (n) {
		memcpy(new->e, old->e, at * sizeof(*e));
		memcpy(&new->e[at + 1], &old->e[at], (n - at) * sizeof(*e));
	}
	new->e[at] = *e;
	table_swap(vm, space, new);
	return 0;
}

static bool same(const struct ioeventfd *a, const struct ioeventfd *b)
{
	return a->addr == b->addr && a->len == b->len && a->ctx == b->ctx &&
	       a->match == b->match &&
	       (!a->match || a->datamatch == b->datamatch);
}

static int take_off(struct vm *vm, enum bus_space space,
		    const struct ioeventfd *e)
{
	struct ioeventfds *old = table_of(vm, space), *new = NULL;
	u32 i = old ? first_at(old, e->addr) : 0;

	while (old && i < old->n && !same(&old->e[i], e))
		i++;
	if (!old || i == old->n)
		return -ENOENT;
	if (old->n > 1) {
		new = table_alloc(old->n - 1);
		if (!new)
			return -ENOMEM;
		memcpy(new->e, old->e, i * sizeof(*e));
		memcpy(&new->e[i], &old->e[i + 1],
		       (old->n - i - 1) * sizeof(*e));
	}
	table_swap(vm, space, new);
	eventfd_ctx_put(e->ctx); /* the table's */
	return 0;
}

static int check(const struct kvm_ioeventfd *args)
{
	if (args->flags & ~KVM_IOEVENTFD_VALID_FLAG_MASK ||
	    memchr_inv(args->pad, 0, sizeof(args->pad)))
		return -EINVAL;
	/* What isn't there isn't found: as KVM, no further look at the rest. */
	if (args->flags & KVM_IOEVENTFD_FLAG_DEASSIGN)
		return 0;
	switch (args->len) {
	case 0:
		if (args->flags & KVM_IOEVENTFD_FLAG_DATAMATCH)
			return -EINVAL;
		break;
	case 1:
	case 2:
	case 4:
	case 8:
		break;
	default:
		return -EINVAL;
	}
	return args->addr + args->len < args->addr ? -EINVAL : 0;
}

static enum bus_space space_of(u32 flags)
{
	if (flags & KVM_IOEVENTFD_FLAG_PIO)
		return BUS_PIO;
	if (flags & KVM_IOEVENTFD_FLAG_VIRTIO_CCW_NOTIFY)
		return BUS_CCW;
	return BUS_MMIO;
}

/**
 * ioeventfd_ioctl() - KVM_IOEVENTFD
 * @vm: the VM
 * @args: as given by user space, not yet checked
 *
 * Return: 0; -EINVAL (flags, reserved bytes, length, a range past the end, a
 * datamatch without a length, no eventfd), -EBADF, -EEXIST for a write that
 * would mean two, -ENOENT when there is none to take off, -ENOMEM.
 */
long ioeventfd_ioctl(struct vm *vm, const struct kvm_ioeventfd *args)
{
	bool off = args->flags & KVM_IOEVENTFD_FLAG_DEASSIGN;
	enum bus_space space = space_of(args->flags);
	struct ioeventfd e = {
		.addr = args->addr,
		.len = args->len,
		.match = args->flags & KVM_IOEVENTFD_FLAG_DATAMATCH,
		.datamatch = args->datamatch,
	};
	int r = check(args);

	if (r)
		return r;
	e.ctx = eventfd_ctx_fdget(args->fd);
	if (IS_ERR(e.ctx))
		return PTR_ERR(e.ctx);
	mutex_lock(&vm->bus.lock);
	r = off ? take_off(vm, space, &e) : add(vm, space, &e);
	mutex_unlock(&vm->bus.lock);
	if (off || r)
		eventfd_ctx_put(e.ctx);
	return r;
}

void ioeventfd_free(struct vm *vm)
{
	enum bus_space space;
	u32 i;

	for (space = 0; space < BUS_COUNT; space++) {
		struct ioeventfds *t =
			rcu_dereference_protected(vm->bus.fds[space], true);

		for (i = 0; t && i < t->n; i++)
			eventfd_ctx_put(t->e[i].ctx);
		kvfree(t);
	}
}
