// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a hypervisor must flush, one reason after the other:
 *
 *	[DEV=/dev/vintc] tlbtest [TEST]...
 *
 * For a machine that notices when it doesn't (tests/machines/bochs-patches/20-tlb-check.patch):
 * it wants guests that go on for a while after what should have flushed. Elsewhere only
 * some of it can fail.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vm.h"

#define EXTRA_AT 0x20000000ul /* slot 1 */
#define PAGES 8
#define EXTRA (PAGES * 4096ul)
#define A_WHILE 500000 /* us */
#define VMS 20 /* more than that machine has ASIDs */

/* ---- guest ---- */

/* Touch all pages, and then none, for as long as the host wants. */
guest void g_touch(u64 write)
{
	for (u64 i = 0; i < PAGES; i++) {
		volatile u64 *p = (u64 *)(EXTRA_AT + i * 4096);

		if (write)
			*p = i;
		else
			(void)*p;
	}
	SH->ready = 1;
	while (!SH->stop)
		cpu_relax();
}

/* Each time all pages have what the host has written. */
guest void g_follow(u64 arg)
{
	while (!SH->stop) {
		for (u64 i = 0; i < PAGES; i++)
			g_expect(*(volatile u64 *)(EXTRA_AT + i * 4096), SH->go);
		g_out8(PORT_SYNC, 0);
	}
}

guest void g_sync(u64 arg)
{
	for (;;)
		g_out8(PORT_SYNC, 0);
}

guest void g_toggle_pge(u64 rounds)
{
	while (rounds--) {
		u64 cr4;

		asm volatile("mov %%cr4, %0; xor $0x80, %0; mov %0, %%cr4" : "=&r"(cr4) : : "memory");
		g_out8(PORT_SYNC, 0);
	}
}

/* CR4.PSE and a directory of 4 MiB pages; paging with caches off, so that CR0 is the hypervisor's; and without. */
asm(".pushsection .rodata\n.code32\n"
    "paging_off: mov %ebx, %cr3; mov %cr4, %eax; or $0x10, %al; mov %eax, %cr4\n"
    "mov %cr0, %eax; or $0xc0000000, %eax; mov %eax, %cr0; jmp 1f\n"
    "1: mov 0x200000, %ecx; and $0x7fffffff, %eax; mov %eax, %cr0; jmp 2f\n"
    "2: mov 0x200000, %ecx; mov $0x500, %edx; out %al, %dx\n"
    "paging_off_end:\n.code64\n.popsection\n");
extern const u8 paging_off[], paging_off_end[];

/* ---- host ---- */

static u8 *pages(struct vm *vm, u32 flags)
{
	struct kvm_userspace_memory_region r = {
		.slot = 1, .flags = flags, .guest_phys_addr = EXTRA_AT, .memory_size = EXTRA,
	};
	u8 *p = mmap(NULL, EXTRA, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	expect_that(p != MAP_FAILED);
	memset(p, 0, EXTRA);
	r.userspace_addr = (u64)p;
	must(vm->fd, KVM_SET_USER_MEMORY_REGION, &r);
	return p;
}

/* A guest that has touched pages goes on while @change takes them away. */
static void taken(u32 flags, bool write, void (*change)(struct vm *vm, u8 *p))
{
	struct vm vm;
	pthread_t t;
	u8 *p;

	vm_start(&vm, 1);
	p = pages(&vm, flags);
	vcpu_long(&vm.cpu[0], g_touch, write);
	pthread_create(&t, NULL, vcpu_thread, &vm.cpu[0]);
	while (!vm.sh->ready)
		usleep(100);
	change(&vm, p);
	usleep(A_WHILE);
	vm.sh->stop = 1;
	pthread_join(t, NULL);
}

static void unmap(struct vm *vm, u8 *p)
{
	expect(munmap(p, EXTRA), 0);
}

static void t_unmapped(void)
{
	taken(0, true, unmap);
}

static void protect(struct vm *vm, u8 *p)
{
	expect(mprotect(p, EXTRA, PROT_READ), 0);
}

static void t_protected(void)
{
	taken(0, true, protect);
}

static void take_log(struct vm *vm, u8 *p)
{
	u64 bits[1] = {};
	struct kvm_dirty_log log = { .slot = 1, .dirty_bitmap = bits };

	must(vm->fd, KVM_GET_DIRTY_LOG, &log);
	expect(bits[0], (1 << PAGES) - 1);
}

static void t_logged(void)
{
	taken(KVM_MEM_LOG_DIRTY_PAGES, true, take_log);
}

static void begin_log(struct vm *vm, u8 *p)
{
	struct kvm_userspace_memory_region r = {
		.slot = 1, .flags = KVM_MEM_LOG_DIRTY_PAGES, .guest_phys_addr = EXTRA_AT,
		.memory_size = EXTRA, .userspace_addr = (u64)p,
	};

	must(vm->fd, KVM_SET_USER_MEMORY_REGION, &r);
}

static void t_log_begins(void)
{
	taken(0, true, begin_log);
}

static void delete_slot(struct vm *vm, u8 *p)
{
	struct kvm_userspace_memory_region r = { .slot = 1, .guest_phys_addr = EXTRA_AT };

	must(vm->fd, KVM_SET_USER_MEMORY_REGION, &r);
}

static void t_deleted(void)
{
	taken(0, false, delete_slot);
}

static void other_cpu(u64 round)
{
	if (host_cpus() < 2)
		skip("one CPU");
	pin_to(round & 1);
}

/* From CPU to CPU, and back to what was left there. */
static void t_moved(void)
{
	struct vm vm;

	vm_start(&vm, 1);
	vcpu_long(&vm.cpu[0], g_sync, 0);
	for (u64 i = 0; i < 50; i++) {
		other_cpu(i);
		vcpu_until(&vm.cpu[0], PORT_SYNC);
	}
}

/* Other pages are where the old ones were, with @content. */
static void replace(struct vm *vm, u8 *p, u64 content)
{
	vm->sh->go = content;
	madvise(p, EXTRA, MADV_DONTNEED);
	for (u64 n = 0; n < PAGES; n++)
		*(u64 *)(p + n * 4096) = content;
}

/* And the pages have become others meanwhile, with a flush where it was then. */
static void t_moved_and_taken(void)
{
	struct vm vm;
	u8 *p;

	vm_start(&vm, 1);
	p = pages(&vm, 0);
	vcpu_long(&vm.cpu[0], g_follow, 0);
	for (u64 i = 0; i < 20; i++) {
		other_cpu(i);
		replace(&vm, p, i);
		vcpu_until(&vm.cpu[0], PORT_SYNC);
		other_cpu(i + 1);
		vcpu_until(&vm.cpu[0], PORT_SYNC);
	}
}

/* A second vCPU of the VM has stayed on the CPU, and its flush is not the first one's. */
static void t_moved_apart(void)
{
	struct vm vm;
	u8 *p;

	vm_start(&vm, 2);
	p = pages(&vm, 0);
	for (int i = 0; i < 2; i++)
		vcpu_long(&vm.cpu[i], g_follow, 0);
	for (u64 i = 0; i < 20; i++) {
		replace(&vm, p, i);
		for (u64 n = 0; n < 4; n++) {
			other_cpu(i + n);
			vcpu_until(&vm.cpu[n >> 1], PORT_SYNC);
		}
	}
}

/* Guests take turns on one CPU, more of them than there may be tags. */
static void t_many(void)
{
	static struct vm vm[VMS];

	pin_to(0);
	for (int i = 0; i < VMS; i++) {
		vm_start(&vm[i], 1);
		vcpu_long(&vm[i].cpu[0], g_sync, 0);
	}
	for (int n = 0; n < 3 * VMS; n++)
		vcpu_until(&vm[n % VMS].cpu[0], PORT_SYNC);
}

/* And one after the other, where the earlier one's tables may have been. */
static void t_lives(void)
{
	for (int i = 0; i < 2 * VMS; i++) {
		struct vm vm;

		vm_start(&vm, 1);
		vcpu_long(&vm.cpu[0], g_sync, 0);
		for (int n = 0; n < 4; n++) {
			if (host_cpus() > 1)
				pin_to((i + n) & 1);
			vcpu_until(&vm.cpu[0], PORT_SYNC);
		}
		vm_end(&vm);
	}
}

/* The VMM changes how the guest's paging goes. */
static void t_sregs(void)
{
	struct kvm_sregs s;
	struct vm vm;

	vm_start(&vm, 1);
	memcpy(vm.mem + FREE_AT, vm.mem + PAGES_AT, 4096); /* the top table is enough */
	vcpu_long(&vm.cpu[0], g_sync, 0);
	for (int i = 0; i < 8; i++) {
		vcpu_until(&vm.cpu[0], PORT_SYNC);
		vcpu_until(&vm.cpu[0], PORT_SYNC);
		sregs_get(&vm.cpu[0], &s);
		if (i & 1)
			s.cr4 ^= 0x80;
		else
			s.cr3 ^= FREE_AT ^ PAGES_AT;
		sregs_set(&vm.cpu[0], &s);
	}
	vcpu_until(&vm.cpu[0], PORT_SYNC);
}

/* And the guest itself, where the hypervisor does it for it. */
static void t_cr4(void)
{
	struct vm vm;

	vm_start(&vm, 1);
	vcpu_long(&vm.cpu[0], g_toggle_pge, 8);
	for (int i = 0; i < 8; i++)
		vcpu_until(&vm.cpu[0], PORT_SYNC);
	vcpu_done(&vm.cpu[0]);
}

static void t_cr0(void)
{
	struct kvm_regs r;
	struct vm vm;
	u32 *dir;

	vm_start_bare(&vm);
	vm_blob(&vm, CODE16_AT, paging_off, paging_off_end);
	dir = (u32 *)(vm.mem + FREE_AT);
	for (u32 i = 0; i < 1024; i++)
		dir[i] = i << 22 | 0x83;
	vcpu_prot32(&vm.cpu[0], CODE16_AT);
	regs_get(&vm.cpu[0], &r);
	r.rbx = FREE_AT;
	regs_set(&vm.cpu[0], &r);
	vcpu_run_exit(&vm.cpu[0], KVM_EXIT_IO);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		/* first, while no CPU has given out more tags than another */
		{ "moved", t_moved },
		{ "unmapped", t_unmapped },
		{ "protected", t_protected },
		{ "logged", t_logged },
		{ "log_begins", t_log_begins },
		{ "deleted", t_deleted },
		{ "moved_and_taken", t_moved_and_taken },
		{ "moved_apart", t_moved_apart },
		{ "many", t_many },
		{ "lives", t_lives },
		{ "sregs", t_sregs },
		{ "cr4", t_cr4 },
		{ "cr0", t_cr0 },
	};

	return run_tests(tests, ARRAY_SIZE(tests), argc, argv);
}
