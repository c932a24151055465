// SPDX-License-Identifier: GPL-2.0-only
/*
 * A vCPU's CPUID: KVM_SET_CPUID2, KVM_GET_CPUID2, and the instruction, which
 * exits often enough that it is looked up by index and not searched for.
 */
#include <linux/err.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <asm/kvm_para.h>
#include <asm/cpufeature.h>
#include <asm/msr-index.h>
#include <asm/processor-flags.h>

#include "../compat/compat.h"
#include "../ops.h"
#include "../trace.h"
#include "../vm.h"
#include "cpuid.h"

#define F(name) BIT(X86_FEATURE_##name & 31)

/* Where each feature word comes from. */
static const struct {
	u8 word, reg;
	u32 function, index;
} words[] = {
	{ CPUID_1_EDX, 3, 1, 0 },
	{ CPUID_1_ECX, 2, 1, 0 },
	{ CPUID_7_0_EBX, 1, 7, 0 },
	{ CPUID_7_ECX, 2, 7, 0 },
	{ CPUID_7_EDX, 3, 7, 0 },
	{ CPUID_7_1_EAX, 0, 7, 1 },
	{ CPUID_D_1_EAX, 0, 0xd, 1 },
	{ CPUID_8000_0001_EDX, 3, 0x80000001, 0 },
	{ CPUID_8000_0001_ECX, 2, 0x80000001, 0 },
	{ CPUID_8000_0008_EBX, 1, 0x80000008, 0 },
	{ CPUID_8000_000A_EDX, 3, 0x8000000a, 0 },
	{ CPUID_8000_001F_EAX, 0, 0x8000001f, 0 },
	{ CPUID_8000_0021_EAX, 0, 0x80000021, 0 },
};

static_assert(NR_CPUID_WORDS <= GUEST_CPUID_WORDS);
static_assert(GUEST_CPUID_ENTRIES < LEAF_END);

static inline unsigned int slot_of(u32 function)
{
	if (likely(function < LEAF_RANGE))
		return LEAF_SLOT_BASIC + function;
	if (function - LEAF_EXTENDED < LEAF_RANGE)
		return LEAF_SLOT_EXTENDED + (function - LEAF_EXTENDED);
	if (function - LEAF_HYPERVISOR < LEAF_RANGE)
		return LEAF_SLOT_HYPERVISOR + (function - LEAF_HYPERVISOR);
	return LEAF_SLOT_OTHER;
}

static inline const struct guest_leaf *table_find(const struct guest_cpuid *t,
						  u32 function, u32 index)
{
	u16 i = t->first[slot_of(function)];
	const struct guest_leaf *leaf;

	for (; i != LEAF_END; i = leaf->next) {
		leaf = &t->leaf[i];
		if (likely(leaf->function == function) &&
		    (!leaf->indexed || leaf->index == index))
			return leaf;
	}
	return NULL;
}

const struct guest_leaf *cpuid_find(const struct vcpu *vcpu, u32 function,
				    u32 index)
{
	return vcpu->cpuid ? table_find(vcpu->cpuid, function, index) : NULL;
}

u32 cpuid_signature(const struct vcpu *vcpu)
{
	const struct guest_leaf *leaf = cpuid_find(vcpu, 1, 0);

	return leaf ? leaf->eax : 0x600; /* family 6, as good as any */
}

bool cpuid_is_amd(const struct vcpu *vcpu)
{
	return vcpu->cpuid && vcpu->cpuid->amd;
}

bool cpuid_has(const struct vcpu *vcpu, unsigned int feature)
{
	unsigned int word = feature / 32;

	return vcpu->cpuid && word < GUEST_CPUID_WORDS &&
	       (vcpu->cpuid->word[word] >> (feature & 31) & 1);
}

/* -------------------------------------------------- what follows from it */

#define CR4_ALWAYS                                                          \
	(X86_CR4_VME | X86_CR4_PVI | X86_CR4_TSD | X86_CR4_DE |             \
	 X86_CR4_PSE | X86_CR4_PAE | X86_CR4_MCE | X86_CR4_PGE |            \
	 X86_CR4_PCE | X86_CR4_OSFXSR | X86_CR4_OSXMMEXCPT)

static const struct {
	u64 bit;
	u16 feature;
} cr4_features[] = {
	{ X86_CR4_UMIP, X86_FEATURE_UMIP },
	{ X86_CR4_FSGSBASE, X86_FEATURE_FSGSBASE },
	{ X86_CR4_PCIDE, X86_FEATURE_PCID },
	{ X86_CR4_OSXSAVE, X86_FEATURE_XSAVE },
	{ X86_CR4_SMEP, X86_FEATURE_SMEP },
	{ X86_CR4_SMAP, X86_FEATURE_SMAP },
	{ X86_CR4_PKE, X86_FEATURE_PKU },
};

/* A bit is of use only where the CPU itself has the feature, too. */
static bool feature_usable(const struct vcpu *vcpu, u16 feature)
{
	if (!(boot_cpu_data.x86_capability[feature / 32] & BIT(feature % 32)))
		return false;
	if (!vcpu->cpuid)
		return !COMPAT_KVM_CPUID_FIRST;
	return cpuid_has(vcpu, feature);
}

u64 cpuid_cr4_allowed(const struct vcpu *vcpu)
{
	u64 bits = CR4_ALWAYS;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cr4_features); i++)
		if (feature_usable(vcpu, cr4_features[i].feature))
			bits |= cr4_features[i].bit;
	return bits;
}

u64 cpuid_efer_bits(const struct vcpu *vcpu, bool host)
{
	u64 bits = 0;

	if (host || cpuid_has(vcpu, X86_FEATURE_SYSCALL))
		bits |= EFER_SCE;
	if (host || cpuid_has(vcpu, X86_FEATURE_LM))
		bits |= EFER_LME | EFER_LMA;
	if (boot_cpu_has(X86_FEATURE_NX) &&
	    (host || cpuid_has(vcpu, X86_FEATURE_NX)))
		bits |= EFER_NX;
	if (boot_cpu_has(X86_FEATURE_FXSR_OPT) &&
	    (host || cpuid_has(vcpu, X86_FEATURE_FXSR_OPT)))
		bits |= EFER_FFXSR;
	return bits;
}

#define XCR0_SSE BIT_ULL(1)
#define XCR0_YMM BIT_ULL(2)
#define XCR0_AVX512 GENMASK_ULL(7, 5)

bool cpuid_xcr0_valid(const struct vcpu *vcpu, u64 xcr0)
{
	u64 avx512 = xcr0 & XCR0_AVX512;

	if (!(xcr0 & 1) || (xcr0 & ~vcpu->xcr0_allowed))
		return false;
	if ((xcr0 & XCR0_YMM) && !(xcr0 & XCR0_SSE))
		return false;
	return !avx512 || (avx512 == XCR0_AVX512 && (xcr0 & XCR0_YMM));
}

/* ------------------------------------------------------ the instruction */

/*
 * An undefined basic or hypervisor leaf reads as the highest basic leaf on
 * Intel (SDM 2A "CPUID"), as zero on AMD (APM 3 "CPUID"). Inside its range a
 * leaf that user space has left out is zero.
 */
static const struct guest_leaf *out_of_range(const struct guest_cpuid *t,
					     u32 function)
{
	if (!t->redirect)
		return NULL;
	if (function - LEAF_EXTENDED < LEAF_HYPERVISOR)
		return function <= t->limit_extended ? NULL : t->redirect;
	if (function - LEAF_HYPERVISOR < 0x10000)
		return function <= t->limit_hypervisor ? NULL : t->redirect;
	return function <= t->limit_basic ? NULL : t->redirect;
}

/* Bits of @r that follow the vCPU's registers. */
static noinline void leaf_live_bits(const struct vcpu *vcpu, u8 live, u32 *eax,
				    u32 *ebx, u32 *ecx, u32 *edx)
{
	bool apic = vcpu->lapic.base & LAPIC_BASE_ENABLE;

	switch (live) {
	case LEAF_LIVE_1:
		*ecx &= ~F(OSXSAVE);
		if (vcpu->cr4 & X86_CR4_OSXSAVE)
			*ecx |= F(OSXSAVE);
		if (!apic)
			*edx &= ~F(APIC);
		break;
	case LEAF_LIVE_7:
		*ecx &= ~F(OSPKE);
		if (vcpu->cr4 & X86_CR4_PKE)
			*ecx |= F(OSPKE);
		break;
	case LEAF_LIVE_D_0:
		*ebx = cpuid_xsave_size(vcpu->xcr0);
		break;
	case LEAF_LIVE_D_1:
		*ebx = cpuid_xsavec_size(vcpu->xcr0 | vcpu->xss);
		break;
	case LEAF_LIVE_80000001:
		if (!apic)
			*edx &= ~F(APIC);
		break;
	case LEAF_LIVE_PV:
		/* A guest that halts for itself can't be woken by a kick. */
		if (READ_ONCE(vcpu->vm->hlt_in_guest))
			*eax &= ~BIT(KVM_FEATURE_PV_UNHALT);
		break;
	}
}

void cpuid_emulate(struct vcpu *vcpu)
{
	const struct guest_cpuid *t = vcpu->cpuid;
	u32 function = vcpu->gpr[X86_RAX], index = vcpu->gpr[X86_RCX];
	u32 eax = 0, ebx = 0, ecx = 0, edx = 0;
	const struct guest_leaf *leaf = NULL;

	if (likely(t)) {
		leaf = table_find(t, function, index);
		if (unlikely(!leaf))
			leaf = out_of_range(t, function);
	}
	if (likely(leaf)) {
		eax = leaf->eax;
		ebx = leaf->ebx;
		ecx = leaf->ecx;
		edx = leaf->edx;
		if (leaf->live == LEAF_LIVE_1) {
			ecx &= ~F(OSXSAVE);
			if (vcpu->cr4 & X86_CR4_OSXSAVE)
				ecx |= F(OSXSAVE);
			if (!(vcpu->lapic.base & LAPIC_BASE_ENABLE))
				edx &= ~F(APIC);
		} else if (unlikely(leaf->live)) {
			leaf_live_bits(vcpu, leaf->live, &eax, &ebx, &ecx, &edx);
		}
	}
	vcpu->gpr[X86_RAX] = eax;
	vcpu->gpr[X86_RBX] = ebx;
	vcpu->gpr[X86_RCX] = ecx;
	vcpu->gpr[X86_RDX] = edx;
	trace_vintc_cpuid(vcpu->id, function, index, eax, ebx, ecx, edx);
}

/* ------------------------------------------------------- set and get */

static u8 live_kind(u32 function, u32 index, u32 d1_eax)
{
	switch (function) {
	case 1:
		return LEAF_LIVE_1;
	case 7:
		return index ? LEAF_LIVE_NONE : LEAF_LIVE_7;
	case 0xd:
		if (index == 0)
			return LEAF_LIVE_D_0;
		if (index == 1 && (d1_eax & F(XSAVEC)))
			return LEAF_LIVE_D_1;
		return LEAF_LIVE_NONE;
	case 0x80000001:
		return LEAF_LIVE_80000001;
	}
	return LEAF_LIVE_NONE;
}

static void table_add(struct guest_cpuid *t, const struct kvm_cpuid_entry2 *e)
{
	u16 i = t->n++, *link = &t->first[slot_of(e->function)];
	struct guest_leaf *leaf = &t->leaf[i];

	leaf->function = e->function;
	leaf->index = e->index;
	leaf->flags = e->flags;
	leaf->indexed = e->flags & KVM_CPUID_FLAG_SIGNIFCANT_INDEX;
	leaf->eax = e->eax;
	leaf->ebx = e->ebx;
	leaf->ecx = e->ecx;
	leaf->edx = e->edx;
	leaf->live = live_kind(e->function, leaf->indexed ? e->index : 0,
			       e->eax);
	leaf->next = LEAF_END;
	/* Appended: of two that match, the first counts. */
	while (*link != LEAF_END)
		link = &t->leaf[*link].next;
	*link = i;
}

static u32 leaf_reg(const struct guest_leaf *leaf, u8 reg)
{
	switch (reg) {
	case 0:
		return leaf->eax;
	case 1:
		return leaf->ebx;
	case 2:
		return leaf->ecx;
	default:
		return leaf->edx;
	}
}

static bool vendor_is(const struct guest_leaf *leaf, const char *name)
{
	return !memcmp(&leaf->ebx, name, 4) && !memcmp(&leaf->edx, name + 4, 4) &&
	       !memcmp(&leaf->ecx, name + 8, 4);
}

/* A guest finds KVM's leaves at a multiple of 100H, others' may be before. */
static void derive_pv(struct guest_cpuid *t)
{
	const struct guest_leaf *leaf, *features;
	u32 base;

	for (base = LEAF_HYPERVISOR; base < LEAF_HYPERVISOR + 0x10000; base += 0x100) {
		leaf = table_find(t, base, 0);
		if (!leaf || memcmp(&leaf->ebx, KVM_SIGNATURE, 4) ||
		    memcmp(&leaf->ecx, &KVM_SIGNATURE[4], 4) ||
		    memcmp(&leaf->edx, &KVM_SIGNATURE[8], 4))
			continue;
		features = table_find(t, base + 1, 0);
		if (!features)
			return;
		t->pv_features = features->eax;
		t->leaf[features - t->leaf].live = LEAF_LIVE_PV;
		return;
	}
}

/* What the leaves add up to. */
static void table_derive(struct guest_cpuid *t)
{
	const struct guest_leaf *leaf;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(words); i++) {
		leaf = table_find(t, words[i].function, words[i].index);
		if (leaf)
			t->word[words[i].word] = leaf_reg(leaf, words[i].reg);
	}
	leaf = table_find(t, LEAF_EXTENDED, 0);
	t->limit_extended = leaf ? leaf->eax : 0;
	leaf = table_find(t, LEAF_HYPERVISOR, 0);
	t->limit_hypervisor = leaf ? leaf->eax : 0;
	derive_pv(t);
	leaf = table_find(t, LEAF_BASIC, 0);
	if (!leaf)
		return;
	t->limit_basic = leaf->eax;
	t->amd = vendor_is(leaf, "AuthenticAMD") ||
		 vendor_is(leaf, "HygonGenuine");
	if (!t->amd)
		t->redirect = table_find(t, t->limit_basic, 0);
}

static struct guest_cpuid *table_build(const struct kvm_cpuid_entry2 *e, u32 n)
{
	struct guest_cpuid *t;
	u32 i;

	t = kvzalloc(struct_size(t, leaf, n), GFP_KERNEL_ACCOUNT);
	if (!t)
		return NULL;
	memset(t->first, 0xff, sizeof(t->first)); /* LEAF_END */
	for (i = 0; i < n; i++)
		table_add(t, &e[i]);
	table_derive(t);
	return t;
}

static void leaf_to_user(const struct vcpu *vcpu, struct kvm_cpuid_entry2 *e,
			 const struct guest_leaf *leaf)
{
	*e = (struct kvm_cpuid_entry2){
		.function = leaf->function,
		.index = leaf->index,
		.flags = leaf->flags,
		.eax = leaf->eax,
		.ebx = leaf->ebx,
		.ecx = leaf->ecx,
		.edx = leaf->edx,
	};
	leaf_live_bits(vcpu, leaf->live, &e->eax, &e->ebx, &e->ecx,
		       &e->edx);
}

/* Linear addresses are checked against 48 bits, the only width offered. */
static bool table_valid(const struct guest_cpuid *t)
{
	const struct guest_leaf *leaf = table_find(t, 0x80000008, 0);
	u32 virt = leaf ? leaf->eax >> 8 & 0xff : 0;

	return virt == 0 || virt == 48 || virt == 57;
}

/* Those bits that follow registers are the same whatever they were given as. */
static bool table_same(const struct vcpu *vcpu, const struct guest_cpuid *b)
{
	const struct guest_cpuid *a = vcpu->cpuid;
	u32 i;

	if (!a || a->n != b->n)
		return false;
	for (i = 0; i < a->n; i++) {
		struct kvm_cpuid_entry2 x, y;

		leaf_to_user(vcpu, &x, &a->leaf[i]);
		leaf_to_user(vcpu, &y, &b->leaf[i]);
		if (memcmp(&x, &y, sizeof(x)))
			return false;
	}
	return true;
}

/* Makes @t the vCPU's table, and what else depends on it. */
static void table_install(struct vcpu *vcpu, struct guest_cpuid *t)
{
	const struct guest_leaf *leaf;
	u32 phys;

	kvfree(vcpu->cpuid);
	vcpu->cpuid = t;

	leaf = table_find(t, 0xd, 0);
	vcpu->xcr0_allowed = CPUID_XCR0_LEGACY;
	if (leaf)
		vcpu->xcr0_allowed |= (leaf->eax | (u64)leaf->edx << 32) &
				      cpuid_host_xcr0();
	vcpu->xcr0 &= vcpu->xcr0_allowed;

	leaf = table_find(t, 0x80000008, 0);
	phys = leaf ? leaf->eax & 0xff : 36;
	vcpu->phys_bits = clamp(phys, 32u, 52u);

	vcpu->lapic.config.x2apic = cpuid_has(vcpu, X86_FEATURE_X2APIC);
	vcpu->lapic.config.tsc_deadline =
		cpuid_has(vcpu, X86_FEATURE_TSC_DEADLINE_TIMER);
	vcpu->pv_features = t->pv_features;
	vcpu->vm->ops->cpuid_changed(vcpu);
}

int cpuid_set_entries(struct vcpu *vcpu, const struct kvm_cpuid_entry2 *entries,
		      u32 n)
{
	struct guest_cpuid *t = table_build(entries, n);

	if (!t)
		return -ENOMEM;
	if (!table_valid(t) ||
	    (vcpu->launched && !table_same(vcpu, t))) {
		kvfree(t);
		return -EINVAL;
	}
	table_install(vcpu, t);
	return 0;
}

/**
 * cpuid_set() - KVM_SET_CPUID2
 * @vcpu: not running, its lock held
 * @cpuid: header
 * @entries: user's array
 *
 * Return: 0; -E2BIG, -EFAULT, -ENOMEM; -EINVAL for an impossible width of
 * linear addresses, or for a change after the vCPU has run.
 */
int cpuid_set(struct vcpu *vcpu, const struct kvm_cpuid2 *cpuid,
	      struct kvm_cpuid_entry2 __user *entries)
{
	struct kvm_cpuid_entry2 *copy = NULL;
	u32 n = cpuid->nent;
	int ret;

	if (n > GUEST_CPUID_ENTRIES)
		return -E2BIG;
	if (n) {
		copy = vmemdup_user(entries, array_size(n, sizeof(*copy)));
		if (IS_ERR(copy))
			return PTR_ERR(copy);
	}
	ret = cpuid_set_entries(vcpu, copy, n);
	kvfree(copy);
	return ret;
}

/**
 * cpuid_set_old() - KVM_SET_CPUID, whose entries have no index
 * @vcpu: not running, its lock held
 * @arg: user's list
 *
 * Return: as cpuid_set().
 */
int cpuid_set_old(struct vcpu *vcpu, struct kvm_cpuid __user *arg)
{
	struct kvm_cpuid_entry2 *copy;
	struct kvm_cpuid_entry e;
	u32 i, n;
	int ret = 0;

	if (get_user(n, &arg->nent))
		return -EFAULT;
	if (n > GUEST_CPUID_ENTRIES)
		return -E2BIG;
	copy = kvcalloc(n, sizeof(*copy), GFP_KERNEL_ACCOUNT);
	if (!copy)
		return -ENOMEM;
	for (i = 0; i < n; i++) {
		if (copy_from_user(&e, &arg->entries[i], sizeof(e))) {
			ret = -EFAULT;
			break;
		}
		copy[i] = (struct kvm_cpuid_entry2){
			.function = e.function, .eax = e.eax, .ebx = e.ebx, .ecx = e.ecx, .edx = e.edx,
		};
	}
	if (!ret)
		ret = cpuid_set_entries(vcpu, copy, n);
	kvfree(copy);
	return ret;
}

/**
 * cpuid_get() - KVM_GET_CPUID2
 * @vcpu: not running, its lock held
 * @cpuid: header; @nent becomes the number of entries, but on -E2BIG
 * @entries: user's array of @nent
 *
 * The entries are what was set, but for the bits that follow the vCPU's
 * registers: these are as the guest would see them.
 * Return: 0, -E2BIG, -EFAULT.
 */
int cpuid_get(struct vcpu *vcpu, struct kvm_cpuid2 *cpuid,
	      struct kvm_cpuid_entry2 __user *entries)
{
	u32 i, room = cpuid->nent, n = vcpu->cpuid ? vcpu->cpuid->n : 0;
	struct kvm_cpuid_entry2 e;

	if (room < n)
		return -E2BIG;
	cpuid->nent = n;
	for (i = 0; i < n; i++) {
		leaf_to_user(vcpu, &e, &vcpu->cpuid->leaf[i]);
		if (copy_to_user(&entries[i], &e, sizeof(e)))
			return -EFAULT;
	}
	return 0;
}
