-- SPDX-License-Identifier: ISC
-- The search.

-- Internal, once a second and after news: a step of the follower `search`.
-- name: search.follow
-- params: most, seen, wait_ms
-- class: slow
select s.turn, s.upto_id, s.events, s.behind, s.more or w.more as more
from log_follow('search', $1::integer, $2::bigint,
		make_interval(secs => $3::integer / 1000.0)) s,
	search_work(s) w(more);

-- name: messages.search
-- params: caller, caller_role, q, from, in, has, before, after, sort, cursor,
--	limit
-- access: read
-- class: slow
select f.message, f.excerpt, f.cursor as "_cursor"
from messages_search($1::text, $2::text, $3::text, $4::text, $5::text,
	$6::text, $7::timestamptz, $8::timestamptz, $9::text, $10::text,
	$11::integer) f;

-- `search_everybody` false: users find those with whom they have a conversation.
-- name: users.search
-- params: caller, caller_role, search_everybody, q, cursor, limit
-- access: read
-- class: slow
select f.id, f.name, f.picture, f.place as "_cursor"
from users_search($1::text, $4::text, $2::text = 'user' and not $3::boolean,
	$5::text, $6::integer) f;

-- name: conversations.search
-- params: caller, q, cursor, limit
-- access: read
-- class: slow
select o.object as "_answer", f.place as "_cursor"
from conversations_search($1::text, $2::text, $3::text, $4::integer) f,
	conversation_object($1, 'user', f.id) o;

-- For operators.
-- name: search.rebuild
-- params:
-- class: slow
select r.messages
from search_rebuild() r(messages);
