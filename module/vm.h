/* SPDX-License-Identifier: GPL-2.0-only */
/* One virtual machine: memory, vCPUs, interrupt chips and routing. */
#ifndef VINTC_VM_H
#define VINTC_VM_H

#include <linux/kref.h>
#include <linux/mutex.h>
#include <linux/rcupdate.h>
#include <linux/spinlock.h>

#include "apic/dest.h"
#include "apic/ioapic.h"
#include "apic/pic.h"
#include "bus.h"
#include "bypass.h"
#include "irqfd.h"
#include "memory.h"
#include "ops.h"
#include "vcpu.h"
#include "vmtimer.h"

#define VM_MAX_VCPUS DEST_MAX_APICS
#define VM_MAX_VCPU_ID DEST_MAX_ID
#define VM_MAX_GSIS 4096
#define VM_MAX_IOAPICS 16

struct routing;
struct vm_pit;
struct model_vm;
struct msr_filter;
struct svm_vm;
struct vmx_vm;

/* The destination map with what RCU needs around it. */
struct vm_dests {
	struct rcu_head rcu;
	struct dest_map map;
};

/* The VM's clock was at @ns when the host's TSC was at @tsc. */
struct vm_clock {
	u64 tsc;
	u64 ns;
};

/**
 * struct vm - a virtual machine
 * @users: the VM's fd, its vCPUs' and its statistics' fds
 * @lock: configuration: creation of vCPUs and chips, routing, destination map
 * @irq_lock: IOAPIC and PIC state; taken with interrupts off, innermost
 * @nr_vcpus: vCPUs [0, nr_vcpus) of @vcpus exist; only grows
 * @tsc_khz: guest TSC frequency, kHz
 */
struct vm {
	struct kref users;
	const struct vintc_ops *ops;
	struct mm_struct *mm;
	struct memory mem;
	struct mutex lock;
	bool dead;
	u32 nr_vcpus;
	struct vcpu *vcpus[VM_MAX_VCPUS];

	bool irqchip; /* local APICs are in the kernel */
	bool split; /* and they alone */
	u32 split_pins; /* GSIs below this are pins of user space's IOAPICs */
	raw_spinlock_t irq_lock;
	struct ioapic ioapic; /* KVM's, the first of @ioapics */
	u32 nr_ioapics; /* only grows, before the first vCPU */
	struct ioapic *ioapics[VM_MAX_IOAPICS];
	bool tapped; /* one of them has a tapped pin */
	struct pic pic;
	struct vm_pit *pit; /* NULL: none */
	struct vm_timer *timers[VM_TIMERS]; /* those that there are */
	struct vm_timer storm; /* some IOAPIC's pins are held until then */
	const u64 *virtual_time; /* ns; NULL: the host's */
	struct routing __rcu *routing;
	struct vm_dests __rcu *dests;
	struct irqfds irqfds;
	struct vm_bypass bypass;
	struct vm_bus bus;
	bool x2apic_ids; /* KVM_CAP_X2APIC_API: 32-bit IDs */

	u32 boot_cpu_id;
	u32 vcpu_ids; /* KVM_CAP_MAX_VCPU_ID, or 0 */
	u32 mmu_pages;
	u32 tsc_khz;
	spinlock_t clock_lock;
	struct vm_clock clock;
	u64 tsc_offset; /* of new vCPUs: the guest's TSC starts with the VM */
	u32 halt_poll_ns;
	u64 tss_addr;
	u64 identity_map_addr;
	bool hlt_in_guest, pause_in_guest; /* KVM_CAP_X86_DISABLE_EXITS */
	u32 helped; /* the vCPU that another let run last (yield.c) */
	struct msr_filter __rcu *msr_filter; /* NULL: every access is allowed */
	bool hide_platform_info; /* KVM_CAP_MSR_PLATFORM_INFO: guests can't read it */
	bool exit_on_emulation_failure;
	bool exception_payload; /* events of struct kvm_vcpu_events that user space knows */
	bool triple_fault_event;
	u32 apic_bus_ns;
	u64 quirks_off; /* KVM_CAP_DISABLE_QUIRKS2 */
	u32 user_msrs; /* KVM_MSR_EXIT_REASON_...: refused accesses that user space wants */
	atomic64_t inhibits; /* inhibit.h */
	u64 policy[VINTC_POLICIES]; /* read where it is decided, by READ_ONCE */
	struct vm_stats __percpu *stats;
	struct model_vm *model;
	struct svm_vm *svm;
	struct vmx_vm *vmx;
};

#define vm_for_each_vcpu(i, v, vm)                                    \
	for ((i) = 0; (i) < smp_load_acquire(&(vm)->nr_vcpus) &&      \
		      ((v) = (vm)->vcpus[i], 1); (i)++)

/* vm.c */
/* @ops NULL: -ENODEV. Return: the VM's fd. */
int vm_create(const struct vintc_ops *ops);
void vm_get(struct vm *vm);
void vm_put(struct vm *vm);
/* KVM_CHECK_EXTENSION; @vm is NULL on the device's fd. */
int vm_check_extension(struct vm *vm, unsigned long cap);
/* A bug in vintc or in hardware: every vCPU's run ends with -EIO. */
void vm_kill(struct vm *vm);

/* vcpu.c: the vCPU that was created with this ID, or NULL. */
struct vcpu *vm_vcpu_by_id(struct vm *vm, u64 id);

/* cap.c: KVM_ENABLE_CAP on a VM's fd (takes vm->lock), and on a vCPU's. */
long cap_enable(struct vm *vm, const void __user *arg);
long cap_enable_vcpu(struct vcpu *vcpu, const void __user *arg);

/* policy.c */
void policy_init(struct vm *vm);
long policy_ioctl(struct vm *vm, unsigned int cmd, void __user *arg);
/* What it is at this moment, VINTC_POLICY_... */
static inline u64 vm_policy(const struct vm *vm, u32 policy)
{
	return READ_ONCE(vm->policy[policy]);
}

/* clock.c: KVM_GET_CLOCK, KVM_SET_CLOCK; what KVM_CAP_ADJUST_CLOCK answers */
#define VM_CLOCK_FLAGS                                                         \
	(KVM_CLOCK_TSC_STABLE | KVM_CLOCK_REALTIME | KVM_CLOCK_HOST_TSC)
long clock_ioctl(struct vm *vm, unsigned int cmd, void __user *arg);
void clock_init(struct vm *vm);
/* REQ_PVCLOCK: what kvmclock's MSRs have asked for. Owner, may sleep. */
void clock_update(struct vcpu *vcpu);
/* KVM_KVMCLOCK_CTRL. Return: false when the guest has no kvmclock. */
bool clock_guest_stopped(struct vcpu *vcpu);

/* ioapics.c: VINTC_CREATE_IOAPIC, VINTC_GET_IOAPIC, VINTC_SET_IOAPIC */
long ioapics_ioctl(struct vm *vm, unsigned int cmd, void __user *arg);
/* KVM_CREATE_IRQCHIP: the first one. vm->lock held. */
void ioapics_init(struct vm *vm);
void ioapics_free(struct vm *vm);
/* ioapic_out.delay: pins are held for a while. Any context. */
void ioapics_hold(struct vm *vm);

/* deliver.c */
/**
 * deliver() - send a message to the APICs that it addresses
 *
 * Context: any, interrupts on or off.
 * Return: number of APICs that accepted it, merged with a pending one or not; 0
 * when those that it addresses are software-disabled; -1 when there are none.
 */
int deliver(struct vm *vm, const struct irq_message *msg);
/* Those that @msg addresses, software-disabled or not. Any context. */
void deliver_targets(struct vm *vm, const struct irq_message *msg,
		     struct dest_set *set);
/* The vCPU that would take @msg, if there is exactly one; else NULL. Any context. */
struct vcpu *deliver_only_target(struct vm *vm, const struct irq_message *msg);
/* LINT0 of @vcpu: IRQ_EXTINT, to look at the PIC's output, or IRQ_NMI. Any context. */
void deliver_lint0(struct vcpu *vcpu, u8 delivery);
/* Perform the effects of an engine call on @vcpu's APIC. Owner, atomic. */
void deliver_lapic(struct vcpu *vcpu, struct lapic_out *out);
/* Perform the effects of a call on @io; after irq_lock was dropped. */
int deliver_ioapic(struct vm *vm, struct ioapic *io, const struct ioapic_out *out);
/* REQ_DEST: build the map anew. Process context, takes vm->lock. */
int deliver_rebuild(struct vm *vm);
int deliver_rebuild_locked(struct vm *vm);
/* An EOI is about to be given to @vcpu's APIC. */
void vcpu_count_eoi(struct vcpu *vcpu);
void vcpu_trace_self_ipi(struct vcpu *vcpu, u32 reg, u32 icr,
			 const struct lapic_out *out);
/* MMIO of the chips. Return: false when @gpa is none of theirs. */
bool deliver_mmio_read(struct vcpu *vcpu, u64 gpa, void *data, u32 len);
bool deliver_mmio_write(struct vcpu *vcpu, u64 gpa, const void *data, u32 len);

/* route.c */
int route_init(struct vm *vm);
void route_free(struct vm *vm);
int route_set(struct vm *vm, const struct kvm_irq_routing *head,
	      const struct kvm_irq_routing_entry __user *entries);
/* The same from kernel memory, at most 4096 entries. */
int route_set_entries(struct vm *vm, const struct kvm_irq_routing_entry *entries,
		      u32 n);
/* KVM_IRQ_LINE: Return: status for KVM_IRQ_LINE_STATUS, or -EINVAL. */
int route_line(struct vm *vm, u32 gsi, bool level);
/* The same, by one of those that may drive a pin. */
int route_line_from(struct vm *vm, u32 gsi, enum ioapic_source src, bool level);
/* Does @gsi drive that pin of that chip (KVM_IRQCHIP_...)? Under RCU. */
bool route_leads_to(struct vm *vm, u32 gsi, u32 chip, u32 pin);
/* The pin that @gsi drives of an IOAPIC, which is vm->ioapics[*@n], or -1. Under
 * RCU.
 */
int route_ioapic_pin(struct vm *vm, u32 gsi, u32 *n);
/* The MSI that @gsi leads to. Any context. Return: false when it is none. */
bool route_to_msi(struct vm *vm, u32 gsi, struct irq_message *msg);
/* @gsi and those after it lead to the @pins of vm->ioapics[@n], and nowhere else
 * before: else -EEXIST. vm->lock held. Also -ENOMEM, -ENOSPC.
 */
int route_add_ioapic(struct vm *vm, u32 n, u32 gsi, u32 pins);
/* Adds to @map the level MSIs of a split irqchip's pins that reach vCPU @index.
 * Under RCU.
 */
void route_exitmap(struct vm *vm, struct exitmap *map,
		   const struct dest_map *dests, u32 index);
int route_msi(struct vm *vm, const struct kvm_msi *msi);

#endif
