/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the fuzz targets share. A target reads its input as a row of operations
 * and, after each, holds the module's code against a plain retelling of the
 * manual. A wrong answer ends the process by abort(), which libFuzzer reports
 * with the input that led there.
 */
#ifndef VINTC_TESTS_FUZZ_H
#define VINTC_TESTS_FUZZ_H

#define _GNU_SOURCE /* memrchr */
#include <stdio.h>
#include <stdlib.h>

#include "../../module/apic/env.h"

#define MUST(x)                                                                \
	do {                                                                   \
		if (!(x))                                                      \
			fuzz_fail(__FILE__, __LINE__, #x);                     \
	} while (0)

static inline void fuzz_fail(const char *file, int line, const char *what)
{
	fprintf(stderr, "%s:%d: not so: %s\n", file, line, what);
	abort();
}

/**
 * struct fuzz_op - one operation, whatever its bytes are
 * @what: reduced to one that there is
 * @a, @b, @c: small arguments
 * @x, @y: large ones
 */
struct fuzz_op {
	u8 what, a, b, c;
	u32 x, y;
};

struct fuzz_input {
	const u8 *at;
	size_t left;
};

static inline u8 fuzz_byte(struct fuzz_input *in)
{
	if (!in->left)
		return 0;
	in->left--;
	return *in->at++;
}

/* False at the end of the input; a last operation may be cut short. */
static inline bool fuzz_next(struct fuzz_input *in, struct fuzz_op *op)
{
	size_t n = in->left < sizeof(*op) ? in->left : sizeof(*op);

	memset(op, 0, sizeof(*op));
	memcpy(op, in->at, n);
	in->at += n;
	in->left -= n;
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
