#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Is what matters most as fast as bench/baseline.json says, and does the emulated machine count the
# same each time? Prints TAP. Two boots. On another machine there is nothing to compare.
set -uo pipefail
TOP=$(cd "$(dirname "$0")/../.." && pwd)
bench=$TOP/build/bin/dune-bench baseline=$TOP/bench/baseline.json
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
points=0

# ok DESCRIPTION COMMAND...: one point, which COMMAND decides; what it printed explains a failure.
ok()
{
	local description=$1

	shift
	points=$((points + 1))
	if "$@" >"$tmp/said" 2>&1; then
		echo "ok $points - $description"
	else
		echo "not ok $points - $description"
		sed 's/^/# /' "$tmp/said"
	fi
}

# The rows that are in the baseline, as ROW/SIDE.
sides()
{
	awk -F'"' '/"sides":/ { row = name } /"name":/ { name = $4; if (row) print row "/" name }
		/^    },?$/ { row = "" }' "$baseline" | paste -sd ,
}

run() { "$TOP/vm/run" --append nokaslr -- dune-bench --only "$rows" --json - >"$tmp/$1" 2>"$tmp/$1.err"; }

# ROW/SIDE and median, for each line of the report $1.
medians()
{
	awk -F'[":,]+ *' '/"name":/ { name = $3 } /"sides":/ { row = name } /"median":/ { print row "/" name, $3 }' "$1"
}

same_medians() { diff <(medians "$tmp/1" | grep -E "$1") <(medians "$tmp/2" | grep -E "$1"); }

# The baseline, with each median of it a tenth less: then all is worse.
faster() { awk '/"median":/ { match($0, /[0-9.]+/); $0 = "\"median\":" substr($0, RSTART, RLENGTH) * 0.9 "," } { print }' "$1"; }

worse_is_seen()
{
	local status=0

	faster "$tmp/1" >"$tmp/faster"
	"$bench" --from "$tmp/1" --compare "$tmp/faster" || status=$?
	[ "$status" = 3 ]
}

rows=$(sides)
ok "the baseline names ten rows or more: $rows" test "$(tr -dc , <<<"$rows" | wc -c)" -ge 9
ok "they are measured" run 1
ok "no row is slower than bench/baseline.json by more than 3 %, or has more exits" \
	"$bench" --from "$tmp/1" --compare "$baseline"
ok "they are measured again, after another boot" run 2
ok "getpid, a trap and an emulated call take the same number of ticks both times" \
	same_medians '^(getpid/dune|trap/dune|emulate/dune-ring3) '
ok "what is slower by a tenth would be seen" worse_is_seen
ok "a report with no figures is refused" \
	eval "echo '{}' >$tmp/none; ! $bench --from $tmp/1 --compare $tmp/none"
echo "1..$points"
