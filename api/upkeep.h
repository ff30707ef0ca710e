/* SPDX-License-Identifier: ISC */
/*
 * The upkeep of files, in steps on an event loop: uploads that nobody refers to
 * are deleted, pieces of uploads that are over removed, files that no row names removed, rows whose files are missing
 * marked (`uploads.lost_at`).  Any number of processes may do it at once.
 */
#ifndef API_UPKEEP_H
#define API_UPKEEP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"

struct api_upkeep;
struct base_loop;
struct db_pool;
struct upload_store;

struct api_upkeep_params {
	struct base_loop *loop;
	struct db_pool *pool;
	struct upload_store *store; /* all three borrowed */
	unsigned age_s; /* a file's, before it may go for want of a row: longer
			  * than a request can take */
	uint64_t rest_ms; /* between two rounds */
	uint64_t step_ms; /* between two steps of one */
	/* After each round; may be NULL. */
	void (*on_round)(void *arg, unsigned removed, unsigned lost);
	void *arg;
};

/* Begins with a round after one step's rest. */
MUST_USE struct api_upkeep *api_upkeep_new(
    const struct api_upkeep_params *params);

/* Ends it at once, in the middle of a round as well.  NULL is fine. */
void api_upkeep_free(struct api_upkeep *u);

#endif
