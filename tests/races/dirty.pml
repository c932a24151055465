/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The log of written pages ("Memory" in docs/architecture.md; the head of module/dirty.h). User space begins to log,
 * copies all memory, then takes the log and copies what it says, while a vCPU writes, by itself and by the kernel's
 * hand, and the host takes the page away. When the vCPU has stopped and the log was taken once more, the copy is the
 * memory. That a flush reaches a vCPU that runs is flush.pml's subject; here it is one step.
 *
 * functions: fault_commit memory_write dirty_begin take_word take_piece dirty_take slots_replace invalidate_start
 *
 * mutant MARK_FIRST: the kernel sets the bit before it writes
 * mutant MARK_UNLOCKED: a fault sets the bit before it takes the lock
 * mutant READ_WRITABLE: a fault for reading makes the entry writable without the bit
 * mutant PROTECT_FIRST: permission is taken in one section, the bit in the next
 * mutant NOT_ATOMIC: bits are read, and then cleared
 * mutant NO_FLUSH: no flush before user space gets the log
 * mutant NO_SETTLE: nor, when the entry was taken away by another that has yet to flush
 * mutant NO_BEGIN: entries stay as they are when logging begins
 * mutant NO_SYNC: logging begins without waiting for users of the old slots
 */
mtype = { NONE, READ, WRITE };

mtype entry = WRITE, tlb = WRITE;
byte memory, copy;
bit lock, bitmap, logged, reader, unflushed, stopped;

inline take() { atomic { !lock -> lock = 1 } }
inline drop() { lock = 0 }
inline flush_tlb() { tlb = NONE }

/* Slots are looked up under mem->srcu, which is held from there to the end. */
inline fault()
{
	reader = 1;
	slot = logged;
#ifdef MARK_UNLOCKED
	if
	:: slot && wants == WRITE -> bitmap = 1
	:: else
	fi;
#endif
	take();
	if
	:: unflushed -> skip			/* no entry is made while a flush is outstanding */
	:: else ->
		if
#ifdef READ_WRITABLE
		:: wants == READ -> entry = WRITE
#else
		:: wants == READ && slot && !bitmap && entry == NONE -> entry = READ
		:: wants == READ && (!slot || bitmap) -> entry = WRITE
#endif
		:: wants == WRITE ->
			entry = WRITE;
#ifndef MARK_UNLOCKED
			if
			:: slot -> bitmap = 1
			:: else
			fi
#endif
		:: else
		fi
	fi;
	drop();
	reader = 0
}

active proctype vcpu()
{
	byte writes = 3, faults = 3;
	mtype wants;
	bit slot;

	do
	:: faults > 0 ->
		faults--;
		if
		:: wants = READ
		:: wants = WRITE
		fi;
		fault()
	:: atomic { tlb == NONE && entry != NONE -> tlb = entry }
	:: atomic { tlb == READ && entry == WRITE -> tlb = WRITE }	/* a fault, then a walk */
	:: atomic { writes > 0 && tlb == WRITE -> writes--; memory++ }
	:: writes > 0 ->			/* memory_write */
		writes--;
		reader = 1;
		slot = logged;
#ifdef MARK_FIRST
		if
		:: slot -> bitmap = 1
		:: else
		fi;
#endif
		memory++;
#ifndef MARK_FIRST
		if
		:: slot -> bitmap = 1
		:: else
		fi;
#endif
		reader = 0
	:: break
	od;
	stopped = 1
}

active proctype host()
{
	take();					/* invalidate_start */
	if
	:: entry != NONE -> entry = NONE; unflushed = 1
	:: else
	fi;
	drop();
	if
	:: unflushed -> flush_tlb(); unflushed = 0
	:: else
	fi
}

/* The kernel sets bits without the lock. */
inline take_bit()
{
#ifdef NOT_ATOMIC
	taken = bitmap;
	bitmap = 0
#else
	atomic { taken = bitmap; bitmap = 0 }
#endif
}

inline get_log()
{
	take();
#ifdef PROTECT_FIRST
	if
	:: bitmap && entry == WRITE -> entry = READ
	:: else
	fi;
	drop();
	flush_tlb();
	take();
	take_bit();
	flush = 0;
#else
	take_bit();
	flush = 0;
	if
	:: taken && entry == WRITE -> entry = READ; flush = 1
	:: else
	fi;
#endif
#ifndef NO_SETTLE
	if
	:: unflushed -> flush = 1
	:: else
	fi;
#endif
	drop();
#ifndef NO_FLUSH
	if
	:: flush -> flush_tlb()
	:: else
	fi;
#endif
	/* user space */
	if
	:: taken -> copy = memory
	:: else
	fi
}

active proctype user()
{
	byte rounds = 2;
	bit taken, flush;

	take();					/* slots_replace */
	logged = 1;
	drop();
#ifndef NO_SYNC
	!reader;
#endif
#ifndef NO_BEGIN
	take();					/* dirty_begin */
	if
	:: entry == WRITE -> entry = READ
	:: else
	fi;
	flush = 1;
	drop();
	flush_tlb();
#endif
	copy = memory;
	do
	:: rounds > 0 -> rounds--; get_log()
	:: rounds == 0 -> break
	od;
	stopped;
	get_log();
	assert(copy == memory)
}
