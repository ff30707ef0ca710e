-- SPDX-License-Identifier: ISC
-- Users whom the caller has blocked.

-- name: blocks.list
-- params: caller, before, limit
-- access: read
select u.id, u.name, u.picture, b.created_at as blocked_at,
	cursor_format(b.created_at, b.blocked_id) as "_cursor"
from cursor_parse($2::text, 'before') k, lateral (
		select b.*
		from blocks b
		where b.user_id = $1::text and (k.at is null
			or (b.created_at, b.blocked_id) < (k.at, k.id))
		order by b.created_at desc, b.blocked_id desc
		limit $3::integer + 1) b
join users u on u.id = b.blocked_id
order by b.created_at desc, b.blocked_id desc;

-- name: blocks.add
-- params: caller, caller_role, origin, user_id
select b.status as "_status", b.id, b.name, b.picture, b.blocked_at,
	b.event_id as "_event"
from blocks_add($1::text, $2::text, $3::text, $4::text) b;

-- name: blocks.remove
-- params: caller, origin, user_id
select b.user_id, b.event_id as "_event"
from blocks_remove($1::text, $2::text, $3::text) b;
