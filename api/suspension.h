/* SPDX-License-Identifier: ISC */
/*
 * Who is suspended.  A process that hears parley_control keeps the set of them
 * and asks nobody about those who are not in it.  Whoever is may have been let in
 * a moment ago: the table knows (api_engine_suspension_checks()), which is asked
 * about everybody while the process does not hear, and in those that never do,
 * parley-fcgi.
 */

#ifndef API_SUSPENSION_H
#define API_SUSPENSION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/loop.h"
#include "db/pool.h"

struct api_suspensions; /* one per process */

struct json_t;

MUST_USE struct api_suspensions *api_suspensions_new(
    struct base_loop *loop, struct db_pool *pool);
void api_suspensions_free(struct api_suspensions *s);

/* `changed` is called from the loop when somebody may be in the set who was
 * not before. */
void api_suspensions_watch(
    struct api_suspensions *s, void (*changed)(void *arg), void *arg);

/* The listener is up: what was missed is read from the table, again and again
 * until that works.  It is down: the set is not to be trusted. */
void api_suspensions_listening(struct api_suspensions *s, bool up);

/* An order {"op": "suspend" | "restore", "user", "until"}; others are not
 * looked at. */
void api_suspensions_told(
    struct api_suspensions *s, const struct json_t *order);

/* The set is as the table was a moment ago. */
bool api_suspensions_fresh(const struct api_suspensions *s);

/* Is greater whenever the set may have become another. */
uint64_t api_suspensions_version(const struct api_suspensions *s);

/* Seconds since 1970 at which the user's suspension ends, INT64_MAX: it does
 * not; 0: not suspended. */
int64_t api_suspensions_until(
    const struct api_suspensions *s, const char *user);

#endif
