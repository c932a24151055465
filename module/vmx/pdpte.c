// SPDX-License-Identifier: GPL-2.0-only
/*
 * With PAE paging the four entries that CR3 leads to are registers. MOV to CR3
 * loads them in hardware; MOV to CR0 or CR4, which exits, loads them here. SDM 3A
 * "PDPTE Registers".
 */
#include <asm/processor-flags.h>

#include "../fetch.h"
#include "../memory.h"
#include "vmx.h"

#define PDPTES 4
#define PDPTE_P BIT_ULL(0)
#define PDPTE_RESERVED (GENMASK_ULL(2, 1) | GENMASK_ULL(8, 5))
#define CR0_LOADS (X86_CR0_PG | X86_CR0_CD | X86_CR0_NW)
#define CR4_LOADS (X86_CR4_PAE | X86_CR4_PGE | X86_CR4_PSE | X86_CR4_SMEP)

static bool pae_paging(u64 cr0, u64 cr4, u64 efer)
{
	return (cr0 & X86_CR0_PG) && (cr4 & X86_CR4_PAE) && !(efer & EFER_LMA);
}

static bool in_use(const struct vcpu *vcpu)
{
	return pae_paging(vcpu->vmx->st.cr0, vcpu->cr4, vcpu->efer);
}

static u64 gpa_of(const struct vcpu *vcpu, unsigned int n)
{
	return (vcpu->vmx->st.cr3 & 0xffffffe0) + n * 8;
}

bool vmx_loads_pdptes(const struct vcpu *vcpu, u64 cr0, u64 cr4)
{
	return ((cr0 ^ vcpu->vmx->st.cr0) & CR0_LOADS) || ((cr4 ^ vcpu->cr4) & CR4_LOADS);
}

enum vmx_cr vmx_check_pdptes(struct vcpu *vcpu, u64 cr0, u64 cr4, u64 efer)
{
	u64 entry, reserved = PDPTE_RESERVED | GENMASK_ULL(63, vcpu->phys_bits);
	unsigned int n;

	if (!pae_paging(cr0, cr4, efer) || !vmx_loads_pdptes(vcpu, cr0, cr4))
		return VMX_CR_GOOD;
	vmx_need(vcpu, VMX_CR3);
	for (n = 0; n < PDPTES; n++) {
		u64 gpa = gpa_of(vcpu, n);

		if (!memory_hva(&vcpu->vm->mem, gpa, false))
			return VMX_CR_GP;
		if (fetch_entry_atomic(&vcpu->vm->mem, gpa, &entry, sizeof(entry))) {
			vcpu->vmx->touch_pdptes = true;
			return VMX_CR_LATER;
		}
		if ((entry & PDPTE_P) && (entry & reserved))
			return VMX_CR_GP;
	}
	return VMX_CR_GOOD;
}

bool vmx_touch_pdptes(struct vcpu *vcpu)
{
	unsigned int n;
	u64 entry;

	if (!vcpu->vmx->touch_pdptes && !in_use(vcpu))
		return true;
	vcpu->vmx->touch_pdptes = false;
	vmx_need(vcpu, VMX_CR3);
	for (n = 0; n < PDPTES; n++)
		if (fetch_entry(&vcpu->vm->mem, gpa_of(vcpu, n), &entry,
				sizeof(entry)) == -EFAULT)
			return false;
	return true;
}

bool vmx_write_pdptes(struct vcpu *vcpu)
{
	u64 entry[PDPTES] = {};
	unsigned int n;

	if (!in_use(vcpu))
		return true;
	vmx_need(vcpu, VMX_CR3);
	/* Where user space has set CR3 to no memory nothing is mapped. */
	for (n = 0; n < PDPTES; n++)
		if (memory_hva(&vcpu->vm->mem, gpa_of(vcpu, n), false) &&
		    fetch_entry_atomic(&vcpu->vm->mem, gpa_of(vcpu, n), &entry[n],
				       sizeof(entry[n])))
			return false;
	vmx_write(GUEST_PDPTR0, entry[0]);
	vmx_write(GUEST_PDPTR1, entry[1]);
	vmx_write(GUEST_PDPTR2, entry[2]);
	vmx_write(GUEST_PDPTR3, entry[3]);
	return true;
}
