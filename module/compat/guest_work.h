/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VINTC_GUEST_WORK_H
#define VINTC_GUEST_WORK_H

/**
 * compat_guest_work() - do what is pending for this thread
 *
 * Context: process context, interrupts on, preemptible, no locks.
 * Return: 0, or -EINTR for a signal.
 */
int compat_guest_work(void);

#endif
