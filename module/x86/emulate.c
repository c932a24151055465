// SPDX-License-Identifier: GPL-2.0-only
/*
 * What each instruction does. An opcode has a class in a table; a class has a
 * few lines here. All of them end in one memory access or none, then write
 * registers: a fault leaves nothing to undo.
 *
 * SDM 2 "Instruction Set Reference"; APM 3.
 */
#include "emulate.h"

enum insn_class {
	C_NONE,
	C_ALU_RM_R, /* bits 5:3 of the opcode say which operation */
	C_ALU_R_RM,
	C_ALU_ACC,
	C_ALU_IMM, /* ModRM.reg says which */
	C_TEST_RM_R,
	C_TEST_ACC,
	C_XCHG_RM_R,
	C_XCHG_ACC,
	C_MOV_RM_R,
	C_MOV_R_RM,
	C_MOV_RM_IMM,
	C_MOV_R_IMM,
	C_MOV_ACC_O,
	C_MOV_O_ACC,
	C_MOV_RM_SEG,
	C_MOVNTI,
	C_MOVSXD,
	C_MOVZX,
	C_MOVSX,
	C_MOVBE_LOAD,
	C_MOVBE_STORE,
	C_STRING,
	C_UNARY, /* F6, F7, FE, FF */
	C_INC_R,
	C_DEC_R,
	C_PUSH_R,
	C_POP_R,
	C_PUSH_IMM,
	C_POP_RM,
	C_BIT_R, /* bits 4:3 of the opcode say which operation */
	C_BIT_IMM,
	C_CMPXCHG,
	C_CMPXCHG_PAIR,
	C_XADD,
	C_SETCC,
	C_CMOV,
};

#define ALU_ROW(base) \
	[(base) + 0 ... (base) + 1] = C_ALU_RM_R, \
	[(base) + 2 ... (base) + 3] = C_ALU_R_RM, \
	[(base) + 4 ... (base) + 5] = C_ALU_ACC

static const u8 one_byte[256] = {
	ALU_ROW(0x00), ALU_ROW(0x08), ALU_ROW(0x10), ALU_ROW(0x18),
	ALU_ROW(0x20), ALU_ROW(0x28), ALU_ROW(0x30), ALU_ROW(0x38),
	[0x40 ... 0x47] = C_INC_R,
	[0x48 ... 0x4f] = C_DEC_R,
	[0x50 ... 0x57] = C_PUSH_R,
	[0x58 ... 0x5f] = C_POP_R,
	[0x63] = C_MOVSXD,
	[0x68] = C_PUSH_IMM,
	[0x6a] = C_PUSH_IMM,
	[0x6c ... 0x6f] = C_STRING,
	[0x80 ... 0x83] = C_ALU_IMM,
	[0x84 ... 0x85] = C_TEST_RM_R,
	[0x86 ... 0x87] = C_XCHG_RM_R,
	[0x88 ... 0x89] = C_MOV_RM_R,
	[0x8a ... 0x8b] = C_MOV_R_RM,
	[0x8c] = C_MOV_RM_SEG,
	[0x8f] = C_POP_RM,
	[0x90 ... 0x97] = C_XCHG_ACC,
	[0xa0 ... 0xa1] = C_MOV_ACC_O,
	[0xa2 ... 0xa3] = C_MOV_O_ACC,
	[0xa4 ... 0xa7] = C_STRING,
	[0xa8 ... 0xa9] = C_TEST_ACC,
	[0xaa ... 0xaf] = C_STRING,
	[0xb0 ... 0xbf] = C_MOV_R_IMM,
	[0xc6 ... 0xc7] = C_MOV_RM_IMM,
	[0xf6 ... 0xf7] = C_UNARY,
	[0xfe ... 0xff] = C_UNARY,
};

static const u8 two_byte[256] = {
	[0x40 ... 0x4f] = C_CMOV,
	[0x90 ... 0x9f] = C_SETCC,
	[0xa3] = C_BIT_R,
	[0xab] = C_BIT_R,
	[0xb0 ... 0xb1] = C_CMPXCHG,
	[0xb3] = C_BIT_R,
	[0xb6 ... 0xb7] = C_MOVZX,
	[0xba] = C_BIT_IMM,
	[0xbb] = C_BIT_R,
	[0xbe ... 0xbf] = C_MOVSX,
	[0xc0 ... 0xc1] = C_XADD,
	[0xc3] = C_MOVNTI,
	[0xc7] = C_CMPXCHG_PAIR,
};

static enum insn_class classify(const struct x86_insn *insn)
{
	if (likely(insn->opcode < 0x100))
		return one_byte[insn->opcode];
	if (insn->opcode < 0x10000)
		return two_byte[insn->opcode & 0xff];
	if (insn->rep || insn->repne) /* CRC32 and others */
		return C_NONE;
	if (insn->opcode == 0x0f38f0)
		return C_MOVBE_LOAD;
	if (insn->opcode == 0x0f38f1)
		return C_MOVBE_STORE;
	return C_NONE;
}

/*
 * SDM 2A "LOCK": only these, and only with a memory destination. That there is
 * ModRM is part of each class named.
 */
static bool lockable(const struct x86_insn *insn, enum insn_class class)
{
	unsigned int group = x86_group(insn);

	switch (class) {
	case C_ALU_RM_R:
		return !x86_rm_is_reg(insn) && insn->opcode < 0x38;
	case C_ALU_IMM:
		return !x86_rm_is_reg(insn) && group != ALU_CMP;
	case C_UNARY: /* F6, F7: NOT, NEG; FE, FF: INC, DEC */
		return !x86_rm_is_reg(insn) &&
		       (insn->opcode < 0xfe ? group == 2 || group == 3 :
					      group < 2);
	case C_BIT_R:
		return !x86_rm_is_reg(insn) && insn->opcode != 0x0fa3;
	case C_BIT_IMM:
		return !x86_rm_is_reg(insn) && group > 4;
	case C_CMPXCHG_PAIR:
		return !x86_rm_is_reg(insn) && group == 1;
	case C_XCHG_RM_R:
	case C_CMPXCHG:
	case C_XADD:
		return !x86_rm_is_reg(insn);
	default:
		return false;
	}
}

static unsigned int opcode_reg(const struct x86_insn *insn)
{
	return (insn->opcode & 7) | (insn->rex & 1) << 3;
}

static enum x86_result alu_to_reg(struct x86_run *r, enum x86_alu_op op,
				  unsigned int reg, u64 src)
{
	u32 size = r->insn->opsize;
	u64 v = x86_alu(op, x86_reg_read(r, reg, size), src, size, &r->rflags);

	if (op != ALU_CMP && op != ALU_TEST)
		x86_reg_write(r, reg, v, size);
	return X86_DONE;
}

static enum x86_result alu_r_rm(struct x86_run *r)
{
	enum x86_result res;
	u64 v;

	res = x86_rm_load(r, r->insn->opsize, &v);
	if (res != X86_DONE)
		return res;
	return alu_to_reg(r, (r->insn->opcode >> 3) & 7, x86_reg(r->insn), v);
}

static enum x86_result mov_r_rm(struct x86_run *r)
{
	u32 size = r->insn->opsize;
	enum x86_result res;
	u64 v;

	res = x86_rm_load(r, size, &v);
	if (res == X86_DONE)
		x86_reg_write(r, x86_reg(r->insn), v, size);
	return res;
}

static enum x86_result mov_acc_offset(struct x86_run *r)
{
	const struct x86_insn *insn = r->insn;
	enum x86_result res;
	u64 v;

	res = x86_load(r, insn->seg, x86_offset(r->cpu, insn, 0), insn->opsize,
		       &v);
	if (res == X86_DONE)
		x86_reg_write(r, X86_RAX, v, insn->opsize);
	return res;
}

/* To memory a selector is two bytes whatever the operand size. */
static enum x86_result mov_rm_seg(struct x86_run *r)
{
	const struct x86_insn *insn = r->insn;
	u32 size = x86_rm_is_reg(insn) ? insn->opsize : 2;

	return x86_rm_store(r, size, r->cpu->seg[x86_group(insn)].selector);
}

/* MOVZX, MOVSX, MOVSXD: @from bytes widened to the operand size. */
static enum x86_result mov_widen(struct x86_run *r, u32 from, bool sign)
{
	enum x86_result res;
	u64 v;

	/*
	 * A byte source in a register without REX may be AH: x86_rm_load()
	 * knows by the size it is asked for.
	 */
	res = x86_rm_load(r, from, &v);
	if (res != X86_DONE)
		return res;
	if (sign)
		v = x86_sign_extend(v, from);
	x86_reg_write(r, x86_reg(r->insn), v, r->insn->opsize);
	return X86_DONE;
}

static enum x86_result movsxd(struct x86_run *r)
{
	u32 size = r->insn->opsize;

	if (r->cpu->mode != X86_LONG64)
		return X86_UNHANDLED; /* ARPL */
	return mov_widen(r, size == 8 ? 4 : size, true);
}

static u64 swap_bytes(u64 v, u32 size)
{
	return __builtin_bswap64(v) >> (64 - 8 * size);
}

static enum x86_result movbe(struct x86_run *r, bool load)
{
	const struct x86_insn *insn = r->insn;
	u32 size = insn->opsize;
	enum x86_result res;
	u64 v;

	if (x86_rm_is_reg(insn))
		return x86_raise(r, X86_UD);
	if (!load) {
		v = x86_reg_read(r, x86_reg(insn), size);
		return x86_rm_store(r, size, swap_bytes(v, size));
	}
	res = x86_rm_load(r, size, &v);
	if (res == X86_DONE)
		x86_reg_write(r, x86_reg(insn), swap_bytes(v, size), size);
	return res;
}

static enum x86_result xchg_acc(struct x86_run *r)
{
	unsigned int reg = opcode_reg(r->insn);
	u32 size = r->insn->opsize;
	u64 v = x86_reg_read(r, reg, size);

	if (r->insn->opcode == 0x90 && reg == X86_RAX)
		return X86_DONE; /* NOP, PAUSE: EAX keeps its upper half */
	x86_reg_write(r, reg, x86_reg_read(r, X86_RAX, size), size);
	x86_reg_write(r, X86_RAX, v, size);
	return X86_DONE;
}

/* The size of the stack pointer is the stack segment's, not the address size. */
static u32 stack_width(const struct x86_run *r)
{
	if (r->cpu->mode == X86_LONG64)
		return 8;
	return r->cpu->seg[X86_SS].db ? 4 : 2;
}

static enum x86_result push(struct x86_run *r, u64 v)
{
	u32 width = stack_width(r), size = r->insn->opsize;
	u64 sp = (r->cpu->gpr[X86_RSP] - size) & x86_mask(width);
	enum x86_result res;

	res = x86_store(r, X86_SS, sp, size, v);
	if (res == X86_DONE)
		x86_reg_write(r, X86_RSP, sp, width);
	return res;
}

static enum x86_result push_rm(struct x86_run *r)
{
	enum x86_result res;
	u64 v;

	res = x86_rm_load(r, r->insn->opsize, &v);
	return res == X86_DONE ? push(r, v) : res;
}

/* The destination's address is made of the RSP that POP leaves. */
static enum x86_result pop_memory(struct x86_run *r)
{
	const struct x86_insn *insn = r->insn;
	u32 width = stack_width(r), size = insn->opsize;
	u64 sp = r->cpu->gpr[X86_RSP] & x86_mask(width), v;
	enum x86_result res;

	res = x86_load(r, X86_SS, sp, size, &v);
	if (res == X86_DONE)
		res = x86_store(r, insn->seg, x86_offset(r->cpu, insn, size),
				size, v);
	if (res == X86_DONE)
		x86_reg_write(r, X86_RSP, sp + size, width);
	return res;
}

static enum x86_result pop_register(struct x86_run *r, unsigned int reg)
{
	u32 width = stack_width(r), size = r->insn->opsize;
	u64 sp = r->cpu->gpr[X86_RSP] & x86_mask(width), v;
	enum x86_result res;

	res = x86_load(r, X86_SS, sp, size, &v);
	if (res != X86_DONE)
		return res;
	x86_reg_write(r, X86_RSP, sp + size, width);
	x86_reg_write(r, reg, v, size); /* POP RSP: the value wins */
	return X86_DONE;
}

/* F6 and F7: TEST, NOT, NEG; FE and FF: INC, DEC, PUSH. */
static enum x86_result unary(struct x86_run *r)
{
	static const u8 op[8] = { ALU_TEST, ALU_TEST, ALU_NOT, ALU_NEG };
	unsigned int group = x86_group(r->insn);

	if (r->insn->opcode < 0xfe)
		return group < 4 ? x86_modify(r, op[group], r->insn->imm, -1) :
				   X86_UNHANDLED;
	if (group < 2)
		return x86_modify(r, ALU_INC + group, 0, -1);
	if (r->insn->opcode == 0xff && group == 6)
		return push_rm(r);
	return X86_UNHANDLED;
}

static enum x86_result setcc(struct x86_run *r)
{
	return x86_rm_store(r, 1,
			    x86_condition(r->insn->opcode & 15, r->rflags));
}

/* The operand is read, and a 32-bit register widened, either way. */
static enum x86_result cmov(struct x86_run *r)
{
	u32 size = r->insn->opsize;
	unsigned int reg = x86_reg(r->insn);
	enum x86_result res;
	u64 v;

	res = x86_rm_load(r, size, &v);
	if (res != X86_DONE)
		return res;
	if (!x86_condition(r->insn->opcode & 15, r->rflags))
		v = x86_reg_read(r, reg, size);
	x86_reg_write(r, reg, v, size);
	return X86_DONE;
}

static enum x86_result cmpxchg_pair(struct x86_run *r)
{
	if (x86_group(r->insn) != 1)
		return X86_UNHANDLED;
	if (x86_rm_is_reg(r->insn))
		return x86_raise(r, X86_UD);
	return x86_do_cmpxchg_pair(r);
}

static enum x86_result execute(struct x86_run *r, enum insn_class class)
{
	const struct x86_insn *insn = r->insn;
	unsigned int op = insn->opcode, reg = x86_reg(insn);
	u32 size = insn->opsize;

	switch (class) {
	case C_MOV_RM_R:
		return x86_rm_store(r, size, x86_reg_read(r, reg, size));
	case C_MOV_R_RM:
		return mov_r_rm(r);
	case C_MOV_RM_IMM:
		return x86_group(insn) ? X86_UNHANDLED :
					 x86_rm_store(r, size, insn->imm);
	case C_MOV_ACC_O:
		return mov_acc_offset(r);
	case C_MOV_O_ACC:
		return x86_store(r, insn->seg, x86_offset(r->cpu, insn, 0),
				 size, x86_reg_read(r, X86_RAX, size));
	case C_MOVZX:
		return mov_widen(r, op & 1 ? 2 : 1, false);
	case C_MOVSX:
		return mov_widen(r, op & 1 ? 2 : 1, true);
	case C_ALU_RM_R:
		return x86_modify(r, (op >> 3) & 7, x86_reg_read(r, reg, size),
				  -1);
	case C_ALU_R_RM:
		return alu_r_rm(r);
	case C_ALU_ACC:
		return alu_to_reg(r, (op >> 3) & 7, X86_RAX, insn->imm);
	case C_ALU_IMM:
		return x86_modify(r, x86_group(insn), insn->imm, -1);
	case C_TEST_RM_R:
		return x86_modify(r, ALU_TEST, x86_reg_read(r, reg, size), -1);
	case C_TEST_ACC:
		return alu_to_reg(r, ALU_TEST, X86_RAX, insn->imm);
	case C_XCHG_RM_R:
		return x86_modify(r, ALU_MOV, x86_reg_read(r, reg, size), reg);
	case C_XADD:
		return x86_modify(r, ALU_ADD, x86_reg_read(r, reg, size), reg);
	case C_UNARY:
		return unary(r);
	case C_BIT_R:
		return x86_bit(r, ALU_BT + ((op >> 3) & 3), true);
	case C_BIT_IMM:
		return x86_bit(r, ALU_BT + (x86_group(insn) & 3), false);
	case C_CMPXCHG:
		return x86_do_cmpxchg(r);
	case C_CMPXCHG_PAIR:
		return cmpxchg_pair(r);
	default:
		return X86_UNHANDLED;
	}
}

/* What MMIO never needs but a page that is being switched may. */
static enum x86_result execute_rare(struct x86_run *r, enum insn_class class)
{
	const struct x86_insn *insn = r->insn;
	u32 size = insn->opsize;

	switch (class) {
	case C_XCHG_ACC:
		return xchg_acc(r);
	case C_MOV_R_IMM:
		x86_reg_write(r, opcode_reg(insn), insn->imm, size);
		return X86_DONE;
	case C_MOV_RM_SEG:
		return mov_rm_seg(r);
	case C_MOVNTI: /* has no 16-bit form, in no mode */
		if (size == 2)
			size = 4;
		return x86_rm_store(r, size,
				    x86_reg_read(r, x86_reg(insn), size));
	case C_MOVSXD:
		return movsxd(r);
	case C_MOVBE_LOAD:
	case C_MOVBE_STORE:
		return movbe(r, class == C_MOVBE_LOAD);
	case C_INC_R:
	case C_DEC_R:
		return alu_to_reg(r, class == C_INC_R ? ALU_INC : ALU_DEC,
				  opcode_reg(insn), 0);
	case C_PUSH_R:
		return push(r, x86_reg_read(r, opcode_reg(insn), size));
	case C_PUSH_IMM:
		return push(r, insn->imm);
	case C_POP_R:
		return pop_register(r, opcode_reg(insn));
	case C_POP_RM:
		return x86_rm_is_reg(insn) ? pop_register(r, x86_rm(insn)) :
					     pop_memory(r);
	case C_SETCC:
		return setcc(r);
	case C_CMOV:
		return cmov(r);
	default:
		return X86_UNHANDLED;
	}
}

/*
 * Outside 64-bit mode EIP has 32 bits also in 16-bit code: running on past
 * FFFFH is a limit violation at the next fetch (SDM 3B "Segment Wraparound").
 */
static void complete(struct x86_run *r)
{
	struct x86_cpu *cpu = r->cpu;

	cpu->rflags = r->rflags & ~FLAG_RF;
	cpu->rip += r->insn->len;
	if (cpu->mode != X86_LONG64)
		cpu->rip = (u32)cpu->rip;
}

enum x86_result x86_emulate(struct x86_cpu *cpu, const struct x86_insn *insn,
			    const struct x86_memory *mem, void *ctx,
			    struct x86_exception *ex, unsigned int max_rep)
{
	struct x86_run r = {
		.cpu = cpu,
		.insn = insn,
		.mem = mem,
		.ctx = ctx,
		.ex = ex,
		.rflags = cpu->rflags,
	};
	enum insn_class class = classify(insn);
	enum x86_result res;

	if (unlikely(class == C_NONE))
		return X86_UNHANDLED;
	if (unlikely(insn->lock) && !lockable(insn, class))
		return x86_raise(&r, X86_UD);
	if (class == C_STRING)
		res = x86_string(&r, max_rep);
	else
		res = execute(&r, class);
	if (res == X86_UNHANDLED)
		res = execute_rare(&r, class);
	if (res == X86_DONE)
		complete(&r);
	return res;
}
