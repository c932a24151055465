// SPDX-License-Identifier: GPL-2.0-only
/*
 * VMs of model type by their ioctls: what is refused, and changes nothing then;
 * that the rest of KVM's ioctls works on them; that time is theirs alone. Needs
 * neither VMX nor SVM.
 *
 *	[DEV=/dev/vintc] [SEED=n] [CALLS=n] modeltest [TEST]...
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vm.h"
#include "../../../uapi/vintc.h"

struct model {
	int dev, fd;
	int cpu[2];
};

typedef struct vintc_model_op op_t;

static void model_start(struct model *m, u32 flavour, int cpus)
{
	struct vintc_model_config config = { .flavour = flavour };

	m->dev = dev_open();
	m->fd = try(m->dev, KVM_CREATE_VM, (void *)VINTC_VM_TYPE_MODEL);
	if (m->fd < 0)
		fail("KVM_CREATE_VM: %d", m->fd);
	must(m->fd, VINTC_MODEL_CONFIG, &config);
	must(m->fd, KVM_CREATE_IRQCHIP, 0);
	for (int i = 0; i < cpus; i++) {
		m->cpu[i] = try(m->fd, KVM_CREATE_VCPU, (void *)(long)i);
		if (m->cpu[i] < 0)
			fail("KVM_CREATE_VCPU: %d", m->cpu[i]);
	}
	for (int i = cpus; i < 2; i++)
		m->cpu[i] = -1;
}

static void model_end(struct model *m)
{
	for (int i = 0; i < 2; i++)
		if (m->cpu[i] >= 0)
			close(m->cpu[i]);
	close(m->fd);
	close(m->dev);
}

static struct vintc_model_event log_[VINTC_MODEL_MAX_EVENTS];

static struct vintc_model_run run_of(op_t *ops, u32 n)
{
	struct vintc_model_run run = {
		.nr_ops = n,
		.ops = (u64)(unsigned long)ops,
		.events = (u64)(unsigned long)log_,
		.nr_events = VINTC_MODEL_MAX_EVENTS,
	};

	return run;
}

/* All of them are done. */
static struct vintc_model_run ran(struct model *m, op_t *ops, u32 n)
{
	struct vintc_model_run run = run_of(ops, n);

	expect(try(m->fd, VINTC_MODEL_RUN, &run), 0);
	expect(run.done, n);
	return run;
}

static u32 events(const struct vintc_model_run *run, u32 kind, u32 code)
{
	u32 n = 0;

	for (u32 i = 0; i < run->nr_events; i++)
		n += log_[i].kind == kind && log_[i].code == code;
	return n;
}

static const op_t enable = { .op = VINTC_MODEL_WRITE, .addr = 0xfee000f0,
			     .value = 0x1ff, .size = 4 };
static const op_t sti = { .op = VINTC_MODEL_STI };
static const op_t nop = { .op = VINTC_MODEL_NOP };
static const op_t eoi = { .op = VINTC_MODEL_EOI };
static const op_t iret = { .op = VINTC_MODEL_IRET };

static void enabled(struct model *m)
{
	op_t ops[] = { enable, sti, nop };

	ran(m, ops, 3);
}

/* ---- what is refused ---- */

static const struct bad {
	const char *what;
	op_t op;
	int error;
} bad_ops[] = {
	{ "no such operation", { .op = 21 }, EINVAL },
	{ "nor that", { .op = 31 }, EINVAL },
	{ "nor that", { .op = 37 }, EINVAL },
	{ "nor that", { .op = ~0u }, EINVAL },
	{ "flags", { .op = VINTC_MODEL_NOP, .flags = 1 }, EINVAL },
	{ "result", { .op = VINTC_MODEL_NOP, .result = 1 }, EINVAL },
	{ "code", { .op = VINTC_MODEL_NOP, .code = 1 }, EINVAL },
	{ "reserved", { .op = VINTC_MODEL_NOP, .reserved = 1 }, EINVAL },
	{ "no such vCPU", { .op = VINTC_MODEL_NOP, .vcpu = 1 }, ENOENT },
	{ "no such vCPU", { .op = VINTC_MODEL_NMI, .vcpu = ~0u }, ENOENT },
	{ "a vCPU for time", { .op = VINTC_MODEL_ADVANCE, .vcpu = 1 }, EINVAL },
	{ "an address for nothing", { .op = VINTC_MODEL_STI, .addr = 1 }, EINVAL },
	{ "a size for nothing", { .op = VINTC_MODEL_STI, .size = 4 }, EINVAL },
	{ "no size", { .op = VINTC_MODEL_READ }, EINVAL },
	{ "an odd size", { .op = VINTC_MODEL_READ, .size = 3 }, EINVAL },
	{ "a large size", { .op = VINTC_MODEL_WRITE, .size = 16 }, EINVAL },
	{ "64 bits of a port", { .op = VINTC_MODEL_IN, .size = 8 }, EINVAL },
	{ "not aligned", { .op = VINTC_MODEL_READ, .size = 4, .addr = 2 }, EINVAL },
	{ "beyond memory", { .op = VINTC_MODEL_READ, .size = 4, .addr = 1ull << 52 }, EINVAL },
	{ "no such port", { .op = VINTC_MODEL_OUT, .size = 1, .addr = 1 << 16 }, EINVAL },
	{ "an MSR's number", { .op = VINTC_MODEL_RDMSR, .addr = 1ull << 32 }, EINVAL },
	{ "too long", { .op = VINTC_MODEL_ADVANCE, .value = VINTC_MODEL_MAX_NS + 1 }, EINVAL },
	{ "too long", { .op = VINTC_MODEL_IDLE, .value = ~0ull }, EINVAL },
	{ "a GSI", { .op = VINTC_MODEL_LINE, .addr = 4096 }, EINVAL },
	{ "a level", { .op = VINTC_MODEL_LINE, .value = 2 }, EINVAL },
	{ "reserved bits of an MSI's address", { .op = VINTC_MODEL_MSI, .addr = 0x1fee00000 }, EINVAL },
	{ "its data", { .op = VINTC_MODEL_MSI, .addr = 0xfee00000, .value = 1ull << 32 }, EINVAL },
	{ "L2's bits", { .op = VINTC_MODEL_ENTER_L2, .value = 2 }, EINVAL },
	{ "VMX on SVM", { .op = VINTC_MODEL_VMXON }, EINVAL },
};

/* Of a script with anything wrong in it nothing is done. */
static void t_bad_ops(void)
{
	struct kvm_lapic_state before, after;
	struct vintc_model_run run;
	struct model m;

	model_start(&m, VINTC_MODEL_SVM, 1);
	must(m.cpu[0], KVM_GET_LAPIC, &before);
	for (size_t i = 0; i < ARRAY_SIZE(bad_ops); i++) {
		op_t ops[2] = { enable, bad_ops[i].op };
		long r;

		run = run_of(ops, 2);
		r = try(m.fd, VINTC_MODEL_RUN, &run);
		if (r != -bad_ops[i].error)
			fail("%s: %ld, not %d", bad_ops[i].what, r, -bad_ops[i].error);
		expect(ops[0].result, VINTC_MODEL_UNDONE);
	}
	must(m.cpu[0], KVM_GET_LAPIC, &after);
	expect(memcmp(&before, &after, sizeof(before)), 0);
	model_end(&m);
}

static void t_bad_run(void)
{
	static op_t many[VINTC_MODEL_MAX_OPS + 1];
	u8 *gap = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct vintc_model_run run;
	op_t one = nop;
	struct model m;

	munmap(gap + 4096, 4096);
	model_start(&m, VINTC_MODEL_SVM, 1);
	expect(try(m.fd, VINTC_MODEL_RUN, NULL), -EFAULT);
	expect(try(m.fd, VINTC_MODEL_RUN, gap + 4095), -EFAULT);
	expect(try(m.fd, VINTC_MODEL_RUN, (void *)-1ul), -EFAULT);
#define BAD(field, val, error) \
	run = run_of(&one, 1); run.field = (val); expect(try(m.fd, VINTC_MODEL_RUN, &run), -(error))
	BAD(flags, 1, EINVAL);
	BAD(nr_ops, 0, EINVAL);
	BAD(nr_ops, VINTC_MODEL_MAX_OPS + 1, E2BIG);
	BAD(nr_ops, ~0u, E2BIG);
	BAD(nr_events, VINTC_MODEL_MAX_EVENTS + 1, E2BIG);
	BAD(lost, 1, EINVAL);
	BAD(done, 1, EINVAL);
	BAD(reserved0, 1, EINVAL);
	BAD(time, 1, EINVAL);
	BAD(reserved[3], 1, EINVAL);
	BAD(ops, 0, EFAULT);
	BAD(ops, (u64)(unsigned long)gap + 4096 - 8, EFAULT);
	BAD(ops, 0xffff888000000000ull, EFAULT);
	/* the largest there is */
	run = run_of(many, VINTC_MODEL_MAX_OPS);
	expect(try(m.fd, VINTC_MODEL_RUN, &run), 0);
	expect(run.done, VINTC_MODEL_MAX_OPS);
	model_end(&m);
}

static void t_config(void)
{
	struct vintc_model_config config = { 0 };
	struct vintc_model_run run;
	op_t one = nop;
	struct model m = { .cpu = { -1, -1 } };

	m.dev = dev_open();
	expect(try(m.dev, KVM_CREATE_VM, (void *)(VINTC_VM_TYPE_MODEL + 1l)), -EINVAL);
	expect(try(m.dev, KVM_CREATE_VM, (void *)(VINTC_VM_TYPE_MODEL | 1l << 32)), -EINVAL);
	m.fd = try(m.dev, KVM_CREATE_VM, (void *)VINTC_VM_TYPE_MODEL);
	expect_that(m.fd >= 0);
	expect(try(m.fd, VINTC_MODEL_CONFIG, NULL), -EFAULT);
	config.flags = 1;
	expect(try(m.fd, VINTC_MODEL_CONFIG, &config), -EINVAL);
	config = (struct vintc_model_config){ .flavour = 5 };
	expect(try(m.fd, VINTC_MODEL_CONFIG, &config), -EINVAL);
	config = (struct vintc_model_config){ .reserved = { [6] = 1 } };
	expect(try(m.fd, VINTC_MODEL_CONFIG, &config), -EINVAL);
	config = (struct vintc_model_config){ .flavour = VINTC_MODEL_X2AVIC };
	expect(try(m.fd, VINTC_MODEL_CONFIG, &config), 0);
	/* no irqchip, no script */
	run = run_of(&one, 1);
	expect(try(m.fd, VINTC_MODEL_RUN, &run), -ENXIO);
	must(m.fd, KVM_CREATE_IRQCHIP, 0);
	expect(try(m.fd, VINTC_MODEL_RUN, &run), -ENOENT);
	m.cpu[0] = try(m.fd, KVM_CREATE_VCPU, (void *)0);
	expect(try(m.fd, VINTC_MODEL_CONFIG, &config), -EBUSY);
	/* what runs instructions runs none of these */
	expect(try(m.cpu[0], KVM_RUN, NULL), -EOPNOTSUPP);
	expect(try(m.cpu[0], VINTC_MODEL_RUN, &run), -EINVAL);
	expect(try(m.dev, VINTC_MODEL_RUN, &run), -EINVAL);
	expect(try(m.fd, VINTC_GET_INFO, &run), -ENOTTY);
	model_end(&m);
}

/* Another VM has none of it; where there is VMX or SVM. */
static void t_other_vm(void)
{
	struct vintc_model_config config = { 0 };
	struct vintc_model_run run;
	op_t one = nop;
	int dev = dev_open(), fd = try(dev, KVM_CREATE_VM, (void *)0);

	if (fd == -ENODEV)
		skip("neither VMX nor SVM");
	run = run_of(&one, 1);
	expect(try(fd, VINTC_MODEL_RUN, &run), -ENOTTY);
	expect(try(fd, VINTC_MODEL_CONFIG, &config), -ENOTTY);
	close(fd);
	close(dev);
}

/* ---- what works ---- */

/* Lines, messages and state by KVM's ioctls, between scripts. */
static void t_ioctls(void)
{
	struct kvm_irq_level line = { .irq = 4, .level = 1 };
	struct kvm_msi msi = { .address_lo = 0xfee00000, .data = 0x51 };
	struct kvm_mp_state mp;
	struct kvm_regs regs;
	struct kvm_lapic_state lapic;
	struct vintc_model_run run;
	struct model m;

	model_start(&m, VINTC_MODEL_APICV, 2);
	enabled(&m);
	{
		op_t ops[] = {
			{ .op = VINTC_MODEL_WRITE, .addr = 0xfec00000, .value = 0x18, .size = 4 },
			{ .op = VINTC_MODEL_WRITE, .addr = 0xfec00010, .value = 0x41, .size = 4 },
			{ .op = VINTC_MODEL_OUT, .addr = 0x21, .value = 0xff, .size = 1 },
		};

		ran(&m, ops, 3);
	}
	must(m.fd, KVM_IRQ_LINE_STATUS, &line);
	expect(line.status, 1); /* the PIC has it masked */
	must(m.fd, KVM_SIGNAL_MSI, &msi);
	{
		op_t ops[] = { nop, eoi, iret, eoi, iret };

		run = ran(&m, ops, 5);
		/* both are there at entry: the higher one first */
		expect(log_[0].kind, VINTC_MODEL_EV_INTERRUPT);
		expect(log_[0].code, 0x51);
		expect(events(&run, VINTC_MODEL_EV_INTERRUPT, 0x41), 1);
	}
	must(m.cpu[0], KVM_GET_LAPIC, &lapic);
	expect(*(u32 *)(lapic.regs + 0xf0), 0x1ff);
	/* IF by KVM_SET_REGS */
	must(m.cpu[0], KVM_GET_REGS, &regs);
	expect(regs.rflags & 0x200, 0x200);
	regs.rflags &= ~0x200ull;
	must(m.cpu[0], KVM_SET_REGS, &regs);
	must(m.fd, KVM_SIGNAL_MSI, &msi);
	{
		op_t ops[] = { nop };

		run = ran(&m, ops, 1);
		expect(events(&run, VINTC_MODEL_EV_INTERRUPT, 0x51), 0);
	}
	must(m.cpu[1], KVM_GET_MP_STATE, &mp);
	expect(mp.mp_state, KVM_MP_STATE_UNINITIALIZED);
	mp.mp_state = KVM_MP_STATE_RUNNABLE;
	must(m.cpu[1], KVM_SET_MP_STATE, &mp);
	{
		op_t ops[] = { { .op = VINTC_MODEL_HLT, .vcpu = 1 }, { .op = VINTC_MODEL_NOP, .vcpu = 1 } };

		run = run_of(ops, 2);
		expect(try(m.fd, VINTC_MODEL_RUN, &run), 0);
		expect(run.done, 1);
		expect(ops[1].result, VINTC_MODEL_HALTED);
	}
	must(m.cpu[1], KVM_GET_MP_STATE, &mp);
	expect(mp.mp_state, KVM_MP_STATE_HALTED);
	model_end(&m);
}

/* LVT CMCI and IA32_MCi_CTL2 are there with MCG_CMCI_P, not without. */
static void t_cmci(void)
{
	for (int with = 0; with < 2; with++) {
		op_t ops[] = {
			enable,
			{ .op = VINTC_MODEL_READ, .addr = 0xfee00030, .size = 4 },
			{ .op = VINTC_MODEL_READ, .addr = 0xfee002f0, .size = 4 },
			{ .op = VINTC_MODEL_WRITE, .addr = 0xfee002f0, .value = ~0u, .size = 4 },
			{ .op = VINTC_MODEL_READ, .addr = 0xfee002f0, .size = 4 },
			{ .op = VINTC_MODEL_WRITE, .addr = 0xfee00280, .size = 4 },
			{ .op = VINTC_MODEL_READ, .addr = 0xfee00280, .size = 4 },
			{ .op = VINTC_MODEL_WRMSR, .addr = 0x281, .value = 1 << 30 | 0x7fff },
			{ .op = VINTC_MODEL_WRMSR, .addr = 0x281, .value = 1ull << 31 },
			{ .op = VINTC_MODEL_RDMSR, .addr = 0x281 },
			{ .op = VINTC_MODEL_RDMSR, .addr = 0x282 },
		};
		u64 cap = 1 << 8 | 2 | with << 10;
		struct model m;

		model_start(&m, VINTC_MODEL_VMX, 1);
		expect(try(m.cpu[0], KVM_X86_SETUP_MCE, &(u64){ cap | 1 << 11 }), -EINVAL);
		must(m.cpu[0], KVM_X86_SETUP_MCE, &cap);
		ran(&m, ops, ARRAY_SIZE(ops));
		expect(ops[1].value, with ? 0x60014 : 0x50014);
		expect(ops[2].value, with ? 0x10000 : 0);
		expect(ops[4].value, with ? 0x107ff : 0);
		expect(ops[6].value, with ? 0 : 0x80); /* no such register */
		expect(ops[7].result, with ? VINTC_MODEL_DONE : VINTC_MODEL_FAULT);
		expect(ops[8].result, VINTC_MODEL_FAULT);
		expect(ops[9].value, with ? 1 << 30 | 0x7fff : 0);
		expect(ops[10].result, VINTC_MODEL_FAULT); /* two banks */
		model_end(&m);
	}
}

/* Saved in the middle and restored into another VM, a guest goes on the same. */
static void t_save_restore(void)
{
	static const u32 flavours[] = { VINTC_MODEL_SVM, VINTC_MODEL_VMX, VINTC_MODEL_APICV, VINTC_MODEL_AVIC };

	for (size_t i = 0; i < ARRAY_SIZE(flavours); i++) {
		op_t first[] = { enable, sti, nop,
				 { .op = VINTC_MODEL_MSI, .addr = 0xfee00000, .value = 0x41 },
				 { .op = VINTC_MODEL_MSI, .addr = 0xfee00000, .value = 0x35 } };
		op_t more[] = { { .op = VINTC_MODEL_READ, .addr = 0xfee00120, .size = 4 },
				{ .op = VINTC_MODEL_READ, .addr = 0xfee00210, .size = 4 }, eoi, sti, nop };
		struct kvm_lapic_state lapic;
		struct kvm_regs regs;
		struct vintc_model_run run;
		struct model a, b;

		model_start(&a, flavours[i], 1);
		model_start(&b, flavours[i], 1);
		ran(&a, first, 5);
		must(a.cpu[0], KVM_GET_LAPIC, &lapic);
		must(a.cpu[0], KVM_GET_REGS, &regs);
		must(b.cpu[0], KVM_SET_LAPIC, &lapic);
		must(b.cpu[0], KVM_SET_REGS, &regs);
		run = ran(&b, more, 5);
		expect(more[0].value, 2);
		expect(more[1].value, 1 << 0x15);
		expect(events(&run, VINTC_MODEL_EV_INTERRUPT, 0x35), 1);
		model_end(&a);
		model_end(&b);
	}
}

/* A guest's writes signal eventfds, and read as ones where nobody is. */
static void t_ioeventfd(void)
{
	int fds[2] = { eventfd(0, EFD_NONBLOCK), eventfd(0, EFD_NONBLOCK) };
	op_t ops[] = { { .op = VINTC_MODEL_OUT, .addr = 0x510, .size = 1, .value = 7 },
		       { .op = VINTC_MODEL_OUT, .addr = 0x510, .size = 1, .value = 8 },
		       { .op = VINTC_MODEL_WRITE, .addr = 0x10000000, .size = 4, .value = 1 },
		       { .op = VINTC_MODEL_READ, .addr = 0x10000000, .size = 4 } };
	struct kvm_ioeventfd pio = { .addr = 0x510, .len = 1, .fd = fds[0], .datamatch = 7,
				     .flags = KVM_IOEVENTFD_FLAG_PIO | KVM_IOEVENTFD_FLAG_DATAMATCH };
	struct kvm_ioeventfd mmio = { .addr = 0x10000000, .len = 4, .fd = fds[1] };
	struct model m;
	u64 n;

	model_start(&m, VINTC_MODEL_SVM, 1);
	must(m.fd, KVM_IOEVENTFD, &pio);
	must(m.fd, KVM_IOEVENTFD, &mmio);
	ran(&m, ops, 4);
	expect(ops[0].result, VINTC_MODEL_DONE);
	expect(ops[1].result, VINTC_MODEL_NOBODY);
	expect(ops[2].result, VINTC_MODEL_DONE);
	expect(ops[3].result, VINTC_MODEL_NOBODY);
	expect(ops[3].value, 0xffffffff);
	for (int i = 0; i < 2; i++) {
		expect(read(fds[i], &n, sizeof(n)), sizeof(n));
		expect(n, 1);
		close(fds[i]);
	}
	model_end(&m);
}

/* Only a script advances time; sleeping doesn't. */
static void t_time(void)
{
	op_t ops[] = { { .op = VINTC_MODEL_ADVANCE, .value = 12345 }, { .op = VINTC_MODEL_RDMSR, .addr = 0x10 } };
	struct vintc_model_run run;
	struct model m;

	model_start(&m, VINTC_MODEL_VMX, 1);
	run = ran(&m, ops, 2);
	expect(run.time, 12345);
	expect(ops[1].value, 12345);
	usleep(20000);
	ops[0] = (op_t){ .op = VINTC_MODEL_ADVANCE, .value = VINTC_MODEL_MAX_NS };
	ops[1] = (op_t){ .op = VINTC_MODEL_RDMSR, .addr = 0x10 };
	run = ran(&m, ops, 2);
	expect(ops[1].value, 12345 + VINTC_MODEL_MAX_NS);
	model_end(&m);
}

/* More events than room: the first ones are there, the others are counted. */
static void t_overflow(void)
{
	op_t ops[20];
	struct vintc_model_run run;
	struct model m;

	model_start(&m, VINTC_MODEL_SVM, 1);
	for (size_t i = 0; i < 20; i++)
		ops[i] = enable;
	memset(log_, 0x5a, sizeof(log_));
	run = run_of(ops, 20);
	run.nr_events = 7;
	expect(try(m.fd, VINTC_MODEL_RUN, &run), 0);
	expect(run.nr_events, 7);
	expect_that(run.lost >= 13);
	expect(log_[6].kind, VINTC_MODEL_EV_EXIT);
	expect(log_[7].kind, 0x5a5a5a5a);
	for (size_t i = 0; i < 20; i++)
		ops[i] = enable;
	run = run_of(ops, 20);
	run.nr_events = 0;
	run.events = 0;
	expect(try(m.fd, VINTC_MODEL_RUN, &run), 0);
	expect(run.done, 20);
	model_end(&m);
}

/* A line that nobody lowers: idle ends all the same. */
static void t_storm(void)
{
	op_t ops[] = {
		enable, sti,
		{ .op = VINTC_MODEL_WRITE, .addr = 0xfec00000, .value = 0x30, .size = 4 },
		{ .op = VINTC_MODEL_WRITE, .addr = 0xfec00010, .value = 0x8041, .size = 4 },
		{ .op = VINTC_MODEL_LINE, .addr = 16, .value = 1 },
		{ .op = VINTC_MODEL_IDLE, .value = 1000 },
	};
	struct vintc_policy never = { .policy = VINTC_POLICY_LEVEL_STORM };
	struct vintc_model_run run;
	struct model m;

	model_start(&m, VINTC_MODEL_AVIC, 1);
	must(m.fd, VINTC_SET_POLICY, &never);
	run = ran(&m, ops, 6);
	expect(ops[5].value, 65536);
	expect(run.time, 0);
	expect(run.nr_events, VINTC_MODEL_MAX_EVENTS);
	expect_that(run.lost > 0);
	model_end(&m);
}

/* ---- anything ---- */

static u64 state;

static u64 next(void)
{
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return state * 0x2545f4914f6cdd1dull;
}

static op_t any_op(void)
{
	op_t op = { .op = next() % (VINTC_MODEL_GUEST_OPS + 5), .vcpu = next() % 4 == 0 };

	if (op.op >= VINTC_MODEL_GUEST_OPS)
		op.op += VINTC_MODEL_ADVANCE - VINTC_MODEL_GUEST_OPS;
	if (op.op >= VINTC_MODEL_ADVANCE)
		op.vcpu = op.op == VINTC_MODEL_NMI ? op.vcpu : 0;
	switch (op.op) {
	case VINTC_MODEL_RDMSR:
	case VINTC_MODEL_WRMSR:
		op.addr = next() % 4 ? 0x800 + next() % 64 : next() % 2 ? 0x1b : next() % 0x1000;
		op.value = next() % 2 ? next() & 0xfffff : op.addr == 0x1b ? 0xfee00d00 : next();
		break;
	case VINTC_MODEL_READ:
	case VINTC_MODEL_WRITE:
		op.size = next() % 4 ? 4 : 1 << next() % 4;
		op.addr = (next() % 3 ? 0xfee00000 : 0xfec00000) + next() % 0x40 * 16;
		op.value = next() & 0xfffff;
		break;
	case VINTC_MODEL_IN:
	case VINTC_MODEL_OUT:
		op.size = 1;
		op.addr = next() % 0x100;
		break;
	case VINTC_MODEL_ADVANCE:
	case VINTC_MODEL_IDLE:
		op.value = next() % 2000000;
		break;
	case VINTC_MODEL_LINE:
		op.addr = next() % 24;
		op.value = next() % 2;
		break;
	case VINTC_MODEL_MSI:
		op.addr = 0xfee00000 | (next() % 3) << 12 | (next() % 2) << 2;
		op.value = next() & 0x7ff;
		break;
	default:
		op.value = next() % 2;
	}
	if (next() % 500 == 0)
		((u8 *)&op)[next() % sizeof(op)] ^= 1 << next() % 8;
	return op;
}

/* The same script in two VMs has the same answer, to the byte. */
static void t_anything(void)
{
	static op_t ops[2][64];
	static struct vintc_model_event logs[VINTC_MODEL_MAX_EVENTS];
	u64 seed = getenv("SEED") ? strtoull(getenv("SEED"), NULL, 0) : 1;
	long calls = getenv("CALLS") ? atol(getenv("CALLS")) : 300, good = 0;

	state = seed * 0x9e3779b97f4a7c15ull | 1;
	for (long i = 0; i < calls; i++) {
		u32 flavour = next() % 5, n = 1 + next() % 64;
		struct vintc_model_run run[2];
		struct model m[2];
		long r[2];

		for (u32 k = 0; k < n; k++) {
			ops[0][k] = any_op();
			if (ops[0][k].op >= VINTC_MODEL_VMXON && ops[0][k].op <= VINTC_MODEL_STGI)
				ops[0][k] = nop;
		}
		memcpy(ops[1], ops[0], sizeof(ops[0]));
		for (int k = 0; k < 2; k++) {
			model_start(&m[k], flavour, 2);
			run[k] = run_of(ops[k], n);
			r[k] = try(m[k].fd, VINTC_MODEL_RUN, &run[k]);
			if (!k)
				memcpy(logs, log_, sizeof(logs));
			model_end(&m[k]);
		}
		expect(r[0], r[1]);
		if (r[0])
			continue;
		good++;
		expect(run[0].done, run[1].done);
		expect(run[0].time, run[1].time);
		expect(run[0].nr_events, run[1].nr_events);
		expect(memcmp(ops[0], ops[1], n * sizeof(op_t)), 0);
		expect(memcmp(logs, log_, run[0].nr_events * sizeof(*log_)), 0);
	}
	expect_that(good > calls / 2);
}

/* ---- threads ---- */

static struct model shared;
static volatile bool stop;

static void *scripts(void *arg)
{
	while (!stop) {
		op_t ops[] = { enable, sti, nop, { .op = VINTC_MODEL_IDLE, .value = 1000 } };
		struct vintc_model_run run = run_of(ops, 4);

		run.nr_events = 0;
		if (try(shared.fd, VINTC_MODEL_RUN, &run))
			return "a script failed";
	}
	return NULL;
}

static void *messages(void *arg)
{
	struct kvm_msi msi = { .address_lo = 0xfee00000, .data = 0x51 };
	struct kvm_lapic_state lapic;

	while (!stop)
		if (try(shared.fd, KVM_SIGNAL_MSI, &msi) < 0 || try(shared.cpu[0], KVM_GET_LAPIC, &lapic))
			return "another ioctl failed";
	return NULL;
}

/* Scripts from two threads, messages and state from another. */
static void t_threads(void)
{
	void *(*run[])(void *) = { scripts, scripts, messages };
	pthread_t thread[3];
	void *why;

	model_start(&shared, VINTC_MODEL_APICV, 1);
	for (int i = 0; i < 3; i++)
		pthread_create(&thread[i], NULL, run[i], NULL);
	sleep(1);
	stop = true;
	for (int i = 0; i < 3; i++) {
		pthread_join(thread[i], &why);
		if (why)
			fail("%s", (const char *)why);
	}
	model_end(&shared);
}

static const struct test tests[] = {
	{ "model/bad-operations", t_bad_ops },
	{ "model/bad-script", t_bad_run },
	{ "model/config", t_config },
	{ "model/other-vm", t_other_vm },
	{ "model/ioctls", t_ioctls },
	{ "model/cmci", t_cmci },
	{ "model/save-restore", t_save_restore },
	{ "model/ioeventfd", t_ioeventfd },
	{ "model/time", t_time },
	{ "model/overflow", t_overflow },
	{ "model/storm", t_storm, 200 },
	{ "model/anything", t_anything, 300 },
	{ "model/threads", t_threads },
};

int main(int argc, char **argv)
{
	return run_tests(tests, ARRAY_SIZE(tests), argc, argv);
}
