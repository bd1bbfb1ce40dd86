# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# xz: compresses with two threads; also gzip and tar, by pipes.
. "$APPS/lib.sh"

seq 1 40000 >numbers
section "two threads"
run xz -1 -k -T2 --block-size=64KiB numbers
run xz --robot -l numbers.xz | cut -f 1-4 | head -n 2
run xz -t numbers.xz && echo "is right"
run xz -dc -T2 numbers.xz | sha256sum
run sha256sum <numbers
section pipes
run tar -c numbers | run xz -0 | run xz -d | run tar -xO numbers | sha256sum
run gzip -9 <numbers | run gzip -d | sha256sum
section "a damaged file"
head -c 5000 numbers.xz >short.xz
run xz -dc short.xz | wc -c
echo "status ${PIPESTATUS[0]}"
section "not enough memory"
run xz -9 -M 1MiB --no-adjust -c numbers | wc -c
echo "status ${PIPESTATUS[0]}"
(ulimit -v 60000; run xz -9 -c numbers 2>&1 | tail -n 1)
