// SPDX-License-Identifier: GPL-2.0-only
/* KVM_CHECK_EXTENSION and KVM_ENABLE_CAP. */
#include <linux/overflow.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "compat/compat.h"
#include "dirty.h"
#include "inhibit.h"
#include "state.h"
#include "vm.h"

/* What guests find different from the architecture, as KVM has it by default. */
#define VM_QUIRKS (KVM_X86_QUIRK_LINT0_REENABLED | KVM_X86_QUIRK_FIX_HYPERCALL_INSN)
/* Where the CPU has no exit at loops of PAUSE there is none to disable. */
#define VM_DISABLE_EXITS (KVM_X86_DISABLE_EXITS_HLT | KVM_X86_DISABLE_EXITS_PAUSE)

/* What a capability answers where that is one number for every VM. */
static const struct {
	u32 cap;
	int value;
} capabilities[] = {
	{ KVM_CAP_IRQCHIP, 1 },
	{ KVM_CAP_HLT, 1 },
	{ KVM_CAP_USER_MEMORY, 1 },
	{ KVM_CAP_USER_MEMORY2, 1 },
	{ KVM_CAP_SET_TSS_ADDR, 1 },
	{ KVM_CAP_SET_IDENTITY_MAP_ADDR, 1 },
	{ KVM_CAP_EXT_CPUID, 1 },
	{ KVM_CAP_NR_MEMSLOTS, MEMORY_SLOTS },
	{ KVM_CAP_NR_VCPUS, VM_MAX_VCPUS },
	{ KVM_CAP_MAX_VCPUS, VM_MAX_VCPUS },
	{ KVM_CAP_MAX_VCPU_ID, VM_MAX_VCPU_ID + 1 },
	{ KVM_CAP_MP_STATE, 1 },
	{ KVM_CAP_SYNC_MMU, 1 },
	{ KVM_CAP_DESTROY_MEMORY_REGION_WORKS, 1 },
	{ KVM_CAP_JOIN_MEMORY_REGIONS_WORKS, 1 },
	{ KVM_CAP_READONLY_MEM, 1 },
	{ KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2, KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE |
					     KVM_DIRTY_LOG_INITIALLY_SET },
	{ KVM_CAP_IRQ_ROUTING, VM_MAX_GSIS },
	{ KVM_CAP_IRQ_INJECT_STATUS, 1 },
	{ KVM_CAP_SIGNAL_MSI, 1 },
	{ KVM_CAP_USER_NMI, 1 },
	{ KVM_CAP_IRQFD, 1 },
	{ KVM_CAP_IRQFD_RESAMPLE, 1 },
	{ KVM_CAP_IOEVENTFD, 1 },
	{ KVM_CAP_IOEVENTFD_ANY_LENGTH, 1 },
	{ KVM_CAP_IOEVENTFD_NO_LENGTH, 1 },
	{ KVM_CAP_COALESCED_MMIO, KVM_COALESCED_MMIO_PAGE_OFFSET },
	{ KVM_CAP_COALESCED_PIO, 1 },
	{ KVM_CAP_SPLIT_IRQCHIP, 1 },
	{ KVM_CAP_PIT, 1 },
	{ KVM_CAP_PIT2, 1 },
	{ KVM_CAP_PIT_STATE2, 1 },
	{ KVM_CAP_REINJECT_CONTROL, 1 },
	{ KVM_CAP_VCPU_EVENTS, 1 },
	{ KVM_CAP_SYNC_REGS, KVM_SYNC_X86_VALID_FIELDS },
	{ KVM_CAP_MMU_SHADOW_CACHE_CONTROL, 1 },
	{ KVM_CAP_DEBUGREGS, 1 },
	{ KVM_CAP_MCE, MSR_MCE_CAP & 0xff },
	{ KVM_CAP_ADJUST_CLOCK, VM_CLOCK_FLAGS },
	{ KVM_CAP_KVMCLOCK_CTRL, 1 },
	{ KVM_CAP_X86_ROBUST_SINGLESTEP, 1 },
	{ KVM_CAP_SET_GUEST_DEBUG, 1 },
	{ KVM_CAP_SET_GUEST_DEBUG2, VCPU_DEBUG_FLAGS },
	{ KVM_CAP_XSAVE, 1 },
	{ KVM_CAP_XSAVE2, sizeof(struct kvm_xsave) },
	{ KVM_CAP_SREGS2, 1 },
	{ KVM_CAP_PRE_FAULT_MEMORY, 1 },
	{ KVM_CAP_NESTED_STATE, STATE_NESTED_SIZE },
	{ KVM_CAP_XCRS, 1 },
	{ KVM_CAP_INTERNAL_ERROR_DATA, 1 },
	{ KVM_CAP_IMMEDIATE_EXIT, 1 },
	{ KVM_CAP_BINARY_STATS_FD, 1 },
	{ KVM_CAP_TSC_DEADLINE_TIMER, 1 },
	{ KVM_CAP_GET_TSC_KHZ, 1 },
	{ KVM_CAP_SET_BOOT_CPU_ID, 1 },
	{ KVM_CAP_CHECK_EXTENSION_VM, 1 },
	{ KVM_CAP_ENABLE_CAP_VM, 1 },
	{ KVM_CAP_GET_MSR_FEATURES, 1 },
	{ KVM_CAP_HALT_POLL, 1 },
	{ KVM_CAP_X2APIC_API, KVM_X2APIC_API_USE_32BIT_IDS |
			      KVM_X2APIC_API_DISABLE_BROADCAST_QUIRK },
	{ KVM_CAP_X86_USER_SPACE_MSR, KVM_MSR_EXIT_REASON_VALID_MASK },
	{ KVM_CAP_X86_MSR_FILTER, 1 },
	{ KVM_CAP_MSR_PLATFORM_INFO, 1 },
	{ KVM_CAP_EXCEPTION_PAYLOAD, 1 },
	{ KVM_CAP_X86_TRIPLE_FAULT_EVENT, 1 },
	{ KVM_CAP_EXIT_ON_EMULATION_FAILURE, 1 },
	{ KVM_CAP_ENFORCE_PV_FEATURE_CPUID, 1 },
	{ KVM_CAP_ENABLE_CAP, 1 },
	{ KVM_CAP_STEAL_TIME, 1 },
	{ KVM_CAP_VCPU_ATTRIBUTES, 1 },
	{ KVM_CAP_DISABLE_QUIRKS, 1 },
	{ KVM_CAP_DISABLE_QUIRKS2, VM_QUIRKS },
	{ KVM_CAP_X86_DISABLE_EXITS, VM_DISABLE_EXITS },
};

int vm_check_extension(struct vm *vm, unsigned long cap)
{
	unsigned int i;

	if (cap == KVM_CAP_X86_APIC_BUS_CYCLES_NS)
		return (vm ? READ_ONCE(vm->apic_bus_ns) : 0) ?: 1;
	for (i = 0; i < ARRAY_SIZE(capabilities); i++)
		if (capabilities[i].cap == cap)
			return capabilities[i].value;
	return 0;
}

/* KVM_CAP_SPLIT_IRQCHIP: the local APICs alone. */
static long split_irqchip(struct vm *vm, u64 pins)
{
	lockdep_assert_held(&vm->lock);
	if (pins > VM_MAX_GSIS)
		return -EINVAL;
	if (vm->irqchip || vm->nr_vcpus)
		return -EEXIST;
	vm->split = true;
	vm->split_pins = pins;
	memory_set_hole(&vm->mem, LAPIC_BASE_DEFAULT >> PAGE_SHIFT);
	vm_inhibit(vm, VINTC_INHIBIT_NO_IRQCHIP, false);
	/* Pairs with the plain reads: everything is set up. */
	smp_store_release(&vm->irqchip, true);
	return 0;
}

/* KVM_CAP_MAX_VCPU_ID: IDs from @n on can't be; once. */
static long limit_ids(struct vm *vm, u64 n)
{
	lockdep_assert_held(&vm->lock);
	if (n > VM_MAX_VCPU_ID + 1 || vm->boot_cpu_id > n)
		return -EINVAL;
	if (vm->vcpu_ids && vm->vcpu_ids != n)
		return -EINVAL;
	vm->vcpu_ids = n;
	return 0;
}

/* KVM_CAP_X86_APIC_BUS_CYCLES_NS: vCPUs take it when they are made. */
static long apic_bus(struct vm *vm, u64 ns)
{
	/* The longest count must fit. */
	if (!ns || ns > U32_MAX || ns > U64_MAX / ((u64)U32_MAX * 128))
		return -EINVAL;
	if (!vm->irqchip)
		return -ENXIO;
	if (vm->nr_vcpus)
		return -EINVAL;
	vm->apic_bus_ns = ns;
	return 0;
}

static long disable_exits(struct vm *vm, u64 exits)
{
	if (exits & ~(u64)VM_DISABLE_EXITS)
		return -EINVAL;
	if (COMPAT_KVM_CPUID_FIRST && vm->nr_vcpus)
		return -EINVAL;
	if (exits & KVM_X86_DISABLE_EXITS_HLT)
		WRITE_ONCE(vm->hlt_in_guest, true);
	if (exits & KVM_X86_DISABLE_EXITS_PAUSE)
		WRITE_ONCE(vm->pause_in_guest, true);
	if (exits)
		vm_request_all(vm, REQ_INTERCEPTS);
	return 0;
}

static long x2apic_api(struct vm *vm, u64 bits)
{
	if (bits & ~(u64)(KVM_X2APIC_API_USE_32BIT_IDS |
			  KVM_X2APIC_API_DISABLE_BROADCAST_QUIRK))
		return -EINVAL;
	if (bits & KVM_X2APIC_API_USE_32BIT_IDS) {
		vm->x2apic_ids = true;
		bypass_update(vm);
	}
	return 0;
}

/* A number, or -EINVAL when it is above @max. */
static long number(u32 *where, u64 val, u64 max)
{
	if (val > max)
		return -EINVAL;
	WRITE_ONCE(*where, val);
	return 0;
}

static long flag(bool *where, u64 val)
{
	if (val > 1)
		return -EINVAL;
	WRITE_ONCE(*where, val);
	return 0;
}

static long enable(struct vm *vm, const struct kvm_enable_cap *cap)
{
	u64 arg = cap->args[0];

	switch (cap->cap) {
	case KVM_CAP_X2APIC_API:
		return x2apic_api(vm, arg);
	case KVM_CAP_X86_DISABLE_EXITS:
		return disable_exits(vm, arg);
	case KVM_CAP_SPLIT_IRQCHIP:
		return split_irqchip(vm, arg);
	case KVM_CAP_MAX_VCPU_ID:
		return limit_ids(vm, arg);
	case KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2:
		return dirty_set_manual(&vm->mem, arg);
	case KVM_CAP_X86_USER_SPACE_MSR:
		if (arg & ~(u64)KVM_MSR_EXIT_REASON_VALID_MASK)
			return -EINVAL;
		return number(&vm->user_msrs, arg, U32_MAX);
	case KVM_CAP_HALT_POLL:
		return number(&vm->halt_poll_ns, arg, U32_MAX);
	case KVM_CAP_X86_APIC_BUS_CYCLES_NS:
		return apic_bus(vm, arg);
	case KVM_CAP_MSR_PLATFORM_INFO:
		return flag(&vm->hide_platform_info, !arg);
	case KVM_CAP_EXCEPTION_PAYLOAD:
		return flag(&vm->exception_payload, !!arg);
	case KVM_CAP_X86_TRIPLE_FAULT_EVENT:
		return flag(&vm->triple_fault_event, !!arg);
	case KVM_CAP_EXIT_ON_EMULATION_FAILURE:
		return flag(&vm->exit_on_emulation_failure, arg);
	case KVM_CAP_DISABLE_QUIRKS2:
		if (arg & ~(u64)VM_QUIRKS)
			return -EINVAL;
		fallthrough;
	case KVM_CAP_DISABLE_QUIRKS: /* those that aren't known are off */
		vm->quirks_off = arg;
		return 0;
	}
	return -EINVAL;
}

static long cap_get(struct kvm_enable_cap *cap, const void __user *arg)
{
	if (copy_from_user(cap, arg, sizeof(*cap)))
		return -EFAULT;
	return cap->flags || memchr_inv(cap->pad, 0, sizeof(cap->pad)) ? -EINVAL : 0;
}

long cap_enable(struct vm *vm, const void __user *arg)
{
	struct kvm_enable_cap cap;
	long r = cap_get(&cap, arg);

	if (r)
		return r;
	mutex_lock(&vm->lock);
	r = enable(vm, &cap);
	mutex_unlock(&vm->lock);
	return r;
}

long cap_enable_vcpu(struct vcpu *vcpu, const void __user *arg)
{
	struct kvm_enable_cap cap;
	long r = cap_get(&cap, arg);

	if (r)
		return r;
	if (cap.cap != KVM_CAP_ENFORCE_PV_FEATURE_CPUID)
		return -EINVAL;
	vcpu->pv_enforce = cap.args[0];
	return 0;
}
