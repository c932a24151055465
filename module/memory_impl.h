/* SPDX-License-Identifier: GPL-2.0-only */
/* What memory.c, memory_fault.c and dirty.c share and nobody else needs. */
#ifndef VINTC_MEMORY_IMPL_H
#define VINTC_MEMORY_IMPL_H

#include "memory.h"

extern const struct mmu_notifier_ops memory_notifier_ops;

const struct memslot *memory_slot_by_id(const struct memslots *slots, u32 id);

/*
 * Something changed that a fault under way must not miss. What changed is
 * stored before: a fault that reads the new seq, without the lock, reads it too.
 */
static inline void memory_seq_bump(struct memory *mem)
{
	lockdep_assert_held(&mem->pt_lock);
	/* Pairs with fault_once(). */
	smp_store_release(&mem->notifier_seq, mem->notifier_seq + 1);
}

#endif
