/* SPDX-License-Identifier: GPL-2.0-only */
/* To be told when a thread loses its CPU. A kernel that KVM isn't built for may lack it. */
#ifndef VINTC_COMPAT_SCHED_H
#define VINTC_COMPAT_SCHED_H

#include <linux/kernel.h>
#include <linux/preempt.h>

/**
 * struct compat_sched_watch - one thread, watched
 * @out: it has lost its CPU; under the lock of its run queue
 */
struct compat_sched_watch {
#ifdef CONFIG_PREEMPT_NOTIFIERS
	struct preempt_notifier notifier;
#endif
	void (*out)(struct compat_sched_watch *w);
};

#ifdef CONFIG_PREEMPT_NOTIFIERS
#define COMPAT_SCHED_WATCH true

static inline void compat_sched_in(struct preempt_notifier *notifier, int cpu)
{
}

static inline void compat_sched_out(struct preempt_notifier *notifier,
				    struct task_struct *next)
{
	struct compat_sched_watch *w =
		container_of(notifier, struct compat_sched_watch, notifier);

	w->out(w);
}

/* The current thread, until it calls the second. */
static inline void compat_sched_watch(struct compat_sched_watch *w)
{
	static struct preempt_ops ops = {
		.sched_in = compat_sched_in,
		.sched_out = compat_sched_out,
	};

	preempt_notifier_init(&w->notifier, &ops);
	preempt_disable();
	preempt_notifier_register(&w->notifier);
	preempt_enable();
}

static inline void compat_sched_unwatch(struct compat_sched_watch *w)
{
	preempt_disable();
	preempt_notifier_unregister(&w->notifier);
	preempt_enable();
}

/* Somebody may be watched. May sleep. */
static inline void compat_sched_watch_enable(bool on)
{
	if (on)
		preempt_notifier_inc();
	else
		preempt_notifier_dec();
}
#else
#define COMPAT_SCHED_WATCH false

static inline void compat_sched_watch(struct compat_sched_watch *w)
{
}

static inline void compat_sched_unwatch(struct compat_sched_watch *w)
{
}

static inline void compat_sched_watch_enable(bool on)
{
}
#endif

#endif
