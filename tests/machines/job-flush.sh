#!/bin/sh
# Is all flushed that must be (tlbtest, then memtest), on every device there is ($DEVICES, or those that exist)?
# For Bochs, which ends the run when not. TESTS: only those of tlbtest.
status=0
for dev in ${DEVICES:-/dev/kvm /dev/vintc}; do
	[ -e "$dev" ] || continue
	DEV=$dev /tlbtest $TESTS || status=1
	[ -n "$TESTS" ] || DEV=$dev /memtest || status=1
done
exit $status
