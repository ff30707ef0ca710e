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
--	access, history, announce, description, image, category, visibility
select r.status as "_status", r.id, r.object as "_answer",
	r.event_id as "_event"
from conversations_create($1::text, $2::text, $3::text, $4::text, $5::text,
	$6::text, $7::text[], $8::text, $9::text, $10::boolean, $11::text,
	$12::uuid, $13::text, $14::text) r;

-- name: conversations.list
-- params: caller, before, limit, type, archived, favourite, hidden, category
-- access: read
select o.object as "_answer", cursor_format(p.last_at, p.id::text) as "_cursor"
from conversations_page($1::text, $2::text, $3::integer, $4::text,
		$5::boolean, $6::boolean, $7::boolean, $8::text) p,
	conversation_object($1, 'user', p.id) o
order by p.n;

-- name: conversations.get
-- params: caller, caller_role, conversation_uuid, channel_name
-- access: read
select o.object as "_answer"
from conversation_object($1::text, $2::text, conversation_known($1, $2,
	coalesce($3::uuid, channel_find($4::text)))) o;

-- Which of these may the caller read?  One row for each, in order; `id` is
-- null for those that are not there or not for this caller, which look the
-- same.  `member` tells whose topic is followed anyway, `visible_from` which
-- message is the first that the caller sees there.
-- name: conversations.readable
-- params: caller, caller_role, conversations
-- access: read
select i.ord as "_ord", i.wanted, r.id, coalesce(r.member, false) as member,
	r.visible_from,
	greatest(l.floor_id, (select max(e.id) from events e)) as end_id
from event_log l, unnest($3::text[]) with ordinality i(wanted, ord)
left join lateral conversation_right($1::text, $2::text,
	conversation_find(i.wanted)) r on true
order by i.ord;

-- name: conversations.update
-- params: caller, caller_role, origin, conversation_id, given, name,
--	description, image, category, visibility, history, access
select r.object as "_answer", r.event_id as "_event"
from conversations_update($1::text, $2::text, $3::text, $4::text, $5::text[],
	$6::text, $7::text, $8::uuid, $9::text, $10::group_visibility,
	$11::history_kind, $12::channel_access) r;

-- name: conversations.settings
-- params: caller, caller_role, origin, conversation_id, given, muted,
--	muted_until, archived, favourite, nickname, level, hidden
select r.kept as "_answer", r.event_id as "_event"
from conversations_settings($1::text, $2::text, $3::text, $4::text, $5::text[],
	$6::boolean, $7::timestamptz, $8::boolean, $9::boolean, $10::text,
	$11::notification_level, $12::boolean) r;

-- name: conversations.clear
-- params: caller, caller_role, origin, conversation_id
select r.cleared as "_answer", r.event_id as "_event"
from conversations_clear($1::text, $2::text, $3::text, $4::text) r;

-- name: conversations.discover
-- params: caller, search, category, before, limit
-- access: read
select discovery_json(c.id, c.type, conversation_said(c.name, c.description,
		c.image_id, c.category, c.visibility, c.access, c.history),
		c.member_count, m.user_id is not null) as "_answer",
	concat(d.n, '_', d.id) as "_cursor"
from conversations_discover($1::text, $2::text, $3::text, $4::text,
	$5::integer + 1) with ordinality d(id, n, ord)
join conversations c on c.id = d.id
left join members m on m.conversation_id = c.id and m.user_id = $1
	and m.left_at is null
order by d.ord;

-- name: conversations.delete
-- params: caller, caller_role, origin, conversation_id
select r.conversation_id, r.event_id as "_event"
from conversations_delete($1::text, $2::text, $3::text, $4::text) r;
