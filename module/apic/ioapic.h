/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The I/O APIC: 24 to 240 pins, redirection table, remote IRR. The caller
 * serialises calls on one IOAPIC.
 *
 * Intel 82093AA datasheet; ICH9 datasheet "IOxAPIC" for the EOI register.
 *
 * Sets of pins are bitmaps, so that a call costs what it touches: an EOI looks
 * at the pins that are in service, a scan at those that are level-triggered.
 */
#ifndef VINTC_APIC_IOAPIC_H
#define VINTC_APIC_IOAPIC_H

#include "message.h"

#define IOAPIC_PINS 24 /* the 82093AA's, and KVM's */
#define IOAPIC_MAX_PINS 240
#define IOAPIC_WORDS ((IOAPIC_MAX_PINS + 63) / 64) /* of a set of pins */
#define IOAPIC_SIZE 0x100 /* bytes of MMIO decoded */
#define IOAPIC_BASE_DEFAULT 0xfec00000ULL

/* Redirection table entry */
#define IOAPIC_RTE_DELIVERY_SHIFT 8
#define IOAPIC_RTE_LOGICAL BIT_ULL(11)
#define IOAPIC_RTE_PENDING BIT_ULL(12) /* delivery status, read-only */
#define IOAPIC_RTE_ACTIVE_LOW BIT_ULL(13)
#define IOAPIC_RTE_REMOTE_IRR BIT_ULL(14) /* read-only */
#define IOAPIC_RTE_LEVEL BIT_ULL(15)
#define IOAPIC_RTE_MASK BIT_ULL(16)

/* What drives a pin; each holds its own level, the pin sees their OR. */
enum ioapic_source {
	IOAPIC_SRC_USER, /* KVM_IRQ_LINE */
	IOAPIC_SRC_PIT,
	IOAPIC_SRC_IRQFD,
	IOAPIC_SRC_COUNT,
};

/**
 * struct ioapic - one of them
 * @pins: how many; ioapic_init() gives it 24, and more may be set before its use
 * @version: 0x11, or 0x20: there is an EOI register
 * @tapped: pin whose EOI is wanted although it is edge, or -1
 * @storm: EOIs in a row, with the line asserted all the time, after which a level
 *	pin isn't sent at once; 0: never
 * @irr: level pins: asserted, by @line or restored
 * @level, @remote: those whose entry has the trigger mode's, the remote IRR's bit
 * @held: those that wait for ioapic_release()
 * @rte: changed by ioapic_put_rte() alone
 * @line: BIT(source) of the asserting sources
 * @repeats: towards @storm
 */
struct ioapic {
	u64 base;
	u32 regsel;
	u32 id;
	u8 pins;
	u8 version;
	s16 tapped;
	u32 storm;
	u64 irr[IOAPIC_WORDS];
	u64 level[IOAPIC_WORDS];
	u64 remote[IOAPIC_WORDS];
	u64 held[IOAPIC_WORDS];
	u64 rte[IOAPIC_MAX_PINS];
	u8 line[IOAPIC_MAX_PINS];
	u32 repeats[IOAPIC_MAX_PINS];
};

static inline bool ioapic_pin_test(const u64 *pins, u32 pin)
{
	return pins[pin >> 6] >> (pin & 63) & 1;
}

static inline void ioapic_pin_set(u64 *pins, u32 pin, bool on)
{
	u64 bit = 1ULL << (pin & 63);

	if (on)
		pins[pin >> 6] |= bit;
	else
		pins[pin >> 6] &= ~bit;
}

/* The first of @pins that is @from or above, or -1. */
static inline int ioapic_pin_next(const u64 *pins, u32 from)
{
	u32 word = from >> 6;
	u64 bits;

	if (word >= IOAPIC_WORDS)
		return -1;
	bits = pins[word] & ~0ULL << (from & 63);
	while (!bits) {
		if (++word == IOAPIC_WORDS)
			return -1;
		bits = pins[word];
	}
	return word * 64 + __builtin_ctzll(bits);
}

static inline void ioapic_put_rte(struct ioapic *io, u32 pin, u64 rte)
{
	io->rte[pin] = rte;
	ioapic_pin_set(io->level, pin, rte & IOAPIC_RTE_LEVEL);
	ioapic_pin_set(io->remote, pin, rte & IOAPIC_RTE_REMOTE_IRR);
}

/* ioapic_line() result for KVM_IRQ_LINE_STATUS. */
enum ioapic_status {
	IOAPIC_IGNORED = -1, /* masked, or a level interrupt in service */
	IOAPIC_COALESCED = 0, /* an edge pin that is asserted already */
	IOAPIC_SENT = 1, /* a message is in the out */
	IOAPIC_IDLE = 2, /* the line went or stays low */
};

#define IOAPIC_OUT_MAX 24

/**
 * struct ioapic_out - effects of one call; the caller zeroes all but the arrays
 * @n: messages in @msg
 * @next: not 0: there are more. Call again with the same arguments, @n zeroed, as
 *	soon as these are sent; the lock may have been dropped
 * @rescan: an entry changed so that EOI-exit maps must be rebuilt
 * @unmasked: the tapped pin was masked and no longer is
 * @delay: pins are held: ioapic_release() after IOAPIC_STORM_NS
 * @pin: the pin each message came from
 */
struct ioapic_out {
	u32 n;
	u32 next;
	bool rescan;
	bool unmasked;
	bool delay;
	struct irq_message msg[IOAPIC_OUT_MAX];
	u8 pin[IOAPIC_OUT_MAX];
};

/* Long enough for any guest to get somewhere between two interrupts. */
#define IOAPIC_STORM_NS 10000000
#define IOAPIC_STORM_DEFAULT 10000

void ioapic_init(struct ioapic *io);
enum ioapic_status ioapic_line(struct ioapic *io, unsigned int pin,
			       enum ioapic_source src, bool level,
			       struct ioapic_out *out);
/* Broadcast EOI: clears remote IRR of level entries with @vector, sends again
 * when the line is still asserted.
 */
void ioapic_eoi(struct ioapic *io, u8 vector, struct ioapic_out *out);
/* Is any pin in service, so that an EOI could be for it? Without the lock. */
bool ioapic_serves(const struct ioapic *io);
/* Pins held in a storm are sent. */
void ioapic_release(struct ioapic *io, struct ioapic_out *out);
/* Before ioapic_eoi(): those of @pins that the EOI is for are no longer asserted
 * by IOAPIC_SRC_IRQFD, nor by nobody (ioapic_restore()). They are left in @pins.
 * Return: whether there are any.
 */
bool ioapic_resample(struct ioapic *io, u8 vector, u64 *pins);
/* The tapped pin if @vector is its edge interrupt's, or -1. */
int ioapic_tapped(const struct ioapic *io, u8 vector);
/* The message from @pin found no target: nobody will send its EOI. */
void ioapic_unaccepted(struct ioapic *io, unsigned int pin);
/* Is @offset the EOI register? A write of a vector to it is ioapic_eoi(). */
bool ioapic_is_eoi(const struct ioapic *io, u32 offset);
/* MMIO, @offset below IOAPIC_SIZE: IOREGSEL and IOWIN. */
u32 ioapic_read(const struct ioapic *io, u32 offset);
void ioapic_write(struct ioapic *io, u32 offset, u32 val, struct ioapic_out *out);
/* The message an entry would send now. */
void ioapic_message(const struct ioapic *io, unsigned int pin,
		    struct irq_message *msg);

/**
 * struct ioapic_state - layout of KVM's struct kvm_ioapic_state
 */
struct ioapic_state {
	u64 base_address;
	u32 ioregsel;
	u32 id;
	u32 irr;
	u32 pad;
	u64 rte[IOAPIC_PINS];
};

/* The same of any number of pins; arrays may be larger than that. */
struct ioapic_image {
	u32 regsel;
	u32 id;
	const u64 *irr;
	const u64 *rte;
};

void ioapic_save(const struct ioapic *io, struct ioapic_state *st);
/* Return: false if @st can't be. Pending requests in @st->irr are sent. */
bool ioapic_restore(struct ioapic *io, const struct ioapic_state *st,
		    struct ioapic_out *out);
/* Could @im be the state of @io? Then it may be loaded. */
bool ioapic_possible(const struct ioapic *io, const struct ioapic_image *im);
void ioapic_load(struct ioapic *io, const struct ioapic_image *im,
		 struct ioapic_out *out);

#endif
