/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The one place that knows how kernels differ. Probes decide (probes/, made
 * into vintc_probes.h at build time), never a version.
 */
#ifndef VINTC_COMPAT_H
#define VINTC_COMPAT_H

#include "vintc_probes.h"

#include "cpu.h"
#include "sched.h"

#include <linux/hrtimer.h>
#include <linux/percpu.h>
#include <linux/sched.h>
#include <linux/syscore_ops.h>
#include <asm/cpufeature.h>
#include <asm/nospec-branch.h>
#include <asm/perf_event.h>
#include <asm/reboot.h>
#include <asm/tlbflush.h>

/* Where KVM's ABI has changed, VMMs expect that of the kernel they run on. */
#ifdef HAVE_KVM_CPUID_FIRST
#define COMPAT_KVM_CPUID_FIRST true
#else
#define COMPAT_KVM_CPUID_FIRST false
#endif

/* System suspend and resume, on the last CPU with interrupts off. */
#ifdef HAVE_SYM_register_syscore
#define COMPAT_SYSCORE(name, suspend_fn, resume_fn)                          \
	static int name##_suspend(void *data) { return suspend_fn(); }       \
	static void name##_resume(void *data) { resume_fn(); }               \
	static const struct syscore_ops name##_ops = {                       \
		.suspend = name##_suspend,                                   \
		.resume = name##_resume,                                     \
	};                                                                   \
	static struct syscore name = { .ops = &name##_ops }
#define compat_register_syscore(s) register_syscore(s)
#define compat_unregister_syscore(s) unregister_syscore(s)
#else
#define COMPAT_SYSCORE(name, suspend_fn, resume_fn)                          \
	static struct syscore_ops name = {                                   \
		.suspend = suspend_fn,                                       \
		.resume = resume_fn,                                         \
	}
#define compat_register_syscore(s) register_syscore_ops(s)
#define compat_unregister_syscore(s) unregister_syscore_ops(s)
#endif

/* Fires in hard interrupt context, with PREEMPT_RT, too: see vcpu_timer_arm(). */
static inline void compat_hrtimer_init(struct hrtimer *timer,
				       enum hrtimer_restart (*fn)(struct hrtimer *))
{
#ifdef HAVE_SYM_hrtimer_setup
	hrtimer_setup(timer, fn, CLOCK_MONOTONIC, HRTIMER_MODE_ABS_HARD);
#else
	hrtimer_init(timer, CLOCK_MONOTONIC, HRTIMER_MODE_ABS_HARD);
	timer->function = fn;
#endif
}

/*
 * VMSCAPE: what a guest has trained must not steer its VMM. The kernel itself
 * issues the barrier on the way to user space when told so.
 */
static inline void compat_ibpb_on_exit_to_user(void)
{
#if defined(HAVE_SYM_x86_ibpb_exit_to_user) && \
	defined(X86_FEATURE_IBPB_EXIT_TO_USER)
	if (cpu_feature_enabled(X86_FEATURE_IBPB_EXIT_TO_USER))
		this_cpu_write(x86_ibpb_exit_to_user, true);
#endif
}

/* Another thread that is ready to run and has no CPU, at this moment. */
static inline bool compat_task_ready(const struct task_struct *task)
{
#ifdef CONFIG_SMP
	if (READ_ONCE(task->on_cpu))
		return false;
#endif
	return task_is_running(task);
}


/* ns that this thread was runnable and another one ran. */
static inline bool compat_has_run_delay(void)
{
	return IS_ENABLED(CONFIG_SCHED_INFO);
}

static inline u64 compat_run_delay(void)
{
#ifdef CONFIG_SCHED_INFO
	return current->sched_info.run_delay;
#else
	return 0;
#endif
}

/*
 * CR4.VMXE, set so that the kernel knows of it. Without the helpers it can only be
 * set while nobody else writes CR4. Interrupts off.
 */
#if defined(HAVE_SYM_cr4_update_irqsoff) && defined(HAVE_SYM_intel_pt_handle_vmx)
#define COMPAT_HOLDS_VMX 1
static inline void compat_set_vmxe(bool on)
{
	/* Intel PT stops where it can't trace in VMX operation. */
	if (on)
		intel_pt_handle_vmx(1);
	cr4_update_irqsoff(on ? X86_CR4_VMXE : 0, on ? 0 : X86_CR4_VMXE);
	if (!on)
		intel_pt_handle_vmx(0);
}
#else
#define COMPAT_HOLDS_VMX 0
static inline void compat_set_vmxe(bool on)
{
}
#endif

/* Older kernels look at CR4.VMXE and leave VMX operation by themselves. */
#ifdef HAVE_SYM_cpu_emergency_register_virt_callback
#define compat_emergency_register(fn) cpu_emergency_register_virt_callback(fn)
#define compat_emergency_unregister(fn) cpu_emergency_unregister_virt_callback(fn)
#else
#define compat_emergency_register(fn) ((void)(fn))
#define compat_emergency_unregister(fn) ((void)(fn))
#endif

#endif
