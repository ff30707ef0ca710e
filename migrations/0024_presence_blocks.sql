-- SPDX-License-Identifier: ISC
-- Presence and blocks: of two one of whom has blocked the other, each is offline
-- for the other, and nothing more.  And presence_tick is fair.

-- A custom one has 34 characters at most.
alter table presence drop constraint presence_status_emoji_check,
	add check (length(status_emoji) between 1 and 34);

create function blocks_between(p_one text, p_other text) returns boolean
language sql stable
as $$
select exists (select from blocks b
		where b.user_id = p_one and b.blocked_id = p_other)
	or exists (select from blocks b
		where b.user_id = p_other and b.blocked_id = p_one)
$$;

-- As before, but those whom the user has blocked do not hear of it, nor those who
-- have blocked the user: `unless` names their topics.  The former come first, of
-- both those who are connected, as many as fit into a notification beside the
-- rest (some fifty).
create function presence_shut(p_user_id text)
returns table (id text, nth integer) language sql stable
as $$
select b.id, min(b.part + case when exists (
	select from connections o
	where o.user_id = b.id and o.disconnected_at is null)
	then 0 else 2 end)
from (select x.blocked_id as id, 0 as part
	from blocks x where x.user_id = p_user_id
	union all
	select x.user_id, 1
	from blocks x where x.blocked_id = p_user_id) b
group by b.id
$$;

-- When somebody was last there is told to those who hear of them without having
-- asked: to who shares a small conversation with them.  The others see the rest.
create function presence_glimpse(p_told text) returns text
language sql immutable
as $$
select regexp_replace(p_told, '"last_seen":"[^"]*"', '"last_seen":null')
$$;

create function presence_shared(p_one text, p_other text) returns boolean
language sql stable
as $$
select exists (
	select
	from members m
	join conversations c on c.id = m.conversation_id
		and c.member_count <= 200
	join members o on o.conversation_id = m.conversation_id
		and o.user_id = p_other and o.left_at is null
	where m.user_id = p_one and m.left_at is null)
$$;

-- Those who only watch come first, so that who does both ends with all of it.
create or replace function presence_tell(p_users text[]) returns void
language plpgsql
as $$
begin
	perform ephemeral_tell(array(
		select row_to_json(x)::text
		from (select 'presence.updated' as event,
				'presence:' || p.user_id as topic,
				array_agg(t.topic order by t.topic) as via,
				'user:' || p.user_id as except, k.unless,
				case when t.part < 0
					then presence_glimpse(p.told)
					else p.told end::json as data
			from presence p,
				lateral (
					select v.topic, case when v.apart then -1
						else sum(octet_length(to_json(
						v.topic)::text) + 1)
						over (order by v.topic)
						/ 3000 end as part
					from (select i.topic, i.topic
						= 'presence:' || p.user_id
						and presence_glimpse(p.told)
						<> p.told as apart
						from presence_topics(p.user_id)
						i) v) t,
				lateral (
					select array_agg(b.topic) as unless
					from (select 'user:' || o.id as topic,
							sum(octet_length(to_json
							('user:' || o.id)::text)
							+ 1) over (order by
							o.nth, o.id) as size
						from presence_shut(p.user_id) o)
						b
					where b.size <= 2500) k
			where p.user_id = any (p_users)
			group by p.user_id, p.told, t.part, k.unless
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

-- With the first block between two each goes offline for the other; with the end
-- of the last they are what they are.  Their rows are held, as presence_tick holds
-- them: one that does not know of the block yet tells before.  So is who is
-- blocked, whom block.added names.
create function blocks_presence() returns trigger language plpgsql
as $$
declare
	v_block blocks := case tg_op when 'INSERT' then new else old end;
begin
	if tg_op = 'DELETE' and blocks_between(v_block.user_id,
		v_block.blocked_id) then
		return null;
	end if;
	perform users_hold(array[v_block.blocked_id]);
	insert into presence (user_id)
	select u.id
	from users u
	where u.id in (v_block.user_id, v_block.blocked_id)
	order by u.id
	on conflict do nothing;
	perform from presence p
	where p.user_id in (v_block.user_id, v_block.blocked_id)
	order by p.user_id for no key update;
	perform ephemeral_tell(array(
		select json_build_object('event', 'presence.updated',
			'topic', 'presence:' || i.whose,
			'via', array['user:' || i.whom],
			'data', case when tg_op = 'INSERT'
				then presence_nobody(i.whose)
				when presence_shared(i.whose, i.whom)
				then p.told
				else presence_glimpse(p.told) end::json)::text
		from unnest(array[v_block.user_id, v_block.blocked_id],
			array[v_block.blocked_id, v_block.user_id])
			i(whose, whom)
		join presence p on p.user_id = i.whose
		where p.told is not null));
	return null;
end $$;
create trigger blocks_presence after insert or delete on blocks
for each row execute function blocks_presence();

-- As before, but the budget goes to those first who have waited longest: in
-- the order of their ids, the last would never have their turn while the first
-- have news all the time.
create or replace function presence_tick(p_grace interval, p_away interval,
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
		perform presence_tell(v_found.news);
	end if;
	more := looked = p_most and v_found.late is not true;
	return next;
end $$;

-- As before; who was not blocked is blocked no longer either, and nobody is told.
create or replace function blocks_remove(p_caller text, p_origin text,
	p_user_id text)
returns table (user_id text, event_id bigint) language plpgsql rows 1
as $$
#variable_conflict use_column
begin
	perform pair_lock(p_caller, p_user_id);
	delete from blocks b
	where b.user_id = p_caller and b.blocked_id = p_user_id;
	user_id := p_user_id;
	if found then
		perform blocks_apply(p_caller, p_user_id, false);
		event_id := emit(array['user:' || p_caller],
			array['block.removed'],
			array[json_build_object('user_id', p_user_id)::text],
			array[p_origin]);
	end if;
	return next;
end $$;
