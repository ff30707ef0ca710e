-- SPDX-License-Identifier: ISC
-- Sending.  One call writes a batch: items of one length of all arrays, each
-- with an outcome of its own.

-- Upload ids given with a message, as what is shown of them.  `problem` is the
-- code of the refusal and `field` the argument; else `shown` is the JSON array
-- and `type` what such a message is called.
create function attachments_check(p_ids text, p_sender text, p_role text)
returns table (shown text, type text, problem text, field text)
language plpgsql rows 1
as $$
declare
	v_count integer := json_array_length(p_ids::json);
	v_place bigint;
begin
	if v_count > 10 then
		problem := 'too_many';
		field := 'attachments';
		return next;
		return;
	end if;
	select array_to_json(array_agg(x order by i.ord))::text,
		case when bool_and(x.type like 'image/%') then 'image'
			else 'file' end,
		min(i.ord - 1) filter (where x.id is null)
	into shown, type, v_place
	from json_array_elements_text(p_ids::json)
		with ordinality i(id, ord)
	left join lateral (
		select f.id, f.filename, f.type, f.size, f.width, f.height,
			file_url(f.id, 'original') as url,
			case when f.thumbnail_sha256 is not null
				then file_url(f.id, 'thumbnail') end
				as thumbnail_url
		from uploads f
		where f.id = i.id::uuid and (f.owner_id = p_sender
			or p_role = 'service')) x on true;
	if v_place is not null then
		problem := 'unknown_upload';
		field := 'attachments[' || v_place || ']';
	elsif v_count <> (select count(distinct lower(e))
		from json_array_elements_text(p_ids::json) e) then
		problem := 'duplicate';
		field := 'attachments';
	elsif v_count = 0 then
		shown := '[]';
		type := 'text';
	end if;
	return next;
end $$;

create function messages_refusal(p_error text) returns text
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
	when 'unknown_upload' then 'There is no upload of yours of this id.'
	when 'too_many' then 'At most 10 attachments.'
	when 'duplicate' then 'The same attachment twice.' end
$$;

-- Lock order: conversations by id, then the unique ids of messages by id, then
-- the events lock.  What decides is read after the locks, in a statement of
-- its own.  A message that is there already, of the same sender and
-- conversation, is answered again with 200.  (The caller keeps two of one id
-- out of a batch: they end it with 23505.)
-- `message` is the answer; of a new one it is also the event's data.
create function messages_send(p_sender text[], p_role text[],
	p_conversation text[], p_id uuid[], p_text text[], p_reply_to uuid[],
	p_attachments text[], p_platform text[], p_origin text[],
	p_echo boolean[])
returns table (ord integer, status integer, error text, field text,
	detail text, id uuid, conversation_id uuid, seq bigint, message text,
	event_id bigint)
language plpgsql
as $$
#variable_conflict use_column
declare
	v_conv uuid[] := conversations_find(p_conversation);
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
begin
	if array_position(v_id, null) > 0 then
		v_id := array(
			select coalesce(i.id, uuid_v7())
			from unnest(p_id) with ordinality i(id, ord)
			order by i.ord);
	end if;
	perform from conversations c
	where c.id = any (v_conv) order by c.id for no key update;
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
		left join lateral attachments_check(i.ids, i.sender, i.role) a
			on i.ids is not null;
	end if;

	select array_agg(v.error), array_agg(v.seq),
		array_agg(v.conv) filter (where v.seq is not null),
		array_agg(case when v.seq is not null
			then 'conversation:' || v.conv end),
		array_agg(case when v.seq is not null
			then message_json(v_id[v.i], v.conv, v.seq,
				p_sender[v.i], v.name, v.picture,
				coalesce(v_type[v.i], 'text'),
				coalesce(p_text[v.i], ''), p_reply_to[v.i],
				coalesce(v_shown[v.i], '[]'),
				p_platform[v.i], v_time) end),
		array_agg(not p_echo[v.i])
	into v_error, v_seq, v_taken, v_topic, v_message, v_skip
	from (select j.i, j.conv, j.error, j.name, j.picture,
			case when j.error is null then j.last_seq
			+ count(*) filter (where j.error is null)
				over (partition by j.conv order by j.i) end
				as seq
		from (select i, v_conv[i] as conv, r.last_seq, s.name,
				s.picture, case
				when r.id is null then 'not_found'
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
				when p_reply_to[i] is not null
					and (q.conversation_id = v_conv[i]
					and q.seq >= r.visible_from) is not true
					then 'unknown_message' end as error
			from generate_subscripts(v_conv, 1) i
			left join lateral conversation_right(p_sender[i],
				p_role[i], v_conv[i]) r on true
			left join users s on s.id = p_sender[i]
			left join messages d on d.id = v_id[i]
			left join messages q on q.id = p_reply_to[i]) j
		order by j.i) v;

	if v_taken is not null then
		insert into messages (id, conversation_id, seq, sender_id, type,
			text, reply_to, attachments, platform, created_at)
		select v_id[i], v_conv[i], v_seq[i], p_sender[i],
			coalesce(v_type[i], 'text')::message_type,
			coalesce(p_text[i], ''), p_reply_to[i],
			coalesce(v_shown[i], '[]')::json, p_platform[i], v_at
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
		v_event := emit(v_topic, array_fill('message.created'::text,
			array[cardinality(v_topic)]), v_message, p_origin,
			v_skip, null, null, v_id);
	end if;
	if array_position(v_error, 'repeat') > 0 then
		v_message := array(
			select coalesce(i.message, message_json(d.id,
				d.conversation_id, d.seq, d.sender_id, s.name,
				s.picture, d.type::text, d.text, d.reply_to,
				d.attachments::text, d.platform,
				rfc3339(d.created_at)))
			from unnest(v_message, v_error, v_id)
				with ordinality i(message, error, id, ord)
			left join messages d on i.error = 'repeat'
				and d.id = i.id
			left join users s on s.id = d.sender_id
			order by i.ord);
	end if;
	return query
	select i, case when v_error[i] = 'repeat' then 200
			when v_error[i] is null then 201 end,
		nullif(v_error[i], 'repeat'),
		case v_error[i] when 'id_conflict' then 'id'
			when 'required' then 'text'
			when 'unknown_message' then 'reply_to'
			else v_field[i] end,
		messages_refusal(v_error[i]), v_id[i], v_conv[i], v_seq[i],
		v_message[i], case when v_error[i] is null then v_event end
	from generate_subscripts(v_id, 1) i;
end $$;
