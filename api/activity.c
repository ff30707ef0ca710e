/* SPDX-License-Identifier: ISC */
/*
 * Everybody noted of late is in the map with the time of their last write, and
 * those to be written are also on a list.  What gets lost when the process ends
 * or the database is away is a minute of a user's presence.
 */
#include "api/activity.h"

#include <stdint.h>
#include <string.h>
#include <sys/queue.h>

#include "api/array.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/loop.h"
#include "base/mem.h"
#include "db/query.h"
#include "db/statement.h"

#define EVERY_MS 1000
#define AGAIN_MS 60000
#define KNOWN_MAX \
	50000 /* then those are forgotten who do not wait: one write
			 * more for each */

struct doer {
	TAILQ_ENTRY(doer) link; /* while `waiting` */
	uint64_t written_ms;
	bool waiting;
	char user[]; /* the map borrows it */
};

TAILQ_HEAD(doers, doer);

struct api_activity {
	struct base_loop *loop;
	struct db_pool *pool;
	const struct db_statement *statement;
	struct base_map known; /* owned */
	struct doers waiting;
	struct base_timer *timer; /* either this */
	struct db_query *query;	  /* or this may be non-NULL */
};

struct api_activity *
api_activity_new(struct base_loop *loop, struct db_pool *pool)
{
	struct api_activity *a = base_alloc(sizeof(*a));

	a->loop = loop;
	a->pool = pool;
	a->statement = db_statement_find("presence.touch");
	TAILQ_INIT(&a->waiting);
	return a;
}

/* All but those who wait to be written. */
static void
forget(struct api_activity *a)
{
	struct doer *d;
	size_t pos = 0;

	while ((d = base_map_next(&a->known, &pos)) != NULL) {
		if (!d->waiting)
			base_free(d);
	}
	base_map_fini(&a->known);
	TAILQ_FOREACH (d, &a->waiting, link)
		base_map_put(&a->known, d->user, strlen(d->user), d);
}

void
api_activity_free(struct api_activity *a)
{
	struct doer *d;

	if (a == NULL)
		return;
	base_timer_cancel(a->timer);
	db_query_cancel(a->query);
	while ((d = TAILQ_FIRST(&a->waiting)) != NULL) {
		TAILQ_REMOVE(&a->waiting, d, link);
		d->waiting = false;
	}
	forget(a);
	base_free(a);
}

static void write_out(void *arg);

static void
arm(struct api_activity *a)
{
	if (a->timer == NULL && a->query == NULL && !TAILQ_EMPTY(&a->waiting))
		a->timer = base_timer_start(a->loop, EVERY_MS, write_out, a);
}

static void
written(const struct db_result *r, void *arg)
{
	struct api_activity *a = arg;

	(void)r;
	a->query = NULL;
	arm(a);
}

static void
write_out(void *arg)
{
	struct api_activity *a = arg;
	struct base_buf users = { 0 };
	const char *values[1];
	struct doer *d;

	a->timer = NULL;
	api_array_begin(&users);
	while ((d = TAILQ_FIRST(&a->waiting)) != NULL) {
		TAILQ_REMOVE(&a->waiting, d, link);
		d->waiting = false;
		d->written_ms = base_clock_ms();
		api_array_add(&users, d->user);
	}
	api_array_end(&users);
	values[0] = base_buf_str(&users);
	a->query = db_query_start(a->pool, a->statement, values, written, a);
	base_buf_fini(&users);
}

/* NULL: nobody else fits.  (With the database away so many can be waiting that
 * there is nobody to forget.) */
static struct doer *
doer_get(struct api_activity *a, const char *user)
{
	size_t len = strlen(user);
	struct doer *d = base_map_get(&a->known, user, len);

	if (d != NULL)
		return d;
	if (a->known.count >= KNOWN_MAX)
		forget(a);
	if (a->known.count >= KNOWN_MAX)
		return NULL;
	d = base_alloc(sizeof(*d) + len + 1);
	memcpy(d->user, user, len + 1);
	base_map_put(&a->known, d->user, len, d);
	return d;
}

void
api_activity_note(struct api_activity *a, const char *user)
{
	struct doer *d = doer_get(a, user);

	if (d == NULL || d->waiting ||
	    (d->written_ms != 0 && base_clock_ms() - d->written_ms < AGAIN_MS))
		return;
	d->waiting = true;
	TAILQ_INSERT_TAIL(&a->waiting, d, link);
	arm(a);
}
