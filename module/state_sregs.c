// SPDX-License-Identifier: GPL-2.0-only
/* KVM_GET/SET_SREGS(2): segments, control registers, EFER, APIC base. */
#include <linux/string.h>
#include <asm/cpufeature.h>
#include <asm/msr-index.h>
#include <asm/processor-flags.h>

#include "state.h"
#include "vm.h"
#include "x86/cpuid.h"
#include "x86/msr.h"

/* --------------------------------------------------------------- checks */

/* SDM 3A "Control Registers"; APM 2 "VMRUN", "Canonicalization and
 * Consistency Checks".
 */
static bool cr0_valid(u64 cr0)
{
	const u64 bits = X86_CR0_PE | X86_CR0_MP | X86_CR0_EM | X86_CR0_TS |
			 X86_CR0_ET | X86_CR0_NE | X86_CR0_WP | X86_CR0_AM |
			 X86_CR0_NW | X86_CR0_CD | X86_CR0_PG;

	if (cr0 & ~bits)
		return false;
	if ((cr0 & X86_CR0_NW) && !(cr0 & X86_CR0_CD))
		return false;
	return !(cr0 & X86_CR0_PG) || (cr0 & X86_CR0_PE);
}

/*
 * Paging, long mode and what they ask of each other. LMA must say what LME and
 * PG add up to: user space has it from us or has thought about it.
 */
static bool paging_valid(const struct vcpu *vcpu, const struct kvm_sregs *s)
{
	bool lma = (s->efer & EFER_LME) && (s->cr0 & X86_CR0_PG);

	if (s->cr3 >> vcpu->phys_bits)
		return false;
	if (lma != !!(s->efer & EFER_LMA))
		return false;
	if (lma)
		return (s->cr4 & X86_CR4_PAE) && !(s->cs.l && s->cs.db);
	/* PCIDE outside long mode is taken, as by KVM; VMX doesn't enter with it. */
	return !s->cs.l;
}

static bool sregs_valid(const struct vcpu *vcpu, const struct kvm_sregs *s)
{
	return cr0_valid(s->cr0) && !(s->cr4 & ~cpuid_cr4_allowed(vcpu)) &&
	       !(s->efer & ~cpuid_efer_bits(vcpu, true)) &&
	       paging_valid(vcpu, s) && s->cr8 <= 15 &&
	       msr_apic_base_valid(vcpu, s->apic_base);
}

/* ------------------------------------------------------------- segments */

static void segment_to_user(struct kvm_segment *out, const struct x86_segment *s)
{
	*out = (struct kvm_segment){
		.base = s->base,
		.limit = s->limit,
		.selector = s->selector,
		.type = s->type,
		.present = s->present,
		.dpl = s->dpl,
		.db = s->db,
		.s = s->s,
		.l = s->l,
		.g = s->g,
		.unusable = s->unusable,
	};
}

static void segment_from_user(struct x86_segment *s, const struct kvm_segment *in)
{
	bool present = in->present && !in->unusable;

	*s = (struct x86_segment){
		.base = in->base,
		.limit = in->limit,
		.selector = in->selector,
		.type = in->type & 0xf,
		.present = present,
		.dpl = in->dpl & 3,
		.db = in->db,
		.s = in->s,
		.l = in->l,
		.g = in->g,
		.unusable = !present,
	};
}

static void segments_to_user(struct kvm_sregs *s, const struct cpu_state *st)
{
	segment_to_user(&s->cs, &st->seg[X86_CS]);
	segment_to_user(&s->ds, &st->seg[X86_DS]);
	segment_to_user(&s->es, &st->seg[X86_ES]);
	segment_to_user(&s->fs, &st->seg[X86_FS]);
	segment_to_user(&s->gs, &st->seg[X86_GS]);
	segment_to_user(&s->ss, &st->seg[X86_SS]);
	segment_to_user(&s->tr, &st->tr);
	segment_to_user(&s->ldt, &st->ldt);
	s->gdt.base = st->gdt.base;
	s->gdt.limit = st->gdt.limit;
	s->idt.base = st->idt.base;
	s->idt.limit = st->idt.limit;
}

static void segments_from_user(struct cpu_state *st, const struct kvm_sregs *s)
{
	segment_from_user(&st->seg[X86_CS], &s->cs);
	segment_from_user(&st->seg[X86_DS], &s->ds);
	segment_from_user(&st->seg[X86_ES], &s->es);
	segment_from_user(&st->seg[X86_FS], &s->fs);
	segment_from_user(&st->seg[X86_GS], &s->gs);
	segment_from_user(&st->seg[X86_SS], &s->ss);
	segment_from_user(&st->tr, &s->tr);
	segment_from_user(&st->ldt, &s->ldt);
	st->gdt.base = s->gdt.base;
	st->gdt.limit = s->gdt.limit;
	st->idt.base = s->idt.base;
	st->idt.limit = s->idt.limit;
	/* SS.DPL is the CPL, also where CS is conforming (SDM 3A). */
	st->cpl = st->seg[X86_SS].dpl;
}

/* ------------------------------------------------------------------ get */

void state_get_sregs(struct vcpu *vcpu, struct kvm_sregs *s)
{
	struct cpu_state st;
	u8 vector = vcpu->event.interrupt.vector;

	memset(s, 0, sizeof(*s));
	vcpu->vm->ops->get_state(vcpu, &st, STATE_SEGS | STATE_CRS);
	segments_to_user(s, &st);
	s->cr0 = st.cr0;
	s->cr2 = st.cr2;
	s->cr3 = st.cr3;
	s->cr4 = st.cr4;
	/* Outside of long mode the bit is software's, and none that can be set. */
	if (!(st.efer & EFER_LMA))
		s->cs.l = 0;
	s->cr8 = vcpu->has_lapic ? lapic_get_cr8(&vcpu->lapic) : vcpu->cr8;
	s->efer = st.efer;
	s->apic_base = vcpu->lapic.base;
	if (vcpu->event.interrupt.injected && !vcpu->event.interrupt.soft)
		s->interrupt_bitmap[vector / 64] |= BIT_ULL(vector % 64);
}

/* The two structs are alike up to here. */
#define SREGS_COMMON offsetof(struct kvm_sregs, interrupt_bitmap)
static_assert(SREGS_COMMON == offsetof(struct kvm_sregs2, flags));

/*
 * PDPTRS_VALID is never set: with nested paging the PDPTEs are read from guest
 * memory (APM 2 "Nested Paging"), there are none but those.
 */
void state_get_sregs2(struct vcpu *vcpu, struct kvm_sregs2 *s)
{
	struct kvm_sregs common;

	state_get_sregs(vcpu, &common);
	memset(s, 0, sizeof(*s));
	memcpy(s, &common, SREGS_COMMON);
}

/* ------------------------------------------------------------------ set */

static void set_cr8(struct vcpu *vcpu, u8 cr8)
{
	struct lapic_out out = { .effects = 0 };

	if (!vcpu->has_lapic) {
		vcpu->cr8 = cr8;
		return;
	}
	lapic_set_cr8(&vcpu->lapic, cr8, &out);
	deliver_lapic(vcpu, &out);
}

/* A boot processor put back to its reset vector runs, whatever it did before. */
static bool at_reset_vector(const struct vcpu *vcpu, const struct cpu_state *st)
{
	return vcpu_is_bsp(vcpu) && vcpu->rip == 0xfff0 &&
	       st->seg[X86_CS].selector == 0xf000 &&
	       st->seg[X86_CS].base == 0xffff0000 && !(st->cr0 & X86_CR0_PE);
}

static int set_common(struct vcpu *vcpu, const struct kvm_sregs *s)
{
	struct cpu_state st;

	if (!sregs_valid(vcpu, s))
		return -EINVAL;
	/* The engine may still say no: first, before anything has changed. */
	if (s->apic_base != vcpu->lapic.base &&
	    msr_write(vcpu, MSR_IA32_APICBASE, s->apic_base, true))
		return -EINVAL;

	vcpu->vm->ops->get_state(vcpu, &st, STATE_SEGS | STATE_CRS);
	segments_from_user(&st, s);
	st.cr0 = s->cr0 | X86_CR0_ET;
	st.cr2 = s->cr2;
	st.cr3 = s->cr3;
	st.cr4 = s->cr4;
	st.efer = s->efer;
	vcpu->vm->ops->set_state(vcpu, &st, STATE_SEGS | STATE_CRS);
	set_cr8(vcpu, s->cr8);
	/* The guest flushed nothing when these changed under it. */
	vcpu_request(vcpu, REQ_TLB_FLUSH);
	if (at_reset_vector(vcpu, &st)) {
		WRITE_ONCE(vcpu->mp_state, KVM_MP_STATE_RUNNABLE);
		vcpu_request(vcpu, REQ_APICV_UPDATE);
	}
	return 0;
}

int state_set_sregs(struct vcpu *vcpu, const struct kvm_sregs *s)
{
	unsigned int i;
	int ret = set_common(vcpu, s);

	if (ret)
		return ret;
	for (i = 0; i < ARRAY_SIZE(s->interrupt_bitmap); i++) {
		if (!s->interrupt_bitmap[i])
			continue;
		vcpu->event.interrupt.vector =
			i * 64 + __ffs(s->interrupt_bitmap[i]);
		vcpu->event.interrupt.injected = true;
		vcpu->event.interrupt.soft = false;
		break;
	}
	return 0;
}

int state_set_sregs2(struct vcpu *vcpu, const struct kvm_sregs2 *s)
{
	bool pae = (s->cr0 & X86_CR0_PG) && (s->cr4 & X86_CR4_PAE) &&
		   !(s->efer & EFER_LMA);
	struct kvm_sregs common = {};

	if (s->flags & ~KVM_SREGS2_FLAGS_PDPTRS_VALID)
		return -EINVAL;
	if ((s->flags & KVM_SREGS2_FLAGS_PDPTRS_VALID) && !pae)
		return -EINVAL;
	memcpy(&common, s, SREGS_COMMON);
	return set_common(vcpu, &common);
}
