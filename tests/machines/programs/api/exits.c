// SPDX-License-Identifier: GPL-2.0-only
/* Exits to user space, and what makes KVM_RUN return. */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "api.h"

/* ---- the other exits ---- */

asm(".pushsection .rodata\n.code16\n"
    "real_add: mov $5, %ax; add $4, %ax; mov %ax, 0x2000; hlt; inc %ax; hlt\n"
    "real_add_end:\n.code64\n.popsection\n");
extern const u8 real_add[], real_add_end[];

/* Without interrupt chips HLT comes to user space; the next run goes on after it. */
void t_hlt_exit(void)
{
	struct kvm_regs r;
	struct vm vm;

	vm_start_bare(&vm);
	vm_blob(&vm, CODE16_AT, real_add, real_add_end);
	vcpu_real(&vm.cpu[0], CODE16_AT);
	vcpu_run_exit(&vm.cpu[0], KVM_EXIT_HLT);
	regs_get(&vm.cpu[0], &r);
	expect(*(u16 *)(vm.mem + 0x2000), 9);
	expect(r.rax & 0xffff, 9);
	expect(r.rip, CODE16_AT + 10);
	vcpu_run_exit(&vm.cpu[0], KVM_EXIT_HLT);
	regs_get(&vm.cpu[0], &r);
	expect(r.rax & 0xffff, 10);
	expect(r.rip, CODE16_AT + 12);
}

asm(".pushsection .rodata\n.code32\n"
    "far_jump: ljmp $8, $0xe007; out %al, $0x80\n"
    "far_jump_end:\n.code64\n.popsection\n");
extern const u8 far_jump[], far_jump_end[];
_Static_assert(CODE16_AT == 0xe000, "far_jump has it");

/* Outside of long mode a code segment's bit L says nothing, and what is read can be set. */
void t_legacy_l_bit(void)
{
	struct kvm_sregs s;
	struct vm vm;

	vm_start_bare(&vm);
	vm_blob(&vm, CODE16_AT, far_jump, far_jump_end);
	((u64 *)(vm.mem + FREE_AT))[1] = 0x00ef9b000000ffff;
	vcpu_prot32(&vm.cpu[0], CODE16_AT);
	sregs_get(&vm.cpu[0], &s);
	s.gdt.base = FREE_AT;
	s.gdt.limit = 15;
	sregs_set(&vm.cpu[0], &s);
	vcpu_run_exit(&vm.cpu[0], KVM_EXIT_IO);
	sregs_get(&vm.cpu[0], &s);
	expect(s.cs.selector, 8);
	if (!is_vintc()) /* it has l = 1, and refuses that */
		return;
	expect(s.cs.l, 0);
	expect(try(vm.cpu[0].fd, KVM_SET_SREGS, &s), 0);
}

/* ---- PAE paging's four registers ---- */

asm(".pushsection .rodata\n.code32\n"
    "pae_on: mov %ebx, %cr3; mov %eax, %cr4\n"
    "pae_pg: mov %ecx, %cr0; out %al, $0x80\n"
    "pae_on_end:\n.code64\n.popsection\n");
extern const u8 pae_on[], pae_pg[], pae_on_end[];

/* Return: whether paging is on in the end. */
static bool pae_try(struct vm *vm, u64 cr3)
{
	struct vcpu *cpu = &vm->cpu[0];
	struct kvm_sregs s;
	struct kvm_regs r;
	bool on;

	vcpu_prot32(cpu, CODE16_AT);
	sregs_get(cpu, &s);
	s.idt.limit = 0; /* an exception is the end */
	sregs_set(cpu, &s);
	regs_get(cpu, &r);
	r.rax = 0x20;
	r.rbx = cr3;
	r.rcx = s.cr0 | 1u << 31;
	regs_set(cpu, &r);
	expect(vcpu_run(cpu), 0);
	regs_get(cpu, &r);
	sregs_get(cpu, &s);
	on = s.cr0 >> 31 & 1;
	expect(cpu->run->exit_reason, on ? KVM_EXIT_IO : KVM_EXIT_SHUTDOWN);
	if (!on)
		expect(r.rip, CODE16_AT + (pae_pg - pae_on));
	return on;
}

/*
 * MOV to CR0 loads them, or is #GP; with nested paging AMD's CPUs have none (APM 2
 * "Nested Paging"). QEMU's marks those in memory as accessed, which is a reserved
 * bit: no instruction may need a decoder here.
 */
void t_pdptes(void)
{
	u64 *pdpt, *pd;
	struct vm vm;
	void *mem;

	vm_create(&vm);
	mem = mmap(NULL, VM_RAM, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	vm_memory(&vm, mem);
	vcpu_create(&vm, 0);
	vm_blob(&vm, CODE16_AT, pae_on, pae_on_end);
	pdpt = (u64 *)(vm.mem + FREE_AT);
	pd = pdpt + 512;
	for (int i = 0; i < 512; i++)
		pd[i] = (u64)i << 21 | 0x83;
	pdpt[0] = (FREE_AT + 4096) | 1;
	pdpt[3] = 0x1e6; /* not present: nothing is reserved */
	expect(pae_try(&vm, FREE_AT), true);
	pdpt[0] = (FREE_AT + 4096) | 1;
	/* The host has them on no page of its own just now. */
	expect(madvise(vm.mem + FREE_AT, 4096, MADV_DONTNEED), 0);
	expect(pae_try(&vm, FREE_AT), true);
	if (!is_intel())
		return;
	pdpt[3] = 3;
	expect(pae_try(&vm, FREE_AT), false);
	pdpt[3] = 1ull << 62 | 1;
	expect(pae_try(&vm, FREE_AT), false);
	pdpt[3] = 0;
	expect(pae_try(&vm, FREE_AT), true);
	expect(pae_try(&vm, MMIO_AT), false); /* no memory */
}

guest void g_ud2(u64 arg) { asm volatile("ud2"); }

void t_shutdown(void)
{
	struct kvm_sregs s;
	struct vm vm;

	vm_start(&vm, 1);
	vcpu_long(&vm.cpu[0], g_ud2, 0);
	sregs_get(&vm.cpu[0], &s);
	s.idt.limit = 0;
	sregs_set(&vm.cpu[0], &s);
	vcpu_run_exit(&vm.cpu[0], KVM_EXIT_SHUTDOWN);
	/* the vCPU can be set up anew and runs */
	vcpu_long(&vm.cpu[0], g_io, 0);
	vcpu_run_exit(&vm.cpu[0], KVM_EXIT_IO);
	expect(vm.cpu[0].run->io.port, 0x1234);
}

/*
 * A page table where no memory is, the store's offset being the entry's: the entry
 * isn't what is stored to. KVM takes it for that; with other offsets the guest faults.
 */
guest void g_no_table(u64 table)
{
	u64 *pml4, entry = 0x80;

	asm volatile("mov %%cr3, %0" : "=r"(pml4));
	pml4[1] = table | 7;
	*(volatile u32 *)(1ull << 39 | entry / 8 << 30 | entry) = 0x30;
}

static void no_table(u64 table, bool memory)
{
	struct kvm_lapic_state lapic;
	struct vm vm;

	vm_start(&vm, 1);
	vcpu_long(&vm.cpu[0], g_no_table, table);
	expect(vcpu_run(&vm.cpu[0]), 0);
	if (!is_vintc())
		return;
	expect_that(vm.cpu[0].run->exit_reason != KVM_EXIT_MMIO);
	if (!memory)
		expect(vm.cpu[0].run->exit_reason, KVM_EXIT_INTERNAL_ERROR);
	must(vm.cpu[0].fd, KVM_GET_LAPIC, &lapic);
	expect(*(u32 *)(lapic.regs + APIC_TPR), 0);
	vm_end(&vm);
}

void t_no_table(void)
{
	no_table(MMIO_AT, false);
	/* With APICv there is a page. */
	no_table(0xfee00000, is_intel());
}

/*
 * An exception whose descriptor table is no memory: there is nothing to emulate.
 * KVM answers alike on VMX; on SVM it tries the instruction that faulted.
 */
void t_delivery_event(void)
{
	struct kvm_vcpu_events e;
	struct kvm_sregs s;
	struct vm vm;

	vm_start(&vm, 1);
	if (!is_vintc())
		skip("KVM emulates instead");
	vcpu_long(&vm.cpu[0], g_ud2, 0);
	sregs_get(&vm.cpu[0], &s);
	s.idt.base = MMIO_AT;
	sregs_set(&vm.cpu[0], &s);
	vcpu_run_exit(&vm.cpu[0], KVM_EXIT_INTERNAL_ERROR);
	expect(vm.cpu[0].run->internal.suberror, KVM_INTERNAL_ERROR_DELIVERY_EV);
	expect(vm.cpu[0].run->internal.ndata, 5);
	expect(vm.cpu[0].run->internal.data[0], 0x80000306);
	expect(vm.cpu[0].run->internal.data[3], MMIO_AT + 16 * 6);
	/* it is on its way still; without it the vCPU can be set up anew and runs */
	events_get(&vm, &e);
	expect(e.exception.injected, 1);
	expect(e.exception.nr, 6);
	e.exception.injected = 0;
	e.flags = 0;
	must(vm.cpu[0].fd, KVM_SET_VCPU_EVENTS, &e);
	vcpu_long(&vm.cpu[0], g_io, 0);
	vcpu_run_exit(&vm.cpu[0], KVM_EXIT_IO);
	expect(vm.cpu[0].run->io.port, 0x1234);
}

/* FAIL_ENTRY with hardware's VMEXIT_INVALID, and the vCPU runs when it is mended. */
static void refused_by_hardware(struct vm *vm, u32 why)
{
	struct kvm_run *run = vm->cpu[0].run;
	struct kvm_vcpu_events e;

	vcpu_run_exit(&vm->cpu[0], KVM_EXIT_FAIL_ENTRY);
	expect((u32)run->fail_entry.hardware_entry_failure_reason, why);
	events_get(vm, &e);
	e.exception.injected = 0;
	e.flags = 0;
	must(vm->cpu[0].fd, KVM_SET_VCPU_EVENTS, &e);
	vcpu_long(&vm->cpu[0], g_io, 0);
	vcpu_run_exit(&vm->cpu[0], KVM_EXIT_IO);
	expect(run->io.port, 0x1234);
}

/*
 * State that the calls take and hardware refuses. An exception of a vector that
 * is none: the calls know only 32 vectors, VMRUN knows which are exceptions.
 */
void t_fail_entry(void)
{
	struct kvm_vcpu_events e;
	struct kvm_sregs s, was;
	struct vm vm;
	int r;

	vm_start(&vm, 1);
	vcpu_long(&vm.cpu[0], g_ud2, 0);
	if (is_intel()) {
		/* SDM 3C "Checks on Guest Segment Registers": CS is a system segment */
		sregs_get(&vm.cpu[0], &was);
		s = was;
		s.cs.s = 0;
		must(vm.cpu[0].fd, KVM_SET_SREGS, &s);
		refused_by_hardware(&vm, 0x80000021);
		must(vm.cpu[0].fd, KVM_SET_SREGS, &was);
		/* CR4.PCIDE outside long mode: "Checks on Guest Control Registers" */
		vcpu_prot32(&vm.cpu[0], CODE16_AT);
		sregs_get(&vm.cpu[0], &s);
		s.cr4 |= 1 << 17;
		must(vm.cpu[0].fd, KVM_SET_SREGS, &s);
		refused_by_hardware(&vm, 0x80000021);
	} else {
		events_get(&vm, &e);
		e.exception.injected = 1;
		e.exception.nr = 31;
		e.exception.has_error_code = 0;
		e.flags = 0;
		must(vm.cpu[0].fd, KVM_SET_VCPU_EVENTS, &e);
		refused_by_hardware(&vm, ~0u);
	}

	/*
	 * CS both L and D in long mode: KVM leaves it to hardware; vintc refuses
	 * what VMRUN's consistency checks would (APM 2) when it is told so, and
	 * stays as it was.
	 */
	vcpu_long(&vm.cpu[0], g_ud2, 0);
	sregs_get(&vm.cpu[0], &was);
	s = was;
	s.cs.db = 1;
	s.cr2 = 0x1234;
	r = try(vm.cpu[0].fd, KVM_SET_SREGS, &s);
	if (!is_vintc()) {
		expect(r, 0);
		refused_by_hardware(&vm, is_intel() ? 0x80000021 : ~0u);
		return;
	}
	expect(r, -EINVAL);
	sregs_get(&vm.cpu[0], &s);
	expect(memcmp(&s, &was, sizeof(s)), 0);
	vcpu_long(&vm.cpu[0], g_io, 0);
	vcpu_run_exit(&vm.cpu[0], KVM_EXIT_IO);
}

guest void g_jump_mmio(u64 arg) { asm volatile("jmp *%0" : : "r"(MMIO_AT)); }
guest void g_fnsave_mmio(u64 arg) { asm volatile("fnsave (%0)" : : "r"(MMIO_AT)); }

/* What can't be emulated ends in INTERNAL_ERROR, and the state stays as it was. */
void t_internal_error(void)
{
	static const struct {
		const char *name;
		guest_fn fn;
	} cases[] = {
		{ "code from MMIO", g_jump_mmio },
		{ "FNSAVE to MMIO", g_fnsave_mmio },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct vm vm;
		struct kvm_run *run;
		int r;

		vm_start(&vm, 1);
		run = vm.cpu[0].run;
		vcpu_long(&vm.cpu[0], cases[i].fn, 0);
		r = vcpu_run(&vm.cpu[0]);
		result(r == 0 && run->exit_reason == KVM_EXIT_INTERNAL_ERROR &&
		       run->internal.suberror == KVM_INTERNAL_ERROR_EMULATION,
		       cases[i].name, "KVM_RUN %d, exit %u, suberror %u", r,
		       run->exit_reason, run->internal.suberror);
		vm_end(&vm);
	}
}

/* ---- leaving the guest ---- */

guest void g_in(u64 arg)
{
	SH->val[0] = g_in32(0x999);
	SH->ready = 1;
}

void t_immediate_exit(void)
{
	struct kvm_run *run;
	struct vm vm;
	u32 v = 0x12345678;

	vm_start(&vm, 1);
	run = vm.cpu[0].run;
	vcpu_long(&vm.cpu[0], g_in, 0);
	run->immediate_exit = 1;
	for (int i = 0; i < 3; i++) {
		expect(vcpu_run(&vm.cpu[0]), -EINTR);
		expect(vm.sh->ready, 0);
	}
	run->immediate_exit = 0;
	vcpu_until(&vm.cpu[0], 0x999);
	memcpy((u8 *)run + run->io.data_offset, &v, 4);
	/* completes the IN, and no more than that */
	run->immediate_exit = 1;
	expect(vcpu_run(&vm.cpu[0]), -EINTR);
	expect(vm.sh->ready, 0);
	memset((u8 *)run + run->io.data_offset, 0, 4);
	run->immediate_exit = 0;
	vcpu_done(&vm.cpu[0]);
	expect(vm.sh->val[0], v);
}

void t_signal(void)
{
	struct sigaction sa = { .sa_handler = count_signal };
	pthread_t me = pthread_self(), t;
	struct vm vm;

	vm_start(&vm, 1);
	vcpu_long(&vm.cpu[0], g_spin, 0);
	sigaction(SIGUSR1, &sa, NULL);
	pthread_create(&t, NULL, kicker, &me);
	while (signals < 10) {
		expect(vcpu_run(&vm.cpu[0]), -EINTR);
		expect(vm.cpu[0].run->exit_reason, KVM_EXIT_INTR);
	}
	kicker_stop(t);
}

/* A signal blocked outside, let in by KVM_SET_SIGNAL_MASK: exit, not delivered. */
void t_signal_mask(void)
{
	struct sigaction sa = { .sa_handler = count_signal };
	struct {
		struct kvm_signal_mask h;
		u64 set;
	} m = { .h.len = 8 };
	struct vm vm;
	sigset_t set;

	vm_start(&vm, 1);
	vcpu_long(&vm.cpu[0], g_spin, 0);
	sigaction(SIGUSR1, &sa, NULL);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	must(vm.cpu[0].fd, KVM_SET_SIGNAL_MASK, &m);
	raise(SIGUSR1);
	for (int i = 0; i < 3; i++) {
		expect(vcpu_run(&vm.cpu[0]), -EINTR);
		expect(signals, 0);
	}
	sigpending(&set);
	expect_that(sigismember(&set, SIGUSR1));
}

guest void g_halt_if(u64 arg)
{
	g_apic_on(false);
	SH->ready = 1;
	g_sti_hlt();
}

/* HLT in the kernel: a signal ends it; the state says HALTED. */
void t_halt_signal(void)
{
	struct sigaction sa = { .sa_handler = count_signal };
	pthread_t me = pthread_self(), t;
	struct kvm_mp_state mp;
	struct kvm_msi msi = { .address_lo = 0xfee00000, .data = 0x50 };
	struct vm vm;

	vm_start(&vm, 1);
	vcpu_long(&vm.cpu[0], g_halt_if, 0);
	sigaction(SIGUSR1, &sa, NULL);
	pthread_create(&t, NULL, kicker, &me);
	while (signals < 10)
		expect(vcpu_run(&vm.cpu[0]), -EINTR);
	kicker_stop(t);
	expect(vm.sh->ready, 1);
	must(vm.cpu[0].fd, KVM_GET_MP_STATE, &mp);
	expect(mp.mp_state, KVM_MP_STATE_HALTED);
	expect(try(vm.fd, KVM_SIGNAL_MSI, &msi), 1);
	vcpu_done(&vm.cpu[0]);
	must(vm.cpu[0].fd, KVM_GET_MP_STATE, &mp);
	expect(mp.mp_state, KVM_MP_STATE_RUNNABLE);
	expect(vm.sh->cpu[0].count[0x50], 1);
}
