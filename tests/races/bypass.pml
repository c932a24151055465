/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A device's interrupts, and a vCPU that halts and is woken, while the irqfd comes to it, goes and comes again. In
 * the end no interrupt waits for a vCPU that sleeps, and nothing is posted to one.
 *
 * functions: bypass_sleep bypass_woken attach detach to_host post sleep_until_woken mailbox_post
 *
 * mutant LOOK_FIRST: ON is looked at before the interrupts are in host mode
 * mutant NOT_DRAINED: what was under way when the entry changed is posted later
 * mutant SLEEP_LIST_FIRST: the vCPU looks at its list, then says that it sleeps
 * mutant ATTACH_LOOKS_FIRST: who adds an interrupt looks whether the vCPU sleeps, then adds it
 * mutant NO_LOCK: the lists' lock isn't taken
 * mutant STAYS: the vCPU sleeps with its interrupts posted
 */
#define RAISED 3

mtype = { RUNNING, SLEEPS };

mtype state = RUNNING;
bit on;			/* and PIR */
bit posted;		/* the IOMMU's entry */
bit asleep = 1;
bit listed;		/* in the vCPU's list */
bit locked;

inline lock()
{
#ifdef NO_LOCK
	skip
#else
	atomic { !locked -> locked = 1 }
#endif
}

inline unlock()
{
	locked = 0
}

proctype device()
{
	byte n;

	do
	:: n < RAISED ->
		n++;
		if
		:: atomic { posted -> on = 1 }	/* the IOMMU's access, all of it */
#ifdef NOT_DRAINED
		:: posted -> on = 1
#endif
		:: !posted ->
			on = 1;			/* mailbox_post */
			state = RUNNING		/* rcuwait_wake_up */
		fi
	:: else -> break
	od
}

inline attach()
{
	lock();
#ifdef ATTACH_LOOKS_FIRST
	slept = asleep;
	listed = 1;
#else
	listed = 1;
	slept = asleep;
#endif
	if
	:: !slept -> posted = 1			/* post */
	:: else
	fi;
	unlock()
}

inline detach()
{
	lock();
	posted = 0;				/* to_host */
	listed = 0;
	unlock()
}

proctype update()
{
	bit slept;

	attach();
	detach();
	attach()
}

inline bypass_sleep()
{
#ifdef SLEEP_LIST_FIRST
	none = !listed;
	asleep = 1;
#else
	asleep = 1;
	none = !listed;
#endif
#ifndef STAYS
	if
	:: !none ->
		lock();
		posted = 0;
		unlock()
	:: else
	fi
#endif
}

inline bypass_woken()
{
	asleep = 0;
	none = !listed;
	if
	:: !none ->
		lock();
		if
		:: listed -> posted = 1
		:: else
		fi;
		unlock()
	:: else
	fi
}

proctype vcpu()
{
	bit none, seen;

	do
	::
		bypass_woken();
		on = 0;				/* runs, and halts */
#ifdef LOOK_FIRST
		seen = on;
		bypass_sleep();
		state = SLEEPS;
#else
		bypass_sleep();
		state = SLEEPS;			/* set_current_state */
		seen = on;
#endif
		if
		:: seen -> state = RUNNING
		:: else ->
end_sleep:		state == RUNNING	/* schedule */
		fi
	od
}

init {
	atomic { run device(); run update(); run vcpu() }
	timeout;
	assert(!on);
	assert(!posted)
}
