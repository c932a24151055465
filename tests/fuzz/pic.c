// SPDX-License-Identifier: GPL-2.0-only
/*
 * libFuzzer: the pair of 8259As. Lines, acknowledge cycles, any command words,
 * migrations. Beside it runs a pair that was written from the datasheet: a flag
 * for each pin, and a walk through the pins in the order of their priorities. The
 * first that requests is passed on, unless one in service stands before it.
 * After each operation:
 *  - all registers are equal, and INT is high if and only if a pin is passed on;
 *  - a rise of INT, the end of a service and an unmasked pin were told, and
 *    nothing of the kind was told that was not so;
 *  - vectors are those that the plain pair gives; no latched edge is lost.
 */
#include "../../module/apic/pic.h"
#include "fuzz.h"

enum what {
	OP_LINE,
	OP_PULSE,
	OP_ACK,
	OP_WRITE,
	OP_READ,
	OP_SETUP,
	OP_EOI,
	OP_MASK,
	OP_ELCR,
	OP_MIGRATE,
	OP_RESTORE,
	OP_WHATS
};

struct chip {
	bool irr[8], imr[8], isr[8], level[8];
	u8 settable; /* pins that ELCR can make level-triggered */
	u8 top; /* pin of the highest priority */
	u8 base;
	u8 expects; /* ICW2, 3, 4, or 0 */
	bool has_icw4, alone;
	bool shows_isr, polled;
	bool special_mask, nested, auto_eoi, rotates;
};

static struct pic pic;
static struct pic_out out;
static struct chip chips[2];
static u8 lines[16];
static bool high;
static u32 ended, opened;

static u8 byte_of(const bool *bits)
{
	u8 v = 0, i;

	for (i = 0; i < 8; i++)
		v |= bits[i] << i;
	return v;
}

static void set_byte(bool *bits, u8 v)
{
	u32 i;

	for (i = 0; i < 8; i++)
		bits[i] = v >> i & 1;
}

/* "Fully nested mode", and the two that are special. */
static int passed_on(u32 n)
{
	const struct chip *c = &chips[n];
	u32 i;

	for (i = 0; i < 8; i++) {
		u32 pin = (c->top + i) % 8;
		bool asks = c->irr[pin] && !c->imr[pin];
		bool hinders = c->isr[pin] && !(c->special_mask && c->imr[pin]);

		if (n == 0 && pin == 2 && c->nested)
			hinders = false;
		if (hinders)
			return -1;
		if (asks)
			return pin;
	}
	return -1;
}

static void settle(void)
{
	chips[0].irr[2] = passed_on(1) >= 0;
}

static void serve(u32 n, u32 pin)
{
	struct chip *c = &chips[n];

	if (!c->level[pin])
		c->irr[pin] = false;
	if (!c->auto_eoi) {
		c->isr[pin] = true;
		return;
	}
	c->isr[pin] = false;
	ended |= 1U << (n * 8 + pin);
	if (c->rotates)
		c->top = (pin + 1) % 8;
}

static void line(u32 pin, u32 source, bool level)
{
	enum ioapic_status got, want = IOAPIC_IDLE;
	struct chip *c = &chips[pin / 8 % 2];
	bool before, pending;

	got = pic_line(&pic, pin, source, level, &out);
	if (pin > 15 || pin == 2) {
		MUST(got == IOAPIC_IGNORED);
		return;
	}
	before = lines[pin];
	lines[pin] &= ~(PIC_RESTORED | 1U << source);
	lines[pin] |= level ? 1U << source : 0;
	pending = c->irr[pin % 8];
	if (c->level[pin % 8])
		c->irr[pin % 8] = lines[pin];
	else if (lines[pin] && !before)
		c->irr[pin % 8] = true;
	if (c->imr[pin % 8])
		want = IOAPIC_IGNORED;
	else if (lines[pin])
		want = !pending && c->irr[pin % 8] ? IOAPIC_SENT :
						     IOAPIC_COALESCED;
	MUST(got == want);
	settle();
}

static void ack(void)
{
	u8 got = pic_ack(&pic, &out), want = chips[0].base + 7;
	int pin = passed_on(0), second = passed_on(1);

	if (pin >= 0) {
		want = chips[0].base + pin;
		if (pin == 2) {
			want = chips[1].base + (second < 0 ? 7 : second);
			if (second >= 0)
				serve(1, second);
		}
		serve(0, pin);
	}
	settle();
	MUST(got == want);
}

static void command1(u32 n, u8 val)
{
	struct chip *c = &chips[n];
	u32 i;

	for (i = 0; i < 8; i++) {
		ended |= c->isr[i] ? 1U << (n * 8 + i) : 0;
		opened |= c->imr[i] ? 1U << (n * 8 + i) : 0;
		c->isr[i] = false;
		c->imr[i] = false;
		if (!c->level[i])
			c->irr[i] = false;
	}
	c->top = 0;
	c->special_mask = false;
	c->shows_isr = false;
	c->polled = false;
	c->alone = val & 2;
	c->has_icw4 = val & 1;
	if (!c->has_icw4) {
		c->nested = false;
		c->auto_eoi = false;
	}
	c->expects = 2;
}

static void finish(u32 n, int pin, bool rotate)
{
	struct chip *c = &chips[n];

	if (pin < 0)
		return;
	if (c->isr[pin])
		ended |= 1U << (n * 8 + pin);
	c->isr[pin] = false;
	if (rotate)
		c->top = (pin + 1) % 8;
}

/* The one in service with the highest priority; special mask hides some. */
static int in_service(const struct chip *c)
{
	u32 i;

	for (i = 0; i < 8; i++) {
		u32 pin = (c->top + i) % 8;

		if (c->isr[pin] && !(c->special_mask && c->imr[pin]))
			return pin;
	}
	return -1;
}

static void command2(u32 n, u8 val)
{
	struct chip *c = &chips[n];
	bool rotate = val & 0x80;

	switch (val >> 5 & 3) {
	case 0: /* rotate in automatic EOI mode */
		c->rotates = rotate;
		break;
	case 1:
		finish(n, in_service(c), rotate);
		break;
	case 2: /* set priority, or nothing */
		if (rotate)
			c->top = (val + 1) % 8;
		break;
	case 3:
		finish(n, val & 7, rotate);
		break;
	}
}

static void data(u32 n, u8 val)
{
	struct chip *c = &chips[n];
	u32 i;

	switch (c->expects) {
	case 0:
		for (i = 0; i < 8; i++)
			if (c->imr[i] && !(val >> i & 1))
				opened |= 1U << (n * 8 + i);
		set_byte(c->imr, val);
		break;
	case 2:
		c->base = val & 0xf8;
		c->expects = c->alone ? (c->has_icw4 ? 4 : 0) : 3;
		break;
	case 3:
		c->expects = c->has_icw4 ? 4 : 0;
		break;
	case 4:
		c->auto_eoi = val & 2;
		c->nested = val & 16;
		c->expects = 0;
		break;
	}
}

static void elcr(u32 n, u8 val)
{
	struct chip *c = &chips[n];
	u32 i;

	set_byte(c->level, val & c->settable);
	for (i = 0; i < 8; i++)
		if (c->level[i])
			c->irr[i] = lines[n * 8 + i];
}

static void write(u16 port, u8 val)
{
	u32 n = port >= 0xa0;
	struct chip *c = &chips[n];

	pic_write(&pic, port, val, &out);
	if (port >= 0x4d0) {
		elcr(port & 1, val);
	} else if (port & 1) {
		data(n, val);
	} else if (val & 16) {
		command1(n, val);
	} else if (!(val & 8)) {
		command2(n, val);
	} else {
		c->polled |= !!(val & 4);
		if (val & 2)
			c->shows_isr = val & 1;
		if (val & 64)
			c->special_mask = val & 32;
	}
	settle();
}

static void read(u16 port)
{
	u32 n = port >= 0xa0;
	struct chip *c = &chips[n];
	u8 want;
	int pin;

	if (port >= 0x4d0) {
		want = byte_of(chips[port & 1].level);
	} else if (c->polled) {
		c->polled = false;
		pin = passed_on(n);
		want = pin < 0 ? 7 : 0x80 | pin;
		if (pin >= 0)
			serve(n, pin);
		settle();
	} else {
		want = byte_of(port & 1 ? c->imr : c->shows_isr ? c->isr : c->irr);
	}
	MUST(pic_read(&pic, port, &out) == want);
}

static void migrate(void)
{
	struct pic_state st[2], again[2];
	u32 n;

	pic_save(&pic, 0, &st[0]);
	pic_save(&pic, 1, &st[1]);
	memset(&pic, 0, sizeof(pic));
	for (n = 0; n < 2; n++)
		pic_restore(&pic, n, &st[n], &out);
	for (n = 0; n < 2; n++) {
		pic_save(&pic, n, &again[n]);
		MUST(!memcmp(&st[n], &again[n], sizeof(st[n])));
	}
	for (n = 0; n < 16; n++)
		lines[n] = lines[n] ? PIC_RESTORED : 0;
	/* INT was low in between. */
	out.raised = high ? false : out.raised;
}

/* Any bytes; the plain pair takes over what was made of them. */
static void restore(u32 n, const struct fuzz_op *op)
{
	struct pic_state st;
	struct chip *c = &chips[n];
	u32 i;

	pic_save(&pic, n, &st);
	((u8 *)&st)[op->b % 16] = op->x;
	((u8 *)&st)[op->c % 16] = op->x >> 8;
	pic_restore(&pic, n, &st, &out);
	set_byte(c->irr, st.irr);
	set_byte(c->imr, st.imr);
	set_byte(c->isr, st.isr);
	set_byte(c->level, st.elcr & (n ? 0xde : 0xf8));
	c->settable = st.elcr_mask & (n ? 0xde : 0xf8);
	c->top = st.priority_add % 8;
	c->base = st.irq_base;
	c->shows_isr = st.read_reg_select;
	c->polled = st.poll;
	c->special_mask = st.special_mask;
	c->expects = st.init_state && st.init_state < 4 ? st.init_state + 1 : 0;
	c->auto_eoi = st.auto_eoi;
	c->rotates = st.rotate_on_auto_eoi;
	c->nested = st.special_fully_nested_mode;
	c->has_icw4 = st.init4 & 1;
	c->alone = st.init4 & 2;
	for (i = 0; i < 8; i++)
		lines[n * 8 + i] = st.last_irr >> i & 1 ? PIC_RESTORED : 0;
	lines[2] = 0;
	settle();
}

static void check(void)
{
	bool now = passed_on(0) >= 0;
	u32 n;

	for (n = 0; n < 2; n++) {
		const struct pic_chip *c = &pic.chip[n];

		MUST(c->irr == byte_of(chips[n].irr));
		MUST(c->imr == byte_of(chips[n].imr));
		MUST(c->isr == byte_of(chips[n].isr));
		MUST(c->elcr == byte_of(chips[n].level));
		MUST(c->first == chips[n].top && c->first < 8);
		MUST(c->base == chips[n].base);
		MUST(c->icw == chips[n].expects);
		MUST(c->poll == chips[n].polled);
	}
	MUST(!memcmp(pic.line, lines, sizeof(lines)));
	MUST(pic.output == now);
	MUST(out.raised == (now && !high));
	MUST(out.acked == ended);
	MUST(out.unmasked == opened);
	high = now;
	memset(&out, 0, sizeof(out));
	ended = 0;
	opened = 0;
}

/* As an operating system sets the pair up. */
static void setup(u8 icw4, u8 mask)
{
	const u8 words[][2] = {
		{ 0x20, 0x11 }, { 0xa0, 0x11 }, { 0x21, 0x20 }, { 0xa1, 0x28 },
		{ 0x21, 4 }, { 0xa1, 2 }, { 0x21, icw4 }, { 0xa1, icw4 },
		{ 0x21, mask }, { 0xa1, 0 },
	};
	u32 i;

	for (i = 0; i < ARRAY_SIZE(words); i++) {
		write(words[i][0], words[i][1]);
		check();
	}
}

static void step(const struct fuzz_op *op)
{
	static const u16 ports[] = { 0x20, 0x21, 0xa0, 0xa1, 0x4d0, 0x4d1 };
	u16 port = ports[op->a % 6];

	switch (op->what % OP_WHATS) {
	case OP_LINE:
		line(op->a % 17, op->b % IOAPIC_SRC_COUNT, op->c & 1);
		break;
	case OP_PULSE:
		line(op->a % 16, op->b % IOAPIC_SRC_COUNT, true);
		check();
		line(op->a % 16, op->b % IOAPIC_SRC_COUNT, false);
		break;
	case OP_ACK:
		ack();
		break;
	case OP_WRITE:
		MUST(pic_has_port(port));
		write(port, op->x);
		break;
	case OP_READ:
		read(port);
		break;
	case OP_SETUP:
		setup(op->a, op->b);
		break;
	case OP_EOI:
		write(op->a & 1 ? 0xa0 : 0x20, 0x20);
		break;
	case OP_MASK:
		write(op->a & 1 ? 0xa1 : 0x21, op->b);
		break;
	case OP_ELCR:
		write(op->a & 1 ? 0x4d1 : 0x4d0, op->b);
		break;
	case OP_MIGRATE:
		migrate();
		break;
	case OP_RESTORE:
		restore(op->a & 1, op);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = { data, size };
	struct fuzz_op op;

	pic_init(&pic);
	memset(chips, 0, sizeof(chips));
	chips[0].settable = 0xf8;
	chips[1].settable = 0xde;
	memset(lines, 0, sizeof(lines));
	memset(&out, 0, sizeof(out));
	high = false;
	ended = 0;
	opened = 0;
	if (fuzz_byte(&in) & 1)
		setup(1, 0);
	while (fuzz_next(&in, &op)) {
		step(&op);
		check();
	}
	return 0;
}
