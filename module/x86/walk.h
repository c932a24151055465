/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The guest's own page tables, walked in software to find where an instruction
 * or its operand lies. Pure: guest memory is reached through a callback.
 *
 * SDM 3A "Paging"; APM 2 "Page Translation and Protection".
 */
#ifndef VINTC_X86_WALK_H
#define VINTC_X86_WALK_H

#include "insn.h"

#define WALK_WRITE BIT(0)
#define WALK_FETCH BIT(1)
#define WALK_USER BIT(2) /* CPL 3 access */
#define WALK_IMPLICIT BIT(3) /* supervisor access whatever CPL (SMAP) */

struct walk_paging {
	u64 cr0, cr3, cr4, efer, rflags;
	u8 phys_bits; /* guest MAXPHYADDR, 32..52 */
	u32 pkru;
	bool nx; /* EFER.NXE may be set: CPUID has NX */
};

/**
 * walk_read_fn - read one page-table entry of @len (4 or 8) bytes
 *
 * Return: 0 or a negative errno, which walk_gva() hands back.
 */
typedef int (*walk_read_fn)(void *ctx, u64 gpa, void *entry, u32 len);

/**
 * walk_gva() - translate a linear address
 * @p: paging registers
 * @gva: linear address
 * @access: WALK_... bits
 * @read: reads guest-physical memory
 * @ctx: handed to @read
 * @gpa: result
 * @ex: on 1: the page fault (vector 14 with error code and address), or #GP
 *      for a non-canonical address
 *
 * No paging, 32-bit, PSE, PAE, 4-level and 5-level. Accessed and dirty bits are
 * not set (the access that faulted has set them; a prefetch need not).
 *
 * Return: 0, 1 for a guest exception in @ex, or what @read returned.
 */
int walk_gva(const struct walk_paging *p, u64 gva, u32 access,
	     walk_read_fn read, void *ctx, u64 *gpa, struct x86_exception *ex);

#endif
