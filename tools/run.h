/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The main job, `vintctl run`: run.c has the threads, phases.c what is tried and
 * checked, device.c the device, report.c what is shown.
 */
#ifndef VINTCTL_RUN_H
#define VINTCTL_RUN_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "irq.h"
#include "libvintc.h"

#define VECTOR_NMI	2
#define PHASES_MAX	64

/* What the device does wrong on purpose, to see that it is noticed */
enum fault {
	FAULT_NONE,
	FAULT_LOST,		/* one interrupt of each phase is not raised */
	FAULT_EXTRA,		/* one more than due */
	FAULT_STUCK,		/* the line stays asserted after the last */
};

/**
 * struct run_options - from the command line
 * @device: path of the device
 * @cpus: 1 or 2
 * @count: interrupts per sender and phase
 * @timeout: seconds without any interrupt after which a phase is given up
 * @fault: what the device is to do wrong
 * @only: leave out phases whose name does not contain this, or NULL
 * @software: hardware does not deliver interrupts
 * @tap: prefix of the lines a test runner reads, or NULL
 */
struct run_options {
	const char *device;
	unsigned int cpus;
	unsigned int count;
	unsigned int timeout;
	enum fault fault;
	const char *only;
	bool software;
	const char *tap;
};

/**
 * struct phase - one thing to try, and what came of it
 * @name: of the phase
 * @mode: "xapic" or "x2apic"
 * @kind: what the guest does
 * @vector: which each CPU takes; 0: none
 * @done: it ran, @wrong says how well
 * @wrong: empty, or what was wrong
 * @asserted: interrupts raised, by whoever does that
 * @due: how many deliveries that had to give
 * @delivered: handlers entered, per CPU
 * @eoi: EOIs, per CPU
 * @refused: raises of which the device said that they were not delivered
 * @exits: of all vCPUs in the phase, or 0 if there are no statistics
 * @latency_count: how many latencies there are
 * @latency_min: in TSC ticks
 * @latency_max: likewise
 * @latency_sum: likewise
 * @seconds: how long it took
 */
struct phase {
	const char *name;
	const char *mode;
	enum irq_kind kind;
	uint8_t vector[IRQ_MAX_CPUS];
	bool done;
	char wrong[400];
	uint64_t asserted;
	uint64_t due;
	uint64_t delivered[IRQ_MAX_CPUS];
	uint64_t eoi[IRQ_MAX_CPUS];
	uint64_t refused;
	uint64_t exits;
	uint64_t latency_count;
	int64_t latency_min;
	int64_t latency_max;
	int64_t latency_sum;
	double seconds;
};

/**
 * struct seen - what a vCPU's thread read from the device while its guest waited
 * @lapic: local APIC
 * @apic_base: the MSR
 * @vectors: vintc's counters, if @has_vectors
 * @rip: where the guest was, when it hung
 */
struct seen {
	struct kvm_lapic_state lapic;
	uint64_t apic_base;
	bool has_vectors;
	struct vintc_vector_stats vectors;
	uint64_t rip;
};

/**
 * struct run - the whole job
 *
 * @lock covers all from @arrived on, and @phases while threads run.
 */
struct run {
	const struct run_options *options;
	struct vintc_vm vm;
	struct vintc_vcpu vcpu[IRQ_MAX_CPUS];
	struct vintc_stats vcpu_stats[IRQ_MAX_CPUS];
	struct vintc_stats vm_stats;
	struct irq_shared *shared;
	int64_t tsc_offset;		/* guest - host */
	uint64_t tsc_khz;

	struct phase phases[PHASES_MAX];
	bool accelerated;		/* hardware delivers; vintc can't count */
	unsigned int nr_phases;
	unsigned int left_out;		/* for want of a second vCPU */

	pthread_mutex_t lock;
	pthread_cond_t changed;
	unsigned int arrived;		/* CPUs waiting for the next phase */
	unsigned int present;		/* CPUs that will come */
	uint64_t generation;
	int current;			/* index of the phase, -1 before the first */
	bool device_busy;		/* the device thread has work */
	atomic_bool finished;
	char fatal[400];		/* why the run cannot go on */
	atomic_bool quit;
	atomic_bool abort;		/* the phase is being given up */
	bool aborted;			/* ever: NMIs may come late */
	uint64_t before_taken[IRQ_MAX_CPUS][256];
	uint64_t before_eoi[IRQ_MAX_CPUS][256];
	uint64_t before_exits;
	double began;
	struct seen seen[IRQ_MAX_CPUS];
	atomic_int left[IRQ_MAX_CPUS];	/* acks until the line of a CPU goes down */
};

/**
 * run_job() - run all phases
 * @options: what was asked for
 *
 * Return: exit status: 0 all right, 1 something wrong, 2 could not run.
 */
int run_job(const struct run_options *options);

/** run_seconds() - monotonic time */
double run_seconds(void);

/** run_host_tsc() - this CPU's TSC, not the guest's */
uint64_t run_host_tsc(void);

/** phases_plan() - list what to do. Context: there is a VM, no vCPU runs */
void phases_plan(struct run *run);

/**
 * phases_open() - hand the next phase to the guest, or tell it to stop
 * @run: the run
 *
 * Context: under the lock, no vCPU in the guest.
 */
void phases_open(struct run *run);

/**
 * phases_close() - judge the phase that ended and report it
 * @run: the run
 *
 * Context: under the lock, the device idle, no vCPU in the guest.
 */
void phases_close(struct run *run);

/** phases_collect() - take a phase's counts and latencies from the shared memory */
void phases_collect(struct run *run, struct phase *phase);

/** phases_storm() - far more interrupts than there should be: no progress either */
bool phases_storm(const struct run *run);

/** phase_wrong() - add to what is wrong with a phase; the first few are kept */
void __attribute__((format(printf, 2, 3)))
phase_wrong(struct phase *phase, const char *format, ...);

/** device_thread() - thread function; @data is the struct run */
void *device_thread(void *data);

/** report_phase() - the progress line of a phase that ended, and its TAP line */
void report_phase(const struct run *run, unsigned int index);

/** report_extra() - a check that is no phase: a line, and its TAP line */
void report_extra(const struct run *run, const char *name, const char *wrong);

/** report_tables() - everything, at the end */
void report_tables(const struct run *run);

#endif /* VINTCTL_RUN_H */
