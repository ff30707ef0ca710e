-- SPDX-License-Identifier: ISC
-- Notifications: what a user should know of without having looked: mentions,
-- replies, direct messages, reactions to their messages, and what a back end
-- says.  Those of conversations are made behind the sends, from the event log.

-- What becomes of a kind by the member's level and mute: `all`, `mentions`:
-- whether that level lets it through; `muted`: whether it is listed, silently,
-- in a muted conversation.  Nothing passes the level `none`; kinds of back ends
-- are not of a conversation and pass all.
create table notification_rules (
	kind text primary key,
	at_all boolean not null,
	at_mentions boolean not null,
	when_muted boolean not null,
	rank integer not null		-- the lower counts, of two for one message
);
insert into notification_rules values
('mention', true, true, true, 1),
('reply', true, true, false, 2),
('direct_message', true, false, false, 3),
('reaction', true, false, false, 4);

-- `count`: several of a kind that are alike and not yet read are one: the
-- messages of a direct conversation, the reactions to a message.  What it shows
-- is then the newest, and created_at its time.  `silent`: for the list, not to
-- disturb with.
create table notifications (
	id uuid primary key,
	user_id text collate "C" not null references users on delete cascade,
	kind text not null check (length(kind) between 1 and 64),
	conversation_id uuid,
	message_id uuid,
	seq bigint,
	thread_root uuid,
	actor_id text collate "C" references users,
	count integer not null default 1 check (count > 0),
	emoji text,
	title text check (length(title) between 1 and 200),
	body text check (length(body) between 1 and 2000),
	url text check (length(url) between 1 and 2000),
	payload text check (length(payload) between 1 and 4000),
	silent boolean not null default false,
	created_at timestamptz not null,
	read_at timestamptz
) with (fillfactor = 80);
create index notifications_user on notifications (user_id, created_at, id);
create index notifications_unread on notifications (user_id, conversation_id)
	where read_at is null;
create index notifications_message on notifications (message_id)
	where message_id is not null;
create index notifications_actor on notifications (actor_id)
	where actor_id is not null;

-- How many of them are not read; the badge.
create function notifications_unread(p_user text) returns bigint
language plpgsql stable
as $$
begin
	return (select count(*) from notifications n
		where n.user_id = p_user and n.read_at is null);
end $$;

-- The end of a notification's object: what only some have.
create function notification_more(p notifications) returns text
language plpgsql stable
as $$
begin
	return nullif(concat(',"thread_root":"' || p.thread_root || '"',
		',"emoji":' || to_json(p.emoji),
		',"title":' || to_json(p.title),
		',"body":' || to_json(p.body),
		',"url":' || to_json(p.url),
		',"payload":' || to_json(p.payload)), '');
end $$;

-- The object as notifications.list answers it, member for member.
create function notification_object(p notifications) returns text
language plpgsql stable
as $$
begin
	return (select left(x.object, -1) || coalesce(notification_more(p), '')
		|| '}'
	from (select row_to_json(n)::text as object
		from (select p.id, p.kind, p.conversation_id, p.message_id,
			p.seq, (select row_to_json(a)
				from (select u.id, u.name, u.picture
					from users u
					where u.id = p.actor_id) a) as actor,
			p.count, p.silent, rfc3339(p.created_at) as created_at,
			rfc3339(p.read_at) as read_at) n) x);
end $$;

-- Whom a message concerns, and how; the more telling of two kinds.
-- `conversation_id` is the one that they are members of: a thread's parent.
create function notifications_due(p_after bigint, p_upto bigint)
returns table (user_id text, kind text, conversation_id uuid, message_id uuid,
	seq bigint, thread_root uuid, actor_id text, emoji text,
	at timestamptz, silent boolean, read_at timestamptz)
language sql stable
as $$
with told as materialized (
	select m.id, m.conversation_id as place, m.seq, m.thread_root,
		m.sender_id, m.mentions, m.mention_all, m.reply_to,
		m.created_at, coalesce(p.id, c.id) as conversation_id,
		coalesce(p.type, c.type) as type,
		coalesce(p.member_count, c.member_count) as member_count,
		coalesce(c.root_seq, m.seq) as seen_as
	from events e
	join messages m on m.id = e.message_id
	join conversations c on c.id = m.conversation_id
	left join conversations p on p.id = c.parent_id
	where e.id > p_after and e.id <= p_upto and e.type = 'message.created'
		and m.type <> 'system' and m.deleted_at is null
		and (coalesce(p.type, c.type) = 'direct'
			or m.mentions is not null or m.mention_all
			or m.reply_to is not null
			or m.thread_root is not null)),
concerned as (
	select t.*, n.id as user_id, 'mention' as kind
	from told t, unnest(t.mentions) n(id)
	union all
	select t.*, m.user_id, 'mention'
	from told t
	join members m on m.conversation_id = t.conversation_id
	where t.mention_all and t.member_count <= 1000 and m.left_at is null
	union all
	select t.*, q.sender_id, 'reply'
	from told t
	join messages q on q.id in (t.reply_to, t.thread_root)
	union all
	select t.*, f.user_id, 'reply'
	from told t
	join followers f on f.thread_id = t.place and f.followed
	where t.thread_root is not null
	union all
	select t.*, m.user_id, 'direct_message'
	from told t
	join members m on m.conversation_id = t.conversation_id
	where t.type = 'direct' and m.left_at is null)
select x.user_id, x.kind, x.conversation_id, x.id, x.seq, x.thread_root,
	x.sender_id, null::text, x.created_at,
	coalesce(m.muted_until > clock_timestamp(), false)
		or exists (select from presence p
		where p.user_id = x.user_id and p.chosen = 'dnd'),
	case when case when x.thread_root is null then m.last_read_seq
		else f.last_read_seq end >= x.seq then clock_timestamp() end
from (select distinct on (k.id, k.user_id) k.*, r.at_all, r.at_mentions,
		r.when_muted
	from concerned k
	join notification_rules r on r.kind = k.kind
	where k.user_id <> k.sender_id
	order by k.id, k.user_id, r.rank) x
join members m on m.conversation_id = x.conversation_id
	and m.user_id = x.user_id and m.left_at is null
left join followers f on f.user_id = x.user_id and f.thread_id = x.place
where x.seen_as >= m.visible_from
	and case m.level when 'all' then x.at_all when 'mentions'
		then x.at_mentions else false end
	and (x.when_muted or coalesce(m.muted_until <= clock_timestamp(), true))
	and not exists (select from blocks b
		where b.user_id = x.user_id and b.blocked_id = x.sender_id)
$$;

-- Reactions to messages, that are still there.
create function notifications_due_reactions(p_after bigint, p_upto bigint)
returns table (user_id text, conversation_id uuid, message_id uuid, seq bigint,
	thread_root uuid, actor_id text, emoji text, at timestamptz,
	silent boolean, n bigint)
language sql stable
as $$
with told as (
	select e.at, (e.data::json->>'message_id')::uuid as message_id,
		e.data::json->>'user_id' as actor_id,
		e.data::json->>'emoji' as emoji
	from events e
	where e.id > p_after and e.id <= p_upto and e.type = 'reaction.added'),
concerned as (
	select t.*, x.sender_id, x.seq, x.thread_root,
		coalesce(c.parent_id, c.id) as conversation_id,
		coalesce(c.root_seq, x.seq) as seen_as
	from told t
	join reactions g on g.message_id = t.message_id and g.emoji = t.emoji
		and g.user_id = t.actor_id
	join messages x on x.id = t.message_id
	join conversations c on c.id = x.conversation_id
	where x.sender_id <> t.actor_id)
select k.sender_id, k.conversation_id, k.message_id, min(k.seq),
	(array_agg(k.thread_root))[1],
	(array_agg(k.actor_id order by k.at desc))[1],
	(array_agg(k.emoji order by k.at desc))[1], max(k.at),
	bool_or(exists (select from presence p
		where p.user_id = k.sender_id and p.chosen = 'dnd')), count(*)
from concerned k
join members m on m.conversation_id = k.conversation_id
	and m.user_id = k.sender_id and m.left_at is null
where m.level = 'all' and coalesce(m.muted_until <= clock_timestamp(), true)
	and k.seen_as >= m.visible_from
	and not exists (select from blocks b
		where b.user_id = k.sender_id and b.blocked_id = k.actor_id)
group by k.sender_id, k.conversation_id, k.message_id
$$;

-- Counts some on what is there unread of a kind and place (a conversation or a
-- message), else makes one.  Answers its id.
create function notification_count(p_kind text, p_user text,
	p_conversation_id uuid, p_message_id uuid, p_seq bigint,
	p_thread_root uuid, p_actor text, p_emoji text, p_at timestamptz,
	p_silent boolean, p_n bigint) returns uuid
language plpgsql
as $$
declare
	v_id uuid;
begin
	update notifications n set count = n.count + p_n::integer,
		message_id = p_message_id, seq = p_seq,
		thread_root = p_thread_root, actor_id = p_actor,
		emoji = p_emoji, silent = p_silent,
		created_at = greatest(n.created_at, p_at)
	where n.id = (
		select o.id
		from notifications o
		where o.user_id = p_user and o.kind = p_kind
			and o.conversation_id = p_conversation_id
			and o.read_at is null and (p_kind <> 'reaction'
				or o.message_id = p_message_id)
		limit 1)
	returning n.id into v_id;
	if not found then
		insert into notifications (id, user_id, kind, conversation_id,
			message_id, seq, thread_root, actor_id, count, emoji,
			silent, created_at)
		values (uuid_v7(), p_user, p_kind, p_conversation_id,
			p_message_id, p_seq, p_thread_root, p_actor,
			p_n::integer, p_emoji, p_silent, p_at)
		returning id into v_id;
	end if;
	return v_id;
end $$;

-- What is new between two events of the log; the ids of what has changed.
create function notifications_make(p_after bigint, p_upto bigint)
returns uuid[] language plpgsql
as $$
declare
	v_ids uuid[];
	v_counted uuid[];
begin
	with due as materialized (
		select d.*
		from notifications_due(p_after, p_upto) d),
	made as (
		insert into notifications (id, user_id, kind, conversation_id,
			message_id, seq, thread_root, actor_id, silent,
			created_at, read_at)
		select uuid_v7(), d.user_id, d.kind, d.conversation_id,
			d.message_id, d.seq, d.thread_root, d.actor_id,
			d.silent, d.at, d.read_at
		from due d
		where d.kind <> 'direct_message'
		order by d.at
		returning id),
	direct as (
		select distinct on (d.user_id, d.conversation_id) d.*,
			count(*) over (partition by d.user_id,
				d.conversation_id) as n
		from due d
		where d.kind = 'direct_message' and d.read_at is null
		order by d.user_id, d.conversation_id, d.at desc)
	select array_agg(x.id) into v_ids
	from (select m.id
		from made m
		union all
		select notification_count('direct_message', d.user_id,
			d.conversation_id, d.message_id, d.seq, d.thread_root,
			d.actor_id, null, d.at, d.silent, d.n)
		from direct d) x;
	select array_agg(notification_count('reaction', d.user_id,
		d.conversation_id, d.message_id, d.seq, d.thread_root,
		d.actor_id, d.emoji, d.at, d.silent, d.n))
	into v_counted
	from notifications_due_reactions(p_after, p_upto) d;
	return v_ids || v_counted;
end $$;

-- What has been read since: those who read or wrote have seen what is before.
create function notifications_pass(p_after bigint, p_upto bigint)
returns uuid[] language plpgsql
as $$
declare
	v_ids uuid[];
begin
	with moved as (
		select x.user_id, x.conversation_id, x.thread_root,
			max(x.seq) as seq, max(x.at) as at
		from (select e.at, case when e.type = 'thread.read'
				then substr(e.topic, 6)
				else e.data::json->>'user_id' end as user_id,
				(e.data::json->>'conversation_id')::uuid
					as conversation_id,
				case when e.type = 'thread.read'
				then (e.data::json->>'message_id')::uuid end
					as thread_root,
				(e.data::json->>'last_read_seq')::bigint as seq
			from events e
			where e.id > p_after and e.id <= p_upto
				and e.type in ('receipt.updated', 'thread.read')
			union all
			select e.at, m.sender_id, coalesce(c.parent_id, c.id),
				m.thread_root, m.seq
			from events e
			join messages m on m.id = e.message_id
			join conversations c on c.id = m.conversation_id
			where e.id > p_after and e.id <= p_upto
				and e.type = 'message.created'
				and m.via is null) x
		group by 1, 2, 3),
	passed as (
		update notifications n set read_at = now()
		from moved v
		where n.user_id = v.user_id
			and n.conversation_id = v.conversation_id
			and n.read_at is null and n.thread_root
				is not distinct from v.thread_root
			and n.seq <= v.seq and n.created_at <= v.at
		returning n.id)
	select array_agg(id) into v_ids from passed;
	return v_ids;
end $$;

-- Takes away those of messages that are deleted, of conversations that the user
-- is no longer in, of histories that the user has cleared, and of reactions that
-- were taken back unseen.
create function notifications_drop(p_after bigint, p_upto bigint)
returns table (user_id text, id uuid) language plpgsql
as $$
begin
	return query
	with gone as materialized (
		select e.type, e.topic, e.message_id, case when e.type in (
			'member.removed', 'conversation.deleted',
			'conversation.cleared', 'reaction.removed')
			then e.data::json end as data
		from events e
		where e.id > p_after and e.id <= p_upto
			and e.type in ('message.deleted', 'member.removed',
				'conversation.deleted', 'conversation.cleared',
				'reaction.removed')),
	doomed as (
		select n.id
		from gone g
		join notifications n on n.message_id = g.message_id
		where g.type = 'message.deleted'
		union
		select n.id
		from gone g
		join notifications n on n.user_id = g.data->>'user_id'
			and n.conversation_id
				= (g.data->>'conversation_id')::uuid
		where g.type = 'member.removed'
		union
		select n.id
		from gone g
		join members m on m.conversation_id
			= (g.data->>'conversation_id')::uuid
		join notifications n on n.user_id = m.user_id
			and n.conversation_id = m.conversation_id
		where g.type = 'conversation.deleted'
		union
		select n.id
		from gone g
		join notifications n on n.user_id = substr(g.topic, 6)
			and n.conversation_id
				= (g.data->>'conversation_id')::uuid
		left join messages r on r.id = n.thread_root
		where g.type = 'conversation.cleared'
			and coalesce(r.seq, n.seq)
				< (g.data->>'visible_from')::bigint
		union
		select n.id
		from gone g
		join notifications n on n.message_id
				= (g.data->>'message_id')::uuid
			and n.kind = 'reaction' and n.read_at is null
		where g.type = 'reaction.removed' and (n.count = 1
			and n.actor_id = g.data->>'user_id'
			and n.emoji = g.data->>'emoji'
			or not exists (select from reactions r
				where r.message_id = n.message_id
					and r.user_id <> n.user_id)))
	delete from notifications n
	using doomed d
	where n.id = d.id
	returning n.user_id, n.id;
end $$;

-- Counts less where a part of what an unread one stands for is gone: a message of
-- a direct conversation, a reaction.  It is then of the newest that is left.
create function notifications_recount(p_after bigint, p_upto bigint)
returns uuid[] language plpgsql
as $$
declare
	v_direct uuid[];
	v_reaction uuid[];
begin
	with gone as (
		select m.conversation_id, m.user_id, m.last_read_seq,
			count(*) as n
		from events e
		join messages g on g.id = e.message_id
		join members m on m.conversation_id = g.conversation_id
			and m.user_id <> g.sender_id
			and g.seq > m.last_read_seq
		where e.id > p_after and e.id <= p_upto
			and e.type = 'message.deleted'
		group by 1, 2, 3),
	counted as (
		update notifications n set count = n.count - g.n,
			message_id = l.id, seq = l.seq,
			actor_id = l.sender_id, created_at = l.created_at
		from gone g,
			lateral (
				select x.id, x.seq, x.sender_id, x.created_at
				from messages x
				where x.conversation_id = g.conversation_id
					and x.seq > g.last_read_seq
					and x.sender_id <> g.user_id
					and x.type <> 'system'
					and x.deleted_at is null
				order by x.seq desc
				limit 1) l
		where n.user_id = g.user_id
			and n.conversation_id = g.conversation_id
			and n.kind = 'direct_message' and n.read_at is null
			and n.count > g.n
		returning n.id)
	select array_agg(c.id) into v_direct from counted c;
	with gone as (
		select (e.data::json->>'message_id')::uuid as message_id,
			count(*) as n
		from events e
		where e.id > p_after and e.id <= p_upto
			and e.type = 'reaction.removed'
		group by 1),
	counted as (
		update notifications n set count = n.count - g.n,
			actor_id = l.user_id, emoji = l.emoji
		from gone g
		join messages x on x.id = g.message_id,
			lateral (
				select r.user_id, r.emoji
				from reactions r
				where r.message_id = x.id
					and r.user_id <> x.sender_id
				order by r.created_at desc
				limit 1) l
		where n.message_id = g.message_id and n.kind = 'reaction'
			and n.read_at is null and n.count > g.n
		returning n.id)
	select array_agg(c.id) into v_reaction from counted c;
	return v_direct || v_reaction;
end $$;

-- Tells users what has become of their notifications, in words that are true
-- where they stand in the log: so its lock is taken before they are found.  The
-- last call of its caller.
create function notifications_emit(p_made uuid[], p_read uuid[],
	p_gone_user text[], p_gone uuid[], p_origin text default null)
returns bigint language plpgsql
as $$
declare
	v_topic text[];
	v_type text[];
	v_data text[];
begin
	if num_nonnulls(p_made, p_read, p_gone) = 0 then
		return null;
	end if;
	perform pg_advisory_xact_lock(77);
	select array_agg('user:' || x.user_id order by x.ord, x.at),
		array_agg(x.type order by x.ord, x.at),
		array_agg(left(x.data, -1) || ',"unread":'
			|| notifications_unread(x.user_id) || '}'
			order by x.ord, x.at)
	into v_topic, v_type, v_data
	from (select 1 as ord, n.created_at as at, n.user_id,
			'notification.created' as type,
			'{"notification":' || notification_object(n) || '}'
				as data
		from notifications n
		where n.id = any (p_made)
		union all
		select 2, null, n.user_id, 'notification.read',
			json_build_object('ids', array_agg(n.id), 'read_at',
				rfc3339(max(n.read_at)))::text
		from notifications n
		where n.id = any (p_read)
		group by n.user_id
		union all
		select 3, null, g.user_id, 'notification.removed',
			json_build_object('ids', array_agg(g.id))::text
		from unnest(p_gone_user, p_gone) g(user_id, id)
		group by g.user_id) x;
	if v_topic is null then
		return null;
	end if;
	return emit(v_topic, v_type, v_data,
		array_fill(p_origin, array[cardinality(v_topic)]));
end $$;

-- The step of the follower `notifications`.
create function notifications_work(p_step log_step) returns boolean
language plpgsql
as $$
declare
	v_made uuid[];
	v_read uuid[];
	v_gone_user text[];
	v_gone uuid[];
begin
	if not p_step.turn or p_step.events = 0 then
		return false;
	end if;
	v_made := notifications_make(p_step.after_id, p_step.upto_id)
		|| notifications_recount(p_step.after_id, p_step.upto_id);
	select array_agg(d.user_id), array_agg(d.id)
	into v_gone_user, v_gone
	from notifications_drop(p_step.after_id, p_step.upto_id) d;
	v_read := notifications_pass(p_step.after_id, p_step.upto_id);
	perform notifications_emit(v_made, v_read, v_gone_user, v_gone);
	return false;
end $$;

-- The caller has seen some of theirs, those of a conversation, or all.
create function notifications_read(p_caller text, p_origin text, p_ids uuid[],
	p_conversation_id uuid, p_all boolean)
returns table (read integer, unread bigint, event_id bigint)
language plpgsql rows 1
as $$
#variable_conflict use_column
declare
	v_ids uuid[];
begin
	if num_nonnulls(p_ids, p_conversation_id, nullif(p_all, false)) <> 1
		then
		perform refuse('required', 'Say which: ids, conversation_id,'
			' or all.', 'ids');
	end if;
	perform from notifications n
	where n.user_id = p_caller and n.read_at is null
	order by n.id for no key update;
	with seen as (
		update notifications n set read_at = now()
		where n.user_id = p_caller and n.read_at is null
			and (p_all or n.conversation_id = p_conversation_id
				or n.id = any (p_ids))
		returning n.id)
	select array_agg(id) into v_ids from seen;
	read := coalesce(cardinality(v_ids), 0);
	unread := notifications_unread(p_caller);
	if read > 0 then
		event_id := notifications_emit(null, v_ids, null, null,
			p_origin);
	end if;
	return next;
end $$;

create function notifications_remove(p_caller text, p_origin text, p_id uuid)
returns table (id uuid, unread bigint, event_id bigint)
language plpgsql rows 1
as $$
#variable_conflict use_column
begin
	delete from notifications n where n.id = p_id and n.user_id = p_caller;
	if not found then
		perform refuse('not_found', 'There is no such notification.');
	end if;
	id := p_id;
	unread := notifications_unread(p_caller);
	event_id := notifications_emit(null, null, array[p_caller],
		array[p_id], p_origin);
	return next;
end $$;

-- What a back end tells its users.
create function notifications_create(p_caller text, p_role text,
	p_origin text, p_user_ids text[], p_kind text, p_title text,
	p_body text, p_url text, p_payload text)
returns table (ids json, event_id bigint) language plpgsql rows 1
as $$
#variable_conflict use_column
declare
	v_ids uuid[];
begin
	if p_kind !~ '^[a-z0-9][a-z0-9_.:-]{0,63}$' then
		perform refuse('invalid', 'A kind is made of small letters,'
			' digits and _ . : -', 'kind');
	elsif exists (select from notification_rules r where r.kind = p_kind)
		then
		perform refuse('invalid', 'This kind is the service''s own.',
			'kind');
	end if;
	perform users_require(p_user_ids, p_role, 'user_ids', true);
	with made as (
		insert into notifications (id, user_id, kind, actor_id, title,
			body, url, payload, silent, created_at)
		select uuid_v7(), i.id, p_kind, u.id, p_title, p_body, p_url,
			p_payload, exists (select from presence p
				where p.user_id = i.id and p.chosen = 'dnd'),
			clock_timestamp()
		from (select distinct on (w.id) w.id, w.ord
			from unnest(p_user_ids) with ordinality w(id, ord)) i
		left join users u on u.id = p_caller
		order by i.ord
		returning id)
	select array_agg(id) into v_ids from made;
	ids := array_to_json(v_ids);
	event_id := notifications_emit(v_ids, null, null, null, p_origin);
	return next;
end $$;

select log_follower_add('notifications');
