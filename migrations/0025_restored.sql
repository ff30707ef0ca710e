-- SPDX-License-Identifier: ISC
-- After a backup was restored.

-- Clients and followers hold cursors of what the backup does not have.  The log
-- goes on so far ahead that none of them can be an id of what comes, and the
-- floor is lifted there: whoever asks with one starts over.  What the log still
-- has is below the floor and goes at once; while its followers are not through
-- with it, nothing is done and there is no row.  Ten thousand million ids are what a service at its limit draws in a
-- week.
create function events_restored()
returns table (floor_id bigint, dropped integer) language plpgsql
as $$
#variable_conflict use_column
declare
	v_ids bigint;
	v_first bigint;
	v_part record;
begin
	dropped := 0;
	perform pg_advisory_xact_lock(78);
	perform pg_advisory_xact_lock(77);
	if exists (select from log_followers f
		where f.after_id < (select max(e.id) from events e)) then
		return;
	end if;
	select l.partition_ids into v_ids from event_log l;
	select (s.last_value + 10000000000) / v_ids + 1 into v_first
	from events_id_seq s;
	perform events_partition_create(n, v_ids)
	from generate_series(v_first, v_first + 4) n;
	floor_id := v_first * v_ids;
	for v_part in
		select c.oid::regclass as name
		from pg_inherits i join pg_class c on c.oid = i.inhrelid
		where i.inhparent = 'events'::regclass
			and substring(c.relname from 8)::bigint < v_first loop
		execute format('drop table %s', v_part.name);
		dropped := dropped + 1;
	end loop;
	update event_log set floor_id = v_first * v_ids,
		indexed_upto = v_first * v_ids;
	update log_followers set after_id = v_first * v_ids;
	perform setval('events_id_seq', v_first * v_ids);
	return next;
end $$;
