// SPDX-License-Identifier: GPL-2.0-only
/* The log of pages that the guest has written; pages that are mapped before it touches them. */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "api.h"
#include "../../../../uapi/vintc.h"

#define AT 0x20000000ul /* slot 1 */
#define PAGES 1000 /* ends within a word of the bitmap */
#define PAGE 4096ul
#define LARGE (2ul << 20)
#define WORDS ((PAGES + 63) / 64)

static u64 map[WORDS + 1]; /* and one that nobody may write */

/* ---- guest ---- */

#define POINTER(page) ((volatile u64 *)(AT + (page) * PAGE))

/* arg[1] pages from arg[0] on, arg[2] apart: write value and more, or read if it is 0. */
guest void g_touch(u64 value)
{
	for (u64 i = 0; i < SH->arg[1]; i++) {
		volatile u64 *p = POINTER(SH->arg[0] + i * SH->arg[2]);

		if (value)
			*p = value + i;
		else
			SH->val[0] += *p;
	}
}

guest void g_instructions(u64 arg)
{
	u64 n = 3, old = 0;

	/* over a page's end, locked, by a string, and one that writes nothing */
	*(volatile u64 *)((u8 *)POINTER(11) - 4) = ~0ul;
	asm volatile("lock incq %0" : "+m"(*POINTER(20)));
	asm volatile("rep stosq" : "+c"(n) : "D"(POINTER(30)), "a"(1) : "memory");
	asm volatile("lock cmpxchgq %2, %1" : "+a"(old), "+m"(*POINTER(40)) : "r"(2ul));
	asm volatile("cmpq $0, %0; testq $1, %0" : : "m"(*POINTER(50)));
	asm volatile("btsq $0, %0" : "+m"(*POINTER(60)));
}

/* What is not written by the CPU. */
guest void g_emulated(u64 arg)
{
	u64 n = 4;
	void *to = (void *)POINTER(5);

	asm volatile("rep insb" : "+D"(to), "+c"(n) : "d"(0x2222) : "memory");
	to = (u8 *)POINTER(10) - 2;
	asm volatile("insl" : "+D"(to) : "d"(0x2222) : "memory");
	to = (void *)POINTER(15);
	asm volatile("movsl" : "+D"(to) : "S"(MMIO_AT) : "memory");
	/* these only read */
	asm volatile("outsl" : : "S"(POINTER(25)), "d"(0x2222) : "memory");
	asm volatile("movsl" : : "D"(MMIO_AT), "S"(POINTER(35)) : "memory");
}

/* Pages at random, a place in each at random, till the host has enough. */
guest void g_writer(u64 seed)
{
	u64 x = seed * 0x9e3779b97f4a7c15ull + 1;

	while (!SH->stop) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		/* each vCPU has its own half of a page */
		POINTER(x % SH->arg[1])[(x >> 40) % 256 + seed * 256]++;
		SH->val[seed]++;
	}
}

/* ---- host ---- */

static int slot_set(struct vm *vm, void *p, u64 size, u32 flags)
{
	struct kvm_userspace_memory_region r = {
		.slot = 1, .flags = flags, .guest_phys_addr = AT, .memory_size = size,
		.userspace_addr = (u64)p,
	};

	return try(vm->fd, KVM_SET_USER_MEMORY_REGION, &r);
}

static int get(struct vm *vm, void *bitmap)
{
	struct kvm_dirty_log log = { .slot = 1, .dirty_bitmap = bitmap };

	return try(vm->fd, KVM_GET_DIRTY_LOG, &log);
}

static int clear(struct vm *vm, u64 first, u32 n, void *bitmap)
{
	struct kvm_clear_dirty_log log = {
		.slot = 1, .first_page = first, .num_pages = n, .dirty_bitmap = bitmap,
	};

	return try(vm->fd, KVM_CLEAR_DIRTY_LOG, &log);
}

static int manual(struct vm *vm, u64 flags)
{
	struct kvm_enable_cap cap = {
		.cap = KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2, .args = { flags },
	};

	return try(vm->fd, KVM_ENABLE_CAP, &cap);
}

static u8 *aligned(u64 size)
{
	u8 *p = mmap(NULL, size + LARGE, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		fail("mmap");
	return (u8 *)(((u64)p + LARGE - 1) & ~(LARGE - 1));
}

/* Slot 1 with all its pages there, in small pages. */
static u8 *start(struct vm *vm, u32 flags)
{
	u8 *p = aligned(PAGES * PAGE);

	madvise(p, PAGES * PAGE, MADV_NOHUGEPAGE);
	memset(p, 0, PAGES * PAGE);
	vm_start(vm, 1);
	expect(slot_set(vm, p, PAGES * PAGE, flags), 0);
	return p;
}

static void enter(struct vm *vm, guest_fn fn, u64 arg)
{
	/* KVM_RUN completes a port's exit first */
	vm->cpu[0].run->immediate_exit = 1;
	vcpu_run(&vm->cpu[0]);
	vm->cpu[0].run->immediate_exit = 0;
	vcpu_long(&vm->cpu[0], fn, arg);
}

static void touch(struct vm *vm, u64 first, u64 n, u64 step, u64 value)
{
	vm->sh->arg[0] = first;
	vm->sh->arg[1] = n;
	vm->sh->arg[2] = step;
	enter(vm, g_touch, value);
	vcpu_done(&vm->cpu[0]);
}

/* Is the log these pages (ending with -1) and no other? */
static void check(struct vm *vm, int line, const int *pages)
{
	u64 want[WORDS] = { 0 };

	for (; *pages >= 0; pages++)
		want[*pages / 64] |= 1ul << *pages % 64;
	memset(map, 0xaa, sizeof(map));
	expect(get(vm, map), 0);
	for (int i = 0; i < WORDS; i++)
		if (map[i] != want[i])
			fail("line %d: pages %d on: %#llx, not %#llx", line, i * 64,
			     (long long)map[i], (long long)want[i]);
	expect(map[WORDS], 0xaaaaaaaaaaaaaaaa);
}

#define LOG(...) check(&vm, __LINE__, (const int[]){ __VA_ARGS__ __VA_OPT__(,) -1 })

static u64 count(const u64 *bits, u64 n)
{
	u64 sum = 0;

	for (u64 i = 0; i < n; i++)
		sum += __builtin_popcountll(bits[i]);
	return sum;
}

void t_dirty_log(void)
{
	struct vm vm;
	u8 *p = start(&vm, 0);

	touch(&vm, 0, PAGES, 1, 0x1000);
	expect(get(&vm, map), -ENOENT);
	expect(slot_set(&vm, p, PAGES * PAGE, KVM_MEM_LOG_DIRTY_PAGES), 0);
	LOG();
	touch(&vm, 0, PAGES, 1, 0);
	LOG();
	for (int i = 0; i < 3; i++) {
		touch(&vm, 0, 2, 1, 0x2000);
		touch(&vm, 62, 4, 1, 0x3000);
		touch(&vm, 999, 1, 1, 0x4000 + i);
		touch(&vm, 100, 8, 100, 0); /* reads */
		LOG(0, 1, 62, 63, 64, 65, 999);
		LOG();
		expect(*(u64 *)(p + 999 * PAGE), 0x4000 + i);
	}
	/* user space's writes aren't logged, the guest sees them */
	*(u64 *)(p + 7 * PAGE) = 0x77;
	touch(&vm, 7, 1, 1, 0);
	LOG();
	enter(&vm, g_instructions, 0);
	vcpu_done(&vm.cpu[0]);
	LOG(10, 11, 20, 30, 40, 60);
	/* the same flags again change nothing */
	touch(&vm, 5, 1, 1, 1);
	expect(slot_set(&vm, p, PAGES * PAGE, KVM_MEM_LOG_DIRTY_PAGES), 0);
	LOG(5);
	touch(&vm, 5, 1, 1, 1);
	expect(slot_set(&vm, p, PAGES * PAGE, 0), 0);
	expect(get(&vm, map), -ENOENT);
	touch(&vm, 6, 1, 1, 1);
	expect(slot_set(&vm, p, PAGES * PAGE, KVM_MEM_LOG_DIRTY_PAGES), 0);
	LOG();
	touch(&vm, 5, 1, 1, 1);
	LOG(5);
}

/* Logged from the start; nothing is mapped yet. */
void t_dirty_new_slot(void)
{
	struct vm vm;
	u8 *p = start(&vm, KVM_MEM_LOG_DIRTY_PAGES);

	LOG();
	/* a page that is mapped so that it can be written counts as written */
	touch(&vm, 0, PAGES, 1, 0);
	expect(get(&vm, map), 0);
	expect(count(map, WORDS), PAGES);
	touch(&vm, 3, 10, 50, 1);
	LOG(3, 53, 103, 153, 203, 253, 303, 353, 403, 453);
	/* copy on write is no other */
	if (!fork())
		_exit(0);
	touch(&vm, 4, 2, 1, 1);
	LOG(4, 5);
	/* memory that the host has taken away */
	madvise(p, PAGES * PAGE, MADV_DONTNEED);
	touch(&vm, 8, 1, 1, 1);
	LOG(8);
	/* a slot that moves keeps its log; one that is made anew has a new one */
	touch(&vm, 9, 1, 1, 1);
	expect(slot_set(&vm, p, 0, 0), 0);
	expect(get(&vm, map), -ENOENT);
	expect(slot_set(&vm, p, PAGES * PAGE, KVM_MEM_LOG_DIRTY_PAGES), 0);
	LOG();
}

void t_dirty_manual(void)
{
	u64 some[WORDS], n;
	struct vm vm;
	u8 *p = start(&vm, 0);

	expect(check_extension(&vm, KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2), 3);
	touch(&vm, 0, PAGES, 1, 1);
	expect(manual(&vm, KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE), 0);
	expect(slot_set(&vm, p, PAGES * PAGE, KVM_MEM_LOG_DIRTY_PAGES), 0);
	LOG();
	touch(&vm, 60, 10, 1, 1);
	LOG(60, 61, 62, 63, 64, 65, 66, 67, 68, 69);
	LOG(60, 61, 62, 63, 64, 65, 66, 67, 68, 69);
	/* only what is asked for goes */
	some[0] = 7; /* 64 to 66 */
	expect(clear(&vm, 64, 64, some), 0);
	LOG(60, 61, 62, 63, 67, 68, 69);
	touch(&vm, 60, 10, 1, 2);
	LOG(60, 61, 62, 63, 64, 65, 66, 67, 68, 69);
	memset(some, 0xff, sizeof(some));
	expect(clear(&vm, 0, 64, some), 0);
	LOG(64, 65, 66, 67, 68, 69);
	touch(&vm, 998, 2, 1, 2);
	/* to the slot's end, from the middle */
	expect(clear(&vm, 960, 40, some), 0);
	LOG(64, 65, 66, 67, 68, 69);
	touch(&vm, 999, 1, 1, 2);
	LOG(64, 65, 66, 67, 68, 69, 999);
	expect(clear(&vm, 0, PAGES, some), 0);
	LOG();
	touch(&vm, 64, 3, 1, 0);
	LOG();
	touch(&vm, 64, 3, 1, 4);
	LOG(64, 65, 66);
	expect(clear(&vm, 0, 0, NULL), 0);
	expect(clear(&vm, 0, PAGES, NULL), -EFAULT);
	LOG(64, 65, 66);

	/* all is dirty at first */
	expect(slot_set(&vm, p, PAGES * PAGE, 0), 0);
	expect(manual(&vm, 3), 0);
	expect(slot_set(&vm, p, PAGES * PAGE, KVM_MEM_LOG_DIRTY_PAGES), 0);
	expect(get(&vm, map), 0);
	n = count(map, WORDS);
	expect(n, PAGES);
	touch(&vm, 0, PAGES, 1, 5);
	expect(clear(&vm, 0, PAGES, some), 0);
	LOG();
	touch(&vm, 0, PAGES, 1, 0);
	LOG();
	touch(&vm, 17, 2, 500, 6);
	LOG(17, 517);
	/* and off again */
	expect(manual(&vm, 0), 0);
	LOG(17, 517);
	LOG();
	expect(clear(&vm, 0, PAGES, some), 0);
}

#define MANY 70000 /* pages; the kernel takes 32768 at a time */

/* Touched where the pieces begin and end. */
void t_dirty_pieces(void)
{
	static const int pages[] = { 0, 32767, 32768, 65535, 65536, MANY - 1 };
	static u64 bits[(MANY + 63) / 64], want[(MANY + 63) / 64], all[(MANY + 63) / 64];
	struct vm vm;
	u8 *p = mmap(NULL, MANY * PAGE, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	expect_that(p != MAP_FAILED);
	memset(all, 0xff, sizeof(all));
	vm_start(&vm, 1);
	for (int by_hand = 0; by_hand < 2; by_hand++) {
		expect(slot_set(&vm, p, MANY * PAGE, 0), 0);
		touch(&vm, 0, MANY / 1000, 1000, 1);
		for (size_t i = 0; i < ARRAY_SIZE(pages); i++)
			touch(&vm, pages[i], 1, 1, 1);
		expect(manual(&vm, by_hand), 0);
		expect(slot_set(&vm, p, MANY * PAGE, KVM_MEM_LOG_DIRTY_PAGES), 0);
		for (int round = 0; round < 2; round++) {
			memset(want, 0, sizeof(want));
			for (size_t i = 0; i < ARRAY_SIZE(pages); i++) {
				touch(&vm, pages[i], 1, 1, 2);
				want[pages[i] / 64] |= 1ull << pages[i] % 64;
			}
			expect(get(&vm, bits), 0);
			expect(memcmp(bits, want, sizeof(bits)), 0);
			if (by_hand)
				expect(clear(&vm, 0, MANY, all), 0);
			expect(get(&vm, bits), 0);
			expect(count(bits, ARRAY_SIZE(bits)), 0);
		}
	}
}

/* Memory that user space or a device has a hand in is written by the kernel. */
void t_dirty_emulated(void)
{
	struct vm vm;
	struct kvm_run *run;
	u8 *p = start(&vm, 0);
	int reads = 0;

	run = vm.cpu[0].run;
	touch(&vm, 0, PAGES, 1, 0);
	expect(slot_set(&vm, p, PAGES * PAGE, KVM_MEM_LOG_DIRTY_PAGES), 0);
	LOG();
	enter(&vm, g_emulated, 0);
	for (;;) {
		if (vcpu_run(&vm.cpu[0]))
			fail("KVM_RUN");
		if (run->exit_reason == KVM_EXIT_IO && run->io.port == PORT_DONE)
			break;
		if (run->exit_reason == KVM_EXIT_IO && run->io.direction == KVM_EXIT_IO_IN) {
			memset((u8 *)run + run->io.data_offset, 0x5a,
			       run->io.count * run->io.size);
			reads++;
		} else if (run->exit_reason == KVM_EXIT_MMIO && !run->mmio.is_write) {
			memset(run->mmio.data, 0xa5, 8);
			reads++;
		} else if (run->exit_reason != KVM_EXIT_MMIO && run->io.port != 0x2222) {
			fail("exit %u", run->exit_reason);
		}
	}
	expect_that(reads >= 3);
	LOG(5, 9, 10, 15);
	LOG();
	expect(*(u32 *)(p + 5 * PAGE), 0x5a5a5a5a);
	expect(*(u32 *)(p + 10 * PAGE - 2), 0x5a5a5a5a);
	expect(*(u32 *)(p + 15 * PAGE), 0xa5a5a5a5);
}

/* A read-only slot: writes are user space's to see, and none of the log's. */
void t_dirty_readonly(void)
{
	struct vm vm;
	u8 *p = start(&vm, 0);

	expect(slot_set(&vm, p, 0, 0), 0);
	*(u64 *)(p + 3 * PAGE) = 0x33;
	expect(slot_set(&vm, p, PAGES * PAGE, KVM_MEM_READONLY | KVM_MEM_LOG_DIRTY_PAGES), 0);
	touch(&vm, 3, 1, 1, 0);
	expect(vm.sh->val[0], 0x33);
	vm.sh->arg[1] = 2;
	enter(&vm, g_touch, 0x77);
	for (u64 i = 0; i < 2; i++) {
		vcpu_run_exit(&vm.cpu[0], KVM_EXIT_MMIO);
		expect(vm.cpu[0].run->mmio.is_write, 1);
		expect(vm.cpu[0].run->mmio.phys_addr, AT + (3 + i) * PAGE);
	}
	vcpu_done(&vm.cpu[0]);
	LOG();
	expect(*(u64 *)(p + 3 * PAGE), 0x33);
	/* the log may come and go, the permission stays */
	expect(slot_set(&vm, p, PAGES * PAGE, KVM_MEM_READONLY), 0);
	expect(get(&vm, map), -ENOENT);
	expect(slot_set(&vm, p, PAGES * PAGE, KVM_MEM_LOG_DIRTY_PAGES), -EINVAL);
	expect(slot_set(&vm, p, PAGES * PAGE, KVM_MEM_READONLY | KVM_MEM_LOG_DIRTY_PAGES), 0);
	LOG();
}

static void put(const char *file, const char *text)
{
	FILE *f = fopen(file, "w");

	if (f) {
		fputs(text, f);
		fclose(f);
	}
}

#define LARGE_PAGES (4 * LARGE / PAGE)

/* One page of a large one is written: one bit, and the large page comes back in the end. */
static void large(u8 *p, u64 flags)
{
	u64 bits[LARGE_PAGES / 64], all[LARGE_PAGES / 64];
	struct vm vm;
	int stats;

	memset(p, 0, 4 * LARGE);
	memset(all, 0xff, sizeof(all));
	vm_start(&vm, 1);
	stats = ioctl(vm.fd, KVM_GET_STATS_FD, 0);
	expect(manual(&vm, flags), 0);
	expect(slot_set(&vm, p, 4 * LARGE, 0), 0);
	touch(&vm, 0, LARGE_PAGES, 1, 1);
	if (stat_read(stats, "pages_2m") != 4)
		skip("no large pages to be had");
	for (int i = 0; i < 3; i++) {
		expect(slot_set(&vm, p, 4 * LARGE, KVM_MEM_LOG_DIRTY_PAGES), 0);
		if (flags)
			expect(clear(&vm, 0, LARGE_PAGES, all), 0);
		touch(&vm, 700, 2, 512, 5);
		touch(&vm, 0, 200, 1, 0);
		expect(get(&vm, bits), 0);
		expect(count(bits, LARGE_PAGES / 64), 2);
		expect_that(bits[700 / 64] >> 700 % 64 & 1 && bits[1212 / 64] >> 1212 % 64 & 1);
		expect_that(stat_read(stats, "pages_2m") <= 2);
		/* where small pages are all writable again, nothing would ever fault */
		touch(&vm, 1536, 512, 1, 5);
		expect(slot_set(&vm, p, 4 * LARGE, 0), 0);
		touch(&vm, 0, LARGE_PAGES, 1, 1);
		expect(stat_read(stats, "pages_2m"), 4);
	}
	vm_end(&vm);
}

void t_dirty_thp(void)
{
	u8 *p = aligned(4 * LARGE);

	put("/sys/kernel/mm/transparent_hugepage/enabled", "madvise");
	madvise(p, 4 * LARGE, MADV_HUGEPAGE);
	large(p, 0);
	large(p, 1);
	large(p, 3);
}

void t_dirty_hugetlb(void)
{
	u8 *p;

	put("/proc/sys/vm/nr_hugepages", "4");
	p = mmap(NULL, 4 * LARGE, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
	if (p == MAP_FAILED)
		skip("no huge pages to be had");
	large(p, 0);
	munmap(p, 4 * LARGE);
	put("/proc/sys/vm/nr_hugepages", "0");
}

/* ---- wrong arguments ---- */

static const struct log_case {
	const char *name;
	u32 slot;
	u64 first;
	u32 n;
	bool bitmap;
	int want;
} log_cases[] = {
	{ "no such slot", 2, 0, 64, true, -ENOENT },
	{ "of a slot that isn't logged", 0, 0, 64, true, -ENOENT },
	{ "first page 1", 1, 1, 63, true, -EINVAL },
	{ "first page 63", 1, 63, 64, true, -EINVAL },
	{ "63 pages", 1, 0, 63, true, -EINVAL },
	{ "one page too few for the end", 1, 960, 39, true, -EINVAL },
	{ "one page past the end", 1, 960, 41, true, -EINVAL },
	{ "a word past the end", 1, 960, 64, true, -EINVAL },
	{ "first page past the end", 1, 1024, 0, true, -EINVAL },
	{ "first page past the end, pages", 1, 1024, 64, true, -EINVAL },
	{ "first page wraps", 1, -64ull, 64, true, -EINVAL },
	{ "first page wraps to the end", 1, -64ull, 1064, true, -EINVAL },
	{ "pages max", 1, 0, ~0u, true, -EINVAL },
	{ "no bitmap", 1, 0, 64, false, -EFAULT },
	{ "no bitmap at the end", 1, 960, 40, false, -EFAULT },
	{ "no pages", 1, 64, 0, true, 0 },
};

/* Each leaves what is in the log. */
void t_dirty_input(void)
{
	u64 want[WORDS] = { 1 << 3, [WORDS - 1] = 1ull << 39 }, all[WORDS], got[WORDS];
	struct kvm_dirty_log log = { .slot = 1, .dirty_bitmap = got };
	struct vm vm;

	start(&vm, KVM_MEM_LOG_DIRTY_PAGES);
	expect(manual(&vm, KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE), 0);
	touch(&vm, 3, 2, 996, 1);
	memset(all, 0xff, sizeof(all));
	for (size_t i = 0; i < ARRAY_SIZE(log_cases); i++) {
		const struct log_case *c = &log_cases[i];
		struct kvm_clear_dirty_log clear = {
			.slot = c->slot, .first_page = c->first, .num_pages = c->n,
			.dirty_bitmap = c->bitmap ? all : NULL,
		};
		int r = try(vm.fd, KVM_CLEAR_DIRTY_LOG, &clear);

		must(vm.fd, KVM_GET_DIRTY_LOG, &log);
		result(r == c->want && !memcmp(got, want, sizeof(want)), c->name,
		       "%d, not %d; or the log has changed", r, c->want);
	}
	log.dirty_bitmap = NULL;
	result(try(vm.fd, KVM_GET_DIRTY_LOG, &log) == -EFAULT, "GET_DIRTY_LOG, no bitmap", "no EFAULT");
	/* a bitmap of which only the first word may be written */
	log.dirty_bitmap = (u8 *)mmap(NULL, 8192, PROT_READ | PROT_WRITE,
				      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) + 4096 - 8;
	munmap((u8 *)log.dirty_bitmap + 8, 4096);
	result(try(vm.fd, KVM_GET_DIRTY_LOG, &log) == -EFAULT, "GET_DIRTY_LOG half a bitmap", "no EFAULT");
	if (is_vintc()) {
		/* KVM forgets what it could not tell */
		expect(manual(&vm, 0), 0);
		result(try(vm.fd, KVM_GET_DIRTY_LOG, &log) == -EFAULT,
		       "GET_DIRTY_LOG half a bitmap, bits taken", "no EFAULT");
		log.dirty_bitmap = got;
		memset(got, 0, sizeof(got));
		must(vm.fd, KVM_GET_DIRTY_LOG, &log);
		result(!memcmp(got, want, sizeof(want)), "GET_DIRTY_LOG after that", "bits are lost");
	}
}

/* ---- a migration ---- */

#define MIGRATED 512 /* pages, a large one */

static struct migration {
	struct vm vm;
	pthread_t thread[2];
	u8 *from, *to;
	u64 manual, pages, rounds;
} m;

/* Take the log, and clear it; copy what it says. */
static void copy_dirty(void)
{
	u64 bits[MIGRATED / 64];

	expect(get(&m.vm, bits), 0);
	if (m.manual) /* in two parts, for once */
		expect(clear(&m.vm, 0, 192, bits) |
		       clear(&m.vm, 192, MIGRATED - 192, bits + 192 / 64), 0);
	for (u64 i = 0; i < MIGRATED; i++)
		if (bits[i / 64] >> i % 64 & 1) {
			memcpy(m.to + i * PAGE, m.from + i * PAGE, PAGE);
			m.pages++;
		}
	m.rounds++;
}

/* A migration's begin, some rounds, and then either an end or a failure. */
static void copy_all(u64 rounds)
{
	expect(slot_set(&m.vm, m.from, MIGRATED * PAGE, KVM_MEM_LOG_DIRTY_PAGES), 0);
	/* with INITIALLY_SET the first log says: all */
	if (m.manual == 3)
		memset(m.to, 0xee, MIGRATED * PAGE);
	else
		memcpy(m.to, m.from, MIGRATED * PAGE);
	for (u64 i = 0; i < rounds; i++) {
		u64 before = m.vm.sh->val[0] + m.vm.sh->val[1];

		copy_dirty();
		for (int k = 0; k < 100 && m.vm.sh->val[0] + m.vm.sh->val[1] < before + 50; k++)
			usleep(100);
	}
}

static void migrate(u64 flags, u64 times)
{
	vm_start(&m.vm, 2);
	m.from = aligned(LARGE);
	m.to = aligned(LARGE);
	madvise(m.from, LARGE, MADV_HUGEPAGE);
	m.manual = flags;
	m.rounds = m.pages = 0;
	expect(manual(&m.vm, flags), 0);
	expect(slot_set(&m.vm, m.from, MIGRATED * PAGE, 0), 0);
	m.vm.sh->arg[1] = MIGRATED;
	for (u64 i = 0; i < times; i++) {
		m.vm.sh->stop = 0;
		for (int c = 0; c < 2; c++) {
			m.vm.cpu[c].run->immediate_exit = 1;
			vcpu_run(&m.vm.cpu[c]);
			m.vm.cpu[c].run->immediate_exit = 0;
			vcpu_long(&m.vm.cpu[c], g_writer, c);
			pthread_create(&m.thread[c], NULL, vcpu_thread, &m.vm.cpu[c]);
		}
		/* one that fails, and another */
		copy_all(3);
		expect(slot_set(&m.vm, m.from, MIGRATED * PAGE, 0), 0);
		usleep(1000);
		copy_all(12);
		m.vm.sh->stop = 1;
		for (int c = 0; c < 2; c++)
			pthread_join(m.thread[c], NULL);
		copy_dirty();
		for (u64 k = 0; k < MIGRATED; k++)
			if (memcmp(m.to + k * PAGE, m.from + k * PAGE, PAGE))
				fail("migration %d: page %d was written and is not in the log",
				     (int)i, (int)k);
		expect(slot_set(&m.vm, m.from, MIGRATED * PAGE, 0), 0);
	}
	printf("# %llu writes, %llu rounds, %llu pages copied\n",
	       (long long)(m.vm.sh->val[0] + m.vm.sh->val[1]), (long long)m.rounds,
	       (long long)m.pages);
	expect_that(m.pages > m.rounds);
	vm_end(&m.vm);
}

void t_dirty_migrate(void)
{
	migrate(0, 10);
}

void t_dirty_migrate_manual(void)
{
	migrate(1, 10);
	migrate(3, 10);
}

guest void g_reader(u64 page)
{
	SH->val[0] = *POINTER(page);
}

/* A page that the host has writable is mapped so at once, and then in the log: as in KVM. Later reads don't count. */
void t_dirty_read(void)
{
	struct vm vm;

	start(&vm, KVM_MEM_LOG_DIRTY_PAGES);
	enter(&vm, g_reader, 7);
	vcpu_done(&vm.cpu[0]);
	LOG(7);
	enter(&vm, g_reader, 7);
	vcpu_done(&vm.cpu[0]);
	LOG();
}

/* ---- mapped before ---- */

static int prefault(struct vm *vm, u64 page, u64 n, u64 *left)
{
	struct kvm_pre_fault_memory p = { .gpa = AT + page * PAGE, .size = n * PAGE };
	int r = try(vm->cpu[0].fd, KVM_PRE_FAULT_MEMORY, &p);

	expect(p.gpa + p.size, AT + (page + n) * PAGE);
	*left = p.size / PAGE;
	return r;
}

void t_prefault(void)
{
	struct kvm_pre_fault_memory bad[] = {
		{ .gpa = AT, .size = 0 },
		{ .gpa = AT + 1, .size = PAGE },
		{ .gpa = AT, .size = PAGE + 1 },
		{ .gpa = AT, .size = PAGE, .flags = 1 },
		{ .gpa = -PAGE, .size = PAGE },
		{ .gpa = AT, .size = -AT },
	}, reserved = { .gpa = AT, .size = PAGE, .padding = { [4] = 1 } };
	struct vm vm;
	u64 before, left;
	int stats;

	vm_create(&vm);
	if (!check_extension(&vm, KVM_CAP_PRE_FAULT_MEMORY))
		skip("this device can't");
	vm_end(&vm);
	start(&vm, 0);
	stats = ioctl(vm.cpu[0].fd, KVM_GET_STATS_FD, 0);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		expect(try(vm.cpu[0].fd, KVM_PRE_FAULT_MEMORY, &bad[i]), -EINVAL);
	if (is_vintc()) /* KVM doesn't look at it */
		expect(try(vm.cpu[0].fd, KVM_PRE_FAULT_MEMORY, &reserved), -EINVAL);
	touch(&vm, 0, 2, 1, 1);
	before = stat_read(stats, "pf_taken");
	touch(&vm, 0, 2, 1, 1);
	expect(stat_read(stats, "pf_taken"), before);

	expect(prefault(&vm, 2, 30, &left), 0);
	expect(left, 0);
	expect(stat_read(stats, "pf_taken"), before);
	touch(&vm, 2, 30, 1, 1);
	expect(stat_read(stats, "pf_taken"), before);
	touch(&vm, 32, 1, 1, 1);
	expect_that(stat_read(stats, "pf_taken") > (long)before);

	/* what is beyond the slot is left, and nothing but that is an error */
	expect(prefault(&vm, PAGES - 4, 10, &left), 0);
	expect(left, 6);
	expect(prefault(&vm, PAGES, 10, &left), -ENOENT);
	expect(left, 10);
	vm_end(&vm);
}
