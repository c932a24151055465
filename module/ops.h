/* SPDX-License-Identifier: GPL-2.0-only */
/* The seam between the core and a backend: VMX, SVM or the model. */
#ifndef VINTC_OPS_H
#define VINTC_OPS_H

#include <linux/types.h>

#include "memory.h"
#include "vcpu.h"

#define HYPERCALL_LEN 3

/**
 * struct x86_fetch - where and how the instruction at RIP is read
 * @paging: paging registers
 * @linear: CS.base + RIP
 * @mode: enum x86_mode
 * @user: CPL 3
 * @bytes, @n: what hardware has read of it (decode assists); @n is 0 without
 */
struct x86_fetch {
	struct walk_paging paging;
	u64 linear;
	enum x86_mode mode;
	bool user;
	u8 n;
	const u8 *bytes;
};

/**
 * struct vintc_ops - one backend
 * @name: "svm", "vmx", "model"
 * @hypercall: the instruction that exits for a hypercall
 * @pt_format: second-level page-table entries
 * @features: VINTC_FEATURE_... bits found, and those in use
 * @exit: the module goes; free what the probe allocated
 * @cpu_enable: take the CPU for guests; -EBUSY when another has it. Called on
 *              each CPU with interrupts off.
 * @cpu_disable: give it back
 * @vcpu_create, @vcpu_free: control blocks
 * @vcpu_reset: control block to the state after INIT or power-up
 * @get_state, @set_state: move register groups (STATE_...) between the control
 *              block and @st; vCPU not running, or on its own thread
 * @tsc_changed: vcpu->tsc_offset is new
 * @cpuid_changed: intercepts may depend on guest CPUID
 * @debug_changed: vcpu->debug is new
 * @paging: what a fetch at RIP needs; on the exit path without NRIP save
 * @run: enter the guest until the core is needed. Process context, preemptible.
 *
 * May be NULL: @cpu_enable and @cpu_disable together, when nothing of the CPU is
 * used; @run, when KVM_RUN is refused; and
 * @vm_create, @vm_free: what is kept for a VM; before any vCPU, after the last
 * @vm_ioctl: ioctls of the VM's fd that only this backend has; -ENOTTY
 * @load_eoi_exitmap: vcpu->handled is new. Owner, not in L2.
 * @nested_format: of the nested state that there is none (KVM_STATE_NESTED_FORMAT_...)
 * @mce_cap: bits of IA32_MCG_CAP that a guest may have beside those of MSR_MCE_CAP
 * @inhibits: VINTC_INHIBIT_... that acceleration doesn't go together with
 * @apicv_update: make acceleration what vcpu_wants_acceleration() says, and
 *	vcpu->accelerated with it; also when the APIC's mode has changed. Owner,
 *	vm->lock held.
 * @post_notify: something new is in the mailbox, or with @shares_irr in IRR, of a vCPU
 *	that is accelerated: have hardware look at it if it is IN_GUEST. Any context.
 * @sleeps: the vCPU is about to look for what wakes it for the last time. Owner, may sleep
 * @shares_irr: senders may write IRR of a vCPU that is accelerated, or was just now
 *	(lapic_post())
 * @intercepts_changed: msr_filtered(), vm->hlt_in_guest, vm->pause_in_guest and
 *	spin_window() may be new. Owner. Not NULL where @run returns EXIT_YIELD
 * @posts_for_devices: the mailbox of an accelerated vCPU is a posted-interrupt
 *	descriptor for an IOMMU too, with NV and NDST
 * @deadline_changed: vcpu->deadline is another; from now on a run of the guest ends by
 *	itself when the guest's TSC reaches it, if it isn't 0, and vcpu_deadline_passed()
 *	is told. Owner, atomic. NULL when hardware can't
 * @dests_changed: this is the new destination map. vm->lock held.
 */
struct vintc_ops {
	const char *name;
	u32 backend; /* VINTC_BACKEND_... */
	u8 hypercall[HYPERCALL_LEN];
	const struct pt_format *pt_format;
	void (*features)(u64 *present, u64 *used);
	void (*exit)(void);
	int (*cpu_enable)(void);
	void (*cpu_disable)(void);
	int (*vcpu_create)(struct vcpu *vcpu);
	void (*vcpu_free)(struct vcpu *vcpu);
	void (*vcpu_reset)(struct vcpu *vcpu, bool init);
	void (*get_state)(struct vcpu *vcpu, struct cpu_state *st, u32 groups);
	void (*set_state)(struct vcpu *vcpu, const struct cpu_state *st,
			  u32 groups);
	void (*tsc_changed)(struct vcpu *vcpu);
	void (*cpuid_changed)(struct vcpu *vcpu);
	void (*debug_changed)(struct vcpu *vcpu);
	enum vcpu_exit (*run)(struct vcpu *vcpu);
	void (*paging)(const struct vcpu *vcpu, struct x86_fetch *fetch);
	int (*vm_create)(struct vm *vm);
	void (*vm_free)(struct vm *vm);
	long (*vm_ioctl)(struct vm *vm, unsigned int cmd, void __user *arg);
	void (*load_eoi_exitmap)(struct vcpu *vcpu);
	u64 mce_cap;
	u16 nested_format;
	u64 inhibits;
	void (*apicv_update)(struct vcpu *vcpu);
	void (*post_notify)(struct vcpu *vcpu);
	void (*sleeps)(struct vcpu *vcpu);
	bool shares_irr;
	bool posts_for_devices;
	void (*deadline_changed)(struct vcpu *vcpu);
	void (*intercepts_changed)(struct vcpu *vcpu);
	void (*dests_changed)(struct vm *vm, const struct dest_map *map);
};

/* NULL when the CPU has none, with the reason in the log. */
const struct vintc_ops *svm_probe(void);
const struct vintc_ops *vmx_probe(void);
/* Always there. */
const struct vintc_ops *model_probe(void);

#endif
