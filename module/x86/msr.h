/* SPDX-License-Identifier: GPL-2.0-only */
/* The MSR table, and what state.c checks by it. */
#ifndef VINTC_X86_MSR_H
#define VINTC_X86_MSR_H

#include <linux/bits.h>
#include <linux/types.h>

struct vcpu;

enum {
	M_LIST = BIT(0), /* in KVM_GET_MSR_INDEX_LIST */
	M_FEATURE = BIT(1), /* in KVM_GET_MSR_FEATURE_INDEX_LIST */
	M_HOST = BIT(2), /* user space only */
	M_RO = BIT(3), /* a guest's write is #GP */
	M_WO = BIT(4), /* a guest's read is #GP */
	M_PV = BIT(6), /* @feature is KVM_FEATURE_... */
	M_QUIET = BIT(5), /* a guest's write has no effect */
};

/**
 * struct msr_desc - one register, or a range of alike ones
 * @first, @last: indices
 * @flags: M_...
 * @feature: X86_FEATURE_... that a guest must have, or 0
 * @at: offset in struct vcpu, or what @get and @set make of it
 * @valid: bits that may be set
 * @get, @set: NULL for a field of struct vcpu, or a constant 0 without @at
 */
struct msr_desc {
	u32 first, last;
	u16 flags;
	u16 feature;
	u32 at;
	u64 valid;
	int (*get)(struct vcpu *vcpu, const struct msr_desc *d, u32 msr,
		   u64 *val, bool host);
	int (*set)(struct vcpu *vcpu, const struct msr_desc *d, u32 msr,
		   u64 val, bool host);
};

extern const struct msr_desc msr_table[]; /* in ascending order */
extern const unsigned int msr_table_n;

/* The guest's TSC is the host's and @offset from now on. Owner. */
void msr_set_tsc_offset(struct vcpu *vcpu, u64 offset);
/* IA32_TSC_DEADLINE, the one register of the table that is written all the time. */
int msr_deadline_write(struct vcpu *vcpu, u64 val, bool host);

/* Bits of IA32_APIC_BASE that this vCPU may have. */
bool msr_apic_base_valid(const struct vcpu *vcpu, u64 val);

#endif
