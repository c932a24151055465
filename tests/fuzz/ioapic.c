// SPDX-License-Identifier: GPL-2.0-only
/*
 * libFuzzer: the IOAPIC. Lines, registers, EOIs, messages that nobody takes, a
 * migration now and then. Beside it runs a retelling of the 82093AA's datasheet,
 * pin by pin, that says which messages each step must send, no more and no
 * fewer. Besides:
 *  - remote IRR is set on level entries alone, and only by a message sent;
 *  - an asserted level pin that may send has sent: nothing waits for an event
 *    that doesn't come;
 *  - EOI-exit maps are the vectors of the level entries, and of tapped pins, that
 *    address an APIC, and whatever changes a map says that maps are to be built
 *    anew.
 */
#include "../../module/apic/exitmap.h"
#include "fuzz.h"

#define APICS 3
#define RTE_KEPT 0xff0000000001afffULL /* all but the two read-only bits */

enum what {
	OP_LINE,
	OP_PULSE,
	OP_RTE,
	OP_EOI,
	OP_EOI_OF,
	OP_RESAMPLE,
	OP_UNACCEPTED,
	OP_REGISTER,
	OP_TAP,
	OP_MIGRATE,
	OP_WHATS
};

/**
 * struct pin - what the datasheet lets one pin be
 * @rte: its entry without the read-only bits
 * @remote: remote IRR
 * @lines: who asserts it
 * @held: restored as asserted, by nobody in particular
 * @lost: its last message found no target, so that it waits for its line
 */
struct pin {
	u64 rte;
	bool remote;
	u8 lines;
	bool held;
	bool lost;
};

static struct ioapic io;
static struct ioapic_out out;
static struct pin pins[IOAPIC_PINS];
static u32 expected; /* messages, by pin */
static u32 unmasked;
static u8 select_reg, id;
static struct dest_map dests;
static struct exitmap maps[APICS];

static u32 mode_of(const struct pin *p)
{
	return p->rte >> 8 & 7;
}

/* Only fixed and lowest-priority interrupts have an EOI. */
static bool is_level(const struct pin *p)
{
	return (p->rte & BIT(15)) && mode_of(p) < 2;
}

static bool may_send(const struct pin *p)
{
	if (p->rte & BIT(16))
		return false;
	return mode_of(p) < 2 ? (p->rte & 0xff) > 15 : mode_of(p) != 3;
}

static bool asserted(const struct pin *p)
{
	return p->lines || p->held;
}

static bool expect(u32 n)
{
	struct pin *p = &pins[n];

	if (!may_send(p) || p->remote)
		return false;
	MUST(!(expected >> n & 1));
	expected |= 1U << n;
	p->remote = is_level(p);
	p->lost = false;
	return true;
}

static void clear(void)
{
	memset(&out, 0x5a, sizeof(out));
	out.n = 0;
	out.rescan = false;
	out.unmasked = 0;
	expected = 0;
	unmasked = 0;
}

static void check_messages(void)
{
	u32 i, got = 0;

	MUST(out.n <= IOAPIC_PINS);
	for (i = 0; i < out.n; i++) {
		const struct irq_message *msg = &out.msg[i];
		const struct pin *p;

		MUST(out.pin[i] < IOAPIC_PINS);
		MUST(!(got >> out.pin[i] & 1));
		got |= 1U << out.pin[i];
		p = &pins[out.pin[i]];
		MUST(msg->dest == p->rte >> 56);
		MUST(msg->vector == (p->rte & 0xff));
		MUST(msg->delivery == mode_of(p));
		MUST(msg->shorthand == IRQ_DEST_FIELD);
		MUST(msg->logical == !!(p->rte & BIT(11)));
		MUST(msg->level == is_level(p));
		MUST(!msg->deassert && !msg->wide);
		MUST(msg->source == IRQ_SOURCE_NONE);
	}
	MUST(got == expected);
	MUST(out.unmasked == unmasked);
}

static void check_pins(void)
{
	u32 i;

	for (i = 0; i < IOAPIC_PINS; i++) {
		const struct pin *p = &pins[i];

		MUST(io.rte[i] == (p->rte | (u64)p->remote << 14));
		MUST(io.line[i] == p->lines);
		MUST((io.irr >> i & 1) == (is_level(p) && asserted(p)));
		MUST(!p->remote || is_level(p));
		/* Nothing is lost. */
		if (is_level(p) && asserted(p) && may_send(p) && !p->lost)
			MUST(p->remote);
	}
	MUST(!(io.irr >> IOAPIC_PINS));
}

static u32 peek(u8 reg)
{
	struct ioapic copy = io;

	ioapic_write(&copy, 0, reg, &out);
	MUST(ioapic_read(&copy, 0) == reg);
	return ioapic_read(&copy, 0x10);
}

static void check_registers(u8 reg)
{
	u32 want = 0, n = (reg - 16) >> 1;

	if (reg == 0 || reg == 2)
		want = (u32)id << 24;
	else if (reg == 1)
		want = 0x170011;
	else if (reg >= 16 && n < IOAPIC_PINS)
		want = (pins[n].rte | (u64)pins[n].remote << 14) >>
		       (reg & 1 ? 32 : 0);
	MUST(peek(reg) == want);
	MUST(ioapic_read(&io, 0) == select_reg);
}

static bool addressed(const struct pin *p, u32 apic)
{
	u8 dest = p->rte >> 56;

	if (dest == 0xff)
		return true;
	if (p->rte & BIT(11))
		return dest & 1U << apic; /* flat */
	return dest == apic;
}

static void check_maps(void)
{
	bool changed = false;
	u32 apic, i;

	for (apic = 0; apic < APICS; apic++) {
		struct exitmap want = { { 0 } }, got = { { 0 } };

		for (i = 0; i < IOAPIC_PINS; i++) {
			u8 vector = pins[i].rte;
			bool tapped = io.tapped >> i & 1 &&
				      mode_of(&pins[i]) < 2;

			if ((is_level(&pins[i]) || tapped) && vector > 15 &&
			    addressed(&pins[i], apic))
				want.bits[vector >> 6] |= 1ULL << (vector & 63);
		}
		exitmap_add_ioapic(&got, &io, &dests, apic);
		MUST(!memcmp(&got, &want, sizeof(got)));
		if (memcmp(&got, &maps[apic], sizeof(got)))
			changed = true;
		maps[apic] = got;
	}
	MUST(!changed || out.rescan);
}

static void line(u32 n, u32 source, bool level)
{
	enum ioapic_status got = ioapic_line(&io, n, source, level, &out);
	enum ioapic_status want = IOAPIC_IDLE;
	struct pin *p = &pins[n];
	bool before;

	if (n >= IOAPIC_PINS) {
		MUST(got == IOAPIC_IGNORED);
		return;
	}
	before = p->lines;
	if (level) {
		p->lines |= 1U << source;
		if (!is_level(p) && before)
			want = IOAPIC_COALESCED;
		else
			want = expect(n) ? IOAPIC_SENT : IOAPIC_IGNORED;
	} else {
		p->lines &= ~(1U << source);
		if (p->lines)
			want = IOAPIC_COALESCED;
		else
			p->held = false;
	}
	MUST(got == want);
}

static void rte(u32 n, u64 val, bool high)
{
	struct pin *p = &pins[n];
	u64 old = p->rte;

	select_reg = 16 + 2 * n + high;
	ioapic_write(&io, 0, select_reg, &out);
	ioapic_write(&io, 0x10, val, &out);
	if (high)
		p->rte = (u32)p->rte | (val & 0xff000000) << 32;
	else
		p->rte = (p->rte >> 32 << 32) | (val & (u32)RTE_KEPT);
	if (old & ~p->rte & BIT(16))
		unmasked |= 1U << n;
	if (!is_level(p)) {
		p->remote = false;
		p->held = false;
	} else if (asserted(p)) {
		expect(n);
	}
}

static void eoi(u8 vector)
{
	u32 i;

	ioapic_eoi(&io, vector, &out);
	for (i = 0; i < IOAPIC_PINS; i++) {
		if (!pins[i].remote || (pins[i].rte & 0xff) != vector)
			continue;
		pins[i].remote = false;
		if (asserted(&pins[i]))
			expect(i);
	}
}

/* As on the way of an EOI: what irqfds drive goes low first. */
static void resample(u8 vector, u32 which)
{
	u32 i, want = 0;

	for (i = 0; i < IOAPIC_PINS; i++) {
		struct pin *p = &pins[i];

		if (!(which >> i & 1) || !p->remote || (p->rte & 0xff) != vector)
			continue;
		want |= 1U << i;
		p->lines &= ~(1U << IOAPIC_SRC_IRQFD);
		if (!p->lines)
			p->held = false;
	}
	MUST(ioapic_resample(&io, vector, which) == want);
	eoi(vector);
}

/* Who changes that has the maps built anew. */
static void tap(u32 which)
{
	u32 vector, i;

	io.tapped = which;
	out.rescan = true;
	for (vector = 0; vector < 256; vector += 17) {
		u8 v = which & 1 ? pins[which % IOAPIC_PINS].rte : vector;
		u32 want = 0;

		for (i = 0; i < IOAPIC_PINS; i++)
			if (which >> i & 1 && (u8)pins[i].rte == v &&
			    !is_level(&pins[i]))
				want |= 1U << i;
		MUST(ioapic_tapped(&io, v) == want);
	}
}

/* Any access at all to the registers. */
static void any_register(u32 offset, u32 val)
{
	u32 n = (select_reg - 16U) >> 1;

	if (offset == 0x10 && select_reg >= 16 && n < IOAPIC_PINS) {
		rte(n, val, select_reg & 1);
		return;
	}
	ioapic_write(&io, offset, val, &out);
	if (offset == 0)
		select_reg = val;
	else if (offset == 0x10 && select_reg == 0)
		id = val >> 24 & 15;
	else
		MUST(ioapic_read(&io, 4) == 0);
}

/* Saved and restored it is the same, but for who asserts a line. */
static void migrate(void)
{
	struct ioapic_state st, again;
	u32 i;

	memset(&st, 0x77, sizeof(st));
	ioapic_save(&io, &st);
	MUST(!st.pad && st.ioregsel == select_reg && st.id == id);
	memset(io.rte, 0xee, sizeof(io.rte));
	memset(io.line, 0xee, sizeof(io.line));
	io.irr = 0xeeeeeeee;
	MUST(ioapic_restore(&io, &st, &out));
	for (i = 0; i < IOAPIC_PINS; i++) {
		struct pin *p = &pins[i];

		MUST((st.irr >> i & 1) == (is_level(p) && asserted(p)));
		p->held = is_level(p) && asserted(p);
		p->lines = 0;
		if (p->held)
			expect(i);
	}
	ioapic_save(&io, &again);
	for (i = 0; i < IOAPIC_PINS; i++)
		if (expected >> i & 1)
			st.rte[i] |= BIT(14);
	MUST(!memcmp(&st, &again, sizeof(st)));
}

static void step(const struct fuzz_op *op)
{
	u32 n = op->a % IOAPIC_PINS;

	switch (op->what % OP_WHATS) {
	case OP_LINE:
		line(op->a % (IOAPIC_PINS + 1), op->b % IOAPIC_SRC_COUNT,
		     op->c & 1);
		break;
	case OP_PULSE:
		line(n, op->b % IOAPIC_SRC_COUNT, true);
		check_messages();
		clear();
		line(n, op->b % IOAPIC_SRC_COUNT, false);
		break;
	case OP_RTE:
		rte(n, op->x, op->b & 1);
		break;
	case OP_EOI:
		eoi(op->a);
		break;
	case OP_EOI_OF:
		eoi(pins[n].rte);
		break;
	case OP_RESAMPLE:
		resample(pins[n].rte, op->x);
		break;
	case OP_UNACCEPTED:
		ioapic_unaccepted(&io, n);
		pins[n].remote = false;
		pins[n].lost = true;
		break;
	case OP_REGISTER:
		any_register(op->a & 1 ? 0x10 : op->a & 2 ? op->b : 0, op->x);
		break;
	case OP_TAP:
		tap(op->x);
		break;
	case OP_MIGRATE:
		migrate();
		break;
	}
}

/* APICs 0, 1 and 2, each with a logical ID of its own. */
static void make_dests(void)
{
	u32 i;

	memset(&dests, 0, sizeof(dests));
	dests.n = APICS;
	for (i = 0; i < APICS; i++)
		dests.view[i] = (struct dest_view){
			.present = true,
			.enabled = true,
			.mode = LAPIC_XAPIC,
			.id = i,
			.initial = i,
			.ldr = 1U << (24 + i),
			.dfr = ~0U,
		};
	dest_map_build(&dests);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = { data, size };
	struct fuzz_op op;
	u32 i;

	if (!dests.n)
		make_dests();
	memset(&io, 0x33, sizeof(io));
	ioapic_init(&io);
	memset(pins, 0, sizeof(pins));
	memset(maps, 0, sizeof(maps));
	select_reg = 0;
	id = 0;
	for (i = 0; i < IOAPIC_PINS; i++)
		pins[i].rte = BIT(16);
	while (fuzz_next(&in, &op)) {
		clear();
		step(&op);
		check_messages();
		check_pins();
		check_maps();
		check_registers(op.y);
	}
	return 0;
}
