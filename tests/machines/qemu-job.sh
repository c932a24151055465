# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Shared by the jobs that run QEMU inside an emulated machine; sourced. `guest-qemu` has made /qemu; /vmlinuz and
# /guest.img are the guest's, guest-linux.sh its job, /guest its other ones.
#
# A case is a function that begins with `begin NAME`, and calls `wrong WHY` when something is.

device=${DEVICE:-/dev/vintc}
status=0
if [ ! -e "$device" ]; then
	echo "not ok - qemu: there is no $device"
	exit 1
fi
base='console=ttyS0 panic=-1 quiet mitigations=off'

begin() {
	name=$1 why='' cpu='' serial='' memory=256
	rm -rf /tmp/vm-*
	use a
}
wrong() { why="$why; $*"; }

# use NAME: the VM that is meant from here on; of each there are serial (the guest's console), out (what QEMU says), qmp (its monitor)
use() {
	dir=/tmp/vm-$1
	mkdir -p "$dir"
	[ -e "$dir/serial" ] || : >"$dir/serial"
}

# start MACHINE IRQCHIP CPUS KERNEL-ARGUMENTS QEMU-ARGUMENTS...: QEMU in the background; with - for KERNEL-ARGUMENTS it is
# the firmware that finds a kernel
start() {
	machine=$1 irqchip=$2 cpus=$3 append=$4
	shift 4
	[ "$append" = - ] || set -- -kernel /vmlinuz -initrd /guest.img -append "$base $append" "$@"
	rm -f "$dir/qmp"
	timeout "${LIMIT:-150}" /qemu/run -nodefaults -no-user-config -display none -M "$machine" \
		-accel "kvm,device=$device,kernel-irqchip=$irqchip" -cpu "${cpu:-host}" -smp "$cpus" -m "$memory" \
		-chardev "${serial:-file,id=serial,path=$dir/serial,append=on}" -serial chardev:serial \
		-qmp "unix:$dir/qmp,server=on,wait=off" "$@" </dev/null >>"$dir/out" 2>&1 &
	echo $! >"$dir/pid"
}

# tell STEP...: see programs/qmp.c
tell() { /qmp "$dir/qmp" "$@" 2>"$dir/qmp.err" || { wrong "$(tail -n 1 "$dir/qmp.err")"; return 1; }; }

# ends: QEMU ends by itself, and well
ends() {
	wait "$(cat "$dir/pid")" || wrong "QEMU's status is $?"
	rm "$dir/pid"
}

running() { [ -e "$dir/pid" ] && readlink "/proc/$(cat "$dir/pid")/exe" >/dev/null; }

# put an end to it
quit() {
	if running; then
		LIMIT=10 /qmp "$dir/qmp" quit >/dev/null 2>&1 || kill -9 "$(cat "$dir/pid")"
		wait "$(cat "$dir/pid")"
	fi
	rm -f "$dir/pid"
}

# said TEXT [TIMES]: wait until the guest has
said() {
	i=0
	while [ "$(grep -ac "^guest: $1" "$dir/serial")" -lt "${2:-1}" ]; do
		i=$((i + 1))
		if [ $i -gt $((${PATIENCE:-120} * 5)) ] || ! running; then
			wrong "the guest has not said \"$1\""
			return 1
		fi
		usleep 200000
	done
}

# tick: the number of the guest's last; field NAME: what followed NAME in it
tick() { field tick; }
field() { grep -a '^guest: tick .*nmi [0-9]' "$dir/serial" | tail -n 1 | tr -d '\r' | sed -n "s/.*$1 \([0-9]*\).*/\1/p"; }

# ticks N: wait until it has counted N more
ticks() { said "tick $(($(tick) + $1)) "; }

# try CASE ARGUMENTS...: run a case, and say how it went
try() {
	"$@"
	for dir in /tmp/vm-*; do quit; done
	if [ -z "$why" ]; then
		echo "ok - $name"
	else
		echo "not ok - $name: ${why#; }"
		for dir in /tmp/vm-*; do
			tail -n 10 "$dir/out"
			grep -av '^guest: tick' "$dir/serial" | tail -n 20
			grep -a '^guest: tick' "$dir/serial" | tail -n 5
		done
		status=1
	fi
}
