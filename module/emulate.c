// SPDX-License-Identifier: GPL-2.0-only
/*
 * The instruction at RIP, done in software: glue between module/x86 and guest
 * memory, the interrupt chips and user space.
 *
 * An instruction whose value must come from user space is left and started
 * again later; what its accesses were answered with is kept in a log, so that
 * no access has its effect twice.
 */
#include <linux/sched/signal.h>
#include <asm/processor-flags.h>

#include "compat/compat.h"
#include "fetch.h"
#include "isa.h"
#include "memory.h"
#include "trace.h"
#include "vm.h"

#define GO_ON 1

/* Elements of a string done before the guest may be interrupted again. */
#define STRING_BATCH 64

/**
 * struct emulation - one pass over one instruction
 * @atomic: may not sleep: only the interrupt chips can be reached
 * @slept: an access was refused for that
 * @gpa_valid, @gpa: where hardware says the memory operand is
 * @errno: of an access that failed on the host's side
 */
struct emulation {
	struct vcpu *vcpu;
	struct x86_fetch fetch;
	struct x86_cpu cpu;
	struct x86_insn insn;
	bool atomic;
	bool slept;
	bool gpa_valid;
	u64 gpa;
	int error;
};

/*
 * As KVM: which event it was, in VMX's form (SDM 3C "Format of the IDT-Vectoring
 * Information Field"), two words of VMX's that stay 0 here, the address, the CPU.
 */
static void delivery_data(const struct vcpu *vcpu, struct kvm_run *run)
{
	const struct vcpu_event_state *ev = &vcpu->event;
	u32 what = ev->interrupt.injected ? ev->interrupt.vector : ev->nmi_injected ? 2 | 2 << 8 :
		   ev->exception.vector | 3 << 8 | (u32)ev->exception.has_error << 11;

	run->internal.ndata = 5;
	run->internal.data[0] = what | BIT(31);
	run->internal.data[3] = vcpu->exit.gpa_valid ? vcpu->exit.gpa : ~0ULL;
	run->internal.data[4] = raw_smp_processor_id();
}

void vcpu_internal_error(struct vcpu *vcpu, u32 suberror)
{
	struct kvm_run *run = vcpu->run;
	const struct emul_state *e = &vcpu->emul;

	memset(&run->internal, 0, sizeof(run->internal));
	run->exit_reason = KVM_EXIT_INTERNAL_ERROR;
	run->internal.suberror = suberror;
	if (suberror == KVM_INTERNAL_ERROR_DELIVERY_EV)
		delivery_data(vcpu, run);
	if (suberror != KVM_INTERNAL_ERROR_EMULATION || !e->insn_len)
		return;
	/* In 64-bit words: flags, then the length and the bytes. */
	run->emulation_failure.ndata = 3;
	run->emulation_failure.flags =
		KVM_INTERNAL_ERROR_EMULATION_FLAG_INSTRUCTION_BYTES;
	run->emulation_failure.insn_size = e->insn_len;
	memcpy(run->emulation_failure.insn_bytes, e->insn, e->insn_len);
}

/* --------------------------------------------------------------- replay */

static bool replay(struct emul_state *e, void *data, u32 len)
{
	if (e->next == e->n)
		return false;
	if (data)
		memcpy(data, e->log[e->next].data, len);
	e->next++;
	return true;
}

static bool log_full(const struct emul_state *e)
{
	return e->n == EMUL_LOG_ENTRIES;
}

static void record(struct emul_state *e, const void *data, u32 len)
{
	e->log[e->n].len = len;
	if (data)
		memcpy(e->log[e->n].data, data, len);
	e->n++;
	e->next = e->n;
}

/* --------------------------------------------------------------- memory */

/* PUSH and POP with a memory operand reach the stack too. */
static bool two_operands(const struct x86_insn *insn)
{
	return insn->opcode == 0xff || insn->opcode == 0x8f;
}

static int translate(struct emulation *em, u64 linear, u32 access, u64 *gpa,
		     struct x86_exception *ex)
{
	struct memory *mem = &em->vcpu->vm->mem;

	/*
	 * An instruction with one memory operand: hardware has translated it.
	 * The page offset tells it from a stack or string access.
	 */
	if (em->gpa_valid && em->insn.has_modrm && !two_operands(&em->insn) &&
	    !((linear ^ em->gpa) & ~PAGE_MASK)) {
		*gpa = em->gpa;
		return 0;
	}
	if (em->fetch.user)
		access |= WALK_USER;
	return walk_gva(&em->fetch.paging, linear, access,
			em->atomic ? fetch_entry_atomic : fetch_entry, mem, gpa,
			ex);
}

static enum x86_result mmio_to_user(struct vcpu *vcpu, u64 gpa, void *data,
				    u32 len, bool write)
{
	struct kvm_run *run = vcpu->run;

	if (len > sizeof(run->mmio.data))
		return X86_UNHANDLED;
	run->exit_reason = KVM_EXIT_MMIO;
	run->mmio.phys_addr = gpa;
	run->mmio.len = len;
	run->mmio.is_write = write;
	memset(run->mmio.data, 0, sizeof(run->mmio.data));
	if (write)
		memcpy(run->mmio.data, data, len);
	vcpu->emul.wait = write ? EMUL_WAIT_WRITE : EMUL_WAIT_MMIO;
	vcpu->emul.wait_len = len;
	vcpu->stats.mmio_exits++;
	return X86_WAIT;
}

static void trace_access(struct vcpu *vcpu, u64 gpa, const void *data, u32 len,
			 bool write)
{
	u64 val = 0;

	if (!trace_vintc_mmio_enabled())
		return;
	memcpy(&val, data, min_t(u32, len, sizeof(val)));
	trace_vintc_mmio(vcpu->id, write, gpa, len, val);
}

/* One access that lies within a page. */
static enum x86_result access_page(struct emulation *em, u64 gpa, void *data,
				   u32 len, bool write)
{
	struct vcpu *vcpu = em->vcpu;
	struct memory *mem = &vcpu->vm->mem;

	if (write ? deliver_mmio_write(vcpu, gpa, data, len) :
		    deliver_mmio_read(vcpu, gpa, data, len)) {
		trace_access(vcpu, gpa, data, len, write);
		return X86_DONE;
	}
	if (em->atomic) {
		em->slept = true;
		return X86_UNHANDLED;
	}
	if (memory_hva(mem, gpa, write)) {
		em->error = write ? memory_write(mem, gpa, data, len) :
				    memory_read(mem, gpa, data, len);
		return em->error ? X86_UNHANDLED : X86_DONE;
	}
	trace_access(vcpu, gpa, data, len, write);
	if (write && bus_write(vcpu->vm, BUS_MMIO, gpa, data, len))
		return X86_DONE;
	return mmio_to_user(vcpu, gpa, data, len, write);
}

static enum x86_result access(struct emulation *em, u64 linear, void *data,
			      u32 len, bool write, struct x86_exception *ex)
{
	struct emul_state *e = &em->vcpu->emul;
	u32 how = write ? WALK_WRITE : 0;
	u32 first = min_t(u32, len, PAGE_SIZE - (linear & ~PAGE_MASK));
	enum x86_result res;
	u64 gpa, gpa2;
	int r;

	if (replay(e, write ? NULL : data, len))
		return X86_DONE;
	if (log_full(e))
		return X86_UNHANDLED;
	r = translate(em, linear, how, &gpa, ex);
	if (!r && first < len)
		r = translate(em, linear + first, how, &gpa2, ex);
	if (r == 1)
		return X86_FAULT;
	if (r) {
		em->slept = em->atomic;
		em->error = r;
		return X86_UNHANDLED;
	}
	if (first < len) {
		/* Over two pages: memory only. */
		if (em->atomic) {
			em->slept = true;
			return X86_UNHANDLED;
		}
		if (!memory_hva(&em->vcpu->vm->mem, gpa, write) ||
		    !memory_hva(&em->vcpu->vm->mem, gpa2, write))
			return X86_UNHANDLED;
		res = access_page(em, gpa, data, first, write);
		if (res == X86_DONE)
			res = access_page(em, gpa2, data + first, len - first,
					  write);
	} else {
		res = access_page(em, gpa, data, len, write);
	}
	if (res == X86_DONE)
		record(e, write ? NULL : data, len);
	return res;
}

static enum x86_result mem_read(void *ctx, u64 linear, void *data, u32 len,
				struct x86_exception *ex)
{
	return access(ctx, linear, data, len, false, ex);
}

static enum x86_result mem_write(void *ctx, u64 linear, const void *data, u32 len,
				 struct x86_exception *ex)
{
	return access(ctx, linear, (void *)data, len, true, ex);
}

/*
 * A locked operation gets here only where the operand is a device's or in a
 * read-only slot: a read and a write are all there is. For all but CMPXCHG the
 * read was made just before.
 */
static enum x86_result mem_cmpxchg(void *ctx, u64 linear, void *old,
				   const void *new, u32 len,
				   struct x86_exception *ex)
{
	struct emulation *em = ctx;
	enum x86_result r;
	u8 found[16];

	if (!em->vcpu->emul.next) {
		r = access(em, linear, found, len, false, ex);
		if (r != X86_DONE)
			return r;
		if (memcmp(found, old, len)) {
			memcpy(old, found, len);
			return X86_DONE;
		}
	}
	return access(em, linear, (void *)new, len, true, ex);
}

static bool port_in_kernel(struct vcpu *vcpu, u16 number, void *data, u32 len,
			   bool in)
{
	if (in)
		return isa_read(vcpu->vm, number, data, len);
	return isa_write(vcpu->vm, number, data, len) ||
	       bus_write(vcpu->vm, BUS_PIO, number, data, len);
}

static enum x86_result port(struct emulation *em, u16 number, void *data, u32 len,
			    bool in)
{
	struct vcpu *vcpu = em->vcpu;
	struct emul_state *e = &vcpu->emul;
	struct kvm_run *run = vcpu->run;

	if (replay(e, in ? data : NULL, len))
		return X86_DONE;
	if (em->atomic) {
		em->slept = true;
		return X86_UNHANDLED;
	}
	if (!log_full(e) && port_in_kernel(vcpu, number, data, len, in)) {
		record(e, in ? data : NULL, len);
		return X86_DONE;
	}
	run->exit_reason = KVM_EXIT_IO;
	run->io.direction = in ? KVM_EXIT_IO_IN : KVM_EXIT_IO_OUT;
	run->io.size = len;
	run->io.port = number;
	run->io.count = 1;
	run->io.data_offset = VCPU_PIO_OFFSET;
	if (!in)
		memcpy((u8 *)run + VCPU_PIO_OFFSET, data, len);
	e->wait = in ? EMUL_WAIT_PORT : EMUL_WAIT_WRITE;
	e->wait_len = len;
	vcpu->stats.io_exits++;
	return X86_WAIT;
}

static enum x86_result port_in(void *ctx, u16 number, void *data, u32 len,
			       struct x86_exception *ex)
{
	return port(ctx, number, data, len, true);
}

static enum x86_result port_out(void *ctx, u16 number, const void *data, u32 len,
				struct x86_exception *ex)
{
	return port(ctx, number, (void *)data, len, false);
}

/* Does something in the kernel listen at the port? */
static bool port_taken(struct vm *vm, u16 number, u32 len, bool in)
{
	return isa_has_port(vm, number, len) ||
	       (!in && bus_watches(vm, BUS_PIO, number, len));
}

/* The first element on the port is the last one in memory. */
static void reverse(u8 *data, u32 size, u32 n)
{
	u32 i, k;

	for (i = 0; i < n / 2; i++)
		for (k = 0; k < size; k++)
			swap(data[i * size + k], data[(n - 1 - i) * size + k]);
}

static void block_to_user(struct vcpu *vcpu, const struct x86_block *b)
{
	struct kvm_run *run = vcpu->run;

	run->exit_reason = KVM_EXIT_IO;
	run->io.direction = b->in ? KVM_EXIT_IO_IN : KVM_EXIT_IO_OUT;
	run->io.size = b->size;
	run->io.port = b->port;
	run->io.count = b->n;
	run->io.data_offset = VCPU_PIO_OFFSET;
	vcpu->emul.wait = EMUL_WAIT_BLOCK;
	vcpu->emul.wait_len = b->n;
	vcpu->stats.io_exits++;
}

/*
 * A string to or from user space, which gets all of it at once. When the
 * instruction is started again @e->block elements have been answered; there is
 * less to do by then only if user space has changed the registers.
 */
static enum x86_result port_block(void *ctx, struct x86_block *b,
				  struct x86_exception *ex)
{
	struct emulation *em = ctx;
	struct vcpu *vcpu = em->vcpu;
	struct memory *mem = &vcpu->vm->mem;
	u8 *data = (u8 *)vcpu->run + VCPU_PIO_OFFSET;
	u32 have = vcpu->emul.block;
	u64 gpa;
	int r;

	if (em->atomic) {
		em->slept = true;
		return X86_UNHANDLED;
	}
	vcpu->emul.block = 0;
	if (have)
		b->n = min(b->n, have);
	if (have && !b->in)
		return X86_DONE;
	r = translate(em, b->linear, b->in ? WALK_WRITE : 0, &gpa, ex);
	if (r == 1)
		return X86_FAULT;
	if (!r && b->down)
		gpa -= (b->n - 1) * b->size;
	if (!r && ((!have && port_taken(vcpu->vm, b->port, b->size, b->in)) ||
		   !memory_hva(mem, gpa, b->in))) {
		b->n = 0;
		return X86_DONE;
	}
	if (!r && have && b->down)
		reverse(data, b->size, b->n);
	if (!r && have)
		r = memory_write(mem, gpa, data, b->n * b->size);
	else if (!r && !b->in)
		r = memory_read(mem, gpa, data, b->n * b->size);
	em->error = r;
	if (r)
		return X86_UNHANDLED;
	if (have)
		return X86_DONE;
	if (b->down && !b->in)
		reverse(data, b->size, b->n);
	block_to_user(vcpu, b);
	return X86_WAIT;
}

/* INS: the port's read can't be undone, so its store must be known to work. */
static enum x86_result mem_probe(void *ctx, u64 linear, u32 len,
				 struct x86_exception *ex)
{
	struct emulation *em = ctx;
	u64 gpa;
	int r;

	if (em->vcpu->emul.next < em->vcpu->emul.n)
		return X86_DONE;
	r = translate(em, linear, WALK_WRITE, &gpa, ex);
	if (!r && (linear ^ (linear + len - 1)) & PAGE_MASK)
		r = translate(em, linear + len - 1, WALK_WRITE, &gpa, ex);
	if (r < 0) {
		em->slept = em->atomic;
		em->error = r;
		return X86_UNHANDLED;
	}
	return r ? X86_FAULT : X86_DONE;
}

static const struct x86_memory guest_memory = {
	.read = mem_read,
	.write = mem_write,
	.cmpxchg = mem_cmpxchg,
	.in = port_in,
	.out = port_out,
	.block = port_block,
	.probe = mem_probe,
};

/* ------------------------------------------------------------ emulation */

static void load_cpu(struct emulation *em)
{
	struct vcpu *vcpu = em->vcpu;
	struct cpu_state st;

	vcpu->vm->ops->get_state(vcpu, &st, STATE_SEGS);
	memcpy(em->cpu.gpr, vcpu->gpr, sizeof(vcpu->gpr));
	memcpy(em->cpu.seg, st.seg, sizeof(st.seg));
	em->cpu.rip = vcpu->rip;
	em->cpu.rflags = vcpu->rflags;
	em->cpu.mode = em->fetch.mode;
	em->cpu.cpl = st.cpl;
	em->cpu.la57 = em->fetch.paging.cr4 & BIT(12);
}

static void store_cpu(struct emulation *em)
{
	struct vcpu *vcpu = em->vcpu;

	memcpy(vcpu->gpr, em->cpu.gpr, sizeof(vcpu->gpr));
	vcpu->rip = em->cpu.rip;
	vcpu->rflags = em->cpu.rflags;
	vcpu->interrupt_shadow = false;
	vcpu->emul.n = vcpu->emul.next = 0;
}

static int give_up(struct emulation *em)
{
	struct vcpu *vcpu = em->vcpu;

	if (em->slept)
		return -EAGAIN;
	vcpu->stats.insn_emulation_fail++;
	vcpu->emul.active = false;
	/* A user program must not end the guest, unless user space wants to see it. */
	if (em->cpu.cpl && !READ_ONCE(vcpu->vm->exit_on_emulation_failure)) {
		vcpu_queue_ud(vcpu);
		return GO_ON;
	}
	vcpu_internal_error(vcpu, KVM_INTERNAL_ERROR_EMULATION);
	return 0;
}

/* Is there something to see to before the rest of a string? */
static bool string_stops(const struct vcpu *vcpu)
{
	return signal_pending(current) || READ_ONCE(vcpu->run->immediate_exit) ||
	       mailbox_pending(&vcpu->mailbox) || vcpu_requests_pending(vcpu);
}

static int execute(struct emulation *em)
{
	struct vcpu *vcpu = em->vcpu;
	struct x86_exception ex;
	unsigned int i;
	bool step;

	for (i = 0; i < STRING_BATCH; i++) {
		vcpu->emul.next = 0;
		switch (x86_emulate(&em->cpu, &em->insn, &guest_memory, em, &ex, 1)) {
		case X86_DONE:
			step = vcpu->rflags & X86_EFLAGS_TF;
			store_cpu(em);
			vcpu->emul.active = false;
			if (step)
				vcpu_trap_step(vcpu);
			return GO_ON;
		case X86_AGAIN:
			store_cpu(em);
			if (em->atomic || string_stops(vcpu))
				break;
			continue;
		case X86_WAIT:
			vcpu->completion = COMPLETE_EMULATION;
			return 0;
		case X86_FAULT:
			vcpu->emul.active = false;
			vcpu_queue_fault(vcpu, &ex);
			return GO_ON;
		default:
			return give_up(em);
		}
		break;
	}
	/* The rest of the string is a new instruction to the guest. */
	vcpu->emul.active = false;
	return GO_ON;
}

static int start(struct emulation *em)
{
	struct vcpu *vcpu = em->vcpu;
	struct emul_state *e = &vcpu->emul;
	struct x86_exception ex;
	int r = GO_ON;

	vcpu->vm->ops->paging(vcpu, &em->fetch);
	em->cpu.cpl = em->fetch.user ? 3 : 0;
	if (!e->active) {
		e->n = e->next = 0;
		e->block = 0;
		e->insn_len = 0;
		e->rip = vcpu->rip;
		r = fetch_decode(vcpu, &em->fetch, &em->insn, e->insn,
				 &e->insn_len, em->atomic, &ex);
		vcpu->stats.insn_emulation++;
	} else if (x86_decode(&em->insn, e->insn, e->insn_len, em->fetch.mode)) {
		r = -EILSEQ;
	}
	if (!r) {
		vcpu_queue_fault(vcpu, &ex);
		return GO_ON;
	}
	if (r == -EFAULT && em->atomic)
		return -EAGAIN;
	if (r != GO_ON)
		return give_up(em);
	e->active = true;
	load_cpu(em);
	r = execute(em);
	if (em->error == -EFAULT && r == 0 &&
	    vcpu->run->exit_reason == KVM_EXIT_INTERNAL_ERROR)
		return em->error;
	return r;
}

bool vcpu_apic_move(struct vcpu *vcpu, const struct x86_fetch *f)
{
	u64 gpa = vcpu->exit.gpa, rip;
	struct x86_insn insn;
	u64 *gpr;
	u32 val;

	if (!fetch_insn(vcpu, f, &insn) || insn.opsize != 4 || insn.lock || (gpa & 3))
		return false;
	gpr = &vcpu->gpr[((insn.modrm >> 3) & 7) | (insn.rex & 4) << 1];
	switch (insn.opcode) {
	case 0x89:
		val = *gpr;
		break;
	case 0xc7:
		val = insn.imm;
		break;
	case 0x8b:
		if (!deliver_mmio_read(vcpu, gpa, &val, sizeof(val)))
			return false;
		trace_access(vcpu, gpa, &val, sizeof(val), false);
		*gpr = val;
		goto done;
	default:
		return false;
	}
	if (!deliver_mmio_write(vcpu, gpa, &val, sizeof(val)))
		return false;
	trace_access(vcpu, gpa, &val, sizeof(val), true);
done:
	rip = vcpu->rip + insn.len;
	vcpu_finish_insn(vcpu, f->mode == X86_LONG64 ? rip : (u32)rip);
	return true;
}

int vcpu_emulate(struct vcpu *vcpu, bool atomic)
{
	struct emulation em = {
		.vcpu = vcpu,
		.atomic = atomic,
		.gpa_valid = vcpu->exit.gpa_valid,
		.gpa = vcpu->exit.gpa,
	};

	/* A descriptor table or a stack on a device: nothing to emulate. */
	if (vcpu_delivering(vcpu)) {
		vcpu_internal_error(vcpu, KVM_INTERNAL_ERROR_DELIVERY_EV);
		return 0;
	}
	return start(&em);
}

int vcpu_emulate_resume(struct vcpu *vcpu)
{
	struct emul_state *e = &vcpu->emul;
	struct kvm_run *run = vcpu->run;
	/* The address was translated before and may be so again. */
	struct emulation em = { .vcpu = vcpu };

	/* User space has sent the vCPU elsewhere since. */
	if (vcpu->rip != e->rip) {
		e->active = false;
		return GO_ON;
	}
	e->block = 0;
	switch (e->wait) {
	case EMUL_WAIT_MMIO:
		record(e, run->mmio.data, e->wait_len);
		break;
	case EMUL_WAIT_PORT:
		record(e, (u8 *)run + VCPU_PIO_OFFSET, e->wait_len);
		break;
	case EMUL_WAIT_BLOCK:
		e->block = e->wait_len;
		break;
	case EMUL_WAIT_WRITE:
		record(e, NULL, e->wait_len);
		break;
	}
	return start(&em);
}
