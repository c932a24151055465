/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The host's mitigations that not every kernel knows. A kernel without the name
 * does not mitigate that fault itself. For C and assembly.
 */
#ifndef VINTC_COMPAT_MITIGATIONS_H
#define VINTC_COMPAT_MITIGATIONS_H

#include <asm/cpufeatures.h>

#ifdef X86_FEATURE_CLEAR_CPU_BUF_VM
#define COMPAT_FEATURE_VM_VERW X86_FEATURE_CLEAR_CPU_BUF_VM
#elif defined(X86_FEATURE_CLEAR_CPU_BUF)
#define COMPAT_FEATURE_VM_VERW X86_FEATURE_CLEAR_CPU_BUF
#endif

#ifdef X86_BUG_IBPB_NO_RET
#define COMPAT_BUG_IBPB_NO_RET X86_BUG_IBPB_NO_RET
#endif

#ifndef __ASSEMBLY__
#include <asm/cpufeature.h>

#include "cpu.h"

/*
 * SRSO on Zen 5: branch predictions made in the guest are not used by the host
 * while this bit is set. Per CPU, for as long as guests may run there.
 */
static inline void compat_bp_spec_reduce(bool on)
{
#ifdef X86_FEATURE_SRSO_BP_SPEC_REDUCE
	u64 val;

	if (!boot_cpu_has(X86_FEATURE_SRSO_BP_SPEC_REDUCE))
		return;
	rdmsrl(0xc001102e, val); /* BP_CFG */
	val = on ? val | BIT_ULL(4) : val & ~BIT_ULL(4);
	wrmsrl(0xc001102e, val);
#endif
}
#endif

#endif
