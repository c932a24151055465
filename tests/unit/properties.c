// SPDX-License-Identifier: GPL-2.0-only
/*
 * Four local APICs, their mailboxes and an IOAPIC under random use, beside a
 * machine as plain as the manuals' text. What must hold has a name in struct
 * prop_broken (properties_both.h), and is checked after each step. Some of it the
 * plain machine is not even asked for: an interrupt that was taken for delivery is
 * owed until it has been accepted.
 */
#include "check.h"
#include "properties_both.h"

/* -------------------------------------------------------------------- chance */

/* Few of them, so that they meet. */
static u8 prop_vector(struct check_random *r)
{
	return check_below(r, 12) ? 0x10 + check_below(r, 16) * 15 :
				    check_below(r, 256);
}

static u32 prop_dest(struct check_random *r, bool logical, bool wide)
{
	static const u32 ids[] = { 0, 1, 18, 35, 2, 0xff };

	if (wide && !check_below(r, 10))
		return ~0U;
	if (!logical)
		return ids[check_below(r, ARRAY_SIZE(ids))];
	if (wide)
		return check_below(r, 3) * 0x10000 + check_below(r, 0x10000);
	return check_below(r, 2) ? check_below(r, 16) : check_below(r, 256);
}

static u8 prop_delivery(struct check_random *r)
{
	static const u8 rare[] = { IRQ_SMI, IRQ_NMI, IRQ_NMI, IRQ_EXTINT,
				   IRQ_RESERVED };

	if (!check_below(r, 24))
		return rare[check_below(r, ARRAY_SIZE(rare))];
	return check_below(r, 3) ? IRQ_FIXED : IRQ_LOWEST;
}

/* From a device, by another way than the IOAPIC's. */
static void prop_some_msi(struct check_random *r)
{
	struct irq_message m = {
		.vector = prop_vector(r),
		.delivery = prop_delivery(r),
		.level = !check_below(r, 4),
		.logical = check_below(r, 2),
		.wide = prop_style == PROP_X2APIC && check_below(r, 2),
		.source = IRQ_SOURCE_NONE,
	};

	if (m.delivery == IRQ_RESERVED)
		m.delivery = IRQ_FIXED;
	m.dest = prop_dest(r, m.logical, m.wide);
	prop_deliver(&m, &m, false);
}

static void prop_some_ipi(struct check_random *r, u32 c)
{
	struct irq_message m = {
		.vector = prop_vector(r),
		.delivery = prop_delivery(r),
		.shorthand = check_below(r, 3) ? IRQ_DEST_FIELD : check_below(r, 4),
		.logical = check_below(r, 2),
		.wide = prop_style == PROP_X2APIC,
		.source = c,
	};

	if (!check_below(r, 12))
		m.delivery = check_below(r, 3) ? IRQ_STARTUP : IRQ_INIT;
	else if (m.delivery == IRQ_RESERVED || m.delivery == IRQ_EXTINT)
		m.delivery = IRQ_NMI;
	m.dest = prop_dest(r, m.logical, m.wide);
	prop_icr(c, &m);
}

static void prop_some_rte(struct check_random *r)
{
	u32 pin = check_below(r, IOAPIC_PINS);
	struct prop_pin new = prop_pin[pin];

	if (!check_below(r, 3)) {
		new.masked = check_below(r, 4) == 0;
	} else {
		new.vector = prop_vector(r);
		new.delivery = prop_delivery(r);
		new.logical = check_below(r, 2);
		new.level = check_below(r, 4);
		new.masked = check_below(r, 4) == 0;
		new.low = check_below(r, 2);
	}
	new.dest = prop_dest(r, new.logical, false);
	prop_rte_write(pin, &new, check_below(r, 2));
}

/* Registers that do nothing to interrupts here, for INIT to clear. */
static void prop_scribble(struct check_random *r, u32 c)
{
	static const u32 regs[] = { LAPIC_LVT_THERMAL, LAPIC_LVT_PERFMON,
				    LAPIC_LVT_LINT0, LAPIC_LVT_LINT1,
				    LAPIC_LVT_CMCI };
	struct lapic_out out;

	prop_write(c, regs[check_below(r, ARRAY_SIZE(regs))], prop_vector(r), &out);
	prop_write(c, LAPIC_LVT_ERROR, 0x10000 + prop_vector(r), &out);
	prop_write(c, LAPIC_LVT_TIMER, check_below(r, 3) * 0x20000 + 0x10040, &out);
	prop_write(c, LAPIC_TIMER_DIVIDE, check_below(r, 4), &out);
	prop_write(c, LAPIC_TIMER_INITIAL, check_below(r, 10000), &out);
	lapic_set_tsc_deadline(&prop_lapic[c], check_below(r, 10000), &out);
	prop_write(c, LAPIC_ESR, 0, &out);
}

/* INITs and SIPIs before their target looks. */
static void prop_some_starts(struct check_random *r)
{
	struct irq_message m = { .dest = prop_dest(r, false, false),
				 .source = IRQ_SOURCE_NONE };
	u32 n = 1 + check_below(r, 4);

	while (n--) {
		m.delivery = check_below(r, 3) ? IRQ_STARTUP : IRQ_INIT;
		m.vector = check_below(r, 256);
		prop_deliver(&m, &m, false);
	}
}

static void prop_rare(struct check_random *r, u32 c)
{
	switch (check_below(r, 8)) {
	case 0:
		prop_set_enabled(c, false);
		break;
	case 1:
		prop_set_ldr(c, check_below(r, 256), check_below(r, 2));
		break;
	case 2:
		prop_scribble(r, c);
		break;
	case 3:
		prop_cpu[c].blocked = !prop_cpu[c].blocked;
		prop_cpu[c].entered = false;
		break;
	case 4:
	case 5:
		prop_some_starts(r);
		break;
	default:
		prop_boot(c);
		break;
	}
}

static void prop_some_tpr(struct check_random *r, u32 c)
{
	struct lapic_out out;

	prop_cpu[c].tpr = check_below(r, 3) ? 0 : check_below(r, 256);
	prop_write(c, LAPIC_TPR, prop_cpu[c].tpr, &out);
}

/* Return: the CPU that it was about. */
static u32 prop_step(struct check_random *r)
{
	u32 c = check_below(r, PROP_CPUS), i, what = check_below(r, 40);

	for (i = 0; i < PROP_CPUS; i++)
		if (prop_cpu[i].queued > PROP_QUEUE - 8) {
			prop_cpu[i].blocked = false;
			prop_absorb(i);
		}
	if (what < 7)
		prop_some_msi(r);
	else if (what < 13)
		prop_line(check_below(r, IOAPIC_PINS),
			  check_below(r, IOAPIC_SRC_COUNT), check_below(r, 2));
	else if (what < 15)
		prop_some_rte(r);
	else if (what < 17)
		prop_absorb(c);
	else if (!(prop_cpu[c].entered && check_below(r, 4)) && !prop_enter(c))
		; /* from here on guest code */
	else if (what < 25)
		prop_accept(c);
	else if (what < 33)
		prop_eoi(c);
	else if (what < 35)
		prop_some_tpr(r, c);
	else if (what < 39)
		prop_some_ipi(r, c);
	else if (check_below(r, 2))
		prop_rare(r, c);
	return c;
}

/* ----------------------------------------------------------------------- runs */

static bool prop_all_well(void)
{
	static const struct prop_broken nothing;

	return !memcmp(&prop_broken, &nothing, sizeof(nothing));
}

static void prop_start(enum prop_style style)
{
	u32 c, pin;

	memset(prop_cpu, 0, sizeof(prop_cpu));
	memset(prop_pin, 0, sizeof(prop_pin));
	memset(&prop_broken, 0, sizeof(prop_broken));
	prop_style = style;
	ioapic_init(&prop_io);
	for (pin = 0; pin < IOAPIC_PINS; pin++)
		prop_pin[pin].masked = true;
	for (c = 0; c < PROP_CPUS; c++) {
		mailbox_init(&prop_box[c]);
		prop_power_on(&prop_lapic[c], c, prop_page[c]);
		prop_cpu[c].id = prop_lapic[c].id;
		prop_cpu[c].stale_top = -1;
		prop_cpu[c].page = -1;
		if (style == PROP_X2APIC)
			prop_cpu[c].ldr = prop_cpu[c].id / 16 * 0x10000 +
					  (1 << prop_cpu[c].id % 16);
	}
	prop_rebuild();
	for (c = 0; c < PROP_CPUS; c++)
		prop_boot(c);
}

/* Return: whether there was something to do. */
static bool prop_finish(u32 c)
{
	struct prop_cpu *p = &prop_cpu[c];
	bool busy = prop_waiting(p) || p->scan;
	struct lapic_out out;

	if (!prop_enter(c)) {
		prop_broken.sipi = true;
		return false;
	}
	p->tpr = 0;
	prop_write(c, LAPIC_TPR, 0, &out);
	if (prop_next(p) >= 0)
		prop_accept(c);
	else if (prop_top(p->isr) >= 0)
		prop_eoi(c);
	else
		return busy;
	return true;
}

/* Lines fall, and every CPU runs until there is nothing left to do. */
static void prop_settle(void)
{
	static const struct irq_message start = { .delivery = IRQ_STARTUP,
						  .dest = 0xff, .vector = 7,
						  .source = IRQ_SOURCE_NONE };
	bool busy = true;
	u32 c, i;

	for (i = 0; i < IOAPIC_PINS * IOAPIC_SRC_COUNT; i++)
		prop_line(i % IOAPIC_PINS, i / IOAPIC_PINS, false);
	for (c = 0; c < PROP_CPUS; c++) {
		prop_cpu[c].blocked = false;
		prop_absorb(c);
	}
	prop_deliver(&start, &start, false);
	while (busy && prop_all_well()) {
		busy = false;
		for (c = 0; c < PROP_CPUS; c++)
			busy |= prop_finish(c);
	}
}

/* Nothing is under way, nothing is owed, no map has more than what matches. */
static bool prop_is_settled(u32 c)
{
	const struct prop_cpu *p = &prop_cpu[c];

	return prop_top(p->posted) < 0 && prop_top(p->irr) < 0 &&
	       prop_top(p->isr) < 0 && prop_top(p->owed) < 0 && !p->scan &&
	       prop_top(p->stale) < 0 && !mailbox_pending(&prop_box[c]) &&
	       lapic_highest_irr(&prop_lapic[c]) < 0 &&
	       prop_lapic[c].stale_vector < 0;
}

static void prop_run(struct CHECK_STRUCT *test, enum prop_style style, u64 seed,
		     u32 steps)
{
	struct check_random r = { seed };
	u32 i, c;

	prop_start(style);
	for (i = 0; i < steps; i++) {
		c = prop_step(&r);
		if (i % 4096 == 4095)
			prop_settle();
		prop_compare_pins();
		prop_compare_cpu(c);
		prop_compare_exits(c);
		for (c = 0; c < PROP_CPUS; c++) {
			if (i % 32 == 31)
				prop_compare_cpu(c);
			if (i % 8 == 7)
				prop_compare_exits(c);
			REQUIRE_ROW(i, i % 4096 != 4095 || prop_is_settled(c));
		}
		REQUIRE_ROW(i, !prop_broken.ppr);
		REQUIRE_ROW(i, !prop_broken.rise);
		REQUIRE_ROW(i, !prop_broken.trigger);
		REQUIRE_ROW(i, !prop_broken.told);
		REQUIRE_ROW(i, !prop_broken.remote);
		REQUIRE_ROW(i, !prop_broken.line);
		REQUIRE_ROW(i, !prop_broken.rescan);
		REQUIRE_ROW(i, !prop_broken.exits);
		REQUIRE_ROW(i, !prop_broken.eoi);
		REQUIRE_ROW(i, !prop_broken.reset);
		REQUIRE_ROW(i, !prop_broken.sipi);
		REQUIRE_ROW(i, !prop_broken.lost);
		REQUIRE_ROW(i, !prop_broken.invented);
	}
}

TEST(properties_flat)
{
	prop_run(test, PROP_FLAT, 11, CHECK_ROUNDS(100000));
}

TEST(properties_cluster)
{
	prop_run(test, PROP_CLUSTER, 12, CHECK_ROUNDS(100000));
}

TEST(properties_x2apic)
{
	prop_run(test, PROP_X2APIC, 13, CHECK_ROUNDS(100000));
}

#define PROPERTIES_TESTS(T)                                                    \
	T(properties_flat)                                                     \
	T(properties_cluster)                                                  \
	T(properties_x2apic)

CHECK_MAIN(properties, PROPERTIES_TESTS)
