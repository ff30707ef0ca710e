-- SPDX-License-Identifier: ISC
-- Uploads that come in pieces (the tus protocol), and what a user may store.

-- One that was begun.  Its bytes lie in a file of the directory for temporary
-- files, whose length is how far it is; when all are there, an upload of the
-- same id is made.  Without an upload it ends at expires_at; the row stays a
-- while longer, to tell what became of it.
create table tus_uploads (
	id uuid primary key,
	owner_id text collate "C" not null references users on delete cascade,
	filename text not null check (length(filename) between 1 and 255),
	length bigint check (length > 0), -- null: not told yet
	metadata text check (length(metadata) <= 4096), -- as it was sent
	created_at timestamptz not null default now(),
	expires_at timestamptz not null,
	finished_at timestamptz -- the upload was made
);
create index tus_uploads_owner on tus_uploads (owner_id)
	where finished_at is null;
create index tus_uploads_expires on tus_uploads (expires_at);

-- May a user store p_bytes more?  What was begun counts as if it were there.
-- Each limit 0 = none.
create function upload_quota_check(p_owner text, p_role text, p_bytes bigint,
	p_max_bytes bigint, p_max_files bigint, p_day_bytes bigint,
	p_day_files bigint) returns void
language plpgsql
as $$
declare
	v record;
begin
	if p_role in ('admin', 'service') then
		return;
	end if;
	select count(*) as files, coalesce(sum(x.bytes), 0) as bytes,
		count(*) filter (where x.is_new) as day_files,
		coalesce(sum(x.bytes) filter (where x.is_new), 0) as day_bytes
	into v
	from (
		select f.stored as bytes,
			f.created_at > now() - interval '1 day' as is_new
		from uploads f
		where f.owner_id = p_owner
		union all
		select coalesce(t.length, 0), true
		from tus_uploads t
		where t.owner_id = p_owner and t.finished_at is null
			and t.expires_at > now()) x;
	if p_max_files > 0 and v.files >= p_max_files then
		perform refuse('quota_exceeded', format(
			'You have %s files, and more are not taken.', v.files));
	elsif p_max_bytes > 0 and v.bytes + p_bytes > p_max_bytes then
		perform refuse('quota_exceeded', format(
			'Your files may have %s bytes together.', p_max_bytes));
	elsif p_day_files > 0 and v.day_files >= p_day_files then
		perform refuse('quota_exceeded', format(
			'%s files a day are taken; try again tomorrow.',
			p_day_files));
	elsif p_day_bytes > 0 and v.day_bytes + p_bytes > p_day_bytes then
		perform refuse('quota_exceeded', format(
			'%s bytes a day are taken; try again tomorrow.',
			p_day_bytes));
	end if;
end $$;

-- As tus and HTTP write times.
create function http_date(p_time timestamptz) returns text
language sql stable
as $$
select to_char(p_time at time zone 'UTC', 'Dy, DD Mon YYYY HH24:MI:SS "GMT"')
$$;

-- Begins one.  What is unfinished is bounded also where there is no quota.
create function tus_create(p_id uuid, p_owner text, p_role text,
	p_filename text, p_length bigint, p_metadata text, p_hours integer,
	p_max_unfinished integer, p_max_bytes bigint, p_max_files bigint,
	p_day_bytes bigint, p_day_files bigint)
returns setof tus_uploads language plpgsql rows 1
as $$
begin
	perform pg_advisory_xact_lock(
		hashtextextended('upload ' || p_owner, 0));
	perform upload_quota_check(p_owner, p_role, coalesce(p_length, 0),
		p_max_bytes, p_max_files, p_day_bytes, p_day_files);
	if p_role not in ('admin', 'service') and (select count(*)
		from tus_uploads t
		where t.owner_id = p_owner and t.finished_at is null
			and t.expires_at > now()) >= p_max_unfinished then
		perform refuse('quota_exceeded', format(
			'You have %s uploads that are not finished.',
			p_max_unfinished));
	end if;
	return query insert into tus_uploads (id, owner_id, filename, length,
		metadata, expires_at)
	values (p_id, p_owner, p_filename, p_length, p_metadata,
		now() + make_interval(hours => p_hours))
	returning *;
end $$;

-- One that goes on; p_length is taken where none was told before.
create function tus_resume(p_id uuid, p_owner text, p_length bigint)
returns setof tus_uploads language plpgsql rows 1
as $$
begin
	if p_length is not null then
		update tus_uploads t set length = p_length
		where t.id = p_id and t.owner_id = p_owner
			and t.length is null;
	end if;
	return query select * from tus_uploads t
	where t.id = p_id and t.owner_id = p_owner;
end $$;

-- All bytes are there, and the files made of them in their places: it becomes
-- an upload.  The parameters of uploads_create.  No row: it is gone, or somebody
-- else was faster.
create function tus_finish(p_id uuid, p_owner text, p_role text,
	p_filename text, p_type text, p_size bigint, p_width integer,
	p_height integer, p_sha256 text, p_thumbnail_sha256 text,
	p_thumbnail_type text, p_thumbnail_size bigint,
	p_thumbnail_width integer, p_thumbnail_height integer,
	p_blurhash text, p_variants text, p_max_bytes bigint,
	p_max_files bigint, p_day_bytes bigint, p_day_files bigint,
	p_store_ms integer)
returns setof uploads language plpgsql rows 1
as $$
begin
	update tus_uploads t set finished_at = now()
	where t.id = p_id and t.owner_id = p_owner and t.finished_at is null
		and t.expires_at > now();
	if found then
		return query select * from uploads_create(p_id, p_owner, p_role,
			p_filename, p_type, p_size, p_width, p_height, p_sha256,
			p_thumbnail_sha256, p_thumbnail_type, p_thumbnail_size,
			p_thumbnail_width, p_thumbnail_height, p_blurhash,
			p_variants, p_max_bytes, p_max_files, p_day_bytes,
			p_day_files, p_store_ms);
	end if;
end $$;

-- The end of one, before it is finished or after: then its upload goes as well,
-- unless something refers to it.
create function tus_end(p_id uuid, p_owner text) returns setof uuid
language plpgsql rows 1
as $$
declare
	v tus_uploads;
begin
	delete from tus_uploads t
	where t.id = p_id and t.owner_id = p_owner
	returning * into v;
	if v.finished_at is not null then
		insert into upload_loose (upload_id, due_at)
		values (p_id, now());
	end if;
	if v.id is not null then
		return next v.id;
	end if;
end $$;

-- Of the pieces p_ids, those that no row waits for: those of uploads that are
-- finished, over, or ended.  Rows that are over long since go.
create function tus_over(p_ids uuid[]) returns setof uuid
language sql
as $$
delete from tus_uploads t where t.expires_at < now() - interval '7 days';
select i.id
from unnest(p_ids) i(id)
where not exists (select from tus_uploads t
	where t.id = i.id and t.finished_at is null and t.expires_at > now())
$$;
