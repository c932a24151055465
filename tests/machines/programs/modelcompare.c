// SPDX-License-Identifier: GPL-2.0-only
/*
 * The software CPU against the machine's: the same scripts on a VM of model type
 * and on one that runs on hardware. Same are what each access gave, which
 * interrupt was taken at which step, the answers to lines and messages, and in
 * the end the local APIC's registers.
 *
 *	[DEV=/dev/vintc] [SEED=n] [COUNT=n] [SHOW=1] modelcompare FLAVOUR [xapic|x2apic]
 *
 * FLAVOUR: the model that the machine is compared with: svm, vmx, apicv, avic, x2avic.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/time.h>
#include <unistd.h>

#include "modelcompare.h"
#include "modelcompare_guest.h"
#include "modelcompare_script.h"

#define MAX_EXITS 2048

/* An exit; @step is known of the model's only. */
struct leave {
	u32 reason, step;
	u64 info[2];
};

/* What a script has come to on one side. */
struct outcome {
	u32 nsteps;
	u64 got[MAX_OPS];
	u32 fault[MAX_OPS];
	u32 ntaken[CPUS], nexits[CPUS];
	struct taken taken[CPUS][MAX_TAKEN];
	struct leave exits[CPUS][MAX_EXITS];
	u8 lapic[CPUS][1024];
};

static u32 flavour;
static bool show;
static bool may_be_off, not_accelerated;
static u32 exits, taken;

/* ---- exits ---- */

static bool is_vmx(void)
{
	return flavour == VINTC_MODEL_VMX || flavour == VINTC_MODEL_APICV;
}

/*
 * Those that are an instruction's own. The rest has other causes, too: the host's
 * interrupts, memory's first use, steps of the host's. Without acceleration all of
 * the APIC is memory; windows, and how TPR is kept, are the backend's affair.
 */
static bool exit_counts(u32 reason)
{
	static const u16 vmx[] = { 12, 31, 32, 44, 45, 56, 28, 43 };
	static const u16 svm[] = { 0x78, 0x7c, 0x401, 0x402, 0x08, 0x18 };

	if (may_be_off && (is_vmx() ? reason == 28 || reason == 43 : reason < 0x20))
		return false;
	if (flavour == VINTC_MODEL_SVM || flavour == VINTC_MODEL_VMX || not_accelerated)
		return false;
	for (size_t i = 0; is_vmx() && i < ARRAY_SIZE(vmx); i++)
		if (vmx[i] == reason)
			return true;
	for (size_t i = 0; !is_vmx() && i < ARRAY_SIZE(svm); i++)
		if (svm[i] == reason)
			return true;
	return false;
}

static void note_exit(struct outcome *o, u32 cpu, u32 step, u32 reason, u64 info0, u64 info1)
{
	if (!exit_counts(reason))
		return;
	if (o->nexits[cpu] == MAX_EXITS)
		fail("too many exits");
	o->exits[cpu][o->nexits[cpu]++] = (struct leave){ reason, step, { info0, info1 } };
}

#define TRACING "/sys/kernel/tracing/"

static void trace_write(const char *file, const char *what)
{
	FILE *f = fopen(file, "w");

	if (!f || fputs(what, f) < 0 || fclose(f))
		fail("%s: %s", file, strerror(errno));
}

static void trace_read(struct outcome *o)
{
	FILE *f = fopen(TRACING "trace", "r");
	char line[400];

	if (!f)
		fail("no trace");
	while (fgets(line, sizeof(line), f)) {
		unsigned long long rip, info[2];
		u32 cpu, reason;
		const char *at = strstr(line, "vintc_exit: ");

		if (strstr(line, "LOST"))
			fail("the trace has lost events");
		if (!at || sscanf(at, "vintc_exit: vcpu %u reason %*s (%x) rip %llx info1 %llx info2 %llx", &cpu, &reason,
				  &rip, &info[0], &info[1]) != 5)
			continue;
		if (cpu >= CPUS)
			fail("vCPU %u", cpu);
		if (is_vmx()) /* there, info2 is the interrupt's */
			note_exit(o, cpu, 0, reason & 0xffff, info[0], 0);
		else
			note_exit(o, cpu, 0, reason, info[0], info[1]);
	}
	fclose(f);
}

/* ---- model ---- */

static void model_start(struct vm *m, u32 cpus)
{
	struct vintc_model_config config = { .flavour = flavour };

	memset(m, 0, sizeof(*m));
	m->dev = dev_open();
	m->fd = try(m->dev, KVM_CREATE_VM, (void *)VINTC_VM_TYPE_MODEL);
	if (m->fd < 0)
		fail("KVM_CREATE_VM: %d", m->fd);
	m->run_size = ioctl(m->dev, KVM_GET_VCPU_MMAP_SIZE, 0);
	must(m->fd, VINTC_MODEL_CONFIG, &config);
	vm_irqchip(m);
	for (u32 i = 0; i < cpus; i++) {
		struct kvm_mp_state runnable = { KVM_MP_STATE_RUNNABLE };

		vcpu_create(m, i);
		must(m->cpu[i].fd, KVM_SET_MP_STATE, &runnable);
	}
}

static struct vintc_model_event events[VINTC_MODEL_MAX_EVENTS];

/* Vectors taken, and who sleeps after each step. */
static void model_events(struct script *sc, const struct vintc_model_run *run, struct outcome *o)
{
	u32 asleep = 0, e = 0;

	for (u32 i = 0; i < run->done; i++) {
		if (sc->step[i].op == VINTC_MODEL_HLT)
			asleep |= 1 << sc->step[i].cpu;
		for (; e < run->nr_events && events[e].op == i; e++) {
			struct vintc_model_event *ev = &events[e];

			if (ev->kind == VINTC_MODEL_EV_EXIT)
				note_exit(o, ev->vcpu, i, ev->code, ev->info[0], ev->info[1]);
			if (ev->kind != VINTC_MODEL_EV_INTERRUPT && ev->kind != VINTC_MODEL_EV_NMI)
				continue;
			if (o->ntaken[ev->vcpu] == MAX_TAKEN)
				fail("too many interrupts");
			o->taken[ev->vcpu][o->ntaken[ev->vcpu]++] = (struct taken){ i, ev->kind == VINTC_MODEL_EV_NMI ? 2 : ev->code };
			asleep &= ~(1u << ev->vcpu);
		}
		sc->step[i].asleep = asleep;
	}
}

static void model_run(struct script *sc, struct outcome *o)
{
	static struct vintc_model_op ops[MAX_OPS];
	struct vintc_model_run run = {
		.nr_ops = sc->nsteps,
		.ops = (u64)ops,
		.events = (u64)events,
		.nr_events = VINTC_MODEL_MAX_EVENTS,
	};
	struct vm m;

	model_start(&m, sc->cpus);
	for (u32 i = 0; i < sc->nsteps; i++) {
		const struct step *s = &sc->step[i];

		ops[i] = (struct vintc_model_op){ .op = s->op, .vcpu = is_guest_op(s->op) ? s->cpu : 0,
						  .addr = s->addr, .value = s->val, .size = s->size };
	}
	must(m.fd, VINTC_MODEL_RUN, &run);
	if (run.lost)
		fail("%u events are lost", run.lost);
	/* It goes no further where a vCPU sleeps. */
	sc->nsteps = o->nsteps = run.done;
	for (u32 i = 0; i < run.done; i++) {
		bool answers = ops[i].op == VINTC_MODEL_READ || ops[i].op == VINTC_MODEL_RDMSR ||
			       ops[i].op == VINTC_MODEL_RDCR8 || !is_guest_op(ops[i].op);

		o->got[i] = answers ? ops[i].value : 0;
		o->fault[i] = ops[i].code;
	}
	model_events(sc, &run, o);
	for (u32 i = 0; i < sc->cpus; i++)
		must(m.cpu[i].fd, KVM_GET_LAPIC, o->lapic[i]);
	vm_end(&m);
}

/* ---- hardware ---- */

static void write_idt(u8 *mem)
{
	u32 *idt = (u32 *)(mem + IDT_AT);

	for (int i = 0; i < 256; i++) {
		u64 h = (u64)mc_stubs + i * 16;

		idt[i * 4] = 8 << 16 | (h & 0xffff);
		idt[i * 4 + 1] = (h & 0xffff0000) | 0x8e00;
		idt[i * 4 + 2] = h >> 32;
	}
}

static u64 host_step(struct vm *vm, const struct step *s)
{
	struct kvm_irq_level line = { .irq = s->addr, .level = s->val };
	struct kvm_msi msi = { .address_lo = s->addr, .address_hi = s->addr >> 32, .data = s->val };
	long r;

	if (s->op == VINTC_MODEL_MSI)
		return try(vm->fd, KVM_SIGNAL_MSI, &msi);
	r = try(vm->fd, KVM_IRQ_LINE_STATUS, &line);
	return r < 0 ? r : line.status;
}

/* A vCPU that sleeps can't ask for what wakes it. */
static void while_asleep(struct vcpu *cpu, struct board *b)
{
	struct kvm_mp_state mp;

	must(cpu->fd, KVM_GET_MP_STATE, &mp);
	if (mp.mp_state != KVM_MP_STATE_HALTED)
		return;
	while (b->now < b->nsteps && !is_guest_op(b->step[b->now].op)) {
		struct step *s = &b->step[b->now];

		s->got = host_step(cpu->vm, s);
		b->player[cpu->id].executed = b->executed = b->now + 1;
		if (!(s->asleep >> cpu->id & 1))
			return; /* it says that it has gone on */
		b->now++;
	}
}

static u32 signals;

/* A guest that does nothing sleeps, or has gone astray. */
static void tick_every(long us)
{
	struct itimerval t = { { us / 1000000, us % 1000000 }, { us / 1000000, us % 1000000 } };

	setitimer(ITIMER_REAL, &t, NULL);
	signals = 0;
}

static void nothing(int sig) { }

static void stuck(struct vcpu *cpu, const struct board *b)
{
	struct kvm_mp_state mp;
	struct kvm_regs r;

	must(cpu->fd, KVM_GET_MP_STATE, &mp);
	regs_get(cpu, &r);
	fail("nothing comes of step %u, %u executed: RIP %#llx, RFLAGS %#llx, state %u", b->now,
	     b->player[cpu->id].executed, r.rip, r.rflags, mp.mp_state);
}

/* Return: the script is over. */
static bool run_some(struct vcpu *cpu, struct board *b)
{
	int r = vcpu_run(cpu);

	if (r == -EINTR) {
		while_asleep(cpu, b);
		if (++signals == (b->asleep ? 500 : 20))
			stuck(cpu, b);
		return b->now == b->nsteps;
	}
	if (r)
		fail("KVM_RUN: %s", strerror(-r));
	if (cpu->run->exit_reason != KVM_EXIT_IO)
		fail("exit %u at step %u", cpu->run->exit_reason, b->now);
	switch (cpu->run->io.port) {
	case PORT_SLEEP:
		b->asleep = true;
		tick_every(2000);
		break;
	case PORT_SYNC:
		b->asleep = false;
		tick_every(250000);
		b->step[b->now].got = host_step(cpu->vm, &b->step[b->now]);
		break;
	case PORT_END:
		return true;
	case PORT_FAULT:
		fail("exception %lld at step %u, RIP %#llx", (long long)cpu->vm->sh->cpu[cpu->id].vector, b->now,
		     (long long)cpu->vm->sh->cpu[cpu->id].rip);
	default:
		fail("port %#x at step %u", cpu->run->io.port, b->now);
	}
	return false;
}

static void hardware_run(const struct script *sc, struct outcome *o)
{
	struct board *b;
	struct vm vm;

	vm_start(&vm, sc->cpus);
	write_idt(vm.mem);
	b = (void *)(vm.mem + BOARD_AT);
	b->nsteps = sc->nsteps;
	b->cpus = sc->cpus;
	memcpy(b->step, sc->step, sc->nsteps * sizeof(b->step[0]));
	vcpu_long(&vm.cpu[0], mc_guest, 0);
	trace_write(TRACING "trace", "");
	tick_every(250000);
	while (!run_some(&vm.cpu[0], b))
		;
	tick_every(0);
	o->nsteps = b->now;
	for (u32 i = 0; i < b->now; i++) {
		o->got[i] = b->step[i].got;
		o->fault[i] = b->step[i].fault;
	}
	for (u32 i = 0; i < sc->cpus; i++) {
		o->ntaken[i] = b->player[i].ntaken;
		memcpy(o->taken[i], b->player[i].taken, sizeof(o->taken[i]));
		must(vm.cpu[i].fd, KVM_GET_LAPIC, o->lapic[i]);
	}
	trace_read(o);
	vm_end(&vm);
}

/* ---- comparing ---- */

#define SHOWN 200

static void show_step(const struct script *sc, u32 i)
{
	static const char *const name[] = { "nop", "rdmsr", "wrmsr", "read", "write", "in", "out", "rdcr8", "wrcr8",
					    "hlt", "cli", "sti", "iret" };
	const struct step *s = &sc->step[i];

	if (is_guest_op(s->op))
		printf("# %3u  %u: %s", i, s->cpu, name[s->op]);
	else
		printf("# %3u  %s", i, s->op == VINTC_MODEL_MSI ? "msi" : "line");
	if (s->addr)
		printf(" %#llx", (long long)s->addr);
	printf(" %#llx", (long long)s->val);
}

static void show_script(const struct script *sc, const struct outcome *model, const struct outcome *real, u32 to)
{
	u32 at[2][CPUS] = { 0 };

	if (to >= sc->nsteps)
		to = sc->nsteps - 1;
	for (u32 i = to > SHOWN && !show ? to - SHOWN : 0; i <= to; i++) {
		show_step(sc, i);
		printf("\t= %#llx/%#llx", (long long)model->got[i], (long long)real->got[i]);
		if (model->fault[i] | real->fault[i])
			printf(" fault %u/%u", model->fault[i], real->fault[i]);
		for (u32 side = 0; side < 2; side++)
			for (u32 c = 0; c < sc->cpus; c++) {
				const struct outcome *o = side ? real : model;

				for (; at[side][c] < o->ntaken[c] && o->taken[c][at[side][c]].step <= i; at[side][c]++)
					printf(" %s.%u takes %#x", side ? "here" : "model", c,
					       o->taken[c][at[side][c]].vector);
			}
		if (sc->step[i].asleep)
			printf(" asleep %x", sc->step[i].asleep);
		printf("\n");
	}
}

/* Counts that run are compared as running. */
static u64 answer(const struct step *s, u64 got)
{
	bool counts = s->op == VINTC_MODEL_RDMSR ? s->addr == 0x800 + (APIC_TMCCT >> 4) :
		      s->op == VINTC_MODEL_READ && (s->addr & ~15ull) == APIC_AT + APIC_TMCCT;

	return counts ? !!got : got;
}

/* The first step at which they differ, or -1. */
static int first_difference(const struct script *sc, const struct outcome *a, const struct outcome *b, char *why, size_t size)
{
	u32 at = ~0u;

	for (u32 i = 0; i < sc->nsteps && at == ~0u; i++)
		if (answer(&sc->step[i], a->got[i]) != answer(&sc->step[i], b->got[i]) || a->fault[i] != b->fault[i]) {
			at = i;
			snprintf(why, size, "answer %#llx, fault %u; here %#llx, %u", (long long)a->got[i], a->fault[i],
				 (long long)b->got[i], b->fault[i]);
		}
	for (u32 c = 0; c < sc->cpus; c++)
		for (u32 i = 0; i < a->ntaken[c] || i < b->ntaken[c]; i++) {
			const struct taken *x = &a->taken[c][i], *y = &b->taken[c][i];
			bool in_a = i < a->ntaken[c], in_b = i < b->ntaken[c];
			u32 step = !in_a ? y->step : !in_b ? x->step : x->step < y->step ? x->step : y->step;

			if (in_a && in_b && x->step == y->step && x->vector == y->vector)
				continue;
			if (step <= at) {
				at = step;
				snprintf(why, size, "vCPU %u takes %#x at step %u; here %#x at %u", c,
					 in_a ? x->vector : 0, in_a ? x->step : 0, in_b ? y->vector : 0, in_b ? y->step : 0);
			}
			break;
		}
	return at;
}

static bool lapics_equal(const struct script *sc, const struct outcome *a, const struct outcome *b, char *why, size_t size)
{
	for (u32 c = 0; c < sc->cpus; c++)
		for (u32 reg = 0; reg < 1024; reg += 4) {
			u32 x, y;

			memcpy(&x, a->lapic[c] + reg, 4);
			memcpy(&y, b->lapic[c] + reg, 4);
			/* RRD: accelerated, what is written stays in the page */
			if (x == y || reg == APIC_TMCCT || (reg == 0xc0 && not_accelerated))
				continue;
			snprintf(why, size, "APIC %u, register %#x is %#x; here %#x", c, reg, x, y);
			return false;
		}
	return true;
}

static bool exits_equal(const struct script *sc, const struct outcome *a, const struct outcome *b, char *why, size_t size)
{
	for (u32 c = 0; c < sc->cpus; c++)
		for (u32 i = 0; i < a->nexits[c] || i < b->nexits[c]; i++) {
			const struct leave *x = &a->exits[c][i], *y = &b->exits[c][i];

			if (i < a->nexits[c] && i < b->nexits[c] && x->reason == y->reason && x->info[0] == y->info[0] &&
			    x->info[1] == y->info[1])
				continue;
			snprintf(why, size, "vCPU %u, exit %u, at step %u, is %#x %#llx %#llx; here %#x %#llx %#llx (of %u, %u)", c, i,
				 x->step, x->reason, (long long)x->info[0], (long long)x->info[1], y->reason,
				 (long long)y->info[0], (long long)y->info[1], a->nexits[c], b->nexits[c]);
			return false;
		}
	return true;
}

static struct outcome model, real;

/* Both sides. Return: the same; else @why, and @at which step, or -1. */
static bool same(struct script *sc, char *why, size_t size, int *at)
{
	memset(&model, 0, sizeof(model));
	memset(&real, 0, sizeof(real));
	*why = 0;
	may_be_off = sc->off || (sc->x2 && flavour == VINTC_MODEL_AVIC);
	not_accelerated = sc->inhibits && !is_vmx();
	model_run(sc, &model);
	hardware_run(sc, &real);
	*at = first_difference(sc, &model, &real, why, size);
	if (*at < 0 && model.nsteps != real.nsteps)
		snprintf(why, size, "%u steps; here %u", model.nsteps, real.nsteps);
	return !*why && lapics_equal(sc, &model, &real, why, size) && exits_equal(sc, &model, &real, why, size);
}

/* Steps are left out as long as it goes wrong all the same. */
static void shrink(struct script *sc)
{
	static struct script less;
	char why[200];
	int at;

	for (u32 size = sc->nsteps / 2; size; size /= 2)
		for (u32 from = sc->fixed; from + size <= sc->nsteps;) {
			less = *sc;
			memmove(&less.step[from], &less.step[from + size], (sc->nsteps - from - size) * sizeof(less.step[0]));
			less.nsteps -= size;
			if (!script_valid(&less) || same(&less, why, sizeof(why), &at))
				from += size;
			else
				*sc = less;
		}
}

static bool compare(struct script *sc, u64 seed)
{
	char why[200], less[200];
	int at;

	if (same(sc, why, sizeof(why), &at)) {
		exits += model.nexits[0] + model.nexits[1];
		taken += model.ntaken[0] + model.ntaken[1];
		if (show)
			show_script(sc, &model, &real, MAX_OPS);
		return true;
	}
	printf("# SEED=%llu%s: %s\n", (long long)seed, sc->x2 ? ", x2APIC" : "", why);
	shrink(sc);
	same(sc, less, sizeof(less), &at);
	show_script(sc, &model, &real, MAX_OPS);
	printf("# that is: %s\n", less);
	return false;
}

static bool compare_all(const char *name, bool x2, u64 seed, u32 count)
{
	static struct script sc;
	u32 bad = 0, steps = 0;

	exits = taken = 0;

	for (u32 i = 0; i < count && bad < 3; i++) {
		if (show || getenv("PROGRESS"))
			printf("# SEED=%llu\n", (long long)seed + i);
		script_random(&sc, seed + i, x2, is_vmx());
		bad += !compare(&sc, seed + i);
		steps += sc.nsteps;
	}
	printf("%sok - modelcompare %s %s: %u scripts from seed %llu, %u steps, %u interrupts, %u exits\n", bad ? "not " : "",
	       name, x2 ? "x2apic" : "xapic", count, (long long)seed, steps, taken, exits);
	return !bad;
}

static u64 number(const char *name, u64 otherwise)
{
	return getenv(name) ? strtoull(getenv(name), NULL, 0) : otherwise;
}

int main(int argc, char **argv)
{
	static const char *const flavours[] = { "svm", "vmx", "apicv", "avic", "x2avic" };
	u64 seed, count;
	bool good = true;

	use_device();
	sigaction(SIGALRM, &(struct sigaction){ .sa_handler = nothing }, NULL);
	for (flavour = 0; flavour < ARRAY_SIZE(flavours) && argc > 1; flavour++)
		if (!strcmp(argv[1], flavours[flavour]))
			break;
	if (argc < 2 || flavour == ARRAY_SIZE(flavours))
		fail("which model?");
	trace_write(TRACING "buffer_size_kb", "4096");
	trace_write(TRACING "events/vintc/vintc_exit/enable", "1");
	seed = number("SEED", 1);
	count = number("COUNT", 20);
	show = number("SHOW", 0);
	if (argc < 3 || !strcmp(argv[2], "xapic"))
		good &= compare_all(argv[1], false, seed, count);
	if (argc < 3 || !strcmp(argv[2], "x2apic"))
		good &= compare_all(argv[1], true, seed, count);
	return !good;
}
