#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# What README.md (/README.md here) says in its section "With QEMU" is what is run: each of its fenced blocks must bring a guest up
# that says what the guest of job-qemu.sh says. vmlinuz and initrd.img are in the folder where it runs.
. /qemu-job.sh

mkdir -p /tmp/bin /tmp/readme
printf '#!/bin/sh\nexec /qemu/run "$@"\n' >/tmp/bin/qemu-system-x86_64
chmod +x /tmp/bin/qemu-system-x86_64
PATH=/tmp/bin:$PATH
ln -s /vmlinuz /tmp/readme/vmlinuz
ln -s /guest.img /tmp/readme/initrd.img
cd /tmp/readme || exit 1
awk '/^## / { in_it = $0 == "## With QEMU" } in_it && /^```/ { on = !on; n += on; next } in_it && on { print >("/tmp/readme/block" n) }' /README.md

readme() {
	begin "qemu: README.md's command $1"
	# /dev/vintc, if it isn't another device that is to be compared with, and an end
	sed "s|/dev/vintc|$device|; s/^qemu-system/exec qemu-system/" "block$1" >command
	sleep "${LIMIT:-150}" | timeout "${LIMIT:-150}" sh ./command >"$dir/serial" 2>"$dir/out" &
	i=0
	until grep -aq '^guest: end' "$dir/serial" || [ $i = "${LIMIT:-150}" ] || ! kill -0 $! 2>/dev/null; do
		i=$((i + 1))
		sleep 1
	done
	problem=$(grep -v "warning: host doesn't support" "$dir/out" | head -n 1)
	kill $!
	wait $!
	tr -d '\r' <"$dir/serial" >said
	for line in "clock kvm-clock" "timer 1" "faults 0" end; do
		grep -qa "^guest: $line" said || wrong "the guest has not said \"$line\""
	done
	[ -z "$problem" ] || wrong "QEMU says $problem"
}

for block in block?; do
	[ ! -e "$block" ] || try readme "${block#block}"
done
if [ ! -e block1 ]; then
	echo "not ok - qemu: README.md has no command"
	status=1
fi
exit $status
