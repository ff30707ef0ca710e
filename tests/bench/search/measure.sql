-- SPDX-License-Identifier: ISC
-- How long searches take at the database, with the settings of the service's own
-- connections: each case many times, with other words and people.
\set QUIET on
select set_config(name, value, false) from (values
	('plan_cache_mode', 'force_generic_plan'), ('enable_seqscan', 'off'),
	('enable_hashjoin', 'off'), ('enable_mergejoin', 'off'),
	('enable_bitmapscan', 'off'), ('jit', 'off')) s (name, value) \g /dev/null

-- %r: a word that some dozen messages of all have; %m: one in a thousand has it;
-- %c: one of the ten most frequent; %p: three letters that words begin with.
create or replace function pg_temp.words(p_q text) returns text
language sql volatile
as $$
select replace(replace(replace(replace(p_q,
	'%r', word(20000 + floor(random() * 20000)::integer) || ' '),
	'%m', word(300 + floor(random() * 300)::integer) || ' '),
	'%c', word(floor(random() * 10)::integer) || ' '),
	'%p', left(word(floor(random() * 1000)::integer), 3))
$$;

create or replace function pg_temp.measure(p_name text, p_times integer,
	p_caller text, p_q text, p_from text default null,
	p_big boolean default false, p_sort text default 'time')
returns table (name text, found numeric, p50_ms numeric, p99_ms numeric)
language plpgsql
as $$
declare
	v_big text := (select r.id from room r where r.n = 1);
	v_began timestamptz;
	v_took double precision[] := '{}';
	v_rows bigint;
	v_found bigint := 0;
begin
	for i in 1..p_times loop
		v_began := clock_timestamp();
		select count(*) into v_rows from messages_search(
			replace(p_caller, '%', floor(random() * 2000 + 1)::text),
			'user', pg_temp.words(p_q), p_from,
			case when p_big then v_big end, null, null, null,
			p_sort, null, 20);
		v_took := v_took || extract(epoch from clock_timestamp()
			- v_began)::double precision;
		v_found := v_found + v_rows;
	end loop;
	return query
	select p_name, round(v_found::numeric / p_times, 1),
		round((percentile_cont(0.5) within group (order by t)
			* 1000)::numeric, 1),
		round((percentile_cont(0.99) within group (order by t)
			* 1000)::numeric, 1)
	from unnest(v_took) t;
end $$;

\pset format unaligned
\pset fieldsep ' | '
\pset footer off
select m.* from (values
	('20 rooms: a rare word', 100, 's%', '%r', null, false, 'time'),
	('20 rooms: a word in a thousand messages', 100, 's%', '%m', null, false, 'time'),
	('20 rooms: a very frequent word', 100, 's%', '%c', null, false, 'time'),
	('20 rooms: two words', 100, 's%', '%c%m', null, false, 'time'),
	('20 rooms: the beginning of a word', 100, 's%', '%p', null, false, 'time'),
	('20 rooms: no such word', 100, 's%', 'nonesuch ', null, false, 'time'),
	('20 rooms: by relevance', 50, 's%', '%m', null, false, 'relevance'),
	('500 rooms: a rare word', 50, 'busy', '%r', null, false, 'time'),
	('500 rooms: a word in a thousand messages', 50, 'busy', '%m', null, false, 'time'),
	('500 rooms: a very frequent word', 50, 'busy', '%c', null, false, 'time'),
	('500 rooms: the beginning of a word', 50, 'busy', '%p', null, false, 'time'),
	('500 rooms: no such word', 50, 'busy', 'nonesuch ', null, false, 'time'),
	('500 rooms: by relevance', 50, 'busy', '%m', null, false, 'relevance'),
	('a room of a million: a rare word', 50, 'alone', '%r', null, true, 'time'),
	('a room of a million: a very frequent word', 50, 'alone', '%c', null, true, 'time'),
	('a room of a million: the beginning of a word', 50, 'alone', '%p', null, true, 'time'),
	('a room of a million: two very frequent words as a phrase', 50, 'alone', '"%c%c"', null, true, 'time'),
	('a room of a million: a frequent word of one who wrote little', 50, 'alone', '%c', 'quiet', true, 'time'),
	('a room of a million: no such word', 50, 'alone', 'nonesuch ', null, true, 'time'),
	('a room of a million: a very frequent word by relevance', 50, 'alone', '%c', null, true, 'relevance'))
	c (name, times, caller, q, by, big, sort),
	pg_temp.measure(c.name, c.times, c.caller, c.q, c.by, c.big, c.sort) m;
