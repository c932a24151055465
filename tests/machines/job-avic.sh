#!/bin/sh
# AVIC at work (bochs --avic 1 or 2): avictest counts exits, with acceleration on, switched off by the module's
# parameter, and going on and off every few milliseconds; then the main job, on and off.
#
# DEVICE: /dev/vintc, or /dev/kvm to see the peer, whose avic parameter is in --modprobe. MODES: which of them.
# HAS_X2AVIC: 0 without: there x2APIC registers exit.
device=${DEVICE:-/dev/vintc}
status=0
export DEV=$device
# The kernel's own work after booting would be in the counts.
sleep 3
tests=${TESTS:-}

# reload PARAMETERS: the CPU has no erratum, though its family has
reload() {
	[ "$device" = /dev/vintc ] || return 0
	rmmod vintc && load vintc avic_ipi=1 "$@" || status=1
}

# tagged TAG COMMAND...: its results, with the tag in their names
tagged() {
	tag=$1
	shift
	{ "$@"; echo $? >/tmp/status; } | sed -E "s|^(ok\|not ok\|skip) - |&$tag |"
	[ "$(cat /tmp/status)" = 0 ] || status=1
}

for mode in ${MODES:-on off toggled main}; do
	case $mode in
	on)
		reload
		EXPECT=accelerated tagged on: /avictest $tests
		;;
	off)
		reload avic=0
		EXPECT=plain tagged off: /avictest $tests
		;;
	toggled)
		reload
		for ms in 3 20; do
			TOGGLE=$ms tagged "every $ms ms:" /avictest $tests
		done
		;;
	main)
		reload
		PREFIX=avic /jobs/main || status=1
		;;
	esac
done
exit $status
