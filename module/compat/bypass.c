// SPDX-License-Identifier: GPL-2.0-only
#include "bypass.h"

#include <linux/eventfd.h>
#include <linux/interrupt.h>
#include <linux/irq.h>
#include <linux/module.h>
#include <asm/irq_remapping.h>

#if defined(HAVE_IRQBYPASS_EVENTFD) || defined(HAVE_IRQBYPASS_TOKEN)
bool compat_bypass_register(struct irq_bypass_consumer *c, struct eventfd_ctx *ctx)
{
	typeof(&irq_bypass_register_consumer) add =
		symbol_get(irq_bypass_register_consumer);
	int r;

	if (!add)
		return false;
#ifdef HAVE_IRQBYPASS_EVENTFD
	r = add(c, ctx);
#else
	c->token = ctx;
	r = add(c);
#endif
	if (r)
		symbol_put(irq_bypass_register_consumer);
	return !r;
}

/* Registering has left a reference to irqbypass.ko, so that it is still there. */
void compat_bypass_unregister(struct irq_bypass_consumer *c)
{
	typeof(&irq_bypass_unregister_consumer) del =
		symbol_get(irq_bypass_unregister_consumer);

	del(c);
	symbol_put(irq_bypass_unregister_consumer);
	symbol_put(irq_bypass_register_consumer);
}
#else
bool compat_bypass_register(struct irq_bypass_consumer *c, struct eventfd_ctx *ctx)
{
	return false;
}

void compat_bypass_unregister(struct irq_bypass_consumer *c)
{
}
#endif

/*
 * The driver of remapping hardware doesn't ask whether that can post. Its chip is
 * one of a hierarchy; a chip that stands alone answers for itself.
 */
static bool can_post(unsigned int irq)
{
	struct irq_data *data = irq_get_irq_data(irq);

	return data && (irq_remapping_cap(IRQ_POSTING_CAP) || !data->parent_data);
}

int compat_irq_post(unsigned int irq, u64 descriptor, u8 vector)
{
#if defined(HAVE_INTEL_IOMMU_PI_DATA)
	struct intel_iommu_pi_data to = { .pi_desc_addr = descriptor, .vector = vector };

	return can_post(irq) ? irq_set_vcpu_affinity(irq, &to) : -ENOSYS;
#elif defined(HAVE_VCPU_DATA)
	struct vcpu_data to = { .pi_desc_addr = descriptor, .vector = vector };

	return can_post(irq) ? irq_set_vcpu_affinity(irq, &to) : -ENOSYS;
#else
	return -ENOSYS;
#endif
}

int compat_irq_to_host(unsigned int irq)
{
	return irq_set_vcpu_affinity(irq, NULL);
}
