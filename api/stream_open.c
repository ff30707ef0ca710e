/* SPDX-License-Identifier: ISC */
/*
 * A stream's beginning, step by step: who it is, whether they are mirrored,
 * whether they may hear the topics they named, what they follow; then it
 * starts.  Each step waits for one thing and leads to the next or to a refusal.
 */

#include <string.h>

#include "api/auth.h"
#include "api/batch.h"
#include "api/engine.h"
#include "api/errors.h"
#include "api/limit.h"
#include "api/metrics.h"
#include "api/seen.h"
#include "api/stream_answer.h"
#include "api/stream_private.h"
#include "api/suspension.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/random.h"
#include "db/result.h"

#define RETRY_S 2 /* of a 503, to twice this */
#define HOLD_MAX_MS 3000
#define HOLD_LOOK_MS 50
#define ADMITTED_MAX 128 /* before the shared start query */
#define QUOTED 160

static void step_identify(struct api_stream *);

/*
 * Turns.  A ticket and named topics cost each stream a statement of its own
 * before the start query; when thousands come at once, they would fill the
 * pool's queue and be refused.  So a bounded number is at it, and the others
 * wait.
 *
 * While the database is away all of them wait: those who return to a process
 * that has just started would be turned away by the thousand otherwise, to come
 * back in a moment.  Who has waited long enough is refused.
 */

static bool
database_away(const struct api_streams *all)
{
	return api_feed_cursor(all->feed) < 0 || !db_pool_ready(all->pool) ||
	    !api_suspensions_fresh(api_engine_suspensions(all->engine));
}

static void
turn_begin(struct api_stream *s)
{
	s->streams->opening++;
	s->opening->admitted = true;
	step_identify(s);
}

static void hold_begin(struct api_streams *all);

/* Those whose turn it is; nobody's while the database is away. */
static void
turns_give(struct api_streams *all)
{
	struct api_stream *s;

	if (!TAILQ_EMPTY(&all->waiting) && database_away(all))
		hold_begin(all);
	while (all->opening < ADMITTED_MAX && all->hold == NULL &&
	    (s = TAILQ_FIRST(&all->waiting)) != NULL) {
		TAILQ_REMOVE(&all->waiting, s, wait_link);
		s->opening->waiting = false;
		turn_begin(s);
	}
}

static void hold_look(void *arg);

static void
hold_begin(struct api_streams *all)
{
	if (all->hold == NULL)
		all->hold =
		    base_timer_start(all->loop, HOLD_LOOK_MS, hold_look, all);
}

static void
hold_look(void *arg)
{
	struct api_streams *all = arg;
	uint64_t now = base_clock_ms();
	struct api_stream *s;

	all->hold = NULL;
	if (!database_away(all)) {
		turns_give(all);
		return;
	}
	while ((s = TAILQ_FIRST(&all->waiting)) != NULL &&
	    now - s->opened_ms >= HOLD_MAX_MS)
		api_stream_refuse_code(s, "database_unavailable", NULL);
	if (!TAILQ_EMPTY(&all->waiting))
		hold_begin(all);
}

void
api_streams_hold_end(struct api_streams *all)
{
	base_timer_cancel(all->hold);
	all->hold = NULL;
}

static void
turn_wait(struct api_stream *s)
{
	struct api_streams *all = s->streams;

	s->opening->waiting = true;
	TAILQ_INSERT_TAIL(&all->waiting, s, wait_link);
	turns_give(all);
}

static void
turn_end(struct api_stream *s)
{
	struct api_streams *all = s->streams;

	if (s->opening->waiting)
		TAILQ_REMOVE(&all->waiting, s, wait_link);
	s->opening->waiting = false;
	if (!s->opening->admitted)
		return;
	s->opening->admitted = false;
	all->opening--;
	turns_give(all);
}

/* Refusals. */

void
api_stream_opening_free(struct api_stream *s)
{
	struct api_stream_opening *o = s->opening;

	if (o == NULL)
		return;
	turn_end(s);
	s->opening = NULL;
	if (o->identify != NULL)
		api_auth_identify_cancel(o->identify);
	if (o->seen != NULL)
		api_seen_cancel(o->seen);
	api_topics_cancel(o->topics);
	if (o->suspension != NULL)
		api_batch_cancel(o->suspension);
	api_stream_request_fini(&o->request);
	base_free(o);
}

static void
refuse(struct api_stream *s, const struct api_stream_refusal *why)
{
	struct api_stream_opening *o = s->opening;
	struct base_buf answer = { 0 };
	char user[QUOTED];
	int status;

	status = api_stream_answer_refuse(&o->request, why, o->cors, &answer);
	push_session_refuse(s->session, answer.data, answer.len);
	base_buf_fini(&answer);
	base_log_info("stream refused",
	    "request=%s user=%s kind=%s status=%d code=%s",
	    o->request.request_id,
	    base_log_quote(user, sizeof(user),
		s->identity != NULL ? s->identity->user : NULL),
	    o->request.kind == API_STREAM_SOCKET ? "websocket" : "sse", status,
	    why->code);
	api_metrics_count(api_engine_metrics(s->streams->engine),
	    API_COUNT_STREAMS_REFUSED, 1);
	api_stream_opening_free(s);
}

void
api_stream_refuse_code(
    struct api_stream *s, const char *code, const char *detail)
{
	struct api_stream_refusal why = { .code = code, .detail = detail };

	if (api_error_get(code)->status == 503)
		why.retry_s = RETRY_S + base_random_below(RETRY_S + 1);
	refuse(s, &why);
}

/* The user, or the address, asks too often. */
static void
refuse_rate(struct api_stream *s, const struct api_verdict *v)
{
	struct api_stream_refusal why = {
		.code = "rate_limited", .retry_s = v->retry_s, .verdict = v
	};

	refuse(s, &why);
}

/* The steps. */

static void
start(struct api_stream *s)
{
	const struct api_stream_request *r = &s->opening->request;
	struct push_identity who = { 0 };

	who.user = s->identity->user;
	who.expires_at = s->identity->expires_at;
	who.heartbeat_s = r->heartbeat_s;
	who.everything = r->all;
	if (r->topics != NULL) {
		who.only = (const char *const *)s->topics.names;
		who.only_count = s->topics.count;
	}
	push_session_identify(s->session, &who);
	s->has_after = r->has_after;
	s->after = r->after;
	turn_end(s);
	api_stream_start(s);
}

static void step_suspension(struct api_stream *s);

static void
suspension_checked(const struct db_result *r, int row, void *arg)
{
	struct api_stream *s = arg;
	struct api_engine *e = s->streams->engine;
	uint64_t version = s->opening->suspensions_version;

	s->opening->suspension = NULL;
	if (r->status != DB_OK || row < 0)
		api_stream_refuse_code(s, "database_unavailable", NULL);
	else if (db_result_value(r, row, db_result_column(r, "suspended")) !=
	    NULL)
		api_stream_refuse_code(s, "user_suspended", NULL);
	else if (api_suspensions_version(api_engine_suspensions(e)) == version)
		start(s);
	else
		step_suspension(s); /* the answer may be from before */
}

/* The last thing that is looked at: from here on the session is known by its
 * user, and is closed when they are suspended.  Who is in the set may have been
 * let in by an order that is not here yet. */
static void
step_suspension(struct api_stream *s)
{
	struct api_stream_opening *o = s->opening;
	struct api_engine *e = s->streams->engine;
	const struct api_suspensions *all = api_engine_suspensions(e);
	const char *values[] = { s->identity->user, s->identity->user };

	if (api_suspensions_until(all, values[0]) == 0) {
		start(s);
		return;
	}
	o->suspensions_version = api_suspensions_version(all);
	o->suspension = api_batch_start(
	    api_engine_suspension_checks(e), values, suspension_checked, s);
}

static void
topics_found(const struct api_topics_found *found, void *arg)
{
	struct api_stream *s = arg;
	struct api_stream_opening *o = s->opening;
	struct api_stream_refusal why = { 0 };

	o->topics = NULL;
	if (found->error != NULL) {
		api_stream_refuse_code(s, found->error->code, NULL);
		return;
	}
	if (found->missing == NULL) {
		s->topics = *found->topics;
		memset(found->topics, 0, sizeof(*found->topics));
		step_suspension(s);
		return;
	}
	why.code = "not_found";
	why.field = base_arena_printf(
	    &o->request.arena, "topics[%zu]", found->missing_at);
	why.detail = base_arena_printf(&o->request.arena,
	    "There is no topic %s for this caller.", found->missing);
	refuse(s, &why);
}

static void
step_topics(struct api_stream *s)
{
	struct api_stream_opening *o = s->opening;

	if (o->request.topics == NULL)
		step_suspension(s);
	else
		o->topics = api_topics_ask(s->streams->engine,
		    s->identity->user, s->identity->role, o->request.topics,
		    o->request.topic_count, topics_found, s);
}

static void
seen_done(const struct api_error *error, void *arg)
{
	struct api_stream *s = arg;

	s->opening->seen = NULL;
	if (error != NULL)
		api_stream_refuse_code(s, error->code, NULL);
	else
		step_topics(s);
}

static void
step_seen(struct api_stream *s)
{
	struct api_engine *e = s->streams->engine;

	if (api_seen_has(e, s->identity))
		step_topics(s);
	else
		s->opening->seen = api_seen_start(e, s->identity, seen_done, s);
}

/* The head of what a GET would begin with. */
static void
head_answer(struct api_stream *s)
{
	struct base_buf answer = { 0 };

	api_stream_answer_accept(
	    &s->opening->request, s->opening->cors, &answer);
	push_session_refuse(s->session, answer.data, answer.len);
	base_buf_fini(&answer);
	api_stream_opening_free(s);
}

/* Opening is a read, as the table of operations has it. */
static bool
may_open(struct api_stream *s)
{
	struct api_engine *e = s->streams->engine;
	struct api_verdict v =
	    api_limit_take(api_engine_limits(e), API_RATE_READ, s->identity);

	if (v.allowed)
		return true;
	api_metrics_count(api_engine_metrics(e), API_COUNT_RATE_LIMITED, 1);
	refuse_rate(s, &v);
	return false;
}

static void
step_admit(struct api_stream *s)
{
	static const struct api_stream_refusal everything = { .code =
								  "forbidden",
		.field = "topics",
		.detail = "Only services and admins may hear every topic." };
	struct api_stream_opening *o = s->opening;

	api_stream_ticket_taken(s);
	if (o->request.all && s->identity->role == API_ROLE_USER)
		refuse(s, &everything);
	else if (!may_open(s))
		return;
	else if (o->request.head)
		head_answer(s);
	else
		step_seen(s);
}

static void
identified(const struct api_identified *found, void *arg)
{
	struct api_stream *s = arg;

	s->opening->identify = NULL;
	s->identity = found->identity;
	if (found->error == NULL)
		step_admit(s);
	else if (found->error->status == 429)
		refuse_rate(s, &found->verdict);
	else
		api_stream_refuse_code(s, found->error->code, found->detail);
}

static void
step_identify(struct api_stream *s)
{
	struct api_stream_request *r = &s->opening->request;
	struct api_credentials c = { 0 };

	c.authorization = r->authorization;
	c.ticket = r->ticket;
	c.kept = api_stream_ticket_kept(s);
	c.again = r->came_back;
	c.user_agent = r->user_agent;
	c.origin = r->origin;
	c.remote_addr = r->remote_addr;
	if (r->kind == API_STREAM_SOCKET)
		c.subprotocol = r->subprotocol;
	s->opening->identify =
	    api_auth_identify(s->streams->engine, &c, identified, s);
}

/* The door. */

static bool
is_full(const struct api_streams *all)
{
	return all->sessions_max != 0 && all->count > all->sessions_max;
}

static void
stream_begin(struct api_stream *s, const struct api_stream_params *p)
{
	struct api_stream_opening *o = s->opening;
	struct api_stream_refusal why;
	const char *origin;
	bool fine;

	fine = api_stream_request_parse(&o->request, p, &why);
	origin = o->request.origin;
	o->cors = origin != NULL &&
	    api_engine_origin_allowed(s->streams->engine, origin);
	if (s->streams->draining)
		push_session_close(
		    s->session, PUSH_CLOSE_RESTART, "the server is drained");
	else if (origin != NULL && !o->cors)
		api_stream_refuse_code(s, "origin_not_allowed", NULL);
	else if (!fine)
		refuse(s, &why);
	else if (is_full(s->streams))
		api_stream_refuse_code(s, "overloaded", NULL);
	else
		turn_wait(s);
}

void
api_stream_open(struct api_streams *all, const struct api_stream_params *p)
{
	char connection[API_STREAM_CONNECTION_SIZE];
	struct push_session_params sp = { 0 };
	struct api_stream *s;

	s = base_alloc(sizeof(*s));
	s->streams = all;
	s->opened_ms = base_clock_ms();
	s->opening = base_alloc(sizeof(*s->opening));
	LIST_INSERT_HEAD(&all->list, s, link);
	all->count++;

	api_stream_connection_make(all, connection);
	sp.fd = p->fd;
	sp.kind = p->kind == API_STREAM_SOCKET ? PUSH_WEBSOCKET : PUSH_SSE;
	sp.connection = connection;
	sp.first = p->first;
	sp.first_len = p->first_len;
	sp.ops = &api_stream_session_ops;
	sp.arg = s;
	s->session = push_session_open(all->hub, &sp);
	stream_begin(s, p);
}
