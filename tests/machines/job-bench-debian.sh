#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# A whole Debian (`guest-root`; /dev/vda, /debian) boots to its login prompt under an unmodified QEMU, on vintc and on in-tree KVM, and
# programs/vmcost.c says what that cost (bench-job.sh). For `bench`, on a machine with one CPU that counts instructions; needs /qemu,
# and kvm_amd, carried.
#
# ROUNDS: boots of each, as systemd's units never take the same turns twice
#
# Each boot finds the same disk, which is read from memory and written to a file there. Nothing polls, as in job-bench-guest.sh.
. /bench-job.sh

guest() {
	PHASE=login UNTIL='guest login: ' EVENT=$2 LIMIT=1000 /vmcost /qemu/run -nodefaults -no-user-config -display none -no-reboot \
		-M q35,smm=off,sata=off,i8042=off -accel "kvm,device=/dev/$1,kernel-irqchip=on" -cpu host -smp 1 -m 512 -serial stdio \
		-object iothread,id=io,poll-max-ns=0 -drive file=/dev/vda,format=raw,if=none,id=disk,snapshot=on \
		-device virtio-blk-pci,drive=disk,iothread=io -kernel /debian/vmlinuz -initrd /debian/initrd \
		-append "root=/dev/vda ro console=ttyS0 quiet idle=halt mitigations=off" </dev/null 2>/tmp/said
}

mkdir -p /var/tmp
cat /dev/vda >/dev/null
# shellcheck disable=SC2046 # a list of words
compare Debian $(seq "${ROUNDS:-3}")
