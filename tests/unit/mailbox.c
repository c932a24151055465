// SPDX-License-Identifier: GPL-2.0-only
/* The mailbox by one thread; threads.c has the rest. */
#include "fixture.h"

static struct mailbox mailbox_box;

static unsigned int mailbox_send(u8 delivery, u8 vector)
{
	struct irq_message msg = { .delivery = delivery, .vector = vector };

	return mailbox_post(&mailbox_box, &msg);
}

static u32 mailbox_take(struct lapic *l, bool take_init)
{
	fixture_poison();
	lapic_absorb(l, &mailbox_box, take_init, &fixture_out);
	return fixture_out.effects;
}

TEST(mailbox_every_vector)
{
	struct lapic *l = fixture_xapic(0);
	u32 v;

	for (v = 0; v < 256; v++) {
		unsigned int want = v < 16 ? 0 : MAILBOX_NOTIFY;

		mailbox_init(&mailbox_box);
		CHECK_ROW(v, mailbox_send(v & 1, v), want);
		CHECK_ROW(v, mailbox_pending(&mailbox_box), v >= 16);
		CHECK_ROW(v, mailbox_take(l, true),
			  v < 16 ? 0 : LAPIC_OUT_EVENT);
		CHECK_ROW(v, fixture_bit(l, LAPIC_IRR, v), v >= 16);
		CHECK_ROW(v, mailbox_pending(&mailbox_box), false);
		CHECK_ROW(v, mailbox_box.pir[v >> 6], 0);
	}
}

TEST(mailbox_notifies_once)
{
	mailbox_init(&mailbox_box);
	CHECK_EQ(mailbox_send(IRQ_FIXED, 0x30), MAILBOX_NOTIFY);
	CHECK_EQ(mailbox_send(IRQ_FIXED, 0x31), 0);
	CHECK_EQ(mailbox_send(IRQ_FIXED, 0x30), MAILBOX_COALESCED);
	/* Hardware, or an owner halfway through, has cleared ON. */
	mailbox_box.control = 0;
	CHECK_EQ(mailbox_send(IRQ_FIXED, 0x32), MAILBOX_NOTIFY);
}

TEST(mailbox_keeps_hardware_fields)
{
	const u64 nv = 0x12345678ULL << 32 | 0xf2 << 16;
	struct lapic *l = fixture_xapic(0);

	mailbox_init(&mailbox_box);
	mailbox_box.control = nv | MAILBOX_SN;
	mailbox_send(IRQ_FIXED, 0x30);
	CHECK_EQ(mailbox_box.control, nv | MAILBOX_SN | MAILBOX_ON);
	mailbox_take(l, true);
	CHECK_EQ(mailbox_box.control, nv | MAILBOX_SN);
}

TEST(mailbox_trigger_mode)
{
	struct irq_message msg = { .vector = 0x41, .level = true };
	struct lapic *l = fixture_xapic(0);

	mailbox_init(&mailbox_box);
	mailbox_post(&mailbox_box, &msg);
	mailbox_take(l, true);
	CHECK(fixture_bit(l, LAPIC_TMR, 0x41));
	msg.level = false;
	mailbox_post(&mailbox_box, &msg);
	msg.vector = 0x40;
	mailbox_post(&mailbox_box, &msg);
	mailbox_take(l, true);
	CHECK(!fixture_bit(l, LAPIC_TMR, 0x41));
	CHECK(!fixture_bit(l, LAPIC_TMR, 0x40));
}

/* What hardware that posts by itself goes by. */
TEST(mailbox_for_devices)
{
	struct irq_message msg = { .vector = 0x41, .level = true };
	struct lapic *l = fixture_xapic(0);

	mailbox_init(&mailbox_box);
	mailbox_post(&mailbox_box, &msg);
	mailbox_notify_at(&mailbox_box, 0xff, 0xffffffff);
	mailbox_notify_at(&mailbox_box, 0xf2, 0x12345678);
	CHECK_EQ(mailbox_box.control, 0x1234567800f20001ULL);
	mailbox_take(l, true);
	CHECK_EQ(mailbox_box.control, 0x1234567800f20000ULL);
	CHECK(fixture_bit(l, LAPIC_TMR, 0x41));
	msg.vector = 0x42;
	mailbox_post(&mailbox_box, &msg);
	mailbox_set_edge(&mailbox_box, 0x41);
	mailbox_box.pir[1] |= 2;
	mailbox_take(l, true);
	CHECK(!fixture_bit(l, LAPIC_TMR, 0x41));
	CHECK(fixture_bit(l, LAPIC_TMR, 0x42));
}

TEST(mailbox_events)
{
	static const struct {
		u8 delivery;
		u32 effect;
	} rows[] = {
		{ IRQ_SMI, LAPIC_OUT_SMI },	  { IRQ_NMI, LAPIC_OUT_NMI },
		{ IRQ_INIT, LAPIC_OUT_INIT },	  { IRQ_STARTUP, LAPIC_OUT_SIPI },
		{ IRQ_EXTINT, LAPIC_OUT_EXTINT },
	};
	struct lapic *l = fixture_xapic(0);
	u32 i;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		mailbox_init(&mailbox_box);
		CHECK_ROW(i, mailbox_send(rows[i].delivery, 8),
			  MAILBOX_NOTIFY | MAILBOX_EVENT);
		CHECK_ROW(i, mailbox_send(rows[i].delivery, 8), MAILBOX_COALESCED);
		CHECK_ROW(i, mailbox_pending(&mailbox_box), true);
		CHECK_ROW(i, mailbox_take(l, true), rows[i].effect);
		CHECK_ROW(i, mailbox_pending(&mailbox_box), false);
		CHECK_ROW(i, mailbox_take(l, true), 0);
	}
	mailbox_init(&mailbox_box);
	CHECK_EQ(mailbox_send(IRQ_RESERVED, 0x30), 0);
	CHECK(!mailbox_pending(&mailbox_box));
}

TEST(mailbox_all_at_once)
{
	static const u8 modes[] = { IRQ_SMI, IRQ_NMI, IRQ_INIT, IRQ_STARTUP,
				    IRQ_EXTINT, IRQ_FIXED };
	struct lapic *l = fixture_xapic(0);
	u32 i;

	mailbox_init(&mailbox_box);
	for (i = 0; i < ARRAY_SIZE(modes); i++)
		CHECK_ROW(i, mailbox_send(modes[i], 0x99) & MAILBOX_COALESCED, 0);
	CHECK_EQ(mailbox_take(l, true),
		 LAPIC_OUT_SMI | LAPIC_OUT_NMI | LAPIC_OUT_INIT |
		 LAPIC_OUT_SIPI | LAPIC_OUT_EXTINT | LAPIC_OUT_EVENT);
	CHECK_EQ(fixture_out.sipi_vector, 0x99);
	/* And none of it hides what the caller had already. */
	for (i = 0; i < ARRAY_SIZE(modes); i++)
		mailbox_send(modes[i], 0x99);
	fixture_out.effects = LAPIC_OUT_FAULT;
	lapic_absorb(l, &mailbox_box, true, &fixture_out);
	CHECK(fixture_out.effects & LAPIC_OUT_FAULT);
}

/* Without ON there is nothing to take, and PIR isn't even looked at. */
TEST(mailbox_no_on_no_work)
{
	struct lapic *l = fixture_xapic(0);

	mailbox_init(&mailbox_box);
	mailbox_box.pir[0] = 1ULL << 40;
	CHECK_EQ(mailbox_take(l, true), 0);
	CHECK_EQ(mailbox_box.pir[0], 1ULL << 40);
}

TEST(mailbox_init_deassert_is_nothing)
{
	struct irq_message msg = { .delivery = IRQ_INIT, .level = true,
				   .deassert = true };

	mailbox_init(&mailbox_box);
	CHECK_EQ(mailbox_post(&mailbox_box, &msg), 0);
	CHECK(!mailbox_pending(&mailbox_box));
}

/* ON that posted-interrupt hardware has cleared must not hide an NMI. */
TEST(mailbox_event_without_on)
{
	struct lapic *l = fixture_xapic(0);

	mailbox_init(&mailbox_box);
	mailbox_send(IRQ_FIXED, 0x30);
	CHECK_EQ(mailbox_send(IRQ_NMI, 0), MAILBOX_NOTIFY | MAILBOX_EVENT);
	mailbox_box.control &= ~MAILBOX_ON;
	mailbox_box.pir[0] = 0;
	CHECK(mailbox_pending(&mailbox_box));
	CHECK_EQ(mailbox_take(l, true), LAPIC_OUT_NMI);
}

/* Who takes vectors alone has no use for an NMI that came with them. */
TEST(mailbox_posted_leaves_events)
{
	struct lapic *l = fixture_xapic(0);

	mailbox_init(&mailbox_box);
	mailbox_send(IRQ_FIXED, 0x30);
	mailbox_send(IRQ_NMI, 0);
	mailbox_send(IRQ_EXTINT, 0);
	lapic_absorb_posted(l, &mailbox_box);
	CHECK_EQ(fixture_bit(l, LAPIC_IRR, 0x30), true);
	CHECK_EQ(mailbox_pending(&mailbox_box), true);
	CHECK_EQ(mailbox_take(l, true), LAPIC_OUT_NMI | LAPIC_OUT_EXTINT);
}

TEST(mailbox_first_sipi_stays)
{
	struct lapic *l = fixture_xapic(0);

	mailbox_init(&mailbox_box);
	mailbox_send(IRQ_STARTUP, 0x55);
	CHECK_EQ(mailbox_send(IRQ_STARTUP, 0xaa), MAILBOX_COALESCED);
	CHECK_EQ(mailbox_take(l, true), LAPIC_OUT_SIPI);
	CHECK_EQ(fixture_out.sipi_vector, 0x55);

	/* A new INIT starts over. */
	mailbox_send(IRQ_STARTUP, 0x55);
	mailbox_send(IRQ_INIT, 0);
	mailbox_send(IRQ_STARTUP, 0xaa);
	CHECK_EQ(mailbox_take(l, true), LAPIC_OUT_INIT | LAPIC_OUT_SIPI);
	CHECK_EQ(fixture_out.sipi_vector, 0xaa);
}

TEST(mailbox_disabled_apic_drops_vectors)
{
	struct lapic *l = fixture_xapic(0);

	fixture_write(l, LAPIC_SVR, 0xff, 0);
	mailbox_init(&mailbox_box);
	mailbox_send(IRQ_FIXED, 0x30);
	mailbox_send(IRQ_NMI, 0);
	CHECK_EQ(mailbox_take(l, true), LAPIC_OUT_NMI);
	CHECK(!fixture_bit(l, LAPIC_IRR, 0x30));
	CHECK_EQ(mailbox_box.pir[0], 0);
}

/* Hardware moved PIR to IRR by itself; the trigger modes follow on request. */
TEST(mailbox_sync_tmr)
{
	struct irq_message msg = { .vector = 0x65, .level = true };
	struct lapic *l = fixture_xapic(0);

	lapic_accelerate(l, true);
	mailbox_init(&mailbox_box);
	mailbox_post(&mailbox_box, &msg);
	mailbox_box.control = 0;
	mailbox_box.pir[1] = 0;
	lapic_put(l, LAPIC_IRR + 0x30, BIT(5) | BIT(6));
	lapic_put(l, LAPIC_TMR + 0x30, BIT(6) | BIT(7));
	lapic_sync_tmr(l, &mailbox_box);
	CHECK_EQ(lapic_get(l, LAPIC_TMR + 0x30), BIT(5) | BIT(7));
}

TEST(mailbox_sync_tmr_every_vector)
{
	struct lapic *l;
	u32 v, k;

	for (v = 0; v < 256; v++) {
		for (k = 0; k < 2; k++) {
			u32 reg = (k ? LAPIC_IRR : LAPIC_ISR) + (v >> 5) * 16;

			l = fixture_xapic(0);
			mailbox_init(&mailbox_box);
			memset(mailbox_box.tmr, 0xff, sizeof(mailbox_box.tmr));
			lapic_put(l, reg, 1U << (v & 31));
			lapic_sync_tmr(l, &mailbox_box);
			CHECK_ROW(v, fixture_bit(l, LAPIC_TMR, v), true);
			CHECK_ROW(v, fixture_bit(l, LAPIC_TMR, v ^ 1), false);
			CHECK_ROW(v, fixture_bit(l, LAPIC_TMR, v ^ 32), false);
			mailbox_box.tmr[v >> 6] = ~(1ULL << (v & 63));
			lapic_sync_tmr(l, &mailbox_box);
			CHECK_ROW(v, fixture_bit(l, LAPIC_TMR, v), false);
		}
	}
}

/* Without the mailbox, into an IRR that hardware shares. */
TEST(mailbox_past_it)
{
	struct irq_message msg = { .vector = 0x41, .level = true };
	struct lapic *l = fixture_xapic(0);
	u32 v;

	lapic_accelerate(l, true);
	CHECK_EQ(lapic_post(l, &msg), MAILBOX_NOTIFY);
	CHECK(fixture_bit(l, LAPIC_IRR, 0x41));
	CHECK(fixture_bit(l, LAPIC_TMR, 0x41));
	msg.level = false;
	CHECK_EQ(lapic_post(l, &msg), MAILBOX_COALESCED);
	CHECK(!fixture_bit(l, LAPIC_TMR, 0x41));
	CHECK_EQ(lapic_highest_irr(l), 0x41);

	for (v = 0; v < 256; v++) {
		msg.vector = v;
		CHECK_ROW(v, lapic_post(l, &msg),
			  v < 16 ? 0 : v == 0x41 ? MAILBOX_COALESCED : MAILBOX_NOTIFY);
		CHECK_ROW(v, fixture_bit(l, LAPIC_IRR, v), v >= 16);
		CHECK_ROW(v, fixture_bit(l, LAPIC_TMR, v), false);
	}
}

#define MAILBOX_TESTS(T)                                                       \
	T(mailbox_every_vector)                                                \
	T(mailbox_notifies_once)                                               \
	T(mailbox_keeps_hardware_fields)                                       \
	T(mailbox_trigger_mode)                                                \
	T(mailbox_for_devices)                                                 \
	T(mailbox_events)                                                      \
	T(mailbox_all_at_once)                                                 \
	T(mailbox_no_on_no_work)                                               \
	T(mailbox_init_deassert_is_nothing)                                    \
	T(mailbox_event_without_on)                                            \
	T(mailbox_posted_leaves_events)                                        \
	T(mailbox_first_sipi_stays)                                            \
	T(mailbox_disabled_apic_drops_vectors)                                 \
	T(mailbox_sync_tmr)                                                    \
	T(mailbox_sync_tmr_every_vector)                                       \
	T(mailbox_past_it)

CHECK_MAIN(mailbox, MAILBOX_TESTS)
