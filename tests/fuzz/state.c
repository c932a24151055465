// SPDX-License-Identifier: GPL-2.0-only
/*
 * libFuzzer: state from user space, which may be anything. The input is patches
 * to a struct kvm_lapic_state, or to a struct kvm_ioapic_state. After it was
 * restored:
 *  - a register has no bit that a guest couldn't have put there;
 *  - the hints about IRR and ISR, and PPR, are what the page says;
 *  - saved and restored again it is the same;
 *  - every request is delivered once, in the order of classes, and ended;
 *  - the IOAPIC sends the requests that were pending, and each once.
 */
#include "../../module/apic/ioapic.h"
#include "../../module/apic/lapic.h"
#include "fuzz.h"

static u8 page[4096] __aligned(4096);
static struct lapic apic;
static struct lapic_out out;

/**
 * struct patch - @how: where the value goes (bits 7:6: a register, a run of IRR,
 *	ISR and TMR, any bytes)
 */
struct patch {
	u8 how, at;
	u32 val;
} __attribute__((packed));

static bool next_patch(struct fuzz_input *in, struct patch *p)
{
	size_t n = in->left < sizeof(*p) ? in->left : sizeof(*p);

	memset(p, 0, sizeof(*p));
	memcpy(p, in->at, n);
	in->at += n;
	in->left -= n;
	return n;
}

static void patch(u8 *state, u32 size, const struct patch *p)
{
	u32 at;

	switch (p->how >> 6) {
	case 0:
		at = (p->at & 0x3f) << 4;
		break;
	case 1: /* ISR, TMR, IRR, evenly */
		at = 0x100 + p->at % 24 * 16;
		break;
	default:
		at = p->at << 2 | (p->how & 3);
	}
	at %= size - 3;
	memcpy(state + at, &p->val, 4);
}

static u32 word(const u8 *regs, u32 reg)
{
	u32 val;

	memcpy(&val, regs + reg, 4);
	return val;
}

static bool test(u32 base, u32 v)
{
	return lapic_get(&apic, base + (v >> 5) * 16) >> (v & 31) & 1;
}

static int top(u32 base)
{
	int i;

	for (i = 7; i >= 0; i--)
		if (lapic_get(&apic, base + i * 16))
			return i * 32 + 31 -
			       __builtin_clz(lapic_get(&apic, base + i * 16));
	return -1;
}

/* How many from vector 16 on, and below. */
static u32 weight(u32 base, bool low)
{
	u32 i, n = __builtin_popcount(lapic_get(&apic, base) >> 16);

	if (low)
		n = __builtin_popcount(lapic_get(&apic, base));
	for (i = 1; i < 8; i++)
		n += __builtin_popcount(lapic_get(&apic, base + i * 16));
	return n;
}

static u32 ppr(void)
{
	u32 tpr = lapic_get(&apic, LAPIC_TPR);
	u32 isr = top(LAPIC_ISR) < 0 ? 0 : top(LAPIC_ISR) & 0xf0;

	return (tpr & 0xf0) >= isr ? tpr : isr;
}

/* What a guest may have written. */
static u32 possible(u32 reg)
{
	const struct lapic_config *c = &apic.config;
	bool x2 = lapic_mode(&apic) == LAPIC_X2APIC;

	switch (reg) {
	case LAPIC_ID:
	case LAPIC_LDR:
		return x2 ? ~0U : 0xff000000;
	case LAPIC_TPR:
	case LAPIC_PPR:
	case LAPIC_ESR:
		return 0xff;
	case LAPIC_SVR:
		return c->eoi_suppress ? 0x11ff : 0x1ff;
	case LAPIC_LVT_TIMER:
		return c->tsc_deadline ? 0x700ff : 0x300ff;
	case LAPIC_LVT_CMCI:
	case LAPIC_LVT_THERMAL:
	case LAPIC_LVT_PERFMON:
		return 0x107ff;
	case LAPIC_LVT_LINT0:
	case LAPIC_LVT_LINT1:
		return 0x1a7ff;
	case LAPIC_LVT_ERROR:
		return 0x100ff;
	case LAPIC_ICR:
		return 0xffffefff;
	case LAPIC_ICR2:
		return x2 ? ~0U : 0xff000000;
	case LAPIC_TIMER_DIVIDE:
		return 0xb;
	case LAPIC_APR:
	case LAPIC_RRD:
		return 0;
	}
	return ~0U;
}

static void check_lapic(void)
{
	u32 reg, i, words = 0;

	for (reg = LAPIC_ID; reg < LAPIC_SELF_IPI; reg += 16)
		if (reg != LAPIC_ICR2 || lapic_mode(&apic) != LAPIC_X2APIC)
			MUST(!(lapic_get(&apic, reg) & ~possible(reg)));
	MUST(lapic_get(&apic, LAPIC_VERSION) ==
	     (0x14 | (apic.config.cmci ? 6 : 5) << 16 |
	      (apic.config.eoi_suppress ? BIT(24) : 0)));
	MUST((lapic_get(&apic, LAPIC_DFR) & 0x0fffffff) == 0x0fffffff);
	if (lapic_mode(&apic) == LAPIC_X2APIC) {
		MUST(lapic_get(&apic, LAPIC_ID) == apic.id);
		MUST(lapic_get(&apic, LAPIC_LDR) ==
		     (apic.id >> 4 << 16 | 1U << (apic.id & 15)));
	}
	for (i = 0; i < 8; i++)
		words |= lapic_get(&apic, LAPIC_IRR + i * 16) ? 1U << i : 0;
	MUST(apic.irr_words == words);
	MUST(apic.isr_count == weight(LAPIC_ISR, true));
	MUST(apic.isr_top == (top(LAPIC_ISR) < 0 ? 0 : top(LAPIC_ISR)));
	MUST(lapic_get(&apic, LAPIC_PPR) == ppr());
	MUST(lapic_highest_irr(&apic) == top(LAPIC_IRR));
	MUST(lapic_next(&apic) ==
	     (top(LAPIC_IRR) >> 4 > (int)ppr() >> 4 ? top(LAPIC_IRR) : -1));
	MUST(apic.stale_vector == -1 && !apic.esr_pending);
}

static void check_timer(void)
{
	u32 mode = lapic_get(&apic, LAPIC_LVT_TIMER) >> 17 & 3;
	bool runs = mode != 2 && lapic_get(&apic, LAPIC_TIMER_INITIAL);

	MUST(apic.timer_mode == mode);
	MUST(!!apic.timer_deadline == runs);
	MUST(!!(out.effects & LAPIC_OUT_ARM) == runs);
	MUST(!!(out.effects & LAPIC_OUT_DISARM) == !runs);
	if (runs)
		MUST(out.deadline == apic.timer_deadline);
}

/* Until nothing is left: all that was requested and may be delivered is. */
static void drain(void)
{
	u32 want = weight(LAPIC_IRR, false), got = 0, rounds = 0;
	int v;

	lapic_set_cr8(&apic, 0, &out);
	while (top(LAPIC_ISR) >= 0 || lapic_next(&apic) >= 0) {
		MUST(rounds++ < 1024);
		while ((v = lapic_next(&apic)) >= 0) {
			MUST(v >> 4 > top(LAPIC_ISR) >> 4);
			MUST(v == top(LAPIC_IRR));
			lapic_accept(&apic, v);
			MUST(!test(LAPIC_IRR, v) && test(LAPIC_ISR, v));
			got++;
		}
		v = top(LAPIC_ISR);
		out.effects = 0;
		lapic_eoi(&apic, &out);
		MUST(v < 0 || !test(LAPIC_ISR, v));
	}
	MUST(got == want);
	MUST(!apic.isr_count);
}

static void begin(u8 flags, u8 more, u64 now)
{
	struct lapic_config config = {
		.x2apic = true,
		.tsc_deadline = flags & 2,
		.eoi_suppress = flags & 4,
		.cmci = flags & 8,
		.icr_split = flags & 16,
		.pmi_masks = true,
		.bus_ns = more & 3,
		.min_period_ns = more & 4 ? 200000 : 0,
	};

	memset(page, 0, sizeof(page));
	lapic_init(&apic, page, 0, more >> 4, flags & 32);
	lapic_configure(&apic, &config);
	lapic_reset(&apic, &out);
	if (flags & 64)
		lapic_set_base(&apic, apic.base | LAPIC_BASE_X2APIC, true, 46,
			       &out);
	else if (flags & 128)
		lapic_set_base(&apic, LAPIC_BASE_DEFAULT, true, 46, &out);
	/* A timer runs that the restored state must stop. */
	if (more & 8 && lapic_mode(&apic) == LAPIC_XAPIC)
		lapic_write(&apic, LAPIC_TIMER_INITIAL, 12345, now, &out);
}

static void restore_lapic(struct fuzz_input *in)
{
	static u8 state[LAPIC_REGS_SIZE], again[LAPIC_REGS_SIZE],
		third[LAPIC_REGS_SIZE], was[LAPIC_REGS_SIZE];
	u8 flags = fuzz_byte(in), more = fuzz_byte(in), how = fuzz_byte(in);
	u64 now = how & 1 ? 0 : how & 2 ? ~0ULL - 5 : 1000000;
	bool wide = how & 4;
	struct lapic before;
	struct patch p;

	begin(flags, more, now);
	if (how & 8)
		memset(state, how, sizeof(state));
	else
		lapic_save(&apic, state, wide, now);
	while (next_patch(in, &p))
		patch(state, sizeof(state), &p);
	memcpy(was, page, sizeof(was));
	before = apic;
	out.effects = 0;
	if (!lapic_restore(&apic, state, wide, now, &out)) {
		MUST(lapic_mode(&apic) == LAPIC_X2APIC && wide);
		MUST(word(state, LAPIC_ID) != apic.id);
		MUST(!memcmp(was, page, sizeof(was)));
		MUST(!memcmp(&before, &apic, sizeof(before)) && !out.effects);
		return;
	}
	MUST(out.effects & LAPIC_OUT_DEST && out.effects & LAPIC_OUT_EVENT);
	check_lapic();
	check_timer();
	lapic_save(&apic, again, wide, now);
	MUST(lapic_restore(&apic, again, wide, now, &out));
	check_lapic();
	lapic_save(&apic, third, wide, now);
	MUST(!memcmp(again, third, sizeof(again)));
	drain();
	/* A deadline that has come is met, however far the clock is. */
	out.effects = 0;
	lapic_timer(&apic, ~0ULL, &out);
	lapic_save(&apic, third, wide, ~0ULL);
}

static bool ioapic_level(u64 rte)
{
	return (rte & IOAPIC_RTE_LEVEL) && (rte >> 8 & 7) < 2;
}

static bool ioapic_sendable(u64 rte)
{
	if (rte & (IOAPIC_RTE_MASK | IOAPIC_RTE_REMOTE_IRR))
		return false;
	return (rte >> 8 & 7) < 2 ? (rte & 0xff) > 15 : (rte >> 8 & 7) != 3;
}

static void restore_ioapic(struct fuzz_input *in)
{
	struct ioapic_state st, first, second;
	struct ioapic_out sent = { .n = 0 };
	u32 pin, want = 0, got = 0;
	struct ioapic io;
	struct patch p;

	memset(&st, fuzz_byte(in), sizeof(st));
	while (next_patch(in, &p)) {
		p.how &= 0xbf; /* a run of IRR is nothing here */
		patch((u8 *)&st, sizeof(st), &p);
	}
	ioapic_init(&io);
	io.line[3] = 1;
	MUST(ioapic_restore(&io, &st, &sent));
	MUST(sent.rescan && sent.n <= IOAPIC_PINS);
	MUST(io.regsel <= 0xff && io.id <= 15);
	for (pin = 0; pin < IOAPIC_PINS; pin++) {
		u64 kept = st.rte[pin] & 0xff0000000001afffULL;
		bool level = ioapic_level(kept), sends;
		u64 remote = level ? st.rte[pin] & BIT(14) : 0;

		sends = st.irr >> pin & 1 && ioapic_sendable(kept | remote);
		want |= (u32)sends << pin;
		if (sends && level)
			remote = BIT(14);
		MUST(io.rte[pin] == (kept | remote));
		MUST(ioapic_pin_test(io.irr, pin) == (level && st.irr >> pin & 1));
		MUST(!io.line[pin]);
	}
	for (pin = 0; pin < sent.n; pin++)
		got |= 1U << sent.pin[pin];
	MUST(got == want && sent.n == env_weight64(want));
	ioapic_save(&io, &first);
	sent.n = 0;
	MUST(ioapic_restore(&io, &first, &sent));
	MUST(!sent.n);
	ioapic_save(&io, &second);
	MUST(!memcmp(&first, &second, sizeof(first)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = { data, size };

	if (fuzz_byte(&in) & 1)
		restore_ioapic(&in);
	else
		restore_lapic(&in);
	return 0;
}
