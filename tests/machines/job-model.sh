#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# VMs of model type: each script in /scripts has the answers that it holds, also where there is neither VMX nor
# SVM; and modeltest, on the ioctls themselves ($EXPECT_BACKEND, if set, is what vintctl has to call the backend then).

device=${DEVICE:-/dev/vintc}
status=0
ok() { echo "ok - model/$1"; }
bad() { echo "not ok - model/$1"; status=1; }

for script in /scripts/*.vs; do
	name=${script##*/}
	if why=$(/vintctl model --device "$device" --check "$script" 2>&1); then
		ok "${name%.vs}"
	else
		bad "${name%.vs}: $(echo "$why" | head -n 1)"
	fi
done

# a wrong answer is noticed
sed 's/interrupt 0x40$/interrupt 0x41/' /scripts/timer.vs >/tmp/wrong.vs
if /vintctl model --device "$device" --check /tmp/wrong.vs >/dev/null 2>&1; then
	bad "selftest: a wrong answer is not noticed"
else
	ok "selftest: a wrong answer is noticed"
fi

DEV=$device /modeltest || status=1

if [ -n "$EXPECT_BACKEND" ]; then
	if /vintctl info --device "$device" | grep -q "^backend  *$EXPECT_BACKEND\$"; then
		ok "the backend is $EXPECT_BACKEND"
	else
		bad "the backend is not $EXPECT_BACKEND"
	fi
fi
exit $status
