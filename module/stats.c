// SPDX-License-Identifier: GPL-2.0-only
/*
 * KVM_GET_STATS_FD: counters of a VM or a vCPU as one read-only file.
 *
 *	header | identifier | descriptors, each with its name | values
 *
 * All but the values never changes, so it is made once, per kind; each read
 * puts together the part that was asked for. A reader that knows KVM's format
 * (virsh, QEMU's query-stats, KVM's selftest) needs to know nothing of vintc.
 */
#include <linux/anon_inodes.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/minmax.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "stats.h"
#include "vm.h"

#define STATS_NAME_SIZE 48 /* KVM's */

/* kvm_stats_desc and the name behind it. */
struct stats_desc {
	struct kvm_stats_desc desc;
	char name[STATS_NAME_SIZE];
};

static_assert(sizeof(struct stats_desc) ==
	      sizeof(struct kvm_stats_desc) + STATS_NAME_SIZE);

/*
 * Seconds are counted in nanoseconds (10^-9), the only counters with a unit and
 * an exponent; the others have none.
 */
#define EXPONENT_NONE 0
#define EXPONENT_BOOLEAN 0
#define EXPONENT_SECONDS (-9)

#define DESC(container, stat, type, unit)                                    \
	{                                                                   \
		.desc = {                                                   \
			.flags = KVM_STATS_TYPE_##type |                    \
				 KVM_STATS_UNIT_##unit |                    \
				 KVM_STATS_BASE_POW10,                      \
			.exponent = EXPONENT_##unit,                        \
			.size = 1,                                          \
			.offset = offsetof(struct container, stat),         \
		},                                                          \
		.name = #stat,                                              \
	},

#define X(stat, type, unit) DESC(vcpu_stats, stat, type, unit)
static const struct stats_desc vcpu_descs[] = { VCPU_STATS(X) };
#undef X

#define X(stat, type, unit) DESC(vm_stats, stat, type, unit)
static const struct stats_desc vm_descs[] = { VM_STATS(X) };
#undef X

#define X(stat, type, unit)                                                  \
	static_assert(sizeof(#stat) <= STATS_NAME_SIZE);
VCPU_STATS(X)
VM_STATS(X)
#undef X

/* A value is a u64 whatever its container holds. */
static_assert(sizeof(struct vcpu_stats) == ARRAY_SIZE(vcpu_descs) * sizeof(u64));
static_assert(sizeof(struct vm_stats) == ARRAY_SIZE(vm_descs) * sizeof(u64));

/**
 * struct stats_file - an open statistics fd
 * @vm: held
 * @values: a vCPU's live counters, in the order of @desc; a VM's are added up
 * @n: how many
 */
struct stats_file {
	struct vm *vm;
	const void *values;
	const struct stats_desc *desc;
	u32 n;
	struct kvm_stats_header header;
	char id[STATS_NAME_SIZE];
};

/*
 * Copies what [@pos, @pos + @len) and the block at @at have in common. The
 * caller walks the blocks in order, so a short file position simply meets no
 * block. Return: bytes, or -EFAULT.
 */
static ssize_t copy_block(char __user *buf, size_t len, loff_t pos,
			  const void *block, size_t at, size_t size)
{
	u64 from = max_t(u64, pos, at);
	u64 to = min_t(u64, pos + len, at + size);

	if (from >= to)
		return 0;
	if (copy_to_user(buf + (from - pos), block + (from - at), to - from))
		return -EFAULT;
	return to - from;
}

int stats_vm_init(struct vm *vm)
{
	vm->stats = alloc_percpu_gfp(struct vm_stats, GFP_KERNEL_ACCOUNT);
	return vm->stats ? 0 : -ENOMEM;
}

void stats_vm_free(struct vm *vm)
{
	free_percpu(vm->stats);
}

void stats_vm_sum(const struct vm *vm, struct vm_stats *sum)
{
	int cpu;

	memset(sum, 0, sizeof(*sum));
	for_each_possible_cpu(cpu) {
		const struct vm_stats *part = per_cpu_ptr(vm->stats, cpu);

#define X(name, type, unit) sum->name += READ_ONCE(part->name);
		VM_STATS(X)
#undef X
	}
	/* The memory counts these under its own lock. */
	sum->pages_4k = READ_ONCE(vm->mem.pages_4k);
	sum->pages_2m = READ_ONCE(vm->mem.pages_2m);
	sum->pages_1g = READ_ONCE(vm->mem.pages_1g);
}

static ssize_t stats_read(struct file *file, char __user *buf, size_t len,
			  loff_t *ppos)
{
	const struct stats_file *f = file->private_data;
	const struct kvm_stats_header *h = &f->header;
	struct vm_stats sum;
	const struct {
		const void *data;
		size_t at, size;
	} blocks[] = {
		{ h, 0, sizeof(*h) },
		{ f->id, h->id_offset, sizeof(f->id) },
		{ f->desc, h->desc_offset, f->n * sizeof(*f->desc) },
		{ f->values ?: &sum, h->data_offset, f->n * sizeof(u64) },
	};
	loff_t pos = *ppos;
	ssize_t done = 0, n;
	unsigned int i;

	if (pos < 0)
		return -EINVAL;
	len = min_t(size_t, len, MAX_RW_COUNT);
	if (!f->values)
		stats_vm_sum(f->vm, &sum);
	for (i = 0; i < ARRAY_SIZE(blocks); i++) {
		n = copy_block(buf, len, pos, blocks[i].data, blocks[i].at,
			       blocks[i].size);
		if (n < 0)
			return n;
		done += n;
	}
	*ppos = pos + done;
	return done;
}

static loff_t stats_llseek(struct file *file, loff_t offset, int whence)
{
	const struct stats_file *f = file->private_data;

	return fixed_size_llseek(file, offset, whence,
				 f->header.data_offset + f->n * sizeof(u64));
}

static int stats_release(struct inode *inode, struct file *file)
{
	struct stats_file *f = file->private_data;

	vm_put(f->vm);
	kfree(f);
	return 0;
}

static const struct file_operations stats_fops = {
	.owner = THIS_MODULE,
	.read = stats_read,
	.llseek = stats_llseek,
	.release = stats_release,
};

static void stats_layout(struct stats_file *f)
{
	struct kvm_stats_header *h = &f->header;

	h->flags = 0;
	h->name_size = STATS_NAME_SIZE;
	h->num_desc = f->n;
	h->id_offset = sizeof(*h);
	h->desc_offset = h->id_offset + sizeof(f->id);
	h->data_offset = h->desc_offset + f->n * sizeof(*f->desc);
}

static int stats_open(struct stats_file *f, const char *name)
{
	struct file *file;
	int fd;

	fd = get_unused_fd_flags(O_CLOEXEC);
	if (fd < 0)
		goto free;
	file = anon_inode_getfile(name, &stats_fops, f, O_RDONLY);
	if (IS_ERR(file)) {
		put_unused_fd(fd);
		fd = PTR_ERR(file);
		goto free;
	}
	file->f_mode |= FMODE_PREAD | FMODE_LSEEK;
	vm_get(f->vm); /* only the file's release gives it back */
	fd_install(fd, file);
	return fd;
free:
	kfree(f);
	return fd;
}

int stats_vm_fd(struct vm *vm)
{
	struct stats_file *f = kzalloc(sizeof(*f), GFP_KERNEL_ACCOUNT);

	if (!f)
		return -ENOMEM;
	f->vm = vm;
	f->desc = vm_descs;
	f->n = ARRAY_SIZE(vm_descs);
	/* The process names the VM, as nothing else of it has a name. */
	snprintf(f->id, sizeof(f->id), "kvm-%d", task_tgid_vnr(current));
	stats_layout(f);
	return stats_open(f, "vintc-vm-stats");
}

/* vCPUs live as long as their VM, which the file holds. */
int stats_vcpu_fd(struct vcpu *vcpu)
{
	struct stats_file *f = kzalloc(sizeof(*f), GFP_KERNEL_ACCOUNT);

	if (!f)
		return -ENOMEM;
	f->vm = vcpu->vm;
	f->values = &vcpu->stats;
	f->desc = vcpu_descs;
	f->n = ARRAY_SIZE(vcpu_descs);
	snprintf(f->id, sizeof(f->id), "kvm-%d/vcpu-%u",
		 task_tgid_vnr(current), vcpu->id);
	stats_layout(f);
	return stats_open(f, "vintc-vcpu-stats");
}
