/* SPDX-License-Identifier: GPL-2.0-only */
/* One interrupt message: what an ICR write, an RTE or an MSI sends. */
#ifndef VINTC_APIC_MESSAGE_H
#define VINTC_APIC_MESSAGE_H

#include "env.h"

/* Delivery modes, as encoded in bits 10:8 of ICR, LVT, RTE and MSI data. */
enum irq_delivery {
	IRQ_FIXED = 0,
	IRQ_LOWEST = 1,
	IRQ_SMI = 2,
	IRQ_RESERVED = 3,
	IRQ_NMI = 4,
	IRQ_INIT = 5,
	IRQ_STARTUP = 6,
	IRQ_EXTINT = 7,
};

/* Destination shorthands, ICR bits 19:18. */
enum irq_shorthand {
	IRQ_DEST_FIELD = 0,
	IRQ_SELF = 1,
	IRQ_ALL = 2,
	IRQ_OTHERS = 3,
};

/* An IPI has the sender's number; these stand for the others. */
#define IRQ_SOURCE_NONE (-1)

/**
 * struct irq_message - an interrupt on its way to one or more local APICs
 * @dest: destination field; 8 bits wide unless @wide
 * @vector: vector; the start page for STARTUP
 * @delivery: enum irq_delivery
 * @shorthand: enum irq_shorthand
 * @logical: destination mode (1: logical)
 * @level: trigger mode (1: level)
 * @deassert: INIT level de-assert, which no processor of today acts on
 * @wide: @dest is a 32-bit x2APIC destination (from x2APIC ICR, or an MSI
 *        with extended destination ID); 0xffffffff is then broadcast
 * @source: index of the sending vCPU, or IRQ_SOURCE_NONE
 *
 * SDM 3A "Interrupt Command Register (ICR)", "Message Signalled Interrupts".
 */
struct irq_message {
	u32 dest;
	u8 vector;
	u8 delivery;
	u8 shorthand;
	bool logical;
	bool level;
	bool deassert;
	bool wide;
	s32 source;
};

/* Physical or logical, to all APICs. */
static inline bool irq_is_broadcast(const struct irq_message *msg)
{
	return msg->dest == (msg->wide ? ~0U : 0xff);
}

/**
 * msi_decode() - the message that an MSI address/data pair stands for
 * @address: full 64-bit address
 * @data: 32-bit data
 * @x2apic_format: address bits 63:40 hold destination bits 31:8 (KVM's
 *                 KVM_CAP_X2APIC_API convention)
 * @msg: result
 *
 * Bits 31:20, which are 0xfee on the bus, are not looked at.
 *
 * Return: false if reserved address bits are set; @msg is then unchanged.
 */
bool msi_decode(u64 address, u32 data, bool x2apic_format,
		struct irq_message *msg);

#endif
