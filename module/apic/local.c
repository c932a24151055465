// SPDX-License-Identifier: GPL-2.0-only
/*
 * Local interrupt sources: the LVT and the error status register.
 *
 * SDM 3A "Handling Local Interrupts", "Error Handling".
 */
#include "lapic_priv.h"

static void deliver_fixed(struct lapic *l, u32 lvt_reg, u32 lvt,
			  struct lapic_out *out)
{
	u8 vector = lvt & 0xff;

	if (vector < VECTOR_MIN) {
		/* From the error entry itself this ends at the second time. */
		lapic_raise_error(l, ESR_RECEIVE_ILLEGAL, out);
		return;
	}
	if (!lapic_enabled(l))
		return;
	/* Only LINT0 can be level-triggered; LINT1 ignores the bit. */
	irr_set(l, vector, lvt_reg == LAPIC_LVT_LINT0 && (lvt & LVT_LEVEL));
	out->effects |= LAPIC_OUT_EVENT;
}

void lapic_local(struct lapic *l, u32 lvt_reg, struct lapic_out *out)
{
	u32 lvt = lapic_get(l, lvt_reg);

	if (lapic_mode(l) == LAPIC_DISABLED) {
		/* The pins are INTR and NMI again. */
		if (lvt_reg == LAPIC_LVT_LINT0)
			out->effects |= LAPIC_OUT_EXTINT;
		else if (lvt_reg == LAPIC_LVT_LINT1)
			out->effects |= LAPIC_OUT_NMI;
		return;
	}
	if (lvt & LVT_MASK)
		return;
	if (lvt_reg == LAPIC_LVT_PERFMON && l->config.pmi_masks)
		lapic_put(l, lvt_reg, lvt | LVT_MASK);

	switch ((lvt & LVT_DELIVERY_MASK) >> LVT_DELIVERY_SHIFT) {
	case IRQ_FIXED:
		deliver_fixed(l, lvt_reg, lvt, out);
		break;
	case IRQ_SMI:
		out->effects |= LAPIC_OUT_SMI;
		break;
	case IRQ_NMI:
		out->effects |= LAPIC_OUT_NMI;
		break;
	case IRQ_INIT:
		out->effects |= LAPIC_OUT_INIT;
		break;
	case IRQ_EXTINT:
		out->effects |= LAPIC_OUT_EXTINT;
		break;
	}
}

bool lapic_takes_extint(const struct lapic *l)
{
	u32 lvt = lapic_get(l, LAPIC_LVT_LINT0);

	return lapic_mode(l) == LAPIC_DISABLED ||
	       (lvt & (LVT_MASK | LVT_DELIVERY_MASK)) ==
		       IRQ_EXTINT << LVT_DELIVERY_SHIFT;
}

bool lapic_lint0_nmi(const struct lapic *l)
{
	u32 lvt = lapic_get(l, LAPIC_LVT_LINT0);

	return lapic_mode(l) != LAPIC_DISABLED &&
	       (lvt & (LVT_MASK | LVT_DELIVERY_MASK)) ==
		       IRQ_NMI << LVT_DELIVERY_SHIFT;
}

/*
 * Errors collect until a write of ESR shows them; that write also re-arms the
 * interrupt, which a repeated error does not raise again.
 */
void lapic_raise_error(struct lapic *l, u32 bits, struct lapic_out *out)
{
	if (!(bits & ~l->esr_pending))
		return;
	l->esr_pending |= bits;
	lapic_local(l, LAPIC_LVT_ERROR, out);
}
