-- SPDX-License-Identifier: ISC
-- A send that is made again gets its answer although the sender may no longer
-- send: who was removed meanwhile would think that the message was never stored.

-- Why a send is refused where the sender may not read: it is a repeat, unless
-- the conversation is gone.  A thread is named by its root.
create function messages_send_refusal(p_conversation uuid, p_id uuid,
	p_sender text, p_root uuid) returns text
language plpgsql stable
as $$
begin
	return case when exists (
		select from messages m
		join conversations c on c.id = m.conversation_id
		left join conversations p on p.id = c.parent_id
		where m.id = p_id and m.sender_id = p_sender
			and coalesce(m.conversation_id = p_conversation,
				m.thread_root = p_root)
			and coalesce(p.deleted_at, c.deleted_at) is null)
		then 'repeat' else conversation_refusal(p_conversation) end;
end $$;

-- As before, but a repeat is recognized before anything is refused; to whoever
-- may no longer read the conversation it is shown as it was sent, without what
-- others made of it.
--
-- And a batch that hardly ever looks otherwise (plain messages of members, to
-- conversations that are no threads, of ids that are new) is judged by a statement
-- of its own, as a whole: it asks each conversation once for all its items, and for
-- none of what such messages have not got.  Where it does not find all of them fit,
-- they are judged one by one, as ever.
create or replace function messages_send(p_sender text[], p_role text[],
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
	v_root text[];
	v_open uuid[];	-- of those that are not refused
	v_judged boolean;
	v_refused boolean;
	v_error text[];
	v_seq bigint[];
	v_message text[];
	v_topic text[];
	v_skip boolean[] := case when array_position(p_echo, false) > 0 then array(
		select not p_echo[i]
		from generate_subscripts(p_echo, 1) i
		order by i) end;
	v_event bigint;
	v_threads boolean := false;
	v_named boolean := false;
	v_more boolean := num_nonnulls(p_reply_to, p_attachments, p_type,
		p_language, p_thread_root, p_mentions, p_mention_all, p_via,
		p_forwarded) > 0;
begin
	if v_id is null or array_position(v_id, null) > 0 then
		v_id := array(
			select coalesce(p_id[i], uuid_v7())
			from generate_subscripts(p_conversation, 1) i
			order by i);
	end if;
	if v_more then
		v_threads := array_remove(p_thread_root, null) <> '{}';
		v_named := array_remove(p_mentions, null) <> '{}';
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
	if v_threads then
		v_root := array(
			select case when may_post(t.member, t.barred, p_role[i],
					t.type, t.access) then 'unknown_root'
				when t.id is not null then 'forbidden' end
			from generate_subscripts(v_conv, 1) i
			left join lateral conversation_right(p_sender[i],
				p_role[i], v_parent[i]) t
				on p_thread_root[i] is not null
			order by i);
	end if;
	if v_more then
		v_problem := array(
			select coalesce(v_problem[i], message_type_check(
					p_type[i], v_type[i]),
				case when coalesce(p_text[i], '') = ''
					and coalesce(v_shown[i], '[]') = '[]'
					then 'required'
				when p_mention_all[i] is true and not role_may(
					'mention_all', r.role, p_role[i],
					r.type) then 'mention_all'
				when p_reply_to[i] is not null
					and (q.conversation_id = v_conv[i]
					and q.seq >= r.visible_from) is not true
					then 'unknown_message' end)
			from generate_subscripts(v_conv, 1) i
			left join lateral conversation_right(p_sender[i],
				p_role[i], v_conv[i]) r
				on p_mention_all[i] or p_reply_to[i] is not null
			left join messages q on q.id = p_reply_to[i]
			order by i);
		v_type := array(
			select coalesce(p_type[i], v_type[i])
			from generate_subscripts(v_conv, 1) i
			order by i);
	end if;

	v_open := v_conv;
	-- Outer joins on the item's own values: the planner, which knows neither rooms
	-- nor batch, would else begin with all members of a room, or all rooms of one.
	if not v_more then
		select array_agg(j.seq), array_agg(j.topic),
			array_agg(message_json(v_id[j.i], v_conv[j.i], j.seq,
				p_sender[j.i], j.name, j.picture, 'text',
				p_text[j.i], null, '[]', p_platform[j.i],
				v_time)),
			count(*) filter (where j.fits) = cardinality(v_conv)
		into v_seq, v_topic, v_message, v_judged
		from (select p.i, c.last_seq + p.nth as seq,
				'conversation:' || c.id as topic, s.name,
				s.picture, (
				select not m.barred
				from members m
				where m.conversation_id = c.id
					and m.user_id = p_sender[p.i]
					and m.left_at is null) as fits
			from conversations c
			cross join unnest(array_positions(v_conv, c.id))
				with ordinality p(i, nth)
			left join users s on s.id = p_sender[p.i]
			where c.id = any (v_conv) and c.deleted_at is null
				and c.parent_id is null and p_text[p.i] <> ''
				and not exists (select from messages d
					where d.id = any (p_id))
			order by p.i) j;
	end if;
	v_refused := false;
	for v_pass in 1..2 loop
		exit when v_judged;
		select array_agg(j.error),
			array_agg(case when j.error is null then j.seq end),
			array_agg(case when j.error is null
				then 'conversation:' || j.topic end),
			array_agg(case when j.error is null
				then message_json(v_id[j.i], v_conv[j.i],
					j.seq, p_sender[j.i], j.name, j.picture,
					coalesce(v_type[j.i], 'text'),
					coalesce(p_text[j.i], ''),
					p_reply_to[j.i],
					coalesce(v_shown[j.i], '[]'),
					p_platform[j.i], v_time) end)
		into v_error, v_seq, v_topic, v_message
		from (select i, s.name, s.picture,
				coalesce(r.parent_id, r.id) as topic,
				r.last_seq + cardinality(array_positions(
					v_open[1:i], v_conv[i])) as seq,
				case when r.id is null then coalesce(v_root[i],
					messages_send_refusal(v_conv[i], p_id[i],
						p_sender[i], p_thread_root[i]))
				when r.parent_id is not null
					and p_thread_root[i] is null
					then 'thread'
				when (d.conversation_id, d.sender_id)
					= (v_conv[i], p_sender[i]) then 'repeat'
				when not may_post(r.member, r.barred,
					p_role[i], r.type, r.access)
					then 'forbidden'
				when d.id is not null then 'id_conflict'
				when v_problem[i] is not null then v_problem[i]
				when coalesce(p_text[i], '') = ''
					and v_shown is null
					then 'required' end as error
			from generate_subscripts(v_conv, 1) i
			left join lateral conversation_right(p_sender[i],
				p_role[i], v_conv[i]) r on true
			left join users s on s.id = p_sender[i]
			left join messages d on d.id = p_id[i]
			order by i) j;
		v_refused := array_remove(v_error, null) <> '{}';
		exit when not v_refused;
		v_open := array(
			select case when v_error[i] is null then v_conv[i] end
			from generate_subscripts(v_conv, 1) i
			order by i);
	end loop;

	if array_remove(v_open, null) <> '{}' then
		if v_more then
			insert into messages (id, conversation_id, seq,
				sender_id, type, text, reply_to, attachments,
				platform, created_at, language, thread_root,
				mentions, mention_all, via, forwarded)
			select v_id[i], v_conv[i], v_seq[i], p_sender[i],
				coalesce(v_type[i], 'text')::message_type,
				coalesce(p_text[i], ''), p_reply_to[i],
				coalesce(v_shown[i], '[]')::json, p_platform[i],
				v_at, p_language[i], p_thread_root[i],
				case when p_mentions[i] is not null then array(
					select json_array_elements_text(
						p_mentions[i]::json)) end,
				nullif(p_mention_all[i], false), p_via[i],
				p_forwarded
			from generate_subscripts(v_seq, 1) i
			where v_seq[i] is not null
			order by v_id[i];
		else
			insert into messages (id, conversation_id, seq,
				sender_id, type, text, platform, created_at)
			select v_id[i], v_conv[i], v_seq[i], p_sender[i],
				'text', p_text[i], p_platform[i], v_at
			from generate_subscripts(v_seq, 1) i
			where v_seq[i] is not null
			order by v_id[i];
		end if;
		update conversations c set last_at = v_at, last_seq = c.last_seq
			+ cardinality(array_positions(v_open, c.id))
		where c.id = any (v_open);
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
		if v_more then
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
	if not v_refused then
		return query
		select i, 201, null::text, null::text, null::text, v_id[i],
			v_conv[i], v_seq[i], v_message[i], v_event
		from generate_subscripts(v_id, 1) i;
		return;
	end if;
	if array_position(v_error, 'repeat') > 0 then
		v_message := array(
			select coalesce(i.message, case
				when r.id is not null or d.deleted_at is not null
				then message_object(d, i.sender, i.role)
				when d.id is not null
				then message_json(d.id, d.conversation_id,
					d.seq, d.sender_id, s.name, s.picture,
					d.type::text, d.text, d.reply_to,
					d.attachments::text, d.platform,
					rfc3339(d.created_at)) end)
			from unnest(v_message, v_error, v_id, p_sender, p_role)
				with ordinality i(message, error, id, sender,
				role, ord)
			left join messages d on i.error = 'repeat'
				and d.id = i.id
			left join users s on s.id = d.sender_id
			left join lateral conversation_right(i.sender, i.role,
				d.conversation_id) r on d.id is not null
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
