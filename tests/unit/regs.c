// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every register in both modes, held against tables written from SDM 3A
 * "Local APIC Register Address Map" and "x2APIC Register Address Space".
 */
#include "fixture.h"

#define REGS_NO_READ 1
#define REGS_NO_WRITE 2

/* x2APIC: MSR, rights, bits that a write may have set without a fault. */
static const struct regs_msr {
	u8 first, last; /* low byte of the MSR number */
	u8 flags;
	u64 allowed;
} regs_msrs[] = {
	{ 0x02, 0x03, REGS_NO_WRITE },
	{ 0x08, 0x08, 0, 0xff },
	{ 0x0a, 0x0a, REGS_NO_WRITE },
	{ 0x0b, 0x0b, REGS_NO_READ, 0 },
	{ 0x0d, 0x0d, REGS_NO_WRITE },
	{ 0x0f, 0x0f, 0, 0x13ff },
	{ 0x10, 0x27, REGS_NO_WRITE },
	{ 0x28, 0x28, 0, 0 },
	{ 0x2f, 0x2f, 0, 0x117ff },
	{ 0x30, 0x30, 0, 0xffffffff000cdfffULL },
	{ 0x32, 0x32, 0, 0x710ff },
	{ 0x33, 0x34, 0, 0x117ff },
	{ 0x35, 0x36, 0, 0x1f7ff },
	{ 0x37, 0x37, 0, 0x110ff },
	{ 0x38, 0x38, 0, 0xffffffff },
	{ 0x39, 0x39, REGS_NO_WRITE },
	{ 0x3e, 0x3e, 0, 0xb },
	{ 0x3f, 0x3f, REGS_NO_READ, 0xff },
};

static const struct regs_msr *regs_find(u32 low)
{
	u32 i;

	for (i = 0; i < ARRAY_SIZE(regs_msrs); i++)
		if (low >= regs_msrs[i].first && low <= regs_msrs[i].last)
			return &regs_msrs[i];
	return NULL;
}

TEST(regs_x2apic_rights)
{
	struct lapic *l;
	u32 low, bit;
	u64 val;

	for (low = 0; low < 0x100; low++) {
		const struct regs_msr *m = regs_find(low);

		l = fixture_x2apic(0x12);
		CHECK_ROW(low, lapic_rdmsr(l, 0x800 + low, 0, &val),
			  m && !(m->flags & REGS_NO_READ));
		for (bit = 0; bit < 64; bit++) {
			bool good = m && !(m->flags & REGS_NO_WRITE) &&
				    (m->allowed >> bit & 1);
			u32 effects;

			l = fixture_x2apic(0x12);
			effects = fixture_wrmsr(l, 0x800 + low, 1ULL << bit);
			CHECK_ROW(low << 8 | bit,
				  !(effects & LAPIC_OUT_FAULT), good);
		}
		CHECK_ROW(low, !(fixture_wrmsr(l, 0x800 + low, 0) &
				 LAPIC_OUT_FAULT),
			  m && !(m->flags & REGS_NO_WRITE));
	}
}

/* A fault has changed nothing. */
TEST(regs_x2apic_fault_is_clean)
{
	static u8 before[4096];
	struct lapic *l = fixture_x2apic(0x12);
	u32 low;

	lapic_wrmsr(l, 0x832, 0x20040, 0, &fixture_out);
	memcpy(before, fixture_page, sizeof(before));
	for (low = 0; low < 0x100; low++) {
		if (fixture_wrmsr(l, 0x800 + low, 1ULL << 63 | 1ULL << 31) !=
		    LAPIC_OUT_FAULT)
			continue;
		CHECK_ROW(low, memcmp(before, fixture_page, sizeof(before)), 0);
	}
}

TEST(regs_x2apic_needs_the_mode)
{
	struct lapic *l = fixture_xapic(1);
	u64 val;

	CHECK(!lapic_rdmsr(l, 0x802, 0, &val));
	CHECK_EQ(fixture_wrmsr(l, 0x80b, 0), LAPIC_OUT_FAULT);
}

TEST(regs_x2apic_without_cmci_and_deadline)
{
	struct lapic *l = fixture_x2apic(1);
	struct lapic_config config = l->config;
	u64 val;

	config.cmci = false;
	config.tsc_deadline = false;
	config.eoi_suppress = false;
	lapic_configure(l, &config);
	CHECK(!lapic_rdmsr(l, 0x82f, 0, &val));
	CHECK_EQ(fixture_wrmsr(l, 0x82f, 0), LAPIC_OUT_FAULT);
	CHECK_EQ(fixture_wrmsr(l, 0x832, 2 << 17), LAPIC_OUT_FAULT);
	CHECK_EQ(fixture_wrmsr(l, 0x832, 1 << 17), 0);
	CHECK_EQ(fixture_wrmsr(l, 0x80f, 0x11ff), LAPIC_OUT_FAULT);
	CHECK_EQ(fixture_wrmsr(l, 0x80f, 0x1f0), 0);
	CHECK_EQ(lapic_get(l, LAPIC_SVR), 0x1f0);
}

/* xAPIC: what is stored when all ones are written; -1 for read-only. */
static const struct regs_mmio {
	u32 reg;
	u32 ones;
	u32 zeros;
	bool readonly;
} regs_mmios[] = {
	{ 0x020, 0xff000000, 0 },
	{ 0x030, 0x01060014, 0x01060014, true },
	{ 0x080, 0xff, 0 },
	{ 0x090, 0, 0, true },
	{ 0x0a0, 0, 0, true },
	{ 0x0b0, 0, 0 },
	{ 0x0c0, 0, 0, true },
	{ 0x0d0, 0xff000000, 0 },
	{ 0x0e0, 0xffffffff, 0x0fffffff },
	{ 0x0f0, 0x11ff, 0 },
	{ 0x100, 0, 0, true }, { 0x110, 0, 0, true }, { 0x120, 0, 0, true },
	{ 0x130, 0, 0, true }, { 0x140, 0, 0, true }, { 0x150, 0, 0, true },
	{ 0x160, 0, 0, true }, { 0x170, 0, 0, true }, { 0x180, 0, 0, true },
	{ 0x190, 0, 0, true }, { 0x1a0, 0, 0, true }, { 0x1b0, 0, 0, true },
	{ 0x1c0, 0, 0, true }, { 0x1d0, 0, 0, true }, { 0x1e0, 0, 0, true },
	{ 0x1f0, 0, 0, true }, { 0x200, 0, 0, true }, { 0x210, 0, 0, true },
	{ 0x220, 0, 0, true }, { 0x230, 0, 0, true }, { 0x240, 0, 0, true },
	{ 0x250, 0, 0, true }, { 0x260, 0, 0, true }, { 0x270, 0, 0, true },
	{ 0x280, 0, 0 },
	{ 0x2f0, 0x107ff, 0 },
	{ 0x300, 0xffffefff, 0 },
	{ 0x310, 0xff000000, 0 },
	{ 0x320, 0x700ff, 0 },
	{ 0x330, 0x107ff, 0 },
	{ 0x340, 0x107ff, 0 },
	{ 0x350, 0x1a7ff, 0 },
	{ 0x360, 0x1a7ff, 0 },
	{ 0x370, 0x100ff, 0 },
	{ 0x380, 0xffffffff, 0 },
	{ 0x390, 0, 0, true },
	{ 0x3e0, 0xb, 0 },
};

TEST(regs_xapic_values)
{
	u32 i, reg;

	for (i = 0; i < ARRAY_SIZE(regs_mmios); i++) {
		const struct regs_mmio *m = &regs_mmios[i];
		struct lapic *l = fixture_xapic(0);

		reg = m->reg;
		fixture_write(l, reg, 0xffffffff, 0);
		/* 3 is no timer mode; all ones is one-shot there. */
		CHECK_ROW(reg, lapic_read(l, reg, 0), m->ones);
		fixture_write(l, reg, 0, 0);
		if (reg != 0xf0)
			CHECK_ROW(reg, lapic_read(l, reg, 0), m->zeros);
		CHECK_ROW(reg, l->esr_pending & BIT(7), 0);
	}
}

TEST(regs_xapic_reserved_addresses)
{
	u32 reg, i;

	for (reg = 0; reg < 0x400; reg += 16) {
		bool exists = false;
		struct lapic *l;

		for (i = 0; i < ARRAY_SIZE(regs_mmios); i++)
			exists |= regs_mmios[i].reg == reg;
		l = fixture_xapic(0);
		CHECK_ROW(reg, exists || lapic_read(l, reg, 0) == 0, true);
		fixture_write(l, LAPIC_ESR, 0, 0);
		CHECK_ROW(reg, !(lapic_read(l, LAPIC_ESR, 0) & BIT(7)), exists);
		l = fixture_xapic(0);
		fixture_write(l, reg, 0, 0);
		fixture_write(l, LAPIC_ESR, 0, 0);
		CHECK_ROW(reg, !(lapic_read(l, LAPIC_ESR, 0) & BIT(7)), exists);
	}
}

TEST(regs_version)
{
	struct lapic *l = fixture_xapic(0);
	struct lapic_config config = l->config;
	u32 i;

	for (i = 0; i < 4; i++) {
		config.cmci = i & 1;
		config.eoi_suppress = i & 2;
		lapic_configure(l, &config);
		CHECK_ROW(i, lapic_read(l, LAPIC_VERSION, 0),
			  0x14 | (i & 1 ? 6 : 5) << 16 | (i & 2 ? 1 << 24 : 0));
	}
}

TEST(regs_svr_disable_masks_lvt)
{
	static const u32 lvt[] = { 0x2f0, 0x320, 0x330, 0x340,
				   0x350, 0x360, 0x370 };
	struct lapic *l = fixture_xapic(0);
	u32 i;

	for (i = 0; i < ARRAY_SIZE(lvt); i++) {
		fixture_write(l, lvt[i], 0x40, 0);
		CHECK_ROW(i, lapic_read(l, lvt[i], 0), 0x40);
	}
	CHECK_EQ(fixture_write(l, LAPIC_SVR, 0xff, 0), LAPIC_OUT_DEST);
	CHECK(!lapic_enabled(l));
	for (i = 0; i < ARRAY_SIZE(lvt); i++) {
		CHECK_ROW(i, lapic_read(l, lvt[i], 0), 0x10040);
		fixture_write(l, lvt[i], 0x41, 0);
		CHECK_ROW(i, lapic_read(l, lvt[i], 0), 0x10041);
	}
	CHECK_EQ(fixture_write(l, LAPIC_SVR, 0x1ff, 0), LAPIC_OUT_DEST);
	CHECK_EQ(fixture_write(l, LAPIC_SVR, 0x1fe, 0), 0);
	CHECK_EQ(lapic_read(l, LAPIC_LVT_TIMER, 0), 0x10041);
}

TEST(regs_address_effects)
{
	static const u32 regs[] = { LAPIC_ID, LAPIC_LDR, LAPIC_DFR };
	struct lapic *l = fixture_xapic(0);
	u32 i;

	for (i = 0; i < ARRAY_SIZE(regs); i++) {
		CHECK_ROW(i, fixture_write(l, regs[i], 0x12000000, 0),
			  LAPIC_OUT_DEST);
		CHECK_ROW(i, fixture_write(l, regs[i], 0x12000000, 0), 0);
	}
	CHECK_EQ(lapic_read(l, LAPIC_DFR, 0), 0x1fffffff);
}

TEST(regs_esr)
{
	struct lapic *l = fixture_xapic(0);

	fixture_write(l, LAPIC_LVT_ERROR, 0xfe, 0);
	/* Send illegal vector: an interrupt, once until ESR is written. */
	CHECK_EQ(fixture_write(l, LAPIC_ICR, 0x0f, 0), LAPIC_OUT_EVENT);
	CHECK_EQ(lapic_next(l), 0xfe);
	lapic_accept(l, 0xfe);
	fixture_eoi(l);
	CHECK_EQ(fixture_write(l, LAPIC_ICR, 0x0f, 0), 0);
	CHECK_EQ(lapic_next(l), -1);
	/* Another kind of error is news. */
	CHECK_EQ(fixture_write(l, 0x3f0, 0, 0), LAPIC_OUT_EVENT);
	CHECK_EQ(lapic_read(l, LAPIC_ESR, 0), 0);
	fixture_write(l, LAPIC_ESR, 0xffffffff, 0);
	CHECK_EQ(lapic_read(l, LAPIC_ESR, 0), BIT(5) | BIT(7));
	CHECK_EQ(fixture_write(l, LAPIC_ICR, 0x0f, 0), LAPIC_OUT_EVENT);
	fixture_write(l, LAPIC_ESR, 0, 0);
	fixture_write(l, LAPIC_ESR, 0, 0);
	CHECK_EQ(lapic_read(l, LAPIC_ESR, 0), 0);
}

TEST(regs_esr_masked_still_collects)
{
	struct lapic *l = fixture_xapic(0);

	CHECK_EQ(fixture_write(l, LAPIC_ICR, 1, 0), 0);
	fixture_write(l, LAPIC_ESR, 0, 0);
	CHECK_EQ(lapic_read(l, LAPIC_ESR, 0), BIT(5));
	/* A local source with an illegal vector is an error like the others. */
	fixture_write(l, LAPIC_LVT_ERROR, 0xfe, 0);
	fixture_write(l, LAPIC_LVT_THERMAL, 0x0f, 0);
	fixture_out.effects = 0;
	lapic_local(l, LAPIC_LVT_THERMAL, &fixture_out);
	CHECK_EQ(fixture_out.effects, LAPIC_OUT_EVENT);
	CHECK_EQ(lapic_next(l), 0xfe);
	fixture_write(l, LAPIC_ESR, 0, 0);
	CHECK_EQ(lapic_read(l, LAPIC_ESR, 0), BIT(6));
	/* An illegal vector in the error LVT itself must not recurse. */
	fixture_write(l, LAPIC_LVT_ERROR, 0x05, 0);
	CHECK_EQ(fixture_write(l, LAPIC_ICR, 1, 0), 0);
	fixture_write(l, LAPIC_ESR, 0, 0);
	CHECK_EQ(lapic_read(l, LAPIC_ESR, 0), BIT(5) | BIT(6));
}

TEST(regs_read_only_and_write_only)
{
	struct lapic *l = fixture_xapic(0);

	fixture_post(l, 0x51, false);
	CHECK_EQ(lapic_next(l), 0x51);
	lapic_accept(l, 0x51);
	CHECK_EQ(lapic_read(l, LAPIC_EOI, 0), 0);
	CHECK_EQ(lapic_read(l, LAPIC_PPR, 0), 0x50);
	CHECK_EQ(lapic_read(l, LAPIC_ISR + 0x20, 0), BIT(17));
	fixture_write(l, LAPIC_ISR + 0x20, 0, 0);
	CHECK_EQ(lapic_read(l, LAPIC_ISR + 0x20, 0), BIT(17));
	fixture_write(l, LAPIC_EOI, 0x1234, 0);
	CHECK_EQ(lapic_read(l, LAPIC_ISR + 0x20, 0), 0);
	CHECK_EQ(lapic_read(l, LAPIC_PPR, 0), 0);
}

TEST(regs_cr8_is_tpr)
{
	struct lapic *l = fixture_x2apic(0);
	u64 val;

	lapic_set_cr8(l, 0xb, &fixture_out);
	CHECK(lapic_rdmsr(l, 0x808, 0, &val));
	CHECK_EQ(val, 0xb0);
	CHECK_EQ(fixture_wrmsr(l, 0x808, 0x7f), 0);
	CHECK_EQ(lapic_get_cr8(l), 7);
	CHECK(lapic_rdmsr(l, 0x80a, 0, &val));
	CHECK_EQ(val, 0x7f);
	fixture_post(l, 0x61, false);
	CHECK_EQ(lapic_next(l), -1);
	CHECK_EQ(lapic_highest_irr(l), 0x61);
	CHECK_EQ(fixture_wrmsr(l, 0x808, 0x60), LAPIC_OUT_EVENT);
	CHECK_EQ(lapic_next(l), -1);
	CHECK_EQ(fixture_wrmsr(l, 0x808, 0x5f), LAPIC_OUT_EVENT);
	CHECK_EQ(lapic_next(l), 0x61);
}

#define REGS_TESTS(T)                                                          \
	T(regs_x2apic_rights)                                                  \
	T(regs_x2apic_fault_is_clean)                                          \
	T(regs_x2apic_needs_the_mode)                                          \
	T(regs_x2apic_without_cmci_and_deadline)                               \
	T(regs_xapic_values)                                                   \
	T(regs_xapic_reserved_addresses)                                       \
	T(regs_version)                                                        \
	T(regs_svr_disable_masks_lvt)                                          \
	T(regs_address_effects)                                                \
	T(regs_esr)                                                            \
	T(regs_esr_masked_still_collects)                                      \
	T(regs_read_only_and_write_only)                                       \
	T(regs_cr8_is_tpr)

CHECK_MAIN(regs, REGS_TESTS)
