// SPDX-License-Identifier: GPL-2.0-only
/*
 * Register accesses: one table says what exists where and what software may
 * change; what a write then does is in one switch.
 *
 * SDM 3A "Local APIC Register Address Map", "x2APIC Register Address Space",
 * "Reserved Bit Checking".
 */
#include "lapic_priv.h"

#define R 1U /* can be read */
#define W 2U /* can be written */
#define X 4U /* exists in xAPIC mode */
#define X2 8U /* exists in x2APIC mode */

#define LVT_VECTOR (0xffU | LVT_MASK)
#define LVT_FULL (LVT_VECTOR | LVT_DELIVERY_MASK)
#define LVT_LINT (LVT_FULL | LVT_POLARITY | LVT_LEVEL)

/*
 * In xAPIC mode KVM keeps what was written to ICR but for the delivery status,
 * and its tests hold others to that. In x2APIC mode these bits are reserved.
 */
#define ICR_XAPIC (~LVT_STATUS)
#define ICR_RESERVED 0xfff32000U

/**
 * struct reg_rule - one register
 * @access: R, W, X, X2
 * @writable: bits that software may change
 * @ignored: further bits that are no fault in x2APIC mode when set
 */
struct reg_rule {
	u8 access;
	u32 writable;
	u32 ignored;
};

#define RULE(reg, rights, bits, harmless)                                      \
	[(reg) >> 4] = { .access = (rights), .writable = (u32)(bits),          \
			 .ignored = (u32)(harmless) }
#define RULES_8(reg)                                                           \
	RULE((reg) + 0x00, R | X | X2, 0, 0),                                  \
	RULE((reg) + 0x10, R | X | X2, 0, 0),                                  \
	RULE((reg) + 0x20, R | X | X2, 0, 0),                                  \
	RULE((reg) + 0x30, R | X | X2, 0, 0),                                  \
	RULE((reg) + 0x40, R | X | X2, 0, 0),                                  \
	RULE((reg) + 0x50, R | X | X2, 0, 0),                                  \
	RULE((reg) + 0x60, R | X | X2, 0, 0),                                  \
	RULE((reg) + 0x70, R | X | X2, 0, 0)

static const struct reg_rule rules[LAPIC_REGS_SIZE >> 4] = {
	RULE(LAPIC_ID, R | W | X | X2, 0xff000000, 0),
	RULE(LAPIC_VERSION, R | X | X2, 0, 0),
	RULE(LAPIC_TPR, R | W | X | X2, 0xff, 0),
	RULE(LAPIC_APR, R | X, 0, 0),
	RULE(LAPIC_PPR, R | X | X2, 0, 0),
	RULE(LAPIC_EOI, W | X | X2, 0, 0),
	RULE(LAPIC_RRD, R | X, 0, 0),
	RULE(LAPIC_LDR, R | W | X | X2, 0xff000000, 0),
	RULE(LAPIC_DFR, R | W | X, 0xf0000000, 0),
	RULE(LAPIC_SVR, R | W | X | X2, 0xff | SVR_ENABLE | SVR_EOI_SUPPRESS,
	     SVR_FOCUS),
	RULES_8(LAPIC_ISR),
	RULES_8(LAPIC_TMR),
	RULES_8(LAPIC_IRR),
	RULE(LAPIC_ESR, R | W | X | X2, 0, 0),
	RULE(LAPIC_LVT_CMCI, R | W | X | X2, LVT_FULL, LVT_STATUS),
	RULE(LAPIC_ICR, R | W | X | X2, ICR_XAPIC, LVT_STATUS),
	RULE(LAPIC_ICR2, R | W | X, 0xff000000, 0),
	RULE(LAPIC_LVT_TIMER, R | W | X | X2, LVT_VECTOR | LVT_TIMER_MODE,
	     LVT_STATUS),
	RULE(LAPIC_LVT_THERMAL, R | W | X | X2, LVT_FULL, LVT_STATUS),
	RULE(LAPIC_LVT_PERFMON, R | W | X | X2, LVT_FULL, LVT_STATUS),
	RULE(LAPIC_LVT_LINT0, R | W | X | X2, LVT_LINT,
	     LVT_STATUS | LVT_REMOTE_IRR),
	RULE(LAPIC_LVT_LINT1, R | W | X | X2, LVT_LINT,
	     LVT_STATUS | LVT_REMOTE_IRR),
	RULE(LAPIC_LVT_ERROR, R | W | X | X2, LVT_VECTOR, LVT_STATUS),
	RULE(LAPIC_TIMER_INITIAL, R | W | X | X2, ~0U, 0),
	RULE(LAPIC_TIMER_CURRENT, R | X | X2, 0, 0),
	RULE(LAPIC_TIMER_DIVIDE, R | W | X | X2, 0xb, 0),
	RULE(LAPIC_SELF_IPI, W | X2, 0xff, 0),
};

/* The rule of @reg if the register exists in mode @in and @l has it. */
static const struct reg_rule *rule_of(const struct lapic *l, u32 reg, u32 in)
{
	const struct reg_rule *rule;

	if (reg >= LAPIC_REGS_SIZE || (reg & 15))
		return NULL;
	if (reg == LAPIC_LVT_CMCI && !l->config.cmci)
		return NULL;
	rule = &rules[reg >> 4];
	return rule->access & in ? rule : NULL;
}

static u32 mode_flag(const struct lapic *l)
{
	return lapic_mode(l) == LAPIC_X2APIC ? X2 : X;
}

bool lapic_reg_saved(const struct lapic *l, u32 reg)
{
	const struct reg_rule *rule = rule_of(l, reg, mode_flag(l));

	return rule && (rule->access & R);
}

u32 lapic_reg_writable(const struct lapic *l, u32 reg)
{
	u32 bits = rules[reg >> 4].writable;

	if (reg == LAPIC_SVR && !l->config.eoi_suppress)
		bits &= ~SVR_EOI_SUPPRESS;
	if (reg == LAPIC_LVT_TIMER && !l->config.tsc_deadline)
		bits &= ~BIT(18);
	return bits;
}

/* x2APIC mode: where the upper half lives depends on the hardware. */
static u32 icr_high(const struct lapic *l)
{
	return l->config.icr_split ? LAPIC_ICR2 : LAPIC_ICR + 4;
}

u64 lapic_icr64(const struct lapic *l)
{
	return lapic_get(l, LAPIC_ICR) | (u64)lapic_get(l, icr_high(l)) << 32;
}

void lapic_put_icr64(struct lapic *l, u64 icr)
{
	lapic_put(l, LAPIC_ICR, icr);
	lapic_put(l, icr_high(l), icr >> 32);
}

static void write_svr(struct lapic *l, u32 val, struct lapic_out *out)
{
	u32 old = lapic_get(l, LAPIC_SVR), reg;

	lapic_put(l, LAPIC_SVR, val);
	if ((old ^ val) & SVR_ENABLE)
		out->effects |= LAPIC_OUT_DEST;
	if (val & SVR_ENABLE)
		return;
	/* Unmasked although disabled: as firmware left it, or restored. */
	if (!(old & SVR_ENABLE) && !(lapic_get(l, LAPIC_LVT_LINT0) & LVT_MASK))
		out->effects |= LAPIC_OUT_LINT0;
	lapic_put(l, LAPIC_LVT_CMCI, lapic_get(l, LAPIC_LVT_CMCI) | LVT_MASK);
	for (reg = LAPIC_LVT_TIMER; reg <= LAPIC_LVT_ERROR; reg += 16)
		lapic_put(l, reg, lapic_get(l, reg) | LVT_MASK);
}

static void write_address(struct lapic *l, u32 reg, u32 val,
			  struct lapic_out *out)
{
	if (lapic_get(l, reg) == val)
		return;
	lapic_put(l, reg, val);
	out->effects |= LAPIC_OUT_DEST;
}

/* While the APIC is software-disabled no mask can be removed. */
static void write_lvt(struct lapic *l, u32 reg, u32 val)
{
	if (!(lapic_get(l, LAPIC_SVR) & SVR_ENABLE))
		val |= LVT_MASK;
	lapic_put(l, reg, val);
}

/* @val has only bits that can be written; ICR of x2APIC mode is not for here. */
static void store(struct lapic *l, u32 reg, u32 val, u64 now,
		  struct lapic_out *out)
{
	switch (reg) {
	case LAPIC_ID:
	case LAPIC_LDR:
		write_address(l, reg, val, out);
		break;
	case LAPIC_DFR:
		write_address(l, reg, val | 0x0fffffffU, out);
		break;
	case LAPIC_TPR:
		lapic_set_tpr(l, val, out);
		break;
	case LAPIC_EOI:
		lapic_eoi(l, out);
		break;
	case LAPIC_SVR:
		write_svr(l, val, out);
		break;
	case LAPIC_ESR:
		lapic_put(l, reg, l->esr_pending);
		l->esr_pending = 0;
		break;
	case LAPIC_ICR:
		lapic_put(l, reg, val);
		lapic_icr_written(l, val | (u64)lapic_get(l, LAPIC_ICR2) << 32,
				  out);
		break;
	case LAPIC_ICR2:
		lapic_put(l, reg, val);
		break;
	case LAPIC_LVT_TIMER:
		write_lvt(l, reg, val);
		timer_lvt_written(l, out);
		break;
	case LAPIC_LVT_LINT0:
		write_lvt(l, reg, val);
		out->effects |= LAPIC_OUT_LINT0;
		break;
	case LAPIC_TIMER_INITIAL:
		timer_set_initial(l, val, now, out);
		break;
	case LAPIC_TIMER_DIVIDE:
		timer_set_divide(l, val, now, out);
		break;
	case LAPIC_SELF_IPI:
		lapic_self_ipi(l, val, out);
		break;
	default: /* the other LVT entries: nothing else can be written */
		write_lvt(l, reg, val);
		break;
	}
}

void lapic_write(struct lapic *l, u32 reg, u64 val, u64 now,
		 struct lapic_out *out)
{
	const struct reg_rule *rule;

	if (likely(reg == LAPIC_EOI)) {
		lapic_eoi(l, out);
		return;
	}
	rule = rule_of(l, reg, X);
	if (!rule)
		lapic_raise_error(l, ESR_ILLEGAL_REGISTER, out);
	else if (rule->access & W)
		store(l, reg, (u32)val & lapic_reg_writable(l, reg), now, out);
}

static u32 load(struct lapic *l, u32 reg, u64 now)
{
	switch (reg) {
	case LAPIC_PPR:
		if (l->accelerated)
			lapic_refresh(l);
		return ppr_update(l);
	case LAPIC_TIMER_CURRENT:
		return timer_count(l, now);
	default:
		return lapic_get(l, reg);
	}
}

u64 lapic_read(struct lapic *l, u32 reg, u64 now)
{
	const struct reg_rule *rule = rule_of(l, reg, X);
	struct lapic_out out = { .effects = 0 };

	if (!rule) {
		/* Only EVENT can come of it, which lapic.h tells of. */
		lapic_raise_error(l, ESR_ILLEGAL_REGISTER, &out);
		return 0;
	}
	return rule->access & R ? load(l, reg, now) : 0;
}

static bool x2apic_legal(const struct lapic *l, const struct reg_rule *rule,
			 u32 reg, u64 val)
{
	u32 allowed;

	if (!(rule->access & W) || reg == LAPIC_ID || reg == LAPIC_LDR)
		return false;
	if (reg == LAPIC_ICR) /* one that is legal has been seen to */
		return false;
	/* EOI and ESR take only 0: nothing in them is writable. */
	allowed = lapic_reg_writable(l, reg) | rule->ignored;
	return !(val & ~(u64)allowed);
}

void lapic_wrmsr(struct lapic *l, u32 msr, u64 val, u64 now,
		 struct lapic_out *out)
{
	u32 reg = (msr - 0x800) << 4;
	const struct reg_rule *rule;

	if (unlikely(lapic_mode(l) != LAPIC_X2APIC))
		goto fault;
	/* The two that guests write all the time. */
	if (likely(reg == LAPIC_EOI && !val)) {
		lapic_eoi(l, out);
		return;
	}
	if (likely(reg == LAPIC_ICR && !(val & ICR_RESERVED))) {
		val &= ~(u64)LVT_STATUS;
		lapic_put_icr64(l, val);
		lapic_icr_written(l, val, out);
		return;
	}
	rule = rule_of(l, reg, X2);
	if (!rule || !x2apic_legal(l, rule, reg, val))
		goto fault;
	store(l, reg, (u32)val & lapic_reg_writable(l, reg), now, out);
	return;
fault:
	out->effects |= LAPIC_OUT_FAULT;
}

bool lapic_rdmsr(struct lapic *l, u32 msr, u64 now, u64 *val)
{
	u32 reg = (msr - 0x800) << 4;
	const struct reg_rule *rule = rule_of(l, reg, X2);

	if (lapic_mode(l) != LAPIC_X2APIC || !rule || !(rule->access & R))
		return false;
	*val = reg == LAPIC_ICR ? lapic_icr64(l) : load(l, reg, now);
	return true;
}

void lapic_write_done(struct lapic *l, u32 reg, u64 now, struct lapic_out *out)
{
	const struct reg_rule *rule = rule_of(l, reg, mode_flag(l));
	u64 icr;

	if (!rule || !(rule->access & W))
		return;
	if (reg == LAPIC_ICR && lapic_mode(l) == LAPIC_X2APIC) {
		icr = lapic_icr64(l) & ~(u64)LVT_STATUS;
		lapic_put_icr64(l, icr);
		lapic_icr_written(l, icr, out);
		return;
	}
	store(l, reg, lapic_get(l, reg) & lapic_reg_writable(l, reg), now, out);
	/* What was there before is gone, so no comparison tells of a change. */
	if (reg == LAPIC_ID || reg == LAPIC_LDR || reg == LAPIC_DFR ||
	    reg == LAPIC_SVR)
		out->effects |= LAPIC_OUT_DEST;
}
