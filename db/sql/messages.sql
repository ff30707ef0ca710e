-- SPDX-License-Identifier: ISC
-- Messages.  The columns from id to created_at are the message object, `_more`
-- is its end for messages that have more than most; the functions message_json
-- and message_object write the same for events.

-- `attachments` is one JSON array of upload ids per item; `echo` false keeps
-- the event from the connection it came from.
-- name: messages.send
-- params: caller, caller_role, conversation_id, new_id, text, reply_to,
--	attachments, platform, origin, echo, type, language, thread_root,
--	mentions, mention_all, via
select r.ord as "_ord", r.status as "_status", r.error as "_error",
	r.field as "_field", r.detail as "_detail", r.id, r.conversation_id,
	r.seq, r.message as "_answer", r.event_id as "_event"
from messages_send($1::text[], $2::text[], $3::text[], $4::uuid[], $5::text[],
	$6::uuid[], $7::text[], $8::text[], $9::text[], $10::boolean[],
	$11::text[], $12::text[], $13::uuid[], $14::text[], $15::boolean[],
	$16::text[]) r;

-- The history.  Each of these is a walk along the index on (conversation_id,
-- seq), in its order.  The row that visible_from is compared in is of two
-- columns for the planner's sake: of two bounds on one column it would expect a
-- row or none, and not remember the users that it has looked up.
-- A message that has more is looked up once more by its id: given as a whole,
-- each row would be copied on its way through the join, a sixth of the page.

-- Newest first.
-- name: messages.list
-- params: caller, caller_role, conversation_uuid, channel_name, before, limit
-- access: read
-- result: binary
select m.id, m.conversation_id, m.seq, m.sender_id as "sender.id",
	u.name as "sender.name", u.picture as "sender.picture", m.type, m.text,
	m.reply_to, m.attachments, m.platform, m.created_at,
	case when message_has_more(m) then (
		select message_more(x, $1::text, $2::text)
		from messages x
		where x.id = m.id) end as "_more"
from messages m
left join users u on u.id = m.sender_id
where m.conversation_id = coalesce($3::uuid, channel_find($4::text))
	and m.seq < coalesce($5::bigint, 9223372036854775807)
	and (m.conversation_id, m.seq) >= (
		select a.id, a.visible_from
		from conversation_access($1::text, $2::text,
			coalesce($3, channel_find($4))) a)
order by m.seq desc
limit $6::integer + 1;

-- Oldest first.
-- name: messages.list_after
-- params: caller, caller_role, conversation_uuid, channel_name, after, limit
-- access: read
-- result: binary
select m.id, m.conversation_id, m.seq, m.sender_id as "sender.id",
	u.name as "sender.name", u.picture as "sender.picture", m.type, m.text,
	m.reply_to, m.attachments, m.platform, m.created_at,
	case when message_has_more(m) then (
		select message_more(x, $1::text, $2::text)
		from messages x
		where x.id = m.id) end as "_more"
from messages m
left join users u on u.id = m.sender_id
where m.conversation_id = coalesce($3::uuid, channel_find($4::text))
	and m.seq > $5::bigint
	and (m.conversation_id, m.seq) >= (
		select a.id, a.visible_from
		from conversation_access($1::text, $2::text,
			coalesce($3, channel_find($4))) a)
order by m.seq
limit $6::integer + 1;

-- Half a page up to a seq and half a page after it, newest first, no next
-- page.  The seq is given, or that of a message, or of the first at a time.
-- name: messages.list_around
-- params: caller, caller_role, conversation_uuid, channel_name, around, limit,
--	around_id, at
-- access: read
-- result: binary
with a as materialized (
	select a.id, a.visible_from, coalesce($5::bigint, history_place(a.id,
		a.visible_from, $7::uuid, $8::timestamptz)) as place
	from conversation_access($1::text, $2::text,
		coalesce($3::uuid, channel_find($4::text))) a)
select m.id, m.conversation_id, m.seq, m.sender_id as "sender.id",
	u.name as "sender.name", u.picture as "sender.picture", m.type, m.text,
	m.reply_to, m.attachments, m.platform, m.created_at,
	case when message_has_more(m) then message_more(m, $1::text, $2::text)
		end as "_more"
from a, lateral (
		(select m.*
		from messages m
		where m.conversation_id = a.id and m.seq >= a.visible_from
			and m.seq <= a.place
		order by m.seq desc
		limit ($6::integer + 1) / 2)
		union all
		(select m.*
		from messages m
		where m.conversation_id = a.id and m.seq >= a.visible_from
			and m.seq > a.place
		order by m.seq
		limit $6 / 2)) m
left join users u on u.id = m.sender_id
order by m.seq desc;

-- Each of these pages with who has read its messages (`include`), in place of
-- the three.  Whose ranges lie in the page is looked up once for each member,
-- in conversations of at most 1,000; a sender has read what they wrote.
-- name: messages.list_reads
-- params: caller, caller_role, conversation_uuid, channel_name, before, after,
--	around, around_id, at, limit, include
-- access: read
-- result: binary
with a as materialized (
	select a.id, a.visible_from, case when $5::bigint is not null then 0
		when $6::bigint is not null then 1
		when coalesce($7::text, $8::text, $9::text) is null then 0
		else 2 end as way
	from conversation_access($1::text, $2::text,
		coalesce($3::uuid, channel_find($4::text))) a
	where $11::text = 'reads'),
place as materialized (
	select a.*, case when a.way = 2 then coalesce($7::bigint,
		history_place(a.id, a.visible_from, $8::uuid,
			$9::timestamptz)) end as around
	from a),
page as materialized (
	select m.one, m.seq, a.way
	from place a, lateral (
		(select m as one, m.seq
		from messages m
		where m.conversation_id = a.id and m.seq >= a.visible_from
			and a.way = 0
			and m.seq < coalesce($5, 9223372036854775807)
		order by m.seq desc
		limit $10::integer + 1)
		union all
		(select m, m.seq
		from messages m
		where m.conversation_id = a.id and m.seq >= a.visible_from
			and a.way = 1 and m.seq > $6
		order by m.seq
		limit $10 + 1)
		union all
		(select m, m.seq
		from messages m
		where m.conversation_id = a.id and m.seq >= a.visible_from
			and a.way = 2 and m.seq <= a.around
		order by m.seq desc
		limit ($10 + 1) / 2)
		union all
		(select m, m.seq
		from messages m
		where m.conversation_id = a.id and m.seq >= a.visible_from
			and a.way = 2 and m.seq > a.around
		order by m.seq
		limit $10 / 2)) m),
few as materialized (
	select c.id
	from a
	join conversations c on c.id = a.id and c.member_count <= 1000),
readers as materialized (
	select r.user_id, r.from_seq, r.upto_seq, r.read_at,
		row_number() over (order by r.read_at, r.user_id) as n
	from (select min(p.seq) as low, max(p.seq) as high
		from page p) p
	cross join few c
	join members b on b.conversation_id = c.id and b.join_no > 0
	cross join lateral (
		(select r.*
		from receipts r
		where r.conversation_id = b.conversation_id
			and r.user_id = b.user_id and r.from_seq <= p.low
		order by r.from_seq desc
		limit 1)
		union all
		(select r.*
		from receipts r
		where r.conversation_id = b.conversation_id
			and r.user_id = b.user_id and r.from_seq > p.low
			and r.from_seq <= p.high)) r
	where r.upto_seq >= p.low)
select (p.one).id, (p.one).conversation_id, p.seq,
	(p.one).sender_id as "sender.id", u.name as "sender.name",
	u.picture as "sender.picture", (p.one).type, (p.one).text,
	(p.one).reply_to, (p.one).attachments, (p.one).platform,
	(p.one).created_at,
	nullif(concat(case when message_has_more(p.one)
		then message_more(p.one, $1::text, $2::text) end,
		f.reads), '') as "_more"
from page p
left join users u on u.id = (p.one).sender_id
left join few on true
left join lateral (
	select concat(',"reads":{"count":', coalesce(max(q.of), 0),
		',"users":[', string_agg(concat('{', w.person, ',"read_at":"',
			rfc3339(greatest(q.read_at, (p.one).created_at)),
			'"}'), ',' order by q.n), ']}')
		as reads
	from (select r.user_id, r.read_at, r.n, count(*) over () as of
		from readers r
		where r.from_seq <= p.seq and r.upto_seq >= p.seq
			and r.user_id <> (p.one).sender_id
		order by r.n
		limit 20) q
	join users w on w.id = q.user_id) f on few.id is not null
order by case when p.way = 1 then p.seq else -p.seq end;

-- name: messages.get
-- params: caller, caller_role, message_id
-- access: read
select m.id, m.conversation_id, m.seq, m.sender_id as "sender.id",
	u.name as "sender.name", u.picture as "sender.picture", m.type, m.text,
	m.reply_to, m.attachments, m.platform, m.created_at,
	case when message_has_more(m) then message_more(m, $1::text, $2::text)
		end as "_more"
from messages m
join lateral conversation_right($1::text, $2::text, m.conversation_id) a
	on m.seq >= a.visible_from
left join users u on u.id = m.sender_id
where m.id = $3::uuid;

-- name: messages.edit
-- params: caller, caller_role, origin, message_id, text, mentions, mention_all,
--	language, edit_seconds
select r.message as "_answer", r.event_id as "_event"
from messages_edit($1::text, $2::text, $3::text, $4::uuid, $5::text,
	$6::text[], $7::boolean, $8::text, $9::integer) r;

-- name: messages.edits
-- params: caller, caller_role, message_id, before, limit
-- access: read
select r.number, r.text, r.language, array_to_json(r.mentions) as mentions,
	r.mention_all, r.written_at, r.number::text as "_cursor"
from edits_list($1::text, $2::text, $3::uuid,
	cursor_number($4::text, 'before'), $5::integer + 1) r;

-- name: messages.delete
-- params: caller, caller_role, origin, message_id, edit_seconds
select r.message as "_answer", r.event_id as "_event"
from messages_delete($1::text, $2::text, $3::text, $4::uuid, $5::integer) r;

-- A row for each copy; the first one has the answer.
-- name: messages.forward
-- params: caller, caller_role, origin, platform, message_id, conversation_ids,
--	ids
select r.status as "_status", r.conversation_id, r.seq, r.answer as "_answer",
	r.event_id as "_event"
from messages_forward($1::text, $2::text, $3::text, $4::text, $5::uuid,
	$6::text[], $7::uuid[]) r;
