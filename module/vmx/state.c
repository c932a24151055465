// SPDX-License-Identifier: GPL-2.0-only
/*
 * The guest's registers. Those that the guest can't change without an exit are
 * kept in vmx->st and only written to the VMCS; of the others vmx->st has a copy
 * while vmx->valid says so.
 */
#include <linux/irqflags.h>

#include "../compat/compat.h"
#include "../fetch.h"
#include "../ops.h"
#include "vmx.h"

/* ------------------------------------------------------------- segments */

/* Selector, base, limit and access rights of one are that far from ES's. */
#define SEG_STEP 2

/* SDM 3C "Guest Register State", table "Format of Access Rights" */
#define AR_UNUSABLE BIT(16)

static const u8 seg_slot[X86_SEGS] = {
	[X86_ES] = 0, [X86_CS] = 1, [X86_SS] = 2,
	[X86_DS] = 3, [X86_FS] = 4, [X86_GS] = 5,
};
#define SLOT_LDTR 6
#define SLOT_TR 7

static_assert(GUEST_TR_SELECTOR == GUEST_ES_SELECTOR + SLOT_TR * SEG_STEP);
static_assert(GUEST_TR_BASE == GUEST_ES_BASE + SLOT_TR * SEG_STEP);
static_assert(GUEST_TR_LIMIT == GUEST_ES_LIMIT + SLOT_TR * SEG_STEP);
static_assert(GUEST_TR_AR_BYTES == GUEST_ES_AR_BYTES + SLOT_TR * SEG_STEP);

static void seg_get(struct x86_segment *to, unsigned int slot)
{
	u32 at = slot * SEG_STEP, ar = vmx_read(GUEST_ES_AR_BYTES + at);

	to->selector = vmx_read(GUEST_ES_SELECTOR + at);
	to->base = vmx_read(GUEST_ES_BASE + at);
	to->limit = vmx_read(GUEST_ES_LIMIT + at);
	to->unusable = ar & AR_UNUSABLE;
	to->type = ar & 15;
	to->s = ar & BIT(4);
	to->dpl = ar >> 5 & 3;
	to->present = (ar & BIT(7)) && !to->unusable;
	to->l = ar & BIT(13);
	to->db = ar & BIT(14);
	to->g = ar & BIT(15);
}

/*
 * Entry wants code and data segments accessed, and G to go with the limit (SDM 3C
 * "Checks on Guest Segment Registers"), which other hypervisors' state may not be.
 */
static void seg_set(const struct x86_segment *from, unsigned int slot)
{
	u32 at = slot * SEG_STEP, ar = AR_UNUSABLE;
	bool g = from->g;

	if (from->limit > 0xfffff)
		g = true;
	else if ((from->limit & 0xfff) != 0xfff)
		g = false;
	if (!from->unusable)
		ar = (from->type & 15) | from->s | from->s << 4 |
		     (from->dpl & 3) << 5 | from->present << 7 |
		     from->l << 13 | from->db << 14 | g << 15;
	vmx_write(GUEST_ES_SELECTOR + at, from->selector);
	vmx_write(GUEST_ES_BASE + at, from->base);
	vmx_write(GUEST_ES_LIMIT + at, from->limit);
	vmx_write(GUEST_ES_AR_BYTES + at, ar);
}

static void read_segs(struct cpu_state *st)
{
	unsigned int i;

	for (i = 0; i < X86_SEGS; i++)
		seg_get(&st->seg[i], seg_slot[i]);
	seg_get(&st->ldt, SLOT_LDTR);
	seg_get(&st->tr, SLOT_TR);
	st->gdt.base = vmx_read(GUEST_GDTR_BASE);
	st->gdt.limit = vmx_read(GUEST_GDTR_LIMIT);
	st->idt.base = vmx_read(GUEST_IDTR_BASE);
	st->idt.limit = vmx_read(GUEST_IDTR_LIMIT);
	st->cpl = st->seg[X86_SS].dpl;
}

static void write_segs(const struct cpu_state *st)
{
	struct x86_segment tr = st->tr, ss = st->seg[X86_SS];
	unsigned int i;

	for (i = 0; i < X86_SEGS; i++)
		seg_set(&st->seg[i], seg_slot[i]);
	/* There is no CPL but SS.DPL. */
	ss.dpl = st->cpl;
	seg_set(&ss, seg_slot[X86_SS]);
	seg_set(&st->ldt, SLOT_LDTR);
	/* TR is always usable, and its TSS busy. */
	tr.unusable = false;
	tr.present = true;
	tr.type |= 2;
	seg_set(&tr, SLOT_TR);
	vmx_write(GUEST_GDTR_BASE, st->gdt.base);
	vmx_write(GUEST_GDTR_LIMIT, st->gdt.limit);
	vmx_write(GUEST_IDTR_BASE, st->idt.base);
	vmx_write(GUEST_IDTR_LIMIT, st->idt.limit);
}

/* -------------------------------------------------- what hardware changes */

static void read_owned(struct vmx_vcpu *vmx, u32 groups)
{
	if (groups & VMX_SEGS)
		read_segs(&vmx->st);
	if (groups & VMX_CR3)
		vmx->st.cr3 = vmx_read(GUEST_CR3);
	vmx->valid |= groups;
}

void vmx_need(struct vcpu *vcpu, u32 groups)
{
	struct vmx_vcpu *vmx = vcpu->vmx;
	unsigned long flags;

	groups &= VMX_OWNED & ~vmx->valid;
	if (!groups)
		return;
	if (vmx->loaded) {
		read_owned(vmx, groups);
		return;
	}
	/* Where the CPUs are not ours any more the guest's last state is. */
	preempt_disable();
	vmx_claim(vcpu);
	local_irq_save(flags);
	if (vmx_begin(vcpu)) {
		read_owned(vmx, groups);
		vmx_end(vcpu);
	}
	local_irq_restore(flags);
	preempt_enable();
}

u8 vmx_cpl(struct vcpu *vcpu)
{
	if (vcpu->vmx->valid & VMX_SEGS)
		return vcpu->vmx->st.cpl;
	return vmx_read(GUEST_SS_AR_BYTES) >> 5 & 3;
}

bool vmx_long64(struct vcpu *vcpu)
{
	if (!(vcpu->efer & EFER_LMA))
		return false;
	if (vcpu->vmx->valid & VMX_SEGS)
		return vcpu->vmx->st.seg[X86_CS].l;
	return vmx_read(GUEST_CS_AR_BYTES) & BIT(13);
}

/* ----------------------------------------------------- what we alone change */

#define CR0_HIDDEN ((u64)(X86_CR0_CD | X86_CR0_NW))

/* CD and NW would turn caches off for the host's memory; VMX wants NE. */
static void write_crs(struct vcpu *vcpu)
{
	const struct cpu_state *st = &vcpu->vmx->st;

	vmx_write(GUEST_CR0, (st->cr0 & ~CR0_HIDDEN) | X86_CR0_NE | X86_CR0_ET);
	vmx_write(CR0_READ_SHADOW, st->cr0);
	/* A machine check in the guest is the host's. */
	vmx_write(GUEST_CR4, st->cr4 | X86_CR4_VMXE | X86_CR4_MCE);
	vmx_write(CR4_READ_SHADOW, st->cr4);
	vmx_write(GUEST_IA32_EFER, st->efer);
	vmx_set_control(vcpu, VMX_ENTRY, VM_ENTRY_IA32E_MODE, st->efer & EFER_LMA);
}

static void write_msrs(const struct cpu_state *st)
{
	vmx_write(GUEST_SYSENTER_CS, st->sysenter_cs);
	vmx_write(GUEST_SYSENTER_ESP, st->sysenter_esp);
	vmx_write(GUEST_SYSENTER_EIP, st->sysenter_eip);
	vmx_write(GUEST_IA32_PAT, st->pat);
}

static void write_drs(struct vcpu *vcpu)
{
	struct vmx_vcpu *vmx = vcpu->vmx;
	u64 dr7 = vmx->user_drs ? (vcpu->debug.dr7 & 0xffff03ff) | 0x400 : vmx->st.dr7;

	/* The guest's own writes exit, and so does the #DB that clears GD. */
	if (dr7 == vmx->dr7)
		return;
	vmx->dr7 = dr7;
	vmx_write(GUEST_DR7, dr7);
}

void vmx_write_state(struct vcpu *vcpu)
{
	struct vmx_vcpu *vmx = vcpu->vmx;
	u32 dirty = vmx->dirty;

	if (dirty & VMX_CONTROLS)
		vmx_write_controls(vcpu);
	if (dirty & VMX_CRS)
		write_crs(vcpu);
	if (dirty & VMX_MSRS)
		write_msrs(&vmx->st);
	if (dirty & VMX_DRS)
		write_drs(vcpu);
	if (dirty & VMX_SEGS & vmx->valid)
		write_segs(&vmx->st);
	if (dirty & VMX_CR3 & vmx->valid)
		vmx_write(GUEST_CR3, vmx->st.cr3);
}

void vmx_set_cr0(struct vcpu *vcpu, u64 cr0)
{
	if (vmx_loads_pdptes(vcpu, cr0, vcpu->cr4))
		vcpu->vmx->dirty |= VMX_PDPTES;
	vcpu->vmx->st.cr0 = cr0;
	vcpu->vmx->dirty |= VMX_CRS | VMX_FLUSH_VPID;
}

void vmx_set_cr4(struct vcpu *vcpu, u64 cr4)
{
	if (vmx_loads_pdptes(vcpu, vcpu->vmx->st.cr0, cr4))
		vcpu->vmx->dirty |= VMX_PDPTES;
	vcpu->cr4 = cr4;
	vcpu->vmx->st.cr4 = cr4;
	vcpu->vmx->dirty |= VMX_CRS | VMX_FLUSH_VPID;
}

void vmx_set_efer(struct vcpu *vcpu, u64 efer)
{
	vcpu->efer = efer;
	vcpu->vmx->st.efer = efer;
	vcpu->vmx->dirty |= VMX_CRS | VMX_FLUSH_VPID;
}

/* --------------------------------------------------------------- the core's */

void vmx_get_state(struct vcpu *vcpu, struct cpu_state *st, u32 groups)
{
	u32 owned = (groups & STATE_SEGS ? VMX_SEGS : 0) |
		    (groups & STATE_CRS ? VMX_CR3 : 0);

	vmx_need(vcpu, owned);
	*st = vcpu->vmx->st;
}

void vmx_set_state(struct vcpu *vcpu, const struct cpu_state *st, u32 groups)
{
	struct vmx_vcpu *vmx = vcpu->vmx;
	struct cpu_state *to = &vmx->st;

	if (groups & STATE_SEGS) {
		to->segs = st->segs;
		vmx->valid |= VMX_SEGS;
		vmx->dirty |= VMX_SEGS;
	}
	if (groups & STATE_CRS) {
		vmx_set_cr0(vcpu, st->cr0);
		vmx_set_cr4(vcpu, st->cr4);
		vmx_set_efer(vcpu, st->efer);
		to->cr2 = st->cr2;
		to->cr3 = st->cr3;
		vmx->valid |= VMX_CR3;
		/* However little has changed: CR3 leads elsewhere. */
		vmx->dirty |= VMX_CR3 | VMX_PDPTES;
	}
	if (groups & STATE_MSRS) {
		to->msrs = st->msrs;
		vmx->dirty |= VMX_MSRS;
	}
	if (groups & STATE_DRS) {
		to->drs = st->drs;
		vmx->dirty |= VMX_DRS;
	}
}

void vmx_paging(const struct vcpu *vcpu, struct x86_fetch *f)
{
	struct vmx_vcpu *vmx = vcpu->vmx;
	const struct x86_segment *cs = &vmx->st.seg[X86_CS];

	/* Only fills the copy; const is for who calls. */
	vmx_need((struct vcpu *)vmx->vcpu, VMX_OWNED);
	f->paging.cr0 = vmx->st.cr0;
	f->paging.cr3 = vmx->st.cr3;
	f->paging.cr4 = vcpu->cr4;
	f->paging.efer = vcpu->efer;
	f->paging.rflags = vcpu->rflags;
	f->paging.phys_bits = vcpu->phys_bits;
	f->paging.pkru = vcpu->pkru;
	f->paging.nx = true;
	f->user = vmx->st.cpl == 3;
	f->n = 0;
	if ((vcpu->efer & EFER_LMA) && cs->l) {
		f->mode = X86_LONG64;
		f->linear = vcpu->rip;
		return;
	}
	f->linear = (u32)(cs->base + vcpu->rip);
	if (!(vmx->st.cr0 & X86_CR0_PE) || (vcpu->rflags & X86_EFLAGS_VM))
		f->mode = X86_REAL;
	else
		f->mode = cs->db ? X86_PROT32 : X86_PROT16;
}
