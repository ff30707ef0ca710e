-- SPDX-License-Identifier: ISC
-- What clients make of events is what the lists say.

-- Members remove themselves; who may remove others says the table.  The user is
-- told first, so that the removal is the last thing they get.  A channel that
-- does not announce tells nobody else, unless who owns it has changed.  As before,
-- but what the others have just written counts as read in the members that are
-- told, as it does for their clients.
create or replace function members_remove(p_caller text, p_role text,
	p_origin text, p_conversation text, p_user_id text)
returns table (conversation_id uuid, user_id text, member_count integer,
	event_id bigint) language plpgsql rows 1
as $$
#variable_conflict use_column
declare
	v record;
	v_theirs member_role;
	v_heir text;
	v_data text;
	v_entries log_entry[];
begin
	select * into v from members_lock(p_caller, p_role, p_conversation);
	select m.role into v_theirs from members m
	where m.conversation_id = v.id and m.user_id = p_user_id
		and m.left_at is null;
	if p_user_id <> p_caller then
		perform role_require(case when coalesce(v_theirs, 'member')
			= 'member' then 'kick_member' else 'kick_admin' end,
			v.mine, p_role);
	end if;
	if v_theirs is null then
		perform refuse('not_found', 'There is no such member.');
	end if;
	if receipts_shown(v.member_count - 1, v.announce) then
		perform positions_settle(v.id);
	end if;
	update members m set left_at = clock_timestamp(), join_no = null
	where m.conversation_id = v.id and m.user_id = p_user_id;
	perform threads_leave(v.id, p_user_id);
	update conversations c set member_count = v.member_count - 1
	where c.id = v.id;
	perform discovery_keep(v.id);
	if v_theirs = 'owner' then
		v_heir := members_inherit(v.id);
	end if;
	conversation_id := v.id;
	user_id := p_user_id;
	member_count := v.member_count - 1;
	select row_to_json(x)::text into v_data
	from (select v.id as conversation_id, p_user_id as user_id,
		p_caller as by, case when p_caller = p_user_id then 'left'
			else 'removed' end as reason,
		v_heir as new_owner_id, member_count) x;
	v_entries := array[
		('user:' || p_user_id, 'member.removed', v_data, -1,
			'conversation:' || v.id, null)::log_entry];
	if v.announce or v_heir is not null then
		v_entries := v_entries || ('conversation:' || v.id,
			'member.removed', concat(left(v_data, -1), ',"members":',
				(select s.members from members_shown(v.id, 8,
					receipts_shown(member_count,
					v.announce)) s),
				'}'), null, null, null)::log_entry;
	end if;
	v_entries := v_entries || group_notice(v.id, v.type, p_caller,
		case when p_caller = p_user_id
			then json_build_object('kind', 'left')
			else json_build_object('kind', 'removed',
				'user_ids', array[p_user_id]) end);
	if v_heir is not null then
		v_entries := v_entries || member_updated_entry(v.id, v_heir,
			p_caller) || group_notice(v.id, v.type, p_caller,
			json_build_object('kind', 'role_changed', 'user_ids',
				array[v_heir], 'role', 'owner'));
	end if;
	event_id := emit_entries(v_entries, p_origin);
	return next;
end $$;

-- Of entries with the same id the last one counts.  As before, but each of few
-- changed users is told of in as many conversations as one alone would be; all of
-- them together in some ten thousand.
create or replace function users_put_many(p_users json)
returns table (created integer, updated integer, unchanged integer,
	event_id bigint) language plpgsql
as $$
#variable_conflict use_column
declare
	v_id text[];
	v_name text[];
	v_picture text[];
	v_changed text[];
begin
	if json_array_length(p_users) > 1000 then
		perform refuse('too_many', 'At most 1000 users at once.',
			'users');
	end if;
	-- In the order of ids, so that two of these cannot block each other.
	select array_agg(i.id), array_agg(i.name), array_agg(i.picture)
	into v_id, v_name, v_picture
	from (select distinct on (id) u->>'id' collate "C" as id,
			u->>'name' as name, u->>'picture' as picture
		from json_array_elements(p_users)
			with ordinality a(u, ord)
		order by id, ord desc) i;
	with made as (
		insert into users (id, name, picture, put_at)
		select i.id, i.name, i.picture, now()
		from unnest(v_id, v_name, v_picture) i(id, name, picture)
		order by i.id
		on conflict do nothing
		returning id)
	select count(*) into created from made;
	perform from users u where u.id = any (v_id)
	order by u.id for no key update;
	with done as (
		update users u set name = i.name, picture = i.picture,
			put_at = now(), updated_at = clock_timestamp()
		from unnest(v_id, v_name, v_picture) i(id, name, picture)
		where u.id = i.id and (u.name, u.picture)
			is distinct from (i.name, i.picture)
		returning u.id)
	select count(*), array_agg(id) into updated, v_changed from done;
	update users u set put_at = now()
	where u.id = any (v_id) and u.put_at is null;
	unchanged := coalesce(cardinality(v_id), 0) - created - updated;
	if updated > 0 then
		event_id := users_announce(v_changed, least(200,
			greatest(10, 10000 / cardinality(v_changed))));
	end if;
	return next;
end $$;

-- What a process had gathered and not written when it died (positions_advance): the
-- messages that were sent since then say it.  Those of others change nothing.
create function positions_recover(p_since timestamptz) returns void
language plpgsql
as $$
declare
	v_event record;
	v_ids uuid[] := '{}';
begin
	for v_event in
		select e.type, e.message_id, e.at
		from events e
		order by e.id desc loop
		exit when v_event.at < p_since;
		if v_event.type = 'message.created' then
			v_ids := v_ids || v_event.message_id;
		end if;
	end loop;
	perform positions_advance(array_agg(m.sender_id),
		array_agg(m.conversation_id), array_agg(m.seq))
	from messages m
	where m.id = any (v_ids) and m.via is null and m.type <> 'system'
	having count(*) > 0;
end $$;

-- As before, but a lease that is there was left by one that died.
create or replace function instances_start(p_process text, p_host text,
	p_lease interval)
returns integer language plpgsql
as $$
declare
	v_beat timestamptz;
	v_users text[];
begin
	select p.expires_at - p.lease into v_beat
	from processes p
	where p.id = p_process;
	perform instances_lease(p_process, p_host, p_lease);
	perform positions_recover(v_beat - interval '5 seconds')
	where v_beat is not null;
	v_users := connections_close_all(p_process, 1006);
	perform presence_look(v_users,
		array_fill(now(), array[cardinality(v_users)]));
	return cardinality(v_users);
end $$;

-- As before, but with what the dead had not written.
create or replace function connections_reap()
returns table (processes integer, connections integer)
language plpgsql rows 1
as $$
#variable_conflict use_column
declare
	v_dead record;
	v_since timestamptz;
	v_users text[] := '{}';
	v_gone timestamptz[] := '{}';
begin
	processes := 0;
	if pg_try_advisory_xact_lock(79) then
		for v_dead in
			delete from processes p
			where p.expires_at < now()
			returning p.id, p.expires_at - p.lease as last_beat loop
			processes := processes + 1;
			v_since := least(v_since, v_dead.last_beat);
			v_users := v_users || connections_close_all(v_dead.id,
				1006, v_dead.last_beat);
			v_gone := v_gone || array_fill(v_dead.last_beat, array[
				cardinality(v_users) - cardinality(v_gone)]);
		end loop;
		perform positions_recover(v_since - interval '5 seconds')
		where v_since is not null;
		perform presence_look(v_users, v_gone);
	end if;
	connections := cardinality(v_users);
	return next;
end $$;
