/* SPDX-License-Identifier: GPL-2.0-only */
/* Random instructions of each kind, with operands that mostly hit the arena. */

struct family {
	const char *name;
	u32 opcodes[16]; /* 0x0fxx, 0x0f38xx as struct x86_insn has them */
	u8 range; /* the first opcode is the first of that many */
	u8 weight;
	bool only64, string, stack, bits, accumulator, holes;
};

static const struct family families[] = {
	{ .name = "mov", .weight = 3, .holes = true,
	  .opcodes = { 0x88, 0x89, 0x8a, 0x8b, 0x8c, 0xa0, 0xa1, 0xa2, 0xa3,
		       0xc6, 0xc7 } },
	{ .name = "mov reg, imm", .opcodes = { 0xb0 }, .range = 16,
	  .weight = 1 },
	{ .name = "add to cmp", .opcodes = { 0x00 }, .range = 0x40,
	  .weight = 8, .holes = true },
	{ .name = "add to cmp imm", .opcodes = { 0x80, 0x81, 0x83 },
	  .weight = 4 },
	{ .name = "test, xchg", .weight = 3,
	  .opcodes = { 0x84, 0x85, 0x86, 0x87, 0xa8, 0xa9 } },
	{ .name = "xchg acc, nop", .opcodes = { 0x90 }, .range = 8,
	  .weight = 1 },
	{ .name = "not, neg, inc, dec, push", .weight = 3, .holes = true,
	  .opcodes = { 0xf6, 0xf7, 0xfe, 0xff } },
	{ .name = "inc, dec reg", .opcodes = { 0x40 }, .range = 16,
	  .weight = 1, .holes = true }, /* REX in 64-bit code */
	{ .name = "movzx, movsx", .weight = 2,
	  .opcodes = { 0x0fb6, 0x0fb7, 0x0fbe, 0x0fbf } },
	{ .name = "movsxd", .opcodes = { 0x63 }, .weight = 1, .only64 = true },
	{ .name = "movbe, movnti", .weight = 1, .holes = true,
	  .opcodes = { 0x0f38f0, 0x0f38f1, 0x0fc3 } },
	{ .name = "bt, bts, btr, btc", .weight = 4, .bits = true,
	  .opcodes = { 0x0fa3, 0x0fab, 0x0fb3, 0x0fbb, 0x0fba } },
	{ .name = "cmpxchg", .weight = 3, .accumulator = true, .holes = true,
	  .opcodes = { 0x0fb0, 0x0fb1, 0x0fc7 } },
	{ .name = "xadd", .weight = 1, .opcodes = { 0x0fc0, 0x0fc1 } },
	{ .name = "setcc", .opcodes = { 0x0f90 }, .range = 16, .weight = 1 },
	{ .name = "cmovcc", .opcodes = { 0x0f40 }, .range = 16, .weight = 1 },
	{ .name = "push, pop reg", .opcodes = { 0x50 }, .range = 16,
	  .weight = 2, .stack = true },
	{ .name = "push imm, pop r/m, push r/m", .weight = 3, .stack = true,
	  .opcodes = { 0x68, 0x6a, 0x8f, 0xff }, .holes = true },
	{ .name = "movs, cmps, stos, lods, scas", .weight = 8, .string = true,
	  .opcodes = { 0xa4, 0xa5, 0xa6, 0xa7, 0xaa, 0xab, 0xac, 0xad, 0xae,
		       0xaf } },
};

enum { L_CS16, L_FLAT, L_SMALL, L_DOWN32, L_RO, L_DOWN16, L_STACK16, L_CODE,
       L_TOP, L_COUNT };

/* Segments of the LDT, as modify_ldt() gets and the emulator sees them. */
static const struct {
	u32 base, limit;
	u8 contents; /* 0 data, 1 expand-down, 2 code */
	bool big, pages, ro;
} ldt[L_COUNT] = {
	[L_CS16] = { CODE, 0xffff, 2, false, false, false },
	[L_FLAT] = { 0, 0xfffff, 0, true, true, false },
	[L_SMALL] = { ARENA - 0x100, 0x1b77, 0, true, false, false },
	[L_DOWN32] = { ARENA - 0x1000, 0x1101, 1, true, false, false },
	[L_RO] = { ARENA - 0x800, 0xfffff, 0, true, true, true },
	[L_DOWN16] = { ARENA - 0x8000, 0x8203, 1, false, false, false },
	[L_STACK16] = { ARENA - 0x800, 0xffff, 0, false, false, false },
	[L_CODE] = { ARENA - 0x40, 0xffff, 2, true, false, false },
	/* the arena lies where offsets wrap from 4 GB to 0 */
	[L_TOP] = { ARENA + 0x1000, 0xfffff, 0, true, true, false },
};

static struct x86_segment segment(unsigned int k)
{
	struct x86_segment s = {
		.base = ldt[k].base,
		.limit = ldt[k].pages ? ldt[k].limit << 12 | 0xfff :
					ldt[k].limit,
		.selector = k << 3 | 7,
		.type = 1 | (ldt[k].ro ? 0 : 2) | ldt[k].contents << 2,
		.s = true, .present = true, .db = ldt[k].big, .dpl = 3,
	};

	return s;
}

static bool set_up_ldt(void)
{
	unsigned int k;

	for (k = 0; k < L_COUNT; k++) {
		struct user_desc d = {
			.entry_number = k,
			.base_addr = ldt[k].base,
			.limit = ldt[k].limit,
			.seg_32bit = ldt[k].big,
			.contents = ldt[k].contents,
			.read_exec_only = ldt[k].ro,
			.limit_in_pages = ldt[k].pages,
			.useable = 1,
		};

		if (syscall(SYS_modify_ldt, 0x11, &d, sizeof(d)))
			return false;
	}
	ldt_cs16 = L_CS16 << 3 | 7;
	ldt_cs32 = 0x23; /* the kernel's own flat 32-bit code segment */
	return true;
}

static void random_segments(struct x86_cpu *cpu)
{
	static const u8 stacks[] = { L_FLAT, L_FLAT, L_SMALL, L_DOWN32,
				     L_DOWN16, L_STACK16, L_STACK16, L_TOP };
	static const u8 data[] = { L_FLAT, L_FLAT, L_SMALL, L_DOWN32, L_RO,
				   L_DOWN16, L_STACK16, L_CODE, L_TOP };
	unsigned int k;

	for (k = 0; k < X86_SEGS; k++)
		cpu->seg[k] = (struct x86_segment){ .unusable = true };
	if (cpu->mode == X86_LONG64) {
		u16 s[4] = { S->host_es, 0x33, S->host_ss, S->host_ds };

		for (k = 0; k < 4; k++)
			cpu->seg[k].selector = s[k];
		cpu->seg[X86_GS].base = GS_BASE;
		return;
	}
	cpu->seg[X86_SS] = segment(stacks[rnd() % ARRAY_SIZE(stacks)]);
	if (rnd() % 16)
		cpu->seg[X86_DS] = segment(data[rnd() % ARRAY_SIZE(data)]);
	if (rnd() % 16)
		cpu->seg[X86_ES] = segment(data[rnd() % ARRAY_SIZE(data)]);
	if (cpu->mode == X86_PROT16) {
		cpu->seg[X86_CS] = segment(L_CS16);
	} else {
		cpu->seg[X86_CS] = segment(L_FLAT);
		cpu->seg[X86_CS].type = 11;
		cpu->seg[X86_CS].selector = ldt_cs32;
	}
}

static u64 random_value(void)
{
	static const u64 edges[] = {
		0, 1, ~0ULL, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff,
		0x7fffffff, 0x80000000, 0xffffffff, 0x7fffffffffffffff,
		0x8000000000000000, 0xffffffff00000000, 0xf, 0x10,
	};

	return rnd() & 1 ? rnd() : edges[rnd() % ARRAY_SIZE(edges)];
}

/* Mostly in the writable pages; now and then at an edge or beyond it. */
static u32 random_target(void)
{
	static const u32 edges[] = { 0, RW_PAGES * PAGE, ARENA_LEN, PAGE,
				     0x1a77, 0x101 };
	u64 r = rnd();

	switch (r & 15) {
	case 0:
	case 1:
		return ARENA + edges[(r >> 8) % ARRAY_SIZE(edges)] +
		       ((r >> 16) & 31) - 16;
	case 2:
		return ARENA + (r >> 8) % ARENA_LEN;
	default:
		return ARENA + 64 + (r >> 8) % (RW_PAGES * PAGE - 128);
	}
}

static unsigned int put_prefixes(const struct family *f, enum x86_mode mode,
				 u8 *b)
{
	static const u8 seg64[] = { 0x26, 0x2e, 0x36, 0x3e, 0x65, 0x65 };
	static const u8 seg32[] = { 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x26 };
	unsigned int n = 0;
	u64 r = rnd();

	if ((r & 3) == 0)
		b[n++] = 0x66;
	if (((r >> 2) & 3) == 0)
		b[n++] = 0x67;
	if (((r >> 4) & 7) == 0)
		b[n++] = (mode == X86_LONG64 ? seg64 : seg32)[(r >> 32) % 6];
	if (f->string ? (r >> 8) & 3 : !((r >> 8) & 63))
		b[n++] = (r >> 16) & 1 ? 0xf2 : 0xf3;
	if (((r >> 17) & 15) == 0)
		b[n++] = 0xf0;
	if (mode == X86_LONG64 && (r >> 21) % 3)
		b[n++] = 0x40 | ((r >> 24) & 15);
	return n;
}

static u64 linear_of(const struct x86_cpu *cpu, unsigned int seg, u64 offset)
{
	if (cpu->mode == X86_LONG64)
		return (seg >= X86_FS ? cpu->seg[seg].base : 0) + offset;
	return (u32)(cpu->seg[seg].base + offset);
}

/*
 * A register such that @seg:@reg is @target under the address size; garbage
 * above it, as what's there must not matter.
 */
static bool aim_register(struct x86_cpu *cpu, unsigned int reg,
			 unsigned int seg, u32 addrsize, u32 target)
{
	u64 mask = ~0ULL >> (64 - 8 * addrsize), v;

	v = target - (cpu->mode != X86_LONG64 || seg >= X86_FS ?
			      cpu->seg[seg].base : 0);
	if (cpu->mode != X86_LONG64)
		v = (u32)v;
	cpu->gpr[reg] = (v & mask) | (rnd() & ~mask);
	return linear_of(cpu, seg, v & mask) == target;
}

static bool aim_operand(struct x86_cpu *cpu, struct x86_insn *insn, u8 *b,
			unsigned int disp_at, u32 target)
{
	static const u8 base16[8] = { X86_RBX, X86_RBX, X86_RBP, X86_RBP,
				      X86_RSI, X86_RDI, X86_RBP, X86_RBX };
	unsigned int rm = insn->modrm & 7, base;
	u64 mask = ~0ULL >> (64 - 8 * insn->addrsize), delta;

	delta = target - x86_linear(cpu, insn);
	if (!insn->has_modrm) { /* moffs */
		delta += insn->disp;
		memcpy(b + disp_at, &delta, insn->addrsize);
	} else if (insn->addrsize == 2) {
		if (insn->modrm < 0x40 && rm == 6) {
			delta += insn->disp;
			memcpy(b + disp_at, &delta, 2);
		} else {
			base = base16[rm];
			cpu->gpr[base] += delta & mask;
		}
	} else {
		base = rm == 4 ? insn->sib & 7 : rm;
		if (base == 5 && insn->modrm < 0x40) {
			delta += insn->disp;
			memcpy(b + disp_at, &delta, 4);
		} else {
			cpu->gpr[base | (insn->rex & 1) << 3] += delta;
		}
	}
	return !x86_decode(insn, b, 15, cpu->mode) &&
	       x86_linear(cpu, insn) == target;
}

/* Around the end of the lower canonical half; never in the kernel's half. */
static void aim_not_canonical(struct x86_cpu *cpu, unsigned int reg)
{
	cpu->gpr[reg] = rnd() & 1 ? 0x7ffffffffff0 + (rnd() & 31) :
				    (rnd() >> 1) | 1ULL << 50;
}

static void aim_accumulator(struct world *w, const struct x86_insn *insn,
			    u32 target)
{
	u32 at = target - ARENA;

	if (!(rnd() & 1) || at > ARENA_LEN - 16)
		return;
	if (insn->opcode != 0x0fc7) {
		memcpy(&w->cpu.gpr[X86_RAX], w->mem + at, insn->opsize);
	} else if (insn->opsize == 8) {
		memcpy(&w->cpu.gpr[X86_RAX], w->mem + at, 8);
		memcpy(&w->cpu.gpr[X86_RDX], w->mem + at + 8, 8);
	} else {
		memcpy(&w->cpu.gpr[X86_RAX], w->mem + at, 4);
		memcpy(&w->cpu.gpr[X86_RDX], w->mem + at + 4, 4);
	}
}

static bool make_string(struct world *w, const struct x86_insn *insn)
{
	struct x86_cpu *cpu = &w->cpu;
	u64 mask = ~0ULL >> (64 - 8 * insn->addrsize);
	bool ok;

	cpu->gpr[X86_RCX] = (rnd() % 40 & mask) | (rnd() & ~mask);
	if (rnd() & 1)
		cpu->gpr[X86_RAX] = rnd() & 1 ? 0 : 0x0101010101010101;
	ok = aim_register(cpu, X86_RSI, insn->seg, insn->addrsize,
			  random_target());
	ok &= aim_register(cpu, X86_RDI, X86_ES, insn->addrsize,
			   random_target());
	if (insn->addrsize == 8 && !(rnd() & 63))
		aim_not_canonical(cpu, rnd() & 1 ? X86_RSI : X86_RDI);
	return ok || cpu->mode != X86_LONG64;
}

static void make_memory(struct world *w)
{
	static u8 template[ARENA_LEN];
	static bool made;
	unsigned int i;

	if (!made) {
		for (i = 0; i < RW_PAGES * PAGE; i++) /* runs of zeros and ones */
			template[i] = i & 0x200 ? (u8)rnd() : (i >> 6) & 1;
		memcpy(template + RW_PAGES * PAGE, arena + RW_PAGES * PAGE,
		       PAGE);
		made = true;
	}
	memcpy(w->mem, template, sizeof(w->mem));
}

static bool make_operand(const struct family *f, struct world *w,
			 struct x86_insn *insn, u8 *b, unsigned int after)
{
	struct x86_cpu *cpu = &w->cpu;
	u32 target = random_target();
	unsigned int disp_at = after;

	if (insn->has_modrm) {
		if (insn->modrm >= 0xc0)
			return true;
		disp_at++;
		if (insn->addrsize != 2 && (insn->modrm & 7) == 4)
			disp_at++;
	} else if (insn->opcode < 0xa0 || insn->opcode > 0xa3) {
		return true;
	}
	if (insn->opcode == 0x0fc7 && insn->opsize == 8 && rnd() % 4)
		target &= ~15;
	if (!aim_operand(cpu, insn, b, disp_at, target))
		return false;
	if (f->accumulator) {
		aim_accumulator(w, insn, target);
		return x86_linear(cpu, insn) == target;
	}
	if (insn->has_modrm && insn->addrsize == 8 && !(rnd() & 31) &&
	    !f->bits && (insn->modrm & 7) != 4 && (insn->modrm & 7) != 5) {
		aim_not_canonical(cpu, (insn->modrm & 7) |
				       (insn->rex & 1) << 3);
		insn->disp = 0;
		return insn->modrm < 0x40;
	}
	return true;
}

/* One random instruction of the family; false: this one can't be run. */
static bool make_case(const struct family *f, enum x86_mode mode,
		      struct world *w, struct x86_insn *insn, u8 *b)
{
	struct x86_cpu *cpu = &w->cpu;
	unsigned int i, n, k;
	u32 op;

	memset(&w->ex, 0, sizeof(w->ex));
	make_memory(w);
	cpu->mode = mode;
	cpu->cpl = 3;
	random_segments(cpu);
	cpu->rip = INSN - (u32)cpu->seg[X86_CS].base;
	cpu->rflags = 0x202 | (rnd() & (STATUS | DF));
	for (i = 0; i < 16; i++)
		cpu->gpr[i] = random_value();

	n = put_prefixes(f, mode, b);
	op = f->opcodes[0];
	if (f->range) {
		op += rnd() % f->range;
	} else {
		for (k = 1; k < 16 && f->opcodes[k]; k++)
			;
		op = f->opcodes[rnd() % k];
	}
	if (op > 0xffff)
		b[n++] = op >> 16;
	if (op > 0xff)
		b[n++] = op >> 8;
	b[n++] = op;
	for (i = n; i < 32; i++)
		b[i] = rnd() >> 56;
	if (op == 0x0fba)
		b[n] |= 0x20;
	if (op == 0x0fc7 || op == 0x8f)
		b[n] = (b[n] & 0xc7) | (op == 0x8f ? 0 : 8);
	if (op == 0xff && f->stack)
		b[n] |= 0x30;
	if (x86_decode(insn, b, 15, mode) || insn->opcode != op)
		return false;
	if (f->bits && op != 0x0fba) {
		k = ((insn->modrm >> 3) & 7) | (insn->rex & 4) << 1;
		cpu->gpr[k] = (u64)(s64)((int)(rnd() % 60000) - 30000);
	}
	/* MOVSXD with 66: Intel reads two bytes, AMD four */
	if (op == 0x63 && insn->opsize == 2)
		return false;
	if ((f->stack || op == 0xff) && !aim_register(cpu, X86_RSP, X86_SS,
				      mode == X86_LONG64 ? 8 :
				      cpu->seg[X86_SS].db ? 4 : 2,
				      random_target()))
		return false;
	if (f->string)
		return make_string(w, insn);
	return make_operand(f, w, insn, b, n);
}
