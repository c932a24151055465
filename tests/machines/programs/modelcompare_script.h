/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Random scripts for modelcompare. What depends on time, or on who is asked
 * first, is left out.
 */
#ifndef MODELCOMPARE_SCRIPT_H
#define MODELCOMPARE_SCRIPT_H

#include "modelcompare.h"

struct script {
	bool x2, off, inhibits; /* @off: it may disable the APIC; @inhibits: and AVIC (a changed ID) */
	bool vmx, cr8, subclass; /* there are such accesses; there are TPRs with bits 3:0 */
	u32 cpus, nsteps, fixed; /* @fixed: steps that all have */
	struct step step[MAX_OPS];
	u64 seed; /* of what is to come */
};

static u64 sc_next(struct script *sc)
{
	sc->seed ^= sc->seed >> 12;
	sc->seed ^= sc->seed << 25;
	sc->seed ^= sc->seed >> 27;
	return sc->seed * 0x2545f4914f6cdd1dull;
}

static u32 sc_below(struct script *sc, u32 n)
{
	return (sc_next(sc) >> 33) % n;
}

static void sc_step(struct script *sc, u32 cpu, u32 op, u64 addr, u64 val, u32 size)
{
	if (sc->nsteps < MAX_OPS)
		sc->step[sc->nsteps++] = (struct step){ .op = op, .cpu = cpu, .addr = addr, .val = val, .size = size };
}

/* Registers by their offset. */
static void sc_write(struct script *sc, u32 cpu, u32 reg, u64 val)
{
	if (sc->x2)
		sc_step(sc, cpu, VINTC_MODEL_WRMSR, 0x800 + (reg >> 4), val, 0);
	else
		sc_step(sc, cpu, VINTC_MODEL_WRITE, APIC_AT + reg, val, 4);
}

static void sc_read(struct script *sc, u32 cpu, u32 reg)
{
	if (sc->x2)
		sc_step(sc, cpu, VINTC_MODEL_RDMSR, 0x800 + (reg >> 4), 0, 0);
	else
		sc_step(sc, cpu, VINTC_MODEL_READ, APIC_AT + reg, 0, 4);
}

/*
 * Few, so that they meet; from 0x20, where there are no exceptions. Not those of
 * pins, see sc_pin_vector(): they all are above 0x20 and have 6 as their last digit.
 */
static u32 sc_vector(struct script *sc)
{
	static const u8 some[] = { 0x31, 0x32, 0x3f, 0x41, 0x5e, 0x5f, 0x60, 0x80, 0xa7, 0xf0, 0xff };
	u32 v = sc_below(sc, 3) ? some[sc_below(sc, sizeof(some))] : 0x20 + sc_below(sc, 0xe0);

	return (v & 15) == 6 ? v + 1 : v;
}

/*
 * A pin's trigger mode comes by the mailbox, a local interrupt's doesn't: who has it
 * last, if they are one vector, is a question of who looks when.
 */
static u32 sc_pin_vector(struct script *sc)
{
	return (2 + sc_below(sc, 14)) << 4 | 6;
}

/* Illegal ones too. */
static u32 sc_any_vector(struct script *sc)
{
	return sc_below(sc, 12) ? sc_vector(sc) : sc_below(sc, 16);
}

/* To itself by every way, to others, to nobody; no INIT, SIPI, SMI. */
static void sc_icr(struct script *sc, u32 cpu)
{
	static const u16 modes[] = { 0, 0, 0, 0, 0, 0, 0, 0, 0x100, 0x300, 0x400, 0x700 };
	static const u32 xdest[] = { 0, 1, 2, 3, 7, 0x10, 0x11, 0xff }, x2dest[] = { 0, 1, 2, 3, 5, 0xff, 0x10001, ~0u };
	u32 low = sc_any_vector(sc) | modes[sc_below(sc, ARRAY_SIZE(modes))] | (sc_below(sc, 3) ? 0 : 1 << 11) |
		  (sc_below(sc, 4) ? 1 << 14 : 0) | (sc_below(sc, 8) ? 0 : 1 << 15);
	u32 dest = sc->x2 ? x2dest[sc_below(sc, 8)] : xdest[sc_below(sc, 8)] << 24;

	low |= (sc_below(sc, 2) ? 1 : sc_below(sc, 4)) << 18;
	if (!sc_below(sc, 16)) /* reserved */
		low |= 1u << (sc_below(sc, 2) ? 13 : 12 + sc_below(sc, 20));
	if (sc->x2) {
		sc_write(sc, cpu, APIC_ICR, (u64)dest << 32 | low);
		return;
	}
	if (sc_below(sc, 3))
		sc_write(sc, cpu, APIC_ICR2, dest);
	sc_write(sc, cpu, APIC_ICR, low);
}

static void sc_self_ipi(struct script *sc, u32 cpu)
{
	if (!sc->x2 || sc_below(sc, 3))
		sc_write(sc, cpu, APIC_ICR, 0x40000 | sc_vector(sc));
	else
		sc_write(sc, cpu, 0x3f0, sc_any_vector(sc) | (sc_below(sc, 16) ? 0 : 0x100));
}

static void sc_sti(struct script *sc, u32 cpu, u32 op)
{
	sc_step(sc, cpu, VINTC_MODEL_STI, 0, 0, 0);
	sc_step(sc, cpu, op, 0, 0, 0);
}

/* Something wakes it, unless it is too low; then this is the end. */
static void sc_halt(struct script *sc, u32 cpu)
{
	if (sc_below(sc, 2))
		sc_step(sc, cpu, VINTC_MODEL_CLI, 0, 0, 0);
	if (sc_below(sc, 2))
		sc_self_ipi(sc, cpu);
	sc_sti(sc, cpu, VINTC_MODEL_HLT);
	for (u32 n = sc_below(sc, 4); n; n--)
		sc_step(sc, cpu, VINTC_MODEL_MSI, APIC_AT | cpu << 12, 0xf0 | sc_below(sc, 16), 0);
}

#define PINS 3
#define FIRST_PIN 17

static void sc_ioapic(struct script *sc, u32 cpu, u32 reg, u32 val, bool write)
{
	sc_step(sc, cpu, VINTC_MODEL_WRITE, IOAPIC_AT, reg, 4);
	sc_step(sc, cpu, write ? VINTC_MODEL_WRITE : VINTC_MODEL_READ, IOAPIC_AT + 0x10, val, 4);
}

static void sc_pin(struct script *sc, u32 cpu)
{
	u32 pin = FIRST_PIN + sc_below(sc, PINS), reg = 0x10 + 2 * pin;

	switch (sc_below(sc, 8)) {
	case 0:
		sc_ioapic(sc, cpu, reg, sc_pin_vector(sc) | (sc_below(sc, 4) ? 1 << 15 : 0) | (sc_below(sc, 4) ? 0 : 1 << 16) |
			  (sc_below(sc, 4) ? 0 : 1 << 8), true);
		break;
	case 1:
		sc_ioapic(sc, cpu, reg, 0, false);
		break;
	default:
		sc_step(sc, cpu, VINTC_MODEL_LINE, pin, sc_below(sc, 2), 0);
	}
}

/* What has effects at other times than now is masked or far. */
static void sc_setup(struct script *sc, u32 cpu)
{
	u32 reg, val;

	switch (sc_below(sc, 8)) {
	case 0:
		reg = APIC_SVR;
		val = sc_below(sc, 4) ? 0x1ff : sc_below(sc, 0x200) | (sc_below(sc, 4) ? 0 : 0x1000);
		sc->off |= !(val & 0x100);
		break;
	case 1:
		reg = APIC_LDR;
		val = sc_below(sc, 256) << 24;
		break;
	case 2:
		reg = APIC_DFR;
		val = sc_below(sc, 2) ? 0xffffffff : 0x0fffffff;
		break;
	case 3:
		reg = APIC_ESR;
		val = sc_below(sc, 4) ? 0 : 1;
		break;
	case 4:
		reg = 0x370; /* errors */
		val = sc_any_vector(sc) | (sc_below(sc, 3) ? 0 : 1 << 16);
		break;
	case 5:
		reg = APIC_TMICT;
		val = sc_below(sc, 3) ? 0xf0000000 : 0;
		break;
	case 6:
		reg = APIC_TDCR;
		val = sc_below(sc, 16) & 11;
		break;
	default: /* no model has more */
		reg = 0x320 + 0x10 * sc_below(sc, 5);
		val = sc_any_vector(sc) | sc_below(sc, 2) << 16 | (reg == 0x320 ? 0 : sc_below(sc, 2) << 15 | sc_below(sc, 2) << 13);
	}
	sc_write(sc, cpu, reg, val);
}

/* Any register at all, by any width, read; written where nothing comes of it by itself. */
static void sc_odd(struct script *sc, u32 cpu)
{
	static const u16 writable[] = { 0x20, 0x30, 0x40, 0x90, 0xa0, 0xb0, 0xc0, 0x100, 0x180, 0x200, 0x290, 0x2f0, 0x390, 0x3a0,
					0x3f0, 0x400 };
	u32 reg = sc_below(sc, 0x42) << 4, size = sc_below(sc, 2) ? 4 : 1 << sc_below(sc, 4);

	/* APR: the emulated CPU's AVIC exits for a read, the model's doesn't. */
	if (reg == 0x90 && !sc->vmx)
		reg = 0xa0;
	if (!sc_below(sc, 3)) {
		reg = writable[sc_below(sc, ARRAY_SIZE(writable))];
		sc->inhibits |= !sc->x2 && reg == APIC_ID;
		sc_write(sc, cpu, reg, sc_below(sc, 2) ? 0 : sc_below(sc, 4) ? sc_vector(sc) : sc_next(sc) & (sc->x2 ? ~0ull : 0xffffffff));
	} else if (sc->x2) {
		sc_read(sc, cpu, reg);
	} else {
		sc_step(sc, cpu, VINTC_MODEL_READ, APIC_AT + reg + (sc_below(sc, 4) ? 0 : sc_below(sc, 16) & -size), 0, size);
	}
}

static void sc_tpr(struct script *sc, u32 cpu)
{
	u32 val = sc_below(sc, 4) ? sc_below(sc, 8) << 4 : sc_below(sc, 256);

	if (!sc->subclass)
		val &= 0xf0;
	switch (sc->cr8 ? sc_below(sc, 4) : 2) {
	case 0:
		sc_step(sc, cpu, VINTC_MODEL_RDCR8, 0, 0, 0);
		break;
	case 1:
		sc_step(sc, cpu, VINTC_MODEL_WRCR8, 0, sc_below(sc, 16) ? val >> 4 : val, 0);
		break;
	default:
		sc_write(sc, cpu, APIC_TPR, sc_below(sc, 16) ? val : val | 1 << 8);
	}
}

static void sc_any(struct script *sc, u32 cpu)
{
	static const u16 plain[] = { 0x80, 0xa0, 0xd0, 0xf0, 0x110, 0x120, 0x130, 0x140, 0x150, 0x160, 0x170, 0x180, 0x190,
				     0x1a0, 0x210, 0x220, 0x250, 0x270, 0x280, 0x300 };

	switch (sc_below(sc, 32)) {
	case 0 ... 3:
		sc_self_ipi(sc, cpu);
		break;
	case 4 ... 8:
		sc_write(sc, cpu, APIC_EOI, sc_below(sc, 32) ? 0 : 1);
		break;
	case 9 ... 10:
		sc_tpr(sc, cpu);
		break;
	case 11 ... 14:
		sc_step(sc, cpu, VINTC_MODEL_IRET, 0, 0, 0);
		break;
	case 15:
		sc_step(sc, cpu, VINTC_MODEL_CLI, 0, 0, 0);
		break;
	case 16 ... 19:
		sc_sti(sc, cpu, sc_below(sc, 4) ? VINTC_MODEL_NOP : VINTC_MODEL_CLI);
		break;
	case 20:
	case 21:
		sc_step(sc, cpu, VINTC_MODEL_MSI, APIC_AT | cpu << 12, sc_below(sc, 6) ? sc_any_vector(sc) : sc_pin_vector(sc), 0);
		break;
	case 22 ... 23:
		sc_icr(sc, cpu);
		break;
	case 24 ... 25:
		sc_pin(sc, cpu);
		break;
	case 26:
		sc_setup(sc, cpu);
		break;
	case 27:
		sc_odd(sc, cpu);
		break;
	case 28:
		if (!sc_below(sc, 4))
			sc_halt(sc, cpu);
		break;
	default:
		sc_read(sc, cpu, plain[sc_below(sc, ARRAY_SIZE(plain))]);
		break;
	}
}

/* Behind an STI stands an instruction of the same vCPU. */
static bool script_valid(const struct script *sc)
{
	for (u32 i = 0; i < sc->nsteps; i++)
		if (sc->step[i].op == VINTC_MODEL_STI &&
		    (i + 1 == sc->nsteps || !is_guest_op(sc->step[i + 1].op) || sc->step[i + 1].cpu != sc->step[i].cpu))
			return false;
	return true;
}

/*
 * Subclasses in TPR and accesses to CR8 in one script only with @vmx: SVM's V_TPR
 * without AVIC doesn't tell that CR8 has been written with the class that was there,
 * which clears bits 3:0.
 */
static void script_random(struct script *sc, u64 seed, bool x2, bool vmx)
{
	memset(sc, 0, sizeof(*sc));
	sc->seed = seed * 0x9e3779b97f4a7c15ull + 1;
	sc->x2 = x2;
	sc->cpus = 1;
	sc->vmx = vmx;
	sc->cr8 = vmx || sc_below(sc, 2);
	sc->subclass = vmx || !sc->cr8;
	if (x2)
		sc_step(sc, 0, VINTC_MODEL_WRMSR, 0x1b, 0xfee00d00, 0);
	sc_write(sc, 0, APIC_SVR, 0x1ff);
	sc->fixed = sc->nsteps;
	for (u32 pin = FIRST_PIN; pin < FIRST_PIN + PINS; pin++) {
		sc_ioapic(sc, 0, 0x10 + 2 * pin, sc_pin_vector(sc) | (sc_below(sc, 3) ? 1 << 15 : 0), true);
		sc_ioapic(sc, 0, 0x11 + 2 * pin, 0, true);
	}
	while (sc->nsteps < 150)
		sc_any(sc, 0);
}

#endif
