#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# An unmodified QEMU boots an unmodified Linux on $DEVICE (/dev/vintc), by firmware and -kernel, reads and writes a
# disk and resets. `guest-qemu` has made /qemu; /vmlinuz and /guest.img are the guest's, guest-linux.sh its job.
#
# BOOTS: what to boot, words MACHINE:IRQCHIP:CPUS[:CPU]. TOGGLE: a library (toggle) for QEMU, by which hardware delivers
# interrupts, and doesn't, in turn.
device=${DEVICE:-/dev/vintc}
status=0
if [ ! -e "$device" ]; then
	echo "not ok - qemu: there is no $device"
	exit 1
fi

[ -z "${TOGGLE:-}" ] || export LD_PRELOAD="$TOGGLE"

head -c 4194304 /dev/urandom >/tmp/content
content=$(md5sum </tmp/content | cut -d' ' -f1)

# wants WORDS: the guest has said so
wants() {
	grep -q "^guest: $1" /tmp/out || { why="$why; no \"$1\" but \"$(grep -a "^guest: ${1%% *}" /tmp/out)\""; }
}

boot() {
	machine=$1 irqchip=$2 cpus=$3 cpu=$4 why='' args=''
	{ cat /tmp/content; head -c 4194304 /dev/zero; } >/tmp/disk
	drive=virtio-blk-pci
	[ "$machine" != microvm ] || drive=virtio-blk-device
	# Its second IOAPIC is QEMU's own, and hears of no EOI of a local APIC in the kernel: KVM's neither.
	more=''
	[ "$machine:$irqchip" != microvm:on ] || more=,ioapic2=off
	timeout "${LIMIT:-90}" /qemu/run -nodefaults -no-user-config -display none -no-reboot -M "$machine$more" \
		-accel "kvm,device=$device,kernel-irqchip=$irqchip" -cpu "$cpu" -smp "$cpus" -m 256 -serial stdio \
		-drive file=/tmp/disk,format=raw,if=none,id=disk -device "$drive,drive=disk" \
		-kernel /vmlinuz -initrd /guest.img -append "console=ttyS0 panic=-1 quiet mitigations=off" </dev/null >/tmp/out 2>&1
	ended=$?
	tr -d '\r' </tmp/out >/tmp/out2
	mv /tmp/out2 /tmp/out
	[ $ended = 0 ] || why="; QEMU's status is $ended"
	[ -z "${TOGGLE:-}" ] || grep -q '^toggled [1-9][0-9]* refused 0$' /tmp/out || why="$why; $(grep -a ^toggled /tmp/out || echo never toggled)"
	wants "cpus $cpus"
	wants "clock kvm-clock"
	wants "timer 1"
	[ "$cpus" = 1 ] || wants "ipis 1"
	wants "disk $content"
	wants "written 0"
	wants "interrupts 1"
	wants "faults 0"
	wants end
	[ "$(tail -c 4194304 /tmp/disk | md5sum | cut -d' ' -f1)" = "$content" ] || why="$why; the disk wasn't written"
	name="qemu: $machine, irqchip $irqchip, $cpus CPUs, $cpu"
}

# try WORDS: as boot, and say how it went
try() {
	boot "$@"
	if [ -z "$why" ]; then
		echo "ok - $name"
	else
		echo "not ok - $name: ${why#; }"
		tail -n 30 /tmp/out
		status=1
	fi
}

for b in ${BOOTS:-pc:on:1:host pc:split:2:host q35:on:2:EPYC q35:split:1:qemu64 microvm:on:2:host microvm:split:1:host}; do
	IFS=:
	# shellcheck disable=SC2086
	set -- $b
	unset IFS
	try "$1" "$2" "$3" "${4:-host}"
done
exit $status
