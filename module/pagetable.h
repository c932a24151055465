/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The second-level page tables of a VM. Everything here but pagetable_done()'s
 * end runs under mem->pt_lock; see memory.h for what keeps entries true.
 *
 * Level 1 holds 4 KiB leaves, level 2 points to such tables or holds 2 MiB
 * leaves, and so on up to format->levels.
 */
#ifndef VINTC_PAGETABLE_H
#define VINTC_PAGETABLE_H

#include "memory.h"

#define PT_BITS 9
#define PT_ENTRIES (1 << PT_BITS)
#define PT_LEVELS_MAX 5
#define PT_LEAF_MAX 3 /* 1 GiB */
#define PT_ADDR GENMASK_ULL(51, 12)

static_assert(PT_ENTRIES * sizeof(u64) == PAGE_SIZE);

/* Frames that an entry of @level spans. */
static inline u64 pt_pages(int level)
{
	return 1ULL << (PT_BITS * (level - 1));
}

/* The highest level at which a leaf may be. */
static inline int pt_max_leaf(const struct pt_format *format)
{
	return format->max_leaf ? min_t(int, format->max_leaf, PT_LEAF_MAX) : 2;
}

/**
 * struct pt_leaf - a mapping to be made
 * @gfn: first guest frame, aligned to the size of @level
 * @pfn: first host frame, likewise
 * @level: 1 to 3
 * @write: writable
 */
struct pt_leaf {
	u64 gfn;
	u64 pfn;
	int level;
	bool write;
};

/**
 * struct pt_spares - zeroed pages for tables, allocated before taking the lock
 * @n: how many are left
 * @table: those below the root that one mapping can want
 */
struct pt_spares {
	int n;
	u64 *table[PT_LEVELS_MAX - 1];
};

int pagetable_spares(struct pt_spares *spares, int n);
void pagetable_free_spares(struct pt_spares *spares);

/**
 * struct pt_zap - a section of pt_lock and what it took away
 * @before: mem->zapped when it began
 * @tables: unlinked tables, chained through page_private()
 * @settle: the caller relies on nothing being left in any TLB: flush also what
 *	other sections took away and haven't flushed yet
 * @prune: take tables away that become empty, also where the range covers
 *	them in part
 * @may_sleep: between the tables that are freed
 * @protected: write permission was taken, which pagetable_done() doesn't flush
 */
struct pt_zap {
	u64 before;
	u64 *tables;
	bool settle;
	bool prune;
	bool may_sleep;
	bool protected;
};

/* Begin a section of pt_lock. */
static inline void pagetable_begin(struct memory *mem, struct pt_zap *zap)
	__acquires(&mem->pt_lock)
{
	spin_lock(&mem->pt_lock);
	zap->before = mem->zapped;
}

/**
 * pagetable_map() - make an entry
 * @mem: address space
 * @leaf: what to map
 * @spares: tables to link in
 * @zap: collects what was in the way
 *
 * Context: pt_lock held, the fault is not stale.
 * Return: 0, also if it is mapped already; -EAGAIN: something was in the way and
 * has been taken away, flush and come again; else how many spare tables it
 * wants, nothing is lost by coming again with them.
 */
int pagetable_map(struct memory *mem, const struct pt_leaf *leaf,
		  struct pt_spares *spares, struct pt_zap *zap);

/* Take away all entries for frames @gfn to @end - 1. Context: pt_lock held. */
void pagetable_zap(struct memory *mem, u64 gfn, u64 end, struct pt_zap *zap);

/**
 * pagetable_protect() - take the permission to write from frames @gfn to @end - 1
 * @mem: address space
 * @gfn: first frame
 * @end: frame after the last
 * @zap: @zap->protected is set if pagetable_flush() is to be called
 *
 * A writable leaf above level 1 that the range touches goes as a whole.
 *
 * Context: pt_lock held.
 */
void pagetable_protect(struct memory *mem, u64 gfn, u64 end, struct pt_zap *zap);

/* Flush TLBs. Context: pt_lock not held. */
void pagetable_flush(struct memory *mem);

/**
 * pagetable_age() - was one of the frames accessed?
 * @mem: address space
 * @gfn: first frame
 * @end: frame after the last
 * @clear: forget that it was
 *
 * Without an accessed bit whatever is mapped counts as accessed, and is
 * forgotten by taking it away.
 *
 * Context: pt_lock held.
 */
bool pagetable_age(struct memory *mem, u64 gfn, u64 end, bool clear);

/**
 * pagetable_done() - end a section that pagetable_begin() began
 * @mem: address space
 * @zap: what it took away
 *
 * Drops the lock, flushes TLBs if this section took something away (or, with
 * @zap->settle, another one that is not done yet), frees unlinked tables.
 */
void pagetable_done(struct memory *mem, struct pt_zap *zap) __releases(&mem->pt_lock);

#endif
