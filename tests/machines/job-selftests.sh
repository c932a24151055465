#!/bin/sh
# KVM's selftests (`selftests` builds them), with /dev/vintc in the place of /dev/kvm; DEVICE=/dev/kvm leaves that.
#
# $SELFTESTS are those to run (default: all in /selftests), each for at most $LIMIT seconds. kvm_amd is loaded, as
# some of them want to see its parameters, but has not taken the CPU. What goes by a clock (a measurement, or a sleep
# after which a vCPU is taken to be in the guest) may need another try when the machine is busy.
limit=${LIMIT:-60}
emulator=${EMULATOR-debug_regs monitor_mwait_test} # QEMU's CPU can't do these, by in-tree KVM either
timed='apic_bus_clock_test set_memory_region_test steal_time'
# With these, being slow is no failure: an emulated machine is. Some have an alarm of their own (142).
slow='dirty_log_test hardware_disable_test max_guest_memory_test memslot_perf_test mmu_stress_test rseq_test'
[ "${DEVICE:-}" = /dev/kvm ] || { ln -sf "${DEVICE:-/dev/vintc}" /dev/kvm.new && mv -f /dev/kvm.new /dev/kvm; }
dmesg -n 1
status=0

# arguments NAME: those that let it come to an end in an emulated machine: less memory, fewer rounds
arguments() {
	case $1 in
	dirty_log_test) echo -i 3 ;;
	dirty_log_perf_test | kvm_page_table_test) echo -b 64M -v 2 ;;
	max_guest_memory_test | mmu_stress_test) echo -c 2 -s 1 -m 2 ;;
	memslot_modification_stress_test) echo -b 16M -v 2 ;;
	memslot_perf_test) echo -l 1 -s 64 ;;
	rseq_test) echo -u ;;
	esac
}

# run NAME: it and what it has forked, which must not stay, in a session of their own
run() {
	# shellcheck disable=SC2046 # words
	setsid "/selftests/$1" $(arguments "$1") >/tmp/out 2>&1 </dev/null &
	pid=$!
	(sleep "$limit" && kill -KILL -- -$pid) 2>/dev/null &
	clock=$!
	wait $pid
	r=$?
	kill $clock 2>/dev/null
	kill -KILL -- -$pid 2>/dev/null
	wait 2>/dev/null
	return $r
}

for name in ${SELFTESTS:-$(ls /selftests)}; do
	tries=1
	case " $timed " in *" $name "*) tries=4 ;; esac
	began=$(cut -d. -f1 /proc/uptime)
	while [ $tries -gt 0 ]; do
		run "$name"
		r=$?
		[ $r != 0 ] && [ $r != 4 ] || break
		tries=$((tries - 1))
	done
	echo "# $name: $(($(cut -d. -f1 /proc/uptime) - began)) s"
	case " $emulator " in *" $name "*) [ $r = 0 ] || r=emulator ;; esac
	case $r in
	emulator) echo "skip - selftest $name: the emulated CPU" ;;
	137 | 142)
		case " $(echo $slow) " in
		*" $name "*) echo "skip - selftest $name: not done in time" && continue ;;
		esac
		echo "not ok - selftest $name: not done after $limit s"
		status=1
		;;
	0) echo "ok - selftest $name" ;;
	4) echo "skip - selftest $name: $({ grep -a -i skip /tmp/out || tail -n 1 /tmp/out; } | sed 's/^1..0 # SKIP - //;q')" ;;
	*)
		echo "not ok - selftest $name: $r: $(grep -a -v '^ *[0-9]*	0x' /tmp/out | tail -n 3 | tr '\n' '|')"
		status=1
		;;
	esac
done
exit $status
