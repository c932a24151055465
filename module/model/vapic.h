/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The virtual-APIC page as VMX's CPU works on it.
 *
 * SDM 3C chapter "APIC Virtualization and Virtual Interrupts". The page has the
 * layout of the engine's register page, and is that page.
 */
#ifndef VINTC_MODEL_VAPIC_H
#define VINTC_MODEL_VAPIC_H

#include "../apic/mailbox.h"
#include "exit.h"

/* VM-execution controls, struct vapic.controls */
#define VAPIC_TPR_SHADOW BIT(0) /* without it nothing here is done */
#define VAPIC_ACCESSES BIT(1) /* virtualize APIC accesses (xAPIC) */
#define VAPIC_X2APIC BIT(2) /* virtualize x2APIC mode */
#define VAPIC_REGISTERS BIT(3) /* APIC-register virtualization */
#define VAPIC_DELIVERY BIT(4) /* virtual-interrupt delivery */
#define VAPIC_POSTED BIT(5) /* process posted interrupts */

/**
 * struct vapic - VMCS fields and what the CPU derives of them
 * @page: virtual-APIC page
 * @controls: VAPIC_...
 * @rvi, @svi: guest interrupt status
 * @threshold: TPR threshold, bits 3:0
 * @window: interrupt-window exiting: nothing is recognized
 * @recognized: a virtual interrupt is pending
 * @eoi_exit: EOI-exit bitmap
 */
struct vapic {
	u8 *page;
	u32 controls;
	u8 rvi;
	u8 svi;
	u8 threshold;
	bool window;
	bool recognized;
	u64 eoi_exit[4];
};

/* VM entry: MODEL_EXITS when TPR is below the threshold already. */
enum model_did vapic_entry(struct vapic *v, struct model_exit *ex);

/**
 * vapic_read(), vapic_write() - an access to the APIC-access page
 * @v: with VAPIC_ACCESSES
 * @offset: in the page
 * @size: bytes
 * @val: what is read
 * @ex: APIC-access, APIC-write, EOI or TPR exit
 *
 * Return: MODEL_DID or MODEL_EXITS.
 */
enum model_did vapic_read(struct vapic *v, u32 offset, u32 size, u64 *val,
			  struct model_exit *ex);
enum model_did vapic_write(struct vapic *v, u32 offset, u32 size, u64 val,
			   struct model_exit *ex);

/* MSRs 0x800..0x8ff, not intercepted. Also MODEL_FAULTS, MODEL_NOT_OURS. */
enum model_did vapic_rdmsr(struct vapic *v, u32 msr, u64 *val);
enum model_did vapic_wrmsr(struct vapic *v, u32 msr, u64 val,
			   struct model_exit *ex);

enum model_did vapic_write_cr8(struct vapic *v, u8 cr8, struct model_exit *ex);
u8 vapic_read_cr8(const struct vapic *v);

/* SDM 3C "Virtual-Interrupt Delivery"; one is recognized. Return: vector. */
u8 vapic_deliver(struct vapic *v);

/* SDM 3C "Posted-Interrupt Processing"; the notification has arrived. */
void vapic_notified(struct vapic *v, struct mailbox *pi);

#endif
