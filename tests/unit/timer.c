// SPDX-License-Identifier: GPL-2.0-only
/* SDM 3A "APIC Timer". One count is 2 ns unless the divider says otherwise. */
#include "fixture.h"

static u32 timer_expire(struct lapic *l, u64 now)
{
	fixture_poison();
	lapic_timer(l, now, &fixture_out);
	return fixture_out.effects;
}

static u32 timer_now(struct lapic *l, u64 now)
{
	return lapic_read(l, LAPIC_TIMER_CURRENT, now);
}

/* The vector that has arrived, taken off again; -1 if none. */
static int timer_taken(struct lapic *l)
{
	int vector = lapic_next(l);

	if (vector >= 0) {
		lapic_accept(l, vector);
		fixture_eoi(l);
	}
	return vector;
}

TEST(timer_one_shot)
{
	struct lapic *l = fixture_xapic(0);

	fixture_write(l, LAPIC_LVT_TIMER, 0x41, 0);
	CHECK_EQ(fixture_write(l, LAPIC_TIMER_INITIAL, 10, 1000), LAPIC_OUT_ARM);
	CHECK_EQ(fixture_out.deadline, 1020);
	CHECK_EQ(timer_now(l, 1000), 10);
	CHECK_EQ(timer_now(l, 1001), 10);
	CHECK_EQ(timer_now(l, 1002), 9);
	CHECK_EQ(timer_now(l, 1019), 1);
	CHECK_EQ(timer_now(l, 1020), 0);
	/* The host's timer may be early. */
	CHECK_EQ(timer_expire(l, 1019), LAPIC_OUT_ARM);
	CHECK_EQ(fixture_out.deadline, 1020);
	CHECK_EQ(timer_taken(l), -1);
	CHECK_EQ(timer_expire(l, 1025), LAPIC_OUT_EVENT);
	CHECK_EQ(timer_taken(l), 0x41);
	CHECK_EQ(timer_now(l, 1025), 0);
	CHECK_EQ(lapic_read(l, LAPIC_TIMER_INITIAL, 1025), 10);
	CHECK_EQ(timer_expire(l, 2000), 0);
	CHECK_EQ(timer_taken(l), -1);
}

TEST(timer_divide_table)
{
	static const u8 divisor[] = { 2, 4, 8, 16, 32, 64, 128, 1 };
	u32 i;

	for (i = 0; i < 8; i++) {
		struct lapic *l = fixture_xapic(0);
		struct lapic_config config = l->config;

		config.bus_ns = 3;
		lapic_configure(l, &config);
		fixture_write(l, LAPIC_TIMER_DIVIDE, (i & 3) | (i & 4) << 1, 0);
		fixture_write(l, LAPIC_TIMER_INITIAL, 1000, 7);
		CHECK_ROW(i, fixture_out.deadline, 7 + 3000 * divisor[i]);
		CHECK_ROW(i, timer_now(l, 7 + 300 * divisor[i]), 900);
	}
}

TEST(timer_divide_while_running)
{
	struct lapic *l = fixture_xapic(0);

	fixture_write(l, LAPIC_LVT_TIMER, 0x41, 0);
	CHECK_EQ(fixture_write(l, LAPIC_TIMER_DIVIDE, 3, 0), 0);
	CHECK_EQ(fixture_write(l, LAPIC_TIMER_INITIAL, 100, 0), LAPIC_OUT_ARM);
	CHECK_EQ(fixture_out.deadline, 1600);
	/* 60 counts are left; they now take 1 ns each. */
	CHECK_EQ(fixture_write(l, LAPIC_TIMER_DIVIDE, 0xb, 640), LAPIC_OUT_ARM);
	CHECK_EQ(fixture_out.deadline, 700);
	CHECK_EQ(timer_now(l, 640), 60);
	CHECK_EQ(timer_now(l, 699), 1);
	/* The same divider again changes nothing. */
	CHECK_EQ(fixture_write(l, LAPIC_TIMER_DIVIDE, 0xb, 650), 0);
	/* Overdue: the change must not swallow the interrupt. */
	CHECK_EQ(fixture_write(l, LAPIC_TIMER_DIVIDE, 0, 800), 0);
	CHECK_EQ(timer_expire(l, 800), LAPIC_OUT_EVENT);
	CHECK_EQ(timer_taken(l), 0x41);
}

TEST(timer_periodic)
{
	struct lapic *l = fixture_xapic(0);

	fixture_write(l, LAPIC_LVT_TIMER, 0x20041, 0);
	fixture_write(l, LAPIC_TIMER_INITIAL, 50, 0);
	CHECK_EQ(fixture_out.deadline, 100);
	CHECK_EQ(timer_expire(l, 103), LAPIC_OUT_EVENT | LAPIC_OUT_ARM);
	CHECK_EQ(fixture_out.deadline, 200);
	CHECK_EQ(timer_taken(l), 0x41);
	/* Nobody has come for three periods: one interrupt, phase kept. */
	CHECK_EQ(timer_now(l, 410), 45);
	CHECK_EQ(timer_expire(l, 410), LAPIC_OUT_EVENT | LAPIC_OUT_ARM);
	CHECK_EQ(fixture_out.deadline, 500);
	CHECK_EQ(timer_taken(l), 0x41);
	CHECK_EQ(timer_taken(l), -1);
	CHECK_EQ(timer_now(l, 410), 45);
	/* Exactly on the beat. */
	CHECK_EQ(timer_now(l, 500), 50);
	CHECK_EQ(timer_expire(l, 500), LAPIC_OUT_EVENT | LAPIC_OUT_ARM);
	CHECK_EQ(fixture_out.deadline, 600);
	CHECK_EQ(fixture_write(l, LAPIC_TIMER_INITIAL, 0, 550), LAPIC_OUT_DISARM);
	CHECK_EQ(timer_now(l, 550), 0);
	CHECK_EQ(timer_expire(l, 600), 0);
}

/* The beat is the one of the first deadline, not of time 0. */
TEST(timer_periodic_phase)
{
	struct lapic *l = fixture_xapic(0);

	fixture_write(l, LAPIC_LVT_TIMER, 0x20041, 0);
	fixture_write(l, LAPIC_TIMER_INITIAL, 50, 7);
	CHECK_EQ(fixture_out.deadline, 107);
	CHECK_EQ(timer_now(l, 107), 50);
	CHECK_EQ(timer_now(l, 317), 45);
	CHECK_EQ(timer_expire(l, 317), LAPIC_OUT_EVENT | LAPIC_OUT_ARM);
	CHECK_EQ(fixture_out.deadline, 407);
	CHECK_EQ(l->timer_start, 307);
	/* Due at this very moment, then divided anew: it still fires. */
	CHECK_EQ(fixture_write(l, LAPIC_TIMER_DIVIDE, 3, 407), 0);
	CHECK_EQ(timer_expire(l, 407), LAPIC_OUT_EVENT | LAPIC_OUT_ARM);
	CHECK_EQ(fixture_out.deadline, 407 + 50 * 16);
}

TEST(timer_masked_counts_silently)
{
	struct lapic *l = fixture_xapic(0);

	fixture_write(l, LAPIC_LVT_TIMER, 0x30041, 0);
	CHECK_EQ(fixture_write(l, LAPIC_TIMER_INITIAL, 50, 0), LAPIC_OUT_ARM);
	CHECK_EQ(timer_expire(l, 100), LAPIC_OUT_ARM);
	CHECK_EQ(timer_taken(l), -1);
	fixture_write(l, LAPIC_LVT_TIMER, 0x20041, 150);
	CHECK_EQ(timer_now(l, 150), 25);
	CHECK_EQ(timer_expire(l, 200), LAPIC_OUT_ARM | LAPIC_OUT_EVENT);
}

/* The running count survives a change between one-shot and periodic. */
TEST(timer_mode_change_runs_on)
{
	struct lapic *l = fixture_xapic(0);

	fixture_write(l, LAPIC_LVT_TIMER, 0x41, 0);
	fixture_write(l, LAPIC_TIMER_INITIAL, 50, 0);
	CHECK_EQ(fixture_write(l, LAPIC_LVT_TIMER, 0x20041, 60), 0);
	CHECK_EQ(timer_now(l, 60), 20);
	CHECK_EQ(timer_expire(l, 100), LAPIC_OUT_ARM | LAPIC_OUT_EVENT);
	CHECK_EQ(timer_now(l, 120), 40);
	CHECK_EQ(fixture_write(l, LAPIC_LVT_TIMER, 0x41, 120), 0);
	CHECK_EQ(timer_now(l, 120), 40);
	CHECK_EQ(timer_expire(l, 200), LAPIC_OUT_EVENT);
	CHECK_EQ(timer_now(l, 201), 0);
	/* Expired: periodic mode doesn't start it again. */
	CHECK_EQ(fixture_write(l, LAPIC_LVT_TIMER, 0x20041, 210), 0);
	CHECK_EQ(timer_now(l, 220), 0);
}

TEST(timer_tsc_deadline)
{
	struct lapic *l = fixture_xapic(0);

	/* In another mode the MSR doesn't exist for the timer. */
	fixture_out.effects = 0;
	lapic_set_tsc_deadline(l, 1000, &fixture_out);
	CHECK_EQ(fixture_out.effects, 0);
	CHECK_EQ(lapic_get_tsc_deadline(l), 0);

	fixture_write(l, LAPIC_TIMER_INITIAL, 50, 0);
	CHECK_EQ(fixture_write(l, LAPIC_LVT_TIMER, 0x40041, 10),
		 LAPIC_OUT_DISARM);
	CHECK_EQ(timer_now(l, 20), 0);
	CHECK_EQ(fixture_write(l, LAPIC_TIMER_INITIAL, 50, 20), 0);
	CHECK_EQ(lapic_read(l, LAPIC_TIMER_INITIAL, 20), 0);
	CHECK_EQ(timer_now(l, 20), 0);
	lapic_put(l, LAPIC_TIMER_INITIAL, 50);
	lapic_write_done(l, LAPIC_TIMER_INITIAL, 20, &fixture_out);
	CHECK_EQ(lapic_read(l, LAPIC_TIMER_INITIAL, 20), 0);

	fixture_out.effects = 0;
	lapic_set_tsc_deadline(l, 1000, &fixture_out);
	CHECK_EQ(fixture_out.effects, LAPIC_OUT_ARM_TSC);
	CHECK_EQ(fixture_out.deadline, 1000);
	CHECK_EQ(lapic_get_tsc_deadline(l), 1000);
	CHECK_EQ(timer_expire(l, 5), LAPIC_OUT_EVENT);
	CHECK_EQ(timer_taken(l), 0x41);
	CHECK_EQ(lapic_get_tsc_deadline(l), 0);
	CHECK_EQ(timer_expire(l, 6), 0);

	lapic_set_tsc_deadline(l, 2000, &fixture_out);
	fixture_out.effects = 0;
	lapic_set_tsc_deadline(l, 0, &fixture_out);
	CHECK_EQ(fixture_out.effects, LAPIC_OUT_DISARM);
	lapic_set_tsc_deadline(l, 3000, &fixture_out);
	CHECK_EQ(fixture_write(l, LAPIC_LVT_TIMER, 0x41, 30), LAPIC_OUT_DISARM);
	CHECK_EQ(lapic_get_tsc_deadline(l), 0);
	fixture_write(l, LAPIC_LVT_TIMER, 0x40041, 30);
	CHECK_EQ(lapic_get_tsc_deadline(l), 0);

	lapic_set_base(l, LAPIC_BASE_DEFAULT, true, 46, &fixture_out);
	fixture_out.effects = 0;
	lapic_set_tsc_deadline(l, 1000, &fixture_out);
	CHECK_EQ(fixture_out.effects, 0);
}

/* A masked deadline passes unheard, and is over all the same. */
TEST(timer_tsc_deadline_masked)
{
	struct lapic *l = fixture_xapic(0);

	fixture_write(l, LAPIC_LVT_TIMER, 0x50041, 0);
	lapic_set_tsc_deadline(l, 1000, &fixture_out);
	CHECK_EQ(timer_expire(l, 0), 0);
	CHECK_EQ(lapic_get_tsc_deadline(l), 0);
}

TEST(timer_reserved_mode_is_one_shot)
{
	struct lapic *l = fixture_xapic(0);

	fixture_write(l, LAPIC_LVT_TIMER, 0x60041, 0);
	fixture_write(l, LAPIC_TIMER_INITIAL, 50, 0);
	CHECK_EQ(timer_expire(l, 100), LAPIC_OUT_EVENT);
	CHECK_EQ(timer_expire(l, 200), 0);
}

TEST(timer_short_periods_are_stretched)
{
	struct lapic *l = fixture_xapic(0);
	struct lapic_config config = l->config;

	config.min_period_ns = 500;
	lapic_configure(l, &config);
	fixture_write(l, LAPIC_LVT_TIMER, 0x20041, 0);
	fixture_write(l, LAPIC_TIMER_INITIAL, 1, 0);
	CHECK_EQ(fixture_out.deadline, 500);
	CHECK_EQ(timer_now(l, 0), 1);
	CHECK_EQ(timer_expire(l, 500), LAPIC_OUT_ARM | LAPIC_OUT_EVENT);
	CHECK_EQ(fixture_out.deadline, 1000);
	/* One-shot is the guest's own affair. */
	fixture_write(l, LAPIC_LVT_TIMER, 0x41, 500);
	fixture_write(l, LAPIC_TIMER_INITIAL, 1, 500);
	CHECK_EQ(fixture_out.deadline, 502);
}

TEST(timer_never_overflows)
{
	struct lapic *l = fixture_xapic(0);
	struct lapic_config config = l->config;

	config.bus_ns = ~0U;
	lapic_configure(l, &config);
	fixture_write(l, LAPIC_TIMER_DIVIDE, 0xa, 0);
	fixture_write(l, LAPIC_TIMER_INITIAL, ~0U, 12345);
	CHECK_EQ(fixture_out.deadline, ~0ULL);
	CHECK(timer_now(l, 12345) > 0);
	config.bus_ns = 0;
	lapic_configure(l, &config);
	fixture_write(l, LAPIC_TIMER_DIVIDE, 0xb, ~0ULL - 5);
	fixture_write(l, LAPIC_TIMER_INITIAL, 50, ~0ULL - 5);
	CHECK_EQ(fixture_out.deadline, ~0ULL);
}

/* Hardware has stored 0 as initial count, and the timer fires before we hear. */
TEST(timer_initial_overwritten)
{
	struct lapic *l = fixture_xapic(0);

	fixture_write(l, LAPIC_LVT_TIMER, 0x20041, 0);
	fixture_write(l, LAPIC_TIMER_INITIAL, 50, 0);
	lapic_put(l, LAPIC_TIMER_INITIAL, 0);
	CHECK_EQ(timer_expire(l, 100), LAPIC_OUT_ARM | LAPIC_OUT_EVENT);
	fixture_out.effects = 0;
	lapic_write_done(l, LAPIC_TIMER_INITIAL, 101, &fixture_out);
	CHECK_EQ(fixture_out.effects, LAPIC_OUT_DISARM);
}

TEST(timer_illegal_vector)
{
	struct lapic *l = fixture_xapic(0);

	fixture_write(l, LAPIC_LVT_TIMER, 0x05, 0);
	fixture_write(l, LAPIC_TIMER_INITIAL, 1, 0);
	CHECK_EQ(timer_expire(l, 10), 0);
	CHECK_EQ(l->esr_pending, BIT(6));
	CHECK_EQ(lapic_highest_irr(l), -1);
}

#define TIMER_TESTS(T)                                                         \
	T(timer_one_shot)                                                      \
	T(timer_divide_table)                                                  \
	T(timer_divide_while_running)                                          \
	T(timer_periodic)                                                      \
	T(timer_periodic_phase)                                                \
	T(timer_masked_counts_silently)                                        \
	T(timer_mode_change_runs_on)                                           \
	T(timer_tsc_deadline)                                                  \
	T(timer_tsc_deadline_masked)                                           \
	T(timer_reserved_mode_is_one_shot)                                     \
	T(timer_short_periods_are_stretched)                                   \
	T(timer_never_overflows)                                               \
	T(timer_initial_overwritten)                                           \
	T(timer_illegal_vector)

CHECK_MAIN(timer, TIMER_TESTS)
