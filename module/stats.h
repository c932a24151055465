/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Counters, in KVM's binary format (KVM_GET_STATS_FD). A counter is one line
 * here and an increment where it happens; names that KVM has keep its meaning.
 */
#ifndef VINTC_STATS_H
#define VINTC_STATS_H

#include <linux/percpu.h>
#include <linux/types.h>

/* X(name, type, unit): KVM_STATS_TYPE_... and KVM_STATS_UNIT_... suffixes. */
#define VCPU_STATS(X)                                  \
	X(exits, CUMULATIVE, NONE)                     \
	X(irq_exits, CUMULATIVE, NONE)                 \
	X(nmi_exits, CUMULATIVE, NONE)                 \
	X(cpuid_exits, CUMULATIVE, NONE)               \
	X(msr_exits, CUMULATIVE, NONE)                 \
	X(io_exits, CUMULATIVE, NONE)                  \
	X(mmio_exits, CUMULATIVE, NONE)                \
	X(apic_exits, CUMULATIVE, NONE)                \
	X(halt_exits, CUMULATIVE, NONE)                \
	X(pause_exits, CUMULATIVE, NONE)               \
	X(pause_yields, CUMULATIVE, NONE)              \
	X(cr_exits, CUMULATIVE, NONE)                  \
	X(dr_exits, CUMULATIVE, NONE)                  \
	X(exception_exits, CUMULATIVE, NONE)           \
	X(pf_taken, CUMULATIVE, NONE)                  \
	X(pf_fixed, CUMULATIVE, NONE)                  \
	X(irq_window_exits, CUMULATIVE, NONE)          \
	X(nmi_window_exits, CUMULATIVE, NONE)          \
	X(request_irq_exits, CUMULATIVE, NONE)         \
	X(signal_exits, CUMULATIVE, NONE)              \
	X(irq_injections, CUMULATIVE, NONE)            \
	X(nmi_injections, CUMULATIVE, NONE)            \
	X(exception_injections, CUMULATIVE, NONE)      \
	X(reinjections, CUMULATIVE, NONE)              \
	X(eoi, CUMULATIVE, NONE)                       \
	X(ipi_sent, CUMULATIVE, NONE)                  \
	X(timer_fired, CUMULATIVE, NONE)               \
	X(deadline_exits, CUMULATIVE, NONE)            \
	X(halt_wakeup, CUMULATIVE, NONE)               \
	X(halt_attempted_poll, CUMULATIVE, NONE)       \
	X(halt_successful_poll, CUMULATIVE, NONE)      \
	X(halt_poll_success_ns, CUMULATIVE, SECONDS)   \
	X(halt_poll_fail_ns, CUMULATIVE, SECONDS)      \
	X(halt_wait_ns, CUMULATIVE, SECONDS)           \
	X(insn_emulation, CUMULATIVE, NONE)            \
	X(insn_emulation_fail, CUMULATIVE, NONE)       \
	X(hypercalls, CUMULATIVE, NONE)                \
	X(directed_yield_attempted, CUMULATIVE, NONE)  \
	X(directed_yield_successful, CUMULATIVE, NONE) \
	X(host_state_reload, CUMULATIVE, NONE)         \
	X(tlb_flush, CUMULATIVE, NONE)                 \
	X(req_event, CUMULATIVE, NONE)                 \
	X(blocking, INSTANT, BOOLEAN)

#define VM_STATS(X)                                    \
	X(remote_tlb_flush, CUMULATIVE, NONE)          \
	X(pages_4k, INSTANT, NONE)                     \
	X(pages_2m, INSTANT, NONE)                     \
	X(pages_1g, INSTANT, NONE)                     \
	X(line_changes, CUMULATIVE, NONE)              \
	X(msi_sent, CUMULATIVE, NONE)                  \
	X(ioapic_messages, CUMULATIVE, NONE)           \
	X(ioapic_eoi, CUMULATIVE, NONE)                \
	X(posts, CUMULATIVE, NONE)                     \
	X(coalesced, CUMULATIVE, NONE)                 \
	X(no_target, CUMULATIVE, NONE)                 \
	X(level_storms, CUMULATIVE, NONE)              \
	X(kicks, CUMULATIVE, NONE)                     \
	X(device_irqs_posted, INSTANT, NONE)

struct vcpu_stats {
#define X(name, type, unit) u64 name;
	VCPU_STATS(X)
#undef X
};

/* VM counters are touched by many CPUs: each has its own, and readers add them up. */
struct vm_stats {
#define X(name, type, unit) u64 name;
	VM_STATS(X)
#undef X
};

#define vm_count(vm, name, n) this_cpu_add((vm)->stats->name, n)

struct vm;
struct vcpu;

/* vm->stats. Return: 0 or -ENOMEM. */
int stats_vm_init(struct vm *vm);
void stats_vm_free(struct vm *vm);
/* What has been counted until now; pages are those there are now. */
void stats_vm_sum(const struct vm *vm, struct vm_stats *sum);

/* KVM_GET_STATS_FD: a new read-only fd, or a negative errno. */
int stats_vm_fd(struct vm *vm);
int stats_vcpu_fd(struct vcpu *vcpu);

#endif
