#!/usr/bin/env bash
# SPDX-License-Identifier: ISC
# Every exported symbol carries its room's prefix.  Kore resolves names in its
# own program first: a function of ours with a name of Kore's would be replaced.
# shellcheck source=tests/check/lib.sh
. "$(dirname "$0")/lib.sh"

# What Kore calls by name, and the names of its seccomp filter macro.
hooks='kore_(parent|worker)_(configure|teardown|daemonized)|kore_worker_signal'
hooks+='|kore_on_signal|kore_seccomp_hook|_scfilt'

exported() { # FILE [NM OPTION]
	nm -g --defined-only "${@:2}" "$1" 2>/dev/null |
		awk 'NF == 3 && $2 ~ /^[A-Z]$/ { print $3 }' |
		grep -vE '^(_init|_fini|_edata|_end|__bss_start|__(asan|ubsan|odr_asan|sancov|gcov|llvm)_?.*)$' ||
		true
}

strangers() {
	local room name
	for room in $rooms; do
		[ -e "$build/$room/lib$room.a" ] || {
			echo "$build/$room/lib$room.a is missing: make first"
			continue
		}
		for name in $(exported "$build/$room/lib$room.a"); do
			[[ $name == "$room"_* ]] || echo "$room/: exports $name"
		done
	done
	[ ! -e "$build/parley-decode" ] || exported "$build/parley-decode" -D | grep -qx pthread_create ||
		echo "parley-decode: exports no pthread_create; threads of libvips would not breathe"
	[ -e "$build/parley.so" ] || return 0
	exported "$build/parley.so" -D |
		grep -vE "^((base|db|push|upload|api|parley)_.*|$hooks)$" |
		sed 's/^/parley.so: exports /' || true
}

verdict "$(strangers)"
