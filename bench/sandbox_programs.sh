#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# sandbox_programs.sh [NAME]... - what real programs pay for being confined: each runs as it is, in dune-sandbox,
# with large pages for all and for none, and under strace -f -c, which stands for sandboxes by ptrace. On the
# disk `sandbox`, `make bench-sandbox-programs` runs it in the emulated machine.
#
# A tick of that machine is an instruction of whatever ran, not time. Each runs once to warm the caches
# and then for the figure. The start of the sandbox is part of it; `start` is a program that does nothing.
set -eu
tmp=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$tmp"' EXIT
chmod 755 "$tmp"
cd "$tmp"
huge=/sys/kernel/mm/transparent_hugepage/enabled
requests=${REQUESTS:-1000}
export PYTHONHASHSEED=0		# else its dictionaries differ each time, by one or two percent
ip link set lo up 2>/dev/null || true

# ---- the programs ---------------------------------------------------------------

# "$@" is what goes before the program.
run_start()	{ "$@" true; }
run_python()
{
	"$@" python3 -c '
import json, re
words = {}
for i in range(60000):
    w = "w%d" % (i * 7919 % 1009)
    words[w] = words.get(w, 0) + len(re.sub("[0-7]", "", w))
print(len(json.dumps(words)), sum(i * i for i in range(300000)))'
}
run_sqlite()	{ rm -f db/speed.db; "$@" sqlite3 db/speed.db <speed.sql; }
run_image()	{ "$@" sh -c 'pnmscale 2 picture.ppm | pnmtopng | pngtopnm | pnmflip -lr | wc -c'; }

make_all()
{
	cat >speed.sql <<-'END'
	CREATE TABLE t1(a INTEGER, b INTEGER, c TEXT);
	BEGIN;
	WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)
	INSERT INTO t1 SELECT i, i * 7919 % 10007, printf('number %d of many', i * 104729 % 99991) FROM n;
	COMMIT;
	SELECT count(*), avg(b) FROM t1 WHERE c LIKE '%77%';
	CREATE INDEX i1 ON t1(b);
	SELECT count(*) FROM t1 x JOIN t1 y ON x.b = y.a;
	UPDATE t1 SET b = b * 2 WHERE a % 3 = 0;
	SELECT sum(b) FROM (SELECT b FROM t1 ORDER BY c LIMIT 3000);
	END
	mkdir -p db site
	pgmramp -lr 320 240 | pgmtoppm red-blue >picture.ppm
	head -c 8192 /usr/bin/python3 >site/file
	cat >nginx.conf <<-END
	user root; daemon off; master_process off; pid $tmp/db/nginx.pid; error_log stderr crit;
	events { }
	http {
		access_log off; keepalive_requests 100000;
		client_body_temp_path $tmp/db/a; proxy_temp_path $tmp/db/b; fastcgi_temp_path $tmp/db/c;
		uwsgi_temp_path $tmp/db/d; scgi_temp_path $tmp/db/e;
		server { listen 127.0.0.1:8081; root $tmp/site; }
	}
	END
}

# The server is what is confined; its client is not. Ticks of all requests, on four connections.
run_nginx()
{
	rm -f db/nginx.pid
	# in a group of its own: strace leaves its programs alone when it ends
	setsid "$@" nginx -e stderr -c "$tmp/nginx.conf" &
	for _ in {1..400}; do
		[ ! -s db/nginx.pid ] || break
		sleep 0.05
	done
	"$ticks" ab -q -k -c 4 -n "$requests" http://127.0.0.1:8081/file >ab.log
	kill -- -$!
	wait
	if ! grep -q "^Complete requests: *$requests\$" ab.log || ! grep -q '^Failed requests: *0$' ab.log; then
		cat ab.log >&2
		return 1
	fi
}

# ---- how ---------------------------------------------------------------------------

ticks=$(command -v ticks)

# once NAME LAUNCHER...: the ticks of one run
once()
{
	local name=$1

	shift
	case $name in
	nginx)	run_nginx "$@" 2>&1 >/dev/null ;;
	*)	"run_$name" "$ticks" "$@" 2>&1 >/dev/null ;;
	esac | awk '$2 == "ticks" { print $1; found = 1 } END { exit !found }' ||
		{ echo "sandbox_programs.sh: $name does not run under: $*" >&2; return 1; }
}

measure()
{
	once "$@" >/dev/null
	once "$@"
}

make_all
# nginx looks its user up
confined=(dune-sandbox --sys --net host --ro-bind /etc/passwd --ro-bind /etc/group --bind "$tmp:$tmp" --chdir "$tmp" --)
traced=(strace -f -c -o /dev/null)
[ $# -gt 0 ] || set -- start python sqlite image nginx
printf '%-8s %13s %13s %7s   %13s %13s %7s   %13s %7s\n' "" native dune-sandbox ratio native+THP dune+THP ratio strace ratio
for name; do
	echo never >$huge
	native=$(measure "$name" env)
	dune=$(measure "$name" "${confined[@]}")
	strace=$(measure "$name" "${traced[@]}")
	echo always >$huge
	native_large=$(measure "$name" env)
	dune_large=$(measure "$name" "${confined[@]}")
	awk -v name="$name" -v a="$native" -v b="$dune" -v c="$native_large" -v d="$dune_large" -v e="$strace" 'BEGIN {
		printf "%-8s %13d %13d %7.3f   %13d %13d %7.3f   %13d %7.2f\n", name, a, b, b / a, c, d, d / c, e, e / a }'
done
