// SPDX-License-Identifier: GPL-2.0-only
/* Port I/O and MMIO, instruction by instruction. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "api.h"

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

void t_io(void)
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

void t_io_string(void)
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

/* A string of a page comes in few exits, as one that ends in the middle of a page. */
guest void g_io_blocks(u64 arg)
{
	u8 *p = (u8 *)FREE_AT + 0x10;
	u64 n = 4096, down = 64;

	asm volatile("rep insb" : "+D"(p), "+c"(n) : "d"(0x1111) : "memory");
	g_expect((u64)p, FREE_AT + 0x1010);
	g_expect(n, 0);
	for (u64 i = 0; i < 4096; i++)
		g_expect(((u8 *)FREE_AT)[0x10 + i], (u8)(i * 7));
	g_expect(((u8 *)FREE_AT)[0x1010], 0);
	p = (u8 *)FREE_AT + 0x10;
	n = 2048;
	asm volatile("rep outsw" : "+S"(p), "+c"(n) : "d"(0x1111) : "memory");
	p = (u8 *)FREE_AT + 0x3000;
	asm volatile("std; rep outsl; cld" : "+S"(p), "+c"(down) : "d"(0x1111) : "memory");
	g_expect((u64)p, FREE_AT + 0x3000 - 256);
}

static u32 io_blocks_part(struct vcpu *cpu, u8 dir, u32 size, u32 bytes, u8 *all)
{
	struct kvm_run *run = cpu->run;
	u32 done = 0, exits = 0;

	while (done < bytes) {
		u8 *data;
		u32 n;

		vcpu_run_exit(cpu, KVM_EXIT_IO);
		data = (u8 *)run + run->io.data_offset;
		expect(run->io.port, 0x1111);
		expect(run->io.direction, dir);
		expect(run->io.size, size);
		n = run->io.count * size;
		expect_that(n && n <= 4096 && n <= bytes - done);
		if (dir == KVM_EXIT_IO_OUT)
			memcpy(all + done, data, n);
		else
			memcpy(data, all + done, n);
		done += n;
		exits++;
	}
	return exits;
}

void t_io_blocks(void)
{
	static u8 in[4096], out[4096];
	struct vm vm;
	u32 exits;

	vm_start(&vm, 1);
	for (u32 i = 0; i < 4096; i++)
		in[i] = i * 7;
	for (u32 i = 0; i < 64; i++)
		*(u32 *)(vm.mem + FREE_AT + 0x3000 - 4 * i) = i;
	vcpu_long(&vm.cpu[0], g_io_blocks, 0);
	exits = io_blocks_part(&vm.cpu[0], KVM_EXIT_IO_IN, 1, 4096, in);
	if (is_vintc())
		expect(exits, 2); /* KVM: 1024 bytes at a time */
	exits = io_blocks_part(&vm.cpu[0], KVM_EXIT_IO_OUT, 2, 4096, out);
	if (is_vintc())
		expect(exits, 2); /* KVM: one by one */
	expect_that(!memcmp(in, out, sizeof(in)));
	exits = io_blocks_part(&vm.cpu[0], KVM_EXIT_IO_OUT, 4, 256, out);
	if (is_vintc())
		expect(exits, 2); /* the first is at a page's start and goes down */
	for (u32 i = 0; i < 64; i++)
		expect(((u32 *)out)[i], i);
	vcpu_done(&vm.cpu[0]);
}

/*
 * A string runs into a page that isn't there: the registers are at the element that faults,
 * and nothing has been taken from the port for it. What is answered is stored by an
 * immediate exit, and the registers are then where the guest goes on.
 */
#define NO_PAGE 0xc00000ul

guest void g_io_fault(u64 arg)
{
	struct gcpu *c = this_cpu();
	u64 p = NO_PAGE - 8, n = 32;

	c->vector = -1;
	asm volatile("movq $1f, %%gs:%c[fix]\nrep insb\n1: movq $0, %%gs:%c[fix]"
		     : "+D"(p), "+c"(n)
		     : "d"(0x1111), [fix] "i"(offsetof(struct gcpu, fixup)) : "memory");
	g_expect(c->vector, 14);
	g_expect(c->cr2, NO_PAGE);
	g_expect(p, NO_PAGE);
	g_expect(n, 24);
	p = FREE_AT;
	n = 16;
	asm volatile("rep insb" : "+D"(p), "+c"(n) : "d"(0x2222) : "memory");
	g_expect(p, FREE_AT + 16);
	g_expect(n, 0);
}

void t_io_fault(void)
{
	struct kvm_run *run;
	struct kvm_regs r;
	u32 taken = 0;
	struct vm vm;

	vm_start(&vm, 1);
	run = vm.cpu[0].run;
	((u64 *)(vm.mem + PAGES_AT + 0x2000))[NO_PAGE >> 21] = 0;
	vcpu_long(&vm.cpu[0], g_io_fault, 0);
	for (;;) {
		vcpu_run_exit(&vm.cpu[0], KVM_EXIT_IO);
		if (run->io.port == 0x2222)
			break;
		expect(run->io.port, 0x1111);
		memset((u8 *)run + run->io.data_offset, 0x5a, run->io.count);
		taken += run->io.count;
	}
	if (is_vintc())
		expect(taken, 8); /* KVM asks for what can't be stored, too */
	for (int i = 1; i <= 8; i++)
		expect(vm.mem[NO_PAGE - i], 0x5a);

	memset((u8 *)run + run->io.data_offset, 0x77, run->io.count);
	taken = run->io.count;
	run->immediate_exit = 1;
	expect(vcpu_run(&vm.cpu[0]), -EINTR);
	run->immediate_exit = 0;
	regs_get(&vm.cpu[0], &r);
	expect(r.rdi, FREE_AT + taken);
	expect(r.rcx, 16 - taken);
	for (u32 i = 0; i < taken; i++)
		expect(vm.mem[FREE_AT + i], 0x77);
	vcpu_done(&vm.cpu[0]);
}

/* ports that somebody in the kernel listens to: not past it */
guest void g_io_watched(u64 arg)
{
	static const u8 bytes[4] = { 1, 2, 3, 2 };
	const u8 *p = bytes;
	u64 n = 4;

	asm volatile("rep outsb" : "+S"(p), "+c"(n) : "d"(0x1111) : "memory");
}

void t_io_watched(void)
{
	struct kvm_ioeventfd io = {
		.addr = 0x1111, .len = 1, .datamatch = 2,
		.flags = KVM_IOEVENTFD_FLAG_PIO | KVM_IOEVENTFD_FLAG_DATAMATCH,
	};
	struct kvm_run *run;
	struct vm vm;
	u64 hits;

	vm_start(&vm, 1);
	run = vm.cpu[0].run;
	io.fd = eventfd(0, EFD_NONBLOCK);
	must(vm.fd, KVM_IOEVENTFD, &io);
	vcpu_long(&vm.cpu[0], g_io_watched, 0);
	for (u8 want = 1; want <= 3; want += 2) {
		vcpu_until(&vm.cpu[0], 0x1111);
		expect(run->io.count, 1);
		expect(((u8 *)run)[run->io.data_offset], want);
	}
	vcpu_done(&vm.cpu[0]);
	expect(read(io.fd, &hits, 8), 8);
	expect(hits, 2);
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
	/*
	 * vintc's emulator has what kernels do to devices. Shifts and vectors are
	 * not among it: they come to user space, whole, as this many bytes (at
	 * least), this many from the start.
	 */
	u8 refused, refused_at;
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
	{ "shl m,i", { ALL(shl) }, MMIO_RAX, { R(4), W(4, 0x43322110) }, 3 },
	{ "add m64,r", { ONLY64(add64) }, MMIO_RAX, { R(8), W(8, MMIO_DATA + MMIO_RAX) } },
	{ "movdqu x,m", { ONLY64(movdqu_r) }, MMIO_DATA, { R(8), RA(8, 8) }, 4 },
	{ "movdqu m,x", { ONLY64(movdqu_w) }, MMIO_RAX, { W(8, MMIO_RAX), WA(8, 8, 0) }, 4, 5 },
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

/* KVM_EXIT_INTERNAL_ERROR with the bytes of the instruction, and nothing has changed. */
static const char *mmio_refused(struct vm *vm, const struct mmio_case *c, int mode)
{
	static char why[200];
	struct kvm_run *run = vm->cpu[0].run;
	const u8 *insn = c->code[mode] + c->refused_at;
	struct kvm_regs r;

	mmio_prepare(vm, c, mode);
	for (int i = 0; i < 2; i++) { /* it stays there */
		if (vcpu_run(&vm->cpu[0]) < 0)
			return strerror(errno);
		regs_get(&vm->cpu[0], &r);
		snprintf(why, sizeof(why), "exit %u (suberror %u, ndata %u, flags %#llx), RIP +%lld",
			 run->exit_reason, run->internal.suberror, run->internal.ndata,
			 run->emulation_failure.flags, r.rip - CODE16_AT);
		if (run->exit_reason != KVM_EXIT_INTERNAL_ERROR ||
		    run->internal.suberror != KVM_INTERNAL_ERROR_EMULATION ||
		    run->emulation_failure.ndata < 3 ||
		    !(run->emulation_failure.flags &
		      KVM_INTERNAL_ERROR_EMULATION_FLAG_INSTRUCTION_BYTES) ||
		    r.rip != CODE16_AT + c->refused_at || r.rax != MMIO_RAX || r.rcx != 3)
			return why;
		snprintf(why, sizeof(why), "%u bytes: %02x %02x %02x %02x, not %02x %02x %02x %02x",
			 run->emulation_failure.insn_size,
			 run->emulation_failure.insn_bytes[0], run->emulation_failure.insn_bytes[1],
			 run->emulation_failure.insn_bytes[2], run->emulation_failure.insn_bytes[3],
			 insn[0], insn[1], insn[2], insn[3]);
		/* what stands behind the instruction may have been fetched with it */
		if (run->emulation_failure.insn_size < c->refused + (mode == 0) ||
		    run->emulation_failure.insn_size > 15 ||
		    memcmp(run->emulation_failure.insn_bytes, insn,
			   run->emulation_failure.insn_size))
			return why;
	}
	return NULL;
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

void t_mmio(void)
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
			why = is_vintc() && c->refused ? mmio_refused(&vm, c, mode) :
							 mmio_one(&vm, c, mode);
			result(!why, name, "%s", why);
			vm_end(&vm);
		}
	}
}
