// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a CPU in user space can't show: real mode, faults and waits at chosen
 * accesses, ports, races, wrapping.
 */
#include "machine.h"

static enum x86_result go(const char *bytes, unsigned int n, unsigned int max)
{
	struct x86_insn insn;

	if (x86_decode(&insn, (const u8 *)bytes, n, cpu.mode) ||
	    insn.len != n) {
		test_fail("not decoded");
		return X86_UNHANDLED;
	}
	replay.next = 0;
	return x86_emulate(&cpu, &insn, &memory, NULL, &ex, max);
}

#define GO(bytes) go(bytes, sizeof(bytes) - 1, 1000)

static void real_mode(void)
{
	reset(X86_REAL);
	cpu.gpr[X86_RBX] = 0xffff;
	IS(GO("\x89\x07"), X86_FAULT); /* mov %ax, (%bx) across the end */
	IS(ex.vector, X86_GP);
	IS(ex.has_error, false);
	cpu.rflags |= 1 << 17; /* virtual-8086 has an error code */
	IS(GO("\x89\x07"), X86_FAULT);
	IS(ex.has_error, true);
	test_done("emulate", "real mode: a word across offset FFFF");

	reset(X86_REAL);
	cpu.gpr[X86_RSP] = 1;
	IS(GO("\x50"), X86_FAULT); /* push %ax */
	IS(ex.vector, X86_SS_FAULT);
	IS(cpu.gpr[X86_RSP], 1);
	cpu.gpr[X86_RSP] = 0xabcd0000;
	cpu.gpr[X86_RAX] = 0x1234;
	IS(GO("\x50"), X86_DONE);
	IS(cpu.gpr[X86_RSP], 0xabcdfffe);
	IS(ram[0xffff], 0x12);
	test_done("emulate", "real mode: SP wraps, but no word across it");

	reset(X86_REAL);
	cpu.gpr[X86_RBX] = 0xabcdf000;
	cpu.gpr[X86_RSI] = 0x1010;
	cpu.gpr[X86_RAX] = 0x5a;
	cpu.seg[X86_DS].base = 0xffff0;
	IS(GO("\x88\x00"), X86_DONE); /* mov %al, (%bx,%si) */
	IS(m.last, 0x100000);
	IS(cpu.rip, 2);
	test_done("emulate", "real mode: the offset wraps, the sum doesn't");

	reset(X86_REAL);
	cpu.seg[X86_SS].base = 0x500;
	cpu.gpr[X86_RBP] = 0x10;
	IS(GO("\x88\x46\x01"), X86_DONE); /* mov %al, 1(%bp) */
	IS(m.last, 0x511);
	IS(GO("\x26\x88\x46\x01"), X86_DONE);
	IS(m.last, 0x11);
	IS(GO("\x67\x88\x45\xff"), X86_DONE); /* 32-bit addressing */
	IS(m.last, 0x50f);
	test_done("emulate", "real mode: BP goes through SS");
}

static void instruction_pointer(void)
{
	reset(X86_PROT32);
	cpu.rip = 0xfffffffe;
	IS(GO("\x31\xc0"), X86_DONE);
	IS(cpu.rip, 0);
	reset(X86_LONG64);
	cpu.rip = 0xfffffffe;
	IS(GO("\x31\xc0"), X86_DONE);
	IS(cpu.rip, 0x100000000);
	/* SDM 3B "Segment Wraparound": #GP at the next fetch, no wrap */
	reset(X86_REAL);
	cpu.rip = 0xfffe;
	IS(GO("\x31\xc0"), X86_DONE);
	IS(cpu.rip, 0x10000);
	test_done("emulate", "RIP at the end of the mode's addresses");

	reset(X86_LONG64);
	cpu.rflags |= 1 << 16;
	IS(GO("\x31\xc0"), X86_DONE);
	IS(cpu.rflags & 1 << 16, 0);
	cpu.rflags |= 1 << 16;
	m.fault_at = 0;
	IS(GO("\x89\x00"), X86_FAULT);
	IS(cpu.rflags & 1 << 16, 1 << 16);
	test_done("emulate", "RF ends with the instruction");
}

static void lock_prefix(void)
{
	static const struct {
		const char *b;
		u8 n;
		bool legal;
	} t[] = {
		{ "\xf0\x01\x00", 3, true }, { "\xf0\x01\xc0", 3, false },
		{ "\xf0\x03\x00", 3, false }, { "\xf0\x39\x00", 3, false },
		{ "\xf0\x83\x00\x01", 4, true },
		{ "\xf0\x83\x38\x01", 4, false },
		{ "\xf0\x89\x00", 3, false }, { "\xf0\x8b\x00", 3, false },
		{ "\xf0\xc6\x00\x01", 4, false },
		{ "\xf0\x87\x00", 3, true }, { "\xf0\x87\xc0", 3, false },
		{ "\xf0\x90", 2, false }, { "\xf0\xa4", 2, false },
		{ "\xf0\xf3\xab", 3, false }, { "\xf0\x84\x00", 3, false },
		{ "\xf0\xf6\x10", 3, true }, { "\xf0\xf6\x18", 3, true },
		{ "\xf0\xf6\x00\x01", 4, false },
		{ "\xf0\xfe\x00", 3, true }, { "\xf0\xff\x08", 3, true },
		{ "\xf0\xff\x30", 3, false }, { "\xf0\x8f\x00", 3, false },
		{ "\xf0\x0f\xa3\x00", 4, false },
		{ "\xf0\x0f\xab\x00", 4, true },
		{ "\xf0\x0f\xba\x20\x01", 5, false },
		{ "\xf0\x0f\xba\x28\x01", 5, true },
		{ "\xf0\x0f\xb1\x00", 4, true },
		{ "\xf0\x0f\xb1\xc0", 4, false },
		{ "\xf0\x0f\xc1\x00", 4, true },
		{ "\xf0\x0f\xc7\x08", 4, true },
		{ "\xf0\x0f\xb6\x00", 4, false },
		{ "\xf0\x0f\xc3\x00", 4, false },
		{ "\xf0\x50", 2, false }, { "\xf0\xa1\0\0\0\0\0\0\0\0", 10,
					    false },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(t); i++) {
		enum x86_result res;

		reset(X86_LONG64);
		res = go(t[i].b, t[i].n, 10);
		CHECK(res == (t[i].legal ? X86_DONE : X86_FAULT),
		      "case %u: result %d", i, res);
		CHECK(t[i].legal || (ex.vector == X86_UD && !ex.has_error),
		      "case %u: vector %d", i, ex.vector);
		CHECK(!t[i].legal || m.cmpxchgs == 1, "case %u: %d cmpxchg", i,
		      m.cmpxchgs);
	}
	test_done("emulate", "LOCK: legal where it is, #UD elsewhere");

	reset(X86_LONG64);
	ram[0] = 1;
	m.races = 3;
	cpu.gpr[X86_RCX] = 5;
	IS(GO("\xf0\x0f\xc1\x08"), X86_DONE); /* lock xadd %ecx, (%rax) */
	IS(ram[0], 0x36);
	IS(cpu.gpr[X86_RCX], 0x31);
	IS(m.cmpxchgs, 4);
	test_done("emulate", "LOCK: a lost race is run again from what was found");

	reset(X86_LONG64);
	m.races = 1;
	cpu.gpr[X86_RCX] = 5;
	IS(GO("\x87\x08"), X86_DONE); /* xchg %ecx, (%rax) */
	IS(cpu.gpr[X86_RCX], 0x10);
	IS(ram[0], 5);
	IS(m.cmpxchgs, 2);
	test_done("emulate", "XCHG locks without the prefix");

	reset(X86_LONG64);
	m.races = 1000;
	cpu.gpr[X86_RCX] = 5;
	IS(GO("\xf0\x0f\xc1\x08"), X86_AGAIN);
	IS(cpu.gpr[X86_RCX], 5);
	IS(cpu.rip, 0);
	IS(cpu.rflags, 2);
	test_done("emulate", "LOCK: no end of lost races ends in X86_AGAIN");
}

static void strings(void)
{
	reset(X86_LONG64);
	cpu.gpr[X86_RCX] = 10;
	cpu.gpr[X86_RDI] = 0x1000;
	cpu.gpr[X86_RAX] = 0x77;
	m.fault_from = 0x1006;
	m.fault_to = 0x2000;
	IS(GO("\xf3\xaa"), X86_AGAIN); /* rep stosb */
	IS(cpu.gpr[X86_RCX], 4);
	IS(cpu.gpr[X86_RDI], 0x1006);
	IS(cpu.rip, 0);
	IS(ram[0x1005], 0x77);
	IS(GO("\xf3\xaa"), X86_FAULT);
	IS(ex.address, 0x1006);
	IS(cpu.gpr[X86_RCX], 4);
	IS(cpu.gpr[X86_RDI], 0x1006);
	m.fault_to = 0;
	IS(GO("\xf3\xaa"), X86_DONE);
	IS(cpu.gpr[X86_RCX], 0);
	IS(cpu.rip, 2);
	test_done("emulate", "string: a fault in the middle is precise");

	reset(X86_LONG64);
	cpu.gpr[X86_RCX] = 10;
	cpu.gpr[X86_RSI] = 0x2001;
	cpu.gpr[X86_RDI] = 0x1000;
	cpu.rflags |= 0x400;
	IS(go("\xf3\x66\xa5", 3, 4), X86_AGAIN); /* std; rep movsw */
	IS(cpu.gpr[X86_RCX], 6);
	IS(cpu.gpr[X86_RSI], 0x1ff9);
	IS(cpu.gpr[X86_RDI], 0xff8);
	IS(go("\xf3\x66\xa5", 3, 6), X86_DONE);
	IS(cpu.gpr[X86_RDI], 0xfec);
	test_done("emulate", "string: at most max_rep elements, downwards");

	reset(X86_LONG64);
	cpu.gpr[X86_RCX] = 0xffffffff00000000;
	cpu.gpr[X86_RDI] = 0xffffffff00001000;
	IS(GO("\x67\xf3\xaa"), X86_DONE);
	IS(m.accesses, 0);
	IS(cpu.rip, 3);
	cpu.gpr[X86_RCX] = 0xffffffff00000001;
	IS(GO("\x67\xf3\xaa"), X86_DONE);
	IS(cpu.gpr[X86_RCX], 0);
	IS(cpu.gpr[X86_RDI], 0x1001);
	test_done("emulate", "string: count and pointers by address size");

	reset(X86_REAL);
	cpu.gpr[X86_RCX] = 0x50002;
	cpu.gpr[X86_RDI] = 0x6ffff;
	IS(GO("\xf3\xaa"), X86_DONE);
	IS(cpu.gpr[X86_RDI], 0x60001);
	IS(cpu.gpr[X86_RCX], 0x50000);
	test_done("emulate", "string: DI wraps in 16 bits, the rest stays");

	reset(X86_LONG64);
	memcpy(ram + 0x100, "aaaab", 5);
	cpu.gpr[X86_RCX] = 100;
	cpu.gpr[X86_RDI] = 0x100;
	cpu.gpr[X86_RAX] = 'a';
	IS(GO("\xf3\xae"), X86_DONE); /* repe scasb */
	IS(cpu.gpr[X86_RDI], 0x105);
	IS(cpu.gpr[X86_RCX], 95);
	IS(cpu.rflags & 0x40, 0);
	cpu.gpr[X86_RDI] = 0x100;
	cpu.gpr[X86_RAX] = 'b';
	IS(GO("\xf2\xae"), X86_DONE); /* repne scasb */
	IS(cpu.gpr[X86_RDI], 0x105);
	IS(cpu.rflags & 0x40, 0x40);
	test_done("emulate", "string: REPE and REPNE end where they must");

	reset(X86_LONG64);
	cpu.gpr[X86_RCX] = 10;
	m.wait_at = 5;
	IS(GO("\xf3\xa4"), X86_WAIT);
	IS(cpu.gpr[X86_RCX], 10);
	IS(cpu.gpr[X86_RDI], 0);
	test_done("emulate", "string: a wait keeps nothing");
}

static void ports(void)
{
	reset(X86_PROT32);
	cpu.gpr[X86_RCX] = 5;
	cpu.gpr[X86_RDI] = 0x3000;
	m.port_value = 0x40;
	m.fault_from = 0x3003;
	m.fault_to = 0x4000;
	IS(GO("\xf3\x6c"), X86_AGAIN); /* rep insb */
	IS(cpu.gpr[X86_RCX], 2);
	IS(m.ins, 3);
	IS(GO("\xf3\x6c"), X86_FAULT);
	IS(m.ins, 3); /* nothing taken from the port for nothing */
	IS(ram[0x3002], 0x42);
	m.fault_to = 0;
	IS(GO("\xf3\x6c"), X86_DONE);
	IS(ram[0x3004], 0x44);
	test_done("emulate", "INS reads no port before a fault");

	reset(X86_LONG64);
	memcpy(ram + 0x10, "\1\2\3\4\5\6\7\10", 8);
	cpu.gpr[X86_RCX] = 2;
	cpu.gpr[X86_RSI] = 0x10;
	IS(GO("\xf3\x48\x6f"), X86_DONE); /* rep outsd, REX.W means nothing */
	IS(cpu.gpr[X86_RSI], 0x18);
	IS(m.outs, 2);
	IS(m.port_log[1], 5);
	test_done("emulate", "OUTS has four bytes at most");
}

static void addresses(void)
{
	reset(X86_LONG64);
	cpu.gpr[X86_RAX] = 0x00ff000000000000;
	IS(GO("\x89\x08"), X86_FAULT);
	IS(ex.vector, X86_GP);
	IS(ex.error, 0);
	cpu.la57 = true;
	IS(GO("\x89\x08"), X86_DONE);
	cpu.gpr[X86_RBP] = 0x0100000000000000;
	IS(GO("\x89\x4d\x00"), X86_FAULT);
	IS(ex.vector, X86_SS_FAULT);
	cpu.gpr[X86_RSP] = 0x0100000000000010;
	IS(GO("\x50"), X86_FAULT);
	IS(ex.vector, X86_SS_FAULT);
	test_done("emulate", "48 and 57 bits are canonical");

	reset(X86_PROT32);
	cpu.seg[X86_DS].base = 0x10;
	cpu.gpr[X86_RAX] = 0xffffffee;
	cpu.gpr[X86_RCX] = 0x44332211;
	IS(GO("\x89\x08"), X86_DONE);
	IS(m.accesses, 4);
	IS(m.last, 1);
	IS(ram[0xfffe] | ram[0xffff] << 8 | ram[0] << 16 | ram[1] << 24,
	   0x44332211);
	test_done("emulate", "an operand that wraps at 4 GB comes byte by byte");

	reset(X86_LONG64);
	cpu.gpr[X86_RBX] = 8;
	IS(GO("\x48\x0f\xc7\x0b"), X86_FAULT);
	IS(ex.vector, X86_GP);
	test_done("emulate", "CMPXCHG16B is aligned");

	reset(X86_LONG64);
	cpu.rip = 0x1000;
	IS(GO("\x67\x8b\x05\x00\xf0\xff\xff"), X86_DONE);
	IS(m.last, 7);
	cpu.rip = 0x1000;
	cpu.seg[X86_GS].base = 0x20;
	IS(GO("\x65\xc7\x05\x00\xf0\xff\xff\x01\x00\x00\x00"), X86_DONE);
	IS(m.last, 0x2b);
	test_done("emulate", "RIP-relative counts from the next instruction");

	reset(X86_LONG64);
	cpu.gpr[X86_RSP] = 0x100;
	ram[0x100] = 0x99;
	IS(GO("\x8f\x04\x24"), X86_DONE); /* popq (%rsp) */
	IS(ram[0x108], 0x99);
	IS(cpu.gpr[X86_RSP], 0x108);
	IS(GO("\x5c"), X86_DONE); /* pop %rsp */
	IS(cpu.gpr[X86_RSP], 0x99);
	test_done("emulate", "POP addresses with the RSP it leaves");
}

/* SDM 3A "Code- and Data-Segment Descriptor Types", each of the sixteen. */
static void segments(void)
{
	unsigned int type;

	for (type = 0; type < 16; type++) {
		bool code = type & 8, two = type & 2;
		bool readable = !code || two, writable = !code && two;
		bool down = !code && type & 4;

		reset(X86_PROT32);
		cpu.seg[X86_DS].type = type;
		cpu.seg[X86_DS].limit = down ? 0xff : 0x200;
		cpu.gpr[X86_RBX] = 0x100;
		CHECK(GO("\x8b\x03") == (readable ? X86_DONE : X86_FAULT),
		      "type %u, read", type);
		CHECK(GO("\x89\x03") == (writable ? X86_DONE : X86_FAULT),
		      "type %u, write", type);
		CHECK(GO("\xf6\x1b") == (writable ? X86_DONE : X86_FAULT),
		      "type %u, read and write", type);
		cpu.gpr[X86_RBX] = down ? 0xff : 0x1fe;
		IS(GO("\x8b\x03"), X86_FAULT);
		IS(ex.vector, X86_GP);
		cpu.gpr[X86_RBX] = down ? 0xfffd : 0x1fd;
		cpu.seg[X86_DS].db = false;
		CHECK(GO("\x8b\x03") ==
		      (readable && !down ? X86_DONE : X86_FAULT),
		      "type %u, up to the limit", type);
	}
	test_done("emulate", "segment types and limits");

	reset(X86_PROT32);
	cpu.seg[X86_DS].unusable = true;
	cpu.seg[X86_SS].present = false;
	IS(GO("\x8b\x03"), X86_FAULT);
	IS(ex.vector, X86_GP);
	IS(GO("\x8b\x45\x00"), X86_FAULT);
	IS(ex.vector, X86_SS_FAULT);
	IS(GO("\x26\x8b\x45\x00"), X86_DONE);
	test_done("emulate", "a null segment is no segment");
}

static void unhandled(void)
{
	static const char *const t[] = { "\x0f\xa2", "\xf4", "\x0f\x10\x00",
					 "\xc5", "\xd8\x00", "\xe8\0\0\0\0",
					 "\xf7\x20" };
	static const u8 n[] = { 2, 1, 3, 1, 2, 5, 2 };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(t); i++) {
		struct x86_insn insn;

		reset(X86_LONG64);
		if (x86_decode(&insn, (const u8 *)t[i], n[i], cpu.mode))
			continue;
		CHECK(x86_emulate(&cpu, &insn, &memory, NULL, &ex, 1) ==
		      X86_UNHANDLED, "case %u", i);
		IS(m.accesses, 0);
	}
	test_done("emulate", "what isn't here is said to be unhandled");
}

int main(void)
{
	real_mode();
	instruction_pointer();
	lock_prefix();
	strings();
	ports();
	addresses();
	segments();
	unhandled();
	return test_exit();
}
