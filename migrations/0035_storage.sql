-- SPDX-License-Identifier: ISC
-- Rows and the files of a store that knows nothing of them.

-- Files that somebody may be removing at this moment (dropped_at is null), or
-- that were removed a short while ago.  A store on a network can neither lock a
-- file nor say "remove it unless": so nobody names one of these.
create table upload_drops (
	sha256 text primary key check (sha256 ~ '^[0-9a-f]{64}$'),
	since timestamptz not null default now(),
	dropped_at timestamptz
);
create index uploads_lost on uploads (id) where lost_at is not null;

create function upload_drops_key() returns bigint
language sql immutable
as $$ select hashtextextended('upload drops', 0) $$;

-- Before a row names files that were given to the store within the last
-- p_store_ms (null: that store needs none of this).  From here to its end, no
-- file begins to be removed; what was removed since the store had it refuses
-- the row.  Half a minute is for the way here.
create function uploads_name(p_sha256 text[], p_store_ms integer)
returns void language plpgsql
as $$
begin
	if p_store_ms is null then
		return;
	end if;
	perform pg_advisory_xact_lock_shared(upload_drops_key());
	perform from upload_drops d
	where d.sha256 = any (p_sha256)
		and coalesce(d.dropped_at > clock_timestamp()
			- p_store_ms * interval '1 millisecond'
			- interval '30 seconds', true);
	if found then
		perform refuse('storage_unavailable',
			'The same file is just being removed; try again.');
	end if;
end $$;

create function upload_is_named(p_sha256 text) returns boolean
language sql stable
as $$
select exists (select from uploads f where f.sha256 = p_sha256)
	or exists (select from uploads f where f.thumbnail_sha256 = p_sha256)
	or exists (select from upload_files x where x.sha256 = p_sha256)
$$;

-- Of the files p_sha256, those after p_after in order, up to p_limit that no
-- row names: they are the caller's to remove, who tells uploads_dropped() of it.
create function uploads_doom(p_sha256 text[], p_after text, p_limit integer)
returns setof text language plpgsql
as $$
begin
	perform pg_advisory_xact_lock(upload_drops_key());
	return query insert into upload_drops as d (sha256)
	select s.sha256
	from unnest(p_sha256) s(sha256)
	where s.sha256 > p_after and not upload_is_named(s.sha256) and not exists (
		select from upload_drops x
		where x.sha256 = s.sha256 and x.dropped_at is null)
	order by s.sha256
	limit p_limit
	on conflict (sha256) do update
		set since = now(), dropped_at = null
	returning d.sha256;
end $$;

-- Those whose remover was killed or does not know how it ended: again.
create function uploads_doom_again(p_limit integer)
returns setof text language plpgsql
as $$
begin
	perform pg_advisory_xact_lock(upload_drops_key());
	delete from upload_drops d
	where d.dropped_at < now() - interval '1 hour'
		or d.dropped_at is null and upload_is_named(d.sha256);
	return query update upload_drops d set since = now()
	where d.sha256 in (
		select x.sha256
		from upload_drops x
		where x.dropped_at is null
			and x.since < now() - interval '10 minutes'
		order by x.sha256
		limit p_limit)
	returning d.sha256;
end $$;

create function uploads_dropped(p_gone text[], p_stayed text[])
returns void language sql
as $$
update upload_drops d set dropped_at = clock_timestamp()
where d.sha256 = any (p_gone);
delete from upload_drops d
where d.sha256 = any (p_stayed);
$$;

-- Files after p_from and up to p_to that rows name and that are not among
-- p_present, p_limit of them; what is known to be lost is left out.
create function uploads_missing(p_from text, p_to text, p_present text[],
	p_limit integer) returns setof text
language sql stable
as $$
with named as (
	select f.sha256
	from uploads f
	where f.sha256 > p_from and f.sha256 <= p_to and f.lost_at is null
	union
	select f.thumbnail_sha256
	from uploads f
	where f.thumbnail_sha256 > p_from and f.thumbnail_sha256 <= p_to
		and f.lost_at is null
	union
	select x.sha256
	from upload_files x
	join uploads f on f.id = x.upload_id
	where x.sha256 > p_from and x.sha256 <= p_to and f.lost_at is null)
select n.sha256
from named n
where not exists (
	select from unnest(p_present) p(sha256) where p.sha256 = n.sha256)
limit p_limit
$$;

-- Notes which uploads are without one of these files.
create function uploads_lose(p_sha256 text[]) returns integer
language sql
as $$
with lost as (
	update uploads f set lost_at = now()
	where f.lost_at is null and (f.sha256 = any (p_sha256)
		or f.thumbnail_sha256 = any (p_sha256)
		or f.id in (select x.upload_id from upload_files x
			where x.sha256 = any (p_sha256)))
	returning 1)
select count(*)::integer from lost
$$;

-- All files of the lost uploads after p_after in order of id, p_limit uploads.
create function uploads_lost(p_after uuid, p_limit integer)
returns table (upload_id uuid, sha256 text)
language sql stable
as $$
with page as materialized (
	select f.id, f.sha256, f.thumbnail_sha256
	from uploads f
	where f.id > p_after and f.lost_at is not null
	order by f.id
	limit p_limit)
select p.id, s.sha256
from page p, lateral (
	select p.sha256
	union
	select p.thumbnail_sha256 where p.thumbnail_sha256 is not null
	union
	select x.sha256 from upload_files x where x.upload_id = p.id) s
order by p.id
$$;

-- They have all their files again.
create function uploads_found(p_ids uuid[]) returns void
language sql
as $$
update uploads f set lost_at = null
where f.id = any (p_ids)
$$;
