/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Whether hardware delivers interrupts (APICv, AVIC), and why not. A VM's
 * reasons are a mask of VINTC_INHIBIT_...; which of them matter is the
 * backend's to say (ops->inhibits). A vCPU follows when it handles
 * REQ_APICV_UPDATE, before it enters the guest again.
 */
#ifndef VINTC_INHIBIT_H
#define VINTC_INHIBIT_H

#include "vm.h"

/* Those that follow from the state of the local APICs. */
#define INHIBITS_OF_APICS                                                \
	(VINTC_INHIBIT_APIC_ID | VINTC_INHIBIT_APIC_BASE | VINTC_INHIBIT_X2APIC)

/* These switch it off on every backend. */
#define INHIBITS_ALWAYS                                                        \
	(VINTC_INHIBIT_UNSUPPORTED | VINTC_INHIBIT_POLICY |                    \
	 VINTC_INHIBIT_NO_IRQCHIP | VINTC_INHIBIT_VECTOR_STATS)

/* The reasons that a new VM has. */
void inhibit_init(struct vm *vm);
/* Any context. */
void vm_inhibit(struct vm *vm, u64 reason, bool on);
/* The APICs have been looked at (deliver_rebuild()). */
void inhibit_from_dests(struct vm *vm, const struct dest_map *map);
/* REQ_APICV_UPDATE. Owner, may sleep. */
void inhibit_follow(struct vcpu *vcpu);
long inhibit_ioctl(struct vm *vm, void __user *arg);

static inline u64 vm_inhibits(const struct vm *vm)
{
	return atomic64_read(&vm->inhibits) &
	       (INHIBITS_ALWAYS | vm->ops->inhibits);
}

/*
 * Should hardware deliver @vcpu's interrupts? Owner. Hardware would also do that
 * to an APIC that software has disabled. User space that debugs one vCPU with
 * its interrupts held back concerns that one alone.
 */
static inline bool vcpu_wants_acceleration(const struct vcpu *vcpu)
{
	return !vm_inhibits(vcpu->vm) && vcpu->has_lapic &&
	       lapic_enabled(&vcpu->lapic) &&
	       !(vcpu->debug.control & KVM_GUESTDBG_BLOCKIRQ);
}

#endif
