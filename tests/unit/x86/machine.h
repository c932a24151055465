/* SPDX-License-Identifier: GPL-2.0-only */
/* A CPU, its memory and its ports, which fault, wait and lose races where a test wants it. */
#ifndef VINTC_TESTS_X86_MACHINE_H
#define VINTC_TESTS_X86_MACHINE_H

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

#define IS(expr, v) \
	CHECK((u64)(expr) == (u64)(v), "%d: %s is %llx", __LINE__, #expr, \
	      (unsigned long long)(expr))

#endif
