/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A small VMM for test programs: a VM with memory, vCPUs in real, 32-bit and
 * long mode, guests written in C, and tests that each run in their own process.
 *
 * Long-mode guests are functions of the test program itself: the program's
 * image is copied to the same addresses of guest memory (it is linked static
 * and not position-independent), so code, constants and strings are where both
 * sides expect them. What guest and host share lies in struct shared at SHARED;
 * the guest's copy of the program's variables is not the host's.
 */
#ifndef VM_H
#define VM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <linux/kvm.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/* Guest-physical map, also the linear one: identity. RAM ends at VM_RAM. */
#define GDT_AT 0x4000ul
#define IDT_AT 0x5000ul
#define TSS_AT 0x6000ul
#define PAGES_AT 0x7000ul /* PML4, PDPT and four page directories */
#define CODE16_AT 0xe000ul /* room for blobs of the smaller modes */
#define STACKS_AT 0x100000ul /* 64 KB each, growing down */
#define SHARED 0x200000ul
#define IMAGE_AT 0x400000ul
#define FREE_AT 0xa00000ul /* free guest memory up to VM_RAM */
#define VM_RAM 0x1000000ul
#define MMIO_AT 0x10000000ul /* no memory here */
#define APIC_AT 0xfee00000ul
#define IOAPIC_AT 0xfec00000ul

#define MAX_CPUS 4

/* Ports by which a guest talks to its host. */
#define PORT_DONE 0x500 /* the guest function has returned */
#define PORT_FAIL 0x501 /* shared->why and so on say what */
#define PORT_FAULT 0x502 /* an exception nobody expected */
#define PORT_SYNC 0x503 /* the host shall do something and go on */

/* What a vCPU's guest code keeps; GS points here. */
struct gcpu {
	struct gcpu *self;
	u32 id;
	bool x2apic;
	volatile u64 fixup; /* where an exception resumes; 0: it is an error */
	volatile u64 vector, error, cr2, rip; /* the last exception */
	volatile u64 count[256];
	volatile bool no_eoi[256];
	volatile u64 nlog;
	volatile u8 log[256]; /* the first interrupts, in order */
	volatile u64 stamp; /* TSC in the last handler */
};

struct shared {
	struct gcpu cpu[MAX_CPUS];
	const char *volatile why;
	volatile u64 got, want;
	volatile u64 go, stop, ready;
	volatile u64 arg[16], val[64]; /* arg[15]: so often NMI handlers write to PORT_SYNC */
};

#define sh_at(mem) ((struct shared *)((u8 *)(mem) + SHARED))

struct vm;

struct vcpu {
	struct vm *vm;
	int id, fd;
	struct kvm_run *run;
};

struct vm {
	int dev, fd;
	u8 *mem;
	struct shared *sh;
	size_t run_size;
	struct vcpu cpu[MAX_CPUS];
};

/* ---- host ---- */

extern const char *device; /* $DEV, or /dev/kvm */
bool is_vintc(void);
bool is_intel(void); /* VMX */

int dev_open(void);
/* Creation by steps, and all at once; a failure ends the test. */
void vm_create(struct vm *vm); /* VM fd, TSS address; neither irqchip nor memory */
void vm_irqchip(struct vm *vm);
void vm_memory(struct vm *vm, void *mem); /* VM_RAM bytes; NULL: anonymous */
struct vcpu *vcpu_create(struct vm *vm, int id);
struct kvm_cpuid2 *cpuid_supported(struct vm *vm);
/* irqchip, memory, @ncpus vCPUs */
void vm_start(struct vm *vm, int ncpus);
/* As vm_start() without interrupt chips, one vCPU */
void vm_start_bare(struct vm *vm);
void vm_end(struct vm *vm);

typedef void (*guest_fn)(u64 arg);
void vcpu_long(struct vcpu *cpu, guest_fn fn, u64 arg);
void vcpu_real(struct vcpu *cpu, u32 gpa); /* CS base 0 */
void vcpu_prot32(struct vcpu *cpu, u32 gpa); /* flat, no paging */
void vm_blob(struct vm *vm, u32 gpa, const void *start, const void *end);

/* 0, or a negative errno */
int vcpu_run(struct vcpu *cpu);
/* Run till something other than EINTR; what the guest complains about fails. */
void vcpu_run_exit(struct vcpu *cpu, u32 reason);
/* Run until the guest writes to @port; any other exit fails the test. */
void vcpu_until(struct vcpu *cpu, u16 port);
#define vcpu_done(cpu) vcpu_until(cpu, PORT_DONE)
void *vcpu_thread(void *cpu); /* for pthread_create: vcpu_done() */

void regs_get(struct vcpu *cpu, struct kvm_regs *r);
void regs_set(struct vcpu *cpu, struct kvm_regs *r);
void sregs_get(struct vcpu *cpu, struct kvm_sregs *s);
void sregs_set(struct vcpu *cpu, struct kvm_sregs *s);
u64 msr_get(struct vcpu *cpu, u32 msr);
/* Number of MSRs set: 1 or 0, or a negative errno */
int msr_set(struct vcpu *cpu, u32 msr, u64 val);
void xioctl(int fd, unsigned long cmd, void *arg, const char *what);
#define must(fd, cmd, arg) xioctl(fd, cmd, (void *)(unsigned long)(arg), #cmd)
/* ioctl() that returns a negative errno */
long try(int fd, unsigned long cmd, const void *arg);
long check_extension(struct vm *vm, long cap);
/* The value of a counter, or -1 when there is none */
long stat_read(int stats_fd, const char *name);
void pin_to(int cpu);
int host_cpus(void);

/* ---- tests ---- */

struct test {
	const char *name;
	void (*run)(void);
	unsigned int seconds; /* limit; 0: 60; the machine may be slow */
};

/* Run those named on the command line, or all; main()'s return value. */
int run_tests(const struct test *tests, size_t n, int argc, char **argv);
/* For programs that are no tests: $DEV is read, failures end the program. */
void use_device(void);
/* Inside a test: the first call ends it. */
void fail(const char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2)));
void skip(const char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2)));
/* Inside a test: a result of its own; the test goes on. */
void result(bool ok, const char *name, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#define expect(got, want)                                                      \
	do {                                                                   \
		long long g_ = (long long)(got), w_ = (long long)(want);       \
		if (g_ != w_)                                                  \
			fail("line %d: %s is %#llx (%lld), not %#llx (%lld)",  \
			     __LINE__, #got, g_, g_, w_, w_);                  \
	} while (0)
#define expect_that(cond)                                                      \
	do {                                                                   \
		if (!(cond))                                                   \
			fail("line %d: not so: %s", __LINE__, #cond);          \
	} while (0)

/* ---- guest ---- */

#define guest __attribute__((noinline, used))
#define SH ((struct shared *)SHARED)
#define inl_ static inline __attribute__((always_inline))

inl_ struct gcpu *this_cpu(void)
{
	struct gcpu *c;

	asm volatile("mov %%gs:0, %0" : "=r"(c));
	return c;
}

inl_ void g_out8(u16 port, u8 v)
{
	asm volatile("outb %0, %1" : : "a"(v), "d"(port) : "memory");
}

inl_ void g_out32(u16 port, u32 v)
{
	asm volatile("outl %0, %1" : : "a"(v), "d"(port) : "memory");
}

inl_ u32 g_in32(u16 port)
{
	u32 v;

	asm volatile("inl %1, %0" : "=a"(v) : "d"(port) : "memory");
	return v;
}

inl_ u64 rdtsc(void)
{
	u32 a, d;

	asm volatile("rdtsc" : "=a"(a), "=d"(d) : : "memory");
	return (u64)d << 32 | a;
}

inl_ u64 g_rdmsr(u32 msr)
{
	u32 a, d;

	asm volatile("rdmsr" : "=a"(a), "=d"(d) : "c"(msr) : "memory");
	return (u64)d << 32 | a;
}

inl_ void g_wrmsr(u32 msr, u64 v)
{
	asm volatile("wrmsr" : : "c"(msr), "a"((u32)v), "d"((u32)(v >> 32)) : "memory");
}

inl_ void cpu_relax(void) { asm volatile("pause" : : : "memory"); }
inl_ void g_cli(void) { asm volatile("cli" : : : "memory"); }
inl_ void g_sti(void) { asm volatile("sti; nop" : : : "memory"); }
inl_ void g_sti_hlt(void) { asm volatile("sti; hlt" : : : "memory"); }
inl_ u32 g_read32(u64 a) { return *(volatile u32 *)a; }
inl_ void g_write32(u64 a, u32 v) { *(volatile u32 *)a = v; }

/* Registers of the local APIC by their xAPIC offset, in either mode. */
inl_ u32 g_apic_read(u32 reg)
{
	return this_cpu()->x2apic ? g_rdmsr(0x800 + (reg >> 4)) : g_read32(APIC_AT + reg);
}

inl_ void g_apic_write(u32 reg, u32 v)
{
	if (this_cpu()->x2apic)
		g_wrmsr(0x800 + (reg >> 4), v);
	else
		g_write32(APIC_AT + reg, v);
}

#define APIC_ID 0x20
#define APIC_TPR 0x80
#define APIC_PPR 0xa0
#define APIC_EOI 0xb0
#define APIC_LDR 0xd0
#define APIC_DFR 0xe0
#define APIC_SVR 0xf0
#define APIC_ISR 0x100
#define APIC_TMR 0x180
#define APIC_IRR 0x200
#define APIC_ESR 0x280
#define APIC_ICR 0x300
#define APIC_ICR2 0x310
#define APIC_LVTT 0x320
#define APIC_LVT0 0x350
#define APIC_TMICT 0x380
#define APIC_TMCCT 0x390
#define APIC_TDCR 0x3e0

void g_apic_on(bool x2apic);
void g_icr(u32 dest, u32 low);
void g_fail(const char *why, u64 got, u64 want);
/* Try an instruction: the vector of the exception it raises, or -1. */
int g_rdmsr_try(u32 msr, u64 *v);
int g_wrmsr_try(u32 msr, u64 v);
/* %1 is the first operand. */
#define g_try(insn, ...)                                                       \
	({                                                                     \
		struct gcpu *c_ = this_cpu();                                  \
		c_->vector = -1;                                               \
		asm volatile("movq $1f, %%gs:%c[fix]\n" insn                   \
			     "\n1: movq $0, %%gs:%c[fix]"                      \
			     : : [fix] "i"(offsetof(struct gcpu, fixup)),      \
			     ##__VA_ARGS__ : "memory", "cc", "rax", "rdx");                  \
		(int)c_->vector;                                               \
	})
#define g_expect(got, want)                                                    \
	do {                                                                   \
		u64 gg_ = (u64)(got), gw_ = (u64)(want);                       \
		if (gg_ != gw_)                                                \
			g_fail(#got, gg_, gw_);                                \
	} while (0)
/* Wait for a condition; some seconds of it fail the guest. */
#define g_wait(cond)                                                           \
	do {                                                                   \
		u64 t_ = rdtsc();                                              \
		while (!(cond)) {                                              \
			cpu_relax();                                           \
			if (rdtsc() - t_ > 60000000000ull)                     \
				g_fail("waited in vain: " #cond, 0, 1);        \
		}                                                              \
	} while (0)

#endif
