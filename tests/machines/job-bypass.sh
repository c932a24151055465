#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Irq bypass, with a device of our own (producer); irqbypass.ko is carried, and loaded here: vintc does without it.

status=0
if [ -d /sys/module/irqbypass ]; then
	echo "not ok - bypass/alone: irqbypass was loaded with vintc"
	exit 1
fi
DEV=/dev/vintc /apitest irqfd || status=1
load irqbypass && insmod /vintc-producer.ko || exit 1
DEV=/dev/vintc /bypasstest $TESTS || status=1
# Nothing is held after that, and all goes.
left=$(cut -d' ' -f1,3 /proc/modules | grep -E '^(irqbypass|vintc|vintc_producer) ' | tr '\n' ' ')
for module in vintc_producer irqbypass vintc; do
	if rmmod $module; then
		echo "ok - bypass/unload: $module"
	else
		echo "not ok - bypass/unload: $module, of $left"
		status=1
	fi
done
exit $status
