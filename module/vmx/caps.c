// SPDX-License-Identifier: GPL-2.0-only
/*
 * What this machine's VMX can do: which control is used, and why not. SDM 3D
 * appendix "VMX Capability Reporting Facility".
 */
#define pr_fmt(fmt) "vintc: " fmt

#include <linux/cc_platform.h>
#include <linux/cpu.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/printk.h>
#include <linux/string.h>
#include <asm/cpufeature.h>
#include <asm/msr.h>

#include "../compat/compat.h"
#include "../inhibit.h"
#include "../switch.h"
#include "vmx.h"

static bool apicv = true;
module_param(apicv, bool, 0444);
MODULE_PARM_DESC(apicv, "have APICv deliver interrupts where the CPU can");
static bool ipiv = true;
module_param(ipiv, bool, 0444);
MODULE_PARM_DESC(ipiv, "with APICv, have the CPU send IPIs where it can");
static uint ple_gap = 128;
module_param(ple_gap, uint, 0444);
MODULE_PARM_DESC(ple_gap, "TSC ticks between two PAUSEs, beyond which it is another loop; 0: such loops don't exit");
static uint ple_window = 4096;
module_param(ple_window, uint, 0444);
MODULE_PARM_DESC(ple_window, "TSC ticks in a loop of PAUSE after which a guest exits, at first; 0: never");

struct vmx_caps vmx_caps __ro_after_init;

static u64 present __ro_after_init;
static u64 used __ro_after_init;

enum use {
	NEED, /* in every VMCS; no guests without it */
	CAN, /* switched on and off as the moment asks; no guests without it */
	WANT, /* in every VMCS where the CPU has it */
	MAY, /* switched on where the CPU has it and something asks for it */
	KNOWN, /* not used */
};

static const struct control {
	u8 word;
	u8 use;
	u32 bit;
	u64 feature; /* VINTC_FEATURE_... */
	const char *name;
} controls[] = {
	{ VMX_PIN, NEED, PIN_BASED_EXT_INTR_MASK, 0, "external-interrupt exiting" },
	{ VMX_PIN, NEED, PIN_BASED_NMI_EXITING, 0, "NMI exiting" },
	{ VMX_PIN, NEED, PIN_BASED_VIRTUAL_NMIS, VINTC_FEATURE_VNMI, "virtual NMIs" },
	{ VMX_PIN, MAY, PIN_BASED_VMX_PREEMPTION_TIMER,
	  VINTC_FEATURE_PREEMPTION_TIMER, "preemption timer" },
	{ VMX_PIN, MAY, PIN_BASED_POSTED_INTR, VINTC_FEATURE_POSTED_INTR,
	  "posted interrupts" },
	{ VMX_CPU, CAN, CPU_BASED_INTR_WINDOW_EXITING, 0, "interrupt-window exiting" },
	{ VMX_CPU, CAN, CPU_BASED_NMI_WINDOW_EXITING, 0, "NMI-window exiting" },
	{ VMX_CPU, NEED, CPU_BASED_USE_TSC_OFFSETTING, 0, "TSC offsetting" },
	{ VMX_CPU, CAN, CPU_BASED_HLT_EXITING, 0, "HLT exiting" },
	{ VMX_CPU, NEED, CPU_BASED_MWAIT_EXITING, 0, "MWAIT exiting" },
	{ VMX_CPU, NEED, CPU_BASED_MONITOR_EXITING, 0, "MONITOR exiting" },
	{ VMX_CPU, NEED, CPU_BASED_RDPMC_EXITING, 0, "RDPMC exiting" },
	{ VMX_CPU, CAN, CPU_BASED_CR8_LOAD_EXITING, 0, "CR8-load exiting" },
	{ VMX_CPU, CAN, CPU_BASED_CR8_STORE_EXITING, 0, "CR8-store exiting" },
	{ VMX_CPU, MAY, CPU_BASED_TPR_SHADOW, VINTC_FEATURE_TPR_SHADOW, "TPR shadow" },
	{ VMX_CPU, NEED, CPU_BASED_MOV_DR_EXITING, 0, "MOV-DR exiting" },
	{ VMX_CPU, NEED, CPU_BASED_UNCOND_IO_EXITING, 0, "unconditional I/O exiting" },
	{ VMX_CPU, NEED, CPU_BASED_USE_MSR_BITMAPS, 0, "MSR bitmaps" },
	{ VMX_CPU, NEED, CPU_BASED_ACTIVATE_SECONDARY_CONTROLS, 0, "secondary controls" },
	{ VMX_CPU, WANT, CPU_BASED_ACTIVATE_TERTIARY_CONTROLS, 0, "tertiary controls" },
	{ VMX_CPU2, NEED, SECONDARY_EXEC_ENABLE_EPT, VINTC_FEATURE_NESTED_PAGING, "EPT" },
	{ VMX_CPU2, NEED, SECONDARY_EXEC_UNRESTRICTED_GUEST,
	  VINTC_FEATURE_UNRESTRICTED, "unrestricted guest" },
	{ VMX_CPU2, WANT, SECONDARY_EXEC_ENABLE_VPID, VINTC_FEATURE_TLB_TAGS, "VPID" },
	{ VMX_CPU2, WANT, SECONDARY_EXEC_WBINVD_EXITING, 0, "WBINVD exiting" },
	{ VMX_CPU2, MAY, SECONDARY_EXEC_ENABLE_RDTSCP, 0, "RDTSCP" },
	{ VMX_CPU2, MAY, SECONDARY_EXEC_ENABLE_INVPCID, 0, "INVPCID" },
	{ VMX_CPU2, MAY, SECONDARY_EXEC_PAUSE_LOOP_EXITING, VINTC_FEATURE_PAUSE_LOOP,
	  "PAUSE-loop exiting" },
	{ VMX_CPU2, WANT, VMX_CPU2_XSAVES, 0, "XSAVES" },
	{ VMX_CPU2, MAY, SECONDARY_EXEC_VIRTUALIZE_APIC_ACCESSES,
	  VINTC_FEATURE_APIC_ACCESS, "APIC accesses" },
	{ VMX_CPU2, MAY, SECONDARY_EXEC_APIC_REGISTER_VIRT,
	  VINTC_FEATURE_APIC_REGISTERS, "APIC registers" },
	{ VMX_CPU2, MAY, SECONDARY_EXEC_VIRTUALIZE_X2APIC_MODE,
	  VINTC_FEATURE_X2APIC_VIRT, "x2APIC mode" },
	{ VMX_CPU2, MAY, SECONDARY_EXEC_VIRTUAL_INTR_DELIVERY,
	  VINTC_FEATURE_VINTR_DELIVERY, "virtual-interrupt delivery" },
	{ VMX_CPU2, KNOWN, SECONDARY_EXEC_ENABLE_PML, VINTC_FEATURE_PML, "PML" },
	{ VMX_CPU2, KNOWN, SECONDARY_EXEC_TSC_SCALING, VINTC_FEATURE_TSC_SCALING,
	  "TSC scaling" },
	{ VMX_CPU3, MAY, TERTIARY_EXEC_IPI_VIRT, VINTC_FEATURE_IPI_VIRT, "IPI virtualization" },
	{ VMX_EXIT, NEED, VM_EXIT_HOST_ADDR_SPACE_SIZE, 0, "64-bit host" },
	{ VMX_EXIT, NEED, VM_EXIT_SAVE_DEBUG_CONTROLS, 0, "save debug controls" },
	{ VMX_EXIT, NEED, VM_EXIT_ACK_INTR_ON_EXIT, 0, "acknowledge interrupt on exit" },
	{ VMX_EXIT, NEED, VM_EXIT_LOAD_IA32_PAT, 0, "load PAT at exit" },
	{ VMX_EXIT, NEED, VM_EXIT_LOAD_IA32_EFER, 0, "load EFER at exit" },
	{ VMX_ENTRY, NEED, VM_ENTRY_LOAD_DEBUG_CONTROLS, 0, "load debug controls" },
	{ VMX_ENTRY, CAN, VM_ENTRY_IA32E_MODE, 0, "64-bit guests" },
	{ VMX_ENTRY, NEED, VM_ENTRY_LOAD_IA32_PAT, 0, "load PAT at entry" },
	{ VMX_ENTRY, NEED, VM_ENTRY_LOAD_IA32_EFER, 0, "load EFER at entry" },
};

bool vmx_control_allowed(enum vmx_word word, u32 bit)
{
	return vmx_caps.allowed[word] & bit;
}

static void features(u64 *p, u64 *u)
{
	*p = present;
	*u = used;
}

/* The MSR of each word, and the one that tells what need not be 1 after all. */
static u64 read_word(enum vmx_word word, bool true_controls)
{
	static const u32 msr[VMX_WORDS][2] = {
		[VMX_PIN] = { MSR_IA32_VMX_PINBASED_CTLS,
			      MSR_IA32_VMX_TRUE_PINBASED_CTLS },
		[VMX_CPU] = { MSR_IA32_VMX_PROCBASED_CTLS,
			      MSR_IA32_VMX_TRUE_PROCBASED_CTLS },
		[VMX_CPU2] = { MSR_IA32_VMX_PROCBASED_CTLS2,
			       MSR_IA32_VMX_PROCBASED_CTLS2 },
		[VMX_EXIT] = { MSR_IA32_VMX_EXIT_CTLS,
			       MSR_IA32_VMX_TRUE_EXIT_CTLS },
		[VMX_ENTRY] = { MSR_IA32_VMX_ENTRY_CTLS,
				MSR_IA32_VMX_TRUE_ENTRY_CTLS },
	};
	u64 val;

	/* This one has no bits that must be 1, and all 64 may be (those above 31 aren't used). */
	if (word == VMX_CPU3) {
		if (!(vmx_caps.allowed[VMX_CPU] & CPU_BASED_ACTIVATE_TERTIARY_CONTROLS))
			return 0;
		rdmsrl(MSR_IA32_VMX_PROCBASED_CTLS3, val);
		return val << 32;
	}
	rdmsrl(msr[word][true_controls], val);
	return val;
}

/* Return: the name of a control that is needed and not there, or NULL. */
static const char *read_controls(u64 basic)
{
	struct vmx_caps *caps = &vmx_caps;
	unsigned int i;

	for (i = 0; i < VMX_WORDS; i++) {
		u64 val;

		/* The second word can't be asked for without the first's leave. */
		if (i == VMX_CPU2 && !(caps->allowed[VMX_CPU] &
				       CPU_BASED_ACTIVATE_SECONDARY_CONTROLS))
			return "secondary controls";
		val = read_word(i, basic & BIT_ULL(55));
		caps->control[i] = val;
		caps->allowed[i] = val >> 32;
	}
	for (i = 0; i < ARRAY_SIZE(controls); i++) {
		const struct control *c = &controls[i];

		if (!(caps->allowed[c->word] & c->bit)) {
			if (c->use == NEED || c->use == CAN)
				return c->name;
			continue;
		}
		present |= c->feature;
		if (c->use != KNOWN)
			used |= c->feature;
		if (c->use == NEED || c->use == WANT)
			caps->control[c->word] |= c->bit;
	}
	return NULL;
}

#define EPT_CAP_WALK4 BIT_ULL(6)
#define EPT_CAP_WALK5 BIT_ULL(7)
#define EPT_CAP_WB BIT_ULL(14)
#define EPT_CAP_2M BIT_ULL(16)
#define EPT_CAP_1G BIT_ULL(17)
#define EPT_CAP_INVEPT BIT_ULL(20)
#define EPT_CAP_AD BIT_ULL(21)
#define EPT_CAP_INVEPT_CONTEXT BIT_ULL(25)
#define EPT_CAP_INVEPT_ALL BIT_ULL(26)
#define VPID_CAP_INVVPID BIT_ULL(32)
#define VPID_CAP_CONTEXT BIT_ULL(41)
#define VPID_CAP_ALL BIT_ULL(42)

static const char *read_ept(void)
{
	struct vmx_caps *caps = &vmx_caps;
	u64 cap;

	rdmsrl(MSR_IA32_VMX_EPT_VPID_CAP, cap);
	if (!(cap & EPT_CAP_WALK4) || !(cap & EPT_CAP_WB) || !(cap & EPT_CAP_2M))
		return "EPT with 4 levels, write-back and 2 MiB pages";
	if (!(cap & EPT_CAP_INVEPT) ||
	    !(cap & (EPT_CAP_INVEPT_CONTEXT | EPT_CAP_INVEPT_ALL)))
		return "INVEPT";
	caps->invept = cap & EPT_CAP_INVEPT_CONTEXT ? 1 : 2;
	caps->ept_1g = cap & EPT_CAP_1G;
	caps->ept_5level = cap & EPT_CAP_WALK5;
	caps->ept_ad = cap & EPT_CAP_AD;
	/* Without a way to flush one VPID every entry flushes all: none is used. */
	caps->vpid = (caps->control[VMX_CPU2] & SECONDARY_EXEC_ENABLE_VPID) &&
		     (cap & VPID_CAP_INVVPID) &&
		     (cap & (VPID_CAP_CONTEXT | VPID_CAP_ALL));
	caps->invvpid = cap & VPID_CAP_CONTEXT ? 1 : 2;
	if (!caps->vpid) {
		caps->control[VMX_CPU2] &= ~SECONDARY_EXEC_ENABLE_VPID;
		used &= ~(u64)VINTC_FEATURE_TLB_TAGS;
	}
	return NULL;
}

#define APICV_FEATURES                                                         \
	(VINTC_FEATURE_APIC_REGISTERS | VINTC_FEATURE_VINTR_DELIVERY |         \
	 VINTC_FEATURE_POSTED_INTR | VINTC_FEATURE_APIC_ACCESS |               \
	 VINTC_FEATURE_TPR_SHADOW)

static void read_rest(void)
{
	struct vmx_caps *caps = &vmx_caps;
	u64 misc;

	rdmsrl(MSR_IA32_VMX_MISC, misc);
	caps->soft_len0 = misc & BIT_ULL(30);
	caps->timer_shift = misc & 31;
	caps->tpr_shadow = used & VINTC_FEATURE_TPR_SHADOW;
	caps->xsaves = caps->control[VMX_CPU2] & VMX_CPU2_XSAVES;
	/* All or nothing: each without the others costs an exit all the same. */
	caps->apicv = apicv && (used & APICV_FEATURES) == APICV_FEATURES;
	caps->x2apic = caps->apicv && (used & VINTC_FEATURE_X2APIC_VIRT);
	caps->ipiv = caps->apicv && ipiv && (used & VINTC_FEATURE_IPI_VIRT);
	if (!caps->apicv)
		used &= ~(u64)(APICV_FEATURES | VINTC_FEATURE_X2APIC_VIRT) |
			VINTC_FEATURE_TPR_SHADOW;
	if (!caps->ipiv)
		used &= ~(u64)VINTC_FEATURE_IPI_VIRT;
	/* Where it has errata the CPU is older than all of these. */
	if (!caps->apicv)
		used &= ~(u64)VINTC_FEATURE_PREEMPTION_TIMER;
	if (!ple_gap || !ple_window)
		used &= ~(u64)VINTC_FEATURE_PAUSE_LOOP;
	if (used & VINTC_FEATURE_PAUSE_LOOP) {
		caps->ple_gap = ple_gap;
		caps->ple_window = ple_window;
	}
	caps->l1d_flush = boot_cpu_has_bug(X86_BUG_L1TF) &&
			  boot_cpu_has(X86_FEATURE_FLUSH_L1D) &&
			  !cpu_mitigations_off();
}

/* A reason why there can't be guests here, or NULL. */
static const char *refusal(void)
{
	const char *missing;
	u64 basic;

	if (!boot_cpu_has(X86_FEATURE_VMX))
		return "CPUID has no VMX, or firmware has disabled it";
	if (cc_platform_has(CC_ATTR_GUEST_MEM_ENCRYPT))
		return "this is an encrypted guest";
	if (!boot_cpu_has(X86_FEATURE_XSAVE))
		return "no XSAVE";
	rdmsrl(MSR_IA32_VMX_BASIC, basic);
	/* SDM 3D "Basic VMX Information" */
	if ((basic >> 32 & 0x1fff) > PAGE_SIZE || (basic >> 50 & 15) != 6)
		return "the VMCS is of another size or memory type";
	vmx_caps.revision = basic & 0x7fffffff;
	missing = read_controls(basic);
	return missing ?: read_ept();
}

static void vmx_free(void)
{
	vmx_hold_exit();
	vmx_maps_exit();
	vmx_cpus_free();
}

static struct pt_format ept_format __ro_after_init = {
	.table = VMX_EPT_RWX_MASK,
	/* Memory is write-back, whatever the guest's PAT. */
	.leaf = VMX_EPT_READABLE_MASK | VMX_EPT_EXECUTABLE_MASK | 6ULL << 3 |
		VMX_EPT_IPAT_BIT,
	.present = VMX_EPT_READABLE_MASK,
	.write = VMX_EPT_WRITABLE_MASK,
	.huge = BIT_ULL(7),
	.levels = 4,
	.max_leaf = 2,
};

static struct vintc_ops vmx_ops __ro_after_init = {
	.name = "VMX",
	.backend = VINTC_BACKEND_VMX,
	.hypercall = { 0x0f, 0x01, 0xc1 }, /* VMCALL */
	.pt_format = &ept_format,
	.features = features,
	.exit = vmx_free,
	.cpu_enable = vmx_cpu_enable,
	.cpu_disable = vmx_cpu_disable,
	.vm_create = vmx_vm_create,
	.vm_free = vmx_vm_free,
	.vcpu_create = vmx_vcpu_create,
	.vcpu_free = vmx_vcpu_free,
	.vcpu_reset = vmx_vcpu_reset,
	.get_state = vmx_get_state,
	.set_state = vmx_set_state,
	.tsc_changed = vmx_tsc_changed,
	.cpuid_changed = vmx_cpuid_changed,
	.debug_changed = vmx_debug_changed,
	.intercepts_changed = vmx_intercepts_changed,
	.paging = vmx_paging,
	.run = vmx_run,
	.load_eoi_exitmap = vmx_load_eoi_exitmap,
	.mce_cap = MSR_MCG_CMCI_P,
	.nested_format = KVM_STATE_NESTED_FORMAT_VMX,
	.inhibits = 0,
	.apicv_update = vmx_apicv_update,
	.post_notify = vmx_post_notify,
	.sleeps = vmx_ipi_sleeps,
	.dests_changed = vmx_dests_changed,
	.posts_for_devices = true,
};

static void report(void)
{
	char on[160] = "", off[240] = "";
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(controls); i++) {
		const struct control *c = &controls[i];
		bool is_on = used & c->feature;
		char *to = is_on ? on : off;
		size_t size = is_on ? sizeof(on) : sizeof(off);

		if (!c->feature || c->use == NEED)
			continue;
		strlcat(to, *to ? ", " : " ", size);
		strlcat(to, c->name, size);
		if (!is_on)
			strlcat(to, !(present & c->feature) ? " (not in CPU)" :
				c->use == KNOWN ? " (not used)" : " (parameter)",
				size);
	}
	pr_info("VMX with EPT; on:%s; off:%s\n", *on ? on : " none",
		*off ? off : " none");
}

const struct vintc_ops *vmx_probe(void)
{
	const char *why;

	if (boot_cpu_data.x86_vendor != X86_VENDOR_INTEL &&
	    boot_cpu_data.x86_vendor != X86_VENDOR_CENTAUR &&
	    boot_cpu_data.x86_vendor != X86_VENDOR_ZHAOXIN)
		return NULL;
	why = refusal();
	if (why) {
		pr_info("no VMX: %s\n", why);
		return NULL;
	}
	read_rest();
	switch_init();
	if (pgtable_l5_enabled() && vmx_caps.ept_5level)
		ept_format.levels = 5;
	if (used & VINTC_FEATURE_PREEMPTION_TIMER)
		vmx_ops.deadline_changed = vmx_deadline_changed;
	ept_format.max_leaf = vmx_caps.ept_1g ? 3 : 2;
	if (vmx_caps.ept_ad) {
		ept_format.accessed = VMX_EPT_ACCESS_BIT;
		ept_format.dirty = VMX_EPT_DIRTY_BIT;
	}
	if (vmx_cpus_alloc() || vmx_maps_init()) {
		vmx_free();
		pr_err("no VMX: out of memory\n");
		return NULL;
	}
	vmx_hold_init();
	report();
	return &vmx_ops;
}
