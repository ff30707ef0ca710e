-- SPDX-License-Identifier: ISC
-- Read positions.

-- `seq` or `message_id` says up to where; only with `unread` true may the
-- member's own position go back.
-- name: receipts.mark
-- params: caller, caller_role, conversation_id, seq, message_id, unread, origin
select r.ord as "_ord", r.error as "_error", r.field as "_field",
	r.detail as "_detail", r.conversation_id, r.last_read_seq, r.seen_upto,
	r.last_seq, r.unread, r.mentions, r.event_id as "_event"
from receipts_mark($1::text[], $2::text[], $3::text[], $4::bigint[],
	$5::uuid[], $6::boolean[], $7::text[]) r;

-- name: receipts.mark_all
-- params: caller, caller_role, origin
select r.marked as conversations, r.more, r.event_id as "_event"
from receipts_mark_all($1::text, $2::text, $3::text) r;

-- `positions`: per item a JSON array of {conversation_id, seq}.
-- name: receipts.deliver
-- params: caller, positions, origin
select r.ord as "_ord", coalesce(r.data, '[]') as data, r.event_id as "_event"
from receipts_deliver($1::text[], $2::text[], $3::text[]) r;

-- Internal: messages that their users typed move their own positions.  Three
-- arrays of one length; gathered, about once a second.  Tells nobody: the
-- message itself says that its sender has read so far.
-- name: positions.advance
-- params: users, conversation_ids, seqs
select r.moved
from positions_advance($1::text[], $2::uuid[], $3::bigint[]) r(moved);

-- name: unread.get
-- params: caller
-- access: read
select r.unread, r.mentions, r.conversations, r.threads, r.muted
from unread_total($1::text) r;

-- All who have read a message, longest members first.  Nobody has read it
-- before it was there, though reading that went on was noted earlier.
-- name: reads.list
-- params: caller, caller_role, message_id, after, limit
-- access: read
select u.id, u.name, u.picture, greatest(b.read_at, m.created_at) as read_at,
	b.join_no as "_cursor"
from message_readable($1::text, $2::text, $3::uuid) q(id)
join messages m on m.id = q.id
cross join lateral (
	select b.user_id, b.join_no, r.read_at
	from members b
	cross join lateral (
		select r.read_at, r.upto_seq
		from receipts r
		where r.conversation_id = b.conversation_id
			and r.user_id = b.user_id and r.from_seq <= m.seq
		order by r.from_seq desc
		limit 1) r
	where b.conversation_id = m.conversation_id
		and b.join_no > case when $4::text is null then 0
			else cursor_number($4, 'after') end
		and b.user_id <> m.sender_id and r.upto_seq >= m.seq
	order by b.join_no
	limit $5::integer + 1) b
join users u on u.id = b.user_id
order by b.join_no;
