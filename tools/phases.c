// SPDX-License-Identifier: GPL-2.0-only
/*
 * The phases of `vintctl run`: which there are, how one is opened and closed,
 * and everything that is held against what should have come of it.
 *
 * Opening and closing happen under the lock with no guest running, so that no
 * counter moves while it is looked at.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "run.h"

#define APIC_BASE_X2APIC	0xc00
#define STORM			1000	/* so many more than due: no end in sight */

/* ---- which there are ---- */

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
void phases_plan(struct run *run)
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

/* ---- what is wrong ---- */

/* Add to what is wrong with a phase; the first few things are enough. */
void phase_wrong(struct phase *phase, const char *format, ...)
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

bool phases_storm(const struct run *run)
{
	uint64_t limit = run->options->count * (IRQ_REASSERTIONS + 1) + STORM;

	for (unsigned int n = 0; n < run->options->cpus; n++) {
		const struct irq_cpu *cpu = &run->shared->cpu[n];

		if (cpu->taken[cpu->vector] - cpu->base > limit)
			return true;
	}
	return false;
}

/* ---- between phases ---- */

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
	uint64_t delivered = 0, eoi = 0;

	for (unsigned int n = 0; n < run->options->cpus; n++) {
		uint64_t expected = due(run, phase, n);

		delivered += phase->delivered[n];
		eoi += phase->eoi[n];
		if (phase->kind != IRQ_IPI_LOWEST && phase->delivered[n] != expected)
			phase_wrong(phase, "vCPU %u took %llu of %llu", n,
			      (unsigned long long)phase->delivered[n],
			      (unsigned long long)expected);
	}
	if (phase->kind == IRQ_IPI_LOWEST && delivered != phase->due)
		phase_wrong(phase, "%llu taken of %llu", (unsigned long long)delivered,
		      (unsigned long long)phase->due);
	if (phase->vector[0] != VECTOR_NMI && eoi != delivered)
		phase_wrong(phase, "%llu EOIs for %llu interrupts",
		      (unsigned long long)eoi, (unsigned long long)delivered);
	if (phase->refused)
		phase_wrong(phase, "%llu raised but, said the device, not delivered",
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
			phase_wrong(phase, "vCPU %u took vector 0x%x %llu times", n, v,
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
				phase_wrong(phase, "vCPU %u: ISR has 0x%x", n, v);
			if (vintc_lapic_bit(&seen->lapic, VINTC_LAPIC_IRR, v))
				phase_wrong(phase, "vCPU %u: IRR has 0x%x", n, v);
		}
		if (!strcmp(phase->mode, "x2apic") &&
		    (seen->apic_base & APIC_BASE_X2APIC) != APIC_BASE_X2APIC)
			phase_wrong(phase, "vCPU %u: APIC base 0x%llx, not x2APIC", n,
			      (unsigned long long)seen->apic_base);
	}
	if (vintc_vm_ioapic(&run->vm, &ioapic) < 0) {
		phase_wrong(phase, "cannot read the IOAPIC");
		return;
	}
	for (unsigned int pin = 0; pin < KVM_IOAPIC_NUM_PINS; pin++) {
		if (ioapic.redirtbl[pin].fields.remote_irr)
			phase_wrong(phase, "IOAPIC pin %u: remote IRR set", pin);
		if (ioapic.irr & 1u << pin)
			phase_wrong(phase, "IOAPIC pin %u: still requested", pin);
	}
}

static void check_started(struct run *run, struct phase *phase)
{
	for (unsigned int n = 1; n < run->options->cpus; n++)
		if (run->shared->cpu[n].started != 1)
			phase_wrong(phase, "vCPU %u started %llu times", n,
			      (unsigned long long)run->shared->cpu[n].started);
}

void phases_collect(struct run *run, struct phase *phase)
{
	phase->asserted = phase->due = 0;
	for (unsigned int n = 0; n < run->options->cpus; n++) {
		const struct irq_cpu *cpu = &run->shared->cpu[n];

		if (phase->vector[n]) {
			phase->delivered[n] = cpu->taken[phase->vector[n]] -
				run->before_taken[n][phase->vector[n]];
			phase->eoi[n] = cpu->eoi[phase->vector[n]] -
				run->before_eoi[n][phase->vector[n]];
		}
		phase->asserted += cpu->raised;
		if (phase->kind != IRQ_IPI_LOWEST || !n)
			phase->due += due(run, phase, n);
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
	phase->seconds = run_seconds() - run->began;
}

void phases_close(struct run *run)
{
	struct phase *phase = &run->phases[run->current];

	if (run->abort) {
		phase_wrong(phase, phases_storm(run) ? "a storm of interrupts, stopped after %u s" :
		      "no interrupt for %u s", run->options->timeout);
		run->aborted = true;
		run->shared->abort = 0;
		run->abort = false;
	}
	phases_collect(run, phase);
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

void phases_open(struct run *run)
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

		run->seen[n].rip = 0;
		cpu->vector = phase->vector[n];
		cpu->base = cpu->taken[cpu->vector];
		cpu->raised = cpu->sent = cpu->extra = 0;
		cpu->latency_count = cpu->latency_sum = 0;
		memcpy(run->before_taken[n], (void *)cpu->taken, sizeof(cpu->taken));
		memcpy(run->before_eoi[n], (void *)cpu->eoi, sizeof(cpu->eoi));
	}
	run->before_exits = run_sum_exits(run);
	run->began = run_seconds();
	run->device_busy = is_device(phase->kind);
	if (phase->kind == IRQ_START_CPUS)
		run->present = run->options->cpus;
	if (phase->kind == IRQ_MSI_ROUTED && routing(run, phase->vector[0]) < 0)
		phase_wrong(phase, "the GSI routing was refused");
}

