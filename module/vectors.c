// SPDX-License-Identifier: GPL-2.0-only
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/uaccess.h>

#include "inhibit.h"
#include "timer.h"
#include "vectors.h"
#include "vm.h"

/**
 * struct vectors - what is counted for one vCPU
 * @posted_at: host ns of the oldest post not yet delivered; 0 when there is
 *             none. Written by senders without a lock: two that race leave
 *             either's time.
 * @irr, @isr: register contents before the engine was called
 */
struct vectors {
	struct vintc_vector_stats stats;
	u64 posted_at[VINTC_NR_VECTORS];
	u32 irr[8], isr[8];
};

static void copy_bits(u32 to[8], const struct lapic *l, u32 reg)
{
	u32 i;

	for (i = 0; i < 8; i++)
		to[i] = lapic_get(l, reg + i * 0x10);
}

static bool pending(struct vcpu *vcpu, u32 vector)
{
	u32 irr = lapic_get(&vcpu->lapic, LAPIC_IRR + (vector >> 5) * 0x10);

	return irr & BIT(vector & 31) ||
	       READ_ONCE(vcpu->mailbox.pir[vector >> 6]) & BIT_ULL(vector & 63);
}

/*
 * A vector that was posted and then lost (the APIC was disabled, reset or set
 * by user space) has left its time behind, which is not this one's. Races with
 * the owner, who may be taking it: then this one's time counts.
 */
void __vectors_posted(struct vcpu *vcpu, u8 vector)
{
	struct vectors *v = READ_ONCE(vcpu->vectors);

	if (!READ_ONCE(v->posted_at[vector]) || !pending(vcpu, vector))
		WRITE_ONCE(v->posted_at[vector], vcpu_now(vcpu));
}

/* The same for vectors that the owner's own APIC raises: timer, self-IPI. */
static void forget_lost(struct vcpu *vcpu)
{
	struct vectors *v = vcpu->vectors;
	u32 i;

	for (i = 0; i < VINTC_NR_VECTORS; i++)
		if (READ_ONCE(v->posted_at[i]) && !pending(vcpu, i))
			WRITE_ONCE(v->posted_at[i], 0);
}

void __vectors_before(struct vcpu *vcpu)
{
	copy_bits(vcpu->vectors->irr, &vcpu->lapic, LAPIC_IRR);
	copy_bits(vcpu->vectors->isr, &vcpu->lapic, LAPIC_ISR);
	forget_lost(vcpu);
}

void __vectors_after(struct vcpu *vcpu)
{
	struct vectors *v = vcpu->vectors;
	u32 i;

	for (i = 0; i < VINTC_NR_VECTORS; i++) {
		u32 bit = BIT(i & 31);
		u32 irr = lapic_get(&vcpu->lapic, LAPIC_IRR + (i >> 5) * 0x10);
		u32 isr = lapic_get(&vcpu->lapic, LAPIC_ISR + (i >> 5) * 0x10);

		if ((irr & ~v->irr[i >> 5]) & bit) {
			v->stats.asserted[i]++;
			__vectors_posted(vcpu, i);
		}
		if ((v->isr[i >> 5] & ~isr) & bit)
			v->stats.eoi[i]++;
	}
}

void __vectors_accepted(struct vcpu *vcpu, u8 vector)
{
	struct vectors *v = vcpu->vectors;
	u64 at = READ_ONCE(v->posted_at[vector]), ns;

	v->stats.delivered[vector]++;
	if (!at)
		return;
	WRITE_ONCE(v->posted_at[vector], 0);
	ns = vcpu_now(vcpu) - at;
	v->stats.latency_sum_ns[vector] += ns;
	v->stats.latency_max_ns[vector] =
		max(v->stats.latency_max_ns[vector], ns);
}

long vectors_ioctl(struct vcpu *vcpu, struct vintc_vector_stats __user *arg)
{
	struct vectors *v = vcpu->vectors;
	struct { u32 flags, reserved; } in;

	if (copy_from_user(&in, arg, sizeof(in)))
		return -EFAULT;
	if (in.flags || in.reserved)
		return -EINVAL;
	if (!vcpu->has_lapic)
		return -EINVAL;
	if (!v) {
		v = kvzalloc(sizeof(*v), GFP_KERNEL_ACCOUNT);
		if (!v)
			return -ENOMEM;
		smp_store_release(&vcpu->vectors, v);
		/* What hardware delivers can't be counted. */
		vm_inhibit(vcpu->vm, VINTC_INHIBIT_VECTOR_STATS, true);
	}
	return copy_to_user(arg, &v->stats, sizeof(v->stats)) ? -EFAULT : 0;
}
