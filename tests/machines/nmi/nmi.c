// SPDX-License-Identifier: GPL-2.0-only
/*
 * NMIs for a CPU of the host, for who wants to see that a guest there doesn't cost it any:
 *
 *	echo CPU >/sys/module/vintc_nmi/parameters/send
 *
 * sends one and waits until its handler has run; -ETIME: it didn't within a second.
 */
#include <linux/cpu.h>
#include <linux/delay.h>
#include <linux/kstrtox.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <asm/apic.h>
#include <asm/nmi.h>

static DEFINE_MUTEX(one);
static atomic_t expected = ATOMIC_INIT(-1); /* on which CPU */

static int taken(unsigned int type, struct pt_regs *regs)
{
	int cpu = smp_processor_id();

	return atomic_try_cmpxchg(&expected, &cpu, -1) ? NMI_HANDLED : NMI_DONE;
}

static int send(const char *val, const struct kernel_param *param)
{
	unsigned int cpu;
	int r = kstrtouint(val, 0, &cpu);

	if (r)
		return r;
	cpus_read_lock();
	mutex_lock(&one);
	r = -EINVAL;
	if (cpu < nr_cpu_ids && cpu_online(cpu)) {
		atomic_set(&expected, cpu);
		apic->send_IPI(cpu, NMI_VECTOR);
		for (int i = 0; i < 100000 && atomic_read(&expected) >= 0; i++)
			udelay(10);
		r = atomic_xchg(&expected, -1) < 0 ? 0 : -ETIME;
	}
	mutex_unlock(&one);
	cpus_read_unlock();
	return r;
}

static const struct kernel_param_ops ops = { .set = send };
module_param_cb(send, &ops, NULL, 0200);

static int __init nmi_init(void)
{
	return register_nmi_handler(NMI_LOCAL, taken, 0, "vintc-nmi");
}

static void __exit nmi_exit(void)
{
	unregister_nmi_handler(NMI_LOCAL, "vintc-nmi");
}

module_init(nmi_init);
module_exit(nmi_exit);
MODULE_DESCRIPTION("NMIs for tests of vintc");
MODULE_LICENSE("GPL");
