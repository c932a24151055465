#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# virtio devices of an unmodified QEMU, over PCI with MSI-X and over MMIO: two guests (tests/machines/guest/devices) that ping one
# another, the host and a guest over vhost, a disk of an I/O thread; irqfds deliver, ioeventfds are signalled, as the traces tell.
# Needs what job-qemu.sh needs, and of the kernel's modules tun and vhost_net, carried.
#
# PAIRS: the two machines, words MACHINE:IRQCHIP:CPUS,MACHINE:IRQCHIP:CPUS, the first with PCI
. /qemu-job.sh
trace=/sys/kernel/tracing

rest() {
	mkfifo "$dir/console.in" "$dir/console.out"
	cat "$dir/console.out" >"$dir/console" &
	start "$@" -chardev "pipe,id=console,path=$dir/console"
}

# What every guest of the two says, and its devices' interrupts are of kind $1
well() {
	said "random virtio_rng.0 64" || said "random virtio_rng 64"
	said "ping .* 20 packets received" "$2" || return
	i=0
	until grep -q "to the console" "$dir/console" || [ $i = 100 ]; do
		i=$((i + 1))
		usleep 100000
	done
	grep -q "to the console" "$dir/console" || wrong "nothing came from the virtio console"
	echo "from outside" 1<>"$dir/console.in"
	said "console from outside" || return
	said round
	grep -a '^guest: interrupts' "$dir/serial" | tr -d '\r' >"$dir/interrupts"
	grep -qv "$1" "$dir/interrupts" && wrong "an interrupt is no $1: $(grep -v "$1" "$dir/interrupts" | head -n 1)"
	awk '$NF > 0' "$dir/interrupts" | grep -q . || wrong "no device interrupted"
}

# how often the threads of name $1 have raised an MSI by an irqfd
raised() { grep -a "^ *$1-[0-9].* vintc_route:" $trace/trace | wc -l; }

fast() {
	echo 8192 >$trace/buffer_size_kb
	: >$trace/trace
	echo 1 >$trace/events/vintc/vintc_route/enable
	echo 1 >$trace/events/vintc/vintc_mmio/enable
	echo 1 >$trace/tracing_on
	tell "trace-event memory_region_ops_write on" || return
	before=$(grep -ac '^guest: round' "$dir/serial")
	ping -c 20 -i 0.1 -s 1000 10.0.1.2 >"$dir/ping" 2>&1
	said round $((before + 4)) # three whole ones, and what is left of the present one
	tell "trace-event memory_region_ops_write off"
	after=$(grep -ac '^guest: round' "$dir/serial")
	echo 0 >$trace/tracing_on
	grep -q ' 20 packets received' "$dir/ping" || wrong "the host pings: $(tail -n 2 "$dir/ping")"
	[ "$(raised 'vhost-[0-9]*')" -ge 20 ] || wrong "vhost raised $(raised 'vhost-[0-9]*') interrupts for 20 pings"
	[ "$(raised 'IO io')" -ge 192 ] || wrong "the disk's thread raised $(raised 'IO io') interrupts for 192 reads"
	# memory that the guest wrote to, and what of it QEMU has heard of
	grep -q 'memory_region_ops_write' "$dir/out" || wrong "QEMU traces nothing"
	notified=$(grep -c 'vintc_mmio: vcpu [0-9]* write 0x[0-9a-f]* len 2' $trace/trace)
	[ "$notified" -ge 192 ] || wrong "$notified writes of two bytes for 192 reads"
	heard=$(grep -c 'memory_region_ops_write.*virtio-pci-notify' "$dir/out")
	[ "$heard" = 0 ] || wrong "$heard notifications came to QEMU's vCPU thread"
}

pair() {
	begin "qemu: virtio by PCI ($1, irqchip $2, $3 CPUs) and MMIO ($4, irqchip $5, $6 CPUs): network, vhost, console, rng; irqfd, ioeventfd"
	head -c 1048576 /dev/urandom >/tmp/disk
	rest "$1" "$2" "$3" "vintc.guest=devices vintc.ip=eth0:10.0.1.2:10.0.1.1 vintc.ip=eth1:10.0.2.1:10.0.2.2" -name debug-threads=on \
		-netdev tap,id=tap,ifname=tap0,script=no,downscript=no,vhost=on -device virtio-net-pci,netdev=tap,romfile= \
		-netdev socket,id=peer,listen=127.0.0.1:5000 -device virtio-net-pci,netdev=peer,romfile=,mac=52:54:00:00:02:01 \
		-device virtio-rng-pci -device virtio-serial-pci -device virtconsole,chardev=console \
		-object iothread,id=io -drive file=/tmp/disk,format=raw,if=none,id=disk,cache=unsafe,readonly=on \
		-device virtio-blk-pci,drive=disk,iothread=io
	i=0
	until ip addr add 10.0.1.1/24 dev tap0 2>/dev/null || [ $i = 50 ]; do
		i=$((i + 1))
		usleep 100000
	done
	ip link set tap0 up
	use b
	rest "$4" "$5" "$6" "vintc.guest=devices vintc.ip=eth0:10.0.2.2:10.0.2.1" \
		-netdev socket,id=peer,connect=127.0.0.1:5000 -device virtio-net-device,netdev=peer,mac=52:54:00:00:02:02 \
		-device virtio-rng-device -device virtio-serial-device -device virtconsole,chardev=console \
		-drive file=/tmp/disk,format=raw,if=none,id=disk,readonly=on -device virtio-blk-device,drive=disk
	well IO-APIC 1
	use a
	well PCI-MSI 2
	fast
}

load tun || exit 1
load vhost_net || exit 1
for p in ${PAIRS-q35:on:1,microvm:split:1}; do
	IFS=:,
	# shellcheck disable=SC2086
	set -- $p
	unset IFS
	try pair "$@"
done
exit $status
