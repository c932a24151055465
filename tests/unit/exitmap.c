// SPDX-License-Identifier: GPL-2.0-only
/* Exactly the vectors whose EOI matters: none missing, none too many. */
#include "../../module/apic/exitmap.h"
#include "fixture.h"

static struct dest_map exitmap_dests;
static struct ioapic exitmap_io;

static void exitmap_three_apics(void)
{
	u32 i;

	exitmap_dests.n = 3;
	for (i = 0; i < 3; i++) {
		struct dest_view *v = &exitmap_dests.view[i];

		memset(v, 0, sizeof(*v));
		v->present = true;
		v->enabled = true;
		v->mode = LAPIC_XAPIC;
		v->id = i;
		v->ldr = 1U << (24 + i);
		v->dfr = ~0U;
	}
	dest_map_build(&exitmap_dests);
}

static u64 exitmap_of(u64 rte, u32 index)
{
	struct exitmap map = { { 0 } };

	ioapic_init(&exitmap_io);
	ioapic_put_rte(&exitmap_io, 9, rte);
	exitmap_add_ioapic(&map, &exitmap_io, &exitmap_dests, index);
	return map.bits[0] | map.bits[1] | map.bits[2] | map.bits[3];
}

TEST(exitmap_entries)
{
	/* RTE, whether APIC 1 is to see the EOI */
	static const struct {
		u64 rte;
		bool in;
	} rows[] = {
		{ 1ULL << 56 | 0x08041, true },
		{ 1ULL << 56 | 0x18041, true }, /* masked */
		{ 1ULL << 56 | 0x00041, false }, /* edge */
		{ 2ULL << 56 | 0x08041, false },
		{ 2ULL << 56 | 0x08841, true }, /* logical */
		{ 1ULL << 56 | 0x08841, false },
		{ 255ULL << 56 | 0x08041, true },
		{ 7ULL << 56 | 0x08941, true }, /* lowest priority: may be us */
		{ 1ULL << 56 | 0x08441, false }, /* NMI has no EOI */
		{ 1ULL << 56 | 0x0800f, false }, /* never delivered */
	};
	u32 i;

	exitmap_three_apics();
	for (i = 0; i < ARRAY_SIZE(rows); i++)
		CHECK_ROW(i, exitmap_of(rows[i].rte, 1), rows[i].in ? 2 : 0);
	CHECK_EQ(exitmap_of(1ULL << 56 | 0x8010, 1), 1 << 16);
}

TEST(exitmap_messages)
{
	struct irq_message msg = { .dest = 1, .vector = 0xff, .level = true };
	struct exitmap map = { { 0 } };

	exitmap_three_apics();
	exitmap_add_message(&map, &msg, &exitmap_dests, 1);
	CHECK(exitmap_has(&map, 0xff));
	CHECK(!exitmap_has(&map, 0xfe));
	msg.vector = 0xfe;
	exitmap_add_message(&map, &msg, &exitmap_dests, 2);
	msg.level = false;
	exitmap_add_message(&map, &msg, &exitmap_dests, 1);
	CHECK_EQ(map.bits[3], 1ULL << 63);
}

/* Is @v to be seen: routed here as level, or level and not ended yet? */
static bool exitmap_rule(const struct lapic *l, u32 v, bool *routed)
{
	u32 pin;

	*routed = false;
	for (pin = 0; pin < IOAPIC_PINS; pin++) {
		u64 rte = exitmap_io.rte[pin];
		u32 dest = rte >> 56;
		bool here = rte & IOAPIC_RTE_LOGICAL ? dest & 2 : dest == 1;

		if ((rte & 0xff) == v && v >= 16 && (rte & IOAPIC_RTE_LEVEL) &&
		    (rte & 0x600) == 0 && (here || dest == 0xff))
			*routed = true;
	}
	return *routed || (fixture_bit(l, LAPIC_TMR, v) &&
			   (fixture_bit(l, LAPIC_ISR, v) ||
			    fixture_bit(l, LAPIC_IRR, v)));
}

TEST(exitmap_random_exact)
{
	struct check_random r = { 99 };
	u32 i, k, v;

	exitmap_three_apics();
	for (i = 0; i < CHECK_ROUNDS(1500); i++) {
		struct lapic *l = fixture_xapic(1);
		struct exitmap map = { { 0 } };
		int stale = -1;
		bool routed;

		ioapic_init(&exitmap_io);
		for (k = 0; k < IOAPIC_PINS; k++) {
			u64 dest = check_below(&r, 5);

			ioapic_put_rte(&exitmap_io, k,
				       (dest == 4 ? 255 : dest) << 56 |
				       (check_next(&r) >> 30 & 0x1ffff));
		}
		for (k = 0; k < 12; k++) {
			fixture_post(l, check_below(&r, 256), check_below(&r, 2));
			if (check_below(&r, 2) && lapic_next(l) >= 0)
				lapic_accept(l, lapic_next(l));
		}
		exitmap_add_ioapic(&map, &exitmap_io, &exitmap_dests, 1);
		exitmap_add_stale(&map, l);
		for (v = 0; v < 256; v++) {
			bool want = exitmap_rule(l, v, &routed);

			REQUIRE_ROW(i, exitmap_has(&map, v) == want);
			if (want && !routed)
				stale = v;
		}
		REQUIRE_ROW(i, l->stale_vector == stale);
	}
}

/* Edge pins are in the map while someone wants their EOI. */
TEST(exitmap_tapped_pins)
{
	static const struct {
		u64 rte;
		int tapped;
		bool in; /* APIC 1's map */
	} rows[] = {
		{ 1ULL << 56 | 0x41, -1, false },
		{ 1ULL << 56 | 0x41, 9, true },
		{ 1ULL << 56 | 0x41, 8, false },
		{ 2ULL << 56 | 0x41, 9, false },
		{ 1ULL << 56 | 0x10041, 9, true },
		{ 1ULL << 56 | 0x441, 9, false }, /* an NMI has none */
		{ 1ULL << 56 | 0x0f, 9, false },
	};
	u32 i;

	exitmap_three_apics();
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		struct exitmap map = { { 0 } };

		ioapic_init(&exitmap_io);
		ioapic_put_rte(&exitmap_io, 9, rows[i].rte);
		exitmap_io.tapped = rows[i].tapped;
		exitmap_add_ioapic(&map, &exitmap_io, &exitmap_dests, 1);
		CHECK_ROW(i, map.bits[1], rows[i].in ? 2 : 0);
		CHECK_ROW(i, map.bits[0] | map.bits[2] | map.bits[3], 0);
	}
}

#define EXITMAP_TESTS(T)                                                       \
	T(exitmap_entries)                                                     \
	T(exitmap_messages)                                                    \
	T(exitmap_tapped_pins)                                                 \
	T(exitmap_random_exact)

CHECK_MAIN(exitmap, EXITMAP_TESTS)
