-- SPDX-License-Identifier: ISC
-- What a client that starts over needs, in one snapshot.

-- One row.  `conversations` has at most `limit` of them; `next` is the cursor
-- (`before`) of the rest.
-- name: sync.get
-- params: caller, caller_role, before, limit
-- access: read
with page as materialized (
	select p.id, p.last_at, p.n
	from conversations_page($1::text, $3::text, $4::integer) p)
select concat('{"user":', (
		select concat('{', u.person, ',"role":"', $2::text, '"}')
		from users u
		where u.id = $1),
	',"conversations":[', (
		select string_agg(o.object, ',' order by p.n)
		from page p, conversation_object($1, $2, p.id) o
		where p.n <= $4),
	'],"next":', (
		select json_string(cursor_format(p.last_at, p.id::text))
		from (select) one
		left join page p on p.n = $4
			and exists (select from page where n > $4)),
	',"last_event_id":', (
		select greatest(l.floor_id, (select max(e.id) from events e))
		from event_log l),
	'}') as "_answer";

-- name: messages.catch_up
-- params: caller, caller_role, conversations, limit
-- access: read
select r.data, r.last_event_id
from messages_catch_up($1::text, $2::text, $3::json, $4::integer) r;
