/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A level interrupt is in service at a vCPU when its redirection entry is sent elsewhere (behaviour C). The vCPU's
 * EOI must still be seen, or remote IRR stays set for ever; after that the vector must not exit any more.
 *
 * functions: ioapic_write scan_ioapic exitmap_add_stale lapic_eoi_done ioapic_eoi
 *
 * mutant NO_STALE: the scan forgets the vector that is in service
 * mutant STALE_KEPT: its EOI doesn't ask for another scan
 * mutant NO_SCAN: the write of the entry asks for no scan
 * mutant EOI_BY_ROUTE: the EOI reaches only entries that are still sent to this vCPU
 */
bit routed = 1;			/* the entry addresses this vCPU */
bit remote_irr = 1, in_service = 1;
bit in_map = 1;			/* the EOI exits */
bit stale, request;
bit ended, rewritten;

inline scan()
{
	request = 0;
	d_step {
		in_map = routed;
#ifndef NO_STALE
		stale = !routed && in_service;	/* exitmap_add_stale */
		in_map = in_map || stale
#endif
	}
}

active proctype writer()
{
	routed = 0;				/* ioapic_write */
#ifndef NO_SCAN
	request = 1;
#endif
	rewritten = 1
}

active proctype vcpu()
{
	do
	:: request -> scan()			/* scan_ioapic */
	:: in_service && !request ->
		in_service = 0;			/* the guest's EOI */
		if
		:: in_map ->			/* lapic_eoi_done, ioapic_eoi */
#ifdef EOI_BY_ROUTE
			if
			:: routed -> remote_irr = 0
			:: else
			fi;
#else
			remote_irr = 0;
#endif
#ifndef STALE_KEPT
			if
			:: stale -> stale = 0; request = 1
			:: else
			fi
#endif
		:: else
		fi;
		ended = 1
	:: ended && rewritten && !request -> break
	od
}

init {
	timeout;
	assert(ended && !remote_irr);
	assert(!in_map)
}
