#!/bin/sh
# Loading and unloading: refused while in use, 50 times over, and beside KVM's module for this CPU ($KVM).
# Needs --module vintc.ko --carry kvm_amd or kvm_intel, --file apitest --file holdvm.
KVM=${KVM:-kvm_amd}
status=0
ok() { echo "ok - load: $1"; }
bad() { echo "not ok - load: $1"; status=1; }
check() { name=$1; shift; if "$@"; then ok "$name"; else bad "$name: $*"; fi; }
guest() { DEV=$1 /apitest memory >/tmp/guest 2>&1 && grep -q '^ok' /tmp/guest; }
refused() { ! "$@" >/tmp/refused 2>&1; }
loaded() { [ -d "/sys/module/$1" ]; }

[ -e /dev/vintc ] || load vintc
check "a guest runs" guest /dev/vintc

# in use: an open fd is enough
exec 5<>/dev/vintc
check "rmmod with the device open is refused" refused rmmod vintc
exec 5<&-
DEV=/dev/vintc /holdvm & holder=$!
n=0
while [ "$(cat /sys/module/vintc/refcnt)" = 0 ] && [ $n -lt 50 ]; do sleep 0.1; n=$((n + 1)); done
check "rmmod with a guest running is refused" refused rmmod vintc
kill -9 $holder
wait $holder 2>/dev/null
n=0
while [ "$(cat /sys/module/vintc/refcnt)" != 0 ] && [ $n -lt 50 ]; do sleep 0.1; n=$((n + 1)); done
check "and works after that" rmmod vintc

n=0
while [ $n -lt 50 ]; do
	load vintc || break
	if [ $((n % 2)) = 1 ]; then guest /dev/vintc || break; fi
	rmmod vintc || break
	n=$((n + 1))
done
check "50 times loaded and unloaded, every second time with a guest" [ $n = 50 ]

# beside $KVM
if load $KVM; then
	dmesg -c >/dev/null
	load vintc
	guest /dev/vintc
	# either it shares SVM, and both run, or it says EBUSY and what to do
	if grep -q '^ok' /tmp/guest; then
		check "vintc and $KVM share: a guest of KVM runs, too" guest /dev/kvm
		check "and one of vintc again" guest /dev/vintc
	else
		check "with $KVM loaded, creating a VM gives EBUSY" grep -qi 'KVM_CREATE_VM.*busy' /tmp/guest
		dmesg >/tmp/dmesg
		check "and dmesg says what to do" grep -qi "vintc.*$KVM" /tmp/dmesg
		check "KVM's guests go on" guest /dev/kvm
	fi
	check "$KVM can go" rmmod $KVM
	check "then vintc's guests run" guest /dev/vintc

	DEV=/dev/vintc /holdvm & holder=$!
	sleep 1
	if load $KVM 2>/tmp/kvm.err; then
		if guest /dev/kvm; then
			ok "with a guest of vintc, KVM's run"
		else
			ok "with a guest of vintc, KVM refuses: $(head -1 /tmp/guest)"
		fi
		rmmod $KVM
	else
		ok "with a guest of vintc, $KVM does not load"
	fi
	check "vintc's guest is still there" kill -0 $holder
	kill -9 $holder
	wait $holder 2>/dev/null
	check "and new ones run" guest /dev/vintc
	n=0
	while [ "$(cat /sys/module/vintc/refcnt)" != 0 ] && [ $n -lt 50 ]; do sleep 0.1; n=$((n + 1)); done
	check "vintc can go" rmmod vintc
	check "KVM alone is as before" load $KVM
	check "and its guests run" guest /dev/kvm
else
	echo "skip - load: no $KVM was taken along"
fi
exit $status
