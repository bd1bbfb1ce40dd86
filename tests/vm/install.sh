#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# What the README says of hello: built by a user against what make install put
# down, found by pkg-config, statically and dynamically linked, and run. TAP.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 2

root=$(mktemp -d "$PWD/build/install.XXXXXX")
trap 'rm -rf "$root"' EXIT
n=0 bad=0

# check TEXT COMMAND...
check()
{
	local text=$1 output status=0

	shift
	output=$("$@" 2>&1) || status=$?
	n=$((n + 1))
	if [ $status -eq 0 ]; then
		echo "ok $n - $text"
	else
		bad=$((bad + 1))
		echo "not ok $n - $text"
		printf '%s\n' "status $status" "$output" | sed 's/^/#   /'
	fi
}

flags()
{
	PKG_CONFIG_LIBDIR=$root/lib/pkgconfig pkg-config "$@" libdune
}

# Nothing of this tree is on the compiler's path: only what was installed.
compile()
{
	# shellcheck disable=SC2046 # several words
	(cd "$root" && gcc -Wall -Werror hello.c $(flags --cflags) "$@")
}

hello_runs()
{
	timeout 300 vm/run "$@" | grep -q 'now in ring 0'
}

check "make install" make --no-print-directory install PREFIX="$root"
cp examples/hello.c "$root"
check "pkg-config knows libdune" flags --exists
# shellcheck disable=SC2046
check "hello builds against the shared library" compile -o hello $(flags --libs)
check "hello builds against the static library" compile -o hello-static "$root/lib/libdune.a" -lpthread
check "hello is under 40 lines" test "$(wc -l <examples/hello.c)" -lt 40
check "README shows the very hello.c" diff <(sed -n '/^```c/,/^```/{/^```/d;p}' README.md) examples/hello.c
check "hello runs with the shared library" hello_runs --add "$root/lib/libdune.so.0:/lib/libdune.so.0" -- "$root/hello"
check "hello runs, static" hello_runs -- "$root/hello-static"
echo "1..$n"
exit $((bad > 0))
