// SPDX-License-Identifier: GPL-2.0-only
/* Local APICs: INIT and SIPI, rules, IPIs, timer. */
#define _GNU_SOURCE
#include <pthread.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "api.h"

/* ---- INIT and SIPI ---- */

asm(".pushsection .rodata\n.code16\n"
    "ap_start: mov %cs, %ax; mov %ax, %cs:(0x1ff0); mov %cs:(0x1ff2), %bx\n"
    "mov $0x1234, %dx; out %ax, %dx; 1: hlt; jmp 1b\n"
    "ap_start_end:\n.code64\n.popsection\n");
extern const u8 ap_start[], ap_start_end[];

guest void g_sipi(u64 arg)
{
	g_apic_on(arg);
	SH->ready = 1;
	g_icr(1, 0x4500);
	g_icr(1, 0x4600 | CODE16_AT >> 12);
	g_wait(*(volatile u16 *)(CODE16_AT + 0x1ff0));
	g_icr(1, 0x4600 | 0x55); /* no second one */
	g_expect(*(volatile u16 *)(CODE16_AT + 0x1ff0), CODE16_AT >> 4);
}

static void sipi(bool x2apic)
{
	struct kvm_mp_state mp;
	struct kvm_sregs s;
	struct vm vm;
	pthread_t t;

	vm_start(&vm, 2);
	vm_blob(&vm, CODE16_AT, ap_start, ap_start_end);
	vcpu_long(&vm.cpu[0], g_sipi, x2apic);
	if (x2apic) { /* INIT leaves the mode alone; vcpu_long() would start the AP */
		vm.sh->cpu[1].id = 1;
		sregs_get(&vm.cpu[1], &s);
		s.apic_base |= 0xc00;
		sregs_set(&vm.cpu[1], &s);
	}
	pthread_create(&t, NULL, run_thread, &vm.cpu[1]);
	usleep(20000);
	vcpu_done(&vm.cpu[0]);
	pthread_join(t, NULL);
	expect(vm.cpu[1].run->io.port, 0x1234);
	sregs_get(&vm.cpu[1], &s);
	expect(s.cs.base, CODE16_AT);
	expect(s.cs.selector, CODE16_AT >> 4);
	expect(s.cr0 & 1, 0);
	must(vm.cpu[1].fd, KVM_GET_MP_STATE, &mp);
	expect(mp.mp_state, KVM_MP_STATE_RUNNABLE);
}

void t_sipi(void) { sipi(false); }
void t_sipi_x2apic(void) { sipi(true); }

/* ---- local APIC ---- */

static u32 *lapic_reg(struct kvm_lapic_state *l, u32 reg)
{
	return (u32 *)(l->regs + reg);
}

void t_lapic_reset(void)
{
	static const struct { u32 reg, value; } reset[] = {
		{ APIC_TPR, 0 }, { APIC_LDR, 0 }, { APIC_DFR, 0xffffffff }, { APIC_SVR, 0xff },
		{ APIC_LVTT, 0x10000 }, { 0x330, 0x10000 }, { 0x340, 0x10000 },
		{ 0x360, 0x10000 }, { 0x370, 0x10000 }, { APIC_TMICT, 0 }, { APIC_TDCR, 0 },
		{ APIC_ESR, 0 }, { APIC_ICR, 0 }, { APIC_ICR2, 0 }, { APIC_IRR, 0 },
		{ APIC_ISR, 0 },
	};
	struct kvm_lapic_state l;
	struct vm vm;

	vm_start(&vm, 2);
	for (int cpu = 0; cpu < 2; cpu++) {
		must(vm.cpu[cpu].fd, KVM_GET_LAPIC, &l);
		for (size_t i = 0; i < ARRAY_SIZE(reset); i++)
			if (*lapic_reg(&l, reset[i].reg) != reset[i].value)
				fail("vCPU %d register %#x is %#x, not %#x", cpu, reset[i].reg,
				     *lapic_reg(&l, reset[i].reg), reset[i].value);
		expect(*lapic_reg(&l, APIC_ID), cpu << 24);
		expect(*lapic_reg(&l, 0x30) & 0xff, 0x14);
	}
}

/* Interrupts put into IRR by KVM_SET_LAPIC are taken, the highest first. */
guest void g_open(u64 arg)
{
	g_out8(PORT_SYNC, 0);
	g_sti();
	asm volatile("nop; nop; cli");
}

void t_lapic_set(void)
{
	struct kvm_lapic_state l, back;
	struct gcpu *c;
	struct vm vm;

	vm_start(&vm, 1);
	c = &vm.sh->cpu[0];
	vcpu_long(&vm.cpu[0], g_open, 0);
	must(vm.cpu[0].fd, KVM_GET_LAPIC, &l);
	*lapic_reg(&l, APIC_SVR) = 0x1ff;
	*lapic_reg(&l, APIC_TPR) = 0x40;
	*lapic_reg(&l, APIC_LDR) = 0x04000000;
	*lapic_reg(&l, 0x350) = 0x10755;
	*lapic_reg(&l, APIC_IRR + 0x30) = 1 << 5; /* 0x65 */
	*lapic_reg(&l, APIC_IRR + 0x40) = 1 << 8; /* 0x88 */
	*lapic_reg(&l, APIC_IRR + 0x20) = 1 << 1 | 1 << 2; /* 0x41, 0x42: below TPR */
	must(vm.cpu[0].fd, KVM_SET_LAPIC, &l);
	must(vm.cpu[0].fd, KVM_GET_LAPIC, &back);
	*lapic_reg(&l, APIC_PPR) = *lapic_reg(&back, APIC_PPR);
	for (u32 reg = 0; reg < 0x400; reg += 16)
		if (*lapic_reg(&l, reg) != *lapic_reg(&back, reg))
			fail("register %#x is %#x, not %#x", reg, *lapic_reg(&back, reg),
			     *lapic_reg(&l, reg));
	vcpu_until(&vm.cpu[0], PORT_SYNC);
	vcpu_done(&vm.cpu[0]);
	expect(c->nlog, 2);
	expect(c->log[0], 0x88);
	expect(c->log[1], 0x65);
	must(vm.cpu[0].fd, KVM_GET_LAPIC, &back);
	expect(*lapic_reg(&back, APIC_IRR + 0x20), 6);
	expect(*lapic_reg(&back, APIC_IRR + 0x30), 0);
}

/* The engine's rules as a guest sees them; in both modes. */
guest void g_apic_rules(u64 x2)
{
	struct gcpu *c = this_cpu();

	g_apic_on(x2);
	g_sti();
	c->no_eoi[0x52] = true;
	g_icr(0, 0x40052); /* self */
	asm volatile("nop; nop");
	g_expect(c->count[0x52], 1);
	g_expect(g_apic_read(APIC_ISR + 0x20), 1 << 18);
	g_expect(g_apic_read(APIC_PPR), 0x50);
	g_icr(0, 0x40041); /* a lower class waits */
	g_icr(0, 0x4005f); /* and so does the same class */
	asm volatile("nop; nop");
	g_expect(c->count[0x41] + c->count[0x5f], 0);
	g_expect(g_apic_read(APIC_IRR + 0x20), 1u << 31 | 1 << 1);
	g_icr(0, 0x40060); /* a higher one does not */
	asm volatile("nop; nop");
	g_expect(c->count[0x60], 1);
	g_apic_write(APIC_EOI, 0);
	asm volatile("nop; nop");
	g_expect(c->count[0x5f], 1);
	g_expect(c->count[0x41], 1);
	g_expect(c->log[2], 0x5f);
	g_expect(c->log[3], 0x41);
	g_expect(g_apic_read(APIC_ISR + 0x20), 0);
	/* TPR and CR8 are one */
	asm volatile("mov %0, %%cr8" : : "r"(6ull));
	g_expect(g_apic_read(APIC_TPR), 0x60);
	g_icr(0, 0x40063);
	g_icr(0, 0x40063);
	asm volatile("nop; nop");
	g_expect(c->count[0x63], 0);
	g_apic_write(APIC_TPR, 0x50);
	asm volatile("nop; nop");
	g_expect(c->count[0x63], 1); /* twice sent, once taken */
	g_apic_write(APIC_TPR, 0);
	/* the shadow of STI */
	g_cli();
	g_icr(0, 0x40070);
	asm volatile("sti; cli; nop");
	g_expect(c->count[0x70], 0);
	g_sti();
	g_expect(c->count[0x70], 1);
	/* the vector 5 is illegal: ESR */
	g_apic_write(APIC_ESR, 0);
	g_icr(0, 0x40005);
	g_apic_write(APIC_ESR, 0);
	SH->val[0] = g_apic_read(APIC_ESR);
	/* software disabled: nothing is taken, LVTs are masked */
	g_apic_write(APIC_LVT0, 0x55);
	g_apic_write(APIC_SVR, 0xff);
	g_expect(g_apic_read(APIC_LVT0), 0x10055);
	g_icr(0, 0x40071);
	asm volatile("nop; nop");
	g_apic_write(APIC_SVR, 0x1ff);
	asm volatile("nop; nop");
	g_expect(c->count[0x71], 0);
	g_cli();
}

void t_apic_rules(void)
{
	struct vm vm;

	vm_start(&vm, 1);
	vcpu_long(&vm.cpu[0], g_apic_rules, 0);
	vcpu_done(&vm.cpu[0]);
}

void t_apic_rules_x2apic(void)
{
	struct vm vm;

	vm_start(&vm, 1);
	vcpu_long(&vm.cpu[0], g_apic_rules, 1);
	vcpu_done(&vm.cpu[0]);
}

/* Modes and their registers: xAPIC, x2APIC, off; what is illegal faults. */
guest void g_x2apic_rules(u64 arg)
{
	u64 base = g_rdmsr(0x1b), v;

	g_expect(base, 0xfee00900);
	g_expect(g_rdmsr_try(0x802, &v), 13);
	g_expect(g_wrmsr_try(0x1b, base & ~0x800ull), -1); /* off */
	g_expect(g_wrmsr_try(0x1b, base | 0xc00), 13); /* not straight to x2APIC */
	g_expect(g_wrmsr_try(0x1b, base), -1);
	g_expect(g_wrmsr_try(0x1b, base | 0x400), -1);
	g_expect(g_wrmsr_try(0x1b, base), 13); /* nor back to xAPIC */
	g_expect(g_wrmsr_try(0x1b, base | 1ull << 60), 13);
	this_cpu()->x2apic = true;
	g_expect(g_rdmsr(0x802), 0);
	g_expect(g_rdmsr(0x80d), 1);
	g_expect(g_wrmsr_try(0x802, 0), 13); /* read-only */
	g_expect(g_wrmsr_try(0x80d, 0), 13);
	g_expect(g_rdmsr_try(0x80b, &v), 13); /* write-only */
	g_expect(g_rdmsr_try(0x80e, &v), 13); /* no DFR */
	g_expect(g_rdmsr_try(0x831, &v), 13); /* no ICR2 */
	g_expect(g_wrmsr_try(0x808, 1ull << 32), 13);
	g_expect(g_wrmsr_try(0x828, 1), 13);
	g_expect(g_wrmsr_try(0x83f, 0x141), 13);
	g_expect(g_wrmsr_try(0x808, 0xf0), -1);
	g_expect(g_rdmsr(0x808), 0xf0);
}

void t_x2apic_rules(void)
{
	struct vm vm;

	vm_start(&vm, 1);
	vcpu_long(&vm.cpu[0], g_x2apic_rules, 0);
	vcpu_done(&vm.cpu[0]);
}

/* ---- IPIs between vCPUs ---- */

guest void g_ipi_target(u64 x2)
{
	g_apic_on(x2);
	__atomic_add_fetch(&SH->ready, 1, __ATOMIC_SEQ_CST);
	g_sti();
	while (!SH->stop)
		if (SH->arg[1]) {
			g_cli();
			if (!SH->stop)
				g_sti_hlt();
		} else {
			cpu_relax();
		}
}

/* Which vCPUs take an IPI: a bit each. */
guest void ipi_check(u32 dest, u32 low, u32 who)
{
	static u32 vector = 0x40;

	vector = vector == 0xef ? 0x40 : vector + 1;
	g_icr(dest, low | vector);
	g_wait(SH->cpu[0].count[vector] + SH->cpu[1].count[vector] + SH->cpu[2].count[vector] >=
	       (u64)__builtin_popcount(who & 15));
	for (int i = 0; i < 1000; i++)
		cpu_relax();
	for (u32 i = 0; i < 3; i++)
		if (SH->cpu[i].count[vector] != (who >> i & 1))
			g_fail("IPI (ICR, dest, who took it)", (u64)low << 32 | dest,
			       SH->cpu[0].count[vector] | SH->cpu[1].count[vector] << 1 |
			       SH->cpu[2].count[vector] << 2);
	for (u32 i = 0; i < 3; i++)
		SH->cpu[i].count[vector] = 0;
}

guest void g_ipi(u64 x2)
{
	u32 all = x2 ? ~0u : 0xff;

	g_apic_on(x2);
	g_wait(SH->ready == 2);
	g_sti();
	for (int round = 0; round < 20; round++) {
		ipi_check(1, 0x4000, 2);
		ipi_check(2, 0x4000, 4);
		ipi_check(0, 0x4000, 1);
		ipi_check(all, 0x4000, 7); /* broadcast */
		ipi_check(0, 0x84000, 7); /* all */
		ipi_check(0, 0xc4000, 6); /* all but self */
		ipi_check(0, 0x44000, 1); /* self */
		ipi_check(6, 0x4800, 6); /* logical: in x2APIC mode cluster 0 */
		ipi_check(3, 0x4800, 3);
		ipi_check(4, 0x4900, 4); /* lowest priority among one */
		ipi_check(9, 0x4000, 0); /* nobody's */
	}
	SH->stop = 1;
	g_icr(0, 0xc40f0);
}

static void ipis(bool x2apic, bool halted)
{
	pthread_t t[2];
	struct vm vm;

	vm_start(&vm, 3);
	vm.sh->arg[1] = halted;
	for (int i = 0; i < 3; i++)
		vcpu_long(&vm.cpu[i], i ? g_ipi_target : g_ipi, x2apic);
	for (int i = 0; i < 2; i++)
		pthread_create(&t[i], NULL, vcpu_thread, &vm.cpu[i + 1]);
	vcpu_done(&vm.cpu[0]);
	for (int i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
}

/* CR8 is written while an interrupt waits for IF, so that its window is asked for. */
guest void g_cr8_window(u64 arg)
{
	g_apic_on(false);
	g_cli();
	for (u64 i = 1; i < 100; i++) {
		g_apic_write(APIC_ICR, 0x40041);
		asm volatile("mov %0, %%cr8; mov %1, %%cr8" : : "r"(15ul), "r"(0ul) : "memory");
		g_expect(this_cpu()->count[0x41], i - 1);
		g_sti();
		g_cli();
		g_expect(this_cpu()->count[0x41], i);
	}
}

void t_cr8_window(void)
{
	struct vm vm;

	vm_start(&vm, 1);
	vcpu_long(&vm.cpu[0], g_cr8_window, 0);
	vcpu_done(&vm.cpu[0]);
}

void t_ipi(void) { ipis(false, false); }
void t_ipi_x2apic(void) { ipis(true, false); }
void t_ipi_halted(void) { ipis(false, true); }
void t_ipi_x2apic_halted(void) { ipis(true, true); }

/* ---- timer ---- */

guest void g_timer(u64 x2)
{
	struct gcpu *c = this_cpu();
	u64 t;

	g_apic_on(x2);
	g_apic_write(APIC_TDCR, 0xb); /* by 1 */
	g_sti();
	/* one-shot */
	g_apic_write(APIC_LVTT, 0x41);
	for (u64 i = 0; i < 20; i++) {
		g_apic_write(APIC_TMICT, 100000);
		g_wait(c->count[0x41] == i + 1);
	}
	g_expect(g_apic_read(APIC_TMCCT), 0);
	/* stopped by 0 */
	g_apic_write(APIC_TMICT, 2000000000);
	g_expect(g_apic_read(APIC_TMCCT) > 0, 1);
	g_apic_write(APIC_TMICT, 0);
	g_expect(g_apic_read(APIC_TMCCT), 0);
	/* periodic, till it is masked */
	g_apic_write(APIC_LVTT, 1 << 17 | 0x42);
	g_apic_write(APIC_TMICT, 500000);
	g_wait(c->count[0x42] >= 20);
	g_apic_write(APIC_LVTT, 1 << 17 | 1 << 16 | 0x42);
	t = c->count[0x42];
	for (int i = 0; i < 20000; i++)
		cpu_relax();
	g_expect(c->count[0x42] - t <= 1, 1); /* one may have been on its way */
	g_apic_write(APIC_TMICT, 0);
	/* deadline */
	g_apic_write(APIC_LVTT, 2 << 17 | 0x43);
	for (u64 i = 0; i < 20; i++) {
		t = rdtsc() + 2000000;
		g_wrmsr(0x6e0, t);
		if (i & 1) {
			g_cli();
			while (c->count[0x43] == i) {
				g_sti_hlt();
				g_cli();
			}
			g_sti();
		} else {
			g_wait(c->count[0x43] == i + 1);
		}
		g_expect(c->stamp >= t, 1); /* never early */
		g_expect(g_rdmsr(0x6e0), 0);
	}
	g_wrmsr(0x6e0, 1); /* past: at once */
	g_wait(c->count[0x43] == 21);
	g_wrmsr(0x6e0, rdtsc() + (1ull << 40));
	g_expect(g_rdmsr(0x6e0) > 0, 1);
	g_wrmsr(0x6e0, 0); /* disarmed */
	g_expect(g_rdmsr(0x6e0), 0);
	g_expect(c->count[0x41], 20);
	g_cli();
}

static void timer(bool x2apic)
{
	struct vm vm;

	vm_start(&vm, 1);
	vcpu_long(&vm.cpu[0], g_timer, x2apic);
	vcpu_done(&vm.cpu[0]);
}

void t_timer(void) { timer(false); }
void t_timer_x2apic(void) { timer(true); }

guest void g_no_deadline(u64 arg)
{
	struct gcpu *c = this_cpu();
	u64 val = 1;

	g_apic_on(false);
	g_apic_write(APIC_LVTT, 2 << 17 | 0x43);
	g_expect(g_apic_read(APIC_LVTT), 0x43); /* no such mode */
	g_sti();
	g_expect(g_wrmsr_try(0x6e0, 1), -1);
	g_expect(g_rdmsr_try(0x6e0, &val), -1);
	g_expect(val, 0);
	for (int i = 0; i < 1000; i++)
		cpu_relax();
	g_expect(c->count[0x43], 0);
}

/* A CPUID without TSC deadlines: the MSR is there, and does nothing. */
void t_no_deadline(void)
{
	struct kvm_cpuid2 *cpuid;
	struct vm vm;

	vm_start(&vm, 1);
	cpuid = cpuid_supported(&vm);
	for (u32 i = 0; i < cpuid->nent; i++)
		if (cpuid->entries[i].function == 1)
			cpuid->entries[i].ecx &= ~(1u << 24);
	must(vm.cpu[0].fd, KVM_SET_CPUID2, cpuid);
	vcpu_long(&vm.cpu[0], g_no_deadline, 0);
	vcpu_done(&vm.cpu[0]);
}
