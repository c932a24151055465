// SPDX-License-Identifier: GPL-2.0-only
/*
 * qmp: tell a running QEMU what to do, and wait for what it says.
 *
 *   qmp SOCKET STEP...
 *
 * A step is a command of the human monitor, whose answer is printed; a command of QMP, if it begins with a brace,
 * whose answer is printed as it is; event:NAME, which waits for that event, or finds that it has come since the
 * program began; or until:TEXT, with which the next step is repeated until its answer has that text.
 * Environment: LIMIT, the seconds that a step may take (60).
 */
#define _GNU_SOURCE
#include <poll.h>

#include "talk.h"

static char input[1 << 20];
static size_t filled;
static char events[1 << 16];
static long deadline, limit;

static void note_event(const char *line)
{
	const char *name = strstr(line, "\"event\": \"");
	size_t used = strlen(events);
	int n;

	if (!name)
		return;
	name += strlen("\"event\": \"");
	n = strcspn(name, "\"");
	snprintf(events + used, sizeof(events) - used, " %.*s ", n, name);
}

/* The next line from QEMU, to be freed; NULL when the time is up. */
static char *line(void)
{
	for (;;) {
		char *end = memchr(input, '\n', filled);
		struct pollfd p = { .fd = sock, .events = POLLIN };
		ssize_t got;

		if (end) {
			char *l = strndup(input, end - input);

			filled -= end + 1 - input;
			memmove(input, end + 1, filled);
			return l;
		}
		if (now() >= deadline)
			return NULL;
		if (poll(&p, 1, 200) <= 0)
			continue;
		got = read(sock, input + filled, sizeof(input) - filled);
		if (got <= 0)
			fail("the connection", "QEMU has closed it");
		filled += got;
	}
}

/* The answer to what was sent last; events on the way are noted. */
static char *answer(const char *step)
{
	char *l;

	while ((l = line())) {
		if (!strncmp(l, "{\"return\"", 9))
			return l;
		if (!strncmp(l, "{\"error\"", 8))
			fail(step, l);
		note_event(l);
		free(l);
	}
	fail(step, "no answer");
	return NULL;
}

/* A JSON string's characters, of which QEMU escapes few; returns its end. */
static char *unescape(const char *from, char *to)
{
	for (; *from && *from != '"'; from++) {
		if (*from == '\\') {
			from++;
			if (*from != 'r')
				*to++ = *from == 'n' ? '\n' : *from == 't' ? '\t' : *from;
		} else {
			*to++ = *from;
		}
	}
	*to = 0;
	return to;
}

static void put(const char *text)
{
	size_t n = strlen(text);

	while (n) {
		ssize_t done = write(sock, text, n);

		if (done < 0 && errno != EINTR)
			fail(text, strerror(errno));
		if (done > 0) {
			text += done;
			n -= done;
		}
	}
}

/* Its answer, to be freed. */
static char *command(const char *step)
{
	char text[4096], *l, *start;
	size_t used;

	if (*step == '{') {
		put(step);
		put("\n");
		return answer(step);
	}
	used = snprintf(text, sizeof(text), "{\"execute\":\"human-monitor-command\",\"arguments\":{\"command-line\":\"");
	for (; *step && used < sizeof(text) - 16; step++) {
		if (*step == '"' || *step == '\\')
			text[used++] = '\\';
		text[used++] = *step;
	}
	strcpy(text + used, "\"}}\n");
	put(text);
	l = answer(text);
	start = strchr(l + 9, '"');
	if (start)
		unescape(start + 1, l);
	return l;
}

static void wait_event(const char *name)
{
	char wanted[64], *l;

	snprintf(wanted, sizeof(wanted), " %s ", name);
	while (!strstr(events, wanted)) {
		l = line();
		if (!l)
			fail(name, "no such event");
		note_event(l);
		free(l);
	}
	strstr(events, wanted)[1] = '!';
}

static void begin(const char *path)
{
	connect_to(path, deadline);
	free(line());
	free(command("{\"execute\":\"qmp_capabilities\"}"));
}

int main(int argc, char **argv)
{
	const char *until = NULL;
	char *said;
	int i;

	if (argc < 2)
		fail("usage", "qmp SOCKET STEP...");
	limit = limit_of_step();
	deadline = now() + limit;
	begin(argv[1]);
	for (i = 2; i < argc; i++) {
		deadline = now() + limit;
		if (!strncmp(argv[i], "until:", 6)) {
			until = argv[i] + 6;
			continue;
		}
		if (!strncmp(argv[i], "event:", 6)) {
			wait_event(argv[i] + 6);
			continue;
		}
		said = command(argv[i]);
		while (until && !strstr(said, until)) {
			if (now() >= deadline)
				fail(argv[i], said);
			free(said);
			usleep(200000);
			said = command(argv[i]);
		}
		until = NULL;
		if (*said)
			printf("%s\n", said);
		free(said);
	}
	return 0;
}
