/* SPDX-License-Identifier: ISC */
/*
 * The clock of presence.  What changed is looked at and told once a second, by
 * whichever process comes first: see migrations/0012_presence.sql.
 */

#ifndef API_PRESENCE_H
#define API_PRESENCE_H

#include <stdint.h>

#include "base/attr.h"
#include "base/loop.h"
#include "db/pool.h"

struct api_presence;

struct api_presence_params {
	struct base_loop *loop;
	struct db_pool *pool;
	int grace_s; /* a user counts as there for so long after the end of
		      * their last connection */
	int away_s;  /* idle for so long = away; 0: never */
};

MUST_USE struct api_presence *api_presence_new(
    const struct api_presence_params *params);
void api_presence_free(struct api_presence *p);

/* Something was chosen in this process: look soon. */
void api_presence_hurry(struct api_presence *p);

#endif
