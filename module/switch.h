/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What guest and host share one register of and no control block switches: FPU,
 * XCR0, PKRU, XSS, TSC_AUX, DEBUGCTL, DR0 to DR3. The guest's are loaded for as
 * long as a backend's loop lasts, so that an exit that is handled there costs
 * none of this.
 */
#ifndef VINTC_SWITCH_H
#define VINTC_SWITCH_H

#include <asm/fpu/xcr.h>

#include "vcpu.h"

/**
 * struct switch_features - what this machine has of it; set by switch_init()
 * @fpu_mask: state components switched by XSAVE and XRSTOR
 */
struct switch_features {
	bool xsaves, pku, ibpb, tsc_aux;
	u64 host_xcr0;
	u64 fpu_mask;
};

extern struct switch_features switch_features;

void switch_init(void);
/* The CPU is taken: what the host has there for good. Interrupts off. */
void switch_cpu_init(void);
/* No vCPU that comes later is taken for this one, which goes. */
void switch_forget(struct vcpu *vcpu);

/* Both on the vCPU's thread; preemption is off from the first to the second.
 * The first returns whether another vCPU ran on this CPU since.
 */
bool switch_to_guest(struct vcpu *vcpu);
void switch_to_host(struct vcpu *vcpu);

/* DR0 to DR3 are loaded only while a breakpoint is enabled. An exit leaves DR7
 * disabled.
 */
void switch_load_drs(struct vcpu *vcpu, const u64 *dr);
/* The guest has changed its DR@n while they are loaded. */
void switch_reload_dr(unsigned int n, u64 val);

/* While a guest is loaded: its CR4 or XCR0 has changed. Without OSXSAVE nothing
 * that it executes depends on XCR0, and the host's stays.
 */
void switch_osxsave(struct vcpu *vcpu);

#endif
