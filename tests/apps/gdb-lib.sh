# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# A program for gdb to look at, and gdb in batch mode.

cat >target.c <<'EOF'
int puts(const char *);
int usleep(unsigned int);
void abort(void);
volatile long counter, stop, sum;
double half = 0.5;
int square(int x) { return x * x; }
void tick(long n)
{
	counter++;
	sum += n * half;
}
int work(int depth)
{
	if (depth)
		return work(depth - 1) + 1;
	while (!stop) {
		tick(2);
		usleep(1000);
	}
	return 0;
}
int main(int argc, char **argv)
{
	if (argc > 1) {
		stop = 1;
		counter = work(3);
		tick(4);
		if (argc > 2)
			abort();
		puts("started by gdb");
		return 5;
	}
	puts("running");
	if (work(3) == 3)
		puts("stopped by gdb");
	return square(4);
}
EOF
gcc -g -O0 -o target target.c || exit

# gdb in batch mode; addresses and process ids are not the same each time.
debug()
{
	run gdb -nx -batch -iex 'set debuginfod enabled off' -iex 'set auto-load no' "$@" 2>&1 |
		sed -E "s/0x[0-9a-f]+/ADDRESS/g; s/(process|Thread|LWP) [0-9A-Z]+/\1 ID/g; s|$PWD/||g
			s/\[New .*//; /^\$/d; /libthread_db|debuginfo|^warning: /d"
}
start()
{
	(exec_run ./target >out) &
	target=$!
	# Until it is in the loop: then it has slept.
	wait_until grep -q nanosleep "/proc/$target/wchan" || true
	sleep 0.3
}
