// SPDX-License-Identifier: GPL-2.0-only
/*
 * The software CPU's virtual-APIC page against the manual's text: which access
 * is virtualized under which controls, and the steps of each virtualization.
 *
 * SDM 3C chapter "APIC Virtualization and Virtual Interrupts".
 */
#include "../../module/apic/lapic.h"
#include "../../module/model/vapic.h"
#include "check.h"

static u8 vapic_page[4096] __aligned(4096);

#define VAPIC_ALL \
	(VAPIC_TPR_SHADOW | VAPIC_ACCESSES | VAPIC_REGISTERS | VAPIC_DELIVERY)
#define VAPIC_ALL_X2 \
	(VAPIC_TPR_SHADOW | VAPIC_X2APIC | VAPIC_REGISTERS | VAPIC_DELIVERY)

static struct vapic vapic_with(u32 controls)
{
	struct vapic v = { .page = vapic_page, .controls = controls };

	memset(vapic_page, 0, sizeof(vapic_page));
	return v;
}

static u32 vapic_reg(u32 reg)
{
	return *(u32 *)(vapic_page + reg);
}

static void vapic_put(u32 reg, u32 val)
{
	*(u32 *)(vapic_page + reg) = val;
}

static bool vapic_bit(u32 base, u8 vector)
{
	return vapic_reg(base + (vector >> 5) * 16) >> (vector & 31) & 1;
}

/* "Virtualizing Reads from", "Virtualizing Writes to the APIC-Access Page":
 * R, r: with, without APIC-register virtualization; W: with it, d: with
 * virtual-interrupt delivery alone, w: with the TPR shadow alone.
 */
static const struct {
	u32 reg;
	const char *how;
} vapic_access[] = {
	{ 0x000, "" }, { 0x010, "" }, { 0x020, "RW" }, { 0x030, "R" },
	{ 0x080, "RrWdw" }, { 0x090, "" }, { 0x0a0, "" }, { 0x0b0, "RWd" },
	{ 0x0c0, "" }, { 0x0d0, "RW" }, { 0x0e0, "RW" }, { 0x0f0, "RW" },
	{ 0x100, "R" }, { 0x170, "R" }, { 0x180, "R" }, { 0x1f0, "R" },
	{ 0x200, "R" }, { 0x270, "R" }, { 0x280, "RW" }, { 0x290, "" },
	{ 0x2f0, "" }, { 0x300, "RWd" }, { 0x310, "RW" }, { 0x320, "RW" },
	{ 0x330, "RW" }, { 0x340, "RW" }, { 0x350, "RW" }, { 0x360, "RW" },
	{ 0x370, "RW" }, { 0x380, "RW" }, { 0x390, "" }, { 0x3e0, "RW" },
	{ 0x3f0, "" }, { 0x400, "" }, { 0xff0, "" },
};

static bool vapic_how(const char *how, char c)
{
	for (; *how; how++)
		if (*how == c)
			return true;
	return false;
}

TEST(vapic_which_are_virtualized)
{
	static const struct {
		char read, write;
		u32 controls;
	} modes[] = {
		{ 'r', 'w', VAPIC_TPR_SHADOW | VAPIC_ACCESSES },
		{ 'r', 'd', VAPIC_TPR_SHADOW | VAPIC_ACCESSES | VAPIC_DELIVERY },
		{ 'R', 'W', VAPIC_TPR_SHADOW | VAPIC_ACCESSES | VAPIC_REGISTERS },
		{ 'R', 'W', VAPIC_ALL },
		{ '-', '-', VAPIC_ACCESSES },
	};
	struct model_exit ex;
	u32 i, m;
	u64 val;

	for (m = 0; m < ARRAY_SIZE(modes); m++)
		for (i = 0; i < ARRAY_SIZE(vapic_access); i++) {
			struct vapic v = vapic_with(modes[m].controls);
			u32 reg = vapic_access[i].reg;
			bool r = vapic_how(vapic_access[i].how, modes[m].read);
			bool w = vapic_how(vapic_access[i].how, modes[m].write);
			enum model_did did;

			vapic_put(reg, 0x12345678);
			did = vapic_read(&v, reg, 4, &val, &ex);
			CHECK_ROW(reg, did, r ? MODEL_DID : MODEL_EXITS);
			if (r)
				CHECK_ROW(reg, val, 0x12345678);
			else
				CHECK_ROW(reg, ex.info[0], reg);
			did = vapic_write(&v, reg, 4, 0, &ex);
			if (w)
				CHECK_ROW(reg, did == MODEL_DID ||
					  ex.reason != VMX_EXIT_APIC_ACCESS, true);
			else
				CHECK_ROW(reg, did == MODEL_EXITS &&
					  ex.reason == VMX_EXIT_APIC_ACCESS &&
					  ex.info[0] == (reg | 0x1000) && !ex.trap,
					  true);
		}
}

/* At most 32 bits, within the low 4 bytes of 16. */
TEST(vapic_shapes)
{
	static const struct {
		u32 offset, size;
		bool ok;
	} rows[] = {
		{ 0x80, 1, true }, { 0x80, 2, true }, { 0x80, 4, true },
		{ 0x80, 8, false }, { 0x81, 1, true }, { 0x83, 1, true },
		{ 0x82, 2, true }, { 0x83, 2, false }, { 0x84, 1, false },
		{ 0x8c, 4, false }, { 0x81, 4, false },
	};
	struct vapic v = vapic_with(VAPIC_ALL);
	struct model_exit ex;
	u32 i;
	u64 val;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		CHECK_ROW(i, vapic_read(&v, rows[i].offset, rows[i].size, &val,
					&ex) == MODEL_DID, rows[i].ok);
		CHECK_ROW(i, vapic_write(&v, rows[i].offset, rows[i].size, 0,
					 &ex) == MODEL_DID, rows[i].ok);
	}
	vapic_put(LAPIC_VERSION, 0xa1b2c3d4);
	CHECK_EQ(vapic_read(&v, LAPIC_VERSION + 1, 2, &val, &ex), MODEL_DID);
	CHECK_EQ(val, 0xb2c3);
}

/* "PPR Virtualization": TPR against SVI's class. */
TEST(vapic_ppr)
{
	static const struct {
		u8 tpr, svi, ppr;
	} rows[] = {
		{ 0, 0, 0 }, { 0x35, 0, 0x35 }, { 0x35, 0x31, 0x35 },
		{ 0x35, 0x41, 0x40 }, { 0x4f, 0x41, 0x4f }, { 0xff, 0xfe, 0xff },
		{ 0x1f, 0xfe, 0xf0 },
	};
	struct model_exit ex;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		struct vapic v = vapic_with(VAPIC_ALL);

		v.svi = rows[i].svi;
		vapic_put(LAPIC_TPR, rows[i].tpr);
		CHECK_ROW(i, vapic_entry(&v, &ex), MODEL_DID);
		CHECK_ROW(i, vapic_reg(LAPIC_PPR), rows[i].ppr);
	}
}

/* "Evaluation of Pending Virtual Interrupts": RVI's class above PPR's. */
TEST(vapic_recognition)
{
	static const struct {
		u8 rvi, svi, tpr;
		bool window, recognized;
	} rows[] = {
		{ 0x31, 0, 0, false, true }, { 0x31, 0, 0x30, false, false },
		{ 0x31, 0, 0x2f, false, true }, { 0x31, 0x3f, 0, false, false },
		{ 0x41, 0x3f, 0, false, true }, { 0x41, 0, 0, true, false },
		{ 0, 0, 0, false, false }, { 0x0f, 0, 0, false, false },
		{ 0x10, 0, 0, false, true },
	};
	struct model_exit ex;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		struct vapic v = vapic_with(VAPIC_ALL);

		v.rvi = rows[i].rvi;
		v.svi = rows[i].svi;
		v.window = rows[i].window;
		vapic_put(LAPIC_TPR, rows[i].tpr);
		vapic_entry(&v, &ex);
		CHECK_ROW(i, v.recognized, rows[i].recognized);
	}
}

/* "Virtual-Interrupt Delivery", and "EOI Virtualization" back again. */
TEST(vapic_deliver_and_eoi)
{
	struct vapic v = vapic_with(VAPIC_ALL_X2);
	struct model_exit ex;

	v.eoi_exit[0x62 >> 6] = 1ULL << (0x62 & 63);
	CHECK_EQ(vapic_wrmsr(&v, 0x83f, 0x41, &ex), MODEL_DID);
	CHECK_EQ(vapic_wrmsr(&v, 0x83f, 0x62, &ex), MODEL_DID);
	CHECK_EQ(v.rvi, 0x62);
	CHECK(v.recognized);
	CHECK_EQ(vapic_deliver(&v), 0x62);
	CHECK(!v.recognized);
	CHECK_EQ(v.svi, 0x62);
	CHECK_EQ(v.rvi, 0x41);
	CHECK_EQ(vapic_reg(LAPIC_PPR), 0x60);
	CHECK(vapic_bit(LAPIC_ISR, 0x62) && !vapic_bit(LAPIC_IRR, 0x62));

	/* In the EOI-exit bitmap: an exit, and nothing is evaluated. */
	CHECK_EQ(vapic_wrmsr(&v, 0x80b, 0, &ex), MODEL_EXITS);
	CHECK_EQ(ex.reason, VMX_EXIT_EOI);
	CHECK_EQ(ex.info[0], 0x62);
	CHECK(ex.trap && !v.recognized);
	CHECK(!vapic_bit(LAPIC_ISR, 0x62));
	CHECK_EQ(v.svi, 0);
	CHECK_EQ(vapic_reg(LAPIC_PPR), 0);
	vapic_entry(&v, &ex);
	CHECK(v.recognized);
	CHECK_EQ(vapic_deliver(&v), 0x41);
	CHECK_EQ(v.rvi, 0);
	CHECK_EQ(vapic_wrmsr(&v, 0x80b, 0, &ex), MODEL_DID);
}

/* Two in service: the lower one's vector comes back to SVI. */
TEST(vapic_nested_service)
{
	struct vapic v = vapic_with(VAPIC_ALL_X2);
	struct model_exit ex;

	vapic_wrmsr(&v, 0x83f, 0x41, &ex);
	vapic_deliver(&v);
	vapic_wrmsr(&v, 0x83f, 0x91, &ex);
	CHECK(v.recognized);
	vapic_deliver(&v);
	CHECK_EQ(v.svi, 0x91);
	vapic_wrmsr(&v, 0x80b, 0, &ex);
	CHECK_EQ(v.svi, 0x41);
	CHECK_EQ(vapic_reg(LAPIC_PPR), 0x40);
}

/* "TPR Virtualization": with delivery PPR follows; without, the threshold. */
TEST(vapic_tpr)
{
	struct vapic v = vapic_with(VAPIC_TPR_SHADOW);
	struct model_exit ex;

	v.threshold = 4;
	CHECK_EQ(vapic_write_cr8(&v, 4, &ex), MODEL_DID);
	CHECK_EQ(vapic_write_cr8(&v, 3, &ex), MODEL_EXITS);
	CHECK_EQ(ex.reason, VMX_EXIT_TPR);
	CHECK_EQ(vapic_read_cr8(&v), 3);
	CHECK_EQ(vapic_entry(&v, &ex), MODEL_EXITS);
	CHECK_EQ(ex.reason, VMX_EXIT_TPR);

	v = vapic_with(VAPIC_ALL);
	v.threshold = 15;
	v.rvi = 0x51;
	CHECK_EQ(vapic_write_cr8(&v, 5, &ex), MODEL_DID);
	CHECK(!v.recognized);
	CHECK_EQ(vapic_write(&v, LAPIC_TPR, 4, 0xabcdef42, &ex), MODEL_DID);
	CHECK_EQ(vapic_reg(LAPIC_TPR), 0x42);
	CHECK_EQ(vapic_reg(LAPIC_PPR), 0x42);
	CHECK(v.recognized);
}

/* "APIC-Write Emulation" of ICR: a self-IPI, or an exit when it is done. */
TEST(vapic_icr)
{
	static const struct {
		u32 icr;
		bool virtualized;
	} rows[] = {
		{ 0x00040041, true }, { 0x00044041, true }, { 0x00040841, true },
		{ 0x00000041, false }, { 0x00080041, false },
		{ 0x000c0041, false }, { 0x00048041, false },
		{ 0x00040141, false }, { 0x00040441, false },
		{ 0x0004000f, false }, { 0x00040010, true },
		{ 0x00041041, false }, { 0x00042041, false },
		{ 0x00050041, false }, { 0x00140041, false },
		{ 0x80040041, false },
	};
	struct model_exit ex;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		struct vapic v = vapic_with(VAPIC_ALL);
		enum model_did did = vapic_write(&v, LAPIC_ICR, 4, rows[i].icr,
						 &ex);

		CHECK_ROW(i, did == MODEL_DID, rows[i].virtualized);
		CHECK_ROW(i, v.rvi, rows[i].virtualized ? rows[i].icr & 0xff : 0);
		if (did == MODEL_EXITS) {
			CHECK_ROW(i, ex.reason, VMX_EXIT_APIC_WRITE);
			CHECK_ROW(i, ex.info[0], LAPIC_ICR);
			CHECK_ROW(i, ex.trap, true);
		}
		CHECK_ROW(i, vapic_reg(LAPIC_ICR), rows[i].icr);
	}
}

/* Other writes: stored, then an APIC-write exit; ICR's upper half has none. */
TEST(vapic_other_writes)
{
	struct vapic v = vapic_with(VAPIC_ALL);
	struct model_exit ex;

	CHECK_EQ(vapic_write(&v, LAPIC_SVR, 4, 0x1ff, &ex), MODEL_EXITS);
	CHECK_EQ(ex.reason, VMX_EXIT_APIC_WRITE);
	CHECK_EQ(ex.info[0], LAPIC_SVR);
	CHECK_EQ(vapic_reg(LAPIC_SVR), 0x1ff);
	CHECK_EQ(vapic_write(&v, LAPIC_ICR2, 4, 0x12345678, &ex), MODEL_DID);
	CHECK_EQ(vapic_reg(LAPIC_ICR2), 0x12000000);
	v.controls &= ~VAPIC_DELIVERY;
	CHECK_EQ(vapic_write(&v, LAPIC_EOI, 4, 0, &ex), MODEL_EXITS);
	CHECK_EQ(ex.reason, VMX_EXIT_APIC_WRITE);
}

TEST(vapic_msrs)
{
	static const struct {
		u32 msr;
		u64 val;
		enum model_did did;
	} rows[] = {
		{ 0x808, 0xff, MODEL_DID }, { 0x808, 0x100, MODEL_FAULTS },
		{ 0x80b, 0, MODEL_DID }, { 0x80b, 1, MODEL_FAULTS },
		{ 0x83f, 0x41, MODEL_DID }, { 0x83f, 0x141, MODEL_FAULTS },
		{ 0x83f, 0x0f, MODEL_EXITS }, { 0x830, 0x40041, MODEL_NOT_OURS },
		{ 0x80f, 0x1ff, MODEL_NOT_OURS },
	};
	struct vapic v;
	struct model_exit ex;
	u64 val;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		v = vapic_with(VAPIC_ALL_X2);
		CHECK_ROW(i, vapic_wrmsr(&v, rows[i].msr, rows[i].val, &ex),
			  rows[i].did);
		v = vapic_with(VAPIC_ALL);
		CHECK_ROW(i, vapic_wrmsr(&v, rows[i].msr, rows[i].val, &ex),
			  MODEL_NOT_OURS);
	}
	/* Without delivery only TPR is virtualized. */
	v = vapic_with(VAPIC_TPR_SHADOW | VAPIC_X2APIC);
	CHECK_EQ(vapic_wrmsr(&v, 0x80b, 0, &ex), MODEL_NOT_OURS);
	CHECK_EQ(vapic_wrmsr(&v, 0x808, 0x20, &ex), MODEL_DID);
	CHECK_EQ(vapic_rdmsr(&v, 0x808, &val), MODEL_DID);
	CHECK_EQ(val, 0x20);
	CHECK_EQ(vapic_rdmsr(&v, 0x80a, &val), MODEL_NOT_OURS);
	v = vapic_with(VAPIC_ALL_X2);
	vapic_put(LAPIC_ICR, 0x11223344);
	vapic_put(LAPIC_ICR + 4, 0x55667788);
	CHECK_EQ(vapic_rdmsr(&v, 0x830, &val), MODEL_DID);
	CHECK_EQ(val, 0x5566778811223344);
}

/* "Posted-Interrupt Processing": ON goes, PIR goes to VIRR, RVI follows. */
TEST(vapic_posted)
{
	struct vapic v = vapic_with(VAPIC_ALL | VAPIC_POSTED);
	struct irq_message msg = { .vector = 0xa1, .source = IRQ_SOURCE_NONE };
	struct mailbox mb;

	mailbox_init(&mb);
	mailbox_post(&mb, &msg);
	msg.vector = 0x23;
	mailbox_post(&mb, &msg);
	vapic_put(LAPIC_IRR + 0x10 * (0xd1 >> 5), 1 << (0xd1 & 31));
	vapic_notified(&v, &mb);
	CHECK(!(mb.control & MAILBOX_ON));
	CHECK(!mb.pir[0] && !mb.pir[2]);
	CHECK(vapic_bit(LAPIC_IRR, 0xa1) && vapic_bit(LAPIC_IRR, 0x23));
	CHECK_EQ(v.rvi, 0xd1);
	CHECK(v.recognized);
}

#define MODEL_VAPIC_TESTS(X) \
	X(vapic_which_are_virtualized) X(vapic_shapes) X(vapic_ppr) \
	X(vapic_recognition) X(vapic_deliver_and_eoi) \
	X(vapic_nested_service) X(vapic_tpr) X(vapic_icr) \
	X(vapic_other_writes) X(vapic_msrs) X(vapic_posted)
CHECK_MAIN(model_vapic, MODEL_VAPIC_TESTS)
