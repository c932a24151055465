/* SPDX-License-Identifier: GPL-2.0-only */
/* The VMX backend's own declarations. */
#ifndef VINTC_VMX_H
#define VINTC_VMX_H

#include <linux/percpu.h>
#include <asm/msr-index.h>
#include <asm/processor-flags.h>
#include <uapi/asm/vmx.h>

#include "../vm.h"
#include "insn.h"

/* The kernel has changed its name for it. */
#define VMX_CPU2_XSAVES BIT(20)

/* Words of controls, struct vmx_caps. */
enum vmx_word { VMX_PIN, VMX_CPU, VMX_CPU2, VMX_CPU3, VMX_EXIT, VMX_ENTRY, VMX_WORDS };

static_assert((int)VMX_WORDS == 6);

/**
 * struct vmx_caps - what this machine's VMX offers; set once by vmx_probe()
 * @revision: of the VMCS
 * @control: the controls every VMCS starts with, those that must be 1 included
 * @allowed: those that may be 1
 * @ept_ad: EPT has accessed and dirty bits
 * @soft_len0: an instruction length of 0 is accepted with software events
 * @apicv: APIC-register virtualization, virtual-interrupt delivery and posted
 *         interrupts, all of them
 * @x2apic: APIC accesses of x2APIC mode are virtualized, too
 * @ipiv: with APICv also IPIs to other vCPUs
 * @invept, @invvpid: types to use, or 0
 * @timer_shift: the preemption timer counts when this bit of the TSC changes
 * @ple_window: TSC ticks of a loop of PAUSE before an exit, or 0: none exits
 * @ple_gap: TSC ticks between two of them, beyond which it is no loop
 * @l1d_flush: L1TF: the L1 data cache is flushed when a guest is loaded
 */
struct vmx_caps {
	u32 revision;
	u32 control[VMX_WORDS];
	u32 allowed[VMX_WORDS];
	bool ept_ad, ept_1g, ept_5level;
	bool vpid, soft_len0;
	bool apicv, x2apic, ipiv;
	bool tpr_shadow;
	bool xsaves;
	u8 invept, invvpid;
	u8 timer_shift;
	u32 ple_gap, ple_window;
	bool l1d_flush;
};

extern struct vmx_caps vmx_caps __ro_after_init;

struct vmcs_page {
	u32 revision;
	u32 abort;
	u8 data[PAGE_SIZE - 8];
};

/*
 * What is to be done before the next entry, vmx->dirty: one word, so that an entry
 * to which nothing has happened looks at one. The first two are the groups of
 * vmx->st that hardware changes, and are also used in vmx->valid.
 */
#define VMX_SEGS BIT(0)
#define VMX_CR3 BIT(1)
#define VMX_OWNED (VMX_SEGS | VMX_CR3)
#define VMX_CRS BIT(2)
#define VMX_MSRS BIT(3)
#define VMX_DRS BIT(4)
#define VMX_CONTROLS BIT(5)
#define VMX_PDPTES BIT(6) /* to be read from guest memory and written */
#define VMX_STATE (VMX_OWNED | VMX_CRS | VMX_MSRS | VMX_DRS | VMX_CONTROLS)
#define VMX_FLUSH_VPID BIT(7)
#define VMX_FLUSH_EPT BIT(8)
#define VMX_APIC_MODE BIT(9) /* controls for APIC mode and acceleration */
#define VMX_EOI_BITMAP BIT(10) /* from vcpu->handled */
#define VMX_STATUS BIT(11) /* RVI and SVI, from the register page */

#define VMX_UNREAD_RSP BIT(0)
#define VMX_UNREAD_RIP BIT(1) /* and RFLAGS */

/**
 * struct vmx_vcpu - a VMCS and what is known of it
 * @vmcs: never read but by its fields
 * @loaded: between vmx_begin() and vmx_end(), on this CPU
 * @on_cpu: CPU that keeps it current meanwhile, too, or -1. Written there, with
 *          interrupts off.
 * @launched: since it was last cleared
 * @set_up: all of its fields have been written since it was allocated
 * @st: guest registers. CR0, CR4, EFER, DR6, DR7 and MSRs are true always, as
 *      every write of them exits; VMX_OWNED ones while @valid says so
 * @valid: VMX_SEGS, VMX_CR3: @st has what the VMCS has
 * @dirty: VMX_...
 * @control: as in the VMCS
 * @cpu_host: CPU whose host state is in the VMCS
 * @rip, @rsp, @rflags, @dr7, @interruptibility: as in the VMCS
 * @host_rsp, @host_cr3, @host_cr4, @host_fs_base: likewise
 * @unread: VMX_UNREAD_...: since the last exit the VMCS has newer ones
 * @vector: of the host's interrupt that has ended the guest, or 0
 */
struct vmx_vcpu {
	struct vmcs_page *vmcs;
	u64 vmcs_pa;
	struct vcpu *vcpu;
	bool loaded, launched, set_up;
	int on_cpu;
	struct cpu_state st;
	u32 valid, dirty;
	u32 control[VMX_WORDS];
	u32 exceptions;
	int cpu_host;
	u64 rip, rsp, rflags, dr7;
	u32 interruptibility;
	u64 host_rsp, host_cr3, host_cr4, host_fs_base;
	u16 vpid;
	u64 eptp;
	u32 reason;
	u64 qualification;
	u32 insn_len;
	u32 event_info;
	u32 tpr_threshold;
	u8 unread;
	bool shadow_mov_ss;
	bool held; /* user space's interrupt, for which entry wants IF */
	bool user_drs;
	bool touch_pdptes; /* vmx_check_pdptes() waits for it */
	bool ipi_awake; /* ipiv.c */
	int ipi_id; /* its valid entry, or what would be it; -1: none */
	struct hrtimer ipi_late;
	u8 vector;
	/* The host's, while a guest is loaded. @syscall: so are its SYSCALL MSRs;
	 * @host_known: these are known without reading them.
	 */
	bool syscall, host_known;
	u16 fs, gs, ds, es, ldt;
	u64 fs_base;
	u64 kernel_gs_base, star, lstar, cstar, sfmask;
	u64 spec_ctrl;
};

/* caps.c */
bool vmx_control_allowed(enum vmx_word word, u32 bit);

/* operation.c */
int vmx_cpus_alloc(void);
void vmx_cpus_free(void);
int vmx_cpu_enable(void);
void vmx_cpu_disable(void);
/* On a CPU that is about to stop, or to be reset. Any context, NMI too. */
void vmx_emergency(void);
/* No other CPU keeps @vcpu's VMCS. Interrupts on, preemption off until vmx_begin(). */
void vmx_claim(struct vcpu *vcpu);
/* No CPU does. Interrupts on. */
void vmx_let_go(struct vmx_vcpu *vmx);
/**
 * vmx_begin() - VMX operation, with @vcpu's VMCS current
 *
 * Context: interrupts off until vmx_end(), on this CPU; after vmx_claim().
 * Return: false when the CPU isn't ours (any more).
 */
bool vmx_begin(struct vcpu *vcpu);
void vmx_end(struct vcpu *vcpu);

/**
 * struct vmx_vm - what IPI virtualization has of a VM
 * @lock: entries, and what they depend on; innermost
 * @pids: PID-pointer table: by APIC ID, a mailbox's address and bit 0, or 0
 */
struct vmx_vm {
	raw_spinlock_t lock;
	u64 *pids;
};

/* ipiv.c */
int vmx_vm_create(struct vm *vm);
void vmx_vm_free(struct vm *vm);
void vmx_ipi_vcpu_create(struct vcpu *vcpu);
void vmx_ipi_vcpu_free(struct vcpu *vcpu);
void vmx_dests_changed(struct vm *vm, const struct dest_map *map);
/* Hardware may post to it from now on. Preemption off, after NDST is this CPU. */
void vmx_ipi_runs(struct vcpu *vcpu);
/* Before it looks at its mailbox for the last time. */
void vmx_ipi_sleeps(struct vcpu *vcpu);
/* Does hardware send this vCPU's IPIs? Owner. */
bool vmx_sends_ipis(const struct vcpu *vcpu);
/* Fields of the VMCS that never change. Between begin and end. */
void vmx_ipi_set_up(struct vcpu *vcpu);

/* hold.c */
void vmx_hold_init(void);
void vmx_hold_exit(void);
/* May this CPU enter VMX operation and stay in it? Interrupts off. */
bool vmx_may_hold(void);

/* vmcs.c */
int vmx_vcpu_create(struct vcpu *vcpu);
void vmx_vcpu_free(struct vcpu *vcpu);
void vmx_vcpu_reset(struct vcpu *vcpu, bool init);
void vmx_tsc_changed(struct vcpu *vcpu);
void vmx_cpuid_changed(struct vcpu *vcpu);
void vmx_debug_changed(struct vcpu *vcpu);
void vmx_deadline_changed(struct vcpu *vcpu);
int vmx_maps_init(void);
void vmx_maps_exit(void);
/* Both between begin and end: all fields that never change; those of a CPU. */
void vmx_set_up(struct vcpu *vcpu);
void vmx_host_state(struct vcpu *vcpu);
void vmx_set_control(struct vcpu *vcpu, enum vmx_word word, u32 bits, bool on);
void vmx_write_controls(struct vcpu *vcpu);
u64 vmx_msr_bitmap(const struct vcpu *vcpu, bool x2apic);
void vmx_intercepts_changed(struct vcpu *vcpu);

/* state.c */
void vmx_get_state(struct vcpu *vcpu, struct cpu_state *st, u32 groups);
void vmx_set_state(struct vcpu *vcpu, const struct cpu_state *st, u32 groups);
void vmx_paging(const struct vcpu *vcpu, struct x86_fetch *f);
/* Hardware-owned groups into vmx->st; opens VMX operation for it if need be. */
void vmx_need(struct vcpu *vcpu, u32 groups);
/* What is dirty of vmx->st goes to the VMCS. Between begin and end. */
void vmx_write_state(struct vcpu *vcpu);
void vmx_set_cr0(struct vcpu *vcpu, u64 cr0);
void vmx_set_cr4(struct vcpu *vcpu, u64 cr4);
void vmx_set_efer(struct vcpu *vcpu, u64 efer);
/* CPL and CS.L without the rest of the segments. Between begin and end. */
u8 vmx_cpl(struct vcpu *vcpu);
bool vmx_long64(struct vcpu *vcpu);

/* After the instruction that has exited. Between begin and end. */
static inline u64 vmx_next_rip(struct vcpu *vcpu)
{
	u64 rip = vcpu->rip + vmx_read(VM_EXIT_INSTRUCTION_LEN);

	/* Only when it passes 4 GiB it matters which mode this is. */
	return likely((rip ^ vcpu->rip) < BIT_ULL(32)) || vmx_long64(vcpu) ?
		       rip : (u32)rip;
}

static inline void vmx_skip(struct vcpu *vcpu)
{
	vcpu_finish_insn(vcpu, vmx_next_rip(vcpu));
}

/* pdpte.c */
/* What a write of CR0 or CR4 comes to; LATER: it is executed again. */
enum vmx_cr { VMX_CR_GOOD, VMX_CR_GP, VMX_CR_LATER };
/* Does MOV to CR0 or CR4 load PDPTEs, if PAE paging is in use then? */
bool vmx_loads_pdptes(const struct vcpu *vcpu, u64 cr0, u64 cr4);
/**
 * vmx_check_pdptes() - what CR0, CR4 and EFER become; could the PDPTEs be loaded?
 *
 * Context: between begin and end.
 * Return: VMX_CR_LATER when their memory must be touched first, which vmx_run() does.
 */
enum vmx_cr vmx_check_pdptes(struct vcpu *vcpu, u64 cr0, u64 cr4, u64 efer);
/* May sleep: the others needn't any more. Return: false for -EFAULT. */
bool vmx_touch_pdptes(struct vcpu *vcpu);
/* Between begin and end. Return: false when they must be touched first. */
bool vmx_write_pdptes(struct vcpu *vcpu);

/* run.c */
enum vcpu_exit vmx_run(struct vcpu *vcpu);

/*
 * Registers that few of the exits that are handled here look at; what is left of
 * them is read when the inner loop ends. Between begin and end.
 */
static inline void vmx_need_rip(struct vcpu *vcpu)
{
	struct vmx_vcpu *vmx = vcpu->vmx;

	if (likely(!(vmx->unread & VMX_UNREAD_RIP)))
		return;
	vmx->unread &= ~VMX_UNREAD_RIP;
	vcpu->rip = vmx->rip = vmx_read(GUEST_RIP);
	vcpu->rflags = vmx->rflags = vmx_read(GUEST_RFLAGS);
}

static inline void vmx_need_rsp(struct vcpu *vcpu)
{
	struct vmx_vcpu *vmx = vcpu->vmx;

	if (!(vmx->unread & VMX_UNREAD_RSP))
		return;
	vmx->unread &= ~VMX_UNREAD_RSP;
	vcpu->gpr[X86_RSP] = vmx->rsp = vmx_read(GUEST_RSP);
}

/* inject.c */
void vmx_inject(struct vcpu *vcpu);
void vmx_collect(struct vcpu *vcpu);

/* Instead of an exit reason: the entry instruction itself has failed. */
#define VMX_REASON_VMFAIL 0xffffffff

/* exit.c */
/* Between begin and end. @why is set with INNER_LEAVE. */
int vmx_handle_exit(struct vcpu *vcpu, enum vcpu_exit *why);

/* registers.c */
/* Registers that hardware holds while the guest is loaded: before a read that is
 * done in software, and after such a write.
 */
void vmx_msr_read(struct vcpu *vcpu, u32 msr);
void vmx_msr_written(struct vcpu *vcpu, u32 msr);
int vmx_exit_cr(struct vcpu *vcpu, enum vcpu_exit *why);
int vmx_exit_dr(struct vcpu *vcpu, enum vcpu_exit *why);

/* apicv.c */
void vmx_apicv_update(struct vcpu *vcpu);
void vmx_post_notify(struct vcpu *vcpu);
void vmx_load_eoi_exitmap(struct vcpu *vcpu);
/* Software may have changed what RVI and SVI follow from. */
static inline void vmx_status(struct vcpu *vcpu)
{
	if (vcpu->lapic.touched)
		vcpu->vmx->dirty |= VMX_STATUS;
}
/* What of it is dirty goes to the VMCS. Between begin and end. */
void vmx_apicv_write(struct vcpu *vcpu);
int vmx_exit_apic_access(struct vcpu *vcpu, enum vcpu_exit *why);
int vmx_exit_apic_write(struct vcpu *vcpu);
int vmx_exit_eoi(struct vcpu *vcpu);

/* enter.S */
/* Return: 0, or 1: VMfail. */
/* HOST_RIP */
extern const char vmx_exit[];
int vmx_enter(u64 *gpr, bool launched, u64 *host_rsp, u64 spec_ctrl);

#endif
