// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a CPU in user space can't show: real mode, faults and waits at chosen
 * accesses, ports, races, wrapping. And two properties over random bytes:
 * registers change on X86_DONE and X86_AGAIN alone, and an instruction that has
 * to wait at every single access ends as one that never waits.
 */
#include "test.h"

#define RAM 0x10000u /* linear 0..ffff, the same again every 64K */

static u8 ram[RAM];

/* How memory behaves in this test, and what it saw. */
static struct {
	u64 fault_from, fault_to; /* linear addresses that fault */
	int wait_at; /* access that has to wait, -1 for none */
	int fault_at; /* access that faults, -1 for none */
	int accesses, ins, outs, probes, cmpxchgs, races;
	u64 last;
	u8 port_value;
	u8 port_log[64];
} m;

/* Answers already given, for an instruction that waited. */
static struct {
	bool on;
	int next, have;
	u8 data[4096][16];
} replay;

static struct x86_cpu cpu;
static struct x86_exception ex;

static enum x86_result gate(u64 linear, u32 len, bool write,
			    struct x86_exception *e)
{
	m.last = linear;
	if (linear + len > m.fault_from && linear < m.fault_to) {
		*e = (struct x86_exception){ .vector = X86_PF,
					     .has_error = true,
					     .error = write ? 2 : 0,
					     .address = linear };
		return X86_FAULT;
	}
	if (m.accesses++ == m.fault_at) {
		*e = (struct x86_exception){ .vector = X86_PF,
					     .has_error = true,
					     .error = write ? 2 : 0,
					     .address = linear };
		return X86_FAULT;
	}
	return X86_DONE;
}

/*
 * With replay on, the first access that isn't in the log is made, logged, and
 * waits; the log answers the others. True: *@res is the answer.
 */
static bool replayed(void *data, u32 len, enum x86_result *res)
{
	if (!replay.on)
		return false;
	if (replay.next < replay.have) {
		if (data)
			memcpy(data, replay.data[replay.next], len);
		replay.next++;
		*res = X86_DONE;
		return true;
	}
	return false;
}

static enum x86_result logged(const void *data, u32 len)
{
	if (!replay.on)
		return X86_DONE;
	if (data)
		memcpy(replay.data[replay.have], data, len);
	replay.have++;
	return X86_WAIT;
}

static void copy_out(u64 linear, void *data, u32 len)
{
	u32 i;

	for (i = 0; i < len; i++)
		((u8 *)data)[i] = ram[(linear + i) % RAM];
}

static void copy_in(u64 linear, const void *data, u32 len)
{
	u32 i;

	for (i = 0; i < len; i++)
		ram[(linear + i) % RAM] = ((const u8 *)data)[i];
}

static enum x86_result mem_read(void *ctx, u64 linear, void *data, u32 len,
				struct x86_exception *e)
{
	enum x86_result res;

	(void)ctx;
	if (replayed(data, len, &res))
		return res;
	res = gate(linear, len, false, e);
	if (res != X86_DONE)
		return res;
	if (m.wait_at >= 0 && m.accesses > m.wait_at)
		return X86_WAIT;
	copy_out(linear, data, len);
	return logged(data, len);
}

static enum x86_result mem_write(void *ctx, u64 linear, const void *data,
				 u32 len, struct x86_exception *e)
{
	enum x86_result res;

	(void)ctx;
	if (replayed(NULL, 0, &res))
		return res;
	res = gate(linear, len, true, e);
	if (res != X86_DONE)
		return res;
	if (m.wait_at >= 0 && m.accesses > m.wait_at)
		return X86_WAIT;
	copy_in(linear, data, len);
	return logged(NULL, 0);
}

static enum x86_result mem_cmpxchg(void *ctx, u64 linear, void *old,
				   const void *new, u32 len,
				   struct x86_exception *e)
{
	u8 found[16];
	enum x86_result res;

	(void)ctx;
	m.cmpxchgs++;
	if (replayed(old, len, &res))
		return res;
	res = gate(linear, len, true, e);
	if (res != X86_DONE)
		return res;
	if (m.wait_at >= 0 && m.accesses > m.wait_at)
		return X86_WAIT;
	if (m.races) { /* another CPU was faster */
		m.races--;
		ram[linear % RAM] += 0x10;
	}
	copy_out(linear, found, len);
	if (!memcmp(found, old, len))
		copy_in(linear, new, len);
	memcpy(old, found, len);
	return logged(old, len);
}

static enum x86_result port_in(void *ctx, u16 port, void *data, u32 len,
			       struct x86_exception *e)
{
	enum x86_result res;

	(void)ctx, (void)port, (void)e;
	if (replayed(data, len, &res))
		return res;
	m.ins++;
	memset(data, m.port_value++, len);
	return logged(data, len);
}

static enum x86_result port_out(void *ctx, u16 port, const void *data, u32 len,
				struct x86_exception *e)
{
	enum x86_result res;

	(void)ctx, (void)port, (void)e;
	if (replayed(NULL, 0, &res))
		return res;
	m.port_log[m.outs++ % 64] = *(const u8 *)data;
	(void)len;
	return logged(NULL, 0);
}

static enum x86_result mem_probe(void *ctx, u64 linear, u32 len,
				 struct x86_exception *e)
{
	(void)ctx;
	m.probes++;
	if (linear + len <= m.fault_from || linear >= m.fault_to)
		return X86_DONE;
	*e = (struct x86_exception){ .vector = X86_PF, .has_error = true,
				     .error = 2, .address = linear };
	return X86_FAULT;
}

static const struct x86_memory memory = {
	.read = mem_read, .write = mem_write, .cmpxchg = mem_cmpxchg,
	.in = port_in, .out = port_out, .probe = mem_probe,
};

static void reset(enum x86_mode mode)
{
	unsigned int k;

	memset(&m, 0, sizeof(m));
	m.wait_at = -1;
	m.fault_at = -1;
	memset(&replay, 0, offsetof(typeof(replay), data));
	memset(ram, 0, sizeof(ram));
	memset(&ex, 0, sizeof(ex));
	memset(&cpu, 0, sizeof(cpu));
	cpu.mode = mode;
	cpu.rflags = 2;
	for (k = 0; k < X86_SEGS; k++)
		cpu.seg[k] = (struct x86_segment){
			.limit = mode == X86_REAL ? 0xffff : 0xffffffff,
			.type = k == X86_CS ? 11 : 3, .s = true,
			.present = true, .db = mode == X86_PROT32,
		};
}

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
#define IS(expr, v) \
	CHECK((u64)(expr) == (u64)(v), "%d: %s is %llx", __LINE__, #expr, \
	      (unsigned long long)(expr))

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
	test_done("emulate", "registers stay unless something was done");
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
	test_done("emulate", "waiting at every access ends the same");
}

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
	test_done("emulate", "block: as far as its page goes");

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
	test_done("emulate", "block: downwards, and what lies over two pages");

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
	test_done("emulate", "block: fewer done, none, a wait, a fault");

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
	test_done("emulate", "block: not past the segment or the address size");
}

int main(void)
{
	test_seed_from_env();
	real_mode();
	instruction_pointer();
	lock_prefix();
	strings();
	string_blocks();
	ports();
	addresses();
	segments();
	unhandled();
	nothing_by_halves(300000);
	waits_end_the_same(20000);
	return test_exit();
}
