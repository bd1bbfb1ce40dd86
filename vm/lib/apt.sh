# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Debian's archive, through an apt with a state of its own: nothing is
# installed, and the configuration of apt on this machine is neither used nor
# changed.  What comes is checked against Debian's keyring.

KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg

# apt_prepare DIR PARTS: from now on, apt uses DIR, and the parts of the archive
# named in PARTS, each as "mirror-directory suite", separated by commas.
apt_prepare()
{
	local dir=$1 parts=$2 mirror=${DUNE_MIRROR:-http://deb.debian.org} where suite

	[ -r "$KEYRING" ] ||
		die "$KEYRING is missing: run scripts/deps vm (debian-archive-keyring)"
	mkdir -p "$dir"/{state/lists/partial,cache/archives/partial,empty}
	: >"$dir/status"
	tr , '\n' <<<"$parts" |
	while read -r where suite; do
		echo "deb [arch=amd64 signed-by=$KEYRING] $mirror/$where $suite main"
	done >"$dir/sources.list"

	# apt does not choose backports by itself; where we list them, we want
	# their kernel (and the libraries from the suite below).
	cat >"$dir/preferences" <<-EOF
	Package: linux-*
	Pin: release n=*-backports
	Pin-Priority: 990
	EOF

	# APT_CONFIG is read before everything else, so even the files in
	# /etc/apt/apt.conf.d can be left out.
	cat >"$dir/apt.conf" <<-EOF
	Dir::Etc::main "/dev/null";
	Dir::Etc::parts "$dir/empty";
	Dir::Etc::sourcelist "$dir/sources.list";
	Dir::Etc::sourceparts "$dir/empty";
	Dir::Etc::preferences "$dir/preferences";
	Dir::Etc::preferencesparts "$dir/empty";
	Dir::State "$dir/state";
	Dir::State::status "$dir/status";
	Dir::Cache "$dir/cache";
	APT::Architecture "amd64";
	APT::Architectures { "amd64"; };
	APT::Install-Recommends "false";
	APT::Sandbox::User "root";
	Acquire::Languages "none";
	Acquire::Retries "3";
	EOF
	export APT_CONFIG=$dir/apt.conf
	apt-get -qq update >&2 ||
		die "cannot reach Debian's archive (see above)"
}
