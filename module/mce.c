// SPDX-License-Identifier: GPL-2.0-only
/*
 * Machine checks that user space reports to a guest (KVM_X86_SET_MCE).
 *
 * SDM 3B "Machine-Check Architecture"; APM 2 "Machine Check Architecture".
 */

#include <linux/nospec.h>
#include <linux/string.h>
#include <asm/mce.h>
#include <asm/processor-flags.h>
#include <asm/trapnr.h>

#include "state.h"
#include "vectors.h"
#include "vm.h"

#define CTL2_CMCI_EN BIT_ULL(30)

/* The MSRs of a bank, in the order of their numbers. */
enum { BANK_CTL, BANK_STATUS, BANK_ADDR, BANK_MISC, BANK_MSRS };

static void bank_log(u64 *bank, const struct kvm_x86_mce *mce)
{
	u64 over = bank[BANK_STATUS] & MCI_STATUS_VAL ? MCI_STATUS_OVER : 0;

	bank[BANK_STATUS] = mce->status | over;
	bank[BANK_ADDR] = mce->addr;
	bank[BANK_MISC] = mce->misc;
}

/* Uncorrected, but nobody has used what is wrong: no #MC (UCNA). */
static bool is_ucna(const struct kvm_x86_mce *mce)
{
	return !mce->mcg_status && (mce->status & MCI_STATUS_UC) &&
	       !(mce->status & (MCI_STATUS_PCC | MCI_STATUS_S | MCI_STATUS_AR));
}

static void raise_cmci(struct vcpu *vcpu)
{
	struct lapic_out out = { .effects = 0 };

	if (!vcpu->has_lapic)
		return;
	vectors_before(vcpu);
	lapic_local(&vcpu->lapic, LAPIC_LVT_CMCI, &out);
	vectors_after(vcpu);
	deliver_lapic(vcpu, &out);
}

static void ucna(struct vcpu *vcpu, u64 *bank, u64 ctl2, const struct kvm_x86_mce *mce)
{
	bank_log(bank, mce);
	if ((vcpu->mcg_cap & MSR_MCG_CMCI_P) && (ctl2 & CTL2_CMCI_EN))
		raise_cmci(vcpu);
}

static void uncorrected(struct vcpu *vcpu, u64 *bank, const struct kvm_x86_mce *mce)
{
	/* Reporting is all on, or the error is not reported. */
	if ((vcpu->mcg_cap & MCG_CTL_P) && vcpu->mcg_ctl != ~0ULL)
		return;
	if (bank[BANK_CTL] != ~0ULL)
		return;
	if ((vcpu->mcg_status & MCG_STATUS_MCIP) || !(vcpu->cr4 & X86_CR4_MCE)) {
		vcpu->event.shutdown = true;
		return;
	}
	bank_log(bank, mce);
	vcpu->mcg_status = mce->mcg_status;
	vcpu_queue_exception(vcpu, X86_TRAP_MC, false, 0);
}

static void corrected(u64 *bank, const struct kvm_x86_mce *mce)
{
	u64 both = MCI_STATUS_VAL | MCI_STATUS_UC;

	/* It doesn't overwrite what is worse. */
	if ((bank[BANK_STATUS] & both) == both)
		bank[BANK_STATUS] |= MCI_STATUS_OVER;
	else
		bank_log(bank, mce);
}

int state_set_mce(struct vcpu *vcpu, const struct kvm_x86_mce *mce)
{
	u32 n = vcpu->mcg_cap & 0xff, i = mce->bank;
	u64 *bank;

	if (i >= n || !(mce->status & MCI_STATUS_VAL) ||
	    memchr_inv(mce->pad1, 0, sizeof(mce->pad1)) ||
	    memchr_inv(mce->pad2, 0, sizeof(mce->pad2)))
		return -EINVAL;
	i = array_index_nospec(i, n);
	bank = &vcpu->mce_banks[BANK_MSRS * i];
	if (is_ucna(mce))
		ucna(vcpu, bank, vcpu->mce_banks[BANK_MSRS * n + i], mce);
	else if (mce->status & MCI_STATUS_UC)
		uncorrected(vcpu, bank, mce);
	else
		corrected(bank, mce);
	vcpu_request(vcpu, REQ_EVENT);
	return 0;
}
