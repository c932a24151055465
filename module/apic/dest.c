// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who is addressed. matches() is the meaning; the tables answer faster where
 * they can.
 */
#include "dest.h"

static_assert(DEST_MAX_APICS % 64 == 0 && DEST_WORDS <= 64, "struct dest_set");

void dest_view_of(struct dest_view *v, const struct lapic *l)
{
	u32 id = lapic_get(l, LAPIC_ID);

	v->present = true;
	v->enabled = lapic_enabled(l);
	v->mode = lapic_mode(l);
	v->id = v->mode == LAPIC_X2APIC ? id : id >> 24;
	v->ldr = lapic_get(l, LAPIC_LDR);
	v->dfr = lapic_get(l, LAPIC_DFR);
	v->initial = l->id;
}

static bool is_on(const struct dest_view *v)
{
	return v->present && v->mode != LAPIC_DISABLED;
}

static enum dest_layout layout_of(const struct dest_view *v)
{
	if (!is_on(v) || !v->ldr)
		return DEST_LAYOUT_NONE;
	if (v->mode == LAPIC_X2APIC)
		return DEST_LAYOUT_X2APIC;
	switch (v->dfr >> 28) {
	case 0xf:
		return DEST_LAYOUT_FLAT;
	case 0:
		return DEST_LAYOUT_CLUSTER;
	default:
		return DEST_LAYOUT_NONE;
	}
}

/* Too large for 8 bits, but not yet in the mode that has more. */
static bool has_hidden_id(const struct dest_view *v)
{
	return v->mode != LAPIC_X2APIC && v->initial > 0xff;
}

static bool matches_physical(const struct dest_view *v, u32 dest)
{
	return dest == v->id || (has_hidden_id(v) && dest == v->initial);
}

static bool matches_logical(const struct dest_view *v, u32 dest)
{
	u32 ldr = v->ldr >> 24;

	switch (layout_of(v)) {
	case DEST_LAYOUT_X2APIC:
		return dest >> 16 == v->ldr >> 16 && (dest & v->ldr & 0xffff);
	case DEST_LAYOUT_FLAT:
		return dest <= 0xff && (dest & ldr);
	case DEST_LAYOUT_CLUSTER:
		return dest <= 0xff && dest >> 4 == ldr >> 4 &&
		       (dest & ldr & 15);
	default:
		return false;
	}
}

/* Destination field only, no shorthand. */
static bool matches(const struct dest_view *v, const struct irq_message *msg)
{
	if (!is_on(v))
		return false;
	if (irq_is_broadcast(msg))
		return true;
	return msg->logical ? matches_logical(v, msg->dest) :
			      matches_physical(v, msg->dest);
}

bool dest_covers(const struct dest_map *map, const struct irq_message *msg,
		 u32 index)
{
	const struct dest_view *v;

	if (index >= map->n)
		return false;
	v = &map->view[index];
	switch (msg->shorthand) {
	case IRQ_SELF:
		return is_on(v) && msg->source == (s32)index;
	case IRQ_ALL:
		return is_on(v);
	case IRQ_OTHERS:
		return is_on(v) && msg->source != (s32)index;
	default:
		return matches(v, msg);
	}
}

static void set_add(struct dest_set *set, u32 index)
{
	u64 word = 1ULL << (index >> 6);

	if (!(set->words & word)) {
		set->words |= word;
		set->bits[index >> 6] = 0;
	}
	set->bits[index >> 6] |= 1ULL << (index & 63);
}

/* No word may be left empty: who iterates relies on it. */
static void set_keep(struct dest_set *set, u32 word, u64 bits)
{
	set->bits[word] = bits;
	if (!bits)
		set->words &= ~(1ULL << word);
}

static void set_copy(struct dest_set *set, const struct dest_set *from)
{
	u64 words = set->words = from->words;

	for (; words; words &= words - 1) {
		u32 word = __builtin_ctzll(words);

		set->bits[word] = from->bits[word];
	}
}

static unsigned int set_weight(const struct dest_set *set)
{
	unsigned int n = 0;
	u64 words = set->words;

	for (; words; words &= words - 1)
		n += env_weight64(set->bits[__builtin_ctzll(words)]);
	return n;
}

static void build_physical(struct dest_map *map, u32 index, u32 id)
{
	if (id > DEST_MAX_ID || map->phys[id] != DEST_NONE)
		map->phys_shared = true;
	else
		map->phys[id] = index;
}

static void build_slot(struct dest_map *map, u16 *slot, u32 index)
{
	if (*slot != DEST_NONE)
		map->irregular = true;
	else
		*slot = index;
}

static void build_logical(struct dest_map *map, u32 index)
{
	const struct dest_view *v = &map->view[index];
	enum dest_layout layout = layout_of(v);
	u32 bits, cluster, i;
	u16 *slots;

	if (layout == DEST_LAYOUT_NONE)
		return;
	if (map->layout != DEST_LAYOUT_NONE && map->layout != layout)
		map->irregular = true;
	map->layout = layout;
	if (layout == DEST_LAYOUT_FLAT) {
		slots = map->flat;
		bits = v->ldr >> 24;
	} else if (layout == DEST_LAYOUT_CLUSTER) {
		slots = map->cluster[v->ldr >> 28];
		bits = v->ldr >> 24 & 15;
	} else {
		cluster = v->ldr >> 16;
		if (cluster >= ARRAY_SIZE(map->cluster)) {
			map->irregular = true;
			return;
		}
		slots = map->cluster[cluster];
		bits = v->ldr & 0xffff;
	}
	for (i = 0; i < 16; i++)
		if (bits >> i & 1)
			build_slot(map, &slots[i], index);
}

void dest_map_build(struct dest_map *map)
{
	u32 i;

	map->irregular = false;
	map->phys_shared = false;
	map->layout = DEST_LAYOUT_NONE;
	map->all.words = 0;
	memset(map->phys, 0xff, sizeof(map->phys));
	memset(map->flat, 0xff, sizeof(map->flat));
	memset(map->cluster, 0xff, sizeof(map->cluster));
	for (i = 0; i < map->n; i++) {
		const struct dest_view *v = &map->view[i];

		if (!is_on(v))
			continue;
		set_add(&map->all, i);
		build_physical(map, i, v->id);
		if (has_hidden_id(v))
			build_physical(map, i, v->initial);
		build_logical(map, i);
	}
	if (map->phys_shared)
		map->irregular = true;
}

static void scan(const struct dest_map *map, const struct irq_message *msg,
		 struct dest_set *set)
{
	u32 i;

	for (i = 0; i < map->n; i++)
		if (matches(&map->view[i], msg))
			set_add(set, i);
}

static void add_slots(const u16 *slots, u32 bits, struct dest_set *set)
{
	while (bits) {
		u32 i = __builtin_ctz(bits);

		bits &= bits - 1;
		if (slots[i] != DEST_NONE)
			set_add(set, slots[i]);
	}
}

static void match_logical(const struct dest_map *map,
			  const struct irq_message *msg, struct dest_set *set)
{
	u32 dest = msg->dest;

	switch (map->layout) {
	case DEST_LAYOUT_X2APIC:
		if (dest >> 16 < ARRAY_SIZE(map->cluster))
			add_slots(map->cluster[env_nospec(dest >> 16,
							  ARRAY_SIZE(map->cluster))],
				  dest & 0xffff, set);
		break;
	case DEST_LAYOUT_FLAT:
		if (dest <= 0xff)
			add_slots(map->flat, dest, set);
		break;
	case DEST_LAYOUT_CLUSTER:
		if (dest <= 0xff)
			add_slots(map->cluster[dest >> 4], dest & 15, set);
		break;
	}
}

/* Software-disabled APICs don't take part in lowest-priority delivery. */
static void drop_disabled(const struct dest_map *map, struct dest_set *set)
{
	u64 words = set->words;

	for (; words; words &= words - 1) {
		u32 word = __builtin_ctzll(words);
		u64 left = set->bits[word], keep = left;

		for (; left; left &= left - 1)
			if (!map->view[word * 64 + __builtin_ctzll(left)].enabled)
				keep &= ~(left & -left);
		set_keep(set, word, keep);
	}
}

/* Leaves only the @nth of @set, counted from 0; there is one. */
static void keep_nth(struct dest_set *set, unsigned int nth)
{
	u32 word = __builtin_ctzll(set->words);
	unsigned int here;
	u64 left;

	while (nth >= (here = env_weight64(set->bits[word]))) {
		nth -= here;
		set->words &= set->words - 1;
		word = __builtin_ctzll(set->words);
	}
	left = set->bits[word];
	while (nth--)
		left &= left - 1;
	set->words = 1ULL << word;
	set->bits[word] = left & -left;
}

static unsigned int reduce(const struct dest_map *map, u8 vector,
			   enum dest_lowest lowest, struct dest_set *set)
{
	unsigned int n;

	drop_disabled(map, set);
	n = set_weight(set);
	if (n <= 1)
		return n;
	keep_nth(set, lowest == DEST_LOWEST_ROUND_ROBIN ? vector % n : 0);
	return 1;
}

static void match_shorthand(const struct dest_map *map,
			    const struct irq_message *msg, struct dest_set *set)
{
	u32 source = msg->source;

	if (msg->shorthand != IRQ_SELF)
		set_copy(set, &map->all);
	if (source >= map->n || !is_on(&map->view[source]))
		return;
	if (msg->shorthand == IRQ_SELF)
		set_add(set, source);
	else if (msg->shorthand == IRQ_OTHERS)
		set_keep(set, source >> 6, set->bits[source >> 6] &
			 ~(1ULL << (source & 63)));
}

unsigned int dest_match(const struct dest_map *map,
			const struct irq_message *msg, enum dest_lowest lowest,
			struct dest_set *set)
{
	set->words = 0;
	if (msg->shorthand != IRQ_DEST_FIELD) {
		match_shorthand(map, msg, set);
	} else if (unlikely(irq_is_broadcast(msg))) {
		set_copy(set, &map->all);
	} else if (!msg->logical && likely(!map->phys_shared)) {
		u16 index = dest_physical(map, msg->dest);

		if (index == DEST_NONE)
			return 0;
		set_add(set, index);
		if (likely(msg->delivery != IRQ_LOWEST))
			return 1;
	} else if (!msg->logical || map->irregular) {
		scan(map, msg, set);
	} else {
		match_logical(map, msg, set);
	}
	if (msg->delivery == IRQ_LOWEST)
		return reduce(map, msg->vector, lowest, set);
	return set_weight(set);
}
