/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The guest of modelcompare: carries out the steps on the board. A handler is
 * one more interpreter, which an IRET step ends, so that a step's number is
 * where an interrupt came. After a step's instruction come others that do
 * nothing, in which what it has made possible happens, before the next one.
 */
#ifndef MODELCOMPARE_GUEST_H
#define MODELCOMPARE_GUEST_H

#include "modelcompare.h"

struct mc_frame {
	u64 r15, r14, r13, r12, r11, r10, r9, r8, rbp, rdi, rsi, rdx, rcx, rbx, rax;
	u64 vector, error, rip, cs, rflags, rsp, ss;
};

/*
 * As vm.c's, whose handler knows nothing of steps. An exception ends without IRET,
 * which would unblock NMIs.
 */
asm(".pushsection .text\n"
    ".balign 16\n"
    "mc_stubs:\n"
    "mcvec = 0\n"
    ".rept 256\n"
    ".balign 16\n"
    ".if !(mcvec == 8 || (mcvec >= 10 && mcvec <= 14) || mcvec == 17 || mcvec == 21)\n"
    "push $0\n"
    ".endif\n"
    "pushq $mcvec\n"
    "jmp mc_common\n"
    "mcvec = mcvec + 1\n"
    ".endr\n"
    "mc_common:\n"
    "cld\n"
    "push %rax; push %rbx; push %rcx; push %rdx; push %rsi; push %rdi\n"
    "push %rbp; push %r8; push %r9; push %r10; push %r11; push %r12\n"
    "push %r13; push %r14; push %r15\n"
    "mov %rsp, %rdi\n"
    "call mc_handler\n"
    "test %al, %al\n"
    "jnz 1f\n"
    "pop %r15; pop %r14; pop %r13; pop %r12; pop %r11; pop %r10; pop %r9\n"
    "pop %r8; pop %rbp; pop %rdi; pop %rsi; pop %rdx; pop %rcx; pop %rbx\n"
    "pop %rax\n"
    "add $16, %rsp\n"
    "iretq\n"
    /* RFLAGS and RIP go below the interrupted RSP */
    "1: mov 160(%rsp), %rax\n"
    "mov 136(%rsp), %rcx\n"
    "mov 152(%rsp), %rdx\n"
    "mov %rdx, -16(%rax)\n"
    "mov %rcx, -8(%rax)\n"
    "sub $16, %rax\n"
    "mov %rax, 120(%rsp)\n"
    "pop %r15; pop %r14; pop %r13; pop %r12; pop %r11; pop %r10; pop %r9\n"
    "pop %r8; pop %rbp; pop %rdi; pop %rsi; pop %rdx; pop %rcx; pop %rbx\n"
    "pop %rax\n"
    "mov (%rsp), %rsp\n"
    "popfq\n"
    "ret\n"
    ".popsection\n");
extern char mc_stubs[];

/*
 * The instruction, right behind an STI if there is one. An exception goes on
 * behind it. Its own boundary is that of the JMP or NOP.
 */
#define STEP(me, insn, ...)                                                    \
	asm volatile("movq $9f, %%gs:%c[fix]\n"                                \
		     "cmpl $0, %[sti]\n"                                       \
		     "movl $0, %[sti]\n"                                       \
		     "je 1f\n"                                                 \
		     "sti\n" insn "\n"                                         \
		     "jmp 9f\n"                                                \
		     "1:" insn "\n"                                            \
		     "9: nop; nop; nop\n"                                      \
		     "movq $0, %%gs:%c[fix]"                                   \
		     : [val] "+a"(lo), "+d"(hi), [sti] "+m"((me)->sti)         \
		     : [fix] "i"(offsetof(struct gcpu, fixup)), ##__VA_ARGS__  \
		     : "memory", "cc")

/* From @n to @n + 1, but not back where a late interrupt's handler has gone on. */
static inline __attribute__((always_inline)) void go_on(volatile u32 *what, u32 n)
{
	__atomic_compare_exchange_n(what, &n, n + 1, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

static inline __attribute__((always_inline)) void step_memory(struct player *me, struct step *s)
{
	u64 lo = s->op == VINTC_MODEL_WRITE ? s->val : 0, hi = 0;
	bool write = s->op == VINTC_MODEL_WRITE;

	if (write && s->size == 4)
		STEP(me, "movl %k[val], (%[at])", [at] "r"(s->addr));
	else if (write && s->size == 8)
		STEP(me, "movq %q[val], (%[at])", [at] "r"(s->addr));
	else if (write && s->size == 2)
		STEP(me, "movw %w[val], (%[at])", [at] "r"(s->addr));
	else if (write)
		STEP(me, "movb %b[val], (%[at])", [at] "r"(s->addr));
	else if (s->size == 4)
		STEP(me, "movl (%[at]), %k[val]", [at] "r"(s->addr));
	else if (s->size == 8)
		STEP(me, "movq (%[at]), %q[val]", [at] "r"(s->addr));
	else if (s->size == 2)
		STEP(me, "movw (%[at]), %w[val]", [at] "r"(s->addr));
	else
		STEP(me, "movb (%[at]), %b[val]", [at] "r"(s->addr));
	if (!write)
		s->got = lo;
}

static inline __attribute__((always_inline)) void step_halt(struct board *b, struct player *me, struct step *s)
{
	u32 id = me - b->player;
	u64 lo = 0, hi = 0, flags;

	if (!(s->asleep >> id & 1)) {
		STEP(me, "hlt");
		return;
	}
	/* Nobody is there to say when it is done: it is, before it begins. */
	asm volatile("pushfq; popq %0; cli" : "=r"(flags) : : "memory");
	if (flags & 0x200)
		me->sti = 1;
	go_on(&b->executed, b->now);
	go_on(&b->now, b->now);
	g_out8(PORT_SLEEP, 0);
	STEP(me, "hlt");
}

/* Return: false: IRET. */
static inline __attribute__((always_inline)) bool step_execute(struct board *b, struct player *me, struct step *s)
{
	u64 lo = s->val, hi = s->val >> 32;

	me->executed = b->now + 1;
	switch (s->op) {
	case VINTC_MODEL_NOP:
		STEP(me, "nop");
		break;
	case VINTC_MODEL_CLI:
		STEP(me, "cli");
		break;
	case VINTC_MODEL_STI:
		STEP(me, "sti");
		break;
	case VINTC_MODEL_HLT:
		step_halt(b, me, s);
		break;
	case VINTC_MODEL_READ:
	case VINTC_MODEL_WRITE:
		step_memory(me, s);
		break;
	case VINTC_MODEL_RDMSR:
		lo = hi = 0;
		STEP(me, "rdmsr", "c"((u32)s->addr));
		s->got = s->fault ? 0 : hi << 32 | (u32)lo;
		break;
	case VINTC_MODEL_WRMSR:
		STEP(me, "wrmsr", "c"((u32)s->addr));
		break;
	case VINTC_MODEL_RDCR8:
		lo = 0;
		STEP(me, "movq %%cr8, %q[val]");
		s->got = lo;
		break;
	case VINTC_MODEL_WRCR8:
		STEP(me, "movq %q[val], %%cr8");
		break;
	case VINTC_MODEL_IRET:
		/* RFLAGS are loaded: an STI before it has no effect. */
		if (me->depth) {
			me->sti = 0;
			return false;
		}
		s->fault = 13; /* the model's word for that */
		STEP(me, "nop");
		break;
	default: /* the host's */
		g_out8(PORT_SYNC, 0);
		asm volatile("nop; nop");
	}
	return true;
}

static inline __attribute__((always_inline)) bool all_have_seen(struct board *b, struct player *me, u32 n, u32 asleep)
{
	for (u32 i = 0; i < b->cpus; i++)
		if (&b->player[i] != me && !(asleep >> i & 1) && b->player[i].seen < n)
			return false;
	return true;
}

/* Till an IRET step of this vCPU's, or the end. */
guest void mc_interpret(void)
{
	struct board *b = BOARD;
	struct player *me = &b->player[this_cpu()->id];

	for (;;) {
		u32 n = b->now;
		struct step *s = &b->step[n];

		if (n == b->nsteps)
			return;
		if (s->cpu != this_cpu()->id) {
			/* Here, so that nothing sent by then is still to come. */
			if (b->executed == n + 1 && me->seen != n + 1) {
				asm volatile("nop; nop");
				me->seen = n + 1;
			}
			cpu_relax();
		} else if (me->executed == n + 1) {
			go_on(&b->executed, n);
			if (all_have_seen(b, me, n + 1, s->asleep))
				go_on(&b->now, n);
		} else if (s->op == VINTC_MODEL_STI && !me->sti) {
			me->sti = 1;
			me->executed = n + 1;
			go_on(&b->executed, n);
			go_on(&b->now, n);
		} else if (!step_execute(b, me, s)) {
			return;
		}
	}
}

/* Return: an exception ends. */
guest bool mc_handler(struct mc_frame *f)
{
	struct gcpu *c = this_cpu();
	struct player *me = &BOARD->player[c->id];
	u64 fixup = c->fixup;

	if (f->vector < 22 && f->vector != 2) {
		if (c->fixup) {
			BOARD->step[BOARD->now].fault = f->vector;
			f->rip = c->fixup;
			return true;
		}
		c->vector = f->vector;
		c->error = f->error;
		c->rip = f->rip;
		g_out8(PORT_FAULT, 0);
		asm volatile("cli; hlt");
	}
	if (BOARD->over)
		return false;
	if (me->ntaken < MAX_TAKEN) {
		me->taken[me->ntaken].step = BOARD->now;
		me->taken[me->ntaken].vector = f->vector;
		me->ntaken++;
	}
	me->depth++;
	mc_interpret();
	if (BOARD->now == BOARD->nsteps && !BOARD->over)
		g_out8(PORT_END, 0);
	me->depth--;
	c->fixup = fixup; /* it may have come between a step's beginning and its instruction */
	return false;
}

guest void mc_guest(u64 arg)
{
	mc_interpret();
	if (!BOARD->over)
		g_out8(PORT_END, 0);
	g_cli();
}

#endif
