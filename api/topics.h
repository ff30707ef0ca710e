/* SPDX-License-Identifier: ISC */
/*
 * Topics as callers name them, checked against what they may hear.  A name is a
 * conversation's id or `conversation:<id>`, a channel's name, or the caller's
 * own `user:<id>`.
 */

#ifndef API_TOPICS_H
#define API_TOPICS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "api/auth.h"
#include "api/engine.h"
#include "api/session_start.h"
#include "base/arena.h"
#include "base/attr.h"

/* Embedded; the names are owned. */
struct api_topics {
	char **names;  /* "conversation:<id>", "user:<id>"; NULL: none */
	int64_t *from; /* of each the first message that the caller sees */
	size_t count;
	size_t open_count; /* the first of them: those that no membership
			    * gives, but the right to read */
	bool visits;	   /* that right is everybody's, and may end */
	int64_t checked;   /* where the log ended when it was looked up */
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

/* Leaves of what a membership gives those topics that are named, and adds the
 * open ones that are not visited, whose names stay `named`'s: a conversation
 * that the user has left since they were checked is followed only if it is
 * open.  Does nothing where none are named. */
void api_topics_choose(
    const struct api_topics *named, struct api_session_start *start);

/* How many of the first are visited. */
size_t api_topics_visits(const struct api_topics *topics);

/* The elements of an array literal as the engine gives them (no nulls), in the
 * arena; at most `max`.  Returns how many. */
size_t api_topics_split(struct base_arena *arena, const char *literal,
    const char **names, size_t max);

#endif
