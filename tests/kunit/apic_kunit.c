// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit: the engine's tests of tests/unit, the same text, as one suite. What
 * needs threads stays in user space.
 */

#include <kunit/test.h>

#include "../unit/message.c"
#include "../unit/mailbox.c"
#include "../unit/lapic.c"
#include "../unit/regs.c"
#include "../unit/timer.c"
#include "../unit/state.c"
#include "../unit/dest.c"
#include "../unit/ioapic.c"
#include "../unit/exitmap.c"
#include "../unit/pic.c"
#include "../unit/pit.c"
#include "../unit/behaviours.c"
#include "../unit/model.c"
#include "../unit/properties.c"
#include "../unit/asid.c"

#define CASE(name) KUNIT_CASE(name),

static struct kunit_case apic_cases[] = {
	MESSAGE_TESTS(CASE)
	MAILBOX_TESTS(CASE)
	LAPIC_TESTS(CASE)
	REGS_TESTS(CASE)
	TIMER_TESTS(CASE)
	STATE_TESTS(CASE)
	DEST_TESTS(CASE)
	IOAPIC_TESTS(CASE)
	EXITMAP_TESTS(CASE)
	PIC_TESTS(CASE)
	PIT_TESTS(CASE)
	BEHAVIOURS_TESTS(CASE)
	MODEL_TESTS(CASE)
	PROPERTIES_TESTS(CASE)
	ASID_TESTS(CASE)
	{}
};

static struct kunit_suite apic_suite = {
	.name = "vintc_apic",
	.test_cases = apic_cases,
};

kunit_test_suites(&apic_suite);
