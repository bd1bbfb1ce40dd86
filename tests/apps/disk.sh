#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Does vm/run --disk keep its promises?  Prints TAP.  Three boots.

set -uo pipefail

TOP=$(cd "$(dirname "$0")/../.." && pwd)
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
export TMPDIR=$tmp/tmp
mkdir "$TMPDIR"
points=0

# ok DESCRIPTION COMMAND...: one point, which COMMAND decides.
ok()
{
	local description=$1

	shift
	points=$((points + 1))
	if "$@"; then
		echo "ok $points - $description"
	else
		echo "not ok $points - $description"
		echo "# failed: $*"
		sed 's/^/# /' "$tmp/out" "$tmp/err"
	fi
}

# Run vm/run and leave its output in $tmp/out and $tmp/err, its status in $status.
vm()
{
	status=0
	"$TOP/vm/run" --no-module "$@" >"$tmp/out" 2>"$tmp/err" || status=$?
}

out_has()	{ grep -qxF -- "$1" "$tmp/out"; }

vm --disk nonsense -- true
ok 'an unknown disk: status 125' [ "$status" = 125 ]
ok 'an unknown disk: says which there are' grep -qF 'there are: apps' "$tmp/err"

echo 'brought along' >"$tmp/file"
# shellcheck disable=SC2016 # for the script to expand
printf '#!/bin/sh\necho "script in $0"\n' >"$tmp/script"
chmod +x "$tmp/script"
# shellcheck disable=SC2016 # for the machine to expand
vm --disk apps --add "$tmp/file:/opt/file" --add "$tmp/script:/bin/brought" -- bash -c '
	cat /opt/file
	brought
	/bin/true && echo "/bin is as it was"
	stat -f -c "root is %T" /
	stat -f -c "/tmp is %T" /tmp
	python3 -c "import sys; print(sys.version_info[:2])"
	echo new >/usr/file && cat /usr/file
	curl -sS http://127.0.0.1:1/ 2>&1 | grep -o "Failed to connect"
	unshare -U echo "not a chroot"
	[ -e /vm/argv ] && echo "/vm is there"
	printf "%s\n" "$@"
	exit 42' sh 'two words' '*'
ok 'the status of the command' [ "$status" = 42 ]
for line in 'brought along' 'script in /bin/brought' '/bin is as it was' 'root is ext2/ext3' '/tmp is tmpfs' \
	'(3, 11)' 'new' 'Failed to connect' 'not a chroot' '/vm is there' 'two words' '*'; do
	ok "the disk: $line" out_has "$line"
done

vm --disk apps -- sh -c 'ls /dune; cat /usr/file'
ok 'what was written is gone' [ "$status" = 1 ]
ok 'our programs are in /dune' out_has tests
vm --disk apps -- no-such-command
ok 'an unknown command: status 127' [ "$status" = 127 ]
ok 'no files are left behind' [ -z "$(ls -A "$TMPDIR")" ]

echo "1..$points"
