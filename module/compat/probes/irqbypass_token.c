// SPDX-License-Identifier: GPL-2.0-only
/* Before, by a token, which is the eventfd. */
#include <linux/irqbypass.h>

int probe(struct irq_bypass_consumer *c, void *token);
int probe(struct irq_bypass_consumer *c, void *token)
{
	c->token = token;
	return irq_bypass_register_consumer(c);
}
