/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Per-vector counts and latencies, VINTC_GET_VECTOR_STATS. Nothing is counted
 * until the first call of it, so that a vCPU nobody looks at pays a test of a
 * pointer.
 */
#ifndef VINTC_VECTORS_H
#define VINTC_VECTORS_H

#include "vcpu.h"

long vectors_ioctl(struct vcpu *vcpu, struct vintc_vector_stats __user *arg);

void __vectors_posted(struct vcpu *vcpu, u8 vector);
void __vectors_before(struct vcpu *vcpu);
void __vectors_after(struct vcpu *vcpu);
void __vectors_accepted(struct vcpu *vcpu, u8 vector);

/* Any CPU: @msg is about to be posted. */
static inline void vectors_posted(struct vcpu *vcpu, const struct irq_message *msg)
{
	if (unlikely(READ_ONCE(vcpu->vectors)))
		__vectors_posted(vcpu, msg->vector);
}

/* Owner: around a call of the engine that may set IRR or clear ISR bits. */
static inline void vectors_before(struct vcpu *vcpu)
{
	if (unlikely(vcpu->vectors))
		__vectors_before(vcpu);
}

static inline void vectors_after(struct vcpu *vcpu)
{
	if (unlikely(vcpu->vectors))
		__vectors_after(vcpu);
}

static inline void vectors_accepted(struct vcpu *vcpu, u8 vector)
{
	if (unlikely(vcpu->vectors))
		__vectors_accepted(vcpu, vector);
}

#endif
