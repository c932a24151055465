// SPDX-License-Identifier: GPL-2.0-only
#include "../apic/lapic.h"
#include "cpu.h"

void cpu_reset(struct model_cpu *cpu)
{
	struct model_cpu fresh = {
		.flavour = cpu->flavour,
		.page = cpu->page,
		.base = cpu->base,
		.hlt_exits = cpu->hlt_exits,
		.gif = true,
		.vapic = { .page = cpu->page },
		.avic = { .page = cpu->page, .tables = cpu->avic.tables,
			  .id = cpu->avic.id },
	};

	*cpu = fresh;
}

enum model_did cpu_enter(struct model_cpu *cpu, struct model_exit *ex)
{
	enum model_did did = MODEL_DID;

	cpu->in_guest = true;
	cpu->vapic.window = cpu->window;
	if (cpu->accelerated && cpu->flavour == MODEL_APICV)
		did = vapic_entry(&cpu->vapic, ex);
	if (did == MODEL_EXITS)
		cpu->in_guest = false;
	return did;
}

/* ---------------------------------------------------- between instructions */

/* @vector's handler begins: an interrupt gate clears IF. */
static enum model_did take(struct model_cpu *cpu, u8 vector, bool nmi,
			   struct model_taken *taken)
{
	if (cpu->depth == MODEL_DEPTH) {
		/* The guest's stack overflows: triple fault. */
		cpu->activity = MODEL_WAITS;
	} else {
		cpu->stack[cpu->depth].iflag = cpu->iflag;
		cpu->stack[cpu->depth].nmi = nmi;
		cpu->depth++;
		cpu->activity = MODEL_RUNS;
	}
	cpu->iflag = false;
	if (nmi)
		cpu->nmi_masked = true;
	taken->vector = vector;
	taken->nmi = nmi;
	return MODEL_DID;
}

bool cpu_iret(struct model_cpu *cpu)
{
	if (!cpu->depth)
		return false;
	cpu->depth--;
	cpu->iflag = cpu->stack[cpu->depth].iflag;
	/* Any IRET ends blocking by NMI. */
	cpu->nmi_masked = false;
	return true;
}

static int virtual_interrupt(const struct model_cpu *cpu)
{
	if (!cpu->accelerated)
		return -1;
	if (cpu->flavour == MODEL_APICV)
		return cpu->vapic.recognized ? cpu->vapic.rvi : -1;
	return avic_pending(&cpu->avic);
}

enum model_did cpu_between(struct model_cpu *cpu, struct model_taken *taken,
			   struct model_exit *ex)
{
	int vector;

	if (cpu->inject_nmi) {
		cpu->inject_nmi = false;
		return take(cpu, 2, true, taken);
	}
	if (cpu->inject) {
		cpu->inject = false;
		return take(cpu, cpu->inject_vector, false, taken);
	}
	if (cpu->nmi_window && !cpu->nmi_masked) {
		cpu->in_guest = false;
		return model_exit_to(ex, cpu_is_vmx(cpu) ? VMX_EXIT_NMI_WINDOW :
							   SVM_EXIT_IRET,
				     true, 0, 0);
	}
	if (!cpu_open(cpu))
		return MODEL_NOT_OURS;
	if (cpu->window) {
		cpu->in_guest = false;
		return model_exit_to(ex, cpu_is_vmx(cpu) ? VMX_EXIT_WINDOW :
							   SVM_EXIT_VINTR,
				     true, 0, 0);
	}
	vector = virtual_interrupt(cpu);
	if (vector < 0)
		return MODEL_NOT_OURS;
	if (cpu->flavour == MODEL_APICV)
		vapic_deliver(&cpu->vapic);
	else
		avic_deliver(&cpu->avic, vector);
	return take(cpu, vector, false, taken);
}

/* ----------------------------------------------------------- instructions */

static enum model_did leaves(const struct model_cpu *cpu, u32 vmx, u32 svm,
			     u64 info0, u64 info1, struct model_exit *ex)
{
	return model_exit_to(ex, cpu_is_vmx(cpu) ? vmx : svm, false, info0,
			     info1);
}

/* What x2APIC mode has, can be read there, and is in the page. */
static bool x2apic_reads(u32 reg)
{
	switch (reg) {
	case LAPIC_ID:
	case LAPIC_VERSION:
	case LAPIC_TPR:
	case LAPIC_PPR:
	case LAPIC_LDR:
	case LAPIC_SVR:
	case LAPIC_ICR:
	case LAPIC_TIMER_INITIAL:
	case LAPIC_TIMER_DIVIDE:
		return true;
	default:
		return (reg >= LAPIC_ISR && reg <= LAPIC_ESR) ||
		       (reg >= LAPIC_LVT_TIMER && reg <= LAPIC_LVT_ERROR);
	}
}

/*
 * As vintc's MSR bitmaps. VMX's CPU checks no read, so that the others exit. Not
 * every CPU with x2AVIC may know SELF_IPI.
 */
static bool msr_intercepted(const struct model_cpu *cpu, u32 msr, bool write)
{
	u32 reg = (msr - 0x800) << 4;

	if (cpu->flavour == MODEL_APICV)
		return !write && !x2apic_reads(reg);
	return write && reg == LAPIC_SELF_IPI;
}

static enum model_did access_msr(struct model_cpu *cpu, struct model_insn *insn,
				 struct model_exit *ex)
{
	bool write = insn->kind == MODEL_WRMSR;
	enum model_did did = MODEL_NOT_OURS;

	if (cpu->accelerated && insn->addr - 0x800 < 0x100 &&
	    !msr_intercepted(cpu, insn->addr, write)) {
		if (cpu->flavour != MODEL_APICV)
			did = write ? avic_wrmsr(&cpu->avic, insn->addr,
						 insn->val, ex) :
				      avic_rdmsr(&cpu->avic, insn->addr,
						 &insn->val);
		else if (write)
			did = vapic_wrmsr(&cpu->vapic, insn->addr, insn->val,
					  ex);
		else
			did = vapic_rdmsr(&cpu->vapic, insn->addr, &insn->val);
	}
	if (did != MODEL_NOT_OURS)
		return did;
	return leaves(cpu, write ? VMX_EXIT_WRMSR : VMX_EXIT_RDMSR,
		      SVM_EXIT_MSR, cpu_is_vmx(cpu) ? 0 : write, 0, ex);
}

static bool in_apic_page(const struct model_cpu *cpu, u64 addr, u32 size)
{
	u64 page = cpu->base & LAPIC_BASE_ADDRESS;

	return addr >= page && addr - page <= 4096 - size;
}

static enum model_did access_memory(struct model_cpu *cpu,
				    struct model_insn *insn,
				    struct model_exit *ex)
{
	bool write = insn->kind == MODEL_WRITE;
	u32 offset = insn->addr & 0xfff;

	if (cpu->accelerated && cpu_is_xapic(cpu) &&
	    in_apic_page(cpu, insn->addr, insn->size)) {
		if (cpu->flavour == MODEL_APICV)
			return write ? vapic_write(&cpu->vapic, offset,
						   insn->size, insn->val, ex) :
				       vapic_read(&cpu->vapic, offset,
						  insn->size, &insn->val, ex);
		return write ? avic_write(&cpu->avic, offset, insn->size,
					  insn->val, ex) :
			       avic_read(&cpu->avic, offset, insn->size,
					 &insn->val, ex);
	}
	/* No second-level mapping. EPT: bit 0 read, 1 write. NPF: 1 write, 2 user */
	return cpu_is_vmx(cpu) ?
		       leaves(cpu, VMX_EXIT_EPT, 0, write ? 2 : 1, 0, ex) :
		       leaves(cpu, 0, SVM_EXIT_NPF, write ? 6 : 4, insn->addr,
			      ex);
}

static enum model_did access_port(struct model_cpu *cpu, struct model_insn *insn,
				  struct model_exit *ex)
{
	bool in = insn->kind == MODEL_IN;
	u64 port = insn->addr;

	if (cpu_is_vmx(cpu))
		return leaves(cpu, VMX_EXIT_IO, 0,
			      (insn->size - 1) | (in ? BIT_ULL(3) : 0) |
				      port << 16, 0, ex);
	return leaves(cpu, 0, SVM_EXIT_IOIO,
		      (in ? 1 : 0) | (u64)insn->size << 4 | port << 16, 0, ex);
}

static enum model_did access_cr8(struct model_cpu *cpu, struct model_insn *insn,
				 struct model_exit *ex)
{
	bool write = insn->kind == MODEL_WRCR8;

	if (write && insn->val >> 4)
		return MODEL_FAULTS;
	if (!cpu->accelerated)
		/* Qualification: CR 8, 1 in bits 5:4 for a read, RAX */
		return write ? leaves(cpu, VMX_EXIT_CR, SVM_EXIT_WRITE_CR8,
				      cpu_is_vmx(cpu) ? 8 : 0, 0, ex) :
			       leaves(cpu, VMX_EXIT_CR, SVM_EXIT_READ_CR8,
				      cpu_is_vmx(cpu) ? 0x18 : 0, 0, ex);
	if (!write) {
		insn->val = cpu->flavour == MODEL_APICV ?
				    vapic_read_cr8(&cpu->vapic) :
				    cpu->avic.v_tpr;
		return MODEL_DID;
	}
	if (cpu->flavour == MODEL_APICV)
		return vapic_write_cr8(&cpu->vapic, insn->val, ex);
	avic_write_cr8(&cpu->avic, insn->val);
	return MODEL_DID;
}

/* A guest that is a hypervisor itself: all of that is the host's. */
static enum model_did nested(struct model_cpu *cpu, struct model_insn *insn,
			     struct model_exit *ex)
{
	switch (insn->kind) {
	case MODEL_VMXON:
		return leaves(cpu, VMX_EXIT_VMXON, 0, 0, 0, ex);
	case MODEL_VMXOFF:
		return leaves(cpu, VMX_EXIT_VMXOFF, 0, 0, 0, ex);
	case MODEL_CLGI:
		return leaves(cpu, 0, SVM_EXIT_CLGI, 0, 0, ex);
	case MODEL_STGI:
		return leaves(cpu, 0, SVM_EXIT_STGI, 0, 0, ex);
	case MODEL_ENTER_L2:
		return leaves(cpu, VMX_EXIT_VMLAUNCH, SVM_EXIT_VMRUN, 0, 0, ex);
	default:
		return leaves(cpu, VMX_EXIT_VMCALL, SVM_EXIT_VMMCALL, 0, 0, ex);
	}
}

static enum model_did halt(struct model_cpu *cpu, struct model_exit *ex)
{
	if (cpu->hlt_exits)
		return leaves(cpu, VMX_EXIT_HLT, SVM_EXIT_HLT, 0, 0, ex);
	cpu->activity = MODEL_HALTED;
	return MODEL_DID;
}

/* The EOI as a guest writes it in the present mode. */
static enum model_did write_eoi(struct model_cpu *cpu, struct model_insn *insn,
				struct model_exit *ex)
{
	insn->val = 0;
	if (cpu_is_x2apic(cpu)) {
		insn->kind = MODEL_WRMSR;
		insn->addr = 0x800 + (LAPIC_EOI >> 4);
		return access_msr(cpu, insn, ex);
	}
	insn->kind = MODEL_WRITE;
	insn->size = 4;
	insn->addr = (cpu->base & LAPIC_BASE_ADDRESS) + LAPIC_EOI;
	return access_memory(cpu, insn, ex);
}

static enum model_did execute(struct model_cpu *cpu, struct model_insn *insn,
			      struct model_exit *ex)
{
	switch (insn->kind) {
	case MODEL_NOP:
		return MODEL_DID;
	case MODEL_RDMSR:
	case MODEL_WRMSR:
		return access_msr(cpu, insn, ex);
	case MODEL_READ:
	case MODEL_WRITE:
		return access_memory(cpu, insn, ex);
	case MODEL_IN:
	case MODEL_OUT:
		return access_port(cpu, insn, ex);
	case MODEL_RDCR8:
	case MODEL_WRCR8:
		return access_cr8(cpu, insn, ex);
	case MODEL_HLT:
		return halt(cpu, ex);
	case MODEL_CLI:
		cpu->iflag = false;
		return MODEL_DID;
	case MODEL_IRET:
		return cpu_iret(cpu) ? MODEL_DID : MODEL_FAULTS;
	case MODEL_EOI:
		return write_eoi(cpu, insn, ex);
	default:
		return nested(cpu, insn, ex);
	}
}

enum model_did cpu_execute(struct model_cpu *cpu, struct model_insn *insn,
			   struct model_exit *ex)
{
	bool was_open = cpu->iflag;
	enum model_did did;

	if (insn->kind == MODEL_STI) {
		/* Blocked for one instruction, unless IF was set before. */
		cpu->iflag = true;
		cpu->shadow = !was_open;
		return MODEL_DID;
	}
	did = execute(cpu, insn, ex);
	if (did == MODEL_EXITS)
		cpu->in_guest = false;
	/* One that faults or that the host does is over as well. */
	cpu->shadow = false;
	return did;
}
