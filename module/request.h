/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Requests: what one thread asks of a vCPU before it enters the guest again.
 *
 * The sender sets the bit, then looks whether the vCPU is IN_GUEST; the vCPU
 * says IN_GUEST, then looks at the bits. Both are full barriers, so one of them
 * sees the other. Posted vectors use the mailbox's ON bit in the same way and
 * need no request (behaviour E).
 */
#ifndef VINTC_REQUEST_H
#define VINTC_REQUEST_H

#include <linux/bits.h>
#include <linux/types.h>

struct vm;
struct vcpu;

/*
 * X(name, wakes): handled in this order by vcpu_handle_requests(), in process
 * context. A request that wakes ends a HLT's sleep so that it is handled then.
 */
#define VINTC_REQUESTS(X)                                                  \
	X(VM_DEAD, 1) /* every run ends with -EIO */                        \
	X(SRCU, 1) /* drop and take the memory lock: a slot is changing */   \
	X(DEST, 1) /* this APIC's address changed: rebuild the map */        \
	X(IOAPIC_EOI, 1) /* user space's IOAPIC is to see an EOI */          \
	X(TLB_FLUSH, 0) /* second-level entries were taken away */           \
	X(TIMER, 1) /* the local APIC's deadline has passed */               \
	X(SCAN_IOAPIC, 0) /* recompute the handled vectors, always */        \
	X(LOAD_EOI_EXITMAP, 0) /* hand them to hardware, when L1 runs */     \
	X(APICV_UPDATE, 0) /* inhibit reasons changed */                     \
	X(INTERCEPTS, 0) /* what the VM intercepts has changed */            \
	X(UNHALT, 1) /* another vCPU has woken this one */                   \
	X(PVCLOCK, 0) /* write kvmclock's page anew */                       \
	X(EVENT, 1) /* look at pending events again */

enum vintc_request {
#define X(name, wakes) REQ_##name,
	VINTC_REQUESTS(X)
#undef X
	REQ_COUNT
};

#define REQUEST_BIT(req) BIT(REQ_##req)

enum {
	REQ_WAKES_MASK = 0
#define X(name, wakes) | ((wakes) ? BIT(REQ_##name) : 0)
	VINTC_REQUESTS(X)
#undef X
};

/* Any context. Sets the bit; does not kick. */
void vcpu_request(struct vcpu *vcpu, enum vintc_request req);
/* Any context. The vCPU leaves the guest, or its sleep, soon. */
void vcpu_kick(struct vcpu *vcpu);
/* Request and kick, for all vCPUs. */
void vm_request_all(struct vm *vm, enum vintc_request req);
/* All vCPUs leave the guest soon and take the memory lock anew. */
void vm_kick_all(struct vm *vm);
/* Process context. On return no vCPU uses a stale second-level translation. */
void vm_flush_tlb(struct vm *vm);

#endif
