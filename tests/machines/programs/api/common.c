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

/* Ten times SIGUSR1 to the thread @target points to. */
void *kicker(void *target)
{
	for (int i = 0; i < 10; i++) {
		usleep(20000);
		pthread_kill(*(pthread_t *)target, SIGUSR1);
	}
	return NULL;
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
