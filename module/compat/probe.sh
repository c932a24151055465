#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# probe.sh SYMVERS PROBES HEADER COMPILER...
#
# Writes HEADER: HAVE_NAME for each PROBES/NAME.c that COMPILER accepts, and
# HAVE_SYM_name for each name in PROBES/symbols that SYMVERS exports to modules
# of any name.
set -eu

symvers=$1 probes=$2 header=$3
shift 3

tmp=$header.tmp
{
	echo '/* Made by probe.sh; what this kernel offers. */'
	for probe in "$probes"/*.c; do
		[ -e "$probe" ] || continue
		name=$(basename "$probe" .c | tr '[:lower:]-' '[:upper:]_')
		if "$@" "$probe" >/dev/null 2>&1; then
			echo "#define HAVE_$name 1"
		else
			echo "/* no HAVE_$name */"
		fi
	done
	# Columns: CRC, symbol, where, kind, namespace. A name space that
	# begins with "module:" reserves the symbol for the modules it lists.
	while read -r sym; do
		case $sym in '' | '#'*) continue ;; esac
		if awk -F '\t' -v s="$sym" '
			$2 == s && $5 !~ /^module:/ { found = 1 }
			END { exit !found }' "$symvers"; then
			echo "#define HAVE_SYM_$sym 1"
		else
			echo "/* no HAVE_SYM_$sym */"
		fi
	done <"$probes/symbols"
} >"$tmp"
cmp -s "$tmp" "$header" && rm -f "$tmp" || mv "$tmp" "$header"
