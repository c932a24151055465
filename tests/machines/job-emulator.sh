#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# What qemu-patches/ has mended stays so: guests on CPU 0, which leave it all the time, while CPU 1 restores FPU state.
# Needs /vintctl, /fpuloop and two CPUs.
/fpuloop 1 &
if taskset 1 /vintctl run --software --cpus 1 --count "${COUNT:-500}" --timeout 30 >/tmp/out 2>&1; then
	echo "ok - emulator: guests on CPU 0 beside FPU state restored on CPU 1"
	exit 0
fi
echo "not ok - emulator: guests on CPU 0 beside FPU state restored on CPU 1: $(tail -n 1 /tmp/out)"
cat /tmp/out
exit 1
