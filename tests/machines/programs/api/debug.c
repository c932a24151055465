// SPDX-License-Identifier: GPL-2.0-only
/* KVM_SET_GUEST_DEBUG: user space's steps and breakpoints. */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

#include "api.h"

extern const u8 d_start[], d_cpuid[], d_out[], d_nop[], d_int3[], d_end[];

/* What is stepped: done by the CPU, in the kernel, by user space. */
guest void g_debug(u64 arg)
{
	asm volatile("mov $0x503, %%edx\n"
		     "d_start: nop\n"
		     "mov $1, %%eax\n"
		     "d_cpuid: cpuid\n"
		     "mov $0x503, %%edx\n"
		     "d_out: out %%al, %%dx\n"
		     "d_nop: nop\n"
		     "d_int3: int3\n"
		     "d_end: nop\n"
		     : : : "rax", "rbx", "rcx", "rdx", "memory");
}

static long debug(struct vcpu *cpu, u32 control, const void *bp)
{
	struct kvm_guest_debug d = { .control = control };

	if (bp) {
		d.arch.debugreg[0] = (u64)bp;
		d.arch.debugreg[7] = 1;
	}
	return try(cpu->fd, KVM_SET_GUEST_DEBUG, &d);
}

/* One step; where it ends. What user space has to do comes in between. */
static u64 step(struct vcpu *cpu)
{
	vcpu_run(cpu);
	if (cpu->run->exit_reason == KVM_EXIT_IO) {
		expect(cpu->run->io.port, PORT_SYNC);
		vcpu_run(cpu);
	}
	expect(cpu->run->exit_reason, KVM_EXIT_DEBUG);
	expect(cpu->run->debug.arch.exception, 1);
	return cpu->run->debug.arch.pc;
}

void t_debug_step(void)
{
	const u32 on = KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP;
	struct vcpu *cpu;
	struct kvm_regs r;
	struct vm vm;
	u64 pc;
	int n;

	vm_start(&vm, 1);
	cpu = &vm.cpu[0];
	vcpu_long(cpu, g_debug, 0);
	expect(debug(cpu, on, NULL), 0);
	/* to where it begins: some instructions of the compiler's */
	for (n = 0; n < 64 && (pc = step(cpu)) != (u64)d_start; n++)
		;
	expect(pc, (u64)d_start);
	expect(cpu->run->debug.arch.dr6 & 0x4000, 0x4000);
	expect(step(cpu), (u64)d_start + 1);
	regs_get(cpu, &r);
	expect(r.rflags & 0x100, 0); /* not the guest's */
	expect(step(cpu), (u64)d_cpuid);
	expect(step(cpu), (u64)d_cpuid + 2); /* CPUID exits */
	expect(step(cpu), (u64)d_out);
	expect(step(cpu), (u64)d_nop); /* OUT goes to user space */
	expect(step(cpu), (u64)d_int3);
	/* off: nothing more is told */
	expect(debug(cpu, 0, NULL), 0);
	r.rip = (u64)d_end;
	regs_get(cpu, &r);
	r.rip = (u64)d_end;
	regs_set(cpu, &r);
	vcpu_done(cpu);
	regs_get(cpu, &r);
	expect(r.rflags & 0x100, 0);
}

void t_debug_hardware(void)
{
	struct kvm_debugregs d;
	struct vcpu *cpu;
	struct vm vm;

	vm_start(&vm, 1);
	cpu = &vm.cpu[0];
	vcpu_long(cpu, g_debug, 0);
	expect(debug(cpu, KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_HW_BP, d_nop), 0);
	vcpu_until(cpu, PORT_SYNC);
	vcpu_run(cpu);
	expect(cpu->run->exit_reason, KVM_EXIT_DEBUG);
	expect(cpu->run->debug.arch.exception, 1);
	expect(cpu->run->debug.arch.pc, (u64)d_nop);
	expect(cpu->run->debug.arch.dr6 & 0xf, 1);
	expect(cpu->run->debug.arch.dr7 & 0xff, 1);
	/* the guest's own are as they were */
	must(cpu->fd, KVM_GET_DEBUGREGS, &d);
	expect(d.dr7, 0x400);
	expect(d.dr6, 0xffff0ff0);
	expect(d.db[0], 0);
}

extern const u8 d_dr[];

guest void g_debug_dr(u64 arg)
{
	u64 val;

	g_out8(PORT_SYNC, 0);
	asm volatile("d_dr: mov %%db0, %0" : "=r"(val));
	SH->val[0] = val;
}

/* DR7.GD of user space's tells it of the guest's accesses, before they are made. */
void t_debug_detect(void)
{
	struct kvm_guest_debug on = {
		.control = KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_HW_BP,
		.arch.debugreg = { [0] = 0x1234, [7] = 0x2400 },
	};
	struct kvm_debugregs d;
	struct vcpu *cpu;
	struct vm vm;

	vm_start(&vm, 1);
	cpu = &vm.cpu[0];
	vm.sh->val[0] = 1;
	vcpu_long(cpu, g_debug_dr, 0);
	must(cpu->fd, KVM_SET_GUEST_DEBUG, &on);
	vcpu_until(cpu, PORT_SYNC);
	for (int i = 0; i < 2; i++) {
		vcpu_run(cpu);
		expect(cpu->run->exit_reason, KVM_EXIT_DEBUG);
		expect(cpu->run->debug.arch.exception, 1);
		expect(cpu->run->debug.arch.pc, (u64)d_dr);
		expect(cpu->run->debug.arch.dr6, 0xffff2ff0);
	}
	must(cpu->fd, KVM_GET_DEBUGREGS, &d);
	expect(d.dr6, 0xffff0ff0);
	expect(debug(cpu, 0, NULL), 0);
	vcpu_done(cpu);
	expect(vm.sh->val[0], 0); /* the guest's own DR0 */
}

void t_debug_software(void)
{
	const u32 on = KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_SW_BP;
	struct vcpu *cpu;
	struct vm vm;

	vm_start(&vm, 1);
	cpu = &vm.cpu[0];
	vcpu_long(cpu, g_debug, 0);
	expect(debug(cpu, on, NULL), 0);
	vcpu_until(cpu, PORT_SYNC);
	vcpu_run(cpu);
	/* QEMU's CPU lets the guest take INT3, whatever is intercepted. */
	if (cpu->run->exit_reason == KVM_EXIT_IO && cpu->run->io.port == PORT_FAULT &&
	    vm.sh->cpu[0].vector == 3)
		skip("this CPU doesn't intercept INT3");
	expect(cpu->run->exit_reason, KVM_EXIT_DEBUG);
	expect(cpu->run->debug.arch.exception, 3);
	expect(cpu->run->debug.arch.pc, (u64)d_int3);
}

/* While user space steps with BLOCKIRQ no interrupt gets in, not even one that waited. */
guest void g_debug_irq(u64 arg)
{
	g_apic_on(false);
	g_apic_write(APIC_ICR, 0x40000 | 0x51);
	g_out8(PORT_SYNC, 0);
	g_sti();
	asm volatile("nop; nop; nop; nop");
	g_out8(PORT_SYNC, 0);
	asm volatile("nop; nop; nop; nop");
}

void t_debug_block_irq(void)
{
	const u32 on = KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP | KVM_GUESTDBG_BLOCKIRQ;
	struct vcpu *cpu;
	struct vm vm;

	vm_start(&vm, 1);
	cpu = &vm.cpu[0];
	if (!(check_extension(&vm, KVM_CAP_SET_GUEST_DEBUG2) & KVM_GUESTDBG_BLOCKIRQ))
		skip("no KVM_GUESTDBG_BLOCKIRQ");
	vcpu_long(cpu, g_debug_irq, 0);
	vcpu_until(cpu, PORT_SYNC);
	expect(debug(cpu, on, NULL), 0);
	do {
		vcpu_run(cpu);
	} while (cpu->run->exit_reason == KVM_EXIT_DEBUG);
	expect(cpu->run->exit_reason, KVM_EXIT_IO);
	expect(vm.sh->cpu[0].count[0x51], 0);
	expect(debug(cpu, 0, NULL), 0);
	vcpu_done(cpu);
	expect(vm.sh->cpu[0].count[0x51], 1);
}

void t_debug_input(void)
{
	struct kvm_guest_debug d = { .control = KVM_GUESTDBG_ENABLE };
	struct vm vm;

	vm_start(&vm, 1);
	expect(check_extension(&vm, KVM_CAP_SET_GUEST_DEBUG), 1);
	expect(check_extension(&vm, KVM_CAP_X86_ROBUST_SINGLESTEP), 1);
	expect(try(vm.cpu[0].fd, KVM_SET_GUEST_DEBUG, &d), 0);
	d.control = 0;
	expect(try(vm.cpu[0].fd, KVM_SET_GUEST_DEBUG, &d), 0);
	d.control = KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_INJECT_DB;
	expect(try(vm.cpu[0].fd, KVM_SET_GUEST_DEBUG, &d), 0);
	expect(try(vm.cpu[0].fd, KVM_SET_GUEST_DEBUG, &d), -EBUSY);
	expect(try(vm.cpu[0].fd, KVM_SET_GUEST_DEBUG, (void *)8), -EFAULT);
	if (!is_vintc())
		return;
	d.control = 1u << 30;
	expect(try(vm.cpu[0].fd, KVM_SET_GUEST_DEBUG, &d), -EINVAL);
	d.control = KVM_GUESTDBG_ENABLE;
	d.pad = 1;
	expect(try(vm.cpu[0].fd, KVM_SET_GUEST_DEBUG, &d), -EINVAL);
}

/* ---- the VM's clock ---- */

/* What a guest computes from kvmclock's page. */
struct pvclock {
	u32 version, pad0;
	u64 tsc_timestamp, system_time;
	u32 mul;
	signed char shift;
	u8 flags, pad[2];
};

#define PAGE_OF_CLOCK FREE_AT

guest void g_pvclock(u64 arg)
{
	volatile struct pvclock *p = (void *)PAGE_OF_CLOCK;
	u64 t, a;

	g_wrmsr(0x4b564d01, PAGE_OF_CLOCK | 1);
	g_wrmsr(0x4b564d00, PAGE_OF_CLOCK + 64);
	for (;;) {
		u32 v = p->version;

		g_expect(v & 1, 0);
		t = rdtsc();
		a = t - p->tsc_timestamp;
		a = p->shift < 0 ? a >> -p->shift : a << p->shift;
		SH->val[0] = p->system_time + (u64)(((unsigned __int128)a * p->mul) >> 32);
		g_expect(p->version, v);
		SH->val[1] = *(volatile u32 *)(PAGE_OF_CLOCK + 64 + 4);
		g_out8(PORT_SYNC, 0);
	}
}

static u64 clock_ns(struct vm *vm)
{
	struct kvm_clock_data c;

	must(vm->fd, KVM_GET_CLOCK, &c);
	return c.clock;
}

void t_pvclock(void)
{
	struct kvm_clock_data c = { .clock = 5000000000000ull };
	struct vm vm;
	u64 before;

	vm_start(&vm, 1);
	vcpu_long(&vm.cpu[0], g_pvclock, 0);
	before = clock_ns(&vm);
	vcpu_until(&vm.cpu[0], PORT_SYNC);
	expect_that(vm.sh->val[0] >= before && vm.sh->val[0] <= clock_ns(&vm));
	expect_that(vm.sh->val[1] > 1600000000); /* seconds of the wall's clock */
	expect(msr_get(&vm.cpu[0], 0x4b564d01), PAGE_OF_CLOCK | 1);
	must(vm.fd, KVM_SET_CLOCK, &c);
	vcpu_until(&vm.cpu[0], PORT_SYNC);
	expect_that(vm.sh->val[0] >= c.clock && vm.sh->val[0] <= clock_ns(&vm));
	expect(try(vm.cpu[0].fd, KVM_KVMCLOCK_CTRL, NULL), 0);
	vcpu_until(&vm.cpu[0], PORT_SYNC);
	expect(((struct pvclock *)(vm.mem + PAGE_OF_CLOCK))->flags & 2, 2);
	/* off: the page stays as it is */
	expect(msr_set(&vm.cpu[0], 0x4b564d01, PAGE_OF_CLOCK), 1);
	expect(try(vm.cpu[0].fd, KVM_KVMCLOCK_CTRL, NULL), -EINVAL);
	/* a page that isn't there */
	expect(msr_set(&vm.cpu[0], 0x4b564d01, 0x7ffffffff000 | 1), 1);
	vcpu_until(&vm.cpu[0], PORT_SYNC);
	c.flags = 1 << 7;
	expect(try(vm.fd, KVM_SET_CLOCK, &c), -EINVAL);
	expect(try(vm.fd, KVM_SET_CLOCK, (void *)8), -EFAULT);
}
