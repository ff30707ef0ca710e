-- SPDX-License-Identifier: ISC
-- Who follows a thread and up to where they have read it.  Threads of a user's
-- are not among their conversations: those are the rows of `members`.

-- `followed` is null for who never decided and was never taken for a follower;
-- what a user has chosen stays until they choose anew.  A row counts for
-- members of the thread's parent only, and goes when they leave.
create table followers (
	user_id text collate "C" not null,
	thread_id uuid not null,
	followed boolean,
	last_read_seq bigint not null default 0,
	primary key (user_id, thread_id)
) with (fillfactor = 80);
create index followers_thread on followers (thread_id);

-- The thread of a message as a user sees it, also when nobody has replied.
create function thread_object(p_user text, p_role text, p_root uuid)
returns text language plpgsql stable
as $$
begin
	return (select concat('{"id":', coalesce('"' || t.id || '"', 'null'),
		',"conversation_id":"', m.conversation_id,
		'","root":', message_object(m, p_user, p_role),
		',"last_seq":', coalesce(t.last_seq, 0),
		',"last_activity_at":"', rfc3339(coalesce(t.last_at,
			m.created_at)),
		'","followed":', case when f.followed then 'true' else 'false' end,
		',"last_read_seq":', coalesce(f.last_read_seq, 0),
		',"unread":', case when f.followed then n.unread else 0 end,
		',"mentions":', case when f.followed then g.mentions else 0 end,
		'}')
	from messages m
	left join conversations t on t.root_id = m.id
	left join followers f on f.thread_id = t.id and f.user_id = p_user
	left join lateral unread_after(t.id, t.last_seq, f.last_read_seq) n
		on f.followed
	left join lateral mentions_after(p_user, t.id, t.last_seq,
		f.last_read_seq) g on f.followed
	where m.id = p_root);
end $$;

-- Who follows by replying, by having written the root, or by being named in a
-- reply, as far as they are members and have not chosen otherwise: those who
-- do from now on are told.  Own replies are read.  (The conversations are
-- locked.)
create function threads_follow(p_thread uuid[], p_seq bigint[],
	p_sender text[], p_mentions text[])
returns table (topic text, data text, message_id uuid) language plpgsql
as $$
declare
	v_user text[];
	v_root uuid[];
begin
	with reply as (
		select i.thread, i.seq, i.sender, i.mentions, t.parent_id,
			t.root_id
		from unnest(p_thread, p_seq, p_sender, p_mentions)
			i(thread, seq, sender, mentions)
		join conversations t on t.id = i.thread),
	concerned as (
		select r.thread, r.sender as id, r.seq as own, null::bigint
			as upto
		from reply r
		union all
		select r.thread, m.sender_id, null, r.seq - 1
		from reply r
		join messages m on m.id = r.root_id
		union all
		select r.thread, n.id, null, r.seq - 1
		from reply r, json_array_elements_text(r.mentions::json) n(id)),
	one as (
		select c.thread, c.id, max(c.own) as own,
			coalesce(max(c.own), min(c.upto)) as upto
		from concerned c
		group by c.thread, c.id),
	changed as (
		select o.thread, o.id, o.upto, t.root_id,
			f.followed is null as fresh
		from one o
		join conversations t on t.id = o.thread
		join members m on m.conversation_id = t.parent_id
			and m.user_id = o.id and m.left_at is null
			and m.visible_from <= t.root_seq
		left join followers f on f.thread_id = o.thread
			and f.user_id = o.id
		where f.followed is null or o.own > f.last_read_seq),
	written as (
		insert into followers as f (user_id, thread_id, followed,
			last_read_seq)
		select c.id, c.thread, true, c.upto
		from changed c
		order by c.id collate "C", c.thread
		on conflict (user_id, thread_id) do update set
			followed = coalesce(f.followed, true),
			last_read_seq = greatest(f.last_read_seq,
				excluded.last_read_seq))
	select array_agg(c.id order by c.root_id, c.id),
		array_agg(c.root_id order by c.root_id, c.id)
	into v_user, v_root
	from changed c
	where c.fresh;
	return query
	select 'user:' || i.id, thread_object(i.id, 'user', i.root), i.root
	from unnest(v_user, v_root) i(id, root);
end $$;

-- What new replies do to their threads, as events in this order.
create function threads_reply(p_thread uuid[], p_seq bigint[], p_sender text[],
	p_mentions text[], p_at timestamptz)
returns table (topic text, seq bigint, type text, data text, message_id uuid)
language plpgsql
as $$
begin
	return query
	select c.topic, c.seq, 'thread.updated', c.data, null::uuid
	from threads_count(p_thread, p_sender, p_at) c;
	-- Afterwards: it shows the root as counted.
	return query
	select f.topic, null::bigint, 'thread.followed', f.data, f.message_id
	from threads_follow(p_thread, p_seq, p_sender, p_mentions) f;
end $$;

-- Tells of messages some of which are replies (p_thread is null of the others),
-- and of what the replies do.  Replies are heard by those who see their root.
create function threads_emit(p_thread uuid[], p_seq bigint[], p_sender text[],
	p_mentions text[], p_at timestamptz, p_topic text[], p_message text[],
	p_origin text[], p_skip boolean[], p_id uuid[])
returns bigint language plpgsql
as $$
declare
	v record;
begin
	select array_agg(x.topic order by x.part, x.n) as topic,
		array_agg(x.type order by x.part, x.n) as type,
		array_agg(x.data order by x.part, x.n) as data,
		array_agg(x.id order by x.part, x.n) as id,
		case when count(x.seq) > 0 then
			array_agg(x.seq order by x.part, x.n) end as seq,
		array_agg(p_origin[x.item] order by x.part, x.n) as origin,
		array_agg(p_skip[x.item] order by x.part, x.n) as skip
	into v
	from (select 1 as part, i as n, i as item, p_topic[i] as topic, s.seq,
			'message.created' as type, p_message[i] as data,
			p_id[i] as id
		from generate_subscripts(p_topic, 1) i
		left join conversations t on t.id = p_thread[i]
		left join messages r on r.id = t.root_id
		left join lateral message_place(r) s on t.id is not null
		where p_topic[i] is not null
		union all
		select 2, q.n, null, q.topic, q.seq, q.type, q.data, q.id
		from threads_reply(p_thread, p_seq, p_sender, p_mentions, p_at)
			with ordinality q(topic, seq, type, data, id, n)) x;
	return emit(v.topic, v.type, v.data, v.origin, v.skip, null, null,
		v.id, null, v.seq);
end $$;

-- What the root of a thread shows, found anew from its replies: for who has
-- deleted one, under the lock of the thread.  The caller announces it.
create function thread_recount(p_thread uuid)
returns table (topic text, seq bigint, data text) language plpgsql
as $$
begin
	return query
	with counted as (
		update messages m set thread = json_build_object('id', t.id,
			'reply_count', r.n, 'last_reply_at', rfc3339(r.newest),
			'participants', coalesce(thread_participants(null,
				r.senders), '[]'))
		from conversations t, lateral (
			select count(*) as n, max(x.created_at) as newest,
				array_agg(x.sender_id order by x.seq) as senders
			from messages x
			where x.conversation_id = t.id and x.deleted_at is null
				and x.type <> 'system') r
		where t.id = p_thread and m.id = t.root_id
		returning m as root)
	select t.topic, t.seq, json_build_object('conversation_id',
		(k.root).conversation_id, 'message_id', (k.root).id,
		'thread', (k.root).thread)::text
	from counted k, message_place(k.root) t;
end $$;

-- Who leaves a conversation leaves its threads: who comes back starts anew.
create function threads_leave(p_conversation_id uuid, p_user_id text)
returns void language plpgsql
as $$
begin
	delete from followers f
	using conversations t
	where t.parent_id = p_conversation_id and f.thread_id = t.id
		and f.user_id = p_user_id;
end $$;

-- The root of the thread that a message is in or may have, for a member of its
-- conversation; locks the thread, and with p_make makes one that is not there.
create function thread_hold(p_caller text, p_role text, p_message_id uuid,
	p_make boolean)
returns table (root_id uuid, conversation_id uuid, thread_id uuid,
	last_seq bigint) language plpgsql rows 1
as $$
#variable_conflict use_column
declare
	v_member boolean;
begin
	select m.id, m.conversation_id
	into root_id, conversation_id
	from messages i
	join messages m on m.id = coalesce(i.thread_root, i.id)
	where i.id = p_message_id;
	perform from conversations c
	where c.id = any (array(
			select t.id from conversations t
			where t.root_id = thread_hold.root_id)
		|| case when p_make then conversation_id end)
	order by c.id for no key update;
	select r.member into v_member
	from messages m
	join lateral conversation_right(p_caller, p_role, m.conversation_id) r
		on m.seq >= r.visible_from
	where m.id = root_id;
	if not found then
		perform refuse('not_found', 'There is no such message.');
	elsif not v_member then
		perform refuse('not_a_member',
			'Only members follow a conversation''s threads.');
	end if;
	if p_make then
		thread_id := (threads_find(array[conversation_id],
			array[root_id], array[p_caller], array[p_role]))[1];
		if thread_id is null then
			perform refuse('invalid',
				'This message has no thread.', 'message_id');
		end if;
	end if;
	select t.id, t.last_seq into thread_id, last_seq
	from conversations t
	where t.root_id = thread_hold.root_id;
	return next;
end $$;

-- Saying what is so already changes nothing and tells nobody.  Who follows
-- from now on has read what is there.
create function threads_choose(p_caller text, p_role text, p_origin text,
	p_message_id uuid, p_followed boolean)
returns table (object text, event_id bigint) language plpgsql rows 1
as $$
declare
	v record;
begin
	select * into v
	from thread_hold(p_caller, p_role, p_message_id, p_followed);
	if v.thread_id is not null then
		insert into followers as f (user_id, thread_id, followed,
			last_read_seq)
		values (p_caller, v.thread_id, p_followed, v.last_seq)
		on conflict (user_id, thread_id) do update set
			followed = excluded.followed, last_read_seq
				= greatest(f.last_read_seq, case when p_followed
				then excluded.last_read_seq end)
		where f.followed is distinct from p_followed;
	end if;
	if v.thread_id is not null and found then
		object := thread_object(p_caller, p_role, v.root_id);
		event_id := emit(array['user:' || p_caller],
			array[case when p_followed then 'thread.followed'
				else 'thread.unfollowed' end],
			array[case when p_followed then object
				else json_build_object('conversation_id',
				v.conversation_id, 'message_id', v.root_id,
				'thread_id', v.thread_id)::text end],
			array[p_origin], null, null, null,
			array[case when p_followed then v.root_id end]);
	end if;
	object := coalesce(object,
		thread_object(p_caller, p_role, v.root_id));
	return next;
end $$;

-- What thread.read says.
create function thread_read_data(p_user text, p_root uuid) returns text
language plpgsql stable
as $$
declare
	v json := thread_object(p_user, 'user', p_root);
begin
	return json_build_object('conversation_id', v->'conversation_id',
		'message_id', p_root, 'thread_id', v->'id', 'last_read_seq',
		v->'last_read_seq', 'unread', v->'unread', 'mentions',
		v->'mentions')::text;
end $$;

-- The position goes forward, unless p_unread.
create function threads_mark(p_caller text, p_role text, p_origin text,
	p_message_id uuid, p_seq bigint, p_unread boolean)
returns table (object text, event_id bigint) language plpgsql rows 1
as $$
declare
	v record;
	v_data text;
begin
	select * into v
	from thread_hold(p_caller, p_role, p_message_id, false);
	if v.thread_id is not null then
		insert into followers as f (user_id, thread_id, last_read_seq)
		values (p_caller, v.thread_id, least(p_seq, v.last_seq))
		on conflict (user_id, thread_id) do update set
			last_read_seq = excluded.last_read_seq
		where excluded.last_read_seq > f.last_read_seq or (p_unread
			and excluded.last_read_seq < f.last_read_seq);
	end if;
	if v.thread_id is not null and found then
		object := thread_object(p_caller, p_role, v.root_id);
		v_data := thread_read_data(p_caller, v.root_id);
		event_id := emit(array['user:' || p_caller],
			array['thread.read'], array[v_data], array[p_origin]);
	end if;
	object := coalesce(object,
		thread_object(p_caller, p_role, v.root_id));
	return next;
end $$;

-- As before.  Who types in a thread is told of where its root is, with the
-- root; of that conversation's members nobody types at two places at once, and
-- those hear of it who see the root.
-- Starts and stops are of one batch, so that a stop cannot overtake the start
-- before it: of each typist the last one counts.
drop function typing_tell(text, text[], text[], text[], text[]);
create function typing_tell(p_event text[], p_user text[], p_role text[],
	p_conversation text[], p_thread_root uuid[], p_origin text[])
returns table (ord bigint, error text, field text, detail text,
	conversation_id uuid) language plpgsql
as $$
#variable_conflict use_column
declare
	v_conv uuid[];
	v_root uuid[];
	v_error text[];
begin
	select array_agg(coalesce(r.parent_id, r.id) order by i.ord),
		array_agg(coalesce(i.root, t.root_id) order by i.ord),
		array_agg(case when r.id is null
				then conversation_refusal(
					conversation_find(i.wanted))
			when not may_post(r.member, r.barred,
				i.role, r.type, r.access)
				then 'forbidden'
			when i.root is not null and (m.conversation_id
				= coalesce(r.parent_id, r.id)
				and m.seq >= r.visible_from) is not true
				then 'unknown_message' end order by i.ord)
	into v_conv, v_root, v_error
	from unnest(p_user, p_role, p_conversation, p_thread_root)
		with ordinality i(id, role, wanted, root, ord)
	left join lateral conversation_right(i.id, i.role,
		conversation_find(i.wanted)) r on true
	left join conversations t on t.id = r.id and r.parent_id is not null
	left join messages m on m.id = i.root;
	perform ephemeral_tell(array(
		select row_to_json(x)::text
		from (select w.event, 'conversation:' || w.conv as topic,
				t.seq, w.origin, true as skip_origin, w.data
			from (select distinct on (i.conv, i.id) i.event,
					i.conv, i.id, i.origin, i.root, d.data
				from unnest(p_event, v_conv, p_user, p_origin,
					v_error, v_root) with ordinality
					i(event, conv, id, origin, error, root,
					ord)
				left join users u on u.id = i.id,
					lateral (select concat(
						'{"conversation_id":"', i.conv,
						'","user_id":', to_json(i.id),
						',"name":', json_string(u.name),
						',"thread_root":"' || i.root
						|| '"', '}')::json as data) d
				where i.error is null
				order by i.conv, i.id, i.ord desc) w
			left join messages r on r.id = w.root
			left join lateral message_place(r) t
				on r.id is not null
			order by w.conv, w.id) x));
	return query
	select i.ord, i.error,
		case i.error when 'unknown_message' then 'thread_root' end,
		case i.error when 'not_found' then
				'There is no such conversation.'
			when 'forbidden' then
				'You may not write to this conversation.'
			when 'unknown_message' then
				'There is no such message in the conversation.'
			end,
		i.conv
	from unnest(v_error, v_conv) with ordinality i(error, conv, ord);
end $$;
