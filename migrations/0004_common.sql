-- SPDX-License-Identifier: ISC
-- What the statements and the writing functions share: refusals, cursors, who
-- may read what, and how a message and a conversation look on the wire.
--
-- Functions in SQL are for what the planner takes in: one expression without a
-- sub-select, or one select that is called in FROM.  Any other is parsed and
-- planned at every call, so it is written in plpgsql, which keeps its plans.

-- Ends the call with an error of the interface: a stable code, a sentence for
-- people, and the argument that is wrong, if one is.
create function refuse(p_code text, p_detail text, p_field text default '')
returns void language plpgsql
as $$
begin
	raise exception using errcode = 'PY000', message = p_code,
		detail = p_detail, column = p_field;
end $$;

-- Cursors of lists in order of time are a time and an id.
create function cursor_format(p_at timestamptz, p_id text) returns text
language sql stable
as $$ select rfc3339(p_at) || '_' || p_id $$;

-- One row; nulls when there is no cursor.
create function cursor_parse(p_cursor text, p_field text)
returns table (at timestamptz, id text) language plpgsql stable rows 1
as $$
begin
	if p_cursor is not null then
		at := left(p_cursor, 27)::timestamptz;
		id := substr(p_cursor, 29);
		if cursor_format(at, id) is distinct from p_cursor then
			raise invalid_datetime_format;
		end if;
	end if;
	return next;
exception when data_exception then
	perform refuse('invalid_cursor',
		'That is not a cursor from an answer of this list.', p_field);
end $$;

-- The cursor of a list in the order of a number; null when there is none.
create function cursor_number(p_cursor text, p_field text) returns bigint
language plpgsql stable
as $$
begin
	if p_cursor !~ '^[0-9]{1,18}$' then
		perform refuse('invalid_cursor',
			'That is not a cursor from an answer of this list.',
			p_field);
	end if;
	return p_cursor::bigint;
end $$;

create function channel_find(p_name text) returns uuid
language plpgsql stable
as $$
begin
	return (select c.id from conversations c
		where c.type = 'channel' and c.name = p_name);
end $$;

-- A conversation's id from what a path says: the id or a channel's name.
create function conversation_find(p_conversation text) returns uuid
language sql stable
as $$
select case when uuid_shaped(p_conversation) then p_conversation::uuid
	else channel_find(p_conversation) end
$$;

-- The same for the items of a batch, which rarely names channels: one look at
-- all of them takes a twentieth of the time.
create function conversations_find(p_conversations text[]) returns uuid[]
language plpgsql stable
as $$
begin
	if array_to_string(p_conversations, ',')
		~ '^([0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}(,|$))+$'
		then
		return p_conversations::uuid[];
	end if;
	return array(
		select conversation_find(i.wanted)
		from unnest(p_conversations) with ordinality i(wanted, ord)
		order by i.ord);
end $$;

-- The right to read: members, services and admins, and everybody who is
-- signed in for an open channel.  No row: not there, or not for this caller.
-- Who reads without being a member sees all of it, except in an open channel
-- whose members see it from their joining on only.
create function conversation_right(p_caller text, p_role text, p_id uuid)
returns table (id uuid, type conversation_type, access channel_access,
	visible_from bigint, member boolean, barred boolean, last_seq bigint)
language sql stable rows 1
as $$
select c.id, c.type, c.access,
	coalesce(m.visible_from, case when c.history = 'joined'
		and p_role = 'user' then c.last_seq + 1 else 1 end),
	m.user_id is not null, m.barred, c.last_seq
from conversations c
left join members m on m.conversation_id = c.id and m.user_id = p_caller
	and m.left_at is null
where c.id = p_id and (m.user_id is not null
	or p_role in ('admin', 'service') or c.access = 'open')
$$;

-- The right to post, of one who may read: a direct conversation is its two
-- members' alone, as far as neither has blocked the other.
create function may_post(p_member boolean, p_barred boolean, p_role text,
	p_type conversation_type, p_access channel_access) returns boolean
language sql immutable
as $$
select (p_member and not p_barred) or (p_access is not distinct from 'open')
	or (p_role in ('admin', 'service') and p_type <> 'direct')
$$;

-- Not stable: the planner must not try it out.
create function conversation_missing() returns boolean language plpgsql
as $$
begin
	perform refuse('not_found', 'There is no such conversation.');
	return false;
end $$;

-- As conversation_right, for one conversation that must be readable.
create function conversation_access(p_caller text, p_role text, p_id uuid)
returns table (id uuid, visible_from bigint) language sql stable rows 1
as $$
select r.id, r.visible_from
from (select) one
left join conversation_right(p_caller, p_role, p_id) r on true
where r.id is not null or conversation_missing()
$$;

create function file_url(p_id uuid, p_variant text) returns text
language sql stable
as $$ select '/v1/files/' || p_id || '/' || p_variant $$;

-- The owner, services and admins, and whoever may read a message with it.
create function upload_readable(p_id uuid, p_owner text, p_caller text,
	p_role text) returns boolean
language sql stable
as $$
select p_owner = p_caller or p_role in ('admin', 'service') or exists (
	select
	from attachments a, conversation_right(p_caller, p_role,
		a.conversation_id) r
	where a.upload_id = p_id and a.seq >= r.visible_from)
$$;

-- A message as messages.send, .list and .get answer it, member for member;
-- p_at is its time in RFC 3339.
create function message_json(p_id uuid, p_conversation_id uuid, p_seq bigint,
	p_sender_id text, p_name text, p_picture text, p_type text,
	p_text text, p_reply_to uuid, p_attachments text, p_platform text,
	p_at text) returns text
language sql stable
as $$
select concat('{"id":"', p_id, '","conversation_id":"', p_conversation_id,
	'","seq":', p_seq, ',"sender":{"id":', to_json(p_sender_id),
	',"name":', coalesce(to_json(p_name)::text, 'null'),
	',"picture":', coalesce(to_json(p_picture)::text, 'null'),
	'},"type":"', p_type, '","text":', to_json(p_text),
	',"reply_to":', coalesce('"' || p_reply_to || '"', 'null'),
	',"attachments":', p_attachments,
	',"platform":', coalesce(to_json(p_platform)::text, 'null'),
	',"created_at":"', p_at, '"}')
$$;

-- Messages after a position that count as unread: a subtraction, less those
-- that nobody needs to read.  More than 999 is not told apart.
create function unread_after(p_conversation_id uuid, p_last_seq bigint,
	p_read bigint) returns table (unread integer)
language sql stable rows 1
as $$
select greatest(0, least(999, p_last_seq - p_read - count(*)))::integer
from (select
	from messages m
	where m.conversation_id = p_conversation_id and m.seq > p_read
		and (m.type = 'system' or m.deleted_at is not null)
	limit 2000) uncounted
$$;

-- The members that a conversation is shown with, or (p_users) those of them.
-- (json_agg would put line feeds between them, which an event must not have.)
create function members_shown(p_conversation_id uuid, p_limit integer,
	p_users text[] default null) returns table (members json)
language sql stable rows 1
as $$
select coalesce(array_to_json(array_agg(x)), '[]')
from (select m.user_id as id, u.name, u.picture, m.role,
		rfc3339(m.joined_at) as joined_at, m.seen_upto
	from members m
	join users u on u.id = m.user_id
	where m.conversation_id = p_conversation_id and m.join_no > 0
		and (p_users is null or m.user_id = any (p_users))
	order by m.join_no
	limit p_limit) x
$$;

-- A conversation as one caller sees it.
create type conversation_row as (
	id uuid,
	type text,
	name text,
	access text,
	history text,
	announce boolean,
	created_by text,
	created_at timestamptz,
	last_seq bigint,
	last_activity_at timestamptz,
	member_count integer,
	role text,		-- the caller's, null: not a member
	last_read_seq bigint,	-- likewise
	unread integer,
	members json,		-- the first eight
	last_message json	-- null: none that the caller may see
);

create function conversation_view(p_caller text, p_id uuid)
returns setof conversation_row language sql stable rows 1
as $$
select c.id, c.type::text, c.name, c.access::text, c.history::text,
	c.announce,
	c.created_by, c.created_at, c.last_seq, c.last_at, c.member_count,
	me.role::text, me.last_read_seq,
	n.unread, f.members, case when m.id is not null then message_json(m.id,
		m.conversation_id, m.seq, m.sender_id, s.name, s.picture,
		m.type::text, m.text, m.reply_to, m.attachments::text,
		m.platform,
		rfc3339(m.created_at))::json end
from conversations c
left join members me on me.conversation_id = c.id and me.user_id = p_caller
	and me.left_at is null
left join messages m on m.conversation_id = c.id and m.seq = c.last_seq
	and m.seq >= coalesce(me.visible_from, 1)
left join users s on s.id = m.sender_id,
	lateral unread_after(c.id, c.last_seq, case when me.user_id is null
		then c.last_seq
		else greatest(me.last_read_seq, me.visible_from - 1) end) n,
	lateral members_shown(c.id, 8) f
where c.id = p_id
$$;

-- The same as one JSON object, for events and sync.get.  Its columns one by
-- one: a function of the whole row is not taken in by the planner.
create function conversation_json(p_id uuid, p_type text, p_name text,
	p_access text, p_history text, p_announce boolean, p_created_by text,
	p_created_at timestamptz, p_last_seq bigint,
	p_last_activity_at timestamptz, p_member_count integer, p_role text,
	p_last_read_seq bigint, p_unread integer, p_members json,
	p_last_message json) returns text
language sql stable
as $$
select concat('{"id":"', p_id, '","type":"', p_type,
	'","name":', coalesce(to_json(p_name)::text, 'null'),
	',"access":', coalesce(to_json(p_access)::text, 'null'),
	',"history":"', p_history,
	'","announce":', to_json(p_announce),
	',"created_by":', coalesce(to_json(p_created_by)::text, 'null'),
	',"created_at":"', rfc3339(p_created_at), '","last_seq":', p_last_seq,
	',"last_activity_at":"', rfc3339(p_last_activity_at),
	'","member_count":', p_member_count,
	',"role":', coalesce(to_json(p_role)::text, 'null'),
	',"last_read_seq":', coalesce(p_last_read_seq::text, 'null'),
	',"unread":', p_unread, ',"members":', p_members,
	',"last_message":', coalesce(p_last_message::text, 'null'), '}')
$$;

-- A conversation as one caller sees it, as one JSON object.
create function conversation_object(p_caller text, p_id uuid)
returns table (object text) language sql stable rows 1
as $$
select conversation_json(v.id, v.type, v.name, v.access, v.history,
	v.announce,
	v.created_by, v.created_at, v.last_seq, v.last_activity_at,
	v.member_count, v.role, v.last_read_seq, v.unread, v.members,
	v.last_message)
from conversation_view(p_caller, p_id) v
$$;
