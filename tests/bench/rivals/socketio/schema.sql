-- SPDX-License-Identifier: ISC
-- What a chat server of this kind usually has.
create table users (id text primary key, name text not null);
create table rooms (id uuid primary key, name text not null, last_at timestamptz not null default now());
create table members (
	room_id uuid not null references rooms,
	user_id text not null references users,
	primary key (room_id, user_id)
);
create index on members (user_id);
create table messages (
	id bigint generated always as identity,
	room_id uuid not null references rooms,
	sender_id text not null references users,
	text text not null,
	created_at timestamptz not null default now(),
	-- An index on id alone would be taken for pages of history, and read all rooms.
	primary key (room_id, id)
);
