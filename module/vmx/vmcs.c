// SPDX-License-Identifier: GPL-2.0-only
/* The VMCS: its making, controls and host state. */
#include <linux/bitmap.h>
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <asm/cpu_entry_area.h>
#include <asm/desc.h>
#include <asm/irq_vectors.h>
#include <asm/msr.h>
#include <asm/segment.h>

#include "../compat/compat.h"
#include "../msr_filter.h"
#include "../switch.h"
#include "../x86/cpuid.h"
#include "../yield.h"
#include "vmx.h"

/*
 * MSR bitmaps are the same for every guest: all accesses exit but those of MSRs
 * that the VMCS or load() switch, unless the VM has a filter, and those that x2APIC
 * virtualization serves, while it does. SDM 3C "MSR-Bitmap Address": reads of low and high MSRs,
 * then writes.
 */
enum { BITMAP_X2APIC = 1, BITMAP_FILTERED = 2, BITMAP_IPIS = 4, BITMAPS = 8 };
static unsigned long *msr_bitmap[BITMAPS];

#define BITMAP_LOW_WRITES (0x800 * 8)
#define BITMAP_HIGH (0x400 * 8)

static void msr_allow(unsigned long *bitmap, u32 msr, bool read, bool write)
{
	u32 bit = msr >= 0xc0000000 ? BITMAP_HIGH + (msr & 0x1fff) : msr;

	if (read)
		__clear_bit(bit, bitmap);
	if (write)
		__clear_bit(bit + BITMAP_LOW_WRITES, bitmap);
}

static void allow_switched(unsigned long *bitmap)
{
	msr_allow(bitmap, MSR_FS_BASE, true, true);
	msr_allow(bitmap, MSR_GS_BASE, true, true);
	msr_allow(bitmap, MSR_KERNEL_GS_BASE, true, true);
}

#define X2APIC(reg) (0x800 + ((reg) >> 4))

/*
 * SDM 3C "Virtualizing MSR-Based APIC Accesses": the page is read, also where
 * there is no register, or one that can't be read. The timer's current count
 * isn't in the page.
 */
static void allow_x2apic(unsigned long *bitmap)
{
	static const struct { u16 first, last; } read[] = {
		{ LAPIC_ID, LAPIC_VERSION }, { LAPIC_TPR, LAPIC_TPR },
		{ LAPIC_PPR, LAPIC_PPR }, { LAPIC_LDR, LAPIC_LDR },
		{ LAPIC_SVR, LAPIC_ESR }, { LAPIC_ICR, LAPIC_ICR },
		{ LAPIC_LVT_TIMER, LAPIC_TIMER_INITIAL },
		{ LAPIC_TIMER_DIVIDE, LAPIC_TIMER_DIVIDE },
	};
	unsigned int i;
	u32 reg;

	for (i = 0; i < ARRAY_SIZE(read); i++)
		for (reg = read[i].first; reg <= read[i].last; reg += 0x10)
			msr_allow(bitmap, X2APIC(reg), true, false);
	msr_allow(bitmap, X2APIC(LAPIC_TPR), true, true);
	msr_allow(bitmap, X2APIC(LAPIC_EOI), false, true);
	msr_allow(bitmap, X2APIC(LAPIC_SELF_IPI), false, true);
}

int vmx_maps_init(void)
{
	unsigned int i;

	for (i = 0; i < BITMAPS; i++) {
		msr_bitmap[i] = (unsigned long *)__get_free_page(GFP_KERNEL);
		if (!msr_bitmap[i])
			return -ENOMEM;
		memset(msr_bitmap[i], 0xff, PAGE_SIZE);
		if (!(i & BITMAP_FILTERED))
			allow_switched(msr_bitmap[i]);
		/* No filter applies to these (KVM's own rule). */
		if (i & BITMAP_X2APIC)
			allow_x2apic(msr_bitmap[i]);
		if (i & BITMAP_X2APIC && i & BITMAP_IPIS)
			msr_allow(msr_bitmap[i], X2APIC(LAPIC_ICR), false, true);
	}
	return 0;
}

void vmx_maps_exit(void)
{
	unsigned int i;

	for (i = 0; i < BITMAPS; i++) {
		free_page((unsigned long)msr_bitmap[i]);
		msr_bitmap[i] = NULL;
	}
}

u64 vmx_msr_bitmap(const struct vcpu *vcpu, bool x2apic)
{
	return virt_to_phys(msr_bitmap[(x2apic ? BITMAP_X2APIC : 0) |
				       (x2apic && vmx_sends_ipis(vcpu) ? BITMAP_IPIS : 0) |
				       (msr_filtered(vcpu->vm) ?
						BITMAP_FILTERED : 0)]);
}

void vmx_intercepts_changed(struct vcpu *vcpu)
{
	vmx_set_control(vcpu, VMX_CPU, CPU_BASED_HLT_EXITING,
			!vcpu->vm->hlt_in_guest);
	if (vmx_caps.ple_window)
		vmx_set_control(vcpu, VMX_CPU2, SECONDARY_EXEC_PAUSE_LOOP_EXITING,
				!vcpu->vm->pause_in_guest);
	vcpu->vmx->dirty |= VMX_CONTROLS; /* which has the window */
	vcpu->vmx->dirty |= VMX_APIC_MODE; /* which has the MSR bitmap */
}

/* --------------------------------------------------------------- controls */

static const enum vmcs_field word_field[VMX_WORDS] = {
	[VMX_PIN] = PIN_BASED_VM_EXEC_CONTROL,
	[VMX_CPU] = CPU_BASED_VM_EXEC_CONTROL,
	[VMX_CPU2] = SECONDARY_VM_EXEC_CONTROL,
	[VMX_CPU3] = TERTIARY_VM_EXEC_CONTROL,
	[VMX_EXIT] = VM_EXIT_CONTROLS,
	[VMX_ENTRY] = VM_ENTRY_CONTROLS,
};

/* While the VMCS is not current the copy changes, and VMX_CONTROLS says so. */
void vmx_set_control(struct vcpu *vcpu, enum vmx_word word, u32 bits, bool on)
{
	struct vmx_vcpu *vmx = vcpu->vmx;
	u32 new = on ? vmx->control[word] | bits : vmx->control[word] & ~bits;

	if (new == vmx->control[word])
		return;
	vmx->control[word] = new;
	if (vmx->loaded)
		vmx_write(word_field[word], new);
	else
		vmx->dirty |= VMX_CONTROLS;
}

void vmx_write_controls(struct vcpu *vcpu)
{
	struct vmx_vcpu *vmx = vcpu->vmx;
	unsigned int i;

	for (i = 0; i < VMX_WORDS; i++)
		if (i != VMX_CPU3 || vmx_caps.allowed[VMX_CPU3])
			vmx_write(word_field[i], vmx->control[i]);
	vmx_write(EXCEPTION_BITMAP, vmx->exceptions);
	vmx_write(TSC_OFFSET, vcpu->tsc_offset);
	if (vmx_caps.ple_window)
		vmx_write(PLE_WINDOW, spin_window(vcpu, vmx_caps.ple_window, U32_MAX));
}

void vmx_set_up(struct vcpu *vcpu)
{
	struct vmx_vcpu *vmx = vcpu->vmx;

	vmx_write_controls(vcpu);
	vmx_write(VMCS_LINK_POINTER, ~0ULL);
	vmx_write(MSR_BITMAP, vmx_msr_bitmap(vcpu, false));
	vmx_write(EPT_POINTER, vmx->eptp);
	if (vmx_caps.vpid)
		vmx_write(VIRTUAL_PROCESSOR_ID, vmx->vpid);
	if (vmx_caps.tpr_shadow)
		vmx_write(VIRTUAL_APIC_PAGE_ADDR, virt_to_phys(vcpu->apic_page));
	if (vmx_caps.apicv) {
		vmx_write(POSTED_INTR_NV, POSTED_INTR_VECTOR);
		vmx_write(POSTED_INTR_DESC_ADDR, virt_to_phys(&vcpu->mailbox));
	}
	if (vmx_caps.xsaves)
		vmx_write(XSS_EXIT_BITMAP, 0);
	if (vmx_caps.ple_window)
		vmx_write(PLE_GAP, vmx_caps.ple_gap);
	vmx_ipi_set_up(vcpu);
	/* Every change of CR0 and CR4 exits. */
	vmx_write(CR0_GUEST_HOST_MASK, ~0ULL);
	vmx_write(CR4_GUEST_HOST_MASK, ~0ULL);
	vmx_write(HOST_RIP, (unsigned long)vmx_exit);
	/* Nor can the guest write this one. */
	vmx_write(GUEST_IA32_DEBUGCTL, 0);
	vmx->set_up = true;
	vmx->dirty = ~0U;
	vmx->cpu_host = -1;
	vmx->rip = vmx->rsp = vmx->rflags = vmx->dr7 = ~0ULL;
	vmx->interruptibility = ~0U;
	vmx->host_rsp = vmx->host_cr3 = vmx->host_cr4 = vmx->host_fs_base = ~0ULL;
	vmx->tpr_threshold = ~0U;
}

/* --------------------------------------------------------------- the host */

static u64 read_msr(u32 msr)
{
	u64 val;

	rdmsrl(msr, val);
	return val;
}

/* What is the same for as long as the vCPU stays on this CPU. */
static void host_of_cpu(int cpu)
{
	struct desc_ptr idt;

	store_idt(&idt);
	vmx_write(HOST_CR0, read_cr0());
	vmx_write(HOST_CS_SELECTOR, __KERNEL_CS);
	vmx_write(HOST_SS_SELECTOR, __KERNEL_DS);
	vmx_write(HOST_TR_SELECTOR, GDT_ENTRY_TSS * 8);
	/* The thread's own are loaded again by put(). */
	vmx_write(HOST_DS_SELECTOR, 0);
	vmx_write(HOST_ES_SELECTOR, 0);
	vmx_write(HOST_FS_SELECTOR, 0);
	vmx_write(HOST_GS_SELECTOR, 0);
	vmx_write(HOST_GS_BASE, read_msr(MSR_GS_BASE));
	vmx_write(HOST_TR_BASE, (unsigned long)&get_cpu_entry_area(cpu)->tss.x86_tss);
	vmx_write(HOST_GDTR_BASE, (unsigned long)get_cpu_gdt_ro(cpu));
	vmx_write(HOST_IDTR_BASE, idt.address);
	vmx_write(HOST_IA32_SYSENTER_CS, read_msr(MSR_IA32_SYSENTER_CS));
	vmx_write(HOST_IA32_SYSENTER_ESP, read_msr(MSR_IA32_SYSENTER_ESP));
	vmx_write(HOST_IA32_SYSENTER_EIP, read_msr(MSR_IA32_SYSENTER_EIP));
	vmx_write(HOST_IA32_PAT, read_msr(MSR_IA32_CR_PAT));
	vmx_write(HOST_IA32_EFER, read_msr(MSR_EFER));
}

/* And what may change whenever interrupts are on. */
void vmx_host_state(struct vcpu *vcpu)
{
	struct vmx_vcpu *vmx = vcpu->vmx;
	int cpu = smp_processor_id();
	unsigned long cr3, cr4;

	if (unlikely(vmx->cpu_host != cpu)) {
		host_of_cpu(cpu);
		vmx->cpu_host = cpu;
	}
	asm volatile("mov %%cr3, %0" : "=r"(cr3));
	asm volatile("mov %%cr4, %0" : "=r"(cr4));
	if (unlikely(cr3 != vmx->host_cr3)) {
		vmx->host_cr3 = cr3;
		vmx_write(HOST_CR3, cr3);
	}
	if (unlikely(cr4 != vmx->host_cr4)) {
		vmx->host_cr4 = cr4;
		vmx_write(HOST_CR4, cr4);
	}
	if (unlikely(vmx->fs_base != vmx->host_fs_base)) {
		vmx->host_fs_base = vmx->fs_base;
		vmx_write(HOST_FS_BASE, vmx->fs_base);
	}
}

/* ---------------------------------------------------------- life of a vCPU */

static u64 eptp_of(struct vm *vm)
{
	return memory_root(&vm->mem) | VMX_EPTP_MT_WB |
	       (u64)(vm->ops->pt_format->levels - 1) << 3 |
	       (vmx_caps.ept_ad ? VMX_EPTP_AD_ENABLE_BIT : 0);
}

/*
 * One for each vCPU of the machine, by turns: two that have the same are told
 * apart by their EPTP, and within a VM by the flush when another vCPU comes to a
 * CPU. 0 is the host's.
 */
static atomic_t next_vpid = ATOMIC_INIT(0);

int vmx_vcpu_create(struct vcpu *vcpu)
{
	struct vmx_vcpu *vmx = kzalloc(sizeof(*vmx), GFP_KERNEL_ACCOUNT);

	if (!vmx)
		return -ENOMEM;
	vcpu->vmx = vmx;
	vmx->vcpu = vcpu;
	vmx->on_cpu = -1;
	vmx_ipi_vcpu_create(vcpu);
	vmx->vmcs = (void *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	if (!vmx->vmcs)
		return -ENOMEM;
	vmx->vmcs->revision = vmx_caps.revision;
	vmx->vmcs_pa = virt_to_phys(vmx->vmcs);
	vmx->eptp = eptp_of(vcpu->vm);
	vmx->vpid = 1 + (u16)atomic_inc_return(&next_vpid) % 0xffff;
	return 0;
}

void vmx_vcpu_free(struct vcpu *vcpu)
{
	if (!vcpu->vmx)
		return;
	vmx_ipi_vcpu_free(vcpu);
	switch_forget(vcpu);
	vmx_let_go(vcpu->vmx);
	free_page((unsigned long)vcpu->vmx->vmcs);
	kfree(vcpu->vmx);
	vcpu->vmx = NULL;
}

/*
 * #DB would otherwise loop in microcode for ever (CVE-2015-8104), #AC likewise
 * (CVE-2015-5307); #UD may be VMMCALL (pv_undefined()); #MC is the host's.
 */
#define EXCEPTIONS (BIT(1) | BIT(6) | BIT(17) | BIT(18))

void vmx_vcpu_reset(struct vcpu *vcpu, bool init)
{
	struct vmx_vcpu *vmx = vcpu->vmx;

	memcpy(vmx->control, vmx_caps.control, sizeof(vmx->control));
	vmx->exceptions = EXCEPTIONS;
	if (!vcpu->has_lapic || !vmx_caps.tpr_shadow)
		vmx->control[VMX_CPU] |= CPU_BASED_CR8_LOAD_EXITING |
					 CPU_BASED_CR8_STORE_EXITING;
	else
		vmx->control[VMX_CPU] |= CPU_BASED_TPR_SHADOW;
	vmx->dirty = ~0U;
	vmx_intercepts_changed(vcpu);
	vmx_cpuid_changed(vcpu);
	vmx_debug_changed(vcpu);
	vmx_deadline_changed(vcpu);
}

void vmx_deadline_changed(struct vcpu *vcpu)
{
	vmx_set_control(vcpu, VMX_PIN, PIN_BASED_VMX_PREEMPTION_TIMER, vcpu->deadline);
}

void vmx_tsc_changed(struct vcpu *vcpu)
{
	vcpu->vmx->dirty |= VMX_CONTROLS;
}

void vmx_cpuid_changed(struct vcpu *vcpu)
{
	/* Without the control the instruction is #UD. */
	if (vmx_control_allowed(VMX_CPU2, SECONDARY_EXEC_ENABLE_RDTSCP))
		vmx_set_control(vcpu, VMX_CPU2, SECONDARY_EXEC_ENABLE_RDTSCP,
				cpuid_has(vcpu, X86_FEATURE_RDTSCP));
	if (vmx_control_allowed(VMX_CPU2, SECONDARY_EXEC_ENABLE_INVPCID))
		vmx_set_control(vcpu, VMX_CPU2, SECONDARY_EXEC_ENABLE_INVPCID,
				cpuid_has(vcpu, X86_FEATURE_INVPCID));
}

/* KVM_SET_GUEST_DEBUG, and after a reset. The vCPU doesn't run. */
void vmx_debug_changed(struct vcpu *vcpu)
{
	struct vmx_vcpu *vmx = vcpu->vmx;

	vmx->exceptions &= ~BIT(3);
	if (vcpu->debug.control & KVM_GUESTDBG_USE_SW_BP)
		vmx->exceptions |= BIT(3);
	vmx->user_drs = vcpu->debug.control & KVM_GUESTDBG_USE_HW_BP;
	vmx->dirty |= VMX_CONTROLS | VMX_DRS;
	vcpu_request(vcpu, REQ_APICV_UPDATE);
}
