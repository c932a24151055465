// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the kernel wants done by a thread before it enters a guest again: let
 * others run, task work, notifications. A file of its own because older kernels
 * hand it KVM's vCPU, whose header can't be had beside ours.
 */
#include "vintc_probes.h"

#ifdef HAVE_XFER_WORK_TAKES_VCPU
#include <linux/kvm_host.h>
#include <linux/entry-kvm.h>
#elif defined(HAVE_ENTRY_VIRT_H)
#include <linux/entry-virt.h>
#else
#include <linux/entry-kvm.h>
#endif

#include "guest_work.h"

int compat_guest_work(void)
{
#ifdef HAVE_XFER_WORK_TAKES_VCPU
	/* Only told of a signal, by two fields that nobody reads. */
	static struct kvm_run run;
	static struct kvm_vcpu vcpu = { .run = &run };

	return xfer_to_guest_mode_handle_work(&vcpu);
#else
	return xfer_to_guest_mode_handle_work();
#endif
}
