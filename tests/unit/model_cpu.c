// SPDX-License-Identifier: GPL-2.0-only
/*
 * The software CPU with its hypervisor around the engine: what interrupts it
 * between instructions, nested conditions, behaviours A to E, and that a guest
 * can't tell flavours apart.
 */
#include "check.h"
#include "model_script.h"

static struct mvm cpu_vm[MODEL_FLAVOURS];

static struct mvm *cpu_fresh(enum model_flavour flavour, u32 n)
{
	mvm_init(&cpu_vm[flavour], flavour, n);
	mvm_settle(&cpu_vm[flavour]);
	cpu_vm[flavour].events = 0;
	return &cpu_vm[flavour];
}

#define EACH_FLAVOUR(f) for (f = MODEL_SVM; f < MODEL_FLAVOURS; f++)

/* STI holds interrupts back for one instruction; HLT after it is woken. */
TEST(cpu_sti)
{
	u32 f;

	EACH_FLAVOUR(f) {
		struct mvm *vm = cpu_fresh(f, 1);

		mvm_msi(vm, 0, 0x41, IRQ_FIXED);
		CHECK_ROW(f, vm->ntaken[0], 0);
		mvm_op(vm, 0, MODEL_STI, 0, 0);
		CHECK_ROW(f, vm->ntaken[0], 0);
		CHECK_ROW(f, mvm_op(vm, 0, MODEL_HLT, 0, 0), MODEL_DONE);
		CHECK_ROW(f, vm->ntaken[0], 1);
		CHECK_ROW(f, vm->taken[0][0], 0x41);
		CHECK_ROW(f, vm->cpu[0].host.cpu.activity, MODEL_RUNS);
		CHECK_ROW(f, !vm->wrong, true);
	}
}

/* STI with IF set already has no shadow. CLI at once. */
TEST(cpu_sti_again)
{
	u32 f;

	EACH_FLAVOUR(f) {
		struct mvm *vm = cpu_fresh(f, 1);

		mvm_op(vm, 0, MODEL_STI, 0, 0);
		mvm_op(vm, 0, MODEL_STI, 0, 0);
		CHECK_ROW(f, vm->cpu[0].host.cpu.shadow, false);
		mvm_op(vm, 0, MODEL_CLI, 0, 0);
		mvm_msi(vm, 0, 0x41, IRQ_FIXED);
		mvm_op(vm, 0, MODEL_NOP, 0, 0);
		CHECK_ROW(f, vm->ntaken[0], 0);
	}
}

/* IRET gives back what IF was: an NMI's handler may have been entered so. */
TEST(cpu_iret_gives_back)
{
	u32 f;

	EACH_FLAVOUR(f) {
		struct mvm *vm = cpu_fresh(f, 1);

		mvm_msi(vm, 0, 0, IRQ_NMI);
		mvm_op(vm, 0, MODEL_IRET, 0, 0);
		CHECK_ROW(f, vm->cpu[0].host.cpu.iflag, false);
		mvm_op(vm, 0, MODEL_STI, 0, 0);
		mvm_msi(vm, 0, 0, IRQ_NMI);
		mvm_op(vm, 0, MODEL_IRET, 0, 0);
		CHECK_ROW(f, vm->cpu[0].host.cpu.iflag, true);
	}
}

TEST(cpu_cr8)
{
	u32 f;

	EACH_FLAVOUR(f) {
		struct mvm *vm = cpu_fresh(f, 1);

		CHECK_ROW(f, mvm_op(vm, 0, MODEL_WRCR8, 0, 9), MODEL_DONE);
		CHECK_ROW(f, mvm_op(vm, 0, MODEL_WRCR8, 0, 16), MODEL_FAULT);
		CHECK_ROW(f, mvm_read(vm, 0, MODEL_RDCR8, 0), 9);
		CHECK_ROW(f, mvm_read(vm, 0, MODEL_READ, 0xfee00080), 0x90);
	}
}

/* A handler is interrupted by a higher class alone; IRET goes back. */
TEST(cpu_nesting)
{
	u32 f;

	EACH_FLAVOUR(f) {
		struct mvm *vm = cpu_fresh(f, 1);

		mvm_op(vm, 0, MODEL_STI, 0, 0);
		mvm_op(vm, 0, MODEL_NOP, 0, 0);
		mvm_msi(vm, 0, 0x51, IRQ_FIXED);
		mvm_op(vm, 0, MODEL_STI, 0, 0);
		mvm_op(vm, 0, MODEL_NOP, 0, 0);
		mvm_msi(vm, 0, 0x5f, IRQ_FIXED);
		CHECK_ROW(f, vm->ntaken[0], 1);
		mvm_msi(vm, 0, 0x61, IRQ_FIXED);
		CHECK_ROW(f, vm->ntaken[0], 2);
		CHECK_ROW(f, vm->cpu[0].host.cpu.depth, 2);
		mvm_op(vm, 0, MODEL_EOI, 0, 0);
		mvm_op(vm, 0, MODEL_IRET, 0, 0);
		CHECK_ROW(f, vm->ntaken[0], 2);
		mvm_op(vm, 0, MODEL_EOI, 0, 0);
		CHECK_ROW(f, vm->ntaken[0], 3);
		CHECK_ROW(f, vm->taken[0][2], 0x5f);
		CHECK_ROW(f, !vm->wrong, true);
	}
	CHECK_EQ(mvm_op(cpu_fresh(MODEL_SVM, 1), 0, MODEL_IRET, 0, 0),
		 MODEL_FAULT);
}

/* NMIs: one in its handler masks the next until IRET. */
TEST(cpu_nmi)
{
	u32 f;

	EACH_FLAVOUR(f) {
		struct mvm *vm = cpu_fresh(f, 1);

		mvm_msi(vm, 0, 0, IRQ_NMI);
		CHECK_ROW(f, vm->ntaken[0], 1);
		mvm_msi(vm, 0, 0, IRQ_NMI);
		CHECK_ROW(f, vm->ntaken[0], 1);
		mvm_op(vm, 0, MODEL_NOP, 0, 0);
		CHECK_ROW(f, vm->ntaken[0], 1);
		mvm_op(vm, 0, MODEL_IRET, 0, 0);
		CHECK_ROW(f, vm->ntaken[0], 2);
		CHECK_ROW(f, !vm->wrong, true);
	}
}

static void cpu_level_entry(struct mvm *vm, u32 vector, u32 dest)
{
	struct ioapic_out io = { .n = 0 };

	ioapic_write(&vm->ioapic, 0, 0x11 + 2 * 16, &io);
	ioapic_write(&vm->ioapic, 0x10, dest << 24, &io);
	ioapic_write(&vm->ioapic, 0, 0x10 + 2 * 16, &io);
	ioapic_write(&vm->ioapic, 0x10, 0x8000 | vector, &io);
	mvm_ioapic(vm, &io);
	mvm_settle(vm);
}

static bool cpu_remote_irr(const struct mvm *vm)
{
	return vm->ioapic.rte[16] & IOAPIC_RTE_REMOTE_IRR;
}

/* A: scanned at once in L2, loaded when L1 runs again. */
TEST(cpu_behaviour_a)
{
	struct mvm *vm = cpu_fresh(MODEL_APICV, 1);
	struct mvm_cpu *c = &vm->cpu[0];

	mvm_op(vm, 0, MODEL_STI, 0, 0);
	mvm_op(vm, 0, MODEL_VMXON, 0, 0);
	mvm_op(vm, 0, MODEL_ENTER_L2, 0, 0);
	cpu_level_entry(vm, 0x41, 0);
	CHECK(exitmap_has(&c->handled, 0x41));
	CHECK(!(c->host.cpu.vapic.eoi_exit[1] & 2));
	mvm_line(vm, 16, true);
	mvm_line(vm, 16, false);
	CHECK_EQ(vm->ntaken[0], 1);
	mvm_op(vm, 0, MODEL_EXIT_L2, 0, 0);
	CHECK(c->host.cpu.vapic.eoi_exit[1] & 2);
	CHECK(cpu_remote_irr(vm));
	mvm_op(vm, 0, MODEL_EOI, 0, 0);
	CHECK_EQ(mvm_count(vm, 0, MODEL_EV_EXIT, VMX_EXIT_EOI), 1);
	CHECK(!cpu_remote_irr(vm));
	CHECK(!vm->wrong);
}

/* B: a trap's value is read from the page. */
TEST(cpu_behaviour_b)
{
	struct mvm *vm = cpu_fresh(MODEL_AVIC, 1);

	cpu_level_entry(vm, 0x41, 0);
	mvm_op(vm, 0, MODEL_STI, 0, 0);
	mvm_op(vm, 0, MODEL_NOP, 0, 0);
	mvm_line(vm, 16, true);
	mvm_line(vm, 16, false);
	CHECK(cpu_remote_irr(vm));
	mvm_op(vm, 0, MODEL_EOI, 0, 0);
	CHECK_EQ(mvm_count(vm, 0, MODEL_EV_EXIT, SVM_EXIT_NOACCEL), 1);
	CHECK(!cpu_remote_irr(vm));
	CHECK_EQ(lapic_get(&vm->cpu[0].lapic, LAPIC_ISR + 0x20), 0);
	CHECK(!vm->wrong);
}

/* C: the EOI after the entry has gone elsewhere is seen, once. */
TEST(cpu_behaviour_c)
{
	struct mvm *vm = cpu_fresh(MODEL_APICV, 2);

	mvm_op(vm, 0, MODEL_STI, 0, 0);
	mvm_op(vm, 0, MODEL_NOP, 0, 0);
	cpu_level_entry(vm, 0x41, 0);
	mvm_line(vm, 16, true);
	mvm_line(vm, 16, false);
	cpu_level_entry(vm, 0x41, 1);
	mvm_op(vm, 0, MODEL_EOI, 0, 0);
	CHECK_EQ(mvm_count(vm, 0, MODEL_EV_EXIT, VMX_EXIT_EOI), 1);
	CHECK(!cpu_remote_irr(vm));
	mvm_op(vm, 0, MODEL_IRET, 0, 0);
	mvm_msi(vm, 0, 0x41, IRQ_FIXED);
	mvm_op(vm, 0, MODEL_EOI, 0, 0);
	CHECK_EQ(vm->ntaken[0], 2);
	CHECK_EQ(mvm_count(vm, 0, MODEL_EV_EXIT, VMX_EXIT_EOI), 1);
	CHECK(!vm->wrong);
}

/* D: INIT waits and SIPI is lost, in root operation and with GIF clear. */
TEST(cpu_behaviour_d)
{
	static const struct {
		u8 flavour, block, open;
	} rows[] = {
		{ MODEL_VMX, MODEL_VMXON, MODEL_VMXOFF },
		{ MODEL_APICV, MODEL_VMXON, MODEL_VMXOFF },
		{ MODEL_SVM, MODEL_CLGI, MODEL_STGI },
		{ MODEL_X2AVIC, MODEL_CLGI, MODEL_STGI },
	};
	u32 i;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		struct mvm *vm = cpu_fresh(rows[i].flavour, 2);
		struct mvm_cpu *c = &vm->cpu[1];

		mvm_op(vm, 1, rows[i].block, 0, 0);
		mvm_msi(vm, 1, 0, IRQ_INIT);
		mvm_msi(vm, 1, 8, IRQ_STARTUP);
		CHECK_ROW(i, c->host.cpu.activity, MODEL_RUNS);
		CHECK_ROW(i, c->mailbox.events, MAILBOX_INIT);
		CHECK_ROW(i, mvm_op(vm, 1, rows[i].open, 0, 0), MODEL_DONE);
		CHECK_ROW(i, c->host.cpu.activity, MODEL_WAITS);
		CHECK_ROW(i, c->mailbox.events, 0);
		CHECK_ROW(i, mvm_op(vm, 1, MODEL_NOP, 0, 0), MODEL_STOPPED);
		mvm_msi(vm, 1, 8, IRQ_STARTUP);
		CHECK_ROW(i, c->host.cpu.activity, MODEL_RUNS);
		CHECK_ROW(i, !vm->wrong, true);
	}
}

/* D: INIT in L2 is L1's to know; an interrupt with it stays pending. */
TEST(cpu_behaviour_d_nested)
{
	struct mvm *vm = cpu_fresh(MODEL_VMX, 1);
	struct irq_message msg = { .delivery = IRQ_INIT,
				   .source = IRQ_SOURCE_NONE };
	struct mvm_cpu *c = &vm->cpu[0];

	mvm_op(vm, 0, MODEL_VMXON, 0, 0);
	mvm_op(vm, 0, MODEL_ENTER_L2, 0, 1);
	mvm_send(vm, &msg);
	mvm_msi(vm, 0, 0x41, IRQ_FIXED);
	CHECK_EQ(mvm_count(vm, 0, MODEL_EV_L2_EXIT, VMX_EXIT_INIT), 1);
	CHECK_EQ(mvm_count(vm, 0, MODEL_EV_L2_EXIT, ~0U), 1);
	CHECK(!c->host.cpu.l2 && c->host.cpu.vmx_on);
	CHECK_EQ(c->mailbox.events, 0);
	CHECK_EQ(c->host.cpu.activity, MODEL_RUNS);
	CHECK_EQ(vm->ntaken[0], 0);
	mvm_op(vm, 0, MODEL_STI, 0, 0);
	mvm_op(vm, 0, MODEL_NOP, 0, 0);
	CHECK_EQ(vm->ntaken[0], 1);

	/* An interrupt first: then it is root operation that INIT meets. */
	vm = cpu_fresh(MODEL_VMX, 1);
	mvm_op(vm, 0, MODEL_VMXON, 0, 0);
	mvm_op(vm, 0, MODEL_ENTER_L2, 0, 1);
	mvm_msi(vm, 0, 0x41, IRQ_FIXED);
	CHECK_EQ(mvm_count(vm, 0, MODEL_EV_L2_EXIT, VMX_EXIT_INTERRUPT), 1);
	mvm_msi(vm, 0, 0, IRQ_INIT);
	CHECK_EQ(c->host.cpu.activity, MODEL_RUNS);
	CHECK_EQ(c->mailbox.events, MAILBOX_INIT);
	CHECK(!vm->wrong);
}

/* E: what is posted to a running guest costs no exit at all. */
TEST(cpu_behaviour_e)
{
	static const struct {
		u8 flavour;
		u8 told;
	} rows[] = {
		{ MODEL_APICV, MODEL_EV_NOTIFY },
		{ MODEL_AVIC, MODEL_EV_DOORBELL },
		{ MODEL_X2AVIC, MODEL_EV_DOORBELL },
	};
	u32 i;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		struct mvm *vm = cpu_fresh(rows[i].flavour, 1);

		mvm_op(vm, 0, MODEL_STI, 0, 0);
		mvm_op(vm, 0, MODEL_NOP, 0, 0);
		mvm_msi(vm, 0, 0x41, IRQ_FIXED);
		mvm_op(vm, 0, MODEL_EOI, 0, 0);
		mvm_op(vm, 0, MODEL_IRET, 0, 0);
		CHECK_ROW(i, vm->ntaken[0], 1);
		CHECK_ROW(i, mvm_count(vm, 0, rows[i].told, ~0U), 1);
		CHECK_ROW(i, mvm_count(vm, 0, MODEL_EV_EXIT, ~0U), 0);
		CHECK_ROW(i, !vm->wrong, true);
	}
}

/* What was posted is seen in TMR at once, on every flavour. */
TEST(cpu_trigger_modes)
{
	u32 f;

	EACH_FLAVOUR(f) {
		struct mvm *vm = cpu_fresh(f, 1);

		cpu_level_entry(vm, 0x41, 0);
		mvm_line(vm, 16, true);
		CHECK_ROW(f, mvm_read(vm, 0, MODEL_READ, 0xfee001a0), 2);
		CHECK_ROW(f, mvm_read(vm, 0, MODEL_READ, 0xfee00220), 2);
		CHECK_ROW(f, !vm->wrong, true);
	}
}

/* AVIC: an IPI to a CPU whose own guest runs, or that is in another mode. */
TEST(cpu_avic_not_accelerated)
{
	struct mvm *vm = cpu_fresh(MODEL_AVIC, 2);

	mvm_op(vm, 1, MODEL_STI, 0, 0);
	mvm_op(vm, 1, MODEL_ENTER_L2, 0, 0);
	mvm_op(vm, 0, MODEL_WRITE, 0xfee00310, 1 << 24);
	mvm_op(vm, 0, MODEL_WRITE, 0xfee00300, 0x41);
	CHECK_EQ(mvm_count(vm, 0, MODEL_EV_EXIT, SVM_EXIT_INCOMPLETE_IPI), 1);
	CHECK_EQ(vm->ntaken[1], 1);
	mvm_op(vm, 1, MODEL_EOI, 0, 0);
	mvm_op(vm, 1, MODEL_IRET, 0, 0);
	mvm_op(vm, 1, MODEL_EXIT_L2, 0, 0);
	mvm_op(vm, 1, MODEL_STGI, 0, 0);
	mvm_op(vm, 1, MODEL_WRMSR, 0x1b, 0xfee00c00);
	mvm_op(vm, 0, MODEL_WRITE, 0xfee00300, 0x42);
	CHECK_EQ(vm->ntaken[1], 2);
	CHECK(!vm->wrong);
}

/* Without HLT exits a CPU sleeps in its guest. */
TEST(cpu_hlt_in_guest)
{
	u32 f;

	EACH_FLAVOUR(f) {
		struct mvm *vm = cpu_fresh(f, 1);

		vm->cpu[0].host.cpu.hlt_exits = false;
		mvm_op(vm, 0, MODEL_STI, 0, 0);
		mvm_op(vm, 0, MODEL_HLT, 0, 0);
		CHECK_ROW(f, mvm_op(vm, 0, MODEL_NOP, 0, 0), MODEL_ASLEEP);
		CHECK_ROW(f, vm->cpu[0].host.cpu.in_guest, true);
		mvm_msi(vm, 0, 0x41, IRQ_FIXED);
		CHECK_ROW(f, vm->ntaken[0], 1);
		CHECK_ROW(f, mvm_op(vm, 0, MODEL_NOP, 0, 0), MODEL_DONE);
	}
}

/*
 * The same random guest on every flavour: what it reads, what it takes and in
 * what order is the same; only the exits differ.
 */
#define CPU_SCRIPT 60

TEST(cpu_flavours_agree)
{
	struct check_random random = { 0x5eed };
	u32 round, i, f, c;

	for (round = 0; round < CHECK_ROUNDS(1000); round++) {
		/* AVIC has no x2APIC mode, where it is plain SVM. */
		for (f = MODEL_SVM; f < MODEL_FLAVOURS; f++)
			cpu_fresh(f, MVM_CPUS);
		for (i = 0; i < CPU_SCRIPT; i++) {
			u64 a = check_next(&random), got, want = 0;
			struct mscript_op op;

			memcpy(&op, &a, sizeof(op));
			EACH_FLAVOUR(f) {
				got = mscript_run_op(&cpu_vm[f], &op,
						     MSCRIPT_SAME);
				if (f == MODEL_SVM)
					want = got;
				REQUIRE_ROW(round * 10000 + i * 10 + f,
					    got == want);
				REQUIRE_ROW(round * 10000 + i * 10 + f,
					    !cpu_vm[f].wrong);
				for (c = 0; c < MVM_CPUS; c++)
					REQUIRE_ROW(round * 10000 + i * 10 + f,
						    cpu_vm[f].ntaken[c] ==
						    cpu_vm[0].ntaken[c]);
			}
		}
		EACH_FLAVOUR(f)
			for (c = 0; c < MVM_CPUS; c++)
				REQUIRE_ROW(round * 10 + f,
					    !memcmp(cpu_vm[f].taken[c],
						    cpu_vm[0].taken[c],
						    MVM_EVENTS));
	}
}

/* Anything at all, nested conditions included: nothing impossible happens. */
TEST(cpu_anything)
{
	struct check_random random = { 0xbad5eed };
	u32 round, i, f;

	for (round = 0; round < CHECK_ROUNDS(500); round++)
		EACH_FLAVOUR(f) {
			struct mvm *vm = cpu_fresh(f, MVM_CPUS);

			for (i = 0; i < CPU_SCRIPT; i++) {
				u64 a = check_next(&random);
				struct mscript_op op;

				memcpy(&op, &a, sizeof(op));
				mscript_run_op(vm, &op, MSCRIPT_WHATS);
				REQUIRE_ROW(round * 10000 + i * 10 + f,
					    !vm->wrong);
			}
		}
}

#define MODEL_CPU_TESTS(X) \
	X(cpu_sti) X(cpu_sti_again) X(cpu_iret_gives_back) X(cpu_cr8) X(cpu_nesting) X(cpu_nmi) \
	X(cpu_behaviour_a) X(cpu_behaviour_b) X(cpu_behaviour_c) \
	X(cpu_behaviour_d) X(cpu_behaviour_d_nested) X(cpu_behaviour_e) X(cpu_trigger_modes) \
	X(cpu_avic_not_accelerated) X(cpu_hlt_in_guest) \
	X(cpu_flavours_agree) X(cpu_anything)
CHECK_MAIN(model_cpu, MODEL_CPU_TESTS)
