// SPDX-License-Identifier: GPL-2.0-only
/* libvintc: see model.h */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "model.h"

static const char *const flavours[] = { "svm", "vmx", "apicv", "avic", "x2avic" };

#define FLAVOURS (sizeof(flavours) / sizeof(flavours[0]))

static int xioctl(int fd, unsigned long request, void *arg)
{
	int ret = ioctl(fd, request, arg);

	return ret < 0 ? -errno : ret;
}

static int vioctl(int fd, unsigned long request, unsigned long arg)
{
	return xioctl(fd, request, (void *)arg);
}

int vintc_model_flavour(const char *name)
{
	for (unsigned int i = 0; i < FLAVOURS; i++)
		if (!strcmp(name, flavours[i]))
			return i;
	return -EINVAL;
}

const char *vintc_model_flavour_name(unsigned int flavour)
{
	return flavour < FLAVOURS ? flavours[flavour] : "unknown";
}

int vintc_model_open(struct vintc_vm *vm, const char *device,
		     unsigned int flavour)
{
	struct vintc_model_config config = { .flavour = flavour };
	int ret;

	memset(vm, 0, sizeof(*vm));
	vm->fd = -1;
	vm->dev = open(device ? device : "/dev/vintc", O_RDWR | O_CLOEXEC);
	if (vm->dev < 0)
		return -errno;
	ret = vioctl(vm->dev, KVM_GET_VCPU_MMAP_SIZE, 0);
	if (ret < 0)
		goto fail;
	vm->run_size = ret;
	ret = vioctl(vm->dev, KVM_CREATE_VM, VINTC_VM_TYPE_MODEL);
	if (ret < 0)
		goto fail;
	vm->fd = ret;
	ret = xioctl(vm->fd, VINTC_MODEL_CONFIG, &config);
	if (!ret)
		ret = vioctl(vm->fd, KVM_CREATE_IRQCHIP, 0);
	if (!ret)
		return 0;
fail:
	vintc_vm_close(vm);
	return ret;
}

int vintc_model_vcpu(struct vintc_vm *vm, unsigned int id)
{
	return vioctl(vm->fd, KVM_CREATE_VCPU, id);
}

/* ----------------------------------------------------------------- scripts */

int vintc_script_add(struct vintc_script *script, unsigned int op,
		     unsigned int vcpu, uint64_t addr, uint64_t value,
		     unsigned int size)
{
	struct vintc_model_op *ops = script->ops;

	if (script->nr_ops == VINTC_MODEL_MAX_OPS)
		return -E2BIG;
	/* Room for a power of two: grows when that is reached. */
	if (!(script->nr_ops & (script->nr_ops - 1))) {
		size_t room = script->nr_ops ? script->nr_ops * 2 : 1;

		ops = realloc(ops, room * sizeof(*ops));
		if (!ops)
			return -ENOMEM;
		script->ops = ops;
	}
	ops[script->nr_ops] = (struct vintc_model_op){
		.op = op, .vcpu = vcpu, .addr = addr, .value = value, .size = size,
	};
	return script->nr_ops++;
}

int vintc_script_run(struct vintc_vm *vm, struct vintc_script *script)
{
	struct vintc_model_run run = {
		.nr_ops = script->nr_ops,
		.ops = (uintptr_t)script->ops,
		.nr_events = VINTC_MODEL_MAX_EVENTS,
	};
	int ret;

	free(script->events);
	script->nr_events = 0;
	script->events = calloc(VINTC_MODEL_MAX_EVENTS, sizeof(*script->events));
	if (!script->events)
		return -ENOMEM;
	run.events = (uintptr_t)script->events;
	ret = xioctl(vm->fd, VINTC_MODEL_RUN, &run);
	if (ret < 0)
		return ret;
	script->nr_events = run.nr_events;
	script->lost = run.lost;
	script->done = run.done;
	script->time = run.time;
	return 0;
}

void vintc_script_free(struct vintc_script *script)
{
	free(script->ops);
	free(script->events);
	memset(script, 0, sizeof(*script));
}

/* -------------------------------------------------------------------- text */

struct reason {
	unsigned int code;
	const char *name;
};

static const struct reason vmx[] = {
	{ 1, "INTERRUPT" }, { 3, "INIT" }, { 7, "INTERRUPT_WINDOW" },
	{ 8, "NMI_WINDOW" }, { 12, "HLT" }, { 18, "VMCALL" },
	{ 20, "VMLAUNCH" }, { 26, "VMXOFF" }, { 27, "VMXON" }, { 28, "CR" },
	{ 30, "IO" }, { 31, "RDMSR" }, { 32, "WRMSR" },
	{ 43, "TPR_BELOW_THRESHOLD" }, { 44, "APIC_ACCESS" },
	{ 45, "VIRTUALIZED_EOI" }, { 48, "EPT_VIOLATION" },
	{ 56, "APIC_WRITE" }, { 0, NULL }
};

static const struct reason svm[] = {
	{ 0x08, "READ_CR8" }, { 0x18, "WRITE_CR8" }, { 0x60, "INTR" },
	{ 0x63, "INIT" }, { 0x64, "VINTR" }, { 0x74, "IRET" }, { 0x78, "HLT" },
	{ 0x7b, "IOIO" }, { 0x7c, "MSR" }, { 0x80, "VMRUN" },
	{ 0x81, "VMMCALL" }, { 0x84, "STGI" }, { 0x85, "CLGI" },
	{ 0x400, "NPF" }, { 0x401, "AVIC_INCOMPLETE_IPI" },
	{ 0x402, "AVIC_NOACCEL" }, { 0, NULL }
};

static const char *reason_name(unsigned int flavour, unsigned int code)
{
	const struct reason *r = flavour == VINTC_MODEL_VMX ||
				 flavour == VINTC_MODEL_APICV ? vmx : svm;

	for (; r->name; r++)
		if (r->code == code)
			return r->name;
	return "UNKNOWN";
}

void vintc_model_event_text(unsigned int flavour,
			    const struct vintc_model_event *event, char *text,
			    size_t size)
{
	static const char *const kinds[] = {
		[VINTC_MODEL_EV_EXIT] = "exit",
		[VINTC_MODEL_EV_INTERRUPT] = "interrupt",
		[VINTC_MODEL_EV_NMI] = "NMI",
		[VINTC_MODEL_EV_L2_EXIT] = "exit from L2 to L1:",
		[VINTC_MODEL_EV_INIT] = "INIT",
		[VINTC_MODEL_EV_SIPI] = "SIPI, page",
		[VINTC_MODEL_EV_SCAN] = "scan of the routes",
		[VINTC_MODEL_EV_LOAD] = "load of the EOI-exit map",
		[VINTC_MODEL_EV_NOTIFY] = "posted-interrupt notification",
		[VINTC_MODEL_EV_DOORBELL] = "doorbell",
		[VINTC_MODEL_EV_TIMER] = "timer",
	};
	unsigned int kind = event->kind;
	int n;

	if (kind >= sizeof(kinds) / sizeof(kinds[0])) {
		snprintf(text, size, "event %u %#x", kind, event->code);
		return;
	}
	switch (kind) {
	case VINTC_MODEL_EV_EXIT:
	case VINTC_MODEL_EV_L2_EXIT:
		n = snprintf(text, size, "%s %s", kinds[kind],
			     reason_name(flavour, event->code));
		if (event->info[0] || event->info[1])
			snprintf(text + n, size - n, " %#llx %#llx",
				 (unsigned long long)event->info[0],
				 (unsigned long long)event->info[1]);
		break;
	case VINTC_MODEL_EV_INTERRUPT:
	case VINTC_MODEL_EV_SIPI:
		snprintf(text, size, "%s %#x", kinds[kind], event->code);
		break;
	default:
		snprintf(text, size, "%s", kinds[kind]);
	}
}
