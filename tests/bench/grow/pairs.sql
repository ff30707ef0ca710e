-- SPDX-License-Identifier: ISC
-- Every room with each of its members, in no order.
select w.id || ' ' || u from world w, unnest(w.users) u order by md5(w.id || u);
