/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A halted vCPU that goes to sleep against a sender that wakes it. Two senders, so that one may meet what the
 * other has left. The vCPU must run again.
 *
 * functions: sleep_until_woken vcpu_kick mailbox_post
 *
 * mutant LOOK_FIRST: the condition is looked at before the thread says that it sleeps
 * mutant STATE_BUFFERED: no barrier between saying so and looking
 * mutant WAKE_FIRST: the sender wakes, then posts
 * mutant WAKE_BUFFERED: no barrier between the post and the look for a sleeper
 * mutant NO_SLEEPER: the sleeper isn't made known before the condition is looked at
 */
mtype = { RUNNING, SLEEPS };

mtype state = RUNNING;
bit waits;		/* rcuwait's task */
bit posted;		/* ON, or a request that wakes */
bit woken;
bit state_buffered, post_buffered;

inline wake_up()
{
	if
	:: waits -> state = RUNNING; state_buffered = 0
	:: else
	fi
}

proctype sender()
{
#ifdef WAKE_FIRST
	atomic { wake_up() }
	posted = 1
#else
#ifdef WAKE_BUFFERED
	post_buffered = 1;
#else
	posted = 1;				/* mailbox_post */
#endif
	atomic { wake_up() }			/* vcpu_kick: rcuwait_wake_up */
#endif
}

active proctype drain()
{
end:
	do
	:: atomic { post_buffered -> posted = 1; post_buffered = 0 }
	:: atomic { state_buffered -> state = SLEEPS; waits = 1; state_buffered = 0 }
	od
}

active proctype vcpu()
{
	bit seen;

#ifndef NO_SLEEPER
#ifndef STATE_BUFFERED
	waits = 1;				/* prepare_to_rcuwait */
#endif
#endif
	do
	::
#ifdef LOOK_FIRST
		seen = posted;
		state = SLEEPS;
#else
#ifdef STATE_BUFFERED
		state_buffered = 1;
#else
		state = SLEEPS;			/* set_current_state */
#endif
		seen = posted;
#endif
		if
		:: seen -> break
		:: else
		fi;
#ifdef NO_SLEEPER
		waits = 1;
#endif
end_sleep:
		state == RUNNING && !state_buffered	/* schedule */
	od;
	woken = 1
}

init {
	atomic { run sender(); run sender() }
	timeout;
	assert(woken)
}
