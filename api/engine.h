/* SPDX-License-Identifier: ISC */
/* The engine: what the calls of one process share.  Made once by a main file,
 * after fork, from parts it does not own. */
#ifndef API_ENGINE_H
#define API_ENGINE_H

#include <stdbool.h>
#include <stddef.h>

#include "api/hook.h"
#include "base/attr.h"

struct api_config;
struct api_engine;
struct api_followers;
struct api_limits;
struct api_metrics;
struct api_streams; /* api/stream.h: live streams of this process */
struct api_tokens;
struct api_uploads; /* upload hooks' own */
struct base_loop;
struct db_pool;

/* All but the tokens borrowed, and must outlive the engine. */
struct api_engine_params {
	const struct api_config *config;
	struct base_loop *loop;
	struct db_pool *pool;
	struct api_limits *limits;
	struct api_metrics *metrics;
	const char *process; /* "kore-p1-1": logs and answers of health */
	/* The engine's from here on.  NULL: made here, from a key file that
	 * this process must then be able to read. */
	struct api_tokens *tokens;
};

/* NULL with a message for the operator in `err`: the signing key is missing,
 * too short or unreadable. */
struct api_engine *api_engine_new(
    const struct api_engine_params *params, char *err, size_t err_size);

/* Cancels nothing: finish or cancel calls first. */
void api_engine_free(struct api_engine *e);

/* Register hooks; the table must stay.  Aborts on a hook for an operation that
 * the table does not have: that is our mistake. */
void api_engine_hooks_add(
    struct api_engine *e, const struct api_hook *hooks, size_t n);

/* Contexts of hooks, set by the main file, NULL where a process has none. */
void api_engine_streams_set(struct api_engine *e, struct api_streams *s);
struct api_streams *api_engine_streams(const struct api_engine *e);
void api_engine_uploads_set(struct api_engine *e, struct api_uploads *u);
struct api_uploads *api_engine_uploads(const struct api_engine *e);

/* A part of /health/ready: `ok` tells whether it works now and may explain in
 * `why`.  `name` ("listener", "storage") must stay. */
typedef bool api_ready_fn(void *arg, char *why, size_t why_size);
void api_engine_ready_add(
    struct api_engine *e, const char *name, api_ready_fn *ok, void *arg);

/* The process is about to end: /health/ready answers 503 so that balancers look
 * away, and what is written late is written at once. */
void api_engine_drain(struct api_engine *e);

/* What is still to be written for calls that were answered: after draining,
 * turn the loop until it is 0, for a second or two. */
size_t api_engine_pending(const struct api_engine *e);

const struct api_config *api_engine_config(const struct api_engine *e);
struct base_loop *api_engine_loop(const struct api_engine *e);
struct db_pool *api_engine_pool(const struct api_engine *e);
struct api_limits *api_engine_limits(const struct api_engine *e);
struct api_metrics *api_engine_metrics(const struct api_engine *e);
struct api_suspensions *api_engine_suspensions(const struct api_engine *e);
/* Statement suspensions.check. */
struct api_batch *api_engine_suspension_checks(const struct api_engine *e);
struct api_followers *api_engine_followers(const struct api_engine *e);

/* May pages from this origin call us or open a stream?  An empty list allows
 * only requests without an Origin and those whose Origin is PARLEY_PUBLIC_URL. */
bool api_engine_origin_allowed(const struct api_engine *e, const char *origin);

#endif
