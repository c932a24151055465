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
	u64 reserved; /* of any entry but a PDPTE */
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

/* More bits that must be zero in an entry that maps a page above level 1. */
static u64 reserved_large(const struct walk *w, unsigned int level)
{
	u64 r;

	if (w->mode != WALK_32)
		return GENMASK_ULL(12 + 9 * (level - 1) - 1, 13);
	/* SDM 3A "32-Bit Paging": bits 20:13 are address 39:32. */
	r = BIT_ULL(21);
	if (w->p->phys_bits < 40)
		r |= GENMASK_ULL(20, w->p->phys_bits - 19);
	return r;
}

/* Is the protection key of a user page against a data access? */
static bool key_denies(const struct walk *w, u64 entry)
{
	u32 bits;

	if (w->mode != WALK_LONG || (w->access & WALK_FETCH))
		return false;
	bits = w->p->pkru >> (2 * PTE_KEY(entry));
	if (bits & 1)
		return true;
	return (bits & 2) && (w->access & WALK_WRITE) &&
	       ((w->access & WALK_USER) || (w->p->cr0 & CR0_WP));
}

/*
 * SDM 3A "Determination of Access Rights". @all has the bits that every level
 * has, @any those of any. Returns error-code bits, 0 if allowed.
 */
static u32 denied(const struct walk *w, u64 all, u64 any, u64 entry)
{
	const struct walk_paging *p = w->p;
	bool user_page = all & PTE_U, bad;
	bool write = (w->access & WALK_WRITE) && !(all & PTE_W);
	bool fetch = w->access & WALK_FETCH;

	if (w->access & WALK_USER)
		bad = !user_page || write;
	else
		bad = (write && (p->cr0 & CR0_WP)) ||
		      (user_page && fetch && (p->cr4 & CR4_SMEP)) ||
		      (user_page && !fetch && (p->cr4 & CR4_SMAP) &&
		       ((w->access & WALK_IMPLICIT) || !(p->rflags & FLAG_AC)));
	if (fetch && w->nxe && (any & PTE_NX))
		bad = true;
	if (user_page && (p->cr4 & CR4_PKE) && key_denies(w, entry))
		return ERR_P | ERR_PK;
	return bad ? ERR_P : 0;
}

static u64 page_address(const struct walk *w, u64 entry, u64 offset, bool large)
{
	if (w->mode == WALK_32 && large)
		return (entry & 0xffc00000) | ((entry >> 13) & 0xff) << 32;
	return entry & w->address & ~offset;
}

static int walk_levels(const struct walk *w, u64 gva, u64 table,
		       unsigned int level, walk_read_fn read, void *ctx,
		       u64 *gpa, struct x86_exception *ex)
{
	unsigned int bits = w->mode == WALK_32 ? 10 : 9;
	unsigned int shift = 12 + bits * (level - 1);
	u32 len = w->mode == WALK_32 ? 4 : 8, error;
	u64 all = ~0ULL, any = 0, entry, offset;
	bool large = false;
	int rc;

	for (;; level--, shift -= bits) {
		u64 index = (gva >> shift) & (BIT_ULL(bits) - 1);

		entry = 0;
		rc = read(ctx, table + index * len, &entry, len);
		if (unlikely(rc))
			return rc;
		if (unlikely(!(entry & PTE_P)))
			return page_fault(w, gva, 0, ex);
		if (unlikely(entry & w->reserved))
			return page_fault(w, gva, ERR_P | ERR_RSVD, ex);
		all &= entry;
		any |= entry;
		if (level == 1)
			break;
		if ((entry & PTE_PS) &&
		    (w->mode != WALK_32 || (w->p->cr4 & CR4_PSE))) {
			if (level > 3 || (entry & reserved_large(w, level)))
				return page_fault(w, gva, ERR_P | ERR_RSVD, ex);
			large = true;
			break;
		}
		table = entry & w->address;
	}
	error = denied(w, all, any, entry);
	if (unlikely(error))
		return page_fault(w, gva, error, ex);
	offset = BIT_ULL(shift) - 1;
	*gpa = page_address(w, entry, offset, large) | (gva & offset);
	return 0;
}

/*
 * PAE: CR3 leads to four entries that have no rights, only an address. Those
 * that a CPU holds were loaded from memory with CR3; reading them again is what
 * AMD's nested paging does too.
 */
static int walk_pae(struct walk *w, u64 gva, walk_read_fn read, void *ctx,
		    u64 *gpa, struct x86_exception *ex)
{
	u64 entry = 0, table = w->p->cr3 & 0xffffffe0;
	int rc;

	rc = read(ctx, table + 8 * (gva >> 30), &entry, 8);
	if (rc)
		return rc;
	if (!(entry & PTE_P))
		return page_fault(w, gva, 0, ex);
	if (entry & (w->reserved | PTE_NX | GENMASK_ULL(8, 5) |
		     GENMASK_ULL(2, 1)))
		return page_fault(w, gva, ERR_P | ERR_RSVD, ex);
	return walk_levels(w, gva, entry & w->address, 2, read, ctx, gpa, ex);
}

static int walk_long(struct walk *w, u64 gva, walk_read_fn read, void *ctx,
		     u64 *gpa, struct x86_exception *ex)
{
	unsigned int level = w->p->cr4 & CR4_LA57 ? 5 : 4;
	unsigned int unused = 64 - (12 + 9 * level);

	if ((u64)((s64)(gva << unused) >> unused) != gva) {
		*ex = (struct x86_exception){ .vector = X86_GP,
					      .has_error = true };
		return 1;
	}
	return walk_levels(w, gva, w->p->cr3 & w->address, level, read, ctx,
			   gpa, ex);
}

int walk_gva(const struct walk_paging *p, u64 gva, u32 access,
	     walk_read_fn read, void *ctx, u64 *gpa, struct x86_exception *ex)
{
	struct walk w = { .p = p, .access = access };

	if (!(p->cr0 & CR0_PG)) {
		*gpa = gva & 0xffffffff;
		return 0;
	}
	if (access & WALK_IMPLICIT)
		w.access &= ~WALK_USER;
	w.address = 0xfffff000;
	if (!(p->efer & EFER_LMA))
		gva &= 0xffffffff;
	if (!(p->efer & EFER_LMA) && !(p->cr4 & CR4_PAE))
		return walk_levels(&w, gva, p->cr3 & w.address, 2, read, ctx,
				   gpa, ex);

	w.nxe = p->nx && (p->efer & EFER_NXE);
	if (p->phys_bits < 52)
		w.reserved = GENMASK_ULL(51, p->phys_bits);
	w.address = GENMASK_ULL(51, 12) & ~w.reserved;
	if (!w.nxe)
		w.reserved |= PTE_NX;
	if (p->efer & EFER_LMA) {
		w.mode = WALK_LONG;
		return walk_long(&w, gva, read, ctx, gpa, ex);
	}
	w.mode = WALK_PAE;
	w.reserved |= GENMASK_ULL(62, 52);
	return walk_pae(&w, gva, read, ctx, gpa, ex);
}
