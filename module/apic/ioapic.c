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
	io->pins = IOAPIC_PINS;
	io->version = VERSION_DEFAULT;
	io->tapped = -1;
	for (pin = 0; pin < IOAPIC_MAX_PINS; pin++)
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

/* There is room in @out: who may send many looks before. */
static enum ioapic_status send(struct ioapic *io, unsigned int pin,
			       struct ioapic_out *out)
{
	u64 rte = io->rte[pin];

	if (!sendable(rte))
		return IOAPIC_IGNORED;
	/* KVM_IRQ_LINE_STATUS: not delivered, as KVM says it. */
	if (rte & IOAPIC_RTE_REMOTE_IRR)
		return IOAPIC_IGNORED;
	ioapic_message(io, pin, &out->msg[out->n]);
	out->pin[out->n++] = pin;
	if (rte_level(rte))
		ioapic_put_rte(io, pin, rte | IOAPIC_RTE_REMOTE_IRR);
	ioapic_pin_set(io->held, pin, false);
	return IOAPIC_SENT;
}

/* Whoever was served, or gave up: what comes now is no storm. */
static void line_low(struct ioapic *io, unsigned int pin)
{
	ioapic_pin_set(io->irr, pin, false);
	ioapic_pin_set(io->held, pin, false);
	io->repeats[pin] = 0;
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

	if (pin >= io->pins)
		return IOAPIC_IGNORED;
	pin = env_nospec(pin, IOAPIC_MAX_PINS);
	before = io->line[pin];
	if (level)
		io->line[pin] |= 1U << src;
	else
		io->line[pin] &= ~(1U << src);
	if (!io->line[pin]) {
		line_low(io, pin);
		return IOAPIC_IDLE;
	}
	if (!level)
		return IOAPIC_COALESCED;
	if (!rte_level(io->rte[pin]))
		return before ? IOAPIC_COALESCED : send(io, pin, out);
	ioapic_pin_set(io->irr, pin, true);
	return send(io, pin, out);
}

bool ioapic_serves(const struct ioapic *io)
{
	return ioapic_pin_next(io->remote, 0) >= 0;
}

/*
 * A pin that is asserted through as many EOIs in a row as @storm says gets no
 * service: sent at once each time, it would keep the CPU from all else.
 */
static bool storms(struct ioapic *io, unsigned int pin, struct ioapic_out *out)
{
	if (!io->storm || (io->rte[pin] & IOAPIC_RTE_MASK) ||
	    ++io->repeats[pin] < io->storm)
		return false;
	io->repeats[pin] = 0;
	ioapic_pin_set(io->held, pin, true);
	out->delay = true;
	return true;
}

void ioapic_eoi(struct ioapic *io, u8 vector, struct ioapic_out *out)
{
	int pin = ioapic_pin_next(io->remote, out->next);

	for (; pin >= 0; pin = ioapic_pin_next(io->remote, pin + 1)) {
		if ((io->rte[pin] & 0xff) != vector)
			continue;
		if (out->n == IOAPIC_OUT_MAX) {
			out->next = pin;
			return;
		}
		ioapic_put_rte(io, pin, io->rte[pin] & ~IOAPIC_RTE_REMOTE_IRR);
		if (ioapic_pin_test(io->irr, pin) && !storms(io, pin, out))
			send(io, pin, out);
	}
	out->next = 0;
}

void ioapic_release(struct ioapic *io, struct ioapic_out *out)
{
	int pin = ioapic_pin_next(io->held, out->next);

	for (; pin >= 0; pin = ioapic_pin_next(io->held, pin + 1)) {
		if (out->n == IOAPIC_OUT_MAX) {
			out->next = pin;
			return;
		}
		ioapic_pin_set(io->held, pin, false);
		send(io, pin, out);
	}
	out->next = 0;
}

bool ioapic_resample(struct ioapic *io, u8 vector, u64 *pins)
{
	bool any = false;
	int pin = ioapic_pin_next(pins, 0);

	for (; pin >= 0; pin = ioapic_pin_next(pins, pin + 1)) {
		if ((io->rte[pin] & 0xff) != vector ||
		    !(io->rte[pin] & IOAPIC_RTE_REMOTE_IRR)) {
			ioapic_pin_set(pins, pin, false);
			continue;
		}
		io->line[pin] &= ~(1U << IOAPIC_SRC_IRQFD);
		if (!io->line[pin])
			line_low(io, pin);
		any = true;
	}
	return any;
}

int ioapic_tapped(const struct ioapic *io, u8 vector)
{
	int pin = io->tapped;

	return pin >= 0 && (io->rte[pin] & 0xff) == vector &&
	       !rte_level(io->rte[pin]) ? pin : -1;
}

void ioapic_unaccepted(struct ioapic *io, unsigned int pin)
{
	ioapic_put_rte(io, pin, io->rte[pin] & ~IOAPIC_RTE_REMOTE_IRR);
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
		return io->version | (io->pins - 1) << 16;
	}
	pin = (reg - REG_RTE) >> 1;
	if (reg < REG_RTE || pin >= io->pins)
		return 0;
	pin = env_nospec(pin, IOAPIC_MAX_PINS);
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
	    (rte_level(old) || rte_level(new) || io->tapped == (int)pin))
		out->rescan = true;
	if ((old & ~new & IOAPIC_RTE_MASK) && io->tapped == (int)pin)
		out->unmasked = true;
	ioapic_put_rte(io, pin, new);
	if (!rte_level(new)) {
		line_low(io, pin);
		return;
	}
	if (io->line[pin])
		ioapic_pin_set(io->irr, pin, true);
	if (ioapic_pin_test(io->irr, pin))
		send(io, pin, out);
}

/* Eight bits reach 120 entries; an IOAPIC with more of them has a ninth. */
static u32 regsel_bits(const struct ioapic *io)
{
	return REG_RTE + 2U * io->pins <= 0x100 ? 0xff : 0x1ff;
}

void ioapic_write(struct ioapic *io, u32 offset, u32 val, struct ioapic_out *out)
{
	u32 pin, reg = io->regsel;
	u64 rte;

	if (offset == IOREGSEL) {
		io->regsel = val & regsel_bits(io);
		return;
	}
	if (offset != IOWIN)
		return;
	if (reg == REG_ID) {
		io->id = val >> 24 & 15;
		return;
	}
	pin = (reg - REG_RTE) >> 1;
	if (reg < REG_RTE || pin >= io->pins)
		return;
	pin = env_nospec(pin, IOAPIC_MAX_PINS);
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
	st->irr = io->irr[0] & (BIT(IOAPIC_PINS) - 1);
	memcpy(st->rte, io->rte, sizeof(st->rte));
}

bool ioapic_possible(const struct ioapic *io, const struct ioapic_image *im)
{
	u32 pin;

	if ((im->regsel & ~regsel_bits(io)) || im->id > 15 ||
	    ioapic_pin_next(im->irr, io->pins) >= 0)
		return false;
	for (pin = 0; pin < IOAPIC_MAX_PINS; pin++) {
		u64 possible = pin >= io->pins ? 0 :
			       RTE_WRITABLE | IOAPIC_RTE_PENDING |
			       IOAPIC_RTE_REMOTE_IRR;

		if (im->rte[pin] & ~possible)
			return false;
	}
	return true;
}

static void load_registers(struct ioapic *io, const struct ioapic_image *im)
{
	unsigned int pin;

	io->regsel = im->regsel & regsel_bits(io);
	io->id = im->id & 15;
	memset(io->irr, 0, sizeof(io->irr));
	memset(io->held, 0, sizeof(io->held));
	memset(io->line, 0, sizeof(io->line));
	memset(io->repeats, 0, sizeof(io->repeats));
	for (pin = 0; pin < io->pins; pin++) {
		u64 rte = im->rte[pin];

		rte &= RTE_WRITABLE |
		       (rte_level(rte) ? IOAPIC_RTE_REMOTE_IRR : 0);
		ioapic_put_rte(io, pin, rte);
		ioapic_pin_set(io->irr, pin,
			       rte_level(rte) && ioapic_pin_test(im->irr, pin));
	}
}

/*
 * The image doesn't say who asserts a line. Level pins keep their request
 * until somebody drives them; edge pins start low, so that the next assertion
 * is an edge.
 */
void ioapic_load(struct ioapic *io, const struct ioapic_image *im,
		 struct ioapic_out *out)
{
	int pin;

	if (!out->next) {
		load_registers(io, im);
		out->rescan = true;
	}
	pin = ioapic_pin_next(im->irr, out->next);
	for (; pin >= 0 && pin < io->pins;
	     pin = ioapic_pin_next(im->irr, pin + 1)) {
		if (out->n == IOAPIC_OUT_MAX) {
			out->next = pin;
			return;
		}
		send(io, pin, out);
	}
	out->next = 0;
}

bool ioapic_restore(struct ioapic *io, const struct ioapic_state *st,
		    struct ioapic_out *out)
{
	const u64 irr[IOAPIC_WORDS] = { st->irr & (BIT(IOAPIC_PINS) - 1) };
	const struct ioapic_image im = {
		.regsel = st->ioregsel,
		.id = st->id,
		.irr = irr,
		.rte = st->rte,
	};

	io->base = st->base_address;
	ioapic_load(io, &im, out);
	return true;
}
