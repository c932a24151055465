// SPDX-License-Identifier: GPL-2.0-only
/* What senders write. The owner's half is absorb.c. */
#include "lapic_priv.h"
#include "mutant.h"

/* SDM 3C "Format of Posted-Interrupt Descriptor" */
static_assert(offsetof(struct mailbox, pir) == 0, "PIR");
static_assert(offsetof(struct mailbox, control) == 32, "ON, SN, NV, NDST");
static_assert(offsetof(struct mailbox, tmr) == 64, "the rest is not hardware's");

void mailbox_init(struct mailbox *mb)
{
	memset(mb, 0, sizeof(*mb));
}

/*
 * MUTANT_ON_FIRST. The sender is held up between its two steps, as by an interrupt:
 * they are too near to one another for CPUs that take turns.
 */
static unsigned int post_on_first(struct mailbox *mb, unsigned int word,
				  unsigned int bit)
{
	bool on = env_test_and_set(&mb->control, 0);
	unsigned int i;

	for (i = 0; i < 100; i++)
		(void)READ_ONCE(mb->pir[word]);
	if (env_test_and_set(&mb->pir[word], bit))
		return MAILBOX_COALESCED;
	return on ? 0 : MAILBOX_NOTIFY;
}

/*
 * TMR, then PIR, then ON: an owner that sees ON finds the vector, and one that
 * finds the vector finds its trigger mode.
 */
static unsigned int post_vector(struct mailbox *mb, u8 vector, bool level)
{
	unsigned int word = vector >> 6, bit = vector & 63;

	/* Trigger modes hardly ever change: usually this only reads. */
	if (unlikely((READ_ONCE(mb->tmr[word]) >> bit & 1) != level)) {
		if (level)
			env_fetch_or(&mb->tmr[word], 1ULL << bit);
		else
			env_fetch_and(&mb->tmr[word], ~(1ULL << bit));
	}
	if (mutant(MUTANT_ON_FIRST))
		return post_on_first(mb, word, bit);
	/* Who has set the bit before us sets ON and notifies. */
	if (env_test_and_set(&mb->pir[word], bit))
		return MAILBOX_COALESCED;
	return env_test_and_set(&mb->control, 0) ? 0 : MAILBOX_NOTIFY;
}

/* The events as they are after @msg. */
static u64 events_after(u64 events, const struct irq_message *msg)
{
	const u64 sipi = MAILBOX_SIPI | 0xffULL << MAILBOX_SIPI_VECTOR_SHIFT;

	switch (msg->delivery) {
	case IRQ_SMI:
		return events | MAILBOX_SMI;
	case IRQ_NMI:
		return events | MAILBOX_NMI;
	case IRQ_INIT:
		return (events & ~sipi) | MAILBOX_INIT;
	case IRQ_STARTUP:
		if (events & MAILBOX_SIPI)
			return events;
		return events | MAILBOX_SIPI |
		       (u64)msg->vector << MAILBOX_SIPI_VECTOR_SHIFT;
	case IRQ_EXTINT:
		return events | MAILBOX_EXTINT;
	default:
		return events;
	}
}

static unsigned int post_event(struct mailbox *mb, const struct irq_message *msg)
{
	u64 old = READ_ONCE(mb->events), val;

	if (msg->delivery == IRQ_RESERVED ||
	    (msg->delivery == IRQ_INIT && msg->deassert))
		return 0;
	/*
	 * One word, so that no reader sees a SIPI without its own vector. The
	 * exchange also when nothing changes: it orders what the sender wrote
	 * before, for an owner that is taking the event just now.
	 */
	do {
		val = events_after(old, msg);
	} while (!env_cmpxchg(&mb->events, &old, val));
	if (val == old)
		return MAILBOX_COALESCED;
	/* Whatever ON is, which is for PIR alone: see MAILBOX_EVENT. */
	return MAILBOX_NOTIFY | MAILBOX_EVENT;
}

unsigned int mailbox_post(struct mailbox *mb, const struct irq_message *msg)
{
	if (likely(msg->delivery <= IRQ_LOWEST))
		return msg->vector < 16 ? 0 :
		       post_vector(mb, msg->vector, msg->level);
	return post_event(mb, msg);
}

unsigned int lapic_post(struct lapic *l, const struct irq_message *msg)
{
	u32 word = msg->vector >> 5, n = msg->vector & 31;

	if (msg->vector < VECTOR_MIN)
		return 0;
	/* TMR first, as irr_add() has it. */
	tmr_merge(l, word, 1U << n, msg->level ? 1U << n : 0);
	if (env_test_and_set32(l->regs + LAPIC_IRR + (word << 4), n))
		return MAILBOX_COALESCED;
	return MAILBOX_NOTIFY;
}

void mailbox_notify_at(struct mailbox *mb, u8 vector, u32 dest)
{
	const u64 state = MAILBOX_ON | MAILBOX_SN;
	u64 at = (u64)vector << MAILBOX_NV_SHIFT | (u64)dest << MAILBOX_NDST_SHIFT;
	u64 old = READ_ONCE(mb->control);

	while (!env_cmpxchg(&mb->control, &old, (old & state) | at))
		;
}

void mailbox_set_edge(struct mailbox *mb, u8 vector)
{
	env_fetch_and(&mb->tmr[vector >> 6], ~(1ULL << (vector & 63)));
}
