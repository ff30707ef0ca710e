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
	'Only its owners say who may find or read it.'),
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
-- a message of the conversation's own id.  `starts`: where the history begins
-- for the newest of those who were to read from their joining on; that they do,
-- whatever is said of later members.
create type group_visibility as enum ('public', 'private');
alter table conversations
	add column description text,
	add column image_id uuid,
	add column category text,
	add column visibility group_visibility,
	add column starts bigint;
update conversations c set starts = m.starts
from (select m.conversation_id, max(m.visible_from) as starts
	from members m
	where m.visible_from > 1
	group by m.conversation_id) m
where c.id = m.conversation_id;
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

-- What anybody may find: public groups and open channels; a table of its own, so
-- that a send has no index more to look at.  `words`: name and description.
create extension if not exists pg_trgm;
create table discovery (
	conversation_id uuid primary key,
	words text not null,
	category text not null,
	member_count integer not null
);
create index discovery_words on discovery using gin (words gin_trgm_ops);
create index discovery_size on discovery (member_count, conversation_id);
create index discovery_category
	on discovery (category, member_count, conversation_id);
insert into discovery
select c.id, c.name, c.category, c.member_count
from conversations c where c.access = 'open';

-- When to look whether a mute is over.
create table mute_ends (
	at timestamptz not null,
	conversation_id uuid not null,
	user_id text collate "C" not null,
	primary key (at, conversation_id, user_id)
);

-- Deleted conversations whose rows are still there.
create table purges (
	conversation_id uuid primary key,
	at timestamptz not null
);

-- What joins and leaves tell of a conversation is found by it.
create index events_effect_topic on events (effect_topic)
	where effect is not null;

-- An entry of the log, for functions that tell several things.
create type log_entry as (
	topic text,
	type text,
	data text,
	effect smallint,
	effect_topic text,
	message_id uuid
);

-- As emit, of entries; null ones are left out.  Joins and leaves say from where
-- on the user sees the conversation.
create function emit_entries(p_entries log_entry[], p_origin text,
	p_rewritten bigint[] default null) returns bigint
language plpgsql
as $$
declare
	v record;
begin
	select array_agg(e.topic order by e.ord) as topic,
		array_agg(e.type order by e.ord) as type,
		array_agg(e.data order by e.ord) as data,
		array_agg(p_origin) as origin,
		array_agg(e.effect order by e.ord) as effect,
		array_agg(e.effect_topic order by e.ord) as effect_topic,
		array_agg(e.message_id order by e.ord) as message_id,
		case when count(e.effect) > 0 then
			array_agg(m.visible_from order by e.ord) end as seq
	into v
	from unnest(p_entries) with ordinality e(topic, type, data, effect,
		effect_topic, message_id, ord)
	left join members m on e.effect is not null
		and m.user_id = substr(e.topic, 6) and m.conversation_id
			= substr(e.effect_topic, 14)::uuid
	where e.topic is not null;
	if v.topic is null then
		return null;
	elsif p_rewritten is null and v.seq is null then
		return emit(v.topic, v.type, v.data, v.origin, null, v.effect,
			v.effect_topic, v.message_id);
	end if;
	return emit(v.topic, v.type, v.data, v.origin, null, v.effect,
		v.effect_topic, v.message_id, p_rewritten, v.seq);
end $$;

-- What the service says in the history of a group, as an entry of the log; null
-- elsewhere.  The caller holds the conversation.
create function group_notice(p_id uuid, p_type conversation_type, p_by text,
	p_system json) returns log_entry language plpgsql
as $$
declare
	v_entry log_entry;
begin
	if p_type = 'group' then
		select 'conversation:' || p_id, 'message.created', m.object,
			null, null, m.message_id
		into v_entry
		from system_message(p_id, p_by, p_system) m;
	end if;
	return v_entry;
end $$;

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

-- Do members see up to where others have read, and hear of it?  Not in large
-- conversations, and not where it is not told who comes and goes.
create function receipts_shown(p_member_count integer, p_announce boolean)
returns boolean language sql immutable
as $$ select p_member_count <= 64 and p_announce $$;

-- A member as all who may see the members see them; without positions where
-- those are not shown.
create function member_json(p_person text, p_nickname text, p_role member_role,
	p_joined_at timestamptz, p_seen_upto bigint, p_delivered_upto bigint)
returns text
language sql stable
as $$
select concat('{', p_person, ',"nickname":', json_string(p_nickname),
	',"role":"', p_role, '","joined_at":"', rfc3339(p_joined_at),
	'","seen_upto":', coalesce(p_seen_upto::text, 'null'),
	',"delivered_upto":', coalesce(greatest(p_seen_upto,
		p_delivered_upto)::text, 'null'), '}')
$$;

-- One of them; null: no member.
create function member_object(p_conversation_id uuid, p_user_id text)
returns text language plpgsql stable
as $$
begin
	return (select member_json(u.person, m.nickname, m.role, m.joined_at,
			case when r.shown then m.seen_upto end,
			case when r.shown then m.delivered_upto end)
		from members m
		join users u on u.id = m.user_id
		join conversations c on c.id = m.conversation_id
		cross join lateral receipts_shown(c.member_count, c.announce)
			r(shown)
		where m.conversation_id = p_conversation_id
			and m.user_id = p_user_id and m.join_no > 0);
end $$;

-- What the caller has set for themselves.  A mute is over at its time, whether
-- anybody has taken note or not.
create function settings_json(p_muted_until timestamptz, p_archived boolean,
	p_favourite boolean, p_nickname text, p_level notification_level,
	p_hidden boolean) returns text
language sql stable
as $$
select concat('{"muted":', case when p_muted_until > clock_timestamp()
		then 'true' else 'false' end,
	',"muted_until":', coalesce('"' || case when p_muted_until < 'infinity'
		and p_muted_until > clock_timestamp()
		then rfc3339(p_muted_until) end || '"', 'null'),
	',"archived":', case when p_archived then 'true' else 'false' end,
	',"favourite":', case when p_favourite then 'true' else 'false' end,
	',"nickname":', json_string(p_nickname), ',"level":"', p_level,
	'","hidden":', case when p_hidden then 'true' else 'false' end, '}')
$$;

-- What conversations.update changes, as members of an object.
create function conversation_said(p_name text, p_description text,
	p_image_id uuid, p_category text, p_visibility group_visibility,
	p_access channel_access, p_history history_kind) returns text
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
	',"access":', coalesce('"' || p_access || '"', 'null'),
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
-- `p_receipts`: see receipts_shown.
create function members_shown(p_conversation_id uuid, p_limit integer,
	p_receipts boolean, p_users text[] default null)
returns table (members text)
language sql stable rows 1
as $$
select concat('[', string_agg(x.member, ','), ']')
from (select member_json(u.person, m.nickname, m.role, m.joined_at,
		case when p_receipts then m.seen_upto end,
		case when p_receipts then m.delivered_upto end) as member
	from members m
	join users u on u.id = m.user_id
	where m.conversation_id = p_conversation_id and m.join_no > 0
		and (p_users is null or m.user_id = any (p_users))
	order by m.join_no
	limit p_limit) x
$$;

-- The newest message that a member typed when positions_advance has not yet come
-- to it: they have read up to there.  Null: there is none.
create function written_upto(p members, p_last_seq bigint,
	p_last_at timestamptz) returns bigint language plpgsql stable
as $$
begin
	if p.last_read_seq >= p_last_seq
		or p_last_at < now() - interval '10 seconds' then
		return null;
	end if;
	return (select m.seq
		from messages m
		where m.conversation_id = p.conversation_id and m.seq > greatest(
			p_last_seq - 100, p.last_read_seq, p.turned_at)
			and m.sender_id = p.user_id and m.via is null
			and m.type <> 'system'
		order by m.seq desc
		limit 1);
end $$;

-- A conversation as one caller sees it, as one JSON object.  Who may see it
-- without being a member sees no members and no message of a public group, and
-- of an open channel what a new member would.
create function conversation_object(p_caller text, p_role text, p_id uuid)
returns table (object text) language sql stable rows 1
as $$
select concat('{"id":"', c.id, '","type":"', c.type, '",',
	conversation_said(c.name, c.description, c.image_id, c.category,
		c.visibility, c.access, c.history),
	',"announce":', case when c.announce then 'true' else 'false' end,
	',"created_by":', json_string(c.created_by),
	',"created_at":"', rfc3339(c.created_at), '","last_seq":', c.last_seq,
	',"last_activity_at":"', rfc3339(c.last_at),
	'","member_count":', c.member_count,
	',"role":', coalesce('"' || me.role || '"', 'null'),
	',"visible_from":', v.visible_from,
	',"last_read_seq":', coalesce(greatest(me.last_read_seq, w.seq)::text,
		'null'),
	',"unread":', n.unread,
	',"first_unread_seq":', case when n.unread > 0
		then (v.read + 1)::text else 'null' end,
	',"mentions":', g.mentions,
	',"settings":', case when me.user_id is null then 'null'
		else settings_json(me.muted_until, me.archived, me.favourite,
			me.nickname, me.level,
			me.hidden_upto >= c.last_seq) end,
	',"members":', case when v.inside then (
		select f.members
		from members_shown(c.id, 8, receipts_shown(c.member_count,
			c.announce)) f) else '[]' end,
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
cross join lateral written_upto(me, c.last_seq, c.last_at) w(seq)
cross join lateral (
	select me.user_id is not null or p_role <> 'user'
			or c.access is not distinct from 'open' as inside,
		coalesce(me.visible_from, case when p_role <> 'user'
			or c.parent_id is not null
			or (c.access is not distinct from 'open'
				and c.history = 'all') then 1
			else c.last_seq + 1 end) as visible_from,
		case when me.user_id is null then c.last_seq
			else greatest(me.last_read_seq, me.visible_from - 1,
				w.seq) end as read) v
left join messages m on m.conversation_id = c.id and m.seq = c.last_seq
	and m.seq >= v.visible_from
left join users s on s.id = m.sender_id
cross join lateral unread_after(c.id, c.last_seq, v.read) n
cross join lateral mentions_after(p_caller, c.id, c.last_seq, v.read) g
where c.id = p_id
$$;

-- A page of the caller's conversations, newest activity first, one more than
-- asked for; of the filters null ones do not count.  (Offset 0 keeps them out of
-- the join: the planner would expect next to nothing of them and begin with all
-- conversations there are.)
create function conversations_page(p_caller text, p_before text,
	p_limit integer, p_type text default null,
	p_archived boolean default null, p_favourite boolean default null,
	p_hidden boolean default null, p_category text default null)
returns table (id uuid, last_at timestamptz, n bigint)
language sql stable
as $$
select x.id, x.last_at, row_number() over (order by x.last_at desc, x.id desc)
from cursor_parse(p_before, 'before') k, lateral (
	select c.id, c.type, c.category, c.last_at, m.archived, m.favourite,
		m.hidden_upto >= c.last_seq as hidden, k.at, k.id as at_id
	from members m
	join conversations c on c.id = m.conversation_id
	where m.user_id = p_caller and m.left_at is null
	offset 0) x
where (x.at is null or (x.last_at, x.id::text collate "C") < (x.at, x.at_id))
	and (p_type is null or x.type::text = p_type)
	and (p_archived is null or x.archived = p_archived)
	and (p_favourite is null or x.favourite = p_favourite)
	and (p_hidden is null or coalesce(x.hidden, false) = p_hidden)
	and (p_category is null or x.category = p_category)
order by x.last_at desc, x.id desc
limit p_limit + 1
$$;

-- What to say to who may not: that a public group is there is no secret.
create function conversation_refusal(p_id uuid) returns text
language plpgsql stable
as $$
begin
	return case when exists (select from conversations c
		where c.id = p_id and c.visibility = 'public'
			and c.deleted_at is null)
		then 'forbidden' else 'not_found' end;
end $$;

drop function conversation_access(text, text, uuid);
drop function conversation_missing();
-- Not stable: the planner must not try it out.
create function conversation_missing(p_id uuid) returns boolean
language plpgsql
as $$
declare
	v_code text := conversation_refusal(p_id);
begin
	perform refuse(v_code, case v_code when 'forbidden'
		then 'This is for members: join it first.'
		else 'There is no such conversation.' end);
	return false;
end $$;

-- As conversation_right, for one conversation that must be readable.
create function conversation_access(p_caller text, p_role text, p_id uuid)
returns table (id uuid, visible_from bigint) language sql stable rows 1
as $$
select r.id, r.visible_from
from (select) one
left join conversation_right(p_caller, p_role, p_id) r on true
where r.id is not null or conversation_missing(p_id)
$$;

-- Nobody is brought into a conversation by one whom they have blocked.
create function blocks_require(p_caller text, p_role text, p_users text[],
	p_field text) returns void language plpgsql
as $$
begin
	if p_role = 'user' and exists (select from blocks b
		where b.blocked_id = p_caller and b.user_id = any (p_users))
		then
		perform refuse('forbidden', 'You may not add this user.',
			p_field);
	end if;
end $$;

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

-- A picture for a conversation: the caller's own.
create function image_check(p_image uuid, p_caller text, p_role text)
returns void language plpgsql
as $$
begin
	if p_image is not null and not exists (
		select from uploads f
		where f.id = p_image and f.thumbnail_sha256 is not null
			and (f.owner_id = p_caller or p_role = 'service')) then
		perform refuse('unknown_upload',
			'There is no picture of yours of this id.', 'image');
	end if;
end $$;

create function image_refer(p_id uuid, p_image uuid) returns void
language plpgsql
as $$
begin
	delete from attachments a
	where a.message_id = p_id and a.seq = 9223372036854775807;
	if p_image is not null then
		insert into attachments (upload_id, message_id,
			conversation_id, seq)
		values (p_image, p_id, p_id, 9223372036854775807);
	end if;
end $$;

-- As before, and whoever may find a conversation may see its picture.
create or replace function upload_readable(p_id uuid, p_owner text,
	p_caller text, p_role text) returns boolean
language sql stable
as $$
select p_owner = p_caller or p_role in ('admin', 'service') or exists (
	select
	from attachments a, conversation_right(p_caller, p_role,
		a.conversation_id) r
	where a.upload_id = p_id and a.seq >= r.visible_from) or exists (
	select
	from attachments a
	join discovery d on d.conversation_id = a.conversation_id
		and d.conversation_id = a.message_id
	where a.upload_id = p_id)
$$;

-- Puts it where it is found, or takes it away.
create function discovery_keep(p_id uuid) returns void
language plpgsql
as $$
begin
	insert into discovery as d (conversation_id, words, category,
		member_count)
	select c.id, concat_ws(' ', c.name, c.description),
		coalesce(c.category, 'general'), c.member_count
	from conversations c
	where c.id = p_id and c.deleted_at is null
		and (c.visibility = 'public' or c.access = 'open')
	on conflict (conversation_id) do update set words = excluded.words,
		category = excluded.category,
		member_count = excluded.member_count;
	if not found then
		delete from discovery d where d.conversation_id = p_id;
	end if;
end $$;

-- Its first members, the owner first, and conversation.created to each of
-- them.  The last call of its caller.
create or replace function conversation_people(p_id uuid, p_owner text,
	p_users text[], p_origin text) returns bigint language plpgsql
as $$
declare
	v_all text[];
begin
	select array_agg(i.id order by i.ord) into v_all
	from (select u.id, min(u.ord) as ord
		from unnest(p_owner || p_users) with ordinality u(id, ord)
		where u.id is not null
		group by u.id) i;
	insert into members (conversation_id, user_id, role, joined_at, join_no,
		barred)
	select p_id, i.id, case when i.id = p_owner then 'owner'::member_role
		else 'member' end, c.created_at, i.ord, c.type = 'direct'
		and exists (select from blocks b
			where b.blocked_id = i.id and b.user_id = any (v_all))
	from unnest(v_all) with ordinality i(id, ord), conversations c
	where c.id = p_id;
	update conversations set
		member_count = coalesce(cardinality(v_all), 0),
		joins = coalesce(cardinality(v_all), 0)
	where id = p_id;
	perform discovery_keep(p_id);
	return emit_entries(array(
		select ('user:' || i.id, 'conversation.created', v.object, 1,
			'conversation:' || p_id, null)::log_entry
		from unnest(v_all) with ordinality i(id, ord),
			conversation_object(i.id, 'user', p_id) v
		order by i.ord), p_origin);
end $$;

-- What is wrong with the arguments, said before anything is written.  What does
-- not fit the type is refused rather than left out: the caller believes in it.
drop function conversations_create_check(text, text, text, text, text, text[],
	text, text, boolean);
create function conversations_create_check(p_caller text, p_role text,
	p_type text, p_user_id text, p_name text, p_member_ids text[],
	p_access text, p_history text, p_announce boolean, p_description text,
	p_image uuid, p_category text, p_visibility text)
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
		when p_type <> 'group' and p_visibility is not null
			then 'visibility'
		when p_type <> 'direct' then null
		when p_name is not null then 'name'
		when p_member_ids is not null then 'member_ids'
		when p_history is not null then 'history'
		when p_description is not null then 'description'
		when p_image is not null then 'image'
		when p_category is not null then 'category' end;
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
	elsif p_name is null and (p_type = 'channel'
		or p_visibility = 'public') then
		perform refuse('required', 'It needs a name.', 'name');
	elsif p_type = 'channel' and p_role not in ('admin', 'service') then
		perform refuse('forbidden',
			'Channels are made by services and admins.');
	elsif p_type = 'channel' then
		perform channel_name_check(p_name);
	end if;
	perform image_check(p_image, p_caller, p_role);
end $$;

create function channel_name_check(p_name text) returns void language plpgsql
as $$
begin
	if uuid_shaped(p_name)
		or p_name !~ '^[A-Za-z0-9][A-Za-z0-9:._-]{0,127}$' then
		perform refuse('invalid', 'A channel''s name is made of'
			' letters, digits and : . _ - and is not a UUID.',
			'name');
	end if;
end $$;

-- For who shows users where users_announce does not look for them yet: a change
-- of name that is under way is waited for, and a later one finds them there.
-- Before conversations are locked, as users_announce does it.
create function users_hold(p_ids text[]) returns void language plpgsql
as $$
begin
	perform from users u where u.id = any (p_ids) order by u.id for share;
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
	p_announce boolean default null, p_description text default null,
	p_image uuid default null, p_category text default null,
	p_visibility text default null)
returns table (status integer, id uuid, object text, event_id bigint)
language plpgsql rows 1
as $$
#variable_conflict use_column
declare
	v_pair text[];
	v_id uuid;
begin
	perform conversations_create_check(p_caller, p_role, p_type, p_user_id,
		p_name, p_member_ids, p_access, p_history, p_announce,
		p_description, p_image, p_category, p_visibility);
	perform users_hold(array[p_caller, p_user_id] || p_member_ids);
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
		perform blocks_require(p_caller, p_role, p_member_ids,
			'member_ids');
		v_id := conversation_insert(p_type::conversation_type, p_name,
			case when p_type = 'channel' then coalesce(p_access,
				'members')::channel_access end,
			p_history::history_kind, p_announce, null, p_caller);
		if v_id is null then
			perform refuse('name_taken',
				'There is a channel of this name.', 'name');
		end if;
		update conversations c set description = p_description,
			image_id = p_image,
			category = coalesce(p_category, 'general'),
			visibility = case when p_type = 'group' then
				coalesce(p_visibility, 'private')
				::group_visibility end
		where c.id = v_id;
		perform image_refer(v_id, p_image);
		event_id := conversation_people(v_id, case when p_role
			<> 'service' then p_caller end, p_member_ids,
			p_origin);
	end if;
	id := v_id;
	select o.object into object
	from conversation_object(p_caller, p_role, v_id) o;
	return next;
end $$;

-- Locks the conversation for a change and tells what the caller is in it
-- (`mine`, null: nothing).  Refuses who may not even know that it is there,
-- and, but for p_direct, to change a direct one.
drop function members_lock(text, text, text);
create function members_lock(p_caller text, p_role text,
	p_conversation text, p_direct boolean default false)
returns table (id uuid, type conversation_type, access channel_access,
	visibility group_visibility, history history_kind, announce boolean,
	last_seq bigint, member_count integer, joins bigint,
	mine member_role) language plpgsql rows 1
as $$
#variable_conflict use_column
declare
	v_id uuid := conversation_find(p_conversation);
begin
	perform from conversations c where c.id = v_id for no key update;
	-- A statement of its own: its snapshot is taken after the lock.
	select c.id, c.type, c.access, c.visibility, c.history, c.announce,
		c.last_seq, c.member_count, c.joins, m.role
	into id, type, access, visibility, history, announce, last_seq,
		member_count, joins, mine
	from conversations c
	left join members m on m.conversation_id = c.id
		and m.user_id = p_caller and m.left_at is null
	where c.id = v_id and c.deleted_at is null and c.parent_id is null
		and (p_role <> 'user' or m.user_id is not null
			or c.access = 'open' or c.visibility = 'public');
	if not found then
		perform refuse('not_found', 'There is no such conversation.');
	elsif type = 'direct' and not p_direct then
		perform refuse('direct_conversation',
			'A direct conversation keeps its two members.');
	end if;
	return next;
end $$;

-- For functions of members only.
create function member_require(p_mine member_role) returns void
language plpgsql
as $$
begin
	if p_mine is null then
		perform refuse('not_a_member', 'You are no member of it.');
	end if;
end $$;

-- member.added for each, first to the conversation, unless that is a channel
-- that does not announce, then to the user, whose copy brings the conversation
-- along (with its last message) and makes it one of their topics.
drop function members_added_emit(uuid, text[], text, text);
create function members_added_entries(p_id uuid, p_users text[], p_by text)
returns log_entry[] language plpgsql
as $$
begin
	return array(
		select t
		from conversations c
		left join messages m on m.conversation_id = c.id
			and m.seq = c.last_seq,
			unnest(p_users) with ordinality i(id, ord),
			lateral (
				select concat('{"conversation_id":"', p_id,
					'","user_id":', to_json(i.id),
					',"by":', to_json(p_by),
					',"member":', member_object(p_id, i.id),
					',"member_count":', c.member_count)
					as data) d,
			lateral (
				select 1 as n, ('conversation:' || p_id,
					'member.added', d.data || '}', null,
					null, null)::log_entry as entry
				where c.announce
				union all
				select 2, ('user:' || i.id, 'member.added',
					concat(d.data, ',"conversation":',
						v.object, '}'), 1,
					'conversation:' || p_id, m.id)
					::log_entry
				from conversation_object(i.id, 'user', p_id) v)
				x(n, t)
		where c.id = p_id
		order by i.ord, x.n);
end $$;

-- Owners and admins of the conversation, services and admins add anybody;
-- whoever may find a public group or an open channel adds themselves.  Who is a
-- member already is left alone.  Joining starts everything anew: read up to
-- here, and from here on others see what is read.
create or replace function members_add(p_caller text, p_role text,
	p_origin text, p_conversation text, p_user_ids text[])
returns table (conversation_id uuid, added json, members json,
	member_count integer, event_id bigint) language plpgsql rows 1
as $$
#variable_conflict use_column
declare
	v record;
	v_new text[];
	v_entries log_entry[];
begin
	perform users_hold(p_user_ids);
	select * into v from members_lock(p_caller, p_role, p_conversation);
	if p_user_ids <> array[p_caller] or (v.access is distinct from 'open'
		and v.visibility is distinct from 'public') then
		perform role_require('add', v.mine, p_role);
	end if;
	perform users_require(p_user_ids, p_role, 'user_ids', true);
	perform blocks_require(p_caller, p_role, array(
		select u.id
		from unnest(p_user_ids) u(id)
		where not exists (select from members m
			where m.conversation_id = v.id and m.user_id = u.id
				and m.left_at is null)), 'user_ids');
	perform positions_settle(v.id);
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
			seen_upto = excluded.seen_upto, nickname = null,
			muted_until = null, archived = false,
			favourite = false, level = 'all', hidden_upto = null
		where m.left_at is not null
		returning m.user_id, m.join_no)
	select array_agg(user_id order by join_no) into v_new from joined;
	conversation_id := v.id;
	added := coalesce(to_json(v_new), '[]');
	member_count := v.member_count + coalesce(cardinality(v_new), 0);
	select s.members::json into members
	from members_shown(v.id, cardinality(p_user_ids),
		receipts_shown(member_count, v.announce), p_user_ids) s;
	if v_new is not null then
		update conversations c set member_count
			= v.member_count + cardinality(v_new),
			joins = v.joins + cardinality(p_user_ids),
			starts = case when v.history = 'joined'
				then v.last_seq + 1 else c.starts end
		where c.id = v.id;
		perform discovery_keep(v.id);
		v_entries := members_added_entries(v.id, v_new, p_caller);
		v_entries := v_entries || group_notice(v.id, v.type, p_caller,
			case when v_new = array[p_caller]
				then json_build_object('kind', 'joined')
				else json_build_object('kind', 'added',
					'user_ids', v_new[:50],
					'count', cardinality(v_new)) end);
		event_id := emit_entries(v_entries, p_origin);
	end if;
	return next;
end $$;

create function member_updated_entry(p_id uuid, p_user_id text, p_by text)
returns log_entry language plpgsql stable
as $$
begin
	return ('conversation:' || p_id, 'member.updated', concat(
		'{"conversation_id":"', p_id, '","user_id":',
		to_json(p_user_id), ',"by":', to_json(p_by),
		',"member":', member_object(p_id, p_user_id), '}'), null, null,
		null)::log_entry;
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
		event_id := emit_entries(array[
			member_updated_entry(v.id, p_user_id, p_caller),
			group_notice(v.id, v.type, p_caller, json_build_object(
				'kind', 'role_changed',
				'user_ids', array[p_user_id], 'role', p_new))],
			p_origin);
	end if;
	member := member_object(v.id, p_user_id);
	return next;
end $$;

-- Members remove themselves; who may remove others says the table.  The user is
-- told first, so that the removal is the last thing they get.  A channel that
-- does not announce tells nobody else, unless who owns it has changed.
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

-- What is given (p_given names it, since null is a value) is from now on so.
-- Saying what is so already changes nothing and tells nobody.
create function conversations_update(p_caller text, p_role text,
	p_origin text, p_conversation text, p_given text[], p_name text,
	p_description text, p_image uuid, p_category text,
	p_visibility group_visibility, p_history history_kind,
	p_access channel_access default null)
returns table (object text, event_id bigint) language plpgsql rows 1
as $$
#variable_conflict use_column
declare
	v record;
	v_old conversations;
	v_new conversations;
begin
	select * into v from members_lock(p_caller, p_role, p_conversation);
	perform role_require(r.action, v.mine, p_role)
	from unnest(array['name', 'description', 'image', 'category',
			'visibility', 'access', 'history'],
		array['rename', 'describe', 'describe', 'describe', 'publish',
			'publish', 'set_history']) r(field, action)
	where r.field = any (p_given);
	select * into v_old from conversations c where c.id = v.id;
	v_new := v_old;
	v_new.name := coalesce(p_name, v_old.name);
	v_new.category := coalesce(p_category, v_old.category);
	v_new.visibility := coalesce(p_visibility, v_old.visibility);
	v_new.history := coalesce(p_history, v_old.history);
	v_new.access := coalesce(p_access, v_old.access);
	if 'description' = any (p_given) then
		v_new.description := p_description;
	end if;
	if 'image' = any (p_given) and p_image is distinct from v_old.image_id
		then
		perform image_check(p_image, p_caller, p_role);
		v_new.image_id := p_image;
		perform image_refer(v.id, p_image);
	end if;
	perform conversations_update_check(v_old, v_new);
	if v_new is distinct from v_old then
		perform conversation_describe(v_new);
		perform discovery_keep(v.id);
		event_id := emit_entries(conversations_update_entries(v_old,
			v_new, p_caller), p_origin);
	end if;
	select o.object into object
	from conversation_object(p_caller, p_role, v.id) o;
	return next;
end $$;

create function conversations_update_check(p_old conversations,
	p_new conversations) returns void language plpgsql
as $$
begin
	if p_new.visibility is not null and p_new.type <> 'group' then
		perform refuse('invalid', 'Only groups are public or private.',
			'visibility');
	elsif p_new.access is not null and p_new.type <> 'channel' then
		perform refuse('invalid', 'Only channels have an access.',
			'access');
	elsif p_new.visibility = 'public' and p_new.name is null then
		perform refuse('required', 'A public group has a name.',
			'name');
	elsif p_new.type = 'channel' and p_new.name <> p_old.name then
		perform channel_name_check(p_new.name);
	end if;
end $$;

create function conversation_describe(p_new conversations) returns void
language plpgsql
as $$
begin
	update conversations c set name = p_new.name,
		description = p_new.description, image_id = p_new.image_id,
		category = p_new.category, visibility = p_new.visibility,
		history = p_new.history, access = p_new.access
	where c.id = p_new.id;
exception when unique_violation then
	perform refuse('name_taken', 'There is a channel of this name.',
		'name');
end $$;

-- The event, and of what members see a word in the history.  Who reads an open
-- channel without being a member follows it no longer when it is open no longer:
-- a leave of the conversation's own topic, which every worker obeys.
create function conversations_update_entries(p_old conversations,
	p_new conversations, p_by text) returns log_entry[] language plpgsql
as $$
declare
	v_entries log_entry[] := array[('conversation:' || p_new.id,
		'conversation.updated', concat('{"conversation_id":"', p_new.id,
			'","by":', to_json(p_by), ',', conversation_said(
			p_new.name, p_new.description, p_new.image_id,
			p_new.category, p_new.visibility, p_new.access,
			p_new.history), '}'),
		null, null, null)::log_entry];
begin
	if p_old.access = 'open' and p_new.access <> 'open' then
		v_entries := v_entries || ('conversation:' || p_new.id,
			'subscription.ended', json_build_object(
				'conversation_id', p_new.id)::text, -1,
			'conversation:' || p_new.id, null)::log_entry;
	end if;
	if p_new.name is distinct from p_old.name then
		v_entries := v_entries || group_notice(p_new.id, p_new.type,
			p_by, json_build_object('kind', 'renamed',
				'name', p_new.name));
	end if;
	if p_new.description is distinct from p_old.description then
		v_entries := v_entries || group_notice(p_new.id, p_new.type,
			p_by, json_build_object('kind', 'described'));
	end if;
	if p_new.image_id is distinct from p_old.image_id then
		v_entries := v_entries || group_notice(p_new.id, p_new.type,
			p_by, json_build_object('kind', 'image_changed'));
	end if;
	if p_new.visibility <> p_old.visibility then
		v_entries := v_entries || group_notice(p_new.id, p_new.type,
			p_by, json_build_object('kind', 'visibility_changed',
				'visibility', p_new.visibility));
	end if;
	return v_entries;
end $$;

-- For good, until a time, or not: null.  An end alone mutes too.
create function mute_end(p_given text[], p_old timestamptz, p_muted boolean,
	p_until timestamptz) returns timestamptz language plpgsql
as $$
begin
	if p_until <= clock_timestamp() then
		perform refuse('invalid', 'That is over.', 'muted_until');
	elsif not p_muted and p_until is not null then
		perform refuse('invalid', 'Muted or not?', 'muted_until');
	end if;
	return case when not p_muted then null
		when p_until is not null then p_until
		when p_muted or ('muted_until' = any (p_given)
			and p_old is not null) then 'infinity'
		else p_old end;
end $$;

-- How a member keeps a conversation: theirs alone, but for the nickname, which
-- nobody gives themselves where the other has blocked them.
create function conversations_settings(p_caller text, p_role text,
	p_origin text, p_conversation text, p_given text[], p_muted boolean,
	p_muted_until timestamptz, p_archived boolean, p_favourite boolean,
	p_nickname text, p_level notification_level, p_hidden boolean)
returns table (kept text, event_id bigint) language plpgsql rows 1
as $$
#variable_conflict use_column
declare
	v record;
	v_old members;
	v_new members;
	v_entries log_entry[];
begin
	select * into v
	from members_lock(p_caller, p_role, p_conversation, true);
	perform member_require(v.mine);
	select * into v_old from members m
	where m.conversation_id = v.id and m.user_id = p_caller
	for no key update;
	v_new := v_old;
	v_new.muted_until := mute_end(p_given, v_old.muted_until, p_muted,
		p_muted_until);
	v_new.archived := coalesce(p_archived, v_old.archived);
	v_new.favourite := coalesce(p_favourite, v_old.favourite);
	v_new.level := coalesce(p_level, v_old.level);
	if 'nickname' = any (p_given) then
		v_new.nickname := p_nickname;
	end if;
	if v_old.barred and v_new.nickname is distinct from v_old.nickname then
		perform refuse('forbidden',
			'You may not send to this conversation.', 'nickname');
	end if;
	if p_hidden <> coalesce(v_old.hidden_upto >= v.last_seq, false) then
		v_new.hidden_upto := case when p_hidden then v.last_seq end;
	end if;
	kept := settings_kept(v_new, v.last_seq);
	if v_new is distinct from v_old then
		update members m set muted_until = v_new.muted_until,
			archived = v_new.archived, favourite = v_new.favourite,
			level = v_new.level, nickname = v_new.nickname,
			hidden_upto = v_new.hidden_upto
		where m.conversation_id = v.id and m.user_id = p_caller;
		if v_new.muted_until < 'infinity' then
			insert into mute_ends (at, conversation_id, user_id)
			values (v_new.muted_until, v.id, p_caller)
			on conflict do nothing;
		end if;
		v_entries := array[('user:' || p_caller, 'settings.updated',
			kept, null, null, null)::log_entry];
		if v_new.nickname is distinct from v_old.nickname then
			v_entries := v_entries || member_updated_entry(v.id,
				p_caller, p_caller);
		end if;
		event_id := emit_entries(v_entries, p_origin);
	end if;
	return next;
end $$;

create function settings_kept(p_member members, p_last_seq bigint)
returns text language plpgsql stable
as $$
begin
	return concat('{"conversation_id":"', p_member.conversation_id,
		'","settings":', settings_json(p_member.muted_until,
			p_member.archived, p_member.favourite,
			p_member.nickname, p_member.level,
			p_member.hidden_upto >= p_last_seq), '}');
end $$;

-- Mutes that are over end; those whom it was for are told.  How many.  (Their
-- conversations are held, so that `hidden` is true where it stands in the log.)
create function mutes_end() returns integer language plpgsql
as $$
declare
	v_entries log_entry[];
begin
	perform from conversations c
	where c.id in (
		select d.conversation_id
		from mute_ends d
		where d.at <= now()
		order by d.at
		limit 1000)
	order by c.id for no key update;
	with over as (
		delete from mute_ends e
		where (e.at, e.conversation_id, e.user_id) in (
			select d.at, d.conversation_id, d.user_id
			from mute_ends d
			where d.at <= now()
			order by d.at
			limit 1000
			for update skip locked)
		returning e.at, e.conversation_id, e.user_id),
	held as (
		select m.conversation_id, m.user_id
		from over o
		join members m on m.conversation_id = o.conversation_id
			and m.user_id = o.user_id and m.muted_until = o.at
			and m.left_at is null
		order by 1, 2
		for no key update of m),
	ended as (
		update members m set muted_until = null
		from held h
		where m.conversation_id = h.conversation_id
			and m.user_id = h.user_id
		returning m.*)
	select array_agg(('user:' || m.user_id, 'settings.updated',
		settings_kept(m, c.last_seq), null, null, null)::log_entry)
	into v_entries
	from ended m
	join conversations c on c.id = m.conversation_id;
	perform emit_entries(v_entries, null);
	return coalesce(cardinality(v_entries), 0);
end $$;

-- The history up to here is gone for the caller, and for nobody else.
create function conversations_clear(p_caller text, p_role text, p_origin text,
	p_conversation text)
returns table (cleared text, event_id bigint) language plpgsql rows 1
as $$
#variable_conflict use_column
declare
	v record;
	v_read bigint;
	v_done boolean;
begin
	select * into v
	from members_lock(p_caller, p_role, p_conversation, true);
	perform member_require(v.mine);
	perform positions_settle(v.id);
	update members m set visible_from = v.last_seq + 1
	where m.conversation_id = v.id and m.user_id = p_caller
		and m.visible_from <= v.last_seq;
	v_done := found;
	select m.last_read_seq into v_read from members m
	where m.conversation_id = v.id and m.user_id = p_caller;
	cleared := concat('{"conversation_id":"', v.id,
		'","visible_from":', v.last_seq + 1,
		',"last_read_seq":', v_read,
		',"unread":0,"first_unread_seq":null,"mentions":0',
		',"last_message":null}');
	if v_done then
		event_id := emit_entries(array[('user:' || p_caller,
			'conversation.cleared', cleared, null, null,
			null)::log_entry], p_origin);
	end if;
	return next;
end $$;

-- A list's place in the order of a number and an id.
create function discovery_cursor(p_cursor text)
returns table (n integer, id uuid) language plpgsql stable rows 1
as $$
begin
	if p_cursor !~ '^[0-9]{1,9}_' or not uuid_shaped(substr(p_cursor,
		strpos(p_cursor, '_') + 1)) then
		perform refuse('invalid_cursor',
			'That is not a cursor from an answer of this list.',
			'before');
	end if;
	return query select split_part(p_cursor, '_', 1)::integer,
		split_part(p_cursor, '_', 2)::uuid;
end $$;

-- The largest first; what is searched for, the most alike first, typing errors
-- allowed.
create function conversations_discover(p_caller text, p_search text,
	p_category text, p_before text, p_limit integer)
returns table (id uuid, n integer) language plpgsql stable
	set enable_bitmapscan = on
	set pg_trgm.word_similarity_threshold = 0.4
as $$
#variable_conflict use_column
declare
	v record;
begin
	select * into v from discovery_cursor(p_before);
	if p_search is not null then
		return query
		select f.conversation_id, f.score
		from (select d.conversation_id, (1000 * word_similarity(
				p_search, d.words))::integer as score
			from discovery d
			where p_search <% d.words and (p_category is null
				or d.category = p_category)) f
		where p_before is null
			or (f.score, f.conversation_id) < (v.n, v.id)
		order by f.score desc, f.conversation_id desc
		limit p_limit;
	elsif p_category is not null then
		return query
		select d.conversation_id, d.member_count
		from discovery d
		where d.category = p_category
			and (d.member_count, d.conversation_id)
			< (coalesce(v.n, 2147483647), coalesce(v.id,
				'ffffffff-ffff-ffff-ffff-ffffffffffff'))
		order by d.member_count desc, d.conversation_id desc
		limit p_limit;
	else
		return query
		select d.conversation_id, d.member_count
		from discovery d
		where (d.member_count, d.conversation_id)
			< (coalesce(v.n, 2147483647), coalesce(v.id,
				'ffffffff-ffff-ffff-ffff-ffffffffffff'))
		order by d.member_count desc, d.conversation_id desc
		limit p_limit;
	end if;
end $$;

-- What anybody sees of a conversation that they may join.
create function discovery_json(p_id uuid, p_type conversation_type,
	p_said text, p_member_count integer, p_member boolean) returns text
language sql stable
as $$
select concat('{"id":"', p_id, '","type":"', p_type, '",', p_said,
	',"member_count":', p_member_count,
	',"member":', case when p_member then 'true' else 'false' end, '}')
$$;

-- What the log tells of it goes, but for the bare joins and leaves, which those
-- who come back need: the events that have changed.
create function conversation_forget(p_id uuid) returns bigint[]
language plpgsql
as $$
declare
	v_ids bigint[] := events_forget('conversation:' || p_id);
	v_more bigint[];
begin
	with bare as (
		update events e set message_id = null,
			data = (e.data::jsonb || case e.type
				when 'member.added' then '{"conversation":null}'
				else '{"name":null,"description":null,'
					'"image":null,"last_message":null}' end
				::jsonb)::text
		where e.effect_topic = 'conversation:' || p_id and e.effect = 1
		returning e.id)
	select array_agg(b.id) into v_more from bare b;
	v_ids := v_ids || v_more;
	-- What single members were told of messages.
	with gone as (
		delete from events e
		using messages m
		join conversations c on c.id = m.conversation_id
		where e.message_id is not null and e.type <> 'message.created'
			and e.topic like 'user:%' and m.id = e.message_id
			and p_id in (c.id, c.parent_id)
		returning e.id)
	select array_agg(g.id) into v_more from gone g;
	v_ids := v_ids || v_more;
	-- Of threads that not all saw, the replies too.
	if exists (select from members m
		where m.conversation_id = p_id and m.visible_from > 1) then
		with gone as (
			delete from events e
			where e.type = 'message.created'
				and e.topic = any (array(
					select 'user:' || m.user_id
					from members m
					where m.conversation_id = p_id))
				and e.message_id = any (array(
					select m.id
					from conversations t
					join messages m
						on m.conversation_id = t.id
					where t.parent_id = p_id))
			returning e.id)
		select array_agg(g.id) into v_more from gone g;
		v_ids := v_ids || v_more;
	end if;
	return v_ids;
end $$;

-- For all: nobody reads it any more, from now on; its rows go by and by.  Each
-- member is told on their own topic, the last that they get of it, and then
-- whoever else follows it.  Name and pair are free again.
create function conversations_delete(p_caller text, p_role text,
	p_origin text, p_conversation text)
returns table (conversation_id uuid, event_id bigint)
language plpgsql rows 1
as $$
#variable_conflict use_column
declare
	v record;
	v_users text[];
	v_ids bigint[];
	v_data text;
begin
	select * into v
	from members_lock(p_caller, p_role, p_conversation, true);
	perform role_require('delete_conversation', v.mine, p_role, v.type);
	-- In the order in which read positions hold them.
	v_users := array(
		select m.user_id from members m
		where m.conversation_id = v.id and m.left_at is null
		order by m.user_id
		for no key update);
	update members m set left_at = clock_timestamp(), join_no = null
	where m.conversation_id = v.id and m.left_at is null;
	update conversations c set deleted_at = clock_timestamp(),
		member_count = 0, name = null, description = null,
		image_id = null, direct_low = null, direct_high = null
	where c.id = v.id;
	perform image_refer(v.id, null);
	perform discovery_keep(v.id);
	insert into purges (conversation_id, at) values (v.id, now());
	v_ids := conversation_forget(v.id);
	conversation_id := v.id;
	v_data := concat('{"conversation_id":"', v.id, '","by":',
		to_json(p_caller), '}');
	event_id := emit_entries(array(
		select ('user:' || i.id, 'conversation.deleted', v_data, -1,
			'conversation:' || v.id, null)::log_entry
		from unnest(v_users) with ordinality i(id, ord)
		order by i.ord) || ('conversation:' || v.id,
		'conversation.deleted', v_data, null, null, null)::log_entry,
		p_origin, v_ids);
	return next;
end $$;

-- Deletes rows of deleted conversations, a bounded number: how many messages.
-- The conversation itself and its threads stay, empty.  Not before those who had
-- notifications of it have been told that they are gone.
create function conversations_purge(p_most integer) returns integer
language plpgsql
as $$
declare
	v_id uuid;
	v_rooms uuid[];
	v_messages uuid[];
begin
	select p.conversation_id into v_id
	from purges p
	where not exists (select
		from log_followers f
		join events e on e.id > f.after_id
		where f.name = 'notifications'
			and e.type = 'conversation.deleted'
			and e.data::json->>'conversation_id'
				= p.conversation_id::text)
	order by p.at
	limit 1
	for update skip locked;
	if not found then
		return 0;
	end if;
	v_rooms := v_id || array(
		select c.id from conversations c where c.parent_id = v_id);
	v_messages := array(
		select m.id from messages m
		where m.conversation_id = any (v_rooms)
		limit p_most);
	delete from edits e where e.message_id = any (v_messages);
	delete from reactions r where r.message_id = any (v_messages);
	delete from pins i where i.message_id = any (v_messages);
	delete from notifications n where n.message_id = any (v_messages);
	delete from attachments a
	where a.message_id = any (v_messages)
		and a.conversation_id = any (v_rooms);
	delete from idempotency_keys k
	using idempotency_messages i
	where i.message_id = any (v_messages)
		and (k.caller, k.key) = (i.caller, i.key);
	delete from messages m where m.id = any (v_messages);
	if cardinality(v_messages) < p_most then
		delete from mentions n
		using members m
		where m.conversation_id = v_id and n.user_id = m.user_id
			and n.conversation_id = any (v_rooms);
		delete from followers f
		using members m
		where m.conversation_id = v_id and f.user_id = m.user_id
			and f.thread_id = any (v_rooms);
		delete from receipts r where r.conversation_id = v_id;
		delete from members m where m.conversation_id = v_id;
		delete from purges p where p.conversation_id = v_id;
	end if;
	return cardinality(v_messages);
end $$;

-- As before, and ends what is over.
drop function tidy_run(interval);
create function tidy_run(p_connections interval)
returns table (tickets integer, keys integer, connections integer,
	messages integer, mutes integer, more boolean) language plpgsql rows 1
as $$
#variable_conflict use_column
begin
	-- Before the tickets, as users_suspend.
	delete from suspensions s where s.until < now();
	delete from tickets t
	where t.expires_at < now() - interval '1 minute';
	get diagnostics tickets = row_count;
	delete from idempotency_keys i where (i.caller, i.key) in (
		select o.caller, o.key
		from idempotency_keys o
		where o.created_at < now() - interval '24 hours'
		limit 5000);
	get diagnostics keys = row_count;
	delete from connections c where c.id in (
		select o.id
		from connections o
		where o.disconnected_at < now() - p_connections
		limit 5000);
	get diagnostics connections = row_count;
	messages := conversations_purge(2000);
	-- It tells, and so comes last.
	mutes := mutes_end();
	more := keys = 5000 or connections = 5000 or messages = 2000
		or mutes = 1000 or exists (select from purges);
	return next;
end $$;
