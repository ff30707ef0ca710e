-- SPDX-License-Identifier: ISC
-- Threads: what hangs on a message.  The replies themselves are read with
-- messages.list on the thread's id.

-- Of any message in it: the root or a reply.
-- name: threads.get
-- params: caller, caller_role, message_id
-- access: read
select thread_object($1::text, $2::text, m.id) as "_answer"
from messages i
join messages m on m.id = coalesce(i.thread_root, i.id)
join lateral conversation_right($1, $2, m.conversation_id) r
	on m.seq >= r.visible_from
where i.id = $3::uuid;

-- Those that the caller follows and may still see, newest activity first.
-- name: threads.list
-- params: caller, caller_role, before, limit
-- access: read
with page as materialized (
	select t.*
	from cursor_parse($3::text, 'before') k, lateral (
		select t.id, t.root_id, t.last_at
		from followers f
		join conversations t on t.id = f.thread_id
		join conversations p on p.id = t.parent_id
			and p.deleted_at is null
		join members m on m.conversation_id = t.parent_id
			and m.user_id = f.user_id and m.left_at is null
			and m.visible_from <= t.root_seq
		where f.user_id = $1::text and f.followed
			and (k.at is null or (t.last_at, t.id::text collate "C")
				< (k.at, k.id))
		order by t.last_at desc, t.id desc
		limit $4::integer + 1) t)
select thread_object($1, $2::text, p.root_id) as "_answer",
	cursor_format(p.last_at, p.id::text) as "_cursor"
from page p
order by p.last_at desc, p.id desc;

-- name: threads.follow
-- params: caller, caller_role, origin, message_id
select r.object as "_answer", r.event_id as "_event"
from threads_choose($1::text, $2::text, $3::text, $4::uuid, true) r;

-- name: threads.unfollow
-- params: caller, caller_role, origin, message_id
select r.object as "_answer", r.event_id as "_event"
from threads_choose($1::text, $2::text, $3::text, $4::uuid, false) r;

-- name: threads.mark
-- params: caller, caller_role, origin, message_id, seq, unread
select r.object as "_answer", r.event_id as "_event"
from threads_mark($1::text, $2::text, $3::text, $4::uuid, $5::bigint,
	coalesce($6::boolean, false)) r;
