// SPDX-License-Identifier: GPL-2.0-only
/*
 * KVM of this kernel holds a vCPU to its CPUID before user space has set one, and
 * takes KVM_CAP_X86_DISABLE_EXITS before the first vCPU only: as of the rework that
 * gave vCPUs this field.
 */
#include <linux/kvm_host.h>

unsigned long probe = sizeof(((struct kvm_vcpu_arch *)NULL)->cpu_caps);
