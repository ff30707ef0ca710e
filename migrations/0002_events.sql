-- SPDX-License-Identifier: ISC
-- The event log: what happened, in an order in which ids become visible, so
-- that whoever has read id N has read everything below it.

-- Partitioned by id.  The bare log has no index on the topic while it is
-- written (it costs a quarter of the send rate): housekeeping builds one when
-- a partition is full.  Joins and leaves are rare, and every session that
-- resumes needs its own: they have theirs from the start (`effect` 1 or -1 on
-- the user's topic, and the topic it is about).  emit is the one writer.
create sequence events_id_seq as bigint cache 1;
create table events (
	id bigint not null default nextval('events_id_seq'),
	topic text collate "C" not null,
	type text not null,
	data text not null,
	origin text,
	skip_origin boolean not null default false,
	effect smallint,
	effect_topic text,
	message_id uuid,
	at timestamptz not null,
	primary key (id)
) partition by range (id);
alter sequence events_id_seq owned by events.id;
create index events_effect on events (topic, id) where effect is not null;

-- One row.  A cursor is good from `floor_id` on; up to `indexed_upto` the
-- closed partitions have their topic index.
create table event_log (
	only_row boolean primary key default true check (only_row),
	floor_id bigint not null default 0,
	indexed_upto bigint not null default 0,
	partition_ids bigint not null default 500000
);
insert into event_log default values;

-- The last call of every function that changes something, and only of
-- functions that run as one autocommit statement: the lock is the
-- transaction's last, taken before the first id is drawn, so ids become
-- visible in order.  Not in a CTE (foreign keys would be checked after the
-- lock) and not in a trigger (the id would be drawn before it).
-- An entry without a topic is left out.  (Elements of an array are found by
-- their number at once; unnest() would copy each array first.  An assignment
-- calls a function without what a statement costs.)
create function emit(p_topic text[], p_type text[], p_data text[],
	p_origin text[] default null, p_skip_origin boolean[] default null,
	p_effect smallint[] default null, p_effect_topic text[] default null,
	p_message_id uuid[] default null)
returns bigint language plpgsql
as $$
declare
	v_last bigint;
	v_void text;
begin
	v_void := pg_advisory_xact_lock(77);
	insert into events (topic, type, data, origin, skip_origin, effect,
		effect_topic, message_id, at)
	select p_topic[i], p_type[i], p_data[i], p_origin[i],
		coalesce(p_skip_origin[i], false), p_effect[i],
		p_effect_topic[i], p_message_id[i], clock_timestamp()
	from generate_subscripts(p_topic, 1) i
	where p_topic[i] is not null;
	v_last := currval('events_id_seq');
	v_void := pg_notify('parley_events', v_last::text);
	return v_last;
end $$;

-- The partition that holds ids from p_number * partition_ids on.  Made bare
-- and then attached, which does not stop the writers of the others.
create function events_partition_create(p_number bigint, p_ids bigint)
returns boolean language plpgsql
as $$
declare
	v_name text := 'events_' || p_number;
begin
	if to_regclass(v_name) is not null then
		return false;
	end if;
	execute format('create table %I (like events including all)', v_name);
	execute format('alter table events attach partition %I'
		' for values from (%s) to (%s)', v_name,
		p_number * p_ids, (p_number + 1) * p_ids);
	return true;
end $$;

-- Keeps p_ahead partitions ready, indexes one full partition, drops those
-- whose newest row is older than p_keep (never the newest), raises the floor
-- with them.  One caller at a time; the others get no row.  Waits a second at
-- most for its locks and is called again anyway.
create function events_housekeeping(p_keep interval, p_ahead integer)
returns table (created integer, indexed integer, dropped integer,
	floor_id bigint, ids_left bigint)
language plpgsql set lock_timeout = '1s'
as $$
#variable_conflict use_column
declare
	v_log event_log;
	v_drawn bigint;
	v_closed bigint;
	v_part record;
	v_newest timestamptz;
	v_top bigint;
begin
	if not pg_try_advisory_xact_lock(78) then
		return;
	end if;
	created := 0; indexed := 0; dropped := 0;
	select * into v_log from event_log;
	select last_value into v_drawn from events_id_seq;
	for v_top in select generate_series(v_drawn / v_log.partition_ids,
		v_drawn / v_log.partition_ids + p_ahead) loop
		if events_partition_create(v_top, v_log.partition_ids) then
			created := created + 1;
		end if;
	end loop;
	-- A partition is closed when an id above it is visible.
	select coalesce(max(id), 0) / v_log.partition_ids into v_closed
	from events;
	for v_part in
		select c.oid::regclass as name, c.relname,
			substring(c.relname from 8)::bigint as number
		from pg_inherits i join pg_class c on c.oid = i.inhrelid
		where i.inhparent = 'events'::regclass
		order by 3 loop
		exit when v_part.number >= v_closed;
		execute format('select at from %s order by id desc limit 1',
			v_part.name) into v_newest;
		if v_newest is null or v_newest < now() - p_keep then
			v_log.floor_id := (v_part.number + 1)
				* v_log.partition_ids - 1;
			execute format('drop table %s', v_part.name);
			dropped := dropped + 1;
		elsif indexed = 0 and v_part.number * v_log.partition_ids
			>= v_log.indexed_upto then
			execute format('create index %I on %s (topic, id)',
				v_part.relname || '_topic', v_part.name);
			v_log.indexed_upto := (v_part.number + 1)
				* v_log.partition_ids - 1;
			indexed := 1;
		end if;
	end loop;
	if dropped + indexed > 0 then
		update event_log set floor_id = v_log.floor_id, indexed_upto
			= greatest(v_log.indexed_upto, v_log.floor_id);
	end if;
	floor_id := v_log.floor_id;
	ids_left := events_room();
	return next;
end $$;

-- How many ids the partitions still take: none left is an outage.
create function events_room() returns bigint
language sql stable
as $$
select (max(substring(c.relname from 8)::bigint) + 1) * max(l.partition_ids)
	- 1 - max(s.last_value)
from pg_inherits i join pg_class c on c.oid = i.inhrelid,
	event_log l, events_id_seq s
where i.inhparent = 'events'::regclass
$$;

select events_partition_create(n, 500000) from generate_series(0, 4) n;
