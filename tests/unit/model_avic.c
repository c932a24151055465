// SPDX-License-Identifier: GPL-2.0-only
/*
 * The software CPU's AVIC against the manual's text: who does what at each
 * register, where an IPI goes and why it may fail.
 *
 * APM 2 "Advanced Virtual Interrupt Controller".
 */
#include "../../module/model/avic.h"
#include "check.h"

#define AVIC_CPUS 4

static u8 avic_page[AVIC_CPUS][4096] __aligned(4096);
static struct avic avic_cpu[AVIC_CPUS];
static struct avic_tables avic_tab;

/* IDs 0 to 3; 3 doesn't run; flat logical bit n is CPU n. */
static struct avic *avic_fresh(bool x2)
{
	u32 i;

	memset(&avic_tab, 0, sizeof(avic_tab));
	memset(avic_page, 0, sizeof(avic_page));
	memset(avic_cpu, 0, sizeof(avic_cpu));
	avic_tab.max_id = x2 ? X2AVIC_MAX_ID : AVIC_MAX_ID;
	for (i = 0; i < AVIC_CPUS; i++) {
		avic_cpu[i].page = avic_page[i];
		avic_cpu[i].tables = &avic_tab;
		avic_cpu[i].id = i;
		avic_cpu[i].x2 = x2;
		avic_tab.cpu[i] = &avic_cpu[i];
		avic_tab.physical[i] = AVIC_PHYSICAL_VALID |
				       (i < 3 ? AVIC_PHYSICAL_RUNNING : 0) |
				       (u64)(i + 1) << 12;
		avic_tab.logical[i] = AVIC_LOGICAL_VALID | i;
		*(u32 *)(avic_page[i] + LAPIC_DFR) = ~0U;
	}
	return avic_cpu;
}

static u32 avic_reg(u32 cpu, u32 reg)
{
	return *(u32 *)(avic_page[cpu] + reg);
}

static void avic_put(u32 cpu, u32 reg, u32 val)
{
	*(u32 *)(avic_page[cpu] + reg) = val;
}

static bool avic_bit(u32 cpu, u32 base, u8 vector)
{
	return avic_reg(cpu, base + (vector >> 5) * 16) >> (vector & 31) & 1;
}

static u32 avic_requests(u8 vector)
{
	u32 i, set = 0;

	for (i = 0; i < AVIC_CPUS; i++)
		set |= avic_bit(i, LAPIC_IRR, vector) << i;
	return set;
}

static u32 avic_doorbells(void)
{
	u32 i, set = 0;

	for (i = 0; i < AVIC_CPUS; i++)
		set |= avic_cpu[i].doorbell << i;
	return set;
}

/* r: read from the page; a: accelerated, s: stored, t: trap; else a fault. */
static const struct {
	u32 reg;
	bool read;
	char write;
} avic_access[] = {
	{ 0x000, false, 'f' }, { 0x020, true, 't' }, { 0x030, true, 'f' },
	{ 0x080, true, 'a' }, { 0x090, true, 'f' }, { 0x0a0, true, 'f' },
	{ 0x0b0, true, 'a' }, { 0x0c0, true, 't' }, { 0x0d0, true, 't' },
	{ 0x0e0, true, 't' }, { 0x0f0, true, 't' }, { 0x100, true, 'f' },
	{ 0x170, true, 'f' }, { 0x180, true, 'f' }, { 0x200, true, 'f' },
	{ 0x270, true, 'f' }, { 0x280, true, 't' }, { 0x2f0, false, 'f' },
	{ 0x310, true, 's' }, { 0x320, true, 't' }, { 0x330, true, 't' },
	{ 0x340, true, 't' }, { 0x350, true, 't' }, { 0x360, true, 't' },
	{ 0x370, true, 't' }, { 0x380, true, 't' }, { 0x390, false, 'f' },
	{ 0x3e0, true, 't' }, { 0x3f0, false, 'f' }, { 0x400, false, 'f' },
};

TEST(avic_who_does_it)
{
	struct model_exit ex;
	u32 i;
	u64 val;

	for (i = 0; i < ARRAY_SIZE(avic_access); i++) {
		struct avic *a = avic_fresh(false);
		u32 reg = avic_access[i].reg;
		bool exits = avic_access[i].write == 'f' ||
			     avic_access[i].write == 't';

		avic_put(0, reg, 0x87654321);
		if (avic_access[i].read) {
			CHECK_ROW(reg, avic_read(a, reg, 4, &val, &ex), MODEL_DID);
			CHECK_ROW(reg, val, 0x87654321);
		} else {
			CHECK_ROW(reg, avic_read(a, reg, 4, &val, &ex), MODEL_EXITS);
			CHECK_ROW(reg, ex.reason, SVM_EXIT_NOACCEL);
			CHECK_ROW(reg, ex.info[0], reg);
			CHECK_ROW(reg, ex.trap, false);
		}
		CHECK_ROW(reg, avic_write(a, reg, 4, 0x1234, &ex),
			  exits ? MODEL_EXITS : MODEL_DID);
		if (!exits)
			continue;
		CHECK_ROW(reg, ex.reason, SVM_EXIT_NOACCEL);
		CHECK_ROW(reg, ex.info[0], reg | 1ULL << 32);
		CHECK_ROW(reg, ex.trap, avic_access[i].write == 't');
		/* A trap has stored what a fault leaves alone. */
		CHECK_ROW(reg, avic_reg(0, reg),
			  ex.trap ? 0x1234 : 0x87654321);
	}
}

/* Where an IPI from CPU 0 goes: set of CPUs, or the failure and its index. */
static const struct {
	bool x2;
	u32 icr, dest;
	u32 set;
	int failure;
	u32 index;
} avic_ipis[] = {
	/* physical */
	{ false, 0x0041, 1 << 24, 0x2, -1 },
	{ false, 0x4041, 2 << 24, 0x4, -1 },
	{ false, 0x0041, 3 << 24, 0x8, AVIC_IPI_NOT_RUNNING, 3 },
	{ false, 0x0041, 7 << 24, 0, AVIC_IPI_TARGET, 7 },
	{ false, 0x0041, 0xff << 24, 0xf, AVIC_IPI_NOT_RUNNING, 3 },
	/* flat */
	{ false, 0x0841, 0x06 << 24, 0x6, -1 },
	{ false, 0x0841, 0x18 << 24, 0, AVIC_IPI_TARGET, 4 },
	/* shorthands */
	{ false, 0x40041, 0, 0x1, -1 },
	{ false, 0x80041, 0, 0xf, AVIC_IPI_NOT_RUNNING, 3 },
	{ false, 0xc0041, 0, 0xe, AVIC_IPI_NOT_RUNNING, 3 },
	/* not for it */
	{ false, 0x0141, 1 << 24, 0, AVIC_IPI_TYPE, 0 },
	{ false, 0x0441, 1 << 24, 0, AVIC_IPI_TYPE, 0 },
	{ false, 0x0541, 1 << 24, 0, AVIC_IPI_TYPE, 0 },
	{ false, 0x8041, 1 << 24, 0, AVIC_IPI_TYPE, 0 },
	{ false, 0x000f, 1 << 24, 0, AVIC_IPI_VECTOR, 0 },
	{ false, 0x0010, 1 << 24, 0x2, -1 },
	/* x2AVIC: 32 bits; logical IDs follow from the physical */
	{ true, 0x0041, 1, 0x2, -1 },
	{ true, 0x0041, 0xff, 0, AVIC_IPI_TARGET, 0xff },
	{ true, 0x0041, ~0U, 0xf, AVIC_IPI_NOT_RUNNING, 3 },
	{ true, 0x0841, 0x6, 0x6, -1 },
	{ true, 0x0841, 0x10001, 0, AVIC_IPI_TARGET, 16 },
	{ true, 0x0841, ~0U, 0xf, AVIC_IPI_NOT_RUNNING, 3 },
};

TEST(avic_where_ipis_go)
{
	struct model_exit ex;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(avic_ipis); i++) {
		struct avic *a = avic_fresh(avic_ipis[i].x2);
		u32 icr = avic_ipis[i].icr, dest = avic_ipis[i].dest;
		enum model_did did;

		if (avic_ipis[i].x2) {
			did = avic_wrmsr(a, 0x830, icr | (u64)dest << 32, &ex);
		} else {
			avic_put(0, LAPIC_ICR2, dest);
			did = avic_write(a, LAPIC_ICR, 4, icr, &ex);
		}
		CHECK_ROW(i, avic_requests(icr), avic_ipis[i].set);
		/* Only who runs is rung, and never the sender. */
		CHECK_ROW(i, avic_doorbells(), avic_ipis[i].set & 0x6);
		CHECK_ROW(i, did, avic_ipis[i].failure < 0 ? MODEL_DID :
							    MODEL_EXITS);
		if (did != MODEL_EXITS)
			continue;
		CHECK_ROW(i, ex.reason, SVM_EXIT_INCOMPLETE_IPI);
		CHECK_ROW(i, ex.trap, true);
		CHECK_ROW(i, ex.info[0], icr | (u64)dest << 32);
		CHECK_ROW(i, ex.info[1] >> 32, avic_ipis[i].failure);
		CHECK_ROW(i, (u32)ex.info[1], avic_ipis[i].index);
	}
}

/* Clusters of four in the logical table. */
TEST(avic_cluster)
{
	struct avic *a = avic_fresh(false);
	struct model_exit ex;

	avic_put(0, LAPIC_DFR, 0x0fffffff);
	memset(avic_tab.logical, 0, sizeof(avic_tab.logical));
	avic_tab.logical[2 * 4 + 1] = AVIC_LOGICAL_VALID | 2;
	avic_tab.logical[2 * 4 + 3] = AVIC_LOGICAL_VALID | 1;
	avic_put(0, LAPIC_ICR2, 0x2a << 24);
	CHECK_EQ(avic_write(a, LAPIC_ICR, 4, 0x841, &ex), MODEL_DID);
	CHECK_EQ(avic_requests(0x41), 0x6);
	avic_put(0, LAPIC_ICR2, 0x21 << 24);
	CHECK_EQ(avic_write(a, LAPIC_ICR, 4, 0x842, &ex), MODEL_EXITS);
	CHECK_EQ(ex.info[1], (u64)AVIC_IPI_TARGET << 32 | 8);
	CHECK_EQ(avic_requests(0x42), 0);
}

TEST(avic_bad_page)
{
	struct avic *a = avic_fresh(false);
	struct model_exit ex;

	avic_tab.physical[1] &= ~AVIC_PHYSICAL_PAGE;
	CHECK_EQ(avic_write(a, LAPIC_ICR, 4, 0xc0041, &ex), MODEL_EXITS);
	CHECK_EQ(ex.info[1], (u64)AVIC_IPI_PAGE << 32 | 1);
	CHECK_EQ(avic_requests(0x41), 0);
}

/* EOI: edge by itself, level by a trap that leaves ISR to the host. */
TEST(avic_eoi)
{
	struct avic *a = avic_fresh(false);
	struct model_exit ex;

	avic_put(0, LAPIC_ISR + 0x20, 2);
	CHECK_EQ(avic_write(a, LAPIC_EOI, 4, 0, &ex), MODEL_DID);
	CHECK(!avic_bit(0, LAPIC_ISR, 0x41));
	avic_put(0, LAPIC_ISR + 0x20, 2);
	avic_put(0, LAPIC_TMR + 0x20, 2);
	CHECK_EQ(avic_write(a, LAPIC_EOI, 4, 0, &ex), MODEL_EXITS);
	CHECK_EQ(ex.info[0], LAPIC_EOI | AVIC_NOACCEL_WRITE);
	CHECK_EQ(ex.info[1], 0x41);
	CHECK(ex.trap && avic_bit(0, LAPIC_ISR, 0x41));
	/* Nothing in service: nothing to do. */
	avic_put(0, LAPIC_ISR + 0x20, 0);
	CHECK_EQ(avic_write(a, LAPIC_EOI, 4, 0, &ex), MODEL_DID);
}

TEST(avic_priorities)
{
	static const struct {
		u8 irr, isr, tpr;
		int taken;
	} rows[] = {
		{ 0, 0, 0, -1 }, { 0x41, 0, 0, 0x41 }, { 0x41, 0, 3, 0x41 },
		{ 0x41, 0, 4, -1 }, { 0x41, 0x4f, 0, -1 },
		{ 0x51, 0x4f, 0, 0x51 }, { 0x51, 0x4f, 5, -1 },
		{ 0xff, 0xef, 14, 0xff },
	};
	u32 i;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		struct avic *a = avic_fresh(false);
		struct model_exit ex;

		if (rows[i].irr)
			avic_put(0, LAPIC_IRR + (rows[i].irr >> 5) * 16,
				 1U << (rows[i].irr & 31));
		if (rows[i].isr)
			avic_put(0, LAPIC_ISR + (rows[i].isr >> 5) * 16,
				 1U << (rows[i].isr & 31));
		CHECK_ROW(i, avic_write(a, LAPIC_TPR, 4, rows[i].tpr << 4, &ex),
			  MODEL_DID);
		CHECK_ROW(i, a->v_tpr, rows[i].tpr);
		CHECK_ROW(i, avic_pending(a), rows[i].taken);
	}
	avic_deliver(avic_cpu, 0xff);
	CHECK(avic_bit(0, LAPIC_ISR, 0xff) && !avic_bit(0, LAPIC_IRR, 0xff));
	CHECK_EQ(avic_reg(0, LAPIC_PPR), 0xf0);
}

TEST(avic_msrs)
{
	static const struct {
		u32 msr;
		u64 val;
		enum model_did did;
	} rows[] = {
		{ 0x808, 0x20, MODEL_DID }, { 0x808, 0x120, MODEL_FAULTS },
		{ 0x80b, 0, MODEL_DID }, { 0x80b, 1, MODEL_FAULTS },
		{ 0x830, 0x100000041, MODEL_DID },
		{ 0x830, 0x100002041, MODEL_FAULTS },
		{ 0x83f, 0x41, MODEL_DID }, { 0x83f, 0x141, MODEL_FAULTS },
		{ 0x83f, 0x05, MODEL_EXITS }, { 0x80f, 0x1ff, MODEL_NOT_OURS },
		{ 0x802, 0, MODEL_NOT_OURS },
	};
	struct model_exit ex;
	struct avic *a;
	u64 val;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		a = avic_fresh(true);
		CHECK_ROW(i, avic_wrmsr(a, rows[i].msr, rows[i].val, &ex),
			  rows[i].did);
		a = avic_fresh(false);
		CHECK_ROW(i, avic_wrmsr(a, rows[i].msr, rows[i].val, &ex),
			  MODEL_NOT_OURS);
	}
	a = avic_fresh(true);
	avic_wrmsr(a, 0x830, 0x200000042, &ex);
	CHECK_EQ(avic_rdmsr(a, 0x830, &val), MODEL_DID);
	CHECK_EQ(val, 0x200000042);
	CHECK_EQ(avic_rdmsr(a, 0x80b, &val), MODEL_NOT_OURS);
	CHECK_EQ(avic_rdmsr(a, 0x839, &val), MODEL_NOT_OURS);
	CHECK_EQ(avic_rdmsr(a, 0x80e, &val), MODEL_NOT_OURS);
}

#define MODEL_AVIC_TESTS(X) \
	X(avic_who_does_it) X(avic_where_ipis_go) X(avic_cluster) \
	X(avic_bad_page) X(avic_eoi) X(avic_priorities) X(avic_msrs)
CHECK_MAIN(model_avic, MODEL_AVIC_TESTS)
