#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# A whole Debian boots under an unmodified QEMU: its own kernel, initial file system and systemd, to a login at the serial console; a
# program is compiled and run there, and it is told to power off. /dev/vda is the root file system that `guest-root` has made,
# /debian has its kernel.
#
# ROOTS: on what machines; words MACHINE:IRQCHIP:CPUS
. /qemu-job.sh

talk() { LIMIT=900 /console "$dir/console" "$@" >>"$dir/serial" 2>"$dir/console.err" || { wrong "$(tail -n 1 "$dir/console.err")"; return 1; }; }

debian() {
	begin "qemu: Debian to login, a compile job, systemctl poweroff: $1, irqchip $2, $3 CPUs"
	serial="socket,id=serial,path=$dir/console,server=on,wait=off" memory=512 LIMIT=2000
	start "$1" "$2" "$3" - -drive file=/dev/vda,format=raw,if=virtio -no-reboot \
		-kernel /debian/vmlinuz -initrd /debian/initrd -append "root=/dev/vda ro console=ttyS0"
	# the text is broken in two so that the echo of a command isn't taken for what it prints
	talk 'wait:guest login: ' root 'wait:# ' \
		'stty -echo; printf "int puts(const char *);\nint main(void) { return puts(\"compiled well\") < 0; }\n" >a.c' 'wait:# ' \
		'tcc -o a a.c && ./a' 'wait:compiled well' \
		"echo cpus \$(nproc) on \$(uname -r) faults \$(dmesg | grep -E 'BUG:|WARNING:|Oops|soft lockup|rcu: INFO' | grep -cv 'Speculative Return')" \
		"wait:cpus $3 on" 'wait:faults 0' \
		'echo failed units $(systemctl --failed --quiet --no-legend | wc -l)' 'wait:failed units 0' \
		'systemctl poweroff' 'wait:reboot: Power down' || return
	ends
}

for b in ${ROOTS-q35:on:2}; do
	IFS=:
	# shellcheck disable=SC2086
	set -- $b
	unset IFS
	try debian "$@"
done
exit $status
