-- SPDX-License-Identifier: ISC
-- Reactions.  What a message shows of them is in its row.

-- name: reactions.add
-- params: caller, caller_role, origin, message_id, emoji
select r.status as "_status", r.message_id, r.conversation_id, r.emoji,
	r.reactions, r.event_id as "_event"
from reactions_add($1::text, $2::text, $3::text, $4::uuid, $5::text) r;

-- name: reactions.remove
-- params: caller, caller_role, origin, message_id, emoji
select r.message_id, r.conversation_id, r.emoji, r.reactions,
	r.event_id as "_event"
from reactions_remove($1::text, $2::text, $3::text, $4::uuid, $5::text) r;

-- By emoji, those of each in the order of time.
-- name: reactions.list
-- params: caller, caller_role, message_id, emoji, after, limit
-- access: read
select r.emoji, r.user_id as "user.id", u.name as "user.name",
	u.picture as "user.picture", r.created_at,
	cursor_format(r.created_at, r.emoji || ' ' || r.user_id) as "_cursor"
from message_readable($1::text, $2::text, $3::uuid) q(id),
	cursor_parse($5::text, 'after') k,
	lateral (
		select r.*
		from reactions r
		where r.message_id = q.id and ($4::text is null or r.emoji = $4)
			and (k.at is null or (r.emoji, r.created_at, r.user_id)
				> (split_part(k.id, ' ', 1), k.at,
					substr(k.id, strpos(k.id, ' ') + 1)))
		order by r.emoji, r.created_at, r.user_id
		limit $6::integer + 1) r
join users u on u.id = r.user_id
order by r.emoji, r.created_at, r.user_id;
