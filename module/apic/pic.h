/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The pair of 8259A interrupt controllers of a PC, with ELCR. The slave's output
 * is the master's pin 2. The caller serialises calls on one pair.
 *
 * Intel 8259A datasheet; ICH9 datasheet "8259 Interrupt Controllers", "ELCR1".
 */
#ifndef VINTC_APIC_PIC_H
#define VINTC_APIC_PIC_H

#include "ioapic.h"

#define PIC_PINS 16
#define PIC_CASCADE 2

/* Ports, as offsets of struct pic's registers in pic_read() and pic_write() */
#define PIC_MASTER 0x20
#define PIC_SLAVE 0xa0
#define PIC_ELCR 0x4d0

/**
 * struct pic_chip - one 8259A
 * @irr: requested: the line of a level pin, the latched edge of others
 * @first: pin of the highest priority
 * @base: vector of pin 0; a multiple of 8, if user space has not restored another
 * @icw: initialisation command word that is expected next, 2..4, or 0
 * @icw4, @single: ICW1 said: ICW4 comes, ICW3 doesn't
 * @read_isr, @poll: what the next read of the command port gives
 * @elcr: level-triggered pins; @elcr_mask: which ELCR has, of those that
 *        can be so
 */
struct pic_chip {
	u8 irr, imr, isr;
	u8 first;
	u8 base;
	u8 icw;
	u8 elcr, elcr_mask;
	bool icw4, single;
	bool read_isr, poll;
	bool special_mask, special_nested;
	bool auto_eoi, rotate_auto_eoi;
};

/**
 * struct pic - the pair
 * @chip: master, slave
 * @line: for each pin who asserts it, BIT(enum ioapic_source) or PIC_RESTORED
 * @output: the master's INT. Owners of local APICs read it without the lock.
 */
struct pic {
	struct pic_chip chip[2];
	u8 line[PIC_PINS];
	bool output;
};

/* Restored as asserted; whoever drives the pin next takes its place. */
#define PIC_RESTORED BIT(7)

/**
 * struct pic_out - effects of one call; the caller zeroes it
 * @raised: INT went high
 * @acked: pins whose interrupt in service has ended
 * @unmasked: pins that were masked and no longer are
 */
struct pic_out {
	bool raised;
	u16 acked;
	u16 unmasked;
};

void pic_init(struct pic *p);
/* Return: as ioapic_line(). @level means asserted. */
enum ioapic_status pic_line(struct pic *p, unsigned int pin,
			    enum ioapic_source src, bool level,
			    struct pic_out *out);
/**
 * pic_ack() - the CPU's interrupt acknowledge cycle
 *
 * Return: the vector; the spurious one of pin 7 when there is no request.
 */
u8 pic_ack(struct pic *p, struct pic_out *out);
/* Is @port one of the pair's? */
bool pic_has_port(u16 port);
u8 pic_read(struct pic *p, u16 port, struct pic_out *out);
void pic_write(struct pic *p, u16 port, u8 val, struct pic_out *out);

/**
 * struct pic_state - layout of KVM's struct kvm_pic_state
 */
struct pic_state {
	u8 last_irr;
	u8 irr;
	u8 imr;
	u8 isr;
	u8 priority_add;
	u8 irq_base;
	u8 read_reg_select;
	u8 poll;
	u8 special_mask;
	u8 init_state;
	u8 auto_eoi;
	u8 rotate_on_auto_eoi;
	u8 special_fully_nested_mode;
	u8 init4;
	u8 elcr;
	u8 elcr_mask;
};

/* @n: 0 the master, 1 the slave */
void pic_save(const struct pic *p, unsigned int n, struct pic_state *st);
void pic_restore(struct pic *p, unsigned int n, const struct pic_state *st,
		 struct pic_out *out);

#endif
