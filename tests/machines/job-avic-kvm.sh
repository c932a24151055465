#!/bin/sh
# The AVIC machine judged by who doesn't know vintc: in-tree kvm_amd finds AVIC (and x2AVIC) and has the exits
# that it should have, and no others (--modprobe "kvm_amd avic=1"); and virtual NMIs, unless VNMI is 0 (--avic 1; Linux 6.1
# doesn't know them).
if dmesg | grep -q 'kvm_amd: AVIC enabled'; then
	echo "ok - kvm_amd uses AVIC"
else
	echo "not ok - kvm_amd uses AVIC: $(dmesg | grep -i kvm | tail -n 2)"
	exit 1
fi
sleep 3
status=0
DEV=/dev/kvm EXPECT=accelerated /avictest $TESTS || status=1
[ "${VNMI:-1}" = 1 ] || exit $status
if [ "$(cat /sys/module/kvm_amd/parameters/vnmi)" = Y ]; then
	echo "ok - kvm_amd uses virtual NMIs"
else
	echo "not ok - kvm_amd uses virtual NMIs: $(dmesg | grep -i kvm | tail -n 2)"
	exit 1
fi
DEV=/dev/kvm /apitest nmi nmi_when nmi_two nmi_moved nmi_interrupted nmi_exits nmi_exits_behind nmi_ipi events_interrupt \
	events_nmi_masked pit_nmi || status=1
exit $status
