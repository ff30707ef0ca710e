/* SPDX-License-Identifier: ISC */
/*
 * Who is at it: users who did something are noted, gathered and written once a
 * second, each at most once a minute, so that they are not shown as away.
 */

#ifndef API_ACTIVITY_H
#define API_ACTIVITY_H

#include <stddef.h>

#include "base/attr.h"

struct api_activity;
struct base_loop;
struct db_pool;

/* Both borrowed. */
MUST_USE struct api_activity *api_activity_new(
    struct base_loop *loop, struct db_pool *pool);

/* Forgets what has not been written. */
void api_activity_free(struct api_activity *a);

void api_activity_note(struct api_activity *a, const char *user);

#endif
