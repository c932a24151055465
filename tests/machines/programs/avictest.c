// SPDX-License-Identifier: GPL-2.0-only
/*
 * What AVIC is for, by the exits that are left of it:
 *
 *	[DEV=/dev/vintc] [EXPECT=avic|plain|received|any] [TOGGLE=MS] avictest [TEST]...
 *
 * A guest sends or takes a number of interrupts, and its VMM reads the vCPUs'
 * counters before and after. EXPECT=avic (the default): hardware delivers; almost
 * no exits. plain: it doesn't; at least one exit for each event, so that a count
 * that is always small is noticed. received: who takes IPIs doesn't exit, who sends
 * them does. any: only the interrupts are counted, each of which must arrive. With
 * TOGGLE acceleration goes on and off all the time, or with EXPECT=ipis who sends
 * IPIs (VINTC_POLICY_IPIS), so that some exit.
 * Two host CPUs are wanted, one for each side.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "vm.h"
#include "../../../uapi/vintc.h"

#define VECTOR 0x50
#define OTHER 0x61
#define HOW_MANY SH->arg[0]
#define ICR SH->arg[1]
#define DEST SH->arg[2]
#define LDR SH->arg[3] /* of vCPU 0, then 1 in arg[4] */
#define DFR SH->arg[5]
#define X2 SH->arg[6]
#define TAKEN(id) SH->cpu[id].count[VECTOR]

static enum { ACCELERATED, PLAIN, RECEIVED, SENT_AND_NOT, ANY } want;

/* ------------------------------------------------------------------ guests */

static inline __attribute__((always_inline)) void apic_up(int cpu)
{
	g_apic_on(X2);
	if (!X2 && DFR) {
		g_apic_write(APIC_DFR, DFR);
		g_apic_write(APIC_LDR, SH->arg[3 + cpu] << 24);
	}
	g_apic_write(APIC_TPR, 0);
	/* What isn't mapped yet is mapped now. */
	(void)g_apic_read(APIC_TPR);
}

/* Ready, and counted from when the host says so to when it has counted. */
static inline __attribute__((always_inline)) void meet(void)
{
	SH->ready++;
	g_wait(SH->go);
}

static inline __attribute__((always_inline)) void leave_measured(void)
{
	SH->val[0] = 1;
	g_wait(SH->stop);
}

guest void g_self(u64 arg)
{
	apic_up(0);
	g_sti();
	meet();
	for (u64 i = 0; i < HOW_MANY; i++) {
		g_icr(0, 0x40000 | VECTOR);
		asm volatile("nop");
	}
	g_wait(TAKEN(0) == HOW_MANY);
	leave_measured();
}

guest void g_send(u64 arg)
{
	u64 t;

	apic_up(0);
	meet();
	t = rdtsc();
	for (u64 i = 0; i < HOW_MANY; i++) {
		for (u64 end = rdtsc() + SH->arg[7]; rdtsc() < end;)
			cpu_relax();
		g_icr(DEST, ICR);
		g_wait(TAKEN(1) == i + 1);
	}
	SH->val[1] = rdtsc() - t;
	leave_measured();
}

guest void g_receive(u64 arg)
{
	apic_up(this_cpu()->id);
	g_sti();
	meet();
	g_wait(SH->stop);
	g_cli();
}

guest void g_halt(u64 arg)
{
	apic_up(this_cpu()->id);
	SH->ready++;
	for (;;) {
		g_cli();
		if (SH->stop)
			break;
		g_sti_hlt();
	}
}

/* --------------------------------------------------------------- measuring */

struct counted {
	long before, after;
};

static struct measured {
	struct vm vm;
	int stats[2], cpus;
	struct counted exits[2];
	u64 ticks; /* of the sender's loop */
	pthread_t thread[2], toggler;
	volatile bool end;
} m;

static void *run_pinned(void *cpu)
{
	pin_to(((struct vcpu *)cpu)->id % host_cpus());
	vcpu_done(cpu);
	return NULL;
}

static void accelerate(bool on)
{
	struct vintc_policy p = {
		.policy = want == SENT_AND_NOT ? VINTC_POLICY_IPIS : VINTC_POLICY_ACCELERATION,
		.value = on ? 0 : 1,
	};

	must(m.vm.fd, VINTC_SET_POLICY, &p);
}

static void *toggle(void *arg)
{
	unsigned int ms = atoi(getenv("TOGGLE"));

	for (bool on = false; !m.end; on = !on) {
		accelerate(on);
		usleep(ms * 1000);
	}
	accelerate(true);
	return NULL;
}

static void exits(int when)
{
	for (int i = 0; i < m.cpus; i++) {
		long v = stat_read(m.stats[i], "exits");

		*(when ? &m.exits[i].after : &m.exits[i].before) = v;
	}
}

static void wait_until(volatile u64 *what, u64 value, const char *name)
{
	for (u64 t = rdtsc(); *what < value;) {
		/* A CPU of its own, or one that it shares with a vCPU. */
		if (m.cpus == 1)
			cpu_relax();
		else
			usleep(1000);
		if (rdtsc() - t > 60000000000ull)
			fail("%s: %llu, not %llu", name, (long long)*what, (long long)value);
	}
}

static void start(guest_fn second)
{
	memset(&m, 0, sizeof(m));
	m.cpus = second ? 2 : 1;
	pin_to(1 % host_cpus());
	vm_start(&m.vm, m.cpus);
	for (int i = 0; i < m.cpus; i++) {
		m.stats[i] = ioctl(m.vm.cpu[i].fd, KVM_GET_STATS_FD, 0);
		if (m.stats[i] < 0)
			fail("no counters");
	}
}

/* @set fills what the guests are told. They are all ready when this returns. */
static void go(guest_fn first, guest_fn second)
{
	vcpu_long(&m.vm.cpu[0], first, is_vintc());
	if (second)
		vcpu_long(&m.vm.cpu[1], second, 1);
	for (int i = 0; i < m.cpus; i++)
		pthread_create(&m.thread[i], NULL, run_pinned, &m.vm.cpu[i]);
	wait_until(&m.vm.sh->ready, m.cpus, "vCPUs that are ready");
	if (getenv("TOGGLE"))
		pthread_create(&m.toggler, NULL, toggle, NULL);
	/* What acceleration's coming and the thread's wake-up cost is over. */
	usleep(20000);
	exits(0);
	m.vm.sh->go = 1;
}

static void finish(void)
{
	struct kvm_msi last = { .address_lo = 0xfee00000, .data = 0xf0 };

	m.end = true;
	m.vm.sh->stop = 1;
	for (int i = 0; i < m.cpus; i++) {
		/* For one that is halted. */
		last.address_lo = 0xfee00000 | i << 12;
		must(m.vm.fd, KVM_SIGNAL_MSI, &last);
	}
	for (int i = 0; i < m.cpus; i++)
		pthread_join(m.thread[i], NULL);
	if (m.toggler)
		pthread_join(m.toggler, NULL);
}

static long exits_of(int cpu)
{
	return m.exits[cpu].after - m.exits[cpu].before;
}

/* Exits of host interrupts: 250 a second of the machine's time, which is busy with other things, too. */
#define SOME 200

static void judge(int cpu, u64 events, u64 each)
{
	long got = exits_of(cpu), most = events * each + SOME;

	printf("# vCPU %d: %ld exits for %llu events\n", cpu, got, (long long)events);
	/* Off as often as on, for some of them at least. */
	if (want == SENT_AND_NOT && cpu == 0 && got < (long)events / 50)
		fail("vCPU 0: %ld exits for %llu events while it should send some itself", got, (long long)events);
	if (want == RECEIVED && cpu && got > most)
		fail("vCPU %d: %ld exits for %llu events that it takes", cpu, got, (long long)events);
	if (want == ACCELERATED && (got > most || got < (long)(events * each)))
		fail("vCPU %d: %ld exits for %llu events, not about %llu each", cpu,
		     got, (long long)events, (long long)each);
	if ((want == PLAIN || (want == RECEIVED && cpu == 0)) && got < (long)events)
		fail("vCPU %d: %ld exits for %llu events without acceleration", cpu,
		     got, (long long)events);
}

/* ------------------------------------------------------------------- tests */

static void self(bool x2)
{
	start(NULL);
	m.vm.sh->arg[0] = 10000;
	m.vm.sh->arg[6] = x2;
	go(g_self, NULL);
	wait_until(m.vm.sh->val, 1, "guest");
	exits(1);
	finish();
	expect(m.vm.sh->cpu[0].count[VECTOR], 10000);
	judge(0, 10000, 0);
}

static void t_self_xapic(void) { self(false); }
static void t_self_x2apic(void) { self(true); }

struct ipi {
	u64 n, icr, dest, ldr[2], dfr;
	bool x2;
	u64 pause; /* ticks before each */
};

static void ipis(struct ipi ipi, guest_fn receiver, u64 sent_each, u64 taken_each)
{
	struct shared *sh;

	start(receiver);
	sh = m.vm.sh;
	sh->arg[0] = ipi.n;
	sh->arg[1] = ipi.icr | VECTOR;
	sh->arg[2] = ipi.dest;
	sh->arg[3] = ipi.ldr[0];
	sh->arg[4] = ipi.ldr[1];
	sh->arg[5] = ipi.dfr;
	sh->arg[6] = ipi.x2;
	sh->arg[7] = ipi.pause;
	go(g_send, receiver);
	wait_until(sh->val, 1, "guest");
	exits(1);
	m.ticks = sh->val[1];
	finish();
	expect(sh->cpu[1].count[VECTOR], ipi.n);
	judge(0, ipi.n, sent_each);
	judge(1, ipi.n, taken_each);
}

static void t_ipi_physical(void)
{
	ipis((struct ipi){ 2000, 0x4000, 1 }, g_receive, 0, 0);
}

static void t_ipi_flat(void)
{
	ipis((struct ipi){ 2000, 0x4800, 2, { 1, 2 }, ~0u }, g_receive, 0, 0);
}

/* Bits that are not the vCPUs' indices. */
static void t_ipi_flat_moved(void)
{
	ipis((struct ipi){ 2000, 0x4800, 0x40, { 0x80, 0x40 }, ~0u }, g_receive, 0, 0);
}

static void t_ipi_cluster(void)
{
	ipis((struct ipi){ 2000, 0x4800, 0x58, { 0x51, 0x58 }, 0x0fffffff }, g_receive, 0, 0);
}

static void t_ipi_others(void)
{
	ipis((struct ipi){ 2000, 0xc4000, 0 }, g_receive, 0, 0);
}

static void t_ipi_x2apic(void)
{
	ipis((struct ipi){ .n = 2000, .icr = 0x4000, .dest = 1, .x2 = true }, g_receive, 0, 0);
}

static void t_ipi_x2apic_logical(void)
{
	ipis((struct ipi){ .n = 2000, .icr = 0x4800, .dest = 2, .x2 = true }, g_receive, 0, 0);
}

/* Lowest priority is software's: INCOMPLETE_IPI each, but no exit at the target. */
static void t_ipi_lowest(void)
{
	ipis((struct ipi){ 1000, 0x4900, 2, { 1, 2 }, ~0u }, g_receive, 1, 0);
}

/*
 * Nobody wakes it but the exit "not running", of which there is one for each, and
 * an exit for HLT. A loss is a wait for the next tick.
 */
static void t_ipi_halted(void)
{
	ipis((struct ipi){ 100, 0x4000, 1, .pause = 300000 }, g_halt, 1, 1);
	if (!getenv("TOGGLE") && m.ticks / 100 > 400000)
		fail("%llu ticks each", (long long)m.ticks / 100);
}

static u64 one_msi(u64 i)
{
	struct kvm_msi msi = { .address_lo = 0xfee00000, .data = VECTOR };
	volatile u64 *count = &m.vm.sh->cpu[0].count[VECTOR];
	u64 t = rdtsc();

	must(m.vm.fd, KVM_SIGNAL_MSI, &msi);
	while (*count <= i) {
		cpu_relax();
		if (rdtsc() - t > 60000000000ull)
			fail("MSI %llu doesn't arrive", (long long)i);
	}
	return rdtsc() - t;
}

static int by_size(const void *a, const void *b)
{
	u64 x = *(const u64 *)a, y = *(const u64 *)b;

	return x < y ? -1 : x > y;
}

/*
 * A doorbell that gets lost delays an interrupt to the next host tick: seen by
 * the slow tail, of which some is the scheduler's.
 */
static void msis(bool x2, guest_fn receiver, bool hlt_exits)
{
	enum { MSIS = 1000 };
	static u64 took[MSIS];

	if (!hlt_exits)
		want = want == PLAIN ? ANY : want;
	memset(&m, 0, sizeof(m));
	m.cpus = 1;
	vm_create(&m.vm);
	vm_irqchip(&m.vm);
	vm_memory(&m.vm, NULL);
	if (!hlt_exits) {
		struct kvm_enable_cap cap = { .cap = KVM_CAP_X86_DISABLE_EXITS,
					      .args = { KVM_X86_DISABLE_EXITS_HLT } };

		must(m.vm.fd, KVM_ENABLE_CAP, &cap);
	}
	vcpu_create(&m.vm, 0);
	m.stats[0] = ioctl(m.vm.cpu[0].fd, KVM_GET_STATS_FD, 0);
	m.vm.sh->arg[6] = x2;
	pin_to(1 % host_cpus());
	go(receiver, NULL);
	for (u64 i = 0; i < MSIS; i++)
		took[i] = one_msi(i);
	exits(1);
	finish();
	expect(m.vm.sh->cpu[0].count[VECTOR], MSIS);
	judge(0, MSIS, 0);
	qsort(took, MSIS, sizeof(took[0]), by_size);
	printf("# ticks to the handler: median %llu, 90%% %llu\n",
	       (long long)took[MSIS / 2], (long long)took[MSIS * 9 / 10]);
	if (want == ACCELERATED && took[MSIS * 9 / 10] > 50000)
		fail("one in ten takes %llu ticks or more", (long long)took[MSIS * 9 / 10]);
}

static void t_msi_xapic(void) { msis(false, g_receive, true); }
static void t_msi_x2apic(void) { msis(true, g_receive, true); }
static void t_msi_halted_in_guest(void) { msis(false, g_halt, false); }

static u64 redirection(int pin, u64 set)
{
	struct kvm_irqchip c = { .chip_id = KVM_IRQCHIP_IOAPIC };

	must(m.vm.fd, KVM_GET_IRQCHIP, &c);
	if (set) {
		c.chip.ioapic.redirtbl[pin].bits = set;
		must(m.vm.fd, KVM_SET_IRQCHIP, &c);
	}
	return c.chip.ioapic.redirtbl[pin].bits;
}

/* EOI when the host has lowered the line. */
guest void g_level(u64 arg)
{
	apic_up(0);
	this_cpu()->no_eoi[VECTOR] = true;
	g_sti();
	meet();
	for (u64 i = 1; i <= HOW_MANY; i++) {
		g_wait(SH->arg[8] == i);
		g_apic_write(APIC_EOI, 0);
		SH->arg[9] = i;
	}
	leave_measured();
}

static void level(bool x2)
{
	struct kvm_irq_level l = { .irq = 20 };
	struct shared *sh;

	start(NULL);
	sh = m.vm.sh;
	sh->arg[0] = 500;
	sh->arg[6] = x2;
	redirection(20, VECTOR | 1 << 15);
	go(g_level, NULL);
	for (u64 i = 1; i <= 500; i++) {
		l.level = 1;
		must(m.vm.fd, KVM_IRQ_LINE, &l);
		wait_until(&sh->cpu[0].count[VECTOR], i, "level interrupts");
		/* Remote IRR until the EOI. */
		expect(redirection(20, 0) >> 14 & 1, 1);
		l.level = 0;
		must(m.vm.fd, KVM_IRQ_LINE, &l);
		sh->arg[8] = i;
		wait_until(&sh->arg[9], i, "EOIs");
		expect(redirection(20, 0) >> 14 & 1, 0);
	}
	wait_until(sh->val, 1, "guest");
	exits(1);
	finish();
	expect(sh->cpu[0].count[VECTOR], 500);
	judge(0, 500, 1);
}

static void t_level_xapic(void) { level(false); }
static void t_level_x2apic(void) { level(true); }

/* ID 4 of INCOMPLETE_IPI: the engine's error, by the value in the page. */
guest void g_errors(u64 arg)
{
	apic_up(0);
	meet();
	g_icr(0, 0x40005);
	g_apic_write(APIC_ESR, 0);
	if (arg) /* KVM has no errors */
		g_expect(g_apic_read(APIC_ESR) & 0x20, 0x20);
	/* Nobody is there: no error, nothing happens. */
	g_icr(9, 0x4000 | VECTOR);
	g_icr(0x80, 0x4800 | VECTOR);
	g_apic_write(APIC_ESR, 0);
	g_expect(g_apic_read(APIC_ESR), 0);
	/* Traps: kept bits alone stay. */
	g_apic_write(APIC_LVT0, 0x100ff);
	g_expect(g_apic_read(APIC_LVT0), 0x100ff);
	g_apic_write(APIC_TMICT, 100000000);
	g_expect(g_apic_read(APIC_TMCCT) > 0, 1);
	g_apic_write(APIC_TMICT, 0);
	g_expect(g_apic_read(APIC_TMCCT), 0);
	/* To itself, by its own ID. */
	g_icr(0, 0x4000 | VECTOR);
	g_expect(g_apic_read(APIC_IRR + 0x20) >> (VECTOR & 31) & 1, 1);
	g_sti();
	g_wait(TAKEN(0) == 1);
	g_cli();
	leave_measured();
}

static void errors(bool x2)
{
	start(NULL);
	m.vm.sh->arg[5] = x2 ? 0 : ~0u;
	m.vm.sh->arg[3] = 1;
	m.vm.sh->arg[6] = x2;
	go(g_errors, NULL);
	wait_until(m.vm.sh->val, 1, "guest");
	finish();
}

static void t_errors_xapic(void) { errors(false); }
static void t_errors_x2apic(void) { errors(true); }

/* Priorities, as hardware has them. */
guest void g_priorities(u64 arg)
{
	struct gcpu *c = this_cpu();

	apic_up(0);
	g_sti();
	meet();
	g_apic_write(APIC_TPR, 0x60);
	g_icr(0, 0x40000 | VECTOR);
	asm volatile("nop; nop");
	g_expect(TAKEN(0), 0);
	g_expect(g_apic_read(APIC_PPR), 0x60);
	asm volatile("mov %0, %%cr8; nop; nop" : : "r"(4ul) : "memory");
	g_expect(TAKEN(0), 1);
	g_expect(g_apic_read(APIC_TPR), 0x40);
	g_apic_write(APIC_TPR, 0);
	/* In service: a higher class comes, its own doesn't. */
	c->no_eoi[VECTOR] = true;
	g_icr(0, 0x40000 | VECTOR);
	asm volatile("nop; nop");
	g_expect(TAKEN(0), 2);
	g_icr(0, 0x40000 | (VECTOR + 2));
	g_icr(0, 0x40000 | OTHER);
	asm volatile("nop; nop");
	g_expect(c->count[VECTOR + 2], 0);
	g_expect(c->count[OTHER], 1);
	c->no_eoi[VECTOR] = false;
	g_apic_write(APIC_EOI, 0);
	asm volatile("nop; nop");
	g_expect(c->count[VECTOR + 2], 1);
	leave_measured();
}

static void priorities(bool x2)
{
	start(NULL);
	m.vm.sh->arg[6] = x2;
	go(g_priorities, NULL);
	wait_until(m.vm.sh->val, 1, "guest");
	finish();
}

static void t_priorities_xapic(void) { priorities(false); }
static void t_priorities_x2apic(void) { priorities(true); }

/*
 * The PIC's interrupt comes with IF clear: AVIC has no window for it and is off
 * until it is through. Then the local APIC's own cost no exits again.
 */
guest void g_extint(u64 arg)
{
	apic_up(0);
	g_apic_write(APIC_LVT0, 0x700);
	SH->ready++;
	g_wait(SH->arg[8]);
	/* long enough for the vCPU to be asked for a window */
	g_icr(0, 0x40000 | VECTOR);
	g_expect(TAKEN(0), 0);
	g_sti();
	g_wait(SH->cpu[0].count[0x24] == 1);
	g_wait(TAKEN(0) == 1);
	g_apic_write(APIC_LVT0, 0x10000);
	g_wait(SH->go);
	for (u64 i = 0; i < HOW_MANY; i++) {
		g_icr(0, 0x40000 | VECTOR);
		asm volatile("nop");
	}
	g_wait(TAKEN(0) == HOW_MANY + 1);
	leave_measured();
}

static void t_extint(void)
{
	struct kvm_irqchip c = { .chip_id = KVM_IRQCHIP_PIC_MASTER };
	struct kvm_irq_level l = { .irq = 4, .level = 1 };
	struct shared *sh;

	start(NULL);
	sh = m.vm.sh;
	sh->arg[0] = 5000;
	must(m.vm.fd, KVM_GET_IRQCHIP, &c);
	c.chip.pic.irq_base = 0x20;
	c.chip.pic.imr = 0xef;
	c.chip.pic.auto_eoi = 1;
	c.chip.pic.init4 = 1;
	must(m.vm.fd, KVM_SET_IRQCHIP, &c);
	sh->cpu[0].no_eoi[0x24] = true;
	vcpu_long(&m.vm.cpu[0], g_extint, 0);
	pthread_create(&m.thread[0], NULL, run_pinned, &m.vm.cpu[0]);
	wait_until(&sh->ready, 1, "vCPUs that are ready");
	must(m.vm.fd, KVM_IRQ_LINE, &l);
	l.level = 0;
	must(m.vm.fd, KVM_IRQ_LINE, &l);
	usleep(5000);
	sh->arg[8] = 1;
	wait_until(&sh->cpu[0].count[VECTOR], 1, "interrupts after the PIC's");
	usleep(20000);
	exits(0);
	sh->go = 1;
	wait_until(sh->val, 1, "guest");
	exits(1);
	finish();
	judge(0, 5000, 0);
}

/* Saved and restored with one vector pending and one in service. */
guest void g_saved(u64 arg)
{
	struct gcpu *c = this_cpu();

	apic_up(0);
	c->no_eoi[VECTOR] = true;
	g_sti();
	g_icr(0, 0x40000 | VECTOR);
	asm volatile("nop");
	g_icr(0, 0x40000 | (VECTOR - 0x10));
	g_out8(PORT_SYNC, 0);
	g_expect(c->count[VECTOR - 0x10], 0);
	g_apic_write(APIC_EOI, 0);
	asm volatile("nop; nop");
	g_expect(c->count[VECTOR - 0x10], 1);
	/* The host has put OTHER into IRR; it went in at once. */
	g_expect(c->count[OTHER], 1);
}

static void saved(bool x2)
{
	struct kvm_lapic_state s;

	start(NULL);
	m.vm.sh->arg[6] = x2;
	vcpu_long(&m.vm.cpu[0], g_saved, 0);
	vcpu_until(&m.vm.cpu[0], PORT_SYNC);
	must(m.vm.cpu[0].fd, KVM_GET_LAPIC, &s);
	expect(*(u32 *)(s.regs + APIC_ISR + 0x20), 1u << (VECTOR & 31));
	expect(*(u32 *)(s.regs + APIC_IRR + 0x20), 1u << ((VECTOR - 0x10) & 31));
	*(u32 *)(s.regs + APIC_IRR + 0x30) |= 1u << (OTHER & 31);
	must(m.vm.cpu[0].fd, KVM_SET_LAPIC, &s);
	vcpu_done(&m.vm.cpu[0]);
}

static void t_saved_xapic(void) { saved(false); }
static void t_saved_x2apic(void) { saved(true); }

#define T(name) { #name, t_##name, 300 }
static const struct test tests[] = {
	T(self_xapic), T(self_x2apic),
	T(ipi_physical), T(ipi_flat), T(ipi_flat_moved), T(ipi_cluster),
	T(ipi_others), T(ipi_x2apic), T(ipi_x2apic_logical), T(ipi_lowest),
	T(ipi_halted),
	T(msi_xapic), T(msi_x2apic), T(msi_halted_in_guest),
	T(level_xapic), T(level_x2apic),
	T(errors_xapic), T(errors_x2apic),
	T(priorities_xapic), T(priorities_x2apic),
	T(extint), T(saved_xapic), T(saved_x2apic),
};

int main(int argc, char **argv)
{
	const char *e = getenv("EXPECT");

	if (e)
		want = !strcmp(e, "plain") ? PLAIN : !strcmp(e, "received") ? RECEIVED :
		       !strcmp(e, "any") ? ANY : ACCELERATED;
	if (getenv("TOGGLE"))
		want = e && !strcmp(e, "ipis") ? SENT_AND_NOT : ANY;
	return run_tests(tests, ARRAY_SIZE(tests), argc, argv);
}
