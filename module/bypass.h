/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Irq bypass: a device's interrupt goes to the guest without the host. Its
 * driver (VFIO) is a producer, an irqfd a consumer; irqbypass.ko brings together
 * those with the same eventfd.
 *
 * An interrupt is in one of two modes. In host mode it is the host's: the
 * driver's handler signals the eventfd, which is the way of every irqfd. When
 * it is posted, the IOMMU sets the vector in PIR of a vCPU's mailbox, which is
 * a posted-interrupt descriptor, sets ON, and if ON was clear sends the
 * notification vector NV to the CPU NDST. It does that by one locked access, as
 * a sender of ours does by two.
 *
 * It is posted while the irqfd's GSI leads to one fixed or lowest-priority edge
 * MSI that one vCPU takes, that vCPU is accelerated, and doesn't sleep.
 * bypass_update() follows whatever the first two depend on, bypass_sleep() and
 * bypass_run() the last.
 *
 * Sleep. The notification wakes nobody: the vector whose handler would is
 * reserved for KVM. So a vCPU goes to sleep with its interrupts in host mode:
 *
 *   device                          vCPU's thread
 *
 *   posted: PIR and ON              bypass_sleep(): asleep; host mode, and what
 *                                   went by the old entry has reached PIR
 *   host mode: eventfd,             set_current_state(); ON? don't sleep
 *   mailbox_post(), wake-up         schedule()
 *
 * An interrupt that comes before the change is in PIR, with ON set, when the
 * change is done (the IOMMU drains what is under way when it drops its cached
 * entry), and ON is looked at after that. One that comes after it is the host's,
 * and its sender wakes as any other does (rcuwait's ordering). Nothing else
 * posts while `asleep` is set. Back from sleep the vCPU posts again just before
 * it runs, after its requests: one that was in the host's hands when the entry
 * changed comes by the eventfd.
 *
 * `asleep` and the vCPU's list of interrupts: bypass_sleep() and bypass_run()
 * write the first, then look at the second; who adds an interrupt writes the
 * second, then looks at the first; full barriers between. So one of them sees
 * the other, and the lock makes what both then do the same thing done twice.
 * Without a producer this is all that there is to do.
 *
 * Not in the guest. SN is never set: a vCPU that is preempted, or in user
 * space, gets one notification at most on the CPU where it ran last, as ON stays
 * set; the host's handler of the vector does nothing, nor does a guest that is
 * there instead. NDST is changed when a vCPU is loaded on another CPU, before ON
 * is looked at for the entry (behaviour E): a device that has read the old NDST
 * has set ON by the same access, so that it is seen; one that comes later
 * notifies the new CPU.
 *
 * A sender of ours that finds ON set by a device doesn't notify, as the device
 * does: it has set PIR before, for whoever the notification makes look.
 */
#ifndef VINTC_BYPASS_H
#define VINTC_BYPASS_H

#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/types.h>

#include "compat/bypass.h"

struct vm;
struct vcpu;

/**
 * struct vm_bypass - a VM's
 * @lock: @list, and of each of these what is under the vCPU's lock too; sleeps,
 *        inside vm->lock and irqbypass.ko's lock
 * @list: irqfds that have a producer
 */
struct vm_bypass {
	struct mutex lock;
	struct list_head list;
};

/**
 * struct vcpu_bypass - a vCPU's
 * @lock: @list, and the mode of these; sleeps, inside vm_bypass.lock
 * @list: irqfds whose interrupts are posted to this vCPU when it doesn't sleep
 * @asleep: from before it sleeps until it is about to run; at first, too
 */
struct vcpu_bypass {
	struct mutex lock;
	struct list_head list;
	int asleep;
};

/**
 * struct bypass - an irqfd's
 * @consumer: known to irqbypass.ko, if @registered
 * @irq: the producer's, of the host
 * @in_vm: vm_bypass.list
 * @in_vcpu: vcpu_bypass.list of @vcpu, unless that is NULL
 * @vector: of the guest's
 * @posted: else in host mode
 * @refused: it can't be posted: the IOMMU doesn't do that, or there is none
 */
struct bypass {
	struct irq_bypass_consumer consumer;
	bool registered;
	struct vm *vm;
	u32 gsi;
	int irq;
	struct list_head in_vm;
	struct vcpu *vcpu;
	struct list_head in_vcpu;
	u8 vector;
	bool posted;
	bool refused;
};

void bypass_vm_init(struct vm *vm);
void bypass_vcpu_init(struct vcpu *vcpu);
/* An irqfd begins, and ends: in host mode, then. Process context, sleeps. */
void bypass_begin(struct bypass *b, struct vm *vm, u32 gsi, struct eventfd_ctx *ctx);
void bypass_end(struct bypass *b);
/*
 * Routes, destinations, or who is accelerated have changed. Process context,
 * sleeps. On return nothing is posted by what was before.
 */
void bypass_update(struct vm *vm);
/* Owner, may sleep: before it does, and after that before it runs. */
void bypass_sleep(struct vcpu *vcpu);
void bypass_woken(struct vcpu *vcpu);

#define bypass_run(vcpu)                                                       \
	do {                                                                   \
		if (unlikely((vcpu)->bypass.asleep))                           \
			bypass_woken(vcpu);                                    \
	} while (0)

#endif
