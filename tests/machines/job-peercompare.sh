#!/bin/sh
# The same events on in-tree KVM and on vintc, in one machine: the interrupts taken must be as many.
# Both modules were taken along (--carry kvm_amd, --module vintc.ko is loaded by this job, too).
run() { DEV=/dev/$1 SCALE=${SCALE:-10} ROUNDS=0 /bench | tee "/tmp/$1" | grep -v '^ok'; }

if [ ! -e /dev/vintc ]; then
	load kvm_amd || exit 1
	run kvm
	rmmod kvm_amd
	load vintc || exit 1
	run vintc
else
	run vintc
	rmmod vintc
	load kvm_amd || exit 1
	run kvm
fi
status=0
for name in $(awk '/^row / { print $2 }' /tmp/kvm /tmp/vintc | sort -u); do
	kvm=$(awk -v n="$name" '/^row / && $2 == n { print $4, $5 }' /tmp/kvm)
	vintc=$(awk -v n="$name" '/^row / && $2 == n { print $4, $5 }' /tmp/vintc)
	if [ -n "$kvm" ] && [ "$kvm" = "$vintc" ]; then
		echo "ok - peercompare $name: $vintc"
	else
		echo "not ok - peercompare $name: events and interrupts on kvm: $kvm, on vintc: $vintc"
		status=1
	fi
done
grep -q '^row ' /tmp/kvm || { echo "not ok - peercompare rows: none"; status=1; }
exit $status
