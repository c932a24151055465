// SPDX-License-Identifier: GPL-2.0-only
/* VINTC_SET_POLICY: what a VM does where there is a choice. */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "api.h"
#include "../../../../uapi/vintc.h"

static long set(struct vm *vm, u32 policy, u64 value)
{
	struct vintc_policy p = { .policy = policy, .value = value };

	return try(vm->fd, VINTC_SET_POLICY, &p);
}

static u64 get(struct vm *vm, u32 policy)
{
	struct vintc_policy p = { .policy = policy };

	must(vm->fd, VINTC_GET_POLICY, &p);
	return p.value;
}

/* Deadlines that come while the guest runs, and while it halts. */
guest void g_deadlines(u64 n)
{
	struct gcpu *c = this_cpu();

	g_apic_on(false);
	g_apic_write(APIC_LVTT, 2 << 17 | 0x43);
	for (u64 i = 0; i < n; i++) {
		u64 t = rdtsc() + 1000000;

		g_wrmsr(0x6e0, t);
		while (c->count[0x43] == i) {
			g_sti();
			cpu_relax();
			g_cli();
		}
		g_expect(c->stamp >= t, 1);
	}
	g_wrmsr(0x6e0, rdtsc() + 1000000);
	/* where HLT doesn't exit, an interrupt of the host's ends it on Bochs' VMX CPU */
	while (c->count[0x43] == n) {
		g_sti_hlt();
		g_cli();
	}
	/* disarmed in time: nothing comes of it */
	g_wrmsr(0x6e0, rdtsc() + 1000000);
	g_wrmsr(0x6e0, 0);
	g_out8(PORT_SYNC, 0);
	for (u64 t = rdtsc() + 3000000; rdtsc() < t;)
		cpu_relax();
	g_out8(PORT_SYNC, 0);
	g_expect(c->count[0x43], n + 1);
}

/* Who watches a deadline makes no difference to the guest, and is counted. */
void t_policy_deadline(void)
{
	const long n = 20;

	if (!is_vintc())
		skip("vintc's own");
	for (int round = 0; round < 4; round++) {
		struct kvm_enable_cap cap = { .cap = KVM_CAP_X86_DISABLE_EXITS,
					      .args = { KVM_X86_DISABLE_EXITS_HLT } };
		bool host = round & 1, halts = !(round & 2), hardware;
		struct vintc_info info = {};
		struct vm vm;
		long before;
		int stats;

		vm_create(&vm);
		vm_irqchip(&vm);
		vm_memory(&vm, NULL);
		if (!halts)
			must(vm.fd, KVM_ENABLE_CAP, &cap);
		vcpu_create(&vm, 0);
		must(vm.dev, VINTC_GET_INFO, &info);
		hardware = !host && (info.used & VINTC_FEATURE_PREEMPTION_TIMER);
		expect(set(&vm, VINTC_POLICY_DEADLINE, host), 0);
		stats = ioctl(vm.cpu[0].fd, KVM_GET_STATS_FD, 0);
		vcpu_long(&vm.cpu[0], g_deadlines, n);
		vcpu_until(&vm.cpu[0], PORT_SYNC);
		/* where HLT exits, the one then is the host's, or has come before that */
		before = stat_read(stats, "deadline_exits");
		expect(before >= (hardware ? n + !halts : 0) &&
		       before <= (hardware ? n + 1 : 0), 1);
		vcpu_until(&vm.cpu[0], PORT_SYNC);
		expect(stat_read(stats, "deadline_exits"), before);
		vcpu_done(&vm.cpu[0]);
		close(stats);
		vm_end(&vm);
	}
}

void t_policy_input(void)
{
	static const u64 defaults[VINTC_POLICIES] = {
		[VINTC_POLICY_IOAPIC_VERSION] = 0x11,
		[VINTC_POLICY_TIMER_MIN_NS] = 200000,
		[VINTC_POLICY_LEVEL_STORM] = 10000,
	};
	struct vintc_policy p = { .policy = VINTC_POLICIES };
	struct vm vm;

	if (!is_vintc())
		skip("vintc's own");
	vm_create(&vm);
	for (u32 i = 0; i < VINTC_POLICIES; i++) {
		expect(get(&vm, i), defaults[i]);
		expect(set(&vm, i, 1ull << 40), -EINVAL);
		expect(get(&vm, i), defaults[i]);
		expect(set(&vm, i, defaults[i]), 0);
	}
	expect(try(vm.fd, VINTC_GET_POLICY, &p), -EINVAL);
	expect(try(vm.fd, VINTC_SET_POLICY, &p), -EINVAL);
	expect(try(vm.fd, VINTC_SET_POLICY, (void *)8), -EFAULT);
	p = (struct vintc_policy){ .flags = 1 };
	expect(try(vm.fd, VINTC_SET_POLICY, &p), -EINVAL);
	p = (struct vintc_policy){ .reserved[1] = 1 };
	expect(try(vm.fd, VINTC_GET_POLICY, &p), -EINVAL);
	p = (struct vintc_policy){ .value = 1 };
	expect(try(vm.fd, VINTC_GET_POLICY, &p), -EINVAL);
	expect(set(&vm, VINTC_POLICY_IOAPIC_VERSION, 0x12), -EINVAL);
	expect(set(&vm, VINTC_POLICY_TIMER_MIN_NS, 50000), 0);
	vm_irqchip(&vm);
	vm_memory(&vm, NULL);
	vcpu_create(&vm, 0);
	expect(set(&vm, VINTC_POLICY_TIMER_MIN_NS, 1), -EBUSY);
	expect(get(&vm, VINTC_POLICY_TIMER_MIN_NS), 50000);
	expect(set(&vm, VINTC_POLICY_STALE_EOI, VINTC_STALE_EOI_KEPT), 0);
}

guest void g_policy(u64 arg)
{
	g_apic_on(false);
	SH->ready++;
	for (;;) {
		g_sti();
		asm volatile("nop; nop; nop");
		g_cli();
		g_out8(PORT_SYNC, 0);
	}
}

/* Lowest priority to both: by vector, or always the first. */
void t_policy_lowest(void)
{
	struct kvm_msi m = { .address_lo = 0xfee03004 };
	struct vm vm;
	u64 before;

	if (!is_vintc())
		skip("vintc's own");
	vm_start(&vm, 2);
	for (int i = 0; i < 2; i++) {
		vcpu_long(&vm.cpu[i], g_policy, 0);
		must(vm.cpu[i].fd, KVM_SET_MP_STATE, &(struct kvm_mp_state){ 0 });
		vcpu_until(&vm.cpu[i], PORT_SYNC);
	}
	for (int round = 0; round < 2; round++) {
		expect(set(&vm, VINTC_POLICY_LOWEST_PRIORITY,
			   round ? VINTC_LOWEST_FIRST : VINTC_LOWEST_BY_VECTOR), 0);
		before = vm.sh->cpu[0].count[0x41];
		for (u32 v = 0x40; v < 0x48; v++) {
			m.data = 1 << 8 | v;
			expect(try(vm.fd, KVM_SIGNAL_MSI, &m), 1);
		}
		for (int n = 0; n < 2; n++)
			for (int i = 0; i < 2; i++)
				vcpu_until(&vm.cpu[i], PORT_SYNC);
		expect(vm.sh->cpu[0].count[0x41] - before, round);
		expect(vm.sh->cpu[1].count[0x41], 1);
	}
}

guest void g_ioapic_eoi(u64 vector)
{
	for (;;) {
		g_write32(IOAPIC_AT, 1);
		SH->val[0] = g_read32(IOAPIC_AT + 0x10);
		g_write32(IOAPIC_AT + 0x40, vector);
		g_out8(PORT_SYNC, 0);
	}
}

/* Version 0x20: the EOI register ends a level interrupt that has remote IRR. */
void t_policy_ioapic(void)
{
	union rte e = { .fields = { .vector = 0x66, .trig_mode = 1 } };
	struct vm vm;

	if (!is_vintc())
		skip("vintc's own");
	vm_start(&vm, 1);
	vcpu_long(&vm.cpu[0], g_policy, 0);
	vcpu_until(&vm.cpu[0], PORT_SYNC);
	vm.sh->cpu[0].no_eoi[0x66] = true;
	ioapic_set(&vm, 16, &e);
	expect(irq_line(&vm, 16, 1), 1);
	vcpu_until(&vm.cpu[0], PORT_SYNC);
	expect(vm.sh->cpu[0].count[0x66], 1);
	expect(ioapic_get(&vm, 16), e.bits | 1 << 14);
	expect(irq_line(&vm, 16, 0), 1);
	/* the guest reads the version and writes the register */
	vcpu_long(&vm.cpu[0], g_ioapic_eoi, 0x66);
	vcpu_until(&vm.cpu[0], PORT_SYNC);
	expect(vm.sh->val[0], 0x170011);
	expect(ioapic_get(&vm, 16), e.bits | 1 << 14); /* there is none in 0x11 */
	expect(set(&vm, VINTC_POLICY_IOAPIC_VERSION, 0x20), 0);
	vcpu_until(&vm.cpu[0], PORT_SYNC);
	expect(vm.sh->val[0], 0x170020);
	expect(ioapic_get(&vm, 16), e.bits);
}

/* Posting to a vCPU that has been told kicks it once more, or doesn't. */
void t_policy_notify(void)
{
	struct kvm_msi m = { .address_lo = 0xfee00000 };
	struct vm vm;

	if (!is_vintc())
		skip("vintc's own");
	vm_start(&vm, 1);
	vcpu_long(&vm.cpu[0], g_policy, 0);
	vcpu_until(&vm.cpu[0], PORT_SYNC);
	for (int round = 0; round < 2; round++) {
		expect(set(&vm, VINTC_POLICY_POST_NOTIFY, round), 0);
		for (u32 v = 0x50; v < 0x58; v++) {
			m.data = v;
			expect(try(vm.fd, KVM_SIGNAL_MSI, &m), 1);
		}
		for (int n = 0; n < 3; n++)
			vcpu_until(&vm.cpu[0], PORT_SYNC);
		for (u32 v = 0x50; v < 0x58; v++)
			expect(vm.sh->cpu[0].count[v], round + 1);
	}
}

static u64 inhibits(struct vm *vm)
{
	struct vintc_inhibits in = { .flags = 0 };

	must(vm->fd, VINTC_GET_INHIBITS, &in);
	/* These count everywhere. */
	expect(in.matter & 7, 7);
	return in.reasons;
}

/* The mask follows what is configured, whether the machine can accelerate or not. */
void t_inhibits(void)
{
	struct vintc_inhibits in = { .flags = 1 };
	struct vm vm;

	if (!is_vintc())
		skip("vintc's own");
	vm_create(&vm);
	expect(inhibits(&vm) & VINTC_INHIBIT_NO_IRQCHIP, VINTC_INHIBIT_NO_IRQCHIP);
	vm_irqchip(&vm);
	expect(inhibits(&vm) & ~VINTC_INHIBIT_UNSUPPORTED, 0);
	expect(set(&vm, VINTC_POLICY_ACCELERATION, VINTC_ACCELERATION_OFF), 0);
	expect(inhibits(&vm) & ~VINTC_INHIBIT_UNSUPPORTED, VINTC_INHIBIT_POLICY);
	expect(set(&vm, VINTC_POLICY_ACCELERATION, 2), -EINVAL);
	expect(set(&vm, VINTC_POLICY_ACCELERATION, VINTC_ACCELERATION_AUTO), 0);
	expect(inhibits(&vm) & ~VINTC_INHIBIT_UNSUPPORTED, 0);
	expect(try(vm.fd, VINTC_GET_INHIBITS, &in), -EINVAL);
	in = (struct vintc_inhibits){ .reserved[4] = 1 };
	expect(try(vm.fd, VINTC_GET_INHIBITS, &in), -EINVAL);
	expect(try(vm.fd, VINTC_GET_INHIBITS, (void *)8), -EFAULT);
}
