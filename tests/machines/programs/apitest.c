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
	/* VMEXIT_INVALID */
	expect((u32)run->fail_entry.hardware_entry_failure_reason, ~0u);
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
		expect(vcpu_run(&vm.cpu[0]), -EINTR);
		expect(vm.sh->ready, 0);
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

guest void g_msrs(u64 n);

static void t_fpu(void)
{
	struct kvm_xsave *x = calloc(1, 8192), *back = calloc(1, 8192);
	struct kvm_fpu f, fb;
	struct vm vm;

	vm_start(&vm, 1);
	must(vm.cpu[0].fd, KVM_GET_FPU, &f);
	expect(f.fcw, 0x37f);
	/* KVM keeps what KVM_SET_FPU says only when the components are in use */
	vcpu_long(&vm.cpu[0], g_msrs, 0);
	vcpu_done(&vm.cpu[0]);
	must(vm.cpu[0].fd, KVM_GET_FPU, &f);
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
	f.mxcsr = fb.mxcsr; /* KVM leaves it alone here */
	for (size_t i = 0; i < sizeof(f); i++)
		if (((u8 *)&f)[i] != ((u8 *)&fb)[i])
			fail("byte %zu of kvm_fpu is %#x, not %#x", i, ((u8 *)&fb)[i],
			     ((u8 *)&f)[i]);
	must(vm.cpu[0].fd, KVM_GET_XSAVE, x);
	expect(((u16 *)x)[0], 0x27f);
	expect_that((((u64 *)x)[64] & 3) == 3); /* XSTATE_BV */
	expect(((u8 *)x)[160], 0xc3);
	((u8 *)x)[160] = 0x99;
	((u32 *)x)[6] = 0x1fa0;
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
		if (m.e[i].data != b.e[i].data && m.e[i].index != 0x10 &&
		    m.e[i].index >> 4 != 0x4000001 &&
		    m.e[i].index >> 4 != 0x4000002 /* clocks */)
			fail("MSR %#x was %#llx, is %#llx", m.e[i].index, b.e[i].data,
			     m.e[i].data);
}

static const struct {
	u32 msr;
	u64 good, bad; /* bad: 0 when there is none */
} msr_values[] = {
	{ 0x174, 0x8, 0 },
	{ 0x175, 0x88001000, 0 }, /* AMD: 32 bits */
	{ 0x176, 0x88002000, 0 },
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

guest void g_exceptions(u64 arg)
{
	struct gcpu *c = this_cpu();
	u64 v;

	g_expect(g_try("ud2"), 6);
	g_expect(g_try("int3"), 3);
	g_expect(g_try("xor %%edx, %%edx; xor %%eax, %%eax; div %%eax"), 0);
	g_expect(g_try("mov %1, %%rax; mov (%%rax), %%eax", "r"(0x8000000000000000ull)), 13);
	g_expect(c->error, 0);
	g_expect(g_try("movw $0x1238, %%ax; mov %%ax, %%es"), 13);
	g_expect(c->error, 0x1238);
	g_expect(g_try("movl $1, (%1)", "r"(0x140000000ull)), 14);
	g_expect(c->cr2, 0x140000000);
	g_expect(c->error, 2);
	g_expect(g_try("movl (%1), %%eax", "r"(0x140001000ull)), 14);
	g_expect(c->cr2, 0x140001000);
	g_expect(c->error, 0);
	g_expect(g_rdmsr_try(0x12345, &v), 13);
	g_expect(g_wrmsr_try(0x12345, 0), 13);
	g_expect(g_try("mov %1, %%cr4", "r"(1ull << 40)), 13);
	g_expect(g_try("xor %%eax, %%eax; vmrun"), 6);
	g_expect(g_try("mov %%cr0, %%rax; mov %%rax, %%cr1"), 6);
	/* TF: one #DB after the next instruction, with DR6.BS */
	g_expect(g_try("pushfq; orq $0x100, (%%rsp); popfq; nop"), 1);
	asm volatile("mov %%dr6, %0" : "=r"(v));
	g_expect(v & 0x4000, 0x4000);
	/* a breakpoint on a write */
	asm volatile("mov %0, %%dr6; mov %1, %%dr0; mov %2, %%dr7"
		     : : "r"(0xffff0ff0ull), "r"(FREE_AT), "r"(0xd0402ull));
	g_expect(g_try("movl $1, (%1)\nnop", "r"(FREE_AT)), 1);
	asm volatile("mov %%dr6, %0" : "=r"(v));
	g_expect(v & 0xf, 1);
	asm volatile("mov %0, %%dr7" : : "r"(0x400ull));
}

static void t_exceptions(void)
{
	struct vm vm;

	vm_start(&vm, 1);
	vcpu_long(&vm.cpu[0], g_exceptions, 0);
	vcpu_done(&vm.cpu[0]);
}

guest void g_spin_faults(u64 arg)
{
	g_apic_on(false);
	g_out8(PORT_SYNC, 0);
	while (!SH->stop)
		cpu_relax();
}

guest void g_events(u64 arg)
{
	g_apic_on(false);
	g_out8(PORT_SYNC, 0);
	asm volatile("nop; nop; nop");
	SH->val[0] = this_cpu()->count[2];
	SH->val[1] = this_cpu()->count[0x77];
}

guest void g_nmi_iret(u64 arg)
{
	struct gcpu *c = this_cpu();
	u64 sp, ss;

	g_out8(PORT_SYNC, 0);
	SH->val[0] = c->count[2];
	asm volatile("mov %%rsp, %0; mov %%ss, %1\n"
		     "push %1; push %0; pushfq; pushq $8; pushq $1f; iretq; 1: nop"
		     : "=&r"(sp), "=&r"(ss) : : "memory");
	SH->val[1] = c->count[2];
}

static void events_get(struct vm *vm, struct kvm_vcpu_events *e)
{
	must(vm->cpu[0].fd, KVM_GET_VCPU_EVENTS, e);
}

static void t_events_exception(void)
{
	struct kvm_vcpu_events e;
	struct vm vm;

	vm_start(&vm, 1);
	vcpu_long(&vm.cpu[0], g_events, 0);
	vcpu_until(&vm.cpu[0], PORT_SYNC);
	events_get(&vm, &e);
	expect(e.exception.injected, 0);
	e.exception.injected = 1;
	e.exception.nr = 13;
	e.exception.has_error_code = 1;
	e.exception.error_code = 0x18;
	must(vm.cpu[0].fd, KVM_SET_VCPU_EVENTS, &e);
	memset(&e, 0, sizeof(e));
	events_get(&vm, &e);
	expect(e.exception.injected, 1);
	expect(e.exception.nr, 13);
	expect(e.exception.error_code, 0x18);
	vcpu_run_exit(&vm.cpu[0], KVM_EXIT_IO);
	expect(vm.cpu[0].run->io.port, PORT_FAULT);
	expect(vm.sh->cpu[0].vector, 13);
	expect(vm.sh->cpu[0].error, 0x18);
	events_get(&vm, &e);
	expect(e.exception.injected, 0);
}

static void t_events_interrupt(void)
{
	struct kvm_vcpu_events e;
	struct vm vm;

	vm_start(&vm, 1);
	vcpu_long(&vm.cpu[0], g_events, 0);
	vcpu_until(&vm.cpu[0], PORT_SYNC);
	events_get(&vm, &e);
	e.interrupt.injected = 1;
	e.interrupt.nr = 0x77;
	e.nmi.pending = 1;
	e.flags = KVM_VCPUEVENT_VALID_NMI_PENDING;
	must(vm.cpu[0].fd, KVM_SET_VCPU_EVENTS, &e);
	vcpu_done(&vm.cpu[0]);
	expect(vm.sh->val[0], 1);
	expect(vm.sh->val[1], 1);
	events_get(&vm, &e);
	expect(e.interrupt.injected, 0);
	expect(e.nmi.pending, 0);
}

static void t_events_nmi_masked(void)
{
	struct kvm_vcpu_events e;
	struct vm vm;

	vm_start(&vm, 1);
	vcpu_long(&vm.cpu[0], g_nmi_iret, 0);
	vcpu_until(&vm.cpu[0], PORT_SYNC);
	events_get(&vm, &e);
	expect(e.nmi.masked, 0);
	e.nmi.masked = 1;
	e.nmi.pending = 1;
	e.flags = KVM_VCPUEVENT_VALID_NMI_PENDING;
	must(vm.cpu[0].fd, KVM_SET_VCPU_EVENTS, &e);
	memset(&e, 0, sizeof(e));
	events_get(&vm, &e);
	expect(e.nmi.masked, 1);
	expect(e.nmi.pending, 1);
	vcpu_done(&vm.cpu[0]);
	expect(vm.sh->val[0], 0);
	expect(vm.sh->val[1], 1);
	events_get(&vm, &e);
	expect(e.nmi.masked, 0);
}

static void t_events_shadow(void)
{
	struct kvm_vcpu_events e;
	struct vm vm;

	vm_start(&vm, 1);
	vcpu_long(&vm.cpu[0], g_events, 0);
	vcpu_until(&vm.cpu[0], PORT_SYNC);
	events_get(&vm, &e);
	expect(e.interrupt.shadow, 0);
	e.interrupt.shadow = KVM_X86_SHADOW_INT_STI;
	e.flags = KVM_VCPUEVENT_VALID_SHADOW;
	must(vm.cpu[0].fd, KVM_SET_VCPU_EVENTS, &e);
	events_get(&vm, &e);
	expect_that(e.interrupt.shadow & KVM_X86_SHADOW_INT_STI);
	expect_that(e.flags & KVM_VCPUEVENT_VALID_SHADOW);
	vcpu_done(&vm.cpu[0]);
	events_get(&vm, &e);
	expect(e.interrupt.shadow, 0);
}

/* ---- NMI ---- */

guest void g_nmi(u64 arg)
{
	struct gcpu *c = this_cpu();

	SH->arg[15] = 1; /* the handler says SYNC */
	SH->ready = 1;
	while (c->count[2] < 1)
		asm volatile("hlt"); /* IF clear: only an NMI wakes it */
	SH->val[0] = c->count[2];
	asm volatile("nop; nop");
	SH->val[1] = c->count[2];
}

static void *run_thread(void *cpu)
{
	vcpu_run_exit(cpu, KVM_EXIT_IO);
	return NULL;
}

static void t_nmi(void)
{
	struct sigaction sa = { .sa_handler = count_signal };
	pthread_t me = pthread_self(), t;
	struct kvm_vcpu_events e;
	struct kvm_mp_state mp;
	struct vm vm;

	vm_start(&vm, 1);
	vcpu_long(&vm.cpu[0], g_nmi, 0);
	/* KVM_NMI waits for KVM_RUN to end: let it */
	sigaction(SIGUSR1, &sa, NULL);
	pthread_create(&t, NULL, kicker, &me);
	expect(vcpu_run(&vm.cpu[0]), -EINTR);
	pthread_join(t, NULL);
	expect(vm.sh->ready, 1);
	must(vm.cpu[0].fd, KVM_GET_MP_STATE, &mp);
	expect(mp.mp_state, KVM_MP_STATE_HALTED);
	must(vm.cpu[0].fd, KVM_NMI, 0);
	vcpu_until(&vm.cpu[0], PORT_SYNC);
	expect(vm.sh->cpu[0].count[2], 1);
	events_get(&vm, &e);
	expect(e.nmi.masked, 1);
	/* three more in the handler: one is kept */
	for (int i = 0; i < 3; i++)
		must(vm.cpu[0].fd, KVM_NMI, 0);
	vcpu_until(&vm.cpu[0], PORT_SYNC);
	expect(vm.sh->cpu[0].count[2], 2);
	vcpu_done(&vm.cpu[0]);
	expect(vm.sh->cpu[0].count[2], 2);
	events_get(&vm, &e);
	expect(e.nmi.masked, 0);
}

/* ---- INIT and SIPI ---- */

asm(".pushsection .rodata\n.code16\n"
    "ap_start: mov %cs, %ax; mov %ax, %cs:(0x1ff0); mov %cs:(0x1ff2), %bx\n"
    "mov $0x1234, %dx; out %ax, %dx; 1: hlt; jmp 1b\n"
    "ap_start_end:\n.code64\n.popsection\n");
extern const u8 ap_start[], ap_start_end[];

guest void g_sipi(u64 arg)
{
	g_apic_on(arg);
	SH->ready = 1;
	g_icr(1, 0x4500);
	g_icr(1, 0x4600 | CODE16_AT >> 12);
	g_wait(*(volatile u16 *)(CODE16_AT + 0x1ff0));
	g_icr(1, 0x4600 | 0x55); /* no second one */
	g_expect(*(volatile u16 *)(CODE16_AT + 0x1ff0), CODE16_AT >> 4);
}

static void sipi(bool x2apic)
{
	struct kvm_mp_state mp;
	struct kvm_sregs s;
	struct vm vm;
	pthread_t t;

	vm_start(&vm, 2);
	vm_blob(&vm, CODE16_AT, ap_start, ap_start_end);
	vcpu_long(&vm.cpu[0], g_sipi, x2apic);
	if (x2apic) { /* INIT leaves the mode alone; vcpu_long() would start the AP */
		vm.sh->cpu[1].id = 1;
		sregs_get(&vm.cpu[1], &s);
		s.apic_base |= 0xc00;
		sregs_set(&vm.cpu[1], &s);
	}
	pthread_create(&t, NULL, run_thread, &vm.cpu[1]);
	usleep(20000);
	vcpu_done(&vm.cpu[0]);
	pthread_join(t, NULL);
	expect(vm.cpu[1].run->io.port, 0x1234);
	sregs_get(&vm.cpu[1], &s);
	expect(s.cs.base, CODE16_AT);
	expect(s.cs.selector, CODE16_AT >> 4);
	expect(s.cr0 & 1, 0);
	must(vm.cpu[1].fd, KVM_GET_MP_STATE, &mp);
	expect(mp.mp_state, KVM_MP_STATE_RUNNABLE);
}

static void t_sipi(void) { sipi(false); }
static void t_sipi_x2apic(void) { sipi(true); }


/* ---- local APIC ---- */

static u32 *lapic_reg(struct kvm_lapic_state *l, u32 reg)
{
	return (u32 *)(l->regs + reg);
}

static void t_lapic_reset(void)
{
	static const struct { u32 reg, value; } reset[] = {
		{ APIC_TPR, 0 }, { APIC_LDR, 0 }, { APIC_DFR, 0xffffffff }, { APIC_SVR, 0xff },
		{ APIC_LVTT, 0x10000 }, { 0x330, 0x10000 }, { 0x340, 0x10000 },
		{ 0x360, 0x10000 }, { 0x370, 0x10000 }, { APIC_TMICT, 0 }, { APIC_TDCR, 0 },
		{ APIC_ESR, 0 }, { APIC_ICR, 0 }, { APIC_ICR2, 0 }, { APIC_IRR, 0 },
		{ APIC_ISR, 0 },
	};
	struct kvm_lapic_state l;
	struct vm vm;

	vm_start(&vm, 2);
	for (int cpu = 0; cpu < 2; cpu++) {
		must(vm.cpu[cpu].fd, KVM_GET_LAPIC, &l);
		for (size_t i = 0; i < ARRAY_SIZE(reset); i++)
			if (*lapic_reg(&l, reset[i].reg) != reset[i].value)
				fail("vCPU %d register %#x is %#x, not %#x", cpu, reset[i].reg,
				     *lapic_reg(&l, reset[i].reg), reset[i].value);
		expect(*lapic_reg(&l, APIC_ID), cpu << 24);
		expect(*lapic_reg(&l, 0x30) & 0xff, 0x14);
	}
}

/* Interrupts put into IRR by KVM_SET_LAPIC are taken, the highest first. */
guest void g_open(u64 arg)
{
	g_out8(PORT_SYNC, 0);
	g_sti();
	asm volatile("nop; nop; cli");
}

static void t_lapic_set(void)
{
	struct kvm_lapic_state l, back;
	struct gcpu *c;
	struct vm vm;

	vm_start(&vm, 1);
	c = &vm.sh->cpu[0];
	vcpu_long(&vm.cpu[0], g_open, 0);
	must(vm.cpu[0].fd, KVM_GET_LAPIC, &l);
	*lapic_reg(&l, APIC_SVR) = 0x1ff;
	*lapic_reg(&l, APIC_TPR) = 0x40;
	*lapic_reg(&l, APIC_LDR) = 0x04000000;
	*lapic_reg(&l, 0x350) = 0x10755;
	*lapic_reg(&l, APIC_IRR + 0x30) = 1 << 5; /* 0x65 */
	*lapic_reg(&l, APIC_IRR + 0x40) = 1 << 8; /* 0x88 */
	*lapic_reg(&l, APIC_IRR + 0x20) = 1 << 1 | 1 << 2; /* 0x41, 0x42: below TPR */
	must(vm.cpu[0].fd, KVM_SET_LAPIC, &l);
	must(vm.cpu[0].fd, KVM_GET_LAPIC, &back);
	*lapic_reg(&l, APIC_PPR) = *lapic_reg(&back, APIC_PPR);
	for (u32 reg = 0; reg < 0x400; reg += 16)
		if (*lapic_reg(&l, reg) != *lapic_reg(&back, reg))
			fail("register %#x is %#x, not %#x", reg, *lapic_reg(&back, reg),
			     *lapic_reg(&l, reg));
	vcpu_until(&vm.cpu[0], PORT_SYNC);
	vcpu_done(&vm.cpu[0]);
	expect(c->nlog, 2);
	expect(c->log[0], 0x88);
	expect(c->log[1], 0x65);
	must(vm.cpu[0].fd, KVM_GET_LAPIC, &back);
	expect(*lapic_reg(&back, APIC_IRR + 0x20), 6);
	expect(*lapic_reg(&back, APIC_IRR + 0x30), 0);
}

/* The engine's rules as a guest sees them; in both modes. */
guest void g_apic_rules(u64 x2)
{
	struct gcpu *c = this_cpu();

	g_apic_on(x2);
	g_sti();
	c->no_eoi[0x52] = true;
	g_icr(0, 0x40052); /* self */
	asm volatile("nop; nop");
	g_expect(c->count[0x52], 1);
	g_expect(g_apic_read(APIC_ISR + 0x20), 1 << 18);
	g_expect(g_apic_read(APIC_PPR), 0x50);
	g_icr(0, 0x40041); /* a lower class waits */
	g_icr(0, 0x4005f); /* and so does the same class */
	asm volatile("nop; nop");
	g_expect(c->count[0x41] + c->count[0x5f], 0);
	g_expect(g_apic_read(APIC_IRR + 0x20), 1u << 31 | 1 << 1);
	g_icr(0, 0x40060); /* a higher one does not */
	asm volatile("nop; nop");
	g_expect(c->count[0x60], 1);
	g_apic_write(APIC_EOI, 0);
	asm volatile("nop; nop");
	g_expect(c->count[0x5f], 1);
	g_expect(c->count[0x41], 1);
	g_expect(c->log[2], 0x5f);
	g_expect(c->log[3], 0x41);
	g_expect(g_apic_read(APIC_ISR + 0x20), 0);
	/* TPR and CR8 are one */
	asm volatile("mov %0, %%cr8" : : "r"(6ull));
	g_expect(g_apic_read(APIC_TPR), 0x60);
	g_icr(0, 0x40063);
	g_icr(0, 0x40063);
	asm volatile("nop; nop");
	g_expect(c->count[0x63], 0);
	g_apic_write(APIC_TPR, 0x50);
	asm volatile("nop; nop");
	g_expect(c->count[0x63], 1); /* twice sent, once taken */
	g_apic_write(APIC_TPR, 0);
	/* the shadow of STI */
	g_cli();
	g_icr(0, 0x40070);
	asm volatile("sti; cli; nop");
	g_expect(c->count[0x70], 0);
	g_sti();
	g_expect(c->count[0x70], 1);
	/* the vector 5 is illegal: ESR */
	g_apic_write(APIC_ESR, 0);
	g_icr(0, 0x40005);
	g_apic_write(APIC_ESR, 0);
	SH->val[0] = g_apic_read(APIC_ESR);
	/* software disabled: nothing is taken, LVTs are masked */
	g_apic_write(APIC_LVT0, 0x55);
	g_apic_write(APIC_SVR, 0xff);
	g_expect(g_apic_read(APIC_LVT0), 0x10055);
	g_icr(0, 0x40071);
	asm volatile("nop; nop");
	g_apic_write(APIC_SVR, 0x1ff);
	asm volatile("nop; nop");
	g_expect(c->count[0x71], 0);
	g_cli();
}

static void t_apic_rules(void)
{
	struct vm vm;

	vm_start(&vm, 1);
	vcpu_long(&vm.cpu[0], g_apic_rules, 0);
	vcpu_done(&vm.cpu[0]);
}

static void t_apic_rules_x2(void)
{
	struct vm vm;

	vm_start(&vm, 1);
	vcpu_long(&vm.cpu[0], g_apic_rules, 1);
	vcpu_done(&vm.cpu[0]);
}

/* Modes and their registers: xAPIC, x2APIC, off; what is illegal faults. */
guest void g_x2apic_rules(u64 arg)
{
	u64 base = g_rdmsr(0x1b), v;

	g_expect(base, 0xfee00900);
	g_expect(g_rdmsr_try(0x802, &v), 13);
	g_expect(g_wrmsr_try(0x1b, base & ~0x800ull), -1); /* off */
	g_expect(g_wrmsr_try(0x1b, base | 0xc00), 13); /* not straight to x2APIC */
	g_expect(g_wrmsr_try(0x1b, base), -1);
	g_expect(g_wrmsr_try(0x1b, base | 0x400), -1);
	g_expect(g_wrmsr_try(0x1b, base), 13); /* nor back to xAPIC */
	g_expect(g_wrmsr_try(0x1b, base | 1ull << 60), 13);
	this_cpu()->x2apic = true;
	g_expect(g_rdmsr(0x802), 0);
	g_expect(g_rdmsr(0x80d), 1);
	g_expect(g_wrmsr_try(0x802, 0), 13); /* read-only */
	g_expect(g_wrmsr_try(0x80d, 0), 13);
	g_expect(g_rdmsr_try(0x80b, &v), 13); /* write-only */
	g_expect(g_rdmsr_try(0x80e, &v), 13); /* no DFR */
	g_expect(g_rdmsr_try(0x831, &v), 13); /* no ICR2 */
	g_expect(g_wrmsr_try(0x808, 1ull << 32), 13);
	g_expect(g_wrmsr_try(0x828, 1), 13);
	g_expect(g_wrmsr_try(0x83f, 0x141), 13);
	g_expect(g_wrmsr_try(0x808, 0xf0), -1);
	g_expect(g_rdmsr(0x808), 0xf0);
}

static void t_x2apic_rules(void)
{
	struct vm vm;

	vm_start(&vm, 1);
	vcpu_long(&vm.cpu[0], g_x2apic_rules, 0);
	vcpu_done(&vm.cpu[0]);
}

/* ---- IPIs between vCPUs ---- */

guest void g_ipi_target(u64 x2)
{
	g_apic_on(x2);
	__atomic_add_fetch(&SH->ready, 1, __ATOMIC_SEQ_CST);
	g_sti();
	while (!SH->stop)
		if (SH->arg[1]) {
			g_cli();
			if (!SH->stop)
				g_sti_hlt();
		} else {
			cpu_relax();
		}
}

/* Which vCPUs take an IPI: a bit each. */
guest void ipi_check(u32 dest, u32 low, u32 who)
{
	static u32 vector = 0x40;

	vector = vector == 0xef ? 0x40 : vector + 1;
	g_icr(dest, low | vector);
	g_wait(SH->cpu[0].count[vector] + SH->cpu[1].count[vector] + SH->cpu[2].count[vector] >=
	       (u64)__builtin_popcount(who & 15));
	for (int i = 0; i < 1000; i++)
		cpu_relax();
	for (u32 i = 0; i < 3; i++)
		if (SH->cpu[i].count[vector] != (who >> i & 1))
			g_fail("IPI (ICR, dest, who took it)", (u64)low << 32 | dest,
			       SH->cpu[0].count[vector] | SH->cpu[1].count[vector] << 1 |
			       SH->cpu[2].count[vector] << 2);
	for (u32 i = 0; i < 3; i++)
		SH->cpu[i].count[vector] = 0;
}

guest void g_ipi(u64 x2)
{
	u32 all = x2 ? ~0u : 0xff;

	g_apic_on(x2);
	g_wait(SH->ready == 2);
	g_sti();
	for (int round = 0; round < 20; round++) {
		ipi_check(1, 0x4000, 2);
		ipi_check(2, 0x4000, 4);
		ipi_check(0, 0x4000, 1);
		ipi_check(all, 0x4000, 7); /* broadcast */
		ipi_check(0, 0x84000, 7); /* all */
		ipi_check(0, 0xc4000, 6); /* all but self */
		ipi_check(0, 0x44000, 1); /* self */
		ipi_check(6, 0x4800, 6); /* logical: in x2APIC mode cluster 0 */
		ipi_check(3, 0x4800, 3);
		ipi_check(4, 0x4900, 4); /* lowest priority among one */
		ipi_check(9, 0x4000, 0); /* nobody's */
	}
	SH->stop = 1;
	g_icr(0, 0xc40f0);
}

static void ipis(bool x2apic, bool halted)
{
	pthread_t t[2];
	struct vm vm;

	vm_start(&vm, 3);
	vm.sh->arg[1] = halted;
	for (int i = 0; i < 3; i++)
		vcpu_long(&vm.cpu[i], i ? g_ipi_target : g_ipi, x2apic);
	for (int i = 0; i < 2; i++)
		pthread_create(&t[i], NULL, vcpu_thread, &vm.cpu[i + 1]);
	vcpu_done(&vm.cpu[0]);
	for (int i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
}

static void t_ipi(void) { ipis(false, false); }
static void t_ipi_x2apic(void) { ipis(true, false); }
static void t_ipi_halted(void) { ipis(false, true); }
static void t_ipi_x2apic_halted(void) { ipis(true, true); }

/* ---- timer ---- */

guest void g_timer(u64 x2)
{
	struct gcpu *c = this_cpu();
	u64 t;

	g_apic_on(x2);
	g_apic_write(APIC_TDCR, 0xb); /* by 1 */
	g_sti();
	/* one-shot */
	g_apic_write(APIC_LVTT, 0x41);
	for (u64 i = 0; i < 20; i++) {
		g_apic_write(APIC_TMICT, 100000);
		g_wait(c->count[0x41] == i + 1);
	}
	g_expect(g_apic_read(APIC_TMCCT), 0);
	/* stopped by 0 */
	g_apic_write(APIC_TMICT, 2000000);
	g_expect(g_apic_read(APIC_TMCCT) > 0, 1);
	g_apic_write(APIC_TMICT, 0);
	g_expect(g_apic_read(APIC_TMCCT), 0);
	/* periodic, till it is masked */
	g_apic_write(APIC_LVTT, 1 << 17 | 0x42);
	g_apic_write(APIC_TMICT, 500000);
	g_wait(c->count[0x42] >= 20);
	g_apic_write(APIC_LVTT, 1 << 17 | 1 << 16 | 0x42);
	t = c->count[0x42];
	for (int i = 0; i < 20000; i++)
		cpu_relax();
	g_expect(c->count[0x42] - t <= 1, 1); /* one may have been on its way */
	g_apic_write(APIC_TMICT, 0);
	/* deadline */
	g_apic_write(APIC_LVTT, 2 << 17 | 0x43);
	for (u64 i = 0; i < 20; i++) {
		t = rdtsc() + 2000000;
		g_wrmsr(0x6e0, t);
		if (i & 1) {
			g_cli();
			while (c->count[0x43] == i) {
				g_sti_hlt();
				g_cli();
			}
			g_sti();
		} else {
			g_wait(c->count[0x43] == i + 1);
		}
		g_expect(c->stamp >= t, 1); /* never early */
		g_expect(g_rdmsr(0x6e0), 0);
	}
	g_wrmsr(0x6e0, 1); /* past: at once */
	g_wait(c->count[0x43] == 21);
	g_wrmsr(0x6e0, rdtsc() + (1ull << 40));
	g_expect(g_rdmsr(0x6e0) > 0, 1);
	g_wrmsr(0x6e0, 0); /* disarmed */
	g_expect(g_rdmsr(0x6e0), 0);
	g_expect(c->count[0x41], 20);
	g_cli();
}

static void timer(bool x2apic)
{
	struct vm vm;

	vm_start(&vm, 1);
	vcpu_long(&vm.cpu[0], g_timer, x2apic);
	vcpu_done(&vm.cpu[0]);
}

static void t_timer(void) { timer(false); }
static void t_timer_x2apic(void) { timer(true); }

/* ---- lines, MSIs, routes ---- */

union rte {
	u64 bits;
	struct {
		u8 vector;
		u8 delivery_mode : 3, dest_mode : 1, delivery_status : 1, polarity : 1,
		   remote_irr : 1, trig_mode : 1;
		u8 mask : 1, reserve : 7, reserved[4], dest_id;
	} fields;
};

static void ioapic_set(struct vm *vm, int pin, union rte *e)
{
	struct kvm_irqchip c = { .chip_id = KVM_IRQCHIP_IOAPIC };

	must(vm->fd, KVM_GET_IRQCHIP, &c);
	memcpy(&c.chip.ioapic.redirtbl[pin], e, sizeof(*e));
	must(vm->fd, KVM_SET_IRQCHIP, &c);
}

static u64 ioapic_get(struct vm *vm, int pin)
{
	struct kvm_irqchip c = { .chip_id = KVM_IRQCHIP_IOAPIC };

	must(vm->fd, KVM_GET_IRQCHIP, &c);
	return c.chip.ioapic.redirtbl[pin].bits;
}

static int irq_line(struct vm *vm, int gsi, int level)
{
	struct kvm_irq_level l = { .irq = gsi, .level = level };

	must(vm->fd, KVM_IRQ_LINE_STATUS, &l);
	return l.status;
}

static int send_msi(struct vm *vm, u32 dest, u32 data)
{
	struct kvm_msi m = { .address_lo = 0xfee00000 | dest << 12, .data = data };

	return try(vm->fd, KVM_SIGNAL_MSI, &m);
}

guest void g_lines(u64 arg)
{
	g_apic_on(false);
	for (;;) {
		g_out8(PORT_SYNC, 0);
		g_sti();
		asm volatile("nop; nop; nop");
		g_cli();
	}
}

static void t_ioapic_reset(void)
{
	struct kvm_irqchip c = { .chip_id = KVM_IRQCHIP_IOAPIC };
	struct vm vm;

	vm_start(&vm, 1);
	must(vm.fd, KVM_GET_IRQCHIP, &c);
	expect(c.chip.ioapic.base_address, IOAPIC_AT);
	expect(c.chip.ioapic.irr, 0);
	for (int i = 0; i < 24; i++)
		expect(c.chip.ioapic.redirtbl[i].bits, 0x10000);
}

static void t_line_edge(void)
{
	union rte e = { .fields = { .vector = 0x61 } };
	volatile u64 *count;
	struct vm vm;

	vm_start(&vm, 1);
	count = &vm.sh->cpu[0].count[0x61];
	vcpu_long(&vm.cpu[0], g_lines, 0);
	vcpu_until(&vm.cpu[0], PORT_SYNC);
	e.fields.mask = 1;
	ioapic_set(&vm, 20, &e);
	expect(irq_line(&vm, 20, 1), -1); /* masked */
	expect(irq_line(&vm, 20, 0), 1);
	e.fields.mask = 0;
	ioapic_set(&vm, 20, &e);
	vcpu_until(&vm.cpu[0], PORT_SYNC);
	expect(*count, 0);
	expect(irq_line(&vm, 20, 1), 1);
	expect(irq_line(&vm, 20, 1), 0); /* no new edge */
	expect(irq_line(&vm, 20, 0), 1);
	vcpu_until(&vm.cpu[0], PORT_SYNC);
	expect(*count, 1);
	expect(irq_line(&vm, 20, 1), 1);
	expect(irq_line(&vm, 20, 0), 1);
	vcpu_until(&vm.cpu[0], PORT_SYNC);
	expect(*count, 2);
	expect(ioapic_get(&vm, 20), e.bits);
	/* an unknown GSI */
	struct kvm_irq_level l = { .irq = 3000, .level = 1 };
	must(vm.fd, KVM_IRQ_LINE_STATUS, &l);
	expect(l.status, -1);
}

static void t_line_level(void)
{
	union rte e = { .fields = { .vector = 0x62, .trig_mode = 1 } };
	volatile u64 *count;
	struct gcpu *c;
	struct vm vm;

	vm_start(&vm, 1);
	c = &vm.sh->cpu[0];
	count = &c->count[0x62];
	vcpu_long(&vm.cpu[0], g_lines, 0);
	vcpu_until(&vm.cpu[0], PORT_SYNC);
	ioapic_set(&vm, 21, &e);
	expect(irq_line(&vm, 21, 1), 1);
	expect(ioapic_get(&vm, 21), e.bits | 1 << 14); /* remote IRR */
	expect(irq_line(&vm, 21, 1), -1); /* as KVM: still in service */
	/* the line stays up: comes again after each EOI; without EOI it does not */
	c->no_eoi[0x62] = true;
	vcpu_until(&vm.cpu[0], PORT_SYNC);
	expect(*count, 1);
	vcpu_until(&vm.cpu[0], PORT_SYNC);
	expect(*count, 1);
	expect(ioapic_get(&vm, 21), e.bits | 1 << 14);
	expect(irq_line(&vm, 21, 0), 1);
	expect(ioapic_get(&vm, 21), e.bits | 1 << 14); /* till the EOI */
}

guest void g_level_eoi(u64 n)
{
	struct gcpu *c = this_cpu();

	g_apic_on(SH->arg[0]);
	c->no_eoi[0x63] = true;
	SH->ready = 1;
	g_sti();
	for (u64 i = 1; i <= n; i++) {
		g_wait(c->count[0x63] == i);
		g_expect(g_apic_read(APIC_TMR + 0x30) >> 3 & 1, 1);
		if (i % 2) { /* the host takes the line down first */
			SH->go = i;
			g_wait(SH->arg[3] == i);
		} /* else it is still up: the next comes by itself */
		g_apic_write(APIC_EOI, 0);
	}
	SH->go = n + 1;
	g_cli();
}

/* Level-triggered: the guest's EOI clears remote IRR, a line still up asserts anew. */
static void level_eoi(bool x2apic)
{
	union rte e = { .fields = { .vector = 0x63, .trig_mode = 1 } };
	const u64 n = 40;
	pthread_t t;
	struct vm vm;

	vm_start(&vm, 1);
	vm.sh->arg[0] = x2apic;
	vcpu_long(&vm.cpu[0], g_level_eoi, n);
	pthread_create(&t, NULL, vcpu_thread, &vm.cpu[0]);
	while (!vm.sh->ready)
		usleep(100);
	ioapic_set(&vm, 21, &e);
	expect(irq_line(&vm, 21, 1), 1);
	for (u64 i = 1; i <= n; i += 2) {
		while (vm.sh->go != i)
			usleep(100);
		irq_line(&vm, 21, 0);
		expect(vm.sh->cpu[0].count[0x63], i);
		/* up again before the EOI: not lost, and not twice */
		irq_line(&vm, 21, 1);
		if (i + 1 == n) /* the last EOI shall find it down */
			irq_line(&vm, 21, 0), irq_line(&vm, 21, 1);
		vm.sh->arg[3] = i;
	}
	pthread_join(t, NULL);
	expect(irq_line(&vm, 21, 0), 1);
	expect_that(vm.sh->cpu[0].count[0x63] >= n);
}

static void t_level_eoi(void) { level_eoi(false); }
static void t_level_eoi_x2apic(void) { level_eoi(true); }

/* The guest programs the IOAPIC by MMIO. */
guest void g_ioapic_mmio(u64 arg)
{
	struct gcpu *c = this_cpu();

	g_apic_on(false);
	g_sti();
	g_write32(IOAPIC_AT, 1);
	g_expect(g_read32(IOAPIC_AT + 0x10) & 0xff00ff, 0x170011);
	g_write32(IOAPIC_AT, 0x10 + 2 * 22 + 1);
	g_write32(IOAPIC_AT + 0x10, 0);
	g_write32(IOAPIC_AT, 0x10 + 2 * 22);
	g_write32(IOAPIC_AT + 0x10, 0x64);
	g_expect(g_read32(IOAPIC_AT + 0x10), 0x64);
	g_out8(PORT_SYNC, 0);
	g_wait(c->count[0x64] == 1);
	g_write32(IOAPIC_AT + 0x10, 0x10064); /* masked */
	g_out8(PORT_SYNC, 0);
	asm volatile("nop; nop; nop");
	g_expect(c->count[0x64], 1);
	g_cli();
}

static void t_ioapic_mmio(void)
{
	struct vm vm;

	vm_start(&vm, 1);
	vcpu_long(&vm.cpu[0], g_ioapic_mmio, 0);
	for (int i = 0; i < 2; i++) {
		vcpu_until(&vm.cpu[0], PORT_SYNC);
		irq_line(&vm, 22, 1);
		irq_line(&vm, 22, 0);
	}
	vcpu_done(&vm.cpu[0]);
}

static void t_msi(void)
{
	volatile u64 *count;
	struct vm vm;

	vm_start(&vm, 1);
	count = vm.sh->cpu[0].count;
	vcpu_long(&vm.cpu[0], g_lines, 0);
	expect(send_msi(&vm, 0, 0x70), 0); /* the APIC is off */
	vcpu_until(&vm.cpu[0], PORT_SYNC);
	expect(send_msi(&vm, 0, 0x71), 1);
	expect(send_msi(&vm, 0, 0x71), 1); /* coalesced, but KVM says delivered */
	expect(send_msi(&vm, 0, 0x72), 1);
	expect(send_msi(&vm, 7, 0x73), 0); /* nobody there */
	vcpu_until(&vm.cpu[0], PORT_SYNC);
	expect(count[0x70], 0);
	expect(count[0x71], 1);
	expect(count[0x72], 1);
	expect(count[0x73], 0);
	expect(vm.sh->cpu[0].log[0], 0x72);
}

struct route_args {
	struct vm *vm;
	volatile int stop;
	long swaps;
};

static void route_msi(struct vm *vm, u32 gsi, u32 data)
{
	struct {
		struct kvm_irq_routing h;
		struct kvm_irq_routing_entry e[1];
	} r = { .h.nr = 1 };

	r.e[0].gsi = gsi;
	r.e[0].type = KVM_IRQ_ROUTING_MSI;
	r.e[0].u.msi.address_lo = 0xfee00000;
	r.e[0].u.msi.data = data;
	must(vm->fd, KVM_SET_GSI_ROUTING, &r);
}

static void *route_swapper(void *arg)
{
	struct route_args *a = arg;

	while (!a->stop) {
		route_msi(a->vm, 24, a->swaps & 1 ? 0x81 : 0x91);
		a->swaps++;
	}
	return NULL;
}

/* Routes are swapped while interrupts use them: each arrives once, by one of them. */
static void t_route_swap(void)
{
	struct route_args a = { 0 };
	pthread_t swapper, cpu;
	volatile u64 *count;
	struct vm vm;

	vm_start(&vm, 1);
	count = vm.sh->cpu[0].count;
	route_msi(&vm, 24, 0x81);
	vcpu_long(&vm.cpu[0], g_ipi_target, 0);
	pthread_create(&cpu, NULL, vcpu_thread, &vm.cpu[0]);
	while (!vm.sh->ready)
		usleep(100);
	a.vm = &vm;
	pthread_create(&swapper, NULL, route_swapper, &a);
	for (u64 i = 0; i < 300 || a.swaps < 10; i++) {
		expect(irq_line(&vm, 24, 1), 1);
		for (int k = 0; count[0x81] + count[0x91] == i && k < 100000; k++)
			usleep(20);
		expect(count[0x81] + count[0x91], i + 1);
	}
	a.stop = 1;
	vm.sh->stop = 1;
	pthread_join(swapper, NULL);
	pthread_join(cpu, NULL);
	expect_that(a.swaps >= 10);
	/* the default routes are gone */
	struct kvm_irq_level l = { .irq = 20, .level = 1 };
	must(vm.fd, KVM_IRQ_LINE_STATUS, &l);
	expect(l.status, -1);
}

/* ---- the rest ---- */

static void t_run_fields(void)
{
	struct vm vm;

	vm_start(&vm, 1);
	vcpu_long(&vm.cpu[0], g_lines, 0);
	vcpu_until(&vm.cpu[0], PORT_SYNC);
	expect(vm.cpu[0].run->if_flag, 0);
	expect(vm.cpu[0].run->apic_base, 0xfee00900);
	expect(vm.cpu[0].run->cr8, 0);
	expect(vm.cpu[0].run->ready_for_interrupt_injection, 1);
	expect(vm.cpu[0].run->flags, 0);
}

guest void g_memory(u64 n)
{
	for (u64 i = 0; i < n; i++)
		*(volatile u64 *)(FREE_AT + i * 4096) += i;
}

static void t_memory(void)
{
	struct vm vm;

	vm_start(&vm, 1);
	for (u64 i = 0; i < 512; i++)
		*(u64 *)(vm.mem + FREE_AT + i * 4096) = i << 32;
	vcpu_long(&vm.cpu[0], g_memory, 1024);
	vcpu_done(&vm.cpu[0]);
	for (u64 i = 0; i < 1024; i++)
		expect(*(u64 *)(vm.mem + FREE_AT + i * 4096), (i < 512 ? i << 32 : 0) + i);
}

static void t_stats(void)
{
	struct vm vm;
	long before;
	int fd, vfd;

	vm_start(&vm, 1);
	fd = ioctl(vm.cpu[0].fd, KVM_GET_STATS_FD, 0);
	vfd = ioctl(vm.fd, KVM_GET_STATS_FD, 0);
	expect_that(fd >= 0 && vfd >= 0);
	before = stat_read(fd, "exits");
	expect_that(before >= 0);
	vcpu_long(&vm.cpu[0], g_msrs, 0);
	vcpu_done(&vm.cpu[0]);
	expect_that(stat_read(fd, "exits") > before);
	expect_that(stat_read(fd, "io_exits") == 1);
	expect(stat_read(fd, "no_such_counter"), -1);
	/* a statistics fd outlives the others */
	vm_end(&vm);
	expect_that(stat_read(fd, "exits") > before);
	close(fd);
	close(vfd);
}

guest void g_tsc(u64 arg)
{
	u64 a = rdtsc(), b = g_rdmsr(0x10), c = rdtsc();

	g_expect(a <= b, 1);
	g_expect(b <= c, 1);
	SH->val[0] = c;
	g_wrmsr(0x10, 1ull << 50);
	a = rdtsc();
	g_expect(a >> 50, 1);
	g_expect(a - (1ull << 50) < 1ull << 40, 1);
}

static void t_tsc(void)
{
	struct vm vm;

	vm_start(&vm, 1);
	vcpu_long(&vm.cpu[0], g_tsc, 0);
	vcpu_done(&vm.cpu[0]);
	expect_that(msr_get(&vm.cpu[0], 0x10) >= 1ull << 50);
}

/* A vCPU runs in one thread at a time, and may change threads. */
guest void g_count(u64 n)
{
	for (u64 i = 0; i < n; i++) {
		SH->val[0]++;
		g_out8(PORT_SYNC, 0);
	}
}

static void t_threads(void)
{
	pthread_t t;
	struct vm vm;

	vm_start(&vm, 1);
	vcpu_long(&vm.cpu[0], g_count, 40);
	for (u64 i = 1; i <= 40; i++) {
		pin_to(i % host_cpus());
		pthread_create(&t, NULL, run_thread, &vm.cpu[0]);
		pthread_join(t, NULL);
		expect(vm.sh->val[0], i);
	}
	vcpu_done(&vm.cpu[0]);
}

static const struct test tests[] = {
	{ "version", t_version },
	{ "lists", t_lists },
	{ "reset_state", t_reset_state },
	{ "hlt_exit", t_hlt_exit },
	{ "io", t_io },
	{ "memory", t_memory },
	{ "io_string", t_io_string },
	{ "mmio", t_mmio, 200 },
	{ "shutdown", t_shutdown },
	{ "fail_entry", t_fail_entry },
	{ "internal_error", t_internal_error },
	{ "immediate_exit", t_immediate_exit },
	{ "signal", t_signal },
	{ "signal_mask", t_signal_mask },
	{ "halt_signal", t_halt_signal },
	{ "regs", t_regs },
	{ "sregs", t_sregs },
	{ "cr8", t_cr8 },
	{ "fpu", t_fpu },
	{ "msrs", t_msrs },
	{ "msr_values", t_msr_values },
	{ "cpuid", t_cpuid },
	{ "exceptions", t_exceptions },
	{ "events_exception", t_events_exception },
	{ "events_interrupt", t_events_interrupt },
	{ "events_nmi_masked", t_events_nmi_masked },
	{ "events_shadow", t_events_shadow },
	{ "nmi", t_nmi },
	{ "sipi", t_sipi },
	{ "sipi_x2apic", t_sipi_x2apic },
	{ "lapic_reset", t_lapic_reset },
	{ "lapic_set", t_lapic_set },
	{ "apic_rules", t_apic_rules },
	{ "apic_rules_x2apic", t_apic_rules_x2 },
	{ "x2apic_rules", t_x2apic_rules },
	{ "ipi", t_ipi },
	{ "ipi_x2apic", t_ipi_x2apic },
	{ "ipi_halted", t_ipi_halted },
	{ "ipi_x2apic_halted", t_ipi_x2apic_halted },
	{ "timer", t_timer },
	{ "timer_x2apic", t_timer_x2apic },
	{ "ioapic_reset", t_ioapic_reset },
	{ "ioapic_mmio", t_ioapic_mmio },
	{ "line_edge", t_line_edge },
	{ "line_level", t_line_level },
	{ "level_eoi", t_level_eoi },
	{ "level_eoi_x2apic", t_level_eoi_x2apic },
	{ "msi", t_msi },
	{ "route_swap", t_route_swap },
	{ "run_fields", t_run_fields },
	{ "stats", t_stats },
	{ "tsc", t_tsc },
	{ "threads", t_threads },
};

int main(int argc, char **argv)
{
	return run_tests(tests, ARRAY_SIZE(tests), argc, argv);
}
