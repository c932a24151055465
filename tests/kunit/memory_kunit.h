/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the memory suites share: an address space on the mm of the test's own
 * thread. No vCPU exists, so flushes are counted, not felt.
 */
#ifndef VINTC_MEMORY_KUNIT_H
#define VINTC_MEMORY_KUNIT_H

#include <kunit/test.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/uaccess.h>

#include "vm.h"
#include "memory.h"
#include "pagetable.h"
#include "uapi/vintc.h"

#define RAM_GFN 0x100ULL /* where most tests put their memory */
#define RAM_GPA (RAM_GFN << PAGE_SHIFT)
#define LARGE_GFN 0x40000ULL /* where large pages go: 1 GiB-aligned */
#define LARGE_GPA (LARGE_GFN << PAGE_SHIFT)

/* APM 2 "Nested Paging": present, write, user, accessed, dirty, huge. */
static const struct pt_format __maybe_unused format_4 = {
	.table = BIT_ULL(0) | BIT_ULL(1) | BIT_ULL(2) | BIT_ULL(5),
	.leaf = BIT_ULL(0) | BIT_ULL(2),
	.present = BIT_ULL(0),
	.write = BIT_ULL(1),
	.huge = BIT_ULL(7),
	.accessed = BIT_ULL(5),
	.dirty = BIT_ULL(6),
	.levels = 4,
	.max_leaf = 3,
};

static inline void destroy_memory(void *mem)
{
	memory_destroy(mem);
}

static inline void drop_stats(void *vm)
{
	stats_vm_free(vm);
}

/* User memory of the test's thread; it gets an mm with the first. */
static inline unsigned long map_user(struct kunit *test, unsigned long len,
				     unsigned long prot)
{
	unsigned long hva = kunit_vm_mmap(test, NULL, 0, len, prot,
					  MAP_ANONYMOUS | MAP_PRIVATE, 0);

	KUNIT_ASSERT_NE(test, hva, 0UL);
	KUNIT_ASSERT_FALSE(test, IS_ERR_VALUE(hva));
	return hva;
}

/*
 * An address space. It is destroyed after the thread and its mm are gone, if the
 * test doesn't get to do it.
 */
static inline struct memory *new_memory(struct kunit *test,
					const struct pt_format *format)
{
	struct vm *vm = kunit_kzalloc(test, sizeof(*vm), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, vm);
	KUNIT_ASSERT_EQ(test, stats_vm_init(vm), 0);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, drop_stats, vm), 0);
	map_user(test, PAGE_SIZE, PROT_READ);
	KUNIT_ASSERT_EQ(test, memory_init(&vm->mem, vm, format), 0);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, destroy_memory, &vm->mem),
			0);
	return &vm->mem;
}

static inline int set_slot(struct memory *mem, u32 id, u64 gpa, u64 size,
			   unsigned long hva)
{
	struct kvm_userspace_memory_region2 region = {
		.slot = id,
		.guest_phys_addr = gpa,
		.memory_size = size,
		.userspace_addr = hva,
	};

	return memory_set_region(mem, &region);
}

static inline int set_readonly_slot(struct memory *mem, u32 id, u64 gpa, u64 size,
				    unsigned long hva)
{
	struct kvm_userspace_memory_region2 region = {
		.slot = id,
		.flags = KVM_MEM_READONLY,
		.guest_phys_addr = gpa,
		.memory_size = size,
		.userspace_addr = hva,
	};

	return memory_set_region(mem, &region);
}

static inline int do_fault(struct memory *mem, u64 gpa, u32 access)
{
	int index = srcu_read_lock(&mem->srcu);
	int r = memory_fault(mem, gpa, access);

	srcu_read_unlock(&mem->srcu, index);
	return r;
}

/* The entry that maps @gfn, as the hardware finds it, and its level; 0: none. */
static inline u64 walk(struct memory *mem, u64 gfn, int *level)
{
	const struct pt_format *format = mem->format;
	u64 *table = mem->root_table;

	for (*level = format->levels;; --*level) {
		u64 entry = table[(gfn >> (PT_BITS * (*level - 1))) % PT_ENTRIES];

		if (!(entry & format->present))
			return 0;
		if (*level == 1 || (*level <= PT_LEAF_MAX && (entry & format->huge)))
			return entry;
		table = __va(__sme_clr(entry & PT_ADDR));
	}
}

/* Level of the leaf that maps @gfn; 0: none. */
static inline int leaf_level(struct memory *mem, u64 gfn)
{
	int level;

	return walk(mem, gfn, &level) ? level : 0;
}

static inline bool leaf_writable(struct memory *mem, u64 gfn)
{
	int level;

	return walk(mem, gfn, &level) & mem->format->write;
}

static inline void fill(unsigned long hva, unsigned long len, u8 byte)
{
	for (; len; hva += PAGE_SIZE, len -= PAGE_SIZE)
		WARN_ON_ONCE(put_user(byte, (u8 __user *)hva));
}

/* 2 MiB-aligned user memory of @len that the host maps by 2 MiB pages, or skip. */
static inline unsigned long map_huge(struct kunit *test, unsigned long len)
{
	unsigned long hva = map_user(test, len + SZ_2M, PROT_READ | PROT_WRITE);
	struct vm_area_struct *vma;
	unsigned long i;
	struct page *page;
	bool huge;

	hva = ALIGN(hva, SZ_2M);
	mmap_write_lock(current->mm);
	vma = find_vma(current->mm, hva);
	vm_flags_set(vma, VM_HUGEPAGE);
	mmap_write_unlock(current->mm);
	for (i = 0; i < len; i += SZ_2M) {
		fill(hva + i, PAGE_SIZE, 1);
		KUNIT_ASSERT_EQ(test, get_user_pages_fast(hva + i, 1, 0, &page), 1);
		huge = PageTransHuge(page);
		put_page(page);
		if (!huge)
			kunit_skip(test, "no transparent huge page to be had");
	}
	return hva;
}

#endif
