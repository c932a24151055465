#!/bin/sh
# CR4 that the kernel rewrites while guests run, on VMX (cr4test); first what a CPU in VMX operation looks like, by
# KVM of 6.12, which enters it when it loads. Needs --module vintc.ko --carry kvm_intel --file cr4test; two CPUs.
export DEV=/dev/vintc
status=0
if load kvm_intel; then
	/cr4test on || status=1
	rmmod kvm_intel
else
	echo "skip - cr4: no kvm_intel was taken along"
fi
[ -e /dev/vintc ] || load vintc || exit 1
/cr4test off tsd pce hotplug || status=1
/cr4test off || status=1
exit $status
