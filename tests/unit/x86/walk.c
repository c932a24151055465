// SPDX-License-Identifier: GPL-2.0-only
/*
 * walk_gva(): every paging mode and every fault by hand-made tables, then random
 * tables against a second walk that is written to be obvious, not fast.
 */
#include <errno.h>

#include "../../../module/x86/walk.h"
#include "test.h"

#define PAGES 16
#define PG (1ULL << 31)
#define WP (1ULL << 16)
#define PSE (1ULL << 4)
#define PAE (1ULL << 5)
#define LA57 (1ULL << 12)
#define SMEP (1ULL << 20)
#define SMAP (1ULL << 21)
#define PKE (1ULL << 22)
#define LMA (1ULL << 10 | 1ULL << 8)
#define NXE (1ULL << 11)
#define AC (1ULL << 18)

#define P 1ULL
#define W 2ULL
#define U 4ULL
#define PS 0x80ULL
#define NX (1ULL << 63)
#define ALL (P | W | U)

#define E_P 1
#define E_W 2
#define E_U 4
#define E_RSVD 8
#define E_ID 16
#define E_PK 32

static u8 ram[PAGES][4096];
static unsigned int reads;

static int read_ram(void *ctx, u64 gpa, void *entry, u32 len)
{
	(void)ctx;
	reads++;
	if (gpa + len > sizeof(ram) || gpa % len)
		return -EFAULT;
	memcpy(entry, &ram[0][0] + gpa, len);
	return 0;
}

static void put(u64 gpa, u64 v, unsigned int len)
{
	memcpy(&ram[0][0] + gpa, &v, len);
}

/* Tables at 1000 (root) to 5000, whose entry for GVA leads on; leaf 7000. */
struct hand {
	const char *name;
	u64 cr0, cr4, efer, gva;
	u64 entry[5]; /* from the root: flags, and address if not the default */
	u32 access;
	int rc;
	u32 error; /* rc 1 */
	u64 gpa; /* rc 0 */
	u64 rflags;
	u32 pkru;
	u8 phys_bits; /* 0: 46 */
	s8 vector; /* 0: #PF */
};

#define LONG4 .cr0 = PG | WP, .cr4 = PAE, .efer = LMA | NXE, \
	.gva = 0xffff923456789abc
#define LONG4_CR4(bits) .cr0 = PG | WP, .cr4 = PAE | (bits), \
	.efer = LMA | NXE, .gva = 0xffff923456789abc
#define PAE3 .cr0 = PG | WP, .cr4 = PAE, .efer = NXE, .gva = 0xc5678abc
#define PLAIN .cr0 = PG | WP, .cr4 = PSE, .gva = 0xc5678abc
#define WALKS .gpa = 0x7abc
#define FAULTS(e) .rc = 1, .error = (e)

static const struct hand hands[] = {
	{ .name = "no paging", .gva = 0x112345678, .gpa = 0x12345678 },
	{ .name = "32-bit", PLAIN, .entry = { ALL, ALL }, WALKS },
	{ .name = "32-bit, absent directory entry", PLAIN, .entry = { 6, ALL },
	  FAULTS(0) },
	{ .name = "32-bit, absent page, user write", PLAIN,
	  .entry = { ALL, 6 }, .access = WALK_USER | WALK_WRITE,
	  FAULTS(E_U | E_W) },
	{ .name = "32-bit, upper half of the address ignored",
	  .cr0 = PG, .gva = 0x1c5678abc, .entry = { ALL, ALL }, WALKS },
	{ .name = "PSE", PLAIN, .entry = { ALL | PS | 0x00400000 },
	  .gpa = 0x678abc },
	{ .name = "PSE-36", PLAIN, .phys_bits = 36,
	  .entry = { ALL | PS | 0x0041e000 }, .gpa = 0xf00678abc },
	{ .name = "PSE-36 beyond MAXPHYADDR", PLAIN, .phys_bits = 36,
	  .entry = { ALL | PS | 0x00420000 }, FAULTS(E_P | E_RSVD) },
	{ .name = "PSE, bit 21", PLAIN, .entry = { ALL | PS | 0x00200000 },
	  FAULTS(E_P | E_RSVD) },
	{ .name = "PS without CR4.PSE", .cr0 = PG, .gva = 0xc5678abc,
	  .entry = { ALL | PS, ALL }, WALKS },
	{ .name = "PAE", PAE3, .entry = { P, ALL, ALL }, WALKS },
	{ .name = "PAE, absent pointer", PAE3, .entry = { 0, ALL, ALL },
	  FAULTS(0) },
	{ .name = "PAE, reserved bit of a pointer", PAE3,
	  .entry = { P | W, ALL, ALL }, FAULTS(E_P | E_RSVD) },
	{ .name = "PAE, NX of a pointer", PAE3, .entry = { P | NX, ALL, ALL },
	  FAULTS(E_P | E_RSVD) },
	{ .name = "PAE, user reads", PAE3, .entry = { P, ALL, ALL },
	  .access = WALK_USER, WALKS },
	{ .name = "PAE, 2M", PAE3, .entry = { P, ALL | PS | 0x400000 },
	  .gpa = 0x478abc },
	{ .name = "PAE, 2M, bit 13", PAE3, .entry = { P, ALL | PS | 0x2000 },
	  FAULTS(E_P | E_RSVD) },
	{ .name = "PAE, bit 60", PAE3, .entry = { P, ALL, ALL | 1ULL << 60 },
	  FAULTS(E_P | E_RSVD) },
	{ .name = "PAE, NX", PAE3, .entry = { P, ALL, ALL | NX },
	  .access = WALK_FETCH, FAULTS(E_P | E_ID) },
	{ .name = "PAE, NX without NXE", .cr0 = PG, .cr4 = PAE,
	  .gva = 0xc5678abc, .entry = { P, ALL, ALL | NX },
	  .access = WALK_FETCH, FAULTS(E_P | E_RSVD) },
	{ .name = "4 levels", LONG4, .entry = { ALL, ALL, ALL, ALL }, WALKS },
	{ .name = "4 levels, absent 4", LONG4, .entry = { 0, ALL, ALL, ALL },
	  FAULTS(0) },
	{ .name = "4 levels, absent 1, user fetch", LONG4,
	  .entry = { ALL, ALL, ALL, 0 }, .access = WALK_USER | WALK_FETCH,
	  FAULTS(E_U | E_ID) },
	{ .name = "4 levels, ignored bits", LONG4,
	  .entry = { ALL | 0x7ffULL << 52, ALL, ALL, ALL | 0xe00 }, WALKS },
	{ .name = "4 levels, PS in level 4", LONG4,
	  .entry = { ALL | PS, ALL, ALL, ALL }, FAULTS(E_P | E_RSVD) },
	{ .name = "4 levels, beyond MAXPHYADDR", LONG4, .phys_bits = 40,
	  .entry = { ALL, ALL, ALL | 1ULL << 40, ALL },
	  FAULTS(E_P | E_RSVD) },
	{ .name = "reserved wins over rights", LONG4, .access = WALK_USER,
	  .entry = { P, ALL, ALL, ALL | 1ULL << 50 },
	  FAULTS(E_P | E_RSVD | E_U) },
	{ .name = "absent wins over rights", LONG4, .access = WALK_USER,
	  .entry = { P, ALL, ALL, 0 }, FAULTS(E_U) },
	{ .name = "1G", LONG4, .entry = { ALL, ALL | PS | 0x40000000 },
	  .gpa = 0x56789abc },
	{ .name = "1G, bit 29", LONG4, .entry = { ALL, ALL | PS | 0x20000000 },
	  FAULTS(E_P | E_RSVD) },
	{ .name = "2M", LONG4, .entry = { ALL, ALL, ALL | PS | 0x600000 },
	  .gpa = 0x789abc },
	{ .name = "2M, PAT bit", LONG4, .entry = { ALL, ALL, ALL | PS | 0x1000 },
	  .gpa = 0x189abc },
	{ .name = "4K, PAT bit is no PS", LONG4,
	  .entry = { ALL, ALL, ALL, ALL | PS }, WALKS },
	{ .name = "user, supervisor page", LONG4, .access = WALK_USER,
	  .entry = { ALL, ALL, P | W, ALL }, FAULTS(E_P | E_U) },
	{ .name = "user write, read-only at level 3", LONG4,
	  .access = WALK_USER | WALK_WRITE, .entry = { ALL, P | U, ALL, ALL },
	  FAULTS(E_P | E_U | E_W) },
	{ .name = "supervisor write, read-only, WP", LONG4,
	  .access = WALK_WRITE, .entry = { ALL, ALL, ALL, P },
	  FAULTS(E_P | E_W) },
	{ .name = "supervisor write, read-only, no WP", .cr0 = PG, .cr4 = PAE,
	  .efer = LMA, .gva = 0x23456789abc, .access = WALK_WRITE,
	  .entry = { ALL, ALL, ALL, P }, WALKS },
	{ .name = "NX at level 4", LONG4, .access = WALK_FETCH,
	  .entry = { ALL | NX, ALL, ALL, ALL }, FAULTS(E_P | E_ID) },
	{ .name = "fetch without NXE and SMEP has no I/D", .cr0 = PG,
	  .cr4 = PAE, .efer = LMA, .gva = 0x1000, .access = WALK_FETCH,
	  .entry = { ALL, ALL, ALL, 0 }, FAULTS(0) },
	{ .name = "SMEP", LONG4_CR4(SMEP), .access = WALK_FETCH,
	  .entry = { ALL, ALL, ALL, ALL }, FAULTS(E_P | E_ID) },
	{ .name = "SMEP, supervisor page", LONG4_CR4(SMEP),
	  .access = WALK_FETCH, .entry = { ALL, ALL, ALL, P }, WALKS },
	{ .name = "SMEP, user fetches", LONG4_CR4(SMEP),
	  .access = WALK_FETCH | WALK_USER, .entry = { ALL, ALL, ALL, ALL },
	  WALKS },
	{ .name = "SMAP", LONG4_CR4(SMAP), .entry = { ALL, ALL, ALL, ALL },
	  FAULTS(E_P) },
	{ .name = "SMAP with AC", LONG4_CR4(SMAP), .rflags = AC,
	  .entry = { ALL, ALL, ALL, ALL }, WALKS },
	{ .name = "SMAP, implicit, with AC", LONG4_CR4(SMAP), .rflags = AC,
	  .access = WALK_IMPLICIT | WALK_USER,
	  .entry = { ALL, ALL, ALL, ALL }, FAULTS(E_P) },
	{ .name = "SMAP, user", LONG4_CR4(SMAP), .access = WALK_USER,
	  .entry = { ALL, ALL, ALL, ALL }, WALKS },
	{ .name = "SMAP, fetch", LONG4_CR4(SMAP), .access = WALK_FETCH,
	  .entry = { ALL, ALL, ALL, ALL }, WALKS },
	{ .name = "implicit, supervisor page, CPL 3", LONG4,
	  .access = WALK_IMPLICIT | WALK_USER,
	  .entry = { ALL, ALL, ALL, P }, WALKS },
	{ .name = "key, access disabled", LONG4_CR4(PKE), .pkru = 1 << 10,
	  .entry = { ALL, ALL, ALL, ALL | 5ULL << 59 }, FAULTS(E_P | E_PK) },
	{ .name = "key, fetch", LONG4_CR4(PKE), .pkru = 1 << 10,
	  .access = WALK_FETCH,
	  .entry = { ALL, ALL, ALL, ALL | 5ULL << 59 }, WALKS },
	{ .name = "key, supervisor page", LONG4_CR4(PKE), .pkru = 1 << 10,
	  .entry = { ALL, ALL, ALL, P | 5ULL << 59 }, WALKS },
	{ .name = "key, write disabled, user writes", LONG4_CR4(PKE),
	  .pkru = 2 << 10, .access = WALK_USER | WALK_WRITE,
	  .entry = { ALL, ALL, ALL, ALL | 5ULL << 59 },
	  FAULTS(E_P | E_PK | E_U | E_W) },
	{ .name = "key, write disabled, supervisor, no WP", .cr0 = PG,
	  .cr4 = PAE | PKE, .efer = LMA, .gva = 0x1abc, .pkru = 2 << 10,
	  .access = WALK_WRITE, .entry = { ALL, ALL, ALL, ALL | 5ULL << 59 },
	  WALKS },
	{ .name = "key, write disabled, read", LONG4_CR4(PKE),
	  .pkru = 2 << 10, .entry = { ALL, ALL, ALL, ALL | 5ULL << 59 },
	  WALKS },
	{ .name = "key of a 2M page", LONG4_CR4(PKE), .pkru = 1u << 30,
	  .entry = { ALL, ALL, ALL | PS | 15ULL << 59 }, FAULTS(E_P | E_PK) },
	{ .name = "5 levels", .cr0 = PG, .cr4 = PAE | LA57, .efer = LMA,
	  .gva = 0xff12923456789abc, .entry = { ALL, ALL, ALL, ALL, ALL },
	  WALKS },
	{ .name = "5 levels, PS in level 5", .cr0 = PG, .cr4 = PAE | LA57,
	  .efer = LMA, .gva = 0xff12923456789abc,
	  .entry = { ALL | PS, ALL, ALL, ALL, ALL }, FAULTS(E_P | E_RSVD) },
	{ .name = "5 levels, not canonical", .cr0 = PG, .cr4 = PAE | LA57,
	  .efer = LMA, .gva = 0xfe12923456789abc, FAULTS(0), .vector = X86_GP },
	{ .name = "4 levels, not canonical", .cr0 = PG, .cr4 = PAE,
	  .efer = LMA, .gva = 0x0000923456789abc, FAULTS(0),
	  .vector = X86_GP },
	{ .name = "table beyond memory", LONG4,
	  .entry = { ALL, ALL, ALL | 0x10000000, ALL }, .rc = -EFAULT },
};

static struct walk_paging paging(const struct hand *h)
{
	return (struct walk_paging){
		.cr0 = h->cr0, .cr3 = 0x1018 & (h->efer & LMA ? ~0 : ~0x1f),
		.cr4 = h->cr4, .efer = h->efer, .rflags = h->rflags,
		.phys_bits = h->phys_bits ? h->phys_bits : 46,
		.pkru = h->pkru, .nx = true,
	};
}

/* Table k of the walk is at (k + 1) << 12; the last one leads to 7000. */
static void lay_out(const struct hand *h)
{
	bool plain = !(h->cr4 & PAE);
	unsigned int levels = plain ? 2 : !(h->efer & LMA) ? 3 :
			      h->cr4 & LA57 ? 5 : 4;
	unsigned int bits = plain ? 10 : 9, k;

	memset(ram, 0, sizeof(ram));
	for (k = 0; k < levels; k++) {
		unsigned int shift = 12 + bits * (levels - 1 - k);
		u64 gva = h->efer & LMA ? h->gva : (u32)h->gva;
		u64 index = (gva >> shift) & ((1u << bits) - 1);
		u64 e = h->entry[k];

		bool last = k == levels - 1;
		bool large = (e & PS) && !last && (!plain || h->cr4 & PSE);

		if (!large && !(e & 0x000ffffffffff000))
			e |= last ? 0x7000 : (k + 2) << 12;
		if (plain)
			put(((k + 1) << 12) + 4 * index, e, 4);
		else
			put(((k + 1) << 12) + 8 * index, e, 8);
	}
}

static void by_hand(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(hands); i++) {
		const struct hand *h = &hands[i];
		struct walk_paging p = paging(h);
		struct x86_exception ex = { 0 };
		u64 gpa = 0;
		int rc;

		lay_out(h);
		rc = walk_gva(&p, h->gva, h->access, read_ram, NULL, &gpa, &ex);
		CHECK(rc == h->rc, "returns %d (error %x)", rc, ex.error);
		if (rc == 0 && h->rc == 0)
			CHECK(gpa == h->gpa, "at %llx",
			      (unsigned long long)gpa);
		if (rc == 1 && h->rc == 1) {
			u64 cr2 = p.efer & LMA ? h->gva : (u32)h->gva;

			CHECK(ex.vector == (h->vector ? h->vector : X86_PF),
			      "vector %d", ex.vector);
			CHECK(ex.error == h->error, "error %x", ex.error);
			CHECK(ex.has_error, "no error code");
			if (ex.vector == X86_PF)
				CHECK(ex.address == cr2, "CR2 %llx",
				      (unsigned long long)ex.address);
		}
		test_done("walk", h->name);
	}
}

/* The second walk: one bit at a time, after the manual's figures. */
struct step {
	u64 entry;
	int level;
	bool large;
};

static bool bit_reserved(const struct walk_paging *p, const struct step *s,
			 int b)
{
	bool lma = p->efer & LMA & 1 << 10, pae = p->cr4 & PAE;
	bool nxe = p->nx && (p->efer & NXE);

	if (!lma && !pae) {
		if (!s->large)
			return false;
		if (b >= 13 && b <= 20)
			return b - 13 + 32 >= p->phys_bits;
		return b == 21;
	}
	if (!lma && s->level == 3)
		return b == 1 || b == 2 || (b >= 5 && b <= 8) ||
		       b >= p->phys_bits;
	if (b == 63)
		return !nxe;
	if (b >= 52)
		return !lma;
	if (b >= p->phys_bits)
		return true;
	if (b == 7)
		return s->level >= 4;
	if (s->large && b >= 13)
		return b < (s->level == 3 ? 30 : 21);
	return false;
}

static bool allowed(const struct walk_paging *p, u32 access,
		    const struct step *s, int n, bool *key)
{
	bool user_access = (access & WALK_USER) && !(access & WALK_IMPLICIT);
	bool user_page = true, writable = true, nx = false, ok = true;
	bool lma = p->efer & 1 << 10;
	int i;

	for (i = 0; i < n; i++) {
		if (!lma && (p->cr4 & PAE) && s[i].level == 3)
			continue;
		user_page = user_page && (s[i].entry & U);
		writable = writable && (s[i].entry & W);
		nx = nx || (s[i].entry & NX && p->efer & NXE && p->nx &&
			    p->cr4 & PAE);
	}
	if (user_access && !user_page)
		ok = false;
	if (access & WALK_WRITE && !writable &&
	    (user_access || p->cr0 & WP))
		ok = false;
	if (access & WALK_FETCH && nx)
		ok = false;
	if (!user_access && user_page) {
		if (access & WALK_FETCH && p->cr4 & SMEP)
			ok = false;
		if (!(access & WALK_FETCH) && p->cr4 & SMAP)
			if (access & WALK_IMPLICIT || !(p->rflags & AC))
				ok = false;
	}
	*key = false;
	if (lma && p->cr4 & PKE && user_page && !(access & WALK_FETCH)) {
		int k = s[n - 1].entry >> 59 & 15;
		bool ad = p->pkru >> 2 * k & 1, wd = p->pkru >> 2 * k & 2;

		*key = ad || (wd && access & WALK_WRITE &&
			      (user_access || p->cr0 & WP));
	}
	return ok && !*key;
}

static u32 error_code(const struct walk_paging *p, u32 access, u32 error)
{
	if (access & WALK_WRITE)
		error |= E_W;
	if (access & WALK_USER && !(access & WALK_IMPLICIT))
		error |= E_U;
	if (access & WALK_FETCH &&
	    (p->cr4 & SMEP || (p->cr4 & PAE && p->nx && p->efer & NXE)))
		error |= E_ID;
	return error;
}

static int obvious(const struct walk_paging *p, u64 gva, u32 access, u64 *gpa,
		   u32 *error)
{
	bool lma = p->efer & 1 << 10, pae = p->cr4 & PAE, key;
	int levels = lma ? (p->cr4 & LA57 ? 5 : 4) : pae ? 3 : 2;
	int bits = pae ? 9 : 10, len = pae ? 8 : 4, n = 0, level, b, rc;
	u64 phys = ((1ULL << p->phys_bits) - 1) & ~0xfffULL, table;
	struct step s[5];

	table = lma ? p->cr3 & phys : pae ? p->cr3 & 0xffffffe0 :
					    p->cr3 & 0xfffff000;
	for (level = levels; level >= 1; level--) {
		int shift = 12 + bits * (level - 1);
		u64 i = gva >> shift & ((1 << bits) - 1);
		struct step *t = &s[n++];

		*t = (struct step){ .level = level };
		rc = read_ram(NULL, table + i * len, &t->entry, len);
		if (rc)
			return rc;
		*error = error_code(p, access, 0);
		if (!(t->entry & P))
			return 1;
		if (t->entry & PS && level > 1 && level < 4)
			t->large = pae ? level == 2 || lma : !!(p->cr4 & PSE);
		for (b = 0; b < 64; b++)
			if (t->entry >> b & 1 && bit_reserved(p, t, b)) {
				*error = error_code(p, access, E_P | E_RSVD);
				return 1;
			}
		table = pae ? t->entry & phys & 0xffffffffff000 :
			      t->entry & 0xfffff000;
		if (level == 1 || t->large) {
			u64 size = 1ULL << shift;

			if (t->large && !pae)
				table |= (t->entry >> 13 & 0xff) << 32;
			*gpa = (table & ~(size - 1)) | (gva & (size - 1));
			break;
		}
	}
	if (!allowed(p, access, s, n, &key)) {
		*error = error_code(p, access, E_P | (key ? E_PK : 0));
		return 1;
	}
	return 0;
}

static u64 random_entry(unsigned int next)
{
	u64 e = (u64)next << 12 | ALL, r = rnd();

	if (!(r & 0xf))
		e &= ~P;
	if (!(r & 0x70))
		e &= ~W;
	if (!(r & 0x700))
		e &= ~U;
	if (!(r & 0x7000))
		e |= PS;
	if (!(r & 0x70000))
		e |= NX;
	if (!(r & 0x1f00000)) /* any bit at all */
		e |= 1ULL << (r >> 32 & 63);
	if (!(r & 0xe000000)) /* what a large page may have */
		e = (e & ~0x3ffff000ULL) | PS | (r >> 34 & 7) << 30;
	e |= (r >> 40 & 15) << 59 & (r & 0x40000000 ? 0 : ~0ULL);
	return e | (r >> 50 & 0x660);
}

static void randomly(unsigned long count)
{
	unsigned long walked = 0, faulted = 0, keys = 0;

	while (count--) {
		struct walk_paging p = { .cr0 = PG, .cr3 = 0x1000 };
		struct x86_exception ex = { 0 };
		u64 r = rnd(), gva = rnd(), gpa = 0, want = 0;
		u32 access = r & 15, error = 0, k;
		int rc, ref;

		p.cr0 |= r & 16 ? WP : 0;
		p.cr4 = (r & 0x60 ? PAE : 0) | (r & 0x80 ? PSE : 0) |
			(r & 0x100 ? SMEP : 0) | (r & 0x600 ? 0 : SMAP) |
			(r & 0x800 ? PKE : 0) | (r & 0x1000 ? LA57 : 0);
		p.efer = (r & 0x6000 && p.cr4 & PAE ? LMA : 0) |
			 (r & 0x18000 ? NXE : 0);
		p.nx = r & 0x60000;
		p.rflags = r & 0x80000 ? AC : 0;
		p.phys_bits = 32 + (r >> 32) % 21;
		p.pkru = rnd() & rnd();
		if (p.efer & LMA)
			gva = p.cr4 & LA57 ? (u64)((s64)(gva << 7) >> 7) :
					     (u64)((s64)(gva << 16) >> 16);
		for (k = 0; k < 5; k++) {
			u64 e = random_entry(k + 2);
			bool pae = p.cr4 & PAE;
			int levels = p.efer & LMA ? (p.cr4 & LA57 ? 5 : 4) :
				     pae ? 3 : 2;
			int shift = 12 + (pae ? 9 : 10) * (levels - 1 - (int)k);
			u64 i = shift < 12 ? 0 : (p.efer & LMA ? gva :
				(u32)gva) >> shift & (pae ? 511 : 1023);

			if (!(p.efer & LMA) && pae && !k && rnd() & 7)
				e &= ~(W | U | NX | PS | 0x1e0);
			put((k + 1) * 4096 + i * (pae ? 8 : 4), e, pae ? 8 : 4);
		}
		rc = walk_gva(&p, gva, access, read_ram, NULL, &gpa, &ex);
		if (!(p.efer & LMA))
			gva = (u32)gva;
		ref = obvious(&p, gva, access, &want, &error);
		CHECK(rc == ref, "returns %d, not %d (error %x, %x; access %x)",
		      rc, ref, ex.error, error, access);
		if (!rc && !ref)
			CHECK(gpa == want, "%llx not %llx",
			      (unsigned long long)gpa,
			      (unsigned long long)want);
		if (rc == 1 && ref == 1)
			CHECK(ex.error == error && ex.address == gva &&
			      ex.vector == X86_PF && ex.has_error,
			      "error %x not %x", ex.error, error);
		walked += !rc;
		faulted += rc == 1;
		keys += rc == 1 && ex.error & E_PK;
	}
	printf("# %lu walked, %lu faulted, %lu by key\n", walked, faulted, keys);
	CHECK(walked > 1000 && faulted > 1000 && keys > 100, "too few");
}

int main(void)
{
	test_seed_from_env();
	by_hand();
	randomly(400000);
	test_done("walk", "random tables as the obvious walk has them");
	return test_exit();
}
