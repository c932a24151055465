#!/bin/sh
# What a Linux guest of an unmodified VMM says of itself; job-qemu.sh reads it. The job of the guest's own initrd.
say() { echo "guest: $*"; }

# another one of the guests in /guest, if the command line names it
for word in $(cat /proc/cmdline); do
	case $word in
	vintc.guest=*) exec sh "/guest/${word#*=}" ;;
	vintc.nmis=*) nmis=${word#*=} ;;
	esac
done

field() { awk -v n="$1:" '$1 == n { for (i = 2; i <= NF && $i ~ /^[0-9]+$/; i++) s += $i } END { print s + 0 }' /proc/interrupts; }

say "cpus $(grep -c ^processor /proc/cpuinfo)"
say "clock $(cat /sys/devices/system/clocksource/clocksource0/current_clocksource)"
# the local APIC's, or the PIT's
before=$(($(field LOC) + $(field 0)))
sleep 1
after=$(($(field LOC) + $(field 0)))
say "timer $((after > before))"
say "pic $(awk '/XT-PIC/ { s += $2 } END { print (s > 100) }' /proc/interrupts)"
# IPIs: a thread that wakes another CPU's
if [ "$(grep -c ^processor /proc/cpuinfo)" -gt 1 ]; then
	i=0
	while [ $i -lt 20 ]; do
		taskset 1 true
		taskset 2 true
		i=$((i + 1))
	done
	say "ipis $(($(field RES) + $(field CAL) > 0))"
fi
# NMIs: each asks the other CPUs for a backtrace
if [ -n "$nmis" ]; then
	i=0
	before=$(field NMI)
	while [ $i -lt "$nmis" ]; do
		echo l >/proc/sysrq-trigger
		i=$((i + 1))
	done
	got=$(($(field NMI) - before))
	say "nmis $((got == nmis * ($(grep -c ^processor /proc/cpuinfo) - 1))) ($got)"
fi
if [ -b /dev/vda ]; then
	say "disk $(head -c 4194304 /dev/vda | md5sum | cut -d' ' -f1)"
	head -c 4194304 /dev/vda | dd of=/dev/vda bs=65536 seek=64 conv=fsync 2>/dev/null
	say "written $?"
	say "interrupts $(awk '/virtio|vda/ { for (i = 2; i <= NF && $i ~ /^[0-9]+$/; i++) s += $i } END { print (s > 0) }' /proc/interrupts)"
fi
# what the CPU lacks is no fault of the VMM's
dmesg | grep -E 'BUG:|WARNING:|Oops|soft lockup|rcu: INFO' | grep -v 'Speculative Return Stack Overflow' >/tmp/faults
say "faults $(wc -l </tmp/faults)"
head -n 3 /tmp/faults
say end
