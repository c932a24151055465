/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The plain machine of properties.c, from the words of SDM 3A and of the 82093AA's
 * datasheet: one flag for each vector and pin, loops over all of them, INITs and
 * SIPIs in a queue. It shares with the engine the struct of a message and nothing
 * else.
 */
#ifndef VINTC_TESTS_PROPERTIES_PLAIN_H
#define VINTC_TESTS_PROPERTIES_PLAIN_H

#include "../../module/apic/exitmap.h"

#define PROP_CPUS 4
#define PROP_QUEUE 32

enum prop_style { PROP_FLAT, PROP_CLUSTER, PROP_X2APIC };
enum prop_run { PROP_RUNS, PROP_WAITS };

/* One processor, as the manuals tell it. */
struct prop_cpu {
	/* on its way to the APIC, with its trigger mode, from a level pin */
	bool posted[256], posted_level[256], posted_pin[256];
	bool irr[256], isr[256], tmr[256];
	bool owed[256]; /* taken for delivery, not yet accepted */
	bool by_pin[256]; /* the last of IRR and ISR came from a level pin */
	bool stale[256]; /* at the last scan */
	int stale_top;
	u32 tpr, id, ldr;
	bool enabled, cluster;
	bool nmi, smi, extint;
	int queue[PROP_QUEUE]; /* -1: INIT, else a SIPI's page */
	u32 queued;
	enum prop_run state;
	int page; /* where it was started, -1: not by a SIPI */
	bool blocked; /* INIT is */
	bool scan;
	bool entered; /* guest code runs, and nothing was absorbed since */
	struct exitmap held;
	bool was_told;
};

struct prop_pin {
	u32 vector, delivery, dest;
	bool logical, level, masked, low;
	bool remote, request, untaken;
	bool source[IOAPIC_SRC_COUNT];
};

static struct prop_cpu prop_cpu[PROP_CPUS];
static struct prop_pin prop_pin[IOAPIC_PINS];
static enum prop_style prop_style;


static bool prop_bit(u32 value, u32 n)
{
	while (n--)
		value /= 2;
	return value % 2;
}

static int prop_top(const bool *vectors)
{
	int v;

	for (v = 255; v >= 0; v--)
		if (vectors[v])
			return v;
	return -1;
}

/* SDM 3A, PPR: the higher class of TPR and ISRV; TPR's subclass if that wins. */
static int prop_ppr(const struct prop_cpu *p)
{
	int isrv = prop_top(p->isr);
	int isr_class = isrv < 0 ? 0 : isrv / 16, tpr_class = p->tpr / 16;

	if (tpr_class > isr_class)
		return p->tpr;
	if (tpr_class < isr_class)
		return isr_class * 16;
	return tpr_class * 16 + p->tpr % 16;
}

static int prop_next(const struct prop_cpu *p)
{
	int v = prop_top(p->irr);

	return v >= 0 && v / 16 > prop_ppr(p) / 16 ? v : -1;
}

static bool prop_shares(u32 a, u32 b, u32 bits)
{
	u32 n;

	for (n = 0; n < bits; n++)
		if (prop_bit(a, n) && prop_bit(b, n))
			return true;
	return false;
}

/* SDM 3A "Determining IPI Destination". */
static bool prop_addressed(const struct prop_cpu *p, const struct irq_message *m)
{
	if (m->dest == (m->wide ? 0xffffffff : 0xff))
		return true;
	if (!m->logical)
		return m->dest == p->id;
	if (prop_style == PROP_X2APIC)
		return m->dest / 65536 == p->ldr / 65536 &&
		       prop_shares(m->dest, p->ldr, 16);
	if (m->dest > 0xff)
		return false;
	if (p->cluster)
		return m->dest / 16 == p->ldr / 16 &&
		       prop_shares(m->dest, p->ldr, 4);
	return prop_shares(m->dest, p->ldr, 8);
}

static bool prop_matches(u32 c, const struct irq_message *m)
{
	switch (m->shorthand) {
	case IRQ_SELF:
		return m->source == (int)c;
	case IRQ_ALL:
		return true;
	case IRQ_OTHERS:
		return m->source != (int)c;
	default:
		return prop_addressed(&prop_cpu[c], m);
	}
}

static bool prop_is_vector(u32 delivery)
{
	return delivery == IRQ_FIXED || delivery == IRQ_LOWEST;
}

/* What of @m goes to whom. Return: how many accept it. */
static u32 prop_targets(const struct irq_message *m, bool *to)
{
	u32 c, n = 0, nth = 0;

	for (c = 0; c < PROP_CPUS; c++) {
		to[c] = prop_matches(c, m);
		if (prop_is_vector(m->delivery) && !prop_cpu[c].enabled)
			to[c] = false;
		n += to[c];
	}
	if (m->delivery != IRQ_LOWEST || !n)
		return n;
	/* dest.h: by the vector, among those that are addressed */
	for (c = 0; c < PROP_CPUS; c++)
		if (to[c])
			to[c] = nth++ == m->vector % n;
	return 1;
}

static void prop_receive(struct prop_cpu *p, const struct irq_message *m, bool pin)
{
	u8 v = m->vector;

	switch (m->delivery) {
	case IRQ_FIXED:
	case IRQ_LOWEST:
		if (v < 16)
			return;
		p->posted[v] = true;
		p->posted_level[v] = m->level;
		p->owed[v] = true;
		p->posted_pin[v] = pin && m->level;
		break;
	case IRQ_NMI:
		p->nmi = true;
		break;
	case IRQ_SMI:
		p->smi = true;
		break;
	case IRQ_EXTINT:
		p->extint = true;
		break;
	case IRQ_INIT:
		p->queue[p->queued++] = -1;
		break;
	case IRQ_STARTUP:
		p->queue[p->queued++] = v;
		break;
	}
}

static bool prop_waiting(const struct prop_cpu *p)
{
	if (prop_top(p->posted) >= 0 || p->nmi || p->smi || p->extint)
		return true;
	/* What comes before an INIT is undone by it. */
	return p->queued && (!p->blocked || p->queue[p->queued - 1] >= 0);
}

static void prop_forget(struct prop_cpu *p)
{
	memset(p->irr, 0, sizeof(p->irr));
	memset(p->isr, 0, sizeof(p->isr));
	memset(p->tmr, 0, sizeof(p->tmr));
	memset(p->owed, 0, sizeof(p->owed));
	memset(p->by_pin, 0, sizeof(p->by_pin));
	p->stale_top = -1;
	p->tpr = 0;
	p->enabled = false;
	p->cluster = false;
	if (prop_style != PROP_X2APIC)
		p->ldr = 0;
}

static void prop_take_posted(struct prop_cpu *p)
{
	int v;

	for (v = 0; v < 256; v++) {
		if (!p->posted[v])
			continue;
		p->posted[v] = false;
		if (p->enabled) {
			p->irr[v] = true;
			p->tmr[v] = p->posted_level[v];
			p->by_pin[v] = p->posted_pin[v];
		} else {
			/* one of an earlier time may be in IRR, still */
			p->owed[v] = p->irr[v];
		}
	}
}

/* SDM 3A "MP Initialization": in the order in which they have come. */
static void prop_take_queue(struct prop_cpu *p, bool bsp)
{
	u32 i, left = 0;

	for (i = 0; i < p->queued; i++) {
		if (p->queue[i] < 0 && p->blocked) {
			p->queue[left++] = -1;
		} else if (p->queue[i] < 0) {
			prop_forget(p);
			p->state = bsp ? PROP_RUNS : PROP_WAITS;
			p->page = -1;
		} else if (p->state == PROP_WAITS && !p->blocked) {
			p->state = PROP_RUNS;
			p->page = p->queue[i];
		}
	}
	p->queued = left;
}

static bool prop_pin_level(const struct prop_pin *p)
{
	return p->level && prop_is_vector(p->delivery);
}

static void prop_pin_message(const struct prop_pin *p, struct irq_message *m)
{
	*m = (struct irq_message){
		.dest = p->dest,
		.vector = p->vector,
		.delivery = p->delivery,
		.logical = p->logical,
		.level = prop_pin_level(p),
		.source = IRQ_SOURCE_NONE,
	};
}

/* Datasheet: unmasked, legal, and no level interrupt of it under way. */
static bool prop_pin_sends(struct prop_pin *p)
{
	if (p->masked || p->remote || p->delivery == IRQ_RESERVED ||
	    (prop_is_vector(p->delivery) && p->vector < 16))
		return false;
	p->remote = prop_pin_level(p);
	return true;
}

static bool prop_asserted(const struct prop_pin *p)
{
	u32 i;

	for (i = 0; i < IOAPIC_SRC_COUNT; i++)
		if (p->source[i])
			return true;
	return false;
}

static bool prop_pin_covers(const struct prop_pin *p, u32 c)
{
	struct irq_message m;

	prop_pin_message(p, &m);
	return m.level && p->vector >= 16 && prop_matches(c, &m);
}

static bool prop_exit_wanted(u32 c, u32 v)
{
	u32 pin;

	for (pin = 0; pin < IOAPIC_PINS; pin++)
		if (prop_pin[pin].vector == v && prop_pin_covers(&prop_pin[pin], c))
			return true;
	return false;
}

#endif
