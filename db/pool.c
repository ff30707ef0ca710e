/* SPDX-License-Identifier: ISC */
/* The connections of a process and the choice between them. */

#include "db/pool.h"

#include <libpq-fe.h>
#include <limits.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "db/connect.h"
#include "db/message.h"
#include "db/pool_private.h"

#define TICK_MS 100
/* How long the server may be silent beyond the statement time-out, which it
 * watches itself. */
#define GRACE_MS 2000
/* Enough to keep a server process busy between two turns of ours; the rest waits
 * where it can go to whichever connection is free first. */
#define PIPELINE_DEPTH 16

static void on_tick(void *arg);

static bool
needs_tick(const struct db_pool *pool)
{
	if (pool->queue.waiting_count > 0)
		return true;
	for (unsigned int i = 0; i < pool->link_count; i++)
		if (db_link_busy(&pool->links[i]))
			return true;
	return false;
}

static void
arm_tick(struct db_pool *pool)
{
	if (pool->tick == NULL && needs_tick(pool))
		pool->tick =
		    base_timer_start(pool->loop, TICK_MS, on_tick, pool);
}

static void
on_tick(void *arg)
{
	struct db_pool *pool = arg;
	uint64_t now = base_clock_ms();

	pool->tick = NULL;
	for (unsigned int i = 0; i < pool->link_count; i++)
		db_link_tick(&pool->links[i], now);
	db_queue_expire(&pool->queue, pool->wait_ms, pool->slow_wait_ms);
	arm_tick(pool);
}

/* The link for a fast query: one without a slow query before it if there is,
 * and of those the one with the least in flight. */
static struct db_link *
choose_fast(const struct db_pool *pool)
{
	struct db_link *best = NULL;

	for (unsigned int i = 0; i < pool->link_count; i++) {
		struct db_link *link = &pool->links[i];

		if (!db_link_up(link) || link->in_flight >= PIPELINE_DEPTH)
			continue;
		if (best == NULL ||
		    link->slow_in_flight < best->slow_in_flight ||
		    (link->slow_in_flight == best->slow_in_flight &&
			link->in_flight < best->in_flight))
			best = link;
	}
	return best;
}

/* The link for a slow query: not the first unless it is the only one, and none
 * that has a slow one already. */
static struct db_link *
choose_slow(const struct db_pool *pool)
{
	struct db_link *best = NULL;
	unsigned int first = pool->link_count == 1 ? 0 : 1;

	for (unsigned int i = first; i < pool->link_count; i++) {
		struct db_link *link = &pool->links[i];

		if (!db_link_up(link) || link->slow_in_flight > 0 ||
		    link->in_flight >= PIPELINE_DEPTH)
			continue;
		if (best == NULL || link->in_flight < best->in_flight)
			best = link;
	}
	return best;
}

void
db_pool_dispatch(struct db_pool *pool)
{
	struct db_link *link;

	while (!TAILQ_EMPTY(&pool->queue.waiting) &&
	    (link = choose_fast(pool)) != NULL)
		db_link_send(link, db_queue_take(&pool->queue, false));
	while (!TAILQ_EMPTY(&pool->queue.slow) &&
	    (link = choose_slow(pool)) != NULL)
		db_link_send(link, db_queue_take(&pool->queue, true));
	arm_tick(pool);
}

bool
db_pool_is_down(const struct db_pool *pool)
{
	return pool->down_ms != 0 &&
	    base_clock_ms() - pool->down_ms > pool->wait_ms;
}

/* A deadlock's victim and a query that the server ended did nothing, and are
 * tried once more. */
static void
on_answered(struct db_query *q, struct db_link *link)
{
	struct db_pool *pool = link->owner;
	enum db_status status = DB_OK;

	if (db_unit_failed(q->result))
		status = db_status_from_sqlstate(
		    PQresultErrorField(q->result, PG_DIAG_SQLSTATE));
	if (status == DB_RETRY && !q->repeated && q->cb != NULL)
		db_queue_put_back(&pool->queue, q);
	else
		db_queue_answer(&pool->queue, q, status);
}

static void
on_returned(struct db_query *q, enum db_fate fate)
{
	struct db_queue *queue = &q->pool->queue;
	enum db_status status = DB_UNAVAILABLE;

	if (fate == DB_FATE_ANSWERED)
		status = db_status_from_sqlstate(
		    PQresultErrorField(q->result, PG_DIAG_SQLSTATE));
	else if (fate == DB_FATE_UNKNOWN && !q->statement->read)
		status = DB_UNKNOWN;
	if (q->cb != NULL && !q->repeated &&
	    (status == DB_UNAVAILABLE || status == DB_RETRY))
		db_queue_put_back(queue, q);
	else
		db_queue_finish(queue, q, status,
		    "the connection to the database was lost");
}

static void
dispatch_later(void *arg)
{
	db_pool_dispatch(arg);
}

/* When a server goes, all links break at once, but are told one by one: what the
 * first gave back waits for the turn's end, so as not to be sent over the next,
 * which would be its last try. */
static void
on_changed(struct db_link *link)
{
	struct db_pool *pool = link->owner;
	bool up = false;

	for (unsigned int i = 0; i < pool->link_count && !up; i++)
		up = db_link_up(&pool->links[i]);
	if (up)
		pool->down_ms = 0;
	else if (pool->down_ms == 0)
		pool->down_ms = base_clock_ms();
	if (db_link_up(link))
		db_pool_dispatch(pool);
	else
		base_loop_defer(pool->loop, &pool->dispatch);
}

static void
on_unprepared(struct db_link *link, size_t i, const struct pg_result *error)
{
	struct db_pool *pool = link->owner;
	char text[DB_MESSAGE_BYTES];

	if (pool->complained[i])
		return;
	pool->complained[i] = true;
	base_log_error("statement cannot be prepared",
	    "statement=%s sqlstate=%s message=%s", pool->statements[i].name,
	    PQresultErrorField(error, PG_DIAG_SQLSTATE),
	    db_message_quote(
		text, PQresultErrorField(error, PG_DIAG_MESSAGE_PRIMARY)));
}

static const struct db_link_events link_events = {
	.answered = on_answered,
	.returned = on_returned,
	.changed = on_changed,
	.unprepared = on_unprepared,
};

static unsigned int
or_default(unsigned int value, unsigned int fallback)
{
	return value == 0 ? fallback : value;
}

static void
start_link(struct db_pool *pool, struct db_link *link,
    const struct db_pool_params *params)
{
	link->events = &link_events;
	link->owner = pool;
	link->loop = pool->loop;
	link->conninfo = pool->conninfo;
	link->application_name = pool->application_name;
	link->statement_timeout = pool->timeout_text;
	link->connect_timeout_ms = or_default(params->connect_timeout_ms, 5000);
	link->answer_timeout_ms = pool->slow_wait_ms + GRACE_MS;
	db_link_init(link, pool->statements, pool->statement_count);
	db_link_connect(link);
}

struct db_pool *
db_pool_new(const struct db_pool_params *params)
{
	struct db_pool *pool = base_alloc(sizeof(*pool));
	unsigned int timeout_ms =
	    or_default(params->statement_timeout_ms, 5000);

	pool->loop = params->loop;
	pool->conninfo = base_strdup(params->conninfo);
	pool->application_name = base_strdup(params->application_name == NULL ?
		"parley" :
		params->application_name);
	pool->statements = params->statements;
	pool->statement_count = params->statement_count;
	if (pool->statements == NULL) {
		pool->statement_count = db_statement_count();
		pool->statements = db_statement_all();
	}
	pool->complained =
	    base_alloc_array(pool->statement_count, sizeof(bool));
	pool->queue_limit = or_default(params->queue_limit, 2000);
	pool->wait_ms = or_default(params->wait_ms, 1000);
	pool->slow_wait_ms = timeout_ms;
	pool->down_ms = base_clock_ms();
	(void)snprintf(
	    pool->timeout_text, sizeof(pool->timeout_text), "%u", timeout_ms);
	pool->dispatch.cb = dispatch_later;
	pool->dispatch.arg = pool;
	db_queue_init(&pool->queue, pool->loop);
	pool->link_count = or_default(params->connections, 3);
	pool->links = base_alloc_array(pool->link_count, sizeof(*pool->links));
	for (unsigned int i = 0; i < pool->link_count; i++)
		start_link(pool, &pool->links[i], params);
	arm_tick(pool);
	return pool;
}

void
db_pool_free(struct db_pool *pool)
{
	if (pool == NULL)
		return;
	base_timer_cancel(pool->tick);
	base_task_cancel(&pool->dispatch);
	for (unsigned int i = 0; i < pool->link_count; i++)
		db_link_fini(&pool->links[i]);
	db_queue_fini(&pool->queue);
	/* An event of this turn may still point at a link. */
	base_loop_free(pool->loop, pool->links);
	base_free(pool->complained);
	base_free(pool->application_name);
	base_free(pool->conninfo);
	base_free(pool);
}

bool
db_pool_ready(const struct db_pool *pool)
{
	for (unsigned int i = 0; i < pool->link_count; i++)
		if (db_link_up(&pool->links[i]) &&
		    pool->links[i].prepared.failed == 0)
			return true;
	return false;
}

void
db_pool_stats(const struct db_pool *pool, struct db_pool_stats *out)
{
	*out = pool->queue.stats;
	out->connections = pool->link_count;
	out->waiting = pool->queue.waiting_count;
	for (unsigned int i = 0; i < pool->link_count; i++) {
		const struct db_link *link = &pool->links[i];

		out->up += db_link_up(link) ? 1 : 0;
		out->in_flight += link->in_flight;
		out->connects += link->connects;
		out->lost += link->lost;
		if (link->prepared.failed > out->unprepared)
			out->unprepared = link->prepared.failed;
	}
}

bool
db_pool_conninfo_valid(const char *conninfo)
{
	return db_connect_understands(conninfo);
}
