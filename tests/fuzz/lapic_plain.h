/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A local APIC and its mailbox as plain as the manual's text: flags for vectors,
 * a word for each register, loops over all of them. It says what each step
 * must have done. Where the SDM leaves a choice, the engine's headers say which
 * was made.
 */
#ifndef VINTC_TESTS_LAPIC_PLAIN_H
#define VINTC_TESTS_LAPIC_PLAIN_H

#include "fuzz.h"
#include "../../module/apic/exitmap.h"

#define PLAIN_MASKED BIT(16)

/**
 * struct plain - one APIC
 * @irr, @isr, @tmr: by vector
 * @pir, @level: posted by others, and the last trigger mode posted
 * @on, @events, @sipi: the rest of the mailbox
 * @reg: registers by offset / 16; ISR, TMR, IRR and PPR are not kept there
 * @errors: not yet shown by ESR
 * @base, @id, @config: as in struct lapic
 * @timer_mode: 0 one-shot, 1 periodic, 2 TSC deadline, 3 reserved
 * @tick: ns per count
 * @deadline: when the count is 0 next, or 0
 * @tsc: IA32_TSC_DEADLINE
 * @stale: vector whose EOI is to be told in any case, or -1
 * @want: what the present step must tell, but for EVENT, DEST and the timer
 * @ipi, @eoi: with LAPIC_OUT_IPI and LAPIC_OUT_EOI
 */
struct plain {
	bool irr[256], isr[256], tmr[256];
	bool pir[256], level[256];
	bool on;
	u64 events;
	u8 sipi;
	u32 reg[64];
	u32 errors;
	u64 base;
	u32 id;
	struct lapic_config config;
	u32 timer_mode;
	u64 tick, deadline, tsc;
	int stale;
	u32 want;
	struct irq_message ipi;
	u8 eoi;
};

static u32 *plain_reg(struct plain *p, u32 reg)
{
	return &p->reg[reg >> 4];
}

static enum lapic_mode plain_mode(const struct plain *p)
{
	return (enum lapic_mode)(p->base >> 10 & 3);
}

static bool plain_enabled(struct plain *p)
{
	return (p->base & BIT(11)) && (*plain_reg(p, LAPIC_SVR) & BIT(8));
}

static int plain_top(const bool *bits)
{
	const bool *last = memrchr(bits, true, 256);

	return last ? (int)(last - bits) : -1;
}

/* SDM 3A "Processor Priority": TPR, or the class in service if that is higher. */
static u32 plain_ppr(struct plain *p)
{
	u32 tpr = *plain_reg(p, LAPIC_TPR);
	int top = plain_top(p->isr);
	u32 isr_class = top < 0 ? 0 : top >> 4;

	return tpr >> 4 >= isr_class ? tpr : isr_class << 4;
}

static int plain_next(struct plain *p)
{
	int top = plain_top(p->irr);

	return top >= 0 && (u32)top >> 4 > plain_ppr(p) >> 4 ? top : -1;
}

static void plain_request(struct plain *p, u8 vector, bool level)
{
	if (!plain_enabled(p))
		return;
	p->irr[vector] = true;
	p->tmr[vector] = level;
}

static void plain_local(struct plain *p, u32 lvt_reg);

static void plain_error(struct plain *p, u32 bits)
{
	bool news = bits & ~p->errors;

	p->errors |= bits;
	if (news)
		plain_local(p, LAPIC_LVT_ERROR);
}

static void plain_local(struct plain *p, u32 lvt_reg)
{
	u32 *lvt = plain_reg(p, lvt_reg), old = *lvt;

	if (plain_mode(p) == LAPIC_DISABLED) {
		if (lvt_reg == LAPIC_LVT_LINT0)
			p->want |= LAPIC_OUT_EXTINT;
		if (lvt_reg == LAPIC_LVT_LINT1)
			p->want |= LAPIC_OUT_NMI;
		return;
	}
	if (old & PLAIN_MASKED)
		return;
	if (lvt_reg == LAPIC_LVT_PERFMON && p->config.pmi_masks)
		*lvt |= PLAIN_MASKED;
	switch (old >> 8 & 7) {
	case IRQ_FIXED:
		if ((old & 0xff) < 16)
			plain_error(p, BIT(6));
		else
			plain_request(p, old, lvt_reg == LAPIC_LVT_LINT0 &&
				      (old & BIT(15)));
		break;
	case IRQ_SMI:
		p->want |= LAPIC_OUT_SMI;
		break;
	case IRQ_NMI:
		p->want |= LAPIC_OUT_NMI;
		break;
	case IRQ_INIT:
		p->want |= LAPIC_OUT_INIT;
		break;
	case IRQ_EXTINT:
		p->want |= LAPIC_OUT_EXTINT;
		break;
	}
}

/* The PIC's interrupts come through. */
static bool plain_takes_extint(struct plain *p)
{
	return plain_mode(p) == LAPIC_DISABLED ||
	       (*plain_reg(p, LAPIC_LVT_LINT0) & 0x10700) == 0x700;
}

/* ------------------------------------------------------------------- timer */

static u64 plain_saturate(unsigned __int128 v)
{
	return v > ~0ULL ? ~0ULL : (u64)v;
}

static u64 plain_tick(struct plain *p)
{
	static const u8 by[8] = { 2, 4, 8, 16, 32, 64, 128, 1 };
	u32 divide = *plain_reg(p, LAPIC_TIMER_DIVIDE);

	return (u64)(p->config.bus_ns ? p->config.bus_ns : 1) *
	       by[(divide & 3) | (divide >> 1 & 4)];
}

static u64 plain_period(struct plain *p)
{
	u64 ns = plain_saturate((unsigned __int128)
				*plain_reg(p, LAPIC_TIMER_INITIAL) * p->tick);
	u64 least = p->config.min_period_ns ? p->config.min_period_ns : 1;

	return ns < least ? least : ns;
}

static void plain_start(struct plain *p, u64 span, u64 now)
{
	p->deadline = plain_saturate((unsigned __int128)now + span);
	if (!p->deadline)
		p->deadline = 1;
}

static void plain_stop(struct plain *p)
{
	p->deadline = 0;
	p->tsc = 0;
}

static u32 plain_count(struct plain *p, u64 now)
{
	u64 initial = *plain_reg(p, LAPIC_TIMER_INITIAL), left, count;

	if (!p->deadline || (now >= p->deadline && p->timer_mode != 1))
		return 0;
	if (now < p->deadline)
		left = p->deadline - now;
	else
		left = plain_period(p) - (now - p->deadline) % plain_period(p);
	count = left / p->tick + (left % p->tick ? 1 : 0);
	return count < initial ? count : initial;
}

static void plain_count_written(struct plain *p, u32 count, u64 now)
{
	if (p->timer_mode == 2)
		count = 0;
	*plain_reg(p, LAPIC_TIMER_INITIAL) = count;
	if (p->timer_mode == 2)
		return;
	if (!count) {
		plain_stop(p);
		return;
	}
	p->tick = plain_tick(p);
	plain_start(p, p->timer_mode == 1 ? plain_period(p) :
		    plain_saturate((unsigned __int128)count * p->tick), now);
}

static void plain_divide_written(struct plain *p, u32 val, u64 now)
{
	u32 count = plain_count(p, now);
	u64 tick;

	*plain_reg(p, LAPIC_TIMER_DIVIDE) = val;
	tick = plain_tick(p);
	if (!p->deadline || tick == p->tick)
		return;
	p->tick = tick;
	if (now < p->deadline)
		plain_start(p, plain_saturate((unsigned __int128)count * tick), now);
}

static void plain_timer_lvt_written(struct plain *p)
{
	u32 mode = *plain_reg(p, LAPIC_LVT_TIMER) >> 17 & 3;

	if ((mode == 2) != (p->timer_mode == 2)) {
		plain_stop(p);
		*plain_reg(p, LAPIC_TIMER_INITIAL) = 0;
	}
	p->timer_mode = mode;
}

/* The time has come, or not yet. */
static void plain_expire(struct plain *p, u64 now)
{
	if (p->timer_mode == 2) {
		if (!p->tsc)
			return;
		p->tsc = 0;
	} else if (!p->deadline || now < p->deadline) {
		return;
	} else if (p->timer_mode == 1) {
		u64 period = plain_period(p);

		plain_start(p, period, now - (now - p->deadline) % period);
	} else {
		p->deadline = 0;
	}
	plain_local(p, LAPIC_LVT_TIMER);
}

/* --------------------------------------------------------------- registers */

#define PLAIN_R 1
#define PLAIN_W 2

/* What may be done to a register in the present mode; 0: there is none. */
static u32 plain_access(const struct plain *p, u32 reg)
{
	bool x2 = plain_mode(p) == LAPIC_X2APIC;

	if (reg & 15)
		return 0;
	if (reg >= LAPIC_ISR && reg < LAPIC_ESR)
		return PLAIN_R;
	if (reg >= LAPIC_LVT_TIMER && reg <= LAPIC_TIMER_INITIAL)
		return PLAIN_R | PLAIN_W;
	switch (reg) {
	case LAPIC_ID:
	case LAPIC_LDR:
		return x2 ? PLAIN_R : PLAIN_R | PLAIN_W;
	case LAPIC_VERSION:
	case LAPIC_PPR:
	case LAPIC_TIMER_CURRENT:
		return PLAIN_R;
	case LAPIC_APR:
	case LAPIC_RRD:
		return x2 ? 0 : PLAIN_R;
	case LAPIC_EOI:
		return PLAIN_W;
	case LAPIC_TPR:
	case LAPIC_SVR:
	case LAPIC_ESR:
	case LAPIC_ICR:
	case LAPIC_TIMER_DIVIDE:
		return PLAIN_R | PLAIN_W;
	case LAPIC_DFR:
	case LAPIC_ICR2:
		return x2 ? 0 : PLAIN_R | PLAIN_W;
	case LAPIC_LVT_CMCI:
		return p->config.cmci ? PLAIN_R | PLAIN_W : 0;
	case LAPIC_SELF_IPI:
		return x2 ? PLAIN_W : 0;
	}
	return 0;
}

/* Bits that keep what is written. */
static u32 plain_bits(const struct plain *p, u32 reg)
{
	switch (reg) {
	case LAPIC_ID:
	case LAPIC_LDR:
	case LAPIC_ICR2:
		return 0xff000000;
	case LAPIC_DFR:
		return 0xf0000000;
	case LAPIC_TPR:
	case LAPIC_SELF_IPI:
		return 0xff;
	case LAPIC_SVR:
		return p->config.eoi_suppress ? 0x11ff : 0x1ff;
	case LAPIC_ICR:
		return 0xffffefff;
	case LAPIC_LVT_TIMER:
		return p->config.tsc_deadline ? 0x700ff : 0x300ff;
	case LAPIC_LVT_CMCI:
	case LAPIC_LVT_THERMAL:
	case LAPIC_LVT_PERFMON:
		return 0x107ff;
	case LAPIC_LVT_LINT0:
	case LAPIC_LVT_LINT1:
		return 0x1a7ff;
	case LAPIC_LVT_ERROR:
		return 0x100ff;
	case LAPIC_TIMER_INITIAL:
		return 0xffffffff;
	case LAPIC_TIMER_DIVIDE:
		return 0xb;
	}
	return 0;
}

/* SDM 3A "Reserved Bit Checking": what is no fault in x2APIC mode. */
static bool plain_legal(const struct plain *p, u32 reg, u64 val)
{
	u32 bits = plain_bits(p, reg);

	if (!(plain_access(p, reg) & PLAIN_W))
		return false;
	if (reg == LAPIC_ICR)
		return !(val & 0xfff32000);
	if (reg == LAPIC_SVR)
		bits |= BIT(9);
	else if (reg == LAPIC_LVT_LINT0 || reg == LAPIC_LVT_LINT1)
		bits |= BIT(12) | BIT(14);
	else if (reg == LAPIC_LVT_CMCI ||
		 (reg >= LAPIC_LVT_TIMER && reg <= LAPIC_LVT_ERROR))
		bits |= BIT(12);
	return !(val & ~(u64)bits);
}

static bool plain_is_lvt(u32 reg)
{
	return reg == LAPIC_LVT_CMCI ||
	       (reg >= LAPIC_LVT_TIMER && reg <= LAPIC_LVT_ERROR);
}

static void plain_self(struct plain *p, u8 vector)
{
	if (vector < 16)
		plain_error(p, BIT(5) | BIT(6));
	else
		plain_request(p, vector, false);
}

static void plain_icr(struct plain *p, u32 low, u32 high)
{
	bool wide = plain_mode(p) == LAPIC_X2APIC;
	u32 mode = low >> 8 & 7, shorthand = low >> 18 & 3;
	u8 vector = low;

	if (mode == IRQ_FIXED && shorthand == IRQ_SELF) {
		plain_self(p, vector);
		return;
	}
	if (mode <= IRQ_LOWEST && vector < 16) {
		plain_error(p, BIT(5));
		return;
	}
	if (mode == IRQ_RESERVED || mode == IRQ_EXTINT ||
	    (mode == IRQ_INIT && (low & 0xc000) == 0x8000))
		return;
	p->want |= LAPIC_OUT_IPI;
	p->ipi = (struct irq_message){
		.dest = wide ? high : high >> 24,
		.vector = vector,
		.delivery = mode,
		.shorthand = shorthand,
		.logical = low & BIT(11),
		.wide = wide,
	};
}

/* Someone learns of the end of @vector. */
static void plain_tell(struct plain *p, u8 vector)
{
	if (!p->config.eoi_suppress || !(*plain_reg(p, LAPIC_SVR) & BIT(12))) {
		p->want |= LAPIC_OUT_EOI;
		p->eoi = vector;
	}
	if (p->stale == vector) {
		p->want |= LAPIC_OUT_RESCAN;
		p->stale = -1;
	}
}

static void plain_end(struct plain *p)
{
	int v = plain_top(p->isr);

	if (v < 0)
		return;
	p->isr[v] = false;
	if (p->tmr[v] || p->stale == v)
		plain_tell(p, v);
}

static void plain_svr_written(struct plain *p)
{
	u32 reg;

	if (*plain_reg(p, LAPIC_SVR) & BIT(8))
		return;
	for (reg = LAPIC_LVT_CMCI; reg <= LAPIC_LVT_ERROR; reg += 16)
		if (plain_is_lvt(reg))
			*plain_reg(p, reg) |= PLAIN_MASKED;
}

/* A write that is no fault. @high: of ICR in x2APIC mode */
static void plain_write(struct plain *p, u32 reg, u32 val, u32 high, u64 now)
{
	u32 *at = plain_reg(p, reg);

	val &= plain_bits(p, reg);
	if (plain_is_lvt(reg)) {
		if (!(*plain_reg(p, LAPIC_SVR) & BIT(8)))
			val |= PLAIN_MASKED;
		*at = val;
		if (reg == LAPIC_LVT_TIMER)
			plain_timer_lvt_written(p);
		return;
	}
	switch (reg) {
	case LAPIC_EOI:
		plain_end(p);
		break;
	case LAPIC_ESR:
		*at = p->errors;
		p->errors = 0;
		break;
	case LAPIC_SELF_IPI:
		plain_self(p, val);
		break;
	case LAPIC_TIMER_INITIAL:
		plain_count_written(p, val, now);
		break;
	case LAPIC_TIMER_DIVIDE:
		plain_divide_written(p, val, now);
		break;
	case LAPIC_ICR:
		*at = val;
		if (plain_mode(p) == LAPIC_X2APIC)
			*plain_reg(p, LAPIC_ICR2) = high;
		plain_icr(p, val, *plain_reg(p, LAPIC_ICR2));
		break;
	case LAPIC_DFR:
		*at = val | 0x0fffffff;
		break;
	default:
		*at = val;
		if (reg == LAPIC_SVR)
			plain_svr_written(p);
	}
}

static u32 plain_word(const bool *bits, u32 word)
{
	u32 val = 0, i;
	u64 eight;

	/* Each byte is 0 or 1: the product gathers them in its highest. */
	for (i = 0; i < 32; i += 8) {
		memcpy(&eight, bits + word * 32 + i, 8);
		val |= (u32)(eight * 0x0102040810204080ULL >> 56) << i;
	}
	return val;
}

/* What a read gives. */
static u64 plain_read(struct plain *p, u32 reg, u64 now)
{
	if (reg >= LAPIC_ISR && reg < LAPIC_TMR)
		return plain_word(p->isr, (reg - LAPIC_ISR) >> 4);
	if (reg >= LAPIC_TMR && reg < LAPIC_IRR)
		return plain_word(p->tmr, (reg - LAPIC_TMR) >> 4);
	if (reg >= LAPIC_IRR && reg < LAPIC_ESR)
		return plain_word(p->irr, (reg - LAPIC_IRR) >> 4);
	switch (reg) {
	case LAPIC_PPR:
		return plain_ppr(p);
	case LAPIC_VERSION:
		return 0x14 | (p->config.cmci ? 6 : 5) << 16 |
		       (p->config.eoi_suppress ? BIT(24) : 0);
	case LAPIC_TIMER_CURRENT:
		return plain_count(p, now);
	case LAPIC_ICR:
		if (plain_mode(p) == LAPIC_X2APIC)
			return *plain_reg(p, reg) |
			       (u64)*plain_reg(p, LAPIC_ICR2) << 32;
		break;
	}
	return *plain_reg(p, reg);
}

/* ------------------------------------------------------------------- modes */

/* SDM 3A "Local APIC State After Power-Up or Reset"; the ID stays. */
static void plain_reset(struct plain *p)
{
	u32 id = *plain_reg(p, LAPIC_ID), ldr = *plain_reg(p, LAPIC_LDR), reg;

	memset(p->irr, 0, sizeof(p->irr));
	memset(p->isr, 0, sizeof(p->isr));
	memset(p->tmr, 0, sizeof(p->tmr));
	memset(p->reg, 0, sizeof(p->reg));
	*plain_reg(p, LAPIC_ID) = id;
	if (plain_mode(p) == LAPIC_X2APIC)
		*plain_reg(p, LAPIC_LDR) = ldr;
	*plain_reg(p, LAPIC_DFR) = ~0U;
	*plain_reg(p, LAPIC_SVR) = 0xff;
	for (reg = LAPIC_LVT_CMCI; reg <= LAPIC_LVT_ERROR; reg += 16)
		if (plain_is_lvt(reg))
			*plain_reg(p, reg) = PLAIN_MASKED;
	if (p->config.lint0_extint && (p->base & LAPIC_BASE_BSP))
		*plain_reg(p, LAPIC_LVT_LINT0) = 0x700;
	p->errors = 0;
	p->stale = -1;
	p->timer_mode = 0;
	plain_stop(p);
}

static void plain_entered(struct plain *p)
{
	if (plain_mode(p) == LAPIC_X2APIC) {
		*plain_reg(p, LAPIC_ID) = p->id;
		*plain_reg(p, LAPIC_LDR) = p->id >> 4 << 16 | 1U << (p->id & 15);
		*plain_reg(p, LAPIC_ICR2) = 0;
	} else {
		*plain_reg(p, LAPIC_ID) = p->id << 24;
		*plain_reg(p, LAPIC_LDR) = 0;
		*plain_reg(p, LAPIC_DFR) = ~0U;
	}
}

/* SDM 3A "x2APIC State Transitions"; user space may make any legal state. */
static bool plain_base_legal(const struct plain *p, u64 val, bool user,
			     u32 phys_bits)
{
	u32 from = p->base >> 10 & 3, to = val >> 10 & 3;
	u64 most = phys_bits < 64 ? (1ULL << phys_bits) - 1 : ~0ULL;

	if (val > most || (val & 0x2ff) || to == 1)
		return false;
	if ((val & BIT(10)) && !p->config.x2apic)
		return false;
	if (user)
		return true;
	return !(from == 3 && to == 2) && !(from == 0 && to == 3);
}

/* ----------------------------------------------------------------- mailbox */

static u32 plain_post(struct plain *p, const struct irq_message *msg)
{
	u64 events = p->events;
	u8 sipi = p->sipi;
	bool on = p->on;

	switch (msg->delivery) {
	case IRQ_FIXED:
	case IRQ_LOWEST:
		if (msg->vector < 16)
			return 0;
		p->level[msg->vector] = msg->level;
		if (p->pir[msg->vector])
			return MAILBOX_COALESCED;
		p->pir[msg->vector] = true;
		p->on = true;
		return on ? 0 : MAILBOX_NOTIFY;
	case IRQ_SMI:
		p->events |= MAILBOX_SMI;
		break;
	case IRQ_NMI:
		p->events |= MAILBOX_NMI;
		break;
	case IRQ_EXTINT:
		p->events |= MAILBOX_EXTINT;
		break;
	case IRQ_INIT:
		if (msg->deassert)
			return 0;
		p->events = (p->events & ~MAILBOX_SIPI) | MAILBOX_INIT;
		break;
	case IRQ_STARTUP:
		if (!(p->events & MAILBOX_SIPI))
			p->sipi = msg->vector;
		p->events |= MAILBOX_SIPI;
		break;
	default:
		return 0;
	}
	return events == p->events && sipi == p->sipi ?
		       MAILBOX_COALESCED : MAILBOX_NOTIFY | MAILBOX_EVENT;
}

static void plain_absorb(struct plain *p, bool take_init)
{
	u64 got = p->events;
	int v;

	if (!take_init) {
		/* Behaviour D: INIT waits, a SIPI is gone. */
		got &= ~(MAILBOX_INIT | MAILBOX_SIPI);
		p->events &= MAILBOX_INIT;
	} else {
		p->events = 0;
	}
	if (got & MAILBOX_NMI)
		p->want |= LAPIC_OUT_NMI;
	if (got & MAILBOX_SMI)
		p->want |= LAPIC_OUT_SMI;
	if (got & MAILBOX_EXTINT)
		p->want |= LAPIC_OUT_EXTINT;
	if (got & MAILBOX_INIT)
		p->want |= LAPIC_OUT_INIT;
	if (got & MAILBOX_SIPI)
		p->want |= LAPIC_OUT_SIPI;
	for (v = 0; v < 256; v++) {
		if (p->pir[v])
			plain_request(p, v, p->level[v]);
		p->pir[v] = false;
	}
	p->on = false;
}

#endif
