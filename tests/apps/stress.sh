# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# stress-ng, with its own checks: what processes, signals and memory have to stand.
. "$APPS/lib.sh"
. "$APPS/stress-lib.sh"

# NAME OPERATIONS
# NAME OPERATIONS
list='
signal 500
sigabrt 20
sigchld 40
sigfd 300
sigfpe 300
sigio 100
signest 100
sigpending 300
sigpipe 60
sigq 200
sigrt 200
sigsegv 300
sigsuspend 100
sigtrap 300
fork 30
vfork 60
clone 10
spawn 6
exec 6
exit-group 6
daemon 6
pthread 30
kill 100
wait 15
futex 100
mutex 200
sem 50
timer 100
itimer 50
clock 30
nanosleep 40
fault 20
mmap 2
mprotect 60
mremap 3
munmap 2
madvise 1
mlock 10
brk 200
vm 300
vm-segv 10
userfaultfd 1
memfd 1
shm 1
pipe 1000
poll 80
epoll 60
eventfd 300
sockpair 30
switch 300
yield 100
get 4
rseq 10
seccomp 10
ptrace 100
opcode 10
'
{
	echo "run sequential"
	echo "vm-bytes 1m"
	echo "mmap-bytes 1m"
	echo "mremap-bytes 1m"
	echo "memfd-bytes 2m"
	echo "shm-bytes 1m"
	echo "clone-max 8"
	while read -r name operations; do
		[ -z "$name" ] || printf '%s 1\n%s-ops %s\n' "$name" "$name" "$operations"
	done <<<"$list"
} >job
stress --timeout 30
