-- SPDX-License-Identifier: ISC
-- Who is in a conversation.

-- name: members.list
-- params: caller, role, conversation_id, after, limit
-- access: read
select m.user_id as id, u.name, u.picture, m.role, m.joined_at, m.seen_upto,
	m.join_no as "_cursor"
from conversation_access($1::text, $2::text, $3::text) a,
	lateral (
		select m.user_id, m.role, m.joined_at, m.seen_upto, m.join_no
		from members m
		where m.conversation_id = a.id and m.join_no
			> coalesce(cursor_number($4::text, 'after'), 0)
		order by m.join_no
		limit $5::integer + 1) m
join users u on u.id = m.user_id
order by m.join_no;

-- `members` are those asked for, `added` the ids of the new ones among them.
-- name: members.add
-- params: caller, role, origin, conversation_id, user_ids
select r.conversation_id, r.added, r.members, r.member_count,
	r.event_id as "_event"
from members_add($1::text, $2::text, $3::text, $4::text, $5::text[]) r;

-- name: members.remove
-- params: caller, role, origin, conversation_id, user_id
select r.conversation_id, r.user_id, r.member_count, r.event_id as "_event"
from members_remove($1::text, $2::text, $3::text, $4::text, $5::text) r;
