// SPDX-License-Identifier: GPL-2.0-only
/*
 * The heart of the local APIC: priorities, acceptance, EOI, reset, modes.
 *
 * SDM 3A "Handling Interrupts", "Interrupt, Task, and Processor Priority".
 */
#include "lapic_priv.h"

/* Highest vector in the 256-bit register at @base, or -1. */
static int top_vector(const struct lapic *l, u32 base)
{
	int i;

	ENV_UNROLL_8
	for (i = 7; i >= 0; i--) {
		u32 bits = lapic_get(l, base + (i << 4));

		if (bits)
			return i * 32 + env_top32(bits);
	}
	return -1;
}

void lapic_refresh(struct lapic *l)
{
	int top = top_vector(l, LAPIC_ISR);
	u32 i;

	l->isr_top = top < 0 ? 0 : top;
	l->isr_count = 0;
	l->irr_words = 0;
	ENV_UNROLL_8
	for (i = 0; i < 8; i++) {
		u32 isr = lapic_get(l, LAPIC_ISR + (i << 4));

		if (isr)
			l->isr_count += env_weight64(isr);
		if (lapic_get(l, LAPIC_IRR + (i << 4)))
			l->irr_words |= 1U << i;
	}
}

void lapic_accelerate(struct lapic *l, bool on)
{
	l->accelerated = on;
	lapic_refresh(l);
}

/* The same for IRR by way of the hint, which it brings up to date. */
static inline int irr_top(struct lapic *l)
{
	while (l->irr_words) {
		u32 word = env_top32(l->irr_words);
		u32 bits = lapic_get(l, LAPIC_IRR + (word << 4));

		if (likely(bits))
			return word * 32 + env_top32(bits);
		l->irr_words &= ~(1U << word);
	}
	return -1;
}

int lapic_highest_irr(struct lapic *l)
{
	if (unlikely(l->accelerated))
		return top_vector(l, LAPIC_IRR);
	return irr_top(l);
}

int lapic_highest_isr(const struct lapic *l)
{
	return top_vector(l, LAPIC_ISR);
}

bool lapic_irr_any(const struct lapic *l)
{
	u32 any = 0, i;

	if (likely(!l->accelerated))
		return l->irr_words;
	ENV_UNROLL_8
	for (i = 0; i < 8; i++)
		any |= lapic_get(l, LAPIC_IRR + (i << 4));
	return any;
}

int lapic_next(struct lapic *l)
{
	int vector, top;
	u32 ppr;

	if (unlikely(l->accelerated)) {
		top = lapic_highest_isr(l);
		l->isr_top = top < 0 ? 0 : top;
	}
	ppr = ppr_update(l);
	vector = lapic_highest_irr(l);
	/* A class above PPR's, which -1 never is. */
	return vector >= (int)(ppr & 0xf0) + 16 ? vector : -1;
}

void lapic_accept(struct lapic *l, u8 vector)
{
	u32 bit = 1U << (vector & 31), left;
	u32 irr = vector_reg(LAPIC_IRR, vector);
	u32 isr = vector_reg(LAPIC_ISR, vector);

	if (unlikely(l->accelerated)) {
		l->touched = true;
		env_and32(l->regs + irr, ~bit);
		lapic_put(l, isr, lapic_get(l, isr) | bit);
		lapic_refresh(l);
	} else {
		left = lapic_get(l, irr) & ~bit;
		lapic_put(l, irr, left);
		if (!left)
			l->irr_words &= ~(1U << (vector >> 5));
		lapic_put(l, isr, lapic_get(l, isr) | bit);
		l->isr_count++;
		/* It has beaten PPR, so all else that is in service. */
		l->isr_top = vector;
	}
	ppr_update(l);
}

static bool eoi_suppressed(const struct lapic *l)
{
	return l->config.eoi_suppress &&
	       (lapic_get(l, LAPIC_SVR) & SVR_EOI_SUPPRESS);
}

/* What the outside learns of the EOI of level vector @vector. */
static void eoi_tell(struct lapic *l, u8 vector, struct lapic_out *out)
{
	if (!eoi_suppressed(l)) {
		out->effects |= LAPIC_OUT_EOI;
		out->eoi_vector = vector;
	}
	if (vector == l->stale_vector) {
		l->stale_vector = -1;
		out->effects |= LAPIC_OUT_RESCAN;
	}
}

void lapic_eoi(struct lapic *l, struct lapic_out *out)
{
	u32 reg;
	u8 vector;
	int top;

	if (unlikely(l->accelerated)) {
		l->touched = true;
		lapic_refresh(l);
	}
	if (unlikely(!l->isr_count))
		return;
	vector = l->isr_top;
	reg = vector_reg(LAPIC_ISR, vector);
	lapic_put(l, reg, lapic_get(l, reg) & ~(1U << (vector & 31)));
	if (likely(--l->isr_count == 0)) {
		l->isr_top = 0;
	} else {
		top = top_vector(l, LAPIC_ISR);
		l->isr_top = top < 0 ? 0 : top;
	}
	ppr_update(l);
	if (l->irr_words)
		out->effects |= LAPIC_OUT_EVENT;
	if (unlikely(vector_test(l, LAPIC_TMR, vector) ||
		     vector == l->stale_vector))
		eoi_tell(l, vector, out);
}

bool lapic_eoi_silent(struct lapic *l)
{
	return !l->accelerated && l->isr_count == 1 && irr_top(l) < 0 &&
	       !vector_test(l, LAPIC_TMR, l->isr_top) &&
	       l->isr_top != l->stale_vector;
}

void lapic_eoi_done(struct lapic *l, u8 vector, struct lapic_out *out)
{
	eoi_tell(l, vector, out);
}

void lapic_set_tpr(struct lapic *l, u32 tpr, struct lapic_out *out)
{
	u32 old = lapic_get(l, LAPIC_PPR);

	if (unlikely(l->accelerated))
		lapic_refresh(l);
	lapic_put(l, LAPIC_TPR, tpr & 0xff);
	if (ppr_update(l) != old && l->irr_words)
		out->effects |= LAPIC_OUT_EVENT;
}

void lapic_set_cr8(struct lapic *l, u8 cr8, struct lapic_out *out)
{
	lapic_set_tpr(l, (cr8 & 15) << 4, out);
}

u8 lapic_get_cr8(const struct lapic *l)
{
	return lapic_get(l, LAPIC_TPR) >> 4 & 15;
}

void lapic_put_version(struct lapic *l)
{
	u32 max_lvt = l->config.cmci ? 6 : 5;

	lapic_put(l, LAPIC_VERSION, 0x14 | max_lvt << 16 |
		  (l->config.eoi_suppress ? BIT(24) : 0));
}

void lapic_configure(struct lapic *l, const struct lapic_config *config)
{
	bool move = l->config.icr_split != config->icr_split &&
		    lapic_mode(l) == LAPIC_X2APIC;
	u64 icr = lapic_icr64(l);

	l->config = *config;
	if (move)
		lapic_put_icr64(l, icr);
	lapic_put_version(l);
}

/*
 * SDM 3A "Local APIC State After Power-Up or Reset". Everything but base, ID
 * and what a mode derives from the ID.
 */
static void reset_registers(struct lapic *l)
{
	u32 id = lapic_get(l, LAPIC_ID), reg;

	memset(l->regs, 0, LAPIC_REGS_SIZE);
	lapic_put(l, LAPIC_ID, id);
	lapic_put_version(l);
	lapic_put(l, LAPIC_DFR, ~0U);
	lapic_put(l, LAPIC_SVR, 0xff);
	for (reg = LAPIC_LVT_TIMER; reg <= LAPIC_LVT_ERROR; reg += 16)
		lapic_put(l, reg, LVT_MASK);
	lapic_put(l, LAPIC_LVT_CMCI, LVT_MASK);
	if (l->config.lint0_extint && (l->base & LAPIC_BASE_BSP))
		lapic_put(l, LAPIC_LVT_LINT0, IRQ_EXTINT << LVT_DELIVERY_SHIFT);
	l->esr_pending = 0;
	l->stale_vector = -1;
	l->timer_mode = TIMER_ONE_SHOT;
	l->touched = true;
	lapic_refresh(l);
}

/* What the ID and LDR registers hold follows from the mode just entered. */
void lapic_enter_mode(struct lapic *l)
{
	if (lapic_mode(l) == LAPIC_X2APIC) {
		/* SDM 3A "Deriving Logical x2APIC ID from the Local x2APIC ID" */
		lapic_put(l, LAPIC_ID, l->id);
		lapic_put(l, LAPIC_LDR, (l->id >> 4) << 16 | 1U << (l->id & 15));
		lapic_put_icr64(l, lapic_get(l, LAPIC_ICR));
	} else {
		lapic_put(l, LAPIC_ID, l->id << 24);
		lapic_put(l, LAPIC_LDR, 0);
		lapic_put(l, LAPIC_DFR, ~0U);
	}
}

void lapic_init(struct lapic *l, void *regs, u32 index, u32 id, bool bsp)
{
	memset(l, 0, sizeof(*l));
	memset(regs, 0, 4096);
	l->regs = regs;
	l->index = index;
	l->id = id;
	l->base = LAPIC_BASE_DEFAULT | LAPIC_BASE_ENABLE |
		  (bsp ? LAPIC_BASE_BSP : 0);
	l->config.lint0_extint = true;
	l->config.pmi_masks = true;
	l->config.bus_ns = 1;
	l->config.min_period_ns = 200000;
	reset_registers(l);
	lapic_enter_mode(l);
}

void lapic_reset(struct lapic *l, struct lapic_out *out)
{
	u32 ldr = lapic_get(l, LAPIC_LDR);

	timer_stop(l, out);
	reset_registers(l);
	/* In x2APIC mode LDR is the ID in another form, and stays with it. */
	if (lapic_mode(l) == LAPIC_X2APIC)
		lapic_put(l, LAPIC_LDR, ldr);
	out->effects |= LAPIC_OUT_DEST;
}

/* SDM 3A "x2APIC State Transitions" */
static bool transition_legal(enum lapic_mode from, enum lapic_mode to)
{
	return !(from == LAPIC_X2APIC && to == LAPIC_XAPIC) &&
	       !(from == LAPIC_DISABLED && to == LAPIC_X2APIC);
}

bool lapic_set_base(struct lapic *l, u64 val, bool user, unsigned int phys_bits,
		    struct lapic_out *out)
{
	enum lapic_mode from = lapic_mode(l);
	enum lapic_mode to = (enum lapic_mode)(val >> 10 & 3);
	u64 reserved = 0x2ff;

	if (phys_bits < 64)
		reserved |= ~0ULL << phys_bits;
	if (!l->config.x2apic)
		reserved |= LAPIC_BASE_X2APIC;
	if ((val & reserved) || to == LAPIC_INVALID)
		return false;
	if (!user && !transition_legal(from, to))
		return false;
	l->base = val;
	if (to == from)
		return true;
	if (to == LAPIC_DISABLED) {
		timer_stop(l, out);
		reset_registers(l);
	}
	lapic_enter_mode(l);
	out->effects |= LAPIC_OUT_DEST;
	return true;
}
