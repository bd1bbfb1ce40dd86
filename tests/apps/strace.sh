# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# strace: what it shows of a program, from the start and later on.
. "$APPS/lib.sh"

# The calls of a log, without what differs each time.
calls()
{
	grep -oE '^([0-9]+ +)?[a-z_0-9]+\(|\+\+\+ .*|--- SIG[A-Z0-9]+' "$1" | sed -E 's/^[0-9]+ +//'
}

section "a program from its start"
run strace -o log cat /etc/hosts
echo "status $?"
calls log | sort | uniq -c
section "with its children"
run strace -f -o log -e trace=execve,exit_group,kill sh -c '/bin/echo a | /bin/cat; kill -TERM $$'
echo "status $?"
calls log | sort | uniq -c
section "calls that it changes"
run strace -o log -e inject=getppid:retval=4242 bash -c 'echo $PPID'
run strace -o log -e inject=openat:error=ENOENT:when=5+ cat /etc/hosts
echo "status $?"

section "a program that runs already"
cat >loop <<'EOF'
trap 'echo got USR1; exit 3' USR1
echo ready >fifo
while :; do sleep 0.05; done
EOF
mkfifo fifo
(exec_run bash loop) &
program=$!
cat fifo
strace -o log -p "$program" 2>/dev/null &
tracer=$!
wait_until grep -q wait4 log
kill "$tracer"
wait "$tracer" 2>/dev/null
for call in clone wait4 rt_sigprocmask; do
	grep -qE "^(<... )?$call" log && echo "saw $call"
done
kill -USR1 "$program"
wait "$program"
echo "status $?"
