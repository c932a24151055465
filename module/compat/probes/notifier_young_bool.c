// SPDX-License-Identifier: GPL-2.0-only
/* The young callbacks of an MMU notifier return bool; they returned int. */
#include <linux/mmu_notifier.h>

static bool young(struct mmu_notifier *n, struct mm_struct *mm,
		  unsigned long start, unsigned long end)
{
	return false;
}

extern const struct mmu_notifier_ops probe;
const struct mmu_notifier_ops probe = { .clear_young = young };
