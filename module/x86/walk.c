// SPDX-License-Identifier: GPL-2.0-only
/*
 * Guest page walks. One loop over the levels serves every paging mode; what
 * differs is how wide an index is, how large an entry is and which bits of it
 * are reserved.
 *
 * SDM 3A "Paging": "Hierarchical Paging Structures: an Overview", "Access
 * Rights", "Page-Fault Exceptions".
 */
#include "walk.h"

#define CR0_WP BIT_ULL(16)
#define CR0_PG BIT_ULL(31)
#define CR4_PSE BIT_ULL(4)
#define CR4_PAE BIT_ULL(5)
#define CR4_LA57 BIT_ULL(12)
#define CR4_SMEP BIT_ULL(20)
#define CR4_SMAP BIT_ULL(21)
#define CR4_PKE BIT_ULL(22)
#define EFER_LMA BIT_ULL(10)
#define EFER_NXE BIT_ULL(11)
#define FLAG_AC BIT_ULL(18)

#define PTE_P BIT_ULL(0)
#define PTE_W BIT_ULL(1)
#define PTE_U BIT_ULL(2)
#define PTE_PS BIT_ULL(7)
#define PTE_NX BIT_ULL(63)
#define PTE_KEY(e) (((e) >> 59) & 15)

/* Page-fault error code. */
#define ERR_P BIT(0)
#define ERR_W BIT(1)
#define ERR_U BIT(2)
#define ERR_RSVD BIT(3)
#define ERR_ID BIT(4)
#define ERR_PK BIT(5)

enum walk_mode { WALK_32, WALK_PAE, WALK_LONG };

struct walk {
	const struct walk_paging *p;
	enum walk_mode mode;
	u32 access;
	u64 address; /* physical-address bits of a PAE or long-mode entry */
	u64 reserved; /* of any PAE or long-mode entry */
	bool nxe;
};

static int page_fault(const struct walk *w, u64 gva, u32 error,
		      struct x86_exception *ex)
{
	u64 cr4 = w->p->cr4;

	if (w->access & WALK_WRITE)
		error |= ERR_W;
	if (w->access & WALK_USER)
		error |= ERR_U;
	if ((w->access & WALK_FETCH) &&
	    ((cr4 & CR4_SMEP) || ((cr4 & CR4_PAE) && w->nxe)))
		error |= ERR_ID;
	ex->vector = X86_PF;
	ex->has_error = true;
	ex->error = error;
	ex->address = gva;
	return 1;
}

/* Bits of @entry that must be zero; @leaf: it maps a page above level 1. */
static u64 reserved_bits(const struct walk *w, unsigned int level, bool leaf)
{
	u64 r;

	if (w->mode == WALK_32) {
		/* SDM 3A "32-Bit Paging": bits 20:13 are address 39:32. */
		if (!leaf)
			return 0;
		r = BIT_ULL(21);
		if (w->p->phys_bits < 40)
			r |= GENMASK_ULL(20, w->p->phys_bits - 19);
		return r;
	}
	r = w->reserved;
	if (w->mode == WALK_PAE) {
		if (level == 3) /* PDPTE: NX is reserved too */
			return (r | PTE_NX | GENMASK_ULL(8, 5) |
				GENMASK_ULL(2, 1));
		r |= GENMASK_ULL(62, 52);
	} else if (level > 3) {
		r |= PTE_PS;
	}
	if (leaf)
		r |= GENMASK_ULL(12 + 9 * (level - 1) - 1, 13);
	return r;
}

/* Is the protection key of a user page against a data access? */
static bool key_denies(const struct walk *w, u64 entry)
{
	u32 bits;

	if (w->mode != WALK_LONG || !(w->p->cr4 & CR4_PKE) ||
	    (w->access & WALK_FETCH))
		return false;
	bits = w->p->pkru >> (2 * PTE_KEY(entry));
	if (bits & 1)
		return true;
	return (bits & 2) && (w->access & WALK_WRITE) &&
	       ((w->access & WALK_USER) || (w->p->cr0 & CR0_WP));
}

/*
 * SDM 3A "Determination of Access Rights". @rights: W and U set if all levels
 * have them, NX set if any has it. Returns error-code bits, 0 if allowed.
 */
static u32 denied(const struct walk *w, u64 rights, u64 entry)
{
	bool user_page = rights & PTE_U, bad = false;
	u32 access = w->access;

	if (access & WALK_USER) {
		bad = !user_page ||
		      ((access & WALK_WRITE) && !(rights & PTE_W));
	} else {
		if ((access & WALK_WRITE) && !(rights & PTE_W) &&
		    (w->p->cr0 & CR0_WP))
			bad = true;
		if (user_page && (access & WALK_FETCH) &&
		    (w->p->cr4 & CR4_SMEP))
			bad = true;
		if (user_page && !(access & WALK_FETCH) &&
		    (w->p->cr4 & CR4_SMAP) &&
		    ((access & WALK_IMPLICIT) || !(w->p->rflags & FLAG_AC)))
			bad = true;
	}
	if ((access & WALK_FETCH) && (rights & PTE_NX))
		bad = true;
	if (user_page && key_denies(w, entry))
		return ERR_P | ERR_PK;
	return bad ? ERR_P : 0;
}

static int finish(const struct walk *w, u64 gva, u64 entry, unsigned int shift,
		  u64 rights, u64 *gpa, struct x86_exception *ex)
{
	u64 offset = BIT_ULL(shift) - 1;
	u32 error = denied(w, rights, entry);

	if (unlikely(error))
		return page_fault(w, gva, error, ex);
	if (w->mode != WALK_32)
		*gpa = entry & w->address & ~offset;
	else if (shift == 12)
		*gpa = entry & 0xfffff000;
	else
		*gpa = (entry & 0xffc00000) | ((entry >> 13) & 0xff) << 32;
	*gpa |= gva & offset;
	return 0;
}

static int walk_levels(const struct walk *w, u64 gva, u64 table,
		       unsigned int level, walk_read_fn read, void *ctx,
		       u64 *gpa, struct x86_exception *ex)
{
	unsigned int bits = w->mode == WALK_32 ? 10 : 9;
	u32 len = w->mode == WALK_32 ? 4 : 8;
	u64 rights = PTE_W | PTE_U, entry;
	bool leaf;
	int rc;

	for (;; level--) {
		unsigned int shift = 12 + bits * (level - 1);
		u64 index = (gva >> shift) & (BIT_ULL(bits) - 1);

		entry = 0;
		rc = read(ctx, table + index * len, &entry, len);
		if (unlikely(rc))
			return rc;
		if (unlikely(!(entry & PTE_P)))
			return page_fault(w, gva, 0, ex);
		leaf = level > 1 && (entry & PTE_PS) &&
		       (w->mode == WALK_32 ? (w->p->cr4 & CR4_PSE) :
			w->mode == WALK_PAE ? level == 2 :
					      level <= 3);
		if (unlikely(entry & reserved_bits(w, level, leaf)))
			return page_fault(w, gva, ERR_P | ERR_RSVD, ex);
		if (w->mode != WALK_PAE || level != 3) {
			rights &= entry | PTE_NX;
			rights |= entry & PTE_NX;
		}
		if (level == 1 || leaf)
			return finish(w, gva, entry, shift, rights, gpa, ex);
		table = w->mode == WALK_32 ? entry & 0xfffff000 :
					     entry & w->address;
	}
}

int walk_gva(const struct walk_paging *p, u64 gva, u32 access,
	     walk_read_fn read, void *ctx, u64 *gpa, struct x86_exception *ex)
{
	struct walk w = { .p = p, .access = access };
	unsigned int level, unused;
	u64 table;

	if (!(p->cr0 & CR0_PG)) {
		*gpa = gva & 0xffffffff;
		return 0;
	}
	if (access & WALK_IMPLICIT)
		w.access &= ~WALK_USER;
	w.nxe = p->nx && (p->efer & EFER_NXE);
	if (p->phys_bits < 52)
		w.reserved = GENMASK_ULL(51, p->phys_bits);
	w.address = GENMASK_ULL(51, 12) & ~w.reserved;
	if (!w.nxe)
		w.reserved |= PTE_NX;

	if (p->efer & EFER_LMA) {
		w.mode = WALK_LONG;
		level = p->cr4 & CR4_LA57 ? 5 : 4;
		unused = 64 - (12 + 9 * level);
		if ((u64)((s64)(gva << unused) >> unused) != gva) {
			*ex = (struct x86_exception){ .vector = X86_GP,
						      .has_error = true };
			return 1;
		}
		table = p->cr3 & w.address;
	} else {
		gva &= 0xffffffff;
		w.mode = p->cr4 & CR4_PAE ? WALK_PAE : WALK_32;
		level = w.mode == WALK_PAE ? 3 : 2;
		table = p->cr3 & (w.mode == WALK_PAE ? 0xffffffe0 : 0xfffff000);
	}
	return walk_levels(&w, gva, table, level, read, ctx, gpa, ex);
}
