// SPDX-License-Identifier: GPL-2.0-only
/*
 * vintctl run: gives the interrupt guest its phases, is its device, and holds
 * what arrived against what was sent.
 *
 * Threads: one per vCPU; the device, which raises lines and sends messages; and
 * the first, which watches over them all.  Between phases every vCPU thread is
 * out of the guest and waits in meet(); the last to come closes one phase and
 * opens the next, so no counter moves while it is looked at.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "run.h"

extern const char irq_guest[], irq_guest_end[];

#define MSR_TSC			0x10
#define WATCH_US		50000
#define GIVE_UP_S		5

double run_seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec + now.tv_nsec / 1e9;
}

/* The run cannot go on.  Context: not under the lock. */
static void __attribute__((format(printf, 2, 3)))
fatal(struct run *run, const char *format, ...)
{
	va_list args;

	pthread_mutex_lock(&run->lock);
	if (!run->fatal[0]) {
		va_start(args, format);
		vsnprintf(run->fatal, sizeof(run->fatal), format, args);
		va_end(args);
	}
	run->quit = true;
	pthread_cond_broadcast(&run->changed);
	pthread_mutex_unlock(&run->lock);
}

/* ---- vCPU threads ---- */

/* What only this thread can read without waiting for itself */
static void look(struct run *run, unsigned int n)
{
	struct seen *seen = &run->seen[n];
	struct kvm_sregs sregs;

	if (vintc_vcpu_lapic(&run->vcpu[n], &seen->lapic) < 0 ||
	    vintc_vcpu_sregs(&run->vcpu[n], &sregs) < 0) {
		fatal(run, "vCPU %u: cannot read its registers", n);
		return;
	}
	seen->apic_base = sregs.apic_base;
	seen->has_vectors = !run->accelerated &&
			    !vintc_vcpu_vectors(&run->vcpu[n], &seen->vectors);
}

/*
 * The guest's TSC against ours, so that a latency may start here and end there.
 * Of several readings the one that took the least time is the best.
 */
static void measure_tsc(struct run *run)
{
	int khz = vintc_vcpu_tsc_khz(&run->vcpu[0]);
	uint64_t best = UINT64_MAX;

	for (int i = 0; i < 20; i++) {
		uint64_t before = run_host_tsc(), guest, took;

		if (vintc_vcpu_msr(&run->vcpu[0], MSR_TSC, &guest) < 0)
			break;
		took = run_host_tsc() - before;
		if (took < best) {
			best = took;
			run->tsc_offset = guest - (before + took / 2);
		}
	}
	if (khz <= 0) {
		double start = run_seconds();
		uint64_t before = run_host_tsc();

		usleep(20000);
		khz = (run_host_tsc() - before) / (run_seconds() - start) / 1000;
	}
	run->tsc_khz = run->shared->tsc_khz = khz;
}

/*
 * Wait for the other CPUs and for the next phase.  The device comes first: what
 * it raised last must be in the APIC by the time that is looked at.
 */
static void meet(struct run *run, unsigned int n)
{
	uint64_t generation;

	pthread_mutex_lock(&run->lock);
	while (run->device_busy && !run->quit)
		pthread_cond_wait(&run->changed, &run->lock);
	pthread_mutex_unlock(&run->lock);
	look(run, n);
	pthread_mutex_lock(&run->lock);
	generation = run->generation;
	if (run->current < 0)
		measure_tsc(run);
	if (++run->arrived == run->present) {
		if (run->current >= 0)
			phases_close(run);
		phases_open(run);
		run->arrived = 0;
		run->generation++;
		pthread_cond_broadcast(&run->changed);
	}
	while (run->generation == generation && !run->quit)
		pthread_cond_wait(&run->changed, &run->lock);
	pthread_mutex_unlock(&run->lock);
}

/* The guest acknowledges: the device takes its line back, in time. */
static void acknowledge(struct run *run, unsigned int n)
{
	if (atomic_fetch_sub(&run->left[n], 1) == 1 &&
	    (run->options->fault != FAULT_STUCK || n ||
	     run->shared->cpu[n].raised < run->options->count))
		vintc_vm_line(&run->vm, IRQ_FIRST_PIN + n, false);
}

static void panic(struct run *run, unsigned int n)
{
	const struct irq_cpu *cpu = &run->shared->cpu[n];

	fatal(run, "guest: vCPU %u: exception %llu, error 0x%llx, at 0x%llx, CR2 0x%llx",
	      n, (unsigned long long)cpu->panic[0], (unsigned long long)cpu->panic[1],
	      (unsigned long long)cpu->panic[2], (unsigned long long)cpu->panic[3]);
}

static void strange_exit(struct run *run, unsigned int n)
{
	const struct kvm_run *kvm = run->vcpu[n].run;
	struct kvm_regs regs = { 0 };

	vintc_vcpu_regs(&run->vcpu[n], &regs);
	fatal(run, "vCPU %u left the guest with reason %u (suberror %u, data 0x%llx) at 0x%llx",
	      n, kvm->exit_reason, kvm->internal.suberror,
	      (unsigned long long)kvm->internal.data[0],
	      (unsigned long long)regs.rip);
}

static void handle_exit(struct run *run, unsigned int n)
{
	const struct kvm_run *kvm = run->vcpu[n].run;

	if (kvm->exit_reason == KVM_EXIT_INTR)
		return;
	if (kvm->exit_reason != KVM_EXIT_IO || kvm->io.direction != KVM_EXIT_IO_OUT) {
		strange_exit(run, n);
		return;
	}
	switch (kvm->io.port) {
	case IRQ_PORT_NEXT:
		meet(run, n);
		break;
	case IRQ_PORT_ACK:
		acknowledge(run, n);
		break;
	case IRQ_PORT_PANIC:
		panic(run, n);
		break;
	default:
		strange_exit(run, n);
	}
}

/* The watcher's signal: an NMI gets a halted guest to see that it shall stop. */
static void interrupted(struct run *run, unsigned int n)
{
	struct kvm_regs regs;

	if (!run->abort || run->quit)
		return;
	if (!vintc_vcpu_regs(&run->vcpu[n], &regs))
		run->seen[n].rip = regs.rip;
	vintc_vcpu_lapic(&run->vcpu[n], &run->seen[n].lapic);
	vintc_vcpu_nmi(&run->vcpu[n]);
}

struct vcpu_argument {
	struct run *run;
	unsigned int n;
};

static void *vcpu_thread(void *data)
{
	struct vcpu_argument *argument = data;
	struct run *run = argument->run;
	unsigned int n = argument->n;

	while (!run->quit && !run->finished) {
		int ret = vintc_vcpu_run(&run->vcpu[n]);

		if (ret == -EINTR || ret == -EAGAIN)
			interrupted(run, n);
		else if (ret < 0)
			fatal(run, "vCPU %u: KVM_RUN: %s", n, strerror(-ret));
		else
			handle_exit(run, n);
	}
	return NULL;
}

/* ---- setting up ---- */

/* Identity-mapped: 2 MiB of memory, and the APICs uncached. */
static void page_tables(char *memory)
{
	uint64_t *pml4 = (uint64_t *)(memory + IRQ_PML4);
	uint64_t *pdpt = (uint64_t *)(memory + IRQ_PDPT);
	uint64_t *low = (uint64_t *)(memory + IRQ_PD_LOW);
	uint64_t *high = (uint64_t *)(memory + IRQ_PD_HIGH);
	const uint64_t table = 3, page = 0x83, uncached = 0x18;

	pml4[0] = IRQ_PDPT | table;
	pdpt[0] = IRQ_PD_LOW | table;
	pdpt[3] = IRQ_PD_HIGH | table;
	low[0] = page;
	high[IRQ_IOAPIC >> 21 & 511] = IRQ_IOAPIC | page | uncached;
	high[IRQ_LAPIC >> 21 & 511] = IRQ_LAPIC | page | uncached;
}

static int set_up(struct run *run)
{
	const struct run_options *options = run->options;
	const char *step = "open the device and create a VM";
	void *memory;
	int ret;

	ret = vintc_vm_open(&run->vm, options->device);
	if (ret < 0)
		goto fail;
	if (options->software) {
		step = "keep hardware from delivering interrupts";
		ret = vintc_set_policy(&run->vm, VINTC_POLICY_ACCELERATION,
				       VINTC_ACCELERATION_OFF);
		if (ret < 0)
			goto fail;
	}
	/* Where a storm is what is to be seen, it isn't damped. */
	if (options->fault == FAULT_STUCK)
		vintc_set_policy(&run->vm, VINTC_POLICY_LEVEL_STORM, 0);
	run->accelerated = vintc_accelerated(&run->vm, NULL) == 1;
	if (run->accelerated)
		printf("hardware delivers the interrupts; vintc doesn't count them by vector\n");
	step = "give the VM memory";
	ret = vintc_vm_memory(&run->vm, 0, IRQ_MEMORY, &memory);
	if (ret < 0)
		goto fail;
	page_tables(memory);
	memcpy((char *)memory + IRQ_IMAGE, irq_guest, irq_guest_end - irq_guest);
	run->shared = (struct irq_shared *)((char *)memory + IRQ_SHARED);
	run->shared->cpus = options->cpus;
	phases_plan(run);
	for (unsigned int n = 0; n < options->cpus; n++) {
		step = "create a vCPU";
		ret = vintc_vcpu_create(&run->vcpu[n], &run->vm, n, options->cpus);
		if (ret < 0)
			goto fail;
		run->vcpu_stats[n].fd = -1;
		if (vintc_stats_open(&run->vcpu_stats[n], run->vcpu[n].fd) < 0)
			printf("note: no statistics of vCPU %u\n", n);
	}
	if (vintc_stats_open(&run->vm_stats, run->vm.fd) < 0)
		printf("note: no statistics of the VM\n");
	step = "set the first vCPU's registers";
	ret = vintc_vcpu_long_mode(&run->vcpu[0], IRQ_PML4, IRQ_IMAGE);
	if (!ret)
		return 0;
fail:
	fprintf(stderr, "vintctl: %s: cannot %s: %s\n", options->device, step,
		strerror(-ret));
	return ret;
}

/* ---- watching ---- */

static uint64_t progress(const struct run *run)
{
	uint64_t sum = run->shared->sequence;

	for (unsigned int n = 0; n < run->options->cpus; n++) {
		const struct irq_cpu *cpu = &run->shared->cpu[n];

		sum += cpu->started;
		for (unsigned int v = 0; v < 256; v++)
			sum += cpu->taken[v];
	}
	return sum;
}

/* The phase is wrong, and there is no going on from it. */
static void hung(struct run *run)
{
	struct phase *phase;

	if (run->current < 0) {
		fatal(run, "the guest never asked for its first phase");
		return;
	}
	phase = &run->phases[run->current];
	pthread_mutex_lock(&run->lock);
	phases_collect(run, phase);
	phase_wrong(phase, "%s and could not be stopped",
		    phases_storm(run) ? "a storm of interrupts" : "hung");
	for (unsigned int n = 0; n < run->options->cpus; n++) {
		const struct seen *seen = &run->seen[n];

		if (!seen->rip)
			continue;
		phase_wrong(phase, "vCPU %u at 0x%llx after %llu", n,
			    (unsigned long long)seen->rip,
			    (unsigned long long)phase->delivered[n]);
	}
	phase->done = true;
	report_phase(run, run->current);
	pthread_mutex_unlock(&run->lock);
	fatal(run, "%s %s hung", phase->mode, phase->name);
}

static void watch(struct run *run, pthread_t *threads)
{
	uint64_t last = 0;
	double since = run_seconds();

	while (!run->quit && !run->finished) {
		double idle;

		usleep(WATCH_US);
		if (progress(run) != last && !run->abort && !phases_storm(run)) {
			last = progress(run);
			since = run_seconds();
		}
		idle = run_seconds() - since;
		if (idle > run->options->timeout + GIVE_UP_S) {
			hung(run);
		} else if (idle > run->options->timeout) {
			run->abort = true;
			run->shared->abort = 1;
			for (unsigned int n = 0; n < run->options->cpus; n++)
				pthread_kill(threads[n], SIGUSR1);
		}
	}
}

static void on_signal(int number)
{
	(void)number;
}

static void stop_threads(struct run *run, pthread_t *threads, unsigned int count)
{
	double until = run_seconds() + GIVE_UP_S;

	pthread_mutex_lock(&run->lock);
	run->quit = true;
	pthread_cond_broadcast(&run->changed);
	pthread_mutex_unlock(&run->lock);
	for (unsigned int i = 0; i < count; i++) {
		while (pthread_tryjoin_np(threads[i], NULL) && run_seconds() < until) {
			pthread_kill(threads[i], SIGUSR1);
			usleep(1000);
		}
	}
}

/* vintc keeps its own books by vector; they must agree with the guest's. */
static bool check_engine(struct run *run)
{
	struct phase books = { .wrong = "" };

	for (unsigned int n = 0; n < run->options->cpus; n++) {
		const struct vintc_vector_stats *stats = &run->seen[n].vectors;
		const struct irq_cpu *cpu = &run->shared->cpu[n];

		if (!run->seen[n].has_vectors)
			return true;
		for (unsigned int v = 32; v < 256; v++)
			if (stats->asserted[v] != cpu->taken[v] ||
			    stats->delivered[v] != cpu->taken[v] ||
			    stats->eoi[v] != cpu->eoi[v])
				phase_wrong(&books, "vCPU %u vector 0x%x: %llu/%llu/%llu, guest %llu/%llu",
				      n, v, (unsigned long long)stats->asserted[v],
				      (unsigned long long)stats->delivered[v],
				      (unsigned long long)stats->eoi[v],
				      (unsigned long long)cpu->taken[v],
				      (unsigned long long)cpu->eoi[v]);
	}
	report_extra(run, "engine-counters", books.wrong);
	return !books.wrong[0];
}

static int verdict(struct run *run)
{
	unsigned int right = 0, bad = 0, missing;
	bool engine = true;

	if (run->finished)
		engine = check_engine(run);
	for (unsigned int i = 0; i < run->nr_phases; i++) {
		if (!run->phases[i].done)
			continue;
		if (run->phases[i].wrong[0])
			bad++;
		else
			right++;
	}
	missing = run->nr_phases - right - bad;
	if (run->left_out)
		printf("\n%u phases need two vCPUs and were left out\n", run->left_out);
	if (run->fatal[0]) {
		printf("\nstopped: %s\n", run->fatal);
		report_extra(run, "finished", run->fatal);
	}
	printf("vintctl: %u phases, %u right, %u wrong", run->nr_phases, right, bad);
	if (missing)
		printf(", %u not run", missing);
	if (!engine)
		printf("; the engine's own counters disagree");
	printf("\n");
	return bad || missing || !engine;
}

int run_job(const struct run_options *options)
{
	struct run *run = calloc(1, sizeof(*run));
	struct vcpu_argument arguments[IRQ_MAX_CPUS];
	struct sigaction action = { .sa_handler = on_signal };
	pthread_t threads[IRQ_MAX_CPUS + 1];
	unsigned int n;
	int status;

	if (!run)
		return 2;
	setvbuf(stdout, NULL, _IOLBF, 0);
	run->options = options;
	run->current = -1;
	run->present = 1;
	pthread_mutex_init(&run->lock, NULL);
	pthread_cond_init(&run->changed, NULL);
	sigaction(SIGUSR1, &action, NULL);
	if (set_up(run) < 0)
		return 2;
	printf("%s: %u vCPU%s, %u phases, %u interrupts per sender and phase\n\n",
	       options->device, options->cpus, options->cpus > 1 ? "s" : "",
	       run->nr_phases, options->count);
	for (n = 0; n < options->cpus; n++) {
		arguments[n] = (struct vcpu_argument){ run, n };
		pthread_create(&threads[n], NULL, vcpu_thread, &arguments[n]);
	}
	pthread_create(&threads[n], NULL, device_thread, run);
	watch(run, threads);
	stop_threads(run, threads, n + 1);
	report_tables(run);
	status = verdict(run);
	fflush(stdout);
	return status;
}
