/* SPDX-License-Identifier: GPL-2.0-only */
/* Eventfds that raise interrupts (KVM_IRQFD), and those that tell of an EOI. */
#ifndef VINTC_IRQFD_H
#define VINTC_IRQFD_H

#include <linux/list.h>
#include <linux/mutex.h>

#include "../uapi/vintc.h"

struct vm;

/**
 * struct irqfds - a VM's
 * @lock: assigning and taking off; sleeps
 * @list: those that are live; irqfd_list_lock (irqfd.c)
 * @level_lock: changes of @levels; sleeps, inside nothing
 * @levels: those with a resample eventfd; read under RCU
 */
struct irqfds {
	struct mutex lock;
	struct list_head list;
	struct mutex level_lock;
	struct list_head levels;
};

/* The module's; Return: 0 or -ENOMEM. */
int irqfd_init(void);
void irqfd_exit(void);

void irqfd_vm_init(struct vm *vm);
/* The VM's fd is closed: all are taken off. Process context, sleeps. */
void irqfd_vm_release(struct vm *vm);
long irqfd_ioctl(struct vm *vm, const struct kvm_irqfd *args);
/* Adds to @pins those of vm->ioapics[@ioapic] that irqfds with resample drive. Any
 * context. Return: whether there are any.
 */
bool irqfd_level_pins(struct vm *vm, u32 ioapic, u64 *pins);
/**
 * irqfd_acked() - an interrupt of a chip's pin has been acknowledged
 * @vm: the VM
 * @chip: KVM_IRQCHIP_..., and those after it for further IOAPICs
 * @pin: of that chip
 *
 * Lines of irqfds with resample that lead there are lowered, and the resample
 * eventfds signalled.
 * Context: any that may read RCU, with none of the chips' locks held.
 */
void irqfd_acked(struct vm *vm, u32 chip, u32 pin);

#endif
