// SPDX-License-Identifier: GPL-2.0-only
/*
 * The same guest-made and ioctl-made changes on two devices: is the state that
 * user space sees the same after each of them?
 *
 *	DEV=/dev/kvm statecompare record FILE
 *	DEV=/dev/vintc statecompare compare FILE
 *
 * What may differ has a rule here and its reason in docs/peer-state.md, by the
 * rule's name. Steps are random with a fixed seed (SEED=n, STEPS=n, XAPIC_ONLY=1), a VM with
 * two vCPUs per mode of the APIC; the second vCPU never runs. What depends on
 * time is left out: counts that run, and interrupts of timers that could expire;
 * NMIs, as windows decide when they are taken; and who gets a lowest-priority
 * message.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "vm.h"

#define STEPS 2000

enum what {
	/* by the guest; see g_steps() */
	APIC_WRITE, APIC_READ, MMIO_WRITE, MMIO_READ, PORT_OUT, PORT_IN, WINDOW, MSR_WRITE, GUEST_STEPS,
	/* by ioctls */
	LINE = GUEST_STEPS, MSI, NMI, RESTORE_LAPIC, RESTORE_CHIPS, RESTORE_PIT,
};

static const char *const names[] = {
	"APIC write", "APIC read", "write", "read", "out", "in", "window", "wrmsr", "line", "msi", "nmi",
	"SET_LAPIC", "SET_IRQCHIP", "SET_PIT2",
};

struct step {
	u32 what;
	u64 addr, val;
};

/* All of it is bytes, so that what differs can be named by where it is. */
struct state {
	struct step step;
	u64 value, fault; /* what the guest saw, or the ioctl's answer */
	u8 lapic[2][1024];
	u8 pic[2][16];
	u8 ioapic[216];
	struct kvm_pit_state2 pit;
	u32 mp[2];
	struct kvm_vcpu_events events[2];
};

/* ---- guest ---- */

guest void g_steps(u64 x2)
{
	struct gcpu *cpu = this_cpu();
	u64 val;

	g_apic_on(x2);
	for (;;) {
		g_out8(PORT_SYNC, 0);
		val = 0;
		cpu->vector = -1;
		switch (SH->arg[0]) {
		case APIC_WRITE:
			if (x2)
				g_wrmsr_try(0x800 + (SH->arg[1] >> 4), SH->arg[2]);
			else
				g_write32(APIC_AT + SH->arg[1], SH->arg[2]);
			break;
		case APIC_READ:
			if (x2)
				g_rdmsr_try(0x800 + (SH->arg[1] >> 4), &val);
			else
				val = g_read32(APIC_AT + SH->arg[1]);
			break;
		case MMIO_WRITE:
			g_write32(SH->arg[1], SH->arg[2]);
			break;
		case MMIO_READ:
			val = g_read32(SH->arg[1]);
			break;
		case PORT_OUT:
			g_out8(SH->arg[1], SH->arg[2]);
			break;
		case PORT_IN:
			asm volatile("inb %w1, %b0" : "=a"(val) : "d"((u16)SH->arg[1]) : "memory");
			val &= 0xff;
			break;
		case WINDOW:
			asm volatile("sti; nop; nop; cli" : : : "memory");
			break;
		case MSR_WRITE:
			g_wrmsr_try(SH->arg[1], SH->arg[2]);
			break;
		}
		SH->val[0] = val;
		SH->val[1] = cpu->vector;
	}
}

/* ---- steps ---- */

static u64 seed;

static u64 next(void)
{
	seed ^= seed >> 12;
	seed ^= seed << 25;
	seed ^= seed >> 27;
	return seed * 0x2545f4914f6cdd1dull;
}

static u32 below(u32 n)
{
	return (next() >> 33) % n;
}

/* 0x30 and above: the PIC's vectors are no exceptions', the APIC's seldom illegal. */
static u32 vector(void)
{
	return below(20) ? 0x30 + below(0xd0) : below(16);
}

static struct step lvt_write(bool x2)
{
	static const u16 lvt[] = { 0x320, 0x330, 0x340, 0x350, 0x360, 0x370 };
	struct step s = { .what = APIC_WRITE, .addr = lvt[below(6)] };

	s.val = vector() | below(8) << 8 | below(2) << 12 | below(4) << 13 | below(2) << 15 | below(2) << 16 |
		below(3) << 17;
	if (s.addr == 0x370) /* KVM has no error interrupts: what they do isn't compared */
		s.val |= 1 << 16;
	/* Reserved bits: in x2APIC mode that is for api/apic.c. */
	if (below(4) || x2)
		s.val &= s.addr == 0x320 ? 0x710ff : s.addr == 0x370 ? 0x110ff : s.addr >= 0x350 && s.addr < 0x370 ? 0x1f7ff : 0x117ff;
	/* The two PICs don't agree for long (pic-requests): what they ask for isn't taken. */
	if (s.addr == 0x350 && (s.val & 0x400))
		s.val &= ~0x400ull;
	return s;
}

static struct step icr_write(bool x2)
{
	struct step s = { .what = APIC_WRITE, .addr = 0x300, .val = vector() };
	u32 kind = below(8);

	if (kind == 0) /* INIT, SIPI to vCPU 1; xAPIC: ICR2 was written before */
		s.val = x2 ? 1ull << 32 | (below(2) ? 0x4500 : 0x4600 | below(256)) : s.val | 0x40000;
	else if (kind < 4)
		s.val |= 0x40000; /* self */
	else if (below(2)) /* logical; xAPIC: where ICR2 says */
		s.val |= 1 << 11 | (x2 ? (u64)(below(2) << 16 | below(8)) << 32 : 0);
	else
		s.val |= x2 ? (u64)below(3) << 32 : 0;
	return s;
}

static struct step apic_write(bool x2)
{
	struct step s = { .what = APIC_WRITE, .val = next() };

	switch (below(12)) {
	case 0:
	case 1:
		return lvt_write(x2);
	case 2:
	case 3:
		return icr_write(x2);
	case 4:
		s.addr = 0x80;
		s.val = below(8) ? below(256) : next();
		break;
	case 5:
		s.addr = 0xb0;
		s.val = below(8) || x2 ? 0 : 1;
		break;
	case 6:
		s.addr = 0xf0;
		s.val = below(16) ? 0x1ff : next() & (x2 ? 0x1ff : 0x3fff);
		break;
	case 7:
		s.addr = 0x280;
		s.val = below(8) ? 0 : next();
		break;
	case 8:
		s.addr = below(2) ? 0xd0 : 0xe0;
		s.val = below(2) ? 0xffffffff : s.addr == 0xe0 ? 0x0fffffff : next() & 0xffffffff;
		break;
	case 9:
		s.addr = 0x3e0;
		s.val = below(8) || x2 ? below(16) & 0xb : next() & 0xffffffff;
		break;
	case 10:
		s.addr = 0x310;
		s.val = (below(2) ? below(4) : below(256)) << 24;
		break;
	case 11: /* no register in one mode or in both, or read-only */
		s.addr = below(64) << 4;
		if (s.addr == 0x20 || s.addr == 0x300 || s.addr == 0x370 || s.addr == 0x380)
			s.addr = 0x40;
		/* NMIs; models and timer modes that no manual has. */
		if (s.addr >= 0x320 && s.addr <= 0x370)
			s.val &= ~0x400ull;
		if (s.addr == 0xe0)
			s.val |= 0xf0000000;
		if (s.addr == 0x320)
			s.val &= ~(1ull << 18);
		break;
	}
	if (!x2)
		s.val &= 0xffffffff;
	return s;
}

static struct step ioapic_step(void)
{
	static u32 reg;
	struct step s = { .what = MMIO_WRITE, .addr = IOAPIC_AT };

	switch (below(4)) {
	case 0:
		s.val = reg = below(8) ? 0x10 + below(48) : below(256);
		break;
	case 1:
		s.what = MMIO_READ;
		s.addr += below(2) * 0x10;
		break;
	default:
		s.addr += 0x10;
		s.val = reg & 1 ? (below(2) ? below(4) : below(256)) << 24 :
				  vector() | (below(4) == 0) << 11 | below(4) << 12 | below(3 * 2) / 2 << 14 |
				  (below(3) == 0) << 16;
		/* KVM waits for an EOI of what nobody has taken in logical mode. */
		if (!(reg & 1) && (s.val & 1 << 11))
			s.val &= ~(1ull << 15);
		if (!below(16))
			s.val |= next() & 0xfffe0000;
		if (reg == 0x10) /* KVM's PIT counts after SET_PIT2 */
			s.val |= 1 << 16;
		break;
	}
	return s;
}

/* The words of a PIC's initialization come in a row. */
static struct step pic_step(void)
{
	static u8 words[4], left;
	static u16 port;
	struct step s = { .what = PORT_OUT };

	if (left) {
		s.addr = port + 1;
		s.val = words[--left];
		return s;
	}
	port = below(2) ? 0x20 : 0xa0;
	s.addr = port;
	switch (below(8)) {
	case 0:
		words[0] = below(32); /* ICW4 */
		words[1] = port == 0x20 ? 4 : 2;
		words[2] = 0x30 + 8 * below(20); /* ICW2 */
		s.val = 0x11 | below(2) << 3;
		left = 3;
		break;
	case 1:
		s.val = below(8) << 5 | below(8); /* OCW2 */
		break;
	case 2:
		s.val = 8 | below(4) | below(4) << 5; /* OCW3 */
		break;
	case 3:
		s.what = PORT_IN;
		s.addr += below(2);
		break;
	case 4:
		s.addr = 0x4d0 + below(2);
		s.what = below(2) ? PORT_OUT : PORT_IN;
		s.val = below(256);
		break;
	default:
		s.addr++;
		s.val = below(256);
		break;
	}
	return s;
}

/* Channel 0 is left alone: it would tick. Of counts that run nothing is compared. */
static struct step pit_step(void)
{
	struct step s = { .what = PORT_OUT, .addr = 0x41 + below(2), .val = below(256) };

	switch (below(4)) {
	case 0:
		s.addr = 0x43;
		s.val = (1 + below(2)) << 6 | below(64);
		break;
	case 1:
		s.addr = 0x61;
		break;
	}
	return s;
}

static struct step any_step(bool x2, struct step *before)
{
	struct step s = { 0 };

	if (before->what == APIC_WRITE && before->addr == 0x380 && before->val) {
		s.addr = 0x380; /* before it expires */
		return s;
	}
	switch (below(20)) {
	case 0 ... 5:
		return apic_write(x2);
	case 6:
		s.what = APIC_READ;
		s.addr = below(64) << 4;
		if (s.addr == 0x390)
			s.addr = 0x380;
		return s;
	case 7 ... 9:
		return ioapic_step();
	case 10 ... 12:
		return pic_step();
	case 13:
		return pit_step();
	case 14:
		s.what = WINDOW;
		return s;
	case 15:
		s.addr = 0x380;
		s.val = 0xffffffff;
		return s;
	case 16:
	case 17:
		s.what = LINE;
		s.addr = below(24);
		s.val = below(2);
		return s;
	case 18:
		s.what = MSI;
		s.addr = 0xfee00000 | (below(4) ? below(3) << 12 : below(256) << 12 | 1 << 2);
		s.val = vector() | below(2) << 14 | below(2) << 15;
		return s;
	default:
		s.what = RESTORE_LAPIC + below(3);
		return s;
	}
}

/* ---- host ---- */

static void chip_get(struct vm *vm, u32 id, void *to, size_t size)
{
	struct kvm_irqchip c = { .chip_id = id };

	must(vm->fd, KVM_GET_IRQCHIP, &c);
	memcpy(to, &c.chip, size);
}

static void dump(struct vm *vm, struct state *st)
{
	struct kvm_mp_state mp;

	for (int i = 0; i < 2; i++) {
		/* First, as it lets INIT and SIPI act. */
		must(vm->cpu[i].fd, KVM_GET_MP_STATE, &mp);
		st->mp[i] = mp.mp_state;
		must(vm->cpu[i].fd, KVM_GET_LAPIC, st->lapic[i]);
		must(vm->cpu[i].fd, KVM_GET_VCPU_EVENTS, &st->events[i]);
		/* What was injected last is no state. */
		if (!st->events[i].exception.injected && !st->events[i].exception.pending)
			memset(&st->events[i].exception, 0, sizeof(st->events[i].exception));
		if (!st->events[i].interrupt.injected)
			st->events[i].interrupt.nr = st->events[i].interrupt.soft = 0;
		chip_get(vm, i, st->pic[i], 16);
	}
	chip_get(vm, KVM_IRQCHIP_IOAPIC, st->ioapic, sizeof(st->ioapic));
	must(vm->fd, KVM_GET_PIT2, &st->pit);
	/* Time. */
	for (int i = 0; i < 3; i++) {
		st->pit.channels[i].count_load_time = 0;
		st->pit.channels[i].latched_count = 0;
		st->pit.channels[i].status &= 0x3f;
	}
	for (int i = 0; i < 2; i++) {
		u32 *count = (u32 *)(st->lapic[i] + 0x390);

		*count = !!*count;
	}
}

static void restore(struct vm *vm, u32 what)
{
	struct kvm_lapic_state lapic;
	struct kvm_pit_state2 pit;
	struct kvm_irqchip c;

	switch (what) {
	case RESTORE_LAPIC:
		must(vm->cpu[0].fd, KVM_GET_LAPIC, &lapic);
		must(vm->cpu[0].fd, KVM_SET_LAPIC, &lapic);
		break;
	case RESTORE_CHIPS:
		/* The IOAPIC's would send what edge-irr is about. */
		for (u32 i = 0; i < 2; i++) {
			c.chip_id = i;
			must(vm->fd, KVM_GET_IRQCHIP, &c);
			must(vm->fd, KVM_SET_IRQCHIP, &c);
		}
		break;
	case RESTORE_PIT:
		must(vm->fd, KVM_GET_PIT2, &pit);
		must(vm->fd, KVM_SET_PIT2, &pit);
		break;
	}
}

static void perform(struct vm *vm, struct state *st)
{
	const struct step *s = &st->step;

	st->value = st->fault = 0;
	/* Or a level line would keep the guest in its handler. */
	for (u32 gsi = 0; s->what == WINDOW && gsi < 24; gsi++)
		must(vm->fd, KVM_IRQ_LINE, (&(struct kvm_irq_level){ .irq = gsi }));
	if (s->what < GUEST_STEPS) {
		vm->sh->arg[0] = s->what;
		vm->sh->arg[1] = s->addr;
		vm->sh->arg[2] = s->val;
		vcpu_until(&vm->cpu[0], PORT_SYNC);
		st->value = vm->sh->val[0];
		st->fault = vm->sh->val[1];
	} else if (s->what == LINE) {
		struct kvm_irq_level l = { .irq = s->addr, .level = s->val };

		must(vm->fd, KVM_IRQ_LINE, &l);
	} else if (s->what == MSI) {
		struct kvm_msi m = { .address_lo = s->addr, .data = s->val };

		try(vm->fd, KVM_SIGNAL_MSI, &m);
	} else {
		restore(vm, s->what);
	}
	dump(vm, st);
}

/* ---- what differs ---- */

static struct rule {
	const char *name;
	bool (*fits)(const struct state *kvm, const struct state *other, size_t at, const char *field);
	u64 count;
} rules[];

/* The name of the word at @at; words are 4 bytes but where fields are smaller. */
static size_t field_at(size_t at, char *name, size_t size)
{
	static const char *const pic[] = {
		"last_irr", "irr", "imr", "isr", "priority_add", "irq_base", "read_reg_select", "poll",
		"special_mask", "init_state", "auto_eoi", "rotate_on_auto_eoi", "special_fully_nested", "init4",
		"elcr", "elcr_mask",
	};
	static const char *const channel[] = {
		"count", "", "", "", "latched", "", "count_latched", "status_latched", "status", "read_state",
		"write_state", "write_latch", "rw_mode", "mode", "bcd", "gate",
	};
	size_t off;

	if (at >= offsetof(struct state, events)) {
		off = at - offsetof(struct state, events);
		snprintf(name, size, "events[%zu]+%zu", off / 64, off % 64);
		return 1;
	}
	if (at >= offsetof(struct state, mp)) {
		snprintf(name, size, "mp_state[%zu]", (at - offsetof(struct state, mp)) / 4);
		return 4;
	}
	if (at >= offsetof(struct state, pit)) {
		off = at - offsetof(struct state, pit);
		if (off < 72 && off % 24 < 16)
			snprintf(name, size, "pit.%zu.%s", off / 24, channel[off % 24]);
		else
			snprintf(name, size, "pit+%zu", off);
		return off < 72 && off % 24 == 0 ? 4 : 1;
	}
	if (at >= offsetof(struct state, ioapic)) {
		off = at - offsetof(struct state, ioapic);
		if (off >= 24)
			snprintf(name, size, "ioapic.rte[%zu].%s", (off - 24) / 8, off % 8 ? "high" : "low");
		else
			snprintf(name, size, "ioapic+%zu", off);
		return 4;
	}
	if (at >= offsetof(struct state, pic)) {
		off = at - offsetof(struct state, pic);
		snprintf(name, size, "pic%zu.%s", off / 16, pic[off % 16]);
		return 1;
	}
	if (at >= offsetof(struct state, lapic)) {
		off = at - offsetof(struct state, lapic);
		snprintf(name, size, "lapic[%zu].%03zx", off / 1024, off % 1024);
		return 4;
	}
	snprintf(name, size, at >= offsetof(struct state, fault) ? "fault" : "value");
	return 8;
}

static u64 word(const struct state *st, size_t at, size_t size)
{
	u64 v = 0;

	memcpy(&v, (const u8 *)st + at, size);
	return v;
}

#include "statecompare.h"

/* Each place is shown once; it tends to stay different. */
static bool is_new(const char *name)
{
	static char seen[400][40];
	static u32 n;

	for (u32 i = 0; i < n; i++)
		if (!strcmp(seen[i], name))
			return false;
	if (n < ARRAY_SIZE(seen))
		strcpy(seen[n++], name);
	return true;
}

/* Return: whether something differs that no rule explains. */
static bool differs(const struct state *kvm, const struct state *other, u32 n, bool x2, u32 *said)
{
	size_t at, size;
	bool bad = false;
	char name[40];

	for (at = offsetof(struct state, value); at < sizeof(*kvm); at += size) {
		bool explained = false;

		size = field_at(at, name, sizeof(name));
		if (!memcmp((const u8 *)kvm + at, (const u8 *)other + at, size))
			continue;
		for (size_t i = 0; i < ARRAY_SIZE(rules) && !explained; i++) {
			explained = rules[i].fits(kvm, other, at, name);
			rules[i].count += explained;
		}
		if (explained)
			continue;
		bad = true;
		if (is_new(name) && (*said)++ < 60)
			printf("# %s step %u, %s %#llx %#llx: %s is %#llx, here %#llx\n", x2 ? "x2APIC" : "xAPIC", n,
			       names[kvm->step.what], (long long)kvm->step.addr, (long long)kvm->step.val, name,
			       (long long)word(kvm, at, size), (long long)word(other, at, size));
	}
	return bad;
}

static void start(struct vm *vm, bool x2)
{
	static const struct step first[] = {
		{ PORT_OUT, 0x20, 0x11 }, { PORT_OUT, 0x21, 0x30 }, { PORT_OUT, 0x21, 4 }, { PORT_OUT, 0x21, 1 },
		{ PORT_OUT, 0xa0, 0x11 }, { PORT_OUT, 0xa1, 0x38 }, { PORT_OUT, 0xa1, 2 }, { PORT_OUT, 0xa1, 1 },
		{ PORT_OUT, 0x43, 0x30 }, { PORT_OUT, 0x43, 0x70 }, { PORT_OUT, 0x41, 1 }, { PORT_OUT, 0x41, 1 },
		{ PORT_OUT, 0x43, 0xb0 }, { PORT_OUT, 0x42, 1 }, { PORT_OUT, 0x42, 1 },
	};
	struct kvm_pit_config pit = { .flags = KVM_PIT_SPEAKER_DUMMY };
	static struct state st;

	vm_create(vm);
	vm_irqchip(vm);
	must(vm->fd, KVM_CREATE_PIT2, &pit);
	vm_memory(vm, NULL);
	vcpu_create(vm, 0);
	vcpu_create(vm, 1);
	/* Every other vector's handler leaves it in service. */
	for (int v = 0x30; v < 256; v++)
		vm->sh->cpu[0].no_eoi[v] = v & 1;
	vcpu_long(&vm->cpu[0], g_steps, x2);
	vcpu_until(&vm->cpu[0], PORT_SYNC);
	st.step = (struct step){ APIC_WRITE, 0x350, 0x10000 };
	perform(vm, &st);
	for (size_t i = 0; i < ARRAY_SIZE(first); i++) {
		st.step = first[i];
		perform(vm, &st);
	}
}

static bool failed;

static void run(bool x2, FILE *file, bool compare, u32 steps)
{
	static struct state st, old;
	u32 wrong = 0, said = 0;
	struct vm vm;

	start(&vm, x2);
	memset(&st, 0, sizeof(st));
	for (u32 n = 0; n < steps; n++) {
		st.step = any_step(x2, &st.step);
		perform(&vm, &st);
		if (!compare) {
			if (fwrite(&st, sizeof(st), 1, file) != 1)
				fail("can't write");
			continue;
		}
		if (fread(&old, sizeof(old), 1, file) != 1 || memcmp(&old.step, &st.step, sizeof(old.step)))
			fail("these are not the same steps");
		wrong += differs(&old, &st, n, x2, &said);
	}
	vm_end(&vm);
	if (!compare)
		return;
	printf("%s - statecompare %s", wrong ? "not ok" : "ok", x2 ? "x2APIC" : "xAPIC");
	if (wrong)
		printf(": %u of %u steps differ", wrong, steps);
	printf("\n");
	failed |= wrong;
}

int main(int argc, char **argv)
{
	const char *s = getenv("SEED"), *n = getenv("STEPS");
	u32 steps = n ? atoi(n) : STEPS;
	bool compare = argc == 3 && !strcmp(argv[1], "compare");
	FILE *file;

	if (argc != 3 || (!compare && strcmp(argv[1], "record"))) {
		fprintf(stderr, "usage: statecompare record|compare FILE\n");
		return 2;
	}
	use_device();
	file = fopen(argv[2], compare ? "r" : "w");
	if (!file) {
		perror(argv[2]);
		return 1;
	}
	for (int x2 = 0; x2 < (getenv("XAPIC_ONLY") ? 1 : 2); x2++) {
		seed = (s ? atoi(s) : 1) * 0x9e3779b97f4a7c15ull + x2 + 1;
		run(x2, file, compare, steps);
	}
	for (size_t i = 0; compare && i < ARRAY_SIZE(rules); i++)
		printf("# %s: %llu times\n", rules[i].name, (long long)rules[i].count);
	return fclose(file) || failed;
}
