#!/bin/sh
# Guests of random code, on every device there is: each ends in a way that the interface knows. RUNS, SEED, FIRST, MS.
status=0
for dev in ${DEVICES:-/dev/kvm /dev/vintc}; do
	[ -e "$dev" ] || continue
	DEV=$dev /hostile || status=1
done
exit $status
