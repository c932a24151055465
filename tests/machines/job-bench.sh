#!/bin/sh
# bench.c on in-tree KVM and on vintc in one boot: `== DEVICE`, then its rows. For `bench`, under
# --icount with --carry kvm_amd (and --module vintc.ko, which is loaded when the job starts).
run() {
	# what the kernel still has to do after booting (and after a module came) would be in the first rows:
	# each tick of its timers runs it
	sleep 3
	echo "== $1"
	DEV=/dev/$1 /bench $ROWS
}

status=0
if [ -e /dev/vintc ]; then
	run vintc || status=1
	rmmod vintc || exit 1
fi
load kvm_amd || exit 1
run kvm || status=1
exit $status
