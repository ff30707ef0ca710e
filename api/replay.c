/* SPDX-License-Identifier: ISC */
/* Chunks of the log, and the scan that spares many of them. */

#include "api/replay.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/queue.h>

#include "api/array.h"
#include "api/log_rows.h"
#include "base/buf.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/random.h"
#include "db/query.h"
#include "db/result.h"

#define RUNNING_MAX 4
#define HERD 16		/* so many waiting are worth a scan */
#define SCAN_LIMIT 5000 /* rows of one read */
#define SCAN_IDS 200000 /* farther back is left to single chunks */
#define RETRY_MS 250	/* to twice this */

struct api_replay {
	TAILQ_ENTRY(api_replay) link;
	struct api_replays *replays;
	struct push_session *session; /* borrowed */
	struct db_query *query;	      /* non-NULL = running */
	char *topics;		      /* owned array literal; NULL: all */
	int64_t after;
	int64_t upto;
	uint32_t limit;
	size_t bytes;
	void (*done)(void *);
	void *arg;
};

TAILQ_HEAD(replays, api_replay);

/* News of an older event that came during a scan. */
struct change {
	int64_t id;
	struct push_event *event; /* owned reference; NULL: gone */
};

/* Reading the log in id order for everybody. */
struct scan {
	struct db_query *query;	    /* non-NULL = under way */
	int64_t floor;		    /* the events lie behind this */
	int64_t position;	    /* and were read up to here */
	struct push_event **events; /* owned, with a reference each */
	size_t count;
	size_t cap;
	size_t bytes;
	struct change *changes; /* owned; in their order */
	size_t change_count;
};

struct api_replays {
	struct base_loop *loop;
	struct db_pool *pool;
	struct push_hub *hub;
	size_t ring_bytes;
	const struct db_statement *replay;
	const struct db_statement *read;
	struct base_timer *retry; /* armed: the database is away */
	struct base_task pump;
	struct replays waiting;
	struct replays running;
	size_t running_count;
	struct scan scan;
	struct api_replays_stats stats;
};

static void
pump_ask(struct api_replays *all)
{
	if (!TAILQ_EMPTY(&all->waiting))
		base_loop_defer(all->loop, &all->pump);
}

static void
retry_now(void *arg)
{
	struct api_replays *all = arg;

	all->retry = NULL;
	pump_ask(all);
}

static void
retry_later(struct api_replays *all)
{
	if (all->retry == NULL)
		all->retry = base_timer_start(all->loop,
		    RETRY_MS + base_random_below(RETRY_MS), retry_now, all);
}

static void
replay_free(struct api_replay *r)
{
	struct api_replays *all = r->replays;

	if (r->query != NULL) {
		TAILQ_REMOVE(&all->running, r, link);
		all->running_count--;
		db_query_cancel(r->query);
	} else {
		TAILQ_REMOVE(&all->waiting, r, link);
		all->stats.waiting--;
	}
	base_free(r->topics);
	base_free(r);
}

/* Ends the chunk and hands over what it found. */
static void
replay_finish(struct api_replay *r, struct push_event *const *events,
    size_t count, int64_t upto)
{
	struct push_session *session = r->session;

	r->done(r->arg);
	replay_free(r);
	push_session_replay(session, events, count, upto);
}

/* Chunks. */

static struct push_event **
events_take(const struct db_result *result)
{
	struct push_event **events;
	struct api_log_rows rows;

	if (result->rows == 0)
		return NULL;
	events = base_alloc_array((size_t)result->rows, sizeof(*events));
	api_log_rows_init(&rows, result);
	for (int i = 0; i < result->rows; i++)
		events[i] = api_log_rows_event(&rows, i);
	return events;
}

static void
events_give(struct push_event **events, size_t count)
{
	for (size_t i = 0; i < count; i++)
		push_event_unref(events[i]);
	base_free(events);
}

/* The place that these rows bring a reader of `r` to. */
static int64_t
chunk_end(const struct api_replay *r, const struct db_result *result)
{
	int last = result->rows - 1;

	if (last < 0 ||
	    !db_result_bool(result, last, db_result_column(result, "more")))
		return r->upto;
	return db_result_i64(result, last, db_result_column(result, "id"));
}

static void
chunk_done(const struct db_result *result, void *arg)
{
	struct api_replay *r = arg;
	struct api_replays *all = r->replays;
	struct push_event **events;
	size_t rows;

	TAILQ_REMOVE(&all->running, r, link);
	all->running_count--;
	r->query = NULL;
	TAILQ_INSERT_HEAD(&all->waiting, r, link);
	all->stats.waiting++;
	if (result->status != DB_OK) {
		if (result->status == DB_ERROR)
			base_log_error("replay failed", "sqlstate=%s",
			    result->sqlstate != NULL ? result->sqlstate : "-");
		retry_later(all);
		return;
	}
	rows = (size_t)result->rows;
	all->stats.chunks++;
	all->stats.events += rows;
	events = events_take(result);
	replay_finish(r, events, rows, chunk_end(r, result));
	events_give(events, rows);
	pump_ask(all);
}

static void
chunk_start(struct api_replays *all, struct api_replay *r)
{
	char after[24], upto[24], limit[16], bytes[24];
	const char *values[] = { r->topics, after, upto, limit, bytes };

	snprintf(after, sizeof(after), "%lld", (long long)r->after);
	snprintf(upto, sizeof(upto), "%lld", (long long)r->upto);
	snprintf(limit, sizeof(limit), "%u", r->limit);
	snprintf(bytes, sizeof(bytes), "%zu", r->bytes);
	TAILQ_REMOVE(&all->waiting, r, link);
	all->stats.waiting--;
	TAILQ_INSERT_TAIL(&all->running, r, link);
	all->running_count++;
	r->query =
	    db_query_start(all->pool, all->replay, values, chunk_done, r);
}

/* Scans. */

static void scan_read(struct api_replays *);

static void
scan_forget(struct scan *s)
{
	events_give(s->events, s->count);
	s->events = NULL;
	s->count = s->cap = s->bytes = 0;
	for (size_t i = 0; i < s->change_count; i++)
		push_event_unref(s->changes[i].event);
	base_free(s->changes);
	s->changes = NULL;
	s->change_count = 0;
}

void
api_replays_replace(struct api_replays *all, int64_t id, struct push_event *e)
{
	struct scan *s = &all->scan;

	if (s->query == NULL)
		return;
	s->changes = base_realloc(
	    s->changes, (s->change_count + 1) * sizeof(*s->changes));
	s->changes[s->change_count++] =
	    (struct change){ id, e != NULL ? push_event_ref(e) : NULL };
}

static void
scan_add(struct api_replays *all, struct push_event *e)
{
	struct scan *s = &all->scan;

	if (s->count == s->cap) {
		s->cap = s->cap > 0 ? s->cap * 2 : 1024;
		s->events =
		    base_realloc(s->events, s->cap * sizeof(*s->events));
	}
	s->events[s->count++] = e;
	s->bytes += e->bytes;
}

/* Drops the oldest half when it is more than the ring will keep. */
static void
scan_bound(struct api_replays *all)
{
	struct scan *s = &all->scan;
	size_t half = s->count / 2;

	if (s->bytes <= all->ring_bytes || half == 0)
		return;
	s->floor = s->events[half - 1]->id;
	for (size_t i = 0; i < half; i++) {
		s->bytes -= s->events[i]->bytes;
		push_event_unref(s->events[i]);
	}
	s->count -= half;
	for (size_t i = 0; i < s->count; i++)
		s->events[i] = s->events[i + half];
}

/* Everybody who waits looks at the ring again; whoever is still too far back
 * asks anew. */
static void
scan_finish(struct api_replays *all)
{
	struct scan *s = &all->scan;
	int64_t floor = push_hub_ring_floor(all->hub);
	struct api_replay *r, *next;
	size_t count = s->count;

	while (count > 0 && s->events[count - 1]->id > floor)
		count--;
	push_hub_ring_extend(all->hub, s->events, count, s->floor);
	for (size_t i = 0; i < s->change_count; i++)
		push_hub_replace(
		    all->hub, s->changes[i].id, s->changes[i].event);
	all->stats.scans++;
	all->stats.events += s->count;
	base_log_info("ring filled from the log", "events=%zu", s->count);
	scan_forget(s);
	floor = push_hub_ring_floor(all->hub);
	for (r = TAILQ_FIRST(&all->waiting); r != NULL; r = next) {
		next = TAILQ_NEXT(r, link);
		if (r->after >= floor)
			replay_finish(r, NULL, 0, r->after);
	}
	pump_ask(all);
}

static void
scan_done(const struct db_result *result, void *arg)
{
	struct api_replays *all = arg;
	struct scan *s = &all->scan;
	struct api_log_rows rows;
	struct push_event *e;

	s->query = NULL;
	if (result->status != DB_OK) {
		scan_forget(s);
		retry_later(all);
		return;
	}
	api_log_rows_init(&rows, result);
	for (int i = 0; i < result->rows; i++) {
		e = api_log_rows_event(&rows, i);
		s->position = e->id;
		scan_add(all, e);
	}
	scan_bound(all);
	if (result->rows < SCAN_LIMIT ||
	    s->position >= push_hub_ring_floor(all->hub))
		scan_finish(all);
	else
		scan_read(all);
}

static void
scan_read(struct api_replays *all)
{
	char after[24], limit[16];
	const char *values[] = { after, limit };

	snprintf(after, sizeof(after), "%lld", (long long)all->scan.position);
	snprintf(limit, sizeof(limit), "%d", SCAN_LIMIT);
	all->scan.query =
	    db_query_start(all->pool, all->read, values, scan_done, all);
}

/* Begins a scan when enough of those who wait would be served by it. */
static void
scan_consider(struct api_replays *all)
{
	int64_t floor = push_hub_ring_floor(all->hub), from = floor;
	struct push_stats stats;
	struct api_replay *r;
	size_t near = 0;

	if (all->scan.query != NULL || all->stats.waiting < HERD)
		return;
	TAILQ_FOREACH (r, &all->waiting, link) {
		if (r->after < floor - SCAN_IDS || r->after >= floor)
			continue;
		near++;
		if (r->after < from)
			from = r->after;
	}
	push_hub_stats(all->hub, &stats);
	if (near < HERD || stats.ring_bytes > all->ring_bytes / 2)
		return;
	all->scan.floor = all->scan.position = from;
	scan_read(all);
}

/* Who may start now: all, but whom a scan under way will serve. */
static void
pump(void *arg)
{
	struct api_replays *all = arg;
	struct api_replay *r, *next;

	if (all->retry != NULL)
		return;
	scan_consider(all);
	for (r = TAILQ_FIRST(&all->waiting);
	     r != NULL && all->running_count < RUNNING_MAX; r = next) {
		next = TAILQ_NEXT(r, link);
		if (all->scan.query == NULL || r->after < all->scan.floor ||
		    r->after >= push_hub_ring_floor(all->hub))
			chunk_start(all, r);
	}
}

struct api_replay *
api_replay_start(struct api_replays *all, struct push_session *session,
    const struct push_replay *want, void (*done)(void *), void *arg)
{
	struct api_replay *r = base_alloc(sizeof(*r));
	struct base_buf topics = { 0 };

	r->replays = all;
	r->session = session;
	r->after = want->after;
	r->upto = want->upto;
	r->limit = want->limit;
	r->bytes = want->bytes;
	r->done = done;
	r->arg = arg;
	if (want->topics != NULL) {
		api_array_begin(&topics);
		for (size_t i = 0; i < want->topic_count; i++)
			api_array_add(&topics, want->topics[i]);
		api_array_end(&topics);
		r->topics = base_buf_take(&topics);
	}
	TAILQ_INSERT_TAIL(&all->waiting, r, link);
	all->stats.waiting++;
	pump_ask(all);
	return r;
}

void
api_replay_cancel(struct api_replay *r)
{
	struct api_replays *all;

	if (r == NULL)
		return;
	all = r->replays;
	replay_free(r);
	pump_ask(all);
}

struct api_replays *
api_replays_new(const struct api_replays_params *p)
{
	struct api_replays *all = base_alloc(sizeof(*all));

	all->loop = p->loop;
	all->pool = p->pool;
	all->hub = p->hub;
	all->ring_bytes = p->ring_bytes;
	all->replay = db_statement_find("events.replay");
	all->read = db_statement_find("events.read");
	all->pump.cb = pump;
	all->pump.arg = all;
	TAILQ_INIT(&all->waiting);
	TAILQ_INIT(&all->running);
	return all;
}

void
api_replays_free(struct api_replays *all)
{
	struct api_replay *r;

	if (all == NULL)
		return;
	while ((r = TAILQ_FIRST(&all->waiting)) != NULL ||
	    (r = TAILQ_FIRST(&all->running)) != NULL)
		replay_free(r);
	db_query_cancel(all->scan.query);
	scan_forget(&all->scan);
	base_timer_cancel(all->retry);
	base_task_cancel(&all->pump);
	base_free(all);
}

void
api_replays_stats(const struct api_replays *all, struct api_replays_stats *out)
{
	*out = all->stats;
}
