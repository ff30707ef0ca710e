-- SPDX-License-Identifier: ISC
-- What is made of files, and what they are shown as.

alter table uploads
	-- A blur to show before the picture is there.
	add column blurhash text check (length(blurhash) <= 28);

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

create function upload_has(p_id uuid, p_variant text) returns boolean
language sql stable
as $$
select exists (select from upload_files x
	where x.upload_id = p_id and x.variant = p_variant)
$$;

-- A file as uploads.create, uploads.get and messages show it, but for the time.
create function upload_json(f uploads) returns json
language sql stable
as $$
select json_build_object('id', f.id, 'filename', f.filename, 'type', f.type,
	'size', f.size, 'width', f.width, 'height', f.height,
	'url', file_url(f.id, 'original'),
	'thumbnail_url', case when f.thumbnail_sha256 is not null
		then file_url(f.id, 'thumbnail') end,
	'preview_url', case when upload_has(f.id, 'preview')
		then file_url(f.id, 'preview') end,
	'blurhash', f.blurhash)
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
-- upload_files.
create function uploads_create(p_id uuid, p_owner text, p_filename text,
	p_type text, p_size bigint, p_width integer, p_height integer,
	p_sha256 text, p_thumbnail_sha256 text, p_thumbnail_type text,
	p_thumbnail_size bigint, p_thumbnail_width integer,
	p_thumbnail_height integer, p_blurhash text, p_variants text)
returns setof uploads language plpgsql rows 1
as $$
begin
	return query insert into uploads (id, owner_id, filename, type, size,
		width, height, sha256, thumbnail_sha256, thumbnail_type,
		thumbnail_size, thumbnail_width, thumbnail_height, blurhash)
	values (p_id, p_owner, p_filename, p_type, p_size, p_width, p_height,
		p_sha256, p_thumbnail_sha256, p_thumbnail_type,
		p_thumbnail_size, p_thumbnail_width, p_thumbnail_height,
		p_blurhash)
	returning *;
	insert into upload_files (upload_id, variant, type, sha256, size,
		width, height)
	select p_id, v.variant, v.type, v.sha256, v.size, v.width, v.height
	from json_populate_recordset(null::upload_files, p_variants::json) v;
end $$;
