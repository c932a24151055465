// SPDX-License-Identifier: GPL-2.0-only
/* A VM whose guest runs until somebody kills it: [DEV=/dev/vintc] holdvm */
#include "vm.h"

guest void g_spin(u64 arg)
{
	for (;;)
		cpu_relax();
}

static void t_hold(void)
{
	struct vm vm;

	vm_start(&vm, 1);
	vcpu_long(&vm.cpu[0], g_spin, 0);
	vcpu_done(&vm.cpu[0]);
}

int main(int argc, char **argv)
{
	use_device();
	t_hold();
	return 0;
}
