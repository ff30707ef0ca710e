-- SPDX-License-Identifier: ISC
-- Presence for a fraction of the processor time, however many come at once.
--
-- A look at 300 users who came for the first time took 125 ms, most of it for
-- writing the same JSON eight times; and when its plan was made in an empty
-- database, it walked all connections for each user.

-- A plan that is made while the tables are empty takes any index whose condition
-- fits.  Each of these is now for those only who ask by its column: that it is not
-- null follows from comparing it.
drop index connections_user;
create index connections_user on connections (user_id)
	where disconnected_at is null and user_id is not null;
drop index connections_process;
create index connections_process on connections (process)
	where disconnected_at is null and process is not null;

-- As before, but an expression of plpgsql, which is made ready once for all users
-- of a statement.
create or replace function presence_json(p_user_id text, p_state text,
	p_last_seen timestamptz, p_status_text text, p_status_emoji text,
	p_status_until timestamptz, p_activity_type text,
	p_activity_name text, p_devices text[]) returns text
language plpgsql stable
as $$
begin
	return concat('{"user_id":', to_json(p_user_id), ',"state":"', p_state,
		'","last_seen":',
		coalesce('"' || rfc3339(p_last_seen) || '"', 'null'),
		',"status":', case when p_status_text is null
				and p_status_emoji is null then 'null'
			else concat('{"text":',
				coalesce(to_json(p_status_text)::text, 'null'),
				',"emoji":',
				coalesce(to_json(p_status_emoji)::text, 'null'),
				',"until":', coalesce(
					'"' || rfc3339(p_status_until) || '"',
					'null'),
				'}') end,
		',"activity":', case when p_activity_type is null then 'null'
			else concat('{"type":"', p_activity_type,
				'","name":', to_json(p_activity_name), '}') end,
		',"devices":', array_to_json(p_devices), '}');
end $$;

-- As before, but `offset 0` keeps what is dear from being computed for each place
-- where it is used.
create or replace function presence_find(p_users text[], p_at timestamptz,
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
		from (select d.gone > p_at - p_grace is true as fresh) f
		offset 0) g,
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
			p.activity_name, g.devices) as own
		offset 0) t
where p.user_id = any (p_users)
$$;

-- As before, but each table is asked by its key whatever it was like when the
-- plan was made, and `lookers` says how many processes take turns.
drop function presence_tick(interval, interval, integer, bigint);
create function presence_tick(p_grace interval, p_away interval,
	p_most integer, p_deliveries bigint)
returns table (looked integer, told integer, more boolean, lookers integer)
language plpgsql rows 1
set enable_material = off
as $$
#variable_conflict use_column
declare
	v_at timestamptz := clock_timestamp();
	v_users text[];
	v_left text[];
	v_found record;
begin
	looked := 0; told := 0; more := false; lookers := 1;
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
	with gone as (delete from presence_news returning user_id)
	select array_agg(g.user_id) into v_left from gone g;
	if v_users is null and v_left is null then
		return next;
		return;
	end if;
	looked := coalesce(cardinality(v_users), 0);
	lookers := greatest(1, (select count(*)
		from processes o
		where o.expires_at > v_at));
	insert into presence (user_id)
	select u.id
	from users u
	where u.id = any (v_users)
		and not exists (select from presence p where p.user_id = u.id)
	order by u.id
	on conflict do nothing;
	perform from presence p where p.user_id = any (v_users || v_left)
	order by p.user_id
	for no key update;
	if v_left is not null then
		perform presence_tell(v_left);
	end if;
	v_at := clock_timestamp();

	-- A statement of its own: what was committed before the locks is seen, and
	-- what comes later puts the user into presence_due again.
	with found as materialized (
		select f.*, case when f.news
			then presence_cost(f.user_id) else 0 end as cost
		from presence_find(v_users, v_at, p_grace, p_away) f),
	judged as materialized (
		select f.*, f.news and sum(f.cost) over w - f.cost > 0
			and sum(f.cost) over w > p_deliveries as late
		from found f
		join presence_due d on d.user_id = f.user_id
		window w as (order by d.at, f.user_id)),
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
		using judged j
		where d.user_id = j.user_id and not j.late and j.next is null),
	news as (
		insert into presence_news (user_id)
		select j.user_id
		from judged j
		where j.news and not j.late)
	select count(*) as known,
		count(*) filter (where j.news and not j.late) as news,
		bool_or(j.late) as late
	into v_found
	from judged j;
	told := v_found.news;
	if v_found.known < looked then
		delete from presence_due d
		where d.user_id = any (v_users) and not exists (
			select from presence p where p.user_id = d.user_id);
	end if;
	more := looked = p_most and v_found.late is not true;
	return next;
end $$;
