// SPDX-License-Identifier: GPL-2.0-only
/*
 * Preloaded into a VMM that doesn't know vintc: whether hardware delivers interrupts to
 * its VM goes on and off every three milliseconds (VINTC_POLICY_ACCELERATION). At its
 * end the VMM says how often.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "../../../uapi/vintc.h"

static int (*real)(int fd, unsigned long request, ...);
static int vm = -1;
static unsigned long toggled, refused;

static void *toggle(void *arg)
{
	struct vintc_policy p = { .policy = VINTC_POLICY_ACCELERATION };

	for (;; usleep(3000)) {
		p.value = !p.value;
		if (real(vm, VINTC_SET_POLICY, &p))
			refused++;
		else
			toggled++;
	}
	return arg;
}

int ioctl(int fd, unsigned long request, ...)
{
	pthread_t thread;
	va_list list;
	void *arg;
	int r;

	va_start(list, request);
	arg = va_arg(list, void *);
	va_end(list);
	if (!real)
		real = dlsym(RTLD_NEXT, "ioctl");
	r = real(fd, request, arg);
	if (request == KVM_CREATE_VM && r >= 0 && vm < 0) {
		vm = r;
		pthread_create(&thread, NULL, toggle, NULL);
	}
	return r;
}

__attribute__((destructor)) static void report(void)
{
	if (vm >= 0)
		fprintf(stderr, "\ntoggled %lu refused %lu\n", toggled, refused);
}
