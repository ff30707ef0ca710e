-- SPDX-License-Identifier: ISC
-- Users whom admins and services shut out of the service.

-- One row per user, in force until `until` (null: until it is lifted).  No
-- foreign key for who did it: that they are erased must not lift it.
create table suspensions (
	user_id text collate "C" primary key
		references users on delete cascade,
	reason text check (length(reason) between 1 and 500),
	suspended_by text collate "C" not null,
	suspended_at timestamptz not null default now(),
	until timestamptz
);
create index suspensions_until on suspensions (until)
	where until is not null;

-- Tells every process: `until` in seconds since 1970, null for no end; for a
-- restored user the member `restored`.
create function suspensions_tell(p_user_id text, p_until timestamptz,
	p_restored boolean) returns void language plpgsql
as $$
begin
	perform pg_notify('parley_control', json_build_object(
		'op', case when p_restored then 'restore' else 'suspend' end,
		'user', p_user_id,
		'until', ceil(extract(epoch from p_until))::bigint)::text);
end $$;

-- Suspending again changes reason and end.  A user whom nobody has seen yet
-- may be suspended: a stub is made.
create function users_suspend(p_caller text, p_user_id text, p_reason text,
	p_until timestamptz)
returns setof suspensions language plpgsql rows 1
as $$
declare
	v_row suspensions;
begin
	if p_user_id = p_caller then
		perform refuse('invalid', 'Nobody suspends themselves.',
			'user_id');
	elsif p_until <= clock_timestamp() then
		perform refuse('invalid', 'That time is over.', 'until');
	end if;
	insert into users (id) values (p_user_id) on conflict do nothing;
	insert into suspensions as s (user_id, reason, suspended_by, until)
	values (p_user_id, p_reason, p_caller, p_until)
	on conflict (user_id) do update set reason = excluded.reason,
		suspended_by = excluded.suspended_by, until = excluded.until,
		suspended_at = case when s.until <= now()
			then excluded.suspended_at else s.suspended_at end
	returning * into v_row;
	delete from tickets t where t.user_id = p_user_id;
	perform suspensions_tell(p_user_id, p_until, false);
	return next v_row;
end $$;

-- No row: the user was not suspended.
create function users_restore(p_user_id text)
returns setof suspensions language plpgsql rows 1
as $$
declare
	v_row suspensions;
begin
	delete from suspensions s where s.user_id = p_user_id
	returning * into v_row;
	if not found then
		return;
	end if;
	perform suspensions_tell(p_user_id, null, true);
	if v_row.until > now() is not false then
		return next v_row;
	end if;
end $$;
