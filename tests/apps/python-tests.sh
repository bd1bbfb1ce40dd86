# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# python-tests:MODULE - Python's own tests of one module: the verdict of each.
. "$APPS/lib.sh"

module=${1#:}
# What to leave out, since its verdict depends on the machine's speed.
declare -A leave_out=(
)
# shellcheck disable=SC2086 # words
run python3 "$APPS/verdicts.py" "$module" ${leave_out[$module]:-} 2>log >verdicts
echo "status $?"
sort verdicts
# For whoever looks into a difference.
logs=/tmp/apps/logs/${DUNE_RUN:-native}
mkdir -p "$logs"
mv log "$logs/$module"
