// SPDX-License-Identifier: GPL-2.0-only
#include <asm/msr-index.h>
#include <asm/processor-flags.h>

#include "../switch.h"
#include "control.h"
#include "cpuid.h"

bool control_cr0(const struct vcpu *vcpu, u64 old, u64 *val, bool cs_l, u64 *efer)
{
	u64 new = *val;

	*efer = vcpu->efer;
	if (new >> 32)
		return false;
	new &= X86_CR0_PE | X86_CR0_MP | X86_CR0_EM | X86_CR0_TS | X86_CR0_NE |
	       X86_CR0_WP | X86_CR0_AM | X86_CR0_NW | X86_CR0_CD | X86_CR0_PG;
	new |= X86_CR0_ET;
	if ((new & X86_CR0_PG) && !(new & X86_CR0_PE))
		return false;
	if ((new & X86_CR0_NW) && !(new & X86_CR0_CD))
		return false;
	if ((new & X86_CR0_PG) && !(old & X86_CR0_PG) && (*efer & EFER_LME)) {
		if (!(vcpu->cr4 & X86_CR4_PAE) || cs_l)
			return false;
		*efer |= EFER_LMA;
	} else if (!(new & X86_CR0_PG) && (old & X86_CR0_PG)) {
		if (vcpu->cr4 & X86_CR4_PCIDE)
			return false;
		if ((*efer & EFER_LMA) && cs_l)
			return false;
		*efer &= ~(u64)EFER_LMA;
	}
	*val = new;
	return true;
}

bool control_cr4(const struct vcpu *vcpu, u64 cr3, u64 val)
{
	u64 changed = val ^ vcpu->cr4;

	if (val & ~cpuid_cr4_allowed(vcpu))
		return false;
	if (vcpu->efer & EFER_LMA) {
		if (!(val & X86_CR4_PAE) || (changed & X86_CR4_LA57))
			return false;
	} else if (val & X86_CR4_PCIDE) {
		return false;
	}
	return !((val & changed & X86_CR4_PCIDE) && (cr3 & 0xfff));
}

bool control_cr8(struct vcpu *vcpu, u64 val)
{
	struct lapic_out out = { .effects = 0 };

	if (val > 0xf)
		return false;
	if (vcpu->has_lapic)
		lapic_set_cr8(&vcpu->lapic, val, &out);
	else
		vcpu->cr8 = val;
	return true;
}

u64 control_get_cr8(const struct vcpu *vcpu)
{
	return vcpu->has_lapic ? lapic_get_cr8(&vcpu->lapic) : vcpu->cr8;
}

#define DR7_GD BIT(13)
#define DR6_BD BIT(13)

static bool write_dr(struct vcpu *vcpu, unsigned int n, u64 val, u64 *dr6,
		     u64 *dr7, bool loaded)
{
	if (n < 4) {
		vcpu->dr[n] = val;
		if (loaded)
			switch_reload_dr(n, val);
		return true;
	}
	if (val >> 32)
		return false;
	if (n == 6)
		*dr6 = (val & 0xe00f) | 0xffff0ff0;
	else
		*dr7 = (val & 0xffff2bff) | 0x400;
	return true;
}

enum control_result control_mov_dr(struct vcpu *vcpu, unsigned int n, bool write,
				   u64 *val, u8 cpl, u64 *dr6, u64 *dr7,
				   bool loaded)
{
	if (n > 7 || ((n == 4 || n == 5) && (vcpu->cr4 & X86_CR4_DE)))
		return CONTROL_UD;
	if (cpl)
		return CONTROL_GP;
	if ((vcpu->debug.control & KVM_GUESTDBG_USE_HW_BP) &&
	    (vcpu->debug.dr7 & DR7_GD))
		return CONTROL_DEBUGGER;
	if (*dr7 & DR7_GD) {
		*dr7 &= ~(u64)DR7_GD;
		*dr6 |= DR6_BD;
		return CONTROL_DB;
	}
	if (n == 4 || n == 5)
		n += 2;
	if (write)
		return write_dr(vcpu, n, *val, dr6, dr7, loaded) ? CONTROL_DONE :
								   CONTROL_GP;
	*val = n < 4 ? vcpu->dr[n] : n == 6 ? *dr6 : *dr7;
	return CONTROL_DONE;
}
