// SPDX-License-Identifier: GPL-2.0-only
/*
 * Input that no VMM should give: each ioctl with bad pointers, sizes, bits and
 * counts, on the wrong fd and in the wrong order gives a precise errno and
 * changes nothing. What is expected was measured on in-tree KVM 6.12; where
 * vintc is to be stricter, a second value says so.
 *
 *	[DEV=/dev/vintc] [SEED=n] [CALLS=n] badinput [TEST]...
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vm.h"
#include "../../../uapi/vintc.h"

#ifndef KVM_SET_USER_MEMORY_REGION2
struct kvm_userspace_memory_region2 {
	__u32 slot;
	__u32 flags;
	__u64 guest_phys_addr;
	__u64 memory_size;
	__u64 userspace_addr;
	__u64 guest_memfd_offset;
	__u32 guest_memfd;
	__u32 pad1;
	__u64 pad2[14];
};
#define KVM_SET_USER_MEMORY_REGION2 _IOW(KVMIO, 0x49, struct kvm_userspace_memory_region2)
#endif

#define SAME 12345 /* vintc gives what KVM gives */

enum where { DEV, VM, VCPU };

static int fd_of(struct vm *vm, enum where where)
{
	return where == DEV ? vm->dev : where == VM ? vm->fd : vm->cpu[0].fd;
}

/* ---- what must not change ---- */

struct snapshot {
	struct kvm_regs regs;
	struct kvm_sregs sregs;
	struct kvm_fpu fpu;
	struct kvm_xsave xsave;
	struct kvm_lapic_state lapic;
	struct kvm_mp_state mp;
	struct kvm_vcpu_events events;
	struct kvm_irqchip ioapic;
	struct {
		struct kvm_msrs h;
		struct kvm_msr_entry e[16];
	} msrs;
};

static const u32 watched_msrs[] = {
	0x1b, 0x174, 0x175, 0x176, 0x277, 0xc0000080, 0xc0000081, 0xc0000082, 0xc0000083,
	0xc0000084, 0xc0000100, 0xc0000101, 0xc0000102, 0x2ff, 0x1a0, 0x6e0,
};

static void snapshot(struct vm *vm, struct snapshot *s)
{
	int fd = vm->cpu[0].fd;

	memset(s, 0, sizeof(*s));
	must(fd, KVM_GET_REGS, &s->regs);
	must(fd, KVM_GET_SREGS, &s->sregs);
	must(fd, KVM_GET_FPU, &s->fpu);
	must(fd, KVM_GET_XSAVE, &s->xsave);
	must(fd, KVM_GET_LAPIC, &s->lapic);
	must(fd, KVM_GET_MP_STATE, &s->mp);
	must(fd, KVM_GET_VCPU_EVENTS, &s->events);
	s->ioapic.chip_id = KVM_IRQCHIP_IOAPIC;
	must(vm->fd, KVM_GET_IRQCHIP, &s->ioapic);
	s->msrs.h.nmsrs = ARRAY_SIZE(watched_msrs);
	for (size_t i = 0; i < ARRAY_SIZE(watched_msrs); i++)
		s->msrs.e[i].index = watched_msrs[i];
	expect(try(fd, KVM_GET_MSRS, &s->msrs), ARRAY_SIZE(watched_msrs));
}

static const char *changed(const struct snapshot *a, const struct snapshot *b)
{
#define FIELD(f) if (memcmp(&a->f, &b->f, sizeof(a->f))) return #f;
	FIELD(regs) FIELD(sregs) FIELD(fpu) FIELD(xsave) FIELD(lapic)
	FIELD(mp) FIELD(events) FIELD(ioapic) FIELD(msrs)
	return NULL;
}

guest void g_alive(u64 arg)
{
	SH->val[0] = *(volatile u64 *)FREE_AT + arg;
}

static void still_alive(struct vm *vm)
{
	*(u64 *)(vm->mem + FREE_AT) = 0x1000;
	vcpu_long(&vm->cpu[0], g_alive, 7);
	vcpu_done(&vm->cpu[0]);
	expect(vm->sh->val[0], 0x1007);
}

/* ---- bad pointers ---- */

static const struct pointer_case {
	const char *name;
	enum where where;
	unsigned long cmd;
	int other; /* errno for all of them when it isn't EFAULT */
} pointer_cases[] = {
#define P(w, c, ...) { #c, w, c, ##__VA_ARGS__ }
	P(DEV, KVM_GET_SUPPORTED_CPUID),
	P(DEV, KVM_GET_MSR_INDEX_LIST),
	P(VM, KVM_SET_USER_MEMORY_REGION),
	P(VM, KVM_SET_USER_MEMORY_REGION2),
	P(VM, KVM_GET_DIRTY_LOG),
	P(VM, KVM_CLEAR_DIRTY_LOG),
	P(VM, KVM_ENABLE_CAP),
	P(VM, KVM_SET_IDENTITY_MAP_ADDR, -EINVAL), /* there is a vCPU */
	P(VM, KVM_GET_IRQCHIP),
	P(VM, KVM_SET_IRQCHIP),
	P(VM, KVM_SET_GSI_ROUTING),
	P(VM, KVM_IRQ_LINE),
	P(VM, KVM_IRQ_LINE_STATUS),
	P(VM, KVM_SIGNAL_MSI),
	P(VM, KVM_X86_SET_MSR_FILTER),
	P(VCPU, KVM_SET_CPUID2),
	P(VCPU, KVM_SET_CPUID),
	P(VCPU, KVM_X86_SET_MCE),
	P(VCPU, KVM_GET_NESTED_STATE),
	P(VCPU, KVM_SET_NESTED_STATE),
	P(VCPU, KVM_GET_REGS),
	P(VCPU, KVM_SET_REGS),
	P(VCPU, KVM_GET_SREGS),
	P(VCPU, KVM_SET_SREGS),
	P(VCPU, KVM_GET_FPU),
	P(VCPU, KVM_SET_FPU),
	P(VCPU, KVM_GET_XSAVE),
	P(VCPU, KVM_SET_XSAVE),
	P(VCPU, KVM_GET_MSRS),
	P(VCPU, KVM_SET_MSRS),
	P(VCPU, KVM_GET_LAPIC),
	P(VCPU, KVM_SET_LAPIC),
	P(VCPU, KVM_GET_MP_STATE),
	P(VCPU, KVM_SET_MP_STATE),
	P(VCPU, KVM_GET_VCPU_EVENTS),
	P(VCPU, KVM_SET_VCPU_EVENTS),
};

static void t_pointers(void)
{
	u8 *gap = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	const struct { const char *name; void *p; } bad[] = {
		{ "NULL", NULL },
		{ "kernel", (void *)0xffff888000000000ul },
		{ "the last byte", (void *)-1ul },
		{ "not canonical", (void *)0x8000000000000000ul },
		{ "unmapped", gap + 4096 },
		{ "only the first byte mapped", gap + 4095 },
	};
	struct snapshot before, after;
	struct vm vm;

	munmap(gap + 4096, 4096);
	vm_start(&vm, 1);
	snapshot(&vm, &before);
	for (size_t i = 0; i < ARRAY_SIZE(pointer_cases); i++) {
		const struct pointer_case *c = &pointer_cases[i];
		int want = c->other ? c->other : -EFAULT;
		const char *what = NULL;
		int r = want;

		for (size_t k = 0; k < ARRAY_SIZE(bad) && !what; k++) {
			r = try(fd_of(&vm, c->where), c->cmd, bad[k].p);
			if (r != want)
				what = bad[k].name;
		}
		snapshot(&vm, &after);
		result(!what && !changed(&before, &after), c->name, "%s: %d, not %d; changed: %s",
		       what, r, want, changed(&before, &after));
	}
	still_alive(&vm);
}

/* ---- bad contents ---- */

struct bad {
	const char *name;
	enum where where;
	unsigned long cmd;
	void (*fill)(struct vm *vm, void *arg);
	int kvm, vintc; /* expected, or SAME */
};

#define FILL(id, type, ...)                                                    \
	static void fill_##id(struct vm *vm, void *arg)                        \
	{                                                                      \
		type *a = arg;                                                 \
		(void)vm;                                                      \
		__VA_ARGS__;                                                   \
	}

/* memory regions: slot 1, valid but for one thing */
#define REGION(id, ...)                                                        \
	FILL(id, struct kvm_userspace_memory_region2,                          \
	     a->slot = 1, a->guest_phys_addr = 0x8000000, a->memory_size = 0x10000, \
	     a->userspace_addr = (u64)vm->mem; __VA_ARGS__)
REGION(r_size_odd, a->memory_size = 0x10001)
REGION(r_size_sector, a->memory_size = 0x200)
REGION(r_gpa_odd, a->guest_phys_addr += 8)
REGION(r_hva_odd, a->userspace_addr += 8)
REGION(r_hva_kernel, a->userspace_addr = 0xffff888000000000)
REGION(r_hva_end, a->userspace_addr = 0x7ffffffff000)
REGION(r_hva_tag, a->userspace_addr |= 1ull << 62)
REGION(r_gpa_wrap, a->guest_phys_addr = -0x8000ull)
REGION(r_gpa_wide, a->guest_phys_addr = 1ull << 52)
REGION(r_size_wrap, a->memory_size = -0x1000ull)
REGION(r_size_huge, a->memory_size = 1ull << 46)
REGION(r_slot, a->slot = 0x7fff)
REGION(r_slot_max, a->slot = ~0u)
REGION(r_space, a->slot = 2 << 16 | 1)
REGION(r_flags, a->flags = 1u << 30)
REGION(r_overlap, a->guest_phys_addr = VM_RAM - 0x1000)
REGION(r_inside, a->guest_phys_addr = 0x10000)
REGION(r_around, a->guest_phys_addr = 0; a->memory_size = VM_RAM + 0x10000)
REGION(r_delete, a->memory_size = 0)
REGION(r_resize, a->slot = 0; a->guest_phys_addr = 0)
REGION(r_other_hva, a->slot = 0; a->guest_phys_addr = 0; a->memory_size = VM_RAM;
       a->userspace_addr += 4096)
REGION(r_readonly, a->slot = 0; a->guest_phys_addr = 0; a->memory_size = VM_RAM;
       a->flags = KVM_MEM_READONLY)
REGION(r_memfd, a->flags = 4)
REGION(r_same, a->slot = 0; a->guest_phys_addr = 0; a->memory_size = VM_RAM)

FILL(log_not_logged, struct kvm_dirty_log, a->dirty_bitmap = a + 1)
FILL(log_no_slot, struct kvm_dirty_log, a->slot = 1; a->dirty_bitmap = a + 1)
FILL(log_slot, struct kvm_dirty_log, a->slot = 0x7fff)
FILL(log_slot_max, struct kvm_dirty_log, a->slot = ~0u)
FILL(log_space, struct kvm_dirty_log, a->slot = 2 << 16)
FILL(clear_not_logged, struct kvm_clear_dirty_log, a->num_pages = 64; a->dirty_bitmap = a + 1)
FILL(clear_slot, struct kvm_clear_dirty_log, a->slot = 0x7fff; a->num_pages = 64)
FILL(clear_space, struct kvm_clear_dirty_log, a->slot = 2 << 16; a->num_pages = 64)
FILL(clear_first, struct kvm_clear_dirty_log, a->first_page = 63; a->num_pages = 64)
FILL(manual_alone, struct kvm_enable_cap, a->cap = KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2; a->args[0] = 2)
FILL(manual_unknown, struct kvm_enable_cap, a->cap = KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2; a->args[0] = 4)
FILL(manual_wide, struct kvm_enable_cap, a->cap = KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2;
     a->args[0] = 1ull << 32)
FILL(manual_flags, struct kvm_enable_cap, a->cap = KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2; a->flags = 1)

#define ROUTES(id, ...)                                                        \
	FILL(id, struct kvm_irq_routing, struct kvm_irq_routing_entry *e = a->entries; \
	     a->nr = 1; e[0].gsi = 24; e[0].type = KVM_IRQ_ROUTING_MSI;        \
	     e[0].u.msi.address_lo = 0xfee00000; e[0].u.msi.data = 0x50; __VA_ARGS__)
ROUTES(g_nr_max, a->nr = ~0u)
ROUTES(g_nr_4097, a->nr = 4097)
ROUTES(g_flags, a->flags = 1)
ROUTES(g_entry_flags, e[0].flags = 0x10)
ROUTES(g_type, e[0].type = 77)
ROUTES(g_type_0, e[0].type = 0)
ROUTES(g_gsi, e[0].gsi = 4096)
ROUTES(g_gsi_max, e[0].gsi = ~0u)
ROUTES(g_pin, e[0].type = KVM_IRQ_ROUTING_IRQCHIP; e[0].u.irqchip.irqchip = 2; e[0].u.irqchip.pin = 24)
ROUTES(g_pin_max, e[0].type = KVM_IRQ_ROUTING_IRQCHIP; e[0].u.irqchip.irqchip = 2; e[0].u.irqchip.pin = ~0u)
ROUTES(g_chip, e[0].type = KVM_IRQ_ROUTING_IRQCHIP; e[0].u.irqchip.irqchip = 9)
ROUTES(g_chip_max, e[0].type = KVM_IRQ_ROUTING_IRQCHIP; e[0].u.irqchip.irqchip = ~0u)
ROUTES(g_twice, a->nr = 2; e[1] = e[0])

FILL(i_chip, struct kvm_irqchip, a->chip_id = 3)
FILL(i_chip_max, struct kvm_irqchip, a->chip_id = ~0u)
FILL(msi_flags, struct kvm_msi, a->address_lo = 0xfee00000; a->data = 0x50; a->flags = 2)
FILL(msi_devid, struct kvm_msi, a->address_lo = 0xfee00000; a->data = 0x50; a->flags = 1)
FILL(line_max, struct kvm_irq_level, a->irq = ~0u; a->level = 1)

/* the vCPU: what GET gives, but for one thing */
#define SREGS(id, ...)                                                         \
	FILL(id, struct kvm_sregs, must(vm->cpu[0].fd, KVM_GET_SREGS, a); __VA_ARGS__)
SREGS(s_efer, a->efer = 1ull << 40)
SREGS(s_efer_bit1, a->efer = 2)
SREGS(s_lma, a->efer = 0x400)
SREGS(s_cr0_nw, a->cr0 = 0x20000011)
SREGS(s_cr0_pg, a->cr0 = 0x80000010)
SREGS(s_cr0_wide, a->cr0 |= 1ull << 40)
SREGS(s_cr4, a->cr4 = 1ull << 40)
SREGS(s_cr4_vmxe, a->cr4 = 1 << 13)
SREGS(s_cr3, a->cr0 = 0x80000011; a->cr4 = 0x20; a->efer = 0x500; a->cr3 = 1ull << 60)
SREGS(s_long_no_pae, a->cr0 = 0x80000011; a->cr4 = 0; a->efer = 0x500)
SREGS(s_cs_l, a->cs.l = 1)
SREGS(s_apic_base, a->apic_base |= 1ull << 60)
SREGS(s_apic_base_low, a->apic_base |= 1)
SREGS(s_apic_mode, a->apic_base = 0xfee00500)

FILL(x_mxcsr, struct kvm_xsave, must(vm->cpu[0].fd, KVM_GET_XSAVE, a); a->region[128] |= 3; a->region[6] = 0xffff0000)
FILL(x_bv, struct kvm_xsave, must(vm->cpu[0].fd, KVM_GET_XSAVE, a); a->region[129] |= 1u << 30)
FILL(x_comp, struct kvm_xsave, must(vm->cpu[0].fd, KVM_GET_XSAVE, a); a->region[131] |= 1u << 31)
FILL(x_reserved, struct kvm_xsave, must(vm->cpu[0].fd, KVM_GET_XSAVE, a); a->region[140] = 1)

FILL(m_nr_max, struct kvm_msrs, a->nmsrs = ~0u)
FILL(m_nr_256, struct kvm_msrs, a->nmsrs = 256)
FILL(m_unknown, struct kvm_msrs, a->nmsrs = 2; a->entries[0].index = 0x12345; a->entries[1].index = 0x174; a->entries[1].data = 99)
FILL(m_efer, struct kvm_msrs, a->nmsrs = 1; a->entries[0].index = 0xc0000080; a->entries[0].data = 1ull << 40)
FILL(m_pat, struct kvm_msrs, a->nmsrs = 1; a->entries[0].index = 0x277; a->entries[0].data = 0x0202020202020202)
FILL(m_lstar, struct kvm_msrs, a->nmsrs = 1; a->entries[0].index = 0xc0000082; a->entries[0].data = 0x8000000000000000)
FILL(m_apicbase, struct kvm_msrs, a->nmsrs = 1; a->entries[0].index = 0x1b; a->entries[0].data = 1ull << 60)
FILL(m_none, struct kvm_msrs, a->nmsrs = 0)

FILL(c_nent_max, struct kvm_cpuid2, a->nent = ~0u)
FILL(c_nent_257, struct kvm_cpuid2, a->nent = 257)
FILL(c_nent_0, struct kvm_cpuid2, a->nent = 0)
FILL(c_old, struct kvm_cpuid, a->nent = ~0u)
FILL(mce_bank, struct kvm_x86_mce, a->status = 1ull << 63; a->bank = 255)
FILL(mce_valid, struct kvm_x86_mce, a->status = 1)
FILL(mce_pad, struct kvm_x86_mce, a->status = 1ull << 63; a->pad2[1] = 1)
#define NESTED(id, ...)                                                        \
	FILL(id, struct kvm_nested_state, a->size = 4096; must(vm->cpu[0].fd, KVM_GET_NESTED_STATE, a); __VA_ARGS__)
NESTED(n_size, a->size = 127)
NESTED(n_format, a->format = 2)
NESTED(n_guest, a->flags |= KVM_STATE_NESTED_GUEST_MODE)
FILL(n_room, struct kvm_nested_state, a->size = 8)
FILL(list_0, struct kvm_msr_list, a->nmsrs = 0)

FILL(mp_bad, struct kvm_mp_state, a->mp_state = 77)
FILL(mp_s390, struct kvm_mp_state, a->mp_state = 7)
#define EVENTS(id, ...)                                                        \
	FILL(id, struct kvm_vcpu_events, must(vm->cpu[0].fd, KVM_GET_VCPU_EVENTS, a); \
	     a->flags = 0; __VA_ARGS__)
EVENTS(e_flags, a->flags = 1u << 20)
EVENTS(e_vector, a->exception.injected = 1; a->exception.nr = 32)
EVENTS(e_nmi, a->exception.injected = 1; a->exception.nr = 2)
EVENTS(e_payload, a->flags = 16; a->exception.pending = 1; a->exception.nr = 1)

FILL(sig_len, struct kvm_signal_mask, a->len = 4)
FILL(sig_len_max, struct kvm_signal_mask, a->len = ~0u)
FILL(irq_256, struct kvm_interrupt, a->irq = 256)
FILL(irq_ok, struct kvm_interrupt, a->irq = 0x50)
FILL(nothing, u8, (void)a)

#define B(name, where, cmd, id, ...) { name, where, cmd, fill_##id, __VA_ARGS__ }
#define R1(name, id, ...) B("SET_USER_MEMORY_REGION " name, VM, KVM_SET_USER_MEMORY_REGION, id, __VA_ARGS__)
#define R2(name, id, ...) B("SET_USER_MEMORY_REGION2 " name, VM, KVM_SET_USER_MEMORY_REGION2, id, __VA_ARGS__)
#define G(name, id, ...) B("SET_GSI_ROUTING " name, VM, KVM_SET_GSI_ROUTING, id, __VA_ARGS__)
#define S(name, id, ...) B("SET_SREGS " name, VCPU, KVM_SET_SREGS, id, __VA_ARGS__)
#define X(name, id, ...) B("SET_XSAVE " name, VCPU, KVM_SET_XSAVE, id, __VA_ARGS__)
#define M(name, id, ...) B("SET_MSRS " name, VCPU, KVM_SET_MSRS, id, __VA_ARGS__)

static const struct bad bad_cases[] = {
	R1("size not of pages", r_size_odd, -EINVAL, SAME),
	R1("size of half a page", r_size_sector, -EINVAL, SAME),
	R1("address unaligned", r_gpa_odd, -EINVAL, SAME),
	R1("user address unaligned", r_hva_odd, -EINVAL, SAME),
	R1("user address in the kernel", r_hva_kernel, -EINVAL, SAME),
	R1("user address over the end", r_hva_end, -EINVAL, SAME),
	R1("user address not canonical", r_hva_tag, -EINVAL, SAME),
	R1("address wraps", r_gpa_wrap, -EINVAL, SAME),
	R1("address too wide", r_gpa_wide, -EINVAL, SAME),
	R1("size wraps", r_size_wrap, -EINVAL, SAME),
	R1("size huge", r_size_huge, -EINVAL, SAME),
	R1("slot 32767", r_slot, -EINVAL, SAME),
	R1("slot max", r_slot_max, -EINVAL, SAME),
	R1("address space 2", r_space, -EINVAL, SAME),
	R1("unknown flag", r_flags, -EINVAL, SAME),
	R1("overlap", r_overlap, -EEXIST, SAME),
	R1("inside another", r_inside, -EEXIST, SAME),
	R1("around another", r_around, -EEXIST, SAME),
	R1("delete what is not there", r_delete, -EINVAL, SAME),
	R1("resize", r_resize, -EINVAL, SAME),
	R1("another user address", r_other_hva, -EINVAL, SAME),
	R1("make it read-only", r_readonly, -EINVAL, SAME),
	R1("guest_memfd flag", r_memfd, -EINVAL, SAME),
	R1("the same again", r_same, 0, SAME),
	R2("size not of pages", r_size_odd, -EINVAL, SAME),
	R2("unknown flag", r_flags, -EINVAL, SAME),
	R2("overlap", r_overlap, -EEXIST, SAME),
	R2("guest_memfd", r_memfd, -EINVAL, SAME),
	R2("the same again", r_same, 0, SAME),
	B("GET_DIRTY_LOG of a slot that isn't logged", VM, KVM_GET_DIRTY_LOG, log_not_logged, -ENOENT, SAME),
	B("GET_DIRTY_LOG no such slot", VM, KVM_GET_DIRTY_LOG, log_no_slot, -ENOENT, SAME),
	B("GET_DIRTY_LOG slot 32767", VM, KVM_GET_DIRTY_LOG, log_slot, -EINVAL, SAME),
	B("GET_DIRTY_LOG slot max", VM, KVM_GET_DIRTY_LOG, log_slot_max, -EINVAL, SAME),
	B("GET_DIRTY_LOG address space 2", VM, KVM_GET_DIRTY_LOG, log_space, -EINVAL, SAME),
	B("CLEAR_DIRTY_LOG of a slot that isn't logged", VM, KVM_CLEAR_DIRTY_LOG, clear_not_logged, -ENOENT, SAME),
	B("CLEAR_DIRTY_LOG slot 32767", VM, KVM_CLEAR_DIRTY_LOG, clear_slot, -EINVAL, SAME),
	B("CLEAR_DIRTY_LOG address space 2", VM, KVM_CLEAR_DIRTY_LOG, clear_space, -EINVAL, SAME),
	B("CLEAR_DIRTY_LOG first page", VM, KVM_CLEAR_DIRTY_LOG, clear_first, -EINVAL, SAME),
	B("ENABLE_CAP manual dirty log, initially set alone", VM, KVM_ENABLE_CAP, manual_alone, -EINVAL, SAME),
	B("ENABLE_CAP manual dirty log, unknown", VM, KVM_ENABLE_CAP, manual_unknown, -EINVAL, SAME),
	B("ENABLE_CAP manual dirty log, above 32 bits", VM, KVM_ENABLE_CAP, manual_wide, -EINVAL, SAME),
	B("ENABLE_CAP manual dirty log, flags", VM, KVM_ENABLE_CAP, manual_flags, -EINVAL, SAME),
	G("nr max", g_nr_max, -EINVAL, SAME),
	G("nr 4097", g_nr_4097, -EINVAL, SAME),
	G("flags", g_flags, -EINVAL, SAME),
	G("entry flags", g_entry_flags, -EINVAL, SAME),
	G("type 77", g_type, -EINVAL, SAME),
	G("type 0", g_type_0, -EINVAL, SAME),
	G("GSI 4096", g_gsi, -EINVAL, SAME),
	G("GSI max", g_gsi_max, -EINVAL, SAME),
	G("pin 24", g_pin, -EINVAL, SAME),
	G("pin max", g_pin_max, -EINVAL, SAME),
	G("chip 9", g_chip, -EINVAL, SAME),
	G("chip max", g_chip_max, -EINVAL, SAME),
	G("two MSIs for a GSI", g_twice, -EINVAL, SAME),
	B("GET_IRQCHIP 3", VM, KVM_GET_IRQCHIP, i_chip, -EINVAL, SAME),
	B("GET_IRQCHIP max", VM, KVM_GET_IRQCHIP, i_chip_max, -EINVAL, SAME),
	B("SET_IRQCHIP 3", VM, KVM_SET_IRQCHIP, i_chip, -EINVAL, SAME),
	B("SET_IRQCHIP max", VM, KVM_SET_IRQCHIP, i_chip_max, -EINVAL, SAME),
	B("SIGNAL_MSI flags", VM, KVM_SIGNAL_MSI, msi_flags, -EINVAL, SAME),
	/* x86 has no use for it, and KVM no check; vintc has no KVM_CAP_MSI_DEVID, so no flag */
	B("SIGNAL_MSI device ID", VM, KVM_SIGNAL_MSI, msi_devid, 0, -EINVAL),
	/* a GSI above every route there could be: a mistake, where KVM says "to nobody" */
	B("IRQ_LINE max", VM, KVM_IRQ_LINE, line_max, 0, -EINVAL),
	S("EFER reserved", s_efer, -EINVAL, SAME),
	S("EFER bit 1", s_efer_bit1, -EINVAL, SAME),
	S("LMA without paging", s_lma, -EINVAL, SAME),
	S("CR0.NW without CD", s_cr0_nw, -EINVAL, SAME),
	S("CR0.PG without PE", s_cr0_pg, -EINVAL, SAME),
	S("CR0 above 32 bits", s_cr0_wide, -EINVAL, SAME),
	S("CR4 reserved", s_cr4, -EINVAL, SAME),
	S("CR4.VMXE", s_cr4_vmxe, -EINVAL, SAME),
	S("CR3 too wide", s_cr3, -EINVAL, SAME),
	S("long mode without PAE", s_long_no_pae, -EINVAL, SAME),
	S("CS.L outside long mode", s_cs_l, -EINVAL, SAME),
	S("APIC base reserved", s_apic_base, -EINVAL, SAME),
	S("APIC base bit 0", s_apic_base_low, -EINVAL, SAME),
	S("x2APIC without enable", s_apic_mode, -EINVAL, SAME),
	X("MXCSR reserved", x_mxcsr, -EINVAL, SAME),
	X("unknown component", x_bv, -EINVAL, SAME),
	X("compacted", x_comp, -EINVAL, SAME),
	X("header reserved", x_reserved, -EINVAL, SAME),
	M("nmsrs max", m_nr_max, -E2BIG, SAME),
	M("nmsrs 256", m_nr_256, -E2BIG, SAME),
	M("unknown first", m_unknown, 0, SAME),
	M("EFER reserved", m_efer, 0, SAME),
	M("PAT type 2", m_pat, 0, SAME),
	M("LSTAR not canonical", m_lstar, 0, SAME),
	M("APIC base reserved", m_apicbase, 0, SAME),
	M("none", m_none, 0, SAME),
	B("GET_MSRS nmsrs max", VCPU, KVM_GET_MSRS, m_nr_max, -E2BIG, SAME),
	B("GET_MSRS unknown first", VCPU, KVM_GET_MSRS, m_unknown, 0, SAME),
	B("SET_CPUID2 nent max", VCPU, KVM_SET_CPUID2, c_nent_max, -E2BIG, SAME),
	B("SET_CPUID nent max", VCPU, KVM_SET_CPUID, c_old, -E2BIG, SAME),
	B("X86_SET_MCE bank 255", VCPU, KVM_X86_SET_MCE, mce_bank, -EINVAL, SAME),
	B("X86_SET_MCE not valid", VCPU, KVM_X86_SET_MCE, mce_valid, -EINVAL, SAME),
	B("X86_SET_MCE padding", VCPU, KVM_X86_SET_MCE, mce_pad, 0, -EINVAL),
	B("SET_NESTED_STATE size", VCPU, KVM_SET_NESTED_STATE, n_size, -EINVAL, SAME),
	B("SET_NESTED_STATE format", VCPU, KVM_SET_NESTED_STATE, n_format, -EINVAL, SAME),
	B("SET_NESTED_STATE in a nested guest", VCPU, KVM_SET_NESTED_STATE, n_guest, -EINVAL, SAME),
	B("GET_NESTED_STATE no room", VCPU, KVM_GET_NESTED_STATE, n_room, -E2BIG, SAME),
	B("SET_CPUID2 nent 257", VCPU, KVM_SET_CPUID2, c_nent_257, -E2BIG, SAME),
	B("GET_CPUID2 nent 0", VCPU, KVM_GET_CPUID2, c_nent_0, -E2BIG, SAME),
	B("GET_SUPPORTED_CPUID nent 0", DEV, KVM_GET_SUPPORTED_CPUID, c_nent_0, -E2BIG, SAME),
	B("GET_MSR_INDEX_LIST 0", DEV, KVM_GET_MSR_INDEX_LIST, list_0, -E2BIG, SAME),
	B("SET_MP_STATE 77", VCPU, KVM_SET_MP_STATE, mp_bad, -EINVAL, SAME),
	B("SET_MP_STATE of s390", VCPU, KVM_SET_MP_STATE, mp_s390, -EINVAL, SAME),
	B("SET_VCPU_EVENTS unknown flag", VCPU, KVM_SET_VCPU_EVENTS, e_flags, -EINVAL, SAME),
	B("SET_VCPU_EVENTS exception 32", VCPU, KVM_SET_VCPU_EVENTS, e_vector, -EINVAL, SAME),
	B("SET_VCPU_EVENTS exception NMI", VCPU, KVM_SET_VCPU_EVENTS, e_nmi, -EINVAL, SAME),
	B("SET_VCPU_EVENTS payload not enabled", VCPU, KVM_SET_VCPU_EVENTS, e_payload, -EINVAL, SAME),
	B("SET_SIGNAL_MASK length 4", VCPU, KVM_SET_SIGNAL_MASK, sig_len, -EINVAL, SAME),
	B("SET_SIGNAL_MASK length max", VCPU, KVM_SET_SIGNAL_MASK, sig_len_max, -EINVAL, SAME),
	B("INTERRUPT 256", VCPU, KVM_INTERRUPT, irq_256, -EINVAL, SAME),
	B("INTERRUPT with a local APIC", VCPU, KVM_INTERRUPT, irq_ok, -ENXIO, SAME),
	/* with an argument where there is none */
	B("GET_API_VERSION argument", DEV, KVM_GET_API_VERSION, nothing, -EINVAL, SAME),
	B("GET_VCPU_MMAP_SIZE argument", DEV, KVM_GET_VCPU_MMAP_SIZE, nothing, -EINVAL, SAME),
	B("CREATE_VM unknown type", DEV, KVM_CREATE_VM, nothing, -EINVAL, SAME),
	B("RUN argument", VCPU, KVM_RUN, nothing, -EINVAL, SAME),
	/* on the wrong fd, or unknown */
	B("RUN on the device", DEV, KVM_RUN, nothing, -EINVAL, SAME),
	B("GET_REGS on the device", DEV, KVM_GET_REGS, nothing, -EINVAL, SAME),
	B("CREATE_VCPU on the device", DEV, KVM_CREATE_VCPU, nothing, -EINVAL, SAME),
	B("SET_USER_MEMORY_REGION on the device", DEV, KVM_SET_USER_MEMORY_REGION, r_same, -EINVAL, SAME),
	B("CREATE_VM on a VM", VM, KVM_CREATE_VM, nothing, -ENOTTY, SAME),
	B("RUN on a VM", VM, KVM_RUN, nothing, -ENOTTY, SAME),
	B("GET_REGS on a VM", VM, KVM_GET_REGS, nothing, -ENOTTY, SAME),
	B("SET_MSRS on a VM", VM, KVM_SET_MSRS, m_none, -ENOTTY, SAME),
	B("CREATE_VM on a vCPU", VCPU, KVM_CREATE_VM, nothing, -EINVAL, SAME),
	B("CREATE_IRQCHIP on a vCPU", VCPU, KVM_CREATE_IRQCHIP, nothing, -EINVAL, SAME),
	B("SET_USER_MEMORY_REGION on a vCPU", VCPU, KVM_SET_USER_MEMORY_REGION, r_same, -EINVAL, SAME),
	B("IRQ_LINE on a vCPU", VCPU, KVM_IRQ_LINE, line_max, -EINVAL, SAME),
	B("unknown number on the device", DEV, _IO(KVMIO, 0xfe), nothing, -EINVAL, SAME),
	B("unknown number on a VM", VM, _IO(KVMIO, 0xfe), nothing, -ENOTTY, SAME),
	B("unknown number on a vCPU", VCPU, _IO(KVMIO, 0xfe), nothing, -EINVAL, SAME),
	B("foreign type on the device", DEV, _IO('T', 1), nothing, -EINVAL, SAME),
	B("foreign type on a VM", VM, _IO('T', 1), nothing, -ENOTTY, SAME),
	/* the right number with the wrong size or direction */
	B("SET_REGS of another size", VCPU, _IOW(KVMIO, 0x82, u64), nothing, -EINVAL, SAME),
	B("GET_REGS as SET", VCPU, _IOW(KVMIO, 0x81, struct kvm_regs), nothing, -EINVAL, SAME),
	B("SET_USER_MEMORY_REGION of another size", VM, _IOW(KVMIO, 0x46, u64), nothing, -ENOTTY, SAME),
};

static void t_contents(void)
{
	struct snapshot before, after;
	size_t size = 1 << 17;
	u8 *arg = malloc(size);
	struct vm vm;

	vm_start(&vm, 1);
	for (size_t i = 0; i < ARRAY_SIZE(bad_cases); i++) {
		const struct bad *b = &bad_cases[i];
		int want = is_vintc() && b->vintc != SAME ? b->vintc : b->kvm;
		int r;

		memset(arg, 0, size);
		b->fill(&vm, arg);
		snapshot(&vm, &before);
		r = try(fd_of(&vm, b->where), b->cmd, arg);
		snapshot(&vm, &after);
		result(r == want && !changed(&before, &after), b->name, "%d, not %d; changed: %s",
		       r, want, changed(&before, &after));
		if (r >= 3 && (b->cmd == KVM_CREATE_VM || b->cmd == KVM_CREATE_VCPU))
			close(r);
	}
	still_alive(&vm);
}

/* ---- order ---- */

static void t_order(void)
{
	struct kvm_lapic_state lapic;
	struct kvm_irqchip chip = { .chip_id = KVM_IRQCHIP_IOAPIC };
	struct kvm_irq_level line = { .irq = 5, .level = 1 };
	struct kvm_msi msi = { .address_lo = 0xfee00000, .data = 0x50 };
	struct kvm_irq_routing routing = { 0 };
	struct kvm_mp_state halted = { KVM_MP_STATE_HALTED };
	struct kvm_cpuid2 *c;
	u64 address = 0xfffbc000;
	struct vm vm;

#define EXPECT(name, got, want)                                                \
	do {                                                                   \
		long g_ = (got), w_ = (want);                                  \
		result(g_ == w_, name, "%ld, not %ld", g_, w_);                \
	} while (0)
	vm_create(&vm);
	EXPECT("GET_IRQCHIP without one", try(vm.fd, KVM_GET_IRQCHIP, &chip), -ENXIO);
	EXPECT("SET_IRQCHIP without one", try(vm.fd, KVM_SET_IRQCHIP, &chip), -ENXIO);
	EXPECT("IRQ_LINE without one", try(vm.fd, KVM_IRQ_LINE, &line), -ENXIO);
	EXPECT("SIGNAL_MSI without one", try(vm.fd, KVM_SIGNAL_MSI, &msi), -EINVAL);
	EXPECT("SET_GSI_ROUTING without one", try(vm.fd, KVM_SET_GSI_ROUTING, &routing), -EINVAL);
	EXPECT("SET_TSS_ADDR too high", try(vm.fd, KVM_SET_TSS_ADDR, (void *)0xfffff000ul), -EINVAL);
	EXPECT("SET_IDENTITY_MAP_ADDR", try(vm.fd, KVM_SET_IDENTITY_MAP_ADDR, &address), 0);
	EXPECT("CREATE_VCPU with id max", try(vm.fd, KVM_CREATE_VCPU, (void *)0xfffffffful), -EINVAL);
	EXPECT("CREATE_VCPU with id 100000", try(vm.fd, KVM_CREATE_VCPU, (void *)100000ul), -EINVAL);
	vcpu_create(&vm, 0);
	EXPECT("CREATE_VCPU twice", try(vm.fd, KVM_CREATE_VCPU, (void *)0ul), -EEXIST);
	EXPECT("CREATE_IRQCHIP after a vCPU", try(vm.fd, KVM_CREATE_IRQCHIP, NULL), -EINVAL);
	EXPECT("SET_IDENTITY_MAP_ADDR after a vCPU",
	       try(vm.fd, KVM_SET_IDENTITY_MAP_ADDR, &address), -EINVAL);
	EXPECT("GET_LAPIC without one", try(vm.cpu[0].fd, KVM_GET_LAPIC, &lapic), -EINVAL);
	EXPECT("SET_LAPIC without one", try(vm.cpu[0].fd, KVM_SET_LAPIC, &lapic), -EINVAL);
	EXPECT("SET_MP_STATE halted without APIC",
	       try(vm.cpu[0].fd, KVM_SET_MP_STATE, &halted), -EINVAL);
	/* the reset vector is not memory: nothing to emulate */
	EXPECT("RUN without memory", vcpu_run(&vm.cpu[0]), 0);
	EXPECT("RUN without memory, exit", vm.cpu[0].run->exit_reason, KVM_EXIT_INTERNAL_ERROR);
	vm_end(&vm);

	vm_create(&vm);
	vm_irqchip(&vm);
	EXPECT("CREATE_IRQCHIP twice", try(vm.fd, KVM_CREATE_IRQCHIP, NULL), -EEXIST);
	vm_memory(&vm, NULL);
	vcpu_create(&vm, 0);
	still_alive(&vm);
	c = cpuid_supported(&vm);
	for (u32 i = 0; i < c->nent; i++)
		if (c->entries[i].function == 1)
			c->entries[i].ecx |= 1u << 21 | 1u << 24;
	EXPECT("SET_CPUID2 after RUN, the same", try(vm.cpu[0].fd, KVM_SET_CPUID2, c), 0);
	c->entries[0].ebx ^= 1;
	EXPECT("SET_CPUID2 after RUN, another", try(vm.cpu[0].fd, KVM_SET_CPUID2, c), -EINVAL);
	still_alive(&vm);
}

/* ---- fds and memory maps ---- */

static void t_fds(void)
{
	int null = open("/dev/null", O_RDWR), status;
	struct kvm_regs regs;
	struct vm vm, old;
	pid_t pid;

	vm_start(&vm, 1);
	EXPECT("closed fd", try(1000, KVM_GET_REGS, &regs), -EBADF);
	EXPECT("foreign fd", try(null, KVM_GET_REGS, &regs), -ENOTTY);
	EXPECT("mmap of a VM", mmap(NULL, 4096, PROT_READ, MAP_SHARED, vm.fd, 0) == MAP_FAILED ?
	       -errno : 0, -ENODEV);
	EXPECT("mmap of the device", mmap(NULL, 4096, PROT_READ, MAP_SHARED, vm.dev, 0) ==
	       MAP_FAILED ? -errno : 0, -ENODEV);
	EXPECT("read of a vCPU", read(vm.cpu[0].fd, &regs, 8) < 0 ? -errno : 0, -EINVAL);
	EXPECT("write to a VM", write(vm.fd, &regs, 8) < 0 ? -errno : 0, -EINVAL);
	/* pages behind the last fault */
	pid = fork();
	if (!pid) {
		volatile u8 *p = mmap(NULL, 4096, PROT_READ, MAP_SHARED, vm.cpu[0].fd,
				      vm.run_size);

		_exit(p == MAP_FAILED ? 77 : *p & 1);
	}
	waitpid(pid, &status, 0);
	result((WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS) ||
	       (WIFEXITED(status) && WEXITSTATUS(status) == 77),
	       "mmap of a vCPU behind its end", "status %#x", status);
	/* another process has the fds, not the memory */
	pid = fork();
	if (!pid) {
		struct kvm_userspace_memory_region r = { .slot = 1 };
		int bad = 0;

		bad |= (try(vm.cpu[0].fd, KVM_GET_REGS, &regs) != -EIO) << 0;
		bad |= (vcpu_run(&vm.cpu[0]) != -EIO) << 1;
		bad |= (try(vm.fd, KVM_SET_USER_MEMORY_REGION, &r) != -EIO) << 2;
		bad |= (try(vm.fd, KVM_CREATE_VCPU, (void *)1) != -EIO) << 3;
		_exit(bad);
	}
	waitpid(pid, &status, 0);
	result(status == 0, "from another process", "status %#x", status);
	still_alive(&vm);
	/* the vCPU's fd outlives the VM's and the device's */
	old = vm;
	close(vm.fd);
	close(vm.dev);
	vcpu_long(&old.cpu[0], g_alive, 9);
	vcpu_done(&old.cpu[0]);
	EXPECT("a vCPU without its VM's fd", old.sh->val[0], 0x1009);
}

/* Many vCPUs, slots and VMs: a limit gives an errno, and all is freed after it. */
static void t_many(void)
{
	struct vm vm;
	long max, n, fds[64], r = 0;

	vm_create(&vm);
	vm_irqchip(&vm);
	max = check_extension(&vm, KVM_CAP_NR_MEMSLOTS);
	expect_that(max >= 32);
	vm_memory(&vm, NULL);
	for (n = 1; n < max && !r && n < 2000; n++) {
		struct kvm_userspace_memory_region s = {
			.slot = n, .guest_phys_addr = VM_RAM + n * 8192, .memory_size = 4096,
			.userspace_addr = (u64)vm.mem,
		};
		r = try(vm.fd, KVM_SET_USER_MEMORY_REGION, &s);
	}
	EXPECT("as many slots as there are", r, 0);
	max = check_extension(&vm, KVM_CAP_MAX_VCPU_ID);
	if (max > 0)
		EXPECT("CREATE_VCPU with the first id too high",
		       try(vm.fd, KVM_CREATE_VCPU, (void *)max), -EINVAL);
	for (n = 0; n < 64; n++) {
		fds[n] = try(vm.fd, KVM_CREATE_VCPU, (void *)n);
		if (fds[n] < 0)
			break;
	}
	EXPECT("64 vCPUs", n, 64);
	for (n = 0; n < 64; n++)
		close(fds[n]);
	vm_end(&vm);
	r = 0;
	for (n = 0; n < 300 && r >= 0; n++) {
		r = try(vm.dev = dev_open(), KVM_CREATE_VM, NULL);
		close(vm.dev);
		close(r);
	}
	EXPECT("300 VMs one after another", n, 300);
}

/* ---- anything ---- */

static u64 state;

static u64 next(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

static const struct {
	enum where where;
	unsigned long cmd;
} any[] = {
	{ DEV, KVM_GET_API_VERSION }, { DEV, KVM_CHECK_EXTENSION }, { DEV, KVM_GET_SUPPORTED_CPUID },
	{ DEV, KVM_GET_MSR_INDEX_LIST }, { DEV, KVM_GET_VCPU_MMAP_SIZE },
	{ VM, KVM_CHECK_EXTENSION }, { VM, KVM_SET_USER_MEMORY_REGION },
	{ VM, KVM_SET_USER_MEMORY_REGION2 }, { VM, KVM_SET_TSS_ADDR },
	{ VM, KVM_SET_IDENTITY_MAP_ADDR }, { VM, KVM_CREATE_IRQCHIP }, { VM, KVM_GET_IRQCHIP },
	{ VM, KVM_SET_IRQCHIP }, { VM, KVM_SET_GSI_ROUTING }, { VM, KVM_IRQ_LINE },
	{ VM, KVM_IRQ_LINE_STATUS }, { VM, KVM_SIGNAL_MSI }, { VM, KVM_ENABLE_CAP },
	{ VCPU, KVM_SET_CPUID2 }, { VCPU, KVM_GET_CPUID2 }, { VCPU, KVM_GET_REGS },
	{ VCPU, KVM_SET_REGS }, { VCPU, KVM_GET_SREGS }, { VCPU, KVM_SET_SREGS },
	{ VCPU, KVM_GET_FPU }, { VCPU, KVM_SET_FPU }, { VCPU, KVM_GET_XSAVE },
	{ VCPU, KVM_SET_XSAVE }, { VCPU, KVM_GET_MSRS }, { VCPU, KVM_SET_MSRS },
	{ VCPU, KVM_GET_LAPIC }, { VCPU, KVM_SET_LAPIC }, { VCPU, KVM_GET_MP_STATE },
	{ VCPU, KVM_SET_MP_STATE }, { VCPU, KVM_GET_VCPU_EVENTS }, { VCPU, KVM_SET_VCPU_EVENTS },
	{ VCPU, KVM_GET_DEBUGREGS }, { VCPU, KVM_SET_DEBUGREGS }, { VCPU, KVM_GET_XCRS },
	{ VCPU, KVM_SET_XCRS }, { VCPU, KVM_NMI }, { VCPU, KVM_INTERRUPT }, { VCPU, KVM_RUN },
	{ VCPU, KVM_SET_SREGS2 }, { VCPU, KVM_TRANSLATE }, { VCPU, KVM_PRE_FAULT_MEMORY }, { VCPU, KVM_SET_TSC_KHZ },
	{ VCPU, KVM_ENABLE_CAP }, { VCPU, KVM_SET_CPUID }, { VCPU, KVM_X86_SET_MCE },
	{ VCPU, KVM_SET_NESTED_STATE }, { VCPU, KVM_GET_NESTED_STATE },
};

static void on_alarm(int s) {}

/* One call: what the matching GET gives, or noise, with some bits flipped. */
static void one_call(struct vm *vm, u8 *arg, size_t size)
{
	size_t k = next() % ARRAY_SIZE(any);
	unsigned long cmd = any[k].cmd;
	size_t len = _IOC_SIZE(cmd) + 256;

	if (next() % 3)
		memset(arg, 0, size);
	else
		for (size_t i = 0; i < len; i++)
			arg[i] = next();
	if (k && next() % 2 && (_IOC_DIR(any[k - 1].cmd) & _IOC_READ))
		try(fd_of(vm, any[k - 1].where), any[k - 1].cmd, arg);
	for (u64 n = next() % 4; n; n--)
		arg[next() % len] = next() % 2 ? next() : 1ull << next() % 8;
	if (cmd == KVM_SET_USER_MEMORY_REGION || cmd == KVM_SET_USER_MEMORY_REGION2) {
		struct kvm_userspace_memory_region *r = (void *)arg;

		/* half the time one that may work; never over what isn't the VM's memory */
		r->userspace_addr = (u64)vm->mem + (next() % 64 << 12);
		r->slot %= 8;
		if (next() % 2) {
			r->flags &= 3;
			r->guest_phys_addr = next() % 4096 << 12;
			r->memory_size = next() % 64 << 12;
		}
	}
	if (cmd == KVM_ENABLE_CAP) /* no capability that lets guests hang the host */
		((struct kvm_enable_cap *)arg)->cap = 1000 + next() % 1000;
	if (cmd == KVM_RUN) {
		vm->cpu[0].run->immediate_exit = next() % 4 == 0;
		alarm(0);
		ualarm(2000, 2000);
		try(vm->cpu[0].fd, cmd, NULL);
		ualarm(0, 0);
		return;
	}
	try(fd_of(vm, any[k].where), cmd, next() % 50 ? arg : (void *)next());
}

static void t_fuzz(void)
{
	u64 seed = getenv("SEED") ? strtoull(getenv("SEED"), NULL, 0) : 1;
	long calls = getenv("CALLS") ? atol(getenv("CALLS")) : 20000;
	struct sigaction sa = { .sa_handler = on_alarm };
	size_t size = 1 << 17;
	u8 *arg = malloc(size);
	struct vm vm;

	sigaction(SIGALRM, &sa, NULL);
	state = seed * 0x9e3779b97f4a7c15ull | 1;
	for (long i = 0; i < calls; i++) {
		if (i % 200 == 0) { /* a new VM now and then */
			if (i)
				vm_end(&vm);
			vm_start(&vm, 1);
			vcpu_long(&vm.cpu[0], g_alive, 0);
		}
		one_call(&vm, arg, size);
	}
	vm_end(&vm);
	/* the host is as it was: another VM works */
	vm_start(&vm, 1);
	still_alive(&vm);
	vm_end(&vm);
}

static const struct test tests[] = {
	{ "pointers", t_pointers },
	{ "contents", t_contents },
	{ "order", t_order },
	{ "fds", t_fds },
	{ "many", t_many },
	{ "fuzz", t_fuzz, 600 },
};

int main(int argc, char **argv)
{
	return run_tests(tests, ARRAY_SIZE(tests), argc, argv);
}
