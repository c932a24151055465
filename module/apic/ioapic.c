// SPDX-License-Identifier: GPL-2.0-only
/*
 * The I/O APIC, 82093AA. A level pin's request is the line itself; an edge is
 * sent or, while the pin is masked, lost.
 *
 * 82093AA datasheet, "IOAPIC registers" and "Interrupt Message".
 */
#include "ioapic.h"

#define IOREGSEL 0x00
#define IOWIN 0x10

#define REG_ID 0
#define REG_VERSION 1
#define REG_ARBITRATION 2
#define REG_RTE 0x10

#define EOI_REGISTER 0x40
#define VERSION_WITH_EOI 0x20
#define VERSION_DEFAULT 0x11

#define RTE_WRITABLE                                                           \
	(0xffULL << 56 | IOAPIC_RTE_MASK | IOAPIC_RTE_LEVEL |                  \
	 IOAPIC_RTE_ACTIVE_LOW | IOAPIC_RTE_LOGICAL | 0x7ffULL)
/* A change of these changes where an EOI is to come from. */
#define RTE_ROUTE                                                              \
	(0xffULL << 56 | IOAPIC_RTE_LEVEL | IOAPIC_RTE_LOGICAL | 0x7ffULL)

static u8 rte_delivery(u64 rte)
{
	return rte >> IOAPIC_RTE_DELIVERY_SHIFT & 7;
}

/*
 * NMI, SMI, INIT and ExtINT are edge-triggered whatever the trigger bit says:
 * no EOI would ever come for them.
 */
static bool rte_level(u64 rte)
{
	return (rte & IOAPIC_RTE_LEVEL) && rte_delivery(rte) <= IRQ_LOWEST;
}

void ioapic_init(struct ioapic *io)
{
	unsigned int pin;

	memset(io, 0, sizeof(*io));
	io->base = IOAPIC_BASE_DEFAULT;
	io->version = VERSION_DEFAULT;
	for (pin = 0; pin < IOAPIC_PINS; pin++)
		io->rte[pin] = IOAPIC_RTE_MASK;
}

void ioapic_message(const struct ioapic *io, unsigned int pin,
		    struct irq_message *msg)
{
	u64 rte = io->rte[pin];

	msg->dest = rte >> 56;
	msg->vector = rte & 0xff;
	msg->delivery = rte_delivery(rte);
	msg->shorthand = IRQ_DEST_FIELD;
	msg->logical = rte & IOAPIC_RTE_LOGICAL;
	msg->level = rte_level(rte);
	msg->deassert = false;
	msg->wide = false;
	msg->source = IRQ_SOURCE_NONE;
}

/* Illegal vectors and the reserved mode are accepted by nobody. */
static bool sendable(u64 rte)
{
	if (rte & IOAPIC_RTE_MASK)
		return false;
	if (rte_delivery(rte) <= IRQ_LOWEST)
		return (rte & 0xff) >= 16;
	return rte_delivery(rte) != IRQ_RESERVED;
}

static enum ioapic_status send(struct ioapic *io, unsigned int pin,
			       struct ioapic_out *out)
{
	u64 rte = io->rte[pin];

	if (!sendable(rte))
		return IOAPIC_IGNORED;
	/* KVM_IRQ_LINE_STATUS: not delivered, as KVM says it. */
	if (rte & IOAPIC_RTE_REMOTE_IRR)
		return IOAPIC_IGNORED;
	if (out->n >= IOAPIC_PINS)
		return IOAPIC_COALESCED;
	ioapic_message(io, pin, &out->msg[out->n]);
	out->pin[out->n++] = pin;
	if (rte_level(rte))
		io->rte[pin] |= IOAPIC_RTE_REMOTE_IRR;
	return IOAPIC_SENT;
}

/*
 * @level means asserted, whatever the entry's polarity: like KVM's, callers
 * speak of the device's request and not of the wire's voltage.
 */
enum ioapic_status ioapic_line(struct ioapic *io, unsigned int pin,
			       enum ioapic_source src, bool level,
			       struct ioapic_out *out)
{
	bool before;

	if (pin >= IOAPIC_PINS)
		return IOAPIC_IGNORED;
	before = io->line[pin];
	if (level)
		io->line[pin] |= 1U << src;
	else
		io->line[pin] &= ~(1U << src);
	if (!io->line[pin]) {
		io->irr &= ~(1U << pin);
		return IOAPIC_IDLE;
	}
	if (!level)
		return IOAPIC_COALESCED;
	if (!rte_level(io->rte[pin]))
		return before ? IOAPIC_COALESCED : send(io, pin, out);
	io->irr |= 1U << pin;
	return send(io, pin, out);
}

void ioapic_eoi(struct ioapic *io, u8 vector, struct ioapic_out *out)
{
	unsigned int pin;

	for (pin = 0; pin < IOAPIC_PINS; pin++) {
		u64 rte = io->rte[pin];

		if ((rte & 0xff) != vector || !(rte & IOAPIC_RTE_REMOTE_IRR))
			continue;
		io->rte[pin] = rte & ~IOAPIC_RTE_REMOTE_IRR;
		if (io->irr >> pin & 1)
			send(io, pin, out);
	}
}

u32 ioapic_resample(struct ioapic *io, u8 vector, u32 pins)
{
	u32 ended = 0;
	unsigned int pin;

	for (pin = 0; pin < IOAPIC_PINS; pin++) {
		u64 rte = io->rte[pin];

		if (!(pins >> pin & 1) || (rte & 0xff) != vector ||
		    !(rte & IOAPIC_RTE_REMOTE_IRR))
			continue;
		io->line[pin] &= ~(1U << IOAPIC_SRC_IRQFD);
		if (!io->line[pin])
			io->irr &= ~(1U << pin);
		ended |= 1U << pin;
	}
	return ended;
}

u32 ioapic_tapped(const struct ioapic *io, u8 vector)
{
	u32 pins = 0;
	unsigned int pin;

	for (pin = 0; pin < IOAPIC_PINS; pin++)
		if ((io->tapped >> pin & 1) && (io->rte[pin] & 0xff) == vector &&
		    !rte_level(io->rte[pin]))
			pins |= 1U << pin;
	return pins;
}

void ioapic_unaccepted(struct ioapic *io, unsigned int pin)
{
	io->rte[pin] &= ~IOAPIC_RTE_REMOTE_IRR;
}

bool ioapic_is_eoi(const struct ioapic *io, u32 offset)
{
	return offset == EOI_REGISTER && io->version >= VERSION_WITH_EOI;
}

u32 ioapic_read(const struct ioapic *io, u32 offset)
{
	u32 reg = io->regsel, pin;

	if (offset == IOREGSEL)
		return reg;
	if (offset != IOWIN)
		return 0;
	switch (reg) {
	case REG_ID:
	case REG_ARBITRATION: /* loaded whenever the ID is written */
		return io->id << 24;
	case REG_VERSION:
		return io->version | (IOAPIC_PINS - 1) << 16;
	}
	pin = (reg - REG_RTE) >> 1;
	if (reg < REG_RTE || pin >= IOAPIC_PINS)
		return 0;
	pin = env_nospec(pin, IOAPIC_PINS);
	return io->rte[pin] >> (reg & 1 ? 32 : 0);
}

static void write_rte(struct ioapic *io, unsigned int pin, u64 val,
		      struct ioapic_out *out)
{
	u64 old = io->rte[pin];
	u64 new = (val & RTE_WRITABLE) | (old & IOAPIC_RTE_REMOTE_IRR);

	/* How software without an EOI register ends an interrupt by hand. */
	if (!rte_level(new))
		new &= ~IOAPIC_RTE_REMOTE_IRR;
	if (((old ^ new) & RTE_ROUTE) &&
	    (rte_level(old) || rte_level(new) || (io->tapped >> pin & 1)))
		out->rescan = true;
	if (old & ~new & IOAPIC_RTE_MASK)
		out->unmasked |= 1U << pin;
	io->rte[pin] = new;
	if (!rte_level(new)) {
		io->irr &= ~(1U << pin);
		return;
	}
	if (io->line[pin])
		io->irr |= 1U << pin;
	if (io->irr >> pin & 1)
		send(io, pin, out);
}

void ioapic_write(struct ioapic *io, u32 offset, u32 val, struct ioapic_out *out)
{
	u32 pin, reg = io->regsel;
	u64 rte;

	if (offset == IOREGSEL) {
		io->regsel = val & 0xff;
		return;
	}
	if (offset != IOWIN)
		return;
	if (reg == REG_ID) {
		io->id = val >> 24 & 15;
		return;
	}
	pin = (reg - REG_RTE) >> 1;
	if (reg < REG_RTE || pin >= IOAPIC_PINS)
		return;
	pin = env_nospec(pin, IOAPIC_PINS);
	rte = io->rte[pin];
	if (reg & 1)
		rte = (rte & 0xffffffffULL) | (u64)val << 32;
	else
		rte = (rte & ~0xffffffffULL) | val;
	write_rte(io, pin, rte, out);
}

void ioapic_save(const struct ioapic *io, struct ioapic_state *st)
{
	memset(st, 0, sizeof(*st));
	st->base_address = io->base;
	st->ioregsel = io->regsel;
	st->id = io->id;
	st->irr = io->irr;
	memcpy(st->rte, io->rte, sizeof(st->rte));
}

/*
 * The layout doesn't say who asserts a line. Level pins keep their request
 * until somebody drives them; edge pins start low, so that the next assertion
 * is an edge.
 */
bool ioapic_restore(struct ioapic *io, const struct ioapic_state *st,
		    struct ioapic_out *out)
{
	unsigned int pin;

	io->base = st->base_address;
	io->regsel = st->ioregsel & 0xff;
	io->id = st->id & 15;
	io->irr = 0;
	out->rescan = true;
	for (pin = 0; pin < IOAPIC_PINS; pin++) {
		u64 rte = st->rte[pin];

		rte &= RTE_WRITABLE |
		       (rte_level(rte) ? IOAPIC_RTE_REMOTE_IRR : 0);
		io->rte[pin] = rte;
		io->line[pin] = 0;
		if (!(st->irr >> pin & 1))
			continue;
		if (rte_level(rte))
			io->irr |= 1U << pin;
		send(io, pin, out);
	}
	return true;
}
