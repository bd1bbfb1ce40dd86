# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# redis: a server with several threads that forks to save, driven by its benchmark.
. "$APPS/lib.sh"

cli()
{
	redis-cli -s "$PWD/socket" "$@"
}

# The server as a process of its own, which a signal reaches.
start()
{
	(exec_run redis-server --port 6399 --bind 127.0.0.1 --unixsocket "$PWD/socket" --dir "$PWD" \
		--save '' --appendonly yes --appendfsync no --io-threads 2 --logfile "$PWD/log" "$@") &
	server=$!
	wait_until cli ping
}

section "what it stores"
start
cli set greeting hello
cli get greeting
cli append greeting " world"
for i in $(seq 1 8); do echo "RPUSH list $i"; done | cli | tail -n 1
cli lrange list 3 6
cli eval 'local s = 0; for i = 1, 500 do s = s + i; redis.call("zadd", "z", i % 17, "m" .. i) end return s' 0
cli zcount z 3 5
cli set volatile x px 50
sleep 0.2
cli exists volatile
cli multi
cli -3 hset h a 1 b 2
cli hgetall h

section "the benchmark"
run redis-benchmark -h 127.0.0.1 -p 6399 -n 120 -c 8 -d 100 -t set,get,incr,lpush,lpop --csv | cut -d, -f 1
run redis-benchmark -s "$PWD/socket" -n 200 -c 4 -P 10 --threads 2 -t set,mset --csv | cut -d, -f 1
cli dbsize

section "saving in a child"
cli bgsave
wait_until sh -c "redis-cli -s $PWD/socket info persistence | grep -q rdb_bgsave_in_progress:0"
cli info persistence | grep rdb_last_bgsave_status | tr -d '\r'
cli bgrewriteaof
wait_until sh -c "redis-cli -s $PWD/socket info persistence | grep -q aof_rewrite_in_progress:0"
cli info persistence | grep aof_last_bgrewrite_status | tr -d '\r'
run redis-check-rdb dump.rdb | grep -o 'RDB looks OK'

section "killed, and started again"
cli debug sleep 0 >/dev/null
cli set last word
kill -KILL "$server"
wait "$server" 2>/dev/null
echo "status $?"
rm -f socket
start
cli get greeting
cli get last
cli llen list

section "a signal ends it in order"
kill -TERM "$server"
wait "$server"
echo "status $?"
grep -o 'Received SIGTERM scheduling shutdown' log
grep -o 'ready to exit, bye bye' log
grep -ciE 'crash|assert|bug' log || true
