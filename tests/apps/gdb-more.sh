# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# gdb, more: it comes and goes, writes cores, and looks at threads and forks.
. "$APPS/lib.sh"
. "$APPS/gdb-lib.sh"

section "it comes and goes"
start
for _ in 1 2 3 4; do
	debug -p "$target" -ex 'frame function main' -ex 'stepi 20' -ex 'print counter > 10' -ex detach | tail -n 2
done
section "a core of a running program"
debug -p "$target" -ex 'generate-core-file live' -ex detach | tail -n 2
kill "$target"
wait "$target" 2>/dev/null
echo "status $?"
debug ./target live -ex 'bt -2' | tail -n 2
section "threads"
cat >threads.c <<'EOF'
#include <pthread.h>
#include <unistd.h>
volatile int stop, ticks[3];
void *thread(void *arg)
{
	long n = (long)arg;
	while (!stop) {
		ticks[n]++;
		usleep(1000 * (n + 1));
	}
	return 0;
}
int main(void)
{
	pthread_t t[3];
	for (long n = 0; n < 3; n++)
		pthread_create(&t[n], 0, thread, (void *)n);
	for (int n = 0; n < 3; n++)
		pthread_join(t[n], 0);
	return 7;
}
EOF
gcc -g -O0 -o threads threads.c || exit
(exec_run ./threads) &
target=$!
sleep 1
debug -p "$target" -ex 'thread apply all frame function thread' -ex 'break 9 if n == 2' -ex continue -ex 'print n' -ex 'thread' \
	-ex 'delete' -ex 'set var stop = 1' -ex detach | grep -vE '^\[Switching|in .* from'
wait "$target"
echo "status $?"

section "forks"
cat >forks.c <<'EOF'
#include <sys/wait.h>
#include <unistd.h>
volatile int child;
void in_child(void) { child = 1; }
int main(void)
{
	for (int i = 0; i < 3; i++) {
		if (!fork()) {
			in_child();
			_exit(i + 1);
		}
		wait(0);
	}
	if (!vfork())
		execl("/bin/true", "true", (char *)0);
	wait(0);
	return 3;
}
EOF
gcc -g -O0 -o forks forks.c || exit
debug -ex 'set follow-fork-mode child' -ex 'break in_child' -ex run -ex bt -ex continue ./forks | grep -v '^\[Attaching'
debug -ex 'set detach-on-fork off' -ex 'catch fork' -ex run -ex 'delete' -ex next -ex 'info inferiors' -ex kill ./forks | tail -n 4
