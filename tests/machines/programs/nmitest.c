// SPDX-License-Identifier: GPL-2.0-only
/*
 * The host's NMIs while a guest runs (needs tests/machines/nmi and two CPUs):
 *
 *	DEV=/dev/vintc nmitest [TEST]...
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "vm.h"

enum { NMIS = 200 };

guest void g_count(u64 arg)
{
	while (!SH->go)
		SH->val[0]++;
}

/* Before all others: what a kernel tests of itself after a boot is there, too. */
static void *on_cpu_1(void *cpu)
{
	struct sched_param first = { .sched_priority = 1 };

	pin_to(1);
	if (sched_setscheduler(0, SCHED_FIFO, &first))
		fail("SCHED_FIFO: %s", strerror(errno));
	return vcpu_thread(cpu);
}

static u64 rounds(struct vm *vm)
{
	return ((volatile struct shared *)vm->sh)->val[0];
}

static void advance(struct vm *vm, u64 from)
{
	for (int i = 0; rounds(vm) == from; i++) {
		if (i == 20000)
			fail("the guest stands still");
		usleep(100);
	}
}

/*
 * Each is taken, which needs that those before have not left NMIs blocked; in the
 * guest, which goes on; and one at a time, so that none can stand for two.
 */
static void t_taken(void)
{
	int send = open("/sys/module/vintc_nmi/parameters/send", O_WRONLY);
	struct vm vm;
	pthread_t t;
	int stats;

	if (send < 0)
		fail("vintc-nmi: %s", strerror(errno));
	pin_to(0);
	vm_start(&vm, 1);
	stats = ioctl(vm.cpu[0].fd, KVM_GET_STATS_FD, 0);
	vcpu_long(&vm.cpu[0], g_count, 0);
	pthread_create(&t, NULL, on_cpu_1, &vm.cpu[0]);
	for (int i = 0; i < NMIS; i++) {
		advance(&vm, rounds(&vm));
		if (write(send, "1", 1) != 1)
			fail("NMI %d: %s", i, strerror(errno));
	}
	advance(&vm, rounds(&vm));
	vm.sh->go = 1;
	pthread_join(t, NULL);
	if (is_vintc()) {
		long exits = stat_read(stats, "nmi_exits");

		printf("# %ld of %d NMIs were exits\n", exits, NMIS);
		expect_that(exits >= NMIS * 3 / 4 && exits <= NMIS);
	}
	vm_end(&vm);
	close(send);
}

static const struct test tests[] = {
	{ "taken", t_taken },
};

int main(int argc, char **argv)
{
	return run_tests(tests, ARRAY_SIZE(tests), argc, argv);
}
