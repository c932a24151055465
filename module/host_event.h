/* SPDX-License-Identifier: GPL-2.0-only */
/* What an exit has taken from the host is given to it as the CPU would have: host_event.c. */
#ifndef VINTC_HOST_EVENT_H
#define VINTC_HOST_EVENT_H

#include <linux/types.h>

/* Interrupts are off before and on after. */
void host_interrupt(u8 vector);
/* Interrupts stay off. */
void host_nmi(void);
void host_machine_check(void);

/* host_entry.S */
void host_call_gate(unsigned long entry);
void host_call_fred(unsigned long entry, u64 ss, u64 rflags);

#endif
