// SPDX-License-Identifier: GPL-2.0-only
/*
 * Model-specific registers: one table that says of each who may touch it, which
 * bits it has, where it lives. What isn't in the table is a #GP.
 *
 * Everything here may run between two VM entries with interrupts off: it takes
 * no lock and never sleeps. The x2APIC's registers and TSC_DEADLINE are what
 * guests write all the time; they are dealt with before the table is looked at.
 */
#include <linux/err.h>
#include <linux/ktime.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <asm/cpufeature.h>
#include <asm/msr-index.h>

#include "../pv.h"
#include "../timer.h"
#include "../trace.h"
#include "../vectors.h"
#include "../vm.h"
#include "msr.h"

#define X2APIC_FIRST 0x800
#define X2APIC_COUNT 0x100
#define X2APIC_EOI 0x80b

/* Registers of the engine that need the time. */
#define X2APIC_LVT_TIMER 0x832
#define X2APIC_TIMER_FIRST 0x838 /* initial and current count */
#define X2APIC_TIMER_DIVIDE 0x83e

/* ------------------------------------------------------------ local APIC */

static inline u64 x2apic_now(const struct vcpu *vcpu, u32 msr)
{
	if (unlikely(msr == X2APIC_LVT_TIMER || msr == X2APIC_TIMER_DIVIDE ||
		     (msr | 1) == (X2APIC_TIMER_FIRST | 1)))
		return vcpu_now(vcpu);
	return 0;
}

static inline int x2apic_write(struct vcpu *vcpu, u32 msr, u64 val)
{
	struct lapic_out out;

	if (unlikely(!vcpu->has_lapic))
		return MSR_GP;
	if (msr == X2APIC_EOI)
		vcpu_count_eoi(vcpu);
	out.effects = 0;
	vectors_before(vcpu);
	lapic_wrmsr(&vcpu->lapic, msr, val, x2apic_now(vcpu, msr), &out);
	vectors_after(vcpu);
	if (trace_vintc_ipi_enabled())
		vcpu_trace_self_ipi(vcpu, (msr & 0xff) << 4, val, &out);
	if (unlikely(out.effects & LAPIC_OUT_FAULT))
		return MSR_GP;
	deliver_lapic(vcpu, &out);
	return MSR_OK;
}

static inline int x2apic_read(struct vcpu *vcpu, u32 msr, u64 *val)
{
	if (unlikely(!vcpu->has_lapic))
		return MSR_GP;
	return lapic_rdmsr(&vcpu->lapic, msr, x2apic_now(vcpu, msr), val) ?
		       MSR_OK : MSR_GP;
}

/* ------------------------------------------------------------------- table */

static const struct msr_desc *msr_find(u32 msr)
{
	unsigned int lo = 0, hi = msr_table_n;

	while (lo < hi) {
		unsigned int mid = (lo + hi) / 2;

		if (msr < msr_table[mid].first)
			hi = mid;
		else if (msr > msr_table[mid].last)
			lo = mid + 1;
		else
			return &msr_table[mid];
	}
	return NULL;
}

static bool msr_allowed(const struct vcpu *vcpu, const struct msr_desc *d,
			bool host)
{
	if (host)
		return true;
	if (d->flags & M_PV)
		return pv_has(vcpu, d->feature);
	return !(d->flags & M_HOST) &&
	       (!d->feature || cpuid_has(vcpu, d->feature));
}

static int table_read(struct vcpu *vcpu, u32 msr, u64 *val, bool host)
{
	const struct msr_desc *d = msr_find(msr);

	if (!d)
		return MSR_UNKNOWN;
	if (!msr_allowed(vcpu, d, host) || (!host && (d->flags & M_WO)))
		return MSR_GP;
	if (d->get)
		return d->get(vcpu, d, msr, val, host);
	*val = d->at ? *(u64 *)((u8 *)vcpu + d->at) : 0;
	return MSR_OK;
}

static int table_write(struct vcpu *vcpu, u32 msr, u64 val, bool host)
{
	const struct msr_desc *d = msr_find(msr);

	if (!d)
		return MSR_UNKNOWN;
	if (!msr_allowed(vcpu, d, host) || (!host && (d->flags & M_RO)))
		return MSR_GP;
	if (d->flags & M_QUIET)
		return MSR_OK;
	if (d->set)
		return d->set(vcpu, d, msr, val, host);
	if (d->get) { /* computed, and read-only: its own value is no change */
		u64 now = 0;

		return d->get(vcpu, d, msr, &now, host) || now != val;
	}
	if (val & ~d->valid)
		return MSR_GP;
	if (d->at)
		*(u64 *)((u8 *)vcpu + d->at) = val;
	return MSR_OK;
}

/**
 * msr_read() - RDMSR, or KVM_GET_MSRS
 * @vcpu: owner
 * @msr: index
 * @val: result
 * @host: user space asks
 *
 * Context: atomic allowed. Return: MSR_OK, MSR_GP or MSR_UNKNOWN.
 */
int msr_read(struct vcpu *vcpu, u32 msr, u64 *val, bool host)
{
	int ret;

	if (msr - X2APIC_FIRST < X2APIC_COUNT)
		ret = x2apic_read(vcpu, msr, val);
	else
		ret = table_read(vcpu, msr, val, host);
	if (!host)
		trace_vintc_msr(vcpu->id, false, msr, ret ? 0 : *val, ret);
	return ret;
}

/**
 * msr_write() - WRMSR, or KVM_SET_MSRS
 * @vcpu: owner
 * @msr: index
 * @val: value
 * @host: user space asks; reserved bits are still checked
 *
 * Context: atomic allowed. Return: MSR_OK; MSR_GP or MSR_UNKNOWN, and nothing has
 * changed.
 */
int msr_write(struct vcpu *vcpu, u32 msr, u64 val, bool host)
{
	int ret;

	if (likely(msr - X2APIC_FIRST < X2APIC_COUNT))
		ret = x2apic_write(vcpu, msr, val);
	else if (msr == MSR_IA32_TSC_DEADLINE)
		ret = msr_deadline_write(vcpu, val, host);
	else
		ret = table_write(vcpu, msr, val, host);
	if (!host)
		trace_vintc_msr(vcpu->id, true, msr, val, ret);
	return ret;
}

/* ------------------------------------------------------------------- ioctls */

static bool msr_listed(const struct msr_desc *d, bool features)
{
	if (!features && d->first == MSR_TSC_AUX)
		return boot_cpu_has(X86_FEATURE_RDTSCP);
	return d->flags & (features ? M_FEATURE : M_LIST);
}

/**
 * msr_index_list() - KVM_GET_MSR_INDEX_LIST, KVM_GET_MSR_FEATURE_INDEX_LIST
 * @arg: user's list
 * @features: the second of them
 *
 * Return: 0; -E2BIG when there is too little room; nmsrs then says how much is
 * wanted; -EFAULT.
 */
long msr_index_list(struct kvm_msr_list __user *arg, bool features)
{
	struct kvm_msr_list list;
	u32 i, msr, room, n = 0;

	if (copy_from_user(&list, arg, sizeof(list)))
		return -EFAULT;
	room = list.nmsrs;
	for (i = 0; i < msr_table_n; i++)
		if (msr_listed(&msr_table[i], features))
			n += msr_table[i].last - msr_table[i].first + 1;
	list.nmsrs = n;
	if (copy_to_user(arg, &list, sizeof(list)))
		return -EFAULT;
	if (room < n)
		return -E2BIG;
	for (i = 0, n = 0; i < msr_table_n; i++) {
		if (!msr_listed(&msr_table[i], features))
			continue;
		for (msr = msr_table[i].first; msr <= msr_table[i].last; msr++)
			if (put_user(msr, &arg->indices[n++]))
				return -EFAULT;
	}
	return 0;
}

#define MSRS_PER_CALL 256 /* below this many, as KVM */

static int feature_read(u32 msr, u64 *val)
{
	const struct msr_desc *d = msr_find(msr);

	if (!d || !(d->flags & M_FEATURE))
		return MSR_GP;
	*val = 0;
	return d->get ? d->get(NULL, d, msr, val, true) : MSR_OK;
}

/* Return: how many were done before the first that is refused. */
static u32 msrs_do(struct vcpu *vcpu, struct kvm_msr_entry *e, u32 n, bool write)
{
	u32 i;

	for (i = 0; i < n; i++) {
		int ret;

		if (!vcpu)
			ret = feature_read(e[i].index, &e[i].data);
		else if (write)
			ret = msr_write(vcpu, e[i].index, e[i].data, true);
		else
			ret = msr_read(vcpu, e[i].index, &e[i].data, true);
		if (ret)
			break;
	}
	return i;
}

/**
 * msr_ioctl() - KVM_GET_MSRS, KVM_SET_MSRS
 * @vcpu: not running, its lock held; NULL: the device's KVM_GET_MSRS
 * @arg: user's header and entries
 * @write: the second of them
 *
 * Return: number of MSRs done; -E2BIG, -EFAULT, -ENOMEM.
 */
long msr_ioctl(struct vcpu *vcpu, struct kvm_msrs __user *arg, bool write)
{
	struct kvm_msr_entry *entries;
	struct kvm_msrs head;
	size_t size;
	long done;

	if (copy_from_user(&head, arg, sizeof(head)))
		return -EFAULT;
	if (head.nmsrs >= MSRS_PER_CALL)
		return -E2BIG;
	if (!head.nmsrs)
		return 0;
	size = head.nmsrs * sizeof(*entries);
	entries = memdup_user(arg->entries, size);
	if (IS_ERR(entries))
		return PTR_ERR(entries);
	done = msrs_do(vcpu, entries, head.nmsrs, write);
	if (!write && copy_to_user(arg->entries, entries, size))
		done = -EFAULT;
	kfree(entries);
	return done;
}
