// SPDX-License-Identifier: GPL-2.0-only
/* The device of `vintctl run`: raises lines and sends messages, one at a time. */
#include <unistd.h>

#include "run.h"

uint64_t run_host_tsc(void)
{
	uint32_t low, high;

	asm volatile("rdtsc" : "=a"(low), "=d"(high) : : "memory");
	return (uint64_t)high << 32 | low;
}

static bool gone(const struct run *run)
{
	return run->quit || run->abort;
}

/* Returns what the device says: >0 delivered, else not or an error. */
static int assert_one(struct run *run, const struct phase *phase, unsigned int n)
{
	int ret;

	switch (phase->kind) {
	case IRQ_MSI:
		return vintc_vm_msi(&run->vm, IRQ_LAPIC | n << 12, phase->vector[n]);
	case IRQ_MSI_ROUTED:
		ret = vintc_vm_line(&run->vm, IRQ_MSI_GSI + n, true);
		vintc_vm_line(&run->vm, IRQ_MSI_GSI + n, false);
		return ret;
	case IRQ_LINE_EDGE:
		ret = vintc_vm_line(&run->vm, IRQ_FIRST_PIN + n, true);
		vintc_vm_line(&run->vm, IRQ_FIRST_PIN + n, false);
		return ret;
	default:
		return vintc_vm_line(&run->vm, IRQ_FIRST_PIN + n, true);
	}
}

static void raise_one(struct run *run, struct phase *phase, unsigned int n,
		      uint64_t index)
{
	struct irq_cpu *cpu = &run->shared->cpu[n];

	cpu->raised++;
	atomic_store(&run->left[n], phase->kind == IRQ_LINE_REASSERT ?
				    IRQ_REASSERTIONS : 1);
	cpu->sent = run_host_tsc() + run->tsc_offset;
	if (run->options->fault == FAULT_LOST && !n &&
	    index == run->options->count / 2)
		return;
	if (assert_one(run, phase, n) <= 0)
		phase->refused++;
}

static void await_eoi(struct run *run, const struct phase *phase, unsigned int n,
		      uint64_t count)
{
	unsigned int vector = phase->vector[n];
	const struct irq_cpu *cpu = &run->shared->cpu[n];

	while (cpu->eoi[vector] < run->before_eoi[n][vector] + count && !gone(run))
		usleep(20);
}

/*
 * One to every CPU, then wait until all have ended its service, and again: no
 * two of one kind ever meet, so none may be merged with another.
 */
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
			raise_one(run, phase, n, i);
		for (n = 0; n < run->options->cpus; n++)
			await_eoi(run, phase, n, (i + 1) * each);
	}
	if (run->options->fault == FAULT_EXTRA)
		assert_one(run, phase, 0);
	if (!run->abort || phase->kind < IRQ_LINE_LEVEL)
		return;
	for (n = 0; n < run->options->cpus; n++)
		vintc_vm_line(&run->vm, IRQ_FIRST_PIN + n, false);
}

void *device_thread(void *data)
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

