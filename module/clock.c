// SPDX-License-Identifier: GPL-2.0-only
/*
 * The VM's clock: ns that go on with the host's boot time, from wherever user
 * space has set them. A VMM keeps its guest's time by it over pauses and moves.
 */
#include <linux/ktime.h>
#include <linux/timekeeping.h>
#include <linux/uaccess.h>
#include <asm/msr.h>

#include "vm.h"

static long clock_get(struct vm *vm, struct kvm_clock_data __user *arg)
{
	struct kvm_clock_data data = { .flags = VM_CLOCK_FLAGS };
	unsigned long flags;

	/* Three clocks of one moment. */
	local_irq_save(flags);
	data.clock = ktime_get_boottime_ns() + READ_ONCE(vm->clock_offset);
	data.realtime = ktime_get_real_ns();
	data.host_tsc = rdtsc();
	local_irq_restore(flags);
	return copy_to_user(arg, &data, sizeof(data)) ? -EFAULT : 0;
}

static long clock_set(struct vm *vm, const struct kvm_clock_data __user *arg)
{
	struct kvm_clock_data data;
	u64 now;

	if (copy_from_user(&data, arg, sizeof(data)))
		return -EFAULT;
	if (data.flags & ~VM_CLOCK_FLAGS)
		return -EINVAL;
	now = ktime_get_real_ns();
	/* What has passed since it was read goes on; time doesn't go back. */
	if ((data.flags & KVM_CLOCK_REALTIME) && now > data.realtime)
		data.clock += now - data.realtime;
	WRITE_ONCE(vm->clock_offset, data.clock - ktime_get_boottime_ns());
	return 0;
}

long clock_ioctl(struct vm *vm, unsigned int cmd, void __user *arg)
{
	return cmd == KVM_GET_CLOCK ? clock_get(vm, arg) : clock_set(vm, arg);
}
