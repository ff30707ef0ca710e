/* SPDX-License-Identifier: ISC */
/* Sessions: opening, who it is, and what a door may ask of one. */

#include "push/session.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <assert.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/random.h"
#include "push/hub_private.h"

/* The count of sessions in a state; NULL if none is kept. */
static uint64_t *
state_count(struct push_hub *hub, uint8_t state)
{
	switch ((enum push_state)state) {
	case PUSH_STARTING:
		return &hub->stats.starting;
	case PUSH_REPLAYING:
		return &hub->stats.replaying;
	case PUSH_LIVE:
		return &hub->stats.live;
	case PUSH_CLOSING:
		return &hub->stats.closing;
	}
	return NULL;
}

void
push_session_move(struct push_session *s, enum push_state state)
{
	(*state_count(s->hub, s->state))--;
	s->state = (uint8_t)state;
	(*state_count(s->hub, s->state))++;
	if (state == PUSH_CLOSING)
		s->hub->stats.now[s->kind]--;
}

/* The loop says that the socket is ready. */
static void
handle(void *watch, int hangup)
{
	struct push_session *s = watch;

	if (s->blocked && (s->watch.ready & BASE_WRITE)) {
		s->blocked = false;
		push_turn_ask(s);
	}
	/* Who has sent messages already, and then closed its own side, is
	 * answered as later. */
	if (s->state == PUSH_STARTING && hangup && !push_input_waits(s))
		push_goodbye_lost(s, PUSH_CLOSE_ABNORMAL, "peer closed");
	else if (hangup || (s->watch.ready & BASE_READ))
		push_input_run(s);
}

/* A peer that vanished must not hold unacknowledged bytes for the quarter of an
 * hour that TCP would try.  Other sockets refuse these options, which is
 * fine. */
static void
socket_prepare(const struct push_hub *hub, int fd)
{
	unsigned timeout = hub->p.dead_ms;
	int one = 1;

	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	(void)setsockopt(
	    fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout, sizeof(timeout));
}

static void
resume_new(struct push_session *s)
{
	s->resume = base_alloc(sizeof(*s->resume));
	push_follow_init(&s->resume->follow, NULL);
}

struct push_session *
push_session_open(struct push_hub *hub, const struct push_session_params *p)
{
	struct push_session *s = base_alloc(sizeof(*s));

	assert((p->fd >= 0) != (p->kind == PUSH_SINK));
	s->hub = hub;
	s->fd = p->fd;
	s->kind = (uint8_t)p->kind;
	s->queue.kind = s->kind;
	s->ops = p->ops;
	s->arg = p->arg;
	s->connection = base_strdup(p->connection);
	s->watch.handle = handle;
	resume_new(s);
	hub->stats.now[s->kind]++;
	hub->stats.opened[s->kind]++;
	hub->stats.starting++;
	base_map_put(
	    &hub->connections, s->connection, strlen(s->connection), s);
	if (hub->draining)
		s->leave_tick =
		    push_pulse_in(hub, base_random_below(hub->drain_ms + 1));
	push_pulse_begin(s);
	if (p->first_len > 0)
		push_input_keep(s, p->first, p->first_len);
	if (s->fd >= 0) {
		socket_prepare(hub, s->fd);
		base_loop_watch(hub->p.loop, s->fd, &s->watch,
		    BASE_READ | BASE_WRITE | BASE_EDGE);
	}
	return s;
}

void
push_session_refuse(struct push_session *s, const void *http, size_t len)
{
	if (s->state == PUSH_STARTING)
		push_goodbye_refuse(s, http, len);
}

void
push_session_identify(struct push_session *s, const struct push_identity *who)
{
	struct push_follow *f;

	if (s->state != PUSH_STARTING)
		return;
	f = &s->resume->follow;
	push_follow_fini(f);
	push_follow_init(f, who->user);
	if (who->user != NULL && s->user_topic == NULL)
		s->user_topic = base_strdup(f->user_topic);
	s->everything = who->everything;
	s->restricted = who->only != NULL;
	if (who->everything)
		push_follow_everything(f);
	if (who->only != NULL)
		push_follow_restrict(f, who->only, who->only_count);
	if (who->heartbeat_s > 0) {
		s->beat_tick =
		    push_pulse_in(s->hub, UINT64_C(1000) * who->heartbeat_s);
		s->beat_ticks = s->beat_tick - s->hub->tick;
	}
	push_session_expires(s, who->expires_at);
}

void
push_session_expires(struct push_session *s, int64_t at)
{
	int64_t left_ms;

	s->warned = false;
	s->expiry_tick = 0;
	if (at > 0) {
		if (at > INT64_MAX / 1000000)
			at = INT64_MAX / 1000000;
		left_ms = (at * 1000000 - base_clock_wall_us()) / 1000;
		s->expiry_tick =
		    push_pulse_in(s->hub, left_ms > 0 ? (uint64_t)left_ms : 0);
	}
	push_pulse_arm(s);
}

void
push_session_unlist(struct push_session *s)
{
	struct push_hub *hub = s->hub;
	size_t len = strlen(s->connection);

	if (base_map_get(&hub->connections, s->connection, len) == s)
		base_map_remove(&hub->connections, s->connection, len);
	push_topic_leave_all(&hub->topics, &s->memberships);
	push_later_drop(s, NULL);
	if (s->only != NULL)
		push_nameset_fini(s->only);
	base_free(s->only);
	s->only = NULL;
	push_resume_free(s);
}

static bool
is_own(const struct push_session *s, const char *topic)
{
	return s->user_topic != NULL && strcmp(topic, s->user_topic) == 0;
}

static void
live_join(struct push_session *s, const char *topic, enum push_listening how,
    int64_t from, int64_t checked)
{
	if (checked > s->hub->cursor)
		push_later_add(s, topic, how, from, checked);
	else
		push_topic_join(&s->hub->topics, push_topic_hash(topic), topic,
		    &s->memberships, how)
		    ->from = push_seq_from(from);
}

void
push_session_join(struct push_session *s, const char *topic, int64_t from)
{
	if (s->state == PUSH_CLOSING || s->everything)
		return;
	if (s->state == PUSH_LIVE)
		live_join(s, topic, PUSH_LISTENS, from, 0);
	else
		push_follow_add(
		    &s->resume->follow, topic, s->hub->cursor, from);
}

bool
push_session_subscribe(
    struct push_session *s, const char *topic, int64_t from, int64_t checked)
{
	int64_t left;

	if (s->state == PUSH_CLOSING || s->everything)
		return true;
	left = s->state == PUSH_LIVE ? s->left_id : s->resume->follow.left_id;
	if (left > checked && !is_own(s, topic))
		return push_session_follows(s, topic);
	/* Up to where it was looked up membership alone decides. */
	if (is_own(s, topic))
		push_session_join(s, topic, from);
	else if (s->state == PUSH_LIVE)
		live_join(s, topic, PUSH_LISTENS, from, checked);
	else
		push_follow_add(&s->resume->follow, topic, checked, from);
	return true;
}

bool
push_session_visit(
    struct push_session *s, const char *topic, int64_t from, int64_t checked)
{
	if (s->hub->shut_id > checked)
		return false;
	if (s->state == PUSH_CLOSING || s->everything)
		return true;
	if (s->state == PUSH_LIVE)
		live_join(s, topic, PUSH_VISITS, from, checked);
	else
		push_follow_visit(&s->resume->follow, topic,
		    checked > s->hub->cursor ? checked : s->hub->cursor, from,
		    checked);
	return true;
}

void
push_session_leave(struct push_session *s, const char *topic)
{
	struct push_listener *l;
	struct push_topic *t;

	if (s->state == PUSH_CLOSING || s->everything)
		return;
	if (s->state != PUSH_LIVE) {
		push_follow_remove(&s->resume->follow, topic, s->hub->cursor);
		return;
	}
	push_later_drop(s, topic);
	t = push_topic_find(&s->hub->topics, push_topic_hash(topic), topic);
	if (t == NULL)
		return;
	/* The own topic brings joins and leaves, so it is only silenced. */
	if (!is_own(s, topic))
		push_topic_leave(&s->hub->topics, t, &s->memberships);
	else if ((l = push_topic_listener(t, &s->memberships)) != NULL)
		l->silent = true;
}

bool
push_session_follows(const struct push_session *s, const char *topic)
{
	struct push_listener *l;
	struct push_topic *t;

	if (s->state == PUSH_CLOSING)
		return false;
	if (s->everything)
		return true;
	if (s->state != PUSH_LIVE)
		return push_follow_has(&s->resume->follow, topic);
	t = push_topic_find(&s->hub->topics, push_topic_hash(topic), topic);
	if (t == NULL)
		return false;
	l = push_topic_listener(t, &s->memberships);
	return l != NULL && !l->silent;
}

void
push_session_reply(struct push_session *s, const char *text, size_t len)
{
	if (s->kind == PUSH_WEBSOCKET)
		push_output_give(s,
		    push_event_text(
			text, len, s->hub->deflate, s->window_bits));
}

void
push_session_event(struct push_session *s, const char *type, const char *data)
{
	struct push_event_fields f = { .type = type, .data = data };

	push_output_give(s, push_event_new(&f));
}

void
push_session_touch(struct push_session *s)
{
	s->touched = true;
	s->input_tick = s->hub->tick;
	push_pulse_arm(s);
}

void
push_session_hold(struct push_session *s, bool hold)
{
	s->held = hold;
	if (!hold && s->unread)
		push_turn_ask(s);
}

void
push_session_owe(struct push_session *s, bool owes)
{
	s->owing = owes;
	if (owes || s->state == PUSH_CLOSING)
		return;
	push_parting_run(s);
	if (s->ended)
		push_turn_ask(s);
}

void
push_session_close(struct push_session *s, unsigned code, const char *why)
{
	push_goodbye_begin(s, code, why, true);
}

const char *
push_session_connection(const struct push_session *s)
{
	return s->connection;
}

const char *
push_session_user(const struct push_session *s)
{
	return s->user_topic == NULL ? NULL : s->user_topic + strlen("user:");
}

enum push_kind
push_session_kind(const struct push_session *s)
{
	return (enum push_kind)s->kind;
}

enum push_state
push_session_state(const struct push_session *s)
{
	return (enum push_state)s->state;
}

void *
push_session_arg(const struct push_session *s)
{
	return s->arg;
}

size_t
push_session_queued(const struct push_session *s)
{
	return s->queue.bytes;
}
