/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The little that the engine's tests need, so that one text runs in user space
 * and as a KUnit suite. A test file defines its tests with TEST(name), lists
 * them in an X-macro and ends with CHECK_MAIN(file, LIST), which is nothing in
 * the kernel: there tests/kunit/apic_kunit.c includes the files and builds one
 * suite from the lists.
 */
#ifndef VINTC_TESTS_CHECK_H
#define VINTC_TESTS_CHECK_H

#include "../../module/apic/env.h"

#ifdef __KERNEL__

#include <kunit/test.h>

#define CHECK_STRUCT kunit /* what a helper that checks takes as @test */
#define TEST(name) static void name(struct kunit *test)
#define CHECK(cond) KUNIT_EXPECT_TRUE(test, !!(cond))
#define CHECK_EQ(a, b) KUNIT_EXPECT_EQ(test, (u64)(a), (u64)(b))
/* @row says which line of a table or round of a loop. */
#define CHECK_ROW(row, a, b)                                                   \
	KUNIT_EXPECT_EQ_MSG(test, (u64)(a), (u64)(b), "row %lld",              \
			    (long long)(row))
#define REQUIRE_ROW(row, cond)                                                 \
	do {                                                                   \
		if (!(cond)) {                                                 \
			KUNIT_FAIL(test, "row %lld: %s", (long long)(row),     \
				   #cond);                                     \
			return;                                                \
		}                                                              \
	} while (0)
#define CHECK_MAIN(file, list)
#define CHECK_ROUNDS(n) ((n) / 10)

#else

#include <stdio.h>
#include <stdlib.h>

struct check {
	bool failed;
	char why[240];
};

#define CHECK_STRUCT check
#define TEST(name) static void name(struct check *test)

/* Only a test's first failure is kept; the others tend to follow from it. */
#define CHECK_FAIL(...)                                                        \
	do {                                                                   \
		if (!test->failed)                                             \
			snprintf(test->why, sizeof(test->why), __VA_ARGS__);   \
		test->failed = true;                                           \
	} while (0)
#define CHECK(cond)                                                            \
	do {                                                                   \
		if (!(cond))                                                   \
			CHECK_FAIL("line %d: %s", __LINE__, #cond);            \
	} while (0)
#define CHECK_ROW(row, a, b)                                                   \
	do {                                                                   \
		unsigned long long a_ = (u64)(a), b_ = (u64)(b);               \
		if (a_ != b_)                                                  \
			CHECK_FAIL("line %d row %lld: %s is %#llx, not %#llx", \
				   __LINE__, (long long)(row), #a, a_, b_);    \
	} while (0)
#define CHECK_EQ(a, b) CHECK_ROW(0, a, b)
#define REQUIRE_ROW(row, cond)                                                 \
	do {                                                                   \
		if (!(cond)) {                                                 \
			CHECK_FAIL("line %d row %lld: %s", __LINE__,           \
				   (long long)(row), #cond);                   \
			return;                                                \
		}                                                              \
	} while (0)
#define CHECK_ROUNDS(n) (n)

#define CHECK_RUN_ONE(name) failed |= check_run(file_, #name, name);
#define CHECK_MAIN(file, list)                                                 \
	int main(void)                                                         \
	{                                                                      \
		const char *file_ = #file;                                     \
		bool failed = false;                                           \
                                                                               \
		list(CHECK_RUN_ONE)                                            \
		return failed;                                                 \
	}

/* CHECK_VARIANT says how this binary was built, for the reader of the line. */
static inline bool check_run(const char *file, const char *name,
			     void (*fn)(struct check *))
{
	const char *variant = getenv("CHECK_VARIANT");
	struct check test = { .failed = false };

	fn(&test);
	printf("%s - unit/%s: %s%s%s%s\n", test.failed ? "not ok" : "ok", file,
	       name, variant ? variant : "", test.failed ? ": " : "", test.why);
	fflush(stdout);
	return test.failed;
}

#endif

/* xorshift64*: the same sequence everywhere, so that a failure repeats. */
struct check_random {
	u64 state;
};

static inline u64 check_next(struct check_random *r)
{
	r->state ^= r->state >> 12;
	r->state ^= r->state << 25;
	r->state ^= r->state >> 27;
	return r->state * 0x2545f4914f6cdd1dULL;
}

/* 0 .. n - 1 */
static inline u32 check_below(struct check_random *r, u32 n)
{
	return (check_next(r) >> 33) % n;
}

#endif
