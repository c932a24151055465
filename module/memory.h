/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Guest memory: slots of user mappings, the nested page tables made from them
 * on demand, and the MMU notifier that takes them back. Backends see a root
 * and ask for a fault to be resolved; they never see a slot.
 *
 * memory.c       slots, and access to guest memory from the kernel
 * memory_fault.c from a user address to an entry and back: faults, notifier
 * dirty.c        the log of written pages; dirty.h has its rules
 * pagetable.c    the tables
 *
 * Locking
 * -------
 * mem->lock      serialises slot changes. Outermost. Never taken by a vCPU in
 *                KVM_RUN nor by the notifier, so that its holder may wait for
 *                both (synchronize_srcu, allocations that reclaim).
 * mem->srcu      keeps the slot array that a reader looks at. A vCPU holds it
 *                all through KVM_RUN but while it is blocked. mem->lock is
 *                never taken inside, mmap_lock is.
 * mem->pt_lock   page tables, notifier state, hole_gfn, and *changes* of the
 *                slots pointer. A spinlock that the notifier takes: its holder
 *                neither sleeps, allocates nor flushes. Innermost.
 *
 * Why an entry never outlives what it was made from:
 *
 * 1. A fault reads notifier_seq first; then looks up the slot, gets the page
 *    and the size of its host mapping; then, under pt_lock, starts again if
 *    notifier_seq changed or an invalidation of that range is under way. The
 *    seq moves when an invalidation ends, when slots change and when the hole
 *    moves.
 * 2. An invalidation counts itself in and takes away the entries in one
 *    section of pt_lock, so a fault either comes before it and is undone, or
 *    sees it. So does a slot change: the new array appears and the entries of
 *    the old slot go in one section. Hence the notifier, which goes from user
 *    addresses to frames by the current array under pt_lock, misses no entry.
 * 3. Whoever takes entries away flushes after dropping pt_lock and before
 *    returning. Whoever finds nothing to take, because another is between its
 *    zap and its flush, flushes too: @zapped and @flushed tell.
 * 4. A table page that was unlinked is freed after that flush; the hardware may
 *    walk it, and write accessed and dirty bits to it, until then.
 * 5. A present entry is never replaced by another but to add the write bit: it
 *    is cleared, flushed, and only then made anew (break before make), since
 *    translations of different size for one address must not meet in a TLB.
 *    So no fault makes an entry while anybody's flush is outstanding.
 */
#ifndef VINTC_MEMORY_H
#define VINTC_MEMORY_H

#include <linux/mem_encrypt.h>
#include <linux/mm.h>
#include <linux/mmu_notifier.h>
#include <linux/mutex.h>
#include <linux/nospec.h>
#include <linux/spinlock.h>
#include <linux/srcu.h>
#include <linux/types.h>
#include <linux/wait.h>

#define MEMORY_SLOTS 512 /* slots 0..511 of address space 0 */
#define MEMORY_MAX_PAGES BIT_ULL(31) /* pages per slot, as KVM */
#define MEMORY_NO_HOLE (~0ULL)

/**
 * struct pt_format - how a backend's second-level page-table entry is encoded
 * @table: all the bits of a non-leaf entry but the address
 * @leaf: bits of every leaf: present, memory type, user
 * @present: set in a present table or leaf entry
 * @write: writable
 * @huge: a leaf above level 1
 * @accessed: set by hardware; 0 if it doesn't
 * @dirty: set by hardware; 0 if it doesn't
 * @levels: 4 or 5
 * @max_leaf: the highest level that may hold a leaf: 1, 2 (2 MiB) or 3 (1 GiB);
 *	0 stands for 2
 *
 * A value, not a set of calls: walking stays free of indirect calls.
 */
struct pt_format {
	u64 table;
	u64 leaf;
	u64 present;
	u64 write;
	u64 huge;
	u64 accessed;
	u64 dirty;
	u8 levels;
	u8 max_leaf;
};

/**
 * struct memslot - one region of guest-physical memory
 * @id: user's slot number
 * @flags: KVM_MEM_READONLY, KVM_MEM_LOG_DIRTY_PAGES
 * @gfn: first guest frame
 * @npages: number of guest frames
 * @hva: user address of the first byte
 * @dirty: the log, a bit per frame, and as much again to copy it; NULL: none
 * @logged_from_start: it had its log when it was made (dirty.h, 1)
 */
struct memslot {
	u32 id;
	u32 flags;
	u64 gfn;
	u64 npages;
	unsigned long hva;
	unsigned long *dirty;
	bool logged_from_start;
};

/**
 * struct memslots - all slots, sorted by gfn, replaced as a whole under SRCU
 * @n: how many
 * @largest: index of the largest, tried first. It never changes, so lookups
 *	on many CPUs share the line; a last-hit index would bounce it.
 * @slot: at least one element is there: with @n 0 an empty one
 */
struct memslots {
	u32 n;
	u32 largest;
	struct memslot slot[];
};

struct vm;

/**
 * struct memory - the guest-physical address space of one VM
 * @mm: the VM's; the registered notifier keeps the struct
 * @vm: owner
 * @format: the backend's entry format
 * @lock: serialises slot changes; taken before @pt_lock
 * @srcu: readers of @slots
 * @slots: read under @srcu or @pt_lock, changed under both locks
 * @replacing: readers of the old array are waited for
 * @replaced: for vCPUs, till they no longer are
 * @dirty_manual: KVM_DIRTY_LOG_...: bits are cleared by user space's asking
 * @notifier: registered with @mm
 * @pt_lock: page tables, what is below, changes of @slots
 * @notifier_seq: moves with every change that a fault under way must not miss
 * @notifier_count: invalidations under way
 * @notifier_start: lowest user address they cover
 * @notifier_end: end of the highest
 * @root_table: top-level table
 * @hole_gfn: a frame that no slot is mapped at (the APICs), or MEMORY_NO_HOLE
 * @hole_page: what hardware wants there (APIC-access page), once it is wanted
 * @hole_mapped: it may be mapped now
 * @zapped: bumped when an entry or a table is taken away
 * @flushed: the value of @zapped up to which TLBs were flushed
 * @pages_4k: mapped leaves of that size, for the statistics
 * @pages_2m: likewise
 * @pages_1g: likewise
 * @table_pages: pages that tables take, with the root
 * @flushes: calls of vm_flush_tlb()
 */
struct memory {
	struct mm_struct *mm;
	struct vm *vm;
	const struct pt_format *format;
	struct mutex lock;
	struct srcu_struct srcu;
	struct memslots __rcu *slots;
	bool replacing;
	wait_queue_head_t replaced;
	u32 dirty_manual;
	struct mmu_notifier notifier;
	spinlock_t pt_lock;
	unsigned long notifier_seq;
	long notifier_count;
	unsigned long notifier_start, notifier_end;
	u64 *root_table;
	u64 hole_gfn;
	struct page *hole_page;
	bool hole_mapped;
	u64 zapped, flushed;
	u64 pages_4k, pages_2m, pages_1g;
	u64 table_pages;
	u64 flushes;
};

/* Access that faulted, memory_fault(). */
#define MEMORY_WRITE BIT(0)
#define MEMORY_EXEC BIT(1)
#define MEMORY_TABLE BIT(2) /* by the guest CPU itself, of a page-table entry */

enum memory_result {
	MEMORY_MAPPED, /* enter the guest again */
	MEMORY_MMIO, /* no slot, the hole, or a write to a read-only slot */
	/* negative: errno. -EFAULT: the user mapping isn't there, forbids the
	 * access, is poisoned, or has no struct page (VM_IO, VM_PFNMAP);
	 * -EINTR: a signal; -ENOMEM.
	 */
};

/**
 * memory_init() - empty address space, notifier registered
 * @mem: to be filled
 * @vm: owner; vm_flush_tlb(vm) is called when entries are taken away
 * @format: the backend's entry format
 *
 * Context: process context of the mm that becomes the VM's.
 * Return: 0, -ENOMEM, or -EINTR (a signal is pending).
 */
int memory_init(struct memory *mem, struct vm *vm, const struct pt_format *format);
/* Unregisters the notifier and frees all; no vCPU runs any more. */
void memory_destroy(struct memory *mem);

struct kvm_userspace_memory_region2;
/**
 * memory_set_region() - KVM_SET_USER_MEMORY_REGION(2)
 * @mem: address space
 * @region: as given by user space, not yet checked
 *
 * Context: process context, @mem->srcu not held.
 * Return: 0; -EINVAL (unaligned, wraps, unknown flags, slot number, address not
 * the user's, change of size, address or read-only, no such slot), -EEXIST
 * (overlap), -ENOMEM.
 */
int memory_set_region(struct memory *mem,
		      const struct kvm_userspace_memory_region2 *region);

static inline u64 memory_root(const struct memory *mem)
{
	return __sme_pa(mem->root_table);
}

/**
 * memory_yield() - let a change of the slots go on (REQ_SRCU)
 * @mem: address space
 * @index: of the srcu read lock, which is dropped and taken
 *
 * The caller stays away from the slots till the change is through: if it came
 * back at once, the change would wait for it, and nothing would kick it again.
 *
 * Context: process context; a signal ends the wait.
 */
void memory_yield(struct memory *mem, int *index);

/**
 * memory_fault() - map the page at @gpa, or say that it isn't memory
 * @mem: address space
 * @gpa: guest-physical address
 * @access: MEMORY_...
 *
 * Context: may sleep; mem->srcu read lock held; current->mm is the VM's.
 */
int memory_fault(struct memory *mem, u64 gpa, u32 access);

/**
 * memory_prefault() - map pages before they are touched
 * @mem: address space
 * @gpa: guest-physical address of the first, moves on with each
 * @size: bytes, multiple of the page, shrinks with each
 *
 * Context: may sleep; current->mm is the VM's.
 * Return: 0 when any was mapped; otherwise -ENOENT, where there is no memory, or what
 * memory_fault() has.
 */
int memory_prefault(struct memory *mem, u64 *gpa, u64 *size);

const struct memslot *memory_slot_search(const struct memslots *slots, u64 gfn);

/* The slots now; mem->srcu read lock, or mem->lock, held. */
static inline const struct memslots *memory_slots(struct memory *mem)
{
	return srcu_dereference_check(mem->slots, &mem->srcu, lockdep_is_held(&mem->lock));
}

/* Slot lookup; mem->srcu read lock held. NULL if no slot. */
static inline const struct memslot *memory_slot(struct memory *mem, u64 gfn)
{
	const struct memslots *slots = memory_slots(mem);
	const struct memslot *slot = &slots->slot[slots->largest];

	if (likely(gfn - slot->gfn < slot->npages))
		return slot;
	return memory_slot_search(slots, gfn);
}

/*
 * User address of @gpa, which @slot covers. The guest chooses @gpa: keep a
 * mispredicted lookup from making an address outside the slot of it.
 */
static inline unsigned long memslot_hva(const struct memslot *slot, u64 gpa)
{
	u64 index = array_index_nospec((gpa >> PAGE_SHIFT) - slot->gfn, slot->npages);

	return slot->hva + (index << PAGE_SHIFT) + offset_in_page(gpa);
}

/* User address of @gpa, or 0; @writable: 0 also for a read-only slot. */
unsigned long memory_hva(struct memory *mem, u64 gpa, bool writable);

/**
 * memory_read() / memory_write() - copy from and to guest-physical memory
 *
 * Context: may sleep, unless the _atomic form, which faults nothing in; srcu
 * held; current->mm is the VM's.
 * Return: 0 or -EFAULT (also when no slot covers all of it; partial effects
 * are possible for a range over several pages).
 */
int memory_read(struct memory *mem, u64 gpa, void *buf, u32 len);
int memory_write(struct memory *mem, u64 gpa, const void *buf, u32 len);
/* Aligned. Context: as these, or with page faults disabled. */
int memory_xchg(struct memory *mem, u64 gpa, u32 *val);
/* Within a page. */
int memory_write_atomic(struct memory *mem, u64 gpa, const void *buf, u32 len);
int memory_read_atomic_any(struct memory *mem, u64 gpa, void *buf, u32 len);
int memory_read_entry(struct memory *mem, u64 gpa, void *entry);

static inline int memory_read_atomic(struct memory *mem, u64 gpa, void *buf, u32 len)
{
	/* A guest's page-table entry: several in each exit that walks. */
	if (len == sizeof(u64) && IS_ALIGNED(gpa, sizeof(u64)))
		return memory_read_entry(mem, gpa, buf);
	return memory_read_atomic_any(mem, gpa, buf, len);
}

/* Change the frame that is never mapped; zaps what covers it. */
void memory_set_hole(struct memory *mem, u64 gfn);
/* The page for the hole. vm->lock held. Return: false when there is no memory. */
bool memory_hole_make(struct memory *mem);
/**
 * memory_hole_page() - have that page in the hole, or not
 * @mem: address space
 * @on: it is mapped on demand from now on, if there is one; otherwise it isn't
 *      mapped any more, and no vCPU has a translation to it
 *
 * Hardware that virtualizes the APIC takes accesses there away before they reach
 * the page (SDM 3C "Virtualizing Memory-Mapped APIC Accesses").
 *
 * Context: process context, vm->lock held.
 */
void memory_hole_page(struct memory *mem, bool on);
/* Its physical address; 0 until memory_hole_make() has made one. */
u64 memory_hole_pa(const struct memory *mem);

/*
 * From request.c: every vCPU has left the guest or flushed when it returns.
 * Context: interrupts on. It must not sleep: it is called from MMU notifiers,
 * some of which may not block, some with a lock of a host page table held. Of
 * the locks of struct memory none but @lock may be held.
 */
void vm_flush_tlb(struct vm *vm);
/* From request.c: every vCPU leaves the guest soon, and mem->srcu with it. */
void vm_kick_all(struct vm *vm);

#endif
