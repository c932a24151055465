#!/bin/sh
# Whose CPU state is it? On every device there is; with the host's MSRs if `msr` was taken along.
[ ! -e /modules/msr.order ] || load msr
status=0
for dev in ${DEVICES:-/dev/kvm /dev/vintc}; do
	[ -e "$dev" ] || continue
	DEV=$dev /swtest $TESTS || status=1
done
exit $status
