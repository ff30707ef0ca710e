-- SPDX-License-Identifier: ISC
-- The event log, and what a session needs to start.

-- name: events.read
-- params: after, limit
-- access: read
select e.id, e.topic, e.type, e.data, e.origin, e.skip_origin, e.effect,
	e.effect_topic, e.seq, rfc3339(e.at) as time, e.rewritten
from events e
where e.id > $1::bigint
order by e.id
limit $2::integer;

-- name: events.some
-- params: ids
-- access: read
select e.id, e.topic, e.type, e.data, e.origin, e.skip_origin, e.effect,
	e.effect_topic, e.seq, rfc3339(e.at) as time
from events e
where e.id = any ($1::bigint[])
order by e.id;

-- The events of some topics (null: of all) with after < id <= upto, oldest
-- first.  At most `limit`, and none behind that which fills `bytes` (of data,
-- and 200 for what stands around it).  The last row says `more` when there may
-- be others up to `upto`; when there is no row there are none.  Closed
-- partitions are asked topic by topic through their index, the rest is read in
-- id order.
-- The topics are compared as a hashed set, CASE keeps it from being a join.
-- name: events.replay
-- params: topics, after, upto, limit, bytes
-- access: read
with log as materialized (
	select least(indexed_upto, $3::bigint) as closed
	from event_log),
old as materialized (
	select e.id
	from log, (select distinct unnest($1::text[]) as topic) t,
		lateral (
			select e.id
			from events e
			where e.topic = t.topic and e.id > $2::bigint
				and e.id <= log.closed
			order by e.id
			limit $4::integer) e
	order by e.id
	limit $4),
recent as materialized (
	select e.id
	from events e
	where e.id > greatest($2, (select l.closed from log l
			where $1 is not null))
		and e.id <= $3
		and case when $1 is null
			or e.topic in (select unnest($1)) then true end
	order by e.id
	limit $4 - (select count(*) from old)),
page as (
	select e.id, e.topic, e.type, e.data, e.origin, e.skip_origin,
		e.effect, e.effect_topic, e.seq, e.at,
		sum(octet_length(e.data) + 200) over w
			- octet_length(e.data) - 200 as before,
		row_number() over w as nth, count(*) over () as found
	from (select id from old union all select id from recent) i
	join events e on e.id = i.id
	window w as (order by e.id))
select p.id, p.topic, p.type, p.data, p.origin, p.skip_origin, p.effect,
	p.effect_topic, p.seq, rfc3339(p.at) as time,
	p.nth < p.found or p.found >= $4 as more
from page p
where p.before < $5::bigint
order by p.id;

-- A cursor is good when floor_id <= cursor <= end_id.
-- name: events.bounds
-- params:
-- access: read
select l.floor_id,
	greatest(l.floor_id, (select max(e.id) from events e)) as end_id
from event_log l;

-- One row per user, all from one snapshot: the conversations whose topics are
-- the user's (a uuid array) and the first messages that they see there, the
-- log's bounds, and the joins and leaves after the user's cursor as a JSON array
-- of [id, effect, topic, seq], oldest first; null without any, or without a
-- cursor.
-- name: sessions.start
-- params: users, afters
-- access: read
select s.ord as "_ord", s.user_id,
	t.conversations, t.visible_from,
	b.end_id, b.floor_id, b.rewritten_id,
	case when s.after < b.end_id then (
		select array_to_json(array_agg(json_build_array(e.id,
			e.effect, e.effect_topic, e.seq) order by e.id))
		from events e
		where e.topic = 'user:' || s.user_id and e.id > s.after
			and e.effect is not null) end as effects
from unnest($1::text[], $2::bigint[]) with ordinality s(user_id, after, ord),
	lateral (
		select coalesce(array_agg(m.conversation_id), '{}')
				as conversations,
			array_agg(m.visible_from) as visible_from
		from members m
		where m.user_id = s.user_id and m.left_at is null) t,
	(select l.floor_id, l.rewritten_id,
		greatest(l.floor_id, (select max(e.id) from events e)) as end_id
	from event_log l) b;

-- No row: another process is at it.  `keep_hours` is the retention.
-- name: events.housekeeping
-- params: keep_hours, ahead
-- class: slow
select h.created, h.indexed, h.dropped, h.floor_id, h.ids_left
from events_housekeeping(make_interval(hours => $1::integer), $2::integer) h;

-- What an operator does after restoring a backup.
-- name: events.restored
-- params:
-- class: slow
select r.floor_id, r.dropped
from events_restored() r;
