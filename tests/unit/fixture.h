/* SPDX-License-Identifier: GPL-2.0-only */
/* A local APIC to test with, and shorthands for what tests do all the time. */
#ifndef VINTC_TESTS_FIXTURE_H
#define VINTC_TESTS_FIXTURE_H

#include "../../module/apic/lapic.h"
#include "check.h"

static u8 fixture_page[4096] __aligned(4096);
static struct lapic fixture_lapic;
static struct lapic_out fixture_out;

/* Every feature that a guest may be given; software-enabled. */
static inline struct lapic *fixture_xapic(u32 id)
{
	struct lapic *l = &fixture_lapic;
	struct lapic_config config;

	lapic_init(l, fixture_page, 3, id, false);
	config = l->config;
	config.x2apic = true;
	config.tsc_deadline = true;
	config.eoi_suppress = true;
	config.cmci = true;
	config.min_period_ns = 0;
	lapic_configure(l, &config);
	memset(&fixture_out, 0, sizeof(fixture_out));
	lapic_write(l, LAPIC_SVR, 0x1ff, 0, &fixture_out);
	fixture_out.effects = 0;
	return l;
}

static inline struct lapic *fixture_x2apic(u32 id)
{
	struct lapic *l = fixture_xapic(id);

	lapic_set_base(l, l->base | LAPIC_BASE_X2APIC, false, 46, &fixture_out);
	fixture_out.effects = 0;
	return l;
}

/* What a call doesn't set must not look as if it had. */
static inline void fixture_poison(void)
{
	memset(&fixture_out, 0xa5, sizeof(fixture_out));
	fixture_out.effects = 0;
}

/* Effects of the call, nothing left from the one before. */
static inline u32 fixture_write(struct lapic *l, u32 reg, u32 val, u64 now)
{
	fixture_poison();
	lapic_write(l, reg, val, now, &fixture_out);
	return fixture_out.effects;
}

static inline u32 fixture_wrmsr(struct lapic *l, u32 msr, u64 val)
{
	fixture_poison();
	lapic_wrmsr(l, msr, val, 0, &fixture_out);
	return fixture_out.effects;
}

/* By way of a mailbox, as from another CPU. */
static inline u32 fixture_post(struct lapic *l, u8 vector, bool level)
{
	struct irq_message msg = {
		.vector = vector,
		.level = level,
		.source = IRQ_SOURCE_NONE,
	};
	struct mailbox mb;

	mailbox_init(&mb);
	mailbox_post(&mb, &msg);
	fixture_poison();
	lapic_absorb(l, &mb, true, &fixture_out);
	return fixture_out.effects;
}

static inline bool fixture_bit(const struct lapic *l, u32 base, u8 vector)
{
	return lapic_get(l, base + (vector >> 5) * 16) >> (vector & 31) & 1;
}

static inline u32 fixture_eoi(struct lapic *l)
{
	fixture_poison();
	lapic_eoi(l, &fixture_out);
	return fixture_out.effects;
}

#endif
