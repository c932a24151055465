/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Destination matching: which local APICs a message addresses. A map is built
 * from a view of every APIC whenever an ID, LDR, DFR or mode changes, so that
 * a delivery costs O(targets).
 *
 * SDM 3A "Determining IPI Destination", "Logical x2APIC ID".
 */
#ifndef VINTC_APIC_DEST_H
#define VINTC_APIC_DEST_H

#include "lapic.h"

/* What a VM may have; tests/bench also tries more. */
#ifndef DEST_MAX_APICS
#define DEST_MAX_APICS 1024
#define DEST_MAX_ID 1023 /* highest APIC ID */
#endif
#define DEST_NONE 0xffff
#define DEST_WORDS (DEST_MAX_APICS / 64)

/**
 * struct dest_view - what addressing needs to know of one APIC
 * @present: there is such a vCPU
 * @enabled: software-enabled (lowest priority chooses only among these)
 * @mode: enum lapic_mode
 * @id: 8-bit ID in xAPIC mode, 32-bit in x2APIC mode
 * @ldr: LDR as stored: bits 31:24 in xAPIC mode, 32 bits in x2APIC mode
 * @dfr: DFR, xAPIC mode
 * @initial: the 32-bit ID whatever the mode: one that 8 bits can't hold also
 *           addresses an APIC still in xAPIC mode, or a processor with such an
 *           ID could never be started
 */
struct dest_view {
	bool present;
	bool enabled;
	u8 mode;
	u32 id;
	u32 ldr;
	u32 dfr;
	u32 initial;
};

/**
 * struct dest_set - APICs, by vCPU index
 * @words: bit w: @bits[w] holds some of them; where clear, @bits[w] means
 *         nothing and is not even initialised, so that a set costs what it
 *         holds and not what it could hold
 * @bits: bit n of word w: APIC 64 * w + n
 */
struct dest_set {
	u64 words;
	u64 bits[DEST_WORDS];
};

static inline bool dest_set_has(const struct dest_set *set, u32 index)
{
	return (set->words >> (index >> 6) & 1) &&
	       (set->bits[index >> 6] >> (index & 63) & 1);
}

/* Takes the lowest out of @set. Return: its index, or -1 when there is none. */
static inline int dest_set_pop(struct dest_set *set)
{
	u32 word;
	u64 left;

	if (!set->words)
		return -1;
	word = __builtin_ctzll(set->words);
	left = set->bits[word];
	set->bits[word] = left & (left - 1);
	if (!set->bits[word])
		set->words &= set->words - 1;
	return word * 64 + __builtin_ctzll(left);
}

/* How an APIC takes part in logical addressing. */
enum dest_layout {
	DEST_LAYOUT_NONE, /* matches no logical destination */
	DEST_LAYOUT_FLAT,
	DEST_LAYOUT_CLUSTER,
	DEST_LAYOUT_X2APIC,
};

/**
 * struct dest_map - resolved addressing for one VM
 * @n: number of views
 * @view: the views
 * @phys: APIC ID to vCPU index, DEST_NONE if none
 * @all: every present APIC that is not globally disabled
 * @irregular: IDs are shared or a layout is mixed, so that phys or the logical
 *             tables can't answer: match by scanning the views
 * @phys_shared: phys can't answer, as IDs are shared or out of range
 * @layout: the one logical layout of all APICs, unless @irregular
 * @flat: xAPIC flat model: bit to vCPU index
 * @cluster: xAPIC cluster model and x2APIC: [cluster][bit] to vCPU index
 */
struct dest_map {
	u32 n;
	bool irregular;
	bool phys_shared;
	u8 layout;
	struct dest_set all;
	u16 phys[DEST_MAX_ID + 1];
	u16 flat[8];
	u16 cluster[(DEST_MAX_ID + 1) / 16][16];
	struct dest_view view[DEST_MAX_APICS];
};

/* Lowest-priority choice, a policy of the VM. */
enum dest_lowest {
	DEST_LOWEST_ROUND_ROBIN, /* by vector: vector modulo candidates */
	DEST_LOWEST_FIRST, /* lowest index */
};

void dest_view_of(struct dest_view *v, const struct lapic *l);
/* Builds everything but @n and @view, which the caller has filled. */
void dest_map_build(struct dest_map *map);

/**
 * dest_match() - the APICs that @msg addresses
 * @map: destination map
 * @msg: message; LOWEST is reduced to one target
 * @lowest: how that target is chosen
 * @set: result
 *
 * Return: number of targets.
 */
unsigned int dest_match(const struct dest_map *map,
			const struct irq_message *msg, enum dest_lowest lowest,
			struct dest_set *set);

/* Who has the physical ID, unless phys_shared; DEST_NONE if nobody. */
static inline u16 dest_physical(const struct dest_map *map, u32 id)
{
	if (unlikely(id > DEST_MAX_ID))
		return DEST_NONE;
	return map->phys[env_nospec(id, DEST_MAX_ID + 1)];
}

/**
 * dest_only() - dest_match() for what most messages are: to one physical ID
 * @map: destination map
 * @msg: message
 *
 * Return: the only target's index; DEST_NONE when dest_match() must be asked.
 */
static inline u16 dest_only(const struct dest_map *map, const struct irq_message *msg)
{
	if (msg->shorthand != IRQ_DEST_FIELD || msg->logical ||
	    msg->delivery == IRQ_LOWEST || map->phys_shared || irq_is_broadcast(msg))
		return DEST_NONE;
	return dest_physical(map, msg->dest);
}

/* Does @msg address the APIC of vCPU @index, before any lowest-priority choice? */
bool dest_covers(const struct dest_map *map, const struct irq_message *msg,
		 u32 index);

#endif
