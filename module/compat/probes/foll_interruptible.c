// SPDX-License-Identifier: GPL-2.0-only
/* A signal that is not fatal can end get_user_pages_unlocked(). */
#include <linux/mm.h>

extern const unsigned int probe;
const unsigned int probe = FOLL_INTERRUPTIBLE;
