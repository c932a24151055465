// SPDX-License-Identifier: GPL-2.0-only
/*
 * libFuzzer: x86_decode() and x86_emulate() with any bytes and registers, and
 * memory that reads, faults and waits as the input says. Beyond no crash, no
 * undefined behaviour and an end:
 *  - a length lies within the bytes, and decoding exactly those gives the same;
 *  - registers change on X86_DONE and X86_AGAIN alone;
 *  - callbacks get sizes that the header names and never an operand that wraps;
 *  - X86_AGAIN comes from repeated strings and lost races alone.
 */
#include "../../module/x86/insn.h"
#include "fuzz.h"

struct input {
	u8 mode, max_rep, flags;
	u8 answers[8]; /* what the n-th access does */
	u8 bytes[16];
	u64 rflags, rip;
	u64 gpr[16];
	struct {
		u64 base;
		u32 limit;
		u8 type, bits;
	} __attribute__((packed)) seg[6];
} __attribute__((packed));

struct run {
	const struct input *in;
	unsigned int n;
	u64 value;
	bool long64;
};

static enum x86_result answer(struct run *r, u64 linear, u32 len,
			      struct x86_exception *ex)
{
	u8 a = r->in->answers[r->n++ % 8];

	MUST(len == 1 || len == 2 || len == 4 || len == 8 || len == 16);
	if (r->long64)
		MUST(linear <= -(u64)len);
	else
		MUST(linear + len <= 1ULL << 32);
	if ((a & 0xf0) == 0xf0) {
		*ex = (struct x86_exception){ .vector = X86_PF,
					      .has_error = true,
					      .address = linear };
		return X86_FAULT;
	}
	return (a & 0xf0) == 0xe0 ? X86_WAIT : X86_DONE;
}

static void fill(struct run *r, void *data, u32 len)
{
	u8 a = r->in->answers[r->n % 8];

	memset(data, a & 1 ? a : r->in->answers[0], len);
}

static enum x86_result do_read(void *ctx, u64 linear, void *data, u32 len,
			       struct x86_exception *ex)
{
	fill(ctx, data, len);
	return answer(ctx, linear, len, ex);
}

static enum x86_result do_write(void *ctx, u64 linear, const void *data,
				u32 len, struct x86_exception *ex)
{
	struct run *r = ctx;
	u8 copy[16];

	memcpy(copy, data, len);
	r->value ^= copy[0];
	return answer(ctx, linear, len, ex);
}

static enum x86_result do_cmpxchg(void *ctx, u64 linear, void *old,
				  const void *new, u32 len,
				  struct x86_exception *ex)
{
	struct run *r = ctx;
	u8 copy[16];

	memcpy(copy, new, len);
	r->value ^= copy[len - 1];
	if (r->in->answers[r->n % 8] & 2)
		fill(r, old, len);
	return answer(ctx, linear, len, ex);
}

static enum x86_result do_in(void *ctx, u16 port, void *data, u32 len,
			     struct x86_exception *ex)
{
	MUST(len <= 4);
	fill(ctx, data, len);
	return answer(ctx, port, len, ex);
}

static enum x86_result do_out(void *ctx, u16 port, const void *data, u32 len,
			      struct x86_exception *ex)
{
	u8 copy[16];

	MUST(len <= 4);
	memcpy(copy, data, len);
	return answer(ctx, port, len, ex);
}

static enum x86_result do_probe(void *ctx, u64 linear, u32 len,
				struct x86_exception *ex)
{
	return answer(ctx, linear, len, ex);
}

static void load(struct x86_cpu *cpu, const struct input *in)
{
	unsigned int k;

	memset(cpu, 0, sizeof(*cpu));
	cpu->mode = in->mode & 3;
	cpu->cpl = in->mode >> 2 & 3;
	cpu->la57 = in->mode & 16;
	cpu->rflags = in->rflags;
	cpu->rip = in->rip;
	for (k = 0; k < 16; k++)
		cpu->gpr[k] = in->gpr[k];
	for (k = 0; k < 6; k++)
		cpu->seg[k] = (struct x86_segment){
			.base = in->seg[k].base,
			.limit = in->seg[k].limit,
			.type = in->seg[k].type & 15,
			.present = in->seg[k].bits & 1,
			.db = in->seg[k].bits & 2,
			.unusable = in->seg[k].bits & 4,
			.s = true,
		};
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static const struct x86_memory memory = {
		.read = do_read, .write = do_write, .cmpxchg = do_cmpxchg,
		.in = do_in, .out = do_out, .probe = do_probe,
	};
	static const struct x86_memory no_probe = {
		.read = do_read, .write = do_write, .cmpxchg = do_cmpxchg,
		.in = do_in, .out = do_out,
	};
	struct x86_insn insn, again;
	struct x86_exception ex = { .vector = X86_NO_FAULT };
	struct x86_cpu cpu, before;
	struct input in = { 0 };
	struct run run = { .in = &in };
	enum x86_result res;
	unsigned int n;
	u8 *exact;
	int rc;

	memcpy(&in, data, size < sizeof(in) ? size : sizeof(in));
	load(&cpu, &in);
	run.long64 = cpu.mode == X86_LONG64;
	n = in.flags & 1 ? 16 : in.flags >> 4;
	exact = malloc(n ? n : 1);
	memcpy(exact, in.bytes, n);
	rc = x86_decode(&insn, exact, n, cpu.mode);
	MUST(rc == 0 || rc == -2 || (rc == -1 && n < 15));
	if (rc) {
		free(exact);
		return 0;
	}
	MUST(insn.len >= 1 && insn.len <= n && insn.len <= 15);
	MUST(!x86_decode(&again, exact, insn.len, cpu.mode));
	MUST(!memcmp(&insn, &again, sizeof(insn)));
	free(exact);

	before = cpu;
	res = x86_emulate(&cpu, &insn, in.flags & 2 ? &memory : &no_probe, &run,
			  &ex, in.max_rep);
	(void)x86_linear(&cpu, &insn);
	if (res != X86_DONE && res != X86_AGAIN)
		MUST(!memcmp(&cpu, &before, sizeof(cpu)));
	if (res == X86_FAULT)
		MUST(ex.vector != X86_NO_FAULT);
	if (res == X86_AGAIN) {
		MUST(cpu.rip == before.rip);
		MUST(insn.rep || insn.repne || insn.lock ||
		     (insn.opcode | 1) == 0x87);
	}
	return 0;
}
