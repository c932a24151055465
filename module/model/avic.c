// SPDX-License-Identifier: GPL-2.0-only
#include "avic.h"

#define MSR_FIRST 0x800
#define ICR_LOGICAL BIT(11)
#define ICR_STATUS BIT(12) /* read-only */
#define ICR_LEVEL BIT(15)
#define ICR_X2_RESERVED 0xfff32000U

static u32 get(const struct avic *a, u32 reg)
{
	return *(const volatile u32 *)(a->page + reg);
}

static void put(struct avic *a, u32 reg, u32 val)
{
	*(volatile u32 *)(a->page + reg) = val;
}

static u32 word_of(u32 base, u8 vector)
{
	return base + ((vector >> 5) << 4);
}

static int highest(const struct avic *a, u32 base)
{
	int i;

	for (i = 7; i >= 0; i--) {
		u32 bits = get(a, base + (i << 4));

		if (bits)
			return i * 32 + env_top32(bits);
	}
	return -1;
}

/* ------------------------------------------------------------- priorities */

/* V_TPR counts, and not what stands in the page. */
static void update_ppr(struct avic *a)
{
	int isr = highest(a, LAPIC_ISR);
	u32 tpr = a->v_tpr << 4 | (get(a, LAPIC_TPR) & 15);
	u32 class = isr < 0 ? 0 : isr & 0xf0;

	put(a, LAPIC_PPR, (tpr & 0xf0) >= class ? tpr : class);
}

int avic_pending(const struct avic *a)
{
	int irr = highest(a, LAPIC_IRR), isr = highest(a, LAPIC_ISR);
	int class = isr < 0 ? 0 : isr >> 4;

	if (a->v_tpr > class)
		class = a->v_tpr;
	return irr >> 4 > class ? irr : -1;
}

void avic_deliver(struct avic *a, u8 vector)
{
	env_and32(a->page + word_of(LAPIC_IRR, vector), ~(1U << (vector & 31)));
	env_or32(a->page + word_of(LAPIC_ISR, vector), 1U << (vector & 31));
	update_ppr(a);
}

static void write_tpr(struct avic *a, u32 tpr)
{
	put(a, LAPIC_TPR, tpr & 0xff);
	a->v_tpr = tpr >> 4 & 15;
	update_ppr(a);
}

void avic_write_cr8(struct avic *a, u8 cr8)
{
	write_tpr(a, (cr8 & 15) << 4);
}

/* ------------------------------------------------------------ exits' words */

static enum model_did noaccel(u32 reg, bool write, bool trap, u8 vector,
			      struct model_exit *ex)
{
	return model_exit_to(ex, SVM_EXIT_NOACCEL, trap,
			     (write ? AVIC_NOACCEL_WRITE : 0) |
				     (reg & AVIC_NOACCEL_OFFSET), vector);
}

static enum model_did incomplete(struct avic *a, enum avic_ipi_failure why,
				 u32 index, struct model_exit *ex)
{
	return model_exit_to(ex, SVM_EXIT_INCOMPLETE_IPI, true,
			     get(a, LAPIC_ICR) |
				     (u64)get(a, LAPIC_ICR2) << 32,
			     (u64)why << 32 | (index & AVIC_INDEX));
}

/* A level interrupt's EOI is for the host to see. */
static enum model_did write_eoi(struct avic *a, struct model_exit *ex)
{
	int vector = highest(a, LAPIC_ISR);

	if (vector < 0)
		return MODEL_DID;
	if (get(a, word_of(LAPIC_TMR, vector)) >> (vector & 31) & 1)
		return noaccel(LAPIC_EOI, true, true, vector, ex);
	env_and32(a->page + word_of(LAPIC_ISR, vector), ~(1U << (vector & 31)));
	update_ppr(a);
	return MODEL_DID;
}

/* -------------------------------------------------------------------- IPIs */

/**
 * struct targets - guest APIC IDs that an IPI goes to
 * @bits: by ID
 * @bad: the first index without a valid entry, or -1
 */
struct targets {
	u64 bits[(X2AVIC_MAX_ID + 1) / 64];
	int bad;
};

static bool id_valid(const struct avic_tables *t, u32 id)
{
	return id <= t->max_id && (t->physical[id] & AVIC_PHYSICAL_VALID);
}

static void add_id(const struct avic_tables *t, struct targets *to, u32 id,
		   u32 index)
{
	if (id_valid(t, id))
		to->bits[id / 64] |= 1ULL << (id & 63);
	else if (to->bad < 0)
		to->bad = index;
}

/* Entries that aren't valid are nobody's: no failure. */
static void add_all(const struct avic *a, struct targets *to, bool self)
{
	u32 id;

	for (id = 0; id <= a->tables->max_id; id++)
		if (id_valid(a->tables, id) && (self || id != a->id))
			add_id(a->tables, to, id, id);
}

static void add_logical_entry(const struct avic_tables *t, struct targets *to,
			      u32 index)
{
	u32 entry = index < AVIC_LOGICAL_ENTRIES ? t->logical[index] : 0;

	if (entry & AVIC_LOGICAL_VALID)
		add_id(t, to, entry & AVIC_LOGICAL_ID, index);
	else if (to->bad < 0)
		to->bad = index;
}

static void add_logical(const struct avic *a, struct targets *to, u32 dest)
{
	u32 bits, first, shift, bit;

	if (a->x2) {
		first = (dest >> 16) * 16;
		bits = dest & 0xffff;
	} else if (get(a, LAPIC_DFR) >> 28 == 15) {
		first = 0;
		bits = dest & 0xff;
	} else {
		first = (dest >> 4) * 4;
		bits = dest & 15;
	}
	for (shift = 0; shift < 16; shift++) {
		bit = first + shift;
		if (!(bits >> shift & 1))
			continue;
		if (a->x2)
			add_id(a->tables, to, bit, bit);
		else
			add_logical_entry(a->tables, to, bit);
	}
}

static void find_targets(const struct avic *a, u32 icr, u32 dest,
			 struct targets *to)
{
	memset(to, 0, sizeof(*to));
	to->bad = -1;
	switch (icr >> 18 & 3) {
	case IRQ_SELF:
		add_id(a->tables, to, a->id, a->id);
		break;
	case IRQ_ALL:
	case IRQ_OTHERS:
		add_all(a, to, (icr >> 18 & 3) == IRQ_ALL);
		break;
	default:
		if (dest == (a->x2 ? ~0U : 0xff))
			add_all(a, to, true);
		else if (icr & ICR_LOGICAL)
			add_logical(a, to, dest);
		else
			add_id(a->tables, to, dest, dest);
	}
}

static struct avic *page_owner(const struct avic_tables *t, u32 id)
{
	u64 page = (t->physical[id] & AVIC_PHYSICAL_PAGE) >> 12;

	return page && page <= DEST_MAX_APICS ? t->cpu[page - 1] : NULL;
}

/* Nothing is changed before every target has been found good. */
static enum model_did send_ipi(struct avic *a, struct model_exit *ex)
{
	u32 icr = get(a, LAPIC_ICR), dest = get(a, LAPIC_ICR2), id;
	int absent = -1;
	struct targets to;
	u8 vector = icr;

	if ((icr >> 8 & 7) != IRQ_FIXED || (icr & ICR_LEVEL))
		return incomplete(a, AVIC_IPI_TYPE, 0, ex);
	if (vector < 16)
		return incomplete(a, AVIC_IPI_VECTOR, 0, ex);
	find_targets(a, icr, a->x2 ? dest : dest >> 24, &to);
	if (to.bad >= 0)
		return incomplete(a, AVIC_IPI_TARGET, to.bad, ex);
	for (id = 0; id <= a->tables->max_id; id++)
		if ((to.bits[id / 64] >> (id & 63) & 1) &&
		    !page_owner(a->tables, id))
			return incomplete(a, AVIC_IPI_PAGE, id, ex);
	for (id = 0; id <= a->tables->max_id; id++) {
		struct avic *target;

		if (!(to.bits[id / 64] >> (id & 63) & 1))
			continue;
		target = page_owner(a->tables, id);
		env_and32(target->page + word_of(LAPIC_TMR, vector),
			  ~(1U << (vector & 31)));
		env_or32(target->page + word_of(LAPIC_IRR, vector),
			 1U << (vector & 31));
		if (a->tables->physical[id] & AVIC_PHYSICAL_RUNNING)
			target->doorbell |= target != a;
		else if (absent < 0)
			absent = id;
	}
	return absent < 0 ? MODEL_DID :
			    incomplete(a, AVIC_IPI_NOT_RUNNING, absent, ex);
}

/* ---------------------------------------------------------------- accesses */

enum access {
	FAULT, /* the host does it all */
	TRAP, /* stored, then the host is told */
	STORE, /* only stored */
	ACCELERATED,
};

/* "Guest vAPIC Register Access Behavior" */
static enum access write_rule(u32 reg)
{
	switch (reg) {
	case LAPIC_TPR:
	case LAPIC_EOI:
	case LAPIC_ICR:
		return ACCELERATED;
	case LAPIC_ICR2:
		return STORE;
	case LAPIC_ID:
	case LAPIC_RRD:
	case LAPIC_LDR:
	case LAPIC_DFR:
	case LAPIC_SVR:
	case LAPIC_ESR:
	case LAPIC_TIMER_INITIAL:
	case LAPIC_TIMER_DIVIDE:
		return TRAP;
	default:
		return reg >= LAPIC_LVT_TIMER && reg <= LAPIC_LVT_ERROR ? TRAP :
									  FAULT;
	}
}

static bool read_allowed(u32 reg)
{
	switch (reg) {
	case LAPIC_ID:
	case LAPIC_VERSION:
	case LAPIC_TPR:
	case LAPIC_APR:
	case LAPIC_PPR:
	case LAPIC_EOI:
	case LAPIC_RRD:
	case LAPIC_LDR:
	case LAPIC_DFR:
	case LAPIC_SVR:
	case LAPIC_ESR:
	case LAPIC_ICR:
	case LAPIC_ICR2:
	case LAPIC_TIMER_INITIAL:
	case LAPIC_TIMER_DIVIDE:
		return true;
	default:
		return (reg >= LAPIC_ISR && reg < LAPIC_ESR) ||
		       (reg >= LAPIC_LVT_TIMER && reg <= LAPIC_LVT_ERROR);
	}
}

enum model_did avic_read(struct avic *a, u32 offset, u32 size, u64 *val,
			 struct model_exit *ex)
{
	u32 reg = offset & 0xff0;

	if (!read_allowed(reg) || (offset & 15) || size != 4)
		return noaccel(reg, false, false, 0, ex);
	*val = get(a, reg);
	return MODEL_DID;
}

/* The value is in the page by now, but for TPR's. */
static enum model_did accelerate(struct avic *a, u32 reg, u32 val,
				 struct model_exit *ex)
{
	switch (reg) {
	case LAPIC_TPR:
		write_tpr(a, val);
		return MODEL_DID;
	case LAPIC_EOI:
		return write_eoi(a, ex);
	default:
		return send_ipi(a, ex);
	}
}

static enum model_did write_reg(struct avic *a, u32 reg, u32 val,
				struct model_exit *ex)
{
	enum access rule = write_rule(reg);

	if (rule == FAULT)
		return noaccel(reg, true, false, 0, ex);
	put(a, reg, reg == LAPIC_ICR ? val & ~ICR_STATUS : val);
	if (rule == TRAP)
		return noaccel(reg, true, true, 0, ex);
	return rule == STORE ? MODEL_DID : accelerate(a, reg, val, ex);
}

enum model_did avic_write(struct avic *a, u32 offset, u32 size, u64 val,
			  struct model_exit *ex)
{
	if ((offset & 15) || size != 4)
		return noaccel(offset & 0xff0, true, false, 0, ex);
	return write_reg(a, offset & 0xff0, val, ex);
}

/* What x2APIC mode has; the rest is left to the interception of MSRs. */
static bool x2_readable(u32 reg)
{
	switch (reg) {
	case LAPIC_APR:
	case LAPIC_RRD:
	case LAPIC_DFR:
	case LAPIC_ICR2:
	case LAPIC_EOI:
		return false;
	default:
		return read_allowed(reg);
	}
}

enum model_did avic_rdmsr(struct avic *a, u32 msr, u64 *val)
{
	u32 reg = (msr - MSR_FIRST) << 4;

	if (!a->x2 || !x2_readable(reg))
		return MODEL_NOT_OURS;
	*val = get(a, reg);
	if (reg == LAPIC_ICR)
		*val |= (u64)get(a, LAPIC_ICR2) << 32;
	return MODEL_DID;
}

enum model_did avic_wrmsr(struct avic *a, u32 msr, u64 val,
			  struct model_exit *ex)
{
	u32 reg = (msr - MSR_FIRST) << 4;

	if (!a->x2)
		return MODEL_NOT_OURS;
	switch (reg) {
	case LAPIC_TPR:
		if (val >> 8)
			return MODEL_FAULTS;
		break;
	case LAPIC_EOI:
		if (val)
			return MODEL_FAULTS;
		break;
	case LAPIC_ICR:
		if (val & ICR_X2_RESERVED)
			return MODEL_FAULTS;
		put(a, LAPIC_ICR2, val >> 32);
		break;
	case LAPIC_SELF_IPI:
		if (val >> 8)
			return MODEL_FAULTS;
		/* An ICR write to itself in another form. */
		put(a, LAPIC_ICR2, 0);
		put(a, LAPIC_ICR, IRQ_SELF << 18 | (u32)val);
		return send_ipi(a, ex);
	default:
		/* The host checks what is reserved in the others. */
		return MODEL_NOT_OURS;
	}
	return write_reg(a, reg, val, ex);
}
