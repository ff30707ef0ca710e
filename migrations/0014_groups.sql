-- SPDX-License-Identifier: ISC
-- Groups: who may do what, how a conversation is described, found, kept by
-- each member in their own way, and deleted.

-- The one table of who may do what in a conversation; whatever asks asks
-- role_may or role_require.  `direct`: the two of a direct conversation;
-- `back_end`: services, and users whose token says admin, members or not.
-- `refusal` is what others are told.
create table role_rights (
	action text primary key,
	owner boolean not null,
	admin boolean not null,
	member boolean not null,
	direct boolean not null,
	back_end boolean not null,
	refusal text not null
);
insert into role_rights values
('rename', true, true, false, false, true,
	'Only its owners and admins give it another name.'),
('describe', true, true, false, false, true,
	'Only its owners and admins change its description, image or category.'),
('publish', true, false, false, false, true,
	'Only its owners make it public or private.'),
('set_history', true, false, false, false, true,
	'Only its owners say what new members read.'),
('add', true, true, false, false, true,
	'Only its owners and admins add members.'),
('kick_member', true, true, false, false, true,
	'Only its owners and admins remove members.'),
('kick_admin', true, false, false, false, true,
	'Only its owners remove owners and admins.'),
('promote', true, false, false, false, true,
	'Only its owners say what its members are.'),
('pin', true, true, false, true, true,
	'Only its owners and admins pin messages.'),
('delete_message', true, true, false, false, true,
	'Only its owners and admins delete what others wrote.'),
('mention_all', true, true, false, true, true,
	'Only its owners and admins mention everybody.'),
('delete_conversation', true, false, false, false, true,
	'Only its owners delete it.');

-- May they do it?  `mine` is what the caller is in the conversation (null:
-- nothing), `role` what the token says.
create function role_may(p_action text, p_mine member_role, p_role text,
	p_type conversation_type default 'group') returns boolean
language plpgsql stable
as $$
declare
	v_may boolean;
begin
	select case when p_role in ('admin', 'service') and r.back_end then true
		when p_mine is null then false
		when p_type = 'direct' then r.direct
		when p_mine = 'owner' then r.owner
		when p_mine = 'admin' then r.admin
		else r.member end
	into strict v_may
	from role_rights r
	where r.action = p_action;
	return v_may;
end $$;

-- Refuses, with the table's words, who may not.
create function role_require(p_action text, p_mine member_role, p_role text,
	p_type conversation_type default 'group') returns void
language plpgsql
as $$
begin
	if not role_may(p_action, p_mine, p_role, p_type) then
		perform refuse('forbidden', (select r.refusal from role_rights r
			where r.action = p_action));
	end if;
end $$;

-- Owners and admins of the conversation, services and admins add anybody;
-- whoever may read an open channel adds themselves.  Who is a member already
-- is left alone.  Joining starts everything anew: read up to here, and from
-- here on others see what is read.
create or replace function members_add(p_caller text, p_role text, p_origin text,
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
	if v.access is distinct from 'open' or p_user_ids <> array[p_caller]
		then
		perform role_require('add', v.mine, p_role);
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
create or replace function members_update(p_caller text, p_role text, p_origin text,
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
	perform role_require('promote', v.mine, p_role);
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

-- Members remove themselves; owners remove anybody, admins of the
-- conversation plain members, services and admins anybody.  The user is told
-- first, so that the removal is the last thing they get.
create or replace function members_remove(p_caller text, p_role text, p_origin text,
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
	if p_user_id <> p_caller then
		perform role_require(case when coalesce(v_theirs, 'member')
			= 'member' then 'kick_member' else 'kick_admin' end,
			v.mine, p_role);
	end if;
	if v_theirs is null then
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
