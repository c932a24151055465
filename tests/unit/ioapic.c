// SPDX-License-Identifier: GPL-2.0-only
/* 82093AA datasheet: registers, pins, remote IRR. */
#include "../../module/apic/ioapic.h"
#include "check.h"

static struct ioapic ioapic_dev;
static struct ioapic_out ioapic_effects;

static u32 ioapic_in(u32 reg)
{
	ioapic_write(&ioapic_dev, 0, reg, &ioapic_effects);
	return ioapic_read(&ioapic_dev, 0x10);
}

static u32 ioapic_outl(u32 reg, u32 val)
{
	ioapic_effects.n = 0;
	ioapic_effects.rescan = false;
	ioapic_write(&ioapic_dev, 0, reg, &ioapic_effects);
	ioapic_write(&ioapic_dev, 0x10, val, &ioapic_effects);
	return ioapic_effects.n;
}

static int ioapic_drive(u32 pin, bool level)
{
	ioapic_effects.n = 0;
	return ioapic_line(&ioapic_dev, pin, IOAPIC_SRC_USER, level,
			   &ioapic_effects);
}

static u32 ioapic_end(u8 vector)
{
	ioapic_effects.n = 0;
	ioapic_eoi(&ioapic_dev, vector, &ioapic_effects);
	return ioapic_effects.n;
}

TEST(ioapic_registers)
{
	u32 pin;

	ioapic_init(&ioapic_dev);
	CHECK_EQ(ioapic_dev.base, 0xfec00000);
	CHECK_EQ(ioapic_in(1), 0x00170011);
	CHECK_EQ(ioapic_in(0), 0);
	ioapic_outl(0, 0xffffffff);
	CHECK_EQ(ioapic_in(0), 0x0f000000);
	CHECK_EQ(ioapic_in(2), 0x0f000000);
	ioapic_outl(1, 0);
	ioapic_outl(2, 0);
	CHECK_EQ(ioapic_in(1), 0x00170011);
	CHECK_EQ(ioapic_in(2), 0x0f000000);
	for (pin = 0; pin < 24; pin++) {
		CHECK_ROW(pin, ioapic_in(0x10 + 2 * pin), 0x10000);
		CHECK_ROW(pin, ioapic_in(0x11 + 2 * pin), 0);
		ioapic_outl(0x10 + 2 * pin, 0xffffffff);
		ioapic_outl(0x11 + 2 * pin, 0xffffffff);
		CHECK_ROW(pin, ioapic_in(0x10 + 2 * pin), 0x1afff);
		CHECK_ROW(pin, ioapic_in(0x11 + 2 * pin), 0xff000000);
	}
	ioapic_outl(0x11, 0xa5000000);
	CHECK_EQ(ioapic_in(0x11), 0xa5000000);
	CHECK_EQ(ioapic_in(0x10), 0x1afff);
	CHECK_EQ(ioapic_in(0x40), 0);
	ioapic_outl(0x40, 0xffffffff);
	ioapic_outl(3, 0xffffffff);
	CHECK_EQ(ioapic_in(3), 0);
	CHECK_EQ(ioapic_read(&ioapic_dev, 0), 3);
	CHECK_EQ(ioapic_read(&ioapic_dev, 0x20), 0);
	ioapic_write(&ioapic_dev, 0x40, 0x41, &ioapic_effects);
	ioapic_write(&ioapic_dev, 0, 0x1ff, &ioapic_effects);
	CHECK_EQ(ioapic_read(&ioapic_dev, 0), 0xff);
}

TEST(ioapic_message_fields)
{
	struct irq_message msg;

	memset(&msg, 0xff, sizeof(msg));
	ioapic_init(&ioapic_dev);
	ioapic_put_rte(&ioapic_dev, 5, 0xa5ULL << 56 | 0x8941);
	ioapic_message(&ioapic_dev, 5, &msg);
	CHECK_EQ(msg.dest, 0xa5);
	CHECK_EQ(msg.vector, 0x41);
	CHECK_EQ(msg.delivery, IRQ_LOWEST);
	CHECK(msg.logical && msg.level && !msg.wide && !msg.deassert);
	CHECK_EQ(msg.source, IRQ_SOURCE_NONE);
	CHECK_EQ(msg.shorthand, IRQ_DEST_FIELD);
	/* NMI is an edge whatever the entry says. */
	ioapic_put_rte(&ioapic_dev, 5, 0x8400);
	ioapic_message(&ioapic_dev, 5, &msg);
	CHECK(!msg.level && !msg.logical);
}

TEST(ioapic_edge)
{
	ioapic_init(&ioapic_dev);
	CHECK_EQ(ioapic_drive(4, true), IOAPIC_IGNORED);
	/* An edge while masked is lost. */
	CHECK_EQ(ioapic_outl(0x18, 0x41), 0);
	CHECK_EQ(ioapic_drive(4, true), IOAPIC_COALESCED);
	CHECK_EQ(ioapic_drive(4, false), IOAPIC_IDLE);
	CHECK_EQ(ioapic_drive(4, true), IOAPIC_SENT);
	CHECK_EQ(ioapic_effects.n, 1);
	CHECK_EQ(ioapic_effects.pin[0], 4);
	CHECK_EQ(ioapic_effects.msg[0].vector, 0x41);
	CHECK(!ioapic_effects.msg[0].level);
	/* Every edge is sent; whether the APIC still has one is its affair. */
	ioapic_drive(4, false);
	CHECK_EQ(ioapic_drive(4, true), IOAPIC_SENT);
	CHECK_EQ(ioapic_end(0x41), 0);
	CHECK_EQ(ioapic_dev.irr[0], 0);
}

TEST(ioapic_sources_are_ored)
{
	ioapic_init(&ioapic_dev);
	ioapic_outl(0x10, 0x41);
	ioapic_effects.n = 0;
	CHECK_EQ(ioapic_line(&ioapic_dev, 0, IOAPIC_SRC_PIT, true,
			     &ioapic_effects), IOAPIC_SENT);
	CHECK_EQ(ioapic_drive(0, true), IOAPIC_COALESCED);
	CHECK_EQ(ioapic_line(&ioapic_dev, 0, IOAPIC_SRC_PIT, false,
			     &ioapic_effects), IOAPIC_COALESCED);
	CHECK_EQ(ioapic_drive(0, false), IOAPIC_IDLE);
	CHECK_EQ(ioapic_drive(0, true), IOAPIC_SENT);
	CHECK_EQ(ioapic_drive(24, true), IOAPIC_IGNORED);
	CHECK_EQ(ioapic_drive(~0U, true), IOAPIC_IGNORED);
}

TEST(ioapic_level)
{
	ioapic_init(&ioapic_dev);
	ioapic_outl(0x1a, 0x8041);
	CHECK_EQ(ioapic_drive(5, true), IOAPIC_SENT);
	CHECK_EQ(ioapic_in(0x1a), 0xc041);
	CHECK_EQ(ioapic_drive(5, true), IOAPIC_IGNORED);
	/* Still asserted at EOI: once more. */
	CHECK_EQ(ioapic_end(0x40), 0);
	CHECK_EQ(ioapic_end(0x41), 1);
	CHECK_EQ(ioapic_in(0x1a), 0xc041);
	CHECK_EQ(ioapic_drive(5, false), IOAPIC_IDLE);
	CHECK_EQ(ioapic_in(0x1a), 0xc041);
	CHECK_EQ(ioapic_end(0x41), 0);
	CHECK_EQ(ioapic_in(0x1a), 0x8041);
	CHECK_EQ(ioapic_end(0x41), 0);
}

TEST(ioapic_level_masked)
{
	ioapic_init(&ioapic_dev);
	ioapic_outl(0x1a, 0x18041);
	CHECK_EQ(ioapic_drive(5, true), IOAPIC_IGNORED);
	CHECK_EQ(ioapic_outl(0x1a, 0x8041), 1);
	CHECK(!ioapic_effects.rescan);
	/* Masked in service, ended, unmasked while asserted. */
	CHECK_EQ(ioapic_outl(0x1a, 0x18041), 0);
	CHECK_EQ(ioapic_in(0x1a), 0x1c041);
	CHECK_EQ(ioapic_end(0x41), 0);
	CHECK_EQ(ioapic_in(0x1a), 0x18041);
	CHECK_EQ(ioapic_outl(0x1a, 0x8041), 1);
	/* Deasserted while masked: nothing is left over. */
	ioapic_outl(0x1a, 0x18041);
	ioapic_end(0x41);
	ioapic_drive(5, false);
	CHECK_EQ(ioapic_outl(0x1a, 0x8041), 0);
	CHECK_EQ(ioapic_in(0x1a), 0x8041);
}

TEST(ioapic_remote_irr_is_read_only)
{
	ioapic_init(&ioapic_dev);
	ioapic_outl(0x1a, 0xd041);
	CHECK_EQ(ioapic_in(0x1a), 0x8041);
	ioapic_drive(5, true);
	ioapic_outl(0x1a, 0x8041);
	CHECK_EQ(ioapic_in(0x1a), 0xc041);
	/* By hand: to edge and back, masked, as software ends an interrupt
	 * where there is no EOI register.
	 */
	ioapic_outl(0x1a, 0x10041);
	CHECK_EQ(ioapic_in(0x1a), 0x10041);
	CHECK_EQ(ioapic_outl(0x1a, 0x18041), 0);
	CHECK_EQ(ioapic_outl(0x1a, 0x8041), 1);
}

TEST(ioapic_active_low_changes_nothing)
{
	ioapic_init(&ioapic_dev);
	ioapic_outl(0x1a, 0xa041);
	CHECK_EQ(ioapic_drive(5, true), IOAPIC_SENT);
	CHECK_EQ(ioapic_drive(5, false), IOAPIC_IDLE);
	CHECK_EQ(ioapic_end(0x41), 0);
}

TEST(ioapic_odd_deliveries)
{
	/* RTE, status when asserted, remote IRR afterwards */
	static const struct {
		u32 rte;
		int status;
		bool remote_irr;
	} rows[] = {
		{ 0x8041, IOAPIC_SENT, true }, { 0x8141, IOAPIC_SENT, true },
		{ 0x8200, IOAPIC_SENT, false }, { 0x8341, IOAPIC_IGNORED, false },
		{ 0x8400, IOAPIC_SENT, false }, { 0x8500, IOAPIC_SENT, false },
		{ 0x8700, IOAPIC_SENT, false }, { 0x800f, IOAPIC_IGNORED, false },
		{ 0x810f, IOAPIC_IGNORED, false }, { 0x8110, IOAPIC_SENT, true },
		{ 0x000f, IOAPIC_IGNORED, false }, { 0x0010, IOAPIC_SENT, false },
	};
	u32 i;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		ioapic_init(&ioapic_dev);
		ioapic_outl(0x1a, rows[i].rte);
		CHECK_ROW(i, ioapic_drive(5, true), rows[i].status);
		CHECK_ROW(i, ioapic_in(0x1a) >> 14 & 1, rows[i].remote_irr);
	}
}

TEST(ioapic_shared_vector)
{
	ioapic_init(&ioapic_dev);
	ioapic_outl(0x1a, 0x8041);
	ioapic_outl(0x1c, 0x8041);
	ioapic_outl(0x1e, 0x0041);
	ioapic_drive(5, true);
	ioapic_drive(6, true);
	ioapic_drive(7, true);
	ioapic_drive(6, false);
	CHECK_EQ(ioapic_end(0x41), 1);
	CHECK_EQ(ioapic_effects.pin[0], 5);
	CHECK_EQ(ioapic_in(0x1c), 0x8041);
}

static u64 ioapic_ended(struct ioapic *io, u8 vector, u64 which)
{
	u64 pins[IOAPIC_WORDS] = { which };
	bool any = ioapic_resample(io, vector, pins);

	return any == !!pins[0] ? pins[0] : ~0ULL;
}

/* An irqfd's level ends with the EOI that is for it, and with no other. */
TEST(ioapic_level_of_irqfd)
{
	const u64 pins = BIT(6) | BIT(8) | BIT(9) | BIT(10);
	struct ioapic *io = &ioapic_dev;
	struct ioapic_state st;

	ioapic_init(io);
	ioapic_outl(0x10 + 2 * 6, 0x8041);
	ioapic_outl(0x10 + 2 * 7, 0x8041);
	ioapic_outl(0x10 + 2 * 8, 0x8042);
	CHECK_EQ(ioapic_ended(io, 0x41, pins), 0);
	ioapic_effects.n = 0;
	ioapic_line(io, 6, IOAPIC_SRC_IRQFD, true, &ioapic_effects);
	ioapic_line(io, 7, IOAPIC_SRC_USER, true, &ioapic_effects);
	ioapic_line(io, 8, IOAPIC_SRC_IRQFD, true, &ioapic_effects);
	CHECK_EQ(ioapic_effects.n, 3);
	CHECK_EQ(ioapic_ended(io, 0x43, pins), 0);
	CHECK_EQ(ioapic_ended(io, 0x41, pins), BIT(6));
	CHECK_EQ(ioapic_end(0x41), 1); /* the line of pin 7 is up yet */
	CHECK_EQ(ioapic_effects.pin[0], 7);
	CHECK_EQ(ioapic_ended(io, 0x41, pins), 0);
	CHECK_EQ(ioapic_ended(io, 0x42, pins & ~BIT(8)), 0);
	/* asserted by both: the device asks on */
	ioapic_effects.n = 0;
	ioapic_line(io, 8, IOAPIC_SRC_USER, true, &ioapic_effects);
	CHECK_EQ(ioapic_ended(io, 0x42, pins), BIT(8));
	CHECK_EQ(ioapic_end(0x42), 1);
	CHECK_EQ(ioapic_drive(8, false), IOAPIC_IDLE);
	CHECK_EQ(ioapic_end(0x42), 0);
	/* asserted while masked: nothing was sent, so no EOI is for it */
	ioapic_outl(0x10 + 2 * 9, 0x18043);
	ioapic_line(io, 9, IOAPIC_SRC_IRQFD, true, &ioapic_effects);
	CHECK_EQ(ioapic_ended(io, 0x43, pins), 0);
	/* restored: nobody else would lower it */
	ioapic_outl(0x10 + 2 * 10, 0x8044);
	ioapic_line(io, 10, IOAPIC_SRC_IRQFD, true, &ioapic_effects);
	ioapic_save(io, &st);
	ioapic_init(io);
	CHECK(ioapic_restore(io, &st, &ioapic_effects));
	CHECK_EQ(ioapic_ended(io, 0x44, pins), BIT(10));
	CHECK_EQ(ioapic_end(0x44), 0);
}

TEST(ioapic_nobody_accepts)
{
	ioapic_init(&ioapic_dev);
	ioapic_outl(0x1a, 0x8041);
	ioapic_drive(5, true);
	ioapic_unaccepted(&ioapic_dev, 5);
	CHECK_EQ(ioapic_in(0x1a), 0x8041);
	/* Tried again when the entry changes to one that somebody may accept. */
	CHECK_EQ(ioapic_outl(0x1b, 1u << 24), 1);
}

TEST(ioapic_rescan)
{
	/* from, to, rescan; all at pin 5 */
	static const struct {
		u32 from, to;
		bool rescan;
	} rows[] = {
		{ 0x8041, 0x8041, false }, { 0x8041, 0x18041, false },
		{ 0x8041, 0xa041, false }, { 0x8041, 0x8042, true },
		{ 0x8041, 0x8841, true },  { 0x8041, 0x0041, true },
		{ 0x0041, 0x8041, true },  { 0x0041, 0x0042, false },
		{ 0x8041, 0x8441, true },  { 0x8441, 0x8442, false },
	};
	u32 i;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		ioapic_init(&ioapic_dev);
		ioapic_outl(0x1a, rows[i].from);
		ioapic_outl(0x1a, rows[i].to);
		CHECK_ROW(i, ioapic_effects.rescan, rows[i].rescan);
	}
	ioapic_outl(0x1a, 0x8041);
	ioapic_outl(0x1b, 1u << 24);
	CHECK(ioapic_effects.rescan);
	ioapic_outl(0x1b, 1u << 24);
	CHECK(!ioapic_effects.rescan);
}

TEST(ioapic_state)
{
	struct ioapic_state st, again;

	ioapic_init(&ioapic_dev);
	ioapic_outl(0, 5u << 24);
	ioapic_outl(0x1a, 0x8041);
	ioapic_outl(0x1c, 0x18042);
	ioapic_outl(0x1e, 0x43);
	ioapic_drive(5, true);
	ioapic_drive(6, true);
	ioapic_drive(7, true);
	memset(&st, 0xff, sizeof(st));
	ioapic_dev.base = 0xfec01000;
	ioapic_save(&ioapic_dev, &st);
	CHECK_EQ(st.id, 5);
	CHECK_EQ(st.base_address, 0xfec01000);
	CHECK_EQ(st.ioregsel, 0x1e);
	CHECK_EQ(st.pad, 0);
	CHECK_EQ(st.irr, BIT(5) | BIT(6));
	CHECK_EQ(st.rte[5], 0xc041);

	ioapic_init(&ioapic_dev);
	ioapic_effects.n = 0;
	ioapic_effects.rescan = false;
	CHECK(ioapic_restore(&ioapic_dev, &st, &ioapic_effects));
	CHECK(ioapic_effects.rescan);
	CHECK_EQ(ioapic_effects.n, 0);
	ioapic_save(&ioapic_dev, &again);
	CHECK_EQ(memcmp(&st, &again, sizeof(st)), 0);
	CHECK_EQ(ioapic_end(0x41), 1);
	CHECK_EQ(ioapic_outl(0x1c, 0x8042), 1);
	/* Any source that drives the pin low takes the request back. */
	ioapic_line(&ioapic_dev, 5, IOAPIC_SRC_IRQFD, false, &ioapic_effects);
	CHECK_EQ(ioapic_end(0x41), 0);
	/* The edge pin starts low, even where it was high before. */
	CHECK_EQ(ioapic_drive(7, true), IOAPIC_SENT);
	CHECK(ioapic_restore(&ioapic_dev, &st, &ioapic_effects));
	CHECK_EQ(ioapic_drive(7, true), IOAPIC_SENT);
	CHECK_EQ(ioapic_dev.base, 0xfec01000);
}

/* KVM keeps the request of an edge that it couldn't send. */
TEST(ioapic_restore_sends_what_waits)
{
	struct ioapic_state st;
	u32 i;

	memset(&st, 0xff, sizeof(st));
	for (i = 0; i < IOAPIC_PINS; i++)
		st.rte[i] = ~0ULL & ~IOAPIC_RTE_MASK & ~0x700ULL &
			    ~IOAPIC_RTE_REMOTE_IRR & ~(i & 1 ? 0 : IOAPIC_RTE_LEVEL);
	ioapic_effects.n = 0;
	CHECK(ioapic_restore(&ioapic_dev, &st, &ioapic_effects));
	CHECK_EQ(ioapic_effects.n, 24);
	CHECK_EQ(ioapic_dev.id, 15);
	CHECK_EQ(ioapic_dev.regsel, 0xff);
	CHECK_EQ(ioapic_dev.irr[0], 0xaaaaaa);
	CHECK_EQ(ioapic_dev.rte[1], 0xff0000000000e8ffULL);
	CHECK_EQ(ioapic_dev.rte[0], 0xff000000000028ffULL);
}

/*
 * A plain model of what may be observed: per pin, whether it is asserted and
 * whether an accepted level interrupt waits for its EOI.
 */
static struct {
	u8 lines;
	bool waits;
} ioapic_model[IOAPIC_PINS];

static void ioapic_random_step(struct check_random *r, u32 *sent_want)
{
	u32 pin = check_below(r, 6), src = check_below(r, 3), low;
	bool level = check_below(r, 2), fixed, was = ioapic_model[pin].lines;
	u64 rte = ioapic_dev.rte[pin];

	*sent_want = 0;
	ioapic_effects.n = 0;
	fixed = (rte & 0x700) <= 0x100;
	switch (check_below(r, 4)) {
	case 0:
	case 1:
		if (level)
			ioapic_model[pin].lines |= 1 << src;
		else
			ioapic_model[pin].lines &= ~(1 << src);
		if (level && !was && !(rte & IOAPIC_RTE_LEVEL && fixed) &&
		    !(rte & IOAPIC_RTE_MASK) && (rte & 0x700) != 0x300)
			*sent_want = 1;
		ioapic_line(&ioapic_dev, pin, src, level, &ioapic_effects);
		break;
	case 2:
		low = 0x40 + check_below(r, 4);
		for (pin = 0; pin < 6; pin++)
			if ((ioapic_dev.rte[pin] & 0xff) == low)
				ioapic_model[pin].waits = false;
		ioapic_eoi(&ioapic_dev, low, &ioapic_effects);
		break;
	case 3:
		low = 0x40 + check_below(r, 4);
		low |= check_below(r, 4) ? 0x8000 : 0;
		low |= check_below(r, 3) ? 0 : 0x10000;
		low |= check_below(r, 8) ? 0 : check_below(r, 8) << 8;
		if (!(low & 0x8000) || (low & 0x700) > 0x100)
			ioapic_model[pin].waits = false;
		ioapic_write(&ioapic_dev, 0, 0x10 + 2 * pin, &ioapic_effects);
		ioapic_write(&ioapic_dev, 0x10, low, &ioapic_effects);
		break;
	}
}

/*
 * Remote IRR is set exactly while a level message awaits its EOI; no level
 * request that could be sent is left lying; no message is sent without cause.
 */
TEST(ioapic_random_remote_irr)
{
	struct check_random r = { 4242 };
	u32 i, pin, k, edges;

	ioapic_init(&ioapic_dev);
	memset(ioapic_model, 0, sizeof(ioapic_model));
	for (i = 0; i < CHECK_ROUNDS(200000); i++) {
		ioapic_random_step(&r, &edges);
		for (k = 0; k < ioapic_effects.n; k++) {
			pin = ioapic_effects.pin[k];
			if (!ioapic_effects.msg[k].level) {
				REQUIRE_ROW(i, edges-- == 1);
				continue;
			}
			REQUIRE_ROW(i, ioapic_model[pin].lines);
			REQUIRE_ROW(i, !ioapic_model[pin].waits);
			ioapic_model[pin].waits = true;
		}
		REQUIRE_ROW(i, edges == 0);
		for (pin = 0; pin < 6; pin++) {
			u64 rte = ioapic_dev.rte[pin];
			bool level = (rte & IOAPIC_RTE_LEVEL) &&
				     (rte & 0x700) <= 0x100;
			bool irr = rte & IOAPIC_RTE_REMOTE_IRR;

			REQUIRE_ROW(i, irr == ioapic_model[pin].waits);
			REQUIRE_ROW(i, !irr || level);
			REQUIRE_ROW(i, irr || !level || (rte & IOAPIC_RTE_MASK) ||
				    !ioapic_model[pin].lines);
			REQUIRE_ROW(i, ioapic_pin_test(ioapic_dev.irr, pin) ==
				    (level && ioapic_model[pin].lines));
		}
	}
}

/* A pin of an edge interrupt whose EOI is asked for all the same. */
TEST(ioapic_tapped_edge)
{
	/* Low half of pin 9's entry, whether vector 0x41 is its tap's EOI */
	static const struct {
		u32 rte;
		bool tapped;
	} rows[] = {
		{ 0x00041, true },
		{ 0x10041, true }, /* sent before it was masked */
		{ 0x00141, true },
		{ 0x00042, false },
		{ 0x08041, false }, /* a level pin has its own EOI */
		{ 0x08441, true }, /* NMI is edge whatever the bit says */
	};
	u32 i;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		ioapic_init(&ioapic_dev);
		ioapic_outl(0x22, rows[i].rte);
		CHECK_ROW(i, ioapic_tapped(&ioapic_dev, 0x41), -1);
		ioapic_dev.tapped = 9;
		CHECK_ROW(i, ioapic_tapped(&ioapic_dev, 0x41),
			  rows[i].tapped ? 9 : -1);
		ioapic_dev.tapped = 3;
		CHECK_ROW(i, ioapic_tapped(&ioapic_dev, 0x41), -1);
	}
	/* Where its EOI comes from changes with its route. */
	ioapic_init(&ioapic_dev);
	ioapic_outl(0x22, 0x41);
	CHECK(!ioapic_effects.rescan);
	ioapic_dev.tapped = 9;
	ioapic_outl(0x22, 0x42);
	CHECK(ioapic_effects.rescan);
	ioapic_outl(0x22, 0x10042);
	CHECK(!ioapic_effects.rescan);
}

/* Only the step from masked to unmasked is told, and of the tapped pin. */
TEST(ioapic_tells_of_unmasking)
{
	ioapic_init(&ioapic_dev);
	ioapic_dev.tapped = 1;
	ioapic_effects.unmasked = false;
	ioapic_outl(0x12, 0x10031);
	ioapic_outl(0x14, 0x31);
	CHECK(!ioapic_effects.unmasked);
	ioapic_outl(0x12, 0x31);
	CHECK(ioapic_effects.unmasked);
	ioapic_effects.unmasked = false;
	ioapic_outl(0x12, 0x32);
	ioapic_outl(0x12, 0x10032);
	CHECK(!ioapic_effects.unmasked);
}

static void ioapic_large(u32 pins)
{
	ioapic_init(&ioapic_dev);
	ioapic_dev.pins = pins;
	memset(&ioapic_effects, 0, sizeof(ioapic_effects));
}

/* What a larger IOAPIC's registers show; eight bits of IOREGSEL reach 120 pins. */
TEST(ioapic_sizes)
{
	static const struct {
		u32 pins, regsel;
	} rows[] = { { 24, 0xff }, { 120, 0xff }, { 121, 0x1ff }, { 240, 0x1ff } };
	u32 i, pin, last;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		last = rows[i].pins - 1;
		ioapic_large(rows[i].pins);
		CHECK_ROW(i, ioapic_in(1), last << 16 | 0x11);
		ioapic_write(&ioapic_dev, 0, ~0U, &ioapic_effects);
		CHECK_ROW(i, ioapic_read(&ioapic_dev, 0), rows[i].regsel);
		for (pin = 0; pin <= last; pin++)
			ioapic_outl(0x10 + 2 * pin, 0x8000 | (16 + pin % 200));
		for (pin = 0; pin <= last; pin++)
			CHECK_ROW(pin, ioapic_in(0x10 + 2 * pin),
				  0x8000 | (16 + pin % 200));
		CHECK_ROW(i, ioapic_drive(last, true), IOAPIC_SENT);
		CHECK_ROW(i, ioapic_effects.pin[0], last);
		CHECK_ROW(i, ioapic_in(0x10 + 2 * last) >> 14, 3);
		CHECK_ROW(i, ioapic_drive(last + 1, true), IOAPIC_IGNORED);
		/* No register is beyond the last entry. */
		ioapic_outl(0x10 + 2 * (last + 1), 0x55);
		CHECK_ROW(i, ioapic_dev.rte[(last + 1) % 240],
			  last == 239 ? 0x8010 : IOAPIC_RTE_MASK);
		CHECK_ROW(i, ioapic_end(16 + last % 200), 1);
		CHECK_ROW(i, ioapic_drive(last, false), IOAPIC_IDLE);
		CHECK_ROW(i, ioapic_end(16 + last % 200), 0);
		CHECK_ROW(i, ioapic_serves(&ioapic_dev), false);
	}
}

/* More messages than fit: each pin is sent once, and none twice. */
TEST(ioapic_eoi_by_pieces)
{
	bool sent[IOAPIC_MAX_PINS] = { false };
	u32 pin, k, n = 0, calls = 0;

	ioapic_large(240);
	for (pin = 0; pin < 240; pin++) {
		ioapic_outl(0x10 + 2 * pin, pin % 3 ? 0x8041 : 0x8042);
		ioapic_drive(pin, true);
	}
	ioapic_effects.next = 0;
	do {
		ioapic_effects.n = 0;
		ioapic_eoi(&ioapic_dev, 0x41, &ioapic_effects);
		for (k = 0; k < ioapic_effects.n; k++) {
			pin = ioapic_effects.pin[k];
			CHECK_ROW(pin, sent[pin], false);
			CHECK_ROW(pin, pin % 3 != 0, true);
			sent[pin] = true;
			n++;
		}
		calls++;
	} while (ioapic_effects.next);
	CHECK_EQ(n, 160);
	CHECK_EQ(calls, 7);
	CHECK(ioapic_serves(&ioapic_dev));
}

/* The image of a larger one: what it can be, and what is sent of it. */
TEST(ioapic_images)
{
	static u64 irr[IOAPIC_WORDS], rte[IOAPIC_MAX_PINS];
	struct ioapic_image im = { .irr = irr, .rte = rte };
	u32 pin, n = 0;

	ioapic_large(100);
	memset(irr, 0, sizeof(irr));
	memset(rte, 0, sizeof(rte));
	CHECK(ioapic_possible(&ioapic_dev, &im));
	im.regsel = 0x100;
	CHECK(!ioapic_possible(&ioapic_dev, &im));
	im.regsel = 0xff;
	im.id = 16;
	CHECK(!ioapic_possible(&ioapic_dev, &im));
	im.id = 15;
	rte[100] = 1;
	CHECK(!ioapic_possible(&ioapic_dev, &im));
	rte[100] = 0;
	rte[99] = 1 << 17;
	CHECK(!ioapic_possible(&ioapic_dev, &im));
	rte[99] = 0xff0000000001ffffULL;
	CHECK(ioapic_possible(&ioapic_dev, &im));
	irr[1] = 1ULL << 36;
	CHECK(!ioapic_possible(&ioapic_dev, &im));

	irr[1] = 0;
	irr[3] = 1ULL << 63; /* nobody's */
	CHECK(!ioapic_possible(&ioapic_dev, &im));
	irr[3] = 0;

	irr[0] = irr[1] = 0xfffffffffULL;
	for (pin = 0; pin < 100; pin++)
		rte[pin] = pin & 1 ? 0x8031 : 0xc031; /* these are in service */
	CHECK(ioapic_possible(&ioapic_dev, &im));
	ioapic_effects.next = 0;
	do {
		ioapic_effects.n = 0;
		ioapic_load(&ioapic_dev, &im, &ioapic_effects);
		n += ioapic_effects.n;
	} while (ioapic_effects.next);
	CHECK_EQ(n, 36);
	CHECK(ioapic_effects.rescan);
	CHECK_EQ(memcmp(irr, ioapic_dev.irr, sizeof(irr)), 0);
	CHECK_EQ(ioapic_dev.regsel, 0xff);
	CHECK_EQ(ioapic_dev.id, 15);
	for (pin = 0; pin < 100; pin++)
		CHECK_ROW(pin, ioapic_dev.rte[pin],
			  irr[pin >> 6] >> (pin & 63) & 1 ? 0xc031 : rte[pin]);
}

/* A line that nobody serves: after so many EOIs it has to wait. */
TEST(ioapic_storm)
{
	u32 i;

	ioapic_large(24);
	ioapic_dev.storm = 5;
	ioapic_outl(0x1a, 0x8041);
	ioapic_outl(0x1c, 0x8042);
	ioapic_drive(6, true);
	ioapic_drive(5, true);
	for (i = 1; i < 5; i++)
		CHECK_ROW(i, ioapic_end(0x41), 1);
	CHECK(!ioapic_effects.delay);
	CHECK_EQ(ioapic_end(0x41), 0);
	CHECK(ioapic_effects.delay);
	CHECK_EQ(ioapic_in(0x1a), 0x8041); /* not in service */
	CHECK_EQ(ioapic_end(0x42), 1); /* each pin for itself */
	ioapic_effects.n = 0;
	ioapic_effects.delay = false;
	ioapic_release(&ioapic_dev, &ioapic_effects);
	CHECK_EQ(ioapic_effects.n, 1);
	CHECK_EQ(ioapic_effects.pin[0], 5);
	CHECK_EQ(ioapic_in(0x1a), 0xc041);
	ioapic_effects.n = 0;
	ioapic_release(&ioapic_dev, &ioapic_effects);
	CHECK_EQ(ioapic_effects.n, 0);
	/* A line that falls between is being served. */
	for (i = 0; i < 20; i++) {
		ioapic_drive(5, false);
		ioapic_drive(5, true);
		CHECK_ROW(i, ioapic_end(0x41), 1);
	}
	/* What falls while it waits is sent no more; what is asked for anew is. */
	for (i = 0; i < 4; i++)
		ioapic_end(0x41);
	CHECK(ioapic_effects.delay);
	ioapic_drive(5, false);
	ioapic_effects.n = 0;
	ioapic_release(&ioapic_dev, &ioapic_effects);
	CHECK_EQ(ioapic_effects.n, 0);
	CHECK_EQ(ioapic_drive(5, true), IOAPIC_SENT);
	for (i = 0; i < 5; i++)
		ioapic_end(0x41);
	CHECK_EQ(ioapic_drive(5, true), IOAPIC_SENT);
	ioapic_effects.n = 0;
	ioapic_release(&ioapic_dev, &ioapic_effects);
	CHECK_EQ(ioapic_effects.n, 0);
	/* Never, if so wished. */
	ioapic_dev.storm = 0;
	for (i = 0; i < 100; i++)
		CHECK_ROW(i, ioapic_end(0x41), 1);
}

/* Version 0x20 has an EOI register, which the caller sees to. */
TEST(ioapic_versions)
{
	ioapic_init(&ioapic_dev);
	ioapic_write(&ioapic_dev, 0, 1, &ioapic_effects);
	CHECK_EQ(ioapic_read(&ioapic_dev, 0x10), 0x170011);
	CHECK(!ioapic_is_eoi(&ioapic_dev, 0x40));
	ioapic_dev.version = 0x20;
	CHECK_EQ(ioapic_read(&ioapic_dev, 0x10), 0x170020);
	CHECK(ioapic_is_eoi(&ioapic_dev, 0x40));
	CHECK(!ioapic_is_eoi(&ioapic_dev, 0x10));
	CHECK_EQ(ioapic_read(&ioapic_dev, 0x40), 0);
}

#define IOAPIC_TESTS(T)                                                        \
	T(ioapic_registers)                                                    \
	T(ioapic_message_fields)                                               \
	T(ioapic_edge)                                                         \
	T(ioapic_sources_are_ored)                                             \
	T(ioapic_level)                                                        \
	T(ioapic_level_masked)                                                 \
	T(ioapic_remote_irr_is_read_only)                                      \
	T(ioapic_active_low_changes_nothing)                                   \
	T(ioapic_odd_deliveries)                                               \
	T(ioapic_shared_vector)                                                \
	T(ioapic_level_of_irqfd)                                               \
	T(ioapic_nobody_accepts)                                               \
	T(ioapic_rescan)                                                       \
	T(ioapic_tapped_edge)                                                  \
	T(ioapic_tells_of_unmasking)                                           \
	T(ioapic_versions)                                                     \
	T(ioapic_sizes)                                                        \
	T(ioapic_eoi_by_pieces)                                                \
	T(ioapic_images)                                                       \
	T(ioapic_storm)                                                        \
	T(ioapic_state)                                                        \
	T(ioapic_restore_sends_what_waits)                                     \
	T(ioapic_random_remote_irr)

CHECK_MAIN(ioapic, IOAPIC_TESTS)
