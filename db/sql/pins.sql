-- SPDX-License-Identifier: ISC
-- Pinned messages.

-- name: pins.add
-- params: caller, caller_role, origin, message_id
select p.status as "_status", p.message as "_answer", p.event_id as "_event"
from pins_add($1::text, $2::text, $3::text, $4::uuid) p;

-- name: pins.remove
-- params: caller, caller_role, origin, message_id
select p.message as "_answer", p.event_id as "_event"
from pins_remove($1::text, $2::text, $3::text, $4::uuid) p;

-- Newest first; with those of the conversation's threads.
-- name: pins.list
-- params: caller, caller_role, conversation_uuid, channel_name, before, limit
-- access: read
with a as materialized (
	select a.id, a.visible_from, k.at, k.id as message_id
	from conversation_access($1::text, $2::text,
			coalesce($3::uuid, channel_find($4::text))) a,
		cursor_parse($5::text, 'before') k)
select m.id, m.conversation_id, m.seq, m.sender_id as "sender.id",
	u.name as "sender.name", u.picture as "sender.picture", m.type, m.text,
	m.reply_to, m.attachments, m.platform, m.created_at,
	message_more(m, $1, $2) as "_more",
	cursor_format(p.pinned_at, p.message_id::text) as "_cursor"
from a
join conversations c on c.id = a.id, lateral (
		select p.*
		from pins p
		where p.topic_id = coalesce(c.parent_id, c.id)
			and (c.parent_id is null or p.conversation_id = c.id)
			and p.seq >= a.visible_from
			and (a.at is null or (p.pinned_at,
				p.message_id::text collate "C")
				< (a.at, a.message_id))
		order by p.pinned_at desc, p.message_id desc
		limit $6::integer + 1) p
join messages m on m.id = p.message_id
left join users u on u.id = m.sender_id
order by p.pinned_at desc, p.message_id desc;
