/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the interrupt guest and the VMM that runs it share: the memory map, the
 * ports, and one structure at a fixed guest-physical address.
 *
 * The VMM gives the guest one phase at a time.  A CPU that has nothing to do
 * writes to IRQ_PORT_NEXT, which exits; when all CPUs have, the VMM looks at
 * counters and APICs, writes the next phase into struct irq_shared and lets
 * them go on.
 */
#ifndef IRQ_GUEST_H
#define IRQ_GUEST_H

/* Guest-physical memory; all of it identity-mapped. */
#define IRQ_MEMORY		(2ul << 20)
#define IRQ_PML4		0x1000
#define IRQ_PDPT		0x2000
#define IRQ_PD_LOW		0x3000	/* 0 to 2 MiB, one large page */
#define IRQ_PD_HIGH		0x4000	/* IOAPIC and local APIC, uncached */
#define IRQ_TRAMPOLINE		0x8000	/* where SIPI starts a CPU: vector 8 */
#define IRQ_IMAGE		0x10000
#define IRQ_SHARED		0x100000
#define IRQ_STACK_TOP		0x1f0000	/* CPU 0's; the others' below */
#define IRQ_STACK_SIZE		0x8000

#define IRQ_IOAPIC		0xfec00000ul
#define IRQ_LAPIC		0xfee00000ul

/* Ports: one byte out each */
#define IRQ_PORT_NEXT		0x500	/* this CPU is done; give me work */
#define IRQ_PORT_PANIC		0x501	/* irq_cpu.panic says why */
#define IRQ_PORT_ACK		0x502	/* the device's acknowledge register */

#define IRQ_MAX_CPUS		2
#define IRQ_FIRST_PIN		16	/* pin 16 + n interrupts CPU n */
#define IRQ_MSI_GSI		24	/* GSI 24 + n is routed as an MSI to CPU n */
#define IRQ_REASSERTIONS	3	/* deliveries for one raise of the line */

#ifndef __ASSEMBLER__

#include <linux/types.h>

/* What the CPUs do in a phase */
enum irq_kind {
	IRQ_STOP,		/* halt for good */
	IRQ_START_CPUS,		/* INIT and SIPI to every other CPU */
	IRQ_ENTER_X2APIC,	/* every CPU switches its APIC */
	IRQ_TIMER_ONESHOT,
	IRQ_TIMER_PERIODIC,
	IRQ_TIMER_DEADLINE,
	IRQ_SELF,		/* ICR, shorthand self */
	IRQ_SELF_MSR,		/* x2APIC's SELF_IPI register */
	IRQ_IPI_PHYSICAL,
	IRQ_IPI_LOGICAL,	/* flat in xAPIC, cluster in x2APIC mode */
	IRQ_IPI_OTHERS,		/* shorthand: all but self */
	IRQ_IPI_ALL,		/* shorthand: all and self */
	IRQ_IPI_LOWEST,		/* lowest priority, all CPUs as candidates */
	IRQ_IPI_NMI,
	IRQ_LINE_EDGE,
	IRQ_LINE_LEVEL,
	IRQ_LINE_REASSERT,	/* still asserted at EOI, IRQ_REASSERTIONS times */
	IRQ_MSI,
	IRQ_MSI_ROUTED,
};

/**
 * struct irq_cpu - one CPU's side of the shared memory
 * @taken: handlers entered, by vector, since the start
 * @eoi: EOIs written, by vector
 * @vector: this CPU's in this phase.  The same on all CPUs but for level lines: an
 *	EOI reaches every IOAPIC pin that has its vector, whoever sent it, so two
 *	level lines with one vector would end each other's service.
 * @base: @taken of @vector when the phase began; the VMM's
 * @raised: interrupts this CPU sent or timers it armed in this phase
 * @sent: TSC at which the next interrupt was, or is to be, raised; 0: don't measure
 * @latency_min: TSC ticks from @sent to the handler, in this phase
 * @latency_max: likewise
 * @latency_sum: likewise
 * @latency_count: how many were measured
 * @extra: periodic timer: expiries that were already in IRR when it was stopped
 * @ready: the phase's sequence number, once this CPU waits for interrupts
 * @started: times this CPU came out of the trampoline
 * @panic: vector, error code, RIP, CR2 of an exception nobody expected
 */
struct irq_cpu {
	volatile __u64 taken[256];
	volatile __u64 eoi[256];
	volatile __u64 vector;
	volatile __u64 base;
	volatile __u64 raised;
	volatile __u64 sent;
	volatile __s64 latency_min;
	volatile __s64 latency_max;
	volatile __s64 latency_sum;
	volatile __u64 latency_count;
	volatile __u64 extra;
	volatile __u64 ready;
	volatile __u64 started;
	volatile __u64 panic[4];
} __attribute__((aligned(64)));

/**
 * struct irq_shared - what is at IRQ_SHARED
 * @sequence: counts phases
 * @kind: enum irq_kind
 * @vector: of this phase: CPU 0's
 * @count: interrupts each sender sends (timer: each CPU arms)
 * @cpus: number of CPUs
 * @tsc_khz: the guest's TSC
 * @abort: set by the VMM when a phase hangs: leave all waiting
 * @cpu: by CPU number, which is the APIC ID
 */
struct irq_shared {
	volatile __u64 sequence;
	volatile __u64 kind;
	volatile __u64 vector;
	volatile __u64 count;
	volatile __u64 cpus;
	volatile __u64 tsc_khz;
	volatile __u64 abort;
	struct irq_cpu cpu[IRQ_MAX_CPUS];
};

#endif /* __ASSEMBLER__ */
#endif /* IRQ_GUEST_H */
