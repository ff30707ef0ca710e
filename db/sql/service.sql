-- SPDX-License-Identifier: ISC
-- The service itself: figures, tidying.

-- name: stats.summary
-- params:
-- access: read
-- class: slow
select (select count(*) from users) as users,
	(select row_to_json(x)
	from (select count(*) as total,
			count(*) filter (where c.type = 'direct') as direct,
			count(*) filter (where c.type = 'group') as "group",
			count(*) filter (where c.type = 'channel') as channel
		from conversations c
		where c.parent_id is null and c.deleted_at is null) x)
		as conversations,
	-- seq has no gaps: the last one is the number of messages.
	(select coalesce(sum(c.last_seq), 0)::bigint
	from conversations c) as messages,
	(select row_to_json(x)
	from (select coalesce(sum(p.n), 0) as total,
			(select count(distinct c.user_id)
			from processes p
			join connections c on c.process = p.id
			where c.disconnected_at is null) as users,
			concat('{', string_agg(
				to_json(p.platform) || ':' || p.n, ','
				order by p.platform), '}')::json as by_platform
		from (select coalesce(c.platform, 'other') as platform,
				count(*) as n
			from processes p
			join connections c on c.process = p.id
			where c.disconnected_at is null
			group by 1) p) x) as connections,
	(select row_to_json(x)
	from (select count(*) filter (where p.shown = 'online') as online,
			count(*) filter (where p.shown = 'away') as away,
			count(*) filter (where p.shown = 'dnd') as dnd,
			count(*) filter (where p.up
				and p.chosen = 'invisible') as invisible
		from presence p) x) as presence;

-- Internal, every few minutes: drops what has had its day, a bounded number of
-- rows a call.  `more`: call again soon.
-- name: tidy.run
-- params: connection_days
select r.tickets, r.keys, r.connections, r.messages, r.mutes, r.more
from tidy_run(make_interval(days => $1::integer)) r;
