/* SPDX-License-Identifier: GPL-2.0-only */
/* The SVM backend's own declarations. */
#ifndef VINTC_SVM_H
#define VINTC_SVM_H

#include <linux/percpu.h>
#include <asm/msr-index.h>
#include <asm/processor-flags.h>
#include <uapi/asm/svm.h>

#include "../vm.h"
#include "asid.h"
#include "avic.h"
#include "vmcb.h"

/**
 * struct svm_features - what this machine's SVM offers; set once by svm_probe()
 * @avic: AVIC is there and is used; @x2avic likewise
 * @avic_ipi: and CPUs may take IsRunning from the physical table
 * @vnmi: the CPU masks NMIs until IRET and keeps one pending meanwhile
 * @pause_count: PAUSEs that a guest may loop over, or 0: no exit
 * @pause_threshold: of cycles between two of them, beyond which it is no loop; 0 where the
 *                   CPU doesn't look
 * @nasid: number of ASIDs
 */
struct svm_features {
	bool nrip_save, decode_assist, flush_by_asid, clean_bits;
	bool v_spec_ctrl, npt_1g;
	bool avic, x2avic, avic_ipi;
	bool vnmi;
	u16 pause_count, pause_threshold;
	u32 nasid;
};

extern struct svm_features svm_features __ro_after_init;

/**
 * struct svm_cpu - what one CPU needs to run guests
 * @hsave: VM_HSAVE_PA's page, which VMRUN uses
 * @host: VMSAVE's page: host FS, GS, TR, LDTR and syscall MSRs
 * @asids: of this CPU
 */
struct svm_cpu {
	struct page *hsave;
	struct page *host;
	u64 host_pa;
	struct asid_cpu asids;
};

DECLARE_PER_CPU(struct svm_cpu, svm_cpu);

/* Intercepts of the last entry that only some moments need. */
struct svm_vcpu {
	struct vmcb_page *vmcb;
	u64 vmcb_pa;
	struct asid_vcpu asid; /* on CPU vcpu->cpu */
	struct avic avic;
	u64 cr0_hidden; /* CD and NW as the guest has set them */
	u64 nmi_iret_rip; /* IRET that ends NMI masking, when @nmi_iret */
	bool nmi_iret;
	bool nmi_step; /* TF is ours: single-stepping that IRET or a shadow */
	bool step_had_tf;
	bool window; /* V_IRQ stands in for an interrupt that can't go in yet */
	bool user_drs; /* the VMCB's DR6 and DR7 are user space's breakpoints' */
	u64 dr6, dr7; /* the guest's, meanwhile */
};

static inline struct vmcb_page *svm_vmcb(const struct vcpu *vcpu)
{
	return vcpu->svm->vmcb;
}

/* The CPU caches @group of the VMCB: tell it that it has changed. */
static inline void vmcb_dirty(struct vmcb_page *vmcb, enum vmcb_group group)
{
	vmcb->c.clean &= ~BIT(group);
}

static inline void svm_intercept(struct vmcb_page *vmcb, u32 bit, bool on)
{
	u32 old = vmcb->c.intercepts[bit / 32];
	u32 new = on ? old | BIT(bit % 32) : old & ~BIT(bit % 32);

	if (old == new)
		return;
	vmcb->c.intercepts[bit / 32] = new;
	vmcb_dirty(vmcb, VMCB_INTERCEPTS);
}

#define SVM_CR0_HIDDEN ((u64)(X86_CR0_CD | X86_CR0_NW))

static inline bool svm_long64(const struct vcpu *vcpu)
{
	return (vcpu->efer & EFER_LMA) && (svm_vmcb(vcpu)->s.cs.attrib & BIT(9));
}

/* vmcb.c */
int svm_vcpu_create(struct vcpu *vcpu);
void svm_vcpu_free(struct vcpu *vcpu);
void svm_vcpu_reset(struct vcpu *vcpu, bool init);
void svm_get_state(struct vcpu *vcpu, struct cpu_state *st, u32 groups);
void svm_set_state(struct vcpu *vcpu, const struct cpu_state *st, u32 groups);
void svm_tsc_changed(struct vcpu *vcpu);
void svm_cpuid_changed(struct vcpu *vcpu);
void svm_paging(const struct vcpu *vcpu, struct x86_fetch *f);
void svm_intercepts_changed(struct vcpu *vcpu);
void svm_debug_changed(struct vcpu *vcpu);
u64 *svm_dr6(struct vcpu *vcpu);
u64 *svm_dr7(struct vcpu *vcpu);
u64 svm_get_cr0(const struct vcpu *vcpu);
void svm_set_cr0(struct vcpu *vcpu, u64 cr0);
void svm_set_cr4(struct vcpu *vcpu, u64 cr4);
void svm_set_efer(struct vcpu *vcpu, u64 efer);
int svm_maps_init(void);
void svm_maps_exit(void);

/* run.c */
enum vcpu_exit svm_run(struct vcpu *vcpu);

/* inject.c */
/* Interrupts off, just before entry: what is to be injected, and windows. */
void svm_inject(struct vcpu *vcpu);
/* Just after an exit: what had been on its way and must go again. */
void svm_collect(struct vcpu *vcpu);
void svm_iret(struct vcpu *vcpu);
void svm_nmi_unmask(struct vcpu *vcpu);

/* exit.c */
/* Interrupts off. @why is set with INNER_LEAVE. */
int svm_handle_exit(struct vcpu *vcpu, enum vcpu_exit *why);
/* RDMSR or WRMSR; a load or store to the xAPIC at exit.gpa. */
int svm_do_msr(struct vcpu *vcpu, bool write, enum vcpu_exit *why);
int svm_do_apic_access(struct vcpu *vcpu, enum vcpu_exit *why);

/* registers.c */
int svm_exit_cr(struct vcpu *vcpu, enum vcpu_exit *why);
int svm_exit_dr(struct vcpu *vcpu, enum vcpu_exit *why);

/* enter.S */
void svm_enter(u64 *gpr, u64 vmcb_pa, u64 host_pa);

#endif
