#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# The software CPU against the machine's: FLAVOURS is a list of what vintc is loaded as and which model it is compared
# with. SEED and COUNT: which scripts, and how many.
status=0
export DEV=${DEVICE:-/dev/vintc}

for flavour in ${FLAVOURS:-svm}; do
	case $flavour in
	# the emulated CPU has no erratum, though its family has
	avic) parameters="avic_ipi=1 x2avic=0" ;;
	x2avic) parameters=avic_ipi=1 ;;
	svm) parameters=avic=0 ;;
	vmx) parameters=apicv=0 ;;
	*) parameters= ;;
	esac
	rmmod vintc
	load vintc $parameters || exit 1
	/modelcompare "$flavour" $MODES || status=1
done
exit $status
