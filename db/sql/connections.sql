-- SPDX-License-Identifier: ISC
-- The registry of streams and the leases of the processes that hold them.

-- name: connections.list
-- params: caller, caller_role, user_id, before, limit
-- access: read
select c.id, c.user_id, c.kind, c.platform, c.app_version, c.address,
	c.user_agent, c.host, c.connected_at,
	cursor_format(c.connected_at, c.id) as "_cursor"
from cursor_parse($4::text, 'before') k,
	connections_owner($1::text, $2::text, $3::text) o(id), lateral (
		select c.*
		from connections c
		where c.user_id = o.id and c.disconnected_at is null
			and (k.at is null
				or (c.connected_at, c.id) < (k.at, k.id))
		order by c.connected_at desc, c.id desc
		limit $5::integer + 1) c
order by c.connected_at desc, c.id desc;

-- The connection, if it is open and the caller's own or the caller may act on
-- all, else no row; and an order goes out on parley_control: the members of the
-- JSON object `args` with "connection", "op", "caller" and "role".  `_order`: it
-- is kept under this id until it was obeyed; it is also the order's "order".
-- name: connections.control
-- params: caller, caller_role, connection_id, op, args
select c.id, c.user_id, c.kind, c.platform, c.app_version, c.address,
	c.user_agent, c.host, c.connected_at, c.process as "_process",
	c.order_id as "_order"
from connections_control($1::text, $2::text, $3::text, $4::text, $5::json) c;

-- Internal: whether an order is still to be obeyed.
-- name: orders.waits
-- params: id
-- access: read
select exists (select from orders o where o.id = $1::bigint) as waits;

-- Internal: takes an order back; no row: it was obeyed.
-- name: orders.withdraw
-- params: id
delete from orders o
where o.id = $1::bigint
returning o.id;

-- Internal: orders to a process that somebody waits for.
-- name: orders.mine
-- params: process
-- access: read
select o.id, o.terms
from orders o
where o.process = $1::text and o.at > now() - interval '10 seconds'
order by o.id;

-- Internal: these were obeyed.
-- name: orders.done
-- params: ids
delete from orders o
where o.id = any ($1::bigint[]);

-- Internal: orders to close connections of a process, of the last hour.
-- name: closings.mine
-- params: process
-- access: read
select c.connection
from closings c
where c.process = $1::text;

-- name: connections.close_all
-- params: caller, caller_role, user_id
select $3::text as user_id, d.closed
from connections_disconnect($1::text, $2::text, $3::text) d(closed);

-- Null changes nothing.  The platform is among what presence says.
-- name: connections.update
-- params: caller, caller_role, connection_id, platform, app_version
with told as (
	update connections c
	set platform = coalesce($4::text, c.platform),
		app_version = coalesce($5::text, c.app_version)
	where c.id = $3::text and c.close_code is null
		and (c.user_id = $1::text or $2::text in ('admin', 'service'))
	returning c.id, c.user_id, c.kind, c.platform, c.app_version, c.address,
		c.user_agent, c.host, c.connected_at, c.process)
select t.id, t.user_id, t.kind, t.platform, t.app_version, t.address,
	t.user_agent, t.host, t.connected_at, t.process as "_process",
	presence_look(array[case when $4 is not null then t.user_id end])
		as "_looked"
from told t;

-- Internal, gathered: an element per connection opened, then per connection
-- closed; one may be in both.  Recording one again opens it again.
-- name: connections.record
-- params: process, host, ids, users, kinds, platforms, app_versions, addresses, user_agents, connected_ats, closed, codes
select r.opened, r.closed
from connections_record($1::text, $2::text, $3::text[], $4::text[], $5::text[],
	$6::text[], $7::text[], $8::text[], $9::text[], $10::timestamptz[],
	$11::text[], $12::integer[]) r;

-- Internal: closes what processes whose lease is over have left open.
-- name: connections.reap
-- params:
select r.processes, r.connections
from connections_reap() r;

-- Internal: a process begins; connections that a former one of this name has
-- left open are closed.
-- name: instances.start
-- params: process, host, lease_s
select r.closed
from instances_start($1::text, $2::text,
	make_interval(secs => $3::integer)) r(closed);

-- Internal, three times in a lease.  `fresh`: the lease was lost meanwhile (and its
-- connections closed by others), so record the live ones again.
-- name: instances.beat
-- params: process, host, lease_s
select r.fresh
from instances_lease($1::text, $2::text,
	make_interval(secs => $3::integer)) r(fresh);

-- Internal: a process ends in order.
-- name: instances.stop
-- params: process
select r.closed
from instances_stop($1::text) r(closed);

-- For an operator: tells the processes of an instance to send their streams
-- away within `spread_ms` and to end.  A row for each of them.
-- name: instances.drain
-- params: instance, spread_ms
select p.id, p.host, now() as "_at",
	pg_notify('parley_control', json_build_object('instance', $1::text,
		'op', 'drain', 'spread_ms', $2::integer)::text) as "_told"
from processes p
where p.id = $1::text || substring(p.id from '-[0-9]+$')
	and p.expires_at > now();

-- For an operator: those of them that still run and have started before `at`.
-- name: instances.running
-- params: instance, at
-- access: read
select p.id, p.host
from processes p
where p.id = $1::text || substring(p.id from '-[0-9]+$')
	and p.expires_at > now()
	and p.started_at <= $2::timestamptz;
