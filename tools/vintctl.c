// SPDX-License-Identifier: GPL-2.0-only
/* vintctl - see what vintc offers, and put it to work */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "libvintc.h"
#include "model.h"
#include "run.h"
#include "script.h"

#define DEFAULT_DEVICE	"/dev/vintc"

struct word {
	uint64_t value;
	const char *name;
};

static const struct word backends[] = {
	{ VINTC_BACKEND_NONE,	"none" },
	{ VINTC_BACKEND_SVM,	"SVM" },
	{ VINTC_BACKEND_VMX,	"VMX" },
	{ VINTC_BACKEND_MODEL,	"model" },
	{ 0, NULL }
};

static const struct word features[] = {
	{ VINTC_FEATURE_NESTED_PAGING,	"nested-paging" },
	{ VINTC_FEATURE_VNMI,		"vnmi" },
	{ VINTC_FEATURE_TSC_SCALING,	"tsc-scaling" },
	{ VINTC_FEATURE_TLB_TAGS,	"tlb-tags" },
	{ VINTC_FEATURE_SHARED,		"shared-with-kvm" },
	{ VINTC_FEATURE_NRIP_SAVE,	"nrip-save" },
	{ VINTC_FEATURE_DECODE_ASSIST,	"decode-assists" },
	{ VINTC_FEATURE_VGIF,		"vgif" },
	{ VINTC_FEATURE_FLUSH_BY_ASID,	"flush-by-asid" },
	{ VINTC_FEATURE_CLEAN_BITS,	"clean-bits" },
	{ VINTC_FEATURE_AVIC,		"avic" },
	{ VINTC_FEATURE_X2AVIC,		"x2avic" },
	{ VINTC_FEATURE_VIRT_SPEC_CTRL,	"virt-spec-ctrl" },
	{ VINTC_FEATURE_LBR_VIRT,	"lbr-virt" },
	{ VINTC_FEATURE_PAUSE_FILTER,	"pause-filter" },
	{ VINTC_FEATURE_UNRESTRICTED,	"unrestricted-guest" },
	{ VINTC_FEATURE_TPR_SHADOW,	"tpr-shadow" },
	{ VINTC_FEATURE_APIC_ACCESS,	"apic-access" },
	{ VINTC_FEATURE_APIC_REGISTERS,	"apic-registers" },
	{ VINTC_FEATURE_X2APIC_VIRT,	"x2apic-virt" },
	{ VINTC_FEATURE_VINTR_DELIVERY,	"virtual-interrupt-delivery" },
	{ VINTC_FEATURE_POSTED_INTR,	"posted-interrupts" },
	{ VINTC_FEATURE_IPI_VIRT,	"ipi-virt" },
	{ VINTC_FEATURE_PREEMPTION_TIMER, "preemption-timer" },
	{ VINTC_FEATURE_PML,		"pml" },
	{ VINTC_FEATURE_PAUSE_LOOP,	"pause-loop" },
	{ 0, NULL }
};

/* What a VMM needs for interrupts */
static const struct word capabilities[] = {
	{ KVM_CAP_USER_MEMORY,		"USER_MEMORY" },
	{ KVM_CAP_USER_MEMORY2,		"USER_MEMORY2" },
	{ KVM_CAP_NR_MEMSLOTS,		"NR_MEMSLOTS" },
	{ KVM_CAP_NR_VCPUS,		"NR_VCPUS" },
	{ KVM_CAP_MAX_VCPUS,		"MAX_VCPUS" },
	{ KVM_CAP_IRQCHIP,		"IRQCHIP" },
	{ KVM_CAP_SPLIT_IRQCHIP,	"SPLIT_IRQCHIP" },
	{ KVM_CAP_IRQ_ROUTING,		"IRQ_ROUTING" },
	{ KVM_CAP_IRQ_INJECT_STATUS,	"IRQ_INJECT_STATUS" },
	{ KVM_CAP_IRQFD,		"IRQFD" },
	{ KVM_CAP_IRQFD_RESAMPLE,	"IRQFD_RESAMPLE" },
	{ KVM_CAP_IOEVENTFD,		"IOEVENTFD" },
	{ KVM_CAP_SIGNAL_MSI,		"SIGNAL_MSI" },
	{ KVM_CAP_PIT2,			"PIT2" },
	{ KVM_CAP_MP_STATE,		"MP_STATE" },
	{ KVM_CAP_USER_NMI,		"USER_NMI" },
	{ KVM_CAP_VCPU_EVENTS,		"VCPU_EVENTS" },
	{ KVM_CAP_TSC_DEADLINE_TIMER,	"TSC_DEADLINE_TIMER" },
	{ KVM_CAP_X2APIC_API,		"X2APIC_API" },
	{ KVM_CAP_IMMEDIATE_EXIT,	"IMMEDIATE_EXIT" },
	{ KVM_CAP_BINARY_STATS_FD,	"BINARY_STATS_FD" },
	{ KVM_CAP_NESTED_STATE,		"NESTED_STATE" },
	{ 0, NULL }
};

static const struct word faults[] = {
	{ FAULT_LOST,	"lost" },
	{ FAULT_EXTRA,	"extra" },
	{ FAULT_STUCK,	"stuck" },
	{ 0, NULL }
};

static void usage(FILE *to)
{
	fputs("usage: vintctl info [--device PATH]\n"
	      "       vintctl run [--device PATH] [--cpus 1|2] [--count N] [--timeout SECONDS]\n"
	      "                   [--only NAME] [--fault lost|extra|stuck] [--software]\n"
	      "                   [--tap[=PREFIX]]\n"
	      "       vintctl model [--device PATH] [--check] FILE\n"
	      "\n"
	      "info  what the device offers and, of vintc, what it found on this machine\n"
	      "run   run a small guest that lives on interrupts: timers, IPIs, IOAPIC lines,\n"
	      "      MSIs, in xAPIC and x2APIC mode; count every one and say what was wrong.\n"
	      "      Exit status: 0 all right, 1 something wrong, 2 could not run.\n"
	      "model run a script on a software CPU, which needs no VMX or SVM, and print it with\n"
	      "      the answers; or check those that the file holds.  docs/model.md.\n"
	      "\n"
	      "NAME is part of the names of the phases to run.  A fault makes the device of the\n"
	      "VMM misbehave, to see that it is noticed.  --software: interrupts are not delivered\n"
	      "by hardware (APICv, AVIC) even where it can; only then vintc counts them by vector.\n"
	      "PATH is " DEFAULT_DEVICE " unless given; /dev/kvm works too.\n", to);
}

static void print_set(const char *title, uint64_t set)
{
	printf("%-10s", title);
	for (const struct word *word = features; word->name; word++)
		if (set & word->value)
			printf(" %s", word->name);
	printf("%s\n", set ? "" : " none");
}

static void print_own(int dev)
{
	struct vintc_info info;
	const char *backend = "unknown";
	int ret = vintc_info(dev, &info);

	if (ret == -ENOTTY || ret == -EINVAL) {
		printf("not a vintc device: only what KVM's ABI tells\n");
		return;
	}
	if (ret < 0) {
		printf("VINTC_GET_INFO: %s\n", strerror(-ret));
		return;
	}
	for (const struct word *word = backends; word->name; word++)
		if (word->value == info.backend)
			backend = word->name;
	printf("vintc      ABI version %u\nbackend    %s\n", info.version, backend);
	print_set("present", info.present);
	print_set("used", info.used);
}

static int info(const char *device)
{
	struct vintc_vm vm;
	int ret = vintc_vm_open(&vm, device);

	/* Neither VMX nor SVM: what is said of a VM holds for a model's too. */
	if (ret == -ENODEV)
		ret = vintc_model_open(&vm, device, VINTC_MODEL_SVM);
	if (ret < 0) {
		fprintf(stderr, "vintctl: %s: cannot open the device and create a VM: %s\n",
			device, strerror(-ret));
		return 2;
	}
	printf("device     %s\nAPI        version %d, %zu bytes mapped per vCPU\n",
	       device, KVM_API_VERSION, vm.run_size);
	print_own(vm.dev);
	printf("capabilities\n");
	for (const struct word *word = capabilities; word->name; word++) {
		int value = vintc_vm_extension(&vm, word->value);

		if (value)
			printf("  %-24s %d\n", word->name, value);
		else
			printf("  %-24s -\n", word->name);
	}
	vintc_vm_close(&vm);
	return 0;
}

static unsigned int number(const char *text, unsigned int low, unsigned int high)
{
	char *end;
	unsigned long value = strtoul(text, &end, 0);

	if (*end || end == text || value < low || value > high) {
		fprintf(stderr, "vintctl: \"%s\" is not a number from %u to %u\n",
			text, low, high);
		exit(2);
	}
	return value;
}

static enum fault fault(const char *text)
{
	for (const struct word *word = faults; word->name; word++)
		if (!strcmp(text, word->name))
			return word->value;
	fprintf(stderr, "vintctl: \"%s\" is no fault that can be made\n", text);
	exit(2);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "device",	required_argument,	NULL, 'd' },
		{ "cpus",	required_argument,	NULL, 'c' },
		{ "count",	required_argument,	NULL, 'n' },
		{ "timeout",	required_argument,	NULL, 't' },
		{ "fault",	required_argument,	NULL, 'f' },
		{ "only",	required_argument,	NULL, 'o' },
		{ "software",	no_argument,		NULL, 's' },
		{ "tap",	optional_argument,	NULL, 'T' },
		{ "check",	no_argument,		NULL, 'C' },
		{ "help",	no_argument,		NULL, 'h' },
		{ NULL, 0, NULL, 0 }
	};
	struct run_options run = {
		.device = DEFAULT_DEVICE, .cpus = 2, .count = 100, .timeout = 20,
	};
	bool check = false;
	int option;

	while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		switch (option) {
		case 'd':
			run.device = optarg;
			break;
		case 'c':
			run.cpus = number(optarg, 1, IRQ_MAX_CPUS);
			break;
		case 'n':
			run.count = number(optarg, 1, 1000000);
			break;
		case 't':
			run.timeout = number(optarg, 1, 3600);
			break;
		case 'f':
			run.fault = fault(optarg);
			break;
		case 'o':
			run.only = optarg;
			break;
		case 's':
			run.software = true;
			break;
		case 'T':
			run.tap = optarg ? optarg : "main";
			break;
		case 'C':
			check = true;
			break;
		case 'h':
			usage(stdout);
			return 0;
		default:
			usage(stderr);
			return 2;
		}
	}
	if (optind + 1 == argc && !strcmp(argv[optind], "info"))
		return info(run.device);
	if (optind + 1 == argc && !strcmp(argv[optind], "run"))
		return run_job(&run);
	if (optind + 2 == argc && !strcmp(argv[optind], "model"))
		return script_job(run.device, argv[optind + 1], check);
	usage(stderr);
	return 2;
}
