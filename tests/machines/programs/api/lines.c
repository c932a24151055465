// SPDX-License-Identifier: GPL-2.0-only
/* IOAPIC, lines, MSIs, routes. */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "api.h"

/* ---- lines, MSIs, routes ---- */

void ioapic_set(struct vm *vm, int pin, union rte *e)
{
	struct kvm_irqchip c = { .chip_id = KVM_IRQCHIP_IOAPIC };

	must(vm->fd, KVM_GET_IRQCHIP, &c);
	memcpy(&c.chip.ioapic.redirtbl[pin], e, sizeof(*e));
	must(vm->fd, KVM_SET_IRQCHIP, &c);
}

u64 ioapic_get(struct vm *vm, int pin)
{
	struct kvm_irqchip c = { .chip_id = KVM_IRQCHIP_IOAPIC };

	must(vm->fd, KVM_GET_IRQCHIP, &c);
	return c.chip.ioapic.redirtbl[pin].bits;
}

int irq_line(struct vm *vm, int gsi, int level)
{
	struct kvm_irq_level l = { .irq = gsi, .level = level };

	must(vm->fd, KVM_IRQ_LINE_STATUS, &l);
	return l.status;
}

static int send_msi(struct vm *vm, u32 dest, u32 data)
{
	struct kvm_msi m = { .address_lo = 0xfee00000 | dest << 12, .data = data };

	return try(vm->fd, KVM_SIGNAL_MSI, &m);
}

guest void g_lines(u64 arg)
{
	g_apic_on(false);
	for (;;) {
		g_out8(PORT_SYNC, 0);
		g_sti();
		asm volatile("nop; nop; nop");
		g_cli();
	}
}

void t_ioapic_reset(void)
{
	struct kvm_irqchip c = { .chip_id = KVM_IRQCHIP_IOAPIC };
	struct vm vm;

	vm_start(&vm, 1);
	must(vm.fd, KVM_GET_IRQCHIP, &c);
	expect(c.chip.ioapic.base_address, IOAPIC_AT);
	expect(c.chip.ioapic.irr, 0);
	for (int i = 0; i < 24; i++)
		expect(c.chip.ioapic.redirtbl[i].bits, 0x10000);
}

void t_line_edge(void)
{
	union rte e = { .fields = { .vector = 0x61 } };
	volatile u64 *count;
	struct vm vm;

	vm_start(&vm, 1);
	count = &vm.sh->cpu[0].count[0x61];
	vcpu_long(&vm.cpu[0], g_lines, 0);
	vcpu_until(&vm.cpu[0], PORT_SYNC);
	e.fields.mask = 1;
	ioapic_set(&vm, 20, &e);
	expect(irq_line(&vm, 20, 1), -1); /* masked */
	expect(irq_line(&vm, 20, 0), 1);
	e.fields.mask = 0;
	ioapic_set(&vm, 20, &e);
	vcpu_until(&vm.cpu[0], PORT_SYNC);
	expect(*count, 0);
	expect(irq_line(&vm, 20, 1), 1);
	expect(irq_line(&vm, 20, 1), 0); /* no new edge */
	expect(irq_line(&vm, 20, 0), 1);
	vcpu_until(&vm.cpu[0], PORT_SYNC);
	expect(*count, 1);
	expect(irq_line(&vm, 20, 1), 1);
	expect(irq_line(&vm, 20, 0), 1);
	vcpu_until(&vm.cpu[0], PORT_SYNC);
	expect(*count, 2);
	expect(ioapic_get(&vm, 20), e.bits);
	/* an unknown GSI */
	struct kvm_irq_level l = { .irq = 3000, .level = 1 };
	must(vm.fd, KVM_IRQ_LINE_STATUS, &l);
	expect(l.status, -1);
}

void t_line_level(void)
{
	union rte e = { .fields = { .vector = 0x62, .trig_mode = 1 } };
	volatile u64 *count;
	struct gcpu *c;
	struct vm vm;

	vm_start(&vm, 1);
	c = &vm.sh->cpu[0];
	count = &c->count[0x62];
	vcpu_long(&vm.cpu[0], g_lines, 0);
	vcpu_until(&vm.cpu[0], PORT_SYNC);
	ioapic_set(&vm, 21, &e);
	expect(irq_line(&vm, 21, 1), 1);
	expect(ioapic_get(&vm, 21), e.bits | 1 << 14); /* remote IRR */
	expect(irq_line(&vm, 21, 1), -1); /* as KVM: still in service */
	/* the line stays up: comes again after each EOI; without EOI it does not */
	c->no_eoi[0x62] = true;
	vcpu_until(&vm.cpu[0], PORT_SYNC);
	expect(*count, 1);
	vcpu_until(&vm.cpu[0], PORT_SYNC);
	expect(*count, 1);
	expect(ioapic_get(&vm, 21), e.bits | 1 << 14);
	expect(irq_line(&vm, 21, 0), 1);
	expect(ioapic_get(&vm, 21), e.bits | 1 << 14); /* till the EOI */
}

guest void g_level_eoi(u64 n)
{
	struct gcpu *c = this_cpu();

	g_apic_on(SH->arg[0]);
	c->no_eoi[0x63] = true;
	SH->ready = 1;
	g_sti();
	for (u64 i = 1; i <= n; i++) {
		g_wait(c->count[0x63] == i);
		g_expect(g_apic_read(APIC_TMR + 0x30) >> 3 & 1, 1);
		if (i % 2) { /* the host takes the line down first */
			SH->go = i;
			g_wait(SH->arg[3] == i);
		} /* else it is still up: the next comes by itself */
		g_apic_write(APIC_EOI, 0);
	}
	SH->go = n + 1;
	g_cli();
}

/* Level-triggered: the guest's EOI clears remote IRR, a line still up asserts anew. */
static void level_eoi(bool x2apic)
{
	union rte e = { .fields = { .vector = 0x63, .trig_mode = 1 } };
	const u64 n = 40;
	pthread_t t;
	struct vm vm;

	vm_start(&vm, 1);
	vm.sh->arg[0] = x2apic;
	vcpu_long(&vm.cpu[0], g_level_eoi, n);
	pthread_create(&t, NULL, vcpu_thread, &vm.cpu[0]);
	while (!vm.sh->ready)
		usleep(100);
	ioapic_set(&vm, 21, &e);
	expect(irq_line(&vm, 21, 1), 1);
	for (u64 i = 1; i <= n; i += 2) {
		while (vm.sh->go != i)
			usleep(100);
		irq_line(&vm, 21, 0);
		expect(vm.sh->cpu[0].count[0x63], i);
		/* up again before the EOI: not lost, and not twice */
		irq_line(&vm, 21, 1);
		if (i + 1 == n) /* the last EOI shall find it down */
			irq_line(&vm, 21, 0), irq_line(&vm, 21, 1);
		vm.sh->arg[3] = i;
	}
	pthread_join(t, NULL);
	expect(irq_line(&vm, 21, 0), 1);
	expect_that(vm.sh->cpu[0].count[0x63] >= n);
}

void t_level_eoi(void) { level_eoi(false); }
void t_level_eoi_x2apic(void) { level_eoi(true); }

/* The guest programs the IOAPIC by MMIO. */
guest void g_ioapic_mmio(u64 arg)
{
	struct gcpu *c = this_cpu();

	g_apic_on(false);
	g_sti();
	g_write32(IOAPIC_AT, 1);
	g_expect(g_read32(IOAPIC_AT + 0x10) & 0xff00ff, 0x170011);
	g_write32(IOAPIC_AT, 0x10 + 2 * 22 + 1);
	g_write32(IOAPIC_AT + 0x10, 0);
	g_write32(IOAPIC_AT, 0x10 + 2 * 22);
	g_write32(IOAPIC_AT + 0x10, 0x64);
	g_expect(g_read32(IOAPIC_AT + 0x10), 0x64);
	g_out8(PORT_SYNC, 0);
	g_wait(c->count[0x64] == 1);
	g_write32(IOAPIC_AT + 0x10, 0x10064); /* masked */
	g_out8(PORT_SYNC, 0);
	asm volatile("nop; nop; nop");
	g_expect(c->count[0x64], 1);
	g_cli();
}

void t_ioapic_mmio(void)
{
	struct vm vm;

	vm_start(&vm, 1);
	vcpu_long(&vm.cpu[0], g_ioapic_mmio, 0);
	for (int i = 0; i < 2; i++) {
		vcpu_until(&vm.cpu[0], PORT_SYNC);
		irq_line(&vm, 22, 1);
		irq_line(&vm, 22, 0);
	}
	vcpu_done(&vm.cpu[0]);
}

/* Nobody takes it, so nobody will send the EOI that ends its service. */
void t_level_disabled(void)
{
	union rte e = { .fields = { .vector = 0x63, .trig_mode = 1 } };
	volatile u64 *count;
	struct vm vm;

	vm_start(&vm, 1);
	count = &vm.sh->cpu[0].count[0x63];
	vcpu_long(&vm.cpu[0], g_lines, 0);
	ioapic_set(&vm, 22, &e);
	irq_line(&vm, 22, 1); /* the APIC is off */
	expect(ioapic_get(&vm, 22), e.bits);
	irq_line(&vm, 22, 0);
	vcpu_until(&vm.cpu[0], PORT_SYNC);
	irq_line(&vm, 22, 1);
	irq_line(&vm, 22, 0);
	vcpu_until(&vm.cpu[0], PORT_SYNC);
	expect(*count, 1);
}

/* SDM 3A "Processor State After Reset": INIT keeps CR0.CD and CR0.NW. */
void t_init_cr0(void)
{
	struct kvm_mp_state mp;
	struct kvm_sregs s;
	struct vm vm;

	vm_start(&vm, 2);
	expect_that(send_msi(&vm, 1, 0x500) >= 0); /* INIT */
	must(vm.cpu[1].fd, KVM_GET_MP_STATE, &mp);
	if (!is_vintc() && mp.mp_state == KVM_MP_STATE_UNINITIALIZED)
		skip("KVM takes no INIT by MSI here");
	expect(mp.mp_state, KVM_MP_STATE_INIT_RECEIVED);
	sregs_get(&vm.cpu[1], &s);
	expect(s.cr0, 0x60000010);
	expect(s.cs.base, 0xffff0000);
}

void t_msi(void)
{
	volatile u64 *count;
	struct vm vm;

	vm_start(&vm, 1);
	count = vm.sh->cpu[0].count;
	vcpu_long(&vm.cpu[0], g_lines, 0);
	expect(send_msi(&vm, 0, 0x70), 0); /* the APIC is off */
	vcpu_until(&vm.cpu[0], PORT_SYNC);
	expect(send_msi(&vm, 0, 0x71), 1);
	expect(send_msi(&vm, 0, 0x71), 1); /* coalesced, but KVM says delivered */
	expect(send_msi(&vm, 0, 0x72), 1);
	expect(send_msi(&vm, 7, 0x73), 0); /* nobody there */
	vcpu_until(&vm.cpu[0], PORT_SYNC);
	expect(count[0x70], 0);
	expect(count[0x71], 1);
	expect(count[0x72], 1);
	expect(count[0x73], 0);
	expect(vm.sh->cpu[0].log[0], 0x72);
	/* an offset alone, as QEMU gives it */
	struct kvm_msi m = { .address_lo = 0, .data = 0x74 };
	expect(try(vm.fd, KVM_SIGNAL_MSI, &m), 1);
	vcpu_until(&vm.cpu[0], PORT_SYNC);
	expect(count[0x74], 1);
}

struct route_args {
	struct vm *vm;
	volatile int stop;
	long swaps;
};

void route_msi(struct vm *vm, u32 gsi, u32 data)
{
	struct {
		struct kvm_irq_routing h;
		struct kvm_irq_routing_entry e[1];
	} r = { .h.nr = 1 };

	r.e[0].gsi = gsi;
	r.e[0].type = KVM_IRQ_ROUTING_MSI;
	r.e[0].u.msi.address_lo = 0xfee00000;
	r.e[0].u.msi.data = data;
	must(vm->fd, KVM_SET_GSI_ROUTING, &r);
}

static void *route_swapper(void *arg)
{
	struct route_args *a = arg;

	while (!a->stop) {
		route_msi(a->vm, 24, a->swaps & 1 ? 0x81 : 0x91);
		a->swaps++;
	}
	return NULL;
}

/* Routes are swapped while interrupts use them: each arrives once, by one of them. */
void t_route_swap(void)
{
	struct route_args a = { 0 };
	pthread_t swapper, cpu;
	volatile u64 *count;
	struct vm vm;

	vm_start(&vm, 1);
	count = vm.sh->cpu[0].count;
	route_msi(&vm, 24, 0x81);
	vcpu_long(&vm.cpu[0], g_ipi_target, 0);
	pthread_create(&cpu, NULL, vcpu_thread, &vm.cpu[0]);
	while (!vm.sh->ready)
		usleep(100);
	a.vm = &vm;
	pthread_create(&swapper, NULL, route_swapper, &a);
	for (u64 i = 0; i < 300 || a.swaps < 10; i++) {
		expect(irq_line(&vm, 24, 1), 1);
		for (int k = 0; count[0x81] + count[0x91] == i && k < 100000; k++)
			usleep(20);
		expect(count[0x81] + count[0x91], i + 1);
	}
	a.stop = 1;
	vm.sh->stop = 1;
	pthread_join(swapper, NULL);
	pthread_join(cpu, NULL);
	expect_that(a.swaps >= 10);
	/* the default routes are gone */
	struct kvm_irq_level l = { .irq = 20, .level = 1 };
	must(vm.fd, KVM_IRQ_LINE_STATUS, &l);
	expect(l.status, -1);
}
