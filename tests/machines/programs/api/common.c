// SPDX-License-Identifier: GPL-2.0-only
/* What tests of several subjects use. */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <unistd.h>
#include <sys/ioctl.h>

#include "api.h"

guest void g_spin(u64 arg)
{
	for (;;)
		cpu_relax();
}

volatile int signals;
void count_signal(int s) { signals++; }

static volatile bool kicker_done;

/*
 * SIGUSR1 to the thread @target points to until kicker_stop(): two may merge, and
 * one may come while the thread is not in KVM_RUN.
 */
void *kicker(void *target)
{
	while (!kicker_done) {
		usleep(20000);
		pthread_kill(*(pthread_t *)target, SIGUSR1);
	}
	return NULL;
}

void kicker_stop(pthread_t kicker)
{
	kicker_done = true;
	pthread_join(kicker, NULL);
}

void *run_thread(void *cpu)
{
	vcpu_run_exit(cpu, KVM_EXIT_IO);
	return NULL;
}

void events_get(struct vm *vm, struct kvm_vcpu_events *e)
{
	must(vm->cpu[0].fd, KVM_GET_VCPU_EVENTS, e);
}
