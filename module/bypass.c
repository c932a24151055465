// SPDX-License-Identifier: GPL-2.0-only
/* Interrupts of devices, posted to vCPUs: see the head of bypass.h. */
#define pr_fmt(fmt) "vintc: " fmt

#include <linux/io.h>

#include "bypass.h"
#include "trace.h"
#include "vm.h"

/* ----------------------------------------------------------------- mode */

/* Both with the vCPU's lock held. */
static void post(struct bypass *b)
{
	struct mailbox *mb = &b->vcpu->mailbox;
	int r;

	if (b->posted || b->refused)
		return;
	/* The device writes PIR alone. */
	mailbox_set_edge(mb, b->vector);
	r = compat_irq_post(b->irq, virt_to_phys(mb), b->vector);
	b->posted = !r;
	b->refused = r;
	if (!r)
		vm_count(b->vm, device_irqs_posted, 1);
	trace_vintc_bypass(b->gsi, b->irq, b->vcpu->id, b->vector, true, r);
}

static void to_host(struct bypass *b)
{
	int r;

	if (!b->posted)
		return;
	r = compat_irq_to_host(b->irq);
	if (r)
		pr_err_ratelimited("irq %d stays posted: %d\n", b->irq, r);
	b->posted = false;
	vm_count(b->vm, device_irqs_posted, -1);
	trace_vintc_bypass(b->gsi, b->irq, b->vcpu->id, b->vector, false, r);
}

/* ---------------------------------------------------------------- target */

/* vm_bypass.lock held, as for the rest of this part. */
static struct vcpu *target(const struct bypass *b, u8 *vector)
{
	struct vm *vm = b->vm;
	struct irq_message msg;
	struct vcpu *vcpu;

	if (!vm->ops->posts_for_devices || !route_to_msi(vm, b->gsi, &msg))
		return NULL;
	if (msg.delivery > IRQ_LOWEST || msg.level || msg.vector < 16)
		return NULL;
	*vector = msg.vector;
	vcpu = deliver_only_target(vm, &msg);
	return vcpu && READ_ONCE(vcpu->accelerated) ? vcpu : NULL;
}

static void detach(struct bypass *b)
{
	struct vcpu *vcpu = b->vcpu;

	if (!vcpu)
		return;
	mutex_lock(&vcpu->bypass.lock);
	to_host(b);
	list_del(&b->in_vcpu);
	mutex_unlock(&vcpu->bypass.lock);
	b->vcpu = NULL;
}

static void attach(struct bypass *b, struct vcpu *vcpu, u8 vector)
{
	b->vcpu = vcpu;
	b->vector = vector;
	b->refused = false;
	mutex_lock(&vcpu->bypass.lock);
	list_add_tail(&b->in_vcpu, &vcpu->bypass.list);
	smp_mb(); /* pairs with those of bypass_sleep() and bypass_woken() */
	if (!READ_ONCE(vcpu->bypass.asleep))
		post(b);
	mutex_unlock(&vcpu->bypass.lock);
}

static void follow(struct bypass *b)
{
	u8 vector = 0;
	struct vcpu *to = target(b, &vector);

	if (to == b->vcpu && (!to || vector == b->vector))
		return;
	detach(b);
	if (to)
		attach(b, to, vector);
}

void bypass_update(struct vm *vm)
{
	struct bypass *b;

	mutex_lock(&vm->bypass.lock);
	list_for_each_entry(b, &vm->bypass.list, in_vm)
		follow(b);
	mutex_unlock(&vm->bypass.lock);
}

/* ----------------------------------------------------------------- sleep */

void bypass_sleep(struct vcpu *vcpu)
{
	struct vcpu_bypass *vb = &vcpu->bypass;
	struct bypass *b;

	if (vb->asleep || !vcpu->vm->ops->posts_for_devices)
		return;
	smp_store_mb(vb->asleep, true);
	if (likely(list_empty(&vb->list)))
		return;
	mutex_lock(&vb->lock);
	list_for_each_entry(b, &vb->list, in_vcpu)
		to_host(b);
	mutex_unlock(&vb->lock);
}

void bypass_woken(struct vcpu *vcpu)
{
	struct vcpu_bypass *vb = &vcpu->bypass;
	struct bypass *b;

	smp_store_mb(vb->asleep, false);
	if (likely(list_empty(&vb->list)))
		return;
	mutex_lock(&vb->lock);
	list_for_each_entry(b, &vb->list, in_vcpu)
		post(b);
	mutex_unlock(&vb->lock);
}

/* -------------------------------------------------------------- producers */

/* Called with irqbypass.ko's lock held. */
static int add_producer(struct irq_bypass_consumer *c, struct irq_bypass_producer *p)
{
	struct bypass *b = container_of(c, struct bypass, consumer);
	struct vm_bypass *vb = &b->vm->bypass;

	mutex_lock(&vb->lock);
	b->irq = p->irq;
	list_add_tail(&b->in_vm, &vb->list);
	follow(b);
	mutex_unlock(&vb->lock);
	return 0;
}

static void del_producer(struct irq_bypass_consumer *c, struct irq_bypass_producer *p)
{
	struct bypass *b = container_of(c, struct bypass, consumer);
	struct vm_bypass *vb = &b->vm->bypass;

	mutex_lock(&vb->lock);
	list_del(&b->in_vm);
	detach(b);
	mutex_unlock(&vb->lock);
}

/* Without irqbypass.ko, or when a VM of KVM's has the eventfd: no bypass. */
void bypass_begin(struct bypass *b, struct vm *vm, u32 gsi, struct eventfd_ctx *ctx)
{
	b->vm = vm;
	b->gsi = gsi;
	b->consumer.add_producer = add_producer;
	b->consumer.del_producer = del_producer;
	b->registered = compat_bypass_register(&b->consumer, ctx);
}

void bypass_end(struct bypass *b)
{
	if (b->registered)
		compat_bypass_unregister(&b->consumer);
}

void bypass_vm_init(struct vm *vm)
{
	mutex_init(&vm->bypass.lock);
	INIT_LIST_HEAD(&vm->bypass.list);
}

void bypass_vcpu_init(struct vcpu *vcpu)
{
	mutex_init(&vcpu->bypass.lock);
	INIT_LIST_HEAD(&vcpu->bypass.list);
	vcpu->bypass.asleep = true;
}
