-- SPDX-License-Identifier: ISC
-- The index of all messages as the follower leaves it, by few large statements.
set synchronous_commit = off;
set maintenance_work_mem = '1GB';
drop index message_search_words;
create temp table slice as
select conversation_id, seq / 2000 as number, count(*) as messages,
	max(seq) - 125 as before_block, min(created_at) as from_at,
	max(created_at) as upto_at,
	nextval(pg_get_serial_sequence('search_slices', 'id')) as id
from messages
group by 1, 2
order by upto_at;
create index on slice (conversation_id, number);
analyze slice;
insert into search_slices (id, conversation_id, messages, from_at, upto_at,
	block_messages, older_at)
overriding system value
select s.id, s.conversation_id, s.messages, s.from_at, s.upto_at, 125,
	coalesce((select m.created_at
		from messages m
		where m.conversation_id = s.conversation_id
			and m.seq = s.before_block), '-infinity')
from slice s;
insert into message_search (message_id, conversation_id, seq, slice, at, vector)
select m.id, m.conversation_id, m.seq, s.id, m.created_at,
	search_vector(m.text, m.sender_id, m.attachments,
		case when m.seq > s.before_block then search_block(s.id, 1) end)
from messages m
join slice s on s.conversation_id = m.conversation_id
	and s.number = m.seq / 2000
order by m.id;
create index message_search_words on message_search using gin (slice, vector);
update search_index_state set below = null;
vacuum analyze message_search;
vacuum analyze search_slices;
