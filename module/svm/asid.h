/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which ASID a vCPU runs with, and what VMRUN has to flush: APM 2 "TLB Control".
 * The emulators keep no translations across VMRUN, so this arithmetic stands by
 * itself, for a test that does (tests/unit/asid.c); one notices what is missing
 * (tests/machines/bochs-patches/20-tlb-check.patch).
 */
#ifndef VINTC_SVM_ASID_H
#define VINTC_SVM_ASID_H

#include "../apic/env.h"

/* TLB_CONTROL, as VMRUN reads it */
#define VMCB_TLB_NOTHING 0
#define VMCB_TLB_FLUSH_ALL 1
#define VMCB_TLB_FLUSH_ASID 3

/**
 * struct asid_cpu - the ASIDs of one CPU
 * @count: ASIDs that the CPU has, the host's 0 among them; at least 2
 * @next: the one to give out next; @count when there is none left
 * @generation: they are given out in turn, and a new generation begins, with
 *        a flush of all, when they have run out. Never 0 once ASIDs are given.
 */
struct asid_cpu {
	u32 count;
	u32 next;
	u64 generation;
};

/**
 * struct asid_vcpu - a vCPU's on the CPU where it runs
 * @generation: the one that @asid belongs to; 0: of none
 * @flush: its translations of before are not to be used any more
 */
struct asid_vcpu {
	u64 generation;
	u32 asid;
	bool flush;
};

/* The CPU's TLB is unknown: nothing given out before may be used. */
static inline void asid_cpu_reset(struct asid_cpu *cpu, u32 count)
{
	cpu->count = count;
	cpu->next = count;
	cpu->generation++;
}

static inline bool asid_current(const struct asid_cpu *cpu,
				const struct asid_vcpu *v)
{
	return v->generation == cpu->generation && !v->flush;
}

/**
 * asid_assign() - an ASID and a flush for the coming entry
 * @by_asid: the CPU can flush a single ASID
 *
 * Only needed when asid_current() isn't true. A vCPU that gets a new ASID has
 * nothing of its own to flush, but its ASID may be the first of a generation.
 *
 * Return: TLB_CONTROL for this entry.
 */
static inline u8 asid_assign(struct asid_cpu *cpu, struct asid_vcpu *v,
			     bool by_asid)
{
	u8 control = VMCB_TLB_NOTHING;

	if (v->generation == cpu->generation && by_asid) {
		v->flush = false;
		return VMCB_TLB_FLUSH_ASID;
	}
	v->flush = false;
	if (cpu->next >= cpu->count) {
		cpu->generation++;
		cpu->next = 1;
		control = VMCB_TLB_FLUSH_ALL;
	}
	v->asid = cpu->next++;
	v->generation = cpu->generation;
	return control;
}

/**
 * asid_not_entered() - VMRUN has refused the VMCB
 * @control: TLB_CONTROL of that entry
 *
 * Whether it has flushed before it refused isn't said: so it hasn't.
 */
static inline void asid_not_entered(struct asid_cpu *cpu, struct asid_vcpu *v,
				    u8 control)
{
	if (control == VMCB_TLB_FLUSH_ALL)
		asid_cpu_reset(cpu, cpu->count);
	else if (control == VMCB_TLB_FLUSH_ASID)
		v->flush = true;
}

#endif /* VINTC_SVM_ASID_H */
