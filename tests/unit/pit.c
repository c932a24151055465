// SPDX-License-Identifier: GPL-2.0-only
/* The 8254, by the datasheet's words. Time is given in ticks of its clock. */
#include "../../module/apic/pit.h"
#include "fixture.h"

static struct pit pit_p;
static u64 pit_now; /* ns */

/* The first ns at which @n ticks have passed since @from. */
static u64 pit_at(u64 from, u64 n)
{
	return from + (n * 1000000000ULL + PIT_HZ - 1) / PIT_HZ;
}

static void pit_begin(void)
{
	pit_now = 1000000;
	pit_init(&pit_p, 0, pit_now);
}

static u32 pit_out8(unsigned int port, u8 val)
{
	return pit_write(&pit_p, port, val, pit_now);
}

static u32 pit_program(unsigned int n, u8 mode, u16 count)
{
	pit_out8(3, n << 6 | 3 << 4 | mode << 1);
	pit_out8(n, count);
	return pit_out8(n, count >> 8);
}

static u16 pit_count(unsigned int n)
{
	u8 low;

	pit_out8(3, n << 6);
	low = pit_read(&pit_p, n, pit_now);
	return low | pit_read(&pit_p, n, pit_now) << 8;
}

static u8 pit_status(unsigned int n)
{
	pit_out8(3, 0xe0 | 2 << n);
	return pit_read(&pit_p, n, pit_now);
}

TEST(pit_counts)
{
	static const struct {
		u8 mode;
		u16 count;
		u64 ticks;
		u16 want;
		bool out;
	} rows[] = {
		{ 0, 1000, 0, 1000, false },
		{ 0, 1000, 999, 1, false },
		{ 0, 1000, 1000, 0, true },
		{ 0, 1000, 1001, 0xffff, true },
		{ 0, 0, 1, 0xffff, false },
		{ 0, 0, 65536, 0, true },
		{ 2, 1000, 0, 1000, true },
		{ 2, 1000, 998, 2, true },
		{ 2, 1000, 999, 1, false },
		{ 2, 1000, 1000, 1000, true },
		{ 2, 1000, 123456, 544, true },
		{ 3, 1000, 0, 1000, true },
		{ 3, 1000, 100, 800, true },
		{ 3, 1000, 499, 2, true },
		{ 3, 1000, 500, 1000, false },
		{ 3, 1000, 999, 2, false },
		{ 3, 1000, 1000, 1000, true },
		{ 4, 1000, 999, 1, true },
		{ 4, 1000, 1000, 0, false },
		{ 4, 1000, 1001, 0xffff, true },
		{ 6, 1000, 999, 1, false }, /* 2 again */
		{ 7, 1000, 500, 1000, false }, /* 3 again */
	};
	u32 i;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		u64 start;

		pit_begin();
		start = pit_now;
		pit_program(0, rows[i].mode, rows[i].count);
		pit_now = pit_at(start, rows[i].ticks);
		CHECK_ROW(i, pit_count(0), rows[i].want);
		CHECK_ROW(i, pit_status(0) >> 7, rows[i].out);
	}
}

TEST(pit_access)
{
	pit_begin();
	/* low byte alone: the other is 0 */
	pit_out8(3, 0x14);
	pit_out8(0, 0x80);
	CHECK_EQ(pit_count(0) & 0xff, 0x80);
	CHECK_EQ(pit_p.channel[0].count, 0x80);
	CHECK_EQ(pit_read(&pit_p, 0, pit_now), 0x80);
	CHECK_EQ(pit_read(&pit_p, 0, pit_now), 0x80);
	/* high byte alone */
	pit_out8(3, 0x24);
	pit_out8(0, 0x12);
	CHECK_EQ(pit_p.channel[0].count, 0x1200);
	CHECK_EQ(pit_read(&pit_p, 0, pit_now), 0x12);
	/* both, in turn; the control word begins anew */
	pit_out8(3, 0x34);
	pit_out8(0, 0x11);
	pit_out8(3, 0x34);
	pit_out8(0, 0x22);
	CHECK_EQ(pit_p.channel[0].count, 0);
	pit_out8(0, 0x33);
	CHECK_EQ(pit_p.channel[0].count, 0x3322);
	CHECK_EQ(pit_read(&pit_p, 0, pit_now), 0x22);
	CHECK_EQ(pit_read(&pit_p, 0, pit_now), 0x33);
	/* the control word can't be read */
	CHECK_EQ(pit_read(&pit_p, 3, pit_now), 0);
}

TEST(pit_latch)
{
	u64 start;

	pit_begin();
	start = pit_now;
	pit_program(1, 2, 5000);
	pit_now = pit_at(start, 100);
	pit_out8(3, 0x40);
	pit_now = pit_at(start, 300);
	pit_out8(3, 0x40); /* the first one counts */
	CHECK_EQ(pit_read(&pit_p, 1, pit_now), 4900 & 0xff);
	CHECK_EQ(pit_read(&pit_p, 1, pit_now), 4900 >> 8);
	CHECK_EQ(pit_read(&pit_p, 1, pit_now), 4700 & 0xff);
	CHECK_EQ(pit_read(&pit_p, 1, pit_now), 4700 >> 8);
	/* read-back of both, of two counters: the status comes first */
	pit_program(2, 3, 77);
	pit_out8(3, 0xc0 | 4 | 8);
	CHECK_EQ(pit_read(&pit_p, 1, pit_now), 0x80 | 0x30 | 2 << 1);
	CHECK_EQ(pit_read(&pit_p, 1, pit_now), 4700 & 0xff);
	CHECK_EQ(pit_read(&pit_p, 1, pit_now), 4700 >> 8);
	CHECK_EQ(pit_read(&pit_p, 2, pit_now), 0x80 | 0x30 | 3 << 1);
	/* without a count yet */
	pit_out8(3, 0x70);
	CHECK_EQ(pit_status(1), 0x40 | 0x30);
}

TEST(pit_bcd)
{
	u64 start;

	pit_begin();
	start = pit_now;
	pit_out8(3, 0xb1); /* channel 2, mode 0, BCD */
	pit_speaker_write(&pit_p, 1, pit_now);
	pit_out8(2, 0x34);
	pit_out8(2, 0x12);
	CHECK_EQ(pit_p.channel[2].count, 1234);
	pit_now = pit_at(start, 235);
	CHECK_EQ(pit_count(2), 0x0999);
	pit_now = pit_at(start, 1235);
	CHECK_EQ(pit_count(2), 0x9999);
	CHECK_EQ(pit_status(2), 0x80 | 0x31);
}

/* Channel 2's gate and output at port 61H. */
TEST(pit_speaker)
{
	u64 start;

	pit_begin();
	pit_program(2, 0, 1000);
	CHECK_EQ(pit_speaker_read(&pit_p, pit_now) & 0x23, 0);
	pit_now = pit_at(pit_now, 5000); /* the gate is low: it stands still */
	CHECK_EQ(pit_count(2), 1000);
	start = pit_now;
	pit_speaker_write(&pit_p, 0xff, pit_now);
	CHECK_EQ(pit_speaker_read(&pit_p, pit_now) & 0x23, 3);
	pit_now = pit_at(start, 400);
	CHECK_EQ(pit_count(2), 600);
	pit_speaker_write(&pit_p, 0, pit_now);
	start = pit_now = pit_at(pit_now, 100000);
	CHECK_EQ(pit_count(2), 600);
	pit_speaker_write(&pit_p, 1, pit_now);
	pit_now = pit_at(start, 600);
	CHECK_EQ(pit_speaker_read(&pit_p, pit_now) & 0x23, 0x21);
	/* one-shot: the gate's rise triggers it */
	pit_speaker_write(&pit_p, 0, pit_now);
	pit_program(2, 1, 500);
	pit_speaker_write(&pit_p, 1, pit_now);
	CHECK_EQ(pit_speaker_read(&pit_p, pit_now) & 0x20, 0);
	pit_now = pit_at(pit_now, 501);
	CHECK_EQ(pit_speaker_read(&pit_p, pit_now) & 0x20, 0x20);
	pit_speaker_write(&pit_p, 0, pit_now);
	pit_speaker_write(&pit_p, 1, pit_now);
	CHECK_EQ(pit_speaker_read(&pit_p, pit_now) & 0x20, 0);
	/* the refresh bit toggles every 15 us */
	CHECK(pit_speaker_read(&pit_p, 0) !=
	      pit_speaker_read(&pit_p, 15085));
}

TEST(pit_interrupts)
{
	static const struct {
		u8 mode;
		bool once, periodic;
	} rows[] = {
		{ 0, true, false }, { 1, false, false }, { 2, true, true },
		{ 3, true, true }, { 4, true, false }, { 5, false, false },
	};
	u32 i;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		u64 end;

		pit_begin();
		CHECK_ROW(i, pit_p.deadline, 0);
		CHECK_ROW(i, pit_program(0, rows[i].mode, 1000), PIT_OUT_TIMER);
		end = pit_at(pit_now, 1000);
		CHECK_ROW(i, pit_p.deadline, rows[i].once ? end : 0);
		CHECK_ROW(i, pit_tick(&pit_p, end - 1), PIT_OUT_TIMER);
		CHECK_ROW(i, pit_tick(&pit_p, end),
			  rows[i].once ? PIT_OUT_TIMER | PIT_OUT_IRQ :
					 PIT_OUT_TIMER);
		CHECK_ROW(i, !!pit_p.deadline, rows[i].periodic);
		CHECK_ROW(i, pit_p.period, rows[i].periodic ? end - pit_now : 0);
		/* a control word stops it */
		pit_out8(3, 0x30);
		CHECK_ROW(i, pit_p.deadline, 0);
	}
	/* other channels interrupt nobody */
	pit_begin();
	CHECK_EQ(pit_program(1, 2, 1000), 0);
	CHECK_EQ(pit_program(2, 2, 1000), 0);
	CHECK_EQ(pit_p.deadline, 0);
}

TEST(pit_policies)
{
	u64 period;
	u32 i;

	pit_begin();
	pit_program(0, 2, 11932);
	period = pit_p.period;
	CHECK(pit_tick(&pit_p, pit_p.deadline) & PIT_OUT_IRQ);
	/* not yet taken: three more wait, also when they come late */
	CHECK_EQ(pit_tick(&pit_p, pit_p.deadline), PIT_OUT_TIMER);
	CHECK_EQ(pit_tick(&pit_p, pit_p.deadline + period), PIT_OUT_TIMER);
	CHECK_EQ(pit_p.waiting, 4);
	for (i = 0; i < 3; i++)
		CHECK_ROW(i, pit_acked(&pit_p), PIT_OUT_IRQ);
	CHECK_EQ(pit_acked(&pit_p), 0);
	CHECK_EQ(pit_acked(&pit_p), 0);
	CHECK(pit_tick(&pit_p, pit_p.deadline) & PIT_OUT_IRQ);
	/* nobody will take it: the next one is raised again */
	pit_forget(&pit_p);
	CHECK_EQ(pit_acked(&pit_p), 0);
	CHECK(pit_tick(&pit_p, pit_p.deadline) & PIT_OUT_IRQ);
	/* an endless pause is bounded */
	pit_tick(&pit_p, pit_p.deadline + period * 1000000000ULL);
	CHECK_EQ(pit_p.waiting, PIT_MAX_WAITING);
	/* a new count forgets them */
	pit_program(0, 2, 11932);
	CHECK_EQ(pit_p.waiting, 0);

	pit_set_policy(&pit_p, PIT_DROP);
	CHECK(pit_tick(&pit_p, pit_p.deadline) & PIT_OUT_IRQ);
	CHECK(pit_tick(&pit_p, pit_p.deadline + 10 * period) & PIT_OUT_IRQ);
	CHECK_EQ(pit_acked(&pit_p), 0);
	CHECK_EQ(pit_p.waiting, 0);
}

TEST(pit_storm)
{
	pit_now = 5;
	pit_init(&pit_p, 200000, pit_now);
	pit_program(0, 2, 2);
	CHECK_EQ(pit_p.period, 200000);
	CHECK_EQ(pit_p.deadline, 200005);
	pit_program(0, 2, 11932);
	CHECK_EQ(pit_p.period, pit_at(0, 11932));
	/* what counts isn't stretched, nor what comes only once */
	pit_program(0, 0, 2);
	CHECK_EQ(pit_p.deadline, pit_at(5, 2));
}

TEST(pit_state_values)
{
	struct pit_state st;
	u32 effects;

	pit_begin();
	pit_save(&pit_p, &st);
	CHECK_EQ(st.channels[0].count, 65536);
	CHECK_EQ(st.channels[2].gate, 0);
	CHECK_EQ(st.channels[0].gate, 1);
	CHECK(pit_restore(&pit_p, &st, pit_now, &effects));
	CHECK_EQ(pit_p.deadline, 0);
	pit_program(0, 3, 1193);
	pit_save(&pit_p, &st);
	st.flags = PIT_STATE_HPET_LEGACY;
	CHECK(pit_restore(&pit_p, &st, pit_now, &effects));
	CHECK_EQ(pit_p.deadline, 0);
	st.flags = 0;
	CHECK(pit_restore(&pit_p, &st, pit_now + 7, &effects));
	CHECK_EQ(effects, PIT_OUT_TIMER);
	CHECK_EQ(pit_p.deadline, pit_at(pit_now + 7, 1193));
	/* a load that lies ahead is one of now */
	st.channels[1].count_load_time = pit_now + 1000000;
	st.channels[2].count_load_time = -5;
	CHECK(pit_restore(&pit_p, &st, pit_now, &effects));
	CHECK_EQ(pit_p.channel[1].start, pit_now);
	CHECK_EQ(pit_p.channel[2].start, pit_now);
#define PIT_IMPOSSIBLE(field, val)                                             \
	do {                                                                   \
		struct pit_state bad = st;                                     \
									       \
		bad.channels[1].field = val;                                   \
		CHECK(!pit_restore(&pit_p, &bad, pit_now, &effects));          \
	} while (0)
	PIT_IMPOSSIBLE(count, 65537);
	PIT_IMPOSSIBLE(rw_mode, 4);
	PIT_IMPOSSIBLE(read_state, 5);
	PIT_IMPOSSIBLE(write_state, 5);
	PIT_IMPOSSIBLE(count_latched, 5);
	PIT_IMPOSSIBLE(mode, 8);
}

/* Random use: bounds hold, and saving and restoring changes nothing. */
TEST(pit_random)
{
	struct check_random r = { 5 };
	struct pit_state st, again;
	struct pit copy;
	u32 i, effects;

	pit_begin();
	for (i = 0; i < CHECK_ROUNDS(200000); i++) {
		u32 what = check_below(&r, 16);

		pit_now += check_below(&r, 2000000);
		if (what < 8)
			pit_out8(check_below(&r, 4), check_next(&r));
		else if (what < 12)
			pit_read(&pit_p, check_below(&r, 4), pit_now);
		else if (what < 13)
			pit_speaker_write(&pit_p, check_next(&r), pit_now);
		else if (what < 15)
			pit_tick(&pit_p, pit_now);
		else
			pit_acked(&pit_p);
		REQUIRE_ROW(i, pit_p.waiting <= PIT_MAX_WAITING);
		REQUIRE_ROW(i, !pit_p.raised == !pit_p.waiting);
		REQUIRE_ROW(i, !pit_p.period || pit_p.deadline);
		pit_save(&pit_p, &st);
		memset(&copy, 0, sizeof(copy));
		REQUIRE_ROW(i, pit_restore(&copy, &st, pit_now, &effects));
		pit_save(&copy, &again);
		/* channel 0 counts from now on */
		again.channels[0].count_load_time =
			st.channels[0].count_load_time;
		REQUIRE_ROW(i, !memcmp(&st, &again, sizeof(st)));
	}
}

#define PIT_TESTS(T)                                                           \
	T(pit_counts)                                                          \
	T(pit_access)                                                          \
	T(pit_latch)                                                           \
	T(pit_bcd)                                                             \
	T(pit_speaker)                                                         \
	T(pit_interrupts)                                                      \
	T(pit_policies)                                                        \
	T(pit_storm)                                                           \
	T(pit_state_values)                                                    \
	T(pit_random)

CHECK_MAIN(pit, PIT_TESTS)
