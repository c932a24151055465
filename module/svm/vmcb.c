// SPDX-License-Identifier: GPL-2.0-only
/* The VMCB: its making, and the guest's registers in it. */
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <asm/msr.h>
#include <asm/processor-flags.h>

#include "../compat/compat.h"
#include "../msr_filter.h"
#include "../switch.h"
#include "../yield.h"
#include "svm.h"

/*
 * Permission maps are the same for every guest: all ports are intercepted, and
 * all MSRs but those that VMLOAD and VMSAVE switch. A VM with a filter has all
 * of them intercepted.
 */
#define IOPM_PAGES 3
#define MSRPM_PAGES 2
static void *iopm, *msrpm[2][2]; /* [filter][x2AVIC] */

/* Three ranges of 0x2000 MSRs, two bits each (read, write), 2 KiB apart. */
#define MSR_READ 0
#define MSR_WRITE 1

static void msr_allow(void *map, u32 msr, u32 access)
{
	u32 bit = (msr & 0x1fff) * 2 + access;

	if (msr >= 0xc0010000)
		bit += 0x4000 * 2;
	else if (msr >= 0xc0000000)
		bit += 0x4000;
	__clear_bit(bit, map);
}

/*
 * What x2AVIC does by itself, and what can be read from the page. Writes that
 * would only trap exit before, so that reserved bits are checked, and so does
 * SELF_IPI, which not every CPU may know.
 */
static void allow_x2avic(void *map)
{
	static const u16 read[] = {
		LAPIC_ID, LAPIC_VERSION, LAPIC_TPR, LAPIC_PPR, LAPIC_LDR,
		LAPIC_SVR, LAPIC_ESR, LAPIC_ICR, LAPIC_LVT_TIMER,
		LAPIC_LVT_THERMAL, LAPIC_LVT_PERFMON, LAPIC_LVT_LINT0,
		LAPIC_LVT_LINT1, LAPIC_LVT_ERROR, LAPIC_TIMER_INITIAL,
		LAPIC_TIMER_DIVIDE,
	};
	static const u16 write[] = { LAPIC_TPR, LAPIC_EOI, LAPIC_ICR };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(read); i++)
		msr_allow(map, 0x800 + (read[i] >> 4), MSR_READ);
	for (i = LAPIC_ISR; i < LAPIC_ESR; i += 16)
		msr_allow(map, 0x800 + (i >> 4), MSR_READ);
	for (i = 0; i < ARRAY_SIZE(write); i++)
		msr_allow(map, 0x800 + (write[i] >> 4), MSR_WRITE);
}

int svm_maps_init(void)
{
	static const u32 switched[] = {
		MSR_STAR, MSR_LSTAR, MSR_CSTAR, MSR_SYSCALL_MASK,
		MSR_FS_BASE, MSR_GS_BASE, MSR_KERNEL_GS_BASE,
		MSR_IA32_SYSENTER_CS, MSR_IA32_SYSENTER_ESP,
		MSR_IA32_SYSENTER_EIP,
	};
	unsigned int i;

	iopm = alloc_pages_exact(IOPM_PAGES * PAGE_SIZE, GFP_KERNEL);
	for (i = 0; i < 4; i++) {
		void *map = alloc_pages_exact(MSRPM_PAGES * PAGE_SIZE, GFP_KERNEL);

		msrpm[i / 2][i % 2] = map;
		if (!map)
			return -ENOMEM;
		memset(map, 0xff, MSRPM_PAGES * PAGE_SIZE);
	}
	if (!iopm)
		return -ENOMEM;
	memset(iopm, 0xff, IOPM_PAGES * PAGE_SIZE);
	for (i = 0; i < 2 * ARRAY_SIZE(switched); i++) {
		msr_allow(msrpm[0][0], switched[i / 2], i % 2);
		msr_allow(msrpm[0][1], switched[i / 2], i % 2);
	}
	allow_x2avic(msrpm[0][1]);
	allow_x2avic(msrpm[1][1]);
	return 0;
}

void svm_maps_exit(void)
{
	unsigned int i;

	if (iopm)
		free_pages_exact(iopm, IOPM_PAGES * PAGE_SIZE);
	for (i = 0; i < 4; i++) {
		if (msrpm[i / 2][i % 2])
			free_pages_exact(msrpm[i / 2][i % 2], MSRPM_PAGES * PAGE_SIZE);
		msrpm[i / 2][i % 2] = NULL;
	}
	iopm = NULL;
}

/*
 * Everything that could reach host state which isn't switched, and everything
 * the core must see. #DB and #AC would otherwise loop in microcode for ever
 * (CVE-2015-8104, CVE-2015-5307); #UD may be VMCALL (pv_undefined()); #MC is the
 * host's.
 */
static const u8 intercepts[] = {
	INTERCEPT_CR4_WRITE, INTERCEPT_SELECTIVE_CR0,
	INTERCEPT_EXCEPTION + 1, INTERCEPT_EXCEPTION + 6,
	INTERCEPT_EXCEPTION + 17, INTERCEPT_EXCEPTION + 18,
	INTERCEPT_INTR, INTERCEPT_NMI, INTERCEPT_SMI, INTERCEPT_INIT,
	INTERCEPT_RDPMC, INTERCEPT_CPUID, INTERCEPT_INVD, INTERCEPT_HLT,
	INTERCEPT_INVLPGA, INTERCEPT_IOIO_PROT, INTERCEPT_MSR_PROT,
	INTERCEPT_TASK_SWITCH, INTERCEPT_SHUTDOWN, INTERCEPT_RSM,
	INTERCEPT_VMRUN, INTERCEPT_VMMCALL, INTERCEPT_VMLOAD,
	INTERCEPT_VMSAVE, INTERCEPT_STGI, INTERCEPT_CLGI, INTERCEPT_SKINIT,
	INTERCEPT_WBINVD, INTERCEPT_MONITOR, INTERCEPT_MWAIT,
	INTERCEPT_XSETBV, INTERCEPT_RDPRU, INTERCEPT_INVLPGB,
	INTERCEPT_INVLPGB_ILLEGAL, INTERCEPT_MCOMMIT, INTERCEPT_TLBSYNC,
};

void svm_intercepts_changed(struct vcpu *vcpu)
{
	struct vmcb_page *vmcb = svm_vmcb(vcpu);

	svm_intercept(vmcb, INTERCEPT_HLT, !vcpu->vm->hlt_in_guest);
	svm_intercept(vmcb, INTERCEPT_PAUSE,
		      svm_features.pause_count && !vcpu->vm->pause_in_guest);
	vmcb->c.pause_filter_count = spin_window(vcpu, svm_features.pause_count, U16_MAX);
	vmcb->c.pause_filter_threshold = svm_features.pause_threshold;
	vmcb_dirty(vmcb, VMCB_INTERCEPTS);
	/* No filter is for the x2APIC's. */
	vmcb->c.msrpm_base_pa =
		virt_to_phys(msrpm[msr_filtered(vcpu->vm)]
				  [vcpu->svm->avic.mode == AVIC_X2APIC]);
	vmcb_dirty(vmcb, VMCB_PERM_MAPS);
}

static void init_control(struct vcpu *vcpu)
{
	struct vmcb_control *c = &svm_vmcb(vcpu)->c;
	unsigned int i;

	memset(c, 0, sizeof(*c));
	for (i = 0; i < ARRAY_SIZE(intercepts); i++)
		c->intercepts[intercepts[i] / 32] |= BIT(intercepts[i] % 32);
	for (i = INTERCEPT_DR0_READ; i <= INTERCEPT_DR7_WRITE; i++)
		if (i <= INTERCEPT_DR7_READ || i >= INTERCEPT_DR0_WRITE)
			c->intercepts[i / 32] |= BIT(i % 32);
	c->iopm_base_pa = virt_to_phys(iopm);
	c->tsc_offset = vcpu->tsc_offset;
	c->int_ctl = VMCB_V_INTR_MASKING |
		     (svm_features.vnmi ? VMCB_V_NMI_ENABLE : 0);
	c->nested_ctl = BIT(0);
	c->nested_cr3 = memory_root(&vcpu->vm->mem);
	avic_fill_vmcb(vcpu);
}

void svm_vcpu_reset(struct vcpu *vcpu, bool init)
{
	struct svm_vcpu *svm = vcpu->svm;

	init_control(vcpu);
	if (!init)
		memset(&svm->vmcb->s, 0, sizeof(svm->vmcb->s));
	svm->asid.generation = 0;
	svm->nmi_iret = svm->nmi_step = svm->window = false;
	if (!init)
		svm->cr0_hidden = 0;
	svm_intercepts_changed(vcpu);
	svm_cpuid_changed(vcpu);
	svm_debug_changed(vcpu);
}

int svm_vcpu_create(struct vcpu *vcpu)
{
	struct svm_vcpu *svm = kzalloc(sizeof(*svm), GFP_KERNEL_ACCOUNT);

	if (!svm)
		return -ENOMEM;
	vcpu->svm = svm;
	avic_vcpu_init(&svm->avic);
	svm->vmcb = (void *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	if (!svm->vmcb)
		return -ENOMEM;
	svm->vmcb_pa = virt_to_phys(svm->vmcb);
	return 0;
}

void svm_vcpu_free(struct vcpu *vcpu)
{
	if (!vcpu->svm)
		return;
	/* A new vCPU at the same address must not be taken for this one. */
	switch_forget(vcpu);
	free_page((unsigned long)vcpu->svm->vmcb);
	kfree(vcpu->svm);
	vcpu->svm = NULL;
}

void svm_tsc_changed(struct vcpu *vcpu)
{
	svm_vmcb(vcpu)->c.tsc_offset = vcpu->tsc_offset;
	vmcb_dirty(svm_vmcb(vcpu), VMCB_INTERCEPTS);
}

void svm_cpuid_changed(struct vcpu *vcpu)
{
	/* RDTSCP reads TSC_AUX, which is switched, but must not exist. */
	svm_intercept(svm_vmcb(vcpu), INTERCEPT_RDTSCP,
		      !cpuid_has(vcpu, X86_FEATURE_RDTSCP));
	/* INVPCID is harmless under nested paging, but must not exist. */
	svm_intercept(svm_vmcb(vcpu), INTERCEPT_INVPCID,
		      !cpuid_has(vcpu, X86_FEATURE_INVPCID));
}

/* ------------------------------------------------------------- segments */

/* Attributes are the descriptor's bits 55:52 and 47:40 (APM 2 "VMCB State Save
 * Area").
 */
static void seg_get(struct x86_segment *to, const struct vmcb_seg *from)
{
	u16 a = from->attrib;

	to->base = from->base;
	to->limit = from->limit;
	to->selector = from->selector;
	to->type = a & 0xf;
	to->s = a & BIT(4);
	to->dpl = (a >> 5) & 3;
	to->present = a & BIT(7);
	to->l = a & BIT(9);
	to->db = a & BIT(10);
	to->g = a & BIT(11);
	to->unusable = !to->present;
}

static void seg_set(struct vmcb_seg *to, const struct x86_segment *from)
{
	to->base = from->base;
	to->limit = from->limit;
	to->selector = from->selector;
	to->attrib = 0;
	if (from->unusable)
		return;
	to->attrib = (from->type & 0xf) | from->s << 4 | (from->dpl & 3) << 5 |
		     from->present << 7 | from->l << 9 | from->db << 10 |
		     from->g << 11;
}

static void get_segs(const struct vmcb_save *s, struct cpu_state *st)
{
	seg_get(&st->seg[X86_ES], &s->es);
	seg_get(&st->seg[X86_CS], &s->cs);
	seg_get(&st->seg[X86_SS], &s->ss);
	seg_get(&st->seg[X86_DS], &s->ds);
	seg_get(&st->seg[X86_FS], &s->fs);
	seg_get(&st->seg[X86_GS], &s->gs);
	seg_get(&st->tr, &s->tr);
	seg_get(&st->ldt, &s->ldtr);
	st->gdt = (struct cpu_table){ s->gdtr.base, s->gdtr.limit };
	st->idt = (struct cpu_table){ s->idtr.base, s->idtr.limit };
	st->cpl = s->cpl;
}

static void set_segs(struct vmcb_page *vmcb, const struct cpu_state *st)
{
	struct vmcb_save *s = &vmcb->s;

	seg_set(&s->es, &st->seg[X86_ES]);
	seg_set(&s->cs, &st->seg[X86_CS]);
	seg_set(&s->ss, &st->seg[X86_SS]);
	seg_set(&s->ds, &st->seg[X86_DS]);
	seg_set(&s->fs, &st->seg[X86_FS]);
	seg_set(&s->gs, &st->seg[X86_GS]);
	seg_set(&s->tr, &st->tr);
	seg_set(&s->ldtr, &st->ldt);
	s->gdtr.base = st->gdt.base;
	s->gdtr.limit = st->gdt.limit;
	s->idtr.base = st->idt.base;
	s->idtr.limit = st->idt.limit;
	s->cpl = st->cpl;
	vmcb_dirty(vmcb, VMCB_SEGS);
	vmcb_dirty(vmcb, VMCB_DT);
}

/* ---------------------------------------------------- control registers */

u64 svm_get_cr0(const struct vcpu *vcpu)
{
	return (svm_vmcb(vcpu)->s.cr0 & ~SVM_CR0_HIDDEN) | vcpu->svm->cr0_hidden;
}

/*
 * CD and NW would turn caches off for the host's memory: they are kept for the
 * guest to read and not given to hardware. While they differ reads exit, and all
 * writes: the selective intercept compares with what hardware has.
 */
void svm_set_cr0(struct vcpu *vcpu, u64 cr0)
{
	struct vmcb_page *vmcb = svm_vmcb(vcpu);

	vcpu->svm->cr0_hidden = cr0 & SVM_CR0_HIDDEN;
	vmcb->s.cr0 = (cr0 & ~SVM_CR0_HIDDEN) | X86_CR0_ET;
	svm_intercept(vmcb, INTERCEPT_CR0_READ, vcpu->svm->cr0_hidden);
	svm_intercept(vmcb, INTERCEPT_CR0_WRITE, vcpu->svm->cr0_hidden);
	vmcb_dirty(vmcb, VMCB_CRX);
	vcpu->svm->asid.flush = true;
}

/* A machine check in the guest is the host's, whatever the guest's CR4.MCE. */
void svm_set_cr4(struct vcpu *vcpu, u64 cr4)
{
	struct vmcb_page *vmcb = svm_vmcb(vcpu);

	vcpu->cr4 = cr4;
	vmcb->s.cr4 = cr4 | X86_CR4_MCE;
	svm_intercept(vmcb, INTERCEPT_CR4_READ, !(cr4 & X86_CR4_MCE));
	vmcb_dirty(vmcb, VMCB_CRX);
	vcpu->svm->asid.flush = true;
}

/* VMRUN demands EFER.SVME; the guest doesn't see it. */
void svm_set_efer(struct vcpu *vcpu, u64 efer)
{
	vcpu->efer = efer;
	svm_vmcb(vcpu)->s.efer = efer | EFER_SVME;
	vmcb_dirty(svm_vmcb(vcpu), VMCB_CRX);
	vcpu->svm->asid.flush = true;
}

void svm_get_state(struct vcpu *vcpu, struct cpu_state *st, u32 groups)
{
	const struct vmcb_save *s = &svm_vmcb(vcpu)->s;

	if (groups & STATE_SEGS)
		get_segs(s, st);
	if (groups & STATE_CRS) {
		st->cr0 = svm_get_cr0(vcpu);
		st->cr2 = s->cr2;
		st->cr3 = s->cr3;
		st->cr4 = vcpu->cr4;
		st->efer = vcpu->efer;
	}
	if (groups & STATE_MSRS) {
		st->star = s->star;
		st->lstar = s->lstar;
		st->cstar = s->cstar;
		st->sfmask = s->sfmask;
		st->kernel_gs_base = s->kernel_gs_base;
		st->sysenter_cs = s->sysenter_cs;
		st->sysenter_esp = s->sysenter_esp;
		st->sysenter_eip = s->sysenter_eip;
		st->pat = s->g_pat;
	}
	if (groups & STATE_DRS) {
		st->dr6 = *svm_dr6(vcpu);
		st->dr7 = *svm_dr7(vcpu);
	}
}

void svm_set_state(struct vcpu *vcpu, const struct cpu_state *st, u32 groups)
{
	struct vmcb_page *vmcb = svm_vmcb(vcpu);
	struct vmcb_save *s = &vmcb->s;

	if (groups & STATE_SEGS)
		set_segs(vmcb, st);
	if (groups & STATE_CRS) {
		svm_set_cr0(vcpu, st->cr0);
		svm_set_cr4(vcpu, st->cr4);
		svm_set_efer(vcpu, st->efer);
		s->cr2 = st->cr2;
		s->cr3 = st->cr3;
		vmcb_dirty(vmcb, VMCB_CR2_GROUP);
	}
	if (groups & STATE_MSRS) {
		s->star = st->star;
		s->lstar = st->lstar;
		s->cstar = st->cstar;
		s->sfmask = st->sfmask;
		s->kernel_gs_base = st->kernel_gs_base;
		s->sysenter_cs = st->sysenter_cs;
		s->sysenter_esp = st->sysenter_esp;
		s->sysenter_eip = st->sysenter_eip;
		s->g_pat = st->pat;
		vmcb_dirty(vmcb, VMCB_NPT);
	}
	if (groups & STATE_DRS) {
		*svm_dr6(vcpu) = st->dr6;
		*svm_dr7(vcpu) = st->dr7;
		vmcb_dirty(vmcb, VMCB_DRX);
	}
}

void svm_paging(const struct vcpu *vcpu, struct x86_fetch *f)
{
	const struct vmcb_control *c = &svm_vmcb(vcpu)->c;
	const struct vmcb_save *s = &svm_vmcb(vcpu)->s;

	f->paging.cr0 = s->cr0;
	f->paging.cr3 = s->cr3;
	f->paging.cr4 = vcpu->cr4;
	f->paging.efer = vcpu->efer;
	f->paging.rflags = vcpu->rflags;
	f->paging.phys_bits = vcpu->phys_bits;
	f->paging.pkru = vcpu->pkru;
	f->paging.nx = true;
	f->user = s->cpl == 3;
	/* APM 2 "Nested and intercepted #PF": the bytes are those of a data
	 * access; a fetch that faulted has none.
	 */
	f->n = 0;
	if (svm_features.decode_assist && c->exit_code == SVM_EXIT_NPF) {
		f->n = min_t(u8, c->insn_len & 0xf, X86_INSN_MAX);
		f->bytes = c->insn_bytes;
	}
	if ((vcpu->efer & EFER_LMA) && (s->cs.attrib & BIT(9))) {
		f->mode = X86_LONG64;
		f->linear = vcpu->rip;
		return;
	}
	f->linear = (u32)(s->cs.base + vcpu->rip);
	if (!(s->cr0 & X86_CR0_PE) || (vcpu->rflags & X86_EFLAGS_VM))
		f->mode = X86_REAL;
	else
		f->mode = s->cs.attrib & BIT(10) ? X86_PROT32 : X86_PROT16;
}
