-- SPDX-License-Identifier: ISC
-- Files: rows for what lies in the content-addressed store.

-- Before a file of so many bytes is taken: may its sender store it?
-- name: uploads.quota
-- params: caller, caller_role, bytes, quota_bytes, quota_files,
--	quota_day_bytes, quota_day_files
-- access: read
select upload_quota_check($1::text, $2::text, $3::bigint, $4::bigint,
	$5::bigint, $6::bigint, $7::bigint);

-- Written after the files are stored; `variants` is JSON.
-- name: uploads.create
-- params: id, caller, filename, type, size, width, height, sha256,
--	thumbnail_sha256, thumbnail_type, thumbnail_size, thumbnail_width,
--	thumbnail_height, blurhash, variants, caller_role, quota_bytes,
--	quota_files, quota_day_bytes, quota_day_files, store_ms
select f.id, f.filename, f.type, f.size, f.width, f.height,
	file_url(f.id, 'original') as url,
	case when f.thumbnail_sha256 is not null
		then file_url(f.id, 'thumbnail') end as thumbnail_url,
	case when $15::jsonb @> '[{"variant": "preview"}]'
		then file_url(f.id, 'preview') end as preview_url,
	f.blurhash, f.created_at
from uploads_create($1::uuid, $2::text, $16::text, $3::text, $4::text,
	$5::bigint, $6::integer, $7::integer, $8::text, $9::text, $10::text,
	$11::bigint, $12::integer, $13::integer, $14::text, $15::text,
	$17::bigint, $18::bigint, $19::bigint, $20::bigint, $21::integer) f;

-- name: uploads.get
-- params: caller, caller_role, upload_id
-- access: read
select f.id, f.filename, f.type, f.size, f.width, f.height,
	file_url(f.id, 'original') as url,
	case when f.thumbnail_sha256 is not null
		then file_url(f.id, 'thumbnail') end as thumbnail_url,
	case when upload_has(f.id, 'preview')
		then file_url(f.id, 'preview') end as preview_url,
	f.blurhash, f.created_at
from uploads f
where f.id = $3::uuid
	and upload_readable(f.id, f.owner_id, $1::text, $2::text);

-- `webp`: does the client take that?  `signed`: the address says that whoever has
-- it may.  No row: not there, or not for this caller.
-- name: files.get
-- params: caller, caller_role, upload_id, variant, webp, signed
-- access: read
select f.id, f.filename, v.sha256, v.type
from uploads f,
	lateral (
		select f.sha256, f.type, 1 as rank
		where $4::text = 'original'
		union all
		select f.thumbnail_sha256, f.thumbnail_type, 1
		where $4 = 'thumbnail' and f.thumbnail_sha256 is not null
		union all
		select x.sha256, x.type, case when x.type = 'image/webp'
				and ($5::boolean or $4 = 'source')
				then 0 else 2 end
		from upload_files x
		where x.upload_id = f.id and x.variant = $4
			and (x.type <> 'image/webp' or $5
				or $4 = 'source')) v
where f.id = $3::uuid
	and ($6::boolean
		or file_readable(f.id, f.owner_id, $4, $1::text, $2::text))
order by v.rank
limit 1;

-- In the order given; null: there is no such form of it, or not for the caller.
-- (No read by the table's rules: it is a POST, for what it is asked.)
-- name: files.sign
-- params: caller, caller_role, upload_ids, variant
select f.id as upload_id
from unnest($3::uuid[]) with ordinality i(id, ord)
left join uploads f on f.id = i.id
	and case $4::text when 'original' then true
		when 'thumbnail' then f.thumbnail_sha256 is not null
		else upload_has(f.id, $4) end
	and file_readable(f.id, f.owner_id, $4, $1::text, $2::text)
order by i.ord;

-- Housekeeping: uploads without a reference, files without a row, rows without
-- a file.
-- name: uploads.tidy
-- params: limit
-- class: slow
select r.removed, r.more from uploads_tidy($1::integer) r;

-- name: uploads.doom
-- params: hashes, after, limit
-- class: slow
select s.sha256 from uploads_doom($1::text[], $2::text, $3::integer) s(sha256);

-- name: uploads.doom_again
-- params: limit
-- class: slow
select s.sha256 from uploads_doom_again($1::integer) s(sha256);

-- name: uploads.dropped
-- params: gone, stayed
select uploads_dropped($1::text[], $2::text[]) as done;

-- name: uploads.missing
-- params: from, to, present, limit
-- access: read
-- class: slow
select s.sha256
from uploads_missing($1::text, $2::text, $3::text[], $4::integer) s(sha256);

-- name: uploads.lose
-- params: hashes
-- class: slow
select uploads_lose($1::text[]) as marked;

-- name: uploads.lost
-- params: after, limit
-- access: read
-- class: slow
select n.upload_id, n.sha256
from uploads_lost($1::uuid, $2::integer) n;

-- name: uploads.found
-- params: ids
-- class: slow
select uploads_found($1::uuid[]) as done;
