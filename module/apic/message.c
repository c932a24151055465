// SPDX-License-Identifier: GPL-2.0-only
/* The MSI form of an interrupt message. */
#include "message.h"

#define MSI_ADDRESS_LOGICAL BIT(2)
#define MSI_ADDRESS_REDIRECT BIT(3)
#define MSI_DATA_ASSERT BIT(14)
#define MSI_DATA_LEVEL BIT(15)

/*
 * SDM 3A "Message Address Register Format", "Message Data Register Format".
 * Bits 11:4 of the address are ignored, as a chipset does: a guest chooses
 * them, and a VMM that gets an error for them has nobody to tell. Bits 31:20 are
 * what has led the write here; QEMU gives the rest alone, as an offset.
 */
bool msi_decode(u64 address, u32 data, bool x2apic_format,
		struct irq_message *msg)
{
	u32 low = address, high = address >> 32;
	u8 delivery = data >> 8 & 7;

	if (high & (x2apic_format ? 0xffU : ~0U))
		return false;
	/* A redirection hint asks for one of the addressed processors. */
	if ((low & MSI_ADDRESS_REDIRECT) && delivery == IRQ_FIXED)
		delivery = IRQ_LOWEST;

	msg->dest = high | (low >> 12 & 0xff);
	msg->vector = data & 0xff;
	msg->delivery = delivery;
	msg->shorthand = IRQ_DEST_FIELD;
	msg->logical = low & MSI_ADDRESS_LOGICAL;
	msg->level = data & MSI_DATA_LEVEL;
	msg->deassert = delivery == IRQ_INIT && msg->level &&
			!(data & MSI_DATA_ASSERT);
	msg->wide = x2apic_format;
	msg->source = IRQ_SOURCE_NONE;
	return true;
}
