// SPDX-License-Identifier: GPL-2.0-only
/* irqfd, ioeventfd, coalesced writes. */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "api.h"

static int event_new(u32 count)
{
	int fd = eventfd(count, EFD_NONBLOCK | EFD_CLOEXEC);

	if (fd < 0)
		fail("eventfd: %s", strerror(errno));
	return fd;
}

static void event_signal(int fd)
{
	u64 one = 1;

	expect(write(fd, &one, 8), 8);
}

/* How often it was signalled since the last look. */
static u64 event_count(int fd)
{
	u64 n = 0;

	if (read(fd, &n, 8) < 0)
		expect(errno, EAGAIN);
	return n;
}

/* ---- irqfd ---- */

static long irqfd(struct vm *vm, int fd, u32 gsi, u32 flags, int resample)
{
	struct kvm_irqfd i = {
		.fd = fd, .gsi = gsi, .flags = flags, .resamplefd = resample,
	};

	return try(vm->fd, KVM_IRQFD, &i);
}

/* KVM raises some of them from a work item: run until it has come, and then some. */
static void come(struct vm *vm, u8 vector, u64 want)
{
	volatile u64 *count = &vm->sh->cpu[0].count[vector];

	for (int i = 0; i < 2000 && *count < want; i++) {
		vcpu_until(&vm->cpu[0], PORT_SYNC);
		if (*count < want)
			usleep(1000);
	}
	for (int i = 0; i < 3; i++) {
		usleep(1000);
		vcpu_until(&vm->cpu[0], PORT_SYNC);
	}
	expect(*count, want);
}

static void lines_start(struct vm *vm)
{
	vm_start(vm, 1);
	vcpu_long(&vm->cpu[0], g_lines, 0);
	vcpu_until(&vm->cpu[0], PORT_SYNC);
}

void t_irqfd(void)
{
	int fd = event_new(0), early = event_new(1);
	struct vm vm;

	lines_start(&vm);
	expect(check_extension(&vm, KVM_CAP_IRQFD), 1);
	route_msi(&vm, 24, 0x81);
	expect(irqfd(&vm, fd, 24, 0, 0), 0);
	for (int i = 1; i <= 5; i++) {
		event_signal(fd);
		come(&vm, 0x81, i);
	}
	expect(event_count(fd), 0); /* taken */
	/* the route is that of the moment */
	route_msi(&vm, 24, 0x82);
	event_signal(fd);
	come(&vm, 0x82, 1);
	route_msi(&vm, 25, 0x83);
	event_signal(fd); /* to nowhere */
	come(&vm, 0x82, 1);
	/* signalled before */
	expect(irqfd(&vm, early, 25, 0, 0), 0);
	come(&vm, 0x83, 1);
	/* another GSI is not meant */
	expect(irqfd(&vm, early, 24, KVM_IRQFD_FLAG_DEASSIGN, 0), 0);
	event_signal(early);
	come(&vm, 0x83, 2);
	event_count(early);
	expect(irqfd(&vm, early, 25, KVM_IRQFD_FLAG_DEASSIGN, 0), 0);
	event_signal(early);
	come(&vm, 0x83, 2);
	expect(event_count(early), 1); /* ours again */
	/* the last close takes it off */
	expect(irqfd(&vm, early, 25, 0, 0), 0);
	close(early);
	early = event_new(0);
	expect(irqfd(&vm, early, 25, 0, 0), 0);
	event_signal(early);
	come(&vm, 0x83, 3);
	vm_end(&vm); /* with live ones */
	event_signal(fd);
	event_signal(early);
}

void t_irqfd_input(void)
{
	int fd = event_new(0), other = event_new(0), pipes[2];
	struct vm vm, second;

	expect(pipe(pipes), 0);
	vm_create(&vm);
	expect(irqfd(&vm, fd, 5, 0, 0), -EINVAL); /* no irqchip */
	vm_irqchip(&vm);
	expect(irqfd(&vm, -1, 5, 0, 0), -EBADF);
	expect(irqfd(&vm, 999, 5, KVM_IRQFD_FLAG_DEASSIGN, 0), -EBADF);
	expect(irqfd(&vm, pipes[0], 5, 0, 0), -EINVAL);
	expect(irqfd(&vm, fd, 5, 4, 0), -EINVAL);
	expect(irqfd(&vm, fd, 5, KVM_IRQFD_FLAG_RESAMPLE, -1), -EBADF);
	expect(irqfd(&vm, fd, 5, KVM_IRQFD_FLAG_RESAMPLE, pipes[1]), -EINVAL);
	expect(irqfd(&vm, fd, 5, KVM_IRQFD_FLAG_DEASSIGN, 0), 0); /* none there */
	expect(irqfd(&vm, fd, 5, 0, 0), 0);
	expect(irqfd(&vm, fd, 5, 0, 0), -EBUSY);
	expect(irqfd(&vm, fd, 6, KVM_IRQFD_FLAG_RESAMPLE, other), -EBUSY);
	expect(irqfd(&vm, other, 5, 0, 0), 0); /* two for one GSI */
	/* nor in another VM: in KVM from 6.17 on */
	if (is_vintc()) {
		vm_start(&second, 1);
		expect(irqfd(&second, fd, 5, 0, 0), -EBUSY);
		expect(irqfd(&second, fd, 5, KVM_IRQFD_FLAG_DEASSIGN, 0), 0);
		expect(irqfd(&vm, fd, 5, 0, 0), -EBUSY);
		expect(irqfd(&vm, fd, 5, KVM_IRQFD_FLAG_DEASSIGN, 0), 0);
		expect(irqfd(&second, fd, 5, 0, 0), 0);
		vm_end(&second); /* takes it off */
		expect(irqfd(&vm, fd, 5, 0, 0), 0);
	}
	expect(irqfd(&vm, fd, 5, KVM_IRQFD_FLAG_DEASSIGN, 0), 0);
	expect(irqfd(&vm, fd, 7, 0, 0), 0);
	expect(try(vm.fd, KVM_IRQFD, (void *)8), -EFAULT);
}

/* To a pin of the IOAPIC: an edge each time. */
void t_irqfd_pin(void)
{
	union rte e = { .fields = { .vector = 0x61 } };
	int fd = event_new(0);
	struct vm vm;

	lines_start(&vm);
	ioapic_set(&vm, 20, &e);
	expect(irqfd(&vm, fd, 20, 0, 0), 0);
	for (int i = 1; i <= 3; i++) {
		event_signal(fd);
		come(&vm, 0x61, i);
	}
	expect(irq_line(&vm, 20, 1), 1); /* it was left low */
}

static u32 ioapic_irr(struct vm *vm)
{
	struct kvm_irqchip c = { .chip_id = KVM_IRQCHIP_IOAPIC };

	must(vm->fd, KVM_GET_IRQCHIP, &c);
	return c.chip.ioapic.irr;
}

void t_irqfd_resample(void)
{
	union rte e = { .fields = { .vector = 0x62, .trig_mode = 1 } };
	int fd[2] = { event_new(0), event_new(0) };
	int again[2] = { event_new(0), event_new(0) };
	struct vm vm;

	lines_start(&vm);
	expect(check_extension(&vm, KVM_CAP_IRQFD_RESAMPLE), 1);
	ioapic_set(&vm, 21, &e);
	for (int i = 0; i < 2; i++)
		expect(irqfd(&vm, fd[i], 21, KVM_IRQFD_FLAG_RESAMPLE, again[i]), 0);
	for (int i = 1; i <= 5; i++) {
		event_signal(fd[i & 1]);
		come(&vm, 0x62, i); /* once: the EOI has lowered it */
		expect(event_count(again[0]), 1);
		expect(event_count(again[1]), 1);
		expect(ioapic_get(&vm, 21), e.bits);
	}
	/* asserted while masked, saved, restored: its EOI is seen all the same */
	e.fields.mask = 1;
	ioapic_set(&vm, 21, &e);
	event_signal(fd[0]);
	for (int i = 0; i < 1000 && !(ioapic_irr(&vm) >> 21 & 1); i++)
		usleep(1000);
	e.fields.mask = 0;
	ioapic_set(&vm, 21, &e);
	come(&vm, 0x62, 6);
	expect(event_count(again[0]), 1);
	expect(event_count(again[1]), 1);
	/* the line is up for another, too: the EOI doesn't lower that */
	vm.sh->cpu[0].no_eoi[0x62] = true;
	expect(irq_line(&vm, 21, 1), 1);
	event_signal(fd[0]);
	come(&vm, 0x62, 7);
	expect(event_count(again[0]), 0); /* no EOI yet */
	irq_line(&vm, 21, 0);
	expect(ioapic_get(&vm, 21), e.bits | 1 << 14);
	/* one goes: the line is the other's yet; the other goes: it falls */
	expect(irqfd(&vm, fd[0], 21, KVM_IRQFD_FLAG_DEASSIGN, 0), 0);
	expect(ioapic_irr(&vm) >> 21 & 1, 1);
	expect(irqfd(&vm, fd[1], 21, KVM_IRQFD_FLAG_DEASSIGN, 0), 0);
	expect(ioapic_irr(&vm) >> 21 & 1, 0);
	close(fd[0]);
	close(again[1]);
}

struct race {
	struct vm *vm;
	volatile int stop, fd;
	volatile u64 signals;
};

static void *race_signal(void *arg)
{
	struct race *r = arg;
	u64 one = 1;

	while (!r->stop)
		r->signals += write(r->fd, &one, 8) == 8;
	return NULL;
}

static void *race_routes(void *arg)
{
	struct race *r = arg;

	for (u32 i = 0; !r->stop; i++)
		route_msi(r->vm, 24, i & 1 ? 0x81 : 0x91);
	return NULL;
}

/* Taken off, closed and put on while it fires and while its routes change. */
void t_irqfd_race(void)
{
	pthread_t signaller, router, cpu;
	struct race r = { .fd = event_new(0) };
	volatile u64 *count;
	struct vm vm;
	u64 before;

	vm_start(&vm, 1);
	count = vm.sh->cpu[0].count;
	route_msi(&vm, 24, 0x81);
	vcpu_long(&vm.cpu[0], g_ipi_target, 0);
	pthread_create(&cpu, NULL, vcpu_thread, &vm.cpu[0]);
	while (!vm.sh->ready)
		usleep(100);
	r.vm = &vm;
	pthread_create(&signaller, NULL, race_signal, &r);
	pthread_create(&router, NULL, race_routes, &r);
	for (int i = 0; i < 60; i++) {
		int old = r.fd;

		expect(irqfd(&vm, old, 24, 0, 0), 0);
		usleep(2000);
		if (i % 3) {
			expect(irqfd(&vm, old, 24, KVM_IRQFD_FLAG_DEASSIGN, 0), 0);
			before = count[0x81] + count[0x91];
			usleep(20000);
			/* the last may have been on their way into the guest */
			expect_that(count[0x81] + count[0x91] <= before + 6);
		} else {
			r.fd = event_new(0);
			close(old);
		}
	}
	expect_that(count[0x81] > 0 && count[0x91] > 0 && r.signals > 60);
	expect(irqfd(&vm, r.fd, 24, 0, 0), 0);
	vm.sh->stop = 1;
	pthread_join(cpu, NULL);
	r.stop = 1;
	pthread_join(router, NULL);
	r.stop = 0;
	vm_end(&vm); /* it fires on */
	usleep(10000);
	r.stop = 1;
	pthread_join(signaller, NULL);
}

/* ---- ioeventfd ---- */

#define IO_PORT 0x600

static long ioeventfd(struct vm *vm, int fd, u64 addr, u32 len, u32 flags, u64 match)
{
	struct kvm_ioeventfd e = {
		.fd = fd, .addr = addr, .len = len, .flags = flags, .datamatch = match,
	};

	return try(vm->fd, KVM_IOEVENTFD, &e);
}

#define MATCH KVM_IOEVENTFD_FLAG_DATAMATCH
#define PIO KVM_IOEVENTFD_FLAG_PIO
#define OFF KVM_IOEVENTFD_FLAG_DEASSIGN

static const struct {
	u64 addr;
	u32 len, flags;
	u64 match;
	u64 first, all; /* signals by one round of the guest's writes, and of two */
} fds[] = {
	{ MMIO_AT, 4, MATCH, 5, 1, 2 },
	{ MMIO_AT, 4, MATCH, 7, 0, 0 },
	{ MMIO_AT + 8, 8, 0, 0, 1, 2 },
	{ MMIO_AT + 16, 0, 0, 0, 2, 4 },
	{ IO_PORT, 1, PIO | MATCH, 1, 3, 6 },
	{ IO_PORT + 4, 4, PIO, 0, 1, 2 },
};

guest void g_ioeventfd(u64 rounds)
{
	static const u8 string[] = { 1, 2, 1 };

	for (u64 i = 0; i < rounds; i++) {
		const u8 *p = string;
		u64 n = sizeof(string);

		g_write32(MMIO_AT, 5);
		g_write32(MMIO_AT, 6);
		*(volatile u8 *)MMIO_AT = 5;
		*(volatile u64 *)(MMIO_AT + 8) = 1ull << 40;
		g_write32(MMIO_AT + 16, 9);
		*(volatile u8 *)(MMIO_AT + 16) = 9;
		g_read32(MMIO_AT);
		g_out8(IO_PORT, 1);
		g_out8(IO_PORT, 2);
		g_out32(IO_PORT + 4, 3);
		asm volatile("rep outsb" : "+S"(p), "+c"(n) : "d"(IO_PORT) : "memory");
		g_expect(n, 0);
		g_out8(PORT_SYNC, 0);
	}
}

/* What of the round user space sees. */
static void ioeventfd_round(struct vm *vm)
{
	struct kvm_run *run = vm->cpu[0].run;
	static const struct {
		u32 len, data;
		bool write;
	} mmio[] = { { 4, 6, true }, { 1, 5, true }, { 4, 0, false } };

	for (size_t i = 0; i < ARRAY_SIZE(mmio); i++) {
		u32 data = 0;

		vcpu_run_exit(&vm->cpu[0], KVM_EXIT_MMIO);
		expect(run->mmio.phys_addr, MMIO_AT);
		expect(run->mmio.len, mmio[i].len);
		expect(run->mmio.is_write, mmio[i].write);
		memcpy(&data, run->mmio.data, 4);
		if (mmio[i].write)
			expect(data, mmio[i].data);
	}
	for (int i = 0; i < 2; i++) {
		vcpu_until(&vm->cpu[0], IO_PORT);
		expect(*((u8 *)run + run->io.data_offset), 2);
		expect(run->io.count, 1);
	}
	vcpu_until(&vm->cpu[0], PORT_SYNC);
}

void t_ioeventfd(void)
{
	int fd[ARRAY_SIZE(fds)];
	struct vm vm;

	vm_start(&vm, 1);
	expect(check_extension(&vm, KVM_CAP_IOEVENTFD), 1);
	expect(check_extension(&vm, KVM_CAP_IOEVENTFD_NO_LENGTH), 1);
	expect(check_extension(&vm, KVM_CAP_IOEVENTFD_ANY_LENGTH), 1);
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		fd[i] = event_new(0);
		expect(ioeventfd(&vm, fd[i], fds[i].addr, fds[i].len, fds[i].flags,
				 fds[i].match), 0);
	}
	vcpu_long(&vm.cpu[0], g_ioeventfd, 3);
	ioeventfd_round(&vm);
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		expect(event_count(fd[i]), fds[i].first);
	ioeventfd_round(&vm);
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		expect(event_count(fd[i]), fds[i].all - fds[i].first);
		expect(ioeventfd(&vm, fd[i], fds[i].addr, fds[i].len, fds[i].flags | OFF,
				 fds[i].match), 0);
	}
	/* none is left: the first write of the round is seen */
	vcpu_run_exit(&vm.cpu[0], KVM_EXIT_MMIO);
	expect(vm.cpu[0].run->mmio.data[0], 5);
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		expect(event_count(fd[i]), 0);
}

void t_ioeventfd_input(void)
{
	int fd = event_new(0), other = event_new(0), pipes[2];
	struct vm vm;

	expect(pipe(pipes), 0);
	vm_create(&vm);
	expect(ioeventfd(&vm, fd, MMIO_AT, 3, 0, 0), -EINVAL);
	expect(ioeventfd(&vm, fd, MMIO_AT, 16, 0, 0), -EINVAL);
	expect(ioeventfd(&vm, fd, MMIO_AT, 0, MATCH, 0), -EINVAL);
	expect(ioeventfd(&vm, fd, ~0ull - 2, 4, 0, 0), -EINVAL);
	expect(ioeventfd(&vm, fd, MMIO_AT, 4, 1 << 9, 0), -EINVAL);
	expect(ioeventfd(&vm, -1, MMIO_AT, 4, 0, 0), -EBADF);
	expect(ioeventfd(&vm, pipes[0], MMIO_AT, 4, 0, 0), -EINVAL);
	expect(ioeventfd(&vm, fd, MMIO_AT, 4, OFF, 0), -ENOENT);
	expect(ioeventfd(&vm, -1, MMIO_AT, 4, OFF, 0), -EBADF);
	expect(try(vm.fd, KVM_IOEVENTFD, (void *)8), -EFAULT);

	expect(ioeventfd(&vm, fd, MMIO_AT, 4, MATCH, 5), 0);
	expect(ioeventfd(&vm, fd, MMIO_AT, 4, MATCH, 5), -EEXIST);
	expect(ioeventfd(&vm, other, MMIO_AT, 4, MATCH, 5), -EEXIST);
	expect(ioeventfd(&vm, other, MMIO_AT, 4, 0, 0), -EEXIST);
	expect(ioeventfd(&vm, other, MMIO_AT, 0, 0, 0), -EEXIST);
	expect(ioeventfd(&vm, other, MMIO_AT, 4, MATCH, 6), 0);
	expect(ioeventfd(&vm, other, MMIO_AT, 8, 0, 0), 0);
	expect(ioeventfd(&vm, other, MMIO_AT, 4, PIO | MATCH, 5), 0);
	expect(ioeventfd(&vm, other, MMIO_AT, 4, OFF | MATCH, 5), -ENOENT);
	expect(ioeventfd(&vm, fd, MMIO_AT, 4, OFF | MATCH, 6), -ENOENT);
	expect(ioeventfd(&vm, fd, MMIO_AT, 4, OFF, 5), -ENOENT);
	expect(ioeventfd(&vm, fd, MMIO_AT, 2, OFF | MATCH, 5), -ENOENT);
	expect(ioeventfd(&vm, fd, MMIO_AT, 4, OFF | MATCH, 5), 0);
	expect(ioeventfd(&vm, fd, MMIO_AT, 4, OFF | MATCH, 5), -ENOENT);
	expect(ioeventfd(&vm, other, MMIO_AT, 4, MATCH, 5), 0);
	close(other);
	vm_end(&vm);
}

/* ---- coalesced writes ---- */

#define ZONE (MMIO_AT + 0x1000)
#define ZONE_SIZE 0x100
#define ZONE_PORT 0x700
/* KVM_COALESCED_MMIO_MAX, for pages of 4096 */
#define RING_MAX ((4096 - sizeof(struct kvm_coalesced_mmio_ring)) / \
		  sizeof(struct kvm_coalesced_mmio))

static long zone(struct vm *vm, unsigned long cmd, u64 addr, u32 size, u32 pio)
{
	struct kvm_coalesced_mmio_zone z = { .addr = addr, .size = size, .pio = pio };

	return try(vm->fd, cmd, &z);
}

guest void g_coalesced(u64 arg)
{
	for (u32 i = 0;; i++)
		g_write32(ZONE + 4 * (i % 8), i);
}

guest void g_coalesced_edges(u64 arg)
{
	*(volatile u64 *)ZONE = 0x1122334455667788ull;
	*(volatile u8 *)(ZONE + ZONE_SIZE - 1) = 0x99;
	g_out32(ZONE_PORT, 0xaabbccdd);
	g_out8(ZONE_PORT + 3, 0xee);
	g_write32(ZONE + ZONE_SIZE - 2, 0); /* sticks out */
	g_read32(ZONE);
	g_out32(ZONE_PORT + 2, 0); /* sticks out */
	g_out8(PORT_SYNC, 0);
	g_write32(ZONE, 1);
}

static struct kvm_coalesced_mmio_ring *ring_of(struct vm *vm)
{
	long page = check_extension(vm, KVM_CAP_COALESCED_MMIO);

	expect(page, KVM_COALESCED_MMIO_PAGE_OFFSET);
	expect(check_extension(vm, KVM_CAP_COALESCED_PIO), 1);
	return (void *)((u8 *)vm->cpu[0].run + page * 4096);
}

static void seen(struct vm *vm, u32 value)
{
	u32 data;

	vcpu_run_exit(&vm->cpu[0], KVM_EXIT_MMIO);
	memcpy(&data, vm->cpu[0].run->mmio.data, 4);
	expect(data, value);
	expect(vm->cpu[0].run->mmio.phys_addr, ZONE + 4 * (value % 8));
}

static void coalesced_edges(struct vm *vm)
{
	volatile struct kvm_coalesced_mmio_ring *ring = ring_of(vm);
	static const struct {
		u64 addr, data;
		u32 len, pio;
	} want[] = {
		{ ZONE, 0x1122334455667788ull, 8, 0 },
		{ ZONE + ZONE_SIZE - 1, 0x99, 1, 0 },
		{ ZONE_PORT, 0xaabbccdd, 4, 1 },
		{ ZONE_PORT + 3, 0xee, 1, 1 },
	};

	ring->first = ring->last = 0;
	vcpu_long(&vm->cpu[0], g_coalesced_edges, 0);
	vcpu_run_exit(&vm->cpu[0], KVM_EXIT_MMIO);
	expect(vm->cpu[0].run->mmio.phys_addr, ZONE + ZONE_SIZE - 2);
	vcpu_run_exit(&vm->cpu[0], KVM_EXIT_MMIO);
	expect(vm->cpu[0].run->mmio.is_write, 0);
	vcpu_until(&vm->cpu[0], ZONE_PORT + 2);
	expect(ring->first, 0);
	expect(ring->last, ARRAY_SIZE(want));
	for (size_t i = 0; i < ARRAY_SIZE(want); i++) {
		struct kvm_coalesced_mmio e = ring->coalesced_mmio[i];

		expect(e.phys_addr, want[i].addr);
		expect(e.len, want[i].len);
		expect(e.pio, want[i].pio);
		expect(memcmp(e.data, &want[i].data, e.len), 0);
	}
	vcpu_until(&vm->cpu[0], PORT_SYNC);
}

void t_coalesced(void)
{
	volatile struct kvm_coalesced_mmio_ring *ring;
	const u32 n = RING_MAX - 1; /* one entry stays free */
	struct vm vm;

	vm_start(&vm, 2);
	ring = ring_of(&vm);
	expect(zone(&vm, KVM_REGISTER_COALESCED_MMIO, ZONE, ZONE_SIZE, 0), 0);
	expect(zone(&vm, KVM_REGISTER_COALESCED_MMIO, ZONE_PORT, 4, 1), 0);
	vcpu_long(&vm.cpu[0], g_coalesced, 0);
	seen(&vm, n); /* full */
	expect(ring->first, 0);
	expect(ring->last, n);
	for (u32 i = 0; i < n; i++) {
		u32 data;

		memcpy(&data, (u8 *)ring->coalesced_mmio[i].data, 4);
		expect(data, i);
		expect(ring->coalesced_mmio[i].phys_addr, ZONE + 4 * (i % 8));
	}
	seen(&vm, n + 1); /* still full */
	/* all vCPUs' mappings show the same ring */
	ring = (void *)((u8 *)vm.cpu[1].run + 2 * 4096);
	expect(ring->last, n);
	ring->first = 10;
	seen(&vm, n + 2 + 10); /* around the end */
	expect(ring->last, 9);
	/* nobody believes the indices */
	ring->last = RING_MAX;
	seen(&vm, n + 13);
	ring->last = ~0u;
	seen(&vm, n + 14);
	expect(ring->last, ~0u);
	ring->last = 0;
	ring->first = 3;
	seen(&vm, n + 17);
	coalesced_edges(&vm);
	expect(zone(&vm, KVM_UNREGISTER_COALESCED_MMIO, ZONE, ZONE_SIZE, 0), 0);
	vcpu_run_exit(&vm.cpu[0], KVM_EXIT_MMIO);
	expect(vm.cpu[0].run->mmio.phys_addr, ZONE);
}

void t_coalesced_input(void)
{
	struct vm vm;

	vm_create(&vm);
	expect(zone(&vm, KVM_REGISTER_COALESCED_MMIO, ZONE, 16, 2), -EINVAL);
	expect(zone(&vm, KVM_UNREGISTER_COALESCED_MMIO, ZONE, 16, 2), -EINVAL);
	expect(zone(&vm, KVM_UNREGISTER_COALESCED_MMIO, ZONE, 16, 0), 0);
	expect(zone(&vm, KVM_REGISTER_COALESCED_MMIO, ~0ull - 4, 16, 0),
	       is_vintc() ? -EINVAL : 0);
	expect(try(vm.fd, KVM_REGISTER_COALESCED_MMIO, (void *)8), -EFAULT);
	for (int i = 0; i < 1000; i++)
		if (zone(&vm, KVM_REGISTER_COALESCED_MMIO, ZONE, 16, 0))
			break;
	expect(zone(&vm, KVM_REGISTER_COALESCED_MMIO, ZONE, 16, 0), -ENOSPC);
	expect(zone(&vm, KVM_UNREGISTER_COALESCED_MMIO, ZONE, 16, 0), 0); /* all */
	expect(zone(&vm, KVM_REGISTER_COALESCED_MMIO, ZONE, 16, 0), 0);
	vm_end(&vm);
}

/* ---- split irqchip ---- */

static long split(struct vm *vm, u64 pins)
{
	struct kvm_enable_cap c = { .cap = KVM_CAP_SPLIT_IRQCHIP, .args[0] = pins };

	return try(vm->fd, KVM_ENABLE_CAP, &c);
}

#define LEVEL_MSI (1 << 15 | 1 << 14)

void t_split(void)
{
	volatile u64 *count;
	struct kvm_run *run;
	struct vm vm;

	vm_create(&vm);
	expect(check_extension(&vm, KVM_CAP_SPLIT_IRQCHIP), 1);
	expect(split(&vm, 24), 0);
	vm_memory(&vm, NULL);
	vcpu_create(&vm, 0);
	run = vm.cpu[0].run;
	count = vm.sh->cpu[0].count;
	vcpu_long(&vm.cpu[0], g_lines, 0);
	vcpu_until(&vm.cpu[0], PORT_SYNC);
	/* a pin's level: user space is told of the EOI */
	route_msi(&vm, 5, LEVEL_MSI | 0x63);
	for (int i = 1; i <= 3; i++) {
		expect(irq_line(&vm, 5, 1), 1);
		vcpu_run_exit(&vm.cpu[0], KVM_EXIT_IOAPIC_EOI);
		expect(run->eoi.vector, 0x63);
		expect(count[0x63], i);
		vcpu_until(&vm.cpu[0], PORT_SYNC);
	}
	/* what was sent before the route changed still counts */
	expect(irq_line(&vm, 5, 1), 1);
	vm.sh->cpu[0].no_eoi[0x63] = true;
	vcpu_until(&vm.cpu[0], PORT_SYNC);
	expect(count[0x63], 4);
	route_msi(&vm, 5, 0x64); /* an edge */
	vm.sh->cpu[0].no_eoi[0x64] = false;
	expect(irq_line(&vm, 5, 1), 1);
	vcpu_until(&vm.cpu[0], PORT_SYNC);
	vm_end(&vm);

	vm_create(&vm);
	expect(split(&vm, 24), 0);
	vm_memory(&vm, NULL);
	vcpu_create(&vm, 0);
	count = vm.sh->cpu[0].count;
	vcpu_long(&vm.cpu[0], g_lines, 0);
	vcpu_until(&vm.cpu[0], PORT_SYNC);
	/* no pin of user space's IOAPICs */
	route_msi(&vm, 30, LEVEL_MSI | 0x65);
	vcpu_until(&vm.cpu[0], PORT_SYNC); /* it knows; else it takes it for one whose route is gone */
	expect(irq_line(&vm, 30, 1), 1);
	vcpu_until(&vm.cpu[0], PORT_SYNC);
	expect(count[0x65], 1);
	/* irqfds work */
	int fd = event_new(0);
	expect(irqfd(&vm, fd, 30, 0, 0), 0);
	event_signal(fd);
	come(&vm, 0x65, 2);
}

void t_split_input(void)
{
	struct kvm_irqchip c = { .chip_id = KVM_IRQCHIP_IOAPIC };
	struct {
		struct kvm_irq_routing h;
		struct kvm_irq_routing_entry e[1];
	} r = { .h.nr = 1, .e[0] = { .gsi = 5, .type = KVM_IRQ_ROUTING_IRQCHIP } };
	int fd = event_new(0);
	struct vm vm;

	vm_create(&vm);
	expect(split(&vm, 4097), -EINVAL);
	expect(split(&vm, 24), 0);
	expect(split(&vm, 24), -EEXIST);
	expect(try(vm.fd, KVM_CREATE_IRQCHIP, 0), -EEXIST);
	expect(try(vm.fd, KVM_GET_IRQCHIP, &c), -ENXIO);
	expect(try(vm.fd, KVM_SET_IRQCHIP, &c), -ENXIO);
	r.e[0].u.irqchip.irqchip = KVM_IRQCHIP_IOAPIC;
	expect(try(vm.fd, KVM_SET_GSI_ROUTING, &r), -EINVAL);
	expect(irqfd(&vm, fd, 5, KVM_IRQFD_FLAG_RESAMPLE, fd), -EINVAL);
	vm_end(&vm);

	vm_start(&vm, 0);
	expect(split(&vm, 24), -EEXIST);
	vm_end(&vm);
	vm_start_bare(&vm);
	expect(split(&vm, 24), -EEXIST);
}
