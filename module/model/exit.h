/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Why the software CPU leaves the guest, by the manuals' numbers.
 *
 * SDM 3D "VMX Basic Exit Reasons"; APM 2 "SVM Intercept Codes".
 */
#ifndef VINTC_MODEL_EXIT_H
#define VINTC_MODEL_EXIT_H

#include "../apic/env.h"

enum vmx_exit {
	VMX_EXIT_INTERRUPT = 1, /* a host's interrupt: someone kicks the vCPU */
	VMX_EXIT_INIT = 3,
	VMX_EXIT_WINDOW = 7,
	VMX_EXIT_NMI_WINDOW = 8,
	VMX_EXIT_HLT = 12,
	VMX_EXIT_VMCALL = 18,
	VMX_EXIT_VMLAUNCH = 20,
	VMX_EXIT_VMXOFF = 26,
	VMX_EXIT_VMXON = 27,
	VMX_EXIT_CR = 28,
	VMX_EXIT_IO = 30,
	VMX_EXIT_RDMSR = 31,
	VMX_EXIT_WRMSR = 32,
	VMX_EXIT_TPR = 43, /* TPR below threshold */
	VMX_EXIT_APIC_ACCESS = 44,
	VMX_EXIT_EOI = 45, /* virtualized EOI */
	VMX_EXIT_EPT = 48,
	VMX_EXIT_APIC_WRITE = 56,
};

enum svm_exit {
	SVM_EXIT_READ_CR8 = 0x08,
	SVM_EXIT_WRITE_CR8 = 0x18,
	SVM_EXIT_INTR = 0x60,
	SVM_EXIT_INIT = 0x63,
	SVM_EXIT_VINTR = 0x64,
	SVM_EXIT_IRET = 0x74,
	SVM_EXIT_HLT = 0x78,
	SVM_EXIT_IOIO = 0x7b,
	SVM_EXIT_MSR = 0x7c,
	SVM_EXIT_VMRUN = 0x80,
	SVM_EXIT_VMMCALL = 0x81,
	SVM_EXIT_STGI = 0x84,
	SVM_EXIT_CLGI = 0x85,
	SVM_EXIT_NPF = 0x400,
	SVM_EXIT_INCOMPLETE_IPI = 0x401,
	SVM_EXIT_NOACCEL = 0x402,
};

/**
 * struct model_exit - one exit
 * @reason: enum vmx_exit or enum svm_exit
 * @trap: the instruction is complete; else the host does it
 * @info: exit qualification and 0, or EXITINFO1 and EXITINFO2
 */
struct model_exit {
	u32 reason;
	bool trap;
	u64 info[2];
};

/* What came of an access to the local APIC, or of an instruction. */
enum model_did {
	MODEL_DID, /* done by the CPU */
	MODEL_EXITS,
	MODEL_FAULTS, /* #GP(0) */
	MODEL_NOT_OURS, /* nothing is virtualized here */
};

static inline enum model_did model_exit_to(struct model_exit *ex, u32 reason,
					   bool trap, u64 info0, u64 info1)
{
	ex->reason = reason;
	ex->trap = trap;
	ex->info[0] = info0;
	ex->info[1] = info1;
	return MODEL_EXITS;
}

#endif
