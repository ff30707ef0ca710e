-- SPDX-License-Identifier: ISC
-- As messages_send leaves them; one in a hundred is a notice of the system.
set synchronous_commit = off;
insert into messages (id, conversation_id, seq, sender_id, type, text,
	created_at)
select id, conversation_id, seq, sender_id,
	case when seq % 100 = 0 then 'system' else 'text' end::message_type,
	'Message ' || seq || ' of ' || sender_id || ': '
		|| repeat(md5, 1 + (n % 4)::integer), at
from said
order by n;
