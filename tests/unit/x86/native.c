// SPDX-License-Identifier: GPL-2.0-only
/*
 * x86_emulate() against the CPU this test runs on: the same instruction, the
 * same registers and memory, once emulated and once executed, in 64-bit code
 * and, by way of the LDT, in 32-bit and 16-bit protected-mode code. Registers,
 * flags, memory and exceptions (vector, error code, CR2) must agree.
 *
 * Memory is a small arena: no page, two read-write, one read-only, no page.
 */
#define _GNU_SOURCE
#include <asm/ldt.h>
#include <asm/prctl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include "test.h"

#define PAGE 4096u
#define ARENA 0x20004000u /* first mapped page */
#define RW_PAGES 2u
#define ALL_PAGES 3u
#define ARENA_LEN (ALL_PAGES * PAGE)
#define STATE 0x20000000u
#define CODE 0x20001000u
#define INSN (CODE + 0x800) /* the instruction under test */
#define GS_BASE 0x1230

#define STATUS 0x8d5u /* CF PF AF ZF SF OF */
#define DF 0x400u

struct state {
	u64 gpr[16];
	u64 flags;
	u64 host_rsp;
	u64 target;
	u64 epilogue;
	u32 far_offset;
	u16 far_selector;
	u16 ds, es, ss, host_ds, host_es, host_ss;
	u64 faulted, trapno, err, cr2, rip;
};

#define S ((struct state *)(unsigned long)STATE)
#define FIELD(f) (STATE + (u32)offsetof(struct state, f))

static u8 *const arena = (u8 *)(unsigned long)ARENA;
static u8 *const code = (u8 *)(unsigned long)CODE;
static u32 after_stores, stub64, stub_far;

/* A run: what the CPU and the emulator start from and end with. */
struct world {
	struct x86_cpu cpu;
	struct x86_exception ex;
	enum x86_result res;
	bool wild; /* met memory of the test itself: not to be executed */
	u8 mem[ARENA_LEN];
};

static u8 *out;

static void emit(const char *bytes, unsigned int n)
{
	memcpy(out, bytes, n);
	out += n;
}

static void emit32(u32 v)
{
	memcpy(out, &v, 4);
	out += 4;
}

/* op with ModRM/SIB for an absolute 32-bit address. */
static void emit_abs(u8 rex, u8 op, u8 reg, u32 address)
{
	if (rex | (reg & 8))
		*out++ = 0x40 | rex | (reg & 8) >> 1;
	*out++ = op;
	*out++ = 0x04 | (reg & 7) << 3;
	*out++ = 0x25;
	emit32(address);
}

/* void stub(void): host registers saved, guest's loaded, off we go. */
static u32 build_entry(bool far)
{
	u32 at = (u32)(unsigned long)out;
	unsigned int i;

	emit("\x53\x55\x41\x54\x41\x55\x41\x56\x41\x57\x9c", 11);
	emit_abs(8, 0x89, 4, FIELD(host_rsp));
	emit_abs(0, 0xff, 6, FIELD(flags)); /* push */
	emit("\x9d", 1);
	if (far) {
		emit_abs(0, 0x8e, 0, FIELD(es));
		emit_abs(0, 0x8e, 3, FIELD(ds));
		emit_abs(0, 0x8e, 2, FIELD(ss));
	}
	for (i = 0; i < 16; i++)
		emit_abs(8, 0x8b, i, STATE + 8 * i);
	if (far)
		emit_abs(0, 0xff, 5, FIELD(far_offset));
	else
		emit_abs(0, 0xff, 4, FIELD(target));
	return at;
}

static void build_stubs(void)
{
	unsigned int i;

	out = code;
	S->epilogue = (unsigned long)out;
	for (i = 0; i < 16; i++)
		emit_abs(8, 0x89, i, STATE + 8 * i);
	emit_abs(0, 0x8e, 2, FIELD(host_ss));
	emit_abs(8, 0x8b, 4, FIELD(host_rsp));
	emit("\x9c", 1);
	emit_abs(0, 0x8f, 0, FIELD(flags)); /* pop */
	after_stores = (u32)(unsigned long)out;
	emit_abs(8, 0x8b, 4, FIELD(host_rsp));
	emit_abs(0, 0x8e, 0, FIELD(host_es));
	emit_abs(0, 0x8e, 3, FIELD(host_ds));
	emit_abs(0, 0x8e, 2, FIELD(host_ss));
	emit("\x9d\x41\x5f\x41\x5e\x41\x5d\x41\x5c\x5d\x5b\xc3", 12);
	stub64 = build_entry(false);
	stub_far = build_entry(true);
}

static void on_fault(int sig, siginfo_t *info, void *context)
{
	static const u8 order[16] = { REG_RAX, REG_RCX, REG_RDX, REG_RBX,
				      REG_RSP, REG_RBP, REG_RSI, REG_RDI,
				      REG_R8, REG_R9, REG_R10, REG_R11,
				      REG_R12, REG_R13, REG_R14, REG_R15 };
	ucontext_t *uc = context;
	greg_t *g = uc->uc_mcontext.gregs;
	unsigned int i;

	(void)info;
	if ((u64)g[REG_RIP] >> 16 && ((u64)g[REG_RIP] & ~0xfffULL) != CODE) {
		signal(sig, SIG_DFL); /* a bug of the test itself */
		return;
	}
	for (i = 0; i < 16; i++)
		S->gpr[i] = g[order[i]];
	S->flags = g[REG_EFL];
	S->faulted = 1;
	S->trapno = g[REG_TRAPNO];
	S->err = g[REG_ERR];
	S->cr2 = g[REG_CR2];
	S->rip = g[REG_RIP];
	g[REG_RIP] = after_stores;
	g[REG_EFL] &= ~(STATUS | DF);
	g[REG_CSGSFS] = (g[REG_CSGSFS] & 0x0000ffffffff0000ULL) | 0x33 |
			(u64)S->host_ss << 48;
}

/* Pages of the arena as the emulator sees them; false: *@ex says why not. */
static bool reachable(struct world *w, u64 linear, u32 len, bool write,
		      struct x86_exception *ex)
{
	u32 i;

	for (i = 0; i < len; i++) {
		u64 a = linear + i;
		bool there = a >= ARENA && a < ARENA + ARENA_LEN;

		if (there && (!write || a < ARENA + RW_PAGES * PAGE))
			continue;
		/* the stubs, and what a sanitizer maps */
		w->wild |= a / PAGE == STATE / PAGE || a / PAGE == CODE / PAGE ||
			   (a >= 0x7fff7000 && a < 0x7ffffffff000);
		/* Linux says so of any address that isn't a process's */
		there |= a >= 0x7ffffffff000;
		*ex = (struct x86_exception){
			.vector = X86_PF, .has_error = true, .address = a,
			.error = 4 | (write ? 2 : 0) | (there ? 1 : 0),
		};
		return false;
	}
	return true;
}

static enum x86_result mem_read(void *ctx, u64 linear, void *data, u32 len,
				struct x86_exception *ex)
{
	struct world *w = ctx;

	if (!reachable(w, linear, len, false, ex))
		return X86_FAULT;
	memcpy(data, w->mem + (linear - ARENA), len);
	return X86_DONE;
}

static enum x86_result mem_write(void *ctx, u64 linear, const void *data,
				 u32 len, struct x86_exception *ex)
{
	struct world *w = ctx;

	if (!reachable(w, linear, len, true, ex))
		return X86_FAULT;
	memcpy(w->mem + (linear - ARENA), data, len);
	return X86_DONE;
}

static enum x86_result mem_cmpxchg(void *ctx, u64 linear, void *old,
				   const void *new, u32 len,
				   struct x86_exception *ex)
{
	struct world *w = ctx;
	u8 *p;

	if (!reachable(w, linear, len, true, ex))
		return X86_FAULT;
	p = w->mem + (linear - ARENA);
	if (!memcmp(p, old, len))
		memcpy(p, new, len);
	else
		memcpy(old, p, len);
	return X86_DONE;
}

static enum x86_result mem_probe(void *ctx, u64 linear, u32 len,
				 struct x86_exception *ex)
{
	return reachable(ctx, linear, len, true, ex) ? X86_DONE : X86_FAULT;
}

static const struct x86_memory memory = {
	.read = mem_read, .write = mem_write, .cmpxchg = mem_cmpxchg,
	.probe = mem_probe,
};

static void emulate(struct world *w, const struct x86_insn *insn)
{
	unsigned int calls = 0;

	do {
		w->res = x86_emulate(&w->cpu, insn, &memory, w, &w->ex,
				     1 + rnd() % 9);
	} while (w->res == X86_AGAIN && ++calls < 100000);
}

/* Selectors of the LDT segments that 32- and 16-bit runs use. */
static u16 ldt_cs32, ldt_cs16;

static void execute(struct world *w, const u8 *bytes, unsigned int len)
{
	u32 base = w->cpu.seg[X86_CS].base;
	u8 *p = (u8 *)(unsigned long)(base + w->cpu.rip);
	unsigned int i;

	memcpy(arena, w->mem, RW_PAGES * PAGE);
	memcpy(p, bytes, len);
	out = p + len;
	if (w->cpu.mode == X86_LONG64) {
		emit_abs(0, 0xff, 4, FIELD(epilogue)); /* jmp *epilogue */
	} else {
		if (w->cpu.mode == X86_PROT16)
			emit("\x66", 1);
		emit("\xea", 1);
		emit32(S->epilogue);
		emit("\x33\x00", 2);
	}
	for (i = 0; i < 16; i++)
		S->gpr[i] = w->cpu.gpr[i];
	S->flags = w->cpu.rflags;
	S->faulted = 0;
	S->target = w->cpu.rip;
	S->far_offset = w->cpu.rip;
	S->far_selector = w->cpu.seg[X86_CS].selector;
	S->ds = w->cpu.seg[X86_DS].selector;
	S->es = w->cpu.seg[X86_ES].selector;
	S->ss = w->cpu.seg[X86_SS].selector;
	((void (*)(void))(unsigned long)(w->cpu.mode == X86_LONG64 ?
						 stub64 : stub_far))();
	for (i = 0; i < 16; i++)
		w->cpu.gpr[i] = S->gpr[i];
	w->cpu.rflags = S->flags;
	memcpy(w->mem, arena, RW_PAGES * PAGE);
	w->res = S->faulted ? X86_FAULT : X86_DONE;
	if (S->faulted) {
		w->cpu.rip = S->rip;
		w->ex = (struct x86_exception){
			.vector = S->trapno,
			.error = S->trapno == X86_UD ? 0 : S->err,
			.address = S->trapno == X86_PF ? S->cr2 : 0,
			.has_error = S->trapno != X86_UD,
		};
	} else {
		w->cpu.rip += len;
	}
}

#include "native_cases.h"

static const char *describe(const u8 *b, unsigned int n)
{
	static char s[64];
	unsigned int i;

	for (i = 0; i < n; i++)
		sprintf(s + 3 * i, "%02x ", b[i]);
	return s;
}

/*
 * What differs between CPUs when a comparison of strings faults: which of two
 * bad operands is found (this Zen 4 takes ES:RDI first, but for REPE CMPSB), and
 * whether flags are those of the last element (AMD) or the first ones (SDM 2B
 * "REP/REPE/REPZ/REPNE/REPNZ").
 */
static bool vendor_specific(const struct x86_insn *insn, const struct world *e,
			    const struct world *c)
{
	return (insn->opcode == 0xa6 || insn->opcode == 0xa7 ||
		insn->opcode == 0xae || insn->opcode == 0xaf) &&
	       e->res == X86_FAULT && c->res == X86_FAULT;
}

static void judge(const struct world *start, const struct world *e,
		  const struct world *c, const struct x86_insn *insn,
		  const u8 *b)
{
	bool special = vendor_specific(insn, e, c);
	u64 gpr_mask = start->cpu.mode == X86_LONG64 ? ~0ULL : 0xffffffff;
	unsigned int i, n = start->cpu.mode == X86_LONG64 ? 16 : 8;
	const char *text = describe(b, insn->len);

	CHECK(e->res == c->res,
	      "%s: result %d, CPU has %d (vector %d/%d, CR2 %llx)", text,
	      e->res, c->res, e->ex.vector, c->ex.vector,
	      (unsigned long long)e->ex.address);
	if (e->res != c->res)
		return;
	for (i = 0; i < n; i++)
		CHECK(!((e->cpu.gpr[i] ^ c->cpu.gpr[i]) & gpr_mask),
		      "%s: gpr %u is %llx, CPU has %llx (was %llx)", text, i,
		      (unsigned long long)e->cpu.gpr[i],
		      (unsigned long long)c->cpu.gpr[i],
		      (unsigned long long)start->cpu.gpr[i]);
	CHECK(special || !((e->cpu.rflags ^ c->cpu.rflags) & (STATUS | DF)),
	      "%s: flags %llx, CPU has %llx (were %llx)", text,
	      (unsigned long long)e->cpu.rflags,
	      (unsigned long long)c->cpu.rflags,
	      (unsigned long long)start->cpu.rflags);
	CHECK(e->cpu.rip == c->cpu.rip, "%s: rip %llx, CPU has %llx", text,
	      (unsigned long long)e->cpu.rip, (unsigned long long)c->cpu.rip);
	CHECK(!memcmp(e->mem, c->mem, sizeof(e->mem)), "%s: memory", text);
	if (e->res != X86_FAULT || special)
		return;
	CHECK(e->ex.vector == c->ex.vector && e->ex.error == c->ex.error &&
	      e->ex.has_error == c->ex.has_error,
	      "%s: vector %d error %x, CPU has %d, %x", text, e->ex.vector,
	      e->ex.error, c->ex.vector, c->ex.error);
	if (e->ex.vector == X86_PF)
		CHECK(e->ex.address == c->ex.address,
		      "%s: CR2 %llx, CPU has %llx", text,
		      (unsigned long long)e->ex.address,
		      (unsigned long long)c->ex.address);
}

static unsigned long done, faults;

static void run_family(const struct family *f, enum x86_mode mode,
		       unsigned int count)
{
	static struct world start, e, c;
	struct x86_insn insn;
	u8 b[32];

	while (count--) {
		if (!make_case(f, mode, &start, &insn, b))
			continue;
		e = start;
		emulate(&e, &insn);
		if (e.res == X86_UNHANDLED) {
			CHECK(f->holes, "%s: unhandled", describe(b, insn.len));
			continue;
		}
		if (e.wild)
			continue;
		c = start;
		execute(&c, b, insn.len);
		judge(&start, &e, &c, &insn, b);
		done++;
		faults += e.res == X86_FAULT;
	}
}

static bool set_up(void)
{
	static u8 stack[65536];
	stack_t ss = { .ss_sp = stack, .ss_size = sizeof(stack) };
	struct sigaction sa = { .sa_sigaction = on_fault,
				.sa_flags = SA_SIGINFO | SA_ONSTACK |
					    SA_NODEFER };
	void *p = mmap((void *)(unsigned long)STATE, 2 * PAGE,
		       PROT_READ | PROT_WRITE | PROT_EXEC,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	void *q = mmap(arena, ARENA_LEN, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	unsigned int i;
	u16 s;

	if (p != (void *)(unsigned long)STATE || q != arena)
		return false;
	for (i = 0; i < ARENA_LEN; i++)
		arena[i] = rnd();
	mprotect(arena + RW_PAGES * PAGE, PAGE, PROT_READ);
	sigaltstack(&ss, NULL);
	sigaction(SIGSEGV, &sa, NULL);
	sigaction(SIGBUS, &sa, NULL);
	sigaction(SIGILL, &sa, NULL);
	asm("mov %%ds, %0" : "=r"(s));
	S->host_ds = s;
	asm("mov %%es, %0" : "=r"(s));
	S->host_es = s;
	asm("mov %%ss, %0" : "=r"(s));
	S->host_ss = s;
	build_stubs();
	return !syscall(SYS_arch_prctl, ARCH_SET_GS, GS_BASE);
}

int main(int argc, char **argv)
{
	static const struct {
		enum x86_mode mode;
		const char *name;
		unsigned int share;
	} modes[] = { { X86_LONG64, "64-bit", 1 }, { X86_PROT32, "32-bit", 2 },
		      { X86_PROT16, "16-bit", 2 } };
	unsigned int m, i, count = argc > 1 ? atoi(argv[1]) : 2500;

	test_seed_from_env();
	if (!set_up()) {
		printf("ok - x86/native: # SKIP no room at fixed addresses\n");
		return 0;
	}
	for (m = 0; m < ARRAY_SIZE(modes); m++) {
		if (modes[m].mode != X86_LONG64 && !set_up_ldt()) {
			printf("ok - x86/native: %s # SKIP no LDT\n",
			       modes[m].name);
			continue;
		}
		for (i = 0; i < ARRAY_SIZE(families); i++) {
			char name[80];

			if (modes[m].mode != X86_LONG64 && families[i].only64)
				continue;
			run_family(&families[i], modes[m].mode,
				   count * families[i].weight / modes[m].share);
			sprintf(name, "%s in %s code as this CPU does it",
				families[i].name, modes[m].name);
			test_done("native", name);
		}
	}
	printf("# %lu instructions executed, %lu of them faulted\n", done,
	       faults);
	CHECK(done > 10000 && faults > 500, "%lu and %lu", done, faults);
	test_done("native", "enough was executed, and enough of it faulted");
	return test_exit();
}
