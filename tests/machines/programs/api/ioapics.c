// SPDX-License-Identifier: GPL-2.0-only
/* IOAPICs beyond KVM's, and storms of level interrupts. */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "api.h"
#include "../../../../uapi/vintc.h"

static long ioapic_create(struct vm *vm, u64 address, u32 gsi, u32 pins)
{
	struct vintc_ioapic io = { .address = address, .gsi = gsi, .pins = pins };
	long r = try(vm->fd, VINTC_CREATE_IOAPIC, &io);

	return r ? r : io.index;
}

void t_ioapics_input(void)
{
	static const struct vintc_ioapic bad[] = {
		{ .flags = 1 }, { .index = 1 }, { .address = 0x80 }, { .address = 1ull << 52 },
		{ .gsi = 4096 }, { .gsi = ~0u - 23 }, { .pins = 23 }, { .pins = 241 }, { .id = 16 },
		{ .reserved[8] = 1 },
	};
	static struct vintc_ioapic_state st, again;
	struct vm vm;

	if (!is_vintc())
		skip("vintc's own");
	vm_create(&vm);
	expect(ioapic_create(&vm, 0xfec01000, 24, 24), -ENXIO);
	expect(try(vm.fd, VINTC_GET_IOAPIC, &st), -ENXIO);
	vm_irqchip(&vm);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct vintc_ioapic io = bad[i];

		io.address = io.address ?: 0xfec01000;
		io.gsi = io.gsi ?: 24;
		io.pins = io.pins ?: 24;
		if (try(vm.fd, VINTC_CREATE_IOAPIC, &io) != -EINVAL)
			fail("row %d is taken", (int)i);
	}
	expect(try(vm.fd, VINTC_CREATE_IOAPIC, (void *)8), -EFAULT);
	expect(ioapic_create(&vm, 0xfec00000, 24, 24), -EEXIST);
	expect(ioapic_create(&vm, 0xfee00100, 24, 24), -EEXIST);
	expect(ioapic_create(&vm, 0xfec01000, 23, 24), -EEXIST);
	expect(ioapic_create(&vm, 0xfec01000, 24, 240), 1);
	expect(ioapic_create(&vm, 0xfec01000, 264, 24), -EEXIST);
	expect(ioapic_create(&vm, 0xfec01100, 263, 24), -EEXIST);
	expect(ioapic_create(&vm, 0xfec01100, 4096 - 24, 24), 2);
	for (int i = 3; i < VINTC_MAX_IOAPICS; i++)
		expect(ioapic_create(&vm, 0xfec00000 + i * 0x1000, 264 + i * 24, 24), i);
	expect(ioapic_create(&vm, 0xfed00000, 2000, 24), -ENOSPC);
	st.index = VINTC_MAX_IOAPICS;
	expect(try(vm.fd, VINTC_GET_IOAPIC, &st), -EINVAL);
	st = (struct vintc_ioapic_state){ .index = 1, .flags = 1 };
	expect(try(vm.fd, VINTC_GET_IOAPIC, &st), -EINVAL);
	st = (struct vintc_ioapic_state){ .index = 1 };
	expect(try(vm.fd, VINTC_GET_IOAPIC, &st), 0);
	expect(st.pins, 240);
	expect(st.address, 0xfec01000);
	expect(st.rte[239], 0x10000);
	expect(try(vm.fd, VINTC_SET_IOAPIC, &st), 0);
#define WRONG(field, value)                                                    \
	do {                                                                   \
		again = st;                                                    \
		again.field = value;                                           \
		expect(try(vm.fd, VINTC_SET_IOAPIC, &again), -EINVAL);         \
	} while (0)
	WRONG(flags, 1);
	WRONG(index, 16);
	WRONG(pins, 24);
	WRONG(address, 0xfec00000);
	WRONG(ioregsel, 0x200);
	WRONG(id, 16);
	WRONG(reserved0, 1);
	WRONG(reserved[7], 1);
	WRONG(irr[3], 1ull << 48);
	WRONG(rte[0], 1 << 17);
	st.index = 2;
	expect(try(vm.fd, VINTC_GET_IOAPIC, &st), 0);
	WRONG(rte[24], 1);
	expect(try(vm.fd, VINTC_SET_IOAPIC, (void *)8), -EFAULT);
	vm_memory(&vm, NULL);
	vcpu_create(&vm, 0);
	expect(ioapic_create(&vm, 0xfed00000, 2000, 24), -EBUSY);
}

guest void g_ioapics(u64 arg)
{
	g_apic_on(false);
	g_write32(0xfec01000, 0x10 + 2 * 200);
	g_write32(0xfec01010, 0x8055);
	g_write32(0xfec00000, 0x10 + 2 * 16);
	g_write32(0xfec00010, 0x8055);
	for (;;) {
		g_sti();
		asm volatile("nop; nop; nop");
		g_cli();
		g_out8(PORT_SYNC, 0);
	}
}

/* A second IOAPIC, and a guest that is ready for its interrupts: their count. */
static volatile u64 *start_ioapics(struct vm *vm)
{
	vm_create(vm);
	vm_irqchip(vm);
	expect(ioapic_create(vm, 0xfec01000, 24, 240), 1);
	vm_memory(vm, NULL);
	vcpu_create(vm, 0);
	vcpu_long(&vm->cpu[0], g_ioapics, 0);
	vcpu_until(&vm->cpu[0], PORT_SYNC);
	return &vm->sh->cpu[0].count[0x55];
}

/* Pins of two IOAPICs with one vector; an irqfd with resample; state; routes. */
void t_ioapics(void)
{
	struct kvm_irqfd fd = { .fd = eventfd(0, EFD_NONBLOCK), .gsi = 24 + 200, .flags = KVM_IRQFD_FLAG_RESAMPLE,
				.resamplefd = eventfd(0, EFD_NONBLOCK) };
	struct {
		struct kvm_irq_routing head;
		struct kvm_irq_routing_entry e[2];
	} table = { { 2 }, { { .gsi = 7, .type = KVM_IRQ_ROUTING_IRQCHIP, .u.irqchip = { 3, 200 } },
			     { .gsi = 8, .type = KVM_IRQ_ROUTING_IRQCHIP, .u.irqchip = { 2, 16 } } } };
	static struct vintc_ioapic_state st = { .index = 1 };
	volatile u64 *count;
	struct vm vm;
	u64 n = 1;

	if (!is_vintc())
		skip("vintc's own");
	count = start_ioapics(&vm);
	expect(irq_line(&vm, 24 + 200, 1), 1);
	expect(irq_line(&vm, 24 + 201, 1), -1); /* masked */
	expect(irq_line(&vm, 264, 1), -1); /* nowhere */
	vm.sh->cpu[0].no_eoi[0x55] = true;
	vcpu_until(&vm.cpu[0], PORT_SYNC);
	expect(*count, 1);
	must(vm.fd, VINTC_GET_IOAPIC, &st);
	expect(st.rte[200], 0xc055);
	expect(st.irr[3], 1 << 8);
	expect(irq_line(&vm, 24 + 200, 0), 1);
	vm.sh->cpu[0].no_eoi[0x55] = false;
	/* Restored as asserted and in service: the EOI sends it again. */
	must(vm.fd, VINTC_SET_IOAPIC, &st);
	must(vm.fd, VINTC_GET_IOAPIC, &st);
	expect(st.rte[200], 0xc055);
	st.rte[200] = 0x8055;
	must(vm.fd, VINTC_SET_IOAPIC, &st); /* and what was not in service is sent */
	must(vm.fd, VINTC_GET_IOAPIC, &st);
	expect(st.rte[200], 0xc055);
	expect(irq_line(&vm, 24 + 200, 0), 1);
	vm_end(&vm);

	count = start_ioapics(&vm);
	must(vm.fd, KVM_IRQFD, &fd);
	for (int i = 0; i < 5; i++) {
		u64 one = 1;

		expect(write(fd.fd, &one, 8), 8);
		vcpu_until(&vm.cpu[0], PORT_SYNC);
		expect(*count, n++);
		expect(read(fd.resamplefd, &one, 8), 8); /* its EOI */
	}
	must(vm.fd, KVM_SET_GSI_ROUTING, &table);
	expect(irq_line(&vm, 24 + 200, 1), -1);
	for (int gsi = 7; gsi < 9; gsi++) {
		expect(irq_line(&vm, gsi, 1), 1);
		expect(irq_line(&vm, gsi, 0), 1);
		vcpu_until(&vm.cpu[0], PORT_SYNC);
		expect(*count, n++);
	}
	table.e[0].u.irqchip.pin = 240;
	expect(try(vm.fd, KVM_SET_GSI_ROUTING, &table), -EINVAL);
	table.e[0].u.irqchip.irqchip = 4;
	table.e[0].u.irqchip.pin = 0;
	expect(try(vm.fd, KVM_SET_GSI_ROUTING, &table), -EINVAL);
}

/* A guest whose handler never serves its level line still gets on. */
guest void g_storm(u64 arg)
{
	g_apic_on(false);
	SH->ready = 1;
	g_sti();
	for (;;) {
		SH->val[0]++;
		if (SH->stop)
			g_out8(PORT_DONE, 0);
	}
}

void t_level_storm(void)
{
	struct vintc_policy p = { .policy = VINTC_POLICY_LEVEL_STORM, .value = 100 };
	union rte e = { .fields = { .vector = 0x66, .trig_mode = 1 } };
	volatile u64 *count;
	pthread_t t;
	struct vm vm;
	u64 before;

	vm_start(&vm, 1);
	if (is_vintc())
		expect(try(vm.fd, VINTC_SET_POLICY, &p), 0);
	count = &vm.sh->cpu[0].count[0x66];
	ioapic_set(&vm, 16, &e);
	vcpu_long(&vm.cpu[0], g_storm, 0);
	pthread_create(&t, NULL, vcpu_thread, &vm.cpu[0]);
	while (!vm.sh->ready)
		usleep(1000);
	expect(irq_line(&vm, 16, 1), 1);
	while (*count < (is_vintc() ? 300 : 20000))
		usleep(1000);
	before = vm.sh->val[0];
	usleep(100000);
	expect_that(vm.sh->val[0] > before + 1000);
	expect(irq_line(&vm, 16, 0), 1);
	vm.sh->stop = 1;
	pthread_join(t, NULL);
}
