// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reading the instruction at RIP: what an exit costs where the CPU doesn't say
 * where the instruction ends, or what it was. The quick way takes what nearly
 * every guest is like (4-level paging, one large slot) and what every exit is
 * sure of (hardware has just fetched these bytes, so no check can fail); all
 * else goes the long way through module/x86.
 */
#include <linux/bits.h>
#include <linux/uaccess.h>
#include <asm/processor-flags.h>

#include "compat/compat.h"
#include "fetch.h"
#include "memory.h"
#include "vm.h"

/* --------------------------------------------------------------- the quick way */

#define PTE_PRESENT BIT_ULL(0)
#define PTE_LARGE BIT_ULL(7)
#define PTE_ADDRESS GENMASK_ULL(51, 12)

static bool four_levels(const struct walk_paging *p)
{
	return (p->efer & BIT(10)) && !(p->cr4 & BIT(12));
}

/* User address of @gpa in @slot; NULL when it isn't there. */
static inline void __user *in_slot(const struct memslot *slot, u64 gpa)
{
	u64 index = (gpa >> PAGE_SHIFT) - slot->gfn;

	if (unlikely(index >= slot->npages))
		return NULL;
	return (void __user *)memslot_hva(slot, gpa);
}

/*
 * Sixteen bytes at @f->linear, nothing faulted in. Return: false when that is
 * not so simple.
 */
static bool read_quick(struct vcpu *vcpu, const struct x86_fetch *f, u64 bytes[2])
{
	const struct memslots *slots = memory_slots(&vcpu->vm->mem);
	const struct memslot *slot = &slots->slot[slots->largest];
	u64 entry = f->paging.cr3, offset;
	unsigned int shift = 39;
	u64 __user *at;

	if (!four_levels(&f->paging) || offset_in_page(f->linear) > PAGE_SIZE - 16)
		return false;
	pagefault_disable();
	__uaccess_begin();
	for (;; shift -= 9) {
		at = in_slot(slot, (entry & PTE_ADDRESS) |
				   ((f->linear >> shift) & 0x1ff) << 3);
		if (!at)
			goto fault;
		unsafe_get_user(entry, at, fault);
		if (!(entry & PTE_PRESENT))
			goto fault;
		if (shift == PAGE_SHIFT || (entry & PTE_LARGE))
			break;
	}
	offset = f->linear & (BIT_ULL(shift) - 1);
	at = in_slot(slot, (entry & PTE_ADDRESS & ~(BIT_ULL(shift) - 1)) | offset);
	if (!at)
		goto fault;
	unsafe_get_user(bytes[0], at, fault);
	unsafe_get_user(bytes[1], at + 1, fault);
	__uaccess_end();
	pagefault_enable();
	return true;
fault:
	__uaccess_end();
	pagefault_enable();
	return false;
}

u8 fetch_length(struct vcpu *vcpu, const struct x86_fetch *f, u16 opcode)
{
	struct x86_insn insn;
	u64 bytes[2];

	/* Without prefixes, as compilers write it: no need to decode. */
	if (opcode && likely(read_quick(vcpu, f, bytes))) {
		if (opcode > 0xff && (u16)bytes[0] == swab16(opcode))
			return 2;
		if (opcode <= 0xff && (u8)bytes[0] == opcode)
			return 1;
	}
	return fetch_insn(vcpu, f, &insn);
}

u8 fetch_insn(struct vcpu *vcpu, const struct x86_fetch *f, struct x86_insn *insn)
{
	struct x86_exception ex;
	u64 bytes[2];
	u8 n;

	if (f->n && !x86_decode(insn, f->bytes, f->n, f->mode))
		return insn->len;
	if (likely(read_quick(vcpu, f, bytes)))
		return x86_decode(insn, (u8 *)bytes, X86_INSN_MAX, f->mode) ?
			       0 : insn->len;
	if (fetch_decode(vcpu, f, insn, (u8 *)bytes, &n, true, &ex) != FETCHED)
		return 0;
	return insn->len;
}

/* ---------------------------------------------------------------- the long way */

int fetch_entry_atomic(void *ctx, u64 gpa, void *entry, u32 len)
{
	return memory_read_atomic(ctx, gpa, entry, len);
}

int fetch_entry(void *ctx, u64 gpa, void *entry, u32 len)
{
	/* Tables that the guest has put nowhere are no fault of user space's. */
	return memory_hva(ctx, gpa, false) ? memory_read(ctx, gpa, entry, len) : -ENXIO;
}

/* Reads up to the end of the page. Return: bytes, 0 for a guest fault in @ex,
 * or a negative errno.
 */
static int fetch_chunk(struct vcpu *vcpu, const struct x86_fetch *f, u64 linear,
		       u8 *buf, u32 len, bool atomic, struct x86_exception *ex)
{
	struct memory *mem = &vcpu->vm->mem;
	u32 access = WALK_FETCH | (f->user ? WALK_USER : 0);
	u32 n = min_t(u32, len, PAGE_SIZE - (linear & ~PAGE_MASK));
	u64 gpa;
	int r;

	r = walk_gva(&f->paging, linear, access,
		     atomic ? fetch_entry_atomic : fetch_entry, mem, &gpa, ex);
	if (r)
		return r == 1 ? 0 : r;
	r = atomic ? memory_read_atomic(mem, gpa, buf, n) :
		     memory_read(mem, gpa, buf, n);
	return r ?: n;
}

int fetch_bytes(struct vcpu *vcpu, const struct x86_fetch *f, u8 *buf, u32 len)
{
	struct x86_exception ex;
	u32 n = 0;
	int r;

	while (n < len) {
		r = fetch_chunk(vcpu, f, f->linear + n, buf + n, len - n, false, &ex);
		if (r <= 0)
			return r;
		n += r;
	}
	return FETCHED;
}

int fetch_decode(struct vcpu *vcpu, const struct x86_fetch *f,
			struct x86_insn *insn, u8 *bytes, u8 *len, bool atomic,
			struct x86_exception *ex)
{
	u32 n = 0;
	int r;

	if (f->n && !x86_decode(insn, f->bytes, f->n, f->mode)) {
		memcpy(bytes, f->bytes, f->n);
		*len = f->n;
		return FETCHED;
	}

	while (n < X86_INSN_MAX) {
		r = fetch_chunk(vcpu, f, f->linear + n, bytes + n,
				X86_INSN_MAX - n, atomic, ex);
		if (r <= 0)
			return r;
		n += r;
		*len = n;
		r = x86_decode(insn, bytes, n, f->mode);
		if (!r)
			return FETCHED;
		if (r != -1)
			return -EILSEQ;
	}
	return -EILSEQ;
}

void vcpu_queue_fault(struct vcpu *vcpu, const struct x86_exception *ex)
{
	vcpu_queue_exception(vcpu, ex->vector, ex->has_error, ex->error);
	if (ex->vector == X86_PF) {
		vcpu->event.exception.has_payload = true;
		vcpu->event.exception.payload = ex->address;
	}
}

int vcpu_fetch_in(struct vcpu *vcpu)
{
	struct x86_exception ex;
	struct x86_insn insn;
	struct x86_fetch f;
	u8 bytes[X86_INSN_MAX], n;
	int r;

	vcpu->vm->ops->paging(vcpu, &f);
	r = fetch_decode(vcpu, &f, &insn, bytes, &n, false, &ex);
	if (r == -EILSEQ || r == -EFAULT || r == -ENXIO) {
		/* Hardware executed it, we can't even read it. */
		vcpu_internal_error(vcpu, KVM_INTERNAL_ERROR_EMULATION);
		return 0;
	}
	if (!r)
		vcpu_queue_fault(vcpu, &ex);
	return r < 0 ? r : FETCHED;
}
