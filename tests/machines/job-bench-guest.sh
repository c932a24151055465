#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# An unmodified QEMU boots Linux (tests/machines/guest/cost) on vintc and on in-tree KVM, three times, and programs/vmcost.c says what
# each phase of that cost (bench-job.sh). For `bench`, on a machine with one CPU that counts instructions; needs what
# job-qemu-devices.sh needs, and kvm_amd, carried.
#
# N: how many reads and pings
#
# Nothing polls here, neither a halted vCPU (halt_poll_ns) nor an idle guest (idle=halt) nor QEMU's disk thread: they would
# do so for as long as there is nothing to do, and that would be counted. Firmware has no SMM, which vintc lacks, and no disks or
# keyboard to wait for.
. /bench-job.sh

net() {
	tunctl -t "$1" >/dev/null && ip addr add "$2/24" dev "$1" && ip link set "$1" up
}

guest() {
	EVENT=$2 LIMIT=60 /vmcost /qemu/run -nodefaults -no-user-config -display none -no-reboot -M q35,smm=off,sata=off,i8042=off \
		-accel "kvm,device=/dev/$1,kernel-irqchip=on" -cpu host -smp 1 -m 256 -serial stdio \
		-object iothread,id=io,poll-max-ns=0 -drive file=/tmp/disk,format=raw,if=none,id=disk,readonly=on \
		-device virtio-blk-pci,drive=disk,iothread=io \
		-netdev tap,id=vhost,ifname=tap0,script=no,downscript=no,vhost=on -device virtio-net-pci,netdev=vhost,romfile= \
		-netdev tap,id=tap,ifname=tap1,script=no,downscript=no,vhost=off \
		-device virtio-net-pci,netdev=tap,romfile=,mac=52:54:00:00:02:01 -kernel /vmlinuz -initrd /guest.img \
		-append "console=ttyS0 panic=-1 quiet idle=halt mitigations=off vintc.guest=cost vintc.n=$3 \
vintc.ip=eth0:10.0.1.2:10.0.1.1 vintc.ip=eth1:10.0.2.2:10.0.2.1" </dev/null 2>/tmp/said
}

load tun && load vhost_net || exit 1
net tap0 10.0.1.1 && net tap1 10.0.2.1 || exit 1
head -c 8388608 /dev/urandom >/tmp/disk
compare "QEMU's guest" 0 0 "${N:-1000}"
