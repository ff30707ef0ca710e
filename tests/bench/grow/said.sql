-- SPDX-License-Identifier: ISC
-- What will have been said: :messages more, in the last :since to :upto hours, in the rooms of the
-- world.  The first fifty of a room evenly; later a twelfth of all in the busiest of two thousand
-- rooms, and few in most, so that what one page shows lies far apart.
create unlogged table if not exists world as
select row_number() over (order by c.id) - 1 as room, c.id,
	(select array_agg(m.user_id order by m.join_no) from members m
	where m.conversation_id = c.id) as users
from conversations c
where c.type = 'group';
analyze world;
drop table if exists said;
set work_mem = '1GB';
create unlogged table said as
select s.n, (lpad(to_hex((extract(epoch from s.at) * 1000)::bigint), 12, '0')
		|| '7' || substr(s.md5, 1, 3) || '8' || substr(s.md5, 4, 15))::uuid as id,
	w.id as conversation_id, w.room, c.last_seq + row_number()
		over (partition by w.room order by s.n) as seq,
	w.users[1 + s.n % cardinality(w.users)] as sender_id, s.at,
	s.md5
from (select n, md5(n::text || :'since') as md5,
		now() - make_interval(secs => 3600 * (:since
			- (:since - :upto) * n / :messages::float)) as at,
		case when :upto > 0 then n % count else floor(count
			* power(random(), 3))::bigint end as room
	from generate_series(1, :messages) n, (select count(*) from world) w) s
join world w using (room)
join conversations c on c.id = w.id
order by s.n;
create index on said (n);
analyze said;
