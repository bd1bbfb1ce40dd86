# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# A kernel that watches itself (KASAN, lockdep, and what else debug.config has), from the source that
# Debian has of it, for vm/kernel. It takes minutes to build and 2 GiB of disk, once.

DEBUG_CONFIG=$TOP/vm/lib/debug.config

# What of debug.config the kernel does not have, a line each.
debug_missing()
{
	grep -oE '^CONFIG_[A-Z0-9_]+=y' "$DEBUG_CONFIG" | grep -vxFf "$1/.config" || true
}

debug_configure()
{
	local source=$1 missing

	# our module uses it; it has no prompt, since drivers of the kernel select it
	sed -i '/^config HMM_MIRROR/,/bool/s/^\tbool.*/\tbool "mirrors of page tables"/' "$source/mm/Kconfig"
	make -s -C "$source" tinyconfig >/dev/null 2>&1
	(cd "$source" && scripts/kconfig/merge_config.sh -m .config "$DEBUG_CONFIG") >/dev/null
	make -s -C "$source" LOCALVERSION=-debug olddefconfig >/dev/null 2>&1
	missing=$(debug_missing "$source")
	[ -z "$missing" ] || die "this source does not have, as configured: $missing"
}

# The tree stays: modules are built against it.
debug_build()
{
	local source=$1 log=$1/build.log

	echo "vm/kernel: building it, some minutes; follow with: tail -f $log" >&2
	make -C "$source" LOCALVERSION=-debug -j"$(nproc)" bzImage modules >"$log" 2>&1 ||
		{ tail -n 20 "$log" >&2; die "the kernel does not build"; }
}

# debug_install SOURCE VERSION: where print_facts() expects it.
debug_install()
{
	local source=$1 version=$2

	mkdir -p "$dest/boot"
	cp "$source/arch/x86/boot/bzImage" "$dest/boot/vmlinuz-$version"
	make -s -C "$source" LOCALVERSION=-debug INSTALL_MOD_PATH="$dest" modules_install >/dev/null
	rm -f "$dest/lib/modules/$version"/{build,source}
	ln -s "$source" "$dest/lib/modules/$version/build"
	find "$source" -name '*.o' ! -path '*/scripts/*' ! -path '*/tools/*' -delete
}

# For name $1, e.g. 6.1-debug.
debug_fetch()
{
	local package=linux-source-${1%-debug} source=$dest/source version

	"$TOP/scripts/deps" debug
	rm -rf "$dest"
	unpack "$dest" "$package"
	mkdir -p "$source"
	tar xf "$dest/usr/src/$package.tar.xz" -C "$source" --strip-components 1
	rm -r "$dest/usr"
	debug_configure "$source"
	debug_build "$source"
	version=$(make -s -C "$source" LOCALVERSION=-debug kernelrelease)
	debug_install "$source" "$version"
	printf '%s\n' "$dest $version" >"$dest/.complete"
}
