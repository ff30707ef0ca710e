-- SPDX-License-Identifier: ISC
-- Idempotency-Key: the first answer, remembered for a day.

-- `outcome`: new (go on, then store or release), done (answer `status` and
-- `body`), in_flight, mismatch (the key was used for something else).  A claim
-- whose process died is given again after a minute.
-- name: idempotency.claim
-- params: caller, key, operation, fingerprint
select r.outcome, r.status, r.body
from idempotency_claim($1::text, $2::text, $3::text, $4::text) r;

-- name: idempotency.store
-- params: caller, key, status, body
select idempotency_store($1::text, $2::text, $3::integer, $4::text);

-- The request failed in a way that may be tried again.
-- name: idempotency.release
-- params: caller, key
delete from idempotency_keys i
where i.caller = $1::text and i.key = $2::text and i.status is null;
