/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The log of pages that the guest has written, a bitmap per slot.
 *
 * Where a slot is logged, an entry is writable only while the page's bit is set:
 *
 * 1. A fault sets the bit in the section of pt_lock that makes the entry
 *    writable. Such a slot has 4 KiB entries only. What the guest reads first is
 *    mapped writable, too, if the host has it so, and logged, in a slot that is
 *    logged from the start: as in KVM, whose users count on it. Where logging began
 *    later, a page was most likely mapped before, and a read maps read-only.
 * 2. Whoever takes a bit takes the write permission in the same section, and
 *    flushes before user space learns of the bit. So a write is either in memory
 *    when user space copies the page, or faults and sets the bit again.
 * 3. The kernel writes guest memory first and sets the bit then. The other way
 *    round the bit could be taken, and the page copied, before the write.
 * 4. Logging begins with a new slot array. Those who look at the old one are
 *    waited for, and then all entries lose their write permission, before the
 *    ioctl returns. If all bits are set at the start, the entries may stay.
 *
 * Bits are taken under mem->lock, so nobody's flush of write permissions is
 * outstanding when the next looks. Entries that others took away, and haven't
 * flushed yet, are settled as for any user of the page tables (memory.h, 3).
 */
#ifndef VINTC_DIRTY_H
#define VINTC_DIRTY_H

#include <linux/bitops.h>

#include "memory.h"

/* Must a read of frame @gfn map it read-only? pt_lock held, under which bits go. */
static inline bool dirty_read_only(const struct memslot *slot, u64 gfn)
{
	return slot->dirty && !slot->logged_from_start && !test_bit(gfn - slot->gfn, slot->dirty);
}

/*
 * Frame @gfn of @slot has been written, or is about to be through an entry that is
 * made under pt_lock. No look at the bit before: it must be ordered after the
 * write, and set_bit() is, being a locked instruction.
 */
static inline void dirty_mark(const struct memslot *slot, u64 gfn)
{
	if (slot->dirty)
		set_bit(gfn - slot->gfn, slot->dirty);
}

/**
 * dirty_prepare() - give @slot its log, or none
 * @mem: address space
 * @slot: as user space wants it
 * @now: what it is now, or NULL; if that has a log already, it is kept
 *
 * Context: process context, mem->lock held.
 * Return: 0; 1: a log begins, empty, so that dirty_begin() is to be called when
 * the slot is in its place; -ENOMEM.
 */
int dirty_prepare(struct memory *mem, struct memslot *slot, const struct memslot *now);

/**
 * dirty_begin() - @slot's log has begun: no entry may stay writable unseen
 * @mem: address space
 * @slot: in the current slots, which nobody uses another array than
 *
 * Context: process context, mem->lock held.
 */
void dirty_begin(struct memory *mem, const struct memslot *slot);

/* KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2. Return: 0 or -EINVAL. */
int dirty_set_manual(struct memory *mem, u64 flags);

/*
 * KVM_GET_DIRTY_LOG, KVM_CLEAR_DIRTY_LOG. Return: 0; -EFAULT; -EINVAL (slot number,
 * bounds, alignment); -ENOENT (no such slot, or it isn't logged).
 */
long dirty_ioctl(struct memory *mem, unsigned int cmd, void __user *arg);

#endif
