// SPDX-License-Identifier: GPL-2.0-only
/* KUnit: second-level page tables, faults and the MMU notifier. */

#include <kunit/test.h>
#include <linux/file.h>
#include <linux/highmem.h>
#include <linux/huge_mm.h>
#include <linux/kthread.h>
#include <linux/mman.h>
#include <linux/sched/signal.h>
#include <linux/shmem_fs.h>
#include <linux/uaccess.h>
#include <linux/workqueue.h>

#include "memory_kunit.h"
#include "pagetable.h"

/* SDM 3C "EPT Translation Mechanism", without accessed and dirty flags. */
static const struct pt_format format_ept = {
	.table = 7,
	.leaf = BIT_ULL(0) | BIT_ULL(2) | (6 << 3),
	.present = BIT_ULL(0),
	.write = BIT_ULL(1),
	.huge = BIT_ULL(7),
	.levels = 5,
	.max_leaf = 2,
};

/* --- scaffolding ---------------------------------------------------------------- */

/* Does @gfn map the page that is at @hva now? */
static bool maps_page_at(struct memory *mem, u64 gfn, unsigned long hva)
{
	struct page *page;
	int level;
	u64 entry = walk(mem, gfn, &level), pfn;

	if (!entry || get_user_pages_fast(hva, 1, 0, &page) != 1)
		return false;
	pfn = page_to_pfn(page);
	put_page(page);
	return (__sme_clr(entry & PT_ADDR) >> PAGE_SHIFT) +
	       (gfn & (pt_pages(level) - 1)) == pfn;
}

static void expect_empty(struct kunit *test, const struct memory *mem)
{
	KUNIT_EXPECT_EQ(test, mem->pages_4k, 0ULL);
	KUNIT_EXPECT_EQ(test, mem->pages_2m, 0ULL);
	KUNIT_EXPECT_EQ(test, mem->pages_1g, 0ULL);
	KUNIT_EXPECT_EQ(test, mem->zapped, mem->flushed);
}

/* --- faults --------------------------------------------------------------------- */

static void fault_read_then_write(struct kunit *test)
{
	struct memory *mem = new_memory(test, &format_4);
	unsigned long hva = map_user(test, SZ_64K, PROT_READ | PROT_WRITE);

	KUNIT_ASSERT_EQ(test, set_slot(mem, 0, RAM_GPA, SZ_64K, hva), 0);
	/* The zero page: read-only. */
	KUNIT_EXPECT_EQ(test, do_fault(mem, RAM_GPA + 123, 0), MEMORY_MAPPED);
	KUNIT_EXPECT_EQ(test, leaf_level(mem, RAM_GFN), 1);
	KUNIT_EXPECT_FALSE(test, leaf_writable(mem, RAM_GFN));
	KUNIT_EXPECT_TRUE(test, maps_page_at(mem, RAM_GFN, hva));
	KUNIT_EXPECT_EQ(test, mem->pages_4k, 1ULL);
	KUNIT_EXPECT_EQ(test, mem->table_pages, 4ULL);

	/* A write gets a page of its own, and the notifier took the first. */
	KUNIT_EXPECT_EQ(test, do_fault(mem, RAM_GPA, MEMORY_WRITE), MEMORY_MAPPED);
	KUNIT_EXPECT_TRUE(test, leaf_writable(mem, RAM_GFN));
	KUNIT_EXPECT_TRUE(test, maps_page_at(mem, RAM_GFN, hva));
	KUNIT_EXPECT_EQ(test, mem->pages_4k, 1ULL);
	KUNIT_EXPECT_GT(test, mem->flushes, 0ULL);

	/* Mapped already; and a read of what the host may write is writable. */
	KUNIT_EXPECT_EQ(test, do_fault(mem, RAM_GPA, MEMORY_EXEC), MEMORY_MAPPED);
	fill(hva + SZ_8K, PAGE_SIZE, 1);
	KUNIT_EXPECT_EQ(test, do_fault(mem, RAM_GPA + SZ_8K, 0), MEMORY_MAPPED);
	KUNIT_EXPECT_TRUE(test, leaf_writable(mem, RAM_GFN + 2));
	KUNIT_EXPECT_EQ(test, mem->pages_4k, 2ULL);
	KUNIT_EXPECT_EQ(test, mem->table_pages, 4ULL);
}

static void fault_mmio(struct kunit *test)
{
	struct memory *mem = new_memory(test, &format_4);
	unsigned long hva = map_user(test, SZ_64K, PROT_READ | PROT_WRITE);

	KUNIT_EXPECT_EQ(test, do_fault(mem, RAM_GPA, 0), MEMORY_MMIO);
	KUNIT_ASSERT_EQ(test, set_slot(mem, 0, RAM_GPA, SZ_64K, hva), 0);
	KUNIT_ASSERT_EQ(test, set_readonly_slot(mem, 1, 0, SZ_64K, hva), 0);
	KUNIT_EXPECT_EQ(test, do_fault(mem, RAM_GPA - 1, 0), MEMORY_MMIO);
	KUNIT_EXPECT_EQ(test, do_fault(mem, RAM_GPA + SZ_64K, MEMORY_WRITE), MEMORY_MMIO);
	KUNIT_EXPECT_EQ(test, do_fault(mem, U64_MAX, 0), MEMORY_MMIO);

	/* A read-only slot: never writable, whatever the host allows. */
	fill(hva, SZ_64K, 1);
	KUNIT_EXPECT_EQ(test, do_fault(mem, 0, MEMORY_WRITE), MEMORY_MMIO);
	KUNIT_EXPECT_EQ(test, leaf_level(mem, 0), 0);
	KUNIT_EXPECT_EQ(test, do_fault(mem, 0, 0), MEMORY_MAPPED);
	KUNIT_EXPECT_FALSE(test, leaf_writable(mem, 0));
	KUNIT_EXPECT_EQ(test, do_fault(mem, 0, MEMORY_WRITE), MEMORY_MMIO);

	/* The hole. */
	KUNIT_EXPECT_EQ(test, do_fault(mem, RAM_GPA + SZ_4K, 0), MEMORY_MAPPED);
	memory_set_hole(mem, RAM_GFN + 1);
	KUNIT_EXPECT_EQ(test, leaf_level(mem, RAM_GFN + 1), 0);
	KUNIT_EXPECT_EQ(test, do_fault(mem, RAM_GPA + SZ_4K, 0), MEMORY_MMIO);
	KUNIT_EXPECT_EQ(test, do_fault(mem, RAM_GPA + SZ_8K, 0), MEMORY_MAPPED);
	memory_set_hole(mem, MEMORY_NO_HOLE);
	KUNIT_EXPECT_EQ(test, do_fault(mem, RAM_GPA + SZ_4K, 0), MEMORY_MAPPED);
}

static void fault_not_there(struct kunit *test)
{
	struct memory *mem = new_memory(test, &format_4);
	unsigned long hva = map_user(test, SZ_64K, PROT_READ);

	KUNIT_ASSERT_EQ(test, set_slot(mem, 0, RAM_GPA, SZ_64K, hva), 0);
	/* The slot may be written, the user mapping may not. */
	KUNIT_EXPECT_EQ(test, do_fault(mem, RAM_GPA, MEMORY_WRITE), -EFAULT);
	KUNIT_EXPECT_EQ(test, do_fault(mem, RAM_GPA, 0), MEMORY_MAPPED);
	KUNIT_EXPECT_FALSE(test, leaf_writable(mem, RAM_GFN));
	KUNIT_EXPECT_EQ(test, do_fault(mem, RAM_GPA, MEMORY_WRITE), -EFAULT);

	KUNIT_ASSERT_EQ(test, vm_munmap(hva, SZ_64K), 0);
	KUNIT_EXPECT_EQ(test, do_fault(mem, RAM_GPA, 0), -EFAULT);
	KUNIT_EXPECT_EQ(test, do_fault(mem, RAM_GPA, MEMORY_WRITE), -EFAULT);
	expect_empty(test, mem);
}

/* A signal ends a fault that can't go on: here, an invalidation that doesn't end. */
static void fault_signal(struct kunit *test)
{
	struct memory *mem = new_memory(test, &format_4);
	unsigned long hva = map_user(test, SZ_64K, PROT_READ | PROT_WRITE);
	const struct mmu_notifier_ops *ops = mem->notifier.ops;
	struct mmu_notifier_range range = { .start = hva, .end = hva + SZ_4K };

	KUNIT_ASSERT_EQ(test, set_slot(mem, 0, RAM_GPA, SZ_64K, hva), 0);
	KUNIT_ASSERT_EQ(test, ops->invalidate_range_start(&mem->notifier, &range), 0);
	allow_signal(SIGUSR1);
	send_sig(SIGUSR1, current, 1);
	KUNIT_EXPECT_EQ(test, do_fault(mem, RAM_GPA, MEMORY_WRITE), -EINTR);
	KUNIT_EXPECT_EQ(test, leaf_level(mem, RAM_GFN), 0);
	ops->invalidate_range_end(&mem->notifier, &range);

	/* Nor does it go on while somebody's flush is outstanding. */
	spin_lock(&mem->pt_lock);
	mem->zapped++;
	spin_unlock(&mem->pt_lock);
	KUNIT_EXPECT_EQ(test, do_fault(mem, RAM_GPA, MEMORY_WRITE), -EINTR);
	spin_lock(&mem->pt_lock);
	mem->flushed = mem->zapped;
	spin_unlock(&mem->pt_lock);

	flush_signals(current);
	disallow_signal(SIGUSR1);
	KUNIT_EXPECT_EQ(test, do_fault(mem, RAM_GPA, MEMORY_WRITE), MEMORY_MAPPED);
}

/* --- the host takes pages back --------------------------------------------------- */

static void host_unmaps(struct kunit *test)
{
	struct memory *mem = new_memory(test, &format_4);
	unsigned long hva = map_user(test, SZ_64K, PROT_READ | PROT_WRITE);
	u64 flushes;
	int i;

	KUNIT_ASSERT_EQ(test, set_slot(mem, 0, RAM_GPA, SZ_64K, hva), 0);
	for (i = 0; i < 16; i++)
		KUNIT_EXPECT_EQ(test, do_fault(mem, RAM_GPA + i * SZ_4K, MEMORY_WRITE),
				MEMORY_MAPPED);
	KUNIT_EXPECT_EQ(test, mem->pages_4k, 16ULL);

	flushes = mem->flushes;
	KUNIT_ASSERT_EQ(test, vm_munmap(hva + 4 * SZ_4K, 2 * SZ_4K), 0);
	KUNIT_EXPECT_GT(test, mem->flushes, flushes);
	KUNIT_EXPECT_EQ(test, mem->pages_4k, 14ULL);
	for (i = 0; i < 16; i++)
		KUNIT_EXPECT_EQ(test, leaf_level(mem, RAM_GFN + i), i != 4 && i != 5);
	KUNIT_EXPECT_EQ(test, do_fault(mem, RAM_GPA + 4 * SZ_4K, 0), -EFAULT);

	/* Something else comes to that place. */
	KUNIT_ASSERT_EQ(test, vm_mmap(NULL, hva + 4 * SZ_4K, SZ_8K, PROT_READ | PROT_WRITE,
				      MAP_ANONYMOUS | MAP_PRIVATE | MAP_FIXED, 0),
			hva + 4 * SZ_4K);
	fill(hva + 4 * SZ_4K, SZ_8K, 7);
	KUNIT_EXPECT_EQ(test, do_fault(mem, RAM_GPA + 4 * SZ_4K, 0), MEMORY_MAPPED);
	KUNIT_EXPECT_TRUE(test, maps_page_at(mem, RAM_GFN + 4, hva + 4 * SZ_4K));

	/* An unmapping elsewhere costs no flush. */
	flushes = mem->flushes;
	KUNIT_ASSERT_EQ(test, vm_munmap(map_user(test, SZ_64K, PROT_READ), SZ_64K), 0);
	KUNIT_EXPECT_EQ(test, mem->flushes, flushes);
}

/* Private mapping of a file: read-only to the guest until either side writes. */
static void host_copies_on_write(struct kunit *test)
{
	struct memory *mem = new_memory(test, &format_4);
	struct file *file = shmem_file_setup("vintc", SZ_64K, 0);
	unsigned long hva;

	KUNIT_ASSERT_FALSE(test, IS_ERR(file));
	hva = vm_mmap(file, 0, SZ_64K, PROT_READ | PROT_WRITE, MAP_PRIVATE, 0);
	fput(file);
	KUNIT_ASSERT_FALSE(test, IS_ERR_VALUE(hva));
	KUNIT_ASSERT_EQ(test, set_slot(mem, 0, RAM_GPA, SZ_64K, hva), 0);

	KUNIT_EXPECT_EQ(test, do_fault(mem, RAM_GPA, 0), MEMORY_MAPPED);
	KUNIT_EXPECT_FALSE(test, leaf_writable(mem, RAM_GFN));
	KUNIT_EXPECT_TRUE(test, maps_page_at(mem, RAM_GFN, hva));
	/* The host writes: the guest must not go on reading the file's page. */
	fill(hva, PAGE_SIZE, 3);
	KUNIT_EXPECT_EQ(test, leaf_level(mem, RAM_GFN), 0);
	KUNIT_EXPECT_EQ(test, do_fault(mem, RAM_GPA, 0), MEMORY_MAPPED);
	KUNIT_EXPECT_TRUE(test, maps_page_at(mem, RAM_GFN, hva));

	/* The guest writes. */
	KUNIT_EXPECT_EQ(test, do_fault(mem, RAM_GPA + SZ_4K, 0), MEMORY_MAPPED);
	KUNIT_EXPECT_FALSE(test, leaf_writable(mem, RAM_GFN + 1));
	KUNIT_EXPECT_EQ(test, do_fault(mem, RAM_GPA + SZ_4K, MEMORY_WRITE), MEMORY_MAPPED);
	KUNIT_EXPECT_TRUE(test, leaf_writable(mem, RAM_GFN + 1));
	KUNIT_EXPECT_TRUE(test, maps_page_at(mem, RAM_GFN + 1, hva + SZ_4K));
}

/* A page that the guest may write must not look clean to reclaim. */
static void guest_writes_dirty(struct kunit *test)
{
	struct memory *mem = new_memory(test, &format_4);
	unsigned long hva = map_user(test, SZ_64K, PROT_READ | PROT_WRITE);
	struct page *page;
	int count;

	KUNIT_ASSERT_EQ(test, set_slot(mem, 0, RAM_GPA, SZ_64K, hva), 0);
	fill(hva, PAGE_SIZE, 1);
	KUNIT_ASSERT_EQ(test, get_user_pages_fast(hva, 1, 0, &page), 1);
	folio_clear_dirty(page_folio(page));
	count = page_count(page);
	KUNIT_EXPECT_EQ(test, do_fault(mem, RAM_GPA, MEMORY_WRITE), MEMORY_MAPPED);
	KUNIT_EXPECT_TRUE(test, folio_test_dirty(page_folio(page)));
	/* A fault leaves no reference behind. */
	KUNIT_EXPECT_EQ(test, page_count(page), count);
	put_page(page);
}

static void mm_goes(struct kunit *test)
{
	struct memory *mem = new_memory(test, &format_4);
	unsigned long hva = map_user(test, SZ_64K, PROT_READ | PROT_WRITE);

	KUNIT_ASSERT_EQ(test, set_slot(mem, 0, RAM_GPA, SZ_64K, hva), 0);
	KUNIT_EXPECT_EQ(test, do_fault(mem, RAM_GPA, MEMORY_WRITE), MEMORY_MAPPED);
	mem->notifier.ops->release(&mem->notifier, mem->mm);
	expect_empty(test, mem);
	KUNIT_EXPECT_EQ(test, mem->table_pages, 1ULL);
	/* And once more when the thread ends, with something mapped. */
	KUNIT_EXPECT_EQ(test, do_fault(mem, RAM_GPA, MEMORY_WRITE), MEMORY_MAPPED);
}

static void young(struct kunit *test)
{
	struct memory *mem = new_memory(test, &format_4);
	unsigned long hva = map_user(test, SZ_64K, PROT_READ | PROT_WRITE);
	const struct mmu_notifier_ops *ops = mem->notifier.ops;
	struct mmu_notifier *n = &mem->notifier;

	KUNIT_ASSERT_EQ(test, set_slot(mem, 0, RAM_GPA, SZ_64K, hva), 0);
	KUNIT_EXPECT_FALSE(test, ops->test_young(n, mem->mm, hva));
	KUNIT_EXPECT_EQ(test, do_fault(mem, RAM_GPA, MEMORY_WRITE), MEMORY_MAPPED);
	KUNIT_EXPECT_TRUE(test, ops->test_young(n, mem->mm, hva));
	KUNIT_EXPECT_FALSE(test, ops->test_young(n, mem->mm, hva + SZ_4K));
	KUNIT_EXPECT_TRUE(test, ops->clear_young(n, mem->mm, hva, hva + SZ_64K));
	KUNIT_EXPECT_FALSE(test, ops->test_young(n, mem->mm, hva));
	KUNIT_EXPECT_FALSE(test, ops->clear_flush_young(n, mem->mm, hva, hva + SZ_64K));
	KUNIT_EXPECT_EQ(test, leaf_level(mem, RAM_GFN), 1);
	KUNIT_EXPECT_TRUE(test, leaf_writable(mem, RAM_GFN));
}

/* No accessed bit, five levels: what is mapped is young, and old when it's gone. */
static void young_without_bit(struct kunit *test)
{
	struct memory *mem = new_memory(test, &format_ept);
	unsigned long hva = map_user(test, SZ_64K, PROT_READ | PROT_WRITE);
	const struct mmu_notifier_ops *ops = mem->notifier.ops;
	struct mmu_notifier *n = &mem->notifier;
	u64 flushes;

	KUNIT_ASSERT_EQ(test, set_slot(mem, 0, RAM_GPA, SZ_64K, hva), 0);
	KUNIT_EXPECT_EQ(test, do_fault(mem, RAM_GPA, MEMORY_WRITE), MEMORY_MAPPED);
	KUNIT_EXPECT_EQ(test, mem->table_pages, 5ULL);
	KUNIT_EXPECT_TRUE(test, ops->test_young(n, mem->mm, hva));
	flushes = mem->flushes;
	KUNIT_EXPECT_TRUE(test, ops->clear_young(n, mem->mm, hva, hva + SZ_4K));
	KUNIT_EXPECT_GT(test, mem->flushes, flushes);
	KUNIT_EXPECT_EQ(test, leaf_level(mem, RAM_GFN), 0);
	KUNIT_EXPECT_FALSE(test, ops->test_young(n, mem->mm, hva));
	KUNIT_EXPECT_EQ(test, do_fault(mem, RAM_GPA, MEMORY_WRITE), MEMORY_MAPPED);
	KUNIT_EXPECT_TRUE(test, ops->test_young(n, mem->mm, hva));
}

/* --- faults against invalidations -------------------------------------------------- */

struct end_later {
	struct delayed_work work;
	struct memory *mem;
	struct mmu_notifier_range range;
	bool ended;
	u64 mapped_before;
};

static void end_now(struct work_struct *work)
{
	struct end_later *later = container_of(work, struct end_later, work.work);
	struct memory *mem = later->mem;

	later->mapped_before = READ_ONCE(mem->pages_4k);
	WRITE_ONCE(later->ended, true);
	mem->notifier.ops->invalidate_range_end(&mem->notifier, &later->range);
}

static void fault_waits_for_invalidation(struct kunit *test)
{
	struct memory *mem = new_memory(test, &format_4);
	unsigned long hva = map_user(test, SZ_64K, PROT_READ | PROT_WRITE);
	const struct mmu_notifier_ops *ops = mem->notifier.ops;
	struct end_later *later = kunit_kzalloc(test, sizeof(*later), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, later);
	later->mem = mem;
	later->range.start = hva + SZ_4K;
	later->range.end = hva + SZ_8K;
	INIT_DELAYED_WORK(&later->work, end_now);
	KUNIT_ASSERT_EQ(test, set_slot(mem, 0, RAM_GPA, SZ_64K, hva), 0);
	fill(hva, SZ_64K, 1);

	KUNIT_ASSERT_EQ(test, ops->invalidate_range_start(&mem->notifier, &later->range), 0);
	schedule_delayed_work(&later->work, msecs_to_jiffies(30));
	/* Its neighbours are none of its business. */
	KUNIT_EXPECT_EQ(test, do_fault(mem, RAM_GPA, MEMORY_WRITE), MEMORY_MAPPED);
	KUNIT_EXPECT_EQ(test, do_fault(mem, RAM_GPA + SZ_8K, MEMORY_WRITE), MEMORY_MAPPED);
	KUNIT_EXPECT_FALSE(test, READ_ONCE(later->ended));
	KUNIT_EXPECT_EQ(test, do_fault(mem, RAM_GPA + SZ_4K, MEMORY_WRITE), MEMORY_MAPPED);
	KUNIT_EXPECT_TRUE(test, READ_ONCE(later->ended));
	flush_delayed_work(&later->work);
	KUNIT_EXPECT_EQ(test, later->mapped_before, 2ULL);
	KUNIT_EXPECT_EQ(test, mem->pages_4k, 3ULL);
	KUNIT_EXPECT_EQ(test, mem->notifier_count, 0L);
}

/* Two at once: what is between them is held back too, and all is let go. */
static void invalidations_nest(struct kunit *test)
{
	struct memory *mem = new_memory(test, &format_4);
	unsigned long hva = map_user(test, SZ_64K, PROT_READ | PROT_WRITE);
	const struct mmu_notifier_ops *ops = mem->notifier.ops;
	struct mmu_notifier_range a = { .start = hva, .end = hva + SZ_4K };
	struct mmu_notifier_range b = { .start = hva + SZ_8K, .end = hva + SZ_16K };
	unsigned long seq = mem->notifier_seq;

	KUNIT_ASSERT_EQ(test, set_slot(mem, 0, RAM_GPA, SZ_64K, hva), 0);
	KUNIT_EXPECT_NE(test, mem->notifier_seq, seq);
	seq = mem->notifier_seq;
	ops->invalidate_range_start(&mem->notifier, &a);
	ops->invalidate_range_start(&mem->notifier, &b);
	KUNIT_EXPECT_EQ(test, mem->notifier_start, a.start);
	KUNIT_EXPECT_EQ(test, mem->notifier_end, b.end);
	KUNIT_EXPECT_EQ(test, mem->notifier_seq, seq);
	ops->invalidate_range_end(&mem->notifier, &a);
	KUNIT_EXPECT_EQ(test, mem->notifier_seq, seq + 1);
	KUNIT_EXPECT_EQ(test, mem->notifier_count, 1L);
	ops->invalidate_range_end(&mem->notifier, &b);
	KUNIT_EXPECT_EQ(test, mem->notifier_count, 0L);
	KUNIT_EXPECT_EQ(test, do_fault(mem, RAM_GPA + SZ_4K, MEMORY_WRITE), MEMORY_MAPPED);
}

/* An invalidation that finds nothing because another hasn't flushed yet. */
static void finds_nothing_but_flushes(struct kunit *test)
{
	struct memory *mem = new_memory(test, &format_4);
	unsigned long hva = map_user(test, SZ_64K, PROT_READ | PROT_WRITE);
	const struct mmu_notifier_ops *ops = mem->notifier.ops;
	struct mmu_notifier_range range = { .start = hva, .end = hva + SZ_4K };
	u64 flushes;

	KUNIT_ASSERT_EQ(test, set_slot(mem, 0, RAM_GPA, SZ_64K, hva), 0);
	flushes = mem->flushes;
	ops->invalidate_range_start(&mem->notifier, &range);
	ops->invalidate_range_end(&mem->notifier, &range);
	KUNIT_EXPECT_EQ(test, mem->flushes, flushes);

	/* Another is between its zap and its flush. */
	spin_lock(&mem->pt_lock);
	mem->zapped++;
	spin_unlock(&mem->pt_lock);
	/* A look at ages doesn't care. */
	ops->test_young(&mem->notifier, mem->mm, hva);
	KUNIT_EXPECT_EQ(test, mem->flushes, flushes);
	ops->invalidate_range_start(&mem->notifier, &range);
	ops->invalidate_range_end(&mem->notifier, &range);
	KUNIT_EXPECT_EQ(test, mem->flushes, flushes + 1);
	KUNIT_EXPECT_EQ(test, mem->zapped, mem->flushed);
}

/* --- large pages ------------------------------------------------------------------ */

static void large_leaf(struct kunit *test)
{
	struct memory *mem = new_memory(test, &format_4);
	unsigned long hva = map_huge(test, SZ_4M);

	KUNIT_ASSERT_EQ(test, set_slot(mem, 0, LARGE_GPA, SZ_4M, hva), 0);
	KUNIT_EXPECT_EQ(test, do_fault(mem, LARGE_GPA + SZ_2M + 5 * SZ_4K, 0), MEMORY_MAPPED);
	KUNIT_EXPECT_EQ(test, mem->pages_2m, 1ULL);
	KUNIT_EXPECT_EQ(test, mem->table_pages, 3ULL);
	KUNIT_EXPECT_EQ(test, leaf_level(mem, LARGE_GFN + 512), 2);
	KUNIT_EXPECT_EQ(test, leaf_level(mem, LARGE_GFN + 1023), 2);
	KUNIT_EXPECT_EQ(test, leaf_level(mem, LARGE_GFN + 511), 0);
	KUNIT_EXPECT_TRUE(test, leaf_writable(mem, LARGE_GFN + 700));
	KUNIT_EXPECT_TRUE(test, maps_page_at(mem, LARGE_GFN + 512, hva + SZ_2M));
	KUNIT_EXPECT_TRUE(test, maps_page_at(mem, LARGE_GFN + 777, hva + 777 * SZ_4K));

	/* One page of it goes. */
	KUNIT_ASSERT_EQ(test, vm_munmap(hva + 600 * SZ_4K, SZ_4K), 0);
	expect_empty(test, mem);
	KUNIT_EXPECT_EQ(test, do_fault(mem, LARGE_GPA + 600 * SZ_4K, 0), -EFAULT);
	KUNIT_EXPECT_EQ(test, do_fault(mem, LARGE_GPA + 601 * SZ_4K, 0), MEMORY_MAPPED);
	KUNIT_EXPECT_EQ(test, leaf_level(mem, LARGE_GFN + 601), 1);
	KUNIT_EXPECT_TRUE(test, maps_page_at(mem, LARGE_GFN + 601, hva + 601 * SZ_4K));
}

/* Where the host has a 2 MiB page and the guest can't have one. */
static void large_leaf_does_not_fit(struct kunit *test)
{
	struct memory *mem = new_memory(test, &format_4);
	unsigned long hva = map_huge(test, SZ_4M);

	/* Frames and user addresses are not congruent. */
	KUNIT_ASSERT_EQ(test, set_slot(mem, 0, LARGE_GPA + SZ_4K, SZ_4M, hva), 0);
	KUNIT_EXPECT_EQ(test, do_fault(mem, LARGE_GPA + SZ_2M, 0), MEMORY_MAPPED);
	KUNIT_EXPECT_EQ(test, leaf_level(mem, LARGE_GFN + 512), 1);
	KUNIT_EXPECT_TRUE(test, maps_page_at(mem, LARGE_GFN + 512, hva + SZ_2M - SZ_4K));
	KUNIT_ASSERT_EQ(test, set_slot(mem, 0, 0, 0, 0), 0);

	/* The slot ends, or begins, inside. */
	KUNIT_ASSERT_EQ(test, set_slot(mem, 0, LARGE_GPA, SZ_2M - SZ_4K, hva), 0);
	KUNIT_EXPECT_EQ(test, do_fault(mem, LARGE_GPA, 0), MEMORY_MAPPED);
	KUNIT_EXPECT_EQ(test, leaf_level(mem, LARGE_GFN), 1);
	KUNIT_ASSERT_EQ(test, set_slot(mem, 0, 0, 0, 0), 0);
	KUNIT_ASSERT_EQ(test, set_slot(mem, 0, LARGE_GPA + SZ_4K, SZ_4M - SZ_4K,
				       hva + SZ_4K), 0);
	KUNIT_EXPECT_EQ(test, do_fault(mem, LARGE_GPA + SZ_4K, 0), MEMORY_MAPPED);
	KUNIT_EXPECT_EQ(test, leaf_level(mem, LARGE_GFN + 1), 1);
	KUNIT_EXPECT_EQ(test, do_fault(mem, LARGE_GPA + SZ_2M, 0), MEMORY_MAPPED);
	KUNIT_EXPECT_EQ(test, leaf_level(mem, LARGE_GFN + 512), 2);
	KUNIT_ASSERT_EQ(test, set_slot(mem, 0, 0, 0, 0), 0);
	expect_empty(test, mem);
	KUNIT_EXPECT_EQ(test, mem->table_pages, 1ULL);
}

/* A table gives way to a large leaf and comes back, by way of the hole. */
static void large_leaf_and_hole(struct kunit *test)
{
	struct memory *mem = new_memory(test, &format_4);
	unsigned long hva = map_huge(test, SZ_2M);
	u64 flushes;

	KUNIT_ASSERT_EQ(test, set_slot(mem, 0, LARGE_GPA, SZ_2M, hva), 0);
	memory_set_hole(mem, LARGE_GFN + 3);
	KUNIT_EXPECT_EQ(test, do_fault(mem, LARGE_GPA, MEMORY_WRITE), MEMORY_MAPPED);
	KUNIT_EXPECT_EQ(test, do_fault(mem, LARGE_GPA + SZ_4K, MEMORY_WRITE), MEMORY_MAPPED);
	KUNIT_EXPECT_EQ(test, mem->pages_4k, 2ULL);
	KUNIT_EXPECT_EQ(test, mem->table_pages, 4ULL);

	memory_set_hole(mem, MEMORY_NO_HOLE);
	flushes = mem->flushes;
	KUNIT_EXPECT_EQ(test, do_fault(mem, LARGE_GPA + SZ_16K, MEMORY_WRITE), MEMORY_MAPPED);
	KUNIT_EXPECT_EQ(test, mem->flushes, flushes + 1);
	KUNIT_EXPECT_EQ(test, mem->pages_4k, 0ULL);
	KUNIT_EXPECT_EQ(test, mem->pages_2m, 1ULL);
	KUNIT_EXPECT_EQ(test, mem->table_pages, 3ULL);

	memory_set_hole(mem, LARGE_GFN + 511);
	expect_empty(test, mem);
	KUNIT_EXPECT_EQ(test, do_fault(mem, LARGE_GPA + 511 * SZ_4K, 0), MEMORY_MMIO);
	KUNIT_EXPECT_EQ(test, do_fault(mem, LARGE_GPA + 510 * SZ_4K, 0), MEMORY_MAPPED);
	KUNIT_EXPECT_EQ(test, leaf_level(mem, LARGE_GFN + 510), 1);
	/* Just beyond: harmless. */
	memory_set_hole(mem, LARGE_GFN + 512);
	KUNIT_EXPECT_EQ(test, do_fault(mem, LARGE_GPA, 0), MEMORY_MAPPED);
	KUNIT_EXPECT_EQ(test, leaf_level(mem, LARGE_GFN), 2);
	memory_set_hole(mem, LARGE_GFN - 1);
	KUNIT_EXPECT_EQ(test, leaf_level(mem, LARGE_GFN), 2);
}

/* --- slots that go ---------------------------------------------------------------- */

static void move_and_delete(struct kunit *test)
{
	struct memory *mem = new_memory(test, &format_4);
	unsigned long hva = map_user(test, SZ_4M, PROT_READ | PROT_WRITE);
	u64 gpa;

	KUNIT_ASSERT_EQ(test, set_slot(mem, 0, RAM_GPA, SZ_4M, hva), 0);
	for (gpa = RAM_GPA; gpa < RAM_GPA + SZ_4M; gpa += SZ_64K)
		KUNIT_ASSERT_EQ(test, do_fault(mem, gpa, MEMORY_WRITE), MEMORY_MAPPED);
	KUNIT_EXPECT_GT(test, mem->pages_4k + mem->pages_2m, 0ULL);

	KUNIT_ASSERT_EQ(test, set_slot(mem, 0, RAM_GPA + SZ_2M, SZ_4M, hva), 0);
	expect_empty(test, mem);
	KUNIT_EXPECT_EQ(test, mem->table_pages, 1ULL);
	KUNIT_EXPECT_EQ(test, do_fault(mem, RAM_GPA, 0), MEMORY_MMIO);
	KUNIT_EXPECT_EQ(test, do_fault(mem, RAM_GPA + SZ_2M, 0), MEMORY_MAPPED);
	KUNIT_EXPECT_TRUE(test, maps_page_at(mem, RAM_GFN + 512, hva));

	/* The notifier knows the new place. */
	KUNIT_ASSERT_EQ(test, vm_munmap(hva, SZ_4K), 0);
	KUNIT_EXPECT_EQ(test, leaf_level(mem, RAM_GFN + 512), 0);

	KUNIT_EXPECT_EQ(test, do_fault(mem, RAM_GPA + SZ_4M, 0), MEMORY_MAPPED);
	KUNIT_ASSERT_EQ(test, set_slot(mem, 0, 0, 0, 0), 0);
	expect_empty(test, mem);
	KUNIT_EXPECT_EQ(test, mem->table_pages, 1ULL);
	KUNIT_EXPECT_EQ(test, do_fault(mem, RAM_GPA + SZ_4M, 0), MEMORY_MMIO);
}

/* Two slots share tables; taking one away leaves the other's entries alone. */
static void delete_beside(struct kunit *test)
{
	struct memory *mem = new_memory(test, &format_4);
	unsigned long hva = map_user(test, SZ_64K, PROT_READ | PROT_WRITE);

	KUNIT_ASSERT_EQ(test, set_slot(mem, 0, RAM_GPA, SZ_4K, hva), 0);
	KUNIT_ASSERT_EQ(test, set_slot(mem, 1, RAM_GPA + SZ_4K, SZ_4K, hva + SZ_4K), 0);
	KUNIT_ASSERT_EQ(test, do_fault(mem, RAM_GPA, MEMORY_WRITE), MEMORY_MAPPED);
	KUNIT_ASSERT_EQ(test, do_fault(mem, RAM_GPA + SZ_4K, MEMORY_WRITE), MEMORY_MAPPED);
	KUNIT_ASSERT_EQ(test, set_slot(mem, 0, 0, 0, 0), 0);
	KUNIT_EXPECT_EQ(test, leaf_level(mem, RAM_GFN), 0);
	KUNIT_EXPECT_EQ(test, leaf_level(mem, RAM_GFN + 1), 1);
	KUNIT_EXPECT_EQ(test, mem->table_pages, 4ULL);
	KUNIT_ASSERT_EQ(test, set_slot(mem, 1, 0, 0, 0), 0);
	KUNIT_EXPECT_EQ(test, mem->table_pages, 1ULL);
}

/* A slot that wanders leaves no tables behind. */
static void wandering_slot(struct kunit *test)
{
	struct memory *mem = new_memory(test, &format_4);
	unsigned long hva = map_user(test, SZ_64K, PROT_READ | PROT_WRITE);
	int i;

	for (i = 0; i < 64; i++) {
		u64 gpa = (u64)i * (SZ_1G - SZ_64K);

		KUNIT_ASSERT_EQ(test, set_slot(mem, 0, gpa, SZ_64K, hva), 0);
		KUNIT_ASSERT_EQ(test, do_fault(mem, gpa + SZ_32K, MEMORY_WRITE),
				MEMORY_MAPPED);
		KUNIT_EXPECT_EQ(test, mem->table_pages, 4ULL);
	}
	KUNIT_ASSERT_EQ(test, set_slot(mem, 0, 0, 0, 0), 0);
	KUNIT_EXPECT_EQ(test, mem->table_pages, 1ULL);
}

static struct kunit_case memory_cases[] = {
	KUNIT_CASE(fault_read_then_write),
	KUNIT_CASE(fault_mmio),
	KUNIT_CASE(fault_not_there),
	KUNIT_CASE(fault_signal),
	KUNIT_CASE(host_unmaps),
	KUNIT_CASE(host_copies_on_write),
	KUNIT_CASE(guest_writes_dirty),
	KUNIT_CASE(mm_goes),
	KUNIT_CASE(young),
	KUNIT_CASE(young_without_bit),
	KUNIT_CASE(fault_waits_for_invalidation),
	KUNIT_CASE(invalidations_nest),
	KUNIT_CASE(finds_nothing_but_flushes),
	KUNIT_CASE(large_leaf),
	KUNIT_CASE(large_leaf_does_not_fit),
	KUNIT_CASE(large_leaf_and_hole),
	KUNIT_CASE(move_and_delete),
	KUNIT_CASE(delete_beside),
	KUNIT_CASE(wandering_slot),
	{}
};

static struct kunit_suite memory_suite = {
	.name = "vintc_memory",
	.test_cases = memory_cases,
};

kunit_test_suites(&memory_suite);
