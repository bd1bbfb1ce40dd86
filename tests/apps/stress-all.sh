# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# stress-ng: all that it has, a short time each, with its own checks.
. "$APPS/lib.sh"
. "$APPS/stress-lib.sh"

# What wants devices or much memory, only burns time of the CPU, or changes the
# machine for what comes after it. And priv-instr, to which privileged instructions are to fail: in
# ring 0 of Dune mode they do what they say. (In ring 3 it is as natively.)
leave_out='apparmor aiol bad-altstack binderfs cpu-online cyclic dev dev-shm hdd iomix klog l1cache
	netdev numa oom-pipe physpage priv-instr quota ramfs rawdev rawpkt rawudp rdrand readahead reboot
	resources smi softlockup swap sysbadaddr sysfs sysinval tun vm-addr watchdog x86syscall
	zlib zombie matrix matrix-3d'

stress-ng --stressors | tr ' ' '\n' | grep -vxF "$(tr -s ' \t' '\n' <<<"$leave_out")" >names
{
	echo "run sequential"
	echo "timeout 2"
	echo "vm-bytes 4m"
	sed 's/$/ 1/' names
} >job
stress
