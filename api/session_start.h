/* SPDX-License-Identifier: ISC */
/*
 * What a session needs from the database to start: the topics of its user, the
 * bounds of the log and the joins and leaves since its cursor, of one snapshot.
 * Those that start at the same time share a statement.
 */

#ifndef API_SESSION_START_H
#define API_SESSION_START_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "api/batch.h"
#include "api/metrics.h"
#include "base/arena.h"
#include "base/attr.h"
#include "db/result.h"
#include "push/follow.h"

/* In the caller's storage, with everything it points to in `arena`. */
struct api_session_start {
	struct base_arena arena;
	const char **topics; /* without the own one */
	int64_t *from;	     /* of each the first message that the user sees */
	size_t topic_count;
	struct push_effect *effects; /* ascending */
	size_t effect_count;
	int64_t end_id;
	int64_t floor_id;
	int64_t rewritten_id;
};

/* For api_session_start_ask(); counted in `metrics`. */
MUST_USE struct api_batch *api_session_start_batch(
    struct base_loop *loop, struct db_pool *pool, struct api_metrics *metrics);

/* `after`: INT64_MAX where nothing is to be resumed. */
MUST_USE struct api_batch_item *api_session_start_ask(struct api_batch *batch,
    const char *user, int64_t after, api_batch_cb *cb, void *arg);

/* Reads the row that the callback got; false when it makes no sense.  fini in
 * both cases. */
MUST_USE bool api_session_start_read(
    struct api_session_start *s, const struct db_result *r, int row);
void api_session_start_fini(struct api_session_start *s);

#endif
