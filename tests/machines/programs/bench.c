// SPDX-License-Identifier: GPL-2.0-only
/*
 * What one event costs, in ticks of the TSC (instructions, where an emulator
 * counts those), and how many interrupts arrived:
 *
 *	[DEV=/dev/vintc] [ROUNDS=3] [SCALE=100] bench [ROW]...
 *
 * prints `row NAME TICKS_PER_EVENT EVENTS INTERRUPTS EXITS_PER_EVENT...` (exits of
 * each vCPU): a round is BATCHES of events, and the row has the best batch of
 * ROUNDS, as whatever else the machine does only adds. A round before them warms
 * up (and, with ROUNDS=0, is all there is). SCALE is a percentage of the usual
 * number of events: a batch that is shorter than the kernel's timer tick has none
 * in it. Of two sides, the time is that of the one that waits.
 *
 * With COSTS=1, where the emulator counts costly instructions, the row is
 * followed by `cost NAME WHAT COUNT_PER_EVENT` for each kind that there was.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/io.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vm.h"

#define VECTOR 0x50
#define ARG_N SH->arg[0]
#define ARG_ICR SH->arg[1]
#define ARG_DEST SH->arg[2]
#define ARG_PAUSE SH->arg[3]
#define TICKS SH->val[0]
#define TAKEN SH->val[1]
#define PORT_START 0x504 /* warm: what follows is measured */
#define BATCHES 8

/*
 * A batch: from one to the other. The exchanges do nothing, but for the emulator
 * that counts what lies between them.
 */
inl_ u64 batch_begin(void)
{
	asm volatile("xchg %%bx, %%bx" : : : "memory");
	return rdtsc();
}

inl_ void batch_end(u64 begin, volatile u64 *best)
{
	u64 t = rdtsc() - begin;

	asm volatile("xchg %%cx, %%cx" : : : "memory");
	if (!*best || t < *best)
		*best = t;
}

/* One batch that isn't counted, then the others. */
#define for_batches(b)                                                         	for (int b = -1; b < BATCHES; b++, b ? (void)0 : start_measuring())

inl_ void start_measuring(void)
{
	TICKS = 0;
	TAKEN = 0;
	g_out8(PORT_START, 0);
}

guest void g_cpuid(u64 n)
{
	for_batches(b) {
		u64 t = batch_begin();

		for (u64 i = 0; i < n; i++) {
			u32 a = 0, c = 0;

			asm volatile("cpuid" : "+a"(a), "+c"(c) : : "rbx", "rdx");
		}
		batch_end(t, &TICKS);
	}
}

guest void g_out(u64 n)
{
	for_batches(b) {
		u64 t = batch_begin();

		for (u64 i = 0; i < n; i++)
			g_out8(PORT_SYNC, 0);
		batch_end(t, &TICKS);
	}
}

/* Handlers of their own, as short as can be: count in %r15 and EOI. */
asm(".pushsection .text\n"
    "bench_isr_x: inc %r15; movl $0, -0x250(%rbx); iretq\n" /* %rbx: ICR */
    "bench_isr_x2: push %rax; push %rcx; push %rdx; inc %r15\n"
    "xor %eax, %eax; xor %edx, %edx; mov $0x80b, %ecx; wrmsr\n"
    "pop %rdx; pop %rcx; pop %rax; iretq\n"
    ".popsection\n");
extern char bench_isr_x[], bench_isr_x2[];

guest void g_self_xapic(u64 n)
{
	g_apic_on(false);
	g_sti();
	for_batches(b) {
		u64 t = batch_begin(), left = n, taken;

		asm volatile("xor %%r15d, %%r15d; mov $0xfee00300, %%ebx\n"
			     "1: movl $0x40050, (%%rbx); nop; dec %0; jnz 1b; nop\n"
			     "mov %%r15, %1"
			     : "+r"(left), "=r"(taken) : : "r15", "rbx", "memory");
		batch_end(t, &TICKS);
		TAKEN += taken;
	}
	g_cli();
}

guest void g_self_x2apic(u64 n)
{
	g_apic_on(true);
	g_sti();
	for_batches(b) {
		u64 t = batch_begin(), left = n, taken;

		asm volatile("xor %%r15d, %%r15d; mov $0x83f, %%ecx; xor %%edx, %%edx\n"
			     "1: mov $0x50, %%eax; wrmsr; nop; dec %0; jnz 1b; nop\n"
			     "mov %%r15, %1"
			     : "+r"(left), "=r"(taken)
			     : : "r15", "rax", "rcx", "rdx", "memory");
		batch_end(t, &TICKS);
		TAKEN += taken;
	}
	g_cli();
}

/* The APIC timer in TSC-deadline mode, set to what is past: due at once. */
guest void g_deadline(u64 n)
{
	g_apic_on(true);
	g_apic_write(APIC_LVTT, 2 << 17 | VECTOR);
	g_sti();
	for_batches(b) {
		u64 t = batch_begin(), left = n, taken;

		asm volatile("xor %%r15d, %%r15d; xor %%edi, %%edi\n"
			     "mov $0x6e0, %%ecx; xor %%edx, %%edx\n"
			     "1: mov $1, %%eax; inc %%rdi; wrmsr\n"
			     "2: pause; cmp %%rdi, %%r15; jb 2b; dec %0; jnz 1b\n"
			     "mov %%r15, %1"
			     : "+r"(left), "=r"(taken)
			     : : "r15", "rdi", "rax", "rcx", "rdx", "memory");
		batch_end(t, &TICKS);
		TAKEN += taken;
	}
	g_cli();
}

/* IPIs to the other vCPU, one at a time; @pause: ticks before each */
inl_ void ipis(u64 n, u64 pause)
{
	volatile u64 *count = &SH->cpu[1].count[VECTOR];
	u32 dest = ARG_DEST, icr = ARG_ICR;
	u64 first = 0;

	while (!SH->ready)
		cpu_relax();
	for_batches(b) {
		u64 t;

		if (!b)
			first = *count;
		t = batch_begin();
		for (u64 i = 0; i < n; i++) {
			u64 before = *count;

			for (u64 end = rdtsc() + pause; pause && rdtsc() < end;)
				cpu_relax();
			g_icr(dest, icr);
			while (*count == before)
				cpu_relax();
		}
		batch_end(t, &TICKS);
	}
	TICKS -= n * pause;
	TAKEN = *count - first;
	SH->stop = 1;
	g_icr(1, 0x40f0);
}

guest void g_ipi_xapic(u64 n)
{
	g_apic_on(false);
	ipis(n, 0);
}

guest void g_ipi_wake(u64 n)
{
	g_apic_on(false);
	ipis(n, ARG_PAUSE);
}

guest void g_ipi_x2apic(u64 n)
{
	g_apic_on(true);
	ipis(n, 0);
}

guest void g_target_spin(u64 x2)
{
	g_apic_on(x2);
	SH->ready = 1;
	g_sti();
	while (!SH->stop)
		cpu_relax();
	g_cli();
}

/* Cluster model: IDs that are not the vCPUs' indices. */
guest void g_ipi_cluster(u64 n)
{
	g_apic_on(false);
	g_apic_write(APIC_DFR, 0x0fffffff);
	g_apic_write(APIC_LDR, 0x51000000);
	ipis(n, 0);
}

guest void g_target_cluster(u64 x2)
{
	g_apic_on(false);
	g_apic_write(APIC_DFR, 0x0fffffff);
	g_apic_write(APIC_LDR, 0x58000000);
	SH->ready = 1;
	g_sti();
	while (!SH->stop)
		cpu_relax();
	g_cli();
}

guest void g_target_hlt(u64 x2)
{
	g_apic_on(x2);
	SH->ready = 1;
	for (;;) {
		g_cli();
		if (SH->stop)
			break;
		g_sti_hlt();
	}
}

/* NMIs to the other vCPU. */
guest void g_nmi(u64 n)
{
	volatile u64 *count = &SH->cpu[1].count[2];
	u64 first = 0;

	g_apic_on(false);
	while (!SH->ready)
		cpu_relax();
	for_batches(b) {
		u64 t;

		if (!b)
			first = *count;
		t = batch_begin();
		for (u64 i = 0; i < n; i++) {
			u64 before = *count;

			g_icr(1, 0x4400);
			while (*count == before)
				cpu_relax();
		}
		batch_end(t, &TICKS);
	}
	TAKEN = *count - first;
	SH->stop = 1;
	g_icr(1, 0x40f0);
}

/* ---- the host's side of the rows that inject ---- */

static struct measured {
	struct vm vm;
	int stats[2];
	u64 exits[2]; /* of each vCPU */
	volatile u64 ticks; /* the best batch */
	u64 taken;
} m;

static void exits_of(u64 *exits)
{
	for (int i = 0; i < 2; i++)
		exits[i] = m.vm.cpu[i].run ? stat_read(m.stats[i], "exits") : 0;
}

static u64 exits_before[2];

/* It is warm; what follows is measured. */
static void started(void)
{
	m.ticks = 0;
	m.taken = m.vm.sh->cpu[0].count[VECTOR];
	exits_of(exits_before);
}

static void ended(void)
{
	exits_of(m.exits);
	for (int i = 0; i < 2; i++)
		m.exits[i] -= exits_before[i];
}

#define for_host_batches(b)                                                    \
	for (int b = -1; b < BATCHES; b++, b ? (void)0 : started())

/* Wait till one more interrupt than @before was taken. */
inl_ void taken(u64 before)
{
	volatile u64 *count = &m.vm.sh->cpu[0].count[VECTOR];

	while (*count == before)
		cpu_relax();
}

/* @pause: ticks of each event in which the host does nothing */
inl_ void msis(u64 n, u64 pause)
{
	volatile u64 *count = &m.vm.sh->cpu[0].count[VECTOR];
	struct kvm_msi msi = { .address_lo = 0xfee00000, .data = VECTOR };

	for_host_batches(b) {
		u64 t = batch_begin();

		for (u64 i = 0; i < n; i++) {
			u64 before = *count;

			for (u64 end = rdtsc() + pause; pause && rdtsc() < end;)
				cpu_relax();
			must(m.vm.fd, KVM_SIGNAL_MSI, &msi);
			taken(before);
		}
		batch_end(t, &m.ticks);
	}
	m.ticks -= n * pause;
}

static void host_msi(u64 n) { msis(n, 0); }

/* Longer than anyone polls (some 200 us) before a vCPU sleeps. */
static u64 until_asleep(void)
{
	return getenv("PAUSE") ? atoi(getenv("PAUSE")) : 300000;
}

static void host_wake(u64 n) { msis(n, until_asleep()); }

static void host_line(u64 n)
{
	volatile u64 *count = &m.vm.sh->cpu[0].count[VECTOR];
	struct kvm_irqchip c = { .chip_id = KVM_IRQCHIP_IOAPIC };
	struct kvm_irq_level l = { .irq = 20 };

	must(m.vm.fd, KVM_GET_IRQCHIP, &c);
	c.chip.ioapic.redirtbl[20].bits = VECTOR;
	must(m.vm.fd, KVM_SET_IRQCHIP, &c);
	for_host_batches(b) {
		u64 t = batch_begin();

		for (u64 i = 0; i < n; i++) {
			u64 before = *count;

			l.level = 1;
			must(m.vm.fd, KVM_IRQ_LINE, &l);
			taken(before);
			l.level = 0;
			must(m.vm.fd, KVM_IRQ_LINE, &l);
		}
		batch_end(t, &m.ticks);
	}
}

/* Level: EOI only when the host has lowered the line. */
guest void g_level(u64 x2)
{
	struct gcpu *c = this_cpu();
	u64 done = 0;

	g_apic_on(x2);
	c->no_eoi[VECTOR] = true;
	SH->ready = 1;
	g_sti();
	while (!SH->stop) {
		u64 go = SH->go;

		cpu_relax();
		if (go == done)
			continue;
		g_apic_write(APIC_EOI, 0);
		SH->arg[4] = done = go;
	}
	g_cli();
}

/*
 * Waits for the count to move, not for what it must be: under icount QEMU takes
 * an interrupt twice now and then, and both sides would wait for ever.
 */
static void host_level(u64 n)
{
	volatile u64 *count = &m.vm.sh->cpu[0].count[VECTOR];
	struct kvm_irqchip c = { .chip_id = KVM_IRQCHIP_IOAPIC };
	struct kvm_irq_level l = { .irq = 20 };
	u64 go = 0;

	must(m.vm.fd, KVM_GET_IRQCHIP, &c);
	c.chip.ioapic.redirtbl[20].bits = VECTOR | 1 << 15;
	must(m.vm.fd, KVM_SET_IRQCHIP, &c);
	for_host_batches(b) {
		u64 t = batch_begin();

		for (u64 i = 0; i < n; i++) {
			u64 before = *count;

			l.level = 1;
			must(m.vm.fd, KVM_IRQ_LINE, &l);
			taken(before);
			l.level = 0;
			must(m.vm.fd, KVM_IRQ_LINE, &l);
			m.vm.sh->go = ++go;
			while (m.vm.sh->arg[4] != go)
				cpu_relax();
		}
		batch_end(t, &m.ticks);
	}
}

static const struct row {
	const char *name;
	guest_fn fn, second;
	void (*host)(u64 n);
	u64 n; /* in all batches */
	bool x2; /* of the vCPU that receives */
	char *isr; /* of the vector */
	u32 icr, dest;
	bool no_hlt_exits; /* a halted vCPU stays in guest mode */
} rows[] = {
	{ "cpuid", g_cpuid, NULL, NULL, 10000 },
	{ "out", g_out, NULL, NULL, 10000 },
	{ "self_xapic", g_self_xapic, NULL, NULL, 10000, 0, bench_isr_x },
	{ "self_x2apic", g_self_x2apic, NULL, NULL, 10000, 1, bench_isr_x2 },
	{ "deadline", g_deadline, NULL, NULL, 10000, 1, bench_isr_x2 },
	{ "ipi", g_ipi_xapic, g_target_spin, NULL, 2000, 0, NULL, 0x4000 | VECTOR, 1 },
	{ "msi", g_target_spin, NULL, host_msi, 2000, 0 },
	{ "hlt", g_target_hlt, NULL, host_msi, 1000, 0 },
	{ "wake", g_target_hlt, NULL, host_wake, 200, 0 },
	/* beyond the table: counts */
	{ "ipi_x2apic", g_ipi_x2apic, g_target_spin, NULL, 2000, 1, NULL, 0x4000 | VECTOR, 1 },
	{ "ipi_logical", g_ipi_xapic, g_target_spin, NULL, 2000, 0, NULL, 0x4800 | VECTOR, 2 },
	{ "ipi_cluster", g_ipi_cluster, g_target_cluster, NULL, 2000, 0, NULL, 0x4800 | VECTOR, 0x58 },
	{ "ipi_others", g_ipi_xapic, g_target_spin, NULL, 2000, 0, NULL, 0xc4000 | VECTOR, 0 },
	{ "ipi_hlt", g_ipi_xapic, g_target_hlt, NULL, 1000, 0, NULL, 0x4000 | VECTOR, 1 },
	{ "ipi_wake", g_ipi_wake, g_target_hlt, NULL, 200, 0, NULL, 0x4000 | VECTOR, 1 },
	{ "msi_x2apic", g_target_spin, NULL, host_msi, 2000, 1 },
	{ "msi_in_guest", g_target_hlt, NULL, host_msi, 2000, 0, .no_hlt_exits = true },
	{ "line", g_target_spin, NULL, host_line, 1000, 0 },
	{ "level", g_level, NULL, host_level, 1000, 0 },
	{ "nmi", g_nmi, g_target_spin, NULL, 500, 0 },
};

static void set_gate(struct vm *vm, int vector, char *handler)
{
	u32 *e = (u32 *)(vm->mem + IDT_AT) + vector * 4;

	e[0] = 8 << 16 | ((u64)handler & 0xffff);
	e[1] = ((u64)handler & 0xffff0000) | 0x8e00;
}

static void *run_second(void *cpu)
{
	pin_to(1 % host_cpus());
	vcpu_done(cpu);
	return NULL;
}

static void *run_first(void *cpu)
{
	pin_to(0);
	vcpu_done(cpu);
	return NULL;
}

static void start_vm(const struct row *r)
{
	struct kvm_enable_cap cap = { .cap = KVM_CAP_X86_DISABLE_EXITS,
				      .args = { KVM_X86_DISABLE_EXITS_HLT } };

	memset(&m, 0, sizeof(m));
	vm_create(&m.vm);
	vm_irqchip(&m.vm);
	vm_memory(&m.vm, NULL);
	if (r->no_hlt_exits)
		must(m.vm.fd, KVM_ENABLE_CAP, &cap);
	for (int i = 0; i < (r->second ? 2 : 1); i++) {
		vcpu_create(&m.vm, i);
		m.stats[i] = ioctl(m.vm.cpu[i].fd, KVM_GET_STATS_FD, 0);
	}
	for (u64 i = 0; i < VM_RAM; i += 4096) /* no faults while it is measured */
		*(volatile u8 *)(m.vm.mem + i) |= 0;
	m.vm.sh->arg[1] = r->icr;
	m.vm.sh->arg[2] = r->dest;
	m.vm.sh->arg[3] = until_asleep();
	if (r->isr)
		set_gate(&m.vm, VECTOR, r->isr);
}

/* vCPU 0 is a thread; the host measures. */
static void host_measures(const struct row *r, u64 n)
{
	struct kvm_msi last = { .address_lo = 0xfee00000, .data = 0xf0 };
	pthread_t t;

	vcpu_long(&m.vm.cpu[0], r->fn, r->x2);
	pthread_create(&t, NULL, run_first, &m.vm.cpu[0]);
	pin_to(1 % host_cpus());
	while (!m.vm.sh->ready)
		cpu_relax();
	r->host(n);
	ended();
	m.taken = m.vm.sh->cpu[0].count[VECTOR] - m.taken;
	m.vm.sh->stop = 1;
	must(m.vm.fd, KVM_SIGNAL_MSI, &last);
	pthread_join(t, NULL);
}

/* vCPU 0 measures, here. */
static void guest_measures(const struct row *r, u64 n)
{
	struct kvm_run *run = m.vm.cpu[0].run;
	pthread_t t;

	vcpu_long(&m.vm.cpu[0], r->fn, n);
	if (r->second) {
		vcpu_long(&m.vm.cpu[1], r->second, r->x2);
		pthread_create(&t, NULL, run_second, &m.vm.cpu[1]);
	}
	for (;;) { /* the shortest loop: what user space adds is in the row */
		if (vcpu_run(&m.vm.cpu[0]))
			continue;
		if (run->exit_reason == KVM_EXIT_IO && run->io.port == PORT_SYNC)
			continue;
		if (run->exit_reason != KVM_EXIT_IO || run->io.port != PORT_START)
			break;
		started();
	}
	ended();
	if (run->exit_reason != KVM_EXIT_IO || run->io.port != PORT_DONE)
		fail("exit %u", run->exit_reason);
	if (r->second)
		pthread_join(t, NULL);
	m.ticks = m.vm.sh->val[0];
	m.taken = m.vm.sh->val[1];
}

static void one_round(const struct row *r, u64 n)
{
	start_vm(r);
	pin_to(0);
	if (r->host)
		host_measures(r, n);
	else
		guest_measures(r, n);
	for (int i = 0; i < 2; i++)
		if (m.vm.cpu[i].run)
			close(m.stats[i]);
	vm_end(&m.vm);
}

static const struct row *current;

/* With two decimals: @total of @n events. */
static void per_event(u64 total, u64 n)
{
	printf(" %llu.%02llu", (long long)(total / n), (long long)(total * 100 / n % 100));
}

/*
 * The kinds that bochs-patches/15-costs.patch counts from one batch_begin() to
 * batch_end(), each at its best, by number.
 */
static const char *const costs[] = {
	"RDMSR", "WRMSR", "XSAVE", "XRSTOR", "VMREAD", "VMWRITE", "VMPTRLD", "VMXON",
	"VMLOAD", "VMSAVE", "entry", "CR", "DR", "locked", "TLB", "cache",
};
#define PORT_COSTS 0x8904
#define FORGET 0xffffffffu

static bool counts_costs(void)
{
	return getenv("COSTS") && atoi(getenv("COSTS"));
}

/* A thread with access to ports has more to do on each way to user space. */
static void ports(bool on)
{
	if (iopl(on ? 3 : 0))
		fail("iopl: %m");
}

static void forget_costs(void)
{
	ports(true);
	g_out32(PORT_COSTS, FORGET);
	ports(false);
}

static void print_costs(u64 n)
{
	ports(true);
	for (u32 i = 0; i < ARRAY_SIZE(costs); i++) {
		u32 count;

		g_out32(PORT_COSTS, i);
		count = g_in32(PORT_COSTS);
		if (count == FORGET)
			fail("the emulator counts nothing");
		if (!count)
			continue;
		printf("cost %s %s", current->name, costs[i]);
		per_event(count, n);
		printf("\n");
	}
	ports(false);
}

static void t_row(void)
{
	u64 rounds = getenv("ROUNDS") ? atoi(getenv("ROUNDS")) : 3;
	u64 n = current->n * (getenv("SCALE") ? atoi(getenv("SCALE")) : 100) / 100 / BATCHES;
	u64 best, first;

	n = n ? n : 1;
	if (counts_costs())
		forget_costs();
	one_round(current, n);
	best = m.ticks;
	first = m.taken;
	for (u64 i = 0; i < rounds; i++) {
		one_round(current, n);
		/* also a peer's emulator that sends one too many is to be seen */
		if (m.taken != first)
			printf("# %s: %llu interrupts, %llu before\n", current->name,
			       (long long)m.taken, (long long)first);
		if (!i || m.ticks < best)
			best = m.ticks;
	}
	printf("row %s", current->name);
	per_event(best, n);
	printf(" %llu %llu", (long long)n * BATCHES, (long long)m.taken);
	for (int i = 0; i < (current->second ? 2 : 1); i++)
		per_event(m.exits[i], n * BATCHES);
	printf("\n");
	if (counts_costs())
		print_costs(n);
}

int main(int argc, char **argv)
{
	int failed = 0;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct test t = { rows[i].name, t_row, 60 };

		current = &rows[i];
		failed |= run_tests(&t, 1, argc, argv);
	}
	return failed;
}
