// SPDX-License-Identifier: GPL-2.0-only
/* INS and OUTS with REP: many elements at once, as far as that is the same. */
#include "machine.h"

/* What the last block was, and how many of its elements are done. */
static struct x86_block seen;
static unsigned int blocks;
static u32 takes;
static enum x86_result gives;

static enum x86_result port_block(void *ctx, struct x86_block *b,
				  struct x86_exception *e)
{
	(void)ctx, (void)e;
	seen = *b;
	blocks++;
	b->n = takes < b->n ? takes : b->n;
	return gives;
}

static enum x86_result go_block(const char *bytes, unsigned int n)
{
	static struct x86_memory with;
	struct x86_insn insn;

	with = memory;
	with.block = port_block;
	blocks = 0;
	if (x86_decode(&insn, (const u8 *)bytes, n, cpu.mode))
		test_fail("not decoded");
	return x86_emulate(&cpu, &insn, &with, NULL, &ex, 1);
}

#define GO_BLOCK(bytes) go_block(bytes, sizeof(bytes) - 1)

static void block_reset(enum x86_mode mode, u64 at, u64 count)
{
	reset(mode);
	takes = 0x10000;
	gives = X86_DONE;
	cpu.gpr[X86_RSI] = cpu.gpr[X86_RDI] = at;
	cpu.gpr[X86_RCX] = count;
	cpu.gpr[X86_RDX] = 0x12345;
}

static void string_blocks(void)
{
	block_reset(X86_LONG64, 0x2ffe, 3);
	IS(GO_BLOCK("\xf3\x6e"), X86_AGAIN); /* rep outsb, to the page's end */
	IS(seen.n, 2);
	IS(seen.linear, 0x2ffe);
	IS(seen.size, 1);
	IS(seen.port, 0x2345);
	IS(seen.in | seen.down, false);
	IS(cpu.gpr[X86_RCX], 1);
	IS(cpu.gpr[X86_RSI], 0x3000);
	IS(cpu.rip, 0);
	IS(GO_BLOCK("\xf3\x6e"), X86_DONE);
	IS(cpu.gpr[X86_RSI], 0x3001);
	IS(cpu.rip, 2);
	IS(m.accesses, 0);
	IS(GO_BLOCK("\x6e"), X86_DONE); /* no string: no block */
	IS(blocks, 0);
	test_done("blocks", "as far as its page goes");

	block_reset(X86_LONG64, 0x3004, 5);
	cpu.rflags |= 0x400;
	IS(GO_BLOCK("\xf3\x6d"), X86_AGAIN); /* std; rep insl */
	IS(seen.n, 2);
	IS(seen.linear, 0x3004);
	IS(seen.down && seen.in, true);
	IS(cpu.gpr[X86_RDI], 0x2ffc);
	block_reset(X86_LONG64, 0x2ffe, 5);
	cpu.rflags |= 0x400;
	IS(GO_BLOCK("\xf3\x6d"), X86_AGAIN); /* over two pages: alone */
	IS(blocks, 0);
	IS(cpu.gpr[X86_RDI], 0x2ffa);
	IS(m.ins, 1);
	test_done("blocks", "downwards, and what lies over two pages");

	block_reset(X86_LONG64, 0x2000, 10);
	takes = 3; /* user space has made the count smaller */
	IS(GO_BLOCK("\xf3\x6c"), X86_AGAIN);
	IS(cpu.gpr[X86_RCX], 7);
	IS(cpu.gpr[X86_RDI], 0x2003);
	takes = 0; /* not here */
	IS(GO_BLOCK("\xf3\x6c"), X86_AGAIN);
	IS(cpu.gpr[X86_RCX], 6);
	IS(m.ins, 1);
	takes = 100;
	gives = X86_WAIT;
	IS(GO_BLOCK("\xf3\x6c"), X86_WAIT);
	gives = X86_FAULT;
	IS(GO_BLOCK("\xf3\x6c"), X86_FAULT);
	IS(cpu.gpr[X86_RCX], 6);
	IS(cpu.gpr[X86_RDI], 0x2004);
	cpu.rflags |= 0x100;
	IS(GO_BLOCK("\xf3\x6c"), X86_AGAIN); /* TF: step by step */
	IS(blocks, 0);
	test_done("blocks", "fewer done, none, a wait, a fault");

	block_reset(X86_REAL, 0xfffc, 8);
	cpu.seg[X86_ES].base = 0x100; /* not the end of a page */
	IS(GO_BLOCK("\xf3\x6d"), X86_AGAIN); /* past FFFF: alone */
	IS(blocks, 0);
	cpu.gpr[X86_RCX] = 1;
	IS(GO_BLOCK("\xf3\x6d"), X86_DONE);
	IS(blocks, 1);
	block_reset(X86_REAL, 1, 8);
	cpu.seg[X86_ES].base = 8;
	cpu.rflags |= 0x400;
	IS(GO_BLOCK("\xf3\x6c"), X86_AGAIN); /* below 0: alone */
	IS(blocks, 0);
	block_reset(X86_PROT32, 0x1000, 16);
	cpu.seg[X86_ES].limit = 0x1007;
	IS(GO_BLOCK("\xf3\x6c"), X86_AGAIN);
	IS(blocks, 0);
	cpu.gpr[X86_RDI] = 0x1008;
	IS(GO_BLOCK("\xf3\x6c"), X86_FAULT);
	IS(ex.vector, X86_GP);
	test_done("blocks", "not past the segment or the address size");
}

int main(void)
{
	string_blocks();
	return test_exit();
}
