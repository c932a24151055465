// SPDX-License-Identifier: GPL-2.0-only
/*
 * Guests that are nobody's friends: random code in every mode, on random page and
 * descriptor tables, with MSRs, ports, APICs and control registers to play with,
 * while interrupts, NMIs, INITs and SIPIs rain on them. Each must come to an end
 * that the interface defines; what state it leaves can be read and set again; and
 * the host lives on, as a well-behaved guest after the last one shows.
 *
 *	DEV=/dev/vintc [SEED=n] [RUNS=200] [FIRST=0] [MS=3] hostile
 *
 * A run is made of SEED and its number alone, but for when what comes from
 * outside comes: FIRST=n RUNS=1 is the one that a failure names. MS: how long it
 * may take.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "vm.h"

#define RAM 0x40000u
#define TABLES 0x1000u /* a page for each level */
#define IDT 0x6000u
#define GDT 0x7000u
#define CODE 0x8000u
#define CODE_END 0x20000u
#define EXITS 400 /* of a vCPU, at most */
#define CPUS 2

static u64 seed;

static u64 next(void)
{
	u64 z = seed += 0x9e3779b97f4a7c15ull;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

static u32 below(u32 n)
{
	return (next() >> 33) % n;
}

#define ONE_OF(list) ((list)[below(sizeof(list) / sizeof(*(list)))])

/* ---- what it is made of ---- */

enum mode { REAL, VIRTUAL, PROTECTED, PAGING, PAE, LONG, COMPATIBLE, MODES };

struct cpu {
	struct victim *vm;
	int fd;
	struct kvm_run *run;
	pthread_t thread;
	u64 noise; /* its own random numbers: threads share none */
	volatile bool over;
};

struct victim {
	int dev, fd;
	size_t run_size;
	u8 *ram;
	struct kvm_cpuid2 *cpuid;
	bool irqchip, split;
	u32 ncpus;
	u32 ms;
	volatile bool stop;
	struct cpu cpu[CPUS];
};

static u64 reasons[64];
static u64 ended_by_time, ended_by_exits;
static const char *wrong; /* the first thing that must not be */
static long wrong_value;

static void must_not(const char *what, long value)
{
	if (__sync_bool_compare_and_swap(&wrong, NULL, what))
		wrong_value = value;
}

static const u32 msrs[] = {
	0x10, 0x1b, 0x3a, 0x3b, 0x48, 0x49, 0x8b, 0xc1, 0xfe, 0x10b, 0x174, 0x175, 0x176, 0x179, 0x17a, 0x186, 0x198, 0x1a0,
	0x1d9, 0x200, 0x20f, 0x250, 0x26f, 0x277, 0x2ff, 0x345, 0x38f, 0x400, 0x480, 0x48b, 0x6e0, 0x802, 0x808, 0x80b, 0x80d,
	0x80f, 0x828, 0x82f, 0x830, 0x832, 0x835, 0x838, 0x839, 0x83e, 0x83f, 0xda0, 0xc0000080, 0xc0000081, 0xc0000082,
	0xc0000083, 0xc0000084, 0xc0000100, 0xc0000101, 0xc0000102, 0xc0000103, 0xc0010015, 0xc001001f, 0xc0010063, 0xc0010114,
	0xc0010117, 0xc0011029, 0x4b564d00, 0x4b564d01, 0x4b564d02, 0x4b564d03, 0x4b564d04, 0x4b564d05, 0x40000000, 0x40000073,
};
static const u16 ports[] = {
	0x20, 0x21, 0xa0, 0xa1, 0x40, 0x41, 0x42, 0x43, 0x61, 0x4d0, 0x4d1, 0x60, 0x64, 0x70, 0x71, 0x80, 0x92, 0xcf8, 0xcfc,
	0x3f8, 0x510, 0xb2, 0x402, 0x600,
};

static u8 *put(u8 *p, const void *bytes, u32 n)
{
	memcpy(p, bytes, n);
	return p + n;
}

#define PUT(p, ...) put(p, (const u8[]){ __VA_ARGS__ }, sizeof((const u8[]){ __VA_ARGS__ }))

static u8 *put32(u8 *p, u32 v) { return put(p, &v, 4); }

static u32 address(void)
{
	switch (below(6)) {
	case 0:
		return 0xfee00000 + (below(0x44) << 4);
	case 1:
		return 0xfec00000 + below(5) * 0x10;
	case 2:
		return next();
	default:
		return below(RAM + 0x1000);
	}
}

/* One thing to do; written for 32 and 64 bits, in 16 it is another thing. */
static u8 *insn(u8 *p)
{
	static const u8 plain[][4] = {
		{ 0x90 }, { 0xf4 }, { 0xfa }, { 0xfb }, { 0xcf }, { 0x9d }, { 0x9c }, { 0xcc }, { 0xf1 }, { 0xce }, { 0xfc }, { 0xfd },
		{ 0x0f, 0x06 }, { 0x0f, 0x08 }, { 0x0f, 0x09 }, { 0x0f, 0x0b }, { 0x0f, 0xa2 }, { 0x0f, 0x31 }, { 0x0f, 0x33 },
		{ 0x0f, 0x34 }, { 0x0f, 0x35 }, { 0x0f, 0x05 }, { 0x0f, 0x07 }, { 0x0f, 0xaa }, { 0x0f, 0x77 }, { 0xdb, 0xe3 },
		{ 0x9b }, { 0xf3, 0x90 }, { 0x0f, 0x01, 0xc1 }, { 0x0f, 0x01, 0xd9 }, { 0x0f, 0x01, 0xc2 }, { 0x0f, 0x01, 0xc4 },
		{ 0x0f, 0x01, 0xd8 }, { 0x0f, 0x01, 0xda }, { 0x0f, 0x01, 0xdb }, { 0x0f, 0x01, 0xdc }, { 0x0f, 0x01, 0xdd },
		{ 0x0f, 0x01, 0xde }, { 0x0f, 0x01, 0xdf }, { 0x0f, 0x01, 0xc8 }, { 0x0f, 0x01, 0xc9 }, { 0x0f, 0x01, 0xd1 },
		{ 0x0f, 0x01, 0xf8 }, { 0x0f, 0x01, 0xf9 }, { 0x0f, 0x01, 0xee }, { 0x0f, 0x01, 0xef }, { 0x0f, 0x01, 0xca },
		{ 0xf3, 0xa4 }, { 0xf3, 0xaa }, { 0xf3, 0x6c }, { 0xf3, 0x6e }, { 0xf3, 0xa5 }, { 0xac }, { 0xaa }, { 0xa7 },
		{ 0x0f, 0x00, 0xd0 }, { 0x0f, 0x00, 0xd8 }, { 0x0f, 0x01, 0xf0 }, { 0x8e, 0xd8 }, { 0x8e, 0xd0 }, { 0x8e, 0xe0 },
		{ 0x0f, 0xae, 0xf0 }, { 0xf0, 0x0f, 0xb1, 0x0f }, { 0x87, 0x07 }, { 0x0f, 0xab, 0x07 }, { 0x60 }, { 0x61 },
		{ 0xc3 }, { 0xcb }, { 0x48, 0xcf }, { 0x0f, 0xc7, 0x37 }, { 0xf3, 0x0f, 0xc7, 0x37 }, { 0x0f, 0xc7, 0x0f },
	};
	const u8 *q;
	u32 n;

	switch (below(14)) {
	case 0: /* RDMSR, WRMSR */
		p = put32(PUT(p, 0xb9), below(4) ? ONE_OF(msrs) : below(2) ? 0x800 + below(0x40) : (u32)next());
		p = put32(PUT(p, 0xb8), below(2) ? below(0x1000) | below(2) << 31 : (u32)next());
		if (below(2))
			p = PUT(p, 0x31, 0xd2); /* EDX := 0 */
		return PUT(p, 0x0f, below(3) ? 0x30 : 0x32);
	case 1: /* CPUID */
		p = put32(PUT(p, 0xb8), below(4) << 30 | below(0x24));
		return PUT(p, 0x31, 0xc9, 0x0f, 0xa2);
	case 2: /* IN, OUT */
		n = below(4) ? ONE_OF(ports) : next() & 0xffff;
		p = put32(PUT(p, 0xba), n);
		return PUT(p, 0xe4 + below(4) + 8 * below(2), below(256));
	case 3:
		p = put32(PUT(p, 0xba), ONE_OF(ports));
		return PUT(p, 0xec + below(4));
	case 4: /* a load or store at a fixed place */
		p = put32(PUT(p, 0xbf), address());
		return PUT(p, 0x88 + below(4), 0x07);
	case 5:
		p = put32(PUT(p, 0xbf), address());
		p = put32(PUT(p, 0xbe), address());
		p = put32(PUT(p, 0xb9), below(2) ? below(64) : (u32)next());
		return PUT(p, below(2) ? 0xf3 : 0xf2, 0xa4 + below(12));
	case 6: /* MOV to or from a control or debug register; QEMU ends by a failed assertion when exceptions meet watchpoints */
		n = below(4);
		return PUT(p, 0x0f, 0x20 + (is_intel() ? n : n & 2), 0xc0 | below(64));
	case 7:
		p = put32(PUT(p, 0xb8), below(2) ? (u32)next() : 0x80000011u ^ 1u << below(32));
		return PUT(p, 0x0f, 0x22, 0xc0 | below(5) << 3);
	case 8: /* LGDT, LIDT, LMSW, INVLPG, ... */
		return PUT(p, 0x0f, below(2), below(64) | below(4) << 6, below(256), below(256), 0, 0);
	case 9: /* INT, far jumps */
		if (below(2))
			return PUT(p, 0xcd, below(256));
		p = put32(PUT(p, below(2) ? 0xea : 0x9a), CODE + below(0x1000));
		return PUT(p, below(16) << 3 | below(4), 0);
	case 10: /* a jump backwards or onwards */
		return PUT(p, 0x70 + below(16), below(256));
	case 11:
		for (n = below(8); n; n--)
			*p++ = next();
		return p;
	default:
		q = ONE_OF(plain);
		for (n = 4; n > 1 && !q[n - 1]; n--)
			;
		return put(p, q, n);
	}
}

static void fill(u8 *ram, enum mode mode)
{
	u64 *words = (u64 *)ram, entry, bits = 7 | (below(2) ? 0x60 : 0);
	u8 *p = ram + CODE;

	for (u32 i = 0; i < RAM / 8; i++)
		words[i] = below(4) ? next() : 0;
	while (p < ram + CODE_END)
		p = insn(p);
	/* Gates that lead into the code, most of them. */
	for (u32 v = 0; v < 256; v++) {
		u64 to = CODE + below(0x1000);

		if (below(8)) {
			words[(mode == LONG || mode == COMPATIBLE ? 2 : 1) * v + IDT / 8] =
				(to & 0xffff) | (mode == LONG ? 0x10ull : 0x08ull) << 16 | (0x8eull | below(2)) << 40;
			if (mode == REAL)
				((u32 *)ram)[v] = to;
		}
	}
	words[GDT / 8] = 0;
	words[GDT / 8 + 1] = 0x00cf9b000000ffffull; /* 32-bit code */
	words[GDT / 8 + 2] = 0x00af9b000000ffffull; /* 64-bit code */
	words[GDT / 8 + 3] = 0x00cf93000000ffffull;
	/* What is mapped is mapped one to one; some of it isn't, or is nonsense. */
	if (mode == PAGING) {
		for (u32 i = 0; i < 1024; i++)
			((u32 *)(ram + TABLES))[i] = i << 22 | 0x80 | bits;
	} else {
		u64 *level = (u64 *)(ram + TABLES);

		entry = TABLES + 0x1000;
		memset(level, 0, 0x1000);
		level[0] = entry | (mode == PAE ? 1 : bits);
		if (mode == PAE)
			level[1] = level[2] = level[3] = entry | 1;
		level += 512;
		if (mode == PAE) {
			for (u32 i = 0; i < 512; i++)
				level[i] = (u64)i << 21 | 0x80 | bits;
		} else {
			for (u32 i = 0; i < 512; i++)
				level[i] = (entry + 0x1000) | bits;
			level += 512;
			for (u32 i = 0; i < 512; i++)
				level[i] = (u64)i << 21 | 0x80 | bits;
		}
	}
	for (u32 n = below(3) ? 0 : below(64); n; n--)
		ram[TABLES + below(0x3000)] ^= 1 << below(8);
}

static void segments(struct kvm_sregs *s, enum mode mode)
{
	struct kvm_segment code = { .base = 0, .limit = 0xffffffff, .selector = 8, .type = 11, .present = 1, .s = 1,
				    .db = mode != LONG, .l = mode == LONG, .g = 1 };
	struct kvm_segment data = code;

	if (mode == LONG)
		code.selector = 16;
	data.type = 3;
	data.selector = 24;
	data.l = 0;
	data.db = 1;
	if (mode == VIRTUAL) {
		code = data = (struct kvm_segment){ .limit = 0xffff, .type = 3, .present = 1, .s = 1, .dpl = 3 };
	} else if (mode == REAL) {
		code = data = (struct kvm_segment){ .limit = 0xffff, .type = 3, .present = 1, .s = 1 };
		code.type = 11;
	}
	s->cs = code;
	s->ds = s->es = s->fs = s->gs = s->ss = data;
	s->gdt.base = GDT;
	s->gdt.limit = 0x1f;
	s->idt.base = mode == REAL ? 0 : IDT;
	s->idt.limit = mode == REAL ? 0x3ff : below(8) ? 0xfff : below(256);
}

static void set_up(struct cpu *c, enum mode mode)
{
	struct kvm_regs r;
	struct kvm_sregs s, odd;
	struct kvm_vcpu_events ev;
	u64 *gpr = (u64 *)&r;
	long e;

	must(c->fd, KVM_GET_SREGS, &s);
	segments(&s, mode);
	/* QEMU's CPU gives up over a TSS that it hasn't itself made busy, or that is none. */
	if (!is_intel())
		s.tr.type = 9;
	s.cr3 = TABLES;
	s.cr4 = below(2) ? 0x620 : 0x20 | below(2) << 18;
	s.cr0 = mode == REAL ? 0x10 : mode <= PROTECTED ? 0x11 : 0x80000011;
	if (mode == PAGING)
		s.cr4 |= 0x10, s.cr4 &= ~0x20ull;
	s.efer = mode >= LONG ? 0xd00 | below(2) : 0;
	if (try(c->fd, KVM_SET_SREGS, &s)) {
		s.cr4 = mode == PAGING ? 0x10 : 0x20; /* what CPUID may lack */
		s.efer &= ~0x801ull;
		must(c->fd, KVM_SET_SREGS, &s);
	}
	/* One bit of it otherwise: refused, or taken. */
	if (!below(3)) {
		odd = s;
		((u8 *)&odd)[below(sizeof(odd))] ^= 1 << below(8);
		if (!is_intel())
			odd.tr = s.tr;
		e = try(c->fd, KVM_SET_SREGS, &odd);
		if (e && e != -EINVAL)
			must_not("KVM_SET_SREGS", e);
		if (!e && below(2))
			must(c->fd, KVM_SET_SREGS, &s);
	}
	must(c->fd, KVM_GET_REGS, &r);
	for (u32 i = 0; i < 16; i++)
		gpr[i] = below(2) ? next() : address();
	r.rsp = below(8) ? RAM - 0x100 : next();
	r.rip = CODE;
	r.rflags = 2 | (below(2) ? 0x200 : 0) | (mode == VIRTUAL ? 0x20000 | below(4) << 12 : 0);
	if (!below(8))
		r.rflags |= next() & 0x257fd5;
	must(c->fd, KVM_SET_REGS, &r);
	if (!below(8)) {
		must(c->fd, KVM_GET_VCPU_EVENTS, &ev);
		ev.exception.injected = 1;
		ev.exception.nr = below(256);
		ev.exception.has_error_code = below(2);
		e = try(c->fd, KVM_SET_VCPU_EVENTS, &ev);
		if (e && e != -EINVAL)
			must_not("KVM_SET_VCPU_EVENTS", e);
	}
	if (!below(8)) {
		struct kvm_guest_debug d = { .control = KVM_GUESTDBG_ENABLE | (below(2) ? KVM_GUESTDBG_SINGLESTEP : KVM_GUESTDBG_USE_SW_BP) };

		must(c->fd, KVM_SET_GUEST_DEBUG, &d);
	}
}

static void create(struct victim *v)
{
	struct kvm_userspace_memory_region m = { .memory_size = RAM, .userspace_addr = (u64)v->ram };
	struct kvm_enable_cap cap = { .cap = KVM_CAP_SPLIT_IRQCHIP, .args = { 24 } };
	struct kvm_pit_config pit = { 0 };
	enum mode mode;

	v->fd = ioctl(v->dev, KVM_CREATE_VM, 0);
	if (v->fd < 0)
		fail("KVM_CREATE_VM: errno %d", errno);
	must(v->fd, KVM_SET_TSS_ADDR, 0xfffbd000);
	must(v->fd, KVM_SET_USER_MEMORY_REGION, &m);
	v->irqchip = below(4);
	v->split = v->irqchip && !below(4);
	v->ncpus = v->irqchip ? 1 + below(CPUS) : 1;
	v->stop = false;
	if (v->split)
		must(v->fd, KVM_ENABLE_CAP, &cap);
	else if (v->irqchip)
		must(v->fd, KVM_CREATE_IRQCHIP, 0);
	if (v->irqchip && !v->split && below(2))
		must(v->fd, KVM_CREATE_PIT2, &pit);
	mode = below(MODES);
	fill(v->ram, mode);
	for (u32 i = 0; i < v->ncpus; i++) {
		struct cpu *c = &v->cpu[i];

		*c = (struct cpu){ .vm = v, .noise = next() };
		c->fd = ioctl(v->fd, KVM_CREATE_VCPU, i);
		if (c->fd < 0)
			fail("KVM_CREATE_VCPU: errno %d", errno);
		c->run = mmap(NULL, v->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, c->fd, 0);
		if (c->run == MAP_FAILED)
			fail("mmap: errno %d", errno);
		if (below(8))
			must(c->fd, KVM_SET_CPUID2, v->cpuid);
		if (i && v->irqchip && below(2))
			continue; /* it waits for INIT and SIPI */
		if (i) {
			struct kvm_mp_state mp = { .mp_state = KVM_MP_STATE_RUNNABLE };

			must(c->fd, KVM_SET_MP_STATE, &mp);
		}
		set_up(c, mode);
	}
}

/* ---- its life ---- */

static u64 noise(struct cpu *c)
{
	return c->noise = c->noise * 6364136223846793005ull + 1442695040888963407ull;
}

static void scribble(struct cpu *c, u8 *to, size_t n)
{
	while (n--)
		*to++ = noise(c) >> 56;
}

/* Return: whether it may go on. */
static bool exited(struct cpu *c)
{
	struct kvm_run *run = c->run;
	size_t n;

	__sync_fetch_and_add(&reasons[run->exit_reason < 64 ? run->exit_reason : 63], 1);
	switch (run->exit_reason) {
	case KVM_EXIT_IO:
		n = (size_t)run->io.size * run->io.count;
		if (run->io.size > 4 || !run->io.size || !n || run->io.data_offset + n > c->vm->run_size)
			must_not("the data of KVM_EXIT_IO", n);
		else if (run->io.direction == KVM_EXIT_IO_IN)
			scribble(c, (u8 *)run + run->io.data_offset, n);
		return true;
	case KVM_EXIT_MMIO:
		if (run->mmio.len > 8 || !run->mmio.len)
			must_not("mmio.len", run->mmio.len);
		else if (!run->mmio.is_write)
			scribble(c, run->mmio.data, run->mmio.len);
		return true;
	case KVM_EXIT_HLT:
	case KVM_EXIT_DEBUG:
	case KVM_EXIT_IRQ_WINDOW_OPEN:
	case KVM_EXIT_IOAPIC_EOI:
	case KVM_EXIT_SET_TPR:
	case KVM_EXIT_HYPERCALL:
		return true;
	case KVM_EXIT_SHUTDOWN:
	case KVM_EXIT_FAIL_ENTRY:
	case KVM_EXIT_INTERNAL_ERROR:
		return noise(c) >> 63; /* or tries again */
	default:
		must_not("exit_reason", run->exit_reason);
		return false;
	}
}

static void *live(void *arg)
{
	struct cpu *c = arg;
	u32 i;

	for (i = 0; i < EXITS && !c->vm->stop; i++) {
		if (ioctl(c->fd, KVM_RUN, 0) < 0) {
			if (errno == EINTR || errno == EAGAIN)
				continue;
			must_not("KVM_RUN's errno", errno);
			break;
		}
		if (!exited(c))
			break;
	}
	__sync_fetch_and_add(c->vm->stop ? &ended_by_time : &ended_by_exits, 1);
	c->over = true;
	return NULL;
}

static void nothing(int sig)
{
}

static u64 ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000ull + t.tv_nsec / 1000000;
}

/* What rains on it. What isn't possible is refused. */
static void rain(struct victim *v)
{
	struct kvm_irq_level line = { .irq = below(24), .level = below(2) };
	struct kvm_interrupt vector = { .irq = below(256) };
	struct kvm_msi msi = {
		.address_lo = 0xfee00000 | below(3) << 12 | below(4) << 2,
		.data = below(256) | (below(3) ? 0 : below(8) << 8) | below(4) << 14,
	};
	struct cpu *c = &v->cpu[below(v->ncpus)];

	switch (below(6)) {
	case 0: /* KVM_NMI waits for KVM_RUN's end */
		msi.data = 0x400;
		if (c->over)
			try(c->fd, KVM_NMI, NULL);
		else
			try(v->fd, KVM_SIGNAL_MSI, &msi);
		break;
	case 1:
		try(v->fd, KVM_IRQ_LINE, &line);
		break;
	case 2: /* INIT, SIPI */
		msi.data = 0x500 + below(2) * 0x100 + (CODE >> 12);
		try(v->fd, KVM_SIGNAL_MSI, &msi);
		break;
	case 3:
		if (!v->irqchip && c->over)
			try(c->fd, KVM_INTERRUPT, &vector);
		break;
	default:
		try(v->fd, KVM_SIGNAL_MSI, &msi);
		break;
	}
}

/* What it has become can be read, and is no state that can't be set. */
static void inspect(struct cpu *c)
{
	union {
		struct kvm_regs regs;
		struct kvm_sregs sregs;
		struct kvm_fpu fpu;
		struct kvm_xcrs xcrs;
		struct kvm_debugregs dr;
		struct kvm_vcpu_events events;
		struct kvm_lapic_state lapic;
		struct kvm_mp_state mp;
	} u;
#define SAME(get, set)                                                         \
	do {                                                                   \
		long e_ = try(c->fd, get, &u);                                 \
		if (!e_)                                                       \
			e_ = try(c->fd, set, &u);                              \
		if (e_)                                                        \
			must_not(#set " of what " #get " has", e_);            \
	} while (0)

	memset(&u, 0, sizeof(u));
	SAME(KVM_GET_REGS, KVM_SET_REGS);
	SAME(KVM_GET_FPU, KVM_SET_FPU);
	SAME(KVM_GET_XCRS, KVM_SET_XCRS);
	SAME(KVM_GET_DEBUGREGS, KVM_SET_DEBUGREGS);
	SAME(KVM_GET_VCPU_EVENTS, KVM_SET_VCPU_EVENTS);
	if (c->vm->irqchip) {
		SAME(KVM_GET_MP_STATE, KVM_SET_MP_STATE);
		SAME(KVM_GET_LAPIC, KVM_SET_LAPIC);
	}
	/* QEMU's CPU loads a CS with L and D, which is no segment. */
	if (try(c->fd, KVM_GET_SREGS, &u) || !u.sregs.cs.l || !u.sregs.cs.db)
		SAME(KVM_GET_SREGS, KVM_SET_SREGS);
	if (wrong)
		printf("# CR0 %#llx, CR3 %#llx, CR4 %#llx, EFER %#llx, APIC base %#llx, CS L %d D %d\n", u.sregs.cr0, u.sregs.cr3,
		       u.sregs.cr4, u.sregs.efer, u.sregs.apic_base, u.sregs.cs.l, u.sregs.cs.db);
}

static void one(struct victim *v)
{
	u64 end;
	u32 i, left;

	create(v);
	for (i = 0; i < v->ncpus; i++)
		pthread_create(&v->cpu[i].thread, NULL, live, &v->cpu[i]);
	end = ms() + v->ms;
	do {
		if (below(2))
			rain(v);
		else
			usleep(50);
		for (i = left = 0; i < v->ncpus; i++)
			left += !v->cpu[i].over;
	} while (left && ms() < end);
	v->stop = true;
	for (i = 0; i < v->ncpus; i++) {
		v->cpu[i].run->immediate_exit = 1;
		if (!v->cpu[i].over)
			pthread_kill(v->cpu[i].thread, SIGUSR1);
	}
	for (i = 0; i < v->ncpus; i++)
		pthread_join(v->cpu[i].thread, NULL);
	for (i = 0; i < v->ncpus; i++) {
		if (is_vintc())
			inspect(&v->cpu[i]);
		munmap(v->cpu[i].run, v->run_size);
		close(v->cpu[i].fd);
	}
	close(v->fd);
}

guest void g_good(u64 arg)
{
	g_apic_on(false);
	g_icr(0, 0x40050);
	g_sti();
	g_wait(this_cpu()->count[0x50] == 1);
}

static u32 number(const char *name, u32 otherwise)
{
	const char *s = getenv(name);

	return s ? strtoul(s, NULL, 0) : otherwise;
}

int main(void)
{
	u32 first = number("FIRST", 0), runs = number("RUNS", 200), base = number("SEED", 1), i;
	struct sigaction act = { .sa_handler = nothing };
	struct victim v = { 0 };
	struct vm good;

	use_device();
	sigaction(SIGUSR1, &act, NULL);
	v.dev = dev_open();
	v.ms = number("MS", 3);
	v.cpuid = cpuid_supported(&(struct vm){ .dev = v.dev });
	v.run_size = ioctl(v.dev, KVM_GET_VCPU_MMAP_SIZE, 0);
	v.ram = mmap(NULL, RAM, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	for (i = first; i < first + runs && !wrong; i++) {
		seed = ((u64)base << 32 | i) * 0xd1342543de82ef95ull;
		one(&v);
	}
	for (u32 n = 0; n < 64; n++)
		if (reasons[n])
			printf("# exit reason %u: %llu times\n", n, (unsigned long long)reasons[n]);
	printf("# vCPUs that ended by themselves: %llu, when time was up: %llu\n", (unsigned long long)ended_by_exits,
	       (unsigned long long)ended_by_time);
	if (wrong) {
		printf("not ok - hostile guests: run %u: %s: %ld\n", i - 1, wrong, wrong_value);
		return 1;
	}
	printf("ok - hostile guests: %u runs\n", runs);
	vm_start(&good, 1);
	vcpu_long(&good.cpu[0], g_good, 0);
	vcpu_done(&good.cpu[0]);
	printf("ok - hostile guests: a good one afterwards\n");
	return 0;
}
