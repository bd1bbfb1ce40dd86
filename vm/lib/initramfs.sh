# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# The initramfs of the emulated machine, in two archives: a base that is the
# same for every run (made once and kept), and what one run adds to it.  The
# kernel unpacks both, one after the other.
#
# Files keep the path they have on this machine, so that a program finds its
# shared libraries there, whichever way it names them.
#
# $ROOT is the tree that is being filled, $VM_FILES what is to be /vm in the
# machine.  With --disk the two differ: the tree is then for the disk.

# Archive a directory as a cpio that the kernel can unpack.
pack()
{
	(cd "$1" && find . -print0 | sort -z | cpio --quiet -0 -o -H newc -R 0:0)
}

# ---- the base ---------------------------------------------------------------

# Print the path of the base archive; make it if there is none for the present
# init.c, busybox and this file.
initramfs_base()
{
	local cache=$TOP/build/vm busybox key archive

	busybox=$(command -v busybox)
	key=$(cat "$VM/init.c" "$VM/lib/initramfs.sh" "$busybox" | sha256sum)
	archive=$cache/base-${key:0:16}.cpio

	mkdir -p "$cache"
	(
		flock 8
		if [ ! -e "$archive" ]; then
			make_base "$busybox" "$archive"
		fi
	) 8>"$cache/.lock" || return
	echo "$archive"
}

make_base()
{
	local busybox=$1 archive=$2 dir applet

	dir=$(mktemp -d "$(dirname "$archive")/base.XXXXXX")
	mkdir -p "$dir"/{bin,dev,etc,lib,lib64,proc,root,run,sys,tmp,usr/bin,usr/local/bin,var}
	gcc -std=gnu11 -Wall -Wextra -Wno-unused-result -O2 -static -s \
		-o "$dir/init" "$VM/init.c" || return
	cp "$busybox" "$dir/bin/busybox"
	for applet in $(busybox --list); do
		[ "$applet" = busybox ] || ln -s busybox "$dir/bin/$applet"
	done
	ln -s /bin "$dir/sbin"
	ln -s ../bin "$dir/usr/sbin"
	echo 'root:x:0:0:root:/root:/bin/sh
nobody:x:65534:65534:nobody:/:/bin/false' >"$dir/etc/passwd"
	echo 'root:x:0:
nogroup:x:65534:' >"$dir/etc/group"
	echo '127.0.0.1 localhost dune-vm' >"$dir/etc/hosts"

	# Old ones, but not one that a run beside us may still be packing.
	find "$(dirname "$archive")" -name 'base-*.cpio' -mmin +1440 -delete
	pack "$dir" >"$archive.new"
	mv "$archive.new" "$archive"
	rm -rf "$dir"
}

# ---- what one run adds ----------------------------------------------------------

# Where in the tree path $1 is.  On a disk, /bin and its like are links into /usr.
place()
{
	if [ -n "$disk" ] && [[ $1 =~ ^/(bin|sbin|lib|lib64)(/|$) ]]; then
		echo "/usr$1"
	else
		echo "$1"
	fi
}

# Copy $1 to path $2 of the tree $ROOT, unless it is there already.  Returns 1
# when there was nothing to do.
copy_in()
{
	local from=$1 to

	to=$ROOT$(place "$2")
	[ ! -e "$to" ] || return 1
	mkdir -p "$(dirname "$to")"
	cp --preserve=mode,timestamps "$from" "$to"
}

is_elf()
{
	[ "$(head -c 4 "$1" | tr -d '\0')" = $'\x7fELF' ]
}

# Bring along what a program needs to start: the shared libraries and the loader
# of an ELF file, the interpreter of a script.
add_needs()
{
	local file=$1 line interpreter

	if is_elf "$file"; then
		add_libraries "$file"
		return
	fi
	IFS= read -r -n 256 line <"$file" 2>/dev/null || true
	if [[ ${line//$'\0'} =~ ^'#!'[[:space:]]*([^[:space:]]+)[[:space:]]*([^[:space:]]*) ]]; then
		interpreter=${BASH_REMATCH[1]}
		add_interpreter "$interpreter"
		# "#!/usr/bin/env python3" needs two programs.
		if [ "$(basename "$interpreter")" = env ] && [ -n "${BASH_REMATCH[2]}" ]; then
			add_interpreter "$(command -v "${BASH_REMATCH[2]}" || true)"
		fi
	fi
}

# An interpreter that busybox offers at the same path is there already.
add_interpreter()
{
	local path=$1

	[ -x "$path" ] || return 0
	case $path in
	/bin/sh|/usr/bin/env) ;;
	*) add_file "$path" "$path" ;;
	esac
	if [ "$path" = /usr/bin/env ]; then
		mkdir -p "$ROOT/usr/bin"
		ln -sf /bin/busybox "$ROOT/usr/bin/env"
	fi
}

# ldd asks the file's own loader.  It knows rpath, $ORIGIN and LD_LIBRARY_PATH,
# and names the loader as well.
add_libraries()
{
	local library

	# A static program makes ldd fail.
	{ LC_ALL=C ldd "$1" 2>/dev/null || true; } |
	awk '$2 == "=>" && $3 ~ /^\// { print $3 } $1 ~ /^\// { print $1 }' |
	while read -r library; do
		copy_in "$library" "$library" || true
	done
}

add_file()
{
	local from=$1 to=$2

	copy_in "$from" "$to" || return 0
	if [ -x "$from" ]; then
		add_needs "$from"
	fi
}

add_directory()
{
	local from=$1 to=$2 file

	to=$(place "$to")
	mkdir -p "$ROOT$to"
	cp -a "$from/." "$ROOT$to/"
	while IFS= read -r -d '' file; do
		add_needs "$file"
	done < <(find "$from" -type f -perm -u+x -print0)
}

# Add a file or directory PATH, or PATH:DEST to give it another place.
add_path()
{
	local from=$1 to

	if [ -e "$from" ]; then
		to=$(realpath -s "$from")
	else
		to=${from##*:}
		from=${from%:*}
		[ -e "$from" ] || die "--add $1: there is no $from"
		[[ $to == /* ]] || die "--add $1: the place in the machine has to begin with /"
	fi
	if [ -d "$from" ]; then
		add_directory "$from" "$to"
	else
		[[ $to != */ ]] || to+=$(basename "$from")
		add_file "$from" "$to"
	fi
}

# Add the program that COMMAND names and print how to call it in the machine.
# A name without a slash is looked for among what we built, then among the
# applets of busybox, then on this machine.
add_command()
{
	local name=$1 dir path=

	# With a disk, its programs come first, and we cannot look for them.
	if [ -n "$disk" ] && [[ $name == /* || $name != */* ]]; then
		echo "$name"
		return
	fi
	if [[ $name == */* ]]; then
		path=$(realpath -s "$name")
		# It may also be something that --add puts there.
		[ -e "$path" ] || { echo "$name"; return; }
	else
		for dir in "$TOP/build/bin" "$TOP/build/tests/guest"; do
			if [ -z "$path" ] && [ -x "$dir/$name" ]; then
				path=$dir/$name
			fi
		done
		if [ -z "$path" ]; then
			! busybox --list | grep -qxF -- "$name" || { echo "$name"; return; }
			path=$(type -P -- "$name") || return 1
		fi
	fi
	add_file "$path" "$path"
	echo "$path"
}

# Bring what was built, and the scripts that test programs of the disk.
add_our_programs()
{
	local from file

	for from in build/bin:bin build/tests/guest:tests tests/apps:apps bench:bench; do
		for file in "$TOP/${from%:*}"/*; do
			if [ -f "$file" ] && [[ $file != *.[cdh] ]]; then
				copy_in "$file" "/dune/${from#*:}/${file##*/}"
			fi
		done
	done
}

# Add stock modules of the kernel, with all that they depend on; print one line
# "PATH" for each, in the order in which they have to be loaded.
add_stock_modules()
{
	local name path

	for name in "$@"; do
		PATH=$PATH:/sbin:/usr/sbin modprobe -d "${KERNEL_MODULES%/lib/modules/*}" \
			-S "$KERNEL_VERSION" --show-depends "$name" ||
			die "kernel $KERNEL_NAME has no module '$name'"
	done |
	awk '$1 == "insmod" && !seen[$2]++ { print $2 }' |
	while read -r path; do
		add_module_file "$path"
	done
}

# finit_module wants the module as it is: unpack what newer kernels compress.
add_module_file()
{
	local path=$1 name

	name=$(basename "$path")
	mkdir -p "$VM_FILES/modules.d"
	case $name in
	*.xz)	xz -dc "$path" >"$VM_FILES/modules.d/${name%.xz}"; name=${name%.xz} ;;
	*)	cp "$path" "$VM_FILES/modules.d/$name" ;;
	esac
	echo "/vm/modules.d/$name"
}
