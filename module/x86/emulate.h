/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the files of the emulator share; nothing here is for other users.
 */
#ifndef VINTC_X86_EMULATE_H
#define VINTC_X86_EMULATE_H

#include "insn.h"

#define FLAG_CF BIT_ULL(0)
#define FLAG_PF BIT_ULL(2)
#define FLAG_AF BIT_ULL(4)
#define FLAG_ZF BIT_ULL(6)
#define FLAG_SF BIT_ULL(7)
#define FLAG_TF BIT_ULL(8)
#define FLAG_DF BIT_ULL(10)
#define FLAG_OF BIT_ULL(11)
#define FLAG_RF BIT_ULL(16)
#define FLAG_VM BIT_ULL(17)
#define FLAGS_STATUS \
	(FLAG_CF | FLAG_PF | FLAG_AF | FLAG_ZF | FLAG_SF | FLAG_OF)

/* The first eight in the order of opcodes 00-3F and 80-83, BT.. of 0F BA. */
enum x86_alu_op {
	ALU_ADD, ALU_OR, ALU_ADC, ALU_SBB, ALU_AND, ALU_SUB, ALU_XOR, ALU_CMP,
	ALU_TEST, ALU_INC, ALU_DEC, ALU_NOT, ALU_NEG, ALU_MOV,
	ALU_BT, ALU_BTS, ALU_BTR, ALU_BTC,
};

/**
 * struct x86_run - one instruction under way
 * @cpu: registers; written only when nothing can fail any more
 * @insn, @mem, @ctx, @ex: as given to x86_emulate()
 * @rflags: goes to @cpu when the instruction is complete
 */
struct x86_run {
	struct x86_cpu *cpu;
	const struct x86_insn *insn;
	const struct x86_memory *mem;
	void *ctx;
	struct x86_exception *ex;
	u64 rflags;
};

/* ModRM fields with their REX bits. */
static inline unsigned int x86_reg(const struct x86_insn *insn)
{
	return ((insn->modrm >> 3) & 7) | (insn->rex & 4) << 1;
}

static inline unsigned int x86_rm(const struct x86_insn *insn)
{
	return (insn->modrm & 7) | (insn->rex & 1) << 3;
}

static inline unsigned int x86_group(const struct x86_insn *insn)
{
	return (insn->modrm >> 3) & 7;
}

static inline bool x86_rm_is_reg(const struct x86_insn *insn)
{
	return insn->modrm >= 0xc0;
}

/* @size: 1, 2, 4 or 8 bytes. */
static inline u64 x86_mask(u32 size)
{
	return ~0ULL >> (64 - 8 * size);
}

static inline u64 x86_sign_extend(u64 v, u32 size)
{
	u64 sign = BIT_ULL(8 * size - 1);

	return ((v & x86_mask(size)) ^ sign) - sign;
}

/* AH, CH, DH, BH: encodings 4 to 7 of a byte register without REX. */
static inline bool x86_high_byte(const struct x86_run *r, unsigned int reg,
				 u32 size)
{
	return size == 1 && !r->insn->rex && reg >= 4;
}

static inline u64 x86_reg_read(const struct x86_run *r, unsigned int reg,
			       u32 size)
{
	if (unlikely(x86_high_byte(r, reg, size)))
		return (r->cpu->gpr[reg & 3] >> 8) & 0xff;
	return r->cpu->gpr[reg & 15] & x86_mask(size);
}

/* alu.c */
u64 x86_alu(enum x86_alu_op op, u64 a, u64 b, u32 size, u64 *rflags);
bool x86_condition(u8 cc, u64 rflags);

/* operand.c */
void x86_reg_write(struct x86_run *r, unsigned int reg, u64 v, u32 size);
u64 x86_offset(const struct x86_cpu *cpu, const struct x86_insn *insn,
	       u64 rsp_bias);
enum x86_result x86_raise(struct x86_run *r, enum x86_fault vector);
enum x86_result x86_check(struct x86_run *r, unsigned int seg, u64 offset,
			  u32 len, bool write, u64 *linear);
enum x86_result x86_read(struct x86_run *r, u64 linear, void *data, u32 len);
enum x86_result x86_write(struct x86_run *r, u64 linear, const void *data,
			  u32 len);
enum x86_result x86_probe(struct x86_run *r, u64 linear, u32 len);
enum x86_result x86_read_for_write(struct x86_run *r, u64 linear, void *data,
				   u32 len);
enum x86_result x86_cmpxchg(struct x86_run *r, u64 linear, void *old,
			    const void *new, u32 len);
enum x86_result x86_load(struct x86_run *r, unsigned int seg, u64 offset,
			 u32 len, u64 *v);
enum x86_result x86_store(struct x86_run *r, unsigned int seg, u64 offset,
			  u32 len, u64 v);
enum x86_result x86_rm_load(struct x86_run *r, u32 size, u64 *v);
enum x86_result x86_rm_store(struct x86_run *r, u32 size, u64 v);

/* rmw.c */
enum x86_result x86_modify(struct x86_run *r, enum x86_alu_op op, u64 src,
			   int back);
enum x86_result x86_bit(struct x86_run *r, enum x86_alu_op op, bool by_reg);
enum x86_result x86_do_cmpxchg(struct x86_run *r);
enum x86_result x86_do_cmpxchg_pair(struct x86_run *r);

/* string.c */
enum x86_result x86_string(struct x86_run *r, unsigned int max_rep);

#endif
