// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a guest of an unmodified VMM costs the whole machine, phase by phase:
 *
 *	[EVENT=kvm/kvm_exit:exit_reason] vmcost VMM ARGUMENT...
 *
 * starts the VMM, whose input and output are to be the guest's serial line. The
 * guest ends a phase by the line `guest: mark NAME [N [INTERRUPTS]]` and then
 * waits for a line; what happens in between belongs to no phase. Printed are
 *
 *	phase NAME N INTERRUPTS INSTRUCTIONS EXITS
 *	count NAME exit REASON TIMES	with EVENT, a tracepoint and its field,
 *	count NAME ioctl COMMAND TIMES	and then the instructions include the tracing
 *
 * Instructions: ticks of the TSC of a machine that counts them, less those in
 * which its only CPU had nothing to do. `guest: end` is the last line; the status
 * is 1 if the VMM ended before it. LIMIT is the seconds that all this may take.
 *
 * A guest that knows nothing of this has one phase, PHASE, which ends when it
 * has said UNTIL.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vm.h"

#define TRACING "/sys/kernel/tracing/events/"
#define IOCTLS "syscalls/sys_enter_ioctl"
#define KINDS 256 /* more than there are of either */

/* What a histogram had counted: one of exits by reason, one of ioctls. */
struct histogram {
	const char *what;
	char trigger[128], file[128];
	int n;
	struct { u64 key, count; } bin[KINDS];
};

/* Statistics that both modules have, of all vCPUs. */
static const char *const counters[] = { "exits", "pf_taken", "pf_fixed", "mmio_exits", "halt_exits", "irq_exits", "irq_injections" };
#define COUNTERS (sizeof(counters) / sizeof(*counters))

struct snapshot {
	u64 tsc, idle, counter[COUNTERS];
	struct histogram exit, ioctl;
};

static pid_t vmm;
static int to_vmm = -1;
static int stats[8], n_stats;

static void die(const char *what)
{
	fflush(stdout);
	fprintf(stderr, "vmcost: %s: %s\n", what, strerror(errno));
	if (vmm > 0)
		kill(vmm, SIGKILL);
	exit(1);
}

/* Nanoseconds for which the CPU has slept. */
static u64 idle_ns(void)
{
	static char text[1 << 16];
	const char *at;
	size_t n;
	FILE *f = fopen("/proc/timer_list", "r");

	if (!f)
		die("/proc/timer_list");
	n = fread(text, 1, sizeof(text) - 1, f);
	fclose(f);
	text[n] = 0;
	at = strstr(text, ".idle_sleeptime");
	if (!at || !(at = strchr(at, ':')) || strstr(at, ".idle_sleeptime"))
		die("one CPU's idle time");
	return strtoull(at + 1, NULL, 10);
}

/* ---- exits and ioctls by kind ---- */

static void put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_TRUNC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		die(path);
	close(fd);
}

static void histogram_start(struct histogram *h, const char *event, const char *field)
{
	char text[64];

	snprintf(h->trigger, sizeof(h->trigger), TRACING "%s/trigger", event);
	snprintf(h->file, sizeof(h->file), TRACING "%s/hist", event);
	snprintf(text, sizeof(text), "hist:keys=%s.hex:size=4096", field);
	put(h->trigger, text);
}

static void histogram_stop(struct histogram *h, const char *field)
{
	char text[64];

	snprintf(text, sizeof(text), "!hist:keys=%s.hex:size=4096", field);
	put(h->trigger, text);
}

/* Lines are `{ FIELD: KEY } hitcount: COUNT`. */
static void histogram_read(struct histogram *h)
{
	char line[256], *at;
	FILE *f = fopen(h->file, "r");

	if (!f)
		die(h->file);
	h->n = 0;
	while (fgets(line, sizeof(line), f)) {
		at = strchr(line, ':');
		if (line[0] != '{' || !at)
			continue;
		if (h->n == KINDS)
			die("too many kinds");
		h->bin[h->n].key = strtoull(at + 1, &at, 16);
		at = strchr(at, ':');
		h->bin[h->n++].count = at ? strtoull(at + 1, NULL, 10) : 0;
	}
	fclose(f);
}

static void histogram_show(const char *phase, const struct histogram *from, const struct histogram *to)
{
	for (int i = 0; i < to->n; i++) {
		u64 count = to->bin[i].count;

		for (int j = 0; j < from->n; j++)
			if (from->bin[j].key == to->bin[i].key)
				count -= from->bin[j].count;
		if (count)
			printf("count %s %s 0x%llx %llu\n", phase, to->what, (unsigned long long)to->bin[i].key,
			       (unsigned long long)count);
	}
}

/* ---- the VMM ---- */

/* The statistics of its vCPUs, which QEMU opens when it makes them. */
static void find_stats(void)
{
	char path[300], link[64];
	struct dirent *e;
	int pidfd = syscall(SYS_pidfd_open, vmm, 0);
	DIR *d;

	snprintf(path, sizeof(path), "/proc/%d/fd", vmm);
	d = opendir(path);
	if (pidfd < 0 || !d)
		die("the VMM");
	while ((e = readdir(d))) {
		ssize_t n;

		snprintf(path, sizeof(path), "/proc/%d/fd/%s", vmm, e->d_name);
		n = readlink(path, link, sizeof(link) - 1);
		if (n < 0)
			continue;
		link[n] = 0;
		if (!strstr(link, "-vcpu-stats") || n_stats == 8)
			continue;
		stats[n_stats] = syscall(SYS_pidfd_getfd, pidfd, atoi(e->d_name), 0);
		if (stats[n_stats++] < 0)
			die("the VMM's statistics");
	}
	closedir(d);
	close(pidfd);
	if (!n_stats)
		die("no vCPU's statistics");
}

/*
 * From here on a thread that is woken doesn't take the CPU from the one that runs:
 * otherwise it does or doesn't for rounds on end, so that the guest halts or doesn't.
 */
static void no_preemption(void)
{
	char path[64];
	struct dirent *e;
	DIR *d;

	snprintf(path, sizeof(path), "/proc/%d/task", vmm);
	d = opendir(path);
	if (!d)
		die(path);
	while ((e = readdir(d)))
		if (atoi(e->d_name) && sched_setscheduler(atoi(e->d_name), SCHED_BATCH, &(struct sched_param){}))
			die("SCHED_BATCH");
	closedir(d);
}

static u64 sum_of(const char *counter)
{
	u64 sum = 0;

	for (int i = 0; i < n_stats; i++) {
		long n = stat_read(stats[i], counter);

		if (n < 0)
			die(counter);
		sum += n;
	}
	return sum;
}

static int start(char **command)
{
	int in[2], out[2];

	if (pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC))
		die("pipe");
	vmm = fork();
	if (vmm < 0)
		die("fork");
	if (!vmm) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(in[0], 0);
		dup2(out[1], 1);
		execv(command[0], command);
		_exit(127);
	}
	close(in[0]);
	close(out[1]);
	to_vmm = in[1];
	return out[0];
}

/* ---- */

static bool traced;

static void look(struct snapshot *s)
{
	for (size_t i = 0; n_stats && i < COUNTERS; i++)
		s->counter[i] = sum_of(counters[i]);
	s->idle = idle_ns();
	if (traced) {
		histogram_read(&s->exit);
		histogram_read(&s->ioctl);
	}
}

static void show(const char *name, long n, long interrupts, const struct snapshot *from, const struct snapshot *to)
{
	printf("phase %s %ld %ld %llu\n", name, n, interrupts,
	       (unsigned long long)(to->tsc - from->tsc - (to->idle - from->idle)));
	for (size_t i = 0; i < COUNTERS; i++)
		printf("count %s stat %s %llu\n", name, counters[i], (unsigned long long)(to->counter[i] - from->counter[i]));
	if (traced) {
		histogram_show(name, &from->exit, &to->exit);
		histogram_show(name, &from->ioctl, &to->ioctl);
	}
	fflush(stdout);
}

/* Return: whether the guest has said @text, by whose end there need be no line's. */
static bool follow_until(FILE *serial, const struct snapshot *s, const char *phase, const char *text)
{
	static struct snapshot t;
	size_t said = 0, size = strlen(text);
	char last[64] = "";
	int c;

	if (!size || size > sizeof(last))
		die("UNTIL");
	t = *s;
	while ((c = getc(serial)) != EOF) {
		t.tsc = rdtsc();
		putc(c, stderr);
		if (!n_stats)
			find_stats();
		memmove(last, last + 1, size - 1);
		last[size - 1] = c;
		if (++said < size || memcmp(last, text, size))
			continue;
		look(&t);
		show(phase, 0, 0, s, &t);
		return true;
	}
	return false;
}

/* Return: whether the guest came to its end. */
static bool follow(FILE *serial, struct snapshot *s)
{
	static struct snapshot t;
	char line[512], name[32];
	long n, interrupts;

	t = *s;
	while (fgets(line, sizeof(line), serial)) {
		t.tsc = rdtsc();
		fputs(line, stderr);
		if (!strncmp(line, "guest: end", 10))
			return true;
		n = interrupts = 0;
		if (sscanf(line, "guest: mark %31s %ld %ld", name, &n, &interrupts) < 1)
			continue;
		if (!n_stats) {
			find_stats();
			no_preemption();
		}
		look(&t);
		show(name, n, interrupts, s, &t);
		*s = t;
		look(s);
		s->tsc = rdtsc();
		if (write(to_vmm, "\n", 1) != 1)
			die("the guest's serial line");
	}
	return false;
}

int main(int argc, char **argv)
{
	static struct snapshot s = { .exit.what = "exit", .ioctl.what = "ioctl" };
	char *event = getenv("EVENT"), *limit = getenv("LIMIT"), *until = getenv("UNTIL"), *field = NULL;
	int status;
	bool ended;
	FILE *serial;

	if (argc < 2)
		die("usage: vmcost VMM ARGUMENT...");
	if (event && *event) {
		field = strchr(event, ':');
		if (!field)
			die("EVENT");
		*field++ = 0;
		traced = true;
		histogram_start(&s.exit, event, field);
		histogram_start(&s.ioctl, IOCTLS, "cmd");
	}
	alarm(limit ? atoi(limit) : 60);
	look(&s);
	s.tsc = rdtsc();
	serial = fdopen(start(argv + 1), "r");
	if (until)
		ended = serial && follow_until(serial, &s, getenv("PHASE") ?: "boot", until);
	else
		ended = serial && follow(serial, &s);
	kill(vmm, ended ? SIGTERM : SIGKILL);
	if (waitpid(vmm, &status, 0) != vmm || !WIFEXITED(status) || WEXITSTATUS(status))
		ended = false;
	if (traced) {
		histogram_stop(&s.exit, field);
		histogram_stop(&s.ioctl, "cmd");
	}
	return !ended;
}
