-- SPDX-License-Identifier: ISC
-- What is made of files, what they are shown as, and when they go.

alter table uploads
	-- A blur to show before the picture is there.
	add column blurhash text check (length(blurhash) <= 28),
	-- What is to be seen or heard, in words.
	add column alt text check (length(alt) between 1 and 1000),
	-- Bytes of all its forms together: what a quota counts.
	add column stored bigint not null default 0 check (stored >= 0),
	-- Since when the store has been without one of its files.
	add column lost_at timestamptz;
update uploads set stored = size + coalesce(thumbnail_size, 0);
drop index uploads_owner;
create index uploads_owner on uploads (owner_id, created_at)
	include (stored);
-- Whose a file of the store is.
create index uploads_sha256 on uploads (sha256);
create index uploads_thumbnail_sha256 on uploads (thumbnail_sha256)
	where thumbnail_sha256 is not null;

-- What is made of a file beside the file itself and its thumbnail, which have
-- columns of their own: `original` and `thumbnail` as WebP, `avatar`, `preview`
-- (a PDF's first page) in up to two types, `source` (as it came).
create table upload_files (
	upload_id uuid not null references uploads on delete cascade,
	variant text not null check (length(variant) between 1 and 32),
	type text not null check (length(type) between 3 and 127),
	sha256 text not null check (sha256 ~ '^[0-9a-f]{64}$'),
	size bigint not null check (size >= 0),
	width integer check (width > 0),
	height integer check (height > 0),
	primary key (upload_id, variant, type)
);
create index upload_files_sha256 on upload_files (sha256);

-- Uploads that may be without a reference (a row of `attachments`) from `due_at`
-- on: housekeeping looks, and deletes those that are.  Nothing is unique here
-- and nobody waits, so that sends and deletes need not know of each other.
create table upload_loose (
	id bigint generated always as identity primary key,
	upload_id uuid not null,
	due_at timestamptz not null
);
create index upload_loose_due on upload_loose (due_at);
insert into upload_loose (upload_id, due_at)
select f.id, now() + interval '1 day'
from uploads f;

-- A file goes with the last message that refers to it.
create function attachments_loosen() returns trigger language plpgsql
as $$
begin
	insert into upload_loose (upload_id, due_at)
	select distinct g.upload_id, now()
	from gone g;
	return null;
end $$;
create trigger attachments_loosen after delete on attachments
	referencing old table as gone
	for each statement execute function attachments_loosen();

-- Deletes uploads that nobody refers to, p_limit looked at; their files are
-- swept later.  Those who are attaching one at this moment hold a lock on it:
-- after it, a statement of its own sees what they did.
create function uploads_tidy(p_limit integer)
returns table (removed integer, more boolean) language plpgsql rows 1
as $$
declare
	v_ids uuid[];
	v_looked integer;
	v_gone uploads[];
begin
	with due as (
		delete from upload_loose l where l.id in (
			select o.id
			from upload_loose o
			where o.due_at <= now()
			order by o.due_at
			limit p_limit
			for update skip locked)
		returning l.upload_id)
	select array_agg(distinct d.upload_id), count(*)
	into v_ids, v_looked
	from due d;
	perform from uploads f where f.id = any (v_ids) order by f.id
	for update;
	with gone as (
		delete from uploads f
		where f.id = any (v_ids) and not exists (
			select from attachments a where a.upload_id = f.id)
		returning f)
	select array_agg(g.f) into v_gone from gone g;
	removed := coalesce(cardinality(v_gone), 0);
	more := v_looked = p_limit;
	if removed > 0 then
		perform uploads_gone_tell(v_gone);
	end if;
	return next;
end $$;

create function upload_has(p_id uuid, p_variant text) returns boolean
language sql stable
as $$
select exists (select from upload_files x
	where x.upload_id = p_id and x.variant = p_variant)
$$;

-- A file as messages show it; of what is left out when it is not there, `alt`.
create function upload_json(f uploads) returns json
language sql stable
as $$
select case when f.alt is null then row_to_json(x)
	else concat(rtrim(row_to_json(x)::text, '}'), ',"alt":',
		to_json(f.alt), '}')::json end
from (select f.id, f.filename, f.type, f.size, f.width, f.height,
		file_url(f.id, 'original') as url,
		case when f.thumbnail_sha256 is not null
			then file_url(f.id, 'thumbnail') end as thumbnail_url,
		case when upload_has(f.id, 'preview')
			then file_url(f.id, 'preview') end as preview_url,
		f.blurhash) x
$$;

-- As before, with all that is shown of a file.
create or replace function attachments_check(p_ids text, p_sender text,
	p_role text)
returns table (shown text, type text, problem text, field text)
language plpgsql rows 1
as $$
declare
	v_count integer := json_array_length(p_ids::json);
	v_place bigint;
begin
	if v_count > 10 then
		problem := 'too_many';
		field := 'attachments';
		return next;
		return;
	end if;
	-- Housekeeping may be deleting one: what is read next is certain.
	perform from uploads f
	where f.id in (select e::uuid
		from json_array_elements_text(p_ids::json) e)
	order by f.id
	for key share;
	select json_agg(upload_json(f) order by i.ord)::text,
		case when bool_and(f.type like 'image/%') then 'image'
			else 'file' end,
		min(i.ord - 1) filter (where f.id is null)
	into shown, type, v_place
	from json_array_elements_text(p_ids::json)
		with ordinality i(id, ord)
	left join uploads f on f.id = i.id::uuid
		and (f.owner_id = p_sender or p_role = 'service');
	if v_place is not null then
		problem := 'unknown_upload';
		field := 'attachments[' || v_place || ']';
	elsif v_count <> (select count(distinct lower(e))
		from json_array_elements_text(p_ids::json) e) then
		problem := 'duplicate';
		field := 'attachments';
	elsif v_count = 0 then
		shown := '[]';
		type := 'text';
	end if;
	return next;
end $$;

-- Written after the files are stored.  `p_variants` is a JSON array of rows of
-- upload_files.  The quota (0034_tus.sql) is for users; two uploads of one user wait for each
-- other.  One that no message takes up goes after a day.
create function uploads_create(p_id uuid, p_owner text, p_role text,
	p_filename text, p_type text, p_size bigint, p_width integer,
	p_height integer, p_sha256 text, p_thumbnail_sha256 text,
	p_thumbnail_type text, p_thumbnail_size bigint,
	p_thumbnail_width integer, p_thumbnail_height integer,
	p_blurhash text, p_variants text, p_max_bytes bigint,
	p_max_files bigint, p_day_bytes bigint, p_day_files bigint,
	p_store_ms integer)
returns setof uploads language plpgsql rows 1
as $$
declare
	v_stored bigint := p_size + coalesce(p_thumbnail_size, 0) + (
		select coalesce(sum(v.size), 0)
		from json_populate_recordset(null::upload_files,
			p_variants::json) v);
begin
	perform uploads_name(array[p_sha256, p_thumbnail_sha256] || array(
		select v.sha256
		from json_populate_recordset(null::upload_files,
			p_variants::json) v), p_store_ms);
	if p_role not in ('admin', 'service') then
		perform pg_advisory_xact_lock(
			hashtextextended('upload ' || p_owner, 0));
	end if;
	perform upload_quota_check(p_owner, p_role, v_stored, p_max_bytes,
		p_max_files, p_day_bytes, p_day_files);
	return query insert into uploads (id, owner_id, filename, type, size,
		width, height, sha256, thumbnail_sha256, thumbnail_type,
		thumbnail_size, thumbnail_width, thumbnail_height, blurhash,
		stored)
	values (p_id, p_owner, p_filename, p_type, p_size, p_width, p_height,
		p_sha256, p_thumbnail_sha256, p_thumbnail_type,
		p_thumbnail_size, p_thumbnail_width, p_thumbnail_height,
		p_blurhash, v_stored)
	returning *;
	insert into upload_files (upload_id, variant, type, sha256, size,
		width, height)
	select p_id, v.variant, v.type, v.sha256, v.size, v.width, v.height
	from json_populate_recordset(null::upload_files, p_variants::json) v;
	insert into upload_loose (upload_id, due_at)
	values (p_id, now() + interval '1 day');
	perform emit(array['user:' || p_owner], array['upload.ready'],
		array[upload_object(f)])
	from uploads f
	where f.id = p_id;
end $$;
