// SPDX-License-Identifier: GPL-2.0-only
/*
 * A device with one interrupt, its driver and its IOMMU in one, for what vintc does
 * with irq bypass where there is no such hardware. The driver's part is VFIO's: a
 * producer with an eventfd. The IOMMU's is an irq chip whose irq_set_vcpu_affinity()
 * keeps where to post, and what RAISE does then, VT-d "Interrupt-Posting Hardware
 * Operation": PIR, ON, and the notification if ON was clear and SN is.
 */
#define pr_fmt(fmt) "producer: " fmt

#include <linux/eventfd.h>
#include <linux/fs.h>
#include <linux/interrupt.h>
#include <linux/io.h>
#include <linux/irq.h>
#include <linux/irqbypass.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/uaccess.h>
#include <asm/apic.h>
#include <asm/irq_remapping.h>

#include "../../../module/compat/eventfd.h"
#include "producer.h"

#ifdef HAVE_INTEL_IOMMU_PI_DATA
#define pi_data intel_iommu_pi_data
#else
#define pi_data vcpu_data
#endif

/* SDM 3C "Format of Posted-Interrupt Descriptor" */
struct descriptor {
	unsigned long pir[4];
	unsigned long control;
};

#define ON 0
#define SN 1

/**
 * struct device_irq - one interrupt
 * @lock: START, and that there is one
 * @entry: the IOMMU's lock: all below. No interrupt is under way while it is free.
 */
struct device_irq {
	struct mutex lock;
	struct eventfd_ctx *eventfd;
	struct irq_bypass_producer producer;
	int irq;
	u32 plain; /* PLAIN_..., or 0 */
	struct irq_data parent; /* stands for remapping hardware */
	raw_spinlock_t entry;
	bool late;
	struct producer_state state;
};

/* ----------------------------------------------------------------- IOMMU */

static void notify(u32 ndst, u8 vector)
{
	u32 id = x2apic_mode ? ndst : ndst >> 8 & 0xff;
	int cpu;

	for_each_online_cpu(cpu)
		if (cpu_physical_id(cpu) == id)
			apic->send_IPI(cpu, vector);
}

/* @entry held, posted */
static void post(struct device_irq *d)
{
	struct descriptor *at = phys_to_virt(d->state.descriptor);
	unsigned long control;

	set_bit(d->state.vector, at->pir);
	d->state.posts++;
	if (test_bit(SN, &at->control) || test_and_set_bit(ON, &at->control))
		return;
	control = READ_ONCE(at->control);
	d->state.notified++;
	notify(control >> 32, control >> 16 & 0xff);
}

static int set_vcpu_affinity(struct irq_data *data, void *info)
{
	struct device_irq *d = irq_data_get_irq_chip_data(data);
	struct pi_data *to = info;
	unsigned long flags;

	if (d->plain == PLAIN_SAYS)
		return -ENOSYS;
	raw_spin_lock_irqsave(&d->entry, flags);
	if (d->state.posted && !to && d->late) {
		d->late = false;
		post(d);
	}
	d->state.posted = !!to;
	d->state.descriptor = to ? to->pi_desc_addr : 0;
	d->state.vector = to ? to->vector : 0;
	if (to)
		d->state.to_posted++;
	else
		d->state.to_host++;
	raw_spin_unlock_irqrestore(&d->entry, flags);
	return 0;
}

static struct irq_chip chip = {
	.name = "producer",
	.irq_set_vcpu_affinity = set_vcpu_affinity,
};

/* ---------------------------------------------------------------- device */

static int add_to_bypass(struct device_irq *d)
{
#ifdef HAVE_IRQBYPASS_EVENTFD
	return irq_bypass_register_producer(&d->producer, d->eventfd, d->irq);
#else
	d->producer.token = d->eventfd;
	d->producer.irq = d->irq;
	return irq_bypass_register_producer(&d->producer);
#endif
}

/* lock held */
static long start(struct device_irq *d, int fd)
{
	int r;

	if (d->eventfd)
		return -EBUSY;
	d->eventfd = eventfd_ctx_fdget(fd);
	if (IS_ERR(d->eventfd)) {
		r = PTR_ERR(d->eventfd);
		goto none;
	}
	d->irq = irq_alloc_desc(NUMA_NO_NODE);
	if (d->irq < 0) {
		r = d->irq;
		goto put;
	}
	irq_set_chip_and_handler(d->irq, &chip, handle_simple_irq);
	irq_set_chip_data(d->irq, d);
	if (d->plain == PLAIN_REMAPS)
		irq_get_irq_data(d->irq)->parent_data = &d->parent;
	r = add_to_bypass(d);
	if (!r)
		return 0;
	irq_free_desc(d->irq);
put:
	eventfd_ctx_put(d->eventfd);
none:
	d->eventfd = NULL;
	return r;
}

static void stop(struct device_irq *d)
{
	if (!d->eventfd)
		return;
	irq_bypass_unregister_producer(&d->producer);
	WARN_ON(d->state.posted);
	irq_free_desc(d->irq);
	eventfd_ctx_put(d->eventfd);
}

/* lock held */
static long raise(struct device_irq *d)
{
	unsigned long flags;
	bool posted;

	if (!d->eventfd)
		return -EINVAL;
	raw_spin_lock_irqsave(&d->entry, flags);
	posted = d->state.posted;
	if (posted)
		post(d);
	else
		d->state.signals++;
	raw_spin_unlock_irqrestore(&d->entry, flags);
	if (!posted)
		compat_eventfd_signal(d->eventfd);
	return 0;
}

static long tell(struct device_irq *d, void __user *arg)
{
	struct producer_state state;
	unsigned long flags, control;

	raw_spin_lock_irqsave(&d->entry, flags);
	state = d->state;
	if (state.posted) {
		control = READ_ONCE(((struct descriptor *)phys_to_virt(state.descriptor))->control);
		state.nv = control >> 16 & 0xff;
		state.ndst = control >> 32;
	}
	raw_spin_unlock_irqrestore(&d->entry, flags);
	return copy_to_user(arg, &state, sizeof(state)) ? -EFAULT : 0;
}

static long locked_ioctl(struct device_irq *d, unsigned int cmd, unsigned long arg)
{
	unsigned long flags;
	int fd;

	switch (cmd) {
	case PRODUCER_START:
		if (get_user(fd, (int __user *)arg))
			return -EFAULT;
		return start(d, fd);
	case PRODUCER_RAISE:
		return raise(d);
	case PRODUCER_STATE:
		return tell(d, (void __user *)arg);
	case PRODUCER_LATE:
		raw_spin_lock_irqsave(&d->entry, flags);
		d->late = true;
		raw_spin_unlock_irqrestore(&d->entry, flags);
		return 0;
	case PRODUCER_PLAIN:
		d->plain = arg;
		return 0;
	default:
		return -ENOTTY;
	}
}

static long device_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct device_irq *d = file->private_data;
	long r;

	mutex_lock(&d->lock);
	r = locked_ioctl(d, cmd, arg);
	mutex_unlock(&d->lock);
	return r;
}

static int device_open(struct inode *inode, struct file *file)
{
	struct device_irq *d = kzalloc(sizeof(*d), GFP_KERNEL);

	if (!d)
		return -ENOMEM;
	mutex_init(&d->lock);
	raw_spin_lock_init(&d->entry);
	file->private_data = d;
	return 0;
}

static int device_release(struct inode *inode, struct file *file)
{
	stop(file->private_data);
	kfree(file->private_data);
	return 0;
}

static const struct file_operations fops = {
	.owner = THIS_MODULE,
	.open = device_open,
	.release = device_release,
	.unlocked_ioctl = device_ioctl,
};

static struct miscdevice device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "vintc-producer",
	.fops = &fops,
};

module_misc_device(device);
MODULE_DESCRIPTION("a device's interrupt, its driver and its IOMMU, for tests of irq bypass");
MODULE_LICENSE("GPL");
