// SPDX-License-Identifier: GPL-2.0-only
/*
 * The VMM dies at any moment: nothing leaks, nothing hangs, and no guest keeps
 * the host from its work.
 *
 *	[DEV=/dev/vintc] [SEED=n] [KILLS=200] killtest [TEST]...
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "vm.h"

/* Milliseconds */
static long now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* ---- guests in the states to die in ---- */

guest void g_spin_closed(u64 arg) { asm volatile("cli; 1: jmp 1b"); }
guest void g_spin_open(u64 arg)
{
	g_apic_on(false);
	g_sti();
	for (;;)
		cpu_relax();
}

guest void g_halt(u64 arg)
{
	g_apic_on(false);
	for (;;)
		g_sti_hlt();
}

guest void g_dead(u64 arg) { asm volatile("cli; 1: hlt; jmp 1b"); }

guest void g_mmio(u64 arg)
{
	for (;;)
		g_write32(MMIO_AT, g_read32(MMIO_AT + 8));
}

guest void g_io(u64 arg)
{
	for (;;)
		g_out8(PORT_SYNC, 0);
}

guest void g_self(u64 x2)
{
	g_apic_on(x2);
	g_sti();
	for (;;)
		g_icr(0, 0x40050);
}

guest void g_others(u64 x2)
{
	g_apic_on(x2);
	g_sti();
	for (;;)
		g_icr(0, 0xc4050);
}

guest void g_memory(u64 arg)
{
	for (;;)
		for (u64 a = FREE_AT; a < VM_RAM; a += 4096)
			*(volatile u64 *)a += 1;
}

guest void g_timer(u64 arg)
{
	g_apic_on(false);
	g_apic_write(APIC_TDCR, 0xb);
	g_apic_write(APIC_LVTT, 1 << 17 | 0x51);
	g_apic_write(APIC_TMICT, 100000);
	for (;;)
		g_sti_hlt();
}

guest void g_faults(u64 arg)
{
	for (;;)
		g_try("ud2");
}

static const struct state {
	const char *name;
	guest_fn fn[2]; /* one vCPU, or two */
	u64 arg;
} states[] = {
	{ "cli; jmp .", { g_spin_closed } },
	{ "spinning with interrupts", { g_spin_open, g_spin_open } },
	{ "HLT", { g_halt } },
	{ "HLT for ever", { g_dead } },
	{ "MMIO", { g_mmio } },
	{ "port I/O", { g_io, g_mmio } },
	{ "self-IPIs", { g_self } },
	{ "self-IPIs, x2APIC", { g_self }, 1 },
	{ "IPIs both ways", { g_others, g_others } },
	{ "IPIs both ways, x2APIC", { g_others, g_others }, 1 },
	{ "IPIs to a halted one", { g_others, g_halt } },
	{ "page faults", { g_memory, g_memory } },
	{ "timer", { g_timer, g_timer } },
	{ "exceptions", { g_faults } },
};

static void *run_forever(void *cpu)
{
	for (;;) {
		int r = vcpu_run(cpu);

		if (r && r != -EINTR && r != -EAGAIN)
			_exit(3);
	}
	return NULL;
}

/*
 * Eventfds that raise interrupts (an edge, a level) and that the guest signals, put
 * on and taken off all the time.
 */
static void eventfds(struct vm *vm, int fd[4], u64 i)
{
	struct kvm_irqfd edge = { .fd = fd[0], .gsi = 20 };
	struct kvm_irqfd level = {
		.fd = fd[1], .gsi = 21, .flags = KVM_IRQFD_FLAG_RESAMPLE,
		.resamplefd = fd[2],
	};
	struct kvm_ioeventfd w = { .fd = fd[3], .addr = MMIO_AT, .len = 4 };
	u64 one = 1;

	if (!(i & 4)) {
		edge.flags |= KVM_IRQFD_FLAG_DEASSIGN;
		level.flags |= KVM_IRQFD_FLAG_DEASSIGN;
		w.flags |= KVM_IOEVENTFD_FLAG_DEASSIGN;
	}
	try(vm->fd, KVM_IRQFD, &edge);
	try(vm->fd, KVM_IRQFD, &level);
	try(vm->fd, KVM_IOEVENTFD, &w);
	for (int k = 0; k < 2; k++)
		if (write(fd[k], &one, 8) != 8)
			_exit(4);
	if (i % 32 == 7) { /* the last close of a live one */
		close(fd[i & 1]);
		fd[i & 1] = eventfd(0, EFD_NONBLOCK);
	}
}

/* Things that the host does meanwhile, so that death finds it in the middle. */
static void *disturb(void *arg)
{
	struct vm *vm = arg;
	int fd[4];

	for (int i = 0; i < 4; i++)
		fd[i] = eventfd(0, EFD_NONBLOCK);
	for (u64 i = 0;; i++) {
		struct kvm_msi m = { .address_lo = 0xfee00000, .data = 0x52 };
		struct kvm_irq_level l = { .irq = 20, .level = i & 1 };

		try(vm->fd, KVM_SIGNAL_MSI, &m);
		try(vm->fd, KVM_IRQ_LINE, &l);
		eventfds(vm, fd, i);
		if (i % 16 == 0)
			madvise(vm->mem + FREE_AT, VM_RAM - FREE_AT, MADV_DONTNEED);
		usleep(200);
	}
	return NULL;
}

static void vmm(const struct state *s, bool busy)
{
	int n = s->fn[1] ? 2 : 1;
	pthread_t t;
	struct vm vm;

	vm_start(&vm, n);
	for (int i = 0; i < n; i++) {
		vcpu_long(&vm.cpu[i], s->fn[i], s->arg);
		pthread_create(&t, NULL, run_forever, &vm.cpu[i]);
	}
	if (busy)
		pthread_create(&t, NULL, disturb, &vm);
	for (;;)
		pause();
}

/* Reap @pid; milliseconds that it took, or -1 when it does not die. */
static long kill_and_wait(pid_t pid)
{
	long t = now();
	int status;

	kill(pid, SIGKILL);
	while (now() - t < 30000) {
		if (waitpid(pid, &status, WNOHANG) == pid) {
			if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
				fail("the VMM ended by itself, status %#x", status);
			return now() - t;
		}
		usleep(500);
	}
	return -1;
}

/* ---- what must not leak ---- */

static long proc_number(const char *file, const char *key)
{
	FILE *f = fopen(file, "r");
	char line[256];
	long v = -1;

	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, key, strlen(key)))
			v = strtol(line + strlen(key), NULL, 10);
	if (f)
		fclose(f);
	return v;
}

static long module_users(void)
{
	const char *path = is_vintc() ? "/sys/module/vintc/refcnt" : "/sys/module/kvm_amd/refcnt";
	FILE *f = fopen(path, "r");
	long v = -1;

	if (f && fscanf(f, "%ld", &v) != 1)
		v = -1;
	if (f)
		fclose(f);
	return v;
}

/* Work queues and RCU free late. */
static bool users_drop_to(long n)
{
	for (int i = 0; i < 100; i++) {
		if (module_users() <= n)
			return true;
		usleep(50000);
	}
	return false;
}

struct memory_use {
	long free, slab, vmalloc;
};

static void proc_write(const char *file, const char *what)
{
	FILE *f = fopen(file, "w");

	if (f) {
		fputs(what, f);
		fclose(f);
	}
}

/* Caches and the CPUs' lists of free pages are no leak: emptied first. */
static struct memory_use memory_use(void)
{
	sync();
	proc_write("/proc/sys/vm/drop_caches", "3");
	proc_write("/proc/sys/vm/compact_memory", "1");
	usleep(300000);
	return (struct memory_use){
		proc_number("/proc/meminfo", "MemFree:"), proc_number("/proc/meminfo", "SUnreclaim:"),
		proc_number("/proc/meminfo", "VmallocUsed:"),
	};
}

static void t_kill(void)
{
	u64 seed = getenv("SEED") ? strtoull(getenv("SEED"), NULL, 0) : 1;
	int kills = getenv("KILLS") ? atoi(getenv("KILLS")) : 200;
	long users = module_users();
	struct memory_use start = { 0 }, end;
	long worst = 0;

	srandom(seed);
	for (int i = 0; i < kills; i++) {
		const struct state *s = &states[i % ARRAY_SIZE(states)];
		bool busy = random() % 2;
		long t;
		pid_t pid;

		if (i == kills / 4) { /* caches are warm */
			users_drop_to(users);
			start = memory_use();
		}
		pid = fork();
		if (!pid) {
			vmm(s, busy);
			_exit(1);
		}
		/* anywhere: in the middle of setting up, too */
		usleep(random() % (i % 4 ? 100000 : 15000));
		t = kill_and_wait(pid);
		if (t < 0)
			fail("kill %d (%s): it does not die", i, s->name);
		if (t > worst)
			worst = t;
	}
	printf("# %d kills, the slowest took %ld ms\n", kills, worst);
	if (users >= 0 && !users_drop_to(users))
		fail("the module has %ld users, had %ld", module_users(), users);
	/* what CPUs and workers still keep comes back by and by; a leak does not */
	for (int i = 0; i < 20; i++) {
		end = memory_use();
		if (start.free - end.free < 8192)
			break;
	}
	printf("# kB: free %ld -> %ld, slab %ld -> %ld, vmalloc %ld -> %ld\n", start.free,
	       end.free, start.slab, end.slab, start.vmalloc, end.vmalloc);
	/* a page of each kill would be 4 kB each */
	expect_that(end.slab - start.slab < 4096 + kills * 2);
	expect_that(end.vmalloc - start.vmalloc < 1024);
	/* the memory of a guest or two, 16 MB each, may be on its way yet */
	expect_that(start.free - end.free < 2 * 16384 + kills * 8);
	if (waitpid(-1, NULL, WNOHANG) >= 0)
		fail("a child is left");
}

/* ---- a guest is a task like others ---- */

static volatile u64 progress;

static void *worker(void *arg)
{
	pin_to(0);
	for (;;)
		progress++;
	return NULL;
}

static void t_preemption(void)
{
	for (size_t i = 0; i < 4; i++) {
		const struct state *s = &states[i == 3 ? 6 : i];
		pthread_t t;
		long took;
		pid_t pid;
		u64 at;

		pid = fork();
		if (!pid) {
			pin_to(0);
			vmm(s, false);
		}
		if (!i)
			pthread_create(&t, NULL, worker, NULL);
		usleep(200000);
		at = progress;
		usleep(1000000);
		at = progress - at;
		took = kill_and_wait(pid);
		result(at > 1000 && took >= 0 && took < 5000, s->name,
		       "the other task did %llu rounds, SIGKILL took %ld ms", (long long)at, took);
	}
}

/* Time that the guest takes is charged to its thread. */
static void t_time(void)
{
	struct timespec t;
	struct vm vm;
	pthread_t thread;
	clockid_t clock;
	long used;

	vm_start(&vm, 1);
	vcpu_long(&vm.cpu[0], g_spin_closed, 0);
	pthread_create(&thread, NULL, run_forever, &vm.cpu[0]);
	usleep(1000000);
	pthread_getcpuclockid(thread, &clock);
	clock_gettime(clock, &t);
	used = t.tv_sec * 1000 + t.tv_nsec / 1000000;
	if (used < 200)
		fail("one second of spinning counts as %ld ms", used);
}

/* No vCPU runs on behind the host's back: close everything, then use the memory. */
static void t_close(void)
{
	long users = module_users();

	for (int i = 0; i < 20; i++) {
		struct vm vm;

		vm_start(&vm, 2);
		vcpu_long(&vm.cpu[0], g_faults, 0);
		vm.cpu[0].run->immediate_exit = 1;
		vcpu_run(&vm.cpu[0]);
		switch (i % 3) { /* in any order */
		case 0:
			vm_end(&vm);
			break;
		case 1:
			close(vm.fd);
			close(vm.dev);
			munmap(vm.mem, VM_RAM);
			close(vm.cpu[0].fd);
			close(vm.cpu[1].fd);
			munmap(vm.cpu[1].run, vm.run_size);
			munmap(vm.cpu[0].run, vm.run_size);
			break;
		case 2: /* the mapping of a vCPU keeps it */
			close(vm.cpu[1].fd);
			close(vm.cpu[0].fd);
			close(vm.fd);
			close(vm.dev);
			vm.cpu[0].run->immediate_exit = 0;
			munmap(vm.cpu[0].run, vm.run_size);
			munmap(vm.cpu[1].run, vm.run_size);
			munmap(vm.mem, VM_RAM);
		}
	}
	if (users >= 0 && !users_drop_to(users))
		fail("the module has %ld users, had %ld", module_users(), users);
}

static const struct test tests[] = {
	{ "close", t_close },
	{ "time", t_time },
	{ "preemption", t_preemption, 120 },
	{ "kill", t_kill, 900 },
};

int main(int argc, char **argv)
{
	return run_tests(tests, ARRAY_SIZE(tests), argc, argv);
}
