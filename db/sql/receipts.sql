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
