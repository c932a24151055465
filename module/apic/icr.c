// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sending interrupts: ICR and SELF IPI.
 *
 * SDM 3A "Issuing Interprocessor Interrupts".
 */
#include "lapic_priv.h"

#define ICR_LOGICAL BIT(11)
#define ICR_ASSERT BIT(14)
#define ICR_LEVEL BIT(15)

/* The APIC is its own target and its owner runs this: straight into IRR. */
void lapic_self_ipi(struct lapic *l, u8 vector, struct lapic_out *out)
{
	if (unlikely(vector < VECTOR_MIN)) {
		lapic_raise_error(l, ESR_SEND_ILLEGAL | ESR_RECEIVE_ILLEGAL, out);
		return;
	}
	if (unlikely(!lapic_enabled(l)))
		return;
	irr_set(l, vector, false);
	out->effects |= LAPIC_OUT_EVENT;
}

void lapic_icr_message(const struct lapic *l, u64 icr, struct irq_message *msg)
{
	bool wide = lapic_mode(l) == LAPIC_X2APIC;

	/* The trigger mode only counts for INIT level de-assert. */
	*msg = (struct irq_message){
		.dest = wide ? icr >> 32 : icr >> 56,
		.vector = icr,
		.delivery = icr >> 8 & 7,
		.shorthand = icr >> 18 & 3,
		.logical = icr & ICR_LOGICAL,
		.wide = wide,
		.source = l->index,
	};
}

/* @icr: bits 63:32 as ICR's upper half holds them in the present mode. */
void lapic_icr_written(struct lapic *l, u64 icr, struct lapic_out *out)
{
	u8 delivery = icr >> 8 & 7, shorthand = icr >> 18 & 3;
	u8 vector = icr & 0xff;

	if (delivery == IRQ_FIXED && shorthand == IRQ_SELF) {
		lapic_self_ipi(l, vector, out);
		return;
	}
	if (delivery <= IRQ_LOWEST && vector < VECTOR_MIN) {
		lapic_raise_error(l, ESR_SEND_ILLEGAL, out);
		return;
	}
	/* ExtINT can't be sent by ICR; 011b is reserved. */
	if (delivery == IRQ_RESERVED || delivery == IRQ_EXTINT)
		return;
	/* INIT level de-assert: no processor since the Pentium 4 acts on it. */
	if (delivery == IRQ_INIT && (icr & ICR_LEVEL) && !(icr & ICR_ASSERT))
		return;

	lapic_icr_message(l, icr, &out->ipi);
	out->effects |= LAPIC_OUT_IPI;
}
