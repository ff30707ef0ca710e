/* SPDX-License-Identifier: ISC */
/* Topics, ring and publishing. */

#include "push/hub.h"

#include <assert.h>
#include <string.h>

#include "base/mem.h"
#include "base/random.h"
#include "push/hub_private.h"
#include "push/sse.h"

static const struct push_hub_params defaults = {
	.ring_bytes = 16 << 20,
	.queue_bytes = 1 << 20,
	.message_bytes = 64 << 10,
	.sse_comment_ms = 15000,
	.ws_ping_ms = 25000,
	.dead_ms = 45000,
	.start_ms = 30000,
	.close_ms = 5000,
	.grace_ms = 5000,
	.expiry_warning_ms = 60000,
	.retry_ms = 2000,
	.missed_ms = 2000,
	.flush_us = 500,
	.replay_limit = 500,
	.replay_chunks = 400,
	.tick_ms = 250,
};

#define DEFAULT(field)                                 \
	do {                                           \
		if (hub->p.field == 0)                 \
			hub->p.field = defaults.field; \
	} while (0)

static void
params_fill(struct push_hub *hub, const struct push_hub_params *p)
{
	hub->p = *p;
	DEFAULT(ring_bytes);
	DEFAULT(queue_bytes);
	DEFAULT(message_bytes);
	DEFAULT(sse_comment_ms);
	DEFAULT(ws_ping_ms);
	DEFAULT(dead_ms);
	DEFAULT(start_ms);
	DEFAULT(close_ms);
	DEFAULT(grace_ms);
	DEFAULT(expiry_warning_ms);
	DEFAULT(retry_ms);
	DEFAULT(missed_ms);
	DEFAULT(flush_us);
	DEFAULT(replay_limit);
	DEFAULT(replay_chunks);
	DEFAULT(tick_ms);
}

struct push_hub *
push_hub_new(const struct push_hub_params *p)
{
	static const uint8_t ping[2] = { 0x80 | PUSH_WS_PING, 0 };
	struct push_hub *hub = base_alloc(sizeof(*hub));

	params_fill(hub, p);
	hub->hint_ms = hub->p.retry_ms;
	hub->ring.limit = hub->p.ring_bytes;
	TAILQ_INIT(&hub->dirty);
	TAILQ_INIT(&hub->later);
	hub->turn.cb = push_turn_run;
	hub->turn.arg = hub;
	hub->comment =
	    push_event_raw(PUSH_SSE_COMMENT, sizeof(PUSH_SSE_COMMENT) - 1);
	hub->ping = push_event_raw(ping, sizeof(ping));
	hub->deflate = push_deflate_new();
	hub->read = base_alloc(PUSH_READ_BYTES);
	return hub;
}

/* Any session, or NULL: the wheel holds them all. */
static struct push_session *
any_session(struct push_hub *hub)
{
	struct push_wheel_node *node;
	size_t i;

	for (i = 0; hub->wheel.count > 0 && i < PUSH_WHEEL_SLOTS; i++) {
		node = LIST_FIRST(&hub->wheel.slots[i]);
		if (node != NULL)
			return container_of(node, struct push_session, node);
	}
	return NULL;
}

void
push_hub_free(struct push_hub *hub)
{
	struct push_session *s;

	if (hub == NULL)
		return;
	while ((s = any_session(hub)) != NULL)
		push_goodbye_destroy(s);
	base_task_cancel(&hub->turn);
	base_timer_cancel(hub->timer);
	push_topics_fini(&hub->topics);
	push_ring_fini(&hub->ring);
	base_map_fini(&hub->connections);
	if (hub->decoder != NULL)
		push_websocket_fini(hub->decoder);
	base_free(hub->decoder);
	push_deflate_free(hub->deflate);
	push_event_unref(hub->comment);
	push_event_unref(hub->ping);
	base_free(hub->read);
	base_free(hub);
}

static struct push_session *
session_of(const struct push_listener *l)
{
	return container_of(l->who, struct push_session, memberships);
}

/* A live session that has not had this event. */
static bool
is_behind(const struct push_session *s, const struct push_event *e)
{
	return s->state == PUSH_LIVE && (e->id == 0 || e->id > s->position);
}

/* The event's user joins or leaves another topic: `own` is the user's.  Only
 * the listeners of that other topic change. */
static void
effect_apply(
    struct push_hub *hub, struct push_topic *own, const struct push_event *e)
{
	struct push_listener *l;
	struct push_topic *other;
	uint32_t i;

	for (i = 0; i < own->count; i++) {
		struct push_session *s =
		    session_of(&push_topic_listeners(own)[i]);

		if (!is_behind(s, e) || s->everything)
			continue;
		if (e->effect < 0) {
			s->left_id = e->id;
			other = push_topic_find(
			    &hub->topics, e->effect_hash, e->effect_topic);
			if (other != NULL)
				push_topic_leave(
				    &hub->topics, other, &s->memberships);
		} else if (!s->restricted ||
		    push_nameset_find(
			s->only, e->effect_hash, e->effect_topic) != NULL) {
			l = push_topic_join(&hub->topics, e->effect_hash,
			    e->effect_topic, &s->memberships, PUSH_LISTENS);
			if (e->seq != PUSH_SEQ_NONE)
				l->from = e->seq;
		}
	}
}

static void
deliver(
    struct push_topic *t, struct push_event *e, const struct push_session *skip)
{
	struct push_listener *l;
	uint32_t i;

	if (t == NULL)
		return;
	l = push_topic_listeners(t);
	for (i = 0; i < t->count; i++) {
		struct push_session *s = session_of(&l[i]);

		if (l[i].silent || l[i].from > e->seq || s == skip ||
		    !is_behind(s, e))
			continue;
		if (e->id > 0)
			s->position = e->id;
		push_output_put(s, e);
	}
}

/* Leaving puts the last listener into the hole, and the last one to leave ends
 * the topic. */
static void
visitors_leave(struct push_hub *hub, struct push_topic *t, struct push_event *e)
{
	uint32_t i = t->count;

	while (i-- > 0) {
		struct push_listener *l = &push_topic_listeners(t)[i];
		struct push_session *s = session_of(l);
		bool last = t->count == 1;

		if (!l->visits || !is_behind(s, e))
			continue;
		s->position = e->id;
		push_output_put(s, e);
		push_topic_leave(&hub->topics, t, &s->memberships);
		if (last)
			return;
	}
}

void
push_hub_publish(struct push_hub *hub, struct push_event *e)
{
	const struct push_session *skip = NULL;
	struct push_topic *t;

	assert(e->topic != NULL);
	if (e->id > 0 && e->id <= hub->cursor)
		return;
	if (!TAILQ_EMPTY(&hub->later))
		push_later_run(hub, e->id);
	if (e->id > 0) {
		hub->cursor = e->id;
		push_ring_put(&hub->ring, e);
	}
	hub->passed += e->ephemeral;
	hub->stats.published++;
	t = push_topic_find(&hub->topics, e->topic_hash, e->topic);
	if (e->skip_origin)
		skip = push_hub_find(hub, e->origin);
	if (push_event_shuts(e)) {
		hub->shut_id = e->id;
		if (t != NULL)
			visitors_leave(hub, t, e);
	} else {
		if (t != NULL && e->effect != 0)
			effect_apply(hub, t, e);
		deliver(t, e, skip);
	}
	deliver(push_topic_find(&hub->topics, push_topic_hash(PUSH_TOPIC_ALL),
		    PUSH_TOPIC_ALL),
	    e, skip);
}

static bool
is_excepted(const struct push_via *via, const struct push_session *s)
{
	for (size_t i = 0; i < via->except_count && s->user_topic != NULL;
	     i++) {
		if (strcmp(s->user_topic, via->except[i]) == 0)
			return true;
	}
	return false;
}

/* Those who have not had it by another topic. */
static void
deliver_once(struct push_hub *hub, const char *topic, struct push_event *e,
    const struct push_via *via)
{
	struct push_topic *t =
	    push_topic_find(&hub->topics, push_topic_hash(topic), topic);
	struct push_listener *l;
	uint32_t i;

	if (t == NULL)
		return;
	l = push_topic_listeners(t);
	for (i = 0; i < t->count; i++) {
		struct push_session *s = session_of(&l[i]);

		if (l[i].silent || l[i].from > e->seq ||
		    s->heard == hub->heard || !is_behind(s, e))
			continue;
		s->heard = hub->heard;
		if (!is_excepted(via, s))
			push_output_put(s, e);
	}
}

void
push_hub_publish_via(
    struct push_hub *hub, struct push_event *e, const struct push_via *via)
{
	size_t i;

	assert(e->id == 0);
	if (!TAILQ_EMPTY(&hub->later))
		push_later_run(hub, 0);
	hub->passed++;
	hub->stats.published++;
	if (++hub->heard == 0)
		hub->heard = 1;
	for (i = 0; i < via->count; i++)
		deliver_once(hub, via->topics[i], e, via);
	deliver_once(hub, PUSH_TOPIC_ALL, e, via);
}

void
push_hub_replace(struct push_hub *hub, int64_t id, struct push_event *e)
{
	push_ring_replace(&hub->ring, id, e);
}

int64_t
push_hub_cursor(const struct push_hub *hub)
{
	return hub->cursor;
}

void
push_hub_cursor_set(struct push_hub *hub, int64_t id)
{
	if (id <= hub->cursor)
		return;
	if (hub->ring.count == 0 && hub->cursor == 0)
		hub->ring.floor = id;
	hub->cursor = id;
}

int64_t
push_hub_shut(const struct push_hub *hub)
{
	return hub->shut_id;
}

int64_t
push_hub_ring_floor(const struct push_hub *hub)
{
	return hub->ring.floor;
}

void
push_hub_ring_extend(struct push_hub *hub, struct push_event *const *e,
    size_t count, int64_t floor)
{
	int64_t top = hub->ring.floor;

	for (; count > 0; count--) {
		if (e[count - 1]->id > top)
			continue;
		if (!push_ring_put_older(&hub->ring, e[count - 1])) {
			hub->ring.floor = e[count - 1]->id;
			return;
		}
		hub->ring.floor = e[count - 1]->id - 1;
	}
	if (floor < hub->ring.floor)
		hub->ring.floor = floor;
}

static void
session_restart(struct push_session *s, void *arg)
{
	(void)arg;
	push_session_close(s, PUSH_CLOSE_RESTART, "the event log was replaced");
}

void
push_hub_log_reset(struct push_hub *hub, int64_t id)
{
	push_ring_reset(&hub->ring, id);
	hub->cursor = id;
	push_hub_each(hub, session_restart, NULL);
}

struct push_session *
push_hub_find(const struct push_hub *hub, const char *connection)
{
	struct push_session *s =
	    base_map_get(&hub->connections, connection, strlen(connection));

	return s == NULL || s->state == PUSH_CLOSING ? NULL : s;
}

void
push_hub_each(struct push_hub *hub,
    void (*each)(struct push_session *s, void *arg), void *arg)
{
	struct push_session *s;
	size_t pos = 0;

	while ((s = base_map_next(&hub->connections, &pos)) != NULL)
		if (s->state != PUSH_CLOSING)
			each(s, arg);
}

void
push_hub_deaf(struct push_hub *hub, bool deaf)
{
	hub->deaf = deaf;
}

size_t
push_hub_listeners(const struct push_hub *hub, const char *topic)
{
	struct push_topic *t =
	    push_topic_find(&hub->topics, push_topic_hash(topic), topic);
	size_t n = 0;
	uint32_t i;

	for (i = 0; t != NULL && i < t->count; i++)
		if (!push_topic_listeners(t)[i].silent &&
		    session_of(&push_topic_listeners(t)[i])->state == PUSH_LIVE)
			n++;
	return n;
}

static void
session_drain(struct push_session *s, void *arg)
{
	struct push_hub *hub = arg;

	s->leave_tick =
	    push_pulse_in(hub, base_random_below(hub->drain_ms + 1));
	push_pulse_arm(s);
}

void
push_hub_drain(struct push_hub *hub, uint32_t spread_ms)
{
	hub->draining = true;
	hub->drain_ms = spread_ms;
	push_hub_each(hub, session_drain, hub);
}

void
push_hub_goodbye(struct push_hub *hub, uint32_t spread_ms)
{
	struct push_session *s;

	hub->hint_ms = spread_ms;
	while ((s = any_session(hub)) != NULL) {
		push_goodbye_begin(
		    s, PUSH_CLOSE_RESTART, "the server restarts", false);
		push_output_run(s);
		push_input_discard(s);
		push_goodbye_destroy(s);
	}
}

void
push_hub_stats(const struct push_hub *hub, struct push_stats *out)
{
	*out = hub->stats;
	out->topics = hub->topics.count;
	out->ring_events = hub->ring.count;
	out->ring_bytes = hub->ring.bytes;
}
