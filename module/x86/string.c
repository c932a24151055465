// SPDX-License-Identifier: GPL-2.0-only
/*
 * String instructions: MOVS, CMPS, STOS, LODS, SCAS, INS, OUTS.
 *
 * Registers move in copies and reach the CPU only for whole elements. A fault
 * after the first element ends the call with X86_AGAIN and the elements before
 * it done: the next call meets it with nothing to take back. On X86_WAIT
 * nothing at all is kept, the caller's replay log has what was done.
 *
 * SDM 2B "REP/REPE/REPZ/REPNE/REPNZ".
 */
#include "emulate.h"

struct string {
	u64 si, di, acc, flags;
	u64 mask; /* of the address size */
	u64 step;
	u32 size;
	u8 kind; /* opcode without its width bit */
};

enum { INS = 0x6c, OUTS = 0x6e, MOVS = 0xa4, CMPS = 0xa6, STOS = 0xaa,
       LODS = 0xac, SCAS = 0xae };

static bool uses_si(u8 kind)
{
	return kind == OUTS || kind == MOVS || kind == CMPS || kind == LODS;
}

static bool uses_di(u8 kind)
{
	return kind != OUTS && kind != LODS;
}

static bool compares(u8 kind)
{
	return kind == CMPS || kind == SCAS;
}

/* The port is read only when its value has a place to go. */
static enum x86_result ins(struct x86_run *r, struct string *s)
{
	enum x86_result res;
	u64 linear, v = 0;

	res = x86_check(r, X86_ES, s->di, s->size, true, &linear);
	if (res == X86_DONE)
		res = x86_probe(r, linear, s->size);
	if (res == X86_DONE)
		res = r->mem->in(r->ctx, (u16)r->cpu->gpr[X86_RDX], &v, s->size,
				 r->ex);
	if (res == X86_DONE)
		res = x86_write(r, linear, &v, s->size);
	return res;
}

/* CMPS looks at its second operand first, as CPUs have been seen to do. */
static enum x86_result compare(struct x86_run *r, struct string *s)
{
	enum x86_result res;
	u64 a = s->acc, b;

	res = x86_load(r, X86_ES, s->di, s->size, &b);
	if (res == X86_DONE && s->kind == CMPS)
		res = x86_load(r, r->insn->seg, s->si, s->size, &a);
	if (res == X86_DONE)
		x86_alu(ALU_CMP, a, b, s->size, &s->flags);
	return res;
}

static enum x86_result element(struct x86_run *r, struct string *s)
{
	enum x86_result res = X86_DONE;
	u64 v = s->acc;

	if (s->kind == INS)
		return ins(r, s);
	if (compares(s->kind))
		return compare(r, s);
	if (s->kind != STOS)
		res = x86_load(r, r->insn->seg, s->si, s->size, &v);
	if (res != X86_DONE)
		return res;
	if (s->kind == OUTS)
		return r->mem->out(r->ctx, (u16)r->cpu->gpr[X86_RDX], &v,
				   s->size, r->ex);
	if (s->kind == LODS)
		s->acc = v;
	else
		res = x86_store(r, X86_ES, s->di, s->size, v);
	return res;
}

/* How many elements from @linear on lie within its page? */
static u64 in_page(const struct string *s, u64 linear, bool down)
{
	u64 offset = linear & 0xfff;

	if (offset + s->size > 0x1000)
		return 0;
	return down ? offset / s->size + 1 : (0x1000 - offset) / s->size;
}

/*
 * INS and OUTS of all elements of a page. *@n is how many were done; with 0 the
 * next one is done alone, and meets what is in the way of the others: the end
 * of the page, the segment, or the address size.
 */
static enum x86_result block(struct x86_run *r, struct string *s, u64 left,
			     u64 *n)
{
	bool in = s->kind == INS, down = r->cpu->rflags & FLAG_DF;
	unsigned int seg = in ? X86_ES : r->insn->seg;
	u64 at = in ? s->di : s->si, low, len;
	struct x86_block b = {
		.port = (u16)r->cpu->gpr[X86_RDX],
		.size = s->size,
		.down = down,
		.in = in,
	};
	enum x86_result res;

	*n = 0;
	/* Each element is a step of its own. */
	if (!r->mem->block || (r->cpu->rflags & FLAG_TF))
		return X86_DONE;
	if (x86_check(r, seg, at, s->size, in, &b.linear) != X86_DONE)
		return X86_DONE;
	if (left > in_page(s, b.linear, down))
		left = in_page(s, b.linear, down);
	len = left * s->size;
	low = down ? at - (len - s->size) : at;
	if (!left || low > at || low > s->mask - (len - 1) ||
	    x86_check(r, seg, low, len, in, &low) != X86_DONE)
		return X86_DONE;
	b.n = left;
	res = r->mem->block(r->ctx, &b, r->ex);
	*n = b.n;
	return res;
}

static void advance(struct string *s, u64 n)
{
	if (uses_si(s->kind))
		s->si = (s->si + n * s->step) & s->mask;
	if (uses_di(s->kind))
		s->di = (s->di + n * s->step) & s->mask;
}

static void commit(struct x86_run *r, const struct string *s, u64 count)
{
	u32 width = r->insn->addrsize;

	if (uses_si(s->kind))
		x86_reg_write(r, X86_RSI, s->si, width);
	if (uses_di(s->kind))
		x86_reg_write(r, X86_RDI, s->di, width);
	if (s->kind == LODS)
		x86_reg_write(r, X86_RAX, s->acc, s->size);
	if (r->insn->rep || r->insn->repne)
		x86_reg_write(r, X86_RCX, count, width);
}

/* Does this comparison end the repetition? F3 goes on while equal. */
static bool ends(const struct x86_run *r, const struct string *s)
{
	return compares(s->kind) && !(s->flags & FLAG_ZF) == r->insn->rep;
}

/* Return: X86_DONE with *@done elements done, at least one. */
static enum x86_result elements(struct x86_run *r, struct string *s, u64 count,
				unsigned int max_rep, u64 *done)
{
	bool rep = r->insn->rep || r->insn->repne;
	enum x86_result res;

	do {
		res = element(r, s);
		if (res == X86_FAULT && *done)
			break;
		if (res != X86_DONE)
			return res;
		advance(s, 1);
		++*done;
		if (rep && ends(r, s))
			break;
	} while (*done < count && *done < max_rep);
	return X86_DONE;
}

enum x86_result x86_string(struct x86_run *r, unsigned int max_rep)
{
	const struct x86_insn *insn = r->insn;
	struct x86_cpu *cpu = r->cpu;
	bool rep = insn->rep || insn->repne;
	struct string s = { .flags = r->rflags, .kind = insn->opcode & 0xfe };
	enum x86_result res = X86_DONE;
	u64 count = 1, done = 0;

	s.mask = x86_mask(insn->addrsize);
	s.size = insn->opsize;
	if (s.size == 8 && s.kind <= OUTS)
		s.size = 4; /* ports have no 64 bits */
	s.step = cpu->rflags & FLAG_DF ? -(u64)s.size : s.size;
	s.si = cpu->gpr[X86_RSI] & s.mask;
	s.di = cpu->gpr[X86_RDI] & s.mask;
	s.acc = x86_reg_read(r, X86_RAX, s.size);
	if (rep) {
		count = cpu->gpr[X86_RCX] & s.mask;
		if (!count)
			return X86_DONE;
		if (s.kind <= OUTS)
			res = block(r, &s, count, &done);
	}
	if (done)
		advance(&s, done);
	else if (res == X86_DONE)
		res = elements(r, &s, count, max_rep, &done);
	if (res != X86_DONE)
		return res;

	commit(r, &s, count - done);
	r->rflags = s.flags;
	if (done == count || (rep && ends(r, &s)))
		return X86_DONE;
	cpu->rflags = s.flags;
	return X86_AGAIN;
}
