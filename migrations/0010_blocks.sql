-- SPDX-License-Identifier: ISC
-- Users who block others.  A blocked user can neither open a direct
-- conversation with who blocked them nor write in it, and is told no more than
-- that.  In groups both are heard: the clients of who blocked hide the other.

-- Whether the two have a block or none comes from the caller; this carries it
-- into their direct conversation.
create function blocks_apply(p_user_id text, p_blocked_id text,
	p_barred boolean) returns void language plpgsql
as $$
declare
	v_id uuid := direct_find(p_user_id, p_blocked_id);
begin
	if v_id is not null then
		perform from conversations c where c.id = v_id
		for no key update;
		update members m set barred = p_barred
		where m.conversation_id = v_id and m.user_id = p_blocked_id;
	end if;
end $$;

-- Blocking somebody again changes nothing and tells nobody.
create function blocks_add(p_caller text, p_role text, p_origin text,
	p_user_id text)
returns table (status integer, id text, name text, picture text,
	blocked_at timestamptz, event_id bigint) language plpgsql rows 1
as $$
#variable_conflict use_column
declare
	v_data text;
begin
	if p_user_id = p_caller then
		perform refuse('invalid', 'Nobody blocks themselves.',
			'user_id');
	end if;
	perform users_require(array[p_user_id], p_role, 'user_id', false);
	perform pair_lock(p_caller, p_user_id);
	insert into blocks (user_id, blocked_id, created_at)
	values (p_caller, p_user_id, clock_timestamp())
	on conflict do nothing;
	status := case when found then 201 else 200 end;
	select u.id, u.name, u.picture, b.created_at
	into id, name, picture, blocked_at
	from blocks b
	join users u on u.id = b.blocked_id
	where b.user_id = p_caller and b.blocked_id = p_user_id;
	if status = 201 then
		perform blocks_apply(p_caller, p_user_id, true);
		select row_to_json(x)::text into v_data
		from (select id, name, picture,
			rfc3339(blocked_at) as blocked_at) x;
		event_id := emit(array['user:' || p_caller],
			array['block.added'], array[v_data], array[p_origin]);
	end if;
	return next;
end $$;

create function blocks_remove(p_caller text, p_origin text, p_user_id text)
returns table (user_id text, event_id bigint) language plpgsql rows 1
as $$
#variable_conflict use_column
begin
	perform pair_lock(p_caller, p_user_id);
	delete from blocks b
	where b.user_id = p_caller and b.blocked_id = p_user_id;
	if not found then
		perform refuse('not_found', 'This user is not blocked.');
	end if;
	perform blocks_apply(p_caller, p_user_id, false);
	user_id := p_user_id;
	event_id := emit(array['user:' || p_caller], array['block.removed'],
		array[json_build_object('user_id', p_user_id)::text],
		array[p_origin]);
	return next;
end $$;
