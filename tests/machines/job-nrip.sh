#!/bin/sh
# With the CPU's next-RIP save and without: the same guests, the same interrupts, and it must pay. For `bochs`,
# as QEMU has no next-RIP save:
#
#   bochs --job job-nrip.sh --module vintc.ko --file job-main.sh:/jobs/main --file vintctl --file apitest \
#         --file badinput --file bench --timeout 400
#
# COUNT, CPUS: as for job-main.sh.
export DEV=/dev/vintc DEVICES=/dev/vintc DEVICE=/dev/vintc COUNT="${COUNT:-20}"
status=0
ok() { echo "ok - $1"; }
bad() { echo "not ok - $1"; status=1; }

# tagged TAG COMMAND...: its results, with the tag in their names
tagged() {
	local tag=$1
	shift
	{ "$@"; echo $? >/tmp/status; } | sed -E "s/^(ok|not ok|skip) - /&$tag /"
	[ "$(cat /tmp/status)" = 0 ] || status=1
}

for on in 1 0; do
	[ ! -d /sys/module/vintc ] || rmmod vintc || exit 1
	load vintc nrips=$on || exit 1
	/vintctl info >/tmp/info
	if ! grep -q '^present.* nrip-save' /tmp/info; then
		echo "skip - nrips: this CPU has no next-RIP save"
		exit 0
	fi
	used=0
	! grep -q '^used.* nrip-save' /tmp/info || used=1
	if [ $used = $on ]; then ok "nrips=$on: seen in the features used"; else bad "nrips=$on: used is $used"; fi

	PREFIX=main/nrips=$on /jobs/main || status=1
	tagged nrips=$on /apitest
	tagged nrips=$on /badinput
	SCALE=${SCALE:-20} ROUNDS=1 /bench cpuid out self_xapic self_x2apic >/tmp/bench$on || bad "nrips=$on: bench"
done

# Instructions, which repeat on one CPU. OUT has a next RIP of its own (EXITINFO2), and an access to the
# xAPIC's page is decoded anyway.
echo "instructions per event  without  with"
for row in cpuid self_x2apic out self_xapic; do
	with=$(awk -v r="$row" '/^row / && $2 == r { print int($3) }' /tmp/bench1)
	without=$(awk -v r="$row" '/^row / && $2 == r { print int($3) }' /tmp/bench0)
	printf '%-22s %8s %5s\n' "$row" "$without" "$with"
	case $row in
	cpuid | self_x2apic) limit=$((${without:-0} - 1)) said="fewer instructions" ;;
	*) limit=$((${without:-0} * 102 / 100)) said="no more instructions" ;;
	esac
	if [ "${with:-0}" -gt 0 ] && [ "${with:-0}" -le "$limit" ]; then
		ok "nrips: $row takes $said with it"
	else
		bad "nrips: $row takes ${without:-none} without, ${with:-none} with it"
	fi
done
exit $status
