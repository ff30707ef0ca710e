/* SPDX-License-Identifier: ISC */
/*
 * The end of the loop's turn.  Whoever has something to do stands in line;
 * each is served once, first come first served, for flush_us in all; then the
 * next turn follows at once, so that what has come in waits for no more than
 * that.  Those left over gather more events for their next write, so a
 * saturated process makes fewer and larger writes.
 */

#include "base/clock.h"
#include "base/mem.h"
#include "push/hub_private.h"

#define SESSIONS_A_LOOK 8 /* between two looks at the clock */
#define SINK_EVENTS 64

void
push_turn_ask(struct push_session *s)
{
	if (s->dirty)
		return;
	s->dirty = true;
	TAILQ_INSERT_TAIL(&s->hub->dirty, s, dirty_link);
	base_loop_defer(s->hub->p.loop, &s->hub->turn);
}

static void
replay_ask(struct push_session *s)
{
	const struct push_follow *f = &s->resume->follow;
	struct push_replay want = { .after = s->position,
		.upto = s->resume->end,
		.limit = s->hub->p.replay_limit,
		.bytes = push_output_room(s->hub) };
	const char **topics = NULL;

	s->want = PUSH_WANT_ANSWER;
	if (!f->everything)
		topics = push_follow_topics(f, &want.topic_count);
	want.topics = topics;
	s->ops->replay(s->arg, s, &want);
	base_free(topics);
}

static void
sink_run(struct push_session *s)
{
	struct push_event *events[SINK_EVENTS];
	unsigned n, i;

	while (s->queue.count > 0 && s->state != PUSH_CLOSING) {
		n = push_output_take(s, events, SINK_EVENTS);
		s->ops->events(s->arg, s, events, n);
		for (i = 0; i < n; i++)
			push_event_unref(events[i]);
	}
}

static void
session_run(struct push_session *s)
{
	if (s->want == PUSH_WANT_REPLAY) {
		replay_ask(s);
	} else if (s->want == PUSH_WANT_RESTART) {
		s->want = PUSH_WANT_ANSWER;
		s->ops->restart(
		    s->arg, s, s->resume->has_after ? s->position : -1);
	}
	if (s->kind == PUSH_SINK)
		sink_run(s);
	else
		push_output_run(s);
	push_missed_tell(s);
	if (s->state == PUSH_REPLAYING && s->want == PUSH_WANT_NOTHING &&
	    push_output_drained(s))
		push_resume_advance(s);
	if (s->throttled && push_output_drained(s))
		s->throttled = false;
	if (s->unread)
		push_input_run(s);
	if (s->ended && !s->owing && s->queue.count == 0 &&
	    s->state != PUSH_CLOSING)
		push_goodbye_lost(s, PUSH_CLOSE_ABNORMAL, "peer closed");
}

void
push_turn_run(void *arg)
{
	struct push_hub *hub = arg;
	uint64_t end = base_clock_us() + hub->p.flush_us;
	struct push_session *s;
	unsigned n = 0;

	while ((s = TAILQ_FIRST(&hub->dirty)) != NULL) {
		if (++n % SESSIONS_A_LOOK == 0 && base_clock_us() >= end)
			break;
		TAILQ_REMOVE(&hub->dirty, s, dirty_link);
		s->dirty = false;
		if (s->state == PUSH_CLOSING)
			push_goodbye_advance(s);
		else
			session_run(s);
	}
	if (TAILQ_EMPTY(&hub->dirty))
		base_task_cancel(&hub->turn);
	else
		base_loop_defer(hub->p.loop, &hub->turn);
}
