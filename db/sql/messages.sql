-- SPDX-License-Identifier: ISC
-- Messages.  The columns from id to created_at are the message object; the
-- function message_json writes the same for events.

-- `attachments` is one JSON array of upload ids per item; `echo` false keeps
-- the event from the connection it came from.
-- name: messages.send
-- params: caller, role, conversation_id, id, text, reply_to, attachments,
--	platform, origin, echo
select r.ord as "_ord", r.status as "_status", r.error as "_error",
	r.field as "_field", r.detail as "_detail", r.id, r.conversation_id,
	r.seq, r.sender_id as "sender.id", r.sender_name as "sender.name",
	r.sender_picture as "sender.picture", r.type, r.text, r.reply_to,
	r.attachments, r.platform, r.created_at, r.event_id as "_event"
from messages_send($1::text[], $2::text[], $3::text[], $4::uuid[], $5::text[],
	$6::uuid[], $7::text[], $8::text[], $9::text[], $10::boolean[]) r;

-- Newest first, with `after` oldest first.  `around` a seq: half a page up to
-- it and half a page after it, newest first, no next page.
-- name: messages.list
-- params: caller, role, conversation_id, before, after, around, limit
-- access: read
select m.id, m.conversation_id, m.seq, m.sender_id as "sender.id",
	u.name as "sender.name", u.picture as "sender.picture", m.type, m.text,
	m.reply_to, m.attachments, m.platform, m.created_at,
	m.seq as "_cursor"
from conversation_access($1::text, $2::text, $3::text) a,
	lateral (
		(select m.*
		from messages m
		where m.conversation_id = a.id and m.seq >= a.visible_from
			and m.seq < coalesce($4::bigint, $6::bigint + 1,
				9223372036854775807)
		order by m.seq desc
		limit case when $4 is null and $5::bigint is not null then 0
			when $4 is null and $6 is not null
				then ($7::integer + 1) / 2
			else $7 + 1 end)
		union all
		(select m.*
		from messages m
		where m.conversation_id = a.id and m.seq >= a.visible_from
			and m.seq > coalesce($5, $6)
		order by m.seq
		limit case when $4 is not null then 0
			when $5 is not null then $7 + 1
			when $6 is not null then $7 / 2 else 0 end)) m
left join users u on u.id = m.sender_id
order by case when $4 is null and $5 is not null then m.seq else -m.seq end;

-- name: messages.get
-- params: caller, role, message_id
-- access: read
select m.id, m.conversation_id, m.seq, m.sender_id as "sender.id",
	u.name as "sender.name", u.picture as "sender.picture", m.type, m.text,
	m.reply_to, m.attachments, m.platform, m.created_at
from messages m
join lateral conversation_right($1::text, $2::text, m.conversation_id) a
	on m.seq >= a.visible_from
left join users u on u.id = m.sender_id
where m.id = $3::uuid;
