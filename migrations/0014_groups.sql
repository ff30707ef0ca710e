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

-- `image_id`: a picture; `attachments` refers to it too, as if it were shown by
-- a message of the conversation's own id.
create type group_visibility as enum ('public', 'private');
alter table conversations
	add column description text,
	add column image_id uuid,
	add column category text,
	add column visibility group_visibility;
update conversations set category = 'general', visibility = case
	when type = 'group' then 'private'::group_visibility end
where type <> 'direct' and parent_id is null;

-- How a member keeps the conversation.  `muted_until`: infinity is for good.
-- It is hidden as long as `hidden_upto` is its last message.
create type notification_level as enum ('all', 'mentions', 'none');
alter table members
	add column nickname text,
	add column muted_until timestamptz,
	add column archived boolean not null default false,
	add column favourite boolean not null default false,
	add column level notification_level not null default 'all',
	add column hidden_upto bigint;

create function json_string(p_text text) returns text
language sql stable
as $$ select coalesce(to_json(p_text)::text, 'null') $$;

-- A user's part of what is shown of members: kept, since it is shown far more
-- often than written.
create function person_json(p_id text, p_name text, p_picture text)
returns text language plpgsql immutable
as $$
begin
	return concat('"id":', json_string(p_id), ',"name":',
		json_string(p_name), ',"picture":', json_string(p_picture));
end $$;
alter table users add column person text
	generated always as (person_json(id, name, picture)) stored;

-- A member as all who may see the members see them.
create function member_json(p_person text, p_nickname text, p_role member_role,
	p_joined_at timestamptz, p_seen_upto bigint, p_delivered_upto bigint)
returns text
language sql stable
as $$
select concat('{', p_person, ',"nickname":', json_string(p_nickname),
	',"role":"', p_role, '","joined_at":"', rfc3339(p_joined_at),
	'","seen_upto":', p_seen_upto,
	',"delivered_upto":', greatest(p_seen_upto, p_delivered_upto), '}')
$$;

-- One of them; null: no member.
create function member_object(p_conversation_id uuid, p_user_id text)
returns text language plpgsql stable
as $$
begin
	return (select member_json(u.person, m.nickname, m.role, m.joined_at,
			m.seen_upto, m.delivered_upto)
		from members m
		join users u on u.id = m.user_id
		where m.conversation_id = p_conversation_id
			and m.user_id = p_user_id and m.join_no > 0);
end $$;

-- What the caller has set for themselves.
create function settings_json(p_muted_until timestamptz, p_archived boolean,
	p_favourite boolean, p_nickname text, p_level notification_level,
	p_hidden boolean) returns text
language sql stable
as $$
select concat('{"muted":', case when p_muted_until is null then 'false'
		else 'true' end,
	',"muted_until":', coalesce('"' || rfc3339(nullif(p_muted_until,
		'infinity')) || '"', 'null'),
	',"archived":', case when p_archived then 'true' else 'false' end,
	',"favourite":', case when p_favourite then 'true' else 'false' end,
	',"nickname":', json_string(p_nickname), ',"level":"', p_level,
	'","hidden":', case when p_hidden then 'true' else 'false' end, '}')
$$;

-- What conversations.update changes, as members of an object.
create function conversation_said(p_name text, p_description text,
	p_image_id uuid, p_category text, p_visibility group_visibility,
	p_history history_kind) returns text
language sql stable
as $$
select concat('"name":', json_string(p_name),
	',"description":', json_string(p_description),
	',"image":', case when p_image_id is null then 'null'
		else concat('{"id":"', p_image_id,
			'","url":"', file_url(p_image_id, 'original'),
			'","thumbnail_url":"',
			file_url(p_image_id, 'thumbnail'), '"}') end,
	',"category":', json_string(p_category),
	',"visibility":', coalesce('"' || p_visibility || '"', 'null'),
	',"history":"', p_history, '"')
$$;

drop function conversation_object(text, uuid);
drop function conversation_view(text, uuid);
drop function conversation_json(uuid, text, text, text, text, boolean, text,
	timestamptz, bigint, timestamptz, integer, text, bigint, integer, json,
	json);
drop function unread_after(uuid, bigint, bigint);
drop function members_shown(uuid, integer, text[]);

-- As before; who has read everything costs no look.
create function unread_after(p_conversation_id uuid, p_last_seq bigint,
	p_read bigint) returns table (unread integer)
language sql stable rows 1
as $$
select greatest(0, least(999, p_last_seq - p_read - count(*)))::integer
from (select
	from messages m
	where m.conversation_id = p_conversation_id and m.seq > p_read
		and (m.type = 'system' or m.deleted_at is not null)
		and p_read < p_last_seq
	limit 2000) uncounted
$$;

-- The members that a conversation is shown with, or (p_users) those of them: a
-- JSON array, without the line feeds of json_agg, which an event must not have.
create function members_shown(p_conversation_id uuid, p_limit integer,
	p_users text[] default null) returns table (members text)
language sql stable rows 1
as $$
select concat('[', string_agg(x.member, ','), ']')
from (select member_json(u.person, m.nickname, m.role, m.joined_at,
		m.seen_upto, m.delivered_upto) as member
	from members m
	join users u on u.id = m.user_id
	where m.conversation_id = p_conversation_id and m.join_no > 0
		and (p_users is null or m.user_id = any (p_users))
	order by m.join_no
	limit p_limit) x
$$;

-- A conversation as one caller sees it, as one JSON object.  Who may see it
-- without being a member sees no members and no message of a public group, and
-- of an open channel what a new member would.
create function conversation_object(p_caller text, p_role text, p_id uuid)
returns table (object text) language sql stable rows 1
as $$
select concat('{"id":"', c.id, '","type":"', c.type, '",',
	conversation_said(c.name, c.description, c.image_id, c.category,
		c.visibility, c.history),
	',"access":', coalesce('"' || c.access || '"', 'null'),
	',"announce":', case when c.announce then 'true' else 'false' end,
	',"created_by":', json_string(c.created_by),
	',"created_at":"', rfc3339(c.created_at), '","last_seq":', c.last_seq,
	',"last_activity_at":"', rfc3339(c.last_at),
	'","member_count":', c.member_count,
	',"role":', coalesce('"' || me.role || '"', 'null'),
	',"visible_from":', v.visible_from,
	',"last_read_seq":', coalesce(me.last_read_seq::text, 'null'),
	',"unread":', n.unread,
	',"first_unread_seq":', case when n.unread > 0
		then (v.read + 1)::text else 'null' end,
	',"mentions":', g.mentions,
	',"settings":', case when me.user_id is null then 'null'
		else settings_json(me.muted_until, me.archived, me.favourite,
			me.nickname, me.level,
			me.hidden_upto >= c.last_seq) end,
	',"members":', case when v.inside then f.members else '[]' end,
	',"last_message":', case when m.id is null then 'null'
		else message_json(m.id, m.conversation_id, m.seq, m.sender_id,
			s.name, s.picture, m.type::text, m.text, m.reply_to,
			m.attachments::text, m.platform, rfc3339(m.created_at),
			case when message_has_more(m) then message_more(m,
				p_caller, p_role) end) end,
	',"parent_id":"' || c.parent_id || '","root_id":"' || c.root_id
		|| '"', '}')
from conversations c
left join members me on me.conversation_id = c.id and me.user_id = p_caller
	and me.left_at is null
cross join lateral (
	select me.user_id is not null or p_role <> 'user'
			or c.access is not distinct from 'open' as inside,
		coalesce(me.visible_from, case when p_role <> 'user'
			or (c.access is not distinct from 'open'
				and c.history = 'all') then 1
			else c.last_seq + 1 end) as visible_from,
		case when me.user_id is null then c.last_seq
			else greatest(me.last_read_seq, me.visible_from - 1) end
			as read) v
left join messages m on m.conversation_id = c.id and m.seq = c.last_seq
	and m.seq >= v.visible_from
left join users s on s.id = m.sender_id
cross join lateral unread_after(c.id, c.last_seq, v.read) n
cross join lateral mentions_after(p_caller, c.id, c.last_seq, v.read) g
cross join lateral members_shown(c.id, 8) f
where c.id = p_id
$$;

-- A page of the caller's conversations, newest activity first, one more than
-- asked for; of the filters null ones do not count.  (Offset 0 keeps them out of
-- the join: the planner would expect next to nothing of them and begin with all
-- conversations there are.)
create function conversations_page(p_caller text, p_before text,
	p_limit integer, p_type text default null,
	p_archived boolean default null, p_favourite boolean default null,
	p_hidden boolean default null)
returns table (id uuid, last_at timestamptz, n bigint)
language sql stable
as $$
select x.id, x.last_at, row_number() over (order by x.last_at desc, x.id desc)
from (select c.id, c.type, c.last_at, m.archived, m.favourite,
		m.hidden_upto >= c.last_seq as hidden, k.at, k.id as at_id
	from cursor_parse(p_before, 'before') k, members m
	join conversations c on c.id = m.conversation_id
	where m.user_id = p_caller and m.left_at is null
	offset 0) x
where (x.at is null or (x.last_at, x.id::text collate "C") < (x.at, x.at_id))
	and (p_type is null or x.type::text = p_type)
	and (p_archived is null or x.archived = p_archived)
	and (p_favourite is null or x.favourite = p_favourite)
	and (p_hidden is null or coalesce(x.hidden, false) = p_hidden)
order by x.last_at desc, x.id desc
limit p_limit + 1
$$;

-- Refuses who may not even know that it is there; answers its id.
create function conversation_known(p_caller text, p_role text, p_id uuid)
returns uuid language plpgsql stable
as $$
begin
	if not exists (select from conversation_right(p_caller, p_role, p_id))
		and not exists (select from conversations c where c.id = p_id
			and c.visibility = 'public' and c.deleted_at is null)
		then
		perform refuse('not_found', 'There is no such conversation.');
	end if;
	return p_id;
end $$;

-- Its first members, the owner first, and conversation.created to each of
-- them.  The last call of its caller.
create or replace function conversation_people(p_id uuid, p_owner text, p_users text[],
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
		conversation_object(i.id, 'user', p_id) v;
	return emit(array(select 'user:' || i.id
			from unnest(v_all) with ordinality i(id, ord)
			order by i.ord),
		array_fill('conversation.created'::text, array[v_count]),
		v_data, array_fill(p_origin, array[v_count]), null,
		array_fill(1::smallint, array[v_count]),
		array_fill('conversation:' || p_id, array[v_count]));
end $$;

-- 200 and what is there for a direct conversation that exists, also for two
-- clients that create it at once: the second waits on the unique index.  The
-- one who creates a group or channel owns it, except services: they act on
-- conversations without being in them.
drop function conversations_create(text, text, text, text, text, text, text[],
	text, text, boolean);
create function conversations_create(p_caller text, p_role text,
	p_origin text, p_type text, p_user_id text, p_name text,
	p_member_ids text[], p_access text, p_history text,
	p_announce boolean default null)
returns table (status integer, id uuid, object text, event_id bigint)
language plpgsql rows 1
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
	id := v_id;
	select o.object into object
	from conversation_object(p_caller, p_role, v_id) o;
	return next;
end $$;

-- member.added for each, first to the conversation, unless that is a channel
-- that does not announce, then to the user, whose copy brings the conversation
-- along and makes it one of their topics.
create or replace function members_added_emit(p_id uuid, p_users text[], p_by text,
	p_origin text) returns bigint language plpgsql
as $$
declare
	v_topic text[];
	v_data text[];
	v_effect smallint[];
	v_effect_topic text[];
	v_shown uuid[];
begin
	select array_agg(t.topic order by i.ord, t.ord),
		array_agg(t.data order by i.ord, t.ord),
		array_agg(t.effect order by i.ord, t.ord),
		array_agg(case when t.ord = 2 then 'conversation:' || p_id end
			order by i.ord, t.ord),
		array_agg(case when t.ord = 2 then m.id end
			order by i.ord, t.ord)
	into v_topic, v_data, v_effect, v_effect_topic, v_shown
	from conversations c
	left join messages m on m.conversation_id = c.id
		and m.seq = c.last_seq,
		unnest(p_users) with ordinality i(id, ord),
		lateral (
			select concat('{"conversation_id":"', p_id,
				'","user_id":', to_json(i.id),
				',"by":', to_json(p_by),
				',"member":', member_object(p_id, i.id),
				',"member_count":', c.member_count) as data) d,
		lateral (
			select 1 as ord, 'conversation:' || p_id as topic,
				null::smallint as effect, d.data || '}' as data
			where c.announce
			union all
			select 2, 'user:' || i.id, 1::smallint,
				concat(d.data, ',"conversation":', v.object,
				'}')
			from conversation_object(i.id, 'user', p_id) v) t
	where c.id = p_id;
	return emit(v_topic, array_fill('member.added'::text,
		array[cardinality(v_topic)]), v_data,
		array_fill(p_origin, array[cardinality(v_topic)]), null,
		v_effect, v_effect_topic, v_shown);
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
	select s.members::json into members
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
drop function members_update(text, text, text, text, text, member_role);
create function members_update(p_caller text, p_role text, p_origin text,
	p_conversation text, p_user_id text, p_new member_role)
returns table (member text, event_id bigint)
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
		v_data := concat('{"conversation_id":"', v.id, '","user_id":',
			to_json(p_user_id), ',"by":', to_json(p_caller),
			',"member":', member_object(v.id, p_user_id), '}');
		event_id := emit(array['conversation:' || v.id],
			array['member.updated'], array[v_data],
			array[p_origin]);
	end if;
	member := member_object(v.id, p_user_id);
	return next;
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
	perform threads_leave(v.id, p_user_id);
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
