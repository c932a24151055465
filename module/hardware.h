/* SPDX-License-Identifier: GPL-2.0-only */
/* Taking the CPUs' virtualization for our guests, and giving it back. */
#ifndef VINTC_HARDWARE_H
#define VINTC_HARDWARE_H

#include <linux/percpu-defs.h>
#include <linux/types.h>

struct vintc_ops;

/*
 * This CPU is ours. Looked at with interrupts off before every entry: reboot,
 * suspend and hot-unplug clear it by an interrupt.
 */
DECLARE_PER_CPU(bool, vintc_cpu_ready);

/* Module init and exit; @ops may be NULL (no VMX, no SVM). */
int hardware_init(const struct vintc_ops *ops);
void hardware_exit(void);

/* NULL where no hardware backend was found. */
const struct vintc_ops *hardware_ops(void);

/**
 * hardware_get() - hold every CPU's virtualization, one count per VM
 *
 * Context: process.
 * Return: 0; -ENODEV without a backend, or when the machine goes down; -EBUSY
 * when another hypervisor holds a CPU, which the log names.
 */
int hardware_get(void);
void hardware_put(void);

#endif
