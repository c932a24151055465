// SPDX-License-Identifier: GPL-2.0-only
/* The owner's half of the mailbox. */
#include "lapic_priv.h"
#include "mutant.h"

static void take_word(struct lapic *l, u32 word, u32 bits, u32 level)
{
	if (bits)
		irr_add(l, word, bits, level);
}

static void take_vectors(struct lapic *l, struct mailbox *mb,
			 struct lapic_out *out)
{
	bool enabled = lapic_enabled(l);
	u32 i;

	for (i = 0; i < 4; i++) {
		u64 bits, level;

		if (!READ_ONCE(mb->pir[i]))
			continue;
		bits = env_xchg(&mb->pir[i], 0);
		/* SDM 3A "Local APIC State After It Has Been Software Disabled" */
		if (!enabled)
			continue;
		level = READ_ONCE(mb->tmr[i]);
		take_word(l, 2 * i, bits, level);
		take_word(l, 2 * i + 1, bits >> 32, level >> 32);
		out->effects |= LAPIC_OUT_EVENT;
	}
}

/*
 * Behaviour D: what may be taken is decided by the caller now, from the state
 * it has now. A blocked INIT stays in the mailbox; a SIPI never waits.
 */
static void take_events(struct mailbox *mb, bool take_init,
			struct lapic_out *out)
{
	u64 stay = take_init ? 0 : MAILBOX_INIT;
	u64 got = env_fetch_and(&mb->events, stay) & ~stay;

	if (got & MAILBOX_NMI)
		out->effects |= LAPIC_OUT_NMI;
	if (got & MAILBOX_SMI)
		out->effects |= LAPIC_OUT_SMI;
	if (got & MAILBOX_EXTINT)
		out->effects |= LAPIC_OUT_EXTINT;
	if (!take_init)
		return;
	if (got & MAILBOX_INIT)
		out->effects |= LAPIC_OUT_INIT;
	if (got & MAILBOX_SIPI) {
		out->effects |= LAPIC_OUT_SIPI;
		out->sipi_vector = got >> MAILBOX_SIPI_VECTOR_SHIFT & 0xff;
	}
}

/*
 * ON goes first, fully ordered before PIR is read: a sender that comes later finds
 * ON clear and notifies.
 */
static void take_posted(struct lapic *l, struct mailbox *mb,
			struct lapic_out *out)
{
	if (!(READ_ONCE(mb->control) & MAILBOX_ON))
		return;
	if (mutant(MUTANT_PIR_FIRST))
		take_vectors(l, mb, out);
	env_fetch_and(&mb->control, ~MAILBOX_ON);
	if (!mutant(MUTANT_PIR_FIRST))
		take_vectors(l, mb, out);
}

void lapic_absorb(struct lapic *l, struct mailbox *mb, bool take_init,
		  struct lapic_out *out)
{
	take_posted(l, mb, out);
	/* Not under ON, which hardware clears for PIR alone. */
	if (unlikely(READ_ONCE(mb->events)))
		take_events(mb, take_init, out);
}

void lapic_absorb_posted(struct lapic *l, struct mailbox *mb)
{
	struct lapic_out out = { .effects = 0 };

	take_posted(l, mb, &out);
}

void lapic_sync_tmr(struct lapic *l, const struct mailbox *mb)
{
	u32 i;

	for (i = 0; i < 8; i++) {
		u32 bits = lapic_get(l, LAPIC_IRR + (i << 4)) |
			   lapic_get(l, LAPIC_ISR + (i << 4));

		if (bits)
			tmr_merge(l, i, bits,
				  READ_ONCE(mb->tmr[i >> 1]) >> ((i & 1) * 32));
	}
}
