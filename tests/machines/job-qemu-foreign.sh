#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Guests that aren't Linux, under an unmodified QEMU: UEFI firmware (OVMF, from flash: memory that is read and run but not
# written), to its shell; memtest86+ with two CPUs, through some of its tests. `fetch foreign` has them. Needs what job-qemu.sh needs.
. /qemu-job.sh

# hears TEXT SECONDS: wait until the guest has written that to its serial line
hears() {
	i=0
	until grep -qa -- "$1" "$dir/serial"; do
		i=$((i + 1))
		if [ $i -gt $(($2 * 5)) ] || ! running; then
			wrong "no \"$1\" on the serial line"
			return 1
		fi
		usleep 200000
	done
}

uefi() {
	begin "qemu: UEFI to its shell, irqchip $1, $2 CPUs"
	cp /foreign/vars.fd /tmp/vars.fd
	start q35 "$1" "$2" - -drive if=pflash,format=raw,readonly=on,file=/foreign/code.fd \
		-drive if=pflash,format=raw,file=/tmp/vars.fd -net none
	hears 'UEFI Interactive Shell' 100 && hears 'Shell>' 60
}

memtest() {
	begin "qemu: memtest86+, $1 CPUs"
	memory=48
	start pc on "$1" - -vga std -kernel /foreign/memtest.bin -append console=ttyS0,115200
	hears "$1 Threads" 60 && hears 'All Cores' 60
	hears '#10 ' 120
	# what it prints of itself stays on its screen, so the last count is at the end
	[ "$(grep -ao 'Errors: [0-9]*' "$dir/serial" | tail -n 1)" = 'Errors: 0' ] || wrong "it has found errors"
}

try uefi on 2
try uefi split 1
try memtest 2
exit $status
