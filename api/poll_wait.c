/* SPDX-License-Identifier: ISC */
/*
 * A wait outlives its caller's interest until the hub has let go of its sink;
 * then it has no `over` any more.
 */

#include "api/poll_wait.h"

#include <string.h>
#include <sys/queue.h>

#include "api/session_start.h"
#include "api/stream_private.h"
#include "base/clock.h"
#include "base/mem.h"

#define TICK_MS 200 /* grain of the waits' ends */

struct api_poll_wait {
	LIST_ENTRY(api_poll_wait) link;
	struct api_poll_waits *waits;
	struct push_session *sink;    /* until `closed` */
	struct api_batch_item *start; /* non-NULL = in flight */
	struct api_replay *replay;    /* likewise */
	struct api_topics topics;     /* no names: not restricted */
	char *user;		      /* owned */
	int64_t after;
	uint64_t deadline_ms;
	void (*over)(void *, struct push_event *const *, size_t);
	void *arg;
};

LIST_HEAD(wait_list, api_poll_wait);

struct api_poll_waits {
	struct api_streams *streams;
	struct wait_list list;
	struct base_timer *tick; /* armed while somebody waits */
};

static void
wait_free(struct api_poll_wait *w)
{
	if (w->start != NULL)
		api_batch_cancel(w->start);
	api_replay_cancel(w->replay);
	api_topics_fini(&w->topics);
	base_free(w->user);
	LIST_REMOVE(w, link);
	base_free(w);
}

static void
sink_close(struct api_poll_wait *w)
{
	if (w->start != NULL)
		api_batch_cancel(w->start);
	w->start = NULL;
	push_session_close(w->sink, PUSH_CLOSE_NORMAL, NULL);
}

static void
wait_over(
    struct api_poll_wait *w, struct push_event *const *events, size_t count)
{
	void (*over)(void *, struct push_event *const *, size_t) = w->over;

	if (over == NULL)
		return;
	w->over = NULL;
	over(w->arg, events, count);
	sink_close(w);
}

static void
tick(void *arg)
{
	struct api_poll_waits *all = arg;
	struct api_poll_wait *w, *next;
	uint64_t now = base_clock_ms();

	all->tick = NULL;
	for (w = LIST_FIRST(&all->list); w != NULL; w = next) {
		next = LIST_NEXT(w, link);
		if (w->deadline_ms <= now)
			wait_over(w, NULL, 0);
	}
	if (!LIST_EMPTY(&all->list))
		all->tick =
		    base_timer_start(all->streams->loop, TICK_MS, tick, all);
}

/* `ready` and the like speak of the sink, which nobody sees; a `reset` is found
 * by the next look into the log. */
static void
sink_events(void *arg, struct push_session *sink,
    struct push_event *const *events, size_t count)
{
	(void)sink;
	for (size_t i = 0; i < count; i++) {
		if (events[i]->topic != NULL) {
			wait_over(arg, events + i, count - i);
			return;
		}
	}
}

static void
replay_done(void *arg)
{
	struct api_poll_wait *w = arg;

	w->replay = NULL;
}

static void
sink_replay(
    void *arg, struct push_session *sink, const struct push_replay *want)
{
	struct api_poll_wait *w = arg;

	w->replay = api_replay_start(
	    w->waits->streams->replays, sink, want, replay_done, w);
}

static void
start_done(const struct db_result *r, int row, void *arg)
{
	struct api_poll_wait *w = arg;
	struct api_session_start start;
	struct push_start p = { 0 };

	w->start = NULL;
	/* A right to read that was looked up a moment ago may be gone by now:
	 * whoever asks again has it looked up anew. */
	if (r->status != DB_OK || row < 0 ||
	    (api_topics_visits(&w->topics) > 0 &&
		push_hub_shut(w->waits->streams->hub) > w->topics.checked)) {
		wait_over(w, NULL, 0);
		return;
	}
	if (api_session_start_read(&start, r, row)) {
		api_topics_choose(&w->topics, &start);
		p.topics = start.topics;
		p.from = start.from;
		p.topic_count = start.topic_count;
		p.visits = (const char *const *)w->topics.names;
		p.visit_from = w->topics.from;
		p.visit_count = api_topics_visits(&w->topics);
		p.visit_checked = w->topics.checked;
		p.end_id = start.end_id;
		p.floor_id = start.floor_id;
		p.rewritten_id = start.rewritten_id;
		p.effects = start.effects;
		p.effect_count = start.effect_count;
		p.has_after = true;
		p.after = w->after;
		push_session_start(w->sink, &p);
	} else
		wait_over(w, NULL, 0);
	api_session_start_fini(&start);
}

static void
sink_restart(void *arg, struct push_session *sink, int64_t after)
{
	struct api_poll_wait *w = arg;

	(void)sink;
	w->after = after;
	w->start = api_session_start_ask(
	    w->waits->streams->starts, w->user, after, start_done, w);
}

static void
sink_closed(
    void *arg, struct push_session *sink, unsigned code, const char *why)
{
	struct api_poll_wait *w = arg;
	void (*over)(void *, struct push_event *const *, size_t) = w->over;

	(void)sink;
	(void)code;
	(void)why;
	w->over = NULL;
	if (over != NULL)
		over(w->arg, NULL, 0);
	wait_free(w);
}

static const struct push_session_ops sink_ops = {
	.replay = sink_replay,
	.restart = sink_restart,
	.events = sink_events,
	.closed = sink_closed,
};

static void
topics_copy(struct api_topics *to, const struct api_topics *from)
{
	to->names = base_alloc_array(from->count + 1, sizeof(*to->names));
	to->from = base_alloc_array(from->count + 1, sizeof(*to->from));
	for (size_t i = 0; i < from->count; i++)
		to->names[i] = base_strdup(from->names[i]);
	memcpy(to->from, from->from, from->count * sizeof(*to->from));
	to->count = from->count;
	to->open_count = from->open_count;
	to->visits = from->visits;
	to->checked = from->checked;
}

static void
sink_open(struct api_poll_wait *w, bool everything)
{
	struct api_streams *all = w->waits->streams;
	char connection[API_STREAM_CONNECTION_SIZE];
	struct push_session_params p = { 0 };
	struct push_identity who = { 0 };

	api_stream_connection_make(all, connection);
	p.fd = -1;
	p.kind = PUSH_SINK;
	p.connection = connection;
	p.ops = &sink_ops;
	p.arg = w;
	w->sink = push_session_open(all->hub, &p);
	who.user = w->user;
	who.everything = everything;
	if (w->topics.names != NULL) {
		who.only = (const char *const *)w->topics.names;
		who.only_count = w->topics.count;
	}
	push_session_identify(w->sink, &who);
	w->start = api_session_start_ask(
	    all->starts, w->user, w->after, start_done, w);
}

struct api_poll_wait *
api_poll_wait_start(
    struct api_poll_waits *all, const struct api_poll_wait_params *p)
{
	struct api_poll_wait *w = base_alloc(sizeof(*w));

	w->waits = all;
	w->user = base_strdup(p->user);
	w->after = p->after;
	w->deadline_ms = base_clock_ms() + p->wait_ms;
	w->over = p->over;
	w->arg = p->arg;
	if (p->topics != NULL)
		topics_copy(&w->topics, p->topics);
	LIST_INSERT_HEAD(&all->list, w, link);
	sink_open(w, p->everything);
	if (all->tick == NULL)
		all->tick =
		    base_timer_start(all->streams->loop, TICK_MS, tick, all);
	return w;
}

void
api_poll_wait_cancel(struct api_poll_wait *w)
{
	if (w == NULL)
		return;
	w->over = NULL;
	sink_close(w);
}

struct api_poll_waits *
api_poll_waits_new(struct api_streams *streams)
{
	struct api_poll_waits *all = base_alloc(sizeof(*all));

	all->streams = streams;
	LIST_INIT(&all->list);
	return all;
}

void
api_poll_waits_stop(struct api_poll_waits *all)
{
	struct api_poll_wait *w;

	while ((w = LIST_FIRST(&all->list)) != NULL)
		sink_closed(w, w->sink, PUSH_CLOSE_RESTART, NULL);
}

void
api_poll_waits_free(struct api_poll_waits *all)
{
	struct api_poll_wait *w;

	if (all == NULL)
		return;
	base_timer_cancel(all->tick);
	while ((w = LIST_FIRST(&all->list)) != NULL)
		wait_free(w);
	base_free(all);
}
