#!/usr/bin/env bash
# SPDX-License-Identifier: ISC
# Who may include whom: the rooms' arrows, and the headers of libraries.
# shellcheck source=tests/check/lib.sh
. "$(dirname "$0")/lib.sh"

libc='(aio|assert|ctype|dirent|dlfcn|endian|errno|fcntl|fnmatch|ftw|getopt|glob'
libc+='|grp|inttypes|libgen|limits|locale|math|netdb|poll|pthread|pwd|regex|sched'
libc+='|signal|spawn|std[a-z]+|string|strings|syslog|termios|time|unistd'
libc+='|(sys|netinet|arpa|linux|asm|net)/[a-z0-9_/-]+)\.h'

may_include() { # ROOM: rooms it may include
	case $1 in
	base) echo 'base' ;;
	db) echo 'base|db' ;;
	push) echo 'base|push' ;;
	upload) echo 'base|db|upload' ;;
	api) echo 'base|db|push|upload|api' ;;
	esac
}

# Foreign headers by file.  Kore's are for the file that joins its loop and for
# the files of its door; libfcgi's for the FastCGI door and main file.
may_use() { # FILE
	case $1 in
	db/loop_kore.[ch]) echo 'libpq-fe\.h|kore/.*' ;;
	db/*) echo 'libpq-fe\.h' ;;
	push/*) echo 'openssl/.*|zlib\.h' ;;
	upload/unpack.c) echo 'zlib\.h' ;;
	upload/*) echo 'magic\.h|vips/.*|gmodule\.h|seccomp\.h|curl/.*|openssl/.*' ;;
	api/door_kore*.[ch] | api/kore_*.[ch] | api/main_kore*.[ch])
		echo 'jansson\.h|kore/.*' ;;
	api/door_fastcgi*.[ch] | api/main_fcgi*.[ch])
		echo 'jansson\.h|fcgi.*\.h' ;;
	api/*) echo 'jansson\.h|jwt\.h|openssl/.*' ;;
	*) echo 'nothing' ;;
	esac
}

complain() { # FILE
	local file=$1 ours theirs
	ours="\"(($(may_include "${1%%/*}"))/[a-z0-9_]+|config)\\.h\""
	theirs="<($libc|$(may_use "$1"))>"
	grep -nE '^[[:space:]]*#[[:space:]]*include' "$file" |
		grep -vE "include[[:space:]]*($ours|$theirs)" |
		sed "s|^|$file:|; s|\$|   (not in this room)|" || true
	grep -nE 'include[[:space:]]*"[a-z]+/[a-z0-9_]+_private\.h"' "$file" |
		grep -v "\"${file%%/*}/" |
		sed "s|^|$file:|; s|\$|   (private to another room)|" || true
}

# shellcheck disable=SC2086 # a list of words
verdict "$(tree_files '*.[ch]' $rooms | while read -r file; do
	complain "$file"
done)"
