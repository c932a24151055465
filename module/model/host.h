/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a hypervisor does around the software CPU: what stands in the control
 * fields at entry, and what an exit means to the engine. Everything beyond is
 * asked for by struct model_calls: from the core in the kernel, from a few
 * lines in a test.
 */
#ifndef VINTC_MODEL_HOST_H
#define VINTC_MODEL_HOST_H

#include "../apic/exitmap.h"
#include "../apic/lapic.h"
#include "cpu.h"

/* What is told to model_calls.log; as VINTC_MODEL_EV_EXIT... */
enum model_event {
	MODEL_EV_EXIT,
	MODEL_EV_INTERRUPT,
	MODEL_EV_NMI,
	MODEL_EV_L2_EXIT,
	MODEL_EV_INIT,
	MODEL_EV_SIPI,
	MODEL_EV_SCAN,
	MODEL_EV_LOAD,
	MODEL_EV_NOTIFY,
	MODEL_EV_DOORBELL,
	MODEL_EV_TIMER,
};

struct model_host;

/**
 * struct model_calls - what surrounds one CPU
 * @now: virtual time, ns
 * @effects: perform an engine call's
 * @msr: emulate RDMSR or WRMSR; false: #GP
 * @memory: emulate an access; false: nothing is there
 * @port: the same
 * @kicked: has someone asked the vCPU to leave the guest?
 * @requests: do what was asked for
 * @absorb: take over the mailbox; INIT and SIPI act if host_init_blocked()
 *          doesn't say otherwise, NMIs are counted in @nmi_pending
 * @external: does the PIC's interrupt wait, and LINT0 pass it on?
 * @acknowledge: its vector, or -1: it waits no more
 * @log: tell; may be asked for much
 */
struct model_calls {
	u64 (*now)(struct model_host *h);
	void (*effects)(struct model_host *h, struct lapic_out *out);
	bool (*msr)(struct model_host *h, bool write, u32 msr, u64 *val);
	bool (*memory)(struct model_host *h, bool write, u64 addr, void *data,
		       u32 size);
	bool (*port)(struct model_host *h, bool write, u16 port, u32 *val,
		     u32 size);
	bool (*kicked)(struct model_host *h);
	void (*requests)(struct model_host *h);
	void (*absorb)(struct model_host *h);
	bool (*external)(struct model_host *h);
	int (*acknowledge)(struct model_host *h);
	void (*log)(struct model_host *h, enum model_event what, u32 code,
		    u64 info0, u64 info1);
};

/**
 * struct model_host - a vCPU as its hypervisor has it
 * @cpu: the software CPU
 * @lapic, @mailbox: the engine's
 * @handled: vectors whose EOI must be seen; becomes the EOI-exit bitmap by
 *           host_load_exitmap()
 * @nmi_pending: NMIs not yet delivered
 * @calls: see there
 */
struct model_host {
	struct model_cpu cpu;
	struct lapic *lapic;
	struct mailbox *mailbox;
	const struct exitmap *handled;
	u8 nmi_pending;
	const struct model_calls *calls;
};

/* struct vintc_model_op.result; the same numbers. */
enum model_result {
	MODEL_UNDONE,
	MODEL_DONE,
	MODEL_FAULT,
	MODEL_NOBODY,
	MODEL_ASLEEP,
	MODEL_STOPPED,
};

/* Power-up or INIT, after lapic_init() or lapic_reset(). */
void host_reset(struct model_host *h);

/* INIT stays pending and SIPI is dropped (behaviour D). */
static inline bool host_init_blocked(const struct model_host *h)
{
	return !h->cpu.gif || (h->cpu.vmx_on && !h->cpu.l2);
}

/**
 * host_run() - let the guest run up to its next instruction
 * @h: the vCPU
 *
 * Exits are handled and events taken until nothing happens any more.
 * Return: MODEL_DONE: it is about to execute; MODEL_ASLEEP; MODEL_STOPPED.
 */
enum model_result host_run(struct model_host *h);

/**
 * host_execute() - one instruction
 * @h: the vCPU
 * @insn: gets its result
 * @fault: vector, with MODEL_FAULT
 *
 * Return: MODEL_DONE, _FAULT, _NOBODY, or as host_run() when it isn't executed.
 */
enum model_result host_execute(struct model_host *h, struct model_insn *insn,
			       u8 *fault);

/* LOAD_EOI_EXITMAP: L1 runs or is about to. */
void host_load_exitmap(struct model_host *h);

/* AVIC's tables anew: @host[] are the VM's vCPUs by index. */
void host_fill_tables(struct avic_tables *t, struct model_host *const host[],
		      u32 n);

/* Is there an instruction of that kind on this flavour's CPU? */
bool host_has(enum model_flavour flavour, u32 kind);

#endif
