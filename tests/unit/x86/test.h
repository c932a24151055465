/* SPDX-License-Identifier: GPL-2.0-only */
/* One line per test; a test that fails says why, once. */
#ifndef VINTC_TESTS_X86_TEST_H
#define VINTC_TESTS_X86_TEST_H

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../../module/x86/insn.h"

static int test_failures;
static unsigned int test_bad;
static char test_why[512];

__attribute__((format(printf, 1, 2), unused))
static void test_fail(const char *format, ...)
{
	va_list ap;

	if (getenv("VERBOSE")) {
		va_start(ap, format);
		vprintf(format, ap);
		va_end(ap);
		putchar('\n');
	}
	if (!test_bad++) {
		va_start(ap, format);
		vsnprintf(test_why, sizeof(test_why), format, ap);
		va_end(ap);
	}
}

#define CHECK(cond, ...) \
	do { \
		if (!(cond)) \
			test_fail(__VA_ARGS__); \
	} while (0)

__attribute__((unused))
static void test_done(const char *file, const char *name)
{
	if (test_bad) {
		printf("not ok - x86/%s: %s: %s (%u in all)\n", file, name,
		       test_why, test_bad);
		test_failures++;
	} else {
		printf("ok - x86/%s: %s\n", file, name);
	}
	fflush(stdout);
	test_bad = 0;
}

__attribute__((unused))
static int test_exit(void)
{
	return test_failures != 0;
}

/* xorshift64*: the same numbers on every run, or from $SEED. */
static u64 test_seed = 0x9e3779b97f4a7c15ULL;

__attribute__((unused))
static void test_seed_from_env(void)
{
	const char *s = getenv("SEED");

	if (s)
		test_seed = strtoull(s, NULL, 0) | 1;
}

__attribute__((unused))
static u64 rnd(void)
{
	test_seed ^= test_seed >> 12;
	test_seed ^= test_seed << 25;
	test_seed ^= test_seed >> 27;
	return test_seed * 0x2545f4914f6cdd1dULL;
}

#endif
