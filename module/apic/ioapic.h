/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The I/O APIC: 24 pins, redirection table, remote IRR. The caller serialises
 * calls on one IOAPIC.
 *
 * Intel 82093AA datasheet; ICH9 datasheet "IOxAPIC" for the EOI register.
 */
#ifndef VINTC_APIC_IOAPIC_H
#define VINTC_APIC_IOAPIC_H

#include "message.h"

#define IOAPIC_PINS 24
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

struct ioapic {
	u64 base;
	u32 regsel;
	u32 id;
	u32 irr; /* level pins: asserted, by @line or restored */
	u64 rte[IOAPIC_PINS];
	u8 line[IOAPIC_PINS]; /* BIT(source) of the asserting sources */
	u8 version; /* 0x11, or 0x20: there is an EOI register */
	u32 tapped; /* pins, by bit, whose EOI is wanted although they are edge */
};

/* ioapic_line() result for KVM_IRQ_LINE_STATUS. */
enum ioapic_status {
	IOAPIC_IGNORED = -1, /* masked, or a level interrupt in service */
	IOAPIC_COALESCED = 0, /* an edge pin that is asserted already */
	IOAPIC_SENT = 1, /* a message is in the out */
	IOAPIC_IDLE = 2, /* the line went or stays low */
};

/**
 * struct ioapic_out - effects of one call; the caller zeroes @n, @rescan and
 *                     @unmasked
 * @n: messages in @msg
 * @pin: the pin each message came from
 * @rescan: an entry changed so that EOI-exit maps must be rebuilt
 * @unmasked: pins, by bit, that were masked and no longer are
 */
struct ioapic_out {
	u32 n;
	bool rescan;
	u32 unmasked;
	struct irq_message msg[IOAPIC_PINS];
	u8 pin[IOAPIC_PINS];
};

void ioapic_init(struct ioapic *io);
enum ioapic_status ioapic_line(struct ioapic *io, unsigned int pin,
			       enum ioapic_source src, bool level,
			       struct ioapic_out *out);
/* Broadcast EOI: clears remote IRR of level entries with @vector, sends again
 * when the line is still asserted.
 */
void ioapic_eoi(struct ioapic *io, u8 vector, struct ioapic_out *out);
/* Before ioapic_eoi(): those of @pins that the EOI is for are no longer asserted
 * by IOAPIC_SRC_IRQFD, nor by nobody (ioapic_restore()). Return: those.
 */
u32 ioapic_resample(struct ioapic *io, u8 vector, u32 pins);
/* The tapped pins, by bit, whose edge interrupt has @vector. */
u32 ioapic_tapped(const struct ioapic *io, u8 vector);
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

void ioapic_save(const struct ioapic *io, struct ioapic_state *st);
/* Return: false if @st can't be. Pending requests in @st->irr are sent. */
bool ioapic_restore(struct ioapic *io, const struct ioapic_state *st,
		    struct ioapic_out *out);

#endif
