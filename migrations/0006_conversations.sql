-- SPDX-License-Identifier: ISC
-- Functions that make conversations and change who is in them.  Each locks
-- the conversation's row first and reads afterwards.

-- A new conversation, still without members.  Null when one with the same pair
-- of users or the same channel name is there already.
create function conversation_insert(p_type conversation_type, p_name text,
	p_access channel_access, p_history history_kind, p_announce boolean,
	p_pair text[], p_creator text)
returns uuid language plpgsql
as $$
declare
	v_at timestamptz := clock_timestamp();
	v_id uuid;
begin
	insert into conversations (id, type, name, access, history, announce,
		direct_low, direct_high, created_by, created_at, last_at)
	values (uuid_v7(), p_type, p_name, p_access,
		coalesce(p_history, 'all'), coalesce(p_announce, true),
		least(p_pair[1] collate "C", p_pair[2]),
		greatest(p_pair[1] collate "C", p_pair[2]), p_creator, v_at,
		v_at)
	on conflict do nothing
	returning id into v_id;
	return v_id;
end $$;

-- Its first members, the owner first, and conversation.created to each of
-- them.  The last call of its caller.
create function conversation_people(p_id uuid, p_owner text, p_users text[],
	p_origin text) returns bigint language plpgsql
as $$
declare
	v_all text[];
	v_data text[];
	v_count integer;
begin
	select array_agg(i.id order by i.ord) into v_all
	from (select u.id, min(u.ord) as ord
		from unnest(p_owner || p_users) with ordinality u(id, ord)
		where u.id is not null
		group by u.id) i;
	v_count := coalesce(cardinality(v_all), 0);
	if v_count = 0 then
		return null;
	end if;
	insert into members (conversation_id, user_id, role, joined_at, join_no,
		barred)
	select p_id, i.id, case when i.id = p_owner then 'owner'::member_role
		else 'member' end, c.created_at, i.ord, c.type = 'direct'
		and exists (select from blocks b
			where b.blocked_id = i.id and b.user_id = any (v_all))
	from unnest(v_all) with ordinality i(id, ord), conversations c
	where c.id = p_id;
	update conversations set member_count = v_count, joins = v_count
	where id = p_id;
	select array_agg(v.object order by i.ord) into v_data
	from unnest(v_all) with ordinality i(id, ord),
		conversation_object(i.id, p_id) v;
	return emit(array(select 'user:' || i.id
			from unnest(v_all) with ordinality i(id, ord)
			order by i.ord),
		array_fill('conversation.created'::text, array[v_count]),
		v_data, array_fill(p_origin, array[v_count]), null,
		array_fill(1::smallint, array[v_count]),
		array_fill('conversation:' || p_id, array[v_count]));
end $$;

-- Two users' lock: what they have with each other, a direct conversation and
-- blocks, changes in one transaction at a time.  Taken before any other.
create function pair_lock(p_one text, p_other text) returns void
language plpgsql
as $$
begin
	perform pg_advisory_xact_lock(78, hashtext(
		least(p_one collate "C", p_other) || chr(10)
		|| greatest(p_one collate "C", p_other)));
end $$;

-- The direct conversation of two users; null when there is none.
create function direct_find(p_one text, p_other text) returns uuid
language plpgsql stable
as $$
begin
	return (select c.id from conversations c
		where c.type = 'direct'
			and c.direct_low = least(p_one collate "C", p_other)
			and c.direct_high
				= greatest(p_one collate "C", p_other));
end $$;

-- What is wrong with the arguments, said before anything is written.  What does
-- not fit the type is refused rather than left out: the caller believes in it.
create function conversations_create_check(p_caller text, p_role text,
	p_type text, p_user_id text, p_name text, p_member_ids text[],
	p_access text, p_history text, p_announce boolean)
returns void language plpgsql
as $$
declare
	v_odd text := case
		when p_type <> 'direct' and p_user_id is not null
			then 'user_id'
		when p_type <> 'channel' and p_access is not null
			then 'access'
		when p_type <> 'channel' and p_announce is not null
			then 'announce'
		when p_type = 'direct' and p_name is not null then 'name'
		when p_type = 'direct' and p_member_ids is not null
			then 'member_ids'
		when p_type = 'direct' and p_history is not null
			then 'history' end;
begin
	if v_odd is not null then
		perform refuse('invalid', format(
			'A conversation of type %s has no %s.', p_type, v_odd),
			v_odd);
	elsif p_type = 'direct' and p_user_id is null then
		perform refuse('required',
			'A direct conversation needs the other user.',
			'user_id');
	elsif p_user_id = p_caller then
		perform refuse('invalid',
			'The other user must be somebody else.', 'user_id');
	elsif p_type <> 'direct' and p_name is null then
		perform refuse('required', 'It needs a name.', 'name');
	elsif p_type = 'channel' and p_role not in ('admin', 'service') then
		perform refuse('forbidden',
			'Channels are made by services and admins.');
	elsif p_type = 'channel' and (uuid_shaped(p_name)
		or p_name !~ '^[A-Za-z0-9][A-Za-z0-9:._-]{0,127}$') then
		perform refuse('invalid', 'A channel''s name is made of'
			' letters, digits and : . _ - and is not a UUID.',
			'name');
	end if;
end $$;

-- 200 and what is there for a direct conversation that exists, also for two
-- clients that create it at once: the second waits on the unique index.  The
-- one who creates a group or channel owns it, except services: they act on
-- conversations without being in them.
create function conversations_create(p_caller text, p_role text,
	p_origin text, p_type text, p_user_id text, p_name text,
	p_member_ids text[], p_access text, p_history text,
	p_announce boolean default null)
returns table (status integer, made conversation_row, event_id bigint)
language plpgsql
as $$
#variable_conflict use_column
declare
	v_pair text[];
	v_id uuid;
begin
	perform conversations_create_check(p_caller, p_role, p_type, p_user_id,
		p_name, p_member_ids, p_access, p_history, p_announce);
	status := 201;
	if p_type = 'direct' then
		v_pair := array[p_caller, p_user_id];
		perform users_require(v_pair[2:2], p_role, 'user_id', false);
		perform pair_lock(p_caller, p_user_id);
		v_id := direct_find(p_caller, p_user_id);
		if v_id is not null then
			status := 200;
		elsif exists (select from blocks b where b.user_id = p_user_id
			and b.blocked_id = p_caller) then
			perform refuse('forbidden', 'You may not open a'
				' conversation with this user.');
		else
			v_id := conversation_insert('direct', null, null, null,
				null, v_pair, p_caller);
			event_id := conversation_people(v_id, null, v_pair,
				p_origin);
		end if;
	else
		perform users_require(p_member_ids, p_role, 'member_ids', true);
		v_id := conversation_insert(p_type::conversation_type, p_name,
			case when p_type = 'channel' then coalesce(p_access,
				'members')::channel_access end,
			p_history::history_kind, p_announce, null, p_caller);
		if v_id is null then
			perform refuse('name_taken',
				'There is a channel of this name.', 'name');
		end if;
		event_id := conversation_people(v_id, case when p_role
			<> 'service' then p_caller end, p_member_ids,
			p_origin);
	end if;
	return query select status, v, event_id
		from conversation_view(p_caller, v_id) v;
end $$;

-- Locks the conversation for a change of its members and tells what the
-- caller is in it (`mine`, null: nothing).  Refuses who may not even know that
-- it is there.
create function members_lock(p_caller text, p_role text,
	p_conversation text)
returns table (id uuid, type conversation_type, access channel_access,
	history history_kind, announce boolean, last_seq bigint,
	member_count integer, joins bigint, mine member_role) language plpgsql rows 1
as $$
#variable_conflict use_column
declare
	v_id uuid := conversation_find(p_conversation);
begin
	perform from conversations c where c.id = v_id for no key update;
	-- A statement of its own: its snapshot is taken after the lock.
	select c.id, c.type, c.access, c.history, c.announce, c.last_seq,
		c.member_count, c.joins, m.role
	into id, type, access, history, announce, last_seq, member_count,
		joins, mine
	from conversations c
	left join members m on m.conversation_id = c.id
		and m.user_id = p_caller and m.left_at is null
	where c.id = v_id and (p_role <> 'user' or m.user_id is not null
		or c.access = 'open');
	if not found then
		perform refuse('not_found', 'There is no such conversation.');
	elsif type = 'direct' then
		perform refuse('direct_conversation',
			'A direct conversation keeps its two members.');
	end if;
	return next;
end $$;

-- member.added for each, first to the conversation, unless that is a channel
-- that does not announce, then to the user, whose copy brings the conversation
-- along and makes it one of their topics.
create function members_added_emit(p_id uuid, p_users text[], p_by text,
	p_origin text) returns bigint language plpgsql
as $$
declare
	v_topic text[];
	v_data text[];
	v_effect smallint[];
	v_effect_topic text[];
begin
	select array_agg(t.topic order by i.ord, t.ord),
		array_agg(t.data order by i.ord, t.ord),
		array_agg(t.effect order by i.ord, t.ord),
		array_agg(case when t.ord = 2 then 'conversation:' || p_id end
			order by i.ord, t.ord)
	into v_topic, v_data, v_effect, v_effect_topic
	from conversations c,
		unnest(p_users) with ordinality i(id, ord),
		lateral (
			select p_id as conversation_id, i.id as user_id,
				p_by as by, s.members->0 as member,
				c.member_count
			from members_shown(p_id, 1, array[i.id]) s) d,
		lateral (
			select 1 as ord, 'conversation:' || p_id as topic,
				null::smallint as effect, row_to_json(d)::text
				as data
			where c.announce
			union all
			select 2, 'user:' || i.id, 1::smallint,
				row_to_json(x)::text
			from (select d.*, v.object::json as conversation
				from conversation_object(i.id, p_id) v) x) t
	where c.id = p_id;
	return emit(v_topic, array_fill('member.added'::text,
		array[cardinality(v_topic)]), v_data,
		array_fill(p_origin, array[cardinality(v_topic)]), null,
		v_effect, v_effect_topic);
end $$;

-- Owners and admins of the conversation, services and admins add anybody;
-- whoever may read an open channel adds themselves.  Who is a member already
-- is left alone.  Joining starts everything anew: read up to here, and from
-- here on others see what is read.
create function members_add(p_caller text, p_role text, p_origin text,
	p_conversation text, p_user_ids text[])
returns table (conversation_id uuid, added json, members json,
	member_count integer, event_id bigint) language plpgsql rows 1
as $$
#variable_conflict use_column
declare
	v record;
	v_new text[];
begin
	select * into v from members_lock(p_caller, p_role, p_conversation);
	if p_role = 'user' and coalesce(v.mine, 'member') = 'member'
		and (v.access is distinct from 'open'
			or p_user_ids <> array[p_caller]) then
		perform refuse('forbidden',
			'Only its owners and admins add members.');
	end if;
	perform users_require(p_user_ids, p_role, 'user_ids', true);
	with joined as (
		insert into members as m (conversation_id, user_id, joined_at,
			join_no, visible_from, last_read_seq, seen_upto)
		select v.id, i.id, clock_timestamp(), v.joins + i.ord,
			case when v.history = 'joined' then v.last_seq + 1
				else 1 end, v.last_seq, v.last_seq
		from (select u.id, min(u.ord) as ord
			from unnest(p_user_ids) with ordinality u(id, ord)
			group by u.id) i
		order by i.id collate "C"
		on conflict (conversation_id, user_id) do update set
			role = excluded.role, joined_at = excluded.joined_at,
			left_at = null, join_no = excluded.join_no,
			visible_from = excluded.visible_from,
			last_read_seq = excluded.last_read_seq,
			seen_upto = excluded.seen_upto
		where m.left_at is not null
		returning m.user_id, m.join_no)
	select array_agg(user_id order by join_no) into v_new from joined;
	conversation_id := v.id;
	added := coalesce(to_json(v_new), '[]');
	select s.members into members
	from members_shown(v.id, cardinality(p_user_ids), p_user_ids) s;
	member_count := v.member_count + coalesce(cardinality(v_new), 0);
	if v_new is not null then
		update conversations c set member_count
			= v.member_count + cardinality(v_new),
			joins = v.joins + cardinality(p_user_ids)
		where c.id = v.id;
		event_id := members_added_emit(v.id, v_new, p_caller, p_origin);
	end if;
	return next;
end $$;

-- Owners, services and admins change what a member is.  There may be several
-- owners, so that ownership is handed on by making another one first; the last
-- one stays.  Saying what is so already changes nothing and tells nobody.
create function members_update(p_caller text, p_role text, p_origin text,
	p_conversation text, p_user_id text, p_new member_role)
returns table (id text, name text, picture text, role member_role,
	joined_at timestamptz, seen_upto bigint, event_id bigint)
language plpgsql rows 1
as $$
#variable_conflict use_column
declare
	v record;
	v_old member_role;
	v_data text;
begin
	select * into v from members_lock(p_caller, p_role, p_conversation);
	if p_role = 'user' and v.mine is distinct from 'owner' then
		perform refuse('forbidden',
			'Only its owners say what its members are.');
	end if;
	select m.role into v_old from members m
	where m.conversation_id = v.id and m.user_id = p_user_id
		and m.left_at is null;
	if not found then
		perform refuse('not_found', 'There is no such member.');
	elsif v_old = 'owner' and p_new <> 'owner' and not exists (
		select from members m
		where m.conversation_id = v.id and m.left_at is null
			and m.role = 'owner' and m.user_id <> p_user_id) then
		perform refuse('last_owner', 'Make somebody else an owner'
			' first: this is the last one.', 'role');
	end if;
	update members m set role = p_new
	where m.conversation_id = v.id and m.user_id = p_user_id
		and m.role <> p_new;
	if found then
		select row_to_json(x)::text into v_data
		from (select v.id as conversation_id, p_user_id as user_id,
				p_caller as by, s.members->0 as member
			from members_shown(v.id, 1, array[p_user_id]) s) x;
		event_id := emit(array['conversation:' || v.id],
			array['member.updated'], array[v_data],
			array[p_origin]);
	end if;
	return query
	select u.id, u.name, u.picture, m.role, m.joined_at, m.seen_upto,
		event_id
	from members m
	join users u on u.id = m.user_id
	where m.conversation_id = v.id and m.user_id = p_user_id;
end $$;

-- A group whose last owner leaves goes to its longest-standing admin, else to
-- its longest-standing member.
create function members_inherit(p_id uuid) returns text
language plpgsql
as $$
declare
	v_heir text;
begin
	select m.user_id into v_heir
	from members m
	where m.conversation_id = p_id and m.join_no > 0
	order by m.role = 'owner' desc, m.role = 'admin' desc, m.join_no
	limit 1;
	update members m set role = 'owner'
	where m.conversation_id = p_id and m.user_id = v_heir
		and m.role <> 'owner';
	return case when found then v_heir end;
end $$;

-- Members remove themselves; owners remove anybody, admins of the
-- conversation plain members, services and admins anybody.  The user is told
-- first, so that the removal is the last thing they get.
create function members_remove(p_caller text, p_role text, p_origin text,
	p_conversation text, p_user_id text)
returns table (conversation_id uuid, user_id text, member_count integer,
	event_id bigint) language plpgsql rows 1
as $$
#variable_conflict use_column
declare
	v record;
	v_theirs member_role;
	v_heir text;
	v_data text;
	v_topics text[];
	v_size integer;
begin
	select * into v from members_lock(p_caller, p_role, p_conversation);
	select m.role into v_theirs from members m
	where m.conversation_id = v.id and m.user_id = p_user_id
		and m.left_at is null;
	if p_user_id <> p_caller and p_role = 'user'
		and v.mine is distinct from 'owner'
		and (v.mine is distinct from 'admin'
			or coalesce(v_theirs, 'member') <> 'member') then
		perform refuse('forbidden',
			'Only its owners and admins remove members.');
	elsif v_theirs is null then
		perform refuse('not_found', 'There is no such member.');
	end if;
	update members m set left_at = clock_timestamp(), join_no = null
	where m.conversation_id = v.id and m.user_id = p_user_id;
	update conversations c set member_count = v.member_count - 1
	where c.id = v.id;
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
	-- A channel that does not announce tells nobody else, unless who owns it
	-- has changed.
	v_topics := array['user:' || p_user_id, 'conversation:' || v.id];
	v_size := case when v.announce or v_heir is not null then 2 else 1 end;
	event_id := emit(v_topics[:v_size],
		array_fill('member.removed'::text, array[v_size]),
		array_fill(v_data, array[v_size]),
		array_fill(p_origin, array[v_size]), null,
		(array[-1, null]::smallint[])[:v_size],
		(array['conversation:' || v.id, null])[:v_size]);
	return next;
end $$;
