-- SPDX-License-Identifier: ISC
-- Messages to be sent at a time.

-- name: messages.schedule
-- params: caller, caller_role, origin, conversation_id, new_id, send_at, text,
--	type, language, reply_to, thread_root, attachments, mentions,
--	mention_all, platform
select s.status as "_status", s.answer as "_answer", s.event_id as "_event"
from messages_schedule($1::text, $2::text, $3::text, $4::text, $5::uuid,
	$6::timestamptz, $7::text, $8::text, $9::text, $10::uuid, $11::uuid,
	$12::uuid[], $13::text[], $14::boolean, $15::text) s;

-- name: schedule.list
-- params: caller, conversation_id, after, limit
-- access: read
select x.*, cursor_format(s.send_at, s.id::text) as "_cursor"
from cursor_parse($3::text, 'after') k, lateral (
		select s as one, s.send_at, s.id
		from scheduled s
		where s.user_id = $1::text and ($2::text is null
				or s.conversation_id = conversation_find($2))
			and (k.at is null or (s.send_at, s.id::text collate "C")
				> (k.at, k.id))
		order by s.send_at, s.id
		limit $4::integer + 1) s,
	scheduled_shown(s.one) x
order by s.send_at, s.id;

-- name: schedule.update
-- params: caller, origin, scheduled_id, text, send_at
select s.answer as "_answer", s.event_id as "_event"
from schedule_update($1::text, $2::text, $3::uuid, $4::text,
	$5::timestamptz) s;

-- name: schedule.cancel
-- params: caller, origin, scheduled_id
select s.answer as "_answer", s.event_id as "_event"
from schedule_cancel($1::text, $2::text, $3::uuid) s;

-- Internal: what every process does about once a second.  `mutes`: there are some
-- that are over, so mutes.end comes next, in a transaction of its own; `quotes`:
-- likewise quotes.renew.
-- name: schedule.run
-- params: most
select r.sent, r.failed, r.next_ms, exists (select from mute_ends e
	where e.at <= clock_timestamp()) as mutes,
	exists (select from requotes) as quotes
from schedule_run($1::integer) r;

-- name: mutes.end
-- params:
select r.ended
from mutes_end() r(ended);

-- `more`: there is more of it.
-- name: quotes.renew
-- params:
select r.more
from messages_requote() r(more);
