#!/bin/sh
# Input that no VMM should give, on every device there is ($DEVICES, or those that exist).
status=0
for dev in ${DEVICES:-/dev/kvm /dev/vintc}; do
	[ -e "$dev" ] || continue
	DEV=$dev /badinput $TESTS || status=1
done
exit $status
