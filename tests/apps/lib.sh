# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# What the scripts of this directory share.  `compare` runs them, in an empty
# directory, with
#
#	DUNE_RUN	the words to start a program with; nothing: start it as it is
#	APPS		this directory

set -u
read -r -a launcher <<<"${DUNE_RUN:-}"

# Run a program, which is what the script is about.
run()
{
	"${launcher[@]}" "$@"
}

# The same, as the last thing of a subshell: `(exec_run PROGRAM) &` has the
# program itself as its child, which a signal to $! then reaches.
exec_run()
{
	exec "${launcher[@]}" "$@"
}

section()
{
	echo "== $*"
}

# Run a command and show its status.
show_status()
{
	"$@"
	echo "status $?"
}

# Wait up to some seconds until a command succeeds.
wait_until()
{
	local i

	for ((i = 0; i < 300; i++)); do
		! "$@" >/dev/null 2>&1 || return 0
		sleep 0.2
	done
	echo "gave up waiting: $*"
	return 1
}
