// SPDX-License-Identifier: GPL-2.0-only
/* What capabilities change when they are enabled, and what a guest gets from its hypervisor. */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "api.h"

#define CAP_APIC_BUS_CYCLES_NS 237 /* headers of 6.1 don't have it */

static long enable_on(int fd, u32 cap, u64 arg)
{
	struct kvm_enable_cap c = { .cap = cap, .args = { arg } };

	return try(fd, KVM_ENABLE_CAP, &c);
}

static void need(struct vm *vm, long cap)
{
	if (check_extension(vm, cap) <= 0)
		skip("no capability %ld", cap);
}

/* ---- the APIC timer's clock ---- */

guest void g_apic_bus(u64 khz)
{
	u64 t;

	g_apic_on(false);
	g_apic_write(APIC_TDCR, 0xb);
	g_apic_write(APIC_LVTT, 0x10000);
	t = rdtsc();
	g_apic_write(APIC_TMICT, ~0u);
	g_wait(~0u - g_apic_read(APIC_TMCCT) >= 20000);
	SH->val[0] = (rdtsc() - t) / (khz / 1000); /* us */
}

void t_apic_bus(void)
{
	struct vm vm;

	vm_create(&vm);
	need(&vm, CAP_APIC_BUS_CYCLES_NS);
	expect(enable_on(vm.fd, CAP_APIC_BUS_CYCLES_NS, 1000), -ENXIO);
	vm_irqchip(&vm);
	vm_memory(&vm, NULL);
	expect(enable_on(vm.fd, CAP_APIC_BUS_CYCLES_NS, 0), -EINVAL);
	expect(enable_on(vm.fd, CAP_APIC_BUS_CYCLES_NS, 1ull << 32), -EINVAL);
	expect(enable_on(vm.fd, CAP_APIC_BUS_CYCLES_NS, 1000), 0);
	if (is_vintc()) /* newer KVM's too */
		expect(try(vm.fd, KVM_CHECK_EXTENSION, (void *)CAP_APIC_BUS_CYCLES_NS), 1000);
	expect(try(vm.dev, KVM_CHECK_EXTENSION, (void *)CAP_APIC_BUS_CYCLES_NS), 1);
	vcpu_create(&vm, 0);
	expect(enable_on(vm.fd, CAP_APIC_BUS_CYCLES_NS, 1000), -EINVAL);
	vcpu_long(&vm.cpu[0], g_apic_bus, try(vm.cpu[0].fd, KVM_GET_TSC_KHZ, NULL));
	vcpu_done(&vm.cpu[0]);
	/* 20000 ticks of a microsecond; a busy machine makes it longer */
	if (vm.sh->val[0] < 19000)
		fail("20000 us were %llu", (long long)vm.sh->val[0]);
}

/* ---- the guest's own interface ---- */

#define HC_NOBODYS 99
#define PV_ENOSYS (-1000ull)
#define PV_EINVAL (-22ull)
#define MSR_STEAL 0x4b564d03
#define MSR_TIME 0x4b564d01
#define LEAF_PV 0x40000001

guest void g_pv_enforce(u64 arg)
{
	u64 v;

	SH->val[0] = g_rdmsr_try(0x11, &v);
	SH->val[1] = g_wrmsr_try(0x12, 0);
	SH->val[2] = g_rdmsr_try(MSR_TIME, &v);
	SH->val[3] = g_wrmsr_try(MSR_STEAL, 0);
	SH->val[4] = hypercall(HC_KICK_CPU, 0, 77, 0, 0);
	SH->val[5] = hypercall(HC_SEND_IPI, 0, 0, 0, 0x40);
	SH->val[6] = hypercall(HC_NOBODYS, 0, 0, 0, 0);
}

void t_pv_enforce(void)
{
	for (int enforce = 0; enforce < 2; enforce++) {
		struct kvm_cpuid2 *cpuid;
		struct vm vm;

		vm_start(&vm, 1);
		need(&vm, KVM_CAP_ENFORCE_PV_FEATURE_CPUID);
		expect(enable_on(vm.cpu[0].fd, KVM_CAP_HLT, 1), -EINVAL);
		expect(enable_on(vm.cpu[0].fd, KVM_CAP_ENFORCE_PV_FEATURE_CPUID, enforce), 0);
		cpuid = cpuid_supported(&vm);
		for (u32 i = 0; i < cpuid->nent; i++)
			if (cpuid->entries[i].function == LEAF_PV)
				cpuid->entries[i].eax = 0;
		must(vm.cpu[0].fd, KVM_SET_CPUID2, cpuid);
		vcpu_long(&vm.cpu[0], g_pv_enforce, 0);
		vcpu_done(&vm.cpu[0]);
		for (int i = 0; i < 4; i++)
			expect(vm.sh->val[i], enforce ? 13 : -1);
		for (int i = 4; i < 6; i++)
			expect(vm.sh->val[i], enforce ? PV_ENOSYS : 0);
		expect(vm.sh->val[6], PV_ENOSYS);
		vm_end(&vm);
	}
}

/* ---- the other vendor's hypercall instruction ---- */

#define VMCALL 0xc1
#define VMMCALL 0xd9
#define QUIRK_FIX_HYPERCALL (1u << 5)

/* Return: the exception, or -1. SH->val[0]: what the hypercall has answered. */
inl_ int g_hypercall_at(u8 *code, u8 last)
{
	/* mov %rax, (%rdi); jmp *%rdx */
	const u8 bytes[] = { 0x0f, 0x01, last, 0x48, 0x89, 0x07, 0xff, 0xe2 };

	for (u32 i = 0; i < sizeof(bytes); i++)
		((volatile u8 *)code)[i] = bytes[i];
	SH->val[0] = 0;
	return g_try("lea 1f(%%rip), %%rdx; mov $99, %%eax; jmp *%1", "r"(code), "D"(&SH->val[0]));
}

guest void g_foreign_hypercall(u64 fixed)
{
	u32 eax = 0, ecx = 0;
	u8 own, other;

	asm volatile("cpuid" : "+a"(eax), "+c"(ecx) : : "rbx", "rdx");
	own = ecx == 0x6c65746e ? VMCALL : VMMCALL;
	other = own ^ VMCALL ^ VMMCALL;
	for (u64 at = FREE_AT; at < FREE_AT + 0x3000; at += 0xfff) { /* over a page's end, too */
		volatile u8 *code = (void *)at;

		g_expect(g_hypercall_at((u8 *)at, own), -1);
		g_expect(SH->val[0], PV_ENOSYS);
		g_expect(g_hypercall_at((u8 *)at, other), fixed ? -1 : 6);
		g_expect(SH->val[0], fixed ? PV_ENOSYS : 0);
		g_expect(code[2], fixed ? own : other);
	}
	/* what is no hypercall stays what it is */
	g_expect(g_hypercall_at((u8 *)FREE_AT, 0xc5), 6);
	g_expect(*(u8 *)(FREE_AT + 2), 0xc5);
	g_expect(g_try("ud2"), 6);
}

void t_foreign_hypercall(void)
{
	for (int fixed = 0; fixed < 2; fixed++) {
		struct vm vm;

		vm_start(&vm, 1);
		need(&vm, KVM_CAP_DISABLE_QUIRKS2);
		expect_that(check_extension(&vm, KVM_CAP_DISABLE_QUIRKS2) & QUIRK_FIX_HYPERCALL);
		if (!fixed)
			expect(enable_on(vm.fd, KVM_CAP_DISABLE_QUIRKS2, QUIRK_FIX_HYPERCALL), 0);
		vcpu_long(&vm.cpu[0], g_foreign_hypercall, fixed);
		vcpu_done(&vm.cpu[0]);
		vm_end(&vm);
	}
}

/* ---- the TSC's offset ---- */

guest void g_tsc_offset(u64 arg)
{
	for (;;) {
		SH->val[0] = rdtsc();
		g_out8(PORT_SYNC, 0);
	}
}

void t_tsc_offset(void)
{
	const u64 offsets[] = { 0, 1ull << 40, -(1ull << 41), 1ull << 63 };
	u64 offset = 0;
	struct kvm_device_attr attr = { .addr = (unsigned long)&offset };
	struct vm vm;
	int fd;

	vm_start(&vm, 1);
	need(&vm, KVM_CAP_VCPU_ATTRIBUTES);
	fd = vm.cpu[0].fd;
	expect(try(fd, KVM_HAS_DEVICE_ATTR, &attr), 0);
	attr.attr = 1;
	expect(try(fd, KVM_HAS_DEVICE_ATTR, &attr), -ENXIO);
	expect(try(fd, KVM_SET_DEVICE_ATTR, &attr), -ENXIO);
	attr.attr = 0;
	attr.group = 1;
	expect(try(fd, KVM_GET_DEVICE_ATTR, &attr), -ENXIO);
	attr.group = 0;
	attr.addr = 8;
	expect(try(fd, KVM_GET_DEVICE_ATTR, &attr), -EFAULT);
	expect(try(fd, KVM_SET_DEVICE_ATTR, &attr), -EFAULT);
	attr.addr = (unsigned long)&offset;

	vcpu_long(&vm.cpu[0], g_tsc_offset, 0);
	for (u32 i = 0; i < ARRAY_SIZE(offsets); i++) {
		u64 before, after;

		offset = offsets[i];
		must(fd, KVM_SET_DEVICE_ATTR, &attr);
		offset = 77;
		must(fd, KVM_GET_DEVICE_ATTR, &attr);
		expect(offset, offsets[i]);
		before = rdtsc();
		vcpu_until(&vm.cpu[0], PORT_SYNC);
		after = rdtsc();
		if (vm.sh->val[0] - offset - before > after - before)
			fail("offset %#llx: TSC %#llx is not between %#llx and %#llx", (long long)offset,
			     (long long)(vm.sh->val[0] - offset), (long long)before, (long long)after);
	}
}

/* ---- IPIs to a set, and a kick ---- */

guest void g_pv_target(u64 arg)
{
	g_apic_on(arg);
	g_sti();
	__atomic_fetch_add(&SH->ready, 1, __ATOMIC_SEQ_CST);
	while (!SH->stop)
		cpu_relax();
}

guest void g_pv_sender(u64 arg)
{
	g_apic_on(arg);
	g_wait(SH->ready == 2);
	/* IDs 1 and 2, and 5, which isn't there; not 0 */
	g_expect(hypercall(HC_SEND_IPI, 0x26, 0, 0, 0x41), 2);
	g_wait(SH->cpu[1].count[0x41] == 1 && SH->cpu[2].count[0x41] == 1);
	/* the same ones from another base; the second register */
	g_expect(hypercall(HC_SEND_IPI, 2, 0, 1, 0x42), 1);
	g_wait(SH->cpu[2].count[0x42] == 1);
	g_expect(hypercall(HC_SEND_IPI, 0, 1, 2, 0x43), 0); /* 66 */
	g_expect(hypercall(HC_SEND_IPI, 1, 0, 1000000, 0x43), 0);
	g_expect(hypercall(HC_SEND_IPI, 2, 0, 0, 0x40443), PV_EINVAL); /* a shorthand */
	g_expect(SH->cpu[1].count[0x43] + SH->cpu[2].count[0x43] + SH->cpu[1].count[0x42], 0);
	g_expect(SH->cpu[1].count[0x41] + SH->cpu[2].count[0x41], 2);
	SH->stop = 1;
}

static void pv_ipi(bool x2apic)
{
	pthread_t t[3];
	struct vm vm;

	vm_start(&vm, 3);
	for (int i = 0; i < 3; i++) {
		vcpu_long(&vm.cpu[i], i ? g_pv_target : g_pv_sender, x2apic);
		pthread_create(&t[i], NULL, vcpu_thread, &vm.cpu[i]);
	}
	for (int i = 0; i < 3; i++)
		pthread_join(t[i], NULL);
}

void t_pv_ipi(void) { pv_ipi(false); }
void t_pv_ipi_x2apic(void) { pv_ipi(true); }

/* It sleeps with interrupts off: only a kick wakes it, also one that comes before it sleeps. */
guest void g_pv_sleeper(u64 arg)
{
	g_apic_on(false);
	g_cli();
	for (u64 i = 1; i <= 3; i++) {
		SH->ready = i;
		if (i == 3)
			g_wait(SH->go == 3);
		asm volatile("hlt");
	}
	SH->stop = 1;
}

guest void g_pv_kicker(u64 arg)
{
	for (u64 i = 1; i <= 3; i++) {
		g_wait(SH->ready >= i);
		if (i < 3)
			g_out8(PORT_SYNC, 0); /* the host waits a little */
		g_expect(SH->stop, 0);
		g_expect(hypercall(HC_KICK_CPU, 0, 1, 0, 0), 0);
		SH->go = i;
	}
	g_wait(SH->stop);
}

void t_pv_kick(void)
{
	pthread_t t;
	struct vm vm;

	vm_start(&vm, 2);
	vcpu_long(&vm.cpu[1], g_pv_sleeper, 0);
	vcpu_long(&vm.cpu[0], g_pv_kicker, 0);
	pthread_create(&t, NULL, vcpu_thread, &vm.cpu[1]);
	for (int i = 1; i <= 2; i++) {
		vcpu_until(&vm.cpu[0], PORT_SYNC);
		usleep(50000);
		expect(vm.sh->ready, i);
	}
	vcpu_done(&vm.cpu[0]);
	pthread_join(t, NULL);
}

void t_steal_time(void)
{
	struct vm vm;

	vm_start(&vm, 1);
	need(&vm, KVM_CAP_STEAL_TIME);
	expect(msr_set(&vm.cpu[0], MSR_STEAL, FREE_AT | 1), 1);
	expect(msr_get(&vm.cpu[0], MSR_STEAL), FREE_AT | 1);
	for (int bit = 1; bit < 6; bit++) {
		expect(msr_set(&vm.cpu[0], MSR_STEAL, FREE_AT | 1 | 1 << bit), 0);
		expect(msr_get(&vm.cpu[0], MSR_STEAL), FREE_AT | 1);
	}
	/* a page that isn't there: nothing but no steal time */
	expect(msr_set(&vm.cpu[0], MSR_STEAL, MMIO_AT | 1), 1);
	vcpu_long(&vm.cpu[0], g_pv_enforce, 0);
	vcpu_done(&vm.cpu[0]);
}

/* ---- events ---- */

guest void g_payload(u64 arg)
{
	struct gcpu *c = this_cpu();

	c->vector = -1;
	asm volatile("movq $1f, %%gs:%c[fix]\n1: outb %%al, %%dx\nmovq $0, %%gs:%c[fix]"
		     : : [fix] "i"(offsetof(struct gcpu, fixup)), "d"(PORT_SYNC)
		     : "memory");
	SH->val[0] = c->vector;
	SH->val[1] = c->cr2;
}

void t_payload(void)
{
	struct kvm_vcpu_events e = {}, f;
	struct vm vm;

	vm_start(&vm, 1);
	need(&vm, KVM_CAP_EXCEPTION_PAYLOAD);
	events_get(&vm, &f);
	expect(f.flags & KVM_VCPUEVENT_VALID_PAYLOAD, 0);
	e.flags = KVM_VCPUEVENT_VALID_PAYLOAD;
	expect(try(vm.cpu[0].fd, KVM_SET_VCPU_EVENTS, &e), -EINVAL);
	expect(enable_on(vm.fd, KVM_CAP_EXCEPTION_PAYLOAD, 1), 0);
	vcpu_long(&vm.cpu[0], g_payload, 0);
	vcpu_until(&vm.cpu[0], PORT_SYNC);
	/* the OUT has been seen but not completed: the fault comes after it */
	vm.cpu[0].run->immediate_exit = 1;
	expect(vcpu_run(&vm.cpu[0]), -EINTR);
	vm.cpu[0].run->immediate_exit = 0;
	e.exception.pending = e.exception.injected = 1; /* the first counts */
	e.exception.nr = 14;
	e.exception.has_error_code = 1;
	e.exception_has_payload = 1;
	e.exception_payload = 0x123456789000;
	must(vm.cpu[0].fd, KVM_SET_VCPU_EVENTS, &e);
	events_get(&vm, &f);
	expect_that(f.flags & KVM_VCPUEVENT_VALID_PAYLOAD);
	expect(f.exception.pending, 1);
	expect(f.exception.injected, 0);
	expect(f.exception_has_payload, 1);
	expect(f.exception_payload, 0x123456789000);
	vcpu_until(&vm.cpu[0], PORT_SYNC); /* its handler goes back there */
	vcpu_done(&vm.cpu[0]);
	expect(vm.sh->val[0], 14);
	expect(vm.sh->val[1], 0x123456789000);
}

void t_triple_fault(void)
{
	struct kvm_vcpu_events e = { .flags = KVM_VCPUEVENT_VALID_TRIPLE_FAULT }, f;
	struct vm vm;

	vm_start(&vm, 1);
	need(&vm, KVM_CAP_X86_TRIPLE_FAULT_EVENT);
	e.triple_fault.pending = 1;
	expect(try(vm.cpu[0].fd, KVM_SET_VCPU_EVENTS, &e), -EINVAL);
	expect(enable_on(vm.fd, KVM_CAP_X86_TRIPLE_FAULT_EVENT, 1), 0);
	vcpu_long(&vm.cpu[0], g_spin, 0);
	must(vm.cpu[0].fd, KVM_SET_VCPU_EVENTS, &e);
	events_get(&vm, &f);
	expect_that(f.flags & KVM_VCPUEVENT_VALID_TRIPLE_FAULT);
	expect(f.triple_fault.pending, 1);
	vcpu_run_exit(&vm.cpu[0], KVM_EXIT_SHUTDOWN);
	events_get(&vm, &f);
	expect(f.triple_fault.pending, 0);
}

/* ---- others ---- */

#define PLATFORM_INFO 0xce

guest void g_platform_info(u64 arg)
{
	u64 v = 0;

	SH->val[0] = g_rdmsr_try(PLATFORM_INFO, &v);
	SH->val[1] = v;
	SH->val[2] = g_wrmsr_try(PLATFORM_INFO, 0);
}

void t_platform_info(void)
{
	struct vm vm;

	vm_start(&vm, 1);
	need(&vm, KVM_CAP_MSR_PLATFORM_INFO);
	expect(msr_set(&vm.cpu[0], PLATFORM_INFO, 0xff00), 1);
	for (int hidden = 0; hidden < 2; hidden++) {
		expect(enable_on(vm.fd, KVM_CAP_MSR_PLATFORM_INFO, !hidden), 0);
		vcpu_long(&vm.cpu[0], g_platform_info, 0);
		vcpu_done(&vm.cpu[0]);
		expect(vm.sh->val[0], hidden ? 13 : -1);
		expect(vm.sh->val[1], hidden ? 0 : 0xff00);
		expect(vm.sh->val[2], 13);
		expect(msr_get(&vm.cpu[0], PLATFORM_INFO), 0xff00);
	}
}

/* A user program that does what can't be emulated: #UD, or user space is told. */
extern const u8 fld_blob[];
asm(".pushsection .rodata\nfld_blob: flds (%rbx)\n.popsection\n");

void t_emulation_exit(void)
{
	for (int on = 0; on < 2; on++) {
		struct vm vm;
		struct kvm_sregs s;
		struct kvm_regs r;
		struct kvm_run *run;

		vm_start(&vm, 1);
		need(&vm, KVM_CAP_EXIT_ON_EMULATION_FAILURE);
		expect(enable_on(vm.fd, KVM_CAP_EXIT_ON_EMULATION_FAILURE, 2), -EINVAL);
		expect(enable_on(vm.fd, KVM_CAP_EXIT_ON_EMULATION_FAILURE, on), 0);
		run = vm.cpu[0].run;
		memcpy(vm.mem + CODE16_AT, fld_blob, 16);
		vcpu_long(&vm.cpu[0], g_spin, 0);
		sregs_get(&vm.cpu[0], &s);
		*(u64 *)(vm.mem + s.tr.base + 4) = STACKS_AT + 0x8000; /* RSP0 */
		s.cs.dpl = s.ss.dpl = 3;
		s.cs.selector = 43;
		s.ss.selector = 35;
		sregs_set(&vm.cpu[0], &s);
		regs_get(&vm.cpu[0], &r);
		r.rip = CODE16_AT;
		r.rbx = MMIO_AT;
		regs_set(&vm.cpu[0], &r);
		if (on) {
			vcpu_run_exit(&vm.cpu[0], KVM_EXIT_INTERNAL_ERROR);
			expect(run->internal.suberror, KVM_INTERNAL_ERROR_EMULATION);
			expect(run->emulation_failure.insn_bytes[0], 0xd9);
		} else {
			vcpu_until(&vm.cpu[0], PORT_FAULT);
			expect(vm.sh->cpu[0].vector, 6);
		}
		vm_end(&vm);
	}
}

void t_quirks(void)
{
	for (int off = 0; off < 2; off++) {
		struct kvm_lapic_state l;
		struct vm vm;

		vm_create(&vm);
		need(&vm, KVM_CAP_DISABLE_QUIRKS2);
		expect_that(check_extension(&vm, KVM_CAP_DISABLE_QUIRKS2) &
			    KVM_X86_QUIRK_LINT0_REENABLED);
		expect(enable_on(vm.fd, KVM_CAP_DISABLE_QUIRKS2, 1ull << 40), -EINVAL);
		expect(enable_on(vm.fd, KVM_CAP_DISABLE_QUIRKS2,
				 off ? KVM_X86_QUIRK_LINT0_REENABLED : 0), 0);
		vm_irqchip(&vm);
		vcpu_create(&vm, 0);
		must(vm.cpu[0].fd, KVM_GET_LAPIC, &l);
		expect(*(u32 *)(l.regs + APIC_LVT0), off ? 0x10000 : 0x700);
		vm_end(&vm);
	}
}
