/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The EOI-exit map of one local APIC: the vectors whose EOI someone outside
 * the APIC must see. A vector is in it because a level entry of the IOAPIC
 * addresses this APIC with it, or because such an interrupt is still in
 * service here although the entry has moved on (behaviour C).
 *
 * SDM 3C "EOI Virtualization".
 */
#ifndef VINTC_APIC_EXITMAP_H
#define VINTC_APIC_EXITMAP_H

#include "dest.h"
#include "ioapic.h"

struct exitmap {
	u64 bits[4];
};

/* Adds to @map what @io's level entries send to vCPU @index. */
void exitmap_add_ioapic(struct exitmap *map, const struct ioapic *io,
			const struct dest_map *dests, u32 index);

/* Adds one level message that is not the IOAPIC's (a split irqchip's route). */
void exitmap_add_message(struct exitmap *map, const struct irq_message *msg,
			 const struct dest_map *dests, u32 index);

/**
 * exitmap_add_stale() - keep what is in service and level but routed no more
 * @map: freshly built map of @l
 * @l: the APIC; remembers the highest such vector in stale_vector
 *
 * After lapic_absorb(), for what is still in the mailbox isn't seen; and after
 * lapic_sync_tmr() where hardware posts interrupts.
 */
void exitmap_add_stale(struct exitmap *map, struct lapic *l);

static inline bool exitmap_has(const struct exitmap *map, u8 vector)
{
	return map->bits[vector >> 6] >> (vector & 63) & 1;
}

#endif
