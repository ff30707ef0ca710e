-- SPDX-License-Identifier: ISC
-- Functions that write users.

-- Tells the users themselves and the conversations they were last active in,
-- at most p_most of each, leaving out the large ones, where a changed name
-- would be a thousand deliveries.  The last call of its caller.
create function users_announce(p_ids text[], p_most integer)
returns bigint language plpgsql
as $$
declare
	v_topic text[];
	v_data text[];
begin
	select array_agg(t.topic order by u.id, t.topic),
		array_agg(d.data order by u.id, t.topic)
	into v_topic, v_data
	from users u,
		lateral (
			select row_to_json(x)::text as data
			from (select u.id, u.name, u.picture,
				rfc3339(u.created_at) as created_at,
				rfc3339(u.updated_at) as updated_at) x) d,
		lateral (
			select 'user:' || u.id as topic
			union all
			(select 'conversation:' || c.id
			from members m
			join conversations c on c.id = m.conversation_id
			where m.user_id = u.id and m.left_at is null
				and c.member_count <= 1000
			order by c.last_at desc
			limit p_most)) t
	where u.id = any (p_ids);
	return emit(v_topic, array_fill('user.updated'::text,
		array[cardinality(v_topic)]), v_data);
end $$;

-- What the claims of tokens say, an array element each; null claims say
-- nothing.  One user may come with several tokens: of each claim the last one
-- that says something counts.
create function users_see(p_id text[], p_name text[], p_picture text[],
	p_label text[])
returns table (ord bigint, id text, changed boolean) language plpgsql
as $$
#variable_conflict use_column
declare
	v_id text[];
	v_name text[];
	v_picture text[];
	v_label text[];
	v_made text[];
	v_shown text[];
begin
	-- Whom there is something to write of, in the order of ids, so that
	-- two of these cannot block each other.
	select array_agg(i.id order by i.id),
		array_agg(i.name order by i.id),
		array_agg(i.picture order by i.id),
		array_agg(i.label order by i.id)
	into v_id, v_name, v_picture, v_label
	from (select a.id collate "C" as id,
			(array_agg(a.name order by a.ord desc)
				filter (where a.name is not null))[1] as name,
			(array_agg(a.picture order by a.ord desc)
				filter (where a.picture is not null))[1]
				as picture,
			(array_agg(a.label order by a.ord desc)
				filter (where a.label is not null))[1]
				as label
		from unnest(p_id, p_name, p_picture, p_label)
			with ordinality a(id, name, picture, label, ord)
		group by 1) i
	left join users u on u.id = i.id
	where u.id is null
		or u.put_at is null
			and (coalesce(i.name, u.name),
				coalesce(i.picture, u.picture))
			is distinct from (u.name, u.picture)
		or coalesce(i.label, u.label) is distinct from u.label;
	if v_id is not null then
		with made as (
			insert into users (id, name, picture, label)
			select i.id, i.name, i.picture, i.label
			from unnest(v_id, v_name, v_picture, v_label)
				i(id, name, picture, label)
			order by i.id
			on conflict do nothing
			returning id)
		select array_agg(id) into v_made from made;
		perform from users u
		where u.id = any (v_id) and u.id <> all (coalesce(v_made, '{}'))
		order by u.id for no key update;
		with done as (
			update users u set
				name = case when u.put_at is null then
					coalesce(i.name, u.name)
					else u.name end,
				picture = case when u.put_at is null then
					coalesce(i.picture, u.picture)
					else u.picture end,
				label = coalesce(i.label, u.label),
				updated_at = clock_timestamp()
			from unnest(v_id, v_name, v_picture, v_label)
					i(id, name, picture, label)
			join users o on o.id = i.id
			where u.id = i.id
				and u.id <> all (coalesce(v_made, '{}'))
			returning u.id, (u.name, u.picture)
				is distinct from (o.name, o.picture) as shown)
		select array_agg(id) filter (where shown) into v_shown from done;
		if v_shown is not null then
			perform users_announce(v_shown, 200);
		end if;
	end if;
	return query select a.ord, a.id, coalesce(a.id = any (v_id), false)
		from unnest(p_id) with ordinality a(id, ord);
end $$;

create function users_put(p_id text, p_name text, p_picture text)
returns table (status integer, id text, name text, picture text,
	created_at timestamptz, updated_at timestamptz, event_id bigint)
language plpgsql
as $$
#variable_conflict use_column
declare
	v_old users;
	v_new users;
begin
	insert into users (id, name, picture, put_at)
	values (p_id, p_name, p_picture, now())
	on conflict do nothing
	returning * into v_new;
	status := 201;
	if v_new.id is null then
		status := 200;
		select * into v_old from users u where u.id = p_id
		for no key update;
		update users u set name = p_name, picture = p_picture,
			put_at = now(), updated_at =
			case when (u.name, u.picture)
				is distinct from (p_name, p_picture)
			then clock_timestamp() else u.updated_at end
		where u.id = p_id
		returning * into v_new;
		if (v_new.name, v_new.picture)
			is distinct from (v_old.name, v_old.picture) then
			event_id := users_announce(array[p_id], 200);
		end if;
	end if;
	return query select status, v_new.id, v_new.name, v_new.picture,
		v_new.created_at, v_new.updated_at, event_id;
end $$;

-- Of entries with the same id the last one counts.
create function users_put_many(p_users json)
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
		event_id := users_announce(v_changed, 10);
	end if;
	return next;
end $$;

-- Member lists of services and admins may name users nobody has seen yet;
-- those of users may not.  Fields of lists are called p_field[0], ….
create function users_require(p_ids text[], p_role text, p_field text,
	p_list boolean) returns void language plpgsql
as $$
declare
	v_place bigint;
begin
	if p_role in ('admin', 'service') then
		insert into users (id)
		select distinct i.id collate "C" from unnest(p_ids) i(id)
		order by 1
		on conflict do nothing;
		return;
	end if;
	select min(i.ord) - 1 into v_place
	from unnest(p_ids) with ordinality i(id, ord)
	where not exists (select from users u where u.id = i.id);
	if v_place is not null then
		perform refuse('unknown_user', 'There is no user of this id.',
			p_field || case when p_list
				then '[' || v_place || ']' else '' end);
	end if;
end $$;
