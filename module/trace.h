/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tracepoints, vintc:*. Arguments are plain values, so that user space can
 * filter on them and no header of the core is needed here. @vcpu and @target
 * are a vCPU's ID, as user space has given it.
 *
 * An interrupt's way is line -> route -> post -> accept -> inject -> eoi for
 * a pin; msi or ipi takes the place of the first two.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM vintc

#if !defined(VINTC_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define VINTC_TRACE_H

#include <linux/tracepoint.h>
#include <linux/types.h>

#ifndef VINTC_TRACE_NAMES
#define VINTC_TRACE_NAMES

/* What vintc_inject hands to the guest. */
enum trace_inject {
	TRACE_INJECT_IRQ,
	TRACE_INJECT_NMI,
	TRACE_INJECT_EXCEPTION,
	TRACE_INJECT_SOFT, /* INT n, INT3, INTO begun before an exit */
};

/* What has become of a timer. */
enum trace_timer {
	TRACE_TIMER_ARM, /* deadline in engine ns */
	TRACE_TIMER_ARM_TSC, /* deadline in guest TSC */
	TRACE_TIMER_DISARM,
	TRACE_TIMER_FIRE,
};

/*
 * Names of hardware's exit codes, by backend. A code that isn't here is shown
 * by number.
 */
#define TRACE_SVM_EXITS                                                       \
	{ 0x000, "cr0_read" }, { 0x003, "cr3_read" }, { 0x004, "cr4_read" },   \
	{ 0x008, "cr8_read" }, { 0x010, "cr0_write" },                         \
	{ 0x013, "cr3_write" }, { 0x014, "cr4_write" },                        \
	{ 0x018, "cr8_write" }, { 0x041, "excp_db" }, { 0x043, "excp_bp" },    \
	{ 0x046, "excp_ud" }, { 0x047, "excp_nm" }, { 0x04d, "excp_gp" },      \
	{ 0x04e, "excp_pf" }, { 0x051, "excp_ac" }, { 0x052, "excp_mc" },      \
	{ 0x060, "intr" }, { 0x061, "nmi" }, { 0x062, "smi" },                 \
	{ 0x063, "init" }, { 0x064, "vintr" }, { 0x065, "cr0_sel_write" },     \
	{ 0x06e, "rdtsc" }, { 0x06f, "rdpmc" }, { 0x072, "cpuid" },            \
	{ 0x073, "rsm" }, { 0x074, "iret" }, { 0x076, "invd" },                \
	{ 0x077, "pause" }, { 0x078, "hlt" }, { 0x079, "invlpg" },             \
	{ 0x07a, "invlpga" }, { 0x07b, "io" }, { 0x07c, "msr" },               \
	{ 0x07d, "task_switch" }, { 0x07e, "ferr_freeze" },                    \
	{ 0x07f, "shutdown" }, { 0x080, "vmrun" }, { 0x081, "vmmcall" },       \
	{ 0x082, "vmload" }, { 0x083, "vmsave" }, { 0x084, "stgi" },           \
	{ 0x085, "clgi" }, { 0x086, "skinit" }, { 0x087, "rdtscp" },           \
	{ 0x089, "wbinvd" }, { 0x08a, "monitor" }, { 0x08b, "mwait" },         \
	{ 0x08d, "xsetbv" }, { 0x08e, "rdpru" }, { 0x400, "npf" },             \
	{ 0x401, "avic_ipi" }, { 0x402, "avic_unaccelerated" }

#define TRACE_VMX 0x10000 /* or'ed to an exit reason of VMX */
#define TRACE_VMX_EXITS                                                       \
	{ 0x10000, "exception_nmi" }, { 0x10001, "external_interrupt" },       \
	{ 0x10002, "triple_fault" }, { 0x10003, "init" },                      \
	{ 0x10007, "interrupt_window" }, { 0x10008, "nmi_window" },            \
	{ 0x10009, "task_switch" }, { 0x1000a, "cpuid" },                      \
	{ 0x1000c, "hlt" }, { 0x1000d, "invd" }, { 0x1000f, "rdpmc" },         \
	{ 0x10012, "vmcall" }, { 0x10013, "vmclear" },                         \
	{ 0x10014, "vmlaunch" }, { 0x10015, "vmptrld" },                       \
	{ 0x10016, "vmptrst" }, { 0x10017, "vmread" },                         \
	{ 0x10018, "vmresume" }, { 0x10019, "vmwrite" },                       \
	{ 0x1001a, "vmxoff" }, { 0x1001b, "vmxon" }, { 0x1001c, "cr_access" }, \
	{ 0x1001d, "mov_dr" }, { 0x1001e, "io" }, { 0x1001f, "rdmsr" },        \
	{ 0x10020, "wrmsr" }, { 0x10024, "mwait" }, { 0x10027, "monitor" },    \
	{ 0x10028, "pause" }, { 0x1002b, "tpr_below_threshold" },              \
	{ 0x1002c, "apic_access" }, { 0x1002d, "virtualized_eoi" },            \
	{ 0x10030, "ept_violation" }, { 0x10031, "ept_misconfiguration" },     \
	{ 0x10032, "invept" }, { 0x10034, "preemption_timer" },                \
	{ 0x10035, "invvpid" }, { 0x10036, "wbinvd" }, { 0x10037, "xsetbv" },  \
	{ 0x10038, "apic_write" }, { 0x1003a, "invpcid" },                     \
	{ 0x1003b, "vmfunc" }, { 0x1003c, "encls" }

#define TRACE_DELIVERY_MODES                                                  \
	{ 0, "fixed" }, { 1, "lowest" }, { 2, "smi" }, { 3, "reserved" },      \
	{ 4, "nmi" }, { 5, "init" }, { 6, "startup" }, { 7, "extint" }

#define TRACE_SHORTHANDS                                                      \
	{ 0, "dest" }, { 1, "self" }, { 2, "all" }, { 3, "others" }

#define TRACE_INJECT_KINDS                                                    \
	{ TRACE_INJECT_IRQ, "irq" }, { TRACE_INJECT_NMI, "nmi" },              \
	{ TRACE_INJECT_EXCEPTION, "exception" }, { TRACE_INJECT_SOFT, "soft" }

#define TRACE_TIMER_ACTIONS                                                   \
	{ TRACE_TIMER_ARM, "arm" }, { TRACE_TIMER_ARM_TSC, "arm_tsc" },        \
	{ TRACE_TIMER_DISARM, "disarm" }, { TRACE_TIMER_FIRE, "fire" }


#endif /* VINTC_TRACE_NAMES */

/* Before each VM entry, interrupts off. */
TRACE_EVENT(vintc_entry,
	TP_PROTO(u32 vcpu, u64 rip),
	TP_ARGS(vcpu, rip),
	TP_STRUCT__entry(
		__field(u32, vcpu)
		__field(u64, rip)
	),
	TP_fast_assign(
		__entry->vcpu = vcpu;
		__entry->rip = rip;
	),
	TP_printk("vcpu %u rip 0x%llx", __entry->vcpu, __entry->rip)
);

/* After each VM exit; reason and infos as hardware has left them. */
TRACE_EVENT(vintc_exit,
	TP_PROTO(u32 vcpu, u32 reason, u64 info1, u64 info2, u64 rip),
	TP_ARGS(vcpu, reason, info1, info2, rip),
	TP_STRUCT__entry(
		__field(u32, vcpu)
		__field(u32, reason)
		__field(u64, info1)
		__field(u64, info2)
		__field(u64, rip)
	),
	TP_fast_assign(
		__entry->vcpu = vcpu;
		__entry->reason = reason;
		__entry->info1 = info1;
		__entry->info2 = info2;
		__entry->rip = rip;
	),
	TP_printk("vcpu %u reason %s (0x%x) rip 0x%llx info1 0x%llx info2 0x%llx",
		  __entry->vcpu,
		  __print_symbolic(__entry->reason, TRACE_SVM_EXITS,
				    TRACE_VMX_EXITS),
		  __entry->reason, __entry->rip, __entry->info1,
		  __entry->info2)
);

/* A vector or another event has been put in @target's mailbox. */
TRACE_EVENT(vintc_post,
	TP_PROTO(u32 target, u8 vector, u8 delivery, bool level, bool coalesced),
	TP_ARGS(target, vector, delivery, level, coalesced),
	TP_STRUCT__entry(
		__field(u32, target)
		__field(u8, vector)
		__field(u8, delivery)
		__field(bool, level)
		__field(bool, coalesced)
	),
	TP_fast_assign(
		__entry->target = target;
		__entry->vector = vector;
		__entry->delivery = delivery;
		__entry->level = level;
		__entry->coalesced = coalesced;
	),
	TP_printk("vcpu %u vector 0x%02x %s %s%s", __entry->target,
		  __entry->vector,
		  __print_symbolic(__entry->delivery, TRACE_DELIVERY_MODES),
		  __entry->level ? "level" : "edge",
		  __entry->coalesced ? " coalesced" : "")
);

/* An event goes into the control block for the next entry. */
TRACE_EVENT(vintc_inject,
	TP_PROTO(u32 vcpu, u8 vector, u8 kind),
	TP_ARGS(vcpu, vector, kind),
	TP_STRUCT__entry(
		__field(u32, vcpu)
		__field(u8, vector)
		__field(u8, kind)
	),
	TP_fast_assign(
		__entry->vcpu = vcpu;
		__entry->vector = vector;
		__entry->kind = kind;
	),
	TP_printk("vcpu %u vector 0x%02x %s", __entry->vcpu, __entry->vector,
		  __print_symbolic(__entry->kind, TRACE_INJECT_KINDS))
);

DECLARE_EVENT_CLASS(vintc_vector,
	TP_PROTO(u32 vcpu, u8 vector),
	TP_ARGS(vcpu, vector),
	TP_STRUCT__entry(
		__field(u32, vcpu)
		__field(u8, vector)
	),
	TP_fast_assign(
		__entry->vcpu = vcpu;
		__entry->vector = vector;
	),
	TP_printk("vcpu %u vector 0x%02x", __entry->vcpu, __entry->vector)
);

/* The local APIC has moved a vector from IRR to ISR. */
DEFINE_EVENT(vintc_vector, vintc_accept,
	TP_PROTO(u32 vcpu, u8 vector),
	TP_ARGS(vcpu, vector)
);

/* The PIC, or user space in its place, has given a vector by LINT0. */
DEFINE_EVENT(vintc_vector, vintc_extint,
	TP_PROTO(u32 vcpu, u8 vector),
	TP_ARGS(vcpu, vector)
);

/* The reasons against acceleration have changed: VINTC_INHIBIT_... */
TRACE_EVENT(vintc_inhibit,
	TP_PROTO(u64 reasons, bool accelerated),
	TP_ARGS(reasons, accelerated),
	TP_STRUCT__entry(
		__field(u64, reasons)
		__field(bool, accelerated)
	),
	TP_fast_assign(
		__entry->reasons = reasons;
		__entry->accelerated = accelerated;
	),
	TP_printk("reasons %#llx: %s", __entry->reasons,
		  __entry->accelerated ? "accelerated" : "not accelerated")
);

/* The guest has ended its highest vector in service. */
DEFINE_EVENT(vintc_vector, vintc_eoi,
	TP_PROTO(u32 vcpu, u8 vector),
	TP_ARGS(vcpu, vector)
);

/* Someone has driven a GSI; @status as KVM_IRQ_LINE_STATUS gives it. */
TRACE_EVENT(vintc_line,
	TP_PROTO(u32 gsi, bool level, int status),
	TP_ARGS(gsi, level, status),
	TP_STRUCT__entry(
		__field(u32, gsi)
		__field(bool, level)
		__field(int, status)
	),
	TP_fast_assign(
		__entry->gsi = gsi;
		__entry->level = level;
		__entry->status = status;
	),
	TP_printk("gsi %u level %u status %d", __entry->gsi, __entry->level,
		  __entry->status)
);

DECLARE_EVENT_CLASS(vintc_message,
	TP_PROTO(u32 from, u32 dest, u8 vector, u8 delivery, bool logical,
		 bool level),
	TP_ARGS(from, dest, vector, delivery, logical, level),
	TP_STRUCT__entry(
		__field(u32, from)
		__field(u32, dest)
		__field(u8, vector)
		__field(u8, delivery)
		__field(bool, logical)
		__field(bool, level)
	),
	TP_fast_assign(
		__entry->from = from;
		__entry->dest = dest;
		__entry->vector = vector;
		__entry->delivery = delivery;
		__entry->logical = logical;
		__entry->level = level;
	),
	TP_printk("%u -> %s 0x%x vector 0x%02x %s %s", __entry->from,
		  __entry->logical ? "logical" : "physical", __entry->dest,
		  __entry->vector,
		  __print_symbolic(__entry->delivery, TRACE_DELIVERY_MODES),
		  __entry->level ? "level" : "edge")
);

/* What the MSI route of a GSI has turned into. */
DEFINE_EVENT(vintc_message, vintc_route,
	TP_PROTO(u32 gsi, u32 dest, u8 vector, u8 delivery, bool logical,
		 bool level),
	TP_ARGS(gsi, dest, vector, delivery, logical, level)
);

/* What the IOAPIC sends for a pin: a line was raised, unmasked, or is high still at its EOI. */
DEFINE_EVENT(vintc_message, vintc_ioapic,
	TP_PROTO(u32 pin, u32 dest, u8 vector, u8 delivery, bool logical,
		 bool level),
	TP_ARGS(pin, dest, vector, delivery, logical, level)
);

/* KVM_SIGNAL_MSI, an irqfd's or a routed MSI; @result as deliver() gives it. */
TRACE_EVENT(vintc_msi,
	TP_PROTO(u64 address, u32 data, int result),
	TP_ARGS(address, data, result),
	TP_STRUCT__entry(
		__field(u64, address)
		__field(u32, data)
		__field(int, result)
	),
	TP_fast_assign(
		__entry->address = address;
		__entry->data = data;
		__entry->result = result;
	),
	TP_printk("address 0x%llx data 0x%x result %d", __entry->address,
		  __entry->data, __entry->result)
);

/* A write of ICR or SELF_IPI. */
TRACE_EVENT(vintc_ipi,
	TP_PROTO(u32 vcpu, u32 dest, u8 vector, u8 delivery, u8 shorthand,
		 bool logical),
	TP_ARGS(vcpu, dest, vector, delivery, shorthand, logical),
	TP_STRUCT__entry(
		__field(u32, vcpu)
		__field(u32, dest)
		__field(u8, vector)
		__field(u8, delivery)
		__field(u8, shorthand)
		__field(bool, logical)
	),
	TP_fast_assign(
		__entry->vcpu = vcpu;
		__entry->dest = dest;
		__entry->vector = vector;
		__entry->delivery = delivery;
		__entry->shorthand = shorthand;
		__entry->logical = logical;
	),
	TP_printk("vcpu %u -> %s %s 0x%x vector 0x%02x %s", __entry->vcpu,
		  __print_symbolic(__entry->shorthand, TRACE_SHORTHANDS),
		  __entry->logical ? "logical" : "physical", __entry->dest,
		  __entry->vector,
		  __print_symbolic(__entry->delivery, TRACE_DELIVERY_MODES))
);

/* The local APIC's timer. */
TRACE_EVENT(vintc_timer,
	TP_PROTO(u32 vcpu, u8 action, u64 deadline),
	TP_ARGS(vcpu, action, deadline),
	TP_STRUCT__entry(
		__field(u32, vcpu)
		__field(u8, action)
		__field(u64, deadline)
	),
	TP_fast_assign(
		__entry->vcpu = vcpu;
		__entry->action = action;
		__entry->deadline = deadline;
	),
	TP_printk("vcpu %u %s %llu", __entry->vcpu,
		  __print_symbolic(__entry->action, TRACE_TIMER_ACTIONS),
		  __entry->deadline)
);

/* An access to no memory, whoever serves it. */
TRACE_EVENT(vintc_mmio,
	TP_PROTO(u32 vcpu, bool write, u64 gpa, u32 len, u64 val),
	TP_ARGS(vcpu, write, gpa, len, val),
	TP_STRUCT__entry(
		__field(u32, vcpu)
		__field(bool, write)
		__field(u64, gpa)
		__field(u32, len)
		__field(u64, val)
	),
	TP_fast_assign(
		__entry->vcpu = vcpu;
		__entry->write = write;
		__entry->gpa = gpa;
		__entry->len = len;
		__entry->val = val;
	),
	TP_printk("vcpu %u %s 0x%llx len %u val 0x%llx", __entry->vcpu,
		  __entry->write ? "write" : "read", __entry->gpa,
		  __entry->len, __entry->val)
);

TRACE_EVENT(vintc_pio,
	TP_PROTO(u32 vcpu, bool write, u16 port, u32 size, u32 count, u32 val),
	TP_ARGS(vcpu, write, port, size, count, val),
	TP_STRUCT__entry(
		__field(u32, vcpu)
		__field(bool, write)
		__field(u16, port)
		__field(u32, size)
		__field(u32, count)
		__field(u32, val)
	),
	TP_fast_assign(
		__entry->vcpu = vcpu;
		__entry->write = write;
		__entry->port = port;
		__entry->size = size;
		__entry->count = count;
		__entry->val = val;
	),
	TP_printk("vcpu %u %s 0x%x size %u count %u val 0x%x", __entry->vcpu,
		  __entry->write ? "out" : "in", __entry->port, __entry->size,
		  __entry->count, __entry->val)
);

/* A device's interrupt is posted from now on, or the host's again. */
TRACE_EVENT(vintc_bypass,
	TP_PROTO(u32 gsi, u32 irq, u32 vcpu, u32 vector, bool posted, int error),
	TP_ARGS(gsi, irq, vcpu, vector, posted, error),
	TP_STRUCT__entry(
		__field(u32, gsi)
		__field(u32, irq)
		__field(u32, vcpu)
		__field(u32, vector)
		__field(bool, posted)
		__field(int, error)
	),
	TP_fast_assign(
		__entry->gsi = gsi;
		__entry->irq = irq;
		__entry->vcpu = vcpu;
		__entry->vector = vector;
		__entry->posted = posted;
		__entry->error = error;
	),
	TP_printk("gsi %u irq %u vcpu %u vector 0x%x %s error %d", __entry->gsi,
		  __entry->irq, __entry->vcpu, __entry->vector,
		  __entry->posted ? "posted" : "host", __entry->error)
);

TRACE_EVENT(vintc_cpuid,
	TP_PROTO(u32 vcpu, u32 leaf, u32 index, u32 eax, u32 ebx, u32 ecx,
		 u32 edx),
	TP_ARGS(vcpu, leaf, index, eax, ebx, ecx, edx),
	TP_STRUCT__entry(
		__field(u32, vcpu)
		__field(u32, leaf)
		__field(u32, index)
		__field(u32, eax)
		__field(u32, ebx)
		__field(u32, ecx)
		__field(u32, edx)
	),
	TP_fast_assign(
		__entry->vcpu = vcpu;
		__entry->leaf = leaf;
		__entry->index = index;
		__entry->eax = eax;
		__entry->ebx = ebx;
		__entry->ecx = ecx;
		__entry->edx = edx;
	),
	TP_printk("vcpu %u leaf 0x%x.%x: %08x %08x %08x %08x", __entry->vcpu,
		  __entry->leaf, __entry->index, __entry->eax, __entry->ebx,
		  __entry->ecx, __entry->edx)
);

/* A RDMSR or WRMSR of the guest that was intercepted. */
TRACE_EVENT(vintc_msr,
	TP_PROTO(u32 vcpu, bool write, u32 msr, u64 val, bool fault),
	TP_ARGS(vcpu, write, msr, val, fault),
	TP_STRUCT__entry(
		__field(u32, vcpu)
		__field(bool, write)
		__field(u32, msr)
		__field(u64, val)
		__field(bool, fault)
	),
	TP_fast_assign(
		__entry->vcpu = vcpu;
		__entry->write = write;
		__entry->msr = msr;
		__entry->val = val;
		__entry->fault = fault;
	),
	TP_printk("vcpu %u %s 0x%x 0x%llx%s", __entry->vcpu,
		  __entry->write ? "write" : "read", __entry->msr,
		  __entry->val, __entry->fault ? " #GP" : "")
);

#endif /* VINTC_TRACE_H */

/* Found by -I$(src)/module in Kbuild: this file is no part of the kernel's. */
#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
