-- SPDX-License-Identifier: ISC
-- Ways into the history: to a message, to a day, and to all that is new.

-- The number that a page lies around: that of a message of the conversation
-- which the caller sees; or of the first at p_at or later, the newest when there
-- is none.  Times rise with the numbers, so that no index of times is needed.
create function history_place(p_conversation_id uuid, p_visible_from bigint,
	p_message_id uuid, p_at timestamptz) returns bigint
language plpgsql stable
as $$
declare
	v_low bigint := p_visible_from;
	v_high bigint;
	v_middle bigint;
	v_seq bigint;
	v_at timestamptz;
begin
	if p_message_id is not null then
		select m.seq into v_seq
		from messages m
		where m.id = p_message_id and m.seq >= p_visible_from
			and m.conversation_id = p_conversation_id;
		if not found then
			perform refuse('unknown_message', 'There is no such'
				' message in the conversation.', 'around_id');
		end if;
		return v_seq;
	end if;
	select c.last_seq into v_high
	from conversations c where c.id = p_conversation_id;
	while v_low < v_high loop
		v_middle := v_low + (v_high - v_low) / 2;
		select m.seq, m.created_at into v_seq, v_at
		from messages m
		where m.conversation_id = p_conversation_id
			and m.seq >= v_middle and m.seq < v_high
		order by m.seq
		limit 1;
		if v_seq is null or v_at >= p_at then
			v_high := v_middle;
		else
			v_low := v_seq + 1;
		end if;
	end loop;
	return v_high;
end $$;

-- The newest messages of many conversations after what a client has of each:
-- `p_asked` is a JSON array of objects with conversation_id and after_seq.  At
-- most p_limit of each and 1,000 in all, about two million bytes of text; those
-- asked for first come first.  One statement, so that all of it is of one
-- moment.  (The limits inside keep the planner to walks along the indexes: it
-- would rather read all messages once than some of each conversation.)
create function messages_catch_up(p_caller text, p_role text, p_asked json,
	p_limit integer)
returns table (data json, last_event_id bigint) language sql stable rows 1
as $$
with asked as (
	select i.ord, i.e->>'conversation_id' as wanted, r.id, r.last_seq,
		greatest((i.e->>'after_seq')::bigint, r.visible_from - 1)
			as after_seq
	from json_array_elements(p_asked) with ordinality i(e, ord)
	left join lateral (
		select c.*
		from conversation_right(p_caller, p_role,
			conversation_find(i.e->>'conversation_id')) c
		limit 1) r on true),
wanted as (
	select a.*, greatest(0, least(a.last_seq - a.after_seq, p_limit)) as n
	from asked a),
given as (
	select w.*, greatest(0, least(w.n, 1000 - sum(w.n) over before))::bigint
			as room
	from wanted w
	window before as (order by w.ord
		rows between unbounded preceding and 1 preceding)),
found as (
	select g.ord, m.seq, m.message, sum(500 + octet_length(
			(m.message).text)) over (order by g.ord, m.seq desc)
			as bytes
	from given g, lateral (
		select m.seq, m as message
		from messages m
		where m.conversation_id = g.id and m.seq > g.after_seq
			and m.seq <= g.last_seq
		order by m.seq desc
		limit g.room) m),
shown as (
	select f.ord, min(f.seq) as first_seq, string_agg(message_object(
		f.message, p_caller, p_role), ',' order by f.seq) as messages
	from found f
	where f.bytes <= 2000000
	group by f.ord)
select concat('[', string_agg(case when g.id is null
		then concat('{"conversation_id":', to_json(g.wanted),
			',"gone":true,"last_seq":null,"gap":false,'
			'"messages":[]}')
		else concat('{"conversation_id":"', g.id, '","last_seq":',
			g.last_seq, ',"gap":', to_json(g.after_seq
				< coalesce(s.first_seq - 1, g.last_seq)),
			',"messages":[', s.messages, ']}') end,
		',' order by g.ord), ']')::json,
	(select greatest(l.floor_id, (select max(e.id) from events e))
	from event_log l)
from given g
left join shown s on s.ord = g.ord
$$;
