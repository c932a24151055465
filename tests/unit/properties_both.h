/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The engine and the plain machine of properties.c side by side: each event
 * happens to both, and what differs, or is wrong whatever the plain machine says,
 * is noted in prop_broken.
 */
#ifndef VINTC_TESTS_PROPERTIES_BOTH_H
#define VINTC_TESTS_PROPERTIES_BOTH_H

#include "properties_plain.h"

/* What is found to be wrong; a test's message has the member's name. */
struct prop_broken {
	bool ppr; /* PPR is what the formula says */
	bool rise; /* accepted classes rise, and are above TPR's */
	bool lost; /* an interrupt isn't where it must be, or never comes */
	bool invented; /* one comes that nobody sent */
	bool trigger; /* TMR */
	bool told; /* the owner of a mailbox learns of what is in it */
	bool remote; /* remote IRR: set by a delivery, cleared by that EOI */
	bool line; /* an asserted level line is forgotten */
	bool exits; /* the exit map: what matches and what is stale, no more */
	bool eoi; /* an EOI is broadcast for level vectors, and seen by the map */
	bool rescan; /* a changed route makes everyone build a new map */
	bool reset; /* after INIT an APIC is as new */
	bool sipi; /* INIT, one SIPI, no other */
};

static struct prop_broken prop_broken;

/* The engine's. */
static struct lapic prop_lapic[PROP_CPUS], prop_fresh;
static u8 prop_page[PROP_CPUS + 1][4096] __aligned(4096);
static struct mailbox prop_box[PROP_CPUS];
static struct ioapic prop_io;
static struct dest_map prop_dests;

/* ----------------------------------------------------- messages and the IOAPIC */

static bool prop_engine_bit(u32 c, u32 reg, u32 v)
{
	return lapic_get(&prop_lapic[c], reg + v / 32 * 16) >> v % 32 & 1;
}

static void prop_rebuild(void)
{
	u32 c;

	prop_dests.n = PROP_CPUS;
	for (c = 0; c < PROP_CPUS; c++) {
		dest_view_of(&prop_dests.view[c], &prop_lapic[c]);
		prop_cpu[c].scan = true;
	}
	dest_map_build(&prop_dests);
}

/* As deliver() of the module. Return: how many accept it. */
static u32 prop_engine_deliver(const struct irq_message *m, const bool *to)
{
	struct dest_set set;
	u32 n = 0, r;
	int c;

	dest_match(&prop_dests, m, DEST_LOWEST_ROUND_ROBIN, &set);
	while ((c = dest_set_pop(&set)) >= 0) {
		bool merged = prop_cpu[c].posted[m->vector];

		if (prop_is_vector(m->delivery) &&
		    !prop_dests.view[c].enabled)
			continue;
		n++;
		if (!to[c])
			prop_broken.invented = true;
		r = mailbox_post(&prop_box[c], m);
		if (r & MAILBOX_NOTIFY)
			prop_cpu[c].was_told = true;
		if (prop_is_vector(m->delivery) && m->vector >= 16 &&
		    !!(r & MAILBOX_COALESCED) != merged)
			prop_broken.lost = true;
	}
	return n;
}

/* Return: whether anybody accepted it. */
static bool prop_deliver(const struct irq_message *sent,
			 const struct irq_message *meant, bool pin)
{
	bool to[PROP_CPUS];
	u32 c, want = prop_targets(meant, to);
	u32 got = prop_engine_deliver(sent, to);

	if (got < want)
		prop_broken.lost = true;
	if (got > want)
		prop_broken.invented = true;
	for (c = 0; c < PROP_CPUS; c++)
		if (to[c])
			prop_receive(&prop_cpu[c], meant, pin);
	return want;
}

/* @sends: by pin, what the plain IOAPIC sends in this step. */
static void prop_ioapic_sent(const struct ioapic_out *out, const bool *sends)
{
	struct irq_message meant;
	u32 i, n = 0, pin;

	for (pin = 0; pin < IOAPIC_PINS; pin++)
		n += sends[pin];
	if (out->n != n) {
		prop_broken.lost |= out->n < n;
		prop_broken.invented |= out->n > n;
		return;
	}
	for (i = 0; i < out->n; i++) {
		pin = out->pin[i];
		if (!sends[pin])
			prop_broken.invented = true;
		prop_pin_message(&prop_pin[pin], &meant);
		prop_pin[pin].untaken = false;
		if (prop_deliver(&out->msg[i], &meant, true))
			continue;
		prop_pin[pin].untaken = true;
		if (meant.level) {
			ioapic_unaccepted(&prop_io, pin);
			prop_pin[pin].remote = false;
		}
	}
}

static void prop_line(u32 pin, u32 source, bool level)
{
	struct ioapic_out out = { .n = 0 };
	bool sends[IOAPIC_PINS] = { false };
	struct prop_pin *p = &prop_pin[pin];
	bool before = prop_asserted(p);

	p->source[source] = level;
	if (level && (prop_pin_level(p) || !before))
		sends[pin] = prop_pin_sends(p);
	ioapic_line(&prop_io, pin, source, level, &out);
	prop_ioapic_sent(&out, sends);
}

static void prop_rescan_all(void)
{
	u32 c;

	for (c = 0; c < PROP_CPUS; c++)
		prop_cpu[c].scan = true;
}

/* One half of the entry becomes that of @new. */
static void prop_rte_write(u32 pin, const struct prop_pin *new, bool high)
{
	struct ioapic_out out = { .n = 0 };
	bool sends[IOAPIC_PINS] = { false }, moved = false;
	struct prop_pin *p = &prop_pin[pin], old = *p;
	u32 c;

	if (high) {
		p->dest = new->dest;
	} else {
		p->vector = new->vector;
		p->delivery = new->delivery;
		p->logical = new->logical;
		p->level = new->level;
		p->masked = new->masked;
		p->low = new->low;
	}
	if (!prop_pin_level(p))
		p->remote = false;
	else if (prop_asserted(p))
		sends[pin] = prop_pin_sends(p);
	ioapic_write(&prop_io, 0, 0x10 + 2 * pin + high, &out);
	ioapic_write(&prop_io, 0x10, high ? p->dest << 24 :
		     p->vector | p->delivery << 8 | p->logical << 11 |
		     p->low << 13 | (u32)p->level << 15 | p->masked << 16, &out);
	/* Old targets and new ones: whoever's map is another now. */
	for (c = 0; c < PROP_CPUS; c++)
		if (prop_pin_covers(&old, c) != prop_pin_covers(p, c) ||
		    (prop_pin_covers(p, c) && old.vector != p->vector))
			moved = true;
	if (moved && !out.rescan)
		prop_broken.rescan = true;
	if (out.rescan)
		prop_rescan_all();
	prop_ioapic_sent(&out, sends);
}

static void prop_broadcast(u32 v)
{
	struct ioapic_out out = { .n = 0 };
	bool sends[IOAPIC_PINS] = { false };
	u32 pin;

	for (pin = 0; pin < IOAPIC_PINS; pin++) {
		struct prop_pin *p = &prop_pin[pin];

		if (p->vector != v || !p->remote)
			continue;
		p->remote = false;
		if (prop_asserted(p))
			sends[pin] = prop_pin_sends(p);
	}
	ioapic_eoi(&prop_io, v, &out);
	prop_ioapic_sent(&out, sends);
}

static void prop_effects(u32 c, struct lapic_out *out)
{
	if (out->effects & LAPIC_OUT_DEST)
		prop_rebuild();
	if (out->effects & LAPIC_OUT_RESCAN)
		prop_cpu[c].scan = true;
}

static u32 prop_write(u32 c, u32 reg, u64 val, struct lapic_out *out)
{
	memset(out, 0xa5, sizeof(*out));
	out->effects = 0;
	if (prop_style == PROP_X2APIC)
		lapic_wrmsr(&prop_lapic[c], 0x800 + reg / 16, val, 0, out);
	else
		lapic_write(&prop_lapic[c], reg, val, 0, out);
	if (out->effects & LAPIC_OUT_FAULT)
		prop_broken.invented = true;
	prop_effects(c, out);
	return out->effects;
}

/* ------------------------------------------------------------- what CPUs do */

static void prop_set_ldr(u32 c, u32 ldr, bool cluster)
{
	struct lapic_out out;

	if (prop_style == PROP_X2APIC)
		return;
	prop_cpu[c].ldr = ldr;
	prop_cpu[c].cluster = cluster;
	prop_write(c, LAPIC_DFR, cluster ? 0x0fffffff : ~0U, &out);
	prop_write(c, LAPIC_LDR, ldr << 24, &out);
}

static void prop_set_enabled(u32 c, bool on)
{
	struct lapic_out out;

	prop_cpu[c].enabled = on;
	prop_write(c, LAPIC_SVR, 0xff + (on ? 0x100 : 0), &out);
}

/* What an operating system does first on a processor. */
static void prop_boot(u32 c)
{
	prop_set_ldr(c, prop_style == PROP_FLAT ? 1U << c : c / 2 * 16 + 1 + c % 2,
		     prop_style == PROP_CLUSTER);
	prop_set_enabled(c, true);
}

static void prop_power_on(struct lapic *l, u32 c, void *page)
{
	static const u32 ids[PROP_CPUS] = { 0, 1, 18, 35 };
	struct lapic_out out = { .effects = 0 };
	struct lapic_config config;

	lapic_init(l, page, c, ids[c], c == 0);
	config = l->config;
	config.x2apic = true;
	config.tsc_deadline = true;
	config.cmci = true;
	lapic_configure(l, &config);
	if (prop_style == PROP_X2APIC)
		lapic_set_base(l, l->base | LAPIC_BASE_X2APIC, false, 46, &out);
}

/* SDM 3A "Local APIC State After Power-Up or Reset" */
static u32 prop_reset_value(u32 c, u32 reg)
{
	/* A bootstrap processor's LINT0, as firmware leaves it: lapic.h */
	if (reg == LAPIC_LVT_LINT0 && c == 0)
		return 0x700;
	if (reg == LAPIC_LVT_CMCI ||
	    (reg >= LAPIC_LVT_TIMER && reg <= LAPIC_LVT_ERROR))
		return 0x10000;
	return reg == LAPIC_SVR ? 0xff : reg == LAPIC_DFR ? 0xffffffff : 0;
}

/* SDM 3A "Local APIC State After It Receives an INIT-Deassert IPI" */
static void prop_check_reset(u32 c)
{
	const struct lapic *l = &prop_lapic[c], *f = &prop_fresh;
	u32 reg;

	for (reg = LAPIC_TPR; reg < LAPIC_REGS_SIZE; reg += 16)
		if (lapic_get(l, reg) != prop_reset_value(c, reg) &&
		    !(reg == LAPIC_LDR && prop_style == PROP_X2APIC))
			prop_broken.reset = true;
	prop_power_on(&prop_fresh, c, prop_page[PROP_CPUS]);
	for (reg = 0; reg < LAPIC_REGS_SIZE; reg += 4)
		if (lapic_get(l, reg) != lapic_get(f, reg))
			prop_broken.reset = true;
	if (l->base != f->base || l->esr_pending != f->esr_pending ||
	    l->irr_words != f->irr_words || l->isr_count != f->isr_count ||
	    l->isr_top != f->isr_top || l->stale_vector != f->stale_vector ||
	    l->timer_mode != f->timer_mode || l->tsc_deadline != f->tsc_deadline ||
	    l->timer_deadline != f->timer_deadline)
		prop_broken.reset = true;
}

/* As event_absorb() of the module. */
static void prop_absorb(u32 c)
{
	struct prop_cpu *p = &prop_cpu[c];
	struct lapic_out out = { .effects = 0 };
	enum prop_run state = p->state;
	int page = p->page;

	if (mailbox_takeable(&prop_box[c], !p->blocked) != prop_waiting(p))
		prop_broken.lost = true;
	if (!prop_waiting(p))
		return;
	if (!p->was_told)
		prop_broken.told = true;
	p->entered = false;
	lapic_absorb(&prop_lapic[c], &prop_box[c], !p->blocked, &out);
	if (p->blocked && (out.effects & (LAPIC_OUT_INIT | LAPIC_OUT_SIPI)))
		prop_broken.sipi = true;
	if (!!(out.effects & LAPIC_OUT_NMI) != p->nmi ||
	    !!(out.effects & LAPIC_OUT_SMI) != p->smi ||
	    !!(out.effects & LAPIC_OUT_EXTINT) != p->extint)
		prop_broken.lost = true;
	p->nmi = p->smi = p->extint = false;
	if (out.effects & LAPIC_OUT_INIT) {
		struct lapic_out reset = { .effects = 0 };

		lapic_reset(&prop_lapic[c], &reset);
		prop_check_reset(c);
		prop_effects(c, &reset);
		state = c ? PROP_WAITS : PROP_RUNS;
		page = -1;
	}
	if ((out.effects & LAPIC_OUT_SIPI) && state == PROP_WAITS) {
		state = PROP_RUNS;
		page = out.sipi_vector;
	}
	prop_take_posted(p);
	prop_take_queue(p, c == 0);
	/* INIT that waits on is no news to the owner. */
	p->was_told = p->queued > 0;
	if (state != p->state || page != p->page)
		prop_broken.sipi = true;
	if (out.effects & LAPIC_OUT_INIT && p->state == PROP_RUNS)
		prop_boot(c);
	else if (out.effects & LAPIC_OUT_SIPI && p->page >= 0 && !p->enabled)
		prop_boot(c);
}

static void prop_scan(u32 c)
{
	struct prop_cpu *p = &prop_cpu[c];
	u32 v;

	memset(&p->held, 0, sizeof(p->held));
	exitmap_add_ioapic(&p->held, &prop_io, &prop_dests, c);
	exitmap_add_stale(&p->held, &prop_lapic[c]);
	p->scan = false;
	for (v = 0; v < 256; v++)
		p->stale[v] = p->tmr[v] && (p->irr[v] || p->isr[v]) &&
			      !prop_exit_wanted(c, v);
	p->stale_top = prop_top(p->stale);
}

/* What the module does before each entry. Return: whether guest code runs. */
static bool prop_enter(u32 c)
{
	prop_absorb(c);
	if (prop_cpu[c].scan)
		prop_scan(c);
	prop_cpu[c].entered = prop_cpu[c].state == PROP_RUNS;
	return prop_cpu[c].entered;
}

static void prop_accept(u32 c)
{
	struct prop_cpu *p = &prop_cpu[c];
	int v = lapic_next(&prop_lapic[c]), u;

	for (u = 0; v >= 0 && u < 256; u++)
		if (prop_engine_bit(c, LAPIC_ISR, u) && u / 16 >= v / 16)
			prop_broken.rise = true;
	if (v >= 0 && v / 16 <= (int)p->tpr / 16)
		prop_broken.rise = true;
	if (v != prop_next(p)) {
		prop_broken.lost |= v < prop_next(p);
		prop_broken.invented |= v > prop_next(p);
		return;
	}
	if (v < 0)
		return;
	if (!p->owed[v])
		prop_broken.invented = true;
	lapic_accept(&prop_lapic[c], v);
	/* Another may have been posted since. */
	p->owed[v] = p->posted[v];
	p->irr[v] = false;
	p->isr[v] = true;
}

static void prop_eoi(u32 c)
{
	struct prop_cpu *p = &prop_cpu[c];
	int v = prop_top(p->isr);
	bool last = v >= 0 && v == p->stale_top, tells = v >= 0 && (p->tmr[v] || last);
	struct lapic_out out;
	u32 effects = prop_write(c, LAPIC_EOI, 0, &out);

	if (!!(effects & LAPIC_OUT_EOI) != tells ||
	    (tells && out.eoi_vector != v))
		prop_broken.eoi = true;
	if (!!(effects & LAPIC_OUT_RESCAN) != last)
		prop_broken.rescan = true;
	if (v < 0)
		return;
	/* A hypervisor that is told only of what is in the map misses none. */
	if (p->tmr[v] && p->by_pin[v] && !exitmap_has(&p->held, v))
		prop_broken.exits = true;
	p->isr[v] = false;
	if (last)
		p->stale_top = -1;
	if (tells)
		prop_broadcast(v);
}

/* A self-IPI takes no way that a mailbox is on. */
static void prop_icr(u32 c, const struct irq_message *m)
{
	struct prop_cpu *p = &prop_cpu[c];
	bool self = m->delivery == IRQ_FIXED && m->shorthand == IRQ_SELF;
	bool legal = !prop_is_vector(m->delivery) || m->vector >= 16;
	u64 icr = m->vector | m->delivery << 8 | m->logical << 11 | 1 << 14 |
		  (u32)m->shorthand << 18;
	struct lapic_out out;

	if (prop_style == PROP_X2APIC) {
		prop_write(c, LAPIC_ICR, icr | (u64)m->dest << 32, &out);
	} else {
		prop_write(c, LAPIC_ICR2, m->dest << 24, &out);
		prop_write(c, LAPIC_ICR, icr, &out);
	}
	if (!!(out.effects & LAPIC_OUT_IPI) != (legal && !self)) {
		prop_broken.lost = true;
		return;
	}
	if (legal && !self)
		prop_deliver(&out.ipi, m, false);
	if (legal && self && p->enabled) {
		p->irr[m->vector] = true;
		p->tmr[m->vector] = false;
		p->owed[m->vector] = true;
	}
}

/* ----------------------------------------------------------------- comparing */

static void prop_compare_cpu(u32 c)
{
	const struct prop_cpu *p = &prop_cpu[c];
	u64 ppr = 0;
	u32 v;

	for (v = 0; v < 256; v++) {
		bool posted = prop_box[c].pir[v / 64] >> v % 64 & 1;
		bool irr = prop_engine_bit(c, LAPIC_IRR, v);
		bool isr = prop_engine_bit(c, LAPIC_ISR, v);

		prop_broken.lost |= posted < p->posted[v] || irr < p->irr[v] ||
				    isr < p->isr[v];
		prop_broken.invented |= posted > p->posted[v] ||
					irr > p->irr[v] || isr > p->isr[v];
		prop_broken.trigger |= p->tmr[v] !=
				       prop_engine_bit(c, LAPIC_TMR, v);
		prop_broken.lost |= p->owed[v] && !p->posted[v] && !p->irr[v];
	}
	if (prop_style != PROP_X2APIC)
		ppr = lapic_read(&prop_lapic[c], LAPIC_PPR, 0);
	else if (!lapic_rdmsr(&prop_lapic[c], 0x80a, 0, &ppr))
		prop_broken.ppr = true;
	if ((int)ppr != prop_ppr(p))
		prop_broken.ppr = true;
}

/* Between scans no more is wrong with it than that what was stale is over. */
static void prop_compare_exits(u32 c)
{
	const struct prop_cpu *p = &prop_cpu[c];
	bool want[256];
	u32 v, pin;

	if (p->scan)
		return;
	memcpy(want, p->stale, sizeof(want));
	for (pin = 0; pin < IOAPIC_PINS; pin++)
		if (prop_pin_covers(&prop_pin[pin], c))
			want[prop_pin[pin].vector] = true;
	for (v = 0; v < 256; v++)
		if (exitmap_has(&p->held, v) != want[v])
			prop_broken.exits = true;
}

static void prop_compare_pins(void)
{
	u32 pin;

	for (pin = 0; pin < IOAPIC_PINS; pin++) {
		const struct prop_pin *p = &prop_pin[pin];
		bool remote = prop_io.rte[pin] & IOAPIC_RTE_REMOTE_IRR;

		if (remote != p->remote)
			prop_broken.remote = true;
		if (prop_pin_level(p) && prop_asserted(p) && !p->masked &&
		    p->vector >= 16 && !remote && !p->untaken)
			prop_broken.line = true;
	}
}

#endif
