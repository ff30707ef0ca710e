#!/usr/bin/env bash
# SPDX-License-Identifier: ISC
# Every shell script of the tree passes shellcheck.
# shellcheck source=tests/check/lib.sh
. "$(dirname "$0")/lib.sh"

scripts() {
	tree_files '*' .ci conf dev tests | while read -r file; do
		head -c 64 "$file" | head -n 1 |
			grep -aqE '^#!.*[/ ](ba|da)?sh$|^# shellcheck shell=' &&
			echo "$file"
	done || true
}

verdict "$(scripts | xargs -r shellcheck --external-sources --format=gcc || true)"
