// SPDX-License-Identifier: GPL-2.0-only
/*
 * VMX operation, held for as long as interrupts are off and not longer.
 *
 * While CR4.VMXE is set a write of CR4 that clears it is #GP. The kernel writes
 * CR4 from a copy of its own, in a context switch and in IPIs (PCE, TSD), and
 * from 6.18 on modules can't have VMXE put in that copy. None of these writes
 * comes while interrupts are off here, so VMXE is set after they are off and
 * cleared before they are on again, and the copy never has to know. An NMI's
 * handler writes no CR4. This needs nothing of the kernel's and is the same on
 * all of them.
 *
 * Where VMXE is set already another hypervisor (KVM) has the CPU in VMX operation
 * and keeps it so: its current VMCS is put aside and made current again before
 * interrupts come on, so that it finds everything as it was. It can't leave VMX
 * operation meanwhile, for that takes this CPU. VPIDs may coincide: with EPT
 * translations are tagged by EPTP as well, and roots differ; those of a
 * hypervisor without EPT are never used with it (SDM 3C "Caching Translation
 * Information"). Our VMCS is cleared each time, as VMXOFF by the other, or by us,
 * may corrupt one that is active (SDM 3C "Software Use of the VMCS and Related
 * Structures").
 */
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <asm/msr.h>

#include "../compat/compat.h"
#include "../hardware.h"
#include "../switch.h"
#include "vmx.h"

/**
 * struct vmx_cpu - one CPU
 * @vmxon: the VMXON region
 * @other: the VMCS of another hypervisor that was current, or VMX_NO_VMCS
 * @shared: VMX operation is another's
 */
struct vmx_cpu {
	struct vmcs_page *vmxon;
	u64 vmxon_pa;
	u64 other;
	bool shared;
};

static DEFINE_PER_CPU(struct vmx_cpu, vmx_cpu);

static u64 read_cr4(void)
{
	unsigned long cr4;

	asm volatile("mov %%cr4, %0" : "=r"(cr4));
	return cr4;
}

static void write_cr4(u64 cr4)
{
	asm volatile("mov %0, %%cr4" :: "r"(cr4) : "memory");
}

void vmx_cpus_free(void)
{
	int cpu;

	for_each_possible_cpu(cpu) {
		struct vmx_cpu *c = per_cpu_ptr(&vmx_cpu, cpu);

		free_page((unsigned long)c->vmxon);
		c->vmxon = NULL;
	}
}

int vmx_cpus_alloc(void)
{
	int cpu;

	for_each_possible_cpu(cpu) {
		struct vmx_cpu *c = per_cpu_ptr(&vmx_cpu, cpu);
		struct page *page = alloc_pages_node(cpu_to_node(cpu),
						     GFP_KERNEL | __GFP_ZERO, 0);

		if (!page)
			return -ENOMEM;
		c->vmxon = page_address(page);
		c->vmxon->revision = vmx_caps.revision;
		c->vmxon_pa = page_to_phys(page);
	}
	return 0;
}

#define FEATURE_CONTROL_LOCKED BIT(0)
#define FEATURE_CONTROL_VMXON BIT(2) /* outside SMX */

int vmx_cpu_enable(void)
{
	u64 control;

	rdmsrl(MSR_IA32_FEAT_CTL, control);
	if (!(control & FEATURE_CONTROL_LOCKED) || !(control & FEATURE_CONTROL_VMXON))
		return -EBUSY;
	switch_cpu_init();
	return 0;
}

/* Interrupts are off: no guest is between begin and end here. */
void vmx_cpu_disable(void)
{
}

static bool enter_operation(struct vmx_cpu *cpu)
{
	u64 cr4 = read_cr4();

	cpu->shared = cr4 & X86_CR4_VMXE;
	if (unlikely(cpu->shared)) {
		cpu->other = vmx_vmptrst();
		return true;
	}
	write_cr4(cr4 | X86_CR4_VMXE);
	if (likely(vmx_vmxon(cpu->vmxon_pa)))
		return true;
	write_cr4(cr4);
	return false;
}

static void leave_operation(struct vmx_cpu *cpu)
{
	if (unlikely(cpu->shared)) {
		if (cpu->other != VMX_NO_VMCS)
			vmx_vmptrld(cpu->other);
		return;
	}
	vmx_vmxoff();
	write_cr4(read_cr4() & ~(u64)X86_CR4_VMXE);
}

bool vmx_begin(struct vcpu *vcpu)
{
	struct vmx_vcpu *vmx = vcpu->vmx;
	struct vmx_cpu *cpu = this_cpu_ptr(&vmx_cpu);

	lockdep_assert_irqs_disabled();
	if (unlikely(!__this_cpu_read(vintc_cpu_ready)))
		return false;
	if (unlikely(!enter_operation(cpu)))
		return false;
	if (unlikely(!vmx->set_up))
		vmx_vmclear(vmx->vmcs_pa); /* makes a VMCS of the page */
	if (unlikely(!vmx_vmptrld(vmx->vmcs_pa))) {
		leave_operation(cpu);
		return false;
	}
	vmx->loaded = true;
	vmx->launched = false;
	if (unlikely(!vmx->set_up))
		vmx_set_up(vcpu);
	return true;
}

void vmx_end(struct vcpu *vcpu)
{
	struct vmx_vcpu *vmx = vcpu->vmx;

	vmx_vmclear(vmx->vmcs_pa);
	vmx->loaded = false;
	leave_operation(this_cpu_ptr(&vmx_cpu));
}
