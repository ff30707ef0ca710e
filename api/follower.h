/* SPDX-License-Identifier: ISC */
/*
 * What is done after the commit, so that no send waits for it: each follower is
 * a function of the database that works off the event log behind a position of
 * its own (migrations/0015_search.sql).  Every process offers to run it, the
 * database lets one at a time, and who has done the last step goes on with the
 * next.
 *
 * A follower takes a bounded share of the database: it rests as long as a step
 * took, and several times as long while others write.  What it is behind by
 * then it makes up for later.
 */

#ifndef API_FOLLOWER_H
#define API_FOLLOWER_H

#include <stddef.h>

#include "base/attr.h"
#include "base/loop.h"
#include "db/pool.h"

struct api_followers;
struct api_metrics;

/* All borrowed. */
MUST_USE struct api_followers *api_followers_new(
    struct base_loop *loop, struct db_pool *pool, struct api_metrics *metrics);
void api_followers_free(struct api_followers *f);

/* The log has grown. */
void api_followers_news(struct api_followers *f);

/* For parleyctl: the statements of all followers, NULL at the end. */
const char *api_follower_statement(size_t i);

#endif
