/* SPDX-License-Identifier: GPL-2.0-only */
/* Scripts from bytes, for the fuzz target and for random tests. */
#ifndef VINTC_TESTS_MODEL_SCRIPT_H
#define VINTC_TESTS_MODEL_SCRIPT_H

#include "model_vm.h"

/**
 * struct mscript_op - one operation, whatever its bytes are
 * @what: reduced to one that there is
 * @cpu: which CPU's
 * @reg: which register
 * @val: the value
 */
struct mscript_op {
	u8 what, cpu, reg, pad;
	u32 val;
};

enum mscript_what {
	MSCRIPT_APIC_WRITE,
	MSCRIPT_APIC_READ,
	MSCRIPT_IPI,
	MSCRIPT_RTE,
	MSCRIPT_LINE,
	MSCRIPT_MSI,
	MSCRIPT_EOI,
	MSCRIPT_IRET,
	MSCRIPT_CLI,
	MSCRIPT_STI,
	MSCRIPT_NOP,
	MSCRIPT_HLT,
	MSCRIPT_WRCR8,
	MSCRIPT_RDCR8,
	MSCRIPT_NMI,
	MSCRIPT_ADVANCE,
	MSCRIPT_X2APIC,
	MSCRIPT_SAME, /* up to here a guest can't tell flavours apart */
	MSCRIPT_BASE = MSCRIPT_SAME,
	MSCRIPT_ANY_MSR,
	MSCRIPT_ANY_MEMORY,
	MSCRIPT_NESTED,
	MSCRIPT_WHATS
};

/* Accesses to the APIC in the mode it is in. */
static inline u64 mscript_apic(struct mvm *vm, u32 cpu, bool write, u32 reg,
			       u64 val)
{
	bool x2 = lapic_mode(&vm->cpu[cpu].lapic) == LAPIC_X2APIC;
	u64 at = x2 ? 0x800 + (reg >> 4) : 0xfee00000 + reg;
	u32 kind = x2 ? (write ? MODEL_WRMSR : MODEL_RDMSR) :
			(write ? MODEL_WRITE : MODEL_READ);

	return write ? mvm_op(vm, cpu, kind, at, val) :
		       mvm_read(vm, cpu, kind, at);
}

/*
 * Vectors from 16 on, so that what a flavour makes of an illegal one is out. Odd
 * ones are for level-triggered pins: of a vector that has both kinds of sources
 * hardware with an EOI-exit bitmap broadcasts each EOI, and others look at TMR,
 * where the last message counts. No guest may build on either.
 */
static inline u8 mscript_vector(u32 val, bool level)
{
	u8 vector = (val & 0xff) < 16 ? 0x30 : val & 0xff;

	return (vector & ~1U) | level;
}

/* What hardware stores without looking is only written as it may be read. */
static inline u64 mscript_write(struct mvm *vm, u32 cpu, u8 which, u32 val)
{
	static const struct {
		u16 reg;
		u32 bits;
	} regs[] = {
		{ LAPIC_TPR, 0xff }, { LAPIC_TPR, 0xf0 }, { LAPIC_ESR, 0 },
		{ LAPIC_LVT_TIMER, 0x300ff }, { LAPIC_TIMER_INITIAL, 0xffff },
		{ LAPIC_TIMER_DIVIDE, 0xb }, { LAPIC_LVT_LINT0, 0x1a7ff },
		{ LAPIC_LVT_ERROR, 0x100ff },
	};
	u32 i = which % ARRAY_SIZE(regs);

	val &= regs[i].bits;
	if (regs[i].reg == LAPIC_LVT_TIMER || regs[i].reg == LAPIC_LVT_ERROR)
		val = (val & ~0xffU) | mscript_vector(val, false);
	return mscript_apic(vm, cpu, true, regs[i].reg, val);
}

static inline u64 mscript_ipi(struct mvm *vm, u32 cpu, u8 how, u32 val)
{
	bool x2 = lapic_mode(&vm->cpu[cpu].lapic) == LAPIC_X2APIC;
	u32 icr = mscript_vector(val, false) | (how & 3) << 18 |
		  (how & 4 ? IRQ_NMI << 8 : 0);
	u64 dest = val >> 8 & 3;

	/* An NMI to itself is no message that processors agree upon. */
	if ((icr >> 8 & 7) == IRQ_NMI && (how & 3) == IRQ_SELF)
		icr &= ~0xc0000U;
	if (x2)
		return mvm_op(vm, cpu, MODEL_WRMSR, 0x830, icr | dest << 32);
	mscript_apic(vm, cpu, true, LAPIC_ICR2, dest << 24);
	return mscript_apic(vm, cpu, true, LAPIC_ICR, icr);
}

static inline u64 mscript_rte(struct mvm *vm, u32 cpu, u8 pin, u32 val)
{
	u32 low = mscript_vector(val, val & 0x8000) | (val & 0x8000) |
		  (val >> 20 & 1 ? BIT(16) : 0);

	pin %= 4;
	mvm_op(vm, cpu, MODEL_WRITE, 0xfec00000, 0x11 + 2 * pin);
	mvm_op(vm, cpu, MODEL_WRITE, 0xfec00010, (val >> 24 & 3) << 24);
	mvm_op(vm, cpu, MODEL_WRITE, 0xfec00000, 0x10 + 2 * pin);
	return mvm_op(vm, cpu, MODEL_WRITE, 0xfec00010, low);
}

static inline u64 mscript_anything(struct mvm *vm, u32 cpu, u32 what, u8 reg,
				   u32 val)
{
	static const u8 nested[] = { MODEL_VMXON, MODEL_VMXOFF, MODEL_CLGI,
				     MODEL_STGI, MODEL_ENTER_L2, MODEL_EXIT_L2 };
	struct model_insn insn = { .size = 1U << (val & 3), .val = val };

	switch (what) {
	case MSCRIPT_BASE:
		return mvm_op(vm, cpu, MODEL_WRMSR, 0x1b,
			      0xfee00000 | (val & 0xf00));
	case MSCRIPT_ANY_MSR:
		return mvm_op(vm, cpu, val & 1 ? MODEL_WRMSR : MODEL_RDMSR,
			      0x800 + (reg & 63), val & 2 ? val >> 8 : val);
	case MSCRIPT_ANY_MEMORY:
		insn.kind = val & 4 ? MODEL_WRITE : MODEL_READ;
		insn.addr = 0xfee00000 + reg * 16 + (val >> 3 & 12);
		insn.addr &= ~(u64)(insn.size - 1);
		return mvm_do(vm, cpu, &insn);
	default:
		return mvm_op(vm, cpu, nested[reg % sizeof(nested)], 0, val & 1);
	}
}

static inline u64 mscript_run_op(struct mvm *vm, const struct mscript_op *op,
				 u32 whats)
{
	u32 what = op->what % whats, cpu = op->cpu % vm->n;
	u32 kind = MODEL_NOP;
	u64 val = 0;

	switch (what) {
	case MSCRIPT_APIC_WRITE:
		return mscript_write(vm, cpu, op->reg, op->val);
	case MSCRIPT_APIC_READ: {
		static const u16 regs[] = {
			LAPIC_ID, LAPIC_VERSION, LAPIC_TPR, LAPIC_SVR,
			LAPIC_ESR, LAPIC_LVT_TIMER, LAPIC_TIMER_CURRENT,
			LAPIC_PPR, LAPIC_LDR, LAPIC_TIMER_INITIAL,
		};
		u32 n = op->reg % (ARRAY_SIZE(regs) + 24);

		return mscript_apic(vm, cpu, false,
				    n < ARRAY_SIZE(regs) ? regs[n] :
				    0x100 + (n - (u32)ARRAY_SIZE(regs)) * 16, 0);
	}
	case MSCRIPT_IPI:
		return mscript_ipi(vm, cpu, op->reg, op->val);
	case MSCRIPT_RTE:
		return mscript_rte(vm, cpu, op->reg, op->val);
	case MSCRIPT_LINE:
		mvm_line(vm, op->reg % 4, op->val & 1);
		return 0;
	case MSCRIPT_MSI:
		mvm_msi(vm, op->val >> 8 & 3, mscript_vector(op->val, false),
			op->reg & 1);
		return 0;
	case MSCRIPT_NMI:
		mvm_msi(vm, cpu, 0, IRQ_NMI);
		return 0;
	case MSCRIPT_ADVANCE:
		mvm_advance(vm, op->val & 0xfffff);
		return 0;
	case MSCRIPT_X2APIC:
		return mvm_op(vm, cpu, MODEL_WRMSR, 0x1b,
			      0xfee00c00 | (cpu ? 0 : 0x100));
	case MSCRIPT_EOI:
		kind = MODEL_EOI;
		break;
	case MSCRIPT_IRET:
		kind = MODEL_IRET;
		break;
	case MSCRIPT_CLI:
		kind = MODEL_CLI;
		break;
	case MSCRIPT_STI:
		kind = MODEL_STI;
		break;
	case MSCRIPT_HLT:
		kind = MODEL_HLT;
		break;
	case MSCRIPT_WRCR8:
		kind = MODEL_WRCR8;
		val = op->val & 15;
		break;
	case MSCRIPT_RDCR8:
		return mvm_read(vm, cpu, MODEL_RDCR8, 0);
	case MSCRIPT_NOP:
		break;
	default:
		return mscript_anything(vm, cpu, what, op->reg, op->val);
	}
	return mvm_op(vm, cpu, kind, 0, val);
}

#endif
