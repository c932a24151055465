/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VINTC_COMPAT_EVENTFD_H
#define VINTC_COMPAT_EVENTFD_H

#include "vintc_probes.h"

#include <linux/eventfd.h>

/* Adds one and wakes who waits. Any context, interrupts on or off. */
static inline void compat_eventfd_signal(struct eventfd_ctx *ctx)
{
#ifdef HAVE_EVENTFD_SIGNAL_ONE
	eventfd_signal(ctx);
#else
	eventfd_signal(ctx, 1);
#endif
}

#endif
