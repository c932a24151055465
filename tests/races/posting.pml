/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Posting an interrupt against entering the guest ("The ordering rule" in docs/architecture.md). Three
 * senders, two of them with the same vector; the vCPU exits for its own reasons up to twice. No interrupt
 * may be lost: when nothing can happen any more, all have been delivered.
 *
 * functions: post_vector vcpu_kick inner_prepare lapic_absorb svm_inject svm_run
 *
 * mutant ON_FIRST: the sender sets ON, then PIR
 * mutant PIR_FIRST: the owner reads PIR, then clears ON
 * mutant MODE_LATE: IN_GUEST is published after ON was looked at
 * mutant MODE_BUFFERED: no barrier between IN_GUEST and the look at ON
 * mutant ON_BUFFERED: no barrier between ON and the look at the mode
 * mutant IRQS_ON: host interrupts are let in between IN_GUEST and VMRUN
 * mutant INJECT_FIRST: what is injected is decided before PIR is taken
 * mutant ON_KEPT: the owner doesn't clear ON
 */
mtype = { OUTSIDE, IN_GUEST, EXITING };

mtype mode = OUTSIDE;
bit on, ipi;
bit pir[2], irr[2], inject[2];
bit delivered[2];
bit mode_buffered, on_buffered;

proctype sender(bit v)
{
	bit was;

#ifdef ON_FIRST
	atomic { was = on; on = 1 }
	if
	:: was -> goto done
	:: else
	fi;
	atomic { was = pir[v]; pir[v] = 1 }
#else
	atomic { was = pir[v]; pir[v] = 1 }	/* post_vector */
	if
	:: was -> goto done
	:: else
	fi;
#ifdef ON_BUFFERED
	atomic { was = on; on_buffered = 1 }
#else
	atomic { was = on; on = 1 }
#endif
	if
	:: was -> goto done
	:: else
	fi;
#endif
	atomic {				/* vcpu_kick: cmpxchg */
		was = (mode == IN_GUEST);
		if
		:: was -> mode = EXITING
		:: else
		fi
	}
	if
	:: was -> ipi = 1
	:: else
	fi;
done:
	skip
}

/* Store buffers: what was written becomes visible some time later. */
active proctype drain()
{
end:
	do
	:: atomic { mode_buffered -> mode = IN_GUEST; mode_buffered = 0 }
	:: atomic { on_buffered -> on = 1; on_buffered = 0 }
	od
}

active proctype vcpu()
{
	byte own = 2;
	bit bits[2];

prepare:					/* interrupts are off */
#ifdef MODE_BUFFERED
	mode_buffered = 1;
#else
#ifndef MODE_LATE
	mode = IN_GUEST;
#endif
#endif
#ifdef INJECT_FIRST
	d_step { inject[0] = irr[0]; inject[1] = irr[1] }
#endif
	if					/* lapic_absorb */
	:: on ->
#ifndef PIR_FIRST
#ifndef ON_KEPT
		on = 0;
#endif
#endif
		atomic { bits[0] = pir[0]; pir[0] = 0 }
		atomic { bits[1] = pir[1]; pir[1] = 0 }
#ifdef PIR_FIRST
		on = 0;
#endif
		d_step { irr[0] = irr[0] | bits[0]; irr[1] = irr[1] | bits[1] }
	:: else
	fi;
#ifdef MODE_LATE
	mode = IN_GUEST;
#endif
#ifdef IRQS_ON
	if
	:: ipi -> ipi = 0
	:: skip
	fi;
#endif
#ifndef INJECT_FIRST
	d_step { inject[0] = irr[0]; inject[1] = irr[1] }	/* svm_inject */
#endif
	!mode_buffered;				/* VMRUN serializes */
end_guest:
	do
	:: d_step { inject[0] -> inject[0] = 0; irr[0] = 0; delivered[0] = 1 }
	:: d_step { inject[1] -> inject[1] = 0; irr[1] = 0; delivered[1] = 1 }
	:: ipi -> goto exit_intr
	:: own -> own--; goto prepare		/* SVM_FAST: interrupts stay off */
	od;
exit_intr:
	ipi = 0;				/* SVM_HOST: the host takes it */
	if
	:: mode = OUTSIDE			/* ... or leaves svm_run for a while */
	:: skip
	fi;
	goto prepare
}

init {
	atomic { run sender(0); run sender(1); run sender(1) }
	timeout;
	assert(delivered[0] && delivered[1]);
	assert(!pir[0] && !pir[1])
}
