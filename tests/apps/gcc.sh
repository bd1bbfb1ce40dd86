# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# gcc: the driver, the compiler, the assembler and the linker, by way of make.
. "$APPS/lib.sh"

cat >main.c <<'EOF'
int square(int);
int printf(const char *, ...);
int main(int argc, char **argv)
{
	printf("%s has %d arguments, %d\n", "program", argc, square(argc * 6));
	return square(argc);
}
EOF
echo 'int square(int x) { return x * x; }' >square.c
cat >hello.c <<'EOF'
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
static int by_number(const void *a, const void *b) { return *(int *)a - *(int *)b; }
int main(void)
{
	int n[1000];
	for (int i = 0; i < 1000; i++)
		n[i] = (i * 7919) % 1009;
	qsort(n, 1000, sizeof(*n), by_number);
	printf("%d %d %d %zu\n", n[0], n[500], n[999], strlen("four"));
	return 0;
}
EOF
cat >Makefile <<'EOF'
CFLAGS = -O2
program: main.o square.o
	$(CC) -o $@ $^
EOF
section make
run make -j2 | sort
echo "status ${PIPESTATUS[0]}"
run ./program a b
echo "status $?"
sha256sum main.o square.o
section "headers, a pipe, a shared library"
run gcc -pipe -O1 -o hello hello.c
run ./hello
run gcc -shared -fPIC -o libsquare.so square.c
run gcc -o dynamic main.o -L. -lsquare
LD_LIBRARY_PATH=. run ./dynamic
run ./dynamic 2>/dev/null
echo "status $?"
run gcc -static -nostartfiles -nostdlib -x c - -o tiny <<'EOF'
void _start(void) { __asm__("mov $60, %eax; mov $33, %edi; syscall"); }
EOF
run ./tiny
echo "status $?"
run nm square.o
run objdump -d square.o | tail -n 5
run strip -o small program && run ./small
echo "status $?"
section "an error"
echo 'int main(void) { return nothing; }' | run gcc -x c -c -o /dev/null - 2>&1 | head -n 2
echo "status ${PIPESTATUS[1]}"
ls
