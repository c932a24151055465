/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The local APIC: a state machine over a 4 KiB register page. Events go in,
 * effects come out in struct lapic_out; nothing here knows vCPUs, locks,
 * clocks or hardware. All functions are for the owner of the APIC (the thread
 * that runs the vCPU); other CPUs only post to the mailbox.
 *
 * SDM 3A chapter "Advanced Programmable Interrupt Controller (APIC)";
 * APM 2 chapter of the same name.
 */
#ifndef VINTC_APIC_LAPIC_H
#define VINTC_APIC_LAPIC_H

#include "mailbox.h"

#define LAPIC_REGS_SIZE 1024 /* architectural registers, KVM's kvm_lapic_state */

/* Register offsets in the page; an x2APIC MSR is 0x800 + (offset >> 4). */
enum lapic_reg {
	LAPIC_ID = 0x20,
	LAPIC_VERSION = 0x30,
	LAPIC_TPR = 0x80,
	LAPIC_APR = 0x90,
	LAPIC_PPR = 0xa0,
	LAPIC_EOI = 0xb0,
	LAPIC_RRD = 0xc0,
	LAPIC_LDR = 0xd0,
	LAPIC_DFR = 0xe0,
	LAPIC_SVR = 0xf0,
	LAPIC_ISR = 0x100,
	LAPIC_TMR = 0x180,
	LAPIC_IRR = 0x200,
	LAPIC_ESR = 0x280,
	LAPIC_LVT_CMCI = 0x2f0,
	LAPIC_ICR = 0x300,
	LAPIC_ICR2 = 0x310,
	LAPIC_LVT_TIMER = 0x320,
	LAPIC_LVT_THERMAL = 0x330,
	LAPIC_LVT_PERFMON = 0x340,
	LAPIC_LVT_LINT0 = 0x350,
	LAPIC_LVT_LINT1 = 0x360,
	LAPIC_LVT_ERROR = 0x370,
	LAPIC_TIMER_INITIAL = 0x380,
	LAPIC_TIMER_CURRENT = 0x390,
	LAPIC_TIMER_DIVIDE = 0x3e0,
	LAPIC_SELF_IPI = 0x3f0,
};

/* IA32_APIC_BASE */
#define LAPIC_BASE_BSP BIT_ULL(8)
#define LAPIC_BASE_X2APIC BIT_ULL(10)
#define LAPIC_BASE_ENABLE BIT_ULL(11)
#define LAPIC_BASE_ADDRESS GENMASK_ULL(51, 12)
#define LAPIC_BASE_DEFAULT 0xfee00000ULL

enum lapic_mode {
	LAPIC_DISABLED,
	LAPIC_INVALID, /* EXTD without EN; never entered */
	LAPIC_XAPIC,
	LAPIC_X2APIC,
};

/* Effects, struct lapic_out.effects. */
#define LAPIC_OUT_IPI BIT(0) /* send @ipi */
#define LAPIC_OUT_EOI BIT(1) /* broadcast EOI of level vector @eoi_vector */
#define LAPIC_OUT_ARM BIT(2) /* timer: fire at @deadline, in engine ns */
#define LAPIC_OUT_ARM_TSC BIT(3) /* timer: fire at @deadline, in guest TSC */
#define LAPIC_OUT_DISARM BIT(4) /* timer: stop */
#define LAPIC_OUT_INIT BIT(5) /* INIT has arrived (absorb) */
#define LAPIC_OUT_SIPI BIT(6) /* SIPI has arrived, page @sipi_vector */
#define LAPIC_OUT_NMI BIT(7)
#define LAPIC_OUT_SMI BIT(8)
#define LAPIC_OUT_EXTINT BIT(9)
#define LAPIC_OUT_FAULT BIT(10) /* #GP(0); nothing has changed */
#define LAPIC_OUT_EVENT BIT(11) /* lapic_next() may have changed */
#define LAPIC_OUT_DEST BIT(12) /* ID, LDR, DFR, mode or SVR enable changed:
				* rebuild the destination map, rescan */
#define LAPIC_OUT_RESCAN BIT(13) /* a stale vector's EOI: rescan exit maps */
#define LAPIC_OUT_LINT0 BIT(14) /* LVT LINT0 was written; what changes it as a
				 * part of more shows as LAPIC_OUT_DEST
				 */

/**
 * struct lapic_out - effects of one call; the caller zeroes @effects first
 * @effects: LAPIC_OUT_...
 * @ipi: valid with LAPIC_OUT_IPI
 * @deadline: valid with LAPIC_OUT_ARM or LAPIC_OUT_ARM_TSC
 * @eoi_vector: valid with LAPIC_OUT_EOI
 * @sipi_vector: valid with LAPIC_OUT_SIPI
 */
struct lapic_out {
	u32 effects;
	u8 eoi_vector;
	u8 sipi_vector;
	u64 deadline;
	struct irq_message ipi;
};

/**
 * struct lapic_config - what the guest's CPUID and the VM's policy allow
 * @x2apic: x2APIC mode may be entered
 * @tsc_deadline: the LVT timer's TSC-deadline mode exists
 * @eoi_suppress: directed EOI: SVR bit 12 exists and VERSION bit 24 is set
 * @cmci: LVT CMCI exists: 7 LVT entries, else 6
 * @icr_split: in x2APIC mode too the page holds ICR as two registers, at 0x300
 *             and 0x310 (x2AVIC), not as 64 bits at 0x300 (VMX)
 * @lint0_extint: the BSP's LINT0 is an unmasked ExtINT after reset, as firmware
 *                would leave it (KVM_X86_QUIRK_LINT0_REENABLED)
 * @pmi_masks: LVT PERFMON is masked when its interrupt is delivered (Intel)
 * @bus_ns: length of one timer tick before the divider, ns; 1 by default
 * @min_period_ns: a periodic timer's period is at least this; 0: no limit
 *
 * lapic_init() sets none of the first five and both of the next two, and 200 us
 * for the limit, as KVM has it. Change by lapic_configure().
 */
struct lapic_config {
	bool x2apic;
	bool tsc_deadline;
	bool eoi_suppress;
	bool cmci;
	bool icr_split;
	bool lint0_extint;
	bool pmi_masks;
	u32 bus_ns;
	u32 min_period_ns;
};

/**
 * struct lapic - one local APIC
 * @regs: 4 KiB register page in the architectural layout, owned by the caller;
 *        the backing page of APICv and AVIC
 * @base: IA32_APIC_BASE
 * @index: the vCPU's index in the VM; source of its IPIs
 * @id: initial (x2APIC) APIC ID
 * @config: see struct lapic_config
 * @timer_start: engine ns at which the running count began
 * @timer_tick: ns per count of what runs; kept because hardware may have
 *              overwritten the divider by the time the engine hears of it
 * @timer_mode: LVT timer mode last acted on, kept for the same reason
 * @timer_deadline: engine ns of the next expiry; 0 when stopped
 * @tsc_deadline: IA32_TSC_DEADLINE, 0 when disarmed
 * @esr_pending: errors not yet moved to ESR by a write of it
 * @isr_count: number of bits set in ISR
 * @isr_top: highest vector in ISR, 0 when there is none
 * @accelerated: hardware (APICv, AVIC) changes IRR and ISR in the page behind
 *               the engine: the caches are not believed, and IRR is only
 *               changed by atomic operations. Set by lapic_accelerate().
 * @touched: the engine has changed IRR or ISR while @accelerated. Cleared by who has told
 *           hardware that keeps more of them than the page (RVI, SVI).
 * @irr_words: bit n: IRR word n may be non-zero; a clear bit means surely zero
 * @stale_vector: highest level vector, in service or pending, whose routing is
 *                gone and whose EOI must still be seen, or -1 (behaviour C)
 */
struct lapic {
	u8 *regs;
	u64 base;
	u32 index;
	u32 id;
	struct lapic_config config;
	u64 timer_start;
	u64 timer_deadline;
	u64 timer_tick;
	u64 tsc_deadline;
	u32 esr_pending;
	u32 irr_words;
	u16 isr_count;
	u8 isr_top;
	u8 timer_mode;
	bool accelerated;
	bool touched;
	s32 stale_vector;
};

static inline u32 lapic_get(const struct lapic *l, u32 reg)
{
	return *(const volatile u32 *)(l->regs + reg);
}

static inline void lapic_put(struct lapic *l, u32 reg, u32 val)
{
	*(volatile u32 *)(l->regs + reg) = val;
}

static inline enum lapic_mode lapic_mode(const struct lapic *l)
{
	return (enum lapic_mode)((l->base >> 10) & 3);
}

/* Software-enabled by SVR bit 8, and not disabled in IA32_APIC_BASE. */
static inline bool lapic_enabled(const struct lapic *l)
{
	return (l->base & LAPIC_BASE_ENABLE) && (lapic_get(l, LAPIC_SVR) & BIT(8));
}

/**
 * lapic_init() - power-up state
 * @l: the APIC; wholly overwritten
 * @regs: zeroed or not, 4 KiB, 16-byte aligned at least
 * @index: the vCPU's index
 * @id: APIC ID
 * @bsp: sets the BSP flag of IA32_APIC_BASE
 */
void lapic_init(struct lapic *l, void *regs, u32 index, u32 id, bool bsp);

/* Takes over @config; the version register follows. */
void lapic_configure(struct lapic *l, const struct lapic_config *config);

/* Hardware begins or ceases to change IRR and ISR in the page. */
void lapic_accelerate(struct lapic *l, bool on);

/* Recounts the caches after something else has written IRR or ISR. */
void lapic_refresh(struct lapic *l);

/* State after INIT: registers reset, base and ID kept (SDM "Local APIC State
 * After It Receives an INIT-Deassert IPI").
 */
void lapic_reset(struct lapic *l, struct lapic_out *out);

/**
 * lapic_write() - guest store to a register in xAPIC mode (MMIO, 32 bits)
 * @l: the APIC, in xAPIC mode
 * @reg: byte offset in the page, 16-byte aligned, below 0x400
 * @val: value
 * @now: engine ns
 * @out: effects
 */
void lapic_write(struct lapic *l, u32 reg, u64 val, u64 now,
		 struct lapic_out *out);
/* Guest load in xAPIC mode. A reserved address may raise the error interrupt,
 * which the next lapic_next() finds.
 */
u64 lapic_read(struct lapic *l, u32 reg, u64 now);

/**
 * lapic_wrmsr() - guest WRMSR of an x2APIC register, TSC_DEADLINE excluded
 * @l: the APIC
 * @msr: 0x800..0x8ff
 * @val: value
 * @now: engine ns
 * @out: effects; LAPIC_OUT_FAULT when refused (wrong mode, reserved bits,
 *       read-only register, or none at all)
 */
void lapic_wrmsr(struct lapic *l, u32 msr, u64 val, u64 now,
		 struct lapic_out *out);
/* Guest RDMSR; false means #GP. */
bool lapic_rdmsr(struct lapic *l, u32 msr, u64 now, u64 *val);

/* What @icr sends, if it is sent; bits 63:32 as ICR's upper half holds them in the
 * present mode.
 */
void lapic_icr_message(const struct lapic *l, u64 icr, struct irq_message *msg);

/**
 * lapic_write_done() - act on a value that hardware already stored
 * @l: the APIC
 * @reg: byte offset of the register
 * @now: engine ns
 * @out: effects
 *
 * For trap-like APIC-write exits (behaviour B): reads the page, never the
 * architectural read path; ICR as one 64-bit register in x2APIC mode.
 */
void lapic_write_done(struct lapic *l, u32 reg, u64 now, struct lapic_out *out);

/**
 * lapic_set_base() - write IA32_APIC_BASE
 * @l: the APIC
 * @val: new value
 * @user: from user space: any legal value; from the guest: only legal
 *        transitions (SDM "x2APIC State Transitions")
 * @phys_bits: guest's physical address width, for reserved bits
 * @out: effects
 *
 * Return: false when refused (#GP for a guest, EINVAL for user space).
 */
bool lapic_set_base(struct lapic *l, u64 val, bool user, unsigned int phys_bits,
		    struct lapic_out *out);

/* IA32_TSC_DEADLINE: a write in another timer mode is ignored, a read is 0. */
void lapic_set_tsc_deadline(struct lapic *l, u64 val, struct lapic_out *out);
u64 lapic_get_tsc_deadline(const struct lapic *l);

/* CR8: bits 7:4 of TPR. */
void lapic_set_cr8(struct lapic *l, u8 cr8, struct lapic_out *out);
u8 lapic_get_cr8(const struct lapic *l);

/**
 * lapic_absorb() - take over what other CPUs have posted
 * @l: the APIC
 * @mb: its mailbox
 * @out: LAPIC_OUT_EVENT when IRR changed, NMI, SMI, INIT, SIPI, EXTINT
 *
 * Clears ON first, then moves PIR to IRR. Vectors for a software-disabled
 * APIC are dropped. INIT and SIPI are only taken when @take_init is set: while
 * INIT is blocked INIT stays pending and SIPI is dropped (behaviour D).
 */
void lapic_absorb(struct lapic *l, struct mailbox *mb, bool take_init,
		  struct lapic_out *out);

/**
 * lapic_absorb_posted() - take vectors over, and nothing else
 * @l: the APIC. When it is accelerated only TMR and IRR change, by atomic operations
 * @mb: its mailbox
 *
 * For a sender whose target's hardware looks at IRR by itself (AVIC). Afterwards
 * the sender sees to it that hardware, or the owner, looks. And for an owner, of
 * any APIC, that has no use for NMI, INIT and the like: they stay in the mailbox.
 *
 * Context: any CPU, many at a time; the owner.
 */
void lapic_absorb_posted(struct lapic *l, struct mailbox *mb);

/**
 * lapic_post() - latch a vector in IRR itself, without the mailbox
 * @l: an APIC that is accelerated and stays so, as with AVIC: its IRR is written by
 *     atomic operations alone, by whomever. Not software-disabled.
 * @msg: FIXED or LOWEST; destination already resolved. A vector below 16 is refused.
 *
 * Sets TMR and then IRR, by a full barrier. Whoever is told to notify sees to it that
 * hardware, or the owner, looks at IRR.
 *
 * Context: any CPU, any context, lock free.
 * Return: MAILBOX_NOTIFY or MAILBOX_COALESCED; 0 when the vector is refused.
 */
unsigned int lapic_post(struct lapic *l, const struct irq_message *msg);

/* LINT0 passes the PIC's interrupts on: an unmasked ExtINT, or no APIC at all
 * (SDM 3A "Local APIC Status and Location").
 */
bool lapic_takes_extint(const struct lapic *l);
/* LINT0 is an unmasked NMI: what comes in there is no interrupt to acknowledge. */
bool lapic_lint0_nmi(const struct lapic *l);

/**
 * lapic_next() - highest deliverable vector
 * @l: the APIC
 *
 * Return: the highest IRR vector whose class is above PPR's, or -1. Updates
 * PPR in the register page.
 */
int lapic_next(struct lapic *l);

/* Highest vector in IRR, whatever PPR says, or -1: for windows (V_INTR_PRIO,
 * TPR threshold).
 */
int lapic_highest_irr(struct lapic *l);
/* Highest vector in ISR, or -1; from the page itself, as hardware left it. */
int lapic_highest_isr(const struct lapic *l);
/* May IRR hold anything? For who asks again and again; false is certain. */
bool lapic_irr_any(const struct lapic *l);

/* IRR to ISR; @vector is what lapic_next() has returned. */
void lapic_accept(struct lapic *l, u8 vector);

/* End of interrupt for the highest in-service vector. */
void lapic_eoi(struct lapic *l, struct lapic_out *out);

/**
 * lapic_eoi_silent() - does the next EOI change nothing but ISR and PPR?
 * @l: the APIC
 *
 * Return: true when one edge-triggered vector is in service and nothing waits in
 * IRR: that EOI can as well be made up for later. false while it is accelerated.
 */
bool lapic_eoi_silent(struct lapic *l);

/**
 * lapic_eoi_done() - hardware has ended @vector and exited to tell
 * @l: the APIC
 * @vector: from the exit; its ISR bit is clear already
 * @out: LAPIC_OUT_EOI whatever TMR says, as hardware that moves PIR to IRR
 *       doesn't keep TMR; LAPIC_OUT_RESCAN
 */
void lapic_eoi_done(struct lapic *l, u8 vector, struct lapic_out *out);

/**
 * lapic_sync_tmr() - trigger modes of what hardware has moved from PIR to IRR
 * @l: the APIC
 * @mb: its mailbox
 *
 * For posted-interrupt hardware, which leaves TMR alone: before
 * exitmap_add_stale() and lapic_save().
 */
void lapic_sync_tmr(struct lapic *l, const struct mailbox *mb);

/**
 * lapic_timer() - the armed deadline has passed
 * @l: the APIC
 * @now: engine ns
 * @out: the LVT's interrupt, and LAPIC_OUT_ARM again in periodic mode. Missed
 *       periods are merged into one interrupt.
 */
void lapic_timer(struct lapic *l, u64 now, struct lapic_out *out);

/* Deliver a local source through its LVT entry (LINT0, LINT1, ERROR...). */
void lapic_local(struct lapic *l, u32 lvt_reg, struct lapic_out *out);

/**
 * lapic_save() / lapic_restore() - KVM's struct kvm_lapic_state
 * @l: the APIC
 * @regs: 1024 bytes
 * @x2apic_ids: 32-bit ID in x2APIC mode (KVM_CAP_X2APIC_API), else bits 31:24
 * @now: engine ns
 * @out: restore: timer and destination effects
 *
 * Return (restore): false if @regs holds a value the APIC can't have.
 */
void lapic_save(struct lapic *l, void *regs, bool x2apic_ids, u64 now);
bool lapic_restore(struct lapic *l, const void *regs, bool x2apic_ids, u64 now,
		   struct lapic_out *out);

#endif
