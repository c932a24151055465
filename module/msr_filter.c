// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which MSRs a guest may touch, as user space has it, and accesses that user
 * space answers.
 *
 * A filter is read by vCPUs under RCU and replaced as a whole: an access meets
 * the old one or the new one. While there is one the backend intercepts every
 * MSR, also those that the guest otherwise has for itself.
 */
#include <linux/mm.h>
#include <linux/nospec.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "msr_filter.h"
#include "vm.h"

#define X2APIC_FIRST 0x800
#define X2APIC_LAST 0x8ff

/**
 * struct msr_filter - KVM_X86_SET_MSR_FILTER
 * @deny: what no range has
 * @n: ranges in use; the first that holds an MSR decides
 * @bits: all bitmaps; a range's begin at byte @at
 */
struct msr_filter {
	bool deny;
	u32 n;
	struct {
		u32 flags, base, nmsrs, at;
	} range[KVM_MSR_FILTER_MAX_RANGES];
	u8 bits[];
};

static_assert(MSR_GP == KVM_MSR_EXIT_REASON_INVAL);
static_assert(MSR_UNKNOWN == KVM_MSR_EXIT_REASON_UNKNOWN);
static_assert(MSR_DENIED == KVM_MSR_EXIT_REASON_FILTER);

static u32 map_bytes(const struct kvm_msr_filter_range *r)
{
	return DIV_ROUND_UP((u64)r->nmsrs, 8);
}

static bool range_valid(const struct kvm_msr_filter_range *r)
{
	return !(r->flags & ~(u32)KVM_MSR_FILTER_RANGE_VALID_MASK) &&
	       map_bytes(r) <= KVM_MSR_FILTER_MAX_BITMAP_SIZE &&
	       (u64)r->base + r->nmsrs <= BIT_ULL(32);
}

static struct msr_filter *filter_new(const struct kvm_msr_filter *arg)
{
	const struct kvm_msr_filter_range *r;
	struct msr_filter *f;
	u32 i, at = 0;

	for (i = 0; i < KVM_MSR_FILTER_MAX_RANGES; i++)
		at += map_bytes(&arg->ranges[i]);
	f = kvzalloc(struct_size(f, bits, at), GFP_KERNEL_ACCOUNT);
	if (!f)
		return ERR_PTR(-ENOMEM);
	f->deny = arg->flags & KVM_MSR_FILTER_DEFAULT_DENY;
	for (i = at = 0; i < KVM_MSR_FILTER_MAX_RANGES; i++) {
		r = &arg->ranges[i];
		if (!r->nmsrs)
			continue;
		if (copy_from_user(f->bits + at, (void __user *)r->bitmap,
				   map_bytes(r))) {
			kvfree(f);
			return ERR_PTR(-EFAULT);
		}
		f->range[f->n].flags = r->flags;
		f->range[f->n].base = r->base;
		f->range[f->n].nmsrs = r->nmsrs;
		f->range[f->n++].at = at;
		at += map_bytes(r);
	}
	return f;
}

long msr_filter_set(struct vm *vm, const struct kvm_msr_filter __user *uarg)
{
	struct msr_filter *f = NULL, *old;
	struct kvm_msr_filter arg;
	bool empty = true;
	u32 i;

	if (copy_from_user(&arg, uarg, sizeof(arg)))
		return -EFAULT;
	if (arg.flags & ~(u32)KVM_MSR_FILTER_VALID_MASK)
		return -EINVAL;
	for (i = 0; i < KVM_MSR_FILTER_MAX_RANGES; i++) {
		if (!range_valid(&arg.ranges[i]))
			return -EINVAL;
		empty &= !arg.ranges[i].nmsrs;
	}
	if (empty && arg.flags)
		return -EINVAL;
	if (!empty)
		f = filter_new(&arg);
	if (IS_ERR(f))
		return PTR_ERR(f);

	mutex_lock(&vm->lock);
	old = rcu_dereference_protected(vm->msr_filter, lockdep_is_held(&vm->lock));
	rcu_assign_pointer(vm->msr_filter, f);
	vm_request_all(vm, REQ_INTERCEPTS);
	mutex_unlock(&vm->lock);
	if (old)
		synchronize_rcu_expedited();
	kvfree(old);
	return 0;
}

void msr_filter_free(struct vm *vm)
{
	kvfree(rcu_dereference_protected(vm->msr_filter, 1));
}

bool msr_filtered(const struct vm *vm)
{
	return rcu_access_pointer(vm->msr_filter);
}

static bool filter_says(const struct msr_filter *f, u32 msr, u32 access)
{
	u32 i, bit = 0;

	for (i = 0; i < f->n; i++) {
		bit = msr - f->range[i].base;
		if (msr >= f->range[i].base && bit < f->range[i].nmsrs &&
		    (f->range[i].flags & access))
			break;
	}
	if (i == f->n)
		return !f->deny;
	bit = array_index_nospec(bit, f->range[i].nmsrs);
	return f->bits[f->range[i].at + bit / 8] & BIT(bit % 8);
}

static bool allowed(struct vm *vm, u32 msr, u32 access)
{
	const struct msr_filter *f;
	bool ok;

	if (likely(!msr_filtered(vm)) ||
	    (msr >= X2APIC_FIRST && msr <= X2APIC_LAST))
		return true;
	rcu_read_lock();
	f = rcu_dereference(vm->msr_filter);
	ok = !f || filter_says(f, msr, access);
	rcu_read_unlock();
	return ok;
}

int msr_guest_read(struct vcpu *vcpu, u32 msr, u64 *val)
{
	if (!allowed(vcpu->vm, msr, KVM_MSR_FILTER_READ))
		return MSR_DENIED;
	return msr_read(vcpu, msr, val, false);
}

int msr_guest_write(struct vcpu *vcpu, u32 msr, u64 val)
{
	if (!allowed(vcpu->vm, msr, KVM_MSR_FILTER_WRITE))
		return MSR_DENIED;
	return msr_write(vcpu, msr, val, false);
}

bool msr_to_user(struct vcpu *vcpu, u32 msr, bool write, u64 val, int why,
		 u64 next_rip)
{
	struct kvm_run *run = vcpu->run;

	if (likely(!(READ_ONCE(vcpu->vm->user_msrs) & why)))
		return false;
	run->exit_reason = write ? KVM_EXIT_X86_WRMSR : KVM_EXIT_X86_RDMSR;
	memset(&run->msr, 0, sizeof(run->msr));
	run->msr.reason = why;
	run->msr.index = msr;
	if (write)
		run->msr.data = val;
	vcpu->pio_rip = vcpu->rip;
	vcpu->pio_next_rip = next_rip;
	vcpu->completion = write ? COMPLETE_WRMSR : COMPLETE_RDMSR;
	vcpu->exit.error = 0;
	return true;
}

void msr_complete(struct vcpu *vcpu)
{
	const struct kvm_run *run = vcpu->run;
	bool read = vcpu->completion == COMPLETE_RDMSR;
	u64 data = READ_ONCE(run->msr.data);

	/* User space has sent the vCPU elsewhere since. */
	if (vcpu->rip != vcpu->pio_rip)
		return;
	if (READ_ONCE(run->msr.error)) {
		vcpu_queue_gp(vcpu);
		return;
	}
	if (read) {
		vcpu->gpr[X86_RAX] = (u32)data;
		vcpu->gpr[X86_RDX] = data >> 32;
	}
	vcpu_finish_insn(vcpu, vcpu->pio_next_rip);
}
