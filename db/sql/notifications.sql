-- SPDX-License-Identifier: ISC
-- Notifications.  The columns and `_more` are the object; notification_object
-- writes the same for events.

-- name: notifications.list
-- params: caller, unread, kind, before, limit
-- access: read
select n.id, n.kind, n.conversation_id, n.message_id, n.seq,
	case when u.id is not null then (select row_to_json(a)
		from (select u.id, u.name, u.picture) a) end as actor,
	n.count, n.silent, n.created_at, n.read_at,
	notification_more(n.one) as "_more",
	cursor_format(n.created_at, n.id::text) as "_cursor"
from cursor_parse($4::text, 'before') k, lateral (
		select n as one, n.*
		from notifications n
		where n.user_id = $1::text
			and n.created_at <= coalesce(k.at, 'infinity')
			and (n.created_at, n.id::text collate "C")
				< (coalesce(k.at, 'infinity'),
					coalesce(k.id, ''))
			and (n.read_at is null or $2::boolean is not true)
			and ($3::text is null or n.kind = $3)
		order by n.created_at desc, n.id desc
		limit $5::integer + 1) n
left join users u on u.id = n.actor_id
order by n.created_at desc, n.id desc;

-- name: notifications.count
-- params: caller
-- access: read
select coalesce(sum(x.n), 0)::bigint as unread, concat('{', string_agg(
	to_json(x.kind) || ':' || x.n, ',' order by x.kind), '}')::json
	as by_kind
from (select n.kind, count(*) as n
	from notifications n
	where n.user_id = $1::text and n.read_at is null
	group by n.kind) x;

-- name: notifications.read
-- params: caller, origin, ids, conversation_id, all
select r.read, r.unread, r.event_id as "_event"
from notifications_read($1::text, $2::text, $3::uuid[], $4::uuid,
	$5::boolean) r;

-- name: notifications.remove
-- params: caller, origin, notification_id
select r.id, r.unread, r.event_id as "_event"
from notifications_remove($1::text, $2::text, $3::uuid) r;

-- name: notifications.create
-- params: caller, caller_role, origin, user_ids, kind, title, body, url,
--	payload
select r.ids, r.event_id as "_event"
from notifications_create($1::text, $2::text, $3::text, $4::text[], $5::text,
	$6::text, $7::text, $8::text, $9::text) r;

-- Internal, after news and now and then: a step of the follower.
-- name: notifications.follow
-- params: most, seen, wait_ms
-- class: slow
select s.turn, s.upto_id, s.events, s.behind, s.more or w.more as more
from log_follow('notifications', $1::integer, $2::bigint,
		make_interval(secs => $3::integer / 1000.0)) s,
	notifications_work(s) w(more);
