/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Ways into the guest: CPU 0 in long mode from the VMM, the others in real
 * mode by SIPI, and both by interrupts.
 */
#include "irq.h"

	.section .text.start, "ax"
	.code64
	.globl start
start:
	lgdt	gdt_pointer(%rip)
	mov	$IRQ_STACK_TOP, %esp
	xor	%ebp, %ebp
	call	cpu0
1:	hlt
	jmp	1b

/* ---- copied to IRQ_TRAMPOLINE; runs there, so no address is taken as is ---- */

#define HERE(label) (IRQ_TRAMPOLINE + (label) - trampoline)

	.globl trampoline, trampoline_end
	.code16
trampoline:
	cli
	xor	%ax, %ax
	mov	%ax, %ds
	lgdtl	HERE(trampoline_gdt)
	mov	%cr0, %eax
	or	$1, %eax
	mov	%eax, %cr0
	ljmpl	$0x18, $HERE(protected)

	.code32
protected:
	mov	$0x10, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %ss
	mov	%cr4, %eax
	or	$0x20, %eax		/* PAE */
	mov	%eax, %cr4
	mov	$IRQ_PML4, %eax
	mov	%eax, %cr3
	mov	$0xc0000080, %ecx	/* EFER: long mode enable */
	rdmsr
	or	$0x100, %eax
	wrmsr
	mov	%cr0, %eax
	or	$0x80000000, %eax
	mov	%eax, %cr0
	ljmp	$0x08, $HERE(long_mode)

	.code64
long_mode:
	/* The initial APIC ID, CPUID leaf 1, is the CPU's number. */
	mov	$1, %eax
	cpuid
	shr	$24, %ebx
	mov	%ebx, %edi
	imul	$IRQ_STACK_SIZE, %ebx, %ebx
	mov	$IRQ_STACK_TOP, %esp
	sub	%ebx, %esp
	xor	%ebp, %ebp
	mov	$other_cpu, %eax
	call	*%rax
1:	hlt
	jmp	1b

	.balign	8
trampoline_gdt:
	.word	gdt_end - gdt - 1
	.long	gdt
trampoline_end:

	.data
	.balign	8
gdt:
	.quad	0
	.quad	0x00af9b000000ffff	/* 0x08: 64-bit code */
	.quad	0x00cf93000000ffff	/* 0x10: data */
	.quad	0x00cf9b000000ffff	/* 0x18: 32-bit code, for the trampoline */
gdt_end:
gdt_pointer:
	.word	gdt_end - gdt - 1
	.quad	gdt

/* ---- interrupts and exceptions: one entry of 16 bytes per vector ---- */

	.text
	.globl vectors
	.balign	16
vectors:
	vector = 0
	.rept	256
	.balign	16
	.if	!(vector == 8 || (vector >= 10 && vector <= 14) || \
		  vector == 17 || vector == 21 || vector == 29 || vector == 30)
	push	$0			/* where others have an error code */
	.endif
	push	$vector
	jmp	common
	vector = vector + 1
	.endr

	.balign	16
common:
	push	%rax
	push	%rcx
	push	%rdx
	push	%rsi
	push	%rdi
	push	%r8
	push	%r9
	push	%r10
	push	%r11
	push	%rbx			/* 16-byte alignment: 10 + 2 + 5 words, so */
	mov	%rsp, %rbx		/* align by hand and come back by RBX */
	mov	80(%rsp), %rdi		/* vector */
	mov	88(%rsp), %rsi		/* error code */
	mov	96(%rsp), %rdx		/* RIP */
	and	$~15, %rsp
	cld
	call	interrupt
	mov	%rbx, %rsp
	pop	%rbx
	pop	%r11
	pop	%r10
	pop	%r9
	pop	%r8
	pop	%rdi
	pop	%rsi
	pop	%rdx
	pop	%rcx
	pop	%rax
	add	$16, %rsp
	iretq

	.section .note.GNU-stack, "", @progbits
