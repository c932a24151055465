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
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static int sock;
static char seen[1 << 16];
static size_t filled;

static long now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec;
}

static void fail(const char *what, const char *why)
{
	fflush(stdout);
	fprintf(stderr, "console: %s: %s\n", what, why);
	exit(1);
}

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
	const char *l = getenv("LIMIT");
	long limit = l ? atoi(l) : 60, deadline = now() + limit;
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int i;

	if (argc < 3)
		fail("usage", "console SOCKET STEP...");
	snprintf(a.sun_path, sizeof(a.sun_path), "%s", argv[1]);
	sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	while (connect(sock, (void *)&a, sizeof(a))) {
		if (now() >= deadline)
			fail(argv[1], strerror(errno));
		usleep(100000);
	}
	for (i = 2; i < argc; i++) {
		if (!strncmp(argv[i], "wait:", 5)) {
			wait_for(argv[i] + 5, limit);
		} else if (write(sock, argv[i], strlen(argv[i])) < 0 || write(sock, "\n", 1) != 1) {
			fail(argv[i], strerror(errno));
		}
	}
	return 0;
}
