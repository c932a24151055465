/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The virtual machine control block. APM 2 appendix "Layout of VMCB". Laid out
 * here and not taken from <asm/svm.h>, which brings KVM's own headers with it and whose
 * fields are renamed and retyped between the kernels that vintc builds for.
 * Exit codes are those of <uapi/asm/svm.h>.
 */
#ifndef VINTC_SVM_VMCB_H
#define VINTC_SVM_VMCB_H

#include <linux/bits.h>
#include <linux/build_bug.h>
#include <linux/stddef.h>
#include <linux/types.h>

/*
 * Intercepts, as bit numbers from the start of the VMCB: 32 each of CR, DR and
 * exceptions, then the instructions of offsets 0x0c, 0x10 and 0x14.
 */
enum vmcb_intercept {
	INTERCEPT_CR0_READ = 0,
	INTERCEPT_CR4_READ = 4,
	INTERCEPT_CR0_WRITE = 16,
	INTERCEPT_CR4_WRITE = 20,
	INTERCEPT_CR8_WRITE = 24,
	INTERCEPT_DR0_READ = 32,
	INTERCEPT_DR7_READ = 39,
	INTERCEPT_DR0_WRITE = 48,
	INTERCEPT_DR7_WRITE = 55,
	INTERCEPT_EXCEPTION = 64,
	INTERCEPT_INTR = 96,
	INTERCEPT_NMI,
	INTERCEPT_SMI,
	INTERCEPT_INIT,
	INTERCEPT_VINTR,
	INTERCEPT_SELECTIVE_CR0,
	INTERCEPT_RDPMC = 111,
	INTERCEPT_CPUID = 114,
	INTERCEPT_RSM,
	INTERCEPT_IRET,
	INTERCEPT_INVD = 118,
	INTERCEPT_PAUSE,
	INTERCEPT_HLT,
	INTERCEPT_INVLPGA = 122,
	INTERCEPT_IOIO_PROT,
	INTERCEPT_MSR_PROT,
	INTERCEPT_TASK_SWITCH,
	INTERCEPT_FERR_FREEZE,
	INTERCEPT_SHUTDOWN,
	INTERCEPT_VMRUN = 128,
	INTERCEPT_VMMCALL,
	INTERCEPT_VMLOAD,
	INTERCEPT_VMSAVE,
	INTERCEPT_STGI,
	INTERCEPT_CLGI,
	INTERCEPT_SKINIT,
	INTERCEPT_RDTSCP,
	INTERCEPT_ICEBP,
	INTERCEPT_WBINVD,
	INTERCEPT_MONITOR,
	INTERCEPT_MWAIT,
	INTERCEPT_MWAIT_ARMED,
	INTERCEPT_XSETBV,
	INTERCEPT_RDPRU,
	INTERCEPT_INVLPGB = 160,
	INTERCEPT_INVLPGB_ILLEGAL,
	INTERCEPT_INVPCID,
	INTERCEPT_MCOMMIT,
	INTERCEPT_TLBSYNC,
};

/* VMCB clean bits, APM 2 "VMCB Clean Field". */
enum vmcb_group {
	VMCB_INTERCEPTS, /* intercepts, TSC offset, pause filter */
	VMCB_PERM_MAPS,
	VMCB_ASID_GROUP,
	VMCB_TPR, /* int_ctl, int_vector */
	VMCB_NPT,
	VMCB_CRX, /* CR0, CR3, CR4, EFER */
	VMCB_DRX,
	VMCB_DT, /* GDTR, IDTR */
	VMCB_SEGS, /* CS, DS, SS, ES, CPL */
	VMCB_CR2_GROUP,
	VMCB_LBR,
	VMCB_AVIC,
	VMCB_GROUPS
};

#define VMCB_ALL_CLEAN (BIT(VMCB_GROUPS) - 1)

/* int_ctl */
#define VMCB_V_TPR_MASK 0xfULL
#define VMCB_V_IRQ BIT(8)
#define VMCB_V_NMI_PENDING BIT(11)
#define VMCB_V_NMI_MASK BIT(12)
#define VMCB_V_INTR_PRIO_SHIFT 16
#define VMCB_V_INTR_PRIO (0xf << VMCB_V_INTR_PRIO_SHIFT)
#define VMCB_V_IGN_TPR BIT(20)
#define VMCB_V_INTR_MASKING BIT(24)
#define VMCB_V_NMI_ENABLE BIT(26)
#define VMCB_X2AVIC_ENABLE BIT(30)
#define VMCB_AVIC_ENABLE BIT(31)

/* int_state */
#define VMCB_INTERRUPT_SHADOW BIT(0)

/* event_inj, exit_int_info */
#define VMCB_EVENT_VALID BIT(31)
#define VMCB_EVENT_HAS_ERROR BIT(11)
#define VMCB_EVENT_TYPE (7 << 8)
#define VMCB_EVENT_INTR (0 << 8)
#define VMCB_EVENT_NMI (2 << 8)
#define VMCB_EVENT_EXCEPTION (3 << 8)
#define VMCB_EVENT_SOFT (4 << 8)

struct vmcb_control {
	u32 intercepts[6];
	u8 rsvd18[0x3c - 0x18];
	u16 pause_filter_threshold;
	u16 pause_filter_count;
	u64 iopm_base_pa;
	u64 msrpm_base_pa;
	u64 tsc_offset;
	u32 asid;
	u8 tlb_control;
	u8 rsvd5d[3];
	u32 int_ctl;
	u32 int_vector;
	u32 int_state;
	u8 rsvd6c[4];
	u64 exit_code;
	u64 exit_info_1;
	u64 exit_info_2;
	u32 exit_int_info;
	u32 exit_int_info_err;
	u64 nested_ctl;
	u64 avic_bar;
	u64 ghcb;
	u32 event_inj;
	u32 event_inj_err;
	u64 nested_cr3;
	u64 virt_ext;
	u32 clean;
	u32 rsvdc4;
	u64 next_rip;
	u8 insn_len;
	u8 insn_bytes[15];
	u64 avic_backing_page;
	u8 rsvde8[8];
	u64 avic_logical_id;
	u64 avic_physical_id;
	u8 rsvd100[0x400 - 0x100];
} __packed;

struct vmcb_seg {
	u16 selector;
	u16 attrib;
	u32 limit;
	u64 base;
} __packed;

struct vmcb_save {
	struct vmcb_seg es, cs, ss, ds, fs, gs, gdtr, ldtr, idtr, tr;
	u8 rsvda0[0xcb - 0xa0];
	u8 cpl;
	u8 rsvdcc[4];
	u64 efer;
	u8 rsvdd8[0x148 - 0xd8];
	u64 cr4, cr3, cr0, dr7, dr6, rflags, rip;
	u8 rsvd180[0x1d8 - 0x180];
	u64 rsp;
	u8 rsvd1e0[0x1f8 - 0x1e0];
	u64 rax;
	u64 star, lstar, cstar, sfmask, kernel_gs_base;
	u64 sysenter_cs, sysenter_esp, sysenter_eip;
	u64 cr2;
	u8 rsvd248[0x268 - 0x248];
	u64 g_pat;
	u64 dbgctl;
	u8 rsvd278[0x2e0 - 0x278];
	u64 spec_ctrl;
	u8 rsvd2e8[0xc00 - 0x2e8];
} __packed;

struct vmcb_page {
	struct vmcb_control c;
	struct vmcb_save s;
};

static_assert(offsetof(struct vmcb_control, pause_filter_threshold) == 0x3c);
static_assert(offsetof(struct vmcb_control, iopm_base_pa) == 0x40);
static_assert(offsetof(struct vmcb_control, asid) == 0x58);
static_assert(offsetof(struct vmcb_control, int_ctl) == 0x60);
static_assert(offsetof(struct vmcb_control, int_state) == 0x68);
static_assert(offsetof(struct vmcb_control, exit_code) == 0x70);
static_assert(offsetof(struct vmcb_control, exit_int_info) == 0x88);
static_assert(offsetof(struct vmcb_control, nested_ctl) == 0x90);
static_assert(offsetof(struct vmcb_control, event_inj) == 0xa8);
static_assert(offsetof(struct vmcb_control, nested_cr3) == 0xb0);
static_assert(offsetof(struct vmcb_control, clean) == 0xc0);
static_assert(offsetof(struct vmcb_control, next_rip) == 0xc8);
static_assert(offsetof(struct vmcb_control, insn_len) == 0xd0);
static_assert(offsetof(struct vmcb_control, avic_backing_page) == 0xe0);
static_assert(offsetof(struct vmcb_control, avic_physical_id) == 0xf8);
static_assert(sizeof(struct vmcb_control) == 0x400);
static_assert(offsetof(struct vmcb_save, cpl) == 0xcb);
static_assert(offsetof(struct vmcb_save, efer) == 0xd0);
static_assert(offsetof(struct vmcb_save, cr4) == 0x148);
static_assert(offsetof(struct vmcb_save, rip) == 0x178);
static_assert(offsetof(struct vmcb_save, rsp) == 0x1d8);
static_assert(offsetof(struct vmcb_save, rax) == 0x1f8);
static_assert(offsetof(struct vmcb_save, cr2) == 0x240);
static_assert(offsetof(struct vmcb_save, g_pat) == 0x268);
static_assert(offsetof(struct vmcb_save, spec_ctrl) == 0x2e0);
static_assert(sizeof(struct vmcb_page) == 0x1000);

#endif
