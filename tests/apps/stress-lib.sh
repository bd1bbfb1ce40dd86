# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Run stress-ng on the file "job", and print its verdicts.

# Not as root, for whom some of its parts refuse to run; with what others want: no new
# privileges for a filter, a word of root for userfaultfd, and no rseq of the C library's.
stress()
{
	local logs=/tmp/apps/logs/${DUNE_RUN:-native}

	chmod 777 .
	echo 1 >/proc/sys/vm/unprivileged_userfaultfd
	GLIBC_TUNABLES=glibc.pthread.rseq=0 \
		setpriv --reuid 65534 --regid 65534 --clear-groups --no-new-privs "${launcher[@]}" \
		stress-ng --verify --metrics --job job "$@" >log 2>&1
	echo "status $?"
	# Which ran to their end, and what they complain of, in one order.
	sed -nE 's/^stress-ng: metrc: \[[0-9]+\] ([a-z0-9-]+) +[0-9]+ +[0-9.]+ +[0-9.]+ +[0-9.]+ .*/ran \1/p' log
	grep -E '^stress-ng: (fail|error)' log | sed -E 's/\[[0-9]+\]//; s/[0-9]+/N/g' | sort -u
	mkdir -p "$logs"
	mv log "$logs/stress"
}
