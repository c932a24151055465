/* Up to 6.17: the work before guest entry counts in a struct kvm_vcpu. */
#include <linux/kvm_host.h>
#include <linux/entry-kvm.h>

int probe(struct kvm_vcpu *vcpu);
int probe(struct kvm_vcpu *vcpu)
{
	return xfer_to_guest_mode_handle_work(vcpu);
}
