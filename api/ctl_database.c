/* SPDX-License-Identifier: ISC */
/* parleyctl at the database: the service's own statements through the
 * service's own driver, one at a time. */
#include "api/ctl_database.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "api/config.h"
#include "api/follower.h"
#include "api/housekeeper.h"
#include "api/render.h"
#include "api/scheduler.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/loop.h"
#include "db/migrate.h"
#include "db/pool.h"
#include "db/query.h"

#define WAIT_MS 5000
#define STATEMENT_MS 60000
#define TIDY_ROUNDS_MAX 10000
#define FOLLOW_MOST "500"
#define FOLLOW_ROUNDS_MAX 20
#define DRAIN_LOOK_MS 250
#define DRAIN_SLACK_MS 80000 /* for what is not the spread; see api/drain.c */

/* --- migrations --- */

static void
say(const char *line, void *arg)
{
	(void)arg;
	fprintf(stderr, "%s\n", line);
}

static bool
has_url(const struct api_config *config)
{
	if (*config->database_url != '\0')
		return true;
	fputs("parleyctl: PARLEY_DATABASE_URL is not set\n", stderr);
	return false;
}

bool
api_ctl_migrate(
    const struct api_config *config, const char *dir, bool check_only)
{
	struct db_migrate_params params = { .conninfo = config->database_url,
		.dir = dir,
		.check_only = check_only,
		.say = say };

	if (!has_url(config) || db_migrate_run(&params) != DB_MIGRATE_OK)
		return false;
	say("the database is up to date", NULL);
	return true;
}

/* --- statements --- */

/* A statement being waited for. */
struct ask {
	const char *statement;
	void (*take)(const struct db_result *r, void *arg);
	void *arg;
	bool done, good;
};

static void
answered(const struct db_result *r, void *arg)
{
	struct ask *a = arg;

	a->done = true;
	a->good = r->status == DB_OK;
	if (a->good)
		a->take(r, a->arg);
	else
		fprintf(stderr, "parleyctl: %s: %s: %s\n", a->statement,
		    db_status_name(r->status),
		    r->message != NULL ? r->message : "no answer");
}

static bool
is_there(struct base_loop *loop, struct db_pool *pool)
{
	uint64_t until = base_clock_ms() + WAIT_MS;

	while (!db_pool_ready(pool) && base_clock_ms() < until)
		base_loop_poll_turn(loop, 100);
	if (!db_pool_ready(pool))
		fputs("parleyctl: the database cannot be reached, or its "
		      "schema is not the one of this version (parleyctl "
		      "migrate)\n",
		    stderr);
	return db_pool_ready(pool);
}

/* The way to the database. */
struct link {
	struct base_loop *loop;
	struct db_pool *pool;
};

static bool
link_open(struct link *l, const struct api_config *config)
{
	l->loop = base_loop_poll_new();
	l->pool = db_pool_new(&(struct db_pool_params){ .loop = l->loop,
	    .conninfo = config->database_url,
	    .application_name = "parleyctl",
	    .connections = 1,
	    .statement_timeout_ms = WAIT_MS * 6,
	    .wait_ms = WAIT_MS });
	return is_there(l->loop, l->pool);
}

static void
link_close(struct link *l)
{
	db_pool_free(l->pool);
	base_loop_poll_free(l->loop);
}

static bool
link_run(struct link *l, struct ask *a, const char *const *values)
{
	a->done = a->good = false;
	if (db_query_start(l->pool, db_statement_find(a->statement), values,
		answered, a) == NULL)
		return false;
	while (!a->done)
		base_loop_poll_turn(l->loop, 1000);
	return a->good;
}

static bool
run(const struct api_config *config, struct ask *a, const char *const *values)
{
	struct link l;
	bool good = link_open(&l, config) && link_run(&l, a, values);

	link_close(&l);
	return good;
}

static void
print_row(const struct db_result *r, void *arg)
{
	struct base_buf out = { 0 };

	(void)arg;
	if (r->rows == 0)
		return;
	api_render_row(&out, r, 0);
	puts(out.data);
	base_buf_fini(&out);
}

bool
api_ctl_stats(const struct api_config *config)
{
	struct ask a = { .statement = "stats.summary", .take = print_row };

	return has_url(config) && run(config, &a, NULL);
}

/* --- housekeeping --- */

static void
take_events(const struct db_result *r, void *arg)
{
	(void)arg;
	if (r->rows == 0)
		puts("event log: another process is at it");
	else
		print_row(r, NULL);
}

static void
take_tidy(const struct db_result *r, void *arg)
{
	bool *more = arg;

	print_row(r, NULL);
	*more =
	    r->rows > 0 && db_result_bool(r, 0, db_result_column(r, "more"));
}

struct followed {
	bool more;
	int64_t events;
};

static void
take_step(const struct db_result *r, void *arg)
{
	struct followed *f = arg;

	f->more = db_result_bool(r, 0, db_result_column(r, "more"));
	f->events += db_result_i64(r, 0, db_result_column(r, "events"));
}

/* For hosts without a process that stays: what is to be done after commits.
 * Nothing is left to do when another process is at it. */
static bool
follow(struct link *l, const char *statement)
{
	const char *values[] = { FOLLOW_MOST, NULL, "0" };
	struct followed f = { 0 };
	struct ask a = { .statement = statement, .take = take_step, .arg = &f };

	do {
		if (!link_run(l, &a, values))
			return false;
	} while (f.more);
	printf("%s: %" PRId64 " events\n", statement, f.events);
	return true;
}

struct due {
	int64_t sent, failed;
	bool more;
};

static void
take_due(const struct db_result *r, void *arg)
{
	struct due *d = arg;
	int next = db_result_column(r, "next_ms");
	int64_t sent = db_result_i64(r, 0, db_result_column(r, "sent"));
	int64_t failed = db_result_i64(r, 0, db_result_column(r, "failed"));

	d->sent += sent;
	d->failed += failed;
	d->more = sent + failed > 0 && db_result_value(r, 0, next) != NULL &&
	    db_result_i64(r, 0, next) <= 0;
}

static void
take_more(const struct db_result *r, void *arg)
{
	bool *more = arg;

	*more = db_result_bool(r, 0, db_result_column(r, "more"));
}

/* Old quotes of messages that have changed. */
static bool
renew_quotes(struct link *l)
{
	bool more = false;
	struct ask a = {
		.statement = "quotes.renew", .take = take_more, .arg = &more
	};

	do {
		if (!link_run(l, &a, NULL))
			return false;
	} while (more);
	return true;
}

/* Scheduled messages whose time has come. */
static bool
send_due(struct link *l)
{
	const char *values[] = { API_SCHEDULER_MOST };
	struct due d = { 0 };
	struct ask a = {
		.statement = "schedule.run", .take = take_due, .arg = &d
	};

	do {
		if (!link_run(l, &a, values))
			return false;
	} while (d.more);
	printf("schedule.run: %" PRId64 " sent, %" PRId64 " failed\n", d.sent,
	    d.failed);
	return true;
}

static bool
follow_all(const struct api_config *config)
{
	struct link l;
	bool good = link_open(&l, config) && send_due(&l) && renew_quotes(&l);

	for (size_t i = 0; good && api_follower_statement(i) != NULL; i++)
		good = follow(&l, api_follower_statement(i));
	link_close(&l);
	return good;
}

/* Rows only: files without one are swept by parley-fcgi. */
static bool
uploads_tidy(const struct api_config *config)
{
	const char *limit[] = { "500" };
	bool more = true;

	for (int i = 0; more && i < TIDY_ROUNDS_MAX; i++) {
		struct ask a = { .statement = "uploads.tidy",
			.take = take_tidy,
			.arg = &more };

		if (!run(config, &a, limit))
			return false;
	}
	return true;
}

bool
api_ctl_housekeeping(const struct api_config *config)
{
	char hours[16];
	const char *events[] = { hours, API_HOUSEKEEPER_AHEAD };
	const char *days[] = { API_HOUSEKEEPER_DAYS };
	struct ask a = { .statement = "events.housekeeping",
		.take = take_events };
	bool more = true;

	snprintf(hours, sizeof(hours), "%d", config->event_retention_hours);
	if (!has_url(config) || !run(config, &a, events))
		return false;
	for (int i = 0; more && i < TIDY_ROUNDS_MAX; i++) {
		struct ask tidy = {
			.statement = "tidy.run", .take = take_tidy, .arg = &more
		};

		if (!run(config, &tidy, days))
			return false;
	}
	return uploads_tidy(config) && follow_all(config);
}

static void
take_restored(const struct db_result *r, void *arg)
{
	bool *lifted = arg;

	*lifted = r->rows > 0;
	print_row(r, NULL);
}

/* What follows the log may write to it, for the others to follow. */
bool
api_ctl_restored(const struct api_config *config)
{
	bool lifted = false;
	struct ask a = { .statement = "events.restored",
		.take = take_restored,
		.arg = &lifted };

	if (!has_url(config))
		return false;
	for (int i = 0; i < FOLLOW_ROUNDS_MAX && !lifted; i++) {
		if (!follow_all(config) || !run(config, &a, NULL))
			return false;
	}
	if (!lifted)
		fputs("parleyctl: the log is being written to: stop the "
		      "service first\n",
		    stderr);
	return lifted;
}

bool
api_ctl_reindex(const struct api_config *config)
{
	struct ask a = { .statement = "search.rebuild", .take = print_row };

	return has_url(config) && run(config, &a, NULL);
}

/* --- an instance --- */

struct drained {
	int processes; /* that run, at the last look */
	char at[64];   /* when they were told; PostgreSQL's */
};

static void
take_told(const struct db_result *r, void *arg)
{
	struct drained *d = arg;

	d->processes = r->rows;
	if (r->rows > 0)
		snprintf(d->at, sizeof(d->at), "%s",
		    db_result_value(r, 0, db_result_column(r, "_at")));
}

static void
take_running(const struct db_result *r, void *arg)
{
	struct drained *d = arg;

	d->processes = r->rows;
}

/* One that starts again under the same name is not the one that was told. */
static bool
drain_wait(
    struct link *l, const char *instance, struct drained *d, uint64_t until)
{
	const char *values[] = { instance, d->at };
	struct ask a = {
		.statement = "instances.running", .take = take_running, .arg = d
	};

	while (d->processes > 0) {
		uint64_t next = base_clock_ms() + DRAIN_LOOK_MS;

		if (next > until) {
			fprintf(stderr, "parleyctl: %s still runs\n", instance);
			return false;
		}
		while (base_clock_ms() < next)
			base_loop_poll_turn(l->loop, DRAIN_LOOK_MS);
		if (!link_run(l, &a, values))
			return false;
	}
	printf("%s has ended\n", instance);
	return true;
}

static bool
drain(struct link *l, const char *instance, int seconds, bool wait)
{
	uint64_t spread_ms = (uint64_t)seconds * 1000;
	struct drained d = { 0 };
	char spread[24];
	const char *values[] = { instance, spread };
	struct ask a = {
		.statement = "instances.drain", .take = take_told, .arg = &d
	};

	snprintf(spread, sizeof(spread), "%" PRIu64, spread_ms);
	if (!link_run(l, &a, values))
		return false;
	if (d.processes == 0) {
		fprintf(stderr,
		    "parleyctl: no instance named %s runs (PARLEY_INSTANCE)\n",
		    instance);
		return false;
	}
	printf("%s drains, and then ends\n", instance);
	(void)fflush(stdout);
	return !wait ||
	    drain_wait(
		l, instance, &d, base_clock_ms() + spread_ms + DRAIN_SLACK_MS);
}

bool
api_ctl_drain(const struct api_config *config, const char *instance,
    int seconds, bool wait)
{
	struct link l;
	bool good;

	if (!has_url(config))
		return false;
	good = link_open(&l, config) && drain(&l, instance, seconds, wait);
	link_close(&l);
	return good;
}
