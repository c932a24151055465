#!/bin/sh
# Is all flushed that must be, on every device there is ($DEVICES, or those that exist)? For Bochs, which ends the run
# when not. In a new boot, and before other jobs: see the first test. TESTS: only those.
status=0
for dev in ${DEVICES:-/dev/kvm /dev/vintc}; do
	[ -e "$dev" ] || continue
	DEV=$dev /tlbtest $TESTS || status=1
done
exit $status
