// SPDX-License-Identifier: GPL-2.0-only
/* KUnit: GSI routing, on a VM without vCPUs: what is refused, what is kept. */
#include <kunit/test.h>
#include <linux/slab.h>

#include "vm.h"

#define MSI_ADDRESS 0xfee00000

static void drop_vm(void *p)
{
	struct vm *vm = p;

	route_free(vm);
	kvfree(rcu_dereference_protected(vm->dests, true));
	stats_vm_free(vm);
	kfree(vm);
}

static struct vm_stats counted(const struct vm *vm)
{
	struct vm_stats sum;

	stats_vm_sum(vm, &sum);
	return sum;
}

static struct vm *fake_vm(struct kunit *test)
{
	struct vm *vm = kzalloc(sizeof(*vm), GFP_KERNEL);
	struct vm_dests *dests = kvzalloc(sizeof(*dests), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, vm);
	mutex_init(&vm->lock);
	raw_spin_lock_init(&vm->irq_lock);
	bypass_vm_init(vm);
	pic_init(&vm->pic);
	vm->pic.chip[0].imr = vm->pic.chip[1].imr = 0xff;
	if (dests) {
		dest_map_build(&dests->map); /* of nobody */
		RCU_INIT_POINTER(vm->dests, dests);
	}
	KUNIT_EXPECT_EQ(test, 0, stats_vm_init(vm));
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, drop_vm, vm));
	KUNIT_ASSERT_NOT_NULL(test, (void __force *)vm->stats);
	KUNIT_ASSERT_NOT_NULL(test, dests);
	mutex_lock(&vm->lock);
	ioapics_init(vm);
	KUNIT_EXPECT_EQ(test, 0, route_init(vm));
	vm->irqchip = true;
	mutex_unlock(&vm->lock);
	return vm;
}

#define PIN(line, chip, n)                                                   \
	{ .gsi = (line), .type = KVM_IRQ_ROUTING_IRQCHIP,                    \
	  .u.irqchip = { .irqchip = (chip), .pin = (n) } }
#define MSI(line, what)                                                      \
	{ .gsi = (line), .type = KVM_IRQ_ROUTING_MSI,                        \
	  .u.msi = { .address_lo = MSI_ADDRESS, .data = (what) } }

static void unmask(struct vm *vm, unsigned int n, u8 vector)
{
	ioapic_put_rte(&vm->ioapic, n, vector);
}

static void defaults(struct kunit *test)
{
	struct vm *vm = fake_vm(test);

	/* Masked: ignored. Lowering always succeeds. */
	KUNIT_EXPECT_EQ(test, -1, route_line(vm, 23, true));
	KUNIT_EXPECT_EQ(test, 1, route_line(vm, 23, false));
	KUNIT_EXPECT_EQ(test, -1, route_line(vm, 24, true)); /* no such pin */
	KUNIT_EXPECT_EQ(test, -EINVAL, route_line(vm, VM_MAX_GSIS, true));
	/* Unmasked, an edge makes a message; nobody is there to take it. */
	unmask(vm, 5, 0x35);
	KUNIT_EXPECT_EQ(test, -1, route_line(vm, 5, true));
	KUNIT_EXPECT_EQ(test, 1, (int)counted(vm).no_target);
	/* The PIC, beside it, takes a request without anybody. */
	vm->pic.chip[0].imr = 0;
	KUNIT_EXPECT_EQ(test, 1, route_line(vm, 6, true));
	KUNIT_EXPECT_TRUE(test, vm->pic.output);
	KUNIT_EXPECT_EQ(test, 0, route_line(vm, 6, true));
	KUNIT_EXPECT_EQ(test, 2, route_line(vm, 6, false)); /* of both */
}

static void no_chip(struct kunit *test)
{
	const struct kvm_msi m = { .address_lo = MSI_ADDRESS, .data = 0x40 };
	struct kvm_irq_routing_entry e = MSI(1, 0x40);
	struct vm *vm = fake_vm(test);

	vm->irqchip = false;
	KUNIT_EXPECT_EQ(test, -ENXIO, route_line(vm, 1, true));
	KUNIT_EXPECT_EQ(test, -EINVAL, route_msi(vm, &m));
	KUNIT_EXPECT_EQ(test, -EINVAL, route_set_entries(vm, &e, 1));
}

static void refused(struct kunit *test)
{
	static const struct kvm_irq_routing_entry e[][2] = {
		{ PIN(VM_MAX_GSIS, KVM_IRQCHIP_IOAPIC, 0) },
		{ PIN(~0u, KVM_IRQCHIP_IOAPIC, 0) },
		{ PIN(0, KVM_IRQCHIP_IOAPIC, 24) },
		{ PIN(0, KVM_IRQCHIP_PIC_MASTER, 8) },
		{ PIN(0, KVM_IRQCHIP_PIC_SLAVE, 8) },
		{ PIN(0, 3, 0) },
		{ { .type = 0 } }, { { .type = 3 } }, { { .type = 5 } },
		{ { .type = KVM_IRQ_ROUTING_MSI, .flags = 2 } },
		{ { .type = KVM_IRQ_ROUTING_MSI, .pad = 1 } },
		{ { .type = KVM_IRQ_ROUTING_IRQCHIP, .flags = 1 } },
		{ MSI(7, 1), MSI(7, 2) },
		{ MSI(7, 1), PIN(7, KVM_IRQCHIP_IOAPIC, 1) },
		{ PIN(7, KVM_IRQCHIP_IOAPIC, 2), PIN(7, KVM_IRQCHIP_IOAPIC, 1) },
	};
	struct vm *vm = fake_vm(test);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(e); i++)
		KUNIT_EXPECT_EQ_MSG(test, -EINVAL,
				    route_set_entries(vm, e[i], i < 12 ? 1 : 2),
				    "case %u", i);
	/* The default table is still there. */
	KUNIT_EXPECT_EQ(test, 1, route_line(vm, 23, false));
}

static void replaced(struct kunit *test)
{
	static const struct kvm_irq_routing_entry e[] = {
		PIN(40, KVM_IRQCHIP_IOAPIC, 9),
		PIN(40, KVM_IRQCHIP_PIC_SLAVE, 1),
		PIN(40, KVM_IRQCHIP_PIC_MASTER, 1),
		MSI(4095, 0x51),
	};
	struct vm *vm = fake_vm(test);

	KUNIT_ASSERT_EQ(test, 0, route_set_entries(vm, e, ARRAY_SIZE(e)));
	KUNIT_EXPECT_EQ(test, -1, route_line(vm, 23, false)); /* gone */
	KUNIT_EXPECT_EQ(test, 1, route_line(vm, 40, false));
	KUNIT_EXPECT_EQ(test, -1, route_line(vm, 4095, true));
	KUNIT_EXPECT_EQ(test, 1, (int)counted(vm).msi_sent);
	/* An MSI has no level to fall. */
	KUNIT_EXPECT_EQ(test, -1, route_line(vm, 4095, false));
	KUNIT_EXPECT_EQ(test, 1, (int)counted(vm).msi_sent);
	KUNIT_ASSERT_EQ(test, 0, route_set_entries(vm, NULL, 0));
	KUNIT_EXPECT_EQ(test, -1, route_line(vm, 40, false));
}

static void signal_msi(struct kunit *test)
{
	struct kvm_msi m = { .address_lo = MSI_ADDRESS, .data = 0x40 };
	struct vm *vm = fake_vm(test);

	KUNIT_EXPECT_EQ(test, 0, route_msi(vm, &m)); /* addresses nobody */
	m.devid = 77; /* means nothing without its flag */
	KUNIT_EXPECT_EQ(test, 0, route_msi(vm, &m));
	m.flags = 1;
	KUNIT_EXPECT_EQ(test, -EINVAL, route_msi(vm, &m));
	m.flags = 0;
	m.pad[11] = 1;
	KUNIT_EXPECT_EQ(test, -EINVAL, route_msi(vm, &m));
	m.pad[11] = 0;
	m.address_lo = 0x1000; /* an offset will do */
	KUNIT_EXPECT_EQ(test, 0, route_msi(vm, &m));
	m.address_hi = 1;
	KUNIT_EXPECT_EQ(test, -EINVAL, route_msi(vm, &m));
}

/* Local APICs alone: no chip has pins; level MSIs of pins want their EOI. */
static void split(struct kunit *test)
{
	static const struct kvm_irq_routing_entry pin = PIN(3, KVM_IRQCHIP_IOAPIC, 3);
	static const struct kvm_irq_routing_entry e[] = {
		MSI(0, 0xc040), MSI(1, 0x0041), MSI(23, 0xc042), MSI(24, 0xc043),
	};
	struct vm *vm = fake_vm(test);
	struct exitmap map = {};
	struct dest_map *dests;

	vm->split = true;
	vm->split_pins = 24;
	KUNIT_EXPECT_EQ(test, -EINVAL, route_set_entries(vm, &pin, 1));
	KUNIT_ASSERT_EQ(test, 0, route_set_entries(vm, e, ARRAY_SIZE(e)));
	rcu_read_lock();
	dests = &rcu_dereference(vm->dests)->map;
	dests->n = 1;
	dests->view[0].present = dests->view[0].enabled = true;
	dests->view[0].mode = LAPIC_XAPIC;
	dest_map_build(dests);
	route_exitmap(vm, &map, dests, 0);
	KUNIT_EXPECT_EQ(test, 5ULL, map.bits[1]); /* 40 and 42 */
	KUNIT_EXPECT_EQ(test, 0ULL, map.bits[0] | map.bits[2] | map.bits[3]);
	rcu_read_unlock();
}

/* Which GSI is told of a pin's EOI. */
static void leads(struct kunit *test)
{
	struct vm *vm = fake_vm(test);

	rcu_read_lock();
	KUNIT_EXPECT_TRUE(test, route_leads_to(vm, 9, KVM_IRQCHIP_IOAPIC, 9));
	KUNIT_EXPECT_TRUE(test, route_leads_to(vm, 9, KVM_IRQCHIP_PIC_SLAVE, 1));
	KUNIT_EXPECT_FALSE(test, route_leads_to(vm, 9, KVM_IRQCHIP_PIC_MASTER, 1));
	KUNIT_EXPECT_FALSE(test, route_leads_to(vm, 9, KVM_IRQCHIP_IOAPIC, 8));
	KUNIT_EXPECT_FALSE(test, route_leads_to(vm, 4000, KVM_IRQCHIP_IOAPIC, 8));
	rcu_read_unlock();
}

static struct kunit_case route_cases[] = {
	KUNIT_CASE(defaults),
	KUNIT_CASE(no_chip),
	KUNIT_CASE(refused),
	KUNIT_CASE(replaced),
	KUNIT_CASE(signal_msi),
	KUNIT_CASE(split),
	KUNIT_CASE(leads),
	{}
};

static struct kunit_suite route_suite = {
	.name = "vintc_route",
	.test_cases = route_cases,
};

kunit_test_suites(&route_suite);
