#!/usr/bin/env bash
# SPDX-License-Identifier: ISC
# template.sh DIR PARLEYCTL: makes DIR/data, a stopped PostgreSQL cluster that tests copy
# instead of making their own: database parley is migrated, database postgres is empty.
# Without a PostgreSQL there is none, and what needs one is skipped.
set -euo pipefail
dir=$1 parleyctl=$2
bin=${PG_BINDIR:-/usr/lib/postgresql/15/bin}
[ -x "$bin/initdb" ] || exit 0
migrations=$(cd "$(dirname "$0")/../../migrations" && pwd)

# Made where its owner may enter, who is postgres for root.
place=$(mktemp -d "${TMPDIR:-/tmp}/parley-db-XXXXXX")
as_owner=()
if [ "$(id -u)" = 0 ]; then
	chown postgres: "$place"
	as_owner=(setpriv --reuid postgres --regid postgres --init-groups)
fi

pg() { # PROGRAM ARGUMENTS
	(cd / && "${as_owner[@]}" "$bin/$1" "${@:2}") >>"$place/log" 2>&1 </dev/null
}

finish() {
	local status=$?
	[ ! -e "$place/data/postmaster.pid" ] || pg pg_ctl -D "$place/data" -m immediate -w stop || true
	[ $status = 0 ] || cat "$place"/log "$place"/server >&2
	rm -rf "$place"
}
trap finish EXIT

pg initdb -D "$place/data" -U parley -A trust -E UTF8 --locale=C.UTF-8 --no-sync --no-instructions
pg pg_ctl -D "$place/data" -w -t 60 -l "$place/server" \
	-o "-c listen_addresses='' -c fsync=off -c unix_socket_directories='$place'" start
pg createdb -h "$place" -U parley parley
PARLEY_DATABASE_URL="host=$place user=parley dbname=parley" \
	"$parleyctl" migrate --dir "$migrations" >>"$place/log" 2>&1
pg pg_ctl -D "$place/data" -m fast -w stop

rm -rf "$dir"
mkdir -p "$dir"
cp -a "$place/data" "$dir/data"
touch "$dir/made"
