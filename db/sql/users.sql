-- SPDX-License-Identifier: ISC
-- People, mirrored from the host application.

-- Called once per process and token content: what a token's claims say.  Null
-- claims change nothing; nor does a claim once a back end has put the user.
-- Batched: an array element per token.
-- name: users.see
-- params: id, name, picture, label
select u.ord as "_ord", u.id, u.changed
from users_see($1::text[], $2::text[], $3::text[], $4::text[]) u;

-- name: users.put
-- params: user_id, name, picture
select u.status as "_status", u.id, u.name, u.picture, u.created_at,
	u.updated_at, u.event_id as "_event"
from users_put($1::text, $2::text, $3::text) u;

-- `users` is a JSON array of up to 1000 {"id", "name", "picture"}.
-- name: users.put_many
-- params: users
select u.created, u.updated, u.unchanged, u.event_id as "_event"
from users_put_many($1::json) u;

-- name: users.get
-- params: user_id
-- access: read
select u.id, u.name, u.picture, u.created_at, u.updated_at
from users u
where u.id = $1::text;

-- name: me.get
-- params: caller, caller_role
-- access: read
select u.id, u.name, u.picture, $2::text as role, u.label, u.created_at,
	u.updated_at
from users u
where u.id = $1::text;
