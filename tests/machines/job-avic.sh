#!/bin/sh
# AVIC at work (bochs --avic 1 or 2): avictest counts exits, with acceleration on, switched off by the module's
# parameter, and going on and off every few milliseconds; then the main job, on and off; and NMIs, with virtual NMIs
# and without (nmi: only with --avic 2). ipis: IPI virtualization (bochs --ipiv) and APICv going on and off.
#
# DEVICE: /dev/vintc, or /dev/kvm to see the peer, whose avic parameter is in --modprobe. MODES: which of them.
# HAS_X2AVIC: 0 without: there x2APIC registers exit.
device=${DEVICE:-/dev/vintc}
status=0
export DEV=$device
# The kernel's own work after booting would be in the counts.
sleep 3
tests=${TESTS:-}
nmis="nmi nmi_when nmi_two nmi_moved nmi_init nmi_interrupted nmi_stopped nmi_halted nmi_exits nmi_exits_behind nmi_ipi
	events_interrupt events_nmi_masked pit_nmi"

# reload PARAMETERS: the CPU has no erratum, though its family has
reload() {
	[ "$device" = /dev/vintc ] || return 0
	rmmod vintc && load vintc avic_ipi=1 "$@" || status=1
}

# tagged TAG COMMAND...: its results, with the tag in their names
tagged() {
	tag=$1
	shift
	{ "$@"; echo $? >/tmp/status; } | sed -E "s/^(ok|not ok|skip) - /&$tag /"
	[ "$(cat /tmp/status)" = 0 ] || status=1
}

for mode in ${MODES:-on off toggled main nmi}; do
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
	ipis)
		reload
		EXPECT=ipis TOGGLE=3 tagged "IPIs every 3 ms:" /avictest $tests
		TOGGLE=3 tagged "every 3 ms:" /avictest $tests
		reload ipiv=0
		EXPECT=received tagged "ipiv=0:" /avictest $tests
		;;
	main)
		reload
		PREFIX=avic /jobs/main || status=1
		;;
	nmi)
		for on in 1 0; do
			reload vnmi=$on
			if [ "$(/vintctl info | grep -c '^used.* vnmi')" = $on ]; then
				echo "ok - vnmi=$on: seen in the features used"
			else
				echo "not ok - vnmi=$on: $(/vintctl info | grep '^used')"
				status=1
			fi
			tagged "vnmi=$on:" /apitest $nmis
		done
		;;
	esac
done
exit $status
