-- SPDX-License-Identifier: ISC
-- Who is there.

-- As they were last told of, so that this and the events never contradict each
-- other.  One's own is as one's own connections were told; of those who have
-- blocked the caller, or whom the caller has blocked, there is nothing to see; and
-- when they were last there only of those with whom a small conversation is
-- shared, as presence_shared says of two.
-- name: presence.get
-- params: caller, caller_role, user_ids
with small as materialized (
	select m.conversation_id
	from members m
	join conversations c on c.id = m.conversation_id
		and c.member_count <= 200
	where m.user_id = $1::text and m.left_at is null)
select coalesce(array_to_json(array_agg(coalesce(
		case when u.id = $1 then p.own
			when blocks_between(u.id, $1) then null
			when $2::text <> 'user' or exists (
				select from members o
				where o.user_id = u.id and o.left_at is null
					and o.conversation_id in (
						select s.conversation_id
						from small s)) then p.told
			else presence_glimpse(p.told) end,
		presence_nobody(u.id))::json order by i.ord)), '[]') as data
from unnest($3::text[]) with ordinality i(id, ord)
join users u on u.id = i.id
left join presence p on p.user_id = u.id;

-- name: presence.set
-- params: caller, state, status_text, status_emoji, status_seconds, activity_type, activity_name
select p.chosen as state, p.status_text, p.status_emoji, p.status_until,
	p.activity_type, p.activity_name
from presence_set($1::text, $2::text, $3::text, $4::text, $5::bigint,
	$6::text, $7::text) p;

-- Internal, gathered: users who did something.
-- name: presence.touch
-- params: users
select r.touched
from presence_touch($1::text[]) r(touched);

-- Internal, once a second: see presence_tick.  `away_s` null: nobody is away for
-- idling.
-- name: presence.tick
-- params: grace_s, away_s, most, deliveries
-- class: slow
select r.looked, r.told, r.more, r.lookers
from presence_tick(make_interval(secs => $1::integer),
	make_interval(secs => $2::integer), $3::integer, $4::bigint) r;

-- Internal, after a tick that wrote something: see presence_news_tell.
-- name: presence.tell
-- params:
-- class: slow
select r.told
from presence_news_tell() r(told);
