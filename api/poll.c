/* SPDX-License-Identifier: ISC */

/*
 * One look into the log: what the user followed at their cursor, the joins and
 * leaves since, the events of those topics in order, and, when that was nothing
 * and the process has a hub, a wait for the next.
 */

#include "api/poll.h"

#include <sys/uio.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/array.h"
#include "api/call.h"
#include "api/engine_private.h"
#include "api/errors.h"
#include "api/log_rows.h"
#include "api/poll_wait.h"
#include "api/session_start.h"
#include "api/stream.h"
#include "api/stream_private.h"
#include "base/arena.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/random.h"
#include "db/query.h"
#include "push/follow.h"
#include "push/sse.h"

#define LIMIT 100
#define LIMIT_SSE 500
#define PAGE_BYTES "1048576"
#define RETRY_MS 2000 /* to twice this: the pace of SSE by polling */
#define WAIT_MAX_S 25
#define TOPICS_MAX 100

/* Lives as long as its call, in the call's arena. */
struct poll {
	struct api_call *call;
	struct api_engine *engine;
	const struct api_identity *who;
	const char *user;
	bool sse;
	bool has_after;
	int64_t after;
	int64_t end; /* of the log, as of the start query */
	size_t limit;
	uint32_t wait_s;
	bool everything;
	struct api_topics topics; /* no names: not restricted */

	/* Non-NULL = in flight; one at a time. */
	struct api_topics_query *naming;
	struct db_query *query;
	struct api_poll_wait *wait;

	struct push_follow follow;
	int64_t next;		    /* the client's next cursor */
	struct push_event **events; /* owned, with a reference each */
	size_t count;
};

static void replay_ask(struct poll *);

static void
poll_end(void *arg)
{
	struct poll *p = arg;

	api_topics_cancel(p->naming);
	db_query_cancel(p->query);
	api_poll_wait_cancel(p->wait);
	api_topics_fini(&p->topics);
	push_follow_fini(&p->follow);
	for (size_t i = 0; i < p->count; i++)
		push_event_unref(p->events[i]);
	base_free(p->events);
}

/* Answers. */

static void
json_write(const struct poll *p, struct base_buf *out)
{
	struct base_json j;

	base_json_init(&j, out);
	base_json_object_begin(&j);
	base_json_key(&j, "data");
	base_json_array_begin(&j);
	for (size_t i = 0; i < p->count; i++)
		base_json_raw(&j, p->events[i]->json, p->events[i]->json_len);
	base_json_array_end(&j);
	base_json_put_int(&j, "next", p->next);
	base_json_object_end(&j);
}

/* An `id:` without data moves the reader's place and shows nothing. */
static void
sse_write(const struct poll *p, struct base_buf *out)
{
	struct iovec iov[2];
	unsigned parts;

	base_buf_printf(
	    out, "retry: %u\n\n", RETRY_MS + base_random_below(RETRY_MS));
	for (size_t i = 0; i < p->count; i++) {
		parts = push_event_iov(p->events[i], PUSH_SSE, 0, iov);
		for (unsigned k = 0; k < parts; k++)
			base_buf_append(out, iov[k].iov_base, iov[k].iov_len);
	}
	base_buf_printf(out, "id: %lld\n\n", (long long)p->next);
}

static void
answer(struct poll *p)
{
	struct base_buf body = { 0 };

	api_call_header_add(p->call, "Cache-Control",
	    p->sse ? "no-store, no-transform" : "no-store");
	if (p->sse) {
		api_call_header_add(p->call, "X-Accel-Buffering", "no");
		sse_write(p, &body);
	} else
		json_write(p, &body);
	api_call_body_set(p->call,
	    p->sse ? "text/event-stream" : "application/json", body.data,
	    body.len);
	base_buf_fini(&body);
	api_call_resume(p->call, API_HOOK_GO_ON);
}

static void
fail(struct poll *p, const char *code, const char *field, const char *detail)
{
	api_call_resume(p->call, api_call_refuse(p->call, code, field, detail));
}

static void
fail_query(struct poll *p, const char *what, const struct db_result *r)
{
	fail(p, api_engine_db_error(p->engine, what, r)->code, NULL, NULL);
}

static void
event_keep(struct poll *p, struct push_event *e)
{
	p->events =
	    base_realloc(p->events, (p->count + 1) * sizeof(*p->events));
	p->events[p->count++] = push_event_ref(e);
}

/* Waiting. */

static void
wait_over(void *arg, struct push_event *const *events, size_t count)
{
	struct poll *p = arg;

	p->wait = NULL;
	for (size_t i = 0; i < count && p->count < p->limit; i++) {
		event_keep(p, events[i]);
		if (events[i]->id > 0)
			p->next = events[i]->id;
	}
	answer(p);
}

/* Nothing happened yet. */
static void
wait_start(struct poll *p)
{
	struct api_streams *all = api_engine_streams(p->engine);
	struct api_poll_wait_params w = { 0 };

	if (p->wait_s == 0 || all == NULL || p->sse) {
		answer(p);
		return;
	}
	w.user = p->user;
	w.after = p->next;
	w.everything = p->everything;
	w.topics = p->topics.names != NULL ? &p->topics : NULL;
	w.wait_ms = p->wait_s * 1000;
	w.over = wait_over;
	w.arg = p;
	p->wait = api_poll_wait_start(all->poll_waits, &w);
}

/* Reading. */

static void
rows_take(struct poll *p, const struct db_result *r)
{
	struct api_log_rows rows;
	struct push_event *e;

	api_log_rows_init(&rows, r);
	for (int row = 0; row < r->rows; row++) {
		e = api_log_rows_event(&rows, row);
		if (push_follow_offer(&p->follow, e))
			event_keep(p, e);
		p->next = e->id;
		push_event_unref(e);
	}
	if (r->rows == 0 ||
	    !db_result_bool(r, r->rows - 1, db_result_column(r, "more")))
		p->next = p->end;
}

static void
replay_done(const struct db_result *r, void *arg)
{
	struct poll *p = arg;

	p->query = NULL;
	if (r->status != DB_OK) {
		fail_query(p, "events.replay", r);
		return;
	}
	rows_take(p, r);
	if (p->count > 0)
		answer(p);
	else if (p->next < p->end)
		replay_ask(p); /* a page of what is not followed any more */
	else
		wait_start(p);
}

static void
replay_ask(struct poll *p)
{
	char after[24], upto[24], limit[16];
	const char *values[] = { NULL, after, upto, limit, PAGE_BYTES };
	struct base_buf list = { 0 };
	const char **topics;
	size_t count;

	snprintf(after, sizeof(after), "%lld", (long long)p->next);
	snprintf(upto, sizeof(upto), "%lld", (long long)p->end);
	snprintf(limit, sizeof(limit), "%zu", p->limit);
	if (!p->everything) {
		topics = push_follow_topics(&p->follow, &count);
		api_array_begin(&list);
		for (size_t i = 0; i < count; i++)
			api_array_add(&list, topics[i]);
		api_array_end(&list);
		base_free(topics);
		values[0] = list.data;
	}
	p->query = db_query_start(api_engine_pool(p->engine),
	    db_statement_find("events.replay"), values, replay_done, p);
	base_buf_fini(&list);
}

/* The log does not reach back to the cursor. */
static void
reset_answer(struct poll *p)
{
	struct push_event_fields f = { 0 };
	struct push_event *e;
	char data[48];

	snprintf(
	    data, sizeof(data), "{\"last_event_id\":%lld}", (long long)p->end);
	f.type = "reset";
	f.data = data;
	f.sse_id = p->end;
	e = push_event_new(&f);
	event_keep(p, e);
	push_event_unref(e);
	p->next = p->end;
	answer(p);
}

static void
follow_start(struct poll *p, const struct api_session_start *start)
{
	const struct push_following now = { .topics = start->topics,
		.from = start->from,
		.topic_count = start->topic_count,
		.effects = start->effects,
		.effect_count = start->effect_count };

	if (p->everything)
		push_follow_everything(&p->follow);
	if (p->topics.names != NULL)
		push_follow_restrict(&p->follow,
		    (const char *const *)p->topics.names, p->topics.count);
	for (size_t i = 0; i < api_topics_visits(&p->topics); i++)
		push_follow_visit(&p->follow, p->topics.names[i], p->after,
		    p->topics.from[i], p->topics.checked);
	push_follow_start(&p->follow, &now, p->after);
}

static void
start_take(struct poll *p, struct api_session_start *start)
{
	p->end =
	    start->end_id > start->floor_id ? start->end_id : start->floor_id;
	p->next = p->has_after ? p->after : p->end;
	if (!p->has_after) {
		answer(p);
		return;
	}
	if (p->after < start->floor_id || p->after > p->end) {
		reset_answer(p);
		return;
	}
	api_topics_choose(&p->topics, start);
	follow_start(p, start);
	replay_ask(p);
}

static void
start_done(const struct db_result *r, void *arg)
{
	struct poll *p = arg;
	struct api_session_start start;

	p->query = NULL;
	if (r->status != DB_OK || r->rows != 1) {
		fail_query(p, "sessions.start", r);
		return;
	}
	if (api_session_start_read(&start, r, 0))
		start_take(p, &start);
	else
		fail(p, "internal", NULL, NULL);
	api_session_start_fini(&start);
}

static void
start_ask(struct poll *p)
{
	struct base_buf users = { 0 };
	char after[32];
	const char *values[2];

	snprintf(after, sizeof(after), "{%lld}",
	    (long long)(p->has_after ? p->after : INT64_MAX));
	api_array_begin(&users);
	api_array_add(&users, p->user);
	api_array_end(&users);
	values[0] = users.data;
	values[1] = after;
	p->query = db_query_start(api_engine_pool(p->engine),
	    db_statement_find("sessions.start"), values, start_done, p);
	base_buf_fini(&users);
}

/* Asking. */

static void
topics_found(const struct api_topics_found *found, void *arg)
{
	struct poll *p = arg;

	p->naming = NULL;
	if (found->error != NULL) {
		fail(p, found->error->code, NULL, NULL);
		return;
	}
	if (found->missing != NULL) {
		struct base_arena *arena = api_call_arena(p->call);

		fail(p, "not_found",
		    base_arena_printf(arena, "topics[%zu]", found->missing_at),
		    base_arena_printf(arena,
			"There is no topic %s for this caller.",
			found->missing));
		return;
	}
	p->topics = *found->topics;
	memset(found->topics, 0, sizeof(*found->topics));
	start_ask(p);
}

static void
topics_ask(struct poll *p, const char *literal)
{
	const char *names[TOPICS_MAX];
	size_t count;

	count = api_topics_split(
	    api_call_arena(p->call), literal, names, TOPICS_MAX);
	p->naming = api_topics_ask(
	    p->engine, p->user, p->who->role, names, count, topics_found, p);
}

/* False: refused. */
static bool
after_take(struct poll *p)
{
	const char *last, *after;

	last = api_call_request_header(p->call, "Last-Event-ID");
	after = api_call_value(p->call, "after");
	if (last != NULL && *last != '\0') {
		if (!push_sse_last_id_parse(last, &p->after)) {
			(void)api_call_refuse(p->call, "invalid",
			    "Last-Event-ID", API_STREAM_LAST_ID_DETAIL);
			return false;
		}
		p->has_after = p->after >= 0;
	}
	if (!p->has_after && after != NULL) {
		p->has_after = true;
		p->after = strtoll(after, NULL, 10);
	}
	return true;
}

static size_t
number(const struct poll *p, const char *name, size_t fallback, size_t max)
{
	const char *value = api_call_value(p->call, name);
	size_t n = value != NULL ? strtoul(value, NULL, 10) : fallback;

	return n > max ? max : n;
}

static enum api_hook_next
events_list(struct api_call *call)
{
	enum api_stream_want want;
	const char *topics;
	struct poll *p;

	want = api_stream_want(api_call_request_header(call, "Accept"));
	if (want == API_STREAM_WANT_NEITHER)
		return api_call_refuse(call, "not_acceptable", NULL,
		    "There are text/event-stream and application/json.");
	topics = api_call_value(call, "topics");
	p = base_arena_alloc(api_call_arena(call), sizeof(*p));
	p->call = call;
	p->engine = api_call_engine(call);
	p->who = api_call_identity(call);
	p->user = api_call_user(call);
	p->sse = want == API_STREAM_WANT_STREAM;
	p->limit = number(p, "limit", p->sse ? LIMIT_SSE : LIMIT, 1000);
	p->wait_s = (uint32_t)number(p, "wait", 0, WAIT_MAX_S);
	p->everything = topics != NULL && strcmp(topics, "{\"all\"}") == 0;
	if (!after_take(p))
		return API_HOOK_REFUSED;
	if (p->everything && p->who->role == API_ROLE_USER)
		return api_call_refuse(call, "forbidden", "topics",
		    "Only services and admins may hear every topic.");
	push_follow_init(&p->follow, p->user);
	api_call_at_end(call, poll_end, p);
	if (topics != NULL && !p->everything)
		topics_ask(p, topics);
	else
		start_ask(p);
	return API_HOOK_PENDING;
}

const struct api_hook api_poll_hooks[] = {
	{ .operation = "events.list", .perform = events_list },
};

const size_t api_poll_hook_count = ARRAY_LEN(api_poll_hooks);
