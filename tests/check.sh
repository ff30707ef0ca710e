#!/usr/bin/env bash
# SPDX-License-Identifier: ISC
# Every test: the C parts plainly and under ASan/UBSan, the static checks, a distribution built
# and installed from its tarball, end to end.  The last line is the sum.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
TOP=$PWD
LOG=$TOP/var/check
mkdir -p "$LOG"
passed=0 failed=0

section() { printf '\n==> %s\n' "$1"; }

# Adds what one step counted; a step that counted nothing has failed.
count() { # STATUS PASSED FAILED LOGFILE
	local good=${2:-0} bad=${3:-0}
	[ "$1" = 0 ] || [ "$bad" != 0 ] || bad=1
	[ $((good + bad)) -gt 0 ] || bad=1
	passed=$((passed + good)) failed=$((failed + bad))
	if [ "$bad" != 0 ]; then
		printf '    failed; the end of %s:\n' "$4"
		tail -n 200 "$4" | sed 's/^/    /'
	fi
	printf '    %d passed, %d failed\n' "$good" "$bad"
}

sum() { # NAME FILE: what the summaries in it, Automake's or Node's, say under that name; 0 without one
	awk -v name="$1" '$1 == "#" && ($2 == name || $2 == name ":") { n += $3 } END { print n + 0 }' "$2"
}

c_tests() { # DIR CONFIGURE-ARGUMENTS
	local dir=$1 status=0
	shift
	mkdir -p "$dir"
	{ [ -e "$dir/config.status" ] && [ ! configure -nt "$dir/config.status" ]; } ||
		(cd "$dir" && "$TOP/configure" -q --enable-werror "$@") >"$LOG/${dir##*/}.log" 2>&1 || status=1
	[ $status = 0 ] && { make -s -j"$(nproc)" -C "$dir" check; } >"$LOG/${dir##*/}.log" 2>&1 || status=1
	count $status "$(sum PASS "$LOG/${dir##*/}.log")" \
		"$(($(sum FAIL "$LOG/${dir##*/}.log") + $(sum ERROR "$LOG/${dir##*/}.log")))" \
		"$LOG/${dir##*/}.log"
	for log in "$dir"/tests/*/*.log; do
		grep -qs '^FAIL\|exit status: [1-9]' "$log" && tail -n 25 "$log" | sed 's/^/    /'
	done
}

section "building"
./dev build || { echo "0 passed, 1 failed"; exit 1; }

section "C tests"
c_tests "$TOP/build"

section "C tests under ASan and UBSan"
c_tests "$TOP/build-asan" --enable-sanitizers

section "static checks"
tests/check/run.sh >"$LOG/static.log" 2>&1
count $? "$(grep -c '^ok ' "$LOG/static.log")" "$(grep -c '^FAIL ' "$LOG/static.log")" "$LOG/static.log"

section "distribution tarball"
(cd build && make -s dist-gzip && rm -rf "$TOP/var/dist" && mkdir -p "$TOP/var/dist" &&
	tar -xzf parley-*.tar.gz -C "$TOP/var/dist" --strip-components=1 && rm parley-*.tar.gz &&
	cd "$TOP/var/dist" && ./configure -q && make -s -j"$(nproc)" &&
	make -s install DESTDIR="$TOP/var/dist/root" &&
	root/usr/local/bin/parleyctl --help && test -e root/usr/local/lib/parley/parley.so) \
	>"$LOG/dist.log" 2>&1
status=$?
count $status $((status == 0)) $((status != 0)) "$LOG/dist.log"

section "end to end"
(cd tests/e2e && npm ci --silent --no-audit --no-fund) >"$LOG/npm.log" 2>&1 ||
	count 1 0 1 "$LOG/npm.log"
# Each file has a service of its own and mostly waits: three go side by side, the largest first.
rm -rf "$LOG/e2e" && mkdir "$LOG/e2e"
# shellcheck disable=SC2016 # it is the inner shell that expands
(cd tests/e2e && stat -c '%s %n' ./*.test.js | sort -rn | cut -d ' ' -f 2 | xargs -P 3 -I FILE \
	sh -c 'timeout 240 node --test --test-reporter=tap "$1" >"$2/$1.log" 2>&1 || {
		echo "$1 ended with $?"
		grep -A25 "^ *not ok" "$2/$1.log" || tail -n 60 "$2/$1.log"
		grep "^# " "$2/$1.log" | grep -v "^# Subtest" | tail -n 60 # what it printed itself
	} >"$2/$1.failed" 2>&1
	[ ! -e "$2/$1.failed" ]' - FILE "$LOG/e2e")
status=$?
cat "$LOG"/e2e/*.log >"$LOG/e2e.log"
cat /dev/null "$LOG"/e2e/*.failed 2>/dev/null | cut -c 1-600 >"$LOG/failed.log"
count $status "$(sum pass "$LOG/e2e.log")" "$(sum fail "$LOG/e2e.log")" "$LOG/failed.log"

printf '\n%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" = 0 ]
