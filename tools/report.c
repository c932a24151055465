// SPDX-License-Identifier: GPL-2.0-only
/* What `vintctl run` prints */
#include <stdio.h>
#include <string.h>

#include "run.h"

typedef unsigned long long ull;

static uint64_t total(const uint64_t *by_cpu)
{
	uint64_t sum = 0;

	for (unsigned int n = 0; n < IRQ_MAX_CPUS; n++)
		sum += by_cpu[n];
	return sum;
}

static void tap(const struct run *run, const char *mode, const char *name,
		const char *wrong)
{
	const struct run_options *options = run->options;

	if (!options->tap)
		return;
	printf("%s - %s/%ucpu%s%s/%s%s%s\n", wrong[0] ? "not ok" : "ok",
	       options->tap, options->cpus, mode[0] ? "/" : "", mode, name,
	       wrong[0] ? ": " : "", wrong);
}

void report_phase(const struct run *run, unsigned int index)
{
	const struct phase *phase = &run->phases[index];

	printf("[%2u/%u] %-6s %-20s", index + 1, run->nr_phases, phase->mode,
	       phase->name);
	if (phase->vector[0])
		printf(" vector 0x%02x %6llu of %-6llu", phase->vector[0],
		       (ull)total(phase->delivered), (ull)phase->due);
	else
		printf("%30s", "");
	printf(" %6.2f s  %s\n", phase->seconds,
	       phase->wrong[0] ? phase->wrong : "right");
	tap(run, phase->mode, phase->name, phase->wrong);
}

void report_extra(const struct run *run, const char *name, const char *wrong)
{
	printf("%s: %s\n", name, wrong[0] ? wrong : "right");
	tap(run, "", name, wrong);
}

static double us(const struct run *run, double ticks)
{
	return run->tsc_khz ? ticks * 1000 / run->tsc_khz : 0;
}

static void phases(const struct run *run)
{
	printf("\n%-6s %-20s %4s %9s %9s %9s %9s %8s %10s %10s %10s\n", "mode", "phase",
	       "vec", "asserted", "due", "delivered", "EOI'd", "exits",
	       "min us", "avg us", "max us");
	for (unsigned int i = 0; i < run->nr_phases; i++) {
		const struct phase *p = &run->phases[i];

		if (!p->done) {
			printf("%-6s %-20s not run\n", p->mode, p->name);
			continue;
		}
		printf("%-6s %-20s", p->mode, p->name);
		if (p->vector[0])
			printf(" 0x%02x %9llu %9llu %9llu %9llu", p->vector[0],
			       (ull)p->asserted, (ull)p->due,
			       (ull)total(p->delivered), (ull)total(p->eoi));
		else
			printf("%45s", "");
		printf(" %8llu", (ull)p->exits);
		if (p->latency_count)
			printf(" %10.1f %10.1f %10.1f", us(run, p->latency_min),
			       us(run, (double)p->latency_sum / p->latency_count),
			       us(run, p->latency_max));
		printf("%s\n", p->wrong[0] ? "  WRONG" : "");
	}
	printf("\nasserted: sent, armed or raised; due: what that had to deliver (a level line\n"
	       "asserted over %d EOIs is delivered %d times; \"all\" goes to every vCPU).\n"
	       "vec: of vCPU 0; level lines have the one above for vCPU 1.\n"
	       "Latency: from the raise, or from the time the timer was set to, to the handler.\n",
	       IRQ_REASSERTIONS, IRQ_REASSERTIONS);
}

/* Counters only: no times, no histograms, no state */
static bool is_counter(const struct kvm_stats_desc *desc)
{
	return (desc->flags & KVM_STATS_TYPE_MASK) == KVM_STATS_TYPE_CUMULATIVE &&
	       (desc->flags & KVM_STATS_UNIT_MASK) == KVM_STATS_UNIT_NONE &&
	       desc->size == 1;
}

static void vcpu_counters(const struct run *run)
{
	const struct vintc_stats *first = &run->vcpu_stats[0];
	const char *name;

	if (first->fd < 0)
		return;
	printf("\n%-32s", "exits and events");
	for (unsigned int n = 0; n < run->options->cpus; n++)
		printf("     vCPU %u", n);
	printf("\n");
	for (unsigned int i = 0; (name = vintc_stats_name(first, i)); i++) {
		uint64_t value[IRQ_MAX_CPUS] = { 0 };

		if (!is_counter(vintc_stats_desc(first, i)))
			continue;
		for (unsigned int n = 0; n < run->options->cpus; n++)
			vintc_stats_value(&run->vcpu_stats[n], i, &value[n]);
		if (!total(value))
			continue;
		printf("  %-30s", name);
		for (unsigned int n = 0; n < run->options->cpus; n++)
			printf(" %10llu", (ull)value[n]);
		printf("\n");
	}
}

static void vm_counters(const struct run *run)
{
	bool headline = false;
	const char *name;

	if (run->vm_stats.fd < 0)
		return;
	for (unsigned int i = 0; (name = vintc_stats_name(&run->vm_stats, i)); i++) {
		uint64_t value = 0;

		if (vintc_stats_desc(&run->vm_stats, i)->size != 1 ||
		    vintc_stats_value(&run->vm_stats, i, &value) || !value)
			continue;
		if (!headline)
			printf("\n%-32s         VM\n", "of the VM");
		headline = true;
		printf("  %-30s %10llu\n", name, (ull)value);
	}
}

void report_tables(const struct run *run)
{
	phases(run);
	vcpu_counters(run);
	vm_counters(run);
	printf("\n");
}
