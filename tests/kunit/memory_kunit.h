/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the memory suites share: an address space on the mm of the test's own
 * thread. No vCPU exists, so flushes are counted, not felt.
 */
#ifndef VINTC_MEMORY_KUNIT_H
#define VINTC_MEMORY_KUNIT_H

#include <kunit/test.h>
#include <linux/mman.h>

#include "vm.h"
#include "memory.h"
#include "uapi/vintc.h"

#define RAM_GFN 0x100ULL /* where most tests put their memory */
#define RAM_GPA (RAM_GFN << PAGE_SHIFT)

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

#endif
