-- SPDX-License-Identifier: ISC
-- Tickets: single use, 30 seconds, for browsers that cannot set headers.

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
	where t.hash = $1::text
	returning t.user_id, t.role, t.label, t.token_exp, t.expires_at)
select s.user_id, s.role, s.label, s.token_exp, u.name, u.picture
from spent s join users u on u.id = s.user_id
where s.expires_at > now();
