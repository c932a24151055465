/* SPDX-License-Identifier: GPL-2.0-only */
/* What the files of the local APIC share among themselves. */
#ifndef VINTC_APIC_LAPIC_PRIV_H
#define VINTC_APIC_LAPIC_PRIV_H

#include "lapic.h"

#define VECTOR_MIN 16 /* 0..15 are illegal, SDM 3A "Valid Interrupt Vectors" */

/* ESR */
#define ESR_SEND_ILLEGAL BIT(5)
#define ESR_RECEIVE_ILLEGAL BIT(6)
#define ESR_ILLEGAL_REGISTER BIT(7)

/* SVR */
#define SVR_ENABLE BIT(8)
#define SVR_FOCUS BIT(9) /* gone since the Pentium 4, yet harmless to write */
#define SVR_EOI_SUPPRESS BIT(12)

/* LVT entries and ICR */
#define LVT_DELIVERY_SHIFT 8
#define LVT_DELIVERY_MASK (7U << LVT_DELIVERY_SHIFT)
#define LVT_STATUS BIT(12)
#define LVT_POLARITY BIT(13)
#define LVT_REMOTE_IRR BIT(14)
#define LVT_LEVEL BIT(15)
#define LVT_MASK BIT(16)
#define LVT_TIMER_MODE_SHIFT 17
#define LVT_TIMER_MODE (BIT(17) | BIT(18))

enum timer_mode {
	TIMER_ONE_SHOT = 0,
	TIMER_PERIODIC = 1,
	TIMER_TSC_DEADLINE = 2,
};

static inline u32 vector_reg(u32 base, u8 vector)
{
	return base + ((vector >> 5) << 4);
}

static inline bool vector_test(const struct lapic *l, u32 base, u8 vector)
{
	return lapic_get(l, vector_reg(base, vector)) >> (vector & 31) & 1;
}

/* TMR's bits @bits of @word become those of @level. */
static inline void tmr_merge(struct lapic *l, u32 word, u32 bits, u32 level)
{
	u32 reg = LAPIC_TMR + (word << 4);
	u32 old = lapic_get(l, reg);
	u32 val = (old & ~bits) | (level & bits);

	if (likely(val == old))
		return;
	if (!l->accelerated) {
		lapic_put(l, reg, val);
		return;
	}
	if (level & bits)
		env_or32(l->regs + reg, level & bits);
	if (bits & ~level)
		env_and32(l->regs + reg, ~(bits & ~level));
}

/* TMR goes before IRR, so that none who sees the request sees an old mode. */
static inline void irr_add(struct lapic *l, u32 word, u32 bits, u32 level)
{
	u32 reg = LAPIC_IRR + (word << 4);

	tmr_merge(l, word, bits, level);
	if (unlikely(l->accelerated)) {
		/* With AVIC any sender comes here: its line is left alone. */
		if (!READ_ONCE(l->touched))
			WRITE_ONCE(l->touched, true);
		/* By whomever; the hint is the owner's, who doesn't believe it. */
		env_or32(l->regs + reg, bits);
		return;
	}
	lapic_put(l, reg, lapic_get(l, reg) | bits);
	l->irr_words |= 1U << word;
}

static inline void irr_set(struct lapic *l, u8 vector, bool level)
{
	u32 bit = 1U << (vector & 31);

	irr_add(l, vector >> 5, bit, level ? bit : 0);
}

/* SDM 3A "Task and Processor Priorities" */
static inline u32 ppr_update(struct lapic *l)
{
	u32 tpr = lapic_get(l, LAPIC_TPR);
	u32 isr = l->isr_top & 0xf0;
	u32 ppr = (tpr & 0xf0) >= isr ? tpr : isr;

	lapic_put(l, LAPIC_PPR, ppr);
	return ppr;
}

/* lapic.c */
void lapic_set_tpr(struct lapic *l, u32 tpr, struct lapic_out *out);
void lapic_enter_mode(struct lapic *l);
void lapic_put_version(struct lapic *l);

/* local.c */
void lapic_raise_error(struct lapic *l, u32 bits, struct lapic_out *out);

/* icr.c */
void lapic_icr_written(struct lapic *l, u64 icr, struct lapic_out *out);
void lapic_self_ipi(struct lapic *l, u8 vector, struct lapic_out *out);

/* lapic_regs.c */
bool lapic_reg_saved(const struct lapic *l, u32 reg);
u32 lapic_reg_writable(const struct lapic *l, u32 reg);
u64 lapic_icr64(const struct lapic *l);
void lapic_put_icr64(struct lapic *l, u64 icr);

/* timer.c */
u32 timer_count(const struct lapic *l, u64 now);
void timer_stop(struct lapic *l, struct lapic_out *out);
void timer_set_initial(struct lapic *l, u32 count, u64 now,
		       struct lapic_out *out);
void timer_set_divide(struct lapic *l, u32 divide, u64 now,
		      struct lapic_out *out);
void timer_lvt_written(struct lapic *l, struct lapic_out *out);
void timer_restore(struct lapic *l, u32 count, u64 now, struct lapic_out *out);

#endif
