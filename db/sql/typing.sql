-- SPDX-License-Identifier: ISC
-- Typing: nothing is stored, those who may post are announced.  `event` is
-- given by api/typing_ops.c.

-- name: typing.tell
-- params: event, caller, caller_role, conversation_id, thread_root, origin
select r.ord as "_ord", r.error as "_error", r.field as "_field",
	r.detail as "_detail", r.conversation_id
from typing_tell($1::text[], $2::text[], $3::text[], $4::text[], $5::uuid[],
	$6::text[]) r;
