/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * KVM_SET_GSI_ROUTING, or a new destination map, against deliveries that read the table without a lock (RCU). No
 * reader sees a table that was freed, and a delivery that begins when the ioctl has returned sees the new one.
 *
 * functions: route_line route_set_entries deliver deliver_rebuild
 *
 * mutant NO_GRACE: the old table is freed at once
 * mutant FREE_FIRST: it is freed, then replaced
 * mutant READ_LATE: the reader uses what it found after its section has ended
 * mutant RETURN_FIRST: the ioctl returns before the new table can be seen
 */
byte table;			/* 0 or 1: which one is current */
bit freed[2], returned;
bit reading[2];			/* readers in their sections */

proctype reader(bit n)
{
	byte t;
	bit after;
	byte rounds = 2;

	do
	:: rounds > 0 ->
		rounds--;
		after = returned;
		reading[n] = 1;			/* rcu_read_lock */
		t = table;
#ifdef READ_LATE
		reading[n] = 0;
#endif
		assert(!freed[t]);		/* deliver */
		assert(!after || t == 1);
		reading[n] = 0
	:: else -> break
	od
}

active proctype writer()
{
	bit was[2];

#ifdef RETURN_FIRST
	returned = 1;
#endif
#ifdef FREE_FIRST
	freed[0] = 1;
#endif
	table = 1;				/* rcu_assign_pointer */
#ifndef NO_GRACE
	/* synchronize_rcu: each section that is going on now ends */
	was[0] = reading[0];
	!was[0] || !reading[0];
	was[1] = reading[1];
	!was[1] || !reading[1];
#endif
	freed[0] = 1;
	returned = 1
}

init { atomic { run reader(0); run reader(1) } }
