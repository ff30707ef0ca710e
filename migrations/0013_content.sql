-- SPDX-License-Identifier: ISC
-- What a message may have beyond its text, threads, and the one way in which a
-- message is shown.

-- A thread is a conversation of its own: a parent, a root message, messages
-- with a `seq` of their own.  Rights and topic are the parent's.  (The new
-- value cannot be used in the transaction that adds it: constraints and
-- indexes ask for parent_id instead.)
alter type conversation_type add value 'thread';

alter table conversations
	add column parent_id uuid references conversations,
	add column root_id uuid,
	add column root_seq bigint,
	add column deleted_at timestamptz,
	drop constraint conversations_check,
	add constraint conversations_shape check (case
		when parent_id is not null then root_id is not null
			and root_seq > 0 and name is null and access is null
		when type = 'direct' then direct_low < direct_high
			and access is null
		when type = 'group' then name <> '' and access is null
		else name <> '' and access is not null end);
create unique index conversations_root on conversations (root_id);
create index conversations_parent on conversations (parent_id)
	where parent_id is not null;

-- Null is the usual value of all of these.  `thread` and `reactions` are what
-- is shown, kept by those who write replies and reactions, so that a page of
-- the history asks for nothing else.
alter table messages
	add column edited_at timestamptz,
	add column deleted_by text,
	add column language text,
	add column system json,
	add column mentions text[],
	add column mention_all boolean,
	add column thread_root uuid,
	add column thread json,
	add column reactions json,
	add column pinned_at timestamptz,
	add column pinned_by text,
	add column forwarded json,
	add column via text;	-- who sent it for them; null: they themselves
create index messages_reply_to on messages (reply_to)
	where reply_to is not null;
create index messages_mention_all on messages (conversation_id, seq)
	where mention_all;

-- Who is mentioned where, for counts: one row for each member named.
create table mentions (
	user_id text collate "C" not null,
	conversation_id uuid not null,
	seq bigint not null,
	primary key (user_id, conversation_id, seq)
);

-- `delivered_upto`: what a device of the member's has had; less than `seen_upto`
-- it says nothing.  `turned_at`: the newest message when the member last went
-- back; what they had sent up to then takes them forward no more.
alter table members
	add column delivered_upto bigint not null default 0,
	add column turned_at bigint;

-- Messages after a position that name the user, or all and are not the user's
-- own.  More than 999 is not told apart.
create function mentions_after(p_user text, p_conversation_id uuid,
	p_last_seq bigint, p_read bigint) returns table (mentions integer)
language sql stable rows 1
as $$
select least(999, count(*))::integer
from (
	(select
	from mentions g
	join messages m on m.conversation_id = g.conversation_id
		and m.seq = g.seq and m.deleted_at is null
	where g.user_id = p_user and g.conversation_id = p_conversation_id
		and g.seq > p_read and p_read < p_last_seq
	limit 999)
	union all
	(select
	from messages m
	where m.conversation_id = p_conversation_id and m.seq > p_read
		and m.mention_all and m.deleted_at is null
		and m.sender_id <> p_user and p_read < p_last_seq
		and (p_user = any (m.mentions)) is not true
	limit 999)) named
$$;

-- As before; of a thread the rights are the parent's, and whoever sees its root
-- sees all of it.  `role` is what the caller is in the conversation.
drop function conversation_right(text, text, uuid);
create function conversation_right(p_caller text, p_role text, p_id uuid)
returns table (id uuid, type conversation_type, access channel_access,
	visible_from bigint, member boolean, barred boolean, last_seq bigint,
	parent_id uuid, role member_role)
language sql stable rows 1
as $$
select c.id, coalesce(p.type, c.type), coalesce(p.access, c.access),
	case when c.parent_id is not null then 1
		else coalesce(m.visible_from, case when c.history = 'joined'
		and p_role = 'user' then c.last_seq + 1 else 1 end) end,
	m.user_id is not null, m.barred, c.last_seq, c.parent_id, m.role
from conversations c
left join conversations p on p.id = c.parent_id
left join members m on m.conversation_id = coalesce(c.parent_id, c.id)
	and m.user_id = p_caller and m.left_at is null
where c.id = p_id and coalesce(p.deleted_at, c.deleted_at) is null
	and (m.user_id is not null or p_role in ('admin', 'service')
		or coalesce(p.access, c.access) = 'open')
	and (c.parent_id is null or c.root_seq >= coalesce(m.visible_from,
		case when p.history = 'joined' and p_role = 'user'
		then p.last_seq + 1 else 1 end))
$$;

-- A message that another one answers, as it is shown with that one; without
-- its content when the caller may not see it, or when it is deleted.
create function message_quote(p_id uuid, p_visible_from bigint) returns text
language plpgsql stable
as $$
begin
	return (select concat('{"id":"', q.id, '","seq":', q.seq,
		',"sender":', json_build_object('id', q.sender_id, 'name',
			u.name), ',"type":"', q.type, '","text":',
		case when q.deleted_at is null and q.seq >= p_visible_from
			then to_json(left(q.text, 200))::text
			else 'null' end, case when q.deleted_at is not null
			then ',"deleted":true' end, '}')
	from messages q
	left join users u on u.id = q.sender_id
	where q.id = p_id);
end $$;

-- Reactions as kept, and whether the caller's is among them.
create function message_reactions(p_id uuid, p_shown json, p_caller text)
returns json language plpgsql stable
as $$
begin
	if p_caller is null then
		return p_shown;
	end if;
	return (select array_to_json(array_agg(row_to_json(x) order by r.ord))
	from json_array_elements(p_shown) with ordinality r(e, ord),
		lateral (select r.e->>'emoji' as emoji, r.e->'count' as count,
			r.e->'users' as users, exists (select from reactions g
				where g.message_id = p_id
					and g.emoji = r.e->>'emoji'
					and g.user_id = p_caller) as me) x);
end $$;

-- The end of the object of a message that has more than most have, from the
-- first comma on: members with nothing in them are left out, so that a plain
-- message pays for none of this.  Without a role it is for an event, which all
-- members get: then `me` is missing, and a quote shows no text where members
-- do not see the same history.
create function message_more(p messages, p_caller text, p_role text)
returns text language plpgsql stable
as $$
declare
	v_from bigint;
	v_place text;
begin
	if p.thread_root is not null then
		select concat(',"parent_id":"', c.parent_id, '","root_seq":',
			c.root_seq) into v_place
		from conversations c where c.id = p.conversation_id;
	end if;
	if p.reply_to is not null and p.deleted_at is null then
		if p_role is null then
			select case when c.history = 'joined' or c.starts > 1
				then 9223372036854775807 else 1 end into v_from
			from conversations c where c.id = p.conversation_id;
		else
			select r.visible_from into v_from
			from conversation_right(p_caller, p_role,
				p.conversation_id) r;
		end if;
	end if;
	return nullif(concat(
		',"edited_at":"' || rfc3339(p.edited_at) || '"',
		',"deleted_at":"' || rfc3339(p.deleted_at) || '"',
		',"deleted_by":' || to_json(p.deleted_by),
		',"via":' || to_json(p.via),
		',"language":' || to_json(p.language),
		',"system":' || p.system::text,
		',"mentions":' || array_to_json(p.mentions),
		case when p.mention_all then ',"mention_all":true' end,
		',"quote":' || case when v_from is not null
			then message_quote(p.reply_to, v_from) end,
		',"thread_root":"' || p.thread_root || '"' || v_place,
		',"thread":' || p.thread::text,
		',"reactions":' || message_reactions(p.id, p.reactions,
			p_caller),
		',"pinned":{"at":"' || rfc3339(p.pinned_at) || '","by":'
			|| to_json(p.pinned_by) || '}',
		',"forwarded":' || p.forwarded::text), '');
end $$;

-- Is there more?  What the planner takes in, asked of each row of a page.
create function message_has_more(p messages) returns boolean
language sql immutable
as $$
select num_nonnulls(p.reply_to, p.edited_at, p.deleted_at, p.language,
	p.system, p.mentions, p.mention_all, p.thread_root, p.thread,
	p.reactions, p.pinned_at, p.forwarded, p.via) > 0
$$;

drop function message_json(uuid, uuid, bigint, text, text, text, text, text,
	uuid, text, text, text);
create function message_json(p_id uuid, p_conversation_id uuid, p_seq bigint,
	p_sender_id text, p_name text, p_picture text, p_type text,
	p_text text, p_reply_to uuid, p_attachments text, p_platform text,
	p_at text, p_more text default null) returns text
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
	',"created_at":"', p_at, '"', p_more, '}')
$$;

-- A message as a whole, for a caller or (without a role) for an event.
create function message_object(p messages, p_caller text, p_role text)
returns text language plpgsql stable
as $$
begin
	return (select message_json(p.id, p.conversation_id, p.seq,
		p.sender_id, s.name, s.picture, p.type::text, p.text,
		p.reply_to, p.attachments::text, p.platform,
		rfc3339(p.created_at), case when message_has_more(p)
			then message_more(p, p_caller, p_role) end)
	from (select) one
	left join users s on s.id = p.sender_id);
end $$;

-- A message of the service's own, in the history of a conversation that the
-- caller has locked: what happened (`kind` and whom it is about) and who did it.
-- The caller announces it as message.created, with its id.
create function system_message(p_conversation_id uuid, p_by text,
	p_system json)
returns table (message_id uuid, object text) language plpgsql rows 1
as $$
declare
	v messages;
begin
	update conversations c set last_seq = c.last_seq + 1,
		last_at = clock_timestamp()
	where c.id = p_conversation_id
	returning c.last_seq, c.last_at into v.seq, v.created_at;
	insert into messages (id, conversation_id, seq, sender_id, type,
		system, created_at)
	values (uuid_v7(), p_conversation_id, v.seq, p_by, 'system', p_system,
		v.created_at)
	returning * into v;
	message_id := v.id;
	object := message_object(v, null, null);
	return next;
end $$;

create table reactions (
	message_id uuid not null,
	emoji text collate "C" not null,
	user_id text collate "C" not null references users,
	created_at timestamptz not null,
	primary key (message_id, emoji, user_id)
);

create or replace function messages_refusal(p_error text) returns text
language sql immutable
as $$
select case p_error
	when 'not_found' then 'There is no such conversation.'
	when 'forbidden' then
		'You may not send to this conversation.'
	when 'id_conflict' then 'This id belongs to another message.'
	when 'required' then 'A message needs a text or an attachment.'
	when 'unknown_message' then
		'There is no such message in the conversation.'
	when 'unknown_root' then
		'There is no such message in the conversation.'
	when 'unknown_upload' then 'There is no upload of yours of this id.'
	when 'unknown_user' then 'There is no such user.'
	when 'too_many' then 'At most 10 attachments.'
	when 'duplicate' then 'The same attachment twice.'
	when 'thread' then 'Replies go to the conversation of the root, with'
		' thread_root.'
	when 'mention_all' then 'You may not mention all here.'
	when 'type' then 'An image has pictures and nothing else, a file any'
		' attachment.' end
$$;

-- What is wrong with the type that a message is said to have; `p_held`: by its
-- attachments.  Null: nothing.
create function message_type_check(p_type text, p_held text) returns text
language sql immutable
as $$
select case when p_type = 'image' and p_held is distinct from 'image'
	or p_type = 'file' and coalesce(p_held, 'text') = 'text' then 'type' end
$$;

-- The threads that messages go to: for each item with a root the conversation
-- of that thread, made by the first reply; null when the root is no message of
-- the conversation that the sender sees, or is itself a reply in a thread.
-- (Ids of new threads wait for each other in the order of their roots.)
create function threads_find(p_conversation uuid[], p_root uuid[],
	p_sender text[], p_role text[])
returns uuid[] language plpgsql
as $$
begin
	insert into conversations (id, type, parent_id, root_id, root_seq,
		created_by, created_at, last_at)
	select uuid_v7(), 'thread', m.conversation_id, m.id, m.seq,
		p_sender[min(i)], clock_timestamp(), clock_timestamp()
	from generate_subscripts(p_root, 1) i
	join messages m on m.id = p_root[i]
	join lateral conversation_right(p_sender[i], p_role[i],
		p_conversation[i]) r on m.conversation_id = r.id
		and m.seq >= r.visible_from and r.parent_id is null
	where m.type <> 'system' and m.deleted_at is null
		and not exists (select from conversations t
			where t.root_id = m.id)
	group by m.id, m.conversation_id, m.seq
	order by m.id
	on conflict do nothing;
	return array(
		select t.id
		from generate_subscripts(p_root, 1) i
		left join conversations t on t.root_id = p_root[i]
			and t.parent_id = p_conversation[i]
		order by i);
end $$;

-- Counts new replies on their roots; `thread` is then what the roots show.
create function threads_count(p_thread uuid[], p_sender text[],
	p_at timestamptz)
returns table (topic text, seq bigint, data text) language plpgsql
as $$
begin
	return query
	with new as (
		select i.thread, count(*) as n,
			array_agg(i.sender order by i.ord) as senders
		from unnest(p_thread, p_sender)
			with ordinality i(thread, sender, ord)
		where i.thread is not null
		group by i.thread),
	counted as (
		update messages m set thread = json_build_object('id', c.id,
			'reply_count', coalesce((m.thread->>'reply_count')
				::bigint, 0) + n.n,
			'last_reply_at', rfc3339(p_at),
			'participants', thread_participants(
				m.thread->'participants', n.senders))
		from new n
		join conversations c on c.id = n.thread
		where m.id = c.root_id
		returning m as root)
	select t.topic, t.seq, json_build_object('conversation_id',
		(k.root).conversation_id, 'message_id', (k.root).id,
		'thread', (k.root).thread)::text
	from counted k, message_place(k.root) t;
end $$;

-- The first eight who replied, in that order.
create function thread_participants(p_known json, p_new text[]) returns json
language plpgsql immutable
as $$
begin
	return (select array_to_json(array_agg(x.id order by x.ord))
	from (select i.id, min(i.ord) as ord
		from (select k.id, k.ord
			from json_array_elements_text(coalesce(p_known, '[]'))
				with ordinality k(id, ord)
			union all
			select n.id, n.ord + 100
			from unnest(p_new) with ordinality n(id, ord)) i
		group by i.id
		order by 2
		limit 8) x);
end $$;

-- What is wrong with the people that a message names; null: nothing.  Members
-- only are counted for, but anybody known may be named.
create function mentions_check(p_mentions text) returns text
language plpgsql stable
as $$
declare
	v_place bigint;
begin
	select min(i.ord - 1) into v_place
	from json_array_elements_text(p_mentions::json)
		with ordinality i(id, ord)
	where not exists (select from users u where u.id = i.id);
	return 'mentions[' || v_place || ']';
end $$;

-- Lock order: conversations by id (of a thread the parent too), then the unique
-- ids of messages by id, then roots of threads, then the events lock.  What
-- decides is read after the locks, in a statement of its own.  A message that
-- is there already, of the same sender and conversation, is answered again with
-- 200.  (The caller keeps two of one id out of a batch: they end it with
-- 23505.)  `message` is the answer; of a new one it is also the event's data.
-- The arrays from p_type on are null where no item of the batch has any.
-- With p_forwarded all items are copies of a message, from where that says:
-- then their files need not be the sender's.
drop function messages_send(text[], text[], text[], uuid[], text[], uuid[],
	text[], text[], text[], boolean[]);
create function messages_send(p_sender text[], p_role text[],
	p_conversation text[], p_id uuid[], p_text text[], p_reply_to uuid[],
	p_attachments text[], p_platform text[], p_origin text[],
	p_echo boolean[], p_type text[] default null,
	p_language text[] default null, p_thread_root uuid[] default null,
	p_mentions text[] default null, p_mention_all boolean[] default null,
	p_via text[] default null, p_forwarded json default null)
returns table (ord integer, status integer, error text, field text,
	detail text, id uuid, conversation_id uuid, seq bigint, message text,
	event_id bigint)
language plpgsql
as $$
#variable_conflict use_column
declare
	v_conv uuid[] := conversations_find(p_conversation);
	v_parent uuid[];
	v_id uuid[] := p_id;
	v_at timestamptz;
	v_time text;
	v_shown text[];
	v_type text[];
	v_problem text[];
	v_field text[];
	v_error text[];
	v_seq bigint[];
	v_message text[];
	v_taken uuid[];
	v_topic text[];
	v_skip boolean[];
	v_event bigint;
	v_threads boolean := array_remove(p_thread_root, null) <> '{}';
	v_named boolean := array_remove(p_mentions, null) <> '{}';
	v_rich boolean := v_threads or v_named
		or array_remove(p_reply_to, null) <> '{}'
		or array_remove(p_language, null) <> '{}'
		or array_remove(p_via, null) <> '{}'
		or array_position(p_mention_all, true) > 0
		or p_forwarded is not null;
begin
	if array_position(v_id, null) > 0 then
		v_id := array(
			select coalesce(i.id, uuid_v7())
			from unnest(p_id) with ordinality i(id, ord)
			order by i.ord);
	end if;
	if v_threads then
		v_parent := v_conv;
		-- Who may not reply opens no thread.
		v_conv := threads_find(v_conv, array(
			select case when may_post(t.member, t.barred, p_role[i],
				t.type, t.access) then p_thread_root[i] end
			from generate_subscripts(v_conv, 1) i
			left join lateral conversation_right(p_sender[i],
				p_role[i], v_parent[i]) t
				on p_thread_root[i] is not null
			order by i), p_sender, p_role);
		v_conv := array(
			select case when p_thread_root[i] is null
				then v_parent[i] else v_conv[i] end
			from generate_subscripts(v_conv, 1) i
			order by i);
	end if;
	perform from conversations c
	where c.id = any (v_conv || v_parent)
	order by c.id for no key update;
	-- Drawn under the locks: now() would run backwards along seq.
	v_at := clock_timestamp();
	v_time := rfc3339(v_at);

	-- Without attachments these arrays stay null, and so do their elements.
	if array_remove(p_attachments, null) <> '{}' then
		select array_agg(a.shown order by i.ord),
			array_agg(a.type order by i.ord),
			array_agg(a.problem order by i.ord),
			array_agg(a.field order by i.ord)
		into v_shown, v_type, v_problem, v_field
		from unnest(p_attachments, p_sender, p_role)
			with ordinality i(ids, sender, role, ord)
		left join lateral attachments_check(i.ids, i.sender,
			case when p_forwarded is null then i.role
				else 'service' end) a on i.ids is not null;
	end if;
	if v_named then
		select array_agg(coalesce(v_problem[i], case when f.field
				is not null then 'unknown_user' end)
				order by i),
			array_agg(case when v_problem[i] is null then f.field
				else v_field[i] end order by i)
		into v_problem, v_field
		from generate_subscripts(p_mentions, 1) i
		left join lateral mentions_check(p_mentions[i]) f(field)
			on p_mentions[i] is not null;
	end if;

	if p_type is not null then
		v_problem := array(
			select coalesce(v_problem[i], message_type_check(
				p_type[i], v_type[i]))
			from generate_subscripts(p_type, 1) i
			order by i);
	end if;

	select array_agg(v.error), array_agg(v.seq),
		array_agg(v.conv) filter (where v.seq is not null),
		array_agg(case when v.seq is not null
			then 'conversation:' || v.topic end),
		array_agg(case when v.seq is not null
			then message_json(v_id[v.i], v.conv, v.seq,
				p_sender[v.i], v.name, v.picture,
				coalesce(p_type[v.i], v_type[v.i], 'text'),
				coalesce(p_text[v.i], ''), p_reply_to[v.i],
				coalesce(v_shown[v.i], '[]'),
				p_platform[v.i], v_time) end),
		array_agg(not p_echo[v.i])
	into v_error, v_seq, v_taken, v_topic, v_message, v_skip
	from (select j.i, j.conv, j.topic, j.error, j.name, j.picture,
			case when j.error is null then j.last_seq
			+ count(*) filter (where j.error is null)
				over (partition by j.conv order by j.i) end
				as seq
		from (select i, v_conv[i] as conv, r.last_seq, s.name,
				coalesce(r.parent_id, r.id) as topic,
				s.picture, case
				when t.id is not null and not may_post(t.member,
					t.barred, p_role[i], t.type, t.access)
					then 'forbidden'
				when t.id is not null then 'unknown_root'
				when r.parent_id is not null
					and p_thread_root[i] is null
					then 'thread'
				when r.id is null
					then conversation_refusal(v_conv[i])
				when not may_post(r.member, r.barred,
					p_role[i], r.type, r.access)
					then 'forbidden'
				when (d.conversation_id, d.sender_id)
					= (v_conv[i], p_sender[i]) then 'repeat'
				when d.id is not null then 'id_conflict'
				when v_problem[i] is not null then v_problem[i]
				when coalesce(p_text[i], '') = ''
					and coalesce(v_shown[i], '[]') = '[]'
					then 'required'
				when p_mention_all[i] is true and not role_may(
					'mention_all', r.role, p_role[i],
					r.type) then 'mention_all'
				when p_reply_to[i] is not null
					and (q.conversation_id = v_conv[i]
					and q.seq >= r.visible_from) is not true
					then 'unknown_message' end as error
			from generate_subscripts(v_conv, 1) i
			left join lateral conversation_right(p_sender[i],
				p_role[i], v_conv[i]) r on true
			left join lateral conversation_right(p_sender[i],
				p_role[i], v_parent[i]) t
				on p_thread_root[i] is not null and r.id is null
			left join users s on s.id = p_sender[i]
			left join messages d on d.id = v_id[i]
			left join messages q on q.id = p_reply_to[i]) j
		order by j.i) v;

	if v_taken is not null then
		insert into messages (id, conversation_id, seq, sender_id, type,
			text, reply_to, attachments, platform, created_at,
			language, thread_root, mentions, mention_all, via,
			forwarded)
		select v_id[i], v_conv[i], v_seq[i], p_sender[i],
			coalesce(p_type[i], v_type[i], 'text')::message_type,
			coalesce(p_text[i], ''), p_reply_to[i],
			coalesce(v_shown[i], '[]')::json, p_platform[i], v_at,
			p_language[i], p_thread_root[i],
			case when p_mentions[i] is not null then array(
				select json_array_elements_text(
					p_mentions[i]::json)) end,
			nullif(p_mention_all[i], false), p_via[i], p_forwarded
		from generate_subscripts(v_seq, 1) i
		where v_seq[i] is not null
		order by v_id[i];
		update conversations c set last_at = v_at, last_seq = c.last_seq
			+ cardinality(array_positions(v_taken, c.id))
		where c.id = any (v_taken);
		if v_shown is not null then
			insert into attachments (upload_id, message_id,
				conversation_id, seq)
			select (a.e->>'id')::uuid, i.id, i.conv, i.seq
			from unnest(v_id, v_conv, v_seq, v_shown)
				i(id, conv, seq, shown),
				json_array_elements(i.shown::json) a(e)
			where i.seq is not null
			order by 1, 2;
		end if;
		if v_named then
			perform mentions_count(v_conv, v_parent, v_seq,
				p_sender, p_mentions);
		end if;
		if v_rich then
			v_message := array(
				select case when m.id is null or not
					message_has_more(m) then i.message
					else message_object(m, null, null) end
				from unnest(v_message, v_id)
					with ordinality i(message, id, ord)
				left join messages m on m.id = i.id
					and i.message is not null
				order by i.ord);
		end if;
		if v_threads then
			v_event := threads_emit(array(
				select case when v_seq[i] is not null
					and p_thread_root[i] is not null
					then v_conv[i] end
				from generate_subscripts(v_seq, 1) i
				order by i), v_seq, p_sender, p_mentions, v_at,
				v_topic, v_message, p_origin, v_skip, v_id);
		else
			v_event := emit(v_topic,
				array_fill('message.created'::text,
					array[cardinality(v_topic)]),
				v_message, p_origin, v_skip, null, null, v_id);
		end if;
	end if;
	if array_position(v_error, 'repeat') > 0 then
		v_message := array(
			select coalesce(i.message, case when d.id is not null
				then message_object(d, i.sender, i.role) end)
			from unnest(v_message, v_error, v_id, p_sender, p_role)
				with ordinality i(message, error, id, sender,
				role, ord)
			left join messages d on i.error = 'repeat'
				and d.id = i.id
			order by i.ord);
	end if;
	return query
	select i, case when v_error[i] = 'repeat' then 200
			when v_error[i] is null then 201 end,
		case v_error[i] when 'repeat' then null
			when 'mention_all' then 'forbidden'
			when 'unknown_root' then 'unknown_message'
			when 'thread' then 'invalid'
			when 'type' then 'invalid'
			else v_error[i] end,
		case v_error[i] when 'id_conflict' then 'id'
			when 'type' then 'type'
			when 'required' then 'text'
			when 'unknown_message' then 'reply_to'
			when 'unknown_root' then 'thread_root'
			when 'thread' then 'conversation_id'
			when 'mention_all' then 'mention_all'
			else v_field[i] end,
		messages_refusal(v_error[i]), v_id[i], v_conv[i], v_seq[i],
		v_message[i], case when v_error[i] is null then v_event end
	from generate_subscripts(v_id, 1) i;
end $$;

-- Whom a message names is counted for as far as they are members (of a thread
-- the parent's), except who wrote it.
create function mentions_count(p_conversation uuid[], p_parent uuid[],
	p_seq bigint[], p_sender text[], p_mentions text[])
returns void language plpgsql
as $$
begin
	insert into mentions (user_id, conversation_id, seq)
	select distinct m.user_id, p_conversation[i], p_seq[i]
	from generate_subscripts(p_seq, 1) i,
		json_array_elements_text(p_mentions[i]::json) n(id)
	join members m on m.user_id = n.id
	where p_seq[i] is not null and m.left_at is null
		and m.conversation_id
			= coalesce(p_parent[i], p_conversation[i])
		and m.user_id <> p_sender[i]
	order by 1, 2, 3;
end $$;

-- Tells the users themselves and the conversations that they are in, or were:
-- what they wrote is still there.  At most p_most of each user, the latest, and
-- not the large ones, where a changed name would be a thousand deliveries; and
-- those whose list of blocked users shows them.  Conversations are locked first: whatever is said in
-- one of them under the old name is told before.  The last call of its caller.
create or replace function users_announce(p_ids text[], p_most integer)
returns bigint language plpgsql
as $$
declare
	v_user text[];
	v_conversation uuid[];
	v_topic text[];
	v_data text[];
begin
	select array_agg(u.id), array_agg(c.id)
	into v_user, v_conversation
	from unnest(p_ids) u(id),
		lateral (
			select null::uuid as id
			union all
			(select c.id
			from members m
			join conversations c on c.id = m.conversation_id
			where m.user_id = u.id and c.member_count <= 1000
			order by c.last_at desc
			limit p_most)) c;
	perform from conversations c
	where c.id = any (v_conversation)
	order by c.id for no key update;
	select array_agg(t.topic order by u.id, t.topic),
		array_agg(d.data order by u.id, t.topic)
	into v_topic, v_data
	from (select x.user_id, coalesce('conversation:'
			|| x.conversation_id, 'user:' || x.user_id) as topic
		from unnest(v_user, v_conversation)
			x(user_id, conversation_id)
		union all
		select i.id, 'user:' || b.user_id
		from unnest(p_ids) i(id),
			lateral (
				select b.user_id
				from blocks b
				where b.blocked_id = i.id
				limit p_most) b) t
	join users u on u.id = t.user_id,
		lateral (
			select row_to_json(x)::text as data
			from (select u.id, u.name, u.picture,
				rfc3339(u.created_at) as created_at,
				rfc3339(u.updated_at) as updated_at) x) d;
	return emit(v_topic, array_fill('user.updated'::text,
		array[cardinality(v_topic)]), v_data);
end $$;

-- Writes down at once what the latest messages of a conversation moved, which
-- is otherwise done about a second later: for who sees the members, but not
-- those messages.  The caller holds the conversation.
create function positions_settle(p_conversation_id uuid) returns void
language plpgsql
as $$
begin
	perform positions_advance(array_agg(x.sender_id),
		array_agg(p_conversation_id), array_agg(x.seq))
	from (select m.sender_id, max(m.seq) as seq
		from messages m
		join conversations c on c.id = m.conversation_id
		where m.conversation_id = p_conversation_id
			and m.seq > c.last_seq - 100 and m.via is null
			and m.type <> 'system'
			and m.created_at > clock_timestamp()
				- interval '10 seconds'
		group by m.sender_id) x
	having count(*) > 0;
end $$;
