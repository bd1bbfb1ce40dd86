# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# nginx: a master and its workers, files by sendfile and threads, reload, upgrade by signals.
. "$APPS/lib.sh"

mkdir -p www tmp
seq 1 20000 >www/numbers
echo "hello" >www/index.html
for i in $(seq 1 20); do echo "file $i" >"www/$i.txt"; done
configure()
{
	cat >nginx.conf <<-EOF
	user root;
	worker_processes $1;
	pid $PWD/pid;
	error_log $PWD/error.log;
	events { worker_connections 64; }
	http {
		access_log $PWD/access.log;
		client_body_temp_path tmp/body; proxy_temp_path tmp/proxy;
		fastcgi_temp_path tmp/fastcgi; uwsgi_temp_path tmp/uwsgi; scgi_temp_path tmp/scgi;
		sendfile on;
		gzip on; gzip_types *; gzip_min_length 100;
		aio threads;
		server {
			listen 127.0.0.1:8088;
			root $PWD/www;
			location /proxy/ { proxy_pass http://127.0.0.1:8088/; }
			location /$2 { return 200 "$2\n"; }
		}
	}
	EOF
}
get()
{
	run curl -sS "http://127.0.0.1:8088/$1" "${@:2}"
}

configure 2 first
(exec_run nginx -p "$PWD" -c "$PWD/nginx.conf" -g 'daemon off;') &
master=$!
wait_until curl -sf http://127.0.0.1:8088/

section "files"
get ''
get first
get numbers | sha256sum
get numbers --compressed | sha256sum
get numbers -r 1000-1030
echo
get proxy/7.txt
get no-such-file -o /dev/null -w '%{http_code}\n'
get numbers -I | grep -iE '^(HTTP|Content-Length)' | tr -d '\r'
urls=()
for i in $(seq 1 20); do urls+=("http://127.0.0.1:8088/$i.txt"); done
run curl -sS "${urls[@]}" | sort | sha256sum
run curl -sS --parallel --parallel-max 8 "${urls[@]}" 2>/dev/null | sort | sha256sum
section "a new configuration"
configure 1 second
kill -HUP "$master"
wait_until sh -c '[ "$(curl -s http://127.0.0.1:8088/second)" = second ]'
get second
get first -o /dev/null -w '%{http_code}\n'
section "a worker that dies is replaced"
pkill -KILL -P "$master"
wait_until curl -sf http://127.0.0.1:8088/
get 3.txt
grep -c 'exited on signal 9' error.log
section "the end"
kill -QUIT "$master"
wait "$master"
echo "status $?"
grep -E '\[(alert|crit|emerg)\]' error.log | grep -v 'exited on signal 9'
run nginx -t -p "$PWD" -c "$PWD/nginx.conf" 2>&1 | grep -o 'test is successful'
