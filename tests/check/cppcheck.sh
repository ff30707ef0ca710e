#!/usr/bin/env bash
# SPDX-License-Identifier: ISC
# cppcheck over the rooms.
# shellcheck source=tests/check/lib.sh
. "$(dirname "$0")/lib.sh"

# Only the headers whose macros are loops: all of them would take minutes.
header() {
	echo "#include <$1>" | ${CC:-cc} -M -x c - | tr ' ' '\n' | grep "/$1\$"
}
queue_h=$(header sys/queue.h)
jansson_h=$(header jansson.h)

# Left out: readdir(3) in a process without threads; strings whose end is looked
# for before a limit on them.
# shellcheck disable=SC2086 # a list of words
verdict "$(cppcheck --quiet --std=c11 --language=c --inline-suppr -j 2 \
	--enable=warning,performance,portability --template=gcc \
	--library=posix,gnu -D_GNU_SOURCE -I. --max-configs=2 \
	--suppress=readdirCalled --suppress=arrayIndexThenCheck \
	--include="$queue_h" --suppress="*:$queue_h" \
	--include="$jansson_h" --suppress="*:$jansson_h" $rooms 2>&1 |
	grep -E '(error|warning|performance|portability):' || true)"
