-- SPDX-License-Identifier: ISC
-- What a client that starts over needs, in one snapshot.

-- One row.  `conversations` has at most `limit` of them; `next` is the cursor
-- (`before`) of the rest.
-- name: sync.get
-- params: caller, caller_role, before, limit
-- access: read
with page as materialized (
	select c.id, c.last_at,
		row_number() over (order by c.last_at desc, c.id desc) as n
	from cursor_parse($3::text, 'before') k, members m
	join conversations c on c.id = m.conversation_id
	where m.user_id = $1::text and m.left_at is null
		and (k.at is null or (c.last_at, c.id::text collate "C")
			< (k.at, k.id))
	order by c.last_at desc, c.id desc
	limit $4::integer + 1)
select
	(select row_to_json(me)
	from (select u.id, u.name, u.picture, $2::text as role
		from users u
		where u.id = $1) me) as "user",
	(select concat('[', string_agg(o.object, ',' order by p.n), ']')
	from page p, conversation_object($1, p.id) o
	where p.n <= $4)::json as conversations,
	(select cursor_format(p.last_at, p.id::text)
	from page p
	where p.n = $4 and exists (select from page where n > $4)) as next,
	(select greatest(l.floor_id, (select max(e.id) from events e))
	from event_log l) as last_event_id;
