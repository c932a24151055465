// SPDX-License-Identifier: GPL-2.0-only
/* The VM's fd: creation, its ioctls, its end. */
#define pr_fmt(fmt) "vintc: " fmt

#include <linux/anon_inodes.h>
#include <linux/file.h>
#include <linux/moduleparam.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <asm/tsc.h>

#include "compat/compat.h"
#include "dirty.h"
#include "hardware.h"
#include "inhibit.h"
#include "isa.h"
#include "msr_filter.h"
#include "vm.h"

static unsigned int halt_poll_ns = 200000;
module_param(halt_poll_ns, uint, 0644);
MODULE_PARM_DESC(halt_poll_ns, "longest poll for an interrupt before a halted vCPU sleeps, ns");

#define MMU_PAGES_MIN 64

void vm_get(struct vm *vm)
{
	kref_get(&vm->users);
}

static void vm_free(struct kref *users)
{
	struct vm *vm = container_of(users, struct vm, users);
	struct mm_struct *mm = vm->mm;
	u32 i;

	/* First: its notifier flushes vCPUs. */
	memory_destroy(&vm->mem);
	/* Before the vCPUs: till their timers end they interrupt these. */
	isa_pit_free(vm);
	ioapics_free(vm);
	for (i = 0; i < vm->nr_vcpus; i++)
		vcpu_free(vm->vcpus[i]);
	route_free(vm);
	bus_free(vm);
	msr_filter_free(vm);
	kvfree(rcu_dereference_protected(vm->dests, 1));
	if (vm->ops->vm_free)
		vm->ops->vm_free(vm);
	if (vm->ops->cpu_enable)
		hardware_put();
	stats_vm_free(vm);
	kfree(vm);
	mmdrop(mm);
}

void vm_put(struct vm *vm)
{
	kref_put(&vm->users, vm_free);
}

void vm_kill(struct vm *vm)
{
	WRITE_ONCE(vm->dead, true);
	vm_request_all(vm, REQ_VM_DEAD);
}

static long vm_create_irqchip(struct vm *vm)
{
	int r;

	mutex_lock(&vm->lock);
	if (vm->irqchip) {
		r = -EEXIST;
	} else if (vm->nr_vcpus) {
		r = -EINVAL;
	} else {
		ioapics_init(vm);
		pic_init(&vm->pic);
		r = route_init(vm);
		if (!r) {
			memory_set_hole(&vm->mem, LAPIC_BASE_DEFAULT >> PAGE_SHIFT);
			vm_inhibit(vm, VINTC_INHIBIT_NO_IRQCHIP, false);
			/* Pairs with the plain reads: everything is set up. */
			smp_store_release(&vm->irqchip, true);
		}
	}
	mutex_unlock(&vm->lock);
	return r;
}

static long vm_pic_state(struct vm *vm, u32 id, void __user *arg, bool set)
{
	struct pic_state st;

	static_assert(sizeof(st) == sizeof(struct kvm_pic_state));

	if (!set) {
		isa_pic_save(vm, id, &st);
		return copy_to_user(arg, &st, sizeof(st)) ? -EFAULT : 0;
	}
	if (copy_from_user(&st, arg, sizeof(st)))
		return -EFAULT;
	isa_pic_restore(vm, id, &st);
	return 0;
}

static long vm_irqchip_state(struct vm *vm, struct kvm_irqchip __user *arg, bool set)
{
	struct ioapic_state st;
	struct ioapic_out out = {};
	unsigned long flags;
	u32 id;

	static_assert(sizeof(st) == sizeof(struct kvm_ioapic_state));

	if (get_user(id, &arg->chip_id))
		return -EFAULT;
	if (!smp_load_acquire(&vm->irqchip) || vm->split)
		return -ENXIO;
	if (id == KVM_IRQCHIP_PIC_MASTER || id == KVM_IRQCHIP_PIC_SLAVE)
		return vm_pic_state(vm, id, &arg->chip, set);
	if (id != KVM_IRQCHIP_IOAPIC)
		return -EINVAL;
	if (!set) {
		raw_spin_lock_irqsave(&vm->irq_lock, flags);
		ioapic_save(&vm->ioapic, &st);
		raw_spin_unlock_irqrestore(&vm->irq_lock, flags);
		return copy_to_user(&arg->chip, &st, sizeof(st)) ? -EFAULT : 0;
	}
	if (copy_from_user(&st, &arg->chip, sizeof(st)))
		return -EFAULT;
	/* No more messages than pins fit into one call. */
	static_assert(IOAPIC_PINS <= IOAPIC_OUT_MAX);
	raw_spin_lock_irqsave(&vm->irq_lock, flags);
	if (!ioapic_restore(&vm->ioapic, &st, &out)) {
		raw_spin_unlock_irqrestore(&vm->irq_lock, flags);
		return -EINVAL;
	}
	raw_spin_unlock_irqrestore(&vm->irq_lock, flags);
	deliver_ioapic(vm, &vm->ioapic, &out);
	return 0;
}

static long vm_irq_line(struct vm *vm, void __user *arg, bool status)
{
	struct kvm_irq_level line;
	int r;

	if (copy_from_user(&line, arg, sizeof(line)))
		return -EFAULT;
	if (!smp_load_acquire(&vm->irqchip))
		return -ENXIO;
	r = route_line(vm, line.irq, line.level);
	if (r == -EINVAL)
		return r;
	if (!status)
		return 0;
	line.status = r;
	return copy_to_user(arg, &line, sizeof(line)) ? -EFAULT : 0;
}

static long vm_set_routing(struct vm *vm, struct kvm_irq_routing __user *arg)
{
	struct kvm_irq_routing head;

	if (copy_from_user(&head, arg, sizeof(head)))
		return -EFAULT;
	if (!smp_load_acquire(&vm->irqchip))
		return -EINVAL;
	return route_set(vm, &head, arg->entries);
}

static long vm_signal_msi(struct vm *vm, void __user *arg)
{
	struct kvm_msi msi;

	if (copy_from_user(&msi, arg, sizeof(msi)))
		return -EFAULT;
	if (!smp_load_acquire(&vm->irqchip))
		return -EINVAL;
	return route_msi(vm, &msi);
}

static long vm_set_region(struct vm *vm, unsigned int cmd, void __user *arg)
{
	struct kvm_userspace_memory_region2 region = {};

	/* The ioctl's number says how long; the first form is a prefix of the second. */
	if (copy_from_user(&region, arg, _IOC_SIZE(cmd)))
		return -EFAULT;
	return memory_set_region(&vm->mem, &region);
}

static long vm_irqfd(struct vm *vm, void __user *arg)
{
	struct kvm_irqfd irqfd;

	if (copy_from_user(&irqfd, arg, sizeof(irqfd)))
		return -EFAULT;
	return irqfd_ioctl(vm, &irqfd);
}

static long vm_ioeventfd(struct vm *vm, void __user *arg)
{
	struct kvm_ioeventfd fd;

	if (copy_from_user(&fd, arg, sizeof(fd)))
		return -EFAULT;
	return ioeventfd_ioctl(vm, &fd);
}

static long vm_coalesced(struct vm *vm, void __user *arg, bool on)
{
	struct kvm_coalesced_mmio_zone zone;

	if (copy_from_user(&zone, arg, sizeof(zone)))
		return -EFAULT;
	return coalesced_ioctl(vm, &zone, on);
}

static long vm_set_boot_cpu(struct vm *vm, unsigned long id)
{
	int r = 0;

	mutex_lock(&vm->lock);
	if (vm->nr_vcpus)
		r = -EBUSY;
	else if (id > VM_MAX_VCPU_ID || (vm->vcpu_ids && id >= vm->vcpu_ids))
		r = -EINVAL;
	else
		vm->boot_cpu_id = id;
	mutex_unlock(&vm->lock);
	return r;
}

/* There are no shadow pages to limit: the number is kept. */
static long vm_set_mmu_pages(struct vm *vm, unsigned long n)
{
	if (n < MMU_PAGES_MIN || n > INT_MAX)
		return -EINVAL;
	vm->mmu_pages = n;
	return 0;
}

/*
 * VMX needs these ranges for real mode; here they are only checked and kept.
 * A TSS of three pages must lie below 4 GiB.
 */
static long vm_set_tss(struct vm *vm, unsigned long addr)
{
	if (addr > U32_MAX - 3 * PAGE_SIZE)
		return -EINVAL;
	vm->tss_addr = addr;
	return 0;
}

static long vm_set_identity_map(struct vm *vm, u64 __user *arg)
{
	u64 addr;
	int r = 0;

	mutex_lock(&vm->lock);
	if (vm->nr_vcpus)
		r = -EINVAL;
	else if (get_user(addr, arg))
		r = -EFAULT;
	else
		vm->identity_map_addr = addr;
	mutex_unlock(&vm->lock);
	return r;
}

static long vm_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct vm *vm = file->private_data;
	void __user *uarg = (void __user *)arg;

	if (vm->mm != current->mm || READ_ONCE(vm->dead))
		return -EIO;
	switch (cmd) {
	case KVM_CREATE_VCPU:
		return arg > VM_MAX_VCPU_ID ? -EINVAL : vcpu_create(vm, arg);
	case KVM_SET_USER_MEMORY_REGION:
	case KVM_SET_USER_MEMORY_REGION2:
		return vm_set_region(vm, cmd, uarg);
	case KVM_GET_DIRTY_LOG:
	case KVM_CLEAR_DIRTY_LOG:
		return dirty_ioctl(&vm->mem, cmd, uarg);
	case KVM_SET_NR_MMU_PAGES:
		return vm_set_mmu_pages(vm, arg);
	case KVM_GET_NR_MMU_PAGES:
		return vm->mmu_pages;
	case KVM_SET_TSS_ADDR:
		return vm_set_tss(vm, arg);
	case KVM_SET_IDENTITY_MAP_ADDR:
		return vm_set_identity_map(vm, uarg);
	case KVM_SET_BOOT_CPU_ID:
		return vm_set_boot_cpu(vm, arg);
	case KVM_CREATE_IRQCHIP:
		return vm_create_irqchip(vm);
	case KVM_CREATE_PIT:
	case KVM_CREATE_PIT2:
	case KVM_GET_PIT:
	case KVM_SET_PIT:
	case KVM_GET_PIT2:
	case KVM_SET_PIT2:
	case KVM_REINJECT_CONTROL:
		return isa_pit_ioctl(vm, cmd, uarg);
	case KVM_GET_IRQCHIP:
		return vm_irqchip_state(vm, uarg, false);
	case KVM_SET_IRQCHIP:
		return vm_irqchip_state(vm, uarg, true);
	case KVM_SET_GSI_ROUTING:
		return vm_set_routing(vm, uarg);
	case KVM_IRQ_LINE:
		return vm_irq_line(vm, uarg, false);
	case KVM_IRQ_LINE_STATUS:
		return vm_irq_line(vm, uarg, true);
	case KVM_SIGNAL_MSI:
		return vm_signal_msi(vm, uarg);
	case KVM_IRQFD:
		return vm_irqfd(vm, uarg);
	case KVM_IOEVENTFD:
		return vm_ioeventfd(vm, uarg);
	case KVM_REGISTER_COALESCED_MMIO:
		return vm_coalesced(vm, uarg, true);
	case KVM_UNREGISTER_COALESCED_MMIO:
		return vm_coalesced(vm, uarg, false);
	case KVM_X86_SET_MSR_FILTER:
		return msr_filter_set(vm, uarg);
	case KVM_GET_CLOCK:
	case KVM_SET_CLOCK:
		return clock_ioctl(vm, cmd, uarg);
	case VINTC_CREATE_IOAPIC:
	case VINTC_GET_IOAPIC:
	case VINTC_SET_IOAPIC:
		return ioapics_ioctl(vm, cmd, uarg);
	case VINTC_GET_POLICY:
	case VINTC_SET_POLICY:
		return policy_ioctl(vm, cmd, uarg);
	case VINTC_GET_INHIBITS:
		return inhibit_ioctl(vm, uarg);
	case KVM_ENABLE_CAP:
		return cap_enable(vm, uarg);
	case KVM_CHECK_EXTENSION:
		return vm_check_extension(vm, arg);
	case KVM_GET_TSC_KHZ:
		return vm->tsc_khz;
	case KVM_GET_STATS_FD:
		return stats_vm_fd(vm);
	default:
		return vm->ops->vm_ioctl ? vm->ops->vm_ioctl(vm, cmd, uarg) :
					   -ENOTTY;
	}
}

static int vm_release(struct inode *inode, struct file *file)
{
	irqfd_vm_release(file->private_data);
	vm_put(file->private_data);
	return 0;
}

static const struct file_operations vm_fops = {
	.owner = THIS_MODULE,
	.release = vm_release,
	.unlocked_ioctl = vm_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.llseek = noop_llseek,
};

static struct vm *vm_alloc(const struct vintc_ops *ops)
{
	struct vm *vm = kzalloc(sizeof(*vm), GFP_KERNEL_ACCOUNT);
	int r = -ENOMEM;

	if (!vm)
		return ERR_PTR(-ENOMEM);
	kref_init(&vm->users);
	mutex_init(&vm->lock);
	raw_spin_lock_init(&vm->irq_lock);
	irqfd_vm_init(vm);
	bypass_vm_init(vm);
	vm->ops = ops;
	vm->mm = current->mm;
	vm->tsc_khz = tsc_khz;
	vm->tsc_offset = -rdtsc();
	clock_init(vm);
	policy_init(vm);
	inhibit_init(vm);
	vm->halt_poll_ns = READ_ONCE(halt_poll_ns);

	r = stats_vm_init(vm);
	if (r)
		goto free;
	r = bus_init(vm);
	if (r)
		goto free_stats;
	r = deliver_rebuild(vm);
	if (r)
		goto free_bus;
	r = ops->cpu_enable ? hardware_get() : 0;
	if (r)
		goto free_dests;
	r = ops->vm_create ? ops->vm_create(vm) : 0;
	if (r)
		goto put_hardware;
	r = memory_init(&vm->mem, vm, ops->pt_format);
	if (r)
		goto free_backend;
	mmgrab(vm->mm);
	return vm;

free_backend:
	if (ops->vm_free)
		ops->vm_free(vm);
put_hardware:
	if (ops->cpu_enable)
		hardware_put();
free_dests:
	kvfree(rcu_dereference_protected(vm->dests, 1));
free_bus:
	bus_free(vm);
free_stats:
	stats_vm_free(vm);
free:
	kfree(vm);
	return ERR_PTR(r);
}

int vm_create(const struct vintc_ops *ops)
{
	struct vm *vm;
	int fd;

	if (!ops)
		return -ENODEV;
	vm = vm_alloc(ops);
	if (IS_ERR(vm))
		return PTR_ERR(vm);
	fd = anon_inode_getfd("vintc-vm", &vm_fops, vm, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		vm_put(vm);
	return fd;
}
