# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Bochs, and the CD it boots from.

# CPU models that boot Linux, for --model: NAME, then what is special about it.
# Other models of Bochs hang (tigerlake, icelake, ryzen).
MODELS='
broadwell_ult			EPT with A/D bits, 1 GiB pages, XSAVE, AVX2 (the default)
corei7_haswell_4770		the same, without SMAP
corei7_ivy_bridge_3770k		EPT without A/D bits, no 1 GiB pages; FSGSBASE, SMEP
corei7_sandy_bridge_2600k	the same, without FSGSBASE and SMEP
corei5_arrandale_m520		the same, without XSAVE, AVX and PCID
corei5_lynnfield_750		the same, without unrestricted guest
corei7_skylake_x		PML, TSC scaling; loses XSAVE; not for kernel 7.x
core2_penryn_t9600		VMX without EPT: too old for Dune
'

model_names()
{
	awk 'NF { print $1 }' <<<"$MODELS"
}

# Parts of the kernel that cost much emulation at boot and have nothing to do
# with us: certificates (no module of ours is signed), a random number generator
# that measures jitter, and names for enums in the formats of trace events.
SKIPPED_INITCALLS=load_system_certificate_list,load_revocation_certificate_list,jent_mod_init,trace_eval_init

# What the kernel is told at boot.
#
# A machine that panics or oopses resets at once, by triple fault, which is where
# Bochs stops.  Messages from "warning" upwards go to the console; all of them
# are in dmesg.  The rest saves time, most of all the self-tests of the crypto
# algorithms and the calibration of clocks.  Mitigations stay as they are: they
# shape the code paths that we test.
kernel_arguments()
{
	echo "console=ttyS0,115200" \
		"panic=-1 oops=panic reboot=t" \
		"loglevel=5 printk.devkmsg=on" \
		"cryptomgr.notests initcall_blacklist=$SKIPPED_INITCALLS" \
		"tsc=reliable no_timer_check random.trust_cpu=on"
}

# make_cd IMAGE KERNEL ARGUMENTS INITRAMFS...
make_cd()
{
	local image=$1 kernel=$2 arguments=$3 archive n=0 files=() names=

	shift 3
	for archive in "$@"; do
		files+=("/initrd$n=$archive")
		names+=${names:+,}initrd$n
		n=$((n + 1))
	done
	printf '%s\n' "DEFAULT dune" "PROMPT 0" "LABEL dune" \
		" KERNEL vmlinuz" " INITRD $names" " APPEND $arguments" >"$image.cfg"
	xorriso -as mkisofs -quiet -o "$image" \
		-b isolinux.bin -c boot.cat -no-emul-boot -boot-load-size 4 -boot-info-table \
		-graft-points \
		/isolinux.bin=/usr/lib/ISOLINUX/isolinux.bin \
		/ldlinux.c32=/usr/lib/syslinux/modules/bios/ldlinux.c32 \
		/isolinux.cfg="$image.cfg" \
		/vmlinuz="$kernel" \
		"${files[@]}" >"$image.log" 2>&1 ||
		die "xorriso could not make the boot CD: $(tail -n 1 "$image.log")"
}

# With --interactive, "stdout" is a link to a pseudo-terminal.
com2_mode()
{
	[ -n "$interactive" ] && echo term || echo file
}

# The disk of --disk.  "volatile": what the machine writes goes to a file of its own.
# shellcheck disable=SC2154 # disk: option of vm/run; DISK_IMAGE: of vm/disk
disk_line()
{
	if [ -n "$disk" ]; then
		echo "ata0-slave: type=disk, mode=volatile, path=$DISK_IMAGE," \
			"journal=$1/disk.written, cylinders=0, heads=16, spt=63"
	fi
}

# Write Bochs' configuration for the machine in directory $1.
# shellcheck disable=SC2154 # model, cpus, mem, ips, trace: options of vm/run
make_bochsrc()
{
	local dir=$1

	# Bochs keeps at most 2 GiB of the machine's memory in its own, the rest in a file.
	# A triple fault and every other panic of the emulator end it
	# ("fatal").  No sound: its driver crashes where there is no sound card.
	cat <<-EOF
	cpu: model=$model, count=$cpus, ips=${ips}000000, reset_on_triple_fault=0
	memory: guest=$mem, host=$((mem < 2048 ? mem : 2048))
	romimage: file=/usr/share/bochs/BIOS-bochs-latest, options=fastboot
	vgaromimage: file=/usr/share/bochs/VGABIOS-lgpl-latest
	display_library: rfb, options="timeout=0"
	plugin_ctrl: speaker=0
	clock: sync=none
	boot: cdrom
	ata0: enabled=1, ioaddr1=0x1f0, ioaddr2=0x3f0, irq=14
	ata0-master: type=cdrom, path=$dir/boot.iso, status=inserted
	$(disk_line "$dir")
	com1: enabled=1, mode=file, dev=$dir/console
	com2: enabled=1, mode=$(com2_mode), dev=$dir/stdout
	com3: enabled=1, mode=file, dev=$dir/stderr
	com4: enabled=1, mode=file, dev=$dir/report
	log: $dir/bochs.log
	magic_break: enabled=$([ -n "$trace" ] && echo 1 || echo 0)
	panic: action=fatal
	error: action=report
	info: action=ignore
	debug: action=ignore
	EOF
}

# Bochs always offers its screen over VNC.  In a network namespace of its own
# nobody can reach that, and two machines do not quarrel over the port.
hide_network()
{
	local way

	for way in "unshare --net" "unshare --user --map-root-user --net"; do
		if $way true 2>/dev/null; then
			echo "$way"
			return
		fi
	done
}

# What the debugger is told at its start, and at each stop.  With --trace it stops at
# each "xchg %bx,%bx".
commands()
{
	local i

	echo c
	if [ -n "$trace" ]; then
		for i in {1..32}; do
			printf '%s\n' "trace on" c "trace off" c
		done
	fi
}

# Run the machine in directory $1 for at most $2 seconds.  Debian's Bochs has
# its debugger built in, which waits for a command: "c" lets it go.  Should
# vm/run be killed, setpriv has the kernel end the emulator as well.
start_bochs()
{
	local dir=$1 seconds=$2

	make_bochsrc "$dir" >"$dir/bochsrc"
	commands >"$dir/bochs.rc"
	# shellcheck disable=SC2046 # several words, or none
	exec setpriv --pdeathsig TERM timeout --kill-after=2 "$seconds" \
		$(hide_network) bochs-bin -q -f "$dir/bochsrc" -rc "$dir/bochs.rc" \
		</dev/null >"$dir/bochs.out" 2>&1
}
