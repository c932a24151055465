#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# A VMM after kvmtool's manner (programs/bootvm.c) boots Linux from its real-mode code, with interrupts by the PIC. Needs /bootvm,
# and /vmlinuz and /guest.img as job-qemu.sh.
device=${DEVICE:-/dev/vintc} status=0 why=''
DEV=$device timeout "${LIMIT:-150}" /bootvm /vmlinuz /guest.img "noapic noacpi reboot=k panic=1 console=ttyS0 earlyprintk=serial quiet mitigations=off" \
	>/tmp/serial 2>/tmp/out || why="; its status is $?"
tr -d '\r' </tmp/serial >/tmp/said
for line in "cpus 1" "clock kvm-clock" "timer 1" "pic 1" "faults 0" end; do
	grep -qa "^guest: $line" /tmp/said || why="$why; the guest has not said \"$line\""
done
if [ -z "$why" ]; then
	echo "ok - bootvm: Linux from real mode, interrupts by the PIC"
else
	echo "not ok - bootvm: ${why#; }"
	cat /tmp/out
	tail -n 30 /tmp/said
	status=1
fi
exit $status
