#!/bin/sh
# Several jobs in one boot, for machines that are slow to start: $JOBS, carried along as files in /jobs
# (svm --file JOB:/jobs/JOB). Says before each what it is and when.
status=0
for job in $JOBS; do
	echo "== $job, $(cut -d' ' -f1 /proc/uptime) s"
	"/jobs/$job" || { echo "== $job: exit status $?"; status=1; }
done
echo "== end, $(cut -d' ' -f1 /proc/uptime) s"
exit $status
