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
#define APIC_BASE_X2APIC	0xc00
#define WATCH_US		50000
#define GIVE_UP_S		5

/* ---- the phases ---- */

struct template {
	const char *name;
	enum irq_kind kind;
	uint8_t vector;
	unsigned int cpus;
	bool x2apic_only;
};

static const struct template templates[] = {
	{ "timer-oneshot",	IRQ_TIMER_ONESHOT,	0x31, 1, false },
	{ "timer-periodic",	IRQ_TIMER_PERIODIC,	0x32, 1, false },
	{ "timer-deadline",	IRQ_TIMER_DEADLINE,	0x33, 1, false },
	{ "self-ipi",		IRQ_SELF,		0x41, 1, false },
	{ "self-ipi-register",	IRQ_SELF_MSR,		0x42, 1, true },
	{ "ipi-physical",	IRQ_IPI_PHYSICAL,	0x51, 2, false },
	{ "ipi-logical",	IRQ_IPI_LOGICAL,	0x52, 2, false },
	{ "ipi-all-but-self",	IRQ_IPI_OTHERS,		0x53, 2, false },
	{ "ipi-all",		IRQ_IPI_ALL,		0x54, 2, false },
	{ "ipi-lowest-priority", IRQ_IPI_LOWEST,	0x55, 2, false },
	{ "ipi-nmi",		IRQ_IPI_NMI,	VECTOR_NMI, 2, false },
	{ "ioapic-edge",	IRQ_LINE_EDGE,		0x61, 1, false },
	{ "ioapic-level",	IRQ_LINE_LEVEL,		0x64, 1, false },
	{ "ioapic-level-again",	IRQ_LINE_REASSERT,	0x66, 1, false },
	{ "msi",		IRQ_MSI,		0x71, 1, false },
	{ "msi-routed",		IRQ_MSI_ROUTED,		0x72, 1, false },
};

static void add_phase(struct run *run, const char *mode, const char *name,
		      enum irq_kind kind, uint8_t vector)
{
	struct phase *phase = &run->phases[run->nr_phases++];
	bool level = kind == IRQ_LINE_LEVEL || kind == IRQ_LINE_REASSERT;

	*phase = (struct phase){ .name = name, .mode = mode, .kind = kind };
	for (unsigned int n = 0; n < IRQ_MAX_CPUS; n++)
		phase->vector[n] = vector + (level ? n : 0);	/* see irq.h */
}

/* The second round's vectors lie above the first's, so that each is its own. */
static void plan(struct run *run)
{
	unsigned int cpus = run->options->cpus;
	bool deadline = vintc_vm_extension(&run->vm, KVM_CAP_TSC_DEADLINE_TIMER);

	if (cpus > 1)
		add_phase(run, "xapic", "init-sipi", IRQ_START_CPUS, 0);
	for (int x2apic = 0; x2apic < 2; x2apic++) {
		const char *mode = x2apic ? "x2apic" : "xapic";

		if (x2apic)
			add_phase(run, mode, "enter", IRQ_ENTER_X2APIC, 0);
		for (size_t i = 0; i < sizeof(templates) / sizeof(*templates); i++) {
			const struct template *t = &templates[i];
			uint8_t vector = t->vector;

			if (t->x2apic_only && !x2apic)
				continue;
			if (t->cpus > cpus) {
				run->left_out++;
				continue;
			}
			if (t->kind == IRQ_TIMER_DEADLINE && !deadline) {
				if (run->options->tap)
					printf("skip - %s/%ucpu/%s/%s: no TSC-deadline timer\n",
					       run->options->tap, cpus, mode, t->name);
				continue;
			}
			if (run->options->only && !strstr(t->name, run->options->only))
				continue;
			if (x2apic && vector != VECTOR_NMI)
				vector += 0x80;
			add_phase(run, mode, t->name, t->kind, vector);
		}
	}
}

/* ---- small things ---- */

static uint64_t host_tsc(void)
{
	uint32_t low, high;

	asm volatile("rdtsc" : "=a"(low), "=d"(high) : : "memory");
	return (uint64_t)high << 32 | low;
}

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec + now.tv_nsec / 1e9;
}

/* Add to what is wrong with a phase; the first few things are enough. */
static void __attribute__((format(printf, 2, 3)))
wrong(struct phase *phase, const char *format, ...)
{
	size_t used = strlen(phase->wrong);
	va_list args;

	if (used > sizeof(phase->wrong) - 60)
		return;
	if (used)
		used += snprintf(phase->wrong + used,
				 sizeof(phase->wrong) - used, "; ");
	va_start(args, format);
	vsnprintf(phase->wrong + used, sizeof(phase->wrong) - used, format, args);
	va_end(args);
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

uint64_t run_sum_exits(struct run *run)
{
	uint64_t sum = 0;

	for (unsigned int n = 0; n < run->options->cpus; n++) {
		const struct vintc_stats *stats = &run->vcpu_stats[n];
		uint64_t value;
		const char *name;

		for (unsigned int i = 0; (name = vintc_stats_name(stats, i)); i++)
			if (!strcmp(name, "exits") &&
			    !vintc_stats_value(stats, i, &value))
				sum += value;
	}
	return sum;
}

/* ---- between phases; all under the lock, no guest running ---- */

static bool is_device(enum irq_kind kind)
{
	return kind >= IRQ_LINE_EDGE;
}

/* How many deliveries a CPU must see; for lowest priority, all CPUs together */
static uint64_t due(const struct run *run, const struct phase *phase, unsigned int cpu)
{
	uint64_t count = run->options->count;

	switch (phase->kind) {
	case IRQ_START_CPUS:
	case IRQ_ENTER_X2APIC:
		return 0;
	case IRQ_TIMER_PERIODIC:
		return count + run->shared->cpu[cpu].extra;
	case IRQ_IPI_ALL:
	case IRQ_IPI_LOWEST:
		return count * run->options->cpus;
	case IRQ_LINE_REASSERT:
		return count * IRQ_REASSERTIONS;
	default:
		return count;
	}
}

static void check_counts(struct run *run, struct phase *phase)
{
	uint64_t delivered = 0, want = 0, eoi = 0;

	for (unsigned int n = 0; n < run->options->cpus; n++) {
		uint64_t expected = due(run, phase, n);

		delivered += phase->delivered[n];
		eoi += phase->eoi[n];
		if (phase->kind == IRQ_IPI_LOWEST) {
			want = expected;
			continue;
		}
		want += expected;
		if (phase->delivered[n] != expected)
			wrong(phase, "vCPU %u took %llu of %llu", n,
			      (unsigned long long)phase->delivered[n],
			      (unsigned long long)expected);
	}
	phase->due = want;
	if (phase->kind == IRQ_IPI_LOWEST && delivered != want)
		wrong(phase, "%llu taken of %llu", (unsigned long long)delivered,
		      (unsigned long long)want);
	if (phase->vector[0] != VECTOR_NMI && eoi != delivered)
		wrong(phase, "%llu EOIs for %llu interrupts",
		      (unsigned long long)eoi, (unsigned long long)delivered);
	if (phase->refused)
		wrong(phase, "%llu raised but, said the device, not delivered",
		      (unsigned long long)phase->refused);
}

/* Vectors that had no business in this phase */
static void check_strays(struct run *run, struct phase *phase)
{
	for (unsigned int n = 0; n < run->options->cpus; n++) {
		for (unsigned int v = 0; v < 256; v++) {
			uint64_t more = run->shared->cpu[n].taken[v] -
					run->before_taken[n][v];

			if (!more || v == phase->vector[n] ||
			    (v == VECTOR_NMI && run->aborted))
				continue;
			wrong(phase, "vCPU %u took vector 0x%x %llu times", n, v,
			      (unsigned long long)more);
		}
	}
}

/* What the device says about its controllers: nothing may be left over. */
static void check_controllers(struct run *run, struct phase *phase)
{
	struct kvm_ioapic_state ioapic;

	for (unsigned int n = 0; n < run->options->cpus; n++) {
		const struct seen *seen = &run->seen[n];

		for (unsigned int v = 0; v < 256; v++) {
			if (vintc_lapic_bit(&seen->lapic, VINTC_LAPIC_ISR, v))
				wrong(phase, "vCPU %u: ISR has 0x%x", n, v);
			if (vintc_lapic_bit(&seen->lapic, VINTC_LAPIC_IRR, v))
				wrong(phase, "vCPU %u: IRR has 0x%x", n, v);
		}
		if (!strcmp(phase->mode, "x2apic") &&
		    (seen->apic_base & APIC_BASE_X2APIC) != APIC_BASE_X2APIC)
			wrong(phase, "vCPU %u: APIC base 0x%llx, not x2APIC", n,
			      (unsigned long long)seen->apic_base);
	}
	if (vintc_vm_ioapic(&run->vm, &ioapic) < 0) {
		wrong(phase, "cannot read the IOAPIC");
		return;
	}
	for (unsigned int pin = 0; pin < KVM_IOAPIC_NUM_PINS; pin++) {
		if (ioapic.redirtbl[pin].fields.remote_irr)
			wrong(phase, "IOAPIC pin %u: remote IRR set", pin);
		if (ioapic.irr & 1u << pin)
			wrong(phase, "IOAPIC pin %u: still requested", pin);
	}
}

static void check_started(struct run *run, struct phase *phase)
{
	for (unsigned int n = 1; n < run->options->cpus; n++)
		if (run->shared->cpu[n].started != 1)
			wrong(phase, "vCPU %u started %llu times", n,
			      (unsigned long long)run->shared->cpu[n].started);
}

static void collect(struct run *run, struct phase *phase)
{
	for (unsigned int n = 0; n < run->options->cpus; n++) {
		const struct irq_cpu *cpu = &run->shared->cpu[n];

		if (phase->vector[n]) {
			phase->delivered[n] = cpu->taken[phase->vector[n]] -
				run->before_taken[n][phase->vector[n]];
			phase->eoi[n] = cpu->eoi[phase->vector[n]] -
				run->before_eoi[n][phase->vector[n]];
		}
		phase->asserted += cpu->raised;
		if (!cpu->latency_count)
			continue;
		if (!phase->latency_count || cpu->latency_min < phase->latency_min)
			phase->latency_min = cpu->latency_min;
		if (!phase->latency_count || cpu->latency_max > phase->latency_max)
			phase->latency_max = cpu->latency_max;
		phase->latency_sum += cpu->latency_sum;
		phase->latency_count += cpu->latency_count;
	}
	phase->exits = run_sum_exits(run) - run->before_exits;
	phase->seconds = seconds() - run->began;
}

static void close_phase(struct run *run)
{
	struct phase *phase = &run->phases[run->current];

	while (run->device_busy && !run->quit)
		pthread_cond_wait(&run->changed, &run->lock);
	if (run->abort) {
		wrong(phase, "no interrupt for %u s", run->options->timeout);
		run->aborted = true;
		run->shared->abort = 0;
		run->abort = false;
	}
	collect(run, phase);
	check_counts(run, phase);
	check_strays(run, phase);
	check_controllers(run, phase);
	if (phase->kind == IRQ_START_CPUS)
		check_started(run, phase);
	phase->done = true;
	report_phase(run, run->current);
}

/* The IOAPIC's pins as they were, and one message of @vector per CPU */
static int routing(struct run *run, uint8_t vector)
{
	struct kvm_irq_routing_entry table[IRQ_MSI_GSI + IRQ_MAX_CPUS] = { 0 };
	unsigned int gsi;

	for (gsi = 0; gsi < KVM_IOAPIC_NUM_PINS; gsi++) {
		table[gsi].gsi = gsi;
		table[gsi].type = KVM_IRQ_ROUTING_IRQCHIP;
		table[gsi].u.irqchip.irqchip = KVM_IRQCHIP_IOAPIC;
		table[gsi].u.irqchip.pin = gsi;
	}
	for (unsigned int n = 0; n < run->options->cpus; n++, gsi++) {
		table[gsi].gsi = IRQ_MSI_GSI + n;
		table[gsi].type = KVM_IRQ_ROUTING_MSI;
		table[gsi].u.msi.address_lo = IRQ_LAPIC | n << 12;
		table[gsi].u.msi.data = vector;
	}
	return vintc_vm_routing(&run->vm, table, gsi);
}

static void open_phase(struct run *run)
{
	struct irq_shared *shared = run->shared;
	struct phase *phase;

	if (++run->current == (int)run->nr_phases) {
		shared->kind = IRQ_STOP;
		run->finished = true;
		return;
	}
	phase = &run->phases[run->current];
	shared->kind = phase->kind;
	shared->vector = phase->vector[0];
	shared->count = run->options->count;
	shared->sequence++;
	for (unsigned int n = 0; n < run->options->cpus; n++) {
		struct irq_cpu *cpu = &shared->cpu[n];

		cpu->vector = phase->vector[n];
		cpu->base = cpu->taken[cpu->vector];
		cpu->raised = cpu->sent = cpu->extra = 0;
		cpu->latency_count = cpu->latency_sum = 0;
		memcpy(run->before_taken[n], (void *)cpu->taken, sizeof(cpu->taken));
		memcpy(run->before_eoi[n], (void *)cpu->eoi, sizeof(cpu->eoi));
	}
	run->before_exits = run_sum_exits(run);
	run->began = seconds();
	run->device_busy = is_device(phase->kind);
	if (phase->kind == IRQ_START_CPUS)
		run->present = run->options->cpus;
	if (phase->kind == IRQ_MSI_ROUTED && routing(run, phase->vector[0]) < 0)
		wrong(phase, "the GSI routing was refused");
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
	seen->has_vectors = !vintc_vcpu_vectors(&run->vcpu[n], &seen->vectors);
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
		uint64_t before = host_tsc(), guest, took;

		if (vintc_vcpu_msr(&run->vcpu[0], MSR_TSC, &guest) < 0)
			break;
		took = host_tsc() - before;
		if (took < best) {
			best = took;
			run->tsc_offset = guest - (before + took / 2);
		}
	}
	if (khz <= 0) {
		double start = seconds();
		uint64_t before = host_tsc();

		usleep(20000);
		khz = (host_tsc() - before) / (seconds() - start) / 1000;
	}
	run->tsc_khz = run->shared->tsc_khz = khz;
}

/* Wait for the other CPUs and for the next phase. */
static void meet(struct run *run, unsigned int n)
{
	uint64_t generation;

	look(run, n);
	pthread_mutex_lock(&run->lock);
	generation = run->generation;
	if (run->current < 0)
		measure_tsc(run);
	if (++run->arrived == run->present) {
		if (run->current >= 0)
			close_phase(run);
		open_phase(run);
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
	if (atomic_fetch_sub(&run->left[n], 1) == 1)
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

	if (!run->abort)
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

/* ---- the device ---- */

static bool gone(const struct run *run)
{
	return run->quit || run->abort;
}

static void raise_one(struct run *run, struct phase *phase, unsigned int n)
{
	struct irq_cpu *cpu = &run->shared->cpu[n];
	int ret;

	phase->asserted++;
	atomic_store(&run->left[n], phase->kind == IRQ_LINE_REASSERT ?
				    IRQ_REASSERTIONS : 1);
	cpu->sent = host_tsc() + run->tsc_offset;
	switch (phase->kind) {
	case IRQ_MSI:
		ret = vintc_vm_msi(&run->vm, IRQ_LAPIC | n << 12, phase->vector[n]);
		break;
	case IRQ_MSI_ROUTED:
		ret = vintc_vm_line(&run->vm, IRQ_MSI_GSI + n, true);
		vintc_vm_line(&run->vm, IRQ_MSI_GSI + n, false);
		break;
	default:
		ret = vintc_vm_line(&run->vm, IRQ_FIRST_PIN + n, true);
	}
	if (ret <= 0)
		phase->refused++;
	if (phase->kind == IRQ_LINE_EDGE)
		vintc_vm_line(&run->vm, IRQ_FIRST_PIN + n, false);
}

static void drive(struct run *run, struct phase *phase)
{
	struct irq_shared *shared = run->shared;
	uint64_t each = phase->kind == IRQ_LINE_REASSERT ? IRQ_REASSERTIONS : 1;
	unsigned int n;

	for (n = 0; n < run->options->cpus; n++)
		while (shared->cpu[n].ready != shared->sequence && !gone(run))
			usleep(20);
	for (uint64_t i = 0; i < run->options->count; i++) {
		for (n = 0; n < run->options->cpus && !gone(run); n++)
			raise_one(run, phase, n);
		for (n = 0; n < run->options->cpus; n++) {
			unsigned int vector = phase->vector[n];
			uint64_t want = run->before_eoi[n][vector] + (i + 1) * each;

			while (shared->cpu[n].eoi[vector] < want && !gone(run))
				usleep(20);
		}
	}
	if (!run->abort || phase->kind < IRQ_LINE_LEVEL)
		return;
	for (n = 0; n < run->options->cpus; n++)
		vintc_vm_line(&run->vm, IRQ_FIRST_PIN + n, false);
}

static void *device_thread(void *data)
{
	struct run *run = data;

	pthread_mutex_lock(&run->lock);
	while (!run->quit && !run->finished) {
		struct phase *phase;

		if (!run->device_busy) {
			pthread_cond_wait(&run->changed, &run->lock);
			continue;
		}
		phase = &run->phases[run->current];
		pthread_mutex_unlock(&run->lock);
		drive(run, phase);
		pthread_mutex_lock(&run->lock);
		run->device_busy = false;
		pthread_cond_broadcast(&run->changed);
	}
	pthread_mutex_unlock(&run->lock);
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
	step = "give the VM memory";
	ret = vintc_vm_memory(&run->vm, 0, IRQ_MEMORY, &memory);
	if (ret < 0)
		goto fail;
	page_tables(memory);
	memcpy((char *)memory + IRQ_IMAGE, irq_guest, irq_guest_end - irq_guest);
	run->shared = (struct irq_shared *)((char *)memory + IRQ_SHARED);
	run->shared->cpus = options->cpus;
	plan(run);
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

static void hung(struct run *run)
{
	char where[120] = "";
	size_t used = 0;

	for (unsigned int n = 0; n < run->options->cpus; n++)
		used += snprintf(where + used, sizeof(where) - used,
				 "%s vCPU %u last seen at 0x%llx", n ? "," : "", n,
				 (unsigned long long)run->seen[n].rip);
	fatal(run, "hung in %s %s and could not be stopped:%s",
	      run->phases[run->current].mode, run->phases[run->current].name, where);
}

static void watch(struct run *run, pthread_t *threads)
{
	uint64_t last = 0;
	double since = seconds();

	while (!run->quit && !run->finished) {
		double idle;

		usleep(WATCH_US);
		if (progress(run) != last && !run->abort) {
			last = progress(run);
			since = seconds();
		}
		idle = seconds() - since;
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
	double until = seconds() + GIVE_UP_S;

	pthread_mutex_lock(&run->lock);
	run->quit = true;
	pthread_cond_broadcast(&run->changed);
	pthread_mutex_unlock(&run->lock);
	for (unsigned int i = 0; i < count; i++) {
		while (pthread_tryjoin_np(threads[i], NULL) && seconds() < until) {
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
				wrong(&books, "vCPU %u vector 0x%x: %llu/%llu/%llu, guest %llu/%llu",
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
