// SPDX-License-Identifier: GPL-2.0-only
/*
 * The local APIC against a model that is as plain as the manual's text: 256
 * flags each for IRR, ISR and TMR, and loops over all of them.
 */
#include "fixture.h"

struct model {
	bool irr[256], isr[256], tmr[256];
	u32 tpr;
	bool enabled;
	bool suppress;
};

static struct model model_now;
static struct mailbox model_box;
static u8 model_page[4096] __aligned(4096);
static u8 model_saved[2][LAPIC_REGS_SIZE];

static int model_top(const bool *bits)
{
	int v, top = -1;

	for (v = 0; v < 256; v++)
		if (bits[v])
			top = v;
	return top;
}

/* SDM 3A "Task and Processor Priorities", sentence by sentence. */
static u32 model_ppr(const struct model *m)
{
	int isrv = model_top(m->isr);
	u32 isr_class = isrv < 0 ? 0 : isrv >> 4;

	if (m->tpr >> 4 >= isr_class)
		return m->tpr;
	return isr_class << 4;
}

static int model_next(const struct model *m)
{
	int v = model_top(m->irr);

	return v >= 0 && (u32)v >> 4 > model_ppr(m) >> 4 ? v : -1;
}

static void model_request(struct model *m, u8 v, bool level)
{
	if (v < 16 || !m->enabled)
		return;
	m->tmr[v] = level;
	m->irr[v] = true;
}

/* Returns the vector whose EOI is broadcast, or -1. */
static int model_end(struct model *m)
{
	int v = model_top(m->isr);

	if (v < 0)
		return -1;
	m->isr[v] = false;
	return m->tmr[v] && !m->suppress ? v : -1;
}

/* Everything that can be seen of both is the same. */
static bool model_agrees(const struct model *m, struct lapic *l)
{
	int v;

	for (v = 0; v < 256; v++)
		if (m->irr[v] != fixture_bit(l, LAPIC_IRR, v) ||
		    m->isr[v] != fixture_bit(l, LAPIC_ISR, v) ||
		    m->tmr[v] != fixture_bit(l, LAPIC_TMR, v))
			return false;
	/* Hardware that runs the APIC keeps PPR itself. */
	return (l->accelerated || lapic_get(l, LAPIC_PPR) == model_ppr(m)) &&
	       lapic_highest_irr(l) == model_top(m->irr) &&
	       lapic_read(l, LAPIC_PPR, 0) == model_ppr(m) &&
	       lapic_get(l, LAPIC_PPR) == model_ppr(m) &&
	       lapic_next(l) == model_next(m);
}

/* Low ones would hardly ever get their turn among 256. */
static u8 model_vector(struct check_random *r)
{
	return check_below(r, 2) ? check_below(r, 256) : 10 + check_below(r, 60);
}

static void model_self_ipi(struct lapic *l, struct model *m, u8 v)
{
	lapic_write(l, LAPIC_ICR, 0x40000 | v, 0, &fixture_out);
	model_request(m, v, false);
}

/* Posted by several senders before the owner looks. */
static void model_post(struct lapic *l, struct model *m, struct check_random *r)
{
	u32 n = 1 + check_below(r, 3);

	while (n--) {
		struct irq_message msg = {
			.vector = model_vector(r),
			.delivery = check_below(r, 2),
			.level = check_below(r, 2),
		};

		mailbox_post(&model_box, &msg);
		model_request(m, msg.vector, msg.level);
	}
	lapic_absorb(l, &model_box, true, &fixture_out);
}

static void model_local(struct lapic *l, struct model *m, u8 v)
{
	lapic_write(l, LAPIC_LVT_THERMAL, v, 0, &fixture_out);
	lapic_local(l, LAPIC_LVT_THERMAL, &fixture_out);
	model_request(m, v, false);
}

static void model_svr(struct lapic *l, struct model *m, struct check_random *r)
{
	m->enabled = check_below(r, 8);
	m->suppress = check_below(r, 2);
	lapic_write(l, LAPIC_SVR, 0xff | m->enabled << 8 | m->suppress << 12, 0,
		    &fixture_out);
}

/* Hardware takes the next one by itself, or ends the highest. */
static void model_hardware(struct lapic *l, struct model *m, bool take)
{
	int v = take ? model_next(m) : model_top(m->isr);
	u32 irr, isr, bit;

	if (v < 0)
		return;
	irr = LAPIC_IRR + (v >> 5) * 16;
	isr = LAPIC_ISR + (v >> 5) * 16;
	bit = 1U << (v & 31);
	if (take) {
		lapic_put(l, irr, lapic_get(l, irr) & ~bit);
		lapic_put(l, isr, lapic_get(l, isr) | bit);
		m->irr[v] = false;
		m->isr[v] = true;
	} else {
		lapic_put(l, isr, lapic_get(l, isr) & ~bit);
		m->isr[v] = false;
	}
}

/* Returns the vector of the broadcast EOI that must have been told, or -1. */
static int model_step(struct lapic *l, struct model *m, struct check_random *r)
{
	int v;

	switch (check_below(r, l->accelerated ? 12 : 10)) {
	case 0:
		model_self_ipi(l, m, model_vector(r));
		break;
	case 1:
	case 2:
		model_post(l, m, r);
		break;
	case 3:
	case 4:
		v = lapic_next(l);
		if (v >= 0) {
			lapic_accept(l, v);
			m->irr[v] = false;
			m->isr[v] = true;
		}
		break;
	case 5:
	case 6:
		lapic_write(l, LAPIC_EOI, 0, 0, &fixture_out);
		return model_end(m);
	case 7:
		m->tpr = check_below(r, 3) ? 0 : model_vector(r);
		lapic_write(l, LAPIC_TPR, m->tpr, 0, &fixture_out);
		break;
	case 8:
		if (!check_below(r, 4))
			model_svr(l, m, r);
		break;
	case 9:
		if (m->enabled)
			model_local(l, m, model_vector(r));
		break;
	case 10:
		model_hardware(l, m, true);
		break;
	case 11:
		model_hardware(l, m, false);
		break;
	}
	return -1;
}

/* Restored into another APIC it is the same APIC. */
static bool model_survives(struct lapic *l, const struct model *m)
{
	struct lapic_out out = { .effects = 0 };
	struct lapic copy = *l;

	memset(model_page, 0x5a, sizeof(model_page));
	lapic_save(l, model_saved[0], true, 0);
	copy.regs = model_page;
	copy.isr_count = 77;
	copy.isr_top = 7;
	copy.irr_words = 0;
	if (!lapic_restore(&copy, model_saved[0], true, 0, &out))
		return false;
	if (!model_agrees(m, &copy))
		return false;
	lapic_save(&copy, model_saved[1], true, 0);
	return !memcmp(model_saved[0], model_saved[1], LAPIC_REGS_SIZE);
}

static void model_rounds(struct CHECK_STRUCT *test, u64 seed, u32 rounds, bool hardware)
{
	struct lapic *l = fixture_xapic(1);
	struct check_random r = { seed };
	u32 i;

	memset(&model_now, 0, sizeof(model_now));
	model_now.enabled = true;
	mailbox_init(&model_box);
	lapic_accelerate(l, hardware);
	for (i = 0; i < rounds; i++) {
		int before = model_next(&model_now), eoi, after;

		fixture_out.effects = 0;
		eoi = model_step(l, &model_now, &r);
		after = model_next(&model_now);
		REQUIRE_ROW(i, model_agrees(&model_now, l));
		REQUIRE_ROW(i, !!(fixture_out.effects & LAPIC_OUT_EOI) ==
			    (eoi >= 0));
		REQUIRE_ROW(i, eoi < 0 || fixture_out.eoi_vector == eoi);
		/* Whatever became deliverable has been announced. */
		REQUIRE_ROW(i, after <= before || l->accelerated ||
			    (fixture_out.effects & LAPIC_OUT_EVENT));
		if (!check_below(&r, 8))
			REQUIRE_ROW(i, model_survives(l, &model_now));
	}
}

TEST(model_software)
{
	model_rounds(test, 1, CHECK_ROUNDS(40000), false);
}

TEST(model_beside_hardware)
{
	model_rounds(test, 2, CHECK_ROUNDS(40000), true);
}

#define MODEL_TESTS(T)                                                         \
	T(model_software)                                                      \
	T(model_beside_hardware)

CHECK_MAIN(model, MODEL_TESTS)
