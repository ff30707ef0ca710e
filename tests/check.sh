#!/usr/bin/env bash
# SPDX-License-Identifier: ISC
# Every test: the C parts plainly and under ASan/UBSan, the static checks, a distribution built
# and installed from its tarball, end to end.  The last line is the sum.
#
# Tests mostly wait, compilers never do: what only computes goes aside, behind the tests.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
TOP=$PWD
LOG=$TOP/var/check
mkdir -p "$LOG"
passed=0 failed=0

# The tests' databases and files are in memory where there is plenty.  A disk has nothing to
# say about them, but takes longer to make and remove some hundred thousand files.
roomy() { # DIR: 6 GiB of it are free, and as much memory
	[ -w "$1" ] && awk '$1 == "MemAvailable:" { exit $2 < 6291456 }' /proc/meminfo &&
		[ "$(df --output=avail "$1" | tail -n 1)" -ge 6291456 ]
}
if roomy /dev/shm; then
	TEST_RAM=$(mktemp -d /dev/shm/parley-XXXXXX)
	chmod 755 "$TEST_RAM"
	export TEST_RAM
fi

aside_pid=
leave() {
	[ -z "$aside_pid" ] || kill -TERM -- "-$aside_pid" 2>/dev/null
	[ -z "${TEST_RAM:-}" ] || rm -rf "$TEST_RAM"
}
trap leave EXIT
trap 'exit 1' INT TERM

section() { printf '\n==> %s (after %d:%02d)\n' "$1" $((SECONDS / 60)) $((SECONDS % 60)); }

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

configured() { # DIR CONFIGURE-ARGUMENTS
	local dir=$1
	shift
	mkdir -p "$dir"
	{ [ -e "$dir/config.status" ] && [ ! configure -nt "$dir/config.status" ]; } ||
		(cd "$dir" && "$TOP/configure" -q --enable-werror "$@")
}

# Without the checks of the tree, which are run once, and with more tests than processors,
# since they wait.
c_tests() { # DIR
	local dir=$1 log=$LOG/${1##*/}.log status
	TMPDIR=${TEST_RAM:-${TMPDIR:-/tmp}} \
		make -s -j$((2 * $(nproc))) -C "$dir" check TREE_CHECKS= >"$log" 2>&1
	status=$?
	count $status "$(sum PASS "$log")" "$(($(sum FAIL "$log") + $(sum ERROR "$log")))" "$log"
	for log in "$dir"/tests/*/*.log; do
		grep -qs '^FAIL\|exit status: [1-9]' "$log" && tail -n 25 "$log" | sed 's/^/    /'
	done
}

# What only computes, each part with its log and its exit status in var/check/.
distribution() {
	cd build && make -s dist-gzip && rm -rf "$TOP/var/dist" && mkdir -p "$TOP/var/dist" &&
		tar -xzf parley-*.tar.gz -C "$TOP/var/dist" --strip-components=1 && rm parley-*.tar.gz &&
		cd "$TOP/var/dist" && ./configure -q CFLAGS=-O0 && make -s -j"$(nproc)" &&
		make -s install DESTDIR="$TOP/var/dist/root" &&
		root/usr/local/bin/parleyctl --help && test -e root/usr/local/lib/parley/parley.so
}

sanitized() {
	configured "$TOP/build-asan" --enable-sanitizers CFLAGS='-O1 -g' &&
		make -s -j"$(nproc)" -C "$TOP/build-asan" check TESTS=
}

part() { # NAME COMMAND...
	("${@:2}") >"$LOG/$1.log" 2>&1
	echo $? >"$LOG/$1.status"
}

parts() {
	part sanitized sanitized
	part static tests/check/run.sh
	part dist distribution
}

# In a session of its own, which gives way to the tests' sessions.
aside() {
	rm -f "$LOG"/*.status
	export -f configured distribution sanitized part parts
	export TOP LOG
	setsid bash -c 'echo 19 >/proc/self/autogroup; renice -n 19 $$ >&2; parts' >/dev/null 2>&1 &
	aside_pid=$!
}

section "building"
./dev build || { echo "0 passed, 1 failed"; exit 1; }
aside

section "C tests"
c_tests "$TOP/build"

section "end to end"
(cd tests/e2e && npm ci --silent --no-audit --no-fund) >"$LOG/npm.log" 2>&1 ||
	count 1 0 1 "$LOG/npm.log"
# Each file has a service of its own and mostly waits: two for a processor, the largest first.
rm -rf "$LOG/e2e" && mkdir "$LOG/e2e"
# shellcheck disable=SC2016 # it is the inner shell that expands
(cd tests/e2e && stat -c '%s %n' ./*.test.js | sort -rn | cut -d ' ' -f 2 | xargs -P $((2 * $(nproc))) -I FILE \
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

wait "$aside_pid"
aside_pid=

section "static checks"
count "$(cat "$LOG/static.status")" "$(grep -c '^ok ' "$LOG/static.log")" \
	"$(grep -c '^FAIL ' "$LOG/static.log")" "$LOG/static.log"

section "distribution tarball"
status=$(cat "$LOG/dist.status")
count "$status" $((status == 0)) $((status != 0)) "$LOG/dist.log"

section "C tests under ASan and UBSan"
if [ "$(cat "$LOG/sanitized.status")" = 0 ]; then
	c_tests "$TOP/build-asan"
else
	count 1 0 1 "$LOG/sanitized.log"
fi

section "all"
printf '\n%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" = 0 ]
