#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# programs.sh [NAME]... - what real programs pay for Dune mode: each runs without it and under
# dune-run --follow, once to warm the caches and then for the figures. On the disk `apps`:
#
#	vm/run --disk apps --mem 1024 --timeout 3000 -- bash /dune/bench/programs.sh
#
# A tick of the emulated machine is an instruction of whatever ran, not time.
set -eu
tmp=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$tmp"' EXIT
cd "$tmp"
launcher=

# ---- the programs -------------------------------------------------------------

# After SQLite's own speedtest: inserts, an index, joins and updates.
make_sql()
{
	cat >speed.sql <<-'END'
	PRAGMA cache_size = 2000;
	CREATE TABLE t1(a INTEGER, b INTEGER, c TEXT);
	BEGIN;
	WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 8000)
	INSERT INTO t1 SELECT i, i * 7919 % 10007, printf('number %d of many', i * 104729 % 99991) FROM n;
	COMMIT;
	SELECT count(*), avg(b) FROM t1 WHERE c LIKE '%77%';
	CREATE INDEX i1 ON t1(b);
	SELECT count(*) FROM t1 x JOIN t1 y ON x.b = y.a;
	UPDATE t1 SET b = b * 2 WHERE a % 3 = 0;
	SELECT sum(b) FROM (SELECT b FROM t1 ORDER BY c LIMIT 3000);
	DELETE FROM t1 WHERE a % 2;
	VACUUM;
	END
}

make_c()
{
	local i

	{
		echo '#include <stdio.h>'
		echo '#include <stdlib.h>'
		echo '#include <string.h>'
		for i in {1..40}; do
			echo "static int f$i(const char *s) { char b[64]; int n = 0; snprintf(b, sizeof(b), \"%s %d\", s, $i);" \
				"for (size_t i = 0; i < strlen(b); i++) n = n * 31 + b[i]; return n; }"
		done
		echo 'int main(int c, char **v) { int n = 0;'
		for i in {1..40}; do echo "n += f$i(v[0]);"; done
		echo 'return n & 1 && c > 5; }'
	} >file.c
}

# "$@" goes before the launcher, whose cost is part of it. $launcher is words.
# shellcheck disable=SC2086
{
run_sqlite()	{ rm -f speed.db; "$@" $launcher sqlite3 speed.db <speed.sql; }
run_python()	{ "$@" $launcher python3 -c 'import json, re, subprocess; print(1)'; }
run_gcc()	{ "$@" $launcher gcc -O1 -o file file.c; }
run_shell()	{ "$@" $launcher sh -c 'for i in 1 2 3 4 5 6 7 8 9 10; do cat speed.sql | sort | wc -l; done'; }
run_xz()	{ "$@" $launcher xz -1 -k -c -T1 /usr/bin/sqlite3; }

# The server is what runs in Dune mode; its client is not.
run_redis()
{
	$launcher redis-server --port 0 --unixsocket "$tmp/socket" --save '' --daemonize no >/dev/null &
	until redis-cli -s "$tmp/socket" ping 2>/dev/null | grep -q PONG; do sleep 0.05; done
	"$ticks" redis-benchmark -s "$tmp/socket" -t "$what" -n 4000 -c 10 -q
	redis-cli -s "$tmp/socket" shutdown nosave 2>/dev/null || true
	wait
}
}

# ---- how -------------------------------------------------------------------------

ticks=$(command -v ticks)

# The ticks of what $1 runs.
measure()
{
	local name=$1

	case $name in
	redis-*)	what=${name#redis-}; run_redis 2>&1 >/dev/null ;;
	*)		"run_$name" "$ticks" 2>&1 >/dev/null ;;
	esac | awk '$2 == "ticks" { print $1 }'
}

# The VM exits of the first program itself: its children have summaries of their own, added up.
exits()
{
	local name=$1

	what=${name#redis-}
	launcher="dune-run --follow --stats --log $tmp/stats"
	: >"$tmp/stats"
	case $name in
	redis-*)	run_redis >/dev/null 2>&1 ;;
	*)		"run_$name" >/dev/null 2>&1 ;;
	esac
	awk '/VM exits/ { n += $NF } /EPT violations/ { e += $NF } END { printf "%d %d\n", n, e }' "$tmp/stats"
}

make_sql
make_c
[ $# -gt 0 ] || set -- sqlite python gcc xz shell redis-get redis-set
printf '%-10s %13s %13s %7s %9s %9s\n' "" Linux Dune ratio exits "EPT"
for name; do
	launcher=
	measure "$name" >/dev/null
	native=$(measure "$name")
	launcher="dune-run --follow"
	measure "$name" >/dev/null
	dune=$(measure "$name")
	read -r n e <<<"$(exits "$name")"
	awk -v name="$name" -v a="$native" -v b="$dune" -v n="$n" -v e="$e" \
		'BEGIN { printf "%-10s %13d %13d %7.3f %9d %9d\n", name, a, b, b / a, n, e }'
done
