// SPDX-License-Identifier: GPL-2.0-only
/*
 * The registers behind RDMSR and WRMSR: the handlers of those that are more
 * than a field, and the table of all.
 */
#include <linux/nospec.h>
#include <linux/slab.h>
#include <asm/cpufeature.h>
#include <asm/kvm_para.h>
#include <asm/msr-index.h>
#include <asm/processor-flags.h>
#include <asm/tsc.h>

#include "../ops.h"
#include "../pv.h"
#include "../timer.h"
#include "../vm.h"
#include "cpuid.h"
#include "msr.h"

/* vcpu->mtrr[]: pairs of the variable ranges, the fixed ones, the default. */
#define MTRR_VARIABLE 8
#define MTRR_FIXED_AT (2 * MTRR_VARIABLE)
#define MTRR_FIXED 11
#define MTRR_DEFAULT_AT (MTRR_FIXED_AT + MTRR_FIXED)
#define MTRR_CAP (MTRR_VARIABLE | BIT_ULL(8) /* fixed */ | BIT_ULL(10) /* WC */)

#define MCE_BANKS_MAX 32

#define PAT_RESET 0x0007040600070406ULL
#define HWCR_MC_STATUS_WR_EN BIT_ULL(18)
#define HWCR_TSC_FREQ_SEL BIT_ULL(24)
#define DE_CFG_LFENCE_SERIALIZE BIT_ULL(1)

/* What this kernel's headers may lack or call by another name. */
#define MSR_PATCH_LEVEL 0x8b
#define MSR_UCODE_WRITE 0x79
#define MSR_SYSCFG 0xc0010010
#define MSR_DE_CFG 0xc0011029
#define MSR_INT_PENDING 0xc0010055
#define MSR_MMIO_CONF_BASE 0xc0010058
#define MSR_PATCH_LOADER 0xc0010020
#define MSR_IORR_FIRST 0xc0010016
#define MSR_IORR_LAST 0xc0010019
#define MSR_MTRR_VARIABLE_FIRST 0x200
#define MSR_MTRR_VARIABLE_LAST (0x200 + 2 * MTRR_VARIABLE - 1)

#define MCG_CAP_CTL_P BIT_ULL(8)
#define MCE_CTL2_BITS (BIT_ULL(30) | 0x7fff)

/*
 * Fast strings, thermal control, performance monitoring, no branch trace, no
 * PEBS, SpeedStep, MONITOR, its lock, CPUID limit, xTPR, XD, turbo.
 */
#define MISC_ENABLE_BITS                                                     \
	(BIT_ULL(0) | BIT_ULL(3) | BIT_ULL(7) | BIT_ULL(11) | BIT_ULL(12) |  \
	 BIT_ULL(16) | BIT_ULL(18) | BIT_ULL(20) | BIT_ULL(22) |             \
	 BIT_ULL(23) | BIT_ULL(34) | BIT_ULL(38))

/* Neither branch trace nor PEBS: what says so can't be written by a guest. */
#define MISC_ENABLE_RO (BIT_ULL(11) | BIT_ULL(12))

static bool canonical(u64 address)
{
	return (u64)((s64)(address << 16) >> 16) == address;
}

/* ------------------------------------------------------------ local APIC */

static int apic_base_get(struct vcpu *vcpu, const struct msr_desc *d, u32 msr,
			 u64 *val, bool host)
{
	*val = vcpu->lapic.base;
	return MSR_OK;
}

static int apic_base_set(struct vcpu *vcpu, const struct msr_desc *d, u32 msr,
			 u64 val, bool host)
{
	struct lapic_out out = { .effects = 0 };

	if (!msr_apic_base_valid(vcpu, val))
		return MSR_GP;
	if (!vcpu->has_lapic) {
		vcpu->lapic.base = val; /* user space's own APIC acts on it */
		return MSR_OK;
	}
	if (!lapic_set_base(&vcpu->lapic, val, host, vcpu->phys_bits, &out))
		return MSR_GP;
	deliver_lapic(vcpu, &out);
	return MSR_OK;
}

/* Bits, width and mode of IA32_APIC_BASE; whether it may be gone to from the
 * present mode is the engine's to say.
 */
bool msr_apic_base_valid(const struct vcpu *vcpu, u64 val)
{
	u64 bits = LAPIC_BASE_BSP | LAPIC_BASE_X2APIC | LAPIC_BASE_ENABLE |
		   (LAPIC_BASE_ADDRESS & (BIT_ULL(vcpu->phys_bits) - 1));

	if (val & ~bits)
		return false;
	if (!(val & LAPIC_BASE_X2APIC))
		return true;
	return (val & LAPIC_BASE_ENABLE) && vcpu->lapic.config.x2apic;
}

/*
 * A guest whose CPUID has no TSC deadlines can't have the timer in that mode, and then
 * the MSR does nothing. It is there all the same, as with in-tree KVM, whose own
 * selftests write it so (debug_regs).
 */
int msr_deadline_write(struct vcpu *vcpu, u64 val, bool host)
{
	struct lapic_out out = { .effects = 0 };

	if (!vcpu->has_lapic)
		return MSR_OK;
	lapic_set_tsc_deadline(&vcpu->lapic, val, &out);
	if (host || !vcpu_timer_passed(vcpu, &out))
		deliver_lapic(vcpu, &out);
	return MSR_OK;
}

static int deadline_get(struct vcpu *vcpu, const struct msr_desc *d, u32 msr,
			u64 *val, bool host)
{
	*val = vcpu->has_lapic ? lapic_get_tsc_deadline(&vcpu->lapic) : 0;
	return MSR_OK;
}

/* Only for the table's sake: msr_write() has dealt with it. */
static int deadline_set(struct vcpu *vcpu, const struct msr_desc *d, u32 msr,
			u64 val, bool host)
{
	return msr_deadline_write(vcpu, val, host);
}

/* ------------------------------------------------------------------- TSC */

void msr_set_tsc_offset(struct vcpu *vcpu, u64 offset)
{
	struct lapic_out out = { .effects = 0 };
	u64 deadline = vcpu->lapic.tsc_deadline;

	vcpu->tsc_offset = offset;
	vcpu->vm->ops->tsc_changed(vcpu);
	vcpu_request(vcpu, REQ_PVCLOCK);
	/* An armed deadline is another host time now. */
	if (vcpu->has_lapic && deadline) {
		lapic_set_tsc_deadline(&vcpu->lapic, deadline, &out);
		deliver_lapic(vcpu, &out);
	}
}

/*
 * User space sets the TSC of each vCPU at another instant but means the same
 * clock: a value within a second of the VM's clock, or 0 (a new vCPU), takes the
 * VM's offset; any other becomes the VM's.
 */
static u64 tsc_host_offset(struct vm *vm, u64 val, u64 offset)
{
	u64 old = READ_ONCE(vm->tsc_offset), window = vm->tsc_khz * 1000ULL;

	for (;;) {
		u64 found;

		if (!val || offset - old + window <= 2 * window)
			return old;
		found = cmpxchg64(&vm->tsc_offset, old, offset);
		if (found == old)
			return offset;
		old = found;
	}
}

static int tsc_get(struct vcpu *vcpu, const struct msr_desc *d, u32 msr,
		   u64 *val, bool host)
{
	*val = guest_tsc(vcpu);
	return MSR_OK;
}

static int tsc_set(struct vcpu *vcpu, const struct msr_desc *d, u32 msr,
		   u64 val, bool host)
{
	u64 offset = val - vcpu_tsc_base(vcpu);

	if (host)
		offset = tsc_host_offset(vcpu->vm, val, offset);
	else /* SDM 3B "Time-Stamp Counter Adjustment" */
		vcpu->tsc_adjust += offset - vcpu->tsc_offset;
	msr_set_tsc_offset(vcpu, offset);
	return MSR_OK;
}

static int tsc_adjust_set(struct vcpu *vcpu, const struct msr_desc *d, u32 msr,
			  u64 val, bool host)
{
	u64 delta = val - vcpu->tsc_adjust;

	vcpu->tsc_adjust = val;
	if (!host) /* user space sets the TSC itself */
		msr_set_tsc_offset(vcpu, vcpu->tsc_offset + delta);
	return MSR_OK;
}

static int tsc_aux_check(struct vcpu *vcpu, bool host)
{
	return host || cpuid_has(vcpu, X86_FEATURE_RDTSCP) ||
	       cpuid_has(vcpu, X86_FEATURE_RDPID) ? MSR_OK : MSR_GP;
}

static int tsc_aux_get(struct vcpu *vcpu, const struct msr_desc *d, u32 msr,
		       u64 *val, bool host)
{
	*val = vcpu->tsc_aux;
	return tsc_aux_check(vcpu, host);
}

static int tsc_aux_set(struct vcpu *vcpu, const struct msr_desc *d, u32 msr,
		       u64 val, bool host)
{
	if (tsc_aux_check(vcpu, host))
		return MSR_GP;
	/* AMD drops the upper half, Intel refuses it. */
	if (val >> 32 && !cpuid_is_amd(vcpu))
		return MSR_GP;
	vcpu->tsc_aux = (u32)val;
	return MSR_OK;
}

/* --------------------------------------- registers in the control block */

static int efer_get(struct vcpu *vcpu, const struct msr_desc *d, u32 msr,
		    u64 *val, bool host)
{
	*val = vcpu->efer;
	return MSR_OK;
}

/* APM 2 "Extended Feature Enable Register (EFER)". LMA is the CPU's own. */
static int efer_set(struct vcpu *vcpu, const struct msr_desc *d, u32 msr,
		    u64 val, bool host)
{
	struct cpu_state st;

	if (val & ~cpuid_efer_bits(vcpu, host))
		return MSR_GP;
	vcpu->vm->ops->get_state(vcpu, &st, STATE_CRS);
	if ((st.cr0 & X86_CR0_PG) && ((val ^ st.efer) & EFER_LME))
		return MSR_GP;
	st.efer = (val & ~EFER_LMA) | (st.efer & EFER_LMA);
	vcpu->vm->ops->set_state(vcpu, &st, STATE_CRS);
	return MSR_OK;
}

/* @at is the offset in struct cpu_state; FS and GS lie with the segments. */
#define BLOCK_GROUPS (STATE_SEGS | STATE_MSRS)

static int block_get(struct vcpu *vcpu, const struct msr_desc *d, u32 msr,
		     u64 *val, bool host)
{
	struct cpu_state st;

	vcpu->vm->ops->get_state(vcpu, &st, BLOCK_GROUPS);
	*val = *(u64 *)((u8 *)&st + d->at);
	return MSR_OK;
}

static int block_set(struct vcpu *vcpu, const struct msr_desc *d, u32 msr,
		     u64 val, bool host)
{
	struct cpu_state st;

	vcpu->vm->ops->get_state(vcpu, &st, BLOCK_GROUPS);
	*(u64 *)((u8 *)&st + d->at) = val;
	vcpu->vm->ops->set_state(vcpu, &st, BLOCK_GROUPS);
	return MSR_OK;
}

static int block_set_linear(struct vcpu *vcpu, const struct msr_desc *d,
			    u32 msr, u64 val, bool host)
{
	return canonical(val) ? block_set(vcpu, d, msr, val, host) : MSR_GP;
}

/* Memory types that exist: UC, WC, WT, WP, WB; PAT has UC- (7) besides. */
static bool memory_type(u8 type, bool pat)
{
	return type == 0 || type == 1 || (type >= 4 && type <= 6) ||
	       (pat && type == 7);
}

static bool memory_types(u64 types, bool pat)
{
	int i;

	for (i = 0; i < 8; i++, types >>= 8)
		if (!memory_type(types & 0xff, pat))
			return false;
	return true;
}

static int pat_set(struct vcpu *vcpu, const struct msr_desc *d, u32 msr,
		   u64 val, bool host)
{
	return memory_types(val, true) ? block_set(vcpu, d, msr, val, host) :
					 MSR_GP;
}

/* ------------------------------------------------------------------ MTRRs */

static u64 *mtrr_slot(struct vcpu *vcpu, u32 msr)
{
	switch (msr) {
	case MSR_MTRR_VARIABLE_FIRST ... MSR_MTRR_VARIABLE_LAST:
		return &vcpu->mtrr[msr - MSR_MTRR_VARIABLE_FIRST];
	case MSR_MTRRfix64K_00000:
		return &vcpu->mtrr[MTRR_FIXED_AT];
	case MSR_MTRRfix16K_80000:
	case MSR_MTRRfix16K_A0000:
		return &vcpu->mtrr[MTRR_FIXED_AT + 1 +
				   msr - MSR_MTRRfix16K_80000];
	case MSR_MTRRfix4K_C0000 ... MSR_MTRRfix4K_F8000:
		return &vcpu->mtrr[MTRR_FIXED_AT + 3 +
				   msr - MSR_MTRRfix4K_C0000];
	}
	return &vcpu->mtrr[MTRR_DEFAULT_AT];
}

static_assert(MTRR_DEFAULT_AT < sizeof_field(struct vcpu, mtrr) / sizeof(u64));

static int mtrr_get(struct vcpu *vcpu, const struct msr_desc *d, u32 msr,
		    u64 *val, bool host)
{
	*val = *mtrr_slot(vcpu, msr);
	return MSR_OK;
}

static int mtrr_fixed_set(struct vcpu *vcpu, const struct msr_desc *d, u32 msr,
			  u64 val, bool host)
{
	if (!memory_types(val, false))
		return MSR_GP;
	*mtrr_slot(vcpu, msr) = val;
	return MSR_OK;
}

/* SDM 3A "IA32_MTRR_PHYSBASEn and IA32_MTRR_PHYSMASKn". */
static int mtrr_variable_set(struct vcpu *vcpu, const struct msr_desc *d,
			     u32 msr, u64 val, bool host)
{
	u64 address = (BIT_ULL(vcpu->phys_bits) - 1) & PAGE_MASK;

	if (msr & 1) {
		if (val & ~(address | BIT_ULL(11)))
			return MSR_GP;
	} else if ((val & ~(address | 0xff)) || !memory_type(val, false)) {
		return MSR_GP;
	}
	*mtrr_slot(vcpu, msr) = val;
	return MSR_OK;
}

static int mtrr_default_set(struct vcpu *vcpu, const struct msr_desc *d,
			    u32 msr, u64 val, bool host)
{
	if ((val & ~0xcffULL) || !memory_type(val, false))
		return MSR_GP;
	*mtrr_slot(vcpu, msr) = val;
	return MSR_OK;
}

static int mtrr_cap_get(struct vcpu *vcpu, const struct msr_desc *d, u32 msr,
			u64 *val, bool host)
{
	*val = MTRR_CAP;
	return MSR_OK;
}

/* --------------------------------------------------------- machine check */

static unsigned int mce_banks(const struct vcpu *vcpu)
{
	return vcpu->mcg_cap & 0xff;
}

static int mcg_cap_get(struct vcpu *vcpu, const struct msr_desc *d, u32 msr,
		       u64 *val, bool host)
{
	*val = vcpu->mcg_cap;
	return MSR_OK;
}

static int mcg_ctl_get(struct vcpu *vcpu, const struct msr_desc *d, u32 msr,
		       u64 *val, bool host)
{
	*val = vcpu->mcg_ctl;
	return (vcpu->mcg_cap & MCG_CAP_CTL_P) || host ? MSR_OK : MSR_GP;
}

static int mcg_ctl_set(struct vcpu *vcpu, const struct msr_desc *d, u32 msr,
		       u64 val, bool host)
{
	if (!(vcpu->mcg_cap & MCG_CAP_CTL_P))
		return host && !val ? MSR_OK : MSR_GP;
	if (val && val != ~0ULL)
		return MSR_GP;
	vcpu->mcg_ctl = val;
	return MSR_OK;
}

static int mce_bank_get(struct vcpu *vcpu, const struct msr_desc *d, u32 msr,
			u64 *val, bool host)
{
	u32 i = msr - MSR_IA32_MC0_CTL;

	if (i / 4 >= mce_banks(vcpu))
		return MSR_GP;
	*val = vcpu->mce_banks[array_index_nospec(i, 4 * mce_banks(vcpu))];
	return MSR_OK;
}

static int mce_bank_set(struct vcpu *vcpu, const struct msr_desc *d, u32 msr,
			u64 val, bool host)
{
	u32 i = msr - MSR_IA32_MC0_CTL;

	if (i / 4 >= mce_banks(vcpu))
		return MSR_GP;
	i = array_index_nospec(i, 4 * mce_banks(vcpu));
	/*
	 * CTL: all or nothing, but Linux clears bit 10 on some AMD families and
	 * bit 0 on some Intel ones to keep known-bad reports away.
	 */
	if (i % 4 == 0 && val && (val | BIT_ULL(10) | 1) != ~0ULL)
		return MSR_GP;
	/* STATUS: software only clears it (SDM 3B "IA32_MCi_STATUS MSRS"). */
	if (i % 4 == 1 && val && !host && !(vcpu->hwcr & HWCR_MC_STATUS_WR_EN))
		return MSR_GP;
	vcpu->mce_banks[i] = val;
	return MSR_OK;
}

/* SDM 3B "IA32_MCi_CTL2 MSRs": the threshold, and whether it interrupts. */
static int mce_ctl2_get(struct vcpu *vcpu, const struct msr_desc *d, u32 msr,
			u64 *val, bool host)
{
	u32 n = mce_banks(vcpu), i = msr - MSR_IA32_MC0_CTL2;

	if (i >= n || !(vcpu->mcg_cap & MSR_MCG_CMCI_P))
		return MSR_GP;
	*val = vcpu->mce_banks[4 * n + array_index_nospec(i, n)];
	return MSR_OK;
}

static int mce_ctl2_set(struct vcpu *vcpu, const struct msr_desc *d, u32 msr,
			u64 val, bool host)
{
	u32 n = mce_banks(vcpu), i = msr - MSR_IA32_MC0_CTL2;

	if (i >= n || !(vcpu->mcg_cap & MSR_MCG_CMCI_P) || (val & ~MCE_CTL2_BITS))
		return MSR_GP;
	vcpu->mce_banks[4 * n + array_index_nospec(i, n)] = val;
	return MSR_OK;
}

/**
 * msr_setup_mce() - KVM_X86_SETUP_MCE
 * @vcpu: its lock held
 * @cap: IA32_MCG_CAP
 *
 * Return: 0, -EINVAL, -ENOMEM.
 */
long msr_setup_mce(struct vcpu *vcpu, u64 cap)
{
	unsigned int i, n = cap & 0xff;
	struct lapic_config config;
	u64 *banks;

	if (!n || n > MCE_BANKS_MAX ||
	    (cap & ~(MSR_MCE_CAP | vcpu->vm->ops->mce_cap | 0xff)))
		return -EINVAL;
	banks = kcalloc(n * 5, sizeof(*banks), GFP_KERNEL_ACCOUNT);
	if (!banks)
		return -ENOMEM;
	for (i = 0; i < n; i++)
		banks[i * 4] = ~0ULL;
	kfree(vcpu->mce_banks);
	vcpu->mce_banks = banks;
	vcpu->mcg_cap = cap;
	vcpu->mcg_ctl = cap & MCG_CAP_CTL_P ? ~0ULL : 0;
	/* LVT CMCI is there with it, masked (SDM 3B "CMCI Local APIC Interface"). */
	if (vcpu->has_lapic) {
		config = vcpu->lapic.config;
		config.cmci = cap & MSR_MCG_CMCI_P;
		lapic_configure(&vcpu->lapic, &config);
	}
	return 0;
}

/* ------------------------------------------------------------------ others */

/* An IBPB is done at once, on the CPU that the vCPU is on. */
static int pred_cmd_set(struct vcpu *vcpu, const struct msr_desc *d, u32 msr,
			u64 val, bool host)
{
	if (!host && !cpuid_has(vcpu, X86_FEATURE_AMD_IBPB) &&
	    !cpuid_has(vcpu, X86_FEATURE_SPEC_CTRL))
		return MSR_GP;
	if (val & ~(u64)PRED_CMD_IBPB)
		return MSR_GP;
	if (val && !host && boot_cpu_has(X86_FEATURE_IBPB))
		asm volatile("wrmsr" : : "c" (MSR_IA32_PRED_CMD),
			     "a" (PRED_CMD_IBPB), "d" (0) : "memory");
	return MSR_OK;
}

static int misc_enable_set(struct vcpu *vcpu, const struct msr_desc *d, u32 msr,
			   u64 val, bool host)
{
	if ((val & ~d->valid) || (!host && ((val ^ vcpu->misc_enable) & MISC_ENABLE_RO)))
		return MSR_GP;
	vcpu->misc_enable = val;
	return MSR_OK;
}

static u64 de_cfg_bits(void)
{
	return boot_cpu_has(X86_FEATURE_LFENCE_RDTSC) ?
		       DE_CFG_LFENCE_SERIALIZE : 0;
}

static int de_cfg_get(struct vcpu *vcpu, const struct msr_desc *d, u32 msr,
		      u64 *val, bool host)
{
	*val = vcpu ? vcpu->de_cfg : de_cfg_bits();
	return MSR_OK;
}

static int de_cfg_set(struct vcpu *vcpu, const struct msr_desc *d, u32 msr,
		      u64 val, bool host)
{
	if (val & ~de_cfg_bits())
		return MSR_GP;
	vcpu->de_cfg = val;
	return MSR_OK;
}

static int hwcr_set(struct vcpu *vcpu, const struct msr_desc *d, u32 msr,
		    u64 val, bool host)
{
	/* TLB filter, IGNNE and the like: tuning that has no meaning here. */
	val &= ~(BIT_ULL(3) | BIT_ULL(6) | BIT_ULL(8));
	if (val & ~(HWCR_MC_STATUS_WR_EN | HWCR_TSC_FREQ_SEL))
		return MSR_GP;
	vcpu->hwcr = val;
	return MSR_OK;
}

#define UCODE_REV_AMD 0x01000065ULL
#define UCODE_REV_INTEL (1ULL << 32)

static int ucode_rev_get(struct vcpu *vcpu, const struct msr_desc *d, u32 msr,
			 u64 *val, bool host)
{
	if (vcpu)
		*val = vcpu->ucode_rev;
	else
		*val = boot_cpu_data.x86_vendor == X86_VENDOR_INTEL ?
			       UCODE_REV_INTEL : UCODE_REV_AMD;
	return MSR_OK;
}

static int ucode_rev_set(struct vcpu *vcpu, const struct msr_desc *d, u32 msr,
			 u64 val, bool host)
{
	if (host) /* a guest writes 0 before it reads; it has no effect */
		vcpu->ucode_rev = val;
	return MSR_OK;
}

/* Guest memory is written before the next entry, where that may sleep. */
static int pv_wall_set(struct vcpu *vcpu, const struct msr_desc *d, u32 msr,
		       u64 val, bool host)
{
	vcpu->pv_wall = val;
	vcpu->pv_wall_due = true;
	vcpu_request(vcpu, REQ_PVCLOCK);
	return MSR_OK;
}

static int pv_time_set(struct vcpu *vcpu, const struct msr_desc *d, u32 msr,
		       u64 val, bool host)
{
	vcpu->pv_time = val;
	vcpu_request(vcpu, REQ_PVCLOCK);
	return MSR_OK;
}

static int pv_steal_set(struct vcpu *vcpu, const struct msr_desc *d, u32 msr,
			u64 val, bool host)
{
	if (!pv_steal_valid(val))
		return MSR_GP;
	vcpu->pv_steal = val;
	/* What memory says may come from another machine: it is put right before the guest goes on. */
	vcpu->pv_away = val & KVM_MSR_ENABLED;
	if (vcpu->pv_away)
		vcpu_request(vcpu, REQ_EVENT);
	return MSR_OK;
}

static int pv_eoi_write(struct vcpu *vcpu, const struct msr_desc *d, u32 msr,
			u64 val, bool host)
{
	return pv_eoi_set(vcpu, val) ? MSR_OK : MSR_GP;
}

#define PLATFORM_INFO_CPUID_FAULTING BIT_ULL(31) /* there is none */

static int platform_info_get(struct vcpu *vcpu, const struct msr_desc *d, u32 msr,
			     u64 *val, bool host)
{
	if (!host && READ_ONCE(vcpu->vm->hide_platform_info))
		return MSR_GP;
	*val = vcpu->platform_info;
	return MSR_OK;
}

static int platform_info_set(struct vcpu *vcpu, const struct msr_desc *d, u32 msr,
			     u64 val, bool host)
{
	if (val & PLATFORM_INFO_CPUID_FAULTING)
		return MSR_GP;
	vcpu->platform_info = val;
	return MSR_OK;
}

void msr_reset(struct vcpu *vcpu)
{
	vcpu->misc_enable = MISC_ENABLE_RO;
	vcpu->pv_time = vcpu->pv_wall = vcpu->pv_steal = 0;
	vcpu->pv_away = false;
	vcpu->pv_poll = 1; /* the host may poll for a halted vCPU */
	vcpu->pv_unhalted = false;
	vcpu->tsc_adjust = 0;
	vcpu->mcg_status = 0;
	vcpu->hwcr = 0;
	vcpu->de_cfg = 0; /* the guest has LFENCE serialize, or user space for it */
	memset(vcpu->mtrr, 0, sizeof(vcpu->mtrr));
	if (!vcpu->cpuid)
		vcpu->xcr0_allowed = CPUID_XCR0_LEGACY;
	ucode_rev_get(NULL, NULL, 0, &vcpu->ucode_rev, true);
}

/* ------------------------------------------------------------------- table */

#define ONE(msr) .first = (msr), .last = (msr)
#define RANGE(a, b) .first = (a), .last = (b)
#define FIELD(name, bits) .at = offsetof(struct vcpu, name), .valid = (bits)
#define BLOCK(name) .at = offsetof(struct cpu_state, name), .get = block_get
#define ANY (~0ULL)
#define ZERO .at = 0 /* reads as 0, takes 0 */

/* In ascending order. */
const struct msr_desc msr_table[] = {
	{ ONE(MSR_IA32_TSC), M_LIST, .get = tsc_get, .set = tsc_set },
	{ ONE(MSR_KVM_WALL_CLOCK), M_LIST | M_PV, KVM_FEATURE_CLOCKSOURCE, FIELD(pv_wall, ANY),
	  .set = pv_wall_set },
	{ ONE(MSR_KVM_SYSTEM_TIME), M_LIST | M_PV, KVM_FEATURE_CLOCKSOURCE, FIELD(pv_time, ANY),
	  .set = pv_time_set },
	{ ONE(MSR_IA32_PLATFORM_ID), M_RO, ZERO },
	{ ONE(MSR_IA32_APICBASE), .get = apic_base_get, .set = apic_base_set },
	{ ONE(MSR_IA32_TSC_ADJUST), M_LIST, X86_FEATURE_TSC_ADJUST,
	  FIELD(tsc_adjust, ANY), .set = tsc_adjust_set },
	{ ONE(MSR_IA32_PRED_CMD), M_WO, .set = pred_cmd_set },
	{ ONE(MSR_UCODE_WRITE), M_QUIET | M_WO, ZERO },
	{ ONE(MSR_PATCH_LEVEL), M_LIST | M_FEATURE, .get = ucode_rev_get,
	  .set = ucode_rev_set },
	{ ONE(MSR_PLATFORM_INFO), M_RO, .get = platform_info_get,
	  .set = platform_info_set },
	{ ONE(MSR_MTRRcap), M_RO, X86_FEATURE_MTRR, .get = mtrr_cap_get },
	{ ONE(MSR_IA32_ARCH_CAPABILITIES), M_FEATURE | M_RO,
	  X86_FEATURE_ARCH_CAPABILITIES, ZERO },
	{ ONE(MSR_IA32_SYSENTER_CS), M_LIST, BLOCK(sysenter_cs),
	  .set = block_set },
	{ ONE(MSR_IA32_SYSENTER_ESP), M_LIST, BLOCK(sysenter_esp),
	  .set = block_set_linear },
	{ ONE(MSR_IA32_SYSENTER_EIP), M_LIST, BLOCK(sysenter_eip),
	  .set = block_set_linear },
	{ ONE(MSR_IA32_MCG_CAP), M_RO, .get = mcg_cap_get },
	{ ONE(MSR_IA32_MCG_STATUS), M_LIST, FIELD(mcg_status, ANY) },
	{ ONE(MSR_IA32_MCG_CTL), M_LIST, .get = mcg_ctl_get,
	  .set = mcg_ctl_set },
	{ ONE(MSR_IA32_MISC_ENABLE), M_LIST,
	  FIELD(misc_enable, MISC_ENABLE_BITS), .set = misc_enable_set },
	{ ONE(MSR_IA32_POWER_CTL), M_LIST, FIELD(power_ctl, ANY) },
	{ RANGE(MSR_MTRR_VARIABLE_FIRST, MSR_MTRR_VARIABLE_LAST),
	  M_LIST, X86_FEATURE_MTRR, .get = mtrr_get,
	  .set = mtrr_variable_set },
	{ ONE(MSR_MTRRfix64K_00000), M_LIST, X86_FEATURE_MTRR,
	  .get = mtrr_get, .set = mtrr_fixed_set },
	{ RANGE(MSR_MTRRfix16K_80000, MSR_MTRRfix16K_A0000), M_LIST,
	  X86_FEATURE_MTRR, .get = mtrr_get, .set = mtrr_fixed_set },
	{ RANGE(MSR_MTRRfix4K_C0000, MSR_MTRRfix4K_F8000), M_LIST,
	  X86_FEATURE_MTRR, .get = mtrr_get, .set = mtrr_fixed_set },
	{ ONE(MSR_IA32_CR_PAT), M_LIST, X86_FEATURE_PAT, BLOCK(pat),
	  .set = pat_set },
	{ RANGE(MSR_IA32_MC0_CTL2, MSR_IA32_MC0_CTL2 + MCE_BANKS_MAX - 1),
	  .get = mce_ctl2_get, .set = mce_ctl2_set },
	{ ONE(MSR_MTRRdefType), M_LIST, X86_FEATURE_MTRR, .get = mtrr_get,
	  .set = mtrr_default_set },
	{ ONE(MSR_IA32_PERF_CAPABILITIES), M_FEATURE | M_RO, X86_FEATURE_PDCM, ZERO },
	{ RANGE(MSR_IA32_MC0_CTL, MSR_IA32_MC0_CTL + 4 * MCE_BANKS_MAX - 1),
	  .get = mce_bank_get, .set = mce_bank_set },
	{ ONE(MSR_IA32_TSC_DEADLINE), M_LIST, .get = deadline_get,
	  .set = deadline_set },
	{ ONE(MSR_IA32_XSS), 0, X86_FEATURE_XSAVES, FIELD(xss, 0) },
	{ ONE(MSR_KVM_WALL_CLOCK_NEW), M_LIST | M_PV, KVM_FEATURE_CLOCKSOURCE2,
	  FIELD(pv_wall, ANY), .set = pv_wall_set },
	{ ONE(MSR_KVM_SYSTEM_TIME_NEW), M_LIST | M_PV, KVM_FEATURE_CLOCKSOURCE2,
	  FIELD(pv_time, ANY), .set = pv_time_set },
	{ ONE(MSR_KVM_STEAL_TIME), M_LIST | M_PV, KVM_FEATURE_STEAL_TIME,
	  FIELD(pv_steal, ANY), .set = pv_steal_set },
	{ ONE(MSR_KVM_PV_EOI_EN), M_LIST | M_PV, KVM_FEATURE_PV_EOI,
	  FIELD(pv_eoi, ANY), .set = pv_eoi_write },
	{ ONE(MSR_KVM_POLL_CONTROL), M_LIST | M_PV, KVM_FEATURE_POLL_CONTROL,
	  FIELD(pv_poll, 1) },
	{ ONE(MSR_EFER), .get = efer_get, .set = efer_set },
	{ ONE(MSR_STAR), M_LIST, X86_FEATURE_SYSCALL, BLOCK(star),
	  .set = block_set },
	{ ONE(MSR_LSTAR), M_LIST, X86_FEATURE_LM, BLOCK(lstar),
	  .set = block_set_linear },
	{ ONE(MSR_CSTAR), M_LIST, X86_FEATURE_LM, BLOCK(cstar),
	  .set = block_set_linear },
	{ ONE(MSR_SYSCALL_MASK), M_LIST, X86_FEATURE_LM, BLOCK(sfmask),
	  .set = block_set },
	{ ONE(MSR_FS_BASE), 0, X86_FEATURE_LM, BLOCK(seg[X86_FS].base),
	  .set = block_set_linear },
	{ ONE(MSR_GS_BASE), 0, X86_FEATURE_LM, BLOCK(seg[X86_GS].base),
	  .set = block_set_linear },
	{ ONE(MSR_KERNEL_GS_BASE), M_LIST, X86_FEATURE_LM,
	  BLOCK(kernel_gs_base), .set = block_set_linear },
	{ ONE(MSR_TSC_AUX), M_LIST, .get = tsc_aux_get, .set = tsc_aux_set },
	/* No PMU: K7's counters exist on every AMD CPU, and count nothing. */
	{ RANGE(MSR_K7_EVNTSEL0, MSR_K7_PERFCTR3), 0, ZERO },
	{ ONE(MSR_SYSCFG), 0, ZERO },
	{ ONE(MSR_K7_HWCR), M_LIST, FIELD(hwcr, ANY), .set = hwcr_set },
	{ RANGE(MSR_IORR_FIRST, MSR_IORR_LAST), 0, ZERO },
	{ ONE(MSR_K8_TOP_MEM1), 0, ZERO },
	{ ONE(MSR_K8_TOP_MEM2), 0, ZERO },
	{ ONE(MSR_AMD64_NB_CFG), M_QUIET, ZERO },
	{ ONE(MSR_PATCH_LOADER), M_QUIET | M_WO, ZERO },
	{ ONE(MSR_INT_PENDING), M_QUIET, ZERO },
	{ ONE(MSR_MMIO_CONF_BASE), M_QUIET, ZERO },
	{ RANGE(MSR_K8_TSEG_ADDR, MSR_K8_TSEG_MASK), 0, ZERO },
	{ ONE(MSR_AMD64_DC_CFG), M_QUIET, ZERO },
	{ ONE(MSR_DE_CFG), M_LIST | M_FEATURE, .get = de_cfg_get,
	  .set = de_cfg_set },
	{ ONE(MSR_AMD64_BU_CFG2), M_QUIET, ZERO },
};

const unsigned int msr_table_n = ARRAY_SIZE(msr_table);
