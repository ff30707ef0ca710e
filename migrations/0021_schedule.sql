-- SPDX-License-Identifier: ISC
-- Messages to be sent at a time.

-- The id is that of the message to be.  What is sent or cancelled has no row any
-- more; what could not be sent stays, with the reason (`failed_at`, `error`,
-- `detail`), until its user does something about it.  Rights are those of the
-- moment in which it is sent.  `role` is service or user: then nobody shows a
-- token that makes them an admin.
-- `files_id` stands for it in `attachments`, with a seq that nobody sees, so
-- that its files are kept.
create table scheduled (
	id uuid primary key,
	user_id text collate "C" not null references users on delete cascade,
	role text not null,
	conversation_id uuid not null,
	send_at timestamptz not null,
	type text not null,
	text text not null,
	language text,
	reply_to uuid,
	thread_root uuid,
	attachments json not null,
	uploads uuid[] not null,
	files_id uuid not null,
	mentions json,
	mention_all boolean,
	platform text,
	failed_at timestamptz,
	error text,
	detail text,
	created_at timestamptz not null,
	updated_at timestamptz not null
);
create index scheduled_due on scheduled (send_at) where failed_at is null;
create index scheduled_user on scheduled (user_id, send_at, id);

-- As it is shown to its user, column by column, and as one object.
create function scheduled_shown(p scheduled)
returns table (id uuid, conversation_id uuid, send_at text, state text,
	type text, text text, language text, reply_to uuid, thread_root uuid,
	attachments json, mentions json, mention_all boolean, error text,
	detail text, created_at text, updated_at text)
language sql stable rows 1
as $$
select p.id, p.conversation_id, rfc3339(p.send_at),
	case when p.failed_at is null then 'pending' else 'failed' end,
	p.type, p.text, p.language, p.reply_to, p.thread_root, p.attachments,
	coalesce(p.mentions, '[]'), coalesce(p.mention_all, false), p.error,
	p.detail, rfc3339(p.created_at), rfc3339(p.updated_at)
$$;

create function scheduled_object(p scheduled) returns text
language plpgsql stable
as $$
begin
	return (select row_to_json(x)::text from scheduled_shown(p) x);
end $$;

-- For events, which only its user gets.
create function scheduled_emit(p_type text, p scheduled, p_origin text,
	p_data text, p_rewritten bigint[] default null) returns bigint
language plpgsql
as $$
begin
	return emit(array['user:' || p.user_id], array[p_type], array[p_data],
		array[p_origin], null, null, null, array[p.id], p_rewritten);
end $$;

-- Which one: all that is left to know of one that is not scheduled any more.
create function scheduled_ref(p scheduled) returns text
language plpgsql stable
as $$
begin
	return json_build_object('id', p.id, 'conversation_id',
		p.conversation_id)::text;
end $$;

create function schedule_time_require(p_send_at timestamptz) returns void
language plpgsql
as $$
begin
	if p_send_at <= clock_timestamp()
		or p_send_at > clock_timestamp() + interval '1 year' then
		perform refuse('invalid', 'This must be a time from now to a'
			' year ahead.', 'send_at');
	end if;
end $$;

-- What is wrong with a message that may be sent one day: the same as would be
-- with one that is sent now.  No row: nothing.
create function schedule_check(p_caller text, p_role text, p_new scheduled,
	p_right record, p_problem text, p_field text, p_held text)
returns table (error text, field text) language plpgsql stable rows 1
as $$
begin
	if not may_post(p_right.member, p_right.barred, p_role, p_right.type,
		p_right.access) then
		error := 'forbidden';
	elsif p_right.parent_id is not null then
		error := 'thread';
		field := 'conversation_id';
	elsif p_problem is not null then
		error := p_problem;
		field := p_field;
	elsif message_type_check(p_new.type, p_held) is not null then
		error := 'type';
		field := 'type';
	elsif p_new.text = '' and p_new.uploads = '{}' then
		error := 'required';
		field := 'text';
	elsif p_new.mention_all and not role_may('mention_all', p_right.role,
		p_role, p_right.type) then
		error := 'mention_all';
		field := 'mention_all';
	elsif p_new.thread_root is not null and not exists (
		select from messages m
		where m.id = p_new.thread_root
			and m.conversation_id = p_right.id
			and m.seq >= p_right.visible_from
			and m.type <> 'system' and m.deleted_at is null) then
		error := 'unknown_root';
		field := 'thread_root';
	elsif p_new.reply_to is not null and not exists (
		select from messages m
		join conversations c on c.id = m.conversation_id
		where m.id = p_new.reply_to
			and (c.id = p_right.id
				and m.seq >= p_right.visible_from
				or c.root_id = p_new.thread_root)) then
		error := 'unknown_message';
		field := 'reply_to';
	elsif p_new.mentions is not null then
		field := mentions_check(p_new.mentions::text);
		error := case when field is not null then 'unknown_user' end;
	end if;
	if error is not null then
		return next;
	end if;
end $$;

-- The user's row is held, so that nobody has more than a hundred.  What was
-- scheduled under this id already, or has been sent by now, is answered again.
create function messages_schedule(p_caller text, p_role text, p_origin text,
	p_conversation text, p_id uuid, p_send_at timestamptz, p_text text,
	p_type text, p_language text, p_reply_to uuid, p_thread_root uuid,
	p_attachments uuid[], p_mentions text[], p_mention_all boolean,
	p_platform text)
returns table (status integer, answer text, event_id bigint)
language plpgsql rows 1
as $$
#variable_conflict use_column
declare
	v_right record;
	v scheduled;
	v_scheduled scheduled;
	v_old record;
	v_files record;
	v_wrong record;
begin
	perform from users u where u.id = p_caller for no key update;
	select * into v_right from conversation_right(p_caller, p_role,
		conversation_find(p_conversation));
	if not found then
		perform refuse('not_found', messages_refusal('not_found'));
	end if;
	v.role := case when p_role = 'service' then p_role else 'user' end;
	if v.role <> p_role then
		select * into v_right from conversation_right(p_caller, v.role,
			v_right.id);
		if not found then
			perform refuse('forbidden',
				messages_refusal('forbidden'));
		end if;
	end if;
	status := 200;
	select s.* into v_scheduled from scheduled s where s.id = p_id;
	if found then
		if (v_scheduled.user_id, v_scheduled.conversation_id)
			is distinct from (p_caller, v_right.id) then
			perform refuse('id_conflict',
				messages_refusal('id_conflict'), 'id');
		end if;
		answer := scheduled_object(v_scheduled);
		return next;
		return;
	end if;
	select m.*, c.parent_id into v_old
	from messages m
	join conversations c on c.id = m.conversation_id
	where m.id = p_id;
	v.id := coalesce(p_id, uuid_v7());
	v.user_id := p_caller;
	v.conversation_id := v_right.id;
	v.send_at := p_send_at;
	v.text := p_text;
	v.language := p_language;
	v.reply_to := p_reply_to;
	v.thread_root := p_thread_root;
	v.uploads := coalesce(p_attachments, '{}');
	v.files_id := uuid_v7();
	v.mentions := to_json(nullif(p_mentions, '{}'));
	v.mention_all := nullif(p_mention_all, false);
	v.platform := p_platform;
	v.created_at := clock_timestamp();
	v.updated_at := v.created_at;
	select * into v_files from attachments_check(
		to_json(v.uploads)::text, p_caller, v.role);
	v.attachments := coalesce(v_files.shown, '[]');
	v.type := coalesce(p_type, v_files.type, 'text');
	if v_old.id is not null then
		if v_old.sender_id <> p_caller or v_right.id not in
			(v_old.conversation_id, v_old.parent_id) then
			perform refuse('id_conflict',
				messages_refusal('id_conflict'), 'id');
		end if;
		answer := replace(scheduled_object(v), '"state":"pending"',
			'"state":"sent"');
		return next;
		return;
	end if;
	perform schedule_time_require(p_send_at);
	select * into v_wrong from schedule_check(p_caller, v.role, v, v_right,
		v_files.problem, v_files.field, v_files.type);
	if v_wrong.error is not null then
		perform refuse(case v_wrong.error
			when 'mention_all' then 'forbidden'
			when 'unknown_root' then 'unknown_message'
			when 'thread' then 'invalid'
			when 'type' then 'invalid'
			else v_wrong.error end,
			messages_refusal(v_wrong.error),
			coalesce(v_wrong.field, ''));
	elsif (select count(*) from scheduled s
		where s.user_id = p_caller) >= 100 then
		perform refuse('too_many',
			'At most 100 messages wait to be sent.', 'send_at');
	end if;
	insert into scheduled select v.*;
	insert into attachments (upload_id, message_id, conversation_id, seq)
	select u.id, v.files_id, v.conversation_id, 0
	from unnest(v.uploads) u(id)
	order by u.id;
	status := 201;
	answer := scheduled_object(v);
	event_id := scheduled_emit('scheduled.created', v, p_origin, answer);
	return next;
end $$;

-- One of the caller's own, with its row held: whoever sends it comes before or
-- after.
create function scheduled_lock(p_caller text, p_id uuid) returns scheduled
language plpgsql
as $$
declare
	v scheduled;
begin
	select s.* into v from scheduled s
	where s.id = p_id and s.user_id = p_caller for update;
	if not found then
		if exists (select from messages m
			where m.id = p_id and m.sender_id = p_caller) then
			perform refuse('conflict', 'It has been sent.');
		end if;
		perform refuse('not_found',
			'There is no such scheduled message.');
	end if;
	return v;
end $$;

-- Another text or another time; null: as it is.  With a time one that could not
-- be sent is tried again.
create function schedule_update(p_caller text, p_origin text, p_id uuid,
	p_text text, p_send_at timestamptz)
returns table (answer text, event_id bigint) language plpgsql rows 1
as $$
#variable_conflict use_column
declare
	v scheduled := scheduled_lock(p_caller, p_id);
	v_new scheduled;
begin
	if p_text = '' and v.uploads = '{}' then
		perform refuse('required', messages_refusal('required'),
			'text');
	elsif p_send_at is distinct from v.send_at then
		perform schedule_time_require(p_send_at);
	end if;
	update scheduled s set text = coalesce(p_text, s.text),
		send_at = coalesce(p_send_at, s.send_at),
		failed_at = case when p_send_at is null then s.failed_at end,
		error = case when p_send_at is null then s.error end,
		detail = case when p_send_at is null then s.detail end,
		updated_at = clock_timestamp()
	where s.id = p_id and (s.text is distinct from coalesce(p_text, s.text)
		or s.send_at <> coalesce(p_send_at, s.send_at))
	returning s.* into v_new;
	answer := scheduled_object(case when found then v_new else v end);
	if v_new.id is not null then
		event_id := scheduled_emit('scheduled.updated', v_new,
			p_origin, answer);
	end if;
	return next;
end $$;

-- What it said leaves the log too.
create function schedule_cancel(p_caller text, p_origin text, p_id uuid)
returns table (answer text, event_id bigint) language plpgsql rows 1
as $$
#variable_conflict use_column
declare
	v scheduled := scheduled_lock(p_caller, p_id);
	v_ids bigint[];
begin
	delete from scheduled s where s.id = p_id;
	delete from attachments a where a.message_id = v.files_id;
	answer := scheduled_ref(v);
	v.text := '';
	v.attachments := '[]';
	with blanked as (
		update events e set data = scheduled_object(v)
		where e.message_id = p_id and e.type like 'scheduled.%'
			and e.type <> 'message.created'
		returning e.id)
	select array_agg(b.id order by b.id) into v_ids from blanked b;
	event_id := scheduled_emit('scheduled.cancelled', v, p_origin, answer,
		v_ids);
	return next;
end $$;

-- It is not sent now.
create function scheduled_fail(p scheduled, p_error text, p_detail text)
returns scheduled language plpgsql
as $$
declare
	v scheduled;
begin
	update scheduled s set failed_at = clock_timestamp(), error = p_error,
		detail = p_detail
	where s.id = p.id
	returning s.* into v;
	return v;
end $$;

-- Sends these, which the caller has locked, as one batch; says how many could
-- be sent.  The rows are held already, so they go after messages_send, which
-- ends with the lock of the log: nothing is waited for with that.
create function scheduled_send(p scheduled[]) returns integer
language plpgsql
as $$
declare
	v record;
	v_row scheduled;
	v_topic text[] := '{}';
	v_type text[] := '{}';
	v_data text[] := '{}';
	v_id uuid[] := '{}';
	v_sent integer := 0;
begin
	for v in
		with due as (
			select i.*, i.ordinality as place, x.user_id is not null as shut
			from unnest(p) with ordinality i
			left join suspensions x on x.user_id = i.user_id
				and (x.until is null or x.until > now())),
		asked as (
			select array_agg(d.id order by d.place) as id,
				array_agg(d.user_id order by d.place) as user_id,
				array_agg(d.role order by d.place) as role,
				array_agg(d.conversation_id::text
					order by d.place) as conversation_id,
				array_agg(d.text order by d.place) as text,
				array_agg(d.reply_to order by d.place) as reply_to,
				array_agg(case when d.uploads <> '{}'
					then to_json(d.uploads)::text end
					order by d.place) as attachments,
				array_agg(d.platform order by d.place) as platform,
				array_agg(case when d.type in ('code', 'file')
					then d.type end order by d.place) as type,
				array_agg(d.language order by d.place)
					as language,
				array_agg(d.thread_root order by d.place)
					as thread_root,
				array_agg(d.mentions::text order by d.place)
					as mentions,
				array_agg(d.mention_all order by d.place)
					as mention_all,
				array_agg('schedule'::text) as via,
				array_agg(null::text) as none,
				array_agg(true) as echo
			from due d where not d.shut),
		sent as (
			select s.id, s.error, s.detail
			from asked a, messages_send(a.user_id, a.role,
				a.conversation_id, a.id, a.text, a.reply_to,
				a.attachments, a.platform, a.none, a.echo,
				a.type, a.language, a.thread_root, a.mentions,
				a.mention_all, a.via) s
			where a.id is not null)
		select d.place, case when d.shut then 'user_suspended'
				else s.error end as error,
			case when d.shut then 'The user is suspended.'
				else s.detail end as detail
		from due d left join sent s on s.id = d.id
		order by d.place
	loop
		v_row := p[v.place];
		if v.error is null then
			delete from scheduled s where s.id = v_row.id;
			delete from attachments a
			where a.message_id = v_row.files_id;
			v_type := v_type || 'scheduled.sent'::text;
			v_data := v_data || scheduled_ref(v_row);
			v_sent := v_sent + 1;
		else
			v_row := scheduled_fail(v_row, v.error, v.detail);
			v_type := v_type || 'scheduled.failed'::text;
			v_data := v_data || scheduled_object(v_row);
		end if;
		v_topic := v_topic || ('user:' || v_row.user_id);
		v_id := v_id || v_row.id;
	end loop;
	perform emit(v_topic, v_type, v_data, null, null, null, null, v_id);
	return v_sent;
end $$;

-- Sends what is due, at most p_most, once, whoever is at it: rows that another
-- process holds are left to it.  Sending and the end of the row are one
-- transaction.  When a batch fails as a whole, its first row is tried alone, and
-- when that fails too, it is put aside: the others are not held up by it.  What
-- passes by itself (deadlocks, time-outs, no room) is left for the next time.
-- `next_ms`: until the next is due; null: there is none.
create function schedule_run(p_most integer)
returns table (sent integer, failed integer, next_ms bigint)
language plpgsql rows 1
as $$
declare
	v scheduled[] := array(
		select s
		from scheduled s
		where s.failed_at is null and s.send_at <= clock_timestamp()
		order by s.send_at, s.id
		limit p_most
		for update skip locked);
	v_row scheduled;
	v_detail text;
begin
	sent := 0;
	while cardinality(v) > 0 loop
		begin
			sent := scheduled_send(v);
			exit;
		exception when others then
			if left(sqlstate, 2) in ('40', '53', '55', '57', '58')
				then
				raise;
			elsif cardinality(v) = 1 then
				get stacked diagnostics
					v_detail = pg_exception_detail;
				v_row := scheduled_fail(v[1], case sqlstate
						when 'PY000' then sqlerrm
						else 'internal' end,
					case sqlstate when 'PY000' then v_detail
						else 'Something went wrong'
							' here.' end);
				perform scheduled_emit('scheduled.failed',
					v_row, null, scheduled_object(v_row));
				exit;
			end if;
			v := v[1:1];
		end;
	end loop;
	failed := cardinality(v) - sent;
	select ceil(extract(epoch from min(s.send_at) - clock_timestamp())
		* 1000) into next_ms
	from scheduled s where s.failed_at is null;
	return next;
end $$;
