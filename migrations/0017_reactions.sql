-- SPDX-License-Identifier: ISC
-- What users do to a message that is there: they react, they pin it.

-- In the order in which a list shows them; the first of an emoji are found by
-- it too.
create index reactions_order
	on reactions (message_id, emoji, created_at, user_id);

-- Is there such a message for the caller?  Refuses when not.
create function message_readable(p_caller text, p_role text, p_id uuid)
returns uuid language plpgsql stable
as $$
begin
	if not exists (
		select
		from messages m
		join lateral conversation_right(p_caller, p_role,
			m.conversation_id) r on m.seq >= r.visible_from
		where m.id = p_id) then
		perform refuse('not_found', 'There is no such message.');
	end if;
	return p_id;
end $$;

-- Writes what a message shows of its reactions after `p_step` (1 or -1) users
-- of one emoji: the count is kept, the first five are looked up, and the others
-- stay as they are, however many have reacted.
create function reactions_count(p_message messages, p_emoji text,
	p_step integer) returns json language plpgsql
as $$
declare
	v_shown json;
	v_users json := to_json(array(
		select r.user_id
		from reactions r
		where r.message_id = p_message.id and r.emoji = p_emoji
		order by r.created_at, r.user_id
		limit 5));
begin
	select array_to_json(array_agg(row_to_json(x) order by n.ord))
	into v_shown
	from (select e->>'emoji' as emoji, (e->>'count')::integer as count,
			e->'users' as users, ord
		from json_array_elements(coalesce(p_message.reactions, '[]'))
			with ordinality k(e, ord)
		union all
		select p_emoji, 0, null, 1000
		where not exists (
			select
			from json_array_elements(p_message.reactions) e
			where e->>'emoji' = p_emoji)) n,
		lateral (select n.emoji, case when n.emoji = p_emoji
				then n.count + p_step else n.count end as count,
			case when n.emoji = p_emoji then v_users
				else n.users end as users) x
	where x.count > 0;
	if json_array_length(v_shown) > 20 then
		perform refuse('too_many',
			'A message has at most 20 different reactions.',
			'emoji');
	end if;
	update messages m set reactions = v_shown where m.id = p_message.id;
	return coalesce(v_shown, '[]');
end $$;

-- Tells whoever sees the message.
create function reaction_emit(p_type text, p_message messages, p_caller text,
	p_origin text, p_emoji text, p_shown json) returns bigint
language plpgsql
as $$
declare
	v record;
begin
	select p.topic, case when p.seq is not null then array[p.seq] end
		as seq, row_to_json(x)::text as data
	into v
	from message_place(p_message) p,
		(select p_message.conversation_id as conversation_id,
			p_message.id as message_id, p_caller as user_id,
			p_emoji as emoji, p_shown as reactions) x;
	return emit(array[v.topic], array[p_type], array[v.data],
		array[p_origin], p_seq => v.seq);
end $$;

-- Reacting again in the same way changes nothing and tells nobody.
create function reactions_add(p_caller text, p_role text, p_origin text,
	p_message_id uuid, p_emoji text)
returns table (status integer, message_id uuid, conversation_id uuid,
	emoji text, reactions json, event_id bigint) language plpgsql rows 1
as $$
#variable_conflict use_column
declare
	v record;
	v_shown json;
begin
	select * into v from message_lock(p_caller, p_role, p_message_id);
	if not v.may_post then
		perform refuse('forbidden',
			'You may not send to this conversation.');
	elsif (v.message).deleted_at is not null then
		perform refuse('message_deleted', 'The message is deleted.');
	end if;
	insert into reactions (message_id, emoji, user_id, created_at)
	values (p_message_id, p_emoji, p_caller, clock_timestamp())
	on conflict do nothing;
	status := case when found then 201 else 200 end;
	message_id := p_message_id;
	conversation_id := (v.message).conversation_id;
	emoji := p_emoji;
	v_shown := case when status = 201
		then reactions_count(v.message, p_emoji, 1)
		else (v.message).reactions end;
	reactions := message_reactions(p_message_id, v_shown, p_caller);
	if status = 201 then
		event_id := reaction_emit('reaction.added', v.message,
			p_caller, p_origin, p_emoji, v_shown);
	end if;
	return next;
end $$;

-- Taking back what is not there changes nothing and tells nobody.  Who may
-- still read the message may, whether they may still post or not.
create function reactions_remove(p_caller text, p_role text, p_origin text,
	p_message_id uuid, p_emoji text)
returns table (message_id uuid, conversation_id uuid, emoji text,
	reactions json, event_id bigint) language plpgsql rows 1
as $$
#variable_conflict use_column
declare
	v record;
	v_gone boolean;
	v_shown json;
begin
	select * into v from message_lock(p_caller, p_role, p_message_id);
	message_id := p_message_id;
	conversation_id := (v.message).conversation_id;
	emoji := p_emoji;
	delete from reactions r
	where r.message_id = p_message_id and r.emoji = p_emoji
		and r.user_id = p_caller;
	v_gone := found;
	v_shown := case when v_gone
		then reactions_count(v.message, p_emoji, -1)
		else coalesce((v.message).reactions, '[]') end;
	reactions := coalesce(message_reactions(p_message_id, v_shown,
		p_caller), '[]');
	if v_gone then
		event_id := reaction_emit('reaction.removed', v.message,
			p_caller, p_origin, p_emoji, v_shown);
	end if;
	return next;
end $$;

-- Messages that are pinned, by the conversation whose members see them: what is
-- said in a thread is pinned in its parent.  `seq` is the message's there, of a
-- reply the root's.
create table pins (
	message_id uuid primary key,
	topic_id uuid not null references conversations,
	conversation_id uuid not null,
	seq bigint not null,
	pinned_at timestamptz not null
);
create index pins_order on pins (topic_id, pinned_at, message_id);

-- Tells whoever sees the message; and all of the conversation what the history
-- says of it.
create function pin_emit(p_type text, p_message messages, p_topic_id uuid,
	p_origin text, p_note_id uuid default null, p_note text default null)
returns bigint language plpgsql
as $$
declare
	v record;
begin
	select p.topic, case when p.seq is not null then array[p.seq] end
		as seq
	into v
	from message_place(p_message) p;
	return emit(array[v.topic, case when p_note is not null
			then 'conversation:' || p_topic_id end],
		array[p_type, 'message.created'],
		array[message_object(p_message, null, null), p_note],
		array[p_origin, p_origin],
		p_message_id => array[p_message.id, p_note_id],
		p_seq => v.seq);
end $$;

-- Pinning again changes nothing and tells nobody.  The history says who did it.
create function pins_add(p_caller text, p_role text, p_origin text,
	p_message_id uuid)
returns table (status integer, message text, event_id bigint)
language plpgsql rows 1
as $$
#variable_conflict use_column
declare
	v record;
	v_message messages;
	v_note record;
begin
	select * into v from message_lock(p_caller, p_role, p_message_id);
	v_message := v.message;
	perform role_require('pin', v.mine, p_role, v.type);
	if not v.may_post then
		perform refuse('forbidden',
			'You may not send to this conversation.');
	end if;
	perform message_require(v_message, 'pinned');
	status := 200;
	if v_message.pinned_at is null then
		if (select count(*) from pins p
			where p.topic_id = v.topic_id) >= 50 then
			perform refuse('too_many',
				'At most 50 messages of a conversation are'
				' pinned.', 'message_id');
		end if;
		status := 201;
		update messages m set pinned_at = clock_timestamp(),
			pinned_by = p_caller
		where m.id = p_message_id
		returning m.* into v_message;
		insert into pins (message_id, topic_id, conversation_id, seq,
			pinned_at)
		select p_message_id, v.topic_id, c.id,
			coalesce(c.root_seq, v_message.seq),
			v_message.pinned_at
		from conversations c where c.id = v_message.conversation_id;
		select * into v_note
		from system_message(v.topic_id, p_caller, json_build_object(
			'kind', 'pinned', 'message_id', p_message_id));
	end if;
	message := message_object(v_message, p_caller, p_role);
	if status = 201 then
		event_id := pin_emit('message.pinned', v_message, v.topic_id,
			p_origin, v_note.message_id, v_note.object);
	end if;
	return next;
end $$;

-- Unpinning what is not pinned changes nothing and tells nobody.
create function pins_remove(p_caller text, p_role text, p_origin text,
	p_message_id uuid)
returns table (message text, event_id bigint) language plpgsql rows 1
as $$
#variable_conflict use_column
declare
	v record;
	v_message messages;
begin
	select * into v from message_lock(p_caller, p_role, p_message_id);
	v_message := v.message;
	perform role_require('pin', v.mine, p_role, v.type);
	if not v.may_post then
		perform refuse('forbidden',
			'You may not send to this conversation.');
	end if;
	update messages m set pinned_at = null, pinned_by = null
	where m.id = p_message_id and m.pinned_at is not null
	returning m.* into v_message;
	if not found then
		message := message_object(v.message, p_caller, p_role);
		return next;
		return;
	end if;
	delete from pins p where p.message_id = p_message_id;
	message := message_object(v_message, p_caller, p_role);
	event_id := pin_emit('message.unpinned', v_message, v.topic_id,
		p_origin);
	return next;
end $$;
