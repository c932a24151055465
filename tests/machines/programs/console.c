// SPDX-License-Identifier: GPL-2.0-only
/*
 * console: talk to a guest by its serial console.
 *
 *   console SOCKET STEP...
 *
 * A step is wait:TEXT, until the guest has sent that; anything else is sent, with an end of line.
 * What the guest sends is printed. Environment: LIMIT, the seconds that a step may take (60).
 */
#define _GNU_SOURCE
#include <poll.h>

#include "talk.h"

static char seen[1 << 16];
static size_t filled;

/* What has come, printed and put behind what was seen; the older half of that goes when there is no room. */
static void take(const char *step)
{
	struct pollfd p = { .fd = sock, .events = POLLIN };
	ssize_t got;

	if (poll(&p, 1, 200) <= 0)
		return;
	if (filled > sizeof(seen) / 2) {
		memmove(seen, seen + filled / 2, filled - filled / 2);
		filled -= filled / 2;
	}
	got = read(sock, seen + filled, sizeof(seen) - 1 - filled);
	if (got <= 0)
		fail(step, "the console is closed");
	fwrite(seen + filled, 1, got, stdout);
	fflush(stdout);
	filled += got;
}

static void wait_for(const char *text, long limit)
{
	long deadline = now() + limit;
	char *at;

	while (!(at = memmem(seen, filled, text, strlen(text)))) {
		if (now() >= deadline)
			fail(text, "has not come");
		take(text);
	}
	at += strlen(text);
	filled -= at - seen;
	memmove(seen, at, filled);
}

int main(int argc, char **argv)
{
	long limit = limit_of_step();
	int i;

	if (argc < 3)
		fail("usage", "console SOCKET STEP...");
	connect_to(argv[1], now() + limit);
	for (i = 2; i < argc; i++) {
		if (!strncmp(argv[i], "wait:", 5)) {
			wait_for(argv[i] + 5, limit);
		} else if (write(sock, argv[i], strlen(argv[i])) < 0 || write(sock, "\n", 1) != 1) {
			fail(argv[i], strerror(errno));
		}
	}
	return 0;
}
