/* SPDX-License-Identifier: ISC */
/* One statement again and again, and others when that says so.  When nothing is
 * due it reads one entry of an index: looking once a second costs less than
 * being told by whoever schedules, in whatever process. */
#include "api/scheduler.h"

#include <inttypes.h>
#include <stdbool.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/random.h"
#include "db/query.h"
#include "db/result.h"
#include "db/statement.h"

#define EVERY_MS 1000
#define SPREAD_MS 100 /* so that processes do not look all at once */
#define LEFT_MS 50    /* what is due is in another process's hands */
#define FAILED_MS 5000

struct api_scheduler {
	struct base_loop *loop;
	struct db_pool *pool;
	const struct db_statement *statement, *mutes, *quotes;
	struct base_timer *timer; /* either this */
	struct db_query *query;	  /* or this is non-NULL */
	bool failing;		  /* and that was logged */
	bool requote;		  /* there are quotes to be renewed */
	uint64_t pause_ms;	  /* after what is asked now */
};

static void look(void *arg);

static void
look_in(struct api_scheduler *s, uint64_t ms)
{
	s->timer = base_timer_start(
	    s->loop, ms + base_random_below(SPREAD_MS), look, s);
}

/* What is due already and was not taken is somebody else's, or more than one
 * call sends. */
static uint64_t
pause_after(const struct db_result *r)
{
	int col = db_result_column(r, "next_ms");
	int64_t next;

	if (db_result_value(r, 0, col) == NULL)
		return EVERY_MS;
	next = db_result_i64(r, 0, col);
	if (next <= 0)
		return LEFT_MS;
	return next < EVERY_MS ? (uint64_t)next : EVERY_MS;
}

static void
note_failed(const struct db_result *r)
{
	int64_t n = db_result_i64(r, 0, db_result_column(r, "failed"));

	if (n > 0)
		base_log_warn(
		    "scheduled messages were not sent", "count=%" PRId64, n);
}

/* What goes wrong in these is tried again with the next look. */

static void
quotes_renewed(const struct db_result *r, void *arg)
{
	struct api_scheduler *s = arg;
	bool more = r->status == DB_OK && r->rows == 1 &&
	    db_result_bool(r, 0, db_result_column(r, "more"));

	s->query = NULL;
	look_in(s, more ? LEFT_MS : s->pause_ms);
}

static void
quotes_renew(struct api_scheduler *s)
{
	if (s->requote)
		s->query =
		    db_query_start(s->pool, s->quotes, NULL, quotes_renewed, s);
	else
		look_in(s, s->pause_ms);
}

static void
mutes_ended(const struct db_result *r, void *arg)
{
	struct api_scheduler *s = arg;

	(void)r;
	s->query = NULL;
	quotes_renew(s);
}

static void
looked(struct api_scheduler *s, const struct db_result *r)
{
	s->failing = false;
	note_failed(r);
	s->pause_ms = pause_after(r);
	s->requote = db_result_bool(r, 0, db_result_column(r, "quotes"));
	if (db_result_bool(r, 0, db_result_column(r, "mutes")))
		s->query =
		    db_query_start(s->pool, s->mutes, NULL, mutes_ended, s);
	else
		quotes_renew(s);
}

static void
done(const struct db_result *r, void *arg)
{
	struct api_scheduler *s = arg;

	s->query = NULL;
	if (r->status == DB_OK && r->rows == 1) {
		looked(s, r);
		return;
	}
	if (!s->failing && r->status != DB_UNAVAILABLE)
		base_log_error("scheduled messages wait",
		    "status=%s sqlstate=%s", db_status_name(r->status),
		    r->sqlstate != NULL ? r->sqlstate : "-");
	s->failing = true;
	look_in(s, r->status == DB_ERROR ? FAILED_MS : EVERY_MS);
}

static void
look(void *arg)
{
	struct api_scheduler *s = arg;
	const char *values[] = { API_SCHEDULER_MOST };

	s->timer = NULL;
	s->query = db_query_start(s->pool, s->statement, values, done, s);
}

struct api_scheduler *
api_scheduler_new(struct base_loop *loop, struct db_pool *pool)
{
	struct api_scheduler *s = base_alloc(sizeof(*s));

	s->loop = loop;
	s->pool = pool;
	s->statement = db_statement_find("schedule.run");
	s->mutes = db_statement_find("mutes.end");
	s->quotes = db_statement_find("quotes.renew");
	look_in(s, EVERY_MS);
	return s;
}

void
api_scheduler_free(struct api_scheduler *s)
{
	if (s == NULL)
		return;
	base_timer_cancel(s->timer);
	db_query_cancel(s->query);
	base_free(s);
}
