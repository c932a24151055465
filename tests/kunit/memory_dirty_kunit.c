// SPDX-License-Identifier: GPL-2.0-only
/* KUnit: the log of pages that the guest has written. */

#include <linux/sizes.h>

#include "dirty.h"
#include "memory_kunit.h"

#define PAGES 100ULL /* ends within a word */

/* Slot 0, its user memory, and a page for the arguments of ioctls. */
struct log_test {
	struct memory *mem;
	unsigned long hva, arg;
	u64 size;
};

static int set_flags(struct log_test *log, u32 flags)
{
	struct kvm_userspace_memory_region2 region = {
		.flags = flags,
		.guest_phys_addr = LARGE_GPA,
		.memory_size = log->size,
		.userspace_addr = log->hva,
	};

	return memory_set_region(log->mem, &region);
}

static void log_init(struct kunit *test, struct log_test *log, unsigned long hva, u64 size)
{
	log->mem = new_memory(test, &format_4);
	log->hva = hva ?: map_user(test, size, PROT_READ | PROT_WRITE);
	log->size = size;
	log->arg = map_user(test, PAGE_SIZE, PROT_READ | PROT_WRITE);
	KUNIT_ASSERT_EQ(test, set_flags(log, 0), 0);
	fill(log->hva, size, 1);
}

/* The bitmap lies in the page of arguments, too. */
static void __user *user_bits(struct log_test *log)
{
	return (void __user *)(log->arg + SZ_2K);
}

static long get_to(struct log_test *log, u32 slot, void __user *bitmap)
{
	struct kvm_dirty_log get = { .slot = slot, .padding2 = (unsigned long)bitmap };
	void __user *arg = (void __user *)log->arg;

	WARN_ON_ONCE(copy_to_user(arg, &get, sizeof(get)));
	return dirty_ioctl(log->mem, KVM_GET_DIRTY_LOG, arg);
}

static long clear_args(struct log_test *log, const struct kvm_clear_dirty_log *clear)
{
	void __user *arg = (void __user *)log->arg;

	WARN_ON_ONCE(copy_to_user(arg, clear, sizeof(*clear)));
	return dirty_ioctl(log->mem, KVM_CLEAR_DIRTY_LOG, arg);
}

/* Clear the pages of @word's bits, from word @n on. */
static long clear_word(struct log_test *log, u64 n, u64 word)
{
	struct kvm_clear_dirty_log clear = {
		.first_page = n * 64,
		.num_pages = min(64ULL, (log->size >> PAGE_SHIFT) - n * 64),
		.padding2 = (unsigned long)user_bits(log),
	};

	WARN_ON_ONCE(put_user(word, (u64 __user *)user_bits(log)));
	return clear_args(log, &clear);
}

/* Word @n of the log of slot 0. */
static u64 log_word(struct log_test *log, u32 n)
{
	u64 word = 0;

	WARN_ON_ONCE(get_to(log, 0, user_bits(log)));
	WARN_ON_ONCE(get_user(word, (u64 __user *)user_bits(log) + n));
	return word;
}

static void write_page(struct kunit *test, struct log_test *log, u64 page)
{
	KUNIT_EXPECT_EQ(test, do_fault(log->mem, LARGE_GPA + (page << PAGE_SHIFT),
				       MEMORY_WRITE), MEMORY_MAPPED);
	KUNIT_EXPECT_TRUE(test, leaf_writable(log->mem, LARGE_GFN + page));
}

static void read_page(struct kunit *test, struct log_test *log, u64 page)
{
	KUNIT_EXPECT_EQ(test, do_fault(log->mem, LARGE_GPA + (page << PAGE_SHIFT), 0),
			MEMORY_MAPPED);
}

/* Writable entries have their bit, and lose both together, with a flush. */
static void log_of_faults(struct kunit *test)
{
	struct log_test log;
	struct memory *mem;
	u64 flushes;
	u64 page;

	log_init(test, &log, 0, PAGES * SZ_4K);
	mem = log.mem;
	for (page = 0; page < PAGES; page++)
		write_page(test, &log, page);
	flushes = mem->flushes;
	KUNIT_ASSERT_EQ(test, set_flags(&log, KVM_MEM_LOG_DIRTY_PAGES), 0);
	KUNIT_EXPECT_EQ(test, mem->flushes, flushes + 1);
	KUNIT_EXPECT_EQ(test, mem->pages_4k, PAGES);
	for (page = 0; page < PAGES; page++)
		KUNIT_EXPECT_FALSE(test, leaf_writable(mem, LARGE_GFN + page));
	KUNIT_EXPECT_EQ(test, log_word(&log, 0), 0ULL);
	KUNIT_EXPECT_EQ(test, mem->flushes, flushes + 1);

	read_page(test, &log, 3);
	KUNIT_EXPECT_FALSE(test, leaf_writable(mem, LARGE_GFN + 3));
	write_page(test, &log, 5);
	write_page(test, &log, 63);
	KUNIT_EXPECT_EQ(test, mem->flushes, flushes + 1);
	KUNIT_EXPECT_EQ(test, log_word(&log, 0), BIT_ULL(5) | BIT_ULL(63));
	KUNIT_EXPECT_EQ(test, mem->flushes, flushes + 2);
	KUNIT_EXPECT_FALSE(test, leaf_writable(mem, LARGE_GFN + 5));
	KUNIT_EXPECT_FALSE(test, leaf_writable(mem, LARGE_GFN + 63));
	KUNIT_EXPECT_EQ(test, log_word(&log, 0), 0ULL);
	KUNIT_EXPECT_EQ(test, mem->flushes, flushes + 2);

	write_page(test, &log, PAGES - 1);
	KUNIT_EXPECT_EQ(test, log_word(&log, 1), BIT_ULL(PAGES - 1 - 64));

	/* What the host took away is mapped anew by the same rule. */
	KUNIT_EXPECT_EQ(test, vm_munmap(log.hva + SZ_4K, SZ_4K), 0);
	KUNIT_EXPECT_EQ(test, vm_mmap(NULL, log.hva + SZ_4K, SZ_4K, PROT_READ | PROT_WRITE,
				      MAP_ANONYMOUS | MAP_PRIVATE | MAP_FIXED, 0),
			log.hva + SZ_4K);
	fill(log.hva + SZ_4K, SZ_4K, 1);
	read_page(test, &log, 1);
	KUNIT_EXPECT_FALSE(test, leaf_writable(mem, LARGE_GFN + 1));
	KUNIT_EXPECT_EQ(test, log_word(&log, 0), 0ULL);
	write_page(test, &log, 1);
	KUNIT_EXPECT_EQ(test, log_word(&log, 0), BIT_ULL(1));

	KUNIT_ASSERT_EQ(test, set_flags(&log, 0), 0);
	KUNIT_EXPECT_EQ(test, get_to(&log, 0, user_bits(&log)), -ENOENT);
	read_page(test, &log, 3);
	KUNIT_EXPECT_TRUE(test, leaf_writable(mem, LARGE_GFN + 3));
}

static void log_of_kernel_writes(struct kunit *test)
{
	struct log_test log;
	u8 buf[8] = {};
	int index;

	log_init(test, &log, 0, PAGES * SZ_4K);
	KUNIT_ASSERT_EQ(test, set_flags(&log, KVM_MEM_LOG_DIRTY_PAGES), 0);
	index = srcu_read_lock(&log.mem->srcu);
	KUNIT_EXPECT_EQ(test, memory_write(log.mem, LARGE_GPA + 7 * SZ_4K, buf, 1), 0);
	KUNIT_EXPECT_EQ(test, memory_write(log.mem, LARGE_GPA + 20 * SZ_4K - 3, buf, 8), 0);
	KUNIT_EXPECT_EQ(test, memory_read(log.mem, LARGE_GPA + 30 * SZ_4K - 3, buf, 8), 0);
	KUNIT_EXPECT_EQ(test, memory_read_atomic(log.mem, LARGE_GPA + SZ_4K, buf, 8), 0);
	srcu_read_unlock(&log.mem->srcu, index);
	KUNIT_EXPECT_EQ(test, log_word(&log, 0), BIT_ULL(7) | BIT_ULL(19) | BIT_ULL(20));

	/* Half of it may be there: the page before the end. */
	index = srcu_read_lock(&log.mem->srcu);
	KUNIT_EXPECT_EQ(test, memory_write(log.mem, LARGE_GPA + PAGES * SZ_4K - 4, buf, 8),
			-EFAULT);
	srcu_read_unlock(&log.mem->srcu, index);
	KUNIT_EXPECT_EQ(test, log_word(&log, 1), BIT_ULL(PAGES - 1 - 64));
}

/* Bits stay until they are cleared, and so do the entries. */
static void log_by_hand(struct kunit *test)
{
	struct log_test log;
	struct memory *mem;

	log_init(test, &log, 0, PAGES * SZ_4K);
	mem = log.mem;
	KUNIT_ASSERT_EQ(test, dirty_set_manual(mem, KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE), 0);
	KUNIT_ASSERT_EQ(test, set_flags(&log, KVM_MEM_LOG_DIRTY_PAGES), 0);
	write_page(test, &log, 64);
	write_page(test, &log, 65);
	KUNIT_EXPECT_EQ(test, log_word(&log, 1), 3ULL);
	KUNIT_EXPECT_EQ(test, log_word(&log, 1), 3ULL);
	KUNIT_EXPECT_TRUE(test, leaf_writable(mem, LARGE_GFN + 64));
	KUNIT_EXPECT_EQ(test, clear_word(&log, 1, 1), 0);
	KUNIT_EXPECT_FALSE(test, leaf_writable(mem, LARGE_GFN + 64));
	KUNIT_EXPECT_TRUE(test, leaf_writable(mem, LARGE_GFN + 65));
	KUNIT_EXPECT_EQ(test, log_word(&log, 1), 2ULL);
	/* Bits that aren't set, or no page's, are not taken. */
	KUNIT_EXPECT_EQ(test, clear_word(&log, 1, ~2ULL), 0);
	KUNIT_EXPECT_TRUE(test, leaf_writable(mem, LARGE_GFN + 65));
	KUNIT_EXPECT_EQ(test, log_word(&log, 1), 2ULL);

	/* All set at first: what is mapped may stay, and reads map for writing. */
	KUNIT_ASSERT_EQ(test, set_flags(&log, 0), 0);
	write_page(test, &log, 9);
	KUNIT_ASSERT_EQ(test, dirty_set_manual(mem, 3), 0);
	KUNIT_ASSERT_EQ(test, set_flags(&log, KVM_MEM_LOG_DIRTY_PAGES), 0);
	KUNIT_EXPECT_TRUE(test, leaf_writable(mem, LARGE_GFN + 9));
	read_page(test, &log, 10);
	KUNIT_EXPECT_TRUE(test, leaf_writable(mem, LARGE_GFN + 10));
	KUNIT_EXPECT_EQ(test, log_word(&log, 0), ~0ULL);
	KUNIT_EXPECT_EQ(test, log_word(&log, 1), GENMASK_ULL(PAGES - 1 - 64, 0));
	KUNIT_EXPECT_EQ(test, clear_word(&log, 0, BIT_ULL(9) | BIT_ULL(10)), 0);
	KUNIT_EXPECT_FALSE(test, leaf_writable(mem, LARGE_GFN + 9));
	KUNIT_EXPECT_FALSE(test, leaf_writable(mem, LARGE_GFN + 10));
	KUNIT_EXPECT_EQ(test, log_word(&log, 0), ~(BIT_ULL(9) | BIT_ULL(10)));
}

static void log_of_large_pages(struct kunit *test)
{
	unsigned long hva = map_huge(test, SZ_4M);
	struct log_test log;
	struct memory *mem;

	log_init(test, &log, hva, SZ_4M);
	mem = log.mem;
	write_page(test, &log, 0);
	write_page(test, &log, 512);
	KUNIT_ASSERT_EQ(test, mem->pages_2m, 2ULL);

	/* A log that begins empty leaves no large entry, and no small one of others. */
	KUNIT_ASSERT_EQ(test, set_flags(&log, KVM_MEM_LOG_DIRTY_PAGES), 0);
	KUNIT_EXPECT_EQ(test, mem->pages_2m, 0ULL);
	KUNIT_EXPECT_EQ(test, mem->zapped, mem->flushed);
	write_page(test, &log, 5);
	read_page(test, &log, 6);
	KUNIT_EXPECT_EQ(test, leaf_level(mem, LARGE_GFN + 5), 1);
	KUNIT_EXPECT_EQ(test, leaf_level(mem, LARGE_GFN + 6), 1);
	KUNIT_EXPECT_EQ(test, log_word(&log, 0), BIT_ULL(5));

	/* They come back when it ends. */
	KUNIT_ASSERT_EQ(test, set_flags(&log, 0), 0);
	write_page(test, &log, 5);
	write_page(test, &log, 1023);
	KUNIT_EXPECT_EQ(test, mem->pages_2m, 2ULL);
	KUNIT_EXPECT_EQ(test, mem->pages_4k, 0ULL);

	/* One that begins full takes them as its bits are cleared. */
	KUNIT_ASSERT_EQ(test, dirty_set_manual(mem, 3), 0);
	KUNIT_ASSERT_EQ(test, set_flags(&log, KVM_MEM_LOG_DIRTY_PAGES), 0);
	KUNIT_EXPECT_EQ(test, mem->pages_2m, 2ULL);
	KUNIT_EXPECT_EQ(test, clear_word(&log, 0, 2), 0);
	KUNIT_EXPECT_EQ(test, mem->pages_2m, 1ULL);
	KUNIT_EXPECT_EQ(test, leaf_level(mem, LARGE_GFN), 0);
	KUNIT_EXPECT_EQ(test, leaf_level(mem, LARGE_GFN + 512), 2);
	KUNIT_EXPECT_EQ(test, log_word(&log, 0), ~2ULL);
	KUNIT_EXPECT_EQ(test, mem->zapped, mem->flushed);
}

/* Bits that user space could not be told of are there the next time. */
static void log_not_told(struct kunit *test)
{
	struct log_test log;
	u64 flushes;

	log_init(test, &log, 0, PAGES * SZ_4K);
	KUNIT_ASSERT_EQ(test, set_flags(&log, KVM_MEM_LOG_DIRTY_PAGES), 0);
	write_page(test, &log, 1);
	write_page(test, &log, 70);
	KUNIT_EXPECT_EQ(test, get_to(&log, 0, NULL), -EFAULT);
	KUNIT_EXPECT_EQ(test, log_word(&log, 0), 2ULL);
	write_page(test, &log, 70);
	KUNIT_EXPECT_EQ(test, get_to(&log, 0, NULL), -EFAULT);
	KUNIT_EXPECT_EQ(test, log_word(&log, 1), BIT_ULL(6));

	/* Another has taken entries away and hasn't flushed: they may still be used. */
	flushes = log.mem->flushes;
	spin_lock(&log.mem->pt_lock);
	log.mem->zapped++;
	spin_unlock(&log.mem->pt_lock);
	KUNIT_EXPECT_EQ(test, log_word(&log, 0), 0ULL);
	KUNIT_EXPECT_EQ(test, log.mem->flushes, flushes + 1);
}

static const struct {
	const char *name;
	struct kvm_clear_dirty_log clear;
	long want;
} clear_cases[] = {
#define CLEAR(id, first, n) { .slot = (id), .first_page = (first), .num_pages = (n) }
	{ "nothing", CLEAR(0, 0, 0), 0 },
	{ "nothing at the end", CLEAR(0, 64, 0), 0 },
	{ "slot number", CLEAR(MEMORY_SLOTS, 0, 0), -EINVAL },
	{ "address space 1", CLEAR(1 << 16, 0, 0), -EINVAL },
	{ "no such slot", CLEAR(1, 0, 64), -ENOENT },
	{ "first page", CLEAR(0, 1, 0), -EINVAL },
	{ "first page, no such slot", CLEAR(1, 32, 64), -EINVAL },
	{ "number of pages", CLEAR(0, 0, 63), -EINVAL },
	{ "number of pages at the end", CLEAR(0, 64, 35), -EINVAL },
	{ "past the end", CLEAR(0, 64, 37), -EINVAL },
	{ "past the end, a word", CLEAR(0, 64, 64), -EINVAL },
	{ "begins past the end", CLEAR(0, 128, 0), -EINVAL },
	{ "wraps", CLEAR(0, -64ULL, 64), -EINVAL },
	{ "too many", CLEAR(0, 0, -64), -EINVAL },
	{ "no bitmap", CLEAR(0, 0, 64), -EFAULT },
	{ "no bitmap for the last", CLEAR(0, 64, 36), -EFAULT },
};

static void log_arguments(struct kunit *test)
{
	static const struct {
		u64 flags;
		int want;
	} caps[] = {
		{ 0, 0 }, { 1, 0 }, { 2, -EINVAL }, { 3, 0 }, { 4, -EINVAL },
		{ 7, -EINVAL }, { 1ULL << 32, -EINVAL }, { 0, 0 },
	};
	struct log_test log;
	int i;

	log_init(test, &log, 0, PAGES * SZ_4K);
	for (i = 0; i < ARRAY_SIZE(caps); i++)
		KUNIT_EXPECT_EQ_MSG(test, dirty_set_manual(log.mem, caps[i].flags),
				    caps[i].want, "%llu", caps[i].flags);
	KUNIT_EXPECT_EQ(test, get_to(&log, 0, user_bits(&log)), -ENOENT);
	KUNIT_ASSERT_EQ(test, set_flags(&log, KVM_MEM_LOG_DIRTY_PAGES), 0);
	write_page(test, &log, 64);
	KUNIT_EXPECT_EQ(test, get_to(&log, 1, user_bits(&log)), -ENOENT);
	KUNIT_EXPECT_EQ(test, get_to(&log, MEMORY_SLOTS, user_bits(&log)), -EINVAL);
	KUNIT_EXPECT_EQ(test, get_to(&log, 1 << 16, user_bits(&log)), -EINVAL);
	KUNIT_EXPECT_EQ(test, dirty_ioctl(log.mem, KVM_GET_DIRTY_LOG, NULL), -EFAULT);
	KUNIT_EXPECT_EQ(test, dirty_ioctl(log.mem, KVM_CLEAR_DIRTY_LOG, NULL), -EFAULT);
	for (i = 0; i < ARRAY_SIZE(clear_cases); i++)
		KUNIT_EXPECT_EQ_MSG(test, clear_args(&log, &clear_cases[i].clear),
				    clear_cases[i].want, "%s", clear_cases[i].name);
	KUNIT_EXPECT_TRUE(test, leaf_writable(log.mem, LARGE_GFN + 64));
	KUNIT_EXPECT_EQ(test, log_word(&log, 1), 1ULL);
}

static struct kunit_case log_cases[] = {
	KUNIT_CASE(log_of_faults),
	KUNIT_CASE(log_of_kernel_writes),
	KUNIT_CASE(log_by_hand),
	KUNIT_CASE(log_of_large_pages),
	KUNIT_CASE(log_not_told),
	KUNIT_CASE(log_arguments),
	{}
};

static struct kunit_suite log_suite = {
	.name = "vintc_memory_log",
	.test_cases = log_cases,
};

kunit_test_suites(&log_suite);
