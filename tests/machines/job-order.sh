#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Does a test notice when behaviour E is in the wrong order? With a module built with VINTC_MUTANTS=1:
#
#   make -C tests/machines/programs O=DIR
#   tests/machines/bochs --model tigerlake --cpus 2 --job tests/machines/job-order.sh --file DIR/ordertest \
#       --module "$(tests/machines/build 6.12 VINTC_MUTANTS=1)"
#
# The right order must lose no interrupt, and each mutant of module/apic/mutant.h must lose one. MUTANTS picks some.

parameter=/sys/module/vintc/parameters/mutant
status=0

if [ ! -e $parameter ]; then
	echo "not ok - order/mutants: the module has none"
	exit 1
fi
DEV=/dev/vintc /ordertest || status=1
number=0
for name in ON_FIRST LOOK_FIRST MODE_LATE IRQS_ON PIR_FIRST INJECT_FIRST; do
	number=$((number + 1))
	case " ${MUTANTS:-$name} " in *" $name "*) ;; *) continue ;; esac
	echo $number >$parameter
	lost=$(DEV=/dev/vintc ROUNDS=${ROUNDS:-5000} /ordertest "order x2apic" | grep "^not ok.*aren't there")
	echo 0 >$parameter
	if [ -n "$lost" ]; then
		echo "# ${lost#not ok - }"
		echo "ok - order/mutants: $name is noticed"
	else
		echo "not ok - order/mutants: $name isn't noticed"
		status=1
	fi
done
exit $status
