# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# coreutils: many small programs, each started once or twice.
. "$APPS/lib.sh"

section text
run seq 1 3000 >numbers
run sort -r numbers | run head -n 3
run sort -R --random-source=numbers numbers | run sha256sum
run sort --parallel=2 -n -S 1M <(run tac numbers) | run cmp - numbers && echo sorted
run shuf --random-source=numbers -n 4 numbers
run wc numbers
run cut -c 1-2 numbers | run uniq -c | run tail -n 2
run paste -d: numbers <(run tac numbers) | run sed -n '100p'
run join <(run seq 11 19) <(run seq 15 22) | run tr '\n' ' '; echo
run comm -12 <(run seq 11 19) <(run seq 15 22) | run paste -sd,
run nl numbers | run sed -n '$p'
run fold -w 10 <<<"a line that is longer than ten" | run expand | run tac
run fmt -w 20 <<<"some words to be put on lines of twenty characters" | run pr -T -o 2
run od -A d -t x1z <<<"od and its kin" | run head -n 1
run base64 <<<"there and back" | run base64 -d
run basenc --base32 <<<"x"
printf 'a b\nb c\nc d\n' | run tsort
run factor 600851475143 18446744073709551557
run numfmt --to=iec 1234567890
run expr 6 '*' 7
run printf '%b %5.2f %x\n' 'a\tb' 3.14159 255
run md5sum numbers; run sha1sum numbers; run b2sum numbers | run cut -c 1-20; run cksum numbers
run split -n l/3 numbers part-; run wc -l part-*
run csplit -s numbers 100 2000; run wc -l xx*
run tr -d 0-8 <numbers | run sort -u | run wc -l
section files
run mkdir -p a/b/c; run touch -d @1000000000 a/b/file; run chmod 2750 a/b
run ln -s b/file a/link; run ln a/b/file a/hard
run stat -c '%n %A %h %Y %F' a/b/file; run stat -c '%n %A %h %F' a/b a/link
run ls -lR --time-style=+ a | run sed 's/^total.*//'
run cp -a a copy; run diff -r a copy && echo same
run readlink -f copy/link
run realpath --relative-to=copy/b a
run mv copy moved; run rm -r moved; run ls
run dd if=numbers of=dd bs=100 skip=3 count=5 conv=ucase status=none; run sha256sum dd
run truncate -s 1M sparse; run stat -c '%s' sparse
run du -b --apparent-size sparse
run install -m 700 numbers installed; run stat -c %a installed
run mktemp -u | run cut -c 1-9
run mkfifo fifo; run sha256sum <fifo & run cat numbers >fifo; wait $!; echo "fifo $?"
run sync -f numbers; run df --output=fstype . | run tail -n 1
run rmdir a 2>&1 | run sed "s/.*: //"
section processes
run timeout 0.3 sleep 10; echo "timeout $?"
run timeout -s KILL 0.3 sleep 10; echo "killed $?"
run env -i A=1 B=2 printenv A B
run nice -n 5 nice
run nohup sh -c 'echo from nohup; trap' 2>/dev/null
run stdbuf -oL echo line
run tee one two <<<"three times" >/dev/null; run cat one two
run seq 1 40 | run xargs -P 4 -n 1 expr 100 + | run sort -n | run sha256sum
run test -f numbers; echo $?
run false; echo $?
run sh -c 'kill -9 $$'; echo $?
run sleep 0.1; echo $?
run date -u -d @1234567890 +%FT%T
run uname -s; run nproc | run wc -l; run id -u; run pwd | run wc -c; run whoami
run cat /no/such/file; echo $?
run yes "some text" | run head -c 300000 | run sha256sum
run dd if=/dev/zero bs=64k count=64 status=none | run sha512sum | run cut -c 1-32
run find . -type f | run sort | run xargs wc -c | run tail -n 1
run grep -c 7 numbers; run awk '{ s += $1 } END { print s }' numbers
run sed -n '/^29*$/p' numbers; run tar -c numbers | run tar -t
run gzip -k numbers; run zcat numbers.gz | run cmp - numbers && echo "gzip is right"
