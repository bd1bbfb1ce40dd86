# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# bash: what a shell does with processes and signals.
. "$APPS/lib.sh"

cat >script <<'EOF'
echo "== arrays and words"
declare -A count
for word in a b a c b a; do count[$word]=$((${count[$word]:-0} + 1)); done
for word in $(printf '%s\n' "${!count[@]}" | sort); do echo "$word ${count[$word]}"; done
list=({1..20})
echo "${list[@]:5:4} ${#list[@]} ${list[-1]}"
text="The quick brown fox"
echo "${text,,} ${text//o/0} ${text#The } ${#text}"
[[ $text =~ ([a-z]+)\ ([a-z]+)$ ]] && echo "${BASH_REMATCH[1]}/${BASH_REMATCH[2]}"
printf '%05d|%-6s|%x|%q\n' 42 ab 255 "a b"
fib() { if (($1 < 2)); then echo "$1"; else echo $(($(fib $(($1 - 1))) + $(fib $(($1 - 2))))); fi; }
fib 5
s=0; for ((i = 0; i < 2000; i++)); do ((s = (s * 31 + i) % 65521)); done; echo $s

echo "== traps"
trap 'echo "USR1 in $FUNCNAME"' USR1
f() { kill -USR1 $BASHPID; echo "after"; }
f
trap 'echo "ERR $?"' ERR
false
(exit 7)
trap - ERR
trap 'echo "CHLD"; trap - CHLD' CHLD
/bin/true
trap - CHLD
(trap 'echo "exit of a subshell"' EXIT; exit 5)
echo "status $?"
trap '' TERM
kill -TERM $BASHPID
echo "TERM ignored"
trap - TERM
loop() { trap 'n=$((n + 1))' USR2; n=0; for i in {1..20}; do kill -USR2 $BASHPID; done; echo "USR2 $n"; }
loop

echo "== substitution of processes, coprocesses"
diff <(seq 1 5) <(seq 1 2 9)
echo "status $?"
while read -r a b; do echo "$b-$a"; done < <(printf '1 x\n2 y\n')
coproc bc -q
echo '2^64' >&"${COPROC[1]}"
read -r line <&"${COPROC[0]}"
echo "$line"
exec {fd}>&"${COPROC[1]}"; echo quit >&"$fd"; exec {fd}>&-
wait "$COPROC_PID" 2>/dev/null
seq 1 20000 | head -n 1
echo "${PIPESTATUS[*]}"
set -o pipefail; false | true; echo "pipefail $?"; set +o pipefail
read -r -t 0.1 line < <(sleep 1); echo "read gave up: $((($? > 128)))"

echo "== jobs"
set -m
sleep 100 &
kill -STOP %1; while [ "$(jobs -s | wc -l)" = 0 ]; do sleep 0.05; done; jobs -s | cut -c 1-12
kill -CONT %1; while [ "$(jobs -r | wc -l)" = 0 ]; do sleep 0.05; done; jobs -r | cut -c 1-12
kill %1; wait %1 2>/dev/null; echo "status $?"
(sleep 0.3; exit 4) & (sleep 2; exit 5) &
wait -n; echo "first: $?"
wait -n; echo "second: $?"
set +m
for i in 1 2 3 4 5 6; do (exit $i) & pids+=($!); done
for p in "${pids[@]}"; do wait "$p"; echo -n "$? "; done; echo
bash -c 'kill -ABRT $$' 2>/dev/null; echo "abort: $?"
bash -c 'ulimit -c 0; kill -SEGV $$' 2>/dev/null; echo "segv: $?"
timeout 0.3 sleep 10; echo "timeout: $?"
(ulimit -t 1; while :; do :; done) 2>/dev/null; echo "CPU limit: $?"
(ulimit -n 5; exec 3</dev/null 4</dev/null; { exec 9</dev/null; } 2>/dev/null; echo "open: $?")
exec 5<>file; echo "through 5" >&5; exec 5>&-; cat file
x=$(for i in {1..500}; do echo "line $i of many"; done); echo ${#x}
exec bash -c 'echo "exec: same $(( $$ == '$$' ))"; exit 9'
EOF
run bash script
echo "status $?"
