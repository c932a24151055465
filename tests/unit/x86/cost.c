// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the hot paths cost, in instructions: a child runs them, single-stepped.
 * Cycles on a shared machine don't repeat; instructions do. The limits are what was
 * measured and a little more, with the call itself.
 */
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../../module/x86/walk.h"
#include "test.h"

static const u8 mov_store[] = { 0x89, 0x83, 0xb0, 0, 0, 0 };
static const u8 cpuid[] = { 0x0f, 0xa2, 0x90 };
static const u8 hlt[] = { 0xf4, 0x90 };
static const u8 wrmsr[] = { 0x0f, 0x30 };
static const u8 store_rex[] = { 0x41, 0xc7, 0x84, 0x24, 0x80, 0, 0, 0, 1, 0, 0,
				0 };

static const u8 eoi[] = { 0xc7, 0x04, 0x25, 0xb0, 0xb0, 0x5f, 0xff, 0, 0, 0, 0 };

static struct x86_cpu cpu = { .mode = X86_LONG64 };
static struct x86_insn insn;
static struct x86_exception ex;
static u64 tables[4][512], gpa;

static enum x86_result touch(void *ctx, u64 linear, void *data, u32 len,
			     struct x86_exception *e)
{
	(void)ctx, (void)linear, (void)data, (void)len, (void)e;
	return X86_DONE;
}

static enum x86_result touch_const(void *ctx, u64 linear, const void *data,
				   u32 len, struct x86_exception *e)
{
	(void)ctx, (void)linear, (void)data, (void)len, (void)e;
	return X86_DONE;
}

static const struct x86_memory memory = { .read = touch,
					  .write = touch_const };

static int read_entry(void *ctx, u64 at, void *entry, u32 len)
{
	(void)ctx, (void)len;
	*(u64 *)entry = tables[at >> 12][(at & 0xfff) / 8];
	return 0;
}

static void empty(void)
{
}

static void decode_store(void)
{
	x86_decode(&insn, mov_store, sizeof(mov_store), X86_LONG64);
}

static void decode_cpuid(void)
{
	x86_decode(&insn, cpuid, sizeof(cpuid), X86_LONG64);
}

static void decode_wrmsr(void)
{
	x86_decode(&insn, wrmsr, sizeof(wrmsr), X86_LONG64);
}

static void decode_hlt(void)
{
	x86_decode(&insn, hlt, sizeof(hlt), X86_LONG64);
}

static void decode_rex(void)
{
	x86_decode(&insn, store_rex, sizeof(store_rex), X86_LONG64);
}

static void decode_eoi(void)
{
	x86_decode(&insn, eoi, sizeof(eoi), X86_LONG64);
}

static void emulate_store(void)
{
	x86_emulate(&cpu, &insn, &memory, NULL, &ex, 1);
}

static void walk4(void)
{
	static const struct walk_paging p = {
		.cr0 = 1u << 31 | 1 << 16, .cr4 = 1 << 5, .efer = 0xd00,
		.phys_bits = 46, .nx = true,
	};

	walk_gva(&p, 0x1234, WALK_WRITE, read_entry, NULL, &gpa, &ex);
}

/* Where counting ends: nothing else runs through here. */
static __attribute__((noinline)) void marker(void)
{
	asm volatile("");
}

/*
 * Step a child from its own SIGSTOP to marker(). What isn't f()'s is what
 * steps(empty) counts.
 */
static long steps(void (*f)(void))
{
	long n = 0, rip = 0;
	int status;
	pid_t pid = fork();

	if (!pid) {
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		kill(getpid(), SIGSTOP);
		f();
		marker();
		_exit(0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status))
		return -1;
	for (; rip != (long)marker; n++) {
		if (ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL) ||
		    waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status))
			return -1;
		rip = ptrace(PTRACE_PEEKUSER, pid,
			     (void *)offsetof(struct user_regs_struct, rip),
			     NULL);
	}
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	return n;
}

int main(void)
{
	static const struct {
		const char *name;
		void (*f)(void), (*prepare)(void);
		long limit;
	} c[] = {
		{ "decode mov %eax, disp(%rbx)", decode_store, empty, 90 },
		{ "decode cpuid", decode_cpuid, empty, 80 },
		{ "decode wrmsr", decode_wrmsr, empty, 80 },
		{ "decode hlt", decode_hlt, empty, 80 },
		{ "decode movl $1, disp(%r12)", decode_rex, empty, 260 },
		{ "decode movl $0, fixmap address", decode_eoi, empty, 220 },
		{ "emulate mov %eax, disp(%rbx)", emulate_store, decode_store,
		  250 },
		{ "walk four levels", walk4, empty, 400 },
	};
	unsigned int i;
	long none;

	for (i = 0; i < 4; i++)
		tables[i][0] = (u64)(i + 1) << 12 | 7;
	tables[3][1] = 0x7007;
	none = steps(empty);
	if (none < 0) {
		printf("ok - x86/cost: # SKIP no ptrace\n");
		return 0;
	}
	for (i = 0; i < ARRAY_SIZE(c); i++) {
		long n;

		c[i].prepare();
		n = steps(c[i].f) - none;
		printf("# %ld instructions: %s\n", n, c[i].name);
		CHECK(n > 0 && n <= c[i].limit, "%ld instructions, limit %ld",
		      n, c[i].limit);
		test_done("cost", c[i].name);
	}
	walk4();
	CHECK(gpa == 0x7234, "walked to %llx", (unsigned long long)gpa);
	test_done("cost", "the walk measured is a walk");
	return test_exit();
}
