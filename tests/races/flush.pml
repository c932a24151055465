/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The host takes a page away from a guest that runs, faults and enters ("Memory" in docs/architecture.md; the
 * head of module/memory.h). When the host goes on, the old page is somebody else's: no TLB, and no entry that a
 * later walk finds, may have it.
 *
 * functions: invalidate_start invalidate_end fault_once fault_commit vm_flush_tlb inner_prepare
 *
 * mutant NO_SEQ: a fault doesn't look whether an invalidation has ended since it began
 * mutant NO_COUNT: a fault doesn't look whether an invalidation is under way
 * mutant SEQ_AFTER: a fault reads the sequence after it got its page
 * mutant NO_WAIT: the flush doesn't wait until the vCPU has left the guest
 * mutant NO_REQUEST: the flush interrupts those in the guest and asks nothing of the others
 * mutant LOOK_FIRST: the vCPU looks for requests before it publishes IN_GUEST
 * mutant FLUSH_FIRST: the flush comes before the entry is taken away
 */
mtype = { NONE, OLD, NEW };

mtype page = OLD;		/* the host's own entry */
mtype entry = NONE, tlb = NONE;
bit freed;			/* OLD is somebody else's now */
bit lock, count, request, in_guest, irqs_off;
byte seq;

inline take() { atomic { !lock -> lock = 1 } }
inline drop() { lock = 0 }

inline flush_tlb()
{
#ifndef NO_REQUEST
	request = 1;
#endif
	if
	:: in_guest ->
#ifndef NO_WAIT
		!irqs_off || !in_guest		/* smp_call_function_many: its interrupt ends the guest */
#else
		skip
#endif
	:: else
	fi
}

active proctype host()
{
	take();					/* invalidate_start */
	count = 1;
#ifndef FLUSH_FIRST
	entry = NONE;
	drop();
	flush_tlb();
#else
	drop();
	flush_tlb();
	take();
	entry = NONE;
	drop();
#endif
	page = NEW;				/* the host's entry goes, then its page */
	freed = 1;
	take();					/* invalidate_end */
	seq++;
	count = 0;
	drop()
}

active proctype vcpu()
{
	byte rounds = 3, s;
	mtype got;

	do
	:: rounds > 0 ->
		rounds--;
		if
		:: true ->			/* fault_once */
#ifndef SEQ_AFTER
			s = seq;
#endif
			got = page;
#ifdef SEQ_AFTER
			s = seq;
#endif
			take();			/* fault_commit */
			if
#ifndef NO_SEQ
			:: seq != s -> skip
#endif
#ifndef NO_COUNT
			:: count -> skip
#endif
			:: else -> entry = got
			fi;
			drop()
		:: true ->
			irqs_off = 1;		/* prepare */
#ifdef LOOK_FIRST
			if
			:: request -> request = 0; tlb = NONE
			:: else
			fi;
			in_guest = 1;
#else
			in_guest = 1;
			if
			:: request -> request = 0; tlb = NONE
			:: else
			fi;
#endif
			/* the guest: walks, and uses what its TLB has, until an interrupt */
			do
			:: atomic { tlb == NONE -> tlb = entry }
			:: atomic { tlb != NONE -> assert(tlb != OLD || !freed) }
			:: break
			od;
			in_guest = 0;
			irqs_off = 0
		fi
	:: else -> break
	od
}
