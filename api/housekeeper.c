/* SPDX-License-Identifier: ISC */
/* Housekeeping: one round after the other, each a statement or two. */
#include "api/housekeeper.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/log.h"
#include "base/loop.h"
#include "base/mem.h"
#include "base/random.h"
#include "db/query.h"

#define FIRST_MS 5000
#define EVERY_MS 45000
#define SPREAD_MS 15000
#define AGAIN_MS 200	/* when there was more than one round takes */
#define TIDY_ROUNDS 5	/* every so many rounds also the rows */
#define ROOM_LOW 200000 /* ids: an operator should look */
#define ROOM_NONE 1000

struct api_housekeeper {
	struct base_loop *loop;
	struct db_pool *pool;
	const struct db_statement *events, *tidy;
	struct base_timer *timer; /* either this */
	struct db_query *query;	  /* or this is non-NULL */
	char hours[16];
	unsigned round;
	int64_t room; /* ids left; -1 = not known yet */
};

static void begin(void *arg);

static void
rest(struct api_housekeeper *h, uint64_t ms)
{
	h->timer = base_timer_start(
	    h->loop, ms + base_random_below(SPREAD_MS), begin, h);
}

static void
tidied(const struct db_result *r, void *arg)
{
	struct api_housekeeper *h = arg;
	int more = db_result_column(r, "more");

	h->query = NULL;
	if (r->status == DB_OK && r->rows == 1 && more != -1 &&
	    db_result_bool(r, 0, more)) {
		h->round--; /* this one again */
		h->timer = base_timer_start(h->loop, AGAIN_MS, begin, h);
		return;
	}
	rest(h, EVERY_MS);
}

/* Another process may be at it: then there is no row. */
static void
note_room(struct api_housekeeper *h, const struct db_result *r)
{
	int col = db_result_column(r, "ids_left");

	if (r->rows == 0 || col == -1)
		return;
	h->room = db_result_i64(r, 0, col);
	if (h->room < ROOM_LOW)
		base_log_error("event log is running out of room",
		    "ids_left=%" PRId64, h->room);
}

static void
kept(const struct db_result *r, void *arg)
{
	struct api_housekeeper *h = arg;
	const char *values[] = { API_HOUSEKEEPER_DAYS };

	h->query = NULL;
	if (r->status == DB_OK)
		note_room(h, r);
	else if (r->status == DB_ERROR)
		base_log_error("housekeeping failed", "sqlstate=%s",
		    r->sqlstate != NULL ? r->sqlstate : "-");
	if (r->status != DB_OK || h->round++ % TIDY_ROUNDS != 0) {
		rest(h, EVERY_MS);
		return;
	}
	h->query = db_query_start(h->pool, h->tidy, values, tidied, h);
}

static void
begin(void *arg)
{
	struct api_housekeeper *h = arg;
	const char *values[] = { h->hours, API_HOUSEKEEPER_AHEAD };

	h->timer = NULL;
	h->query = db_query_start(h->pool, h->events, values, kept, h);
}

struct api_housekeeper *
api_housekeeper_new(
    struct base_loop *loop, struct db_pool *pool, int retention_hours)
{
	struct api_housekeeper *h = base_alloc(sizeof(*h));

	h->loop = loop;
	h->pool = pool;
	h->events = db_statement_find("events.housekeeping");
	h->tidy = db_statement_find("tidy.run");
	h->room = -1;
	snprintf(h->hours, sizeof(h->hours), "%d", retention_hours);
	rest(h, FIRST_MS);
	return h;
}

void
api_housekeeper_free(struct api_housekeeper *h)
{
	if (h == NULL)
		return;
	base_timer_cancel(h->timer);
	db_query_cancel(h->query);
	base_free(h);
}

bool
api_housekeeper_ready(void *housekeeper, char *why, size_t why_size)
{
	const struct api_housekeeper *h = housekeeper;

	if (h->room == -1 || h->room > ROOM_NONE)
		return true;
	snprintf(why, why_size,
	    "the event log has no room: parleyctl "
	    "housekeeping");
	return false;
}
