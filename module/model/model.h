/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The software CPU as a backend: what its glue keeps. The CPU itself is in
 * cpu.h, vapic.h and avic.h, and what a hypervisor does about its exits in
 * host.h; those are pure, as the engine is.
 */
#ifndef VINTC_MODEL_H
#define VINTC_MODEL_H

#include "../vm.h"
#include "host.h"

/**
 * struct model_vm - a VM of model type
 * @lock: one script at a time; outside of vcpu->lock
 * @now: virtual time, ns. Written by the script, read by all
 * @flavour: enum model_flavour
 * @owner: the thread that runs a script: only it writes the log
 * @error: of a callback; ends the script
 * @op: index of the operation that runs
 * @events, @room, @logged, @lost: the script's log
 * @hosts, @tables: AVIC's view of the vCPUs, kept for one script
 */
struct model_vm {
	struct mutex lock;
	u64 now;
	u32 flavour;
	struct task_struct *owner;
	int error;
	u32 op;
	struct vintc_model_event *events;
	u32 room, logged, lost;
	struct model_host *hosts[VM_MAX_VCPUS];
	struct avic_tables tables;
};

/**
 * struct model_vcpu - one vCPU's
 * @host: the software CPU and its hypervisor
 * @vcpu: the core's
 * @state: registers that nothing here looks at
 */
struct model_vcpu {
	struct model_host host;
	struct vcpu *vcpu;
	struct cpu_state state;
};

/* calls.c */
extern const struct model_calls model_calls;
/* What the core keeps of the processor's state, to and from the software CPU. */
void model_load(struct vcpu *vcpu);
void model_store(struct vcpu *vcpu);
void model_log(struct vcpu *vcpu, enum model_event what, u32 code, u64 info0,
	       u64 info1);

/* script.c */
long model_vm_ioctl(struct vm *vm, unsigned int cmd, void __user *arg);

#endif
