// SPDX-License-Identifier: GPL-2.0-only
/*
 * The APIC timer. Nothing counts: what is kept is when the count reaches zero,
 * and the current count is worked out when it is asked for.
 *
 * SDM 3A "APIC Timer".
 */
#include "lapic_priv.h"

static u64 sat_add(u64 a, u64 b)
{
	u64 sum;

	return __builtin_add_overflow(a, b, &sum) ? ~0ULL : sum;
}

static u64 sat_mul(u64 a, u64 b)
{
	u64 product;

	return __builtin_mul_overflow(a, b, &product) ? ~0ULL : product;
}

/* Bits 3, 1 and 0 of the divide configuration: 000b is 2, 110b 128, 111b 1. */
static u64 tick_ns(const struct lapic *l)
{
	u32 divide = lapic_get(l, LAPIC_TIMER_DIVIDE);
	u32 shift = (((divide & 3) | (divide & 8) >> 1) + 1) & 7;

	return (u64)(l->config.bus_ns ? l->config.bus_ns : 1) << shift;
}

/* Mode 11b is reserved; being neither of the others it is one-shot. */
static u8 lvt_mode(const struct lapic *l)
{
	return lapic_get(l, LAPIC_LVT_TIMER) >> LVT_TIMER_MODE_SHIFT & 3;
}

/* A period too short would keep the host from anything else. */
static u64 period_ns(const struct lapic *l)
{
	u64 ns = sat_mul(lapic_get(l, LAPIC_TIMER_INITIAL), l->timer_tick);
	u64 least = l->config.min_period_ns;

	/* Hardware may have stored an initial count of 0 already. */
	if (!least)
		least = 1;
	return ns < least ? least : ns;
}

void timer_stop(struct lapic *l, struct lapic_out *out)
{
	l->timer_deadline = 0;
	l->tsc_deadline = 0;
	out->effects |= LAPIC_OUT_DISARM;
}

static void timer_run(struct lapic *l, u64 span, u64 now, struct lapic_out *out)
{
	l->timer_start = now;
	l->timer_deadline = sat_add(now, span);
	/* 0 means stopped; a restored timer can have expired at 0. */
	if (!l->timer_deadline)
		l->timer_deadline = 1;
	out->effects &= ~LAPIC_OUT_DISARM;
	out->effects |= LAPIC_OUT_ARM;
	out->deadline = l->timer_deadline;
}

static void timer_run_tsc(struct lapic *l, struct lapic_out *out)
{
	out->effects &= ~LAPIC_OUT_DISARM;
	out->effects |= LAPIC_OUT_ARM_TSC;
	out->deadline = l->tsc_deadline;
}

/* Rounded up, so that 0 is seen only when the time has come. */
u32 timer_count(const struct lapic *l, u64 now)
{
	u64 left, count, initial = lapic_get(l, LAPIC_TIMER_INITIAL);

	if (!l->timer_deadline)
		return 0;
	if (now < l->timer_deadline) {
		left = l->timer_deadline - now;
	} else if (l->timer_mode == TIMER_PERIODIC) {
		u64 period = period_ns(l);

		left = period - (now - l->timer_deadline) % period;
	} else {
		return 0;
	}
	count = left / l->timer_tick + !!(left % l->timer_tick);
	return count < initial ? count : initial;
}

void timer_set_initial(struct lapic *l, u32 count, u64 now,
		       struct lapic_out *out)
{
	if (l->timer_mode == TIMER_TSC_DEADLINE) {
		lapic_put(l, LAPIC_TIMER_INITIAL, 0);
		return;
	}
	lapic_put(l, LAPIC_TIMER_INITIAL, count);
	if (!count) {
		timer_stop(l, out);
		return;
	}
	l->timer_tick = tick_ns(l);
	timer_run(l, l->timer_mode == TIMER_PERIODIC ? period_ns(l) :
		  sat_mul(count, l->timer_tick), now, out);
}

/* The count goes on from where it is, at the new rate. */
void timer_set_divide(struct lapic *l, u32 divide, u64 now,
		      struct lapic_out *out)
{
	u32 count = timer_count(l, now);

	lapic_put(l, LAPIC_TIMER_DIVIDE, divide);
	if (!l->timer_deadline || l->timer_tick == tick_ns(l))
		return;
	l->timer_tick = tick_ns(l);
	/* One that is due but not yet handled must still fire. */
	if (now < l->timer_deadline)
		timer_run(l, sat_mul(count, l->timer_tick), now, out);
}

/*
 * Between one-shot and periodic the count runs on; into and out of
 * TSC-deadline mode everything is disarmed.
 */
void timer_lvt_written(struct lapic *l, struct lapic_out *out)
{
	u8 mode = lvt_mode(l);

	if ((mode == TIMER_TSC_DEADLINE) !=
	    (l->timer_mode == TIMER_TSC_DEADLINE)) {
		lapic_put(l, LAPIC_TIMER_INITIAL, 0);
		timer_stop(l, out);
	}
	l->timer_mode = mode;
}

void lapic_set_tsc_deadline(struct lapic *l, u64 val, struct lapic_out *out)
{
	if (l->timer_mode != TIMER_TSC_DEADLINE ||
	    lapic_mode(l) == LAPIC_DISABLED)
		return;
	l->tsc_deadline = val;
	if (val)
		timer_run_tsc(l, out);
	else
		timer_stop(l, out);
}

u64 lapic_get_tsc_deadline(const struct lapic *l)
{
	return l->timer_mode == TIMER_TSC_DEADLINE ? l->tsc_deadline : 0;
}

void lapic_timer(struct lapic *l, u64 now, struct lapic_out *out)
{
	u64 period;

	if (l->timer_mode == TIMER_TSC_DEADLINE) {
		/* Only the caller can read the TSC; it says the time has come. */
		if (!l->tsc_deadline)
			return;
		l->tsc_deadline = 0;
		lapic_local(l, LAPIC_LVT_TIMER, out);
		return;
	}
	if (!l->timer_deadline)
		return;
	if (now < l->timer_deadline) {
		out->effects |= LAPIC_OUT_ARM;
		out->deadline = l->timer_deadline;
		return;
	}
	if (l->timer_mode == TIMER_PERIODIC) {
		period = period_ns(l);
		timer_run(l, period, now - (now - l->timer_deadline) % period, out);
	} else {
		l->timer_deadline = 0;
	}
	lapic_local(l, LAPIC_LVT_TIMER, out);
}

/*
 * Registers are in place; @count is the current count that was saved. As in
 * KVM a one-shot timer whose count was 0 fires at once: its interrupt may not
 * have made it into the saved IRR, and one too many is better than none.
 */
void timer_restore(struct lapic *l, u32 count, u64 now, struct lapic_out *out)
{
	u32 initial = lapic_get(l, LAPIC_TIMER_INITIAL);
	u64 armed = l->tsc_deadline;

	timer_stop(l, out);
	l->timer_mode = lvt_mode(l);
	l->timer_tick = tick_ns(l);
	if (l->timer_mode == TIMER_TSC_DEADLINE) {
		/* The deadline is an MSR, not part of what is restored. */
		l->tsc_deadline = armed;
		if (armed)
			timer_run_tsc(l, out);
		return;
	}
	if (!initial)
		return;
	if (l->timer_mode == TIMER_PERIODIC && (!count || count >= initial))
		timer_run(l, period_ns(l), now, out);
	else
		timer_run(l, sat_mul(count < initial ? count : initial,
				     l->timer_tick), now, out);
}
