/* SPDX-License-Identifier: ISC */
/* Sends what was scheduled when its time has come, ends mutes, and brings old
 * quotes of changed messages to what is so now.  Every process looks once a
 * second, and when the next one is due; the database gives each message to one
 * of them (migrations/0021_schedule.sql). */
#ifndef API_SCHEDULER_H
#define API_SCHEDULER_H

#include "base/attr.h"
#include "base/loop.h"
#include "db/pool.h"

struct api_scheduler;

/* Begins soon, a little different in each process. */
MUST_USE struct api_scheduler *api_scheduler_new(
    struct base_loop *loop, struct db_pool *pool);
void api_scheduler_free(struct api_scheduler *s);

/* For parleyctl: the most that one call of schedule.run sends. */
#define API_SCHEDULER_MOST "50"

#endif
