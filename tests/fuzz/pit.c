// SPDX-License-Identifier: GPL-2.0-only
/*
 * libFuzzer: the 8254 and port 61H. Control words, counts, latches, time, gates,
 * interrupts with either policy, migrations. Beside it runs a timer that was
 * written from the datasheet. After each operation:
 *  - what a port reads is what that timer says, latched or not, in two parts or
 *    one, binary or BCD;
 *  - the deadline is the first moment at which channel 0's count has run out, and
 *    a change of it was told;
 *  - each tick is an interrupt: raised, waiting for its turn, or beyond the
 *    bound; none is raised without a tick.
 */
#include "../../module/apic/pit.h"
#include "fuzz.h"

enum what {
	OP_CONTROL,
	OP_WRITE,
	OP_READ,
	OP_LOAD,
	OP_SPEAKER,
	OP_ADVANCE,
	OP_TICK,
	OP_ACKED,
	OP_POLICY,
	OP_HPET,
	OP_MIGRATE,
	OP_WHATS
};

struct counter {
	u32 n; /* initial count, 0: none yet */
	u32 mode;
	u32 rw; /* 1 low, 2 high, 3 both */
	bool bcd, gate;
	u64 since, stood;
	bool read_high, write_high; /* of two bytes the second is next */
	u8 low;
	bool latched, latch_high, has_status;
	u16 latch;
	u8 status;
};

static struct pit pit;
static struct counter counters[3];
static u64 now, next, period, least;
static u32 owed;
static bool raised, drop, hpet, data;

static u32 wrap(const struct counter *c)
{
	return c->bcd ? 10000 : 65536;
}

/* Whole ticks of 1.193182 MHz. */
static u64 elapsed(const struct counter *c)
{
	u64 end = now;

	if (!c->gate && c->mode != 1 && c->mode != 5)
		end = c->stood;
	return end <= c->since ? 0 :
	       (u64)((unsigned __int128)(end - c->since) * PIT_HZ / 1000000000);
}

static u16 digits(const struct counter *c, u32 v)
{
	u32 i, bcd = 0;

	if (!c->bcd)
		return v;
	for (i = 0; i < 16; i += 4, v /= 10)
		bcd |= v % 10 << i;
	return bcd;
}

static u16 value(const struct counter *c)
{
	u64 t = elapsed(c);
	u32 v;

	if (!c->n)
		return 0;
	if (c->mode == 2)
		v = c->n - t % c->n;
	else if (c->mode == 3) /* counts by two */
		v = (c->n - t * 2 % c->n) / 2 * 2;
	else
		v = c->n + wrap(c) - t % wrap(c);
	return digits(c, v % wrap(c));
}

/* "Mode Definitions": OUT */
static bool out_pin(const struct counter *c)
{
	u64 t = elapsed(c);

	if (!c->n)
		return c->mode != 0;
	if (c->mode < 2)
		return t >= c->n;
	if (c->mode > 3)
		return t != c->n;
	if (!c->gate)
		return true;
	t %= c->n;
	return c->mode == 2 ? t + 1 != c->n : t * 2 < c->n;
}

/* The count runs out after so many ticks: the first ns when they are whole. */
static u64 runs_out(u64 since, u32 n)
{
	return since + (u64)(((unsigned __int128)n * 1000000000 + PIT_HZ - 1) /
			     PIT_HZ);
}

static u32 begin_ticks(void)
{
	const struct counter *c = &counters[0];

	next = 0;
	period = 0;
	owed = 0;
	raised = false;
	if (!c->n || hpet || c->mode == 1 || c->mode == 5)
		return PIT_OUT_TIMER;
	next = runs_out(c->since, c->n);
	if (c->mode == 2 || c->mode == 3) {
		period = next - c->since;
		if (period < least)
			period = least;
		next = c->since + period;
	}
	return PIT_OUT_TIMER;
}

static u32 loaded(u32 i, u16 val)
{
	struct counter *c = &counters[i];

	c->n = val;
	if (c->bcd)
		c->n = val % 16 + val / 16 % 16 * 10 + val / 256 % 16 * 100 +
		       val / 4096 * 1000;
	if (!c->n)
		c->n = wrap(c);
	c->since = now;
	c->stood = now;
	return i ? 0 : begin_ticks();
}

static void latch(struct counter *c)
{
	if (c->latched)
		return;
	c->latched = true;
	c->latch_high = false;
	c->latch = value(c);
}

static u32 control(u8 val)
{
	struct counter *c = &counters[val >> 6 & 3];
	u32 i;

	if (val >> 6 == 3) {
		for (i = 0; i < 3; i++) {
			c = &counters[i];
			if (!(val & 2U << i))
				continue;
			if (!(val & 32))
				latch(c);
			if (val & 16 || c->has_status)
				continue;
			c->has_status = true;
			c->status = out_pin(c) << 7 | !c->n << 6 | c->rw << 4 |
				    c->mode << 1 | c->bcd;
		}
		return 0;
	}
	if (!(val & 0x30)) {
		latch(c);
		return 0;
	}
	c->rw = val >> 4 & 3;
	c->mode = val >> 1 & 7;
	if (c->mode > 5)
		c->mode -= 4;
	c->bcd = val & 1;
	c->read_high = false;
	c->write_high = false;
	c->latched = false;
	c->has_status = false;
	c->n = 0;
	return val >> 6 ? 0 : begin_ticks();
}

static void write(u32 port, u8 val)
{
	u32 got = pit_write(&pit, port, val, now), want = 0;
	struct counter *c = &counters[port % 3];

	if (port == 3) {
		want = control(val);
	} else if (c->rw == 1) {
		want = loaded(port, val);
	} else if (c->rw == 2) {
		want = loaded(port, val << 8);
	} else if (!c->write_high) {
		c->low = val;
		c->write_high = true;
	} else {
		c->write_high = false;
		want = loaded(port, c->low | val << 8);
	}
	MUST(got == want);
}

static u8 byte_of(const struct counter *c, u16 val, bool *second)
{
	if (c->rw == 3)
		*second = !*second;
	return c->rw == 2 || (c->rw == 3 && !*second) ? val >> 8 : val;
}

static void read(u32 port)
{
	u8 got = pit_read(&pit, port, now), want;
	struct counter *c = &counters[port % 3];

	if (port == 3) {
		want = 0;
	} else if (c->has_status) {
		c->has_status = false;
		want = c->status;
	} else if (c->latched) {
		want = byte_of(c, c->latch, &c->latch_high);
		c->latched = c->latch_high;
	} else {
		want = byte_of(c, value(c), &c->read_high);
	}
	MUST(got == want);
}

static void speaker(u8 val)
{
	struct counter *c = &counters[2];
	bool gate = val & 1;

	pit_speaker_write(&pit, val, now);
	data = val & 2;
	if (gate == c->gate)
		return;
	c->gate = gate;
	if (!gate)
		c->stood = now;
	else if (c->mode == 0 || c->mode == 4) /* goes on */
		c->since += now - c->stood;
	else /* begins anew */
		c->since = now;
}

/* The caller's timer fires, or it looks early. */
static void tick(void)
{
	u32 got = pit_tick(&pit, now), want = PIT_OUT_TIMER;
	u64 n = 1;

	if (!next || now < next) {
		MUST(got == want);
		return;
	}
	if (period) {
		n = (now - next) / period + 1;
		next += n * period;
		MUST(next > now && next - now <= period);
	} else {
		next = 0;
	}
	if (drop) {
		want |= PIT_OUT_IRQ;
	} else {
		owed = owed + n < PIT_MAX_WAITING ? owed + n : PIT_MAX_WAITING;
		want |= raised ? 0 : PIT_OUT_IRQ;
		raised = true;
	}
	MUST(got == want);
}

static void acked(void)
{
	u32 got = pit_acked(&pit), want = 0;

	if (raised) {
		owed--;
		raised = owed;
		want = raised ? PIT_OUT_IRQ : 0;
	}
	MUST(got == want);
}

static void policy(u8 how)
{
	if (how & 1)
		pit_forget(&pit);
	else
		pit_set_policy(&pit, how & 2 ? PIT_DROP : PIT_CATCH_UP);
	if (!(how & 1))
		drop = how & 2;
	owed = 0;
	raised = false;
}

/* What KVM_SET_PIT2 may give; bit 7 of the mode says that there is no count. */
static bool acceptable(const struct pit_state *st)
{
	u32 i;

	for (i = 0; i < 3; i++) {
		const struct pit_channel_state *s = &st->channels[i];

		if (s->count - 1 > 65535 || s->rw_mode > 3 ||
		    s->count_latched > 4 || s->read_state > 4 ||
		    s->write_state > 4 || (s->mode > 7 && s->mode < 128))
			return false;
	}
	return true;
}

/* Any bytes. What is refused changes nothing; what isn't can be saved again. */
static void restore(const struct fuzz_op *op, u32 patches)
{
	struct pit before = pit;
	struct pit_state st, again;
	u32 effects = 0x77;

	pit_save(&pit, &st);
	if (patches) {
		((u8 *)&st)[op->a % sizeof(st)] = op->x;
		((u8 *)&st)[op->b % sizeof(st)] = op->x >> 8;
		if (op->c & 1)
			memcpy((u8 *)&st + op->c % (sizeof(st) - 8), &op->x, 8);
	}
	if (!pit_restore(&pit, &st, now, &effects)) {
		MUST(!acceptable(&st));
		MUST(!memcmp(&before, &pit, sizeof(pit)) && effects == 0x77);
		return;
	}
	MUST(acceptable(&st));
	MUST(effects == PIT_OUT_TIMER);
	MUST(pit.channel[0].gate && pit.channel[1].gate);
	pit_save(&pit, &again);
	if (!patches) {
		again.channels[0].count_load_time =
			st.channels[0].count_load_time;
		MUST(!memcmp(&st, &again, sizeof(st)));
	}
	MUST(pit_restore(&pit, &again, now, &effects));
}

static void check(void)
{
	const struct counter *c = &counters[2];
	u8 want = c->gate | data << 1 | (now / 15085 % 2) << 4 | out_pin(c) << 5;
	u32 i;

	MUST(pit_speaker_read(&pit, now) == want);
	for (i = 0; i < 3; i++) {
		MUST(pit.channel[i].start == counters[i].since);
		MUST(pit.channel[i].count == counters[i].n);
		MUST(pit.channel[i].mode == counters[i].mode);
	}
	MUST(pit.deadline == next);
	MUST(pit.period == period);
	MUST(pit.raised == raised);
	MUST(pit.waiting == owed && owed <= PIT_MAX_WAITING);
	MUST(!raised == !owed);
	/* One shot: OUT rises when the deadline comes, and not before. */
	c = &counters[0];
	if (c->mode == 0 && next)
		MUST(out_pin(c) == (now >= next));
}

static void step(const struct fuzz_op *op)
{
	switch (op->what % OP_WHATS) {
	case OP_CONTROL:
		write(3, op->a);
		break;
	case OP_WRITE:
		write(op->a & 3, op->b);
		break;
	case OP_READ:
		read(op->a & 3);
		break;
	case OP_LOAD:
		write(3, (op->a % 3) << 6 | 0x30 | (op->b & 15));
		write(op->a % 3, op->x);
		write(op->a % 3, op->x >> 8);
		break;
	case OP_SPEAKER:
		speaker(op->a);
		break;
	case OP_ADVANCE:
		if (op->a & 1)
			now += op->x;
		else if (op->a & 2 && next > now)
			now = next - (op->a >> 2 & 1);
		else
			now += op->x & 0xfffff;
		break;
	case OP_TICK:
		if (op->a & 1 && next > now)
			now = next;
		tick();
		break;
	case OP_ACKED:
		acked();
		break;
	case OP_POLICY:
		policy(op->a);
		break;
	case OP_HPET:
		pit.hpet_legacy = op->a & 1;
		hpet = op->a & 1;
		break;
	case OP_MIGRATE:
		restore(op, 0);
		counters[0].since = now;
		counters[2].stood = now;
		begin_ticks();
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data_in, size_t size)
{
	struct fuzz_input in = { data_in, size };
	struct fuzz_op op;
	u8 flags = fuzz_byte(&in);
	u32 i;

	least = flags & 1 ? 200000 : 0;
	now = 1;
	memset(&pit, 0x11, sizeof(pit));
	pit_init(&pit, least, now);
	memset(counters, 0, sizeof(counters));
	for (i = 0; i < 3; i++)
		counters[i] = (struct counter){
			.mode = 3, .rw = 3, .gate = i != 2, .since = now,
			.stood = now,
		};
	next = 0;
	period = 0;
	owed = 0;
	raised = drop = hpet = data = false;
	speaker(flags >> 1 & 1);
	while (fuzz_next(&in, &op)) {
		if (op.what >= 240) {
			/* The plain timer can't follow: the end. */
			restore(&op, 1);
			for (i = 0; i < 3; i++)
				pit_read(&pit, i, now + op.y);
			pit_tick(&pit, now + op.y);
			pit_write(&pit, op.a & 3, op.b, now + op.y);
			pit_speaker_read(&pit, now + op.y);
			return 0;
		}
		step(&op);
		check();
	}
	return 0;
}
