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
-- conversation, is answered again with 200, also when it is there twice in
-- this batch.
create function messages_send(p_sender text[], p_role text[],
	p_conversation text[], p_id uuid[], p_text text[], p_reply_to uuid[],
	p_attachments text[], p_platform text[], p_origin text[],
	p_echo boolean[])
returns table (ord bigint, status integer, error text, field text, detail text,
	id uuid, conversation_id uuid, seq bigint, sender_id text,
	sender_name text, sender_picture text, type text, "text" text,
	reply_to uuid, attachments json, platform text, created_at timestamptz,
	event_id bigint)
language plpgsql
as $$
#variable_conflict use_column
declare
	v_conv uuid[];
	v_id uuid[];
	v_at timestamptz;
	v_time text;
	v_shown text[];
	v_type text[];
	v_problem text[];
	v_field text[];
	v_error text[];
	v_seq bigint[];
	v_name text[];
	v_picture text[];
	v_topic text[];
	v_data text[];
	v_origin text[];
	v_skip boolean[];
	v_message uuid[];
	v_event bigint;
begin
	select array_agg(conversation_find(i.wanted) order by i.ord),
		array_agg(coalesce(i.id, uuid_v7()) order by i.ord)
	into v_conv, v_id
	from unnest(p_conversation, p_id) with ordinality i(wanted, id, ord);
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

	with judged as materialized (
		select i.*, r.last_seq, s.name, s.picture, case
			when r.id is null then 'not_found'
			when not may_post(r.member, r.barred,
				i.role, r.type, r.access)
				then 'forbidden'
			when (d.conversation_id, d.sender_id)
				= (i.conv, i.sender) then 'repeat'
			when d.id is not null then 'id_conflict'
			when i.problem is not null then i.problem
			when coalesce(i.text, '') = ''
				and coalesce(i.shown, '[]') = '[]'
				then 'required'
			when i.reply_to is not null
				and (q.conversation_id = i.conv
				and q.seq >= r.visible_from) is not true
				then 'unknown_message' end as error
		from unnest(v_conv, p_sender, p_role, v_id, p_text, p_reply_to,
			p_platform, p_origin, p_echo, v_shown, v_type,
			v_problem) with ordinality i(conv, sender, role, id,
			text, reply_to, platform, origin, echo, shown, type,
			problem, ord)
		left join lateral conversation_right(i.sender, i.role, i.conv) r
			on true
		left join users s on s.id = i.sender
		left join messages d on d.id = i.id
		left join messages q on q.id = i.reply_to),
	item as (
		select j.*, case when j.error is not null then j.error
			when row_number() over same = 1 then null
			when (first_value(j.conv) over same,
				first_value(j.sender) over same)
				= (j.conv, j.sender) then 'repeat'
			else 'id_conflict' end as verdict
		from judged j
		window same as (partition by j.id, j.error is null
			order by j.ord)),
	verdict as materialized (
		select i.*, case when i.verdict is null then i.last_seq
			+ count(*) filter (where i.verdict is null)
			over (partition by i.conv order by i.ord) end as seq
		from item i),
	ins as (
		insert into messages (id, conversation_id, seq, sender_id, type,
			text, reply_to, attachments, platform, created_at)
		select f.id, f.conv, f.seq, f.sender,
			coalesce(f.type, 'text')::message_type,
			coalesce(f.text, ''),
			f.reply_to, coalesce(f.shown, '[]')::json, f.platform,
			v_at
		from verdict f
		where f.seq is not null
		order by f.id),
	upd as (
		update conversations c set last_seq = n.seq, last_at = v_at
		from (select f.conv, max(f.seq) as seq
			from verdict f
			where f.seq is not null
			group by f.conv) n
		where c.id = n.conv)
	select array_agg(f.verdict), array_agg(f.seq), array_agg(f.name),
		array_agg(f.picture),
		array_agg('conversation:' || f.conv)
			filter (where f.seq is not null),
		array_agg(message_json(f.id, f.conv, f.seq, f.sender, f.name,
			f.picture, coalesce(f.type, 'text'),
			coalesce(f.text, ''), f.reply_to,
			coalesce(f.shown, '[]'), f.platform, v_time))
			filter (where f.seq is not null),
		array_agg(f.origin) filter (where f.seq is not null),
		array_agg(not coalesce(f.echo, true))
			filter (where f.seq is not null),
		array_agg(f.id) filter (where f.seq is not null)
	into v_error, v_seq, v_name, v_picture, v_topic, v_data, v_origin,
		v_skip, v_message
	from (select * from verdict order by ord) f;

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
	if v_topic is not null then
		v_event := emit(v_topic, array_fill('message.created'::text,
			array[cardinality(v_topic)]), v_data, v_origin, v_skip,
			null, null, v_message);
	end if;
	return query
	select i.ord, case when i.error = 'repeat' then 200
			when i.error is null then 201 end,
		nullif(i.error, 'repeat'),
		case i.error when 'id_conflict' then 'id'
			when 'required' then 'text'
			when 'unknown_message' then 'reply_to'
			else i.field end,
		messages_refusal(i.error), i.id, i.conv,
		coalesce(i.seq, d.seq), i.sender, i.name, i.picture,
		coalesce(d.type::text, i.type, 'text'),
		coalesce(d.text, i.text, ''), coalesce(d.reply_to, i.reply_to),
		coalesce(d.attachments, i.shown::json, '[]'),
		case when d.id is null then i.platform else d.platform end,
		coalesce(d.created_at, v_at),
		case when i.error is null then v_event end
	from unnest(v_error, v_field, v_id, v_conv, v_seq, p_sender, v_name,
		v_picture, v_type, p_text, p_reply_to, v_shown, p_platform)
		with ordinality i(error, field, id, conv, seq, sender, name,
		picture, type, text, reply_to, shown, platform, ord)
	left join messages d
		on d.id = case when i.error = 'repeat' then i.id end
	order by i.ord;
end $$;
