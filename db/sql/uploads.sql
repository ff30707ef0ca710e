-- SPDX-License-Identifier: ISC
-- Files: rows for what lies in the content-addressed store.

-- Before a file of so many bytes is taken: may its sender store it?
-- name: uploads.quota
-- params: caller, caller_role, bytes, quota_bytes, quota_files,
--	quota_day_bytes, quota_day_files
-- access: read
select upload_quota_check($1::text, $2::text, $3::bigint, $4::bigint,
	$5::bigint, $6::bigint, $7::bigint);

-- Written after the files are stored; `variants` is JSON.  (What the function
-- has just written, this statement does not see.)
-- name: uploads.create
-- params: id, caller, filename, type, size, width, height, sha256,
--	thumbnail_sha256, thumbnail_type, thumbnail_size, thumbnail_width,
--	thumbnail_height, blurhash, variants, caller_role, quota_bytes,
--	quota_files, quota_day_bytes, quota_day_files, store_ms
select s.id, s.filename, s.type, s.kind, s.size, s.width, s.height, s.url,
	s.thumbnail_url, case when $15::jsonb @> '[{"variant": "preview"}]'
		then file_url(s.id, 'preview') end as preview_url,
	s.blurhash, s.alt, s.created_at
from uploads_create($1::uuid, $2::text, $16::text, $3::text, $4::text,
	$5::bigint, $6::integer, $7::integer, $8::text, $9::text, $10::text,
	$11::bigint, $12::integer, $13::integer, $14::text, $15::text,
	$17::bigint, $18::bigint, $19::bigint, $20::bigint, $21::integer) f,
	lateral upload_shown(f) s;

-- name: uploads.get
-- params: caller, caller_role, upload_id
-- access: read
select s.*
from uploads f, lateral upload_shown(f) s
where f.id = $3::uuid
	and upload_readable(f.id, f.owner_id, $1::text, $2::text);

-- The caller's own, newest first.  (`kind` in a branch of its own: each has its
-- index.)
-- name: uploads.list
-- params: caller, kind, before, limit
-- access: read
select s.*, cursor_format(f.created_at, f.id::text) as "_cursor"
from (
	(select o.*
	from uploads o
	where $2::text is null and o.owner_id = $1::text
		and o.created_at <= coalesce((
			select k.at
			from cursor_parse($3::text, 'before') k), 'infinity')
		and (o.created_at, o.id::text collate "C") < (
			select coalesce(k.at, 'infinity'), coalesce(k.id, '')
			from cursor_parse($3, 'before') k)
	order by o.created_at desc, o.id desc
	limit $4::integer + 1)
	union all
	(select o.*
	from uploads o
	where o.owner_id = $1 and o.kind = $2
		and o.created_at <= coalesce((
			select k.at
			from cursor_parse($3, 'before') k), 'infinity')
		and (o.created_at, o.id::text collate "C") < (
			select coalesce(k.at, 'infinity'), coalesce(k.id, '')
			from cursor_parse($3, 'before') k)
	order by o.created_at desc, o.id desc
	limit $4 + 1)) f, lateral upload_shown(f) s
order by f.created_at desc, f.id desc;

-- The gallery of a conversation, or of one thread, newest first, and which
-- message shows what.  (Without their own limits the planner, which does not know
-- how short a page is, walks through all messages.)
-- name: uploads.list_in
-- params: caller, caller_role, conversation_uuid, channel_name, kind, before,
--	limit
-- access: read
with r as materialized (
	select a.id, a.visible_from,
		coalesce(cursor_number($6::text, 'before'),
			9223372036854775807) as before
	from conversation_access($1::text, $2::text,
		coalesce($3::uuid, channel_find($4::text))) a),
a as (
	select r.*, c.parent_id
	from r
	join conversations c on c.id = r.id)
select s.*, m.id as "shared.message_id",
	m.conversation_id as "shared.conversation_id", m.seq as "shared.seq",
	m.thread_root as "shared.thread_root",
	m.sender_id as "shared.sender.id", u.name as "shared.sender.name",
	u.picture as "shared.sender.picture",
	m.created_at as "shared.created_at", x.no::text as "_cursor"
from a, lateral (
	(select t.no, t.conversation_id, t.seq, t.upload_id
	from attachments t
	where $5::text is null and a.parent_id is null and t.room_id = a.id
		and t.no < a.before and t.shown_seq >= a.visible_from
	order by t.no desc
	limit $7::integer + 1)
	union all
	(select t.no, t.conversation_id, t.seq, t.upload_id
	from attachments t
	where a.parent_id is null and t.room_id = a.id and t.kind = $5
		and t.no < a.before and t.shown_seq >= a.visible_from
	order by t.no desc
	limit $7 + 1)
	union all
	(select t.no, t.conversation_id, t.seq, t.upload_id
	from attachments t
	where a.parent_id is not null and t.conversation_id = a.id
		and t.room_id is not null and t.no < a.before
		and ($5 is null or t.kind = $5)
	order by t.no desc
	limit $7 + 1)) x
join lateral (
	select f as upload
	from uploads f
	where f.id = x.upload_id
	limit 1) f on true
join lateral (
	select m.id, m.conversation_id, m.seq, m.thread_root, m.sender_id,
		m.created_at
	from messages m
	where m.conversation_id = x.conversation_id and m.seq = x.seq
	limit 1) m on true
left join users u on u.id = m.sender_id, lateral upload_shown(f.upload) s
order by x.no desc;

-- name: uploads.update
-- params: caller, caller_role, origin, upload_id, given, filename, alt
select r.object as "_answer", r.event_id as "_event"
from uploads_update($1::text, $2::text, $3::text, $4::uuid, $5::text[],
	$6::text, $7::text) r;

-- name: uploads.delete
-- params: caller, caller_role, origin, upload_id
select r.object as "_answer", r.event_id as "_event"
from uploads_delete($1::text, $2::text, $3::text, $4::uuid) r;

-- What uploads.create did not take.
-- name: uploads.fail
-- params: caller, origin, id, filename, code, detail
select upload_failed_tell($1::text, $2::text, $3::uuid, $4::text, $5::text,
	$6::text) as event_id;

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
