-- SPDX-License-Identifier: ISC
-- Files: rows for what lies in the content-addressed store.

-- Written after the file is stored.
-- name: uploads.create
-- params: id, caller, filename, type, size, width, height, sha256,
--	thumbnail_sha256, thumbnail_type, thumbnail_size, thumbnail_width,
--	thumbnail_height
insert into uploads as f (id, owner_id, filename, type, size, width, height,
	sha256, thumbnail_sha256, thumbnail_type, thumbnail_size,
	thumbnail_width, thumbnail_height)
values ($1::uuid, $2::text, $3::text, $4::text, $5::bigint, $6::integer,
	$7::integer, $8::text, $9::text, $10::text, $11::bigint, $12::integer,
	$13::integer)
returning f.id, f.filename, f.type, f.size, f.width, f.height,
	file_url(f.id, 'original') as url,
	case when f.thumbnail_sha256 is not null
		then file_url(f.id, 'thumbnail') end as thumbnail_url,
	f.created_at;

-- name: uploads.get
-- params: caller, caller_role, upload_id
-- access: read
select f.id, f.filename, f.type, f.size, f.width, f.height,
	file_url(f.id, 'original') as url,
	case when f.thumbnail_sha256 is not null
		then file_url(f.id, 'thumbnail') end as thumbnail_url,
	f.created_at
from uploads f
where f.id = $3::uuid
	and upload_readable(f.id, f.owner_id, $1::text, $2::text);

-- `variant` is original or thumbnail.  No row: not there, or not for this
-- caller.
-- name: files.get
-- params: caller, caller_role, upload_id, variant
-- access: read
select f.id, f.filename, v.sha256, v.type, v.size, v.width, v.height,
	f.created_at
from uploads f,
	lateral (
		select f.sha256, f.type, f.size, f.width, f.height
		where $4::text = 'original'
		union all
		select f.thumbnail_sha256, f.thumbnail_type, f.thumbnail_size,
			f.thumbnail_width, f.thumbnail_height
		where $4 = 'thumbnail' and f.thumbnail_sha256 is not null) v
where f.id = $3::uuid
	and upload_readable(f.id, f.owner_id, $1::text, $2::text);
