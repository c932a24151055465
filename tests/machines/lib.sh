# Shared by the scripts of tests/machines; sourced, not run.
#
# Environment: VINTC_CACHE   where downloads and builds are kept, outside the tree
#                            (default: ${XDG_CACHE_HOME:-$HOME/.cache}/vintc)
#
# Everything in the cache is made in a temporary folder and renamed when complete, carries a manifest
# of its files that is checked before use, and can be deleted at any time.

machines=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
cache=${VINTC_CACHE:-${XDG_CACHE_HOME:-${HOME:-/var}/.cache}/vintc}

say() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }
die() { say "$*"; exit 1; }

need_root() { [ "$(id -u)" = 0 ] || die "must run as root (sudo): it makes a chroot"; }

# usage: prints the comment at the head of the calling script
usage() { sed -n '2,/^[^#]/{/^#/s/^# \{0,1\}//p}' "$0"; }

# release_of SERIES: the Debian release whose compiler and packages that kernel series comes with
release_of() {
	case $1 in
	6.1 | 6.12) echo bookworm ;;
	7.2) echo trixie ;;
	*) die "no kernel series '$1' here: 6.1, 6.12 or 7.2" ;;
	esac
}

# with_lock NAME: hold a lock of that name until this (sub)shell ends; runs side by side wait
with_lock() {
	mkdir -p "$cache/lock"
	exec 9>"$cache/lock/$1"
	flock -n 9 || { say "waiting for another run that makes $1"; flock 9; }
}

# --- the manifest ---------------------------------------------------------------------------------

# seal DIR: write the manifest of DIR's files
seal() {
	(cd "$1" && find . -type f -print0 | LC_ALL=C sort -z | xargs -0 -r sha256sum --) >"$1.manifest"
	mv -- "$1.manifest" "$1/MANIFEST"
}

# outline DIR: a fingerprint of the names, sizes and times of DIR's files
outline() {
	(cd "$1" && find . -name 'OUTLINE*' -o \( -path ./tmp -o -path ./dev -o -path ./proc \) -prune -o \
		-type f -printf '%P %s %T@\n') | LC_ALL=C sort | sha256sum
}

# sealed DIR: is DIR complete and unaltered? Contents are read once a day and when names, sizes or times
# differ from what they were when contents were last read.
sealed() {
	[ -f "$1/MANIFEST" ] || return 1
	if [ -n "$(find "$1/OUTLINE" -mmin -1440 2>/dev/null)" ] && [ "$(outline "$1")" = "$(cat "$1/OUTLINE")" ]; then
		return 0
	fi
	if ! (cd "$1" && sha256sum --check --quiet --status MANIFEST); then
		say "$1 is damaged; making it again"
		return 1
	fi
	outline "$1" >"$1/OUTLINE.$$"
	mv -- "$1/OUTLINE.$$" "$1/OUTLINE"
}

# scratch NAME: a temporary folder beside the final one; leftovers of killed runs are removed
# (call with the lock of NAME held)
scratch() {
	mkdir -p "$cache"
	rm -rf --one-file-system -- "$cache/$1".tmp.*
	mkdir -m 700 "$cache/$1.tmp.$$"
	echo "$cache/$1.tmp.$$"
}

# publish TMP DIR: put a complete folder in its place
publish() {
	chmod 755 "$1"
	if [ -e "$2" ]; then
		rm -rf --one-file-system -- "$2"
	fi
	mv -T -- "$1" "$2"
}

# --- Debian's packages, through the machine's own apt configuration ----------------------------------

# own_source SUITE: "URI|OPTIONS" of the machine's own source of that suite
own_source() {
	apt-get indextargets 'Created-By: Packages' 'Component: main' \
		--format '$(RELEASE)|$(REPO_URI)|$(SOURCESENTRY)' |
	awk -F'|' -v s="$1" '$1 == s { print $2 "|" $3; exit }'
}

# source_options ENTRY: the apt options (keyring, trust) of a sources entry FILE:LINE
source_options() {
	file=${1%:*} options="arch=amd64"
	key=$(sed -n 's/^[^#]*[Ss]igned-[Bb]y[:=] *\(\/[^] ,]*\).*/\1/p' "$file" | head -n 1)
	[ -n "$key" ] || key=/usr/share/keyrings/debian-archive-keyring.gpg
	[ ! -r "$key" ] || options="$options signed-by=$key"
	! grep -qi '^[^#]*trusted[:=] *yes' "$file" || options="$options trusted=yes"
	echo "$options"
}

# sources RELEASE: an apt sources list for that release with security, updates and backports
sources() {
	own=$(. /etc/os-release && echo "$VERSION_CODENAME")
	main=$(own_source "$own")
	[ -n "$main" ] || die "no source of Debian $own (main) in this machine's apt configuration"
	echo "deb [$(source_options "${main#*|}")] ${main%%|*} $1 main"
	echo "deb [$(source_options "${main#*|}")] ${main%%|*} $1-updates main"
	echo "deb [$(source_options "${main#*|}")] ${main%%|*} $1-backports main"
	security=$(own_source "$own-security")
	if [ -n "$security" ]; then
		echo "deb [$(source_options "${security#*|}")] ${security%%|*} $1-security main"
	else
		say "this machine has no source of security updates: going without"
	fi
}

# apt_options RELEASE: print, one per line, the options that make apt use the private root
apt_options() {
	root=$cache/apt/$1
	printf -- '-o\n%s\n' \
		"Dir::Etc::SourceList=$root/sources.list" "Dir::Etc::SourceParts=/dev/null" \
		"Dir::Etc::Preferences=/dev/null" "Dir::Etc::PreferencesParts=/dev/null" \
		"Dir::State::Lists=$root/lists" "Dir::State::Status=$root/status" \
		"Dir::State::Extended_States=$root/extended" "Dir::Cache=$root" \
		"Dir::Cache::Archives=$root/archives" "Dir::Cache::PkgCache=$root/pkgcache.bin" \
		"Dir::Cache::SrcPkgCache=$root/srcpkgcache.bin" "Acquire::GzipIndexes=false" "Dir::Log=$root" \
		"APT::Architecture=amd64" "APT::Architectures=amd64" "APT::Get::List-Cleanup=true" \
		"APT::Sandbox::User=root" "APT::Install-Recommends=false" \
		"APT::Update::Post-Invoke-Success::=true" "Acquire::Languages=none" "Acquire::Retries=3"
}

# apt RELEASE TOOL ARG...: run apt-get or apt-cache in the private root of RELEASE
apt() (
	release=$1 tool=$2
	shift 2
	IFS='
'
	# shellcheck disable=SC2046 # one option per line
	"$tool" $(apt_options "$release") "$@"
)

# apt_fresh RELEASE: is the index at most 12 hours old? (VINTC_REFRESH=1: never)
apt_fresh() {
	[ "${VINTC_REFRESH:-0}" != 1 ] && [ -n "$(find "$cache/apt/$1/fresh" -mmin -720 2>/dev/null)" ]
}

# apt_ready RELEASE: make the private root and bring its index up to date. Without a network an index
# that is there serves. RELEASE-source is another root, with the index of source packages.
apt_ready() (
	root=$cache/apt/$1
	with_lock "apt-$1"
	! apt_fresh "$1" || exit 0
	say "reading the package index of Debian $1"
	mkdir -p "$root/lists/partial"
	: >"$root/status"
	sources "${1%-source}" >"$root/sources.list"
	[ "$1" = "${1%-source}" ] || sed -i 's/^deb /deb-src /' "$root/sources.list"
	if apt "$1" apt-get -qq update >"$root/update.log" 2>&1; then
		touch "$root/fresh"
	else
		sed 's/^/  /' "$root/update.log" >&2
		[ -n "$(find "$root/lists" -name '*Packages*' -o -name '*Sources*' 2>/dev/null)" ] || die "no package index"
		say "using the package index of an earlier run"
	fi
)

# chosen NAME RELEASE: print the folder that NAME stands for, if it was chosen from the present index
# and is whole; choose NAME DIR: record it
chosen() {
	apt_fresh "$2" && [ "$cache/choice/$1" -nt "$cache/apt/$2/fresh" ] || return 1
	dir=$(cat "$cache/choice/$1")
	sealed "$dir" && echo "$dir"
}
choose() {
	mkdir -p "$cache/choice"
	echo "$2" >"$cache/choice/$1.$$"
	mv "$cache/choice/$1.$$" "$cache/choice/$1"
	echo "$2"
}

# download RELEASE DIR [-t SUITE] PACKAGE...: the packages and all they depend on, as .deb in DIR
download() (
	release=$1 dir=$2
	shift 2
	mkdir -p "$dir/partial"
	apt "$release" apt-get -qq -y -o "Dir::Cache::Archives=$dir" --download-only install "$@" \
		>"$dir/log" 2>&1 || { sed 's/^/  /' "$dir/log" >&2; die "cannot download $*"; }
)

# unpack DIR DEB...: the packages' files, without installing anything
unpack() (
	into=$1
	shift
	for deb; do
		dpkg-deb --fsys-tarfile "$deb" | tar -x -C "$into" --keep-directory-symlink --no-same-owner
	done
)

# wrapper ARGUMENTS: a script that runs a newer program of its own name beside the libraries it came with,
# which are in tree/usr beside that script
wrapper() {
	cat <<-END
		#!/bin/sh
		here=\$(CDPATH='' cd -- "\$(dirname -- "\$0")" && pwd)/tree/usr
		lib=\$here/lib/x86_64-linux-gnu
		exec "\$here/lib64/ld-linux-x86-64.so.2" --inhibit-cache --argv0 "\${0##*/}" \\
			--library-path "\$lib:\$lib/pulseaudio:\$here/lib" "\$here/bin/\${0##*/}" $1 "\$@"
	END
}

# fetch_source RELEASE PACKAGE VERSION DIR: the newest source in the index whose version begins so, unpacked in
# DIR/PACKAGE. The signed index has its hash; the description file (.dsc) that apt-get wants, too, says nothing
# more, and not every mirror has it.
fetch_source() (
	release=$1 package=$2 version=$3 dir=$4
	apt_ready "$release-source"
	apt "$release-source" apt-cache showsrc "$package" >"$dir/showsrc"
	line=$(awk -v begin="${package}_$version" '/^Checksums-/ { sums = /Sha256/ }
		sums && index($3, begin) == 1 && $3 ~ /[.]orig[.]tar[.]xz$/ { print $3, $1 }' "$dir/showsrc" | sort -uV | tail -n 1)
	[ -n "$line" ] || die "no source of $package $version in the index of Debian $release"
	found=$(awk -v tar="${line% *}" '/^Version:/ { version = $2 } $3 == tar { print version }' "$dir/showsrc" | sort -uV | tail -n 1)
	(cd "$dir" && apt "$release-source" apt-get -qq --download-only --only-source source "$package=$found") >"$dir/log" 2>&1 || true
	(cd "$dir" && echo "${line#* }  ${line% *}" | sha256sum --check --quiet) ||
		{ sed 's/^/  /' "$dir/log" >&2; die "cannot download the source of $package"; }
	mkdir "$dir/$package"
	tar -x -C "$dir/$package" --strip-components=1 --no-same-owner -f "$dir/${line% *}"
)

# make_root RELEASE DIR PACKAGE...: make of the packages and all they depend on, unpacked but never
# configured, a root file system to work `inside`
make_root() (
	release=$1 dir=$2
	shift 2
	mkdir -p "$dir"/{debs,dev,proc,sys,tmp,etc,usr/{bin,sbin,lib,lib64}}
	ln -s usr/bin usr/sbin usr/lib usr/lib64 "$dir/"
	download "$release" "$dir/debs" "$@"
	unpack "$dir" "$dir"/debs/*.deb
	rm -rf "$dir/debs" "$dir/usr/share/"{doc,man,locale,info,i18n,zoneinfo} "$dir/var/cache"
	# what the packages' maintainer scripts would have done, as far as it matters here
	echo 'root:x:0:0:root:/root:/bin/sh' >"$dir/etc/passwd"
	echo 'root:x:0:' >"$dir/etc/group"
	ln -sf dash "$dir/usr/bin/sh"
	ln -sf mawk "$dir/usr/bin/awk"
)

# version_of RELEASE PACKAGE SUITE: the version in that suite
version_of() {
	apt "$1" apt-cache "-t$3" policy "$2" 2>/dev/null | sed -n 's/^  Candidate: //p'
}

# inside TOOLCHAIN WORK [--at DIR PLACE]... COMMAND...: run a command in a toolchain's root, which stays as
# it is. WORK is /build there, DIR is at PLACE; they, and /tmp, can be written to. The mounts go with the
# process, however it ends.
inside() {
	# shellcheck disable=SC2016 # expanded by the inner shell
	unshare --mount --propagation private sh -euc '
		root=$1 work=$2
		shift 2
		mkdir -p "$root/build"
		mount --bind "$root" "$root"
		mount -o remount,bind,ro "$root"
		mount --rbind /dev "$root/dev"
		mount -t proc proc "$root/proc" 2>/dev/null || mount --rbind /proc "$root/proc"
		mount -t tmpfs tmp "$root/tmp"
		mount --bind "$work" "$root/build"
		while [ "$1" = --at ]; do
			mount --bind "$2" "$root/$3"
			shift 3
		done
		exec env -i PATH=/usr/sbin:/usr/bin HOME=/tmp LC_ALL=C chroot "$root" "$@"
	' sh "$@" 9>&-
}
