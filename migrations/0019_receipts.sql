-- SPDX-License-Identifier: ISC
-- Read positions: what clients are told of them, so that a picture made of
-- events is what the lists say.

-- Who has been blocked reads, and is not seen to.
alter table members drop constraint members_check,
	add constraint members_check check (last_read_seq >= 0
		and visible_from >= 1
		and (left_at is null) = (join_no is not null));

-- Messages that their users typed: they have read what they answer to, unless
-- they have marked that as unread since.  (Who was blocked meanwhile may have read
-- further and not be seen to have read so far.)
create or replace function positions_advance(p_users text[],
	p_conversation_ids uuid[], p_seqs bigint[])
returns integer language plpgsql
as $$
declare
	v_move record;
begin
	perform members_hold(p_conversation_ids, p_users);
	select array_agg(m.conversation_id) as conv, array_agg(m.user_id) as id,
		array_agg(case when i.seq > coalesce(m.turned_at, 0)
			then greatest(m.last_read_seq, i.seq)
			else m.last_read_seq end) as last,
		array_agg(greatest(m.seen_upto, i.seq)) as seen
	into v_move
	from (select conversation_id, user_id, max(seq) as seq
		from unnest(p_conversation_ids, p_users, p_seqs)
			i(conversation_id, user_id, seq)
		group by 1, 2) i
	join members m on m.conversation_id = i.conversation_id
		and m.user_id = i.user_id
	join conversations c on c.id = m.conversation_id
	where m.left_at is null and i.seq between m.visible_from and c.last_seq
		and (i.seq > m.seen_upto or (i.seq > m.last_read_seq
			and i.seq > coalesce(m.turned_at, 0)));
	if v_move.conv is not null then
		perform positions_move(v_move.conv, v_move.id, v_move.last,
			v_move.seen, clock_timestamp());
	end if;
	return coalesce(cardinality(v_move.conv), 0);
end $$;

-- mentions_after, for where most have none to be counted.
create function mentions_number(p_user text, p_conversation_id uuid,
	p_last_seq bigint, p_read bigint) returns integer
language plpgsql stable
as $$
begin
	return (select g.mentions
		from mentions_after(p_user, p_conversation_id, p_last_seq,
			p_read) g);
end $$;

-- A member's own position rises with what is read and goes back only when
-- asked to; what others see only rises.  Marks of one batch for one member
-- count in their order.  Others hear of it where receipts_shown; else, and for what others do not see, the user's own connections.
-- Who has blocked the reader sees nothing of it.
--
-- Counts are made under the lock of the log: what is logged before the event is
-- in them, what is logged after it is not.  Who goes back holds the
-- conversation, so that it is certain which messages came before.
drop function receipts_mark(text[], text[], text[], bigint[], uuid[],
	boolean[], text[]);
create function receipts_mark(p_user text[], p_role text[],
	p_conversation text[], p_seq bigint[], p_message_id uuid[],
	p_unread boolean[], p_origin text[])
returns table (ord bigint, error text, field text, detail text,
	conversation_id uuid, last_read_seq bigint, seen_upto bigint,
	last_seq bigint, unread integer, mentions integer, event_id bigint)
language plpgsql
as $$
#variable_conflict use_column
declare
	v_conv uuid[] := conversations_find(p_conversation);
	v_back boolean := array_position(p_unread, true) > 0;
	v_at timestamptz;
	v_error text[];
	v_upto bigint[];
	v_m_conv uuid[];
	v_m_id text[];
	v_m_last bigint[];
	v_m_seen bigint[];
	v_m_shown boolean[];
	v_m_back boolean[];
	v_m_item bigint[];
	v_m_origin text[];
	v_id uuid[];
	v_last bigint[];
	v_seen bigint[];
	v_last_seq bigint[];
	v_told boolean[];
	v_left integer[];
	v_named integer[];
	v_topic text[];
	v_data text[];
	v_event bigint;
begin
	if v_back then
		perform from conversations c
		where c.id = any (array(
			select v_conv[i] from generate_subscripts(v_conv, 1) i
			where p_unread[i]))
		order by c.id for no key update;
	end if;
	perform members_hold(v_conv, p_user);
	v_at := clock_timestamp();

	select array_agg(case
			when r.id is null then conversation_refusal(i.conv)
			when r.parent_id is not null then 'thread'
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
			max(k.ord) as item, max(k.upto) filter (where k.ord = k.turned) as back,
			max(k.upto) filter (where not k.back
				and k.ord > coalesce(k.turned, 0)) as forth,
			max(k.upto) filter (where not k.back) as seen
		from mark k
		group by k.conv, k.id),
	result as (
		select t.conv, t.id, t.origin, t.item,
			t.back is not null as back,
			m.last_read_seq as old_last, m.seen_upto as old_seen,
			m.turned_at, greatest(coalesce(t.back, m.last_read_seq), t.forth)
				as last,
			case when m.barred then m.seen_upto
				else greatest(m.seen_upto, t.seen, t.back) end
				as seen
		from target t
		join members m on m.conversation_id = t.conv
			and m.user_id = t.id)
	select array_agg(r.conv order by r.conv, r.id) as conv,
		array_agg(r.id order by r.conv, r.id) as id,
		array_agg(r.last order by r.conv, r.id) as last,
		array_agg(r.seen order by r.conv, r.id) as seen,
		array_agg(r.seen > r.old_seen order by r.conv, r.id) as shown,
		array_agg(r.back order by r.conv, r.id) as back,
		array_agg(r.item order by r.conv, r.id) as item,
		array_agg(r.origin order by r.conv, r.id) as origin
	into v_m_conv, v_m_id, v_m_last, v_m_seen, v_m_shown, v_m_back,
		v_m_item, v_m_origin
	from result r
	where (r.last, r.seen) <> (r.old_last, r.old_seen)
		or (r.back and coalesce(r.turned_at, -1) < (
			select c.last_seq from conversations c
			where c.id = r.conv));

	if v_m_conv is not null then
		perform positions_move(v_m_conv, v_m_id, v_m_last,
			v_m_seen, v_at);
		if v_back then
			update members m set turned_at = c.last_seq
			from unnest(v_m_conv, v_m_id, v_m_back)
				i(conv, id, back)
			join conversations c on c.id = i.conv
			where i.back and m.conversation_id = i.conv
				and m.user_id = i.id;
		end if;
		perform pg_advisory_xact_lock(77);
	end if;
	select array_agg(m.conversation_id order by i.ord) as conv,
		array_agg(m.last_read_seq order by i.ord) as last,
		array_agg(m.seen_upto order by i.ord) as seen,
		array_agg(c.last_seq order by i.ord) as last_seq,
		array_agg(receipts_shown(c.member_count, c.announce)
			order by i.ord) as told,
		array_agg(n.unread order by i.ord) as unread,
		array_agg(case when greatest(m.last_read_seq,
				m.visible_from - 1) < c.last_seq
			then mentions_number(m.user_id, c.id, c.last_seq,
				greatest(m.last_read_seq, m.visible_from - 1))
			else 0 end order by i.ord) as mentions
	into v_id, v_last, v_seen, v_last_seq, v_told, v_left, v_named
	from unnest(v_conv, p_user, v_error)
		with ordinality i(conv, id, error, ord)
	left join members m on m.conversation_id = i.conv and m.user_id = i.id
		and i.error is null
	left join conversations c on c.id = m.conversation_id
	left join lateral unread_after(c.id, c.last_seq,
		greatest(m.last_read_seq, m.visible_from - 1)) n on true;
	if v_m_conv is not null then
		select array_agg(case when v_m_shown[k]
				and v_told[v_m_item[k]]
				then 'conversation:' || v_m_conv[k]
				else 'user:' || v_m_id[k] end order by k),
			array_agg(concat('{"conversation_id":"', v_m_conv[k],
				'","user_id":', to_json(v_m_id[k]),
				',"last_read_seq":', v_m_last[k],
				',"seen_upto":', v_m_seen[k],
				',"read_at":"', rfc3339(v_at),
				'","unread":', v_left[v_m_item[k]],
				',"mentions":', v_named[v_m_item[k]],
				case when v_m_back[k]
					then ',"back":true' end, '}')
				order by k)
		into v_topic, v_data
		from generate_subscripts(v_m_conv, 1) k;
		v_event := emit(v_topic,
			array_fill('receipt.updated'::text,
				array[cardinality(v_topic)]),
			v_data, v_m_origin);
	end if;
	return query
	select i::bigint, case v_error[i] when 'thread' then 'invalid'
			else v_error[i] end,
		case v_error[i] when 'required' then 'seq'
			when 'thread' then 'conversation_id'
			when 'invalid' then 'message_id'
			when 'unknown_message' then 'message_id' end,
		case v_error[i]
			when 'not_found' then 'There is no such conversation.'
			when 'forbidden' then
				'Only members have a read position.'
			when 'thread' then
				'The position in a thread is threads.mark''s.'
			when 'not_a_member' then
				'Only members have a read position.'
			when 'required' then
				'Say up to which seq or message_id.'
			when 'invalid' then 'Give seq or message_id, not both.'
			when 'unknown_message' then
				'There is no such message in the conversation.'
			end,
		v_id[i], v_last[i], v_seen[i], v_last_seq[i],
		v_left[i], v_named[i], v_event
	from generate_subscripts(v_conv, 1) i;
end $$;

-- Marks all that a member has not read, the newest activity first and 500
-- conversations at most, as one batch of marks does.  `more`: there are others.
create function receipts_mark_all(p_caller text, p_role text, p_origin text)
returns table (marked bigint, more boolean, event_id bigint)
language plpgsql rows 1
as $$
#variable_conflict use_column
declare
	v_id text[];
	v_upto bigint[];
	v_n integer;
begin
	select array_agg(x.id::text), array_agg(x.last_seq)
	into v_id, v_upto
	from (select c.id, c.last_seq
		from members m
		join conversations c on c.id = m.conversation_id
		where m.user_id = p_caller and m.left_at is null
			and c.deleted_at is null and c.last_seq >
				greatest(m.last_read_seq, m.visible_from - 1)
		order by c.last_at desc
		limit 501) x;
	v_n := coalesce(cardinality(v_id), 0);
	more := v_n > 500;
	v_n := least(v_n, 500);
	select count(*) filter (where r.error is null), max(r.event_id)
	into marked, event_id
	from receipts_mark(array_fill(p_caller, array[v_n]),
		array_fill(p_role, array[v_n]), v_id[:v_n], v_upto[:v_n],
		array_fill(null::uuid, array[v_n]),
		array_fill(null::boolean, array[v_n]),
		array_fill(p_origin, array[v_n])) r
	where v_n > 0;
	return next;
end $$;

-- What a user has not read, over all: of conversations neither muted nor
-- archived, as far as their level lets through; of the others apart.  (Counts
-- cost a look only where something is unread.)
create function unread_total(p_caller text)
returns table (unread bigint, mentions bigint, conversations bigint,
	threads bigint, muted bigint) language plpgsql stable rows 1
as $$
#variable_conflict use_column
begin
	select coalesce(sum(n.unread) filter (where m.level = 'all'
			and not x.quiet), 0),
		coalesce(sum(g.mentions) filter (where m.level <> 'none'
			and not x.quiet), 0),
		count(*) filter (where not x.quiet and (n.unread > 0
			and m.level = 'all' or g.mentions > 0
			and m.level <> 'none')),
		coalesce(sum(n.unread) filter (where x.quiet), 0)
	into unread, mentions, conversations, muted
	from members m
	join conversations c on c.id = m.conversation_id
		and c.last_seq > m.last_read_seq
	cross join lateral written_upto(m, c.last_seq, c.last_at) w(seq)
	cross join lateral (
		select greatest(m.last_read_seq, m.visible_from - 1, w.seq)
				as read,
			m.archived or coalesce(m.muted_until > now(), false)
				as quiet) x
	cross join lateral unread_after(c.id, c.last_seq, x.read) n
	cross join lateral mentions_after(p_caller, c.id, c.last_seq, x.read) g
	where m.user_id = p_caller and m.left_at is null
		and c.last_seq > x.read;
	select count(*) into threads
	from followers f
	join conversations t on t.id = f.thread_id
		and t.last_seq > f.last_read_seq
	join conversations p on p.id = t.parent_id and p.deleted_at is null
	join members m on m.conversation_id = t.parent_id
		and m.user_id = f.user_id and m.left_at is null
		and m.visible_from <= t.root_seq
	cross join lateral unread_after(t.id, t.last_seq, f.last_read_seq) n
	where f.user_id = p_caller and f.followed and n.unread > 0;
	return next;
end $$;

-- What devices have had.  Reading says as much, so only what is not read yet
-- moves a row, and only forward.  Others hear of it where receipts_shown, but not who has blocked the user.  Conversations that the user is
-- not in are passed over.
create function receipts_deliver(p_user text[], p_positions text[],
	p_origin text[])
returns table (ord bigint, data json, event_id bigint) language plpgsql
as $$
#variable_conflict use_column
declare
	v_at timestamptz;
	v_conv uuid[];
	v_user text[];
	v_seq bigint[];
	v_origin text[];
	v_topic text[];
	v_data text[];
	v_event bigint;
begin
	select array_agg(x.conv), array_agg(x.id), array_agg(x.seq),
		array_agg(x.origin)
	into v_conv, v_user, v_seq, v_origin
	from (select (p.e->>'conversation_id')::uuid as conv, i.id,
			max((p.e->>'seq')::bigint) as seq,
			max(i.origin) as origin
		from unnest(p_user, p_positions, p_origin)
				i(id, positions, origin),
			json_array_elements(i.positions::json) p(e)
		group by 1, 2) x;
	perform members_hold(v_conv, v_user);
	v_at := clock_timestamp();
	with risen as (
		update members m set delivered_upto = least(i.seq, c.last_seq)
		from unnest(v_conv, v_user, v_seq, v_origin)
			i(conv, id, seq, origin)
		join conversations c on c.id = i.conv
		where m.conversation_id = i.conv and m.user_id = i.id
			and m.left_at is null and not m.barred
			and least(i.seq, c.last_seq)
				> greatest(m.delivered_upto, m.seen_upto)
		returning m.conversation_id, m.user_id, m.delivered_upto,
			receipts_shown(c.member_count, c.announce) as told,
			i.origin)
	select array_agg('conversation:' || r.conversation_id),
		array_agg(concat('{"conversation_id":"', r.conversation_id,
			'","user_id":', to_json(r.user_id),
			',"delivered_upto":', r.delivered_upto,
			',"delivered_at":"', rfc3339(v_at), '"}')),
		array_agg(r.origin)
	into v_topic, v_data, v_origin
	from risen r
	where r.told;
	if v_topic is not null then
		v_event := emit(v_topic, array_fill('receipt.delivered'::text,
			array[cardinality(v_topic)]), v_data, v_origin);
	end if;
	return query
	select i.ord, array_to_json(array_agg(x order by p.n)
			filter (where x.conversation_id is not null)), v_event
	from unnest(p_user, p_positions) with ordinality i(id, positions, ord)
	cross join json_array_elements(i.positions::json)
		with ordinality p(e, n)
	left join lateral (
		select m.conversation_id, greatest(m.delivered_upto,
			m.seen_upto) as delivered_upto
		from members m
		where m.conversation_id = (p.e->>'conversation_id')::uuid
			and m.user_id = i.id and m.left_at is null) x on true
	group by i.ord;
end $$;

-- What users are told of whom a message named before a change or names now: the
-- counts anew, of those who have not read it.  p_users null: all members; their
-- rows stay locked, so that no reading comes between, and what they have written
-- counts as read, as it does for their clients.  (The caller holds the
-- conversation and announces these behind the change.)
create function mentions_told(p_message messages, p_users text[])
returns table (topic text, type text, data text) language plpgsql
as $$
begin
	if p_message.thread_root is not null then
		return query
		select 'user:' || f.user_id, 'thread.read',
			thread_read_data(f.user_id, p_message.thread_root)
		from followers f
		where f.thread_id = p_message.conversation_id and f.followed
			and f.last_read_seq < p_message.seq
			and (p_users is null or f.user_id = any (p_users));
		return;
	end if;
	perform positions_settle(p_message.conversation_id);
	perform from members m
	where m.conversation_id = p_message.conversation_id
		and m.join_no > 0
		and (p_users is null or m.user_id = any (p_users))
	order by m.user_id for no key update;
	return query
	select 'user:' || m.user_id, 'unread.updated', concat(
		'{"conversation_id":"', c.id, '","last_read_seq":',
		m.last_read_seq, ',"unread":', n.unread, ',"mentions":',
		g.mentions, '}')
	from members m
	join conversations c on c.id = m.conversation_id
	cross join lateral unread_after(c.id, c.last_seq,
		greatest(m.last_read_seq, m.visible_from - 1)) n
	cross join lateral mentions_after(m.user_id, c.id, c.last_seq,
		greatest(m.last_read_seq, m.visible_from - 1)) g
	where m.conversation_id = p_message.conversation_id
		and m.join_no > 0 and m.user_id <> p_message.sender_id
		and greatest(m.last_read_seq, m.visible_from - 1)
			< p_message.seq
		and (p_users is null or m.user_id = any (p_users));
end $$;
