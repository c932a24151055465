// SPDX-License-Identifier: GPL-2.0-only
/* Who may have the CPUs. */
#include <kunit/test.h>
#include <asm/tsc.h>

#include "hardware.h"
#include "vm.h"

/* A guest's deadlines can't be told without the TSC's frequency: no VM then. */
static void tsc_unknown(struct kunit *test)
{
	unsigned int khz = tsc_khz;
	int r;

	if (!hardware_ops())
		kunit_skip(test, "no SVM");
	tsc_khz = 0;
	r = hardware_get();
	tsc_khz = khz;
	if (!r)
		hardware_put();
	KUNIT_EXPECT_EQ(test, r, -ENODEV);

	r = hardware_get();
	KUNIT_ASSERT_EQ(test, r, 0);
	hardware_put();
}

static struct kunit_case hardware_cases[] = {
	KUNIT_CASE(tsc_unknown),
	{}
};

static struct kunit_suite hardware_suite = {
	.name = "vintc_hardware",
	.test_cases = hardware_cases,
};

kunit_test_suites(&hardware_suite);
