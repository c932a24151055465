// SPDX-License-Identifier: GPL-2.0-only
/*
 * Two properties over random bytes: registers change on X86_DONE and X86_AGAIN
 * alone, and an instruction that has to wait at every single access ends as one
 * that never waits.
 */
#include "machine.h"

static const char *hex(const u8 *b, unsigned int n)
{
	static char s[64];
	unsigned int i;

	for (i = 0; i < n; i++)
		sprintf(s + 3 * i, "%02x ", b[i]);
	return s;
}

/* Bytes that are an instruction, more often one that is emulated. */
static bool random_insn(struct x86_insn *insn, u8 *b, enum x86_mode mode)
{
	static const u8 lead[] = { 0xf0, 0xf3, 0xf2, 0x66, 0x67, 0x48, 0x0f,
				   0x65 };
	unsigned int i = 0, k;

	for (k = rnd() & 3; k; k--)
		b[i++] = lead[rnd() & 7];
	for (; i < 16; i++)
		b[i] = rnd() >> 40;
	return !x86_decode(insn, b, 15, mode);
}

static void random_cpu(enum x86_mode mode)
{
	unsigned int k;

	reset(mode);
	for (k = 0; k < X86_GPRS; k++)
		cpu.gpr[k] = rnd() & (rnd() & 1 ? 0xff : 0xffff7fff7fff);
	cpu.gpr[X86_RCX] &= 0x1f;
	cpu.rflags |= rnd() & 0xcd5;
	for (k = 0; k < X86_SEGS && mode != X86_LONG64; k++) {
		cpu.seg[k].base = rnd() & 0xffff0;
		if (mode != X86_REAL && k != X86_CS && !(rnd() & 7))
			cpu.seg[k].type = rnd() & 15;
	}
	for (k = 0; k < RAM; k += 8) {
		u64 v = k & 0x800 ? 0 : k;

		memcpy(ram + k, &v, 8);
	}
}

/* Registers are as before unless something was done. */
static void nothing_by_halves(unsigned long count)
{
	unsigned long stopped = 0;

	while (count--) {
		enum x86_mode mode = rnd() & 3;
		enum x86_result res;
		struct x86_insn insn;
		struct x86_cpu before;
		u8 b[16];

		if (!random_insn(&insn, b, mode))
			continue;
		if (!(count & 15))
			random_cpu(mode);
		else
			cpu.mode = mode;
		m.accesses = 0;
		m.fault_at = rnd() % 5;
		m.wait_at = rnd() & 1 ? (int)(rnd() % 4) : -1;
		before = cpu;
		res = x86_emulate(&cpu, &insn, &memory, NULL, &ex, 3);
		if (res == X86_DONE || res == X86_AGAIN)
			continue;
		stopped += res != X86_UNHANDLED;
		CHECK(!memcmp(&before, &cpu, sizeof(cpu)),
		      "%s: result %d, registers changed", hex(b, insn.len),
		      res);
	}
	CHECK(stopped > 1000, "only %lu stopped", stopped);
	test_done("random", "registers stay unless something was done");
}

/* Wait at every access, run again from the start: the same end. */
static void waits_end_the_same(unsigned long count)
{
	static u8 first[RAM], direct[RAM];
	unsigned long waited = 0;

	random_cpu(X86_LONG64);
	memcpy(first, ram, RAM);
	while (count--) {
		enum x86_mode mode = rnd() & 3;
		struct x86_cpu before, plain;
		enum x86_result res, want;
		struct x86_insn insn;
		unsigned int outs;
		u8 b[16];

		if (!random_insn(&insn, b, mode))
			continue;
		random_cpu(mode);
		memcpy(ram, first, RAM);
		before = cpu;
		want = x86_emulate(&cpu, &insn, &memory, NULL, &ex, 50);
		if (want != X86_DONE)
			continue;
		plain = cpu;
		outs = m.outs + m.ins;
		memcpy(direct, ram, RAM);

		memcpy(ram, first, RAM);
		m.outs = m.ins = m.port_value = 0;
		replay.on = true;
		replay.have = 0;
		do {
			cpu = before;
			replay.next = 0;
			res = x86_emulate(&cpu, &insn, &memory, NULL, &ex, 50);
			waited += res == X86_WAIT;
		} while (res == X86_WAIT && replay.have < 1000);
		replay.on = false;
		CHECK(res == want && !memcmp(&cpu, &plain, sizeof(cpu)),
		      "%s: registers or result %d", hex(b, insn.len), res);
		CHECK(!memcmp(ram, direct, RAM), "%s: memory",
		      hex(b, insn.len));
		CHECK((unsigned int)(m.outs + m.ins) == outs,
		      "%s: ports touched twice", hex(b, insn.len));
	}
	CHECK(waited > 1000, "only %lu waits", waited);
	test_done("random", "waiting at every access ends the same");
}

int main(void)
{
	test_seed_from_env();
	nothing_by_halves(300000);
	waits_end_the_same(20000);
	return test_exit();
}
