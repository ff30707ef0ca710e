/* SPDX-License-Identifier: ISC */
/*
 * A stream from its start to its end: the start query and what is made of its
 * answer, and what the session tells.
 */

#include <inttypes.h>
#include <stdint.h>

#include "api/auth.h"
#include "api/engine_private.h"
#include "api/errors.h"
#include "api/metrics.h"
#include "api/session_start.h"
#include "api/stream_answer.h"
#include "api/stream_private.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#define QUOTED 160

/* The start. */

static void
register_stream(struct api_stream *s)
{
	const struct api_stream_request *r = &s->opening->request;
	struct api_registry_row row = { 0 };
	char user[QUOTED], platform[QUOTED];

	row.connection = push_session_connection(s->session);
	row.user = s->identity->user;
	row.kind = r->kind == API_STREAM_SOCKET ? "websocket" : "sse";
	row.platform = r->platform;
	row.app_version = r->app_version;
	row.address = r->remote_addr;
	row.user_agent = r->user_agent;
	row.connected_us = base_clock_wall_us();
	s->registration = api_registry_opened(s->streams->registry, &row);
	api_metrics_count(api_engine_metrics(s->streams->engine),
	    API_COUNT_STREAMS_OPENED, 1);
	base_log_info("stream opened",
	    "request=%s connection=%s user=%s kind=%s platform=%s after=%" PRId64,
	    r->request_id, row.connection,
	    base_log_quote(user, sizeof(user), row.user), row.kind,
	    base_log_quote(platform, sizeof(platform), row.platform),
	    s->has_after ? s->after : 0);
}

static void
socket_reply(void *arg, const char *json, size_t len)
{
	struct api_stream *s = arg;

	push_session_reply(s->session, json, len);
}

/* What was asked is answered before a close; who asks faster than that waits. */
static void
socket_calls(void *arg, size_t count)
{
	struct api_stream *s = arg;

	push_session_owe(s->session, count > 0);
	push_session_hold(s->session, count >= API_SOCKET_CALLS_MAX);
}

static void
socket_flooded(void *arg)
{
	struct api_stream *s = arg;

	push_session_close(s->session, PUSH_CLOSE_TOO_MANY,
	    "too many requests: come back slower");
}

static void
socket_make(struct api_stream *s)
{
	struct api_socket_params p = { 0 };

	s->platform = base_strdup(api_registry_platform(s->registration));
	s->remote_addr = base_strdup(api_registry_address(s->registration));
	p.identity = s->identity;
	p.connection_id = push_session_connection(s->session);
	p.remote_addr = s->remote_addr;
	p.platform = s->platform;
	p.reply = socket_reply;
	p.calls = socket_calls;
	p.flooded = socket_flooded;
	p.arg = s;
	s->socket = api_socket_new(s->streams->sockets, &p);
}

static void
session_start(struct api_stream *s, const struct api_session_start *start)
{
	struct base_buf head = { 0 };
	struct push_start p = { 0 };

	p.topics = start->topics;
	p.from = start->from;
	p.topic_count = start->topic_count;
	p.end_id = start->end_id;
	p.floor_id = start->floor_id;
	p.rewritten_id = start->rewritten_id;
	p.visits = (const char *const *)s->topics.names;
	p.visit_from = s->topics.from;
	p.visit_count = api_topics_visits(&s->topics);
	p.visit_checked = s->topics.checked;
	p.effects = start->effects;
	p.effect_count = start->effect_count;
	p.has_after = s->has_after;
	p.after = s->after;
	if (s->opening != NULL) {
		api_stream_answer_accept(
		    &s->opening->request, s->opening->cors, &head);
		p.head = head.data;
		p.head_len = head.len;
		p.window_bits = s->opening->request.window_bits;
	}
	push_session_start(s->session, &p);
	base_buf_fini(&head);
	if (s->opening == NULL)
		return;
	register_stream(s);
	api_stream_opening_free(s);
}

static void
start_refuse(struct api_stream *s, const char *code)
{
	if (s->opening != NULL)
		api_stream_refuse_code(s, code, NULL);
	else
		push_session_close(
		    s->session, PUSH_CLOSE_TRY_LATER, "come back and resume");
}

static void
start_failed(struct api_stream *s, const struct db_result *r)
{
	start_refuse(s,
	    api_engine_db_error(s->streams->engine, "sessions.start", r)->code);
}

/* A right to read that was looked up a moment ago may be gone by now. */
static bool
door_shut(const struct api_stream *s)
{
	return s->opening != NULL && api_topics_visits(&s->topics) > 0 &&
	    push_hub_shut(s->streams->hub) > s->topics.checked;
}

static void
start_done(const struct db_result *r, int row, void *arg)
{
	struct api_stream *s = arg;
	struct api_session_start start;

	s->start = NULL;
	if (r->status != DB_OK || row < 0) {
		start_failed(s, r);
		return;
	}
	if (door_shut(s)) {
		start_refuse(s, "overloaded");
		return;
	}
	if (api_session_start_read(&start, r, row)) {
		api_topics_choose(&s->topics, &start);
		session_start(s, &start);
	} else
		start_failed(s, r);
	api_session_start_fini(&start);
}

void
api_stream_start(struct api_stream *s)
{
	/* An impossible cursor leads to `reset`: its effects matter to
	 * nobody. */
	int64_t after = s->has_after && s->after >= 0 ? s->after : INT64_MAX;

	s->start = api_session_start_ask(
	    s->streams->starts, s->identity->user, after, start_done, s);
}

/* The answer to the start query came too late for the ring. */
static void
session_restart(void *arg, struct push_session *session, int64_t after)
{
	struct api_stream *s = arg;

	(void)session;
	s->has_after = true;
	s->after = after;
	api_stream_start(s);
}

/* What the session tells. */

static void
session_text(
    void *arg, struct push_session *session, const char *text, size_t len)
{
	struct api_stream *s = arg;

	(void)session;
	if (s->registration == NULL)
		return; /* it has not started */
	if (s->socket == NULL)
		socket_make(s);
	api_socket_receive(s->socket, text, len);
}

static void
replay_done(void *arg)
{
	struct api_stream *s = arg;

	s->replay = NULL;
}

static void
session_replay(
    void *arg, struct push_session *session, const struct push_replay *want)
{
	struct api_stream *s = arg;

	s->replay = api_replay_start(
	    s->streams->replays, session, want, replay_done, s);
}

void
api_stream_free(struct api_stream *s)
{
	api_stream_opening_free(s);
	if (s->start != NULL)
		api_batch_cancel(s->start);
	api_replay_cancel(s->replay);
	api_socket_free(s->socket);
	api_topics_fini(&s->topics);
	base_free(s->platform);
	base_free(s->remote_addr);
	base_free(s->ticket_hash);
	api_identity_unref(s->identity);
	LIST_REMOVE(s, link);
	s->streams->count--;
	base_free(s);
}

static void
session_closed(
    void *arg, struct push_session *session, unsigned code, const char *why)
{
	struct api_stream *s = arg;
	char user[QUOTED], reason[QUOTED];

	if (s->registration != NULL) {
		base_log_info("stream closed",
		    "connection=%s user=%s code=%u why=%s seconds=%" PRIu64,
		    push_session_connection(session),
		    base_log_quote(user, sizeof(user), s->identity->user), code,
		    base_log_quote(reason, sizeof(reason), why),
		    (base_clock_ms() - s->opened_ms) / 1000);
		api_registry_closed(
		    s->streams->registry, s->registration, code);
		if (code == PUSH_CLOSE_FORBIDDEN ||
		    code == PUSH_CLOSE_SUSPENDED)
			api_stream_ticket_end(s);
	}
	api_stream_free(s);
}

const struct push_session_ops api_stream_session_ops = {
	.text = session_text,
	.replay = session_replay,
	.restart = session_restart,
	.closed = session_closed,
};
