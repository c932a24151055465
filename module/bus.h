/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Guest writes that need no exit: those that signal an eventfd (ioeventfd.c)
 * and those that a ring collects for later (coalesced.c). Both are looked up by
 * vCPUs without a lock, in tables that are replaced as a whole.
 */
#ifndef VINTC_BUS_H
#define VINTC_BUS_H

#include <linux/mutex.h>
#include <linux/rcupdate.h>
#include <linux/spinlock.h>

#include "../uapi/vintc.h"

struct vm;
struct ioeventfds;
struct coalesced_zones;

enum bus_space {
	BUS_MMIO,
	BUS_PIO,
	BUS_CCW, /* KVM takes these on any machine; no x86 guest reaches them */
	BUS_COUNT,
};

/**
 * struct vm_bus - what is registered in a VM
 * @lock: changes of @fds and @zones; sleeps
 * @ring_lock: writers of @ring; innermost
 * @ring: a page that user space maps through each vCPU's fd, and writes
 */
struct vm_bus {
	struct mutex lock;
	struct ioeventfds __rcu *fds[BUS_COUNT];
	struct coalesced_zones __rcu *zones;
	raw_spinlock_t ring_lock;
	struct kvm_coalesced_mmio_ring *ring;
};

/* Return: 0 or -ENOMEM. */
int bus_init(struct vm *vm);
/* The VM has no vCPU any more that could run. Also after a failed bus_init(). */
void bus_free(struct vm *vm);

/**
 * bus_write() - a guest write that no chip and no memory has taken
 * @vm: the VM
 * @space: BUS_MMIO or BUS_PIO
 * @addr, @data, @len: the write; @len bytes at @data
 *
 * Context: any that may read RCU; doesn't sleep.
 * Return: false when user space must see it.
 */
bool bus_write(struct vm *vm, enum bus_space space, u64 addr, const void *data,
	       u32 len);

/* May bus_write() take some write of @len bytes at @addr? */
bool bus_watches(struct vm *vm, enum bus_space space, u64 addr, u32 len);

/* ioeventfd.c */
long ioeventfd_ioctl(struct vm *vm, const struct kvm_ioeventfd *args);
bool ioeventfd_write(struct vm *vm, enum bus_space space, u64 addr,
		     const void *data, u32 len);
bool ioeventfd_watches(struct vm *vm, enum bus_space space, u64 addr);
void ioeventfd_free(struct vm *vm);

/* coalesced.c */
long coalesced_ioctl(struct vm *vm, const struct kvm_coalesced_mmio_zone *arg,
		     bool on);
bool coalesced_write(struct vm *vm, enum bus_space space, u64 addr,
		     const void *data, u32 len);
bool coalesced_watches(struct vm *vm, enum bus_space space, u64 addr, u32 len);

#endif
