-- SPDX-License-Identifier: ISC
-- The search.

-- Internal, once a second and after news: a step of the follower `search`.
-- name: search.follow
-- params: most, seen, wait_ms
-- class: slow
select s.turn, s.upto_id, s.events, s.behind, s.more or w.more as more
from log_follow('search', $1::integer, $2::bigint,
		make_interval(secs => $3::integer / 1000.0)) s,
	search_work(s) w(more);
