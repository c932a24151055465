// SPDX-License-Identifier: GPL-2.0-only
/*
 * Saving and restoring a local APIC in the layout of KVM's
 * struct kvm_lapic_state: the first 1 KiB of the register page, ICR always as
 * two registers, the ID in one of two forms.
 */
#include "lapic_priv.h"

static void put32(void *regs, u32 reg, u32 val)
{
	memcpy((u8 *)regs + reg, &val, sizeof(val));
}

static u32 get32(const void *regs, u32 reg)
{
	u32 val;

	memcpy(&val, (const u8 *)regs + reg, sizeof(val));
	return val;
}

void lapic_save(struct lapic *l, void *regs, bool x2apic_ids, u64 now)
{
	bool x2apic = lapic_mode(l) == LAPIC_X2APIC;
	u32 reg;

	lapic_refresh(l);
	ppr_update(l);
	lapic_put_version(l);
	memset(regs, 0, LAPIC_REGS_SIZE);
	for (reg = 0; reg < LAPIC_REGS_SIZE; reg += 16)
		if (lapic_reg_saved(l, reg))
			put32(regs, reg, lapic_get(l, reg));
	put32(regs, LAPIC_TIMER_CURRENT, timer_count(l, now));
	if (x2apic) {
		put32(regs, LAPIC_ICR2, lapic_icr64(l) >> 32);
		put32(regs, LAPIC_ID, x2apic_ids ? l->id : l->id << 24);
	}
}

/*
 * What can't be written by a guest can't be restored either, except that
 * masks needn't agree with SVR: user space sets LINT0 to ExtINT before any
 * guest code has enabled the APIC. Bits of IRR and ISR below 16 are kept; they
 * never become deliverable.
 */
static u32 restored(const struct lapic *l, u32 reg, u32 val)
{
	if (reg >= LAPIC_ISR && reg < LAPIC_ESR)
		return val;
	switch (reg) {
	case LAPIC_ESR:
		return val & 0xff;
	case LAPIC_DFR:
		return val | 0x0fffffffU;
	default:
		return val & lapic_reg_writable(l, reg);
	}
}

bool lapic_restore(struct lapic *l, const void *regs, bool x2apic_ids, u64 now,
		   struct lapic_out *out)
{
	bool x2apic = lapic_mode(l) == LAPIC_X2APIC;
	u32 reg;

	if (x2apic && x2apic_ids && get32(regs, LAPIC_ID) != l->id)
		return false;
	for (reg = 0; reg < LAPIC_REGS_SIZE; reg += 16)
		if (lapic_reg_saved(l, reg))
			lapic_put(l, reg, restored(l, reg, get32(regs, reg)));
	lapic_put_version(l);
	if (x2apic) {
		/* ID and LDR are the processor's own, whatever @regs says. */
		lapic_enter_mode(l);
		lapic_put_icr64(l, lapic_get(l, LAPIC_ICR) |
				(u64)get32(regs, LAPIC_ICR2) << 32);
	}
	l->esr_pending = 0;
	l->stale_vector = -1;
	l->touched = true;
	lapic_refresh(l);
	ppr_update(l);
	timer_restore(l, get32(regs, LAPIC_TIMER_CURRENT), now, out);
	out->effects |= LAPIC_OUT_DEST | LAPIC_OUT_EVENT | LAPIC_OUT_RESCAN;
	return true;
}
