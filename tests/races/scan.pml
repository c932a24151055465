/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Routes change while the vCPU runs a guest of its guest (behaviour A). The scan is done at once, as an APIC that
 * L2 has to itself needs it; the bitmap of L1 is loaded when L1 runs again, never into L2's control block.
 *
 * functions: vm_request_all handle_requests scan_ioapic
 *
 * mutant SKIP_IN_L2: no scan while L2 runs
 * mutant LOAD_IN_L2: the bitmap is loaded at once
 * mutant LOAD_LOST: the load isn't asked for when L2 runs
 * mutant CLEAR_LATE: the request is cleared after it was handled
 */
byte routes;			/* their version */
byte handled, bitmap;		/* made from that version */
bit scan, load, l2;
bit done;

active proctype writer()
{
	routes = 1;
	scan = 1;				/* vm_request_all */
	routes = 2;
	scan = 1;
	done = 1
}

inline handle()					/* handle_requests */
{
	if
	:: scan ->
#ifndef CLEAR_LATE
		scan = 0;
#endif
#ifdef SKIP_IN_L2
		if
		:: l2 -> skip
		:: else ->
			handled = routes;
			load = 1
		fi;
#else
		handled = routes;		/* scan_ioapic */
#ifdef LOAD_LOST
		load = !l2;
#else
		load = 1;
#endif
#endif
#ifdef CLEAR_LATE
		scan = 0
#endif
	:: else
	fi;
	if
#ifdef LOAD_IN_L2
	:: load ->
#else
	:: load && !l2 ->
#endif
		load = 0;
		assert(!l2);			/* the current control block is L1's */
		bitmap = handled
	:: else
	fi
}

active proctype vcpu()
{
	byte switches = 5;

	do
	:: atomic { switches > 0 -> switches--; l2 = !l2 }
	:: scan || (load && !l2) -> handle()
	:: atomic { !scan && !l2 && !load -> assert(bitmap == handled) }	/* L1 runs */
	:: atomic { done && !scan && l2 && switches == 0 -> assert(handled == routes); l2 = 0 }
	:: done && !scan && !load && !l2 && switches == 0 -> break
	od;
	assert(handled == routes);
	assert(bitmap == routes)
}
