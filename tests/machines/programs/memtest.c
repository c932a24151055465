// SPDX-License-Identifier: GPL-2.0-only
/*
 * Guest memory is the VMM's memory, whatever the VMM and its host do with it:
 *
 *	[DEV=/dev/vintc] memtest [TEST]...
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vm.h"

#define EXTRA_AT 0x20000000ul /* slot 1 */
#define EXTRA (4ul << 20)
#define PAGES (EXTRA / 4096)

/* ---- guest ---- */

guest void g_write(u64 base)
{
	for (u64 i = 0; i < SH->arg[1]; i++)
		*(volatile u64 *)(SH->arg[0] + i * 4096) = base + i;
}

guest void g_check(u64 base)
{
	for (u64 i = 0; i < SH->arg[1]; i++) {
		SH->val[1] = i;
		g_expect(*(volatile u64 *)(SH->arg[0] + i * 4096), base ? base + i : 0);
	}
}

guest void g_watch(u64 value)
{
	volatile u64 *p = (u64 *)SH->arg[0];

	while (*p != value)
		SH->ready++;
}

/* Write all over, for as long as the host wants. */
guest void g_churn(u64 arg)
{
	while (!SH->stop)
		for (u64 i = 0; i < SH->arg[1]; i++) {
			volatile u64 *p = (u64 *)(SH->arg[0] + i * 4096);

			p[1] = i;
			g_expect(p[1] == i || p[1] == 0, 1); /* 0: taken away meanwhile */
			SH->ready++;
		}
}

/* Every page counts the rounds: a write that is lost shows in the next. */
guest void g_rounds(u64 arg)
{
	for (u64 r = 0; !SH->stop; r++)
		for (u64 i = 0; i < SH->arg[1]; i++) {
			volatile u64 *p = (u64 *)(SH->arg[0] + i * 4096);

			g_expect(*p, r);
			*p = r + 1;
			SH->ready = r;
		}
}

/* ---- host ---- */

static void set_slot(struct vm *vm, u64 gpa, u64 size, void *p, u32 flags)
{
	struct kvm_userspace_memory_region r = {
		.slot = 1, .flags = flags, .guest_phys_addr = gpa, .memory_size = size,
		.userspace_addr = (u64)p,
	};

	must(vm->fd, KVM_SET_USER_MEMORY_REGION, &r);
}

static u8 *map(u64 size, int flags, int fd)
{
	u8 *p = mmap(NULL, size, PROT_READ | PROT_WRITE, flags, fd, 0);

	if (p == MAP_FAILED)
		fail("mmap: %s", strerror(errno));
	return p;
}

static u8 *start(struct vm *vm)
{
	u8 *p = map(EXTRA, MAP_PRIVATE | MAP_ANONYMOUS, -1);

	vm_start(vm, 1);
	set_slot(vm, EXTRA_AT, EXTRA, p, 0);
	return p;
}

static void prepare(struct vm *vm, guest_fn fn, u64 gpa, u64 pages, u64 value)
{
	vm->sh->arg[0] = gpa;
	vm->sh->arg[1] = pages;
	/* KVM_RUN completes a port's exit first */
	vm->cpu[0].run->immediate_exit = 1;
	vcpu_run(&vm->cpu[0]);
	vm->cpu[0].run->immediate_exit = 0;
	vcpu_long(&vm->cpu[0], fn, value);
}

static void run(struct vm *vm, guest_fn fn, u64 gpa, u64 pages, u64 value)
{
	prepare(vm, fn, gpa, pages, value);
	vcpu_done(&vm->cpu[0]);
}

#define WRITE(value) run(&vm, g_write, EXTRA_AT, PAGES, value)
#define CHECK(value) run(&vm, g_check, EXTRA_AT, PAGES, value)
#define PAGE(i) (*(volatile u64 *)(p + (u64)(i) * 4096))

static u64 resident(u8 *p, u64 pages)
{
	unsigned char v[PAGES];
	u64 n = 0;

	mincore(p, pages * 4096, v);
	for (u64 i = 0; i < pages; i++)
		n += v[i] & 1;
	return n;
}

static void t_demand(void)
{
	struct vm vm;
	u8 *p = start(&vm);

	madvise(p, EXTRA, MADV_NOHUGEPAGE);
	expect(resident(p, PAGES), 0);
	run(&vm, g_write, EXTRA_AT + 4096 * 10, 20, 0x100);
	expect(resident(p, PAGES), 20);
	expect(PAGE(29), 0x113);
	run(&vm, g_check, EXTRA_AT + 4096 * 100, 20, 0); /* reading */
	expect_that(resident(p, PAGES) <= 40);
}

static void t_dontneed(void)
{
	struct vm vm;
	u8 *p = start(&vm);

	for (int i = 1; i < 6; i++) {
		WRITE(i << 20);
		expect(PAGE(PAGES - 1), (i << 20) + PAGES - 1);
		madvise(p, EXTRA, MADV_DONTNEED);
		CHECK(0);
		PAGE(7) = 77;
		run(&vm, g_check, EXTRA_AT + 7 * 4096, 1, 77);
	}
}

static void t_remap(void)
{
	struct vm vm;
	u8 *p = start(&vm), *q;

	WRITE(0x1000);
	q = mmap(p, EXTRA, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	expect(q == p, 1);
	CHECK(0);
	WRITE(0x2000);
	/* moved away, and other memory in its place */
	q = mremap(p, EXTRA, EXTRA, MREMAP_MAYMOVE | MREMAP_FIXED, p + (1ul << 32));
	expect(q == p + (1ul << 32), 1);
	mmap(p, EXTRA, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	WRITE(0x3000);
	for (u64 i = 0; i < PAGES; i++)
		expect(*(u64 *)(q + i * 4096), 0x2000 + i);
	CHECK(0x3000);
}

static void t_unmapped(void)
{
	struct vm vm;
	u8 *p = start(&vm);

	WRITE(0x1000);
	munmap(p, EXTRA);
	prepare(&vm, g_check, EXTRA_AT, PAGES, 0x1000);
	expect(vcpu_run(&vm.cpu[0]), -EFAULT);
	expect(vcpu_run(&vm.cpu[0]), -EFAULT);
	mmap(p, EXTRA, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	for (u64 i = 0; i < PAGES; i++)
		PAGE(i) = 0x1000 + i;
	vcpu_done(&vm.cpu[0]); /* it goes on where it was */
}

static void t_mprotect(void)
{
	struct vm vm;
	u8 *p = start(&vm);

	WRITE(0x1000);
	mprotect(p, EXTRA, PROT_READ);
	CHECK(0x1000);
	prepare(&vm, g_write, EXTRA_AT, PAGES, 0x5000);
	expect(vcpu_run(&vm.cpu[0]), -EFAULT);
	expect(PAGE(0), 0x1000);
	mprotect(p, EXTRA, PROT_READ | PROT_WRITE);
	vcpu_done(&vm.cpu[0]);
	expect(PAGE(PAGES - 1), 0x5000 + PAGES - 1);
	mprotect(p, EXTRA, PROT_NONE);
	prepare(&vm, g_check, EXTRA_AT, PAGES, 0x5000);
	expect(vcpu_run(&vm.cpu[0]), -EFAULT);
	mprotect(p, EXTRA, PROT_READ);
	vcpu_done(&vm.cpu[0]);
}

/* The guest's writes are the parent's alone, and the child's the child's. */
static void t_fork(void)
{
	struct vm vm;
	u8 *p = start(&vm);
	int pipes[2][2], status;
	pid_t pid;
	char c;

	WRITE(0x1000);
	expect(pipe(pipes[0]) + pipe(pipes[1]), 0);
	pid = fork();
	if (!pid) {
		int bad = 0;

		if (read(pipes[0][0], &c, 1) != 1)
			_exit(9);
		for (u64 i = 0; i < PAGES; i++)
			bad |= PAGE(i) != 0x1000 + i;
		for (u64 i = 0; i < PAGES; i++)
			PAGE(i) = 0x9000;
		_exit(bad);
	}
	WRITE(0x2000);
	for (u64 i = 0; i < PAGES; i++)
		expect(PAGE(i), 0x2000 + i);
	expect(write(pipes[0][1], "x", 1), 1);
	waitpid(pid, &status, 0);
	expect(status, 0);
	CHECK(0x2000);
	/* the other way: the child writes first */
	pid = fork();
	if (!pid) {
		for (u64 i = 0; i < PAGES; i++)
			PAGE(i) = 0x9000;
		_exit(0);
	}
	waitpid(pid, &status, 0);
	CHECK(0x2000);
	PAGE(5) = 0x1234;
	run(&vm, g_check, EXTRA_AT + 5 * 4096, 1, 0x1234);
}

static void t_memfd(void)
{
	int fd = memfd_create("guest", 0);
	struct vm vm;
	u8 *p, *q;

	expect(ftruncate(fd, EXTRA), 0);
	p = map(EXTRA, MAP_SHARED, fd);
	q = map(EXTRA, MAP_SHARED, fd);
	vm_start(&vm, 1);
	set_slot(&vm, EXTRA_AT, EXTRA, p, 0);
	WRITE(0x1000);
	for (u64 i = 0; i < PAGES; i++)
		expect(*(u64 *)(q + i * 4096), 0x1000 + i);
	*(u64 *)(q + 3 * 4096) = 0x77;
	run(&vm, g_check, EXTRA_AT + 3 * 4096, 1, 0x77);
	expect(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, EXTRA), 0);
	CHECK(0);
	WRITE(0x2000);
	expect(*(u64 *)(q + 9 * 4096), 0x2009);
	/* behind the file's end there is nothing */
	expect(ftruncate(fd, EXTRA / 2), 0);
	prepare(&vm, g_check, EXTRA_AT, PAGES, 0x2000);
	expect(vcpu_run(&vm.cpu[0]), -EFAULT);
}

static void put(const char *file, const char *text)
{
	int fd = open(file, O_WRONLY);

	if (fd >= 0 && write(fd, text, strlen(text)) < 0)
		printf("# %s: %s\n", file, strerror(errno));
	if (fd >= 0)
		close(fd);
}

static long number(const char *file)
{
	FILE *f = fopen(file, "r");
	long v = -1;

	if (f && fscanf(f, "%ld", &v) != 1)
		v = -1;
	if (f)
		fclose(f);
	return v;
}

static u8 *aligned(u64 size)
{
	u8 *p = map(size + (2 << 20), MAP_PRIVATE | MAP_ANONYMOUS, -1);

	return (u8 *)(((u64)p + (2 << 20) - 1) & ~((2ul << 20) - 1));
}

/* Large pages are mapped large where the VM says how it maps, and split when they are. */
static void large(struct vm *vmp, u8 *p)
{
	struct vm vm = *vmp;
	int fd = ioctl(vm.fd, KVM_GET_STATS_FD, 0);

	set_slot(&vm, EXTRA_AT, EXTRA, p, 0);
	WRITE(0x1000);
	expect(stat_read(fd, "pages_2m"), EXTRA >> 21);
	expect(PAGE(600), 0x1000 + 600);
	CHECK(0x1000);
}

static void t_thp(void)
{
	u8 *p = aligned(EXTRA);
	struct vm vm;

	put("/sys/kernel/mm/transparent_hugepage/enabled", "madvise");
	madvise(p, EXTRA, MADV_HUGEPAGE);
	for (u64 i = 0; i < EXTRA; i += 2 << 20)
		p[i] = 1;
	vm_start(&vm, 1);
	large(&vm, p);
	/* a page out of the middle: the rest stays */
	madvise(p + 4096 * 100, 4096, MADV_DONTNEED);
	run(&vm, g_check, EXTRA_AT + 4096 * 100, 1, 0);
	run(&vm, g_check, EXTRA_AT, 100, 0x1000);
	run(&vm, g_check, EXTRA_AT + 4096 * 101, PAGES - 101, 0x1000 + 101);
	mprotect(p + 4096 * 200, 4096, PROT_READ);
	prepare(&vm, g_write, EXTRA_AT + 4096 * 200, 1, 0x99);
	expect(vcpu_run(&vm.cpu[0]), -EFAULT);
	expect(PAGE(200), 0x1000 + 200);
}

static void t_hugetlb(void)
{
	struct vm vm;
	u8 *p;

	put("/proc/sys/vm/nr_hugepages", "4");
	p = mmap(NULL, EXTRA, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
	if (p == MAP_FAILED)
		skip("no huge pages to be had: %s", strerror(errno));
	vm_start(&vm, 1);
	large(&vm, p);
	munmap(p, EXTRA);
	prepare(&vm, g_check, EXTRA_AT, PAGES, 0x1000);
	expect(vcpu_run(&vm.cpu[0]), -EFAULT);
	put("/proc/sys/vm/nr_hugepages", "0");
}

static void t_ksm(void)
{
	struct vm vm;
	u8 *p = start(&vm);
	long shared = 0;

	if (number("/sys/kernel/mm/ksm/run") < 0)
		skip("no KSM");
	for (u64 i = 0; i < EXTRA; i++)
		p[i] = i % 4096 * 7;
	run(&vm, g_check, EXTRA_AT, 1, PAGE(0)); /* it is mapped for the guest */
	madvise(p, EXTRA, MADV_MERGEABLE);
	put("/sys/kernel/mm/ksm/pages_to_scan", "5000");
	put("/sys/kernel/mm/ksm/sleep_millisecs", "10");
	put("/sys/kernel/mm/ksm/run", "1");
	for (int i = 0; i < 200 && shared < (long)PAGES / 2; i++) {
		usleep(50000);
		shared = number("/sys/kernel/mm/ksm/pages_sharing");
	}
	printf("# %ld pages shared\n", shared);
	expect_that(shared >= (long)PAGES / 2);
	run(&vm, g_write, EXTRA_AT + 4096 * 5, 1, 0x5555);
	expect(PAGE(5), 0x5555);
	expect(PAGE(4), PAGE(6));
	expect_that(PAGE(4) != 0x5555);
	WRITE(0x1000);
	for (u64 i = 0; i < PAGES; i++)
		expect(PAGE(i), 0x1000 + i);
	put("/sys/kernel/mm/ksm/run", "2");
}

#ifndef MADV_PAGEOUT
#define MADV_PAGEOUT 21
#endif

static bool have_swap(void)
{
	FILE *f = fopen("/proc/swaps", "r");
	char line[200];
	int n = 0;

	while (f && fgets(line, sizeof(line), f))
		n++;
	if (f)
		fclose(f);
	return n > 1;
}

/* Out, mostly: what is still being written goes with the next attempt. */
static void page_out(u8 *p)
{
	for (int i = 0; i < 50 && resident(p, PAGES) > PAGES / 2; i++) {
		if (madvise(p, EXTRA, MADV_PAGEOUT))
			fail("MADV_PAGEOUT: %s", strerror(errno));
		usleep(10000);
	}
	expect_that(resident(p, PAGES) <= PAGES / 2);
}

static void t_pageout(void)
{
	struct vm vm;
	u8 *p;

	if (!have_swap())
		skip("no swap here");
	p = start(&vm);
	WRITE(0x1000);
	page_out(p);
	CHECK(0x1000);
	page_out(p);
	WRITE(0x2000);
	expect(PAGE(9), 0x2009);
	/* read in, so clean and in the swap cache as well; then written by the guest alone */
	page_out(p);
	CHECK(0x2000);
	WRITE(0x3000);
	page_out(p);
	CHECK(0x3000);
	for (u64 i = 0; i < PAGES; i++)
		expect(PAGE(i), 0x3000 + i);
}

/* The guest writes meanwhile. */
static void t_pageout_running(void)
{
	pthread_t t;
	struct vm vm;
	u64 rounds = 0, out = 0;
	u8 *p;

	if (!have_swap())
		skip("no swap here");
	p = start(&vm);
	prepare(&vm, g_rounds, EXTRA_AT, PAGES, 0);
	pthread_create(&t, NULL, vcpu_thread, &vm.cpu[0]);
	for (int i = 0; i < 150 || (rounds < 5 && i < 3000); i++) {
		madvise(p, EXTRA, MADV_PAGEOUT);
		out += PAGES - resident(p, PAGES);
		usleep(i % 8 * 1000);
		rounds = vm.sh->ready;
	}
	vm.sh->stop = 1;
	pthread_join(t, NULL);
	printf("# %llu rounds, %llu times a page was out\n", (long long)rounds, (long long)out);
	expect_that(rounds >= 5 && out > PAGES);
}

/* ---- slots ---- */

static void t_readonly_slot(void)
{
	struct vm vm;
	u8 *p = start(&vm);

	if (check_extension(&vm, KVM_CAP_READONLY_MEM) <= 0)
		skip("no read-only slots");
	for (u64 i = 0; i < PAGES; i++)
		PAGE(i) = 0x1000 + i;
	set_slot(&vm, EXTRA_AT, 0, p, 0);
	set_slot(&vm, EXTRA_AT, EXTRA, p, KVM_MEM_READONLY);
	CHECK(0x1000);
	prepare(&vm, g_write, EXTRA_AT, 3, 0x7000);
	for (u64 i = 0; i < 3; i++) {
		vcpu_run_exit(&vm.cpu[0], KVM_EXIT_MMIO);
		expect(vm.cpu[0].run->mmio.is_write, 1);
		expect(vm.cpu[0].run->mmio.phys_addr, EXTRA_AT + i * 4096);
		expect(*(u64 *)vm.cpu[0].run->mmio.data, 0x7000 + i);
	}
	vcpu_done(&vm.cpu[0]);
	expect(PAGE(1), 0x1001);
}

static void t_move_slot(void)
{
	struct vm vm;
	u8 *p = start(&vm);

	WRITE(0x1000);
	set_slot(&vm, EXTRA_AT + (64 << 20), EXTRA, p, 0);
	run(&vm, g_check, EXTRA_AT + (64 << 20), PAGES, 0x1000);
	prepare(&vm, g_check, EXTRA_AT, PAGES, 0x1000);
	vcpu_run_exit(&vm.cpu[0], KVM_EXIT_MMIO);
	expect(vm.cpu[0].run->mmio.phys_addr, EXTRA_AT);
}

static void *run_once(void *cpu)
{
	vcpu_run(cpu);
	return NULL;
}

static void wait_for(struct vm *vm)
{
	u64 r = vm->sh->ready;

	while (vm->sh->ready < r + 10)
		usleep(100);
}

static void t_delete_running(void)
{
	struct vm vm;
	u8 *p = start(&vm);
	pthread_t t;

	prepare(&vm, g_watch, EXTRA_AT, 1, 99);
	pthread_create(&t, NULL, run_once, &vm.cpu[0]);
	wait_for(&vm);
	set_slot(&vm, EXTRA_AT, 0, p, 0);
	PAGE(0) = 99; /* not to be seen any more */
	pthread_join(t, NULL);
	expect(vm.cpu[0].run->exit_reason, KVM_EXIT_MMIO);
	expect(vm.cpu[0].run->mmio.phys_addr, EXTRA_AT);
}

/* What changes under a running guest is seen by it. */
static void t_running(void)
{
	struct vm vm;
	u8 *p = start(&vm);
	pthread_t t;

	for (u64 i = 1; i < 10; i++) {
		prepare(&vm, g_watch, EXTRA_AT, 1, i);
		pthread_create(&t, NULL, vcpu_thread, &vm.cpu[0]);
		wait_for(&vm);
		switch (i % 3) {
		case 0:
			PAGE(0) = i;
			break;
		case 1:
			madvise(p, EXTRA, MADV_DONTNEED);
			PAGE(0) = i;
			break;
		case 2:
			mmap(p, EXTRA, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
			PAGE(0) = i;
		}
		pthread_join(t, NULL);
	}
}

/* Two vCPUs write while the host takes the memory away in every way it knows. */
static void t_churn(void)
{
	struct vm vm;
	pthread_t t[2];
	u8 *p = aligned(EXTRA);

	vm_start(&vm, 2);
	set_slot(&vm, EXTRA_AT, EXTRA, p, 0);
	madvise(p, EXTRA, MADV_HUGEPAGE);
	vm.sh->arg[0] = EXTRA_AT;
	vm.sh->arg[1] = PAGES;
	for (int i = 0; i < 2; i++) {
		vcpu_long(&vm.cpu[i], g_churn, 0);
		pthread_create(&t[i], NULL, vcpu_thread, &vm.cpu[i]);
	}
	for (int i = 0; i < 300; i++) {
		u64 at = (u64)random() % PAGES * 4096, n = 4096 << random() % 6;

		if (at + n > EXTRA)
			n = EXTRA - at;
		switch (i % 4) {
		case 0:
			madvise(p + at, n, MADV_DONTNEED);
			break;
		case 1:
			mmap(p + at, n, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
			break;
		case 2:
			madvise(p, EXTRA, MADV_DONTNEED);
			break;
		case 3:
			if (!fork())
				_exit(0);
			wait(NULL);
		}
		if (i % 10 == 0)
			wait_for(&vm);
	}
	vm.sh->stop = 1;
	for (int i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
	for (u64 i = 0; i < PAGES; i++)
		expect_that(((u64 *)(p + i * 4096))[1] == i || !((u64 *)(p + i * 4096))[1]);
}

static const struct test tests[] = {
	{ "demand", t_demand },
	{ "dontneed", t_dontneed },
	{ "remap", t_remap },
	{ "unmapped", t_unmapped },
	{ "mprotect", t_mprotect },
	{ "fork", t_fork },
	{ "memfd", t_memfd },
	{ "thp", t_thp },
	{ "hugetlb", t_hugetlb },
	{ "ksm", t_ksm, 100 },
	{ "pageout_running", t_pageout_running, 200 },
	{ "pageout", t_pageout },
	{ "readonly_slot", t_readonly_slot },
	{ "move_slot", t_move_slot },
	{ "delete_running", t_delete_running },
	{ "running", t_running },
	{ "churn", t_churn, 200 },
};

int main(int argc, char **argv)
{
	return run_tests(tests, ARRAY_SIZE(tests), argc, argv);
}
