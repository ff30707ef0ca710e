-- SPDX-License-Identifier: ISC
-- People who talk: 4,000 rooms, `busy` is in 500 of them, and one room has a
-- fifth of all messages.  Words are as frequent as in a language (Zipf's law).
-- psql -v messages=5000000
set synchronous_commit = off;
insert into users (id, name)
select 's' || n, 'Member ' || n from generate_series(1, 2000) n
union all values ('busy', 'Busy'), ('quiet', 'Quiet'), ('alone', 'Alone');
insert into conversations (id, type, name, created_at, last_at, member_count)
select uuid_v7(), 'group', 'Room ' || n, now() - interval '3 years', now(), 0
from generate_series(1, 4000) n;
create table room (n integer primary key, id uuid not null);
insert into room
select row_number() over (order by id), id from conversations
where type = 'group';
insert into members (conversation_id, user_id, joined_at, join_no)
select r.id, m.user_id, now(), row_number() over (partition by r.id)
from room r, lateral (
	select 's' || 1 + (r.n * 10 + i) % 2000 as user_id
	from generate_series(0, 9) i
	union all select 'busy' where r.n % 8 = 0 or r.n = 1
	union all select 'quiet' where r.n in (7, 1007, 2007)
	union all select 'alone' where r.n = 1) m;

create function word(p_rank integer) returns text
language sql immutable parallel safe
as $$
select (array['ka', 'to', 'mi', 'ra', 'ne', 'so', 'lu', 'ti', 'ven', 'da'])
		[1 + p_rank % 10]
	|| (array['', 'ro', 'li', 'ma', 'ber', 'no', 'sta', 'gu', 'pe', 'xi'])
		[1 + p_rank / 10 % 10]
	|| (array['', 'n', 'st', 'ra', 'ling', 'do', 'ka', 'me', 'tor', 'fi'])
		[1 + p_rank / 100 % 10]
	|| (array['', 'da', 'zu', 'el', 'or', 'in', 'up', 'ky', 'wo', 'ju'])
		[1 + p_rank / 1000 % 10]
	|| (array['', 'ton', 'by', 'ham', 'ia'])[1 + p_rank / 10000 % 5]
$$;

-- Room 1 has a fifth of the messages, the others as much as each other.
create unlogged table line as
select n, case when random() < 0.2 then 1
		else 2 + floor(random() * 3999)::integer end as room,
	timestamptz '2023-01-01' + n * interval '18 seconds'
		* (5000000.0 / :messages) as at
from generate_series(1, :messages) n;

insert into messages (id, conversation_id, seq, sender_id, type, text,
	created_at)
select (lpad(to_hex((extract(epoch from l.at) * 1000)::bigint), 12, '0')
		|| '7000' || '8' || substr(md5(l.n::text), 1, 15))::uuid,
	r.id, l.seq, 's' || 1 + (l.room * 10 + (random() * 9)::integer) % 2000,
	'text', t.text, l.at
from (select l.*, row_number() over (partition by l.room order by l.n) as seq
	from line l) l
join room r on r.n = l.room,
	lateral (
		select string_agg(word(floor(50000 ^ random())::integer - 1),
			' ') as text
		from generate_series(1, 3 + (l.n % 20)::integer)) t
order by l.n;
update conversations c set last_seq = x.seq, last_at = x.at
from (select conversation_id, max(seq) as seq, max(created_at) as at
	from messages group by 1) x
where c.id = x.conversation_id;
update conversations c set member_count = x.count
from (select conversation_id, count(*) from members group by 1) x
where c.id = x.conversation_id;
drop table line;
vacuum analyze messages, conversations, members, users;
