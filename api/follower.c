/* SPDX-License-Identifier: ISC */
/* One statement a follower, asked soon after news and every few seconds.  A
 * process that has done a step is eager: the next one is its own.  The others
 * leave it the youngest events, and all while its position moves; those that
 * hear no news (parley-fcgi) are the last to step in. */
#include "api/follower.h"

#include <inttypes.h>
#include <stdio.h>

#include "api/metrics.h"
#include "base/attr.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/random.h"
#include "db/query.h"
#include "db/result.h"
#include "db/statement.h"

#define EVERY_MS 4000
#define LATE_MS 1000 /* after news, of who is not eager */
#define FAILED_MS 5000

/* How old an event must be for who is not eager. */
#define PATIENCE_MS "1000"
#define PATIENCE_DEAF_MS "4000"

/* A rest is so many times what the step took. */
#define REST 9
#define REST_QUIET 1 /* nobody else writes */
#define REST_LOST 39 /* more comes than a tenth of the time works off */
#define REST_MAX_MS 5000

/* Events of a step: as many as fit the time.  A longer step costs less an event, but
 * keeps a processor from the sends of its time. */
#define MOST_FIRST 200
#define MOST_MIN 25
#define MOST_MAX 1000
#define STEP_LONG_MS 20
#define STEP_SHORT_MS 6

/*
 * A job is a statement of the form of search.follow: what it does with a step is
 * one call of a function that takes a log_step and says whether there is more
 * to do at once.  `soon_ms` after news it is asked, so that some are gathered:
 * the index of words takes many at once for a fraction of what each costs alone.
 */
static const struct job {
	const char *name;
	const char *statement;
	uint32_t soon_ms;
	enum api_gauge behind;
} jobs[] = {
	{ "search", "search.follow", 700, API_GAUGE_FOLLOWER_SEARCH },
	{ "notifications", "notifications.follow", 30,
	    API_GAUGE_FOLLOWER_NOTIFICATIONS },
};

#define JOBS ARRAY_LEN(jobs)

struct follower {
	struct api_followers *all;
	const struct job *job;
	const struct db_statement *statement;
	int most;     /* events of the next step */
	int64_t seen; /* its position at the last look; -1: not known */
	bool eager;
	bool news;    /* came during the query */
	bool failing; /* and that was logged */
	uint64_t asked_ms;
	uint64_t stepped_ms;	  /* the last step's end; 0: none was */
	int64_t behind;		  /* then */
	uint64_t rested_ms;	  /* when the rest is over */
	uint64_t look_ms;	  /* when `timer` is due */
	struct base_timer *timer; /* either this */
	struct db_query *query;	  /* or this is non-NULL */
};

struct api_followers {
	struct base_loop *loop;
	struct db_pool *pool;
	struct api_metrics *metrics;
	bool hears; /* of news */
	struct follower followers[JOBS];
};

static void look(void *arg);

/* In so many ms, if the rest is over by then. */
static void
look_in(struct follower *f, uint64_t ms)
{
	uint64_t now = base_clock_ms(), at = now + ms;

	if (at < f->rested_ms)
		at = f->rested_ms;
	if (f->timer != NULL && f->look_ms <= at)
		return;
	base_timer_cancel(f->timer);
	f->look_ms = at;
	f->timer = base_timer_start(f->all->loop, at - now, look, f);
}

/* So that processes do not ask all at once. */
static uint64_t
spread(uint32_t ms)
{
	return ms + base_random_below(ms / 4);
}

static void
look_soon(struct follower *f)
{
	look_in(f, f->eager ? f->job->soon_ms : spread(LATE_MS));
}

static const char *
patience(const struct follower *f)
{
	if (f->eager)
		return "0";
	return f->all->hears ? PATIENCE_MS : PATIENCE_DEAF_MS;
}

/* Whether more came since the last step than this one would work off at its pace
 * and with REST.  It will be made up for when less comes, and until then those who
 * send now go first. */
static bool
is_losing(const struct follower *f, const struct db_result *r, uint64_t took_ms)
{
	int64_t done = db_result_i64(r, 0, db_result_column(r, "events"));
	int64_t behind = db_result_i64(r, 0, db_result_column(r, "behind"));
	int64_t came = behind - f->behind + done;
	uint64_t ms = base_clock_ms() - f->stepped_ms;

	return f->eager && f->stepped_ms != 0 && came > 0 && done > 0 &&
	    (uint64_t)came * took_ms * (REST + 1) > (uint64_t)done * ms;
}

static uint64_t
rest_times(
    const struct follower *f, const struct db_result *r, uint64_t took_ms)
{
	if (is_losing(f, r, took_ms))
		return REST_LOST;
	return f->all->hears && !f->news ? REST_QUIET : REST;
}

static void
rest_begin(struct follower *f, const struct db_result *r, uint64_t took_ms)
{
	uint64_t ms = took_ms * rest_times(f, r, took_ms);

	f->rested_ms = base_clock_ms() + (ms < REST_MAX_MS ? ms : REST_MAX_MS);
	f->stepped_ms = base_clock_ms();
	f->behind = db_result_i64(r, 0, db_result_column(r, "behind"));
}

static void
most_fit(struct follower *f, uint64_t took_ms, bool more)
{
	if (took_ms > STEP_LONG_MS)
		f->most = f->most / 2 > MOST_MIN ? f->most / 2 : MOST_MIN;
	else if (took_ms < STEP_SHORT_MS && more)
		f->most = f->most * 2 < MOST_MAX ? f->most * 2 : MOST_MAX;
}

static void
failed(struct follower *f, const struct db_result *r)
{
	if (!f->failing)
		base_log_error("follower stands still",
		    "name=%s status=%s sqlstate=%s", f->job->name,
		    db_status_name(r->status),
		    r->sqlstate != NULL ? r->sqlstate : "-");
	f->failing = true;
	f->eager = false;
	f->most = MOST_MIN;
	f->rested_ms = base_clock_ms() + FAILED_MS;
	look_in(f, 0);
}

static void
position_note(struct follower *f, const struct db_result *r, bool turn)
{
	int upto = db_result_column(r, "upto_id");

	if (db_result_value(r, 0, upto) != NULL)
		f->seen = db_result_i64(r, 0, upto);
	if (!turn)
		f->eager = false;
	else if (db_result_i64(r, 0, db_result_column(r, "events")) > 0)
		f->eager = true;
}

static void
stepped(struct follower *f, const struct db_result *r)
{
	uint64_t took_ms = base_clock_ms() - f->asked_ms;
	bool turn = db_result_bool(r, 0, db_result_column(r, "turn"));
	bool more = db_result_bool(r, 0, db_result_column(r, "more"));

	if (f->failing)
		base_log_info("follower goes on", "name=%s", f->job->name);
	f->failing = false;
	position_note(f, r, turn);
	api_metrics_gauge_set(f->all->metrics, f->job->behind,
	    db_result_i64(r, 0, db_result_column(r, "behind")));
	rest_begin(f, r, took_ms);
	most_fit(f, took_ms, turn && more);
	if (more)
		look_in(f, turn ? 0 : spread(LATE_MS));
	else if (f->news)
		look_soon(f);
	else
		look_in(f, spread(EVERY_MS));
}

static void
answered(const struct db_result *r, void *arg)
{
	struct follower *f = arg;

	f->query = NULL;
	if (r->status == DB_OK && r->rows == 1)
		stepped(f, r);
	else
		failed(f, r);
}

static void
look(void *arg)
{
	struct follower *f = arg;
	char most[16], seen[24];
	const char *values[] = { most, seen, patience(f) };

	f->timer = NULL;
	f->news = false;
	f->asked_ms = base_clock_ms();
	snprintf(most, sizeof(most), "%d", f->most);
	snprintf(seen, sizeof(seen), "%" PRId64, f->seen);
	f->query =
	    db_query_start(f->all->pool, f->statement, values, answered, f);
}

struct api_followers *
api_followers_new(
    struct base_loop *loop, struct db_pool *pool, struct api_metrics *metrics)
{
	struct api_followers *all = base_alloc(sizeof(*all));

	all->loop = loop;
	all->pool = pool;
	all->metrics = metrics;
	for (size_t i = 0; i < JOBS; i++) {
		struct follower *f = &all->followers[i];

		f->all = all;
		f->job = &jobs[i];
		f->statement = db_statement_find(jobs[i].statement);
		f->most = MOST_FIRST;
		f->seen = -1;
		look_in(f, spread(EVERY_MS));
	}
	return all;
}

void
api_followers_free(struct api_followers *all)
{
	if (all == NULL)
		return;
	for (size_t i = 0; i < JOBS; i++) {
		base_timer_cancel(all->followers[i].timer);
		db_query_cancel(all->followers[i].query);
	}
	base_free(all);
}

void
api_followers_news(struct api_followers *all)
{
	all->hears = true;
	for (size_t i = 0; i < JOBS; i++) {
		struct follower *f = &all->followers[i];

		if (f->query != NULL)
			f->news = true;
		else
			look_soon(f);
	}
}

const char *
api_follower_statement(size_t i)
{
	return i < JOBS ? jobs[i].statement : NULL;
}
