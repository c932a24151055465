/* SPDX-License-Identifier: GPL-2.0-only */
/* Writes of control and debug registers by the guest: what is legal. */
#ifndef VINTC_X86_CONTROL_H
#define VINTC_X86_CONTROL_H

#include "../vcpu.h"

/**
 * control_cr0() - MOV to CR0, LMSW, CLTS
 * @vcpu: its cr4 and efer are looked at
 * @old: CR0 as the guest sees it
 * @val: what it writes; reserved bits are cleared, ET is set
 * @cs_l: CS.L
 * @efer: EFER afterwards, LMA by paging
 *
 * SDM 3A "Initializing IA-32e Mode", "Leaving IA-32e Mode".
 * Return: false for #GP; nothing is changed then.
 */
bool control_cr0(const struct vcpu *vcpu, u64 old, u64 *val, bool cs_l, u64 *efer);
/* The CR0 that LMSW makes of @old: the low four bits; PE can't be cleared. */
static inline u64 control_lmsw(u64 old, u16 val)
{
	return (old & ~0xeULL) | (val & 0xf);
}

/* MOV to CR4. Return: false for #GP. */
bool control_cr4(const struct vcpu *vcpu, u64 cr3, u64 val);
/* MOV to CR8 at CPL 0. Return: false for #GP. */
bool control_cr8(struct vcpu *vcpu, u64 val);
u64 control_get_cr8(const struct vcpu *vcpu);

enum control_result {
	CONTROL_DONE,
	CONTROL_GP,
	CONTROL_UD,
	CONTROL_DB, /* general detect; DR6 and DR7 are as they must be */
	CONTROL_DEBUGGER, /* the same, asked for by user space: KVM_EXIT_DEBUG */
};

/**
 * control_mov_dr() - MOV to or from a debug register
 * @vcpu: owner
 * @n: as encoded
 * @write: to DR@n from @val, else from it to @val
 * @cpl: current privilege level
 * @dr6, @dr7: where the guest's are
 * @loaded: the guest's DR0 to DR3 are in the CPU
 *
 * SDM 3B "Debug Registers".
 */
enum control_result control_mov_dr(struct vcpu *vcpu, unsigned int n, bool write,
				   u64 *val, u8 cpl, u64 *dr6, u64 *dr7,
				   bool loaded);

#endif
