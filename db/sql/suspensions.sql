-- SPDX-License-Identifier: ISC
-- Users who are shut out.

-- name: users.suspend
-- params: caller, user_id, reason, until
select s.user_id, s.reason, s.suspended_by, s.suspended_at, s.until
from users_suspend($1::text, $2::text, $3::text, $4::timestamptz) s;

-- name: users.restore
-- params: user_id
select s.user_id, s.reason, s.suspended_by, s.suspended_at, s.until
from users_restore($1::text) s;

-- name: suspensions.get
-- params: user_id
-- access: read
select s.user_id, s.reason, s.suspended_by, s.suspended_at, s.until
from suspensions s
where s.user_id = $1::text and (s.until is null or s.until > now());

-- name: suspensions.list
-- params: before, limit
-- access: read
select s.user_id, s.reason, s.suspended_by, s.suspended_at, s.until,
	cursor_format(s.suspended_at, s.user_id) as "_cursor"
from cursor_parse($1::text, 'before') k, lateral (
		select s.*
		from suspensions s
		where (s.until is null or s.until > now()) and (k.at is null
			or (s.suspended_at, s.user_id) < (k.at, k.id))
		order by s.suspended_at desc, s.user_id desc
		limit $2::integer + 1) s
order by s.suspended_at desc, s.user_id desc;

-- Internal: all that are in force, for processes that listen.  `until` in
-- seconds since 1970, null for no end.
-- name: suspensions.all
-- params:
-- access: read
select s.user_id, ceil(extract(epoch from s.until))::bigint as until
from suspensions s
where s.until is null or s.until > now();

-- Internal, for processes that do not listen.  Batched: an array element per
-- call, for whom it is and whose token it carries.
-- name: suspensions.check
-- params: subject, identity
-- access: read
select i.ord as "_ord", s.user_id as suspended,
	ceil(extract(epoch from s.until))::bigint as until
from unnest($1::text[], $2::text[]) with ordinality i(subject, identity, ord)
left join lateral (
	select s.user_id, s.until
	from suspensions s
	where s.user_id in (i.subject, i.identity)
		and (s.until is null or s.until > now())
	limit 1) s on true
order by i.ord;
