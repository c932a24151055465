#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# What can be said to an unmodified QEMU on its command line: four CPUs, CPU models, firmware that boots from a CD (/guest.iso), VGA
# text, memory from a memfd and of huge pages, cpu-pm, -no-reboot. The guest is tests/machines/guest/count.
# Needs what job-qemu.sh needs.
#
# CASES: which; MODELS: CPU models to boot with, words MODEL:MACHINE:IRQCHIP
. /qemu-job.sh

# the characters on a VGA's text screen
screen() {
	tell "xp /4000cb 0xb8000" | grep -o "'[^']*'" | awk 'NR % 2 { printf "%s", length($0) == 3 ? substr($0, 2, 1) : " " }'
}
shows() {
	i=0
	until screen >/tmp/screen && grep -qF "$1" /tmp/screen; do
		i=$((i + 1))
		if [ $i = 100 ] || ! running; then
			wrong "the screen doesn't show \"$1\" but $(tr -s ' ' </tmp/screen)"
			return 1
		fi
		usleep 200000
	done
}

# counts N CPUs
counts() {
	said "counts on $1" && said "tick 5" || return
	grep -qa '^guest: no CPU' "$dir/serial" && wrong "it has not $1 CPUs"
	grep -aqE 'BUG:|WARNING:|Oops|soft lockup|rcu: INFO' "$dir/serial" && wrong "its kernel complains"
}

cd() {
	begin "qemu: pc, SeaBIOS boots a CD by IDE, VGA text, memory-backend-memfd, migratable=off, -no-reboot"
	cpu=host,migratable=off
	start pc,memory-backend=mem on 2 - -object memory-backend-memfd,id=mem,size=256M -vga std -cdrom /guest.iso -boot d -no-reboot
	shows SeaBIOS
	shows ISOLINUX
	counts 2 || return
	shows "guest on the screen"
	# the guest reboots by itself, after 15 ticks
	ends
	said "tick 15"
	[ "$(grep -ac '^guest: counts' "$dir/serial")" = 1 ] || wrong "it has booted again"
}

huge() {
	begin "qemu: q35, 4 CPUs, split irqchip, memory in huge pages, cpu-pm"
	echo 136 >/proc/sys/vm/nr_hugepages
	mkdir -p /tmp/huge
	mount -t hugetlbfs huge /tmp/huge
	if [ "$(awk '/HugePages_Total/ { print $2 }' /proc/meminfo)" -lt 128 ]; then
		wrong "no huge pages to be had"
		return
	fi
	start q35,memory-backend=mem split 4 vintc.guest=count -object memory-backend-file,id=mem,size=256M,mem-path=/tmp/huge,share=on \
		-overcommit cpu-pm=on
	counts 4 || return
	# QEMU reads the counters of the VM
	if [ "$device" = /dev/vintc ]; then
		tell "info stats vm" >/tmp/stats || return
		[ "$(sed -n 's/.*pages_2m.*: *\([0-9]*\).*/\1/p' /tmp/stats)" -gt 8 ] 2>/dev/null ||
			wrong "few huge pages are mapped: $(grep pages_ /tmp/stats | tr '\n' ' ')"
	fi
	tell system_powerdown event:SHUTDOWN
	ends
}
unhuge() {
	umount /tmp/huge
	echo 0 >/proc/sys/vm/nr_hugepages
}

model() {
	begin "qemu: CPU model $1 on $2, irqchip $3"
	cpu=$1
	start "$2" "$3" 1 vintc.guest=count
	counts 1 || return
	tell system_powerdown event:SHUTDOWN
	ends
}

for case in ${CASES-cd huge}; do
	try "$case"
	[ "$case" != huge ] || unhuge
done
for m in ${MODELS-}; do
	IFS=:
	# shellcheck disable=SC2086
	set -- $m
	unset IFS
	try model "$@"
done
exit $status
