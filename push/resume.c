/* SPDX-License-Identifier: ISC */
/*
 * From the start query's answer to LIVE.  The answer is one snapshot: the
 * topics as of H, the floor of the log, the user's joins and leaves since the
 * client's position.  The hub is at cursor C and its ring reaches down to R.
 *
 *	position P := the client's, or else max(H, C)
 *	P < floor, P > max(H, C)	`reset`, P := max(H, C)
 *	H < R and H < C			the joins and leaves between H and the
 *					ring are unknown: ask for a new answer
 *	P < R				chunks of the log up to H, P moves along;
 *					at H and still below R: a new answer
 *	C behind an event <= H that has changed older ones:
 *					the ring, and what is on its way to it,
 *					may hold what the log does not any more,
 *					so up to H it is read from there
 *	P >= R				through the ring to C, and LIVE, in this
 *					turn
 *	P >= C				LIVE; ids up to P are not sent again
 *
 * Who visits topics and comes without a position begins at C: the event that
 * shuts a door may lie between C and H.
 *
 * Nothing live is stored meanwhile: what happens is in the ring or the log.
 * The replay stops while the peer has too much to take and goes on behind the
 * last event queued.
 */

#include <assert.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/random.h"
#include "push/hub_private.h"

void
push_resume_free(struct push_session *s)
{
	if (s->resume == NULL)
		return;
	push_follow_fini(&s->resume->follow);
	base_free(s->resume);
	s->resume = NULL;
}

/* Private, but with a position, from which an SSE client resumes even if it
 * never got an event. */
static void
positioned_say(struct push_session *s, const char *type, const char *data,
    uint32_t retry_ms)
{
	struct push_event_fields f = { .type = type,
		.data = data,
		.has_sse_id = true,
		.sse_id = s->position,
		.retry_ms = retry_ms };

	push_output_give(s, push_event_new(&f));
}

static void
ready_say(struct push_session *s, const char *more)
{
	uint32_t retry = s->hub->p.retry_ms;
	struct base_buf data;
	struct base_json j;

	base_buf_init(&data);
	base_json_init(&j, &data);
	base_json_object_begin(&j);
	base_json_put_str(&j, "connection", s->connection);
	base_json_put_str(&j, "user", push_session_user(s));
	base_json_put_int(&j, "last_event_id", s->position);
	if (more != NULL && more[0] != '\0') {
		base_buf_append_char(&data, ',');
		base_buf_append_str(&data, more);
	}
	base_json_object_end(&j);
	positioned_say(s, "ready", base_buf_str(&data),
	    retry + base_random_below(retry + 1));
	base_buf_fini(&data);
}

static void
reset_say(struct push_session *s)
{
	struct base_buf data;

	s->hub->stats.resets++;
	base_buf_init(&data);
	base_buf_printf(
	    &data, "{\"last_event_id\":%lld}", (long long)s->position);
	positioned_say(s, "reset", base_buf_str(&data), 0);
	base_buf_fini(&data);
}

static void
want(struct push_session *s, enum push_want what)
{
	struct push_resume *r = s->resume;

	if (r->chunks++ >= s->hub->p.replay_chunks) {
		push_goodbye_begin(s, PUSH_CLOSE_TRY_LATER,
		    "too far behind: come back and resume", true);
		return;
	}
	s->want = (uint8_t)what;
	push_turn_ask(s);
}

static void
name_join(struct push_session *s, const struct push_name *name)
{
	enum push_listening how =
	    push_follow_visits(name) ? PUSH_VISITS : PUSH_LISTENS;

	if (!(name->flags & PUSH_NAME_ON) && name->since > s->hub->cursor)
		push_later_add(s, name->name, how, name->from, name->since);
	else
		push_topic_join(&s->hub->topics, name->hash, name->name,
		    &s->memberships, how)
		    ->from = name->from;
}

/* Nothing lies between the position and the hub: from here on it delivers. */
static void
go_live(struct push_session *s)
{
	struct push_hub *hub = s->hub;
	struct push_follow *f = &s->resume->follow;
	const struct push_name *name;
	uint32_t pos = 0;

	if (s->everything) {
		push_topic_join(&hub->topics, push_topic_hash(PUSH_TOPIC_ALL),
		    PUSH_TOPIC_ALL, &s->memberships, PUSH_LISTENS);
	} else {
		push_topic_reserve(&s->memberships, f->topics.count + 1);
		while ((name = push_follow_next(f, &pos)) != NULL)
			name_join(s, name);
		if (s->user_topic != NULL)
			push_topic_join(&hub->topics, f->user_hash,
			    s->user_topic, &s->memberships, PUSH_SILENT);
	}
	if (s->restricted) {
		s->only = base_alloc(sizeof(*s->only));
		*s->only = f->only;
		f->only = (struct push_nameset){ 0 };
	}
	if (s->resume->passed != hub->passed)
		push_missed_note(s, hub->p.missed_ms);
	s->left_id = f->left_id;
	push_resume_free(s);
	push_session_move(s, PUSH_LIVE);
}

/* Offers one event behind the position; false when the peer has enough for
 * now.  */
static bool
offer(struct push_session *s, struct push_event *e)
{
	bool own;

	if (!push_follow_offer(&s->resume->follow, e))
		return true;
	s->position = e->id;
	own = e->skip_origin && push_hub_find(s->hub, e->origin) == s;
	if (!own)
		push_output_put(s, e);
	return !push_output_full(s);
}

/* From the position through the ring; true when it has arrived at C. */
static bool
ring_replay(struct push_session *s)
{
	struct push_hub *hub = s->hub;
	size_t n = push_ring_find(&hub->ring, s->position);

	for (; n < hub->ring.count; n++) {
		const struct push_ring_slot *slot = push_ring_at(&hub->ring, n);

		if (slot->event != NULL &&
		    push_follow_maybe(&s->resume->follow, slot->topic_hash) &&
		    !offer(s, slot->event))
			return false;
	}
	s->position = hub->cursor;
	return true;
}

static void
resume_count(struct push_session *s, uint64_t *count)
{
	if (s->resume->counted || !s->resume->has_after)
		return;
	s->resume->counted = true;
	(*count)++;
}

/* Whether the past must be read from the log. */
static bool
needs_log(const struct push_session *s)
{
	const struct push_hub *hub = s->hub;

	if (s->position < hub->cursor && s->position < hub->ring.floor)
		return true;
	return s->position < s->resume->end &&
	    hub->cursor < s->resume->rewritten;
}

void
push_resume_advance(struct push_session *s)
{
	struct push_hub *hub = s->hub;

	if (push_output_full(s)) {
		/* The end of a turn goes on when the queue is drained. */
		push_turn_ask(s);
		return;
	}
	if (needs_log(s)) {
		resume_count(s, &hub->stats.resumed_log);
		want(s,
		    s->position < s->resume->end ? PUSH_WANT_REPLAY :
						   PUSH_WANT_RESTART);
		return;
	}
	resume_count(s, &hub->stats.resumed_ring);
	if (s->position < hub->cursor && !ring_replay(s))
		return;
	go_live(s);
	if (s->unread)
		push_turn_ask(s);
}

/* The set as of P, where P may be beyond the snapshot: then the joins and
 * leaves in between are in the ring. */
static void
follow_start(struct push_session *s, const struct push_start *st, int64_t end)
{
	const struct push_following now = { .topics = st->topics,
		.from = st->from,
		.topic_count = st->topic_count,
		.effects = st->effects,
		.effect_count = st->effect_count };
	struct push_follow *f = &s->resume->follow;
	struct push_ring *ring = &s->hub->ring;
	size_t n;

	push_follow_start(f, &now, s->position < end ? s->position : end);
	for (n = push_ring_find(ring, end); n < ring->count; n++) {
		const struct push_ring_slot *slot = push_ring_at(ring, n);

		if (slot->id > s->position)
			break;
		if (slot->topic_hash == f->user_hash && slot->event != NULL)
			push_follow_apply(f, slot->event);
	}
	f->position = s->position;
}

static void
visit_all(struct push_session *s, const struct push_start *st)
{
	for (size_t i = 0; i < st->visit_count; i++)
		push_follow_visit(&s->resume->follow, st->visits[i],
		    st->has_after ? st->after : 0, st->visit_from[i],
		    st->visit_checked);
}

void
push_session_start(struct push_session *s, const struct push_start *st)
{
	struct push_hub *hub = s->hub;
	int64_t end, top;
	bool first = s->state == PUSH_STARTING, reset;

	if (!first && s->state != PUSH_REPLAYING)
		return;
	end = st->end_id > st->floor_id ? st->end_id : st->floor_id;
	top = end > hub->cursor ? end : hub->cursor;
	if (!s->resume->recorded) {
		s->resume->recorded = true;
		s->resume->has_after = st->has_after;
		s->position = st->after;
		visit_all(s, st);
	}
	s->want = PUSH_WANT_NOTHING;
	if (end < hub->ring.floor && end < hub->cursor) {
		want(s, PUSH_WANT_RESTART);
		return;
	}
	reset = s->resume->has_after &&
	    (s->position < st->floor_id || s->position > top);
	if (reset || !s->resume->has_after)
		s->position = st->visit_count > 0 ? hub->cursor : top;
	s->resume->end = end;
	s->resume->rewritten = st->rewritten_id;
	follow_start(s, st, end);
	if (first) {
		push_session_move(s, PUSH_REPLAYING);
		s->begun = true;
		s->window_bits = (uint8_t)st->window_bits;
		if (st->head_len > 0)
			push_output_give(
			    s, push_event_raw(st->head, st->head_len));
		ready_say(s, st->ready);
		s->resume->passed = hub->passed;
	}
	if (reset)
		reset_say(s);
	s->resume->has_after = true;
	push_pulse_arm(s);
	push_resume_advance(s);
}

void
push_session_replay(struct push_session *s, struct push_event *const *events,
    size_t count, int64_t upto)
{
	size_t i;

	if (s->state != PUSH_REPLAYING || s->want != PUSH_WANT_ANSWER)
		return;
	s->want = PUSH_WANT_NOTHING;
	for (i = 0; i < count; i++) {
		if (!offer(s, events[i])) {
			push_turn_ask(s);
			return;
		}
	}
	if (upto > s->position)
		s->position = upto;
	if (upto > s->resume->follow.position)
		s->resume->follow.position = upto;
	push_resume_advance(s);
}
