/* SPDX-License-Identifier: ISC */
/*
 * Events that another transaction has changed since they were logged, or has
 * taken out of the log: a message of theirs was edited or deleted.  The event
 * that tells of it names them, and whoever keeps events in memory gets them
 * anew before that one is published.
 */

#ifndef API_REWRITTEN_H
#define API_REWRITTEN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "db/result.h"
#include "push/event.h"

/* What the rows of events.read name, as the `ids` of events.some; false, and
 * nothing written, where they name none. */
MUST_USE bool api_rewritten_ids(
    const struct db_result *r, struct base_buf *ids);

/* With these ids and what events.some brought for them: first says of each id
 * that it is gone (NULL), then of those that are not what they are.  `each`
 * takes a reference of its own. */
void api_rewritten_each(const char *ids, const struct db_result *r,
    void (*each)(void *arg, int64_t id, struct push_event *e), void *arg);

#endif
