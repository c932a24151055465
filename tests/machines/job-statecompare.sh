#!/bin/sh
# The same changes on in-tree KVM and on vintc, in one machine: the state that user space sees must be the same, but
# for what docs/peer-state.md lists. Both modules were taken along (--carry kvm_amd).
[ ! -e /dev/vintc ] || rmmod vintc
load kvm_amd || exit 1
DEV=/dev/kvm /statecompare record /tmp/states || exit 1
rmmod kvm_amd
load vintc || exit 1
DEV=/dev/vintc /statecompare compare /tmp/states
