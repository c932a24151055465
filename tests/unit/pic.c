// SPDX-License-Identifier: GPL-2.0-only
/* The 8259 pair, by the datasheet's words. */
#include "../../module/apic/pic.h"
#include "fixture.h"

static struct pic pic_p;
static struct pic_out pic_effects;

static void pic_out8(u16 port, u8 val)
{
	memset(&pic_effects, 0, sizeof(pic_effects));
	pic_write(&pic_p, port, val, &pic_effects);
}

static u8 pic_in8(u16 port)
{
	memset(&pic_effects, 0, sizeof(pic_effects));
	return pic_read(&pic_p, port, &pic_effects);
}

static enum ioapic_status pic_set(unsigned int pin, bool level)
{
	memset(&pic_effects, 0, sizeof(pic_effects));
	return pic_line(&pic_p, pin, IOAPIC_SRC_USER, level, &pic_effects);
}

static u8 pic_inta(void)
{
	memset(&pic_effects, 0, sizeof(pic_effects));
	return pic_ack(&pic_p, &pic_effects);
}

static void pic_pulse(unsigned int pin)
{
	pic_set(pin, true);
	pic_set(pin, false);
}

/* As a PC's firmware does it, with @icw4; nothing masked. */
static void pic_setup(u8 icw4)
{
	pic_init(&pic_p);
	pic_out8(0x20, 0x11);
	pic_out8(0x21, 0x20);
	pic_out8(0x21, 0x04);
	pic_out8(0x21, icw4);
	pic_out8(0xa0, 0x11);
	pic_out8(0xa1, 0x28);
	pic_out8(0xa1, 0x02);
	pic_out8(0xa1, 0x01);
	pic_out8(0x21, 0);
	pic_out8(0xa1, 0);
}

static u8 pic_isr(u16 port)
{
	pic_out8(port, 0x0b);
	return pic_in8(port);
}

static u8 pic_irr(u16 port)
{
	pic_out8(port, 0x0a);
	return pic_in8(port);
}

TEST(pic_edge)
{
	pic_setup(1);
	CHECK(!pic_p.output);
	CHECK_EQ(pic_set(3, true), IOAPIC_SENT);
	CHECK(pic_effects.raised);
	CHECK_EQ(pic_set(3, true), IOAPIC_COALESCED);
	CHECK(!pic_effects.raised);
	CHECK_EQ(pic_set(3, false), IOAPIC_IDLE);
	CHECK_EQ(pic_irr(0x20), 0x08);
	CHECK_EQ(pic_inta(), 0x23);
	CHECK(!pic_p.output);
	CHECK_EQ(pic_irr(0x20), 0);
	CHECK_EQ(pic_isr(0x20), 0x08);
	pic_out8(0x20, 0x20);
	CHECK_EQ(pic_effects.acked, BIT(3));
	CHECK_EQ(pic_isr(0x20), 0);
	/* nothing in service: nothing ends */
	pic_out8(0x20, 0x20);
	CHECK_EQ(pic_effects.acked, 0);
}

TEST(pic_priority)
{
	pic_setup(1);
	pic_pulse(5);
	CHECK_EQ(pic_inta(), 0x25);
	pic_pulse(6);
	CHECK(!pic_p.output);
	pic_pulse(1);
	CHECK(pic_p.output);
	CHECK_EQ(pic_inta(), 0x21);
	CHECK_EQ(pic_isr(0x20), 0x22);
	pic_out8(0x20, 0x20);
	CHECK_EQ(pic_effects.acked, BIT(1));
	CHECK(!pic_p.output);
	pic_out8(0x20, 0x65); /* specific */
	CHECK_EQ(pic_effects.acked, BIT(5));
	CHECK_EQ(pic_inta(), 0x26);
}

TEST(pic_cascade)
{
	pic_setup(1);
	CHECK_EQ(pic_set(2, true), IOAPIC_IGNORED);
	CHECK_EQ(pic_set(12, true), IOAPIC_SENT);
	CHECK_EQ(pic_irr(0x20), 0x04);
	CHECK_EQ(pic_inta(), 0x2c);
	CHECK_EQ(pic_isr(0x20), 0x04);
	CHECK_EQ(pic_isr(0xa0), 0x10);
	/* a higher one of the slave's waits for the master's EOI */
	pic_pulse(8);
	CHECK(!pic_p.output);
	pic_out8(0x20, 0x20);
	CHECK(pic_p.output);
	CHECK_EQ(pic_inta(), 0x28);
	pic_out8(0xa0, 0x20);
	CHECK_EQ(pic_effects.acked, BIT(8));
	pic_out8(0xa0, 0x20);
	CHECK_EQ(pic_effects.acked, BIT(12));
	/* masked in the slave before it is taken: no request, a spurious vector */
	pic_setup(1);
	pic_pulse(9);
	pic_out8(0xa1, 0xff);
	CHECK(!pic_p.output);
	CHECK_EQ(pic_inta(), 0x27);
	CHECK_EQ(pic_isr(0x20), 0);
}

/* Special fully nested mode: the slave's higher requests come through. */
TEST(pic_special_nested)
{
	pic_setup(0x11);
	pic_pulse(12);
	CHECK_EQ(pic_inta(), 0x2c);
	pic_pulse(8);
	CHECK(pic_p.output);
	CHECK_EQ(pic_inta(), 0x28);
	pic_pulse(13);
	CHECK(!pic_p.output);
}

TEST(pic_level)
{
	pic_setup(1);
	pic_out8(0x4d0, 0xff);
	CHECK_EQ(pic_in8(0x4d0), 0xf8);
	pic_out8(0x4d1, 0xff);
	CHECK_EQ(pic_in8(0x4d1), 0xde);
	pic_set(10, true);
	CHECK_EQ(pic_inta(), 0x2a);
	CHECK_EQ(pic_irr(0xa0), 0x04);
	pic_out8(0xa0, 0x20);
	pic_out8(0x20, 0x20);
	CHECK_EQ(pic_inta(), 0x2a);
	pic_set(10, false);
	pic_out8(0xa0, 0x20);
	pic_out8(0x20, 0x20);
	CHECK(!pic_p.output);
	/* two that share a line */
	pic_set(5, true);
	memset(&pic_effects, 0, sizeof(pic_effects));
	pic_line(&pic_p, 5, IOAPIC_SRC_IRQFD, true, &pic_effects);
	pic_set(5, false);
	CHECK(pic_p.output);
	pic_line(&pic_p, 5, IOAPIC_SRC_IRQFD, false, &pic_effects);
	CHECK(!pic_p.output);
	/* a line that is high when its pin becomes a level one */
	pic_set(7, true);
	CHECK_EQ(pic_inta(), 0x27);
	pic_out8(0x20, 0x20);
	pic_out8(0x4d0, 0);
	CHECK(pic_p.output);
	pic_set(6, true);
	CHECK_EQ(pic_inta(), 0x26);
	pic_out8(0x20, 0x20);
	CHECK_EQ(pic_inta(), 0x27);
	pic_out8(0x20, 0x20);
	CHECK(!pic_p.output);
	pic_out8(0x4d0, 0x40);
	CHECK(pic_p.output);
}

TEST(pic_masks)
{
	pic_setup(1);
	pic_out8(0x21, 0x09);
	CHECK_EQ(pic_in8(0x21), 0x09);
	CHECK_EQ(pic_set(3, true), IOAPIC_IGNORED);
	CHECK(!pic_p.output);
	pic_set(3, false);
	pic_out8(0x21, 0x01);
	CHECK_EQ(pic_effects.unmasked, BIT(3));
	CHECK(pic_effects.raised);
	CHECK_EQ(pic_inta(), 0x23);
	/* special mask mode: what is in service and masked hinders nobody */
	pic_pulse(6);
	CHECK(!pic_p.output);
	pic_out8(0x21, 0x09);
	CHECK(!pic_p.output);
	pic_out8(0x20, 0x68);
	CHECK(pic_p.output);
	CHECK_EQ(pic_inta(), 0x26);
	/* and isn't what a non-specific EOI ends */
	pic_out8(0x20, 0x20);
	CHECK_EQ(pic_effects.acked, BIT(6));
	pic_out8(0x20, 0x48);
	pic_pulse(6);
	CHECK(!pic_p.output);
}

TEST(pic_rotation)
{
	pic_setup(1);
	pic_pulse(4);
	pic_inta();
	pic_out8(0x20, 0xa0); /* on non-specific EOI: 4 is the lowest now */
	pic_pulse(4);
	pic_pulse(5);
	CHECK_EQ(pic_inta(), 0x25);
	pic_out8(0x20, 0xe5); /* on specific EOI */
	CHECK_EQ(pic_effects.acked, BIT(5));
	pic_pulse(5);
	pic_pulse(6);
	CHECK_EQ(pic_inta(), 0x26);
	pic_out8(0x20, 0x66);
	pic_out8(0x20, 0xc7); /* 7 is the lowest, without an EOI */
	CHECK_EQ(pic_inta(), 0x24);
	/* no-op */
	pic_out8(0x20, 0x40);
	CHECK_EQ(pic_isr(0x20), 0x10);
}

TEST(pic_auto_eoi)
{
	pic_setup(0x03);
	pic_pulse(4);
	CHECK_EQ(pic_inta(), 0x24);
	CHECK_EQ(pic_effects.acked, BIT(4));
	CHECK_EQ(pic_isr(0x20), 0);
	pic_out8(0x20, 0x80); /* rotate in AEOI mode */
	pic_pulse(4);
	CHECK_EQ(pic_inta(), 0x24);
	pic_pulse(4);
	pic_pulse(5);
	CHECK_EQ(pic_inta(), 0x25);
	pic_out8(0x20, 0x00);
	CHECK_EQ(pic_inta(), 0x24);
}

TEST(pic_poll)
{
	pic_setup(1);
	pic_out8(0x20, 0x0c);
	CHECK_EQ(pic_in8(0x20) & 0x80, 0);
	pic_pulse(3);
	pic_out8(0x20, 0x0c);
	CHECK_EQ(pic_in8(0x20), 0x83);
	CHECK_EQ(pic_isr(0x20), 0x08);
	CHECK(!pic_p.output);
	/* the data port as well, and only once */
	pic_pulse(1);
	pic_out8(0x20, 0x0c);
	CHECK_EQ(pic_in8(0x21), 0x81);
	CHECK_EQ(pic_in8(0x21), 0);
}

/* ICW1 begins anew: masks and priorities, and edges must come again. */
TEST(pic_icw)
{
	pic_setup(0x03);
	pic_out8(0x20, 0xc2);
	pic_out8(0x21, 0xf0);
	pic_set(3, true);
	pic_out8(0x20, 0x10); /* without ICW4: no AEOI */
	CHECK(!pic_p.output);
	CHECK_EQ(pic_effects.unmasked, 0xf0);
	pic_out8(0x21, 0x57);
	pic_out8(0x21, 0x04);
	CHECK_EQ(pic_in8(0x21), 0);
	CHECK(!pic_p.output);
	pic_set(3, false);
	pic_pulse(3);
	CHECK_EQ(pic_inta(), 0x53);
	CHECK_EQ(pic_isr(0x20), 0x08);
	pic_out8(0x20, 0x10);
	CHECK_EQ(pic_effects.acked, BIT(3));
	CHECK_EQ(pic_isr(0x20), 0);
	/* single: ICW3 is left out */
	pic_out8(0x20, 0x13);
	pic_out8(0x21, 0x40);
	pic_out8(0x21, 0x03);
	pic_out8(0x21, 0xfe);
	CHECK_EQ(pic_in8(0x21), 0xfe);
	pic_pulse(0);
	CHECK_EQ(pic_inta(), 0x40);
	CHECK_EQ(pic_isr(0x20), 0);
}

TEST(pic_ports)
{
	u32 port, n = 0;

	for (port = 0; port < 0x10000; port++) {
		bool want = port == 0x20 || port == 0x21 || port == 0xa0 ||
			    port == 0xa1 || port == 0x4d0 || port == 0x4d1;

		CHECK_ROW(port, pic_has_port(port), want);
		n += want;
	}
	CHECK_EQ(n, 6);
}

static bool pic_same(const struct pic *a, const struct pic *b)
{
	unsigned int pin;

	for (pin = 0; pin < PIC_PINS; pin++)
		if (!a->line[pin] != !b->line[pin])
			return false;
	return !memcmp(a->chip, b->chip, sizeof(a->chip)) &&
	       a->output == b->output;
}

/*
 * Random use. After each step: what is in service is as the last acknowledgement
 * left it, INT means that an acknowledgement gives a request's vector, and saving
 * and restoring changes nothing.
 */
TEST(pic_random)
{
	static const u8 icw[][2] = {
		{ 0x20, 0x11 }, { 0xa0, 0x11 }, { 0x20, 0x13 }, { 0x20, 0x10 },
	};
	struct check_random r = { 11 };
	struct pic_state st[2];
	struct pic copy;
	u32 i;

	pic_setup(1);
	for (i = 0; i < CHECK_ROUNDS(200000); i++) {
		bool was = pic_p.output;
		u32 what = check_below(&r, 100), n = check_below(&r, 2);

		if (what < 50)
			pic_set(check_below(&r, 20), check_below(&r, 2));
		else if (what < 70)
			pic_inta();
		else if (what < 90)
			pic_out8(n ? 0xa0 : 0x20, check_next(&r) & 0xef);
		else if (what < 97)
			pic_out8(n ? 0xa1 : 0x21, check_next(&r));
		else if (what < 99)
			pic_out8(0x4d0 + n, check_next(&r));
		else
			pic_out8(icw[i % 4][0], icw[i % 4][1]);
		REQUIRE_ROW(i, !(pic_effects.raised && !pic_p.output));
		REQUIRE_ROW(i, pic_effects.raised || was || !pic_p.output);
		REQUIRE_ROW(i, (pic_p.chip[0].irr >> 2 & 1) <=
				       !!pic_p.chip[1].irr);

		memset(&copy, 0, sizeof(copy));
		pic_save(&pic_p, 0, &st[0]);
		pic_save(&pic_p, 1, &st[1]);
		pic_restore(&copy, 1, &st[1], &pic_effects);
		pic_restore(&copy, 0, &st[0], &pic_effects);
		REQUIRE_ROW(i, pic_same(&copy, &pic_p));
		if (pic_p.output) {
			u8 v = pic_ack(&copy, &pic_effects);
			u8 irr = pic_p.chip[v >= 0x28 && v < 0x30].irr;

			REQUIRE_ROW(i, pic_p.chip[0].base != 0x20 ||
				       pic_p.chip[1].base != 0x28 ||
				       (irr >> (v & 7) & 1));
		}
	}
}

/* Whoever drives a restored line takes it over. */
TEST(pic_restored_line)
{
	struct pic_state st;

	pic_setup(1);
	pic_set(4, true);
	pic_inta();
	pic_out8(0x20, 0x20);
	pic_save(&pic_p, 0, &st);
	CHECK_EQ(st.last_irr, 0x10);
	pic_restore(&pic_p, 0, &st, &pic_effects);
	CHECK_EQ(pic_set(4, true), IOAPIC_COALESCED); /* no edge: it was high */
	CHECK_EQ(pic_set(4, false), IOAPIC_IDLE);
	CHECK_EQ(pic_set(4, true), IOAPIC_SENT);
	/* what no chip can hold is not taken over */
	memset(&st, 0xff, sizeof(st));
	pic_restore(&pic_p, 0, &st, &pic_effects);
	pic_save(&pic_p, 0, &st);
	CHECK_EQ(st.priority_add, 7);
	CHECK_EQ(st.elcr, 0xf8);
	CHECK_EQ(st.init_state, 0);
	CHECK_EQ(st.auto_eoi, 1);
}

/* User space may set what no ICW2 can, and which pins ELCR has: it reads that back, and vectors count from there. */
TEST(pic_restored_base)
{
	struct pic_state st;

	pic_setup(1);
	pic_save(&pic_p, 0, &st);
	CHECK_EQ(st.elcr_mask, 0xf8);
	st.irq_base = 10;
	st.elcr_mask = 0x30;
	st.elcr = 0x80;
	pic_restore(&pic_p, 0, &st, &pic_effects);
	pic_set(4, true);
	CHECK_EQ(pic_inta(), 14);
	pic_save(&pic_p, 0, &st);
	CHECK_EQ(st.irq_base, 10);
	CHECK_EQ(st.elcr_mask, 0x30);
	CHECK_EQ(st.elcr, 0x80);
	pic_out8(0x4d0, 0xff);
	pic_save(&pic_p, 0, &st);
	CHECK_EQ(st.elcr, 0x30);
	pic_out8(0x20, 0x11);
	pic_out8(0x21, 0x0f);
	pic_save(&pic_p, 0, &st);
	CHECK_EQ(st.irq_base, 8);
}

#define PIC_TESTS(T)                                                           \
	T(pic_edge)                                                            \
	T(pic_priority)                                                        \
	T(pic_cascade)                                                         \
	T(pic_special_nested)                                                  \
	T(pic_level)                                                           \
	T(pic_masks)                                                           \
	T(pic_rotation)                                                        \
	T(pic_auto_eoi)                                                        \
	T(pic_poll)                                                            \
	T(pic_icw)                                                             \
	T(pic_ports)                                                           \
	T(pic_restored_base)                                                   \
	T(pic_restored_line)                                                   \
	T(pic_random)

CHECK_MAIN(pic, PIC_TESTS)
