# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0-only
#
# What the jobs of `bench --guest` share: the same guest on vintc and on in-tree KVM in one boot, and what each cost, as
# `== DEVICE` and programs/vmcost.c's lines; then once more as `== DEVICE-traced`, with exits and ioctls by kind. To be sourced.
#
# The job has a function `guest DEVICE EVENT RUN`, which runs vmcost and leaves in /tmp/said what there is to say.
status=0

# try DEVICE EVENT SUFFIX RUN
try() {
	if guest "$1" "$2" "$4"; then
		echo "ok - bench: $what on $1$3"
	else
		tail -n 5 /tmp/said
		echo "not ok - bench: $what on $1$3 did not come to its end"
		status=1
	fi
}

# both_ways DEVICE EVENT RUN...: all of them, and the last one with the event traced
both_ways() {
	device=$1 event=$2
	shift 2
	# It would poll for as long as there is nothing to do, and that would be counted.
	echo 0 >"/sys/module/$device/parameters/halt_poll_ns"
	echo "== $device"
	for run in "$@"; do try "$device" "" "" "$run"; done
	echo "== $device-traced"
	try "$device" "$event" -traced "$run"
}

# compare WHAT RUN...: ends the job. WHAT: the guest's name in the results
compare() {
	what=$1
	shift
	if [ -e /dev/vintc ]; then
		both_ways vintc vintc/vintc_exit:reason "$@"
		rmmod vintc || exit 1
	fi
	load kvm_amd || exit 1
	both_ways kvm kvm/kvm_exit:exit_reason "$@"
	exit $status
}
