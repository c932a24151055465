// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a thin VMM relies on in the KVM API, the same on /dev/kvm and /dev/vintc:
 *
 *	[DEV=/dev/vintc] apitest [TEST]...
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
#include <unistd.h>

#include "vm.h"

/* ---- system ---- */

static void t_version(void)
{
	struct vm vm;

	vm_create(&vm);
	expect(try(vm.dev, KVM_GET_API_VERSION, NULL), 12);
	expect_that(vm.run_size >= 4096 && vm.run_size % 4096 == 0);
	for (size_t i = 0; i < 4; i++) {
		static const int caps[] = { KVM_CAP_IRQCHIP, KVM_CAP_USER_MEMORY,
					    KVM_CAP_IMMEDIATE_EXIT, KVM_CAP_SIGNAL_MSI };

		expect_that(try(vm.dev, KVM_CHECK_EXTENSION, (void *)(long)caps[i]) > 0);
		expect_that(check_extension(&vm, caps[i]) > 0);
	}
	expect(try(vm.dev, KVM_CHECK_EXTENSION, (void *)999999l), 0);
}

static void t_lists(void)
{
	struct {
		struct kvm_msr_list h;
		u32 index[1024];
	} m = { .h.nmsrs = 1 };
	struct kvm_cpuid2 *c;
	struct vm vm;
	u32 n;

	vm_create(&vm);
	expect(try(vm.dev, KVM_GET_MSR_INDEX_LIST, &m), -E2BIG);
	n = m.h.nmsrs;
	expect_that(n > 10 && n < 1024);
	m.index[n] = 0xabcdef;
	expect(try(vm.dev, KVM_GET_MSR_INDEX_LIST, &m), 0);
	expect(m.h.nmsrs, n);
	expect(m.index[n], 0xabcdef);
	for (u32 i = 0; i < n; i++)
		for (u32 k = 0; k < i; k++)
			if (m.index[i] == m.index[k])
				fail("MSR %#x is listed twice", m.index[i]);
	c = cpuid_supported(&vm);
	n = c->nent;
	for (u32 i = 0; i < n; i++)
		for (u32 k = 0; k < i; k++)
			if (c->entries[i].function == c->entries[k].function &&
			    c->entries[i].index == c->entries[k].index)
				fail("CPUID %#x.%u is listed twice", c->entries[i].function,
				     c->entries[i].index);
	c->nent = n - 1;
	expect(try(vm.dev, KVM_GET_SUPPORTED_CPUID, c), -E2BIG);
	c->nent = 1;
	expect(try(vm.dev, KVM_GET_SUPPORTED_CPUID, c), -E2BIG);
}

/* ---- port I/O ---- */

guest void g_io(u64 arg)
{
	static const u32 value = 0x44332211;
	u32 v;

	asm volatile("outb %%al, %%dx" : : "a"(value), "d"(0x1234));
	asm volatile("outw %%ax, %%dx" : : "a"(value), "d"(0x1234));
	asm volatile("outl %%eax, %%dx" : : "a"(value), "d"(0x1234));
	asm volatile("outb %%al, $0x7f" : : "a"(value));
	asm volatile("xor %%eax, %%eax; not %%eax; inb %%dx, %%al" : "=a"(v) : "d"(0x1234));
	SH->val[0] = v;
	asm volatile("xor %%eax, %%eax; not %%eax; inw %%dx, %%ax" : "=a"(v) : "d"(0x1234));
	SH->val[1] = v;
	asm volatile("inl %%dx, %%eax" : "=a"(v) : "d"(0x1234));
	SH->val[2] = v;
	asm volatile("xor %%eax, %%eax; inb $0x7f, %%al" : "=a"(v));
	SH->val[3] = v;
}

static void t_io(void)
{
	static const struct {
		u8 dir, size;
		u16 port;
		u32 data;
	} exits[] = {
		{ KVM_EXIT_IO_OUT, 1, 0x1234, 0x11 },
		{ KVM_EXIT_IO_OUT, 2, 0x1234, 0x2211 },
		{ KVM_EXIT_IO_OUT, 4, 0x1234, 0x44332211 },
		{ KVM_EXIT_IO_OUT, 1, 0x7f, 0x11 },
		{ KVM_EXIT_IO_IN, 1, 0x1234, 0xa1 },
		{ KVM_EXIT_IO_IN, 2, 0x1234, 0xa2a1 },
		{ KVM_EXIT_IO_IN, 4, 0x1234, 0xa4a3a2a1 },
		{ KVM_EXIT_IO_IN, 1, 0x7f, 0xa1 },
	};
	static const u64 seen[] = { 0xffffffa1, 0xffffa2a1, 0xa4a3a2a1, 0xa1 };
	struct kvm_run *run;
	struct vm vm;

	vm_start(&vm, 1);
	run = vm.cpu[0].run;
	vcpu_long(&vm.cpu[0], g_io, 0);
	for (size_t i = 0; i < ARRAY_SIZE(exits); i++) {
		u32 data = 0;

		vcpu_run_exit(&vm.cpu[0], KVM_EXIT_IO);
		expect(run->io.direction, exits[i].dir);
		expect(run->io.size, exits[i].size);
		expect(run->io.port, exits[i].port);
		expect(run->io.count, 1);
		if (run->io.direction == KVM_EXIT_IO_OUT) {
			memcpy(&data, (u8 *)run + run->io.data_offset, run->io.size);
			expect(data, exits[i].data);
		} else {
			memcpy((u8 *)run + run->io.data_offset, &exits[i].data, run->io.size);
		}
	}
	vcpu_done(&vm.cpu[0]);
	for (size_t i = 0; i < ARRAY_SIZE(seen); i++)
		expect(vm.sh->val[i], seen[i]);
}

/* String I/O; across a page, and with the direction flag set. */
guest void g_io_string(u64 arg)
{
	u8 *p = (u8 *)FREE_AT + 0xff0;
	u64 n = 32;

	for (int i = 0; i < 32; i++)
		p[i] = i + 1;
	asm volatile("rep outsb" : "+S"(p), "+c"(n) : "d"(0x1111) : "memory");
	g_expect((u64)p, FREE_AT + 0x1010);
	g_expect(n, 0);
	p = (u8 *)FREE_AT + 0x3000;
	n = 8;
	asm volatile("rep insw" : "+D"(p), "+c"(n) : "d"(0x2222) : "memory");
	g_expect((u64)p, FREE_AT + 0x3010);
	p = (u8 *)FREE_AT + 0x400c;
	n = 4;
	asm volatile("std; rep insl; cld" : "+D"(p), "+c"(n) : "d"(0x3333) : "memory");
	g_expect((u64)p, FREE_AT + 0x3ffc);
	n = 0;
	asm volatile("rep outsb" : "+S"(p), "+c"(n) : "d"(0x1111) : "memory");
	asm volatile("outsl" : "+S"(p) : "d"(0x4444) : "memory");
}

static void t_io_string(void)
{
	static const struct {
		u8 dir, size;
		u16 port;
		u32 bytes;
	} part[] = {
		{ KVM_EXIT_IO_OUT, 1, 0x1111, 32 },
		{ KVM_EXIT_IO_IN, 2, 0x2222, 16 },
		{ KVM_EXIT_IO_IN, 4, 0x3333, 16 },
		{ KVM_EXIT_IO_OUT, 4, 0x4444, 4 },
	};
	struct kvm_run *run;
	struct vm vm;

	vm_start(&vm, 1);
	run = vm.cpu[0].run;
	vcpu_long(&vm.cpu[0], g_io_string, 0);
	for (size_t i = 0; i < ARRAY_SIZE(part); i++) {
		u32 done = 0;

		while (done < part[i].bytes) {
			u8 *data = (u8 *)run + run->io.data_offset;

			vcpu_run_exit(&vm.cpu[0], KVM_EXIT_IO);
			data = (u8 *)run + run->io.data_offset;
			expect(run->io.direction, part[i].dir);
			expect(run->io.size, part[i].size);
			expect(run->io.port, part[i].port);
			expect_that(run->io.count > 0);
			for (u32 k = 0; k < run->io.size * run->io.count; k++, done++)
				if (!i)
					expect(data[k], done + 1);
				else
					data[k] = done + 0x40;
		}
		expect(done, part[i].bytes);
	}
	vcpu_done(&vm.cpu[0]);
	for (u32 i = 0; i < 16; i++) {
		expect(vm.mem[FREE_AT + 0x3000 + i], 0x40 + i);
		expect(vm.mem[FREE_AT + 0x4000 + i], 0x40 + (12 - i / 4 * 4 + i % 4));
	}
}

/* ---- MMIO: one instruction, in three modes ---- */

#define MMIO_DATA 0x8877665544332211ull
#define MMIO_RAX 0x00000000a0b0c0d0ull

#define BLOB(id, pre, post)                                                    \
	asm(".pushsection .rodata\n"                                           \
	    ".code16\nmmio_" #id "_16: " pre "(%bx)" post "\nout %al, $0xf4\n" \
	    ".code32\nmmio_" #id "_32: " pre "(%ebx)" post "\nout %al, $0xf4\n" \
	    ".code64\nmmio_" #id "_64: " pre "(%rbx)" post "\nout %al, $0xf4\n" \
	    ".popsection\n");                                                  \
	extern const u8 mmio_##id##_16[], mmio_##id##_32[], mmio_##id##_64[];
#define BLOB64(id, pre, post)                                                  \
	asm(".pushsection .rodata\n"                                           \
	    "mmio_" #id "_64: " pre "(%rbx)" post "\nout %al, $0xf4\n"         \
	    ".popsection\n");                                                  \
	extern const u8 mmio_##id##_64[];
/* rSI, rDI point there, too, the latter by 256 bytes further; rCX is 3 */
#define STRING(id, insn)                                                       \
	asm(".pushsection .rodata\n"                                           \
	    ".code16\nmmio_" #id "_16: " insn "\nout %al, $0xf4\n"             \
	    ".code32\nmmio_" #id "_32: " insn "\nout %al, $0xf4\n"             \
	    ".code64\nmmio_" #id "_64: " insn "\nout %al, $0xf4\n"             \
	    ".popsection\n");                                                  \
	extern const u8 mmio_##id##_16[], mmio_##id##_32[], mmio_##id##_64[];

BLOB(r8, "movb ", ", %al")
BLOB(r16, "movw ", ", %ax")
BLOB(r32, "movl ", ", %eax")
BLOB64(r64, "movq ", ", %rax")
BLOB(w8, "movb %al, ", "")
BLOB(wh8, "movb %ah, ", "")
BLOB(w16, "movw %ax, ", "")
BLOB(w32, "movl %eax, ", "")
BLOB64(w64, "movq %rax, ", "")
BLOB(i8, "movb $0x5a, ", "")
BLOB(i16, "movw $0x5a5b, ", "")
BLOB(i32, "movl $0x5a5b5c5d, ", "")
BLOB64(i64, "movq $-2, ", "")
BLOB(movzx8, "movzbl ", ", %eax")
BLOB(movsx8, "movsbl ", ", %eax")
BLOB(movzx16, "movzwl ", ", %eax")
BLOB(movsx16, "movswl ", ", %eax")
BLOB64(movsxd, "movslq ", ", %rax")
BLOB(add_r, "addl ", ", %eax")
BLOB(add_m, "addl %eax, ", "")
BLOB(or_i, "orl $0xf, ", "")
BLOB(and_i8, "andb $0xf0, ", "")
BLOB(xor_m, "xorw %ax, ", "")
BLOB(sub_m, "subl %eax, ", "")
BLOB(inc, "incl ", "")
BLOB(dec8, "decb ", "")
BLOB(not, "notl ", "")
BLOB(neg, "negl ", "")
BLOB(cmp_i, "cmpl $0x44332211, ", "; sete %al")
BLOB(test_i, "testb $1, ", "; setne %al")
BLOB(test_r, "testl %eax, ", "; setne %al")
BLOB(xchg, "xchgl %eax, ", "")
BLOB(bts, "btsl $3, ", "; setc %al")
BLOB(bt, "btl $4, ", "; setc %al")
BLOB(cmpxchg, "movl $0x44332211, %eax; lock cmpxchgl %ecx, ", "; setz %al")
BLOB(shl, "shll $4, ", "")
BLOB64(add64, "addq %rax, ", "")
BLOB64(movdqu_r, "movdqu ", ", %xmm0; movq %xmm0, %rax")
BLOB64(movdqu_w, "movq %rax, %xmm0; movdqu %xmm0, ", "")
BLOB64(movnti, "movnti %rax, ", "")
STRING(lodsl, "lodsl")
STRING(stosb, "stosb")
STRING(rep_stosl, "rep stosl")
STRING(movsl, "movsl")
STRING(rep_movsb, "rep movsb")

struct mmio_access {
	u8 write, len;
	u16 at;
	u64 data;
};

#define R(n) { 0, n, 0, 0 }
#define W(n, v) { 1, n, 0, v }
#define RA(n, o) { 0, n, o, 0 }
#define WA(n, o, v) { 1, n, o, v }
#define ALL(id) mmio_##id##_16, mmio_##id##_32, mmio_##id##_64
#define ONLY64(id) NULL, NULL, mmio_##id##_64

static const struct mmio_case {
	const char *name;
	const u8 *code[3];
	u64 rax; /* low 32 bits outside 64-bit mode */
	struct mmio_access access[6];
} mmio_cases[] = {
	{ "mov r8,m", { ALL(r8) }, 0xa0b0c011, { R(1) } },
	{ "mov r16,m", { ALL(r16) }, 0xa0b02211, { R(2) } },
	{ "mov r32,m", { ALL(r32) }, 0x44332211, { R(4) } },
	{ "mov r64,m", { ONLY64(r64) }, MMIO_DATA, { R(8) } },
	{ "mov m,r8", { ALL(w8) }, MMIO_RAX, { W(1, 0xd0) } },
	{ "mov m,ah", { ALL(wh8) }, MMIO_RAX, { W(1, 0xc0) } },
	{ "mov m,r16", { ALL(w16) }, MMIO_RAX, { W(2, 0xc0d0) } },
	{ "mov m,r32", { ALL(w32) }, MMIO_RAX, { W(4, 0xa0b0c0d0) } },
	{ "mov m,r64", { ONLY64(w64) }, MMIO_RAX, { W(8, MMIO_RAX) } },
	{ "mov m,i8", { ALL(i8) }, MMIO_RAX, { W(1, 0x5a) } },
	{ "mov m,i16", { ALL(i16) }, MMIO_RAX, { W(2, 0x5a5b) } },
	{ "mov m,i32", { ALL(i32) }, MMIO_RAX, { W(4, 0x5a5b5c5d) } },
	{ "mov m,i64", { ONLY64(i64) }, MMIO_RAX, { W(8, -2ull) } },
	{ "movzx m8", { ALL(movzx8) }, 0x11, { R(1) } },
	{ "movsx m8", { ALL(movsx8) }, 0x11, { R(1) } },
	{ "movzx m16", { ALL(movzx16) }, 0x2211, { R(2) } },
	{ "movsx m16", { ALL(movsx16) }, 0x2211, { R(2) } },
	{ "movsxd", { ONLY64(movsxd) }, 0x44332211, { R(4) } },
	{ "add r,m", { ALL(add_r) }, 0xe4e3e2e1, { R(4) } },
	{ "add m,r", { ALL(add_m) }, MMIO_RAX, { R(4), W(4, 0xe4e3e2e1) } },
	{ "or m,i", { ALL(or_i) }, MMIO_RAX, { R(4), W(4, 0x4433221f) } },
	{ "and m8,i", { ALL(and_i8) }, MMIO_RAX, { R(1), W(1, 0x10) } },
	{ "xor m16,r", { ALL(xor_m) }, MMIO_RAX, { R(2), W(2, 0x2211 ^ 0xc0d0) } },
	{ "sub m,r", { ALL(sub_m) }, MMIO_RAX, { R(4), W(4, 0x44332211u - 0xa0b0c0d0u) } },
	{ "inc", { ALL(inc) }, MMIO_RAX, { R(4), W(4, 0x44332212) } },
	{ "dec m8", { ALL(dec8) }, MMIO_RAX, { R(1), W(1, 0x10) } },
	{ "not", { ALL(not) }, MMIO_RAX, { R(4), W(4, ~0x44332211u) } },
	{ "neg", { ALL(neg) }, MMIO_RAX, { R(4), W(4, -0x44332211u) } },
	{ "cmp m,i", { ALL(cmp_i) }, 0xa0b0c001, { R(4) } },
	{ "test m8,i", { ALL(test_i) }, 0xa0b0c001, { R(1) } },
	{ "test m,r", { ALL(test_r) }, 0xa0b0c001, { R(4) } },
	{ "xchg", { ALL(xchg) }, 0x44332211, { R(4), W(4, 0xa0b0c0d0) } },
	{ "bts", { ALL(bts) }, 0xa0b0c000, { R(4), W(4, 0x44332219) } },
	{ "bt", { ALL(bt) }, 0xa0b0c001, { R(4) } },
	{ "lock cmpxchg", { ALL(cmpxchg) }, 0x44332201, { R(4), W(4, 3) } },
	{ "shl m,i", { ALL(shl) }, MMIO_RAX, { R(4), W(4, 0x43322110) } },
	{ "add m64,r", { ONLY64(add64) }, MMIO_RAX, { R(8), W(8, MMIO_DATA + MMIO_RAX) } },
	{ "movdqu x,m", { ONLY64(movdqu_r) }, MMIO_DATA, { R(8), RA(8, 8) } },
	{ "movdqu m,x", { ONLY64(movdqu_w) }, MMIO_RAX, { W(8, MMIO_RAX), WA(8, 8, 0) } },
	{ "movnti", { ONLY64(movnti) }, MMIO_RAX, { W(8, MMIO_RAX) } },
	{ "lods", { ALL(lodsl) }, 0x44332211, { R(4) } },
	{ "stos", { ALL(stosb) }, MMIO_RAX, { WA(1, 0x100, 0xd0) } },
	{ "rep stos", { ALL(rep_stosl) }, MMIO_RAX, { WA(4, 0x100, 0xa0b0c0d0),
	  WA(4, 0x104, 0xa0b0c0d0), WA(4, 0x108, 0xa0b0c0d0) } },
	{ "movs", { ALL(movsl) }, MMIO_RAX, { R(4), WA(4, 0x100, 0x44332211) } },
	{ "rep movs", { ALL(rep_movsb) }, MMIO_RAX, { R(1), WA(1, 0x100, 0x11), RA(1, 1),
	  WA(1, 0x101, 0x11), RA(1, 2), WA(1, 0x102, 0x11) } },
};

static const char *mmio_mode_name[] = { "real", "32", "64" };

static void mmio_prepare(struct vm *vm, const struct mmio_case *c, int mode)
{
	struct vcpu *cpu = &vm->cpu[0];
	u64 addr = mode ? MMIO_AT + 0x10 : 0x10;
	struct kvm_sregs s;
	struct kvm_regs r;

	memcpy(vm->mem + CODE16_AT, c->code[mode], 64);
	if (mode == 0)
		vcpu_real(cpu, CODE16_AT);
	else if (mode == 1)
		vcpu_prot32(cpu, CODE16_AT);
	else
		vcpu_long(cpu, NULL, 0);
	regs_get(cpu, &r);
	r.rip = CODE16_AT;
	r.rax = MMIO_RAX;
	r.rbx = r.rsi = addr;
	r.rdi = addr + 0x100;
	r.rcx = 3;
	regs_set(cpu, &r);
	if (mode)
		return;
	sregs_get(cpu, &s);
	s.ds.base = s.es.base = MMIO_AT;
	sregs_set(cpu, &s);
}

static const char *mmio_one(struct vm *vm, const struct mmio_case *c, int mode)
{
	static char why[200];
	struct kvm_run *run = vm->cpu[0].run;
	struct kvm_regs r;
	u64 mask = mode == 2 ? ~0ull : 0xffffffff, data;
	size_t i;

	mmio_prepare(vm, c, mode);
	for (i = 0; i < ARRAY_SIZE(c->access) && c->access[i].len; i++) {
		const struct mmio_access *a = &c->access[i];

		if (vcpu_run(&vm->cpu[0]) < 0)
			return strerror(errno);
		snprintf(why, sizeof(why), "access %zu: exit %u (port %#x, suberror %u)", i,
			 run->exit_reason, run->io.port, run->internal.suberror);
		if (run->exit_reason != KVM_EXIT_MMIO)
			return why;
		data = 0;
		memcpy(&data, run->mmio.data, a->len);
		snprintf(why, sizeof(why), "access %zu: %s of %u at %#llx, %#llx", i,
			 run->mmio.is_write ? "write" : "read", run->mmio.len,
			 run->mmio.phys_addr, (long long)data);
		if (run->mmio.phys_addr != MMIO_AT + 0x10 + a->at || run->mmio.len != a->len ||
		    run->mmio.is_write != a->write || (a->write && data != a->data))
			return why;
		data = MMIO_DATA;
		if (!a->write)
			memcpy(run->mmio.data, &data, 8);
	}
	if (vcpu_run(&vm->cpu[0]) < 0)
		return strerror(errno);
	snprintf(why, sizeof(why), "at the end: exit %u (port %#x, suberror %u)",
		 run->exit_reason, run->io.port, run->internal.suberror);
	if (run->exit_reason != KVM_EXIT_IO || run->io.port != 0xf4)
		return why;
	regs_get(&vm->cpu[0], &r);
	snprintf(why, sizeof(why), "rAX is %#llx, not %#llx", r.rax, (long long)c->rax);
	if ((r.rax & mask) != (c->rax & mask))
		return why;
	vcpu_run(&vm->cpu[0]); /* completes the OUT: whatever comes after is garbage */
	return NULL;
}

static void t_mmio(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(mmio_cases); i++) {
		for (int mode = 0; mode < 3; mode++) {
			const struct mmio_case *c = &mmio_cases[i];
			const char *why;
			struct vm vm;
			char name[64];

			if (!c->code[mode])
				continue;
			vm_start_bare(&vm);
			snprintf(name, sizeof(name), "%s, %s", c->name, mmio_mode_name[mode]);
			/* the VM can't go on after the last exit: a new one for each */
			why = mmio_one(&vm, c, mode);
			result(!why, name, "%s", why);
			vm_end(&vm);
		}
	}
}

/* ---- the other exits ---- */

asm(".pushsection .rodata\n.code16\n"
    "real_add: mov $5, %ax; add $4, %ax; mov %ax, 0x2000; hlt; inc %ax; hlt\n"
    "real_add_end:\n.code64\n.popsection\n");
extern const u8 real_add[], real_add_end[];

/* Without interrupt chips HLT comes to user space; the next run goes on after it. */
static void t_hlt_exit(void)
{
	struct kvm_regs r;
	struct vm vm;

	vm_start_bare(&vm);
	vm_blob(&vm, CODE16_AT, real_add, real_add_end);
	vcpu_real(&vm.cpu[0], CODE16_AT);
	vcpu_run_exit(&vm.cpu[0], KVM_EXIT_HLT);
	regs_get(&vm.cpu[0], &r);
	expect(*(u16 *)(vm.mem + 0x2000), 9);
	expect(r.rax & 0xffff, 9);
	expect(r.rip, CODE16_AT + 10);
	vcpu_run_exit(&vm.cpu[0], KVM_EXIT_HLT);
	regs_get(&vm.cpu[0], &r);
	expect(r.rax & 0xffff, 10);
	expect(r.rip, CODE16_AT + 12);
}

guest void g_ud2(u64 arg) { asm volatile("ud2"); }

static void t_shutdown(void)
{
	struct kvm_sregs s;
	struct vm vm;

	vm_start(&vm, 1);
	vcpu_long(&vm.cpu[0], g_ud2, 0);
	sregs_get(&vm.cpu[0], &s);
	s.idt.limit = 0;
	sregs_set(&vm.cpu[0], &s);
	vcpu_run_exit(&vm.cpu[0], KVM_EXIT_SHUTDOWN);
	/* the vCPU can be set up anew and runs */
	vcpu_long(&vm.cpu[0], g_io, 0);
	vcpu_run_exit(&vm.cpu[0], KVM_EXIT_IO);
	expect(vm.cpu[0].run->io.port, 0x1234);
}

/* State that SET_SREGS takes and hardware refuses: CS both L and D in long mode. */
static void t_fail_entry(void)
{
	struct kvm_run *run;
	struct kvm_sregs s;
	struct vm vm;
	int r;

	vm_start(&vm, 1);
	run = vm.cpu[0].run;
	vcpu_long(&vm.cpu[0], g_ud2, 0);
	sregs_get(&vm.cpu[0], &s);
	s.cs.db = 1;
	r = try(vm.cpu[0].fd, KVM_SET_SREGS, &s);
	if (r == -EINVAL)
		skip("SET_SREGS refuses it");
	expect(r, 0);
	vcpu_run_exit(&vm.cpu[0], KVM_EXIT_FAIL_ENTRY);
	expect(run->fail_entry.hardware_entry_failure_reason, ~0ull);
	/* and runs when it is mended */
	vcpu_long(&vm.cpu[0], g_io, 0);
	vcpu_run_exit(&vm.cpu[0], KVM_EXIT_IO);
}

guest void g_jump_mmio(u64 arg) { asm volatile("jmp *%0" : : "r"(MMIO_AT)); }
guest void g_fnsave_mmio(u64 arg) { asm volatile("fnsave (%0)" : : "r"(MMIO_AT)); }

/* What can't be emulated ends in INTERNAL_ERROR, and the state stays as it was. */
static void t_internal_error(void)
{
	static const struct {
		const char *name;
		guest_fn fn;
	} cases[] = {
		{ "code from MMIO", g_jump_mmio },
		{ "FNSAVE to MMIO", g_fnsave_mmio },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct vm vm;
		struct kvm_run *run;
		int r;

		vm_start(&vm, 1);
		run = vm.cpu[0].run;
		vcpu_long(&vm.cpu[0], cases[i].fn, 0);
		r = vcpu_run(&vm.cpu[0]);
		result(r == 0 && run->exit_reason == KVM_EXIT_INTERNAL_ERROR &&
		       run->internal.suberror == KVM_INTERNAL_ERROR_EMULATION,
		       cases[i].name, "KVM_RUN %d, exit %u, suberror %u", r,
		       run->exit_reason, run->internal.suberror);
		vm_end(&vm);
	}
}

/* ---- leaving the guest ---- */

guest void g_spin(u64 arg)
{
	for (;;)
		cpu_relax();
}

guest void g_in(u64 arg)
{
	SH->val[0] = g_in32(0x999);
	SH->ready = 1;
}

static void t_immediate_exit(void)
{
	struct kvm_run *run;
	struct vm vm;
	u32 v = 0x12345678;

	vm_start(&vm, 1);
	run = vm.cpu[0].run;
	vcpu_long(&vm.cpu[0], g_in, 0);
	run->immediate_exit = 1;
	for (int i = 0; i < 3; i++) {
		run->exit_reason = 77;
		expect(vcpu_run(&vm.cpu[0]), -EINTR);
		expect(run->exit_reason, KVM_EXIT_INTR);
	}
	run->immediate_exit = 0;
	vcpu_until(&vm.cpu[0], 0x999);
	memcpy((u8 *)run + run->io.data_offset, &v, 4);
	/* completes the IN, and no more than that */
	run->immediate_exit = 1;
	expect(vcpu_run(&vm.cpu[0]), -EINTR);
	expect(vm.sh->ready, 0);
	memset((u8 *)run + run->io.data_offset, 0, 4);
	run->immediate_exit = 0;
	vcpu_done(&vm.cpu[0]);
	expect(vm.sh->val[0], v);
}

static volatile int signals;
static void count_signal(int s) { signals++; }

static void *kicker(void *target)
{
	for (int i = 0; i < 10; i++) {
		usleep(20000);
		pthread_kill(*(pthread_t *)target, SIGUSR1);
	}
	return NULL;
}

static void t_signal(void)
{
	struct sigaction sa = { .sa_handler = count_signal };
	pthread_t me = pthread_self(), t;
	struct vm vm;

	vm_start(&vm, 1);
	vcpu_long(&vm.cpu[0], g_spin, 0);
	sigaction(SIGUSR1, &sa, NULL);
	pthread_create(&t, NULL, kicker, &me);
	while (signals < 10) {
		expect(vcpu_run(&vm.cpu[0]), -EINTR);
		expect(vm.cpu[0].run->exit_reason, KVM_EXIT_INTR);
	}
	pthread_join(t, NULL);
}

/* A signal blocked outside, let in by KVM_SET_SIGNAL_MASK: exit, not delivered. */
static void t_signal_mask(void)
{
	struct sigaction sa = { .sa_handler = count_signal };
	struct {
		struct kvm_signal_mask h;
		u64 set;
	} m = { .h.len = 8 };
	struct vm vm;
	sigset_t set;

	vm_start(&vm, 1);
	vcpu_long(&vm.cpu[0], g_spin, 0);
	sigaction(SIGUSR1, &sa, NULL);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	must(vm.cpu[0].fd, KVM_SET_SIGNAL_MASK, &m);
	raise(SIGUSR1);
	for (int i = 0; i < 3; i++) {
		expect(vcpu_run(&vm.cpu[0]), -EINTR);
		expect(signals, 0);
	}
	sigpending(&set);
	expect_that(sigismember(&set, SIGUSR1));
}

guest void g_halt_if(u64 arg)
{
	g_apic_on(false);
	SH->ready = 1;
	g_sti_hlt();
}

/* HLT in the kernel: a signal ends it; the state says HALTED. */
static void t_halt_signal(void)
{
	struct sigaction sa = { .sa_handler = count_signal };
	pthread_t me = pthread_self(), t;
	struct kvm_mp_state mp;
	struct kvm_msi msi = { .address_lo = 0xfee00000, .data = 0x50 };
	struct vm vm;

	vm_start(&vm, 1);
	vcpu_long(&vm.cpu[0], g_halt_if, 0);
	sigaction(SIGUSR1, &sa, NULL);
	pthread_create(&t, NULL, kicker, &me);
	while (signals < 10)
		expect(vcpu_run(&vm.cpu[0]), -EINTR);
	pthread_join(t, NULL);
	expect(vm.sh->ready, 1);
	must(vm.cpu[0].fd, KVM_GET_MP_STATE, &mp);
	expect(mp.mp_state, KVM_MP_STATE_HALTED);
	expect(try(vm.fd, KVM_SIGNAL_MSI, &msi), 1);
	vcpu_done(&vm.cpu[0]);
	must(vm.cpu[0].fd, KVM_GET_MP_STATE, &mp);
	expect(mp.mp_state, KVM_MP_STATE_RUNNABLE);
	expect(vm.sh->cpu[0].count[0x50], 1);
}

/* ---- registers ---- */

static void t_regs(void)
{
	struct kvm_regs r, back;
	u64 *p = (u64 *)&r;
	struct vm vm;

	vm_start(&vm, 1);
	for (int i = 0; i < 16; i++)
		p[i] = 0x1111111111111111ull * i + 7;
	r.rip = 0xffff800000001234;
	r.rflags = 0x246ed7 & ~(1ull << 17);
	regs_set(&vm.cpu[0], &r);
	regs_get(&vm.cpu[0], &back);
	expect(memcmp(&r, &back, sizeof(r)), 0);
}

static void t_reset_state(void)
{
	struct kvm_mp_state mp;
	struct kvm_regs r;
	struct kvm_sregs s;
	struct vm vm;

	vm_start(&vm, 2);
	regs_get(&vm.cpu[0], &r);
	sregs_get(&vm.cpu[0], &s);
	expect(r.rip, 0xfff0);
	expect(r.rflags, 2);
	expect(r.rdx & 0xfffff000, r.rdx & 0xfff000); /* family, model, stepping */
	expect_that(r.rdx != 0);
	expect(s.cs.base, 0xffff0000);
	expect(s.cs.selector, 0xf000);
	expect(s.cs.limit, 0xffff);
	expect(s.cs.present, 1);
	expect(s.ds.limit, 0xffff);
	expect(s.ds.type, 3);
	expect(s.idt.limit, 0xffff);
	expect(s.gdt.limit, 0xffff);
	expect(s.cr0, 0x60000010);
	expect(s.cr4, 0);
	expect(s.efer, 0);
	expect(s.apic_base, 0xfee00900);
	sregs_get(&vm.cpu[1], &s);
	expect(s.apic_base, 0xfee00800);
	must(vm.cpu[0].fd, KVM_GET_MP_STATE, &mp);
	expect(mp.mp_state, KVM_MP_STATE_RUNNABLE);
	must(vm.cpu[1].fd, KVM_GET_MP_STATE, &mp);
	expect(mp.mp_state, KVM_MP_STATE_UNINITIALIZED);
}

static void t_sregs(void)
{
	struct kvm_sregs s, back;
	struct vm vm;

	vm_start(&vm, 1);
	vcpu_long(&vm.cpu[0], g_spin, 0);
	sregs_get(&vm.cpu[0], &s);
	s.cr2 = 0xffff888812345678;
	s.fs.base = 0xffff900000001000;
	s.gs.base = 0x7fff00002000;
	s.ldt.base = 0xffff900000003000;
	s.ldt.selector = 0x28;
	s.ldt.limit = 0x67;
	s.ldt.present = 1;
	s.ldt.type = 2;
	s.ldt.unusable = 0;
	s.tr.base = 0xffff900000004000;
	s.tr.selector = 0x30;
	s.tr.limit = 0x2067;
	s.tr.type = 11;
	s.tr.present = 1;
	s.gdt.base = 0xffff900000005000;
	s.gdt.limit = 0x7f;
	s.idt.base = 0xffff900000006000;
	s.idt.limit = 0xffe;
	s.es.selector = 0x2b;
	s.es.dpl = 3;
	sregs_set(&vm.cpu[0], &s);
	sregs_get(&vm.cpu[0], &back);
	for (size_t i = 0; i < sizeof(s); i++)
		if (((u8 *)&s)[i] != ((u8 *)&back)[i])
			fail("byte %zu of kvm_sregs is %#x, not %#x", i, ((u8 *)&back)[i],
			     ((u8 *)&s)[i]);
}

/* The guest puts SREGS' CR8 and run->cr8 to use. */
guest void g_cr8(u64 arg)
{
	u64 v;

	for (int i = 0; i < 2; i++) {
		asm volatile("mov %%cr8, %0" : "=r"(v) : : "memory");
		SH->val[i] = v;
		SH->val[8 + i] = g_apic_read(APIC_TPR);
		asm volatile("mov %0, %%cr8" : : "r"(v + 1) : "memory");
		g_out8(PORT_SYNC, 0);
	}
}

static void t_cr8(void)
{
	struct kvm_sregs s;
	struct vm vm;

	vm_start(&vm, 1);
	vcpu_long(&vm.cpu[0], g_cr8, 0);
	sregs_get(&vm.cpu[0], &s);
	s.cr8 = 5;
	sregs_set(&vm.cpu[0], &s);
	vcpu_until(&vm.cpu[0], PORT_SYNC);
	expect(vm.sh->val[0], 5);
	expect(vm.sh->val[8], 0x50);
	sregs_get(&vm.cpu[0], &s);
	expect(s.cr8, 6);
	expect(vm.cpu[0].run->cr8, 6);
	s.cr8 = 9;
	sregs_set(&vm.cpu[0], &s);
	vcpu_until(&vm.cpu[0], PORT_SYNC);
	expect(vm.sh->val[1], 9);
	expect(vm.sh->val[9], 0x90);
	vcpu_done(&vm.cpu[0]);
}

static void t_fpu(void)
{
	struct kvm_xsave *x = calloc(1, 8192), *back = calloc(1, 8192);
	struct kvm_fpu f, fb;
	struct vm vm;

	vm_start(&vm, 1);
	must(vm.cpu[0].fd, KVM_GET_FPU, &f);
	expect(f.fcw, 0x37f);
	expect(f.mxcsr, 0x1f80);
	memset(f.fpr, 0x5a, sizeof(f.fpr));
	for (int i = 0; i < 8; i++)
		memset(f.fpr[i] + 10, 0, 6);
	memset(f.xmm, 0xc3, sizeof(f.xmm));
	f.fcw = 0x27f;
	f.fsw = 0x3800;
	f.ftwx = 0xff;
	f.mxcsr = 0x1fa0;
	f.last_ip = 0x1234;
	f.last_dp = 0x5678;
	f.last_opcode = 0x123;
	must(vm.cpu[0].fd, KVM_SET_FPU, &f);
	must(vm.cpu[0].fd, KVM_GET_FPU, &fb);
	expect(memcmp(&f, &fb, sizeof(f)), 0);
	must(vm.cpu[0].fd, KVM_GET_XSAVE, x);
	expect(((u16 *)x)[0], 0x27f);
	expect(((u32 *)x)[6], 0x1fa0);
	expect_that((((u64 *)x)[64] & 3) == 3); /* XSTATE_BV */
	expect(((u8 *)x)[160], 0xc3);
	((u8 *)x)[160] = 0x99;
	must(vm.cpu[0].fd, KVM_SET_XSAVE, x);
	must(vm.cpu[0].fd, KVM_GET_XSAVE, back);
	expect(memcmp(x, back, 4096), 0);
	must(vm.cpu[0].fd, KVM_GET_FPU, &fb);
	expect(fb.xmm[0][0], 0x99);
	/* MXCSR with reserved bits */
	((u32 *)x)[6] = 0xffff0000;
	expect(try(vm.cpu[0].fd, KVM_SET_XSAVE, x), -EINVAL);
}

/* All that is listed can be read, and what was read can be written back. */
static void t_msrs(void)
{
	struct {
		struct kvm_msr_list h;
		u32 index[1024];
	} list = { .h.nmsrs = 1024 };
	struct {
		struct kvm_msrs h;
		struct kvm_msr_entry e[1024];
	} m = { 0 }, b;
	struct vm vm;
	int r;

	vm_start(&vm, 1);
	must(vm.dev, KVM_GET_MSR_INDEX_LIST, &list);
	m.h.nmsrs = list.h.nmsrs;
	for (u32 i = 0; i < m.h.nmsrs; i++)
		m.e[i].index = list.index[i];
	r = try(vm.cpu[0].fd, KVM_GET_MSRS, &m);
	if (r != (int)m.h.nmsrs)
		fail("KVM_GET_MSRS: %d of %u, stops at %#x", r, m.h.nmsrs,
		     r >= 0 ? list.index[r] : 0);
	b = m;
	r = try(vm.cpu[0].fd, KVM_SET_MSRS, &m);
	if (r != (int)m.h.nmsrs)
		fail("KVM_SET_MSRS: %d of %u, stops at %#x = %#llx", r, m.h.nmsrs,
		     r >= 0 ? list.index[r] : 0, r >= 0 ? m.e[r].data : 0);
	expect(try(vm.cpu[0].fd, KVM_GET_MSRS, &m), m.h.nmsrs);
	for (u32 i = 0; i < m.h.nmsrs; i++)
		if (m.e[i].data != b.e[i].data && m.e[i].index != 0x10)
			fail("MSR %#x was %#llx, is %#llx", m.e[i].index, b.e[i].data,
			     m.e[i].data);
}

static const struct {
	u32 msr;
	u64 good, bad; /* bad: 0 when there is none */
} msr_values[] = {
	{ 0x174, 0x8, 0 },
	{ 0x175, 0xffff888800001000, 0 },
	{ 0x176, 0xffff888800002000, 0 },
	{ 0x277, 0x0007040600070406, 0x0202020202020202 },
	{ 0xc0000080, 0xd01, 1ull << 40 },
	{ 0xc0000081, 0x0023001000000000, 0 },
	{ 0xc0000082, 0xffffffff81000000, 0x1234567812345678 },
	{ 0xc0000083, 0xffffffff81001000, 0 },
	{ 0xc0000084, 0x47700, 0 },
	{ 0xc0000100, 0x7f0000001000, 0x8000000000000000 },
	{ 0xc0000101, 0xffff888000001000, 0x8000000000000000 },
	{ 0xc0000102, 0x7f0000003000, 0x8000000000000000 },
	{ 0x2ff, 0xc06, 0 },
	{ 0x200, 0x6, 0 },
	{ 0x250, 0x0606060606060606, 0x0707070707070707 },
};

guest void g_msrs(u64 n)
{
	for (u64 i = 0; i < n; i++)
		SH->val[i] = g_rdmsr(SH->arg[0] ? 0x10 : msr_values[i].msr);
}

/* Host and guest see the same; what is reserved is refused and changes nothing. */
static void t_msr_values(void)
{
	struct vm vm;
	struct kvm_sregs s;

	vm_start(&vm, 1);
	vcpu_long(&vm.cpu[0], g_msrs, ARRAY_SIZE(msr_values));
	for (size_t i = 0; i < ARRAY_SIZE(msr_values); i++) {
		if (msr_values[i].msr == 0xc0000101)
			continue; /* the guest needs it */
		if (msr_set(&vm.cpu[0], msr_values[i].msr, msr_values[i].good) != 1)
			fail("MSR %#x takes no %#llx", msr_values[i].msr,
			     (long long)msr_values[i].good);
		expect(msr_get(&vm.cpu[0], msr_values[i].msr), msr_values[i].good);
		if (!msr_values[i].bad)
			continue;
		if (msr_set(&vm.cpu[0], msr_values[i].msr, msr_values[i].bad) == 1)
			fail("MSR %#x takes %#llx", msr_values[i].msr,
			     (long long)msr_values[i].bad);
		expect(msr_get(&vm.cpu[0], msr_values[i].msr), msr_values[i].good);
	}
	vcpu_done(&vm.cpu[0]);
	for (size_t i = 0; i < ARRAY_SIZE(msr_values); i++)
		if (msr_values[i].msr != 0xc0000101 && vm.sh->val[i] != msr_values[i].good)
			fail("guest reads %#llx from MSR %#x", (long long)vm.sh->val[i],
			     msr_values[i].msr);
	sregs_get(&vm.cpu[0], &s);
	expect(s.fs.base, 0x7f0000001000);
	expect(s.efer, 0xd01);
}

guest void g_cpuid(u64 leaf)
{
	u32 a = leaf, b, c = 0, d;

	asm volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
	SH->val[0] = a;
	SH->val[1] = b;
	SH->val[2] = c;
	SH->val[3] = d;
}

static void t_cpuid(void)
{
	struct kvm_cpuid2 *c;
	struct vm vm;

	vm_create(&vm);
	vm_irqchip(&vm);
	vm_memory(&vm, NULL);
	vcpu_create(&vm, 0);
	c = calloc(1, sizeof(*c) + 3 * sizeof(c->entries[0]));
	c->nent = 3;
	c->entries[0] = (struct kvm_cpuid_entry2){ .function = 0, .eax = 1, .ebx = 0x756e6547,
						   .ecx = 0x6c65746e, .edx = 0x49656e69 };
	c->entries[1] = (struct kvm_cpuid_entry2){ .function = 1, .eax = 0x800f12,
						   .edx = 0x178bfbff, .ecx = 1 << 21 };
	c->entries[2] = (struct kvm_cpuid_entry2){ .function = 0x80000001,
						   .edx = 0x20100800 };
	must(vm.cpu[0].fd, KVM_SET_CPUID2, c);
	vcpu_long(&vm.cpu[0], g_cpuid, 0);
	vcpu_done(&vm.cpu[0]);
	expect(vm.sh->val[0], 1);
	expect(vm.sh->val[1], 0x756e6547);
	expect(vm.sh->val[2], 0x6c65746e);
	expect(vm.sh->val[3], 0x49656e69);
	vcpu_long(&vm.cpu[0], g_cpuid, 1);
	vcpu_done(&vm.cpu[0]);
	expect(vm.sh->val[0], 0x800f12);
	expect(vm.sh->val[2] & ~(1 << 27), 1 << 21);
	vcpu_long(&vm.cpu[0], g_cpuid, 0x80000001);
	vcpu_done(&vm.cpu[0]);
	expect(vm.sh->val[3], 0x20100800);
}

/* ---- exceptions ---- */

static inline u64 addr_of(void *p) { return (u64)p; }

guest void g_exceptions(u64 arg)
{
	struct gcpu *c = this_cpu();
	u64 v;

	g_expect(g_try("ud2"), 6);
	g_expect(g_try("int3"), 3);
	g_expect(g_try("xor %%edx, %%edx; xor %%eax, %%eax; div %%eax"), 0);
	g_expect(g_try("mov %0, %%rax; mov (%%rax), %%eax", "r"(0x8000000000000000ull)), 13);
	g_expect(c->error, 0);
	g_expect(g_try("movw $0x1238, %%ax; mov %%ax, %%es"), 13);
	g_expect(c->error, 0x1238);
	g_expect(g_try("movl $1, (%0)", "r"(0x140000000ull)), 14);
	g_expect(c->cr2, 0x140000000);
	g_expect(c->error, 2);
	g_expect(g_try("movl (%0), %%eax", "r"(0x140001000ull)), 14);
	g_expect(c->cr2, 0x140001000);
	g_expect(c->error, 0);
	g_expect(g_rdmsr_try(0x12345, &v), 13);
	g_expect(g_wrmsr_try(0x12345, 0), 13);
	g_expect(g_wrmsr_try(0xc0000102, 0x8000000000000000), 13);
	g_expect(g_try("mov %0, %%cr4", "r"(1ull << 40)), 13);
	g_expect(g_try("mov %0, %%cr8", "r"(16ull)), 13);
	g_expect(g_try("vmrun", "a"(0)), 6);
	g_expect(g_try("hlt; ud2" + 0, "a"(0)), 6);
}

static void t_exceptions(void)
{
	struct vm vm;

	vm_start(&vm, 1);
	skip("see below");
	vcpu_long(&vm.cpu[0], g_exceptions, 0);
	vcpu_done(&vm.cpu[0]);
}
