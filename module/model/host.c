// SPDX-License-Identifier: GPL-2.0-only
#include "host.h"

#define VECTOR_UD 6
#define VECTOR_GP 13

/*
 * Events and exits in a row between two instructions. A guest whose priorities
 * rise takes 15 interrupts at most; anything near this is a fault of ours.
 */
#define MAX_ROUNDS 1024

static void log_exit(struct model_host *h, const struct model_exit *ex)
{
	h->calls->log(h, MODEL_EV_EXIT, ex->reason, ex->info[0], ex->info[1]);
}

static void log_plain(struct model_host *h, enum model_event what, u32 code)
{
	h->calls->log(h, what, code, 0, 0);
}

bool host_has(enum model_flavour flavour, u32 kind)
{
	bool vmx = flavour == MODEL_VMX || flavour == MODEL_APICV;

	switch (kind) {
	case MODEL_VMXON:
	case MODEL_VMXOFF:
		return vmx;
	case MODEL_CLGI:
	case MODEL_STGI:
		return !vmx;
	default:
		return kind < MODEL_INSNS;
	}
}

/* ------------------------------------------------------------------ entry */

/*
 * What the flavour can virtualize in the APIC's present mode. Hardware would also
 * deliver to an APIC that software has disabled; vintc's backends don't let it.
 */
static bool can_accelerate(const struct model_host *h)
{
	const struct model_cpu *cpu = &h->cpu;

	/* L2 has its own, or L1's APIC as memory that exits. */
	if (cpu->l2 || !lapic_enabled(h->lapic))
		return false;
	switch (cpu->flavour) {
	case MODEL_APICV:
	case MODEL_X2AVIC:
		return cpu_is_xapic(cpu) || cpu_is_x2apic(cpu);
	case MODEL_AVIC:
		return cpu_is_xapic(cpu);
	default:
		return false;
	}
}

static u8 highest_isr(struct model_host *h)
{
	lapic_refresh(h->lapic);
	return h->lapic->isr_top;
}

static void fill_vmcs(struct model_host *h)
{
	struct vapic *v = &h->cpu.vapic;
	int irr = lapic_highest_irr(h->lapic);

	v->controls = VAPIC_TPR_SHADOW | VAPIC_REGISTERS | VAPIC_DELIVERY |
		      VAPIC_POSTED;
	v->controls |= cpu_is_x2apic(&h->cpu) ? VAPIC_X2APIC : VAPIC_ACCESSES;
	v->rvi = irr < 0 ? 0 : irr;
	v->svi = highest_isr(h);
}

static void fill_vmcb(struct model_host *h)
{
	struct avic *a = &h->cpu.avic;

	a->x2 = cpu_is_x2apic(&h->cpu);
	a->v_tpr = lapic_get_cr8(h->lapic);
}

/* Two APICs that share an entry are left to the engine: no entry is valid. */
static void fill_logical(struct avic_tables *t, const struct lapic *l, u32 id)
{
	u32 ldr = lapic_get(l, LAPIC_LDR) >> 24, first = 0, bits = ldr, bit;

	if (lapic_get(l, LAPIC_DFR) >> 28 != 15) {
		first = (ldr >> 4) * 4;
		bits = ldr & 15;
	}
	for (bit = 0; bit < 8; bit++) {
		u32 *entry = &t->logical[(first + bit) % AVIC_LOGICAL_ENTRIES];

		if (bits >> bit & 1)
			*entry = *entry ? 1 : AVIC_LOGICAL_VALID | id;
	}
}

void host_fill_tables(struct avic_tables *t, struct model_host *const host[],
		      u32 n)
{
	u32 i;

	memset(t, 0, sizeof(*t));
	for (i = 0; i < n; i++) {
		struct model_host *h = host[i];
		bool x2 = lapic_mode(h->lapic) == LAPIC_X2APIC;
		u32 id = lapic_get(h->lapic, LAPIC_ID) >> (x2 ? 0 : 24);
		u64 entry = AVIC_PHYSICAL_VALID | (u64)(i + 1) << 12;

		h->cpu.avic.id = id;
		h->cpu.avic.tables = t;
		t->cpu[i] = &h->cpu.avic;
		if (x2 && h->cpu.flavour == MODEL_X2AVIC)
			t->max_id = X2AVIC_MAX_ID;
		/* To what isn't enabled the engine sends nothing. */
		if (id > X2AVIC_MAX_ID || !lapic_enabled(h->lapic))
			continue;
		if (h->cpu.in_guest && h->cpu.accelerated)
			entry |= AVIC_PHYSICAL_RUNNING;
		t->physical[id] = t->physical[id] ? i + 1 : entry;
		if (!x2)
			fill_logical(t, h->lapic, id);
	}
	if (!t->max_id)
		t->max_id = AVIC_MAX_ID;
}

static void set_mode(struct model_host *h)
{
	struct model_cpu *cpu = &h->cpu;
	struct lapic_config config = h->lapic->config;
	bool want;

	cpu->base = h->lapic->base;
	/* Other CPUs write IRR whether this one is accelerated now or not. */
	lapic_refresh(h->lapic);
	want = can_accelerate(h);
	/* AVIC has no window to inject by, so that it is off until that is done. */
	if (!cpu_is_vmx(cpu) && h->calls->external(h))
		want = false;
	if (want != cpu->accelerated || want != h->lapic->accelerated) {
		cpu->accelerated = want;
		lapic_accelerate(h->lapic, want);
	}
	/* Where the upper half of ICR lies. */
	if (cpu->flavour == MODEL_X2AVIC && !config.icr_split) {
		config.icr_split = true;
		lapic_configure(h->lapic, &config);
	}
}

/* The PIC's goes before the local APIC's, and is injected by the host anyway. */
static void inject_external(struct model_host *h)
{
	struct model_cpu *cpu = &h->cpu;
	int vector;

	cpu->window = false;
	if (cpu->inject || !h->calls->external(h))
		return;
	if (!cpu_open(cpu) || cpu->inject_nmi) {
		cpu->window = cpu->gif;
		return;
	}
	vector = h->calls->acknowledge(h);
	if (vector < 0)
		return;
	cpu->inject = true;
	cpu->inject_vector = vector;
}

/* Without acceleration the host picks the vector and injects it. */
static void inject_interrupt(struct model_host *h)
{
	struct model_cpu *cpu = &h->cpu;
	int vector = lapic_next(h->lapic);

	if (vector < 0 || cpu->inject || cpu->window)
		return;
	if (!cpu_open(cpu) || cpu->inject_nmi) {
		/* While GIF is clear STGI is what is waited for. */
		cpu->window = cpu->gif;
		return;
	}
	lapic_accept(h->lapic, vector);
	cpu->inject = true;
	cpu->inject_vector = vector;
}

static void inject_nmi(struct model_host *h)
{
	struct model_cpu *cpu = &h->cpu;

	if (!h->nmi_pending || cpu->nmi_masked || !cpu->gif || cpu->inject_nmi)
		return;
	h->nmi_pending--;
	cpu->inject_nmi = true;
}

static void leave_l2(struct model_host *h, u32 reason)
{
	struct model_cpu *cpu = &h->cpu;

	cpu->l2 = false;
	/* SDM 3C "Loading Host RFLAGS"; APM 2 "#VMEXIT": GIF is cleared. */
	if (cpu_is_vmx(cpu))
		cpu->iflag = false;
	else
		cpu->gif = false;
	cpu->shadow = false;
	cpu->activity = MODEL_RUNS;
	log_plain(h, MODEL_EV_L2_EXIT, reason);
}

/*
 * Behaviour D: what L1 wants to know of its guest comes first, from the
 * mailbox as it is now. Only then are INIT and SIPI looked at, under the
 * conditions that have come of it.
 */
static void check_nested(struct model_host *h)
{
	struct model_cpu *cpu = &h->cpu;
	bool vmx = cpu_is_vmx(cpu);

	if (!cpu->l2)
		return;
	if (cpu->gif && (READ_ONCE(h->mailbox->events) & MAILBOX_INIT)) {
		env_fetch_and(&h->mailbox->events, ~MAILBOX_INIT);
		leave_l2(h, vmx ? VMX_EXIT_INIT : SVM_EXIT_INIT);
		return;
	}
	if (!cpu->l2_intr)
		return;
	h->calls->absorb(h);
	if (cpu->l2 && (lapic_next(h->lapic) >= 0 || h->calls->external(h)))
		leave_l2(h, vmx ? VMX_EXIT_INTERRUPT : SVM_EXIT_INTR);
}

static bool wakes(struct model_host *h)
{
	const struct model_cpu *cpu = &h->cpu;

	if (!cpu->gif)
		return false;
	return (h->nmi_pending && !cpu->nmi_masked) ||
	       (cpu->iflag && (lapic_next(h->lapic) >= 0 || h->calls->external(h)));
}

/* Everything up to VM entry. False: it isn't to run. */
static bool prepare(struct model_host *h)
{
	struct model_cpu *cpu = &h->cpu;

	cpu->avic.doorbell = false;
	check_nested(h);
	h->calls->absorb(h);
	/* What INIT or a mode change asks for is done in the next round. */
	h->calls->requests(h);
	set_mode(h);
	if (cpu->activity == MODEL_HALTED && wakes(h))
		cpu->activity = MODEL_RUNS;
	/* Halted without an exit it stays in the guest. */
	if (cpu->activity == MODEL_WAITS ||
	    (cpu->activity == MODEL_HALTED && cpu->hlt_exits))
		return false;
	inject_nmi(h);
	cpu->nmi_window = h->nmi_pending && cpu->gif;
	inject_external(h);
	if (!cpu->accelerated)
		inject_interrupt(h);
	else if (cpu->flavour == MODEL_APICV)
		fill_vmcs(h);
	else
		fill_vmcb(h);
	return true;
}

/* ------------------------------------------------------------------ exits */

static enum model_result emulate_msr(struct model_host *h,
				     struct model_insn *insn, u8 *fault)
{
	if (insn->addr <= 0xffffffff &&
	    h->calls->msr(h, insn->kind == MODEL_WRMSR, insn->addr, &insn->val))
		return MODEL_DONE;
	*fault = VECTOR_GP;
	return MODEL_FAULT;
}

static enum model_result emulate_memory(struct model_host *h,
					struct model_insn *insn)
{
	bool write = insn->kind == MODEL_WRITE;
	u64 val = write ? insn->val : 0;

	if (h->calls->memory(h, write, insn->addr, &val, insn->size)) {
		insn->val = val;
		return MODEL_DONE;
	}
	if (!write)
		insn->val = ~0ULL >> (64 - insn->size * 8);
	return MODEL_NOBODY;
}

static enum model_result emulate_port(struct model_host *h,
				      struct model_insn *insn)
{
	bool write = insn->kind == MODEL_OUT;
	u32 val = write ? insn->val : 0;

	if (h->calls->port(h, write, insn->addr, &val, insn->size)) {
		insn->val = val;
		return MODEL_DONE;
	}
	if (!write)
		insn->val = ~0U >> (32 - insn->size * 8);
	return MODEL_NOBODY;
}

static void emulate_cr8(struct model_host *h, struct model_insn *insn)
{
	struct lapic_out out = { .effects = 0 };

	if (insn->kind == MODEL_RDCR8) {
		insn->val = lapic_get_cr8(h->lapic);
		return;
	}
	lapic_set_cr8(h->lapic, insn->val, &out);
	h->calls->effects(h, &out);
}

static enum model_result undefined(u8 *fault)
{
	*fault = VECTOR_UD;
	return MODEL_FAULT;
}

static enum model_result emulate_nested(struct model_host *h,
					struct model_insn *insn, u8 *fault)
{
	struct model_cpu *cpu = &h->cpu;
	bool vmx = cpu_is_vmx(cpu);

	if (!host_has(cpu->flavour, insn->kind))
		return undefined(fault);
	/* L1 intercepts all of these; a guest of its own is no hypervisor. */
	if (cpu->l2) {
		leave_l2(h, vmx ? VMX_EXIT_VMCALL : SVM_EXIT_VMMCALL);
		return MODEL_DONE;
	}
	switch (insn->kind) {
	case MODEL_VMXON:
		cpu->vmx_on = true;
		return MODEL_DONE;
	case MODEL_VMXOFF:
		if (!cpu->vmx_on)
			return undefined(fault);
		cpu->vmx_on = false;
		return MODEL_DONE;
	case MODEL_CLGI:
		cpu->gif = false;
		return MODEL_DONE;
	case MODEL_STGI:
		cpu->gif = true;
		return MODEL_DONE;
	case MODEL_ENTER_L2:
		if (vmx && !cpu->vmx_on)
			return undefined(fault);
		cpu->l2 = true;
		cpu->l2_intr = insn->val & 1;
		cpu->gif = true;
		cpu->iflag = true;
		return MODEL_DONE;
	default: /* EXIT_L2 outside of L2 */
		return undefined(fault);
	}
}

/* The instruction is the host's to do. */
static enum model_result emulate(struct model_host *h, struct model_insn *insn,
				 u8 *fault)
{
	switch (insn->kind) {
	case MODEL_RDMSR:
	case MODEL_WRMSR:
		return emulate_msr(h, insn, fault);
	case MODEL_READ:
	case MODEL_WRITE:
		return emulate_memory(h, insn);
	case MODEL_IN:
	case MODEL_OUT:
		return emulate_port(h, insn);
	case MODEL_RDCR8:
	case MODEL_WRCR8:
		emulate_cr8(h, insn);
		return MODEL_DONE;
	case MODEL_HLT:
		h->cpu.activity = MODEL_HALTED;
		return MODEL_DONE;
	default:
		return emulate_nested(h, insn, fault);
	}
}

/* Behaviour B: the value is in the page; the engine reads it from there. */
static void write_done(struct model_host *h, u32 reg)
{
	struct lapic_out out = { .effects = 0 };

	lapic_write_done(h->lapic, reg, h->calls->now(h), &out);
	h->calls->effects(h, &out);
}

static void eoi_done(struct model_host *h, u8 vector)
{
	struct lapic_out out = { .effects = 0 };

	lapic_eoi_done(h->lapic, vector, &out);
	h->calls->effects(h, &out);
}

/* It is in their IRRs already; they need only look. */
static void wake_targets(struct model_host *h, u8 vector)
{
	const struct avic_tables *t = h->cpu.avic.tables;
	u32 reg = LAPIC_IRR + ((vector >> 5) << 4), i;

	for (i = 0; i < DEST_MAX_APICS; i++)
		if (t->cpu[i] && *(volatile u32 *)(t->cpu[i]->page + reg) >>
						 (vector & 31) & 1)
			t->cpu[i]->doorbell = true;
}

/* After a trap-like exit, and one between two instructions. */
static void handle_trap(struct model_host *h, const struct model_exit *ex)
{
	if (cpu_is_vmx(&h->cpu)) {
		if (ex->reason == VMX_EXIT_APIC_WRITE)
			write_done(h, ex->info[0] & 0xff0);
		else if (ex->reason == VMX_EXIT_EOI)
			eoi_done(h, ex->info[0]);
		return;
	}
	if (ex->reason == SVM_EXIT_NOACCEL)
		write_done(h, ex->info[0] & AVIC_NOACCEL_OFFSET);
	else if (ex->reason == SVM_EXIT_INCOMPLETE_IPI &&
		 ex->info[1] >> 32 == AVIC_IPI_NOT_RUNNING)
		wake_targets(h, ex->info[0]);
	else if (ex->reason == SVM_EXIT_INCOMPLETE_IPI)
		write_done(h, LAPIC_ICR);
}

/* -------------------------------------------------------------------- loop */

static bool only_vectors(const struct model_host *h)
{
	u64 blocked = host_init_blocked(h) ? MAILBOX_INIT : 0;

	return h->cpu.accelerated &&
	       (READ_ONCE(h->mailbox->control) & MAILBOX_ON) &&
	       !(READ_ONCE(h->mailbox->events) & ~blocked);
}

/* Someone's message reaches a CPU that is in the guest. */
static bool interrupted(struct model_host *h)
{
	struct model_cpu *cpu = &h->cpu;
	struct model_exit ex = {
		.reason = cpu_is_vmx(cpu) ? VMX_EXIT_INTERRUPT : SVM_EXIT_INTR,
	};
	bool woken = false;

	if (cpu->avic.doorbell) {
		cpu->avic.doorbell = false;
		if (cpu->accelerated)
			log_plain(h, MODEL_EV_DOORBELL, 0);
		else
			woken = true;
	}
	if (only_vectors(h)) {
		/* Behaviour E: they ask for no exit. */
		if (cpu->flavour == MODEL_APICV) {
			vapic_notified(&cpu->vapic, h->mailbox);
			/*
			 * Hardware leaves trigger modes alone. The host brings
			 * them up at once, for someone may look (KVM_GET_LAPIC)
			 * before there is an exit.
			 */
			lapic_sync_tmr(h->lapic, h->mailbox);
			log_plain(h, MODEL_EV_NOTIFY, 0);
		} else {
			/* The sender writes IRR itself, and rings. */
			h->calls->absorb(h);
			log_plain(h, MODEL_EV_DOORBELL, 0);
		}
	}
	if (!woken && !h->calls->kicked(h) &&
	    !mailbox_takeable(h->mailbox, !host_init_blocked(h)))
		return false;
	cpu->in_guest = false;
	log_exit(h, &ex);
	return true;
}

static void enter(struct model_host *h)
{
	struct model_exit ex;

	if (cpu_enter(&h->cpu, &ex) == MODEL_EXITS) {
		log_exit(h, &ex);
		handle_trap(h, &ex);
	}
}

/* One round in the guest. Return: whether anything has happened. */
static bool between(struct model_host *h)
{
	struct model_taken taken;
	struct model_exit ex;

	if (!h->cpu.inject && !h->cpu.inject_nmi && interrupted(h))
		return true;
	switch (cpu_between(&h->cpu, &taken, &ex)) {
	case MODEL_DID:
		log_plain(h, taken.nmi ? MODEL_EV_NMI : MODEL_EV_INTERRUPT,
			  taken.vector);
		return true;
	case MODEL_EXITS:
		log_exit(h, &ex);
		handle_trap(h, &ex);
		return true;
	default:
		return false;
	}
}

enum model_result host_run(struct model_host *h)
{
	struct model_cpu *cpu = &h->cpu;
	u32 rounds;

	for (rounds = 0; rounds < MAX_ROUNDS; rounds++) {
		if (!cpu->in_guest) {
			if (!prepare(h))
				return cpu->activity == MODEL_WAITS ?
					       MODEL_STOPPED : MODEL_ASLEEP;
			enter(h);
			continue;
		}
		if (!between(h))
			return cpu->activity == MODEL_HALTED ? MODEL_ASLEEP :
			       cpu->activity == MODEL_WAITS ? MODEL_STOPPED :
							      MODEL_DONE;
	}
	return MODEL_STOPPED;
}

enum model_result host_execute(struct model_host *h, struct model_insn *insn,
			       u8 *fault)
{
	enum model_result result = host_run(h);
	struct model_exit ex;

	*fault = 0;
	if (result != MODEL_DONE)
		return result;
	switch (cpu_execute(&h->cpu, insn, &ex)) {
	case MODEL_DID:
		break;
	case MODEL_FAULTS:
		*fault = VECTOR_GP;
		result = MODEL_FAULT;
		break;
	default:
		log_exit(h, &ex);
		if (ex.trap)
			handle_trap(h, &ex);
		else
			result = emulate(h, insn, fault);
	}
	/* What follows from it happens now, and not before the next one. */
	host_run(h);
	return result;
}

void host_load_exitmap(struct model_host *h)
{
	if (h->cpu.flavour != MODEL_APICV)
		return;
	memcpy(h->cpu.vapic.eoi_exit, h->handled->bits,
	       sizeof(h->cpu.vapic.eoi_exit));
	log_plain(h, MODEL_EV_LOAD, 0);
}

void host_reset(struct model_host *h)
{
	h->nmi_pending = 0;
	h->cpu.page = h->lapic->regs;
	h->cpu.base = h->lapic->base;
	h->cpu.avic.id = h->lapic->id;
	cpu_reset(&h->cpu);
}
