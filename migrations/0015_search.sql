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
		v.more := exists (select from events e where e.id > v.after_id);
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
-- is some messages of a conversation and its threads, from about one time.  The
-- newest of them are its block (the block-th of the slice), which is looked at
-- first: most of what a common word finds need not be fetched then.  `older_at`
-- is the newest one outside of the block.
create table search_slices (
	id bigint generated always as identity primary key,
	conversation_id uuid not null,
	messages integer not null default 0,
	from_at timestamptz not null,
	upto_at timestamptz not null,
	block integer not null default 1,
	block_messages integer not null default 0,
	older_at timestamptz not null default '-infinity'
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

-- One row.  Messages from before the index come into it newest first: those with
-- an id below `below` have not yet; null: all have.  `waiting` are as many rows
-- as wait in the index's list of new ones, see search_flush.
create table search_index_state (
	only_row boolean primary key default true check (only_row),
	below uuid,
	waiting integer not null default 0
) with (fillfactor = 50);
insert into search_index_state (below)
select case when exists (select from messages)
	then 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid end;
select log_follower_add('search');

-- Chinese and Japanese are written without blanks: there each character is a
-- word, and several that are asked for are a phrase.  What parts them here is no
-- character of any text, so that it can be taken out again.
create function search_text(p_text text) returns text
language sql immutable parallel safe
as $$
select case when octet_length(p_text) = length(p_text) then p_text
	else regexp_replace(p_text,
		'([\u2e80-\u2fdf\u3005-\u3007\u3041-\u30ff\u31f0-\u31ff'
		'\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9f])',
		E'\x1f\\1\x1f', 'g') end
$$;

-- Words as to_tsvector gives them, and marks that none of them can be: the first
-- three letters of each (for words whose end was not typed yet), who wrote it,
-- what it has, and one more of the caller's.
create function search_vector(p_text text, p_sender text, p_attachments json,
	p_mark text default null)
returns tsvector language plpgsql stable
as $$
declare
	v_words tsvector := to_tsvector('parley', search_text(p_text));
	v_marks text[] := array_remove(array[':by:' || p_sender, p_mark], null);
begin
	-- Web addresses and paths are words as a whole: here also in parts.
	if strpos(p_text, '/') > 0 then
		v_words := v_words || to_tsvector('parley', search_text(
			translate(p_text, '/.?=&_#+%', repeat(' ', 9))));
	end if;
	if strpos(p_text, '://') > 0 and p_text ~* '\mhttps?://\S' then
		v_marks := v_marks || ':has:link'::text;
	end if;
	if p_attachments::text <> '[]' then
		v_marks := v_marks || ':has:file'::text;
		if p_attachments::text like '%"type":"image/%' then
			v_marks := v_marks || ':has:image'::text;
		end if;
	end if;
	return v_words || array_to_tsvector(v_marks || array(
		select ':^' || left(w, 3)
		from unnest(tsvector_to_array(v_words)) w
		where length(w) >= 3));
end $$;

-- A GIN index takes what is new into a list, from where it is sorted in together:
-- a row alone would write 16 kB of log, one of a thousand 2 kB.  But each look
-- into the index reads the list as well, so it is kept short.
create function search_flush(p_new integer) returns void
language plpgsql
as $$
declare
	v_waiting integer;
begin
	update search_index_state s set waiting = case
		when s.waiting + p_new < 32 then s.waiting + p_new else 0 end
	returning s.waiting into v_waiting;
	if v_waiting = 0 then
		perform gin_clean_pending_list('message_search_words');
	end if;
end $$;

-- The mark of a message in a slice's block.
create function search_block(p_slice bigint, p_block integer) returns text
language sql immutable parallel safe
as $$ select ':in:' || p_slice || '.' || p_block $$;

-- Finds room for messages of these conversations, so many of each from such
-- times: of each the slice, and the block or null.  The last slice takes them,
-- until it is full; its block does, until that is full and they are newer than
-- all there: then the next block begins.
create function search_place(p_scope uuid[], p_count bigint[],
	p_from timestamptz[], p_upto timestamptz[])
returns table (scope uuid, slice bigint, block integer) language plpgsql
as $$
#variable_conflict use_column
begin
	insert into search_slices (conversation_id, from_at, upto_at)
	select p_scope[i], p_from[i], p_upto[i]
	from generate_subscripts(p_scope, 1) i
	left join lateral (
		select s.messages
		from search_slices s
		where s.conversation_id = p_scope[i]
		order by s.id desc
		limit 1) l on true
	where l.messages is null or l.messages >= 2000;
	return query
	update search_slices s set messages = s.messages + p_count[o.i],
		from_at = least(s.from_at, p_from[o.i]),
		upto_at = greatest(s.upto_at, p_upto[o.i]),
		block = s.block + o.next::integer,
		block_messages = case when o.next then p_count[o.i]
			else s.block_messages
				+ case when o.full then 0 else p_count[o.i] end
			end,
		older_at = case when o.next then s.upto_at
			when o.full then greatest(s.older_at, p_upto[o.i])
			else s.older_at end
	from (select i, l.id, l.block_messages >= 125 as full,
			l.block_messages >= 125 and p_from[i] >= l.upto_at
				as next
		from generate_subscripts(p_scope, 1) i, lateral (
			select s.id, s.block_messages, s.upto_at
			from search_slices s
			where s.conversation_id = p_scope[i]
			order by s.id desc
			limit 1) l) o
	where s.id = o.id
	returning s.conversation_id, s.id,
		case when o.next or not o.full then s.block end;
end $$;

-- Brings the index of these messages up to date.
create function search_index(p_ids uuid[]) returns void
language plpgsql
set client_min_messages = error
set enable_hashjoin = on
as $$
begin
	delete from message_search s where s.message_id = any (p_ids);
	with found as materialized (
		select m.id, m.conversation_id, m.seq, m.sender_id, m.text,
			m.attachments, m.created_at,
			coalesce(c.parent_id, c.id) as scope
		from messages m
		join conversations c on c.id = m.conversation_id
		where m.id = any (p_ids) and m.deleted_at is null
			and m.type <> 'system'),
	scopes as (
		select array_agg(x.scope) as scope, array_agg(x.n) as n,
			array_agg(x.from_at) as from_at,
			array_agg(x.upto_at) as upto_at
		from (select f.scope, count(*) as n,
				min(f.created_at) as from_at,
				max(f.created_at) as upto_at
			from found f
			group by f.scope) x),
	places as materialized (
		select p.scope, p.slice, p.block
		from scopes s,
			search_place(s.scope, s.n, s.from_at, s.upto_at) p)
	insert into message_search (message_id, conversation_id, seq, slice, at,
		vector)
	select f.id, f.conversation_id, f.seq, p.slice, f.created_at,
		search_vector(f.text, f.sender_id, f.attachments,
			search_block(p.slice, p.block))
	from found f
	join places p on p.scope = f.scope
	order by p.slice, f.created_at;
	perform search_flush(cardinality(p_ids));
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
	select w.below into v_below from search_index_state w;
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
	update search_index_state set below = v_below;
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

-- Empties the index; the follower fills it again from all messages, the newest
-- first, and until then finds what it has.
create function search_rebuild() returns bigint
language plpgsql
as $$
begin
	perform pg_advisory_xact_lock(82, hashtext('search'));
	truncate message_search, search_slices;
	update search_index_state
	set below = 'ffffffff-ffff-ffff-ffff-ffffffffffff', waiting = 0;
	return (select sum(c.last_seq) from conversations c);
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
		update search_index_state
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
after update of text, deleted_at, sender_id, attachments on messages
for each row
when (old.text <> new.text or old.sender_id <> new.sender_id
	or old.deleted_at is distinct from new.deleted_at
	or old.attachments::text <> new.attachments::text)
execute function search_forget();
create trigger search_forget_deleted
after delete on messages for each row
execute function search_forget();

-- A mark of search_vector as a query.
create function search_word(p_mark text) returns tsquery
language sql immutable parallel safe
as $$ select ('''' || p_mark || '''')::tsquery $$;

-- Marks of search_vector as a query; null when there are none.
create function search_marks(p_from text, p_has text) returns tsquery
language sql immutable parallel safe
as $$
select array_to_string(array[
	''':by:' || replace(replace(p_from, '\', '\\'), '''', '''''') || '''',
	''':has:' || p_has || ''''], ' & ')::tsquery
$$;

-- Of words that must all be there, those that the index is asked for: a rare one
-- finds few messages, of which it is soon told whether they have the frequent
-- ones, whose long lists the index would have to go through.  How frequent a
-- word is, ANALYZE has counted; without it, or of other queries, nothing is left
-- out.
create function search_rarest(p_words tsquery) returns tsquery
language plpgsql stable
as $$
declare
	v_text text := p_words::text;
	v_kept text[];
begin
	if v_text ~ '[|!()\\]' or v_text !~ '&|<' then
		return p_words;
	end if;
	select array_agg(x.word) filter (where x.freq < 0.005
		or (x.nth = 1 and x.rare = 0))
	into v_kept
	from (select w.word, coalesce(f.freq, 0) as freq,
			count(*) filter (where coalesce(f.freq, 0) < 0.005)
				over () as rare,
			row_number() over (order by coalesce(f.freq, 0)) as nth
		from (select distinct m[1] as word
			from regexp_matches(v_text, '''([^'']+)''', 'g') m) w
		left join (
			select e.word, e.freq
			from pg_stats t, unnest(
				t.most_common_elems::text::text[],
				t.most_common_elem_freqs) e(word, freq)
			where t.schemaname = 'public'
				and t.tablename = 'message_search'
				and t.attname = 'vector') f on f.word = w.word)
		x;
	return array_to_string(array(
		select '''' || k || '''' from unnest(v_kept) k), ' & ')::tsquery;
end $$;

-- What is asked for.  In p_q all words must be there, "a phrase" as it stands,
-- -word must not; or means what it says; the last word may go on.  `words` is
-- that, `asked` has the marks besides, and `indexed` is what the index is asked
-- for: the same or (`rough`) less exact, since a word that may go on is looked
-- up by its first three letters; an index takes long to collect all words with
-- a beginning.  A p_q that has no word in it counts as none.
create function search_parse(p_q text, p_from text, p_has text)
returns table (words tsquery, asked tsquery, indexed tsquery, rough boolean)
language plpgsql stable rows 1
set client_min_messages = error
as $$
declare
	v_marks tsquery := search_marks(p_from, p_has);
	v_q text := p_q;
	v_last text;
	v_chain text;
	v_rare tsquery;
begin
	rough := false;
	-- Characters that are words make a phrase, as if in quotes.
	if strpos(v_q, '"') = 0 then
		v_q := regexp_replace(v_q, '([\u3005-\u3007\u3041-\u30ff'
			'\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]{2,})',
			'"\1"', 'g');
	end if;
	words := websearch_to_tsquery('parley', search_text(v_q));
	if coalesce(numnode(words), 0) = 0 then
		if numnode(v_marks) = 0 then
			perform refuse('required', 'Say what to search for:'
				' words, who wrote it, or what it has.', 'q');
		end if;
		words := '';
		asked := v_marks;
		indexed := v_marks;
		return next;
		return;
	end if;
	indexed := words;
	v_last := substring(words::text from '''([^''\\]{3,})''$');
	if v_last is not null and v_q ~ '(^|\s)[^-"\s][^"\s]*$' then
		rough := true;
		-- These marks have no place in the text, nor in a phrase.
		v_chain := substring(words::text
			from '((?:''[^'']+'' <[-0-9]+> )*)''[^'']+''$');
		indexed := (left(words::text, -length(v_chain)
				- length(v_last) - 2)
			|| regexp_replace(v_chain, '<[-0-9]+>', '&', 'g')
			|| ''':^' || left(v_last, 3) || '''')::tsquery;
		words := (words::text || ':*')::tsquery;
	end if;
	asked := words;
	v_rare := search_rarest(indexed);
	rough := rough or v_rare <> indexed;
	indexed := v_rare;
	if numnode(v_marks) > 0 then
		asked := asked && v_marks;
		indexed := indexed && v_marks;
	end if;
	return next;
end $$;

-- The parts of p_text around what was found, as a JSON array of pieces of text,
-- those that were found with `match`.  Texts are never HTML, and so this has no
-- tags.  A short text is shown whole.
create function search_excerpt(p_text text, p_words tsquery) returns json
language plpgsql stable
as $$
declare
	v_marked text := left(p_text, 200);
	v_parts text[];
begin
	if numnode(p_words) > 0 then
		v_marked := replace(ts_headline('parley', search_text(p_text),
			p_words, E'StartSel="\x02", StopSel="\x03", ShortWord=0,'
			|| case when length(p_text) <= 200 then 'HighlightAll=1'
			else 'MaxFragments=2, MaxWords=25, MinWords=12,'
				' FragmentDelimiter=" … "' end), E'\x1f', '');
	end if;
	v_parts := string_to_array(translate(v_marked, E'\x02\x03', ''), ' … ');
	v_marked := concat(
		case when not starts_with(p_text, v_parts[1]) then '… ' end,
		replace(v_marked, E'\x03\x02', ''),
		case when right(p_text, length(v_parts[cardinality(v_parts)]))
			<> v_parts[cardinality(v_parts)] then ' …' end);
	return (select concat('[', string_agg(concat('{"text":',
			to_json(x.piece), case when x.match
				then ',"match":true' end, '}'), ','
			order by x.ord), ']')
	from (select split_part(p.piece, E'\x03', n) as piece,
			p.ord * 2 + n as ord, p.ord > 1 and n = 1 as match
		from unnest(string_to_array(v_marked, E'\x02'))
			with ordinality p(piece, ord), generate_series(1, 2) n
		where p.ord > 1 or n = 1) x
	where x.piece <> '');
end $$;

-- The newest messages that were found, p_most at most, as arrays, the newest
-- first: of the caller's conversations or of one and its threads, between two
-- times and before the place p_at, p_id.  Goes through the blocks of slices, and
-- through slices without their blocks, from the newest on, some at a time, until
-- no other can have a newer message.  When the newest of these have not enough,
-- it is no frequent word, and slices as a whole are half the work.
create function search_candidates(p_caller text, p_role text,
	p_conversation uuid, p_indexed tsquery, p_asked tsquery,
	p_rough boolean, p_before timestamptz, p_after timestamptz,
	p_at timestamptz, p_id uuid, p_most integer)
returns table (ids uuid[], ats timestamptz[])
language plpgsql rows 1
set enable_bitmapscan = on
as $$
#variable_conflict use_column
declare
	v_upto timestamptz := least(p_before, p_at, 'infinity');
	v_from timestamptz := coalesce(p_after, '-infinity');
	v_scopes uuid[];
	v_thread uuid;
	v_slices bigint[];
	v_blocks integer[]; -- the block alone; negative: all but it; null: all
	v_ends timestamptz[];
	v_whole boolean := false;
	v_next integer := 1;
	v_last integer;
begin
	ids := '{}';
	ats := '{}';
	if p_conversation is not null then
		select array[coalesce(r.parent_id, r.id)],
			case when r.parent_id is not null then r.id end
		into v_scopes, v_thread
		from conversation_right(p_caller, p_role, p_conversation) r;
	else
		v_scopes := array(
			select m.conversation_id
			from members m
			where m.user_id = p_caller and m.left_at is null);
	end if;
	select array_agg(x.id), array_agg(x.block), array_agg(x.end_at)
	into v_slices, v_blocks, v_ends
	from (select s.id, p.block, p.end_at
		from unnest(v_scopes) c(id)
		join search_slices s on s.conversation_id = c.id
		cross join lateral (
			select s.block, s.upto_at as end_at
			union all
			select -s.block, s.older_at
			where s.older_at > '-infinity') p
		where s.from_at <= v_upto and p.end_at >= v_from
		order by p.end_at desc, s.id, p.block desc
		limit 10000) x;
	while v_next <= cardinality(v_slices) and (cardinality(ids) < p_most
		or ats[p_most] <= v_ends[v_next]) loop
		if v_next > 32 and not v_whole and cardinality(ids) < p_most
			then
			v_whole := true;
			v_next := 1;
			ids := '{}';
			ats := '{}';
			select array_agg(x.id), array_agg(x.upto_at), null
			into v_slices, v_ends, v_blocks
			from (select s.id, s.upto_at
				from unnest(v_scopes) c(id)
				join search_slices s on s.conversation_id = c.id
				where s.from_at <= v_upto
					and s.upto_at >= v_from
				order by s.upto_at desc, s.id
				limit 5000) x;
		end if;
		v_last := v_next + case when v_whole then 31 else 7 end;
		select array_agg(x.message_id order by x.at desc,
				x.message_id desc),
			array_agg(x.at order by x.at desc, x.message_id desc)
		into ids, ats
		from (select k.id as message_id, k.at
			from unnest(ids, ats) k(id, at)
			union all
			(select f.message_id, f.at
			from (select s.message_id, s.at, s.conversation_id,
					s.seq
				from unnest(v_slices[v_next:v_last],
						v_blocks[v_next:v_last])
						l(id, block),
					lateral (
						select case when l.block is null
								then p_indexed
							when l.block > 0 then k
								&& p_indexed
							else p_indexed && !!k
							end as asked
						from search_word(search_block(
							l.id, abs(l.block))) k)
						a,
					lateral (
						select *
						from message_search s
						where s.slice = l.id
							and s.vector @@ a.asked)
						s
				where (not p_rough
						or ts_match_vq(s.vector, p_asked))
					and s.at <= v_upto and s.at >= v_from
					and (s.conversation_id = v_thread)
						is not false
					and (s.at < p_before) is not false
					and (s.at > p_after) is not false
					and (p_at is null
						or (s.at, s.message_id)
							< (p_at, p_id))
				order by s.at desc, s.message_id desc) f,
				conversation_right(p_caller, p_role,
					f.conversation_id) r
			where f.seq >= r.visible_from
			limit p_most)
			order by 2 desc, 1 desc
			limit p_most) x;
		ids := coalesce(ids, '{}');
		ats := coalesce(ats, '{}');
		v_next := v_last + 1;
	end loop;
	return next;
end $$;

-- messages.search: by time the newest first, page after page to the oldest; by
-- relevance the thousand newest, the best first, of which those do better that
-- are not old.  Index rows of messages that were edited are not trusted: the
-- follower may have brought one between the edit and its own next step.  (So a
-- few more candidates are fetched than a page takes.)
create function messages_search(p_caller text, p_role text, p_q text,
	p_from text, p_conversation text, p_has text, p_before timestamptz,
	p_after timestamptz, p_sort text, p_cursor text, p_limit integer)
returns table (message json, excerpt json, cursor text)
language plpgsql rows 20
as $$
declare
	v record;
	v_conversation uuid := conversation_find(p_conversation);
	v_at timestamptz;
	v_place text;
	v_rank double precision;
	v_id uuid;
	v_found record;
begin
	select * into v from search_parse(p_q, p_from, p_has);
	if p_conversation is not null and not exists (
		select from conversation_right(p_caller, p_role,
			v_conversation)) then
		perform refuse('not_found', 'There is no such conversation.',
			'in');
	end if;
	select c.at, c.id into v_at, v_place
	from cursor_parse(p_cursor, 'cursor') c;
	if v_place ~ '^[0-9.e-]{1,30}_' and p_sort = 'relevance' then
		v_rank := split_part(v_place, '_', 1);
		v_place := split_part(v_place, '_', 2);
	elsif p_sort = 'relevance' and v_place is not null then
		v_place := '';
	end if;
	if not uuid_shaped(v_place) then
		perform refuse('invalid_cursor',
			'That is not a cursor from an answer of this list.',
			'cursor');
	end if;
	v_id := v_place::uuid;
	if p_sort = 'relevance' then
		v_at := coalesce(v_at, clock_timestamp());
		select * into v_found
		from search_candidates(p_caller, p_role, v_conversation,
			v.indexed, v.asked, v.rough, p_before, p_after, v_at,
			'ffffffff-ffff-ffff-ffff-ffffffffffff', 1000);
		return query
		select message_object(m, p_caller, p_role)::json,
			search_excerpt(m.text, v.words),
			cursor_format(v_at, x.rank || '_' || m.id)
		from (select r.rank, r.id
			from (select s.message_id as id,
					ts_rank_cd(s.vector, v.words, 1)
					/ (1 + extract(epoch from v_at - s.at)
						/ 15552000)::double precision
						as rank
				from message_search s
				where s.message_id = any (v_found.ids)) r
			where v_rank is null or (r.rank, r.id) < (v_rank, v_id)
			order by r.rank desc, r.id desc
			limit p_limit + 9) x
		join messages m on m.id = x.id
		where m.deleted_at is null and (m.edited_at is null
			or search_vector(m.text, m.sender_id, m.attachments)
				@@ v.asked)
		order by x.rank desc, x.id desc
		limit p_limit + 1;
		return;
	end if;
	select * into v_found
	from search_candidates(p_caller, p_role, v_conversation, v.indexed,
		v.asked, v.rough, p_before, p_after, v_at, v_id, p_limit + 9);
	return query
	select message_object(m, p_caller, p_role)::json,
		search_excerpt(m.text, v.words),
		cursor_format(m.created_at, m.id::text)
	from unnest(v_found.ids) with ordinality i(id, ord)
	join messages m on m.id = i.id
	where m.deleted_at is null and (m.edited_at is null
		or search_vector(m.text, m.sender_id, m.attachments)
			@@ v.asked)
	order by i.ord
	limit p_limit + 1;
end $$;

-- The search of people and conversations: names with typing errors are found by
-- the threes of letters that they share with what is asked for.

create extension if not exists pg_trgm;

-- A name as it is compared: without accents and case.  (unaccent() is stable
-- only because its rules could be another dictionary's: here they are named.)
create function name_key(p_name text) returns text
language sql immutable parallel safe
as $$ select public.unaccent('public.unaccent'::regdictionary, lower(p_name)) $$;

create index users_name_key on users using gin (name_key(name) gin_trgm_ops);

-- How well a name fits what is asked for, both as keys: 2 or more when it is one
-- of the name's words or the beginning of one, the sooner the better; else from
-- 0 to 1, how much they have in common.
create function name_fit(p_key text, p_asked text) returns real
language sql immutable parallel safe
as $$
select case when starts_with(p_key, p_asked) then 3
	when strpos(' ' || p_key, ' ' || p_asked) > 0 then 2
	else word_similarity(p_asked, p_key) end::real
$$;

-- A place in a list of those who fit, best first: how well, and an id.
create function fit_parse(p_cursor text)
returns table (fit real, id text) language plpgsql immutable rows 1
as $$
begin
	if p_cursor !~ '^[0-9](\.[0-9]{1,9})?_.' then
		perform refuse('invalid_cursor',
			'That is not a cursor from an answer of this list.',
			'cursor');
	end if;
	fit := split_part(p_cursor, '_', 1);
	id := substr(p_cursor, strpos(p_cursor, '_') + 1);
	return next;
end $$;

-- Users by name or by the beginning of their id, the best first.  What is
-- shorter than three letters must be the beginning of a word of the name.
-- p_shared: only those with whom the caller has a conversation.
create function users_search(p_caller text, p_q text, p_shared boolean,
	p_cursor text, p_limit integer)
returns table (id text, name text, picture text, place text)
language plpgsql stable rows 20
set enable_bitmapscan = on
as $$
#variable_conflict use_column
declare
	v_key text := name_key(p_q);
	v_like text := replace(replace(replace(v_key, '\', '\\'), '%', '\%'),
		'_', '\_') || '%';
	v_from record;
begin
	select * into v_from from fit_parse(p_cursor);
	-- For <%, until the end of the transaction.
	perform set_config('pg_trgm.word_similarity_threshold', '0.34', true);
	return query
	with found as (
		select u.id
		from users u
		where not p_shared and length(v_key) >= 3
			and v_key <% name_key(u.name)
		union
		select u.id
		from users u
		where not p_shared and (name_key(u.name) like v_like
			or name_key(u.name) like '% ' || v_like)
		union
		select u.id
		from users u
		where not p_shared and u.id >= p_q
			and u.id < p_q || chr(1114111)
		union
		select o.user_id
		from members m
		join members o on o.conversation_id = m.conversation_id
		where p_shared and m.user_id = p_caller and m.left_at is null
			and o.left_at is null)
	select x.id, x.name, x.picture, x.fit || '_' || x.id
	from (select u.id, u.name, u.picture,
			greatest(name_fit(name_key(u.name), v_key),
				case when starts_with(u.id, p_q)
					then 2.5::real end) as fit
		from found f
		join users u on u.id = f.id) x
	where x.fit >= 0.34 and (v_from.id is null or x.fit < v_from.fit
		or (x.fit = v_from.fit and x.id > v_from.id))
	order by x.fit desc, x.id
	limit p_limit + 1;
end $$;

-- The caller's conversations by name, a direct one by the other's.  They are few
-- enough to look at all of them.
create function conversations_search(p_caller text, p_q text, p_cursor text,
	p_limit integer)
returns table (id uuid, place text) language plpgsql stable rows 20
as $$
#variable_conflict use_column
declare
	v_key text := name_key(p_q);
	v_from record;
begin
	select * into v_from from fit_parse(p_cursor);
	return query
	select x.id, x.fit || '_' || x.id
	from (select c.id, greatest(name_fit(name_key(c.name), v_key),
			name_fit(name_key(u.name), v_key)) as fit
		from members m
		join conversations c on c.id = m.conversation_id
		left join users u on u.id = case p_caller
			when c.direct_low then c.direct_high
			when c.direct_high then c.direct_low end
		where m.user_id = p_caller and m.left_at is null
			and c.parent_id is null and c.deleted_at is null
		offset 0) x
	where x.fit >= 0.34 and (v_from.id is null or x.fit < v_from.fit
		or (x.fit = v_from.fit and x.id::text < v_from.id))
	order by x.fit desc, x.id desc
	limit p_limit + 1;
end $$;
