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
