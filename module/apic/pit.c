// SPDX-License-Identifier: GPL-2.0-only
/*
 * The 8254. Nothing counts: what a counter holds follows from the time since its
 * load. A count that is written while the counter runs takes effect at once.
 *
 * 8254 datasheet, "Mode Definitions", "Read-Back Command".
 */
#include "pit.h"

#define NS 1000000000ULL

/* Control word */
#define CW_CHANNEL(v) ((v) >> 6)
#define CW_READ_BACK 3
#define CW_RW(v) ((v) >> 4 & 3)
#define CW_MODE(v) ((v) >> 1 & 7)
#define CW_BCD BIT(0)
/* Read-back command: 0 latches */
#define RB_NO_COUNT BIT(5)
#define RB_NO_STATUS BIT(4)
/* Status byte */
#define STATUS_OUT BIT(7)
#define STATUS_NULL_COUNT BIT(6)
/* Port 61H */
#define SPEAKER_GATE BIT(0)
#define SPEAKER_DATA BIT(1)
#define SPEAKER_REFRESH BIT(4)
#define SPEAKER_OUT BIT(5)
#define REFRESH_NS 15085

static u32 modulus(const struct pit_channel *c)
{
	return c->bcd ? 10000 : 65536;
}

/* A gate that is low stops the count, but in modes 1 and 5 it only triggers. */
static bool gate_stops(const struct pit_channel *c)
{
	return c->mode != 1 && c->mode != 5;
}

static u64 ticks(const struct pit_channel *c, u64 now)
{
	u64 end = !c->gate && gate_stops(c) ? c->stopped : now;
	u64 ns = end > c->start ? end - c->start : 0;

	return ns / NS * PIT_HZ + ns % NS * PIT_HZ / NS;
}

/* How long @n ticks take, rounded up: then they have passed. */
static u64 ticks_ns(u64 n)
{
	return (n * NS + PIT_HZ - 1) / PIT_HZ;
}

static u16 to_bcd(u32 v)
{
	return v % 10 | v / 10 % 10 << 4 | v / 100 % 10 << 8 | v / 1000 % 10 << 12;
}

static u32 from_bcd(u16 v)
{
	return (v & 15) + (v >> 4 & 15) * 10 + (v >> 8 & 15) * 100 +
	       (v >> 12) * 1000;
}

/* What the counter holds, as its port shows it. */
static u16 counter(const struct pit_channel *c, u64 now)
{
	u64 t = ticks(c, now);
	u32 v;

	if (!c->count)
		return 0;
	switch (c->mode) {
	case 2:
		v = c->count - t % c->count;
		break;
	case 3: /* by two, twice a period */
		v = c->count - 2 * t % c->count;
		v &= ~1U;
		break;
	default: /* on through 0 */
		v = (c->count + modulus(c) - t % modulus(c)) % modulus(c);
		break;
	}
	v %= modulus(c);
	return c->bcd ? to_bcd(v) : v;
}

static bool output(const struct pit_channel *c, u64 now)
{
	u64 t = ticks(c, now);

	if (!c->count)
		return c->mode != 0;
	switch (c->mode) {
	case 0:
	case 1:
		return t >= c->count;
	case 2:
		return t % c->count != c->count - 1 || !c->gate;
	case 3:
		return t % c->count < (c->count + 1) / 2 || !c->gate;
	default:
		return t != c->count;
	}
}

/* ------------------------------------------------------------- interrupts */

/* Channel 0 begins: its gate is always high, so that modes 1 and 5 never do. */
static u32 schedule(struct pit *p)
{
	const struct pit_channel *c = &p->channel[0];
	u64 ns = ticks_ns(c->count);

	p->deadline = p->period = 0;
	p->waiting = 0;
	p->raised = false;
	if (!c->count || p->hpet_legacy || c->mode == 1 || c->mode == 5)
		return PIT_OUT_TIMER;
	if (c->mode == 2 || c->mode == 3)
		p->period = ns = ns < p->min_period ? p->min_period : ns;
	p->deadline = c->start + ns;
	return PIT_OUT_TIMER;
}

u32 pit_tick(struct pit *p, u64 now)
{
	u64 n = 1;

	if (!p->deadline || now < p->deadline)
		return PIT_OUT_TIMER;
	if (p->period) {
		n = (now - p->deadline) / p->period + 1;
		p->deadline += n * p->period;
	} else {
		p->deadline = 0;
	}
	if (p->policy == PIT_DROP)
		return PIT_OUT_TIMER | PIT_OUT_IRQ;
	p->waiting = n < PIT_MAX_WAITING - p->waiting ? p->waiting + n :
							PIT_MAX_WAITING;
	if (p->raised)
		return PIT_OUT_TIMER;
	p->raised = true;
	return PIT_OUT_TIMER | PIT_OUT_IRQ;
}

u32 pit_acked(struct pit *p)
{
	if (!p->raised)
		return 0;
	p->raised = --p->waiting > 0;
	return p->raised ? PIT_OUT_IRQ : 0;
}

void pit_forget(struct pit *p)
{
	p->raised = false;
	p->waiting = 0;
}

void pit_set_policy(struct pit *p, enum pit_policy policy)
{
	p->policy = policy;
	pit_forget(p);
}

/* -------------------------------------------------------------- registers */

static u32 load(struct pit *p, unsigned int n, u16 val, u64 now)
{
	struct pit_channel *c = &p->channel[n];
	u32 count = c->bcd ? from_bcd(val) : val;

	c->count = count ? count : modulus(c);
	c->start = c->stopped = now;
	return n == 0 ? schedule(p) : 0;
}

static void latch_count(struct pit_channel *c, u64 now)
{
	if (c->latch_part)
		return;
	c->latched = counter(c, now);
	c->latch_part = c->rw;
}

static void latch_status(struct pit_channel *c, u64 now)
{
	if (c->status_latched)
		return;
	c->status_latched = true;
	c->status = (output(c, now) ? STATUS_OUT : 0) |
		    (c->count ? 0 : STATUS_NULL_COUNT) | c->rw << 4 |
		    c->mode << 1 | c->bcd;
}

static void read_back(struct pit *p, u8 val, u64 now)
{
	unsigned int n;

	for (n = 0; n < PIT_CHANNELS; n++) {
		if (!(val >> (n + 1) & 1))
			continue;
		if (!(val & RB_NO_COUNT))
			latch_count(&p->channel[n], now);
		if (!(val & RB_NO_STATUS))
			latch_status(&p->channel[n], now);
	}
}

static u32 control(struct pit *p, u8 val, u64 now)
{
	unsigned int n = CW_CHANNEL(val), mode = CW_MODE(val);
	struct pit_channel *c;

	if (n == CW_READ_BACK) {
		read_back(p, val, now);
		return 0;
	}
	c = &p->channel[env_nospec(n, PIT_CHANNELS)];
	if (!CW_RW(val)) {
		latch_count(c, now);
		return 0;
	}
	c->rw = c->read = c->write = CW_RW(val);
	c->mode = mode > 5 ? mode - 4 : mode;
	c->bcd = val & CW_BCD;
	c->latch_part = 0;
	c->status_latched = false;
	/* It stands still until it has a count. */
	c->count = 0;
	return n == 0 ? schedule(p) : 0;
}

u32 pit_write(struct pit *p, unsigned int port, u8 val, u64 now)
{
	struct pit_channel *c;

	if (port >= PIT_CHANNELS)
		return control(p, val, now);
	c = &p->channel[env_nospec(port, PIT_CHANNELS)];
	switch (c->write) {
	case PIT_HIGH:
		return load(p, port, val << 8, now);
	case PIT_FIRST:
		c->first = val;
		c->write = PIT_SECOND;
		return 0;
	case PIT_SECOND:
		c->write = PIT_FIRST;
		return load(p, port, c->first | val << 8, now);
	default:
		return load(p, port, val, now);
	}
}

/* One byte of @val; @part moves on. */
static u8 part_of(u16 val, u8 *part)
{
	switch (*part) {
	case PIT_FIRST:
		*part = PIT_SECOND;
		return val;
	case PIT_SECOND:
		*part = PIT_FIRST;
		return val >> 8;
	case PIT_HIGH:
		return val >> 8;
	default:
		return val;
	}
}

u8 pit_read(struct pit *p, unsigned int port, u64 now)
{
	struct pit_channel *c;
	u8 val;

	if (port >= PIT_CHANNELS) /* the control word can't be read */
		return 0;
	c = &p->channel[env_nospec(port, PIT_CHANNELS)];
	if (c->status_latched) {
		c->status_latched = false;
		return c->status;
	}
	if (!c->latch_part)
		return part_of(counter(c, now), &c->read);
	val = part_of(c->latched, &c->latch_part);
	if (c->latch_part != PIT_SECOND)
		c->latch_part = 0;
	return val;
}

static void set_gate(struct pit_channel *c, bool gate, u64 now)
{
	if (gate == c->gate)
		return;
	c->gate = gate;
	if (!gate)
		c->stopped = now;
	else if (c->mode == 0 || c->mode == 4)
		c->start += now - c->stopped;
	else
		c->start = now;
}

u8 pit_speaker_read(const struct pit *p, u64 now)
{
	const struct pit_channel *c = &p->channel[2];

	return (c->gate ? SPEAKER_GATE : 0) | (p->speaker ? SPEAKER_DATA : 0) |
	       (now / REFRESH_NS & 1 ? SPEAKER_REFRESH : 0) |
	       (output(c, now) ? SPEAKER_OUT : 0);
}

void pit_speaker_write(struct pit *p, u8 val, u64 now)
{
	p->speaker = val & SPEAKER_DATA;
	set_gate(&p->channel[2], val & SPEAKER_GATE, now);
}

/* ------------------------------------------------------------------ state */

void pit_init(struct pit *p, u64 min_period, u64 now)
{
	unsigned int n;

	memset(p, 0, sizeof(*p));
	p->min_period = min_period;
	for (n = 0; n < PIT_CHANNELS; n++) {
		struct pit_channel *c = &p->channel[n];

		c->mode = 3;
		c->gate = n != 2;
		c->rw = c->read = c->write = PIT_FIRST;
		c->start = c->stopped = now;
	}
}

/* In the layout a counter without a count has one, and a mode that is none. */
#define STATE_NO_COUNT BIT(7)

static_assert(sizeof(struct pit_state) == 112, "KVM's layout");

void pit_save(const struct pit *p, struct pit_state *st)
{
	unsigned int n;

	memset(st, 0, sizeof(*st));
	for (n = 0; n < PIT_CHANNELS; n++) {
		const struct pit_channel *c = &p->channel[n];
		struct pit_channel_state *s = &st->channels[n];

		s->count = c->count ? c->count : 65536;
		s->latched_count = c->latched;
		s->count_latched = c->latch_part;
		s->status_latched = c->status_latched;
		s->status = c->status;
		s->read_state = c->read;
		s->write_state = c->write;
		s->write_latch = c->first;
		s->rw_mode = c->rw;
		s->mode = c->mode | (c->count ? 0 : STATE_NO_COUNT);
		s->bcd = c->bcd;
		s->gate = c->gate;
		s->count_load_time = c->start;
	}
	st->flags = (p->hpet_legacy ? PIT_STATE_HPET_LEGACY : 0) |
		    (p->speaker ? PIT_STATE_SPEAKER : 0);
}

static bool possible(const struct pit_channel_state *s)
{
	return s->count >= 1 && s->count <= 65536 && s->count_latched <= PIT_SECOND &&
	       s->read_state <= PIT_SECOND && s->write_state <= PIT_SECOND &&
	       s->rw_mode <= PIT_FIRST &&
	       (s->mode <= 7 || (s->mode & STATE_NO_COUNT));
}

bool pit_restore(struct pit *p, const struct pit_state *st, u64 now,
		 u32 *effects)
{
	unsigned int n;

	for (n = 0; n < PIT_CHANNELS; n++)
		if (!possible(&st->channels[n]))
			return false;
	for (n = 0; n < PIT_CHANNELS; n++) {
		const struct pit_channel_state *s = &st->channels[n];
		struct pit_channel *c = &p->channel[n];

		c->count = s->mode & STATE_NO_COUNT ? 0 : s->count;
		c->latched = s->latched_count;
		c->latch_part = s->count_latched;
		c->status_latched = s->status_latched;
		c->status = s->status;
		c->read = s->read_state;
		c->write = s->write_state;
		c->first = s->write_latch;
		c->rw = s->rw_mode;
		c->mode = (s->mode & 7) > 5 ? (s->mode & 7) - 4 : s->mode & 7;
		c->bcd = s->bcd;
		c->gate = n == 2 ? s->gate : true;
		c->start = now;
		if (s->count_load_time > 0 && (u64)s->count_load_time < now)
			c->start = s->count_load_time;
		c->stopped = now;
	}
	p->channel[0].start = now;
	p->hpet_legacy = st->flags & PIT_STATE_HPET_LEGACY;
	p->speaker = st->flags & PIT_STATE_SPEAKER;
	*effects = schedule(p);
	return true;
}
