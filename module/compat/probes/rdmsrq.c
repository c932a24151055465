// SPDX-License-Identifier: GPL-2.0-only
/* MSRs as one value: rdmsrq() and wrmsrq() since 6.16, rdmsrl() before. */
#include <asm/msr.h>

u64 probe(void);
u64 probe(void)
{
	u64 val;

	rdmsrq(0, val);
	wrmsrq(0, val);
	return val;
}
