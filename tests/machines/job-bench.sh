#!/bin/sh
# bench.c on in-tree KVM and on vintc in one boot: `== DEVICE`, then its rows. For `bench`, with
# --carry of KVM's module (and --module vintc.ko, which is loaded when the job starts). KVM: that module and its
# parameters; ASKED: which of them must say Y (or 1), or KVM wouldn't do what it is compared in; VINTC: vintc's.
run() {
	# what the kernel still has to do after booting (and after a module came) would be in the first rows:
	# each tick of its timers runs it
	sleep 3
	echo "== $1"
	DEV=/dev/$1 /bench $ROWS
}

# Every ten seconds it would look for what to copy into huge pages, in the middle of some row.
echo 4294967295 >/sys/kernel/mm/transparent_hugepage/khugepaged/scan_sleep_millisecs

status=0
if [ -e /dev/vintc ]; then
	if [ -n "$VINTC" ]; then
		rmmod vintc && load vintc $VINTC || exit 1
	fi
	run vintc || status=1
	rmmod vintc || exit 1
fi
load ${KVM:-kvm_amd} || exit 1
if [ -n "$ASKED" ]; then
	grep -q '[Y1]' "/sys/module/$ASKED" || { echo "not ok - bench: KVM has $ASKED off"; exit 1; }
fi
run kvm || status=1
exit $status
