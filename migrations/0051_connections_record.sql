-- SPDX-License-Identifier: ISC
-- Recording connections costs what those that are opened or closed cost.

-- As before, but what nobody asks for is not begun, and each table is asked by its
-- key whatever it was like when the plan was made.
create or replace function connections_record(p_process text, p_host text,
	p_id text[], p_user text[], p_kind text[], p_platform text[],
	p_app_version text[], p_address text[], p_user_agent text[],
	p_connected_at timestamptz[], p_closed text[], p_code integer[])
returns table (opened integer, closed integer) language plpgsql rows 1
set enable_material = off
as $$
declare
	v_opened text[] := '{}';
	v_closed text[] := '{}';
begin
	perform instances_lease(p_process, p_host);
	if cardinality(p_id) > 0 then
		with made as (
			insert into connections as c (id, user_id, process,
				kind, platform, app_version, address, host,
				user_agent, connected_at)
			select o.id, o.user_id, p_process, o.kind, o.platform,
				o.app_version, o.address, p_host, o.user_agent,
				o.connected_at
			from unnest(p_id, p_user, p_kind, p_platform,
					p_app_version, p_address, p_user_agent,
					p_connected_at)
				o(id, user_id, kind, platform, app_version,
					address, user_agent, connected_at)
			where exists (select from users u where u.id = o.user_id)
			on conflict (id) do update set disconnected_at = null,
				close_code = null, process = excluded.process
			returning c.user_id)
		select coalesce(array_agg(user_id), '{}') into v_opened
		from made;
	end if;
	-- A statement of its own: it must see what was just made.
	if cardinality(p_closed) > 0 then
		with ended as (
			update connections c set disconnected_at = now(),
				close_code = x.code
			from unnest(p_closed, p_code) x(id, code)
			where c.id = x.id and c.close_code is null
			returning c.user_id)
		select coalesce(array_agg(user_id), '{}') into v_closed
		from ended;
	end if;
	opened := cardinality(v_opened);
	closed := cardinality(v_closed);
	perform presence_look(v_closed || v_opened,
		array_fill(now(), array[closed]));
	return next;
end $$;
