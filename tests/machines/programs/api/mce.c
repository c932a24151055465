// SPDX-License-Identifier: GPL-2.0-only
/* Machine checks from user space; and what a vCPU that has no nested state says of it. */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>

#include "api.h"

#define CTL_P (1ull << 8)
#define CMCI_P (1ull << 10)
#define SER_P (1ull << 24)
#define VAL (1ull << 63)
#define OVER (1ull << 62)
#define UC (1ull << 61)
#define EN (1ull << 60)
#define MISCV (1ull << 59)
#define ADDRV (1ull << 58)
#define PCC (1ull << 57)
#define MCIP (1ull << 2)
#define RIPV 1ull
#define CR4_MCE 0x40ull
#define BANK(i, reg) (0x400 + 4 * (i) + (reg)) /* CTL, STATUS, ADDR, MISC */
#define CMCI_VECTOR 0x57

static u64 setup(struct vm *vm, u64 wanted)
{
	u64 cap = 0;

	vm_start(vm, 1);
	must(vm->dev, KVM_X86_GET_MCE_CAP_SUPPORTED, &cap);
	cap = (cap & wanted) | 4;
	must(vm->cpu[0].fd, KVM_X86_SETUP_MCE, &cap);
	return cap;
}

static int report(struct vm *vm, u32 bank, u64 status, u64 mcg)
{
	struct kvm_x86_mce mce = {
		.status = status, .addr = 0x1234000, .misc = 0x8c, .mcg_status = mcg, .bank = bank,
	};

	return try(vm->cpu[0].fd, KVM_X86_SET_MCE, &mce);
}

guest void g_mce(u64 arg)
{
	u64 cr4;

	asm volatile("mov %%cr4, %0" : "=r"(cr4));
	asm volatile("mov %0, %%cr4" : : "r"(cr4 | CR4_MCE));
	/* what is wrong comes while the host has control */
	g_expect(g_try("mov %1, %%dx; out %%al, %%dx; nop", "i"(PORT_SYNC)), 18);
	g_expect(this_cpu()->count[18], 1);
	g_expect(g_rdmsr(0x17a), MCIP | RIPV);
	g_expect(g_rdmsr(BANK(2, 1)), VAL | UC | EN | ADDRV | MISCV | 0x134);
	g_expect(g_rdmsr(BANK(2, 2)), 0x1234000);
	g_expect(g_rdmsr(BANK(2, 3)), 0x8c);
	g_wrmsr(BANK(2, 1), 0);
	g_wrmsr(0x17a, 0);
	g_expect(g_try("mov %1, %%dx; out %%al, %%dx; nop", "i"(PORT_SYNC)), -1);
	g_expect(g_rdmsr(BANK(1, 1)), VAL | EN | 0x10);
	/* as in a handler that hasn't ended */
	g_wrmsr(0x17a, MCIP);
	g_out8(PORT_SYNC, 0);
	g_fail("it goes on", 0, 0);
}

void t_mce(void)
{
	struct vm vm;
	u64 error = VAL | UC | EN | ADDRV | MISCV | 0x134;

	setup(&vm, CTL_P | SER_P);
	vcpu_long(&vm.cpu[0], g_mce, 0);
	vcpu_until(&vm.cpu[0], PORT_SYNC);
	expect(report(&vm, 4, error, MCIP | RIPV), -EINVAL); /* no such bank */
	expect(report(&vm, 2, error & ~VAL, MCIP | RIPV), -EINVAL);
	/* reporting isn't all on */
	msr_set(&vm.cpu[0], BANK(3, 0), 0);
	expect(report(&vm, 3, error, MCIP | RIPV), 0);
	expect(msr_get(&vm.cpu[0], BANK(3, 1)), 0);
	expect(report(&vm, 2, error, MCIP | RIPV), 0);
	vcpu_until(&vm.cpu[0], PORT_SYNC);
	/* corrected ones interrupt nobody; the first stays, if it is worse */
	expect(report(&vm, 1, VAL | EN | 0x10, 0), 0);
	vcpu_until(&vm.cpu[0], PORT_SYNC);
	/* one that nobody has used leaves MCG_STATUS alone (KVM's doesn't); one more uncorrected is the end */
	if (is_vintc())
		expect(report(&vm, 3, VAL | UC | EN | 0x80, 0), 0);
	msr_set(&vm.cpu[0], BANK(3, 0), ~0ull);
	expect(report(&vm, 3, VAL | UC | EN | PCC, MCIP), 0);
	vcpu_run_exit(&vm.cpu[0], KVM_EXIT_SHUTDOWN);
}

/* Uncorrected while CR4.MCE is clear: the end. Corrected ones pile up. */
void t_mce_shutdown(void)
{
	struct vm vm;

	setup(&vm, CTL_P | SER_P);
	vcpu_long(&vm.cpu[0], g_spin, 0);
	expect(report(&vm, 1, VAL | EN | 0x10, 0), 0);
	expect(report(&vm, 1, VAL | EN | 0x11, 0), 0);
	expect(msr_get(&vm.cpu[0], BANK(1, 1)), VAL | OVER | EN | 0x11);
	expect(report(&vm, 2, VAL | UC | EN, MCIP), 0);
	vcpu_run_exit(&vm.cpu[0], KVM_EXIT_SHUTDOWN);
	expect(msr_get(&vm.cpu[0], BANK(2, 1)), 0);
}

guest void g_cmci(u64 arg)
{
	g_apic_on(arg);
	g_apic_write(0x2f0, CMCI_VECTOR);
	g_wrmsr(0x280 + 1, 1ull << 30);
	g_sti();
	g_out8(PORT_SYNC, 0);
	g_wait(this_cpu()->count[CMCI_VECTOR] == 1);
	g_expect(g_rdmsr(BANK(1, 1)), VAL | UC | EN | 0x80);
	g_expect(g_rdmsr(BANK(2, 1)), VAL | UC | EN | 0x81);
	g_expect(this_cpu()->count[18], 0);
}

/* Uncorrected, but not used: CMCI where the bank's CTL2 says so. */
void t_cmci(void)
{
	struct vm vm;

	if (!(setup(&vm, CTL_P | SER_P | CMCI_P) & CMCI_P))
		skip("no CMCI on AMD's CPUs");
	vcpu_long(&vm.cpu[0], g_cmci, 0);
	vcpu_until(&vm.cpu[0], PORT_SYNC);
	expect(report(&vm, 2, VAL | UC | EN | 0x81, 0), 0);
	expect(report(&vm, 1, VAL | UC | EN | 0x80, 0), 0);
	vcpu_done(&vm.cpu[0]);
}

/* ---- nested state ---- */

void t_nested_state(void)
{
	static u8 buffer[16384];
	struct kvm_nested_state *st = (void *)buffer;
	struct vm vm;

	vm_start(&vm, 1);
	if (check_extension(&vm, KVM_CAP_NESTED_STATE) <= 0)
		fail("no KVM_CAP_NESTED_STATE");
	st->size = 64;
	expect(try(vm.cpu[0].fd, KVM_GET_NESTED_STATE, st), -E2BIG);
	expect(st->size, sizeof(*st));
	st->size = sizeof(buffer);
	expect(try(vm.cpu[0].fd, KVM_GET_NESTED_STATE, st), 0);
	expect(st->size, sizeof(*st));
	expect(st->format, is_intel() ? KVM_STATE_NESTED_FORMAT_VMX : KVM_STATE_NESTED_FORMAT_SVM);
	expect(try(vm.cpu[0].fd, KVM_SET_NESTED_STATE, st), 0);
	st->size = sizeof(*st) - 1;
	expect(try(vm.cpu[0].fd, KVM_SET_NESTED_STATE, st), -EINVAL);
	st->size = sizeof(*st);
	st->format ^= 1;
	expect(try(vm.cpu[0].fd, KVM_SET_NESTED_STATE, st), -EINVAL);
	st->format ^= 1;
	st->flags |= KVM_STATE_NESTED_GUEST_MODE;
	expect(try(vm.cpu[0].fd, KVM_SET_NESTED_STATE, st), -EINVAL);
}
