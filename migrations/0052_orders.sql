-- SPDX-License-Identifier: ISC
-- An order to a stream of another process goes out as a notification, and a
-- process whose listener is away does not hear it, while who gave it was told
-- that it is done.  So it is kept here until its stream's process has obeyed;
-- the caller waits for that, and takes it back when that takes too long.

create table orders (
	id bigint generated always as identity primary key,
	process text collate "C" not null,
	terms text not null,
	at timestamptz not null default now()
);
create index orders_process on orders (process);

drop function connections_control(text, text, text, text, json);

-- As before, but what the caller waits for is kept, and `order_id` names it.
-- What is to be closed was kept before and is closed some time; a touch is
-- nothing but a sign of life.
create function connections_control(p_caller text, p_role text,
	p_connection text, p_op text, p_args json)
returns table (id text, user_id text, process text, kind text, platform text,
	app_version text, address text, host text, user_agent text,
	connected_at timestamptz, order_id bigint) language plpgsql rows 1
as $$
#variable_conflict use_column
declare
	v_row connections;
	v_order jsonb;
	v_id bigint;
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
	if p_op = 'close' then
		insert into closings (connection, process)
		values (v_row.id, v_row.process)
		on conflict do nothing;
	elsif p_op <> 'touch' then
		insert into orders (process, terms)
		values (v_row.process, v_order::text)
		returning id into v_id;
		v_order := v_order || jsonb_build_object('order', v_id);
	end if;
	if octet_length(v_order::text) > 7900 then
		perform refuse('too_many', 'That is too much for one call.');
	end if;
	perform pg_notify('parley_control', v_order::text);
	return query select v_row.id, v_row.user_id, v_row.process, v_row.kind,
		v_row.platform, v_row.app_version, v_row.address, v_row.host,
		v_row.user_agent, v_row.connected_at, v_id;
end $$;

-- As before, but orders that nobody waits for any more go, too.
create or replace function tidy_run(p_connections interval)
returns table (tickets integer, keys integer, connections integer,
	messages integer, mutes integer, more boolean) language plpgsql rows 1
as $$
#variable_conflict use_column
begin
	-- Before the tickets, as users_suspend.
	delete from suspensions s where s.until < now();
	delete from tickets t
	where t.expires_at < now() - interval '1 minute';
	get diagnostics tickets = row_count;
	delete from closings c where c.at < now() - interval '1 hour';
	delete from orders o where o.at < now() - interval '1 minute';
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
	messages := conversations_purge(2000);
	-- It tells, and so comes last.
	mutes := mutes_end();
	more := keys = 5000 or connections = 5000 or messages = 2000
		or mutes = 1000 or exists (select from purges);
	return next;
end $$;

-- As before, but the order says when it was given: who comes after that stays.
create or replace function connections_disconnect(p_caller text, p_role text,
	p_user_id text)
returns bigint language plpgsql
as $$
declare
	v_count bigint;
begin
	if p_role = 'user' and p_user_id <> p_caller then
		perform refuse('forbidden',
			'You can close your own connections only.', 'user_id');
	end if;
	delete from tickets t where t.user_id = p_user_id;
	insert into closings (connection, process)
	select c.id, c.process
	from connections c
	where c.user_id = p_user_id and c.disconnected_at is null
	order by c.id
	on conflict do nothing;
	perform pg_notify('parley_control', jsonb_build_object('op',
		'close_all', 'user', p_user_id, 'at',
		(extract(epoch from clock_timestamp()) * 1000000)::bigint)
		::text);
	select count(*) into v_count
	from connections c
	where c.user_id = p_user_id and c.disconnected_at is null;
	return v_count;
end $$;
