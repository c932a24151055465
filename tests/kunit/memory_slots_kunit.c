// SPDX-License-Identifier: GPL-2.0-only
/* KUnit: memory slots, and access to guest memory through them. */

#include <linux/sizes.h>

#include "memory_kunit.h"

/* --- slots ---------------------------------------------------------------------- */

#define USER 0x10000000ULL /* a user address; nothing needs to be there */
#define TOP (1ULL << 52)

struct region_case {
	const char *name;
	struct kvm_userspace_memory_region2 region;
	int want;
};

#define REGION(id, fl, gpa, size, hva)                                       \
	{ .slot = (id), .flags = (fl), .guest_phys_addr = (gpa),             \
	  .memory_size = (size), .userspace_addr = (hva) }

/* In turn, on one address space; slot 1 is [1M, 2M) from the first line on. */
static const struct region_case region_cases[] = {
	{ "create", REGION(1, 0, SZ_1M, SZ_1M, USER), 0 },
	{ "create again", REGION(1, 0, SZ_1M, SZ_1M, USER), 0 },
	{ "delete one that isn't there", REGION(2, 0, 0, 0, 0), -EINVAL },
	{ "slot number", REGION(MEMORY_SLOTS, 0, 0, SZ_4K, USER), -EINVAL },
	{ "address space 1", REGION(1 << 16, 0, 0, SZ_4K, USER), -EINVAL },
	{ "flag: guest_memfd", REGION(2, BIT(2), 0, SZ_4K, USER), -EINVAL },
	{ "flag: unknown", REGION(2, BIT(31), 0, SZ_4K, USER), -EINVAL },
	{ "gpa unaligned", REGION(2, 0, 0x800, SZ_4K, USER), -EINVAL },
	{ "size unaligned", REGION(2, 0, 0, SZ_4K + 1, USER), -EINVAL },
	{ "hva unaligned", REGION(2, 0, 0, SZ_4K, USER + 8), -EINVAL },
	{ "hva unaligned, delete", REGION(1, 0, 0, 0, USER + 8), -EINVAL },
	{ "gpa wraps", REGION(2, 0, -SZ_4K, SZ_8K, USER), -EINVAL },
	{ "gpa too high", REGION(2, 0, TOP, SZ_4K, USER), -EINVAL },
	{ "end too high", REGION(2, 0, TOP - SZ_4K, SZ_8K, USER), -EINVAL },
	{ "beyond 4 levels", REGION(2, 0, 1ULL << 48, SZ_4K, USER), -EINVAL },
	{ "too many pages", REGION(2, 0, 0, (MEMORY_MAX_PAGES + 1) << 12, 0), -EINVAL },
	{ "huge size", REGION(2, 0, 0, -SZ_4K, USER), -EINVAL },
	{ "kernel address", REGION(2, 0, 0, SZ_4K, 0xffff888000000000), -EINVAL },
	{ "not canonical", REGION(2, 0, 0, SZ_4K, 1ULL << 62), -EINVAL },
	{ "runs into the hole", REGION(2, 0, 0, SZ_2M, (1ULL << 56) - SZ_1M), -EINVAL },
	{ "hva wraps", REGION(2, 0, 0, SZ_8K, -SZ_4K), -EINVAL },
	{ "overlaps below", REGION(2, 0, SZ_1M - SZ_4K, SZ_8K, USER), -EEXIST },
	{ "overlaps above", REGION(2, 0, SZ_2M - SZ_4K, SZ_8K, USER), -EEXIST },
	{ "overlaps inside", REGION(2, 0, SZ_1M + SZ_4K, SZ_4K, USER), -EEXIST },
	{ "overlaps around", REGION(2, 0, 0, SZ_4M, USER), -EEXIST },
	{ "neighbour below", REGION(2, 0, 0, SZ_1M, USER), 0 },
	{ "neighbour above", REGION(511, KVM_MEM_READONLY, SZ_2M, SZ_1M, USER), 0 },
	{ "other size", REGION(1, 0, SZ_1M, SZ_4K, USER), -EINVAL },
	{ "other hva", REGION(1, 0, SZ_1M, SZ_1M, USER + SZ_4K), -EINVAL },
	{ "becomes read-only", REGION(1, KVM_MEM_READONLY, SZ_1M, SZ_1M, USER), -EINVAL },
	{ "becomes writable", REGION(511, 0, SZ_2M, SZ_1M, USER), -EINVAL },
	{ "log begins", REGION(1, KVM_MEM_LOG_DIRTY_PAGES, SZ_1M, SZ_1M, USER), 0 },
	{ "log begins again", REGION(1, KVM_MEM_LOG_DIRTY_PAGES, SZ_1M, SZ_1M, USER), 0 },
	{ "log, other size", REGION(1, KVM_MEM_LOG_DIRTY_PAGES, SZ_1M, SZ_4K, USER), -EINVAL },
	{ "log, becomes read-only", REGION(1, 3, SZ_1M, SZ_1M, USER), -EINVAL },
	{ "log of a read-only slot", REGION(511, 3, SZ_2M, SZ_1M, USER), 0 },
	{ "log ends", REGION(1, 0, SZ_1M, SZ_1M, USER), 0 },
	{ "moves onto another", REGION(1, 0, SZ_2M, SZ_1M, USER), -EEXIST },
	{ "moves", REGION(1, 0, SZ_8M, SZ_1M, USER), 0 },
	{ "moves over its own place", REGION(1, 0, SZ_8M + SZ_4K, SZ_1M, USER), 0 },
	{ "its old place is free", REGION(3, 0, SZ_1M, SZ_1M, USER), 0 },
	{ "delete", REGION(1, 0, 0, 0, 0), 0 },
	{ "delete again", REGION(1, 0, 0, 0, 0), -EINVAL },
	{ "another size once deleted", REGION(1, 0, SZ_8M, SZ_4K, USER), 0 },
};

static void regions(struct kunit *test)
{
	struct memory *mem = new_memory(test, &format_4);
	int i;

	for (i = 0; i < ARRAY_SIZE(region_cases); i++)
		KUNIT_EXPECT_EQ_MSG(test, memory_set_region(mem, &region_cases[i].region),
				    region_cases[i].want, "%s", region_cases[i].name);
}

/* Every slot, in an order that is not theirs; each edge is found and no gap. */
static void slot_lookup(struct kunit *test)
{
	struct memory *mem = new_memory(test, &format_4);
	const struct memslot *slot;
	u32 i, index;

	KUNIT_EXPECT_NULL(test, rcu_access_pointer(mem->slots)->n ? mem : NULL);
	for (i = 0; i < MEMORY_SLOTS; i++) {
		u32 id = (i * 77) % MEMORY_SLOTS;

		/* Slot id: id % 3 + 1 pages from frame 4 * id on. */
		KUNIT_ASSERT_EQ(test, set_slot(mem, id, id * SZ_16K, (id % 3 + 1) * SZ_4K,
					       USER + id * SZ_16K), 0);
	}
	KUNIT_EXPECT_EQ(test, set_slot(mem, MEMORY_SLOTS, SZ_1G, SZ_4K, USER), -EINVAL);

	index = srcu_read_lock(&mem->srcu);
	for (i = 0; i < MEMORY_SLOTS * 4 + 4; i++) {
		slot = memory_slot(mem, i);
		if (i / 4 >= MEMORY_SLOTS || i % 4 > i / 4 % 3) {
			KUNIT_EXPECT_NULL(test, slot);
			KUNIT_EXPECT_EQ(test, memory_hva(mem, (u64)i << 12, false), 0UL);
			continue;
		}
		KUNIT_ASSERT_NOT_NULL(test, slot);
		KUNIT_EXPECT_EQ(test, slot->id, i / 4);
		KUNIT_EXPECT_EQ(test, memory_hva(mem, ((u64)i << 12) + 5, true),
				USER + ((u64)i << 12) + 5);
	}
	KUNIT_EXPECT_NULL(test, memory_slot(mem, U64_MAX));
	srcu_read_unlock(&mem->srcu, index);
}

/* --- access ------------------------------------------------------------------------ */

static u8 pattern(u32 offset)
{
	return offset * 37 + (offset >> 8);
}

/* Every length at every place around a page boundary that is one of slots too. */
static void access(struct kunit *test)
{
	struct memory *mem = new_memory(test, &format_4);
	unsigned long hva = map_user(test, SZ_16K, PROT_READ | PROT_WRITE);
	u32 at, len, i;
	u8 buf[48];
	int index;

	/* Two pages, each a slot, the other way round than in user space. */
	KUNIT_ASSERT_EQ(test, set_slot(mem, 0, RAM_GPA, SZ_4K, hva + SZ_8K), 0);
	KUNIT_ASSERT_EQ(test, set_slot(mem, 1, RAM_GPA + SZ_4K, SZ_4K, hva), 0);
	index = srcu_read_lock(&mem->srcu);
	for (i = 0; i < SZ_8K; i++) {
		u8 byte = pattern(i);

		KUNIT_ASSERT_EQ(test, memory_write(mem, RAM_GPA + i, &byte, 1), 0);
	}
	for (at = SZ_4K - 40; at < SZ_4K + 2; at++) {
		for (len = 1; len <= 40; len++) {
			bool good = true;

			memset(buf, 0xee, sizeof(buf));
			KUNIT_ASSERT_EQ(test, memory_read_atomic(mem, RAM_GPA + at, buf + 4,
								 len), 0);
			for (i = 0; i < sizeof(buf); i++)
				good &= buf[i] == (i < 4 || i >= len + 4 ? 0xee :
						   pattern(at + i - 4));
			KUNIT_ASSERT_TRUE_MSG(test, good, "%u bytes at %u", len, at);
			memset(buf, 0, sizeof(buf));
			KUNIT_ASSERT_EQ(test, memory_read(mem, RAM_GPA + at, buf, len), 0);
			for (i = 0; i < len; i++)
				good &= buf[i] == pattern(at + i);
			KUNIT_ASSERT_TRUE_MSG(test, good, "%u bytes at %u", len, at);
		}
	}
	KUNIT_EXPECT_EQ(test, memory_write(mem, RAM_GPA + SZ_4K - 2, "abcd", 4), 0);
	KUNIT_EXPECT_EQ(test, memory_read(mem, RAM_GPA + SZ_4K - 2, buf, 4), 0);
	KUNIT_EXPECT_EQ(test, memcmp(buf, "abcd", 4), 0);
	srcu_read_unlock(&mem->srcu, index);
}

static void access_fails(struct kunit *test)
{
	static const u32 lengths[] = { 1, 2, 4, 8, 12, 16, 40 };
	struct memory *mem = new_memory(test, &format_4);
	unsigned long hva = map_user(test, SZ_16K, PROT_READ | PROT_WRITE);
	u8 buf[40];
	int i, index;

	KUNIT_ASSERT_EQ(test, set_slot(mem, 0, RAM_GPA, SZ_16K, hva), 0);
	KUNIT_ASSERT_EQ(test, set_readonly_slot(mem, 1, 0, SZ_16K, hva), 0);
	index = srcu_read_lock(&mem->srcu);
	for (i = 0; i < ARRAY_SIZE(lengths); i++) {
		u32 len = lengths[i];

		/* Not faulted in; no slot; half a slot. */
		KUNIT_EXPECT_EQ(test, memory_read_atomic(mem, RAM_GPA, buf, len), -EFAULT);
		KUNIT_EXPECT_EQ(test, memory_read_atomic(mem, 0, buf, len), -EFAULT);
		KUNIT_EXPECT_EQ(test, memory_read_atomic(mem, SZ_1G, buf, len), -EFAULT);
		KUNIT_EXPECT_EQ(test, memory_read(mem, SZ_1G, buf, len), -EFAULT);
		KUNIT_EXPECT_EQ(test, memory_write(mem, SZ_1G, buf, len), -EFAULT);
		KUNIT_EXPECT_EQ(test, memory_write(mem, 0, buf, len), -EFAULT);
		KUNIT_EXPECT_EQ(test, memory_read(mem, RAM_GPA + SZ_16K - 1, buf, len),
				len > 1 ? -EFAULT : 0);
	}
	KUNIT_EXPECT_EQ(test, memory_read(mem, RAM_GPA, buf, sizeof(buf)), 0);
	KUNIT_EXPECT_EQ(test, memory_read_atomic(mem, RAM_GPA, buf, 8), 0);
	KUNIT_EXPECT_EQ(test, memory_read_atomic(mem, U64_MAX - 3, buf, 8), -EFAULT);
	KUNIT_EXPECT_EQ(test, memory_read(mem, RAM_GPA, buf, 0), 0);
	srcu_read_unlock(&mem->srcu, index);
}

static struct kunit_case slot_cases[] = {
	KUNIT_CASE(regions),
	KUNIT_CASE_SLOW(slot_lookup),
	KUNIT_CASE(access),
	KUNIT_CASE(access_fails),
	{}
};

static struct kunit_suite slot_suite = {
	.name = "vintc_memory_slots",
	.test_cases = slot_cases,
};

kunit_test_suites(&slot_suite);
