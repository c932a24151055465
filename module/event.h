/* SPDX-License-Identifier: GPL-2.0-only */
/* What is about to happen to a vCPU: exceptions, NMI, INIT, SIPI, wake-ups. */
#ifndef VINTC_EVENT_H
#define VINTC_EVENT_H

#include <asm/processor-flags.h>

#include "vcpu.h"

#define RFLAGS_IF BIT(9)

/**
 * event_absorb() - take over what other CPUs have posted
 * @vcpu: on its own thread, outside the guest, preemptible
 *
 * Vectors go to IRR, NMIs are counted, and INIT and SIPI act at once: they are
 * read here, live, and never from a snapshot (behaviour D).
 */
void event_absorb(struct vcpu *vcpu);

/*
 * One more NMI. One is latched while another is handled or blocked; two that
 * come before either is delivered are both delivered.
 */
void event_nmi(struct vcpu *vcpu);

/*
 * An interrupt from outside the local APIC waits: the PIC's, through LINT0, or
 * one that user space gives in the PIC's place (split irqchip). Owner.
 */
bool event_external(struct vcpu *vcpu);
/* Takes it. Return: the vector, or -1: another vCPU was faster. Atomic. */
int event_external_take(struct vcpu *vcpu);

/* There is no vector to inject: */
#define INJECT_NOTHING (-1)
#define INJECT_LATER (-2) /* one waits for the guest: open a window */
/**
 * event_external_next() - the interrupt from outside the local APIC
 * @busy: another event is injected
 *
 * It goes before the local APIC's own (ExtINT). For user space that waits to give
 * one (split irqchip) there is INJECT_LATER, too.
 * Context: atomic, owner.
 * Return: a vector, which is taken, or INJECT_...
 */
int event_external_next(struct vcpu *vcpu, bool busy);

/* Would a halted vCPU go on? Absorbs; owner. */
bool event_wakes(struct vcpu *vcpu);

/*
 * HLT without leaving the backend's loop, so that the guest's registers can stay
 * loaded. Both: true when an interrupt ends it and the vCPU can go on, not
 * halted; false when the core is to halt it (EXIT_HALT). Owner.
 *
 * vcpu_halt_over(): at once; atomic. vcpu_halt_briefly(): after polling;
 * interrupts on, preemption off. What it polls for ends as soon as the host wants
 * the CPU.
 */
bool vcpu_halt_over(struct vcpu *vcpu);
bool vcpu_halt_briefly(struct vcpu *vcpu);

/*
 * An interrupt could be delivered now but for what is in the control block:
 * IF is set and no STI or MOV SS shadow holds it back.
 */
static inline bool event_interrupts_open(const struct vcpu *vcpu)
{
	return (vcpu->rflags & RFLAGS_IF) && !vcpu->interrupt_shadow;
}

/* The exception is about to be injected, for the first time or again. */
static inline void event_begin_exception(struct vcpu *vcpu)
{
	u8 vector = vcpu->event.exception.vector;

	if (!vcpu->event.exception.pending)
		return;
	vcpu->event.exception.pending = false;
	vcpu->event.exception.injected = true;
	vcpu->stats.exception_injections++;
	/* A fault's frame has RF set (SDM 3A "Instruction-Breakpoint Exception
	 * Condition"); #DB's own flags say by themselves.
	 */
	if (vector != 1 && vector != 3 && vector != 4)
		vcpu->rflags |= X86_EFLAGS_RF;
}

#endif
