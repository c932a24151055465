/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * INIT and SIPI reach a vCPU that may be in VMX root operation or have GIF clear (behaviour D). While INIT is
 * blocked it stays and SIPI is dropped. The vCPU is woken by the sequence INIT, SIPI(1), INIT, SIPI(2): it never
 * starts without an INIT before, an INIT is never lost, and a start is never at an address older than the last INIT.
 *
 * functions: post_event events_after lapic_absorb event_absorb
 *
 * mutant SNAPSHOT: the events are read before the blocking condition ends, and acted upon after it
 * mutant INIT_DROPPED: INIT is taken away while it is blocked
 * mutant SIPI_SURVIVES: an INIT leaves the SIPI of the one before in the word
 */
bit init_ev;
byte sipi_ev;			/* 0: none; its address */
bit blocked = 1;
bit waits;			/* for SIPI */
byte inits, run_at;
bit sent;

inline post_init()
{
	d_step {
		init_ev = 1;
#ifndef SIPI_SURVIVES
		sipi_ev = 0
#endif
	}
}

inline post_sipi(v)
{
	d_step {
		if
		:: sipi_ev == 0 -> sipi_ev = v
		:: else
		fi
	}
}

active proctype sender()
{
	post_init();
	post_sipi(1);
	post_init();
	post_sipi(2);
	sent = 1
}

active proctype vcpu()
{
	bit i;
	byte s;

	do
	:: init_ev || sipi_ev ->
#ifdef SNAPSHOT
		i = init_ev; s = sipi_ev;
		if
		:: blocked -> blocked = 0	/* the nested exit that comes first */
		:: skip
		fi;
		d_step { init_ev = 0; sipi_ev = 0 }
		if
		:: !blocked ->
#else
		if
		:: blocked ->
			d_step {		/* lapic_absorb, take_init false */
#ifdef INIT_DROPPED
				init_ev = 0;
#endif
				sipi_ev = 0
			}
			blocked = 0
		:: !blocked ->
			d_step { i = init_ev; s = sipi_ev; init_ev = 0; sipi_ev = 0 }
#endif
			if
			:: i -> waits = 1; inits++; run_at = 0
			:: else
			fi;
			if
			:: s && waits ->
				assert(inits > 0);
				waits = 0;
				run_at = s
			:: else
			fi
#ifdef SNAPSHOT
		:: else
#endif
		fi;
		i = 0;
		s = 0
	:: blocked -> blocked = 0
	:: sent && !init_ev && !sipi_ev && !blocked -> break
	od
}

init {
	timeout;
	assert(inits > 0);
	assert(waits || run_at > 0);
	/* the last INIT was acted upon, and only the SIPI after it can have ended the wait */
	assert(run_at != 1)
}
