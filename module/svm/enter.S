/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * svm_enter(gpr, vmcb_pa, host_pa): into the guest and out again.
 *
 * GIF is clear from CLGI to STGI, so that nothing, not even an NMI, sees the
 * guest's GS base. Interrupts are on around VMRUN only (with GIF clear), which
 * lets a pending one end the guest at once; they are off for our caller.
 * APM 2 "VMRUN Instruction", "Global Interrupt Flag".
 */
#include <linux/linkage.h>
#include <linux/objtool.h>
#include <asm/asm.h>
#include <asm/alternative.h>
#include <asm/frame.h>
#include <asm/nospec-branch.h>
#include <asm/segment.h>
#include <asm/unwind_hints.h>

#include "../compat/mitigations.h"

/* Slots of vcpu->gpr[], enum x86_gpr; RAX and RSP are the VMCB's. */
#define GPR_RCX 0x08
#define GPR_RDX 0x10
#define GPR_RBX 0x18
#define GPR_RBP 0x28
#define GPR_RSI 0x30
#define GPR_RDI 0x38
#define GPR_R8  0x40
#define GPR_R9  0x48
#define GPR_R10 0x50
#define GPR_R11 0x58
#define GPR_R12 0x60
#define GPR_R13 0x68
#define GPR_R14 0x70
#define GPR_R15 0x78

.section .rodata
.align 4
svm_verw_selector:
	.word __KERNEL_DS

.text

/* IBPB by its MSR; clobbers RAX, RCX, RDX. The kernel's own isn't for modules. */
SYM_FUNC_START_LOCAL(svm_ibpb)
	movl	$0x49, %ecx		/* PRED_CMD */
	movl	$1, %eax
	xorl	%edx, %edx
	wrmsr
#ifdef COMPAT_BUG_IBPB_NO_RET
	/* Some CPUs' IBPB leaves return predictions behind. */
	FILL_RETURN_BUFFER %rax, RSB_CLEAR_LOOPS, COMPAT_BUG_IBPB_NO_RET
#endif
	RET
SYM_FUNC_END(svm_ibpb)

SYM_FUNC_START(svm_enter)
	push	%rbp
	push	%r15
	push	%r14
	push	%r13
	push	%r12
	push	%rbx
	push	%rdx			/* 0x8(%rsp): host_pa */
	push	%rdi			/* 0x0(%rsp): gpr */

	mov	%rsi, %rax
	mov	GPR_RCX(%rdi), %rcx
	mov	GPR_RDX(%rdi), %rdx
	mov	GPR_RBX(%rdi), %rbx
	mov	GPR_RBP(%rdi), %rbp
	mov	GPR_RSI(%rdi), %rsi
	mov	GPR_R8(%rdi), %r8
	mov	GPR_R9(%rdi), %r9
	mov	GPR_R10(%rdi), %r10
	mov	GPR_R11(%rdi), %r11
	mov	GPR_R12(%rdi), %r12
	mov	GPR_R13(%rdi), %r13
	mov	GPR_R14(%rdi), %r14
	mov	GPR_R15(%rdi), %r15
	mov	GPR_RDI(%rdi), %rdi

	clgi
	vmload	%rax
#ifdef COMPAT_FEATURE_VM_VERW
	/* TSA, MDS and the like: clear CPU buffers; ZF is not the guest's. */
	ALTERNATIVE "jmp .Lno_verw", "", COMPAT_FEATURE_VM_VERW
	verw	svm_verw_selector(%rip)
.Lno_verw:
#endif
	sti
	vmrun	%rax
	cli
	vmsave	%rax

	mov	(%rsp), %rax
	mov	%rcx, GPR_RCX(%rax)
	mov	%rdx, GPR_RDX(%rax)
	mov	%rbx, GPR_RBX(%rax)
	mov	%rbp, GPR_RBP(%rax)
	mov	%rsi, GPR_RSI(%rax)
	mov	%rdi, GPR_RDI(%rax)
	mov	%r8, GPR_R8(%rax)
	mov	%r9, GPR_R9(%rax)
	mov	%r10, GPR_R10(%rax)
	mov	%r11, GPR_R11(%rax)
	mov	%r12, GPR_R12(%rax)
	mov	%r13, GPR_R13(%rax)
	mov	%r14, GPR_R14(%rax)
	mov	%r15, GPR_R15(%rax)

	mov	8(%rsp), %rax
	vmload	%rax

	/*
	 * Before any RET: the guest has filled the return stack (Spectre v2),
	 * trained the return predictor (Retbleed, SRSO) or the indirect one.
	 */
	FILL_RETURN_BUFFER %rax, RSB_CLEAR_LOOPS, X86_FEATURE_RSB_VMEXIT
	CALL_UNTRAIN_RET
	ALTERNATIVE "", "call svm_ibpb", X86_FEATURE_IBPB_ON_VMEXIT

	/* No guest value is left for speculation; the rest comes off the stack. */
	xorl	%eax, %eax
	xorl	%ecx, %ecx
	xorl	%edx, %edx
	xorl	%esi, %esi
	xorl	%edi, %edi
	xorl	%r8d, %r8d
	xorl	%r9d, %r9d
	xorl	%r10d, %r10d
	xorl	%r11d, %r11d

	stgi
	add	$16, %rsp
	pop	%rbx
	pop	%r12
	pop	%r13
	pop	%r14
	pop	%r15
	pop	%rbp
	RET
SYM_FUNC_END(svm_enter)
