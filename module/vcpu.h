/* SPDX-License-Identifier: GPL-2.0-only */
/* One virtual CPU: its registers, events, local APIC and run state. */
#ifndef VINTC_VCPU_H
#define VINTC_VCPU_H

#include <linux/cache.h>
#include <linux/hrtimer.h>
#include <linux/kernel.h>
#include <linux/mutex.h>
#include <linux/rcuwait.h>
#include <linux/sched.h>
#include <linux/stddef.h>

#include "../uapi/vintc.h"
#include "apic/exitmap.h"
#include "apic/lapic.h"
#include "bypass.h"
#include "compat/sched.h"
#include "request.h"
#include "stats.h"
#include "x86/insn.h"
#include "x86/walk.h"

struct vm;
struct svm_vcpu;
struct vmx_vcpu;
struct model_vcpu;
struct guest_cpuid;
struct vectors;

/* Offsets of vcpu->gpr[] are those of enum x86_gpr. */

enum vcpu_mode {
	OUTSIDE_GUEST,
	IN_GUEST, /* published with interrupts off, before the last look */
	EXITING, /* a kick is on its way */
};

/* Why a backend's run() has come back to the core. */
enum vcpu_exit {
	EXIT_AGAIN, /* the host wanted the CPU, or a request is pending */
	EXIT_USER, /* vcpu->run is filled */
	EXIT_HALT, /* HLT executed; RIP is past it */
	EXIT_YIELD, /* a loop of PAUSE, before one of them; or @yield_to is set (yield.h) */
	EXIT_FAULT, /* second-level fault at exit.gpa, exit.access */
	EXIT_FETCH, /* the instruction at RIP can't be read without sleeping */
	EXIT_EMULATE, /* the instruction at RIP needs emulation */
	EXIT_UD, /* #UD, perhaps of the other vendor's hypercall instruction */
};

/**
 * struct vcpu_exit_info - what goes with enum vcpu_exit
 * @gpa: EXIT_FAULT, and EXIT_EMULATE when @gpa_valid
 * @access: MEMORY_...
 * @insn, @insn_len: bytes that hardware fetched (decode assists), or 0
 * @error: -errno that ends KVM_RUN, with EXIT_USER
 */
struct vcpu_exit_info {
	u64 gpa;
	u32 access;
	bool gpa_valid;
	u8 insn_len;
	u8 insn[X86_INSN_MAX];
	int error;
};

/* Register groups that a backend moves, ops->get_state/set_state: as they are
 * grouped in struct cpu_state.
 */
#define STATE_SEGS BIT(0)
#define STATE_CRS BIT(1)
#define STATE_MSRS BIT(2)
#define STATE_DRS BIT(3)
#define STATE_ALL (STATE_SEGS | STATE_CRS | STATE_MSRS | STATE_DRS)

struct cpu_table {
	u64 base;
	u16 limit;
};

/* The guest-visible registers that live in the backend's control block. */
struct cpu_state {
	struct_group(segs,
		struct x86_segment seg[X86_SEGS], tr, ldt;
		struct cpu_table gdt, idt;
		u8 cpl;
	);
	struct_group(crs,
		u64 cr0, cr2, cr3, cr4, efer;
	);
	struct_group(msrs,
		u64 star, lstar, cstar, sfmask, kernel_gs_base;
		u64 sysenter_cs, sysenter_esp, sysenter_eip;
		u64 pat;
	);
	struct_group(drs,
		u64 dr6, dr7;
	);
};

#define EVENT_USER 0x100

/**
 * struct vcpu_events - exceptions, NMIs and interrupts on their way in
 * @exception: one exception, @injected when delivery has begun before
 * @interrupt: a vector taken from the APIC or given by user space whose
 *             delivery was interrupted by an exit, or not begun
 * @nmi_pending: 0..2; @nmi_masked until IRET
 */
struct vcpu_event_state {
	struct {
		bool pending, injected, has_error, has_payload;
		u8 vector;
		u32 error;
		u64 payload;
	} exception;
	struct {
		bool injected, soft;
		u8 vector;
	} interrupt;
	u8 nmi_pending;
	bool nmi_injected;
	bool nmi_masked;
	bool shutdown; /* triple fault: KVM_EXIT_SHUTDOWN before the next entry */
	bool stepped; /* user space steps: KVM_EXIT_DEBUG before the next entry */
	bool extint; /* look for an interrupt from outside the local APIC */
	u16 user_vector; /* split irqchip: KVM_INTERRUPT's | EVENT_USER, or 0 */
};

/**
 * struct vcpu_debug - KVM_SET_GUEST_DEBUG
 * @control: KVM_GUESTDBG_..., or 0
 * @guest_tf: while user space steps: TF as the guest has it
 * @dr, @dr7: user space's breakpoints, with KVM_GUESTDBG_USE_HW_BP
 */
struct vcpu_debug {
	u32 control;
	bool guest_tf;
	u64 dr[4];
	u64 dr7;
};

/* A user-space answer that the next KVM_RUN must take first. */
enum vcpu_completion {
	COMPLETE_NONE,
	COMPLETE_PIO,
	COMPLETE_RDMSR,
	COMPLETE_WRMSR,
	COMPLETE_EMULATION, /* MMIO or string I/O in the middle of an instruction */
};

/* The mapping of a vCPU's fd: struct kvm_run, the data of port I/O, and the
 * VM's ring of coalesced writes, which all its vCPUs show.
 */
#define VCPU_OWN_PAGES 2
#define VCPU_RUN_PAGES 3
#define VCPU_PIO_OFFSET PAGE_SIZE

#define EMUL_LOG_ENTRIES 12

/* What an instruction in emulation waits for. */
enum emul_wait {
	EMUL_WAIT_MMIO, /* run->mmio.data */
	EMUL_WAIT_PORT, /* the port data page */
	EMUL_WAIT_BLOCK, /* elements of a string in the port data page */
	EMUL_WAIT_WRITE, /* only that user space has seen it */
};

/**
 * struct emul_state - an instruction in emulation, across exits to user space
 * @active: begun; @insn holds its bytes
 * @n: accesses answered so far
 * @next: access that the current pass is at
 * @wait_len: bytes, or elements with EMUL_WAIT_BLOCK
 * @block: elements of a string that user space has answered
 * @log: what each was answered with
 */
struct emul_state {
	bool active;
	u8 n, next;
	u8 wait; /* enum emul_wait */
	u8 insn_len;
	u16 wait_len;
	u16 block;
	u8 insn[X86_INSN_MAX];
	u64 rip; /* where it is */
	struct {
		u8 len;
		u8 data[16];
	} log[EMUL_LOG_ENTRIES];
};

/* What the host had in the registers that the guest's are in (switch.h). */
struct vcpu_host {
	bool drs_loaded;
	u32 pkru;
	u64 xcr0; /* what is loaded */
	unsigned long debugctl;
	unsigned long dr[4];
};

struct vcpu {
	/* What the entry path touches on every exit. */
	u64 gpr[X86_GPRS];
	u64 rip;
	u64 rflags;
	struct vm *vm;
	struct kvm_run *run;
	struct lapic lapic;
	struct vcpu_event_state event;
	struct vcpu_debug debug;
	bool has_lapic;
	bool interrupt_shadow;
	bool eoi_tap; /* an edge vector's EOI is wanted (struct ioapic, @tapped) */
	bool pv_eoi_on; /* by MSR_KVM_PV_EOI_EN */
	bool pv_eoi_offered; /* the guest may have ended its interrupt in memory */
	bool pv_eoi_absent; /* that memory is to be had by sleeping only */
	bool pv_away; /* the guest may have been told that the vCPU has no CPU */
	bool at_boundary; /* in KVM_RUN, and amid no instruction */
	u64 tsc_offset;
	struct vcpu_stats stats;

	/* What other CPUs write or read. */
	struct mailbox mailbox ____cacheline_aligned;
	unsigned long requests ____cacheline_aligned;
	int mode;
	int cpu;
	struct task_struct *task;
	struct rcuwait wait;
	struct vcpu_bypass bypass;
	int accelerated; /* hardware delivers (inhibit.h); written by the owner */
	int takes_pic; /* LINT0 listens to the PIC; written by the owner */
	int lint0_nmi; /* LINT0 is an NMI; written by the owner */

	/* The rest. */
	u32 index;
	u32 id;
	struct mutex lock;
	struct page *run_pages;
	u32 mp_state;
	bool launched;
	u8 sipi_vector;
	struct exitmap handled;
	u8 eoi_vector; /* with REQ_IOAPIC_EOI */
	struct hrtimer timer;
	bool timer_armed; /* since it was last cancelled; the owner's */
	u64 deadline; /* guest TSC, where hardware watches instead of @timer; or 0 */
	u64 halt_poll_ns;
	bool halt_polled; /* for this HLT, by vcpu_halt_briefly() */
	bool spins; /* it lets others run (yield.c) */
	struct vcpu *yield_to; /* EXIT_YIELD, asked for by the guest: to this one */
	u8 spins_in_vain; /* in a row: loops of PAUSE that have exited and helped nobody */
	struct vcpu_exit_info exit;
	enum vcpu_completion completion;
	u64 pio_rip, pio_next_rip; /* of the instruction, and after it; of an MSR's too */
	u8 pio_size;
	bool pio_in;
	struct emul_state emul;
	sigset_t sigset;
	bool sigset_active;

	/* Without an in-kernel APIC: CR8. */
	u8 cr8;

	/* CPUID and MSRs; @cr4 and @efer as the guest sees them, kept by the
	 * backend
	 */
	u64 cr4;
	u64 efer;
	struct guest_cpuid *cpuid; /* x86/cpuid.h; NULL until KVM_SET_CPUID2 */
	u8 phys_bits;
	u64 xcr0;
	u64 xcr0_allowed;
	u64 xss;
	u32 pkru;
	u64 dr[4];
	u64 tsc_aux;
	u64 tsc_adjust;
	u64 pv_time, pv_wall; /* kvmclock's MSRs */
	bool pv_wall_due, pv_stopped;
	u32 pv_features; /* KVM_CPUID_FEATURES EAX as the guest has it */
	bool pv_enforce; /* KVM_CAP_ENFORCE_PV_FEATURE_CPUID */
	bool pv_unhalted; /* KVM_HC_KICK_CPU: the next HLT doesn't sleep */
	u64 pv_steal; /* MSR_KVM_STEAL_TIME */
	struct compat_sched_watch sched_watch;
	bool pv_watched; /* by that */
	u64 pv_poll; /* MSR_KVM_POLL_CONTROL */
	u64 pv_eoi; /* MSR_KVM_PV_EOI_EN */
	u64 steal_seen; /* compat_run_delay() of @steal_task */
	const struct task_struct *steal_task; /* only compared */
	u64 misc_enable, power_ctl, platform_info;
	u64 mcg_cap, mcg_status, mcg_ctl;
	u64 *mce_banks; /* 4 MSRs of each bank, then all CTL2; NULL: no banks */
	u64 hwcr, de_cfg, ucode_rev;
	u64 mtrr[32]; /* see x86/msr.c */
	void *fpu; /* XSAVE area, standard format, 64-byte aligned */
	u32 fpu_size;
	void *apic_page;
	struct vectors *vectors;
	struct vcpu_host host;
	struct svm_vcpu *svm;
	struct vmx_vcpu *vmx;
	struct model_vcpu *model;
	const u64 *clock; /* virtual time, ns; NULL: the host's */
	bool init_blocked; /* VMX root operation, GIF clear: INIT waits */
	bool in_l2; /* a nested guest runs */
};

static inline bool vcpu_is_bsp(const struct vcpu *vcpu)
{
	return vcpu->lapic.base & LAPIC_BASE_BSP;
}

static inline bool vcpu_requests_pending(const struct vcpu *vcpu)
{
	return READ_ONCE(vcpu->requests);
}

/* vcpu.c */
int vcpu_create(struct vm *vm, u32 id);
void vcpu_free(struct vcpu *vcpu);
/**
 * vcpu_reset() - to the state at power-up or after INIT
 * @vcpu: owner; mp_state and the APIC's base and ID stay
 * @init: INIT: FPU, XCR0 and most MSRs stay too
 *
 * SDM 3A table "IA-32 and Intel 64 Processor States Following Power-up, Reset,
 * or INIT".
 */
void vcpu_reset(struct vcpu *vcpu, bool init);

/* state.c: KVM's register structs; KVM_CAP_SYNC_REGS before and after a run */
int vcpu_sync_from_run(struct vcpu *vcpu);
void vcpu_sync_to_run(struct vcpu *vcpu);
long vcpu_state_ioctl(struct vcpu *vcpu, unsigned int cmd, void __user *arg);

/* run.c */
int vcpu_run(struct vcpu *vcpu);
/* What was asked for, but what KVM_RUN alone can do. Owner, may sleep.
 * Return: 1, or a negative errno.
 */
int vcpu_handle_requests(struct vcpu *vcpu);
/* IN and OUT of 1, 2 or 4 bytes, done in the kernel if they can be. Atomic. */
bool vcpu_pio_read(struct vcpu *vcpu, u16 port, u8 size, u64 next_rip);
bool vcpu_pio_write(struct vcpu *vcpu, u16 port, u8 size, u64 next_rip);
/* A port access of 1, 2 or 4 bytes goes to user space. Atomic. */
void vcpu_exit_to_pio(struct vcpu *vcpu, u16 port, u8 size, bool in, u64 next_rip);
/* Fields of struct kvm_run that user space reads after KVM_RUN. */
void vcpu_report(struct vcpu *vcpu);

/* emulate.c; see there for @atomic. Return: 1 go on, 0 to user space (run is
 * filled), or a negative errno; -EAGAIN when @atomic and it would have slept.
 */
int vcpu_emulate(struct vcpu *vcpu, bool atomic);
int vcpu_emulate_resume(struct vcpu *vcpu);
/* EXIT_FETCH: bring in what the fetch touches. Return as vcpu_emulate(). */
int vcpu_fetch_in(struct vcpu *vcpu);
struct x86_fetch;
/**
 * vcpu_apic_move() - a plain MOV to or from the xAPIC page
 * @vcpu: exited with a second-level fault there; exit.gpa, exit.access
 * @f: where the instruction is
 *
 * What drivers use, done without the emulator: hardware has checked segment and
 * page, and has told the address.
 * Context: atomic. Return: false when it is another instruction.
 */
bool vcpu_apic_move(struct vcpu *vcpu, const struct x86_fetch *f);
/* KVM_EXIT_INTERNAL_ERROR with the instruction bytes where there are any. */
void vcpu_internal_error(struct vcpu *vcpu, u32 suberror);

/* guest_debug.c */
#define VCPU_DEBUG_FLAGS                                                       \
	(KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP |                       \
	 KVM_GUESTDBG_USE_SW_BP | KVM_GUESTDBG_USE_HW_BP |                     \
	 KVM_GUESTDBG_INJECT_DB | KVM_GUESTDBG_INJECT_BP | KVM_GUESTDBG_BLOCKIRQ)
long vcpu_set_debug(struct vcpu *vcpu, const struct kvm_guest_debug *dbg);
/* KVM_EXIT_DEBUG for what is user space's: @exception 1 or 3, with @dr6. */
void vcpu_debug_exit(struct vcpu *vcpu, u8 exception, u64 dr6);
void vcpu_debug_detect(struct vcpu *vcpu);
/* RFLAGS as the guest has them, whether user space steps it or not. */
u64 vcpu_get_rflags(const struct vcpu *vcpu);
void vcpu_set_rflags(struct vcpu *vcpu, u64 rflags);

/* TF was set when an instruction was completed in software (event.c). */
void vcpu_trap_step(struct vcpu *vcpu);

/* The instruction is done in software: on to @rip. SDM 3B "Single-Step
 * Exception Condition", "Instruction-Breakpoint Exception Condition" (RF).
 */
static inline void vcpu_finish_insn(struct vcpu *vcpu, u64 rip)
{
	vcpu->rip = rip;
	vcpu->interrupt_shadow = false;
	if (unlikely(vcpu->rflags & (BIT(8) | BIT(16)))) {
		vcpu->rflags &= ~BIT_ULL(16);
		if (vcpu->rflags & BIT(8))
			vcpu_trap_step(vcpu);
	}
}

/* An event's delivery was cut short by the exit. */
static inline bool vcpu_delivering(const struct vcpu *vcpu)
{
	return vcpu->event.exception.injected || vcpu->event.nmi_injected ||
	       vcpu->event.interrupt.injected;
}

/* Queue an exception for the next entry (event.c). */
void vcpu_queue_exception(struct vcpu *vcpu, u8 vector, bool has_error,
			  u32 error);
static inline void vcpu_queue_gp(struct vcpu *vcpu)
{
	vcpu_queue_exception(vcpu, 13, true, 0);
}

static inline void vcpu_queue_ud(struct vcpu *vcpu)
{
	vcpu_queue_exception(vcpu, 6, false, 0);
}

/* x86/cpuid.c */
int cpuid_supported(struct kvm_cpuid2 *cpuid,
		    struct kvm_cpuid_entry2 __user *entries, bool emulated);
int cpuid_set(struct vcpu *vcpu, const struct kvm_cpuid2 *cpuid,
	      struct kvm_cpuid_entry2 __user *entries);
int cpuid_set_old(struct vcpu *vcpu, struct kvm_cpuid __user *arg);
int cpuid_get(struct vcpu *vcpu, struct kvm_cpuid2 *cpuid,
	      struct kvm_cpuid_entry2 __user *entries);
/* The CPUID instruction: EAX, ECX in; EAX..EDX out. Atomic. */
void cpuid_emulate(struct vcpu *vcpu);
/* Does the guest's CPUID have this feature? X86_FEATURE_... of words 0..31. */
bool cpuid_has(const struct vcpu *vcpu, unsigned int feature);

/* x86/msr.c. @host: user space; reserved bits are still checked. */
#define MSR_OK 0
#define MSR_GP 1
#define MSR_UNKNOWN 2 /* #GP: there is no such register */
#define MSR_DENIED 4 /* #GP: user space's filter (msr_filter.h) */
int msr_read(struct vcpu *vcpu, u32 msr, u64 *val, bool host);
int msr_write(struct vcpu *vcpu, u32 msr, u64 val, bool host);
long msr_index_list(struct kvm_msr_list __user *arg, bool features);
/* KVM_GET_MSRS, KVM_SET_MSRS; @vcpu NULL: the device's, feature MSRs only. */
long msr_ioctl(struct vcpu *vcpu, struct kvm_msrs __user *arg, bool write);
/* Power-up values. */
void msr_reset(struct vcpu *vcpu);
/* KVM_X86_SETUP_MCE; and what it may ask for everywhere. CMCI is Intel's: a
 * backend says whether its guests may have it (ops->mce_cap).
 */
#define MSR_MCG_CMCI_P BIT_ULL(10)
#define MSR_MCE_CAP (32 | BIT_ULL(8) | BIT_ULL(24)) /* CTL_P, SER_P */
long msr_setup_mce(struct vcpu *vcpu, u64 cap);

#endif
