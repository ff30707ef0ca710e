-- SPDX-License-Identifier: ISC
-- Their events, as emit writes them, over as many partitions as they take.
set synchronous_commit = off;
select events_partition_create(p, l.partition_ids)
from event_log l, events_id_seq s, generate_series(s.last_value
	/ l.partition_ids, (s.last_value + :messages) / l.partition_ids + 2) p;
insert into events (id, topic, type, data, message_id, at)
select b.last_value + s.n, 'conversation:' || s.conversation_id,
	'message.created', message_json(s.id, s.conversation_id, s.seq,
		s.sender_id, u.name, u.picture, 'text', 'Message ' || s.seq
		|| ' of ' || s.sender_id || ': '
		|| repeat(s.md5, 1 + (s.n % 4)::integer), null, '[]', null,
		rfc3339(s.at)), s.id, s.at
from events_id_seq b, said s
left join users u on u.id = s.sender_id
order by s.n;
select setval('events_id_seq', last_value + :messages) from events_id_seq;
