-- SPDX-License-Identifier: ISC
-- Tickets: single use, 30 seconds, for browsers that cannot set headers.  Who
-- opened an SSE stream with one may come back with it.

-- `hash` is the SHA-256 of the ticket in lower-case hex; `token_exp` is the end
-- of the credentials in unix seconds.
-- name: tickets.create
-- params: hash, caller, caller_role, label, token_exp
insert into tickets (hash, user_id, role, label, token_exp, expires_at)
values ($1::text, $2::text, $3::text, $4::text, $5::bigint,
	least(now() + interval '30 seconds', to_timestamp($5)))
returning expires_at;

-- No row: it never was, is spent, or is too old.
-- name: tickets.redeem
-- params: hash
with spent as (
	delete from tickets t
	where t.hash = $1::text and t.holder is null
	returning t.user_id, t.role, t.label, t.token_exp, t.expires_at)
select s.user_id, s.role, s.label, s.token_exp, u.name, u.picture
from spent s join users u on u.id = s.user_id
where s.expires_at > now();

-- The first use binds the ticket to its holder, and for as long as the
-- credentials last, a day after the last change at most, it is good for who
-- holds it and comes back (`again`).  No row: as above, or another holder.
-- name: tickets.resume
-- params: hash, holder, again
with bound as (
	update tickets t
	set holder = $2::text, expires_at = least(to_timestamp(t.token_exp),
		now() + interval '24 hours')
	where t.hash = $1::text and t.expires_at > now()
		and (t.holder is null or (t.holder = $2::text and $3::boolean
			and t.expires_at < least(to_timestamp(t.token_exp),
				now() + interval '12 hours')))
	returning t.user_id, t.role, t.label, t.token_exp),
found as (
	select b.user_id, b.role, b.label, b.token_exp
	from bound b
	union
	select t.user_id, t.role, t.label, t.token_exp
	from tickets t
	where t.hash = $1::text and t.holder = $2::text and $3::boolean
		and t.expires_at > now())
select f.user_id, f.role, f.label, f.token_exp, u.name, u.picture
from found f join users u on u.id = f.user_id;

-- The credentials of its stream were renewed.
-- name: tickets.renew
-- params: hash, token_exp
update tickets t
set token_exp = $2::bigint, expires_at = least(to_timestamp($2::bigint),
	now() + interval '24 hours')
where t.hash = $1::text and t.holder is not null;

-- Its stream was closed for good.
-- name: tickets.end
-- params: hash
delete from tickets t
where t.hash = $1::text;
