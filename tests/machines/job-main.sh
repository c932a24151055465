#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# The main job, inside an emulated machine:
#
#   make -C tools O=DIR STATIC=1
#   tests/machines/svm --job tests/machines/job-main.sh --file DIR/vintctl \
#       --module PATH/vintc.ko
#   ... or, against the peer:  --modprobe kvm_amd --env DEVICE=/dev/kvm
#
# DEVICE picks the device, COUNT the interrupts per sender and phase, CPUS the
# numbers of vCPUs to try, PREFIX what the results are called. With SOFTWARE, where
# hardware delivers interrupts, all is done a second time without.

device=${DEVICE:-/dev/vintc}
prefix=${PREFIX:-main}
status=0

if [ "$device" = /dev/vintc ] && [ ! -e "$device" ]; then
	# The runner has loaded what it was told to; a name is worth a try.
	modprobe vintc 2>/dev/null || load vintc 2>/dev/null
fi
if [ ! -e "$device" ]; then
	echo "not ok - $prefix/device: there is no $device"
	exit 1
fi
echo "ok - $prefix/device"

if /vintctl info --device "$device"; then
	echo "ok - $prefix/info"
else
	echo "not ok - $prefix/info: exit status $?"
	status=1
fi

for cpus in ${CPUS:-1 2}; do
	/vintctl run --device "$device" --cpus "$cpus" --count "${COUNT:-100}" \
		--tap="$prefix" || status=1
	[ -z "$SOFTWARE" ] || /vintctl run --device "$device" --cpus "$cpus" \
		--count "${COUNT:-100}" --software --tap="$prefix/software" || status=1
done
exit $status
