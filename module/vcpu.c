// SPDX-License-Identifier: GPL-2.0-only
/* The vCPU's fd: creation, its ioctls, reset, its end. */
#include <linux/anon_inodes.h>
#include <linux/file.h>
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <asm/processor-flags.h>

#include "compat/compat.h"
#include "isa.h"
#include "timer.h"
#include "vectors.h"
#include "vm.h"
#include "x86/cpuid.h"
#include "x86/msr.h"

/* ---------------------------------------------------------------- reset */

static void reset_segment(struct x86_segment *s, u8 type)
{
	*s = (struct x86_segment){
		.limit = 0xffff, .type = type, .s = true, .present = true,
	};
}

static void reset_state(struct vcpu *vcpu, struct cpu_state *st, bool init)
{
	unsigned int i;

	if (init)
		vcpu->vm->ops->get_state(vcpu, st, STATE_ALL);
	else
		memset(st, 0, sizeof(*st));
	for (i = 0; i < X86_SEGS; i++)
		reset_segment(&st->seg[i], 3);
	st->seg[X86_CS].type = 11;
	st->seg[X86_CS].selector = 0xf000;
	st->seg[X86_CS].base = 0xffff0000;
	reset_segment(&st->tr, 11);
	reset_segment(&st->ldt, 2);
	st->tr.s = st->ldt.s = false;
	st->gdt = st->idt = (struct cpu_table){ .base = 0, .limit = 0xffff };
	st->cpl = 0;
	/* CD and NW are kept by INIT; at power-up they are set. */
	st->cr0 = X86_CR0_ET |
		  (init ? st->cr0 & (X86_CR0_CD | X86_CR0_NW) :
			  X86_CR0_CD | X86_CR0_NW);
	st->cr2 = st->cr3 = st->cr4 = st->efer = 0;
	st->dr6 = 0xffff0ff0;
	st->dr7 = 0x400;
	if (!init)
		st->pat = 0x0007040600070406ULL;
}

static void reset_fpu(struct vcpu *vcpu)
{
	memset(vcpu->fpu, 0, PAGE_SIZE);
	*(u16 *)vcpu->fpu = 0x37f; /* FCW, then MXCSR */
	*(u32 *)(vcpu->fpu + 24) = 0x1f80;
	vcpu->xcr0 = 1;
	vcpu->pkru = 0;
}

void vcpu_reset(struct vcpu *vcpu, bool init)
{
	struct lapic_out out = { .effects = 0 };
	struct cpu_state st;

	memset(vcpu->gpr, 0, sizeof(vcpu->gpr));
	vcpu->gpr[X86_RDX] = cpuid_signature(vcpu);
	vcpu->rip = 0xfff0;
	vcpu_set_rflags(vcpu, 2);
	vcpu->interrupt_shadow = false;
	memset(&vcpu->event, 0, sizeof(vcpu->event));
	memset(&vcpu->emul, 0, sizeof(vcpu->emul));
	memset(vcpu->dr, 0, sizeof(vcpu->dr));
	vcpu->completion = COMPLETE_NONE;
	vcpu->cr8 = 0;
	vcpu->pv_eoi = 0;
	vcpu->pv_eoi_on = vcpu->pv_eoi_offered = vcpu->pv_eoi_absent = false;
	if (!init) {
		reset_fpu(vcpu);
		vcpu->tsc_aux = 0;
		vcpu->xss = 0;
		msr_reset(vcpu);
	} else if (vcpu->has_lapic) {
		lapic_reset(&vcpu->lapic, &out);
		deliver_lapic(vcpu, &out);
	}
	vcpu->vm->ops->vcpu_reset(vcpu, init);
	reset_state(vcpu, &st, init);
	vcpu->vm->ops->set_state(vcpu, &st, STATE_ALL);
}

/* --------------------------------------------------------------- ioctls */

static long set_signal_mask(struct vcpu *vcpu, struct kvm_signal_mask __user *arg)
{
	struct kvm_signal_mask head;
	sigset_t set;

	if (!arg) {
		vcpu->sigset_active = false;
		return 0;
	}
	if (copy_from_user(&head, arg, sizeof(head)))
		return -EFAULT;
	if (head.len != sizeof(set))
		return -EINVAL;
	if (copy_from_user(&set, arg->sigset, sizeof(set)))
		return -EFAULT;
	sigdelsetmask(&set, sigmask(SIGKILL) | sigmask(SIGSTOP));
	vcpu->sigset = set;
	vcpu->sigset_active = true;
	return 0;
}

static long pre_fault(struct vcpu *vcpu, struct kvm_pre_fault_memory __user *arg)
{
	struct kvm_pre_fault_memory range;
	long r;

	if (copy_from_user(&range, arg, sizeof(range)))
		return -EFAULT;
	if (range.flags || memchr_inv(range.padding, 0, sizeof(range.padding)) ||
	    !PAGE_ALIGNED(range.gpa) || !PAGE_ALIGNED(range.size) ||
	    range.gpa + range.size <= range.gpa)
		return -EINVAL;
	if (!vcpu->vm->ops->run)
		return -EOPNOTSUPP;
	r = memory_prefault(&vcpu->vm->mem, &range.gpa, &range.size);
	return copy_to_user(arg, &range, sizeof(range)) ? -EFAULT : r;
}

static long locked_ioctl(struct vcpu *vcpu, unsigned int cmd, unsigned long arg)
{
	void __user *uarg = (void __user *)arg;

	switch (cmd) {
	case KVM_RUN:
		return arg ? -EINVAL : vcpu_run(vcpu);
	case KVM_SET_SIGNAL_MASK:
		return set_signal_mask(vcpu, uarg);
	case KVM_ENABLE_CAP:
		return cap_enable_vcpu(vcpu, uarg);
	case KVM_PRE_FAULT_MEMORY:
		return pre_fault(vcpu, uarg);
	case VINTC_GET_VECTOR_STATS:
		return vectors_ioctl(vcpu, uarg);
	default:
		return vcpu_state_ioctl(vcpu, cmd, uarg);
	}
}

/*
 * What was asked for on the way out, or by the ioctl itself, and what others
 * depend on: an APIC that was just enabled is reached by the next message.
 */
static void settle(struct vcpu *vcpu)
{
	if (test_and_clear_bit(REQ_DEST, &vcpu->requests) &&
	    deliver_rebuild(vcpu->vm))
		vcpu_request(vcpu, REQ_DEST);
}

static long vcpu_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct vcpu *vcpu = file->private_data;
	long r;

	if (vcpu->vm->mm != current->mm || READ_ONCE(vcpu->vm->dead))
		return -EIO;
	if (_IOC_TYPE(cmd) != KVMIO && _IOC_TYPE(cmd) != VINTC_IO)
		return -EINVAL;
	if (cmd == KVM_GET_STATS_FD)
		return stats_vcpu_fd(vcpu);
	if (mutex_lock_killable(&vcpu->lock))
		return -EINTR;
	r = locked_ioctl(vcpu, cmd, arg);
	settle(vcpu);
	mutex_unlock(&vcpu->lock);
	return r;
}

static vm_fault_t vcpu_fault(struct vm_fault *vmf)
{
	struct vcpu *vcpu = vmf->vma->vm_file->private_data;
	struct page *page;

	if (vmf->pgoff >= VCPU_RUN_PAGES)
		return VM_FAULT_SIGBUS;
	page = vmf->pgoff == KVM_COALESCED_MMIO_PAGE_OFFSET ?
		       virt_to_page(vcpu->vm->bus.ring) :
		       virt_to_page((void *)vcpu->run + vmf->pgoff * PAGE_SIZE);
	get_page(page);
	vmf->page = page;
	return 0;
}

static const struct vm_operations_struct vcpu_vm_ops = {
	.fault = vcpu_fault,
};

static int vcpu_mmap(struct file *file, struct vm_area_struct *vma)
{
	vma->vm_ops = &vcpu_vm_ops;
	return 0;
}

static int vcpu_release(struct inode *inode, struct file *file)
{
	struct vcpu *vcpu = file->private_data;

	vm_put(vcpu->vm);
	return 0;
}

static const struct file_operations vcpu_fops = {
	.owner = THIS_MODULE,
	.release = vcpu_release,
	.unlocked_ioctl = vcpu_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.mmap = vcpu_mmap,
	.llseek = noop_llseek,
};

/* ------------------------------------------------------ creation and end */

void vcpu_free(struct vcpu *vcpu)
{
	vcpu_timer_stop(vcpu);
	vcpu->vm->ops->vcpu_free(vcpu);
	if (vcpu->run)
		free_pages_exact(vcpu->run, VCPU_OWN_PAGES * PAGE_SIZE);
	free_page((unsigned long)vcpu->fpu);
	free_page((unsigned long)vcpu->apic_page);
	kvfree(vcpu->vectors);
	kvfree(vcpu->cpuid);
	kfree(vcpu->mce_banks);
	kfree(vcpu);
}

static int alloc_pages_of(struct vcpu *vcpu)
{
	vcpu->run = alloc_pages_exact(VCPU_OWN_PAGES * PAGE_SIZE,
				      GFP_KERNEL_ACCOUNT | __GFP_ZERO);
	vcpu->fpu = (void *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	vcpu->apic_page = (void *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	return vcpu->run && vcpu->fpu && vcpu->apic_page ? 0 : -ENOMEM;
}

static struct vcpu *vcpu_alloc(struct vm *vm, u32 id)
{
	struct vcpu *vcpu = kzalloc(sizeof(*vcpu), GFP_KERNEL_ACCOUNT);
	bool bsp = id == vm->boot_cpu_id;
	struct lapic_out out = {};
	int r;

	if (!vcpu)
		return ERR_PTR(-ENOMEM);
	vcpu->vm = vm;
	vcpu->id = id;
	vcpu->index = vm->nr_vcpus;
	vcpu->has_lapic = vm->irqchip;
	vcpu->cpu = -1;
	vcpu->phys_bits = 36;
	vcpu->tsc_offset = vm->tsc_offset;
	mutex_init(&vcpu->lock);
	rcuwait_init(&vcpu->wait);
	mailbox_init(&vcpu->mailbox);
	bypass_vcpu_init(vcpu);
	vcpu_timer_init(vcpu);
	vcpu->mp_state = bsp || !vcpu->has_lapic ? KVM_MP_STATE_RUNNABLE :
						   KVM_MP_STATE_UNINITIALIZED;
	r = alloc_pages_of(vcpu);
	if (!r)
		r = vm->ops->vcpu_create(vcpu);
	if (r) {
		vcpu_free(vcpu);
		return ERR_PTR(r);
	}
	lapic_init(&vcpu->lapic, vcpu->apic_page, vcpu->index, id, bsp);
	vcpu->lapic.config.min_period_ns =
		vm_policy(vm, VINTC_POLICY_TIMER_MIN_NS);
	if (vm->apic_bus_ns)
		vcpu->lapic.config.bus_ns = vm->apic_bus_ns;
	if (vm->quirks_off & KVM_X86_QUIRK_LINT0_REENABLED) {
		vcpu->lapic.config.lint0_extint = false;
		lapic_reset(&vcpu->lapic, &out);
	}
	vcpu_reset(vcpu, false);
	isa_lint0(vcpu);
	vcpu_request(vcpu, REQ_APICV_UPDATE);
	return vcpu;
}

struct vcpu *vm_vcpu_by_id(struct vm *vm, u64 id)
{
	struct vcpu *vcpu;
	u32 i;

	vm_for_each_vcpu(i, vcpu, vm)
		if (vcpu->id == id)
			return vcpu;
	return NULL;
}

/* Everything that can fail comes before the vCPU is seen by anyone. */
static int vcpu_add(struct vm *vm, u32 id)
{
	struct vcpu *vcpu;
	struct file *file;
	char name[32];
	int fd;

	if (vm->nr_vcpus == VM_MAX_VCPUS || (vm->vcpu_ids && id >= vm->vcpu_ids))
		return -EINVAL;
	if (vm_vcpu_by_id(vm, id))
		return -EEXIST;
	vcpu = vcpu_alloc(vm, id);
	if (IS_ERR(vcpu))
		return PTR_ERR(vcpu);
	fd = get_unused_fd_flags(O_CLOEXEC);
	if (fd < 0)
		goto free;
	snprintf(name, sizeof(name), "vintc-vcpu:%u", id);
	file = anon_inode_getfile(name, &vcpu_fops, vcpu, O_RDWR);
	if (IS_ERR(file)) {
		put_unused_fd(fd);
		fd = PTR_ERR(file);
		goto free;
	}
	vm_get(vm);
	vm->vcpus[vcpu->index] = vcpu;
	smp_store_release(&vm->nr_vcpus, vcpu->index + 1);
	if (deliver_rebuild_locked(vm)) {
		/* Not reachable by interrupts until the next rebuild: try again
		 * when it runs.
		 */
		vcpu_request(vcpu, REQ_DEST);
	}
	fd_install(fd, file);
	return fd;
free:
	vcpu_free(vcpu);
	return fd;
}

int vcpu_create(struct vm *vm, u32 id)
{
	int r;

	mutex_lock(&vm->lock);
	r = vcpu_add(vm, id);
	mutex_unlock(&vm->lock);
	return r;
}
