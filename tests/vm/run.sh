#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Does vm/run keep its promises?  Prints TAP.  Five boots, three of them at once.

set -uo pipefail

TOP=$(cd "$(dirname "$0")/../.." && pwd)
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
# All that vm/run leaves behind shows up here.
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
	fi
}

# Run vm/run and leave its output in $tmp/NAME.out, .err and .status.
vm()
{
	local name=$1 status=0

	shift
	"$TOP/vm/run" --no-module "$@" >"$tmp/$name.out" 2>"$tmp/$name.err" || status=$?
	echo "$status" >"$tmp/$name.status"
}

status_is()	{ [ "$(<"$tmp/$1.status")" = "$2" ]; }
out_is()	{ [ "$(<"$tmp/$1.out")" = "$2" ]; }
err_is()	{ [ "$(<"$tmp/$1.err")" = "$2" ]; }
err_has()	{ grep -qF -- "$2" "$tmp/$1.err"; }
dir_empty()	{ [ -z "$(ls -A "$1")" ]; }

# ---- without a boot: errors in the call

# refused NAME MESSAGE OPTION...
refused()
{
	local name=$1 message=$2

	shift 2
	vm "$name" "$@"
	ok "$name: status 125" status_is "$name" 125
	ok "$name: says why" err_has "$name" "$message"
}

refused bad-option 'unknown option --nonsense' --nonsense -- true
refused bad-kernel '--kernel 2.4: there are: 5.10 6.1' --kernel 2.4 -- true
refused bad-model 'there are: broadwell_ult' --model i386 -- true
refused bad-cpus 'give a number' --cpus 99 -- true
refused bad-ips 'give a number' --ips 1 -- true
refused bad-add 'there is no /no/such/file' --add /no/such/file:/x -- true
refused no-command 'no COMMAND' --mem 512
vm not-found -- no-such-command
ok 'unknown command: status 127' status_is not-found 127

# ---- what goes in, and what comes out

mkdir "$tmp/dir"
echo 'in a directory' >"$tmp/dir/file"
# shellcheck disable=SC2016 # for the script to expand
printf '#!/bin/bash\necho "bash $BASH_VERSION"\n' >"$tmp/dir/script"
chmod +x "$tmp/dir/script"
vm io --add "$tmp/dir:/opt/dir" --add /etc/debian_version:/etc/place/ --add "$tmp/dir/file:/tmp/file" -- /bin/bash -c '
	cat /opt/dir/file /tmp/file
	/opt/dir/script
	cat /etc/place/debian_version
	echo "to stderr" >&2
	printf "%s\n" "$@"
	cut -d " " -f 3 /proc/version >&2
	exit 42' sh 'two words' '' "*"
ok 'the status of the command' status_is io 42
ok 'stdout: a dynamic program, files and directories with --add, words kept' out_is io "in a directory
in a directory
bash $BASH_VERSION
$(</etc/debian_version)
two words

*"
eval "$("$TOP/vm/kernel" 6.1)"
ok 'stderr apart, and the kernel that vm/kernel names' err_is io "to stderr
$KERNEL_VERSION"

# ---- three at once, which end in different ways

vm timeout --timeout 60 -- sh -c 'echo before; sleep 100000' &
vm panic --keep "$tmp/logs" -- sh -c 'echo before; sleep 1; echo c >/proc/sysrq-trigger' &
vm signal -- sh -c 'echo before; kill -SEGV $$' &
wait
ok 'time-out: status 124' status_is timeout 124
ok 'time-out: says so' err_has timeout 'time-out after 60 s'
ok 'time-out: output up to then' out_is timeout before
ok 'panic: status 123' status_is panic 123
ok 'panic: shows the console' err_has panic 'Kernel panic - not syncing'
ok 'panic: output up to then' out_is panic before
ok 'panic: --keep keeps the console' grep -q sysrq_handle_crash "$tmp/logs/console"
ok 'signal: status 139' status_is signal 139
ok 'signal: output' out_is signal before
ok 'signal: nothing on stderr' err_is signal ''
ok 'no files are left behind' dir_empty "$TMPDIR"

# ---- being killed

"$TOP/vm/run" --no-module -- sleep 1000 >"$tmp/killed.out" 2>&1 &
pid=$!
# Its emulator is a grandchild; wait for that to be there.
for _ in $(seq 100); do
	bochs=$(pgrep -P "$(pgrep -P "$pid" timeout)" 2>/dev/null) && break
	sleep 0.2
done
kill "$pid"
status=0
wait "$pid" || status=$?
ok 'SIGTERM: status 143' [ "$status" = 143 ]
ok 'SIGTERM: the emulator is gone' [ -n "$bochs" -a ! -e "/proc/$bochs" ]
ok 'SIGTERM: no files are left behind' dir_empty "$TMPDIR"

echo "1..$points"
