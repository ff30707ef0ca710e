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

/* Appends the lines before the object: `id:` (if has_id), `retry:` (if > 0),
 * `event:`, and "data: " without an end of line. */
void push_sse_prefix(struct base_buf *out, int64_t id, bool has_id,
    uint32_t retry_ms, const char *type);

/* The id in ?after=: decimal digits only.  -1 when it is anything else (also
 * NULL, empty, or beyond an int64). */
int64_t push_sse_id_parse(const char *text);

/* The id of a stream that was put off before it had a place in the log: what
 * comes back with it comes back to the beginning. */
#define PUSH_SSE_ID_NONE "new"

/* A Last-Event-ID: as above, or PUSH_SSE_ID_NONE, for which `*id` is -1.  False
 * when it is anything else. */
MUST_USE bool push_sse_last_id_parse(const char *text, int64_t *id);

#endif
