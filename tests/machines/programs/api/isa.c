// SPDX-License-Identifier: GPL-2.0-only
/* The PC's old chips: PIC and PIT, and user space in the PIC's place. */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "api.h"

#define MASTER 0x20
#define SLAVE 0xa0
#define ELCR 0x4d0
#define PIT 0x40
#define PIT_HZ 1193182ull
#define LVT_EXTINT 0x700
#define LVT_NMI 0x400
#define LVT_MASKED 0x10000

inl_ u8 g_in8(u16 port)
{
	u8 v;

	asm volatile("inb %1, %0" : "=a"(v) : "d"(port) : "memory");
	return v;
}

inl_ void g_pic_on(u8 imr)
{
	g_out8(MASTER, 0x11);
	g_out8(MASTER + 1, 0x20);
	g_out8(MASTER + 1, 0x04);
	g_out8(MASTER + 1, 0x01);
	g_out8(SLAVE, 0x11);
	g_out8(SLAVE + 1, 0x28);
	g_out8(SLAVE + 1, 0x02);
	g_out8(SLAVE + 1, 0x01);
	g_out8(MASTER + 1, imr);
	g_out8(SLAVE + 1, 0);
}

inl_ void g_window(void)
{
	g_sti();
	asm volatile("nop; nop; nop");
	g_cli();
}

/* No local APIC gets an EOI for these vectors. */
static void pic_vectors(struct vm *vm)
{
	for (int c = 0; c < MAX_CPUS; c++)
		memset((void *)&vm->sh->cpu[c].no_eoi[0x20], true, 16);
}

static void pic_get(struct vm *vm, int chip, struct kvm_pic_state *st)
{
	struct kvm_irqchip c = { .chip_id = chip };

	must(vm->fd, KVM_GET_IRQCHIP, &c);
	*st = c.chip.pic;
}

static void pic_put(struct vm *vm, int chip, const struct kvm_pic_state *st)
{
	struct kvm_irqchip c = { .chip_id = chip };

	c.chip.pic = *st;
	must(vm->fd, KVM_SET_IRQCHIP, &c);
}

/* ---- PIC ---- */

/* Windows of interrupts; what the host puts into arg[0] is written to MASTER or SLAVE. */
guest void g_pic(u64 arg)
{
	g_apic_on(false);
	g_apic_write(APIC_LVT0, LVT_EXTINT);
	g_pic_on(0);
	for (;;) {
		SH->arg[0] = SH->arg[1] = 0;
		g_out8(PORT_SYNC, 0);
		if (SH->arg[0])
			g_out8(SH->arg[0], SH->arg[1]);
		g_window();
	}
}

static void pic_write(struct vm *vm, u16 port, u8 val)
{
	vm->sh->arg[0] = port;
	vm->sh->arg[1] = val;
	vcpu_until(&vm->cpu[0], PORT_SYNC);
}

void t_pic(void)
{
	struct kvm_pic_state st;
	volatile u64 *count;
	struct vm vm;

	vm_start(&vm, 1);
	pic_vectors(&vm);
	count = vm.sh->cpu[0].count;
	vcpu_long(&vm.cpu[0], g_pic, 0);
	vcpu_until(&vm.cpu[0], PORT_SYNC);
	pic_get(&vm, KVM_IRQCHIP_PIC_MASTER, &st);
	expect(st.irq_base, 0x20);
	expect(st.imr, 0);
	expect(st.init_state, 0);
	expect(st.elcr_mask, 0xf8);
	pic_get(&vm, KVM_IRQCHIP_PIC_SLAVE, &st);
	expect(st.irq_base, 0x28);
	expect(st.elcr_mask, 0xde);

	/* the IOAPIC's pin is masked: the PIC alone takes it */
	expect(irq_line(&vm, 3, 1), 1);
	expect(irq_line(&vm, 3, 0), 2); /* of both chips */
	pic_get(&vm, KVM_IRQCHIP_PIC_MASTER, &st);
	expect(st.irr, 0x08);
	vcpu_until(&vm.cpu[0], PORT_SYNC);
	expect(count[0x23], 1);
	pic_get(&vm, KVM_IRQCHIP_PIC_MASTER, &st);
	expect(st.irr, 0);
	expect(st.isr, 0x08);
	/* lower ones wait for its EOI, higher ones don't */
	irq_line(&vm, 4, 1);
	irq_line(&vm, 1, 1);
	vcpu_until(&vm.cpu[0], PORT_SYNC);
	expect(count[0x24], 0);
	expect(count[0x21], 1);
	pic_write(&vm, MASTER, 0x20);
	expect(count[0x24], 0);
	pic_write(&vm, MASTER, 0x20);
	expect(count[0x24], 1);
	pic_write(&vm, MASTER, 0x64);
	/* the slave's */
	irq_line(&vm, 12, 1);
	vcpu_until(&vm.cpu[0], PORT_SYNC);
	expect(count[0x2c], 1);
	pic_get(&vm, KVM_IRQCHIP_PIC_MASTER, &st);
	expect(st.isr, 0x04);
	pic_get(&vm, KVM_IRQCHIP_PIC_SLAVE, &st);
	expect(st.isr, 0x10);
	pic_write(&vm, SLAVE, 0x20);
	pic_write(&vm, MASTER, 0x20);
	/* a level one comes again as long as it is high */
	pic_write(&vm, ELCR + 1, 0x04);
	irq_line(&vm, 10, 1);
	for (int i = 1; i <= 3; i++) {
		vcpu_until(&vm.cpu[0], PORT_SYNC);
		expect(count[0x2a], i);
		if (i == 3)
			irq_line(&vm, 10, 0);
		pic_write(&vm, SLAVE, 0x20);
		vm.sh->arg[0] = MASTER;
		vm.sh->arg[1] = 0x20;
	}
	vcpu_until(&vm.cpu[0], PORT_SYNC);
	vcpu_until(&vm.cpu[0], PORT_SYNC);
	expect(count[0x2a], 3);
	/* state out and in: nothing happens twice */
	irq_line(&vm, 5, 1);
	pic_get(&vm, KVM_IRQCHIP_PIC_MASTER, &st);
	pic_put(&vm, KVM_IRQCHIP_PIC_MASTER, &st);
	vcpu_until(&vm.cpu[0], PORT_SYNC);
	vcpu_until(&vm.cpu[0], PORT_SYNC);
	expect(count[0x25], 1);
}

/* LINT0 decides whether the PIC is heard. */
guest void g_pic_lint0(u64 arg)
{
	g_apic_on(false);
	g_pic_on(0);
	g_apic_write(APIC_LVT0, LVT_MASKED | LVT_EXTINT);
	g_out8(PORT_SYNC, 0);
	g_window();
	g_expect(this_cpu()->count[0x26], 0);
	g_apic_write(APIC_LVT0, LVT_EXTINT);
	g_window();
	g_expect(this_cpu()->count[0x26], 1);
	g_out8(MASTER, 0x20);
	/* software disable masks it */
	g_apic_write(APIC_SVR, 0xff);
	g_out8(PORT_SYNC, 0);
	g_window();
	g_expect(this_cpu()->count[0x27], 0);
	g_apic_write(APIC_SVR, 0x1ff);
	g_apic_write(APIC_LVT0, LVT_EXTINT);
	g_window();
	g_expect(this_cpu()->count[0x27], 1);
	g_out8(MASTER, 0x20);
	/* both at once: the PIC's first, then the APIC's */
	g_apic_write(APIC_ICR, 0x40000 | 0x51);
	g_out8(PORT_SYNC, 0);
	this_cpu()->nlog = 0;
	g_window();
	g_window();
	g_expect(this_cpu()->nlog, 2);
	g_expect(this_cpu()->log[0], 0x25);
	g_expect(this_cpu()->log[1], 0x51);
}

void t_pic_lint0(void)
{
	struct vm vm;

	if (!is_vintc())
		skip("KVM looks at the PIC only when something else happens");
	vm_start(&vm, 2);
	pic_vectors(&vm);
	vcpu_long(&vm.cpu[0], g_pic_lint0, 0);
	vcpu_until(&vm.cpu[0], PORT_SYNC);
	irq_line(&vm, 6, 1);
	vcpu_until(&vm.cpu[0], PORT_SYNC);
	irq_line(&vm, 7, 1);
	vcpu_until(&vm.cpu[0], PORT_SYNC);
	irq_line(&vm, 5, 1);
	vcpu_done(&vm.cpu[0]);
}

guest void g_pic_halted(u64 n)
{
	g_apic_on(false);
	g_apic_write(APIC_LVT0, LVT_EXTINT);
	g_pic_on(0);
	SH->ready = 1;
	while (this_cpu()->count[0x2b] < n) {
		g_sti_hlt();
		g_cli();
		if (this_cpu()->count[0x2b] == SH->ready) {
			g_out8(SLAVE, 0x20);
			g_out8(MASTER, 0x20);
			SH->ready++;
		}
	}
}

void t_pic_halted(void)
{
	const u64 n = 200;
	pthread_t t;
	struct vm vm;

	vm_start(&vm, 1);
	pic_vectors(&vm);
	vcpu_long(&vm.cpu[0], g_pic_halted, n);
	pthread_create(&t, NULL, vcpu_thread, &vm.cpu[0]);
	for (u64 i = 1; i <= n; i++) {
		while (vm.sh->ready < i)
			usleep(100);
		irq_line(&vm, 11, 1);
		irq_line(&vm, 11, 0);
	}
	pthread_join(t, NULL);
	expect(vm.sh->cpu[0].count[0x2b], n);
}

/* ---- PIT ---- */

static void pit_create(struct vm *vm)
{
	struct kvm_pit_config c = { .flags = KVM_PIT_SPEAKER_DUMMY };

	must(vm->fd, KVM_CREATE_PIT2, &c);
}

inl_ void g_pit_periodic(u16 count)
{
	g_out8(PIT + 3, 0x34);
	g_out8(PIT, count & 0xff);
	g_out8(PIT, count >> 8);
}

/* How long 30 ticks at 1 kHz take. @arg: through the IOAPIC instead of the PIC */
guest void g_pit(u64 arg)
{
	u8 vector = arg ? 0x71 : 0x20;
	u64 n = 30, t;

	g_apic_on(false);
	g_pic_on(arg ? 0xff : 0xfe);
	g_apic_write(APIC_LVT0, arg ? LVT_MASKED : LVT_EXTINT);
	t = rdtsc();
	g_pit_periodic(PIT_HZ / 1000);
	while (this_cpu()->count[vector] < n) {
		g_sti_hlt();
		g_cli();
		if (!arg)
			g_out8(MASTER, 0x20);
	}
	SH->val[0] = rdtsc() - t;
	SH->val[1] = this_cpu()->count[vector];
}

static void pit_ticks(bool ioapic)
{
	union rte e = { .fields = { .vector = 0x71 } };
	u64 us;
	struct vm vm;

	vm_start(&vm, 1);
	pit_create(&vm);
	pic_vectors(&vm);
	if (ioapic)
		ioapic_set(&vm, 0, &e);
	vcpu_long(&vm.cpu[0], g_pit, ioapic);
	vcpu_done(&vm.cpu[0]);
	us = vm.sh->val[0] * 1000 / ioctl(vm.cpu[0].fd, KVM_GET_TSC_KHZ, 0);
	/* A busy machine is late. */
	if (us < 1000 * (vm.sh->val[1] - 1) || us > 60000 * vm.sh->val[1])
		fail("%d ticks of 1 ms took %d us", (int)vm.sh->val[1], (int)us);
}

void t_pit_pic(void) { pit_ticks(false); }
void t_pit_ioapic(void) { pit_ticks(true); }

/* The NMI watchdog: LINT0 as an NMI, a tick of the PIT each; nobody acknowledges. */
guest void g_pit_nmi(u64 n)
{
	u64 t;

	g_apic_on(false);
	g_pic_on(0xff);
	g_apic_write(APIC_LVT0, LVT_NMI);
	t = rdtsc();
	g_pit_periodic(PIT_HZ / 1000);
	g_wait(this_cpu()->count[2] >= n);
	SH->val[0] = rdtsc() - t;
	SH->val[1] = this_cpu()->count[2];
	g_apic_write(APIC_LVT0, LVT_MASKED | LVT_NMI);
	SH->val[2] = this_cpu()->count[2];
	t = rdtsc();
	while (rdtsc() - t < 20 * SH->arg[0])
		cpu_relax();
	/* One may have been on its way. */
	g_expect(this_cpu()->count[2] <= SH->val[2] + 2, 1);
	g_expect(this_cpu()->count[0x20], 0);
}

void t_pit_nmi(void)
{
	struct kvm_reinject_control c = { .pit_reinject = 0 };
	u64 us, khz;
	struct vm vm;

	vm_start(&vm, 1);
	pit_create(&vm);
	must(vm.fd, KVM_REINJECT_CONTROL, &c);
	khz = ioctl(vm.cpu[0].fd, KVM_GET_TSC_KHZ, 0);
	vm.sh->arg[0] = khz;
	vcpu_long(&vm.cpu[0], g_pit_nmi, 30);
	vcpu_done(&vm.cpu[0]);
	us = vm.sh->val[0] * 1000 / khz;
	if (us < 1000 * (vm.sh->val[1] - 1) || us > 60000 * vm.sh->val[1])
		fail("%d NMIs of 1 ms took %d us", (int)vm.sh->val[1], (int)us);
}

/* Channel 2, by port 61H: what kernels measure their TSC with. */
guest void g_pit_speaker(u64 arg)
{
	u64 t;
	u32 a, b;

	g_expect(g_in8(0x61) & 3, 0);
	g_out8(0x61, 1);
	g_out8(PIT + 3, 0xb0);
	g_out8(PIT + 2, (PIT_HZ / 100) & 0xff);
	t = rdtsc(); /* it counts from the next one on, wherever this thread is then */
	g_out8(PIT + 2, (PIT_HZ / 100) >> 8);
	g_expect(g_in8(0x61) & 0x21, 1);
	g_wait(g_in8(0x61) & 0x20);
	SH->val[0] = rdtsc() - t;
	/* the counter goes down */
	g_out8(PIT + 3, 0x34);
	g_out8(PIT, 0xff);
	g_out8(PIT, 0xff);
	g_out8(PIT + 3, 0);
	a = g_in8(PIT);
	a |= g_in8(PIT) << 8;
	g_out8(PIT + 3, 0);
	b = g_in8(PIT);
	b |= g_in8(PIT) << 8;
	g_expect(b < a, 1);
}

void t_pit_speaker(void)
{
	u64 us;
	struct vm vm;

	vm_start(&vm, 1);
	pit_create(&vm);
	vcpu_long(&vm.cpu[0], g_pit_speaker, 0);
	vcpu_done(&vm.cpu[0]);
	us = vm.sh->val[0] * 1000 / ioctl(vm.cpu[0].fd, KVM_GET_TSC_KHZ, 0);
	if (us < 9500 || us > 1000000)
		fail("10 ms took %d us", (int)us);
}

#define LATE_WINDOWS 25

/* 150 ms without interrupts, then windows, each shorter than a tick of 5 ms. */
guest void g_pit_late(u64 khz)
{
	u64 start, i;

	g_apic_on(false);
	g_pic_on(0xfe);
	g_apic_write(APIC_LVT0, LVT_EXTINT);
	start = rdtsc();
	g_pit_periodic(PIT_HZ / 200);
	while (rdtsc() - start < 150 * khz)
		cpu_relax();
	SH->val[0] = this_cpu()->count[0x20];
	for (i = 0; i < LATE_WINDOWS; i++) {
		g_window();
		g_out8(MASTER, 0x20);
	}
	SH->val[1] = this_cpu()->count[0x20];
	SH->val[2] = (rdtsc() - start) / (5 * khz);
}

static void late(bool reinject)
{
	struct kvm_reinject_control c = { .pit_reinject = reinject };
	struct vm vm;
	int got, due;
	u64 khz;

	if (reinject && !is_vintc())
		skip("KVM raises them by a thread of its own, whenever that runs");
	vm_start(&vm, 1);
	pit_create(&vm);
	must(vm.fd, KVM_REINJECT_CONTROL, &c);
	pic_vectors(&vm);
	khz = ioctl(vm.cpu[0].fd, KVM_GET_TSC_KHZ, 0);
	vcpu_long(&vm.cpu[0], g_pit_late, khz);
	vcpu_done(&vm.cpu[0]);
	expect(vm.sh->val[0], 0);
	got = vm.sh->val[1];
	due = vm.sh->val[2];
	/* Those that wait come with every window, however slow the machine is. */
	if (reinject && got != LATE_WINDOWS)
		fail("%d ticks in %d windows: all wait", got, LATE_WINDOWS);
	if (!reinject && got + 20 > due)
		fail("%d ticks of %d: they are dropped", got, due);
}

void t_pit_catch_up(void) { late(true); }
void t_pit_drop(void) { late(false); }

void t_pit_input(void)
{
	struct kvm_pit_config c = { .flags = KVM_PIT_SPEAKER_DUMMY };
	struct kvm_reinject_control r = { .pit_reinject = 1 };
	struct kvm_pit_state2 st, again;
	struct kvm_pit_state old;
	struct vm vm;

	vm_create(&vm);
	expect(check_extension(&vm, KVM_CAP_PIT2), 1);
	expect(check_extension(&vm, KVM_CAP_PIT_STATE2), 1);
	expect(check_extension(&vm, KVM_CAP_REINJECT_CONTROL), 1);
	expect(try(vm.fd, KVM_CREATE_PIT2, &c), -ENOENT); /* no PIC */
	expect(try(vm.fd, KVM_GET_PIT2, &st), -ENXIO);
	vm_irqchip(&vm);
	expect(try(vm.fd, KVM_GET_PIT2, &st), -ENXIO);
	expect(try(vm.fd, KVM_SET_PIT2, &st), -ENXIO);
	expect(try(vm.fd, KVM_REINJECT_CONTROL, &r), -ENXIO);
	expect(try(vm.fd, KVM_CREATE_PIT2, &c), 0);
	expect(try(vm.fd, KVM_CREATE_PIT2, &c), -EEXIST);
	expect(try(vm.fd, KVM_GET_PIT2, &st), 0);
	expect(st.channels[0].count, 0x10000);
	expect(st.channels[2].gate, 0);
	expect(try(vm.fd, KVM_GET_PIT, &old), 0);
	expect(memcmp(&old, &st, sizeof(old)), 0);
	st.channels[1].count = 4711;
	st.channels[1].mode = 2;
	st.channels[1].rw_mode = st.channels[1].read_state = st.channels[1].write_state = 3;
	expect(try(vm.fd, KVM_SET_PIT2, &st), 0);
	expect(try(vm.fd, KVM_GET_PIT2, &again), 0);
	expect(again.channels[1].count, 4711);
	expect(again.channels[1].mode, 2);
	if (!is_vintc())
		return;
	/* where KVM looks away */
	c.flags = 2;
	expect(try(vm.fd, KVM_CREATE_PIT2, &c), -EINVAL);
	c.flags = 0;
	c.pad[3] = 1;
	expect(try(vm.fd, KVM_CREATE_PIT2, &c), -EINVAL);
	r.reserved[5] = 1;
	expect(try(vm.fd, KVM_REINJECT_CONTROL, &r), -EINVAL);
	again = st;
	st.channels[1].rw_mode = 200;
	st.channels[0].count = 5;
	expect(try(vm.fd, KVM_SET_PIT2, &st), -EINVAL);
	st = again;
	st.flags = 4;
	expect(try(vm.fd, KVM_SET_PIT2, &st), -EINVAL);
	st = again;
	st.reserved[0] = 1;
	expect(try(vm.fd, KVM_SET_PIT2, &st), -EINVAL);
	expect(try(vm.fd, KVM_GET_PIT2, &again), 0);
	expect(again.channels[0].count, 0x10000);
	expect(try(vm.fd, KVM_SET_PIT2, (void *)8), -EFAULT);
	expect(try(vm.fd, KVM_GET_PIT2, (void *)8), -EFAULT);
}

/* A VM ends while its PIT runs at full speed: a debug kernel sees who is late. */
void t_pit_end(void)
{
	for (int i = 0; i < 10; i++) {
		struct kvm_reinject_control drop = {};
		struct kvm_pit_state2 st;
		struct vm vm;

		vm_create(&vm);
		vm_irqchip(&vm);
		pit_create(&vm);
		must(vm.fd, KVM_REINJECT_CONTROL, &drop);
		for (int id = 0; id < 40; id++)
			close(try(vm.fd, KVM_CREATE_VCPU, (void *)(long)id));
		must(vm.fd, KVM_GET_PIT2, &st);
		st.channels[0].mode = 2;
		st.channels[0].count = 12;
		must(vm.fd, KVM_SET_PIT2, &st);
		expect(close(vm.fd), 0);
		close(vm.dev);
	}
}

/* ---- user space in the PIC's place ---- */

guest void g_split_extint(u64 arg)
{
	g_apic_on(false);
	g_apic_write(APIC_LVT0, LVT_EXTINT);
	for (;;) {
		g_out8(PORT_SYNC, 0);
		if (SH->arg[0])
			g_apic_write(APIC_LVT0, SH->arg[0]);
		if (SH->arg[1])
			g_window();
		if (SH->arg[2])
			g_sti_hlt(), g_cli();
	}
}

void t_split_extint(void)
{
	struct kvm_enable_cap cap = { .cap = KVM_CAP_SPLIT_IRQCHIP, .args[0] = 24 };
	struct kvm_interrupt i = { .irq = 0x25 };
	volatile u64 *count;
	struct kvm_run *run;
	struct vcpu *cpu;
	struct vm vm;

	vm_start(&vm, 1);
	expect(try(vm.cpu[0].fd, KVM_INTERRUPT, &i), -ENXIO); /* there is a PIC */
	vm_end(&vm);

	vm_create(&vm);
	must(vm.fd, KVM_ENABLE_CAP, &cap);
	vm_memory(&vm, NULL);
	cpu = vcpu_create(&vm, 0);
	run = cpu->run;
	count = vm.sh->cpu[0].count;
	vm.sh->cpu[0].no_eoi[0x25] = true;
	vcpu_long(cpu, g_split_extint, 0);
	vcpu_until(cpu, PORT_SYNC);
	/* IF is clear: it waits, and there is place for one */
	expect(run->ready_for_interrupt_injection, 0);
	must(cpu->fd, KVM_INTERRUPT, &i);
	expect(try(cpu->fd, KVM_INTERRUPT, &i), -EEXIST);
	vcpu_until(cpu, PORT_SYNC);
	expect(count[0x25], 0);
	vm.sh->arg[1] = 1;
	vcpu_until(cpu, PORT_SYNC);
	expect(count[0x25], 1);
	/* a window is told of */
	run->request_interrupt_window = 1;
	vcpu_run_exit(cpu, KVM_EXIT_IRQ_WINDOW_OPEN);
	expect(run->ready_for_interrupt_injection, 1);
	expect(run->if_flag, 1);
	run->request_interrupt_window = 0;
	must(cpu->fd, KVM_INTERRUPT, &i);
	vcpu_until(cpu, PORT_SYNC);
	expect(count[0x25], 2);
	/* not when LINT0 doesn't listen */
	vm.sh->arg[0] = LVT_MASKED;
	run->request_interrupt_window = 1;
	vcpu_until(cpu, PORT_SYNC);
	vcpu_until(cpu, PORT_SYNC);
	expect(run->ready_for_interrupt_injection, 0);
	run->request_interrupt_window = 0;
	vm.sh->arg[0] = LVT_EXTINT;
	vcpu_until(cpu, PORT_SYNC);
	/* it wakes a halted one */
	vm.sh->arg[1] = 0;
	vm.sh->arg[2] = 1;
	must(cpu->fd, KVM_INTERRUPT, &i);
	vcpu_until(cpu, PORT_SYNC);
	expect(count[0x25], 3);
}
