// SPDX-License-Identifier: GPL-2.0-only
/* Guest memory: slots, and access to it from the kernel. */

#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <asm/futex.h>
#include <asm/processor.h>

#include "dirty.h"
#include "memory_impl.h"
#include "pagetable.h"
#include "../uapi/vintc.h"

/* --- slots ---------------------------------------------------------------------- */

static struct memslots *slots_alloc(u32 n)
{
	struct memslots *slots;

	/* One more than none: memory_slot() looks at the largest unasked. */
	slots = kvzalloc(struct_size(slots, slot, max(n, 1U)), GFP_KERNEL_ACCOUNT);
	if (slots)
		slots->n = n;
	return slots;
}

const struct memslot *memory_slot_search(const struct memslots *slots, u64 gfn)
{
	u32 low = 0, high = slots->n;
	const struct memslot *slot;

	/* The first slot that begins beyond gfn. */
	while (low < high) {
		u32 middle = low + (high - low) / 2;

		if (slots->slot[middle].gfn <= gfn)
			low = middle + 1;
		else
			high = middle;
	}
	if (!low)
		return NULL;
	slot = &slots->slot[array_index_nospec(low - 1, slots->n)];
	return gfn - slot->gfn < slot->npages ? slot : NULL;
}

/* Context: mem->lock held. */
static struct memslots *own_slots(struct memory *mem)
{
	return rcu_dereference_protected(mem->slots, lockdep_is_held(&mem->lock));
}

const struct memslot *memory_slot_by_id(const struct memslots *slots, u32 id)
{
	u32 i;

	for (i = 0; i < slots->n; i++) {
		if (slots->slot[i].id == id)
			return &slots->slot[i];
	}
	return NULL;
}

/* Does any slot but @id have a frame of @new? */
static bool slot_overlaps(const struct memslots *slots, const struct memslot *new)
{
	u32 i;

	for (i = 0; i < slots->n; i++) {
		const struct memslot *slot = &slots->slot[i];

		if (slot->id != new->id && slot->gfn < new->gfn + new->npages &&
		    new->gfn < slot->gfn + slot->npages)
			return true;
	}
	return false;
}

/* @old without the slot of that id, and with @new, if any, at its place. */
static struct memslots *slots_copy(const struct memslots *old, u32 id,
				   const struct memslot *new)
{
	u32 n = old->n - !!memory_slot_by_id(old, id) + !!new;
	struct memslots *slots = slots_alloc(n);
	u32 from, to = 0;

	if (!slots)
		return NULL;
	for (from = 0; from < old->n; from++) {
		const struct memslot *slot = &old->slot[from];

		if (slot->id == id)
			continue;
		if (new && new->gfn < slot->gfn) {
			slots->slot[to++] = *new;
			new = NULL;
		}
		slots->slot[to++] = *slot;
	}
	if (new)
		slots->slot[to++] = *new;

	for (to = 0; to < n; to++) {
		if (slots->slot[to].npages > slots->slot[slots->largest].npages)
			slots->largest = to;
	}
	return slots;
}

/*
 * Put @new in the place of the current array. @gone, if any, is a slot of the
 * current one that isn't in the new one: its entries go in the same section of
 * pt_lock (memory.h, 2). After that no vCPU may still use the old array, nor,
 * through it, a user address that the caller is about to unmap.
 */
static void slots_replace(struct memory *mem, struct memslots *new,
			  const struct memslot *gone)
{
	struct memslots *old = own_slots(mem);
	struct pt_zap zap = { .settle = true, .prune = true, .may_sleep = true };

	pagetable_begin(mem, &zap);
	rcu_assign_pointer(mem->slots, new);
	memory_seq_bump(mem);
	if (gone)
		pagetable_zap(mem, gone->gfn, gone->gfn + gone->npages, &zap);
	pagetable_done(mem, &zap);

	WRITE_ONCE(mem->replacing, true);
	vm_kick_all(mem->vm);
	synchronize_srcu_expedited(&mem->srcu);
	WRITE_ONCE(mem->replacing, false);
	wake_up_all(&mem->replaced);
	kvfree(old);
}

void memory_yield(struct memory *mem, int *index)
{
	srcu_read_unlock(&mem->srcu, *index);
	wait_event_interruptible(mem->replaced, !READ_ONCE(mem->replacing));
	*index = srcu_read_lock(&mem->srcu);
}

/* Frames that a guest-physical address of this machine can name. */
static u64 frame_limit(const struct memory *mem)
{
	u32 bits = min3((u32)boot_cpu_data.x86_phys_bits, 52U,
			PAGE_SHIFT + PT_BITS * (u32)mem->format->levels);

	return 1ULL << (bits - PAGE_SHIFT);
}

/* Check what does not depend on other slots, and convert. */
static int slot_parse(const struct memory *mem, struct memslot *slot,
		      const struct kvm_userspace_memory_region2 *region)
{
	u64 hva = region->userspace_addr, size = region->memory_size;
	u64 limit = frame_limit(mem);

	if (region->flags & ~(KVM_MEM_READONLY | KVM_MEM_LOG_DIRTY_PAGES))
		return -EINVAL;
	/* Bits 31:16 name an address space: there is only 0. */
	if (region->slot >= MEMORY_SLOTS)
		return -EINVAL;
	if (!PAGE_ALIGNED(region->guest_phys_addr) || !PAGE_ALIGNED(size) ||
	    !PAGE_ALIGNED(hva))
		return -EINVAL;
	if (size >> PAGE_SHIFT > MEMORY_MAX_PAGES)
		return -EINVAL;
	/*
	 * Stricter than access_ok(), which may accept addresses that are not
	 * canonical: memory_read_atomic() relies on this check alone.
	 */
	if (hva > TASK_SIZE_MAX || size > TASK_SIZE_MAX - hva ||
	    !access_ok((void __user *)(unsigned long)hva, size))
		return -EINVAL;

	slot->id = region->slot;
	slot->flags = region->flags;
	slot->gfn = region->guest_phys_addr >> PAGE_SHIFT;
	slot->npages = size >> PAGE_SHIFT;
	slot->hva = hva;
	if (slot->gfn > limit || slot->npages > limit - slot->gfn)
		return -EINVAL;
	return 0;
}

static int slot_delete(struct memory *mem, u32 id)
{
	struct memslots *old = own_slots(mem);
	const struct memslot *gone = memory_slot_by_id(old, id);
	unsigned long *dirty;
	struct memslots *new;

	if (!gone)
		return -EINVAL;
	new = slots_copy(old, id, NULL);
	if (!new)
		return -ENOMEM;
	dirty = gone->dirty;
	slots_replace(mem, new, gone);
	kvfree(dirty);
	return 0;
}

/*
 * The array with @slot in it takes the place of the one with @now. A slot that
 * moves loses its entries; so does one whose log ends, and large ones may come.
 */
static int slot_put(struct memory *mem, struct memslot *slot, const struct memslot *now)
{
	unsigned long *dirty = now ? now->dirty : NULL;
	bool moves = now && now->gfn != slot->gfn;
	struct memslots *new;
	int log;

	log = dirty_prepare(mem, slot, now);
	if (log < 0)
		return log;
	new = slots_copy(own_slots(mem), slot->id, slot);
	if (!new) {
		if (slot->dirty != dirty)
			kvfree(slot->dirty);
		return -ENOMEM;
	}
	slots_replace(mem, new, moves || (dirty && !slot->dirty) ? now : NULL);
	if (log)
		dirty_begin(mem, slot);
	if (slot->dirty != dirty)
		kvfree(dirty);
	return 0;
}

/* Create a slot, move it, begin or end its log. */
static int slot_set(struct memory *mem, struct memslot *slot)
{
	struct memslots *old = own_slots(mem);
	const struct memslot *now = memory_slot_by_id(old, slot->id);

	if (now) {
		if (slot->npages != now->npages || slot->hva != now->hva ||
		    (slot->flags ^ now->flags) & KVM_MEM_READONLY)
			return -EINVAL;
		if (slot->gfn == now->gfn && slot->flags == now->flags)
			return 0;
	}
	if (slot_overlaps(old, slot))
		return -EEXIST;
	return slot_put(mem, slot, now);
}

int memory_set_region(struct memory *mem,
		      const struct kvm_userspace_memory_region2 *region)
{
	struct memslot slot = {};
	int r;

	r = slot_parse(mem, &slot, region);
	if (r)
		return r;

	mutex_lock(&mem->lock);
	if (slot.npages)
		r = slot_set(mem, &slot);
	else
		r = slot_delete(mem, slot.id);
	mutex_unlock(&mem->lock);
	return r;
}

void memory_set_hole(struct memory *mem, u64 gfn)
{
	struct pt_zap zap = { .settle = true };

	pagetable_begin(mem, &zap);
	if (mem->hole_gfn != gfn) {
		WRITE_ONCE(mem->hole_gfn, gfn);
		memory_seq_bump(mem);
		if (gfn != MEMORY_NO_HOLE)
			pagetable_zap(mem, gfn, gfn + 1, &zap);
	}
	pagetable_done(mem, &zap);
}

bool memory_hole_make(struct memory *mem)
{
	if (!mem->hole_page)
		WRITE_ONCE(mem->hole_page,
			   alloc_page(GFP_KERNEL_ACCOUNT | __GFP_ZERO));
	return mem->hole_page;
}

void memory_hole_page(struct memory *mem, bool on)
{
	struct pt_zap zap = { .settle = true };

	on = on && mem->hole_page;
	if (on == mem->hole_mapped)
		return;
	pagetable_begin(mem, &zap);
	WRITE_ONCE(mem->hole_mapped, on);
	memory_seq_bump(mem);
	if (!on && mem->hole_gfn != MEMORY_NO_HOLE)
		pagetable_zap(mem, mem->hole_gfn, mem->hole_gfn + 1, &zap);
	pagetable_done(mem, &zap);
}

u64 memory_hole_pa(const struct memory *mem)
{
	struct page *page = READ_ONCE(mem->hole_page);

	return page ? (u64)page_to_pfn(page) << PAGE_SHIFT : 0;
}

/* --- life ----------------------------------------------------------------------- */

int memory_init(struct memory *mem, struct vm *vm, const struct pt_format *format)
{
	struct memslots *slots;
	int r;

	memset(mem, 0, sizeof(*mem));
	mem->mm = current->mm;
	mem->vm = vm;
	mem->format = format;
	mem->hole_gfn = MEMORY_NO_HOLE;
	mutex_init(&mem->lock);
	init_waitqueue_head(&mem->replaced);
	spin_lock_init(&mem->pt_lock);

	r = init_srcu_struct(&mem->srcu);
	if (r)
		return r;
	r = -ENOMEM;
	slots = slots_alloc(0);
	if (!slots)
		goto free_srcu;
	RCU_INIT_POINTER(mem->slots, slots);
	mem->root_table = (u64 *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	if (!mem->root_table)
		goto free_slots;
	mem->table_pages = 1;

	mem->notifier.ops = &memory_notifier_ops;
	r = mmu_notifier_register(&mem->notifier, mem->mm);
	if (r)
		goto free_root;
	return 0;

free_root:
	free_page((unsigned long)mem->root_table);
free_slots:
	kvfree(slots);
free_srcu:
	cleanup_srcu_struct(&mem->srcu);
	return r;
}

void memory_destroy(struct memory *mem)
{
	struct memslots *slots;
	u32 i;

	/*
	 * Calls release(), or waits for the one that the exit of the mm calls;
	 * no callback runs when it returns. Either took all entries away.
	 */
	mmu_notifier_unregister(&mem->notifier, mem->mm);
	WARN_ON_ONCE(mem->table_pages != 1 || mem->pages_4k || mem->pages_2m ||
		     mem->pages_1g);
	free_page((unsigned long)mem->root_table);
	if (mem->hole_page)
		__free_page(mem->hole_page);
	slots = rcu_dereference_protected(mem->slots, true);
	for (i = 0; i < slots->n; i++)
		kvfree(slots->slot[i].dirty);
	kvfree(slots);
	cleanup_srcu_struct(&mem->srcu);
}

/* --- access --------------------------------------------------------------------- */

/* The slot of @gpa if it may be accessed so. */
static const struct memslot *access_slot(struct memory *mem, u64 gpa, bool write)
{
	const struct memslot *slot = memory_slot(mem, gpa >> PAGE_SHIFT);

	return slot && !(write && (slot->flags & KVM_MEM_READONLY)) ? slot : NULL;
}

unsigned long memory_hva(struct memory *mem, u64 gpa, bool writable)
{
	const struct memslot *slot = access_slot(mem, gpa, writable);

	return slot ? memslot_hva(slot, gpa) : 0;
}

/* How much of @len bytes at @gpa lies in one page. */
static u32 page_part(u64 gpa, u32 len)
{
	return min_t(u32, len, PAGE_SIZE - offset_in_page(gpa));
}

int memory_read(struct memory *mem, u64 gpa, void *buf, u32 len)
{
	while (len) {
		unsigned long hva = memory_hva(mem, gpa, false);
		u32 part = page_part(gpa, len);

		if (!hva || copy_from_user(buf, (void __user *)hva, part))
			return -EFAULT;
		buf += part;
		gpa += part;
		len -= part;
	}
	return 0;
}

int memory_write(struct memory *mem, u64 gpa, const void *buf, u32 len)
{
	while (len) {
		const struct memslot *slot = access_slot(mem, gpa, true);
		u32 part = page_part(gpa, len);
		unsigned long left;

		if (!slot)
			return -EFAULT;
		left = copy_to_user((void __user *)memslot_hva(slot, gpa), buf, part);
		/* Some of it may be there even if not all is. */
		dirty_mark(slot, gpa >> PAGE_SHIFT);
		if (left)
			return -EFAULT;
		buf += part;
		gpa += part;
		len -= part;
	}
	return 0;
}

int memory_write_atomic(struct memory *mem, u64 gpa, const void *buf, u32 len)
{
	const struct memslot *slot = access_slot(mem, gpa, true);
	unsigned long left;

	if (!slot)
		return -EFAULT;
	pagefault_disable();
	left = __copy_to_user_inatomic((void __user *)memslot_hva(slot, gpa), buf, len);
	pagefault_enable();
	dirty_mark(slot, gpa >> PAGE_SHIFT);
	return left ? -EFAULT : 0;
}

int memory_xchg(struct memory *mem, u64 gpa, u32 *val)
{
	const struct memslot *slot = access_slot(mem, gpa, true);
	int r, old;

	if (!slot)
		return -EFAULT;
	/* The kernel's one exchange with user memory that modules can use. */
	r = arch_futex_atomic_op_inuser(FUTEX_OP_SET, *val, &old,
					(u32 __user *)memslot_hva(slot, gpa));
	dirty_mark(slot, gpa >> PAGE_SHIFT);
	if (!r)
		*val = old;
	return r;
}

/*
 * 4 or 8 to 16 bytes: a page-table entry, or the bytes of an instruction. No
 * access_ok() and no speculation barrier, which user_access_begin() would bring:
 * slot_parse() checked the range, memslot_hva() keeps inside it.
 */
static __always_inline int read_small(unsigned long hva, void *buf, u32 len)
{
	void __user *from = (void __user *)hva;
	u64 first, last;
	u32 word;

	__uaccess_begin();
	if (len == sizeof(word)) {
		unsafe_get_user(word, (u32 __user *)from, fault);
		__uaccess_end();
		memcpy(buf, &word, sizeof(word));
		return 0;
	}
	unsafe_get_user(first, (u64 __user *)from, fault);
	/* Overlaps the first by what is missing to 16 bytes. */
	unsafe_get_user(last, (u64 __user *)(from + len - sizeof(last)), fault);
	__uaccess_end();
	memcpy(buf, &first, sizeof(first));
	memcpy(buf + len - sizeof(last), &last, sizeof(last));
	return 0;
fault:
	__uaccess_end();
	return -EFAULT;
}

static int read_page_atomic(unsigned long hva, void *buf, u32 len)
{
	int r;

	pagefault_disable();
	if (likely(len == 8 || len == 4 || (len > 8 && len <= 16)))
		r = read_small(hva, buf, len);
	else
		r = __copy_from_user_inatomic(buf, (void __user *)hva, len) ? -EFAULT : 0;
	pagefault_enable();
	return r;
}

int memory_read_atomic_any(struct memory *mem, u64 gpa, void *buf, u32 len)
{
	while (len) {
		const struct memslot *slot = memory_slot(mem, gpa >> PAGE_SHIFT);
		u32 part = page_part(gpa, len);

		if (!slot || read_page_atomic(memslot_hva(slot, gpa), buf, part))
			return -EFAULT;
		buf += part;
		gpa += part;
		len -= part;
	}
	return 0;
}

/*
 * Eight aligned bytes of the largest slot, in a function that calls nobody.
 * What read_small() says of checks holds here.
 */
int memory_read_entry(struct memory *mem, u64 gpa, void *entry)
{
	const struct memslots *slots = memory_slots(mem);
	const struct memslot *slot = &slots->slot[slots->largest];
	u64 index = (gpa >> PAGE_SHIFT) - slot->gfn;
	u64 value, __user *from;

	if (unlikely(index >= slot->npages))
		return memory_read_atomic_any(mem, gpa, entry, sizeof(value));

	index = array_index_nospec(index, slot->npages);
	from = (void __user *)(slot->hva + (index << PAGE_SHIFT) + offset_in_page(gpa));
	pagefault_disable();
	__uaccess_begin();
	unsafe_get_user(value, from, fault);
	__uaccess_end();
	pagefault_enable();
	memcpy(entry, &value, sizeof(value));
	return 0;
fault:
	__uaccess_end();
	pagefault_enable();
	return -EFAULT;
}
