// SPDX-License-Identifier: GPL-2.0-only
/*
 * What an exit has taken from the host is given to it as the CPU would have: an
 * interrupt that the exit has acknowledged (it is in service in the host's APIC), an
 * NMI, a machine check that happened while the guest ran. On a host with FRED, which
 * has no IDT and where INT n leads to no other event's handler, the kernel is entered
 * where the CPU enters it, with the frame that the CPU would have pushed.
 */
#include <asm/desc.h>
#include <asm/msr.h>
#include <asm/trapnr.h>

#include "compat/compat.h"
#include "host_event.h"

/* SDM 3A "FRED Event Delivery", event types */
enum { FRED_EXTERNAL = 0, FRED_NMI = 2, FRED_EXCEPTION = 3 };

/*
 * Of the frame's SS bits 39:32 are the vector, 51:48 the type; 57: it came in 64-bit
 * mode; 18: ERETS unblocks NMIs. Events in ring 0 come to offset 256.
 * IA32_FRED_CONFIG, which is this CPU's, is read each time: few exits lead here.
 */
static void call_fred(u8 vector, u64 type, u64 rflags)
{
	u64 config, ss = __KERNEL_DS | (u64)vector << 32 | type << 48 | BIT_ULL(57);

	if (type == FRED_NMI)
		ss |= BIT_ULL(18);
	rdmsrl(COMPAT_MSR_FRED_CONFIG, config);
	host_call_fred((config & PAGE_MASK) + 256, ss, rflags);
}

/**
 * host_interrupt() - call the handler of an interrupt that has been acknowledged
 * @vector: the interrupt's
 *
 * Context: interrupts are off before and on after.
 */
void host_interrupt(u8 vector)
{
	struct desc_ptr idt;

	if (compat_fred()) {
		call_fred(vector, FRED_EXTERNAL, X86_EFLAGS_IF);
		return;
	}
	store_idt(&idt);
	host_call_gate(gate_offset((gate_desc *)idt.address + vector));
}

/**
 * host_nmi() - call the handler of an NMI
 *
 * They are blocked since the exit, and until the handler's return.
 */
void host_nmi(void)
{
	if (compat_fred())
		call_fred(X86_TRAP_NMI, FRED_NMI, 0);
	else
		asm volatile("int $2");
}

/**
 * host_machine_check() - call the handler of machine checks, which finds the reason
 * in the banks
 */
void host_machine_check(void)
{
	if (compat_fred())
		call_fred(X86_TRAP_MC, FRED_EXCEPTION, 0);
	else
		asm volatile("int $18");
}
