// SPDX-License-Identifier: GPL-2.0-only
/*
 * libFuzzer: the local APIC in all its modes, with a mailbox that others post to,
 * a timer, and hardware that may work on the page beside the engine. The first
 * bytes choose the configuration; twelve more each are an operation. After each
 * the APIC is what lapic_plain.h says it is, register by register and effect by
 * effect. That holds, among others:
 *  - PPR is the manual's formula; the highest request is delivered if and only if
 *    its class beats PPR's, and what is in service are ever higher classes;
 *  - a vector that was posted is posted, requested or in service until it was
 *    ended or dropped by a reset or a disabled APIC, and none comes from nowhere;
 *  - what became deliverable was announced; a timer that runs was armed, one
 *    that doesn't was not;
 *  - a fault changes nothing;
 *  - an APIC that was saved and restored is the same.
 */
#include "lapic_plain.h"

enum what {
	OP_POST,
	OP_POST_RUN,
	OP_ABSORB,
	OP_ACCEPT,
	OP_END,
	OP_WRITE,
	OP_READ,
	OP_CR8,
	OP_BASE,
	OP_ADVANCE,
	OP_EXPIRE,
	OP_TSC,
	OP_LOCAL,
	OP_RESET,
	OP_SAVE,
	OP_STALE,
	OP_ENABLE,
	OP_MODE,
	OP_SOFTWARE, /* up to here hardware need not be there */
	OP_STORED = OP_SOFTWARE,
	OP_HW_TAKE,
	OP_HW_END,
	OP_HW_POSTED,
	OP_HARDWARE
};

static u8 page[4096] __aligned(4096), other_page[4096] __aligned(4096);
static struct lapic apic;
static struct mailbox box;
static struct lapic_out out;
static struct plain plain;
static u64 now;
/* What the caller's timer is armed for. */
static u64 armed, armed_tsc;

/* ----------------------------------------------------------- after each step */

static void check_effects(int before)
{
	const u32 exact = LAPIC_OUT_IPI | LAPIC_OUT_EOI | LAPIC_OUT_INIT |
			  LAPIC_OUT_SIPI | LAPIC_OUT_NMI | LAPIC_OUT_SMI |
			  LAPIC_OUT_EXTINT | LAPIC_OUT_FAULT | LAPIC_OUT_RESCAN;

	MUST((out.effects & exact) == plain.want);
	if (plain.want & LAPIC_OUT_EOI)
		MUST(out.eoi_vector == plain.eoi);
	if (plain.want & LAPIC_OUT_SIPI)
		MUST(out.sipi_vector == plain.sipi);
	if (plain.want & LAPIC_OUT_IPI) {
		MUST(out.ipi.dest == plain.ipi.dest);
		MUST(out.ipi.vector == plain.ipi.vector);
		MUST(out.ipi.delivery == plain.ipi.delivery);
		MUST(out.ipi.shorthand == plain.ipi.shorthand);
		MUST(out.ipi.logical == plain.ipi.logical);
		MUST(out.ipi.wide == plain.ipi.wide);
		MUST(!out.ipi.level && !out.ipi.deassert);
		MUST(out.ipi.source == (s32)apic.index);
	}
	if (plain_next(&plain) > before && !apic.accelerated)
		MUST(out.effects & LAPIC_OUT_EVENT);
}

static void follow_timer(void)
{
	u32 timer = out.effects &
		    (LAPIC_OUT_ARM | LAPIC_OUT_ARM_TSC | LAPIC_OUT_DISARM);

	MUST(!(timer & (timer - 1)));
	if (timer) {
		armed = timer == LAPIC_OUT_ARM ? out.deadline : 0;
		armed_tsc = timer == LAPIC_OUT_ARM_TSC ? out.deadline : 0;
	}
	MUST(apic.timer_deadline == plain.deadline);
	MUST(apic.tsc_deadline == plain.tsc);
	MUST(armed == plain.deadline);
	MUST(armed_tsc == plain.tsc);
	MUST(lapic_get_tsc_deadline(&apic) == plain.tsc);
}

static void check_registers(void)
{
	u32 reg;

	for (reg = 0; reg < LAPIC_REGS_SIZE; reg += 16) {
		if (!(plain_access(&plain, reg) & PLAIN_R) ||
		    reg == LAPIC_TIMER_CURRENT ||
		    (reg == LAPIC_PPR && apic.accelerated))
			continue;
		MUST(lapic_get(&apic, reg) == (u32)plain_read(&plain, reg, now));
	}
	MUST(apic.base == plain.base);
	MUST(apic.esr_pending == plain.errors);
	MUST(apic.stale_vector == plain.stale);
	MUST(lapic_enabled(&apic) == plain_enabled(&plain));
	MUST(lapic_get_cr8(&apic) == *plain_reg(&plain, LAPIC_TPR) >> 4);
}

static void check_mailbox(void)
{
	u32 v;

	for (v = 0; v < 8; v++)
		MUST((u32)(box.pir[v / 2] >> v % 2 * 32) ==
		     plain_word(plain.pir, v));
	MUST((box.control & MAILBOX_ON) == plain.on);
	MUST((box.events & 0xff) == plain.events);
	MUST(mailbox_pending(&box) == (plain.on || plain.events));
	MUST(mailbox_takeable(&box, true) == (plain.on || plain.events));
	MUST(mailbox_takeable(&box, false) ==
	     (plain.on || (plain.events & ~MAILBOX_INIT)));
}

/* The engine's own hints agree with the page. */
static void check_hints(void)
{
	int v, top = plain_top(plain.isr), count = 0;

	MUST(lapic_highest_irr(&apic) == plain_top(plain.irr));
	MUST(lapic_next(&apic) == plain_next(&plain));
	MUST(lapic_get(&apic, LAPIC_PPR) == plain_ppr(&plain));
	MUST(apic.isr_top == (top < 0 ? 0 : top));
	/* The rest isn't believed then, nor kept. */
	if (apic.accelerated)
		return;
	for (v = 0; v < 8; v++) {
		count += __builtin_popcount(plain_word(plain.isr, v));
		if (plain_word(plain.irr, v))
			MUST(apic.irr_words >> v & 1);
	}
	MUST(apic.isr_count == count);
}

/* --------------------------------------------------------------- operations */

static void post(const struct fuzz_op *op)
{
	struct irq_message msg = {
		.vector = op->a,
		.delivery = op->b & 7,
		.level = op->b & 8,
		.deassert = op->b & 16,
		.source = IRQ_SOURCE_NONE,
	};

	MUST(mailbox_post(&box, &msg) == plain_post(&plain, &msg));
}

static void post_run(const struct fuzz_op *op)
{
	u32 i;

	for (i = 0; i < 32; i++) {
		struct irq_message msg = {
			.vector = (op->a & 0xe0) + i,
			.level = op->y >> i & 1,
		};

		if (op->x >> i & 1)
			MUST(mailbox_post(&box, &msg) ==
			     plain_post(&plain, &msg));
	}
}

static void absorb(bool take_init)
{
	lapic_absorb(&apic, &box, take_init, &out);
	plain_absorb(&plain, take_init);
}

/* IRR to ISR; SDM: none that isn't of a higher class than all in service. */
static void accept(void)
{
	int v = lapic_next(&apic);

	MUST(v == plain_next(&plain));
	if (v < 0)
		return;
	MUST(v >> 4 > plain_top(plain.isr) >> 4);
	lapic_accept(&apic, v);
	plain.irr[v] = false;
	plain.isr[v] = true;
}

static void write_xapic(u32 reg, u32 val)
{
	if (plain_mode(&plain) != LAPIC_XAPIC)
		return;
	lapic_write(&apic, reg, val, now, &out);
	if (!plain_access(&plain, reg))
		plain_error(&plain, BIT(7));
	else if (plain_access(&plain, reg) & PLAIN_W)
		plain_write(&plain, reg, val, 0, now);
}

static void read_xapic(u32 reg)
{
	u32 access = plain_access(&plain, reg);
	u64 got;

	if (plain_mode(&plain) != LAPIC_XAPIC)
		return;
	got = lapic_read(&apic, reg, now);
	MUST(got == (access & PLAIN_R ? plain_read(&plain, reg, now) : 0));
	if (!access) {
		plain_error(&plain, BIT(7));
		/* lapic_read() has no way to announce it, says lapic.h. */
		out.effects |= LAPIC_OUT_EVENT | plain.want;
	}
}

static void write_x2apic(u32 msr, u64 val)
{
	static u8 copy[LAPIC_REGS_SIZE];
	u32 reg = (msr - 0x800) << 4;
	struct lapic was = apic;

	if (plain_mode(&plain) == LAPIC_X2APIC && reg < LAPIC_REGS_SIZE &&
	    plain_legal(&plain, reg, val)) {
		lapic_wrmsr(&apic, msr, val, now, &out);
		plain_write(&plain, reg, val, val >> 32, now);
		return;
	}
	memcpy(copy, page, sizeof(copy));
	lapic_wrmsr(&apic, msr, val, now, &out);
	plain.want |= LAPIC_OUT_FAULT;
	MUST(!memcmp(copy, page, sizeof(copy)));
	MUST(!memcmp(&was, &apic, sizeof(was)));
}

static void read_x2apic(u32 msr)
{
	u32 reg = (msr - 0x800) << 4;
	u64 got = 0x5555;

	if (plain_mode(&plain) != LAPIC_X2APIC || reg >= LAPIC_REGS_SIZE ||
	    !(plain_access(&plain, reg) & PLAIN_R)) {
		MUST(!lapic_rdmsr(&apic, msr, now, &got));
		MUST(got == 0x5555);
		return;
	}
	MUST(lapic_rdmsr(&apic, msr, now, &got));
	MUST(got == plain_read(&plain, reg, now));
}

static void end(void)
{
	if (plain_mode(&plain) == LAPIC_XAPIC)
		write_xapic(LAPIC_EOI, 0);
	else if (plain_mode(&plain) == LAPIC_X2APIC)
		write_x2apic(0x80b, 0);
}

static void cr8(u8 val)
{
	lapic_set_cr8(&apic, val, &out);
	*plain_reg(&plain, LAPIC_TPR) = (val & 15) << 4;
}

static void set_base(u64 val, bool user, u32 phys_bits)
{
	bool ok = plain_base_legal(&plain, val, user, phys_bits);
	enum lapic_mode from = plain_mode(&plain);

	MUST(lapic_set_base(&apic, val, user, phys_bits, &out) == ok);
	if (!ok)
		return;
	plain.base = val;
	if (plain_mode(&plain) == from)
		return;
	MUST(out.effects & LAPIC_OUT_DEST);
	if (plain_mode(&plain) == LAPIC_DISABLED)
		plain_reset(&plain);
	plain_entered(&plain);
	/* Only user space goes this way; the manual has nothing to say. */
	if (from == LAPIC_X2APIC && plain_mode(&plain) == LAPIC_XAPIC)
		*plain_reg(&plain, LAPIC_ICR2) = lapic_get(&apic, LAPIC_ICR2);
}

static void set_mode(u32 which)
{
	static const u64 mode[] = { 0, BIT(11), BIT(11) | BIT(10) };

	set_base(LAPIC_BASE_DEFAULT | (plain.base & LAPIC_BASE_BSP) |
		 mode[which % 3], which & 128, 46);
}

/* 146 years are enough for the clock; a deadline may lie farther off. */
static void advance(u64 ns)
{
	u64 most = 1ULL << 62;

	now = ns < most - now ? now + ns : most;
}

/* No clock gets there, and nothing is said of how much is left until then. */
static bool beyond_clock(void)
{
	return (unsigned __int128)*plain_reg(&plain, LAPIC_TIMER_INITIAL) *
		       plain.tick + now + plain.tick > ~0ULL;
}

/* The caller's timer has fired, or the caller looks early. */
static void expire(void)
{
	bool one_shot = plain.timer_mode != 1 && plain.timer_mode != 2;

	if (plain.timer_mode == 2) {
		armed_tsc = 0;
	} else if (armed && armed <= now) {
		armed = 0;
	}
	lapic_timer(&apic, now, &out);
	plain_expire(&plain, now);
	if (one_shot && !plain.deadline)
		MUST(!(out.effects & LAPIC_OUT_ARM));
}

static void write_tsc(u64 val)
{
	lapic_set_tsc_deadline(&apic, val, &out);
	if (plain.timer_mode == 2 && plain_mode(&plain) != LAPIC_DISABLED)
		plain.tsc = val;
}

static void local(u8 which)
{
	static const u16 regs[] = {
		LAPIC_LVT_LINT0, LAPIC_LVT_LINT1, LAPIC_LVT_THERMAL,
		LAPIC_LVT_PERFMON, LAPIC_LVT_ERROR, LAPIC_LVT_CMCI,
	};
	u32 reg = regs[which % ARRAY_SIZE(regs)];

	lapic_local(&apic, reg, &out);
	plain_local(&plain, reg);
}

static void reset(void)
{
	lapic_reset(&apic, &out);
	plain_reset(&plain);
	MUST(out.effects & LAPIC_OUT_DEST);
}

static void check_saved(const u8 *regs, bool wide_ids)
{
	bool x2 = plain_mode(&plain) == LAPIC_X2APIC;
	u32 reg, val, want, i;

	for (reg = 0; reg < LAPIC_REGS_SIZE; reg += 16) {
		memcpy(&val, regs + reg, 4);
		want = 0;
		if (plain_access(&plain, reg) & PLAIN_R)
			want = plain_read(&plain, reg, now);
		if (reg == LAPIC_ID && x2 && !wide_ids)
			want = plain.id << 24;
		if (reg == LAPIC_ICR2)
			want = *plain_reg(&plain, reg);
		MUST(val == want);
		for (i = 4; i < 16; i++)
			MUST(!regs[reg + i]);
	}
}

/* Into an APIC that has been used before, and then into this one. */
static void save(bool wide_ids)
{
	static u8 regs[LAPIC_REGS_SIZE], again[LAPIC_REGS_SIZE];
	struct lapic_out moved = { .effects = 0 };
	struct lapic other = apic;
	u32 count = plain_count(&plain, now);

	if (beyond_clock())
		return;
	memset(regs, 0xd3, sizeof(regs));
	lapic_save(&apic, regs, wide_ids, now);
	check_saved(regs, wide_ids);
	memset(other_page, 0xd3, sizeof(other_page));
	other.regs = other_page;
	other.isr_count = 99;
	other.irr_words = 0;
	other.timer_deadline = 77;
	other.timer_mode = 0;
	MUST(lapic_restore(&other, regs, wide_ids, now, &moved));
	MUST(lapic_highest_irr(&other) == plain_top(plain.irr));
	MUST(lapic_next(&other) == plain_next(&plain));
	MUST(other.isr_count == apic.isr_count);
	lapic_save(&other, again, wide_ids, now);
	/* A shot that was over before the timer became periodic: it starts. */
	if (plain.timer_mode == 1 && !plain.deadline)
		memset(again + LAPIC_TIMER_CURRENT, 0, 4);
	MUST(!memcmp(regs, again, sizeof(regs)));

	MUST(lapic_restore(&apic, regs, wide_ids, now, &out));
	MUST(out.effects & LAPIC_OUT_DEST);
	plain.want |= LAPIC_OUT_RESCAN;
	plain.errors = 0;
	plain.stale = -1;
	plain.deadline = 0;
	plain.tick = plain_tick(&plain);
	if (plain.timer_mode == 2 || !*plain_reg(&plain, LAPIC_TIMER_INITIAL))
		return;
	if (plain.timer_mode == 1 &&
	    (!count || count == *plain_reg(&plain, LAPIC_TIMER_INITIAL)))
		plain_start(&plain, plain_period(&plain), now);
	else
		plain_start(&plain, plain_saturate((unsigned __int128)count *
						   plain.tick), now);
}

static void scan(const struct fuzz_op *op)
{
	struct exitmap map = { { op->x, op->y, (u64)op->y << 32, op->x } };
	const struct exitmap was = map;
	int v;

	plain.stale = -1;
	exitmap_add_stale(&map, &apic);
	for (v = 0; v < 256; v++) {
		bool have = exitmap_has(&was, v);
		bool stale = !have && plain.tmr[v] &&
			     (plain.isr[v] || plain.irr[v]);

		if (stale)
			plain.stale = v;
		MUST(exitmap_has(&map, v) == (have || stale));
	}
}

/* Hardware has stored it in the page and exited: behaviour B. */
static void stored(u32 reg, u32 val, u32 high)
{
	bool x2 = plain_mode(&plain) == LAPIC_X2APIC;

	if (!(plain_access(&plain, reg) & PLAIN_W) ||
	    plain_mode(&plain) == LAPIC_DISABLED)
		return;
	if (x2 && !plain_legal(&plain, reg, val))
		return;
	lapic_put(&apic, reg, val);
	if (x2 && reg == LAPIC_ICR)
		lapic_put(&apic, plain.config.icr_split ? LAPIC_ICR2 :
							  LAPIC_ICR + 4, high);
	lapic_write_done(&apic, reg, now, &out);
	plain_write(&plain, reg, val, high, now);
}

static void flip(u32 base, int v, bool on)
{
	u32 reg = base + (v >> 5) * 16, bit = 1U << (v & 31);
	u32 old = lapic_get(&apic, reg);

	lapic_put(&apic, reg, on ? old | bit : old & ~bit);
}

static void hardware_takes(void)
{
	int v = plain_next(&plain);

	if (v < 0)
		return;
	flip(LAPIC_IRR, v, false);
	flip(LAPIC_ISR, v, true);
	plain.irr[v] = false;
	plain.isr[v] = true;
}

/* By EOI virtualization; it exits if the vector is in the EOI-exit bitmap. */
static void hardware_ends(bool exits)
{
	int v = plain_top(plain.isr);

	if (v < 0)
		return;
	flip(LAPIC_ISR, v, false);
	plain.isr[v] = false;
	if (!exits)
		return;
	lapic_eoi_done(&apic, v, &out);
	plain_tell(&plain, v);
}

/* A notification was processed in the guest; the engine hears of it later. */
static void hardware_posted(void)
{
	int v;

	if (!plain_enabled(&plain))
		return;
	box.control &= ~MAILBOX_ON;
	plain.on = false;
	for (v = 0; v < 256; v++) {
		if (plain.pir[v]) {
			flip(LAPIC_IRR, v, true);
			plain.irr[v] = true;
		}
		plain.pir[v] = false;
	}
	memset(box.pir, 0, sizeof(box.pir));
	lapic_sync_tmr(&apic, &box);
	for (v = 0; v < 256; v++)
		if (plain.irr[v] || plain.isr[v])
			plain.tmr[v] = plain.level[v];
}

/* Registers that are there, mostly. */
static u32 some_reg(const struct fuzz_op *op)
{
	return op->b & 128 ? (u32)op->a << 4 : op->a << 4 & 0x3f0;
}

static u32 odd_part(const struct fuzz_op *op)
{
	return op->b & 64 ? op->c & 15 : 0;
}

/* As the mode is, or now and then not. */
static bool by_msr(const struct fuzz_op *op)
{
	return (plain_mode(&plain) == LAPIC_X2APIC) != ((op->b & 48) == 48);
}

/* Time, and what comes from outside the processor. */
static void step_outside(u32 what, const struct fuzz_op *op)
{
	u64 wide = op->x | (u64)op->y << 32;

	switch (what) {
	case OP_ADVANCE:
		if (op->a & 4 && plain.deadline > now && !beyond_clock())
			now = plain.deadline;
		else
			advance(op->a & 1 ? wide : op->x);
		if (plain.deadline && now >= plain.deadline && op->a & 2)
			expire();
		break;
	case OP_EXPIRE:
		if (op->a & 1 && plain.deadline > now && !beyond_clock())
			now = plain.deadline;
		expire();
		break;
	case OP_TSC:
		write_tsc(wide);
		break;
	case OP_LOCAL:
		local(op->a);
		break;
	case OP_RESET:
		if (op->a & 1)
			reset();
		break;
	case OP_SAVE:
		save(op->a & 1);
		break;
	case OP_STALE:
		scan(op);
		break;
	case OP_STORED:
		stored(some_reg(op), op->x, op->y);
		break;
	case OP_HW_TAKE:
		hardware_takes();
		break;
	case OP_HW_END:
		hardware_ends(op->a & 1);
		break;
	case OP_HW_POSTED:
		hardware_posted();
		break;
	}
}

static void step(const struct fuzz_op *op)
{
	u32 what = op->what % (apic.accelerated ? OP_HARDWARE : OP_SOFTWARE);
	u64 wide = op->x | (u64)op->y << 32;

	switch (what) {
	case OP_POST:
		post(op);
		if (op->c & 1)
			absorb(op->c & 2);
		if (op->c & 4)
			accept();
		break;
	case OP_POST_RUN:
		post_run(op);
		if (op->b & 1)
			absorb(op->b & 2);
		break;
	case OP_ABSORB:
		absorb(op->a & 1);
		break;
	case OP_ACCEPT:
		accept();
		break;
	case OP_END:
		end();
		break;
	case OP_WRITE:
		if (by_msr(op))
			write_x2apic(0x800 + (some_reg(op) >> 4), wide);
		else
			write_xapic(some_reg(op) | odd_part(op), op->x);
		break;
	case OP_READ:
		if (by_msr(op))
			read_x2apic(0x800 + (some_reg(op) >> 4));
		else
			read_xapic(some_reg(op) | odd_part(op));
		break;
	case OP_CR8:
		cr8(op->a);
		break;
	case OP_BASE:
		set_base(wide, op->a & 1, op->b % 65);
		break;
	case OP_ENABLE:
		write_xapic(LAPIC_SVR, 0x1ff);
		break;
	case OP_MODE:
		set_mode(op->a);
		break;
	default:
		step_outside(what, op);
	}
}

static void begin(struct fuzz_input *in)
{
	u8 flags = fuzz_byte(in), more = fuzz_byte(in), id = fuzz_byte(in);
	struct lapic_config config = {
		.x2apic = flags & 1,
		.tsc_deadline = flags & 2,
		.eoi_suppress = flags & 4,
		.cmci = flags & 8,
		.icr_split = flags & 16,
		.lint0_extint = flags & 32,
		.pmi_masks = flags & 64,
		.bus_ns = more & 3 ? more & 3 : more & 4 ? 0xffffffff : 0,
		.min_period_ns = more & 8 ? 200000 : 0,
	};

	memset(page, 0x99, sizeof(page));
	lapic_init(&apic, page, 5, more & 16 ? id << 4 | 1 : id, more & 32);
	lapic_configure(&apic, &config);
	lapic_accelerate(&apic, flags & 128);
	mailbox_init(&box);
	memset(&plain, 0, sizeof(plain));
	plain.config = config;
	plain.id = apic.id;
	plain.base = LAPIC_BASE_DEFAULT | LAPIC_BASE_ENABLE |
		     (more & 32 ? LAPIC_BASE_BSP : 0);
	plain_reset(&plain);
	plain_entered(&plain);
	/* The configuration came after the reset; firmware resets again. */
	out.effects = 0;
	lapic_reset(&apic, &out);
	now = more & 64 ? 0 : 1000000;
	armed = 0;
	armed_tsc = 0;
	if (!(more & 128))
		write_xapic(LAPIC_SVR, 0x1ff);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = { data, size };
	struct fuzz_op op;

	begin(&in);
	while (fuzz_next(&in, &op)) {
		int before = plain_next(&plain);
		bool extint = lapic_takes_extint(&apic);
		struct dest_view was, is;

		dest_view_of(&was, &apic);
		memset(&out, 0xc7, sizeof(out));
		out.effects = 0;
		plain.want = 0;
		step(&op);
		check_effects(before);
		follow_timer();
		check_registers();
		check_mailbox();
		check_hints();
		dest_view_of(&is, &apic);
		if (is.enabled != was.enabled || is.mode != was.mode ||
		    is.id != was.id || is.ldr != was.ldr || is.dfr != was.dfr)
			MUST(out.effects & LAPIC_OUT_DEST);
		MUST(lapic_takes_extint(&apic) == plain_takes_extint(&plain));
		if (lapic_takes_extint(&apic) != extint)
			MUST(out.effects & (LAPIC_OUT_DEST | LAPIC_OUT_LINT0));
	}
	return 0;
}
