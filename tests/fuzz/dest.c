// SPDX-License-Identifier: GPL-2.0-only
/*
 * libFuzzer: the destination map. Up to 256 APICs with any IDs, logical IDs and
 * modes, changed one by one; messages of any kind in between. The targets must
 * be those that a linear search finds, by the text of SDM 3A "Determining IPI
 * Destination", whatever the map was built from before.
 */
#include "../../module/apic/dest.h"
#include "fuzz.h"

enum what {
	OP_VIEW,
	OP_SIMPLE_VIEW,
	OP_COPY_VIEW,
	OP_COUNT,
	OP_MESSAGE,
	OP_SIMPLE_MESSAGE,
	OP_WHATS
};

static struct dest_map map;

/* Registers hold no more than what a mode can have. */
static void fit(struct dest_view *v)
{
	if (v->mode == LAPIC_INVALID)
		v->mode = LAPIC_XAPIC;
	if (v->mode == LAPIC_X2APIC)
		return;
	v->id &= 0xff;
	v->ldr &= 0xff000000;
	v->dfr |= 0x0fffffff;
}

static void any_view(struct dest_view *v, const struct fuzz_op *op)
{
	v->present = op->b & 1;
	v->enabled = op->b & 2;
	v->mode = op->b >> 2 & 3;
	v->id = op->b & 16 ? op->x : op->c;
	v->ldr = op->y;
	v->dfr = (u32)op->c << 24;
	v->initial = op->b & 32 ? op->x >> 8 : v->id;
	fit(v);
}

/* What an APIC is like that a guest has set up. */
static void simple_view(struct dest_view *v, const struct fuzz_op *op)
{
	u32 id = op->c | (op->b & 3) << 8;

	v->present = true;
	v->enabled = op->b & 4;
	v->mode = op->b & 8 ? LAPIC_X2APIC : LAPIC_XAPIC;
	v->id = id;
	v->initial = id;
	v->dfr = op->b & 16 ? ~0U : 0x0fffffff;
	if (op->b & 8)
		v->ldr = id >> 4 << 16 | 1U << (id & 15);
	else
		v->ldr = op->b & 16 ? 1U << (24 + (op->x & 7)) :
		       (op->x & 15) << 28 | 1U << (24 + (op->x >> 4 & 3));
	fit(v);
}

static bool is_on(const struct dest_view *v)
{
	return v->present && v->mode != LAPIC_DISABLED;
}

static bool logical(const struct dest_view *v, u32 mda)
{
	u32 id = v->ldr >> 24;

	if (v->mode == LAPIC_X2APIC)
		return mda >> 16 == v->ldr >> 16 &&
		       (mda & 0xffff & v->ldr) != 0;
	if (mda > 0xff)
		return false;
	if (v->dfr >> 28 == 15)
		return (mda & id) != 0;
	return v->dfr >> 28 == 0 && mda >> 4 == id >> 4 && (mda & id & 15) != 0;
}

/* One APIC decides whether it is meant, before any arbitration. */
static bool addressed(u32 index, const struct irq_message *msg)
{
	const struct dest_view *v = &map.view[index];
	bool self = msg->source == (s32)index;

	if (!is_on(v))
		return false;
	if (msg->shorthand == IRQ_SELF)
		return self;
	if (msg->shorthand == IRQ_ALL)
		return true;
	if (msg->shorthand == IRQ_OTHERS)
		return !self;
	if (msg->dest == (msg->wide ? 0xffffffff : 0xff))
		return true;
	if (msg->logical)
		return logical(v, msg->dest);
	/* dest.h: an ID beyond 8 bits addresses its APIC in xAPIC mode, too. */
	return msg->dest == v->id ||
	       (v->mode == LAPIC_XAPIC && v->initial > 0xff &&
		msg->dest == v->initial);
}

static void check_message(const struct irq_message *msg, enum dest_lowest lowest)
{
	bool want[DEST_MAX_APICS] = { false };
	u16 able[DEST_MAX_APICS];
	u32 i, n = 0, ables = 0;
	struct dest_set set;

	for (i = 0; i < map.n; i++) {
		want[i] = addressed(i, msg);
		MUST(dest_covers(&map, msg, i) == want[i]);
		if (want[i] && map.view[i].enabled)
			able[ables++] = i;
	}
	MUST(!dest_covers(&map, msg, map.n));
	if (msg->delivery == IRQ_LOWEST) {
		memset(want, 0, sizeof(want));
		if (ables)
			want[able[lowest == DEST_LOWEST_FIRST ? 0 :
				  msg->vector % ables]] = true;
	}
	memset(&set, 0xa5, sizeof(set));
	n = dest_match(&map, msg, lowest, &set);
	for (i = 0; i < DEST_MAX_APICS; i++) {
		MUST(dest_set_has(&set, i) == want[i]);
		n -= want[i];
	}
	MUST(n == 0);
}

static void any_message(const struct fuzz_op *op)
{
	struct irq_message msg = {
		.dest = op->x,
		.vector = op->c,
		.delivery = op->a & 7,
		.shorthand = op->a & 8 ? op->a >> 4 & 3 : IRQ_DEST_FIELD,
		.logical = op->a & 64,
		.wide = op->a & 128,
		.level = op->b & 1,
		.source = op->b & 2 ? (s32)op->y : op->b & 4 ? (s32)(op->y & 0xff) :
			  IRQ_SOURCE_NONE,
	};

	if (!msg.wide)
		msg.dest &= 0xff;
	check_message(&msg, op->b & 8 ? DEST_LOWEST_FIRST :
					DEST_LOWEST_ROUND_ROBIN);
}

/* To an address that some APIC has. */
static void simple_message(const struct fuzz_op *op)
{
	const struct dest_view *v = &map.view[op->b % map.n];
	struct irq_message msg = {
		.vector = op->c,
		.delivery = op->a & 1 ? IRQ_LOWEST : IRQ_FIXED,
		.logical = op->a & 2,
		.wide = op->a & 4,
		.source = IRQ_SOURCE_NONE,
	};

	if (!msg.logical)
		msg.dest = op->a & 8 ? v->initial : v->id;
	else if (v->mode == LAPIC_X2APIC)
		msg.dest = v->ldr | (op->x & 0xffff);
	else
		msg.dest = v->ldr >> 24 | (op->x & 15);
	if (!msg.wide)
		msg.dest &= 0xff;
	check_message(&msg, op->a & 16 ? DEST_LOWEST_FIRST :
					 DEST_LOWEST_ROUND_ROBIN);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = { data, size };
	struct fuzz_op op;
	bool built = true;

	memset(&map, 0, sizeof(map));
	map.n = 1 + fuzz_byte(&in) % 8;
	dest_map_build(&map);
	while (fuzz_next(&in, &op)) {
		struct dest_view *v = &map.view[op.a % map.n];

		op.what %= OP_WHATS;
		if (op.what >= OP_MESSAGE) {
			if (!built)
				dest_map_build(&map);
			built = true;
			if (op.what == OP_MESSAGE)
				any_message(&op);
			else
				simple_message(&op);
			continue;
		}
		built = false;
		if (op.what == OP_VIEW)
			any_view(v, &op);
		else if (op.what == OP_SIMPLE_VIEW)
			simple_view(v, &op);
		else if (op.what == OP_COPY_VIEW)
			*v = map.view[op.b % map.n];
		else
			map.n = 1 + op.a % (op.b & 7 ? 16 : DEST_MAX_APICS);
	}
	return 0;
}
