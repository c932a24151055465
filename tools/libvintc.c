// SPDX-License-Identifier: GPL-2.0-only
/* libvintc: see libvintc.h */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "libvintc.h"

#define CPUID_ENTRIES_MAX	512
#define TSS_ADDRESS		0xfffbd000ul	/* 3 pages below the firmware */
#define IDENTITY_MAP_ADDRESS	0xfffbc000ul

static int xioctl(int fd, unsigned long request, void *arg)
{
	int ret = ioctl(fd, request, arg);

	return ret < 0 ? -errno : ret;
}

/* With an argument by value */
static int vioctl(int fd, unsigned long request, unsigned long arg)
{
	return xioctl(fd, request, (void *)arg);
}

int vintc_vm_open(struct vintc_vm *vm, const char *device)
{
	uint64_t identity = IDENTITY_MAP_ADDRESS;
	int ret;

	memset(vm, 0, sizeof(*vm));
	vm->fd = -1;
	vm->dev = open(device ? device : "/dev/vintc", O_RDWR | O_CLOEXEC);
	if (vm->dev < 0)
		return -errno;
	ret = vioctl(vm->dev, KVM_GET_API_VERSION, 0);
	if (ret >= 0 && ret != KVM_API_VERSION)
		ret = -EPROTO;
	if (ret < 0)
		goto fail;
	ret = vioctl(vm->dev, KVM_GET_VCPU_MMAP_SIZE, 0);
	if (ret < 0)
		goto fail;
	vm->run_size = ret;
	ret = vioctl(vm->dev, KVM_CREATE_VM, 0);
	if (ret < 0)
		goto fail;
	vm->fd = ret;
	ret = xioctl(vm->fd, KVM_SET_IDENTITY_MAP_ADDR, &identity);
	if (!ret)
		ret = vioctl(vm->fd, KVM_SET_TSS_ADDR, TSS_ADDRESS);
	if (!ret)
		ret = vioctl(vm->fd, KVM_CREATE_IRQCHIP, 0);
	if (!ret)
		return 0;
fail:
	vintc_vm_close(vm);
	return ret;
}

void vintc_vm_close(struct vintc_vm *vm)
{
	if (vm->fd >= 0)
		close(vm->fd);
	if (vm->dev >= 0)
		close(vm->dev);
	vm->fd = vm->dev = -1;
}

int vintc_vm_extension(struct vintc_vm *vm, int cap)
{
	int ret = vioctl(vm->fd, KVM_CHECK_EXTENSION, cap);

	if (ret < 0)
		ret = vioctl(vm->dev, KVM_CHECK_EXTENSION, cap);
	return ret < 0 ? 0 : ret;
}

int vintc_vm_memory(struct vintc_vm *vm, uint64_t gpa, size_t size, void **at)
{
	struct kvm_userspace_memory_region region = {
		.slot = vm->slots,
		.guest_phys_addr = gpa,
		.memory_size = size,
	};
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int ret;

	if (memory == MAP_FAILED)
		return -errno;
	region.userspace_addr = (uintptr_t)memory;
	ret = xioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, &region);
	if (ret < 0) {
		munmap(memory, size);
		return ret;
	}
	vm->slots++;
	*at = memory;
	return 0;
}

int vintc_vm_routing(struct vintc_vm *vm,
		     const struct kvm_irq_routing_entry *entries,
		     unsigned int count)
{
	size_t size = count * sizeof(*entries);
	struct kvm_irq_routing *table = calloc(1, sizeof(*table) + size);
	int ret;

	if (!table)
		return -ENOMEM;
	table->nr = count;
	memcpy(table->entries, entries, size);
	ret = xioctl(vm->fd, KVM_SET_GSI_ROUTING, table);
	free(table);
	return ret;
}

static const char *const policies[VINTC_POLICIES] = {
	[VINTC_POLICY_LOWEST_PRIORITY] = "lowest-priority",
	[VINTC_POLICY_EXIT_MAP_IN_L2] = "exit-map-in-l2",
	[VINTC_POLICY_STALE_EOI] = "stale-eoi",
	[VINTC_POLICY_INIT_BLOCKED] = "init-blocked",
	[VINTC_POLICY_POST_NOTIFY] = "post-notify",
	[VINTC_POLICY_IOAPIC_VERSION] = "ioapic-version",
	[VINTC_POLICY_TIMER_MIN_NS] = "timer-min-ns",
	[VINTC_POLICY_ACCELERATION] = "acceleration",
	[VINTC_POLICY_LEVEL_STORM] = "level-storm",
	[VINTC_POLICY_DEADLINE] = "deadline",
	[VINTC_POLICY_IPIS] = "ipis",
};

int vintc_policy_number(const char *name)
{
	unsigned int i;

	for (i = 0; i < VINTC_POLICIES; i++)
		if (!strcmp(name, policies[i]))
			return i;
	return -EINVAL;
}

int vintc_set_policy(struct vintc_vm *vm, unsigned int policy, uint64_t value)
{
	struct vintc_policy p = { .policy = policy, .value = value };

	return xioctl(vm->fd, VINTC_SET_POLICY, &p);
}

int vintc_accelerated(struct vintc_vm *vm, uint64_t *reasons)
{
	struct vintc_inhibits in = { .flags = 0 };
	int ret = xioctl(vm->fd, VINTC_GET_INHIBITS, &in);

	if (ret)
		return ret;
	if (reasons)
		*reasons = in.reasons & in.matter;
	return !(in.reasons & in.matter);
}

int vintc_get_policy(struct vintc_vm *vm, unsigned int policy, uint64_t *value)
{
	struct vintc_policy p = { .policy = policy };
	int ret = xioctl(vm->fd, VINTC_GET_POLICY, &p);

	if (!ret)
		*value = p.value;
	return ret;
}

int vintc_create_pit(struct vintc_vm *vm)
{
	struct kvm_pit_config config = { .flags = KVM_PIT_SPEAKER_DUMMY };

	return xioctl(vm->fd, KVM_CREATE_PIT2, &config);
}

int vintc_create_ioapic(struct vintc_vm *vm, uint64_t address, unsigned int gsi, unsigned int pins, unsigned int id)
{
	struct vintc_ioapic io = { .address = address, .gsi = gsi, .pins = pins, .id = id };
	int ret = xioctl(vm->fd, VINTC_CREATE_IOAPIC, &io);

	return ret < 0 ? ret : (int)io.index;
}

int vintc_vm_line(struct vintc_vm *vm, unsigned int gsi, bool level)
{
	struct kvm_irq_level line = { .irq = gsi, .level = level };
	int ret = xioctl(vm->fd, KVM_IRQ_LINE_STATUS, &line);

	if (ret < 0)
		return ret;
	return line.status < 0 ? -ENODATA : line.status;
}

int vintc_vm_msi(struct vintc_vm *vm, uint64_t address, uint32_t data)
{
	struct kvm_msi msi = {
		.address_lo = address,
		.address_hi = address >> 32,
		.data = data,
	};

	return xioctl(vm->fd, KVM_SIGNAL_MSI, &msi);
}

int vintc_vm_ioapic(struct vintc_vm *vm, struct kvm_ioapic_state *state)
{
	struct kvm_irqchip chip = { .chip_id = KVM_IRQCHIP_IOAPIC };
	int ret = xioctl(vm->fd, KVM_GET_IRQCHIP, &chip);

	if (!ret)
		*state = chip.chip.ioapic;
	return ret;
}

/* What the device supports, made one CPU's own: identity and topology. */
static int set_cpuid(struct vintc_vcpu *vcpu, unsigned int cpus)
{
	struct kvm_cpuid2 *cpuid;
	bool deadline;
	int ret;

	cpuid = calloc(1, sizeof(*cpuid) +
		       CPUID_ENTRIES_MAX * sizeof(struct kvm_cpuid_entry2));
	if (!cpuid)
		return -ENOMEM;
	cpuid->nent = CPUID_ENTRIES_MAX;
	ret = xioctl(vcpu->vm->dev, KVM_GET_SUPPORTED_CPUID, cpuid);
	if (ret < 0)
		goto out;
	deadline = vintc_vm_extension(vcpu->vm, KVM_CAP_TSC_DEADLINE_TIMER);
	for (unsigned int i = 0; i < cpuid->nent; i++) {
		struct kvm_cpuid_entry2 *entry = &cpuid->entries[i];

		switch (entry->function) {
		case 1:
			entry->ebx = (entry->ebx & 0xffff) | cpus << 16 |
				     vcpu->id << 24;
			entry->ecx |= 1u << 31;		/* hypervisor */
			if (deadline)
				entry->ecx |= 1u << 24;
			break;
		case 0xb:
		case 0x1f:
			entry->edx = vcpu->id;
			break;
		case 0x8000001e:
			entry->eax = vcpu->id;
			break;
		}
	}
	ret = xioctl(vcpu->fd, KVM_SET_CPUID2, cpuid);
out:
	free(cpuid);
	return ret;
}

int vintc_vcpu_create(struct vintc_vcpu *vcpu, struct vintc_vm *vm,
		      unsigned int id, unsigned int cpus)
{
	int ret;

	vcpu->vm = vm;
	vcpu->id = id;
	vcpu->run = MAP_FAILED;
	vcpu->fd = vioctl(vm->fd, KVM_CREATE_VCPU, id);
	if (vcpu->fd < 0)
		return vcpu->fd;
	vcpu->run = mmap(NULL, vm->run_size, PROT_READ | PROT_WRITE, MAP_SHARED,
			 vcpu->fd, 0);
	ret = vcpu->run == MAP_FAILED ? -errno : set_cpuid(vcpu, cpus);
	if (ret < 0)
		vintc_vcpu_close(vcpu);
	return ret;
}

void vintc_vcpu_close(struct vintc_vcpu *vcpu)
{
	if (vcpu->run != MAP_FAILED)
		munmap(vcpu->run, vcpu->vm->run_size);
	if (vcpu->fd >= 0)
		close(vcpu->fd);
	vcpu->run = MAP_FAILED;
	vcpu->fd = -1;
}

int vintc_vcpu_long_mode(struct vintc_vcpu *vcpu, uint64_t cr3, uint64_t rip)
{
	struct kvm_segment code = {
		.selector = 0x08, .limit = ~0u, .type = 11, .present = 1,
		.s = 1, .l = 1, .g = 1,
	};
	struct kvm_segment data = {
		.selector = 0x10, .limit = ~0u, .type = 3, .present = 1,
		.s = 1, .db = 1, .g = 1,
	};
	struct kvm_segment task = { .limit = 0x67, .type = 11, .present = 1 };
	struct kvm_regs regs = { .rip = rip, .rflags = 2 };
	struct kvm_sregs sregs;
	int ret = vintc_vcpu_sregs(vcpu, &sregs);

	if (ret < 0)
		return ret;
	sregs.cs = code;
	sregs.ds = sregs.es = sregs.fs = sregs.gs = sregs.ss = data;
	sregs.tr = task;
	sregs.cr0 = 0x80010033;		/* PG WP NE ET MP PE */
	sregs.cr3 = cr3;
	sregs.cr4 = 0x20;		/* PAE */
	sregs.efer = 0x500;		/* LMA LME */
	ret = xioctl(vcpu->fd, KVM_SET_SREGS, &sregs);
	return ret < 0 ? ret : xioctl(vcpu->fd, KVM_SET_REGS, &regs);
}

int vintc_vcpu_run(struct vintc_vcpu *vcpu)
{
	return vioctl(vcpu->fd, KVM_RUN, 0);
}

int vintc_vcpu_regs(struct vintc_vcpu *vcpu, struct kvm_regs *regs)
{
	return xioctl(vcpu->fd, KVM_GET_REGS, regs);
}

int vintc_vcpu_sregs(struct vintc_vcpu *vcpu, struct kvm_sregs *sregs)
{
	return xioctl(vcpu->fd, KVM_GET_SREGS, sregs);
}

int vintc_vcpu_msr(struct vintc_vcpu *vcpu, uint32_t index, uint64_t *value)
{
	union {
		struct kvm_msrs msrs;
		char room[sizeof(struct kvm_msrs) + sizeof(struct kvm_msr_entry)];
	} u = { .room = { 0 } };
	int ret;

	u.msrs.nmsrs = 1;
	u.msrs.entries[0].index = index;
	ret = xioctl(vcpu->fd, KVM_GET_MSRS, &u.msrs);
	if (ret < 0)
		return ret;
	if (ret != 1)
		return -ENOENT;
	*value = u.msrs.entries[0].data;
	return 0;
}

int vintc_vcpu_lapic(struct vintc_vcpu *vcpu, struct kvm_lapic_state *state)
{
	return xioctl(vcpu->fd, KVM_GET_LAPIC, state);
}

int vintc_vcpu_nmi(struct vintc_vcpu *vcpu)
{
	return vioctl(vcpu->fd, KVM_NMI, 0);
}

int vintc_vcpu_tsc_khz(struct vintc_vcpu *vcpu)
{
	return vioctl(vcpu->fd, KVM_GET_TSC_KHZ, 0);
}

int vintc_vcpu_vectors(struct vintc_vcpu *vcpu, struct vintc_vector_stats *stats)
{
	memset(stats, 0, sizeof(*stats));
	return xioctl(vcpu->fd, VINTC_GET_VECTOR_STATS, stats);
}

int vintc_info(int dev, struct vintc_info *info)
{
	memset(info, 0, sizeof(*info));
	return xioctl(dev, VINTC_GET_INFO, info);
}

bool vintc_lapic_bit(const struct kvm_lapic_state *state, unsigned int reg,
		     unsigned int vector)
{
	uint32_t word;

	memcpy(&word, state->regs + reg + vector / 32 * 0x10, sizeof(word));
	return word >> (vector % 32) & 1;
}

static int pread_all(int fd, void *to, size_t size, off_t at)
{
	ssize_t got = pread(fd, to, size, at);

	if (got < 0)
		return -errno;
	return (size_t)got == size ? 0 : -EIO;
}

int vintc_stats_open(struct vintc_stats *stats, int fd)
{
	size_t size;
	int ret;

	memset(stats, 0, sizeof(*stats));
	stats->fd = vioctl(fd, KVM_GET_STATS_FD, 0);
	if (stats->fd < 0)
		return stats->fd;
	ret = pread_all(stats->fd, &stats->header, sizeof(stats->header), 0);
	if (ret < 0)
		goto fail;
	size = (sizeof(struct kvm_stats_desc) + stats->header.name_size) *
	       stats->header.num_desc;
	stats->desc = malloc(size);
	ret = stats->desc ? pread_all(stats->fd, stats->desc, size,
				      stats->header.desc_offset) : -ENOMEM;
	if (!ret)
		return 0;
fail:
	vintc_stats_close(stats);
	return ret;
}

void vintc_stats_close(struct vintc_stats *stats)
{
	if (stats->fd >= 0)
		close(stats->fd);
	free(stats->desc);
	memset(stats, 0, sizeof(*stats));
	stats->fd = -1;
}

const struct kvm_stats_desc *vintc_stats_desc(const struct vintc_stats *stats,
					      unsigned int index)
{
	size_t size = sizeof(struct kvm_stats_desc) + stats->header.name_size;

	if (index >= stats->header.num_desc)
		return NULL;
	return (const struct kvm_stats_desc *)(stats->desc + index * size);
}

const char *vintc_stats_name(const struct vintc_stats *stats, unsigned int index)
{
	const struct kvm_stats_desc *desc = vintc_stats_desc(stats, index);

	return desc ? desc->name : NULL;
}

int vintc_stats_value(const struct vintc_stats *stats, unsigned int index,
		      uint64_t *value)
{
	const struct kvm_stats_desc *desc = vintc_stats_desc(stats, index);

	if (!desc)
		return -ENOENT;
	return pread_all(stats->fd, value, sizeof(*value),
			 stats->header.data_offset + desc->offset);
}
