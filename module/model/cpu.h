/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The software CPU: a guest's instruction goes in; out comes what it gave, or
 * why the CPU has left the guest. Between instructions it takes interrupts. It
 * knows only what hardware knows: control fields, the register page, posted
 * descriptors. What a hypervisor does is host.h.
 *
 * Pure, as the engine is: includes apic/ only.
 */
#ifndef VINTC_MODEL_CPU_H
#define VINTC_MODEL_CPU_H

#include "avic.h"
#include "vapic.h"

/* As VINTC_MODEL_SVM... */
enum model_flavour {
	MODEL_SVM,
	MODEL_VMX,
	MODEL_APICV,
	MODEL_AVIC,
	MODEL_X2AVIC,
	MODEL_FLAVOURS
};

/* As VINTC_MODEL_NOP... */
enum model_insn_kind {
	MODEL_NOP,
	MODEL_RDMSR,
	MODEL_WRMSR,
	MODEL_READ,
	MODEL_WRITE,
	MODEL_IN,
	MODEL_OUT,
	MODEL_RDCR8,
	MODEL_WRCR8,
	MODEL_HLT,
	MODEL_CLI,
	MODEL_STI,
	MODEL_IRET,
	MODEL_EOI,
	MODEL_VMXON,
	MODEL_VMXOFF,
	MODEL_CLGI,
	MODEL_STGI,
	MODEL_ENTER_L2,
	MODEL_EXIT_L2,
	MODEL_INSNS
};

/**
 * struct model_insn - one instruction
 * @kind: enum model_insn_kind
 * @size: bytes of a memory or port access
 * @addr: MSR, physical address or port
 * @val: in: written; out: read
 */
struct model_insn {
	u32 kind;
	u32 size;
	u64 addr;
	u64 val;
};

enum model_activity {
	MODEL_RUNS,
	MODEL_HALTED,
	MODEL_WAITS, /* for INIT or SIPI, or shut down */
};

#define MODEL_DEPTH 64 /* handlers that interrupt one another */

/**
 * struct model_cpu - one logical processor in a guest's life
 * @flavour: enum model_flavour
 * @page: the local APIC's registers
 * @base: IA32_APIC_BASE as the control fields have it
 * @activity: enum model_activity
 * @in_guest: between VM entry and exit
 * @iflag: RFLAGS.IF
 * @shadow: blocking by STI
 * @nmi_masked: blocking by NMI
 * @gif: SVM's global interrupt flag, of the guest as a hypervisor
 * @vmx_on: VMX: the guest is a hypervisor in VMX operation
 * @l2: its own guest runs
 * @l2_intr: it wants interrupts to end that
 * @hlt_exits: HLT intercepted
 * @depth, @stack: handlers entered and not yet left; what IRET restores: IF,
 *                 and whether it ends an NMI
 * @inject, @inject_vector, @inject_nmi: event of this entry
 * @window: an exit is wanted as soon as an interrupt can be taken
 * @nmi_window: the same of an NMI; SVM intercepts IRET for that
 * @vapic, @avic: what virtualizes interrupts, where @accelerated
 * @accelerated: by the flavour's means, in the present mode
 */
struct model_cpu {
	u8 flavour;
	u8 *page;
	u64 base;
	u8 activity;
	bool in_guest;
	bool iflag, shadow, nmi_masked;
	bool gif, vmx_on;
	bool l2, l2_intr;
	bool hlt_exits;
	u8 depth;
	struct {
		bool iflag, nmi;
	} stack[MODEL_DEPTH];
	bool inject, inject_nmi;
	u8 inject_vector;
	bool window, nmi_window;
	bool accelerated;
	struct vapic vapic;
	struct avic avic;
};

static inline bool cpu_is_vmx(const struct model_cpu *cpu)
{
	return cpu->flavour == MODEL_VMX || cpu->flavour == MODEL_APICV;
}

static inline bool cpu_is_x2apic(const struct model_cpu *cpu)
{
	return (cpu->base & (LAPIC_BASE_ENABLE | LAPIC_BASE_X2APIC)) ==
	       (LAPIC_BASE_ENABLE | LAPIC_BASE_X2APIC);
}

static inline bool cpu_is_xapic(const struct model_cpu *cpu)
{
	return (cpu->base & (LAPIC_BASE_ENABLE | LAPIC_BASE_X2APIC)) ==
	       LAPIC_BASE_ENABLE;
}

/* An interrupt could be taken, were there one. SVM's guest also needs GIF. */
static inline bool cpu_open(const struct model_cpu *cpu)
{
	return cpu->iflag && !cpu->shadow && cpu->gif;
}

/* Processor state after power-up or INIT; @flavour, @page and tables stay. */
void cpu_reset(struct model_cpu *cpu);

/* VM entry, its control fields filled. May exit at once (TPR threshold). */
enum model_did cpu_enter(struct model_cpu *cpu, struct model_exit *ex);

/**
 * struct model_taken - an event that the guest has begun to handle
 * @vector: or 2, an NMI
 */
struct model_taken {
	bool nmi;
	u8 vector;
};

/**
 * cpu_between() - the CPU between two instructions
 * @cpu: in the guest
 * @taken: the event
 * @ex: why it has left
 *
 * Return: MODEL_DID: @taken; MODEL_EXITS; MODEL_NOT_OURS: nothing happens.
 */
enum model_did cpu_between(struct model_cpu *cpu, struct model_taken *taken,
			   struct model_exit *ex);

/**
 * cpu_execute() - one instruction, in the guest
 * @cpu: runs
 * @insn: the instruction; gets its result
 * @ex: with MODEL_EXITS; trap: the instruction is complete
 *
 * Return: MODEL_DID, MODEL_EXITS, MODEL_FAULTS.
 */
enum model_did cpu_execute(struct model_cpu *cpu, struct model_insn *insn,
			   struct model_exit *ex);

/* What IRET does to the processor; also when the host does it. */
bool cpu_iret(struct model_cpu *cpu);

#endif
