// SPDX-License-Identifier: GPL-2.0-only
/* The device itself, statistics, time, threads. */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "api.h"
#include "../../../../uapi/vintc.h"

/* ---- system ---- */

void t_version(void)
{
	struct vm vm;

	vm_create(&vm);
	expect(try(vm.dev, KVM_GET_API_VERSION, NULL), 12);
	expect_that(vm.run_size >= 4096 && vm.run_size % 4096 == 0);
	for (size_t i = 0; i < 4; i++) {
		static const int caps[] = { KVM_CAP_IRQCHIP, KVM_CAP_USER_MEMORY,
					    KVM_CAP_IMMEDIATE_EXIT, KVM_CAP_SIGNAL_MSI };

		expect_that(try(vm.dev, KVM_CHECK_EXTENSION, (void *)(long)caps[i]) > 0);
		expect_that(check_extension(&vm, caps[i]) > 0);
	}
	expect(try(vm.dev, KVM_CHECK_EXTENSION, (void *)999999l), 0);
}

void t_lists(void)
{
	struct {
		struct kvm_msr_list h;
		u32 index[1024];
	} m = { .h.nmsrs = 1 };
	struct kvm_cpuid2 *c;
	struct vm vm;
	u32 n;

	vm_create(&vm);
	expect(try(vm.dev, KVM_GET_MSR_INDEX_LIST, &m), -E2BIG);
	n = m.h.nmsrs;
	expect_that(n > 10 && n < 1024);
	m.index[n] = 0xabcdef;
	expect(try(vm.dev, KVM_GET_MSR_INDEX_LIST, &m), 0);
	expect(m.h.nmsrs, n);
	expect(m.index[n], 0xabcdef);
	for (u32 i = 0; i < n; i++)
		for (u32 k = 0; k < i; k++)
			if (m.index[i] == m.index[k])
				fail("MSR %#x is listed twice", m.index[i]);
	c = cpuid_supported(&vm);
	n = c->nent;
	for (u32 i = 0; i < n; i++)
		for (u32 k = 0; k < i; k++)
			if (c->entries[i].function == c->entries[k].function &&
			    c->entries[i].index == c->entries[k].index)
				fail("CPUID %#x.%u is listed twice", c->entries[i].function,
				     c->entries[i].index);
	c->nent = n - 1;
	expect(try(vm.dev, KVM_GET_SUPPORTED_CPUID, c), -E2BIG);
	c->nent = 1;
	expect(try(vm.dev, KVM_GET_SUPPORTED_CPUID, c), -E2BIG);
	/* leaf 0 is there, whatever is emulated */
	c->nent = n;
	expect(try(vm.dev, KVM_GET_EMULATED_CPUID, c), 0);
	expect_that(c->nent >= 1 && c->entries[0].function == 0);
}

/* ---- the rest ---- */

void t_run_fields(void)
{
	struct vm vm;

	vm_start(&vm, 1);
	vcpu_long(&vm.cpu[0], g_lines, 0);
	vcpu_until(&vm.cpu[0], PORT_SYNC);
	expect(vm.cpu[0].run->if_flag, 0);
	expect(vm.cpu[0].run->apic_base, 0xfee00900);
	expect(vm.cpu[0].run->cr8, 0);
	expect(vm.cpu[0].run->ready_for_interrupt_injection, 1);
	expect(vm.cpu[0].run->flags, 0);
}

guest void g_memory(u64 n)
{
	for (u64 i = 0; i < n; i++)
		*(volatile u64 *)(FREE_AT + i * 4096) += i;
}

void t_memory(void)
{
	struct vm vm;

	vm_start(&vm, 1);
	for (u64 i = 0; i < 512; i++)
		*(u64 *)(vm.mem + FREE_AT + i * 4096) = i << 32;
	vcpu_long(&vm.cpu[0], g_memory, 1024);
	vcpu_done(&vm.cpu[0]);
	for (u64 i = 0; i < 1024; i++)
		expect(*(u64 *)(vm.mem + FREE_AT + i * 4096), (i < 512 ? i << 32 : 0) + i);
}

void t_stats(void)
{
	struct vm vm;
	long before;
	int fd, vfd;

	vm_start(&vm, 1);
	fd = ioctl(vm.cpu[0].fd, KVM_GET_STATS_FD, 0);
	vfd = ioctl(vm.fd, KVM_GET_STATS_FD, 0);
	expect_that(fd >= 0 && vfd >= 0);
	before = stat_read(fd, "exits");
	expect_that(before >= 0);
	vcpu_long(&vm.cpu[0], g_msrs, 0);
	vcpu_done(&vm.cpu[0]);
	expect_that(stat_read(fd, "exits") > before);
	expect_that(stat_read(fd, "io_exits") == 1);
	expect(stat_read(fd, "no_such_counter"), -1);
	/* a statistics fd outlives the others */
	vm_end(&vm);
	expect_that(stat_read(fd, "exits") > before);
	close(fd);
	close(vfd);
}

#define STATS_VECTOR 0x61
#define STALE_US 3000000

guest void g_take_one(u64 arg)
{
	g_apic_on(false);
	g_out8(PORT_SYNC, 0);
	g_sti();
	g_wait(this_cpu()->count[STATS_VECTOR]);
}

/*
 * An interrupt that is pending when user space sets the local APIC is lost, and
 * the one after it has a latency of its own.
 */
void t_vector_stats(void)
{
	struct kvm_msi msi = { .address_lo = 0xfee00000, .data = STATS_VECTOR };
	static struct vintc_vector_stats st;
	struct kvm_lapic_state lapic;
	struct vm vm;
	int fd;

	if (!is_vintc())
		skip("vintc's own");
	vm_start(&vm, 1);
	fd = vm.cpu[0].fd;
	st.reserved = 1;
	expect(try(fd, VINTC_GET_VECTOR_STATS, &st), -EINVAL);
	st.reserved = 0;
	must(fd, VINTC_GET_VECTOR_STATS, &st);
	vcpu_long(&vm.cpu[0], g_take_one, 0);
	vcpu_until(&vm.cpu[0], PORT_SYNC);
	must(fd, KVM_GET_LAPIC, &lapic);
	expect(try(vm.fd, KVM_SIGNAL_MSI, &msi), 1);
	must(fd, KVM_SET_LAPIC, &lapic);
	usleep(STALE_US);
	expect(try(vm.fd, KVM_SIGNAL_MSI, &msi), 1);
	vcpu_done(&vm.cpu[0]);
	must(fd, VINTC_GET_VECTOR_STATS, &st);
	expect(vm.sh->cpu[0].count[STATS_VECTOR], 1);
	expect(st.delivered[STATS_VECTOR], 1);
	expect(st.eoi[STATS_VECTOR], 1);
	expect_that(st.latency_sum_ns[STATS_VECTOR] > 0);
	expect(st.latency_max_ns[STATS_VECTOR], st.latency_sum_ns[STATS_VECTOR]);
	expect_that(st.latency_max_ns[STATS_VECTOR] < STALE_US * 500ull);
}

guest void g_tsc(u64 arg)
{
	u64 a = rdtsc(), b = g_rdmsr(0x10), c = rdtsc();

	g_expect(a <= b, 1);
	g_expect(b <= c, 1);
	SH->val[0] = c;
	g_wrmsr(0x10, 1ull << 50);
	a = rdtsc();
	g_expect(a >> 50, 1);
	g_expect(a - (1ull << 50) < 1ull << 40, 1);
}

void t_tsc(void)
{
	struct vm vm;

	vm_start(&vm, 1);
	vcpu_long(&vm.cpu[0], g_tsc, 0);
	vcpu_done(&vm.cpu[0]);
	expect_that(msr_get(&vm.cpu[0], 0x10) >= 1ull << 50);
}

/* A vCPU runs in one thread at a time, and may change threads. */
guest void g_count(u64 n)
{
	for (u64 i = 0; i < n; i++) {
		SH->val[0]++;
		g_out8(PORT_SYNC, 0);
	}
}

void t_threads(void)
{
	pthread_t t;
	struct vm vm;

	vm_start(&vm, 1);
	vcpu_long(&vm.cpu[0], g_count, 40);
	for (u64 i = 1; i <= 40; i++) {
		pin_to(i % host_cpus());
		pthread_create(&t, NULL, run_thread, &vm.cpu[0]);
		pthread_join(t, NULL);
		expect(vm.sh->val[0], i);
	}
	vcpu_done(&vm.cpu[0]);
}
