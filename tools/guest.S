/* SPDX-License-Identifier: GPL-2.0-only */
/* The interrupt guest, tests/guests/irq, inside the program that loads it */
	.section .rodata
	.globl irq_guest, irq_guest_end
	.balign 16
irq_guest:
	.incbin "irq.bin"
irq_guest_end:
	.section .note.GNU-stack, "", @progbits
