// SPDX-License-Identifier: GPL-2.0-only
/*
 * KVM_RUN: the loop around a backend's own loop. What needs process context is
 * done here (requests, faults, emulation, sleep); what doesn't, the backend
 * does without coming back.
 */
#include <linux/interrupt.h>
#include <linux/ktime.h>
#include <linux/sched/signal.h>
#include <linux/task_work.h>
#include <asm/debugreg.h>

#include "compat/compat.h"
#include "compat/guest_work.h"
#include "event.h"
#include "inhibit.h"
#include "isa.h"
#include "memory.h"
#include "msr_filter.h"
#include "pv.h"
#include "timer.h"
#include "trace.h"
#include "vectors.h"
#include "vm.h"
#include "yield.h"

/* Results of a step: go on, or leave KVM_RUN with 0 or an errno. */
#define GO_ON 1

/* ------------------------------------------------------------- requests */

static void scan_ioapic(struct vcpu *vcpu)
{
	struct vm *vm = vcpu->vm;
	struct exitmap map = {};
	const struct dest_map *dests;
	unsigned long flags;
	u64 stale;
	u32 n;

	rcu_read_lock();
	dests = &rcu_dereference(vm->dests)->map;
	if (vm->split) {
		route_exitmap(vm, &map, dests, vcpu->index);
	} else {
		raw_spin_lock_irqsave(&vm->irq_lock, flags);
		for (n = 0; n < vm->nr_ioapics; n++)
			exitmap_add_ioapic(&map, vm->ioapics[n], dests, vcpu->index);
		raw_spin_unlock_irqrestore(&vm->irq_lock, flags);
	}
	rcu_read_unlock();
	stale = vm_policy(vm, VINTC_POLICY_STALE_EOI);
	if (likely(stale != VINTC_STALE_EOI_FORGOTTEN))
		exitmap_add_stale(&map, &vcpu->lapic);
	if (unlikely(stale != VINTC_STALE_EOI_ONCE))
		vcpu->lapic.stale_vector = -1;
	vcpu->eoi_tap = READ_ONCE(vm->tapped);
	vcpu->handled = map;
	vcpu_request(vcpu, REQ_LOAD_EOI_EXITMAP);
}

static bool take_request(struct vcpu *vcpu, enum vintc_request req)
{
	if (!test_bit(req, &vcpu->requests))
		return false;
	clear_bit(req, &vcpu->requests);
	/* What the sender wrote before the bit is seen from here on. */
	smp_mb__after_atomic();
	return true;
}

int vcpu_handle_requests(struct vcpu *vcpu)
{
	struct vm *vm = vcpu->vm;

	if (take_request(vcpu, REQ_DEST)) {
		int r = deliver_rebuild(vm);

		if (r) {
			vcpu_request(vcpu, REQ_DEST);
			return r;
		}
	}
	if (take_request(vcpu, REQ_TIMER) && vcpu->has_lapic)
		vcpu_timer_expired(vcpu);
	if (take_request(vcpu, REQ_SCAN_IOAPIC) && vcpu->has_lapic)
		scan_ioapic(vcpu);
	/*
	 * Behaviour A: what L2 runs with is L1's own bitmap, so that the load
	 * waits until L1 runs again, while the scan above doesn't.
	 */
	if (!vcpu->in_l2 ||
	    unlikely(vm_policy(vm, VINTC_POLICY_EXIT_MAP_IN_L2))) {
		if (take_request(vcpu, REQ_LOAD_EOI_EXITMAP) && !vcpu->in_l2 &&
		    vm->ops->load_eoi_exitmap)
			vm->ops->load_eoi_exitmap(vcpu);
	}
	if (take_request(vcpu, REQ_APICV_UPDATE) && vm->ops->apicv_update)
		inhibit_follow(vcpu);
	/* TLB_FLUSH is the backend's own, just before it enters. */
	if (take_request(vcpu, REQ_INTERCEPTS) && vm->ops->intercepts_changed)
		vm->ops->intercepts_changed(vcpu);
	if (take_request(vcpu, REQ_UNHALT))
		vcpu->pv_unhalted = true;
	if (take_request(vcpu, REQ_PVCLOCK))
		clock_update(vcpu);
	if (take_request(vcpu, REQ_EVENT))
		vcpu->stats.req_event++;
	return GO_ON;
}

static int handle_requests(struct vcpu *vcpu, int *srcu)
{
	struct vm *vm = vcpu->vm;

	if (test_bit(REQ_VM_DEAD, &vcpu->requests))
		return -EIO;
	if (take_request(vcpu, REQ_SRCU))
		memory_yield(&vm->mem, srcu);
	if (take_request(vcpu, REQ_IOAPIC_EOI)) {
		vcpu->run->exit_reason = KVM_EXIT_IOAPIC_EOI;
		vcpu->run->eoi.vector = vcpu->eoi_vector;
		return 0;
	}
	return vcpu_handle_requests(vcpu);
}

/* ----------------------------------------------------------------- halt */

static bool must_return(void)
{
	return signal_pending(current);
}

/*
 * An interrupt that comes soon is cheaper to wait for than to sleep through.
 * The time spent grows while that pays and shrinks when it doesn't.
 */
#define HALT_LOOKS 4

static __always_inline bool halt_poll(struct vcpu *vcpu, bool (*over)(struct vcpu *vcpu))
{
	u32 limit = READ_ONCE(vcpu->vm->halt_poll_ns);
	u64 start, now, end;
	unsigned int i;

	if (!limit || !vcpu->halt_poll_ns || !vcpu->pv_poll)
		return false;
	vcpu->stats.halt_attempted_poll++;
	start = now = ktime_get_ns();
	end = start + min_t(u64, vcpu->halt_poll_ns, limit);
	do {
		/* Reading the clock takes longer than looking. */
		for (i = 0; i < HALT_LOOKS; i++) {
			if (over(vcpu)) {
				/* To the last look at the clock: it isn't waited for. */
				vcpu->stats.halt_poll_success_ns += now - start;
				vcpu->stats.halt_successful_poll++;
				return true;
			}
			cpu_relax();
		}
		now = ktime_get_ns();
	} while (now < end && !need_resched() && !must_return() &&
		 !local_softirq_pending());
	vcpu->stats.halt_poll_fail_ns += now - start;
	return false;
}

/* For event_wakes() to look closer. */
static bool may_be_over(struct vcpu *vcpu)
{
	return mailbox_pending(&vcpu->mailbox) || vcpu_requests_pending(vcpu);
}

#define HALT_POLL_FIRST_NS 10000

static void halt_poll_learn(struct vcpu *vcpu, u64 waited)
{
	u32 limit = READ_ONCE(vcpu->vm->halt_poll_ns);

	if (waited > limit)
		vcpu->halt_poll_ns = 0;
	else if (waited > vcpu->halt_poll_ns)
		vcpu->halt_poll_ns = min_t(u64, limit,
			max_t(u64, vcpu->halt_poll_ns * 2, HALT_POLL_FIRST_NS));
}

/* Something that vcpu_halt_over() leaves to the core. */
static bool halt_needs_core(const struct vcpu *vcpu)
{
	const struct vcpu_event_state *ev = &vcpu->event;

	return READ_ONCE(vcpu->requests) || READ_ONCE(vcpu->mailbox.events) ||
	       !vcpu->has_lapic || !(vcpu->rflags & RFLAGS_IF) ||
	       vcpu->pv_unhalted || ev->extint || ev->stepped || ev->shutdown ||
	       ev->exception.pending || ev->nmi_pending;
}

/* Something has come that the APIC's owner hasn't looked at, or only now may take. */
static __always_inline bool halt_news(struct vcpu *vcpu)
{
	return READ_ONCE(vcpu->requests) || READ_ONCE(vcpu->mailbox.events) ||
	       mailbox_pending(&vcpu->mailbox) || lapic_irr_any(&vcpu->lapic) ||
	       vcpu_deadline_due(vcpu);
}

/* Whether that is for the core to handle, halt_ended() looks. */
static bool interrupt_came(struct vcpu *vcpu)
{
	vcpu_timer_taken(vcpu);
	if (unlikely(READ_ONCE(vcpu->requests) || READ_ONCE(vcpu->mailbox.events)))
		return true;
	if (mailbox_pending(&vcpu->mailbox)) {
		vectors_before(vcpu);
		lapic_absorb_posted(&vcpu->lapic, &vcpu->mailbox);
		vectors_after(vcpu);
	} else if (!lapic_irr_any(&vcpu->lapic)) {
		return false;
	}
	return lapic_next(&vcpu->lapic) >= 0;
}

/* While it polls nothing else changes: what there is of its own was looked at before. */
static __always_inline bool interrupt_comes(struct vcpu *vcpu)
{
	return unlikely(halt_news(vcpu)) && interrupt_came(vcpu);
}

/* It came: is that all there is to it? */
static bool halt_ended(struct vcpu *vcpu)
{
	if (unlikely(halt_needs_core(vcpu)))
		return false;
	vcpu->halt_polled = false;
	vcpu->stats.halt_exits++;
	vcpu->stats.halt_wakeup++;
	return true;
}

bool vcpu_halt_over(struct vcpu *vcpu)
{
	return interrupt_came(vcpu) && halt_ended(vcpu);
}

bool vcpu_halt_briefly(struct vcpu *vcpu)
{
	/* Nobody needs to tell it what it sees by itself. */
	smp_store_release(&vcpu->mode, OUTSIDE_GUEST);
	vcpu->halt_polled = true;
	return !halt_needs_core(vcpu) && halt_poll(vcpu, interrupt_comes) &&
	       halt_ended(vcpu);
}

static void sleep_until_woken(struct vcpu *vcpu)
{
	prepare_to_rcuwait(&vcpu->wait);
	for (;;) {
		set_current_state(TASK_INTERRUPTIBLE);
		if (mailbox_pending(&vcpu->mailbox) ||
		    (READ_ONCE(vcpu->requests) & REQ_WAKES_MASK) ||
		    must_return())
			break;
		schedule();
	}
	finish_rcuwait(&vcpu->wait);
}

/* Not runnable: wait for what makes it so. The memory lock is not held. */
static int block(struct vcpu *vcpu, int *srcu)
{
	u64 start = ktime_get_ns();
	bool polled = vcpu->halt_polled;

	vcpu->halt_polled = false;
	vcpu_timer_to_host(vcpu);
	srcu_read_unlock(&vcpu->vm->mem.srcu, *srcu);
	while (!event_wakes(vcpu) && !must_return()) {
		if (!polled) {
			polled = true;
			if (vcpu->mp_state == KVM_MP_STATE_HALTED &&
			    halt_poll(vcpu, may_be_over))
				continue;
		}
		vcpu->stats.blocking = 1;
		bypass_sleep(vcpu);
		if (vcpu->vm->ops->sleeps)
			vcpu->vm->ops->sleeps(vcpu);
		sleep_until_woken(vcpu);
		vcpu->stats.blocking = 0;
	}
	*srcu = srcu_read_lock(&vcpu->vm->mem.srcu);

	if (READ_ONCE(vcpu->requests) & REQ_WAKES_MASK)
		return GO_ON; /* handle them, then look again */
	if (vcpu->mp_state == KVM_MP_STATE_HALTED && event_wakes(vcpu)) {
		u64 waited = ktime_get_ns() - start;

		vcpu->pv_unhalted = false;
		vcpu->mp_state = KVM_MP_STATE_RUNNABLE;
		vcpu->stats.halt_wakeup++;
		vcpu->stats.halt_wait_ns += waited;
		halt_poll_learn(vcpu, waited);
	}
	return GO_ON;
}

/* ----------------------------------------------------------- completion */

/* A 32-bit result clears the upper half (APM 1). */
static void put_in_rax(struct vcpu *vcpu, u64 val, u8 size)
{
	if (size == 4)
		vcpu->gpr[X86_RAX] = (u32)val;
	else
		memcpy(&vcpu->gpr[X86_RAX], &val, size);
}

static void complete_pio(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;
	u8 size = vcpu->pio_size;
	u64 val = 0;

	/* User space has sent the vCPU elsewhere since. */
	if (vcpu->rip != vcpu->pio_rip)
		return;

	if (vcpu->pio_in) {
		memcpy(&val, (u8 *)run + VCPU_PIO_OFFSET, size);
		put_in_rax(vcpu, val, size);
	}
	vcpu_finish_insn(vcpu, vcpu->pio_next_rip);
}

static int complete_user_exit(struct vcpu *vcpu)
{
	enum vcpu_completion what = vcpu->completion;

	if (what == COMPLETE_RDMSR || what == COMPLETE_WRMSR)
		msr_complete(vcpu);
	vcpu->completion = COMPLETE_NONE;
	switch (what) {
	case COMPLETE_PIO:
		complete_pio(vcpu);
		return GO_ON;
	case COMPLETE_EMULATION:
		return vcpu_emulate_resume(vcpu);
	default:
		return GO_ON;
	}
}

bool vcpu_pio_read(struct vcpu *vcpu, u16 port, u8 size, u64 next_rip)
{
	u64 val = 0;

	if (!isa_read(vcpu->vm, port, &val, size))
		return false;
	trace_vintc_pio(vcpu->id, false, port, size, 1, val);
	put_in_rax(vcpu, val, size);
	vcpu_finish_insn(vcpu, next_rip);
	return true;
}

bool vcpu_pio_write(struct vcpu *vcpu, u16 port, u8 size, u64 next_rip)
{
	const void *data = &vcpu->gpr[X86_RAX];

	if (!isa_write(vcpu->vm, port, data, size) &&
	    !bus_write(vcpu->vm, BUS_PIO, port, data, size))
		return false;
	trace_vintc_pio(vcpu->id, true, port, size, 1, vcpu->gpr[X86_RAX]);
	vcpu_finish_insn(vcpu, next_rip);
	return true;
}

void vcpu_exit_to_pio(struct vcpu *vcpu, u16 port, u8 size, bool in, u64 next_rip)
{
	struct kvm_run *run = vcpu->run;

	run->exit_reason = KVM_EXIT_IO;
	run->io.direction = in ? KVM_EXIT_IO_IN : KVM_EXIT_IO_OUT;
	run->io.size = size;
	run->io.port = port;
	run->io.count = 1;
	run->io.data_offset = VCPU_PIO_OFFSET;
	if (!in)
		memcpy((u8 *)run + VCPU_PIO_OFFSET, &vcpu->gpr[X86_RAX], size);
	vcpu->pio_in = in;
	vcpu->pio_size = size;
	vcpu->pio_rip = vcpu->rip;
	vcpu->pio_next_rip = next_rip;
	vcpu->completion = COMPLETE_PIO;
}

/* ----------------------------------------------------------------- loop */

static int handle_fault(struct vcpu *vcpu)
{
	int r = memory_fault(&vcpu->vm->mem, vcpu->exit.gpa, vcpu->exit.access);

	vcpu->stats.pf_taken++;
	switch (r) {
	case MEMORY_MAPPED:
		vcpu->stats.pf_fixed++;
		return GO_ON;
	case MEMORY_MMIO:
		vcpu->exit.gpa_valid = !(vcpu->exit.access & MEMORY_TABLE);
		return vcpu_emulate(vcpu, false);
	case -EINTR:
		vcpu->run->exit_reason = KVM_EXIT_INTR;
		return -EINTR;
	default:
		return r;
	}
}

static int handle_halt(struct vcpu *vcpu)
{
	vcpu->stats.halt_exits++;
	if (!vcpu->has_lapic) {
		vcpu->run->exit_reason = KVM_EXIT_HLT;
		return 0;
	}
	vcpu->mp_state = KVM_MP_STATE_HALTED;
	return GO_ON;
}

static int interrupted(struct vcpu *vcpu)
{
	vcpu->run->exit_reason = KVM_EXIT_INTR;
	vcpu->stats.signal_exits++;
	return -EINTR;
}

/* The backend has come back for the host's sake. */
static int host_work(struct vcpu *vcpu, int *srcu)
{
	int r;

	if (!need_resched() && !task_work_pending(current))
		return GO_ON;
	/* A slot change must not wait for a thread that is not running. */
	srcu_read_unlock(&vcpu->vm->mem.srcu, *srcu);
	r = compat_guest_work();
	*srcu = srcu_read_lock(&vcpu->vm->mem.srcu);
	return r ? interrupted(vcpu) : GO_ON;
}

static int handle_yield(struct vcpu *vcpu, int *srcu)
{
	srcu_read_unlock(&vcpu->vm->mem.srcu, *srcu);
	vcpu_yield(vcpu);
	*srcu = srcu_read_lock(&vcpu->vm->mem.srcu);
	return GO_ON;
}

/* User space has the PIC and gives vectors (KVM_INTERRUPT); it may give one now. */
static bool ready_for_vector(const struct vcpu *vcpu)
{
	const struct vcpu_event_state *ev = &vcpu->event;

	if (vcpu->has_lapic && !(vcpu->vm->split && vcpu->takes_pic))
		return false;
	return event_interrupts_open(vcpu) && !ev->user_vector &&
	       !ev->exception.pending && !vcpu_delivering(vcpu);
}

static bool wants_window(const struct vcpu *vcpu)
{
	return (!vcpu->has_lapic || vcpu->vm->split) &&
	       vcpu->run->request_interrupt_window && ready_for_vector(vcpu);
}

static int step(struct vcpu *vcpu, int *srcu)
{
	enum vcpu_exit why;

	if (vcpu_requests_pending(vcpu)) {
		int r = handle_requests(vcpu, srcu);

		if (r != GO_ON)
			return r;
	}
	event_absorb(vcpu);
	if (vcpu->event.shutdown) {
		vcpu->event.shutdown = false;
		vcpu->run->exit_reason = KVM_EXIT_SHUTDOWN;
		return 0;
	}
	if (vcpu->event.stepped) {
		vcpu->event.stepped = false;
		vcpu_debug_exit(vcpu, 1, 0xffff0ff0 | DR_STEP);
		return 0;
	}
	if (must_return())
		return interrupted(vcpu);
	if (vcpu->mp_state != KVM_MP_STATE_RUNNABLE)
		return block(vcpu, srcu);
	if (wants_window(vcpu)) {
		vcpu->run->exit_reason = KVM_EXIT_IRQ_WINDOW_OPEN;
		vcpu->stats.request_irq_exits++;
		return 0;
	}

	if (unlikely(vcpu->pv_steal))
		pv_steal_update(vcpu);
	if (unlikely(vcpu->pv_away))
		pv_back(vcpu);
	bypass_run(vcpu);
	why = vcpu->vm->ops->run(vcpu);
	if (unlikely(vcpu->pv_eoi_absent))
		pv_eoi_fault_in(vcpu);
	switch (why) {
	case EXIT_AGAIN:
		return host_work(vcpu, srcu);
	case EXIT_USER:
		return vcpu->exit.error;
	case EXIT_HALT:
		return handle_halt(vcpu);
	case EXIT_YIELD:
		return handle_yield(vcpu, srcu);
	case EXIT_FAULT:
		return handle_fault(vcpu);
	case EXIT_FETCH:
		return vcpu_fetch_in(vcpu);
	case EXIT_EMULATE:
		return vcpu_emulate(vcpu, false);
	case EXIT_UD:
		return pv_undefined(vcpu);
	}
	return -EIO;
}

void vcpu_report(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;

	run->if_flag = !!(vcpu->rflags & RFLAGS_IF);
	run->flags = 0;
	run->apic_base = vcpu->lapic.base;
	run->cr8 = vcpu->has_lapic ? lapic_get_cr8(&vcpu->lapic) : vcpu->cr8;
	run->ready_for_interrupt_injection =
		(vcpu->has_lapic && !vcpu->vm->split) ||
		ready_for_vector(vcpu);
}

static int run_loop(struct vcpu *vcpu)
{
	int srcu, r;

	srcu = srcu_read_lock(&vcpu->vm->mem.srcu);
	r = complete_user_exit(vcpu);
	vcpu->at_boundary = true;
	/* The reason for the exit before stays: that is what was completed. */
	if (r == GO_ON && READ_ONCE(vcpu->run->immediate_exit))
		r = -EINTR;
	else if (r == GO_ON)
		vcpu->run->exit_reason = KVM_EXIT_UNKNOWN;
	while (r == GO_ON)
		r = step(vcpu, &srcu);
	srcu_read_unlock(&vcpu->vm->mem.srcu, srcu);
	return r;
}

int vcpu_run(struct vcpu *vcpu)
{
	sigset_t saved;
	int r;

	if (!vcpu->vm->ops->run)
		return -EOPNOTSUPP;
	r = vcpu_sync_from_run(vcpu);
	if (r)
		return r;
	if (vcpu->sigset_active)
		sigprocmask(SIG_SETMASK, &vcpu->sigset, &saved);
	WRITE_ONCE(vcpu->task, current);
	if (!vcpu->has_lapic)
		vcpu->cr8 = vcpu->run->cr8 & 0xf;
	/* User space asks between two runs. */
	if (vcpu->vm->split)
		vcpu->event.extint = vcpu->event.user_vector ||
				     vcpu->run->request_interrupt_window;
	WRITE_ONCE(vcpu->launched, true);
	r = run_loop(vcpu);
	vcpu_report(vcpu);
	vcpu_sync_to_run(vcpu);
	if (unlikely(vcpu->pv_watched))
		pv_unwatch(vcpu);
	vcpu->at_boundary = false;
	WRITE_ONCE(vcpu->task, NULL);
	if (vcpu->sigset_active)
		sigprocmask(SIG_SETMASK, &saved, NULL);
	return r;
}
