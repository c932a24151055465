/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * libvintc - the ioctls of /dev/vintc (and, where they are KVM's, of /dev/kvm)
 * with the bookkeeping that every small VMM needs.
 *
 * Functions return 0 or a file descriptor or a count, and -errno on failure.
 * Nothing prints, nothing exits.  Different vCPUs may be used by different
 * threads; one vCPU by one thread at a time.
 */
#ifndef LIBVINTC_H
#define LIBVINTC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vintc.h"

/**
 * struct vintc_vm - a VM and the device it came from
 * @dev: the device's fd
 * @fd: the VM's fd
 * @run_size: bytes of a vCPU's mapping
 * @slots: memory slots used so far
 */
struct vintc_vm {
	int dev;
	int fd;
	size_t run_size;
	unsigned int slots;
};

/**
 * struct vintc_vcpu - one virtual CPU
 * @vm: the VM it belongs to
 * @fd: its fd
 * @id: its number, which is its APIC ID
 * @run: shared page of KVM_RUN
 */
struct vintc_vcpu {
	struct vintc_vm *vm;
	int fd;
	unsigned int id;
	struct kvm_run *run;
};

/**
 * struct vintc_stats - binary statistics of a VM or a vCPU
 * @fd: from KVM_GET_STATS_FD
 * @header: as read from it
 * @desc: descriptors, each followed by its name
 */
struct vintc_stats {
	int fd;
	struct kvm_stats_header header;
	char *desc;
};

/**
 * vintc_vm_open() - open a device and create a VM with in-kernel irqchips
 * @vm: filled in
 * @device: path, or NULL for /dev/vintc
 *
 * Return: 0, or -errno; -EPROTO if the device speaks another API version.
 */
int vintc_vm_open(struct vintc_vm *vm, const char *device);

/** vintc_vm_close() - close the VM and the device */
void vintc_vm_close(struct vintc_vm *vm);

/** vintc_vm_extension() - KVM_CHECK_EXTENSION on the VM; 0 also on failure */
int vintc_vm_extension(struct vintc_vm *vm, int cap);

/**
 * vintc_vm_memory() - give the VM zeroed memory
 * @vm: the VM
 * @gpa: guest-physical address, page-aligned
 * @size: bytes, whole pages
 * @at: where it is mapped in this process
 */
int vintc_vm_memory(struct vintc_vm *vm, uint64_t gpa, size_t size, void **at);

/**
 * vintc_vm_routing() - replace the GSI routing table
 * @vm: the VM
 * @entries: the table
 * @count: its length
 */
int vintc_vm_routing(struct vintc_vm *vm,
		     const struct kvm_irq_routing_entry *entries,
		     unsigned int count);

/**
 * vintc_policy_number() - VINTC_POLICY_... by name
 * @name: as in docs/policies.md: "lowest-priority", "stale-eoi"
 *
 * Return: the number; -EINVAL for no such name.
 */
int vintc_policy_number(const char *name);

/**
 * vintc_set_policy() - choose what a VM does
 * @vm: of vintc, not of KVM
 * @policy: VINTC_POLICY_...
 * @value: one that it takes
 */
int vintc_set_policy(struct vintc_vm *vm, unsigned int policy, uint64_t value);
/**
 * vintc_accelerated() - does hardware deliver the VM's interrupts?
 * @vm: VM, with its interrupt chips
 * @reasons: VINTC_INHIBIT_... that keep it from that; may be NULL
 *
 * Return: 1, 0, or -errno; -ENOTTY on KVM.
 */
int vintc_accelerated(struct vintc_vm *vm, uint64_t *reasons);
int vintc_get_policy(struct vintc_vm *vm, unsigned int policy, uint64_t *value);

/**
 * vintc_vm_line() - set the level of an interrupt line
 * @vm: the VM
 * @gsi: which
 * @level: asserted?
 *
 * Return: how many CPUs it was delivered to, 0 if merged with one pending,
 * -ENODATA if masked or ignored, -errno otherwise.
 */
int vintc_vm_line(struct vintc_vm *vm, unsigned int gsi, bool level);

/**
 * vintc_vm_msi() - send a message-signalled interrupt
 * @vm: the VM
 * @address: as the device would write to
 * @data: what it would write
 *
 * Return: >0 delivered, 0 blocked by the guest, -errno.
 */
int vintc_vm_msi(struct vintc_vm *vm, uint64_t address, uint32_t data);

/** vintc_create_pit() - before the first vCPU */
int vintc_create_pit(struct vintc_vm *vm);

/**
 * vintc_create_ioapic() - one more, before the first vCPU
 * @address: of its registers
 * @gsi: of its pin 0
 * @pins: 24 to 240
 *
 * Return: its index, for KVM_SET_GSI_ROUTING as the chip KVM_IRQCHIP_IOAPIC +
 * index; or a negative errno.
 */
int vintc_create_ioapic(struct vintc_vm *vm, uint64_t address, unsigned int gsi, unsigned int pins, unsigned int id);

/** vintc_vm_ioapic() - read the IOAPIC's state */
int vintc_vm_ioapic(struct vintc_vm *vm, struct kvm_ioapic_state *state);

/**
 * vintc_vcpu_create() - create a vCPU with all the CPUID the device supports
 * @vcpu: filled in
 * @vm: the VM
 * @id: number and APIC ID
 * @cpus: how many the guest is to see
 */
int vintc_vcpu_create(struct vintc_vcpu *vcpu, struct vintc_vm *vm,
		      unsigned int id, unsigned int cpus);

/** vintc_vcpu_close() - unmap and close */
void vintc_vcpu_close(struct vintc_vcpu *vcpu);

/**
 * vintc_vcpu_long_mode() - start in 64-bit mode, flat segments, interrupts off
 * @vcpu: the vCPU
 * @cr3: page tables that map the code
 * @rip: first instruction
 */
int vintc_vcpu_long_mode(struct vintc_vcpu *vcpu, uint64_t cr3, uint64_t rip);

/** vintc_vcpu_run() - KVM_RUN; -EINTR when a signal came */
int vintc_vcpu_run(struct vintc_vcpu *vcpu);

/** vintc_vcpu_regs() - read the general registers */
int vintc_vcpu_regs(struct vintc_vcpu *vcpu, struct kvm_regs *regs);

/** vintc_vcpu_sregs() - read the system registers */
int vintc_vcpu_sregs(struct vintc_vcpu *vcpu, struct kvm_sregs *sregs);

/** vintc_vcpu_msr() - read one MSR */
int vintc_vcpu_msr(struct vintc_vcpu *vcpu, uint32_t index, uint64_t *value);

/** vintc_vcpu_lapic() - read the local APIC's registers */
int vintc_vcpu_lapic(struct vintc_vcpu *vcpu, struct kvm_lapic_state *state);

/** vintc_vcpu_nmi() - inject an NMI */
int vintc_vcpu_nmi(struct vintc_vcpu *vcpu);

/** vintc_vcpu_tsc_khz() - the guest's TSC frequency */
int vintc_vcpu_tsc_khz(struct vintc_vcpu *vcpu);

/** vintc_vcpu_vectors() - vintc's own counters by vector; -ENOTTY on KVM */
int vintc_vcpu_vectors(struct vintc_vcpu *vcpu, struct vintc_vector_stats *stats);

/** vintc_info() - what vintc found and chose; -ENOTTY on KVM */
int vintc_info(int dev, struct vintc_info *info);

/** vintc_lapic_bits() - is a bit set for @vector in the 256-bit register at @reg? */
bool vintc_lapic_bit(const struct kvm_lapic_state *state, unsigned int reg,
		     unsigned int vector);

#define VINTC_LAPIC_ISR	0x100
#define VINTC_LAPIC_IRR	0x200

/**
 * vintc_stats_open() - the statistics of a VM or vCPU
 * @stats: filled in
 * @fd: the VM's or the vCPU's fd
 *
 * Context: for a vCPU, while it is not running.  Reading later does not wait.
 */
int vintc_stats_open(struct vintc_stats *stats, int fd);

/** vintc_stats_close() - close and free */
void vintc_stats_close(struct vintc_stats *stats);

/** vintc_stats_name() - name of the statistic @index, or NULL past the end */
const char *vintc_stats_name(const struct vintc_stats *stats, unsigned int index);

/** vintc_stats_desc() - descriptor of the statistic @index */
const struct kvm_stats_desc *vintc_stats_desc(const struct vintc_stats *stats,
					      unsigned int index);

/**
 * vintc_stats_value() - first value of the statistic @index
 * @stats: opened
 * @index: which
 * @value: where to
 */
int vintc_stats_value(const struct vintc_stats *stats, unsigned int index,
		      uint64_t *value);

#endif /* LIBVINTC_H */
