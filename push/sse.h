/* SPDX-License-Identifier: ISC */
/*
 * Server-Sent Events as the HTML standard says (9.2): how an event's fields
 * become lines.
 */

#ifndef PUSH_SSE_H
#define PUSH_SSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"

/* The comment that keeps an idle stream open. */
#define PUSH_SSE_COMMENT ":\n\n"

/*
 * A stream that was opened with a ticket puts a secret behind each id,
 * "1234.abc…": what its client shows when it comes back by itself, which a
 * browser does with the URL that it had.  The mark is the point and the secret.
 */
#define PUSH_SSE_KEY_LEN 26 /* of a-z and 2-7: 130 bits */
#define PUSH_SSE_MARK_LEN (1 + PUSH_SSE_KEY_LEN)

/* Appends the lines before the object: `id:` (if has_id), `retry:` (if > 0),
 * `event:`, and "data: " without an end of line. */
void push_sse_prefix(struct base_buf *out, int64_t id, bool has_id,
    uint32_t retry_ms, const char *type);

/* The id in ?after=: decimal digits only.  -1 when it is anything else (also
 * NULL, empty, or beyond an int64). */
int64_t push_sse_id_parse(const char *text);

/* A Last-Event-ID: an id, a mark, or both.  False when it is anything else.
 * `*id` is -1 where there is none; `*key` points to the secret in `text`, which
 * ends with it, or is NULL. */
MUST_USE bool push_sse_last_id_parse(
    const char *text, int64_t *id, const char **key);

#endif
