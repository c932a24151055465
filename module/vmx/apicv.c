// SPDX-License-Identifier: GPL-2.0-only
/*
 * APICv: the register page is hardware's virtual-APIC page, the mailbox its
 * posted-interrupt descriptor. SDM 3C "APIC Virtualization and Virtual
 * Interrupts".
 *
 * What hardware keeps beside the page, RVI and SVI, follows from it: the highest
 * vectors in IRR and ISR. It is written anew whenever software has changed the
 * page, so that nothing else has to be told.
 */
#include <asm/apic.h>
#include <asm/irq_vectors.h>

#include "../compat/compat.h"
#include "../inhibit.h"
#include "../inner.h"
#include "../isa.h"
#include "../timer.h"
#include "vmx.h"

static void write_status(struct vcpu *vcpu)
{
	int rvi = lapic_highest_irr(&vcpu->lapic);
	int svi = lapic_highest_isr(&vcpu->lapic);

	vcpu->lapic.touched = false;
	vmx_write(GUEST_INTR_STATUS, max(svi, 0) << 8 | max(rvi, 0));
}

/* From vcpu->handled, before the next entry. */
void vmx_load_eoi_exitmap(struct vcpu *vcpu)
{
	vcpu->vmx->dirty |= VMX_EOI_BITMAP;
}

static void write_eoi_bitmap(const struct exitmap *map)
{
	vmx_write(EOI_EXIT_BITMAP0, map->bits[0]);
	vmx_write(EOI_EXIT_BITMAP1, map->bits[1]);
	vmx_write(EOI_EXIT_BITMAP2, map->bits[2]);
	vmx_write(EOI_EXIT_BITMAP3, map->bits[3]);
}

#define CPU2_APICV                                                             \
	(SECONDARY_EXEC_APIC_REGISTER_VIRT | SECONDARY_EXEC_VIRTUAL_INTR_DELIVERY)

/*
 * In xAPIC mode by the APIC-access page, in x2APIC mode by MSRs; while the APIC
 * is off there is neither (vcpu_wants_acceleration()).
 */
static void write_mode(struct vcpu *vcpu)
{
	struct vmx_vcpu *vmx = vcpu->vmx;
	enum lapic_mode mode = vcpu->accelerated ? lapic_mode(&vcpu->lapic) :
						   LAPIC_DISABLED;
	bool x2apic = mode == LAPIC_X2APIC && vmx_caps.x2apic;
	u64 access = memory_hole_pa(&vcpu->vm->mem);

	if (mode == LAPIC_XAPIC && access)
		vmx_write(APIC_ACCESS_ADDR, access);
	vmx_set_control(vcpu, VMX_CPU2, SECONDARY_EXEC_VIRTUALIZE_APIC_ACCESSES,
			mode == LAPIC_XAPIC && access);
	vmx_set_control(vcpu, VMX_CPU2, SECONDARY_EXEC_VIRTUALIZE_X2APIC_MODE, x2apic);
	vmx_set_control(vcpu, VMX_CPU2, CPU2_APICV, vcpu->accelerated);
	vmx_set_control(vcpu, VMX_PIN, PIN_BASED_POSTED_INTR, vcpu->accelerated);
	vmx_set_control(vcpu, VMX_CPU3, TERTIARY_EXEC_IPI_VIRT, vmx_sends_ipis(vcpu));
	vmx_write(MSR_BITMAP, vmx_msr_bitmap(vcpu, x2apic));
	if (vcpu->accelerated && vmx->tpr_threshold) {
		vmx->tpr_threshold = 0;
		vmx_write(TPR_THRESHOLD, 0);
	}
}

void vmx_apicv_write(struct vcpu *vcpu)
{
	u32 dirty = vcpu->vmx->dirty;

	if (dirty & VMX_APIC_MODE)
		write_mode(vcpu);
	if (!vcpu->accelerated)
		return;
	if (dirty & VMX_EOI_BITMAP)
		write_eoi_bitmap(&vcpu->handled);
	if (dirty & VMX_STATUS)
		write_status(vcpu);
}

/*
 * REQ_APICV_UPDATE. What is pending stays where it is, in the page and in the
 * mailbox: whoever delivers next finds it there.
 */
void vmx_apicv_update(struct vcpu *vcpu)
{
	bool on = vcpu_wants_acceleration(vcpu);

	vcpu->vmx->dirty |= VMX_APIC_MODE | VMX_EOI_BITMAP | VMX_STATUS;
	if (on == vcpu->accelerated)
		return;
	/* Trigger modes of what hardware has moved from PIR to IRR. */
	if (!on)
		lapic_sync_tmr(&vcpu->lapic, &vcpu->mailbox);
	lapic_accelerate(&vcpu->lapic, on);
	WRITE_ONCE(vcpu->accelerated, on);
	/* Who has posted meanwhile may have told us in the other way. */
	vcpu_request(vcpu, REQ_EVENT);
}

/*
 * The notification: hardware of a guest that runs there moves PIR to RVI, without
 * an exit; if the guest has just left, the host's handler of the vector has
 * nothing to do, and ON is looked at before the next entry (behaviour E).
 */
void vmx_post_notify(struct vcpu *vcpu)
{
	int cpu;

	if (READ_ONCE(vcpu->mode) != IN_GUEST) {
		rcuwait_wake_up(&vcpu->wait);
		return;
	}
	cpu = READ_ONCE(vcpu->cpu);
	/* Then it isn't in the guest: we are what its CPU does. */
	preempt_disable();
	if (cpu != smp_processor_id())
		apic->send_IPI(cpu, POSTED_INTR_VECTOR);
	preempt_enable();
}

/* -------------------------------------------------------------------- exits */

/* Hardware has stored the value (behaviour B). SDM 3C "APIC-Write Emulation" */
int vmx_exit_apic_write(struct vcpu *vcpu)
{
	struct lapic_out out = { .effects = 0 };
	u32 reg = vmx_read(EXIT_QUALIFICATION) & 0xff0;

	vcpu->stats.apic_exits++;
	vectors_before(vcpu);
	lapic_write_done(&vcpu->lapic, reg, timer_now_for(vcpu, reg), &out);
	vectors_after(vcpu);
	if (trace_vintc_ipi_enabled())
		vcpu_trace_self_ipi(vcpu, reg, lapic_get(&vcpu->lapic, reg), &out);
	deliver_lapic(vcpu, &out);
	vmx_status(vcpu);
	return INNER_FAST;
}

/* The vector is in the EOI-exit bitmap; its ISR bit is clear already. */
int vmx_exit_eoi(struct vcpu *vcpu)
{
	struct lapic_out out = { .effects = 0 };
	u8 vector = vmx_read(EXIT_QUALIFICATION);

	vcpu->stats.eoi++;
	trace_vintc_eoi(vcpu->id, vector);
	if (unlikely(vcpu->eoi_tap))
		isa_edge_eoi(vcpu->vm, vector);
	lapic_eoi_done(&vcpu->lapic, vector, &out);
	deliver_lapic(vcpu, &out);
	vmx_status(vcpu);
	return INNER_FAST;
}

/* Not virtualized: writes of read-only registers, odd widths, string moves. */
int vmx_exit_apic_access(struct vcpu *vcpu, enum vcpu_exit *why)
{
	u64 q = vmx_read(EXIT_QUALIFICATION);
	u32 type = q >> 12 & 15;
	struct x86_fetch f;

	vcpu->stats.apic_exits++;
	vcpu->exit.gpa = (vcpu->lapic.base & LAPIC_BASE_ADDRESS) | (q & 0xfff);
	vcpu->exit.access = type == 1 ? MEMORY_WRITE : type == 2 ? MEMORY_EXEC : 0;
	/* Else the access is physical: of a page table. */
	vcpu->exit.gpa_valid = type <= 3;
	vcpu->vmx->dirty |= VMX_STATUS;
	vmx_need_rsp(vcpu);
	vmx_need(vcpu, VMX_OWNED);
	vmx_paging(vcpu, &f);
	if (type <= 1 && !vcpu_delivering(vcpu))
		return inner_apic(vcpu, &f, why);
	return inner_leave(why, EXIT_EMULATE);
}
