/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A few software CPUs around the engine: what the core does for the model
 * backend, in as many lines as it takes. Also watches every event: what can't
 * be on any CPU is counted in @wrong.
 */
#ifndef VINTC_TESTS_MODEL_VM_H
#define VINTC_TESTS_MODEL_VM_H

#include "../../module/apic/ioapic.h"
#include "../../module/model/host.h"

#define MVM_CPUS 3
#define MVM_EVENTS 256

struct mvm;

struct mvm_cpu {
	struct model_host host;
	struct mvm *vm;
	struct lapic lapic;
	struct mailbox mailbox;
	struct exitmap handled;
	bool scan, load;
	bool sipi_wanted;
	u8 page[4096] __aligned(4096);
};

struct mvm_event {
	u8 cpu, what;
	u32 code;
	u64 info[2];
};

/**
 * struct mvm - the VM
 * @taken: vectors that each CPU took, in order; 2 is an NMI
 * @wrong: the first thing that can't be, or NULL
 */
struct mvm {
	u32 n;
	u64 now;
	bool rebuild;
	struct mvm_cpu cpu[MVM_CPUS];
	struct ioapic ioapic;
	struct dest_map map;
	struct avic_tables tables;
	struct mvm_event event[MVM_EVENTS];
	u32 events;
	u8 taken[MVM_CPUS][MVM_EVENTS];
	u32 ntaken[MVM_CPUS];
	const char *wrong;
};

static inline struct mvm_cpu *mvm_of(struct model_host *h)
{
	return (struct mvm_cpu *)((u8 *)h - offsetof(struct mvm_cpu, host));
}

static inline void mvm_send(struct mvm *vm, const struct irq_message *msg)
{
	struct dest_set set;
	int i;

	dest_match(&vm->map, msg, DEST_LOWEST_ROUND_ROBIN, &set);
	while ((i = dest_set_pop(&set)) >= 0)
		if (msg->delivery > IRQ_LOWEST || vm->map.view[i].enabled)
			mailbox_post(&vm->cpu[i].mailbox, msg);
}

static inline void mvm_scan_all(struct mvm *vm)
{
	u32 i;

	for (i = 0; i < vm->n; i++)
		vm->cpu[i].scan = true;
}

static inline void mvm_ioapic(struct mvm *vm, const struct ioapic_out *out)
{
	u32 i;

	for (i = 0; i < out->n; i++)
		mvm_send(vm, &out->msg[i]);
	if (out->rescan)
		mvm_scan_all(vm);
}

static inline void mvm_build(struct mvm *vm)
{
	u32 i;

	for (i = 0; i < vm->n; i++)
		dest_view_of(&vm->map.view[i], &vm->cpu[i].lapic);
	vm->map.n = vm->n;
	dest_map_build(&vm->map);
	vm->rebuild = false;
	mvm_scan_all(vm);
}

/* ----------------------------------------------------------------- calls */

static inline u64 mvm_now(struct model_host *h)
{
	return mvm_of(h)->vm->now;
}

static inline void mvm_effects(struct model_host *h, struct lapic_out *out)
{
	struct mvm_cpu *c = mvm_of(h);
	struct ioapic_out io = { .n = 0 };

	if (out->effects & LAPIC_OUT_IPI)
		mvm_send(c->vm, &out->ipi);
	if (out->effects & LAPIC_OUT_EOI) {
		ioapic_eoi(&c->vm->ioapic, out->eoi_vector, &io);
		mvm_ioapic(c->vm, &io);
	}
	if (out->effects & LAPIC_OUT_DEST)
		mvm_build(c->vm);
	if (out->effects & LAPIC_OUT_RESCAN)
		c->scan = true;
}

static inline bool mvm_msr(struct model_host *h, bool write, u32 msr, u64 *val)
{
	struct lapic_out out = { .effects = 0 };

	if (msr == 0x1b && !write) {
		*val = h->lapic->base;
		return true;
	}
	if (msr == 0x1b) {
		if (!lapic_set_base(h->lapic, *val, false, 36, &out))
			return false;
	} else if (msr - 0x800 >= 0x100) {
		return false;
	} else if (!write) {
		return lapic_rdmsr(h->lapic, msr, mvm_now(h), val);
	} else {
		lapic_wrmsr(h->lapic, msr, *val, mvm_now(h), &out);
		if (out.effects & LAPIC_OUT_FAULT)
			return false;
	}
	mvm_effects(h, &out);
	return true;
}

static inline bool mvm_memory(struct model_host *h, bool write, u64 addr,
			      void *data, u32 size)
{
	struct mvm *vm = mvm_of(h)->vm;
	struct lapic_out out = { .effects = 0 };
	struct ioapic_out io = { .n = 0 };
	u32 val = 0;

	if (size != 4 || (addr & 15))
		return false;
	if (lapic_mode(h->lapic) == LAPIC_XAPIC &&
	    (addr & ~0xfffULL) == (h->lapic->base & LAPIC_BASE_ADDRESS) &&
	    (addr & 0xfff) < 0x400) {
		if (write) {
			memcpy(&val, data, 4);
			lapic_write(h->lapic, addr & 0xff0, val, vm->now, &out);
			mvm_effects(h, &out);
		} else {
			val = lapic_read(h->lapic, addr & 0xff0, vm->now);
			memcpy(data, &val, 4);
		}
		return true;
	}
	if (addr - vm->ioapic.base >= IOAPIC_SIZE)
		return false;
	if (write) {
		memcpy(&val, data, 4);
		ioapic_write(&vm->ioapic, addr - vm->ioapic.base, val, &io);
		mvm_ioapic(vm, &io);
	} else {
		val = ioapic_read(&vm->ioapic, addr - vm->ioapic.base);
		memcpy(data, &val, 4);
	}
	return true;
}

static inline bool mvm_port(struct model_host *h, bool write, u16 port,
			    u32 *val, u32 size)
{
	(void)h, (void)write, (void)port, (void)val, (void)size;
	return false;
}

static inline bool mvm_timer_due(const struct mvm_cpu *c)
{
	return c->lapic.timer_deadline && c->lapic.timer_deadline <= c->vm->now;
}

static inline bool mvm_kicked(struct model_host *h)
{
	struct mvm_cpu *c = mvm_of(h);

	return c->scan || (c->load && !h->cpu.l2) || mvm_timer_due(c);
}

static inline void mvm_requests(struct model_host *h)
{
	struct mvm_cpu *c = mvm_of(h);
	struct lapic_out out = { .effects = 0 };

	if (mvm_timer_due(c)) {
		lapic_timer(&c->lapic, c->vm->now, &out);
		mvm_effects(h, &out);
	}
	if (c->scan) {
		c->scan = false;
		memset(&c->handled, 0, sizeof(c->handled));
		exitmap_add_ioapic(&c->handled, &c->vm->ioapic, &c->vm->map,
				   c - c->vm->cpu);
		exitmap_add_stale(&c->handled, &c->lapic);
		c->load = true;
	}
	/* Behaviour A */
	if (c->load && !h->cpu.l2) {
		c->load = false;
		host_load_exitmap(h);
	}
}

static inline void mvm_absorb(struct model_host *h)
{
	struct mvm_cpu *c = mvm_of(h);
	struct lapic_out out = { .effects = 0 };

	lapic_absorb(&c->lapic, &c->mailbox, !host_init_blocked(h), &out);
	if ((out.effects & LAPIC_OUT_NMI) && h->nmi_pending < 2)
		h->nmi_pending++;
	if (out.effects & LAPIC_OUT_INIT) {
		lapic_reset(&c->lapic, &out);
		host_reset(h);
		h->cpu.activity = MODEL_WAITS;
		c->sipi_wanted = true;
		mvm_effects(h, &out);
	}
	if ((out.effects & LAPIC_OUT_SIPI) && c->sipi_wanted) {
		c->sipi_wanted = false;
		h->cpu.activity = MODEL_RUNS;
	}
}

#define MVM_WRONG(vm, what)                                                    \
	do {                                                                   \
		if (!(vm)->wrong)                                              \
			(vm)->wrong = (what);                                  \
	} while (0)

static inline void mvm_took(struct mvm_cpu *c, u32 vector)
{
	const struct model_cpu *cpu = &c->host.cpu;
	struct mvm *vm = c->vm;
	u32 i = c - vm->cpu;

	if (vm->ntaken[i] < MVM_EVENTS)
		vm->taken[i][vm->ntaken[i]++] = vector;
	if (!cpu->depth)
		return;
	if (cpu->stack[cpu->depth - 1].nmi)
		return;
	if (!cpu->stack[cpu->depth - 1].iflag)
		MVM_WRONG(vm, "an interrupt with IF clear");
	if (!cpu->gif)
		MVM_WRONG(vm, "an interrupt with GIF clear");
	if (vector < 16)
		MVM_WRONG(vm, "an illegal vector");
	if (vector >> 4 <= lapic_get(&c->lapic, LAPIC_TPR) >> 4)
		MVM_WRONG(vm, "an interrupt that TPR holds back");
	lapic_refresh(&c->lapic);
	if (c->lapic.isr_top != vector)
		MVM_WRONG(vm, "an interrupt that isn't the highest in service");
}

static inline void mvm_log(struct model_host *h, enum model_event what,
			   u32 code, u64 info0, u64 info1)
{
	struct mvm_cpu *c = mvm_of(h);
	struct mvm *vm = c->vm;

	if (vm->events < MVM_EVENTS) {
		struct mvm_event e = { c - vm->cpu, what, code, { info0, info1 } };

		vm->event[vm->events++] = e;
	}
	if (what == MODEL_EV_INTERRUPT || what == MODEL_EV_NMI)
		mvm_took(c, code);
}

/* There is no PIC. */
static bool mvm_external(struct model_host *h)
{
	(void)h;
	return false;
}

static const struct model_calls mvm_calls = {
	.now = mvm_now,
	.effects = mvm_effects,
	.msr = mvm_msr,
	.memory = mvm_memory,
	.port = mvm_port,
	.kicked = mvm_kicked,
	.requests = mvm_requests,
	.absorb = mvm_absorb,
	.external = mvm_external,
	.log = mvm_log,
};

/* ----------------------------------------------------------------- running */

/* Software-enabled, runnable, in xAPIC mode. */
static inline void mvm_init(struct mvm *vm, enum model_flavour flavour, u32 n)
{
	struct lapic_out out = { .effects = 0 };
	u32 i;

	memset(vm, 0, sizeof(*vm));
	vm->n = n;
	ioapic_init(&vm->ioapic);
	for (i = 0; i < n; i++) {
		struct mvm_cpu *c = &vm->cpu[i];
		struct lapic_config config;

		c->vm = vm;
		c->host.cpu.flavour = flavour;
		c->host.cpu.hlt_exits = true;
		c->host.cpu.avic.tables = &vm->tables;
		c->host.lapic = &c->lapic;
		c->host.mailbox = &c->mailbox;
		c->host.handled = &c->handled;
		c->host.calls = &mvm_calls;
		mailbox_init(&c->mailbox);
		lapic_init(&c->lapic, c->page, i, i, !i);
		config = c->lapic.config;
		config.x2apic = true;
		lapic_configure(&c->lapic, &config);
		lapic_write(&c->lapic, LAPIC_SVR, 0x1ff, 0, &out);
		host_reset(&c->host);
	}
	mvm_build(vm);
}

/* What must hold when every CPU is at its next instruction. */
static inline void mvm_look(struct mvm *vm)
{
	u32 i;

	for (i = 0; i < vm->n; i++) {
		struct mvm_cpu *c = &vm->cpu[i];
		struct model_cpu *cpu = &c->host.cpu;
		int next = lapic_next(&c->lapic);

		if (cpu->activity == MODEL_WAITS)
			continue;
		if (c->mailbox.control & MAILBOX_ON)
			MVM_WRONG(vm, "a posted interrupt that nobody takes");
		if (next >= 0 && cpu_open(cpu) && !cpu->inject)
			MVM_WRONG(vm, "a lost interrupt");
		if (cpu->accelerated && cpu->flavour == MODEL_APICV &&
		    cpu->in_guest && next >= 0 && cpu->vapic.rvi != next)
			MVM_WRONG(vm, "RVI isn't the highest request");
		if (c->host.nmi_pending && !cpu->nmi_masked && cpu->gif)
			MVM_WRONG(vm, "a lost NMI");
	}
}

static inline void mvm_settle(struct mvm *vm)
{
	u32 i;

	for (i = 0; i < vm->n; i++)
		host_run(&vm->cpu[i].host);
	/* Again for those that a later one has sent something. */
	for (i = 0; i < vm->n; i++)
		host_run(&vm->cpu[i].host);
	mvm_look(vm);
}

static inline enum model_result mvm_do(struct mvm *vm, u32 cpu,
				       struct model_insn *insn)
{
	struct model_host *hosts[MVM_CPUS];
	enum model_result result;
	u8 fault;
	u32 i;

	for (i = 0; i < vm->n; i++)
		hosts[i] = &vm->cpu[i].host;
	host_fill_tables(&vm->tables, hosts, vm->n);
	result = host_execute(&vm->cpu[cpu].host, insn, &fault);
	if ((result == MODEL_FAULT) != (fault != 0))
		MVM_WRONG(vm, "a fault without a vector");
	mvm_settle(vm);
	return result;
}

static inline enum model_result mvm_op(struct mvm *vm, u32 cpu, u32 kind,
				       u64 addr, u64 val)
{
	struct model_insn insn = {
		.kind = kind, .size = 4, .addr = addr, .val = val,
	};

	return mvm_do(vm, cpu, &insn);
}

static inline u64 mvm_read(struct mvm *vm, u32 cpu, u32 kind, u64 addr)
{
	struct model_insn insn = { .kind = kind, .size = 4, .addr = addr };

	return mvm_do(vm, cpu, &insn) == MODEL_DONE ? insn.val : ~0ULL;
}

static inline void mvm_msi(struct mvm *vm, u32 dest, u8 vector, u8 delivery)
{
	struct irq_message msg = {
		.dest = dest, .vector = vector, .delivery = delivery,
		.source = IRQ_SOURCE_NONE,
	};

	mvm_send(vm, &msg);
	mvm_settle(vm);
}

static inline void mvm_line(struct mvm *vm, u32 pin, bool level)
{
	struct ioapic_out io = { .n = 0 };

	ioapic_line(&vm->ioapic, pin, IOAPIC_SRC_USER, level, &io);
	mvm_ioapic(vm, &io);
	mvm_settle(vm);
}

static inline void mvm_advance(struct mvm *vm, u64 ns)
{
	vm->now += ns;
	mvm_settle(vm);
}

static inline u32 mvm_count(const struct mvm *vm, u32 cpu,
			    enum model_event what, u32 code)
{
	u32 i, n = 0;

	for (i = 0; i < vm->events; i++)
		n += vm->event[i].cpu == cpu && vm->event[i].what == what &&
		     (code == ~0U || vm->event[i].code == code);
	return n;
}

#endif
