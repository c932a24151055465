// SPDX-License-Identifier: GPL-2.0-only
/*
 * libFuzzer: the IOAPIC. Lines, registers, EOIs, messages that nobody takes, a
 * migration now and then. Beside it runs a retelling of the 82093AA's datasheet,
 * pin by pin, that says which messages each step must send, no more and no
 * fewer. Besides:
 *  - remote IRR is set on level entries alone, and only by a message sent;
 *  - an asserted level pin that may send has sent: nothing waits for an event
 *    that doesn't come;
 *  - but for one in a storm, until it is released;
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
	OP_STORM,
	OP_RELEASE,
	OP_WHATS
};

/**
 * struct pin - what the datasheet lets one pin be
 * @rte: its entry without the read-only bits
 * @remote: remote IRR
 * @lines: who asserts it
 * @held: restored as asserted, by nobody in particular
 * @lost: its last message found no target, so that it waits for its line
 * @storm: held in a storm
 * @eois: in a row, the line being up
 */
struct pin {
	u64 rte;
	bool remote;
	u8 lines;
	bool held;
	bool lost;
	bool storm;
	u32 eois;
};

static struct ioapic io;
static struct ioapic_out out;
static struct pin pins[IOAPIC_MAX_PINS];
static u32 npins;
static bool expected[IOAPIC_MAX_PINS]; /* messages, by pin */
static bool got_pin[IOAPIC_MAX_PINS];
static bool unmasked, delay;
static u32 select_reg;
static u8 id;
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
	MUST(!expected[n]);
	expected[n] = true;
	p->remote = is_level(p);
	p->lost = false;
	p->storm = false;
	return true;
}

static void clear(void)
{
	memset(&out, 0x5a, sizeof(out));
	out.n = 0;
	out.next = 0;
	out.rescan = false;
	out.unmasked = false;
	out.delay = false;
	memset(expected, 0, sizeof(expected));
	memset(got_pin, 0, sizeof(got_pin));
	unmasked = false;
	delay = false;
}

/* What one call has sent; it may be one of several. */
static void take_messages(void)
{
	u32 i;

	MUST(out.n <= IOAPIC_OUT_MAX);
	for (i = 0; i < out.n; i++) {
		const struct irq_message *msg = &out.msg[i];
		const struct pin *p;

		MUST(out.pin[i] < npins);
		MUST(!got_pin[out.pin[i]]);
		got_pin[out.pin[i]] = true;
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
	out.n = 0;
}

static void check_messages(void)
{
	take_messages();
	MUST(!out.next);
	MUST(!memcmp(got_pin, expected, sizeof(expected)));
	MUST(out.unmasked == unmasked);
	MUST(out.delay == delay);
}

static void check_pins(void)
{
	u32 i;

	for (i = 0; i < npins; i++) {
		const struct pin *p = &pins[i];

		MUST(io.rte[i] == (p->rte | (u64)p->remote << 14));
		MUST(io.line[i] == p->lines);
		MUST(ioapic_pin_test(io.irr, i) == (is_level(p) && asserted(p)));
		MUST(ioapic_pin_test(io.level, i) == !!(p->rte & BIT(15)));
		MUST(ioapic_pin_test(io.remote, i) == p->remote);
		MUST(ioapic_pin_test(io.held, i) == p->storm);
		MUST(!p->remote || is_level(p));
		/* Nothing is lost. */
		if (is_level(p) && asserted(p) && may_send(p) && !p->lost && !p->storm)
			MUST(p->remote);
	}
	MUST(ioapic_pin_next(io.irr, npins) < 0 && ioapic_pin_next(io.level, npins) < 0);
	MUST(ioapic_pin_next(io.remote, npins) < 0 && ioapic_pin_next(io.held, npins) < 0);
}

/* IOREGSEL's bits */
static u32 select_bits(u32 val)
{
	return val & (npins > 120 ? 0x1ff : 0xff);
}

static u32 peek(u32 reg)
{
	struct ioapic copy = io;

	ioapic_write(&copy, 0, reg, &out);
	MUST(ioapic_read(&copy, 0) == reg);
	return ioapic_read(&copy, 0x10);
}

static void check_registers(u32 any)
{
	u32 reg = select_bits(any);
	u32 want = 0, n = (reg - 16) >> 1;

	if (reg == 0 || reg == 2)
		want = (u32)id << 24;
	else if (reg == 1)
		want = (npins - 1) << 16 | 0x11;
	else if (reg >= 16 && n < npins)
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

		for (i = 0; i < npins; i++) {
			u8 vector = pins[i].rte;
			bool tapped = io.tapped == (int)i &&
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

/* Nobody asks for anything. */
static void quiet(struct pin *p)
{
	p->held = false;
	p->storm = false;
	p->eois = 0;
}

static void line(u32 n, u32 source, bool level)
{
	enum ioapic_status got = ioapic_line(&io, n, source, level, &out);
	enum ioapic_status want = IOAPIC_IDLE;
	struct pin *p = &pins[n];
	bool before;

	if (n >= npins) {
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
			quiet(p);
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
	if ((old & ~p->rte & BIT(16)) && io.tapped == (int)n)
		unmasked = true;
	if (!is_level(p)) {
		p->remote = false;
		quiet(p);
	} else if (asserted(p)) {
		expect(n);
	}
}

static void eoi(u8 vector)
{
	u32 i;

	for (i = 0; i < npins; i++) {
		struct pin *p = &pins[i];

		if (!p->remote || (p->rte & 0xff) != vector)
			continue;
		p->remote = false;
		if (!asserted(p))
			continue;
		if (io.storm && !(p->rte & BIT(16)) && ++p->eois >= io.storm) {
			p->eois = 0;
			p->storm = true;
			delay = true;
		} else {
			expect(i);
		}
	}
	do {
		ioapic_eoi(&io, vector, &out);
		take_messages();
	} while (out.next);
	MUST(!ioapic_serves(&io) == (ioapic_pin_next(io.remote, 0) < 0));
}

static void release(void)
{
	u32 i;

	for (i = 0; i < npins; i++) {
		if (!pins[i].storm)
			continue;
		pins[i].storm = false;
		expect(i);
	}
	do {
		ioapic_release(&io, &out);
		take_messages();
	} while (out.next);
}

/* As on the way of an EOI: what irqfds drive goes low first. */
static void resample(u8 vector, u32 which)
{
	u64 set[IOAPIC_WORDS] = { 0 }, want[IOAPIC_WORDS] = { 0 };
	bool any = false;
	u32 i;

	for (i = 0; i < npins; i++) {
		struct pin *p = &pins[i];

		if (!(which >> i % 32 & 1))
			continue;
		ioapic_pin_set(set, i, true);
		if (!p->remote || (p->rte & 0xff) != vector)
			continue;
		ioapic_pin_set(want, i, true);
		any = true;
		p->lines &= ~(1U << IOAPIC_SRC_IRQFD);
		if (!p->lines)
			quiet(p);
	}
	MUST(ioapic_resample(&io, vector, set) == any);
	MUST(!memcmp(set, want, sizeof(want)));
	eoi(vector);
}

/* Who changes that has the maps built anew. */
static void tap(u32 which)
{
	u32 vector;

	io.tapped = which & 1 ? (int)(which / 2 % npins) : -1;
	out.rescan = true;
	for (vector = 0; vector < 256; vector++) {
		int want = -1;

		if (io.tapped >= 0 && (u8)pins[io.tapped].rte == vector &&
		    !is_level(&pins[io.tapped]))
			want = io.tapped;
		MUST(ioapic_tapped(&io, vector) == want);
	}
}

/* Any access at all to the registers. */
static void any_register(u32 offset, u32 val)
{
	u32 n = (select_reg - 16U) >> 1;

	if (offset == 0x10 && select_reg >= 16 && n < npins) {
		rte(n, val, select_reg & 1);
		return;
	}
	ioapic_write(&io, offset, val, &out);
	if (offset == 0)
		select_reg = select_bits(val);
	else if (offset == 0x10 && select_reg == 0)
		id = val >> 24 & 15;
	else
		MUST(ioapic_read(&io, 4) == 0);
}

/* KVM's layout has room for 24. */
static void save_and_restore(u64 *rte, u64 *irr)
{
	struct ioapic_image im = { .regsel = io.regsel, .id = io.id, .irr = irr, .rte = rte };
	struct ioapic_state st;

	memset(rte, 0, sizeof(io.rte));
	memset(irr, 0, sizeof(io.irr));
	if (npins == IOAPIC_PINS) {
		memset(&st, 0x77, sizeof(st));
		ioapic_save(&io, &st);
		MUST(!st.pad && st.ioregsel == select_reg && st.id == id);
		memcpy(rte, st.rte, sizeof(st.rte));
		irr[0] = st.irr;
	} else {
		memcpy(rte, io.rte, npins * sizeof(*rte));
		memcpy(irr, io.irr, sizeof(io.irr));
		MUST(ioapic_possible(&io, &im));
	}
	memset(io.rte, 0xee, npins * sizeof(*rte));
	memset(io.line, 0xee, npins);
	memset(io.irr, 0xee, sizeof(io.irr));
	if (npins == IOAPIC_PINS) {
		MUST(ioapic_restore(&io, &st, &out));
		take_messages();
		return;
	}
	do {
		ioapic_load(&io, &im, &out);
		take_messages();
	} while (out.next);
}

/* Saved and restored it is the same, but for who asserts a line. */
static void migrate(void)
{
	static u64 rte[IOAPIC_MAX_PINS], irr[IOAPIC_WORDS];
	u32 i;

	for (i = 0; i < npins; i++) {
		struct pin *p = &pins[i];
		bool held = is_level(p) && asserted(p);

		quiet(p);
		p->held = held;
		p->lines = 0;
		if (p->held)
			expect(i);
	}
	save_and_restore(rte, irr);
	for (i = 0; i < npins; i++)
		MUST(ioapic_pin_test(irr, i) == pins[i].held);
}

static void step(const struct fuzz_op *op)
{
	u32 n = (op->a | op->c << 8) % npins;

	switch (op->what % OP_WHATS) {
	case OP_LINE:
		line((op->a | (op->y & 1) << 8) % (npins + 1),
		     op->b % IOAPIC_SRC_COUNT, op->c & 1);
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
	case OP_STORM:
		io.storm = op->a % 4;
		break;
	case OP_RELEASE:
		release();
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
	static const u8 sizes[] = { 24, 24, 121, 240 };
	struct fuzz_input in = { data, size };
	struct fuzz_op op;
	u32 i;

	if (!dests.n)
		make_dests();
	memset(&io, 0x33, sizeof(io));
	ioapic_init(&io);
	npins = sizes[size % ARRAY_SIZE(sizes)];
	io.pins = npins;
	memset(pins, 0, sizeof(pins));
	memset(maps, 0, sizeof(maps));
	select_reg = 0;
	id = 0;
	for (i = 0; i < npins; i++)
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
