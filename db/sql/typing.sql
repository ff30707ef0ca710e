-- SPDX-License-Identifier: ISC
-- Typing: nothing is stored, those who may post are announced.

-- name: typing.start
-- params: caller, caller_role, conversation_id, origin, thread_root
select r.ord as "_ord", r.error as "_error", r.field as "_field",
	r.detail as "_detail", r.conversation_id
from typing_tell('typing.started', $1::text[], $2::text[], $3::text[],
	$4::text[], $5::uuid[]) r;

-- name: typing.stop
-- params: caller, caller_role, conversation_id, origin
select r.ord as "_ord", r.error as "_error", r.field as "_field",
	r.detail as "_detail", r.conversation_id
from typing_tell('typing.stopped', $1::text[], $2::text[], $3::text[],
	$4::text[]) r;
