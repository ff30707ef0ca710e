-- SPDX-License-Identifier: ISC
-- The plans of a search: the statement of search_candidates for eight slices at
-- once, with the settings that it runs with.
set plan_cache_mode = force_generic_plan;
set enable_seqscan = off;
set enable_hashjoin = off;
set enable_mergejoin = off;
set jit = off;
prepare slices as
select s.id, s.upto_at
from members m
join search_slices s on s.conversation_id = m.conversation_id
where m.user_id = $1 and m.left_at is null;
explain (analyze, buffers, costs off, timing off) execute slices ('busy');

prepare candidates as
select f.message_id, f.at
from (select s.message_id, s.at, s.conversation_id, s.seq
	from unnest($1::bigint[], $2::tsquery[]) l(id, asked),
		lateral (
			select *
			from message_search s
			where s.slice = l.id and s.vector @@ l.asked) s
	order by s.at desc, s.message_id desc) f,
	conversation_right($3, 'user', f.conversation_id) r
where f.seq >= r.visible_from
limit 29;
select array_agg(x.id) as ids,
	array_agg(search_word(search_block(x.id, x.block))
		&& to_tsquery('parley', word(3))) as common,
	array_agg(to_tsquery('parley', word(25000))) as rare
from (select s.id, s.block
	from members m
	join search_slices s on s.conversation_id = m.conversation_id
	where m.user_id = 'busy' and m.left_at is null
	order by s.upto_at desc
	limit 8) x \gset
explain (analyze, buffers, costs off, timing off)
execute candidates (:'ids', :'common', 'busy');
explain (analyze, buffers, costs off, timing off)
execute candidates (:'ids', :'rare', 'busy');
