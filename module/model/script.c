// SPDX-License-Identifier: GPL-2.0-only
/*
 * VINTC_MODEL_CONFIG and VINTC_MODEL_RUN. One script runs at a time in a VM;
 * after each of its operations every vCPU goes on to its next instruction, in
 * the order of their creation, so that nothing depends on threads or time.
 */
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "../event.h"
#include "../timer.h"
#include "model.h"

#define MAX_SERVED 65536 /* handlers of one VINTC_MODEL_IDLE */

/* ----------------------------------------------------------------- checks */

static bool size_valid(const struct vintc_model_op *op)
{
	switch (op->op) {
	case VINTC_MODEL_READ:
	case VINTC_MODEL_WRITE:
		return op->size == 1 || op->size == 2 || op->size == 4 ||
		       op->size == 8;
	case VINTC_MODEL_IN:
	case VINTC_MODEL_OUT:
		return op->size == 1 || op->size == 2 || op->size == 4;
	default:
		return !op->size;
	}
}

static bool addr_valid(const struct vm *vm, const struct vintc_model_op *op)
{
	struct irq_message msg;

	switch (op->op) {
	case VINTC_MODEL_RDMSR:
	case VINTC_MODEL_WRMSR:
		return op->addr <= U32_MAX;
	case VINTC_MODEL_READ:
	case VINTC_MODEL_WRITE:
		return op->addr < BIT_ULL(52) && !(op->addr & (op->size - 1));
	case VINTC_MODEL_IN:
	case VINTC_MODEL_OUT:
		return op->addr <= U16_MAX;
	case VINTC_MODEL_LINE:
		return op->addr < VM_MAX_GSIS;
	case VINTC_MODEL_MSI:
		return op->value <= U32_MAX &&
		       msi_decode(op->addr, op->value, vm->x2apic_ids, &msg);
	default:
		return !op->addr;
	}
}

static bool value_valid(const struct vintc_model_op *op)
{
	switch (op->op) {
	case VINTC_MODEL_ENTER_L2:
		return !(op->value & ~VINTC_MODEL_L2_INTERCEPT_INTR);
	case VINTC_MODEL_ADVANCE:
	case VINTC_MODEL_IDLE:
		return op->value <= VINTC_MODEL_MAX_NS;
	case VINTC_MODEL_LINE:
		return op->value <= 1;
	default:
		return true;
	}
}

static bool names_vcpu(u32 op)
{
	return op < VINTC_MODEL_GUEST_OPS || op == VINTC_MODEL_NMI;
}

/* Everything is looked at before the first operation has any effect. */
static int check_op(struct vm *vm, const struct vintc_model_op *op)
{
	if (op->flags || op->result || op->code || op->reserved)
		return -EINVAL;
	if (op->op < VINTC_MODEL_GUEST_OPS ?
		    !host_has(vm->model->flavour, op->op) :
		    op->op < VINTC_MODEL_ADVANCE || op->op > VINTC_MODEL_NMI)
		return -EINVAL;
	if (!size_valid(op) || !addr_valid(vm, op) || !value_valid(op))
		return -EINVAL;
	if (!names_vcpu(op->op))
		return op->vcpu ? -EINVAL : 0;
	return vm_vcpu_by_id(vm, op->vcpu) ? 0 : -ENOENT;
}

/* ------------------------------------------------------------------- time */

static u64 deadline_of(const struct vcpu *vcpu)
{
	const struct lapic *l = &vcpu->lapic;
	u64 now = vcpu_now(vcpu), tsc;

	if (l->tsc_deadline) {
		/* The TSC ticks once in a nanosecond. */
		tsc = guest_tsc(vcpu);
		return l->tsc_deadline <= tsc ? now :
						now + (l->tsc_deadline - tsc);
	}
	return l->timer_deadline ? max(l->timer_deadline, now) : U64_MAX;
}

static u64 next_deadline(struct vm *vm)
{
	struct vcpu *vcpu;
	u64 next = vm_timers_next(vm);
	u32 i;

	vm_for_each_vcpu(i, vcpu, vm)
		next = min(next, deadline_of(vcpu));
	return next;
}

static void expire(struct vcpu *vcpu)
{
	if (deadline_of(vcpu) > vcpu_now(vcpu))
		return;
	model_log(vcpu, MODEL_EV_TIMER, 0, 0, 0);
	/* As a host's timer does: the vCPU leaves the guest, and looks. */
	vcpu_request(vcpu, REQ_TIMER);
}

/* -------------------------------------------------------------------- runs */

static int lock_vcpu(struct vcpu *vcpu)
{
	if (mutex_lock_killable(&vcpu->lock))
		return -EINTR;
	model_load(vcpu);
	return 0;
}

static void unlock_vcpu(struct vcpu *vcpu)
{
	model_store(vcpu);
	mutex_unlock(&vcpu->lock);
}

/*
 * Every vCPU, up to its next instruction; with @timers what is due first. While
 * time @passes they execute, be it nothing: no shadow of STI lasts.
 */
static int run_all(struct vm *vm, bool timers, bool passes)
{
	struct vcpu *vcpu;
	u32 i;

	vm_for_each_vcpu(i, vcpu, vm) {
		if (lock_vcpu(vcpu))
			return -EINTR;
		if (passes)
			vcpu->model->host.cpu.shadow = false;
		if (timers)
			expire(vcpu);
		host_run(&vcpu->model->host);
		unlock_vcpu(vcpu);
	}
	cond_resched();
	if (fatal_signal_pending(current))
		return -EINTR;
	return vm->model->error;
}

static int advance(struct vm *vm, u64 to)
{
	struct model_vm *mv = vm->model;
	bool passes = to > mv->now;
	u64 next;
	int r;

	while ((next = next_deadline(vm)) <= to) {
		WRITE_ONCE(mv->now, next);
		vm_timers_expire(vm);
		r = run_all(vm, true, passes);
		if (r)
			return r;
	}
	WRITE_ONCE(mv->now, to);
	return run_all(vm, false, passes);
}

static void fill_tables(struct vm *vm)
{
	struct model_vm *mv = vm->model;
	struct vcpu *vcpu;
	u32 i, n = 0;

	if (mv->flavour != MODEL_AVIC && mv->flavour != MODEL_X2AVIC)
		return;
	vm_for_each_vcpu(i, vcpu, vm)
		mv->hosts[n++] = &vcpu->model->host;
	host_fill_tables(&mv->tables, mv->hosts, n);
}

static int guest_op(struct vm *vm, struct vcpu *vcpu, struct vintc_model_op *op)
{
	struct model_insn insn = {
		.kind = op->op,
		.size = op->size,
		.addr = op->addr,
		.val = op->value,
	};
	u8 fault = 0;

	if (lock_vcpu(vcpu))
		return -EINTR;
	fill_tables(vm);
	op->result = host_execute(&vcpu->model->host, &insn, &fault);
	op->code = fault;
	if (op->op == VINTC_MODEL_RDMSR || op->op == VINTC_MODEL_READ ||
	    op->op == VINTC_MODEL_IN || op->op == VINTC_MODEL_RDCR8)
		op->value = op->result == VINTC_MODEL_FAULT ? 0 : insn.val;
	unlock_vcpu(vcpu);
	return 0;
}

/* The innermost handler of @vcpu, if it is in one, ends. */
static int serve(struct vm *vm, struct vcpu *vcpu, u32 *served)
{
	struct model_cpu *cpu = &vcpu->model->host.cpu;
	struct vintc_model_op eoi = { .op = VINTC_MODEL_EOI };
	struct vintc_model_op iret = { .op = VINTC_MODEL_IRET };
	int r = 0;

	if (!cpu->depth)
		return 0;
	++*served;
	if (!cpu->stack[cpu->depth - 1].nmi)
		r = guest_op(vm, vcpu, &eoi);
	return r ? r : guest_op(vm, vcpu, &iret);
}

static int idle(struct vm *vm, struct vintc_model_op *op)
{
	struct model_vm *mv = vm->model;
	u64 end = mv->now + op->value, next;
	struct vcpu *vcpu;
	u32 served = 0, before, i;
	int r = 0;

	do {
		before = served;
		vm_for_each_vcpu(i, vcpu, vm) {
			r = serve(vm, vcpu, &served);
			if (r)
				return r;
		}
		next = mv->now;
		if (served == before) {
			next = next_deadline(vm);
			if (next > end)
				break;
		}
		r = advance(vm, next);
	} while (!r && served < MAX_SERVED);
	op->value = served;
	op->result = VINTC_MODEL_DONE;
	return r;
}

static void message(struct vm *vm, struct vintc_model_op *op)
{
	struct kvm_msi msi = {
		.address_lo = op->addr,
		.address_hi = op->addr >> 32,
		.data = op->value,
	};

	op->value = (s64)route_msi(vm, &msi);
}

static int outside_op(struct vm *vm, struct vintc_model_op *op)
{
	struct vcpu *vcpu;

	op->result = VINTC_MODEL_DONE;
	switch (op->op) {
	case VINTC_MODEL_ADVANCE:
		return advance(vm, vm->model->now + op->value);
	case VINTC_MODEL_IDLE:
		return idle(vm, op);
	case VINTC_MODEL_LINE:
		op->value = (s64)route_line(vm, op->addr, op->value);
		return 0;
	case VINTC_MODEL_MSI:
		message(vm, op);
		return 0;
	default:
		vcpu = vm_vcpu_by_id(vm, op->vcpu);
		if (lock_vcpu(vcpu))
			return -EINTR;
		event_nmi(vcpu);
		model_load(vcpu);
		/* It reaches a CPU in the guest as any kick does. */
		vcpu_request(vcpu, REQ_EVENT);
		unlock_vcpu(vcpu);
		return 0;
	}
}

static int run_op(struct vm *vm, struct vintc_model_op *op)
{
	int r;

	if (op->op < VINTC_MODEL_GUEST_OPS)
		r = guest_op(vm, vm_vcpu_by_id(vm, op->vcpu), op);
	else
		r = outside_op(vm, op);
	/* What is due at this very instant, and what has been sent. */
	return r ? r : advance(vm, vm->model->now);
}

static bool op_done(const struct vintc_model_op *op)
{
	return op->result != VINTC_MODEL_HALTED &&
	       op->result != VINTC_MODEL_STOPPED;
}

static int run_script(struct vm *vm, struct vintc_model_run *run,
		      struct vintc_model_op *ops)
{
	struct model_vm *mv = vm->model;
	struct vcpu *vcpu;
	u32 i;
	int r;

	/* From user space into the guests, and back at the end. */
	r = advance(vm, mv->now);
	for (i = 0; !r && i < run->nr_ops; i++) {
		mv->op = i;
		r = run_op(vm, &ops[i]);
		if (r || !op_done(&ops[i]))
			break;
	}
	run->done = i;
	vm_for_each_vcpu(i, vcpu, vm)
		vcpu->model->host.cpu.in_guest = false;
	return r;
}

/* ------------------------------------------------------------------ ioctls */

static int check_run(struct vm *vm, const struct vintc_model_run *run)
{
	if (run->flags || run->lost || run->done || run->reserved0 ||
	    run->time || memchr_inv(run->reserved, 0, sizeof(run->reserved)))
		return -EINVAL;
	if (!run->nr_ops)
		return -EINVAL;
	if (run->nr_ops > VINTC_MODEL_MAX_OPS ||
	    run->nr_events > VINTC_MODEL_MAX_EVENTS)
		return -E2BIG;
	return smp_load_acquire(&vm->irqchip) ? 0 : -ENXIO;
}

static int run_checked(struct vm *vm, struct vintc_model_run *run,
		       struct vintc_model_op *ops)
{
	struct model_vm *mv = vm->model;
	u32 i;
	int r;

	for (i = 0; i < run->nr_ops; i++) {
		r = check_op(vm, &ops[i]);
		if (r)
			return r;
	}
	mv->room = run->nr_events;
	mv->logged = mv->lost = 0;
	mv->op = 0;
	mv->error = 0;
	WRITE_ONCE(mv->owner, current);
	r = run_script(vm, run, ops);
	WRITE_ONCE(mv->owner, NULL);
	run->nr_events = mv->logged;
	run->lost = mv->lost;
	run->time = mv->now;
	return r;
}

static long answer(const struct vintc_model_run *run,
		   const struct vintc_model_op *ops,
		   const struct vintc_model_event *events,
		   struct vintc_model_run __user *arg)
{
	if (copy_to_user(u64_to_user_ptr(run->ops), ops,
			 run->nr_ops * sizeof(*ops)) ||
	    copy_to_user(u64_to_user_ptr(run->events), events,
			 run->nr_events * sizeof(*events)) ||
	    copy_to_user(arg, run, sizeof(*run)))
		return -EFAULT;
	return 0;
}

static long model_run(struct vm *vm, struct vintc_model_run __user *arg)
{
	struct model_vm *mv = vm->model;
	struct vintc_model_event *events;
	struct vintc_model_run run;
	struct vintc_model_op *ops;
	long r;

	if (copy_from_user(&run, arg, sizeof(run)))
		return -EFAULT;
	r = check_run(vm, &run);
	if (r)
		return r;
	ops = vmemdup_user(u64_to_user_ptr(run.ops),
			   run.nr_ops * sizeof(*ops));
	if (IS_ERR(ops))
		return PTR_ERR(ops);
	events = kvcalloc(max(run.nr_events, 1u), sizeof(*events),
			  GFP_KERNEL_ACCOUNT);
	r = -ENOMEM;
	if (!events)
		goto free;
	r = -EINTR;
	if (mutex_lock_killable(&mv->lock))
		goto free;
	mv->events = events;
	r = run_checked(vm, &run, ops);
	mv->events = NULL;
	mv->room = 0;
	mutex_unlock(&mv->lock);
	if (!r)
		r = answer(&run, ops, events, arg);
free:
	kvfree(events);
	kvfree(ops);
	return r;
}

static long model_config(struct vm *vm, struct vintc_model_config __user *arg)
{
	struct vintc_model_config config;
	long r = 0;

	if (copy_from_user(&config, arg, sizeof(config)))
		return -EFAULT;
	if (config.flags || config.flavour >= MODEL_FLAVOURS ||
	    memchr_inv(config.reserved, 0, sizeof(config.reserved)))
		return -EINVAL;
	mutex_lock(&vm->lock);
	if (vm->nr_vcpus)
		r = -EBUSY;
	else
		vm->model->flavour = config.flavour;
	mutex_unlock(&vm->lock);
	return r;
}

long model_vm_ioctl(struct vm *vm, unsigned int cmd, void __user *arg)
{
	switch (cmd) {
	case VINTC_MODEL_CONFIG:
		return model_config(vm, arg);
	case VINTC_MODEL_RUN:
		return model_run(vm, arg);
	default:
		return -ENOTTY;
	}
}
