/* SPDX-License-Identifier: ISC */
/*
 * Topics as callers name them, checked against what they may hear.  A name is a
 * conversation's id or `conversation:<id>`, a channel's name, or the caller's
 * own `user:<id>`.
 */

#ifndef API_TOPICS_H
#define API_TOPICS_H

#include <stddef.h>

#include "api/auth.h"
#include "api/engine.h"
#include "base/arena.h"
#include "base/attr.h"

/* Embedded; the names are owned. */
struct api_topics {
	char **names; /* "conversation:<id>", "user:<id>"; NULL: none */
	size_t count;
	size_t open_count; /* the first of them: those that no membership
			    * gives, but the right to read */
};

void api_topics_fini(struct api_topics *topics);

/* What came of it.  No `error` and no `missing`: `topics` is the callback's, to
 * be moved away.  `error`: the database could not say.  `missing`: the first
 * name (borrowed) that is not there, or not for this caller, and which of the
 * names it is; `topics` then lacks all such. */
struct api_topics_found {
	const struct api_error *error;
	const char *missing;
	size_t missing_at;
	struct api_topics *topics;
};

struct api_topics_query;
typedef void api_topics_cb(const struct api_topics_found *found, void *arg);

/* Never calls back from inside.  `names` are borrowed for the call. */
MUST_USE struct api_topics_query *api_topics_ask(struct api_engine *engine,
    const char *user, enum api_role role, const char *const *names,
    size_t count, api_topics_cb *cb, void *arg);

/* NULL is fine. */
void api_topics_cancel(struct api_topics_query *query);

/* Those of `topics` (of a membership, `count` of them) that are named, and the
 * open ones, written to `out`, which has room for the sum of both; returns how
 * many. */
size_t api_topics_choose(const struct api_topics *named,
    const char *const *topics, size_t count, const char **out);

/* The elements of an array literal as the engine gives them (no nulls), in the
 * arena; at most `max`.  Returns how many. */
size_t api_topics_split(struct base_arena *arena, const char *literal,
    const char **names, size_t max);

#endif
