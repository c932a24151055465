/* SPDX-License-Identifier: GPL-2.0-only */
/* What may differ between KVM and vintc; each with its reason in docs/peer-state.md. */

static u32 of(const struct state *st, size_t at)
{
	return word(st, at & ~3ul, 4);
}

/* Is it one of these registers of an APIC? */
static bool lapic_at(size_t at, u32 first, u32 last)
{
	u32 reg = (at - offsetof(struct state, lapic)) % 1024;

	return at >= offsetof(struct state, lapic) && at < offsetof(struct state, pic) && reg >= first && reg <= last;
}

static u8 byte(const struct state *st, size_t at)
{
	return ((const u8 *)st)[at];
}

static u32 lapic_of(const struct state *st, u32 reg)
{
	return of(st, offsetof(struct state, lapic) + reg);
}

#define RULE(name)                                                             \
	static bool name(const struct state *kvm, const struct state *other, size_t at, const char *field)

RULE(lvt_status)
{
	return lapic_at(at, 0x320, 0x370) && !((of(kvm, at) ^ of(other, at)) & ~0x5000u) && !(of(other, at) & 0x5000);
}

RULE(no_smm)
{
	return at >= offsetof(struct state, events) && (at - offsetof(struct state, events)) % 64 == 20 &&
	       of(kvm, at) == (of(other, at) | KVM_VCPUEVENT_VALID_SMM);
}

RULE(svr_focus)
{
	if (at == offsetof(struct state, value))
		return kvm->step.what == APIC_READ && kvm->step.addr == 0xf0 && kvm->value == (other->value | 1 << 9);
	return lapic_at(at, 0xf0, 0xf0) && of(kvm, at) == (of(other, at) | 1 << 9);
}

RULE(x2apic_dfr)
{
	return lapic_at(at, 0xe0, 0xe0) && of(kvm, at) == 0xffffffff && !of(other, at);
}

RULE(esr)
{
	return lapic_at(at, 0x280, 0x280) && !of(kvm, at);
}

RULE(unreadable)
{
	return at == offsetof(struct state, value) && kvm->step.what == APIC_READ && !other->value &&
	       lapic_of(other, kvm->step.addr) == 0;
}

RULE(esr_read)
{
	return at == offsetof(struct state, value) && kvm->step.what == APIC_READ && kvm->step.addr == 0x280 &&
	       !kvm->value;
}

RULE(lvt_status_read)
{
	return at == offsetof(struct state, value) && kvm->step.what == APIC_READ && kvm->step.addr >= 0x320 &&
	       kvm->step.addr <= 0x370 && !((kvm->value ^ other->value) & ~0x5000ull);
}

RULE(tpr_subclass)
{
	if (at == offsetof(struct state, value))
		return kvm->step.what == APIC_READ && (kvm->step.addr == 0x80 || kvm->step.addr == 0xa0) &&
		       kvm->value == (other->value & 0xf0);
	return (lapic_at(at, 0x80, 0x80) || lapic_at(at, 0xa0, 0xa0)) && of(kvm, at) == (of(other, at) & 0xf0);
}

RULE(illegal_vector)
{
	if (at == offsetof(struct state, value))
		return kvm->step.what == APIC_READ && kvm->step.addr == 0x200 &&
		       !((kvm->value ^ other->value) & ~0xffffull);
	if (!strncmp(field, "ioapic.rte", 10) && strstr(field, "low") && (of(other, at) & 0xff) < 16)
		return of(kvm, at) == (of(other, at) | 1 << 14);
	return (lapic_at(at, 0x200, 0x200) || lapic_at(at, 0x180, 0x180)) && !((of(kvm, at) ^ of(other, at)) & ~0xffffu);
}

RULE(rte_reserved)
{
	u32 bits = strstr(field, "high") ? 0x00ffffff : 0xfffe0000;

	if (at == offsetof(struct state, value))
		return kvm->step.what == MMIO_READ && (!((kvm->value ^ other->value) & ~0xfffe0000ull) ||
						       !((kvm->value ^ other->value) & ~0x00ffffffull));
	return !strncmp(field, "ioapic.rte", 10) && !((of(kvm, at) ^ of(other, at)) & ~bits) && !(of(other, at) & bits);
}

static bool level_pin(const struct state *st, u32 pin)
{
	u32 rte = of(st, offsetof(struct state, ioapic) + 24 + pin * 8);

	return (rte & 1 << 15) && (rte & 0x700) <= 0x100;
}

/* Are those requests that only one has of edge pins with KVM, of level pins with the other? */
static bool irr_explained(const struct state *kvm, const struct state *other, size_t at, const char *field)
{
	u32 differ = of(kvm, at) ^ of(other, at);

	if (strcmp(field, "ioapic+16"))
		return false;
	for (u32 i = 0; i < 24; i++)
		if ((differ >> i & 1) && level_pin(kvm, i) != (of(other, at) >> i & 1))
			return false;
	return true;
}

RULE(edge_irr)
{
	return irr_explained(kvm, other, at, field) && (of(kvm, at) & ~of(other, at));
}

RULE(level_irr)
{
	return irr_explained(kvm, other, at, field);
}

RULE(pit_uncounted)
{
	size_t off = at - offsetof(struct state, pit), mode = at - off % 24 + 13;

	return !strncmp(field, "pit.", 4) && (byte(other, mode) & 0x80) &&
	       (strstr(field, "count") || (at == mode && (byte(kvm, at) | 0x80) == byte(other, at)));
}

RULE(pit_latch)
{
	return (strstr(field, "latched") || strstr(field, "status")) && !strncmp(field, "pit.", 4);
}

/* Modes 1, 2, 3 and 5; and BCD */
RULE(pit_reload)
{
	size_t off = at - offsetof(struct state, pit);

	return !strncmp(field, "pit.", 4) && off % 24 == 0 && ((0x2eu >> (byte(other, at + 13) & 7) & 1) || byte(other, at + 14));
}

RULE(no_register)
{
	return at == offsetof(struct state, value) && kvm->step.what == MMIO_READ && kvm->value == 0xffffffff &&
	       !other->value;
}

RULE(pit_read)
{
	return at == offsetof(struct state, value) && kvm->step.what == PORT_IN && kvm->step.addr >= 0x40 &&
	       kvm->step.addr <= 0x61;
}

RULE(pic_requests)
{
	if (at == offsetof(struct state, value))
		return kvm->step.what == PORT_IN && (kvm->step.addr & ~0x80ull) == 0x20;
	return !strncmp(field, "pic", 3) &&
	       (strstr(field, ".irr") || strstr(field, ".isr") || strstr(field, ".last_irr"));
}

static struct rule rules[] = {
	{ "lvt-status", lvt_status }, { "lvt-status", lvt_status_read }, { "no-smm", no_smm },
	{ "x2apic-dfr", x2apic_dfr }, { "esr", esr }, { "esr", esr_read }, { "unreadable", unreadable },
	{ "tpr-subclass", tpr_subclass }, { "illegal-vector", illegal_vector }, { "rte-reserved", rte_reserved },
	{ "edge-irr", edge_irr }, { "level-irr", level_irr }, { "svr-focus", svr_focus }, { "pit-uncounted", pit_uncounted },
	{ "pit-reload", pit_reload }, { "no-register", no_register }, { "pit-latch", pit_latch }, { "pit-latch", pit_read }, { "pic-requests", pic_requests },
};
