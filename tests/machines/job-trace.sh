#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Every tracepoint says what happened: a few interrupts of each kind, counted in the trace from assertion to EOI.
# Carried and started like job-main.sh, with apitest.
status=0
ok() { echo "ok - trace: $1"; }
bad() { echo "not ok - trace: $1"; status=1; }
n=10
trace=/sys/kernel/tracing
mount -t tracefs tracefs $trace 2>/dev/null
if [ ! -d $trace/events/vintc ]; then
	# Without CONFIG_TRACING there is nothing to see.
	if [ -d $trace/events ]; then bad "no vintc events"; exit 1; fi
	echo "skip - trace: this kernel has no tracefs"
	exit 0
fi
[ -e /dev/vintc ] || load vintc || exit 1
echo 16384 >$trace/buffer_size_kb

# traced COMMAND...: what it left in the trace is /tmp/trace, without the common fields
traced() {
	echo 0 >$trace/tracing_on
	: >$trace/trace
	echo 1 >$trace/events/vintc/enable
	echo 1 >$trace/tracing_on
	"$@" >/tmp/traced 2>&1 || { bad "$*"; cat /tmp/traced; }
	echo 0 >$trace/tracing_on
	echo 0 >$trace/events/vintc/enable
	sed -n 's/^.* \(vintc_[a-z]*: \)/\1/p' $trace/trace >/tmp/trace
	if [ "$(sed -n 's/.*entries-in-buffer.*: \([0-9]*\)\/\([0-9]*\).*/\1 \2/p' $trace/trace | awk '$1 != $2')" ]; then
		bad "$*: the trace has lost events"
	fi
}

# count NAME NUMBER PATTERN: so many lines; 'N+' means at least
count() {
	got=$(grep -cE "$3" /tmp/trace)
	case $2 in
	*+) [ "$got" -ge "${2%+}" ] ;;
	*) [ "$got" = "$2" ] ;;
	esac && ok "$1" || bad "$1: $got of $2 lines match $3"
}

# What hardware delivers leaves no trace.
guest() { /vintctl run --software --cpus 1 --count $n --only "$1"; }

# The vector and its way are what the guest prints; the phase runs in xAPIC and in x2APIC mode.
traced guest msi
modes=$(grep -c '^vintc_msi: .* result 1' /tmp/trace)
modes=$((modes / n))
if [ $modes -ge 1 ]; then ok "an MSI is one vintc_msi"; else bad "no vintc_msi"; cat /tmp/traced; fi
count "an MSI by its GSI is a vintc_route" $((modes * n / 2)) '^vintc_route: [0-9]+ -> physical 0x0 vector'
vectors=$(sed -n 's/^vintc_msi: .* data 0x0*\([0-9a-f][0-9a-f]\) .*/\1/p' /tmp/trace | sort -u)
for v in $vectors; do
	all=$(grep -c "^vintc_msi: .* data 0x$v " /tmp/trace)
	count "MSI 0x$v: posted" "$all" "^vintc_post: vcpu 0 vector 0x$v fixed edge"
	count "MSI 0x$v: accepted" "$all" "^vintc_accept: vcpu 0 vector 0x$v"
	count "MSI 0x$v: ended" "$all" "^vintc_eoi: vcpu 0 vector 0x$v"
	count "MSI 0x$v: injected" "$all" "^vintc_inject: vcpu 0 vector 0x$v irq"
done
# every exit has its entry
entries=$(grep -c '^vintc_entry: vcpu 0 rip 0x' /tmp/trace)
count "as many exits as entries" "$entries" '^vintc_exit: vcpu 0 reason [^ ]+ \(0x[0-9a-f]+\) rip 0x'
count "no exit without a name" 0 '^vintc_exit: vcpu 0 reason 0x'

traced guest ioapic-level
asserts=$(grep -c '^vintc_line: gsi [0-9]* level 1 status 1' /tmp/trace)
if [ "$asserts" -ge $n ]; then ok "a line's assertion is a vintc_line"; else bad "$asserts vintc_line"; fi
# once for its assertion, again at each EOI that finds it high
messages=$(grep -c '^vintc_ioapic: ' /tmp/trace)
if [ "$messages" -gt "$asserts" ]; then ok "an EOI asserts a level line again"; else bad "$messages vintc_ioapic"; fi
count "a level line: sent" "$messages" '^vintc_ioapic: [0-9]+ -> physical 0x0 vector 0x[0-9a-f]{2} fixed level'
count "a level line: posted" "$messages" '^vintc_post: vcpu 0 vector 0x[0-9a-f]{2} fixed level'
count "a level line: lowered" "$asserts" '^vintc_line: gsi [0-9]+ level 0 '

traced guest self-ipi
ipis=$(grep -c '^vintc_ipi: vcpu 0 -> ' /tmp/trace)
if [ "$ipis" -ge $n ]; then ok "a self-IPI is a vintc_ipi"; else bad "$ipis vintc_ipi"; fi
count "the APIC's page is a vintc_mmio" "$n+" '^vintc_mmio: vcpu 0 write 0xfee00300 len 4'
count "the APIC's MSRs are a vintc_msr" "$n+" '^vintc_msr: vcpu 0 write 0x8(30|3f) '

traced guest timer-oneshot
count "a timer is armed" "$n+" '^vintc_timer: vcpu 0 arm'
count "a timer expires" "$n+" '^vintc_timer: vcpu 0 (fire|expire)'

export DEV=/dev/vintc
traced /apitest io
count "OUT is a vintc_pio" 1+ '^vintc_pio: vcpu 0 out 0x1234 size'
traced /apitest cpuid
count "CPUID is a vintc_cpuid" 1+ '^vintc_cpuid: vcpu 0 leaf 0x'
exit $status
