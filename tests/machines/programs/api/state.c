// SPDX-License-Identifier: GPL-2.0-only
/* State that user space reads and sets: registers, MSRs, CPUID, FPU. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "api.h"

/* ---- registers ---- */

void t_regs(void)
{
	struct kvm_regs r, back;
	u64 *p = (u64 *)&r;
	struct vm vm;

	vm_start(&vm, 1);
	for (int i = 0; i < 16; i++)
		p[i] = 0x1111111111111111ull * i + 7;
	r.rip = 0xffff800000001234;
	r.rflags = 0x246ed7 & ~(1ull << 17);
	regs_set(&vm.cpu[0], &r);
	regs_get(&vm.cpu[0], &back);
	expect(memcmp(&r, &back, sizeof(r)), 0);
}

void t_reset_state(void)
{
	struct kvm_mp_state mp;
	struct kvm_regs r;
	struct kvm_sregs s;
	struct vm vm;

	vm_start(&vm, 2);
	regs_get(&vm.cpu[0], &r);
	sregs_get(&vm.cpu[0], &s);
	expect(r.rip, 0xfff0);
	expect(r.rflags, 2);
	expect(r.rdx & 0xfffff000, r.rdx & 0xfff000); /* family, model, stepping */
	expect_that(r.rdx != 0);
	expect(s.cs.base, 0xffff0000);
	expect(s.cs.selector, 0xf000);
	expect(s.cs.limit, 0xffff);
	expect(s.cs.present, 1);
	expect(s.ds.limit, 0xffff);
	expect(s.ds.type, 3);
	expect(s.idt.limit, 0xffff);
	expect(s.gdt.limit, 0xffff);
	expect(s.cr0, 0x60000010);
	expect(s.cr4, 0);
	expect(s.efer, 0);
	expect(s.apic_base, 0xfee00900);
	/* neither branch trace nor PEBS; LFENCE is serializing when somebody says so */
	if (is_vintc()) /* newer KVM's too */
		expect(msr_get(&vm.cpu[0], 0x1a0), 0x1800);
	if (!is_intel())
		expect(msr_get(&vm.cpu[0], 0xc0011029), 0);
	sregs_get(&vm.cpu[1], &s);
	expect(s.apic_base, 0xfee00800);
	must(vm.cpu[0].fd, KVM_GET_MP_STATE, &mp);
	expect(mp.mp_state, KVM_MP_STATE_RUNNABLE);
	must(vm.cpu[1].fd, KVM_GET_MP_STATE, &mp);
	expect(mp.mp_state, KVM_MP_STATE_UNINITIALIZED);
}

void t_sregs(void)
{
	struct kvm_sregs s, back;
	struct vm vm;

	vm_start(&vm, 1);
	vcpu_long(&vm.cpu[0], g_spin, 0);
	sregs_get(&vm.cpu[0], &s);
	s.cr2 = 0xffff888812345678;
	s.fs.base = 0xffff900000001000;
	s.gs.base = 0x7fff00002000;
	s.ldt.base = 0xffff900000003000;
	s.ldt.selector = 0x28;
	s.ldt.limit = 0x67;
	s.ldt.present = 1;
	s.ldt.type = 2;
	s.ldt.unusable = 0;
	s.tr.base = 0xffff900000004000;
	s.tr.selector = 0x30;
	s.tr.limit = 0x2067;
	s.tr.type = 11;
	s.tr.present = 1;
	s.gdt.base = 0xffff900000005000;
	s.gdt.limit = 0x7f;
	s.idt.base = 0xffff900000006000;
	s.idt.limit = 0xffe;
	s.es.selector = 0x2b;
	s.es.dpl = 3;
	sregs_set(&vm.cpu[0], &s);
	sregs_get(&vm.cpu[0], &back);
	for (size_t i = 0; i < sizeof(s); i++)
		if (((u8 *)&s)[i] != ((u8 *)&back)[i])
			fail("byte %zu of kvm_sregs is %#x, not %#x", i, ((u8 *)&back)[i],
			     ((u8 *)&s)[i]);
}

/* The guest puts SREGS' CR8 and run->cr8 to use. */
#define read_cr(n)                                                             \
	({                                                                     \
		u64 v_;                                                        \
		asm volatile("mov %%cr" #n ", %0" : "=r"(v_) : : "memory");    \
		v_;                                                            \
	})

/* While CD is set, as it is when a kernel sets up its MTRRs. */
guest void g_crs(u64 arg)
{
	u64 cr0 = read_cr(0), cr3 = read_cr(3), cr4 = read_cr(4) | 0x40;

	asm volatile("mov %0, %%cr2" : : "r"(0x1234567890ull) : "memory");
	asm volatile("mov %0, %%cr8" : : "r"(7ull) : "memory");
	asm volatile("mov %0, %%cr0" : : "r"(cr0 | 1 << 30) : "memory");
	g_expect(read_cr(0), cr0 | 1 << 30);
	g_expect(read_cr(2), 0x1234567890);
	g_expect(read_cr(3), cr3);
	g_expect(read_cr(4) | 0x40, cr4); /* QEMU shows the host's MCE */
	g_expect(read_cr(8), 7);
	asm volatile("mov %0, %%cr3" : : "r"(cr3) : "memory");
	asm volatile("mov %0, %%cr0" : : "r"(cr0) : "memory");
	g_expect(read_cr(0), cr0);
	g_expect(read_cr(2), 0x1234567890);
}

void t_control_registers(void)
{
	struct vm vm;

	vm_start(&vm, 1);
	vcpu_long(&vm.cpu[0], g_crs, 0);
	vcpu_done(&vm.cpu[0]);
}

guest void g_cr8(u64 arg)
{
	u64 v;

	for (int i = 0; i < 2; i++) {
		asm volatile("mov %%cr8, %0" : "=r"(v) : : "memory");
		SH->val[i] = v;
		SH->val[8 + i] = g_apic_read(APIC_TPR);
		asm volatile("mov %0, %%cr8" : : "r"(v + 1) : "memory");
		g_out8(PORT_SYNC, 0);
	}
}

void t_cr8(void)
{
	struct kvm_sregs s;
	struct vm vm;

	vm_start(&vm, 1);
	vcpu_long(&vm.cpu[0], g_cr8, 0);
	sregs_get(&vm.cpu[0], &s);
	s.cr8 = 5;
	sregs_set(&vm.cpu[0], &s);
	vcpu_until(&vm.cpu[0], PORT_SYNC);
	expect(vm.sh->val[0], 5);
	expect(vm.sh->val[8], 0x50);
	sregs_get(&vm.cpu[0], &s);
	expect(s.cr8, 6);
	expect(vm.cpu[0].run->cr8, 6);
	s.cr8 = 9;
	sregs_set(&vm.cpu[0], &s);
	vcpu_until(&vm.cpu[0], PORT_SYNC);
	expect(vm.sh->val[1], 9);
	expect(vm.sh->val[9], 0x90);
	vcpu_done(&vm.cpu[0]);
}

void t_fpu(void)
{
	struct kvm_xsave *x = calloc(1, 8192), *back = calloc(1, 8192);
	struct kvm_fpu f, fb;
	struct vm vm;

	vm_start(&vm, 1);
	must(vm.cpu[0].fd, KVM_GET_FPU, &f);
	expect(f.fcw, 0x37f);
	/* KVM keeps what KVM_SET_FPU says only when the components are in use */
	vcpu_long(&vm.cpu[0], g_msrs, 0);
	vcpu_done(&vm.cpu[0]);
	must(vm.cpu[0].fd, KVM_GET_FPU, &f);
	memset(f.fpr, 0x5a, sizeof(f.fpr));
	for (int i = 0; i < 8; i++)
		memset(f.fpr[i] + 10, 0, 6);
	memset(f.xmm, 0xc3, sizeof(f.xmm));
	f.fcw = 0x27f;
	f.fsw = 0x3800;
	f.ftwx = 0xff;
	f.mxcsr = 0x1fa0;
	f.last_ip = 0x1234;
	f.last_dp = 0x5678;
	f.last_opcode = 0x123;
	must(vm.cpu[0].fd, KVM_SET_FPU, &f);
	must(vm.cpu[0].fd, KVM_GET_FPU, &fb);
	f.mxcsr = fb.mxcsr; /* KVM leaves it alone here */
	for (size_t i = 0; i < sizeof(f); i++)
		if (((u8 *)&f)[i] != ((u8 *)&fb)[i])
			fail("byte %zu of kvm_fpu is %#x, not %#x", i, ((u8 *)&fb)[i],
			     ((u8 *)&f)[i]);
	must(vm.cpu[0].fd, KVM_GET_XSAVE, x);
	expect(((u16 *)x)[0], 0x27f);
	expect_that((((u64 *)x)[64] & 3) == 3); /* XSTATE_BV */
	expect(((u8 *)x)[160], 0xc3);
	((u8 *)x)[160] = 0x99;
	((u32 *)x)[6] = 0x1fa0;
	must(vm.cpu[0].fd, KVM_SET_XSAVE, x);
	must(vm.cpu[0].fd, KVM_GET_XSAVE, back);
	expect(memcmp(x, back, 4096), 0);
	must(vm.cpu[0].fd, KVM_GET_FPU, &fb);
	expect(fb.xmm[0][0], 0x99);
	/* MXCSR with reserved bits */
	((u32 *)x)[6] = 0xffff0000;
	expect(try(vm.cpu[0].fd, KVM_SET_XSAVE, x), -EINVAL);
}

/* All that is listed can be read, and what was read can be written back. */
void t_msrs(void)
{
	struct {
		struct kvm_msr_list h;
		u32 index[1024];
	} list = { .h.nmsrs = 1024 };
	struct {
		struct kvm_msrs h;
		struct kvm_msr_entry e[1024];
	} m = { 0 }, b;
	struct vm vm;
	int r;

	vm_start(&vm, 1);
	must(vm.dev, KVM_GET_MSR_INDEX_LIST, &list);
	m.h.nmsrs = list.h.nmsrs;
	for (u32 i = 0; i < m.h.nmsrs; i++)
		m.e[i].index = list.index[i];
	r = try(vm.cpu[0].fd, KVM_GET_MSRS, &m);
	if (r != (int)m.h.nmsrs)
		fail("KVM_GET_MSRS: %d of %u, stops at %#x", r, m.h.nmsrs,
		     r >= 0 ? list.index[r] : 0);
	b = m;
	r = try(vm.cpu[0].fd, KVM_SET_MSRS, &m);
	if (r != (int)m.h.nmsrs)
		fail("KVM_SET_MSRS: %d of %u, stops at %#x = %#llx", r, m.h.nmsrs,
		     r >= 0 ? list.index[r] : 0, r >= 0 ? m.e[r].data : 0);
	expect(try(vm.cpu[0].fd, KVM_GET_MSRS, &m), m.h.nmsrs);
	for (u32 i = 0; i < m.h.nmsrs; i++)
		if (m.e[i].data != b.e[i].data && m.e[i].index != 0x10 &&
		    m.e[i].index >> 4 != 0x4000001 &&
		    m.e[i].index >> 4 != 0x4000002 /* clocks */)
			fail("MSR %#x was %#llx, is %#llx", m.e[i].index, b.e[i].data,
			     m.e[i].data);
}

static const struct {
	u32 msr;
	u64 good, bad; /* bad: 0 when there is none */
} msr_values[] = {
	{ 0x174, 0x8, 0 },
	{ 0x175, 0x88001000, 0 }, /* AMD: 32 bits */
	{ 0x176, 0x88002000, 0 },
	{ 0x277, 0x0007040600070406, 0x0202020202020202 },
	{ 0xc0000080, 0xd01, 1ull << 40 },
	{ 0xc0000081, 0x0023001000000000, 0 },
	{ 0xc0000082, 0xffffffff81000000, 0x1234567812345678 },
	{ 0xc0000083, 0xffffffff81001000, 0 },
	{ 0xc0000084, 0x47700, 0 },
	{ 0xc0000100, 0x7f0000001000, 0x8000000000000000 },
	{ 0xc0000101, 0xffff888000001000, 0x8000000000000000 },
	{ 0xc0000102, 0x7f0000003000, 0x8000000000000000 },
	{ 0x2ff, 0xc06, 0 },
	{ 0x200, 0x6, 0 },
	{ 0x250, 0x0606060606060606, 0x0707070707070707 },
};

guest void g_msrs(u64 n)
{
	for (u64 i = 0; i < n; i++)
		SH->val[i] = g_rdmsr(SH->arg[0] ? 0x10 : msr_values[i].msr);
}

/* Host and guest see the same; what is reserved is refused and changes nothing. */
void t_msr_values(void)
{
	struct vm vm;
	struct kvm_sregs s;

	vm_start(&vm, 1);
	vcpu_long(&vm.cpu[0], g_msrs, ARRAY_SIZE(msr_values));
	for (size_t i = 0; i < ARRAY_SIZE(msr_values); i++) {
		if (msr_values[i].msr == 0xc0000101)
			continue; /* the guest needs it */
		if (msr_set(&vm.cpu[0], msr_values[i].msr, msr_values[i].good) != 1)
			fail("MSR %#x takes no %#llx", msr_values[i].msr,
			     (long long)msr_values[i].good);
		expect(msr_get(&vm.cpu[0], msr_values[i].msr), msr_values[i].good);
		if (!msr_values[i].bad)
			continue;
		if (msr_set(&vm.cpu[0], msr_values[i].msr, msr_values[i].bad) == 1)
			fail("MSR %#x takes %#llx", msr_values[i].msr,
			     (long long)msr_values[i].bad);
		expect(msr_get(&vm.cpu[0], msr_values[i].msr), msr_values[i].good);
	}
	vcpu_done(&vm.cpu[0]);
	for (size_t i = 0; i < ARRAY_SIZE(msr_values); i++)
		if (msr_values[i].msr != 0xc0000101 && vm.sh->val[i] != msr_values[i].good)
			fail("guest reads %#llx from MSR %#x", (long long)vm.sh->val[i],
			     msr_values[i].msr);
	sregs_get(&vm.cpu[0], &s);
	expect(s.fs.base, 0x7f0000001000);
	expect(s.efer, 0xd01);
}

guest void g_cpuid(u64 leaf)
{
	u32 a = leaf, b, c = 0, d;

	asm volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
	SH->val[0] = a;
	SH->val[1] = b;
	SH->val[2] = c;
	SH->val[3] = d;
}

void t_cpuid(void)
{
	struct kvm_cpuid2 *c;
	struct vm vm;

	vm_create(&vm);
	vm_irqchip(&vm);
	vm_memory(&vm, NULL);
	vcpu_create(&vm, 0);
	c = calloc(1, sizeof(*c) + 3 * sizeof(c->entries[0]));
	c->nent = 3;
	c->entries[0] = (struct kvm_cpuid_entry2){ .function = 0, .eax = 1, .ebx = 0x756e6547,
						   .ecx = 0x6c65746e, .edx = 0x49656e69 };
	c->entries[1] = (struct kvm_cpuid_entry2){ .function = 1, .eax = 0x800f12,
						   .edx = 0x178bfbff, .ecx = 1 << 21 };
	c->entries[2] = (struct kvm_cpuid_entry2){ .function = 0x80000001,
						   .edx = 0x20100800 };
	must(vm.cpu[0].fd, KVM_SET_CPUID2, c);
	vcpu_long(&vm.cpu[0], g_cpuid, 0);
	vcpu_done(&vm.cpu[0]);
	expect(vm.sh->val[0], 1);
	expect(vm.sh->val[1], 0x756e6547);
	expect(vm.sh->val[2], 0x6c65746e);
	expect(vm.sh->val[3], 0x49656e69);
	vcpu_long(&vm.cpu[0], g_cpuid, 1);
	vcpu_done(&vm.cpu[0]);
	expect(vm.sh->val[0], 0x800f12);
	expect(vm.sh->val[2] & ~(1 << 27), 1 << 21);
	vcpu_long(&vm.cpu[0], g_cpuid, 0x80000001);
	vcpu_done(&vm.cpu[0]);
	expect(vm.sh->val[3], 0x20100800);
}

/* What says that there is neither branch trace nor PEBS isn't the guest's to change. */
guest void g_misc_enable(u64 arg)
{
	g_expect(g_wrmsr_try(0x1a0, 0x1801), -1);
	g_expect(g_rdmsr(0x1a0), 0x1801);
	g_expect(g_wrmsr_try(0x1a0, 0x801), 13);
	g_expect(g_wrmsr_try(0x1a0, 0), 13);
	g_expect(g_rdmsr(0x1a0), 0x1801);
}

void t_misc_enable(void)
{
	struct vm vm;

	vm_start(&vm, 1);
	expect(msr_set(&vm.cpu[0], 0x1a0, 0x1800), 1);
	vcpu_long(&vm.cpu[0], g_misc_enable, 0);
	vcpu_done(&vm.cpu[0]);
	expect(msr_set(&vm.cpu[0], 0x1a0, 1), 1);
}

/* KVM_SET_CPUID: entries without index. */
void t_cpuid_old(void)
{
	struct {
		struct kvm_cpuid head;
		struct kvm_cpuid_entry entry[3];
	} c = { .head.nent = 3, .entry = {
		{ .function = 0, .eax = 1, .ebx = 0x756e6547, .ecx = 0x6c65746e, .edx = 0x49656e69 },
		{ .function = 1, .eax = 0x800f12, .edx = 0x178bfbff, .ecx = 1 << 21 },
		{ .function = 0x80000001, .edx = 0x20100800 },
	} };
	struct vm vm;

	vm_create(&vm);
	vm_irqchip(&vm);
	vm_memory(&vm, NULL);
	vcpu_create(&vm, 0);
	must(vm.cpu[0].fd, KVM_SET_CPUID, &c);
	vcpu_long(&vm.cpu[0], g_cpuid, 1);
	vcpu_done(&vm.cpu[0]);
	expect(vm.sh->val[0], 0x800f12);
	expect(vm.sh->val[2] & ~(1 << 27), 1 << 21);
	c.head.nent = 100000;
	expect(try(vm.cpu[0].fd, KVM_SET_CPUID, &c), -E2BIG);
	c.head.nent = 3;
	c.entry[1].eax++;
	expect(try(vm.cpu[0].fd, KVM_SET_CPUID, &c), -EINVAL); /* it has run */
}
