/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The mailbox: the only part of a local APIC that other CPUs write. Senders
 * latch, the owner absorbs (lapic_absorb). Its first cache line is a
 * posted-interrupt descriptor as VMX hardware reads it (SDM 3C
 * "Posted-Interrupt Processing"); SVM and the model use it as plain memory.
 */
#ifndef VINTC_APIC_MAILBOX_H
#define VINTC_APIC_MAILBOX_H

#include "message.h"

/* struct mailbox.control */
#define MAILBOX_ON BIT_ULL(0) /* outstanding notification */
#define MAILBOX_SN BIT_ULL(1) /* suppress notification */
#define MAILBOX_NV_SHIFT 16
#define MAILBOX_NDST_SHIFT 32

/* struct mailbox.events */
#define MAILBOX_NMI BIT_ULL(0)
#define MAILBOX_SMI BIT_ULL(1)
#define MAILBOX_INIT BIT_ULL(2)
#define MAILBOX_SIPI BIT_ULL(3)
#define MAILBOX_EXTINT BIT_ULL(4)
#define MAILBOX_SIPI_VECTOR_SHIFT 8 /* bits 15:8, valid with MAILBOX_SIPI */

/**
 * struct mailbox - what other CPUs have posted and the owner not yet absorbed
 * @pir: posted vectors, bit n of the 256
 * @control: MAILBOX_ON, MAILBOX_SN, and for VMX the notification vector and
 *           destination (bits 23:16 and 63:32)
 * @tmr: trigger mode of each vector in @pir (1: level); written before @pir
 * @events: MAILBOX_NMI...; SIPI's vector is kept in the same word so that a
 *          reader never sees one without the other
 */
struct mailbox {
	u64 pir[4];
	u64 control;
	u64 rsvd[3];
	u64 tmr[4];
	u64 events;
} __aligned(64);

/* mailbox_post() */
#define MAILBOX_NOTIFY BIT(0) /* the owner must be told: ON was clear */
#define MAILBOX_COALESCED BIT(1) /* the vector or event was posted already */
/*
 * With MAILBOX_NOTIFY: an event, not a vector. A posted-interrupt notification
 * is not enough, for hardware would take PIR, clear ON and let the guest run
 * on: make the owner exit.
 */
#define MAILBOX_EVENT BIT(2)

void mailbox_init(struct mailbox *mb);

/**
 * mailbox_post() - latch one message for one local APIC
 * @mb: target's mailbox
 * @msg: message; destination already resolved. FIXED and LOWEST set a PIR
 *       bit; the other modes set an event. A vector below 16 is refused.
 *       INIT drops a SIPI that is pending, and of several SIPIs the first
 *       stays, as a processor that waits for one takes the first.
 *
 * Context: any CPU, any context, lock free.
 * Return: MAILBOX_NOTIFY | MAILBOX_COALESCED, or 0 when nothing need be done.
 */
unsigned int mailbox_post(struct mailbox *mb, const struct irq_message *msg);

/* Where hardware that posts by itself notifies: NV and NDST. */
void mailbox_notify_at(struct mailbox *mb, u8 vector, u32 dest);
/* @vector will be posted by hardware, which knows only edges. */
void mailbox_set_edge(struct mailbox *mb, u8 vector);

/*
 * Anything to absorb? Plain reads; order nothing. Looks at the events too:
 * hardware that processes a posted-interrupt notification clears ON for them
 * all, but takes only PIR.
 */
static inline bool mailbox_pending(const struct mailbox *mb)
{
	return (READ_ONCE(mb->control) & MAILBOX_ON) || READ_ONCE(mb->events);
}

/*
 * As mailbox_pending(), for a lapic_absorb() with this @take_init: an INIT that
 * is blocked stays pending and must not keep the owner from entering the guest.
 */
static inline bool mailbox_takeable(const struct mailbox *mb, bool take_init)
{
	u64 blocked = take_init ? 0 : MAILBOX_INIT;

	return (READ_ONCE(mb->control) & MAILBOX_ON) ||
	       (READ_ONCE(mb->events) & ~blocked);
}

/* A blocked INIT is forgotten: no processor does that; for comparison. */
static inline void mailbox_drop_init(struct mailbox *mb)
{
	if (READ_ONCE(mb->events) & MAILBOX_INIT)
		env_fetch_and(&mb->events, ~MAILBOX_INIT);
}

#endif
