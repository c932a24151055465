/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What modelcompare's host, guest and generator share: scripts, and the board
 * in guest memory on which they are carried out.
 */
#ifndef MODELCOMPARE_H
#define MODELCOMPARE_H

#include "vm.h"
#include "../../../uapi/vintc.h"

#define MAX_OPS 600
#define MAX_TAKEN 1024
#define CPUS 2

#define PORT_SLEEP 0x504 /* the next thing is HLT, and the model says that it sleeps */
#define PORT_END 0x505 /* the script is over, the stack isn't unwound yet */

/*
 * An operation: as of a script of model type. Of the host's, @cpu is who waits
 * for it. @asleep: by vCPU, sleeps at its end, as the model says.
 */
struct step {
	u32 op, cpu;
	u32 size, asleep;
	u64 addr, val;
	/* what came of it */
	u64 got;
	u32 fault, pad;
};

struct taken {
	u32 step;
	u32 vector;
};

/* One vCPU's part. @executed, @seen: the number of steps */
struct player {
	volatile u32 executed, seen;
	volatile u32 sti; /* STI stands before the next instruction */
	volatile u32 depth, ntaken;
	struct taken taken[MAX_TAKEN];
};

struct board {
	volatile u32 now; /* the step that is done */
	volatile u32 executed; /* steps whose instruction is done */
	volatile u32 over; /* interrupts are no more noted */
	u32 nsteps, cpus;
	bool asleep; /* the host's */
	struct player player[CPUS];
	struct step step[MAX_OPS];
};

#define BOARD_AT FREE_AT
#define BOARD ((struct board *)BOARD_AT)
_Static_assert(BOARD_AT + sizeof(struct board) <= VM_RAM, "guest memory");

static inline bool is_guest_op(u32 op) { return op < VINTC_MODEL_GUEST_OPS; }

#endif
