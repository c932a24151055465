// SPDX-License-Identifier: GPL-2.0-only
/* MSRs that user space filters, and accesses that it answers itself. */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "api.h"

#define FS_BASE 0xc0000100
#define STAR 0xc0000081
#define LSTAR 0xc0000082
#define EFER 0xc0000080
#define NOBODYS 0x4b4f4f00
#define X2APIC_TPR 0x808

static u8 none[8];

/* FS_BASE read; STAR, LSTAR written; the x2APIC's, which no filter reaches */
static struct kvm_msr_filter filter = {
	.flags = KVM_MSR_FILTER_DEFAULT_ALLOW,
	.ranges = {
		{ KVM_MSR_FILTER_READ, 1, FS_BASE, none },
		{ KVM_MSR_FILTER_WRITE, 2, STAR, none },
		{ KVM_MSR_FILTER_READ | KVM_MSR_FILTER_WRITE, 64, 0x800, none },
	},
};

static void user_msrs(struct vm *vm, u64 reasons)
{
	struct kvm_enable_cap cap = { .cap = KVM_CAP_X86_USER_SPACE_MSR, .args = { reasons } };

	must(vm->fd, KVM_ENABLE_CAP, &cap);
}

/* Vectors and values of the same accesses: refused, answered, and without a filter. */
guest void g_msr_filter(u64 arg)
{
	u64 v;

	g_apic_on(true);
	for (int round = 0; round < 3; round++) {
		volatile u64 *val = SH->val + round * 16;

		val[0] = g_wrmsr_try(FS_BASE, 0x1000 + round);
		v = 0;
		val[1] = g_rdmsr_try(FS_BASE, &v);
		val[2] = v;
		val[3] = g_wrmsr_try(STAR, 0x2000 + round);
		v = 0;
		val[4] = g_rdmsr_try(STAR, &v);
		val[5] = v;
		val[6] = g_wrmsr_try(LSTAR, 0x3000 + round);
		val[7] = g_wrmsr_try(X2APIC_TPR, 0x10);
		v = 0;
		val[8] = g_rdmsr_try(NOBODYS, &v);
		val[9] = v;
		val[10] = g_wrmsr_try(EFER, 1ull << 63);
		g_out8(PORT_SYNC, round);
	}
}

static struct kvm_run *msr_exit(struct vcpu *cpu, bool write, u32 msr, u32 reason)
{
	struct kvm_run *run = cpu->run;

	vcpu_run_exit(cpu, write ? KVM_EXIT_X86_WRMSR : KVM_EXIT_X86_RDMSR);
	expect(run->msr.index, msr);
	expect(run->msr.reason, reason);
	expect(run->msr.error, 0);
	return run;
}

static void msr_round(struct vm *vm, int round, const u64 *want)
{
	vcpu_until(&vm->cpu[0], PORT_SYNC);
	for (int i = 0; i <= 10; i++)
		if (vm->sh->val[round * 16 + i] != want[i])
			fail("round %d, value %d: %#llx, not %#llx", round, i,
			     (long long)vm->sh->val[round * 16 + i], (long long)want[i]);
}

void t_msr_filter(void)
{
	static const u64 refused[] = { -1, 13, 0, 13, -1, 0, 13, -1, 13, 0, 13 };
	static const u64 answered[] = { -1, -1, 0x1122334455667788, -1, -1, 0, 13, -1,
					-1, 0xfedcba9876543210, -1 };
	static const u64 open[] = { -1, -1, 0x1002, -1, -1, 0x2002, -1, -1, 13, 0, 13 };
	struct vcpu *cpu;
	struct kvm_run *run;
	struct vm vm;

	vm_start(&vm, 1);
	if (check_extension(&vm, KVM_CAP_X86_USER_SPACE_MSR) <= 0 ||
	    check_extension(&vm, KVM_CAP_X86_MSR_FILTER) <= 0)
		skip("no filter");
	cpu = &vm.cpu[0];
	must(vm.fd, KVM_X86_SET_MSR_FILTER, &filter);
	vcpu_long(cpu, g_msr_filter, 0);
	msr_round(&vm, 0, refused);

	user_msrs(&vm, KVM_MSR_EXIT_REASON_FILTER | KVM_MSR_EXIT_REASON_UNKNOWN |
			   KVM_MSR_EXIT_REASON_INVAL);
	run = msr_exit(cpu, false, FS_BASE, KVM_MSR_EXIT_REASON_FILTER);
	run->msr.data = 0x1122334455667788;
	run = msr_exit(cpu, true, STAR, KVM_MSR_EXIT_REASON_FILTER);
	expect(run->msr.data, 0x2001);
	run = msr_exit(cpu, true, LSTAR, KVM_MSR_EXIT_REASON_FILTER);
	expect(run->msr.data, 0x3001);
	run->msr.error = 1; /* it is cleared for the next one */
	run = msr_exit(cpu, false, NOBODYS, KVM_MSR_EXIT_REASON_UNKNOWN);
	run->msr.data = 0xfedcba9876543210;
	/* completed, and no more than that */
	run->immediate_exit = 1;
	expect(vcpu_run(cpu), -EINTR);
	run->immediate_exit = 0;
	run->msr.data = 0;
	run = msr_exit(cpu, true, EFER, KVM_MSR_EXIT_REASON_INVAL);
	expect(run->msr.data, 1ull << 63);
	msr_round(&vm, 1, answered);

	user_msrs(&vm, 0);
	must(vm.fd, KVM_X86_SET_MSR_FILTER, &(struct kvm_msr_filter){});
	msr_round(&vm, 2, open);
	vcpu_done(cpu);
	/* user space itself is not filtered */
	must(vm.fd, KVM_X86_SET_MSR_FILTER, &filter);
	expect(msr_set(cpu, LSTAR, 0x5000), 1);
	expect(msr_get(cpu, LSTAR), 0x5000);
}

void t_msr_filter_input(void)
{
	struct kvm_enable_cap cap = { .cap = KVM_CAP_X86_USER_SPACE_MSR, .args = { 8 } };
	struct kvm_msr_filter f = filter;
	struct vm vm;

	vm_start(&vm, 1);
	if (check_extension(&vm, KVM_CAP_X86_MSR_FILTER) <= 0)
		skip("no filter");
	expect(try(vm.fd, KVM_ENABLE_CAP, &cap), -EINVAL);
	f.flags = 2;
	expect(try(vm.fd, KVM_X86_SET_MSR_FILTER, &f), -EINVAL);
	f = filter;
	f.ranges[2].flags = 4;
	expect(try(vm.fd, KVM_X86_SET_MSR_FILTER, &f), -EINVAL);
	f = filter;
	f.ranges[2].nmsrs = KVM_MSR_FILTER_MAX_BITMAP_SIZE * 8 + 1;
	expect(try(vm.fd, KVM_X86_SET_MSR_FILTER, &f), -EINVAL);
	f.ranges[2].nmsrs = ~0u;
	expect(try(vm.fd, KVM_X86_SET_MSR_FILTER, &f), -EINVAL);
	f = filter;
	f.ranges[2].bitmap = (void *)8;
	expect(try(vm.fd, KVM_X86_SET_MSR_FILTER, &f), -EFAULT);
	f = (struct kvm_msr_filter){ .flags = KVM_MSR_FILTER_DEFAULT_DENY };
	expect(try(vm.fd, KVM_X86_SET_MSR_FILTER, &f), -EINVAL);
	expect(try(vm.fd, KVM_X86_SET_MSR_FILTER, (void *)8), -EFAULT);
	if (is_vintc()) { /* KVM: such a range never ends */
		f = filter;
		f.ranges[1].base = ~0u;
		expect(try(vm.fd, KVM_X86_SET_MSR_FILTER, &f), -EINVAL);
	}
}

/* A filter changes all the time while a guest runs: each access meets an old or a new one. */
guest void g_msr_switch(u64 arg)
{
	u64 v, refused = 0, done = 0;

	while (!SH->stop) {
		int vector = g_rdmsr_try(STAR, &v);

		if (vector == 13) {
			refused++;
			continue;
		}
		g_expect(vector, -1);
		g_expect(v, 0x1234);
		done++;
	}
	SH->val[0] = refused;
	SH->val[1] = done;
}

void t_msr_filter_switch(void)
{
	struct kvm_msr_filter f = { .ranges = { { KVM_MSR_FILTER_READ, 1, STAR, none } } };
	pthread_t t;
	struct vm vm;

	vm_start(&vm, 1);
	if (check_extension(&vm, KVM_CAP_X86_MSR_FILTER) <= 0)
		skip("no filter");
	expect(msr_set(&vm.cpu[0], STAR, 0x1234), 1);
	vcpu_long(&vm.cpu[0], g_msr_switch, 0);
	pthread_create(&t, NULL, vcpu_thread, &vm.cpu[0]);
	for (int i = 0; i < 200; i++) {
		f.ranges[0].nmsrs = i & 1;
		must(vm.fd, KVM_X86_SET_MSR_FILTER, &f);
		usleep(1000);
	}
	vm.sh->stop = 1;
	pthread_join(t, NULL);
	expect_that(vm.sh->val[0] && vm.sh->val[1]);
}
