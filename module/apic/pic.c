// SPDX-License-Identifier: GPL-2.0-only
/*
 * The 8259A pair. An edge stays latched until it is acknowledged, also when its
 * line has fallen since: whoever drives a line by ioctl pulses it.
 *
 * 8259A datasheet, "Initialization Command Words", "Operation Command Words".
 */
#include "pic.h"

#define ICW1 BIT(4)
#define ICW1_IC4 BIT(0)
#define ICW1_SNGL BIT(1)
#define ICW4_AEOI BIT(1)
#define ICW4_SFNM BIT(4)
#define OCW3 BIT(3)
#define OCW3_RIS BIT(0)
#define OCW3_RR BIT(1)
#define OCW3_POLL BIT(2)
#define OCW3_SMM BIT(5)
#define OCW3_ESMM BIT(6)

/* OCW2 bits 7:5 */
enum {
	OCW2_ROTATE_AEOI_CLEAR,
	OCW2_EOI,
	OCW2_NOP,
	OCW2_EOI_SPECIFIC,
	OCW2_ROTATE_AEOI_SET,
	OCW2_EOI_ROTATE,
	OCW2_SET_PRIORITY,
	OCW2_EOI_SPECIFIC_ROTATE,
};

/* Pins that can't be level: timer, keyboard, cascade; RTC, FPU. */
static const u8 elcr_pins[2] = { 0xf8, 0xde };

#define POLL_REQUEST BIT(7)
#define SPURIOUS 7

static struct pic_chip *chip_of(struct pic *p, unsigned int pin)
{
	return &p->chip[pin >> 3];
}

/* The pin of @pins with the highest priority, or -1. */
static int highest(const struct pic_chip *c, u8 pins)
{
	unsigned int i;

	for (i = 0; i < 8; i++)
		if (pins >> ((c->first + i) & 7) & 1)
			return (c->first + i) & 7;
	return -1;
}

static unsigned int rank(const struct pic_chip *c, int pin)
{
	return pin < 0 ? 8 : (pin - c->first) & 7;
}

/*
 * The pin whose request the chip passes on, or -1. In special mask mode what is
 * in service and masked hinders nobody; in special fully nested mode the master
 * lets a further request of the slave's through.
 */
static int request(const struct pic *p, unsigned int n)
{
	const struct pic_chip *c = &p->chip[n];
	u8 serving = c->isr;
	int pin = highest(c, c->irr & ~c->imr);

	if (c->special_mask)
		serving &= ~c->imr;
	if (c->special_nested && n == 0)
		serving &= ~(1U << PIC_CASCADE);
	return rank(c, pin) < rank(c, highest(c, serving)) ? pin : -1;
}

/* The slave's output is a wire, not an edge: it is seen as long as it is high. */
static void update(struct pic *p, struct pic_out *out)
{
	bool before = p->output, now;

	if (request(p, 1) >= 0)
		p->chip[0].irr |= 1U << PIC_CASCADE;
	else
		p->chip[0].irr &= ~(1U << PIC_CASCADE);
	now = request(p, 0) >= 0;
	WRITE_ONCE(p->output, now);
	if (now && !before)
		out->raised = true;
}

void pic_init(struct pic *p)
{
	unsigned int n;

	memset(p, 0, sizeof(*p));
	for (n = 0; n < 2; n++)
		p->chip[n].elcr_mask = elcr_pins[n];
}

enum ioapic_status pic_line(struct pic *p, unsigned int pin,
			    enum ioapic_source src, bool level,
			    struct pic_out *out)
{
	struct pic_chip *c;
	u8 bit = 1U << (pin & 7);
	bool before, now, pending;

	if (pin >= PIC_PINS || pin == PIC_CASCADE)
		return IOAPIC_IGNORED;
	c = chip_of(p, pin);
	before = p->line[pin];
	p->line[pin] &= ~(PIC_RESTORED | 1U << src);
	if (level)
		p->line[pin] |= 1U << src;
	now = p->line[pin];
	pending = c->irr & bit;
	if (c->elcr & bit)
		c->irr = now ? c->irr | bit : c->irr & ~bit;
	else if (now && !before)
		c->irr |= bit;
	update(p, out);
	if (c->imr & bit)
		return IOAPIC_IGNORED;
	if (!now)
		return IOAPIC_IDLE;
	return !pending && (c->irr & bit) ? IOAPIC_SENT : IOAPIC_COALESCED;
}

static void end(struct pic *p, unsigned int n, unsigned int pin,
		struct pic_out *out)
{
	p->chip[n].isr &= ~(1U << pin);
	out->acked |= 1U << (n * 8 + pin);
}

/* One chip's part of an acknowledge cycle. */
static void take(struct pic *p, unsigned int n, unsigned int pin,
		 struct pic_out *out)
{
	struct pic_chip *c = &p->chip[n];

	c->isr |= 1U << pin;
	if (!(c->elcr >> pin & 1))
		c->irr &= ~(1U << pin);
	if (!c->auto_eoi)
		return;
	if (c->rotate_auto_eoi)
		c->first = (pin + 1) & 7;
	end(p, n, pin, out);
}

u8 pic_ack(struct pic *p, struct pic_out *out)
{
	int pin = request(p, 0), second;
	u8 vector;

	if (pin < 0)
		return p->chip[0].base + SPURIOUS;
	vector = p->chip[0].base + pin;
	if (pin == PIC_CASCADE) {
		second = request(p, 1);
		vector = p->chip[1].base + (second < 0 ? SPURIOUS : second);
		if (second >= 0)
			take(p, 1, second, out);
	}
	take(p, 0, pin, out);
	update(p, out);
	return vector;
}

/* ------------------------------------------------------------- registers */

static void icw1(struct pic *p, unsigned int n, u8 val, struct pic_out *out)
{
	struct pic_chip *c = &p->chip[n];

	out->acked |= c->isr << n * 8;
	out->unmasked |= c->imr << n * 8;
	/* A line that is high must fall and rise again to be an edge. */
	c->irr &= c->elcr;
	c->isr = c->imr = c->first = 0;
	c->special_mask = c->read_isr = c->poll = false;
	c->icw4 = val & ICW1_IC4;
	c->single = val & ICW1_SNGL;
	if (!c->icw4)
		c->special_nested = c->auto_eoi = false;
	c->icw = 2;
}

static void ocw2(struct pic *p, unsigned int n, u8 val, struct pic_out *out)
{
	struct pic_chip *c = &p->chip[n];
	unsigned int what = val >> 5;
	int pin = val & 7;

	if (what == OCW2_EOI || what == OCW2_EOI_ROTATE)
		pin = highest(c, c->isr & ~(c->special_mask ? c->imr : 0));
	switch (what) {
	case OCW2_ROTATE_AEOI_CLEAR:
	case OCW2_ROTATE_AEOI_SET:
		c->rotate_auto_eoi = what == OCW2_ROTATE_AEOI_SET;
		return;
	case OCW2_NOP:
		return;
	case OCW2_SET_PRIORITY:
		c->first = (pin + 1) & 7;
		return;
	}
	if (pin < 0)
		return;
	if (what == OCW2_EOI_ROTATE || what == OCW2_EOI_SPECIFIC_ROTATE)
		c->first = (pin + 1) & 7;
	if (c->isr >> pin & 1)
		end(p, n, pin, out);
}

static void ocw3(struct pic_chip *c, u8 val)
{
	if (val & OCW3_POLL)
		c->poll = true;
	if (val & OCW3_RR)
		c->read_isr = val & OCW3_RIS;
	if (val & OCW3_ESMM)
		c->special_mask = val & OCW3_SMM;
}

static void write_data(struct pic *p, unsigned int n, u8 val,
		       struct pic_out *out)
{
	struct pic_chip *c = &p->chip[n];

	switch (c->icw) {
	case 0:
		out->unmasked |= (u16)(u8)(c->imr & ~val) << n * 8;
		c->imr = val;
		break;
	case 2:
		c->base = val & 0xf8;
		c->icw = !c->single ? 3 : c->icw4 ? 4 : 0;
		break;
	case 3: /* who is connected to whom doesn't change */
		c->icw = c->icw4 ? 4 : 0;
		break;
	case 4:
		c->special_nested = val & ICW4_SFNM;
		c->auto_eoi = val & ICW4_AEOI;
		c->icw = 0;
		break;
	}
}

static void write_elcr(struct pic *p, unsigned int n, u8 val)
{
	struct pic_chip *c = &p->chip[n];
	unsigned int pin;

	c->elcr = val & c->elcr_mask & elcr_pins[n];
	for (pin = 0; pin < 8; pin++) {
		if (!(c->elcr >> pin & 1))
			continue;
		if (p->line[n * 8 + pin])
			c->irr |= 1U << pin;
		else
			c->irr &= ~(1U << pin);
	}
}

bool pic_has_port(u16 port)
{
	return (port & ~0x81) == PIC_MASTER || (port & ~1) == PIC_ELCR;
}

void pic_write(struct pic *p, u16 port, u8 val, struct pic_out *out)
{
	unsigned int n = port >> 7 & 1;

	if ((port & ~1) == PIC_ELCR)
		write_elcr(p, port & 1, val);
	else if (port & 1)
		write_data(p, n, val, out);
	else if (val & ICW1)
		icw1(p, n, val, out);
	else if (val & OCW3)
		ocw3(&p->chip[n], val);
	else
		ocw2(p, n, val, out);
	update(p, out);
}

u8 pic_read(struct pic *p, u16 port, struct pic_out *out)
{
	unsigned int n = port >> 7 & 1;
	struct pic_chip *c = &p->chip[n];
	int pin;

	if ((port & ~1) == PIC_ELCR)
		return p->chip[port & 1].elcr;
	if (c->poll) {
		/* The read is the acknowledge cycle, of this chip alone. */
		c->poll = false;
		pin = request(p, n);
		if (pin < 0)
			return SPURIOUS;
		take(p, n, pin, out);
		update(p, out);
		return POLL_REQUEST | pin;
	}
	if (port & 1)
		return c->imr;
	return c->read_isr ? c->isr : c->irr;
}

/* ------------------------------------------------------------------ state */

static_assert(sizeof(struct pic_state) == 16, "KVM's layout");

void pic_save(const struct pic *p, unsigned int n, struct pic_state *st)
{
	const struct pic_chip *c = &p->chip[n];
	unsigned int pin;

	memset(st, 0, sizeof(*st));
	for (pin = 0; pin < 8; pin++)
		if (p->line[n * 8 + pin])
			st->last_irr |= 1U << pin;
	st->irr = c->irr;
	st->imr = c->imr;
	st->isr = c->isr;
	st->priority_add = c->first;
	st->irq_base = c->base;
	st->read_reg_select = c->read_isr;
	st->poll = c->poll;
	st->special_mask = c->special_mask;
	st->init_state = c->icw ? c->icw - 1 : 0;
	st->auto_eoi = c->auto_eoi;
	st->rotate_on_auto_eoi = c->rotate_auto_eoi;
	st->special_fully_nested_mode = c->special_nested;
	/* The layout has no place of its own for the second. */
	st->init4 = c->icw4 | c->single << 1;
	st->elcr = c->elcr;
	st->elcr_mask = c->elcr_mask;
}

void pic_restore(struct pic *p, unsigned int n, const struct pic_state *st,
		 struct pic_out *out)
{
	struct pic_chip *c = &p->chip[n];
	unsigned int pin;

	for (pin = 0; pin < 8; pin++)
		p->line[n * 8 + pin] = st->last_irr >> pin & 1 ? PIC_RESTORED : 0;
	c->irr = st->irr;
	c->imr = st->imr;
	c->isr = st->isr;
	c->first = st->priority_add & 7;
	c->base = st->irq_base;
	c->read_isr = st->read_reg_select;
	c->poll = st->poll;
	c->special_mask = st->special_mask;
	c->icw = st->init_state >= 1 && st->init_state <= 3 ?
			 st->init_state + 1 : 0;
	c->auto_eoi = st->auto_eoi;
	c->rotate_auto_eoi = st->rotate_on_auto_eoi;
	c->special_nested = st->special_fully_nested_mode;
	c->icw4 = st->init4 & 1;
	c->single = st->init4 & 2;
	c->elcr_mask = st->elcr_mask;
	c->elcr = st->elcr & elcr_pins[n];
	/* Nobody drives the pin: the slave does. */
	if (n == 0)
		p->line[PIC_CASCADE] = 0;
	update(p, out);
}
