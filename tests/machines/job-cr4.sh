#!/bin/sh
# CR4 that the kernel rewrites while guests run, on VMX (cr4test): with VMX operation held while there are VMs, where the
# kernel can be told of VMXE (HOLDS, 1 unless given), and with it held only while interrupts are off. First what a CPU in
# VMX operation looks like, by KVM of 6.12, which enters it when it loads; kvm_intel comes and goes under guests.
# Needs --module vintc.ko --carry kvm_intel --file cr4test --file holdvm --file apitest; two CPUs.
export DEV=/dev/vintc
status=0
ok() { echo "ok - cr4: $1"; }
bad() { echo "not ok - cr4: $1"; status=1; }
check() { name=$1; shift; if "$@"; then ok "$name"; else bad "$name: $*"; fi; }
# tagged TAG COMMAND...: its results, with the tag in their names
tagged() {
	tag=$1
	shift
	{ "$@"; echo $? >/tmp/status; } | sed -E "s/^(ok|not ok|skip) - /&$tag /"
	[ "$(cat /tmp/status)" = 0 ] || status=1
}
guest() { DEV=$1 /apitest memory >/tmp/guest 2>&1 && grep -q '^ok' /tmp/guest || { cat /tmp/guest; false; }; }
works() { before=$(ticks); sleep 1; [ "$(ticks)" -gt "$before" ]; }
ticks() { awk '{ print $14 + $15 }' "/proc/$holder/stat"; }

kvm=0
if load kvm_intel; then
	kvm=1
	/cr4test on || status=1
	rmmod kvm_intel
	rmmod kvm
else
	echo "skip - cr4: no kvm_intel was taken along"
fi
if [ "${HOLDS:-1}" = 1 ]; then
	[ ! -e /dev/vintc ] || rmmod vintc
	load vintc || exit 1
	HELD=1 tagged held /cr4test off held tsd pce hotplug moves || status=1

fi
if [ "${HOLDS:-1}$kvm" = 11 ]; then
	/holdvm & holder=$!
	sleep 1
	check "kvm_intel comes while a guest runs" load kvm_intel
	check "a guest of KVM runs beside it" guest /dev/kvm
	check "and a new one of vintc" guest /dev/vintc
	check "the first one runs" works
	check "kvm_intel goes" rmmod kvm_intel
	check "the first one still runs" works
	kill -9 $holder
	wait $holder 2>/dev/null
	HELD=1 tagged "held again" /cr4test off held || status=1
fi
rmmod vintc
load vintc vmx_hold=0 || exit 1
/cr4test off tsd pce hotplug moves || status=1
/cr4test off || status=1
exit $status
