/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * AVIC and x2AVIC: the CPU delivers interrupts and sends IPIs from the local
 * APIC's register page, which is its backing page. APM 2 "Advanced Virtual
 * Interrupt Controller".
 *
 * IsRunning and IRR. Whoever gives a vCPU an interrupt, a CPU that executes a
 * guest's ICR write as well as avic_notify(), and the vCPU's own thread:
 *
 *   sender                              vCPU's thread
 *
 *   set the bit in IRR                  avic_load(): IsRunning = 1, with its CPU
 *   (locked: full barrier)              VMRUN (looks at IRR), #VMEXIT, VMRUN ...
 *   IsRunning?                          avic_put(): IsRunning = 0
 *     set: ring that CPU's doorbell     full barrier
 *     clear: REQ_EVENT and a kick       look at IRR, and sleep or load again
 *     (a CPU: AVIC_INCOMPLETE_IPI)
 *
 * Each writes first and then looks at what the other has written. A sender that
 * finds IsRunning clear sees to it that the thread looks again. One that finds
 * it set read it before the thread cleared it: if the thread does clear it
 * later, it then finds the bit in IRR. If it doesn't, the vCPU is in the guest
 * and is rung for, or it will execute VMRUN, which looks at IRR itself: a
 * doorbell that comes between #VMEXIT and VMRUN may be lost. A vCPU that has
 * gone to another CPU has executed VMRUN there since. tests/races/avic.pml
 * searches all orders.
 *
 * So IsRunning needn't follow each exit, but only what avic_load() and
 * avic_put() are called for, and IRR may be written at any time: as soon as a
 * vCPU has been accelerated once, its APIC stays `accelerated` to the engine,
 * which then writes IRR by locked operations alone and believes no cache of it.
 */
#ifndef VINTC_SVM_AVIC_H
#define VINTC_SVM_AVIC_H

#include <linux/bits.h>
#include <linux/spinlock.h>

#include "../apic/dest.h"
#include "../ops.h"

struct vm;
struct vcpu;

/* Physical APIC ID table, by guest APIC ID. */
#define AVIC_PHYSICAL_VALID BIT_ULL(63)
#define AVIC_PHYSICAL_RUNNING BIT_ULL(62)
#define AVIC_PHYSICAL_PAGE GENMASK_ULL(51, 12)
#define AVIC_PHYSICAL_HOST_ID GENMASK_ULL(11, 0)
#define AVIC_PHYSICAL_ENTRIES 512
/* Logical APIC ID table: flat: by bit; cluster: by 4 * cluster + bit. */
#define AVIC_LOGICAL_VALID BIT(31)
#define AVIC_LOGICAL_ENTRIES 60

#define AVIC_MAX_ID 254 /* 255 is broadcast */
#define X2AVIC_MAX_ID 511

enum avic_mode {
	AVIC_OFF,
	AVIC_XAPIC,
	AVIC_X2APIC,
	/*
	 * In x2APIC mode on a CPU without x2AVIC: interrupts are delivered by
	 * hardware, registers are MSRs that exit.
	 */
	AVIC_HYBRID,
};

/**
 * struct svm_vm - what AVIC has of a VM: the two tables, a page each
 */
struct svm_vm {
	u64 *physical;
	u32 *logical;
};

/**
 * struct avic - what AVIC has of a vCPU
 * @lock: @id, @running and the entry
 * @id: its entry in the physical table, or -1: reached by software alone
 * @running: AVIC_PHYSICAL_RUNNING and the host's APIC ID, or 0. It is what the
 *           entry says, too, where CPUs may act on that (svm_features.avic_ipi).
 * @mode: owner's
 * @window: V_IRQ is needed for an interrupt window, and AVIC off for that
 */
struct avic {
	raw_spinlock_t lock;
	int id;
	u64 running;
	enum avic_mode mode;
	bool window;
};

int avic_vm_create(struct vm *vm);
void avic_vm_free(struct vm *vm);
void avic_vcpu_init(struct avic *avic);

/* ops->apicv_update, ops->post_notify, ops->dests_changed */
void avic_update(struct vcpu *vcpu);
void avic_notify(struct vcpu *vcpu);
void avic_dests_changed(struct vm *vm, const struct dest_map *map);

/* The VMCB's fields, as the mode wants them. */
void avic_fill_vmcb(struct vcpu *vcpu);

/* IsRunning. Preemption is off from the first to the second. */
void avic_load(struct vcpu *vcpu);
void avic_put(struct vcpu *vcpu);

/**
 * avic_window() - see to it that V_IRQ can be used when it is needed
 * @vcpu: about to enter; may have an interrupt from outside its local APIC
 *
 * Return: false when AVIC is to be switched first: REQ_APICV_UPDATE is set.
 */
bool avic_window(struct vcpu *vcpu);

/* Exits; as svm_handle_exit(). */
int avic_exit_ipi(struct vcpu *vcpu);
int avic_exit_noaccel(struct vcpu *vcpu, enum vcpu_exit *why);

#endif
