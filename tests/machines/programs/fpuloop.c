// SPDX-License-Identifier: GPL-2.0-only
/*
 * fpuloop: restore FPU state over and over on one CPU, until it is killed.
 *
 *   fpuloop CPU
 *
 * Another CPU's guests must not notice; on QEMU's unmended SVM those of CPU 0 do (qemu-patches/01).
 */
#include <stdlib.h>

#include "vm.h"

static char area[512] __attribute__((aligned(16)));

int main(int argc, char **argv)
{
	pin_to(argc > 1 ? atoi(argv[1]) : 1);
	asm volatile("fxsave64 %0" : "=m"(area));
	for (;;)
		asm volatile("fxrstor64 %0" : : "m"(area));
}
