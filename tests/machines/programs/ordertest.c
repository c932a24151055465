// SPDX-License-Identifier: GPL-2.0-only
/*
 * Is an interrupt lost between a sender and a vCPU that enters the guest (behaviour E)?
 *
 *	[DEV=/dev/vintc] [ROUNDS=n] [SEED=n] ordertest
 *
 * In each round the vCPU leaves KVM_RUN and comes back, while another CPU sends it
 * two MSIs, at a moment that wanders over all of that way. Then the guest is told
 * that they are sent. A guest that has interrupts enabled and still goes on without
 * them has lost one, whatever may bring it later, as the host's next timer
 * interrupt does. The first that is lost ends the test.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>

#include "vm.h"

#define FIRST 0x61
#define SECOND 0x32 /* in the first word of PIR, which is read next after ON */
#define CALIBRATION 32 /* rounds in which nothing is sent before the guest is back */
#define PATIENCE 5000 /* turns of a loop */
#define STAY 1500 /* in user space, so that both can be sent meanwhile */
#define RUN_UP 2000 /* in the guest, in each fourth round: it takes the first before it leaves */
#define FOURTH(round) (!((round) % 4))

#define ROUNDS SH->arg[0]
#define X2APIC SH->arg[1]
#define LEAVES sh->val[0] /* the round in which the guest soon leaves */
#define SENT sh->val[1]
#define BACK sh->val[2]

guest void g_order(u64 arg)
{
	struct gcpu *c = this_cpu();
	struct shared *sh = SH;

	g_apic_on(X2APIC);
	g_apic_write(APIC_TPR, 0);
	g_sti();
	for (u64 round = 1; round <= ROUNDS; round++) {
		u64 turns = 0;

		LEAVES = round;
		for (u64 i = FOURTH(round) ? RUN_UP : 0; i; i--)
			asm volatile("");
		g_out8(PORT_SYNC, 0);
		BACK = round;
		while (c->count[FIRST] < round || c->count[SECOND] < round) {
			if (SENT == round && ++turns == PATIENCE)
				g_fail("a round whose interrupts aren't there", round, 0);
		}
	}
}

static struct vm vm;

static void *vcpu_side(void *arg)
{
	u64 rounds = vm.sh->arg[0];

	pin_to(1);
	while (rounds--) {
		vcpu_until(&vm.cpu[0], PORT_SYNC);
		for (u64 i = STAY; i; i--)
			asm volatile("");
	}
	vcpu_done(&vm.cpu[0]);
	return NULL;
}

static u64 seed = 0x9e3779b97f4a7c15;

static u64 rnd(void)
{
	seed ^= seed >> 12;
	seed ^= seed << 25;
	seed ^= seed >> 27;
	return seed * 0x2545f4914f6cdd1d >> 32;
}

static void send(u8 vector)
{
	struct kvm_msi msi = { .address_lo = APIC_AT, .data = vector };

	expect(ioctl(vm.fd, KVM_SIGNAL_MSI, &msi), 1);
}

/*
 * On the way when to begin to send. What is posted last is posted before the call
 * returns; mostly that is to be near the way's end, where the vCPU enters.
 */
static u64 moment(u64 way, u64 sending, bool anywhere)
{
	u64 from = anywhere ? 0 : way / 2, to = way > sending ? way - sending / 2 : way;

	return from + rnd() % (to - from);
}

static void order(bool x2apic)
{
	const char *n = getenv("ROUNDS"), *s = getenv("SEED");
	u64 rounds = n ? strtoull(n, NULL, 0) : 2000, way[2] = {}, sending = ~0ull;
	struct shared *sh;
	pthread_t thread;

	if (host_cpus() < 2)
		skip("it takes two CPUs");
	if (s)
		seed = strtoull(s, NULL, 0) | 1;
	pin_to(0);
	vm_start(&vm, 1);
	sh = vm.sh;
	sh->arg[0] = rounds;
	sh->arg[1] = x2apic;
	vcpu_long(&vm.cpu[0], g_order, 0);
	expect(pthread_create(&thread, NULL, vcpu_side, NULL), 0);
	for (u64 round = 1; round <= rounds; round++) {
		bool fourth = FOURTH(round), early = fourth && round > CALIBRATION;
		u64 start, until;

		while (LEAVES < round)
			cpu_relax();
		start = rdtsc();
		if (round <= CALIBRATION) {
			while (BACK < round)
				cpu_relax();
			until = rdtsc();
			if (!way[fourth] || until - start < way[fourth])
				way[fourth] = until - start;
		} else {
			if (early)
				send(FIRST);
			until = start + moment(way[fourth], sending, early);
			while (rdtsc() < until)
				;
			for (u64 i = rnd() % 16; i; i--)
				asm volatile("");
		}
		start = rdtsc();
		if (!early)
			send(FIRST);
		send(SECOND);
		until = rdtsc() - start;
		if (!early && until < sending)
			sending = until;
		SENT = round;
		while (sh->cpu[0].count[FIRST] < round || sh->cpu[0].count[SECOND] < round)
			cpu_relax();
	}
	pthread_join(thread, NULL);
	printf("# %llu rounds of %llu ticks, %llu of them to send\n", (unsigned long long)rounds,
	       (unsigned long long)way[0], (unsigned long long)sending);
	vm_end(&vm);
}

static void t_xapic(void) { order(false); }
static void t_x2apic(void) { order(true); }

static const struct test tests[] = {
	{ "order xapic", t_xapic, 300 },
	{ "order x2apic", t_x2apic, 300 },
};

int main(int argc, char **argv)
{
	return run_tests(tests, ARRAY_SIZE(tests), argc, argv);
}
