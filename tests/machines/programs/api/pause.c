// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is for hosts with more vCPUs than CPUs: loops of PAUSE, in which who waits for a vCPU without a
 * CPU gives it one, and what guests are told, ask for and forbid.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <asm/kvm_para.h>

#include "api.h"
#include "../../../../uapi/vintc.h"

static bool loops_exit(struct vm *vm)
{
	struct vintc_info info = { .flags = 0 };

	must(vm->dev, VINTC_GET_INFO, &info);
	return info.used & (VINTC_FEATURE_PAUSE_FILTER | VINTC_FEATURE_PAUSE_LOOP);
}

/* A VM with @ncpus vCPUs and their statistics, where loops exit or not. */
static void start(struct vm *vm, int ncpus, bool in_guest, int *stats)
{
	struct kvm_enable_cap cap = { .cap = KVM_CAP_X86_DISABLE_EXITS,
				      .args = { KVM_X86_DISABLE_EXITS_PAUSE } };

	vm_create(vm);
	vm_irqchip(vm);
	vm_memory(vm, NULL);
	expect_that(check_extension(vm, KVM_CAP_X86_DISABLE_EXITS) & KVM_X86_DISABLE_EXITS_PAUSE);
	if (in_guest)
		must(vm->fd, KVM_ENABLE_CAP, &cap);
	for (int i = 0; i < ncpus; i++) {
		vcpu_create(vm, i);
		stats[i] = ioctl(vm->cpu[i].fd, KVM_GET_STATS_FD, 0);
	}
}

/* ---- alone ---- */

guest void g_pauses(u64 n)
{
	u64 done = 0;

	asm volatile("1: pause; incq %0; cmpq %1, %0; jne 1b" : "+r"(done) : "r"(n) : "cc");
	SH->val[0] = done;
}

/* In vain: exits become fewer (333 by count, 730 by time, if they did not), and the guest doesn't notice. */
static void alone(bool in_guest)
{
	enum { PAUSES = 1000000 };
	struct vm vm;
	long exits;
	int stats;

	start(&vm, 1, in_guest, &stats);
	vcpu_long(&vm.cpu[0], g_pauses, PAUSES);
	vcpu_done(&vm.cpu[0]);
	expect(vm.sh->val[0], PAUSES);
	exits = stat_read(stats, "pause_exits");
	printf("# %d PAUSEs: %ld exits\n", PAUSES, exits);
	if (in_guest || !loops_exit(&vm))
		expect(exits, 0);
	else
		expect_that(exits >= 2 && exits <= 60);
	expect(stat_read(stats, "pause_yields"), 0);
	close(stats);
	vm_end(&vm);
}

void t_pause_alone(void)
{
	if (!is_vintc())
		skip("vintc's own counters");
	alone(false);
	alone(true);
}

/* ---- by turns ---- */

enum { TURNS = 50 };

guest void g_turns(u64 me)
{
	for (u64 i = 0; i < TURNS; i++) {
		g_wait(SH->go == 2 * i + me);
		SH->go++;
	}
}

static void *first_cpu(void *cpu)
{
	pin_to(0);
	return vcpu_thread(cpu);
}

/* Two vCPUs on one CPU, each in need of what the other does next. */
static void by_turns(struct vm *vm, guest_fn fn)
{
	pthread_t t[2];

	for (int i = 0; i < 2; i++) {
		vcpu_long(&vm->cpu[i], fn, i);
		pthread_create(&t[i], NULL, first_cpu, &vm->cpu[i]);
	}
	for (int i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
	expect(vm->sh->go, 2 * TURNS);
}

static long of_both(const int *stats, const char *name)
{
	return stat_read(stats[0], name) + stat_read(stats[1], name);
}

void t_pause_turns(void)
{
	int stats[2];
	struct vm vm;
	long exits, yields;

	if (!is_vintc())
		skip("vintc's own counters");
	start(&vm, 2, false, stats);
	by_turns(&vm, g_turns);
	exits = of_both(stats, "pause_exits");
	yields = of_both(stats, "pause_yields");
	printf("# %d turns: %ld exits, %ld yields\n", 2 * TURNS, exits, yields);
	if (loops_exit(&vm))
		expect_that(yields >= TURNS && exits >= yields);
	else
		expect(exits + yields, 0);
	vm_end(&vm);
}

/* ---- the guest asks ---- */

guest void g_asked_turns(u64 me)
{
	for (u64 i = 0; i < TURNS; i++) {
		while (SH->go != 2 * i + me)
			hypercall(HC_SCHED_YIELD, !me, 0, 0, 0);
		SH->go++;
	}
	/* to itself, to nobody: no harm */
	g_expect(hypercall(HC_SCHED_YIELD, me, 0, 0, 0), 0);
	g_expect(hypercall(HC_SCHED_YIELD, 77, 0, 0, 0), 0);
	g_expect(hypercall(HC_SCHED_YIELD, -1, 0, 0, 0), 0);
}

void t_pv_yield(void)
{
	long attempts, yields;
	int stats[2];
	struct vm vm;

	start(&vm, 2, false, stats);
	by_turns(&vm, g_asked_turns);
	attempts = of_both(stats, "directed_yield_attempted");
	yields = of_both(stats, "directed_yield_successful");
	printf("# %d turns: %ld attempts, %ld yields\n", 2 * TURNS, attempts, yields);
	expect_that(yields >= TURNS && attempts >= yields + 6);
	vm_end(&vm);
}

/* ---- the guest is told ---- */

#define STEAL_AT FREE_AT
#define PREEMPTED(mem) (*(volatile u8 *)((mem) + STEAL_AT + offsetof(struct kvm_steal_time, preempted)))

guest void g_preempted(u64 enable)
{
	u64 seen = 0;

	if (enable)
		g_wrmsr(MSR_KVM_STEAL_TIME, STEAL_AT | KVM_MSR_ENABLED);
	SH->ready = 1;
	do {
		seen += PREEMPTED((u8 *)0);
		SH->val[1]++;
	} while (!SH->stop);
	SH->val[0] = seen;
}

/* Who has the CPU on which a vCPU ran sees it preempted; the vCPU never sees that. */
void t_preempted(void)
{
	struct vm vm;
	pthread_t t;

	vm_start(&vm, 1);
	pin_to(0);
	PREEMPTED(vm.mem) = KVM_VCPU_PREEMPTED;
	vcpu_long(&vm.cpu[0], g_preempted, true);
	pthread_create(&t, NULL, first_cpu, &vm.cpu[0]);
	while (!vm.sh->ready)
		usleep(1000);
	for (int i = 0; i < 20; i++) {
		u64 before = vm.sh->val[1];

		while (vm.sh->val[1] == before)
			usleep(1000);
		expect(PREEMPTED(vm.mem), KVM_VCPU_PREEMPTED);
	}
	vm.sh->stop = 1;
	pthread_join(t, NULL);
	expect(vm.sh->val[0], 0);
	/* what came with the memory from elsewhere is gone when the vCPU runs */
	PREEMPTED(vm.mem) = KVM_VCPU_PREEMPTED;
	expect(msr_set(&vm.cpu[0], MSR_KVM_STEAL_TIME, STEAL_AT | KVM_MSR_ENABLED), 1);
	vm.sh->val[0] = 1;
	vcpu_long(&vm.cpu[0], g_preempted, false);
	vcpu_done(&vm.cpu[0]);
	expect(vm.sh->val[0], 0);
	vm_end(&vm);
}

/* What another vCPU asks for instead of an IPI: a flush before this one runs again. */
void t_pv_flush(void)
{
	volatile u8 *state;
	struct vm vm;
	pthread_t t;
	int stats;

	vm_start(&vm, 1);
	pin_to(0);
	state = &PREEMPTED(vm.mem);
	stats = ioctl(vm.cpu[0].fd, KVM_GET_STATS_FD, 0);
	vcpu_long(&vm.cpu[0], g_preempted, true);
	pthread_create(&t, NULL, first_cpu, &vm.cpu[0]);
	while (!vm.sh->ready || *state != KVM_VCPU_PREEMPTED)
		usleep(1000);
	for (int i = 0; i < 20; i++) {
		long flushes = stat_read(stats, "tlb_flush");
		u8 old = KVM_VCPU_PREEMPTED;
		u64 before;

		if (i & 1)
			expect_that(__atomic_compare_exchange_n(state, &old, KVM_VCPU_PREEMPTED | KVM_VCPU_FLUSH_TLB,
								false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST));
		before = vm.sh->val[1];
		while (vm.sh->val[1] == before)
			usleep(1000);
		flushes = stat_read(stats, "tlb_flush") - flushes;
		expect(*state, KVM_VCPU_PREEMPTED);
		if (is_vintc())
			expect(flushes, i & 1);
		else
			expect_that(flushes >= (i & 1));
	}
	vm.sh->stop = 1;
	pthread_join(t, NULL);
	vm_end(&vm);
}

/* ---- the guest polls itself ---- */

guest void g_halts(u64 n)
{
	g_apic_on(false);
	g_apic_write(APIC_LVTT, 0x41);
	g_apic_write(APIC_TDCR, 0xb);
	for (u64 i = 0; i < n; i++) {
		g_apic_write(APIC_TMICT, 2000000);
		while (this_cpu()->count[0x41] == i) {
			g_sti_hlt();
			g_cli();
		}
	}
}

void t_pv_poll(void)
{
	/* Halts of 2 ms, on a slow machine too, are short ones. */
	struct kvm_enable_cap poll = { .cap = KVM_CAP_HALT_POLL, .args = { 100000000 } };
	struct vm vm;
	long polls;
	int stats;

	vm_start(&vm, 1);
	must(vm.fd, KVM_ENABLE_CAP, &poll);
	expect(msr_get(&vm.cpu[0], MSR_KVM_POLL_CONTROL), 1);
	expect(msr_set(&vm.cpu[0], MSR_KVM_POLL_CONTROL, 2), 0);
	expect(msr_set(&vm.cpu[0], MSR_KVM_POLL_CONTROL, 0), 1);
	stats = ioctl(vm.cpu[0].fd, KVM_GET_STATS_FD, 0);
	vcpu_long(&vm.cpu[0], g_halts, 50);
	vcpu_done(&vm.cpu[0]);
	expect(stat_read(stats, "halt_attempted_poll"), 0);
	expect(msr_set(&vm.cpu[0], MSR_KVM_POLL_CONTROL, 1), 1);
	vm.sh->cpu[0].count[0x41] = 0;
	vcpu_long(&vm.cpu[0], g_halts, 50);
	vcpu_done(&vm.cpu[0]);
	polls = stat_read(stats, "halt_attempted_poll");
	printf("# 50 halts: %ld polls\n", polls);
	if (is_vintc())
		expect_that(polls > 0);
	vm_end(&vm);
}

/* ---- input ---- */

void t_disable_exits(void)
{
	struct kvm_enable_cap cap = { .cap = KVM_CAP_X86_DISABLE_EXITS };
	struct vm vm;
	long can;

	vm_create(&vm);
	can = check_extension(&vm, KVM_CAP_X86_DISABLE_EXITS);
	for (int bit = 0; bit < 64; bit++) {
		cap.args[0] = 1ull << bit;
		expect(try(vm.fd, KVM_ENABLE_CAP, &cap), bit < 31 && (can >> bit & 1) ? 0 : -EINVAL);
	}
	cap.args[0] = can;
	expect(try(vm.fd, KVM_ENABLE_CAP, &cap), 0);
	cap.args[0] = 0;
	expect(try(vm.fd, KVM_ENABLE_CAP, &cap), 0);
	vm_end(&vm);
}
