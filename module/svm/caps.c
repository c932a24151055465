// SPDX-License-Identifier: GPL-2.0-only
/* What this machine's SVM can do, and taking a CPU for guests. */
#define pr_fmt(fmt) "vintc: " fmt

#include <linux/cc_platform.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/moduleparam.h>
#include <linux/printk.h>
#include <asm/cpufeature.h>
#include <asm/desc.h>
#include <asm/msr.h>
#include <asm/processor.h>
#include <asm/smp.h>

#include "../compat/compat.h"
#include "../compat/mitigations.h"
#include "../switch.h"
#include "svm.h"

static bool nrips = true;
module_param(nrips, bool, 0444);
MODULE_PARM_DESC(nrips, "use next-RIP save where the CPU has it");
static bool decodeassists = true;
module_param(decodeassists, bool, 0444);
MODULE_PARM_DESC(decodeassists, "use decode assists where the CPU has them");

static bool avic = true;
module_param(avic, bool, 0444);
MODULE_PARM_DESC(avic, "use AVIC where the CPU has it");
static bool x2avic = true;
module_param(x2avic, bool, 0444);
MODULE_PARM_DESC(x2avic, "use x2AVIC where the CPU has it");
static int avic_ipi = -1;
module_param(avic_ipi, int, 0444);
MODULE_PARM_DESC(avic_ipi, "CPUs send IPIs to running vCPUs by themselves: 1 yes, 0 no, -1 where that is known to work");
static bool vnmi = true;
module_param(vnmi, bool, 0444);
MODULE_PARM_DESC(vnmi, "use virtual NMIs where the CPU has them");

static ushort pause_filter_count = 3000;
module_param(pause_filter_count, ushort, 0444);
MODULE_PARM_DESC(pause_filter_count, "PAUSEs in a loop after which a guest exits, at first; 0: never");
static ushort pause_filter_thresh = 128;
module_param(pause_filter_thresh, ushort, 0444);
MODULE_PARM_DESC(pause_filter_thresh, "cycles between two of them, beyond which it is another loop");

struct svm_features svm_features __ro_after_init;
DEFINE_PER_CPU(struct svm_cpu, svm_cpu);

static u64 present __ro_after_init;
static u64 used __ro_after_init;

static void features(u64 *p, u64 *u)
{
	*p = present;
	*u = used;
}

static bool feature(unsigned int cpuid_bit, u64 bit, bool wanted)
{
	if (!(cpuid_edx(0x8000000a) & BIT(cpuid_bit)))
		return false;
	present |= bit;
	if (wanted)
		used |= bit;
	return wanted;
}

/* The physical table and the doorbell have 12 bits for a CPU. */
static bool host_ids_fit(void)
{
	int cpu;

	for_each_present_cpu(cpu)
		if (cpu_physical_id(cpu) > AVIC_PHYSICAL_HOST_ID)
			return false;
	return true;
}

/*
 * Erratum 1235 of family 17h: a CPU may have read IsRunning before the thread
 * cleared it and set IRR after the thread looked there. With IsRunning clear in
 * the table all IPIs exit, and only then is it looked at.
 */
static bool ipi_erratum(void)
{
	return boot_cpu_data.x86 == 0x17 || boot_cpu_data.x86 == 0x18;
}

/* CPUID 8000000A, APM 3 "SVM Features". */
static void read_features(void)
{
	struct svm_features *f = &svm_features;

	f->nasid = cpuid_ebx(0x8000000a);
	f->nrip_save = feature(3, VINTC_FEATURE_NRIP_SAVE, nrips);
	f->clean_bits = feature(5, VINTC_FEATURE_CLEAN_BITS, true);
	f->flush_by_asid = feature(6, VINTC_FEATURE_FLUSH_BY_ASID, true);
	f->decode_assist = feature(7, VINTC_FEATURE_DECODE_ASSIST, decodeassists);
	/* Of use to guests with guests of their own, which aren't offered. */
	feature(16, VINTC_FEATURE_VGIF, false);
	f->v_spec_ctrl = feature(20, VINTC_FEATURE_VIRT_SPEC_CTRL, true);
	feature(0, VINTC_FEATURE_NESTED_PAGING, true);
	feature(1, VINTC_FEATURE_LBR_VIRT, false);
	feature(4, VINTC_FEATURE_TSC_SCALING, false);
	if (feature(10, VINTC_FEATURE_PAUSE_FILTER, pause_filter_count)) {
		f->pause_count = pause_filter_count;
		if (cpuid_edx(0x8000000a) & BIT(12))
			f->pause_threshold = pause_filter_thresh;
	}
	f->avic = feature(13, VINTC_FEATURE_AVIC, avic && host_ids_fit());
	f->x2avic = feature(18, VINTC_FEATURE_X2AVIC, f->avic && x2avic);
	f->avic_ipi = f->avic && (avic_ipi < 0 ? !ipi_erratum() : avic_ipi);
	f->vnmi = feature(25, VINTC_FEATURE_VNMI, vnmi);
	present |= VINTC_FEATURE_TLB_TAGS;
	used |= VINTC_FEATURE_TLB_TAGS;

	f->npt_1g = boot_cpu_has(X86_FEATURE_GBPAGES);
}

/* A reason why there can't be guests here, or NULL. */
static const char *refusal(void)
{
	u64 vm_cr;

	if (boot_cpu_data.x86_vendor != X86_VENDOR_AMD &&
	    boot_cpu_data.x86_vendor != X86_VENDOR_HYGON)
		return "not an AMD CPU";
	if (!boot_cpu_has(X86_FEATURE_SVM))
		return "CPUID has no SVM";
	if (cc_platform_has(CC_ATTR_GUEST_MEM_ENCRYPT))
		return "this is an encrypted guest";
	rdmsrl(MSR_VM_CR, vm_cr);
	if (vm_cr & BIT(4))
		return "disabled by firmware (VM_CR.SVMDIS)";
	if (!(cpuid_edx(0x8000000a) & BIT(0)))
		return "no nested paging";
	if (cpuid_ebx(0x8000000a) < 2)
		return "no ASID for guests";
	if (!boot_cpu_has(X86_FEATURE_XSAVE))
		return "no XSAVE";
	return NULL;
}

/* ------------------------------------------------------------------ CPU */

static int cpu_enable(void)
{
	struct svm_cpu *cpu = this_cpu_ptr(&svm_cpu);
	u64 efer;

	rdmsrl(MSR_EFER, efer);
	if (efer & EFER_SVME)
		return -EBUSY;
	wrmsrl(MSR_EFER, efer | EFER_SVME);
	wrmsrl(MSR_VM_HSAVE_PA, page_to_phys(cpu->hsave));
	compat_bp_spec_reduce(true);
	/* What an earlier holder has left in the TLB is flushed on first use. */
	asid_cpu_reset(&cpu->asids, svm_features.nasid);
	switch_cpu_init();
	return 0;
}

static void cpu_disable(void)
{
	u64 efer;

	compat_bp_spec_reduce(false);
	wrmsrl(MSR_VM_HSAVE_PA, 0);
	rdmsrl(MSR_EFER, efer);
	wrmsrl(MSR_EFER, efer & ~EFER_SVME);
}

static void free_cpus(void)
{
	int cpu;

	for_each_possible_cpu(cpu) {
		struct svm_cpu *c = per_cpu_ptr(&svm_cpu, cpu);

		if (c->hsave)
			__free_page(c->hsave);
		if (c->host)
			__free_page(c->host);
		c->hsave = c->host = NULL;
	}
}

static int alloc_cpus(void)
{
	int cpu;

	for_each_possible_cpu(cpu) {
		struct svm_cpu *c = per_cpu_ptr(&svm_cpu, cpu);

		c->hsave = alloc_pages_node(cpu_to_node(cpu),
					    GFP_KERNEL | __GFP_ZERO, 0);
		c->host = alloc_pages_node(cpu_to_node(cpu),
					   GFP_KERNEL | __GFP_ZERO, 0);
		if (!c->hsave || !c->host)
			return -ENOMEM;
		c->host_pa = page_to_phys(c->host);
	}
	return 0;
}

static void svm_exit(void)
{
	svm_maps_exit();
	free_cpus();
}

/* ---------------------------------------------------------------- probe */

static struct pt_format npt_format __ro_after_init = {
	.table = BIT_ULL(0) | BIT_ULL(1) | BIT_ULL(2),
	.leaf = BIT_ULL(0) | BIT_ULL(2),
	.present = BIT_ULL(0),
	.write = BIT_ULL(1),
	.accessed = BIT_ULL(5),
	.dirty = BIT_ULL(6),
	.huge = BIT_ULL(7),
	.max_leaf = 2,
};

static const struct vintc_ops svm_ops = {
	.name = "SVM",
	.backend = VINTC_BACKEND_SVM,
	.hypercall = { 0x0f, 0x01, 0xd9 }, /* VMMCALL */
	.pt_format = &npt_format,
	.features = features,
	.exit = svm_exit,
	.cpu_enable = cpu_enable,
	.cpu_disable = cpu_disable,
	.vcpu_create = svm_vcpu_create,
	.vcpu_free = svm_vcpu_free,
	.vcpu_reset = svm_vcpu_reset,
	.get_state = svm_get_state,
	.set_state = svm_set_state,
	.tsc_changed = svm_tsc_changed,
	.cpuid_changed = svm_cpuid_changed,
	.debug_changed = svm_debug_changed,
	.intercepts_changed = svm_intercepts_changed,
	.paging = svm_paging,
	.run = svm_run,
	.vm_create = avic_vm_create,
	.vm_free = avic_vm_free,
	.nested_format = KVM_STATE_NESTED_FORMAT_SVM,
	.inhibits = VINTC_INHIBIT_APIC_ID | VINTC_INHIBIT_APIC_BASE |
		    VINTC_INHIBIT_PIT,
	.apicv_update = avic_update,
	.post_notify = avic_notify,
	.shares_irr = true,
	.dests_changed = avic_dests_changed,
};

static void report(void)
{
	static const struct {
		u64 bit;
		const char *name;
	} names[] = {
		{ VINTC_FEATURE_NRIP_SAVE, "nrip" },
		{ VINTC_FEATURE_DECODE_ASSIST, "decode" },
		{ VINTC_FEATURE_VGIF, "vgif" },
		{ VINTC_FEATURE_FLUSH_BY_ASID, "flushbyasid" },
		{ VINTC_FEATURE_CLEAN_BITS, "clean" },
		{ VINTC_FEATURE_VIRT_SPEC_CTRL, "v_spec_ctrl" },
		{ VINTC_FEATURE_AVIC, "avic" },
		{ VINTC_FEATURE_X2AVIC, "x2avic" },
		{ VINTC_FEATURE_VNMI, "vnmi" },
	};
	char on[96] = "", off[224] = "";
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(names); i++) {
		char *to = used & names[i].bit ? on : off;

		strlcat(to, " ", to == on ? sizeof(on) : sizeof(off));
		strlcat(to, names[i].name, to == on ? sizeof(on) : sizeof(off));
		if (to == off)
			strlcat(off, !(present & names[i].bit) ? " (not in CPU)" :
				names[i].bit == VINTC_FEATURE_VGIF ?
					" (no nested guests)" : " (parameter)",
				sizeof(off));
	}
	pr_info("SVM with nested paging, %u ASIDs; on:%s; off:%s\n",
		svm_features.nasid, *on ? on : " none", *off ? off : " none");
}

const struct vintc_ops *svm_probe(void)
{
	const char *why = refusal();

	if (why) {
		pr_info("no SVM: %s\n", why);
		return NULL;
	}
	read_features();
	switch_init();
	npt_format.levels = pgtable_l5_enabled() ? 5 : 4;
	npt_format.max_leaf = svm_features.npt_1g ? 3 : 2;
	if (alloc_cpus() || svm_maps_init()) {
		svm_exit();
		pr_err("no SVM: out of memory\n");
		return NULL;
	}
	report();
	if (!boot_cpu_has(X86_FEATURE_CONSTANT_TSC))
		pr_info("the TSC may change its rate: guests' TSC-deadline timers will be as inexact\n");
	return &svm_ops;
}
