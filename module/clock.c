// SPDX-License-Identifier: GPL-2.0-only
/*
 * The VM's clock, ns from wherever user space has set it, and its form for
 * guests: kvmclock, a page by which they compute it from their TSC.
 *
 * There is one reference point per VM, host TSC and ns of one moment, and every
 * vCPU's page is made of it: so their clocks agree, and KVM_GET_CLOCK with them.
 */
#include <linux/ktime.h>
#include <linux/math64.h>
#include <linux/uaccess.h>
#include <asm/msr.h>
#include <asm/pvclock-abi.h>

#include "memory.h"
#include "request.h"
#include "vm.h"

#define NS_PER_S 1000000000ULL

/* ------------------------------------------------------------------ the VM's */

static u64 clock_at(const struct vm_clock *c, u32 tsc_khz, u64 tsc)
{
	/* TSCs of two CPUs may differ by a little. */
	u64 ticks = tsc > c->tsc ? tsc - c->tsc : 0;

	return c->ns + mul_u64_u64_div_u64(ticks, 1000000, tsc_khz);
}

static struct vm_clock clock_base(struct vm *vm)
{
	struct vm_clock c;
	unsigned long flags;

	spin_lock_irqsave(&vm->clock_lock, flags);
	c = vm->clock;
	spin_unlock_irqrestore(&vm->clock_lock, flags);
	return c;
}

static void clock_start(struct vm *vm, u64 ns)
{
	unsigned long flags;

	spin_lock_irqsave(&vm->clock_lock, flags);
	vm->clock = (struct vm_clock){ .tsc = rdtsc(), .ns = ns };
	spin_unlock_irqrestore(&vm->clock_lock, flags);
	vm_request_all(vm, REQ_PVCLOCK);
}

void clock_init(struct vm *vm)
{
	spin_lock_init(&vm->clock_lock);
	vm->clock.tsc = rdtsc();
}

static long clock_get(struct vm *vm, struct kvm_clock_data __user *arg)
{
	struct kvm_clock_data data = { .flags = VM_CLOCK_FLAGS };
	struct vm_clock base = clock_base(vm);
	unsigned long flags;

	/* Three clocks of one moment. */
	local_irq_save(flags);
	data.host_tsc = rdtsc();
	data.realtime = ktime_get_real_ns();
	local_irq_restore(flags);
	data.clock = clock_at(&base, vm->tsc_khz, data.host_tsc);
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
	clock_start(vm, data.clock);
	return 0;
}

long clock_ioctl(struct vm *vm, unsigned int cmd, void __user *arg)
{
	return cmd == KVM_GET_CLOCK ? clock_get(vm, arg) : clock_set(vm, arg);
}

/* ------------------------------------------------------------------ kvmclock */

/* ns = ((ticks << shift) * mul) >> 32, with mul as large as it can be. */
static void tsc_scale(u32 tsc_khz, u32 *mul, s8 *shift)
{
	u64 hz = (u64)tsc_khz * 1000;

	*shift = 0;
	for (; hz > 2 * NS_PER_S; hz >>= 1)
		--*shift;
	for (; hz <= NS_PER_S; hz <<= 1)
		++*shift;
	*mul = div64_u64(NS_PER_S << 32, hz);
}

/* A page that isn't there is the guest's loss, as with any device. */
static void write_time(struct vcpu *vcpu)
{
	struct memory *mem = &vcpu->vm->mem;
	u64 gpa = vcpu->pv_time & ~1ULL;
	struct pvclock_vcpu_time_info t;
	struct vm_clock base;

	if (!(vcpu->pv_time & 1) || memory_read(mem, gpa, &t, sizeof(t)))
		return;
	/* Odd while it changes; the guest reads again then. */
	t.version = (t.version | 1) + 2;
	if (memory_write(mem, gpa, &t.version, sizeof(t.version)))
		return;
	smp_wmb();
	base = clock_base(vcpu->vm);
	t.tsc_timestamp = base.tsc + vcpu->tsc_offset;
	t.system_time = base.ns;
	tsc_scale(vcpu->vm->tsc_khz, &t.tsc_to_system_mul, &t.tsc_shift);
	t.flags &= PVCLOCK_GUEST_STOPPED;
	t.flags |= PVCLOCK_TSC_STABLE_BIT;
	if (vcpu->pv_stopped)
		t.flags |= PVCLOCK_GUEST_STOPPED;
	vcpu->pv_stopped = false;
	memory_write(mem, gpa, &t, sizeof(t));
	smp_wmb();
	t.version++;
	memory_write(mem, gpa, &t.version, sizeof(t.version));
}

/* When the VM's clock was 0, by the wall's. */
static void write_wall(struct vcpu *vcpu)
{
	struct memory *mem = &vcpu->vm->mem;
	struct vm_clock base = clock_base(vcpu->vm);
	struct pvclock_wall_clock w;
	u64 gpa = vcpu->pv_wall, ns;
	u32 rem;

	if (memory_read(mem, gpa, &w, sizeof(w)))
		return;
	w.version = (w.version | 1) + 2;
	if (memory_write(mem, gpa, &w.version, sizeof(w.version)))
		return;
	smp_wmb();
	ns = ktime_get_real_ns() - clock_at(&base, vcpu->vm->tsc_khz, rdtsc());
	w.sec = div_u64_rem(ns, NS_PER_S, &rem);
	w.nsec = rem;
	memory_write(mem, gpa, &w, sizeof(w));
	smp_wmb();
	w.version++;
	memory_write(mem, gpa, &w.version, sizeof(w.version));
}

void clock_update(struct vcpu *vcpu)
{
	if (vcpu->pv_wall_due) {
		vcpu->pv_wall_due = false;
		write_wall(vcpu);
	}
	write_time(vcpu);
}

bool clock_guest_stopped(struct vcpu *vcpu)
{
	if (!(vcpu->pv_time & 1))
		return false;
	vcpu->pv_stopped = true;
	vcpu_request(vcpu, REQ_PVCLOCK);
	return true;
}
