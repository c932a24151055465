// SPDX-License-Identifier: GPL-2.0-only
/*
 * The behaviours that docs and design name by letter, where they are the
 * engine's: B, C and D. A and E are the core's; races/ has their protocols.
 */
#include "../../module/apic/exitmap.h"
#include "fixture.h"

static struct dest_map behaviours_map;

static u32 behaviours_done(struct lapic *l, u32 reg)
{
	fixture_out.effects = 0;
	lapic_write_done(l, reg, 0, &fixture_out);
	return fixture_out.effects;
}

/*
 * AVIC: the store to EOI is in the page, the register can't be read, and yet
 * the interrupt must end and be broadcast.
 */
TEST(behaviour_b_eoi_write_trap)
{
	struct lapic *l = fixture_xapic(0);
	u64 val;

	lapic_accelerate(l, true);
	fixture_post(l, 0x41, true);
	/* Hardware delivers it. */
	lapic_put(l, LAPIC_IRR + 0x20, 0);
	lapic_put(l, LAPIC_ISR + 0x20, BIT(1));
	lapic_put(l, LAPIC_EOI, 0);
	CHECK_EQ(behaviours_done(l, LAPIC_EOI), LAPIC_OUT_EOI);
	CHECK_EQ(fixture_out.eoi_vector, 0x41);
	CHECK_EQ(lapic_get(l, LAPIC_ISR + 0x20), 0);

	/* In x2APIC mode, where the same read would be refused. */
	l = fixture_x2apic(0);
	CHECK(!lapic_rdmsr(l, 0x80b, 0, &val));
	fixture_post(l, 0x41, true);
	lapic_accept(l, lapic_next(l));
	CHECK_EQ(behaviours_done(l, LAPIC_EOI), LAPIC_OUT_EOI);
}

TEST(behaviour_b_icr_is_64_bits)
{
	u32 split;

	for (split = 0; split < 2; split++) {
		struct lapic *l = fixture_x2apic(0);
		struct lapic_config config = l->config;

		config.icr_split = split;
		lapic_configure(l, &config);
		lapic_put(l, LAPIC_ICR, 0x1031);
		lapic_put(l, LAPIC_ICR + 4, split ? 0xbad : 0x10005);
		lapic_put(l, LAPIC_ICR2, split ? 0x10005 : 0xbad);
		CHECK_ROW(split, behaviours_done(l, LAPIC_ICR), LAPIC_OUT_IPI);
		CHECK_ROW(split, fixture_out.ipi.dest, 0x10005);
		CHECK_ROW(split, fixture_out.ipi.vector, 0x31);
		CHECK_ROW(split, lapic_get(l, LAPIC_ICR), 0x31);
	}
	fixture_xapic(0);
	lapic_put(&fixture_lapic, LAPIC_ICR2, 7u << 24);
	lapic_put(&fixture_lapic, LAPIC_ICR, 0x31);
	CHECK_EQ(behaviours_done(&fixture_lapic, LAPIC_ICR), LAPIC_OUT_IPI);
	CHECK_EQ(fixture_out.ipi.dest, 7);
}

/* Every other register: the stored value is tidied and acted on. */
TEST(behaviour_b_other_registers)
{
	static const struct {
		u32 reg, stored, kept, effects;
	} rows[] = {
		{ LAPIC_ID, 0x05ffffff, 0x05000000, LAPIC_OUT_DEST },
		{ LAPIC_LDR, 0x02ffffff, 0x02000000, LAPIC_OUT_DEST },
		{ LAPIC_DFR, 0, 0x0fffffff, LAPIC_OUT_DEST },
		{ LAPIC_ID, 0x05000000, 0x05000000, LAPIC_OUT_DEST },
		{ LAPIC_LDR, 0x02000000, 0x02000000, LAPIC_OUT_DEST },
		{ LAPIC_DFR, 0x0fffffff, 0x0fffffff, LAPIC_OUT_DEST },
		{ LAPIC_SVR, 0xfffff2ff, 0x10ff, LAPIC_OUT_DEST },
		{ LAPIC_TPR, 0x1ff, 0xff, 0 },
		{ LAPIC_ESR, 0x55, 0, 0 },
		{ LAPIC_ICR2, ~0U, 0xff000000, 0 },
		{ LAPIC_LVT_ERROR, ~0U, 0x100ff, 0 },
		{ LAPIC_LVT_TIMER, 0x41, 0x41, 0 },
		{ LAPIC_TIMER_INITIAL, 5, 5, LAPIC_OUT_ARM },
		{ LAPIC_TIMER_DIVIDE, ~0U, 0xb, 0 },
		{ LAPIC_PPR, 0x77, 0x77, 0 }, /* not a register one can write */
		{ 0x290, 0x77, 0x77, 0 },
	};
	u32 i;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		struct lapic *l = fixture_xapic(0);

		lapic_put(l, rows[i].reg, rows[i].stored);
		CHECK_ROW(i, behaviours_done(l, rows[i].reg), rows[i].effects);
		CHECK_ROW(i, lapic_get(l, rows[i].reg), rows[i].kept);
	}
	fixture_x2apic(0);
	lapic_put(&fixture_lapic, LAPIC_SELF_IPI, 0x61);
	CHECK_EQ(behaviours_done(&fixture_lapic, LAPIC_SELF_IPI), LAPIC_OUT_EVENT);
	CHECK_EQ(lapic_next(&fixture_lapic), 0x61);
}

/* The mode before is gone from the page; disarming must work all the same. */
TEST(behaviour_b_timer_mode)
{
	struct lapic *l = fixture_xapic(0);

	fixture_write(l, LAPIC_TIMER_DIVIDE, 3, 0);
	fixture_write(l, LAPIC_TIMER_INITIAL, 100, 0);
	lapic_put(l, LAPIC_TIMER_DIVIDE, 0xb);
	fixture_out.effects = 0;
	lapic_write_done(l, LAPIC_TIMER_DIVIDE, 640, &fixture_out);
	CHECK_EQ(fixture_out.effects, LAPIC_OUT_ARM);
	CHECK_EQ(fixture_out.deadline, 700);
	lapic_put(l, LAPIC_LVT_TIMER, 0x40041);
	CHECK_EQ(behaviours_done(l, LAPIC_LVT_TIMER), LAPIC_OUT_DISARM);
	CHECK_EQ(lapic_get(l, LAPIC_TIMER_INITIAL), 0);
}

static void behaviours_scan(struct exitmap *map, const struct ioapic *io,
			    struct lapic *l)
{
	memset(map, 0, sizeof(*map));
	exitmap_add_ioapic(map, io, &behaviours_map, 0);
	exitmap_add_stale(map, l);
}

static void behaviours_rte(struct ioapic *io, u32 dest, u32 low)
{
	struct ioapic_out out = { .n = 0 };

	ioapic_write(io, 0, 0x11, &out);
	ioapic_write(io, 0x10, dest << 24, &out);
	ioapic_write(io, 0, 0x10, &out);
	ioapic_write(io, 0x10, low, &out);
}

static void behaviours_two_apics(void)
{
	u32 i;

	behaviours_map.n = 2;
	for (i = 0; i < 2; i++) {
		struct dest_view *v = &behaviours_map.view[i];

		v->present = true;
		v->enabled = true;
		v->mode = LAPIC_XAPIC;
		v->id = i;
		v->dfr = ~0U;
	}
	dest_map_build(&behaviours_map);
}

/*
 * The entry moves to another APIC while its interrupt is in service here: this
 * EOI, once, must be seen; a later use of the vector must not exit.
 */
TEST(behaviour_c_stale_eoi)
{
	static struct ioapic io;
	struct lapic *l = fixture_xapic(0);
	struct exitmap map;

	behaviours_two_apics();
	ioapic_init(&io);
	behaviours_rte(&io, 0, 0x8041);
	fixture_post(l, 0x41, true);
	lapic_accept(l, lapic_next(l));
	behaviours_scan(&map, &io, l);
	CHECK(exitmap_has(&map, 0x41));
	CHECK_EQ(l->stale_vector, -1);

	behaviours_rte(&io, 1, 0x8041);
	behaviours_scan(&map, &io, l);
	CHECK(exitmap_has(&map, 0x41));
	CHECK_EQ(l->stale_vector, 0x41);

	CHECK_EQ(fixture_eoi(l), LAPIC_OUT_EOI | LAPIC_OUT_RESCAN);
	CHECK_EQ(fixture_out.eoi_vector, 0x41);
	CHECK_EQ(l->stale_vector, -1);
	behaviours_scan(&map, &io, l);
	CHECK(!exitmap_has(&map, 0x41));

	fixture_post(l, 0x41, false);
	lapic_accept(l, lapic_next(l));
	CHECK_EQ(fixture_eoi(l), 0);
}

/* The highest is remembered; its rescan finds the next. */
TEST(behaviour_c_highest_first)
{
	static struct ioapic io;
	struct lapic *l = fixture_xapic(0);
	struct exitmap map;

	behaviours_two_apics();
	ioapic_init(&io);
	fixture_post(l, 0x41, true);
	lapic_accept(l, lapic_next(l));
	fixture_post(l, 0x91, true);
	lapic_accept(l, lapic_next(l));
	fixture_post(l, 0xa1, false);
	behaviours_scan(&map, &io, l);
	CHECK_EQ(l->stale_vector, 0x91);
	CHECK(exitmap_has(&map, 0x41));
	CHECK(!exitmap_has(&map, 0xa1));

	/* Ended by hardware, as with virtual-interrupt delivery. */
	lapic_put(l, LAPIC_ISR + 0x40, 0);
	lapic_refresh(l);
	fixture_out.effects = 0;
	lapic_eoi_done(l, 0x91, &fixture_out);
	CHECK_EQ(fixture_out.effects, LAPIC_OUT_EOI | LAPIC_OUT_RESCAN);
	behaviours_scan(&map, &io, l);
	CHECK_EQ(l->stale_vector, 0x41);
	CHECK_EQ(map.bits[0], 0);
	CHECK_EQ(map.bits[1], 2);
	CHECK_EQ(map.bits[2], 0);
	CHECK_EQ(map.bits[3], 0);
}

/* Posted but not yet taken counts too: its EOI is still to come. */
TEST(behaviour_c_pending)
{
	struct lapic *l = fixture_xapic(0);
	struct exitmap map = { { 0 } };

	fixture_post(l, 0x41, true);
	exitmap_add_stale(&map, l);
	CHECK_EQ(l->stale_vector, 0x41);
	/* Routed here after all: forgotten. */
	exitmap_add_stale(&map, l);
	CHECK_EQ(l->stale_vector, -1);
	memset(&map, 0, sizeof(map));
	exitmap_add_stale(&map, l);
	lapic_accept(l, lapic_next(l));
	CHECK_EQ(fixture_eoi(l), LAPIC_OUT_EOI | LAPIC_OUT_RESCAN);
}

/* While INIT is blocked it waits, SIPI is lost, and NMI is neither. */
TEST(behaviour_d_take_init)
{
	static const u8 sends[] = { IRQ_INIT, IRQ_STARTUP, IRQ_NMI };
	struct lapic *l = fixture_xapic(0);
	struct irq_message msg = { .vector = 0x9a };
	struct mailbox mb;
	u32 i;

	mailbox_init(&mb);
	for (i = 0; i < ARRAY_SIZE(sends); i++) {
		msg.delivery = sends[i];
		mailbox_post(&mb, &msg);
	}
	fixture_out.effects = 0;
	lapic_absorb(l, &mb, false, &fixture_out);
	CHECK_EQ(fixture_out.effects, LAPIC_OUT_NMI);
	CHECK(mailbox_pending(&mb));
	CHECK(!mailbox_takeable(&mb, false));
	CHECK(mailbox_takeable(&mb, true));

	/* Still blocked: nothing new, and another SIPI is lost again. */
	msg.delivery = IRQ_STARTUP;
	mailbox_post(&mb, &msg);
	CHECK(mailbox_takeable(&mb, false));
	fixture_out.effects = 0;
	lapic_absorb(l, &mb, false, &fixture_out);
	CHECK_EQ(fixture_out.effects, 0);

	fixture_out.effects = 0;
	lapic_absorb(l, &mb, true, &fixture_out);
	CHECK_EQ(fixture_out.effects, LAPIC_OUT_INIT);
	CHECK(!mailbox_pending(&mb));
}

#define BEHAVIOURS_TESTS(T)                                                    \
	T(behaviour_b_eoi_write_trap)                                          \
	T(behaviour_b_icr_is_64_bits)                                          \
	T(behaviour_b_other_registers)                                         \
	T(behaviour_b_timer_mode)                                              \
	T(behaviour_c_stale_eoi)                                               \
	T(behaviour_c_highest_first)                                           \
	T(behaviour_c_pending)                                                 \
	T(behaviour_d_take_init)

CHECK_MAIN(behaviours, BEHAVIOURS_TESTS)
