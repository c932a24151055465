// SPDX-License-Identifier: GPL-2.0-only
/* Save and restore in KVM's layout. */
#include "fixture.h"

static u8 state_a[LAPIC_REGS_SIZE];
static u8 state_b[LAPIC_REGS_SIZE];

static u32 state_get(const u8 *regs, u32 reg)
{
	u32 val;

	memcpy(&val, regs + reg, sizeof(val));
	return val;
}

static void state_put(u8 *regs, u32 reg, u32 val)
{
	memcpy(regs + reg, &val, sizeof(val));
}

static u32 state_load(struct lapic *l, bool ids, u64 now)
{
	fixture_out.effects = 0;
	if (!lapic_restore(l, state_a, ids, now, &fixture_out))
		return 0;
	return fixture_out.effects;
}

TEST(state_xapic_round_trip)
{
	struct lapic *l = fixture_xapic(5);

	fixture_write(l, LAPIC_TPR, 0x25, 0);
	fixture_write(l, LAPIC_LDR, 4u << 24, 0);
	fixture_write(l, LAPIC_DFR, 0, 0);
	fixture_write(l, LAPIC_ICR2, 7u << 24, 0);
	fixture_write(l, LAPIC_ICR, 0x4031, 0);
	fixture_write(l, LAPIC_LVT_TIMER, 0x200ee, 0);
	fixture_write(l, LAPIC_TIMER_DIVIDE, 0xb, 0);
	fixture_write(l, LAPIC_TIMER_INITIAL, 1000, 0);
	fixture_post(l, 0x51, true);
	lapic_accept(l, lapic_next(l));
	fixture_post(l, 0x43, false);
	lapic_save(l, state_a, false, 400);
	CHECK_EQ(state_get(state_a, LAPIC_TIMER_CURRENT), 600);
	CHECK_EQ(state_get(state_a, LAPIC_ID), 5u << 24);
	CHECK_EQ(state_get(state_a, LAPIC_PPR), 0x50);
	CHECK_EQ(state_get(state_a, LAPIC_ICR2), 7u << 24);

	l = fixture_xapic(5);
	CHECK_EQ(state_load(l, false, 9000),
		 LAPIC_OUT_ARM | LAPIC_OUT_DEST | LAPIC_OUT_EVENT |
		 LAPIC_OUT_RESCAN);
	CHECK_EQ(fixture_out.deadline, 9600);
	lapic_save(l, state_b, false, 9000);
	CHECK_EQ(memcmp(state_a, state_b, sizeof(state_a)), 0);
	CHECK_EQ(lapic_next(l), -1);
	CHECK(fixture_eoi(l) & LAPIC_OUT_EOI);
	CHECK_EQ(fixture_out.eoi_vector, 0x51);
	CHECK_EQ(lapic_next(l), 0x43);
}

TEST(state_x2apic_ids)
{
	struct lapic *l = fixture_x2apic(0x123);

	/* What can't be read isn't saved. */
	lapic_put(l, LAPIC_EOI, 0xbad);
	lapic_put(l, LAPIC_SELF_IPI, 0xbad);
	lapic_save(l, state_a, true, 0);
	CHECK_EQ(state_get(state_a, LAPIC_EOI), 0);
	CHECK_EQ(state_get(state_a, LAPIC_SELF_IPI), 0);
	CHECK_EQ(state_get(state_a, LAPIC_ID), 0x123);
	CHECK_EQ(state_get(state_a, LAPIC_LDR), 0x120008);
	CHECK(state_load(l, true, 0));
	state_put(state_a, LAPIC_ID, 0x124);
	state_put(state_a, LAPIC_TPR, 0x77);
	CHECK(!lapic_restore(l, state_a, true, 0, &fixture_out));
	CHECK_EQ(lapic_get(l, LAPIC_TPR), 0);
	/* In the 8-bit form the ID is ignored, as the LDR always is. */
	state_put(state_a, LAPIC_LDR, 1);
	CHECK(state_load(l, false, 0));
	CHECK_EQ(lapic_get(l, LAPIC_ID), 0x123);
	CHECK_EQ(lapic_get(l, LAPIC_LDR), 0x120008);
	CHECK_EQ(lapic_get(l, LAPIC_TPR), 0x77);
	lapic_save(l, state_a, false, 0);
	CHECK_EQ(state_get(state_a, LAPIC_ID), 0x23000000);
}

/* User space always sees ICR as two registers, however the page holds it. */
TEST(state_icr_forms)
{
	u32 split, high_reg;

	for (split = 0; split < 2; split++) {
		struct lapic *l = fixture_x2apic(1);
		struct lapic_config config = l->config;
		u64 val;

		config.icr_split = split;
		lapic_configure(l, &config);
		fixture_wrmsr(l, 0x830, 0x1234567800000431ULL);
		high_reg = split ? LAPIC_ICR2 : LAPIC_ICR + 4;
		CHECK_ROW(split, lapic_get(l, high_reg), 0x12345678);
		lapic_save(l, state_a, true, 0);
		CHECK_ROW(split, state_get(state_a, LAPIC_ICR), 0x431);
		CHECK_ROW(split, state_get(state_a, LAPIC_ICR2), 0x12345678);
		CHECK_ROW(split, state_get(state_a, LAPIC_ICR + 4), 0);
		fixture_wrmsr(l, 0x830, 0x431);
		CHECK_ROW(split, !!state_load(l, true, 0), true);
		CHECK_ROW(split, lapic_rdmsr(l, 0x830, 0, &val), true);
		CHECK_ROW(split, val, 0x1234567800000431ULL);
	}
}

TEST(state_timer_counts)
{
	/* LVT, initial count, current count, deadline after now or 0 for none */
	static const struct {
		u32 lvt, initial, count;
		u64 span;
	} rows[] = {
		{ 0x00041, 100, 60, 120 }, { 0x00041, 100, 100, 200 },
		{ 0x00041, 100, 500, 200 }, /* more than it can be */
		{ 0x00041, 100, 0, 0 }, /* fires at once */
		{ 0x20041, 100, 60, 120 }, { 0x20041, 100, 0, 200 },
		{ 0x20041, 100, 500, 200 },
	};
	struct lapic *l = fixture_xapic(0);
	u32 i;

	lapic_save(l, state_a, false, 0);
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		state_put(state_a, LAPIC_LVT_TIMER, rows[i].lvt);
		state_put(state_a, LAPIC_TIMER_INITIAL, rows[i].initial);
		state_put(state_a, LAPIC_TIMER_CURRENT, rows[i].count);
		CHECK_ROW(i, state_load(l, false, 1000) &
			  (LAPIC_OUT_ARM | LAPIC_OUT_DISARM), LAPIC_OUT_ARM);
		CHECK_ROW(i, fixture_out.deadline, 1000 + rows[i].span);
	}
	state_put(state_a, LAPIC_TIMER_INITIAL, 0);
	CHECK(state_load(l, false, 0) & LAPIC_OUT_DISARM);
	/* Nothing counts at time 0 either. */
	state_put(state_a, LAPIC_LVT_TIMER, 0x41);
	state_put(state_a, LAPIC_TIMER_INITIAL, 5);
	state_put(state_a, LAPIC_TIMER_CURRENT, 0);
	CHECK(state_load(l, false, 0) & LAPIC_OUT_ARM);
	CHECK_EQ(fixture_out.deadline, 1);
}

/* The deadline is an MSR: restoring registers neither sets nor drops it. */
TEST(state_keeps_tsc_deadline)
{
	struct lapic *l = fixture_xapic(0);

	fixture_write(l, LAPIC_LVT_TIMER, 0x40041, 0);
	lapic_save(l, state_a, false, 0);
	CHECK(state_load(l, false, 0) & LAPIC_OUT_DISARM);
	lapic_set_tsc_deadline(l, 5000, &fixture_out);
	CHECK_EQ(state_load(l, false, 0) &
		 (LAPIC_OUT_ARM_TSC | LAPIC_OUT_DISARM), LAPIC_OUT_ARM_TSC);
	CHECK_EQ(fixture_out.deadline, 5000);
	CHECK_EQ(lapic_get_tsc_deadline(l), 5000);
	state_put(state_a, LAPIC_LVT_TIMER, 0x41);
	CHECK(state_load(l, false, 0) & LAPIC_OUT_DISARM);
	CHECK_EQ(lapic_get_tsc_deadline(l), 0);
}

/* Whatever user space passes, no bit is set that no guest could have set. */
TEST(state_garbage)
{
	struct check_random r = { 12345 };
	u32 i, k;

	for (i = 0; i < CHECK_ROUNDS(2000); i++) {
		struct lapic *l = i & 1 ? fixture_x2apic(1) : fixture_xapic(1);

		for (k = 0; k < sizeof(state_a); k++)
			state_a[k] = check_next(&r) >> 20;
		REQUIRE_ROW(i, state_load(l, false, 100));
		CHECK_ROW(i, lapic_get(l, LAPIC_TPR) & ~0xff, 0);
		CHECK_ROW(i, lapic_get(l, LAPIC_SVR) & ~0x11ff, 0);
		CHECK_ROW(i, lapic_get(l, LAPIC_LVT_TIMER) & ~0x700ff, 0);
		CHECK_ROW(i, lapic_get(l, LAPIC_LVT_LINT0) & ~0x1a7ff, 0);
		CHECK_ROW(i, lapic_get(l, LAPIC_TIMER_DIVIDE) & ~0xb, 0);
		CHECK_ROW(i, lapic_get(l, LAPIC_VERSION), 0x01060014);
		lapic_save(l, state_a, false, 100);
		REQUIRE_ROW(i, state_load(l, false, 100));
		lapic_save(l, state_b, false, 100);
		CHECK_ROW(i, memcmp(state_a, state_b, sizeof(state_a)), 0);
		for (k = 0; k < 300; k++) {
			int v = lapic_next(l);

			if (v >= 0)
				lapic_accept(l, v);
			else
				fixture_eoi(l);
		}
	}
}

/* The page of an APIC that hardware runs, and nothing left of what was before. */
TEST(state_beside_hardware)
{
	struct lapic *l = fixture_xapic(0);

	lapic_accelerate(l, true);
	lapic_put(l, LAPIC_ISR, BIT(20));
	lapic_put(l, LAPIC_IRR, BIT(21));
	lapic_save(l, state_a, false, 0);
	CHECK_EQ(state_get(state_a, LAPIC_PPR), 0x10);
	state_put(state_a, LAPIC_ESR, 0xffff);

	l = fixture_xapic(0);
	fixture_write(l, LAPIC_ICR, 1, 0);
	l->stale_vector = 0x41;
	CHECK(state_load(l, false, 0));
	CHECK_EQ(l->esr_pending, 0);
	CHECK_EQ(l->stale_vector, -1);
	CHECK_EQ(lapic_get(l, LAPIC_PPR), 0x10);
	CHECK_EQ(lapic_get(l, LAPIC_ESR), 0xff);
	CHECK_EQ(l->isr_count, 1);
	CHECK_EQ(lapic_highest_irr(l), 0x15);
	CHECK_EQ(fixture_eoi(l), LAPIC_OUT_EVENT);
	CHECK_EQ(lapic_next(l), 0x15);
}

/* The firmware's LINT0 in an APIC that is still disabled; KVM's tests' IRR. */
TEST(state_kept_as_given)
{
	struct lapic *l = &fixture_lapic;

	lapic_init(l, fixture_page, 0, 0, false);
	lapic_save(l, state_a, false, 0);
	state_put(state_a, LAPIC_LVT_LINT0, 0x700);
	state_put(state_a, LAPIC_IRR, 0xa5a5);
	CHECK(state_load(l, false, 0));
	CHECK_EQ(lapic_read(l, LAPIC_LVT_LINT0, 0), 0x700);
	CHECK_EQ(lapic_read(l, LAPIC_IRR, 0), 0xa5a5);
	CHECK_EQ(lapic_next(l), -1);
}

#define STATE_TESTS(T)                                                         \
	T(state_xapic_round_trip)                                              \
	T(state_x2apic_ids)                                                    \
	T(state_icr_forms)                                                     \
	T(state_timer_counts)                                                  \
	T(state_keeps_tsc_deadline)                                            \
	T(state_garbage)                                                       \
	T(state_beside_hardware)                                               \
	T(state_kept_as_given)

CHECK_MAIN(state, STATE_TESTS)
