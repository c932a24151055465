/* SPDX-License-Identifier: GPL-2.0-only */
/* Reading and decoding the instruction that a vCPU is at. */
#ifndef VINTC_FETCH_H
#define VINTC_FETCH_H

#include "ops.h"
#include "vcpu.h"

/* walk_gva()'s callbacks; @ctx is the struct memory. fetch_entry(): -ENXIO where no
 * slot is.
 */
int fetch_entry_atomic(void *ctx, u64 gpa, void *entry, u32 len);
int fetch_entry(void *ctx, u64 gpa, void *entry, u32 len);

#define FETCHED 1

/**
 * fetch_bytes() - what is at @f->linear, whatever it is
 *
 * Context: may sleep, srcu held.
 * Return: FETCHED; 0 when the fetch faults in the guest; -EFAULT, -ENXIO as below.
 */
int fetch_bytes(struct vcpu *vcpu, const struct x86_fetch *f, u8 *buf, u32 len);

/**
 * fetch_decode() - the instruction at @f->linear
 * @vcpu: on its own thread
 * @f: from the backend
 * @insn: result
 * @bytes: X86_INSN_MAX bytes; what was read
 * @len: how many of them
 * @atomic: nothing is faulted in
 * @ex: the fault, with 0
 *
 * Return: FETCHED; 0 when the fetch faults in the guest; -EFAULT when the bytes
 * can't be had, -ENXIO when a page table isn't in memory; -EILSEQ when they are no
 * instruction.
 */
int fetch_decode(struct vcpu *vcpu, const struct x86_fetch *f,
		 struct x86_insn *insn, u8 *bytes, u8 *len, bool atomic,
		 struct x86_exception *ex);

/**
 * fetch_insn() - decode the instruction that has just exited
 * Context: atomic. Return: its length; 0 when it can't be read or decoded.
 */
u8 fetch_insn(struct vcpu *vcpu, const struct x86_fetch *f, struct x86_insn *insn);

/**
 * fetch_length() - its length alone, when @opcode is what it surely is
 * @opcode: one byte, or 0x0fXX, that has no operands; 0: decode it
 *
 * Context: atomic. Return: length, or 0 when it can't be read.
 */
u8 fetch_length(struct vcpu *vcpu, const struct x86_fetch *f, u16 opcode);

void vcpu_queue_fault(struct vcpu *vcpu, const struct x86_exception *ex);

#endif
