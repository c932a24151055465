/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * VMX's instructions. All but VMXON need VMX operation; those on VMCS fields need
 * a current VMCS: they are for the time between vmx_begin() and vmx_end().
 */
#ifndef VINTC_VMX_INSN_H
#define VINTC_VMX_INSN_H

#include <linux/irqflags.h>
#include <linux/types.h>
#include <asm/asm.h>
#include <asm/cpufeature.h>
#include <asm/msr.h>
#include <asm/vmx.h>

#include "../compat/compat.h"

#define VMX_NO_VMCS (~0ULL) /* what VMPTRST stores when none is current */

/*
 * SDM 3C "Conventions": CF is VMfailInvalid, ZF VMfailValid. The only one that
 * can fault where it is used: #GP while Intel PT traces, if the CPU can't trace
 * in VMX operation; tracing may have begun since the last time.
 */
static inline bool vmx_vmxon(u64 pa)
{
	asm goto("1: vmxon %0\n\t"
		 "jbe %l[fail]\n\t"
		 _ASM_EXTABLE(1b, %l[fail])
		 : : "m"(pa) : "cc", "memory" : fail);
	return true;
fail:
	return false;
}

/* #UD when an emergency has taken the CPU out of VMX operation. */
static inline void vmx_vmxoff(void)
{
	asm volatile("1: vmxoff\n2:" _ASM_EXTABLE(1b, 2b) ::: "cc", "memory");
}

static inline bool vmx_vmptrld(u64 pa)
{
	bool fail;

	asm volatile("vmptrld %1" : "=@ccbe"(fail) : "m"(pa) : "memory");
	return !fail;
}

static inline u64 vmx_vmptrst(void)
{
	u64 pa;

	asm volatile("vmptrst %0" : "=m"(pa) :: "cc", "memory");
	return pa;
}

static inline void vmx_vmclear(u64 pa)
{
	asm volatile("vmclear %0" :: "m"(pa) : "cc", "memory");
}

static inline u64 vmx_read(enum vmcs_field field)
{
	u64 val = 0;

	asm volatile("vmread %1, %0" : "+r"(val) : "r"((u64)field) : "cc");
	return val;
}

static inline void vmx_write(enum vmcs_field field, u64 val)
{
	asm volatile("vmwrite %1, %0" :: "r"((u64)field), "rm"(val) : "cc", "memory");
}

/* INVEPT, INVVPID: types are enumerated in IA32_VMX_EPT_VPID_CAP. */
static inline void vmx_invept(u64 type, u64 eptp)
{
	struct { u64 eptp, reserved; } desc = { eptp, 0 };

	asm volatile("invept %0, %1" :: "m"(desc), "r"(type) : "cc", "memory");
}

static inline void vmx_invvpid(u64 type, u16 vpid)
{
	struct { u64 vpid, linear; } desc = { vpid, 0 };

	asm volatile("invvpid %0, %1" :: "m"(desc), "r"(type) : "cc", "memory");
}

/*
 * IA32_KERNEL_GS_BASE, which no exit or entry touches. Between two SWAPGS it is GS
 * base, for which there are cheaper instructions; on hosts with FRED SWAPGS is #UD.
 */
static inline bool vmx_swapgs_serves(void)
{
	return !compat_fred() && cpu_feature_enabled(X86_FEATURE_FSGSBASE);
}

static inline u64 vmx_read_swapped_gs(void)
{
	unsigned long flags;
	u64 val;

	if (!vmx_swapgs_serves()) {
		rdmsrl(MSR_KERNEL_GS_BASE, val);
		return val;
	}
	local_irq_save(flags);
	asm volatile("swapgs; rdgsbase %0; swapgs" : "=r"(val) :: "memory");
	local_irq_restore(flags);
	return val;
}

static inline void vmx_write_swapped_gs(u64 val)
{
	unsigned long flags;

	if (!vmx_swapgs_serves()) {
		wrmsrl(MSR_KERNEL_GS_BASE, val);
		return;
	}
	local_irq_save(flags);
	asm volatile("swapgs; wrgsbase %0; swapgs" :: "r"(val) : "memory");
	local_irq_restore(flags);
}

#endif
