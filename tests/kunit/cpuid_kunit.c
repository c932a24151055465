// SPDX-License-Identifier: GPL-2.0-only
/* KUnit: a guest's CPUID, its MSRs, and what follows from them; no backend. */
#include <kunit/test.h>
#include <linux/string.h>
#include <asm/cpufeature.h>
#include <asm/msr-index.h>
#include <asm/processor-flags.h>

#include "vm.h"
#include "x86/cpuid.h"
#include "x86/msr.h"

#define INDEXED KVM_CPUID_FLAG_SIGNIFCANT_INDEX

static struct cpu_state saved;

static void fake_get(struct vcpu *vcpu, struct cpu_state *st, u32 groups)
{
	*st = saved;
}

static void fake_set(struct vcpu *vcpu, const struct cpu_state *st, u32 groups)
{
	saved = *st;
	vcpu->efer = st->efer;
}

static void nothing(struct vcpu *vcpu)
{
}

static const struct vintc_ops fake_ops = {
	.name = "fake",
	.get_state = fake_get,
	.set_state = fake_set,
	.tsc_changed = nothing,
	.cpuid_changed = nothing,
};

static void drop_cpuid(void *vcpu)
{
	kvfree(((struct vcpu *)vcpu)->cpuid);
	kfree(((struct vcpu *)vcpu)->mce_banks);
}

static struct vcpu *fake_vcpu(struct kunit *test)
{
	struct vcpu *vcpu = kunit_kzalloc(test, sizeof(*vcpu), GFP_KERNEL);
	struct vm *vm = kunit_kzalloc(test, sizeof(*vm), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, vcpu);
	KUNIT_ASSERT_NOT_NULL(test, vm);
	vm->ops = &fake_ops;
	vm->tsc_khz = 1000000;
	vcpu->vm = vm;
	vcpu->phys_bits = 36;
	vcpu->xcr0 = 1;
	vcpu->lapic.base = LAPIC_BASE_DEFAULT | LAPIC_BASE_ENABLE;
	memset(&saved, 0, sizeof(saved));
	msr_reset(vcpu);
	KUNIT_ASSERT_EQ(test, 0,
			kunit_add_action_or_reset(test, drop_cpuid, vcpu));
	return vcpu;
}

/* "AuthenticAMD" or "GenuineIntel" in the order EBX, EDX, ECX. */
static struct kvm_cpuid_entry2 leaf_0(bool amd, u32 limit)
{
	struct kvm_cpuid_entry2 e = { .function = 0, .eax = limit };
	const char *name = amd ? "AuthenticAMD" : "GenuineIntel";

	memcpy(&e.ebx, name, 4);
	memcpy(&e.edx, name + 4, 4);
	memcpy(&e.ecx, name + 8, 4);
	return e;
}

static void ask(struct vcpu *vcpu, u32 function, u32 index)
{
	vcpu->gpr[X86_RAX] = ~0ULL << 32 | function;
	vcpu->gpr[X86_RCX] = ~0ULL << 32 | index;
	vcpu->gpr[X86_RBX] = vcpu->gpr[X86_RDX] = ~0ULL;
	cpuid_emulate(vcpu);
}

static void set(struct kunit *test, struct vcpu *vcpu,
		const struct kvm_cpuid_entry2 *e, u32 n)
{
	KUNIT_ASSERT_EQ(test, 0, cpuid_set_entries(vcpu, e, n));
}

static void none_set(struct kunit *test)
{
	struct vcpu *vcpu = fake_vcpu(test);

	ask(vcpu, 1, 0);
	KUNIT_EXPECT_EQ(test, vcpu->gpr[X86_RAX], 0ULL);
	KUNIT_EXPECT_EQ(test, vcpu->gpr[X86_RDX], 0ULL);
	KUNIT_EXPECT_FALSE(test, cpuid_has(vcpu, X86_FEATURE_FPU));
	KUNIT_EXPECT_EQ(test, vcpu->xcr0_allowed, 3ULL);
}

static void by_index(struct kunit *test)
{
	struct vcpu *vcpu = fake_vcpu(test);
	const struct kvm_cpuid_entry2 e[] = {
		leaf_0(true, 7),
		{ .function = 4, .index = 1, .flags = INDEXED, .eax = 41 },
		{ .function = 4, .index = 0, .flags = INDEXED, .eax = 40 },
		{ .function = 2, .eax = 2, .ebx = 3, .ecx = 4, .edx = 5 },
		{ .function = 2, .eax = 99 }, /* the first counts */
		{ .function = 0x40000100, .eax = 0x77 },
		{ .function = 0x80000004, .eax = 0x84 },
	};

	set(test, vcpu, e, ARRAY_SIZE(e));
	ask(vcpu, 4, 0);
	KUNIT_EXPECT_EQ(test, vcpu->gpr[X86_RAX], 40ULL);
	ask(vcpu, 4, 1);
	KUNIT_EXPECT_EQ(test, vcpu->gpr[X86_RAX], 41ULL);
	ask(vcpu, 4, 2);
	KUNIT_EXPECT_EQ(test, vcpu->gpr[X86_RAX], 0ULL);
	/* ECX is no matter, and upper halves are cleared. */
	ask(vcpu, 2, 1234);
	KUNIT_EXPECT_EQ(test, vcpu->gpr[X86_RAX], 2ULL);
	KUNIT_EXPECT_EQ(test, vcpu->gpr[X86_RBX], 3ULL);
	KUNIT_EXPECT_EQ(test, vcpu->gpr[X86_RCX], 4ULL);
	KUNIT_EXPECT_EQ(test, vcpu->gpr[X86_RDX], 5ULL);
	ask(vcpu, 0x40000100, 0);
	KUNIT_EXPECT_EQ(test, vcpu->gpr[X86_RAX], 0x77ULL);
	ask(vcpu, 0x80000004, 0);
	KUNIT_EXPECT_EQ(test, vcpu->gpr[X86_RAX], 0x84ULL);
}

static void out_of_range(struct kunit *test)
{
	struct kvm_cpuid_entry2 e[] = {
		leaf_0(false, 2),
		{ .function = 2, .eax = 0x222 },
		{ .function = 0x80000000, .eax = 0x80000001 },
	};
	struct vcpu *vcpu = fake_vcpu(test);

	set(test, vcpu, e, ARRAY_SIZE(e));
	ask(vcpu, 1, 0); /* in range, not set */
	KUNIT_EXPECT_EQ(test, vcpu->gpr[X86_RAX], 0ULL);
	ask(vcpu, 3, 0);
	KUNIT_EXPECT_EQ(test, vcpu->gpr[X86_RAX], 0x222ULL);
	ask(vcpu, 0x80000002, 0);
	KUNIT_EXPECT_EQ(test, vcpu->gpr[X86_RAX], 0x222ULL);

	e[0] = leaf_0(true, 2);
	set(test, vcpu, e, ARRAY_SIZE(e));
	KUNIT_EXPECT_TRUE(test, cpuid_is_amd(vcpu));
	ask(vcpu, 3, 0);
	KUNIT_EXPECT_EQ(test, vcpu->gpr[X86_RAX], 0ULL);
}

static void live_bits(struct kunit *test)
{
	const u64 osxsave = BIT_ULL(27), apic = BIT_ULL(9), ospke = BIT_ULL(4);
	const struct kvm_cpuid_entry2 e[] = {
		leaf_0(true, 0xd),
		{ .function = 1, .ecx = BIT(26) | BIT(27), .edx = BIT(9) },
		{ .function = 7, .flags = INDEXED, .ecx = BIT(3) | BIT(4) },
		{ .function = 0xd, .flags = INDEXED, .eax = 7, .ebx = 1 },
	};
	struct vcpu *vcpu = fake_vcpu(test);

	set(test, vcpu, e, ARRAY_SIZE(e));
	ask(vcpu, 1, 0);
	KUNIT_EXPECT_EQ(test, vcpu->gpr[X86_RCX] & osxsave, 0ULL);
	KUNIT_EXPECT_EQ(test, vcpu->gpr[X86_RDX] & apic, apic);
	vcpu->cr4 = X86_CR4_OSXSAVE | X86_CR4_PKE;
	vcpu->lapic.base &= ~LAPIC_BASE_ENABLE;
	ask(vcpu, 1, 0);
	KUNIT_EXPECT_EQ(test, vcpu->gpr[X86_RCX] & osxsave, osxsave);
	KUNIT_EXPECT_EQ(test, vcpu->gpr[X86_RDX] & apic, 0ULL);
	ask(vcpu, 7, 0);
	KUNIT_EXPECT_EQ(test, vcpu->gpr[X86_RCX] & ospke, ospke);
	ask(vcpu, 0xd, 0);
	KUNIT_EXPECT_EQ(test, vcpu->gpr[X86_RBX], 576ULL);
}

static void set_once(struct kunit *test)
{
	struct kvm_cpuid_entry2 e[] = {
		leaf_0(true, 1),
		{ .function = 0x80000008, .eax = 48 << 8 | 40 },
	};
	struct vcpu *vcpu = fake_vcpu(test);

	set(test, vcpu, e, 2);
	KUNIT_EXPECT_EQ(test, vcpu->phys_bits, 40);
	vcpu->launched = true;
	KUNIT_EXPECT_EQ(test, 0, cpuid_set_entries(vcpu, e, 2));
	e[1].eax++;
	KUNIT_EXPECT_EQ(test, -EINVAL, cpuid_set_entries(vcpu, e, 2));
	KUNIT_EXPECT_EQ(test, vcpu->phys_bits, 40);
	vcpu->launched = false;
	e[1].eax = 50 << 8 | 40;
	KUNIT_EXPECT_EQ(test, -EINVAL, cpuid_set_entries(vcpu, e, 2));
}

static void xcr0_rules(struct kunit *test)
{
	struct vcpu *vcpu = fake_vcpu(test);

	vcpu->xcr0_allowed = 0xe7;
	KUNIT_EXPECT_TRUE(test, cpuid_xcr0_valid(vcpu, 1));
	KUNIT_EXPECT_TRUE(test, cpuid_xcr0_valid(vcpu, 3));
	KUNIT_EXPECT_TRUE(test, cpuid_xcr0_valid(vcpu, 7));
	KUNIT_EXPECT_TRUE(test, cpuid_xcr0_valid(vcpu, 0xe7));
	KUNIT_EXPECT_FALSE(test, cpuid_xcr0_valid(vcpu, 0));
	KUNIT_EXPECT_FALSE(test, cpuid_xcr0_valid(vcpu, 2));
	KUNIT_EXPECT_FALSE(test, cpuid_xcr0_valid(vcpu, 5));
	KUNIT_EXPECT_FALSE(test, cpuid_xcr0_valid(vcpu, 0x27));
	KUNIT_EXPECT_FALSE(test, cpuid_xcr0_valid(vcpu, 0xe3));
	KUNIT_EXPECT_FALSE(test, cpuid_xcr0_valid(vcpu, 0x207));
}

/* ------------------------------------------------------------------- MSRs */

static void table_ascends(struct kunit *test)
{
	unsigned int i;

	for (i = 0; i < msr_table_n; i++) {
		KUNIT_EXPECT_LE(test, msr_table[i].first, msr_table[i].last);
		if (i)
			KUNIT_EXPECT_LT(test, msr_table[i - 1].last,
					msr_table[i].first);
	}
}

static void expect_write(struct kunit *test, struct vcpu *vcpu, u32 msr, u64 val,
			 bool host, int want)
{
	KUNIT_EXPECT_EQ_MSG(test, want, msr_write(vcpu, msr, val, host),
			    "msr %x = %llx host %d", msr, val, host);
}

static void refused(struct kunit *test)
{
	static const struct {
		u32 msr;
		u64 val;
	} bad[] = {
		{ MSR_IA32_CR_PAT, 2 }, { MSR_IA32_CR_PAT, 8ULL << 56 },
		{ MSR_LSTAR, 1ULL << 47 }, { MSR_FS_BASE, 1ULL << 63 },
		{ MSR_KERNEL_GS_BASE, 0x800000000000ULL },
		{ MSR_IA32_SYSENTER_EIP, 1ULL << 50 },
		{ MSR_MTRRdefType, 2 }, { MSR_MTRRdefType, 1ULL << 12 },
		{ 0x200, 7 }, { 0x200, 1ULL << 40 }, { 0x201, 1 },
		{ MSR_MTRRfix64K_00000, 3 }, { MSR_MTRRcap, 0 },
		{ MSR_EFER, 1 << 12 }, { MSR_EFER, 1 << 1 },
		{ MSR_IA32_XSS, 1 }, { MSR_K7_HWCR, 1 },
		{ MSR_IA32_MC0_CTL, 0 }, { MSR_IA32_APICBASE, 1 },
		{ MSR_IA32_PRED_CMD, 2 }, { 0x800 + 0x30, 0 },
	};
	static const u32 nobodys[] = { MSR_VM_HSAVE_PA, MSR_IA32_SPEC_CTRL };
	struct vcpu *vcpu = fake_vcpu(test);
	u64 val;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(bad); i++)
		expect_write(test, vcpu, bad[i].msr, bad[i].val, true, MSR_GP);
	for (i = 0; i < ARRAY_SIZE(nobodys); i++)
		expect_write(test, vcpu, nobodys[i], 0, true, MSR_UNKNOWN);
	KUNIT_EXPECT_EQ(test, MSR_UNKNOWN, msr_read(vcpu, 0xdeadbeef, &val, true));
	KUNIT_EXPECT_EQ(test, MSR_GP, msr_read(vcpu, 0x802, &val, false));
	/* Not in this guest's CPUID. */
	KUNIT_EXPECT_EQ(test, MSR_GP, msr_read(vcpu, MSR_LSTAR, &val, false));
	KUNIT_EXPECT_EQ(test, MSR_GP, msr_read(vcpu, MSR_TSC_AUX, &val, false));
}

static void round_trip(struct kunit *test)
{
	static const struct {
		u32 msr;
		u64 val;
	} good[] = {
		{ MSR_IA32_CR_PAT, 0x0706050401000406ULL },
		{ MSR_LSTAR, 0xffff800000001000ULL },
		{ MSR_FS_BASE, 0x7fffffffffffULL }, { MSR_STAR, ~0ULL },
		{ MSR_IA32_SYSENTER_ESP, 0x1000 }, { MSR_MTRRdefType, 0xc06 },
		{ 0x200, 0xfffff006 }, { 0x20f, 0xffffff800 },
		{ MSR_MTRRfix4K_F8000, 0x0606060606060606ULL },
		{ MSR_TSC_AUX, 5 }, { MSR_IA32_MCG_STATUS, 4 },
		{ MSR_IA32_TSC_ADJUST, 77 },
	};
	struct vcpu *vcpu = fake_vcpu(test);
	u64 val;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(good); i++) {
		expect_write(test, vcpu, good[i].msr, good[i].val, true, MSR_OK);
		val = 0;
		KUNIT_EXPECT_EQ(test, MSR_OK,
				msr_read(vcpu, good[i].msr, &val, true));
		KUNIT_EXPECT_EQ(test, val, good[i].val);
	}
}

static void efer(struct kunit *test)
{
	struct vcpu *vcpu = fake_vcpu(test);

	expect_write(test, vcpu, MSR_EFER, EFER_LME | EFER_SCE, true, MSR_OK);
	KUNIT_EXPECT_EQ(test, saved.efer, EFER_LME | EFER_SCE);
	/* LMA is not the guest's to set, LME not to change while paging. */
	expect_write(test, vcpu, MSR_EFER, EFER_LME | EFER_LMA, true, MSR_OK);
	KUNIT_EXPECT_EQ(test, saved.efer, (u64)EFER_LME);
	saved.cr0 = X86_CR0_PG | X86_CR0_PE;
	expect_write(test, vcpu, MSR_EFER, 0, true, MSR_GP);
	/* A guest without these features. */
	expect_write(test, vcpu, MSR_EFER, EFER_SCE, false, MSR_GP);
}

static void tsc_of_a_vm(struct kunit *test)
{
	struct vcpu *a = fake_vcpu(test), *b = fake_vcpu(test);
	u64 adjust;

	b->vm = a->vm;
	/* Set one after the other to nearly the same: one clock. */
	expect_write(test, a, MSR_IA32_TSC, 1ULL << 40, true, MSR_OK);
	expect_write(test, b, MSR_IA32_TSC, (1ULL << 40) + 500, true, MSR_OK);
	KUNIT_EXPECT_EQ(test, a->tsc_offset, b->tsc_offset);
	expect_write(test, b, MSR_IA32_TSC, 0, true, MSR_OK);
	KUNIT_EXPECT_EQ(test, a->tsc_offset, b->tsc_offset);
	/* A guest's write is its own, and moves TSC_ADJUST as much. */
	adjust = b->tsc_offset;
	expect_write(test, b, MSR_IA32_TSC, 0, false, MSR_OK);
	KUNIT_EXPECT_EQ(test, b->tsc_adjust, b->tsc_offset - adjust);
	KUNIT_EXPECT_NE(test, a->tsc_offset, b->tsc_offset);
}

static void machine_check(struct kunit *test)
{
	struct vcpu *vcpu = fake_vcpu(test);
	u64 val = 0;

	KUNIT_EXPECT_EQ(test, -EINVAL, msr_setup_mce(vcpu, 0));
	KUNIT_EXPECT_EQ(test, -EINVAL, msr_setup_mce(vcpu, 33));
	KUNIT_EXPECT_EQ(test, -EINVAL, msr_setup_mce(vcpu, 10 | BIT_ULL(40)));
	KUNIT_EXPECT_EQ(test, 0, msr_setup_mce(vcpu, 10 | BIT_ULL(8)));
	KUNIT_EXPECT_EQ(test, 0, msr_setup_mce(vcpu, 10 | BIT_ULL(8)));
	KUNIT_EXPECT_EQ(test, MSR_OK,
			msr_read(vcpu, MSR_IA32_MC0_CTL + 36, &val, false));
	KUNIT_EXPECT_EQ(test, val, ~0ULL);
	KUNIT_EXPECT_EQ(test, MSR_GP,
			msr_read(vcpu, MSR_IA32_MC0_CTL + 40, &val, false));
	expect_write(test, vcpu, MSR_IA32_MC0_CTL, 1, false, MSR_GP);
	expect_write(test, vcpu, MSR_IA32_MC0_CTL + 1, 1, false, MSR_GP);
	expect_write(test, vcpu, MSR_IA32_MC0_CTL + 1, 0, false, MSR_OK);
}

static struct kunit_case cpuid_cases[] = {
	KUNIT_CASE(none_set),
	KUNIT_CASE(by_index),
	KUNIT_CASE(out_of_range),
	KUNIT_CASE(live_bits),
	KUNIT_CASE(set_once),
	KUNIT_CASE(xcr0_rules),
	KUNIT_CASE(table_ascends),
	KUNIT_CASE(refused),
	KUNIT_CASE(round_trip),
	KUNIT_CASE(efer),
	KUNIT_CASE(tsc_of_a_vm),
	KUNIT_CASE(machine_check),
	{}
};

static struct kunit_suite cpuid_suite = {
	.name = "vintc_cpuid",
	.test_cases = cpuid_cases,
};

kunit_test_suites(&cpuid_suite);
