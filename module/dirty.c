// SPDX-License-Identifier: GPL-2.0-only
/* The log of pages that the guest has written; dirty.h says how none is lost. */

#include <linux/bitmap.h>
#include <linux/compat.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "dirty.h"
#include "memory_impl.h"
#include "pagetable.h"
#include "../uapi/vintc.h"

#define DIRTY_MANUAL_FLAGS                                                     \
	(KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE | KVM_DIRTY_LOG_INITIALLY_SET)

/* Pages, and words, that one section of pt_lock deals with. */
#define PIECE_PAGES 32768ULL
#define PIECE_WORDS (PIECE_PAGES / BITS_PER_LONG)

static u64 dirty_words(const struct memslot *slot)
{
	return BITS_TO_LONGS(slot->npages);
}

/* The other half of the log: what is on its way from or to user space. */
static unsigned long *dirty_copy(const struct memslot *slot)
{
	return slot->dirty + dirty_words(slot);
}

static void set_all(struct memslot *slot)
{
	u64 whole = slot->npages / BITS_PER_LONG;

	memset(slot->dirty, 0xff, whole * sizeof(long));
	/* No bit is ever set that is no page's. */
	if (slot->npages % BITS_PER_LONG)
		slot->dirty[whole] = BITMAP_LAST_WORD_MASK(slot->npages);
}

int dirty_prepare(struct memory *mem, struct memslot *slot, const struct memslot *now)
{
	lockdep_assert_held(&mem->lock);

	slot->dirty = NULL;
	if (!(slot->flags & KVM_MEM_LOG_DIRTY_PAGES))
		return 0;
	if (now && now->dirty) {
		slot->dirty = now->dirty;
		slot->logged_from_start = now->logged_from_start;
		return 0;
	}
	slot->logged_from_start = !now;
	slot->dirty = kvcalloc(dirty_words(slot), 2 * sizeof(long), GFP_KERNEL_ACCOUNT);
	if (!slot->dirty)
		return -ENOMEM;
	if (!(READ_ONCE(mem->dirty_manual) & KVM_DIRTY_LOG_INITIALLY_SET))
		return 1;
	/* All that is mapped may stay so until bits are cleared. */
	set_all(slot);
	return 0;
}

void dirty_begin(struct memory *mem, const struct memslot *slot)
{
	u64 gfn = slot->gfn, end = slot->gfn + slot->npages;
	bool protected = false;

	lockdep_assert_held(&mem->lock);
	for (; gfn < end; gfn += min(PIECE_PAGES, end - gfn)) {
		struct pt_zap zap = { .settle = true, .may_sleep = true };

		pagetable_begin(mem, &zap);
		pagetable_protect(mem, gfn, min(end, gfn + PIECE_PAGES), &zap);
		pagetable_done(mem, &zap);
		protected |= zap.protected;
		cond_resched();
	}
	if (protected)
		pagetable_flush(mem);
}

/* --- giving out ----------------------------------------------------------------- */

/* Take the bits of @want that are set. */
static unsigned long take_word(unsigned long *word, unsigned long want)
{
	if (!want || !READ_ONCE(*word))
		return 0;
	return want & atomic_long_fetch_andnot(want, (atomic_long_t *)word);
}

/* @words from @first on; in @bits, those wanted become those taken. */
static bool take_piece(struct memory *mem, const struct memslot *slot, u64 first,
		       unsigned int words, unsigned long *bits)
{
	struct pt_zap zap = { .settle = true, .may_sleep = true };
	u64 gfn = slot->gfn + first * BITS_PER_LONG;
	unsigned int i, start, end;

	pagetable_begin(mem, &zap);
	for (i = 0; i < words; i++)
		bits[i] = take_word(&slot->dirty[first + i], bits[i]);
	for_each_set_bitrange(start, end, bits, words * BITS_PER_LONG)
		pagetable_protect(mem, gfn + start, gfn + end, &zap);
	pagetable_done(mem, &zap);
	return zap.protected;
}

/*
 * Take bits of @words words from @first on, and the permission to write where one
 * was set. @bits says which are wanted, and then, which were. Nobody writes
 * through a TLB any more when it returns.
 */
static void dirty_take(struct memory *mem, const struct memslot *slot, u64 first,
		       u64 words, unsigned long *bits)
{
	bool protected = false;

	while (words) {
		unsigned int piece = min(words, PIECE_WORDS);

		protected |= take_piece(mem, slot, first, piece, bits);
		first += piece;
		bits += piece;
		words -= piece;
		cond_resched();
	}
	if (protected)
		pagetable_flush(mem);
}

/* User space could not be told: these pages are still dirty. */
static void give_back(const struct memslot *slot, const unsigned long *bits)
{
	u64 i, words = dirty_words(slot);

	for (i = 0; i < words; i++) {
		if (bits[i])
			atomic_long_or(bits[i], (atomic_long_t *)&slot->dirty[i]);
	}
}

static int get_log(struct memory *mem, const struct memslot *slot, void __user *to)
{
	u64 words = dirty_words(slot), size = words * sizeof(long);
	unsigned long *bits = dirty_copy(slot);

	/* Bits stay, and pages writable, until they are cleared. */
	if (READ_ONCE(mem->dirty_manual))
		return copy_to_user(to, slot->dirty, size) ? -EFAULT : 0;

	memset(bits, 0xff, size);
	dirty_take(mem, slot, 0, words, bits);
	if (!copy_to_user(to, bits, size))
		return 0;
	give_back(slot, bits);
	return -EFAULT;
}

static int clear_log(struct memory *mem, const struct memslot *slot,
		     const struct kvm_clear_dirty_log *log, const void __user *from)
{
	u64 words = BITS_TO_LONGS((u64)log->num_pages);
	u64 rest = slot->npages - log->first_page;
	unsigned long *bits = dirty_copy(slot);

	if (log->first_page > slot->npages || log->num_pages > rest)
		return -EINVAL;
	/* Whole words, but at the slot's end. */
	if (log->num_pages < rest && log->num_pages % BITS_PER_LONG)
		return -EINVAL;
	if (copy_from_user(bits, from, words * sizeof(long)))
		return -EFAULT;
	dirty_take(mem, slot, log->first_page / BITS_PER_LONG, words, bits);
	return 0;
}

/* --- ioctls --------------------------------------------------------------------- */

int dirty_set_manual(struct memory *mem, u64 flags)
{
	if (flags & ~(u64)DIRTY_MANUAL_FLAGS)
		return -EINVAL;
	/* The one says how the other begins. */
	if (flags == KVM_DIRTY_LOG_INITIALLY_SET)
		return -EINVAL;
	/* Not under mem->lock, whose holder may wait for one that wants vm->lock. */
	WRITE_ONCE(mem->dirty_manual, flags);
	return 0;
}

/* Context: mem->lock held. */
static const struct memslot *logged_slot(struct memory *mem, u32 id)
{
	const struct memslot *slot = memory_slot_by_id(memory_slots(mem), id);

	return slot && slot->dirty ? slot : NULL;
}

/* The user's pointer, half of which a 32-bit program hasn't written. */
static void __user *user_bitmap(u64 address)
{
	return in_compat_syscall() ? compat_ptr(address) : u64_to_user_ptr(address);
}

static long ioctl_get(struct memory *mem, void __user *arg)
{
	const struct memslot *slot;
	struct kvm_dirty_log log;
	int r = -ENOENT;

	if (copy_from_user(&log, arg, sizeof(log)))
		return -EFAULT;
	if (log.slot >= MEMORY_SLOTS)
		return -EINVAL;
	mutex_lock(&mem->lock);
	slot = logged_slot(mem, log.slot);
	if (slot)
		r = get_log(mem, slot, user_bitmap(log.padding2));
	mutex_unlock(&mem->lock);
	return r;
}

static long ioctl_clear(struct memory *mem, void __user *arg)
{
	const struct memslot *slot;
	struct kvm_clear_dirty_log log;
	int r = -ENOENT;

	if (copy_from_user(&log, arg, sizeof(log)))
		return -EFAULT;
	if (log.slot >= MEMORY_SLOTS || log.first_page % BITS_PER_LONG)
		return -EINVAL;
	mutex_lock(&mem->lock);
	slot = logged_slot(mem, log.slot);
	if (slot)
		r = clear_log(mem, slot, &log, user_bitmap(log.padding2));
	mutex_unlock(&mem->lock);
	return r;
}

long dirty_ioctl(struct memory *mem, unsigned int cmd, void __user *arg)
{
	return cmd == KVM_GET_DIRTY_LOG ? ioctl_get(mem, arg) : ioctl_clear(mem, arg);
}
