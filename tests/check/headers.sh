#!/usr/bin/env bash
# SPDX-License-Identifier: ISC
# Each header compiles alone, and twice.
# shellcheck source=tests/check/lib.sh
. "$(dirname "$0")/lib.sh"

flags="-std=c11 -D_GNU_SOURCE -Wall -Wextra -Werror -I. $(
	pkg-config --cflags libpq jansson libjwt fcgi vips libmagic libseccomp | sed 's/-I/-isystem /g'
) $(sed 's/-I/-isystem /g' /usr/share/kore/features)"

alone() {
	# shellcheck disable=SC2086 # flags are words
	${CC:-cc} $flags -include "$1" -include "$1" -fsyntax-only -x c /dev/null 2>&1 |
		grep -m 1 'error' || true
}

# shellcheck disable=SC2086 # a list of words
verdict "$(tree_files '*.h' $rooms tests | while read -r file; do
	alone "$file"
done)"
