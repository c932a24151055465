/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * vmx_enter(gpr, launched, host_rsp, spec_ctrl): into the guest and out again.
 *
 * SDM 3C "VM Entries", "VM Exits".
 */
#include <linux/linkage.h>
#include <linux/objtool.h>
#include <asm/asm.h>
#include <asm/alternative.h>
#include <asm/nospec-branch.h>
#include <asm/segment.h>

#include "../compat/mitigations.h"

/* Slots of vcpu->gpr[], enum x86_gpr; RSP is the VMCS's. */
#define GPR_RAX 0x00
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

#define FIELD_HOST_RSP 0x6c14

.section .rodata
.align 4
vmx_verw_selector:
	.word __KERNEL_DS

.text

SYM_FUNC_START(vmx_enter)
	push	%rbp
	push	%r15
	push	%r14
	push	%r13
	push	%r12
	push	%rbx
	push	%rcx			/* 0x10(%rsp): spec_ctrl */
	push	%rdi			/* 0x8(%rsp): gpr */
	push	%rsi			/* 0x0(%rsp): launched */

	/* Within a system call the stack is the same, and between them often not
	 * (randomize_kstack_offset).
	 */
	cmp	%rsp, (%rdx)
	je	.Lhost_rsp
	mov	%rsp, (%rdx)
	mov	$FIELD_HOST_RSP, %eax
	vmwrite	%rsp, %rax
.Lhost_rsp:
	mov	GPR_RAX(%rdi), %rax
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

#ifdef COMPAT_FEATURE_VM_VERW
	/* MDS, TAA, RFDS and the like: clear CPU buffers; sets ZF. */
	ALTERNATIVE "jmp .Lno_verw", "", COMPAT_FEATURE_VM_VERW
	verw	vmx_verw_selector(%rip)
.Lno_verw:
#endif
	testb	$1, (%rsp)
	jnz	.Lresume
	vmlaunch
	jbe	.Lfail
.Lresume:
	vmresume
	jbe	.Lfail			/* always, when it comes here at all */
SYM_INNER_LABEL(vmx_exit, SYM_L_GLOBAL)
	ANNOTATE_NOENDBR		/* the CPU comes here, not a jump */
	push	%rax
	mov	0x10(%rsp), %rax
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
	pop	GPR_RAX(%rax)
	xorl	%eax, %eax
	jmp	.Lclear

.Lfail:
	/* The guest's registers are still where they were loaded from. */
	mov	$1, %eax
.Lclear:
	/* No guest value is left for speculation; the rest comes off the stack. */
	xorl	%ecx, %ecx
	xorl	%edx, %edx
	xorl	%esi, %esi
	xorl	%edi, %edi
	xorl	%r8d, %r8d
	xorl	%r9d, %r9d
	xorl	%r10d, %r10d
	xorl	%r11d, %r11d
	xorl	%ebx, %ebx
	mov	%eax, %r12d

	/* Before any RET: the guest has filled the return stack (Spectre v2). */
	FILL_RETURN_BUFFER %rax, RSB_CLEAR_LOOPS, X86_FEATURE_RSB_VMEXIT
	/* IBRS holds from its writing on only: write it again. */
	ALTERNATIVE "jmp .Lno_ibrs", "", X86_FEATURE_KERNEL_IBRS
	mov	0x10(%rsp), %rax
	mov	%rax, %rdx
	shr	$32, %rdx
	mov	$0x48, %ecx		/* IA32_SPEC_CTRL */
	wrmsr
.Lno_ibrs:
	mov	%r12d, %eax
	add	$24, %rsp
	pop	%rbx
	pop	%r12
	pop	%r13
	pop	%r14
	pop	%r15
	pop	%rbp
	RET
SYM_FUNC_END(vmx_enter)
