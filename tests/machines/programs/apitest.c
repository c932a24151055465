// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a thin VMM relies on in the KVM API, the same on /dev/kvm and /dev/vintc:
 *
 *	[DEV=/dev/vintc] apitest [TEST]...
 *
 * The tests are in api/, a file per subject.
 */
#include "api/api.h"

#define T(name, seconds) { #name, t_##name, seconds },
static const struct test tests[] = { API_TESTS(T) };
#undef T

int main(int argc, char **argv)
{
	return run_tests(tests, ARRAY_SIZE(tests), argc, argv);
}
