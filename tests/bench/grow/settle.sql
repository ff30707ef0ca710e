-- SPDX-License-Identifier: ISC
-- What goes with the messages: the rooms' counts, everybody's position some way behind the end,
-- and :receipts ranges of reading for each of them.
set synchronous_commit = off;
set maintenance_work_mem = '1GB';
set session_replication_role = replica; -- no look-up of each receipt's member
update conversations c set last_seq = n.seq, last_at = n.at
from (select conversation_id, max(seq) as seq, max(at) as at
	from said group by 1) n
where c.id = n.conversation_id;
update members m set last_read_seq = p.seq, seen_upto = p.seq
from (select m.conversation_id, m.user_id,
		greatest(0, c.last_seq - (hashtext(m.user_id || c.id) & 31)) as seq
	from members m join conversations c on c.id = m.conversation_id
	where c.type = 'group') p
where (m.conversation_id, m.user_id) = (p.conversation_id, p.user_id);
insert into receipts (conversation_id, user_id, from_seq, upto_seq, read_at)
select m.conversation_id, m.user_id, 1 + m.seen_upto * k / :receipts,
	greatest(1 + m.seen_upto * k / :receipts,
		m.seen_upto * (k + 1) / :receipts), now() - interval '1 hour'
from members m, generate_series(0, :receipts - 1) k
where m.seen_upto > 0
order by 1, 2, 3
on conflict do nothing;
drop table said;
vacuum (analyze) messages, members, conversations, receipts, events;
checkpoint;
