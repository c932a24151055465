// SPDX-License-Identifier: GPL-2.0-only
/*
 * KVM_GET_SUPPORTED_CPUID: the host's CPUID, less what a guest can't have.
 *
 * A bit is offered when three agree: the CPU has it, the host kernel hasn't
 * turned it off, and the table below allows it. The table allows what needs no
 * help from vintc, or has it. Not allowed, and why:
 *
 *  - SVM, VMX, SMX: no nested guests yet
 *  - XSAVES, XFD, AMX, CET, PASID, LBR: supervisor or large state that isn't
 *    switched (XSS stays 0)
 *  - leaf 0xA, PERFCTR_*, IBS, PDCM, DS, PTSC, IRPERF: no PMU
 *  - MONITOR, MWAITX, WAITPKG: intercepted or let the guest hold a CPU
 *  - IBRS, STIBP, SSBD, VIRT_SSBD, PSFD, AUTOIBRS, ARCH_CAPABILITIES: their
 *    MSRs aren't switched; IBPB is, its command is carried out
 *  - HLE, RTM: MSR_TSX_CTRL isn't switched
 *  - LA57: canonical checks here know 48 bits
 *  - BPEXT, OSVW, LWP, TCE, EXTAPIC, NODEID, PPIN, HWP and the like: MSRs or
 *    registers that don't exist here
 *  - RDPRU, INVLPGB, ENQCMD, SGX, PT, PCONFIG: host's own
 */
#include <linux/err.h>
#include <linux/log2.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <asm/cpufeature.h>
#include <asm/fpu/api.h>
#include <asm/fpu/types.h>
#include <asm/fpu/xcr.h>
#include <uapi/asm/kvm_para.h>
#include <asm/processor.h>

#include "../pv.h"
#include "../compat/cpu.h"
#include "../vcpu.h"
#include "cpuid.h"

#define XCR0_X87 BIT_ULL(0)
#define XCR0_SSE BIT_ULL(1)
#define XCR0_YMM BIT_ULL(2)
#define XCR0_AVX512 (BIT_ULL(5) | BIT_ULL(6) | BIT_ULL(7))
#define XCR0_PKRU BIT_ULL(9)
#define XCR0_OURS (XCR0_X87 | XCR0_SSE | XCR0_YMM | XCR0_AVX512 | XCR0_PKRU)

#define XSTATE_LEGACY 576 /* FXSAVE area and XSAVE header */
#define XSTATE_COMPONENTS 10

/* Highest leaves offered; what lies above isn't understood here. */
#define BASIC_MAX 0x1f
#define EXTENDED_MAX 0x80000021u

/* ------------------------------------------------- the host's own state */

static struct host {
	bool ready;
	u64 xcr0;
	u32 mxcsr_mask;
	struct {
		u32 offset, size;
		bool aligned; /* to 64 bytes when compacted */
	} xstate[XSTATE_COMPONENTS];
} host;

static DEFINE_MUTEX(host_lock);

static u32 read_mxcsr_mask(void)
{
	static u8 area[512] __aligned(16);
	u32 mask;

	kernel_fpu_begin();
	asm volatile("fxsave64 %0" : "=m" (area));
	kernel_fpu_end();
	memcpy(&mask, area + 28, sizeof(mask));
	/* A zero stands for the mask of the first CPUs with SSE (SDM 1). */
	return mask ?: 0xffbf;
}

static void host_read(void)
{
	u32 eax, ebx, ecx, edx, i;

	host.mxcsr_mask = read_mxcsr_mask();
	if (!boot_cpu_has(X86_FEATURE_OSXSAVE) &&
	    !boot_cpu_has(X86_FEATURE_XSAVE))
		return;
	host.xcr0 = xgetbv(XCR_XFEATURE_ENABLED_MASK) & XCR0_OURS;
	for (i = 2; i < XSTATE_COMPONENTS; i++) {
		if (!(host.xcr0 & BIT_ULL(i)))
			continue;
		cpuid_count(0xd, i, &eax, &ebx, &ecx, &edx);
		if (ebx + eax > PAGE_SIZE || (ecx & 1)) {
			/* It doesn't fit a vCPU's page: do without. */
			host.xcr0 &= ~BIT_ULL(i);
			continue;
		}
		host.xstate[i].size = eax;
		host.xstate[i].offset = ebx;
		host.xstate[i].aligned = ecx & 2;
	}
	/* AVX-512 is all three of its components, on top of AVX. */
	if (!(host.xcr0 & XCR0_YMM) ||
	    (host.xcr0 & XCR0_AVX512) != XCR0_AVX512)
		host.xcr0 &= ~XCR0_AVX512;
}

/* CPUID is slow where the host is a guest itself: asked once. */
static const struct host *host_get(void)
{
	if (!smp_load_acquire(&host.ready)) {
		mutex_lock(&host_lock);
		if (!host.ready) {
			host_read();
			smp_store_release(&host.ready, true);
		}
		mutex_unlock(&host_lock);
	}
	return &host;
}

u64 cpuid_host_xcr0(void)
{
	return host_get()->xcr0;
}

u32 cpuid_mxcsr_mask(void)
{
	return host_get()->mxcsr_mask;
}

bool cpuid_xsave_component(unsigned int i, u32 *offset, u32 *size)
{
	const struct host *h = host_get();

	if (i < 2 || i >= XSTATE_COMPONENTS || !(h->xcr0 & BIT_ULL(i)))
		return false;
	*offset = h->xstate[i].offset;
	*size = h->xstate[i].size;
	return true;
}

u32 cpuid_xsave_size(u64 xcr0)
{
	u32 i, size = XSTATE_LEGACY;

	for (i = 2; i < XSTATE_COMPONENTS; i++) {
		if (xcr0 & BIT_ULL(i))
			size = max(size, host.xstate[i].offset +
					 host.xstate[i].size);
	}
	return size;
}

u32 cpuid_xsavec_size(u64 xcr0)
{
	u32 i, size = XSTATE_LEGACY;

	for (i = 2; i < XSTATE_COMPONENTS; i++) {
		if (!(xcr0 & BIT_ULL(i)))
			continue;
		if (host.xstate[i].aligned)
			size = ALIGN(size, 64);
		size += host.xstate[i].size;
	}
	return size;
}

/* ---------------------------------------------------------- allow-list */

enum { EAX, EBX, ECX, EDX };

#define F(name) BIT(X86_FEATURE_##name & 31)
#define NO_WORD (-1) /* the kernel doesn't keep this register */

struct allow {
	u32 function;
	u16 index;
	u8 reg;
	s8 word; /* the kernel's copy, which lacks what it has turned off */
	u32 mask;
	u32 forced; /* emulated here, whatever the CPU has */
};

#define LEGACY_EDX                                                          \
	(F(FPU) | F(VME) | F(DE) | F(PSE) | F(TSC) | F(MSR) | F(PAE) |      \
	 F(MCE) | F(CX8) | F(APIC) | F(MTRR) | F(PGE) | F(MCA) | F(CMOV) |  \
	 F(PAT) | F(PSE36) | F(MMX) | F(FXSR))

static const struct allow allowed[] = {
	{ 1, 0, EDX, CPUID_1_EDX,
	  LEGACY_EDX | F(SEP) | F(CLFLUSH) | F(XMM) | F(XMM2) | F(SELFSNOOP) },
	{ 1, 0, ECX, CPUID_1_ECX,
	  F(XMM3) | F(PCLMULQDQ) | F(SSSE3) | F(FMA) | F(CX16) | F(PCID) |
	  F(XMM4_1) | F(XMM4_2) | F(MOVBE) | F(POPCNT) | F(AES) | F(XSAVE) |
	  F(AVX) | F(F16C) | F(RDRAND),
	  F(X2APIC) | F(HYPERVISOR) },
	{ 7, 0, EBX, CPUID_7_0_EBX,
	  F(FSGSBASE) | F(BMI1) | F(AVX2) | F(SMEP) | F(BMI2) | F(ERMS) |
	  F(INVPCID) | F(AVX512F) | F(AVX512DQ) | F(RDSEED) | F(ADX) |
	  F(SMAP) | F(AVX512IFMA) | F(CLFLUSHOPT) | F(CLWB) | F(AVX512PF) |
	  F(AVX512ER) | F(AVX512CD) | F(SHA_NI) | F(AVX512BW) | F(AVX512VL) |
	  F(FDP_EXCPTN_ONLY) | F(ZERO_FCS_FDS),
	  F(TSC_ADJUST) },
	{ 7, 0, ECX, CPUID_7_ECX,
	  F(AVX512VBMI) | F(UMIP) | F(PKU) | F(AVX512_VBMI2) | F(GFNI) |
	  F(VAES) | F(VPCLMULQDQ) | F(AVX512_VNNI) | F(AVX512_BITALG) |
	  F(AVX512_VPOPCNTDQ) | F(RDPID) | F(CLDEMOTE) | F(MOVDIRI) |
	  F(MOVDIR64B) },
	{ 7, 0, EDX, CPUID_7_EDX,
	  F(AVX512_4VNNIW) | F(AVX512_4FMAPS) | F(FSRM) |
	  F(AVX512_VP2INTERSECT) | F(MD_CLEAR) | F(SERIALIZE) |
	  F(AVX512_FP16) },
	{ 7, 1, EAX, CPUID_7_1_EAX,
	  F(AVX_VNNI) | F(AVX512_BF16) | BIT(7) /* CMPCCXADD */ |
	  BIT(10) /* FZRM */ | BIT(11) /* FSRS */ | BIT(12) /* FSRC */ |
	  BIT(23) /* AVX_IFMA */ },
	{ 7, 1, EDX, NO_WORD,
	  BIT(4) /* AVX_VNNI_INT8 */ | BIT(5) /* AVX_NE_CONVERT */ |
	  BIT(14) /* PREFETCHITI */ },
	{ 0xd, 1, EAX, CPUID_D_1_EAX, F(XSAVEOPT) | F(XSAVEC) | F(XGETBV1) },
	{ 0x80000001, 0, EDX, CPUID_8000_0001_EDX,
	  LEGACY_EDX | F(SYSCALL) | F(NX) | F(MMXEXT) | F(FXSR_OPT) |
	  F(GBPAGES) | F(RDTSCP) | F(LM) | F(3DNOWEXT) | F(3DNOW) },
	{ 0x80000001, 0, ECX, CPUID_8000_0001_ECX,
	  F(LAHF_LM) | F(CMP_LEGACY) | F(CR8_LEGACY) | F(ABM) | F(SSE4A) |
	  F(MISALIGNSSE) | F(3DNOWPREFETCH) | F(XOP) | F(FMA4) | F(TBM) |
	  F(TOPOEXT) },
	{ 0x80000007, 0, EDX, NO_WORD, BIT(8) /* invariant TSC */ },
	{ 0x80000008, 0, EBX, CPUID_8000_0008_EBX,
	  F(CLZERO) | F(XSAVEERPTR) | F(WBNOINVD) | F(AMD_IBPB) |
	  F(AMD_SSB_NO) | F(BTC_NO) },
	{ 0x80000021, 0, EAX, NO_WORD,
	  BIT(0) /* no nested data breakpoints */ |
	  BIT(2) /* LFENCE serializes */ |
	  BIT(6) /* null selector clears base */ |
	  BIT(9) /* no SMM_CTL MSR */ | BIT(20) /* PREFETCHI */ |
	  BIT(29) /* SRSO_NO */ | BIT(30) /* SRSO_USER_KERNEL_NO */ },
};

/* The same legacy bits stand in leaf 1's word, which alone the kernel trims. */
static u32 kernel_word(const struct allow *a)
{
	u32 caps = boot_cpu_data.x86_capability[a->word];

	if (a->word == CPUID_8000_0001_EDX)
		caps = (caps & ~LEGACY_EDX) |
		       (boot_cpu_data.x86_capability[CPUID_1_EDX] & LEGACY_EDX);
	return caps;
}

/* Registers of feature leaves: nothing passes that no line allows. */
static void restrict_features(struct kvm_cpuid_entry2 *e)
{
	const u32 in[4] = { e->eax, e->ebx, e->ecx, e->edx };
	u32 out[4] = {};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(allowed); i++) {
		const struct allow *a = &allowed[i];
		u32 val;

		if (a->function != e->function || a->index != e->index)
			continue;
		val = in[a->reg] & a->mask;
		if (a->word != NO_WORD)
			val &= kernel_word(a);
		out[a->reg] = val | a->forced;
	}
	e->eax = out[EAX];
	e->ebx = out[EBX];
	e->ecx = out[ECX];
	e->edx = out[EDX];
}

/* --------------------------------------------------------- leaf by leaf */

struct list {
	struct kvm_cpuid_entry2 *entry;
	u32 n;
	bool full;
	struct kvm_cpuid_entry2 overflow; /* written to when full, then lost */
};

static struct kvm_cpuid_entry2 *emit(struct list *l, u32 function, u32 index,
				     bool indexed)
{
	struct kvm_cpuid_entry2 *e;

	if (l->n == GUEST_CPUID_ENTRIES) {
		l->full = true;
		return &l->overflow;
	}
	e = &l->entry[l->n++];
	memset(e, 0, sizeof(*e));
	e->function = function;
	e->index = index;
	e->flags = indexed ? KVM_CPUID_FLAG_SIGNIFCANT_INDEX : 0;
	cpuid_count(function, index, &e->eax, &e->ebx, &e->ecx, &e->edx);
	return e;
}

static void emit_zero(struct list *l, u32 function, bool indexed)
{
	struct kvm_cpuid_entry2 *e = emit(l, function, 0, indexed);

	e->eax = e->ebx = e->ecx = e->edx = 0;
}

static void leaf_1(struct list *l)
{
	struct kvm_cpuid_entry2 *e = emit(l, 1, 0, false);
	u32 signature = e->eax, clflush = e->ebx & 0xff00;

	restrict_features(e);
	e->eax = signature;
	e->ebx = clflush; /* APIC ID and counts are each vCPU's own */
	if (!cpuid_host_xcr0())
		e->ecx &= ~(F(XSAVE) | F(AVX) | F(FMA) | F(F16C));
}

static void leaf_7(struct list *l)
{
	struct kvm_cpuid_entry2 *e = emit(l, 7, 0, true);
	u32 subleaves = min(e->eax, 1u);
	u64 xcr0 = cpuid_host_xcr0();

	restrict_features(e);
	e->eax = subleaves;
	if (!(xcr0 & XCR0_PKRU))
		e->ecx &= ~F(PKU);
	/* RDPID reads TSC_AUX, which comes with RDTSCP. */
	if (!boot_cpu_has(X86_FEATURE_RDTSCP))
		e->ecx &= ~F(RDPID);
	if (!subleaves)
		return;
	e = emit(l, 7, 1, true);
	restrict_features(e);
	if (!(xcr0 & XCR0_YMM))
		e->edx &= ~(BIT(4) | BIT(5));
}

/* Cache parameters, 4 and 0x8000001D: one line per cache, a type of 0 ends. */
static void leaf_caches(struct list *l, u32 function)
{
	struct kvm_cpuid_entry2 *e;
	u32 i;

	for (i = 0; i < 16; i++) {
		e = emit(l, function, i, true);
		/* Who shares a cache is a matter of the guest's topology. */
		e->eax &= GENMASK(13, 0);
		if (!(e->eax & 0x1f)) {
			e->ebx = e->ecx = e->edx = 0;
			return;
		}
	}
}

static void leaf_xsave(struct list *l)
{
	u64 xcr0 = cpuid_host_xcr0();
	struct kvm_cpuid_entry2 *e;
	u32 i;

	if (!xcr0)
		return emit_zero(l, 0xd, true);
	e = emit(l, 0xd, 0, true);
	e->eax = lower_32_bits(xcr0);
	e->edx = upper_32_bits(xcr0);
	e->ecx = cpuid_xsave_size(xcr0);
	e->ebx = e->ecx;
	e = emit(l, 0xd, 1, true);
	restrict_features(e);
	if (e->eax & F(XSAVEC))
		e->ebx = cpuid_xsavec_size(xcr0);
	for (i = 2; i < XSTATE_COMPONENTS; i++) {
		if (!(xcr0 & BIT_ULL(i)))
			continue;
		e = emit(l, 0xd, i, true);
		e->ecx &= 2;
		e->edx = 0;
	}
}

static void basic_leaf(struct list *l, u32 function)
{
	struct kvm_cpuid_entry2 *e;

	switch (function) {
	case 0:
		e = emit(l, 0, 0, false);
		e->eax = min_t(u32, e->eax, BASIC_MAX);
		break;
	case 1:
		leaf_1(l);
		break;
	case 2:
		emit(l, 2, 0, false);
		break;
	case 4:
		leaf_caches(l, 4);
		break;
	case 6:
		emit_zero(l, 6, false);
		if (!l->full) /* the timer never stops: ARAT */
			l->entry[l->n - 1].eax = BIT(2);
		break;
	case 7:
		leaf_7(l);
		break;
	case 0xb:
	case 0x1f:
		/* No levels: user space tells the topology, and EDX. */
		emit_zero(l, function, true);
		break;
	case 0xd:
		leaf_xsave(l);
		break;
	default:
		emit_zero(l, function, false);
	}
}

static void leaf_80000001(struct list *l)
{
	struct kvm_cpuid_entry2 *e = emit(l, 0x80000001, 0, false);
	u32 signature = e->eax, package = e->ebx & ~GENMASK(27, 16);

	restrict_features(e);
	e->eax = signature;
	e->ebx = package;
	if (!(cpuid_host_xcr0() & XCR0_YMM))
		e->ecx &= ~(F(XOP) | F(FMA4));
}

static void leaf_80000008(struct list *l)
{
	struct kvm_cpuid_entry2 *e = emit(l, 0x80000008, 0, false);
	u32 phys = e->eax & 0xff;

	restrict_features(e);
	/* Four levels of nested paging reach 48 bits; LA57 isn't offered. */
	e->eax = min(phys, 48u) | 48 << 8;
}

static void extended_leaf(struct list *l, u32 function)
{
	struct kvm_cpuid_entry2 *e;

	switch (function) {
	case 0x80000000:
		e = emit(l, function, 0, false);
		e->eax = min_t(u32, e->eax, EXTENDED_MAX);
		break;
	case 0x80000001:
		leaf_80000001(l);
		break;
	case 0x80000002 ... 0x80000006: /* brand string, caches, TLBs */
	case 0x80000019: /* TLBs of 1 GiB pages */
		emit(l, function, 0, false);
		break;
	case 0x8000001a: /* how fast wide operations are */
		e = emit(l, function, 0, false);
		e->eax &= GENMASK(2, 0);
		e->ebx = e->ecx = e->edx = 0;
		break;
	case 0x80000007:
	case 0x80000021:
		restrict_features(emit(l, function, 0, false));
		break;
	case 0x80000008:
		leaf_80000008(l);
		break;
	case 0x8000001d:
		if (boot_cpu_has(X86_FEATURE_TOPOEXT))
			leaf_caches(l, function);
		else
			emit_zero(l, function, false);
		break;
	default:
		emit_zero(l, function, false);
	}
}

/* What a guest finds here in place of hardware: KVM's signature and features. */
static void hypervisor_leaves(struct list *l)
{
	struct kvm_cpuid_entry2 *e = emit(l, KVM_CPUID_SIGNATURE, 0, false);

	e->eax = KVM_CPUID_FEATURES;
	memcpy(&e->ebx, KVM_SIGNATURE, 4);
	memcpy(&e->ecx, &KVM_SIGNATURE[4], 4);
	memcpy(&e->edx, &KVM_SIGNATURE[8], 4);
	e = emit(l, KVM_CPUID_FEATURES, 0, false);
	e->eax = pv_features();
	e->ebx = e->ecx = e->edx = 0;
}

static void supported(struct list *l)
{
	u32 f, max = min_t(u32, cpuid_eax(0), BASIC_MAX);

	for (f = 0; f <= max; f++)
		basic_leaf(l, f);
	hypervisor_leaves(l);
	max = cpuid_eax(0x80000000);
	if (max < 0x80000000)
		return;
	max = min(max, EXTENDED_MAX);
	for (f = 0x80000000; f <= max; f++)
		extended_leaf(l, f);
}

/**
 * cpuid_supported() - KVM_GET_SUPPORTED_CPUID, KVM_GET_EMULATED_CPUID
 * @cpuid: header; @nent becomes the number of entries
 * @entries: user's array of @nent
 * @emulated: features without hardware: none, which leaf 0 alone says
 *
 * Return: 0, -E2BIG when @nent is too few (and stays as it is), -EFAULT,
 * -ENOMEM.
 */
int cpuid_supported(struct kvm_cpuid2 *cpuid,
		    struct kvm_cpuid_entry2 __user *entries, bool emulated)
{
	struct list l = {};
	int ret = 0;

	if (cpuid->nent < 1)
		return -E2BIG;
	l.entry = kvcalloc(GUEST_CPUID_ENTRIES, sizeof(*l.entry), GFP_KERNEL);
	if (!l.entry)
		return -ENOMEM;
	host_get();
	if (emulated)
		l.n = 1;
	else
		supported(&l);
	if (l.full || l.n > cpuid->nent)
		ret = -E2BIG;
	else if (copy_to_user(entries, l.entry, l.n * sizeof(*l.entry)))
		ret = -EFAULT;
	else
		cpuid->nent = l.n;
	kvfree(l.entry);
	return ret;
}
