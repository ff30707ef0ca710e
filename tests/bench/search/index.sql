-- SPDX-License-Identifier: ISC
-- The index of all messages as the follower leaves it, by few large statements.
set synchronous_commit = off;
set maintenance_work_mem = '1GB';
drop index message_search_words;
insert into search_slices (conversation_id, messages, from_at, upto_at)
select conversation_id, count(*), min(created_at), max(created_at)
from messages
group by conversation_id, seq / 2000
order by max(created_at);
create temp table slice as
select s.id, s.conversation_id, row_number() over w - 1 as number
from search_slices s
window w as (partition by s.conversation_id order by s.upto_at);
create index on slice (conversation_id, number);
analyze slice;
insert into message_search (message_id, conversation_id, seq, slice, at, vector)
select m.id, m.conversation_id, m.seq, s.id, m.created_at,
	search_vector(m.text, m.sender_id, m.attachments)
from messages m
join slice s on s.conversation_id = m.conversation_id
	and s.number = m.seq / 2000
order by m.id;
\timing on
create index message_search_words on message_search using gin (slice, vector);
update search_index_state set below = null;
vacuum analyze message_search, search_slices;
