/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Behaviour E in wrong orders, to see whether tests notice. Only a module that is
 * built with VINTC_MUTANTS=1 has them, one at a time by its parameter `mutant`; in
 * any other mutant() is false and leaves nothing behind.
 */
#ifndef VINTC_APIC_MUTANT_H
#define VINTC_APIC_MUTANT_H

#include "env.h"

enum mutant {
	MUTANT_NONE,
	MUTANT_ON_FIRST, /* the sender sets ON, then PIR */
	MUTANT_LOOK_FIRST, /* the sender looks at the mode, then posts */
	MUTANT_MODE_LATE, /* the vCPU takes PIR and writes RVI, then publishes IN_GUEST */
	MUTANT_IRQS_ON, /* it publishes and takes PIR, then turns interrupts off */
	MUTANT_PIR_FIRST, /* it reads PIR, then clears ON */
	MUTANT_INJECT_FIRST, /* it writes RVI, then takes PIR */
	MUTANTS
};

#ifdef VINTC_MUTANTS
extern unsigned int vintc_mutant;

static inline bool mutant(enum mutant which)
{
	return READ_ONCE(vintc_mutant) == which;
}
#else
static inline bool mutant(enum mutant which)
{
	(void)which;
	return false;
}
#endif

#endif
