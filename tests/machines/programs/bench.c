// SPDX-License-Identifier: GPL-2.0-only
/*
 * What one event costs, in ticks of the TSC (instructions, where an emulator
 * counts those), and how many interrupts arrived:
 *
 *	[DEV=/dev/vintc] [ROUNDS=3] [SCALE=100] bench [ROW]...
 *
 * prints `row NAME TICKS_PER_EVENT EVENTS INTERRUPTS`: the least of ROUNDS, as
 * whatever else the machine does only adds. A round before them warms up (and,
 * with ROUNDS=0, is all there is). SCALE
 * is a percentage of the usual number of events. Of two sides, the time is that
 * of the one that waits.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vm.h"

#define VECTOR 0x50
#define ARG_N SH->arg[0]
#define ARG_ICR SH->arg[1]
#define ARG_DEST SH->arg[2]
#define TICKS SH->val[0]
#define TAKEN SH->val[1]

guest void g_cpuid(u64 n)
{
	u64 t = rdtsc();

	for (u64 i = 0; i < n; i++) {
		u32 a = 0, c = 0;

		asm volatile("cpuid" : "+a"(a), "+c"(c) : : "rbx", "rdx");
	}
	TICKS = rdtsc() - t;
}

guest void g_out(u64 n)
{
	u64 t = rdtsc();

	for (u64 i = 0; i < n; i++)
		g_out8(PORT_SYNC, 0);
	TICKS = rdtsc() - t;
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
	u64 t, taken = 0;

	g_apic_on(false);
	g_sti();
	t = rdtsc();
	asm volatile("xor %%r15d, %%r15d; mov $0xfee00300, %%ebx\n"
		     "1: movl $0x40050, (%%rbx); nop; dec %0; jnz 1b; nop\n"
		     "mov %%r15, %1"
		     : "+r"(n), "=r"(taken) : : "r15", "rbx", "memory");
	TICKS = rdtsc() - t;
	TAKEN = taken;
	g_cli();
}

guest void g_self_x2apic(u64 n)
{
	u64 t, taken = 0;

	g_apic_on(true);
	g_sti();
	t = rdtsc();
	asm volatile("xor %%r15d, %%r15d; mov $0x83f, %%ecx; xor %%edx, %%edx\n"
		     "1: mov $0x50, %%eax; wrmsr; nop; dec %0; jnz 1b; nop\n"
		     "mov %%r15, %1"
		     : "+r"(n), "=r"(taken) : : "r15", "rax", "rcx", "rdx", "memory");
	TICKS = rdtsc() - t;
	TAKEN = taken;
	g_cli();
}

/* IPIs to the other vCPU, one at a time. */
static inline __attribute__((always_inline)) void ipis(u64 n, bool x2)
{
	volatile u64 *count = &SH->cpu[1].count[VECTOR];
	u32 dest = ARG_DEST, icr = ARG_ICR;
	u64 t;

	g_apic_on(x2);
	while (!SH->ready)
		cpu_relax();
	t = rdtsc();
	for (u64 i = 0; i < n; i++) {
		g_icr(dest, icr);
		while (*count == i)
			cpu_relax();
	}
	TICKS = rdtsc() - t;
	TAKEN = *count;
	SH->stop = 1;
	g_icr(1, 0x40f0);
}

guest void g_ipi_xapic(u64 n) { ipis(n, false); }
guest void g_ipi_x2apic(u64 n) { ipis(n, true); }

guest void g_target_spin(u64 x2)
{
	g_apic_on(x2);
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
	u64 t;

	g_apic_on(false);
	while (!SH->ready)
		cpu_relax();
	t = rdtsc();
	for (u64 i = 0; i < n; i++) {
		g_icr(1, 0x4400);
		while (*count == i)
			cpu_relax();
	}
	TICKS = rdtsc() - t;
	TAKEN = *count;
	SH->stop = 1;
	g_icr(1, 0x40f0);
}

/* ---- the host's side of the rows that inject ---- */

static u64 host_msi(struct vm *vm, u64 n)
{
	volatile u64 *count = &vm->sh->cpu[0].count[VECTOR];
	struct kvm_msi m = { .address_lo = 0xfee00000, .data = VECTOR };
	u64 t = rdtsc();

	for (u64 i = 0; i < n; i++) {
		u64 before = *count;

		must(vm->fd, KVM_SIGNAL_MSI, &m);
		while (*count == before)
			cpu_relax();
	}
	return rdtsc() - t;
}

static u64 host_line(struct vm *vm, u64 n)
{
	volatile u64 *count = &vm->sh->cpu[0].count[VECTOR];
	struct kvm_irqchip c = { .chip_id = KVM_IRQCHIP_IOAPIC };
	struct kvm_irq_level l = { .irq = 20 };
	u64 t;

	must(vm->fd, KVM_GET_IRQCHIP, &c);
	c.chip.ioapic.redirtbl[20].bits = VECTOR | vm->sh->arg[3];
	must(vm->fd, KVM_SET_IRQCHIP, &c);
	t = rdtsc();
	for (u64 i = 0; i < n; i++) {
		u64 before = *count;

		l.level = 1;
		must(vm->fd, KVM_IRQ_LINE, &l);
		while (*count == before)
			cpu_relax();
		l.level = 0;
		must(vm->fd, KVM_IRQ_LINE, &l);
	}
	return rdtsc() - t;
}

/* Level: EOI only when the host has lowered the line. */
guest void g_level(u64 n)
{
	struct gcpu *c = this_cpu();

	g_apic_on(false);
	c->no_eoi[VECTOR] = true;
	SH->ready = 1;
	g_sti();
	for (u64 i = 1; i <= n; i++) {
		while (SH->go != i)
			cpu_relax();
		g_apic_write(APIC_EOI, 0);
		SH->arg[4] = i;
	}
	g_cli();
}

/*
 * Waits for the count to move, not for what it must be: under icount QEMU takes
 * an interrupt twice now and then, and both sides would wait for ever.
 */
static u64 host_level(struct vm *vm, u64 n)
{
	volatile u64 *count = &vm->sh->cpu[0].count[VECTOR];
	struct kvm_irqchip c = { .chip_id = KVM_IRQCHIP_IOAPIC };
	struct kvm_irq_level l = { .irq = 20 };
	u64 t;

	must(vm->fd, KVM_GET_IRQCHIP, &c);
	c.chip.ioapic.redirtbl[20].bits = VECTOR | 1 << 15;
	must(vm->fd, KVM_SET_IRQCHIP, &c);
	t = rdtsc();
	for (u64 i = 1; i <= n; i++) {
		u64 before = *count;

		l.level = 1;
		must(vm->fd, KVM_IRQ_LINE, &l);
		while (*count == before)
			cpu_relax();
		l.level = 0;
		must(vm->fd, KVM_IRQ_LINE, &l);
		vm->sh->go = i;
		while (vm->sh->arg[4] != i)
			cpu_relax();
	}
	return rdtsc() - t;
}

static const struct row {
	const char *name;
	guest_fn fn, second;
	u64 (*host)(struct vm *vm, u64 n);
	u64 n;
	bool x2; /* of the vCPU that receives */
	char *isr; /* of the vector */
	u32 icr, dest;
} rows[] = {
	{ "cpuid", g_cpuid, NULL, NULL, 10000 },
	{ "out", g_out, NULL, NULL, 10000 },
	{ "self_xapic", g_self_xapic, NULL, NULL, 10000, 0, bench_isr_x },
	{ "self_x2apic", g_self_x2apic, NULL, NULL, 10000, 1, bench_isr_x2 },
	{ "ipi", g_ipi_xapic, g_target_spin, NULL, 2000, 0, NULL, 0x4000 | VECTOR, 1 },
	{ "msi", g_target_spin, NULL, host_msi, 2000, 0 },
	{ "hlt", g_target_hlt, NULL, host_msi, 1000, 0 },
	/* beyond the table: counts */
	{ "ipi_x2apic", g_ipi_x2apic, g_target_spin, NULL, 2000, 1, NULL, 0x4000 | VECTOR, 1 },
	{ "ipi_logical", g_ipi_xapic, g_target_spin, NULL, 2000, 0, NULL, 0x4800 | VECTOR, 2 },
	{ "ipi_others", g_ipi_xapic, g_target_spin, NULL, 2000, 0, NULL, 0xc4000 | VECTOR, 0 },
	{ "ipi_hlt", g_ipi_xapic, g_target_hlt, NULL, 500, 0, NULL, 0x4000 | VECTOR, 1 },
	{ "msi_x2apic", g_target_spin, NULL, host_msi, 2000, 1 },
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

/* Ticks; the interrupts taken go to @taken. */
static u64 one_round(const struct row *r, u64 n, u64 *taken)
{
	struct shared *sh;
	pthread_t t;
	struct vm vm;
	u64 ticks;

	vm_start(&vm, r->second ? 2 : 1);
	for (u64 i = 0; i < VM_RAM; i += 4096) /* no faults while it is measured */
		*(volatile u8 *)(vm.mem + i) |= 0;
	sh = vm.sh;
	sh->arg[1] = r->icr;
	sh->arg[2] = r->dest;
	if (r->isr)
		set_gate(&vm, VECTOR, r->isr);
	vcpu_long(&vm.cpu[0], r->fn, r->host && r->fn != g_level ? (u64)r->x2 : n);
	pin_to(0);
	if (r->host) {
		pthread_create(&t, NULL, run_first, &vm.cpu[0]);
		pin_to(1 % host_cpus());
		while (!sh->ready)
			cpu_relax();
		ticks = r->host(&vm, n);
		sh->val[1] = sh->cpu[0].count[VECTOR];
		if (r->fn != g_level) {
			struct kvm_msi m = { .address_lo = 0xfee00000, .data = 0xf0 };

			sh->stop = 1;
			must(vm.fd, KVM_SIGNAL_MSI, &m);
		}
		pthread_join(t, NULL);
	} else {
		if (r->second) {
			vcpu_long(&vm.cpu[1], r->second, r->x2);
			pthread_create(&t, NULL, run_second, &vm.cpu[1]);
		}
		for (;;) { /* the shortest loop: what user space adds is in the row */
			if (vcpu_run(&vm.cpu[0]))
				continue;
			if (vm.cpu[0].run->exit_reason != KVM_EXIT_IO ||
			    vm.cpu[0].run->io.port != PORT_SYNC)
				break;
		}
		if (vm.cpu[0].run->exit_reason != KVM_EXIT_IO ||
		    vm.cpu[0].run->io.port != PORT_DONE)
			fail("exit %u", vm.cpu[0].run->exit_reason);
		if (r->second)
			pthread_join(t, NULL);
		ticks = sh->val[0];
	}
	*taken = sh->val[1];
	vm_end(&vm);
	return ticks;
}

static const struct row *current;

static void t_row(void)
{
	u64 rounds = getenv("ROUNDS") ? atoi(getenv("ROUNDS")) : 3;
	u64 n = current->n * (getenv("SCALE") ? atoi(getenv("SCALE")) : 100) / 100;
	u64 best, ticks, taken;

	best = one_round(current, n, &taken);
	for (u64 i = 0; i < rounds; i++) {
		u64 again;

		ticks = one_round(current, n, &again);
		/* also a peer's emulator that sends one too many is to be seen */
		if (again != taken)
			printf("# %s: %llu interrupts, %llu before\n", current->name,
			       (long long)again, (long long)taken);
		if (!i || ticks < best) {
			best = ticks;
			taken = again;
		}
	}
	printf("row %s %llu.%02llu %llu %llu\n", current->name, (long long)(best / n),
	       (long long)(best * 100 / n % 100), (long long)n, (long long)taken);
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
