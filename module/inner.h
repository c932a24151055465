/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the inner loops of the backends have in common: from an exit to the next
 * entry, with interrupts off. Everything here is inlined into them.
 */
#ifndef VINTC_INNER_H
#define VINTC_INNER_H

#include <linux/interrupt.h>
#include <linux/sched/signal.h>
#include <linux/task_work.h>

#include "apic/mutant.h"
#include "event.h"
#include "msr_filter.h"
#include "ops.h"
#include "pv.h"
#include "switch.h"
#include "timer.h"
#include "trace.h"
#include "vectors.h"
#include "vm.h"
#include "x86/cpuid.h"

/* What has become of an exit. */
#define INNER_FAST 1 /* handled: enter again with interrupts still off */
#define INNER_HOST 2 /* handled: let host interrupts in, then enter again */
#define INNER_LEAVE 3 /* the core is needed; enum vcpu_exit says for what */

/* After so many in a row INNER_FAST is as INNER_HOST. */
#define FAST_EXITS 256

/* Something on the host's side wants this thread or this CPU. */
static inline bool inner_host_wants(void)
{
	return need_resched() || signal_pending(current) ||
	       task_work_pending(current) ||
	       (softirq_count() && local_softirq_pending());
}

/* ------------------------------------------------------------ before entry */

/* inner_prepare() */
#define PREPARE_LEAVE BIT(0) /* the core is needed first */
#define PREPARE_FLUSH BIT(1) /* with or without it: stale translations */
#define PREPARE_ABSORBED BIT(2) /* likewise: IRR may have changed */

static inline bool inner_absorb(struct vcpu *vcpu)
{
	/*
	 * NMI, INIT and SIPI are the core's; so is whatever comes after. One that
	 * comes just now stays where it is, and its sender kicks.
	 */
	if (READ_ONCE(vcpu->mailbox.events))
		return false;
	vectors_before(vcpu);
	lapic_absorb_posted(&vcpu->lapic, &vcpu->mailbox);
	vectors_after(vcpu);
	return true;
}

static inline void inner_publish(struct vcpu *vcpu)
{
	if (READ_ONCE(vcpu->mode) != IN_GUEST)
		smp_store_mb(vcpu->mode, IN_GUEST);
}

/**
 * inner_prepare() - the vCPU's half of behaviour E
 *
 * IN_GUEST is published; only then are requests and PIR looked at. After that, and
 * not before, the caller writes what they gave for hardware, and enters.
 *
 * Context: interrupts off, until the guest has exited.
 * Return: PREPARE_..., mostly 0.
 */
static inline u32 inner_prepare(struct vcpu *vcpu)
{
	u32 done = 0;

	if (!mutant(MUTANT_MODE_LATE))
		inner_publish(vcpu);
	if (unlikely(READ_ONCE(vcpu->requests))) {
		if (test_and_clear_bit(REQ_TLB_FLUSH, &vcpu->requests))
			done |= PREPARE_FLUSH;
		if (vcpu_timer_taken(vcpu))
			done |= PREPARE_ABSORBED;
		if (READ_ONCE(vcpu->requests))
			return done | PREPARE_LEAVE;
	}
	if (unlikely(mailbox_pending(&vcpu->mailbox)) && vcpu->has_lapic) {
		if (!inner_absorb(vcpu))
			return done | PREPARE_LEAVE;
		done |= PREPARE_ABSORBED;
	}
	if (unlikely(vcpu->event.shutdown | vcpu->event.stepped |
		     vcpu->pv_eoi_absent))
		done |= PREPARE_LEAVE;
	return done;
}

/* Around the entry itself. */
static inline void inner_offer_eoi(struct vcpu *vcpu)
{
	if (unlikely(vcpu->pv_eoi_on))
		pv_eoi_offer(vcpu);
}

static inline void inner_take_eoi(struct vcpu *vcpu)
{
	if (unlikely(vcpu->pv_eoi_offered))
		pv_eoi_take(vcpu);
}

static inline bool inner_tpr_masks(struct lapic *l)
{
	return lapic_highest_irr(l) >= 0 &&
	       (lapic_get(l, LAPIC_PPR) >> 4) <= (lapic_get(l, LAPIC_TPR) >> 4);
}

/**
 * inner_interrupt() - the local APIC's next interrupt
 * @busy: another event is injected
 * @masked: one is in IRR, and only TPR holds it back
 *
 * Return: a vector, now in service, that is to be injected; or INJECT_...
 */
static inline int inner_interrupt(struct vcpu *vcpu, bool busy, bool *masked)
{
	int vector = lapic_next(&vcpu->lapic);

	*masked = vector < 0 && inner_tpr_masks(&vcpu->lapic);
	if (vector < 0)
		return INJECT_NOTHING;
	if (busy || !event_interrupts_open(vcpu))
		return INJECT_LATER;
	lapic_accept(&vcpu->lapic, vector);
	vcpu->stats.irq_injections++;
	vectors_accepted(vcpu, vector);
	trace_vintc_accept(vcpu->id, vector);
	return vector;
}

/* -------------------------------------------------------------- after exit */

/* What is left to the core isn't about an instruction. */
static inline bool inner_at_boundary(enum vcpu_exit why)
{
	return why == EXIT_AGAIN || why == EXIT_HALT || why == EXIT_YIELD;
}

static inline int inner_leave(enum vcpu_exit *why, enum vcpu_exit to)
{
	*why = to;
	return INNER_LEAVE;
}

/* vcpu->run is filled. */
static inline int inner_user(struct vcpu *vcpu, enum vcpu_exit *why)
{
	vcpu->exit.error = 0;
	return inner_leave(why, EXIT_USER);
}

static inline int inner_user_for(struct vcpu *vcpu, enum vcpu_exit *why, u32 reason)
{
	vcpu->run->exit_reason = reason;
	return inner_user(vcpu, why);
}

/* An exit that nothing has asked for. */
static inline int inner_unknown(struct vcpu *vcpu, enum vcpu_exit *why, u64 reason)
{
	vcpu_internal_error(vcpu, KVM_INTERNAL_ERROR_UNEXPECTED_EXIT_REASON);
	vcpu->run->internal.ndata = 2;
	vcpu->run->internal.data[0] = reason;
	vcpu->run->internal.data[1] = vcpu->cpu;
	return inner_user(vcpu, why);
}

/* VMCALL or VMMCALL, but for RIP. @user: from CPL 3 */
static inline int inner_hypercall(struct vcpu *vcpu, bool user, enum vcpu_exit *why)
{
	pv_hypercall(vcpu, user);
	return vcpu->yield_to ? inner_leave(why, EXIT_YIELD) : INNER_FAST;
}

/* RDMSR or WRMSR, but for RIP. Return: MSR_...; @val goes with its failures. */
static inline int inner_msr(struct vcpu *vcpu, bool write, u64 *val)
{
	u32 msr = vcpu->gpr[X86_RCX];
	int r;

	*val = 0;
	if (write) {
		*val = (u32)vcpu->gpr[X86_RAX] | vcpu->gpr[X86_RDX] << 32;
		return msr_guest_write(vcpu, msr, *val);
	}
	r = msr_guest_read(vcpu, msr, val);
	if (r == MSR_OK) {
		vcpu->gpr[X86_RAX] = (u32)*val;
		vcpu->gpr[X86_RDX] = *val >> 32;
	}
	return r;
}

/* Return: false when it is #GP, which is queued. */
static inline bool inner_xsetbv(struct vcpu *vcpu, u8 cpl)
{
	u64 val = (u32)vcpu->gpr[X86_RAX] | vcpu->gpr[X86_RDX] << 32;

	if (cpl || (u32)vcpu->gpr[X86_RCX] || !cpuid_xcr0_valid(vcpu, val)) {
		vcpu_queue_gp(vcpu);
		return false;
	}
	vcpu->xcr0 = val;
	switch_osxsave(vcpu);
	return true;
}

/* IN or OUT; strings are emulated. */
static inline int inner_port(struct vcpu *vcpu, u16 port, u8 size, bool in,
			     u64 next_rip, enum vcpu_exit *why)
{
	vcpu->stats.io_exits++;
	if (in ? vcpu_pio_read(vcpu, port, size, next_rip) :
		 vcpu_pio_write(vcpu, port, size, next_rip))
		return INNER_FAST;
	vcpu_exit_to_pio(vcpu, port, size, in, next_rip);
	trace_vintc_pio(vcpu->id, !in, port, size, 1, vcpu->gpr[X86_RAX]);
	return inner_user(vcpu, why);
}

/* A second-level fault, in vcpu->exit, is an access to the xAPIC's registers. */
static inline bool inner_at_apic(const struct vcpu *vcpu)
{
	return vcpu->has_lapic &&
	       !((vcpu->exit.gpa ^ vcpu->lapic.base) & PAGE_MASK & LAPIC_BASE_ADDRESS) &&
	       lapic_mode(&vcpu->lapic) == LAPIC_XAPIC &&
	       !(vcpu->exit.access & (MEMORY_EXEC | MEMORY_TABLE)) && !vcpu_delivering(vcpu);
}

/* An instruction on the APIC, as far as that can be done with interrupts off. */
static inline int inner_emulate(struct vcpu *vcpu, enum vcpu_exit *why)
{
	int r = vcpu_emulate(vcpu, true);

	if (likely(r == 1))
		return INNER_FAST;
	if (r == -EAGAIN)
		return inner_leave(why, EXIT_EMULATE);
	vcpu->exit.error = r;
	return inner_leave(why, EXIT_USER);
}

/* It is done here: no memory, and needs no sleep. @f: where the instruction is. */
static inline int inner_apic(struct vcpu *vcpu, const struct x86_fetch *f,
			     enum vcpu_exit *why)
{
	if (likely(vcpu_apic_move(vcpu, f)))
		return INNER_FAST;
	return inner_emulate(vcpu, why);
}

static inline int inner_window(struct vcpu *vcpu, enum vcpu_exit *why)
{
	vcpu->stats.irq_window_exits++;
	/* Without a PIC of ours user space waits for this moment. */
	return vcpu->has_lapic && !vcpu->vm->split ? INNER_FAST :
						     inner_leave(why, EXIT_AGAIN);
}

#endif
