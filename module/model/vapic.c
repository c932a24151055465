// SPDX-License-Identifier: GPL-2.0-only
#include "../apic/lapic.h"
#include "vapic.h"

#define MSR_FIRST 0x800

static u32 get(const struct vapic *v, u32 reg)
{
	return *(const volatile u32 *)(v->page + reg);
}

static void put(struct vapic *v, u32 reg, u32 val)
{
	*(volatile u32 *)(v->page + reg) = val;
}

static u32 word_of(u32 base, u8 vector)
{
	return base + ((vector >> 5) << 4);
}

static void set_bit_of(struct vapic *v, u32 base, u8 vector)
{
	env_or32(v->page + word_of(base, vector), 1U << (vector & 31));
}

static void clear_bit_of(struct vapic *v, u32 base, u8 vector)
{
	env_and32(v->page + word_of(base, vector), ~(1U << (vector & 31)));
}

/* Highest vector set, or 0: RVI and SVI don't tell vector 0 from none. */
static u8 highest(const struct vapic *v, u32 base)
{
	int i;

	for (i = 7; i >= 0; i--) {
		u32 bits = get(v, base + (i << 4));

		if (bits)
			return i * 32 + env_top32(bits);
	}
	return 0;
}

/* ------------------------------------------------------ virtualizations */

/* "PPR Virtualization" */
static void virtualize_ppr(struct vapic *v)
{
	u32 tpr = get(v, LAPIC_TPR);

	put(v, LAPIC_PPR, (tpr >> 4 & 15) >= (v->svi >> 4) ? tpr & 0xff :
							    v->svi & 0xf0);
}

/* "Evaluation of Pending Virtual Interrupts" */
static void evaluate(struct vapic *v)
{
	v->recognized = !v->window &&
			(v->rvi >> 4) > (get(v, LAPIC_PPR) >> 4 & 15);
}

static enum model_did below_threshold(struct vapic *v, struct model_exit *ex)
{
	if ((get(v, LAPIC_TPR) >> 4 & 15) < v->threshold)
		return model_exit_to(ex, VMX_EXIT_TPR, true, 0, 0);
	return MODEL_DID;
}

/* "TPR Virtualization" */
static enum model_did virtualize_tpr(struct vapic *v, struct model_exit *ex)
{
	if (!(v->controls & VAPIC_DELIVERY))
		return below_threshold(v, ex);
	virtualize_ppr(v);
	evaluate(v);
	return MODEL_DID;
}

/* "EOI Virtualization" */
static enum model_did virtualize_eoi(struct vapic *v, struct model_exit *ex)
{
	u8 vector = v->svi;

	clear_bit_of(v, LAPIC_ISR, vector);
	v->svi = highest(v, LAPIC_ISR);
	virtualize_ppr(v);
	if (v->eoi_exit[vector >> 6] >> (vector & 63) & 1)
		return model_exit_to(ex, VMX_EXIT_EOI, true, vector, 0);
	evaluate(v);
	return MODEL_DID;
}

/* "Self-IPI Virtualization" */
static enum model_did virtualize_self_ipi(struct vapic *v, u8 vector)
{
	set_bit_of(v, LAPIC_IRR, vector);
	if (vector > v->rvi)
		v->rvi = vector;
	evaluate(v);
	return MODEL_DID;
}

enum model_did vapic_entry(struct vapic *v, struct model_exit *ex)
{
	if (!(v->controls & VAPIC_DELIVERY)) {
		v->recognized = false;
		return v->controls & VAPIC_TPR_SHADOW ? below_threshold(v, ex) :
							MODEL_DID;
	}
	virtualize_ppr(v);
	evaluate(v);
	return MODEL_DID;
}

u8 vapic_deliver(struct vapic *v)
{
	u8 vector = v->rvi;

	set_bit_of(v, LAPIC_ISR, vector);
	v->svi = vector;
	put(v, LAPIC_PPR, vector & 0xf0);
	clear_bit_of(v, LAPIC_IRR, vector);
	v->rvi = highest(v, LAPIC_IRR);
	v->recognized = false;
	return vector;
}

void vapic_notified(struct vapic *v, struct mailbox *pi)
{
	u32 i;

	env_fetch_and(&pi->control, ~MAILBOX_ON);
	for (i = 0; i < 4; i++) {
		u64 bits = env_xchg(&pi->pir[i], 0);

		env_or32(v->page + LAPIC_IRR + (2 * i << 4), bits);
		env_or32(v->page + LAPIC_IRR + ((2 * i + 1) << 4), bits >> 32);
	}
	v->rvi = highest(v, LAPIC_IRR);
	evaluate(v);
}

/* --------------------------------------------------- memory-mapped access */

/* 32 bits at most, in the low 4 bytes of 16. */
static bool shape_virtualized(u32 offset, u32 size)
{
	return size <= 4 && (offset & 15) + size <= 4;
}

static bool listed(u32 reg)
{
	switch (reg) {
	case LAPIC_ID:
	case LAPIC_TPR:
	case LAPIC_EOI:
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
		return reg >= LAPIC_LVT_TIMER && reg <= LAPIC_LVT_ERROR;
	}
}

/* "Virtualizing Reads from the APIC-Access Page" */
static bool read_virtualized(const struct vapic *v, u32 reg)
{
	if (!(v->controls & VAPIC_REGISTERS))
		return reg == LAPIC_TPR;
	return listed(reg) || reg == LAPIC_VERSION ||
	       (reg >= LAPIC_ISR && reg < LAPIC_ESR);
}

/* "Virtualizing Writes to the APIC-Access Page" */
static bool write_virtualized(const struct vapic *v, u32 reg)
{
	if (v->controls & VAPIC_REGISTERS)
		return listed(reg);
	if (v->controls & VAPIC_DELIVERY)
		return reg == LAPIC_TPR || reg == LAPIC_EOI || reg == LAPIC_ICR;
	return reg == LAPIC_TPR;
}

enum model_did vapic_read(struct vapic *v, u32 offset, u32 size, u64 *val,
			  struct model_exit *ex)
{
	u32 reg = offset & 0xff0, data;

	if (!(v->controls & VAPIC_TPR_SHADOW) ||
	    !shape_virtualized(offset, size) || !read_virtualized(v, reg))
		return model_exit_to(ex, VMX_EXIT_APIC_ACCESS, false, offset, 0);
	data = get(v, reg) >> (offset & 3) * 8;
	*val = size < 4 ? data & ((1U << size * 8) - 1) : data;
	return MODEL_DID;
}

static enum model_did apic_write_exit(u32 reg, struct model_exit *ex)
{
	return model_exit_to(ex, VMX_EXIT_APIC_WRITE, true, reg, 0);
}

/* Fixed, edge, to itself, with a legal vector, nothing reserved. */
static bool icr_is_self_ipi(u32 icr)
{
	return !(icr & 0xfff33000U) && (icr & 0xc0000) == 0x40000 &&
	       !(icr & 0x8700) && (icr & 0xf0);
}

/* "APIC-Write Emulation" */
static enum model_did emulate_write(struct vapic *v, u32 reg,
				    struct model_exit *ex)
{
	bool delivery = v->controls & VAPIC_DELIVERY;
	u32 icr;

	switch (reg) {
	case LAPIC_TPR:
		put(v, reg, get(v, reg) & 0xff);
		return virtualize_tpr(v, ex);
	case LAPIC_EOI:
		if (!delivery)
			break;
		put(v, reg, 0);
		return virtualize_eoi(v, ex);
	case LAPIC_ICR:
		icr = get(v, reg);
		if (delivery && icr_is_self_ipi(icr))
			return virtualize_self_ipi(v, icr & 0xff);
		break;
	case LAPIC_ICR2:
		put(v, reg, get(v, reg) & 0xff000000);
		return MODEL_DID;
	}
	return apic_write_exit(reg, ex);
}

enum model_did vapic_write(struct vapic *v, u32 offset, u32 size, u64 val,
			   struct model_exit *ex)
{
	u32 reg = offset & 0xff0, data = val;

	if (!(v->controls & VAPIC_TPR_SHADOW) ||
	    !shape_virtualized(offset, size) || !write_virtualized(v, reg))
		return model_exit_to(ex, VMX_EXIT_APIC_ACCESS, false,
				     offset | 1 << 12, 0);
	memcpy(v->page + offset, &data, size);
	return emulate_write(v, reg, ex);
}

/* -------------------------------------------------------------- registers */

/* "Virtualizing RDMSR of x2APIC Registers": no check is made. */
enum model_did vapic_rdmsr(struct vapic *v, u32 msr, u64 *val)
{
	u32 reg = (msr - MSR_FIRST) << 4;

	if (!(v->controls & VAPIC_X2APIC) ||
	    (!(v->controls & VAPIC_REGISTERS) && reg != LAPIC_TPR))
		return MODEL_NOT_OURS;
	memcpy(val, v->page + reg, 8);
	return MODEL_DID;
}

/* "Virtualizing WRMSR to x2APIC Registers" */
enum model_did vapic_wrmsr(struct vapic *v, u32 msr, u64 val,
			   struct model_exit *ex)
{
	u32 reg = (msr - MSR_FIRST) << 4;

	if (!(v->controls & VAPIC_X2APIC))
		return MODEL_NOT_OURS;
	switch (reg) {
	case LAPIC_TPR:
		if (val >> 8)
			return MODEL_FAULTS;
		memcpy(v->page + reg, &val, 8);
		return virtualize_tpr(v, ex);
	case LAPIC_EOI:
		if (!(v->controls & VAPIC_DELIVERY))
			break;
		if (val)
			return MODEL_FAULTS;
		return virtualize_eoi(v, ex);
	case LAPIC_SELF_IPI:
		if (!(v->controls & VAPIC_DELIVERY))
			break;
		if (val >> 8)
			return MODEL_FAULTS;
		memcpy(v->page + reg, &val, 8);
		if (!(val & 0xf0))
			return apic_write_exit(reg, ex);
		return virtualize_self_ipi(v, val);
	}
	return MODEL_NOT_OURS;
}

enum model_did vapic_write_cr8(struct vapic *v, u8 cr8, struct model_exit *ex)
{
	put(v, LAPIC_TPR, (cr8 & 15) << 4);
	return virtualize_tpr(v, ex);
}

u8 vapic_read_cr8(const struct vapic *v)
{
	return get(v, LAPIC_TPR) >> 4 & 15;
}
