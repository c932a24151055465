// SPDX-License-Identifier: GPL-2.0-only
/* EOIs in memory: MSR_KVM_PV_EOI_EN. */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <sys/mman.h>

#include "api.h"
#include "../../../../uapi/vintc.h"

#define MSR_EOI 0x4b564d04
#define WORD FREE_AT
#define EDGE 0x61
#define HIGHER 0x71
#define LEVEL 0x62
#define LEVEL_PIN 18 /* the PIC hasn't got it */
#define TIMES 200

inl_ bool g_in_service(u8 vector)
{
	return g_apic_read(APIC_ISR + (vector >> 5) * 0x10) >> (vector & 31) & 1;
}

/* As a guest's EOI is. Return: it cost no exit. */
inl_ bool g_eoi(void)
{
	u32 old = g_read32(WORD);

	if (old & 1) {
		g_write32(WORD, old & ~1u);
		return true;
	}
	g_apic_write(APIC_EOI, 0);
	return false;
}

inl_ void g_self(u8 vector)
{
	u64 n = this_cpu()->count[vector];

	g_icr(0, 0x4000 | vector);
	g_sti();
	g_wait(this_cpu()->count[vector] == n + 1);
	g_cli();
}

guest void g_pv_eoi(u64 x2)
{
	u64 without = 0;

	g_apic_on(x2);
	this_cpu()->no_eoi[EDGE] = this_cpu()->no_eoi[HIGHER] = true;
	this_cpu()->no_eoi[LEVEL] = true;
	g_wrmsr(MSR_EOI, WORD | 1);
	g_expect(g_rdmsr(MSR_EOI), WORD | 1);
	for (int i = 0; i < TIMES; i++) {
		g_self(EDGE);
		without += g_eoi();
		g_expect(g_in_service(EDGE), 0);
		g_expect(g_read32(WORD), 0);
	}
	SH->val[0] = without;
	/* An exit takes the offer back, and the interrupt stays in service. */
	g_self(EDGE);
	g_out8(PORT_SYNC, 0);
	g_expect(g_in_service(EDGE), 1);
	g_write32(WORD, 0);
	g_apic_write(APIC_EOI, 0);
	g_expect(g_in_service(EDGE), 0);
	/* With another one waiting its EOI is a write, which lets that in. */
	g_icr(0, 0x4000 | EDGE);
	g_self(HIGHER);
	g_expect(g_eoi(), false);
	g_expect(this_cpu()->count[EDGE], TIMES + 1);
	g_sti();
	g_wait(this_cpu()->count[EDGE] == TIMES + 2);
	g_cli();
	g_eoi();
	g_expect(g_in_service(EDGE) | g_in_service(HIGHER), 0);
	/* A level-triggered one: the IOAPIC waits for its EOI. */
	g_out8(PORT_SYNC, 1);
	g_sti();
	g_wait(this_cpu()->count[LEVEL] == 1);
	g_cli();
	g_expect(g_eoi(), false);
	g_out8(PORT_SYNC, 2);
	/* The word's page goes away: it may count as ended, or not, but no more. */
	g_self(EDGE);
	SH->ready = 1;
	g_wait(SH->go);
	g_read32(WORD);
	g_out8(PORT_SYNC, 3);
	if (g_in_service(EDGE))
		g_apic_write(APIC_EOI, 0);
	g_self(EDGE);
	g_eoi();
	g_expect(g_in_service(EDGE), 0);
	/* off */
	g_wrmsr(MSR_EOI, WORD);
	g_self(EDGE);
	g_expect(g_eoi(), false);
	/* what isn't possible */
	g_expect(g_wrmsr_try(MSR_EOI, WORD | 3), 13);
	g_expect(g_wrmsr_try(MSR_EOI, MMIO_AT | 1), 13);
	g_expect(g_rdmsr(MSR_EOI), WORD);
}

static void *drop_page(void *arg)
{
	struct vm *vm = arg;

	while (!vm->sh->ready)
		;
	madvise(vm->mem + WORD, 4096, MADV_DONTNEED);
	vm->sh->go = 1;
	return NULL;
}

static void pv_eoi(bool x2apic)
{
	union rte e = { .fields = { .vector = LEVEL, .trig_mode = 1 } };
	static struct vintc_vector_stats stats;
	pthread_t t;
	struct vm vm;

	vm_start(&vm, 1);
	/* From now on interrupts are injected and counted: hardware would end them by itself. */
	if (is_vintc())
		must(vm.cpu[0].fd, VINTC_GET_VECTOR_STATS, &stats);
	ioapic_set(&vm, LEVEL_PIN, &e);
	vcpu_long(&vm.cpu[0], g_pv_eoi, x2apic);
	vcpu_until(&vm.cpu[0], PORT_SYNC);
	if ((is_vintc() || !is_intel()) && vm.sh->val[0] < TIMES / 2)
		fail("%d of %d without an exit", (int)vm.sh->val[0], TIMES);
	vcpu_until(&vm.cpu[0], PORT_SYNC);
	irq_line(&vm, LEVEL_PIN, 1);
	irq_line(&vm, LEVEL_PIN, 0);
	vcpu_until(&vm.cpu[0], PORT_SYNC);
	pthread_create(&t, NULL, drop_page, &vm);
	vcpu_until(&vm.cpu[0], PORT_SYNC);
	pthread_join(t, NULL);
	vcpu_done(&vm.cpu[0]);
	if (is_vintc()) {
		must(vm.cpu[0].fd, VINTC_GET_VECTOR_STATS, &stats);
		expect(stats.delivered[EDGE], vm.sh->cpu[0].count[EDGE]);
		expect(stats.eoi[EDGE], stats.delivered[EDGE]);
	}
	/* user space's values */
	expect(msr_set(&vm.cpu[0], MSR_EOI, WORD | 1), 1);
	expect(msr_set(&vm.cpu[0], MSR_EOI, WORD | 2), 0);
	expect(msr_get(&vm.cpu[0], MSR_EOI), WORD | 1);
}

void t_pv_eoi(void) { pv_eoi(false); }
void t_pv_eoi_x2apic(void) { pv_eoi(true); }
