-- SPDX-License-Identifier: ISC
-- Presence reaches who joins while it is being looked at.
--
-- Who is in a shared conversation from now on asks how the others are
-- (presence.get) and then hears of changes.  A look that wrote and told in one
-- transaction told those whom it saw when it began, and was visible when it ended:
-- somebody who joined between and asked was answered what was so before, and not
-- told.  So what changed is written first, and told when that is committed: who
-- asked before is a member then, and who asks later is answered with it.

-- Of whom is to be told; by the next look, should the process that wrote it die
-- before it tells.  No foreign key: a user who is gone is skipped.
create table presence_news (
	user_id text collate "C" primary key
);

-- Tells what the last looks have written.  Answers of how many; 0, too, when
-- another process is looking, which tells it then.
create function presence_news_tell() returns integer language plpgsql
as $$
declare
	v_users text[];
begin
	if not pg_try_advisory_xact_lock(80) then
		return 0;
	end if;
	with gone as (delete from presence_news returning user_id)
	select array_agg(g.user_id) into v_users from gone g;
	if v_users is null then
		return 0;
	end if;
	-- See blocks_presence: a block waits for this.
	perform from presence p where p.user_id = any (v_users)
	order by p.user_id
	for no key update;
	perform presence_tell(v_users);
	return cardinality(v_users);
end $$;

-- As before, but those who have changed are left in presence_news for
-- presence_news_tell, and counted by `told`; what was left there is told.
create or replace function presence_tick(p_grace interval, p_away interval,
	p_most integer, p_deliveries bigint)
returns table (looked integer, told integer, more boolean)
language plpgsql rows 1
as $$
#variable_conflict use_column
declare
	v_at timestamptz := clock_timestamp();
	v_users text[];
	v_left text[];
	v_found record;
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
	with gone as (delete from presence_news returning user_id)
	select array_agg(g.user_id) into v_left from gone g;
	if v_users is null and v_left is null then
		return next;
		return;
	end if;
	looked := coalesce(cardinality(v_users), 0);
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
	judged as (
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
		insert into presence_news (user_id)
		select i.id from unnest(v_found.news) i(id);
	end if;
	more := looked = p_most and v_found.late is not true;
	return next;
end $$;
