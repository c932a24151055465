// SPDX-License-Identifier: GPL-2.0-only
/* Second-level page tables: map, take away, age, free. */

#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/string.h>

#include "pagetable.h"

static unsigned int pt_index(u64 gfn, int level)
{
	return (gfn >> (PT_BITS * (level - 1))) & (PT_ENTRIES - 1);
}

/* The frame after the last one that the entry of @level for @gfn spans. */
static u64 pt_next(u64 gfn, int level)
{
	return (gfn | (pt_pages(level) - 1)) + 1;
}

/*
 * Where the host encrypts its memory (SME), the encryption bit is part of the
 * address that the hardware must use, of tables as of pages.
 */
static u64 *pt_child(u64 entry)
{
	return __va(__sme_clr(entry & PT_ADDR));
}

static u64 pt_pfn(u64 entry)
{
	return __sme_clr(entry & PT_ADDR) >> PAGE_SHIFT;
}

static bool pt_is_leaf(const struct pt_format *format, u64 entry, int level)
{
	return level == 1 || (level <= PT_LEAF_MAX && (entry & format->huge));
}

static u64 *leaf_counter(struct memory *mem, int level)
{
	switch (level) {
	case 1:
		return &mem->pages_4k;
	case 2:
		return &mem->pages_2m;
	default:
		return &mem->pages_1g;
	}
}

int pagetable_spares(struct pt_spares *spares, int n)
{
	while (spares->n < n) {
		u64 *table = (u64 *)get_zeroed_page(GFP_KERNEL_ACCOUNT);

		if (!table)
			return -ENOMEM;
		spares->table[spares->n++] = table;
	}
	return 0;
}

void pagetable_free_spares(struct pt_spares *spares)
{
	while (spares->n)
		free_page((unsigned long)spares->table[--spares->n]);
}

/* Make @table reachable for the hardware; it is zeroed. */
static void pt_link(struct memory *mem, u64 *entry, u64 *table)
{
	/* Entries are cleared before the table is seen. */
	smp_store_release(entry, __sme_pa(table) | mem->format->table);
	mem->table_pages++;
}

/* Chain a table and its level through its struct page, which is all ours. */
static void pt_chain(struct pt_zap *zap, u64 *table, int level)
{
	set_page_private(virt_to_page(table), (unsigned long)zap->tables | level);
	zap->tables = table;
}

/* Take away the table of @level that @entry points to. */
static void pt_unlink(struct memory *mem, u64 *entry, int level, struct pt_zap *zap)
{
	u64 *table = pt_child(*entry);

	WRITE_ONCE(*entry, 0);
	mem->zapped++;
	pt_chain(zap, table, level);
}

/*
 * A plain store will do against the hardware, which sets accessed and dirty bits
 * with a locked compare of the whole entry.
 */
static void pt_clear(struct memory *mem, u64 *entry, int level)
{
	WRITE_ONCE(*entry, 0);
	mem->zapped++;
	--*leaf_counter(mem, level);
}

/*
 * The accessed bit is set since the access is about to happen, the dirty bit
 * since nobody reads it (memory_fault.c marks the page): so the hardware needn't.
 */
static u64 pt_make_leaf(const struct pt_format *format, const struct pt_leaf *leaf)
{
	u64 entry = __sme_set(leaf->pfn << PAGE_SHIFT) | format->leaf | format->accessed;

	if (leaf->write)
		entry |= format->write | format->dirty;
	if (leaf->level > 1)
		entry |= format->huge;
	return entry;
}

/* Does the leaf @entry at @level, which spans leaf->gfn, give what @leaf asks? */
static bool pt_serves(const struct pt_format *format, u64 entry, int level,
		      const struct pt_leaf *leaf)
{
	u64 offset = leaf->gfn & (pt_pages(level) - 1);

	if (pt_pfn(entry) + offset != leaf->pfn)
		return false;
	return !leaf->write || (entry & format->write);
}

/* The last step of pagetable_map(): @entry is at the leaf's level. */
static int pt_set_leaf(struct memory *mem, u64 *entry, const struct pt_leaf *leaf,
		       struct pt_zap *zap)
{
	const struct pt_format *format = mem->format;
	u64 old = *entry;

	if (!(old & format->present)) {
		WRITE_ONCE(*entry, pt_make_leaf(format, leaf));
		++*leaf_counter(mem, leaf->level);
		return 0;
	}
	if (!pt_is_leaf(format, old, leaf->level)) {
		pt_unlink(mem, entry, leaf->level - 1, zap);
		return -EAGAIN;
	}
	if (pt_serves(format, old, leaf->level, leaf))
		return 0;
	if (pt_pfn(old) == leaf->pfn) {
		/*
		 * More permission needs no flush: a CPU that has the old entry
		 * faults once more and walks again.
		 */
		WRITE_ONCE(*entry, pt_make_leaf(format, leaf));
		return 0;
	}
	pt_clear(mem, entry, leaf->level);
	return -EAGAIN;
}

int pagetable_map(struct memory *mem, const struct pt_leaf *leaf,
		  struct pt_spares *spares, struct pt_zap *zap)
{
	const struct pt_format *format = mem->format;
	u64 *table = mem->root_table;
	int level;

	lockdep_assert_held(&mem->pt_lock);

	for (level = format->levels; level > leaf->level; level--) {
		u64 *entry = &table[pt_index(leaf->gfn, level)];

		if (!(*entry & format->present)) {
			if (!spares->n)
				return level - leaf->level;
			pt_link(mem, entry, spares->table[--spares->n]);
		} else if (pt_is_leaf(format, *entry, level)) {
			if (pt_serves(format, *entry, level, leaf))
				return 0;
			pt_clear(mem, entry, level);
			return -EAGAIN;
		}
		table = pt_child(*entry);
	}
	return pt_set_leaf(mem, &table[pt_index(leaf->gfn, level)], leaf, zap);
}

static bool pt_empty(const u64 *table)
{
	return !memchr_inv(table, 0, PAGE_SIZE);
}

/*
 * A table that the range covers as a whole goes with all below it by clearing
 * one entry, so the work under the lock is bounded by the two edges of the range
 * and not by its size. Recursion ends at level 1.
 */
static void zap_level(struct memory *mem, u64 *table, int level, u64 gfn, u64 end,
		      struct pt_zap *zap)
{
	const struct pt_format *format = mem->format;
	u64 next;

	for (; gfn < end; gfn = next) {
		u64 *entry = &table[pt_index(gfn, level)];
		u64 old = *entry;

		next = min(end, pt_next(gfn, level));
		if (!(old & format->present))
			continue;
		if (pt_is_leaf(format, old, level)) {
			pt_clear(mem, entry, level);
		} else if (next - gfn == pt_pages(level)) {
			pt_unlink(mem, entry, level - 1, zap);
		} else {
			zap_level(mem, pt_child(old), level - 1, gfn, next, zap);
			if (zap->prune && pt_empty(pt_child(old)))
				pt_unlink(mem, entry, level - 1, zap);
		}
	}
}

/* Frames that the tables can hold at all. */
static u64 pt_limit(const struct pt_format *format)
{
	return pt_pages(format->levels + 1);
}

void pagetable_zap(struct memory *mem, u64 gfn, u64 end, struct pt_zap *zap)
{
	lockdep_assert_held(&mem->pt_lock);
	zap_level(mem, mem->root_table, mem->format->levels, gfn,
		  min(end, pt_limit(mem->format)), zap);
}

/* A writable leaf. Atomic: the hardware may set the accessed bit meanwhile. */
static void protect_leaf(struct memory *mem, u64 *entry, int level, struct pt_zap *zap)
{
	if (level > 1) {
		pt_clear(mem, entry, level);
	} else {
		clear_bit(__ffs64(mem->format->write), (unsigned long *)entry);
		zap->protected = true;
	}
}

static void protect_level(struct memory *mem, u64 *table, int level, u64 gfn, u64 end,
			  struct pt_zap *zap)
{
	const struct pt_format *format = mem->format;
	u64 next;

	for (; gfn < end; gfn = next) {
		u64 *entry = &table[pt_index(gfn, level)];

		next = min(end, pt_next(gfn, level));
		if (!(*entry & format->present))
			continue;
		if (!pt_is_leaf(format, *entry, level))
			protect_level(mem, pt_child(*entry), level - 1, gfn, next, zap);
		else if (*entry & format->write)
			protect_leaf(mem, entry, level, zap);
	}
}

void pagetable_protect(struct memory *mem, u64 gfn, u64 end, struct pt_zap *zap)
{
	lockdep_assert_held(&mem->pt_lock);
	protect_level(mem, mem->root_table, mem->format->levels, gfn,
		      min(end, pt_limit(mem->format)), zap);
}

/* A leaf: was it accessed? */
static bool age_leaf(struct memory *mem, u64 *entry, int level, bool clear)
{
	u64 accessed = mem->format->accessed;

	if (!accessed) {
		if (clear)
			pt_clear(mem, entry, level);
		return true;
	}
	if (!clear)
		return *entry & accessed;
	/* Atomic: the hardware may set the dirty bit meanwhile. */
	return test_and_clear_bit(__ffs64(accessed), (unsigned long *)entry);
}

static bool age_level(struct memory *mem, u64 *table, int level, u64 gfn, u64 end,
		      bool clear)
{
	const struct pt_format *format = mem->format;
	bool young = false;
	u64 next;

	for (; gfn < end; gfn = next) {
		u64 *entry = &table[pt_index(gfn, level)];

		next = min(end, pt_next(gfn, level));
		if (!(*entry & format->present))
			continue;
		if (pt_is_leaf(format, *entry, level))
			young |= age_leaf(mem, entry, level, clear);
		else
			young |= age_level(mem, pt_child(*entry), level - 1, gfn, next,
					   clear);
	}
	return young;
}

bool pagetable_age(struct memory *mem, u64 gfn, u64 end, bool clear)
{
	lockdep_assert_held(&mem->pt_lock);
	return age_level(mem, mem->root_table, mem->format->levels, gfn,
			 min(end, pt_limit(mem->format)), clear);
}

/* What left with unlinked tables, by level of the leaf; 0: the tables. */
struct pt_count {
	u64 n[PT_LEAF_MAX + 1];
};

/* Nobody walks these tables any more. A table's children join the chain. */
static void free_tables(const struct pt_format *format, struct pt_zap *zap,
			struct pt_count *count)
{
	while (zap->tables) {
		u64 *table = zap->tables;
		unsigned long link = page_private(virt_to_page(table));
		int level = link & ~PAGE_MASK;
		int i;

		zap->tables = (u64 *)(link & PAGE_MASK);
		for (i = 0; i < PT_ENTRIES; i++) {
			if (!(table[i] & format->present))
				continue;
			if (pt_is_leaf(format, table[i], level))
				count->n[level]++;
			else
				pt_chain(zap, pt_child(table[i]), level - 1);
		}
		set_page_private(virt_to_page(table), 0);
		free_page((unsigned long)table);
		count->n[0]++;
		if (zap->may_sleep)
			cond_resched();
	}
}

/* Free what was unlinked, after the flush, and take it off the statistics. */
static void pt_free_unlinked(struct memory *mem, struct pt_zap *zap)
{
	struct pt_count count = {};
	int level;

	free_tables(mem->format, zap, &count);

	spin_lock(&mem->pt_lock);
	mem->table_pages -= count.n[0];
	for (level = 1; level <= PT_LEAF_MAX; level++)
		*leaf_counter(mem, level) -= count.n[level];
	spin_unlock(&mem->pt_lock);
}

/* Flush what was taken away up to @zapped. */
static void flush_to(struct memory *mem, u64 zapped)
{
	vm_flush_tlb(mem->vm);

	spin_lock(&mem->pt_lock);
	/* One that began later than ours may have been faster. */
	if (zapped > mem->flushed)
		mem->flushed = zapped;
	mem->flushes++;
	spin_unlock(&mem->pt_lock);
}

void pagetable_flush(struct memory *mem)
{
	flush_to(mem, 0);
}

void pagetable_done(struct memory *mem, struct pt_zap *zap) __releases(&mem->pt_lock)
{
	u64 zapped = mem->zapped;
	bool flush = zapped != zap->before || (zap->settle && zapped != mem->flushed);

	lockdep_assert_held(&mem->pt_lock);
	spin_unlock(&mem->pt_lock);
	if (!flush)
		return;

	flush_to(mem, zapped);
	if (zap->tables)
		pt_free_unlinked(mem, zap);
}
