# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# gdb: on a program that runs, on one that it starts, and on a core.
. "$APPS/lib.sh"
. "$APPS/gdb-lib.sh"

section "attach: look, breakpoint, call, watchpoint, step"
start
debug -p "$target" -ex 'bt -5' -ex 'print counter > 10' -ex 'break tick' -ex continue -ex 'bt' -ex 'print n' -ex 'print square(9)' -ex 'print half * 5' \
	-ex 'delete' -ex finish -ex 'set var counter = 1000' -ex 'watch counter' -ex continue -ex 'print counter' \
	-ex 'delete' -ex 'stepi 200' -ex 'next' -ex 'info registers eflags' -ex 'set var stop = 1' -ex detach |
	grep -vE '^(eflags|[0-9]+\s)'
wait "$target"
echo "status $?"
cat out

section "started by gdb"
debug -ex 'break tick' -ex run -ex 'bt' -ex 'info args' -ex 'catch syscall tgkill' -ex continue \
	-ex 'delete' -ex continue -ex 'print $_siginfo.si_signo' -ex 'frame function main' -ex 'print argc' -ex kill --args ./target x y

section "a core"
ulimit -c unlimited
run ./target x y
echo "status $?"
debug ./target core -ex 'bt -1' -ex 'frame function main' -ex 'print argc' -ex 'print counter' -ex 'info threads' |
	grep -vE '^(\[?Core was)'
