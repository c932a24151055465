// SPDX-License-Identifier: GPL-2.0-only
/* SDM 3A "Determining IPI Destination": tables, then all against a plain rule. */
#include "../../module/apic/dest.h"
#include "fixture.h"

static struct dest_map dest_map;
static struct dest_set dest_set;

static void dest_add(u8 mode, u32 id, u32 ldr, u32 dfr)
{
	struct dest_view *v = &dest_map.view[dest_map.n++];

	memset(v, 0, sizeof(*v));
	v->present = true;
	v->enabled = true;
	v->mode = mode;
	v->id = mode == LAPIC_X2APIC ? id : id & 0xff;
	v->ldr = ldr;
	v->dfr = dfr;
	v->initial = id;
}

static u32 dest_x2_ldr(u32 id)
{
	return (id >> 4) << 16 | 1U << (id & 15);
}

struct dest_row {
	u32 dest;
	bool logical;
	bool wide;
	u8 shorthand;
	u64 targets; /* vCPUs 0..63 */
};

/* The APICs 64 * @word and up that were found. */
static u64 dest_word(u32 word)
{
	return dest_set.words >> word & 1 ? dest_set.bits[word] : 0;
}

static u64 dest_ask(u32 dest, bool logical, bool wide, u8 shorthand, s32 source)
{
	struct irq_message msg = {
		.dest = dest,
		.vector = 0x41,
		.logical = logical,
		.wide = wide,
		.shorthand = shorthand,
		.source = source,
	};

	dest_match(&dest_map, &msg, DEST_LOWEST_FIRST, &dest_set);
	return dest_word(0);
}

TEST(dest_xapic_flat)
{
	static const struct dest_row rows[] = {
		{ 0, false, false, 0, 1 },
		{ 3, false, false, 0, 8 },
		{ 4, false, false, 0, 0 },
		{ 0xff, false, false, 0, 0xf },
		{ 0x01, true, false, 0, 1 },
		{ 0x0a, true, false, 0, 0xa },
		{ 0xf0, true, false, 0, 0 },
		{ 0xff, true, false, 0, 0xf },
		{ 0, true, false, 0, 0 },
		{ 0, false, false, IRQ_SELF, 4 },
		{ 0, false, false, IRQ_ALL, 0xf },
		{ 0, false, false, IRQ_OTHERS, 0xb },
		/* From an x2APIC sender: 0xff is an ID like any other. */
		{ 3, false, true, 0, 8 },
		{ 0xff, false, true, 0, 0 },
		{ ~0U, false, true, 0, 0xf },
		{ 0x102, true, true, 0, 0 },
		{ 0x06, true, true, 0, 6 },
		{ 0xff, true, true, 0, 0xf },
	};
	u32 i;

	dest_map.n = 0;
	for (i = 0; i < 4; i++)
		dest_add(LAPIC_XAPIC, i, 1U << (24 + i), ~0U);
	dest_map_build(&dest_map);
	CHECK(!dest_map.irregular);
	for (i = 0; i < ARRAY_SIZE(rows); i++)
		CHECK_ROW(i, dest_ask(rows[i].dest, rows[i].logical, rows[i].wide,
				      rows[i].shorthand, 2), rows[i].targets);
}

TEST(dest_xapic_cluster)
{
	u32 i;

	dest_map.n = 0;
	for (i = 0; i < 8; i++)
		dest_add(LAPIC_XAPIC, i, (i / 4) << 28 | 1U << (24 + i % 4),
			 0x0fffffff);
	dest_map_build(&dest_map);
	CHECK(!dest_map.irregular);
	CHECK_EQ(dest_ask(0x01, true, false, 0, 0), 0x01);
	CHECK_EQ(dest_ask(0x0f, true, false, 0, 0), 0x0f);
	CHECK_EQ(dest_ask(0x16, true, false, 0, 0), 0x60);
	CHECK_EQ(dest_ask(0x21, true, false, 0, 0), 0);
	CHECK_EQ(dest_ask(0xff, true, false, 0, 0), 0xff);
	CHECK_EQ(dest_ask(0x116, true, true, 0, 0), 0);
	CHECK_EQ(dest_ask(0x16, true, true, 0, 0), 0x60);
	CHECK_EQ(dest_ask(0xff, true, true, 0, 0), 0);
	dest_map.view[0].ldr = 0xf1U << 24;
	dest_map_build(&dest_map);
	CHECK_EQ(dest_ask(0xff, true, true, 0, 0), 1);
	CHECK(dest_covers(&dest_map, &(struct irq_message){
		.dest = 0xff, .logical = true, .wide = true }, 0));
	/* Neither flat nor cluster: addressed by nothing logical but broadcast. */
	for (i = 0; i < 8; i++)
		dest_map.view[i].dfr = 0x5fffffff;
	dest_map_build(&dest_map);
	CHECK_EQ(dest_ask(0x01, true, false, 0, 0), 0);
	CHECK_EQ(dest_ask(0xff, true, false, 0, 0), 0xff);
}

TEST(dest_x2apic)
{
	static const u32 ids[] = { 0, 1, 15, 16, 17, 255, 256, 1023 };
	u32 i;

	dest_map.n = 0;
	for (i = 0; i < ARRAY_SIZE(ids); i++)
		dest_add(LAPIC_X2APIC, ids[i], dest_x2_ldr(ids[i]), 0);
	dest_map_build(&dest_map);
	CHECK(!dest_map.irregular);
	for (i = 0; i < ARRAY_SIZE(ids); i++) {
		CHECK_ROW(i, dest_ask(ids[i], false, true, 0, 0), 1 << i);
		CHECK_ROW(i, dest_ask(dest_x2_ldr(ids[i]), true, true, 0, 0),
			  1 << i);
	}
	CHECK_EQ(dest_ask(0x0000ffff, true, true, 0, 0), 0x07);
	CHECK_EQ(dest_ask(0x00010003, true, true, 0, 0), 0x18);
	CHECK_EQ(dest_ask(0x003f8000, true, true, 0, 0), 0x80);
	CHECK_EQ(dest_ask(0x00400001, true, true, 0, 0), 0);
	CHECK_EQ(dest_ask(0xffffffff, true, true, 0, 0), 0xff);
	CHECK_EQ(dest_ask(0xffffffff, false, true, 0, 0), 0xff);
	CHECK_EQ(dest_ask(0xff, false, true, 0, 0), 0x20);
	CHECK_EQ(dest_ask(2, false, true, 0, 0), 0);
	CHECK_EQ(dest_ask(1024, false, true, 0, 0), 0);
	/* From an I/O APIC: 8 bits, cluster 0, and 0xff is all of them. */
	CHECK_EQ(dest_ask(0xff, false, false, 0, 0), 0xff);
	CHECK_EQ(dest_ask(0xff, true, false, 0, 0), 0xff);
	CHECK_EQ(dest_ask(0x03, true, false, 0, 0), 0x03);
}

/* An AP with a large ID must be startable while it is still in xAPIC mode. */
TEST(dest_hidden_id)
{
	dest_map.n = 0;
	dest_add(LAPIC_X2APIC, 0, dest_x2_ldr(0), 0);
	dest_add(LAPIC_XAPIC, 0x105, 0, ~0U);
	dest_map_build(&dest_map);
	CHECK(!dest_map.irregular);
	CHECK_EQ(dest_ask(0x105, false, true, 0, 0), 2);
	CHECK_EQ(dest_ask(0x05, false, true, 0, 0), 2);
	CHECK_EQ(dest_ask(0x05, false, false, 0, 0), 2);
	CHECK_EQ(dest_ask(0x205, false, true, 0, 0), 0);
	dest_add(LAPIC_XAPIC, 0x100, 0, ~0U);
	dest_add(LAPIC_X2APIC, 0x300, dest_x2_ldr(0x300), 0);
	dest_map.view[3].id = 0x301; /* its initial ID means nothing now */
	dest_map_build(&dest_map);
	CHECK_EQ(dest_ask(0x100, false, true, 0, 0), 4);
	CHECK_EQ(dest_ask(0x300, false, true, 0, 0), 0);
	CHECK_EQ(dest_ask(0x301, false, true, 0, 0), 8);
}

TEST(dest_absent_and_disabled)
{
	dest_map.n = 0;
	dest_add(LAPIC_XAPIC, 0, 1 << 24, ~0U);
	dest_add(LAPIC_DISABLED, 1, 2 << 24, ~0U);
	dest_add(LAPIC_XAPIC, 2, 4 << 24, ~0U);
	dest_map.view[2].present = false;
	dest_map_build(&dest_map);
	CHECK_EQ(dest_ask(1, false, false, 0, 0), 0);
	CHECK_EQ(dest_ask(2, false, false, 0, 0), 0);
	CHECK_EQ(dest_ask(0xff, false, false, 0, 0), 1);
	CHECK_EQ(dest_ask(7, true, false, 0, 0), 1);
	CHECK_EQ(dest_ask(0, false, false, IRQ_SELF, 1), 0);
	CHECK_EQ(dest_ask(0, false, false, IRQ_SELF, IRQ_SOURCE_NONE), 0);
	CHECK_EQ(dest_ask(0, false, false, IRQ_OTHERS, IRQ_SOURCE_NONE), 1);
}

TEST(dest_shared_ids_and_mixed_layouts)
{
	dest_map.n = 0;
	dest_add(LAPIC_XAPIC, 1, 1 << 24, ~0U);
	dest_add(LAPIC_XAPIC, 1, 1 << 24, ~0U);
	dest_add(LAPIC_XAPIC, 2, 0x12 << 24, 0x0fffffff);
	dest_add(LAPIC_X2APIC, 4, dest_x2_ldr(4), 0);
	dest_map_build(&dest_map);
	CHECK(dest_map.irregular);
	CHECK_EQ(dest_ask(1, false, false, 0, 0), 3);
	CHECK_EQ(dest_ask(2, false, false, 0, 0), 4);
	CHECK_EQ(dest_ask(1, true, false, 0, 0), 3);
	CHECK_EQ(dest_ask(0x13, true, false, 0, 0), 0xf);
	/* Only the logical layout is mixed: IDs are still looked up. */
	dest_map.view[1].id = 7;
	dest_map_build(&dest_map);
	CHECK(dest_map.irregular && !dest_map.phys_shared);
	CHECK_EQ(dest_ask(7, false, false, 0, 0), 2);
	/* IDs and clusters that no table has room for. */
	dest_map.n = 0;
	dest_add(LAPIC_X2APIC, 1024, dest_x2_ldr(1024), 0);
	dest_map_build(&dest_map);
	CHECK(dest_map.irregular);
	CHECK_EQ(dest_ask(1024, false, true, 0, 0), 1);
	CHECK_EQ(dest_ask(0x00400001, true, true, 0, 0), 1);
	dest_map.n = 0;
	dest_add(LAPIC_X2APIC, 5000, dest_x2_ldr(5000), 0);
	dest_map_build(&dest_map);
	CHECK_EQ(dest_ask(5000, false, true, 0, 0), 1);
	CHECK_EQ(dest_ask(dest_x2_ldr(5000), true, true, 0, 0), 1);
	/* A map that becomes regular again is taken for one. */
	dest_map.view[0].id = 5;
	dest_map.view[0].ldr = dest_x2_ldr(5);
	dest_map_build(&dest_map);
	CHECK(!dest_map.irregular && !dest_map.phys_shared);
	/* Shared IDs alone make it irregular. */
	dest_add(LAPIC_X2APIC, 5, 0, 0);
	dest_map_build(&dest_map);
	CHECK(dest_map.irregular && dest_map.phys_shared);
	CHECK_EQ(dest_ask(5, false, true, 0, 0), 3);
	/* What is beyond the map is no target. */
	dest_map.n = 1;
	dest_map_build(&dest_map);
	CHECK(!dest_covers(&dest_map, &(struct irq_message){ .dest = 0xff }, 1));
	CHECK_EQ(dest_ask(0, false, false, IRQ_SELF, 1), 0);
	CHECK_EQ(dest_ask(0xff, false, false, 0, 0), 1);
}

TEST(dest_lowest_priority)
{
	struct irq_message msg = { .delivery = IRQ_LOWEST, .dest = 0xff };
	u32 i;

	dest_map.n = 0;
	for (i = 0; i < 70; i++)
		dest_add(LAPIC_XAPIC, i, 0, ~0U);
	dest_map.view[0].enabled = false;
	dest_map.view[65].enabled = false;
	dest_map_build(&dest_map);
	for (i = 0; i < 256; i++) {
		u32 nth = i % 68, want = nth < 64 ? nth + 1 : nth + 2;

		msg.vector = i;
		CHECK_ROW(i, dest_match(&dest_map, &msg, DEST_LOWEST_ROUND_ROBIN,
					&dest_set), 1);
		CHECK_ROW(i, dest_word(want >> 6), 1ULL << (want & 63));
		CHECK_ROW(i, dest_word(!(want >> 6)), 0);
		CHECK_ROW(i, dest_match(&dest_map, &msg, DEST_LOWEST_FIRST,
					&dest_set), 1);
		CHECK_ROW(i, dest_word(0), 2);
	}
	CHECK_EQ(dest_ask(0, false, false, IRQ_OTHERS, 66), ~0ULL);
	CHECK_EQ(dest_word(1), 0x3b);
	CHECK_EQ(dest_ask(0, false, false, IRQ_SELF, 66), 0);
	CHECK_EQ(dest_word(1), 4);
	/* The only one addressed is disabled: nobody. */
	msg.dest = 0;
	CHECK_EQ(dest_match(&dest_map, &msg, DEST_LOWEST_FIRST, &dest_set), 0);
	CHECK_EQ(dest_word(0), 0);
	msg.dest = 9;
	CHECK_EQ(dest_match(&dest_map, &msg, DEST_LOWEST_FIRST, &dest_set), 1);
}

TEST(dest_view_of_an_apic)
{
	struct lapic *l = fixture_xapic(0x145);
	struct dest_view v;

	fixture_write(l, LAPIC_LDR, 0x02000000, 0);
	memset(&v, 0, sizeof(v));
	dest_view_of(&v, l);
	CHECK(v.present && v.enabled);
	CHECK_EQ(v.mode, LAPIC_XAPIC);
	CHECK_EQ(v.id, 0x45);
	CHECK_EQ(v.initial, 0x145);
	CHECK_EQ(v.ldr, 0x02000000);
	CHECK_EQ(v.dfr, ~0U);
	fixture_write(l, LAPIC_SVR, 0xff, 0);
	dest_view_of(&v, l);
	CHECK(!v.enabled);
	l = fixture_x2apic(0x145);
	dest_view_of(&v, l);
	CHECK_EQ(v.id, 0x145);
	CHECK_EQ(v.ldr, 0x140020);
}

/* The rule in words, without tables and in no hurry. */
static bool dest_rule(const struct dest_view *v, u32 index,
		      const struct irq_message *m)
{
	u32 low, high;

	if (!v->present || v->mode == LAPIC_DISABLED)
		return false;
	if (m->shorthand == IRQ_SELF)
		return m->source == (s32)index;
	if (m->shorthand == IRQ_ALL)
		return true;
	if (m->shorthand == IRQ_OTHERS)
		return m->source != (s32)index;
	if (m->dest == (m->wide ? 0xffffffffU : 0xffU))
		return true;
	if (!m->logical)
		return m->dest == v->id || (v->mode == LAPIC_XAPIC &&
					    v->initial >= 256 &&
					    m->dest == v->initial);
	if (v->mode == LAPIC_X2APIC) {
		low = m->dest & v->ldr & 0x0000ffff;
		high = (m->dest ^ v->ldr) & 0xffff0000;
		return low && !high;
	}
	if (m->dest > 255)
		return false;
	low = v->ldr >> 24;
	if (v->dfr >> 28 == 15)
		return low & m->dest;
	return v->dfr >> 28 == 0 && (low & 0xf0) == (m->dest & 0xf0) &&
	       (low & m->dest & 0x0f);
}

/* @style: 0 flat, 1 cluster, 2 x2APIC, 3 anything goes */
static void dest_random_views(struct check_random *r, u32 style)
{
	u32 i, n = 1 + check_below(r, style == 0 ? 8 : 40);

	dest_map.n = 0;
	for (i = 0; i < n; i++) {
		u32 kind = style == 3 ? check_below(r, 3) : style;
		u32 id = style == 3 ? check_below(r, 300) : i;

		if (kind == 0)
			dest_add(LAPIC_XAPIC, id, 1U << (24 + i % 8), ~0U);
		else if (kind == 1)
			dest_add(LAPIC_XAPIC, id, ((i >> 2) & 15) << 28 |
				 1U << (24 + (i & 3)), 0x0fffffff);
		else
			dest_add(LAPIC_X2APIC, id * 3, dest_x2_ldr(id * 3), 0);
		if (style == 3 && !check_below(r, 8))
			dest_map.view[i].ldr = check_next(r) >> 8;
		if (style == 3 && !check_below(r, 8))
			dest_map.view[i].dfr = check_next(r) >> 8;
		if (!check_below(r, 8))
			dest_map.view[i].mode = LAPIC_DISABLED;
		if (!check_below(r, 8))
			dest_map.view[i].present = false;
		if (!check_below(r, 4))
			dest_map.view[i].enabled = false;
	}
	dest_map_build(&dest_map);
}

TEST(dest_random_against_rule)
{
	struct check_random r = { 777 };
	u32 round, k, i, alone = 0;
	u16 only;

	for (round = 0; round < CHECK_ROUNDS(3000); round++) {
		dest_random_views(&r, round & 3);
		for (k = 0; k < 40; k++) {
			struct irq_message m = {
				.dest = check_below(&r, 256),
				.vector = check_below(&r, 256),
				.logical = check_below(&r, 2),
				.wide = check_below(&r, 2),
				.source = (s32)check_below(&r, dest_map.n + 1) - 1,
			};
			unsigned int want = 0, got;

			if (!check_below(&r, 5))
				m.shorthand = check_below(&r, 4);
			if (m.wide && check_below(&r, 2))
				m.dest = m.logical ?
					check_below(&r, 10) << 16 |
					1U << check_below(&r, 16) :
					check_below(&r, 1200);
			if (m.wide && !check_below(&r, 20))
				m.dest = ~0U;
			got = dest_match(&dest_map, &m, DEST_LOWEST_FIRST,
					 &dest_set);
			for (i = 0; i < dest_map.n; i++) {
				bool hit = dest_rule(&dest_map.view[i], i, &m);

				want += hit;
				REQUIRE_ROW(round, hit ==
					    dest_set_has(&dest_set, i));
				REQUIRE_ROW(round, hit ==
					    dest_covers(&dest_map, &m, i));
			}
			REQUIRE_ROW(round, want == got);
			only = dest_only(&dest_map, &m);
			REQUIRE_ROW(round, only == DEST_NONE ||
				    (got == 1 && dest_set_has(&dest_set, only)));
			alone += only != DEST_NONE;
			for (i = 0; i < dest_map.n; i++)
				REQUIRE_ROW(round, !dest_rule(&dest_map.view[i], i, &m) ||
					    dest_set_pop(&dest_set) == (int)i);
			REQUIRE_ROW(round, dest_set_pop(&dest_set) == -1);
			m.delivery = IRQ_LOWEST;
			REQUIRE_ROW(round, dest_only(&dest_map, &m) == DEST_NONE);
			got = dest_match(&dest_map, &m, k & 1, &dest_set);
			want = 0;
			for (i = 0; i < dest_map.n; i++) {
				bool hit = dest_set_has(&dest_set, i);

				want += hit;
				REQUIRE_ROW(round, !hit ||
					    (dest_map.view[i].enabled &&
					     dest_covers(&dest_map, &m, i)));
			}
			REQUIRE_ROW(round, got == want && got <= 1);
			dest_match(&dest_map, &m, k & 1, &dest_set);
			REQUIRE_ROW(round, !got || dest_set_pop(&dest_set) >= 0);
			REQUIRE_ROW(round, dest_set_pop(&dest_set) == -1);
		}
	}
	CHECK(alone > 0);
	CHECK(!dest_covers(&dest_map, &(struct irq_message){ .dest = 0xff },
			   dest_map.n));
}

#define DEST_TESTS(T)                                                          \
	T(dest_xapic_flat)                                                     \
	T(dest_xapic_cluster)                                                  \
	T(dest_x2apic)                                                         \
	T(dest_hidden_id)                                                      \
	T(dest_absent_and_disabled)                                            \
	T(dest_shared_ids_and_mixed_layouts)                                   \
	T(dest_lowest_priority)                                                \
	T(dest_view_of_an_apic)                                                \
	T(dest_random_against_rule)

CHECK_MAIN(dest, DEST_TESTS)
