# shellcheck shell=bash
# SPDX-License-Identifier: ISC
# Sourced by the checks: goes to the top of the tree, prints the verdict.
#
# PARLEY_BUILD names the build directory (./build unless set), CC the compiler.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
check_name=$(basename "$0" .sh)
# shellcheck disable=SC2034 # read by the checks
rooms="base db push upload api"
# shellcheck disable=SC2034 # read by the checks
build=${PARLEY_BUILD:-$PWD/build}

# verdict COMPLAINTS: ok when there are none.  A caller prints what is longer
# than a line before it.
verdict() {
	if [ -z "$1" ]; then
		echo "ok $check_name"
		exit 0
	fi
	printf '%s\n' "$1"
	echo "FAIL $check_name: ${2:-$(printf '%s\n' "$1" | wc -l) complaints}"
	exit 1
}

# Files of the tree below the given places whose names match a pattern; what
# was installed or built there is left out.
tree_files() {
	local pattern=$1
	shift
	find "$@" \( -name node_modules -o -name .git -o -name var -o \
		-name 'build*' \) -prune -o -type f -name "$pattern" -print | sort
}
