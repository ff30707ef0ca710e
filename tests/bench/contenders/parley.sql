-- SPDX-License-Identifier: ISC
-- :rooms * :members users called :prefix and a number, user i in room
-- i / :members, and in as many other rooms with the same people as :each
-- says; prints the ids of the first :rooms rooms in order.
begin;
create temporary table made on commit drop as
select uuid_v7() as id, n % :rooms as room, n
from generate_series(0, :rooms * :each - 1) n;
insert into users (id, name)
select :'prefix' || i, 'User ' || :'prefix' || i
from generate_series(0, :rooms * :members - 1) i;
insert into conversations (id, type, name, created_by, created_at, last_at,
	member_count, joins)
select id, 'group', :'name' || ' ' || n, :'prefix' || room * :members, now(),
	now(), :members, :members
from made;
insert into members (conversation_id, user_id, role, joined_at, join_no)
select m.id, :'prefix' || m.room * :members + k,
	case k when 0 then 'owner' else 'member' end::member_role, now(), k + 1
from made m, generate_series(0, :members - 1) k;
select id from made where n < :rooms order by n;
commit;
analyze users, conversations, members;
