#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# A whole Debian (`guest-root`; /dev/vda, /debian) boots to its login prompt under an unmodified QEMU, on vintc and on in-tree KVM, and
# programs/vmcost.c says what that cost: `== DEVICE`, its lines; then once more as `== DEVICE-traced`. For `bench`, on a machine with
# one CPU that counts instructions; needs /qemu, and kvm_amd, carried.
#
# ROUNDS: boots of each, as systemd's units never take the same turns twice
#
# Each boot finds the same disk, which is read from memory and written to a file there. Nothing polls, as in job-bench-guest.sh.
status=0

guest() {
	PHASE=login UNTIL='guest login: ' EVENT=$2 LIMIT=1000 /vmcost /qemu/run -nodefaults -no-user-config -display none -no-reboot \
		-M q35,smm=off,sata=off,i8042=off -accel "kvm,device=/dev/$1,kernel-irqchip=on" -cpu host -smp 1 -m 512 -serial stdio \
		-object iothread,id=io,poll-max-ns=0 -drive file=/dev/vda,format=raw,if=none,id=disk,snapshot=on \
		-device virtio-blk-pci,drive=disk,iothread=io -kernel /debian/vmlinuz -initrd /debian/initrd \
		-append "root=/dev/vda ro console=ttyS0 quiet idle=halt mitigations=off" </dev/null 2>/tmp/said
}

try() {
	if guest "$1" "$2"; then
		echo "ok - bench: Debian on $1$3"
	else
		tail -n 5 /tmp/said
		echo "not ok - bench: Debian on $1$3 did not come to its login"
		status=1
	fi
}

both() {
	echo 0 >"/sys/module/$1/parameters/halt_poll_ns"
	echo "== $1"
	for _ in $(seq "${ROUNDS:-3}"); do try "$1" "" ""; done
	echo "== $1-traced"
	try "$1" "$2" -traced
}

mkdir -p /var/tmp
cat /dev/vda >/dev/null
if [ -e /dev/vintc ]; then
	both vintc vintc/vintc_exit:reason
	rmmod vintc || exit 1
fi
load kvm_amd || exit 1
both kvm kvm/kvm_exit:exit_reason
exit $status
