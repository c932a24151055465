/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * The ABI of /dev/vintc.
 *
 * Where KVM on x86 has an ioctl, a capability, a structure or an exit reason,
 * vintc has the same one: same name, number, layout and meaning, so that a
 * program written for /dev/kvm runs on /dev/vintc unchanged.  This file spells
 * them out itself and needs nothing but the kernel's fixed-width types.  A
 * name listed here is not thereby supported: KVM_CHECK_EXTENSION tells what is.
 *
 * A program may include <linux/kvm.h> (6.1 or newer) BEFORE this file; then
 * only what that file lacks is added.  The other order does not compile.
 *
 * Left out on purpose: other architectures, SEV, SNP, TDX, SGX, Xen, the
 * device assignment of old, and the exception numbers without a KVM_ prefix.
 *
 * What only vintc has is named VINTC_* or vintc_* and stands at the end.  It is long,
 * as it must be the only header that user space needs.
 */
#ifndef _UAPI_VINTC_H
#define _UAPI_VINTC_H

#include <linux/types.h>
#include <linux/ioctl.h>

#ifndef __LINUX_KVM_H

/* A trailing array of any length, also where C forbids a bare one. */
#ifdef __cplusplus
#define __VINTC_FLEX(type, name) type name[0]
#else
#define __VINTC_FLEX(type, name) \
	struct { struct { } __empty_ ## name; type name[]; }
#endif

/* ------------------------------------------------------------------------
 * Device: ioctls on /dev/vintc itself
 */

#define KVMIO			0xAE
#define KVM_API_VERSION		12

#define KVM_GET_API_VERSION	_IO(KVMIO, 0x00)
#define KVM_CREATE_VM		_IO(KVMIO, 0x01)
#define KVM_CHECK_EXTENSION	_IO(KVMIO, 0x03)	/* VM fds too */
#define KVM_GET_VCPU_MMAP_SIZE	_IO(KVMIO, 0x04)

/* CPUID */

struct kvm_cpuid_entry {
	__u32 function;
	__u32 eax;
	__u32 ebx;
	__u32 ecx;
	__u32 edx;
	__u32 padding;
};

struct kvm_cpuid {
	__u32 nent;
	__u32 padding;
	__VINTC_FLEX(struct kvm_cpuid_entry, entries);
};

/* struct kvm_cpuid_entry2.flags; the misspelling is KVM's. */
#define KVM_CPUID_FLAG_SIGNIFCANT_INDEX	(1 << 0)
#define KVM_CPUID_FLAG_STATEFUL_FUNC	(1 << 1)
#define KVM_CPUID_FLAG_STATE_READ_NEXT	(1 << 2)

struct kvm_cpuid_entry2 {
	__u32 function;
	__u32 index;
	__u32 flags;
	__u32 eax;
	__u32 ebx;
	__u32 ecx;
	__u32 edx;
	__u32 padding[3];
};

struct kvm_cpuid2 {
	__u32 nent;
	__u32 padding;
	__VINTC_FLEX(struct kvm_cpuid_entry2, entries);
};

#define KVM_GET_SUPPORTED_CPUID		_IOWR(KVMIO, 0x05, struct kvm_cpuid2)
#define KVM_GET_EMULATED_CPUID		_IOWR(KVMIO, 0x09, struct kvm_cpuid2)
#define KVM_GET_SUPPORTED_HV_CPUID	_IOWR(KVMIO, 0xc1, struct kvm_cpuid2)
#define KVM_SET_CPUID			_IOW(KVMIO, 0x8a, struct kvm_cpuid)
#define KVM_SET_CPUID2			_IOW(KVMIO, 0x90, struct kvm_cpuid2)
#define KVM_GET_CPUID2			_IOWR(KVMIO, 0x91, struct kvm_cpuid2)

/* MSRs */

struct kvm_msr_list {
	__u32 nmsrs;
	__VINTC_FLEX(__u32, indices);
};

struct kvm_msr_entry {
	__u32 index;
	__u32 reserved;
	__u64 data;
};

struct kvm_msrs {
	__u32 nmsrs;
	__u32 pad;
	__VINTC_FLEX(struct kvm_msr_entry, entries);
};

#define KVM_GET_MSR_INDEX_LIST		_IOWR(KVMIO, 0x02, struct kvm_msr_list)
#define KVM_GET_MSR_FEATURE_INDEX_LIST	_IOWR(KVMIO, 0x0a, struct kvm_msr_list)
/* On a vCPU: its MSRs.  GET on the device: the feature MSRs. */
#define KVM_GET_MSRS			_IOWR(KVMIO, 0x88, struct kvm_msrs)
#define KVM_SET_MSRS			_IOW(KVMIO, 0x89, struct kvm_msrs)

#define KVM_MSR_FILTER_MAX_BITMAP_SIZE	0x600
#define KVM_MSR_FILTER_MAX_RANGES	16
#define KVM_MSR_FILTER_READ		(1 << 0)
#define KVM_MSR_FILTER_WRITE		(1 << 1)
#define KVM_MSR_FILTER_DEFAULT_ALLOW	(0 << 0)
#define KVM_MSR_FILTER_DEFAULT_DENY	(1 << 0)

struct kvm_msr_filter_range {
	__u32 flags;
	__u32 nmsrs;
	__u32 base;
	__u8 *bitmap;		/* user memory; bit set: allowed */
};

struct kvm_msr_filter {
	__u32 flags;
	struct kvm_msr_filter_range ranges[KVM_MSR_FILTER_MAX_RANGES];
};

#define KVM_X86_SET_MSR_FILTER		_IOW(KVMIO, 0xc6, struct kvm_msr_filter)

/* ------------------------------------------------------------------------
 * Capabilities, for KVM_CHECK_EXTENSION and KVM_ENABLE_CAP
 */

#define KVM_CAP_IRQCHIP				0
#define KVM_CAP_HLT				1
#define KVM_CAP_MMU_SHADOW_CACHE_CONTROL	2
#define KVM_CAP_USER_MEMORY			3
#define KVM_CAP_SET_TSS_ADDR			4
#define KVM_CAP_VAPIC				6
#define KVM_CAP_EXT_CPUID			7
#define KVM_CAP_CLOCKSOURCE			8
#define KVM_CAP_NR_VCPUS			9
#define KVM_CAP_NR_MEMSLOTS			10
#define KVM_CAP_PIT				11
#define KVM_CAP_NOP_IO_DELAY			12
#define KVM_CAP_PV_MMU				13
#define KVM_CAP_MP_STATE			14
#define KVM_CAP_COALESCED_MMIO			15
#define KVM_CAP_SYNC_MMU			16
#define KVM_CAP_IOMMU				18
#define KVM_CAP_DESTROY_MEMORY_REGION_WORKS	21
#define KVM_CAP_USER_NMI			22
#define KVM_CAP_SET_GUEST_DEBUG			23
#define KVM_CAP_REINJECT_CONTROL		24
#define KVM_CAP_IRQ_ROUTING			25
#define KVM_CAP_IRQ_INJECT_STATUS		26
#define KVM_CAP_ASSIGN_DEV_IRQ			29
#define KVM_CAP_JOIN_MEMORY_REGIONS_WORKS	30
#define KVM_CAP_MCE				31
#define KVM_CAP_IRQFD				32
#define KVM_CAP_PIT2				33
#define KVM_CAP_SET_BOOT_CPU_ID			34
#define KVM_CAP_PIT_STATE2			35
#define KVM_CAP_IOEVENTFD			36
#define KVM_CAP_SET_IDENTITY_MAP_ADDR		37
#define KVM_CAP_XEN_HVM				38
#define KVM_CAP_ADJUST_CLOCK			39
#define KVM_CAP_INTERNAL_ERROR_DATA		40
#define KVM_CAP_VCPU_EVENTS			41
#define KVM_CAP_HYPERV				44
#define KVM_CAP_HYPERV_VAPIC			45
#define KVM_CAP_HYPERV_SPIN			46
#define KVM_CAP_PCI_SEGMENT			47
#define KVM_CAP_INTR_SHADOW			49
#define KVM_CAP_DEBUGREGS			50
#define KVM_CAP_X86_ROBUST_SINGLESTEP		51
#define KVM_CAP_ENABLE_CAP			54
#define KVM_CAP_XSAVE				55
#define KVM_CAP_XCRS				56
#define KVM_CAP_ASYNC_PF			59
#define KVM_CAP_TSC_CONTROL			60
#define KVM_CAP_GET_TSC_KHZ			61
#define KVM_CAP_MAX_VCPUS			66
#define KVM_CAP_ONE_REG				70
#define KVM_CAP_TSC_DEADLINE_TIMER		72
#define KVM_CAP_SYNC_REGS			74
#define KVM_CAP_PCI_2_3				75
#define KVM_CAP_KVMCLOCK_CTRL			76
#define KVM_CAP_SIGNAL_MSI			77
#define KVM_CAP_READONLY_MEM			81
#define KVM_CAP_IRQFD_RESAMPLE			82
#define KVM_CAP_DEVICE_CTRL			89
#define KVM_CAP_EXT_EMUL_CPUID			95
#define KVM_CAP_HYPERV_TIME			96
#define KVM_CAP_IOAPIC_POLARITY_IGNORED		97
#define KVM_CAP_ENABLE_CAP_VM			98
#define KVM_CAP_IOEVENTFD_NO_LENGTH		100
#define KVM_CAP_VM_ATTRIBUTES			101
#define KVM_CAP_CHECK_EXTENSION_VM		105
#define KVM_CAP_DISABLE_QUIRKS			116
#define KVM_CAP_X86_SMM				117
#define KVM_CAP_MULTI_ADDRESS_SPACE		118
#define KVM_CAP_GUEST_DEBUG_HW_BPS		119
#define KVM_CAP_GUEST_DEBUG_HW_WPS		120
#define KVM_CAP_SPLIT_IRQCHIP			121
#define KVM_CAP_IOEVENTFD_ANY_LENGTH		122
#define KVM_CAP_HYPERV_SYNIC			123
#define KVM_CAP_VCPU_ATTRIBUTES			127
#define KVM_CAP_MAX_VCPU_ID			128
#define KVM_CAP_X2APIC_API			129
#define KVM_CAP_MSI_DEVID			131
#define KVM_CAP_IMMEDIATE_EXIT			136
#define KVM_CAP_X86_DISABLE_EXITS		143
#define KVM_CAP_HYPERV_SYNIC2			148
#define KVM_CAP_HYPERV_VP_INDEX			149
#define KVM_CAP_GET_MSR_FEATURES		153
#define KVM_CAP_HYPERV_EVENTFD			154
#define KVM_CAP_HYPERV_TLBFLUSH			155
#define KVM_CAP_NESTED_STATE			157
#define KVM_CAP_MSR_PLATFORM_INFO		159
#define KVM_CAP_HYPERV_SEND_IPI			161
#define KVM_CAP_COALESCED_PIO			162
#define KVM_CAP_HYPERV_ENLIGHTENED_VMCS		163
#define KVM_CAP_EXCEPTION_PAYLOAD		164
#define KVM_CAP_MANUAL_DIRTY_LOG_PROTECT	166
#define KVM_CAP_HYPERV_CPUID			167
#define KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2	168
#define KVM_CAP_PMU_EVENT_FILTER		173
#define KVM_CAP_HYPERV_DIRECT_TLBFLUSH		175
#define KVM_CAP_HALT_POLL			182
#define KVM_CAP_ASYNC_PF_INT			183
#define KVM_CAP_LAST_CPU			184
#define KVM_CAP_SMALLER_MAXPHYADDR		185
#define KVM_CAP_STEAL_TIME			187
#define KVM_CAP_X86_USER_SPACE_MSR		188
#define KVM_CAP_X86_MSR_FILTER			189
#define KVM_CAP_ENFORCE_PV_FEATURE_CPUID	190
#define KVM_CAP_SYS_HYPERV_CPUID		191
#define KVM_CAP_DIRTY_LOG_RING			192
#define KVM_CAP_X86_BUS_LOCK_EXIT		193
#define KVM_CAP_SET_GUEST_DEBUG2		195
#define KVM_CAP_SGX_ATTRIBUTE			196
#define KVM_CAP_VM_COPY_ENC_CONTEXT_FROM	197
#define KVM_CAP_PTP_KVM				198
#define KVM_CAP_HYPERV_ENFORCE_CPUID		199
#define KVM_CAP_SREGS2				200
#define KVM_CAP_EXIT_HYPERCALL			201
#define KVM_CAP_BINARY_STATS_FD			203
#define KVM_CAP_EXIT_ON_EMULATION_FAILURE	204
#define KVM_CAP_VM_MOVE_ENC_CONTEXT_FROM	206
#define KVM_CAP_VM_GPA_BITS			207
#define KVM_CAP_XSAVE2				208
#define KVM_CAP_SYS_ATTRIBUTES			209
#define KVM_CAP_PMU_CAPABILITY			212
#define KVM_CAP_DISABLE_QUIRKS2			213
#define KVM_CAP_VM_TSC_CONTROL			214
#define KVM_CAP_SYSTEM_EVENT_DATA		215
#define KVM_CAP_X86_TRIPLE_FAULT_EVENT		218
#define KVM_CAP_X86_NOTIFY_VMEXIT		219
#define KVM_CAP_VM_DISABLE_NX_HUGE_PAGES	220
#define KVM_CAP_DIRTY_LOG_RING_ACQ_REL		223

struct kvm_enable_cap {
	__u32 cap;
	__u32 flags;
	__u64 args[4];
	__u8 pad[64];
};

#define KVM_ENABLE_CAP			_IOW(KVMIO, 0xa3, struct kvm_enable_cap)

/* args[0] of KVM_CAP_DISABLE_QUIRKS(2) */
#define KVM_X86_QUIRK_LINT0_REENABLED		(1 << 0)
#define KVM_X86_QUIRK_CD_NW_CLEARED		(1 << 1)
#define KVM_X86_QUIRK_LAPIC_MMIO_HOLE		(1 << 2)
#define KVM_X86_QUIRK_OUT_7E_INC_RIP		(1 << 3)
#define KVM_X86_QUIRK_MISC_ENABLE_NO_MWAIT	(1 << 4)
#define KVM_X86_QUIRK_FIX_HYPERCALL_INSN	(1 << 5)
#define KVM_X86_QUIRK_MWAIT_NEVER_UD_FAULTS	(1 << 6)

/* args[0] of KVM_CAP_X86_DISABLE_EXITS */
#define KVM_X86_DISABLE_EXITS_MWAIT	(1 << 0)
#define KVM_X86_DISABLE_EXITS_HLT	(1 << 1)
#define KVM_X86_DISABLE_EXITS_PAUSE	(1 << 2)
#define KVM_X86_DISABLE_EXITS_CSTATE	(1 << 3)
/* KVM_X86_DISABLE_VALID_EXITS grows with the kernel, so it is not ABI. */

/* args[0] of KVM_CAP_X2APIC_API */
#define KVM_X2APIC_API_USE_32BIT_IDS		(1ULL << 0)
#define KVM_X2APIC_API_DISABLE_BROADCAST_QUIRK	(1ULL << 1)

/* args[0] of KVM_CAP_X86_USER_SPACE_MSR; kvm_run.msr.reason */
#define KVM_MSR_EXIT_REASON_INVAL	(1 << 0)
#define KVM_MSR_EXIT_REASON_UNKNOWN	(1 << 1)
#define KVM_MSR_EXIT_REASON_FILTER	(1 << 2)

/* args[0] of KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2 */
#define KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE	(1 << 0)
#define KVM_DIRTY_LOG_INITIALLY_SET		(1 << 1)

/* args[0] of KVM_CAP_X86_BUS_LOCK_EXIT, _PMU_CAPABILITY, _X86_NOTIFY_VMEXIT */
#define KVM_BUS_LOCK_DETECTION_OFF	(1 << 0)
#define KVM_BUS_LOCK_DETECTION_EXIT	(1 << 1)
#define KVM_PMU_CAP_DISABLE		(1 << 0)
#define KVM_X86_NOTIFY_VMEXIT_ENABLED	(1ULL << 0)
#define KVM_X86_NOTIFY_VMEXIT_USER	(1ULL << 1)

/* ------------------------------------------------------------------------
 * Attributes and sub-devices
 */

struct kvm_device_attr {
	__u32 flags;
	__u32 group;
	__u64 attr;
	__u64 addr;
};

#define KVM_CREATE_DEVICE_TEST	1

struct kvm_create_device {
	__u32 type;
	__u32 fd;
	__u32 flags;
};

#define KVM_CREATE_DEVICE	_IOWR(KVMIO, 0xe0, struct kvm_create_device)
#define KVM_SET_DEVICE_ATTR	_IOW(KVMIO, 0xe1, struct kvm_device_attr)
#define KVM_GET_DEVICE_ATTR	_IOW(KVMIO, 0xe2, struct kvm_device_attr)
#define KVM_HAS_DEVICE_ATTR	_IOW(KVMIO, 0xe3, struct kvm_device_attr)

/* Device group 0: XSAVE components a guest may use; vCPU group 0: its TSC. */
#define KVM_X86_XCOMP_GUEST_SUPP	0
#define KVM_VCPU_TSC_CTRL		0
#define KVM_VCPU_TSC_OFFSET		0

/* ------------------------------------------------------------------------
 * VM: memory
 */

#define KVM_MEM_LOG_DIRTY_PAGES	(1UL << 0)
#define KVM_MEM_READONLY	(1UL << 1)

struct kvm_userspace_memory_region {
	__u32 slot;		/* bits 31:16: address space */
	__u32 flags;
	__u64 guest_phys_addr;
	__u64 memory_size;	/* 0: remove the slot */
	__u64 userspace_addr;
};

struct kvm_dirty_log {
	__u32 slot;
	__u32 padding1;
	union {
		void *dirty_bitmap;
		__u64 padding2;
	};
};

struct kvm_clear_dirty_log {
	__u32 slot;
	__u32 num_pages;
	__u64 first_page;
	union {
		void *dirty_bitmap;
		__u64 padding2;
	};
};

#define KVM_DIRTY_LOG_PAGE_OFFSET	64
#define KVM_DIRTY_GFN_F_MASK		0x3

struct kvm_dirty_gfn {
	__u32 flags;
	__u32 slot;
	__u64 offset;
};

struct kvm_enc_region {
	__u64 addr;
	__u64 size;
};

#define KVM_CREATE_VCPU		_IO(KVMIO, 0x41)
#define KVM_GET_DIRTY_LOG	_IOW(KVMIO, 0x42, struct kvm_dirty_log)
#define KVM_SET_NR_MMU_PAGES	_IO(KVMIO, 0x44)
#define KVM_GET_NR_MMU_PAGES	_IO(KVMIO, 0x45)
#define KVM_SET_USER_MEMORY_REGION \
	_IOW(KVMIO, 0x46, struct kvm_userspace_memory_region)
#define KVM_SET_TSS_ADDR	_IO(KVMIO, 0x47)
#define KVM_SET_IDENTITY_MAP_ADDR _IOW(KVMIO, 0x48, __u64)
#define KVM_CLEAR_DIRTY_LOG	_IOWR(KVMIO, 0xc0, struct kvm_clear_dirty_log)
#define KVM_RESET_DIRTY_RINGS	_IO(KVMIO, 0xc7)
#define KVM_MEMORY_ENCRYPT_OP	_IOWR(KVMIO, 0xba, unsigned long)
#define KVM_MEMORY_ENCRYPT_REG_REGION	_IOR(KVMIO, 0xbb, struct kvm_enc_region)
#define KVM_MEMORY_ENCRYPT_UNREG_REGION	_IOR(KVMIO, 0xbc, struct kvm_enc_region)

/* Coalesced MMIO and PIO: a ring at a page of the vCPU's mapping. */

#define KVM_COALESCED_MMIO_PAGE_OFFSET	2
#define KVM_PIO_PAGE_OFFSET		1

struct kvm_coalesced_mmio_zone {
	__u64 addr;
	__u32 size;
	union {
		__u32 pad;
		__u32 pio;
	};
};

struct kvm_coalesced_mmio {
	__u64 phys_addr;
	__u32 len;
	union {
		__u32 pad;
		__u32 pio;
	};
	__u8 data[8];
};

struct kvm_coalesced_mmio_ring {
	__u32 first, last;
	__VINTC_FLEX(struct kvm_coalesced_mmio, coalesced_mmio);
};

/* Entries that one page holds; the user supplies PAGE_SIZE. */
#define KVM_COALESCED_MMIO_MAX \
	((PAGE_SIZE - sizeof(struct kvm_coalesced_mmio_ring)) / \
	 sizeof(struct kvm_coalesced_mmio))

/* The first shares its number with KVM_IRQ_LINE_STATUS, not its direction. */
#define KVM_REGISTER_COALESCED_MMIO \
	_IOW(KVMIO, 0x67, struct kvm_coalesced_mmio_zone)
#define KVM_UNREGISTER_COALESCED_MMIO \
	_IOW(KVMIO, 0x68, struct kvm_coalesced_mmio_zone)

/* ------------------------------------------------------------------------
 * VM: interrupt controllers, lines, routes, messages
 */

#define KVM_NR_INTERRUPTS	256

#define KVM_IRQCHIP_PIC_MASTER	0
#define KVM_IRQCHIP_PIC_SLAVE	1
#define KVM_IRQCHIP_IOAPIC	2
#define KVM_NR_IRQCHIPS		3

struct kvm_pic_state {
	__u8 last_irr;		/* line levels last seen */
	__u8 irr;
	__u8 imr;
	__u8 isr;
	__u8 priority_add;	/* rotation: the line of highest priority */
	__u8 irq_base;
	__u8 read_reg_select;
	__u8 poll;
	__u8 special_mask;
	__u8 init_state;
	__u8 auto_eoi;
	__u8 rotate_on_auto_eoi;
	__u8 special_fully_nested_mode;
	__u8 init4;		/* ICW4 is to come */
	__u8 elcr;
	__u8 elcr_mask;
};

#define KVM_IOAPIC_NUM_PINS	24

struct kvm_ioapic_state {
	__u64 base_address;
	__u32 ioregsel;
	__u32 id;
	__u32 irr;
	__u32 pad;
	union {
		__u64 bits;
		struct {
			__u8 vector;
			__u8 delivery_mode:3;
			__u8 dest_mode:1;
			__u8 delivery_status:1;
			__u8 polarity:1;
			__u8 remote_irr:1;
			__u8 trig_mode:1;
			__u8 mask:1;
			__u8 reserve:7;
			__u8 reserved[4];
			__u8 dest_id;
		} fields;
	} redirtbl[KVM_IOAPIC_NUM_PINS];
};

struct kvm_irqchip {
	__u32 chip_id;		/* KVM_IRQCHIP_* */
	__u32 pad;
	union {
		char dummy[512];
		struct kvm_pic_state pic;
		struct kvm_ioapic_state ioapic;
	} chip;
};

struct kvm_irq_level {
	union {
		__u32 irq;	/* in: GSI */
		__s32 status;	/* out, _STATUS: >0 delivered, 0 merged, <0 masked */
	};
	__u32 level;
};

#define KVM_CREATE_IRQCHIP	_IO(KVMIO, 0x60)
#define KVM_IRQ_LINE		_IOW(KVMIO, 0x61, struct kvm_irq_level)
#define KVM_GET_IRQCHIP		_IOWR(KVMIO, 0x62, struct kvm_irqchip)
#define KVM_SET_IRQCHIP		_IOR(KVMIO, 0x63, struct kvm_irqchip)
#define KVM_IRQ_LINE_STATUS	_IOWR(KVMIO, 0x67, struct kvm_irq_level)
#define KVM_SET_BOOT_CPU_ID	_IO(KVMIO, 0x78)

/* PIT */

struct kvm_pit_channel_state {
	__u32 count;		/* up to 65536 */
	__u16 latched_count;
	__u8 count_latched;
	__u8 status_latched;
	__u8 status;
	__u8 read_state;
	__u8 write_state;
	__u8 write_latch;
	__u8 rw_mode;
	__u8 mode;
	__u8 bcd;
	__u8 gate;
	__s64 count_load_time;
};

struct kvm_pit_state {
	struct kvm_pit_channel_state channels[3];
};

#define KVM_PIT_FLAGS_HPET_LEGACY	0x00000001
#define KVM_PIT_FLAGS_SPEAKER_DATA_ON	0x00000002

struct kvm_pit_state2 {
	struct kvm_pit_channel_state channels[3];
	__u32 flags;
	__u32 reserved[9];
};

#define KVM_PIT_SPEAKER_DUMMY	1

struct kvm_pit_config {
	__u32 flags;
	__u32 pad[15];
};

struct kvm_reinject_control {
	__u8 pit_reinject;
	__u8 reserved[31];
};

#define KVM_CREATE_PIT		_IO(KVMIO, 0x64)
#define KVM_GET_PIT		_IOWR(KVMIO, 0x65, struct kvm_pit_state)
#define KVM_SET_PIT		_IOR(KVMIO, 0x66, struct kvm_pit_state)
#define KVM_REINJECT_CONTROL	_IO(KVMIO, 0x71)
#define KVM_CREATE_PIT2		_IOW(KVMIO, 0x77, struct kvm_pit_config)
#define KVM_GET_PIT2		_IOR(KVMIO, 0x9f, struct kvm_pit_state2)
#define KVM_SET_PIT2		_IOW(KVMIO, 0xa0, struct kvm_pit_state2)

/* GSI routing */

#define KVM_IRQ_ROUTING_IRQCHIP		1
#define KVM_IRQ_ROUTING_MSI		2
#define KVM_IRQ_ROUTING_HV_SINT		4
#define KVM_IRQ_ROUTING_XEN_EVTCHN	5

struct kvm_irq_routing_irqchip {
	__u32 irqchip;
	__u32 pin;
};

struct kvm_irq_routing_msi {
	__u32 address_lo;
	__u32 address_hi;
	__u32 data;
	union {
		__u32 pad;
		__u32 devid;
	};
};

struct kvm_irq_routing_hv_sint {
	__u32 vcpu;
	__u32 sint;
};

struct kvm_irq_routing_entry {
	__u32 gsi;
	__u32 type;
	__u32 flags;
	__u32 pad;
	union {
		struct kvm_irq_routing_irqchip irqchip;
		struct kvm_irq_routing_msi msi;
		struct kvm_irq_routing_hv_sint hv_sint;
		__u32 pad[8];
	} u;
};

struct kvm_irq_routing {
	__u32 nr;
	__u32 flags;
	__VINTC_FLEX(struct kvm_irq_routing_entry, entries);
};

#define KVM_SET_GSI_ROUTING	_IOW(KVMIO, 0x6a, struct kvm_irq_routing)

/* MSI */

#define KVM_MSI_VALID_DEVID	(1U << 0)

struct kvm_msi {
	__u32 address_lo;
	__u32 address_hi;
	__u32 data;
	__u32 flags;
	__u32 devid;
	__u8 pad[12];
};

#define KVM_SIGNAL_MSI		_IOW(KVMIO, 0xa5, struct kvm_msi)

/* eventfds */

#define KVM_IRQFD_FLAG_DEASSIGN	(1 << 0)
#define KVM_IRQFD_FLAG_RESAMPLE	(1 << 1)

struct kvm_irqfd {
	__u32 fd;
	__u32 gsi;
	__u32 flags;
	__u32 resamplefd;	/* with RESAMPLE: signalled at EOI */
	__u8 pad[16];
};

/* Bits by number; KVM computes the macros below from these. */
enum {
	kvm_ioeventfd_flag_nr_datamatch,
	kvm_ioeventfd_flag_nr_pio,
	kvm_ioeventfd_flag_nr_deassign,
	kvm_ioeventfd_flag_nr_virtio_ccw_notify,
	kvm_ioeventfd_flag_nr_fast_mmio,
	kvm_ioeventfd_flag_nr_max,
};

#define KVM_IOEVENTFD_FLAG_DATAMATCH	(1 << kvm_ioeventfd_flag_nr_datamatch)
#define KVM_IOEVENTFD_FLAG_PIO		(1 << kvm_ioeventfd_flag_nr_pio)
#define KVM_IOEVENTFD_FLAG_DEASSIGN	(1 << kvm_ioeventfd_flag_nr_deassign)
#define KVM_IOEVENTFD_FLAG_VIRTIO_CCW_NOTIFY \
	(1 << kvm_ioeventfd_flag_nr_virtio_ccw_notify)
#define KVM_IOEVENTFD_VALID_FLAG_MASK	((1 << kvm_ioeventfd_flag_nr_max) - 1)

struct kvm_ioeventfd {
	__u64 datamatch;
	__u64 addr;
	__u32 len;		/* 1, 2, 4, 8; 0: any */
	__s32 fd;
	__u32 flags;
	__u8 pad[36];
};

#define KVM_IRQFD		_IOW(KVMIO, 0x76, struct kvm_irqfd)
#define KVM_IOEVENTFD		_IOW(KVMIO, 0x79, struct kvm_ioeventfd)

/* Hyper-V's SynIC as eventfd (an ABI reservation) */

#define KVM_HYPERV_CONN_ID_MASK		0x00ffffff
#define KVM_HYPERV_EVENTFD_DEASSIGN	(1 << 0)

struct kvm_hyperv_eventfd {
	__u32 conn_id;
	__s32 fd;
	__u32 flags;
	__u32 padding[3];
};

#define KVM_HYPERV_EVENTFD	_IOW(KVMIO, 0xbd, struct kvm_hyperv_eventfd)

/* ------------------------------------------------------------------------
 * VM: clock, TSC, PMU filter
 */

#define KVM_CLOCK_TSC_STABLE	2
#define KVM_CLOCK_REALTIME	(1 << 2)
#define KVM_CLOCK_HOST_TSC	(1 << 3)

struct kvm_clock_data {
	__u64 clock;		/* ns */
	__u32 flags;
	__u32 pad0;
	__u64 realtime;
	__u64 host_tsc;
	__u32 pad[4];
};

#define KVM_SET_CLOCK		_IOW(KVMIO, 0x7b, struct kvm_clock_data)
#define KVM_GET_CLOCK		_IOR(KVMIO, 0x7c, struct kvm_clock_data)
/* On a vCPU, or as the VM's default */
#define KVM_SET_TSC_KHZ		_IO(KVMIO, 0xa2)
#define KVM_GET_TSC_KHZ		_IO(KVMIO, 0xa3)

#define KVM_PMU_EVENT_ALLOW	0
#define KVM_PMU_EVENT_DENY	1

struct kvm_pmu_event_filter {
	__u32 action;
	__u32 nevents;
	__u32 fixed_counter_bitmap;
	__u32 flags;
	__u32 pad[4];
	__VINTC_FLEX(__u64, events);
};

#define KVM_SET_PMU_EVENT_FILTER \
	_IOW(KVMIO, 0xb2, struct kvm_pmu_event_filter)

/* ------------------------------------------------------------------------
 * vCPU: registers
 */

struct kvm_regs {
	__u64 rax, rbx, rcx, rdx;
	__u64 rsi, rdi, rsp, rbp;
	__u64 r8,  r9,  r10, r11;
	__u64 r12, r13, r14, r15;
	__u64 rip, rflags;
};

struct kvm_segment {
	__u64 base;
	__u32 limit;		/* in bytes, g applied */
	__u16 selector;
	__u8 type;
	__u8 present, dpl, db, s, l, g, avl;
	__u8 unusable;
	__u8 padding;
};

struct kvm_dtable {
	__u64 base;
	__u16 limit;
	__u16 padding[3];
};

struct kvm_sregs {
	struct kvm_segment cs, ds, es, fs, gs, ss;
	struct kvm_segment tr, ldt;
	struct kvm_dtable gdt, idt;
	__u64 cr0, cr2, cr3, cr4, cr8;
	__u64 efer;
	__u64 apic_base;
	__u64 interrupt_bitmap[(KVM_NR_INTERRUPTS + 63) / 64];
};

#define KVM_SREGS2_FLAGS_PDPTRS_VALID	1

struct kvm_sregs2 {
	struct kvm_segment cs, ds, es, fs, gs, ss;
	struct kvm_segment tr, ldt;
	struct kvm_dtable gdt, idt;
	__u64 cr0, cr2, cr3, cr4, cr8;
	__u64 efer;
	__u64 apic_base;
	__u64 flags;
	__u64 pdptrs[4];
};

struct kvm_fpu {
	__u8 fpr[8][16];
	__u16 fcw;
	__u16 fsw;
	__u8 ftwx;		/* one bit a register, as FXSAVE has it */
	__u8 pad1;
	__u16 last_opcode;
	__u64 last_ip;
	__u64 last_dp;
	__u8 xmm[16][16];
	__u32 mxcsr;
	__u32 pad2;
};

/* An XSAVE image, standard format; XSAVE2: KVM_CAP_XSAVE2 bytes of it. */
struct kvm_xsave {
	__u32 region[1024];
	__VINTC_FLEX(__u32, extra);
};

#define KVM_MAX_XCRS	16

struct kvm_xcr {
	__u32 xcr;
	__u32 reserved;
	__u64 value;
};

struct kvm_xcrs {
	__u32 nr_xcrs;
	__u32 flags;
	struct kvm_xcr xcrs[KVM_MAX_XCRS];
	__u64 padding[16];
};

struct kvm_debugregs {
	__u64 db[4];
	__u64 dr6;
	__u64 dr7;
	__u64 flags;
	__u64 reserved[9];
};

#define KVM_APIC_REG_SIZE	0x400

struct kvm_lapic_state {
	char regs[KVM_APIC_REG_SIZE];
};

#define KVM_GET_REGS		_IOR(KVMIO, 0x81, struct kvm_regs)
#define KVM_SET_REGS		_IOW(KVMIO, 0x82, struct kvm_regs)
#define KVM_GET_SREGS		_IOR(KVMIO, 0x83, struct kvm_sregs)
#define KVM_SET_SREGS		_IOW(KVMIO, 0x84, struct kvm_sregs)
#define KVM_GET_SREGS2		_IOR(KVMIO, 0xcc, struct kvm_sregs2)
#define KVM_SET_SREGS2		_IOW(KVMIO, 0xcd, struct kvm_sregs2)
#define KVM_GET_FPU		_IOR(KVMIO, 0x8c, struct kvm_fpu)
#define KVM_SET_FPU		_IOW(KVMIO, 0x8d, struct kvm_fpu)
#define KVM_GET_LAPIC		_IOR(KVMIO, 0x8e, struct kvm_lapic_state)
#define KVM_SET_LAPIC		_IOW(KVMIO, 0x8f, struct kvm_lapic_state)
#define KVM_GET_DEBUGREGS	_IOR(KVMIO, 0xa1, struct kvm_debugregs)
#define KVM_SET_DEBUGREGS	_IOW(KVMIO, 0xa2, struct kvm_debugregs)
#define KVM_GET_XSAVE		_IOR(KVMIO, 0xa4, struct kvm_xsave)
#define KVM_SET_XSAVE		_IOW(KVMIO, 0xa5, struct kvm_xsave)
#define KVM_GET_XSAVE2		_IOR(KVMIO, 0xcf, struct kvm_xsave)
#define KVM_GET_XCRS		_IOR(KVMIO, 0xa6, struct kvm_xcrs)
#define KVM_SET_XCRS		_IOW(KVMIO, 0xa7, struct kvm_xcrs)

/* ------------------------------------------------------------------------
 * vCPU: events and activity
 */

/* struct kvm_vcpu_events.flags: which optional fields a SET carries */
#define KVM_VCPUEVENT_VALID_NMI_PENDING		0x00000001
#define KVM_VCPUEVENT_VALID_SIPI_VECTOR		0x00000002
#define KVM_VCPUEVENT_VALID_SHADOW		0x00000004
#define KVM_VCPUEVENT_VALID_SMM			0x00000008
#define KVM_VCPUEVENT_VALID_PAYLOAD		0x00000010
#define KVM_VCPUEVENT_VALID_TRIPLE_FAULT	0x00000020

/* struct kvm_vcpu_events.interrupt.shadow */
#define KVM_X86_SHADOW_INT_MOV_SS	0x01
#define KVM_X86_SHADOW_INT_STI		0x02

struct kvm_vcpu_events {
	struct {
		__u8 injected;
		__u8 nr;
		__u8 has_error_code;
		__u8 pending;
		__u32 error_code;
	} exception;
	struct {
		__u8 injected;
		__u8 nr;
		__u8 soft;
		__u8 shadow;
	} interrupt;
	struct {
		__u8 injected;
		__u8 pending;
		__u8 masked;
		__u8 pad;
	} nmi;
	__u32 sipi_vector;
	__u32 flags;
	struct {
		__u8 smm;
		__u8 pending;
		__u8 smm_inside_nmi;
		__u8 latched_init;
	} smi;
	struct {
		__u8 pending;
	} triple_fault;
	__u8 reserved[26];
	__u8 exception_has_payload;
	__u64 exception_payload;
};

#define KVM_MP_STATE_RUNNABLE		0
#define KVM_MP_STATE_UNINITIALIZED	1	/* waits for INIT */
#define KVM_MP_STATE_INIT_RECEIVED	2	/* waits for SIPI */
#define KVM_MP_STATE_HALTED		3
#define KVM_MP_STATE_SIPI_RECEIVED	4
#define KVM_MP_STATE_AP_RESET_HOLD	9

struct kvm_mp_state {
	__u32 mp_state;
};

struct kvm_interrupt {
	__u32 irq;		/* a vector */
};

struct kvm_signal_mask {
	__u32 len;
	__VINTC_FLEX(__u8, sigset);
};

struct kvm_tpr_access_ctl {
	__u32 enabled;
	__u32 flags;
	__u32 reserved[8];
};

struct kvm_vapic_addr {
	__u64 vapic_addr;
};

struct kvm_x86_mce {
	__u64 status;
	__u64 addr;
	__u64 misc;
	__u64 mcg_status;
	__u8 bank;
	__u8 pad1[7];
	__u64 pad2[3];
};

struct kvm_translation {
	__u64 linear_address;
	__u64 physical_address;
	__u8 valid;
	__u8 writeable;
	__u8 usermode;
	__u8 pad[5];
};

#define KVM_RUN			_IO(KVMIO, 0x80)
#define KVM_TRANSLATE		_IOWR(KVMIO, 0x85, struct kvm_translation)
#define KVM_INTERRUPT		_IOW(KVMIO, 0x86, struct kvm_interrupt)
#define KVM_SET_SIGNAL_MASK	_IOW(KVMIO, 0x8b, struct kvm_signal_mask)
#define KVM_TPR_ACCESS_REPORTING _IOWR(KVMIO, 0x92, struct kvm_tpr_access_ctl)
#define KVM_SET_VAPIC_ADDR	_IOW(KVMIO, 0x93, struct kvm_vapic_addr)
#define KVM_GET_MP_STATE	_IOR(KVMIO, 0x98, struct kvm_mp_state)
#define KVM_SET_MP_STATE	_IOW(KVMIO, 0x99, struct kvm_mp_state)
#define KVM_NMI			_IO(KVMIO, 0x9a)
#define KVM_X86_SETUP_MCE	_IOW(KVMIO, 0x9c, __u64)
#define KVM_X86_GET_MCE_CAP_SUPPORTED	_IOR(KVMIO, 0x9d, __u64)	/* device */
#define KVM_X86_SET_MCE		_IOW(KVMIO, 0x9e, struct kvm_x86_mce)
#define KVM_GET_VCPU_EVENTS	_IOR(KVMIO, 0x9f, struct kvm_vcpu_events)
#define KVM_SET_VCPU_EVENTS	_IOW(KVMIO, 0xa0, struct kvm_vcpu_events)
#define KVM_KVMCLOCK_CTRL	_IO(KVMIO, 0xad)
#define KVM_SMI			_IO(KVMIO, 0xb7)

/* Debugging the guest */

#define KVM_GUESTDBG_ENABLE	0x00000001
#define KVM_GUESTDBG_SINGLESTEP	0x00000002
#define KVM_GUESTDBG_USE_SW_BP	0x00010000
#define KVM_GUESTDBG_USE_HW_BP	0x00020000
#define KVM_GUESTDBG_INJECT_DB	0x00040000
#define KVM_GUESTDBG_INJECT_BP	0x00080000
#define KVM_GUESTDBG_BLOCKIRQ	0x00100000

struct kvm_guest_debug_arch {
	__u64 debugreg[8];
};

struct kvm_guest_debug {
	__u32 control;
	__u32 pad;
	struct kvm_guest_debug_arch arch;
};

struct kvm_debug_exit_arch {
	__u32 exception;
	__u32 pad;
	__u64 pc;
	__u64 dr6;
	__u64 dr7;
};

#define KVM_SET_GUEST_DEBUG	_IOW(KVMIO, 0x9b, struct kvm_guest_debug)

/* Registers by identifier */

#define KVM_REG_ARCH_MASK	0xff00000000000000ULL
#define KVM_REG_GENERIC		0x0000000000000000ULL
#define KVM_REG_X86		0x2000000000000000ULL
#define KVM_REG_SIZE_SHIFT	52
#define KVM_REG_SIZE_MASK	0x00f0000000000000ULL
#define KVM_REG_SIZE_U32	0x0020000000000000ULL
#define KVM_REG_SIZE_U64	0x0030000000000000ULL

struct kvm_one_reg {
	__u64 id;
	__u64 addr;
};

struct kvm_reg_list {
	__u64 n;
	__VINTC_FLEX(__u64, reg);
};

#define KVM_GET_ONE_REG		_IOW(KVMIO, 0xab, struct kvm_one_reg)
#define KVM_SET_ONE_REG		_IOW(KVMIO, 0xac, struct kvm_one_reg)
#define KVM_GET_REG_LIST	_IOWR(KVMIO, 0xb0, struct kvm_reg_list)

/* Nested virtualization */

#define KVM_STATE_NESTED_FORMAT_VMX	0
#define KVM_STATE_NESTED_FORMAT_SVM	1

#define KVM_STATE_NESTED_GUEST_MODE	0x00000001
#define KVM_STATE_NESTED_RUN_PENDING	0x00000002
#define KVM_STATE_NESTED_EVMCS		0x00000004
#define KVM_STATE_NESTED_MTF_PENDING	0x00000008
#define KVM_STATE_NESTED_GIF_SET	0x00000100

#define KVM_STATE_NESTED_SMM_GUEST_MODE	0x00000001
#define KVM_STATE_NESTED_SMM_VMXON	0x00000002

#define KVM_STATE_NESTED_VMX_VMCS_SIZE	0x1000
#define KVM_STATE_NESTED_SVM_VMCB_SIZE	0x1000

#define KVM_STATE_VMX_PREEMPTION_TIMER_DEADLINE	0x00000001

struct kvm_vmx_nested_state_data {
	__u8 vmcs12[KVM_STATE_NESTED_VMX_VMCS_SIZE];
	__u8 shadow_vmcs12[KVM_STATE_NESTED_VMX_VMCS_SIZE];
};

struct kvm_vmx_nested_state_hdr {
	__u64 vmxon_pa;
	__u64 vmcs12_pa;
	struct {
		__u16 flags;
	} smm;
	__u16 pad;
	__u32 flags;
	__u64 preemption_timer_deadline;
};

struct kvm_svm_nested_state_data {
	__u8 vmcb12[KVM_STATE_NESTED_SVM_VMCB_SIZE];
};

struct kvm_svm_nested_state_hdr {
	__u64 vmcb_pa;
};

/* The data has size 0 in the type, so that the ioctls' numbers stand. */
struct kvm_nested_state {
	__u16 flags;
	__u16 format;
	__u32 size;
	union {
		struct kvm_vmx_nested_state_hdr vmx;
		struct kvm_svm_nested_state_hdr svm;
		__u8 pad[120];
	} hdr;
	union {
		__VINTC_FLEX(struct kvm_vmx_nested_state_data, vmx);
		__VINTC_FLEX(struct kvm_svm_nested_state_data, svm);
	} data;
};

#define KVM_GET_NESTED_STATE	_IOWR(KVMIO, 0xbe, struct kvm_nested_state)
#define KVM_SET_NESTED_STATE	_IOW(KVMIO, 0xbf, struct kvm_nested_state)

/* ------------------------------------------------------------------------
 * vCPU: KVM_RUN and what it returns with
 */

#define KVM_EXIT_UNKNOWN		0
#define KVM_EXIT_EXCEPTION		1
#define KVM_EXIT_IO			2
#define KVM_EXIT_HYPERCALL		3
#define KVM_EXIT_DEBUG			4
#define KVM_EXIT_HLT			5
#define KVM_EXIT_MMIO			6
#define KVM_EXIT_IRQ_WINDOW_OPEN	7
#define KVM_EXIT_SHUTDOWN		8
#define KVM_EXIT_FAIL_ENTRY		9
#define KVM_EXIT_INTR			10
#define KVM_EXIT_SET_TPR		11
#define KVM_EXIT_TPR_ACCESS		12
#define KVM_EXIT_NMI			16
#define KVM_EXIT_INTERNAL_ERROR		17
#define KVM_EXIT_WATCHDOG		21
#define KVM_EXIT_EPR			23
#define KVM_EXIT_SYSTEM_EVENT		24
#define KVM_EXIT_IOAPIC_EOI		26
#define KVM_EXIT_HYPERV			27
#define KVM_EXIT_X86_RDMSR		29
#define KVM_EXIT_X86_WRMSR		30
#define KVM_EXIT_DIRTY_RING_FULL	31
#define KVM_EXIT_AP_RESET_HOLD		32
#define KVM_EXIT_X86_BUS_LOCK		33
#define KVM_EXIT_XEN			34
#define KVM_EXIT_NOTIFY			37

/* kvm_run.internal.suberror */
#define KVM_INTERNAL_ERROR_EMULATION			1
#define KVM_INTERNAL_ERROR_SIMUL_EX			2
#define KVM_INTERNAL_ERROR_DELIVERY_EV			3
#define KVM_INTERNAL_ERROR_UNEXPECTED_EXIT_REASON	4

/* kvm_run.emulation_failure.flags */
#define KVM_INTERNAL_ERROR_EMULATION_FLAG_INSTRUCTION_BYTES	(1ULL << 0)

/* kvm_run.flags */
#define KVM_RUN_X86_SMM		(1 << 0)
#define KVM_RUN_X86_BUS_LOCK	(1 << 1)

/* kvm_run.io.direction */
#define KVM_EXIT_IO_IN		0
#define KVM_EXIT_IO_OUT		1

/* kvm_run.system_event.type */
#define KVM_SYSTEM_EVENT_SHUTDOWN	1
#define KVM_SYSTEM_EVENT_RESET		2
#define KVM_SYSTEM_EVENT_CRASH		3
#define KVM_SYSTEM_EVENT_WAKEUP		4
#define KVM_SYSTEM_EVENT_SUSPEND	5
#define KVM_SYSTEM_EVENT_SEV_TERM	6

/* kvm_run.notify.flags */
#define KVM_NOTIFY_CONTEXT_INVALID	(1 << 0)

#define KVM_EXIT_HYPERV_SYNIC	1
#define KVM_EXIT_HYPERV_HCALL	2
#define KVM_EXIT_HYPERV_SYNDBG	3

struct kvm_hyperv_exit {
	__u32 type;
	__u32 pad1;
	union {
		struct {
			__u32 msr;
			__u32 pad2;
			__u64 control;
			__u64 evt_page;
			__u64 msg_page;
		} synic;
		struct {
			__u64 input;
			__u64 result;
			__u64 params[2];
		} hcall;
		struct {
			__u32 msr;
			__u32 pad2;
			__u64 control;
			__u64 status;
			__u64 send_page;
			__u64 recv_page;
			__u64 pending_page;
		} syndbg;
	} u;
};

/* kvm_run.kvm_valid_regs and kvm_dirty_regs */
#define KVM_SYNC_X86_REGS	(1UL << 0)
#define KVM_SYNC_X86_SREGS	(1UL << 1)
#define KVM_SYNC_X86_EVENTS	(1UL << 2)
#define KVM_SYNC_X86_VALID_FIELDS \
	(KVM_SYNC_X86_REGS | KVM_SYNC_X86_SREGS | KVM_SYNC_X86_EVENTS)

#define SYNC_REGS_SIZE_BYTES	2048

struct kvm_sync_regs {
	struct kvm_regs regs;
	struct kvm_sregs sregs;
	struct kvm_vcpu_events events;
};

/*
 * Page 0 of the vCPU's mapping.  User space can write to it at any time, also
 * while KVM_RUN looks at it: the kernel reads a field once and believes nothing.
 */
struct kvm_run {
	/* in */
	__u8 request_interrupt_window;
	__u8 immediate_exit;
	__u8 padding1[6];

	/* out */
	__u32 exit_reason;
	__u8 ready_for_interrupt_injection;
	__u8 if_flag;
	__u16 flags;

	/* both ways, without an in-kernel irqchip */
	__u64 cr8;
	__u64 apic_base;

	/* out, by exit_reason; some are answered before the next KVM_RUN */
	union {
		struct {
			__u64 hardware_exit_reason;
		} hw;				/* UNKNOWN */
		struct {
			__u64 hardware_entry_failure_reason;
			__u32 cpu;
		} fail_entry;
		struct {
			__u32 exception;
			__u32 error_code;
		} ex;
		struct {
			__u8 direction;
			__u8 size;
			__u16 port;
			__u32 count;
			__u64 data_offset;	/* from the start of kvm_run */
		} io;
		struct {
			struct kvm_debug_exit_arch arch;
		} debug;
		struct {
			__u64 phys_addr;
			__u8 data[8];
			__u32 len;
			__u8 is_write;
		} mmio;
		struct {
			__u64 nr;
			__u64 args[6];
			__u64 ret;
			union {
				__u32 longmode;
				__u64 flags;
			};
		} hypercall;
		struct {
			__u64 rip;
			__u32 is_write;
			__u32 pad;
		} tpr_access;
		struct {
			__u32 suberror;
			__u32 ndata;
			__u64 data[16];
		} internal;
		/* internal with suberror EMULATION; flags is counted in ndata */
		struct {
			__u32 suberror;
			__u32 ndata;
			__u64 flags;
			union {
				struct {
					__u8 insn_size;
					__u8 insn_bytes[15];
				};
			};
		} emulation_failure;
		struct {
			__u32 epr;
		} epr;
		struct {
			__u32 type;
			__u32 ndata;
			union {
				__u64 flags;
				__u64 data[16];
			};
		} system_event;
		struct {
			__u8 vector;
		} eoi;				/* IOAPIC_EOI */
		struct kvm_hyperv_exit hyperv;
		struct {
			__u8 error;		/* in */
			__u8 pad[7];
			__u32 reason;
			__u32 index;
			__u64 data;		/* in for RDMSR, out for WRMSR */
		} msr;				/* X86_RDMSR, X86_WRMSR */
		struct {
			__u32 flags;
		} notify;
		struct {
			__u64 flags;
			__u64 gpa;
			__u64 size;
		} memory_fault;
		char padding[256];
	};

	__u64 kvm_valid_regs;
	__u64 kvm_dirty_regs;
	union {
		struct kvm_sync_regs regs;
		char padding[SYNC_REGS_SIZE_BYTES];
	} s;
};

/* ------------------------------------------------------------------------
 * Statistics: read from the fd that KVM_GET_STATS_FD returns (VM and vCPU)
 *
 * header, identifier string, descriptors, values: each found by its offset in
 * the header.  A descriptor is followed by its name, name_size bytes.
 */

struct kvm_stats_header {
	__u32 flags;
	__u32 name_size;
	__u32 num_desc;
	__u32 id_offset;
	__u32 desc_offset;
	__u32 data_offset;
};

#define KVM_STATS_TYPE_SHIFT		0
#define KVM_STATS_TYPE_MASK		(0xF << KVM_STATS_TYPE_SHIFT)
#define KVM_STATS_TYPE_CUMULATIVE	(0x0 << KVM_STATS_TYPE_SHIFT)
#define KVM_STATS_TYPE_INSTANT		(0x1 << KVM_STATS_TYPE_SHIFT)
#define KVM_STATS_TYPE_PEAK		(0x2 << KVM_STATS_TYPE_SHIFT)
#define KVM_STATS_TYPE_LINEAR_HIST	(0x3 << KVM_STATS_TYPE_SHIFT)
#define KVM_STATS_TYPE_LOG_HIST		(0x4 << KVM_STATS_TYPE_SHIFT)
#define KVM_STATS_TYPE_MAX		KVM_STATS_TYPE_LOG_HIST

#define KVM_STATS_UNIT_SHIFT		4
#define KVM_STATS_UNIT_MASK		(0xF << KVM_STATS_UNIT_SHIFT)
#define KVM_STATS_UNIT_NONE		(0x0 << KVM_STATS_UNIT_SHIFT)
#define KVM_STATS_UNIT_BYTES		(0x1 << KVM_STATS_UNIT_SHIFT)
#define KVM_STATS_UNIT_SECONDS		(0x2 << KVM_STATS_UNIT_SHIFT)
#define KVM_STATS_UNIT_CYCLES		(0x3 << KVM_STATS_UNIT_SHIFT)
#define KVM_STATS_UNIT_BOOLEAN		(0x4 << KVM_STATS_UNIT_SHIFT)
#define KVM_STATS_UNIT_MAX		KVM_STATS_UNIT_BOOLEAN

#define KVM_STATS_BASE_SHIFT		8
#define KVM_STATS_BASE_MASK		(0xF << KVM_STATS_BASE_SHIFT)
#define KVM_STATS_BASE_POW10		(0x0 << KVM_STATS_BASE_SHIFT)
#define KVM_STATS_BASE_POW2		(0x1 << KVM_STATS_BASE_SHIFT)
#define KVM_STATS_BASE_MAX		KVM_STATS_BASE_POW2

struct kvm_stats_desc {
	__u32 flags;		/* type, unit, base */
	__s16 exponent;
	__u16 size;		/* values */
	__u32 offset;		/* of the first, from data_offset */
	__u32 bucket_size;	/* of a linear histogram */
	__VINTC_FLEX(char, name);
};

#define KVM_GET_STATS_FD	_IO(KVMIO, 0xce)

#endif /* __LINUX_KVM_H */

/* ------------------------------------------------------------------------
 * Younger than KVM's header of 6.1: each by itself, as that file may be older
 */

#ifndef KVM_SET_USER_MEMORY_REGION2
struct kvm_userspace_memory_region2 {
	__u32 slot;
	__u32 flags;
	__u64 guest_phys_addr;
	__u64 memory_size;
	__u64 userspace_addr;
	__u64 guest_memfd_offset;
	__u32 guest_memfd;
	__u32 pad1;
	__u64 pad2[14];
};
#define KVM_SET_USER_MEMORY_REGION2 \
	_IOW(KVMIO, 0x49, struct kvm_userspace_memory_region2)
#endif
#ifndef KVM_MEM_GUEST_MEMFD
#define KVM_MEM_GUEST_MEMFD		(1UL << 2)
#endif

#ifndef KVM_SET_MEMORY_ATTRIBUTES
struct kvm_memory_attributes {
	__u64 address;
	__u64 size;
	__u64 attributes;
	__u64 flags;
};
#define KVM_SET_MEMORY_ATTRIBUTES \
	_IOW(KVMIO, 0xd2, struct kvm_memory_attributes)
#endif
#ifndef KVM_MEMORY_ATTRIBUTE_PRIVATE
#define KVM_MEMORY_ATTRIBUTE_PRIVATE	(1ULL << 3)
#endif

#ifndef KVM_CREATE_GUEST_MEMFD
struct kvm_create_guest_memfd {
	__u64 size;
	__u64 flags;
	__u64 reserved[6];
};
#define KVM_CREATE_GUEST_MEMFD \
	_IOWR(KVMIO, 0xd4, struct kvm_create_guest_memfd)
#endif

#ifndef KVM_PRE_FAULT_MEMORY
struct kvm_pre_fault_memory {
	__u64 gpa;
	__u64 size;
	__u64 flags;
	__u64 padding[5];
};
#define KVM_PRE_FAULT_MEMORY \
	_IOWR(KVMIO, 0xd5, struct kvm_pre_fault_memory)
#endif

#ifndef KVM_EXIT_MEMORY_FAULT
#define KVM_EXIT_MEMORY_FAULT			39
#endif
#ifndef KVM_MEMORY_EXIT_FLAG_PRIVATE
#define KVM_MEMORY_EXIT_FLAG_PRIVATE		(1ULL << 3)
#endif
#ifndef KVM_EXIT_HYPERCALL_LONG_MODE
#define KVM_EXIT_HYPERCALL_LONG_MODE		(1ULL << 0)
#endif
#ifndef KVM_RUN_X86_GUEST_MODE
#define KVM_RUN_X86_GUEST_MODE			(1 << 2)
#endif
#ifndef KVM_MSR_EXIT_REASON_VALID_MASK
#define KVM_MSR_EXIT_REASON_VALID_MASK \
	(KVM_MSR_EXIT_REASON_INVAL | KVM_MSR_EXIT_REASON_UNKNOWN | \
	 KVM_MSR_EXIT_REASON_FILTER)
#endif
#ifndef KVM_MSR_FILTER_RANGE_VALID_MASK
#define KVM_MSR_FILTER_RANGE_VALID_MASK \
	(KVM_MSR_FILTER_READ | KVM_MSR_FILTER_WRITE)
#endif
#ifndef KVM_MSR_FILTER_VALID_MASK
#define KVM_MSR_FILTER_VALID_MASK		KVM_MSR_FILTER_DEFAULT_DENY
#endif
#ifndef KVM_PMU_EVENT_FLAG_MASKED_EVENTS
#define KVM_PMU_EVENT_FLAG_MASKED_EVENTS	(1 << 0)
#endif
#ifndef KVM_X86_QUIRK_SLOT_ZAP_ALL
#define KVM_X86_QUIRK_SLOT_ZAP_ALL		(1 << 7)
#endif
#ifndef KVM_X86_QUIRK_STUFF_FEATURE_MSRS
#define KVM_X86_QUIRK_STUFF_FEATURE_MSRS	(1 << 8)
#endif
#ifndef KVM_X86_QUIRK_IGNORE_GUEST_PAT
#define KVM_X86_QUIRK_IGNORE_GUEST_PAT		(1 << 9)
#endif
#ifndef KVM_X86_QUIRK_VMCS12_ALLOW_FREEZE_IN_SMM
#define KVM_X86_QUIRK_VMCS12_ALLOW_FREEZE_IN_SMM (1 << 10)
#endif
#ifndef KVM_X86_QUIRK_NESTED_SVM_SHARED_PAT
#define KVM_X86_QUIRK_NESTED_SVM_SHARED_PAT	(1 << 11)
#endif
#ifndef KVM_X86_DISABLE_EXITS_APERFMPERF
#define KVM_X86_DISABLE_EXITS_APERFMPERF	(1 << 4)
#endif
#ifndef KVM_X2APIC_ENABLE_SUPPRESS_EOI_BROADCAST
#define KVM_X2APIC_ENABLE_SUPPRESS_EOI_BROADCAST (1ULL << 2)
#endif
#ifndef KVM_X2APIC_DISABLE_SUPPRESS_EOI_BROADCAST
#define KVM_X2APIC_DISABLE_SUPPRESS_EOI_BROADCAST (1ULL << 3)
#endif
#ifndef KVM_X86_REG_TYPE_MSR
#define KVM_X86_REG_TYPE_MSR			2
#endif
#ifndef KVM_X86_REG_TYPE_KVM
#define KVM_X86_REG_TYPE_KVM			3
#endif
#ifndef KVM_REG_GUEST_SSP
#define KVM_REG_GUEST_SSP			0
#endif
#ifndef KVM_X86_GRP_SYSTEM
#define KVM_X86_GRP_SYSTEM			0
#endif
#ifndef KVM_X86_DEFAULT_VM
#define KVM_X86_DEFAULT_VM			0
#endif
#ifndef KVM_X86_SW_PROTECTED_VM
#define KVM_X86_SW_PROTECTED_VM			1
#endif
#ifndef KVM_CAP_DIRTY_LOG_RING_WITH_BITMAP
#define KVM_CAP_DIRTY_LOG_RING_WITH_BITMAP	225
#endif
#ifndef KVM_CAP_PMU_EVENT_MASKED_EVENTS
#define KVM_CAP_PMU_EVENT_MASKED_EVENTS		226
#endif
#ifndef KVM_CAP_USER_MEMORY2
#define KVM_CAP_USER_MEMORY2			231
#endif
#ifndef KVM_CAP_MEMORY_FAULT_INFO
#define KVM_CAP_MEMORY_FAULT_INFO		232
#endif
#ifndef KVM_CAP_MEMORY_ATTRIBUTES
#define KVM_CAP_MEMORY_ATTRIBUTES		233
#endif
#ifndef KVM_CAP_GUEST_MEMFD
#define KVM_CAP_GUEST_MEMFD			234
#endif
#ifndef KVM_CAP_VM_TYPES
#define KVM_CAP_VM_TYPES			235
#endif
#ifndef KVM_CAP_PRE_FAULT_MEMORY
#define KVM_CAP_PRE_FAULT_MEMORY		236
#endif
#ifndef KVM_CAP_X86_APIC_BUS_CYCLES_NS
#define KVM_CAP_X86_APIC_BUS_CYCLES_NS		237
#endif
#ifndef KVM_CAP_X86_GUEST_MODE
#define KVM_CAP_X86_GUEST_MODE			238
#endif
#ifndef KVM_CAP_GUEST_MEMFD_FLAGS
#define KVM_CAP_GUEST_MEMFD_FLAGS		244
#endif

/* ------------------------------------------------------------------------
 * What only vintc has
 *
 * Its ioctls have a type byte of their own, 0xDE, which the kernel's list of
 * ioctl numbers (ioctl-number.rst) gives to nobody; all of 0xAE, 0x40 to 0xFF,
 * is KVM's to grow into.  KVM's fds refuse them.
 *
 * Rules: sizes are fixed; flags are input and unknown ones are EINVAL; reserved
 * fields are zero in both directions, and not zero on input is EINVAL.
 */

#define VINTC_IO		0xDE
#define VINTC_ABI_VERSION	1

/* struct vintc_info.backend: what runs the guests' instructions */
#define VINTC_BACKEND_NONE	0	/* no VMs can be made */
#define VINTC_BACKEND_SVM	1
#define VINTC_BACKEND_VMX	2
#define VINTC_BACKEND_MODEL	3	/* the software CPU only */

/* struct vintc_info.present, .used: by bit */
#define VINTC_FEATURE_NESTED_PAGING	(1ULL << 0)	/* NPT or EPT */
#define VINTC_FEATURE_VNMI		(1ULL << 1)	/* SVM vNMI, VMX virtual NMIs */
#define VINTC_FEATURE_TSC_SCALING	(1ULL << 2)
#define VINTC_FEATURE_TLB_TAGS		(1ULL << 3)	/* ASIDs or VPIDs */
#define VINTC_FEATURE_SHARED		(1ULL << 7)	/* KVM had turned VMX or SVM on */
/* SVM */
#define VINTC_FEATURE_NRIP_SAVE		(1ULL << 8)
#define VINTC_FEATURE_DECODE_ASSIST	(1ULL << 9)
#define VINTC_FEATURE_VGIF		(1ULL << 10)
#define VINTC_FEATURE_FLUSH_BY_ASID	(1ULL << 11)
#define VINTC_FEATURE_CLEAN_BITS	(1ULL << 12)
#define VINTC_FEATURE_AVIC		(1ULL << 13)
#define VINTC_FEATURE_X2AVIC		(1ULL << 14)
#define VINTC_FEATURE_VIRT_SPEC_CTRL	(1ULL << 15)
#define VINTC_FEATURE_LBR_VIRT		(1ULL << 16)
#define VINTC_FEATURE_PAUSE_FILTER	(1ULL << 17)
/* VMX */
#define VINTC_FEATURE_UNRESTRICTED	(1ULL << 32)
#define VINTC_FEATURE_TPR_SHADOW	(1ULL << 33)
#define VINTC_FEATURE_APIC_ACCESS	(1ULL << 34)
#define VINTC_FEATURE_APIC_REGISTERS	(1ULL << 35)
#define VINTC_FEATURE_X2APIC_VIRT	(1ULL << 36)
#define VINTC_FEATURE_VINTR_DELIVERY	(1ULL << 37)
#define VINTC_FEATURE_POSTED_INTR	(1ULL << 38)
#define VINTC_FEATURE_IPI_VIRT		(1ULL << 39)
#define VINTC_FEATURE_PREEMPTION_TIMER	(1ULL << 40)
#define VINTC_FEATURE_PML		(1ULL << 41)
#define VINTC_FEATURE_PAUSE_LOOP	(1ULL << 42)	/* PAUSE-loop exiting */

/**
 * struct vintc_info - what vintc found on this machine and what it chose
 * @flags: in: 0
 * @version: VINTC_ABI_VERSION
 * @backend: VINTC_BACKEND_*
 * @reserved0: 0
 * @present: VINTC_FEATURE_* that the hardware has and vintc knows
 * @used: those of @present that new VMs get by default
 * @reserved: 0
 */
struct vintc_info {
	__u32 flags;
	__u32 version;
	__u32 backend;
	__u32 reserved0;
	__u64 present;
	__u64 used;
	__u64 reserved[12];
};

#define VINTC_NR_VECTORS	256

/**
 * struct vintc_vector_stats - a vCPU's interrupts, vector by vector
 * @flags: in: 0
 * @reserved: 0
 * @asserted: times the vector was accepted into the vCPU's local APIC as a new
 *	request (IRR from 0 to 1); one that found its bit set was merged and is
 *	not counted
 * @delivered: times it was taken by the guest (IRR to ISR)
 * @eoi: times it left ISR by the guest's EOI
 * @latency_sum_ns: time from assertion to delivery, summed
 * @latency_max_ns: the longest
 */
struct vintc_vector_stats {
	__u32 flags;
	__u32 reserved;
	__u64 asserted[VINTC_NR_VECTORS];
	__u64 delivered[VINTC_NR_VECTORS];
	__u64 eoi[VINTC_NR_VECTORS];
	__u64 latency_sum_ns[VINTC_NR_VECTORS];
	__u64 latency_max_ns[VINTC_NR_VECTORS];
};

/* ---- Policies: what a VM does where there is a choice (docs/policies.md)
 *
 * Each has a safe default, 0 where nothing else is said. The others are for
 * comparison, and some are faults that hypervisors once had: what they harm is
 * the guest, never the host.
 */

/* How a lowest-priority message picks its target */
#define VINTC_POLICY_LOWEST_PRIORITY	0
#define VINTC_LOWEST_BY_VECTOR		0	/* vector modulo the candidates */
#define VINTC_LOWEST_FIRST		1	/* the vCPU that was created first */

/* An EOI-exit map that was computed while the vCPU runs L2 */
#define VINTC_POLICY_EXIT_MAP_IN_L2	1
#define VINTC_EXIT_MAP_DEFERRED		0	/* loaded when L1 runs again */
#define VINTC_EXIT_MAP_LOST		1	/* not loaded: a fault */

/* A level interrupt in service whose entry has been sent elsewhere */
#define VINTC_POLICY_STALE_EOI		2
#define VINTC_STALE_EOI_ONCE		0	/* its EOI is seen, then no more */
#define VINTC_STALE_EOI_KEPT		1	/* seen until the next scan */
#define VINTC_STALE_EOI_FORGOTTEN	2	/* not seen: a fault */

/* An INIT that comes while it is blocked (VMX root operation, GIF clear) */
#define VINTC_POLICY_INIT_BLOCKED	3
#define VINTC_INIT_WAITS		0
#define VINTC_INIT_LOST			1	/* a fault */

/* Posting to a vCPU that has been told already (PIR.ON) */
#define VINTC_POLICY_POST_NOTIFY	4
#define VINTC_NOTIFY_FIRST		0	/* says nothing more */
#define VINTC_NOTIFY_ALWAYS		1	/* tells it again */

/* The IOAPIC's version: 0x11, the default, or 0x20, which has an EOI register */
#define VINTC_POLICY_IOAPIC_VERSION	5

/* Shortest period of the local APIC's timer, ns, up to a second; 200000; before
 * the first vCPU
 */
#define VINTC_POLICY_TIMER_MIN_NS	6

/* Interrupts delivered by hardware (APICv, AVIC), where it can */
#define VINTC_POLICY_ACCELERATION	7
#define VINTC_ACCELERATION_AUTO		0
#define VINTC_ACCELERATION_OFF		1

/* A level line that is still asserted at the EOI, so many times in a row: it is
 * not sent again for 10 ms. 10000; 0: always sent at once
 */
#define VINTC_POLICY_LEVEL_STORM	8

/* Who ends a run of the guest at its TSC deadline */
#define VINTC_POLICY_DEADLINE		9
#define VINTC_DEADLINE_AUTO		0	/* the CPU's VMX-preemption timer, where there is one */
#define VINTC_DEADLINE_HOST		1	/* the host's timer; from the next deadline on */

/* Who sends a guest's IPIs where hardware delivers interrupts. */
#define VINTC_POLICY_IPIS		10
#define VINTC_IPIS_HARDWARE		0	/* VMX: the CPU, where it has IPI virtualization */
#define VINTC_IPIS_EXIT			1	/* vintc; at any time */

#define VINTC_POLICIES			11

/**
 * struct vintc_policy - one of them
 * @flags: 0
 * @policy: VINTC_POLICY_...
 * @value: what to do; out with VINTC_GET_POLICY, and 0 in
 * @reserved: 0
 */
struct vintc_policy {
	__u32 flags;
	__u32 policy;
	__u64 value;
	__u64 reserved[2];
};

/* ---- IOAPICs beyond KVM's: VINTC_CREATE_IOAPIC. In KVM_SET_GSI_ROUTING they are
 * the chips KVM_IRQCHIP_IOAPIC + index; KVM's own has index 0. */

#define VINTC_MAX_IOAPICS	16	/* with KVM's */
#define VINTC_IOAPIC_MIN_PINS	24
#define VINTC_IOAPIC_MAX_PINS	240

/**
 * struct vintc_ioapic - after KVM_CREATE_IRQCHIP, before the first vCPU
 * @flags: 0
 * @index: out: which it is, from 1 on; 0 in
 * @address: of its registers, a multiple of 256
 * @gsi: pin 0's; the others follow. None of these GSIs has a route yet
 * @pins: VINTC_IOAPIC_MIN_PINS to _MAX_PINS
 * @id: what its ID register holds, 0 to 15
 * @reserved: 0
 */
struct vintc_ioapic {
	__u32 flags;
	__u32 index;
	__u64 address;
	__u32 gsi;
	__u32 pins;
	__u32 id;
	__u32 reserved[9];
};

/**
 * struct vintc_ioapic_state - of an IOAPIC, KVM's too
 * @flags: 0
 * @index: of which
 * @ioregsel, @id: these registers
 * @pins, @address: as it was created
 * @reserved0: 0
 * @irr: level-triggered pins that are asserted, by bit
 * @rte: redirection entries; 0 where there is no pin
 * @reserved: 0
 */
struct vintc_ioapic_state {
	__u32 flags;
	__u32 index;
	__u32 ioregsel;
	__u32 id;
	__u32 pins;
	__u32 reserved0;
	__u64 address;
	__u64 irr[4];
	__u64 rte[VINTC_IOAPIC_MAX_PINS];
	__u64 reserved[8];
};

/* ---- Why hardware does not deliver a VM's interrupts: VINTC_GET_INHIBITS */

#define VINTC_INHIBIT_UNSUPPORTED	(1ULL << 0)	/* not in the CPU, or switched off when loading */
#define VINTC_INHIBIT_POLICY		(1ULL << 1)	/* VINTC_ACCELERATION_OFF */
#define VINTC_INHIBIT_NO_IRQCHIP	(1ULL << 2)	/* no local APICs in the kernel */
#define VINTC_INHIBIT_APIC_ID		(1ULL << 3)	/* an xAPIC's ID is not its vCPU's */
#define VINTC_INHIBIT_APIC_BASE		(1ULL << 4)	/* an xAPIC was moved */
#define VINTC_INHIBIT_X2APIC		(1ULL << 5)	/* some APIC is in x2APIC mode */
#define VINTC_INHIBIT_PIT		(1ULL << 6)	/* the PIT waits for EOIs of edge interrupts */
#define VINTC_INHIBIT_VECTOR_STATS	(1ULL << 7)	/* VINTC_GET_VECTOR_STATS counts; hardware wouldn't */

/**
 * struct vintc_inhibits - see VINTC_GET_INHIBITS in docs/abi.md
 * @flags: 0
 * @reserved0: 0
 * @reasons: out: VINTC_INHIBIT_... that hold now; 0 in
 * @matter: out: those that switch acceleration off on this machine; 0 in
 * @reserved: 0
 */
struct vintc_inhibits {
	__u32 flags;
	__u32 reserved0;
	__u64 reasons;
	__u64 matter;
	__u64 reserved[5];
};

/* ---- VMs of model type: a software CPU instead of VMX or SVM (docs/model.md)
 *
 * KVM_CREATE_VM with this type makes one, on any machine. Everything of a VM is
 * as ever, but for KVM_RUN, which is EOPNOTSUPP: what the guest does is said by
 * VINTC_MODEL_RUN. Time is the VM's own and goes on only as a script says, so
 * that the same script has always the same result. The TSC runs at 1 GHz.
 */
#define VINTC_VM_TYPE_MODEL	0xDE01

/* struct vintc_model_config.flavour: what the CPU is like */
#define VINTC_MODEL_SVM		0	/* no interrupt virtualization */
#define VINTC_MODEL_VMX		1	/* the same, VMX's exits */
#define VINTC_MODEL_APICV	2	/* VMX: virtual interrupts, posted interrupts */
#define VINTC_MODEL_AVIC	3
#define VINTC_MODEL_X2AVIC	4

/**
 * struct vintc_model_config - before the VM's first vCPU
 * @flags: 0
 * @flavour: VINTC_MODEL_SVM...; VINTC_MODEL_SVM unless it is set
 * @reserved: 0
 */
struct vintc_model_config {
	__u32 flags;
	__u32 flavour;
	__u64 reserved[7];
};

/* struct vintc_model_op.op; what an instruction takes and gives is in addr, value */
#define VINTC_MODEL_NOP		0	/* one instruction that does nothing */
#define VINTC_MODEL_RDMSR	1	/* addr: index */
#define VINTC_MODEL_WRMSR	2
#define VINTC_MODEL_READ	3	/* addr: guest-physical, size: 1, 2, 4, 8 */
#define VINTC_MODEL_WRITE	4
#define VINTC_MODEL_IN		5	/* addr: port, size: 1, 2, 4 */
#define VINTC_MODEL_OUT		6
#define VINTC_MODEL_RDCR8	7
#define VINTC_MODEL_WRCR8	8
#define VINTC_MODEL_HLT		9
#define VINTC_MODEL_CLI		10
#define VINTC_MODEL_STI		11
#define VINTC_MODEL_IRET	12	/* from the innermost handler */
#define VINTC_MODEL_EOI		13	/* as the APIC's mode has it */
#define VINTC_MODEL_VMXON	14	/* VMX: L1 is in root operation from here */
#define VINTC_MODEL_VMXOFF	15
#define VINTC_MODEL_CLGI	16	/* SVM */
#define VINTC_MODEL_STGI	17
#define VINTC_MODEL_ENTER_L2	18	/* value: VINTC_MODEL_L2_... */
#define VINTC_MODEL_EXIT_L2	19	/* L2 does what L1 intercepts */
#define VINTC_MODEL_GUEST_OPS	20	/* those below are instructions of a vCPU */
/* What happens from outside, and to time */
#define VINTC_MODEL_ADVANCE	32	/* value: ns; timers fire on the way */
#define VINTC_MODEL_IDLE	33	/* value: ns at most; see docs/model.md */
#define VINTC_MODEL_LINE	34	/* addr: GSI, value: level; value is the status */
#define VINTC_MODEL_MSI		35	/* addr: address, value: data; value is the status */
#define VINTC_MODEL_NMI		36	/* to vcpu */

/* ENTER_L2: L1 wants to know of interrupts, as almost every hypervisor does */
#define VINTC_MODEL_L2_INTERCEPT_INTR	(1ULL << 0)

/* struct vintc_model_op.result */
#define VINTC_MODEL_UNDONE	0	/* not come to */
#define VINTC_MODEL_DONE	1
#define VINTC_MODEL_FAULT	2	/* code: the exception's vector */
#define VINTC_MODEL_NOBODY	3	/* no device is there: a read is all ones */
#define VINTC_MODEL_HALTED	4	/* vcpu sleeps and nothing wakes it */
#define VINTC_MODEL_STOPPED	5	/* vcpu waits for INIT or SIPI, or shut down */

/**
 * struct vintc_model_op - one operation of a script
 * @op: VINTC_MODEL_NOP...
 * @vcpu: ID of the vCPU; 0 where there is none to name
 * @addr, @size: as @op says, else 0
 * @flags: 0
 * @value: in: what is written; out: what was read
 * @result: in: 0; out: VINTC_MODEL_DONE...
 * @code: in: 0; out: with VINTC_MODEL_FAULT the vector
 * @reserved: 0
 */
struct vintc_model_op {
	__u32 op;
	__u32 vcpu;
	__u64 addr;
	__u64 value;
	__u32 size;
	__u32 flags;
	__u32 result;
	__u32 code;
	__u64 reserved;
};

/* struct vintc_model_event.kind */
#define VINTC_MODEL_EV_EXIT	0	/* code: the manuals' exit reason; info: 2 words */
#define VINTC_MODEL_EV_INTERRUPT 1	/* code: vector; taken by the guest */
#define VINTC_MODEL_EV_NMI	2
#define VINTC_MODEL_EV_L2_EXIT	3	/* from L2 to L1; code: exit reason */
#define VINTC_MODEL_EV_INIT	4
#define VINTC_MODEL_EV_SIPI	5	/* code: page */
#define VINTC_MODEL_EV_SCAN	6	/* handled vectors were computed */
#define VINTC_MODEL_EV_LOAD	7	/* and given to the CPU */
#define VINTC_MODEL_EV_NOTIFY	8	/* a posted-interrupt notification was processed */
#define VINTC_MODEL_EV_DOORBELL	9
#define VINTC_MODEL_EV_TIMER	10	/* the APIC's timer has expired */

/**
 * struct vintc_model_event - something that happened
 * @time: virtual ns
 * @op: index of the operation
 * @vcpu: ID of the vCPU
 * @kind: VINTC_MODEL_EV_EXIT...
 * @code: as @kind says
 * @info: VMX: exit qualification, 0. SVM: EXITINFO1, EXITINFO2. Else 0.
 */
struct vintc_model_event {
	__u64 time;
	__u32 op;
	__u32 vcpu;
	__u32 kind;
	__u32 code;
	__u64 info[2];
};

#define VINTC_MODEL_MAX_OPS	1024
#define VINTC_MODEL_MAX_EVENTS	8192
#define VINTC_MODEL_MAX_NS	(60ULL * 1000000000)	/* of one operation */

/**
 * struct vintc_model_run - a script
 * @flags: 0
 * @nr_ops: operations at @ops, 1 to VINTC_MODEL_MAX_OPS
 * @ops: struct vintc_model_op[]; answered in place
 * @events: struct vintc_model_event[]; what happened, in order
 * @nr_events: in: room at @events, to VINTC_MODEL_MAX_EVENTS; out: how many are there
 * @lost: out: events for which there was no room
 * @done: out: operations done; the one after them says why no more were
 * @reserved0: 0
 * @time: out: the VM's clock, ns
 * @reserved: 0
 */
struct vintc_model_run {
	__u32 flags;
	__u32 nr_ops;
	__u64 ops;
	__u64 events;
	__u32 nr_events;
	__u32 lost;
	__u32 done;
	__u32 reserved0;
	__u64 time;
	__u64 reserved[4];
};

#define VINTC_MODEL_CONFIG	_IOW(VINTC_IO, 0x20, struct vintc_model_config)	/* VM */
#define VINTC_MODEL_RUN		_IOWR(VINTC_IO, 0x21, struct vintc_model_run)	/* VM */

#define VINTC_GET_INFO		_IOWR(VINTC_IO, 0x00, struct vintc_info)	/* device */
#define VINTC_GET_POLICY	_IOWR(VINTC_IO, 0x10, struct vintc_policy)	/* VM */
#define VINTC_SET_POLICY	_IOW(VINTC_IO, 0x11, struct vintc_policy)	/* VM */
#define VINTC_GET_INHIBITS	_IOWR(VINTC_IO, 0x12, struct vintc_inhibits)	/* VM */
#define VINTC_CREATE_IOAPIC	_IOWR(VINTC_IO, 0x18, struct vintc_ioapic)	/* VM */
#define VINTC_GET_IOAPIC	_IOWR(VINTC_IO, 0x19, struct vintc_ioapic_state)	/* VM */
#define VINTC_SET_IOAPIC	_IOW(VINTC_IO, 0x1a, struct vintc_ioapic_state)	/* VM */
#define VINTC_GET_VECTOR_STATS	_IOWR(VINTC_IO, 0x40, struct vintc_vector_stats) /* vCPU */

/* ------------------------------------------------------------------------
 * Sizes that nothing may change
 */

/* Not in C++, where <linux/kvm.h> itself gets its open-ended arrays wrong. */
#ifdef __cplusplus
#define __VINTC_SIZE(type, size) struct __vintc_size
#else
#define __VINTC_SIZE(type, size) _Static_assert(sizeof(type) == (size), #type)
#endif

__VINTC_SIZE(struct kvm_regs, 144);
__VINTC_SIZE(struct kvm_segment, 24);
__VINTC_SIZE(struct kvm_sregs, 312);
__VINTC_SIZE(struct kvm_sregs2, 320);
__VINTC_SIZE(struct kvm_fpu, 416);
__VINTC_SIZE(struct kvm_xsave, 4096);
__VINTC_SIZE(struct kvm_xcrs, 392);
__VINTC_SIZE(struct kvm_debugregs, 128);
__VINTC_SIZE(struct kvm_lapic_state, 1024);
__VINTC_SIZE(struct kvm_vcpu_events, 64);
__VINTC_SIZE(struct kvm_mp_state, 4);
__VINTC_SIZE(struct kvm_cpuid2, 8);
__VINTC_SIZE(struct kvm_cpuid_entry2, 40);
__VINTC_SIZE(struct kvm_msrs, 8);
__VINTC_SIZE(struct kvm_msr_entry, 16);
__VINTC_SIZE(struct kvm_msr_list, 4);
__VINTC_SIZE(struct kvm_msr_filter, 392);
__VINTC_SIZE(struct kvm_pic_state, 16);
__VINTC_SIZE(struct kvm_ioapic_state, 216);
__VINTC_SIZE(struct kvm_irqchip, 520);
__VINTC_SIZE(struct kvm_irq_level, 8);
__VINTC_SIZE(struct kvm_irq_routing_entry, 48);
__VINTC_SIZE(struct kvm_irq_routing, 8);
__VINTC_SIZE(struct kvm_msi, 32);
__VINTC_SIZE(struct kvm_irqfd, 32);
__VINTC_SIZE(struct kvm_ioeventfd, 64);
__VINTC_SIZE(struct kvm_pit_state2, 112);
__VINTC_SIZE(struct kvm_clock_data, 48);
__VINTC_SIZE(struct kvm_userspace_memory_region, 32);
__VINTC_SIZE(struct kvm_userspace_memory_region2, 160);
__VINTC_SIZE(struct kvm_enable_cap, 104);
__VINTC_SIZE(struct kvm_nested_state, 128);
__VINTC_SIZE(struct kvm_guest_debug, 72);
__VINTC_SIZE(struct kvm_stats_header, 24);
__VINTC_SIZE(struct kvm_stats_desc, 16);
__VINTC_SIZE(struct kvm_run, 2352);
__VINTC_SIZE(struct vintc_info, 128);
__VINTC_SIZE(struct vintc_vector_stats, 8 + 5 * 256 * 8);
__VINTC_SIZE(struct vintc_ioapic, 64);
__VINTC_SIZE(struct vintc_ioapic_state, 2048);
__VINTC_SIZE(struct vintc_model_config, 64);
__VINTC_SIZE(struct vintc_model_op, 48);
__VINTC_SIZE(struct vintc_model_event, 40);
__VINTC_SIZE(struct vintc_model_run, 80);

#endif /* _UAPI_VINTC_H */
