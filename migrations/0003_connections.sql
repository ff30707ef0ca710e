-- SPDX-License-Identifier: ISC
-- Who is connected, and the small things that live for seconds or a day.

-- The lease of one process, which each beat renews.  When it is over, the
-- process is taken for dead and its connections are closed by the living.
create table processes (
	id text collate "C" primary key,
	host text not null,
	lease interval not null default '30 seconds',
	started_at timestamptz not null default now(),
	expires_at timestamptz not null
) with (fillfactor = 50);

-- Every stream, also the closed ones for a while.  `process` has no foreign
-- key: leases come and go, the record stays.  Nor has `user_id`: the one writer
-- looks the user up, and the check would lock each one's row, which costs as
-- much as storing the connection; so who deletes a user deletes these.
create table connections (
	id text collate "C" primary key,
	user_id text collate "C" not null,
	process text collate "C" not null,
	kind text not null check (kind in ('sse', 'websocket')),
	platform text,
	app_version text,
	address text,
	host text,
	user_agent text,
	connected_at timestamptz not null,
	disconnected_at timestamptz,
	close_code integer,
	check ((disconnected_at is null) = (close_code is null))
) with (fillfactor = 80);
-- Who looks for an id says `close_code is null`: with the condition of these
-- indexes the planner, as long as it has no statistics, may walk one of them
-- instead of the key.
create index connections_user on connections (user_id)
	where disconnected_at is null;
create index connections_process on connections (process)
	where disconnected_at is null;
create index connections_closed on connections (disconnected_at)
	where disconnected_at is not null;

-- A ticket is stored as its hash only and carries who it stands for.  One that
-- opened an SSE stream stays for its browser, which comes back with the same
-- URL: `holder` is a hash of who that was.
create table tickets (
	hash text collate "C" primary key check (hash ~ '^[0-9a-f]{64}$'),
	user_id text collate "C" not null references users on delete cascade,
	role text not null check (role in ('user', 'admin', 'service')),
	label text,
	token_exp bigint not null,
	expires_at timestamptz not null,
	holder text collate "C" check (holder ~ '^[0-9a-f]{64}$')
);
create index tickets_user on tickets (user_id);
create index tickets_expires on tickets (expires_at);

-- The first answer of a request with an Idempotency-Key; no status yet means
-- that it is still at work.
create table idempotency_keys (
	caller text collate "C" not null,
	key text collate "C" not null check (length(key) between 1 and 255),
	operation text not null,
	fingerprint text not null,
	status integer,
	body text,
	created_at timestamptz not null default now(),
	primary key (caller, key)
);
create index idempotency_keys_created on idempotency_keys (created_at);
