#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# process.sh DUNE_RUN PROCESS - run PROCESS natively and under DUNE_RUN and print both, with
# the VM exits of each operation, counted by two runs of different length.
set -eu
run=$1 process=$2 tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

exits() { # NAME COUNT
	"$run" --stats --log "$tmp/stats" "$process" --count "$2" "$1" >/dev/null
	awk '/VM exits/ { n += $NF } END { print n }' "$tmp/stats"
}

printf '%-10s %10s %10s %7s %7s   %s\n' "" Linux Dune ratio exits "medians, in ticks of the TSC"
for name in $("$process" --list); do
	"$process" "$name" >"$tmp/native"
	"$run" "$process" "$name" >"$tmp/dune"
	few=$(exits "$name" 20) many=$(exits "$name" 120)
	paste "$tmp/native" "$tmp/dune" | awk -F'\t' -v few="$few" -v many="$many" '{
		printf "%-10s %10d %10d %7.3f %7.2f   %s\n", $1, $4, $10, $10 / $4, (many - few) / 100, $6 }'
done
