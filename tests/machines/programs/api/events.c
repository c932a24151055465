// SPDX-License-Identifier: GPL-2.0-only
/* Exceptions, pending events, NMIs. */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>

#include "api.h"

/* ---- exceptions ---- */

guest void g_exceptions(u64 arg)
{
	struct gcpu *c = this_cpu();
	u64 v;

	g_expect(g_try("ud2"), 6);
	g_expect(g_try("int3"), 3);
	g_expect(g_try("xor %%edx, %%edx; xor %%eax, %%eax; div %%eax"), 0);
	g_expect(g_try("mov %1, %%rax; mov (%%rax), %%eax", "r"(0x8000000000000000ull)), 13);
	g_expect(c->error, 0);
	g_expect(g_try("movw $0x1238, %%ax; mov %%ax, %%es"), 13);
	g_expect(c->error, 0x1238);
	g_expect(g_try("movl $1, (%1)", "r"(0x140000000ull)), 14);
	g_expect(c->cr2, 0x140000000);
	g_expect(c->error, 2);
	g_expect(g_try("movl (%1), %%eax", "r"(0x140001000ull)), 14);
	g_expect(c->cr2, 0x140001000);
	g_expect(c->error, 0);
	g_expect(g_rdmsr_try(0x12345, &v), 13);
	g_expect(g_wrmsr_try(0x12345, 0), 13);
	g_expect(g_try("mov %1, %%cr4", "r"(1ull << 40)), 13);
	g_expect(g_try("xor %%eax, %%eax; vmrun"), 6);
	g_expect(g_try("mov %%cr0, %%rax; mov %%rax, %%cr1"), 6);
	/* TF: one #DB after the next instruction, with DR6.BS */
	g_expect(g_try("pushfq; orq $0x100, (%%rsp); popfq; nop"), 1);
	asm volatile("mov %%dr6, %0" : "=r"(v));
	g_expect(v & 0x4000, 0x4000);
	/* a breakpoint on a write */
	asm volatile("mov %0, %%dr6; mov %1, %%dr0; mov %2, %%dr7"
		     : : "r"(0xffff0ff0ull), "r"(FREE_AT), "r"(0xd0402ull));
	g_expect(g_try("movl $1, (%1)\nnop", "r"(FREE_AT)), 1);
	asm volatile("mov %%dr6, %0" : "=r"(v));
	g_expect(v & 0xf, 1);
	asm volatile("mov %0, %%dr7" : : "r"(0x400ull));
}

void t_exceptions(void)
{
	struct vm vm;

	vm_start(&vm, 1);
	vcpu_long(&vm.cpu[0], g_exceptions, 0);
	vcpu_done(&vm.cpu[0]);
}

/* ---- single step ---- */

/*
 * TF is set by POPFQ, so that the trap comes after @insn, at label 2. The
 * handler clears TF and goes on at label 3, where a second trap would come.
 */
#define STEP(setup, insn)                                                      \
	do {                                                                   \
		struct gcpu *c_ = this_cpu();                                  \
		u64 n_ = c_->count[1], end_, dr6_;                             \
		asm volatile("mov %0, %%dr6" : : "r"(0xffff0ff0ull));          \
		asm volatile("movq $3f, %%gs:%c[fix]\n" setup "\n"             \
			     "pushfq; orq $0x100, (%%rsp); popfq\n" insn "\n"  \
			     "2: nop; nop\n"                                   \
			     "3: nop; movq $0, %%gs:%c[fix]\n"                 \
			     "lea 2b(%%rip), %[end]"                           \
			     : [end] "=r"(end_)                                \
			     : [fix] "i"(offsetof(struct gcpu, fixup))         \
			     : "memory", "cc", "rax", "rbx", "rcx", "rdx");    \
		asm volatile("mov %%dr6, %0" : "=r"(dr6_));                    \
		if (c_->count[1] != n_ + 1)                                    \
			g_fail("number of traps after " insn, c_->count[1] - n_, 1); \
		if (c_->rip != end_)                                           \
			g_fail("RIP of the trap after " insn, c_->rip, end_);  \
		if ((dr6_ & 0xe00f) != 0x4000)                                 \
			g_fail("DR6 after " insn, dr6_, 0xffff4ff0);           \
	} while (0)

guest void g_single_step(u64 x2)
{
	g_apic_on(x2);
	STEP("", "nop");
	STEP("xor %%eax, %%eax", "cpuid");
	STEP("mov $0x503, %%edx", "out %%al, %%dx"); /* PORT_SYNC */
	STEP("mov $0x503, %%edx", "in %%dx, %%al");
	STEP("mov $0x1b, %%ecx", "rdmsr"); /* APIC_BASE */
	STEP("mov $0x1b, %%ecx; rdmsr", "wrmsr");
	STEP("mov $0x10000000, %%ebx", "mov (%%rbx), %%eax"); /* MMIO_AT */
	if (SH->arg[0]) { /* KVM traps one instruction late after a write */
		STEP("mov $0x10000000, %%ebx", "mov %%eax, (%%rbx)");
		STEP("mov $0x10000000, %%ebx", "addl $1, (%%rbx)");
	}
	STEP("", "mov %%cr0, %%rax");
	STEP("mov %%cr0, %%rax", "mov %%rax, %%cr0");
	STEP("", "wbinvd");
	if (x2)
		STEP("xor %%eax, %%eax; xor %%edx, %%edx; mov $0x80b, %%ecx", "wrmsr");
	else {
		STEP("mov $0xfee00000, %%ebx", "mov 0x20(%%rbx), %%eax");
		STEP("mov $0xfee00000, %%ebx; xor %%eax, %%eax", "mov %%eax, 0xb0(%%rbx)");
		STEP("mov $0xfee00000, %%ebx", "orl $0, 0x80(%%rbx)");
	}
}

/* What the VMM does in software traps as what the CPU does itself. */
static void single_step(bool x2)
{
	struct vcpu *cpu;
	struct vm vm;
	int exits = 0;

	vm_start(&vm, 1);
	cpu = &vm.cpu[0];
	vm.sh->arg[0] = is_vintc();
	vcpu_long(cpu, g_single_step, x2);
	for (;; exits++) {
		int r;

		do
			r = vcpu_run(cpu);
		while (r == -EINTR);
		expect(r, 0);
		if (cpu->run->exit_reason == KVM_EXIT_MMIO)
			continue;
		expect(cpu->run->exit_reason, KVM_EXIT_IO);
		if (cpu->run->io.port == PORT_FAIL)
			fail("guest: %s is %#llx, not %#llx", vm.sh->why,
			     (long long)vm.sh->got, (long long)vm.sh->want);
		if (cpu->run->io.port != PORT_SYNC)
			break;
	}
	expect(cpu->run->io.port, PORT_DONE);
	expect(exits, is_vintc() ? 6 : 3); /* IN, OUT, MMIO read, written, and both */
}

void t_single_step(void) { single_step(false); }
void t_single_step_x2apic(void) { single_step(true); }

/* ---- events ---- */

guest void g_spin_faults(u64 arg)
{
	g_apic_on(false);
	g_out8(PORT_SYNC, 0);
	while (!SH->stop)
		cpu_relax();
}

guest void g_events(u64 arg)
{
	g_apic_on(false);
	g_out8(PORT_SYNC, 0);
	asm volatile("nop; nop; nop");
	if (arg) {
		g_sti();
		g_cli();
	}
	SH->val[0] = this_cpu()->count[2];
	SH->val[1] = this_cpu()->count[0x77];
}

guest void g_nmi_iret(u64 arg)
{
	struct gcpu *c = this_cpu();
	u64 sp, ss;

	g_out8(PORT_SYNC, 0);
	SH->val[0] = c->count[2];
	asm volatile("mov %%rsp, %0; mov %%ss, %1\n"
		     "push %1; push %0; pushfq; pushq $8; pushq $1f; iretq; 1: nop"
		     : "=&r"(sp), "=&r"(ss) : : "memory");
	SH->val[1] = c->count[2];
}

void t_events_exception(void)
{
	struct kvm_vcpu_events e;
	struct vm vm;

	vm_start(&vm, 1);
	vcpu_long(&vm.cpu[0], g_events, 0);
	vcpu_until(&vm.cpu[0], PORT_SYNC);
	events_get(&vm, &e);
	expect(e.exception.injected, 0);
	e.exception.injected = 1;
	e.exception.nr = 13;
	e.exception.has_error_code = 1;
	e.exception.error_code = 0x18;
	must(vm.cpu[0].fd, KVM_SET_VCPU_EVENTS, &e);
	memset(&e, 0, sizeof(e));
	events_get(&vm, &e);
	expect(e.exception.injected, 1);
	expect(e.exception.nr, 13);
	expect(e.exception.error_code, 0x18);
	vcpu_run_exit(&vm.cpu[0], KVM_EXIT_IO);
	expect(vm.cpu[0].run->io.port, PORT_FAULT);
	expect(vm.sh->cpu[0].vector, 13);
	expect(vm.sh->cpu[0].error, 0x18);
	events_get(&vm, &e);
	expect(e.exception.injected, 0);
}

/* VMX delivers none while IF is clear (SDM 3C "Checks on VM-Entry Control Fields"). */
void t_events_interrupt(void)
{
	struct kvm_vcpu_events e;
	struct vm vm;

	if (!is_vintc() && is_intel())
		skip("KVM's entry fails");
	vm_start(&vm, 1);
	vcpu_long(&vm.cpu[0], g_events, is_intel());
	vcpu_until(&vm.cpu[0], PORT_SYNC);
	events_get(&vm, &e);
	e.interrupt.injected = 1;
	e.interrupt.nr = 0x77;
	e.nmi.pending = 1;
	e.flags = KVM_VCPUEVENT_VALID_NMI_PENDING;
	must(vm.cpu[0].fd, KVM_SET_VCPU_EVENTS, &e);
	vcpu_done(&vm.cpu[0]);
	expect(vm.sh->val[0], 1);
	expect(vm.sh->val[1], 1);
	events_get(&vm, &e);
	expect(e.interrupt.injected, 0);
	expect(e.nmi.pending, 0);
}

void t_events_nmi_masked(void)
{
	struct kvm_vcpu_events e;
	struct vm vm;

	vm_start(&vm, 1);
	vcpu_long(&vm.cpu[0], g_nmi_iret, 0);
	vcpu_until(&vm.cpu[0], PORT_SYNC);
	events_get(&vm, &e);
	expect(e.nmi.masked, 0);
	e.nmi.masked = 1;
	e.nmi.pending = 1;
	e.flags = KVM_VCPUEVENT_VALID_NMI_PENDING;
	must(vm.cpu[0].fd, KVM_SET_VCPU_EVENTS, &e);
	memset(&e, 0, sizeof(e));
	events_get(&vm, &e);
	expect(e.nmi.masked, 1);
	expect(e.nmi.pending, 1);
	vcpu_done(&vm.cpu[0]);
	expect(vm.sh->val[0], 0);
	expect(vm.sh->val[1], 1);
	events_get(&vm, &e);
	expect(e.nmi.masked, 0);
}

void t_events_shadow(void)
{
	struct kvm_vcpu_events e;
	struct vm vm;

	vm_start(&vm, 1);
	vcpu_long(&vm.cpu[0], g_events, 0);
	vcpu_until(&vm.cpu[0], PORT_SYNC);
	events_get(&vm, &e);
	expect(e.interrupt.shadow, 0);
	e.interrupt.shadow = KVM_X86_SHADOW_INT_STI;
	e.flags = KVM_VCPUEVENT_VALID_SHADOW;
	must(vm.cpu[0].fd, KVM_SET_VCPU_EVENTS, &e);
	events_get(&vm, &e);
	expect_that(e.interrupt.shadow & KVM_X86_SHADOW_INT_STI);
	expect_that(e.flags & KVM_VCPUEVENT_VALID_SHADOW);
	vcpu_done(&vm.cpu[0]);
	events_get(&vm, &e);
	expect(e.interrupt.shadow, 0);
}

/* ---- NMI ---- */

guest void g_nmi(u64 arg)
{
	struct gcpu *c = this_cpu();

	SH->arg[15] = 1; /* the handler says SYNC */
	SH->ready = 1;
	while (c->count[2] < 1)
		asm volatile("hlt"); /* IF clear: only an NMI wakes it */
	SH->val[0] = c->count[2];
	asm volatile("nop; nop");
	SH->val[1] = c->count[2];
}

void t_nmi(void)
{
	struct sigaction sa = { .sa_handler = count_signal };
	pthread_t me = pthread_self(), t;
	struct kvm_vcpu_events e;
	struct kvm_mp_state mp;
	struct vm vm;

	vm_start(&vm, 1);
	vcpu_long(&vm.cpu[0], g_nmi, 0);
	/* KVM_NMI waits for KVM_RUN to end: let it */
	sigaction(SIGUSR1, &sa, NULL);
	pthread_create(&t, NULL, kicker, &me);
	expect(vcpu_run(&vm.cpu[0]), -EINTR);
	kicker_stop(t);
	expect(vm.sh->ready, 1);
	must(vm.cpu[0].fd, KVM_GET_MP_STATE, &mp);
	expect(mp.mp_state, KVM_MP_STATE_HALTED);
	must(vm.cpu[0].fd, KVM_NMI, 0);
	vcpu_until(&vm.cpu[0], PORT_SYNC);
	expect(vm.sh->cpu[0].count[2], 1);
	events_get(&vm, &e);
	expect(e.nmi.masked, 1);
	/* three more in the handler: one is kept */
	for (int i = 0; i < 3; i++)
		must(vm.cpu[0].fd, KVM_NMI, 0);
	vcpu_until(&vm.cpu[0], PORT_SYNC);
	expect(vm.sh->cpu[0].count[2], 2);
	vcpu_done(&vm.cpu[0]);
	expect(vm.sh->cpu[0].count[2], 2);
	events_get(&vm, &e);
	expect(e.nmi.masked, 0);
}
