// SPDX-License-Identifier: GPL-2.0-only
/* KUnit: the software CPU's tests of tests/unit, the same text, as one suite. */
#include <kunit/test.h>

#include "../unit/model_vapic.c"
#include "../unit/model_avic.c"
#include "../unit/model_cpu.c"

#define CASE(name) KUNIT_CASE(name),

static struct kunit_case model_cases[] = {
	MODEL_VAPIC_TESTS(CASE)
	MODEL_AVIC_TESTS(CASE)
	MODEL_CPU_TESTS(CASE)
	{}
};

static struct kunit_suite model_suite = {
	.name = "vintc_model",
	.test_cases = model_cases,
};

kunit_test_suites(&model_suite);
