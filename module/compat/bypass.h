/* SPDX-License-Identifier: GPL-2.0-only */
/* irqbypass.ko, which vintc does without where it isn't loaded, and the IOMMU. */
#ifndef VINTC_COMPAT_BYPASS_H
#define VINTC_COMPAT_BYPASS_H

#include "vintc_probes.h"

#include <linux/types.h>

struct eventfd_ctx;

#if defined(HAVE_IRQBYPASS_EVENTFD) || defined(HAVE_IRQBYPASS_TOKEN)
#include <linux/irqbypass.h>
#else
struct irq_bypass_producer {
	int irq;
};

struct irq_bypass_consumer {
	int (*add_producer)(struct irq_bypass_consumer *c,
			    struct irq_bypass_producer *p);
	void (*del_producer)(struct irq_bypass_consumer *c,
			     struct irq_bypass_producer *p);
};
#endif

/* Return: false when irqbypass.ko isn't loaded, or won't have it. Sleeps. */
bool compat_bypass_register(struct irq_bypass_consumer *c, struct eventfd_ctx *ctx);
/* After that has returned true. Sleeps. */
void compat_bypass_unregister(struct irq_bypass_consumer *c);

/*
 * The interrupt @irq of a device is to be posted: @vector, into the descriptor at
 * the physical address @descriptor. Any context. Return: -ENOSYS: nothing posts it.
 */
int compat_irq_post(unsigned int irq, u64 descriptor, u8 vector);
/* It is the host's again. What was posted before is in the descriptor. */
int compat_irq_to_host(unsigned int irq);

#endif
