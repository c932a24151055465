// SPDX-License-Identifier: GPL-2.0-only
/*
 * IPI virtualization: what a guest sends to one physical ID, fixed and by edge, hardware
 * posts by itself. SDM 3C "IPI Virtualization".
 *
 * The PID-pointer table has the mailbox of each APIC ID. What is for an ID without a valid
 * entry exits and is delivered by software, which wakes who sleeps. The notification
 * wakes nobody (bypass.h), so that an entry is valid only while its vCPU doesn't sleep:
 *
 *   sender's CPU                       vCPU's thread
 *
 *   reads the entry                    vmx_ipi_sleeps(): entry invalid, timer
 *   sets PIR and ON, notifies          set_current_state(); ON? don't sleep
 *                                      schedule()
 *                                      timer: ON? wake up
 *
 * A sender that has read the entry before may set ON after the vCPU has looked. It does
 * both within one instruction, to memory that is there: LATE_NS later none is left
 * that has done the first and not the second, and the timer looks once more.
 *
 * What comes so is an edge, but hardware doesn't say so in the mailbox: to a vCPU that
 * has had the vector as a level before, by software, it is a level still.
 *
 * A vCPU that is preempted, or out of KVM_RUN, looks at ON before it enters. NDST is
 * right before the entry is valid, and when it changes bypass.h's argument holds.
 */
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/slab.h>

#include "../compat/compat.h"
#include "vmx.h"

#define ENTRY_VALID BIT_ULL(0)
#define TABLE_ENTRIES (DEST_MAX_ID + 1)
#define LATE_NS 100000

/* In xAPIC mode all APICs, in x2APIC mode one: never by the table. */
#define BROADCAST 0xff
#define NO_ID (-1)

int vmx_vm_create(struct vm *vm)
{
	struct vmx_vm *vmx;

	if (!vmx_caps.ipiv)
		return 0;
	vmx = kzalloc(sizeof(*vmx), GFP_KERNEL_ACCOUNT);
	if (!vmx)
		return -ENOMEM;
	raw_spin_lock_init(&vmx->lock);
	vmx->pids = alloc_pages_exact(TABLE_ENTRIES * sizeof(*vmx->pids),
				      GFP_KERNEL_ACCOUNT | __GFP_ZERO);
	if (!vmx->pids) {
		kfree(vmx);
		return -ENOMEM;
	}
	vm->vmx = vmx;
	return 0;
}

void vmx_vm_free(struct vm *vm)
{
	if (!vm->vmx)
		return;
	free_pages_exact(vm->vmx->pids, TABLE_ENTRIES * sizeof(*vm->vmx->pids));
	kfree(vm->vmx);
	vm->vmx = NULL;
}

/* vmx_vm.lock held, as for ipi_id and ipi_awake. */
static void write_entry(struct vcpu *vcpu)
{
	struct vmx_vcpu *vmx = vcpu->vmx;
	u64 entry = vmx->ipi_awake ? virt_to_phys(&vcpu->mailbox) | ENTRY_VALID : 0;

	if (vmx->ipi_id != NO_ID)
		WRITE_ONCE(vcpu->vm->vmx->pids[vmx->ipi_id], entry);
}

static void set_awake(struct vcpu *vcpu, bool awake)
{
	struct vmx_vm *vmx = vcpu->vm->vmx;
	unsigned long flags;

	raw_spin_lock_irqsave(&vmx->lock, flags);
	vcpu->vmx->ipi_awake = awake;
	write_entry(vcpu);
	raw_spin_unlock_irqrestore(&vmx->lock, flags);
}

void vmx_ipi_runs(struct vcpu *vcpu)
{
	set_awake(vcpu, true);
	hrtimer_try_to_cancel(&vcpu->vmx->ipi_late);
}

void vmx_ipi_sleeps(struct vcpu *vcpu)
{
	if (!vcpu->vm->vmx || !vcpu->vmx->ipi_awake)
		return;
	set_awake(vcpu, false);
	hrtimer_start(&vcpu->vmx->ipi_late, ktime_add_ns(ktime_get(), LATE_NS),
		      HRTIMER_MODE_ABS_HARD);
}

static enum hrtimer_restart look_once_more(struct hrtimer *timer)
{
	struct vcpu *vcpu = container_of(timer, struct vmx_vcpu, ipi_late)->vcpu;

	if (mailbox_pending(&vcpu->mailbox))
		rcuwait_wake_up(&vcpu->wait);
	return HRTIMER_NORESTART;
}

void vmx_ipi_vcpu_create(struct vcpu *vcpu)
{
	vcpu->vmx->ipi_id = NO_ID;
	compat_hrtimer_init(&vcpu->vmx->ipi_late, look_once_more);
}

void vmx_ipi_vcpu_free(struct vcpu *vcpu)
{
	hrtimer_cancel(&vcpu->vmx->ipi_late);
}

static int id_of(const struct dest_map *map, u32 i)
{
	const struct dest_view *v = &map->view[i];

	if (!v->present || !v->enabled || map->phys_shared || v->id > DEST_MAX_ID ||
	    v->id == BROADCAST)
		return NO_ID;
	return v->id;
}

void vmx_dests_changed(struct vm *vm, const struct dest_map *map)
{
	struct vmx_vm *vmx = vm->vmx;
	struct vcpu *vcpu;
	unsigned long flags;
	u32 i;

	if (!vmx)
		return;
	raw_spin_lock_irqsave(&vmx->lock, flags);
	/* All that go, before any comes: two may change places. */
	for (i = 0; i < map->n; i++) {
		vcpu = vm->vcpus[i];
		if (vcpu->vmx->ipi_id == NO_ID || vcpu->vmx->ipi_id == id_of(map, i))
			continue;
		WRITE_ONCE(vmx->pids[vcpu->vmx->ipi_id], 0);
		vcpu->vmx->ipi_id = NO_ID;
	}
	for (i = 0; i < map->n; i++) {
		vcpu = vm->vcpus[i];
		vcpu->vmx->ipi_id = id_of(map, i);
		write_entry(vcpu);
	}
	raw_spin_unlock_irqrestore(&vmx->lock, flags);
}

bool vmx_sends_ipis(const struct vcpu *vcpu)
{
	return vmx_caps.ipiv && vcpu->accelerated &&
	       vm_policy(vcpu->vm, VINTC_POLICY_IPIS) == VINTC_IPIS_HARDWARE;
}

void vmx_ipi_set_up(struct vcpu *vcpu)
{
	if (!vmx_caps.ipiv)
		return;
	vmx_write(PID_POINTER_TABLE, virt_to_phys(vcpu->vm->vmx->pids));
	vmx_write(LAST_PID_POINTER_INDEX, TABLE_ENTRIES - 1);
}
