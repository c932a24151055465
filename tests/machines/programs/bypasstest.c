// SPDX-License-Identifier: GPL-2.0-only
/*
 * A device's interrupts, posted to the guest without the host (irq bypass):
 *
 *	DEV=/dev/vintc bypasstest [TEST]...
 *
 * The device is /dev/vintc-producer (tests/machines/producer), which counts what it
 * posts and what it signals by the eventfd. On a machine whose vCPUs aren't accelerated
 * nothing may be posted, and all the rest holds as well.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vm.h"
#include "../../../uapi/vintc.h"
#include "../producer/producer.h"

#define GSI 24
#define VECTOR 0x81
#define OTHER 0x92
#define NOTIFICATION 0xf2 /* of the host's, for posted interrupts */
#define TIMES 200

/* What a guest is to do, by its index. */
enum { SPIN = 1, HALT, OFF };
#define DO(i) arg[i]
#define DOES(i) val[i] /* what it has seen of it */

guest void g_take(u64 x2)
{
	u64 i = this_cpu()->id;

	g_apic_on(x2);
	for (;;) {
		u64 what = SH->DO(i);

		g_cli();
		if (what != SH->DOES(i)) {
			g_apic_write(APIC_SVR, what == OFF ? 0xff : 0x1ff);
			SH->DOES(i) = what;
		}
		if (what == HALT)
			g_sti_hlt();
		else
			g_sti();
		cpu_relax();
	}
}

/* ---- the machine ---- */

static struct vm vm;
static int event, producer;
static volatile pid_t tid[MAX_CPUS];

static void *vcpu_side(void *arg)
{
	struct vcpu *cpu = arg;

	pin_to(0);
	tid[cpu->id] = syscall(SYS_gettid);
	vcpu_done(cpu);
	return NULL;
}

static u64 count(int cpu, u8 vector)
{
	return ((volatile struct shared *)vm.sh)->cpu[cpu].count[vector];
}

static struct producer_state state(void)
{
	struct producer_state s;

	must(producer, PRODUCER_STATE, &s);
	return s;
}

#define wait_for(cond)                                                         \
	do {                                                                   \
		for (int n_ = 0; !(cond); n_++) {                              \
			if (n_ == 20000)                                       \
				fail("line %d: waited in vain: %s", __LINE__, #cond); \
			usleep(500);                                           \
		}                                                              \
	} while (0)

static int producer_open(void)
{
	int fd = open("/dev/vintc-producer", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		fail("/dev/vintc-producer: %s", strerror(errno));
	return fd;
}

static void producer_start(void)
{
	producer = producer_open();
	must(producer, PRODUCER_START, &event);
}

static long irqfd(struct vm *v, u32 flags)
{
	struct kvm_irqfd i = { .fd = event, .gsi = GSI, .flags = flags };

	return try(v->fd, KVM_IRQFD, &i);
}

#define BROADCAST 0xff
#define LOGICAL 4 /* MSI address */

static void route(u32 address, u32 data)
{
	struct {
		struct kvm_irq_routing h;
		struct kvm_irq_routing_entry e[1];
	} r = { .h.nr = 1 };

	r.e[0].gsi = GSI;
	r.e[0].type = KVM_IRQ_ROUTING_MSI;
	r.e[0].u.msi.address_lo = 0xfee00000 | address;
	r.e[0].u.msi.data = data;
	must(vm.fd, KVM_SET_GSI_ROUTING, &r);
}

static void route_nowhere(void)
{
	struct kvm_irq_routing r = { .nr = 0 };

	must(vm.fd, KVM_SET_GSI_ROUTING, &r);
}

static u32 to(int cpu) { return cpu << 12; }

static bool accelerated(void)
{
	struct vintc_inhibits in = { 0 };

	must(vm.fd, VINTC_GET_INHIBITS, &in);
	return is_intel() && !(in.reasons & in.matter);
}

/* Posted, where that is possible, and the VM says so. */
#define expect_mode(want)                                                      \
	do {                                                                   \
		int stats_ = try(vm.fd, KVM_GET_STATS_FD, NULL);               \
		bool want_ = (want) && is_intel();                             \
									       \
		wait_for(state().posted == want_);                             \
		expect(stat_read(stats_, "device_irqs_posted"), want_);        \
		close(stats_);                                                 \
	} while (0)

/* It is raised and arrives, as the mode is. */
#define expect_raised(cpu, vector)                                             \
	do {                                                                   \
		struct producer_state s_ = state(), now_;                      \
		u64 had_ = count(cpu, vector);                                 \
									       \
		must(producer, PRODUCER_RAISE, 0);                             \
		wait_for(count(cpu, vector) != had_);                          \
		now_ = state();                                                \
		expect(count(cpu, vector), had_ + 1);                          \
		expect(now_.posts - s_.posts, s_.posted);                      \
		expect(now_.signals - s_.signals, !s_.posted);                 \
	} while (0)

static void tell(int cpu, u64 what)
{
	vm.sh->DO(cpu) = what;
	wait_for(((volatile struct shared *)vm.sh)->DOES(cpu) == what);
}

static void run(int ncpus)
{
	pthread_t thread;

	for (int i = 0; i < ncpus; i++) {
		expect(pthread_create(&thread, NULL, vcpu_side, &vm.cpu[i]), 0);
		tell(i, SPIN);
	}
}

/* A VM with vCPUs that take interrupts, an irqfd and a device. */
static void start(int ncpus, bool x2apic)
{
	pin_to(host_cpus() - 1);
	event = eventfd(0, EFD_NONBLOCK);
	vm_start(&vm, ncpus);
	for (int i = 0; i < ncpus; i++)
		vcpu_long(&vm.cpu[i], g_take, x2apic);
	route(to(0), VECTOR);
	expect(irqfd(&vm, 0), 0);
	producer_start();
	expect(state().posted, 0); /* to one that has never run */
	run(ncpus);
	expect_mode(true);
}

/* ---- tests ---- */

static void posted(bool x2apic)
{
	long before, after;
	int stats;

	start(1, x2apic);
	if (accelerated()) {
		expect(state().vector, VECTOR);
		expect(state().nv, NOTIFICATION);
	}
	stats = try(vm.cpu[0].fd, KVM_GET_STATS_FD, NULL);
	before = stat_read(stats, "exits");
	for (int i = 0; i < TIMES; i++)
		expect_raised(0, VECTOR);
	after = stat_read(stats, "exits");
	expect(state().posts, accelerated() ? TIMES : 0);
	/* the host's timer makes some */
	if (accelerated() && host_cpus() > 1 && after - before > TIMES / 2)
		fail("%ld exits for %d interrupts", after - before, TIMES);
}

static void t_posted(void) { posted(false); }
static void t_posted_x2apic(void) { posted(true); }

/* No interrupt is posted to one that sleeps; each wakes it. */
static void t_halted(void)
{
	start(1, false);
	tell(0, HALT);
	for (int i = 0; i < 20; i++) {
		u64 n = state().to_posted;

		expect_mode(false);
		expect_raised(0, VECTOR);
		wait_for(!accelerated() || state().to_posted > n);
	}
	vm.sh->DO(0) = SPIN;
	expect_raised(0, VECTOR);
	expect_mode(true);
	expect_raised(0, VECTOR);
}

/* One that is posted at the last moment before the vCPU sleeps. */
static void t_halted_late(void)
{
	start(1, false);
	if (!accelerated())
		skip("nothing is posted here");
	for (int i = 1; i <= 20; i++) {
		must(producer, PRODUCER_LATE, 0);
		vm.sh->DO(0) = HALT;
		wait_for(count(0, VECTOR) == (u64)i * 2 - 1);
		expect(state().posts, i);
		expect_mode(false);
		vm.sh->DO(0) = SPIN;
		expect_raised(0, VECTOR);
		expect_mode(true);
	}
}

/* At any moment of going to sleep and waking up. */
static void t_halted_race(void)
{
	u64 n = 0;

	start(1, false);
	tell(0, HALT);
	for (int i = 0; i < 1500; i++) {
		for (u64 end = rdtsc() + i * 7919 % 60000; rdtsc() < end;)
			;
		must(producer, PRODUCER_RAISE, 0);
		n++;
		for (int spin = 0; count(0, VECTOR) < n && spin < 100000; spin++)
			cpu_relax();
		wait_for(count(0, VECTOR) >= n);
	}
	expect(count(0, VECTOR), n);
	expect(state().posts + state().signals, n);
	if (accelerated() && (!state().posts || !state().signals))
		fail("%d posted, %d signalled", (int)state().posts, (int)state().signals);
}

static void move(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	expect(sched_setaffinity(tid[0], sizeof(set), &set), 0);
}

/* The notification follows the vCPU; on this CPU it is preempted for each. */
static void t_moved(void)
{
	u32 ndst[2] = { 0 };

	start(1, false);
	if (host_cpus() < 2)
		skip("it takes two CPUs");
	for (int i = 0; i < 6; i++) {
		move(i & 1);
		for (int j = 0; j < 10; j++)
			expect_raised(0, VECTOR);
		expect_mode(true);
		if (i > 1 && accelerated())
			expect(state().ndst, ndst[i & 1]);
		ndst[i & 1] = state().ndst;
	}
	if (accelerated())
		expect_that(ndst[0] != ndst[1]);
}

static void t_rerouted(void)
{
	u64 first;

	start(2, false);
	first = state().descriptor;
	route(to(0), OTHER);
	expect_mode(true);
	expect(state().vector, accelerated() ? OTHER : 0);
	expect(state().descriptor, first);
	expect_raised(0, OTHER);
	expect(count(0, VECTOR), 0);
	route(to(1), VECTOR);
	expect_mode(true);
	expect_that(!accelerated() || state().descriptor != first);
	expect_raised(1, VECTOR);
	expect(count(0, VECTOR), 0);
	route(to(0), 0x100 | OTHER); /* lowest priority */
	expect_mode(true);
	expect_raised(0, OTHER);
	route(LOGICAL | to(2), VECTOR);
	expect_mode(true);
	expect_raised(1, VECTOR);
	/* what can't be posted */
	route(LOGICAL | to(3), VECTOR);
	expect_mode(false);
	expect_raised(0, VECTOR);
	wait_for(count(1, VECTOR) == 3);
	route(to(BROADCAST), VECTOR);
	expect_mode(false);
	expect_raised(0, VECTOR);
	wait_for(count(1, VECTOR) == 4);
	route(to(0), 0x8000 | OTHER); /* level */
	expect_mode(false);
	expect_raised(0, OTHER);
	route(to(0), 0x400); /* NMI */
	expect_mode(false);
	route(to(5), VECTOR); /* nobody */
	expect_mode(false);
	route(to(0), 5); /* no vector of an interrupt */
	expect_mode(false);
	route_nowhere();
	expect_mode(false);
	must(producer, PRODUCER_RAISE, 0);
	route(to(0), VECTOR);
	expect_mode(true);
	expect_raised(0, VECTOR);
	expect(count(1, VECTOR), 4);
}

/* The APIC that takes it is switched off and on. */
static void t_apic_off(void)
{
	start(2, false);
	route(to(1), VECTOR);
	expect_mode(true);
	tell(1, OFF);
	expect_mode(false);
	must(producer, PRODUCER_RAISE, 0); /* dropped */
	tell(1, SPIN);
	expect_mode(true);
	expect_raised(1, VECTOR);
	expect(count(1, VECTOR), 1);
}

/* What was for one is for two. */
static void t_another(void)
{
	start(1, false);
	route(to(BROADCAST), VECTOR);
	expect_mode(true);
	expect_raised(0, VECTOR);
	vcpu_create(&vm, 1);
	expect(state().posted, 0);
	expect_raised(0, VECTOR);
}

static void accelerate(u64 how)
{
	struct vintc_policy p = { .policy = VINTC_POLICY_ACCELERATION, .value = how };

	must(vm.fd, VINTC_SET_POLICY, &p);
}

static void t_inhibited(void)
{
	start(1, false);
	for (int i = 0; i < 5; i++) {
		accelerate(VINTC_ACCELERATION_OFF);
		expect_mode(false);
		expect_raised(0, VECTOR);
		accelerate(VINTC_ACCELERATION_AUTO);
		expect_mode(true);
		expect_raised(0, VECTOR);
	}
}

static void t_assigned(void)
{
	u64 n;

	start(1, false);
	for (int i = 0; i < 3; i++) {
		expect(irqfd(&vm, KVM_IRQFD_FLAG_DEASSIGN), 0);
		expect(state().posted, 0);
		must(producer, PRODUCER_RAISE, 0);
		expect(read(event, &n, 8), 8); /* ours */
		expect(n, 1);
		expect(irqfd(&vm, 0), 0);
		expect_mode(true);
		expect_raised(0, VECTOR);
	}
	/* the device goes, and another comes */
	for (int i = 0; i < 3; i++) {
		close(producer);
		n = 1;
		expect(write(event, &n, 8), 8);
		wait_for(count(0, VECTOR) == 4 + (u64)i * 2);
		producer_start();
		expect_mode(true);
		expect_raised(0, VECTOR);
	}
	/* the irqfd's eventfd can't be another VM's, too; that it was tried changes nothing */
	{
		struct vm second;

		vm_start(&second, 1);
		expect(irqfd(&second, 0), -EBUSY);
		expect_mode(true);
		expect_raised(0, VECTOR);
		vm_end(&second);
		expect_mode(true);
	}
}

/* Nothing posts: all stays as it was. */
static void no_iommu(unsigned long plain)
{
	pin_to(host_cpus() - 1);
	event = eventfd(0, EFD_NONBLOCK);
	vm_start(&vm, 1);
	vcpu_long(&vm.cpu[0], g_take, 0);
	route(to(0), VECTOR);
	producer = producer_open();
	must(producer, PRODUCER_PLAIN, plain);
	must(producer, PRODUCER_START, &event);
	expect(irqfd(&vm, 0), 0);
	run(1);
	for (int i = 0; i < 10; i++)
		expect_raised(0, VECTOR);
	tell(0, HALT);
	for (int i = 0; i < 10; i++)
		expect_raised(0, VECTOR);
	expect(state().to_posted + state().to_host, 0);
}

static void t_no_iommu(void) { no_iommu(PLAIN_SAYS); }
static void t_only_remaps(void) { no_iommu(PLAIN_REMAPS); }

/* The VM's fd is closed while its vCPU runs. */
static void t_vm_closed(void)
{
	u64 n;

	start(1, false);
	close(vm.fd);
	expect(state().posted, 0);
	must(producer, PRODUCER_RAISE, 0);
	expect(read(event, &n, 8), 8);
	expect(n, 1);
}

/* It dies, and the device goes on. */
static void t_killed(void)
{
	for (int i = 0; i < 3; i++) {
		int told[2], r;
		pid_t child;
		char c;

		expect(pipe(told), 0);
		event = eventfd(0, EFD_NONBLOCK);
		producer_start();
		child = fork();
		if (!child) {
			vm_start(&vm, 1);
			vcpu_long(&vm.cpu[0], g_take, 0);
			route(to(0), VECTOR);
			expect(irqfd(&vm, 0), 0);
			run(1);
			tell(0, i == 2 ? HALT : SPIN);
			expect_mode(i != 2);
			expect(write(told[1], "", 1), 1);
			for (;;)
				must(producer, PRODUCER_RAISE, 0);
		}
		expect_that(child > 0);
		r = read(told[0], &c, 1);
		expect(r, 1);
		for (int j = 0; j < 20; j++)
			must(producer, PRODUCER_RAISE, 0);
		kill(child, SIGKILL);
		expect(waitpid(child, NULL, 0), child);
		wait_for(!state().posted);
		must(producer, PRODUCER_RAISE, 0);
		close(producer);
		close(event);
		close(told[0]);
		close(told[1]);
	}
}

static const struct test tests[] = {
	{ "posted", t_posted },
	{ "posted_x2apic", t_posted_x2apic },
	{ "halted", t_halted },
	{ "halted_late", t_halted_late },
	{ "halted_race", t_halted_race },
	{ "moved", t_moved },
	{ "rerouted", t_rerouted },
	{ "apic_off", t_apic_off },
	{ "another", t_another },
	{ "inhibited", t_inhibited },
	{ "assigned", t_assigned },
	{ "no_iommu", t_no_iommu },
	{ "only_remaps", t_only_remaps },
	{ "vm_closed", t_vm_closed },
	{ "killed", t_killed },
};

int main(int argc, char **argv)
{
	return run_tests(tests, ARRAY_SIZE(tests), argc, argv);
}
