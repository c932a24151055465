// SPDX-License-Identifier: GPL-2.0-only
/*
 * VMX operation. It is held in one of two ways.
 *
 * From a CPU's first guest until the last VM goes, or the CPU (hold.c says when it may
 * be): VMXE is in the kernel's copy of CR4 then, and a VMCS stays current, and launched,
 * until another one takes its place on that CPU. A vCPU that has moved has the CPU it
 * came from clear its VMCS first.
 *
 * Else for as long as interrupts are off and not longer. While CR4.VMXE is set a write
 * of CR4 that clears it is #GP. The kernel writes CR4 from a copy of its own, in a
 * context switch and in IPIs (PCE, TSD), and from 6.18 on modules can't have VMXE put in
 * that copy. None of these writes comes while interrupts are off here, so VMXE is set
 * after they are off and cleared before they are on again, and the copy never has to
 * know. An NMI's handler writes no CR4. This needs nothing of the kernel's and is the
 * same on all of them.
 *
 * Where VMXE is set already another hypervisor (KVM) has the CPU in VMX operation
 * and keeps it so: its current VMCS is put aside and made current again before
 * interrupts come on, so that it finds everything as it was. It can't leave VMX
 * operation meanwhile, for that takes this CPU. VPIDs may coincide: with EPT
 * translations are tagged by EPTP as well, and roots differ; those of a
 * hypervisor without EPT are never used with it (SDM 3C "Caching Translation
 * Information"). Our VMCS is cleared before VMXOFF, the other's or ours, which may corrupt
 * one that is active (SDM 3C "Software Use of the VMCS and Related Structures").
 */
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/smp.h>
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
 * @held: it is ours, also while interrupts are on
 * @kept: whose VMCS is current then, or NULL
 */
struct vmx_cpu {
	struct vmcs_page *vmxon;
	u64 vmxon_pa;
	u64 other;
	bool shared, held;
	struct vmx_vcpu *kept;
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

/* ------------------------------------------------------------------- held */

static bool hold_operation(struct vmx_cpu *cpu)
{
	compat_set_vmxe(true);
	cpu->held = vmx_vmxon(cpu->vmxon_pa);
	if (unlikely(!cpu->held))
		compat_set_vmxe(false);
	return cpu->held;
}

static void put_aside(struct vmx_cpu *cpu)
{
	struct vmx_vcpu *vmx = cpu->kept;

	if (!vmx)
		return;
	vmx_vmclear(vmx->vmcs_pa);
	cpu->kept = NULL;
	/* Pairs with vmx_claim(): another CPU may have it now. */
	smp_store_release(&vmx->on_cpu, -1);
}

static void put_aside_ipi(void *vmx)
{
	struct vmx_cpu *cpu = this_cpu_ptr(&vmx_cpu);

	if (cpu->kept == vmx)
		put_aside(cpu);
}

void vmx_let_go(struct vmx_vcpu *vmx)
{
	int cpu = smp_load_acquire(&vmx->on_cpu);

	/* A CPU that has gone has put it aside before. */
	if (cpu >= 0)
		smp_call_function_single(cpu, put_aside_ipi, vmx, 1);
}

void vmx_claim(struct vcpu *vcpu)
{
	lockdep_assert_irqs_enabled();
	if (unlikely(smp_load_acquire(&vcpu->vmx->on_cpu) != smp_processor_id()))
		vmx_let_go(vcpu->vmx);
}

/* Interrupts are off: no guest is between begin and end here. */
void vmx_cpu_disable(void)
{
	struct vmx_cpu *cpu = this_cpu_ptr(&vmx_cpu);

	if (!cpu->held)
		return;
	put_aside(cpu);
	cpu->held = false;
	vmx_vmxoff();
	compat_set_vmxe(false);
}

void vmx_emergency(void)
{
	if (!this_cpu_read(vmx_cpu.held))
		return;
	vmx_vmxoff();
	write_cr4(read_cr4() & ~(u64)X86_CR4_VMXE);
}

/* --------------------------------------------------------- begin and end */

static bool enter_operation(struct vmx_cpu *cpu)
{
	u64 cr4;

	if (likely(cpu->held))
		return true;
	cr4 = read_cr4();
	cpu->shared = cr4 & X86_CR4_VMXE;
	if (unlikely(cpu->shared)) {
		cpu->other = vmx_vmptrst();
		return true;
	}
	if (vmx_may_hold())
		return hold_operation(cpu);
	write_cr4(cr4 | X86_CR4_VMXE);
	if (likely(vmx_vmxon(cpu->vmxon_pa)))
		return true;
	write_cr4(cr4);
	return false;
}

static void leave_operation(struct vmx_cpu *cpu)
{
	if (likely(cpu->held))
		return;
	if (unlikely(cpu->shared)) {
		if (cpu->other != VMX_NO_VMCS)
			vmx_vmptrld(cpu->other);
		return;
	}
	vmx_vmxoff();
	write_cr4(read_cr4() & ~(u64)X86_CR4_VMXE);
}

static bool make_current(struct vmx_cpu *cpu, struct vmx_vcpu *vmx)
{
	put_aside(cpu);
	if (unlikely(!vmx->set_up))
		vmx_vmclear(vmx->vmcs_pa); /* makes a VMCS of the page */
	if (unlikely(!vmx_vmptrld(vmx->vmcs_pa)))
		return false;
	vmx->launched = false;
	if (cpu->held) {
		cpu->kept = vmx;
		WRITE_ONCE(vmx->on_cpu, smp_processor_id());
	}
	return true;
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
	if (cpu->kept != vmx && unlikely(!make_current(cpu, vmx))) {
		leave_operation(cpu);
		return false;
	}
	vmx->loaded = true;
	if (unlikely(!vmx->set_up))
		vmx_set_up(vcpu);
	return true;
}

void vmx_end(struct vcpu *vcpu)
{
	struct vmx_vcpu *vmx = vcpu->vmx;
	struct vmx_cpu *cpu = this_cpu_ptr(&vmx_cpu);

	vmx->loaded = false;
	if (likely(cpu->held))
		return;
	vmx_vmclear(vmx->vmcs_pa);
	leave_operation(cpu);
}
