-- SPDX-License-Identifier: ISC
-- What Parley keeps: people, conversations, messages, read positions, files.
-- Ids made by the host application are compared byte by byte (collation C).

-- RFC 3339 in UTC with microseconds, the only way a time is written on the
-- wire.  STABLE, not IMMUTABLE, so that the planner may inline it.
create function rfc3339(p_at timestamptz) returns text
language sql stable parallel safe
as $$ select to_char(p_at at time zone 'UTC',
		'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') $$;

-- Is this an id in its usual form?  (A regular expression takes three times as
-- long, and a batch of sends asks fifty times.)
create function uuid_shaped(p_text text) returns boolean
language sql immutable parallel safe
as $$
select p_text like '________-____-____-____-____________'
	and translate(p_text, '0123456789abcdefABCDEF', '') = '----'
$$;

-- A time-ordered UUID (RFC 9562, version 7).
create function uuid_v7() returns uuid
language sql volatile parallel safe
as $$
select encode(set_bit(set_bit(overlay(uuid_send(gen_random_uuid())
	placing substring(int8send((extract(epoch from clock_timestamp())
	* 1000)::bigint) from 3) from 1 for 6), 52, 1), 53, 1), 'hex')::uuid
$$;

-- Kinds are enumerated types and the hot tables have few CHECKs: a statement
-- that writes parses every CHECK of the table anew, which for a send of one
-- message was a quarter of its time.
create type conversation_type as enum ('direct', 'group', 'channel');
create type channel_access as enum ('open', 'members', 'claim');
create type history_kind as enum ('all', 'joined');
create type member_role as enum ('owner', 'admin', 'member');
create type message_type as enum ('text', 'image', 'file', 'code', 'system');

-- `put_at` is set once a back end has written the user: from then on the
-- claims of a token, which may be hours old, no longer change the row.
create table users (
	id text collate "C" primary key
		check (length(id) between 1 and 128),
	name text check (length(name) between 1 and 200),
	picture text check (length(picture) between 1 and 2000),
	label text check (length(label) <= 100),
	created_at timestamptz not null default now(),
	updated_at timestamptz not null default now(),
	put_at timestamptz
);

-- Who does not want to hear from whom.  In their direct conversation it is
-- `barred` in the blocked one's row of `members`, where those who send look.
create table blocks (
	user_id text collate "C" not null references users,
	blocked_id text collate "C" not null references users,
	created_at timestamptz not null,
	primary key (user_id, blocked_id),
	check (user_id <> blocked_id)
);
create index blocks_blocked on blocks (blocked_id);

-- `last_seq` numbers the messages and is moved under the row's lock only.
-- `last_at` is the newest activity, `joins` has given every joining its number.
-- `history` says from where a new member reads: from the first message or from
-- the moment of joining.  `announce`: the conversation hears who joins and
-- leaves.
create table conversations (
	id uuid primary key,
	type conversation_type not null,
	name text,
	access channel_access,
	history history_kind not null default 'all',
	announce boolean not null default true,
	direct_low text collate "C" references users,
	direct_high text collate "C" references users,
	created_by text collate "C" references users,
	created_at timestamptz not null,
	last_seq bigint not null default 0,
	last_at timestamptz not null,
	member_count integer not null default 0 check (member_count >= 0),
	joins bigint not null default 0,
	check (case type
		when 'direct' then direct_low < direct_high and access is null
		when 'group' then name <> '' and access is null
		else name <> '' and access is not null end)
) with (fillfactor = 80);
create unique index conversations_direct
	on conversations (direct_low, direct_high) where type = 'direct';
create unique index conversations_channel
	on conversations (name) where type = 'channel';
create index conversations_direct_high
	on conversations (direct_high) where type = 'direct';
create index conversations_created_by on conversations (created_by);

-- Who left keeps a row with `left_at`; rejoining sets everything anew.
-- `join_no` is the order of joining, null for who left.
-- (No partial indexes here and where one would compete with another: on an
-- empty database they look cheapest of all, for lookups that they do not fit.)
-- `last_read_seq` is the member's own and may go back; `seen_upto` is what
-- others see and only rises.  `barred`: the other one of the direct
-- conversation has blocked this member.
create table members (
	conversation_id uuid not null references conversations,
	user_id text collate "C" not null references users,
	role member_role not null default 'member',
	joined_at timestamptz not null,
	left_at timestamptz,
	join_no bigint,
	visible_from bigint not null default 1,
	last_read_seq bigint not null default 0,
	seen_upto bigint not null default 0,
	barred boolean not null default false,
	primary key (conversation_id, user_id),
	check (last_read_seq between 0 and seen_upto and visible_from >= 1
		and (left_at is null) = (join_no is not null))
) with (fillfactor = 80);
create index members_user on members (user_id, conversation_id)
	include (left_at);
create unique index members_order on members (conversation_id, join_no);

-- No foreign keys and no CHECKs: the one writer, messages_send, has just
-- checked all that under the conversation's lock, and foreign keys alone cost
-- a quarter of the send rate.
-- `attachments` is what is shown of the files (they do not change); the table
-- of that name holds the references.
create table messages (
	id uuid primary key,
	conversation_id uuid not null,
	seq bigint not null,
	sender_id text collate "C" not null,
	type message_type not null,
	text text not null default '',
	reply_to uuid,
	attachments json not null default '[]',
	platform text,
	created_at timestamptz not null,
	deleted_at timestamptz
);
create unique index messages_seq on messages (conversation_id, seq);
-- However many write to all conversations, the messages of a page are of few:
-- it pays to remember whom one has looked up.
alter table messages alter column sender_id set (n_distinct = 5);
-- What an unread count, which is a subtraction, must leave out.
create index messages_uncounted on messages (conversation_id, seq)
	where type = 'system' or deleted_at is not null;

-- The file itself lies in the content-addressed store under its SHA-256.
create table uploads (
	id uuid primary key,
	owner_id text collate "C" not null references users,
	filename text not null check (length(filename) between 1 and 255),
	type text not null check (length(type) between 3 and 127),
	size bigint not null check (size >= 0),
	width integer check (width > 0),
	height integer check (height > 0),
	sha256 text not null check (sha256 ~ '^[0-9a-f]{64}$'),
	thumbnail_sha256 text check (thumbnail_sha256 ~ '^[0-9a-f]{64}$'),
	thumbnail_type text,
	thumbnail_size bigint check (thumbnail_size >= 0),
	thumbnail_width integer check (thumbnail_width > 0),
	thumbnail_height integer check (thumbnail_height > 0),
	created_at timestamptz not null default now(),
	check ((width is null) = (height is null)),
	check ((thumbnail_sha256 is null) = (thumbnail_type is null)),
	check ((thumbnail_sha256 is null) = (thumbnail_size is null))
);
create index uploads_owner on uploads (owner_id);

-- Which messages show a file: whoever may read one of them may read it.
create table attachments (
	upload_id uuid not null references uploads,
	message_id uuid not null,
	conversation_id uuid not null references conversations,
	seq bigint not null,
	primary key (upload_id, message_id)
);
create index attachments_message on attachments (message_id);
create index attachments_conversation on attachments (conversation_id);

-- Who read up to where and when: the last range of a reader is extended while
-- it is young, so a busy room does not write a row per message and reader.
create table receipts (
	conversation_id uuid not null,
	user_id text collate "C" not null,
	from_seq bigint not null,
	upto_seq bigint not null,
	read_at timestamptz not null,
	primary key (conversation_id, user_id, from_seq),
	foreign key (conversation_id, user_id) references members,
	check (from_seq between 1 and upto_seq)
) with (fillfactor = 80);

insert into conversations (id, type, name, access, created_at, last_at)
values (uuid_v7(), 'channel', 'public', 'open', now(), now());
