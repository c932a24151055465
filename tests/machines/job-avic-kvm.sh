#!/bin/sh
# The AVIC machine judged by who doesn't know vintc: in-tree kvm_amd finds AVIC (and x2AVIC) and has the exits
# that it should have, and no others (--modprobe "kvm_amd avic=1").
if dmesg | grep -q 'kvm_amd: AVIC enabled'; then
	echo "ok - kvm_amd uses AVIC"
else
	echo "not ok - kvm_amd uses AVIC: $(dmesg | grep -i kvm | tail -n 2)"
	exit 1
fi
sleep 3
DEV=/dev/kvm EXPECT=accelerated /avictest $TESTS
