// SPDX-License-Identifier: GPL-2.0-only
/* Module entry, /dev/vintc and the system ioctls. */
#define pr_fmt(fmt) "vintc: " fmt

#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "apic/mutant.h"
#include "hardware.h"
#include "vm.h"

#ifdef VINTC_MUTANTS
unsigned int vintc_mutant;
module_param_named(mutant, vintc_mutant, uint, 0644);
MODULE_PARM_DESC(mutant, "enum mutant of module/apic/mutant.h; 0: none");
#endif

static long get_cpuid(struct kvm_cpuid2 __user *arg, bool emulated)
{
	struct kvm_cpuid2 cpuid;
	long r;

	if (copy_from_user(&cpuid, arg, sizeof(cpuid)))
		return -EFAULT;
	r = cpuid_supported(&cpuid, arg->entries, emulated);
	if (r && r != -E2BIG)
		return r;
	if (copy_to_user(arg, &cpuid, sizeof(cpuid)))
		return -EFAULT;
	return r;
}

static long get_info(struct vintc_info __user *arg)
{
	const struct vintc_ops *ops = hardware_ops();
	struct vintc_info in, info = {
		.version = VINTC_ABI_VERSION,
		.backend = VINTC_BACKEND_MODEL,
	};

	if (copy_from_user(&in, arg, sizeof(in)))
		return -EFAULT;
	if (in.flags || in.reserved0 ||
	    memchr_inv(in.reserved, 0, sizeof(in.reserved)))
		return -EINVAL;
	if (ops) {
		info.backend = ops->backend;
		ops->features(&info.present, &info.used);
	}
	return copy_to_user(arg, &info, sizeof(info)) ? -EFAULT : 0;
}

/* Of the CPU's own VMs, where there can be any. */
static u64 mce_cap(void)
{
	const struct vintc_ops *ops = hardware_ops();

	return MSR_MCE_CAP | (ops ? ops : model_probe())->mce_cap;
}

static long create_vm(unsigned long type)
{
	switch (type) {
	case KVM_X86_DEFAULT_VM:
		return vm_create(hardware_ops());
	case VINTC_VM_TYPE_MODEL:
		return vm_create(model_probe());
	default:
		return -EINVAL;
	}
}

static long dev_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	void __user *uarg = (void __user *)arg;

	switch (cmd) {
	case KVM_GET_API_VERSION:
		return arg ? -EINVAL : KVM_API_VERSION;
	case KVM_CREATE_VM:
		return create_vm(arg);
	case KVM_CHECK_EXTENSION:
		return vm_check_extension(NULL, arg);
	case KVM_GET_VCPU_MMAP_SIZE:
		return arg ? -EINVAL : VCPU_RUN_PAGES * PAGE_SIZE;
	case KVM_GET_SUPPORTED_CPUID:
		return get_cpuid(uarg, false);
	case KVM_GET_EMULATED_CPUID:
		return get_cpuid(uarg, true);
	case KVM_GET_MSR_INDEX_LIST:
		return msr_index_list(uarg, false);
	case KVM_GET_MSR_FEATURE_INDEX_LIST:
		return msr_index_list(uarg, true);
	case KVM_GET_MSRS:
		return msr_ioctl(NULL, uarg, false);
	case KVM_X86_GET_MCE_CAP_SUPPORTED:
		return put_user(mce_cap(), (u64 __user *)uarg);
	case VINTC_GET_INFO:
		return get_info(uarg);
	default:
		return -EINVAL;
	}
}

static const struct file_operations dev_fops = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = dev_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.llseek = noop_llseek,
};

static struct miscdevice dev = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "vintc",
	.fops = &dev_fops,
	.mode = 0660,
};

static int __init vintc_init(void)
{
	int r = irqfd_init();

	if (r)
		return r;
	compat_sched_watch_enable(true);
	r = hardware_init(vmx_probe() ?: svm_probe());
	if (r)
		goto exit;
	r = misc_register(&dev);
	if (!r)
		return 0;
	hardware_exit();
exit:
	compat_sched_watch_enable(false);
	irqfd_exit();
	return r;
}

static void __exit vintc_exit(void)
{
	misc_deregister(&dev);
	hardware_exit();
	compat_sched_watch_enable(false);
	irqfd_exit();
	rcu_barrier();
}

module_init(vintc_init);
module_exit(vintc_exit);

MODULE_AUTHOR("The vintc developers");
MODULE_DESCRIPTION("Alternate virtual-interrupt engine for VMX and SVM guests");
MODULE_LICENSE("GPL");
MODULE_VERSION("0.1.0");
