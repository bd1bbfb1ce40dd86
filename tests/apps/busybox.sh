# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# busybox: a shell that forks for each applet, and pipes between them.
. "$APPS/lib.sh"

cat >script <<'EOF'
set -e
echo "== pipes"
seq 1 2000 | awk '{ s += $1; print s % 97 }' | sort -n | uniq -c | sort -rn | head -n 5
yes | head -n 100000 | wc -c
i=0
while [ $i -lt 60 ]; do echo $i | cat; i=$((i + 1)); done | md5sum
echo "== functions, here-documents"
fact() { if [ $1 -le 1 ]; then echo 1; else echo $(($1 * $(fact $(($1 - 1))))); fi; }
fact 12
tr a-z A-Z <<END
some words, ${USER:-nobody}, $((6 * 7))
END
echo "== traps and background"
trap 'echo got USR1' USR1
trap 'echo leaving' EXIT
kill -USR1 $$
(sleep 0.2; exit 3) &
wait $! || echo "child: $?"
sleep 100 &
kill $!
wait $! || echo "killed: $?"
(kill -SEGV $(sh -c 'echo $PPID')) 2>/dev/null || echo "segv: $?"
echo "== files"
mkdir -p tree/a/b tree/c
for f in tree/a/1 tree/a/b/2 tree/c/3; do echo "this is $f" >$f; done
tar -czf tree.tgz tree
rm -r tree
tar -xzf tree.tgz
find tree -type f | sort | xargs md5sum
grep -rn is tree | sort | sed 's/this/that/'
dd if=/dev/zero bs=1024 count=300 2>/dev/null | gzip -c | gunzip -c | sha256sum
ls -l tree/a/b/2 | cut -c 1-10
cmp tree/a/1 tree/c/3 || echo "differ: $?"
cp /bin/busybox copy
cmp copy /bin/busybox && echo "same"
printf '%s\n' 3 1 2 >numbers
sort numbers | paste - - - 2>/dev/null || sort numbers | xargs
echo "== status"
sh -c 'exit 42' || echo $?
no-such-command 2>/dev/null || echo $?
echo "2^100" | bc
EOF
run busybox ash script
echo "status $?"
run busybox httpd -h . -p 127.0.0.1:8080
wait_until busybox wget -q -O /dev/null http://127.0.0.1:8080/numbers
run busybox wget -q -O - http://127.0.0.1:8080/numbers
kill "$(pidof busybox)" 2>/dev/null || pkill -x busybox
