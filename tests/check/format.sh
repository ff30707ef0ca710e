#!/usr/bin/env bash
# SPDX-License-Identifier: ISC
# The C sources are as clang-format 14 (Debian 12) leaves them.
# shellcheck source=tests/check/lib.sh
. "$(dirname "$0")/lib.sh"

# shellcheck disable=SC2086 # a list of words
verdict "$(tree_files '*.[ch]' $rooms tests |
	xargs clang-format --dry-run --Werror 2>&1 |
	grep -E '(error|warning):' | cut -d: -f1 | sort -u |
	sed 's/$/: run clang-format -i/')"
