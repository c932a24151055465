/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The software CPU as a backend: what its glue keeps. The CPU itself is in
 * cpu.h, vapic.h and avic.h, and what a hypervisor does about its exits in
 * host.h; those are pure, as the engine is.
 */
#ifndef VINTC_MODEL_H
#define VINTC_MODEL_H

#include "../vm.h"

/**
 * struct model_vm - a VM of model type
 * @lock: one script at a time; outside of vcpu->lock
 * @now: virtual time, ns. Written by the script, read by all
 * @flavour: VINTC_MODEL_SVM...
 */
struct model_vm {
	struct mutex lock;
	u64 now;
	u32 flavour;
};

/**
 * struct model_vcpu - what is no business of the core
 * @state: registers that nothing here looks at
 */
struct model_vcpu {
	struct cpu_state state;
};

#endif
