// SPDX-License-Identifier: GPL-2.0-only
/* Which EOIs must be seen. */
#include "exitmap.h"

static void map_add(struct exitmap *map, u8 vector)
{
	map->bits[vector >> 6] |= 1ULL << (vector & 63);
}

void exitmap_add_message(struct exitmap *map, const struct irq_message *msg,
			 const struct dest_map *dests, u32 index)
{
	if (msg->level && msg->delivery <= IRQ_LOWEST && msg->vector >= 16 &&
	    dest_covers(dests, msg, index))
		map_add(map, msg->vector);
}

/*
 * Masked entries too: what they have sent before may still be on its way, and
 * drivers mask and unmask all the time, which must not cost a scan.
 */
void exitmap_add_ioapic(struct exitmap *map, const struct ioapic *io,
			const struct dest_map *dests, u32 index)
{
	struct irq_message msg;
	int pin = ioapic_pin_next(io->level, 0);

	for (; pin >= 0; pin = ioapic_pin_next(io->level, pin + 1)) {
		ioapic_message(io, pin, &msg);
		exitmap_add_message(map, &msg, dests, index);
	}
	if (io->tapped >= 0) {
		ioapic_message(io, io->tapped, &msg);
		msg.level = true;
		exitmap_add_message(map, &msg, dests, index);
	}
}

/*
 * Behaviour C. Pending ones count as well as those in service: they were sent
 * by the old routing and their EOI is still to come.
 */
void exitmap_add_stale(struct exitmap *map, struct lapic *l)
{
	u32 i;

	l->stale_vector = -1;
	for (i = 0; i < 8; i++) {
		u32 have = map->bits[i >> 1] >> ((i & 1) * 32);
		u32 bits = (lapic_get(l, LAPIC_ISR + (i << 4)) |
			    lapic_get(l, LAPIC_IRR + (i << 4))) &
			   lapic_get(l, LAPIC_TMR + (i << 4)) & ~have;

		if (!bits)
			continue;
		map->bits[i >> 1] |= (u64)bits << ((i & 1) * 32);
		l->stale_vector = i * 32 + env_top32(bits);
	}
}
