#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Does the main job notice what is wrong?  Its device misbehaves on purpose, and
# vintctl has to say so and fail.  Carried and started like job-main.sh.

device=${DEVICE:-/dev/vintc}

# expect NAME CPUS FAULT PHASES PATTERN...: wrong, and each pattern in what it says
expect()
{
	name=selftest/$1 cpus=$2 fault=$3 only=$4
	shift 4
	/vintctl run --device "$device" --cpus "$cpus" --count 20 --timeout 2 \
		--only "$only" --fault "$fault" >/tmp/out 2>&1
	status=$?
	if [ $status != 1 ]; then
		echo "not ok - $name: exit status $status, not 1"
		cat /tmp/out
		return
	fi
	for pattern; do
		if ! grep -q "$pattern" /tmp/out; then
			echo "not ok - $name: does not say \"$pattern\""
			cat /tmp/out
			return
		fi
	done
	echo "ok - $name"
}

expect lost-msi 1 lost msi "no interrupt for 2 s" "vCPU 0 took 10 of 20"
expect lost-edge 2 lost ioapic-edge "no interrupt for 2 s" "vCPU 0 took 10 of 20"
expect lost-level 1 lost ioapic-level "no interrupt for 2 s" "vCPU 0 took 10 of 20"
expect extra-msi 1 extra msi "msi .* \(took 21 of 20\|vCPU 0: IRR has 0x71\)" \
	"msi .* \(took 21 of 20\|vCPU 0: IRR has 0xf1\)"
expect extra-edge 2 extra ioapic-edge \
	"edge .* \(took 21 of 20\|vCPU 0: IRR has 0xe1\)"
expect stuck-level 1 stuck ioapic-level "level .* a storm of interrupts"

/vintctl run --device /dev/null --cpus 1 >/tmp/out 2>&1
if [ $? = 2 ] && grep -q "cannot open the device" /tmp/out; then
	echo "ok - selftest/no-device"
else
	echo "not ok - selftest/no-device: $(tail -1 /tmp/out)"
fi
