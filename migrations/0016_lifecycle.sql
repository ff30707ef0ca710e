-- SPDX-License-Identifier: ISC
-- What becomes of messages: they are edited, deleted, forwarded.  The log holds
-- what was sent, and so do answers kept for repeats: what is gone from a
-- message, or said otherwise now, is so there too, in the same transaction.

-- What a message said before, numbered from 1: as it was sent.
create table edits (
	message_id uuid not null,
	number integer not null,
	text text not null,
	language text,
	mentions text[],
	mention_all boolean,
	written_at timestamptz not null,
	primary key (message_id, number)
);

-- Messages that so many others quote that the older of those are told of, and
-- brought to what is so now, behind the change: those before `before_seq`.
create table requotes (
	message_id uuid primary key,
	before_seq bigint not null
);

-- Answers of idempotency_keys that show these messages.
create table idempotency_messages (
	message_id uuid not null,
	caller text collate "C" not null,
	key text collate "C" not null,
	primary key (message_id, caller, key),
	foreign key (caller, key) references idempotency_keys
		on delete cascade
);
create index idempotency_messages_key on idempotency_messages (caller, key);

-- `rewritten`: the older events whose data this one's transaction has changed,
-- or (their rows are gone) deleted.  Whoever keeps events in memory reads those
-- anew when it meets this one.  `rewritten_id`: the newest event up to which a
-- reader must have come to know of all such changes.
-- `seq`: of what tells of a message that not all who follow the topic see, its
-- number: those hear it who see messages from there or before.  Of a join or
-- leave, the first message that the user sees, or saw, of `effect_topic`.
-- Messages are found in the log by time: an index on message_id would cost
-- every send.  Whatever else holds one is rare.
alter table events add column rewritten bigint[], add column seq bigint;
alter table event_log add column rewritten_id bigint not null default 0;
create index events_message on events (message_id)
	where message_id is not null and type <> 'message.created';

-- As before.  `p_rewritten` goes with the first entry, which has a topic.  (What
-- most events have not got costs them nothing.)
drop function emit(text[], text[], text[], text[], boolean[], smallint[],
	text[], uuid[]);
create function emit(p_topic text[], p_type text[], p_data text[],
	p_origin text[] default null, p_skip_origin boolean[] default null,
	p_effect smallint[] default null, p_effect_topic text[] default null,
	p_message_id uuid[] default null, p_rewritten bigint[] default null,
	p_seq bigint[] default null)
returns bigint language plpgsql
as $$
declare
	v_last bigint;
	v_void text;
begin
	v_void := pg_advisory_xact_lock(77);
	if p_rewritten is null and p_seq is null then
		insert into events (topic, type, data, origin, skip_origin,
			effect, effect_topic, message_id, at)
		select p_topic[i], p_type[i], p_data[i], p_origin[i],
			coalesce(p_skip_origin[i], false), p_effect[i],
			p_effect_topic[i], p_message_id[i], clock_timestamp()
		from generate_subscripts(p_topic, 1) i
		where p_topic[i] is not null;
		v_last := currval('events_id_seq');
	else
		insert into events (topic, type, data, origin, skip_origin,
			effect, effect_topic, message_id, at, rewritten, seq)
		select p_topic[i], p_type[i], p_data[i], p_origin[i],
			coalesce(p_skip_origin[i], false), p_effect[i],
			p_effect_topic[i], p_message_id[i], clock_timestamp(),
			case when i = 1 then p_rewritten end, p_seq[i]
		from generate_subscripts(p_topic, 1) i
		where p_topic[i] is not null;
		v_last := currval('events_id_seq');
		if p_rewritten is not null then
			update event_log set rewritten_id = v_last;
		end if;
	end if;
	v_void := pg_notify('parley_events', v_last::text);
	return v_last;
end $$;

-- The first id from which on events were made at p_at or later: their times
-- are drawn under the log's lock, and so rise with their ids.
create function events_since(p_at timestamptz) returns bigint
language plpgsql stable
as $$
declare
	v_low bigint;
	v_high bigint;
	v_middle bigint;
	v_id bigint;
	v_at timestamptz;
begin
	select l.floor_id + 1, (select max(e.id) + 1 from events e)
	into v_low, v_high
	from event_log l;
	while v_low < v_high loop
		v_middle := v_low + (v_high - v_low) / 2;
		select e.id, e.at into v_id, v_at
		from events e
		where e.id >= v_middle and e.id < v_high
		order by e.id
		limit 1;
		if v_id is null or v_at >= p_at then
			v_high := v_middle;
		else
			v_low := v_id + 1;
		end if;
	end loop;
	return v_low;
end $$;

-- The logged events that hold any of these messages.  One that should be there
-- and is not where its time says (the clock was put back) is looked for
-- everywhere.
create function events_holding(p_messages uuid[]) returns bigint[]
language plpgsql stable
as $$
declare
	v record;
	v_start timestamptz;
	v_from bigint;
	v_found bigint;
	v_ids bigint[];
	v_missing uuid[];
begin
	v_ids := array(
		select e.id
		from events e
		where e.message_id = any (p_messages)
			and e.type <> 'message.created');
	select e.at into v_start from events e order by e.id limit 1;
	for v in
		select m.id, m.created_at
		from messages m
		where m.id = any (p_messages)
			and m.created_at >= v_start - interval '1 minute' loop
		v_from := events_since(v.created_at - interval '1 ms');
		select e.id into v_found
		from events e
		where e.id >= v_from and e.id < v_from + 20000
			and e.message_id = v.id and e.type = 'message.created'
		order by e.id
		limit 1;
		if v_found is null then
			v_missing := v_missing || v.id;
		else
			v_ids := v_ids || v_found;
		end if;
	end loop;
	if v_missing is not null then
		v_ids := v_ids || array(
			select e.id
			from unnest(v_missing) i(id)
			join events e on e.message_id = i.id
			where e.type = 'message.created');
	end if;
	return v_ids;
end $$;

-- A JSON text with a message as it is now: wherever the message stands in it
-- as a whole, and where it stands as what is to be sent (the same `id`), or
-- something else speaks of it (by `message_id`), the `text`, `excerpt` and
-- `attachments`.  The rest stays as it is, letter for letter.
create function message_renew(p_json json, p_message messages, p_caller text)
returns text language plpgsql stable
as $$
declare
	v_text text := p_json::text;
	v_here boolean;
begin
	if strpos(v_text, p_message.id::text) = 0 then
		return v_text;
	elsif json_typeof(p_json) = 'array' then
		return concat('[', (select string_agg(message_renew(a.item,
				p_message, p_caller), ',' order by a.ord)
			from json_array_elements(p_json)
				with ordinality a(item, ord)), ']');
	elsif json_typeof(p_json) <> 'object' then
		return v_text;
	end if;
	v_here := p_message.id::text in (p_json->>'id', p_json->>'message_id');
	if v_here and p_json->'seq' is not null
		and p_json->'conversation_id' is not null
		and p_json->>'id' = p_message.id::text then
		return message_object(p_message, p_caller,
			case when p_caller is not null then 'user' end);
	end if;
	return concat('{', (select string_agg(to_json(o.key) || ':'
			|| case when v_here and o.key in ('text', 'excerpt')
				then to_json(left(p_message.text, 200))::text
				when v_here and o.key = 'attachments'
				then p_message.attachments::text
				else message_renew(o.value, p_message,
					p_caller) end, ',' order by o.ord)
		from json_each(p_json) with ordinality o(key, value, ord)),
		'}');
end $$;

-- A message as events of before its last change may hold it.  Who has left since
-- it was sent may still read those, but nothing of later: then what was changed
-- has no text there, and what quotes it no quote; the event of the change, which
-- everybody else reads after them, has all of it.
create function message_logged(p messages, p_changed uuid[]) returns messages
language plpgsql stable
as $$
begin
	if exists (
		select
		from conversations c
		join members m on m.conversation_id
			= coalesce(c.parent_id, c.id)
		where c.id = p.conversation_id and m.left_at > p.created_at)
		then
		if p.id = any (p_changed) and p.deleted_at is null then
			p.text := '';
		end if;
		if p.reply_to = any (p_changed) and exists (
			select from messages q
			where q.id = p.reply_to and q.deleted_at is null) then
			p.reply_to := null;
		end if;
	end if;
	return p;
end $$;

-- Brings what is kept of these messages elsewhere to what they are now: logged
-- events and answers kept for repeats.  `p_changed`: those that are something
-- else now; the others quote one of them.  The events that have changed; null:
-- none.  For the last step before emit, which wants them; the caller holds the
-- messages' conversations.
create function messages_renew(p_changed uuid[], p_messages uuid[])
returns bigint[] language plpgsql
as $$
declare
	v_ids bigint[] := events_holding(p_messages);
begin
	with changed as (
		update events e set data = message_renew(e.data::json,
			message_logged(m, p_changed), case when e.topic like 'user:%' then substr(e.topic, 6)
			end)
		from messages m
		where e.id = any (v_ids) and m.id = e.message_id
		returning e.id)
	select array_agg(c.id order by c.id) into v_ids from changed c;
	update idempotency_keys k set body = a.body
	from (select i.caller, i.key, idempotency_renew(i.caller, o.body,
			array_agg(i.message_id)) as body
		from idempotency_messages i
		join idempotency_keys o on (o.caller, o.key) = (i.caller, i.key)
		where i.message_id = any (p_messages) and o.body is not null
		group by i.caller, i.key, o.body) a
	where (k.caller, k.key) = (a.caller, a.key);
	return v_ids;
end $$;

create function idempotency_renew(p_caller text, p_body text,
	p_messages uuid[]) returns text language plpgsql stable
as $$
declare
	v messages;
begin
	for v in select m.* from messages m where m.id = any (p_messages) loop
		p_body := message_renew(p_body::json, v, p_caller);
	end loop;
	return p_body;
end $$;

-- See idempotency.store.  Messages are held, so that one that is deleted
-- meanwhile is either seen here or finds the answer.  An id may be that of a
-- message to be, or of something else: that is of no matter.
create function idempotency_store(p_caller text, p_key text, p_status integer,
	p_body text) returns void language plpgsql
as $$
declare
	v_messages uuid[] := '{}';
begin
	if strpos(p_body, '"text":') > 0 then
		v_messages := array(
			select distinct f.found[1]::uuid
			from regexp_matches(p_body,
				'"id" ?: ?"([0-9a-f-]{36})"', 'g') f(found)
			where uuid_shaped(f.found[1])
			order by 1);
		perform from messages m
		where m.id = any (v_messages)
		order by m.id for share;
	end if;
	update idempotency_keys i set status = p_status,
		body = idempotency_renew(p_caller, p_body, v_messages)
	where i.caller = p_caller and i.key = p_key and i.status is null;
	if found then
		insert into idempotency_messages (message_id, caller, key)
		select m.id, p_caller, p_key from unnest(v_messages) m(id)
		on conflict do nothing;
	end if;
end $$;

-- Everything that was told on a topic leaves the log.  What is left for the
-- caller: to emit, with these ids.  (Ids have holes anyway.)
create function events_forget(p_topic text) returns bigint[]
language plpgsql
as $$
declare
	v_ids bigint[];
begin
	with gone as (
		delete from events e where e.topic = p_topic returning e.id)
	select array_agg(g.id order by g.id) into v_ids from gone g;
	return v_ids;
end $$;

-- Where those hear of a message who see it: the topic of its conversation, of a
-- reply the parent's, and, where some members see only what came after it, its
-- number there, of a reply the root's (null: all of them see it).
create function message_place(p_message messages, out topic text,
	out seq bigint) language plpgsql stable
as $$
begin
	select 'conversation:' || p.id, case when p.starts
		> coalesce(c.root_seq, p_message.seq)
		then coalesce(c.root_seq, p_message.seq) end
	into topic, seq
	from conversations c
	join conversations p on p.id = coalesce(c.parent_id, c.id)
	where c.id = p_message.conversation_id;
end $$;

-- The newest of those that quote a message, before a number; so many that the
-- conversation is not held for long.
create function message_quoters(p_message_id uuid, p_before bigint,
	out ids uuid[], out before_seq bigint) language plpgsql stable
as $$
begin
	select array_agg(q.id order by q.seq desc), min(q.seq)
	into ids, before_seq
	from (select m.id, m.seq
		from messages m
		where m.reply_to = p_message_id and m.seq < p_before
		order by m.seq desc
		limit 200) q;
	if coalesce(cardinality(ids), 0) < 200 then
		before_seq := null;
	end if;
end $$;

-- Tells of a message that has changed: what it is now, and then what the newest
-- of those are that quote it; messages_requote goes on with the others.
-- p_more_*: what else to tell.
create function message_tell(p_message messages, p_type text, p_origin text,
	p_more_topic text[] default '{}', p_more_type text[] default '{}',
	p_more_data text[] default '{}', p_more_seq bigint[] default null)
returns bigint language plpgsql
as $$
declare
	v_quote record;
begin
	select * into v_quote
	from message_quoters(p_message.id, 9223372036854775807);
	delete from requotes r where r.message_id = p_message.id;
	insert into requotes (message_id, before_seq)
	select p_message.id, v_quote.before_seq
	where v_quote.before_seq is not null;
	return messages_tell(array[p_message.id],
		p_message.id || v_quote.ids, p_type, p_origin, p_more_topic,
		p_more_type, p_more_data, p_more_seq);
end $$;

-- The same of these, of which p_changed are told of as p_type and the others have
-- changed with them.
create function messages_tell(p_changed uuid[], p_messages uuid[],
	p_type text, p_origin text, p_more_topic text[], p_more_type text[],
	p_more_data text[], p_more_seq bigint[])
returns bigint language plpgsql
as $$
declare
	v_rewritten bigint[] := messages_renew(p_changed, p_messages);
	v record;
begin
	select array_agg(t.topic order by x.first, m.seq) as topic,
		array_agg(case when x.first = 1 then p_type
			else 'message.updated' end order by x.first, m.seq)
			as type,
		array_agg(message_object(m, null, null)
			order by x.first, m.seq) as data,
		array_agg(m.id order by x.first, m.seq) as id,
		array_agg(t.seq order by x.first, m.seq) as seq
	into v
	from messages m,
		lateral (select case when m.id = any (p_changed) then 1
			else 2 end as first) x,
		message_place(m) t
	where m.id = any (p_messages);
	return emit(v.topic || p_more_topic, v.type || p_more_type,
		v.data || p_more_data,
		array_fill(p_origin, array[cardinality(v.topic)
			+ cardinality(p_more_topic)]), null, null, null,
		v.id, v_rewritten, v.seq || p_more_seq);
end $$;

-- A step of what message_tell left; one process at a time.  `more`: call again.
create function messages_requote() returns boolean language plpgsql
as $$
declare
	v record;
	v_quote record;
begin
	if not pg_try_advisory_xact_lock(81) then
		return false;
	end if;
	select r.message_id, m.conversation_id, c.parent_id into v
	from requotes r
	left join messages m on m.id = r.message_id
	left join conversations c on c.id = m.conversation_id
	order by r.message_id
	limit 1;
	if not found then
		return false;
	end if;
	perform from conversations c
	where c.id in (v.conversation_id, v.parent_id)
	order by c.id for no key update;
	-- Whoever changes it again has the conversation, and leaves another place.
	select q.* into v_quote
	from requotes r, message_quoters(r.message_id, r.before_seq) q
	where r.message_id = v.message_id;
	if v_quote.before_seq is null then
		delete from requotes r where r.message_id = v.message_id;
	else
		update requotes r set before_seq = v_quote.before_seq
		where r.message_id = v.message_id;
	end if;
	if v_quote.ids is not null then
		perform messages_tell(array[v.message_id], v_quote.ids,
			'message.updated', null, '{}', '{}', '{}', null);
	end if;
	return exists (select from requotes);
end $$;

-- A message that the caller may see, locked with its conversation (of a thread
-- the parent's too), and what the caller is there; `topic_id` is the
-- conversation on whose topic it is told of.
create function message_lock(p_caller text, p_role text, p_id uuid)
returns table (message messages, topic_id uuid, type conversation_type,
	mine member_role, may_post boolean) language plpgsql rows 1
as $$
#variable_conflict use_column
begin
	perform from conversations c
	where c.id in (
		select unnest(array[o.id, o.parent_id])
		from messages m
		join conversations o on o.id = m.conversation_id
		where m.id = p_id)
	order by c.id for no key update;
	perform from messages m where m.id = p_id for no key update;
	-- A statement of its own: its snapshot is taken after the locks.
	return query
	select m, coalesce(r.parent_id, r.id), r.type, r.role,
		may_post(r.member, r.barred, p_role, r.type, r.access)
	from messages m
	join lateral conversation_right(p_caller, p_role, m.conversation_id) r
		on m.seq >= r.visible_from
	where m.id = p_id;
	if not found then
		perform refuse('not_found', 'There is no such message.');
	end if;
end $$;

-- What nobody does with a message of the service's own, and with none that is
-- deleted.
create function message_require(p_message messages, p_what text) returns void
language plpgsql
as $$
begin
	if p_message.type = 'system' then
		perform refuse('forbidden',
			'What the service says is not ' || p_what || '.');
	elsif p_message.deleted_at is not null then
		perform refuse('message_deleted', 'The message is deleted.');
	end if;
end $$;

-- One's own may be changed for p_seconds (0: for ever) after it was sent.
create function message_too_late(p_message messages, p_role text,
	p_seconds integer) returns boolean language sql stable
as $$
select p_seconds > 0 and p_role = 'user' and clock_timestamp()
	> p_message.created_at + make_interval(secs => p_seconds)
$$;

-- Only who wrote it says it otherwise: text, whom it names, of code the
-- language; null: as it is.  Saying the same again changes nothing and tells
-- nobody.
create function messages_edit(p_caller text, p_role text, p_origin text,
	p_id uuid, p_text text, p_mentions text[], p_mention_all boolean,
	p_language text, p_seconds integer)
returns table (message text, event_id bigint) language plpgsql rows 1
as $$
#variable_conflict use_column
declare
	v record;
	v_old messages;
	v_new messages;
	v_told record;
begin
	select * into v from message_lock(p_caller, p_role, p_id);
	v_old := v.message;
	perform message_require(v_old, 'changed');
	if v_old.sender_id <> p_caller then
		perform refuse('forbidden', 'Only who wrote it changes it.');
	elsif not v.may_post then
		perform refuse('forbidden',
			'You may not send to this conversation.');
	elsif message_too_late(v_old, p_role, p_seconds) then
		perform refuse('too_late',
			'It can be changed no longer.');
	end if;
	v_new := v_old;
	v_new.text := coalesce(p_text, v_old.text);
	v_new.language := coalesce(p_language, v_old.language);
	v_new.mentions := nullif(coalesce(p_mentions, v_old.mentions), '{}');
	v_new.mention_all := nullif(coalesce(p_mention_all, v_old.mention_all),
		false);
	perform message_edit_check(v_old, v_new, v.mine, p_role, v.type);
	if (v_new.text, v_new.language, v_new.mentions, v_new.mention_all)
		is distinct from (v_old.text, v_old.language, v_old.mentions,
		v_old.mention_all) then
		v_new.edited_at := clock_timestamp();
		insert into edits (message_id, number, text, language, mentions,
			mention_all, written_at)
		select v_old.id, count(*) + 1, v_old.text, v_old.language,
			v_old.mentions, v_old.mention_all,
			coalesce(v_old.edited_at, v_old.created_at)
		from edits e
		where e.message_id = v_old.id;
		update messages m set text = v_new.text,
			language = v_new.language, mentions = v_new.mentions,
			mention_all = v_new.mention_all,
			edited_at = v_new.edited_at
		where m.id = v_new.id;
		if v_new.mentions is distinct from v_old.mentions then
			perform mentions_forget(v_old);
			perform mentions_count(array[v_new.conversation_id],
				array(select c.parent_id from conversations c
					where c.id = v_new.conversation_id),
				array[v_new.seq], array[p_caller],
				array[to_json(v_new.mentions)::text])
			where v_new.mentions is not null;
		end if;
		select coalesce(array_agg(t.topic), '{}') as topic,
			coalesce(array_agg(t.type), '{}') as type,
			coalesce(array_agg(t.data), '{}') as data
		into v_told
		from mentions_told(v_new, case when v_new.mention_all
			is not distinct from v_old.mention_all then
			v_old.mentions || v_new.mentions end) t
		where (v_new.mentions, v_new.mention_all) is distinct from
			(v_old.mentions, v_old.mention_all);
		event_id := message_tell(v_new, 'message.updated', p_origin,
			v_told.topic, v_told.type, v_told.data);
	end if;
	message := message_object(v_new, p_caller, p_role);
	return next;
end $$;

create function message_edit_check(p_old messages, p_new messages,
	p_mine member_role, p_role text, p_type conversation_type)
returns void language plpgsql
as $$
begin
	if p_new.text = '' and p_new.attachments::text = '[]' then
		perform refuse('required', messages_refusal('required'),
			'text');
	elsif p_new.language is not null and p_new.type <> 'code' then
		perform refuse('invalid', 'Only code has a language.',
			'language');
	elsif p_new.mention_all and p_old.mention_all is null and not role_may(
		'mention_all', p_mine, p_role, p_type) then
		perform refuse('forbidden', messages_refusal('mention_all'),
			'mention_all');
	elsif p_new.mention_all is distinct from p_old.mention_all and 1000 < (
		select coalesce(p.member_count, c.member_count)
		from conversations c
		left join conversations p on p.id = c.parent_id
		where c.id = p_new.conversation_id) then
		perform refuse('invalid', 'Whether all are named is said at once'
			' where they are more than 1,000.', 'mention_all');
	elsif p_new.mentions is distinct from p_old.mentions then
		perform users_require(p_new.mentions, 'user', 'mentions', true);
	end if;
end $$;

create function mentions_forget(p_message messages) returns void
language plpgsql
as $$
begin
	delete from mentions n
	where n.user_id = any (p_message.mentions)
		and n.conversation_id = p_message.conversation_id
		and n.seq = p_message.seq;
end $$;

-- What is left is the place: who wrote it and when, and that it is deleted.
-- One's own, or anybody's for those who role_rights says.  Again: the same
-- answer, and nothing is told.
create function messages_delete(p_caller text, p_role text, p_origin text,
	p_id uuid, p_seconds integer)
returns table (message text, event_id bigint) language plpgsql rows 1
as $$
#variable_conflict use_column
declare
	v record;
	v_old messages;
	v_new messages;
begin
	select * into v from message_lock(p_caller, p_role, p_id);
	v_old := v.message;
	v_new := v_old;
	if v_old.deleted_at is null then
		perform message_require(v_old, 'deleted');
		if v_old.sender_id <> p_caller then
			perform role_require('delete_message', v.mine, p_role,
				v.type);
		elsif message_too_late(v_old, p_role, p_seconds)
			and not role_may('delete_message', v.mine, p_role,
				v.type) then
			perform refuse('too_late',
				'It can be deleted no longer.');
		end if;
		v_new := message_blank(v_old, p_caller);
		event_id := message_deleted_tell(v_new, p_origin);
	end if;
	message := message_object(v_new, p_caller, p_role);
	return next;
end $$;

-- Takes away what a message said and what hung on it.  Whom it named stays: for
-- them one mention less is unread.
create function message_blank(p_message messages, p_by text) returns messages
language plpgsql
as $$
declare
	v messages;
begin
	delete from edits e where e.message_id = p_message.id;
	delete from attachments a
	where a.message_id = p_message.id
		and a.conversation_id = p_message.conversation_id
		and a.seq = p_message.seq;
	delete from reactions r where r.message_id = p_message.id;
	delete from pins p where p.message_id = p_message.id;
	perform mentions_forget(p_message);
	update messages m set text = '', attachments = '[]', reply_to = null,
		platform = null, edited_at = null, language = null,
		reactions = null, pinned_at = null, pinned_by = null,
		forwarded = null,
		deleted_at = clock_timestamp(), deleted_by = p_by
	where m.id = p_message.id
	returning m.* into v;
	return v;
end $$;

-- The same with its thread, if it was a reply: that has one less, and so have
-- those who follow it and have not read it.
create function message_deleted_tell(p_message messages, p_origin text)
returns bigint language plpgsql
as $$
declare
	v_topic text[] := '{}';
	v_type text[] := '{}';
	v_data text[] := '{}';
	v_seq bigint[];
begin
	if p_message.thread_root is not null then
		select coalesce(array_agg(t.topic), '{}'),
			coalesce(array_agg(t.type), '{}'),
			coalesce(array_agg(t.data), '{}'), array_agg(t.seq)
		into v_topic, v_type, v_data, v_seq
		from (select r.topic, r.seq, 'thread.updated' as type, r.data
			from thread_recount(p_message.conversation_id) r
			union all
			select m.topic, null, m.type, m.data
			from mentions_told(p_message, null) m) t;
	end if;
	return message_tell(p_message, 'message.deleted', p_origin, v_topic,
		v_type, v_data, v_seq);
end $$;

-- The earlier texts of a message, newest first.
create function edits_list(p_caller text, p_role text, p_id uuid,
	p_before bigint, p_limit integer)
returns table (number integer, text text, language text, mentions text[],
	mention_all boolean, written_at timestamptz) language plpgsql stable
as $$
#variable_conflict use_column
declare
	v record;
begin
	select m.sender_id, r.role into v
	from messages m
	join lateral conversation_right(p_caller, p_role, m.conversation_id) r
		on m.seq >= r.visible_from
	where m.id = p_id;
	if not found then
		perform refuse('not_found', 'There is no such message.');
	elsif v.sender_id <> p_caller then
		perform role_require('see_edits', v.role, p_role);
	end if;
	return query
	select e.number, e.text, e.language, e.mentions, e.mention_all,
		e.written_at
	from edits e
	where e.message_id = p_id and e.number < coalesce(p_before, 2147483647)
	order by e.number desc
	limit p_limit;
end $$;

insert into role_rights values
('see_edits', true, true, false, false, true,
	'Only who wrote it, owners and admins see what it said before.');

-- The message, once more in other conversations, by the caller: the same text
-- and files, and where they are from, which is the first of them all.  (Not in
-- which conversation: whoever reads it there may not know of that one.)  All or
-- nothing.
create function messages_forward(p_caller text, p_role text, p_origin text,
	p_platform text, p_id uuid, p_conversations text[], p_ids uuid[])
returns table (status integer, conversation_id uuid, seq bigint,
	answer text, event_id bigint) language plpgsql
as $$
#variable_conflict use_column
declare
	v_conv uuid[] := conversations_find(p_conversations);
	v_count integer := cardinality(p_conversations);
	v messages;
	v_bad record;
	v_sent record;
begin
	if p_ids is not null and cardinality(p_ids) <> v_count then
		perform refuse('invalid', 'One id for each conversation.',
			'ids');
	elsif v_count <> (select count(distinct i.id) from (
		select coalesce(v_conv[n]::text, n::text) as id
		from generate_subscripts(v_conv, 1) n) i) then
		perform refuse('duplicate', 'The same conversation twice.',
			'conversation_ids');
	end if;
	-- Those of the copies too: messages come after conversations.
	perform from conversations c
	where c.id = any (v_conv) or c.id in (
		select unnest(array[o.id, o.parent_id])
		from messages m
		join conversations o on o.id = m.conversation_id
		where m.id = p_id)
	order by c.id for no key update;
	select (l.message).* into v from message_lock(p_caller, p_role, p_id) l;
	perform message_require(v, 'forwarded');
	select array_agg(s.status order by s.ord) as status,
		array_agg(s.conversation_id order by s.ord) as conv,
		array_agg(s.seq order by s.ord) as seq,
		concat('{"data":[', string_agg(s.message, ',' order by s.ord),
			']}') as answer,
		max(s.event_id) as event,
		array_agg(s.error order by s.ord) as error,
		array_agg(s.detail order by s.ord) as detail
	into v_sent
	from messages_send(array_fill(p_caller, array[v_count]),
		array_fill(p_role, array[v_count]), p_conversations,
		coalesce(p_ids, array_fill(null::uuid, array[v_count])),
		array_fill(v.text, array[v_count]),
		array_fill(null::uuid, array[v_count]),
		array_fill(message_uploads(v), array[v_count]),
		array_fill(p_platform, array[v_count]),
		array_fill(p_origin, array[v_count]),
		array_fill(null::boolean, array[v_count]),
		array_fill(case when v.type in ('code', 'file')
			then v.type::text end, array[v_count]),
		array_fill(v.language, array[v_count]),
		p_via => array_fill('forward'::text, array[v_count]),
		p_forwarded => message_origin(v)) s;
	select i.ord - 1 as place, i.error, v_sent.detail[i.ord] as detail
	into v_bad
	from unnest(v_sent.error) with ordinality i(error, ord)
	where i.error is not null
	order by i.ord
	limit 1;
	if found then
		perform refuse(v_bad.error, v_bad.detail,
			case v_bad.error when 'id_conflict' then 'ids['
				else 'conversation_ids[' end
			|| v_bad.place || ']');
	end if;
	return query
	select max(i.status) over (), i.conv, i.seq, v_sent.answer,
		v_sent.event
	from unnest(v_sent.status, v_sent.conv, v_sent.seq)
		with ordinality i(status, conv, seq, ord)
	order by i.ord;
end $$;

-- Its files, as messages_send takes them; null: none.
create function message_uploads(p_message messages) returns text
language plpgsql stable
as $$
begin
	return (select array_to_json(array_agg(a.e->>'id' order by a.ord))::text
	from json_array_elements(p_message.attachments)
		with ordinality a(e, ord));
end $$;

-- What a copy says of where it is from.
create function message_origin(p_message messages) returns json
language plpgsql stable
as $$
begin
	return coalesce(p_message.forwarded, (
		select row_to_json(x)
		from (select p_message.id as message_id,
				(select row_to_json(s) from (select
					p_message.sender_id as id, u.name,
					u.picture) s) as sender,
				rfc3339(p_message.created_at) as created_at
			from (select) one
			left join users u on u.id = p_message.sender_id) x));
end $$;
