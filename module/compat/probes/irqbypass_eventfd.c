// SPDX-License-Identifier: GPL-2.0-only
/* Since 6.17 producers and consumers of irq bypass are found by eventfd. */
#include <linux/eventfd.h>
#include <linux/irqbypass.h>

int probe(struct irq_bypass_consumer *c, struct eventfd_ctx *ctx);
int probe(struct irq_bypass_consumer *c, struct eventfd_ctx *ctx)
{
	return irq_bypass_register_consumer(c, ctx);
}
