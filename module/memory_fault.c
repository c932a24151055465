// SPDX-License-Identifier: GPL-2.0-only
/*
 * Between the user's mappings and the guest's: a fault gets a page from the
 * first and makes an entry of it, the MMU notifier takes entries away when
 * the first change. Pages are not held in between.
 */

#include <linux/delay.h>
#include <linux/irqflags.h>
#include <linux/mm.h>
#include <linux/mmu_notifier.h>
#include <linux/pgtable.h>
#include <linux/sched/signal.h>

#include "compat/mm.h"
#include "dirty.h"
#include "memory_impl.h"
#include "pagetable.h"
#include "../uapi/vintc.h"

/**
 * struct fault - a fault being resolved
 * @gfn: guest frame
 * @hva: user address of the frame
 * @write: the access was a write
 * @seq: notifier_seq when the attempt began
 * @page: got, with a reference
 * @writable: the host mapped @page writable
 * @spares: tables to link in
 */
struct fault {
	u64 gfn;
	unsigned long hva;
	bool write;
	unsigned long seq;
	struct page *page;
	bool writable;
	struct pt_spares spares;
};

/* A page that the host has mapped now, without sleeping. */
static struct page *mapped_page(unsigned long hva, unsigned int flags)
{
	struct page *page;

	return get_user_pages_fast_only(hva, 1, flags, &page) == 1 ? page : NULL;
}

/*
 * Fault the page in, as if the VMM's own thread had accessed it. Whether a signal
 * that is not fatal ends a fault that waits (userfaultfd) is up to the kernel:
 * it does where FOLL_INTERRUPTIBLE exists, not on 6.1.
 */
static int fault_in(struct fault *fault, bool may_write)
{
	unsigned int flags = MM_FOLL_VCPU | (fault->write ? FOLL_WRITE : 0);
	struct page *again;
	long n;

	n = get_user_pages_unlocked(fault->hva, 1, &fault->page, flags);
	switch (n) {
	case 1:
		break;
	case -EINTR:
	case -ERESTARTSYS:
		return -EINTR;
	case -ENOMEM:
	case -EAGAIN:
		return n;
	default:
		return -EFAULT;
	}

	fault->writable = fault->write;
	if (fault->write || !may_write)
		return 0;
	/* A read: the host may have made it writable all the same. */
	again = mapped_page(fault->hva, FOLL_WRITE);
	if (again) {
		fault->writable = again == fault->page;
		put_page(again);
	}
	return 0;
}

/*
 * Get the page. A read fault maps writable if the host's entry is, which the
 * lockless look tells: it succeeds for FOLL_WRITE only then. Otherwise (zero
 * page, copy on write, KSM) the entry is read-only, and a write faults again.
 */
static int get_host_page(struct fault *fault, bool may_write)
{
	if (may_write) {
		fault->page = mapped_page(fault->hva, FOLL_WRITE);
		fault->writable = true;
		if (fault->page)
			return 0;
	}
	if (!fault->write) {
		fault->page = mapped_page(fault->hva, 0);
		fault->writable = false;
		if (fault->page)
			return 0;
	}
	return fault_in(fault, may_write);
}

/*
 * The size, as a level, of the host's leaf for @hva if it maps @pfn there.
 * Like GUP-fast: with interrupts off no table is freed, as that waits for an
 * IPI or an RCU grace period. What is read may be stale when it is returned;
 * the check of notifier_seq finds that.
 */
static int host_level(struct mm_struct *mm, unsigned long hva, u64 pfn)
{
	unsigned long flags;
	pgd_t *pgdp, pgd;
	p4d_t *p4dp, p4d;
	pud_t *pudp, pud;
	pmd_t pmd;
	int level = 1;

	local_irq_save(flags);
	pgdp = pgd_offset(mm, hva);
	pgd = READ_ONCE(*pgdp);
	if (pgd_none(pgd))
		goto out;
	p4dp = p4d_offset_lockless(pgdp, pgd, hva);
	p4d = READ_ONCE(*p4dp);
	if (p4d_none(p4d) || !p4d_present(p4d))
		goto out;
	pudp = pud_offset_lockless(p4dp, p4d, hva);
	pud = READ_ONCE(*pudp);
	if (pud_none(pud) || !pud_present(pud))
		goto out;
	if (pud_leaf(pud)) {
		if (pud_pfn(pud) + ((hva & ~PUD_MASK) >> PAGE_SHIFT) == pfn)
			level = 3;
		goto out;
	}
	pmd = READ_ONCE(*pmd_offset_lockless(pudp, pud, hva));
	if (pmd_none(pmd) || !pmd_present(pmd) || !pmd_leaf(pmd))
		goto out;
	if (pmd_pfn(pmd) + ((hva & ~PMD_MASK) >> PAGE_SHIFT) == pfn)
		level = 2;
out:
	local_irq_restore(flags);
	return level;
}

/* May a leaf of @level around @gfn be made from @slot? pt_lock held. */
static bool level_fits(const struct memory *mem, const struct memslot *slot,
		       const struct fault *fault, int level)
{
	u64 mask = pt_pages(level) - 1;
	u64 first = fault->gfn & ~mask;

	/* Guest, user and host addresses agree below the leaf's size. */
	if ((fault->gfn ^ (fault->hva >> PAGE_SHIFT)) & mask)
		return false;
	if ((fault->gfn ^ page_to_pfn(fault->page)) & mask)
		return false;
	if (first < slot->gfn || first + mask >= slot->gfn + slot->npages)
		return false;
	return mem->hole_gfn - first > mask;
}

/* Has anything changed under the fault that it must not miss? pt_lock held. */
static bool fault_stale(const struct memory *mem, const struct fault *fault, int level)
{
	unsigned long size = pt_pages(level) << PAGE_SHIFT;
	unsigned long hva = fault->hva & ~(size - 1);

	if (mem->notifier_seq != fault->seq)
		return true;
	/* A flush is under way (memory.h, 5). */
	if (mem->zapped != mem->flushed)
		return true;
	/* Invalidations under way that touch any part of the leaf. */
	return mem->notifier_count && hva < mem->notifier_end &&
	       hva + size > mem->notifier_start;
}

/*
 * The guest writes through the new entry without the host's entry turning dirty,
 * so mark the page now: a clean page that is reclaimed is dropped or, if it is
 * in the swap cache, not written again. It is needed although the host allows
 * writing, as that looks at the write bit of its entry, not at the dirty bit.
 * pt_lock is held and the entry is true, so the host can't have unmapped the
 * page yet; it does that before it looks at the mark.
 *
 * A file system that writes back is left alone: its pages are mapped writable
 * only after page_mkwrite has made them dirty, and are write-protected, which
 * the notifier tells, before they are cleaned. Setting the bare bit would hide
 * from it that the page wants to be tagged.
 */
static void mark_dirty(struct page *page)
{
	struct folio *folio = page_folio(page);

	if (folio_test_anon(folio) || folio_test_swapbacked(folio))
		folio_set_dirty(folio);
}

/* Make the entry, unless something changed. Releases what it took away. */
static int fault_commit(struct memory *mem, const struct memslot *slot,
			struct fault *fault)
{
	u64 pfn = page_to_pfn(fault->page);
	struct pt_leaf leaf = { .level = 1, .write = fault->writable };
	struct pt_zap zap = {};
	int r;

	if (!slot->dirty)
		leaf.level = min(host_level(mem->mm, fault->hva, pfn), pt_max_leaf(mem->format));

	pagetable_begin(mem, &zap);
	while (leaf.level > 1 && !level_fits(mem, slot, fault, leaf.level))
		leaf.level--;
	leaf.gfn = fault->gfn & ~(pt_pages(leaf.level) - 1);
	leaf.pfn = pfn & ~(pt_pages(leaf.level) - 1);
	if (dirty_read_only(slot, fault->gfn) && !fault->write)
		leaf.write = false;

	if (fault_stale(mem, fault, leaf.level)) {
		r = -EAGAIN;
	} else {
		r = pagetable_map(mem, &leaf, &fault->spares, &zap);
		if (!r && leaf.write) {
			mark_dirty(fault->page);
			dirty_mark(slot, fault->gfn);
		}
	}
	pagetable_done(mem, &zap);
	return r;
}

/* The frame of the APICs: hardware's page, while it is wanted. */
static int fault_hole(struct memory *mem, struct fault *fault)
{
	struct pt_leaf leaf = { .gfn = fault->gfn, .level = 1, .write = true };
	struct pt_zap zap = {};
	int r = -EAGAIN;

	if (!READ_ONCE(mem->hole_mapped))
		return MEMORY_MMIO;
	pagetable_begin(mem, &zap);
	if (mem->hole_mapped && fault->gfn == mem->hole_gfn &&
	    mem->zapped == mem->flushed) {
		leaf.pfn = page_to_pfn(mem->hole_page);
		r = pagetable_map(mem, &leaf, &fault->spares, &zap);
	}
	pagetable_done(mem, &zap);
	if (r > 0)
		r = pagetable_spares(&fault->spares, r) ?: -EAGAIN;
	return r ?: MEMORY_MAPPED;
}

/* One attempt. -EAGAIN: something was changing, come again. */
static int fault_once(struct memory *mem, struct fault *fault)
{
	const struct memslot *slot;
	bool may_write;
	int r;

	/* Pairs with memory_seq_bump(): a new seq comes with the new slots and hole. */
	fault->seq = smp_load_acquire(&mem->notifier_seq);

	slot = memory_slot(mem, fault->gfn);
	if (fault->gfn == READ_ONCE(mem->hole_gfn))
		return fault_hole(mem, fault);
	if (!slot)
		return MEMORY_MMIO;
	may_write = !(slot->flags & KVM_MEM_READONLY);
	if (fault->write && !may_write)
		return MEMORY_MMIO;

	fault->hva = memslot_hva(slot, fault->gfn << PAGE_SHIFT);
	r = get_host_page(fault, may_write);
	if (r)
		return r;
	r = fault_commit(mem, slot, fault);
	put_page(fault->page);
	if (r > 0) {
		r = pagetable_spares(&fault->spares, r);
		return r ?: -EAGAIN;
	}
	return r;
}

/*
 * Between attempts. Let whoever is invalidating get on; sleep in the end, as a
 * real-time vCPU would keep it from this CPU for ever.
 */
static int fault_pause(unsigned int tries)
{
	if (signal_pending(current))
		return -EINTR;
	if (tries < 8)
		cond_resched();
	else
		usleep_range(20, 100);
	return 0;
}

int memory_fault(struct memory *mem, u64 gpa, u32 access)
{
	struct fault fault = {
		.gfn = gpa >> PAGE_SHIFT,
		.write = access & MEMORY_WRITE,
	};
	unsigned int tries = 0;
	int r;

	might_sleep();
	if (WARN_ON_ONCE(current->mm != mem->mm))
		return -EFAULT;

	for (;;) {
		r = fault_once(mem, &fault);
		if (r != -EAGAIN)
			break;
		r = fault_pause(tries++);
		if (r)
			break;
	}
	pagetable_free_spares(&fault.spares);
	return r;
}

int memory_prefault(struct memory *mem, u64 *gpa, u64 *size)
{
	u64 all = *size;
	int r = 0;

	while (*size) {
		int srcu = srcu_read_lock(&mem->srcu);

		r = signal_pending(current) ? -EINTR : memory_fault(mem, *gpa, 0);
		srcu_read_unlock(&mem->srcu, srcu);
		if (r != MEMORY_MAPPED)
			break;
		*gpa += PAGE_SIZE;
		*size -= PAGE_SIZE;
		cond_resched();
	}
	if (*size != all)
		return 0;
	return r == MEMORY_MMIO ? -ENOENT : r;
}

/* --- the notifier -------------------------------------------------------------- */

static struct memory *notifier_memory(struct mmu_notifier *notifier)
{
	return container_of(notifier, struct memory, notifier);
}

/* The current slots. Context: pt_lock held, under which alone they change. */
static const struct memslots *locked_slots(struct memory *mem)
{
	return rcu_dereference_protected(mem->slots, lockdep_is_held(&mem->pt_lock));
}

/* Frames of @slot whose user addresses lie in @start to @end; false: none. */
static bool slot_frames(const struct memslot *slot, unsigned long start,
			unsigned long end, u64 *gfn, u64 *gfn_end)
{
	unsigned long slot_end = slot->hva + (slot->npages << PAGE_SHIFT);

	start = max(start, slot->hva);
	end = min(end, slot_end);
	if (start >= end)
		return false;
	*gfn = slot->gfn + ((start - slot->hva) >> PAGE_SHIFT);
	*gfn_end = slot->gfn + ((end - slot->hva + PAGE_SIZE - 1) >> PAGE_SHIFT);
	return true;
}

static int invalidate_start(struct mmu_notifier *notifier,
			    const struct mmu_notifier_range *range)
{
	struct memory *mem = notifier_memory(notifier);
	const struct memslots *slots;
	struct pt_zap zap = {
		.settle = true,
		.may_sleep = mmu_notifier_range_blockable(range),
	};
	u64 gfn, end;
	u32 i;

	pagetable_begin(mem, &zap);
	if (mem->notifier_count++) {
		mem->notifier_start = min(mem->notifier_start, range->start);
		mem->notifier_end = max(mem->notifier_end, range->end);
	} else {
		mem->notifier_start = range->start;
		mem->notifier_end = range->end;
	}
	slots = locked_slots(mem);
	for (i = 0; i < slots->n; i++) {
		if (slot_frames(&slots->slot[i], range->start, range->end, &gfn, &end))
			pagetable_zap(mem, gfn, end, &zap);
	}
	pagetable_done(mem, &zap);
	return 0;
}

/*
 * The seq moves before the count says that it is over, in one section of the
 * lock: a fault that got its page during the invalidation finds one or other.
 */
static void invalidate_end(struct mmu_notifier *notifier,
			   const struct mmu_notifier_range *range)
{
	struct memory *mem = notifier_memory(notifier);

	spin_lock(&mem->pt_lock);
	memory_seq_bump(mem);
	WARN_ON_ONCE(--mem->notifier_count < 0);
	spin_unlock(&mem->pt_lock);
}

/*
 * As the host does for its own accessed bits on x86, no flush for them: a page
 * that is used through a TLB entry alone looks old for a while. Entries that had
 * to be taken away because there is no such bit are flushed by pagetable_done().
 * Called with the lock of a host page table held: nothing here sleeps.
 */
static bool age_range(struct mmu_notifier *notifier, unsigned long start,
		      unsigned long end, bool clear)
{
	struct memory *mem = notifier_memory(notifier);
	const struct memslots *slots;
	struct pt_zap zap = {};
	bool young = false;
	u64 gfn, gfn_end;
	u32 i;

	pagetable_begin(mem, &zap);
	slots = locked_slots(mem);
	for (i = 0; i < slots->n; i++) {
		if (slot_frames(&slots->slot[i], start, end, &gfn, &gfn_end))
			young |= pagetable_age(mem, gfn, gfn_end, clear);
	}
	pagetable_done(mem, &zap);
	return young;
}

static mm_young_t clear_young(struct mmu_notifier *notifier, struct mm_struct *mm,
			      unsigned long start, unsigned long end)
{
	return age_range(notifier, start, end, true);
}

static mm_young_t test_young(struct mmu_notifier *notifier, struct mm_struct *mm,
			     unsigned long address)
{
	return age_range(notifier, address, address + PAGE_SIZE, false);
}

/* The mm exits, or the notifier is unregistered: all its pages go. */
static void release(struct mmu_notifier *notifier, struct mm_struct *mm)
{
	struct memory *mem = notifier_memory(notifier);
	struct pt_zap zap = { .settle = true, .may_sleep = true };

	pagetable_begin(mem, &zap);
	memory_seq_bump(mem);
	pagetable_zap(mem, 0, U64_MAX, &zap);
	pagetable_done(mem, &zap);
}

/*
 * No change_pte: where kernels have it, they call it between start and end of an
 * invalidation, which took the entry away already.
 */
const struct mmu_notifier_ops memory_notifier_ops = {
	.release = release,
	.clear_flush_young = clear_young,
	.clear_young = clear_young,
	.test_young = test_young,
	.invalidate_range_start = invalidate_start,
	.invalidate_range_end = invalidate_end,
};
