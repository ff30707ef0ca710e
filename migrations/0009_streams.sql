-- SPDX-License-Identifier: ISC
-- Functions of the connection registry, of Idempotency-Key, and tidying.

-- Whose connections may be listed: one's own, for services and admins anyone's.
create function connections_owner(p_caller text, p_role text, p_user_id text)
returns text language plpgsql immutable
as $$
begin
	if p_role = 'user' and p_user_id <> p_caller then
		perform refuse('forbidden',
			'You can list your own connections only.', 'user_id');
	end if;
	return coalesce(p_user_id, p_caller);
end $$;

-- An order to the process that holds a connection, and the connection.  No
-- row: not open, or not the caller's.
create function connections_control(p_caller text, p_role text,
	p_connection text, p_op text, p_args json)
returns setof connections language plpgsql rows 1
as $$
declare
	v_row connections;
	v_order text;
begin
	select * into v_row from connections c
	where c.id = p_connection and c.close_code is null
		and (c.user_id = p_caller or p_role in ('admin', 'service'));
	if not found then
		return;
	elsif p_args->>'user' <> v_row.user_id then
		perform refuse('invalid', 'The token is another user''s.',
			'token');
	end if;
	-- Ours last: what the caller writes must not speak for somebody else.
	v_order := coalesce(p_args::jsonb, '{}')
		|| jsonb_build_object('connection', p_connection, 'op', p_op,
			'caller', p_caller, 'role', p_role);
	if octet_length(v_order) > 7900 then
		perform refuse('too_many', 'That is too much for one call.');
	end if;
	perform pg_notify('parley_control', v_order);
	return next v_row;
end $$;

-- Ends all streams of a user, those not in the table yet too, and the tickets
-- with which they could come back.  How many the table has.
create function connections_disconnect(p_caller text, p_role text,
	p_user_id text)
returns bigint language plpgsql
as $$
begin
	if p_role = 'user' and p_user_id <> p_caller then
		perform refuse('forbidden',
			'You can close your own connections only.', 'user_id');
	end if;
	delete from tickets t where t.user_id = p_user_id;
	perform pg_notify('parley_control', jsonb_build_object('op',
		'close_all', 'user', p_user_id)::text);
	return (select count(*) from connections c
		where c.user_id = p_user_id and c.disconnected_at is null);
end $$;

-- True when the process had no lease.  p_lease null: as long as before.
create function instances_lease(p_process text, p_host text,
	p_lease interval default null)
returns boolean language plpgsql
as $$
begin
	update processes p set host = p_host,
		lease = coalesce(p_lease, p.lease),
		expires_at = now() + coalesce(p_lease, p.lease)
	where p.id = p_process;
	if found then
		return false;
	end if;
	insert into processes as p (id, host, lease, expires_at)
	values (p_process, p_host, coalesce(p_lease, '30 seconds'),
		now() + coalesce(p_lease, '30 seconds'))
	on conflict (id) do update set expires_at = excluded.expires_at;
	return true;
end $$;

-- p_at: when they ended.  Answers whose they were, for presence_look, which a
-- transaction calls once, since it locks in the order of users.
create function connections_close_all(p_process text, p_code integer,
	p_at timestamptz default now())
returns text[] language plpgsql
as $$
declare
	v_users text[];
begin
	with closed as (
		update connections c set close_code = p_code,
			disconnected_at = greatest(p_at, c.connected_at)
		where c.process = p_process and c.disconnected_at is null
		returning c.user_id)
	select array_agg(user_id) into v_users from closed;
	return coalesce(v_users, '{}');
end $$;

create function instances_start(p_process text, p_host text,
	p_lease interval)
returns integer language plpgsql
as $$
declare
	v_users text[];
begin
	perform instances_lease(p_process, p_host, p_lease);
	v_users := connections_close_all(p_process, 1006);
	perform presence_look(v_users,
		array_fill(now(), array[cardinality(v_users)]));
	return cardinality(v_users);
end $$;

create function instances_stop(p_process text)
returns integer language plpgsql
as $$
declare
	v_users text[];
begin
	delete from processes where id = p_process;
	v_users := connections_close_all(p_process, 1001);
	perform presence_look(v_users,
		array_fill(now(), array[cardinality(v_users)]));
	return cardinality(v_users);
end $$;

-- A process that writes lives.  Users that are gone are passed over: their
-- streams are about to end.
create function connections_record(p_process text, p_host text, p_id text[],
	p_user text[], p_kind text[], p_platform text[], p_app_version text[],
	p_address text[], p_user_agent text[], p_connected_at timestamptz[],
	p_closed text[], p_code integer[])
returns table (opened integer, closed integer) language plpgsql rows 1
as $$
declare
	v_opened text[];
	v_closed text[];
begin
	perform instances_lease(p_process, p_host);
	with made as (
		insert into connections as c (id, user_id, process, kind,
			platform, app_version, address, host, user_agent,
			connected_at)
		select o.id, o.user_id, p_process, o.kind, o.platform,
			o.app_version, o.address, p_host, o.user_agent,
			o.connected_at
		from unnest(p_id, p_user, p_kind, p_platform, p_app_version,
				p_address, p_user_agent, p_connected_at)
			o(id, user_id, kind, platform, app_version, address,
				user_agent, connected_at)
		where exists (select from users u where u.id = o.user_id)
		on conflict (id) do update set disconnected_at = null,
			close_code = null, process = excluded.process
		returning c.user_id)
	select array_agg(user_id) into v_opened from made;
	-- A statement of its own: it must see what was just made.
	with ended as (
		update connections c set disconnected_at = now(),
			close_code = x.code
		from unnest(p_closed, p_code) x(id, code)
		where c.id = x.id and c.close_code is null
		returning c.user_id)
	select array_agg(user_id) into v_closed from ended;
	opened := coalesce(cardinality(v_opened), 0);
	closed := coalesce(cardinality(v_closed), 0);
	perform presence_look(v_closed || v_opened,
		array_fill(now(), array[closed]));
	return next;
end $$;

create function connections_reap()
returns table (processes integer, connections integer)
language plpgsql rows 1
as $$
#variable_conflict use_column
declare
	v_dead record;
	v_users text[] := '{}';
	v_gone timestamptz[] := '{}';
begin
	processes := 0;
	if pg_try_advisory_xact_lock(79) then
		for v_dead in
			delete from processes p
			where p.expires_at < now()
			returning p.id, p.expires_at - p.lease as last_beat loop
			processes := processes + 1;
			v_users := v_users || connections_close_all(v_dead.id,
				1006, v_dead.last_beat);
			v_gone := v_gone || array_fill(v_dead.last_beat, array[
				cardinality(v_users) - cardinality(v_gone)]);
		end loop;
		perform presence_look(v_users, v_gone);
	end if;
	connections := cardinality(v_users);
	return next;
end $$;

-- See idempotency.claim.
create function idempotency_claim(p_caller text, p_key text, p_operation text,
	p_fingerprint text)
returns table (outcome text, status integer, body text)
language plpgsql rows 1
as $$
#variable_conflict use_column
declare
	v_row idempotency_keys;
begin
	insert into idempotency_keys as i (caller, key, operation, fingerprint)
	values (p_caller, p_key, p_operation, p_fingerprint)
	on conflict (caller, key) do update set
		operation = excluded.operation,
		fingerprint = excluded.fingerprint, status = null, body = null,
		created_at = excluded.created_at
	where i.created_at < now() - interval '24 hours' or (i.status is null
		and i.created_at < now() - interval '60 seconds'
		and (i.operation, i.fingerprint)
			= (excluded.operation, excluded.fingerprint));
	if found then
		outcome := 'new';
	else
		select * into v_row from idempotency_keys i
		where i.caller = p_caller and i.key = p_key;
		if (v_row.operation, v_row.fingerprint)
			is distinct from (p_operation, p_fingerprint) then
			outcome := 'mismatch';
		elsif v_row.status is null then
			outcome := 'in_flight';
		else
			outcome := 'done';
			status := v_row.status;
			body := v_row.body;
		end if;
	end if;
	return next;
end $$;

create function tidy_run(p_connections interval)
returns table (tickets integer, keys integer, connections integer,
	more boolean) language plpgsql rows 1
as $$
#variable_conflict use_column
begin
	-- Before the tickets, as users_suspend.
	delete from suspensions s where s.until < now();
	delete from tickets t
	where t.expires_at < now() - interval '1 minute';
	get diagnostics tickets = row_count;
	delete from idempotency_keys i where (i.caller, i.key) in (
		select o.caller, o.key
		from idempotency_keys o
		where o.created_at < now() - interval '24 hours'
		limit 5000);
	get diagnostics keys = row_count;
	delete from connections c where c.id in (
		select o.id
		from connections o
		where o.disconnected_at < now() - p_connections
		limit 5000);
	get diagnostics connections = row_count;
	more := keys = 5000 or connections = 5000;
	return next;
end $$;
