#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# sandbox.sh DUNE_SANDBOX SANDBOX NATIVE PROFILE - what system calls cost in dune-sandbox, and in others.
#
# SANDBOX is bench/sandbox.c, NATIVE the dune-sandbox of the tests, which has Linux's seccomp in place of
# the monitor, PROFILE one of Docker's or Podman's. Medians in ticks, and VM exits for each operation: the
# calls of a function of dune.ko that enters the guest, counted by a kprobe in two runs of different length.
set -eu
dune=$1 bench=$2 native=$3 profile=$4
tracing=/sys/kernel/tracing

# What is compared: a name, and the words that run the benchmark.
under() {
	case $1 in
	Linux)		shift; "$bench" "$@" ;;
	dune-sandbox)	shift; "$dune" --sys --ro-bind "$bench:/bench" -- /bench "$@" ;;
	seccomp)	shift; "$native" --seccomp "$profile" --sys --ro-bind "$bench:/bench" -- /bench "$@" ;;
	*)		kind=$1; shift; "$bench" --under "$kind" "$@" ;;
	esac
}

count_exits() {
	[ -e $tracing/kprobe_events ] && echo 'p:dune_exit dune:vmx_enter' >$tracing/kprobe_events 2>/dev/null &&
		echo 1 >$tracing/events/kprobes/dune_exit/enable
}

hits() {
	awk '$1 == "dune_exit" { print $2 }' $tracing/kprobe_profile
}

# exits KIND NAME: VM exits for one operation
exits() {
	a=$(hits); under "$1" --count 100 "$2" >/dev/null
	b=$(hits); under "$1" --count 1100 "$2" >/dev/null
	c=$(hits)
	awk "BEGIN { printf \"%.2f\", (($c - $b) - ($b - $a)) / 1000 }"
}

if [ "$("$native" --explain 2>/dev/null | wc -l)" -lt 10 ]; then
	echo "sandbox.sh: $native does not run here" >&2
	exit 1
fi
ticks=$(mktemp)
trap 'rm -f "$ticks"' EXIT
for kind in Linux dune-sandbox seccomp notify ptrace dispatch; do
	for name in $("$bench" --list); do
		echo "# $kind $name" >&2
		printf '%s\t%s\n' "$kind" "$(under "$kind" "$name")" >>"$ticks"
	done
done
: >"$ticks.exits"
if count_exits; then
	for name in $("$bench" --list); do
		echo "# exits of $name" >&2
		printf '%s\t%s\n' "$name" "$(exits dune-sandbox "$name")" >>"$ticks.exits"
	done
	echo 0 >$tracing/events/kprobes/dune_exit/enable
	echo >$tracing/kprobe_events
fi
echo "medians, in ticks of the TSC; exits of the VM for each operation of dune-sandbox"
awk -F'\t' -v exits="$ticks.exits" '
	BEGIN { while ((getline line < exits) > 0) { split(line, f, "\t"); n[f[1]] = f[2] } }
	!($1 in seen) { seen[$1]; kinds[++k] = $1 }
	!($2 in what) { what[$2] = $4; names[++m] = $2 }
	{ t[$1, $2] = $3 }
	END {
		printf "%-8s", ""; for (i = 1; i <= k; i++) printf " %12s", kinds[i]; printf " %7s\n", "exits"
		for (j = 1; j <= m; j++) {
			printf "%-8s", names[j]
			for (i = 1; i <= k; i++) printf " %12d", t[kinds[i], names[j]]
			printf " %7s   %s\n", n[names[j]], what[names[j]]
		}
	}' "$ticks"
rm -f "$ticks.exits"
