// SPDX-License-Identifier: GPL-2.0-only
/* Priorities, modes, local sources, ICR: one scenario each. */
#include "fixture.h"

TEST(lapic_power_up)
{
	struct lapic *l = &fixture_lapic;

	memset(fixture_page, 0xa5, sizeof(fixture_page));
	lapic_init(l, fixture_page, 0, 0x1f3, true);
	CHECK_EQ(l->base, LAPIC_BASE_DEFAULT | BIT(11) | BIT(8));
	CHECK_EQ(lapic_mode(l), LAPIC_XAPIC);
	CHECK(!lapic_enabled(l));
	CHECK_EQ(lapic_read(l, LAPIC_ID, 0), 0xf3000000);
	CHECK_EQ(lapic_read(l, LAPIC_VERSION, 0), 0x50014);
	CHECK_EQ(lapic_read(l, LAPIC_DFR, 0), 0xffffffff);
	CHECK_EQ(lapic_read(l, LAPIC_LDR, 0), 0);
	CHECK_EQ(lapic_read(l, LAPIC_SVR, 0), 0xff);
	CHECK_EQ(lapic_read(l, LAPIC_LVT_TIMER, 0), 0x10000);
	CHECK_EQ(lapic_read(l, LAPIC_LVT_LINT0, 0), 0x700);
	CHECK_EQ(lapic_read(l, LAPIC_LVT_LINT1, 0), 0x10000);
	CHECK_EQ(lapic_read(l, LAPIC_TIMER_CURRENT, 0), 0);
	CHECK_EQ(lapic_next(l), -1);
	CHECK_EQ(l->stale_vector, -1);
	CHECK_EQ(lapic_read(l, LAPIC_LVT_CMCI, 0), 0);
	CHECK_EQ(lapic_get(l, LAPIC_LVT_CMCI), 0x10000);
	CHECK_EQ(fixture_page[LAPIC_REGS_SIZE], 0);
	CHECK_EQ(fixture_page[4095], 0);
	CHECK_EQ(l->config.bus_ns, 1);
	CHECK_EQ(l->config.min_period_ns, 200000);
	lapic_init(l, fixture_page, 0, 1, false);
	CHECK_EQ(lapic_read(l, LAPIC_LVT_LINT0, 0), 0x10000);
}

TEST(lapic_priority_classes)
{
	/* in service, TPR, pending, deliverable */
	static const struct {
		int isr;
		u32 tpr;
		u8 irr;
		bool next;
	} rows[] = {
		{ -1, 0x00, 0x10, true },  { -1, 0x10, 0x1f, false },
		{ -1, 0x1f, 0x20, true },  { -1, 0xff, 0xff, false },
		{ -1, 0xef, 0xf0, true },  { 0x31, 0, 0x3f, false },
		{ 0x31, 0, 0x40, true },   { 0x31, 0x50, 0x5f, false },
		{ 0x31, 0x50, 0x60, true }, { 0x81, 0x20, 0x31, false },
		{ 0x81, 0x20, 0x91, true },
	};
	u32 i;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		struct lapic *l = fixture_xapic(0);

		if (rows[i].isr >= 0) {
			fixture_post(l, rows[i].isr, false);
			CHECK_ROW(i, lapic_next(l), rows[i].isr);
			lapic_accept(l, rows[i].isr);
		}
		fixture_write(l, LAPIC_TPR, rows[i].tpr, 0);
		CHECK_ROW(i, fixture_post(l, rows[i].irr, false), LAPIC_OUT_EVENT);
		CHECK_ROW(i, lapic_next(l), rows[i].next ? rows[i].irr : -1);
		CHECK_ROW(i, lapic_highest_irr(l), rows[i].irr);
	}
}

TEST(lapic_eoi_effects)
{
	struct lapic *l = fixture_xapic(0);

	CHECK_EQ(fixture_eoi(l), 0);
	fixture_post(l, 0x41, true);
	lapic_accept(l, lapic_next(l));
	CHECK_EQ(fixture_eoi(l), LAPIC_OUT_EOI);
	CHECK_EQ(fixture_out.eoi_vector, 0x41);
	/* Edge: nobody outside hears of it; but what waits gets its turn. */
	fixture_post(l, 0x42, false);
	lapic_accept(l, lapic_next(l));
	fixture_post(l, 0x43, false);
	CHECK_EQ(fixture_eoi(l), LAPIC_OUT_EVENT);
	CHECK_EQ(lapic_next(l), 0x43);
	/* Directed EOI: software tells the I/O APIC itself. */
	lapic_accept(l, 0x43);
	fixture_eoi(l);
	fixture_write(l, LAPIC_SVR, 0x11ff, 0);
	fixture_post(l, 0x44, true);
	lapic_accept(l, lapic_next(l));
	CHECK_EQ(fixture_eoi(l), 0);
}

TEST(lapic_eoi_done_by_hardware)
{
	struct lapic *l = fixture_xapic(0);

	fixture_out.effects = 0;
	lapic_eoi_done(l, 0x41, &fixture_out);
	CHECK_EQ(fixture_out.effects, LAPIC_OUT_EOI);
	CHECK_EQ(fixture_out.eoi_vector, 0x41);
}

/* Only an EOI that tells nobody and lets nothing in may come later than the guest's. */
TEST(lapic_silent_eoi)
{
	struct lapic *l = fixture_xapic(0);

	CHECK(!lapic_eoi_silent(l));
	fixture_post(l, 0x41, false);
	CHECK(!lapic_eoi_silent(l));
	lapic_accept(l, 0x41);
	CHECK(lapic_eoi_silent(l));
	/* one waits, of any class */
	fixture_post(l, 0x31, false);
	CHECK(!lapic_eoi_silent(l));
	fixture_eoi(l);
	lapic_accept(l, 0x31);
	CHECK(lapic_eoi_silent(l));
	/* two in service */
	fixture_post(l, 0x51, false);
	lapic_accept(l, 0x51);
	CHECK(!lapic_eoi_silent(l));
	fixture_eoi(l);
	CHECK(lapic_eoi_silent(l));
	l->stale_vector = 0x31;
	CHECK(!lapic_eoi_silent(l));
	l->stale_vector = -1;
	lapic_accelerate(l, true);
	CHECK(!lapic_eoi_silent(l));
	lapic_accelerate(l, false);
	fixture_eoi(l);
	fixture_post(l, 0x61, true);
	lapic_accept(l, 0x61);
	CHECK(!lapic_eoi_silent(l));
}

TEST(lapic_nested_service)
{
	static const u8 order[] = { 0x31, 0x52, 0x73, 0x94, 0xb5, 0xd6, 0xf7 };
	struct lapic *l = fixture_xapic(0);
	int i;

	for (i = 0; i < (int)ARRAY_SIZE(order); i++) {
		fixture_post(l, order[i], false);
		CHECK_ROW(i, lapic_next(l), order[i]);
		lapic_accept(l, order[i]);
		CHECK_ROW(i, lapic_read(l, LAPIC_PPR, 0), order[i] & 0xf0);
		CHECK_ROW(i, l->isr_count, i + 1);
	}
	for (i = ARRAY_SIZE(order) - 1; i >= 0; i--) {
		CHECK_ROW(i, fixture_bit(l, LAPIC_ISR, order[i]), true);
		fixture_eoi(l);
		CHECK_ROW(i, fixture_bit(l, LAPIC_ISR, order[i]), false);
		CHECK_ROW(i, lapic_read(l, LAPIC_PPR, 0),
			  i ? order[i - 1] & 0xf0 : 0);
	}
}

/* What hardware did to the page is believed as soon as it is asked for. */
TEST(lapic_accelerated)
{
	struct lapic *l = fixture_x2apic(0);

	lapic_accelerate(l, true);
	lapic_put(l, LAPIC_IRR + 0x40, BIT(3));
	CHECK_EQ(lapic_highest_irr(l), 0x83);
	CHECK_EQ(lapic_next(l), 0x83);
	lapic_put(l, LAPIC_ISR + 0x40, BIT(9));
	CHECK_EQ(lapic_next(l), -1);
	CHECK_EQ(fixture_eoi(l), LAPIC_OUT_EVENT);
	CHECK_EQ(lapic_next(l), 0x83);
	lapic_accept(l, 0x83);
	CHECK_EQ(lapic_get(l, LAPIC_PPR), 0x80);
	CHECK_EQ(l->isr_count, 1);
	CHECK_EQ(lapic_highest_irr(l), -1);
	CHECK_EQ(fixture_wrmsr(l, 0x83f, 0x84), LAPIC_OUT_EVENT);
	CHECK(fixture_bit(l, LAPIC_IRR, 0x84));
	lapic_put(l, LAPIC_ISR + 0x40, 0);
	CHECK_EQ(fixture_wrmsr(l, 0x808, 0x90), LAPIC_OUT_EVENT);
	CHECK_EQ(lapic_next(l), -1);
	lapic_put(l, LAPIC_TPR, 0);
	lapic_accelerate(l, false);
	CHECK_EQ(lapic_next(l), 0x84);

	/* TPR and PPR are told apart by what is in service now. */
	l = fixture_x2apic(0);
	fixture_post(l, 0x31, false);
	lapic_accelerate(l, true);
	lapic_put(l, LAPIC_ISR + 0x40, BIT(9));
	CHECK_EQ(fixture_wrmsr(l, 0x808, 0x20), LAPIC_OUT_EVENT);
	CHECK_EQ(lapic_get(l, LAPIC_PPR), 0x80);
	/* What hardware leaves behind is counted when it stops. */
	lapic_put(l, LAPIC_ISR + 0x40, 0);
	lapic_put(l, LAPIC_IRR + 0x60, BIT(7));
	lapic_accelerate(l, false);
	CHECK_EQ(lapic_next(l), 0xc7);
}

static bool lapic_was_touched(struct lapic *l)
{
	bool touched = l->touched;

	l->touched = false;
	return touched;
}

/* Who keeps RVI and SVI hears of every change of IRR and ISR that is ours, and of nothing else. */
TEST(lapic_touched)
{
	struct lapic *l = fixture_x2apic(0);
	struct lapic_out out = { .effects = 0 };
	static u8 saved[LAPIC_REGS_SIZE];

	CHECK(lapic_was_touched(l)); /* by the reset */
	CHECK(!lapic_irr_any(l));
	lapic_accelerate(l, true);
	CHECK(!lapic_irr_any(l));
	CHECK_EQ(lapic_highest_isr(l), -1);
	lapic_put(l, LAPIC_IRR + 0x70, BIT(1));
	CHECK(lapic_irr_any(l));
	lapic_put(l, LAPIC_ISR + 0x40, BIT(9));
	CHECK_EQ(lapic_highest_isr(l), 0x89);
	lapic_next(l);
	fixture_wrmsr(l, 0x808, 0x20); /* TPR */
	fixture_wrmsr(l, 0x830, 5ULL << 32 | 0x4041); /* an IPI to another */
	lapic_save(l, saved, true, 0);
	CHECK(!lapic_was_touched(l));
	fixture_post(l, 0x84, false);
	CHECK(lapic_was_touched(l));
	fixture_wrmsr(l, 0x83f, 0x85); /* SELF_IPI */
	CHECK(lapic_was_touched(l));
	lapic_accept(l, 0xe1);
	CHECK(lapic_was_touched(l));
	fixture_eoi(l);
	CHECK(lapic_was_touched(l));
	CHECK(lapic_restore(l, saved, true, 0, &out));
	CHECK(lapic_was_touched(l));
	lapic_reset(l, &out);
	CHECK(lapic_was_touched(l));
	CHECK(!lapic_irr_any(l));
}

/* The hint may be too wide; it is put right and nothing is made up. */
TEST(lapic_hint_is_only_a_hint)
{
	struct lapic *l = fixture_xapic(0);

	fixture_post(l, 0x31, false);
	l->irr_words = 0xff;
	CHECK_EQ(lapic_next(l), 0x31);
	CHECK_EQ(l->irr_words, 3);
	lapic_put(l, LAPIC_IRR + 0x10, 0);
	CHECK_EQ(lapic_next(l), -1);
	CHECK_EQ(l->irr_words, 0);
}

static u64 lapic_base_of(enum lapic_mode mode)
{
	return LAPIC_BASE_DEFAULT | (u64)mode << 10;
}

TEST(lapic_mode_changes)
{
	/* from, to, guest may, user may */
	static const struct {
		u8 from, to;
		bool guest, user;
	} rows[] = {
		{ LAPIC_DISABLED, LAPIC_DISABLED, true, true },
		{ LAPIC_DISABLED, LAPIC_INVALID, false, false },
		{ LAPIC_DISABLED, LAPIC_XAPIC, true, true },
		{ LAPIC_DISABLED, LAPIC_X2APIC, false, true },
		{ LAPIC_XAPIC, LAPIC_DISABLED, true, true },
		{ LAPIC_XAPIC, LAPIC_INVALID, false, false },
		{ LAPIC_XAPIC, LAPIC_XAPIC, true, true },
		{ LAPIC_XAPIC, LAPIC_X2APIC, true, true },
		{ LAPIC_X2APIC, LAPIC_DISABLED, true, true },
		{ LAPIC_X2APIC, LAPIC_INVALID, false, false },
		{ LAPIC_X2APIC, LAPIC_XAPIC, false, true },
		{ LAPIC_X2APIC, LAPIC_X2APIC, true, true },
	};
	u32 i, user;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		for (user = 0; user < 2; user++) {
			bool may = user ? rows[i].user : rows[i].guest;
			struct lapic *l = fixture_xapic(0x25);
			u64 from = lapic_base_of(rows[i].from);
			u64 to = lapic_base_of(rows[i].to);

			lapic_set_base(l, from, true, 46, &fixture_out);
			fixture_out.effects = 0;
			CHECK_ROW(i, lapic_set_base(l, to, user, 46, &fixture_out),
				  may);
			CHECK_ROW(i, l->base, may ? to : from);
			CHECK_ROW(i, !!(fixture_out.effects & LAPIC_OUT_DEST),
				  may && from != to);
			if (may && rows[i].to == LAPIC_X2APIC) {
				CHECK_ROW(i, lapic_get(l, LAPIC_ID), 0x25);
				CHECK_ROW(i, lapic_get(l, LAPIC_LDR), 0x20020);
			} else if (may && rows[i].to == LAPIC_XAPIC) {
				CHECK_ROW(i, lapic_get(l, LAPIC_ID), 0x25000000);
			}
		}
	}
}

TEST(lapic_base_reserved_bits)
{
	struct lapic *l = fixture_xapic(0);
	struct lapic_config config = l->config;
	u32 bit;

	for (bit = 0; bit < 64; bit++) {
		bool good = bit == 8 || bit == 10 || (bit >= 11 && bit < 40);

		l = fixture_xapic(0);
		CHECK_ROW(bit, lapic_set_base(l, LAPIC_BASE_ENABLE | BIT_ULL(bit),
					      false, 40, &fixture_out), good);
	}
	config.x2apic = false;
	lapic_configure(l, &config);
	CHECK(!lapic_set_base(l, lapic_base_of(LAPIC_X2APIC), true, 40,
			      &fixture_out));
	CHECK(!lapic_set_base(l, lapic_base_of(LAPIC_XAPIC) | 1, true, 40,
			      &fixture_out));
	CHECK(lapic_set_base(l, LAPIC_BASE_ENABLE | 1ULL << 63, true, 64,
			     &fixture_out));
}

/* Registers that a mode derives or doesn't have start anew on entry. */
TEST(lapic_mode_entry)
{
	struct lapic *l = fixture_xapic(0x25);
	u64 val;

	fixture_write(l, LAPIC_LDR, 0xff000000, 0);
	fixture_write(l, LAPIC_DFR, 0, 0);
	fixture_write(l, LAPIC_ICR2, 0xff000000, 0);
	fixture_write(l, LAPIC_ICR, 0x431, 0);
	lapic_put(l, LAPIC_ICR + 4, 0xbad);
	lapic_set_base(l, lapic_base_of(LAPIC_X2APIC), false, 46, &fixture_out);
	CHECK(lapic_rdmsr(l, 0x830, 0, &val));
	CHECK_EQ(val, 0x431);
	lapic_set_base(l, lapic_base_of(LAPIC_XAPIC), true, 46, &fixture_out);
	CHECK_EQ(lapic_read(l, LAPIC_LDR, 0), 0);
	CHECK_EQ(lapic_read(l, LAPIC_DFR, 0), 0xffffffff);
}

TEST(lapic_disable_resets)
{
	struct lapic *l = fixture_x2apic(7);

	fixture_post(l, 0x41, false);
	lapic_set_base(l, LAPIC_BASE_DEFAULT, false, 46, &fixture_out);
	CHECK(fixture_out.effects & LAPIC_OUT_DISARM);
	CHECK_EQ(lapic_next(l), -1);
	CHECK_EQ(lapic_get(l, LAPIC_SVR), 0xff);
	/* LINT0 and LINT1 are INTR and NMI now. */
	fixture_out.effects = 0;
	lapic_local(l, LAPIC_LVT_PERFMON, &fixture_out);
	CHECK_EQ(fixture_out.effects, 0);
	lapic_local(l, LAPIC_LVT_LINT1, &fixture_out);
	CHECK_EQ(fixture_out.effects, LAPIC_OUT_NMI);
	lapic_local(l, LAPIC_LVT_LINT0, &fixture_out);
	CHECK_EQ(fixture_out.effects, LAPIC_OUT_EXTINT | LAPIC_OUT_NMI);
	CHECK_EQ(fixture_post(l, 0x41, false), 0);
	lapic_set_base(l, lapic_base_of(LAPIC_XAPIC), false, 46, &fixture_out);
	CHECK_EQ(lapic_read(l, LAPIC_ID, 0), 7u << 24);
}

TEST(lapic_init_keeps_base_and_id)
{
	struct lapic *l = fixture_xapic(7);

	fixture_write(l, LAPIC_ID, 9u << 24, 0);
	fixture_write(l, LAPIC_LDR, 1u << 24, 0);
	fixture_write(l, LAPIC_DFR, 0, 0);
	fixture_write(l, LAPIC_LVT_CMCI, 0x41, 0);
	fixture_write(l, LAPIC_ICR, 1, 0);
	fixture_write(l, LAPIC_LVT_TIMER, 0x20041, 0);
	fixture_write(l, LAPIC_TIMER_INITIAL, 100, 0);
	fixture_post(l, 0x41, true);
	lapic_accept(l, lapic_next(l));
	fixture_post(l, 0x51, true);
	l->stale_vector = 0x41;
	fixture_out.effects = 0;
	lapic_reset(l, &fixture_out);
	CHECK_EQ(fixture_out.effects, LAPIC_OUT_DEST | LAPIC_OUT_DISARM);
	CHECK_EQ(lapic_read(l, LAPIC_ID, 0), 9u << 24);
	CHECK_EQ(lapic_read(l, LAPIC_LDR, 0), 0);
	CHECK_EQ(lapic_read(l, LAPIC_DFR, 0), 0xffffffff);
	CHECK_EQ(lapic_read(l, LAPIC_LVT_CMCI, 0), 0x10000);
	CHECK_EQ(l->esr_pending, 0);
	CHECK_EQ(l->timer_mode, 0);
	CHECK_EQ(lapic_read(l, LAPIC_PPR, 0), 0);
	CHECK_EQ(lapic_highest_irr(l), -1);
	CHECK_EQ(l->stale_vector, -1);
	CHECK_EQ(lapic_read(l, LAPIC_TIMER_CURRENT, 50), 0);

	l = fixture_x2apic(0x35);
	lapic_reset(l, &fixture_out);
	CHECK_EQ(lapic_mode(l), LAPIC_X2APIC);
	CHECK_EQ(lapic_get(l, LAPIC_ID), 0x35);
	CHECK_EQ(lapic_get(l, LAPIC_LDR), 0x30020);
}

TEST(lapic_local_sources)
{
	/* register, LVT, effects, IRR vector or 0, TMR */
	static const struct {
		u32 reg, lvt, effects;
		u8 vector;
		bool level;
	} rows[] = {
		{ LAPIC_LVT_THERMAL, 0x00041, LAPIC_OUT_EVENT, 0x41, false },
		{ LAPIC_LVT_THERMAL, 0x10041, 0, 0, false },
		{ LAPIC_LVT_CMCI, 0x00042, LAPIC_OUT_EVENT, 0x42, false },
		{ LAPIC_LVT_PERFMON, 0x00400, LAPIC_OUT_NMI, 0, false },
		{ LAPIC_LVT_PERFMON, 0x00200, LAPIC_OUT_SMI, 0, false },
		{ LAPIC_LVT_LINT0, 0x00700, LAPIC_OUT_EXTINT, 0, false },
		{ LAPIC_LVT_LINT0, 0x00500, LAPIC_OUT_INIT, 0, false },
		{ LAPIC_LVT_LINT0, 0x08043, LAPIC_OUT_EVENT, 0x43, true },
		{ LAPIC_LVT_LINT1, 0x08043, LAPIC_OUT_EVENT, 0x43, false },
		{ LAPIC_LVT_LINT1, 0x00400, LAPIC_OUT_NMI, 0, false },
		{ LAPIC_LVT_LINT1, 0x00300, 0, 0, false },
		{ LAPIC_LVT_ERROR, 0x00044, LAPIC_OUT_EVENT, 0x44, false },
		{ LAPIC_LVT_LINT0, 0x00043, LAPIC_OUT_EVENT, 0x43, false },
		{ LAPIC_LVT_THERMAL, 0x00010, LAPIC_OUT_EVENT, 0x10, false },
		{ LAPIC_LVT_THERMAL, 0x0000f, 0, 0, false },
	};
	u32 i;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		struct lapic *l = fixture_xapic(0);

		fixture_write(l, rows[i].reg, rows[i].lvt, 0);
		fixture_out.effects = 0;
		lapic_local(l, rows[i].reg, &fixture_out);
		CHECK_ROW(i, fixture_out.effects, rows[i].effects);
		CHECK_ROW(i, lapic_highest_irr(l),
			  rows[i].vector ? rows[i].vector : -1);
		CHECK_ROW(i, fixture_bit(l, LAPIC_TMR, rows[i].vector),
			  rows[i].level);
		CHECK_ROW(i, l->esr_pending,
			  (rows[i].lvt & 0x107ff) == 0xf ? BIT(6) : 0);
	}
}

TEST(lapic_pmi_masks_its_lvt)
{
	struct lapic *l = fixture_xapic(0);
	struct lapic_config config = l->config;

	fixture_write(l, LAPIC_LVT_PERFMON, 0x400, 0);
	lapic_local(l, LAPIC_LVT_PERFMON, &fixture_out);
	CHECK_EQ(lapic_read(l, LAPIC_LVT_PERFMON, 0), 0x10400);
	config.pmi_masks = false;
	lapic_configure(l, &config);
	fixture_write(l, LAPIC_LVT_PERFMON, 0x400, 0);
	lapic_local(l, LAPIC_LVT_PERFMON, &fixture_out);
	CHECK_EQ(lapic_read(l, LAPIC_LVT_PERFMON, 0), 0x400);
}

/* LINT0 as firmware leaves it delivers ExtINT though SVR says disabled. */
TEST(lapic_disabled_lint0)
{
	struct lapic *l = &fixture_lapic;

	lapic_init(l, fixture_page, 0, 0, true);
	fixture_out.effects = 0;
	lapic_local(l, LAPIC_LVT_LINT0, &fixture_out);
	CHECK_EQ(fixture_out.effects, LAPIC_OUT_EXTINT);
	/* Restored so by user space; a fixed vector is dropped all the same. */
	lapic_put(l, LAPIC_LVT_LINT0, 0x41);
	fixture_out.effects = 0;
	lapic_local(l, LAPIC_LVT_LINT0, &fixture_out);
	CHECK_EQ(fixture_out.effects, 0);
}

struct icr_row {
	u64 icr; /* xAPIC: destination in 63:56 */
	u32 effects;
	u32 dest;
	u8 vector, delivery, shorthand;
	bool logical;
	u32 esr;
};

static const struct icr_row icr_rows[] = {
	{ 0x0500000000004031, LAPIC_OUT_IPI, 5, 0x31, IRQ_FIXED },
	{ 0xff00000000000831, LAPIC_OUT_IPI, 0xff, 0x31, IRQ_FIXED, 0, true },
	{ 0x0500000000000131, LAPIC_OUT_IPI, 5, 0x31, IRQ_LOWEST },
	{ 0x0500000000000200, LAPIC_OUT_IPI, 5, 0, IRQ_SMI },
	{ 0x0500000000000400, LAPIC_OUT_IPI, 5, 0, IRQ_NMI },
	{ 0x0500000000004500, LAPIC_OUT_IPI, 5, 0, IRQ_INIT },
	{ 0x050000000000c500, LAPIC_OUT_IPI, 5, 0, IRQ_INIT },
	{ 0x0500000000000500, LAPIC_OUT_IPI, 5, 0, IRQ_INIT },
	{ 0x0500000000000010, LAPIC_OUT_IPI, 5, 0x10, IRQ_FIXED },
	{ 0x0000000000040010, LAPIC_OUT_EVENT, 0, 0x10 },
	{ 0x0500000000008500, 0 }, /* level de-assert */
	{ 0x0500000000000608, LAPIC_OUT_IPI, 5, 8, IRQ_STARTUP },
	{ 0x0500000000000331, 0 }, /* reserved */
	{ 0x0500000000000731, 0 }, /* ExtINT */
	{ 0x0000000000040031, LAPIC_OUT_EVENT, 0, 0x31 },
	{ 0x0000000000040400, LAPIC_OUT_IPI, 0, 0, IRQ_NMI, IRQ_SELF },
	{ 0x0000000000080031, LAPIC_OUT_IPI, 0, 0x31, IRQ_FIXED, IRQ_ALL },
	{ 0x00000000000c0031, LAPIC_OUT_IPI, 0, 0x31, IRQ_FIXED, IRQ_OTHERS },
	{ 0x0500000000008031, LAPIC_OUT_IPI, 5, 0x31, IRQ_FIXED },
	{ 0x050000000000000f, 0, 0, 0, 0, 0, false, BIT(5) },
	{ 0x050000000000010f, 0, 0, 0, 0, 0, false, BIT(5) },
	{ 0x000000000004000f, 0, 0, 0, 0, 0, false, BIT(5) | BIT(6) },
};

static void lapic_check_icr(struct lapic *l, const struct icr_row *row,
			    u32 *bad)
{
	const struct irq_message *ipi = &fixture_out.ipi;

	*bad = fixture_out.effects != row->effects ||
	       l->esr_pending != row->esr;
	if (row->effects & LAPIC_OUT_IPI)
		*bad |= ipi->dest != row->dest || ipi->vector != row->vector ||
			ipi->delivery != row->delivery ||
			ipi->shorthand != row->shorthand ||
			ipi->logical != row->logical || ipi->level ||
			ipi->deassert || ipi->source != 3 ||
			ipi->wide != (lapic_mode(l) == LAPIC_X2APIC);
	if (row->effects & LAPIC_OUT_EVENT)
		*bad |= lapic_next(l) != row->vector;
}

TEST(lapic_icr_table)
{
	struct lapic *l;
	u32 i, bad;
	u64 val;

	for (i = 0; i < ARRAY_SIZE(icr_rows); i++) {
		const struct icr_row *row = &icr_rows[i];

		l = fixture_xapic(0);
		fixture_write(l, LAPIC_ICR2, row->icr >> 32, 0);
		CHECK_ROW(i, fixture_out.effects, 0);
		fixture_write(l, LAPIC_ICR, row->icr | BIT(12), 0);
		lapic_check_icr(l, row, &bad);
		CHECK_ROW(i, bad, 0);
		CHECK_ROW(i, lapic_read(l, LAPIC_ICR, 0), (u32)row->icr);

		/* The same as one register, destination in 63:32. */
		l = fixture_x2apic(0);
		val = (row->icr & 0xffffffff) | row->icr >> 56 << 32;
		fixture_wrmsr(l, 0x830, val | BIT(12));
		lapic_check_icr(l, row, &bad);
		CHECK_ROW(i, bad, 0);
		CHECK(lapic_rdmsr(l, 0x830, 0, &val));
		CHECK_ROW(i, val, (row->icr & 0xffffffff) | row->icr >> 56 << 32);
	}
}

TEST(lapic_icr_wide_destination)
{
	struct lapic *l = fixture_x2apic(0);

	CHECK_EQ(fixture_wrmsr(l, 0x830, 0x12345678ULL << 32 | 0x31),
		 LAPIC_OUT_IPI);
	CHECK_EQ(fixture_out.ipi.dest, 0x12345678);
	CHECK(fixture_out.ipi.wide);
}

TEST(lapic_self_ipi_msr)
{
	struct lapic *l = fixture_x2apic(0);

	CHECK_EQ(fixture_wrmsr(l, 0x83f, 0x31), LAPIC_OUT_EVENT);
	CHECK_EQ(lapic_next(l), 0x31);
	CHECK_EQ(fixture_wrmsr(l, 0x83f, 0x131), LAPIC_OUT_FAULT);
	CHECK_EQ(fixture_wrmsr(l, 0x83f, 0x0f), 0);
	CHECK_EQ(l->esr_pending, BIT(5) | BIT(6));
	/* Software-disabled: sent, and not received. */
	fixture_wrmsr(l, 0x80f, 0xff);
	CHECK_EQ(fixture_wrmsr(l, 0x83f, 0x41), 0);
	CHECK_EQ(lapic_highest_irr(l), 0x31);
}

/* Whom the PIC's INT reaches, as an interrupt and as an NMI. */
TEST(lapic_extint_by_lint0)
{
	static const struct {
		u32 lvt;
		bool takes;
		bool nmi;
	} rows[] = {
		{ 0x00700, true },
		{ 0x10700, false },
		{ 0x0a700, true },
		{ 0x007ff, true },
		{ 0x00400, false, true },
		{ 0x0a4ff, false, true },
		{ 0x10400, false },
		{ 0x00200, false },
		{ 0x00500, false },
		{ 0x00031, false },
		{ 0x00300, false },
	};
	struct lapic *l = fixture_xapic(0);
	u32 i;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		CHECK_ROW(i, fixture_write(l, LAPIC_LVT_LINT0, rows[i].lvt, 0),
			  LAPIC_OUT_LINT0);
		CHECK_ROW(i, lapic_takes_extint(l), rows[i].takes);
		CHECK_ROW(i, lapic_lint0_nmi(l), rows[i].nmi);
		CHECK_ROW(i, fixture_write(l, LAPIC_LVT_LINT1, rows[i].lvt, 0), 0);
	}
	/* Software-disabled is masked; globally disabled is as if not there. */
	fixture_write(l, LAPIC_LVT_LINT0, 0x700, 0);
	CHECK(fixture_write(l, LAPIC_SVR, 0xff, 0) & LAPIC_OUT_DEST);
	CHECK(!lapic_takes_extint(l));
	fixture_write(l, LAPIC_SVR, 0x1ff, 0);
	fixture_write(l, LAPIC_LVT_LINT0, 0x400, 0);
	CHECK(fixture_write(l, LAPIC_SVR, 0xff, 0) & LAPIC_OUT_DEST);
	CHECK(!lapic_lint0_nmi(l));
	/* The BSP's, disabled but unmasked: a write that leaves it so masks it. */
	l->base |= LAPIC_BASE_BSP;
	lapic_reset(l, &fixture_out);
	CHECK(lapic_takes_extint(l));
	CHECK_EQ(fixture_write(l, LAPIC_SVR, 0xfe, 0), LAPIC_OUT_LINT0);
	CHECK(!lapic_takes_extint(l));
	CHECK(lapic_set_base(l, LAPIC_BASE_DEFAULT, false, 46, &fixture_out));
	CHECK(lapic_takes_extint(l));
	lapic_put(l, LAPIC_LVT_LINT0, 0x400);
	CHECK(lapic_takes_extint(l) && !lapic_lint0_nmi(l));
}

#define LAPIC_TESTS(T)                                                         \
	T(lapic_power_up)                                                      \
	T(lapic_priority_classes)                                              \
	T(lapic_eoi_effects)                                                   \
	T(lapic_eoi_done_by_hardware)                                          \
	T(lapic_silent_eoi)                                                    \
	T(lapic_nested_service)                                                \
	T(lapic_accelerated)                                                   \
	T(lapic_touched)                                                       \
	T(lapic_hint_is_only_a_hint)                                           \
	T(lapic_mode_changes)                                                  \
	T(lapic_base_reserved_bits)                                            \
	T(lapic_mode_entry)                                                    \
	T(lapic_disable_resets)                                                \
	T(lapic_init_keeps_base_and_id)                                        \
	T(lapic_local_sources)                                                 \
	T(lapic_pmi_masks_its_lvt)                                             \
	T(lapic_disabled_lint0)                                                \
	T(lapic_extint_by_lint0)                                               \
	T(lapic_icr_table)                                                     \
	T(lapic_icr_wide_destination)                                          \
	T(lapic_self_ipi_msr)

CHECK_MAIN(lapic, LAPIC_TESTS)
