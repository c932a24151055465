// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the engine's operations cost, alone: no kernel, no guest, no hypervisor.
 *
 *   valgrind --tool=callgrind engine count   one dump of counters per measurement
 *   engine time                              nanoseconds, on whatever runs this
 *
 * A row is measured as a loop of "prepare, operate" and as one of "prepare,
 * nothing", each N and 2N times: the differences leave exactly what one operation
 * takes, with the calls of the engine's functions in it. tests/bench/run does the
 * subtractions and knows which rows must not differ.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <valgrind/callgrind.h>

#include "../../module/apic/exitmap.h"

#define VECTOR 0x61
#define PIN_VECTOR(pin) (0x20 + (pin) % 200)

static struct dest_map dests;
static struct mailbox boxes[DEST_MAX_APICS];
static struct ioapic ioapic;
static struct exitmap exits;
static struct lapic lapic;
static struct lapic_out out;
static u8 page[4096] __aligned(4096);
static u64 icr;
static u32 sent; /* mailboxes that the last message reached */
static u32 ends; /* how many vCPUs at either end of the VM a row posts to */

/* ------------------------------------------------------------ what a VM has */

/* @n vCPUs in x2APIC mode; the one that is measured is the first. */
static void vm_of(u32 n)
{
	struct lapic_config config;
	u32 i;

	for (i = 0; i < n; i++) {
		dests.view[i] = (struct dest_view){
			.present = true,
			.enabled = true,
			.mode = LAPIC_X2APIC,
			.id = i,
			.initial = i,
			.ldr = (i >> 4) << 16 | 1U << (i & 15),
		};
		mailbox_init(&boxes[i]);
	}
	dests.n = n;
	dest_map_build(&dests);

	lapic_init(&lapic, page, 0, 0, true);
	config = lapic.config;
	config.x2apic = true;
	lapic_configure(&lapic, &config);
	lapic_write(&lapic, LAPIC_SVR, 0x1ff, 0, &out);
	lapic_set_base(&lapic, lapic.base | LAPIC_BASE_X2APIC, false, 46, &out);
}

/* Every other pin sends to the vCPU that is measured. */
static void pins_of(u32 pins)
{
	u32 pin;

	ioapic_init(&ioapic);
	ioapic.pins = pins ? pins : IOAPIC_PINS;
	for (pin = 0; pin < pins; pin++)
		ioapic_put_rte(&ioapic, pin, (u64)(pin & 1) << 56 |
			       IOAPIC_RTE_LEVEL | PIN_VECTOR(pin));
}

/* As deliver() of module/deliver.c does it. */
static void deliver(const struct irq_message *msg)
{
	struct dest_set set;
	int i;

	sent = 0;
	dest_match(&dests, msg, DEST_LOWEST_ROUND_ROBIN, &set);
	while ((i = dest_set_pop(&set)) >= 0) {
		if (msg->delivery <= IRQ_LOWEST && !dests.view[i].enabled)
			continue;
		if (!(mailbox_post(&boxes[i], msg) & MAILBOX_COALESCED))
			sent++;
	}
}

/* ----------------------------------------------------- states and operations */

static void nothing(void)
{
}

static void box_empty(struct mailbox *mb)
{
	mb->pir[VECTOR >> 6] = 0;
	mb->control = 0;
	mb->events = 0;
}

static void boxes_empty(void)
{
	u32 i;

	for (i = 0; i < ends; i++) {
		box_empty(&boxes[i]);
		box_empty(&boxes[dests.n - 1 - i]);
	}
}

static void box_notified(void)
{
	boxes[0].pir[VECTOR >> 6] = 0;
	boxes[0].control = MAILBOX_ON;
}

static void box_full(void)
{
	boxes[0].pir[VECTOR >> 6] = 1ULL << (VECTOR & 63);
	boxes[0].control = MAILBOX_ON;
	lapic_put(&lapic, LAPIC_IRR + (VECTOR >> 5 << 4), 0);
	lapic.irr_words = 0;
}

/* IRR and ISR as @irr and @isr say, one word for all eight. */
static void put_vectors(u32 irr, u32 isr, u32 tmr)
{
	u32 i;

	for (i = 1; i < 8; i++) {
		lapic_put(&lapic, LAPIC_IRR + (i << 4), irr);
		lapic_put(&lapic, LAPIC_ISR + (i << 4), isr);
		lapic_put(&lapic, LAPIC_TMR + (i << 4), tmr);
	}
	lapic_refresh(&lapic);
	out.effects = 0;
}

static void put_bit(u32 reg, u8 vector)
{
	reg += vector >> 5 << 4;
	lapic_put(&lapic, reg, lapic_get(&lapic, reg) | 1U << (vector & 31));
	lapic_refresh(&lapic);
}

static void one_pending(void)
{
	put_vectors(0, 0, 0);
	put_bit(LAPIC_IRR, VECTOR);
}

static void all_pending(void)
{
	put_vectors(~0U, 0, 0);
}

static void one_serviced(void)
{
	put_vectors(0, 0, 0);
	put_bit(LAPIC_ISR, VECTOR);
}

static void two_serviced(void)
{
	one_serviced();
	put_bit(LAPIC_ISR, VECTOR - 32);
}

/* All pins but twelve are edge-triggered. */
static void few_levels(void)
{
	int pin;

	one_serviced();
	while ((pin = ioapic_pin_next(ioapic.level, 12)) >= 0)
		ioapic_put_rte(&ioapic, pin, PIN_VECTOR(pin));
}

static void level_serviced(void)
{
	put_vectors(0, 0, ~0U);
	put_bit(LAPIC_ISR, VECTOR);
	ioapic_put_rte(&ioapic, 5, IOAPIC_RTE_LEVEL | IOAPIC_RTE_REMOTE_IRR | VECTOR);
}

static void all_serviced(void)
{
	put_vectors(0, 0x10001, 0);
}

static void idle(void)
{
	boxes_empty();
	put_vectors(0, 0, 0);
}

static const struct irq_message fixed = { .vector = VECTOR, .source = -1 };
static const struct irq_message nmi = { .delivery = IRQ_NMI, .source = -1 };

static void post(void)
{
	mailbox_post(&boxes[0], &fixed);
}

static void post_nmi(void)
{
	mailbox_post(&boxes[0], &nmi);
}

static void absorb(void)
{
	lapic_absorb(&lapic, &boxes[0], true, &out);
}

static void accept(void)
{
	lapic_accept(&lapic, lapic_next(&lapic));
}

static void eoi(void)
{
	lapic_wrmsr(&lapic, 0x80b, 0, 0, &out);
}

/* With the broadcast that follows, to one IOAPIC. */
static void eoi_level(void)
{
	struct ioapic_out sends;

	eoi();
	sends.n = 0;
	sends.next = 0;
	if (ioapic_serves(&ioapic))
		ioapic_eoi(&ioapic, out.eoi_vector, &sends);
}

static void whole(void)
{
	post();
	absorb();
	accept();
	eoi();
}

static void ipi(void)
{
	out.effects = 0;
	lapic_wrmsr(&lapic, 0x830, icr, 0, &out);
	if (out.effects & LAPIC_OUT_IPI)
		deliver(&out.ipi);
}

static void exit_map(void)
{
	memset(&exits, 0, sizeof(exits));
	exitmap_add_ioapic(&exits, &ioapic, &dests, 0);
	exitmap_add_stale(&exits, &lapic);
}

static void dest_map(void)
{
	dest_map_build(&dests);
}

/* ------------------------------------------------------------------- the rows */

struct row {
	const char *name;
	u32 vcpus;
	u32 pins;
	u64 icr;
	u32 targets; /* of the ICR's message */
	void (*prepare)(void);
	void (*operate)(void);
};

#define TO(id) ((u64)(id) << 32 | VECTOR)
#define CLUSTER (0xffffULL << 32 | BIT(11) | VECTOR)
#define CLUSTER_LOWEST (CLUSTER | IRQ_LOWEST << 8)
#define ALL (2U << 18 | VECTOR)
#define OTHERS (3U << 18 | VECTOR)

#define IPI(what, n, reg, to)                                                  \
	{ what, n, 0, reg, to, boxes_empty, ipi }
#define EXIT_MAPS(n)                                                           \
	{ "exit map", n, 24, 0, 0, one_serviced, exit_map },                   \
	{ "exit map", n, 120, 0, 0, one_serviced, exit_map },                  \
	{ "exit map", n, 240, 0, 0, one_serviced, exit_map }
#define OF_A_VM(n)                                                             \
	{ "post", n, 0, 0, 0, boxes_empty, post },                             \
	{ "absorb", n, 0, 0, 0, box_full, absorb },                            \
	{ "accept", n, 0, 0, 0, one_pending, accept },                         \
	{ "EOI", n, 0, 0, 0, one_serviced, eoi },                              \
	{ "post to EOI", n, 0, 0, 0, idle, whole },                            \
	IPI("ICR, physical", n, TO((n) - 1), 1)

static const struct row rows[] = {
	OF_A_VM(1),
	OF_A_VM(16),
	OF_A_VM(255),
	OF_A_VM(4096),
	{ "post, owner told already", 1, 0, 0, 0, box_notified, post },
	{ "post, merged", 1, 0, 0, 0, box_full, post },
	{ "post NMI", 1, 0, 0, 0, boxes_empty, post_nmi },
	{ "absorb nothing", 1, 0, 0, 0, boxes_empty, absorb },
	{ "accept, all pending", 1, 0, 0, 0, all_pending, accept },
	{ "EOI, another in service", 1, 0, 0, 0, two_serviced, eoi },
	{ "EOI, all classes in service", 1, 0, 0, 0, all_serviced, eoi },
	{ "EOI, level, IOAPIC told", 1, 24, 0, 0, level_serviced, eoi_level },
	{ "EOI, level, IOAPIC told", 1, 240, 0, 0, level_serviced, eoi_level },
	{ "exit map, 12 level pins", 1, 24, 0, 0, few_levels, exit_map },
	{ "exit map, 12 level pins", 1, 240, 0, 0, few_levels, exit_map },
	IPI("ICR, cluster", 16, CLUSTER, 16),
	IPI("ICR, cluster", 255, CLUSTER, 16),
	IPI("ICR, cluster", 4096, CLUSTER, 16),
	IPI("ICR, lowest priority of a cluster", 16, CLUSTER_LOWEST, 1),
	IPI("ICR, lowest priority of a cluster", 4096, CLUSTER_LOWEST, 1),
	IPI("ICR, all", 1, ALL, 1),
	IPI("ICR, all", 16, ALL, 16),
	IPI("ICR, all", 255, ALL, 255),
	IPI("ICR, all", 1024, ALL, 1024),
	IPI("ICR, all", 4096, ALL, 4096),
	IPI("ICR, others", 256, OTHERS, 255),
	EXIT_MAPS(1),
	EXIT_MAPS(16),
	EXIT_MAPS(255),
	EXIT_MAPS(1024),
	{ "destination map", 1, 0, 0, 0, nothing, dest_map },
	{ "destination map", 16, 0, 0, 0, nothing, dest_map },
	{ "destination map", 255, 0, 0, 0, nothing, dest_map },
	{ "destination map", 1024, 0, 0, 0, nothing, dest_map },
	{ "destination map", 4096, 0, 0, 0, nothing, dest_map },
};

static __attribute__((noinline)) void repeat(const struct row *row,
					     void (*operate)(void), u32 n)
{
	while (n--) {
		row->prepare();
		operate();
	}
}

static void print_name(const struct row *row, const char *kind)
{
	printf("%s|%s|%u|%u|%u", kind, row->name, row->vcpus, row->pins,
	       row->targets);
}

/* Four dumps of what was executed since the one before; run has their totals. */
static void count(const struct row *row, u32 n)
{
	print_name(row, "count");
	printf("|%u\n", n);
	fflush(stdout);
	CALLGRIND_ZERO_STATS;
	repeat(row, nothing, n);
	CALLGRIND_DUMP_STATS;
	repeat(row, nothing, 2 * n);
	CALLGRIND_DUMP_STATS;
	repeat(row, row->operate, n);
	CALLGRIND_DUMP_STATS;
	repeat(row, row->operate, 2 * n);
	CALLGRIND_DUMP_STATS;
}

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec * 1e-9;
}

/* The least of some tries, of the loop with the operation less that without. */
static double least(const struct row *row, void (*operate)(void), u32 n)
{
	double best = 1e9, t;
	u32 i;

	for (i = 0; i < 7; i++) {
		t = seconds();
		repeat(row, operate, n);
		t = seconds() - t;
		if (t < best)
			best = t;
	}
	return best / n;
}

static void measure_time(const struct row *row, u32 n)
{
	double with = least(row, row->operate, n);
	double without = least(row, nothing, n);

	print_name(row, "time");
	printf("|%.1f\n", (with - without) * 1e9);
}

int main(int argc, char **argv)
{
	bool counting = argc == 2 && !strcmp(argv[1], "count");
	u32 i;

	if (!counting && (argc != 2 || strcmp(argv[1], "time"))) {
		fprintf(stderr, "usage: engine count | time\n");
		return 2;
	}
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct row *row = &rows[i];

		if (row->vcpus > DEST_MAX_APICS)
			continue;
		vm_of(row->vcpus);
		pins_of(row->pins);
		icr = row->icr;
		ends = row->vcpus < 16 ? row->vcpus : 16;
		if (row->targets > 16)
			ends = (row->vcpus + 1) / 2;
		/* Once, to see that it does what the row says. */
		row->prepare();
		row->operate();
		if (row->operate == ipi && sent != row->targets) {
			fprintf(stderr, "%s: %u targets, not %u\n", row->name,
				sent, row->targets);
			return 1;
		}
		if (counting)
			count(row, 20);
		else
			measure_time(row, row->targets < 1024 && row->operate != dest_map ?
					  20000 : 500);
	}
	return 0;
}
