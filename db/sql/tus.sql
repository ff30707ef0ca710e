-- SPDX-License-Identifier: ISC
-- Uploads that come in pieces.  Every statement that shows one has `expires`,
-- as HTTP writes times, and `state`: open, over or done.

-- name: tus.create
-- params: id, caller, caller_role, filename, length, metadata, hours,
--	unfinished, quota_bytes, quota_files, quota_day_bytes, quota_day_files
select t.id, t.filename, t.length, t.metadata,
	http_date(t.expires_at) as expires, 'open' as state
from tus_create($1::uuid, $2::text, $3::text, $4::text, $5::bigint, $6::text,
	$7::integer, $8::integer, $9::bigint, $10::bigint, $11::bigint,
	$12::bigint) t;

-- name: tus.resume
-- params: upload_id, caller, length
select t.id, t.filename, t.length, t.metadata,
	http_date(t.expires_at) as expires,
	case when t.finished_at is not null and t.expires_at > now() then 'done'
		when t.expires_at > now() then 'open' else 'over' end as state
from tus_resume($1::uuid, $2::text, $3::bigint) t;

-- Written after the files are stored, as uploads.create.
-- name: tus.finish
-- params: id, caller, caller_role, filename, type, size, width, height, sha256,
--	thumbnail_sha256, thumbnail_type, thumbnail_size, thumbnail_width,
--	thumbnail_height, blurhash, variants, quota_bytes, quota_files,
--	quota_day_bytes, quota_day_files, store_ms
select f.id
from tus_finish($1::uuid, $2::text, $3::text, $4::text, $5::text, $6::bigint,
	$7::integer, $8::integer, $9::text, $10::text, $11::text, $12::bigint,
	$13::integer, $14::integer, $15::text, $16::text, $17::bigint,
	$18::bigint, $19::bigint, $20::bigint, $21::integer) f;

-- name: tus.end
-- params: upload_id, caller
select e.id from tus_end($1::uuid, $2::text) e(id);

-- Housekeeping.
-- name: tus.over
-- params: ids
-- class: slow
select o.id from tus_over($1::uuid[]) o(id);
