// SPDX-License-Identifier: GPL-2.0-only
/*
 * NMIs one behind the other, and their state when user space looks or an exit comes in
 * between: the same whether the CPU keeps it (virtual NMIs) or the hypervisor does.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "api.h"
#include "../../../../uapi/vintc.h"

#define STEPS SH->val[2]
#define STACK (FREE_AT + 0x100000) /* NMIs come on another one */
#define TAKEN(vm) ((vm)->sh->cpu[0].count[2])
#define IN_HANDLER(vm) ((vm)->sh->arg[15]) /* how often it says SYNC */

/* SYNC, then steps that tell when an NMI comes; at last an IRET. */
guest void g_nmi_steps(u64 stack)
{
	u64 sp;

	asm volatile("mov %%rsp, %[sp]\n"
		     "test %[stack], %[stack]; cmovnz %[stack], %%rsp\n"
		     "outb %%al, %%dx\n"
		     "incq %[steps]; incq %[steps]; incq %[steps]; incq %[steps]\n"
		     "mov %[sp], %%rsp\n"
		     "mov %%ss, %%ecx; push %%rcx; push %[sp]; pushfq; pushq $8; pushq $1f\n"
		     "incq %[steps]; iretq\n"
		     "1: incq %[steps]\n"
		     : [sp] "=&b"(sp), [steps] "+m"(STEPS)
		     : [stack] "r"(stack), "d"(PORT_SYNC) : "rcx", "memory", "cc");
	SH->val[0] = this_cpu()->count[2];
}

/* SYNC, then HLT with IF clear. */
guest void g_nmi_hlt(u64 arg)
{
	asm volatile("outb %%al, %%dx; hlt" : : "d"(PORT_SYNC) : "memory");
	SH->val[0] = this_cpu()->count[2];
}

guest void g_nmi_syncs(u64 n)
{
	while (n--)
		g_out8(PORT_SYNC, 0);
}

static void start(struct vm *vm, guest_fn fn, u64 arg)
{
	vm_start(vm, 1);
	vcpu_long(&vm->cpu[0], fn, arg);
	vcpu_until(&vm->cpu[0], PORT_SYNC);
}

/* The OUT that user space was told of is through. */
static void settle(struct vcpu *cpu)
{
	cpu->run->immediate_exit = 1;
	expect(vcpu_run(cpu), -EINTR);
	cpu->run->immediate_exit = 0;
}

static void nmi_set(struct vm *vm, int pending, int masked, int shadow)
{
	struct kvm_vcpu_events e;

	settle(&vm->cpu[0]);
	events_get(vm, &e);
	e.nmi.pending = pending;
	e.nmi.masked = masked;
	e.interrupt.shadow = shadow ? KVM_X86_SHADOW_INT_STI : 0;
	e.flags = KVM_VCPUEVENT_VALID_NMI_PENDING | KVM_VCPUEVENT_VALID_SHADOW;
	must(vm->cpu[0].fd, KVM_SET_VCPU_EVENTS, &e);
}

static void nmi_is(struct vm *vm, int line, int pending, int masked)
{
	struct kvm_vcpu_events e;

	events_get(vm, &e);
	if (e.nmi.pending != pending || e.nmi.masked != masked || e.nmi.injected)
		fail("line %d: pending %d masked %d injected %d, not %d %d 0", line,
		     e.nmi.pending, e.nmi.masked, e.nmi.injected, pending, masked);
}
#define NMI_IS(vm, pending, masked) nmi_is(vm, __LINE__, pending, masked)

static u64 rsp_of(struct vm *vm)
{
	struct kvm_regs r;

	regs_get(&vm->cpu[0], &r);
	return r.rsp;
}

/* ---- one behind the other ---- */

/* @n wait; the vCPU is left in the first one's handler. @steps: how many instructions went before it. */
static void take_first(struct vm *vm, int n, int masked, int shadow, int steps)
{
	start(vm, g_nmi_steps, 0);
	nmi_set(vm, n, masked, shadow);
	NMI_IS(vm, n, masked);
	IN_HANDLER(vm) = 1;
	vcpu_until(&vm->cpu[0], PORT_SYNC);
	expect(TAKEN(vm), 1);
	expect(vm->sh->val[2], steps);
	NMI_IS(vm, n - 1, 1);
}

/* All @n have been taken, and the guest comes to its end. */
static void end_after(struct vm *vm, u64 n)
{
	vcpu_done(&vm->cpu[0]);
	expect(vm->sh->val[0], n);
	expect(vm->sh->val[2], 6);
	NMI_IS(vm, 0, 0);
	vm_end(vm);
}

static void two(int masked, int shadow, int steps)
{
	struct vm vm;
	u64 rsp;

	take_first(&vm, 2, masked, shadow, steps);
	rsp = rsp_of(&vm);
	vcpu_until(&vm.cpu[0], PORT_SYNC);
	expect(TAKEN(&vm), 2);
	expect(vm.sh->val[2], steps);
	/* After the other's handler and not in it. */
	expect(rsp_of(&vm), rsp);
	NMI_IS(&vm, 0, 1);
	end_after(&vm, 2);
}

/* The same while nobody looks; one before, so that all memory is there and nothing exits. */
static void two_unseen(int masked, int shadow)
{
	struct vm vm;

	start(&vm, g_nmi_steps, 0);
	must(vm.cpu[0].fd, KVM_NMI, 0);
	vcpu_done(&vm.cpu[0]);
	expect(vm.sh->val[0], 1);
	settle(&vm.cpu[0]);
	vcpu_long(&vm.cpu[0], g_nmi_steps, 0);
	vcpu_until(&vm.cpu[0], PORT_SYNC);
	nmi_set(&vm, 2, masked, shadow);
	vcpu_done(&vm.cpu[0]);
	expect(vm.sh->val[0], 3);
	expect(vm.sh->val[2], 12);
	NMI_IS(&vm, 0, 0);
	vm_end(&vm);
}

void t_nmi_two(void)
{
	two(0, 0, 0);
	two_unseen(0, 0);
	if (!is_vintc())
		return; /* KVM forgets one when it sees that the other must wait */
	two(0, 1, 1);
	two_unseen(0, 1);
	two(1, 0, 5);
	two_unseen(1, 0);
}

/* A single one comes as soon as it can, and no sooner. */
static void one(int masked, int shadow, int steps)
{
	struct vm vm;

	take_first(&vm, 1, masked, shadow, steps);
	end_after(&vm, 1);
}

void t_nmi_when(void)
{
	one(0, 0, 0);
	one(0, 1, 1);
	one(1, 0, 5);
	one(1, 1, 5);
}

/* ---- state ---- */

/* What a VMM carries to another machine. */
static void copy(struct vm *from, struct vm *to)
{
	struct kvm_vcpu_events e;
	struct kvm_sregs s;
	struct kvm_regs r;

	vm_start(to, 1);
	memcpy(to->mem, from->mem, VM_RAM);
	regs_get(&from->cpu[0], &r);
	sregs_get(&from->cpu[0], &s);
	events_get(from, &e);
	sregs_set(&to->cpu[0], &s);
	regs_set(&to->cpu[0], &r);
	must(to->cpu[0].fd, KVM_SET_VCPU_EVENTS, &e);
}

/*
 * Three NMIs in a handler are one; it is there when the handler has exited, on this vCPU
 * and on its copy, and each takes it once.
 */
void t_nmi_moved(void)
{
	struct vm vm, other;

	start(&vm, g_nmi_steps, 0);
	must(vm.cpu[0].fd, KVM_NMI, 0);
	IN_HANDLER(&vm) = 3;
	vcpu_until(&vm.cpu[0], PORT_SYNC);
	NMI_IS(&vm, 0, 1);
	for (int i = 0; i < 3; i++)
		must(vm.cpu[0].fd, KVM_NMI, 0);
	vcpu_until(&vm.cpu[0], PORT_SYNC);
	NMI_IS(&vm, 1, 1);
	must(vm.cpu[0].fd, KVM_NMI, 0);
	vcpu_until(&vm.cpu[0], PORT_SYNC);
	NMI_IS(&vm, 1, 1);
	expect(TAKEN(&vm), 1);

	settle(&vm.cpu[0]);
	copy(&vm, &other);
	NMI_IS(&other, 1, 1);
	IN_HANDLER(&vm) = IN_HANDLER(&other) = 1;
	for (struct vm *v = &vm; v; v = v == &vm ? &other : NULL) {
		vcpu_until(&v->cpu[0], PORT_SYNC);
		expect(TAKEN(v), 2);
		NMI_IS(v, 0, 1);
		vcpu_done(&v->cpu[0]);
		expect(v->sh->val[0], 2);
		NMI_IS(v, 0, 0);
	}
}

/* INIT forgets the one that waits, and the mask. */
void t_nmi_init(void)
{
	struct kvm_msi init = { .address_lo = 0xfee00000, .data = 0x4500 };
	struct kvm_mp_state mp;
	struct vm vm;

	if (!is_vintc())
		skip("not seen by KVM_GET_MP_STATE");
	start(&vm, g_nmi_steps, 0);
	must(vm.cpu[0].fd, KVM_NMI, 0);
	IN_HANDLER(&vm) = 2;
	vcpu_until(&vm.cpu[0], PORT_SYNC);
	must(vm.cpu[0].fd, KVM_NMI, 0);
	vcpu_until(&vm.cpu[0], PORT_SYNC);
	NMI_IS(&vm, 1, 1);
	settle(&vm.cpu[0]);
	must(vm.fd, KVM_SIGNAL_MSI, &init);
	must(vm.cpu[0].fd, KVM_GET_MP_STATE, &mp);
	NMI_IS(&vm, 0, 0);
	IN_HANDLER(&vm) = 0;
	vm.sh->val[2] = 0;
	vcpu_long(&vm.cpu[0], g_nmi_steps, 0);
	vcpu_until(&vm.cpu[0], PORT_SYNC);
	must(vm.cpu[0].fd, KVM_NMI, 0);
	vcpu_done(&vm.cpu[0]);
	expect(vm.sh->val[0], 2);
}

/* ---- delivery that exits ---- */

static void interrupted(int shadow)
{
	struct vm vm;
	int stats;
	long before;

	start(&vm, g_nmi_steps, STACK);
	stats = ioctl(vm.cpu[0].fd, KVM_GET_STATS_FD, 0);
	nmi_set(&vm, 1, 0, shadow);
	before = stat_read(stats, "reinjections");
	if (madvise(vm.mem + STACK - 4096, 4096, MADV_DONTNEED))
		fail("madvise");
	IN_HANDLER(&vm) = 1;
	vcpu_until(&vm.cpu[0], PORT_SYNC);
	expect(TAKEN(&vm), 1);
	expect(vm.sh->val[2], shadow);
	if (is_vintc())
		expect_that(stat_read(stats, "reinjections") > before);
	NMI_IS(&vm, 0, 1);
	must(vm.cpu[0].fd, KVM_NMI, 0);
	vcpu_until(&vm.cpu[0], PORT_SYNC);
	expect(TAKEN(&vm), 2);
	expect(vm.sh->val[2], shadow);
	NMI_IS(&vm, 0, 1);
	vcpu_done(&vm.cpu[0]);
	expect(vm.sh->val[0], 2);
	NMI_IS(&vm, 0, 0);
	close(stats);
	vm_end(&vm);
}

/* The stack's page is faulted in when the NMI's frame is written. */
void t_nmi_interrupted(void)
{
	interrupted(0);
	interrupted(1);
}

/* No memory is there: user space sees an NMI on its way. */
static void stopped(int shadow)
{
	struct kvm_vcpu_events e;
	struct kvm_regs r;
	struct vm vm;

	start(&vm, g_nmi_steps, STACK);
	nmi_set(&vm, 1, 0, shadow);
	regs_get(&vm.cpu[0], &r);
	r.rsp = MMIO_AT + 0x800;
	regs_set(&vm.cpu[0], &r);
	vcpu_run_exit(&vm.cpu[0], KVM_EXIT_INTERNAL_ERROR);
	expect(vm.cpu[0].run->internal.suberror, KVM_INTERNAL_ERROR_DELIVERY_EV);
	events_get(&vm, &e);
	expect(e.nmi.injected, 1);
	expect(e.nmi.masked, 1);
	expect(e.nmi.pending, 0);
	for (int i = 0; i < 2; i++)
		must(vm.cpu[0].fd, KVM_NMI, 0);
	regs_get(&vm.cpu[0], &r);
	r.rsp = STACK;
	regs_set(&vm.cpu[0], &r);
	end_after(&vm, 2);
}

void t_nmi_stopped(void)
{
	if (!is_vintc())
		skip("KVM emulates instead");
	stopped(0);
	stopped(1);
}

/* The CPU keeps the mask, and one that waits. */
static bool virtual_nmis(struct vm *vm)
{
	struct vintc_info info = { .flags = 0 };
	char c = 'N';
	int fd;

	if (is_vintc()) {
		must(vm->dev, VINTC_GET_INFO, &info);
		return info.used & VINTC_FEATURE_VNMI;
	}
	fd = open("/sys/module/kvm_amd/parameters/vnmi", O_RDONLY);
	if (fd >= 0)
		expect(read(fd, &c, 1), 1);
	return c == 'Y';
}

/* ---- HLT ---- */

static void halted(bool in_guest)
{
	struct kvm_enable_cap cap = { .cap = KVM_CAP_X86_DISABLE_EXITS,
				      .args = { KVM_X86_DISABLE_EXITS_HLT } };
	struct vm vm;

	vm_create(&vm);
	vm_irqchip(&vm);
	vm_memory(&vm, NULL);
	if (in_guest)
		must(vm.fd, KVM_ENABLE_CAP, &cap);
	vcpu_create(&vm, 0);
	vcpu_long(&vm.cpu[0], g_nmi_hlt, 0);
	vcpu_until(&vm.cpu[0], PORT_SYNC);
	if (!is_vintc() && virtual_nmis(&vm))
		skip("KVM sleeps: an NMI that the CPU keeps is not looked for");
	nmi_set(&vm, 1, 0, 1);
	vcpu_done(&vm.cpu[0]);
	expect(vm.sh->val[0], 1);
	vm_end(&vm);
}

/* HLT in a shadow ends with the NMI that waits for the shadow's end. */
void t_nmi_halted(void) { halted(false); }
void t_nmi_halted_in_guest(void) { halted(true); }

/* ---- exits ---- */

/* Each NMI costs an exit at its IRET, and with virtual NMIs none. */
void t_nmi_exits(void)
{
	enum { NMIS = 100 };
	long exits, windows;
	struct vm vm;
	int stats;

	if (!is_vintc() && is_intel())
		skip("it has its own windows");
	start(&vm, g_nmi_syncs, NMIS + 1);
	stats = ioctl(vm.cpu[0].fd, KVM_GET_STATS_FD, 0);
	exits = -stat_read(stats, "exits");
	windows = -stat_read(stats, "nmi_window_exits");
	for (int i = 0; i < NMIS; i++) {
		must(vm.cpu[0].fd, KVM_NMI, 0);
		vcpu_until(&vm.cpu[0], PORT_SYNC);
		expect(TAKEN(&vm), i + 1);
	}
	exits += stat_read(stats, "exits");
	windows += stat_read(stats, "nmi_window_exits");
	printf("# %d NMIs: %ld exits, %ld of them windows\n", NMIS, exits, windows);
	expect(windows, virtual_nmis(&vm) ? 0 : NMIS);
	/* One each is SYNC's. */
	expect_that(exits >= NMIS + windows && exits < NMIS + windows + NMIS / 2);
	close(stats);
}

/* A second one in each handler: two windows, or none. VMX has one. */
void t_nmi_exits_behind(void)
{
	enum { NMIS = 100 };
	struct vm vm;
	long windows;
	int stats;

	if (!is_vintc() && is_intel())
		skip("it has its own windows");
	start(&vm, g_nmi_syncs, NMIS + 1);
	stats = ioctl(vm.cpu[0].fd, KVM_GET_STATS_FD, 0);
	windows = -stat_read(stats, "nmi_window_exits");
	IN_HANDLER(&vm) = 1;
	for (int i = 0; i < NMIS; i++) {
		must(vm.cpu[0].fd, KVM_NMI, 0);
		vcpu_until(&vm.cpu[0], PORT_SYNC);
		must(vm.cpu[0].fd, KVM_NMI, 0);
		vcpu_until(&vm.cpu[0], PORT_SYNC);
		expect(TAKEN(&vm), 2 * i + 2);
		vcpu_until(&vm.cpu[0], PORT_SYNC);
	}
	windows += stat_read(stats, "nmi_window_exits");
	printf("# %d NMIs: %ld windows\n", 2 * NMIS, windows);
	expect(windows, is_intel() ? NMIS : virtual_nmis(&vm) ? 0 : 2 * NMIS);
	close(stats);
}

/* ---- from other vCPUs ---- */

guest void g_nmi_target(u64 halt)
{
	struct gcpu *c = this_cpu();

	g_apic_on(false);
	SH->ready = 1;
	while (!SH->stop) {
		u64 n = c->count[2];

		/* IF is clear; the sender waits for this one before it sends the next. */
		if (halt && n < SH->arg[0])
			asm volatile("hlt");
		else
			cpu_relax();
		SH->val[1]++;
	}
	SH->val[0] = c->count[2];
}

guest void g_nmi_sender(u64 n)
{
	volatile u64 *taken = &SH->cpu[0].count[2];
	u64 before, rounds;

	g_apic_on(false);
	g_wait(SH->ready);
	for (u64 i = 0; i < n; i++) {
		g_icr(0, 0x4400);
		g_wait(*taken == i + 1);
	}
	/* These are merged as they come. */
	for (u64 i = 0; i < n; i++)
		g_icr(0, 0x4400);
	g_wait(*taken > n);
	/* None waits any more: the other vCPU runs and takes none. For some time it may have no CPU. */
	do {
		before = *taken;
		rounds = SH->val[1];
		g_wait(rdtsc() >= SH->cpu[0].stamp + SH->arg[1] && SH->val[1] > rounds + 100);
	} while (*taken != before);
	g_expect(before > n && before <= 2 * n, 1);
	/* Not masked for good. */
	g_icr(0, 0x4400);
	g_wait(*taken == before + 1);
	SH->stop = 1;
	g_icr(0, 0x4400);
}

static void ipis(u64 halt)
{
	pthread_t t;
	struct vm vm;

	vm_start(&vm, 2);
	vm.sh->arg[0] = 100;
	vm.sh->arg[1] = 20000000;
	vcpu_long(&vm.cpu[0], g_nmi_target, halt);
	vcpu_long(&vm.cpu[1], g_nmi_sender, 100);
	pthread_create(&t, NULL, vcpu_thread, &vm.cpu[1]);
	vcpu_done(&vm.cpu[0]);
	pthread_join(t, NULL);
	vm_end(&vm);
}

void t_nmi_ipi(void)
{
	ipis(0);
	ipis(1);
}
