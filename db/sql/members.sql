-- SPDX-License-Identifier: ISC
-- Who is in a conversation.

-- name: members.list
-- params: caller, caller_role, conversation_uuid, channel_name, after, limit
-- access: read
with here as materialized (
	select a.id, (
		select receipts_shown(c.member_count, c.announce)
		from conversations c where c.id = a.id) as receipts
	from conversation_access($1::text, $2::text,
		coalesce($3::uuid, channel_find($4::text))) a)
select m.user_id as id, u.name, u.picture, m.nickname, m.role, m.joined_at,
	case when (select h.receipts from here h) then m.seen_upto end
		as seen_upto,
	case when (select h.receipts from here h)
		then greatest(m.seen_upto, m.delivered_upto) end
		as delivered_upto,
	m.join_no as "_cursor"
from members m
join users u on u.id = m.user_id
where m.conversation_id = (select h.id from here h)
	and m.join_no > case when $5::text is null then 0
		else cursor_number($5, 'after') end
order by m.join_no
limit $6::integer + 1;

-- `members` are those asked for, `added` the ids of the new ones among them.
-- name: members.add
-- params: caller, caller_role, origin, conversation_id, user_ids
select r.conversation_id, r.added, r.members, r.member_count,
	r.event_id as "_event"
from members_add($1::text, $2::text, $3::text, $4::text, $5::text[]) r;

-- name: members.update
-- params: caller, caller_role, origin, conversation_id, user_id, role
select r.member as "_answer", r.event_id as "_event"
from members_update($1::text, $2::text, $3::text, $4::text, $5::text,
	$6::member_role) r;

-- name: members.remove
-- params: caller, caller_role, origin, conversation_id, user_id
select r.conversation_id, r.user_id, r.member_count, r.event_id as "_event"
from members_remove($1::text, $2::text, $3::text, $4::text, $5::text) r;
