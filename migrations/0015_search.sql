-- SPDX-License-Identifier: ISC
-- Followers of the event log, and the search of messages, which is one of them.
--
-- A follower does after the commit what a send must not wait for.  It reads the
-- log behind a position of its own and moves that in the transaction that does
-- the work, so each event is worked off once, whoever is killed when.

-- Every event up to `after_id` is worked off.
create table log_followers (
	name text collate "C" primary key,
	after_id bigint not null
) with (fillfactor = 50);

-- A step of a follower.  `turn`: it is the caller's; else somebody else is at it
-- and there is nothing to do.  `events` of them (0: none, `most` at most) are to
-- be worked off now, those with after_id < id <= upto_id; `more` of them wait,
-- and `behind` tells how far the log's end is beyond.  `missed`: the log lost
-- events before they were followed, as when nothing ran for days.
create type log_step as (
	turn boolean,
	most integer,
	after_id bigint,
	upto_id bigint,
	events integer,
	more boolean,
	behind bigint,
	missed boolean
);

-- Begins a step of at most p_most events and moves the follower's position
-- already: it becomes so with the work that follows in the same transaction, or
-- neither does.  One transaction at a time has a follower's turn; nobody waits
-- for it.  Whose p_seen is not the position (null: whatever it is) sees that
-- another process is going on; and who has p_wait patience leaves younger events
-- to the one that is eager for them.
create function log_follow(p_name text, p_most integer, p_seen bigint,
	p_wait interval)
returns log_step language plpgsql
as $$
declare
	v log_step;
	v_floor bigint;
	v_first timestamptz;
begin
	v.turn := pg_try_advisory_xact_lock(82, hashtext(p_name));
	v.most := p_most;
	v.events := 0;
	v.more := false;
	v.behind := 0;
	v.missed := false;
	if not v.turn then
		return v;
	end if;
	-- Statements of their own: they see what the last turn has committed.
	select f.after_id, l.floor_id into strict v.after_id, v_floor
	from log_followers f, event_log l
	where f.name = p_name;
	v.upto_id := v.after_id;
	v.turn := p_seen is null or p_seen = v.after_id;
	if not v.turn then
		return v;
	end if;
	v.missed := v.after_id < v_floor;
	v.after_id := greatest(v.after_id, v_floor);
	v.upto_id := v.after_id;
	select e.at into v_first
	from events e
	where e.id > v.after_id
	order by e.id
	limit 1;
	if v_first <= clock_timestamp() - p_wait then
		select max(x.id), count(*) into v.upto_id, v.events
		from (select e.id
			from events e
			where e.id > v.after_id
			order by e.id
			limit p_most) x;
	end if;
	v.more := v.events = p_most;
	if v.more then
		v.behind := (select max(e.id) from events e) - v.upto_id;
	end if;
	if v.events > 0 or v.missed then
		update log_followers f set after_id = v.upto_id
		where f.name = p_name;
	end if;
	return v;
end $$;

-- A new follower begins at the log's end.
create function log_follower_add(p_name text) returns void
language plpgsql
as $$
begin
	insert into log_followers (name, after_id)
	select p_name, greatest(l.floor_id,
		coalesce((select max(e.id) from events e), 0))
	from event_log l;
end $$;

-- The search of messages.

create extension if not exists unaccent;
create extension if not exists btree_gin;

-- No language's endings and no stop words: in a chat they are many.  Accents
-- and case make no difference.
create text search configuration parley (copy = simple);
alter text search configuration parley
	alter mapping for word, hword, hword_part, numword, numhword,
		hword_numpart
	with unaccent, simple;

-- An index over messages is cut into slices, so that a search goes from the
-- newest on and stops when its page is full, however common a word is.  A slice
-- is some messages of a conversation and its threads, from about one time.
create table search_slices (
	id bigint generated always as identity primary key,
	conversation_id uuid not null,
	messages integer not null,
	from_at timestamptz not null,
	upto_at timestamptz not null
) with (fillfactor = 60);
create index search_slices_conversation on search_slices (conversation_id, id);

-- A message as it is found, a moment after it was sent: `vector` has its words
-- and what else may be asked for, see search_vector.  Kept beside `messages`,
-- where it would cost each send more than the rest of it.
create table message_search (
	message_id uuid primary key,
	conversation_id uuid not null,
	seq bigint not null,
	slice bigint not null,
	at timestamptz not null,
	vector tsvector not null
);
create index message_search_words on message_search using gin (slice, vector);

-- Messages from before the index, newest first: those with an id below this
-- are not in it yet.  Null: all are.
create table search_walk (
	only_row boolean primary key default true check (only_row),
	below uuid
);
insert into search_walk (below)
select 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid
where exists (select from messages)
union all
select null where not exists (select from messages);
select log_follower_add('search');

-- Chinese and Japanese are written without blanks: there each character is a
-- word, and several that are asked for are a phrase.
create function search_text(p_text text) returns text
language sql immutable parallel safe
as $$
select case when octet_length(p_text) = length(p_text) then p_text
	else regexp_replace(p_text,
		'([\u2e80-\u2fdf\u3005-\u3007\u3041-\u30ff\u31f0-\u31ff'
		'\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9f])',
		' \1 ', 'g') end
$$;

-- Words as to_tsvector gives them, and marks that none of them can be: the first
-- three letters of each (for words whose end was not typed yet), who wrote it,
-- and what it has.
create function search_vector(p_text text, p_sender text, p_attachments json)
returns tsvector language plpgsql stable
as $$
declare
	v_words tsvector := to_tsvector('parley', search_text(p_text));
begin
	return v_words || array_to_tsvector(array_remove(array(
		select ':^' || left(w, 3)
		from unnest(tsvector_to_array(v_words)) w
		where length(w) >= 3)
		|| array[':by:' || p_sender,
			case when p_text ~* '\mhttps?://\S' then ':has:link' end,
			case when p_attachments::text <> '[]'
				then ':has:file' end,
			case when p_attachments::text like '%"type":"image/%'
				then ':has:image' end], null));
end $$;

-- Brings the index of these messages up to date.
create function search_index(p_ids uuid[]) returns void
language plpgsql
set client_min_messages = error
as $$
declare
	v_scope uuid[];
	v_count bigint[];
	v_from timestamptz[];
	v_upto timestamptz[];
begin
	delete from message_search s where s.message_id = any (p_ids);
	select array_agg(x.scope), array_agg(x.messages), array_agg(x.from_at),
		array_agg(x.upto_at)
	into v_scope, v_count, v_from, v_upto
	from (select coalesce(c.parent_id, c.id) as scope,
			count(*) as messages, min(m.created_at) as from_at,
			max(m.created_at) as upto_at
		from messages m
		join conversations c on c.id = m.conversation_id
		where m.id = any (p_ids) and m.deleted_at is null
			and m.type <> 'system'
		group by 1) x;
	-- The last slice of each conversation takes them, until it is full.
	insert into search_slices (conversation_id, messages, from_at, upto_at)
	select v_scope[i], 0, v_from[i], v_upto[i]
	from generate_subscripts(v_scope, 1) i
	left join lateral (
		select s.messages
		from search_slices s
		where s.conversation_id = v_scope[i]
		order by s.id desc
		limit 1) l on true
	where l.messages is null or l.messages >= 2000;
	update search_slices s set messages = s.messages + v_count[i],
		from_at = least(s.from_at, v_from[i]),
		upto_at = greatest(s.upto_at, v_upto[i])
	from generate_subscripts(v_scope, 1) i,
		lateral (
			select max(l.id) as id
			from search_slices l
			where l.conversation_id = v_scope[i]) l
	where s.id = l.id;
	insert into message_search (message_id, conversation_id, seq, slice, at,
		vector)
	select m.id, m.conversation_id, m.seq, l.id, m.created_at,
		search_vector(m.text, m.sender_id, m.attachments)
	from messages m
	join conversations c on c.id = m.conversation_id,
		lateral (
			select max(s.id) as id
			from search_slices s
			where s.conversation_id = coalesce(c.parent_id, c.id)) l
	where m.id = any (p_ids) and m.deleted_at is null
		and m.type <> 'system'
	order by l.id, m.created_at;
end $$;

-- Goes on with the messages from before, at most p_most; says whether there are
-- more.
create function search_index_old(p_most integer) returns boolean
language plpgsql
as $$
declare
	v_below uuid;
	v_ids uuid[];
begin
	select w.below into v_below from search_walk w;
	if v_below is null or p_most <= 0 then
		return v_below is not null;
	end if;
	v_ids := array(
		select m.id
		from messages m
		where m.id < v_below
		order by m.id desc
		limit p_most);
	v_below := case when cardinality(v_ids) = p_most
		then v_ids[p_most] end;
	update search_walk set below = v_below;
	v_ids := array(
		select i.id
		from unnest(v_ids) i(id)
		where not exists (select from message_search s
			where s.message_id = i.id));
	if v_ids <> '{}' then
		perform search_index(v_ids);
	end if;
	return v_below is not null;
end $$;

-- The step of the follower `search`: indexes what was sent, edited or deleted.
-- What a crash takes back is done again, so nobody waits for the disk.
create function search_work(p_step log_step) returns boolean
language plpgsql
as $$
declare
	v_ids uuid[];
begin
	if not p_step.turn then
		return false;
	end if;
	perform set_config('synchronous_commit', 'off', true);
	if p_step.missed then
		update search_walk
		set below = 'ffffffff-ffff-ffff-ffff-ffffffffffff';
	end if;
	if p_step.events > 0 then
		v_ids := array(
			select distinct e.message_id
			from events e
			where e.id > p_step.after_id and e.id <= p_step.upto_id
				and e.message_id is not null);
		perform search_index(v_ids);
	end if;
	return search_index_old(p_step.most - p_step.events);
end $$;

-- What is deleted or rewritten is no longer found from the same moment on, by
-- whatever way it goes; the follower then brings the new text.
create function search_forget() returns trigger
language plpgsql
as $$
begin
	delete from message_search s where s.message_id = old.id;
	return null;
end $$;
create trigger search_forget_updated
after update of text, deleted_at on messages for each row
when (old.text <> new.text or old.deleted_at is distinct from new.deleted_at)
execute function search_forget();
create trigger search_forget_deleted
after delete on messages for each row
execute function search_forget();
