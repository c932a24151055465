#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# What the user of a VMM does with a running guest, by QEMU's monitor: the guest counts (tests/machines/guest/count), and
# goes on counting. Needs what job-qemu.sh needs, and /state.qcow2, an empty image that snapshots go into.
#
# LIVES, SNAPSHOTS, DEBUGGERS: on what machines; words MACHINE:IRQCHIP:CPUS
. /qemu-job.sh

# All ticks since the last start follow one another, whatever has been done to the guest meanwhile.
no_gap() {
	grep -a '^guest: \(tick\|counts\)' "$dir/serial" | tr -d '\r' |
		awk '$2 == "counts" { want = 1; next } $3 != want { print $3 " after " want - 1; exit } { want++ }' >/tmp/gap
	[ ! -s /tmp/gap ] || wrong "ticks: $(cat /tmp/gap)"
}

pause() {
	tell stop event:STOP || return
	sleep 1
	stopped=$(tick) up=$(field up)
	sleep 6
	[ "$(tick)" = "$stopped" ] || wrong "it counts while it is stopped"
	tell cont event:RESUME || return
	ticks 2 || return
	# its clock has stood still, too
	[ $(($(field up) - up)) -lt 5 ] || wrong "its clock went from $up to $(field up) while it was stopped"
}

nmis() {
	before=$(field nmi)
	tell nmi || return
	ticks 2 || return
	[ $(($(field nmi) - before)) = "$cpus" ] || wrong "$(($(field nmi) - before)) NMIs on $cpus CPUs"
}

chips() {
	tell "info lapic" >/tmp/lapic || return
	grep -q 'SPIV.*APIC enabled' /tmp/lapic || wrong "info lapic: no enabled APIC"
	grep -q 'LVTT.*00ec.*Fixed' /tmp/lapic || { wrong "info lapic: no timer"; cat /tmp/lapic; }
	tell "info pic" >/tmp/pic || return
	grep -q 'pin 4.*vec=.*active-hi edge' /tmp/pic || wrong "info pic: no pin 4"
}

migrate() {
	tell "migrate -d exec:cat>/tmp/state" until:completed "info migrate" >/tmp/migrate || return
	left=$(tick)
	quit
	start "$machine" "$irqchip" "$cpus" "$append" -incoming "exec:cat /tmp/state"
	tell "until:VM status: running" "info status" >/dev/null || return
	ticks 5 || return
	[ "$(tick)" -gt "$left" ] || wrong "it doesn't go on after migration"
}

live() {
	begin "qemu: stop, NMI, migration to a file, reset, power button: $1, irqchip $2, $3 CPUs"
	start "$1" "$2" "$3" "vintc.guest=count apic_extnmi=all"
	said "tick 5" && pause && nmis && chips && migrate && no_gap || return
	tell system_reset event:RESET || return
	said counts 2 && said "tick 3" 2 || return
	tell system_powerdown event:POWERDOWN event:SHUTDOWN
	said "the power button"
	ends
	no_gap
	said=$(grep -v "warning: host doesn't support" "$dir/out" | head -n 1)
	[ -z "$said" ] || wrong "QEMU says $said"
}

snapshot() {
	begin "qemu: a snapshot taken and gone back to, a reboot from inside: $1, irqchip $2, $3 CPUs"
	cp /state.qcow2 /tmp/state.qcow2
	start "$1" "$2" "$3" "vintc.guest=count vintc.after=40:reboot" -drive file=/tmp/state.qcow2,if=none,id=state
	said "tick 5" || return
	before=$(tick)
	tell "savevm here" || return
	after=$(tick)
	ticks 10 || return
	tell "loadvm here" || return
	said "tick $((after + 8)) " 2 || return
	[ "$(grep -ac "^guest: tick $before " "$dir/serial")" = 1 ] || wrong "it begins before the snapshot"
	tell event:RESET || return
	said counts 2 || return
	tell '{"execute":"set-action","arguments":{"reboot":"shutdown"}}' event:SHUTDOWN >/dev/null || return
	ends
}

# The emulated CPU doesn't intercept INT3, so that QEMU's software breakpoints kill the guest, on KVM as well.
# QEMU's gdb stub: in function $there, that the guest calls once per tick, and at variable $that, that a timer interrupt writes
debugger() {
	begin "qemu: breakpoints, watchpoints, single steps by its gdb stub: $1, irqchip $2, $3 CPUs"
	start "$1" "$2" "$3" "vintc.guest=count vintc.symbols=hrtimer_nanosleep,jiffies_64" -gdb tcp:127.0.0.1:1234
	said "tick 3" || return
	there=$(symbol hrtimer_nanosleep) that=$(symbol jiffies_64)
	gdb hw:$there cont at:$there -hw:$there step past:$there step moved go break hw:$there cont at:$there detach || return
	ticks 3
	gdb write:$that,8 cont watched:$that cont watched:$that -write:$that,8 access:$that,8 cont watched:$that -access:$that,8 || return
	# all at once: the watched variable is written while the guest is on its way to the function
	gdb hw:$there write:$that,8 cont cont cont -write:$that,8 cont at:$there -hw:$there detach || return
	ticks 3
	no_gap
	tell system_powerdown
	ends
}
symbol() { sed -n "s/^guest: symbol $1 \([0-9a-f]*\).*/\1/p" "$dir/serial" | tr -d '\r'; }
gdb() { /gdbclient 1234 "$@" >/tmp/gdb 2>&1 || { wrong "$(tail -n 1 /tmp/gdb)"; return 1; }; }

each() {
	case=$1
	shift
	for b; do
		IFS=:
		# shellcheck disable=SC2086
		set -- $b
		unset IFS
		try "$case" "$@"
	done
}

# shellcheck disable=SC2086
each live ${LIVES-pc:on:2 q35:split:1}
# shellcheck disable=SC2086
each snapshot ${SNAPSHOTS-q35:on:1 pc:split:2}
# shellcheck disable=SC2086
each debugger ${DEBUGGERS-pc:on:2 q35:split:1}
exit $status
