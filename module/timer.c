// SPDX-License-Identifier: GPL-2.0-only
#include <linux/math64.h>
#include <asm/msr.h>
#include <asm/tsc.h>

#include "compat/compat.h"
#include "timer.h"
#include "trace.h"
#include "vectors.h"
#include "vm.h"

/*
 * In hardirq context, maybe on another CPU than the vCPU's: only asks the
 * owner, who turns it into an interrupt before it enters the guest.
 */
static enum hrtimer_restart fired(struct hrtimer *timer)
{
	struct vcpu *vcpu = container_of(timer, struct vcpu, timer);

	vcpu_request(vcpu, REQ_TIMER);
	vcpu_kick(vcpu);
	return HRTIMER_NORESTART;
}

void vcpu_timer_init(struct vcpu *vcpu)
{
	compat_hrtimer_init(&vcpu->timer, fired);
}

void vcpu_timer_stop(struct vcpu *vcpu)
{
	hrtimer_cancel(&vcpu->timer);
}

u64 vcpu_tsc_base(const struct vcpu *vcpu)
{
	if (likely(!vcpu->clock))
		return rdtsc();
	return mul_u64_u64_div_u64(READ_ONCE(*vcpu->clock), vcpu->vm->tsc_khz,
				   1000000);
}

/*
 * Host ns at which the guest's TSC reaches @deadline; 0 when it has. A deadline
 * that is too far for the arithmetic fires early and is armed again.
 */
static u64 tsc_deadline_ns(const struct vcpu *vcpu, u64 deadline)
{
	u64 now = guest_tsc(vcpu);
	u64 ticks = min_t(u64, deadline - now, BIT_ULL(53));

	if (deadline <= now)
		return 0;
	return ktime_get_ns() + mul_u64_u64_div_u64(ticks, 1000000,
						    vcpu->vm->tsc_khz);
}

/* A callback that is running leaves a request behind, which vcpu_timer_expired() finds stale. */
static void cancel(struct vcpu *vcpu)
{
	if (!vcpu->timer_armed)
		return;
	vcpu->timer_armed = false;
	hrtimer_try_to_cancel(&vcpu->timer);
}

/* @at: host ns, or 0: that time has come */
static void start(struct vcpu *vcpu, u64 at)
{
	if (!at) {
		cancel(vcpu);
		vcpu_request(vcpu, REQ_TIMER);
		return;
	}
	vcpu->timer_armed = true;
	hrtimer_start(&vcpu->timer, ns_to_ktime(min_t(u64, at, KTIME_MAX)),
		      HRTIMER_MODE_ABS_HARD);
}

/* @deadline: 0 for none */
static void watch(struct vcpu *vcpu, u64 deadline)
{
	if (deadline == vcpu->deadline)
		return;
	vcpu->deadline = deadline;
	vcpu->vm->ops->deadline_changed(vcpu);
}

static bool hardware_watches(const struct vcpu *vcpu)
{
	return vcpu->vm->ops->deadline_changed &&
	       vm_policy(vcpu->vm, VINTC_POLICY_DEADLINE) == VINTC_DEADLINE_AUTO;
}

void vcpu_timer_arm(struct vcpu *vcpu, const struct lapic_out *out)
{
	if (unlikely(vcpu->clock))
		return;
	trace_vintc_timer(vcpu->id,
			  out->effects & LAPIC_OUT_DISARM ? TRACE_TIMER_DISARM :
			  out->effects & LAPIC_OUT_ARM_TSC ? TRACE_TIMER_ARM_TSC :
			  TRACE_TIMER_ARM, out->deadline);
	if (out->effects & LAPIC_OUT_DISARM) {
		cancel(vcpu);
		watch(vcpu, 0);
		return;
	}
	if ((out->effects & LAPIC_OUT_ARM_TSC) && hardware_watches(vcpu)) {
		cancel(vcpu);
		watch(vcpu, out->deadline);
		return;
	}
	watch(vcpu, 0);
	start(vcpu, out->effects & LAPIC_OUT_ARM_TSC ?
			    tsc_deadline_ns(vcpu, out->deadline) : out->deadline);
}

void vcpu_timer_to_host(struct vcpu *vcpu)
{
	u64 deadline = vcpu->deadline;

	if (!deadline)
		return;
	watch(vcpu, 0);
	start(vcpu, tsc_deadline_ns(vcpu, deadline));
}

static bool due(const struct vcpu *vcpu, u64 now)
{
	const struct lapic *l = &vcpu->lapic;

	if (l->tsc_deadline)
		return guest_tsc(vcpu) >= l->tsc_deadline;
	return l->timer_deadline && now >= l->timer_deadline;
}

static __always_inline void fire(struct vcpu *vcpu, u64 now)
{
	struct lapic_out out = { .effects = 0 };

	vcpu->stats.timer_fired++;
	trace_vintc_timer(vcpu->id, TRACE_TIMER_FIRE, now);
	vectors_before(vcpu);
	lapic_timer(&vcpu->lapic, now, &out);
	vectors_after(vcpu);
	if (out.effects & ~LAPIC_OUT_EVENT)
		deliver_lapic(vcpu, &out);
}

bool vcpu_timer_passed(struct vcpu *vcpu, const struct lapic_out *out)
{
	if (!(out->effects & LAPIC_OUT_ARM_TSC) || unlikely(vcpu->clock) ||
	    guest_tsc(vcpu) < out->deadline)
		return false;
	trace_vintc_timer(vcpu->id, TRACE_TIMER_ARM_TSC, out->deadline);
	watch(vcpu, 0);
	cancel(vcpu);
	fire(vcpu, trace_vintc_timer_enabled() ? vcpu_now(vcpu) : 0);
	return true;
}

void vcpu_timer_expired(struct vcpu *vcpu)
{
	struct lapic_out out = { .effects = 0 };
	u64 now = vcpu_now(vcpu);

	if (!due(vcpu, now)) {
		/* The host's timer may be a little ahead of the guest's TSC. */
		if (vcpu->lapic.tsc_deadline) {
			out.effects = LAPIC_OUT_ARM_TSC;
			out.deadline = vcpu->lapic.tsc_deadline;
			vcpu_timer_arm(vcpu, &out);
		}
		return;
	}
	fire(vcpu, now);
}

void vcpu_deadline_passed(struct vcpu *vcpu)
{
	watch(vcpu, 0);
	vcpu_timer_expired(vcpu);
}

bool vcpu_timer_taken(struct vcpu *vcpu)
{
	if (vcpu_deadline_due(vcpu)) {
		vcpu_deadline_passed(vcpu);
		return true;
	}
	if (likely(!test_bit(REQ_TIMER, &vcpu->requests)) ||
	    !test_and_clear_bit(REQ_TIMER, &vcpu->requests))
		return false;
	if (likely(vcpu->has_lapic))
		vcpu_timer_expired(vcpu);
	return true;
}
