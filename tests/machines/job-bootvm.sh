#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# A VMM after kvmtool's manner (programs/bootvm.c) boots Linux from its real-mode code, with interrupts by the PIC; or with
# more CPUs, which are found by ACPI, by the APICs. Needs /bootvm, and /vmlinuz and /guest.img as job-qemu.sh.
#
# CPUS: words, how many ("1"). APPEND: more for the guest's command line. PARAMETERS: the module's, to load it with. INJECTED: how many
# interrupts may be injected into guests with more than one CPU, where hardware should deliver them. NMIS: how many NMIs their CPUs
# shall send one another.
device=${DEVICE:-/dev/vintc} status=0
injected() { sed -n 's/^# vCPU.* irq_injections \([0-9]*\) .*/\1/p' /tmp/out | awk '{ n += $1 } END { print NR ? n : 999999 }'; }
said() { grep -qa "^guest: $1" /tmp/said || why="$why; the guest has not said \"$1\""; }

boot() {
	why='' cmdline="reboot=k panic=1 console=ttyS0 quiet mitigations=off $APPEND"
	[ -z "$NMIS" ] || [ "$1" = 1 ] || cmdline="vintc.nmis=$NMIS $cmdline"
	[ "$1" != 1 ] || cmdline="noapic noacpi earlyprintk=serial $cmdline"
	DEV=$device CPUS=$1 timeout "${LIMIT:-150}" /bootvm /vmlinuz /guest.img "$cmdline" >/tmp/serial 2>/tmp/out || why="; its status is $?"
	tr -d '\r' </tmp/serial >/tmp/said
	said "cpus $1"
	said "timer 1"
	said "faults 0"
	said end
	if [ "$1" = 1 ]; then
		name="interrupts by the PIC"
		said "clock kvm-clock"
		said "pic 1"
	else
		name="$1 CPUs, interrupts by the APICs"
		said "ipis 1"
		[ -z "$NMIS" ] || said "nmis 1"
		[ -z "$INJECTED" ] || [ "$(injected)" -le "$INJECTED" ] || why="$why; $(injected) interrupts were injected"
	fi
}

[ -z "$PARAMETERS" ] || { rmmod vintc && load vintc $PARAMETERS; } || status=1
for cpus in ${CPUS:-1}; do
	boot "$cpus"
	cat /tmp/out
	if [ -z "$why" ]; then
		echo "ok - bootvm: Linux from real mode, $name"
	else
		echo "not ok - bootvm: $name: ${why#; }"
		tail -n 30 /tmp/said
		status=1
	fi
done
exit $status
