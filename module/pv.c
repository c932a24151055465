// SPDX-License-Identifier: GPL-2.0-only
/*
 * Hypercalls and EOIs in memory: what KVM's guests know of it (the kernel's
 * Documentation/virt/kvm/x86/hypercalls.rst, msr.rst).
 */
#include <asm/kvm_para.h>
#include <linux/kvm_para.h>

#include "compat/compat.h"
#include "fetch.h"
#include "memory.h"
#include "pv.h"
#include "request.h"
#include "vectors.h"
#include "vm.h"

/* An IPI is sent to as many APICs as two registers have bits. */
#define IPI_REGISTERS 2

u32 pv_features(void)
{
	u32 f = BIT(KVM_FEATURE_CLOCKSOURCE) | BIT(KVM_FEATURE_NOP_IO_DELAY) |
		BIT(KVM_FEATURE_CLOCKSOURCE2) | BIT(KVM_FEATURE_PV_EOI) |
		BIT(KVM_FEATURE_PV_UNHALT) |
		BIT(KVM_FEATURE_POLL_CONTROL) | BIT(KVM_FEATURE_PV_SEND_IPI) |
		BIT(KVM_FEATURE_CLOCKSOURCE_STABLE_BIT);

	if (compat_has_run_delay())
		f |= BIT(KVM_FEATURE_STEAL_TIME);
	/* Of use to who knows which vCPU is preempted. */
	if (compat_has_run_delay() && COMPAT_SCHED_WATCH)
		f |= BIT(KVM_FEATURE_PV_SCHED_YIELD) | BIT(KVM_FEATURE_PV_TLB_FLUSH);
	return f;
}

/* ------------------------------------------------------------- hypercalls */

/*
 * Wakes a vCPU that sleeps by HLT although no interrupt is there; one that is
 * about to doesn't fall asleep.
 */
static u64 kick_cpu(struct vcpu *vcpu, u64 id)
{
	struct vcpu *target = vm_vcpu_by_id(vcpu->vm, id);

	if (target) {
		vcpu_request(target, REQ_UNHALT);
		vcpu_kick(target);
	}
	return 0;
}

/* Bits of @set are APIC IDs from @low up. */
static u64 send_ipi(struct vcpu *vcpu, const u64 *set, u32 width, u64 low, u64 icr)
{
	struct irq_message msg = {
		.vector = icr & 0xff,
		.delivery = (icr >> 8) & 7,
		.wide = true,
		.source = vcpu->index,
	};
	u64 sent = 0;
	u32 i;

	/* No shorthand, no logical destination; what a vector goes with. */
	if (icr & (BIT(11) | GENMASK(19, 18)))
		return -(u64)KVM_EINVAL;
	if (!vcpu->has_lapic || (msg.delivery != IRQ_FIXED && msg.delivery != IRQ_NMI) ||
	    (msg.delivery == IRQ_FIXED && msg.vector < 16))
		return 0;
	for (i = 0; i < IPI_REGISTERS * width; i++) {
		if (!(set[i / width] & BIT_ULL(i % width)) || low + i > VM_MAX_VCPU_ID)
			continue;
		msg.dest = low + i;
		if (deliver(vcpu->vm, &msg) > 0)
			sent++;
	}
	return sent;
}

static u64 hypercall(struct vcpu *vcpu, u64 nr, const u64 *a, u32 width)
{
	switch (nr) {
	case KVM_HC_VAPIC_POLL_IRQ: /* the exit was what it is for */
		return 0;
	case KVM_HC_KICK_CPU:
		if (!pv_has(vcpu, KVM_FEATURE_PV_UNHALT))
			break;
		return kick_cpu(vcpu, a[1]);
	case KVM_HC_SEND_IPI:
		if (!pv_has(vcpu, KVM_FEATURE_PV_SEND_IPI))
			break;
		return send_ipi(vcpu, a, width, a[2], a[3]);
	case KVM_HC_SCHED_YIELD:
		if (!pv_has(vcpu, KVM_FEATURE_PV_SCHED_YIELD))
			break;
		vcpu->stats.directed_yield_attempted++;
		vcpu->yield_to = vm_vcpu_by_id(vcpu->vm, a[0]);
		return 0;
	}
	return -(u64)KVM_ENOSYS;
}

void pv_hypercall(struct vcpu *vcpu, bool user)
{
	u64 *gpr = vcpu->gpr;
	u64 nr = gpr[X86_RAX], ret;
	u64 a[] = { gpr[X86_RBX], gpr[X86_RCX], gpr[X86_RDX], gpr[X86_RSI] };
	struct x86_fetch f;
	unsigned int i;

	vcpu->stats.hypercalls++;
	vcpu->vm->ops->paging(vcpu, &f);
	if (f.mode != X86_LONG64) {
		nr = (u32)nr;
		for (i = 0; i < ARRAY_SIZE(a); i++)
			a[i] = (u32)a[i];
	}
	ret = user ? -(u64)KVM_EPERM :
		     hypercall(vcpu, nr, a, f.mode == X86_LONG64 ? 64 : 32);
	gpr[X86_RAX] = f.mode == X86_LONG64 ? ret : (u32)ret;
}

/* Return: 1, or 0 when the guest has a fault for it; a negative errno. */
static int write_code(struct vcpu *vcpu, const struct x86_fetch *f, const u8 *code)
{
	struct memory *mem = &vcpu->vm->mem;
	u32 access = WALK_WRITE | (f->user ? WALK_USER : 0);
	struct x86_exception ex;
	u64 gpa[HYPERCALL_LEN];
	unsigned int i;
	int r;

	for (i = 0; i < HYPERCALL_LEN; i++) {
		r = walk_gva(&f->paging, f->linear + i, access, fetch_entry, mem,
			     &gpa[i], &ex);
		if (r == 1)
			vcpu_queue_fault(vcpu, &ex);
		if (r)
			return r == 1 ? 0 : r;
		if (!memory_hva(mem, gpa[i], true))
			return -EFAULT;
	}
	for (i = 0; i < HYPERCALL_LEN; i++)
		if (memory_write(mem, gpa[i], code + i, 1))
			return -EFAULT;
	return 1;
}

int pv_undefined(struct vcpu *vcpu)
{
	static const u8 vmcall[] = { 0x0f, 0x01, 0xc1 }, vmmcall[] = { 0x0f, 0x01, 0xd9 };
	const struct vintc_ops *ops = vcpu->vm->ops;
	u8 code[HYPERCALL_LEN];
	struct x86_fetch f;

	ops->paging(vcpu, &f);
	if (vcpu->vm->quirks_off & KVM_X86_QUIRK_FIX_HYPERCALL_INSN ||
	    fetch_bytes(vcpu, &f, code, sizeof(code)) != FETCHED ||
	    (memcmp(code, vmcall, sizeof(code)) && memcmp(code, vmmcall, sizeof(code))) ||
	    write_code(vcpu, &f, ops->hypercall) < 0)
		vcpu_queue_ud(vcpu);
	return 1;
}

/* ------------------------------------------------------------------- EOI */

bool pv_eoi_set(struct vcpu *vcpu, u64 val)
{
	struct memory *mem = &vcpu->vm->mem;
	u64 gpa = val & ~(u64)KVM_MSR_ENABLED;
	bool on = val & KVM_MSR_ENABLED, there;
	int index = srcu_read_lock(&mem->srcu);

	there = memory_hva(mem, gpa, true);
	srcu_read_unlock(&mem->srcu, index);
	if (!IS_ALIGNED(gpa, 4) || (on && !there))
		return false;
	vcpu->pv_eoi = val;
	vcpu->pv_eoi_on = on && vcpu->has_lapic;
	return true;
}

static u64 eoi_gpa(const struct vcpu *vcpu)
{
	return vcpu->pv_eoi & ~(u64)KVM_MSR_ENABLED;
}

void pv_eoi_offer(struct vcpu *vcpu)
{
	u8 byte = KVM_PV_EOI_ENABLED;

	if (!lapic_eoi_silent(&vcpu->lapic) ||
	    exitmap_has(&vcpu->handled, vcpu->lapic.isr_top))
		return;
	if (memory_write_atomic(&vcpu->vm->mem, eoi_gpa(vcpu), &byte, 1))
		vcpu->pv_eoi_absent = true;
	else
		vcpu->pv_eoi_offered = true;
}

static void ended(struct vcpu *vcpu)
{
	struct lapic_out out = { .effects = 0 };

	vcpu_count_eoi(vcpu);
	vectors_before(vcpu);
	lapic_eoi(&vcpu->lapic, &out);
	vectors_after(vcpu);
	deliver_lapic(vcpu, &out);
}

void pv_eoi_take(struct vcpu *vcpu)
{
	struct memory *mem = &vcpu->vm->mem;
	u64 gpa = eoi_gpa(vcpu);
	u8 byte;

	if (memory_read_atomic(mem, gpa, &byte, 1)) {
		vcpu->pv_eoi_absent = true;
		return;
	}
	if (byte & KVM_PV_EOI_ENABLED) {
		byte &= ~KVM_PV_EOI_ENABLED;
		if (memory_write_atomic(mem, gpa, &byte, 1)) {
			vcpu->pv_eoi_absent = true;
			return;
		}
	} else {
		ended(vcpu);
	}
	vcpu->pv_eoi_offered = false;
}

void pv_eoi_fault_in(struct vcpu *vcpu)
{
	struct memory *mem = &vcpu->vm->mem;
	u64 gpa = eoi_gpa(vcpu);
	u8 byte, was = 0;

	vcpu->pv_eoi_absent = false;
	vcpu->pv_eoi_on = (vcpu->pv_eoi & KVM_MSR_ENABLED) &&
			  !memory_read(mem, gpa, &was, 1);
	byte = was & ~KVM_PV_EOI_ENABLED;
	/* Written, so that it is there for the next offer. */
	if (vcpu->pv_eoi_on && memory_write(mem, gpa, &byte, 1))
		vcpu->pv_eoi_on = false;
	/* Memory that is gone can't be asked: as if it had. */
	if (vcpu->pv_eoi_offered && byte == was)
		ended(vcpu);
	vcpu->pv_eoi_offered = false;
}
