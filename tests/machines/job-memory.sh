#!/bin/sh
# Guest memory is the VMM's memory, on every device there is ($DEVICES, or those that exist).
# With --carry brd there is swap space, too.
if [ -e /modules/brd.order ] && load brd rd_nr=1 rd_size=65536; then
	mkswap /dev/ram0 >/dev/null && swapon /dev/ram0 || echo "# no swap on /dev/ram0"
fi
status=0
for dev in ${DEVICES:-/dev/kvm /dev/vintc}; do
	[ -e "$dev" ] || continue
	DEV=$dev /memtest $TESTS || status=1
done
exit $status
