// SPDX-License-Identifier: GPL-2.0-only
/*
 * bootvm: a small VMM after kvmtool's manner boots Linux.
 *
 *   bootvm KERNEL INITRD COMMAND-LINE
 *
 * What kvmtool (lkvm) does with KVM: the kernel's real-mode code is entered as a boot loader would, the chips are in
 * the kernel and the guest is told of no IOAPIC and no ACPI, so that interrupts take the way of the PIC; a serial line,
 * whose output is printed, by port I/O and KVM_IRQ_LINE. The guest ends it by the keyboard controller's reset.
 * Environment: DEV, the device (/dev/vintc); CPUS, how many vCPUs. More than one, at most 4, are found by ACPI's tables, and the IOAPIC
 * with them; what it cost is said at the end, by each vCPU's counters.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vm.h"

#define MEM (256UL << 20)
#define SETUP 0x10000 /* where the real-mode code is */
#define CMDLINE 0x20000
#define BIOS 0xf0000
#define TABLES 0xf1000 /* ACPI's */
#define BIOS_PORT 0xe8 /* the BIOS asks the VMM by a write here */
#define KERNEL 0x100000
#define INITRD 0x8000000
#define SERIAL 0x3f8
#define SERIAL_IRQ 4
#define SCI 9

static int dev, vm, cpus = 1, vcpus[MAX_CPUS];
/* of the vCPU whose thread this is */
static __thread int vcpu;
static __thread struct kvm_run *run;
static pthread_mutex_t serial_lock = PTHREAD_MUTEX_INITIALIZER;
static uint8_t *mem;
static struct {
	uint8_t ier, fcr, lcr, mcr, scratch, dll, dlm;
	int thre; /* the transmitter has become empty, and nobody has been told */
} serial;

static void die(const char *what)
{
	fflush(stdout);
	fprintf(stderr, "bootvm: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int need(int fd, unsigned long req, const char *what, const void *arg)
{
	int r = ioctl(fd, req, arg);

	if (r < 0)
		die(what);
	return r;
}
#define NEED(fd, req, arg) need(fd, req, #req, (const void *)(unsigned long)(arg))

/* What kvmtool refuses to start without. */
static void check_capabilities(void)
{
	static const int wanted[] = {
		KVM_CAP_COALESCED_MMIO, KVM_CAP_SET_TSS_ADDR, KVM_CAP_PIT2, KVM_CAP_USER_MEMORY, KVM_CAP_IRQ_ROUTING,
		KVM_CAP_IRQCHIP, KVM_CAP_HLT, KVM_CAP_IRQ_INJECT_STATUS, KVM_CAP_EXT_CPUID,
	};
	unsigned int i;

	for (i = 0; i < sizeof(wanted) / sizeof(*wanted); i++)
		if (ioctl(dev, KVM_CHECK_EXTENSION, wanted[i]) <= 0) {
			fprintf(stderr, "bootvm: capability %d is not there\n", wanted[i]);
			exit(1);
		}
}

static size_t load(const char *path, uint8_t *to, size_t max)
{
	size_t n = 0;
	ssize_t r;
	int fd = open(path, O_RDONLY);

	if (fd < 0)
		die(path);
	while (n < max && (r = read(fd, to + n, max - n)) > 0)
		n += r;
	close(fd);
	return n;
}

static uint32_t put32(uint8_t *at, uint32_t v)
{
	memcpy(at, &v, sizeof(v));
	return v;
}

/* The fields of the setup header are at the offsets that Documentation/arch/x86/boot.rst gives. */
static void load_linux(const char *kernel, const char *initrd, const char *cmdline)
{
	uint8_t *file = malloc(64 << 20), *setup = mem + SETUP;
	size_t size = load(kernel, file, 64 << 20), head;

	if (size < 4096 || memcmp(file + 0x202, "HdrS", 4)) {
		fprintf(stderr, "bootvm: %s is no bzImage\n", kernel);
		exit(1);
	}
	head = ((file[0x1f1] ? file[0x1f1] : 4) + 1) * 512;
	memcpy(setup, file, head);
	memcpy(mem + KERNEL, file + head, size - head);
	free(file);
	strcpy((char *)mem + CMDLINE, cmdline);
	put32(setup + 0x228, CMDLINE);
	put32(setup + 0x218, INITRD);
	put32(setup + 0x21c, load(initrd, mem + INITRD, MEM - INITRD));
	setup[0x210] = 0xff; /* type_of_loader: none that is known */
	setup[0x211] |= 0x80; /* CAN_USE_HEAP */
	setup[0x224] = 0x00; /* heap_end_ptr */
	setup[0x225] = 0xfe;
}

/* All vectors lead to an IRET, but that of INT 15h, which asks the VMM first. */
static void make_bios(void)
{
	static const uint8_t code[] = { 0xcf, 0xe6, BIOS_PORT, 0xcf };
	int i;

	memcpy(mem + BIOS, code, sizeof(code));
	for (i = 0; i < 256; i++)
		put32(mem + 4 * i, (BIOS >> 4) << 16 | (i == 0x15 ? 1 : 0));
}

/* A table of ACPI's, but for its checksum */
static uint8_t *table(int offset, const char *signature, uint8_t revision, uint32_t length)
{
	uint8_t *t = mem + TABLES + offset;

	memcpy(t, signature, 4);
	put32(t + 4, length);
	t[8] = revision;
	memcpy(t + 10, "VINTC BOOTVM  ", 14);
	memcpy(t + 28, "VNTC", 4);
	return t;
}

static void add_up(uint8_t *from, size_t size, uint8_t *checksum)
{
	uint8_t sum = 0;

	for (size_t i = 0; i < size; i++)
		sum += from[i];
	*checksum -= sum;
}

/* One for each local APIC, the IOAPIC, and the timer's line at its pin 2 */
static void make_madt(uint8_t *madt)
{
	uint8_t *e = madt + 44;

	put32(madt + 36, APIC_AT);
	madt[40] = 1; /* PICs, too */
	for (int i = 0; i < cpus; i++, e += 8) {
		e[1] = 8;
		e[2] = e[3] = i;
		e[4] = 1;
	}
	e[0] = 1;
	e[1] = 12;
	e[2] = cpus;
	put32(e + 4, IOAPIC_AT);
	e += 12;
	e[0] = 2;
	e[1] = 10;
	put32(e + 4, 2);
	put32(madt + 4, e + 10 - madt);
	add_up(madt, e + 10 - madt, madt + 9);
}

/* The machine has none of ACPI's registers; its ports read as all ones, and the SCI never comes. */
static void make_acpi(void)
{
	uint8_t *rsdp = mem + TABLES, *rsdt = table(0x40, "RSDT", 1, 44), *fadt = table(0x80, "FACP", 1, 116);
	uint8_t *dsdt = table(0x100, "DSDT", 1, 36), *facs = mem + TABLES + 0x140;

	memcpy(facs, "FACS", 4);
	put32(facs + 4, 64);
	add_up(dsdt, 36, dsdt + 9);
	put32(fadt + 36, TABLES + 0x140);
	put32(fadt + 40, TABLES + 0x100);
	fadt[46] = SCI;
	put32(fadt + 56, 0x600); /* PM1a events, and control */
	put32(fadt + 64, 0x604);
	fadt[88] = 4;
	fadt[89] = 2;
	fadt[96] = fadt[98] = fadt[97] = fadt[99] = 0xff; /* neither C2 nor C3 */
	fadt[112] = 0x35; /* WBINVD, C1, no buttons */
	add_up(fadt, 116, fadt + 9);
	make_madt(table(0x180, "APIC", 1, 0));
	put32(rsdt + 36, TABLES + 0x80);
	put32(rsdt + 40, TABLES + 0x180);
	add_up(rsdt, 44, rsdt + 9);
	memcpy(rsdp, "RSD PTR ", 8);
	memcpy(rsdp + 9, "VINTC ", 6);
	put32(rsdp + 16, TABLES + 0x40);
	add_up(rsdp, 20, rsdp + 8);
}

/* INT 15h, AX=E820h; all else fails, by the carry flag that the IRET will load. */
static void bios_call(void)
{
	static const struct {
		uint64_t start, size;
		uint32_t type;
	} __attribute__((packed)) map[] = { { 0, 0x9fc00, 1 }, { KERNEL, MEM - KERNEL, 1 } };
	struct kvm_sregs s;
	struct kvm_regs r;
	uint8_t *flags;

	/* the OUT is through when KVM_RUN has been back in */
	run->immediate_exit = 1;
	if (ioctl(vcpu, KVM_RUN, 0) == 0 || errno != EINTR)
		die("completing the BIOS's OUT");
	run->immediate_exit = 0;
	NEED(vcpu, KVM_GET_REGS, &r);
	NEED(vcpu, KVM_GET_SREGS, &s);
	flags = mem + s.ss.base + (uint16_t)r.rsp + 4;
	if ((r.rax & 0xffff) != 0xe820 || r.rbx >= sizeof(map) / sizeof(*map)) {
		flags[0] |= 1;
		return;
	}
	memcpy(mem + s.es.base + (uint16_t)r.rdi, &map[r.rbx], sizeof(*map));
	flags[0] &= ~1;
	r.rax = r.rdx;
	r.rcx = sizeof(*map);
	r.rbx = r.rbx + 1 < sizeof(map) / sizeof(*map) ? r.rbx + 1 : 0;
	NEED(vcpu, KVM_SET_REGS, &r);
}

static void serial_line(void)
{
	struct kvm_irq_level l = { .irq = SERIAL_IRQ, .level = serial.thre && serial.ier & 2 };

	NEED(vm, KVM_IRQ_LINE, &l);
}

static uint8_t serial_read(int reg)
{
	uint8_t v;

	switch (reg) {
	case 0:
		return serial.lcr & 0x80 ? serial.dll : 0;
	case 1:
		return serial.lcr & 0x80 ? serial.dlm : serial.ier;
	case 2:
		v = (serial.fcr & 1 ? 0xc0 : 0) | (serial.thre && serial.ier & 2 ? 2 : 1);
		serial.thre = 0;
		serial_line();
		return v;
	case 3:
		return serial.lcr;
	case 4:
		return serial.mcr;
	case 5:
		return 0x60;
	case 6:
		return 0xb0;
	default:
		return serial.scratch;
	}
}

static void serial_write(int reg, uint8_t v)
{
	if (reg < 2 && serial.lcr & 0x80) {
		*(reg ? &serial.dlm : &serial.dll) = v;
		return;
	}
	switch (reg) {
	case 0:
		putchar(v);
		if (v == '\n')
			fflush(stdout);
		serial.thre = 1;
		break;
	case 1:
		if (v & ~serial.ier & 2)
			serial.thre = 1;
		serial.ier = v;
		break;
	case 2:
		serial.fcr = v;
		break;
	case 3:
		serial.lcr = v;
		break;
	case 4:
		serial.mcr = v;
		break;
	case 7:
		serial.scratch = v;
		break;
	}
	serial_line();
}

/* The keyboard controller always has something to say and never is busy: no Linux takes it for one, or waits for it. */
static uint8_t no_device(uint16_t port)
{
	return port == 0x71 ? 0 : port == 0x64 ? 0xfd : 0xff;
}

/* Returns 0 when the guest has asked for a reset. */
static int port(void)
{
	uint8_t *data = (uint8_t *)run + run->io.data_offset;
	uint32_t i, bytes = run->io.size * run->io.count;
	int reg = run->io.port - SERIAL, is_serial = reg >= 0 && reg < 8 && run->io.size == 1;

	if (run->io.direction == KVM_EXIT_IO_IN) {
		pthread_mutex_lock(&serial_lock);
		for (i = 0; i < bytes; i++)
			data[i] = is_serial ? serial_read(reg) : no_device(run->io.port);
		pthread_mutex_unlock(&serial_lock);
		return 1;
	}
	if (run->io.port == BIOS_PORT)
		bios_call();
	pthread_mutex_lock(&serial_lock);
	for (i = 0; is_serial && i < bytes; i++)
		serial_write(reg, data[i]);
	pthread_mutex_unlock(&serial_lock);
	return !(run->io.port == 0x64 && data[0] == 0xfe);
}

/* GSIs lead to the PIC pair and to the IOAPIC, GSI 0 to its pin 2. */
static void set_routes(void)
{
	struct {
		struct kvm_irq_routing head;
		struct kvm_irq_routing_entry e[64];
	} t = { .head.nr = 0 };
	int gsi;

	for (gsi = 0; gsi < 24; gsi++) {
		struct kvm_irq_routing_entry *e = &t.e[t.head.nr++];

		e->gsi = gsi;
		e->type = KVM_IRQ_ROUTING_IRQCHIP;
		e->u.irqchip.irqchip = KVM_IRQCHIP_IOAPIC;
		e->u.irqchip.pin = gsi ? gsi : 2;
		if (gsi == 2 || gsi >= 16)
			continue;
		e = &t.e[t.head.nr++];
		e->gsi = gsi;
		e->type = KVM_IRQ_ROUTING_IRQCHIP;
		e->u.irqchip.irqchip = gsi < 8 ? KVM_IRQCHIP_PIC_MASTER : KVM_IRQCHIP_PIC_SLAVE;
		e->u.irqchip.pin = gsi % 8;
	}
	NEED(vm, KVM_SET_GSI_ROUTING, &t);
}

static void make_vm(void)
{
	struct kvm_pit_config pit = { .flags = KVM_PIT_SPEAKER_DUMMY };
	struct kvm_userspace_memory_region slot = { .memory_size = MEM };

	vm = NEED(dev, KVM_CREATE_VM, 0);
	NEED(vm, KVM_SET_TSS_ADDR, 0xfffbd000);
	NEED(vm, KVM_CREATE_IRQCHIP, 0);
	NEED(vm, KVM_CREATE_PIT2, &pit);
	/* With more CPUs hardware shall deliver, which AVIC can't where EOIs of the PIT's interrupt have to be seen. */
	if (cpus > 1)
		NEED(vm, KVM_REINJECT_CONTROL, &(struct kvm_reinject_control){ 0 });
	mem = mmap(NULL, MEM, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (mem == MAP_FAILED)
		die("mmap");
	slot.userspace_addr = (unsigned long)mem;
	NEED(vm, KVM_SET_USER_MEMORY_REGION, &slot);
	set_routes();
}

static void real_segment(struct kvm_segment *s, uint16_t selector)
{
	s->selector = selector;
	s->base = selector << 4;
	s->limit = 0xffff;
}

static void set_registers(void)
{
	struct kvm_regs r = { .rip = 0, .rsp = 0xfe00, .rflags = 2 };
	struct kvm_fpu f = { .fcw = 0x37f, .mxcsr = 0x1f80 };
	struct kvm_sregs s;

	NEED(vcpu, KVM_GET_SREGS, &s);
	real_segment(&s.cs, (SETUP >> 4) + 0x20);
	real_segment(&s.ds, SETUP >> 4);
	real_segment(&s.es, SETUP >> 4);
	real_segment(&s.fs, SETUP >> 4);
	real_segment(&s.gs, SETUP >> 4);
	real_segment(&s.ss, SETUP >> 4);
	NEED(vcpu, KVM_SET_SREGS, &s);
	NEED(vcpu, KVM_SET_REGS, &r);
	NEED(vcpu, KVM_SET_FPU, &f);
}

static void set_cpuid(struct kvm_cpuid2 *c, int id)
{
	for (uint32_t i = 0; i < c->nent; i++) {
		struct kvm_cpuid_entry2 *e = &c->entries[i];

		if (e->function == 1)
			e->ebx = (e->ebx & 0xffff) | cpus << 16 | id << 24;
		if (e->function == 0xb || e->function == 0x1f)
			e->edx = id;
	}
	NEED(vcpu, KVM_SET_CPUID2, c);
}

static void make_vcpu(int id)
{
	struct {
		struct kvm_cpuid2 head;
		struct kvm_cpuid_entry2 e[100];
	} c = { .head.nent = 100 };
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry e[6];
	} m = { .head.nmsrs = 6, .e = { { .index = 0x174 }, { .index = 0x175 }, { .index = 0x176 }, { .index = 0xc0000081 },
		{ .index = 0x10 }, { .index = 0x1a0, .data = 1 } } };
	struct kvm_lapic_state l;

	vcpu = vcpus[id] = NEED(vm, KVM_CREATE_VCPU, id);
	run = mmap(NULL, NEED(dev, KVM_GET_VCPU_MMAP_SIZE, 0), PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);
	if (run == MAP_FAILED)
		die("mmap of the vCPU");
	NEED(dev, KVM_GET_SUPPORTED_CPUID, &c);
	set_cpuid(&c.head, id);
	if (!id)
		set_registers();
	if (NEED(vcpu, KVM_SET_MSRS, &m) != 6)
		die("KVM_SET_MSRS");
	NEED(vcpu, KVM_GET_LAPIC, &l);
	put32((uint8_t *)l.regs + 0x350, 0x700); /* LINT0: ExtINT */
	put32((uint8_t *)l.regs + 0x360, 0x400); /* LINT1: NMI */
	NEED(vcpu, KVM_SET_LAPIC, &l);
}

static void say_counters(void)
{
	static const char *const names[] = { "exits", "irq_injections", "irq_exits", "halt_exits", "io_exits", "ipi_sent" };

	for (int i = 0; cpus > 1 && i < cpus; i++) {
		int fd = ioctl(vcpus[i], KVM_GET_STATS_FD, 0);

		fprintf(stderr, "# vCPU %d:", i);
		for (size_t n = 0; n < ARRAY_SIZE(names); n++)
			fprintf(stderr, " %s %ld", names[n], stat_read(fd, names[n]));
		fprintf(stderr, "\n");
	}
}

static void *run_vcpu(void *arg)
{
	make_vcpu((int)(long)arg);
	for (;;) {
		if (ioctl(vcpu, KVM_RUN, 0)) {
			if (errno == EINTR || errno == EAGAIN)
				continue;
			die("KVM_RUN");
		}
		switch (run->exit_reason) {
		case KVM_EXIT_IO:
			if (port())
				continue;
			fflush(stdout);
			say_counters();
			exit(0);
		case KVM_EXIT_MMIO:
			memset(run->mmio.data, 0xff, sizeof(run->mmio.data));
			continue;
		case KVM_EXIT_INTR:
			continue;
		default:
			fprintf(stderr, "bootvm: exit reason %u\n", run->exit_reason);
			die("the guest");
		}
	}
}

int main(int argc, char **argv)
{
	const char *name = getenv("DEV"), *wanted = getenv("CPUS");
	pthread_t thread;

	if (argc != 4)
		die("bootvm KERNEL INITRD COMMAND-LINE");
	if (wanted)
		cpus = atoi(wanted);
	if (cpus < 1 || cpus > MAX_CPUS)
		die("CPUS");
	dev = open(name ? name : "/dev/vintc", O_RDWR | O_CLOEXEC);
	if (dev < 0)
		die("the device");
	if (NEED(dev, KVM_GET_API_VERSION, 0) != 12)
		die("API version");
	check_capabilities();
	make_vm();
	load_linux(argv[1], argv[2], argv[3]);
	make_bios();
	if (cpus > 1)
		make_acpi();
	for (long i = cpus - 1; i > 0; i--)
		if (pthread_create(&thread, NULL, run_vcpu, (void *)i))
			die("a thread");
	run_vcpu(NULL);
}
