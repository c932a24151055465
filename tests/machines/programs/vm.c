// SPDX-License-Identifier: GPL-2.0-only
/* The small VMM and the runner of tests; see vm.h. */
#define _GNU_SOURCE
#include <cpuid.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "vm.h"

const char *device = "/dev/kvm";
static const char *test_name = "?";
extern char __executable_start[], _end[];

bool is_vintc(void)
{
	return strstr(device, "vintc");
}

bool is_intel(void)
{
	u32 a, b, c, d;

	__cpuid(0, a, b, c, d);
	return c == signature_INTEL_ecx;
}

/* ---- results ---- */

void fail(const char *fmt, ...)
{
	char why[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	printf("not ok - %s: %s\n", test_name, why);
	fflush(stdout);
	_exit(1);
}

void skip(const char *fmt, ...)
{
	char why[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	printf("skip - %s: %s\n", test_name, why);
	fflush(stdout);
	_exit(2);
}

static bool some_failed;

void result(bool ok, const char *name, const char *fmt, ...)
{
	char why[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	if (ok)
		printf("ok - %s %s\n", test_name, name);
	else
		printf("not ok - %s %s: %s\n", test_name, name, why);
	fflush(stdout);
	some_failed |= !ok;
}

static void show_file(const char *dir, const char *tid, const char *what)
{
	char path[300], text[2048];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s/%s", dir, tid, what);
	f = fopen(path, "r");
	if (!f)
		return;
	while (fgets(text, sizeof(text), f)) {
		text[strcspn(text, "\n")] = 0;
		printf("#   %s: %s\n", what, text);
	}
	fclose(f);
}

/* Where the threads of a process are that ought to have ended. */
static void show_threads(pid_t pid)
{
	static const char *const files[] = { "comm", "wchan", "syscall", "stack" };
	char dir[64];
	struct dirent *e;
	DIR *d;

	snprintf(dir, sizeof(dir), "/proc/%d/task", pid);
	d = opendir(dir);
	while (d && (e = readdir(d))) {
		if (e->d_name[0] == '.')
			continue;
		printf("# thread %s\n", e->d_name);
		for (size_t i = 0; i < ARRAY_SIZE(files); i++)
			show_file(dir, e->d_name, files[i]);
	}
	if (d)
		closedir(d);
	fflush(stdout);
}

/* The status of a test's process, or -1 when it can't even be killed. */
static int reap(pid_t pid, unsigned int seconds, bool *late)
{
	unsigned int tenths = seconds * 10;
	int status;

	for (unsigned int i = 0; i < tenths + 100; i++) {
		if (waitpid(pid, &status, WNOHANG) == pid)
			return status;
		if (i == tenths) {
			*late = true;
			show_threads(pid);
			kill(pid, SIGKILL);
		}
		usleep(i < 10 ? 10000 : 100000);
	}
	return -1;
}

static bool run_test(const struct test *t)
{
	unsigned int seconds = t->seconds ? t->seconds : 60;
	bool late = false;
	int status;
	pid_t pid;

	test_name = t->name;
	fflush(stdout);
	pid = fork();
	if (!pid) {
		t->run();
		if (!some_failed)
			printf("ok - %s\n", test_name);
		fflush(stdout);
		_exit(some_failed);
	}
	status = reap(pid, seconds, &late);
	if (status < 0)
		printf("not ok - %s: SIGKILL does not end it\n", test_name);
	else if (late)
		printf("not ok - %s: not done after %u s\n", test_name, seconds);
	else if (WIFSIGNALED(status))
		printf("not ok - %s: killed by signal %d\n", test_name, WTERMSIG(status));
	fflush(stdout);
	return status >= 0 && WIFEXITED(status) && WEXITSTATUS(status) != 1;
}

void use_device(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (getenv("DEV"))
		device = getenv("DEV");
}

int run_tests(const struct test *tests, size_t n, int argc, char **argv)
{
	const char *slash = strrchr(argv[0], '/');
	static char name[128];
	int failed = 0;

	use_device();
	for (size_t i = 0; i < n; i++) {
		struct test t = tests[i];
		bool wanted = argc < 2;

		for (int k = 1; k < argc; k++)
			wanted |= !strcmp(argv[k], t.name);
		if (!wanted)
			continue;
		snprintf(name, sizeof(name), "%s %s %s", slash ? slash + 1 : argv[0],
			 device + (strncmp(device, "/dev/", 5) ? 0 : 5), t.name);
		t.name = name;
		failed += !run_test(&t);
	}
	return failed ? 1 : 0;
}

/* ---- device, VM, vCPU ---- */

long try(int fd, unsigned long cmd, const void *arg)
{
	int r = ioctl(fd, cmd, arg);

	return r < 0 ? -errno : r;
}

void xioctl(int fd, unsigned long cmd, void *arg, const char *what)
{
	if (ioctl(fd, cmd, arg) < 0)
		fail("%s: %s", what, strerror(errno));
}

int dev_open(void)
{
	int fd = open(device, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		fail("%s: %s", device, strerror(errno));
	return fd;
}

void vm_create(struct vm *vm)
{
	memset(vm, 0, sizeof(*vm));
	vm->dev = dev_open();
	vm->fd = ioctl(vm->dev, KVM_CREATE_VM, 0);
	if (vm->fd < 0)
		fail("KVM_CREATE_VM: %s", strerror(errno));
	vm->run_size = ioctl(vm->dev, KVM_GET_VCPU_MMAP_SIZE, 0);
	must(vm->fd, KVM_SET_TSS_ADDR, 0xfffbd000);
}

void vm_irqchip(struct vm *vm)
{
	must(vm->fd, KVM_CREATE_IRQCHIP, 0);
}

static void write_tables(u8 *mem)
{
	u64 *gdt = (u64 *)(mem + GDT_AT), *pml4 = (u64 *)(mem + PAGES_AT);
	u64 *pdpt = pml4 + 512, *pd = pdpt + 512;

	pml4[0] = (PAGES_AT + 0x1000) | 7;
	for (u64 i = 0; i < 4; i++)
		pdpt[i] = (PAGES_AT + 0x2000 + i * 0x1000) | 7;
	for (u64 i = 0; i < 2048; i++)
		pd[i] = i << 21 | 0x87;
	gdt[1] = 0x00af9b000000ffffull; /* 8: code, 64 bits */
	gdt[2] = 0x00cf93000000ffffull; /* 16: data */
	gdt[3] = 0x00cf9b000000ffffull; /* 24: code, 32 bits */
	gdt[4] = 0x00aff30000000000ull | 0xcf00000000ffff; /* 32: data, user */
	gdt[5] = 0x00affb000000ffffull; /* 40: code, 64 bits, user */
}

extern char vm_isr_stubs[]; /* 16 bytes each */

static void write_idt(u8 *mem)
{
	u32 *idt = (u32 *)(mem + IDT_AT);

	for (int i = 0; i < 256; i++) {
		u64 h = (u64)vm_isr_stubs + i * 16;

		idt[i * 4] = 8 << 16 | (h & 0xffff);
		idt[i * 4 + 1] = (h & 0xffff0000) | 0x8e00;
		idt[i * 4 + 2] = h >> 32;
		idt[i * 4 + 3] = 0;
	}
}

void vm_memory(struct vm *vm, void *mem)
{
	struct kvm_userspace_memory_region r = { .memory_size = VM_RAM };

	if (!mem)
		mem = mmap(NULL, VM_RAM, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (mem == MAP_FAILED)
		fail("mmap: %s", strerror(errno));
	vm->mem = mem;
	vm->sh = sh_at(mem);
	r.userspace_addr = (u64)mem;
	must(vm->fd, KVM_SET_USER_MEMORY_REGION, &r);
	write_tables(vm->mem);
	write_idt(vm->mem);
	if ((u64)_end > FREE_AT)
		fail("the program's image does not fit");
	memcpy(vm->mem + (u64)__executable_start, __executable_start,
	       _end - __executable_start);
}

struct kvm_cpuid2 *cpuid_supported(struct vm *vm)
{
	struct kvm_cpuid2 *c = calloc(1, sizeof(*c) + 256 * sizeof(c->entries[0]));

	c->nent = 256;
	must(vm->dev, KVM_GET_SUPPORTED_CPUID, c);
	return c;
}

struct vcpu *vcpu_create(struct vm *vm, int id)
{
	struct vcpu *cpu = &vm->cpu[id];
	struct kvm_cpuid2 *c = cpuid_supported(vm);

	cpu->vm = vm;
	cpu->id = id;
	cpu->fd = ioctl(vm->fd, KVM_CREATE_VCPU, id);
	if (cpu->fd < 0)
		fail("KVM_CREATE_VCPU %d: %s", id, strerror(errno));
	cpu->run = mmap(NULL, vm->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, cpu->fd, 0);
	if (cpu->run == MAP_FAILED)
		fail("mmap of the vCPU: %s", strerror(errno));
	for (u32 i = 0; i < c->nent; i++)
		if (c->entries[i].function == 1)
			c->entries[i].ecx |= 1u << 21 | 1u << 24; /* x2APIC, TSC deadline */
	must(cpu->fd, KVM_SET_CPUID2, c);
	free(c);
	return cpu;
}

void vm_start(struct vm *vm, int ncpus)
{
	vm_create(vm);
	vm_irqchip(vm);
	vm_memory(vm, NULL);
	for (int i = 0; i < ncpus; i++)
		vcpu_create(vm, i);
}

void vm_start_bare(struct vm *vm)
{
	vm_create(vm);
	vm_memory(vm, NULL);
	vcpu_create(vm, 0);
}

void vm_end(struct vm *vm)
{
	for (int i = 0; i < MAX_CPUS; i++) {
		if (!vm->cpu[i].run)
			continue;
		munmap(vm->cpu[i].run, vm->run_size);
		close(vm->cpu[i].fd);
	}
	close(vm->fd);
	close(vm->dev);
	if (vm->mem)
		munmap(vm->mem, VM_RAM);
}

void regs_get(struct vcpu *cpu, struct kvm_regs *r) { must(cpu->fd, KVM_GET_REGS, r); }
void regs_set(struct vcpu *cpu, struct kvm_regs *r) { must(cpu->fd, KVM_SET_REGS, r); }
void sregs_get(struct vcpu *cpu, struct kvm_sregs *s) { must(cpu->fd, KVM_GET_SREGS, s); }
void sregs_set(struct vcpu *cpu, struct kvm_sregs *s) { must(cpu->fd, KVM_SET_SREGS, s); }

int msr_set(struct vcpu *cpu, u32 msr, u64 val)
{
	struct {
		struct kvm_msrs h;
		struct kvm_msr_entry e;
	} m = { .h.nmsrs = 1, .e = { .index = msr, .data = val } };

	return try(cpu->fd, KVM_SET_MSRS, &m);
}

u64 msr_get(struct vcpu *cpu, u32 msr)
{
	struct {
		struct kvm_msrs h;
		struct kvm_msr_entry e;
	} m = { .h.nmsrs = 1, .e.index = msr };

	if (try(cpu->fd, KVM_GET_MSRS, &m) != 1)
		fail("KVM_GET_MSRS of %#x", msr);
	return m.e.data;
}

static const struct kvm_segment data_segment = {
	.selector = 16, .limit = ~0u, .present = 1, .type = 3, .s = 1, .db = 1, .g = 1,
};

extern char vm_guest_entry[];

void vcpu_long(struct vcpu *cpu, guest_fn fn, u64 arg)
{
	struct kvm_segment cs = data_segment;
	struct gcpu *c = &cpu->vm->sh->cpu[cpu->id];
	struct kvm_mp_state runnable = { KVM_MP_STATE_RUNNABLE };
	struct kvm_regs r = {
		.rip = (u64)vm_guest_entry,
		.rsp = STACKS_AT + (cpu->id + 1) * 0x10000 - 16,
		.rflags = 2,
		.rdi = arg,
		.rax = (u64)fn,
	};
	struct kvm_sregs s;

	c->self = (struct gcpu *)(SHARED + offsetof(struct shared, cpu[cpu->id]));
	c->id = cpu->id;
	cs.selector = 8;
	cs.type = 11;
	cs.l = 1;
	cs.db = 0;
	sregs_get(cpu, &s);
	s.cs = cs;
	s.ds = s.es = s.fs = s.gs = s.ss = data_segment;
	s.gs.base = (u64)c->self;
	s.gdt.base = GDT_AT;
	s.gdt.limit = 47;
	s.idt.base = IDT_AT;
	s.idt.limit = 0xfff;
	s.cr0 = 0x80010033;
	s.cr3 = PAGES_AT;
	s.cr4 = 0x620; /* PAE, OSFXSR, OSXMMEXCPT */
	s.efer = 0x500;
	sregs_set(cpu, &s);
	regs_set(cpu, &r);
	if (try(cpu->fd, KVM_GET_MP_STATE, &runnable) == 0 &&
	    runnable.mp_state != KVM_MP_STATE_RUNNABLE) {
		runnable.mp_state = KVM_MP_STATE_RUNNABLE;
		must(cpu->fd, KVM_SET_MP_STATE, &runnable);
	}
}

void vcpu_real(struct vcpu *cpu, u32 gpa)
{
	struct kvm_regs r = { .rip = gpa, .rsp = 0x3000, .rflags = 2 };
	struct kvm_sregs s;

	sregs_get(cpu, &s);
	s.cs.base = 0;
	s.cs.selector = 0;
	sregs_set(cpu, &s);
	regs_set(cpu, &r);
}

void vcpu_prot32(struct vcpu *cpu, u32 gpa)
{
	struct kvm_regs r = { .rip = gpa, .rsp = 0x3000, .rflags = 2 };
	struct kvm_sregs s;

	sregs_get(cpu, &s);
	s.ds = s.es = s.fs = s.gs = s.ss = s.cs = data_segment;
	s.cs.selector = 24;
	s.cs.type = 11;
	s.gdt.base = GDT_AT;
	s.gdt.limit = 47;
	s.cr0 = 0x11;
	s.cr4 = 0;
	s.efer = 0;
	sregs_set(cpu, &s);
	regs_set(cpu, &r);
}

void vm_blob(struct vm *vm, u32 gpa, const void *start, const void *end)
{
	memcpy(vm->mem + gpa, start, (const char *)end - (const char *)start);
}

int vcpu_run(struct vcpu *cpu)
{
	return ioctl(cpu->fd, KVM_RUN, 0) < 0 ? -errno : 0;
}

static void complain(struct vcpu *cpu)
{
	struct shared *sh = cpu->vm->sh;
	struct gcpu *c = &sh->cpu[cpu->id];
	struct kvm_run *run = cpu->run;
	struct kvm_regs r;

	if (run->exit_reason == KVM_EXIT_IO && run->io.port == PORT_FAIL)
		fail("guest: %s is %#llx, not %#llx", sh->why, (long long)sh->got,
		     (long long)sh->want);
	if (run->exit_reason == KVM_EXIT_IO && run->io.port == PORT_FAULT)
		fail("guest: exception %lld, error %#llx, CR2 %#llx, RIP %#llx",
		     (long long)c->vector, (long long)c->error, (long long)c->cr2,
		     (long long)c->rip);
	regs_get(cpu, &r);
	if (run->exit_reason == KVM_EXIT_IO)
		fail("exit IO port %#x at %#llx", run->io.port, r.rip);
	if (run->exit_reason == KVM_EXIT_MMIO)
		fail("exit MMIO at %#llx (%s %u), RIP %#llx", run->mmio.phys_addr,
		     run->mmio.is_write ? "write" : "read", run->mmio.len, r.rip);
	fail("exit %u (suberror %u, hardware reason %#llx), RIP %#llx",
	     run->exit_reason, run->internal.suberror,
	     (long long)run->fail_entry.hardware_entry_failure_reason, r.rip);
}

void vcpu_run_exit(struct vcpu *cpu, u32 reason)
{
	int r;

	do
		r = vcpu_run(cpu);
	while (r == -EINTR || r == -EAGAIN); /* EAGAIN: after INIT or SIPI */
	if (r)
		fail("KVM_RUN: %s", strerror(-r));
	if (cpu->run->exit_reason != reason)
		complain(cpu);
}

void vcpu_until(struct vcpu *cpu, u16 port)
{
	vcpu_run_exit(cpu, KVM_EXIT_IO);
	if (cpu->run->io.port != port)
		complain(cpu);
}

void *vcpu_thread(void *cpu)
{
	vcpu_done(cpu);
	return NULL;
}

long check_extension(struct vm *vm, long cap)
{
	return try(vm->fd, KVM_CHECK_EXTENSION, (void *)cap);
}

long stat_read(int fd, const char *name)
{
	struct kvm_stats_header h;
	struct kvm_stats_desc *d;
	size_t size;
	u64 v;

	if (pread(fd, &h, sizeof(h), 0) != sizeof(h))
		return -1;
	size = sizeof(*d) + h.name_size;
	d = alloca(size + 1);
	for (u32 i = 0; i < h.num_desc; i++) {
		if (pread(fd, d, size, h.desc_offset + i * size) != (ssize_t)size)
			return -1;
		if (!strncmp(d->name, name, h.name_size) &&
		    pread(fd, &v, 8, h.data_offset + d->offset) == 8)
			return v;
	}
	return -1;
}

void pin_to(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

int host_cpus(void)
{
	return sysconf(_SC_NPROCESSORS_ONLN);
}

/* ---- guest ---- */

struct frame {
	u64 r15, r14, r13, r12, r11, r10, r9, r8, rbp, rdi, rsi, rdx, rcx, rbx, rax;
	u64 vector, error, rip, cs, rflags, rsp, ss;
};

#define PUSH_ALL                                                               \
	"push %rax; push %rbx; push %rcx; push %rdx; push %rsi; push %rdi\n"  \
	"push %rbp; push %r8; push %r9; push %r10; push %r11; push %r12\n"     \
	"push %r13; push %r14; push %r15\n"
#define POP_ALL                                                                \
	"pop %r15; pop %r14; pop %r13; pop %r12; pop %r11; pop %r10; pop %r9\n" \
	"pop %r8; pop %rbp; pop %rdi; pop %rsi; pop %rdx; pop %rcx; pop %rbx\n" \
	"pop %rax\n"

asm(".pushsection .text\n"
    ".balign 16\n"
    "vm_isr_stubs:\n"
    "vec = 0\n"
    ".rept 256\n"
    ".balign 16\n"
    ".if !(vec == 8 || (vec >= 10 && vec <= 14) || vec == 17 || vec == 21)\n"
    "push $0\n"
    ".endif\n"
    "pushq $vec\n"
    "jmp vm_isr_common\n"
    "vec = vec + 1\n"
    ".endr\n"
    ".globl vm_isr_stubs\n"
    "vm_isr_common:\n"
    "cld\n" PUSH_ALL
    "mov %rsp, %rdi\n"
    "call vm_guest_isr\n" POP_ALL
    "add $16, %rsp\n"
    "iretq\n"
    ".globl vm_guest_entry\n"
    "vm_guest_entry:\n"
    "call *%rax\n"
    "1: mov $" "0x500" ", %edx\n"
    "xor %eax, %eax\n"
    "out %al, %dx\n"
    "cli\n"
    "hlt\n"
    "jmp 1b\n"
    ".popsection\n");
_Static_assert(PORT_DONE == 0x500, "vm_guest_entry writes to it");

guest void vm_guest_isr(struct frame *f)
{
	struct gcpu *c = this_cpu();
	u64 v = f->vector, cr2;

	c->stamp = rdtsc();
	c->count[v]++;
	if (v < 32 && v != 2) {
		asm volatile("mov %%cr2, %0" : "=r"(cr2));
		c->vector = v;
		c->error = f->error;
		c->rip = f->rip;
		c->cr2 = cr2;
		if (c->fixup) {
			f->rip = c->fixup;
			f->rflags &= ~0x100ull; /* no more single steps */
			return;
		}
		g_out8(PORT_FAULT, 0);
		asm volatile("cli; hlt");
	}
	if (c->nlog < ARRAY_SIZE(c->log))
		c->log[c->nlog++] = v;
	for (u64 i = 0; v == 2 && i < SH->arg[15]; i++)
		g_out8(PORT_SYNC, 0);
	if (v >= 32 && !c->no_eoi[v])
		g_apic_write(APIC_EOI, 0);
}

guest void g_fail(const char *why, u64 got, u64 want)
{
	SH->why = why;
	SH->got = got;
	SH->want = want;
	g_out8(PORT_FAIL, 0);
	for (;;)
		asm volatile("cli; hlt");
}

guest void g_apic_on(bool x2apic)
{
	struct gcpu *c = this_cpu();

	if (x2apic)
		g_wrmsr(0x1b, g_rdmsr(0x1b) | 0xc00);
	c->x2apic = x2apic;
	if (!x2apic) {
		g_apic_write(APIC_DFR, 0xffffffff);
		g_apic_write(APIC_LDR, 1u << (24 + c->id));
	}
	g_apic_write(APIC_SVR, 0x1ff);
	g_apic_write(APIC_TPR, 0);
}

guest void g_icr(u32 dest, u32 low)
{
	if (this_cpu()->x2apic) {
		g_wrmsr(0x830, (u64)dest << 32 | low);
	} else {
		g_write32(APIC_AT + APIC_ICR2, dest << 24);
		g_write32(APIC_AT + APIC_ICR, low);
	}
}

/* An exception's handler goes on at label 1. */
#define TRY(insn) "movq $1f, %%gs:%c[fix]\n" insn "\n1: movq $0, %%gs:%c[fix]"
#define FIX [fix] "i"(offsetof(struct gcpu, fixup))

guest int g_rdmsr_try(u32 msr, u64 *v)
{
	struct gcpu *c = this_cpu();
	u32 a = 0, d = 0;

	c->vector = -1;
	asm volatile(TRY("rdmsr") : "+a"(a), "+d"(d) : "c"(msr), FIX : "memory");
	*v = (u64)d << 32 | a;
	return c->vector;
}

guest int g_wrmsr_try(u32 msr, u64 v)
{
	struct gcpu *c = this_cpu();

	c->vector = -1;
	asm volatile(TRY("wrmsr") : : "c"(msr), "a"((u32)v), "d"((u32)(v >> 32)), FIX
		     : "memory");
	return c->vector;
}
