-- SPDX-License-Identifier: ISC
-- Conversations.  Where a parameter is called conversation_id, it takes the
-- id or a channel's name; of conversation_uuid and channel_name one is null.

-- What is meant by the ids or names of paths, for limits by conversation; it is
-- shown to nobody.
-- name: channels.find
-- params: wanted
-- access: read
select i.ord as "_ord", c.id,
	case when c.type = 'channel' then c.name end as name
from unnest(conversations_find($1::text[])) with ordinality i(id, ord)
left join conversations c on c.id = i.id;

-- name: conversations.create
-- params: caller, caller_role, origin, type, user_id, name, member_ids,
--	access, history, announce
select r.status as "_status",
	(r.made).id, (r.made).type, (r.made).name, (r.made).access,
	(r.made).history, (r.made).announce, (r.made).created_by, (r.made).created_at,
	(r.made).last_seq, (r.made).last_activity_at, (r.made).member_count,
	(r.made).role, (r.made).last_read_seq, (r.made).unread,
	(r.made).members, (r.made).last_message,
	r.event_id as "_event"
from conversations_create($1::text, $2::text, $3::text, $4::text, $5::text,
	$6::text, $7::text[], $8::text, $9::text, $10::boolean) r;

-- name: conversations.list
-- params: caller, before, limit
-- access: read
with page as materialized (
	select c.id, c.last_at
	from cursor_parse($2::text, 'before') k, members m
	join conversations c on c.id = m.conversation_id
	where m.user_id = $1::text and m.left_at is null
		and (k.at is null or (c.last_at, c.id::text collate "C")
			< (k.at, k.id))
	order by c.last_at desc, c.id desc
	limit $3::integer + 1)
select r.id, r.type, r.name, r.access, r.history, r.announce,
	r.created_by, r.created_at,
	r.last_seq, r.last_activity_at, r.member_count, r.role,
	r.last_read_seq, r.unread, r.members, r.last_message,
	cursor_format(p.last_at, p.id::text) as "_cursor"
from page p, conversation_view($1::text, p.id) r
order by p.last_at desc, p.id desc;

-- name: conversations.get
-- params: caller, caller_role, conversation_uuid, channel_name
-- access: read
select r.id, r.type, r.name, r.access, r.history, r.announce,
	r.created_by, r.created_at,
	r.last_seq, r.last_activity_at, r.member_count, r.role,
	r.last_read_seq, r.unread, r.members, r.last_message
from conversation_view($1::text, coalesce($3::uuid, channel_find($4::text))) r
where r.id = (
	select a.id
	from conversation_access($1, $2::text, coalesce($3, channel_find($4)))
		a);

-- Which of these may the caller read?  One row for each, in order; `id` is
-- null for those that are not there or not for this caller, which look the
-- same.  `member` tells whose topic is followed anyway.
-- name: conversations.readable
-- params: caller, caller_role, conversations
-- access: read
select i.ord as "_ord", i.wanted, r.id, coalesce(r.member, false) as member
from unnest($3::text[]) with ordinality i(wanted, ord)
left join lateral conversation_right($1::text, $2::text,
	conversation_find(i.wanted)) r on true
order by i.ord;
