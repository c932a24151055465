// SPDX-License-Identifier: GPL-2.0-only
#include <linux/cpu.h>
#include <linux/sched.h>
#include <linux/smp.h>
#include <asm/debugreg.h>
#include <asm/fpu/api.h>
#include <asm/msr.h>
#include <asm/special_insns.h>

#include "compat/compat.h"
#include "switch.h"
#include "x86/cpuid.h"

struct switch_features switch_features __ro_after_init;

/**
 * struct switch_cpu - a CPU's own
 * @last: the vCPU that ran here last, for IBPB
 * @tsc_aux, @xss: the host's, constant
 */
struct switch_cpu {
	struct vcpu *last;
	u64 tsc_aux;
	u64 xss;
};

static DEFINE_PER_CPU(struct switch_cpu, switch_cpu);

void switch_init(void)
{
	struct switch_features *f = &switch_features;

	f->xsaves = boot_cpu_has(X86_FEATURE_XSAVES);
	f->pku = boot_cpu_has(X86_FEATURE_OSPKE);
	f->tsc_aux = boot_cpu_has(X86_FEATURE_RDTSCP) ||
		     boot_cpu_has(X86_FEATURE_RDPID);
	/* One guest must not steer another's, or a VMM's, predictions. */
	f->ibpb = boot_cpu_has(X86_FEATURE_IBPB) &&
		  boot_cpu_has_bug(X86_BUG_SPECTRE_V2) && !cpu_mitigations_off();
	f->host_xcr0 = xgetbv(XCR_XFEATURE_ENABLED_MASK);
	/* All that a guest can reach, whatever its CPUID says; PKRU goes by
	 * its own instructions.
	 */
	f->fpu_mask = cpuid_host_xcr0() & ~BIT_ULL(9);
}

void switch_cpu_init(void)
{
	struct switch_cpu *cpu = this_cpu_ptr(&switch_cpu);

	cpu->last = NULL;
	if (switch_features.tsc_aux)
		rdmsrl(MSR_TSC_AUX, cpu->tsc_aux);
	cpu->xss = 0;
	if (switch_features.xsaves)
		rdmsrl(MSR_IA32_XSS, cpu->xss);
}

static void forget_last(void *vcpu)
{
	if (__this_cpu_read(switch_cpu.last) == vcpu)
		__this_cpu_write(switch_cpu.last, NULL);
}

void switch_forget(struct vcpu *vcpu)
{
	on_each_cpu(forget_last, vcpu, 1);
}

/* ------------------------------------------------------------------ FPU */

static void xsave_to(void *area, u64 mask)
{
	asm volatile("xsave64 (%0)" :: "r"(area), "a"((u32)mask),
		     "d"((u32)(mask >> 32)) : "memory");
}

/* The area was checked when user space gave it: this can't fault. */
static void xrstor_from(void *area, u64 mask)
{
	asm volatile("xrstor64 (%0)" :: "r"(area), "a"((u32)mask),
		     "d"((u32)(mask >> 32)) : "memory");
}

/* ----------------------------------------------------- debug registers */

void switch_load_drs(struct vcpu *vcpu, const u64 *dr)
{
	struct vcpu_host *host = &vcpu->host;

	host->drs_loaded = true;
	get_debugreg(host->dr[0], 0);
	get_debugreg(host->dr[1], 1);
	get_debugreg(host->dr[2], 2);
	get_debugreg(host->dr[3], 3);
	set_debugreg(dr[0], 0);
	set_debugreg(dr[1], 1);
	set_debugreg(dr[2], 2);
	set_debugreg(dr[3], 3);
}

static void restore_drs(struct vcpu *vcpu)
{
	struct vcpu_host *host = &vcpu->host;
	unsigned long dr7;

	if (host->drs_loaded) {
		host->drs_loaded = false;
		set_debugreg(host->dr[0], 0);
		set_debugreg(host->dr[1], 1);
		set_debugreg(host->dr[2], 2);
		set_debugreg(host->dr[3], 3);
	}
	dr7 = __this_cpu_read(cpu_dr7);
	if (dr7)
		set_debugreg(dr7, 7);
}

void switch_reload_dr(unsigned int n, u64 val)
{
	switch (n) {
	case 0:
		set_debugreg(val, 0);
		break;
	case 1:
		set_debugreg(val, 1);
		break;
	case 2:
		set_debugreg(val, 2);
		break;
	case 3:
		set_debugreg(val, 3);
		break;
	}
}

/* ---------------------------------------------------------------- MSRs */

void switch_osxsave(struct vcpu *vcpu)
{
	if (!(vcpu->cr4 & X86_CR4_OSXSAVE) || vcpu->xcr0 == vcpu->host.xcr0)
		return;
	vcpu->host.xcr0 = vcpu->xcr0;
	xsetbv(XCR_XFEATURE_ENABLED_MASK, vcpu->xcr0);
}

static void load_msrs(struct vcpu *vcpu, struct switch_cpu *cpu)
{
	struct switch_features *f = &switch_features;

	if (f->tsc_aux && vcpu->tsc_aux != cpu->tsc_aux)
		wrmsrl(MSR_TSC_AUX, vcpu->tsc_aux);
	if (cpu->xss)
		wrmsrl(MSR_IA32_XSS, 0);
	vcpu->host.xcr0 = f->host_xcr0;
	switch_osxsave(vcpu);
	vcpu->host.debugctl = get_debugctlmsr();
	if (vcpu->host.debugctl)
		update_debugctlmsr(0);
}

static void put_msrs(struct vcpu *vcpu, struct switch_cpu *cpu)
{
	struct switch_features *f = &switch_features;

	if (vcpu->host.debugctl)
		update_debugctlmsr(vcpu->host.debugctl);
	if (vcpu->host.xcr0 != f->host_xcr0)
		xsetbv(XCR_XFEATURE_ENABLED_MASK, f->host_xcr0);
	if (cpu->xss)
		wrmsrl(MSR_IA32_XSS, cpu->xss);
	if (f->tsc_aux && vcpu->tsc_aux != cpu->tsc_aux)
		wrmsrl(MSR_TSC_AUX, cpu->tsc_aux);
}

bool switch_to_guest(struct vcpu *vcpu)
{
	struct switch_cpu *cpu;
	bool other;

	kernel_fpu_begin();
	cpu = this_cpu_ptr(&switch_cpu);
	other = cpu->last != vcpu;
	if (unlikely(other)) {
		cpu->last = vcpu;
		if (switch_features.ibpb)
			wrmsrl(MSR_IA32_PRED_CMD, PRED_CMD_IBPB);
	}
	xrstor_from(vcpu->fpu, switch_features.fpu_mask);
	if (switch_features.pku) {
		vcpu->host.pkru = rdpkru();
		wrpkru(vcpu->pkru);
	}
	load_msrs(vcpu, cpu);
	current->flags |= PF_VCPU;
	vcpu->stats.host_state_reload++;
	return other;
}

void switch_to_host(struct vcpu *vcpu)
{
	current->flags &= ~PF_VCPU;
	put_msrs(vcpu, this_cpu_ptr(&switch_cpu));
	if (switch_features.pku) {
		vcpu->pkru = rdpkru();
		wrpkru(vcpu->host.pkru);
	}
	xsave_to(vcpu->fpu, switch_features.fpu_mask);
	restore_drs(vcpu);
	compat_ibpb_on_exit_to_user();
	kernel_fpu_end();
}
