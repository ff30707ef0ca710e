-- SPDX-License-Identifier: ISC
-- Presence: who is there, as others see it.
--
-- The truth is in `connections` and in what users have chosen.  Whatever changes
-- one of them puts the user into `presence_due`; presence_tick, which one process
-- runs once a second, looks at those whose time has come, writes what is so now
-- and tells those who care.  So a reconnect within the grace is never seen, a
-- user who changes ten times a second is told of once, and a thousand who come
-- back at once are not a thousand small transactions.
--
-- Locks are taken in this order: presence_due, presence; in each by user.

-- `chosen`: online means by itself, that is online or, after idling, away.
-- `active_at`: the user's last doing, to a minute.  `up` (connected), `devices`,
-- `shown` (the state) and `told` (the whole object): as others were last told;
-- `own`: as the user's own connections were.  `last_seen` is when `shown` became
-- offline, which for an invisible user is when they chose to be.
create table presence (
	user_id text collate "C" primary key
		references users on delete cascade,
	chosen text not null default 'online'
		check (chosen in ('online', 'away', 'dnd', 'invisible')),
	status_text text check (length(status_text) between 1 and 100),
	status_emoji text check (length(status_emoji) between 1 and 32),
	status_until timestamptz,
	activity_type text,
	activity_name text check (length(activity_name) between 1 and 128),
	up boolean not null default false,
	devices text[] not null default '{}',
	active_at timestamptz not null default now(),
	last_seen timestamptz,
	shown text not null default 'offline',
	told text,
	own text,
	check ((activity_type is null) = (activity_name is null))
) with (fillfactor = 70);

-- When to look at a user next, and when one of their connections has ended of
-- late.  No foreign key: a user who is gone is skipped.
create table presence_due (
	user_id text collate "C" primary key,
	at timestamptz not null,
	gone timestamptz
);
create index presence_due_at on presence_due (at);

-- Has these users looked at by the next tick; p_gone: when a connection of the
-- user in the same place ended, if one did.
create function presence_look(p_users text[],
	p_gone timestamptz[] default null) returns void
language plpgsql
as $$
begin
	insert into presence_due as d (user_id, at, gone)
	select i.id collate "C", now(), max(i.gone)
	from unnest(p_users, p_gone) i(id, gone)
	where i.id is not null
	group by 1
	order by 1
	on conflict (user_id) do update set at = least(d.at, excluded.at),
		gone = greatest(d.gone, excluded.gone);
end $$;

create function presence_json(p_user_id text, p_state text,
	p_last_seen timestamptz, p_status_text text, p_status_emoji text,
	p_status_until timestamptz, p_activity_type text,
	p_activity_name text, p_devices text[]) returns text
language sql stable
as $$
select concat('{"user_id":', to_json(p_user_id), ',"state":"', p_state,
	'","last_seen":', coalesce('"' || rfc3339(p_last_seen) || '"', 'null'),
	',"status":', case when p_status_text is null
			and p_status_emoji is null then 'null'
		else concat('{"text":',
			coalesce(to_json(p_status_text)::text, 'null'),
			',"emoji":',
			coalesce(to_json(p_status_emoji)::text, 'null'),
			',"until":', coalesce(
				'"' || rfc3339(p_status_until) || '"', 'null'),
			'}') end,
	',"activity":', case when p_activity_type is null then 'null'
		else concat('{"type":"', p_activity_type,
			'","name":', to_json(p_activity_name), '}') end,
	',"devices":', array_to_json(p_devices), '}')
$$;

-- A user of whom nothing was told yet.
create function presence_nobody(p_user_id text) returns text
language sql stable
as $$
select presence_json(p_user_id, 'offline', null, null, null, null, null, null,
	'{}')
$$;

-- What is so now: of each user the columns of `presence` as they should be, and
-- when to look again (null: when something happens); `news`: others or the user's
-- own connections have not been told.  For p_grace after the end of
-- a connection all is as if it went on.  Coming online is a doing; coming back is
-- none, since devices do that by themselves.
create function presence_find(p_users text[], p_at timestamptz,
	p_grace interval, p_away interval)
returns table (user_id text, up boolean, devices text[],
	active_at timestamptz, last_seen timestamptz, shown text, told text,
	own text, changed boolean, news boolean, next timestamptz)
language sql stable
as $$
select p.user_id, g.up, g.devices, a.active_at, l.last_seen, s.shown, t.told,
	t.own, (t.told, t.own, g.up) is distinct from (p.told, p.own, p.up),
	(t.told, t.own) is distinct from
		(coalesce(p.told, presence_nobody(p.user_id)),
		coalesce(p.own, presence_nobody(p.user_id))),
	least(case when g.fresh then d.gone + p_grace end,
		case when w.state = 'online' then a.active_at + p_away end,
		case when p.status_until > p_at then p.status_until end)
from presence p
join presence_due d on d.user_id = p.user_id,
	lateral (
		select count(*) > 0 as up,
			coalesce(array_agg(distinct case when o.platform in
					('web', 'flutter', 'ios', 'android',
					'desktop', 'laravel')
				then o.platform else 'other' end), '{}')
				as devices
		from connections o
		where o.user_id = p.user_id and o.disconnected_at is null) c,
	lateral (
		select f.fresh, c.up or (f.fresh and p.up) as up,
			case when f.fresh then array(
				select distinct unnest(c.devices || p.devices)
				order by 1)
			else c.devices end as devices
		from (select d.gone > p_at - p_grace is true as fresh) f) g,
	lateral (
		select case when g.up and not p.up then p_at
			else p.active_at end as active_at) a,
	lateral (
		select case when not g.up then 'offline'
			when p.chosen <> 'online' then p.chosen
			when a.active_at + p_away <= p_at then 'away'
			else 'online' end as state) w,
	lateral (
		select case when w.state = 'invisible' then 'offline'
			else w.state end as shown) s,
	lateral (
		select case when s.shown <> 'offline' or p.shown = 'offline'
				then p.last_seen
			when g.up then p_at
			else coalesce(d.gone, p_at) end as last_seen) l,
	lateral (
		select p.status_until <= p_at is true as over,
			case when s.shown = 'offline' then l.last_seen end
				as last_seen) v,
	lateral (
		select presence_json(p.user_id, s.shown, v.last_seen,
			case when not v.over then p.status_text end,
			case when not v.over then p.status_emoji end,
			case when not v.over then p.status_until end,
			case when s.shown <> 'offline' then p.activity_type end,
			p.activity_name,
			case when s.shown <> 'offline' then g.devices
				else '{}' end) as told,
			presence_json(p.user_id, w.state, v.last_seen,
			case when not v.over then p.status_text end,
			case when not v.over then p.status_emoji end,
			case when not v.over then p.status_until end,
			case when g.up then p.activity_type end,
			p.activity_name, g.devices) as own) t
where p.user_id = any (p_users)
$$;

-- Whom a user's presence goes to: who watches them, and who shares with them a
-- conversation of at most 200 members.  An open channel may be followed by
-- anybody, so there its members are meant one by one.
create function presence_topics(p_user_id text)
returns table (topic text) language sql stable
as $$
select 'presence:' || p_user_id
union all
select 'conversation:' || c.id
from members m
join conversations c on c.id = m.conversation_id
where m.user_id = p_user_id and m.left_at is null
	and c.member_count <= 200 and c.access is distinct from 'open'
union all
(select distinct 'user:' || o.user_id
from members m
join conversations c on c.id = m.conversation_id
join members o on o.conversation_id = c.id
where m.user_id = p_user_id and m.left_at is null
	and c.member_count <= 200 and c.access = 'open'
	and o.join_no > 0 and o.user_id <> p_user_id)
$$;

-- presence.updated, ephemeral: to others as `told`, to the user's own
-- connections as `own`.  `via` says on which topics it is heard; a session that
-- follows several gets it once.  Long lists are cut to fit a notification.
create function presence_tell(p_users text[]) returns void
language plpgsql
as $$
begin
	perform ephemeral_tell(array(
		select row_to_json(x)::text
		from (select 'presence.updated' as event,
				'presence:' || p.user_id as topic,
				array_agg(t.topic order by t.topic) as via,
				'user:' || p.user_id as except,
				p.told::json as data
			from presence p,
				lateral (
					select v.topic, sum(octet_length(
						to_json(v.topic)::text) + 1)
						over (order by v.topic)
						/ 5000 as part
					from presence_topics(p.user_id) v) t
			where p.user_id = any (p_users)
			group by p.user_id, p.told, t.part
			order by p.user_id, t.part) x)
		|| array(
		select row_to_json(x)::text
		from (select 'presence.updated' as event,
				'presence:' || p.user_id as topic,
				array['user:' || p.user_id] as via,
				p.own::json as data
			from presence p
			where p.user_id = any (p_users)
			order by p.user_id) x));
end $$;

-- How many deliveries telling of a user may be: everybody in their small
-- conversations, were they all there.
create function presence_cost(p_user_id text) returns bigint
language plpgsql stable
as $$
begin
	return (select coalesce(sum(c.member_count), 0)
		from members m
		join conversations c on c.id = m.conversation_id
		where m.user_id = p_user_id and m.left_at is null
			and c.member_count <= 200);
end $$;

-- Looks at up to p_most users whose time has come, and tells of those who have
-- changed, as far as that is no more than p_deliveries or one user; the others'
-- turn comes again.  One caller at a time: for the others there is nothing to do.
create function presence_tick(p_grace interval, p_away interval,
	p_most integer, p_deliveries bigint)
returns table (looked integer, told integer, more boolean)
language plpgsql rows 1
as $$
#variable_conflict use_column
declare
	v_at timestamptz := clock_timestamp();
	v_users text[];
	v_found record;
	v_late text[];
begin
	looked := 0; told := 0; more := false;
	if not pg_try_advisory_xact_lock(80) then
		return next;
		return;
	end if;
	select array_agg(x.user_id order by x.user_id) into v_users
	from (select d.user_id
		from presence_due d
		where d.at <= v_at
		order by d.at
		limit p_most
		for update skip locked) x;
	if v_users is null then
		return next;
		return;
	end if;
	looked := cardinality(v_users);
	insert into presence (user_id)
	select u.id
	from users u
	where u.id = any (v_users)
		and not exists (select from presence p where p.user_id = u.id)
	order by u.id
	on conflict do nothing;
	perform from presence p where p.user_id = any (v_users)
	order by p.user_id
	for no key update;
	v_at := clock_timestamp();

	-- A statement of its own: what was committed before the locks is seen, and
	-- what comes later puts the user into presence_due again.
	with found as materialized (
		select f.*, case when f.news
			then presence_cost(f.user_id) else 0 end as cost
		from presence_find(v_users, v_at, p_grace, p_away) f),
	judged as (
		select f.*, f.news and sum(f.cost) over w - f.cost > 0
			and sum(f.cost) over w > p_deliveries as late
		from found f
		window w as (order by f.user_id)),
	written as (
		update presence p set up = j.up, devices = j.devices,
			active_at = j.active_at,
			last_seen = j.last_seen, shown = j.shown,
			told = j.told, own = j.own,
			status_text = case when p.status_until <= v_at
				then null else p.status_text end,
			status_emoji = case when p.status_until <= v_at
				then null else p.status_emoji end,
			status_until = case when p.status_until <= v_at
				then null else p.status_until end,
			activity_type = case when j.up then p.activity_type end,
			activity_name = case when j.up then p.activity_name end
		from judged j
		where p.user_id = j.user_id and j.changed and not j.late),
	later as (
		update presence_due d set at = j.next
		from judged j
		where d.user_id = j.user_id and not j.late
			and j.next is not null),
	done as (
		delete from presence_due d
		where d.user_id = any (v_users) and not exists (
			select from judged j
			where j.user_id = d.user_id
				and (j.late or j.next is not null)))
	select array_agg(j.user_id order by j.user_id)
			filter (where j.news and not j.late) as news,
		bool_or(j.late) as late
	into v_found
	from judged j;
	if v_found.news is not null then
		told := cardinality(v_found.news);
		perform presence_tell(v_found.news);
	end if;
	more := looked = p_most and v_found.late is not true;
	return next;
end $$;

-- The users did something.  Those who were away for idling are looked at.
create function presence_touch(p_users text[]) returns integer
language plpgsql
as $$
declare
	v_touched integer;
begin
	perform presence_look(array(
		select p.user_id
		from presence p
		where p.user_id = any (p_users) and p.up
			and p.chosen = 'online' and p.shown = 'away'));
	perform from presence p
	where p.user_id = any (p_users) and p.up
	order by p.user_id
	for no key update;
	update presence p set active_at = now()
	where p.user_id = any (p_users) and p.up;
	get diagnostics v_touched = row_count;
	return v_touched;
end $$;

-- Null leaves a thing as it is, an empty text takes it away.  p_status_seconds:
-- after so many the status ends by itself; 0: it does not.  Answers what is
-- chosen; others are told by the next tick.
create function presence_set(p_caller text, p_state text, p_status_text text,
	p_status_emoji text, p_status_seconds bigint, p_activity_type text,
	p_activity_name text)
returns presence language plpgsql
as $$
declare
	v_at timestamptz := clock_timestamp();
	v_row presence;
begin
	perform presence_look(array[p_caller]);
	insert into presence (user_id) values (p_caller) on conflict do nothing;
	select * into v_row from presence p where p.user_id = p_caller
	for no key update;
	v_row.chosen := coalesce(p_state, v_row.chosen);
	v_row.status_text := nullif(coalesce(p_status_text,
		v_row.status_text), '');
	v_row.status_emoji := nullif(coalesce(p_status_emoji,
		v_row.status_emoji), '');
	if p_status_seconds is not null then
		v_row.status_until := case when p_status_seconds > 0
			then v_at + make_interval(secs => p_status_seconds) end;
	elsif p_status_text is not null or p_status_emoji is not null then
		v_row.status_until := null;
	end if;
	if v_row.status_text is null and v_row.status_emoji is null then
		v_row.status_until := null;
	end if;
	if p_activity_type is not null and coalesce(p_activity_name, '') = ''
	then
		perform refuse('required', 'An activity has a name.',
			'activity_name');
	elsif p_activity_name = '' then
		v_row.activity_type := null;
		v_row.activity_name := null;
	elsif p_activity_name is not null then
		v_row.activity_type := coalesce(p_activity_type,
			v_row.activity_type, 'playing');
		v_row.activity_name := p_activity_name;
	end if;
	update presence p set chosen = v_row.chosen,
		status_text = v_row.status_text,
		status_emoji = v_row.status_emoji,
		status_until = v_row.status_until,
		activity_type = v_row.activity_type,
		activity_name = v_row.activity_name,
		active_at = v_at
	where p.user_id = p_caller;
	return v_row;
end $$;
