/* SPDX-License-Identifier: GPL-2.0-only */
/* The tests of apitest, in the order they run, and what several files of them use. */
#ifndef API_H
#define API_H

#include "../vm.h"

/* name, limit in seconds (0: the usual) */
#define API_TESTS(T) \
	T(version, 0) \
	T(lists, 0) \
	T(reset_state, 0) \
	T(hlt_exit, 0) \
	T(io, 0) \
	T(memory, 0) \
	T(io_string, 0) \
	T(io_blocks, 0) \
	T(io_fault, 0) \
	T(io_watched, 0) \
	T(mmio, 200) \
	T(legacy_l_bit, 0) \
	T(pdptes, 0) \
	T(shutdown, 0) \
	T(no_table, 0) \
	T(delivery_event, 0) \
	T(fail_entry, 0) \
	T(internal_error, 0) \
	T(immediate_exit, 0) \
	T(signal, 0) \
	T(signal_mask, 0) \
	T(halt_signal, 0) \
	T(regs, 0) \
	T(sregs, 0) \
	T(cr8, 0) \
	T(control_registers, 0) \
	T(fpu, 0) \
	T(msrs, 0) \
	T(msr_values, 0) \
	T(msr_filter, 0) \
	T(msr_filter_input, 0) \
	T(msr_filter_switch, 0) \
	T(cpuid, 0) \
	T(exceptions, 0) \
	T(single_step, 0) \
	T(single_step_x2apic, 0) \
	T(events_exception, 0) \
	T(events_interrupt, 0) \
	T(events_nmi_masked, 0) \
	T(events_shadow, 0) \
	T(nmi, 0) \
	T(nmi_when, 0) \
	T(nmi_two, 0) \
	T(nmi_moved, 0) \
	T(nmi_init, 0) \
	T(nmi_interrupted, 0) \
	T(nmi_stopped, 0) \
	T(nmi_halted, 0) \
	T(nmi_halted_in_guest, 0) \
	T(nmi_exits, 0) \
	T(nmi_exits_behind, 0) \
	T(nmi_ipi, 0) \
	T(sipi, 0) \
	T(sipi_x2apic, 0) \
	T(lapic_reset, 0) \
	T(lapic_set, 0) \
	T(apic_rules, 0) \
	T(apic_rules_x2apic, 0) \
	T(x2apic_rules, 0) \
	T(cr8_window, 0) \
	T(ipi, 0) \
	T(ipi_x2apic, 0) \
	T(ipi_halted, 0) \
	T(ipi_x2apic_halted, 0) \
	T(timer, 0) \
	T(timer_x2apic, 0) \
	T(no_deadline, 0) \
	T(ioapic_reset, 0) \
	T(ioapic_mmio, 0) \
	T(line_edge, 0) \
	T(line_level, 0) \
	T(level_eoi, 0) \
	T(level_eoi_x2apic, 0) \
	T(level_disabled, 0) \
	T(init_cr0, 0) \
	T(msi, 0) \
	T(route_swap, 0) \
	T(irqfd, 0) \
	T(irqfd_input, 0) \
	T(irqfd_pin, 0) \
	T(irqfd_resample, 0) \
	T(irqfd_race, 120) \
	T(ioeventfd, 0) \
	T(ioeventfd_input, 0) \
	T(coalesced, 0) \
	T(coalesced_input, 0) \
	T(split, 0) \
	T(split_input, 0) \
	T(split_extint, 0) \
	T(debug_step, 0) \
	T(debug_hardware, 0) \
	T(debug_detect, 0) \
	T(debug_software, 0) \
	T(debug_block_irq, 0) \
	T(debug_input, 0) \
	T(pvclock, 0) \
	T(apic_bus, 0) \
	T(pv_enforce, 0) \
	T(foreign_hypercall, 0) \
	T(tsc_offset, 0) \
	T(pv_ipi, 0) \
	T(pv_ipi_x2apic, 0) \
	T(pv_kick, 0) \
	T(pv_eoi, 0) \
	T(pv_eoi_x2apic, 0) \
	T(steal_time, 0) \
	T(payload, 0) \
	T(triple_fault, 0) \
	T(platform_info, 0) \
	T(emulation_exit, 0) \
	T(quirks, 0) \
	T(disable_exits, 0) \
	T(pause_alone, 0) \
	T(pause_turns, 0) \
	T(pv_yield, 0) \
	T(preempted, 0) \
	T(pv_flush, 0) \
	T(pv_poll, 0) \
	T(policy_input, 0) \
	T(policy_deadline, 0) \
	T(inhibits, 0) \
	T(policy_lowest, 0) \
	T(policy_ioapic, 0) \
	T(policy_notify, 0) \
	T(ioapics_input, 0) \
	T(ioapics, 0) \
	T(level_storm, 0) \
	T(pic, 0) \
	T(pic_lint0, 0) \
	T(pic_halted, 0) \
	T(pit_pic, 0) \
	T(pit_ioapic, 0) \
	T(pit_nmi, 0) \
	T(pit_speaker, 0) \
	T(pit_catch_up, 0) \
	T(pit_drop, 0) \
	T(pit_input, 0) \
	T(pit_end, 0) \
	T(dirty_log, 0) \
	T(dirty_new_slot, 0) \
	T(dirty_manual, 0) \
	T(dirty_pieces, 0) \
	T(dirty_emulated, 0) \
	T(dirty_readonly, 0) \
	T(dirty_input, 0) \
	T(dirty_thp, 0) \
	T(dirty_hugetlb, 0) \
	T(dirty_migrate, 200) \
	T(dirty_migrate_manual, 200) \
	T(mce, 0) \
	T(mce_shutdown, 0) \
	T(cmci, 0) \
	T(nested_state, 0) \
	T(cpuid_old, 0) \
	T(misc_enable, 0) \
	T(dirty_read, 0) \
	T(prefault, 0) \
	T(run_fields, 0) \
	T(stats, 0) \
	T(vector_stats, 0) \
	T(tsc, 0) \
	T(threads, 0)

#define T(name, seconds) void t_##name(void);
API_TESTS(T)
#undef T

/* common.c */
void g_spin(u64 arg);
extern volatile int signals; /* counted by count_signal() */
void count_signal(int s);
void *kicker(void *target);
void kicker_stop(pthread_t kicker);
void *run_thread(void *cpu); /* to an exit of kind IO */
void events_get(struct vm *vm, struct kvm_vcpu_events *e);

void g_io(u64 arg); /* io.c */
void g_msrs(u64 n); /* state.c */
void g_ipi_target(u64 x2); /* apic.c */

/* lines.c */
union rte {
	u64 bits;
	struct {
		u8 vector;
		u8 delivery_mode : 3, dest_mode : 1, delivery_status : 1, polarity : 1,
		   remote_irr : 1, trig_mode : 1;
		u8 mask : 1, reserve : 7, reserved[4], dest_id;
	} fields;
};

void g_lines(u64 arg);
void ioapic_set(struct vm *vm, int pin, union rte *e);
u64 ioapic_get(struct vm *vm, int pin);
int irq_line(struct vm *vm, int gsi, int level);
void route_msi(struct vm *vm, u32 gsi, u32 data); /* the only route */

#define HC_KICK_CPU 5
#define HC_SEND_IPI 10
#define HC_SCHED_YIELD 11

inl_ u64 hypercall(u64 nr, u64 a, u64 b, u64 c, u64 d)
{
	u32 eax = 0, ecx = 0;

	asm volatile("cpuid" : "+a"(eax), "+c"(ecx) : : "rbx", "rdx");
	if (ecx == 0x6c65746e) /* GenuineI"ntel" */
		asm volatile("vmcall" : "+a"(nr) : "b"(a), "c"(b), "d"(c), "S"(d) : "memory");
	else
		asm volatile("vmmcall" : "+a"(nr) : "b"(a), "c"(b), "d"(c), "S"(d) : "memory");
	return nr;
}

#endif
