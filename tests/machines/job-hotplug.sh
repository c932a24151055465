#!/bin/sh
# CPUs that go and come, and the machine's sleep, under a guest of vintc's: the guest goes on, new ones run
# on every CPU, none stays taken when the last VM is gone. Ends with a guest running, so that the machine
# goes off with one. Needs --module vintc.ko --file apitest --file holdvm; two CPUs.
status=0
ok() { echo "ok - hotplug: $1"; }
bad() { echo "not ok - hotplug: $1"; status=1; }
check() { name=$1; shift; if "$@"; then ok "$name"; else bad "$name: $*"; fi; }
skip() { echo "skip - hotplug: $1: $2"; }
# guest [CPU MASK]: a guest with a memory test runs to its end
guest() { DEV=/dev/vintc taskset "${1:-3}" /apitest memory >/tmp/guest 2>&1 && grep -q '^ok' /tmp/guest || { cat /tmp/guest; false; }; }
runs() { kill -0 "$holder" 2>/dev/null; }
hold() { DEV=/dev/vintc taskset "$1" /holdvm & holder=$!; sleep 1; }
drop() { kill -9 "$holder"; wait "$holder" 2>/dev/null; }
# ticks of user time (with the guest's) that the holder has had
ticks() { awk '{ print $14 + $15 }' "/proc/$holder/stat"; }
works() { before=$(ticks); sleep 1; [ "$(ticks)" -gt "$before" ]; }
free_of_vms() {
	n=0
	while [ "$(cat /sys/module/vintc/refcnt)" != 0 ] && [ $n -lt 50 ]; do sleep 0.1; n=$((n + 1)); done
	[ "$(cat /sys/module/vintc/refcnt)" = 0 ]
}
# EFER.SVME of a CPU, where the machine has the means to look
svme() { echo $((0x$(dd if="/dev/cpu/$1/msr" bs=8 skip=$((0xc0000080 / 8)) count=1 2>/dev/null | od -An -tx8 | tr -d ' ') >> 12 & 1)); }
held() { [ "$(svme 0)$(svme 1)" = "$1" ]; }

[ -e /dev/vintc ] || load vintc || exit 1
check "a guest runs on CPU 0" guest 1
check "a guest runs on CPU 1" guest 2

online=/sys/devices/system/cpu/cpu1/online
if [ ! -w $online ]; then
	skip "CPU 1 goes and comes" "this machine has no $online"
else
	# nobody has a VM
	check "CPU 1 goes, no VM" sh -c "echo 0 >$online"
	check "guests run without it" guest
	check "it comes back, no VM" sh -c "echo 1 >$online"
	check "a guest runs on it" guest 2

	# under a running guest that is on the CPU that goes
	hold 2
	check "CPU 1 goes with a guest on it" sh -c "echo 0 >$online"
	check "that guest is still there" runs
	check "and runs" works
	check "new ones run beside it" guest
	check "CPU 1 comes back under it" sh -c "echo 1 >$online"
	check "new ones run on CPU 1" guest 2
	drop

	# a VM made while there is one CPU
	check "all VMs are gone" free_of_vms
	check "CPU 1 goes again" sh -c "echo 0 >$online"
	hold 3
	check "a VM begins without CPU 1" runs
	check "CPU 1 comes back to it" sh -c "echo 1 >$online"
	check "a guest runs on CPU 1 then" guest 2
	check "the first one runs" works

	n=0
	while [ $n -lt "${ROUNDS:-5}" ]; do
		{ echo 0 >$online && echo 1 >$online; } || break
		n=$((n + 1))
	done
	check "CPU 1 goes and comes ${ROUNDS:-5} times under a guest" [ $n = "${ROUNDS:-5}" ]
	check "which runs" works
	check "CPU 1 goes while its VM ends" sh -c "echo 0 >$online"
	drop
	check "that VM is gone" free_of_vms
	check "CPU 1 comes when there is no VM" sh -c "echo 1 >$online"
	check "vintc can go" rmmod vintc
	check "and come" load vintc
	check "guests run on CPU 1 after all this" guest 2
fi

# asleep (S3: the other CPUs are unplugged, this one is reset) and awake, with a guest
alarm=/sys/class/rtc/rtc0/wakealarm
sleeps() { echo 0 >$alarm && echo +3 >$alarm && echo mem >/sys/power/state; }
if ! grep -q deep /sys/power/mem_sleep 2>/dev/null; then
	skip "sleep" "this machine has no S3"
elif [ ! -w $alarm ]; then
	skip "sleep" "this machine has no clock to wake it"
else
	hold 3
	check "the machine sleeps and wakes" sleeps
	check "its guest is still there" runs
	check "and runs after that" works
	check "new ones run on CPU 0" guest 1
	check "new ones run on CPU 1" guest 2
	drop
fi

# the CPUs are held while there is a VM, and not longer
free_of_vms
[ ! -e /modules/msr.order ] || load msr
if [ -e /dev/cpu/0/msr ]; then
	check "no CPU is held without a VM" held 00
	hold 3
	check "both are held with one" held 11
	drop
else
	skip "which CPUs are held" "no msr module was taken along"
fi

# the machine goes off with a guest running
hold 3
check "a guest runs to the end" runs
exit $status
