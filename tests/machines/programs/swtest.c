// SPDX-License-Identifier: GPL-2.0-only
/*
 * Whose state is it? Guests and the threads that run them all fill what CPU
 * state they can with patterns of their own, leave by every kind of exit, and
 * look whether each still has its own.
 *
 *	[DEV=/dev/vintc] [LOOPS=n] swtest [TEST]...
 *
 * What user space can't see of its host, it reads from /dev/cpu/0/msr if the
 * machine has that.
 */
#define _GNU_SOURCE
#include <asm/prctl.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/hw_breakpoint.h>
#include <linux/perf_event.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "vm.h"

/* Offsets are those that the assembly below uses. */
struct gprs {
	u64 rax, rbx, rcx, rdx, rsi, rdi, rbp, r8, r9, r10, r11, r12, r13, r14, r15, rflags;
};

#define LOAD_GPRS                                                              \
	"pushq 120(%rdi); popfq\n"                                             \
	"mov (%rdi), %rax; mov 8(%rdi), %rbx; mov 16(%rdi), %rcx\n"            \
	"mov 24(%rdi), %rdx; mov 32(%rdi), %rsi; mov 48(%rdi), %rbp\n"         \
	"mov 56(%rdi), %r8; mov 64(%rdi), %r9; mov 72(%rdi), %r10\n"           \
	"mov 80(%rdi), %r11; mov 88(%rdi), %r12; mov 96(%rdi), %r13\n"         \
	"mov 104(%rdi), %r14; mov 112(%rdi), %r15; mov 40(%rdi), %rdi\n"
/* the pointer is at the top of the stack */
#define STORE_GPRS                                                             \
	"pushfq; push %rdi; mov 16(%rsp), %rdi\n"                              \
	"mov %rax, (%rdi); mov %rbx, 8(%rdi); mov %rcx, 16(%rdi)\n"            \
	"mov %rdx, 24(%rdi); mov %rsi, 32(%rdi); mov %rbp, 48(%rdi)\n"         \
	"mov %r8, 56(%rdi); mov %r9, 64(%rdi); mov %r10, 72(%rdi)\n"           \
	"mov %r11, 80(%rdi); mov %r12, 88(%rdi); mov %r13, 96(%rdi)\n"         \
	"mov %r14, 104(%rdi); mov %r15, 112(%rdi)\n"                           \
	"popq 40(%rdi); popq 120(%rdi); add $8, %rsp\n"
#define SAVE "push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15; push %rsi\n"
#define RESTORE                                                                \
	"pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx\n"         \
	"pushq $2; popfq; ret\n"

/* void sw_NAME(const struct gprs *in, struct gprs *out): one exit with @in in the registers */
#define EXIT_BY(name, insn)                                                    \
	asm(".pushsection .text\nsw_" #name ":\n" SAVE LOAD_GPRS insn "\n"     \
	    STORE_GPRS RESTORE ".popsection\n");                               \
	void sw_##name(const struct gprs *in, struct gprs *out);

EXIT_BY(out, "out %al, %dx")
EXIT_BY(cpuid, "cpuid")
EXIT_BY(hlt, "hlt")
EXIT_BY(fault, "mov %r15b, (%r8)")
EXIT_BY(spin, "1: dec %rcx; jnz 1b")
EXIT_BY(rdmsr, "rdmsr")
EXIT_BY(syscall, "syscall") /* the host's */

static const struct path {
	const char *name;
	void (*go)(const struct gprs *in, struct gprs *out);
	u32 changes; /* registers, a bit each in the order of struct gprs */
} paths[] = {
	{ "OUT", sw_out, 0 },
	{ "CPUID", sw_cpuid, 0xf },
	{ "HLT", sw_hlt, 0 },
	{ "page fault", sw_fault, 0 },
	{ "preemption", sw_spin, 1 << 2 | 1 << 15 },
	{ "RDMSR", sw_rdmsr, 1 << 0 | 1 << 3 },
};

#define FLAGS_MASK 0x240cd5 /* ID, AC, DF and the arithmetic ones */

static const struct { u32 msr; u64 base, mask; } msrs[] = {
	{ 0xc0000081, 0x0023001000000000, 0x00000000ffffffff },
	{ 0xc0000082, 0xffffffff80000000, 0x7fffffff },
	{ 0xc0000083, 0xffffffff80000000, 0x7fffffff },
	{ 0xc0000084, 0x0, 0x3f7fd5 },
	{ 0xc0000100, 0x0, 0x7fffffffffff },
	{ 0xc0000102, 0x0, 0x7fffffffffff },
	{ 0x174, 0x0, 0xfff8 },
	{ 0x175, 0x0, 0xffffffff },
	{ 0x176, 0x0, 0xffffffff },
	{ 0x277, 0x0, 0x0404040404040404 }, /* types 0 and 4 */
	{ 0xc0000103, 0x0, 0xffffffff }, /* TSC_AUX: with RDTSCP alone */
};

struct state {
	struct gprs gpr;
	u8 fx[512] __attribute__((aligned(64)));
	u8 ymm[16][32] __attribute__((aligned(64)));
	u64 msr[ARRAY_SIZE(msrs)];
	u64 dr[6]; /* DR0-3, DR6, DR7 */
	u64 xcr0, cr2, cr8, pkru;
	u16 sel[2]; /* ES, FS */
};

/* What a guest has; a function of its seed. */
enum { HAS_XSAVE = 1, HAS_AVX = 2, HAS_PKU = 4, HAS_RDTSCP = 8 };

static u64 mix(u64 a)
{
	a ^= a >> 31;
	a *= 0x7fb5d329728ea185ull;
	a ^= a >> 27;
	a *= 0x81dadef4bc2dd44dull;
	return a ^ a >> 33;
}

static void fill(struct state *s, u64 seed, u32 has)
{
	u64 *g = (u64 *)&s->gpr;
	u16 *fx16 = (u16 *)s->fx;
	u64 n = mix(seed);

	for (int i = 0; i < 15; i++)
		g[i] = n = mix(n + 1);
	s->gpr.rflags = (mix(n) & FLAGS_MASK) | 2;
	for (int i = 0; i < 512; i++)
		s->fx[i] = i >= 32 && i < 416 ? (n = mix(n + 1)) : 0;
	for (int i = 0; i < 8; i++) /* ST registers have ten bytes, here normal numbers */
		for (int k = 9; k < 16; k++)
			s->fx[32 + 16 * i + k] = k == 9 ? 0x3f : 0;
	for (int i = 0; i < 8; i++)
		s->fx[32 + 16 * i + 7] |= 0x80;
	fx16[0] = 0x37f | (n >> 8 & 3) << 10; /* rounding */
	fx16[1] = (n >> 12 & 7) << 11; /* TOP */
	s->fx[4] = 0xff;
	*(u32 *)(s->fx + 24) = 0x1f80 | (n >> 20 & 3) << 13 | (n >> 24 & 0x3f);
	for (int i = 0; i < 16; i++)
		for (int k = 0; k < 32; k++)
			s->ymm[i][k] = k < 16 ? s->fx[160 + 16 * i + k] : (u8)(n = mix(n + 1));
	for (size_t i = 0; i < ARRAY_SIZE(msrs); i++)
		s->msr[i] = msrs[i].base | ((n = mix(n + 1)) & msrs[i].mask);
	for (int i = 0; i < 4; i++)
		s->dr[i] = (n = mix(n + 1)) & 0x7ffffffffff8;
	s->dr[4] = 0xffff0ff0 | (n & 0xf);
	s->dr[5] = 0x400 | (n >> 8 & 0xaa); /* global enables; addresses nobody touches */
	s->xcr0 = has & HAS_AVX ? (n & 1 << 20 ? 7 : 3) : 1;
	s->cr2 = (n = mix(n + 1));
	s->cr8 = 0; /* QEMU's TCG aborts when CR8 is written while V_IRQ is set */
	s->pkru = n >> 32 & ~3u; /* key 0 stays usable */
	s->sel[0] = n & 2 ? 16 : 0;
	s->sel[1] = n & 4 ? 16 : 0;
}

/* ---- guest ---- */

#define EACH_YMM(op)                                                           \
	op(0) op(1) op(2) op(3) op(4) op(5) op(6) op(7) op(8) op(9) op(10)     \
	op(11) op(12) op(13) op(14) op(15)
#define YMM_IN(n) "vmovdqu " #n "*32(%0), %%ymm" #n "\n"
#define YMM_OUT(n) "vmovdqu %%ymm" #n ", " #n "*32(%0)\n"

static void ymm_load(struct state *s)
{
	asm volatile(EACH_YMM(YMM_IN) : : "r"(s->ymm) : "memory");
}

static void ymm_store(struct state *s)
{
	asm volatile(EACH_YMM(YMM_OUT) : : "r"(s->ymm) : "memory");
}

static u64 xgetbv(void)
{
	u32 a, d;

	asm volatile("xgetbv" : "=a"(a), "=d"(d) : "c"(0));
	return (u64)d << 32 | a;
}

static void xsetbv(u64 v)
{
	asm volatile("xsetbv" : : "c"(0), "a"((u32)v), "d"((u32)(v >> 32)) : "memory");
}

static void g_load(struct state *s, u32 has)
{
	for (size_t i = 0; i < ARRAY_SIZE(msrs); i++)
		if (msrs[i].msr != 0xc0000103 || has & HAS_RDTSCP)
			g_wrmsr(msrs[i].msr, s->msr[i]);
	if (has & HAS_XSAVE)
		xsetbv(has & HAS_AVX ? 7 : 3);
	asm volatile("fxrstor64 (%0)" : : "r"(s->fx) : "memory");
	if (has & HAS_AVX)
		ymm_load(s);
	if (has & HAS_XSAVE)
		xsetbv(s->xcr0);
	if (has & HAS_PKU)
		asm volatile("wrpkru" : : "a"((u32)s->pkru), "c"(0), "d"(0));
	asm volatile("mov %0, %%dr0; mov %1, %%dr1; mov %2, %%dr2; mov %3, %%dr3\n"
		     "mov %4, %%dr6; mov %5, %%dr7"
		     : : "r"(s->dr[0]), "r"(s->dr[1]), "r"(s->dr[2]), "r"(s->dr[3]),
		       "r"(s->dr[4]), "r"(s->dr[5]));
	asm volatile("mov %0, %%es" : : "r"(s->sel[0]));
}

static void g_store(struct state *s, u32 has)
{
	u64 base;

	asm volatile("mov %%cr2, %0" : "=r"(s->cr2));
	if (has & HAS_XSAVE) {
		s->xcr0 = xgetbv();
		xsetbv(has & HAS_AVX ? 7 : 3);
	}
	asm volatile("fxsave64 (%0)" : : "r"(s->fx) : "memory");
	if (has & HAS_AVX)
		ymm_store(s);
	if (has & HAS_PKU) {
		u32 a;

		asm volatile("rdpkru" : "=a"(a) : "c"(0) : "rdx");
		s->pkru = a;
	}
	asm volatile("mov %%dr0, %0" : "=r"(s->dr[0]));
	asm volatile("mov %%dr1, %0" : "=r"(s->dr[1]));
	asm volatile("mov %%dr2, %0" : "=r"(s->dr[2]));
	asm volatile("mov %%dr3, %0" : "=r"(s->dr[3]));
	asm volatile("mov %%dr6, %0" : "=r"(s->dr[4]));
	asm volatile("mov %%dr7, %0" : "=r"(s->dr[5]));
	asm volatile("mov %%es, %0" : "=r"(s->sel[0]));
	asm volatile("mov %%cr8, %0" : "=r"(s->cr8));
	for (size_t i = 0; i < ARRAY_SIZE(msrs); i++)
		if (msrs[i].msr != 0xc0000103 || has & HAS_RDTSCP)
			s->msr[i] = g_rdmsr(msrs[i].msr);
	if (has & HAS_RDTSCP) {
		u32 aux;

		asm volatile("rdtscp" : "=c"(aux) : : "rax", "rdx");
		g_expect(aux, s->msr[10]);
	}
	base = g_rdmsr(0xc0000101);
	g_expect(base, (u64)this_cpu());
}

static struct state mine, seen;

#define SAME(field)                                                            \
	for (size_t i = 0; i < sizeof(mine.field); i++)                        \
		if (((u8 *)&mine.field)[i] != ((u8 *)&seen.field)[i]) {        \
			SH->val[1] = i;                                        \
			g_fail(#field, ((u8 *)&seen.field)[i], ((u8 *)&mine.field)[i]); \
		}

guest void g_compare(const struct path *p, u32 has)
{
	u64 *a = (u64 *)&mine.gpr, *b = (u64 *)&seen.gpr;

	for (u32 i = 0; i < 15; i++)
		if (!(p->changes >> i & 1) && a[i] != b[i]) {
			SH->val[1] = i;
			g_fail("a general register", b[i], a[i]);
		}
	if (!(p->changes >> 15 & 1))
		g_expect(seen.gpr.rflags & FLAGS_MASK, mine.gpr.rflags & FLAGS_MASK);
	SAME(fx[0]) SAME(fx[1]) SAME(fx[2]) SAME(fx[3])
	for (int i = 24; i < 28; i++)
		g_expect(seen.fx[i], mine.fx[i]);
	for (int i = 32; i < 416; i++)
		if (seen.fx[i] != mine.fx[i]) {
			SH->val[1] = i;
			g_fail("a byte of FXSAVE", seen.fx[i], mine.fx[i]);
		}
	if (has & HAS_AVX)
		SAME(ymm)
	for (size_t i = 0; i < ARRAY_SIZE(msrs); i++)
		if ((msrs[i].msr != 0xc0000103 || has & HAS_RDTSCP) &&
		    seen.msr[i] != mine.msr[i]) {
			SH->val[1] = msrs[i].msr;
			g_fail("an MSR", seen.msr[i], mine.msr[i]);
		}
	SAME(dr)
	if (has & HAS_XSAVE)
		g_expect(seen.xcr0, mine.xcr0);
	if (has & HAS_PKU)
		g_expect(seen.pkru, mine.pkru);
	g_expect(seen.cr8, mine.cr8);
	g_expect(seen.sel[0], mine.sel[0]);
	g_expect(seen.cr2, mine.cr2);
}

static u32 g_has(void)
{
	u32 a = 1, b, c = 0, d, has = 0;

	asm volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
	if (c >> 26 & 1)
		has |= HAS_XSAVE;
	if (c >> 28 & 1 && has)
		has |= HAS_AVX;
	a = 7;
	c = 0;
	asm volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
	if (c >> 3 & 1)
		has |= HAS_PKU;
	a = 0x80000001;
	asm volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
	if (d >> 27 & 1)
		has |= HAS_RDTSCP;
	return has;
}

guest void g_switch(u64 seed)
{
	u32 has = g_has();
	u64 cr4, loops = SH->arg[0];

	asm volatile("mov %%cr4, %0" : "=r"(cr4));
	cr4 |= (has & HAS_XSAVE ? 1ull << 18 : 0) | (has & HAS_PKU ? 1ull << 22 : 0);
	asm volatile("mov %0, %%cr4" : : "r"(cr4));
	g_apic_on(false);
	g_apic_write(APIC_TDCR, 0xb);
	g_apic_write(APIC_LVTT, 1 << 17 | 0x50); /* again and again: one may come before HLT */
	SH->val[2] = has;
	for (u64 i = 0; i < loops; i++) {
		u64 k = SH->arg[1] ? SH->arg[1] - 1 : i % ARRAY_SIZE(paths);
		const struct path *p = &paths[k];

		SH->val[3] = k;
		fill(&mine, seed + i, has);
		g_load(&mine, has);
		mine.gpr.rflags |= 0x200;
		if (p->go == sw_out)
			mine.gpr.rdx = (mine.gpr.rdx & ~0xffffull) | PORT_SYNC;
		if (p->go == sw_cpuid)
			mine.gpr.rax = 0;
		if (p->go == sw_rdmsr)
			mine.gpr.rcx = 0x1b;
		if (p->go == sw_spin)
			mine.gpr.rcx = 200000;
		if (p->go == sw_fault)
			mine.gpr.r8 = FREE_AT + (i / ARRAY_SIZE(paths) << 12) % (VM_RAM - FREE_AT);
		if (p->go == sw_hlt)
			g_apic_write(APIC_TMICT, 200000);
		asm volatile("mov %0, %%cr2" : : "r"(mine.cr2));
		p->go(&mine.gpr, &seen.gpr);
		g_store(&seen, has);
		g_apic_write(APIC_TMICT, 0);
		if (p->go == sw_hlt) /* the handler ran here or after */
			mine.cr2 = seen.cr2;
		g_compare(p, has);
	}
}

/* ---- host ---- */

struct host_state {
	struct state want, seen;
	bool avx;
	u64 gs, xcr0;
	u32 aux;
};

static void host_fill(struct host_state *h, u64 seed)
{
	fill(&h->want, seed, HAS_AVX);
	h->want.gpr.rflags &= 0xcd5 & ~0x400; /* the ABI wants DF clear */
	h->want.gpr.rflags |= 0x202;
	h->gs = seed << 12 | 0x5a;
	syscall(SYS_arch_prctl, ARCH_SET_GS, h->gs);
}

/* KVM_RUN with patterns in what user space has. */
static long host_run(struct vcpu *cpu, struct host_state *h)
{
	struct gprs *g = &h->want.gpr;
	u32 aux;
	u16 es = 0x2b, es_after;
	u64 gs;
	long r;

	g->rax = SYS_ioctl;
	g->rdi = cpu->fd;
	g->rsi = KVM_RUN;
	g->rdx = 0;
	asm volatile("rdtscp" : "=c"(h->aux) : : "rax", "rdx");
	asm volatile("mov %0, %%es" : : "r"(es));
	asm volatile("fxrstor64 (%0)" : : "r"(h->want.fx) : "memory");
	if (h->avx)
		ymm_load(&h->want);
	sw_syscall(g, &h->seen.gpr);
	if (h->avx)
		ymm_store(&h->seen);
	asm volatile("fxsave64 (%0); fninit" : : "r"(h->seen.fx) : "memory");
	asm volatile("mov %%es, %0" : "=r"(es_after));
	asm volatile("rdtscp" : "=c"(aux) : : "rax", "rdx");
	r = h->seen.gpr.rax;

	for (int i = 1; i < 15; i++) {
		u64 was = ((u64 *)g)[i], is = ((u64 *)&h->seen.gpr)[i];

		if (i != 2 && i != 10 && was != is)
			fail("host: register %d is %#llx, not %#llx", i, (long long)is,
			     (long long)was);
	}
	for (int i = 0; i < 416; i++)
		if ((i < 2 || (i >= 24 && i < 28) || i >= 32) && h->want.fx[i] != h->seen.fx[i])
			fail("host: byte %d of FXSAVE is %#x, not %#x", i, h->seen.fx[i],
			     h->want.fx[i]);
	if (h->avx && memcmp(h->want.ymm, h->seen.ymm, sizeof(h->want.ymm)))
		fail("host: a YMM register");
	if (es_after != es)
		fail("host: ES is %#x", es_after);
	if (aux != h->aux)
		fail("host: TSC_AUX is %#x, not %#x", aux, h->aux);
	syscall(SYS_arch_prctl, ARCH_GET_GS, &gs);
	if (gs != h->gs)
		fail("host: GS base is %#llx, not %#llx", (long long)gs, (long long)h->gs);
	if (h->avx && xgetbv() != h->xcr0)
		fail("host: XCR0 is %#llx", (long long)xgetbv());
	return r;
}

static const char *guest_complaint(struct vm *vm)
{
	static char text[200];

	snprintf(text, sizeof(text), "guest, after %s: %s [%#llx] is %#llx, not %#llx",
		 paths[vm->sh->val[3]].name, vm->sh->why, (long long)vm->sh->val[1],
		 (long long)vm->sh->got, (long long)vm->sh->want);
	return text;
}

struct runner {
	u64 seed;
	long exits;
	struct vm vm;
};

static void run_guest(struct runner *r)
{
	struct vcpu *cpu = &r->vm.cpu[0];
	struct host_state *h = aligned_alloc(64, (sizeof(*h) + 63) & ~63ul);
	u32 a = 1, b, c = 0, d;

	memset(h, 0, sizeof(*h));
	asm volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
	h->avx = c >> 28 & 1;
	if (h->avx)
		h->xcr0 = xgetbv();
	for (;;) {
		long ret;

		host_fill(h, r->seed * 1000003 + r->exits++);
		ret = host_run(cpu, h);
		if (ret == -EINTR)
			continue;
		if (ret)
			fail("KVM_RUN: %s", strerror(-ret));
		if (cpu->run->exit_reason != KVM_EXIT_IO)
			fail("exit %u, suberror %u", cpu->run->exit_reason,
			     cpu->run->internal.suberror);
		if (cpu->run->io.port == PORT_FAIL)
			fail("%s", guest_complaint(&r->vm));
		if (cpu->run->io.port == PORT_FAULT)
			fail("guest, about %s: exception %lld at %#llx",
			     paths[r->vm.sh->val[3]].name,
			     (long long)r->vm.sh->cpu[0].vector, (long long)r->vm.sh->cpu[0].rip);
		if (cpu->run->io.port == PORT_DONE)
			break;
	}
	free(h);
}

static long loops(void)
{
	return getenv("LOOPS") ? atol(getenv("LOOPS")) : 600;
}

static void prepare(struct runner *r, u64 seed, long n, int path)
{
	memset(r, 0, sizeof(*r));
	r->seed = seed;
	vm_start(&r->vm, 1);
	r->vm.sh->arg[0] = n;
	r->vm.sh->arg[1] = path;
	vcpu_long(&r->vm.cpu[0], g_switch, seed << 20);
}

static void t_paths(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		struct runner r;

		prepare(&r, i + 1, loops() / 6, i + 1);
		pin_to(0);
		run_guest(&r);
		result(true, paths[i].name, "-");
		if (!i)
			printf("# guest features: %s%s%s%s\n",
			       r.vm.sh->val[2] & HAS_XSAVE ? " XSAVE" : "",
			       r.vm.sh->val[2] & HAS_AVX ? " AVX" : "",
			       r.vm.sh->val[2] & HAS_PKU ? " PKU" : "",
			       r.vm.sh->val[2] & HAS_RDTSCP ? " RDTSCP" : "");
		vm_end(&r.vm);
	}
}

static void *runner_thread(void *arg)
{
	pin_to(0);
	run_guest(arg);
	return NULL;
}

/* Guests take turns on one CPU, with patterns of their own each, and so do their threads. */
static void t_same_cpu(void)
{
	struct runner r[3];
	pthread_t t[3];

	for (int i = 0; i < 3; i++) {
		prepare(&r[i], 100 + i, loops(), 0);
		pthread_create(&t[i], NULL, runner_thread, &r[i]);
	}
	for (int i = 0; i < 3; i++)
		pthread_join(t[i], NULL);
}

/* One guest moves from CPU to CPU. */
static void *mover_thread(void *arg)
{
	volatile int *stop = arg;

	pin_to(0);
	while (!*stop)
		usleep(500);
	return NULL;
}

static void t_migrate(void)
{
	struct runner r;
	int stop = 0;
	pthread_t t;

	if (host_cpus() < 2)
		skip("one CPU");
	prepare(&r, 200, loops(), 0);
	pthread_create(&t, NULL, mover_thread, &stop);
	for (;;) {
		struct vcpu *cpu = &r.vm.cpu[0];

		pin_to(r.exits++ % host_cpus());
		vcpu_run_exit(cpu, KVM_EXIT_IO);
		if (cpu->run->io.port == PORT_DONE)
			break;
		if (cpu->run->io.port == PORT_FAIL)
			fail("%s", guest_complaint(&r.vm));
		if (cpu->run->io.port != PORT_SYNC)
			fail("port %#x", cpu->run->io.port);
	}
	stop = 1;
	pthread_join(t, NULL);
}

/* The host's own breakpoint counts the host's accesses, whatever the guest has in its DRs. */
static volatile u64 watched;

static void t_host_breakpoint(void)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_BREAKPOINT,
		.size = sizeof(attr),
		.bp_type = HW_BREAKPOINT_W,
		.bp_addr = (u64)&watched,
		.bp_len = HW_BREAKPOINT_LEN_8,
		.exclude_kernel = 1,
		.exclude_hv = 1,
	};
	int fd = syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0);
	struct runner r;
	u64 count, writes = 0;

	if (fd < 0)
		skip("perf_event_open: %s", strerror(errno));
	prepare(&r, 300, loops(), 0);
	for (;;) {
		struct vcpu *cpu = &r.vm.cpu[0];

		watched = ++writes;
		vcpu_run_exit(cpu, KVM_EXIT_IO);
		if (cpu->run->io.port == PORT_DONE)
			break;
		if (cpu->run->io.port == PORT_FAIL)
			fail("%s", guest_complaint(&r.vm));
	}
	expect(read(fd, &count, 8), 8);
	expect(count, writes);
}

/* ---- MSRs that are the host's alone ---- */

static const u32 host_msrs[] = {
	0xc0000080, 0xc0000081, 0xc0000082, 0xc0000083, 0xc0000084, 0xc0000103, 0x174, 0x175,
	0x176, 0x277, 0x1d9, 0xda0, 0x48, 0xc0010114, 0xc001011f, 0xc0011029, 0xc0010015,
};

static int read_host_msrs(u64 *v, u32 *have)
{
	int fd = open("/dev/cpu/0/msr", O_RDONLY);

	if (fd < 0)
		return -1;
	*have = 0;
	for (size_t i = 0; i < ARRAY_SIZE(host_msrs); i++)
		if (pread(fd, &v[i], 8, host_msrs[i]) == 8)
			*have |= 1u << i;
	v[0] &= ~(1ull << 12); /* EFER.SVME: set while there are VMs, or before */
	close(fd);
	return 0;
}

static void t_host_msrs(void)
{
	u64 before[ARRAY_SIZE(host_msrs)], after[ARRAY_SIZE(host_msrs)];
	u32 have, have2;
	struct runner r;

	pin_to(0);
	if (read_host_msrs(before, &have))
		skip("no /dev/cpu/0/msr: %s", strerror(errno));
	prepare(&r, 400, loops(), 0);
	for (u64 n = 0;; n++) {
		struct vcpu *cpu = &r.vm.cpu[0];

		vcpu_run_exit(cpu, KVM_EXIT_IO);
		/* also while the vCPU is loaded on this CPU: SYSCALL's may lag till user space */
		read_host_msrs(after, &have2);
		for (size_t i = 0; i < ARRAY_SIZE(host_msrs); i++)
			if (have >> i & 1 && before[i] != after[i])
				fail("host MSR %#x is %#llx, was %#llx", host_msrs[i],
				     (long long)after[i], (long long)before[i]);
		if (cpu->run->io.port == PORT_DONE)
			break;
		if (cpu->run->io.port == PORT_FAIL)
			fail("%s", guest_complaint(&r.vm));
	}
	expect(have2, have);
	printf("# %d host MSRs compared\n", __builtin_popcount(have));
}

/* Not for guests: what they write there must reach neither the host nor another guest. */
static const u32 hidden[] = {
	0xc1, 0x186, 0x187, 0x309, 0x38d, 0x38f, 0xc0010000, 0xc0010001, 0xc0010004, 0xc0010200,
	0xc0010201, 0xc0000300, 0xc0000301, 0x1d9, 0x1db, 0x1dc, 0x680, 0x14ce, 0xda0, 0x48,
	0x49, 0xc0010117, 0xc0010114, 0xc0011029, 0xc001011f, 0xc0010020, 0x79, 0xc0010015,
};
#define HIDDEN_BITS 0x41

guest void g_hidden(u64 write)
{
	u64 v;

	for (size_t i = 0; i < ARRAY_SIZE(hidden); i++) {
		if (write)
			g_wrmsr_try(hidden[i], HIDDEN_BITS);
		SH->val[i] = g_rdmsr_try(hidden[i], &v) == 13 ? -1ull : v;
	}
	g_try("xor %%ecx, %%ecx; rdpmc", "r"(0));
	if (this_cpu()->vector != 13)
		SH->arg[1] = 1;
}

static void t_hidden_msrs(void)
{
	u64 before[ARRAY_SIZE(host_msrs)], after[ARRAY_SIZE(host_msrs)];
	u64 clean[ARRAY_SIZE(hidden)];
	u32 have = 0;
	struct vm a, b;
	bool host;

	pin_to(0);
	host = !read_host_msrs(before, &have);
	vm_start(&a, 1);
	vcpu_long(&a.cpu[0], g_hidden, 0);
	vcpu_done(&a.cpu[0]);
	for (size_t i = 0; i < ARRAY_SIZE(hidden); i++)
		clean[i] = a.sh->val[i];
	vcpu_long(&a.cpu[0], g_hidden, 1);
	vcpu_done(&a.cpu[0]);
	/* another guest on the same CPU sees what the first saw before it wrote */
	vm_start(&b, 1);
	vcpu_long(&b.cpu[0], g_hidden, 0);
	vcpu_done(&b.cpu[0]);
	for (size_t i = 0; i < ARRAY_SIZE(hidden); i++)
		if (b.sh->val[i] != clean[i])
			fail("MSR %#x is %#llx in the second guest, was %#llx", hidden[i],
			     (long long)b.sh->val[i], (long long)clean[i]);
	if (host) {
		read_host_msrs(after, &have);
		for (size_t i = 0; i < ARRAY_SIZE(host_msrs); i++)
			if (have >> i & 1 && before[i] != after[i])
				fail("host MSR %#x is %#llx, was %#llx", host_msrs[i],
				     (long long)after[i], (long long)before[i]);
	}
}

static const struct test tests[] = {
	{ "paths", t_paths, 200 },
	{ "same_cpu", t_same_cpu, 200 },
	{ "migrate", t_migrate, 200 },
	{ "host_breakpoint", t_host_breakpoint, 200 },
	{ "host_msrs", t_host_msrs, 200 },
	{ "hidden_msrs", t_hidden_msrs },
};

int main(int argc, char **argv)
{
	return run_tests(tests, ARRAY_SIZE(tests), argc, argv);
}
