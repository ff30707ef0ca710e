/* SPDX-License-Identifier: ISC */
/*
 * Orders to close streams that a process could not hear since its listener was
 * away: they are kept in a table, and it looks for its own when it listens
 * again.  Closing what is closed is nothing.
 */

#ifndef API_CLOSINGS_H
#define API_CLOSINGS_H

#include <stdbool.h>

#include "base/attr.h"
#include "base/loop.h"
#include "db/pool.h"

struct api_closings; /* one per process with streams */

struct api_closings_params {
	struct base_loop *loop; /* borrowed for its life, as the rest */
	struct db_pool *pool;
	const char *process;
	/* This connection is to be closed, if it is there. */
	void (*close)(void *arg, const char *connection);
	void *arg;
};

MUST_USE struct api_closings *api_closings_new(
    const struct api_closings_params *p);
void api_closings_free(struct api_closings *c);

/* The listener is up: reads the table, again and again until that works.  It
 * is down: stops. */
void api_closings_listening(struct api_closings *c, bool up);

#endif
