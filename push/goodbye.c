/* SPDX-License-Identifier: ISC */
/*
 * Closing.  begin() moves the session to CLOSING and queues the last words;
 * everything else happens at the end of turns: the door is told, the queue is
 * written, the peer's answer and then the end of its stream are awaited (a
 * close() before that could reset the connection and destroy the last words),
 * and the session is freed.  close_ms bounds all of it.
 */

#include <sys/socket.h>

#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/random.h"
#include "push/hub_private.h"

/* What an SSE client is told in `code`. */
static const char *
code_name(unsigned code)
{
	switch (code) {
	case PUSH_CLOSE_INTERNAL:
		return "internal";
	case PUSH_CLOSE_EXPIRED:
		return "token_expired";
	case PUSH_CLOSE_SUSPENDED:
		return "user_suspended";
	case PUSH_CLOSE_TOO_SLOW:
		return "too_slow";
	case PUSH_CLOSE_TOO_MANY:
		return "too_many_requests";
	case PUSH_CLOSE_POLICY:
		return "policy";
	default:
		return "closed";
	}
}

static bool
is_come_back(unsigned code)
{
	return code == PUSH_CLOSE_GOING_AWAY || code == PUSH_CLOSE_RESTART ||
	    code == PUSH_CLOSE_TRY_LATER;
}

static void
event_say(struct push_session *s, const char *type, const char *code)
{
	struct push_goodbye *g = s->goodbye;
	struct push_event_fields f = { .type = type };
	struct base_buf data;
	struct base_json j;
	struct push_event *e;

	if (code == NULL)
		f.retry_ms = 1 + base_random_below(s->hub->hint_ms + 1);
	base_buf_init(&data);
	base_json_init(&j, &data);
	base_json_object_begin(&j);
	if (code != NULL)
		base_json_put_str(&j, "code", code);
	else
		base_json_put_uint(&j, "after_ms", f.retry_ms);
	base_json_put_uint(&j, "close", g->code);
	base_json_put_str(&j, "detail", g->why);
	base_json_object_end(&j);
	f.data = base_buf_str(&data);
	e = push_event_new(&f);
	push_output_force(s, e);
	push_event_unref(e);
	base_buf_fini(&data);
}

static void
close_say(struct push_session *s, const char *why)
{
	uint8_t frame[PUSH_WS_CLOSE_SIZE];
	unsigned n = push_websocket_close(frame, s->goodbye->code, why);
	struct push_event *e = push_event_raw(frame, n);

	push_output_force(s, e);
	push_event_unref(e);
}

static void
enter(struct push_session *s, unsigned code, const char *why)
{
	struct push_goodbye *g = base_alloc(sizeof(*g));
	size_t len = why == NULL ? 0 : strlen(why);

	if (len >= sizeof(g->why))
		len = sizeof(g->why) - 1;
	if (len > 0)
		memcpy(g->why, why, len);
	g->code = code;
	g->deadline = push_pulse_in(s->hub, s->hub->p.close_ms);
	s->goodbye = g;
	s->want = PUSH_WANT_NOTHING;
	push_session_move(s, PUSH_CLOSING);
	push_pulse_arm(s);
	push_turn_ask(s);
}

static void
over(struct push_session *s)
{
	push_output_clear(s, false);
	s->goodbye->phase = PUSH_GOODBYE_OVER;
	push_turn_ask(s);
}

void
push_goodbye_begin(
    struct push_session *s, unsigned code, const char *why, bool await)
{
	if (s->state == PUSH_CLOSING)
		return;
	enter(s, code, why);
	if (!s->begun || s->fd < 0) {
		over(s);
		return;
	}
	if (is_come_back(code))
		event_say(s, "reconnect", NULL);
	else if (s->kind == PUSH_SSE && code != PUSH_CLOSE_NORMAL)
		event_say(s, "error", code_name(code));
	if (s->kind == PUSH_WEBSOCKET) {
		close_say(s, s->goodbye->why);
		/* Whose last word was heard says no other. */
		s->goodbye->await = await && !s->ended && s->parting == NULL;
	}
	push_parting_free(s);
}

void
push_goodbye_refuse(struct push_session *s, const void *http, size_t len)
{
	struct push_event *e;

	enter(s, PUSH_CLOSE_NORMAL, "refused");
	e = push_event_raw(http, len);
	push_output_force(s, e);
	push_event_unref(e);
}

void
push_goodbye_lost(struct push_session *s, unsigned code, const char *why)
{
	if (s->state != PUSH_CLOSING)
		enter(s, code, why);
	over(s);
}

void
push_goodbye_answer(struct push_session *s, unsigned code, const char *why)
{
	enter(s, code, why);
	close_say(s, NULL);
}

void
push_goodbye_answered(struct push_session *s)
{
	s->goodbye->await = false;
	push_turn_ask(s);
}

void
push_goodbye_cut(struct push_session *s)
{
	s->hub->stats.cut++;
	push_output_clear(s, true);
	push_goodbye_begin(
	    s, PUSH_CLOSE_TOO_SLOW, "too slow: come back and resume", false);
}

/* Tells the door, once, when the session is off the hub. */
static void
tell(struct push_session *s)
{
	struct push_goodbye *g = s->goodbye;

	if (g->told)
		return;
	g->told = true;
	push_session_unlist(s);
	if (s->ops->closed != NULL)
		s->ops->closed(s->arg, s, g->code, g->why);
}

void
push_goodbye_advance(struct push_session *s)
{
	struct push_goodbye *g = s->goodbye;

	tell(s);
	if (g->phase == PUSH_GOODBYE_WRITE) {
		push_output_run(s);
		if (s->queue.count == 0 && g->phase == PUSH_GOODBYE_WRITE)
			g->phase = PUSH_GOODBYE_AWAIT;
	}
	if (g->phase != PUSH_GOODBYE_OVER && s->unread)
		push_input_run(s);
	if (g->phase == PUSH_GOODBYE_AWAIT && (!g->await || s->ended)) {
		g->phase = PUSH_GOODBYE_LINGER;
		if (shutdown(s->fd, SHUT_WR) == -1)
			g->phase = PUSH_GOODBYE_OVER;
	}
	if (g->phase == PUSH_GOODBYE_OVER ||
	    (g->phase == PUSH_GOODBYE_LINGER && s->ended))
		push_goodbye_destroy(s);
}

void
push_goodbye_destroy(struct push_session *s)
{
	struct push_hub *hub = s->hub;

	push_session_unlist(s);
	if (s->fd >= 0) {
		base_loop_unwatch(hub->p.loop, s->fd);
		close(s->fd);
		s->fd = -1;
	}
	push_output_clear(s, false);
	push_input_free(s);
	push_parting_free(s);
	if (s->dirty)
		TAILQ_REMOVE(&hub->dirty, s, dirty_link);
	push_wheel_remove(&hub->wheel, &s->node);
	if (s->goodbye != NULL)
		hub->stats.closing--;
	base_free(s->goodbye);
	base_free(s->connection);
	base_free(s->user_topic);
	base_loop_free(hub->p.loop, s);
}
