/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * CPUID: what the host's leaves become for a guest, and one guest's leaves laid
 * out so that the CPUID instruction finds them without a search.
 */
#ifndef VINTC_X86_CPUID_H
#define VINTC_X86_CPUID_H

#include <linux/types.h>

struct vcpu;
struct kvm_cpuid_entry2;

#define GUEST_CPUID_ENTRIES 256 /* as KVM */

/* Ranges of leaves that are indexed directly: this many from each base. */
#define LEAF_RANGE 64
#define LEAF_BASIC 0x00000000u
#define LEAF_HYPERVISOR 0x40000000u
#define LEAF_EXTENDED 0x80000000u

enum leaf_slot {
	LEAF_SLOT_BASIC = 0,
	LEAF_SLOT_HYPERVISOR = LEAF_RANGE,
	LEAF_SLOT_EXTENDED = 2 * LEAF_RANGE,
	LEAF_SLOT_OTHER = 3 * LEAF_RANGE, /* all the rest, searched */
	LEAF_SLOTS
};

/* Registers of a leaf that follow the vCPU's state. */
enum leaf_live {
	LEAF_LIVE_NONE,
	LEAF_LIVE_1, /* OSXSAVE, APIC */
	LEAF_LIVE_7, /* OSPKE */
	LEAF_LIVE_D_0, /* size for XCR0 */
	LEAF_LIVE_D_1, /* the same, compacted */
	LEAF_LIVE_80000001,
	LEAF_LIVE_PV, /* KVM_CPUID_FEATURES */ /* APIC */
};

#define LEAF_END 0xffff

/**
 * struct guest_leaf - one entry that user space has set
 * @next: entry with the same slot, or LEAF_END
 * @indexed: ECX takes part in the choice
 * @live: enum leaf_live
 */
struct guest_leaf {
	u32 function;
	u32 index;
	u32 eax, ebx, ecx, edx;
	u32 flags; /* as user space gave them */
	u16 next;
	bool indexed;
	u8 live;
};

/* Feature words that cpuid_has() knows; numbered as the kernel's. */
#define GUEST_CPUID_WORDS 32

/**
 * struct guest_cpuid - a guest's CPUID
 * @first: by slot, the first entry or LEAF_END
 * @word: feature words, by X86_FEATURE_... / 32
 * @redirect: leaf whose values an undefined basic leaf gives (Intel), or NULL
 * @limit_*: highest leaf of each range
 */
struct guest_cpuid {
	u16 first[LEAF_SLOTS];
	u32 word[GUEST_CPUID_WORDS];
	const struct guest_leaf *redirect;
	u32 limit_basic, limit_hypervisor, limit_extended;
	u32 pv_features; /* KVM_CPUID_FEATURES EAX, or 0 */
	bool amd;
	u32 n;
	struct guest_leaf leaf[];
};

/* What cpuid_set() does with a copied array of at most GUEST_CPUID_ENTRIES. */
int cpuid_set_entries(struct vcpu *vcpu, const struct kvm_cpuid_entry2 *entries,
		      u32 n);
/* The vCPU's leaf, or NULL; @index matters where the leaf has indices. */
const struct guest_leaf *cpuid_find(const struct vcpu *vcpu, u32 function,
				    u32 index);
/* Leaf 1 EAX, which RDX holds after reset. */
u32 cpuid_signature(const struct vcpu *vcpu);
/*
 * Bits of CR4 that the vCPU may have: those of features in its CPUID, or, before
 * it has one, in the host's.
 */
u64 cpuid_cr4_allowed(const struct vcpu *vcpu);
/* The same for EFER; @host: user space may set what the guest's CPUID lacks. */
u64 cpuid_efer_bits(const struct vcpu *vcpu, bool host);
/* May XCR0 be this? SDM 1 "Enabling the XSAVE Feature Set and XSAVE-Enabled Features". */
bool cpuid_xcr0_valid(const struct vcpu *vcpu, u64 xcr0);
/* AMD or Hygon, by the guest's own vendor string. */
bool cpuid_is_amd(const struct vcpu *vcpu);

/* x87 and SSE are switched for every guest, whatever its CPUID says. */
#define CPUID_XCR0_LEGACY 3ULL

/**
 * cpuid_host_xcr0() - XCR0 bits that a guest may have
 *
 * What the host kernel has turned on, restricted to what fits in a vCPU's
 * XSAVE page and is switched: x87, SSE, AVX, AVX-512, PKRU. 0 without XSAVE.
 * Context: process, the first time.
 */
u64 cpuid_host_xcr0(void);
/* Bytes of a standard-format XSAVE area for @xcr0. */
u32 cpuid_xsave_size(u64 xcr0);
/* Where component @i (2 and up) lies in it; false when the host has none. */
bool cpuid_xsave_component(unsigned int i, u32 *offset, u32 *size);
/* And of the compacted format. */
u32 cpuid_xsavec_size(u64 xcr0);
/* MXCSR bits that don't fault. */
u32 cpuid_mxcsr_mask(void);

#endif
