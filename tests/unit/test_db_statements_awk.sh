#!/bin/sh
# SPDX-License-Identifier: ISC
# The statement compiler: what it makes of good files, what it says of bad ones.
# The $n in single quotes are meant:
# shellcheck disable=SC2016

set -u
compiler="${PARLEY_SOURCE:-.}/db/statements.awk"
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1
failed=0

compile() { # FILE...: into out and err
	LC_ALL=C ${AWK:-awk} -f "$compiler" "$@" >out 2>err
}

expect() { # FILE TEXT
	grep -qF -- "$2" "$1" && return
	echo "missing in $1: $2"
	cat "$1"
	failed=1
}

refuses() { # TEXT: bad.sql is from stdin
	cat >bad.sql
	if compile bad.sql; then
		echo "not refused: $1"
		failed=1
	fi
	expect err "$1"
}

cat >b.sql <<'EOF'
-- Prose about the file, $9 and ; in it.
-- name: messages.list
-- params: caller, conversation_id,
--   before
-- class: slow
-- access: read
-- result: binary
-- Why it is so.
select ';$7', "a;b", E'it\'s;', 'it''s' -- ;
  /* $8 ;
     still */ , $1::text, $2::uuid
where $3::int = 1; -- the end

-- name: users.get
-- params:
select 1;
EOF
cat >a.sql <<'EOF'
-- name: things.put
-- params: a
insert into things values ($1::text)
;
EOF
compile b.sql a.sql || { cat err; failed=1; }
expect out '"messages.list",'
expect out '{ "caller", "conversation_id", "before" }'
expect out "E'it\\\\'s;', 'it''s'"
expect out 'params_1, 3, true, true, true },'
expect out 'NULL, 0, false, false, false },'
expect out '*len = 3;'
order=$(grep -o '^	    "[a-z]*\.[a-z]*",' out | tr -d '", \t' | tr '\n' ' ')
if [ "$order" != "messages.list things.put users.get " ]; then
	echo "order: $order"
	failed=1
fi
if grep -q 'still\|the end\|Why' out; then
	echo "comments were kept"
	failed=1
fi
compile /dev/null || { cat err; failed=1; }
expect out '*len = 0;'

refuses 'bad.sql:3: $2 in a.b, which has 1 params' <<'EOF'
-- name: a.b
-- params: x
select $1, $2;
EOF
refuses 'bad.sql:1: param y ($2) of a.b is not used' <<'EOF'
-- name: a.b
-- params: x, y
select $1;
EOF
refuses 'bad.sql:4: statement a.b is also at bad.sql:1' <<'EOF'
-- name: a.b
-- params:
select 1;
-- name: a.b
-- params:
select 1;
EOF
refuses 'bad.sql:2: parameter x named twice' <<'EOF'
-- name: a.b
-- params: x, x
select $1, $2;
EOF
refuses 'bad.sql:1: statement a.b has no "-- params:"' <<'EOF'
-- name: a.b
select 1;
EOF
refuses 'bad.sql:3: unknown attribute "clas"' <<'EOF'
-- name: a.b
-- params:
-- clas: slow
select 1;
EOF
refuses 'bad.sql:3: result is binary or text' <<'EOF'
-- name: a.b
-- params:
-- result: json
select 1;
EOF
refuses 'bad.sql:3: class is fast or slow' <<'EOF'
-- name: a.b
-- params:
-- class: lazy
select 1;
EOF
refuses 'bad.sql:1: statement a.b has no ";"' <<'EOF'
-- name: a.b
-- params:
select 'x
EOF
refuses 'bad.sql:1: statement a.b has no SQL' <<'EOF'
-- name: a.b
-- params:
-- name: a.c
-- params:
select 1;
EOF
refuses 'bad.sql:1: SQL without "-- name:" before it' <<'EOF'
select 1;
EOF
refuses 'bad.sql:3: text after the end of statement a.b' <<'EOF'
-- name: a.b
-- params:
select 1; select 2;
EOF
refuses 'bad.sql:1: bad statement name "A"' <<'EOF'
-- name: A
-- params:
select 1;
EOF
refuses 'bad.sql:3: $ that is no parameter' <<'EOF'
-- name: a.b
-- params:
do $$ select 1 $$;
EOF

exit $failed
