#!/usr/bin/env bash
# SPDX-License-Identifier: ISC
# Runs every check of this directory; names as arguments run only those.
set -uo pipefail
cd "$(dirname "$0")" || exit 1

status=0
for check in *.sh; do
	case $check in lib.sh | run.sh) continue ;; esac
	[ $# = 0 ] || [[ " $* " == *" ${check%.sh} "* ]] || continue
	./"$check" || status=1
done
exit $status
