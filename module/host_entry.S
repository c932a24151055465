/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Entering the kernel as the CPU does for an event (host_event.c).
 */
#include <linux/linkage.h>
#include <asm/nospec-branch.h>
#include <asm/segment.h>
#include <asm/unwind_hints.h>

	.text

/*
 * host_call_gate(entry): an IDT's handler of an interrupt. The frame that the CPU
 * would have pushed had interrupts been on: what the kernel puts off until an
 * interrupt returns to where they are on (the next event of a high-resolution timer,
 * on 7.x) it does then, and IRET turns them on.
 */
SYM_FUNC_START(host_call_gate)
	push	%rbp
	mov	%rsp, %rbp
	and	$-16, %rsp
	push	$__KERNEL_DS
	push	%rbp
	pushf
	orl	$0x200, (%rsp)		/* IF */
	push	$__KERNEL_CS
	CALL_NOSPEC rdi
	mov	%rbp, %rsp
	pop	%rbp
	RET
SYM_FUNC_END(host_call_gate)

/*
 * host_call_fred(entry, ss, rflags): the entry point with FRED. SDM 3A "FRED Event
 * Delivery": 64 bytes at a multiple of 64, from the stack level at which all threads
 * are, 0. The entry point has no ENDBR64, so that it is returned to; ERETS comes back
 * with @rflags in RFLAGS, too.
 */
SYM_FUNC_START(host_call_fred)
	push	%rbp
	mov	%rsp, %rbp
	UNWIND_HINT_SAVE
	and	$-64, %rsp
	push	$0			/* reserved */
	push	$0			/* event data */
	push	%rsi			/* SS, and what the event is */
	push	%rbp			/* RSP */
	pushf
	or	%rdx, (%rsp)
	push	$__KERNEL_CS
	lea	.Lback(%rip), %rax
	push	%rax
	push	$0			/* error code */
	push	%rdi
	UNWIND_HINT_FUNC
	RET
.Lback:
	UNWIND_HINT_RESTORE
	pop	%rbp
	RET
SYM_FUNC_END(host_call_fred)
