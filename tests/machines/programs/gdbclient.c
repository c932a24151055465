// SPDX-License-Identifier: GPL-2.0-only
/*
 * gdbclient: what a debugger does with a guest, over the protocol of gdb's remote targets.
 *
 *   gdbclient PORT STEP...
 *
 * Steps: sw:ADDR hw:ADDR write:ADDR,LEN read:ADDR,LEN access:ADDR,LEN   set a breakpoint or watchpoint; with a minus before it, remove it
 *        cont       go on, until the guest stops
 *        go         go on, and don't wait
 *        break      stop it, as a user's Ctrl-C does
 *        step       one instruction
 *        at:ADDR    fail unless the CPU that stopped is there
 *        past:ADDR  as at, for the instruction just after ADDR: at most 15 bytes on
 *        moved      fail if it is where it was at the step before
 *        watched:ADDR  fail unless a watchpoint on ADDR has stopped it
 *        rip        print where it is
 *        mem:ADDR,LEN  print that memory
 *        detach     take leave
 * Addresses are hexadecimal. Environment: LIMIT, the seconds that a step may take (60).
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static int sock;
static long limit;
static const char *step = "connect";
static int step_number;
static char stop[512], packet[8192];
static uint64_t rip, rip_before;

static void fail(const char *why)
{
	fflush(stdout);
	fprintf(stderr, "gdbclient: step %d, %s: %s\n", step_number, step, why);
	exit(1);
}

static int get_char(void)
{
	struct pollfd p = { .fd = sock, .events = POLLIN };
	unsigned char c;

	if (poll(&p, 1, limit * 1000) <= 0)
		fail("no answer");
	if (read(sock, &c, 1) != 1)
		fail("the stub has gone");
	return c;
}

static void put_packet(const char *text)
{
	unsigned char sum = 0;
	const char *c;
	char out[512];
	int n;

	for (c = text; *c; c++)
		sum += *c;
	n = snprintf(out, sizeof(out), "$%s#%02x", text, sum);
	if (write(sock, out, n) != n)
		fail("the stub has gone");
}

/* Into packet; acknowledgements before it are passed over. */
static char *get_packet(void)
{
	size_t n = 0;
	int c;

	while (get_char() != '$')
		;
	while ((c = get_char()) != '#')
		if (n < sizeof(packet) - 1)
			packet[n++] = c;
	packet[n] = 0;
	get_char();
	get_char();
	if (write(sock, "+", 1) != 1)
		fail("the stub has gone");
	return packet;
}

static char *ask(const char *text)
{
	put_packet(text);
	return get_packet();
}

/* RIP is the 17th of the registers in order, eight bytes each. */
static uint64_t get_rip(void)
{
	char *regs = ask("g");
	uint64_t v = 0;
	int i;

	if (strlen(regs) < 17 * 16)
		fail(regs);
	for (i = 7; i >= 0; i--) {
		char byte[3] = { regs[16 * 16 + 2 * i], regs[16 * 16 + 2 * i + 1], 0 };

		v = v << 8 | strtoul(byte, NULL, 16);
	}
	return v;
}

static void stopped(void)
{
	char select[64], *thread;

	snprintf(stop, sizeof(stop), "%s", get_packet());
	if (stop[0] != 'T' && stop[0] != 'S')
		fail(stop);
	thread = strstr(stop, "thread:");
	if (thread) {
		thread += 7;
		snprintf(select, sizeof(select), "Hg%.*s", (int)strcspn(thread, ";"), thread);
		ask(select);
		snprintf(select, sizeof(select), "Hc%.*s", (int)strcspn(thread, ";"), thread);
		ask(select);
	}
	rip_before = rip;
	rip = get_rip();
}

static int point(const char *s)
{
	static const char *const kinds[] = { "sw:", "hw:", "write:", "read:", "access:" };
	char text[64];
	int remove = *s == '-', kind;

	s += remove;
	for (kind = 0; kind < 5; kind++) {
		size_t n = strlen(kinds[kind]);
		char *end;
		uint64_t address;

		if (strncmp(s, kinds[kind], n))
			continue;
		address = strtoull(s + n, &end, 16);
		snprintf(text, sizeof(text), "%c%d,%llx,%lx", remove ? 'z' : 'Z', kind, (unsigned long long)address,
			 *end == ',' ? strtoul(end + 1, NULL, 16) : 1);
		if (strcmp(ask(text), "OK"))
			fail(*packet ? packet : "not supported");
		return 1;
	}
	return 0;
}

static void memory(const char *s)
{
	char text[64];

	snprintf(text, sizeof(text), "m%s", s);
	printf("%s\n", ask(text));
}

static void check(const char *s)
{
	char why[256];
	uint64_t want = strchr(s, ':') ? strtoull(strchr(s, ':') + 1, NULL, 16) : 0;
	int right = 0;

	if (!strncmp(s, "at:", 3)) {
		right = rip == want;
	} else if (!strncmp(s, "past:", 5)) {
		right = rip > want && rip <= want + 15;
	} else if (!strcmp(s, "moved")) {
		right = rip != rip_before;
	} else if (!strncmp(s, "watched:", 8)) {
		const char *w = strstr(stop, "watch:");

		right = w && strtoull(w + 6, NULL, 16) == want;
	} else {
		fail("no such step");
	}
	snprintf(why, sizeof(why), "rip is %llx, before %llx; %.120s", (unsigned long long)rip,
		 (unsigned long long)rip_before, stop);
	if (!right)
		fail(why);
}

static void do_step(const char *s)
{
	step = s;
	if (!strcmp(s, "cont") || !strcmp(s, "step")) {
		put_packet(*s == 'c' ? "c" : "s");
		stopped();
	} else if (!strcmp(s, "go")) {
		put_packet("c");
	} else if (!strcmp(s, "break")) {
		if (write(sock, "\003", 1) != 1)
			fail("the stub has gone");
		stopped();
	} else if (!strcmp(s, "rip")) {
		printf("%llx\n", (unsigned long long)rip);
	} else if (!strncmp(s, "mem:", 4)) {
		memory(s + 4);
	} else if (!strcmp(s, "detach")) {
		ask("D");
	} else if (!point(s)) {
		check(s);
	}
}

int main(int argc, char **argv)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	const char *l = getenv("LIMIT");
	int i;

	limit = l ? atoi(l) : 60;
	if (argc < 2)
		fail("gdbclient PORT STEP...");
	a.sin_port = htons(atoi(argv[1]));
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	for (i = 0;; i++) {
		sock = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (!connect(sock, (void *)&a, sizeof(a)))
			break;
		close(sock);
		if (i == 100)
			fail("no stub there");
		usleep(100000);
	}
	put_packet("?");
	stopped();
	for (i = 2; i < argc; i++)
		step_number = i - 1, do_step(argv[i]);
	return 0;
}
