#!/usr/bin/env bash
# SPDX-License-Identifier: ISC
# What parley.so leaves undefined is in Kore or in a library it names: else kore
# would refuse to load it, and the linker cannot say so.
# shellcheck source=tests/check/lib.sh
. "$(dirname "$0")/lib.sh"

module=$build/parley.so
[ -e "$module" ] || verdict "$module is missing: make first" "no module"
PATH=$PATH:/usr/sbin:/sbin
kore=${KORE:-$(command -v kore)}

provided() {
	local file
	for file in "$kore" $(ldd "$kore" "$module" | awk '$3 ~ /^\// { print $3 }' | sort -u) \
		$(ldd "$module" | awk '$1 ~ /^\// { print $1 }'); do
		nm -D --defined-only "$file"
	done | awk '{ print $NF }' | sed 's/@.*//' | sort -u
}

wanted() {
	nm -D --undefined-only "$module" | awk '$1 == "U" { print $2 }' |
		sed 's/@.*//' | grep -vE '^__(asan|ubsan|sanitizer|sancov|gcov)' | sort -u
}

verdict "$(comm -23 <(wanted) <(provided) | sed 's/^/parley.so: nobody defines /')"
