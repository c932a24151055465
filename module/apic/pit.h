/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The 8254 interval timer of a PC, with port 61H: channel 0 interrupts, channel 2
 * is the speaker's. Time comes in as ns of a clock that never goes back; the
 * caller serialises calls on one timer.
 *
 * Intel 8254 datasheet; ICH9 datasheet "8254 Timers", "NMI Status and Control".
 */
#ifndef VINTC_APIC_PIT_H
#define VINTC_APIC_PIT_H

#include "env.h"

#define PIT_HZ 1193182
#define PIT_CHANNELS 3
#define PIT_PORT 0x40 /* three counters, then the control word */
#define PIT_SPEAKER_PORT 0x61

/* What a counter's port does next: the parts of a count, in turn. */
enum pit_part {
	PIT_LOW = 1, /* always the low byte */
	PIT_HIGH, /* always the high one */
	PIT_FIRST, /* of two: the low byte */
	PIT_SECOND, /* of two: the high byte */
};

/**
 * struct pit_channel - one counter
 * @count: initial count, 1..65536; 0 until there is one
 * @start: when it was loaded, or last triggered, ns
 * @stopped: since when its gate is low, ns, in the modes where that counts
 * @latched, @latch_part: count that was latched, and its next part; part 0: none
 * @status, @status_latched: the same for the status byte
 * @rw: PIT_LOW, PIT_HIGH or PIT_FIRST: how counts are read and written
 * @read, @write: enum pit_part
 * @first: first byte written of two
 */
struct pit_channel {
	u32 count;
	u64 start;
	u64 stopped;
	u16 latched;
	u8 latch_part;
	u8 status;
	bool status_latched;
	u8 rw;
	u8 read, write;
	u8 first;
	u8 mode; /* 0..5 */
	bool bcd;
	bool gate;
};

/* What becomes of ticks that come while the one before is not yet taken. */
enum pit_policy {
	PIT_CATCH_UP, /* they wait for their turn, each an interrupt */
	PIT_DROP, /* they are merged with it */
};

/* Ticks that wait; more are forgotten. 10 minutes at 100 Hz. */
#define PIT_MAX_WAITING 60000

/**
 * struct pit - the timer
 * @policy: enum pit_policy
 * @waiting: ticks not yet taken by the guest
 * @raised: one of them was raised, and its acknowledgement is awaited
 * @deadline: of channel 0's next tick, ns; 0: none
 * @period: of ticks, ns; 0: there is only one
 * @min_period: shorter periods are stretched to this, ns: storm protection
 * @speaker: port 61H's bit 1
 * @hpet_legacy: an HPET has taken channel 0's place: it ticks no more
 */
struct pit {
	struct pit_channel channel[PIT_CHANNELS];
	u8 policy;
	bool raised;
	u32 waiting;
	u64 deadline, period;
	u64 min_period;
	bool speaker;
	bool hpet_legacy;
};

/* Effects, struct pit_out.effects. */
#define PIT_OUT_IRQ BIT(0) /* IRQ 0: up and down */
#define PIT_OUT_TIMER BIT(1) /* pit->deadline has changed: arm, or disarm at 0 */

/**
 * pit_init() - power-up
 * @min_period: see struct pit, ns
 */
void pit_init(struct pit *p, u64 min_period, u64 now);
/* @port: 0..3, from PIT_PORT. Return: effects. */
u8 pit_read(struct pit *p, unsigned int port, u64 now);
u32 pit_write(struct pit *p, unsigned int port, u8 val, u64 now);
/* Port 61H: the bits that belong to timer and speaker. */
u8 pit_speaker_read(const struct pit *p, u64 now);
void pit_speaker_write(struct pit *p, u8 val, u64 now);
/* @now has reached the deadline, or not yet. Return: effects. */
u32 pit_tick(struct pit *p, u64 now);
/* The interrupt that was raised has been served. Return: effects. */
u32 pit_acked(struct pit *p);
/* Nobody will serve it, or IRQ 0 was unmasked: begin anew. */
void pit_forget(struct pit *p);
void pit_set_policy(struct pit *p, enum pit_policy policy);

/**
 * struct pit_state - layout of KVM's struct kvm_pit_state2
 */
struct pit_state {
	struct pit_channel_state {
		u32 count; /* 1..65536 */
		u16 latched_count;
		u8 count_latched;
		u8 status_latched;
		u8 status;
		u8 read_state;
		u8 write_state;
		u8 write_latch;
		u8 rw_mode;
		u8 mode;
		u8 bcd;
		u8 gate;
		s64 count_load_time;
	} channels[PIT_CHANNELS];
	u32 flags;
	u32 reserved[9];
};

#define PIT_STATE_HPET_LEGACY BIT(0)
#define PIT_STATE_SPEAKER BIT(1)

void pit_save(const struct pit *p, struct pit_state *st);
/* Return: false when @st can't be; nothing has changed then. Channel 0 begins to
 * count anew, as the clock of the state is another machine's.
 */
bool pit_restore(struct pit *p, const struct pit_state *st, u64 now,
		 u32 *effects);

#endif
