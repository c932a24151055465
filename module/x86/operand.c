// SPDX-License-Identifier: GPL-2.0-only
/*
 * Registers, effective addresses, segment and canonical checks, and access to
 * memory for the emulator.
 *
 * SDM 1 "Operand Addressing"; SDM 3A "Protection", "Limit Checking", "Type
 * Checking"; SDM 3A "Canonical Addressing".
 */
#include "emulate.h"

#define TYPE_CODE 8
#define TYPE_EXPAND_DOWN 4 /* of a data segment */
#define TYPE_WRITABLE 2 /* of a data segment; of a code segment: readable */

#define LINEAR_4G BIT_ULL(32)

/* Bytes and words keep the rest of the register, 32 bits clear the upper half. */
void x86_reg_write(struct x86_run *r, unsigned int reg, u64 v, u32 size)
{
	u64 *p = &r->cpu->gpr[reg & 15], mask = x86_mask(size);

	v &= mask;
	if (unlikely(x86_high_byte(r, reg, size))) {
		p = &r->cpu->gpr[reg & 3];
		*p = (*p & ~0xff00ULL) | v << 8;
	} else if (size >= 4) {
		*p = v;
	} else {
		*p = (*p & ~mask) | v;
	}
}

static u64 offset16(const struct x86_cpu *cpu, const struct x86_insn *insn)
{
	/* SDM 2A "16-Bit Addressing Forms with the ModR/M Byte" */
	static const u8 base[8] = { X86_RBX, X86_RBX, X86_RBP, X86_RBP,
				    X86_RSI, X86_RDI, X86_RBP, X86_RBX };
	unsigned int rm = insn->modrm & 7;
	u64 v = insn->disp;

	if (rm != 6 || insn->modrm >= 0x40)
		v += cpu->gpr[base[rm]];
	if (rm < 4)
		v += cpu->gpr[rm & 1 ? X86_RDI : X86_RSI];
	return v;
}

/*
 * Offset of the memory operand in its segment. @rsp_bias: added to RSP where it
 * is the base (POP addresses its destination after RSP has moved).
 */
u64 x86_offset(const struct x86_cpu *cpu, const struct x86_insn *insn,
	       u64 rsp_bias)
{
	unsigned int rm = insn->modrm & 7, base, index;
	u64 v = insn->disp;

	if (!insn->has_modrm)
		return v & x86_mask(insn->addrsize);
	if (insn->addrsize == 2)
		return offset16(cpu, insn) & 0xffff;

	base = rm | (insn->rex & 1) << 3;
	if (rm == 4) {
		base = (insn->sib & 7) | (insn->rex & 1) << 3;
		index = ((insn->sib >> 3) & 7) | (insn->rex & 2) << 2;
		if (index != 4)
			v += cpu->gpr[index] << (insn->sib >> 6);
	}
	if ((base & 7) == 5 && insn->modrm < 0x40) {
		if (rm == 5 && cpu->mode == X86_LONG64)
			v += cpu->rip + insn->len;
	} else {
		v += cpu->gpr[base];
		if (base == X86_RSP)
			v += rsp_bias;
	}
	return v & x86_mask(insn->addrsize);
}

static u64 to_linear(const struct x86_cpu *cpu, unsigned int seg, u64 offset)
{
	if (cpu->mode != X86_LONG64)
		return (u32)(cpu->seg[seg].base + offset);
	return seg >= X86_FS ? cpu->seg[seg].base + offset : offset;
}

u64 x86_linear(const struct x86_cpu *cpu, const struct x86_insn *insn)
{
	return to_linear(cpu, insn->seg, x86_offset(cpu, insn, 0));
}

/* Every exception raised here has an error code of zero, or none. */
enum x86_result x86_raise(struct x86_run *r, enum x86_fault vector)
{
	bool real = r->cpu->mode == X86_REAL && !(r->cpu->rflags & FLAG_VM);

	*r->ex = (struct x86_exception){
		.vector = vector,
		.has_error = vector != X86_UD && !real,
	};
	return X86_FAULT;
}

static bool canonical(const struct x86_cpu *cpu, u64 v)
{
	unsigned int unused = cpu->la57 ? 64 - 57 : 64 - 48;

	return (u64)((s64)(v << unused) >> unused) == v;
}

static bool rights_ok(const struct x86_segment *s, bool write)
{
	if (s->unusable || !s->present)
		return false;
	if (s->type & TYPE_CODE)
		return !write && (s->type & TYPE_WRITABLE);
	return !write || (s->type & TYPE_WRITABLE);
}

static bool limit_ok(const struct x86_cpu *cpu, const struct x86_segment *s,
		     u64 offset, u32 len)
{
	u64 last = offset + len - 1;

	if (cpu->mode != X86_REAL &&
	    (s->type & (TYPE_CODE | TYPE_EXPAND_DOWN)) == TYPE_EXPAND_DOWN)
		return offset > s->limit &&
		       last <= (s->db ? 0xffffffffULL : 0xffffULL);
	return last <= s->limit;
}

/**
 * x86_check() - may @len bytes at @seg:@offset be accessed?
 *
 * Return: X86_DONE with *@linear set, or X86_FAULT.
 */
enum x86_result x86_check(struct x86_run *r, unsigned int seg, u64 offset,
			  u32 len, bool write, u64 *linear)
{
	const struct x86_cpu *cpu = r->cpu;
	const struct x86_segment *s = &cpu->seg[seg];
	bool ok;

	*linear = to_linear(cpu, seg, offset);
	if (likely(cpu->mode == X86_LONG64)) {
		ok = canonical(cpu, *linear) &&
		     canonical(cpu, *linear + len - 1);
	} else {
		ok = (cpu->mode == X86_REAL || rights_ok(s, write)) &&
		     limit_ok(cpu, s, offset, len);
	}
	if (likely(ok))
		return X86_DONE;
	return x86_raise(r, seg == X86_SS ? X86_SS_FAULT : X86_GP);
}

/*
 * Linear addresses end at 4 GB, or in 64-bit mode at 2^64, and start again at
 * 0. What lies across that is reached byte by byte, so that the callbacks never
 * see such an operand.
 */
static bool wraps(const struct x86_run *r, u64 linear, u32 len)
{
	if (likely(r->cpu->mode == X86_LONG64))
		return unlikely(linear > -(u64)len);
	return unlikely(linear + len > LINEAR_4G);
}

static u64 byte_at(const struct x86_run *r, u64 linear)
{
	return r->cpu->mode == X86_LONG64 ? linear : (u32)linear;
}

enum x86_result x86_read(struct x86_run *r, u64 linear, void *data, u32 len)
{
	enum x86_result res = X86_DONE;
	u8 *p = data;
	u32 i;

	if (!wraps(r, linear, len))
		return r->mem->read(r->ctx, linear, data, len, r->ex);
	for (i = 0; i < len && res == X86_DONE; i++)
		res = r->mem->read(r->ctx, byte_at(r, linear + i), p + i, 1,
				   r->ex);
	return res;
}

enum x86_result x86_write(struct x86_run *r, u64 linear, const void *data,
			  u32 len)
{
	enum x86_result res = X86_DONE;
	const u8 *p = data;
	u32 i;

	if (!wraps(r, linear, len))
		return r->mem->write(r->ctx, linear, data, len, r->ex);
	for (i = 0; i < len && res == X86_DONE; i++)
		res = r->mem->write(r->ctx, byte_at(r, linear + i), p + i, 1,
				    r->ex);
	return res;
}

/* Would a store fault? X86_DONE too if nobody can tell. */
enum x86_result x86_probe(struct x86_run *r, u64 linear, u32 len)
{
	enum x86_result res = X86_DONE;
	u32 i;

	if (!r->mem->probe)
		return X86_DONE;
	if (!wraps(r, linear, len))
		return r->mem->probe(r->ctx, linear, len, r->ex);
	for (i = 0; i < len && res == X86_DONE; i++)
		res = r->mem->probe(r->ctx, byte_at(r, linear + i), 1, r->ex);
	return res;
}

/*
 * An operand that is read to be written faults as a write does: by @probe
 * exactly, else in the error code of what the read meets.
 */
enum x86_result x86_read_for_write(struct x86_run *r, u64 linear, void *data,
				   u32 len)
{
	enum x86_result res = x86_probe(r, linear, len);

	if (res != X86_DONE)
		return res;
	res = x86_read(r, linear, data, len);
	if (res == X86_FAULT && r->ex->vector == X86_PF)
		r->ex->error |= 2;
	return res;
}

/* An operand that wraps isn't exchanged atomically: nobody can ask for that. */
enum x86_result x86_cmpxchg(struct x86_run *r, u64 linear, void *old,
			    const void *new, u32 len)
{
	u8 found[16] = { 0 };
	enum x86_result res;
	bool same;

	if (!wraps(r, linear, len)) /* parentheses: the kernel has a macro */
		return (r->mem->cmpxchg)(r->ctx, linear, old, new, len, r->ex);
	res = x86_read_for_write(r, linear, found, len);
	if (res != X86_DONE)
		return res;
	same = !memcmp(found, old, len);
	memcpy(old, found, len);
	return x86_write(r, linear, same ? new : found, len);
}

enum x86_result x86_load(struct x86_run *r, unsigned int seg, u64 offset,
			 u32 len, u64 *v)
{
	enum x86_result res;
	u64 linear;

	*v = 0;
	res = x86_check(r, seg, offset, len, false, &linear);
	return res == X86_DONE ? x86_read(r, linear, v, len) : res;
}

enum x86_result x86_store(struct x86_run *r, unsigned int seg, u64 offset,
			  u32 len, u64 v)
{
	enum x86_result res;
	u64 linear;

	res = x86_check(r, seg, offset, len, true, &linear);
	return res == X86_DONE ? x86_write(r, linear, &v, len) : res;
}

/* The operand that ModRM.rm names: a register or memory. */
enum x86_result x86_rm_load(struct x86_run *r, u32 size, u64 *v)
{
	const struct x86_insn *insn = r->insn;

	if (!x86_rm_is_reg(insn))
		return x86_load(r, insn->seg, x86_offset(r->cpu, insn, 0), size,
				v);
	*v = x86_reg_read(r, x86_rm(insn), size);
	return X86_DONE;
}

enum x86_result x86_rm_store(struct x86_run *r, u32 size, u64 v)
{
	const struct x86_insn *insn = r->insn;

	if (!x86_rm_is_reg(insn))
		return x86_store(r, insn->seg, x86_offset(r->cpu, insn, 0),
				 size, v);
	x86_reg_write(r, x86_rm(insn), v, size);
	return X86_DONE;
}
