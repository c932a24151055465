// SPDX-License-Identifier: GPL-2.0-only
/* SDM 3A "Message Signalled Interrupts". */
#include "../../module/apic/message.h"
#include "check.h"

struct msi_row {
	u64 address;
	u32 data;
	bool format;
	bool good;
	u32 dest;
	u8 vector;
	u8 delivery;
	bool logical;
	bool level;
	bool deassert;
};

static const struct msi_row msi_rows[] = {
	/* address, data, format, good, dest, vector, delivery, logical, level */
	{ 0xfee00000, 0x0031, false, true, 0, 0x31, IRQ_FIXED },
	{ 0xfeeff000, 0x00ff, false, true, 0xff, 0xff, IRQ_FIXED },
	{ 0xfee05004, 0x0131, false, true, 5, 0x31, IRQ_LOWEST, true },
	{ 0xfee05008, 0x0031, false, true, 5, 0x31, IRQ_LOWEST },
	{ 0xfee0500c, 0x0431, false, true, 5, 0x31, IRQ_NMI, true },
	{ 0xfee05ff3, 0x0031, false, true, 5, 0x31, IRQ_FIXED },
	{ 0xfee05000, 0xc031, false, true, 5, 0x31, IRQ_FIXED, false, true },
	{ 0xfee05000, 0x8031, false, true, 5, 0x31, IRQ_FIXED, false, true },
	{ 0xfee05000, 0x8500, false, true, 5, 0, IRQ_INIT, false, true, true },
	{ 0xfee05000, 0xc500, false, true, 5, 0, IRQ_INIT, false, true, false },
	{ 0xfee05000, 0x0731, false, true, 5, 0x31, IRQ_EXTINT },
	{ 0xfee05000, 0x0231, false, true, 5, 0x31, IRQ_SMI },
	{ 0x00005004, 0x0131, false, true, 5, 0x31, IRQ_LOWEST, true },
	{ 0xfff05000, 0x0031, false, true, 5, 0x31, IRQ_FIXED },
	{ 0x1fee00000, 0x0031, false, false },
	{ 0x00000100fee05000, 0x0031, true, true, 0x105, 0x31, IRQ_FIXED },
	{ 0x00000300fee00004, 0x0031, true, true, 0x300, 0x31, IRQ_FIXED, true },
	{ 0xffffff00feeff000, 0x0031, true, true, ~0U, 0x31, IRQ_FIXED },
	{ 0x00000001fee05000, 0x0031, true, false },
};

TEST(message_msi_table)
{
	u32 i;

	for (i = 0; i < ARRAY_SIZE(msi_rows); i++) {
		const struct msi_row *row = &msi_rows[i];
		struct irq_message msg = { .dest = 0x77777777, .shorthand = 3 };
		bool good = msi_decode(row->address, row->data, row->format,
				       &msg);

		CHECK_ROW(i, good, row->good);
		if (!row->good) {
			CHECK_ROW(i, msg.dest, 0x77777777);
			continue;
		}
		CHECK_ROW(i, msg.dest, row->dest);
		CHECK_ROW(i, msg.vector, row->vector);
		CHECK_ROW(i, msg.delivery, row->delivery);
		CHECK_ROW(i, msg.logical, row->logical);
		CHECK_ROW(i, msg.level, row->level);
		CHECK_ROW(i, msg.deassert, row->deassert);
		CHECK_ROW(i, msg.wide, row->format);
		CHECK_ROW(i, msg.shorthand, IRQ_DEST_FIELD);
		CHECK_ROW(i, msg.source, IRQ_SOURCE_NONE);
	}
}

#define MESSAGE_TESTS(T) T(message_msi_table)

CHECK_MAIN(message, MESSAGE_TESTS)
