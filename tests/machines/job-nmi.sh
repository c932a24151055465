#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# The host's NMIs while guests run, by a module of our own (nmi) that sends them; FRED: the host must use it.

if [ -n "${FRED:-}" ]; then
	if grep -q ' fred' /proc/cpuinfo; then
		echo "ok - nmi: the host has FRED"
	else
		echo "not ok - nmi: the host has FRED"
		exit 1
	fi
fi
insmod /vintc-nmi.ko || exit 1
status=0
for dev in ${DEVICES:-/dev/kvm /dev/vintc}; do
	[ ! -e "$dev" ] || DEV=$dev /nmitest || status=1
done
rmmod vintc_nmi || status=1
exit $status
