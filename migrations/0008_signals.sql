-- SPDX-License-Identifier: ISC
-- Read positions and typing: the most frequent writes, in batches.

-- Moves positions of members whose rows the caller has locked (one entry per
-- row) and keeps the ranges of who read what when: a reader's last range is
-- extended while it is younger than 60 s and nothing lies between.
create function positions_move(p_conversation uuid[], p_user text[],
	p_last bigint[], p_seen bigint[], p_at timestamptz)
returns void language plpgsql
as $$
begin
	with risen as materialized (
		select i.conversation_id, i.user_id, i.last, i.seen,
			m.seen_upto as was, r.from_seq
		from unnest(p_conversation, p_user, p_last, p_seen)
			i(conversation_id, user_id, last, seen)
		join members m on m.conversation_id = i.conversation_id
			and m.user_id = i.user_id
		left join lateral (
			select r.from_seq, r.upto_seq, r.read_at
			from receipts r
			where r.conversation_id = i.conversation_id
				and r.user_id = i.user_id
			order by r.from_seq desc
			limit 1) r on r.upto_seq = m.seen_upto
			and r.read_at > p_at - interval '60 seconds'),
	moved as (
		update members m set last_read_seq = i.last, seen_upto = i.seen
		from risen i
		where m.conversation_id = i.conversation_id
			and m.user_id = i.user_id),
	extended as (
		update receipts r set upto_seq = i.seen
		from risen i
		where r.conversation_id = i.conversation_id
			and r.user_id = i.user_id
			and r.from_seq = i.from_seq and i.seen > i.was)
	insert into receipts (conversation_id, user_id, from_seq, upto_seq,
		read_at)
	select i.conversation_id, i.user_id, i.was + 1, i.seen, p_at
	from risen i
	where i.from_seq is null and i.seen > i.was;
end $$;

-- Locks the rows of some members, in the one order, however often a pair is
-- named.
create function members_hold(p_conversation uuid[], p_user text[])
returns void language plpgsql
as $$
begin
	perform
	from (select distinct i.conversation_id, i.user_id
		from unnest(p_conversation, p_user)
			i(conversation_id, user_id)) i
	join members m on m.conversation_id = i.conversation_id
		and m.user_id = i.user_id and m.left_at is null
	order by m.conversation_id, m.user_id
	for no key update of m;
end $$;

-- A member's own position rises with what is read and goes back only when
-- asked to; what others see only rises.  Marks of one batch for one member
-- count in their order.  Others hear of it in conversations of up to 64
-- members; else, and for what others do not see, the user's own connections.
create function receipts_mark(p_user text[], p_role text[],
	p_conversation text[], p_seq bigint[], p_message_id uuid[],
	p_unread boolean[], p_origin text[])
returns table (ord bigint, error text, field text, detail text,
	conversation_id uuid, last_read_seq bigint, seen_upto bigint,
	last_seq bigint, unread integer, event_id bigint)
language plpgsql
as $$
#variable_conflict use_column
declare
	v_conv uuid[] := conversations_find(p_conversation);
	v_at timestamptz;
	v_error text[];
	v_upto bigint[];
	v_last bigint[];
	v_seen bigint[];
	v_move record;
	v_event bigint;
begin
	perform members_hold(v_conv, p_user);
	v_at := clock_timestamp();

	select array_agg(case
			when r.id is null then 'not_found'
			when not r.member then 'not_a_member'
			when i.seq is null and i.message_id is null
				then 'required'
			when i.seq is not null and i.message_id is not null
				then 'invalid'
			when i.message_id is not null
				and (q.conversation_id = i.conv
				and q.seq >= r.visible_from) is not true
				then 'unknown_message' end order by i.ord),
		array_agg(greatest(r.visible_from - 1, least(r.last_seq,
			coalesce(q.seq, i.seq))) order by i.ord)
	into v_error, v_upto
	from unnest(v_conv, p_user, p_role, p_seq, p_message_id)
		with ordinality i(conv, id, role, seq, message_id, ord)
	left join lateral conversation_right(i.id, i.role, i.conv) r on true
	left join messages q on q.id = i.message_id;

	with mark as (
		select i.conv, i.id, i.upto, i.ord,
			coalesce(i.back, false) as back, i.origin,
			max(i.ord) filter (where i.back)
				over (partition by i.conv, i.id) as turned
		from unnest(v_conv, p_user, v_upto, p_unread, p_origin, v_error)
			with ordinality i(conv, id, upto, back, origin, error,
			ord)
		where i.error is null),
	target as (
		select k.conv, k.id, max(k.origin) as origin,
			max(k.upto) filter (where k.ord = k.turned) as back,
			max(k.upto) filter (where not k.back
				and k.ord > coalesce(k.turned, 0)) as forth,
			max(k.upto) filter (where not k.back) as seen
		from mark k
		group by k.conv, k.id),
	result as (
		select t.conv, t.id, t.origin, m.last_read_seq as old_last,
			m.seen_upto as old_seen,
			greatest(coalesce(t.back, m.last_read_seq), t.forth)
				as last,
			greatest(m.seen_upto, t.seen, t.back) as seen
		from target t
		join members m on m.conversation_id = t.conv
			and m.user_id = t.id),
	changed as (
		select r.conv, r.id, r.last, r.seen, r.origin,
			case when r.seen > r.old_seen and c.member_count <= 64
				then 'conversation:' || r.conv
				else 'user:' || r.id end as topic,
			row_to_json(x)::text as data
		from result r
		join conversations c on c.id = r.conv,
			lateral (
				select r.conv as conversation_id,
					r.id as user_id,
					r.last as last_read_seq,
					r.seen as seen_upto,
					rfc3339(v_at) as read_at) x
		where (r.last, r.seen) <> (r.old_last, r.old_seen))
	select array_agg(c.conv order by c.conv, c.id) as conv,
		array_agg(c.id order by c.conv, c.id) as id,
		array_agg(c.last order by c.conv, c.id) as last,
		array_agg(c.seen order by c.conv, c.id) as seen,
		array_agg(c.topic order by c.conv, c.id) as topic,
		array_agg(c.data order by c.conv, c.id) as data,
		array_agg(c.origin order by c.conv, c.id) as origin
	into v_move
	from changed c;

	if v_move.conv is not null then
		perform positions_move(v_move.conv, v_move.id, v_move.last,
			v_move.seen, v_at);
		v_event := emit(v_move.topic,
			array_fill('receipt.updated'::text,
				array[cardinality(v_move.conv)]),
			v_move.data, v_move.origin);
	end if;
	return query
	select i.ord, i.error,
		case i.error when 'required' then 'seq'
			when 'invalid' then 'message_id'
			when 'unknown_message' then 'message_id' end,
		case i.error
			when 'not_found' then 'There is no such conversation.'
			when 'not_a_member' then
				'Only members have a read position.'
			when 'required' then
				'Say up to which seq or message_id.'
			when 'invalid' then 'Give seq or message_id, not both.'
			when 'unknown_message' then
				'There is no such message in the conversation.'
			end,
		m.conversation_id, m.last_read_seq, m.seen_upto, c.last_seq,
		n.unread, v_event
	from unnest(v_conv, p_user, v_error)
		with ordinality i(conv, id, error, ord)
	left join members m on m.conversation_id = i.conv and m.user_id = i.id
		and i.error is null
	left join conversations c on c.id = m.conversation_id
	left join lateral unread_after(c.id, c.last_seq,
		greatest(m.last_read_seq, m.visible_from - 1)) n on true
	order by i.ord;
end $$;

-- Messages that their users typed: they have read what they answer to.
create function positions_advance(p_users text[], p_conversation_ids uuid[],
	p_seqs bigint[]) returns integer language plpgsql
as $$
declare
	v_move record;
begin
	perform members_hold(p_conversation_ids, p_users);
	select array_agg(m.conversation_id) as conv, array_agg(m.user_id) as id,
		array_agg(greatest(m.last_read_seq, i.seq)) as last,
		array_agg(greatest(m.seen_upto, i.seq)) as seen
	into v_move
	from (select conversation_id, user_id, max(seq) as seq
		from unnest(p_conversation_ids, p_users, p_seqs)
			i(conversation_id, user_id, seq)
		group by 1, 2) i
	join members m on m.conversation_id = i.conversation_id
		and m.user_id = i.user_id
	join conversations c on c.id = m.conversation_id
	where m.left_at is null and i.seq > m.last_read_seq
		and i.seq between m.visible_from and c.last_seq;
	if v_move.conv is not null then
		perform positions_move(v_move.conv, v_move.id, v_move.last,
			v_move.seen, clock_timestamp());
	end if;
	return coalesce(cardinality(v_move.conv), 0);
end $$;

-- Announces ephemeral events, JSON objects, to those who listen now, in as few
-- notifications as their limit of 8000 bytes allows.
create function ephemeral_tell(p_events text[]) returns void
language plpgsql
as $$
declare
	v_one text;
	v_many text;
begin
	foreach v_one in array p_events loop
		if octet_length(v_many) + octet_length(v_one) > 7900 then
			perform pg_notify('parley_ephemeral',
				'[' || v_many || ']');
			v_many := null;
		end if;
		v_many := concat_ws(',', v_many, v_one);
	end loop;
	if v_many is not null then
		perform pg_notify('parley_ephemeral', '[' || v_many || ']');
	end if;
end $$;

-- Nothing is written.  The connection it came from knows.
create function typing_tell(p_event text, p_user text[], p_role text[],
	p_conversation text[], p_origin text[])
returns table (ord bigint, error text, field text, detail text,
	conversation_id uuid) language plpgsql
as $$
#variable_conflict use_column
declare
	v_conv uuid[];
	v_error text[];
begin
	select array_agg(r.id order by i.ord),
		array_agg(case when r.id is null then 'not_found'
			when not may_post(r.member, r.barred,
				i.role, r.type, r.access)
				then 'forbidden' end order by i.ord)
	into v_conv, v_error
	from unnest(p_user, p_role, p_conversation)
		with ordinality i(id, role, wanted, ord)
	left join lateral conversation_right(i.id, i.role,
		conversation_find(i.wanted)) r on true;
	perform ephemeral_tell(array(
		select row_to_json(x)::text
		from (select distinct on (i.conv, i.id) p_event as event,
				'conversation:' || i.conv as topic, i.origin,
				true as skip_origin, row_to_json(d) as data
			from unnest(v_conv, p_user, p_origin, v_error)
				with ordinality i(conv, id, origin, error, ord)
			left join users u on u.id = i.id,
				lateral (select i.conv as conversation_id,
					i.id as user_id, u.name) d
			where i.error is null
			order by i.conv, i.id, i.ord desc) x));
	return query
	select i.ord, i.error, null::text,
		case i.error when 'not_found' then
				'There is no such conversation.'
			when 'forbidden' then
				'You may not write to this conversation.' end,
		i.conv
	from unnest(v_error, v_conv) with ordinality i(error, conv, ord);
end $$;
