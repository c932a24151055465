// SPDX-License-Identifier: GPL-2.0-only
/*
 * The kernel rewrites CR4 while guests run: is it the kernel's afterwards, and
 * does each task have the bits of it that are its own?
 *
 *	[DEV=/dev/vintc] [HELD=1] [ROUNDS=n] cr4test [off] [on] [held] [tsd] [pce] [hotplug] [moves]
 *
 * TSD is a task's wish (PR_SET_TSC), written in context switches; PCE comes and
 * goes by an IPI to all CPUs (perf's rdpmc); a CPU that is unplugged and comes
 * back begins with a new CR4. User space sees each bit: RDTSC faults or not,
 * RDPMC faults or not, and VMXON, which is #UD unless VMXE is set and #GP then.
 * For Intel's CPUs. off: VMXE is set on no CPU; on: it is on all, as while another
 * hypervisor holds VMX operation, so that one knows what that looks like; held: it
 * is while guests run. HELD: it may be (vmx_hold); otherwise nobody ever sees it.
 * moves: a vCPU whose thread goes from CPU to CPU beside the two that stay.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <ucontext.h>
#include <unistd.h>

#include "vm.h"

#define CPUS 2
#define VECTOR 0x50
#define ONLINE "/sys/devices/system/cpu/cpu1/online"
#define RDPMC "/sys/bus/event_source/devices/cpu/rdpmc"

static struct vm vms[CPUS + 1];
static volatile bool stop;
static bool held; /* VMXE may be set */
static volatile u64 exits[CPUS]; /* that a vCPU's thread has seen */
static volatile int where[CPUS]; /* the CPU on which it saw the last one */

/* ------------------------------------------------------------ instructions */

/* The signal's number goes to R10, and the thread goes on at R11. */
static void caught(int sig, siginfo_t *info, void *context)
{
	greg_t *r = ((ucontext_t *)context)->uc_mcontext.gregs;

	r[REG_R10] = sig;
	r[REG_RIP] = r[REG_R11];
}

static void catch_signals(void)
{
	struct sigaction a = { .sa_sigaction = caught, .sa_flags = SA_SIGINFO };

	sigaction(SIGSEGV, &a, NULL);
	sigaction(SIGILL, &a, NULL);
}

/* 0, or the signal that the instruction brings */
#define TRIED(insn, ...)                                                       \
	({                                                                     \
		u64 sig_;                                                      \
		asm volatile("xor %%r10d, %%r10d; lea 1f(%%rip), %%r11\n" insn \
			     "\n1: mov %%r10, %0"                              \
			     : "=r"(sig_) : __VA_ARGS__                        \
			     : "r10", "r11", "rax", "rdx", "memory");          \
		(int)sig_;                                                     \
	})

static int try_rdtsc(void) { return TRIED("rdtsc", "c"(0)); }
static int try_rdpmc(void) { return TRIED("rdpmc", "c"(0)); }

static int try_vmxon(void)
{
	static u64 nothing;

	return TRIED("vmxon %1", "m"(nothing));
}

static void want_tsc(bool wanted)
{
	if (prctl(PR_SET_TSC, wanted ? PR_TSC_ENABLE : PR_TSC_SIGSEGV))
		fail("PR_SET_TSC");
}

/* What this task finds of CR4 on whatever CPU it is. */
static void look(bool tsc_wanted)
{
	int sig = try_rdtsc();

	if (sig != (tsc_wanted ? 0 : SIGSEGV))
		fail("CPU %d: RDTSC of a task that wants it%s: signal %d", sched_getcpu(),
		     tsc_wanted ? "" : " to fault", sig);
	sig = try_vmxon();
	if (sig != SIGILL && !(held && sig == SIGSEGV))
		fail("CPU %d: VMXON: signal %d: CR4.VMXE is set", sched_getcpu(), sig);
}

/* --------------------------------------------------------- guests and tasks */

/* Exits that end in the kernel and such that don't, interrupts, and now and then time for host interrupts. */
guest void g_work(u64 id)
{
	u32 a, b, c, d;

	g_apic_on(true);
	g_sti();
	for (u64 n = 1;; n++) {
		g_icr(0, 0x40000 | VECTOR);
		g_wait(this_cpu()->count[VECTOR] == n);
		asm volatile("cpuid" : "=a"(a), "=b"(b), "=c"(c), "=d"(d) : "a"(0), "c"(0));
		for (int i = n % 16 ? 0 : 100000; i; i--)
			cpu_relax();
		SH->val[0] = n;
		g_out8(PORT_SYNC, 0);
	}
}

/* A vCPU whose thread wants now this of RDTSC and now that. */
static void *run_guest(void *arg)
{
	int id = (int)(long)arg;

	pin_to(id);
	for (u64 n = 0; !stop; n++) {
		want_tsc(n & 1);
		vcpu_until(&vms[id].cpu[0], PORT_SYNC);
		look(n & 1);
		if (vms[id].sh->val[0] != n + 1)
			fail("guest %d: round %llu is its %lluth", id, (long long)n + 1,
			     (long long)vms[id].sh->val[0]);
		where[id] = sched_getcpu();
		exits[id]++;
		if (n % 4 > 1)
			sched_yield();
	}
	return NULL;
}

/* A task beside it. @arg: bit 0 is its CPU; bit 1: it wants RDTSC; bit 2: it changes its mind */
static void *look_around(void *arg)
{
	u64 how = (u64)arg;
	bool wanted = how & 2;

	pin_to(how & 1);
	want_tsc(wanted);
	for (u64 n = 1; !stop; n++) {
		look(wanted);
		if (how & 4 && n % 8 == 0) {
			wanted = !wanted;
			want_tsc(wanted);
		}
		sched_yield();
	}
	return NULL;
}

static pthread_t threads[CPUS * 4];
static int nthreads;

static void start(void *(*fn)(void *), u64 arg)
{
	if (pthread_create(&threads[nthreads++], NULL, fn, (void *)arg))
		fail("pthread_create");
}

static void begin(void)
{
	catch_signals();
	for (int i = 0; i < CPUS; i++) {
		vm_start(&vms[i], 1);
		vcpu_long(&vms[i].cpu[0], g_work, i);
		start(run_guest, i);
	}
}

/* Both guests get on by @n rounds. */
static void go_on(u64 n)
{
	u64 from[CPUS];

	for (int i = 0; i < CPUS; i++)
		from[i] = exits[i];
	for (int i = 0; i < CPUS; i++)
		while (exits[i] - from[i] < n)
			usleep(1000);
}

static void end(void)
{
	stop = true;
	while (nthreads)
		pthread_join(threads[--nthreads], NULL);
}

/* On both CPUs, by a task that goes there */
static void look_everywhere(void)
{
	for (int i = 0; i < CPUS; i++) {
		pin_to(i);
		look(true);
	}
}

static u64 rounds(u64 usual)
{
	const char *n = getenv("ROUNDS");

	return n ? strtoull(n, NULL, 0) : usual;
}

static bool put(const char *path, const char *value)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool done = fd >= 0 && write(fd, value, strlen(value)) == (ssize_t)strlen(value);

	if (fd >= 0)
		close(fd);
	return done;
}

/* ------------------------------------------------------------------- tests */

static void vmxe(int wanted)
{
	catch_signals();
	for (int i = 0; i < CPUS; i++) {
		pin_to(i);
		expect(try_vmxon(), wanted);
	}
}

static void t_off(void) { vmxe(SIGILL); }
static void t_on(void) { vmxe(SIGSEGV); }

static void t_held(void)
{
	vmxe(SIGILL);
	begin();
	go_on(2);
	vmxe(SIGSEGV);
	end();
	/* Until the VMs end, which have no guest that runs. */
	vmxe(SIGSEGV);
	for (int i = 0; i < CPUS; i++)
		vm_end(&vms[i]);
	vmxe(SIGILL);
}

/* Where a vCPU's registers are read is another CPU than the one that ran it last. */
static void t_moves(void)
{
	struct vm *vm = &vms[CPUS];
	struct kvm_sregs sregs;

	catch_signals();
	vm_start(vm, 1);
	vcpu_long(&vm->cpu[0], g_work, CPUS);
	for (u64 n = 0; n < rounds(60); n++) {
		/* Alone at first: no other VMCS takes its place on a CPU. */
		if (n == rounds(60) / 2)
			begin();
		pin_to(n & 1);
		vcpu_until(&vm->cpu[0], PORT_SYNC);
		expect(vm->sh->val[0], n + 1);
		pin_to(n >> 1 & 1);
		must(vm->cpu[0].fd, KVM_GET_SREGS, &sregs);
		expect(sregs.cs.l, 1);
		look(true);
	}
	go_on(4);
	end();
	look_everywhere();
}

static void t_tsd(void)
{
	begin();
	for (int cpu = 0; cpu < CPUS; cpu++) {
		start(look_around, cpu);
		start(look_around, cpu | 2);
		start(look_around, cpu | 4);
	}
	go_on(rounds(100));
	end();
	look_everywhere();
}

/* PCE is of all tasks where rdpmc is 2, and of none where it is 0. */
static void t_pce(void)
{
	if (access(RDPMC, W_OK))
		skip("this machine's perf has no rdpmc");
	begin();
	for (u64 n = 0; n < rounds(20); n++) {
		expect_that(put(RDPMC, n & 1 ? "0" : "2"));
		for (int i = 0; i < CPUS; i++) {
			pin_to(i);
			expect(try_rdpmc(), n & 1 ? SIGSEGV : 0);
			look(true);
		}
		go_on(2);
	}
	end();
	expect_that(put(RDPMC, "1"));
	look_everywhere();
}

/* CPU 1's guest goes on elsewhere meanwhile. */
static void t_hotplug(void)
{
	cpu_set_t one;

	if (access(ONLINE, W_OK))
		skip("CPU 1 of this machine stays");
	CPU_ZERO(&one);
	CPU_SET(1, &one);
	begin();
	start(look_around, 4);
	for (u64 n = 0; n < rounds(3); n++) {
		go_on(4);
		expect(where[1], 1);
		expect_that(put(ONLINE, "0"));
		go_on(4);
		expect(where[1], 0);
		expect_that(put(ONLINE, "1"));
		expect(pthread_setaffinity_np(threads[1], sizeof(one), &one), 0);
		go_on(1);
		look_everywhere();
	}
	end();
	look_everywhere();
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "off", t_off },
		{ "on", t_on },
		{ "held", t_held, 120 },
		{ "tsd", t_tsd, 120 },
		{ "pce", t_pce, 120 },
		{ "hotplug", t_hotplug, 120 },
		{ "moves", t_moves, 120 },
	};

	held = getenv("HELD") && atoi(getenv("HELD"));
	return run_tests(tests, ARRAY_SIZE(tests), argc, argv);
}
