// SPDX-License-Identifier: GPL-2.0-only
/* get_user_pages_unlocked() takes NUMA hinting faults only if asked to. */
#include <linux/mm.h>

extern const unsigned int probe;
const unsigned int probe = FOLL_HONOR_NUMA_FAULT;
