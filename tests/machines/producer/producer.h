/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * /dev/vintc-producer: a device of the tests' own that is passed through, as far
 * as interrupts go. An open file is one interrupt of it.
 */
#ifndef PRODUCER_H
#define PRODUCER_H

#include <linux/ioctl.h>
#include <linux/types.h>

/**
 * struct producer_state - the interrupt, and what the IOMMU would keep of it
 * @posted: else in host mode
 * @vector: of the guest's, when posted
 * @nv, @ndst: of the descriptor, when posted: read now
 * @to_posted, @to_host: changes of mode, or of where it is posted
 * @posts: raised and posted
 * @notified: of these, notifications sent
 * @signals: raised, and the eventfd signalled
 */
struct producer_state {
	__u32 posted;
	__u32 vector;
	__u64 descriptor;
	__u32 nv;
	__u32 ndst;
	__u64 to_posted;
	__u64 to_host;
	__u64 posts;
	__u64 notified;
	__u64 signals;
};

/* For this eventfd; once per file. The close of the file is the device's end. */
#define PRODUCER_START _IOW('P', 0, __s32)
/* The device raises its interrupt. */
#define PRODUCER_RAISE _IO('P', 1)
#define PRODUCER_STATE _IOR('P', 2, struct producer_state)
/*
 * Does so once more by itself, at the last moment of being posted: just before the
 * next change to host mode is done.
 */
#define PRODUCER_LATE _IO('P', 3)
/*
 * No IOMMU that posts. Argument: PLAIN_SAYS: who asks for it gets -ENOSYS.
 * PLAIN_REMAPS: it remaps, and its driver doesn't say that it can't post. Before START.
 */
#define PRODUCER_PLAIN _IO('P', 4)
#define PLAIN_SAYS 1
#define PLAIN_REMAPS 2

#endif
