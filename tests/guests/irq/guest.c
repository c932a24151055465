// SPDX-License-Identifier: GPL-2.0-only
/*
 * A guest that lives on interrupts.  It runs the phases the VMM hands out (see
 * irq.h), counts what arrives in its handlers and measures how long that took.
 *
 * Nothing here waits for time: every wait ends when a count is reached or when
 * the VMM gives the phase up.
 */
#include <stdbool.h>

#include "irq.h"

typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;

#define SHARED	((struct irq_shared *)IRQ_SHARED)

/* Local APIC: offsets of its page; an x2APIC register's MSR follows from it */
#define APIC_ID		0x20
#define APIC_TPR	0x80
#define APIC_EOI	0xb0
#define APIC_LDR	0xd0
#define APIC_DFR	0xe0
#define APIC_SVR	0xf0
#define APIC_IRR	0x200
#define APIC_ICR	0x300
#define APIC_ICR_HIGH	0x310
#define APIC_LVT_TIMER	0x320
#define APIC_LVT_LINT0	0x350
#define APIC_LVT_LINT1	0x360
#define APIC_TIMER_INIT	0x380
#define APIC_TIMER_DIV	0x3e0
#define APIC_SELF_IPI	0x3f0

#define LVT_MASKED	(1u << 16)
#define LVT_PERIODIC	(1u << 17)
#define LVT_DEADLINE	(2u << 17)

#define ICR_LOWEST	(1u << 8)
#define ICR_NMI		(4u << 8)
#define ICR_INIT	(5u << 8)
#define ICR_STARTUP	(6u << 8)
#define ICR_LOGICAL	(1u << 11)
#define ICR_PENDING	(1u << 12)
#define ICR_ASSERT	(1u << 14)
#define ICR_LEVEL	(1u << 15)
#define ICR_SELF	(1u << 18)
#define ICR_ALL		(2u << 18)
#define ICR_OTHERS	(3u << 18)

#define MSR_APIC_BASE		0x1b
#define MSR_TSC_DEADLINE	0x6e0
#define MSR_X2APIC		0x800
#define MSR_GS_BASE		0xc0000101u

#define VECTOR_NMI		2
#define VECTOR_SPURIOUS		0xff

/* The timer: a bus of 1 GHz, as KVM has it, divided by 16 */
#define TIMER_DIVIDE		16
#define TIMER_DIVIDE_CODE	3
#define ONESHOT_NS		100000
#define PERIODIC_NS		1000000

extern u8 trampoline[], trampoline_end[], vectors[];

/* What CPU n keeps at its GS base */
static struct percpu {
	u64 number;
	bool x2apic;
	u64 unused[6];
} percpu[IRQ_MAX_CPUS] __attribute__((aligned(64)));

/* ---- instructions ---- */

static inline void outb(u16 port, u8 value)
{
	asm volatile("outb %0, %1" : : "a"(value), "d"(port) : "memory");
}

static inline u64 rdmsr(u32 msr)
{
	u32 low, high;

	asm volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr) : "memory");
	return (u64)high << 32 | low;
}

static inline void wrmsr(u32 msr, u64 value)
{
	asm volatile("wrmsr" : : "c"(msr), "a"((u32)value),
		     "d"((u32)(value >> 32)) : "memory");
}

static inline u64 rdtsc(void)
{
	u32 low, high;

	asm volatile("rdtsc" : "=a"(low), "=d"(high) : : "memory");
	return (u64)high << 32 | low;
}

static inline void pause(void)
{
	asm volatile("pause" : : : "memory");
}

/* MMIO by plain 32-bit moves: what every VMM decodes. */
static inline u32 mmio_read(u64 at)
{
	u32 value;

	asm volatile("movl (%1), %0" : "=r"(value) : "r"(at) : "memory");
	return value;
}

static inline void mmio_write(u64 at, u32 value)
{
	asm volatile("movl %0, (%1)" : : "r"(value), "r"(at) : "memory");
}

static inline struct percpu *this(void)
{
	u64 number;

	asm volatile("movq %%gs:0, %0" : "=r"(number));
	return &percpu[number];
}

static inline struct irq_cpu *mine(void)
{
	return &SHARED->cpu[this()->number];
}

/* ---- local APIC and IOAPIC ---- */

static u32 apic_read(u32 reg)
{
	if (this()->x2apic)
		return rdmsr(MSR_X2APIC + (reg >> 4));
	return mmio_read(IRQ_LAPIC + reg);
}

static void apic_write(u32 reg, u32 value)
{
	if (this()->x2apic)
		wrmsr(MSR_X2APIC + (reg >> 4), value);
	else
		mmio_write(IRQ_LAPIC + reg, value);
}

static void icr_write(u32 dest, u32 command)
{
	if (this()->x2apic) {
		wrmsr(MSR_X2APIC + (APIC_ICR >> 4), (u64)dest << 32 | command);
		return;
	}
	mmio_write(IRQ_LAPIC + APIC_ICR_HIGH, dest << 24);
	mmio_write(IRQ_LAPIC + APIC_ICR, command);
	while ((mmio_read(IRQ_LAPIC + APIC_ICR) & ICR_PENDING) && !SHARED->abort)
		pause();
}

static void apic_enable(void)
{
	struct percpu *cpu = this();

	if (!cpu->x2apic) {
		apic_write(APIC_DFR, ~0u);
		apic_write(APIC_LDR, 1u << (24 + cpu->number));
	}
	apic_write(APIC_TPR, 0);
	apic_write(APIC_SVR, 1u << 8 | VECTOR_SPURIOUS);
	apic_write(APIC_LVT_LINT0, LVT_MASKED);
	apic_write(APIC_LVT_LINT1, LVT_MASKED);
	apic_write(APIC_LVT_TIMER, LVT_MASKED);
}

static void enter_x2apic(void)
{
	wrmsr(MSR_APIC_BASE, rdmsr(MSR_APIC_BASE) | 3u << 10);
	this()->x2apic = true;
	apic_enable();
}

/* A logical destination with exactly the CPUs of @mask */
static u32 logical(u32 mask)
{
	u32 ldr;

	if (!this()->x2apic)
		return mask;
	ldr = apic_read(APIC_LDR);	/* all CPUs share the cluster of this one */
	return (ldr & 0xffff0000) | mask;
}

static void ioapic_write(u32 reg, u32 value)
{
	mmio_write(IRQ_IOAPIC, reg);
	mmio_write(IRQ_IOAPIC + 0x10, value);
}

/* Pin 16 + n to CPU n */
static void ioapic_program(bool level)
{
	for (u32 n = 0; n < SHARED->cpus; n++) {
		u32 reg = 0x10 + 2 * (IRQ_FIRST_PIN + n);

		ioapic_write(reg, LVT_MASKED);
		ioapic_write(reg + 1, n << 24);
		ioapic_write(reg, SHARED->cpu[n].vector | (level ? ICR_LEVEL : 0));
	}
}

static void ioapic_mask(void)
{
	for (u32 n = 0; n < SHARED->cpus; n++)
		ioapic_write(0x10 + 2 * (IRQ_FIRST_PIN + n), LVT_MASKED);
}

/* ---- handlers ---- */

static u64 timer_ticks(u64 ns)
{
	return ns * SHARED->tsc_khz / 1000000;
}

static void measure(struct irq_cpu *cpu, u64 now)
{
	__s64 ticks = now - cpu->sent;

	if (!cpu->sent)
		return;
	if (SHARED->kind == IRQ_TIMER_PERIODIC) {
		if (ticks > 0)
			ticks %= timer_ticks(PERIODIC_NS);
	} else {
		cpu->sent = 0;
	}
	if (!cpu->latency_count || ticks < cpu->latency_min)
		cpu->latency_min = ticks;
	if (!cpu->latency_count || ticks > cpu->latency_max)
		cpu->latency_max = ticks;
	cpu->latency_sum += ticks;
	cpu->latency_count++;
}

/*
 * The last expected expiry: stop the timer, then see whether it expired once
 * more in between.  That one will be taken too, and rightly so.
 */
static void periodic_stop(struct irq_cpu *cpu, u32 vector)
{
	apic_write(APIC_TIMER_INIT, 0);
	if (apic_read(APIC_IRR + (vector / 32) * 0x10) & (1u << (vector % 32)))
		cpu->extra++;
	apic_write(APIC_LVT_TIMER, LVT_MASKED | vector);
}

void interrupt(u64 vector, u64 error, u64 rip);

void interrupt(u64 vector, u64 error, u64 rip)
{
	u64 now = rdtsc();
	struct irq_cpu *cpu = mine();

	if (vector < 32 && vector != VECTOR_NMI) {
		u64 cr2;

		asm volatile("mov %%cr2, %0" : "=r"(cr2));
		cpu->panic[0] = vector;
		cpu->panic[1] = error;
		cpu->panic[2] = rip;
		cpu->panic[3] = cr2;
		for (;;)
			outb(IRQ_PORT_PANIC, vector);
	}
	if (vector == cpu->vector) {
		measure(cpu, now);
		if (SHARED->kind == IRQ_TIMER_PERIODIC)
			cpu->raised++;		/* by the timer, not by us */
	}
	cpu->taken[vector]++;
	if (vector == VECTOR_NMI || vector == VECTOR_SPURIOUS)
		return;
	if (vector == cpu->vector) {
		switch (SHARED->kind) {
		case IRQ_LINE_LEVEL:
		case IRQ_LINE_REASSERT:
			outb(IRQ_PORT_ACK, 0);
			break;
		case IRQ_TIMER_PERIODIC:
			/* extra: the one that came after the stop */
			if (!cpu->extra && cpu->taken[vector] >= cpu->base + SHARED->count)
				periodic_stop(cpu, vector);
			break;
		}
	}
	apic_write(APIC_EOI, 0);
	cpu->eoi[vector]++;
}

/* A 64-bit IDT with all vectors, shared by the CPUs */
static struct gate {
	u16 low, selector, flags, middle;
	u32 high, zero;
} idt[256] __attribute__((aligned(16)));

static void idt_load(void)
{
	struct {
		u16 limit;
		u64 base;
	} __attribute__((packed)) pointer = { sizeof(idt) - 1, (u64)idt };

	asm volatile("lidt %0" : : "m"(pointer));
}

static void idt_fill(void)
{
	for (u64 n = 0; n < 256; n++) {
		u64 at = (u64)vectors + 16 * n;

		idt[n] = (struct gate){ at, 0x08, 0x8e00, at >> 16, at >> 32, 0 };
	}
}

/* ---- waiting ---- */

/*
 * Until this CPU took @count of @vector.  Waits for every other one in HLT, so
 * that both a running and a halted CPU have to be reached.  CLI does not hold
 * an NMI back until the HLT, so the last NMI is awaited running.
 */
static void await(u32 vector, u64 count)
{
	struct irq_cpu *cpu = mine();
	u64 spare = vector == VECTOR_NMI;

	while (cpu->taken[vector] < count && !SHARED->abort) {
		if (!(cpu->taken[vector] & 1) ||
		    cpu->taken[vector] + spare >= count) {
			pause();
			continue;
		}
		asm volatile("cli" : : : "memory");
		if (cpu->taken[vector] < count && !SHARED->abort)
			asm volatile("sti; hlt" : : : "memory");
		else
			asm volatile("sti" : : : "memory");
	}
}

static u64 taken_by_all(u32 vector)
{
	u64 sum = 0;

	for (u64 n = 0; n < SHARED->cpus; n++)
		sum += SHARED->cpu[n].taken[vector];
	return sum;
}

static void await_all(u32 vector, u64 count)
{
	while (taken_by_all(vector) < count && !SHARED->abort)
		pause();
}

/*
 * What is due has arrived.  Leave the door open a little, so that one too many
 * comes in now, and is seen, rather than in the next phase.
 */
static void linger(void)
{
	for (int i = 0; i < 200; i++)
		pause();
}

/* ---- phases ---- */

static void timer_oneshot(u32 vector, u64 count)
{
	struct irq_cpu *cpu = mine();

	apic_write(APIC_TIMER_DIV, TIMER_DIVIDE_CODE);
	apic_write(APIC_LVT_TIMER, vector);
	for (u64 i = 0; i < count && !SHARED->abort; i++) {
		u64 ns = ONESHOT_NS + (i % 8) * (ONESHOT_NS / 4);

		cpu->sent = rdtsc() + timer_ticks(ns);
		cpu->raised++;
		apic_write(APIC_TIMER_INIT, ns / TIMER_DIVIDE);
		await(vector, cpu->base + i + 1);
	}
	apic_write(APIC_LVT_TIMER, LVT_MASKED | vector);
}

static void timer_periodic(u32 vector, u64 count)
{
	struct irq_cpu *cpu = mine();

	cpu->extra = 0;
	apic_write(APIC_TIMER_DIV, TIMER_DIVIDE_CODE);
	apic_write(APIC_LVT_TIMER, LVT_PERIODIC | vector);
	cpu->sent = rdtsc() + timer_ticks(PERIODIC_NS);
	apic_write(APIC_TIMER_INIT, PERIODIC_NS / TIMER_DIVIDE);
	await(vector, cpu->base + count);	/* where the handler stops it */
	await(vector, cpu->base + count + cpu->extra);
	if (SHARED->abort)
		periodic_stop(cpu, vector);
}

static void timer_deadline(u32 vector, u64 count)
{
	struct irq_cpu *cpu = mine();

	apic_write(APIC_LVT_TIMER, LVT_DEADLINE | vector);
	asm volatile("mfence" : : : "memory");
	for (u64 i = 0; i < count && !SHARED->abort; i++) {
		u64 ns = ONESHOT_NS + (i % 8) * (ONESHOT_NS / 4);
		u64 deadline = rdtsc() + timer_ticks(ns);

		cpu->raised++;
		cpu->sent = deadline;
		wrmsr(MSR_TSC_DEADLINE, deadline);
		await(vector, cpu->base + i + 1);
	}
	apic_write(APIC_LVT_TIMER, LVT_MASKED | vector);
}

static void self_ipi(u32 vector, u64 count, bool by_msr)
{
	struct irq_cpu *cpu = mine();

	for (u64 i = 0; i < count && !SHARED->abort; i++) {
		cpu->raised++;
		cpu->sent = rdtsc();
		if (by_msr)
			wrmsr(MSR_X2APIC + (APIC_SELF_IPI >> 4), vector);
		else
			icr_write(0, ICR_SELF | ICR_ASSERT | vector);
		while (cpu->taken[vector] < cpu->base + i + 1 && !SHARED->abort)
			pause();
	}
}

static void send(u32 kind, u32 vector, u32 target)
{
	mine()->raised++;
	for (u64 n = 0; n < SHARED->cpus; n++)
		SHARED->cpu[n].sent = rdtsc();
	switch (kind) {
	case IRQ_IPI_PHYSICAL:
		icr_write(target, ICR_ASSERT | vector);
		break;
	case IRQ_IPI_LOGICAL:
		icr_write(logical(1u << target), ICR_ASSERT | ICR_LOGICAL | vector);
		break;
	case IRQ_IPI_OTHERS:
		icr_write(0, ICR_ASSERT | ICR_OTHERS | vector);
		break;
	case IRQ_IPI_ALL:
		icr_write(0, ICR_ASSERT | ICR_ALL | vector);
		break;
	case IRQ_IPI_LOWEST:
		icr_write(logical((1u << SHARED->cpus) - 1),
			  ICR_ASSERT | ICR_LOGICAL | ICR_LOWEST | vector);
		break;
	case IRQ_IPI_NMI:
		icr_write(target, ICR_ASSERT | ICR_NMI);
		break;
	}
}

/*
 * Every CPU in turn sends @count, each when the one before has arrived: one
 * arrival per IPI, or one per CPU with "all".  The others wait for the end of
 * the turn; in HLT where it is certain that more will come to them.
 */
static void ipi(u32 kind, u32 vector, u64 count)
{
	u64 self = this()->number, all = 0;
	u64 each = kind == IRQ_IPI_ALL ? SHARED->cpus : 1;

	for (u64 n = 0; n < SHARED->cpus; n++)
		all += SHARED->cpu[n].base;
	for (u64 turn = 0; turn < SHARED->cpus; turn++) {
		if (turn != self) {
			if (kind != IRQ_IPI_LOWEST)
				await(vector, mine()->base + count *
				      (kind == IRQ_IPI_ALL ? turn + 1 : 1));
			await_all(vector, all + (turn + 1) * count * each);
			continue;
		}
		for (u64 i = 0; i < count && !SHARED->abort; i++) {
			send(kind, vector, !self);
			await_all(vector, all + (turn * count + i + 1) * each);
		}
	}
	mine()->sent = 0;
}

static void udelay(u64 us)
{
	u64 until = rdtsc() + us * SHARED->tsc_khz / 1000;

	while (rdtsc() < until)
		pause();
}

/* INIT, then SIPI twice: the second finds the CPU running and does nothing. */
static void start_cpus(void)
{
	u8 *to = (u8 *)IRQ_TRAMPOLINE;

	for (u8 *from = trampoline; from < trampoline_end; )
		*to++ = *from++;
	for (u32 n = 1; n < SHARED->cpus; n++) {
		icr_write(n, ICR_INIT | ICR_ASSERT | ICR_LEVEL);
		icr_write(n, ICR_INIT | ICR_LEVEL);
		udelay(200);
		icr_write(n, ICR_STARTUP | IRQ_TRAMPOLINE >> 12);
		while (!SHARED->cpu[n].started && !SHARED->abort)
			pause();
		icr_write(n, ICR_STARTUP | IRQ_TRAMPOLINE >> 12);
	}
}

/* The device is the VMM's; this CPU says that it listens, and does. */
static void device(u32 vector, u64 count)
{
	struct irq_cpu *cpu = mine();

	cpu->ready = SHARED->sequence;
	await(vector, cpu->base + count);
}

static void phase(void)
{
	u32 kind = SHARED->kind, vector = mine()->vector;
	u64 count = SHARED->count;

	if (!this()->number) {
		ioapic_mask();
		if (kind >= IRQ_LINE_EDGE && kind <= IRQ_LINE_REASSERT)
			ioapic_program(kind != IRQ_LINE_EDGE);
	}
	switch (kind) {
	case IRQ_START_CPUS:
		start_cpus();
		break;
	case IRQ_ENTER_X2APIC:
		enter_x2apic();
		break;
	case IRQ_TIMER_ONESHOT:
		timer_oneshot(vector, count);
		break;
	case IRQ_TIMER_PERIODIC:
		timer_periodic(vector, count);
		break;
	case IRQ_TIMER_DEADLINE:
		timer_deadline(vector, count);
		break;
	case IRQ_SELF:
	case IRQ_SELF_MSR:
		self_ipi(vector, count, kind == IRQ_SELF_MSR);
		break;
	case IRQ_LINE_REASSERT:
		device(vector, count * IRQ_REASSERTIONS);
		break;
	case IRQ_LINE_EDGE:
	case IRQ_LINE_LEVEL:
	case IRQ_MSI:
	case IRQ_MSI_ROUTED:
		device(vector, count);
		break;
	default:
		ipi(kind, vector, count);
		break;
	}
}

static void work(void)
{
	for (;;) {
		outb(IRQ_PORT_NEXT, 0);
		if (SHARED->kind == IRQ_STOP)
			break;
		phase();
		linger();
	}
	asm volatile("cli");
}

static void cpu_init(u64 number)
{
	percpu[number].number = number;
	wrmsr(MSR_GS_BASE, (u64)&percpu[number]);
	idt_load();
	apic_enable();
	asm volatile("sti");
}

void cpu0(void);
void other_cpu(u64 number);

void cpu0(void)
{
	idt_fill();
	cpu_init(0);
	work();
}

void other_cpu(u64 number)
{
	cpu_init(number);
	mine()->started++;
	work();
}
