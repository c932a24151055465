// SPDX-License-Identifier: GPL-2.0-only
/*
 * A file is read, its operations are run as one script, and the file is printed
 * with the answers below each operation. Lines that begin with space and = or !
 * are answers of an earlier run; they are not read, but --check compares.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "model.h"
#include "script.h"

#define WORDS_MAX	6
#define VCPUS_MAX	256

/**
 * struct line - one line of the file
 * @text: as it stands there
 * @answer: it is the answer of an earlier run
 * @first, @count: operations that it stands for
 */
struct line {
	char *text;
	bool answer;
	unsigned int first, count;
};

struct file {
	const char *path;
	struct line *lines;
	size_t nr, at; /* @at: being read */
	unsigned int flavour, vcpus;
	uint64_t policy[VINTC_POLICIES];
	bool has_policy[VINTC_POLICIES];
	bool pit;
	unsigned int ioapics;
	struct vintc_ioapic ioapic[VINTC_MAX_IOAPICS];
	struct vintc_script script;
};

/* What an operation's words are. */
enum shape { NONE, ADDR, ADDR_VALUE, VALUE, MEMORY_IN, MEMORY_OUT };

static const struct word {
	const char *name;
	unsigned int op;
	enum shape shape;
} guest_words[] = {
	{ "nop", VINTC_MODEL_NOP, NONE },
	{ "rdmsr", VINTC_MODEL_RDMSR, ADDR },
	{ "wrmsr", VINTC_MODEL_WRMSR, ADDR_VALUE },
	{ "read", VINTC_MODEL_READ, MEMORY_IN },
	{ "write", VINTC_MODEL_WRITE, MEMORY_OUT },
	{ "in", VINTC_MODEL_IN, MEMORY_IN },
	{ "out", VINTC_MODEL_OUT, MEMORY_OUT },
	{ "rdcr8", VINTC_MODEL_RDCR8, NONE },
	{ "wrcr8", VINTC_MODEL_WRCR8, VALUE },
	{ "hlt", VINTC_MODEL_HLT, NONE },
	{ "cli", VINTC_MODEL_CLI, NONE },
	{ "sti", VINTC_MODEL_STI, NONE },
	{ "iret", VINTC_MODEL_IRET, NONE },
	{ "eoi", VINTC_MODEL_EOI, NONE },
	{ "vmxon", VINTC_MODEL_VMXON, NONE },
	{ "vmxoff", VINTC_MODEL_VMXOFF, NONE },
	{ "clgi", VINTC_MODEL_CLGI, NONE },
	{ "stgi", VINTC_MODEL_STGI, NONE },
	{ "exit-l2", VINTC_MODEL_EXIT_L2, NONE },
	{ "nmi", VINTC_MODEL_NMI, NONE },
	{ NULL, 0, NONE }
};

static int complain(const struct file *file, const char *format, ...)
{
	va_list args;

	fprintf(stderr, "vintctl: %s:%zu: ", file->path, file->at + 1);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	return -EINVAL;
}

static bool number(const char *word, uint64_t *value)
{
	char *end;

	if (!word || *word < '0' || *word > '9')
		return false;
	errno = 0;
	*value = strtoull(word, &end, 0);
	return !*end && !errno;
}

/* 5, 5ns, 5us, 5ms, 5s */
static bool duration(const char *word, uint64_t *ns)
{
	static const struct {
		const char *unit;
		uint64_t ns;
	} units[] = { { "", 1 }, { "ns", 1 }, { "us", 1000 },
		      { "ms", 1000000 }, { "s", 1000000000 } };
	char *end;

	if (!word || *word < '0' || *word > '9')
		return false;
	errno = 0;
	*ns = strtoull(word, &end, 10);
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (!strcmp(end, units[i].unit)) {
			if (errno || *ns > UINT64_MAX / units[i].ns)
				return false;
			*ns *= units[i].ns;
			return true;
		}
	return false;
}

static int add(struct file *file, unsigned int op, unsigned int vcpu,
	       uint64_t addr, uint64_t value, unsigned int size)
{
	int ret = vintc_script_add(&file->script, op, vcpu, addr, value, size);

	if (ret < 0)
		return complain(file, "%s", strerror(-ret));
	file->lines[file->at].count++;
	return 0;
}

/* Programs a redirection entry, as drivers do: the upper half first. */
static int add_rte(struct file *file, unsigned int vcpu, char **words)
{
	uint64_t pin, rte;

	if (!number(words[1], &pin) || pin > 23 || !number(words[2], &rte) || words[3])
		return complain(file, "rte PIN VALUE");
	if (add(file, VINTC_MODEL_WRITE, vcpu, 0xfec00000, 0x11 + 2 * pin, 4) ||
	    add(file, VINTC_MODEL_WRITE, vcpu, 0xfec00010, rte >> 32, 4) ||
	    add(file, VINTC_MODEL_WRITE, vcpu, 0xfec00000, 0x10 + 2 * pin, 4))
		return -EINVAL;
	return add(file, VINTC_MODEL_WRITE, vcpu, 0xfec00010, rte & 0xffffffff, 4);
}

static int guest_line(struct file *file, unsigned int vcpu, char **words)
{
	const struct word *word = guest_words;
	uint64_t a = 0, b = 0, size = 4;

	if (!strcmp(words[0], "rte"))
		return add_rte(file, vcpu, words);
	if (!strcmp(words[0], "enter-l2")) {
		bool intr = words[1] && !strcmp(words[1], "intr");

		if (words[1] && (!intr || words[2]))
			return complain(file, "enter-l2 [intr]");
		return add(file, VINTC_MODEL_ENTER_L2, vcpu, 0,
			   intr ? VINTC_MODEL_L2_INTERCEPT_INTR : 0, 0);
	}
	while (word->name && strcmp(word->name, words[0]))
		word++;
	if (!word->name)
		return complain(file, "no operation \"%s\"", words[0]);
	switch (word->shape) {
	case ADDR:
		if (number(words[1], &a) && !words[2])
			return add(file, word->op, vcpu, a, 0, 0);
		break;
	case ADDR_VALUE:
		if (number(words[1], &a) && number(words[2], &b) && !words[3])
			return add(file, word->op, vcpu, a, b, 0);
		break;
	case VALUE:
		if (number(words[1], &b) && !words[2])
			return add(file, word->op, vcpu, 0, b, 0);
		break;
	case MEMORY_IN:
		if (number(words[1], &a) &&
		    (!words[2] || (number(words[2], &size) && !words[3])))
			return add(file, word->op, vcpu, a, 0, size);
		break;
	case MEMORY_OUT:
		if (number(words[1], &a) && number(words[2], &b) &&
		    (!words[3] || (number(words[3], &size) && !words[4])))
			return add(file, word->op, vcpu, a, b, size);
		break;
	default:
		if (!words[1])
			return add(file, word->op, vcpu, 0, 0, 0);
	}
	return complain(file, "%s: what goes with it is not right", words[0]);
}

/* The words behind "ioapic" */
static int ioapic_line(struct file *file, char **words)
{
	uint64_t address, gsi, pins;

	if (!number(words[0], &address) || !number(words[1], &gsi) || !number(words[2], &pins) ||
	    gsi > UINT32_MAX || pins > UINT32_MAX || words[3])
		return complain(file, "ioapic ADDRESS GSI PINS");
	if (file->script.nr_ops)
		return complain(file, "ioapic comes before all operations");
	if (file->ioapics == VINTC_MAX_IOAPICS)
		return complain(file, "too many IOAPICs");
	file->ioapic[file->ioapics++] =
		(struct vintc_ioapic){ .address = address, .gsi = gsi, .pins = pins };
	return 0;
}

/* What has to stand before the first operation. */
static int setup_line(struct file *file, char **words, bool *taken)
{
	uint64_t n;
	int flavour, policy;

	*taken = true;
	if (!strcmp(words[0], "cpu")) {
		flavour = words[1] ? vintc_model_flavour(words[1]) : -EINVAL;
		if (flavour < 0 || words[2])
			return complain(file, "cpu svm|vmx|apicv|avic|x2avic");
		file->flavour = flavour;
	} else if (!strcmp(words[0], "vcpus")) {
		if (!number(words[1], &n) || !n || n > VCPUS_MAX || words[2])
			return complain(file, "vcpus 1..%d", VCPUS_MAX);
		file->vcpus = n;
	} else if (!strcmp(words[0], "policy")) {
		policy = words[1] ? vintc_policy_number(words[1]) : -EINVAL;
		if (policy < 0 || !number(words[2], &n) || words[3])
			return complain(file, "policy NAME VALUE");
		file->policy[policy] = n;
		file->has_policy[policy] = true;
	} else if (!strcmp(words[0], "pit")) {
		if (words[1])
			return complain(file, "pit");
		file->pit = true;
	} else if (!strcmp(words[0], "ioapic")) {
		return ioapic_line(file, words + 1);
	} else {
		*taken = false;
		return 0;
	}
	if (file->script.nr_ops)
		return complain(file, "%s comes before all operations", words[0]);
	return 0;
}

static int outside_line(struct file *file, char **words)
{
	uint64_t a, b;
	bool taken;
	int ret = setup_line(file, words, &taken);

	if (taken)
		return ret;
	if (!strcmp(words[0], "advance") || !strcmp(words[0], "idle")) {
		if (!duration(words[1], &b) || words[2])
			return complain(file, "%s TIME", words[0]);
		return add(file, words[0][0] == 'a' ? VINTC_MODEL_ADVANCE :
						      VINTC_MODEL_IDLE,
			   0, 0, b, 0);
	}
	if (!strcmp(words[0], "line") || !strcmp(words[0], "msi")) {
		if (!number(words[1], &a) || !number(words[2], &b) || words[3])
			return complain(file, "line GSI LEVEL, msi ADDRESS DATA");
		return add(file, words[0][0] == 'l' ? VINTC_MODEL_LINE :
						      VINTC_MODEL_MSI,
			   0, a, b, 0);
	}
	return complain(file, "no operation \"%s\"", words[0]);
}

static int read_line(struct file *file, char *text)
{
	char *words[WORDS_MAX + 1] = { NULL }, *save, *end;
	unsigned long vcpu;
	int n = 0;

	text[strcspn(text, "#\n")] = 0;
	for (char *word = strtok_r(text, " \t", &save); word;
	     word = strtok_r(NULL, " \t", &save)) {
		if (n == WORDS_MAX)
			return complain(file, "too many words");
		words[n++] = word;
	}
	if (!n)
		return 0;
	vcpu = strtoul(words[0], &end, 10);
	if (*words[0] < '0' || *words[0] > '9' || strcmp(end, ":"))
		return outside_line(file, words);
	if (!words[1])
		return complain(file, "vCPU %lu does what?", vcpu);
	return guest_line(file, vcpu, words + 1);
}

static bool is_answer(const char *text)
{
	size_t blank = strspn(text, " \t");

	return blank && (text[blank] == '=' || text[blank] == '!');
}

static int read_file(struct file *file, FILE *from)
{
	char *text = NULL, *copy;
	size_t room = 0;

	while (getline(&text, &room, from) >= 0) {
		struct line *lines = realloc(file->lines, (file->nr + 1) * sizeof(*lines));

		copy = strdup(text);
		if (!lines || !copy) {
			free(copy);
			free(text);
			file->lines = lines ? lines : file->lines;
			return -ENOMEM;
		}
		file->lines = lines;
		file->at = file->nr++;
		lines[file->at] = (struct line){
			.text = copy, .answer = is_answer(copy),
			.first = file->script.nr_ops,
		};
		if (!lines[file->at].answer && read_line(file, text)) {
			free(text);
			return -EINVAL;
		}
	}
	free(text);
	return 0;
}

/* ------------------------------------------------------------------ answers */

static const struct {
	unsigned int vector;
	const char *name;
} exceptions[] = { { 6, "#UD" }, { 13, "#GP" } };

static void print_result(FILE *to, const struct vintc_model_op *op)
{
	switch (op->result) {
	case VINTC_MODEL_UNDONE:
		fprintf(to, "  = not come to\n");
		return;
	case VINTC_MODEL_FAULT:
		for (size_t i = 0; i < sizeof(exceptions) / sizeof(exceptions[0]); i++)
			if (exceptions[i].vector == op->code)
				fprintf(to, "  = %s\n", exceptions[i].name);
		return;
	case VINTC_MODEL_NOBODY:
		fprintf(to, "  = nobody is there\n");
		return;
	case VINTC_MODEL_HALTED:
		fprintf(to, "  = sleeps\n");
		return;
	case VINTC_MODEL_STOPPED:
		fprintf(to, "  = stopped\n");
		return;
	}
	switch (op->op) {
	case VINTC_MODEL_RDMSR:
	case VINTC_MODEL_READ:
	case VINTC_MODEL_IN:
	case VINTC_MODEL_RDCR8:
		fprintf(to, "  = %#llx\n", (unsigned long long)op->value);
		break;
	case VINTC_MODEL_LINE:
	case VINTC_MODEL_MSI:
	case VINTC_MODEL_IDLE:
		fprintf(to, "  = %lld\n", (long long)op->value);
		break;
	}
}

/* Events and results of the operations that line @line stands for. */
static void print_answers(const struct file *file, FILE *to, const struct line *line,
			  unsigned int *event)
{
	const struct vintc_script *script = &file->script;
	const struct vintc_model_event *e;
	char text[128];

	for (unsigned int op = line->first; op < line->first + line->count; op++) {
		if (script->ops[op].result != VINTC_MODEL_UNDONE ||
		    op == line->first)
			print_result(to, &script->ops[op]);
		for (; *event < script->nr_events; ++*event) {
			e = &script->events[*event];
			if (e->op > op)
				break;
			vintc_model_event_text(file->flavour, e, text, sizeof(text));
			fprintf(to, "  ! %llu ns, vCPU %u: %s\n",
				(unsigned long long)e->time, e->vcpu, text);
		}
	}
}

static void print_all(const struct file *file, FILE *to)
{
	unsigned int event = 0;

	for (size_t i = 0; i < file->nr; i++) {
		if (file->lines[i].answer)
			continue;
		fputs(file->lines[i].text, to);
		if (file->lines[i].count)
			print_answers(file, to, &file->lines[i], &event);
	}
	if (file->script.lost)
		fprintf(to, "  ! %u events more\n", file->script.lost);
}

/* The first line that is not as in the file. */
static int compare(const struct file *file, char *text)
{
	char *save = NULL, *line = strtok_r(text, "\n", &save);

	for (size_t i = 0; i < file->nr; i++) {
		char *want = file->lines[i].text;

		want[strcspn(want, "\n")] = 0;
		if (!*want)
			continue;
		if (!line || strcmp(line, want)) {
			fprintf(stderr, "%s:%zu: \"%s\", not \"%s\"\n", file->path,
				i + 1, line ? line : "nothing", want);
			return 1;
		}
		line = strtok_r(NULL, "\n", &save);
	}
	if (!line)
		return 0;
	fprintf(stderr, "%s: \"%s\" comes at the end\n", file->path, line);
	return 1;
}

static int prepare(struct file *file, struct vintc_vm *vm)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; i < VINTC_POLICIES && ret >= 0; i++)
		if (file->has_policy[i])
			ret = vintc_set_policy(vm, i, file->policy[i]);
	for (i = 0; i < file->ioapics && ret >= 0; i++)
		ret = vintc_create_ioapic(vm, file->ioapic[i].address, file->ioapic[i].gsi,
					  file->ioapic[i].pins, 0);
	if (file->pit && ret >= 0)
		ret = vintc_create_pit(vm);
	return ret;
}

static int execute(struct file *file, const char *device)
{
	struct vintc_vm vm;
	int fds[VCPUS_MAX];
	unsigned int n = 0;
	int ret = vintc_model_open(&vm, device, file->flavour);

	if (ret < 0) {
		fprintf(stderr, "vintctl: %s: no VM of model type: %s\n", device,
			strerror(-ret));
		return ret;
	}
	ret = prepare(file, &vm);
	while (ret >= 0 && n < file->vcpus) {
		ret = vintc_model_vcpu(&vm, n);
		if (ret < 0)
			break;
		fds[n++] = ret;
	}
	if (n == file->vcpus)
		ret = file->script.nr_ops ? vintc_script_run(&vm, &file->script) : 0;
	if (ret < 0)
		fprintf(stderr, "vintctl: %s: %s\n", file->path, strerror(-ret));
	vintc_vm_close(&vm);
	while (n)
		close(fds[--n]);
	return ret;
}

static int show(const struct file *file, bool check)
{
	char *text = NULL;
	size_t size;
	FILE *to;
	int ret;

	if (!check) {
		print_all(file, stdout);
		return 0;
	}
	to = open_memstream(&text, &size);
	if (!to)
		return 2;
	print_all(file, to);
	fclose(to);
	ret = compare(file, text);
	free(text);
	return ret;
}

int script_job(const char *device, const char *path, bool check)
{
	struct file file = { .path = path, .vcpus = 1 };
	FILE *from = strcmp(path, "-") ? fopen(path, "r") : stdin;
	int ret = 2;

	if (!from) {
		fprintf(stderr, "vintctl: %s: %s\n", path, strerror(errno));
		return 2;
	}
	if (!read_file(&file, from) && execute(&file, device) >= 0)
		ret = show(&file, check);
	if (from != stdin)
		fclose(from);
	for (size_t i = 0; i < file.nr; i++)
		free(file.lines[i].text);
	free(file.lines);
	vintc_script_free(&file.script);
	return ret;
}
