// SPDX-License-Identifier: GPL-2.0-only
/*
 * The vCPU's ioctls that move state: one switch, general registers, debug
 * registers, the local APIC, events from user space. The vCPU's lock is held
 * and it isn't running.
 */
#include <linux/err.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "event.h"
#include "state.h"
#include "timer.h"
#include "vm.h"
#include "x86/cpuid.h"
#include "x86/msr.h"

/* RFLAGS: what exists (SDM 1 "EFLAGS Register"), and bit 1, always set. */
#define RFLAGS_BITS 0x3f7fd7ULL
#define RFLAGS_FIXED BIT_ULL(1)

#define DR6_FIXED 0xffff0ff0ULL
#define DR6_BITS 0xe00fULL
#define DR7_FIXED 0x400ULL
#define DR7_BITS 0xffff23ffULL

/* A guest TSC this close to the host's needs no scaling; parts per million. */
#define TSC_TOLERANCE_PPM 250

/* ----------------------------------------------------- general registers */

static void get_regs(struct vcpu *vcpu, struct kvm_regs *regs)
{
	const u64 *g = vcpu->gpr;

	*regs = (struct kvm_regs){
		.rax = g[X86_RAX], .rbx = g[X86_RBX],
		.rcx = g[X86_RCX], .rdx = g[X86_RDX],
		.rsi = g[X86_RSI], .rdi = g[X86_RDI],
		.rsp = g[X86_RSP], .rbp = g[X86_RBP],
		.r8 = g[X86_R8], .r9 = g[X86_R9],
		.r10 = g[X86_R10], .r11 = g[X86_R11],
		.r12 = g[X86_R12], .r13 = g[X86_R13],
		.r14 = g[X86_R14], .r15 = g[X86_R15],
		.rip = vcpu->rip, .rflags = vcpu_get_rflags(vcpu),
	};
}

static int set_regs(struct vcpu *vcpu, const struct kvm_regs *regs)
{
	u64 *g = vcpu->gpr;

	if (regs->rflags & ~RFLAGS_BITS)
		return -EINVAL;
	g[X86_RAX] = regs->rax;
	g[X86_RBX] = regs->rbx;
	g[X86_RCX] = regs->rcx;
	g[X86_RDX] = regs->rdx;
	g[X86_RSI] = regs->rsi;
	g[X86_RDI] = regs->rdi;
	g[X86_RSP] = regs->rsp;
	g[X86_RBP] = regs->rbp;
	g[X86_R8] = regs->r8;
	g[X86_R9] = regs->r9;
	g[X86_R10] = regs->r10;
	g[X86_R11] = regs->r11;
	g[X86_R12] = regs->r12;
	g[X86_R13] = regs->r13;
	g[X86_R14] = regs->r14;
	g[X86_R15] = regs->r15;
	vcpu->rip = regs->rip;
	vcpu_set_rflags(vcpu, regs->rflags | RFLAGS_FIXED);
	/* It belonged to the instruction that RIP was at. */
	vcpu->event.exception.pending = false;
	vcpu_request(vcpu, REQ_EVENT);
	return 0;
}

static void get_debugregs(struct vcpu *vcpu, struct kvm_debugregs *dbg)
{
	struct cpu_state st;

	vcpu->vm->ops->get_state(vcpu, &st, STATE_DRS);
	memset(dbg, 0, sizeof(*dbg));
	memcpy(dbg->db, vcpu->dr, sizeof(dbg->db));
	dbg->dr6 = st.dr6;
	dbg->dr7 = st.dr7;
}

static int set_debugregs(struct vcpu *vcpu, const struct kvm_debugregs *dbg)
{
	struct cpu_state st;

	if (dbg->flags || dbg->dr6 >> 32 || dbg->dr7 >> 32)
		return -EINVAL;
	vcpu->vm->ops->get_state(vcpu, &st, STATE_DRS);
	memcpy(vcpu->dr, dbg->db, sizeof(vcpu->dr));
	st.dr6 = (dbg->dr6 & DR6_BITS) | DR6_FIXED;
	st.dr7 = (dbg->dr7 & DR7_BITS) | DR7_FIXED;
	vcpu->vm->ops->set_state(vcpu, &st, STATE_DRS);
	return 0;
}

/* ------------------------------------------------------------ local APIC */

static void get_lapic(struct vcpu *vcpu, struct kvm_lapic_state *regs)
{
	event_absorb(vcpu); /* what was posted is in IRR */
	memset(regs, 0, sizeof(*regs));
	lapic_save(&vcpu->lapic, regs->regs, vcpu->vm->x2apic_ids,
		   vcpu_now(vcpu));
}

static int set_lapic(struct vcpu *vcpu, const struct kvm_lapic_state *regs)
{
	struct lapic_out out = { .effects = 0 };

	event_absorb(vcpu); /* or it would come on top of what is set */
	if (!lapic_restore(&vcpu->lapic, regs->regs, vcpu->vm->x2apic_ids,
			   vcpu_now(vcpu), &out))
		return -EINVAL;
	deliver_lapic(vcpu, &out);
	/* What is in service now may have an EOI that someone must see. */
	vcpu_request(vcpu, REQ_SCAN_IOAPIC);
	vcpu_request(vcpu, REQ_EVENT);
	return 0;
}

/* ------------------------------------------------ events from user space */

static int inject_nmi(struct vcpu *vcpu)
{
	event_nmi(vcpu);
	vcpu_request(vcpu, REQ_EVENT);
	return 0;
}

static int inject_interrupt(struct vcpu *vcpu, const struct kvm_interrupt *in)
{
	if (in->irq >= KVM_NR_INTERRUPTS)
		return -EINVAL;
	if (vcpu->has_lapic && !vcpu->vm->split)
		return -ENXIO;
	if (vcpu->has_lapic) {
		if (vcpu->event.user_vector)
			return -EEXIST;
		vcpu->event.user_vector = in->irq | EVENT_USER;
		vcpu_request(vcpu, REQ_EVENT);
		return 0;
	}
	if (vcpu->event.interrupt.injected)
		return -EEXIST;
	vcpu->event.interrupt.injected = true;
	vcpu->event.interrupt.soft = false;
	vcpu->event.interrupt.vector = in->irq;
	vcpu_request(vcpu, REQ_EVENT);
	return 0;
}

/* ------------------------------------------------------------ translation */

static int walk_read(void *ctx, u64 gpa, void *entry, u32 len)
{
	return memory_read(ctx, gpa, entry, len);
}

/* The rights that the struct has room for aren't filled, as in KVM. */
static int translate(struct vcpu *vcpu, struct kvm_translation *tr)
{
	struct memory *mem = &vcpu->vm->mem;
	struct x86_exception ex;
	struct x86_fetch fetch;
	u64 gpa = 0;
	int srcu, ret;

	vcpu->vm->ops->paging(vcpu, &fetch);
	srcu = srcu_read_lock(&mem->srcu);
	/* Outside long mode there are no more than 32 bits. */
	if (!(fetch.paging.efer & EFER_LMA) && tr->linear_address > U32_MAX)
		ret = 1;
	else
		ret = walk_gva(&fetch.paging, tr->linear_address, 0, walk_read,
			       mem, &gpa, &ex);
	srcu_read_unlock(&mem->srcu, srcu);
	tr->valid = ret == 0;
	tr->physical_address = ret ? ~0ULL : gpa;
	tr->writeable = 1;
	tr->usermode = 0;
	return 0;
}

/* -------------------------------------------------------- CPUID, TSC, MCE */

static long set_cpuid(struct vcpu *vcpu, struct kvm_cpuid2 __user *arg)
{
	struct kvm_cpuid2 head;

	if (copy_from_user(&head, arg, sizeof(head)))
		return -EFAULT;
	return cpuid_set(vcpu, &head, arg->entries);
}

static long get_cpuid(struct vcpu *vcpu, struct kvm_cpuid2 __user *arg)
{
	struct kvm_cpuid2 head;
	long ret;

	if (copy_from_user(&head, arg, sizeof(head)))
		return -EFAULT;
	ret = cpuid_get(vcpu, &head, arg->entries);
	if (ret && ret != -E2BIG)
		return ret;
	/* How many there are, also where that was too many. */
	if (put_user(head.nent, &arg->nent))
		return -EFAULT;
	return ret;
}

/* No scaling: the guest's TSC runs as the host's does, or it isn't possible. */
static long set_tsc_khz(struct vcpu *vcpu, unsigned long khz)
{
	u64 host = vcpu->vm->tsc_khz, off;

	if (!khz)
		return 0;
	if (khz > U32_MAX)
		return -EINVAL;
	off = khz > host ? khz - host : host - khz;
	return off * 1000000 <= host * TSC_TOLERANCE_PPM ? 0 : -EINVAL;
}

static long setup_mce(struct vcpu *vcpu, u64 __user *arg)
{
	u64 cap;

	if (copy_from_user(&cap, arg, sizeof(cap)))
		return -EFAULT;
	return msr_setup_mce(vcpu, cap);
}

/* There is no TPR-access exit and no VAPIC page; turning them off is fine. */
static long tpr_reporting(struct kvm_tpr_access_ctl __user *arg)
{
	struct kvm_tpr_access_ctl ctl;

	if (copy_from_user(&ctl, arg, sizeof(ctl)))
		return -EFAULT;
	if (ctl.flags || ctl.enabled)
		return -EINVAL;
	return copy_to_user(arg, &ctl, sizeof(ctl)) ? -EFAULT : 0;
}

static long vapic_addr(struct vcpu *vcpu, struct kvm_vapic_addr __user *arg)
{
	struct kvm_vapic_addr va;

	if (!vcpu->has_lapic)
		return -EINVAL;
	if (copy_from_user(&va, arg, sizeof(va)))
		return -EFAULT;
	return va.vapic_addr ? -EINVAL : 0;
}

/* ---------------------------------------------------------------- dispatch */

/* One buffer for all fixed-size structs; the XSAVE image is the largest. */
union state_buf {
	struct kvm_regs regs;
	struct kvm_sregs sregs;
	struct kvm_sregs2 sregs2;
	struct kvm_fpu fpu;
	struct kvm_xsave xsave;
	struct kvm_xcrs xcrs;
	struct kvm_debugregs debugregs;
	struct kvm_lapic_state lapic;
	struct kvm_vcpu_events events;
	struct kvm_mp_state mp_state;
	struct kvm_interrupt interrupt;
	struct kvm_translation translation;
	struct kvm_guest_debug debug;
	struct kvm_x86_mce mce;
};

static int get_struct(struct vcpu *vcpu, unsigned int cmd, union state_buf *b)
{
	switch (cmd) {
	case KVM_GET_REGS:
		get_regs(vcpu, &b->regs);
		return 0;
	case KVM_GET_SREGS:
		state_get_sregs(vcpu, &b->sregs);
		return 0;
	case KVM_GET_SREGS2:
		state_get_sregs2(vcpu, &b->sregs2);
		return 0;
	case KVM_GET_FPU:
		state_get_fpu(vcpu, &b->fpu);
		return 0;
	case KVM_GET_XSAVE:
	case KVM_GET_XSAVE2:
		state_get_xsave(vcpu, &b->xsave);
		return 0;
	case KVM_GET_XCRS:
		state_get_xcrs(vcpu, &b->xcrs);
		return 0;
	case KVM_GET_DEBUGREGS:
		get_debugregs(vcpu, &b->debugregs);
		return 0;
	case KVM_GET_LAPIC:
		if (!vcpu->has_lapic)
			return -EINVAL;
		get_lapic(vcpu, &b->lapic);
		return 0;
	case KVM_GET_VCPU_EVENTS:
		state_get_events(vcpu, &b->events);
		return 0;
	case KVM_GET_MP_STATE:
		state_get_mp_state(vcpu, &b->mp_state);
		return 0;
	}
	return -EINVAL;
}

static int set_struct(struct vcpu *vcpu, unsigned int cmd, union state_buf *b)
{
	switch (cmd) {
	case KVM_SET_REGS:
		return set_regs(vcpu, &b->regs);
	case KVM_SET_SREGS:
		return state_set_sregs(vcpu, &b->sregs);
	case KVM_SET_SREGS2:
		return state_set_sregs2(vcpu, &b->sregs2);
	case KVM_SET_FPU:
		return state_set_fpu(vcpu, &b->fpu);
	case KVM_SET_XSAVE:
		return state_set_xsave(vcpu, &b->xsave);
	case KVM_SET_XCRS:
		return state_set_xcrs(vcpu, &b->xcrs);
	case KVM_SET_DEBUGREGS:
		return set_debugregs(vcpu, &b->debugregs);
	case KVM_SET_LAPIC:
		return vcpu->has_lapic ? set_lapic(vcpu, &b->lapic) : -EINVAL;
	case KVM_SET_VCPU_EVENTS:
		return state_set_events(vcpu, &b->events);
	case KVM_SET_MP_STATE:
		return state_set_mp_state(vcpu, &b->mp_state);
	case KVM_INTERRUPT:
		return inject_interrupt(vcpu, &b->interrupt);
	case KVM_SET_GUEST_DEBUG:
		return vcpu_set_debug(vcpu, &b->debug);
	case KVM_TRANSLATE:
		return translate(vcpu, &b->translation);
	case KVM_X86_SET_MCE:
		return state_set_mce(vcpu, &b->mce);
	}
	return -EINVAL;
}

/*
 * Registers in struct kvm_run instead of by ioctls. User space can write them
 * while they are read here: so each is copied first.
 * Return: 0 or -EINVAL, with those before the bad one set.
 */
int vcpu_sync_from_run(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;
	u64 dirty = READ_ONCE(run->kvm_dirty_regs);
	int r = 0;

	if ((READ_ONCE(run->kvm_valid_regs) | dirty) & ~KVM_SYNC_X86_VALID_FIELDS)
		return -EINVAL;
	if (dirty & KVM_SYNC_X86_REGS) {
		struct kvm_regs regs = run->s.regs.regs;

		r = set_regs(vcpu, &regs);
	}
	if (!r && (dirty & KVM_SYNC_X86_SREGS)) {
		struct kvm_sregs sregs = run->s.regs.sregs;

		r = state_set_sregs(vcpu, &sregs);
	}
	if (!r && (dirty & KVM_SYNC_X86_EVENTS)) {
		struct kvm_vcpu_events events = run->s.regs.events;

		r = state_set_events(vcpu, &events);
	}
	if (!r)
		run->kvm_dirty_regs = 0;
	return r;
}

void vcpu_sync_to_run(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;
	u64 valid = READ_ONCE(run->kvm_valid_regs);

	if (valid & KVM_SYNC_X86_REGS)
		get_regs(vcpu, &run->s.regs.regs);
	if (valid & KVM_SYNC_X86_SREGS)
		state_get_sregs(vcpu, &run->s.regs.sregs);
	if (valid & KVM_SYNC_X86_EVENTS)
		state_get_events(vcpu, &run->s.regs.events);
}

/* Copies by the size and the direction that the number itself says. */
static long struct_ioctl(struct vcpu *vcpu, unsigned int cmd, void __user *arg)
{
	size_t size = _IOC_SIZE(cmd);
	bool in = _IOC_DIR(cmd) & _IOC_WRITE, out = _IOC_DIR(cmd) & _IOC_READ;
	union state_buf *b;
	long ret;

	if (WARN_ON_ONCE(size > sizeof(*b)))
		return -EINVAL;
	b = kzalloc(sizeof(*b), GFP_KERNEL_ACCOUNT);
	if (!b)
		return -ENOMEM;
	ret = in && copy_from_user(b, arg, size) ? -EFAULT : 0;
	if (!ret)
		ret = in ? set_struct(vcpu, cmd, b) : get_struct(vcpu, cmd, b);
	if (!ret && out && copy_to_user(arg, b, size))
		ret = -EFAULT;
	kfree(b);
	return ret;
}

/* What the guest's TSC is ahead of the host's, as one number. */
static long attr_ioctl(struct vcpu *vcpu, unsigned int cmd, void __user *arg)
{
	struct kvm_device_attr attr;
	u64 offset = vcpu->tsc_offset;

	if (copy_from_user(&attr, arg, sizeof(attr)))
		return -EFAULT;
	if (attr.flags)
		return -EINVAL;
	if (attr.group != KVM_VCPU_TSC_CTRL || attr.attr != KVM_VCPU_TSC_OFFSET)
		return -ENXIO;
	if (cmd == KVM_HAS_DEVICE_ATTR)
		return 0;
	if (cmd == KVM_GET_DEVICE_ATTR)
		return copy_to_user(u64_to_user_ptr(attr.addr), &offset,
				    sizeof(offset)) ? -EFAULT : 0;
	if (copy_from_user(&offset, u64_to_user_ptr(attr.addr), sizeof(offset)))
		return -EFAULT;
	/* What KVM_SET_MSRS of others' TSCs is held against, too. */
	WRITE_ONCE(vcpu->vm->tsc_offset, offset);
	msr_set_tsc_offset(vcpu, offset);
	return 0;
}

/**
 * vcpu_state_ioctl() - every vCPU ioctl but KVM_RUN and what goes with it
 * @vcpu: its lock held, not running
 * @cmd: ioctl number
 * @arg: its argument
 *
 * Return: as KVM's ioctl of that number; -EINVAL for a number that isn't here.
 */
long vcpu_state_ioctl(struct vcpu *vcpu, unsigned int cmd, void __user *arg)
{
	switch (cmd) {
	case KVM_GET_REGS:
	case KVM_SET_REGS:
	case KVM_GET_SREGS:
	case KVM_SET_SREGS:
	case KVM_GET_SREGS2:
	case KVM_SET_SREGS2:
	case KVM_GET_FPU:
	case KVM_SET_FPU:
	case KVM_GET_XSAVE:
	case KVM_GET_XSAVE2:
	case KVM_SET_XSAVE:
	case KVM_GET_XCRS:
	case KVM_SET_XCRS:
	case KVM_GET_DEBUGREGS:
	case KVM_SET_DEBUGREGS:
	case KVM_GET_LAPIC:
	case KVM_SET_LAPIC:
	case KVM_GET_VCPU_EVENTS:
	case KVM_SET_VCPU_EVENTS:
	case KVM_GET_MP_STATE:
	case KVM_SET_MP_STATE:
	case KVM_INTERRUPT:
	case KVM_SET_GUEST_DEBUG:
	case KVM_TRANSLATE:
	case KVM_X86_SET_MCE:
		return struct_ioctl(vcpu, cmd, arg);
	case KVM_GET_NESTED_STATE:
		return state_get_nested(vcpu, arg);
	case KVM_SET_NESTED_STATE:
		return state_set_nested(vcpu, arg);
	case KVM_GET_MSRS:
		return msr_ioctl(vcpu, arg, false);
	case KVM_SET_MSRS:
		return msr_ioctl(vcpu, arg, true);
	case KVM_SET_CPUID:
		return cpuid_set_old(vcpu, arg);
	case KVM_SET_CPUID2:
		return set_cpuid(vcpu, arg);
	case KVM_GET_CPUID2:
		return get_cpuid(vcpu, arg);
	case KVM_GET_TSC_KHZ:
		return vcpu->vm->tsc_khz;
	case KVM_SET_TSC_KHZ:
		return set_tsc_khz(vcpu, (unsigned long)arg);
	case KVM_NMI:
		return inject_nmi(vcpu);
	case KVM_X86_SETUP_MCE:
		return setup_mce(vcpu, arg);
	case KVM_TPR_ACCESS_REPORTING:
		return tpr_reporting(arg);
	case KVM_SET_VAPIC_ADDR:
		return vapic_addr(vcpu, arg);
	case KVM_HAS_DEVICE_ATTR:
	case KVM_GET_DEVICE_ATTR:
	case KVM_SET_DEVICE_ATTR:
		return attr_ioctl(vcpu, cmd, arg);
	case KVM_KVMCLOCK_CTRL:
		return clock_guest_stopped(vcpu) ? 0 : -EINVAL;
	}
	return -EINVAL;
}
