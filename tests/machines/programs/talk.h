/* SPDX-License-Identifier: GPL-2.0-only */
/* A program that talks to a QEMU by a Unix socket: its connection, its time, its end. */
#ifndef TALK_H
#define TALK_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static int sock;

static long now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec;
}

static void fail(const char *what, const char *why)
{
	fflush(stdout);
	fprintf(stderr, "%s: %s: %s\n", program_invocation_short_name, what, why);
	exit(1);
}

/* The seconds that a step may take, from the environment. */
static long limit_of_step(void)
{
	const char *l = getenv("LIMIT");

	return l ? atoi(l) : 60;
}

/* Until @deadline the other side may still be about to listen. */
static void connect_to(const char *path, long deadline)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
	sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	while (connect(sock, (void *)&a, sizeof(a))) {
		if (now() >= deadline)
			fail(path, strerror(errno));
		usleep(100000);
	}
}

#endif
