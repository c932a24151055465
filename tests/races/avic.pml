/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * IsRunning against IRR (module/svm/avic.h): a CPU that executes a guest's ICR write, and a sender in software, twice; the vCPU
 * exits for its own reasons, halts or never does, and has AVIC switched off and on again. When nothing can happen any
 * more, every vector has been delivered.
 *
 * functions: takes_in_irr lapic_post avic_notify avic_load avic_put avic_update lapic_absorb_posted inner_prepare event_wakes
 *
 * mutant PUT_BUFFERED: no barrier between clearing IsRunning and the look at IRR
 * mutant LOOK_FIRST: IRR is looked at, then IsRunning is cleared
 * mutant RUNNING_KEPT: IsRunning stays set while the vCPU sleeps
 * mutant IPI_FORGOTTEN: nobody is told of AVIC_INCOMPLETE_IPI, "not running"
 * mutant ONLY_KICKED: a kick without REQ_EVENT, of which one that sleeps knows nothing
 * mutant IRR_KICKED: who has written IRR and finds AVIC off since kicks, as for the mailbox
 * mutant RUNNING_READ_FIRST: the sender looks at IsRunning, then writes IRR
 * mutant VMRUN_BLIND: VMRUN doesn't look at IRR
 * mutant DOORBELL_LOST: the CPU doesn't look at IRR when it is rung for
 * mutant HINT_BELIEVED: without AVIC the thread looks at its own hint of IRR, not at the page
 * mutant IRR_PLAIN: the thread writes IRR by a load and a store
 * mutant PIR_FIRST: who moves PIR reads it before it clears ON
 */
mtype = { OUTSIDE, IN_GUEST, EXITING };

mtype mode = OUTSIDE;
bit accelerated = 1, running, request, on, ipi;
bit pir, irr[2], hint, inject[2];	/* software sends vector 1 */
bit delivered[2];
bit in_guest, look;		/* the target's CPU: between VMRUN and #VMEXIT; it is to look at IRR */
bit put_buffered;

inline ring()
{
	if
	:: in_guest ->
#ifndef DOORBELL_LOST
		look = 1
#else
		skip
#endif
	:: else				/* nobody hears it */
	fi
}

inline kick()
{
	if
	:: mode == IN_GUEST -> mode = EXITING; ipi = 1
	:: else
	fi
}

inline look_again()
{
#ifndef ONLY_KICKED
	request = 1;
#endif
	atomic { kick() }
}

/* A CPU in a guest: IPI to vector 0. */
proctype cpu()
{
	bit was;

#ifdef RUNNING_READ_FIRST
	was = running;
	irr[0] = 1;
#else
	irr[0] = 1;
	was = running;
#endif
	if
	:: was -> atomic { ring() }
	:: else ->			/* AVIC_INCOMPLETE_IPI */
#ifndef IPI_FORGOTTEN
		look_again()
#else
		skip
#endif
	fi
}

/* lapic_absorb_posted() by a sender */
inline move()
{
	if
	:: on ->
#ifdef PIR_FIRST
		d_step { bits = pir; pir = 0 }
		on = 0;
#else
		on = 0;
		d_step { bits = pir; pir = 0 }
#endif
		irr[1] = irr[1] | bits
	:: else
	fi
}

/* post(), notify() */
proctype sender()
{
	bit was, bits, reads, again = 1;

post:
	if
	:: accelerated -> goto in_irr	/* takes_in_irr() */
	:: else
	fi;
	atomic { was = pir; pir = 1 }	/* post_vector */
	if
	:: was -> goto done
	:: else
	fi;
	atomic { was = on; on = 1 }
	if
	:: was -> goto done
	:: else
	fi;
	if
	:: accelerated ->		/* avic_notify() */
#ifdef RUNNING_READ_FIRST
		was = running;
#endif
		move();
#ifndef RUNNING_READ_FIRST
		was = running;
#endif
		if
		:: was -> atomic { ring() }
		:: else -> look_again()
		fi
	:: else -> atomic { kick() }
	fi;
	goto done;
in_irr:					/* lapic_post(), avic_notify() */
#ifdef RUNNING_READ_FIRST
	reads = running;
#endif
	atomic { was = irr[1]; irr[1] = 1 }
	if
	:: was -> goto done
	:: else
	fi;
#ifdef IRR_KICKED
	if
	:: !accelerated -> atomic { kick() }; goto done
	:: else
	fi;
#endif
	move();
#ifndef RUNNING_READ_FIRST
	reads = running;
#endif
	if
	:: reads -> atomic { ring() }
	:: else -> look_again()
	fi;
done:
	if
	:: again -> again = 0; goto post
	:: else
	fi
}

/* A store buffer: what was written becomes visible some time later. */
active proctype drain()
{
end:
	do
	:: atomic { put_buffered -> running = 0; put_buffered = 0 }
	od
}

inline absorb()
{
	if
	:: on ->
#ifdef PIR_FIRST
		d_step { bits = pir; pir = 0 }
		on = 0;
#else
		on = 0;
		d_step { bits = pir; pir = 0 }
#endif
#ifdef IRR_PLAIN
		d_step { old[0] = irr[0]; old[1] = irr[1] }
		d_step { irr[0] = old[0]; irr[1] = old[1] | bits }
#else
		irr[1] = irr[1] | bits;
#endif
		hint = hint | bits;
	:: else
	fi
}

inline take(v)
{
	d_step { irr[v] = 0; hint = hint && !v; inject[v] = 0; delivered[v] = 1 }
}

active proctype vcpu()
{
	byte own = 1, switches = 2;
	bit bits, old[2], seen, halts;

step:					/* the outer loop */
	request = 0;			/* handle_requests */
	if				/* avic_update() */
	:: switches -> switches--; accelerated = !accelerated
	:: skip
	fi;
	if				/* avic_load() */
	:: accelerated -> !put_buffered; running = 1
	:: else
	fi;
prepare:				/* interrupts are off */
	mode = IN_GUEST;
	if
	:: request -> goto put
	:: else
	fi;
	absorb();
	if
	:: !accelerated ->
#ifdef HINT_BELIEVED
		inject[1] = hint
#else
		d_step { inject[0] = irr[0]; inject[1] = irr[1] }
#endif
	:: else
	fi;
	in_guest = 1;
#ifdef VMRUN_BLIND
	look = 0;
#else
	look = accelerated;
#endif
	if
	:: halts = 1
	:: halts = 0
	fi;
end_guest:
	do
	:: inject[0] -> take(0)
	:: inject[1] -> take(1)
	:: atomic { look && irr[0] -> take(0) }
	:: atomic { look && irr[1] -> take(1) }
	:: atomic { look && !irr[0] && !irr[1] -> look = 0 }
	:: ipi -> in_guest = 0; ipi = 0; goto put
	:: own -> own--; in_guest = 0; goto prepare
	:: halts && !inject[0] && !inject[1] && !look -> in_guest = 0; goto put	/* HLT */
	od;
put:
	mode = OUTSIDE;
#ifdef LOOK_FIRST
	seen = irr[0] || irr[1];
#endif
#ifndef RUNNING_KEPT
	if				/* avic_put() */
	:: running ->
#ifdef PUT_BUFFERED
		put_buffered = 1
#else
		running = 0
#endif
	:: else
	fi;
#endif
	absorb();			/* event_wakes() */
#ifndef LOOK_FIRST
	seen = irr[0] || irr[1];
#endif
	if
	:: seen -> goto step
	:: else
	fi;
end_asleep:
	(on || request);
	goto step
}

init {
	atomic { run cpu(); run sender() }
	timeout;
	assert(delivered[0] && delivered[1]);
	assert(!pir && !irr[0] && !irr[1])
}
