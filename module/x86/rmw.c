// SPDX-License-Identifier: GPL-2.0-only
/*
 * Instructions that read an operand, change it and write it back.
 */
#include "emulate.h"

/* Lost races before the instruction is handed back to be run again. */
#define LOCKED_TRIES 16

static bool writes(enum x86_alu_op op)
{
	return op != ALU_CMP && op != ALU_TEST && op != ALU_BT;
}

/* The first guess is a plain read; what cmpxchg found is the next one. */
static enum x86_result modify_locked(struct x86_run *r, enum x86_alu_op op,
				     u64 linear, u64 src, u32 size, u64 *old)
{
	enum x86_result res = x86_read_for_write(r, linear, old, size);
	unsigned int i;

	if (res != X86_DONE)
		return res;
	for (i = 0; i < LOCKED_TRIES; i++) {
		u64 flags = r->rflags, found = *old;
		u64 v = x86_alu(op, *old, src, size, &flags);

		res = x86_cmpxchg(r, linear, &found, &v, size);
		if (res != X86_DONE)
			return res;
		if (found == *old) {
			r->rflags = flags;
			return X86_DONE;
		}
		*old = found;
	}
	return X86_AGAIN;
}

static enum x86_result modify_memory(struct x86_run *r, enum x86_alu_op op,
				     u64 offset, u64 src, int back)
{
	const struct x86_insn *insn = r->insn;
	bool locked = insn->lock || op == ALU_MOV; /* XCHG always locks */
	u32 size = insn->opsize;
	u64 linear, old = 0, v;
	enum x86_result res;

	res = x86_check(r, insn->seg, offset, size, writes(op), &linear);
	if (res != X86_DONE)
		return res;
	if (locked) {
		res = modify_locked(r, op, linear, src, size, &old);
	} else if (!writes(op)) {
		res = x86_read(r, linear, &old, size);
		if (res == X86_DONE)
			x86_alu(op, old, src, size, &r->rflags);
	} else {
		res = x86_read_for_write(r, linear, &old, size);
		if (res == X86_DONE) {
			v = x86_alu(op, old, src, size, &r->rflags);
			res = x86_write(r, linear, &v, size);
		}
	}
	if (res == X86_DONE && back >= 0)
		x86_reg_write(r, back, old, size);
	return res;
}

static void modify_register(struct x86_run *r, enum x86_alu_op op, u64 src,
			    int back)
{
	u32 size = r->insn->opsize;
	unsigned int rm = x86_rm(r->insn);
	u64 old = x86_reg_read(r, rm, size);
	u64 v = x86_alu(op, old, src, size, &r->rflags);

	if (back >= 0)
		x86_reg_write(r, back, old, size);
	if (writes(op))
		x86_reg_write(r, rm, v, size);
}

/*
 * ModRM operand = operand @op @src, by the effective operand size. @back: the
 * register that gets the old value (XCHG, XADD), or -1.
 */
enum x86_result x86_modify(struct x86_run *r, enum x86_alu_op op, u64 src,
			   int back)
{
	if (!x86_rm_is_reg(r->insn))
		return modify_memory(r, op, x86_offset(r->cpu, r->insn, 0), src,
				     back);
	modify_register(r, op, src, back);
	return X86_DONE;
}

/*
 * BT, BTS, BTR, BTC. A bit number in a register counts from the operand's
 * address, in both directions; an immediate stays within the operand.
 */
enum x86_result x86_bit(struct x86_run *r, enum x86_alu_op op, bool by_reg)
{
	const struct x86_insn *insn = r->insn;
	u32 size = insn->opsize;
	u64 bit = insn->imm, offset;

	if (by_reg)
		bit = x86_sign_extend(x86_reg_read(r, x86_reg(insn), size),
				      size);
	if (!by_reg || x86_rm_is_reg(insn))
		return x86_modify(r, op, bit, -1);
	offset = x86_offset(r->cpu, insn, 0);
	offset += (u64)((s64)bit >> 3) & ~(u64)(size - 1);
	offset &= x86_mask(insn->addrsize);
	return modify_memory(r, op, offset, bit, -1);
}

/*
 * CMPXCHG: memory is written whatever the comparison says, so that a read-only
 * page faults either way. A register is not: no upper half is cleared when the
 * comparison fails.
 */
enum x86_result x86_do_cmpxchg(struct x86_run *r)
{
	const struct x86_insn *insn = r->insn;
	u32 size = insn->opsize;
	u64 acc = x86_reg_read(r, X86_RAX, size);
	u64 src = x86_reg_read(r, x86_reg(insn), size);
	u64 found = acc, linear;
	enum x86_result res;

	if (x86_rm_is_reg(insn)) {
		found = x86_reg_read(r, x86_rm(insn), size);
	} else {
		res = x86_check(r, insn->seg, x86_offset(r->cpu, insn, 0), size,
				true, &linear);
		if (res != X86_DONE)
			return res;
		if (insn->lock) {
			res = x86_cmpxchg(r, linear, &found, &src, size);
		} else {
			found = 0;
			res = x86_read_for_write(r, linear, &found, size);
			if (res == X86_DONE)
				res = x86_write(r, linear,
						found == acc ? &src : &found,
						size);
		}
		if (res != X86_DONE)
			return res;
	}
	x86_alu(ALU_CMP, acc, found, size, &r->rflags);
	if (found != acc)
		x86_reg_write(r, X86_RAX, found, size);
	else if (x86_rm_is_reg(insn))
		x86_reg_write(r, x86_rm(insn), src, size);
	return X86_DONE;
}

/* CMPXCHG8B and CMPXCHG16B: RDX:RAX, RCX:RBX, halves of @half bytes. */
enum x86_result x86_do_cmpxchg_pair(struct x86_run *r)
{
	const struct x86_insn *insn = r->insn;
	u32 half = insn->opsize == 8 ? 8 : 4, len = 2 * half;
	u8 old[16] = { 0 }, new[16], found[16];
	u64 linear, low = 0, high = 0;
	enum x86_result res;
	bool same;

	memcpy(old, &r->cpu->gpr[X86_RAX], half);
	memcpy(old + half, &r->cpu->gpr[X86_RDX], half);
	memcpy(new, &r->cpu->gpr[X86_RBX], half);
	memcpy(new + half, &r->cpu->gpr[X86_RCX], half);
	memcpy(found, old, sizeof(found));

	res = x86_check(r, insn->seg, x86_offset(r->cpu, insn, 0), len, true,
			&linear);
	if (res != X86_DONE)
		return res;
	if (len == 16 && (linear & 15))
		return x86_raise(r, X86_GP);
	if (insn->lock) {
		res = x86_cmpxchg(r, linear, found, new, len);
	} else {
		res = x86_read_for_write(r, linear, found, len);
		if (res == X86_DONE)
			res = x86_write(r, linear,
					memcmp(found, old, len) ? found : new,
					len);
	}
	if (res != X86_DONE)
		return res;
	same = !memcmp(found, old, len);
	r->rflags = (r->rflags & ~FLAG_ZF) | (same ? FLAG_ZF : 0);
	if (!same) {
		memcpy(&low, found, half);
		memcpy(&high, found + half, half);
		x86_reg_write(r, X86_RAX, low, half);
		x86_reg_write(r, X86_RDX, high, half);
	}
	return X86_DONE;
}
